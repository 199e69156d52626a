//! Messages in parts, against Slack's stand-in: what is there after a lost answer, and what the next call does about it.

use std::sync::Arc;

use deskwire_core::action::Action;
use deskwire_core::secret::SecretString;
use deskwire_core::time::FixedClock;
use deskwire_sandbox::world::{DANA_EMAIL, GENERAL, SUPPORT, THREAD_REPLIES, THREAD_TEXT};
use deskwire_sandbox::{Fault, FaultKind, Message, Sandbox, SandboxOptions};
use wiremock::matchers::{body_string_contains, path};
use wiremock::{Mock, MockServer, ResponseTemplate};

use super::*;
use crate::Client;
use crate::slack::post_message::PostMessage;
use crate::slack::reply_in_thread::ReplyInThread;
use crate::slack::send_direct_message::SendDirectMessage;
use crate::testing::{SECRET, call, client, client_at, key, look, not_before, on};

/// The stand-in on a port of its own, and a client that leads there.
async fn stand_in() -> (Sandbox, Arc<Client>) {
    let secret = || SecretString::from(SECRET);
    let sandbox = Sandbox::new(SandboxOptions {
        clock: Arc::new(FixedClock(not_before())),
        slack_token: secret(),
        zendesk_username: "ops@example.com".to_owned(),
        zendesk_token: secret(),
        qualtrics_token: SecretString::from("qualtrics-marker"),
        signing_secret: secret(),
        on_delivery: None,
    });
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let client = client_at(&format!("http://{}/slack/api/", listener.local_addr().unwrap()));
    tokio::spawn(axum::serve(listener, sandbox.router()).into_future());
    (sandbox, client)
}

/// Three parts.
fn long_text() -> String {
    ["a", "b", "c"].map(|letter| letter.repeat(3_900)).join("\n")
}

fn first_letters(messages: &[Message]) -> String {
    messages.iter().filter_map(|message| message.text.chars().next()).collect()
}

fn times_asked(sandbox: &Sandbox, method: &str) -> usize {
    sandbox.log().iter().filter(|entry| entry.operation == method).count()
}

/// The `ts` of the seeded thread's message with this text.
fn seeded(sandbox: &Sandbox, text: &str) -> String {
    sandbox.slack().messages(SUPPORT).into_iter().find(|message| message.text == text).unwrap().ts
}

#[tokio::test]
async fn the_later_parts_of_a_message_stand_in_the_thread_of_the_first() {
    let (sandbox, client) = stand_in().await;
    let input = json!({ "channel": "support", "message": long_text(), "if_too_long": "split" });
    let output = call(&PostMessage::new(client), input).await.unwrap();
    let posts = sandbox.slack().all_posts();
    assert_eq!(first_letters(&posts), "abc");
    assert_eq!(output, json!({ "channel": SUPPORT, "ts": posts[0].ts, "ok": true }));
    assert!(posts[1..].iter().all(|post| post.thread_ts.as_ref() == Some(&posts[0].ts)));
    let keys: Vec<&str> =
        posts.iter().map(|post| post.metadata.as_ref().unwrap()["event_payload"]["key"].as_str().unwrap()).collect();
    assert_eq!(keys, [1, 2, 3].map(|number| format!("{}.{number}", key().0)));
}

#[tokio::test]
async fn after_a_lost_answer_only_the_missing_parts_are_posted() {
    let (sandbox, client) = stand_in().await;
    let actions: [(Arc<dyn Action>, Value); 3] = [
        (Arc::new(PostMessage::new(Arc::clone(&client))), json!({ "channel": "support" })),
        (Arc::new(SendDirectMessage::new(Arc::clone(&client))), json!({ "email": DANA_EMAIL })),
        (
            Arc::new(ReplyInThread::new(client)),
            json!({ "channel": SUPPORT, "thread_ts": seeded(&sandbox, THREAD_TEXT) }),
        ),
    ];
    for (action, mut input) in actions {
        let before = sandbox.slack().all_posts().len();
        input["message"] = long_text().into();
        input["if_too_long"] = "split".into();
        sandbox.fault(Fault::next("chat.postMessage", FaultKind::DropAfter)).unwrap();
        let lost = call(action.as_ref(), input.clone()).await.unwrap_err();
        assert_eq!(lost.class, ErrorClass::Unknown);
        assert_eq!(look(action.as_ref(), input.clone()).await.unwrap(), None, "a part of it is not all of it");

        let output = call(action.as_ref(), input.clone()).await.unwrap();
        let posts = sandbox.slack().all_posts().split_off(before);
        assert_eq!(first_letters(&posts), "abc", "{}", action.spec().name);
        assert_eq!(output["ts"], posts[0].ts);
        let found = look(action.as_ref(), input.clone()).await.unwrap().unwrap();
        assert_eq!(found["ts"], posts[0].ts);
        assert_eq!(call(action.as_ref(), input).await.unwrap()["ts"], posts[0].ts, "a repeat posts nothing");
        assert_eq!(sandbox.slack().all_posts().len(), before + 3);
    }
}

#[tokio::test]
async fn a_message_in_one_part_is_posted_without_looking() {
    let (sandbox, client) = stand_in().await;
    call(&PostMessage::new(client), json!({ "channel": SUPPORT, "message": "hi", "if_too_long": "split" }))
        .await
        .unwrap();
    assert_eq!(times_asked(&sandbox, "conversations.history"), 0);
    assert_eq!(sandbox.slack().all_posts()[0].metadata.as_ref().unwrap()["event_payload"]["key"], key().0);
}

#[tokio::test]
async fn a_channel_is_joined_before_a_message_in_parts_is_posted() {
    let (sandbox, client) = stand_in().await;
    let input = json!({ "channel": "#general", "message": long_text(), "if_too_long": "split" });
    assert_eq!(call(&PostMessage::new(client), input).await.unwrap()["channel"], GENERAL);
    assert_eq!(first_letters(&sandbox.slack().all_posts()), "abc");
}

#[tokio::test]
async fn where_parts_cannot_be_looked_for_none_is_posted() {
    let (sandbox, client) = stand_in().await;
    sandbox.slack().set_scopes(&["chat:write"]);
    let input = json!({ "channel": SUPPORT, "message": long_text(), "if_too_long": "split" });
    let error = call(&PostMessage::new(client), input).await.unwrap_err();
    assert_eq!((error.class, error.code.as_str()), (ErrorClass::Fail, "missing_scope"));
    assert!(error.message.contains("channels:history") && error.message.contains("shorten it"), "{error}");
    assert!(sandbox.slack().all_posts().is_empty());
}

#[tokio::test]
async fn a_reply_to_a_reply_lands_in_the_thread_and_is_found_there() {
    let (sandbox, client) = stand_in().await;
    let (root, reply) = (seeded(&sandbox, THREAD_TEXT), seeded(&sandbox, THREAD_REPLIES[1]));
    let action = ReplyInThread::new(client);
    let input = json!({ "channel": SUPPORT, "thread_ts": reply, "message": "thanks" });
    let output = call(&action, input.clone()).await.unwrap();
    let post = &sandbox.slack().all_posts()[0];
    assert_eq!(output, json!({ "channel": SUPPORT, "ts": post.ts, "thread_ts": root, "ok": true }));
    assert_eq!(look(&action, input).await.unwrap(), Some(output));
    assert_eq!(times_asked(&sandbox, "conversations.history"), 0, "history holds no replies");
}

#[tokio::test]
async fn a_refusal_after_some_parts_says_how_many_are_there() {
    let posted = json!({ "ok": true, "channel": "C1", "ts": "1.1" });
    for (refusal, class) in [
        (ResponseTemplate::new(429).insert_header("retry-after", "7"), ErrorClass::Unknown),
        (ResponseTemplate::new(200).set_body_json(json!({ "ok": false, "error": "is_archived" })), ErrorClass::Fail),
    ] {
        let server = MockServer::start().await;
        let first = Mock::given(path("/chat.postMessage")).and(body_string_contains("text=aaa"));
        first.respond_with(ResponseTemplate::new(200).set_body_json(&posted)).mount(&server).await;
        on(&server, "/chat.postMessage", refusal).await;
        let empty = ResponseTemplate::new(200).set_body_json(json!({ "ok": true, "messages": [] }));
        on(&server, "/conversations.history", empty).await;
        let input = json!({ "channel": "C1", "message": long_text(), "if_too_long": "split" });
        let error = call(&PostMessage::new(client(&server)), input).await.unwrap_err();
        assert_eq!(error.class, class, "it is not true that nothing has happened");
        assert!(error.message.starts_with("1 of the message's 3 parts are posted. At the next one: "), "{error}");
        assert_eq!(error.hold.is_some(), class == ErrorClass::Unknown);
    }
}

#[tokio::test]
async fn a_post_that_is_refused_after_the_app_joined_says_that_it_joined() {
    let server = MockServer::start().await;
    let refused = |code: &str| ResponseTemplate::new(200).set_body_json(json!({ "ok": false, "error": code }));
    on(&server, "/conversations.join", ResponseTemplate::new(200).set_body_json(json!({ "ok": true }))).await;
    let first = Mock::given(path("/chat.postMessage")).respond_with(refused("not_in_channel"));
    first.up_to_n_times(1).mount(&server).await;
    on(&server, "/chat.postMessage", refused("restricted_action")).await;
    let given = json!({ "channel": "C024BE91L", "message": "hi" });
    let error = call(&PostMessage::new(client(&server)), given).await.unwrap_err();
    let end = "This was the call chat.postMessage; before it, the app joined the channel C024BE91L.";
    assert!(error.code == "restricted_action" && error.message.ends_with(end), "{error}");
}
