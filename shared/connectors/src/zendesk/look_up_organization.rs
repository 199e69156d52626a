//! `zendesk.look_up_organization`: `GET /api/v2/organizations/{id}`, reads one organization with all its fields.
//! <https://developer.zendesk.com/api-reference/ticketing/organizations/organizations/#show-organization>, checked
//! 2026-11-23.

use std::sync::Arc;

use deskwire_core::BoxFuture;
use deskwire_core::action::{Action, ActionSpec, Call, CallError, Effect, HoldKey};
use schemars::JsonSchema;
use serde_json::{Map, Value};

use crate::client::Client;
use crate::input::{self, Id};
use crate::schema;
use crate::zendesk::{PROVIDER, Zendesk, budget, errors};

const NAME: &str = "zendesk.look_up_organization";
const PAGE: &str =
    "https://developer.zendesk.com/api-reference/ticketing/organizations/organizations/#show-organization";
const PATH: &str = "api/v2/organizations";

const EXAMPLE: &str = "\
- id: organization
  action: zendesk.look_up_organization
  connection: zendesk
  if: steps.ticket.organization_id
  with: { organization_id: \"{{ steps.ticket.organization_id }}\" }
";

/// What the step gives.
#[derive(Debug, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct LookUpOrganizationInput {
    /// The organization's id.
    pub organization_id: Id,
}

/// What the step answers: the organization as Zendesk shows it.
#[derive(Debug, JsonSchema)]
#[schemars(extend("additionalProperties" = true))]
pub struct LookUpOrganizationOutput {
    /// The id.
    pub id: u64,
    /// The address of the record in the API.
    pub url: String,
    /// The name, unique in the account.
    pub name: String,
    /// Do the members see each other's tickets?
    pub shared_tickets: Option<bool>,
    /// Do the members comment on each other's tickets?
    pub shared_comments: Option<bool>,
    /// An id of another system.
    pub external_id: Option<String>,
    /// When it was created, RFC 3339.
    pub created_at: String,
    /// When it was last changed, RFC 3339.
    pub updated_at: String,
    /// The e-mail domains of its members.
    pub domain_names: Option<Vec<String>>,
    /// Details, such as the address.
    #[schemars(extend("x-personal" = true))]
    pub details: Option<String>,
    /// Notes.
    #[schemars(extend("x-personal" = true))]
    pub notes: Option<String>,
    /// The id of the group that its new tickets go to.
    pub group_id: Option<u64>,
    /// The tags.
    pub tags: Option<Vec<String>>,
    /// The account's own organization fields, by key.
    pub organization_fields: Option<Map<String, Value>>,
}

impl LookUpOrganizationInput {
    fn read(given: &Value) -> Result<Self, CallError> {
        Ok(Self { organization_id: input::id(given, "organization_id")? })
    }
}

/// The action.
pub struct LookUpOrganization {
    client: Arc<Client>,
    spec: ActionSpec,
}

impl LookUpOrganization {
    /// The action on this client.
    pub fn new(client: Arc<Client>) -> Self {
        let spec = ActionSpec {
            name: NAME,
            provider: PROVIDER,
            summary: "Reads a Zendesk organization by id.",
            input: schema::of::<LookUpOrganizationInput>(),
            output: schema::of::<LookUpOrganizationOutput>(),
            effect: Effect::Read,
            scopes: &["organizations:read"],
            errors: errors(),
            example: EXAMPLE,
            page: PAGE,
        };
        Self { client, spec }
    }

    async fn read(&self, call: Call<'_>) -> Result<Value, CallError> {
        let LookUpOrganizationInput { organization_id } = LookUpOrganizationInput::read(call.input)?;
        let zendesk = Zendesk::open(&self.client, call)?;
        let what = format!("organization {organization_id}");
        let answer = zendesk.get(&format!("{PATH}/{organization_id}"), &[], &what).await?;
        zendesk.object(answer, "organization", &what)
    }
}

impl Action for LookUpOrganization {
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
