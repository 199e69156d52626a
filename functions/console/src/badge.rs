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
pub(crate) const REST: &str = "rest";
pub(crate) const BUSY: &str = "busy";
pub(crate) const QUIET: &str = "quiet";

impl From<RunState> for Badge {
    fn from(state: RunState) -> Self {
        let tone = match state {
            RunState::Succeeded => GOOD,
            RunState::Failed | RunState::Dead => BAD,
            RunState::Unknown => DOUBT,
            RunState::Retrying => WAIT,
            RunState::Waiting => REST,
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
