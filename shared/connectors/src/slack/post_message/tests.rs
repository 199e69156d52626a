//! Posting to a channel, and finding a post again.

use serde_json::json;
use wiremock::matchers::{body_string_contains, path};
use wiremock::{Mock, MockServer, ResponseTemplate};

use super::*;
use crate::testing::{call, client, form_field, key, look, on, paths, requests};

const CHANNEL: &str = "C024BE91L";
const TS: &str = "1770106543.000200";

fn ok(body: Value) -> ResponseTemplate {
    ResponseTemplate::new(200).set_body_json(body)
}

fn refusal(code: &str) -> ResponseTemplate {
    ok(json!({ "ok": false, "error": code }))
}

fn posted() -> ResponseTemplate {
    ok(json!({ "ok": true, "channel": CHANNEL, "ts": TS, "message": { "type": "message", "text": "hello" } }))
}

fn to(channel: &str) -> Value {
    json!({ "channel": channel, "message": "hello" })
}

async fn server() -> (MockServer, PostMessage) {
    let server = MockServer::start().await;
    let action = PostMessage::new(client(&server));
    (server, action)
}

async fn on_once(server: &MockServer, at: &str, response: ResponseTemplate) {
    Mock::given(path(at)).respond_with(response).up_to_n_times(1).mount(server).await;
}

async fn on_channels(server: &MockServer) {
    let second = json!({ "ok": true, "channels": [{ "id": CHANNEL, "name": "care" }] });
    Mock::given(path("/conversations.list"))
        .and(body_string_contains("cursor=more%3D"))
        .respond_with(ok(second))
        .mount(server)
        .await;
    // A page may be empty and not be the last.
    on(
        server,
        "/conversations.list",
        ok(json!({ "ok": true, "channels": [], "response_metadata": { "next_cursor": "more=" } })),
    )
    .await;
}

#[tokio::test]
async fn a_post_carries_its_text_and_our_key_and_answers_with_the_message() {
    let (server, action) = server().await;
    on(&server, "/chat.postMessage", posted()).await;
    let output = call(&action, json!({ "channel": "#care", "message": "a &amp; b" })).await.unwrap();
    assert_eq!(output, json!({ "channel": CHANNEL, "ts": TS, "ok": true }));
    let request = &requests(&server).await[0];
    let field = |name| form_field(request, name).unwrap();
    assert_eq!((field("channel").as_str(), field("text").as_str()), ("care", "a &amp; b"));
    assert_eq!((field("unfurl_links").as_str(), field("unfurl_media").as_str()), ("false", "false"));
    let metadata: Value = deskwire_core::json::from_str(&field("metadata")).unwrap();
    assert_eq!(metadata, json!({ "event_type": "deskwire_post", "event_payload": { "key": key().0 } }));
    assert_eq!(field("client_msg_id").len(), 36);
}

#[tokio::test]
async fn a_retry_sends_the_same_form() {
    let (server, action) = server().await;
    on(&server, "/chat.postMessage", posted()).await;
    for _ in 0..2 {
        call(&action, to(CHANNEL)).await.unwrap();
    }
    let requests = requests(&server).await;
    assert_eq!(requests[0].body, requests[1].body);
}

#[tokio::test]
async fn a_text_that_slack_would_split_is_not_sent() {
    let (server, action) = server().await;
    let error = call(&action, json!({ "channel": CHANNEL, "message": "x".repeat(4_001) })).await.unwrap_err();
    assert_eq!((error.class, error.code.as_str()), (ErrorClass::Fail, "msg_too_long"));
    assert!(paths(&server).await.is_empty());
}

#[tokio::test]
async fn a_missing_channel_is_a_permanent_failure() {
    let (server, action) = server().await;
    let error = call(&action, json!({ "channel": null, "message": "hello" })).await.unwrap_err();
    assert_eq!((error.class, error.code.as_str()), (ErrorClass::Fail, "bad_input"));
    assert!(error.message.starts_with("`channel` is none"), "{error}");
    assert!(paths(&server).await.is_empty());
}

#[tokio::test]
async fn a_lost_answer_is_unknown() {
    let (server, action) = server().await;
    on(&server, "/chat.postMessage", ResponseTemplate::new(502).set_body_string("<html>")).await;
    assert_eq!(call(&action, to(CHANNEL)).await.unwrap_err().class, ErrorClass::Unknown);
}

#[tokio::test]
async fn an_answer_without_the_messages_id_is_unknown() {
    let (server, action) = server().await;
    on(&server, "/chat.postMessage", ok(json!({ "ok": true, "channel": CHANNEL }))).await;
    let error = call(&action, to(CHANNEL)).await.unwrap_err();
    assert_eq!((error.class, error.code.as_str()), (ErrorClass::Unknown, "incomplete_answer"));
}

#[tokio::test]
async fn the_channels_own_limit_holds_the_channel_only() {
    let (server, action) = server().await;
    on(&server, "/chat.postMessage", refusal("rate_limited")).await;
    let error = call(&action, to(CHANNEL)).await.unwrap_err();
    assert_eq!(error.class, ErrorClass::Retry);
    assert_eq!(error.hold, Some(HoldKey(format!("slack|chat.postMessage|{CHANNEL}"))));
}

#[tokio::test]
async fn a_channel_the_app_is_not_in_is_joined_by_its_id_and_posted_to_once_more() {
    let (server, action) = server().await;
    on_once(&server, "/chat.postMessage", refusal("not_in_channel")).await;
    on(&server, "/chat.postMessage", posted()).await;
    on_channels(&server).await;
    on(&server, "/conversations.join", ok(json!({ "ok": true, "warning": "already_in_channel" }))).await;
    assert_eq!(call(&action, to("care")).await.unwrap()["ts"], TS);
    let asked = paths(&server).await;
    assert_eq!(
        asked,
        ["/chat.postMessage", "/conversations.list", "/conversations.list", "/conversations.join", "/chat.postMessage"]
    );
    let requests = requests(&server).await;
    assert_eq!(form_field(&requests[3], "channel").unwrap(), CHANNEL);
    assert_eq!(form_field(&requests[4], "channel").unwrap(), CHANNEL);
}

#[tokio::test]
async fn a_channel_that_cannot_be_joined_is_a_permanent_failure_with_a_hint() {
    let (server, action) = server().await;
    on(&server, "/chat.postMessage", refusal("not_in_channel")).await;
    on(&server, "/conversations.join", refusal("missing_scope")).await;
    let error = call(&action, to(CHANNEL)).await.unwrap_err();
    assert_eq!((error.class, error.code.as_str()), (ErrorClass::Fail, "not_in_channel"));
    assert!(error.message.contains("Invite it") && error.message.contains("refused: missing_scope"), "{error}");
}

#[tokio::test]
async fn a_post_is_tried_once_more_and_not_again_after_joining() {
    let (server, action) = server().await;
    on(&server, "/chat.postMessage", refusal("not_in_channel")).await;
    on(&server, "/conversations.join", ok(json!({ "ok": true }))).await;
    assert_eq!(call(&action, to(CHANNEL)).await.unwrap_err().class, ErrorClass::Fail);
    assert_eq!(paths(&server).await, ["/chat.postMessage", "/conversations.join", "/chat.postMessage"]);
}

#[tokio::test]
async fn a_failure_while_joining_is_never_unknown() {
    let (server, action) = server().await;
    on(&server, "/chat.postMessage", refusal("not_in_channel")).await;
    on(&server, "/conversations.join", ResponseTemplate::new(500)).await;
    assert_eq!(call(&action, to(CHANNEL)).await.unwrap_err().class, ErrorClass::Retry);
}

fn history(messages: &Value, next_cursor: &str) -> ResponseTemplate {
    ok(json!({ "ok": true, "messages": messages, "response_metadata": { "next_cursor": next_cursor } }))
}

fn message(ts: &str, event_type: &str, key: &str) -> Value {
    json!({ "type": "message", "ts": ts, "text": "hello",
            "metadata": { "event_type": event_type, "event_payload": { "key": key, "level": 3, "of": { "a": 1 } } } })
}

#[tokio::test]
async fn a_look_reads_from_a_minute_before_the_first_attempt() {
    let (server, action) = server().await;
    on(&server, "/conversations.history", history(&json!([message(TS, "deskwire_post", &key().0)]), "")).await;
    let found = look(&action, to(CHANNEL)).await.unwrap();
    assert_eq!(found, Some(json!({ "channel": CHANNEL, "ts": TS, "ok": true })));
    let request = &requests(&server).await[0];
    // 2026-02-03T08:14:42Z
    for (name, value) in
        [("channel", CHANNEL), ("oldest", "1770106482"), ("inclusive", "true"), ("include_all_metadata", "true")]
    {
        assert_eq!(form_field(request, name).as_deref(), Some(value), "{name}");
    }
}

#[tokio::test]
async fn a_look_follows_the_pages_to_the_end_and_takes_no_other_message_for_ours() {
    let (server, action) = server().await;
    let others = json!([
        message("1.1", "deskwire_post", &"f".repeat(64)),
        message("1.2", "another_app", &key().0),
        { "type": "message", "ts": "1.3", "text": "no metadata" },
    ]);
    Mock::given(path("/conversations.history"))
        .and(body_string_contains("cursor=page2"))
        .respond_with(history(&json!([]), ""))
        .mount(&server)
        .await;
    on(&server, "/conversations.history", history(&others, "page2")).await;
    assert_eq!(look(&action, to(CHANNEL)).await.unwrap(), None);
    assert_eq!(paths(&server).await.len(), 2);
}

#[tokio::test]
async fn a_look_finds_a_channel_by_its_name() {
    let (server, action) = server().await;
    on_channels(&server).await;
    on(&server, "/conversations.history", history(&json!([message(TS, "deskwire_post", &key().0)]), "")).await;
    assert_eq!(look(&action, to("#care")).await.unwrap().unwrap()["channel"], CHANNEL);
    let error = look(&action, to("#gone")).await.unwrap_err();
    assert_eq!(error.class, ErrorClass::Fail);
    assert!(error.message.starts_with("Cannot look"), "{error}");
}

#[tokio::test]
async fn where_a_look_is_impossible_it_says_so_and_guesses_nothing() {
    for code in ["not_in_channel", "missing_scope", "channel_not_found"] {
        let (server, action) = server().await;
        on(&server, "/conversations.history", refusal(code)).await;
        let error = look(&action, to(CHANNEL)).await.unwrap_err();
        assert_eq!((error.class, error.code.as_str()), (ErrorClass::Fail, code));
        assert!(error.message.starts_with("Cannot look whether the message was posted."), "{error}");
    }
    let (server, action) = server().await;
    assert_eq!(look(&action, to("U012A3CDE")).await.unwrap_err().class, ErrorClass::Fail);
    assert!(paths(&server).await.is_empty());
}

#[tokio::test]
async fn a_look_that_is_turned_away_for_now_comes_again() {
    for response in [ResponseTemplate::new(429).insert_header("retry-after", "60"), ResponseTemplate::new(500)] {
        let (server, action) = server().await;
        on(&server, "/conversations.history", response).await;
        assert_eq!(look(&action, to(CHANNEL)).await.unwrap_err().class, ErrorClass::Retry);
    }
}

#[tokio::test]
async fn a_history_without_end_is_not_taken_for_a_missing_message() {
    let (server, action) = server().await;
    on(&server, "/conversations.history", history(&json!([]), "again")).await;
    let error = look(&action, to(CHANNEL)).await.unwrap_err();
    assert_eq!((error.class, error.code.as_str()), (ErrorClass::Fail, "too_many_messages"));
}
