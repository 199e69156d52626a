//! Channels by name, and joining them. Only `chat.postMessage` takes a name; everything else needs the id. Called by
//! `posting` when it joins or looks, and by the actions that read or react.

use deskwire_core::action::{CallError, ErrorClass};
use serde_json::Value;

use crate::client::quoted;
use crate::input;
use crate::slack::{Slack, text_at};

const LIST: &str = "conversations.list";
const JOIN: &str = "conversations.join";

/// So many pages of 200 channels are read at most.
const MAX_PAGES: usize = 50;

/// A channel as workflows write it, without the `#` that people put before a name.
pub(crate) fn normalised(channel: &str) -> &str {
    let channel = channel.trim();
    channel.strip_prefix('#').unwrap_or(channel)
}

/// The longest name of a channel (<https://docs.slack.dev/reference/methods/conversations.create>, checked 2026-12-01).
const LONGEST_NAME: usize = 80;

/// The channel that a step gives: an id, or a name that a channel can have.
pub(crate) fn given(given: &Value) -> Result<String, CallError> {
    let text = input::text(given, "channel")?;
    let channel = normalised(&text);
    let length = channel.chars().count();
    if length > LONGEST_NAME {
        return Err(input::bad(format!(
            "`channel` has {length} characters; a channel's name has at most {LONGEST_NAME}. Nothing was sent. Give the \
             channel's id, such as C024BE91L, or its name."
        )));
    }
    if channel.contains(|c: char| c.is_whitespace() || c == ',') {
        return Err(input::bad(format!(
            "`channel` is `{}`; a channel's name holds no white space and no comma. Nothing was sent. Give one channel: its \
             id, such as C024BE91L, or its name.",
            quoted(channel)
        )));
    }
    Ok(channel.to_owned())
}

/// Is this an id rather than a name? Names are lower case; ids are a letter for their kind and upper-case letters and
/// digits.
pub(crate) fn is_id(channel: &str) -> bool {
    channel.starts_with(['C', 'G', 'D', 'U', 'W'])
        && channel.bytes().all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit())
}

/// Is this the id of a user? Where a post to one lands, Slack's pages do not agree on.
pub(crate) fn is_user_id(channel: &str) -> bool {
    is_id(channel) && channel.starts_with(['U', 'W'])
}

/// The id of a public channel that is not archived, by its name; `None` if there is none. A name that is an id already
/// comes back as it is.
pub(crate) async fn id_of(slack: Slack<'_>, channel: &str) -> Result<Option<String>, CallError> {
    if is_id(channel) {
        return Ok(Some(channel.to_owned()));
    }
    let mut cursor = String::new();
    for _ in 0..MAX_PAGES {
        let mut form = vec![("types", "public_channel"), ("exclude_archived", "true"), ("limit", "200")];
        if !cursor.is_empty() {
            form.push(("cursor", &cursor));
        }
        let answer = slack.call(LIST, &form, ErrorClass::Retry).await?;
        let channels = answer.get("channels").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
        if let Some(found) = channels.iter().find(|found| text_at(found, "/name") == Some(channel)) {
            return Ok(text_at(found, "/id").map(str::to_owned));
        }
        // A page may be short or empty and not be the last; only the cursor tells.
        match text_at(&answer, "/response_metadata/next_cursor") {
            Some(next) => next.clone_into(&mut cursor),
            None => break,
        }
    }
    Ok(None)
}

/// The id of the conversation to read or react in.
pub(crate) async fn readable_id(slack: Slack<'_>, channel: &str) -> Result<String, CallError> {
    if is_user_id(channel) {
        let message = format!(
            "{channel} is a person: Slack does not say in which conversation messages to them land. Give the id of the \
             conversation, or use slack.send_direct_message to write to them."
        );
        return Err(CallError::new(ErrorClass::Fail, "user_as_channel", message));
    }
    id_of(slack, channel).await?.ok_or_else(|| {
        let message = format!("There is no public channel named {channel}; give the channel's id.");
        CallError::new(ErrorClass::Fail, "channel_not_found", message)
    })
}

/// Joins the channel that `refused` a call, and answers with its id. A refused call leaves nothing behind, so a failure
/// here is never unknown.
pub(crate) async fn join(slack: Slack<'_>, channel: &str, refused: CallError) -> Result<String, CallError> {
    let joined = async {
        let Some(id) = id_of(slack, channel).await? else { return Ok(None) };
        slack.call(JOIN, &[("channel", &id)], ErrorClass::Retry).await?;
        Ok(Some(id))
    };
    match joined.await {
        Ok(Some(id)) => Ok(id),
        Ok(None) => Err(refused),
        Err(error) if error.class == ErrorClass::Retry => Err(error),
        Err(CallError { code, .. }) => {
            let message = format!("{} Joining it by itself was refused: {code}.", refused.message);
            Err(CallError { message, ..refused })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_told_from_names() {
        for id in ["C024BE91L", "G012AC86C", "D069C7QFK", "U0BOT", "W012A3CDE"] {
            assert!(is_id(id), "{id}");
        }
        for name in ["general", "customer-care", "c024be91l", "Z1", "", "2026"] {
            assert!(!is_id(name), "{name}");
        }
        assert!(is_user_id("U0BOT") && !is_user_id("C024BE91L") && !is_user_id("user"));
    }

    #[test]
    fn a_name_that_no_channel_can_have_is_refused() {
        let read = |channel: &str| given(&serde_json::json!({ "channel": channel }));
        for fine in ["C024BE91L", "#customer-care", "kunden_büro", &"x".repeat(80), &format!("#{}", "x".repeat(80))] {
            assert!(read(fine).is_ok(), "{fine}");
        }
        for (wrong, part) in [(&*"x".repeat(81), "81 characters"), ("two words", "white space"), ("a,b", "no comma")] {
            let error = read(wrong).unwrap_err();
            assert!(error.message.contains(part) && error.message.contains("Nothing was sent."), "{error}");
        }
    }

    #[test]
    fn a_hash_before_a_name_is_dropped() {
        assert_eq!(normalised(" #general "), "general");
        assert_eq!(normalised("C024BE91L"), "C024BE91L");
    }
}
