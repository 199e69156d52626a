//! `zendesk.update_profile`: `PATCH /api/v2/user_profiles`, adds to a profile that exists: name and attributes are merged,
//! identifiers only added. <https://developer.zendesk.com/api-reference/ticketing/users/profiles_api/profiles_api/>, checked
//! 2026-11-23.

use std::sync::Arc;

use deskwire_core::BoxFuture;
use deskwire_core::action::{Action, ActionSpec, Call, CallError, Effect, ErrorClass, ErrorHelp, HoldKey};
use http::Method;
use schemars::JsonSchema;
use serde_json::Value;

use crate::client::Client;
use crate::schema;
use crate::zendesk::profile::{self, ProfileInput, ProfileOutput};
use crate::zendesk::{PROVIDER, write_errors};

const NAME: &str = "zendesk.update_profile";
const PAGE: &str = "https://developer.zendesk.com/api-reference/ticketing/users/profiles_api/profiles_api/";

const EXAMPLE: &str = "\
- id: profile
  action: zendesk.update_profile
  connection: zendesk
  with:
    source: webshop
    type: customer
    identifiers: { external_id: \"{{ steps.order.customer_id }}\" }
    attributes: { orders: \"{{ steps.order.count }}\" }
";

/// What the step gives.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
#[expect(dead_code, reason = "its schema is what counts")]
struct UpdateProfileInput {
    /// The profile.
    #[schemars(flatten)]
    profile: ProfileInput,
}

/// The action.
pub struct UpdateProfile {
    client: Arc<Client>,
    spec: ActionSpec,
}

impl UpdateProfile {
    /// The action on this client.
    pub fn new(client: Arc<Client>) -> Self {
        let spec = ActionSpec {
            name: NAME,
            provider: PROVIDER,
            summary: "Adds to a profile of a person in Zendesk that the identifier finds.",
            input: schema::of::<UpdateProfileInput>(),
            output: schema::of::<ProfileOutput>(),
            effect: Effect::Idempotent,
            scopes: &["write"],
            errors: write_errors(&ERRORS),
            example: EXAMPLE,
            page: PAGE,
        };
        Self { client, spec }
    }
}

impl Action for UpdateProfile {
    fn spec(&self) -> &ActionSpec {
        &self.spec
    }

    fn hold_keys(&self, call: Call<'_>) -> Vec<HoldKey> {
        profile::hold_keys(call.connection)
    }

    fn call<'a>(&'a self, call: Call<'a>) -> BoxFuture<'a, Result<Value, CallError>> {
        Box::pin(profile::write(&self.client, call, Method::PATCH))
    }
}

const ERRORS: [ErrorHelp; 2] = [
    ErrorHelp {
        code: "RecordNotFound",
        class: ErrorClass::Fail,
        help: "No profile has this source, type and first identifier. Create it with zendesk.create_profile.",
    },
    ErrorHelp {
        code: "http_5xx",
        class: ErrorClass::Retry,
        help: "Zendesk is away. It is tried again; the outcome of a repeat is the same.",
    },
];
