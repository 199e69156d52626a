//! The secret store of one machine: what is set is sealed, a running server takes it over, and its key can be exchanged.

use std::time::{Duration, Instant};

use deskwire_core::time::{Clock, SystemClock};
use serde_json::json;

use crate::harness::{Delivery, POST_WORKFLOW, Project, Server, status_changed};
use crate::outside::Outside;
use crate::secrets::files_below;

/// A generous bound for what takes seconds: it only ends a story that would never end.
const PATIENCE: Duration = Duration::from_secs(30);

/// A project whose Zendesk source is signed with a secret of the store.
fn project(outside: &Outside) -> Project {
    let project = Project::new(&outside.url).with_workflow("workflow.yaml", POST_WORKFLOW);
    let file = project.path().join("deskwire.yaml");
    let text = std::fs::read_to_string(&file).unwrap();
    std::fs::write(&file, text.replacen("{ env: ZENDESK_SIGNING_SECRET }", "{ secret: zendesk-signing }", 1)).unwrap();
    project
}

fn set(project: &Project, arguments: &[&str], value: &str) {
    let output = project.run_with(&[&["secrets", "set", "zendesk-signing"], arguments].concat(), value);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

/// The answer to a delivery that is signed with this secret. Each delivery is another event.
async fn delivered(server: &Server, number: &mut usize, secret: &str) -> u16 {
    *number += 1;
    let body = status_changed(&format!("e{number}"), 1, *number);
    Delivery::signed_with(body, SystemClock.now(), secret).send(server).await.status
}

/// Waits until deliveries signed with this secret are answered so.
async fn until(server: &Server, number: &mut usize, secret: &str, status: u16) {
    let begun = Instant::now();
    while delivered(server, number, secret).await != status {
        assert!(begun.elapsed() < PATIENCE, "{secret} is not answered {status}: {}", server.said());
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_running_server_follows_what_is_set_and_a_new_key_seals_it_meanwhile() {
    let outside = Outside::start().await;
    let project = project(&outside);
    set(&project, &[], "marker-first\n");
    let (server, mut number) = (project.serve(), 0);
    assert_eq!(delivered(&server, &mut number, "marker-first").await, 202, "the line's end is no part of it");
    assert_eq!(delivered(&server, &mut number, "marker-other").await, 401);

    set(&project, &["--keep-old", "1h"], "marker-second");
    until(&server, &mut number, "marker-second", 202).await;
    assert_eq!(delivered(&server, &mut number, "marker-first").await, 202, "both count for an hour");

    let sealed = project.json(&["secrets", "rotate-key"]);
    assert_eq!(sealed, json!({ "sealed_anew": 2 }));
    assert_eq!(delivered(&server, &mut number, "marker-second").await, 202);
    set(&project, &[], "marker-third");
    until(&server, &mut number, "marker-third", 202).await;
    until(&server, &mut number, "marker-second", 401).await;

    let listed = project.json(&["secrets", "list"]);
    assert_eq!((&listed[0]["name"], &listed[0]["version"]), (&json!("zendesk-signing"), &json!(3)));
    let (_, said) = server.stop();
    let files = files_below(&project.data());
    assert!(files.iter().any(|(path, _)| path.ends_with("deskwire.db")));
    let everything =
        files.into_iter().chain([("log".into(), said.into_bytes()), ("list".into(), listed.to_string().into_bytes())]);
    for (name, bytes) in everything {
        let leaks = bytes.windows(6).any(|window| window == b"marker");
        assert!(!leaks, "{} holds a secret", name.display());
    }
    let server = project.serve();
    assert_eq!(delivered(&server, &mut number, "marker-third").await, 202, "another process opens it, too");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_secret_never_comes_from_an_argument_and_one_in_use_is_not_deleted() {
    let outside = Outside::start().await;
    let project = project(&outside);
    let refused = project.run(&["secrets", "set", "zendesk-signing", "marker-argument"]);
    assert_eq!(refused.status.code(), Some(2));
    for (name, value, words) in [
        ("zendesk-signing", "", "nothing came in"),
        ("zendesk-signing", " \n", "nothing came in"),
        ("Not A Name", "x", "Not A Name"),
    ] {
        let output = project.run_with(&["secrets", "set", name], value);
        let said = String::from_utf8(output.stderr).unwrap();
        assert!(output.status.code() == Some(1) && said.contains(words), "{said}");
    }
    let start = project.run(&["serve", "--allow-loopback", "--listen", "127.0.0.1:0"]);
    let said = String::from_utf8(start.stderr).unwrap();
    assert!(said.contains("`deskwire secrets set zendesk-signing` stores it"), "{said}");

    set(&project, &[], "marker");
    let kept = project.run(&["secrets", "delete", "zendesk-signing"]);
    let said = String::from_utf8(kept.stderr).unwrap();
    assert!(kept.status.code() == Some(1) && said.contains("used by source zendesk"), "{said}");
    assert_eq!(
        project.json(&["secrets", "delete", "zendesk-signing", "--force"]),
        json!({ "deleted": "zendesk-signing" })
    );
    assert_eq!(project.json(&["secrets", "list"]), json!([]));
}
