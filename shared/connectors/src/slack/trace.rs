//! Looking for posts whose answer was lost: reads the channel or the thread from shortly before the first attempt and
//! searches for our keys in the messages' metadata. Called by `posting`.
//!
//! `POST conversations.history` and `POST conversations.replies`,
//! <https://docs.slack.dev/reference/methods/conversations.history> (checked 2026-11-23). History holds no replies. A bot
//! reads only where it is a member; where it may not look, that is said and nothing is guessed.

use std::time::Duration;

use deskwire_core::action::{CallError, EffectKey, ErrorClass};
use deskwire_core::time::Timestamp;
use serde_json::Value;

use crate::slack::post::TRACE_TYPE;
use crate::slack::thread::REPLIES;
use crate::slack::{Slack, text_at};

pub(crate) const HISTORY: &str = "conversations.history";

/// How far our clock may run ahead of Slack's.
const CLOCK_MARGIN: Duration = Duration::from_mins(1);

/// So many pages of 100 messages are read at most.
const MAX_PAGES: usize = 100;

/// Where to look.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Place<'a> {
    /// The messages of a channel that are not replies.
    Channel(&'a str),
    /// A thread of a channel, by the `ts` of its first message.
    Thread(&'a str, &'a str),
}

/// For each key the message that carries it, if the place holds one from about `not_before` on.
pub(crate) async fn find(
    slack: Slack<'_>,
    place: Place<'_>,
    keys: &[EffectKey],
    not_before: Timestamp,
) -> Result<Vec<Option<Value>>, CallError> {
    let (found, root) = search(slack, place, keys, not_before).await?;
    match (place, root) {
        // The `ts` was a reply's, and Slack may have shown that reply alone: the thread is looked through by its own `ts`.
        (Place::Thread(channel, ts), Some(root)) if root != ts && found.iter().any(Option::is_none) => {
            Ok(search(slack, Place::Thread(channel, &root), keys, not_before).await?.0)
        }
        _ => Ok(found),
    }
}

/// The same, and the `thread_ts` of what was seen.
async fn search(
    slack: Slack<'_>,
    place: Place<'_>,
    keys: &[EffectKey],
    not_before: Timestamp,
) -> Result<(Vec<Option<Value>>, Option<String>), CallError> {
    let oldest = not_before.minus(CLOCK_MARGIN).as_unix_seconds().to_string();
    let (method, channel, thread) = match place {
        Place::Channel(channel) => (HISTORY, channel, None),
        Place::Thread(channel, ts) => (REPLIES, channel, Some(ts)),
    };
    let (mut found, mut root) = (vec![None; keys.len()], None);
    let mut cursor = String::new();
    for _ in 0..MAX_PAGES {
        let mut form = vec![
            ("channel", channel),
            ("oldest", &oldest),
            ("inclusive", "true"),
            ("include_all_metadata", "true"),
            ("limit", "100"),
        ];
        form.extend(thread.map(|ts| ("ts", ts)));
        if !cursor.is_empty() {
            form.push(("cursor", &cursor));
        }
        let mut answer = slack.call(method, &form, ErrorClass::Retry).await.map_err(cannot_look)?;
        let next = text_at(&answer, "/response_metadata/next_cursor").map(str::to_owned);
        let Some(messages) = answer.get_mut("messages").and_then(Value::as_array_mut) else {
            return Err(cannot_look(slack.incomplete(method, "messages", ErrorClass::Retry)));
        };
        for message in messages {
            root = root.or_else(|| text_at(message, "/thread_ts").map(str::to_owned));
            if let Some(place) = keys.iter().position(|key| carries(message, key)) {
                found[place].get_or_insert_with(|| message.take());
            }
        }
        match next {
            Some(next) if found.iter().any(Option::is_none) => cursor = next,
            _ => return Ok((found, root)),
        }
    }
    let message = format!("More than {} messages have been posted since then; it may be among them.", MAX_PAGES * 100);
    Err(cannot_look(CallError::new(ErrorClass::Fail, "too_many_messages", message)))
}

fn carries(message: &Value, key: &EffectKey) -> bool {
    text_at(message, "/metadata/event_type") == Some(TRACE_TYPE)
        && text_at(message, "/metadata/event_payload/key") == Some(&key.0)
        && text_at(message, "/ts").is_some()
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
