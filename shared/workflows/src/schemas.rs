//! JSON Schemas (draft 2020-12) of workflow files and of `deskwire.yaml`, for editors: completion, hovering, and the first
//! mistakes while typing. `check` knows more; what it takes, the schemas take too.
//!
//! They are committed under `schemas/` at the repository's root; a test of `deskwire-startup` keeps them fresh.

mod action;
mod project;
mod workflow;

use serde_json::{Value, json};

pub use project::project;
pub use workflow::workflow;

const DRAFT: &str = "https://json-schema.org/draft/2020-12/schema";

/// A text that [`crate::SourceFile`]s write where a value of another kind is expected.
fn template() -> Value {
    json!({
        "type": "string",
        "pattern": "\\{\\{|\\{%",
        "description": "A template. One whole `{{ … }}` keeps the type of its value.",
    })
}

fn duration() -> Value {
    json!({
        "type": "string",
        "pattern": "^\\s*[0-9]+\\s*(ms|s|m|min|h|d)\\s*$",
        "description": "A whole number and a unit: 250ms, 30s, 5m, 2h, 7d.",
    })
}

/// A map that takes these keys and no others.
fn map(description: &str, required: &[&str], properties: &Value) -> Value {
    json!({
        "type": "object",
        "description": description,
        "required": required,
        "additionalProperties": false,
        "properties": properties,
    })
}

/// The schema of that name among the definitions, with words of its own.
fn part(name: &str, description: &str) -> Value {
    json!({ "$ref": format!("#/$defs/{name}"), "description": description })
}

fn names(pattern: &str) -> Value {
    json!({ "pattern": pattern, "maxLength": deskwire_core::ids::MAX_NAME })
}
