//! Reading a thread, page by page, and one reply of it.

use wiremock::matchers::{body_string_contains, path};
use wiremock::{Mock, MockServer, ResponseTemplate};

use super::*;
use crate::slack::thread::MOST_MESSAGES;
use crate::testing::{call, client, form_field, on, paths, requests};

const ROOT: &str = "1770106500.000100";
const REPLY: &str = "1770106543.000200";

fn ok(messages: &[Value], next: &str) -> ResponseTemplate {
    ResponseTemplate::new(200)
        .set_body_json(json!({ "ok": true, "messages": messages, "response_metadata": { "next_cursor": next } }))
}

fn message(ts: &str, text: &str) -> Value {
    json!({ "type": "message", "user": "U1", "text": text, "ts": ts, "thread_ts": ROOT })
}

fn texts(answer: &Value) -> Vec<&str> {
    answer["messages"].as_array().unwrap().iter().map(|message| message["text"].as_str().unwrap()).collect()
}

async fn server() -> (MockServer, GetThreadMessages) {
    let server = MockServer::start().await;
    let action = GetThreadMessages::new(client(&server));
    (server, action)
}

/// Answers requests whose body holds `part`; the first to be mounted comes first.
async fn on_body(server: &MockServer, part: &str, response: ResponseTemplate) {
    let replies = Mock::given(path("/conversations.replies")).and(body_string_contains(part));
    replies.respond_with(response).mount(server).await;
}

#[tokio::test]
async fn a_thread_is_read_to_its_end_and_each_message_counts_once() {
    let (server, action) = server().await;
    on_body(&server, "cursor=page3", ok(&[message(ROOT, "parent"), message("1770106544.000300", "two")], "")).await;
    on_body(&server, "cursor=page2", ok(&[], "page3")).await;
    let stranger = json!({ "user": "U2", "text": "of another thread", "ts": "1.1", "thread_ts": "1.0" });
    on(&server, "/conversations.replies", ok(&[message(ROOT, "parent"), stranger, message(REPLY, "one")], "page2"))
        .await;
    let answer = call(&action, json!({ "channel": "C1", "thread_ts": ROOT })).await.unwrap();
    assert_eq!((texts(&answer), &answer["truncated"]), (vec!["parent", "one", "two"], &json!(false)));
    assert_eq!(answer["messages"][1]["thread_ts"], ROOT);
}

#[tokio::test]
async fn a_replys_ts_leads_to_the_whole_thread() {
    let (server, action) = server().await;
    on_body(&server, &format!("ts={ROOT}"), ok(&[message(ROOT, "parent"), message(REPLY, "one")], "")).await;
    on(&server, "/conversations.replies", ok(&[message(REPLY, "one")], "")).await;
    let answer = call(&action, json!({ "channel": "C1", "thread_ts": REPLY })).await.unwrap();
    assert_eq!(texts(&answer), ["parent", "one"]);
    assert_eq!(form_field(&requests(&server).await[1], "ts").unwrap(), ROOT);
}

#[tokio::test]
async fn one_reply_is_read_alone_and_never_another_one() {
    let (server, action) = server().await;
    on(&server, "/conversations.replies", ok(&[message(ROOT, "parent"), message(REPLY, "one")], "")).await;
    let input = |reply: &str| json!({ "channel": "C1", "thread_ts": ROOT, "reply_ts": reply });
    assert_eq!(texts(&call(&action, input(REPLY)).await.unwrap()), ["one"]);
    let request = &requests(&server).await[0];
    for (name, value) in [("ts", ROOT), ("oldest", REPLY), ("latest", REPLY), ("inclusive", "true"), ("limit", "2")] {
        assert_eq!(form_field(request, name).as_deref(), Some(value), "{name}");
    }
    let error = call(&action, input("1770106543.000999")).await.unwrap_err();
    assert_eq!((error.class, error.code.as_str()), (ErrorClass::Fail, "message_not_found"));
}

#[tokio::test]
async fn a_thread_beyond_the_bound_is_cut_and_says_so() {
    let (server, action) = server().await;
    let page = |from: usize| {
        let messages: Vec<Value> =
            (from..from + 100).map(|n| message(&format!("1770106500.{:06}", n + 100), "x")).collect();
        ok(&messages, &format!("from{}", from + 100))
    };
    for from in (100..=MOST_MESSAGES).step_by(100) {
        on_body(&server, &format!("cursor=from{from}"), page(from)).await;
    }
    on(&server, "/conversations.replies", page(0)).await;
    let answer = call(&action, json!({ "channel": "C1", "thread_ts": ROOT })).await.unwrap();
    assert_eq!((texts(&answer).len(), &answer["truncated"]), (MOST_MESSAGES, &json!(true)));
}

#[tokio::test]
async fn pages_without_end_end() {
    let (server, action) = server().await;
    on(&server, "/conversations.replies", ok(&[message(ROOT, "parent")], "again")).await;
    let answer = call(&action, json!({ "channel": "C1", "thread_ts": ROOT })).await.unwrap();
    assert_eq!((texts(&answer), &answer["truncated"]), (vec!["parent"], &json!(true)));
    assert_eq!(paths(&server).await.len(), 20);
}

#[tokio::test]
async fn a_missing_thread_is_a_permanent_failure() {
    let (server, action) = server().await;
    let gone = ResponseTemplate::new(200).set_body_json(json!({ "ok": false, "error": "thread_not_found" }));
    on(&server, "/conversations.replies", gone).await;
    let error = call(&action, json!({ "channel": "C1", "thread_ts": ROOT })).await.unwrap_err();
    assert_eq!((error.class, error.code.as_str()), (ErrorClass::Fail, "thread_not_found"));
}
