//! The life cycle of workflows, as its operators see it: plan, apply, switches, reload.

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use test_case::test_case;

use crate::harness::{Delivery, POST_WORKFLOW, Project, all_runs_over, status_changed};
use crate::house::{Place, world};
use crate::outside::Outside;

/// A generous bound for what takes effect "within a second": it only ends a story that would never end.
const PATIENCE: Duration = Duration::from_secs(30);

pub(crate) async fn until(what: &str, mut holds: impl AsyncFnMut() -> bool) {
    let begun = Instant::now();
    while !holds().await {
        assert!(begun.elapsed() < PATIENCE, "{what} did not come about");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

fn state(project: &Project, name: &str) -> Value {
    let listed = project.json(&["workflows", "list"]);
    let found = listed.as_array().unwrap().iter().find(|workflow| workflow["name"] == name).cloned();
    found.unwrap()["state"].clone()
}

#[test_case(Place::Here; "on this machine")]
#[test_case(Place::Lambda; "on Lambda")]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_new_workflow_starts_nothing_until_it_is_switched_on_and_a_running_server_follows(place: Place) {
    let (_outside, project, server) = world(place, &POST_WORKFLOW.replace("active: true\n", "")).await;
    let answer = Delivery::new(status_changed("e1", 1, 1)).send(&server).await;
    assert_eq!((answer.status, answer.body["status"].as_str()), (200, Some("unwanted")));
    let shown = project.json(&["events", "show", "e1"]);
    assert!(shown["declined"][0]["reason"].as_str().unwrap().contains("deskwire workflows activate post"));

    project.json(&["workflows", "activate", "post"]);
    let mut number = 1;
    until("the server following", async || {
        number += 1;
        Delivery::new(status_changed(&format!("e{number}"), 1, number)).send(&server).await.status == 202
    })
    .await;
    project.json(&["workflows", "deactivate", "post"]);
    until("the server following", async || {
        number += 1;
        Delivery::new(status_changed(&format!("e{number}"), 1, number)).send(&server).await.status == 200
    })
    .await;
    assert_eq!(state(&project, "post"), "inactive");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_changed_file_is_in_force_at_once_and_one_with_a_mistake_leaves_the_last_good_version() {
    let outside = Outside::start().await;
    let project = Project::new(&outside.url).with_workflow("workflow.yaml", POST_WORKFLOW);
    let server = project.serve();
    let file = project.path().join("workflows/workflow.yaml");
    let in_force = || project.json(&["workflows", "list"])[0]["version_in_force"].clone();
    let first = in_force();

    std::fs::write(&file, POST_WORKFLOW.replace("number", "now")).unwrap();
    // The template's own field is `number`, so only the words around it change.
    std::fs::write(&file, POST_WORKFLOW.replace("}} number", "}} now")).unwrap();
    until("the new version", async || in_force() != first).await;
    Delivery::new(status_changed("e1", 1, 7)).send(&server).await;
    all_runs_over(&project).await;
    assert_eq!(outside.posts(), ["ticket 1 now 7"]);

    let good = in_force();
    std::fs::write(&file, POST_WORKFLOW.replace("slack.post_message", "slack.post_mesage")).unwrap();
    tokio::time::sleep(Duration::from_secs(1)).await;
    Delivery::new(status_changed("e2", 1, 8)).send(&server).await;
    all_runs_over(&project).await;
    assert_eq!(outside.posts(), ["ticket 1 now 7", "ticket 1 now 8"]);
    std::fs::write(&file, POST_WORKFLOW).unwrap();
    until("the mended version", async || in_force() != good).await;
    let (code, said) = server.stop();
    assert_eq!(code, Some(0));
    for words in ["did you mean", "the last good version stays in force", "applied: post version"] {
        assert!(said.contains(words), "{said} does not say {words:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_reload_a_server_runs_what_was_applied_and_plan_says_what_would_change() {
    let outside = Outside::start().await;
    let project = Project::new(&outside.url).with_workflow("workflow.yaml", POST_WORKFLOW);
    let server = project.serve_with(&["--no-reload"]);
    assert_eq!(Delivery::new(status_changed("e1", 1, 1)).send(&server).await.status, 200, "nothing is applied yet");
    let planned = project.json(&["plan", "--allow-loopback"]);
    assert_eq!((&planned["changes"][0]["kind"], &planned["changes"][0]["active"]), (&json!("new"), &json!(true)));
    assert_eq!(state(&project, "post"), "not applied yet");

    project.json(&["apply", "--allow-loopback"]);
    assert_eq!(project.json(&["plan", "--allow-loopback"])["changes"][0]["kind"], "unchanged");
    let mut number = 1;
    until("the server following", async || {
        number += 1;
        Delivery::new(status_changed(&format!("e{number}"), 1, number)).send(&server).await.status == 202
    })
    .await;
    std::fs::write(project.path().join("workflows/workflow.yaml"), POST_WORKFLOW.replace("C07SUPPORT1", "general"))
        .unwrap();
    let diff = String::from_utf8(project.run(&["plan", "--allow-loopback"]).stdout).unwrap();
    assert!(diff.contains("-       channel: C07SUPPORT1") && diff.contains("+       channel: general"), "{diff}");
    assert_eq!(state(&project, "post"), "changed, not applied");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_connection_is_never_used_otherwise_than_it_was_given_for() {
    let outside = Outside::start().await;
    let project = Project::new(&outside.url).with_workflow("workflow.yaml", POST_WORKFLOW);
    let server = project.serve();
    let file = project.path().join("deskwire.yaml");
    let as_it_was = std::fs::read_to_string(&file).unwrap();
    let changed = as_it_was.replace("type: bearer, token:", "type: api_key, header: X-Token, key:");
    assert_ne!(changed, as_it_was);
    std::fs::write(&file, changed).unwrap();

    let planned = project.run(&["plan", "--allow-loopback"]);
    assert_eq!(planned.status.code(), Some(1));
    let said = String::from_utf8(planned.stderr).unwrap();
    assert!(said.contains("connection slack: its type is bearer for good"), "{said}");
    assert!(said.contains("`deskwire connections delete slack`"), "{said}");
    assert_eq!(project.run(&["apply", "--allow-loopback"]).status.code(), Some(1));
    until("the server's word on it", async || server.said().contains("the last good version stays in force")).await;
    assert!(server.said().contains("connection slack: its type is bearer for good"), "{}", server.said());
    assert_eq!(Delivery::new(status_changed("e1", 1, 7)).send(&server).await.status, 202);
    all_runs_over(&project).await;
    assert_eq!(outside.posts(), ["ticket 1 number 7"], "through the connection as it was");

    std::fs::write(&file, as_it_was).unwrap();
    assert_eq!(project.run(&["plan", "--allow-loopback"]).status.code(), Some(0));
}

#[test_case(Place::Here; "on this machine")]
#[test_case(Place::Lambda; "on Lambda")]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_workflow_is_started_by_hand_with_typed_inputs(place: Place) {
    let by_hand = "name: tell\nactive: true\ntrigger: { manual: { ticket_id: { type: integer, required: true } } }\n\
        steps:\n  - id: post\n    action: slack.post_message\n    connection: slack\n    \
        with: { channel: C07SUPPORT1, message: \"by hand: {{ inputs.ticket_id + 1 }}\" }\n";
    let (outside, project, _server) = world(place, by_hand).await;
    let wrong = project.run(&["workflows", "run", "tell", "--input", "ticket_id=many", "--input", "tickt_id=1"]);
    assert_eq!(wrong.status.code(), Some(1));
    let said = String::from_utf8(wrong.stderr).unwrap();
    assert!(said.contains("takes a whole number") && said.contains("did you mean `ticket_id`"), "{said}");
    let started = project.json(&["workflows", "run", "tell", "--input", "ticket_id=41"]);
    until("the run", async || outside.posts() == ["by hand: 42"]).await;
    assert!(started["run"].as_str().unwrap().starts_with("run_"));
}
