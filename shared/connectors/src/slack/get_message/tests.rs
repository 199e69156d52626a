//! Reading one message, wherever it is, and never another one.

use serde_json::json;
use wiremock::{MockServer, ResponseTemplate};

use super::*;
use crate::testing::{call, client, form_field, on, paths, requests};

const TS: &str = "1770106543.000200";

fn ok(messages: &Value) -> ResponseTemplate {
    ResponseTemplate::new(200).set_body_json(json!({ "ok": true, "messages": messages }))
}

fn refusal(code: &str) -> ResponseTemplate {
    ResponseTemplate::new(200).set_body_json(json!({ "ok": false, "error": code }))
}

async fn get(history: ResponseTemplate, replies: ResponseTemplate) -> (MockServer, Result<Value, CallError>) {
    let server = MockServer::start().await;
    on(&server, "/conversations.history", history).await;
    on(&server, "/conversations.replies", replies).await;
    let input = json!({ "channel": "C024BE91L", "timestamp": TS });
    let answer = call(&GetMessage::new(client(&server)), input).await;
    (server, answer)
}

#[tokio::test]
async fn a_message_of_the_channel_is_read_in_one_call() {
    let message = json!({ "type": "message", "user": "U1", "text": "a &lt; b", "ts": TS });
    let (server, answer) = get(ok(&json!([message])), refusal("thread_not_found")).await;
    let expected =
        json!({ "text": "a < b", "user": "U1", "bot_id": null, "ts": TS, "thread_ts": null, "subtype": null });
    assert_eq!(answer.unwrap(), expected);
    let request = &requests(&server).await[0];
    for (name, value) in [("latest", TS), ("oldest", TS), ("inclusive", "true"), ("limit", "1")] {
        assert_eq!(form_field(request, name).as_deref(), Some(value), "{name}");
    }
    assert_eq!(paths(&server).await.len(), 1);
}

#[tokio::test]
async fn a_reply_is_found_in_its_thread() {
    let parent = json!({ "user": "U1", "text": "parent", "ts": "1770106500.000100", "thread_ts": "1770106500.000100" });
    let reply = json!({ "bot_id": "B1", "text": "reply", "ts": TS, "thread_ts": "1770106500.000100" });
    let (_, answer) = get(ok(&json!([])), ok(&json!([parent, reply]))).await;
    let answer = answer.unwrap();
    assert_eq!((&answer["text"], &answer["user"]), (&json!("reply"), &json!("B1")));
    assert_eq!(answer["thread_ts"], "1770106500.000100");
}

#[tokio::test]
async fn a_neighbours_message_is_never_answered() {
    let neighbour = || ok(&json!([{ "user": "U1", "text": "not this one", "ts": "1770106543.000100" }]));
    for replies in [neighbour(), ok(&json!([])), refusal("thread_not_found")] {
        let error = get(neighbour(), replies).await.1.unwrap_err();
        assert_eq!((error.class, error.code.as_str()), (ErrorClass::Fail, "message_not_found"));
        assert!(error.message.starts_with(&format!("There is no message {TS} in")), "{error}");
    }
}

#[tokio::test]
async fn where_the_app_may_not_read_that_is_said() {
    let error = get(refusal("not_in_channel"), ok(&json!([]))).await.1.unwrap_err();
    assert_eq!((error.class, error.code.as_str()), (ErrorClass::Fail, "not_in_channel"));
    let error = get(ResponseTemplate::new(502), ok(&json!([]))).await.1.unwrap_err();
    assert_eq!(error.class, ErrorClass::Retry, "a read may be repeated");
}
