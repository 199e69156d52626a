//! Reading channels and threads.

use serde_json::{Value, json};

use crate::testing::{sandbox, slack, slack_error};
use crate::world::{GENERAL, LEADS, SUPPORT, URGENT};
use crate::{Sandbox, slack::Message};

/// Posts to `#support-urgent`, which holds one message of the seeded world.
async fn post(sandbox: &Sandbox, text: &str, more: &[(&str, &str)]) -> String {
    let arguments = [&[("channel", URGENT), ("text", text)], more].concat();
    slack(sandbox, "chat.postMessage", &arguments).await["ts"].as_str().unwrap().to_owned()
}

fn texts(answer: &Value) -> Vec<&str> {
    answer["messages"].as_array().unwrap().iter().map(|message| message["text"].as_str().unwrap()).collect()
}

async fn history(sandbox: &Sandbox, more: &[(&str, &str)]) -> Value {
    slack(sandbox, "conversations.history", &[&[("channel", URGENT)], more].concat()).await
}

async fn replies(sandbox: &Sandbox, ts: &str, more: &[(&str, &str)]) -> Value {
    slack(sandbox, "conversations.replies", &[&[("channel", URGENT), ("ts", ts)], more].concat()).await
}

#[tokio::test]
async fn history_is_read_newest_first_a_page_at_a_time() {
    let sandbox = sandbox();
    for text in ["1", "2", "3", "4"] {
        post(&sandbox, text, &[]).await;
    }
    let mut seen = Vec::new();
    let mut cursor = String::new();
    loop {
        let page = history(&sandbox, &[("limit", "2"), ("cursor", &cursor)]).await;
        seen.extend(texts(&page).into_iter().map(|text| text.chars().take(8).collect::<String>()));
        let next = page["response_metadata"]["next_cursor"].as_str().unwrap_or_default();
        assert_eq!(page["has_more"], !next.is_empty());
        if next.is_empty() {
            break;
        }
        cursor = next.to_owned();
    }
    assert_eq!(seen, ["4", "3", "2", "1", "Checkout"]);
}

#[tokio::test]
async fn bounds_are_outside_unless_inclusive() {
    let sandbox = sandbox();
    let (one, _, three) =
        (post(&sandbox, "1", &[]).await, post(&sandbox, "2", &[]).await, post(&sandbox, "3", &[]).await);
    let bounds = [("oldest", one.as_str()), ("latest", three.as_str())];
    assert_eq!(texts(&history(&sandbox, &bounds).await), ["2"]);
    let inclusive = [&bounds[..], &[("inclusive", "true")]].concat();
    assert_eq!(texts(&history(&sandbox, &inclusive).await), ["3", "2", "1"]);
    assert_eq!(texts(&history(&sandbox, &[("oldest", "1770106542")]).await), ["3", "2", "1"]);
}

#[tokio::test]
async fn with_latest_alone_the_nearest_older_message_comes() {
    let sandbox = sandbox();
    post(&sandbox, "1", &[]).await;
    let found = history(&sandbox, &[("latest", "1770106542.318999"), ("inclusive", "true"), ("limit", "1")]).await;
    assert_eq!(texts(&found), ["1"], "an exact match is the caller's business");
}

#[tokio::test]
async fn unreadable_bounds_and_cursors_are_refused() {
    for (name, error) in
        [("oldest", "invalid_ts_oldest"), ("latest", "invalid_ts_latest"), ("cursor", "invalid_cursor")]
    {
        let arguments = [("channel", URGENT), (name, "yesterday")];
        assert_eq!(slack_error(&sandbox(), "conversations.history", &arguments).await, error);
    }
}

#[tokio::test]
async fn reading_needs_membership_and_the_scope_of_the_channels_kind() {
    let sandbox = sandbox();
    assert_eq!(slack_error(&sandbox, "conversations.history", &[("channel", GENERAL)]).await, "not_in_channel");
    assert_eq!(slack_error(&sandbox, "conversations.history", &[("channel", LEADS)]).await, "channel_not_found");
    assert_eq!(slack_error(&sandbox, "conversations.history", &[("channel", "support")]).await, "channel_not_found");
    sandbox.slack().set_scopes(&["im:history"]);
    let refused = slack(&sandbox, "conversations.history", &[("channel", SUPPORT)]).await;
    assert_eq!((&refused["error"], &refused["needed"]), (&json!("missing_scope"), &json!("channels:history")));
}

#[tokio::test]
async fn metadata_is_shown_in_full_only_where_that_is_asked_for() {
    let sandbox = sandbox();
    let metadata = json!({ "event_type": "t", "event_payload": { "key": "k", "nested": { "n": 1 } } });
    post(&sandbox, "1", &[("metadata", &metadata.to_string())]).await;
    assert_eq!(history(&sandbox, &[]).await["messages"][0]["metadata"], json!({ "event_type": "t" }));
    let all = history(&sandbox, &[("include_all_metadata", "true")]).await;
    assert_eq!(all["messages"][0]["metadata"], metadata);
    assert_eq!(sandbox.slack().all_posts()[0].metadata, Some(metadata));
}

#[tokio::test]
async fn replies_are_in_their_thread_and_not_in_the_history() {
    let sandbox = sandbox();
    let parent = post(&sandbox, "parent", &[]).await;
    let alone = replies(&sandbox, &parent, &[]).await;
    assert_eq!((texts(&alone), alone["messages"][0].get("thread_ts")), (vec!["parent"], None));
    let reply = post(&sandbox, "reply", &[("thread_ts", &parent)]).await;
    post(&sandbox, "shown in both", &[("thread_ts", &parent), ("reply_broadcast", "true")]).await;

    let thread = replies(&sandbox, &parent, &[]).await;
    assert_eq!(texts(&thread), ["parent", "reply", "shown in both"]);
    assert_eq!(
        (&thread["messages"][0]["reply_count"], &thread["messages"][1]["thread_ts"]),
        (&json!(2), &json!(parent))
    );
    assert_eq!(texts(&replies(&sandbox, &reply, &[]).await), texts(&thread), "any message names its thread");
    let one = [("oldest", reply.as_str()), ("latest", reply.as_str()), ("inclusive", "true")];
    assert_eq!(texts(&replies(&sandbox, &parent, &one).await), ["parent", "reply"]);

    let top = history(&sandbox, &[]).await;
    assert_eq!(texts(&top)[..2], ["shown in both", "parent"]);
    assert_eq!(top["messages"][0]["subtype"], "thread_broadcast");
}

#[tokio::test]
async fn a_thread_is_read_a_page_at_a_time() {
    let sandbox = sandbox();
    let parent = post(&sandbox, "parent", &[]).await;
    for text in ["1", "2"] {
        post(&sandbox, text, &[("thread_ts", &parent)]).await;
    }
    let first = replies(&sandbox, &parent, &[("limit", "2")]).await;
    assert_eq!((texts(&first), &first["has_more"]), (vec!["parent", "1"], &json!(true)));
    let cursor = first["response_metadata"]["next_cursor"].as_str().unwrap();
    let second = replies(&sandbox, &parent, &[("limit", "2"), ("cursor", cursor)]).await;
    assert_eq!((texts(&second), &second["has_more"]), (vec!["2"], &json!(false)));
}

#[tokio::test]
async fn a_thread_that_is_not_there_is_not_found_and_takes_no_reply() {
    let sandbox = sandbox();
    assert_eq!(slack_error(&sandbox, "conversations.replies", &[("channel", URGENT)]).await, "thread_not_found");
    let unknown = [("channel", URGENT), ("ts", "1.000000")];
    assert_eq!(slack_error(&sandbox, "conversations.replies", &unknown).await, "thread_not_found");
    let parent = post(&sandbox, "parent", &[]).await;
    let reply = post(&sandbox, "reply", &[("thread_ts", &parent)]).await;
    for (thread, error) in
        [("1.000000", "thread_not_found"), ("soon", "invalid_thread_ts"), (reply.as_str(), "invalid_thread_ts")]
    {
        let arguments = [("channel", URGENT), ("text", "hi"), ("thread_ts", thread)];
        assert_eq!(slack_error(&sandbox, "chat.postMessage", &arguments).await, error);
    }
    let is_reply = |message: &Message| message.thread_ts.as_ref().is_some_and(|thread| *thread != message.ts);
    assert_eq!(sandbox.slack().all_posts().iter().filter(|message| is_reply(message)).count(), 1);
}
