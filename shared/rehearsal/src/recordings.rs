//! What earlier runs were answered, by action and input.

use std::collections::HashMap;

use deskwire_core::action::{Actions, CallError};
use deskwire_core::ids::{RunId, StepPath, WorkflowName};
use deskwire_core::json::{self, NotJson};
use deskwire_core::personal::HIDDEN;
use deskwire_core::ports::{EventDetail, History, RunDetail, StoreError, StoreResult};
use deskwire_core::run::{Entry, Run};
use deskwire_history::{Shape, Specs};
use deskwire_templates::Templates;
use serde_json::Value;

/// Why a file holds no recordings.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadRecordings {
    /// It is no JSON, or none that `runs show` writes.
    #[error("it is not what `deskwire runs show ID --personal --json` writes: {0}")]
    Shape(String),
    /// Values are hidden in it, so inputs would not be recognised.
    #[error("personal values are hidden in it; write it with `deskwire runs show ID --personal --json`")]
    Hidden,
}

/// One call of an earlier run, and its answer.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Recording {
    pub run: RunId,
    pub workflow: WorkflowName,
    pub action: String,
    pub input: Value,
    pub answer: Result<Value, CallError>,
}

/// What earlier runs were answered.
#[derive(Debug, Clone, Default)]
pub struct Recordings(pub(crate) Vec<Recording>);

impl Recordings {
    /// How many calls are recorded.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Is nothing recorded?
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// What every run on an event was answered, the earliest first.
    pub async fn of_event(
        history: &dyn History,
        event: &EventDetail,
        actions: &Actions,
        templates: &Templates,
    ) -> StoreResult<Self> {
        let mut recordings = Self::default();
        let mut ids: Vec<_> = event.runs.iter().map(|run| (run.number, run.id.clone())).collect();
        ids.sort_unstable();
        for (_, id) in ids {
            // What one run recorded and cannot be read is not recorded.
            let run = match history.run(id.as_str()).await {
                Err(StoreError::Corrupt(_)) => continue,
                run => run?,
            };
            let Some(run) = run else { continue };
            let text = history.version_text(&run.summary.workflow, &run.summary.version).await?;
            let shape = text.and_then(|text| Shape::compile(text, actions, templates));
            recordings.add(&run, shape.as_ref(), actions);
        }
        Ok(recordings)
    }

    /// Reads what `deskwire runs show ID --personal --json` wrote: one such document, or a list of them.
    pub fn read(text: &str, actions: &Actions) -> Result<Self, BadRecordings> {
        let bad = |error: NotJson| BadRecordings::Shape(error.to_string());
        let document: Value = json::from_str(text).map_err(bad)?;
        let documents = match document {
            Value::Array(list) => list,
            one => vec![one],
        };
        let mut recordings = Self::default();
        for mut document in documents {
            let missing = |what: &str| BadRecordings::Shape(format!("it has no `{what}`"));
            let journal = document.get_mut("journal").map(Value::take).ok_or_else(|| missing("journal"))?;
            // Read from text: taken from a value, 0.00001 would become 1e-5.
            let journal: Vec<Entry> = json::from_str(&journal.to_string()).map_err(bad)?;
            let word = |pointer: &str| document.pointer(pointer).and_then(Value::as_str);
            let run = word("/run/id").ok_or_else(|| missing("run.id"))?;
            let workflow = word("/run/workflow").and_then(|name| WorkflowName::parse(name).ok());
            let workflow = workflow.ok_or_else(|| missing("run.workflow"))?;
            recordings.add_journal(&RunId::new(run), &workflow, &journal, &Specs::new(None, &journal, actions));
        }
        if recordings.0.iter().any(Recording::is_hidden) { Err(BadRecordings::Hidden) } else { Ok(recordings) }
    }

    /// Adds recordings that count after these.
    pub fn extend(&mut self, other: Self) {
        self.0.extend(other.0);
    }

    fn add(&mut self, run: &RunDetail, shape: Option<&Shape>, actions: &Actions) {
        let specs = Specs::new(shape, &run.journal, actions);
        self.add_journal(&run.summary.id, &run.summary.workflow, &run.journal, &specs);
    }

    fn add_journal(&mut self, run: &RunId, workflow: &WorkflowName, journal: &[Entry], specs: &Specs<'_>) {
        let mut inputs: HashMap<&StepPath, &Value> = HashMap::new();
        for entry in journal {
            let (step, input, answer) = match entry {
                Entry::Done { step, input, output, .. } => (step, input, Ok(output.clone())),
                Entry::Attempt { step, input, .. } => {
                    inputs.insert(step, input);
                    continue;
                }
                // The error is the last attempt's, and a failed step without one never called anybody.
                Entry::Failed { step, error, .. } => match inputs.get(step) {
                    Some(input) => (step, *input, Err(error.clone())),
                    None => continue,
                },
                _ => continue,
            };
            let Some(spec) = specs.get(step) else { continue };
            let recording = Recording {
                run: run.clone(),
                workflow: workflow.clone(),
                action: spec.name.to_owned(),
                input: input.clone(),
                answer,
            };
            // A replay begins with what it keeps of the run before it.
            let kept = self.0.iter().any(|known| {
                known.run != recording.run
                    && known.action == recording.action
                    && known.input == recording.input
                    && known.answer == recording.answer
            });
            if !kept {
                self.0.push(recording);
            }
        }
    }

    /// Those of a workflow's own runs first: another's may have looked at another moment.
    pub(crate) fn sorted_for(mut self, run: &Run) -> Vec<Recording> {
        self.0.sort_by_key(|recording| recording.workflow != run.workflow);
        self.0
    }
}

impl Recording {
    fn is_hidden(&self) -> bool {
        fn hides(value: &Value) -> bool {
            match value {
                Value::String(text) => text == HIDDEN,
                Value::Array(list) => list.iter().any(hides),
                Value::Object(object) => object.values().any(hides),
                _ => false,
            }
        }
        hides(&self.input) || self.answer.as_ref().is_ok_and(hides)
    }
}
