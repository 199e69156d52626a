//! Slack's stand-in as its pages describe the real one: tokens, arguments, people, posts.

use axum::body::Body;
use http::{Request, StatusCode};
use serde_json::{Value, json};

use crate::testing::{form, sandbox, send, slack, slack_answer, slack_error};
use crate::world::{
    APP, BOT_USER, DANA_SLACK, GENERAL, LAUNCH, LEADS, RAVI_SLACK, SUPPORT, THREAD_REPLIES, THREAD_TEXT, URGENT,
};

async fn as_whom(authorization: Option<&str>) -> Value {
    let mut request = Request::post("/slack/api/auth.test?token=slack-marker");
    if let Some(authorization) = authorization {
        request = request.header("authorization", authorization);
    }
    let answer = send(&sandbox(), request.body(Body::empty()).unwrap()).await;
    assert_eq!(answer.status, StatusCode::OK);
    answer.json()["error"].clone()
}

#[tokio::test]
async fn a_token_counts_in_the_bearer_header_only() {
    assert_eq!(as_whom(None).await, "not_authed");
    assert_eq!(as_whom(Some("bearer slack-marker")).await, "not_authed", "the scheme's case matters");
    assert_eq!(as_whom(Some("Bearer other")).await, "invalid_auth");
    assert_eq!(as_whom(Some("Bearer slack-marker")).await, Value::Null);
}

#[tokio::test]
async fn auth_test_says_whose_token_it_is() {
    let answer = slack(&sandbox(), "auth.test", &[]).await;
    assert_eq!((&answer["ok"], &answer["user_id"], &answer["app_id"]), (&json!(true), &json!(BOT_USER), &json!(APP)));
}

#[tokio::test]
async fn an_unknown_method_is_named_so() {
    assert_eq!(slack_error(&sandbox(), "chat.shout", &[]).await, "unknown_method");
}

#[tokio::test]
async fn every_answer_carries_a_request_id_and_the_scopes() {
    let sandbox = sandbox();
    let kind = "application/x-www-form-urlencoded";
    let answer = slack_answer(&sandbox, "users.info", kind, &form(&[("user", DANA_SLACK)])).await;
    let other = slack_answer(&sandbox, "users.info", kind, "").await;
    assert_ne!(answer.header("x-slack-req-id"), other.header("x-slack-req-id"));
    assert_eq!(answer.header("x-accepted-oauth-scopes"), "users:read");
    assert!(answer.header("x-oauth-scopes").contains("chat:write,"));
}

#[tokio::test]
async fn bodies_of_the_wrong_kind_have_their_own_errors() {
    let cases = [
        ("text/plain", "channel=x", "invalid_post_type"),
        ("application/json; charset=utf-8", "{", "invalid_json"),
        ("application/json; charset=utf-8", "[]", "json_not_object"),
    ];
    for (kind, body, error) in cases {
        assert_eq!(slack_answer(&sandbox(), "chat.postMessage", kind, body).await.json()["error"], error);
    }
    let request = Request::post("/slack/api/chat.postMessage").header("authorization", "Bearer slack-marker");
    let answer = send(&sandbox(), request.body(Body::from("channel=x")).unwrap()).await;
    assert_eq!(answer.json()["error"], "missing_post_type");
}

#[tokio::test]
async fn a_method_that_takes_forms_only_ignores_json() {
    let kind = "application/json; charset=utf-8";
    let email = json!({ "email": "dana.quist@example.com" }).to_string();
    let answer = slack_answer(&sandbox(), "users.lookupByEmail", kind, &email).await;
    assert_eq!(answer.json()["error"], "users_not_found");
    let channel = json!({ "channel": SUPPORT }).to_string();
    let answer = slack_answer(&sandbox(), "conversations.info", kind, &channel).await;
    assert_eq!(answer.json()["error"], "channel_not_found");
}

#[tokio::test]
async fn charsets_are_warned_about_where_they_do_not_belong() {
    let text = json!({ "channel": SUPPORT, "text": "hi" }).to_string();
    let without = slack_answer(&sandbox(), "chat.postMessage", "application/json", &text).await.json();
    assert_eq!((&without["ok"], &without["warning"]), (&json!(true), &json!("missing_charset")));
    assert_eq!(without["response_metadata"]["warnings"], json!(["missing_charset"]));
    let with = "application/x-www-form-urlencoded; charset=utf-8";
    let with = slack_answer(&sandbox(), "auth.test", with, "a=b").await.json();
    assert_eq!(with["warning"], "superfluous_charset");
}

#[tokio::test]
async fn people_are_found_by_address_in_any_case_unless_they_left() {
    let sandbox = sandbox();
    let found = slack(&sandbox, "users.lookupByEmail", &[("email", "Dana.Quist@EXAMPLE.com")]).await;
    assert_eq!((&found["user"]["id"], &found["user"]["profile"]["display_name"]), (&json!(DANA_SLACK), &json!("Dana")));
    for gone in ["ravi.lindqvist@example.com", "nobody@example.com", ""] {
        assert_eq!(slack_error(&sandbox, "users.lookupByEmail", &[("email", gone)]).await, "users_not_found");
    }
}

#[tokio::test]
async fn those_who_left_are_shown_with_less() {
    let shown = slack(&sandbox(), "users.info", &[("user", RAVI_SLACK)]).await["user"].clone();
    assert_eq!((&shown["deleted"], shown.get("real_name"), shown.get("tz")), (&json!(true), None, None));
    assert_eq!(slack_error(&sandbox(), "users.info", &[("user", "U404")]).await, "user_not_found");
}

#[tokio::test]
async fn an_address_is_shown_only_with_its_own_scope() {
    let sandbox = sandbox();
    sandbox.slack().set_scopes(&["users:read"]);
    let shown = slack(&sandbox, "users.info", &[("user", DANA_SLACK)]).await;
    assert_eq!(shown["user"]["profile"].get("email"), None);
    let refused = slack(&sandbox, "users.lookupByEmail", &[("email", "dana.quist@example.com")]).await;
    let told = (&refused["error"], &refused["needed"], &refused["provided"]);
    assert_eq!(told, (&json!("missing_scope"), &json!("users:read.email"), &json!("users:read")));
}

async fn post(channel: &str, text: &str) -> Value {
    slack(&sandbox(), "chat.postMessage", &[("channel", channel), ("text", text)]).await
}

#[tokio::test]
async fn a_channel_is_named_or_given_by_id_and_comes_back_as_id() {
    for channel in [SUPPORT, "support", "#support"] {
        let answer = post(channel, "hi").await;
        assert_eq!((&answer["ok"], &answer["channel"]), (&json!(true), &json!(SUPPORT)), "{channel}");
        assert_eq!(answer["message"]["bot_profile"]["app_id"], APP);
    }
}

#[tokio::test]
async fn where_the_app_may_not_post_it_is_told_as_slack_tells_it() {
    let cases = [
        (GENERAL, "not_in_channel"),
        ("general", "not_in_channel"),
        (LEADS, "channel_not_found"),
        ("team-leads", "channel_not_found"),
        (LAUNCH, "is_archived"),
        ("C404", "channel_not_found"),
        (RAVI_SLACK, "channel_not_found"),
    ];
    for (channel, error) in cases {
        assert_eq!(post(channel, "hi").await["error"], error, "{channel}");
    }
    assert_eq!(post(SUPPORT, "").await["error"], "no_text");
}

#[tokio::test]
async fn with_chat_write_public_it_posts_to_public_channels_it_has_not_joined() {
    let sandbox = sandbox();
    sandbox.slack().set_scopes(&["chat:write", "chat:write.public", "channels:history"]);
    assert_eq!(slack(&sandbox, "chat.postMessage", &[("channel", "general"), ("text", "hi")]).await["ok"], true);
    assert_eq!(slack_error(&sandbox, "conversations.history", &[("channel", GENERAL)]).await, "not_in_channel");
}

#[tokio::test]
async fn posting_to_a_person_opens_the_conversation() {
    let sandbox = sandbox();
    let answer = slack(&sandbox, "chat.postMessage", &[("channel", DANA_SLACK), ("text", "hi")]).await;
    let opened = slack(&sandbox, "conversations.open", &[("users", DANA_SLACK)]).await;
    assert_eq!(answer["channel"], opened["channel"]["id"]);
}

#[tokio::test]
async fn a_text_is_kept_as_it_was_sent() {
    let (sandbox, text) = (sandbox(), "a &lt;b&gt; &amp; <!channel> *c*\n> d");
    slack(&sandbox, "chat.postMessage", &[("channel", SUPPORT), ("text", text)]).await;
    let posts = sandbox.slack().all_posts();
    assert_eq!((posts.len(), posts[0].text.as_str(), posts[0].by_app), (1, text, true));
    assert_eq!(sandbox.slack().messages("support").last(), posts.last());
}

#[tokio::test]
async fn a_ts_is_unique_and_grows_even_when_time_stands_still() {
    let sandbox = sandbox();
    for text in ["1", "2", "3"] {
        slack(&sandbox, "chat.postMessage", &[("channel", SUPPORT), ("text", text)]).await;
    }
    let ts: Vec<String> = sandbox.slack().all_posts().into_iter().map(|post| post.ts).collect();
    assert_eq!(ts, ["1770106542.318000", "1770106542.318001", "1770106542.318002"]);
}

#[tokio::test]
async fn the_same_client_msg_id_does_not_keep_a_message_from_being_posted_twice() {
    let sandbox = sandbox();
    let arguments = [("channel", SUPPORT), ("text", "hi"), ("client_msg_id", "9f9a5c0e-0f6d-5b4f-8f0e-3f5d2c1b0a99")];
    for _ in 0..2 {
        slack(&sandbox, "chat.postMessage", &arguments).await;
    }
    assert_eq!(sandbox.slack().all_posts().len(), 2);
}

#[tokio::test]
async fn a_long_text_becomes_several_messages_and_the_first_ones_ts_is_told() {
    let sandbox = sandbox();
    let single = "é".repeat(4_040);
    slack(&sandbox, "chat.postMessage", &[("channel", SUPPORT), ("text", &single)]).await;
    assert_eq!(sandbox.slack().all_posts().len(), 1);
    let answer = slack(&sandbox, "chat.postMessage", &[("channel", URGENT), ("text", &"é".repeat(9_000))]).await;
    let posts = &sandbox.slack().all_posts()[1..];
    let lengths: Vec<usize> = posts.iter().map(|post| post.text.chars().count()).collect();
    assert_eq!((lengths, &answer["ts"]), (vec![4_000, 4_000, 1_000], &json!(posts[0].ts)));
}

#[tokio::test]
async fn beyond_forty_thousand_characters_a_text_is_cut_with_a_warning() {
    let sandbox = sandbox();
    let answer = slack(&sandbox, "chat.postMessage", &[("channel", SUPPORT), ("text", &"x".repeat(40_001))]).await;
    assert_eq!((&answer["ok"], &answer["warning"]), (&json!(true), &json!("message_truncated")));
    assert_eq!(sandbox.slack().all_posts().len(), 10);
}

#[tokio::test]
async fn metadata_must_have_a_type_and_an_object() {
    let with = |metadata: &str| {
        let arguments = form(&[("channel", SUPPORT), ("text", "hi"), ("metadata", metadata)]);
        async move {
            let kind = "application/x-www-form-urlencoded";
            slack_answer(&sandbox(), "chat.postMessage", kind, &arguments).await.json()["error"].clone()
        }
    };
    let good = json!({ "event_type": "t", "event_payload": { "key": "k", "n": 1 } });
    assert_eq!(with(&good.to_string()).await, Value::Null);
    for bad in
        ["{", "[]", r#"{"event_type":"t"}"#, r#"{"event_type":"t","event_payload":"k"}"#, r#"{"event_payload":{}}"#]
    {
        assert_eq!(with(bad).await, "invalid_metadata_format", "{bad}");
    }
    let large = json!({ "event_type": "t", "event_payload": { "key": "k".repeat(2_000) } });
    assert_eq!(with(&large.to_string()).await, "metadata_too_large");
}

#[tokio::test]
async fn a_reaction_is_put_once() {
    let sandbox = sandbox();
    let ts = sandbox.slack().messages("support")[0].ts.clone();
    let add = [("channel", SUPPORT), ("timestamp", &ts), ("name", "eyes")];
    assert_eq!(slack(&sandbox, "reactions.add", &add).await, json!({ "ok": true }));
    assert_eq!(slack_error(&sandbox, "reactions.add", &add).await, "already_reacted");
    assert_eq!(sandbox.slack().messages("support")[0].reactions[0].users, [BOT_USER]);
    let cases = [
        (SUPPORT, ts.as_str(), ":eyes:", "invalid_name"),
        (SUPPORT, "1.000000", "eyes", "message_not_found"),
        (SUPPORT, "now", "eyes", "bad_timestamp"),
        (SUPPORT, "", "eyes", "no_item_specified"),
        ("support", &ts, "eyes", "channel_not_found"),
    ];
    for (channel, ts, name, error) in cases {
        let arguments = [("channel", channel), ("timestamp", ts), ("name", name)];
        assert_eq!(slack_error(&sandbox, "reactions.add", &arguments).await, error);
    }
}

#[tokio::test]
async fn the_seeded_thread_reads_as_a_thread() {
    let sandbox = sandbox();
    let history = slack(&sandbox, "conversations.history", &[("channel", SUPPORT)]).await;
    let history = history["messages"].as_array().unwrap();
    let first = history.iter().find(|message| message["text"] == THREAD_TEXT).unwrap();
    assert_eq!((&first["reply_count"], &first["thread_ts"]), (&json!(3), &first["ts"]));
    assert!(!history.iter().any(|message| THREAD_REPLIES.iter().any(|reply| message["text"] == *reply)));
    let arguments = [("channel", SUPPORT), ("ts", first["ts"].as_str().unwrap())];
    let thread = slack(&sandbox, "conversations.replies", &arguments).await;
    let texts: Vec<&str> =
        thread["messages"].as_array().unwrap().iter().map(|message| message["text"].as_str().unwrap()).collect();
    assert_eq!(texts, [&[THREAD_TEXT], &THREAD_REPLIES[..]].concat());
}
