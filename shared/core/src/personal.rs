//! Keeping what is about a person out of sight: schemas mark such properties with [`PERSONAL`], and what is shown to
//! whoever looks at lists, logs or a run holds [`HIDDEN`] in their place.
//!
//! Called by the engine for a run's one sentence, by `deskwire runs show` and by the console's pages ([`run`] hides a whole
//! run). It hides what is shown, not what is kept: the store keeps the values, since later steps need them.

mod run;

use std::collections::BTreeSet;

use serde_json::{Map, Value};

use crate::action::PERSONAL;
use crate::{known_events, provider};

pub use run::{redact_event, redact_run};

/// What is shown in a personal value's place.
pub const HIDDEN: &str = "[personal]";

/// Values shorter than this, in characters, are not looked for in a sentence: they stand in too many other words.
const SHORTEST_MASKED: usize = 3;

/// References of a schema are followed this deep at one place, so that those that lead in a circle end.
const DEEPEST_REFERENCE: usize = 16;

/// The value with [`HIDDEN`] wherever `schema` marks a property as personal. Follows `properties`,
/// `additionalProperties`, `items`, `prefixItems`, `anyOf`, `oneOf`, `allOf` and references within the schema; a place is
/// personal if any of the schemas that apply there says so. What is null stays null, so that nothing seems to be there.
pub fn redact(value: &Value, schema: &Value) -> Value {
    redact_by(value, &[schema])
}

/// Like [`redact`], by several schemas at once: for an event whose provider is not known.
fn redact_by(value: &Value, schemas: &[&Value]) -> Value {
    let walk = schemas.iter().flat_map(|schema| Node::root(schema)).collect::<Vec<_>>();
    redact_at(value, &walk)
}

/// A part of a value, the one at `path` of what `schemas` describe, with [`HIDDEN`] wherever one of them says that it is
/// personal. Without a schema every text is hidden, since nothing says which are personal.
pub fn redact_part(part: &Value, path: &[String], schemas: &[&Value]) -> Value {
    if schemas.is_empty() {
        return run::every_text_hidden(part);
    }
    let mut nodes = schemas.iter().flat_map(|schema| Node::root(schema)).collect::<Vec<_>>();
    for name in path {
        if nodes.iter().any(Node::is_personal) {
            break;
        }
        let place = name.parse().map_or(Place::Name(name), Place::At);
        nodes = below(&nodes, place);
    }
    redact_at(part, &nodes)
}

fn redact_at(value: &Value, nodes: &[Node<'_>]) -> Value {
    if value.is_null() || nodes.is_empty() {
        return value.clone();
    }
    if nodes.iter().any(Node::is_personal) {
        return Value::from(HIDDEN);
    }
    match value {
        Value::Object(object) => {
            let member =
                |(name, value): (&String, &Value)| (name.clone(), redact_at(value, &below(nodes, Place::Name(name))));
            Value::Object(object.iter().map(member).collect::<Map<_, _>>())
        }
        Value::Array(list) => {
            let item = |(at, value): (usize, &Value)| redact_at(value, &below(nodes, Place::At(at)));
            Value::Array(list.iter().enumerate().map(item).collect())
        }
        other => other.clone(),
    }
}

/// The texts and numbers that stand at places which `schema` marks as personal.
pub fn personal_values(value: &Value, schema: &Value) -> Vec<String> {
    let mut found = Vec::new();
    collect(value, &Node::root(schema), &mut found);
    found
}

fn collect(value: &Value, nodes: &[Node<'_>], found: &mut Vec<String>) {
    if nodes.is_empty() {
        return;
    }
    if nodes.iter().any(Node::is_personal) {
        return leaves(value, found);
    }
    match value {
        Value::Object(object) => {
            object.iter().for_each(|(name, value)| collect(value, &below(nodes, Place::Name(name)), found));
        }
        Value::Array(list) => {
            list.iter().enumerate().for_each(|(at, value)| collect(value, &below(nodes, Place::At(at)), found));
        }
        _ => {}
    }
}

/// Every text and number within a value.
fn leaves(value: &Value, found: &mut Vec<String>) {
    match value {
        Value::String(text) => found.push(text.clone()),
        Value::Number(number) => found.push(number.to_string()),
        Value::Array(list) => list.iter().for_each(|value| leaves(value, found)),
        Value::Object(object) => object.values().for_each(|value| leaves(value, found)),
        Value::Null | Value::Bool(_) => {}
    }
}

/// The text with [`HIDDEN`] in place of every occurrence of a value that is at least three characters long. Longer values
/// are replaced first: a whole name before its first part.
pub fn masked(text: &str, values: &[String]) -> String {
    let long_enough = values.iter().map(|value| value.trim()).filter(|value| value.chars().count() >= SHORTEST_MASKED);
    let mut values: Vec<&str> = long_enough.filter(|value| text.contains(*value)).collect();
    values.sort_unstable_by_key(|value| std::cmp::Reverse(value.len()));
    values.dedup();
    // What was put in is never looked through again, so a value such as "personal" does no harm to it.
    let mut parts = vec![(text.to_owned(), false)];
    for value in values {
        parts = parts.into_iter().flat_map(|part| split(part, value)).collect();
    }
    parts.into_iter().map(|(text, _)| text).collect()
}

/// A piece of a text, and whether it was put in for a value.
fn split((text, put_in): (String, bool), value: &str) -> Vec<(String, bool)> {
    if put_in || !text.contains(value) {
        return vec![(text, put_in)];
    }
    let mut parts = Vec::new();
    for (at, rest) in text.split(value).enumerate() {
        if at > 0 {
            parts.push((HIDDEN.to_owned(), true));
        }
        parts.push((rest.to_owned(), false));
    }
    parts
}

/// The schemas of `data` under which events of this type are known: one per provider that has such a type, since an
/// event says its source's name and not its provider.
pub fn event_schemas(kind: &str) -> Vec<&'static Value> {
    let providers: BTreeSet<&str> = provider::names().chain(["schedule", "manual", "deskwire"]).collect();
    providers.into_iter().filter_map(|provider| known_events::find(provider, kind)).map(|known| known.schema).collect()
}

/// A schema that applies at a place, and the one it is part of, in which its references are found.
#[derive(Debug, Clone, Copy)]
struct Node<'s> {
    schema: &'s Value,
    root: &'s Value,
}

/// A member or an item.
#[derive(Debug, Clone, Copy)]
enum Place<'p> {
    Name(&'p str),
    At(usize),
}

impl<'s> Node<'s> {
    fn root(schema: &'s Value) -> Vec<Self> {
        let mut nodes = Vec::new();
        Self { schema, root: schema }.expand(0, &mut nodes);
        nodes
    }

    fn is_personal(&self) -> bool {
        self.schema.get(PERSONAL) == Some(&Value::Bool(true))
    }

    /// The schema itself and all that hold at the same place through it.
    fn expand(self, depth: usize, nodes: &mut Vec<Self>) {
        if depth > DEEPEST_REFERENCE {
            return;
        }
        nodes.push(self);
        let target = self.schema.get("$ref").and_then(Value::as_str).and_then(|path| path.strip_prefix('#'));
        if let Some(schema) = target.and_then(|pointer| self.root.pointer(pointer)) {
            Self { schema, ..self }.expand(depth + 1, nodes);
        }
        for word in ["anyOf", "oneOf", "allOf"] {
            for schema in self.schema.get(word).and_then(Value::as_array).into_iter().flatten() {
                Self { schema, ..self }.expand(depth + 1, nodes);
            }
        }
    }

    fn below(self, place: Place<'_>) -> Option<Self> {
        let schema = match place {
            Place::Name(name) => self
                .schema
                .get("properties")
                .and_then(|properties| properties.get(name))
                .or_else(|| self.schema.get("additionalProperties")),
            Place::At(at) => {
                self.schema.get("prefixItems").and_then(|items| items.get(at)).or_else(|| self.schema.get("items"))
            }
        };
        schema.map(|schema| Self { schema, ..self })
    }
}

fn below<'s>(nodes: &[Node<'s>], place: Place<'_>) -> Vec<Node<'s>> {
    let mut found = Vec::new();
    nodes.iter().filter_map(|node| node.below(place)).for_each(|node| node.expand(0, &mut found));
    found
}

#[cfg(test)]
mod tests;
