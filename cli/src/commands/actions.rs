//! `deskwire actions`: what steps can do. The list, and one page for each action.

mod effects;
mod page;
mod properties;

use deskwire_core::action::Action;
use deskwire_core::limit::Limit;
use deskwire_workflows::action_help;
use serde_json::{Value, json};

use crate::Outcome;
use crate::args::ActionsCommand;
use crate::failure::refuse;
use crate::output::{BOLD, CYAN, cell, line, styled, table};

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
        Some(ActionsCommand::Show { name }) => {
            let Some(action) = actions.get(name) else {
                let help = action_help(name, &actions);
                refuse(format_args!("there is no action `{name}`: {help}"));
                return Outcome::Failed;
            };
            if as_json {
                crate::output::json(&as_document(action.as_ref()));
            } else {
                page::of(action.as_ref()).iter().for_each(line);
            }
            Outcome::Fine
        }
    }
}

/// The spec; under `effects` which input has which effect, where that depends on the input; and under `limits` what the
/// provider takes at most.
fn as_document(action: &dyn Action) -> Value {
    let mut document = json!(action.spec());
    let cases = effects::cases(action);
    if !cases.is_empty() {
        document["effects"] = cases.iter().map(|case| json!({ "when": case.when, "effect": case.effect })).collect();
    }
    let limits = action.limits();
    if !limits.is_empty() {
        let one = |limit: &Limit| json!({ "input": limit.input, "limit": limit.rule.in_words() });
        document["limits"] = limits.iter().map(one).collect();
    }
    document
}
