//! What a replay keeps of a run's journal, and what it would call.
//!
//! Results are kept, so that nothing that is done is called again: those of steps, and what a person decided to have
//! happened. A decision of the flow (the case of a `choose`, the items of a loop) is kept where a result within it is:
//! else the results would belong to another case, or to other items. Everything else is found out anew, with the same
//! templates on the same results. How far the event is from one from outside is kept always, since only an event's first
//! run finds that out.

use std::collections::HashSet;

use deskwire_core::ids::StepPath;
use deskwire_core::ports::RunDetail;
use deskwire_core::run::{Entry, RunState};
use serde::Serialize;

use crate::loops::{LoopCount, Loops};

/// What a replay of a run would do, by the state of its steps.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Plan {
    /// Calls that are done and are not made again.
    pub done: Vec<StepPath>,
    /// Steps that may have happened and would be called again.
    pub unknown: Vec<StepPath>,
    /// Steps that failed and would be called again, those included where the workflow went on.
    pub failed: Vec<StepPath>,
    /// How many turns of loops have not begun.
    pub turns_to_come: usize,
    /// The entries that hold for the new run.
    #[serde(skip)]
    pub keep: Vec<Entry>,
}

impl Plan {
    /// Reads a run's journal. `from_start`: every step is called again.
    pub fn of(journal: &[Entry], from_start: bool) -> Self {
        let unknown = unknown_steps(journal);
        let failed = failed_steps(journal);
        if from_start {
            let keep = journal.iter().filter(|entry| matches!(entry, Entry::Caused { .. })).cloned().collect();
            return Self { unknown, failed, keep, ..Self::default() };
        }
        let again = around(failed.iter().chain(&unknown));
        let is_result = |entry: &Entry| match entry {
            // A loop that went on after failures is gone through again, so that the turns that failed are called again.
            Entry::Done { step, action, .. } if action == "for_each" => !again.contains(step.as_str()),
            Entry::Done { .. } => true,
            Entry::Decided { happened, .. } => *happened,
            _ => false,
        };
        let results: HashSet<&StepPath> =
            journal.iter().filter(|entry| is_result(entry)).filter_map(Entry::step).collect();
        let holds_results = around(results.iter().copied());
        let is_kept = |entry: &Entry| match entry {
            Entry::Caused { .. } => true,
            Entry::Chose { step, .. } | Entry::Looping { step, .. } => holds_results.contains(step.as_str()),
            entry => is_result(entry),
        };
        let keep: Vec<Entry> = journal.iter().filter(|entry| is_kept(entry)).cloned().collect();
        let done = keep.iter().filter(|entry| is_call(entry)).filter_map(Entry::step).cloned().collect();
        let loops = Loops::read(journal, usize::MAX);
        let open = journal.iter().filter_map(|entry| match entry {
            Entry::Looping { step, .. } if !results.contains(step) => loops.count(step),
            _ => None,
        });
        let turns_to_come = open.map(LoopCount::to_come).sum();
        Self { done, unknown, failed, turns_to_come, keep }
    }

    /// `4 steps done, 1 would be called, 1 unknown`.
    pub fn in_words(&self) -> String {
        let steps = |count: usize| if count == 1 { "step" } else { "steps" };
        let mut words = vec![format!("{} {} done", self.done.len(), steps(self.done.len()))];
        let more = [
            (self.failed.len(), "would be called"),
            (self.unknown.len(), "unknown"),
            (self.turns_to_come, "turns of loops to come"),
        ];
        words.extend(more.into_iter().filter(|(count, _)| *count > 0).map(|(count, word)| format!("{count} {word}")));
        words.join(", ")
    }
}

/// Why a run is not replayed just like that.
pub fn refusal(state: RunState, force: bool) -> Option<String> {
    if !(state.is_over() || state == RunState::Unknown) {
        return Some(format!("the run is {}; only one that is over or unknown can be replayed", state.as_str()));
    }
    (state == RunState::Succeeded && !force)
        .then(|| "the run succeeded, and replaying it does everything once more. Add --force to do that".to_owned())
}

/// The same of a run with its journal: where that cannot be read, which steps are done is not known.
pub fn refusal_of(run: &RunDetail, force: bool) -> Option<String> {
    refusal(run.summary.state, force).or_else(|| {
        (run.unreadable > 0 && !force).then(|| {
            format!(
                "{} records of the run's journal cannot be read, so which of its steps are done is not known. Look at the \
                 providers first; --force replays what is not known to be done",
                run.unreadable
            )
        })
    })
}

/// The steps that may or may not have happened and about which nobody has decided, in the order of the journal.
pub fn unknown_steps(journal: &[Entry]) -> Vec<StepPath> {
    last_says(journal, |entry| matches!(entry, Entry::Unknown { .. }))
}

/// The steps whose last entry is such a one, in the order in which they came up.
fn last_says(journal: &[Entry], such: impl Fn(&Entry) -> bool) -> Vec<StepPath> {
    let mut found: Vec<StepPath> = Vec::new();
    let mut known: HashSet<&StepPath> = HashSet::new();
    for entry in journal.iter().rev() {
        // A process that stopped says nothing about how the step stands.
        let Some(step) = entry.step().filter(|_| !matches!(entry, Entry::Resumed { .. })) else { continue };
        if known.insert(step) && such(entry) {
            found.push(step.clone());
        }
    }
    found.reverse();
    found
}

/// The steps that failed last. What is around one that failed is not named beside it.
fn failed_steps(journal: &[Entry]) -> Vec<StepPath> {
    let failed = last_says(journal, |entry| matches!(entry, Entry::Failed { .. } | Entry::Attempt { .. }));
    let around = around(failed.iter());
    failed.iter().filter(|path| !around.contains(path.as_str())).cloned().collect()
}

/// Does the entry stand for a call of an action, rather than for a step that calls nothing?
fn is_call(entry: &Entry) -> bool {
    match entry {
        Entry::Done { action, .. } => action.contains('.'),
        entry => matches!(entry, Entry::Decided { .. }),
    }
}

/// The paths of all that is around these steps: branches, loops and their turns.
fn around<'p>(paths: impl Iterator<Item = &'p StepPath>) -> HashSet<&'p str> {
    paths.flat_map(|path| path.as_str().match_indices(['/', '[']).map(|(at, _)| &path.as_str()[..at])).collect()
}
