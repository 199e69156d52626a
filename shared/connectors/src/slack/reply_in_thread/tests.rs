//! Replying, and finding a reply again. What happens with the stand-in's threads is told in `posting`.

use wiremock::matchers::{body_string_contains, path};
use wiremock::{Mock, MockServer, ResponseTemplate};

use super::*;
use crate::testing::{call, client, form_field, key, look, on, paths, requests};

const CHANNEL: &str = "C024BE91L";
const ROOT: &str = "1770106500.000100";
const REPLY: &str = "1770106543.000200";

fn ok(body: Value) -> ResponseTemplate {
    ResponseTemplate::new(200).set_body_json(body)
}

fn refusal(code: &str) -> ResponseTemplate {
    ok(json!({ "ok": false, "error": code }))
}

fn posted(message: &Value) -> ResponseTemplate {
    ok(json!({ "ok": true, "channel": CHANNEL, "ts": REPLY, "message": message }))
}

fn input() -> Value {
    json!({ "channel": CHANNEL, "thread_ts": ROOT, "message": "on it" })
}

async fn server() -> (MockServer, ReplyInThread) {
    let server = MockServer::start().await;
    let action = ReplyInThread::new(client(&server));
    (server, action)
}

#[tokio::test]
async fn a_reply_names_its_thread_and_carries_blocks_and_our_key() {
    let (server, action) = server().await;
    on(&server, "/chat.postMessage", posted(&json!({ "text": "on it", "thread_ts": ROOT }))).await;
    let mut given = input();
    given["reply_broadcast"] = true.into();
    given["blocks"] = json!([{ "type": "divider" }]);
    let output = call(&action, given).await.unwrap();
    assert_eq!(output, json!({ "channel": CHANNEL, "ts": REPLY, "thread_ts": ROOT, "ok": true }));
    let request = &requests(&server).await[0];
    for (name, value) in
        [("thread_ts", ROOT), ("reply_broadcast", "true"), ("text", "on it"), ("blocks", r#"[{"type":"divider"}]"#)]
    {
        assert_eq!(form_field(request, name).as_deref(), Some(value), "{name}");
    }
    assert!(form_field(request, "metadata").unwrap().contains(&key().0));
}

#[tokio::test]
async fn a_reply_that_landed_outside_the_thread_is_reported() {
    let (server, action) = server().await;
    on(&server, "/chat.postMessage", posted(&json!({ "text": "on it" }))).await;
    let error = call(&action, input()).await.unwrap_err();
    assert_eq!((error.class, error.code.as_str()), (ErrorClass::Fail, "not_in_thread"));
    assert!(error.message.contains(REPLY) && error.message.contains("Delete the message"), "{error}");
}

#[tokio::test]
async fn a_missing_thread_is_a_permanent_failure() {
    for code in ["thread_not_found", "invalid_thread_ts", "message_not_found", "cannot_reply_to_message"] {
        let (server, action) = server().await;
        on(&server, "/chat.postMessage", refusal(code)).await;
        on(&server, "/conversations.replies", refusal("thread_not_found")).await;
        let error = call(&action, input()).await.unwrap_err();
        assert_eq!((error.class, error.code.as_str()), (ErrorClass::Fail, code));
    }
}

#[tokio::test]
async fn a_lost_reply_is_looked_for_in_its_thread_from_a_minute_before_the_first_attempt() {
    let (server, action) = server().await;
    on(&server, "/chat.postMessage", ResponseTemplate::new(504)).await;
    assert_eq!(call(&action, input()).await.unwrap_err().class, ErrorClass::Unknown);

    let metadata = json!({ "event_type": "deskwire_post", "event_payload": { "key": key().0 } });
    let found = json!({ "ts": REPLY, "thread_ts": ROOT, "text": "on it", "metadata": metadata });
    on(&server, "/conversations.replies", ok(json!({ "ok": true, "messages": [found] }))).await;
    let output = look(&action, input()).await.unwrap().unwrap();
    assert_eq!(output, json!({ "channel": CHANNEL, "ts": REPLY, "thread_ts": ROOT, "ok": true }));
    assert_eq!(paths(&server).await, ["/chat.postMessage", "/conversations.replies"]);
    let request = &requests(&server).await[1];
    for (name, value) in [("ts", ROOT), ("oldest", "1770106482"), ("include_all_metadata", "true")] {
        assert_eq!(form_field(request, name).as_deref(), Some(value), "{name}");
    }
}

#[tokio::test]
async fn where_slack_shows_a_reply_alone_the_look_goes_on_in_its_thread() {
    let (server, action) = server().await;
    let metadata = json!({ "event_type": "deskwire_post", "event_payload": { "key": key().0 } });
    let ours = json!({ "ts": "1770106544.000300", "thread_ts": ROOT, "metadata": metadata });
    let in_thread = Mock::given(path("/conversations.replies")).and(body_string_contains(format!("&ts={ROOT}")));
    in_thread.respond_with(ok(json!({ "ok": true, "messages": [ours] }))).mount(&server).await;
    let alone = json!({ "ts": REPLY, "thread_ts": ROOT, "text": "another reply" });
    on(&server, "/conversations.replies", ok(json!({ "ok": true, "messages": [alone] }))).await;
    let given = json!({ "channel": CHANNEL, "thread_ts": REPLY, "message": "on it" });
    assert_eq!(look(&action, given).await.unwrap().unwrap()["ts"], "1770106544.000300");
}

#[tokio::test]
async fn a_thread_that_cannot_be_read_is_not_taken_for_one_without_the_reply() {
    for code in ["thread_not_found", "not_in_channel", "missing_scope"] {
        let (server, action) = server().await;
        on(&server, "/conversations.replies", refusal(code)).await;
        let error = look(&action, input()).await.unwrap_err();
        assert_eq!((error.class, error.code.as_str()), (ErrorClass::Fail, code));
        assert!(error.message.starts_with("Cannot look whether the message was posted."), "{error}");
    }
}
