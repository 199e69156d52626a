//! `slack.post_message`: `POST chat.postMessage`, posts a message to a channel.
//! <https://docs.slack.dev/reference/methods/chat.postMessage>, checked 2026-11-23.
//!
//! Where the app is not in a public channel, it joins and posts once more. A post whose answer was lost is looked for by
//! the key in its metadata.

use std::sync::Arc;
use std::time::Duration;

use deskwire_core::BoxFuture;
use deskwire_core::action::{Action, ActionSpec, Call, CallError, Effect, ErrorClass, HoldKey};
use schemars::JsonSchema;
use serde_json::{Value, json};

use crate::client::Client;
use crate::slack::history::cannot_look;
use crate::slack::post::{self, POST, Post};
use crate::slack::{PROVIDER, Slack, channels, codes, history, method_budget, text_at};
use crate::{input, schema};

const NAME: &str = "slack.post_message";
const PAGE: &str = "https://docs.slack.dev/reference/methods/chat.postMessage";
const JOIN: &str = "conversations.join";

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
    /// The text, in Slack's mrkdwn; at most 4,000 characters.
    pub message: String,
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
    /// The message's id within the channel; keep it as text.
    pub ts: String,
    /// Always true.
    pub ok: bool,
}

impl PostMessageInput {
    fn read(given: &Value) -> Result<Self, CallError> {
        let channel = input::text(given, "channel")?;
        let message = input::text(given, "message")?;
        post::check_length(&message)?;
        Ok(Self {
            channel: channels::normalised(&channel).to_owned(),
            message,
            unfurl_links: input::flag(given, "unfurl_links")?,
            unfurl_media: input::flag(given, "unfurl_media")?,
        })
    }
}

impl PostMessageOutput {
    fn from(channel: &str, ts: &str) -> Value {
        json!({ "channel": channel, "ts": ts, "ok": true })
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
            slack_text_inputs: &["message"],
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
        let post = |channel| Post {
            channel,
            text: &input.message,
            unfurl_links: input.unfurl_links,
            unfurl_media: input.unfurl_media,
            key: call.key,
        };
        let answer = match post(&input.channel).send(slack).await {
            Err(error) if error.code == "not_in_channel" => {
                let id = join(slack, &input.channel, error).await?;
                post(&id).send(slack).await?
            }
            answer => answer?,
        };
        let text = |field| text_at(&answer, field).unwrap_or_default();
        Ok(PostMessageOutput::from(text("/channel"), text("/ts")))
    }

    async fn find(&self, call: Call<'_>) -> Result<Option<Value>, CallError> {
        let input = PostMessageInput::read(call.input)?;
        let slack = Slack::open(&self.client, call)?;
        if channels::is_user_id(&input.channel) {
            let message = format!(
                "{} is a person: Slack does not say in which conversation the message lands. Use \
                 slack.send_direct_message.",
                input.channel
            );
            return Err(cannot_look(CallError::new(ErrorClass::Fail, "user_as_channel", message)));
        }
        let Some(channel) = channels::id_of(slack, &input.channel).await.map_err(cannot_look)? else {
            let message = format!("There is no public channel named {}; give the channel's id.", input.channel);
            return Err(cannot_look(CallError::new(ErrorClass::Fail, "channel_not_found", message)));
        };
        let found = history::find(slack, &channel, call.key, call.not_before).await?;
        Ok(found.and_then(|message| Some(PostMessageOutput::from(&channel, text_at(&message, "/ts")?))))
    }
}

/// Joins the channel that `refused` a post, and answers with its id. A refused post leaves nothing behind, so a failure
/// here is never unknown.
async fn join(slack: Slack<'_>, channel: &str, refused: CallError) -> Result<String, CallError> {
    let joined = async {
        let Some(id) = channels::id_of(slack, channel).await? else { return Ok(None) };
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
