//! Numbers and texts as providers write them, from a webhook's body to the body of a call, and from a person's input to a
//! path: no digit is lost, a whole number stays whole, and an emoji that was cut in two stops nothing.

use std::sync::{Arc, Mutex};

use axum::body::Bytes;
use http::Uri;
use test_case::test_case;

use crate::harness::{Delivery, Project, all_runs_over};
use crate::house::{House, Place};
use crate::life_cycle::until;
use crate::on_aws::Deployed;
use crate::outside::Outside;

/// What an API was asked for: the path and the body.
type Asked = Arc<Mutex<Vec<(String, String)>>>;

/// An API that takes everything and answers the same.
async fn api(answer: &'static str) -> (String, Asked) {
    let asked = Asked::default();
    let kept = asked.clone();
    let take = move |uri: Uri, body: Bytes| async move {
        let body = String::from_utf8_lossy(&body).into_owned();
        kept.lock().unwrap().push((uri.to_string(), body));
        ([("content-type", "application/json")], answer)
    };
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, axum::Router::new().fallback(take)).await });
    (url, asked)
}

/// The project with a connection to that API.
fn with_api(project: &Project, url: &str) {
    let file = project.path().join("deskwire.yaml");
    let more = format!(
        "  api:\n    provider: http\n    auth: {{ type: bearer, token: {{ env: SLACK_BOT_TOKEN }} }}\n    \
         allowed_domain: api.example.com\n    base_url: \"{url}\"\n"
    );
    let text = std::fs::read_to_string(&file).unwrap();
    std::fs::write(file, text + &more).unwrap();
}

fn event(id: &str, numbers: &str) -> String {
    format!(
        r#"{{"type":"zen:event-type:ticket.status_changed","account_id":22129001,"id":"{id}",
            "time":"2026-02-03T08:17:05Z","zendesk_event_version":"2022-11-06","subject":"zen:ticket:48213",
            "detail":{{"id":"48213","updated_at":"2026-02-03T08:17:04Z"}},"event":{{"cut":"to \ud83d","numbers":{numbers}}}}}"#
    )
}

const WORKFLOW: &str = r#"name: pass
active: true
trigger:
  source: zendesk
  event: ticket.status_changed
  when: event.data.event.numbers[0] == 12345678901234567890123 and event.data.event.numbers[1] == 1.1
steps:
  - id: first
    action: http.request
    connection: api
    with:
      method: POST
      path: "first/{{ event.data.event.numbers[0] }}"
      body:
        all: "{{ event.data.event.numbers }}"
        one: "{{ event.data.event.numbers[1] }}"
        text: "EUR {{ event.data.event.numbers[1] }} {{ event.data.event.cut }}"
        more: "{{ event.data.event.numbers[0] + 1 }}"
        own: [1.10, 12345678901234567890123, 48213]
  - id: pause
    wait: 1s
  - id: each
    for_each: "{{ steps.first.body.numbers }}"
    steps:
      - id: second
        action: http.request
        connection: api
        with: { method: POST, path: second, body: { n: "{{ item }}" } }
"#;

const NUMBERS: &str =
    "[12345678901234567890123,1.10,9007199254740993,-0,0.00001,1e+400,0.1000000000000000055511151231257827,48213]";

#[test_case(Place::Here; "on this machine")]
#[test_case(Place::Lambda; "on Lambda")]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_digit_goes_from_a_webhook_through_the_store_into_a_call(place: Place) {
    let (url, asked) = api(r#"{"numbers":[12345678901234567890123,1.10,-0.00],"cut":"\udc00"}"#).await;
    let outside = Outside::start().await;
    // A wait on AWS is over at the scheduler's next minute, which nobody waits for here.
    let workflow = match place {
        Place::Here => WORKFLOW.to_owned(),
        Place::Lambda => WORKFLOW.replace("  - id: pause\n    wait: 1s\n", ""),
    };
    let project = Project::new(&outside.url).with_workflow("workflow.yaml", &workflow);
    with_api(&project, &url);
    let (project, house) = match place {
        Place::Here => {
            let server = project.serve();
            (project, House::Here(server))
        }
        Place::Lambda => {
            let Deployed { project, stack, .. } = Deployed::of(outside, project, &[]).await;
            (project, House::Lambda(Box::new(stack)))
        }
    };
    let answer = Delivery::new(event("e1", NUMBERS)).send(&house).await;
    assert_eq!(answer.status, 202, "{answer:?}");
    until("the calls", async || asked.lock().unwrap().len() == 4).await;
    let runs = all_runs_over(&project).await;
    let asked = asked.lock().unwrap().clone();
    assert_eq!(asked[0].0, "/first/12345678901234567890123");
    let body = format!(
        "{{\"all\":{NUMBERS},\"one\":1.10,\"text\":\"EUR 1.10 to \u{fffd}\",\"more\":12345678901234567890124,\
         \"own\":[1.10,12345678901234567890123,48213]}}"
    );
    assert_eq!(asked[0].1, body);
    let mut second: Vec<&str> = asked[1..].iter().map(|(_, body)| body.as_str()).collect();
    second.sort_unstable();
    assert_eq!(second, [r#"{"n":-0.00}"#, r#"{"n":1.10}"#, r#"{"n":12345678901234567890123}"#]);
    let shown = project.run(&["runs", "show", runs[0]["id"].as_str().unwrap(), "--personal", "--json"]);
    let shown = String::from_utf8(shown.stdout).unwrap();
    assert!(shown.contains("12345678901234567890124") && shown.contains("1e+400"), "{shown}");
    assert!(!shown.contains("private::Number"), "{shown}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_number_that_a_person_gives_keeps_its_digits_into_a_path_and_a_body() {
    let by_hand = r#"name: hand
active: true
trigger: { manual: { id: { type: number, required: true }, price: { type: number, default: 1.10 } } }
steps:
  - id: put
    action: http.request
    connection: api
    with: { method: PUT, path: "tickets/{{ inputs.id }}.json", body: { id: "{{ inputs.id }}", price: "{{ inputs.price }}" } }
"#;
    let (url, asked) = api("{}").await;
    let project = Project::new("http://127.0.0.1:9").with_workflow("hand.yaml", by_hand);
    with_api(&project, &url);
    let _server = project.serve();
    for (number, id) in ["48213", "9007199254740993", "12345678901234567890123"].into_iter().enumerate() {
        project.json(&["workflows", "run", "hand", "--input", &format!("id={id}")]);
        until("the call", async || asked.lock().unwrap().len() == number + 1).await;
        let (path, body) = asked.lock().unwrap()[number].clone();
        assert_eq!(path, format!("/tickets/{id}.json"));
        assert_eq!(body, format!(r#"{{"id":{id},"price":1.10}}"#));
    }
    let tested =
        project.run(&["workflows", "test", "workflows/hand.yaml", "--input", "id=48213.50", "--personal", "--json"]);
    let tested = String::from_utf8(tested.stdout).unwrap();
    assert!(tested.contains("tickets/48213.50.json") && tested.contains("48213.50"), "{tested}");
}
