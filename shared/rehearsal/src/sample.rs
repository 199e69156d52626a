//! Outputs for calls that are not made, so that the steps after them can be tried.

use serde_json::{Map, Value};

/// A value that fits a schema: texts name what would stand there, and everything else is the plainest there is.
pub(crate) fn sample(name: &str, schema: &Value) -> Value {
    if let Some(value) = schema.get("const").or_else(|| schema.get("enum")?.get(0)) {
        return value.clone();
    }
    let kind = schema.get("type");
    let kind = kind.and_then(|kind| kind.as_str().or_else(|| kind.get(0)?.as_str()));
    match kind {
        Some("object") => {
            let properties = schema.get("properties").and_then(Value::as_object).into_iter().flatten();
            Value::Object(properties.map(|(name, schema)| (name.clone(), sample(name, schema))).collect::<Map<_, _>>())
        }
        Some("array") => Value::Array(Vec::new()),
        Some("integer" | "number") => Value::from(0),
        Some("boolean") => Value::from(true),
        Some("null") => Value::Null,
        _ => Value::from(format!("<{name}>")),
    }
}
