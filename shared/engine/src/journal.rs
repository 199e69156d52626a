//! Reading a run's journal: what is known of each step when a delivery begins.

use std::collections::HashMap;
use std::sync::Arc;

use deskwire_core::action::ErrorClass;
use deskwire_core::ids::StepPath;
use deskwire_core::run::Entry;
use deskwire_core::time::Timestamp;
use serde_json::Value;

/// How a step ended.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Ended {
    /// With this output.
    Done(Value),
    /// It was left out.
    Skipped,
    /// It failed with this sentence, and the workflow, or the loop around it, goes on.
    FailedOn(String),
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
    /// When it first failed, was held back or met a connection that needs a person: since then its run has kept its lane.
    pub keeps_lane_since: Option<Timestamp>,
    /// Since when it may have been called without our knowing the answer.
    pub doubtful_since: Option<Timestamp>,
    /// When the first call that is written down began, or was announced.
    pub first_called_at: Option<Timestamp>,
    /// Was a call announced whose outcome is not written?
    pub announced: bool,
    /// Has it waited for its connection?
    pub blocked: bool,
    /// Was it found that nobody can tell, and has nobody decided since?
    pub unknown: bool,
    /// The case that a `choose` took, counted from 1; 0 where none held.
    pub case: Option<u32>,
    /// What a loop goes over.
    pub items: Option<Arc<[Value]>>,
    /// When a wait ends, once it has begun.
    pub waits_until: Option<Timestamp>,
}

impl StepState {
    /// Was it never called, held back or begun? Only then is its condition asked.
    pub(crate) fn is_untouched(&self) -> bool {
        *self == Self::default()
    }
}

/// Everything the journal tells.
#[derive(Debug, Default)]
pub(crate) struct Journal {
    steps: HashMap<StepPath, StepState>,
    /// When the last result was written.
    pub frontier_at: Option<Timestamp>,
    /// How many calls of actions are done, counting each turn of a loop.
    pub done: usize,
    /// How many steps were left out, or failed and the run went on.
    pub passed_over: usize,
    /// How many runs of ours stand between the event and one from outside.
    pub hops: u32,
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

    /// Since when steps that wait for their connections have kept the run's lane, the first of them.
    pub(crate) fn blocked_since(&self) -> Option<Timestamp> {
        let waiting = self.steps.values().filter(|step| step.blocked && step.ended.is_none());
        waiting.filter_map(|step| step.keeps_lane_since).min()
    }

    pub(crate) fn add(&mut self, entry: &Entry) {
        match entry {
            Entry::Caused { hops, .. } => self.hops = *hops,
            Entry::Resumed { at, .. } => {
                let announced = self.steps.values_mut().filter(|step| step.announced && step.ended.is_none());
                announced.for_each(|step| step.doubtful_since = Some(*at));
            }
            _ => {}
        }
        let Some(path) = entry.step() else { return };
        let step = self.steps.entry(path.clone()).or_default();
        match entry {
            Entry::Done { action, output, at, .. } => {
                step.ended = Some(Ended::Done(output.clone()));
                self.frontier_at = Some(*at);
                self.done += usize::from(!matches!(action.as_str(), "for_each" | "stop"));
            }
            Entry::Skipped { at, .. } => {
                step.ended = Some(Ended::Skipped);
                self.frontier_at = Some(*at);
                self.passed_over += 1;
            }
            Entry::Failed { error, at, continued, .. } => {
                if *continued {
                    step.ended = Some(Ended::FailedOn(error.message.clone()));
                    self.passed_over += 1;
                }
                self.frontier_at = Some(*at);
            }
            Entry::Attempt { started_at, at, error, .. } => {
                step.failed_attempts += 1;
                step.announced = false;
                step.waiting_since.get_or_insert(*at);
                step.keeps_lane_since.get_or_insert(*at);
                step.first_called_at.get_or_insert(*started_at);
                step.doubtful_since = (error.class == ErrorClass::Unknown).then_some(*at);
            }
            Entry::Held { at, .. } => {
                step.waiting_since.get_or_insert(*at);
                step.keeps_lane_since.get_or_insert(*at);
            }
            // Nothing was called, also where a call was announced. A doubt about an earlier one stays.
            Entry::NoToken { at, .. } => {
                step.announced = false;
                step.waiting_since.get_or_insert(*at);
                step.keeps_lane_since.get_or_insert(*at);
            }
            // What it waited for was a person, so the patience of its retries begins anew; that of its lane does not.
            Entry::Blocked { at, .. } => {
                step.keeps_lane_since.get_or_insert(*at);
                step.announced = false;
                step.waiting_since = None;
                step.blocked = true;
            }
            Entry::Resumed { at, .. } => step.doubtful_since = Some(*at),
            Entry::Calling { at, .. } => {
                step.announced = true;
                step.first_called_at.get_or_insert(*at);
            }
            Entry::Unknown { .. } => step.unknown = true,
            Entry::Chose { case, .. } => step.case = Some(case.unwrap_or(0)),
            Entry::Looping { items, .. } => step.items = Some(items.as_slice().into()),
            Entry::Waiting { until, .. } => step.waits_until = Some(*until),
            Entry::Decided { happened, output, at, .. } => {
                if *happened {
                    step.ended = Some(Ended::Done(output.clone()));
                    self.frontier_at = Some(*at);
                    self.done += 1;
                } else {
                    // It is as if it had never been called, save that a call may not be looked for from later on.
                    *step = StepState { first_called_at: step.first_called_at, ..StepState::default() };
                }
            }
            Entry::Caused { .. } => {}
        }
    }
}
