//! The relay at work: events in, messages out, and what a person can see of it.

use serde_json::json;
use test_case::test_case;

use crate::harness::{Delivery, POST_WORKFLOW, Webhooks, all_runs_over, client, status_changed};
use crate::house::{Place, world};

#[test_case(Place::Here; "on this machine")]
#[test_case(Place::Lambda; "on Lambda")]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_event_becomes_a_message_and_its_run_tells_how(place: Place) {
    let (outside, project, server) = world(place, POST_WORKFLOW).await;
    let answer = Delivery::new(status_changed("e1", 42, 7)).send(&server).await;
    assert_eq!(answer.status, 202);
    let run = answer.body["runs"][0].as_str().unwrap();
    all_runs_over(&project).await;
    assert_eq!(outside.posts(), ["ticket 42 number 7"]);
    let request = answer.headers["x-request-id"].to_str().unwrap();
    assert_eq!(outside.requests_of("chat.postMessage"), [Some(request.to_owned())], "the provider is told the same id");
    assert_eq!(project.json(&["events", "show", "e1"])["event"]["requestid"], request);
    let text = String::from_utf8(project.run(&["events", "show", "e1"]).stdout).unwrap();
    assert!(text.contains(&format!("request {request}\n")), "{text}");
    let hidden = project.json(&["runs", "show", run]);
    assert_eq!(hidden["journal"][0]["input"]["message"], "[personal]");
    let shown = project.json(&["runs", "show", run, "--personal"]);
    assert_eq!(shown["run"]["state"], "succeeded");
    assert_eq!(shown["journal"][0]["input"]["message"], "ticket 42 number 7");
    assert_eq!(shown["journal"][0]["output"]["ok"], true);
    let text = String::from_utf8(project.run(&["runs", "show", run]).stdout).unwrap();
    assert!(text.contains("✓ post") && text.contains("succeeded"), "{text}");
}

#[test_case(Place::Here; "on this machine")]
#[test_case(Place::Lambda; "on Lambda")]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ticket_text_cannot_ping_a_channel_or_forge_a_link(place: Place) {
    let workflow = POST_WORKFLOW.replace("number {{ event.data.event.number }}", "{{ event.data.event.previous }}");
    let (outside, project, server) = world(place, &workflow).await;
    let evil = "<!channel> <https://evil.example|Reset> & more";
    let body = String::from_utf8(status_changed("e1", 1, 1)).unwrap().replace("NEW", evil);
    Delivery::new(body).send(&server).await;
    all_runs_over(&project).await;
    assert_eq!(outside.posts(), ["ticket 1 &lt;!channel&gt; &lt;https://evil.example|Reset&gt; &amp; more"]);
}

#[test_case(Place::Here; "on this machine")]
#[test_case(Place::Lambda; "on Lambda")]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lost_answer_is_looked_for_and_not_posted_again(place: Place) {
    let (outside, project, server) = world(place, POST_WORKFLOW).await;
    outside.fault(&json!({"method": "chat.postMessage", "kind": "html_502_after"})).await;
    let answer = Delivery::new(status_changed("e1", 1, 1)).send(&server).await;
    all_runs_over(&project).await;
    assert_eq!(outside.posts(), ["ticket 1 number 1"]);
    let shown = project.json(&["runs", "show", answer.body["runs"][0].as_str().unwrap()]);
    let journal = shown["journal"].as_array().unwrap();
    assert_eq!(journal[0]["error"]["class"], "unknown");
    assert_eq!(journal.last().unwrap()["how"], "trace_found");
}

#[test_case(Place::Here; "on this machine")]
#[test_case(Place::Lambda; "on Lambda")]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_rate_limit_is_waited_for(place: Place) {
    let quick = format!("{POST_WORKFLOW}    retry: {{ first_wait: 100ms }}\n");
    let (outside, project, server) = world(place, &quick).await;
    outside.fault(&json!({"method": "chat.postMessage", "kind": "rate_limited", "retry_after": 1})).await;
    for (id, ticket) in [("e1", 1), ("e2", 2)] {
        let answer = Delivery::new(status_changed(id, ticket, ticket)).send(&server).await;
        assert_eq!(answer.status, 202, "{:?} {}", answer.body, server.said());
    }
    let runs = all_runs_over(&project).await;
    let states: Vec<_> = runs.iter().map(|run| &run["state"]).collect();
    assert_eq!(states, ["succeeded", "succeeded"], "{runs:?}");
    assert_eq!(outside.posts().len(), 2, "{runs:?} {}", server.said());
}

#[test_case(Place::Here; "on this machine")]
#[test_case(Place::Lambda; "on Lambda")]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_fails_for_good_says_why_and_is_replayed_on_request(place: Place) {
    let (outside, project, server) = world(place, POST_WORKFLOW).await;
    outside.fault(&json!({"method": "chat.postMessage", "kind": "refused", "code": "is_archived"})).await;
    let answer = Delivery::new(status_changed("e1", 1, 1)).send(&server).await;
    let run = answer.body["runs"][0].as_str().unwrap().to_owned();
    let runs = all_runs_over(&project).await;
    assert_eq!(runs[0]["state"], "failed");
    assert!(runs[0]["reason"].as_str().unwrap().contains("is_archived"), "{}", runs[0]["reason"]);
    let preview = project.json(&["runs", "replay", &run, "--preview"]);
    assert_eq!(preview["failed"], json!(["post"]));
    assert!(outside.posts().is_empty(), "a preview calls nothing");
    let replayed = project.json(&["runs", "replay", &run]);
    let runs = all_runs_over(&project).await;
    assert_eq!(runs[0]["id"], replayed["run"]);
    assert_eq!((&runs[0]["state"], &runs[0]["replay"]), (&json!("succeeded"), &json!(1)));
    assert_eq!(outside.posts().len(), 1);
}

#[test_case(Place::Here; "on this machine")]
#[test_case(Place::Lambda; "on Lambda")]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_event_that_a_condition_declines_says_so(place: Place) {
    let workflow = POST_WORKFLOW.replace("steps:", "  when: event.data.event.current == \"SOLVED\"\nsteps:");
    let (outside, project, server) = world(place, &workflow).await;
    let answer = Delivery::new(status_changed("e1", 1, 1)).send(&server).await;
    match place {
        Place::Here => {
            assert_eq!((answer.status, answer.body["status"].as_str()), (200, Some("unwanted")));
            let shown = project.json(&["events", "show", "e1"]);
            assert_eq!(shown["declined"][0]["workflow"], "post");
            assert!(shown["declined"][0]["reason"].as_str().unwrap().contains("SOLVED"));
        }
        // The webhook functions have no templates: there the runner asks.
        Place::Lambda => {
            assert_eq!((answer.status, answer.body["status"].as_str()), (202, Some("accepted")));
            let runs = all_runs_over(&project).await;
            assert_eq!(runs[0]["state"], "skipped");
            assert!(runs[0]["reason"].as_str().unwrap().contains("SOLVED"), "{runs:?}");
        }
    }
    assert!(outside.posts().is_empty());
}

#[test_case(Place::Here; "on this machine")]
#[test_case(Place::Lambda; "on Lambda")]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_trigger_webhook_s_free_body_starts_a_workflow_too(place: Place) {
    let workflow = POST_WORKFLOW
        .replace("ticket.status_changed", "trigger.*")
        .replace("ticket {{ event.data.detail.id }} number {{ event.data.event.number }}", "{{ event.data.title }}");
    let (outside, project, server) = world(place, &workflow).await;
    let body = r#"{"type":"urgent","ticket_id":"42","title":"Printer"}"#;
    assert_eq!(Delivery::new(body).send(&server).await.status, 202);
    assert_eq!(Delivery::new(body).send(&server).await.body["status"], "repeat");
    all_runs_over(&project).await;
    assert_eq!(outside.posts(), ["Printer"]);
}

#[test_case(Place::Here; "on this machine")]
#[test_case(Place::Lambda; "on Lambda")]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_template_without_end_fails_its_run_and_nothing_else(place: Place) {
    let endless = POST_WORKFLOW.replace(
        "ticket {{ event.data.detail.id }}",
        "{% for a in range(9999) %}{% for b in range(9999) %}xxxxxxxxxxxxxxxx{% endfor %}{% endfor %}",
    );
    let (outside, project, server) = world(place, &endless).await;
    Delivery::new(status_changed("e1", 1, 1)).send(&server).await;
    let runs = all_runs_over(&project).await;
    assert_eq!(runs[0]["state"], "failed");
    assert!(runs[0]["reason"].as_str().unwrap().contains("message"), "{}", runs[0]["reason"]);
    assert!(outside.posts().is_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_console_is_for_this_machine_s_own_names_only() {
    let (_outside, _project, server) = world(Place::Here, POST_WORKFLOW).await;
    let page = client().get(server.address_of("/console")).send().await.unwrap();
    assert_eq!(page.status().as_u16(), 200);
    // A page of somebody else's, whose name was made to point here.
    let rebound = client().get(server.address_of("/console")).header("host", "evil.example").send().await.unwrap();
    assert_eq!(rebound.status().as_u16(), 403);
    let webhook = client()
        .post(server.address_of("/webhooks/zendesk/zendesk"))
        .header("host", "relay.example.com")
        .send()
        .await
        .unwrap();
    assert_eq!(webhook.status().as_u16(), 415, "webhooks come under any name");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_numbers_for_prometheus_tell_of_deliveries_calls_and_runs() {
    let (_outside, project, server) = world(Place::Here, POST_WORKFLOW).await;
    Delivery::new(status_changed("e1", 1, 1)).send(&server).await;
    Delivery::new("{}").send_to(&server.address_of("/webhooks/zendesk/made-up")).await;
    all_runs_over(&project).await;
    let numbers = client().get(server.address_of("/metrics")).send().await.unwrap().text().await.unwrap();
    for line in [
        "deskwire_events 1",
        "deskwire_runs{state=\"succeeded\"} 1",
        "# TYPE deskwire_call_seconds histogram",
        "deskwire_call_seconds_count{action=\"slack.post_message\",connection=\"slack\",outcome=\"ok\"} 1",
        "deskwire_delivery_seconds_count{source=\"zendesk\",outcome=\"accepted\"} 1",
        "deskwire_delivery_seconds_count{source=\"unknown\",outcome=\"no_such_source\"} 1",
        "deskwire_runs_ended_total{workflow=\"post\",outcome=\"succeeded\"} 1",
    ] {
        assert!(numbers.lines().any(|said| said == line), "{line}: {numbers}");
    }
    assert!(!numbers.contains("made-up"), "whoever makes up names makes up no numbers");
}
