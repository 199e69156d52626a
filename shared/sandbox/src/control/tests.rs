//! Faults of both stand-ins, planned from outside, and the log.

use deskwire_core::random::SeededRandom;
use http::StatusCode;
use serde_json::{Value, json};

use crate::fault::Faults;
use crate::testing::{Answer, form, get, post_json, sandbox, send, slack_answer, zendesk};
use crate::world::{HELMETS, SUPPORT};
use crate::{Fault, FaultKind, Sandbox};

async fn plan(sandbox: &Sandbox, fault: Value) -> Answer {
    post_json(sandbox, "/control/faults", &fault).await
}

async fn post(sandbox: &Sandbox) -> Answer {
    let body = form(&[("channel", SUPPORT), ("text", "hi")]);
    slack_answer(sandbox, "chat.postMessage", "application/x-www-form-urlencoded", &body).await
}

fn posts(sandbox: &Sandbox) -> usize {
    sandbox.slack().all_posts().len()
}

#[tokio::test]
async fn a_rate_limit_says_how_long_to_wait_and_does_nothing() {
    let sandbox = sandbox();
    let fault = json!({ "method": "chat.postMessage", "kind": "rate_limited", "retry_after": 7, "times": 2 });
    assert_eq!(plan(&sandbox, fault).await.status, StatusCode::NO_CONTENT);
    for _ in 0..2 {
        let answer = post(&sandbox).await;
        assert_eq!((answer.status, answer.header("retry-after")), (StatusCode::TOO_MANY_REQUESTS, "7"));
        assert_eq!(answer.json(), json!({ "ok": false, "error": "ratelimited" }));
    }
    assert_eq!((post(&sandbox).await.status, posts(&sandbox)), (StatusCode::OK, 1));
}

#[tokio::test]
async fn a_planned_refusal_has_its_code() {
    let sandbox = sandbox();
    plan(&sandbox, json!({ "method": "chat.*", "kind": "refused", "code": "fatal_error" })).await;
    let answer = post(&sandbox).await;
    assert_eq!((answer.status, &answer.json()["error"]), (StatusCode::OK, &json!("fatal_error")));
    assert_eq!(posts(&sandbox), 0);
}

#[tokio::test]
async fn a_gateway_fails_with_a_page_before_or_after_the_call() {
    let sandbox = sandbox();
    for (kind, posted) in [("html_502", 0), ("html_502_after", 1)] {
        plan(&sandbox, json!({ "method": "chat.postMessage", "kind": kind })).await;
        let answer = post(&sandbox).await;
        assert_eq!((answer.status, posts(&sandbox)), (StatusCode::BAD_GATEWAY, posted), "{kind}");
        assert!(answer.header("content-type").starts_with("text/html"));
    }
}

#[tokio::test]
async fn a_dropped_connection_has_acted() {
    let sandbox = sandbox();
    sandbox.fault(Fault::next("chat.postMessage", FaultKind::DropAfter)).unwrap();
    assert!(post(&sandbox).await.broken);
    assert_eq!(posts(&sandbox), 1);
}

#[tokio::test(start_paused = true)]
async fn a_delay_comes_after_the_call() {
    let sandbox = sandbox();
    plan(&sandbox, json!({ "method": "chat.postMessage", "kind": "delay", "delay_ms": 60_000 })).await;
    let before = tokio::time::Instant::now();
    assert_eq!(post(&sandbox).await.json()["ok"], true);
    assert_eq!((before.elapsed().as_secs(), posts(&sandbox)), (60, 1));
}

#[tokio::test]
async fn zendesk_words_its_faults_its_own_way() {
    let sandbox = sandbox();
    let path = format!("tickets/{HELMETS}");
    plan(&sandbox, json!({ "method": "zendesk.show_ticket", "kind": "rate_limited", "retry_after": 3 })).await;
    let answer = zendesk(&sandbox, &path).await;
    assert_eq!((answer.status, answer.header("retry-after")), (StatusCode::TOO_MANY_REQUESTS, "3"));
    assert!(answer.header("content-type").starts_with("text/plain"));
    plan(&sandbox, json!({ "method": "zendesk.*", "kind": "html_503", "retry_after": 9 })).await;
    let answer = zendesk(&sandbox, &path).await;
    assert_eq!((answer.status, answer.header("retry-after")), (StatusCode::SERVICE_UNAVAILABLE, "9"));
    assert!(answer.text().starts_with("<html>"));
    plan(&sandbox, json!({ "method": "*", "kind": "refused", "code": "DatabaseConflict", "status": 409 })).await;
    let answer = zendesk(&sandbox, &path).await;
    assert_eq!((answer.status, &answer.json()["error"]), (StatusCode::CONFLICT, &json!("DatabaseConflict")));
    assert_eq!(zendesk(&sandbox, &path).await.status, StatusCode::OK);
}

#[test]
fn a_fault_with_a_chance_strikes_about_so_often_until_it_is_forgotten() {
    let (mut faults, random) = (Faults::default(), SeededRandom::new(7));
    let fault = Fault { times: None, probability: Some(0.3), ..Fault::next("users.*", FaultKind::Html502) };
    faults.plan(fault).unwrap();
    let struck = (0..1_000).filter(|_| faults.strike("users.info", &random).is_some()).count();
    assert!((250..350).contains(&struck), "{struck}");
    assert!(faults.strike("auth.test", &random).is_none());
    faults.forget();
    assert!((0..100).all(|_| faults.strike("users.info", &random).is_none()));
}

#[tokio::test]
async fn a_plan_with_a_mistake_is_refused_with_what_to_write() {
    let sandbox = sandbox();
    let cases = [
        (json!({ "method": "chat.postMesage", "kind": "html_502" }), "chat.postMessage"),
        (json!({ "method": "*", "kind": "html_502", "time": 3 }), "unknown field `time`"),
        (json!({ "method": "*", "kind": "explode" }), "html_502_after"),
        (json!({ "method": "*", "kind": "refused" }), "error code"),
        (json!({ "method": "*", "kind": "delay", "probability": 2 }), "between 0 and 1"),
    ];
    for (fault, words) in cases {
        let answer = plan(&sandbox, fault).await;
        assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY);
        assert!(answer.json()["error"].as_str().unwrap().contains(words), "{}", answer.text());
    }
    assert_eq!(get(&sandbox, "/control/faults").await.json(), json!([]));
}

#[tokio::test]
async fn planned_faults_are_listed_and_forgotten() {
    let sandbox = sandbox();
    plan(&sandbox, json!({ "method": "*", "kind": "html_502" })).await;
    let listed = get(&sandbox, "/control/faults").await.json();
    assert_eq!(listed, json!([{ "method": "*", "kind": "html_502", "times": 1 }]));
    let forget = http::Request::delete("/control/faults").body(axum::body::Body::empty()).unwrap();
    send(&sandbox, forget).await;
    assert_eq!(get(&sandbox, "/control/faults").await.json(), json!([]));
}

#[tokio::test]
async fn scopes_are_set_from_outside() {
    let sandbox = sandbox();
    let scopes = http::Request::put("/control/slack/scopes").body(axum::body::Body::from(r#"["users:read"]"#)).unwrap();
    assert_eq!(send(&sandbox, scopes).await.status, StatusCode::NO_CONTENT);
    assert_eq!(post(&sandbox).await.json()["error"], "missing_scope");
}

#[tokio::test]
async fn every_request_is_in_the_log_in_order_and_no_credential_is() {
    let sandbox = sandbox();
    post(&sandbox).await;
    sandbox.fault(Fault::next("*", FaultKind::Html502After)).unwrap();
    let body = form(&[("user", "U404"), ("token", "xoxb-marker")]);
    slack_answer(&sandbox, "users.info", "application/x-www-form-urlencoded", &body).await;
    zendesk(&sandbox, &format!("tickets/{HELMETS}/comments?include=users")).await;
    zendesk(&sandbox, "no/such").await;
    let log = get(&sandbox, "/log").await;
    let told: Vec<String> = log
        .json()
        .as_array()
        .unwrap()
        .iter()
        .map(|entry| format!("{} {}", entry["operation"].as_str().unwrap(), entry["outcome"].as_str().unwrap()))
        .collect();
    let expected = [
        "chat.postMessage ok",
        "users.info user_not_found, fault:html_502_after",
        "zendesk.list_comments ok",
        "unknown InvalidEndpoint",
    ];
    assert_eq!(told, expected);
    assert_eq!(log.json()[0]["facts"], json!({ "channel": SUPPORT, "text": "hi" }));
    assert!(!log.text().contains("marker"), "{}", log.text());
}
