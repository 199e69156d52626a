//! Block Kit: what of it the stand-in takes, and how the page shows it.
//!
//! <https://docs.slack.dev/reference/block-kit/blocks>, checked 2026-11-23. The limits that the pages name for the blocks of
//! messages are kept, for the commonest fields; of what stands deeper, nothing is checked. How long all blocks together may
//! be is not published: others had about 13,200 characters refused.

use serde_json::Value;

use crate::slack::methods::{Call, Refusal};
use crate::slack::mrkdwn::{self, Html, Names};
use crate::slack::text_of;

const MOST_BLOCKS: usize = 50;
const MOST_IN_ALL: usize = 13_200;
const MOST_ID: usize = 255;

/// The kinds that messages may hold, as far as the stand-in knows them.
const KINDS: [&str; 19] = [
    "actions",
    "card",
    "carousel",
    "container",
    "context",
    "context_actions",
    "data_table",
    "divider",
    "file",
    "header",
    "image",
    "input",
    "markdown",
    "plan",
    "rich_text",
    "section",
    "table",
    "task_card",
    "video",
];

/// A field of a kind of block or element, and the most characters of its text.
const TEXTS: [(&str, &str, usize); 8] = [
    ("button", "text", 75),
    ("button", "url", 3_000),
    ("button", "value", 2_000),
    ("header", "text", 150),
    ("image", "alt_text", 2_000),
    ("image", "image_url", 3_000),
    ("image", "title", 2_000),
    ("section", "text", 3_000),
];

/// A list of a kind of block, the most items, and the most characters of each.
const LISTS: [(&str, &str, usize, usize); 3] = [
    ("actions", "elements", 25, usize::MAX),
    ("context", "elements", 10, usize::MAX),
    ("section", "fields", 10, 2_000),
];

/// The argument `blocks`, if it holds any.
pub(crate) fn read(call: &Call<'_>) -> Result<Option<Value>, Refusal> {
    let Some(blocks) = call.arguments.nested("blocks").map_err(|()| "invalid_blocks_format")? else { return Ok(None) };
    let Value::Array(items) = &blocks else { return Err(Refusal::Code("invalid_blocks_format")) };
    if items.is_empty() {
        return Ok(None);
    }
    if items.len() > MOST_BLOCKS {
        return Err(invalid(&format!("no more than {MOST_BLOCKS} items allowed"), "/blocks"));
    }
    for (place, block) in items.iter().enumerate() {
        let pointer = format!("/blocks/{place}");
        if !KINDS.contains(&text_of(block, "type").unwrap_or_default()) {
            return Err(invalid("unsupported type", &format!("{pointer}/type")));
        }
        check(block, &pointer)?;
        let elements = block.get("elements").and_then(Value::as_array).into_iter().flatten();
        for (place, element) in elements.enumerate() {
            check(element, &format!("{pointer}/elements/{place}"))?;
        }
    }
    if items.iter().map(characters).sum::<usize>() > MOST_IN_ALL {
        return Err(Refusal::Code("msg_blocks_too_long"));
    }
    Ok(Some(blocks))
}

fn invalid(what: &str, pointer: &str) -> Refusal {
    Refusal::Detailed("invalid_blocks", format!("[ERROR] {what} [json-pointer:{pointer}]"))
}

fn check(object: &Value, pointer: &str) -> Result<(), Refusal> {
    let kind = text_of(object, "type").unwrap_or_default();
    let within = |text: &str, most: usize, place: &str| match text.chars().count() {
        found if found > most => Err(invalid(&format!("must be less than {} characters", most + 1), place)),
        _ => Ok(()),
    };
    for name in ["block_id", "action_id"] {
        within(text_of(object, name).unwrap_or_default(), MOST_ID, &format!("{pointer}/{name}"))?;
    }
    for (_, name, most) in TEXTS.iter().filter(|(of, ..)| *of == kind) {
        within(text_in(object, name).unwrap_or_default(), *most, &format!("{pointer}/{name}"))?;
    }
    for (_, name, most_items, most) in LISTS.iter().filter(|(of, ..)| *of == kind) {
        let items = object.get(*name).and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
        if items.len() > *most_items {
            return Err(invalid(&format!("no more than {most_items} items allowed"), &format!("{pointer}/{name}")));
        }
        for (place, item) in items.iter().enumerate() {
            within(text_of(item, "text").unwrap_or_default(), *most, &format!("{pointer}/{name}/{place}/text"))?;
        }
    }
    let text = text_in(object, "text");
    match kind {
        "section" if text == Some("") => {
            Err(invalid("must be more than 0 characters", &format!("{pointer}/text/text")))
        }
        "section" if text.is_none() && object.get("fields").is_none() => {
            Err(invalid("missing required field: text", pointer))
        }
        "header" if text.is_none() => Err(invalid("missing required field: text", pointer)),
        _ => Ok(()),
    }
}

/// A field's text: itself, or that of a text object.
fn text_in<'a>(object: &'a Value, name: &str) -> Option<&'a str> {
    let value = object.get(name)?;
    value.as_str().or_else(|| text_of(value, "text"))
}

/// The characters of all texts that people see.
fn characters(value: &Value) -> usize {
    match value {
        Value::Object(fields) => {
            let own = fields.get("text").and_then(Value::as_str).map_or(0, |text| text.chars().count());
            own + fields.values().map(characters).sum::<usize>()
        }
        Value::Array(items) => items.iter().map(characters).sum(),
        _ => 0,
    }
}

/// A piece of a message on the page.
pub(crate) struct Piece {
    /// Its class in the page's style.
    pub kind: &'static str,
    pub html: Html,
}

/// Blocks as the page shows them: their texts, one piece below the other.
pub(crate) fn pieces(blocks: &Value, names: &dyn Names) -> Vec<Piece> {
    blocks.as_array().into_iter().flatten().flat_map(|block| pieces_of(block, names)).collect()
}

fn pieces_of(block: &Value, names: &dyn Names) -> Vec<Piece> {
    let plain = |kind, text| vec![Piece { kind, html: mrkdwn::plain(text) }];
    let each = |kind, name: &str| -> Vec<Piece> {
        let objects = match block.get(name) {
            Some(Value::Array(objects)) => objects.as_slice(),
            Some(object) => std::slice::from_ref(object),
            None => &[],
        };
        objects.iter().map(|object| Piece { kind, html: render(object, names) }).collect()
    };
    match text_of(block, "type").unwrap_or_default() {
        "header" => each("header", "text"),
        "section" => [each("section", "text"), each("field", "fields"), each("element", "accessory")]
            .into_iter()
            .flatten()
            .collect(),
        "context" => each("context", "elements"),
        "actions" => each("element", "elements"),
        "divider" => plain("divider", ""),
        "rich_text" => vec![Piece { kind: "section", html: mrkdwn::with_emoji(&rich_text(block, names)) }],
        "markdown" => plain("section", text_of(block, "text").unwrap_or_default()),
        other => plain("context", text_of(block, "alt_text").unwrap_or(other)),
    }
}

/// The words of a `rich_text` block, without their styles.
fn rich_text(element: &Value, names: &dyn Names) -> String {
    let text = |name| text_of(element, name).unwrap_or_default();
    match text_of(element, "type").unwrap_or_default() {
        "text" => text("text").to_owned(),
        "emoji" => format!(":{}:", text("name")),
        "link" => text_of(element, "text").unwrap_or(text("url")).to_owned(),
        "user" => format!("@{}", names.user(text("user_id")).unwrap_or_default()),
        "channel" => format!("#{}", names.channel(text("channel_id")).unwrap_or_default()),
        kind => {
            let inner = element.get("elements").and_then(Value::as_array).into_iter().flatten();
            let parts: Vec<String> = inner.map(|inner| rich_text(inner, names)).collect();
            parts.join(if matches!(kind, "rich_text" | "rich_text_list") { "\n" } else { "" })
        }
    }
}

/// The text of a text object, a button or an image; else its kind's name.
fn render(object: &Value, names: &dyn Names) -> Html {
    match (text_of(object, "type"), text_in(object, "text")) {
        (Some("mrkdwn"), Some(text)) => mrkdwn::render(text, names),
        (_, Some(text)) => {
            let says = |object: &Value| object.get("emoji").and_then(Value::as_bool);
            let literal = says(object).or_else(|| object.get("text").and_then(says)) == Some(false);
            if literal { mrkdwn::plain(text) } else { mrkdwn::with_emoji(text) }
        }
        (kind, None) => mrkdwn::plain(text_of(object, "alt_text").or(kind).unwrap_or_default()),
    }
}

#[cfg(test)]
mod tests;
