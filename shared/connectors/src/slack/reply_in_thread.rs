//! `slack.reply_in_thread`: `POST chat.postMessage` with `thread_ts`, replies to a message.
//! <https://docs.slack.dev/reference/methods/chat.postMessage>, checked 2026-11-23.
//!
//! Slack wants the `ts` of the thread's first message. Where it refuses one that is a reply's, the thread is looked up and
//! the reply goes there. A reply whose answer was lost is looked for in the thread; a channel's history holds no replies.

use std::sync::Arc;

use deskwire_core::BoxFuture;
use deskwire_core::action::{Action, ActionSpec, Call, CallError, Effect, ErrorClass, HoldKey};
use schemars::JsonSchema;
use serde_json::{Value, json};

use crate::client::Client;
use crate::slack::content::{Content, ContentInput};
use crate::slack::post::{self, POST};
use crate::slack::post_message::SETTLE;
use crate::slack::posting::Posting;
use crate::slack::{PROVIDER, Slack, channels, codes, message, method_budget, text_at, thread};
use crate::{input, schema};

const NAME: &str = "slack.reply_in_thread";
const PAGE: &str = "https://docs.slack.dev/reference/methods/chat.postMessage";

const EXAMPLE: &str = "\
- id: reply
  action: slack.reply_in_thread
  connection: slack
  with:
    channel: \"{{ steps.announce.channel }}\"
    thread_ts: \"{{ steps.announce.ts }}\"
    message: \"Solved by {{ steps.assignee.name }}.\"
";

/// What the step gives.
#[derive(Debug, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct ReplyInThreadInput {
    /// The channel: its id (`C024BE91L`), or the name of a public channel.
    pub channel: String,
    /// The `ts` of the message to reply to, as text.
    pub thread_ts: String,
    /// What the reply says.
    #[schemars(flatten, with = "ContentInput")]
    pub content: Content,
    /// Should the reply also be shown in the channel?
    #[schemars(default)]
    pub reply_broadcast: bool,
}

/// What the step answers.
#[derive(Debug, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct ReplyInThreadOutput {
    /// The channel's id, also where a name was given.
    pub channel: String,
    /// The reply's id within the channel, of several the first one's; keep it as text.
    pub ts: String,
    /// The `ts` of the thread's first message.
    pub thread_ts: String,
    /// Always true.
    pub ok: bool,
}

impl ReplyInThreadInput {
    fn read(given: &Value) -> Result<Self, CallError> {
        Ok(Self {
            channel: channels::given(given)?,
            thread_ts: message::ts(given, "thread_ts")?,
            content: Content::read(given)?,
            reply_broadcast: input::flag(given, "reply_broadcast")?,
        })
    }

    fn posting<'a>(&'a self, thread: &'a str, call: Call<'a>) -> Posting<'a> {
        Posting {
            channel: &self.channel,
            thread: Some(thread),
            broadcast: self.reply_broadcast,
            content: &self.content,
            unfurl_links: false,
            unfurl_media: false,
            call,
        }
    }

    fn output(&self, answer: &Value) -> Value {
        let text = |pointer| text_at(answer, pointer).unwrap_or_default();
        let thread = text_at(answer, "/message/thread_ts").unwrap_or(&self.thread_ts);
        json!({ "channel": text("/channel"), "ts": text("/ts"), "thread_ts": thread, "ok": true })
    }
}

/// The action.
pub struct ReplyInThread {
    client: Arc<Client>,
    spec: ActionSpec,
}

impl ReplyInThread {
    /// The action on this client.
    pub fn new(client: Arc<Client>) -> Self {
        let spec = ActionSpec {
            name: NAME,
            provider: PROVIDER,
            summary: "Replies to a Slack message in its thread.",
            input: schema::of::<ReplyInThreadInput>(),
            output: schema::of::<ReplyInThreadOutput>(),
            effect: Effect::Detectable { settle: SETTLE },
            scopes: &["chat:write", "channels:join", "channels:read", "channels:history"],
            errors: codes::help(ERRORS, ErrorClass::Unknown),
            example: EXAMPLE,
            page: PAGE,
        };
        Self { client, spec }
    }

    async fn post(&self, call: Call<'_>) -> Result<Value, CallError> {
        let input = ReplyInThreadInput::read(call.input)?;
        let slack = Slack::open(&self.client, call)?;
        let answer = match input.posting(&input.thread_ts, call).post(slack).await {
            Err(refused) if refused.code == "invalid_thread_ts" => {
                let channel = channels::readable_id(slack, &input.channel).await?;
                let root = thread::root_of(slack, &channel, &input.thread_ts).await?;
                if root == input.thread_ts {
                    return Err(refused);
                }
                input.posting(&root, call).post(slack).await?
            }
            answer => answer?,
        };
        Ok(input.output(&answer))
    }

    async fn find(&self, call: Call<'_>) -> Result<Option<Value>, CallError> {
        let input = ReplyInThreadInput::read(call.input)?;
        let slack = Slack::open(&self.client, call)?;
        let found = input.posting(&input.thread_ts, call).find(slack).await?;
        Ok(found.map(|answer| input.output(&answer)))
    }
}

impl Action for ReplyInThread {
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
    "thread_not_found",
    "invalid_thread_ts",
    "message_not_found",
    "cannot_reply_to_message",
    "channel_not_found",
    "not_in_channel",
    "is_archived",
    "invalid_blocks",
    "msg_blocks_too_long",
    "msg_too_long",
    "no_text",
    "restricted_action",
    "restricted_action_non_threadable_channel",
    "restricted_action_read_only_channel",
    "restricted_action_thread_locked",
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
