//! The template and the code say the same: what functions read from their environment is set, what they ask of AWS is
//! allowed, and every route leads somewhere.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

fn template() -> String {
    std::fs::read_to_string(root().join("infra/template.yaml")).unwrap()
}

/// The sections of the template's functions, by the function's name.
pub fn sections() -> BTreeMap<String, String> {
    let text = template();
    let mut sections = BTreeMap::new();
    let mut name = None;
    for line in text.lines() {
        // Each begins with a rule that ends with its name.
        if let Some(title) = line.strip_prefix("  # ---") {
            name = Some(title.trim_start_matches('-').trim().to_owned());
        }
        if let Some(name) = &name {
            let section: &mut String = sections.entry(name.clone()).or_default();
            section.push_str(line);
            section.push('\n');
        }
    }
    sections.retain(|name, _| root().join("functions").join(name).join("src/main.rs").exists());
    sections
}

/// The words in a text that begin so.
fn words(text: &str, prefix: &str) -> BTreeSet<String> {
    let is_part = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == ':';
    text.split(|c: char| !is_part(c))
        .filter(|word| word.starts_with(prefix))
        .map(|word| word.trim_end_matches(':').to_owned())
        .collect()
}

/// What a function's role allows, by its section.
pub fn allowed(section: &str) -> BTreeSet<String> {
    ["dynamodb:", "sqs:", "secretsmanager:"]
        .iter()
        .flat_map(|service| words(section, service))
        .filter(|action| action.split(':').nth(1).is_some_and(|name| name.starts_with(char::is_uppercase)))
        .collect()
}

/// What a function's binary reads on AWS: what its own `main.rs` names, and what the start-up that it uses names.
fn read_by(function: &str) -> BTreeSet<String> {
    let main = std::fs::read_to_string(root().join("functions").join(function).join("src/main.rs")).unwrap();
    let mut read = words(&main, "DESKWIRE_");
    // Those of the embedded store, which nobody sets on AWS.
    for local in ["DESKWIRE_DATA", "DESKWIRE_PROJECT", "DESKWIRE_ALLOW_LOOPBACK"] {
        read.remove(local);
    }
    read.extend(["DESKWIRE_TABLE", "DESKWIRE_SECRET_PREFIX"].map(str::to_owned));
    // It takes nothing in and lets nothing run.
    if function != "oauth" {
        read.insert("DESKWIRE_QUEUE_URL".to_owned());
    }
    let manifest = std::fs::read_to_string(root().join("functions").join(function).join("Cargo.toml")).unwrap();
    if manifest.contains("default = [\"lambda\", \"otlp\"]") {
        read.insert("OTEL_EXPORTER_OTLP_ENDPOINT".to_owned());
    }
    read
}

#[test]
fn every_function_has_a_section_and_every_section_a_function() {
    let functions: BTreeSet<String> = std::fs::read_dir(root().join("functions"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.join("src/main.rs").exists())
        .map(|path| path.file_name().unwrap().to_str().unwrap().to_owned())
        .collect();
    assert_eq!(sections().into_keys().collect::<BTreeSet<_>>(), functions);
}

#[test]
fn every_variable_that_a_function_reads_is_set_and_no_other() {
    for (function, section) in sections() {
        let set: BTreeSet<String> = section
            .lines()
            .filter_map(|line| line.trim().split_once(": ").map(|(name, _)| name.to_owned()))
            .filter(|name| name.starts_with("DESKWIRE_") || name.starts_with("OTEL_"))
            .collect();
        assert_eq!(set, read_by(&function), "{function}");
    }
}

#[test]
fn every_start_up_variable_of_the_code_is_known_here() {
    for file in ["shared/startup/src/function.rs", "shared/edge/src/lib.rs"] {
        let text = std::fs::read_to_string(root().join(file)).unwrap();
        for name in words(&text, "DESKWIRE_") {
            let known = [
                "DESKWIRE_TABLE",
                "DESKWIRE_QUEUE_URL",
                "DESKWIRE_SECRET_PREFIX",
                "DESKWIRE_DATA",
                "DESKWIRE_PROJECT",
                "DESKWIRE_ALLOW_LOOPBACK",
            ];
            assert!(known.contains(&name.as_str()), "{file} reads {name}, of which this test knows nothing");
        }
    }
}

#[test]
fn what_each_function_may_do_is_what_its_ports_need_and_nothing_else() {
    // What the adapters ask of AWS, by port. `TransactWriteItems` is allowed by the actions of its writes.
    let accept = ["dynamodb:PutItem", "dynamodb:ConditionCheckItem", "dynamodb:UpdateItem", "sqs:SendMessage"];
    let follow = ["dynamodb:GetItem", "dynamodb:Query"];
    let texts = ["dynamodb:BatchGetItem"];
    let read_secrets = ["secretsmanager:GetSecretValue"];
    let keep_secrets = [
        "secretsmanager:GetSecretValue",
        "secretsmanager:CreateSecret",
        "secretsmanager:PutSecretValue",
        "secretsmanager:DeleteSecret",
        "secretsmanager:UpdateSecretVersionStage",
    ];
    let tokens = ["dynamodb:PutItem", "dynamodb:UpdateItem", "dynamodb:DeleteItem"];
    let runs = ["dynamodb:DeleteItem", "dynamodb:ConditionCheckItem"];
    let receive = ["sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes", "sqs:ChangeMessageVisibility"];
    let bury = ["sqs:ReceiveMessage", "sqs:DeleteMessage", "dynamodb:DeleteItem"];
    let purge = ["dynamodb:DeleteItem", "dynamodb:BatchWriteItem"];
    let all = |parts: &[&[&str]]| parts.iter().flat_map(|part| part.iter()).map(|&action| action.to_owned()).collect();
    let needed: BTreeMap<&str, BTreeSet<String>> = BTreeMap::from([
        ("zendesk-webhook", all(&[&accept, &follow, &read_secrets])),
        ("qualtrics-webhook", all(&[&accept, &follow, &read_secrets])),
        ("oauth", all(&[&follow, &tokens, &keep_secrets])),
        ("token-refresh", all(&[&accept, &follow, &texts, &tokens, &keep_secrets])),
        ("workflow-runner", all(&[&accept, &follow, &tokens, &runs, &receive, &keep_secrets])),
        ("scheduler", all(&[&accept, &follow, &texts, &bury, &purge])),
        ("api", all(&[&accept, &follow, &texts, &runs, &read_secrets, &["sqs:GetQueueAttributes"]])),
    ]);
    for (function, section) in sections() {
        assert_eq!(allowed(&section), needed[function.as_str()], "{function}");
    }
}

#[test]
fn every_route_of_the_functions_is_in_the_template_and_leads_to_them() {
    let routes: BTreeSet<String> = template()
        .lines()
        .filter_map(|line| line.trim().strip_prefix("RouteKey:"))
        .map(|route| route.trim().trim_matches('"').to_owned())
        .collect();
    let expected = [
        "POST /webhooks/zendesk/{source}",
        "POST /webhooks/qualtrics/{source}",
        "GET /webhooks/qualtrics/{source}",
        "HEAD /webhooks/qualtrics/{source}",
        "GET /oauth/start/{connection}",
        "GET /oauth/callback",
        "GET /api/v1/openapi.json",
        "GET /api/v1/{proxy+}",
        "POST /api/v1/{proxy+}",
        "GET /healthz",
        "GET /readyz",
    ];
    assert_eq!(routes, expected.map(str::to_owned).into());
    // And each of them is in the code.
    for (crate_name, path) in [
        ("shared/accept/src/http.rs", "/webhooks/{}/{{source}}"),
        ("functions/oauth/src/lib.rs", "/oauth/start/{connection}"),
        ("functions/oauth/src/lib.rs", "/oauth/callback"),
        ("functions/api/src/lib.rs", "/api/v1/openapi.json"),
        ("functions/api/src/lib.rs", "/healthz"),
        ("functions/api/src/lib.rs", "/readyz"),
    ] {
        let code = std::fs::read_to_string(root().join(crate_name)).unwrap();
        assert!(code.contains(path), "{crate_name} has no route {path}");
    }
}
