//! Each provider's own manners with OAuth, from a person's consent to a token's end, against its stand-in.

use std::io::{BufRead, BufReader};
use std::process::Stdio;
use std::time::Duration;

use serde_json::{Value, json};
use url::Url;

use crate::harness::{Delivery, Project, all_runs_over, client, status_changed};
use crate::oauth::browse;
use crate::outside::Outside;
use crate::secrets::files_below;

const WORKFLOW: &str = r#"name: both
active: true
trigger: { source: zendesk, event: ticket.status_changed }
steps:
  - { id: ticket, action: zendesk.look_up_ticket, connection: support, with: { ticket_id: "{{ event.data.detail.id }}" } }
  - id: post
    action: slack.post_message
    connection: workspace
    with: { channel: C07SUPPORT1, message: "{{ steps.ticket.id }} {{ event.data.event.number }}" }
"#;

/// A project whose connections are all signed in by OAuth.
pub fn project(outside: &Outside) -> Project {
    let mut project = Project::new(&outside.url).with_workflow("both.yaml", WORKFLOW);
    project.environment.push(("OAUTH_SECRET".to_owned(), "sandbox-client-secret".to_owned()));
    let base = &outside.url;
    let client = |provider: &str, grant: &str, scopes: &str, authorize: &str, token: &str| {
        let authorize =
            if authorize.is_empty() { String::new() } else { format!("authorize_url: \"{base}{authorize}\", ") };
        format!(
            "{{ provider: {provider}, grant: {grant}, client_id: sandbox-client, client_secret: {{ env: OAUTH_SECRET }}, \
             scopes: \"{scopes}\", {authorize}token_url: \"{base}{token}\" }}"
        )
    };
    let code = "authorization_code";
    let text = format!(
        "sources:\n  zendesk: {{ provider: zendesk, signing_secrets: [{{ env: ZENDESK_SIGNING_SECRET }}] }}\noauth_clients:\n  \
         app: {}\n  desk: {}\n  crm: {}\n  surveys: {}\nconnections:\n  \
         workspace: {{ provider: slack, auth: {{ type: oauth2, client: app }}, allowed_domain: slack.com, base_url: \"{base}/slack/api/\" }}\n  \
         support: {{ provider: zendesk, auth: {{ type: oauth2, client: desk }}, allowed_domain: acme.zendesk.com, base_url: \"{base}/zendesk\" }}\n  \
         sales: {{ provider: salesforce, auth: {{ type: oauth2, client: crm }}, allowed_domain: acme.my.salesforce.com, base_url: \"{base}/elsewhere\" }}\n  \
         surveys: {{ provider: qualtrics, auth: {{ type: oauth2, client: surveys }}, allowed_domain: fra1.qualtrics.com, base_url: \"{base}/qualtrics\" }}\n",
        client(
            "slack",
            code,
            "chat:write channels:read channels:join channels:history",
            "/slack/oauth/v2/authorize",
            "/slack/api/oauth.v2.access"
        ),
        client(
            "zendesk",
            code,
            "tickets:read users:read",
            "/zendesk/oauth/authorizations/new",
            "/zendesk/oauth/tokens"
        ),
        client(
            "salesforce",
            code,
            "api refresh_token",
            "/salesforce/services/oauth2/authorize",
            "/salesforce/services/oauth2/token"
        ),
        client("qualtrics", "client_credentials", "read:surveys", "", "/qualtrics/oauth2/token"),
    );
    std::fs::write(project.path().join("deskwire.yaml"), text).unwrap();
    project
}

/// Connects a connection as a person does.
pub async fn connect(project: &Project, name: &str) -> Value {
    let arguments =
        ["connections", "connect", name, "--no-browser", "--json", "--allow-loopback", "--listen", "127.0.0.1:0"];
    let mut command = project.command(&arguments).stdout(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(command.stdout.take().unwrap()).lines();
    let first: Value = deskwire_core::json::from_str(&lines.next().unwrap().unwrap()).unwrap();
    let page = browse(Url::parse(first["open"].as_str().unwrap()).unwrap()).await;
    assert!(page.contains(&format!("{name} is connected")), "{page}");
    let rest: String = lines.map(Result::unwrap).collect();
    assert!(command.wait().unwrap().success());
    deskwire_core::json::from_str(&rest).unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_provider_is_connected_tested_and_renewed_in_its_own_manner() {
    let outside = Outside::start().await;
    let project = project(&outside);

    let slack = connect(&project, "workspace").await["tokens"].clone();
    assert_eq!(slack["account"]["team"], "Acme");
    assert_eq!(slack["scopes"], json!(["chat:write", "channels:read", "channels:join", "channels:history"]));
    assert!(slack["lapses_at"].is_null(), "Slack's refresh tokens do not lapse");
    let zendesk = connect(&project, "support").await["tokens"].clone();
    let days = |from: &Value, to: &Value| {
        let time = |value: &Value| deskwire_core::time::Timestamp::parse(value.as_str().unwrap()).unwrap();
        time(to).since(time(from)).as_secs() / 86_400
    };
    assert_eq!(days(&zendesk["obtained_at"], &zendesk["lapses_at"]), 30);
    assert!(zendesk["expires_at"].is_string(), "it has an end, because we asked for one");
    let salesforce = connect(&project, "sales").await["tokens"].clone();
    assert!(salesforce["expires_at"].is_null() && salesforce["due_at"].is_string(), "{salesforce}");
    assert_eq!(salesforce["account"]["instance_url"], format!("{}/salesforce", outside.url));
    assert_eq!(
        project.json(&["connections", "connect", "surveys", "--allow-loopback"]),
        json!({ "connected": "surveys" })
    );

    for (name, account, user) in [
        ("workspace", json!("Acme"), json!("deskwire")),
        ("support", Value::Null, json!("ops@example.com")),
        ("sales", json!("00DB0000000TfcRMAS"), json!("ada@acme.example")),
        ("surveys", json!("acme"), json!("ops@example.com#acme")),
    ] {
        let tested = project.json(&["connections", "test", name, "--allow-loopback"]);
        assert_eq!(tested["works"], true, "{name}: {tested}");
        assert_eq!(tested["found"]["account"], account, "{name}");
        if name != "workspace" {
            assert_eq!(tested["found"]["user"], user, "{name}");
        }
    }

    // The tokens end at the providers before we think so: a 401, and Slack's 200 that says `token_expired`.
    let server = project.serve();
    outside.pass(Duration::from_hours(13));
    Delivery::new(status_changed("e1", 48213, 1)).send(&server).await;
    let runs = all_runs_over(&project).await;
    assert_eq!(runs[0]["state"], "succeeded", "{runs:?}");
    assert_eq!(outside.posts(), ["48213 1"], "once, though it was turned down first");
    let version = |name: &str| project.json(&["connections", "show", name])["tokens"]["version"].clone();
    assert_eq!((version("workspace"), version("support")), (json!(2), json!(2)));
    let surveys = project.json(&["connections", "test", "surveys", "--allow-loopback"]);
    assert_eq!((&surveys["works"], version("surveys")), (&json!(true), json!(2)), "asked for anew");
    assert_eq!(project.json(&["connections", "test", "sales", "--allow-loopback"])["works"], true);
    assert_eq!(version("sales"), json!(2), "with the refresh token it had");

    // A person takes it back at the provider.
    let revoked = client().delete(format!("{}/control/oauth/zendesk", outside.url)).send().await.unwrap();
    assert!(revoked.status().is_success());
    let tested = project.run(&["connections", "test", "support", "--allow-loopback"]);
    let said = String::from_utf8(tested.stderr).unwrap();
    assert!(tested.status.code() == Some(1) && said.contains("deskwire connections connect support"), "{said}");
    let listed = project.json(&["connections", "list"]);
    let standings: Vec<(&str, &str)> = listed
        .as_array()
        .unwrap()
        .iter()
        .map(|one| (one["name"].as_str().unwrap(), one["standing"].as_str().unwrap()))
        .collect();
    assert_eq!(
        standings,
        [
            ("workspace", "connected"),
            ("support", "needs re-authorisation"),
            ("sales", "connected"),
            ("surveys", "connected")
        ]
    );
}

/// How tokens of the stand-ins begin, and the secret of their client: none may ever be seen.
const SECRETS: [&str; 5] = ["xoxe.xoxb-1-", "xoxe-1-", "00DB0000000TfcR!", "5Aep861", "sandbox-client-secret"];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_token_and_no_client_secret_is_in_any_log_answer_page_or_file() {
    let outside = Outside::start().await;
    let mut project = project(&outside);
    project.environment.push(("RUST_LOG".to_owned(), "trace".to_owned()));
    for name in ["workspace", "support", "sales"] {
        connect(&project, name).await;
    }
    let server = project.serve();
    outside.pass(Duration::from_hours(13));
    Delivery::new(status_changed("e1", 48213, 1)).send(&server).await;
    let runs = all_runs_over(&project).await;
    // A refusal, an answer that makes no sense, and a person who turns back: where secrets leak.
    for (method, kind) in [("salesforce.oauth_token", "refused"), ("salesforce.oauth_token", "html_502_after")] {
        outside.fault(&json!({ "method": method, "kind": kind, "code": "invalid_request" })).await;
        outside.pass(Duration::from_hours(3));
        project.run(&["connections", "test", "sales", "--allow-loopback"]);
    }
    let mut seen: Vec<(String, Vec<u8>)> = Vec::new();
    for path in
        ["/oauth/callback?code=x&state=y", "/oauth/callback?error=access_denied", "/console", "/oauth/start/workspace"]
    {
        let page = client().get(server.url(path)).send().await.unwrap();
        seen.push((path.to_owned(), page.bytes().await.unwrap().to_vec()));
    }
    let run = runs[0]["id"].as_str().unwrap();
    let commands: [&[&str]; 12] = [
        &["connections", "list", "--json"],
        &["connections", "show", "workspace", "--json"],
        &["connections", "show", "sales"],
        &["connections", "test", "workspace", "--allow-loopback"],
        &["connections", "disconnect", "support", "--allow-loopback"],
        &["clients", "list", "--json"],
        &["clients", "show", "app", "--json"],
        &["sources", "show", "zendesk", "--json"],
        &["secrets", "list"],
        &["doctor", "--allow-loopback", "--json"],
        &["slack", "manifest", "--public-url", "https://relay.example.com"],
        &["runs", "show", run, "--personal", "--json"],
    ];
    for command in commands {
        let output = project.run(command);
        seen.push((command.join(" "), [output.stdout, output.stderr].concat()));
    }
    let (_, log) = server.stop();
    assert!(log.len() > 1_000, "the log at its loudest is searched");
    seen.push(("the server's log".to_owned(), log.into_bytes()));
    seen.extend(files_below(project.path()).into_iter().map(|(path, bytes)| (path.display().to_string(), bytes)));
    assert!(seen.iter().any(|(name, _)| name.ends_with("deskwire.db")), "the store is searched too");
    let holds = |bytes: &[u8], secret: &str| bytes.windows(secret.len()).any(|window| window == secret.as_bytes());
    let leaks: Vec<(&str, &str)> = seen
        .iter()
        .flat_map(|(name, bytes)| {
            SECRETS.iter().filter(|secret| holds(bytes, secret)).map(|secret| (name.as_str(), *secret))
        })
        .collect();
    assert_eq!(leaks, []);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_client_that_a_provider_does_not_know_is_told_apart_from_tokens_that_ended() {
    let outside = Outside::start().await;
    let mut project = project(&outside);
    project.environment.retain(|(name, _)| name != "OAUTH_SECRET");
    project.environment.push(("OAUTH_SECRET".to_owned(), "marker-wrong".to_owned()));
    let output = project.run(&["connections", "connect", "surveys", "--allow-loopback"]);
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(said.contains("surveys") && said.contains("invalid_client") && !said.contains("marker-wrong"), "{said}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_json_event_goes_to_an_address_that_nobody_gets_to_see() {
    let outside = Outside::start().await;
    let tell = "name: tell\nactive: true\ntrigger: { source: zendesk, event: ticket.status_changed }\nsteps:\n  - id: tell\n    \
                action: qualtrics.send_json_event\n    connection: events\n    with: { event: { ticket: \"{{ event.data.detail.id }}\" } }\n";
    let mut project = Project::new(&outside.url).with_workflow("tell.yaml", tell);
    let file = project.path().join("deskwire.yaml");
    let text = std::fs::read_to_string(&file).unwrap();
    let connection = "connections:\n  events: { provider: qualtrics, auth: { type: api_key, header: X-API-TOKEN, key: { env: QT } }, \
                      allowed_domain: fra1.qualtrics.com, base_url: \"https://fra1.qualtrics.com\", secret_url: { secret: event-url } }\n";
    std::fs::write(&file, text.replacen("connections:\n", connection, 1)).unwrap();
    project
        .environment
        .extend([("QT".to_owned(), "qualtrics-marker".to_owned()), ("RUST_LOG".to_owned(), "trace".to_owned())]);
    let url = format!("{}/qualtrics/inbound-event/v1/events/json/triggers?urlTokenId=MARKER-url-token", outside.url);
    assert!(project.run_with(&["secrets", "set", "event-url"], &url).status.success());
    let server = project.serve();
    Delivery::new(status_changed("e1", 48213, 1)).send(&server).await;
    let runs = all_runs_over(&project).await;
    assert_eq!(runs[0]["state"], "succeeded", "{runs:?}");
    assert_eq!(outside.sandbox.qualtrics().events(), [json!({ "ticket": "48213" })]);
    // A failure tells of it neither.
    outside.fault(&json!({ "method": "qualtrics.json_event", "kind": "refused", "status": 400, "code": "BAD" })).await;
    Delivery::new(status_changed("e2", 48214, 2)).send(&server).await;
    all_runs_over(&project).await;
    let shown = project.run(&["runs", "list", "--json"]).stdout;
    let (_, log) = server.stop();
    let mut seen = vec![("log".to_owned(), log.into_bytes()), ("runs".to_owned(), shown)];
    seen.extend(files_below(project.path()).into_iter().map(|(path, bytes)| (path.display().to_string(), bytes)));
    let marker = b"MARKER-url-token";
    let leaks: Vec<&String> = seen
        .iter()
        .filter(|(_, bytes)| bytes.windows(marker.len()).any(|window| window == marker))
        .map(|(name, _)| name)
        .collect();
    assert_eq!(leaks, Vec::<&String>::new());
}
