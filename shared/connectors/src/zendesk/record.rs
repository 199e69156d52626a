//! Records of custom objects. Called by the two actions that write them.
//!
//! `/api/v2/custom_objects/{key}/records`,
//! <https://developer.zendesk.com/api-reference/custom-data/custom-objects/custom_object_records/> (checked 2026-11-23). The
//! older kind, `/api/sunshine/objects/records`, is being removed by Zendesk and there for who still has it; how it wraps
//! its records is not confirmed.

use deskwire_core::action::{Call, CallError, ErrorClass, HoldKey};
use deskwire_core::ids::ConnectionName;
use http::header::{CONTENT_TYPE, HeaderValue};
use http::{HeaderMap, Method};
use schemars::JsonSchema;
use serde_json::{Map, Value, json};

use crate::client::Client;
use crate::input::{self, bad};
use crate::zendesk::failure::Asked;
use crate::zendesk::profile::profiles_budget;
use crate::zendesk::{Write, Zendesk, budget};

/// Where the older kind is.
const LEGACY: &str = "api/sunshine/objects/records";

/// The inputs of both actions, for their schema.
#[derive(JsonSchema)]
#[expect(dead_code, reason = "its schema is what counts")]
pub(crate) struct RecordInput {
    /// The key of the custom object, such as `pump`.
    #[schemars(rename = "type")]
    kind: String,
    /// The values of the object's fields by their keys. A field that refers to a record, user or ticket takes its id as
    /// text.
    attributes: Option<Map<String, Value>>,
    /// The record's name; not for objects that number their records themselves.
    #[schemars(extend("x-personal" = true))]
    name: Option<String>,
    /// Is it an object of the older kind (`/api/sunshine`)? False unless given. Zendesk is removing them.
    #[schemars(default)]
    legacy: bool,
}

/// A record as Zendesk shows it.
#[derive(JsonSchema)]
#[schemars(extend("additionalProperties" = true))]
#[expect(dead_code, reason = "its schema is what counts")]
pub(crate) struct RecordOutput {
    /// The record's id.
    id: String,
    /// The address of the record in the API.
    url: Option<String>,
    /// The name; the older kind has none.
    #[schemars(extend("x-personal" = true))]
    name: Option<String>,
    /// An id of another system.
    external_id: Option<String>,
    /// The key of the custom object; the older kind has it under `type`.
    custom_object_key: Option<String>,
    /// The values of the object's fields by their keys; the older kind has them under `attributes`.
    custom_object_fields: Option<Map<String, Value>>,
    /// The id of the user who created it, as text.
    created_by_user_id: Option<String>,
    /// The id of the user who changed it last, as text.
    updated_by_user_id: Option<String>,
    /// When it was created, RFC 3339.
    created_at: Option<String>,
    /// When it was last changed, RFC 3339.
    updated_at: Option<String>,
}

/// A record as a step gives it.
pub(crate) struct Record {
    kind: String,
    name: Option<String>,
    attributes: Map<String, Value>,
    legacy: bool,
}

/// Where a record is to be written.
pub(crate) enum Target {
    /// The one with this external id, or a new one.
    ByExternalId(String),
    /// A new one, whatever there is; only the older kind is made so.
    New(Option<String>),
    /// The one with this id, whose external id may change.
    Existing(String, Option<String>),
}

impl Record {
    pub(crate) fn read(given: &Value) -> Result<Self, CallError> {
        let legacy = is_legacy(given)?;
        let name = input::text_if_any(given, "name")?;
        if legacy && name.is_some() {
            return Err(bad(
                "Records of the older kind have no `name`. Give it under `attributes`, or leave out `legacy`."
                    .to_owned(),
            ));
        }
        let attributes = input::map(given, "attributes")?.cloned().unwrap_or_default();
        Ok(Self { kind: key(given, "type")?, name, attributes, legacy })
    }

    /// Is there nothing to write?
    pub(crate) fn is_empty(&self) -> bool {
        self.name.is_none() && self.attributes.is_empty()
    }

    /// Writes the record once and answers with it.
    pub(crate) async fn write(self, client: &Client, call: Call<'_>, target: Target) -> Result<Value, CallError> {
        let zendesk = Zendesk::open(client, call)?;
        let what = match &target {
            Target::Existing(id, _) => format!("record {id} of {}", self.kind),
            _ => format!("the new record of {}", self.kind),
        };
        let if_lost = if matches!(target, Target::New(_)) { ErrorClass::Unknown } else { ErrorClass::Retry };
        let narrow = self.legacy.then(|| profiles_budget(call.connection));
        let key = if self.legacy { "data" } else { "custom_object_record" };
        let (method, path, query, body) = self.request(target);
        let query: Vec<(&str, &str)> = query.iter().map(|id| ("external_id", id.as_str())).collect();
        let mut headers = HeaderMap::new();
        if key == "data" && method == Method::PATCH {
            // As the older API's examples had it; not confirmed.
            headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/merge-patch+json"));
        }
        let input_name = |field: &str, _: &Value| {
            let is_attribute = call.input.pointer(&format!("/attributes/{field}")).is_some();
            Some(if is_attribute { format!("attributes.{field}") } else { field.to_owned() })
        };
        let asked = Asked { if_lost, narrow, input_name: &input_name, ..Asked::change(&what) };
        let write = Write { method, path: &path, query: &query, headers, body: &json!({ key: body }), asked };
        zendesk.object_or(zendesk.write(write).await?.body, key, &what, if_lost)
    }

    /// Method, path, the external id to find it by, and what stands under the body's one key.
    fn request(self, target: Target) -> (Method, String, Option<String>, Value) {
        let mut body = Map::new();
        let fields = if self.legacy { "attributes" } else { "custom_object_fields" };
        if let Some(name) = self.name {
            body.insert("name".to_owned(), name.into());
        }
        body.insert(fields.to_owned(), self.attributes.into());
        let mut put = |name: &str, value: Option<String>| {
            if let Some(value) = value {
                body.insert(name.to_owned(), value.into());
            }
        };
        let records =
            if self.legacy { LEGACY.to_owned() } else { format!("api/v2/custom_objects/{}/records", self.kind) };
        let (method, path, found_by) = match target {
            Target::ByExternalId(id) => (Method::PATCH, records, Some(id)),
            Target::Existing(id, external_id) => {
                put("external_id", external_id);
                (Method::PATCH, format!("{records}/{id}"), None)
            }
            Target::New(external_id) => {
                put("type", Some(self.kind));
                put("external_id", external_id);
                (Method::POST, records, None)
            }
        };
        (method, path, found_by, body.into())
    }
}

pub(crate) fn is_legacy(given: &Value) -> Result<bool, CallError> {
    input::flag(given, "legacy")
}

pub(crate) fn hold_keys(given: &Value, connection: &ConnectionName) -> Vec<HoldKey> {
    let narrow = is_legacy(given).unwrap_or_default().then(|| profiles_budget(connection));
    [Some(budget(connection)), narrow].into_iter().flatten().collect()
}

/// A text that stands in a path: letters, digits, `_` and `-`.
pub(crate) fn key(given: &Value, name: &str) -> Result<String, CallError> {
    let text = input::text(given, name)?.trim().to_owned();
    if text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-') {
        return Ok(text);
    }
    Err(bad(format!("`{name}` may hold only letters, digits, `_` and `-`. Change what the step gives under `with:`.")))
}
