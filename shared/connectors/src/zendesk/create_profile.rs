//! `zendesk.create_profile`: `PUT /api/v2/user_profiles`, creates a profile, or replaces the one that its identifier finds.
//! <https://developer.zendesk.com/api-reference/ticketing/users/profiles_api/profiles_api/>, checked 2026-11-23.

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

const NAME: &str = "zendesk.create_profile";
const PAGE: &str = "https://developer.zendesk.com/api-reference/ticketing/users/profiles_api/profiles_api/";

const EXAMPLE: &str = "\
- id: profile
  action: zendesk.create_profile
  connection: zendesk
  with:
    source: webshop
    type: customer
    name: \"{{ steps.order.customer_name }}\"
    identifiers: { email: \"{{ steps.order.email }}\", external_id: \"{{ steps.order.customer_id }}\" }
    attributes: { plan: gold }
";

/// What the step gives.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
#[expect(dead_code, reason = "its schema is what counts")]
struct CreateProfileInput {
    /// The profile.
    #[schemars(flatten)]
    profile: ProfileInput,
}

/// The action.
pub struct CreateProfile {
    client: Arc<Client>,
    spec: ActionSpec,
}

impl CreateProfile {
    /// The action on this client.
    pub fn new(client: Arc<Client>) -> Self {
        let spec = ActionSpec {
            name: NAME,
            provider: PROVIDER,
            summary: "Creates a profile of a person in Zendesk, or replaces the one that the identifier finds.",
            input: schema::of::<CreateProfileInput>(),
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

impl Action for CreateProfile {
    fn spec(&self) -> &ActionSpec {
        &self.spec
    }

    fn hold_keys(&self, call: Call<'_>) -> Vec<HoldKey> {
        profile::hold_keys(call.connection)
    }

    fn call<'a>(&'a self, call: Call<'a>) -> BoxFuture<'a, Result<Value, CallError>> {
        Box::pin(profile::write(&self.client, call, Method::PUT))
    }
}

const ERRORS: [ErrorHelp; 2] = [
    ErrorHelp {
        code: "InvalidEndpoint",
        class: ErrorClass::Fail,
        help: "The account has no profiles. They come with Suite plans, and an admin switches them on.",
    },
    ErrorHelp {
        code: "http_5xx",
        class: ErrorClass::Retry,
        help: "Zendesk is away. It is tried again; the outcome of a repeat is the same.",
    },
];

#[cfg(test)]
mod tests;
