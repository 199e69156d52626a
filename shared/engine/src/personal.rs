//! Keeping what is about a person out of a run's one sentence, which stands in lists and logs.

use deskwire_core::action::Actions;
use deskwire_core::personal::{event_schemas, masked, personal_values, redact_part};
use deskwire_core::ports::Settlement;
use deskwire_core::run::{Entry, Run, RunState};
use deskwire_workflows::{StepKind, Workflow};
use serde_json::Value;

use crate::delivery::Delivery;

/// The settlement, its reason without the values of fields that are marked as personal. Only failures and what is tried
/// again quote values at all, so nothing is looked at where a run goes well.
pub(crate) fn without_personal(
    settlement: Settlement,
    run: &Run,
    entries: &[Entry],
    workflow: &Workflow,
    actions: &Actions,
) -> Settlement {
    let mask = |reason: String| masked(&reason, &values(run, entries, workflow, actions));
    match settlement {
        Settlement::Over { state, reason } if state != RunState::Succeeded => {
            Settlement::Over { state, reason: mask(reason) }
        }
        Settlement::Again { at, reason } => Settlement::Again { at, reason: mask(reason) },
        Settlement::Park { lane_until, reason } => Settlement::Park { lane_until, reason: mask(reason) },
        Settlement::Wait { until, event, reason } => Settlement::Wait { until, event, reason: mask(reason) },
        other => other,
    }
}

/// The personal values that the run knows: of its event, and of what its steps were given and answered.
fn values(run: &Run, entries: &[Entry], workflow: &Workflow, actions: &Actions) -> Vec<String> {
    let mut values = Vec::new();
    if let Ok(data) = run.event.data.value() {
        values.extend(event_schemas(&run.event.kind).into_iter().flat_map(|schema| personal_values(&data, schema)));
    }
    let steps = workflow.all_steps();
    for entry in run.journal.iter().chain(entries) {
        let (path, input, output) = match entry {
            Entry::Done { step, input, output, .. } => (step, Some(input), Some(output)),
            Entry::Attempt { step, input, .. } => (step, Some(input), None),
            _ => continue,
        };
        let id = path.as_str().rsplit('/').next().unwrap_or_default();
        let action = steps.iter().find(|step| step.id == id).and_then(|step| match &step.kind {
            StepKind::Action(action) => actions.get(&action.action),
            _ => None,
        });
        let Some(spec) = action.map(|action| action.spec()) else { continue };
        values.extend(input.into_iter().flat_map(|input| personal_values(input, &spec.input)));
        values.extend(output.into_iter().flat_map(|output| personal_values(output, &spec.output)));
    }
    values
}

/// What may be shown of the value that a name stands for in a condition of a step. What no schema describes may be about a
/// person.
pub(crate) fn shown(delivery: &Delivery<'_>, path: &[String], value: &Value) -> Value {
    match path {
        [root, attribute, rest @ ..] if root == "event" && attribute == "data" => {
            redact_part(value, rest, &event_schemas(&delivery.run().event.kind))
        }
        [root, ..] if matches!(root.as_str(), "event" | "loop") => value.clone(),
        [root, id, rest @ ..] if root == "steps" => {
            let actions = delivery.engine.versions.actions();
            let steps = delivery.workflow.all_steps();
            let action = steps.into_iter().find(|step| step.id == *id).and_then(|step| match &step.kind {
                StepKind::Action(action) => actions.get(&action.action),
                _ => None,
            });
            let schemas: Vec<&Value> = action.map(|action| &*action.spec().output).into_iter().collect();
            redact_part(value, rest, &schemas)
        }
        _ => redact_part(value, &[], &[]),
    }
}
