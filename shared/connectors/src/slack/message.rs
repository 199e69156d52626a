//! Messages as the reading actions show them, and the `ts` by which steps name them.

use deskwire_core::action::{CallError, ErrorClass};
use schemars::JsonSchema;
use serde_json::{Value, json};

use crate::slack::text_at;

/// A message.
#[derive(Debug, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct Message {
    /// The text as people wrote it, in mrkdwn; empty where the message has blocks only.
    #[schemars(extend("x-personal" = true))]
    pub text: String,
    /// The id of the user who wrote it, or of the app's bot where Slack names no user.
    pub user: Option<String>,
    /// The id of the bot that wrote it, if one did.
    pub bot_id: Option<String>,
    /// The message's id within the channel; keep it as text.
    pub ts: String,
    /// The `ts` of the thread's first message, if the message is in a thread.
    pub thread_ts: Option<String>,
    /// What kind of message it is where it is a special one, such as `thread_broadcast`.
    pub subtype: Option<String>,
}

impl Message {
    /// A message as Slack answers it, in the shape of [`Message`].
    pub(crate) fn from(answer: &Value) -> Value {
        let text = |pointer| text_at(answer, pointer);
        json!({
            "text": unescaped(text("/text").unwrap_or_default()),
            "user": text("/user").or_else(|| text("/bot_id")),
            "bot_id": text("/bot_id"),
            "ts": text("/ts").unwrap_or_default(),
            "thread_ts": text("/thread_ts"),
            "subtype": text("/subtype"),
        })
    }
}

/// Slack escapes three characters, and templates escape them again where a text goes back to Slack
/// (<https://docs.slack.dev/messaging/formatting-message-text>, checked 2026-11-23).
fn unescaped(text: &str) -> String {
    text.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")
}

/// The id of a message. Only text is taken: as a number it would have lost digits.
pub(crate) fn ts(given: &Value, name: &str) -> Result<String, CallError> {
    let fail = |code, problem: &str| {
        let message = format!(
            "`{name}` {problem}. Give the `ts` of a message as text, such as \"1503435956.000247\", or the output `ts` \
             of the step that posted it."
        );
        Err(CallError::new(ErrorClass::Fail, code, message))
    };
    match given.get(name) {
        None | Some(Value::Null) => fail("bad_input", "is none"),
        Some(Value::String(text)) if text.trim().is_empty() => fail("bad_input", "is empty"),
        Some(Value::String(text)) if is_ts(text.trim()) => Ok(text.trim().to_owned()),
        Some(Value::Number(_)) => fail("bad_timestamp", "is a number, which cannot hold all of a message's id"),
        Some(_) => fail("bad_timestamp", "is not the id of a message"),
    }
}

/// The same where nothing need be given; empty text is nothing.
pub(crate) fn optional_ts(given: &Value, name: &str) -> Result<Option<String>, CallError> {
    match given.get(name) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) if text.trim().is_empty() => Ok(None),
        Some(_) => ts(given, name).map(Some),
    }
}

fn is_ts(text: &str) -> bool {
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    text.split_once('.').is_some_and(|(seconds, rest)| digits(seconds) && digits(rest))
}

/// No message has this id. Never answered with another message that lies near.
pub(crate) fn not_found(channel: &str, ts: &str) -> CallError {
    let message = format!(
        "There is no message {ts} in the conversation {channel}; it may have been deleted. Check the channel and the \
         timestamp."
    );
    CallError::new(ErrorClass::Fail, "message_not_found", message)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ts_is_text_and_stays_as_it_is() {
        assert_eq!(ts(&json!({ "ts": " 1503435956.000240 " }), "ts").unwrap(), "1503435956.000240");
        for bad in [json!(1_503_435_956.000_247), json!("yesterday"), json!("1503435956"), json!("1.x"), json!([])] {
            let error = ts(&json!({ "timestamp": bad }), "timestamp").unwrap_err();
            assert_eq!((error.class, error.code.as_str()), (ErrorClass::Fail, "bad_timestamp"));
            assert!(error.message.contains("as text, such as \"1503435956.000247\""), "{error}");
        }
        assert_eq!(ts(&json!({}), "ts").unwrap_err().code, "bad_input");
        assert_eq!(optional_ts(&json!({ "ts": "" }), "ts").unwrap(), None);
        assert!(optional_ts(&json!({ "ts": "now" }), "ts").is_err());
    }

    #[test]
    fn a_text_is_unescaped_once() {
        let message = json!({ "ts": "1.1", "text": "&lt;b&gt; &amp;amp; <@U1>", "bot_id": "B1" });
        let shown = Message::from(&message);
        assert_eq!(shown["text"], "<b> &amp; <@U1>");
        assert_eq!((&shown["user"], &shown["thread_ts"]), (&json!("B1"), &Value::Null));
    }
}
