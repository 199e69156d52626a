//! What operators do with what happened: settle what is unknown, replay what failed, follow what goes on.

use std::io::{BufRead, BufReader};
use std::process::Stdio;
use std::time::Duration;

use serde_json::json;
use test_case::test_case;

use crate::harness::{Delivery, POST_WORKFLOW, all_runs_over, status_changed};
use crate::house::{Place, world};

#[test_case(Place::Here; "on this machine")]
#[test_case(Place::Lambda; "on Lambda")]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_failed_is_replayed_in_bulk_after_a_preview(place: Place) {
    let (outside, project, server) = world(place, POST_WORKFLOW).await;
    outside.fault(&json!({"method": "chat.postMessage", "kind": "refused", "code": "is_archived", "times": 2})).await;
    for number in 1..=2 {
        Delivery::new(status_changed(&format!("e{number}"), number, number)).send(&server).await;
        all_runs_over(&project).await;
    }
    let failed = |more: &[&'static str]| {
        [&["runs", "replay", "--workflow", "post", "--state", "failed", "--since", "1d"], more].concat()
    };
    let preview = String::from_utf8(project.run(&failed(&["--preview"])).stdout).unwrap();
    assert!(preview.contains("0 steps done, 1 would be called") && preview.contains("2 runs"), "{preview}");
    assert!(outside.posts().is_empty(), "a preview calls nothing");
    let unasked = project.run(&failed(&[]));
    assert!(String::from_utf8(unasked.stderr).unwrap().contains("--yes"), "nobody said yes");
    assert_eq!(project.json(&failed(&["--yes"])).as_array().unwrap().len(), 2);
    all_runs_over(&project).await;
    let mut posts = outside.posts();
    // Two tickets are two lanes.
    posts.sort();
    assert_eq!(posts, ["ticket 1 number 1", "ticket 2 number 2"]);
    let none = project.run(&["runs", "replay"]);
    assert!(String::from_utf8(none.stderr).unwrap().contains("say which runs"));
}

#[test_case(Place::Here; "on this machine")]
#[test_case(Place::Lambda; "on Lambda")]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_run_that_waits_says_until_when_and_what_it_has_not_reached(place: Place) {
    let waiting = POST_WORKFLOW.replace("steps:\n", "steps:\n  - id: pause\n    wait: 4h\n");
    let (outside, project, server) = world(place, &waiting).await;
    let answer = Delivery::new(status_changed("e1", 1, 1)).send(&server).await;
    let run = answer.body["runs"][0].as_str().unwrap().to_owned();
    all_runs_over(&project).await;
    let listed = project.json(&["runs", "list", "--state", "waiting", "--since", "1h"]);
    assert_eq!(listed[0]["id"], json!(run));
    assert_eq!(project.json(&["runs", "list", "--until", "1h"]), json!([]));
    let shown = project.json(&["runs", "show", &run]);
    assert_eq!(shown["never_reached"][0]["step"], "post");
    assert!(outside.posts().is_empty());
    // Switching the machine off and on again changes nothing about it.
    let _server = server.again(&project);
    assert_eq!(project.json(&["runs", "show", &run])["run"]["state"], "waiting");
}

#[test_case(Place::Here; "on this machine")]
#[test_case(Place::Lambda; "on Lambda")]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn only_what_is_unknown_can_be_settled(place: Place) {
    let (_outside, project, server) = world(place, POST_WORKFLOW).await;
    let answer = Delivery::new(status_changed("e1", 1, 1)).send(&server).await;
    let run = answer.body["runs"][0].as_str().unwrap();
    all_runs_over(&project).await;
    let refused = project.run(&["runs", "settle", run, "--happened"]);
    assert_eq!(refused.status.code(), Some(1));
    assert!(String::from_utf8(refused.stderr).unwrap().contains("is succeeded; only a run with an unknown step"));
    assert_eq!(project.run(&["runs", "settle", run]).status.code(), Some(2), "it must be said which");
}

#[test_case(Place::Here; "on this machine")]
#[test_case(Place::Lambda; "on Lambda")]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_call_nobody_can_tell_about_waits_for_a_person_and_goes_on_as_they_say(place: Place) {
    let call = "  - id: call\n    action: http.request\n    connection: slack\n    timeout: 1s\n    \
        with: { method: POST, path: auth.test, body: {} }\n";
    let (outside, project, server) = world(place, &POST_WORKFLOW.replace("steps:\n", &format!("steps:\n{call}"))).await;
    outside.fault(&json!({"method": "auth.test", "kind": "html_502"})).await;
    let answer = Delivery::new(status_changed("e1", 1, 1)).send(&server).await;
    let run = answer.body["runs"][0].as_str().unwrap().to_owned();
    let unknown = all_runs_over(&project).await[0].clone();
    assert_eq!(unknown["state"], "unknown", "{unknown}");
    assert!(unknown["reason"].as_str().unwrap().contains(&format!("deskwire runs settle {run} --happened")));
    let settled = project.json(&["runs", "settle", &run, "--happened"]);
    assert_eq!(settled["step"], "call");
    let runs = all_runs_over(&project).await;
    assert_eq!(runs[0]["state"], "succeeded");
    assert_eq!(outside.posts(), ["ticket 1 number 1"]);
}

const LOOP_WORKFLOW: &str = r#"name: loop
active: true
trigger:
  source: zendesk
  event: ticket.status_changed
steps:
  - { id: first, action: slack.post_message, connection: slack, with: { channel: C07SUPPORT1, message: start } }
  - id: each
    for_each: "{{ [1, 2, 3] }}"
    steps:
      - id: react
        if: item == 2
        action: slack.add_reaction
        connection: slack
        with: { channel: "{{ steps.first.channel }}", timestamp: "{{ steps.first.ts }}", name: eyes }
      - { id: post, action: slack.post_message, connection: slack, with: { channel: C07SUPPORT1, message: "item {{ item }}" } }
"#;

#[test_case(Place::Here; "on this machine")]
#[test_case(Place::Lambda; "on Lambda")]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_run_that_failed_in_the_middle_of_a_loop_is_replayed_from_there(place: Place) {
    let (outside, project, server) = world(place, LOOP_WORKFLOW).await;
    outside.fault(&json!({"method": "reactions.add", "kind": "refused", "code": "is_archived"})).await;
    let answer = Delivery::new(status_changed("e1", 1, 1)).send(&server).await;
    let run = answer.body["runs"][0].as_str().unwrap();
    assert_eq!(all_runs_over(&project).await[0]["state"], "failed");
    assert_eq!(outside.posts(), ["start", "item 1"]);
    let preview = String::from_utf8(project.run(&["runs", "replay", run, "--preview"]).stdout).unwrap();
    assert!(preview.contains("done, not called again: first, each[0]/post"), "{preview}");
    assert!(preview.contains("failed, would be called again: each[1]/react"), "{preview}");
    project.json(&["runs", "replay", run]);
    assert_eq!(all_runs_over(&project).await[0]["state"], "succeeded");
    assert_eq!(outside.posts(), ["start", "item 1", "item 2", "item 3"]);
}

#[test_case(Place::Here; "on this machine")]
#[test_case(Place::Lambda; "on Lambda")]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tail_tells_of_a_run_as_it_goes(place: Place) {
    let (_outside, project, server) = world(place, POST_WORKFLOW).await;
    let mut tail =
        project.command(&["runs", "tail", "--since", "1h", "--json"]).stdout(Stdio::piped()).spawn().unwrap();
    let lines = BufReader::new(tail.stdout.take().unwrap()).lines();
    Delivery::new(status_changed("e1", 1, 1)).send(&server).await;
    let told =
        tokio::task::spawn_blocking(move || lines.map(Result::unwrap).find(|line| line.contains("\"succeeded\"")));
    let told = tokio::time::timeout(Duration::from_secs(30), told).await.unwrap().unwrap().unwrap();
    assert!(told.contains("\"workflow\":\"post\""), "{told}");
    tail.kill().unwrap();
    tail.wait().unwrap();
}

#[test_case(Place::Here; "on this machine")]
#[test_case(Place::Lambda; "on Lambda")]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn events_are_found_by_type_and_time_and_shown_without_what_is_personal(place: Place) {
    let (_outside, project, server) = world(place, POST_WORKFLOW).await;
    let sample = include_bytes!("../../events/zendesk/ticket.created.json").to_vec();
    Delivery::new(sample).send(&server).await;
    Delivery::new(status_changed("e1", 1, 1)).send(&server).await;
    all_runs_over(&project).await;
    let types = |filter: &[&str]| -> Vec<String> {
        let found = project.json(&[&["events", "list"], filter].concat());
        found.as_array().unwrap().iter().map(|event| event["type"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(types(&["--type", "ticket.created", "--since", "1h"]), ["ticket.created"]);
    assert_eq!(types(&["--type", "ticket.*"]).len(), 2);
    assert_eq!(types(&["--until", "1h"]).len(), 0);
    let created = project.json(&["events", "list", "--type", "ticket.created"])[0]["number"].to_string();
    let shown =
        |more: &[&str]| String::from_utf8(project.run(&[&["events", "show", &created], more].concat()).stdout).unwrap();
    assert!(shown(&[]).contains("[personal]") && !shown(&[]).contains("helmets"));
    assert!(shown(&["--personal"]).contains("helmets"));
}
