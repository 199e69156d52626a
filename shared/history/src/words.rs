//! One sentence for a run: why it is where it is. Called by every list and every page of runs.

use deskwire_core::run::RunState;
use serde_json::Value;

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

/// What the end of a step that calls nothing came to; `None` for a call of an action.
pub fn result_in_words(action: &str, output: &Value) -> Option<String> {
    let text = |pointer: &str| output.pointer(pointer).and_then(Value::as_str);
    let number = |name: &str| output.get(name).and_then(Value::as_u64).unwrap_or_default();
    Some(match action {
        "wait" if output.get("timed_out") == Some(&Value::Bool(true)) => "no such event came in time".to_owned(),
        "wait" => match text("/event/type") {
            Some(kind) => format!("the event came: {kind}"),
            None => "the wait is over".to_owned(),
        },
        "for_each" => {
            let (count, failed) = (number("count"), number("failed"));
            let items = if count == 1 { "1 item".to_owned() } else { format!("{count} items") };
            if failed == 0 { format!("{items} done") } else { format!("{items}, of which {failed} failed") }
        }
        "stop" => format!("stopped on purpose: {}", text("/reason").unwrap_or_default()),
        _ => return None,
    })
}
