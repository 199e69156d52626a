//! The workspace: who is in it, which conversations there are, and what was said. Plain state, no HTTP.

use deskwire_core::time::Timestamp;
use serde_json::{Value, json};

use crate::slack::ts::Ts;
use crate::world::{APP, BOT, BOT_NAME, BOT_USER, TEAM};

/// A message, as tests look at it.
#[derive(Debug, Clone, PartialEq)]
pub struct Message {
    /// The id of its conversation.
    pub channel: String,
    /// Its id within the conversation.
    pub ts: String,
    /// The id of the user who wrote it.
    pub user: String,
    /// Its text in mrkdwn, as it was sent.
    pub text: String,
    /// Its blocks, if it was sent with some.
    pub blocks: Option<Value>,
    /// Its metadata, if it was sent with some.
    pub metadata: Option<Value>,
    /// When it was written.
    pub at: Timestamp,
    /// For a reply, and for a message with replies: the `ts` of the thread's first message.
    pub thread_ts: Option<String>,
    /// Was a reply shown in the channel too?
    pub broadcast: bool,
    /// The emoji people put there.
    pub reactions: Vec<Reaction>,
    /// Did our app post it?
    pub by_app: bool,
    /// Counts the workspace's messages in the order of posting.
    pub number: u64,
}

/// An emoji on a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reaction {
    /// The emoji's name, without colons.
    pub name: String,
    /// The ids of those who put it there.
    pub users: Vec<String>,
}

impl Message {
    pub(crate) fn order(&self) -> Ts {
        // Every `ts` was written by `Ts`.
        Ts::parse(&self.ts).unwrap_or(Ts(0))
    }

    pub(crate) fn is_reply(&self) -> bool {
        self.thread_ts.as_ref().is_some_and(|thread| *thread != self.ts)
    }
}

#[derive(Debug, Clone)]
pub(crate) struct User {
    pub id: &'static str,
    pub name: &'static str,
    pub real_name: &'static str,
    pub display_name: &'static str,
    pub email: Option<&'static str>,
    pub time_zone: &'static str,
    pub deleted: bool,
    pub is_bot: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Public,
    Private,
    /// Between the app and one person.
    Direct,
    /// Between the app and several people.
    Group,
}

impl Kind {
    /// How scopes call it: `channels:history`.
    pub(crate) const fn scope(self) -> &'static str {
        match self {
            Self::Public => "channels",
            Self::Private => "groups",
            Self::Direct => "im",
            Self::Group => "mpim",
        }
    }

    /// How `types` of `conversations.list` calls it.
    pub(crate) const fn list_type(self) -> &'static str {
        match self {
            Self::Public => "public_channel",
            Self::Private => "private_channel",
            Self::Direct => "im",
            Self::Group => "mpim",
        }
    }

    pub(crate) const fn is_direct(self) -> bool {
        matches!(self, Self::Direct | Self::Group)
    }
}

#[derive(Debug, Clone)]
pub(crate) struct Channel {
    pub id: String,
    /// Empty for direct conversations.
    pub name: String,
    pub kind: Kind,
    pub purpose: &'static str,
    /// User ids, the bot's own among them where it is a member.
    pub members: Vec<String>,
    pub archived: bool,
    pub created: Timestamp,
    pub messages: Vec<Message>,
}

impl Channel {
    pub(crate) fn has_bot(&self) -> bool {
        self.members.iter().any(|member| member == BOT_USER)
    }

    /// Can the bot know that it exists?
    pub(crate) fn is_visible(&self) -> bool {
        self.kind == Kind::Public || self.has_bot()
    }

    pub(crate) fn message(&self, ts: &str) -> Option<&Message> {
        let wanted = Ts::parse(ts)?;
        self.messages.iter().find(|message| message.order() == wanted)
    }
}

/// The bot's usual scopes: what a relay asks for, without posting to channels it has not joined.
const USUAL_SCOPES: [&str; 13] = [
    "chat:write",
    "channels:read",
    "groups:read",
    "channels:join",
    "channels:history",
    "groups:history",
    "im:history",
    "im:read",
    "mpim:history",
    "im:write",
    "reactions:write",
    "users:read",
    "users:read.email",
];

#[derive(Debug)]
pub(crate) struct Workspace {
    pub users: Vec<User>,
    pub channels: Vec<Channel>,
    pub scopes: Vec<String>,
    posted: u64,
}

/// What a new message is made of.
#[derive(Debug, Clone, Default)]
pub(crate) struct Draft {
    pub user: String,
    pub text: String,
    pub blocks: Option<Value>,
    pub metadata: Option<Value>,
    pub thread_ts: Option<String>,
    pub broadcast: bool,
    pub by_app: bool,
}

impl Workspace {
    pub(crate) fn new(users: Vec<User>, channels: Vec<Channel>) -> Self {
        Self { users, channels, scopes: USUAL_SCOPES.map(str::to_owned).to_vec(), posted: 0 }
    }

    pub(crate) fn set_scopes(&mut self, scopes: Vec<String>) {
        self.scopes = scopes;
    }

    pub(crate) fn may(&self, scope: &str) -> bool {
        self.scopes.iter().any(|granted| granted == scope)
    }

    pub(crate) fn user(&self, id: &str) -> Option<&User> {
        self.users.iter().find(|user| user.id == id)
    }

    /// A person who can be written to; addresses are compared without regard to case.
    pub(crate) fn user_by_email(&self, email: &str) -> Option<&User> {
        let is_theirs = |user: &&User| user.email.is_some_and(|known| known.eq_ignore_ascii_case(email));
        self.users.iter().filter(|user| !user.deleted).find(is_theirs)
    }

    /// The place of a conversation that the bot can know of.
    pub(crate) fn visible(&self, id: &str) -> Option<usize> {
        self.channels.iter().position(|channel| channel.id == id && channel.is_visible())
    }

    /// The place of the direct conversation with exactly these people.
    pub(crate) fn direct(&self, users: &[String]) -> Option<usize> {
        self.channels.iter().position(|channel| {
            channel.kind.is_direct()
                && channel.members.len() == users.len() + 1
                && users.iter().all(|user| channel.members.contains(user))
        })
    }

    /// Opens the direct conversation with these people, or finds it; says whether it was there.
    pub(crate) fn open(&mut self, users: &[String], now: Timestamp) -> (usize, bool) {
        if let Some(place) = self.direct(users) {
            return (place, true);
        }
        let number = self.channels.iter().filter(|channel| channel.kind.is_direct()).count() + 1;
        let (letter, kind) = if users.len() == 1 { ('D', Kind::Direct) } else { ('G', Kind::Group) };
        let mut members = users.to_vec();
        members.push(BOT_USER.to_owned());
        self.channels.push(Channel {
            id: format!("{letter}07ACME{number:04}"),
            name: String::new(),
            kind,
            purpose: "",
            members,
            archived: false,
            created: now,
            messages: Vec::new(),
        });
        (self.channels.len() - 1, false)
    }

    /// Adds a message to the conversation at `place` and answers with its `ts`.
    pub(crate) fn add(&mut self, place: usize, draft: Draft, now: Timestamp) -> String {
        self.posted += 1;
        let channel = &mut self.channels[place];
        let ts = Ts::after(channel.messages.last().map(Message::order), now).to_string();
        let Draft { user, text, blocks, metadata, thread_ts, broadcast, by_app } = draft;
        if let Some(thread) = &thread_ts {
            // A message becomes a thread's first one when the first reply comes.
            if let Some(first) = channel.messages.iter_mut().find(|message| message.ts == *thread) {
                first.thread_ts = Some(thread.clone());
            }
        }
        channel.messages.push(Message {
            channel: channel.id.clone(),
            ts: ts.clone(),
            user,
            text,
            blocks,
            metadata,
            at: now,
            thread_ts,
            broadcast,
            reactions: Vec::new(),
            by_app,
            number: self.posted,
        });
        ts
    }
}

/// What Slack says about the app on its messages.
pub(crate) fn bot_profile() -> Value {
    json!({ "id": BOT, "app_id": APP, "name": BOT_NAME, "team_id": TEAM, "deleted": false })
}
