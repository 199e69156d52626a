//! What operators do before they switch a workflow on: test it on an event, and rehearse it on those that came lately.

use serde_json::json;
use test_case::test_case;

use crate::harness::{Delivery, POST_WORKFLOW, Project, all_runs_over, status_changed};
use crate::house::{Place, world};

/// Looks the ticket up, then posts its subject.
const LOOK_AND_POST: &str = r#"name: look
active: true
trigger:
  source: zendesk
  event: ticket.status_changed
steps:
  - id: ticket
    action: zendesk.look_up_ticket
    connection: zendesk
    with: { ticket_id: "48213" }
  - id: pause
    wait: 4h
  - id: post
    action: slack.post_message
    connection: slack
    with:
      channel: C07SUPPORT1
      message: "{{ steps.ticket.subject }} ({{ event.data.event.number }})"
"#;

#[test]
fn a_workflow_is_tested_without_writing_anything() {
    let project = Project::new("http://127.0.0.1:9").with_workflow("post.yaml", POST_WORKFLOW);
    let sample = project.path().join("sample.json");
    std::fs::write(&sample, status_changed("sample-1", 42, 7)).unwrap();
    let tested =
        project.json(&["workflows", "test", "workflows/post.yaml", "--event", sample.to_str().unwrap(), "--personal"]);
    assert_eq!(tested["starts"], true);
    assert_eq!(tested["run"]["state"], "succeeded");
    let call = &tested["calls_not_made"][0];
    assert_eq!((&call["step"], &call["action"]), (&json!("post"), &json!("slack.post_message")));
    assert_eq!(call["input"]["message"], "ticket 42 number 7");
    assert!(!project.data().exists(), "nothing is stored");
}

#[test]
fn a_test_says_who_could_answer_a_read_that_nobody_recorded_and_the_stand_ins_can() {
    let mut project = Project::new("http://127.0.0.1:9").with_workflow("look.yaml", LOOK_AND_POST);
    project.environment.clear();
    let sample = project.path().join("sample.json");
    std::fs::write(&sample, status_changed("sample-1", 48213, 7)).unwrap();
    let test = ["workflows", "test", "workflows/look.yaml", "--event", sample.to_str().unwrap()];
    let unanswered = project.run(&test);
    assert_eq!(unanswered.status.code(), Some(1));
    let said = String::from_utf8(unanswered.stderr).unwrap();
    assert!(said.contains("nobody answered ticket") && said.contains("--sandbox"), "{said}");
    let answered = String::from_utf8(project.run(&[&test[..], &["--sandbox", "--personal"]].concat()).stdout).unwrap();
    assert!(answered.contains("would end succeeded") && answered.contains("+4h 00m"), "{answered}");
    assert!(answered.contains("helmets arrived cracked (7)"), "{answered}");
    assert!(!project.data().exists(), "nothing is stored");
}

#[test]
fn a_workflow_that_a_person_or_a_clock_starts_is_tested_without_an_event() {
    let post = POST_WORKFLOW.split_once("steps:").unwrap().1.replace("{{ event.data.detail.id }}", "{{ said }}");
    let post = post.replace("{{ event.data.event.number }}", "");
    let by_hand = format!(
        "name: hand\ntrigger: {{ manual: {{ id: {{ type: integer, required: true }} }} }}\nsteps:{}",
        post.replace("said", "inputs.id")
    );
    let by_clock = format!(
        "name: clock\ntrigger: {{ schedule: \"0 8 * * 1\", zone: Europe/Berlin }}\nsteps:{}",
        post.replace("said", "event.data.local_time")
    );
    let project =
        Project::new("http://127.0.0.1:9").with_workflow("hand.yaml", &by_hand).with_workflow("clock.yaml", &by_clock);
    let hand = project.json(&["workflows", "test", "workflows/hand.yaml", "--input", "id=7", "--personal"]);
    assert_eq!(hand["calls_not_made"][0]["input"]["message"], "ticket 7 number ");
    let wrong = project.run(&["workflows", "test", "workflows/hand.yaml", "--input", "id=seven"]);
    assert_eq!(wrong.status.code(), Some(1));
    assert!(String::from_utf8(wrong.stderr).unwrap().contains("a whole number"));
    let clock =
        project.json(&["workflows", "test", "workflows/clock.yaml", "--at", "2026-11-20T12:00:00Z", "--personal"]);
    assert_eq!(clock["calls_not_made"][0]["input"]["message"], "ticket 2026-11-23T08:00:00+01:00 number ");
}

#[test_case(Place::Here; "on this machine")]
#[test_case(Place::Lambda; "on Lambda")]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_draft_is_rehearsed_on_what_came_lately_and_nothing_is_called(place: Place) {
    let without_wait = LOOK_AND_POST.replace("  - id: pause\n    wait: 4h\n", "");
    let (outside, project, server) = world(place, &without_wait).await;
    for number in 1..=3 {
        Delivery::new(status_changed(&format!("e{number}"), 48213, number)).send(&server).await;
    }
    all_runs_over(&project).await;
    let _kept = server.rest();
    let (posts, calls) = (outside.posts().len(), outside.sandbox.log().len());
    assert_eq!(posts, 3);

    let same = project.json(&["workflows", "rehearse", "look", "--exit-code"]);
    assert_eq!((&same["same"], &same["different"]), (&json!(3), &json!(0)));

    let draft = without_wait.replace("({{ event.data.event.number }})", "[{{ event.data.event.number }}]");
    let draft =
        draft.replace("ticket.status_changed\n", "ticket.status_changed\n  when: event.data.event.number != 3\n");
    std::fs::write(project.path().join("workflows/workflow.yaml"), draft).unwrap();
    let found = project.json(&["workflows", "rehearse", "look", "--since", "1h", "--personal"]);
    assert_eq!((&found["same"], &found["different"], &found["uncertain"]), (&json!(0), &json!(3), &json!(0)));
    let field = &found["events"][0]["calls"]["changed"][0]["fields"][0];
    assert!(field["before"].as_str().unwrap().ends_with("(1)") && field["after"].as_str().unwrap().ends_with("[1]"));
    assert_eq!(found["events"][2]["calls"]["gone"][0]["step"], "post");
    let differs = project.run(&["workflows", "rehearse", "look", "--exit-code"]);
    assert_eq!(differs.status.code(), Some(1));
    assert!(String::from_utf8(differs.stdout).unwrap().contains("calls differ on 3 events"));
    assert_eq!((outside.posts().len(), outside.sandbox.log().len()), (posts, calls), "a rehearsal calls nobody");
}
