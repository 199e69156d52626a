//! The inputs of a workflow that a person starts.

use deskwire_core::ids::MAX_NAME;
use deskwire_core::number::{is_whole, same};
use serde_json::Value;

use crate::fields::Fields;
use crate::outline;
use crate::report::Report;
use crate::schema::Schema;
use crate::workflow::{InputKind, ManualInput};
use crate::yaml::{Key, Kind, Node};

const KEYS: [&str; 5] = ["type", "description", "required", "default", "choices"];
const KINDS: [(&str, InputKind); 4] = [
    ("text", InputKind::Text),
    ("integer", InputKind::Integer),
    ("number", InputKind::Number),
    ("boolean", InputKind::Boolean),
];

impl InputKind {
    /// Its word in the file.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Text => "text",
            Self::Integer => "integer",
            Self::Number => "number",
            Self::Boolean => "boolean",
        }
    }

    /// Is the value of this kind?
    pub fn takes(self, value: &Value) -> bool {
        match self {
            Self::Text => value.is_string(),
            Self::Integer => value.as_number().is_some_and(is_whole),
            Self::Number => value.is_number(),
            Self::Boolean => value.is_boolean(),
        }
    }
}

/// What `inputs` holds.
pub(crate) fn schema(node: &Node) -> Schema<'_> {
    let Kind::Map(members) = &node.kind else { return Schema::object([]) };
    Schema::object(members.iter().map(|(key, input)| {
        let word = match &input.kind {
            Kind::Text(word) => word,
            _ => outline::text(input, "type").map(|(word, _)| word).unwrap_or_default(),
        };
        let schema = match word {
            "text" => Schema::plain("string"),
            "integer" => Schema::plain("integer"),
            "number" => Schema::plain("number"),
            "boolean" => Schema::plain("boolean"),
            _ => Schema::default(),
        };
        (key.name.as_str(), schema)
    }))
}

/// Reads the inputs.
pub(crate) fn read(node: &Node, report: &mut Report<'_>) -> Vec<ManualInput> {
    match &node.kind {
        Kind::Map(members) => members.iter().filter_map(|(key, node)| read_input(key, node, report)).collect(),
        Kind::Null | Kind::Broken => Vec::new(),
        other => {
            let message = format!("`manual` must be a map of inputs, not {}", other.what());
            report.error_with_help(node.span.clone(), message, "without inputs, write `manual: {}`");
            Vec::new()
        }
    }
}

fn read_input(key: &Key, node: &Node, report: &mut Report<'_>) -> Option<ManualInput> {
    let name = &key.name;
    let rest = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
    if !name.starts_with(|c: char| c.is_ascii_lowercase()) || !name.chars().all(rest) || name.len() > MAX_NAME {
        let help = format!("begin with a letter; {MAX_NAME} characters are the most");
        let message = format!("the input `{name}` may hold only lower-case letters, digits and `_`");
        report.error_with_help(key.span.clone(), message, help);
        return None;
    }
    let input = |kind| ManualInput {
        name: name.clone(),
        description: None,
        kind,
        required: false,
        default: Value::Null,
        choices: Vec::new(),
    };
    if let Kind::Text(word) = &node.kind {
        return read_kind(word, node, report).map(input);
    }
    let fields = Fields::read(node, format!("the input `{name}`"), &KEYS, report)?;
    let kind = fields.require("type", "type: text", report);
    let kind = kind.and_then(|node| read_kind(crate::fields::text(node, "`type`", report)?.0, node, report));
    let description = fields.text("description", report).map(|(text, _)| text.trim().to_owned());
    let required = fields.bool("required", report).unwrap_or_default();
    let default = fields.get("default").and_then(|node| read_value(node, "default", kind, report));
    let choices = fields.get("choices").map(|node| read_choices(node, kind, report)).unwrap_or_default();
    if let (Some(default), Some(place)) = (&default, fields.get("default"))
        && !choices.is_empty()
        && !choices.iter().any(|choice| same(choice, default))
    {
        report.error_with_help(place.span.clone(), "`default` is none of the `choices`", "add it to them, or take one");
    }
    let required = required && default.is_none();
    Some(ManualInput { description, required, default: default.unwrap_or_default(), choices, ..input(kind?) })
}

fn read_kind(word: &str, node: &Node, report: &mut Report<'_>) -> Option<InputKind> {
    let found = KINDS.iter().find(|(known, _)| *known == word).map(|(_, kind)| *kind);
    if found.is_none() {
        let meant = match word {
            "string" | "str" => Some("text"),
            "int" => Some("integer"),
            "float" => Some("number"),
            "bool" => Some("boolean"),
            _ => None,
        };
        let help = meant.map_or_else(
            || crate::suggest::help(word, KINDS.map(|(word, _)| word), ""),
            |meant| format!("did you mean `{meant}`?"),
        );
        report.error_with_help(node.span.clone(), format!("there is no type `{word}`"), help);
    }
    found
}

fn read_choices(node: &Node, kind: Option<InputKind>, report: &mut Report<'_>) -> Vec<Value> {
    match &node.kind {
        Kind::List(items) if !items.is_empty() => {
            items.iter().filter_map(|item| read_value(item, "choices", kind, report)).collect()
        }
        Kind::Broken => Vec::new(),
        _ => {
            report.error(node.span.clone(), "`choices` must be a list of values, at least one");
            Vec::new()
        }
    }
}

fn read_value(node: &Node, what: &str, kind: Option<InputKind>, report: &mut Report<'_>) -> Option<Value> {
    let value = match &node.kind {
        Kind::Bool(value) => Value::Bool(*value),
        Kind::Number(number) => Value::Number(number.clone()),
        Kind::Text(text) => Value::String(text.clone()),
        Kind::Broken => return None,
        Kind::Null | Kind::List(_) | Kind::Map(_) => Value::Null,
    };
    let kind = kind?;
    if kind.takes(&value) {
        return Some(value);
    }
    let help = if kind == InputKind::Text { "put quotes around it" } else { "" };
    let message = format!("`{what}` cannot be {}: the input's type is {}", node.kind.what(), kind.as_str());
    report.error_with_help(node.span.clone(), message, help);
    None
}
