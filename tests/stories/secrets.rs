//! A marker is every secret; then everything that is written anywhere is searched for it.

use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::harness::{Delivery, Project, client, status_changed};
use crate::outside::{Outside, ZENDESK_USER};

const MARKER: &str = "MARKER-7f3a-secret";

const WORKFLOW: &str = r#"name: all
active: true
trigger:
  source: zendesk
  event: ticket.status_changed
steps:
  - id: ticket
    action: zendesk.look_up_ticket
    connection: zendesk
    with: { ticket_id: "{{ event.data.detail.id }}" }
    on_error: continue
  - id: post
    action: slack.post_message
    connection: slack
    with: { channel: support, message: hello }
"#;

/// Every file below a folder, as bytes.
pub fn files_below(folder: &Path) -> Vec<(std::path::PathBuf, Vec<u8>)> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files_below(&path));
        } else {
            found.push((path.clone(), std::fs::read(&path).unwrap()));
        }
    }
    found
}

/// The marker as it is, or as Basic sign-in encodes it.
fn holds_marker(bytes: &[u8]) -> bool {
    let basic = STANDARD.encode(format!("{ZENDESK_USER}/token:{}", token("zendesk")));
    [MARKER, &basic].iter().any(|needle| bytes.windows(needle.len()).any(|window| window == needle.as_bytes()))
}

fn token(name: &str) -> String {
    format!("xoxb-{MARKER}-{name}")
}

// The stand-ins answer while this thread waits for a command.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_secret_is_in_any_log_error_answer_page_file_or_column() {
    // The stand-ins take other secrets, so that every call is refused: refusals are where secrets leak.
    let outside = Outside::start().await;
    let mut project = Project::new(&outside.url).with_workflow("all.yaml", WORKFLOW);
    project.environment = vec![
        ("ZENDESK_SIGNING_SECRET".to_owned(), crate::harness::SECRET.to_owned()),
        ("SLACK_BOT_TOKEN".to_owned(), token("slack")),
        ("ZENDESK_API_TOKEN".to_owned(), token("zendesk")),
        ("RUST_LOG".to_owned(), "trace".to_owned()),
    ];
    // A second source's secret is the marker itself.
    let file = project.path().join("deskwire.yaml");
    let text = std::fs::read_to_string(&file).unwrap();
    let second = "sources:\n  marked: { provider: zendesk, signing_secrets: [{ env: MARKED_SECRET }] }\n";
    std::fs::write(&file, text.replacen("sources:\n", second, 1)).unwrap();
    project.environment.push(("MARKED_SECRET".to_owned(), token("signing")));

    let server = project.serve();
    let mut seen: Vec<(String, Vec<u8>)> = Vec::new();
    for (number, path) in ["/webhooks/zendesk/zendesk", "/webhooks/zendesk/marked"].iter().enumerate() {
        let answer = Delivery::new(status_changed(&format!("e{number}"), 1, 1)).send_to(&server.url(path)).await;
        seen.push(((*path).to_owned(), answer.body.to_string().into_bytes()));
    }
    outside.fault(&serde_json::json!({"method": "chat.postMessage", "kind": "html_502"})).await;
    Delivery::new(status_changed("e9", 2, 1)).send(&server).await;
    let runs = all_runs_over_or_waiting(&project).await;
    assert!(!runs.is_empty());

    let run = runs[0]["id"].as_str().unwrap();
    for path in ["/console", "/console/events", &format!("/console/runs/{run}"), "/readyz"] {
        let page = client().get(server.url(path)).send().await.unwrap();
        seen.push((path.to_owned(), page.bytes().await.unwrap().to_vec()));
    }
    let commands: [&[&str]; 8] = [
        &["runs", "list"],
        &["runs", "show", run, "-v"],
        &["runs", "show", run, "--json"],
        &["events", "list", "--json"],
        &["events", "show", "e0", "--json"],
        &["workflows", "list", "--json"],
        &["check", "--json", "--allow-loopback"],
        &["workflows", "test", "workflows/all.yaml", "--event", "e0", "--allow-loopback"],
    ];
    for command in commands {
        let output = project.run(command);
        seen.push((command.join(" "), [output.stdout, output.stderr].concat()));
    }
    let (_, log) = server.stop();
    assert!(log.len() > 1_000, "the log at its loudest is searched");
    seen.push(("the server's log".to_owned(), log.into_bytes()));
    for (path, bytes) in files_below(project.path()) {
        seen.push((path.display().to_string(), bytes));
    }
    assert!(seen.iter().any(|(name, _)| name.ends_with("deskwire.db")), "the store is searched too");
    let leaks: Vec<&String> = seen.iter().filter(|(_, bytes)| holds_marker(bytes)).map(|(name, _)| name).collect();
    assert_eq!(leaks, Vec::<&String>::new());
}

async fn all_runs_over_or_waiting(project: &Project) -> Vec<serde_json::Value> {
    for _ in 0..600 {
        let runs = project.json(&["runs", "list"]).as_array().unwrap().clone();
        if runs.iter().all(|run| !matches!(run["state"].as_str().unwrap(), "queued" | "running")) {
            return runs;
        }
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    panic!("the runs do not come to rest");
}
