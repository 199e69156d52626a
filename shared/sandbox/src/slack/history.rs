//! `conversations.history` and `conversations.replies`.
//! <https://docs.slack.dev/messaging/retrieving-messages>, checked 2026-11-23.
//!
//! A bot reads only where it is a member. History shows top-level messages, newest first; replies shows one thread,
//! oldest first, its first message always included.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use crate::slack::methods::{Call, Outcome, Refusal, Success};
use crate::slack::text_of;
use crate::slack::ts::Ts;
use crate::slack::workspace::{Channel, Message, bot_profile};
use crate::world::{APP, BOT, TEAM};

/// The newest messages of a conversation.
pub(crate) fn history(call: &mut Call<'_>) -> Outcome {
    let place = readable(call)?;
    let range = Range::read(call)?;
    let channel = &call.workspace.channels[place];
    let top_level = channel.messages.iter().rev().filter(|message| !message.is_reply() || message.broadcast);
    let after_cursor = |message: &&Message| range.cursor.is_none_or(|cursor| message.order() <= cursor);
    let found: Vec<&Message> = top_level.filter(|message| range.covers(message)).filter(after_cursor).collect();
    Ok(range.page(channel, &found))
}

/// One thread.
pub(crate) fn replies(call: &mut Call<'_>) -> Outcome {
    let place = readable(call)?;
    let range = Range::read(call)?;
    let channel = &call.workspace.channels[place];
    let ts = call.arguments.text("ts").ok_or("thread_not_found")?;
    let named = channel.message(&ts).ok_or("thread_not_found")?;
    let first = named.thread_ts.clone().unwrap_or_else(|| named.ts.clone());
    let is_first = |message: &Message| message.ts == first;
    let of_thread = |message: &Message| is_first(message) || message.thread_ts.as_ref() == Some(&first);
    let after_cursor = |message: &&Message| range.cursor.is_none_or(|cursor| message.order() >= cursor);
    let found: Vec<&Message> = channel
        .messages
        .iter()
        .filter(|message| of_thread(message) && (is_first(message) || range.covers(message)))
        .filter(after_cursor)
        .collect();
    Ok(range.page(channel, &found))
}

/// The place of a conversation that the bot may read.
fn readable(call: &Call<'_>) -> Result<usize, Refusal> {
    let place = call.channel()?;
    let channel = &call.workspace.channels[place];
    call.need_one_of(&[format!("{}:history", channel.kind.scope())])?;
    if channel.has_bot() { Ok(place) } else { Err(Refusal::Code("not_in_channel")) }
}

/// Which messages are asked for.
struct Range {
    oldest: Option<Ts>,
    latest: Option<Ts>,
    inclusive: bool,
    limit: usize,
    cursor: Option<Ts>,
    metadata: bool,
}

impl Range {
    fn read(call: &Call<'_>) -> Result<Self, Refusal> {
        let arguments = call.arguments;
        let bound = |name, code| match arguments.text(name) {
            None => Ok(None),
            Some(text) => Ts::parse(&text).map(Some).ok_or(Refusal::Code(code)),
        };
        let cursor = match arguments.text("cursor") {
            None => None,
            Some(cursor) => Some(read_cursor(&cursor).ok_or("invalid_cursor")?),
        };
        Ok(Self {
            oldest: bound("oldest", "invalid_ts_oldest")?,
            latest: bound("latest", "invalid_ts_latest")?,
            inclusive: arguments.truth("inclusive"),
            limit: arguments.limit(),
            cursor,
            metadata: arguments.truth("include_all_metadata"),
        })
    }

    fn covers(&self, message: &Message) -> bool {
        let ts = message.order();
        let on_a_bound = self.oldest == Some(ts) || self.latest == Some(ts);
        let within = self.oldest.is_none_or(|oldest| ts >= oldest) && self.latest.is_none_or(|latest| ts <= latest);
        within && (self.inclusive || !on_a_bound)
    }

    fn page(&self, channel: &Channel, found: &[&Message]) -> Success {
        let messages: Vec<Value> =
            found.iter().take(self.limit).map(|message| shown(channel, message, self.metadata)).collect();
        let mut fields = json!({ "messages": messages, "has_more": found.len() > self.limit });
        if let Some(next) = found.get(self.limit) {
            fields["response_metadata"] = json!({ "next_cursor": STANDARD.encode(format!("next_ts:{}", next.ts)) });
        }
        Success::of(fields)
    }
}

fn read_cursor(cursor: &str) -> Option<Ts> {
    let text = String::from_utf8(STANDARD.decode(cursor).ok()?).ok()?;
    Ts::parse(text.strip_prefix("next_ts:")?)
}

/// A message as Slack shows it. Metadata is shown in full only where that is asked for.
pub(crate) fn shown(channel: &Channel, message: &Message, all_metadata: bool) -> Value {
    let mut shown =
        json!({ "type": "message", "user": message.user, "text": message.text, "ts": message.ts, "team": TEAM });
    if let Some(blocks) = &message.blocks {
        shown["blocks"] = blocks.clone();
    }
    if message.by_app {
        shown["bot_id"] = BOT.into();
        shown["app_id"] = APP.into();
        shown["bot_profile"] = bot_profile();
    }
    if let Some(thread) = &message.thread_ts {
        shown["thread_ts"] = thread.clone().into();
        if message.is_reply() {
            let first = channel.message(thread).map(|first| first.user.clone());
            shown["parent_user_id"] = first.into();
            if message.broadcast {
                shown["subtype"] = "thread_broadcast".into();
            }
        } else {
            add_thread_summary(&mut shown, channel, thread);
        }
    }
    if let Some(metadata) = &message.metadata {
        shown["metadata"] =
            if all_metadata { metadata.clone() } else { json!({ "event_type": text_of(metadata, "event_type") }) };
    }
    if !message.reactions.is_empty() {
        let reactions = message.reactions.iter();
        let shown_reaction = |reaction: &crate::Reaction| json!({ "name": reaction.name, "users": reaction.users, "count": reaction.users.len() });
        shown["reactions"] = reactions.map(shown_reaction).collect();
    }
    shown
}

fn add_thread_summary(shown: &mut Value, channel: &Channel, thread: &str) {
    let is_reply = |message: &&Message| message.is_reply() && message.thread_ts.as_deref() == Some(thread);
    let replies: Vec<&Message> = channel.messages.iter().filter(is_reply).collect();
    let mut users: Vec<&str> = replies.iter().map(|message| message.user.as_str()).collect();
    users.sort_unstable();
    users.dedup();
    shown["reply_count"] = replies.len().into();
    shown["reply_users_count"] = users.len().into();
    shown["reply_users"] = json!(users);
    shown["latest_reply"] = json!(replies.last().map(|message| &message.ts));
}

#[cfg(test)]
mod tests;
