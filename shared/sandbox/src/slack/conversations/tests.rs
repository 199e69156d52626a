//! Opening, joining and listing conversations.

use serde_json::{Value, json};

use crate::testing::{sandbox, slack, slack_error};
use crate::world::{BOT_USER, DANA_SLACK, GENERAL, INES_SLACK, LAUNCH, LEADS, RAVI_SLACK, SUPPORT, TEO_SLACK};

#[tokio::test]
async fn the_same_people_have_the_same_conversation() {
    let sandbox = sandbox();
    let open =
        async |users: &str| slack(&sandbox, "conversations.open", &[("users", users)]).await["channel"]["id"].clone();
    let dana = open(DANA_SLACK).await;
    assert!(dana.as_str().unwrap().starts_with('D'));
    assert_eq!(open(DANA_SLACK).await, dana);
    assert_ne!(open(TEO_SLACK).await, dana);
    assert_eq!(sandbox.slack().direct_conversation("dana.quist@example.com").as_deref(), dana.as_str());
}

#[tokio::test]
async fn a_full_object_says_whether_it_was_open() {
    let sandbox = sandbox();
    for was_there in [false, true] {
        let answer = slack(&sandbox, "conversations.open", &[("users", DANA_SLACK), ("return_im", "true")]).await;
        let told = (&answer["no_op"], &answer["already_open"], &answer["channel"]["user"]);
        assert_eq!(told, (&json!(was_there), &json!(was_there), &json!(DANA_SLACK)));
    }
}

#[tokio::test]
async fn several_people_need_their_own_scope() {
    let users = [("users", format!("{DANA_SLACK},{TEO_SLACK}"))];
    let users = users.each_ref().map(|(name, value)| (*name, value.as_str()));
    assert_eq!(slack(&sandbox(), "conversations.open", &users).await["needed"], "mpim:write");
    let sandbox = sandbox();
    sandbox.slack().set_scopes(&["mpim:write"]);
    assert_eq!(slack(&sandbox, "conversations.open", &users).await["ok"], true);
}

#[tokio::test]
async fn people_who_cannot_be_written_to_are_refused() {
    let nine = (1..=9).map(|number| format!("U{number}")).collect::<Vec<_>>().join(",");
    let cases = [
        ("", "users_list_not_supplied"),
        ("U404", "user_not_found"),
        (RAVI_SLACK, "user_disabled"),
        (BOT_USER, "cannot_dm_bot"),
        (nine.as_str(), "too_many_users"),
    ];
    for (users, error) in cases {
        assert_eq!(slack_error(&sandbox(), "conversations.open", &[("users", users)]).await, error);
    }
}

#[tokio::test]
async fn joining_a_public_channel_lets_the_app_read_and_post() {
    let sandbox = sandbox();
    let joined = slack(&sandbox, "conversations.join", &[("channel", GENERAL)]).await;
    assert_eq!((&joined["ok"], joined.get("warning")), (&json!(true), None));
    assert_eq!(slack(&sandbox, "conversations.history", &[("channel", GENERAL)]).await["ok"], true);
    let again = slack(&sandbox, "conversations.join", &[("channel", GENERAL)]).await;
    assert_eq!((&again["ok"], &again["warning"]), (&json!(true), &json!("already_in_channel")));
}

#[tokio::test]
async fn what_cannot_be_joined_is_refused() {
    let sandbox = sandbox();
    let direct = slack(&sandbox, "conversations.open", &[("users", INES_SLACK)]).await;
    let direct = direct["channel"]["id"].as_str().unwrap();
    let cases = [
        (LEADS, "channel_not_found"),
        (LAUNCH, "is_archived"),
        (direct, "method_not_supported_for_channel_type"),
        ("general", "channel_not_found"),
    ];
    for (channel, error) in cases {
        assert_eq!(slack_error(&sandbox, "conversations.join", &[("channel", channel)]).await, error);
    }
}

fn names(page: &Value) -> Vec<&str> {
    page["channels"].as_array().unwrap().iter().filter_map(|channel| channel["name"].as_str()).collect()
}

#[tokio::test]
async fn a_page_is_filtered_after_it_was_cut_so_it_can_be_empty_and_not_the_last() {
    let sandbox = sandbox();
    let mut arguments = vec![("exclude_archived", "true"), ("limit", "1")];
    let mut pages = Vec::new();
    let mut cursor = String::new();
    loop {
        let mut given = arguments.clone();
        given.push(("cursor", &cursor));
        let page = slack(&sandbox, "conversations.list", &given).await;
        pages.push(names(&page).join(","));
        match page["response_metadata"]["next_cursor"].as_str().unwrap() {
            "" => break,
            next => cursor = next.to_owned(),
        }
    }
    assert_eq!(pages, ["general", "", "support", "support-urgent"]);
    arguments.clear();
    assert_eq!(names(&slack(&sandbox, "conversations.list", &arguments).await).len(), 4);
}

#[tokio::test]
async fn private_channels_without_the_app_are_in_no_list() {
    let types = [("types", "public_channel,private_channel")];
    let listed = slack(&sandbox(), "conversations.list", &types).await;
    assert!(!names(&listed).contains(&"team-leads"));
    assert_eq!(slack_error(&sandbox(), "conversations.info", &[("channel", LEADS)]).await, "channel_not_found");
    let refused = slack(&sandbox(), "conversations.list", &[("types", "mpim")]).await;
    assert_eq!(refused["needed"], "mpim:read");
    assert_eq!(slack_error(&sandbox(), "conversations.list", &[("cursor", "x")]).await, "invalid_cursor");
}

#[tokio::test]
async fn a_conversation_says_whether_the_app_is_a_member() {
    for (channel, is_member) in [(SUPPORT, true), (GENERAL, false)] {
        let info = slack(&sandbox(), "conversations.info", &[("channel", channel)]).await;
        assert_eq!(info["channel"]["is_member"], is_member);
    }
}
