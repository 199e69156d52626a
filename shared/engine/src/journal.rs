//! Reading a run's journal: what is known of each step when a delivery begins.

use std::collections::HashMap;

use deskwire_core::action::ErrorClass;
use deskwire_core::ids::StepPath;
use deskwire_core::run::Entry;
use deskwire_core::time::Timestamp;
use serde_json::{Value, json};

/// How a step ended.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Ended {
    /// With this output.
    Done(Value),
    /// It was left out.
    Skipped,
    /// It failed and the workflow goes on; this is what `steps.ID` holds.
    FailedOn(Value),
}

/// What is known of a step.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct StepState {
    /// Its end, once it has one.
    pub ended: Option<Ended>,
    /// How many attempts failed.
    pub failed_attempts: u32,
    /// When its first attempt failed or was held back: since then it has kept its lane waiting.
    pub waiting_since: Option<Timestamp>,
    /// Since when it may have been called without our knowing the answer.
    pub doubtful_since: Option<Timestamp>,
    /// When the first attempt that is written down began.
    pub first_called_at: Option<Timestamp>,
}

/// Everything the journal tells.
#[derive(Debug, Default)]
pub(crate) struct Journal {
    steps: HashMap<StepPath, StepState>,
    /// When the last result was written: no step without a result was called before this.
    pub frontier_at: Option<Timestamp>,
}

impl Journal {
    pub(crate) fn read(entries: &[Entry]) -> Self {
        let mut journal = Self::default();
        for entry in entries {
            journal.add(entry);
        }
        journal
    }

    pub(crate) fn step(&self, path: &StepPath) -> StepState {
        self.steps.get(path).cloned().unwrap_or_default()
    }

    pub(crate) fn add(&mut self, entry: &Entry) {
        let Some(path) = entry.step() else { return };
        let step = self.steps.entry(path.clone()).or_default();
        match entry {
            Entry::Done { output, at, .. } => {
                step.ended = Some(Ended::Done(output.clone()));
                self.frontier_at = Some(*at);
            }
            Entry::Skipped { at, .. } => {
                step.ended = Some(Ended::Skipped);
                self.frontier_at = Some(*at);
            }
            Entry::Failed { error, at, continued, .. } => {
                if *continued {
                    step.ended = Some(Ended::FailedOn(json!({ "error": error.message })));
                }
                self.frontier_at = Some(*at);
            }
            Entry::Attempt { started_at, at, error, .. } => {
                step.failed_attempts += 1;
                step.waiting_since.get_or_insert(*at);
                step.first_called_at.get_or_insert(*started_at);
                step.doubtful_since = (error.class == ErrorClass::Unknown).then_some(*at);
            }
            Entry::Held { at, .. } => {
                step.waiting_since.get_or_insert(*at);
            }
            Entry::Resumed { at, .. } => {
                step.doubtful_since = Some(*at);
            }
            Entry::Unknown { .. } => {}
        }
    }
}
