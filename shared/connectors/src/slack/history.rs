//! Looking for a post whose answer was lost: reads the channel from shortly before the first attempt and searches for our
//! key in the messages' metadata. Called by the `look` of the actions that post.
//!
//! `POST conversations.history`, <https://docs.slack.dev/reference/methods/conversations.history> (checked 2026-11-23).
//! A bot reads only where it is a member; where it may not look, that is said and nothing is guessed.

use std::time::Duration;

use deskwire_core::action::{CallError, EffectKey, ErrorClass};
use deskwire_core::time::Timestamp;
use serde_json::Value;

use crate::slack::post::TRACE_TYPE;
use crate::slack::{Slack, text_at};

pub(crate) const HISTORY: &str = "conversations.history";

/// How far our clock may run ahead of Slack's.
const CLOCK_MARGIN: Duration = Duration::from_mins(1);

/// So many pages of 200 messages are read at most.
const MAX_PAGES: usize = 50;

/// The message that carries `key`, if the channel holds one from about `not_before` on.
pub(crate) async fn find(
    slack: Slack<'_>,
    channel: &str,
    key: &EffectKey,
    not_before: Timestamp,
) -> Result<Option<Value>, CallError> {
    let oldest = not_before.minus(CLOCK_MARGIN).as_unix_seconds().to_string();
    let mut cursor = String::new();
    for _ in 0..MAX_PAGES {
        let mut form = vec![
            ("channel", channel),
            ("oldest", &oldest),
            ("inclusive", "true"),
            ("include_all_metadata", "true"),
            ("limit", "200"),
        ];
        if !cursor.is_empty() {
            form.push(("cursor", &cursor));
        }
        let mut answer = slack.call(HISTORY, &form, ErrorClass::Retry).await.map_err(cannot_look)?;
        let next = text_at(&answer, "/response_metadata/next_cursor").map(str::to_owned);
        let Some(messages) = answer.get_mut("messages").and_then(Value::as_array_mut) else {
            return Err(cannot_look(slack.incomplete(HISTORY, "messages", ErrorClass::Retry)));
        };
        if let Some(place) = messages.iter().position(|message| carries(message, key)) {
            return Ok(Some(messages.swap_remove(place)));
        }
        match next {
            Some(next) => cursor = next,
            None => return Ok(None),
        }
    }
    let message = format!("More than {} messages have been posted since then; it may be among them.", MAX_PAGES * 200);
    Err(cannot_look(CallError::new(ErrorClass::Fail, "too_many_messages", message)))
}

fn carries(message: &Value, key: &EffectKey) -> bool {
    text_at(message, "/metadata/event_type") == Some(TRACE_TYPE)
        && text_at(message, "/metadata/event_payload/key") == Some(&key.0)
}

/// Words an error for the person who then has to look. A missing scope stops this look, but the token still posts: the
/// connection is not to be taken for broken.
pub(crate) fn cannot_look(mut error: CallError) -> CallError {
    if error.code == "missing_scope" {
        error.class = ErrorClass::Fail;
    }
    if matches!(error.class, ErrorClass::Fail | ErrorClass::NeedsReauthorization) {
        error.message = format!("Cannot look whether the message was posted. {}", error.message);
    }
    error
}
