//! Hiding what is personal in a whole run: its event, the inputs and outputs of its steps, and its sentences.
//!
//! Two things tell what is personal: the schemas of events and actions, and the values that stood at such places. A value
//! without a schema (the items of a loop, what a wait brought) is searched for the second.

use std::collections::BTreeSet;

use serde_json::Value;

use super::{HIDDEN, event_schemas, leaves, masked, personal_values, redact_by};
use crate::action::{ActionSpec, CallError};
use crate::event::{Event, JsonText};
use crate::ids::StepPath;
use crate::ports::RunDetail;
use crate::run::Entry;

/// With more personal values than this, those without a schema are not searched: all of their texts are hidden. A loop
/// over thousands of people would else take minutes to show.
const MOST_SEARCHED: usize = 500;

/// The event with the personal values in its data hidden. Of a type that no provider is known to have, every text is
/// hidden, since nothing says which are personal.
#[must_use]
pub fn redact_event(event: &Event) -> Event {
    let data = event.data.value().map(|data| hide_data(&event.kind, &data));
    // What is no JSON was never taken in as an event.
    let data = data.unwrap_or_default();
    Event { data: JsonText::from(&data), ..event.clone() }
}

fn hide_data(kind: &str, data: &Value) -> Value {
    let schemas = event_schemas(kind);
    if schemas.is_empty() { every_text_hidden(data) } else { redact_by(data, &schemas) }
}

/// The run as it is shown: nothing personal in its event, its journal and its reason. `spec_of` tells the action that a
/// step calls, if it calls one and that is known.
#[must_use]
pub fn redact_run<'a>(run: &RunDetail, spec_of: impl Fn(&StepPath) -> Option<&'a ActionSpec>) -> RunDetail {
    let values = values(run, &spec_of);
    let hider = Hider { values };
    let mut shown = run.clone();
    shown.event = redact_event(&run.event);
    shown.summary.reason = run.summary.reason.as_ref().map(|reason| masked(reason, &hider.values));
    for entry in &mut shown.journal {
        let spec = entry.step().and_then(&spec_of);
        hider.entry(entry, spec);
    }
    shown
}

/// Every personal value that the run knows.
fn values<'a>(run: &RunDetail, spec_of: &impl Fn(&StepPath) -> Option<&'a ActionSpec>) -> Vec<String> {
    let mut found = Vec::new();
    if let Ok(data) = run.event.data.value() {
        event_values(&run.event.kind, &data, &mut found);
    }
    for entry in &run.journal {
        let spec = entry.step().and_then(spec_of);
        match (entry, spec) {
            (Entry::Done { input, output, .. }, Some(spec)) => {
                found.extend(personal_values(input, &spec.input));
                found.extend(personal_values(output, &spec.output));
            }
            (Entry::Done { output, .. }, None) => arrived_values(output, &mut found),
            (Entry::Attempt { input, .. }, Some(spec)) => found.extend(personal_values(input, &spec.input)),
            (Entry::Decided { output, .. }, Some(spec)) => found.extend(personal_values(output, &spec.output)),
            _ => {}
        }
    }
    found.into_iter().collect::<BTreeSet<_>>().into_iter().collect()
}

fn event_values(kind: &str, data: &Value, found: &mut Vec<String>) {
    let schemas = event_schemas(kind);
    if schemas.is_empty() {
        leaves(data, found);
    }
    for schema in schemas {
        found.extend(personal_values(data, schema));
    }
}

/// The output of a wait for an event holds that event.
fn arrived(output: &Value) -> Option<(&str, &Value)> {
    let event = output.get("event").filter(|_| output.get("timed_out").is_some())?;
    Some((event.get("type")?.as_str()?, event.get("data")?))
}

fn arrived_values(output: &Value, found: &mut Vec<String>) {
    if let Some((kind, data)) = arrived(output) {
        event_values(kind, data, found);
    }
}

struct Hider {
    values: Vec<String>,
}

impl Hider {
    fn entry(&self, entry: &mut Entry, spec: Option<&ActionSpec>) {
        let (input_schema, output_schema) = (spec.map(|spec| &*spec.input), spec.map(|spec| &*spec.output));
        match entry {
            Entry::Done { action, input, output, .. } => {
                // Steps that call nothing have no schema, and need none: what they hold came from others.
                let known = spec.is_some() || matches!(action.as_str(), "wait" | "for_each" | "stop");
                self.value(input, input_schema, known);
                match arrived(output).map(|(kind, data)| hide_data(kind, data)) {
                    Some(data) if spec.is_none() => output["event"]["data"] = data,
                    _ => self.value(output, output_schema, known),
                }
            }
            Entry::Attempt { input, error, .. } => {
                self.value(input, input_schema, spec.is_some());
                self.error(error);
            }
            Entry::Decided { output, .. } => self.value(output, output_schema, spec.is_some()),
            Entry::Looping { items, .. } => items.iter_mut().for_each(|item| self.value(item, None, true)),
            Entry::Failed { error, .. } => self.error(error),
            Entry::Skipped { reason, .. }
            | Entry::Unknown { reason, .. }
            | Entry::Chose { reason, .. }
            | Entry::Waiting { reason, .. }
            | Entry::NoToken { reason, .. }
            | Entry::Blocked { reason, .. } => *reason = masked(reason, &self.values),
            Entry::Held { .. } | Entry::Resumed { .. } | Entry::Calling { .. } | Entry::Caused { .. } => {}
        }
    }

    fn error(&self, error: &mut CallError) {
        error.message = masked(&error.message, &self.values);
    }

    /// Hides within a value: by its schema, then by the values that are known. `known` says whether the absence of a
    /// schema means that the value was put together from others, rather than that its schema is not to be had.
    fn value(&self, value: &mut Value, schema: Option<&Value>, known: bool) {
        let by_schema = schema.map(|schema| redact_by(value, &[schema]));
        *value = match by_schema {
            Some(redacted) if self.values.len() > MOST_SEARCHED => redacted,
            Some(redacted) => self.searched(&redacted),
            None if known && self.values.len() <= MOST_SEARCHED => self.searched(value),
            None => every_text_hidden(value),
        };
    }

    fn searched(&self, value: &Value) -> Value {
        map_leaves(value, &|leaf| match leaf {
            Value::String(text) if text != HIDDEN => Value::from(masked(text, &self.values)),
            other => other.clone(),
        })
    }
}

pub(super) fn every_text_hidden(value: &Value) -> Value {
    map_leaves(value, &|leaf| if leaf.is_string() { Value::from(HIDDEN) } else { leaf.clone() })
}

fn map_leaves(value: &Value, map: &impl Fn(&Value) -> Value) -> Value {
    match value {
        Value::Object(object) => {
            Value::Object(object.iter().map(|(name, value)| (name.clone(), map_leaves(value, map))).collect())
        }
        Value::Array(list) => Value::Array(list.iter().map(|value| map_leaves(value, map)).collect()),
        leaf => map(leaf),
    }
}
