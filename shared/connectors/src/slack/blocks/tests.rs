//! Block Kit's limits: what is refused, and how it is worded.

use serde_json::json;

use super::*;

fn section(text: &str) -> Value {
    json!({ "type": "section", "text": { "type": "mrkdwn", "text": text } })
}

fn refused(blocks: &[Value]) -> String {
    let error = check(blocks).unwrap_err();
    assert_eq!((error.class, error.code.as_str()), (ErrorClass::Fail, "invalid_blocks"));
    assert!(error.message.contains("Nothing was sent."), "{error}");
    error.message
}

#[test]
fn what_slacks_pages_show_is_taken() {
    let blocks = json!([
        { "type": "header", "text": { "type": "plain_text", "text": "New ticket" } },
        section(&"x".repeat(3_000)),
        { "type": "divider" },
        { "type": "section", "fields": [{ "type": "mrkdwn", "text": "*Priority*\nhigh" }] },
        { "type": "actions", "elements": [{ "type": "button", "text": { "type": "plain_text", "text": "Open" },
            "url": "https://acme.zendesk.com/agent/tickets/1", "action_id": "open",
            "confirm": { "title": { "type": "plain_text", "text": "Sure?" } } }] },
        { "type": "context", "elements": [{ "type": "mrkdwn", "text": "by Deskwire" }] },
        { "type": "a_kind_of_tomorrow", "anything": [1, null, { "text": 5 }] },
    ]);
    check(blocks.as_array().unwrap()).unwrap();
    check(&[]).unwrap();
}

#[test]
fn a_breach_names_the_place_the_limit_and_the_size() {
    let blocks = [section("fine"), section(&"é".repeat(3_001))];
    assert_eq!(
        refused(&blocks),
        "`blocks[1].text` has 3001 characters; Slack takes at most 3000. Nothing was sent. Shorten it in the step."
    );
    assert!(refused(&[section("")]).starts_with("`blocks[0].text` is empty; Slack takes 1 to 3000 characters."));
    assert!(refused(&vec![json!({ "type": "divider" }); 51]).contains("has 51 blocks; Slack takes at most 50."));
}

#[test]
fn every_limit_of_the_table_is_held() {
    let text = |length: usize| json!({ "type": "plain_text", "text": "x".repeat(length) });
    let option = |length: usize| json!({ "text": text(length), "value": "v" });
    let action = |element: Value| json!({ "type": "actions", "elements": [element] });
    let cases = [
        (json!({ "type": "header", "text": text(151) }), "blocks[0].text` has 151 characters"),
        (json!({ "type": "section", "fields": [text(1), text(2_001)] }), "blocks[0].fields[1]` has 2001"),
        (json!({ "type": "section", "fields": vec![text(1); 11] }), "blocks[0].fields` has 11 items"),
        (json!({ "type": "context", "elements": vec![text(1); 11] }), "blocks[0].elements` has 11 items"),
        (json!({ "type": "actions", "elements": vec![json!({}); 26] }), "blocks[0].elements` has 26 items"),
        (json!({ "type": "divider", "block_id": "x".repeat(256) }), "blocks[0].block_id` has 256"),
        (json!({ "type": "image", "alt_text": "x".repeat(2_001) }), "blocks[0].alt_text` has 2001"),
        (action(json!({ "type": "button", "text": text(76) })), "blocks[0].elements[0].text` has 76"),
        (action(json!({ "type": "button", "value": "x".repeat(2_001) })), "elements[0].value` has 2001"),
        (action(json!({ "type": "overflow", "options": vec![option(1); 6] })), "elements[0].options` has 6 items"),
        (json!({ "type": "header", "text": text(0) }), "blocks[0].text` is empty"),
        (json!({ "type": "markdown", "text": "x".repeat(12_001) }), "blocks[0].text` has 12001"),
        (action(json!({ "type": "button", "accessibility_label": "x".repeat(76) })), "accessibility_label` has 76"),
        (action(json!({ "type": "checkboxes", "options": vec![option(1); 11] })), "elements[0].options` has 11 items"),
        (action(json!({ "type": "radio_buttons", "options": [option(76)] })), "elements[0].options[0]` has 76"),
        (action(json!({ "type": "datepicker", "placeholder": text(151) })), "elements[0].placeholder` has 151"),
        (
            action(json!({ "type": "static_select", "options": [{ "text": text(1), "value": "x".repeat(151) }] })),
            "elements[0].options[0].value` has 151",
        ),
        (
            action(
                json!({ "type": "static_select", "option_groups": [{ "label": text(76), "options": [option(1)] }] }),
            ),
            "elements[0].option_groups[0].label` has 76",
        ),
        (
            json!({ "type": "section", "accessory": { "type": "static_select", "options": [option(76)] } }),
            "blocks[0].accessory.options[0]` has 76",
        ),
        (
            action(json!({ "type": "button", "confirm": { "title": text(101) } })),
            "blocks[0].elements[0].confirm.title` has 101",
        ),
    ];
    for (block, part) in cases {
        let message = refused(&[block]);
        assert!(message.contains(part), "{part}: {message}");
    }
}

#[test]
fn what_is_no_block_is_named() {
    for bad in [json!("section"), json!({}), json!({ "type": "" }), json!(null)] {
        assert!(refused(&[section("x"), bad]).starts_with("`blocks[1]` is not a block"));
    }
}

#[test]
fn texts_that_are_too_long_together_are_refused() {
    let error = check(&vec![section(&"x".repeat(2_500)); 5]).unwrap_err();
    assert_eq!((error.class, error.code.as_str()), (ErrorClass::Fail, "msg_blocks_too_long"));
    assert!(error.message.contains("12500") && error.message.contains("12000"), "{error}");
}
