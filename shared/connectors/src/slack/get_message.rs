//! `slack.get_message`: `POST conversations.history`, else `POST conversations.replies`; reads one message.
//! <https://docs.slack.dev/messaging/retrieving-messages>, checked 2026-11-23.
//!
//! History holds no replies and answers with a neighbour where there is no such message: only the very `ts` counts.

use std::sync::Arc;

use deskwire_core::BoxFuture;
use deskwire_core::action::{Action, ActionSpec, Call, CallError, Effect, ErrorClass, HoldKey};
use schemars::JsonSchema;
use serde_json::Value;

use crate::client::Client;
use crate::schema;
use crate::slack::message::{self, Message};
use crate::slack::thread::{self, REPLIES};
use crate::slack::trace::HISTORY;
use crate::slack::{PROVIDER, Slack, channels, codes, method_budget, text_at};

const NAME: &str = "slack.get_message";
const PAGE: &str = "https://docs.slack.dev/messaging/retrieving-messages";

const EXAMPLE: &str = "\
- id: original
  action: slack.get_message
  connection: slack
  with:
    channel: C024BE91L
    timestamp: \"{{ steps.announce.ts }}\"
";

/// What the step gives.
#[derive(Debug, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct GetMessageInput {
    /// The conversation: its id (`C024BE91L`), or the name of a public channel. The app must be in it.
    pub channel: String,
    /// The message's `ts`, as text; a reply's too.
    pub timestamp: String,
}

impl GetMessageInput {
    fn read(given: &Value) -> Result<Self, CallError> {
        Ok(Self { channel: channels::given(given)?, timestamp: message::ts(given, "timestamp")? })
    }
}

/// The action.
pub struct GetMessage {
    client: Arc<Client>,
    spec: ActionSpec,
}

impl GetMessage {
    /// The action on this client.
    pub fn new(client: Arc<Client>) -> Self {
        let spec = ActionSpec {
            name: NAME,
            provider: PROVIDER,
            summary: "Reads one Slack message, also one in a thread.",
            input: schema::of::<GetMessageInput>(),
            output: schema::of::<Message>(),
            effect: Effect::Read,
            scopes: &["channels:history", "groups:history", "im:history", "mpim:history", "channels:read"],
            errors: codes::help(ERRORS, ErrorClass::Retry),
            example: EXAMPLE,
            page: PAGE,
        };
        Self { client, spec }
    }

    async fn get(&self, call: Call<'_>) -> Result<Value, CallError> {
        let GetMessageInput { channel, timestamp } = GetMessageInput::read(call.input)?;
        let slack = Slack::open(&self.client, call)?;
        let channel = channels::readable_id(slack, &channel).await?;
        let found = match top_level(slack, &channel, &timestamp).await? {
            Some(found) => Some(found),
            None => thread::exact(slack, &channel, &timestamp, &timestamp).await?,
        };
        let found = found.ok_or_else(|| message::not_found(&channel, &timestamp))?;
        Ok(Message::from(&found))
    }
}

/// The message, if it is one of the channel itself.
async fn top_level(slack: Slack<'_>, channel: &str, ts: &str) -> Result<Option<Value>, CallError> {
    let form = [("channel", channel), ("latest", ts), ("oldest", ts), ("inclusive", "true"), ("limit", "1")];
    let mut answer = slack.call(HISTORY, &form, ErrorClass::Retry).await?;
    let Some(messages) = answer.get_mut("messages").and_then(Value::as_array_mut) else {
        return Err(slack.incomplete(HISTORY, "messages", ErrorClass::Retry));
    };
    Ok(messages.iter_mut().find(|message| text_at(message, "/ts") == Some(ts)).map(Value::take))
}

impl Action for GetMessage {
    fn spec(&self) -> &ActionSpec {
        &self.spec
    }

    fn hold_keys(&self, call: Call<'_>) -> Vec<HoldKey> {
        [HISTORY, REPLIES].map(|method| method_budget(call.connection, method)).to_vec()
    }

    fn call<'a>(&'a self, call: Call<'a>) -> BoxFuture<'a, Result<Value, CallError>> {
        Box::pin(self.get(call))
    }
}

const ERRORS: &[&str] = &[
    "message_not_found",
    "bad_timestamp",
    "channel_not_found",
    "not_in_channel",
    "channel_is_limited_access",
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
