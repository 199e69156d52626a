//! The event types we know: a table of facts with a summary and a JSON Schema of `event.data` for each, read from
//! `event-types.json`, which the build embeds. Called by `check`, which says "did you mean", and by whatever hides personal
//! fields. Nobody refuses an event by it: providers add types and fields without notice.
//!
//! A row whose name ends in `.*` stands for a family whose members are not listed, such as the events that authors of
//! Zendesk triggers name themselves.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::LazyLock;

use serde::Deserialize;
use serde_json::{Map, Value, json};

use crate::event::pattern_covers;

/// An event type that we know.
#[derive(Debug, Clone, Copy)]
pub struct KnownEvent {
    /// Its name as triggers write it: `ticket.created`, or `trigger.*` for a family.
    pub kind: &'static str,
    /// What it reports, in one sentence.
    pub summary: &'static str,
    /// JSON Schema (draft 2020-12) of the event's `data`. Its references stay within it: `#/$defs/…`. Properties with
    /// [`PERSONAL`](crate::action::PERSONAL) are about a person.
    pub schema: &'static Value,
}

/// The types of `provider`'s events (`zendesk`; `schedule` and `manual` for our own), sorted by name; none where the table
/// knows no type of this provider.
pub fn kinds(provider: &str) -> impl Iterator<Item = KnownEvent> + use<> {
    KNOWN.get(provider).into_iter().flatten().map(|(kind, known)| known.named(kind))
}

/// What is known of one event type: its own row, or that of its family.
pub fn find(provider: &str, kind: &str) -> Option<KnownEvent> {
    let table = KNOWN.get(provider)?;
    let row = table.get_key_value(kind).or_else(|| table.iter().find(|(family, _)| pattern_covers(family, kind)))?;
    Some(row.1.named(row.0))
}

/// The types that a trigger's pattern covers: one name, or a prefix such as `ticket.*`. A prefix within a family
/// (`trigger.orders.*`) is covered by the family's row.
pub fn covered_by(provider: &str, pattern: &str) -> Vec<KnownEvent> {
    let Some(prefix) = pattern.strip_suffix(".*") else { return find(provider, pattern).into_iter().collect() };
    kinds(provider)
        .filter(|known| {
            known.kind == pattern || pattern_covers(pattern, known.kind) || pattern_covers(known.kind, prefix)
        })
        .collect()
}

struct Known {
    summary: String,
    schema: Value,
}

impl Known {
    fn named(&'static self, kind: &'static str) -> KnownEvent {
        KnownEvent { kind, summary: &self.summary, schema: &self.schema }
    }
}

/// A provider's part of the table.
#[derive(Debug, Deserialize)]
struct Types {
    /// The parts that schemas share.
    #[serde(rename = "$defs")]
    defs: Map<String, Value>,
    types: BTreeMap<String, Row>,
}

/// A type. The table says besides whether a sample of it is missing, which only tests ask.
#[derive(Debug, Deserialize)]
struct Row {
    summary: String,
    /// The part that its `data` is.
    base: String,
    /// Which part a property of the base is, where this type says more than the base.
    #[serde(default)]
    parts: BTreeMap<String, String>,
}

static KNOWN: LazyLock<BTreeMap<String, BTreeMap<String, Known>>> = LazyLock::new(|| {
    // A broken table cannot be built past the tests below; at run time it would show as "no such event type".
    let table: BTreeMap<String, Types> = crate::json::from_str(include_str!("../event-types.json")).unwrap_or_default();
    let known = |defs: &Map<String, Value>, row: Row| Known { schema: schema(defs, &row), summary: row.summary };
    table
        .into_iter()
        .map(|(provider, Types { defs, types })| {
            (provider, types.into_iter().map(|(kind, row)| (kind, known(&defs, row))).collect())
        })
        .collect()
});

/// A type's schema in one piece: its base, the parts that say more, and the shared parts that these refer to.
fn schema(defs: &Map<String, Value>, row: &Row) -> Value {
    let mut schema = defs.get(&row.base).cloned().unwrap_or_else(|| json!({}));
    for (property, part) in &row.parts {
        schema["properties"][property.as_str()] = json!({ "$ref": format!("#/$defs/{part}") });
    }
    let mut names = BTreeSet::new();
    collect_references(&schema, defs, &mut names);
    let defs: Map<String, Value> =
        names.into_iter().filter_map(|name| Some((name.to_owned(), defs.get(name)?.clone()))).collect();
    schema["$schema"] = json!("https://json-schema.org/draft/2020-12/schema");
    schema["$defs"] = Value::Object(defs);
    schema
}

/// The names of the parts that `value` refers to, those of the parts themselves included.
fn collect_references<'a>(value: &Value, defs: &'a Map<String, Value>, names: &mut BTreeSet<&'a str>) {
    match value {
        Value::Object(object) => {
            let name = object.get("$ref").and_then(Value::as_str).and_then(|path| path.strip_prefix("#/$defs/"));
            if let Some((name, part)) = name.and_then(|name| defs.get_key_value(name))
                && names.insert(name)
            {
                collect_references(part, defs, names);
            }
            object.values().for_each(|value| collect_references(value, defs, names));
        }
        Value::Array(list) => list.iter().for_each(|value| collect_references(value, defs, names)),
        _ => {}
    }
}

#[cfg(test)]
mod tests;
