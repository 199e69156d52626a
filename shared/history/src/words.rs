//! One sentence for a run: why it is where it is. Called by every list and every page of runs.

use deskwire_core::run::RunState;

/// What a run's state means, where the run itself gives no reason, or gives one that is over.
pub const fn meaning(state: RunState) -> &'static str {
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
pub fn why(state: RunState, reason: Option<&str>) -> &str {
    match (state, reason) {
        (RunState::Queued | RunState::Running, _) | (_, None | Some("")) => meaning(state),
        (_, Some(reason)) => reason,
    }
}
