//! Reading threads: `POST conversations.replies`, <https://docs.slack.dev/reference/methods/conversations.replies> (checked
//! 2026-11-23). Called by the actions that read messages, and to find a thread's first message.
//!
//! Slack does not say whether the first message stands on every page, nor whether a reply's `ts` gives the whole thread:
//! what comes back is always compared by its `ts`.

use deskwire_core::action::{CallError, ErrorClass};
use serde_json::Value;

use crate::slack::{Slack, text_at};

pub(crate) const REPLIES: &str = "conversations.replies";

/// So many messages of one thread are read at most.
pub(crate) const MOST_MESSAGES: usize = 500;

/// So many pages of 100 messages are read at most; Slack may answer with shorter ones, even empty ones.
const MAX_PAGES: usize = 20;

/// The messages of a thread, oldest first.
pub(crate) struct Thread {
    pub(crate) messages: Vec<Value>,
    /// Are there more, or may there be?
    pub(crate) truncated: bool,
}

/// The message with exactly this `ts`; `None` where the thread, or the message in it, does not exist. `thread` is the
/// `ts` of any message of the thread.
pub(crate) async fn exact(slack: Slack<'_>, channel: &str, thread: &str, ts: &str) -> Result<Option<Value>, CallError> {
    // The first message may come as well, hence two.
    let range = [("oldest", ts), ("latest", ts), ("inclusive", "true"), ("limit", "2")];
    match page(slack, channel, thread, &range).await {
        Ok((messages, _)) => Ok(messages.into_iter().find(|message| text_at(message, "/ts") == Some(ts))),
        Err(error) if error.code == "thread_not_found" => Ok(None),
        Err(error) => Err(error),
    }
}

/// The `ts` of the first message of the thread that a message belongs to; its own where that is not known.
pub(crate) async fn root_of(slack: Slack<'_>, channel: &str, ts: &str) -> Result<String, CallError> {
    let message = exact(slack, channel, ts, ts).await?;
    let root = message.as_ref().and_then(|message| text_at(message, "/thread_ts"));
    Ok(root.unwrap_or(ts).to_owned())
}

/// The whole thread that a message belongs to, up to [`MOST_MESSAGES`].
pub(crate) async fn read(slack: Slack<'_>, channel: &str, ts: &str) -> Result<Thread, CallError> {
    let mut thread = Thread { messages: Vec::new(), truncated: false };
    let (mut messages, mut next) = page(slack, channel, ts, &[("limit", "100")]).await?;
    let root = messages.iter().find_map(|message| text_at(message, "/thread_ts")).unwrap_or(ts).to_owned();
    if !messages.iter().any(|message| text_at(message, "/ts") == Some(&root)) {
        // Asked for a reply, Slack may show that reply alone.
        (messages, next) = page(slack, channel, &root, &[("limit", "100")]).await?;
    }
    for _ in 1..MAX_PAGES {
        thread.add(std::mem::take(&mut messages), &root);
        let Some(cursor) = next.filter(|_| !thread.truncated) else { return Ok(thread) };
        (messages, next) = page(slack, channel, &root, &[("limit", "100"), ("cursor", &cursor)]).await?;
    }
    thread.add(messages, &root);
    thread.truncated |= next.is_some();
    Ok(thread)
}

impl Thread {
    fn add(&mut self, messages: Vec<Value>, root: &str) {
        for message in messages.into_iter().filter(|message| belongs(message, root)) {
            let ts = text_at(&message, "/ts");
            if self.messages.iter().any(|known| text_at(known, "/ts") == ts) {
                continue;
            }
            if self.messages.len() == MOST_MESSAGES {
                self.truncated = true;
                return;
            }
            self.messages.push(message);
        }
    }
}

/// A message without replies has no `thread_ts`.
fn belongs(message: &Value, root: &str) -> bool {
    [text_at(message, "/ts"), text_at(message, "/thread_ts")].contains(&Some(root))
}

/// A page of a thread, and the cursor of the next one.
async fn page(
    slack: Slack<'_>,
    channel: &str,
    thread: &str,
    more: &[(&str, &str)],
) -> Result<(Vec<Value>, Option<String>), CallError> {
    let form = [&[("channel", channel), ("ts", thread)], more].concat();
    let mut answer = slack.call(REPLIES, &form, ErrorClass::Retry).await?;
    let next = text_at(&answer, "/response_metadata/next_cursor").map(str::to_owned);
    match answer.get_mut("messages").map(Value::take) {
        Some(Value::Array(messages)) => Ok((messages, next)),
        _ => Err(slack.incomplete(REPLIES, "messages", ErrorClass::Retry)),
    }
}
