//! `slack.add_reaction`: `POST reactions.add`, puts an emoji on a message.
//! <https://docs.slack.dev/reference/methods/reactions.add>, checked 2026-11-23.
//!
//! An app puts an emoji on a message once; that it is there already is a success, so a repeat does no harm.

use std::sync::Arc;

use deskwire_core::BoxFuture;
use deskwire_core::action::{Action, ActionSpec, Call, CallError, Effect, ErrorClass, HoldKey};
use schemars::JsonSchema;
use serde_json::{Value, json};

use crate::client::Client;
use crate::slack::{PROVIDER, Slack, channels, codes, message, method_budget};
use crate::{input, schema};

const NAME: &str = "slack.add_reaction";
const PAGE: &str = "https://docs.slack.dev/reference/methods/reactions.add";
const ADD: &str = "reactions.add";

const EXAMPLE: &str = "\
- id: seen
  action: slack.add_reaction
  connection: slack
  with:
    channel: \"{{ steps.announce.channel }}\"
    timestamp: \"{{ steps.announce.ts }}\"
    name: white_check_mark
";

/// What the step gives.
#[derive(Debug, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct AddReactionInput {
    /// The conversation: its id (`C024BE91L`), or the name of a public channel. The app must be in it.
    pub channel: String,
    /// The emoji's name, with or without colons: `white_check_mark`.
    pub name: String,
    /// The message's `ts`, as text.
    pub timestamp: String,
}

/// What the step answers.
#[derive(Debug, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct AddReactionOutput {
    /// Always true: the emoji is there, be it from before.
    pub success: bool,
}

impl AddReactionInput {
    fn read(given: &Value) -> Result<Self, CallError> {
        Ok(Self {
            channel: channels::given(given)?,
            name: bare(&input::text(given, "name")?)?.to_owned(),
            timestamp: message::ts(given, "timestamp")?,
        })
    }
}

/// An emoji's name without the colons that people put around it; those of a skin tone (`wave::skin-tone-3`) stay.
fn bare(name: &str) -> Result<&str, CallError> {
    let bare = name.trim().trim_matches(':');
    if bare.is_empty() {
        let message = "`name` holds no emoji's name. Give one, such as `white_check_mark`.";
        return Err(CallError::new(ErrorClass::Fail, "bad_input", message));
    }
    Ok(bare)
}

/// The action.
pub struct AddReaction {
    client: Arc<Client>,
    spec: ActionSpec,
}

impl AddReaction {
    /// The action on this client.
    pub fn new(client: Arc<Client>) -> Self {
        let spec = ActionSpec {
            name: NAME,
            provider: PROVIDER,
            summary: "Puts an emoji on a Slack message.",
            input: schema::of::<AddReactionInput>(),
            output: schema::of::<AddReactionOutput>(),
            effect: Effect::Idempotent,
            scopes: &["reactions:write", "channels:read"],
            errors: codes::help(ERRORS, ErrorClass::Retry),
            example: EXAMPLE,
            page: PAGE,
        };
        Self { client, spec }
    }

    async fn add(&self, call: Call<'_>) -> Result<Value, CallError> {
        let AddReactionInput { channel, name, timestamp } = AddReactionInput::read(call.input)?;
        let slack = Slack::open(&self.client, call)?;
        let channel = channels::readable_id(slack, &channel).await?;
        let form = [("channel", channel.as_str()), ("name", &name), ("timestamp", &timestamp)];
        match slack.call(ADD, &form, ErrorClass::Retry).await {
            Err(error) if error.code != "already_reacted" => Err(error),
            _ => Ok(json!({ "success": true })),
        }
    }
}

impl Action for AddReaction {
    fn spec(&self) -> &ActionSpec {
        &self.spec
    }

    fn hold_keys(&self, call: Call<'_>) -> Vec<HoldKey> {
        vec![method_budget(call.connection, ADD)]
    }

    fn call<'a>(&'a self, call: Call<'a>) -> BoxFuture<'a, Result<Value, CallError>> {
        Box::pin(self.add(call))
    }
}

const ERRORS: &[&str] = &[
    "invalid_name",
    "message_not_found",
    "bad_timestamp",
    "channel_not_found",
    "not_in_channel",
    "no_access",
    "is_archived",
    "not_reactable",
    "thread_locked",
    "too_many_emoji",
    "too_many_reactions",
    "external_channel_migrating",
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
mod tests {
    use wiremock::{MockServer, ResponseTemplate};

    use super::*;
    use crate::testing::{call, client, form_field, on, paths, requests};

    const TS: &str = "1770106543.000200";

    async fn answered(body: Value) -> (MockServer, Result<Value, CallError>) {
        let server = MockServer::start().await;
        on(&server, "/reactions.add", ResponseTemplate::new(200).set_body_json(body)).await;
        let input = json!({ "channel": "C024BE91L", "name": " :wave::skin-tone-3: ", "timestamp": TS });
        let answer = call(&AddReaction::new(client(&server)), input).await;
        (server, answer)
    }

    #[tokio::test]
    async fn an_emoji_is_put_there_by_its_name_without_colons() {
        let (server, answer) = answered(json!({ "ok": true })).await;
        assert_eq!(answer.unwrap(), json!({ "success": true }));
        let request = &requests(&server).await[0];
        for (name, value) in [("channel", "C024BE91L"), ("name", "wave::skin-tone-3"), ("timestamp", TS)] {
            assert_eq!(form_field(request, name).as_deref(), Some(value));
        }
    }

    #[tokio::test]
    async fn an_emoji_that_is_there_already_is_a_success() {
        let (_, answer) = answered(json!({ "ok": false, "error": "already_reacted" })).await;
        assert_eq!(answer.unwrap(), json!({ "success": true }));
    }

    #[tokio::test]
    async fn a_refusal_fails_and_a_lost_answer_is_asked_again() {
        for (code, class) in [
            ("invalid_name", ErrorClass::Fail),
            ("message_not_found", ErrorClass::Fail),
            ("missing_scope", ErrorClass::NeedsReauthorization),
            ("fatal_error", ErrorClass::Retry),
        ] {
            let error = answered(json!({ "ok": false, "error": code })).await.1.unwrap_err();
            assert_eq!((error.class, error.code.as_str()), (class, code));
        }
    }

    #[tokio::test]
    async fn what_names_no_emoji_or_message_is_refused_before_anything_is_called() {
        let server = MockServer::start().await;
        let action = AddReaction::new(client(&server));
        for (name, timestamp) in [(json!("::"), json!(TS)), (json!(null), json!(TS)), (json!("eyes"), json!(1.5))] {
            let input = json!({ "channel": "C1", "name": name, "timestamp": timestamp });
            assert_eq!(call(&action, input).await.unwrap_err().class, ErrorClass::Fail);
        }
        assert!(paths(&server).await.is_empty());
    }
}
