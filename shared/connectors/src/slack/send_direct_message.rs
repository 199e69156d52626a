//! `slack.send_direct_message`: `POST users.lookupByEmail`, `POST conversations.open`, `POST chat.postMessage`; writes to a
//! person found by e-mail address. <https://docs.slack.dev/reference/methods/chat.postMessage>, checked 2026-11-23.
//!
//! The conversation is opened before posting, so that its id is known when a lost post has to be looked for.

use std::sync::Arc;

use deskwire_core::BoxFuture;
use deskwire_core::action::{Action, ActionSpec, Call, CallError, Effect, ErrorClass, HoldKey};
use schemars::JsonSchema;
use serde_json::{Map, Value};

use crate::client::Client;
use crate::several::Done;
use crate::slack::content::{Content, ContentInput};
use crate::slack::post::POST;
use crate::slack::post_message::SETTLE;
use crate::slack::posting::Posting;
use crate::slack::trace::cannot_look;
use crate::slack::{PROVIDER, Slack, codes, method_budget, text_at};
use crate::{input, schema};

const NAME: &str = "slack.send_direct_message";
const PAGE: &str = "https://docs.slack.dev/reference/methods/chat.postMessage";
const LOOK_UP: &str = "users.lookupByEmail";
const OPEN: &str = "conversations.open";

const EXAMPLE: &str = "\
- id: tell
  action: slack.send_direct_message
  connection: slack
  if: steps.assignee.email
  with:
    email: \"{{ steps.assignee.email }}\"
    message: \"Ticket {{ steps.ticket.id }} is yours: {{ steps.ticket.subject }}\"
";

/// What the step gives.
#[derive(Debug, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct SendDirectMessageInput {
    /// The e-mail address with which the person is known in Slack.
    #[schemars(extend("x-personal" = true))]
    pub email: String,
    /// What the message says.
    #[schemars(flatten, with = "ContentInput")]
    pub content: Content,
}

/// What the step answers: what Slack says about the message.
#[derive(Debug, JsonSchema)]
#[schemars(extend("additionalProperties" = true))]
pub struct SendDirectMessageOutput {
    /// The id of the conversation with the person.
    pub channel: String,
    /// The message's id within the conversation, of several the first one's; keep it as text.
    pub ts: String,
    /// The message as Slack stored it.
    #[schemars(extend("x-personal" = true))]
    pub message: Map<String, Value>,
}

impl SendDirectMessageInput {
    fn read(given: &Value) -> Result<Self, CallError> {
        Ok(Self { email: input::text(given, "email")?.trim().to_owned(), content: Content::read(given)? })
    }

    fn posting<'a>(&'a self, channel: &'a str, call: Call<'a>) -> Posting<'a> {
        Posting {
            channel,
            thread: None,
            broadcast: false,
            content: &self.content,
            unfurl_links: false,
            unfurl_media: false,
            call,
        }
    }
}

/// The action.
pub struct SendDirectMessage {
    client: Arc<Client>,
    spec: ActionSpec,
}

impl SendDirectMessage {
    /// The action on this client.
    pub fn new(client: Arc<Client>) -> Self {
        let spec = ActionSpec {
            name: NAME,
            provider: PROVIDER,
            summary: "Sends a direct message to the person with an e-mail address.",
            input: schema::of::<SendDirectMessageInput>(),
            output: schema::of::<SendDirectMessageOutput>(),
            effect: Effect::Detectable { settle: SETTLE },
            scopes: &["chat:write", "users:read", "users:read.email", "im:write", "im:history"],
            errors: codes::help(ERRORS, ErrorClass::Unknown),
            example: EXAMPLE,
            page: PAGE,
        };
        Self { client, spec }
    }

    async fn post(&self, call: Call<'_>) -> Result<Value, CallError> {
        let input = SendDirectMessageInput::read(call.input)?;
        let slack = Slack::open(&self.client, call)?;
        let mut done = Done::default();
        let channel = conversation_with(slack, &input.email).await?;
        done.add(format!("the conversation {channel} with the person was opened"));
        let mut answer = input.posting(&channel, call).post(slack).await.map_err(|mut error| {
            // The conversation is not known before the call, so only the method's budget can hold it back.
            error.hold = error.hold.map(|_| method_budget(call.connection, POST));
            done.failed_at(POST, error)
        })?;
        if let Some(answer) = answer.as_object_mut() {
            answer.shift_remove("ok");
        }
        Ok(answer)
    }

    async fn find(&self, call: Call<'_>) -> Result<Option<Value>, CallError> {
        let input = SendDirectMessageInput::read(call.input)?;
        let slack = Slack::open(&self.client, call)?;
        let channel = conversation_with(slack, &input.email).await.map_err(cannot_look)?;
        input.posting(&channel, call).find(slack).await
    }
}

/// The id of the conversation between the app and a person. Both calls may be repeated: the same pair has the same id.
async fn conversation_with(slack: Slack<'_>, email: &str) -> Result<String, CallError> {
    let user = slack.call(LOOK_UP, &[("email", email)], ErrorClass::Retry).await?;
    let user = text_at(&user, "/user/id").ok_or_else(|| slack.incomplete(LOOK_UP, "user.id", ErrorClass::Retry))?;
    let conversation = slack.call(OPEN, &[("users", user)], ErrorClass::Retry).await;
    let conversation = conversation.map_err(|error| Done::default().failed_at(OPEN, error))?;
    let id = text_at(&conversation, "/channel/id").map(str::to_owned);
    id.ok_or_else(|| slack.incomplete(OPEN, "channel.id", ErrorClass::Retry))
}

impl Action for SendDirectMessage {
    fn spec(&self) -> &ActionSpec {
        &self.spec
    }

    fn hold_keys(&self, call: Call<'_>) -> Vec<HoldKey> {
        [LOOK_UP, OPEN, POST].map(|method| method_budget(call.connection, method)).to_vec()
    }

    fn call<'a>(&'a self, call: Call<'a>) -> BoxFuture<'a, Result<Value, CallError>> {
        Box::pin(self.post(call))
    }

    fn look<'a>(&'a self, call: Call<'a>) -> BoxFuture<'a, Result<Option<Value>, CallError>> {
        Box::pin(self.find(call))
    }
}

const ERRORS: &[&str] = &[
    "users_not_found",
    "user_not_visible",
    "user_disabled",
    "cannot_dm_bot",
    "messages_tab_disabled",
    "invalid_blocks",
    "msg_blocks_too_long",
    "msg_too_long",
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
