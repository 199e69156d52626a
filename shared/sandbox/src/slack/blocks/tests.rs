//! Blocks: what is taken, how a refusal is worded, and what the page shows.

use serde_json::{Value, json};

use crate::Sandbox;
use crate::testing::{get, sandbox, slack};
use crate::world::SUPPORT;

async fn post(sandbox: &Sandbox, blocks: &Value) -> Value {
    slack(sandbox, "chat.postMessage", &[("channel", SUPPORT), ("text", "in short"), ("blocks", &blocks.to_string())])
        .await
}

fn section(text: &str) -> Value {
    json!({ "type": "section", "text": { "type": "mrkdwn", "text": text } })
}

#[tokio::test]
async fn blocks_are_kept_and_shown_in_place_of_the_text() {
    let sandbox = sandbox();
    let blocks = json!([
        { "type": "header", "text": { "type": "plain_text", "text": "Ticket <48213>" } },
        section("*Helmets* arrived cracked"),
        { "type": "section", "fields": [{ "type": "mrkdwn", "text": "_high_" }] },
        { "type": "divider" },
        { "type": "actions", "elements": [{ "type": "button", "text": { "type": "plain_text", "text": "Take it" } }] },
    ]);
    let answer = post(&sandbox, &blocks).await;
    assert_eq!((&answer["message"]["blocks"], &answer["message"]["text"]), (&blocks, &json!("in short")));
    assert_eq!(sandbox.slack().all_posts()[0].blocks, Some(blocks));
    let page = get(&sandbox, &format!("/slack?channel={SUPPORT}")).await.text();
    for part in ["Ticket &lt;48213&gt;", "<strong>Helmets</strong>", "<em>high</em>", "<hr>", "Take it"] {
        assert!(page.contains(part), "{part}");
    }
    assert!(!page.contains("in short"));
}

#[tokio::test]
async fn blocks_need_no_text_beside_them() {
    let arguments = [("channel", SUPPORT), ("blocks", r#"[{"type":"divider"}]"#)];
    assert_eq!(slack(&sandbox(), "chat.postMessage", &arguments).await["ok"], true);
    assert_eq!(
        slack(&sandbox(), "chat.postMessage", &[("channel", SUPPORT), ("blocks", "[]")]).await["error"],
        "no_text"
    );
}

#[tokio::test]
async fn a_breach_of_a_limit_is_pointed_at() {
    let sandbox = sandbox();
    let plain = |length: usize| json!({ "type": "plain_text", "text": "x".repeat(length) });
    let button = json!({ "type": "button", "text": plain(76) });
    let cases = [
        (json!([section(&"x".repeat(3_001))]), "must be less than 3001 characters [json-pointer:/blocks/0/text]"),
        (json!([section("")]), "must be more than 0 characters [json-pointer:/blocks/0/text/text]"),
        (json!([section("x"), { "type": "header", "text": plain(151) }]), "[json-pointer:/blocks/1/text]"),
        (json!([{ "type": "section", "fields": vec![plain(1); 11] }]), "no more than 10 items allowed"),
        (json!([{ "type": "section", "fields": [plain(2_001)] }]), "/blocks/0/fields/0/text"),
        (json!([{ "type": "actions", "elements": [button] }]), "/blocks/0/elements/0/text"),
        (json!([{ "type": "section" }]), "missing required field: text"),
        (json!([{ "type": "hologram" }]), "unsupported type [json-pointer:/blocks/0/type]"),
        (json!(vec![json!({ "type": "divider" }); 51]), "no more than 50 items allowed [json-pointer:/blocks]"),
    ];
    for (blocks, part) in cases {
        let answer = post(&sandbox, &blocks).await;
        assert_eq!(answer["error"], "invalid_blocks");
        let message = answer["response_metadata"]["messages"][0].as_str().unwrap();
        assert!(message.starts_with("[ERROR] ") && message.contains(part), "{message}");
    }
    let long = post(&sandbox, &json!(vec![section(&"x".repeat(2_900)); 5])).await;
    assert_eq!(long["error"], "msg_blocks_too_long");
    for bad in [json!({}), json!("x")] {
        assert_eq!(post(&sandbox, &bad).await["error"], "invalid_blocks_format");
    }
    assert!(sandbox.slack().all_posts().is_empty());
}
