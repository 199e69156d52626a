//! The table against the actions, and against the page that shows it.

use std::fmt::Write as _;
use std::path::Path;
use std::sync::Arc;

use deskwire_core::action::{Action, ErrorClass};
use deskwire_core::limit::OVER_LIMIT;
use serde_json::{Map, Value, json};

use super::*;
use crate::actions;
use crate::testing::{call, client_at};

fn all() -> Vec<Arc<dyn Action>> {
    let actions = actions(&client_at("http://127.0.0.1:9/"));
    actions.specs().map(|spec| Arc::clone(actions.get(spec.name).unwrap())).collect()
}

/// Can it only be one of a few words, or true or false?
fn is_closed(schema: &Value) -> bool {
    let is_word = |schema: &Value| schema.get("enum").is_some() || schema["type"] == "null";
    let any = schema["anyOf"].as_array();
    is_word(schema)
        || any.is_some_and(|any| any.iter().all(is_word))
        || schema["type"] == "boolean"
        || schema["type"] == json!(["boolean", "null"])
}

#[test]
fn every_input_of_every_action_has_a_row_and_every_row_an_input() {
    let mut rows: Vec<(&str, &str)> = Vec::new();
    for row in ROWS {
        let input = row.input.split('.').next().unwrap();
        rows.extend(row.actions.iter().map(|action| (*action, input)));
    }
    for action in all() {
        let name = action.spec().name;
        for (input, schema) in action.spec().input["properties"].as_object().unwrap() {
            let is_listed = rows.contains(&(name, input));
            assert_eq!(is_listed, !is_closed(schema), "{name}: {input}");
            rows.retain(|row| *row != (name, input));
        }
    }
    assert_eq!(rows, [], "rows of inputs that no action has");
}

/// A value that is just beyond a rule, and one that is just within.
fn beyond_and_within(rule: Rule) -> (Value, Value) {
    let text = |length: usize| json!("x".repeat(length));
    let list =
        |length: usize| Value::from((0..length).map(|at| json!(format!("u{at}@example.com"))).collect::<Vec<_>>());
    let map = |length: usize| Value::Object((0..length).map(|at| (format!("k{at}"), json!("v"))).collect());
    match rule {
        Rule::Characters(most) | Rule::Bytes(most) => (text(most + 1), text(most)),
        Rule::JsonBytes(most) => {
            let object = |length: usize| json!({ "a": "x".repeat(length - r#"{"a":""}"#.len()) });
            (object(most + 1), object(most))
        }
        Rule::Items(10) => (map(11), map(10)),
        Rule::Items(most) => (list(most + 1), list(most)),
        Rule::Names(most) => (json!({ "x".repeat(most + 1): "v" }), json!({ "x".repeat(most): "v" })),
        Rule::Words => (json!(["two words"]), json!(["two_words"])),
        Rule::Begins(beginnings) => (json!("CID_1"), json!(format!("{}1", beginnings[0]))),
    }
}

/// An input with this value at a path.
fn input(path: &str, value: Value) -> Value {
    path.rsplit('.').fold(value, |value, part| {
        let name = if part == "*" { "any" } else { part };
        Value::Object(Map::from_iter([(name.to_owned(), value)]))
    })
}

#[tokio::test]
async fn every_limit_of_the_table_refuses_one_more_than_it_lets_through_before_anything_is_sent() {
    for row in ROWS {
        let Checked::Rule(rule, _) = row.checked else { continue };
        for name in row.actions {
            let action = all().into_iter().find(|action| action.spec().name == *name).unwrap();
            let (beyond, within) = beyond_and_within(rule);
            let error = call(action.as_ref(), input(row.input, beyond)).await.unwrap_err();
            assert_eq!((error.class, error.code.as_str()), (ErrorClass::Fail, OVER_LIMIT), "{name} {}", row.input);
            let shown = row.input.replace(".*", ".any");
            assert!(error.message.starts_with(&format!("`{shown}` ")), "{error}");
            assert!(error.message.contains(provider(name)) || error.message.contains("must begin"), "{error}");
            assert!(error.message.contains(". Nothing was sent: "), "{error}");
            let error = call(action.as_ref(), input(row.input, within)).await.unwrap_err();
            assert_ne!(error.code, OVER_LIMIT, "{name} {}: {error}", row.input);
        }
    }
}

#[tokio::test]
async fn a_tag_of_two_words_is_refused_in_every_input_of_tags_with_the_word_to_write() {
    for (name, input) in [
        ("zendesk.create_ticket", "tags"),
        ("zendesk.update_ticket", "add_tags"),
        ("zendesk.update_ticket", "remove_tags"),
        ("zendesk.update_ticket", "set_tags"),
    ] {
        let action = all().into_iter().find(|action| action.spec().name == name).unwrap();
        for tags in [json!(["vip", "two words"]), json!("vip, two words"), json!(["two,words"])] {
            let error = call(action.as_ref(), json!({ "ticket_id": 1, input: tags })).await.unwrap_err();
            assert!(error.message.contains("Nothing was sent: write `two_words`."), "{error}");
        }
    }
}

fn cell(text: &str) -> String {
    text.replace('|', "\\|")
}

/// The page as the table has it.
fn page() -> String {
    let mut page = String::from(
        "# Limits of the providers\n\n\
         What each provider documents about the values that actions send, input by input: what is checked before anything is\n\
         sent, and what is not and why. An input that takes one of a few words, or true or false, is not listed.\n\n\
         A value beyond a limit fails the step with `over_limit`, and `deskwire check` refuses one that stands in a workflow\n\
         as it is. Checks of an action's own fail with `bad_input` or a code of their own, and nothing is sent either.\n\n\
         This page is made from the table in `shared/connectors/src/limits/table.rs`; a test compares the two.\n\n\
         | action | input | limit | checked | source |\n| --- | --- | --- | --- | --- |\n",
    );
    for row in ROWS {
        let (limit, checked) = match row.checked {
            Checked::Rule(rule, _) => (rule.in_words(), "yes".to_owned()),
            Checked::Own { what, .. } => (what.to_owned(), "by the action".to_owned()),
            Checked::Not(why) => ("–".to_owned(), format!("no: {why}")),
        };
        let source = if row.source.is_empty() { "–".to_owned() } else { format!("<{}>", row.source) };
        let actions = row.actions.iter().map(|action| format!("`{action}`")).collect::<Vec<_>>().join(", ");
        let _ = writeln!(page, "| {actions} | `{}` | {} | {} | {source} |", row.input, cell(&limit), cell(&checked));
    }
    page
}

#[test]
#[expect(clippy::disallowed_methods, reason = "a test may be told to write what it compares")]
fn the_page_of_limits_shows_the_table() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/limits.md");
    if std::env::var_os("UPDATE_DOCS").is_some() {
        std::fs::write(&path, page()).unwrap();
    }
    let committed = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        committed == page(),
        "docs/limits.md is stale: run `UPDATE_DOCS=1 cargo test -p deskwire-connectors the_page_of_limits`"
    );
}

/// All of this crate's sources.
fn sources(folder: &Path) -> String {
    let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    entries.map(|path| if path.is_dir() { sources(&path) } else { std::fs::read_to_string(&path).unwrap() }).collect()
}

#[test]
fn every_check_of_an_actions_own_names_a_test_that_there_is() {
    let sources = sources(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"));
    for row in ROWS {
        if let Checked::Own { test, .. } = row.checked {
            assert!(sources.contains(&format!("fn {test}(")), "{test}");
        }
    }
}
