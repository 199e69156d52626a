//! The properties of an input or output as rows of a table for people: name, type in words, and meaning, with the properties
//! of nested objects one level deep.

use std::fmt::Write as _;

use deskwire_core::action::PERSONAL;
use serde_json::Value;

/// A row.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Row {
    /// `message`, `author.name` or `comments[].body`.
    pub(super) name: String,
    /// `text; required`
    pub(super) kind: String,
    pub(super) meaning: String,
}

/// The rows of an object's schema. `is_input` asks what must be given and what holds where nothing is.
pub(super) fn rows(schema: &Value, is_input: bool) -> Vec<Row> {
    let mut rows = Vec::new();
    for (name, property, required) in properties(schema) {
        rows.push(row(name.to_owned(), property, required, is_input));
        for (path, object) in objects(name, property) {
            let nested = properties(object);
            rows.extend(
                nested.map(|(name, property, required)| row(format!("{path}.{name}"), property, required, is_input)),
            );
        }
    }
    rows
}

/// Is anything in it about a person?
pub(super) fn names_personal(schema: &Value) -> bool {
    schema.to_string().contains(PERSONAL)
}

fn row(name: String, property: &Value, required: bool, is_input: bool) -> Row {
    let mut kind = kind(property, !is_input);
    if is_input && required {
        kind.push_str("; required");
    }
    let says_something =
        |default: &&Value| !default.is_null() && default.as_array().is_none_or(|list| !list.is_empty());
    if let Some(default) = property.get("default").filter(says_something).filter(|_| is_input) {
        let default = default.as_str().map_or_else(|| default.to_string(), str::to_owned);
        let _ = write!(kind, "; {default} unless given");
    }
    if property[PERSONAL] == true {
        kind.push_str("; personal");
    }
    let meaning = property["description"].as_str().unwrap_or_default();
    Row { name, kind, meaning: meaning.split_whitespace().collect::<Vec<_>>().join(" ") }
}

fn properties(schema: &Value) -> impl Iterator<Item = (&str, &Value, bool)> {
    let required = schema["required"].as_array();
    schema["properties"].as_object().into_iter().flatten().map(move |(name, property)| {
        let must = required.is_some_and(|required| required.iter().any(|one| one == name.as_str()));
        (name.as_str(), property, must)
    })
}

/// The objects that a property is, is a list of or a map to, each with the path to its properties.
fn objects<'s>(name: &str, property: &'s Value) -> Vec<(String, &'s Value)> {
    let any = property["anyOf"].as_array().or_else(|| property["oneOf"].as_array());
    let alternatives = any.map_or_else(|| vec![property], |any| any.iter().collect());
    alternatives
        .into_iter()
        .filter_map(|schema| match &schema["items"] {
            items @ Value::Object(_) if items.get("properties").is_some() => Some((format!("{name}[]"), items)),
            _ if schema.get("properties").is_some() => Some((name.to_owned(), schema)),
            _ => {
                // A map: each of its members is such an object.
                let members = &schema["additionalProperties"];
                members.get("properties").is_some().then(|| (format!("{name}.*"), members))
            }
        })
        .collect()
}

/// A type in words: `text`, `whole number or none`, `list of texts`, `one of low, high`. What may be left out may always be
/// none, so that is said of outputs only.
fn kind(schema: &Value, with_none: bool) -> String {
    let mut words: Vec<String> = Vec::new();
    let mut add = |word: String| {
        if !words.contains(&word) {
            words.push(word);
        }
    };
    if let Some(any) = schema["anyOf"].as_array().or_else(|| schema["oneOf"].as_array()) {
        any.iter().filter(|one| one["type"] != "null").for_each(|one| add(kind(one, false)));
        if with_none && any.iter().any(|one| one["type"] == "null") {
            add("none".to_owned());
        }
        return words.join(" or ");
    }
    let choices = |list: &Vec<Value>| list.iter().filter_map(Value::as_str).collect::<Vec<_>>().join(", ");
    let only = schema["const"].as_str().map(str::to_owned);
    if let Some(choices) = only.or_else(|| schema["enum"].as_array().map(choices)) {
        let several = if choices.contains(',') { "one of " } else { "" };
        add(format!("{several}{choices}"));
    } else {
        let types = match &schema["type"] {
            Value::Array(several) => several.iter().filter_map(Value::as_str).collect(),
            one => one.as_str().into_iter().collect::<Vec<_>>(),
        };
        types.iter().filter(|name| **name != "null").for_each(|name| add(type_word(name, schema)));
    }
    if words.is_empty() {
        return "any value".to_owned();
    }
    let may_be_none = schema["type"].as_array().is_some_and(|types| types.iter().any(|name| name == "null"));
    if with_none && may_be_none {
        words.push("none".to_owned());
    }
    words.join(" or ")
}

fn type_word(name: &str, schema: &Value) -> String {
    match name {
        "string" => "text".to_owned(),
        "integer" => "whole number".to_owned(),
        "boolean" => "true or false".to_owned(),
        "array" => of_several("list", &schema["items"]),
        "object" => of_several("object", &schema["additionalProperties"]),
        other => other.to_owned(),
    }
}

/// `list of texts`; the container's name alone where its values can be anything.
fn of_several(container: &str, values: &Value) -> String {
    match kind(values, false).as_str() {
        "any value" => container.to_owned(),
        one @ ("text" | "number" | "whole number" | "object") => format!("{container} of {one}s"),
        one => format!("{container} of {one}"),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn types_are_said_in_words() {
        let table = [
            (json!({ "type": "string" }), "text"),
            (json!({ "type": ["integer", "null"] }), "whole number or none"),
            (json!({ "type": "array", "items": { "type": "string" } }), "list of texts"),
            (json!({ "type": ["array", "null"], "items": {} }), "list or none"),
            (json!({ "type": "object", "additionalProperties": { "type": "string" } }), "object of texts"),
            (json!({ "type": ["string", "null"], "enum": ["low", "high", null] }), "one of low, high or none"),
            (json!({ "anyOf": [{ "const": "any", "type": "string" }, { "type": "null" }] }), "any or none"),
            (json!({ "oneOf": [{ "type": "boolean" }, { "type": "number" }] }), "true or false or number"),
            (json!({ "description": "whatever" }), "any value"),
            (json!(true), "any value"),
        ];
        for (schema, words) in table {
            assert_eq!(kind(&schema, true), words, "{schema}");
        }
    }

    #[test]
    fn nested_objects_are_shown_one_level_deep() {
        let person = json!({
            "type": "object",
            "required": ["name"],
            "properties": {
                "name": { "type": "string", "x-personal": true },
                "at": { "type": "object", "properties": { "deep": {} } },
            },
        });
        let schema = json!({ "type": "object", "required": ["author"], "properties": {
            "author": person,
            "readers": { "type": ["array", "null"], "items": person },
            "size": { "type": "integer", "default": 5, "description": "How\nmany." },
        } });
        let rows = rows(&schema, true);
        let shown: Vec<(&str, &str)> = rows.iter().map(|row| (row.name.as_str(), row.kind.as_str())).collect();
        assert_eq!(
            shown,
            [
                ("author", "object; required"),
                ("author.name", "text; required; personal"),
                ("author.at", "object"),
                ("readers", "list of objects"),
                ("readers[].name", "text; required; personal"),
                ("readers[].at", "object"),
                ("size", "whole number; 5 unless given"),
            ]
        );
        assert_eq!(rows[6].meaning, "How many.");
    }
}
