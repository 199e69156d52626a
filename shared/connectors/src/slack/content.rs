//! What a message says: the inputs `message`, `blocks` and `if_too_long`, which all actions that post have in common.
//! Read and checked here before anything is sent.

use deskwire_core::action::{CallError, ErrorClass};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::Serialize;
use serde_json::{Map, Value};

use crate::input;
use crate::slack::blocks;
use crate::slack::split::{length, split};

/// Slack advises at most 4,000 characters, and was seen to split longer texts into several messages, through links and
/// fences alike (<https://docs.slack.dev/reference/methods/chat.postMessage>, checked 2026-11-23).
pub(crate) const MOST_TEXT: usize = 4_000;

/// A text is split into so many messages at most; more would be a file, not a message.
pub(crate) const MOST_PARTS: usize = 10;

/// What becomes of a message that is longer than Slack takes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum IfTooLong {
    /// The step fails and nothing is sent.
    #[default]
    Refuse,
    /// It is sent in several messages.
    Split,
}

impl JsonSchema for IfTooLong {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "IfTooLong".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "enum": ["refuse", "split"] })
    }
}

/// The inputs, for their schema.
#[derive(JsonSchema)]
#[expect(dead_code, reason = "its schema is what counts")]
pub(crate) struct ContentInput {
    /// The text, in Slack's mrkdwn; at most 4,000 characters unless it may be split. With `blocks` it is what
    /// notifications and screen readers say.
    #[schemars(extend("x-personal" = true, "x-markup" = "mrkdwn"))]
    message: String,
    /// The message's layout in Block Kit; at most 50 blocks.
    #[schemars(default, extend("x-personal" = true, "x-markup" = "blocks"))]
    blocks: Vec<Map<String, Value>>,
    /// What to do with a message of more than 4,000 characters: `refuse` it, or `split` it into up to 10 messages, of which
    /// the later ones stand in the thread.
    #[schemars(default)]
    if_too_long: IfTooLong,
}

/// The inputs as read.
#[derive(Debug)]
pub struct Content {
    /// The text in pieces that each fit into a message; nearly always one.
    pub(crate) parts: Vec<String>,
    /// The blocks as JSON, for a message in one part.
    pub(crate) blocks: Option<String>,
}

impl Content {
    pub(crate) fn read(given: &Value) -> Result<Self, CallError> {
        let message = input::text(given, "message")?;
        let blocks = input::list(given, "blocks")?.filter(|blocks| !blocks.is_empty());
        let if_too_long = if_too_long(given)?;
        if let Some(blocks) = blocks {
            blocks::check(blocks)?;
        }
        let length = length(&message);
        let parts = if length <= MOST_TEXT {
            vec![message]
        } else if if_too_long == IfTooLong::Refuse {
            return Err(too_long(format!(
                "The message has {length} characters after escaping; Slack takes {MOST_TEXT}. Nothing was sent. Shorten \
                 it, for example by quoting only a part: `{{{{ text[:3000] }}}}`, or send it in parts with \
                 `if_too_long: split`."
            )));
        } else if blocks.is_some() {
            return Err(too_long(format!(
                "The message has {length} characters after escaping; Slack takes {MOST_TEXT}, and beside `blocks`, where \
                 it is only the notification, it cannot be split. Nothing was sent. Shorten it."
            )));
        } else {
            in_parts(&message, length)?
        };
        Ok(Self { parts, blocks: blocks.map(|blocks| Value::from(blocks).to_string()) })
    }
}

fn in_parts(message: &str, length: usize) -> Result<Vec<String>, CallError> {
    let too_many = || {
        too_long(format!(
            "The message has {length} characters after escaping, more than {MOST_PARTS} messages of {MOST_TEXT} hold. \
             Nothing was sent. Shorten it, for example by quoting only a part: `{{{{ text[:3000] }}}}`."
        ))
    };
    // What is far too long is not even looked through.
    if length > MOST_PARTS * MOST_TEXT {
        return Err(too_many());
    }
    let parts = split(message, MOST_TEXT).map_err(|_| {
        too_long(format!(
            "The message holds a link or mention of more than {MOST_TEXT} characters, which no message can hold whole. \
             Nothing was sent. Shorten it."
        ))
    })?;
    if parts.len() > MOST_PARTS { Err(too_many()) } else { Ok(parts) }
}

fn if_too_long(given: &Value) -> Result<IfTooLong, CallError> {
    match given.get("if_too_long") {
        None | Some(Value::Null) => Ok(IfTooLong::Refuse),
        Some(Value::String(word)) if word == "refuse" => Ok(IfTooLong::Refuse),
        Some(Value::String(word)) if word == "split" => Ok(IfTooLong::Split),
        Some(_) => {
            let message = "`if_too_long` must be `refuse` or `split`. Change what the step gives under `with:`.";
            Err(CallError::new(ErrorClass::Fail, "bad_input", message))
        }
    }
}

fn too_long(message: String) -> CallError {
    CallError::new(ErrorClass::Fail, "msg_too_long", message)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn refused(given: &Value) -> CallError {
        let error = Content::read(given).unwrap_err();
        assert_eq!(error.class, ErrorClass::Fail);
        error
    }

    #[test]
    fn the_limit_counts_utf16_units() {
        assert!(Content::read(&json!({ "message": "x".repeat(4_000) })).is_ok());
        assert!(Content::read(&json!({ "message": "😀".repeat(2_000) })).is_ok());
        let error = refused(&json!({ "message": "😀".repeat(2_001) }));
        assert_eq!(error.code, "msg_too_long");
        assert!(error.message.contains("4002") && error.message.contains("4000"), "{error}");
    }

    #[test]
    fn a_text_is_split_only_where_the_step_says_so_and_into_ten_parts_at_most() {
        let lines = "x".repeat(3_999) + "\n";
        let split = |times: usize| json!({ "message": lines.repeat(times), "if_too_long": "split" });
        assert_eq!(Content::read(&split(10)).unwrap().parts.len(), 10);
        assert_eq!(Content::read(&json!({ "message": "hi", "if_too_long": "split" })).unwrap().parts, ["hi"]);
        for too_long in [split(11), json!({ "message": "x ".repeat(524_288), "if_too_long": "split" })] {
            let error = refused(&too_long);
            assert_eq!(error.code, "msg_too_long");
            assert!(error.message.contains("10 messages of 4000"), "{error}");
        }
        let refusal = refused(&json!({ "message": lines.repeat(2), "if_too_long": "refuse" }));
        assert!(refusal.message.contains("`if_too_long: split`"), "{refusal}");
    }

    #[test]
    fn beside_blocks_a_message_is_not_split() {
        let blocks = json!([{ "type": "divider" }]);
        let long = json!({ "message": "x".repeat(4_001), "if_too_long": "split", "blocks": blocks });
        assert!(refused(&long).message.contains("beside `blocks`"));
        let content = Content::read(&json!({ "message": "hi", "blocks": blocks })).unwrap();
        assert_eq!(content.blocks.unwrap(), r#"[{"type":"divider"}]"#);
        assert!(Content::read(&json!({ "message": "hi", "blocks": [] })).unwrap().blocks.is_none());
    }

    #[test]
    fn inputs_of_the_wrong_kind_are_named() {
        for (given, part) in [
            (json!({ "message": "hi", "blocks": "[]" }), "`blocks` is text"),
            (json!({ "message": "hi", "if_too_long": "cut" }), "`if_too_long` must be"),
            (json!({ "blocks": [{ "type": "divider" }] }), "`message` is none"),
        ] {
            let error = refused(&given);
            assert_eq!(error.code, "bad_input");
            assert!(error.message.starts_with(part), "{error}");
        }
    }
}
