//! `deskwire actions`: what steps can do.

use deskwire_core::action::ActionSpec;
use serde_json::{Value, json};

use crate::Outcome;
use crate::args::ActionsCommand;
use crate::output::{BOLD, CYAN, DIM, cell, line, note, paint, styled, table};

pub(crate) fn run(command: Option<&ActionsCommand>, as_json: bool) -> Outcome {
    let actions = deskwire_startup::actions_alone();
    match command {
        None | Some(ActionsCommand::List) => {
            if as_json {
                let list: Vec<Value> = actions
                    .specs()
                    .map(|spec| json!({ "name": spec.name, "summary": spec.summary, "effect": spec.effect.as_str() }))
                    .collect();
                crate::output::json(&json!(list));
            } else {
                let rows: Vec<_> = actions
                    .specs()
                    .map(|spec| vec![styled(spec.name, BOLD), styled(spec.effect.as_str(), CYAN), cell(spec.summary)])
                    .collect();
                table(&["action", "effect", "what it does"], &rows);
                line("");
                line("deskwire actions show NAME tells inputs, outputs, errors and shows an example.");
            }
            Outcome::Fine
        }
        Some(ActionsCommand::Show { name }) => match actions.get(name) {
            Some(action) if as_json => {
                crate::output::json(&json!(action.spec()));
                Outcome::Fine
            }
            Some(action) => {
                show(action.spec());
                Outcome::Fine
            }
            None => {
                let names: Vec<&str> = actions.specs().map(|spec| spec.name).collect();
                note(format_args!("error: there is no action `{name}`; there are {}", names.join(", ")));
                Outcome::Failed
            }
        },
    }
}

fn show(spec: &ActionSpec) {
    line(paint(BOLD, spec.name));
    line(spec.summary);
    line("");
    line(format_args!("{}  {}: {}", paint(DIM, "effect"), spec.effect.as_str(), after_a_crash(spec)));
    if !spec.scopes.is_empty() {
        line(format_args!("{}  {}", paint(DIM, "needs"), spec.scopes.join(", ")));
    }
    line(format_args!("{}  {}", paint(DIM, "page"), spec.page));
    properties("Inputs (under `with`)", &spec.input);
    properties("Outputs (as `steps.ID.…`)", &spec.output);
    if !spec.errors.is_empty() {
        line("");
        line(paint(BOLD, "Errors"));
        let rows: Vec<_> = spec
            .errors
            .iter()
            .map(|error| {
                let class = json!(error.class).as_str().unwrap_or_default().replace('_', " ");
                vec![cell(format_args!("  {}", error.code)), styled(class, CYAN), cell(error.help)]
            })
            .collect();
        table(&["  code", "handling", "what to do"], &rows);
    }
    line("");
    line(paint(BOLD, "Example"));
    for text in spec.example.lines() {
        line(format_args!("  {text}"));
    }
}

fn after_a_crash(spec: &ActionSpec) -> &'static str {
    use deskwire_core::action::Effect;
    match spec.effect {
        Effect::Read => "changes nothing; after a crash it is called again",
        Effect::Idempotent => "calling twice is like calling once; after a crash it is called again",
        Effect::Keyed { .. } => "after a crash it is called again with the same key, which the provider recognises",
        Effect::Detectable { .. } => {
            "after a crash its trace is looked for, and it is called again only if there is none"
        }
        Effect::Unprovable => "after a crash nobody can tell whether it happened; a person decides",
    }
}

fn properties(title: &str, schema: &Value) {
    let Some(properties) = schema.get("properties").and_then(Value::as_object) else { return };
    let required: Vec<&str> =
        schema.get("required").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str).collect();
    line("");
    line(paint(BOLD, title));
    let rows: Vec<_> = properties
        .iter()
        .map(|(name, property)| {
            let must = if required.contains(&name.as_str()) { "required" } else { "" };
            let about = property.get("description").and_then(Value::as_str).unwrap_or_default();
            let about = about.split_whitespace().collect::<Vec<_>>().join(" ");
            vec![cell(format_args!("  {name}")), styled(type_of(property), CYAN), styled(must, DIM), cell(about)]
        })
        .collect();
    table(&["  name", "type", "", "meaning"], &rows);
}

/// A property's types in words: `string`, `integer or null`.
fn type_of(property: &Value) -> String {
    let name = |value: &Value| value.as_str().map(str::to_owned);
    match property.get("type") {
        Some(Value::String(one)) => one.clone(),
        Some(Value::Array(several)) => several.iter().filter_map(name).collect::<Vec<_>>().join(" or "),
        _ => {
            let any = property.get("anyOf").and_then(Value::as_array);
            let types: Vec<String> = any.into_iter().flatten().map(type_of).collect();
            if types.is_empty() { "any".to_owned() } else { types.join(" or ") }
        }
    }
}
