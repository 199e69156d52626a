//! States as badges: a word that is shown and a tone that the style sheet colours. No meaning rests on colour alone.

use deskwire_core::event::EventState;
use deskwire_core::run::RunState;

/// A word in a colour.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Badge {
    pub word: &'static str,
    pub tone: &'static str,
}

pub(crate) const GOOD: &str = "good";
pub(crate) const BAD: &str = "bad";
pub(crate) const DOUBT: &str = "doubt";
pub(crate) const WAIT: &str = "wait";
pub(crate) const BUSY: &str = "busy";
pub(crate) const QUIET: &str = "quiet";

impl From<RunState> for Badge {
    fn from(state: RunState) -> Self {
        let tone = match state {
            RunState::Succeeded => GOOD,
            RunState::Failed | RunState::Dead => BAD,
            RunState::Unknown => DOUBT,
            RunState::Retrying | RunState::Waiting => WAIT,
            RunState::Running | RunState::Queued => BUSY,
            RunState::Skipped => QUIET,
        };
        Self { word: state.as_str(), tone }
    }
}

impl From<EventState> for Badge {
    fn from(state: EventState) -> Self {
        let tone = match state {
            EventState::Accepted => GOOD,
            EventState::Unwanted => QUIET,
            EventState::Rejected => BAD,
        };
        Self { word: state.as_str(), tone }
    }
}

/// Does a run in this state wait for a person?
pub(crate) const fn needs_a_person(state: RunState) -> bool {
    matches!(state, RunState::Unknown | RunState::Dead | RunState::Failed)
}

/// What a run's state means, where the run itself gives no reason, or gives one that is over.
pub(crate) const fn meaning(state: RunState) -> &'static str {
    match state {
        RunState::Queued => "It waits for a runner, or for an earlier run of the same subject.",
        RunState::Running => "A runner is at it.",
        RunState::Retrying => "It waits for its next try.",
        RunState::Waiting => "A step waits, for a time or for an event.",
        RunState::Unknown => "A step may or may not have happened; a person decides.",
        RunState::Succeeded => "Every step is done or was left out on purpose.",
        RunState::Failed => "A step failed in a way that does not pass.",
        RunState::Skipped => "It ended on purpose before it did anything.",
        RunState::Dead => "Its attempts are used up.",
    }
}

/// One sentence why a run is where it is. The stored reason of a run that is queued or running is from an earlier
/// delivery, so it would mislead.
pub(crate) fn why(state: RunState, reason: Option<&str>) -> String {
    match (state, reason) {
        (RunState::Queued | RunState::Running, _) | (_, None | Some("")) => meaning(state).to_owned(),
        (_, Some(reason)) => reason.to_owned(),
    }
}
