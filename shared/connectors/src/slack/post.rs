//! Posting a message with the trace that lets a lost post be found: metadata that holds our key, and nothing else, since
//! every member of the workspace can read it. Called by the actions that post.

use deskwire_core::action::{CallError, EffectKey, ErrorClass, HoldKey};
use deskwire_core::ids::ConnectionName;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::slack::{Slack, method_budget, text_at};

/// The method, <https://docs.slack.dev/reference/methods/chat.postMessage>.
pub(crate) const POST: &str = "chat.postMessage";

/// The `event_type` of our metadata (<https://docs.slack.dev/messaging/message-metadata>).
pub(crate) const TRACE_TYPE: &str = "deskwire_post";

/// The budget of one channel: about a message a second.
pub(crate) fn channel_budget(connection: &ConnectionName, channel: &str) -> HoldKey {
    HoldKey(format!("{connection}|{POST}|{channel}"))
}

/// The budgets that a post draws on.
pub(crate) fn budgets(connection: &ConnectionName, channel: &str) -> Vec<HoldKey> {
    vec![method_budget(connection, POST), channel_budget(connection, channel)]
}

/// A message on its way.
pub(crate) struct Post<'a> {
    pub(crate) channel: &'a str,
    /// The `ts` of the thread's first message, for a reply.
    pub(crate) thread: Option<&'a str>,
    /// Is a reply shown in the channel too?
    pub(crate) broadcast: bool,
    pub(crate) text: &'a str,
    /// Block Kit, as JSON.
    pub(crate) blocks: Option<&'a str>,
    pub(crate) unfurl_links: bool,
    pub(crate) unfurl_media: bool,
    pub(crate) key: &'a EffectKey,
}

impl Post<'_> {
    /// Posts it, and answers with Slack's answer, in which `channel` and `ts` are sure to stand.
    pub(crate) async fn send(&self, slack: Slack<'_>) -> Result<Value, CallError> {
        let metadata = json!({ "event_type": TRACE_TYPE, "event_payload": { "key": self.key.0 } }).to_string();
        let message_id = message_id(self.key).to_string();
        let mut form = vec![
            ("channel", self.channel),
            ("text", self.text),
            ("unfurl_links", if self.unfurl_links { "true" } else { "false" }),
            ("unfurl_media", if self.unfurl_media { "true" } else { "false" }),
            ("metadata", &metadata),
            ("client_msg_id", &message_id),
        ];
        form.extend(self.blocks.map(|blocks| ("blocks", blocks)));
        if let Some(thread) = self.thread {
            form.push(("thread_ts", thread));
            form.push(("reply_broadcast", if self.broadcast { "true" } else { "false" }));
        }
        let answer = slack.call(POST, &form, ErrorClass::Unknown).await.map_err(|mut error| {
            // Slack's second spelling is about the channel, not about the whole workspace.
            if error.code == "rate_limited" {
                error.hold = Some(channel_budget(slack.connection_name(), self.channel));
            }
            error
        })?;
        for field in ["channel", "ts"] {
            if !answer.get(field).is_some_and(Value::is_string) {
                return Err(slack.incomplete(POST, field, ErrorClass::Unknown));
            }
        }
        self.check_thread(&answer)?;
        Ok(answer)
    }

    /// What Slack does with a `thread_ts` of no thread is not documented. Where a reply has landed outside, that is said
    /// rather than taken for done; nothing can be taken back.
    fn check_thread(&self, answer: &Value) -> Result<(), CallError> {
        let (Some(thread), Some(Value::Object(message))) = (self.thread, answer.get("message")) else { return Ok(()) };
        if message.get("thread_ts").is_some_and(Value::is_string) {
            return Ok(());
        }
        let text = |field| text_at(answer, field).unwrap_or_default();
        let message = format!(
            "The message was posted to {} as {}, but not in the thread {thread}: there is no such thread. Delete the \
             message if it is in the way, correct `thread_ts`, then replay the run.",
            text("/channel"),
            text("/ts")
        );
        Err(CallError::new(ErrorClass::Fail, "not_in_thread", message))
    }
}

/// The same id for every attempt of one post. Slack does not document that it recognises it, so nothing rests on it; at
/// best it catches a repeat that the look for our trace misses.
fn message_id(key: &EffectKey) -> Uuid {
    Uuid::new_v5(&Uuid::NAMESPACE_URL, format!("urn:deskwire:post:{}", key.0).as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_id_is_the_same_on_every_attempt_and_its_own_for_every_key() {
        let (one, other) = (EffectKey("a".repeat(64)), EffectKey("b".repeat(64)));
        assert_eq!(message_id(&one), message_id(&one.clone()));
        assert_ne!(message_id(&one), message_id(&other));
        assert_eq!(message_id(&one).get_version_num(), 5);
    }
}
