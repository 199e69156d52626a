//! Block Kit's limits, checked before a message is sent: Slack answers a breach with `invalid_blocks` for the whole message
//! and does not always say where. Called by `content`. What kinds of blocks there are is Slack's business; a kind that is
//! not in the table is passed on as it is.
//!
//! From <https://docs.slack.dev/reference/block-kit/blocks> (checked 2026-11-23). What counts as a character is not
//! documented; UTF-16 units are the larger count.

use deskwire_core::action::{CallError, ErrorClass};
use serde_json::Value;

use crate::slack::split::length;

/// A message holds at most so many blocks.
const MOST_BLOCKS: usize = 50;

/// All texts of a message's blocks together. Slack publishes no number; messages of about 13,200 characters were refused
/// with `msg_blocks_too_long` by others' account, though each block kept its own limit.
const MOST_CHARACTERS: usize = 12_000;

/// What a rule limits in a field.
enum Limit {
    /// Characters of a text, which stands there by itself or in a text object.
    Text(usize),
    /// The same, and the text must not be empty.
    SomeText(usize),
    /// Items of a list.
    Items(usize),
    /// Characters of each item of a list.
    Each(usize),
}

use Limit::{Each, Items, SomeText, Text};

/// The objects of a kind (of any kind: `*`), a field, and its limit. Confirmations, options and groups of options have no
/// `type`; the field they stand in names their kind.
const RULES: &[(&str, &str, Limit)] = &[
    ("*", "action_id", Text(255)),
    ("*", "block_id", Text(255)),
    ("*", "placeholder", Text(150)),
    ("actions", "elements", Items(25)),
    ("button", "accessibility_label", Text(75)),
    ("button", "text", Text(75)),
    ("button", "url", Text(3_000)),
    ("button", "value", Text(2_000)),
    ("checkboxes", "options", Each(75)),
    ("checkboxes", "options", Items(10)),
    ("confirm", "confirm", Text(30)),
    ("confirm", "deny", Text(30)),
    ("confirm", "text", Text(300)),
    ("confirm", "title", Text(100)),
    ("context", "elements", Items(10)),
    ("header", "text", SomeText(150)),
    ("image", "alt_text", Text(2_000)),
    ("image", "image_url", Text(3_000)),
    ("image", "title", Text(2_000)),
    ("input", "hint", Text(2_000)),
    ("input", "label", Text(2_000)),
    ("markdown", "text", Text(12_000)),
    ("multi_static_select", "option_groups", Items(100)),
    ("multi_static_select", "options", Each(75)),
    ("multi_static_select", "options", Items(100)),
    ("option_groups", "label", Text(75)),
    ("option_groups", "options", Each(75)),
    ("option_groups", "options", Items(100)),
    ("options", "description", Text(75)),
    ("options", "url", Text(3_000)),
    ("options", "value", Text(150)),
    ("overflow", "options", Each(75)),
    ("overflow", "options", Items(5)),
    ("radio_buttons", "options", Each(75)),
    ("radio_buttons", "options", Items(10)),
    ("section", "fields", Each(2_000)),
    ("section", "fields", Items(10)),
    ("section", "text", SomeText(3_000)),
    ("static_select", "option_groups", Items(100)),
    ("static_select", "options", Each(75)),
    ("static_select", "options", Items(100)),
];

/// Refuses blocks that break one of Slack's limits, naming the place, the limit and what was found.
pub(crate) fn check(blocks: &[Value]) -> Result<(), CallError> {
    if blocks.len() > MOST_BLOCKS {
        return Err(breach("`blocks`", &format!("has {} blocks", blocks.len()), MOST_BLOCKS));
    }
    let mut characters = 0;
    for (place, block) in blocks.iter().enumerate() {
        let path = format!("blocks[{place}]");
        let Some(kind) = kind_of(block) else {
            return Err(refusal(format!(
                "`{path}` is not a block: it must be an object with a `type`, such as `section`. Nothing was sent."
            )));
        };
        check_object(block, kind, &path)?;
        characters += shown_characters(block);
    }
    if characters > MOST_CHARACTERS {
        let error = breach("`blocks`", &format!("shows {characters} characters in all"), MOST_CHARACTERS);
        return Err(CallError { code: "msg_blocks_too_long".to_owned(), ..error });
    }
    Ok(())
}

fn kind_of(value: &Value) -> Option<&str> {
    value.get("type").and_then(Value::as_str).filter(|kind| !kind.is_empty())
}

/// Checks an object's own fields, then the objects within it.
fn check_object(object: &Value, kind: &str, path: &str) -> Result<(), CallError> {
    let Some(fields) = object.as_object() else { return Ok(()) };
    for (_, name, limit) in RULES.iter().filter(|(of, ..)| *of == kind || *of == "*") {
        if let Some(value) = fields.get(*name) {
            check_field(value, limit, &format!("{path}.{name}"))?;
        }
    }
    for (name, value) in fields {
        let path = format!("{path}.{name}");
        match value {
            Value::Object(_) => check_object(value, kind_of(value).unwrap_or(name), &path)?,
            Value::Array(items) => {
                for (place, item) in items.iter().enumerate() {
                    check_object(item, kind_of(item).unwrap_or(name), &format!("{path}[{place}]"))?;
                }
            }
            _ => {}
        }
    }
    Ok(())
}

fn check_field(value: &Value, limit: &Limit, path: &str) -> Result<(), CallError> {
    match *limit {
        Text(most) | SomeText(most) => {
            let characters = text_of(value).map_or(0, length);
            if characters == 0 && matches!(limit, SomeText(_)) {
                return Err(refusal(format!(
                    "`{path}` is empty; Slack takes 1 to {most} characters. Nothing was sent. Leave the block out where \
                     there is nothing to say."
                )));
            }
            within(path, characters, "characters", most)
        }
        Items(most) => within(path, value.as_array().map_or(0, Vec::len), "items", most),
        Each(most) => {
            let items = value.as_array().map(Vec::as_slice).unwrap_or_default();
            items.iter().enumerate().try_for_each(|(place, item)| {
                within(&format!("{path}[{place}]"), text_of(item).map_or(0, length), "characters", most)
            })
        }
    }
}

fn within(path: &str, found: usize, unit: &str, most: usize) -> Result<(), CallError> {
    if found <= most {
        return Ok(());
    }
    Err(breach(&format!("`{path}`"), &format!("has {found} {unit}"), most))
}

/// The text of a field: itself, that of a text object, or that of an option.
fn text_of(value: &Value) -> Option<&str> {
    match value {
        Value::String(text) => Some(text),
        Value::Object(object) => object.get("text").and_then(text_of),
        _ => None,
    }
}

/// The characters of all texts that people see.
fn shown_characters(value: &Value) -> usize {
    match value {
        Value::Object(fields) => fields
            .iter()
            .map(|(name, value)| match value {
                Value::String(text) if name == "text" => length(text),
                other => shown_characters(other),
            })
            .sum(),
        Value::Array(items) => items.iter().map(shown_characters).sum(),
        _ => 0,
    }
}

fn breach(what: &str, found: &str, most: usize) -> CallError {
    refusal(format!("{what} {found}; Slack takes at most {most}. Nothing was sent. Shorten it in the step."))
}

fn refusal(message: String) -> CallError {
    CallError::new(ErrorClass::Fail, "invalid_blocks", message)
}

#[cfg(test)]
mod tests;
