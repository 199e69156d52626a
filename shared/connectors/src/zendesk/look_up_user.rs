//! `zendesk.look_up_user`: `GET /api/v2/users/{id}`, reads one user with all its fields.
//! <https://developer.zendesk.com/api-reference/ticketing/users/users/#show-user>, checked 2026-11-23.
//!
//! A deleted user can still be read; `active` is false then.

use std::sync::Arc;

use deskwire_core::BoxFuture;
use deskwire_core::action::{Action, ActionSpec, Call, CallError, Effect, HoldKey};
use schemars::JsonSchema;
use serde_json::{Map, Value};

use crate::client::Client;
use crate::input::{self, Id};
use crate::schema;
use crate::zendesk::{PROVIDER, Zendesk, budget, errors};

const NAME: &str = "zendesk.look_up_user";
const PAGE: &str = "https://developer.zendesk.com/api-reference/ticketing/users/users/#show-user";
const PATH: &str = "api/v2/users";

const EXAMPLE: &str = "\
- id: assignee
  action: zendesk.look_up_user
  connection: zendesk
  if: steps.ticket.assignee_id
  with: { user_id: \"{{ steps.ticket.assignee_id }}\" }
";

/// What the step gives.
#[derive(Debug, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct LookUpUserInput {
    /// The user's id.
    pub user_id: Id,
}

/// What the step answers: the user as Zendesk shows it to the connection's user.
#[derive(Debug, JsonSchema)]
#[schemars(extend("additionalProperties" = true))]
pub struct LookUpUserOutput {
    /// The id.
    pub id: u64,
    /// The address of the record in the API.
    pub url: String,
    /// The full name.
    #[schemars(extend("x-personal" = true))]
    pub name: String,
    /// The primary e-mail address; none for users without one.
    #[schemars(extend("x-personal" = true))]
    pub email: Option<String>,
    /// When the user was created, RFC 3339.
    pub created_at: String,
    /// When the user was last changed, RFC 3339.
    pub updated_at: String,
    /// The time zone by Zendesk's own name.
    pub time_zone: Option<String>,
    /// The time zone by its IANA name, such as `Europe/Vienna`.
    pub iana_time_zone: Option<String>,
    /// The primary phone number.
    #[schemars(extend("x-personal" = true))]
    pub phone: Option<String>,
    /// Is the phone number shared with others?
    pub shared_phone_number: Option<bool>,
    /// The picture, an attachment.
    #[schemars(extend("x-personal" = true))]
    pub photo: Option<Map<String, Value>>,
    /// The language, such as `en-US`.
    pub locale: Option<String>,
    /// The language's id.
    pub locale_id: Option<u64>,
    /// The id of the user's organization.
    pub organization_id: Option<u64>,
    /// `end-user`, `agent` or `admin`.
    pub role: String,
    /// The kind of agent, as a number.
    pub role_type: Option<i64>,
    /// The id of the agent's custom role.
    pub custom_role_id: Option<u64>,
    /// The id of the agent's default group.
    pub default_group_id: Option<u64>,
    /// An id of another system.
    pub external_id: Option<String>,
    /// The tags.
    pub tags: Option<Vec<String>>,
    /// The name that end users see.
    #[schemars(extend("x-personal" = true))]
    pub alias: Option<String>,
    /// False for a deleted user.
    pub active: Option<bool>,
    /// Has the user proved an identity?
    pub verified: Option<bool>,
    /// Is the user shared from another account?
    pub shared: Option<bool>,
    /// Is the agent shared from another account?
    pub shared_agent: Option<bool>,
    /// Do the user's new tickets go to the suspended ones?
    pub suspended: Option<bool>,
    /// May the user moderate forums?
    pub moderator: Option<bool>,
    /// Is the agent one for chats only?
    pub chat_only: Option<bool>,
    /// May the user write private comments only?
    pub only_private_comments: Option<bool>,
    /// May the agent see some tickets only?
    pub restricted_agent: Option<bool>,
    /// Which tickets the user may see: `organization`, `groups`, `assigned`, `requested`.
    pub ticket_restriction: Option<String>,
    /// Does the user sign in with a second factor?
    pub two_factor_auth_enabled: Option<bool>,
    /// The last sign-in, RFC 3339.
    pub last_login_at: Option<String>,
    /// The agent's signature.
    #[schemars(extend("x-personal" = true))]
    pub signature: Option<String>,
    /// Details about the user.
    #[schemars(extend("x-personal" = true))]
    pub details: Option<String>,
    /// Notes about the user.
    #[schemars(extend("x-personal" = true))]
    pub notes: Option<String>,
    /// May the user export reports?
    pub report_csv: Option<bool>,
    /// The account's own user fields, by key.
    pub user_fields: Option<Map<String, Value>>,
}

impl LookUpUserInput {
    fn read(given: &Value) -> Result<Self, CallError> {
        Ok(Self { user_id: input::id(given, "user_id")? })
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
            summary: "Reads a Zendesk user by id.",
            input: schema::of::<LookUpUserInput>(),
            output: schema::of::<LookUpUserOutput>(),
            effect: Effect::Read,
            scopes: &["users:read"],
            errors: errors(),
            example: EXAMPLE,
            page: PAGE,
        };
        Self { client, spec }
    }

    async fn read(&self, call: Call<'_>) -> Result<Value, CallError> {
        let LookUpUserInput { user_id } = LookUpUserInput::read(call.input)?;
        let zendesk = Zendesk::open(&self.client, call)?;
        let what = format!("user {user_id}");
        let answer = zendesk.get(&format!("{PATH}/{user_id}"), &[], &what).await?;
        zendesk.object(answer, "user", &what)
    }
}

impl Action for LookUpUser {
    fn spec(&self) -> &ActionSpec {
        &self.spec
    }

    fn hold_keys(&self, call: Call<'_>) -> Vec<HoldKey> {
        vec![budget(call.connection)]
    }

    fn call<'a>(&'a self, call: Call<'a>) -> BoxFuture<'a, Result<Value, CallError>> {
        Box::pin(self.read(call))
    }
}
