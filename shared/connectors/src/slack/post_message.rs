//! `slack.post_message`: `POST chat.postMessage`, posts a message to a channel.
//! <https://docs.slack.dev/reference/methods/chat.postMessage>, checked 2026-11-23.
//!
//! Where the app is not in a public channel, it joins and posts once more. A post whose answer was lost is looked for by
//! the key in its metadata. A text that is too long may be split; its later parts stand in the thread of the first.

use std::sync::Arc;
use std::time::Duration;

use deskwire_core::BoxFuture;
use deskwire_core::action::{Action, ActionSpec, Call, CallError, Effect, ErrorClass, HoldKey};
use schemars::JsonSchema;
use serde_json::{Value, json};

use crate::client::Client;
use crate::slack::content::{Content, ContentInput};
use crate::slack::post::{self, POST};
use crate::slack::posting::Posting;
use crate::slack::{PROVIDER, Slack, channels, codes, method_budget, text_at};
use crate::{input, schema};

const NAME: &str = "slack.post_message";
const PAGE: &str = "https://docs.slack.dev/reference/methods/chat.postMessage";

/// When a post can be read back is not documented; two seconds is our guess.
pub(crate) const SETTLE: Duration = Duration::from_secs(2);

const EXAMPLE: &str = "\
- id: announce
  action: slack.post_message
  connection: slack
  with:
    channel: customer-care
    message: \"Ticket {{ event.data.detail.id }}: {{ event.data.detail.subject }}\"
";

/// What the step gives.
#[derive(Debug, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct PostMessageInput {
    /// The channel: its id (`C024BE91L`), or the name of a public channel.
    pub channel: String,
    /// What the message says.
    #[schemars(flatten, with = "ContentInput")]
    pub content: Content,
    /// Should Slack show previews of links? Its crawler then fetches every link in the text.
    #[schemars(default)]
    pub unfurl_links: bool,
    /// Should Slack show previews of images and videos?
    #[schemars(default)]
    pub unfurl_media: bool,
}

/// What the step answers.
#[derive(Debug, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct PostMessageOutput {
    /// The channel's id, also where a name was given.
    pub channel: String,
    /// The message's id within the channel, of several the first one's; keep it as text.
    pub ts: String,
    /// Always true.
    pub ok: bool,
}

impl PostMessageInput {
    fn read(given: &Value) -> Result<Self, CallError> {
        Ok(Self {
            channel: channels::given(given)?,
            content: Content::read(given)?,
            unfurl_links: input::flag(given, "unfurl_links")?,
            unfurl_media: input::flag(given, "unfurl_media")?,
        })
    }

    fn posting<'a>(&'a self, call: Call<'a>) -> Posting<'a> {
        Posting {
            channel: &self.channel,
            thread: None,
            broadcast: false,
            content: &self.content,
            unfurl_links: self.unfurl_links,
            unfurl_media: self.unfurl_media,
            call,
        }
    }
}

impl PostMessageOutput {
    fn from(answer: &Value) -> Value {
        let text = |pointer| text_at(answer, pointer).unwrap_or_default();
        json!({ "channel": text("/channel"), "ts": text("/ts"), "ok": true })
    }
}

/// The action.
pub struct PostMessage {
    client: Arc<Client>,
    spec: ActionSpec,
}

impl PostMessage {
    /// The action on this client.
    pub fn new(client: Arc<Client>) -> Self {
        let spec = ActionSpec {
            name: NAME,
            provider: PROVIDER,
            summary: "Posts a message to a Slack channel.",
            input: schema::of::<PostMessageInput>(),
            output: schema::of::<PostMessageOutput>(),
            effect: Effect::Detectable { settle: SETTLE },
            scopes: &["chat:write", "channels:join", "channels:read", "channels:history"],
            errors: codes::help(ERRORS, ErrorClass::Unknown),
            example: EXAMPLE,
            page: PAGE,
        };
        Self { client, spec }
    }

    async fn post(&self, call: Call<'_>) -> Result<Value, CallError> {
        let input = PostMessageInput::read(call.input)?;
        let slack = Slack::open(&self.client, call)?;
        Ok(PostMessageOutput::from(&input.posting(call).post(slack).await?))
    }

    async fn find(&self, call: Call<'_>) -> Result<Option<Value>, CallError> {
        let input = PostMessageInput::read(call.input)?;
        let slack = Slack::open(&self.client, call)?;
        let found = input.posting(call).find(slack).await?;
        Ok(found.map(|answer| PostMessageOutput::from(&answer)))
    }
}

impl Action for PostMessage {
    fn spec(&self) -> &ActionSpec {
        &self.spec
    }

    fn hold_keys(&self, call: Call<'_>) -> Vec<HoldKey> {
        match input::text(call.input, "channel") {
            Ok(channel) => post::budgets(call.connection, channels::normalised(&channel)),
            Err(_) => vec![method_budget(call.connection, POST)],
        }
    }

    fn call<'a>(&'a self, call: Call<'a>) -> BoxFuture<'a, Result<Value, CallError>> {
        Box::pin(self.post(call))
    }

    fn look<'a>(&'a self, call: Call<'a>) -> BoxFuture<'a, Result<Option<Value>, CallError>> {
        Box::pin(self.find(call))
    }
}

const ERRORS: &[&str] = &[
    "channel_not_found",
    "not_in_channel",
    "is_archived",
    "restricted_action",
    "restricted_action_read_only_channel",
    "restricted_action_thread_only_channel",
    "invalid_blocks",
    "msg_blocks_too_long",
    "msg_too_long",
    "no_text",
    "message_limit_exceeded",
    "ratelimited",
    "rate_limited",
    "service_unavailable",
    "internal_error",
    "fatal_error",
    "invalid_auth",
    "token_revoked",
    "account_inactive",
    "missing_scope",
];

#[cfg(test)]
mod tests;
