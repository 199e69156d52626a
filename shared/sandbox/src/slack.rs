//! Slack's stand-in: the Web API at `/slack/api/{method}`, the page `/slack`, and what tests look at.
//!
//! Written from <https://docs.slack.dev> (checked 2026-11-23). Left out: attachments and `markdown_text`, which nothing here
//! sends; rate limits, which come as faults.

mod arguments;
mod blocks;
mod conversations;
mod emoji;
mod history;
mod methods;
mod mrkdwn;
mod page;
mod people;
mod post;
mod seed;
mod ts;
mod web;
mod workspace;

use axum::Router;
use axum::routing::{any, get};
use serde_json::Value;

use crate::Sandbox;

pub(crate) use methods::METHODS;
pub(crate) use workspace::Workspace;
pub use workspace::{Message, Reaction};

/// Looks into Slack's stand-in.
#[derive(Clone)]
pub struct Slack(Sandbox);

impl Slack {
    pub(crate) fn of(sandbox: Sandbox) -> Self {
        Self(sandbox)
    }

    /// The messages of a conversation, oldest first, replies included; none for an unknown one. `channel` is an id, or
    /// the name of a channel.
    pub fn messages(&self, channel: &str) -> Vec<Message> {
        let workspace = self.0.workspace();
        let found = workspace.channels.iter().find(|known| known.id == channel || known.name == channel);
        found.map(|channel| channel.messages.clone()).unwrap_or_default()
    }

    /// Everything the app has posted, in the order of posting, whatever the conversation.
    pub fn all_posts(&self) -> Vec<Message> {
        let workspace = self.0.workspace();
        let all = workspace.channels.iter().flat_map(|channel| &channel.messages);
        let mut posts: Vec<Message> = all.filter(|message| message.by_app).cloned().collect();
        posts.sort_by_key(|message| message.number);
        posts
    }

    /// The id of the direct conversation between the app and the person with this e-mail address, once it was opened.
    pub fn direct_conversation(&self, email: &str) -> Option<String> {
        let workspace = self.0.workspace();
        let user = workspace.user_by_email(email)?.id.to_owned();
        workspace.direct(&[user]).map(|place| workspace.channels[place].id.clone())
    }

    /// Sets what the bot's token may do, in place of the usual scopes (which lack `chat:write.public`).
    pub fn set_scopes(&self, scopes: &[&str]) {
        self.0.workspace().set_scopes(scopes.iter().map(|&scope| scope.to_owned()).collect());
    }
}

pub(crate) fn router() -> Router<Sandbox> {
    Router::new().route("/slack/api/{method}", any(web::call)).route("/slack", get(page::show))
}

/// The text under a name of a JSON object, for the parts of this module that read arguments.
fn text_of<'a>(value: &'a Value, name: &str) -> Option<&'a str> {
    value.get(name).and_then(Value::as_str)
}

#[cfg(test)]
mod tests;
