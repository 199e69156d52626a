//! Writing to a person, and finding the message again.

use serde_json::json;
use wiremock::{MockServer, ResponseTemplate};

use super::*;
use crate::testing::{call, client, form_field, key, look, on, paths, requests};

const CONVERSATION: &str = "D069C7QFK";
const TS: &str = "1770106543.000200";

fn ok(body: Value) -> ResponseTemplate {
    ResponseTemplate::new(200).set_body_json(body)
}

fn input() -> Value {
    json!({ "email": " mina@example.net ", "message": "Ticket 48213 is yours" })
}

/// A workspace in which Mina can be found.
async fn workspace() -> (MockServer, SendDirectMessage) {
    let server = MockServer::start().await;
    on(&server, "/users.lookupByEmail", ok(json!({ "ok": true, "user": { "id": "W012A3CDE" } }))).await;
    on(&server, "/conversations.open", ok(json!({ "ok": true, "channel": { "id": CONVERSATION } }))).await;
    let action = SendDirectMessage::new(client(&server));
    (server, action)
}

#[tokio::test]
async fn a_person_is_found_by_address_and_written_to() {
    let (server, action) = workspace().await;
    let message = json!({ "type": "message", "text": "Ticket 48213 is yours", "ts": TS });
    let answer = json!({ "ok": true, "channel": CONVERSATION, "ts": TS, "message": message });
    on(&server, "/chat.postMessage", ok(answer)).await;
    let output = call(&action, input()).await.unwrap();
    assert_eq!(output, json!({ "channel": CONVERSATION, "ts": TS, "message": message }));
    let requests = requests(&server).await;
    assert_eq!(form_field(&requests[0], "email").unwrap(), "mina@example.net");
    assert_eq!(form_field(&requests[1], "users").unwrap(), "W012A3CDE");
    assert_eq!(form_field(&requests[2], "channel").unwrap(), CONVERSATION);
    assert!(form_field(&requests[2], "metadata").unwrap().contains(&key().0));
}

#[tokio::test]
async fn an_unknown_person_is_a_permanent_failure() {
    let server = MockServer::start().await;
    on(&server, "/users.lookupByEmail", ok(json!({ "ok": false, "error": "users_not_found" }))).await;
    let error = call(&SendDirectMessage::new(client(&server)), input()).await.unwrap_err();
    assert_eq!((error.class, error.code.as_str()), (ErrorClass::Fail, "users_not_found"));
    assert!(!error.message.contains("mina"), "{error}");
}

#[tokio::test]
async fn a_missing_address_is_named_before_anything_is_called() {
    let (server, action) = workspace().await;
    let error = call(&action, json!({ "email": null, "message": "hi" })).await.unwrap_err();
    assert!(error.message.starts_with("`email` is none"), "{error}");
    assert!(paths(&server).await.is_empty());
}

#[tokio::test]
async fn a_failure_before_the_post_is_never_unknown() {
    for failing in ["/users.lookupByEmail", "/conversations.open"] {
        for response in [ResponseTemplate::new(500), ok(json!({ "ok": false, "error": "internal_error" }))] {
            let server = MockServer::start().await;
            on(&server, failing, response).await;
            on(&server, "/users.lookupByEmail", ok(json!({ "ok": true, "user": { "id": "U1" } }))).await;
            let error = call(&SendDirectMessage::new(client(&server)), input()).await.unwrap_err();
            assert_eq!(error.class, ErrorClass::Retry, "{failing}: {error}");
        }
    }
}

#[tokio::test]
async fn a_post_that_comes_too_fast_holds_the_method() {
    for response in [ResponseTemplate::new(429), ok(json!({ "ok": false, "error": "rate_limited" }))] {
        let (server, action) = workspace().await;
        on(&server, "/chat.postMessage", response).await;
        let error = call(&action, input()).await.unwrap_err();
        assert_eq!(error.class, ErrorClass::Retry);
        assert_eq!(error.hold, Some(HoldKey("slack|chat.postMessage".into())));
    }
}

#[tokio::test]
async fn a_lost_post_is_unknown_and_can_be_found() {
    let (server, action) = workspace().await;
    on(&server, "/chat.postMessage", ResponseTemplate::new(504)).await;
    assert_eq!(call(&action, input()).await.unwrap_err().class, ErrorClass::Unknown);

    let message = json!({ "ts": TS, "text": "Ticket 48213 is yours",
        "metadata": { "event_type": "deskwire_post", "event_payload": { "key": key().0 } } });
    on(&server, "/conversations.history", ok(json!({ "ok": true, "messages": [message] }))).await;
    let found = look(&action, input()).await.unwrap().unwrap();
    assert_eq!(found, json!({ "channel": CONVERSATION, "ts": TS, "message": message }));
}

#[tokio::test]
async fn a_post_that_left_no_trace_is_missing() {
    let (server, action) = workspace().await;
    on(&server, "/conversations.history", ok(json!({ "ok": true, "messages": [] }))).await;
    assert_eq!(look(&action, input()).await.unwrap(), None);
}

#[tokio::test]
async fn a_later_call_that_is_refused_names_itself_and_what_was_done_before_it() {
    let (server, action) = workspace().await;
    on(&server, "/chat.postMessage", ok(json!({ "ok": false, "error": "messages_tab_disabled" }))).await;
    let error = call(&action, input()).await.unwrap_err();
    let end = "This was the call chat.postMessage; before it, the conversation D069C7QFK with the person was opened.";
    assert!(error.message.ends_with(end), "{error}");
    let server = MockServer::start().await;
    on(&server, "/users.lookupByEmail", ok(json!({ "ok": true, "user": { "id": "W012A3CDE" } }))).await;
    on(&server, "/conversations.open", ok(json!({ "ok": false, "error": "user_disabled" }))).await;
    let error = call(&SendDirectMessage::new(client(&server)), input()).await.unwrap_err();
    assert!(error.message.ends_with("the call conversations.open; nothing was changed before it."), "{error}");
}
