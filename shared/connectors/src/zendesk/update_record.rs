//! `zendesk.update_record`: `PATCH /api/v2/custom_objects/{key}/records/{id}`, changes a record of a custom object; fields that
//! are not given stay. <https://developer.zendesk.com/api-reference/custom-data/custom-objects/custom_object_records/>, checked
//! 2026-11-23.

use std::sync::Arc;

use deskwire_core::BoxFuture;
use deskwire_core::action::{Action, ActionSpec, Call, CallError, Effect, ErrorClass, ErrorHelp, HoldKey};
use schemars::JsonSchema;
use serde_json::Value;

use crate::client::Client;
use crate::input::{self, bad};
use crate::schema;
use crate::zendesk::record::{self, Record, RecordInput, RecordOutput, Target};
use crate::zendesk::{PROVIDER, write_errors};

const NAME: &str = "zendesk.update_record";
const PAGE: &str = "https://developer.zendesk.com/api-reference/custom-data/custom-objects/custom_object_records/";

const EXAMPLE: &str = "\
- id: repaint
  action: zendesk.update_record
  connection: zendesk
  with:
    type: pump
    record_id: \"{{ steps.pump.id }}\"
    attributes: { color: blue }
";

/// What the step gives.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
#[expect(dead_code, reason = "its schema is what counts")]
struct UpdateRecordInput {
    /// The record's id.
    record_id: String,
    /// What is changed.
    #[schemars(flatten)]
    record: RecordInput,
    /// An id of another system; the older kind keeps the one it was created with.
    external_id: Option<String>,
}

/// The action.
pub struct UpdateRecord {
    client: Arc<Client>,
    spec: ActionSpec,
}

impl UpdateRecord {
    /// The action on this client.
    pub fn new(client: Arc<Client>) -> Self {
        let spec = ActionSpec {
            name: NAME,
            provider: PROVIDER,
            summary: "Changes a record of a Zendesk custom object.",
            input: schema::of::<UpdateRecordInput>(),
            output: schema::of::<RecordOutput>(),
            effect: Effect::Idempotent,
            scopes: &["write"],
            errors: write_errors(&ERRORS),
            example: EXAMPLE,
            page: PAGE,
        };
        Self { client, spec }
    }

    async fn update(&self, call: Call<'_>) -> Result<Value, CallError> {
        let (record, id) = (Record::read(call.input)?, record::key(call.input, "record_id")?);
        let external_id = input::text_if_any(call.input, "external_id")?;
        if record.is_empty() && external_id.is_none() {
            return Err(bad(
                "There is nothing to change: give `attributes`, `name` or `external_id`. If there may be nothing, \
                            skip the step with `if:`."
                    .to_owned(),
            ));
        }
        record.write(&self.client, call, Target::Existing(id, external_id)).await
    }
}

impl Action for UpdateRecord {
    fn spec(&self) -> &ActionSpec {
        &self.spec
    }

    fn hold_keys(&self, call: Call<'_>) -> Vec<HoldKey> {
        record::hold_keys(call.input, call.connection)
    }

    fn call<'a>(&'a self, call: Call<'a>) -> BoxFuture<'a, Result<Value, CallError>> {
        Box::pin(self.update(call))
    }
}

const ERRORS: [ErrorHelp; 2] = [
    ErrorHelp {
        code: "RecordNotFound",
        class: ErrorClass::Fail,
        help: "There is no such record, or no such object. Check the id and the key.",
    },
    ErrorHelp {
        code: "http_5xx",
        class: ErrorClass::Retry,
        help: "Zendesk is away. It is tried again; the outcome of a repeat is the same.",
    },
];
