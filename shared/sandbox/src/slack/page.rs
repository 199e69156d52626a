//! The page `/slack`: the workspace as a person sees it.

use askama::Template;
use axum::extract::{Query, State};
use axum::response::Response;
use deskwire_core::time::Timestamp;
use serde::Deserialize;

use crate::calendar::{clock_time, day};
use crate::page::{self, REFRESH_SECONDS};
use crate::slack::blocks::{self, Piece};
use crate::slack::emoji::emoji;
use crate::slack::mrkdwn::{self, Html, Names};
use crate::slack::workspace::{Channel, Kind, Message, Workspace};
use crate::world::{BOT_USER, TEAM_NAME};
use crate::{Reaction, Sandbox};

/// Messages of one person within so many milliseconds stand under one name.
const TOGETHER_MILLIS: i64 = 5 * 60 * 1000;

/// What the address asks for.
#[derive(Debug, Deserialize)]
pub(crate) struct Asked {
    /// The id of a conversation; the one with the newest message unless given.
    channel: Option<String>,
    /// `on`: the page comes again by itself.
    refresh: Option<String>,
}

#[derive(Template)]
#[template(path = "slack.html")]
struct Page {
    team: &'static str,
    refresh: Option<u32>,
    channels: Vec<Entry>,
    people: Vec<Entry>,
    selected: Option<Conversation>,
}

/// A conversation in the sidebar.
struct Entry {
    id: String,
    name: String,
    private: bool,
    count: usize,
    selected: bool,
    archived: bool,
}

struct Conversation {
    id: String,
    name: String,
    private: bool,
    direct: bool,
    about: String,
    days: Vec<Day>,
}

struct Day {
    name: String,
    messages: Vec<Shown>,
}

/// A message.
struct Shown {
    ts: String,
    name: String,
    initials: String,
    colour: usize,
    is_app: bool,
    time: String,
    text: Html,
    /// What is shown in place of the text, if there is any.
    blocks: Vec<Piece>,
    reactions: Vec<(String, String, usize)>,
    replies: usize,
    is_reply: bool,
    /// Does it stand under the name of the message before?
    continues: bool,
}

impl Names for Workspace {
    fn user(&self, id: &str) -> Option<String> {
        Self::user(self, id).map(name_of)
    }

    fn channel(&self, id: &str) -> Option<String> {
        self.channels.iter().find(|channel| channel.id == id).map(|channel| channel.name.clone())
    }
}

/// `GET /slack`
pub(crate) async fn show(State(sandbox): State<Sandbox>, Query(asked): Query<Asked>) -> Response {
    let now = sandbox.now();
    let workspace = sandbox.workspace();
    let chosen = match &asked.channel {
        Some(id) => workspace.channels.iter().find(|channel| channel.id == *id),
        None => newest(&workspace),
    };
    let entries = |direct: bool| {
        let of_kind = workspace.channels.iter().filter(move |channel| channel.kind.is_direct() == direct);
        of_kind.map(|channel| entry(&workspace, channel, chosen)).collect()
    };
    let page = Page {
        team: TEAM_NAME,
        refresh: (asked.refresh.as_deref() == Some("on")).then_some(REFRESH_SECONDS),
        channels: entries(false),
        people: entries(true),
        selected: chosen.map(|channel| conversation(&workspace, channel, now)),
    };
    drop(workspace);
    page::answer(&page)
}

fn newest(workspace: &Workspace) -> Option<&Channel> {
    let last = |channel: &Channel| channel.messages.last().map(|message| (message.at, message.number));
    workspace.channels.iter().max_by_key(|channel| last(channel))
}

fn entry(workspace: &Workspace, channel: &Channel, chosen: Option<&Channel>) -> Entry {
    Entry {
        id: channel.id.clone(),
        name: title(workspace, channel),
        private: channel.kind == Kind::Private,
        count: channel.messages.iter().filter(|message| message.by_app).count(),
        selected: chosen.is_some_and(|chosen| chosen.id == channel.id),
        archived: channel.archived,
    }
}

/// The name of a channel, or of those with whom the app talks.
fn title(workspace: &Workspace, channel: &Channel) -> String {
    if !channel.kind.is_direct() {
        return channel.name.clone();
    }
    let others = channel.members.iter().filter(|member| *member != BOT_USER);
    let names: Vec<&str> = others.filter_map(|id| workspace.user(id)).map(|user| user.real_name).collect();
    names.join(", ")
}

fn conversation(workspace: &Workspace, channel: &Channel, now: Timestamp) -> Conversation {
    let mut days: Vec<Day> = Vec::new();
    let mut before: Option<&Message> = None;
    for message in in_reading_order(channel) {
        let name = day(message.at, now);
        if days.last().is_none_or(|last| last.name != name) {
            days.push(Day { name, messages: Vec::new() });
            before = None;
        }
        let continues = before.is_some_and(|before| {
            before.user == message.user
                && before.is_reply() == message.is_reply()
                && message.at.as_millis() - before.at.as_millis() < TOGETHER_MILLIS
        });
        if let Some(day) = days.last_mut() {
            day.messages.push(shown(workspace, channel, message, continues));
        }
        before = Some(message);
    }
    let about = if channel.kind.is_direct() {
        "Direct message with the Deskwire app".to_owned()
    } else {
        channel.purpose.to_owned()
    };
    Conversation {
        id: channel.id.clone(),
        name: title(workspace, channel),
        private: channel.kind == Kind::Private,
        direct: channel.kind.is_direct(),
        about,
        days,
    }
}

/// Replies stand below the first message of their thread.
fn in_reading_order(channel: &Channel) -> Vec<&Message> {
    let mut ordered = Vec::with_capacity(channel.messages.len());
    for first in channel.messages.iter().filter(|message| !message.is_reply()) {
        ordered.push(first);
        let of_thread = |message: &&Message| message.is_reply() && message.thread_ts.as_ref() == Some(&first.ts);
        if first.thread_ts.is_some() {
            ordered.extend(channel.messages.iter().filter(of_thread));
        }
    }
    ordered
}

fn shown(workspace: &Workspace, channel: &Channel, message: &Message, continues: bool) -> Shown {
    let name = workspace.user(&message.user).map_or_else(|| message.user.clone(), |user| user.real_name.to_owned());
    let is_reply = message.is_reply();
    let of_thread = |other: &&Message| other.is_reply() && other.thread_ts.as_ref() == Some(&message.ts);
    let has_thread = message.thread_ts.is_some() && !is_reply;
    Shown {
        ts: message.ts.clone(),
        initials: page::initials(&name),
        colour: page::colour(&name),
        is_app: message.by_app,
        time: clock_time(message.at),
        text: mrkdwn::render(&message.text, workspace),
        blocks: message.blocks.as_ref().map(|blocks| blocks::pieces(blocks, workspace)).unwrap_or_default(),
        reactions: message.reactions.iter().map(pictured).collect(),
        replies: if has_thread { channel.messages.iter().filter(of_thread).count() } else { 0 },
        is_reply,
        continues,
        name,
    }
}

fn pictured(reaction: &Reaction) -> (String, String, usize) {
    let picture = emoji(&reaction.name).unwrap_or_else(|| format!(":{}:", reaction.name));
    (picture, reaction.name.clone(), reaction.users.len())
}

fn name_of(user: &crate::slack::workspace::User) -> String {
    if user.display_name.is_empty() { user.real_name.to_owned() } else { user.display_name.to_owned() }
}

#[cfg(test)]
mod tests;
