//! `zendesk.create_record`: `PATCH /api/v2/custom_objects/{key}/records?external_id=…`, creates a record of a custom object.
//! <https://developer.zendesk.com/api-reference/custom-data/custom-objects/custom_object_records/>, checked 2026-11-23.
//!
//! Every record gets an external id, and what is created is "the record with this external id": a repeat writes the same
//! one again. The older kind has no such call, so there nothing tells whether a lost call happened.

use std::sync::Arc;

use deskwire_core::BoxFuture;
use deskwire_core::action::{Action, ActionSpec, Call, CallError, Effect, ErrorClass, ErrorHelp, HoldKey};
use schemars::JsonSchema;
use serde_json::Value;

use crate::client::Client;
use crate::zendesk::record::{self, Record, RecordInput, RecordOutput, Target};
use crate::zendesk::{PROVIDER, audits, write_errors};
use crate::{input, schema};

const NAME: &str = "zendesk.create_record";
const PAGE: &str = "https://developer.zendesk.com/api-reference/custom-data/custom-objects/custom_object_records/";

const EXAMPLE: &str = "\
- id: pump
  action: zendesk.create_record
  connection: zendesk
  with:
    type: pump
    name: \"Pump {{ event.data.serial }}\"
    external_id: \"{{ event.data.serial }}\"
    attributes: { color: red, owner: \"{{ steps.ticket.requester_id }}\" }
";

/// What the step gives.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
#[expect(dead_code, reason = "its schema is what counts")]
struct CreateRecordInput {
    /// The record.
    #[schemars(flatten)]
    record: RecordInput,
    /// An id of another system; a record that has it already is updated instead. Unless given it is `deskwire-` and 32 hex
    /// digits.
    external_id: Option<String>,
}

/// The action.
pub struct CreateRecord {
    client: Arc<Client>,
    spec: ActionSpec,
}

impl CreateRecord {
    /// The action on this client.
    pub fn new(client: Arc<Client>) -> Self {
        let spec = ActionSpec {
            name: NAME,
            provider: PROVIDER,
            summary: "Creates a record of a Zendesk custom object.",
            input: schema::of::<CreateRecordInput>(),
            output: schema::of::<RecordOutput>(),
            effect: Effect::Unprovable,
            scopes: &["write"],
            errors: write_errors(&ERRORS),
            example: EXAMPLE,
            page: PAGE,
        };
        Self { client, spec }
    }

    async fn create(&self, call: Call<'_>) -> Result<Value, CallError> {
        let record = Record::read(call.input)?;
        let external_id = input::text_if_any(call.input, "external_id")?;
        let target = if record::is_legacy(call.input)? {
            Target::New(external_id)
        } else {
            Target::ByExternalId(external_id.unwrap_or_else(|| format!("deskwire-{}", audits::mark(call.key))))
        };
        record.write(&self.client, call, target).await
    }
}

impl Action for CreateRecord {
    fn spec(&self) -> &ActionSpec {
        &self.spec
    }

    fn effect(&self, input: &Value) -> Effect {
        match record::is_legacy(input) {
            Ok(false) => Effect::Idempotent,
            _ => self.spec.effect,
        }
    }

    fn hold_keys(&self, call: Call<'_>) -> Vec<HoldKey> {
        record::hold_keys(call.input, call.connection)
    }

    fn call<'a>(&'a self, call: Call<'a>) -> BoxFuture<'a, Result<Value, CallError>> {
        Box::pin(self.create(call))
    }
}

const ERRORS: [ErrorHelp; 2] = [
    ErrorHelp {
        code: "RecordNotFound",
        class: ErrorClass::Fail,
        help: "There is no custom object with this key. Admin Center shows the keys under Objects and rules.",
    },
    ErrorHelp {
        code: "http_5xx",
        class: ErrorClass::Unknown,
        help: "Zendesk is away. It is tried again; only with `legacy` a person has to look whether it happened.",
    },
];

#[cfg(test)]
mod tests;
