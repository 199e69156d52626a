//! An action's input as an editor sees it: wherever a value of another kind is expected, a template may stand.

use deskwire_core::action::ActionSpec;
use serde_json::{Map, Value, json};

/// The name of an action's input among the definitions.
pub(super) fn definition(spec: &ActionSpec) -> String {
    format!("with.{}", spec.name)
}

/// What goes under `with`, to stand among the definitions under [`definition`].
pub(super) fn input(spec: &ActionSpec) -> Value {
    let home = format!("#/$defs/{}/", definition(spec));
    let mut input = moved(&spec.input, &home);
    if let Some(members) = input.as_object_mut() {
        members.remove("$schema");
        members.remove("title");
        if let Some(properties) = members.get_mut("properties").and_then(Value::as_object_mut) {
            properties.values_mut().for_each(|property| *property = with_template(property));
        }
        if let Some(definitions) = members.get_mut("$defs").and_then(Value::as_object_mut) {
            definitions.values_mut().for_each(within);
        }
    }
    input["description"] = json!(spec.summary);
    input
}

/// The schema with its references leading to its new home.
fn moved(schema: &Value, home: &str) -> Value {
    match schema {
        Value::Object(members) => {
            let members = members.iter().map(|(key, value)| match value.as_str() {
                Some(target) if key == "$ref" => (key.clone(), json!(target.replacen("#/", home, 1))),
                _ => (key.clone(), moved(value, home)),
            });
            Value::Object(members.collect())
        }
        Value::Array(items) => items.iter().map(|item| moved(item, home)).collect(),
        other => other.clone(),
    }
}

/// The schema, or a template in its place.
fn with_template(schema: &Value) -> Value {
    let mut schema = schema.clone();
    within(&mut schema);
    if takes_any_text(&schema) {
        return schema;
    }
    let description = schema.as_object_mut().and_then(|members| members.remove("description"));
    let mut either = Map::new();
    either.extend(description.map(|description| ("description".to_owned(), description)));
    either.insert("anyOf".to_owned(), json!([schema, { "$ref": "#/$defs/template" }]));
    Value::Object(either)
}

/// Lets templates stand for the values within a list or a map.
fn within(schema: &mut Value) {
    let Some(members) = schema.as_object_mut() else { return };
    if let Some(properties) = members.get_mut("properties").and_then(Value::as_object_mut) {
        properties.values_mut().for_each(|property| *property = with_template(property));
    }
    for key in ["items", "additionalProperties"] {
        if let Some(inner) = members.get_mut(key).filter(|inner| inner.is_object()) {
            *inner = with_template(inner);
        }
    }
    // With templates on several sides, a text could fit more than one of them.
    if let Some(alternatives) = members.remove("oneOf") {
        members.insert("anyOf".to_owned(), alternatives);
    }
    if let Some(alternatives) = members.get_mut("anyOf").and_then(Value::as_array_mut) {
        alternatives.iter_mut().for_each(within);
    }
}

/// Does it take every text already?
fn takes_any_text(schema: &Value) -> bool {
    let Some(members) = schema.as_object() else { return true };
    if members.contains_key("$ref") {
        return false;
    }
    if let Some(alternatives) = members.get("anyOf").and_then(Value::as_array) {
        return alternatives.iter().any(takes_any_text);
    }
    let bound = ["enum", "const", "pattern", "format", "maxLength"].into_iter().any(|key| members.contains_key(key));
    match members.get("type") {
        _ if bound => false,
        Some(Value::String(kind)) => kind == "string",
        Some(Value::Array(kinds)) => kinds.iter().any(|kind| kind == "string"),
        _ => true,
    }
}
