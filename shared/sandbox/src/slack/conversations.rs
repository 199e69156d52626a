//! `conversations.open`, `.join`, `.info` and `.list`.
//! <https://docs.slack.dev/reference/methods/conversations.open>, checked 2026-11-23.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use crate::slack::methods::{Call, Outcome, Refusal, Success};
use crate::slack::workspace::{Channel, Kind};
use crate::world::{BOT_USER, TEAM};

/// A direct conversation holds at most so many others.
const MOST_USERS: usize = 8;

/// Opens the direct conversation with some people: the same people, the same id.
pub(crate) fn open(call: &mut Call<'_>) -> Outcome {
    let Some(users) = call.arguments.text("users") else {
        if call.arguments.text("channel").is_none() {
            return Err(Refusal::Code("users_list_not_supplied"));
        }
        let place = call.channel()?;
        if !call.workspace.channels[place].kind.is_direct() {
            return Err(Refusal::Code("method_not_supported_for_channel_type"));
        }
        return Ok(opened(call, place, true));
    };
    let mut users: Vec<String> = users.split(',').map(|user| user.trim().to_owned()).collect();
    users.sort();
    users.dedup();
    if users.len() > MOST_USERS {
        return Err(Refusal::Code("too_many_users"));
    }
    for user in &users {
        let user = call.workspace.user(user).ok_or("user_not_found")?;
        if user.deleted {
            return Err(Refusal::Code("user_disabled"));
        }
        if user.is_bot {
            return Err(Refusal::Code("cannot_dm_bot"));
        }
    }
    call.need_one_of(&[if users.len() == 1 { "im:write" } else { "mpim:write" }])?;
    let (place, was_there) = call.workspace.open(&users, call.now);
    Ok(opened(call, place, was_there))
}

fn opened(call: &Call<'_>, place: usize, was_there: bool) -> Success {
    let channel = &call.workspace.channels[place];
    if !call.arguments.truth("return_im") {
        return Success::of(json!({ "channel": { "id": channel.id } }));
    }
    Success::of(json!({ "no_op": was_there, "already_open": was_there, "channel": shown(channel) }))
}

/// Joins a public channel.
pub(crate) fn join(call: &mut Call<'_>) -> Outcome {
    let place = call.channel()?;
    let channel = &mut call.workspace.channels[place];
    if channel.kind != Kind::Public {
        return Err(Refusal::Code("method_not_supported_for_channel_type"));
    }
    if channel.archived {
        return Err(Refusal::Code("is_archived"));
    }
    let warning = channel.has_bot().then_some("already_in_channel");
    if warning.is_none() {
        channel.members.push(BOT_USER.to_owned());
    }
    Ok(Success { warning, ..Success::of(json!({ "channel": shown(channel) })) })
}

/// One conversation.
pub(crate) fn info(call: &mut Call<'_>) -> Outcome {
    let place = call.channel()?;
    let channel = &call.workspace.channels[place];
    call.need_one_of(&[format!("{}:read", channel.kind.scope())])?;
    Ok(Success::of(json!({ "channel": shown(channel) })))
}

/// The conversations the bot can know of. Slack cuts pages first and filters them afterwards, so a page can be short or
/// empty and not be the last.
pub(crate) fn list(call: &mut Call<'_>) -> Outcome {
    let types = call.arguments.text("types").unwrap_or_else(|| Kind::Public.list_type().to_owned());
    let types: Vec<&str> = types.split(',').map(str::trim).collect();
    let kinds = [Kind::Public, Kind::Private, Kind::Direct, Kind::Group];
    let wanted: Vec<Kind> = kinds.into_iter().filter(|kind| types.contains(&kind.list_type())).collect();
    if wanted.len() != types.len() {
        return Err(Refusal::Code("invalid_types"));
    }
    for kind in &wanted {
        call.need_one_of(&[format!("{}:read", kind.scope())])?;
    }
    let start = match call.arguments.text("cursor") {
        None => 0,
        Some(cursor) => read_cursor(&cursor).ok_or("invalid_cursor")?,
    };
    let (limit, live_only) = (call.arguments.limit(), call.arguments.truth("exclude_archived"));
    let visible: Vec<&Channel> = call.workspace.channels.iter().filter(|channel| channel.is_visible()).collect();
    let page = visible.iter().skip(start).take(limit);
    let channels: Vec<Value> = page
        .filter(|channel| wanted.contains(&channel.kind) && !(live_only && channel.archived))
        .map(|channel| shown(channel))
        .collect();
    let next = start + limit;
    let cursor = if next < visible.len() { write_cursor(next) } else { String::new() };
    Ok(Success::of(json!({ "channels": channels, "response_metadata": { "next_cursor": cursor } })))
}

fn write_cursor(place: usize) -> String {
    STANDARD.encode(format!("next_channel:{place}"))
}

fn read_cursor(cursor: &str) -> Option<usize> {
    let text = String::from_utf8(STANDARD.decode(cursor).ok()?).ok()?;
    text.strip_prefix("next_channel:")?.parse().ok()
}

fn shown(channel: &Channel) -> Value {
    if channel.kind == Kind::Direct {
        let person = channel.members.iter().find(|member| *member != BOT_USER);
        return json!({
            "id": channel.id,
            "created": channel.created.as_unix_seconds(),
            "is_im": true,
            "is_org_shared": false,
            "user": person,
            "is_user_deleted": false,
        });
    }
    json!({
        "id": channel.id,
        "name": channel.name,
        "name_normalized": channel.name,
        "is_channel": channel.kind == Kind::Public,
        "is_group": false,
        "is_im": false,
        "is_mpim": channel.kind == Kind::Group,
        "is_private": channel.kind != Kind::Public,
        "is_archived": channel.archived,
        "is_general": channel.name == "general",
        "is_member": channel.has_bot(),
        "created": channel.created.as_unix_seconds(),
        "context_team_id": TEAM,
        "purpose": { "value": channel.purpose, "creator": "", "last_set": 0 },
        "num_members": channel.members.len(),
    })
}

#[cfg(test)]
mod tests;
