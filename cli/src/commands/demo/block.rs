//! A run in a line: its steps with what became of each, and where the run stands. For the examples that the demo tells in
//! short.

use deskwire_core::ports::{RunDetail, RunSummary};
use deskwire_core::run::{Entry, RunState};
use deskwire_core::time::{Clock, SystemClock};

use crate::output::{CYAN, DIM, GREEN, RED, paint, state_style, time, took};

/// Has the run come as far as it goes by itself for now?
pub(super) fn is_settled(run: &RunDetail) -> bool {
    is_over(run) || waits(&run.summary)
}

/// Has it ended, or does it need a person?
pub(super) fn is_over(run: &RunDetail) -> bool {
    run.summary.state.is_over() || run.summary.state == RunState::Unknown
}

/// Did it succeed, or does it wait on purpose?
pub(super) fn is_good(run: &RunSummary) -> bool {
    run.state == RunState::Succeeded || waits(run)
}

/// Does it wait because its workflow says so: at a `wait`, or for quiet?
fn waits(run: &RunSummary) -> bool {
    match run.state {
        RunState::Waiting => true,
        RunState::Queued => run.deliveries == 0 && run.due_at.is_some_and(|due| due > SystemClock.now()),
        _ => false,
    }
}

/// What became of one step, as it is shown.
struct Shown<'r> {
    path: &'r str,
    mark: String,
    more: String,
}

/// The steps in the order in which they were reached. Those of a loop's turns are told by the loop.
pub(super) fn steps(run: &RunDetail) -> String {
    let mut all: Vec<Shown<'_>> = Vec::new();
    for entry in &run.journal {
        let Some(path) = entry.step().map(AsRef::as_ref).filter(|path: &&str| !path.contains('[')) else { continue };
        let Some((mark, more)) = describe(entry) else { continue };
        match all.iter_mut().find(|shown| shown.path == path) {
            Some(shown) => shown.mark = mark,
            None => all.push(Shown { path, mark, more }),
        }
    }
    let shown = |Shown { path, mark, more }: &Shown<'_>| {
        let name = path.rsplit('/').next().unwrap_or(path);
        format!("{mark} {name}{}", paint(DIM, more))
    };
    all.iter().map(shown).collect::<Vec<_>>().join("  ")
}

/// The mark, and what is said behind the step's name.
fn describe(entry: &Entry) -> Option<(String, String)> {
    let done = || paint(GREEN, "✓");
    Some(match entry {
        Entry::Done { .. } => (done(), String::new()),
        Entry::Skipped { .. } => (paint(DIM, "–"), String::new()),
        Entry::Chose { case: Some(case), .. } => (done(), format!(" (case {case})")),
        Entry::Chose { case: None, .. } => (done(), " (otherwise)".to_owned()),
        Entry::Looping { items, .. } if items.len() == 1 => (done(), " (1 item)".to_owned()),
        Entry::Looping { items, .. } => (done(), format!(" ({} items)", items.len())),
        Entry::Waiting { .. } => (paint(CYAN, "…"), String::new()),
        Entry::Failed { .. } => (paint(RED, "✗"), String::new()),
        _ => return None,
    })
}

/// Where the run stands.
pub(super) fn state(run: &RunSummary) -> String {
    let due = run.due_at.map(time).unwrap_or_default();
    let words = match (run.state, run.ended_at) {
        (RunState::Waiting, _) => format!("waits until {due}"),
        (RunState::Queued, _) => format!("begins at {due}, if nothing else comes"),
        (state, Some(end)) => format!("{} in {}", state.as_str(), took(run.queued_at, end)),
        (state, None) => state.as_str().to_owned(),
    };
    paint(state_style(run.state), words)
}
