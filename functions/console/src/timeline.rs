//! A run's journal as a timeline: entries gathered by step, each with its bar on one time axis. Pure; the run's page calls
//! it. What a single entry says stands in [`crate::line`].

use std::collections::HashMap;
use std::time::Duration;

use deskwire_core::ids::StepPath;
use deskwire_core::ports::RunDetail;
use deskwire_core::run::{Entry, RunState};
use deskwire_core::time::Timestamp;
use deskwire_history::{Loops, Shape, Unreached};

use crate::badge::{BAD, BUSY, Badge, DOUBT, GOOD, QUIET, REST, WAIT};
use crate::line::{Line, line};
use crate::show::took;

/// Loops with more items than this are folded.
pub(crate) const FOLDED_FROM: usize = 5;

/// The axis' length in the units of its drawing.
pub(crate) const LENGTH: u128 = 1_000;
/// Even a call of no time at all is drawn this long.
const SHORTEST: u128 = 5;

/// Everything that is known of a run's steps.
#[derive(Debug)]
pub(crate) struct Timeline {
    pub steps: Vec<Step>,
    /// The steps of the workflow that the run never reached.
    pub unreached: Vec<Unreached>,
    /// The axis' labels, at its beginning, middle and end; empty when nothing was called.
    pub ticks: Vec<String>,
    /// From the beginning of the first call to the end of the last.
    pub worked: Option<String>,
    /// From queued to the first call.
    pub waited: Option<String>,
}

/// One step, or what concerns the run as a whole.
#[derive(Debug)]
pub(crate) struct Step {
    /// Its path; `None` for the run as a whole.
    pub name: Option<String>,
    pub badge: Badge,
    pub lines: Vec<Line>,
}

/// A stretch of the axis.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Bar {
    pub x: u128,
    pub width: u128,
}

/// The time that the bars share. It begins with the first call, not when the run was queued, since a run may wait for hours
/// in its lane and be done in a second.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Axis {
    pub start: Timestamp,
    pub span: Duration,
}

impl Axis {
    fn of(run: &RunDetail, now: Timestamp) -> Option<Self> {
        let own = || run.journal.iter().filter(|entry| !is_kept(entry, run));
        let start = own().map(began).min()?;
        let busy = matches!(run.summary.state, RunState::Running | RunState::Waiting);
        let end = own().map(ends).chain(busy.then_some(now)).max()?;
        Some(Self { start, span: end.since(start).max(Duration::from_millis(1)) })
    }

    /// The stretch between two times. What would begin at the very end is moved in, so that it shows.
    pub(crate) fn bar(self, from: Timestamp, to: Timestamp) -> Bar {
        let place = |at: Timestamp| (at.since(self.start).as_millis() * LENGTH / self.span.as_millis()).min(LENGTH);
        let x = place(from).min(LENGTH - SHORTEST);
        Bar { x, width: place(to).saturating_sub(x).clamp(SHORTEST, LENGTH - x) }
    }

    fn ticks(self) -> Vec<String> {
        (0..=2).map(|half| took(self.span * half / 2)).collect()
    }
}

/// Was the entry taken over from the run that this one replays?
pub(crate) fn is_kept(entry: &Entry, run: &RunDetail) -> bool {
    run.summary.replay > 0 && entry.at() < run.summary.queued_at
}

fn began(entry: &Entry) -> Timestamp {
    match entry {
        Entry::Done { started_at, .. } | Entry::Attempt { started_at, .. } => *started_at,
        _ => entry.at(),
    }
}

fn ends(entry: &Entry) -> Timestamp {
    match entry {
        Entry::Attempt { at, next_at, .. } => next_at.unwrap_or(*at).max(*at),
        Entry::Held { until, .. } | Entry::NoToken { until, .. } => *until,
        _ => entry.at(),
    }
}

/// Reads a run's journal against its workflow, where that is understood.
pub(crate) fn timeline(run: &RunDetail, shape: Option<&Shape>, now: Timestamp) -> Timeline {
    let axis = Axis::of(run, now);
    let loops = Loops::read(&run.journal, FOLDED_FROM);
    let mut groups: Vec<(Option<&StepPath>, Vec<&Entry>)> = Vec::new();
    let mut known: HashMap<Option<&StepPath>, usize> = HashMap::new();
    for entry in run.journal.iter().filter(|entry| entry.step().is_none_or(|step| !loops.hides(step))) {
        let group = *known.entry(entry.step()).or_insert(groups.len());
        match groups.get_mut(group) {
            Some((_, entries)) => entries.push(entry),
            None => groups.push((entry.step(), vec![entry])),
        }
    }
    let step = |(name, entries): (Option<&StepPath>, Vec<&Entry>)| Step {
        name: name.map(ToString::to_string),
        badge: entries.last().map_or(UNDER_WAY, |last| badge(last, run)),
        lines: (0..entries.len()).map(|index| line(&entries, index, run, axis, &loops, now)).collect(),
    };
    let last = run.journal.iter().filter(|entry| !is_kept(entry, run)).map(Entry::at).max();
    Timeline {
        steps: groups.into_iter().map(step).collect(),
        unreached: shape.map(|shape| shape.unreached(run)).unwrap_or_default(),
        ticks: axis.map(Axis::ticks).unwrap_or_default(),
        worked: axis.zip(last).map(|(axis, last)| took(last.since(axis.start))),
        waited: axis.map(|axis| took(axis.start.since(run.summary.queued_at))),
    }
}

const UNDER_WAY: Badge = Badge { word: "under way", tone: BUSY };

/// Where a step stands, which its last entry says.
fn badge(last: &Entry, run: &RunDetail) -> Badge {
    let (word, tone) = match last {
        Entry::Done { .. } | Entry::Decided { .. } if is_kept(last, run) => ("done before", GOOD),
        Entry::Done { .. } => ("done", GOOD),
        Entry::Skipped { .. } => ("left out", QUIET),
        Entry::Attempt { next_at: Some(_), .. } if !run.summary.state.is_over() => ("waits for its next try", WAIT),
        Entry::Failed { continued: true, .. } => ("failed, the run went on", WAIT),
        Entry::Attempt { .. } | Entry::Failed { .. } => ("failed", BAD),
        Entry::Unknown { .. } => ("unknown", DOUBT),
        Entry::Held { .. } => ("held back", WAIT),
        Entry::NoToken { .. } => ("waits for a token", WAIT),
        Entry::Waiting { .. } => ("waits", REST),
        Entry::Blocked { .. } => ("waits for its connection", BAD),
        Entry::Decided { happened: true, .. } => ("done, says a person", GOOD),
        Entry::Decided { .. } => ("not done, says a person", WAIT),
        Entry::Chose { .. } => ("chosen", GOOD),
        Entry::Caused { .. } => ("an echo", QUIET),
        Entry::Looping { .. } if run.summary.state.is_over() => ("not finished", QUIET),
        Entry::Resumed { .. } | Entry::Calling { .. } | Entry::Looping { .. } => return UNDER_WAY,
    };
    Badge { word, tone }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(millis: i64) -> Timestamp {
        Timestamp::from_millis(millis)
    }

    #[test]
    fn bars_stay_within_the_axis_and_are_never_invisible() {
        let axis = Axis { start: at(0), span: Duration::from_secs(1) };
        assert_eq!(axis.bar(at(0), at(1_000)), Bar { x: 0, width: 1_000 });
        assert_eq!(axis.bar(at(250), at(500)), Bar { x: 250, width: 250 });
        assert_eq!(axis.bar(at(500), at(500)), Bar { x: 500, width: SHORTEST });
        assert_eq!(axis.bar(at(1_000), at(1_000)), Bar { x: 995, width: SHORTEST });
        assert_eq!(axis.bar(at(-5), at(9_000)), Bar { x: 0, width: 1_000 });
    }

    #[test]
    fn the_axis_is_labelled_at_its_beginning_middle_and_end() {
        let axis = Axis { start: at(0), span: Duration::from_mins(4) };
        assert_eq!(axis.ticks(), ["0 ms", "2 min", "4 min"]);
    }
}
