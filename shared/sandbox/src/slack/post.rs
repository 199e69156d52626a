//! `chat.postMessage` and `reactions.add`.
//! <https://docs.slack.dev/reference/methods/chat.postMessage>, checked 2026-11-23.
//!
//! Nothing removes duplicates here: that Slack recognises a `client_msg_id` is not documented, so a stand-in that did
//! would hide a message that is posted twice.

use serde_json::{Value, json};

use crate::slack::blocks;
use crate::slack::history::shown;
use crate::slack::methods::{Call, Outcome, Refusal, Success};
use crate::slack::text_of;
use crate::slack::ts::Ts;
use crate::slack::workspace::{Draft, Kind, Reaction};
use crate::world::BOT_USER;

/// A longer text is cut off, with a warning.
const MOST_CHARACTERS: usize = 40_000;

/// The longest text that was seen to stay in one message, and how long the parts of a longer one were. Slack advises
/// 4,000; the rest was measured by others.
const LONGEST_SINGLE: usize = 4_040;
const PART: usize = 4_000;

/// How much metadata a message takes, in bytes of JSON. Slack publishes no number; this is the least one can rely on.
const MOST_METADATA: usize = 1_024;

/// Emoji that every workspace has, as far as the stand-in knows them.
const EMOJI: [&str; 24] = [
    "+1",
    "-1",
    "thumbsup",
    "thumbsdown",
    "eyes",
    "white_check_mark",
    "heavy_check_mark",
    "x",
    "tada",
    "rocket",
    "wave",
    "pray",
    "raised_hands",
    "heart",
    "fire",
    "warning",
    "rotating_light",
    "ticket",
    "bell",
    "hourglass",
    "bug",
    "speech_balloon",
    "smile",
    "slightly_smiling_face",
];

/// Posts a message.
pub(crate) fn post_message(call: &mut Call<'_>) -> Outcome {
    let place = where_to(call)?;
    let channel = &call.workspace.channels[place];
    if channel.archived {
        return Err(Refusal::Code("is_archived"));
    }
    let blocks = blocks::read(call)?;
    // Beside blocks the text is what notifications say, and may be missing.
    let text = call.arguments.text("text").or_else(|| blocks.is_some().then(String::new)).ok_or("no_text")?;
    let metadata = metadata(call)?;
    let thread_ts = thread(call, place)?;
    let characters: Vec<char> = text.chars().take(MOST_CHARACTERS + 1).collect();
    let warning = (characters.len() > MOST_CHARACTERS).then_some("message_truncated");
    let characters = &characters[..characters.len().min(MOST_CHARACTERS)];
    let part = if characters.len() > LONGEST_SINGLE { PART } else { LONGEST_SINGLE };
    let mut first = None;
    let chunks = if characters.is_empty() { vec![characters] } else { characters.chunks(part).collect() };
    for part in chunks {
        let draft = Draft {
            user: BOT_USER.to_owned(),
            text: part.iter().collect(),
            blocks: blocks.clone().filter(|_| first.is_none()),
            // Which part of a split message carries it is not known.
            metadata: metadata.clone().filter(|_| first.is_none()),
            thread_ts: thread_ts.clone(),
            broadcast: call.arguments.truth("reply_broadcast"),
            by_app: true,
        };
        let ts = call.workspace.add(place, draft, call.now);
        first.get_or_insert(ts);
    }
    let ts = first.unwrap_or_default();
    let channel = &call.workspace.channels[place];
    let message = channel.message(&ts).map(|message| shown(channel, message, true));
    let fields = json!({ "channel": channel.id, "ts": ts, "message": message });
    Ok(Success { warning, ..Success::of(fields) })
}

/// The place of the conversation that `channel` means: an id, a person's id, or the name of a public channel.
fn where_to(call: &mut Call<'_>) -> Result<usize, Refusal> {
    let channel = call.arguments.text("channel").ok_or("channel_not_found")?;
    if let Some(user) = call.workspace.user(&channel) {
        if user.deleted || user.is_bot {
            return Err(Refusal::Code("channel_not_found"));
        }
        return Ok(call.workspace.open(&[channel], call.now).0);
    }
    let name = channel.strip_prefix('#').unwrap_or(&channel);
    let by_name = || {
        let mut channels = call.workspace.channels.iter();
        channels.position(|known| known.kind == Kind::Public && known.name == name)
    };
    let place = call.workspace.visible(&channel).or_else(by_name).ok_or("channel_not_found")?;
    let found = &call.workspace.channels[place];
    if found.has_bot() || found.archived || call.workspace.may("chat:write.public") {
        return Ok(place);
    }
    Err(Refusal::Code("not_in_channel"))
}

fn metadata(call: &Call<'_>) -> Result<Option<Value>, Refusal> {
    let Some(metadata) = call.arguments.nested("metadata").map_err(|()| "invalid_metadata_format")? else {
        return Ok(None);
    };
    let has_type = text_of(&metadata, "event_type").is_some_and(|kind| !kind.is_empty());
    if !has_type || !metadata.get("event_payload").is_some_and(Value::is_object) {
        return Err(Refusal::Code("invalid_metadata_format"));
    }
    if metadata.to_string().len() > MOST_METADATA {
        return Err(Refusal::Code("metadata_too_large"));
    }
    Ok(Some(metadata))
}

/// The thread to reply in: the `ts` of its first message, never that of a reply.
fn thread(call: &Call<'_>, place: usize) -> Result<Option<String>, Refusal> {
    let Some(ts) = call.arguments.text("thread_ts") else { return Ok(None) };
    if Ts::parse(&ts).is_none() {
        return Err(Refusal::Code("invalid_thread_ts"));
    }
    let first = call.workspace.channels[place].message(&ts).ok_or("thread_not_found")?;
    if first.is_reply() { Err(Refusal::Code("invalid_thread_ts")) } else { Ok(Some(first.ts.clone())) }
}

/// Puts an emoji on a message.
pub(crate) fn add_reaction(call: &mut Call<'_>) -> Outcome {
    let place = call.channel()?;
    let ts = call.arguments.text("timestamp").ok_or("no_item_specified")?;
    let wanted = Ts::parse(&ts).ok_or("bad_timestamp")?;
    let name = call.arguments.text("name").filter(|name| EMOJI.contains(&name.as_str())).ok_or("invalid_name")?;
    let channel = &mut call.workspace.channels[place];
    if channel.archived {
        return Err(Refusal::Code("is_archived"));
    }
    if !channel.has_bot() {
        return Err(Refusal::Code("not_in_channel"));
    }
    let message = channel.messages.iter_mut().find(|message| message.order() == wanted).ok_or("message_not_found")?;
    let place = message.reactions.iter().position(|reaction| reaction.name == name).unwrap_or_else(|| {
        message.reactions.push(Reaction { name, users: Vec::new() });
        message.reactions.len() - 1
    });
    let users = &mut message.reactions[place].users;
    if users.iter().any(|user| user == BOT_USER) {
        return Err(Refusal::Code("already_reacted"));
    }
    users.push(BOT_USER.to_owned());
    Ok(Success::default())
}
