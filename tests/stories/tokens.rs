//! Tokens that last for ages or are slow to come, and a server that is stopped or stands behind a path meanwhile.

use std::time::Duration;

use http::StatusCode;
use serde_json::json;

use crate::harness::{Delivery, Project, Webhooks, all_runs_over, client, status_changed};
use crate::outside::Outside;
use crate::providers::{connect, project};

const LOOPBACK: &str = "--allow-loopback";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_token_that_lasts_for_ages_hides_no_connection_from_any_command() {
    let outside = Outside::start().await;
    let project = project(&outside);
    outside.fault(&json!({ "method": "qualtrics.oauth_token", "kind": "altered", "fields": { "expires_in": 9_223_372_036_854_775_u64 } })).await;
    project.json(&["connections", "connect", "surveys", LOOPBACK]);
    connect(&project, "workspace").await;
    let listed = project.json(&["connections", "list"]);
    let standing = |name: &str| {
        let all = listed.as_array().unwrap();
        all.iter().find(|one| one["name"] == name).map(|one| one["standing"].clone()).unwrap()
    };
    assert_eq!((standing("surveys"), standing("workspace")), (json!("connected"), json!("connected")));
    let shown = project.json(&["connections", "show", "surveys"]);
    assert!(shown["tokens"]["expires_at"].is_null(), "{shown}");
    assert_eq!(project.json(&["connections", "test", "surveys", LOOPBACK])["works"], true);
    assert_eq!(project.json(&["connections", "test", "workspace", LOOPBACK])["works"], true);
    project.json(&["connections", "disconnect", "surveys", LOOPBACK]);
    assert_eq!(project.json(&["connections", "show", "surveys"])["standing"], "disconnected");
    project.json(&["connections", "delete", "surveys"]);
    let doctor = project.run(&["doctor", LOOPBACK]);
    assert!(doctor.status.code().is_some_and(|code| code < 2), "{}", String::from_utf8_lossy(&doctor.stderr));
}

/// One Zendesk call, which gives up long before a slow token is there.
const QUICK: &str = r"name: quick
active: true
trigger: { source: zendesk, event: ticket.status_changed }
steps:
  - { id: ticket, action: zendesk.look_up_ticket, connection: support, timeout: 1s, with: { ticket_id: 48213 } }
";

const TOKENS: &str = "zendesk.oauth_tokens";

/// A connection whose token the provider takes no longer, and which is slow to give the next. Its refresh tokens are good
/// for one use.
async fn slow(outside: &Outside) -> Project {
    let project = project(outside).with_workflow("quick.yaml", QUICK);
    std::fs::remove_file(project.path().join("workflows/both.yaml")).unwrap();
    connect(&project, "support").await;
    outside.pass(Duration::from_hours(13));
    outside.fault(&json!({ "method": TOKENS, "kind": "delay", "delay_ms": 2_500 })).await;
    project
}

/// How often the token endpoint was asked, the exchange of the code included.
fn asked(outside: &Outside) -> usize {
    outside.requests_of(TOKENS).len()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_step_whose_time_is_shorter_than_the_exchange_loses_no_token() {
    let outside = Outside::start().await;
    let project = slow(&outside).await;
    let server = project.serve();
    Delivery::new(status_changed("e1", 48213, 1)).send(&server).await;
    let runs = all_runs_over(&project).await;
    assert_eq!(runs[0]["state"], "succeeded", "{runs:?}");
    assert_eq!(asked(&outside), 2, "the refresh token was shown once");
    let shown = project.json(&["connections", "show", "support"]);
    assert_eq!((&shown["standing"], &shown["tokens"]["version"]), (&json!("connected"), &json!(2)));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_is_told_to_stop_waits_for_the_token_under_way() {
    let outside = Outside::start().await;
    let project = slow(&outside).await;
    let server = project.serve();
    Delivery::new(status_changed("e1", 48213, 1)).send(&server).await;
    while asked(&outside) < 2 {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let (code, log) = server.stop();
    assert_eq!(code, Some(0), "{log}");
    let shown = project.json(&["connections", "show", "support"]);
    assert_eq!((&shown["standing"], &shown["tokens"]["version"]), (&json!("connected"), &json!(2)), "{log}");
    let server = project.serve();
    assert_eq!(all_runs_over(&project).await[0]["state"], "succeeded");
    assert_eq!(asked(&outside), 2, "nothing was asked for again");
    drop(server);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn everything_is_below_the_path_of_the_public_url() {
    let outside = Outside::start().await;
    let project = project(&outside);
    let server = project.serve_with(&["--public-url", "https://relay.example.com/relay/"]);
    let listed = project.json(&["sources", "list"]);
    assert_eq!(listed[0]["url"], "https://relay.example.com/relay/webhooks/zendesk/zendesk");
    let manifest = project.json(&["slack", "manifest", "--public-url", "https://relay.example.com/relay"]);
    assert_eq!(manifest["oauth_config"]["redirect_urls"], json!(["https://relay.example.com/relay/oauth/callback"]));

    let mut command = project.command(&["connections", "connect", "workspace", "--no-browser", "--json", LOOPBACK]);
    let mut connecting = command.stdout(std::process::Stdio::piped()).spawn().unwrap();
    let mut lines = std::io::BufRead::lines(std::io::BufReader::new(connecting.stdout.take().unwrap()));
    let first: serde_json::Value = deskwire_core::json::from_str(&lines.next().unwrap().unwrap()).unwrap();
    connecting.kill().unwrap();
    connecting.wait().unwrap();
    assert_eq!(first["redirect_uri"], "https://relay.example.com/relay/oauth/callback");
    let open = first["open"].as_str().unwrap();
    let below = open.strip_prefix("https://relay.example.com").unwrap();
    assert!(below.starts_with("/relay/oauth/start/workspace?key="), "{open}");

    // A proxy that hands the path on, and one that takes it off.
    let browser = reqwest::Client::builder().no_proxy().redirect(reqwest::redirect::Policy::none()).build().unwrap();
    for path in [below, below.strip_prefix("/relay").unwrap()] {
        let answer = browser.get(server.address_of(path)).send().await.unwrap();
        assert_eq!(answer.status(), StatusCode::SEE_OTHER, "{path}");
        let cookie = answer.headers()["set-cookie"].to_str().unwrap();
        assert!(cookie.contains("Path=/relay/oauth;"), "{cookie}");
    }
    for (id, path) in [("e1", "/relay/webhooks/zendesk/zendesk"), ("e2", "/webhooks/zendesk/zendesk")] {
        let sent = Delivery::new(status_changed(id, 1, 1)).send_to(&server.address_of(path)).await;
        assert!((200..300).contains(&sent.status), "{path}: {sent:?}");
    }
    assert_eq!(client().get(server.address_of("/relay/healthz")).send().await.unwrap().status(), StatusCode::OK);
    let odd = project.run(&["slack", "manifest", "--public-url", "https://relay.example.com/?a=b"]);
    assert_eq!(odd.status.code(), Some(2), "{}", String::from_utf8_lossy(&odd.stderr));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_command_that_calls_a_connection_takes_the_switch_that_allows_loopback_and_names_it() {
    let outside = Outside::start().await;
    let mut project = Project::new(&outside.url);
    let refused = project.run(&["connections", "test", "slack"]);
    let said = String::from_utf8(refused.stderr).unwrap();
    assert!(refused.status.code() == Some(1) && said.contains("--allow-loopback"), "{said}");
    assert_eq!(project.json(&["connections", "test", "slack", LOOPBACK])["works"], true);
    project.environment.push(("DESKWIRE_ALLOW_LOOPBACK".to_owned(), "1".to_owned()));
    assert_eq!(project.json(&["connections", "test", "slack"])["works"], true);
}
