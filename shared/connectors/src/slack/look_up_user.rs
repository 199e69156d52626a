//! `slack.look_up_user`: `POST users.info`, reads a person by id.
//! <https://docs.slack.dev/reference/methods/users.info>, checked 2026-11-23.

use std::sync::Arc;

use deskwire_core::BoxFuture;
use deskwire_core::action::{Action, ActionSpec, Call, CallError, Effect, ErrorClass, HoldKey};
use schemars::JsonSchema;
use serde_json::{Value, json};

use crate::client::Client;
use crate::slack::{PROVIDER, Slack, codes, method_budget, text_at};
use crate::{input, schema};

const NAME: &str = "slack.look_up_user";
const PAGE: &str = "https://docs.slack.dev/reference/methods/users.info";
const INFO: &str = "users.info";

const EXAMPLE: &str = "\
- id: author
  action: slack.look_up_user
  connection: slack
  with:
    user_id: \"{{ steps.original.user }}\"
";

/// What the step gives.
#[derive(Debug, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct LookUpUserInput {
    /// The user's id (`W012A3CDE`), or a mention of them (`<@W012A3CDE>`).
    pub user_id: String,
}

/// What the step answers.
#[derive(Debug, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct LookUpUserOutput {
    /// The name that people see: the display name where one is set, else the full name, else the account's.
    #[schemars(extend("x-personal" = true))]
    pub display_name: String,
    /// The e-mail address. None without the scope users:read.email, for bots, and for people of other organizations.
    #[schemars(extend("x-personal" = true))]
    pub email: Option<String>,
    /// The full name, if one is known.
    #[schemars(extend("x-personal" = true))]
    pub real_name: Option<String>,
    /// The user's id.
    pub user_id: String,
}

impl LookUpUserInput {
    fn read(given: &Value) -> Result<Self, CallError> {
        let user_id = input::text(given, "user_id")?;
        // In messages a person stands as `<@U1>` or `<@U1|name>`.
        let mention = user_id.trim().strip_prefix("<@").and_then(|rest| rest.strip_suffix('>'));
        let user_id = mention.map_or(user_id.trim(), |mention| mention.split('|').next().unwrap_or_default());
        Ok(Self { user_id: user_id.to_owned() })
    }
}

impl LookUpUserOutput {
    fn from(id: &str, answer: &Value) -> Value {
        let text = |pointer| text_at(answer, pointer);
        let real_name = text("/user/real_name").or_else(|| text("/user/profile/real_name"));
        let display_name = text("/user/profile/display_name").or(real_name).or_else(|| text("/user/name"));
        json!({
            "display_name": display_name.unwrap_or_default(),
            "email": text("/user/profile/email"),
            "real_name": real_name,
            "user_id": id,
        })
    }
}

/// The action.
pub struct LookUpUser {
    client: Arc<Client>,
    spec: ActionSpec,
}

impl LookUpUser {
    /// The action on this client.
    pub fn new(client: Arc<Client>) -> Self {
        let spec = ActionSpec {
            name: NAME,
            provider: PROVIDER,
            summary: "Looks up a Slack user's names and e-mail address.",
            input: schema::of::<LookUpUserInput>(),
            output: schema::of::<LookUpUserOutput>(),
            effect: Effect::Read,
            scopes: &["users:read", "users:read.email"],
            errors: codes::help(ERRORS, ErrorClass::Retry),
            example: EXAMPLE,
            page: PAGE,
        };
        Self { client, spec }
    }

    async fn get(&self, call: Call<'_>) -> Result<Value, CallError> {
        let LookUpUserInput { user_id } = LookUpUserInput::read(call.input)?;
        let slack = Slack::open(&self.client, call)?;
        let answer = slack.call(INFO, &[("user", &user_id)], ErrorClass::Retry).await?;
        let id = text_at(&answer, "/user/id").ok_or_else(|| slack.incomplete(INFO, "user.id", ErrorClass::Retry))?;
        Ok(LookUpUserOutput::from(id, &answer))
    }
}

impl Action for LookUpUser {
    fn spec(&self) -> &ActionSpec {
        &self.spec
    }

    fn hold_keys(&self, call: Call<'_>) -> Vec<HoldKey> {
        vec![method_budget(call.connection, INFO)]
    }

    fn call<'a>(&'a self, call: Call<'a>) -> BoxFuture<'a, Result<Value, CallError>> {
        Box::pin(self.get(call))
    }
}

const ERRORS: &[&str] = &[
    "user_not_found",
    "user_not_visible",
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
    use crate::testing::{call, client, form_field, on, requests};

    async fn looked_up(body: Value) -> Result<Value, CallError> {
        let server = MockServer::start().await;
        on(&server, "/users.info", ResponseTemplate::new(200).set_body_json(body)).await;
        let answer = call(&LookUpUser::new(client(&server)), json!({ "user_id": "<@W012A3CDE|egon>" })).await;
        assert_eq!(form_field(&requests(&server).await[0], "user").unwrap(), "W012A3CDE");
        answer
    }

    #[tokio::test]
    async fn a_person_is_answered_with_their_names_and_address() {
        let profile = json!({ "real_name": "Egon S.", "display_name": "egon", "email": "egon@example.com" });
        let user = json!({ "id": "W012A3CDE", "name": "e.s", "real_name": "Egon Spengler", "profile": profile });
        assert_eq!(
            looked_up(json!({ "ok": true, "user": user })).await.unwrap(),
            json!({ "display_name": "egon", "email": "egon@example.com", "real_name": "Egon Spengler",
                    "user_id": "W012A3CDE" })
        );
    }

    #[tokio::test]
    async fn what_slack_leaves_out_has_a_stand_in_or_is_none() {
        let user = |user: Value| async move { looked_up(json!({ "ok": true, "user": user })).await.unwrap() };
        let profile = json!({ "real_name": "Ravi L.", "display_name": "" });
        let gone = user(json!({ "id": "U1", "name": "ravi", "deleted": true, "profile": profile })).await;
        assert_eq!((&gone["display_name"], &gone["real_name"]), (&json!("Ravi L."), &json!("Ravi L.")));
        assert_eq!(gone["email"], Value::Null);
        let bare = user(json!({ "id": "U1", "name": "ravi" })).await;
        assert_eq!((&bare["display_name"], &bare["real_name"]), (&json!("ravi"), &Value::Null));
    }

    #[tokio::test]
    async fn an_unknown_user_is_a_permanent_failure() {
        let error = looked_up(json!({ "ok": false, "error": "user_not_found" })).await.unwrap_err();
        assert_eq!((error.class, error.code.as_str()), (ErrorClass::Fail, "user_not_found"));
    }
}
