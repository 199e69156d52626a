//! `slack.get_thread_messages`: `POST conversations.replies`, reads a thread, or one reply of it.
//! <https://docs.slack.dev/reference/methods/conversations.replies>, checked 2026-11-23.

use std::sync::Arc;

use deskwire_core::BoxFuture;
use deskwire_core::action::{Action, ActionSpec, Call, CallError, Effect, ErrorClass, HoldKey};
use schemars::JsonSchema;
use serde_json::{Value, json};

use crate::client::Client;
use crate::schema;
use crate::slack::message::{self, Message};
use crate::slack::thread::{self, REPLIES};
use crate::slack::{PROVIDER, Slack, channels, codes, method_budget};

const NAME: &str = "slack.get_thread_messages";
const PAGE: &str = "https://docs.slack.dev/reference/methods/conversations.replies";

const EXAMPLE: &str = "\
- id: talk
  action: slack.get_thread_messages
  connection: slack
  with:
    channel: C024BE91L
    thread_ts: \"{{ steps.announce.ts }}\"
";

/// What the step gives.
#[derive(Debug, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct GetThreadMessagesInput {
    /// The conversation: its id (`C024BE91L`), or the name of a public channel. The app must be in it.
    pub channel: String,
    /// The `ts` of the thread's first message, as text; that of a reply leads to the same thread.
    pub thread_ts: String,
    /// The `ts` of one reply, to read that one alone.
    #[schemars(default)]
    pub reply_ts: Option<String>,
}

/// What the step answers.
#[derive(Debug, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct GetThreadMessagesOutput {
    /// The thread's messages, oldest first, its first message included; at most 500. With `reply_ts` that reply alone.
    #[schemars(extend("x-personal" = true))]
    pub messages: Vec<Message>,
    /// Are there more messages than these?
    pub truncated: bool,
}

impl GetThreadMessagesInput {
    fn read(given: &Value) -> Result<Self, CallError> {
        Ok(Self {
            channel: channels::given(given)?,
            thread_ts: message::ts(given, "thread_ts")?,
            reply_ts: message::optional_ts(given, "reply_ts")?,
        })
    }
}

/// The action.
pub struct GetThreadMessages {
    client: Arc<Client>,
    spec: ActionSpec,
}

impl GetThreadMessages {
    /// The action on this client.
    pub fn new(client: Arc<Client>) -> Self {
        let spec = ActionSpec {
            name: NAME,
            provider: PROVIDER,
            summary: "Reads the messages of a Slack thread.",
            input: schema::of::<GetThreadMessagesInput>(),
            output: schema::of::<GetThreadMessagesOutput>(),
            effect: Effect::Read,
            scopes: &["channels:history", "groups:history", "im:history", "mpim:history", "channels:read"],
            errors: codes::help(ERRORS, ErrorClass::Retry),
            example: EXAMPLE,
            page: PAGE,
        };
        Self { client, spec }
    }

    async fn get(&self, call: Call<'_>) -> Result<Value, CallError> {
        let input = GetThreadMessagesInput::read(call.input)?;
        let slack = Slack::open(&self.client, call)?;
        let channel = channels::readable_id(slack, &input.channel).await?;
        if let Some(reply) = &input.reply_ts {
            let found = thread::exact(slack, &channel, &input.thread_ts, reply).await?;
            let found = found.ok_or_else(|| message::not_found(&channel, reply))?;
            return Ok(json!({ "messages": [Message::from(&found)], "truncated": false }));
        }
        let thread = thread::read(slack, &channel, &input.thread_ts).await?;
        let messages: Vec<Value> = thread.messages.iter().map(Message::from).collect();
        Ok(json!({ "messages": messages, "truncated": thread.truncated }))
    }
}

impl Action for GetThreadMessages {
    fn spec(&self) -> &ActionSpec {
        &self.spec
    }

    fn hold_keys(&self, call: Call<'_>) -> Vec<HoldKey> {
        vec![method_budget(call.connection, REPLIES)]
    }

    fn call<'a>(&'a self, call: Call<'a>) -> BoxFuture<'a, Result<Value, CallError>> {
        Box::pin(self.get(call))
    }
}

const ERRORS: &[&str] = &[
    "thread_not_found",
    "message_not_found",
    "bad_timestamp",
    "channel_not_found",
    "not_in_channel",
    "invalid_cursor",
    "method_not_supported_for_channel_type",
    "ratelimited",
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
