//! Profiles: what a person is called in other systems. Called by the two actions that write them.
//!
//! `PUT` or `PATCH /api/v2/user_profiles?identifier={source}:{type}:{identifier's type}:{its value}`, or the same below
//! `/api/v2/users/{id}/profiles`: <https://developer.zendesk.com/api-reference/ticketing/users/profiles_api/profiles_api/>
//! (checked 2026-11-23). Both may be repeated: a profile is found by its identifier, and the outcome is the same.

use deskwire_core::action::{Call, CallError, HoldKey};
use deskwire_core::ids::ConnectionName;
use http::{HeaderMap, Method};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde_json::{Map, Value, json};

use crate::client::Client;
use crate::input::{self, Id, bad};
use crate::zendesk::failure::Asked;
use crate::zendesk::{Write, Zendesk, budget};

/// Types and values.
pub(crate) struct Identifiers;

impl JsonSchema for Identifiers {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Identifiers".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": ["object", "array"] })
    }
}

/// The inputs of both actions, for their schema.
#[derive(JsonSchema)]
#[expect(dead_code, reason = "its schema is what counts")]
pub(crate) struct ProfileInput {
    /// The system that the profile is of, such as `webshop`; `zendesk` is reserved.
    source: String,
    /// The kind of profile within that system, such as `customer`.
    #[schemars(rename = "type")]
    kind: String,
    /// What identifies the person there: a map from types to values, or a list of `type` and `value`. Types are free words;
    /// Zendesk knows its users by some, such as `email`, `phone`, `facebook`, `twitter` and `external_id`. The profile is
    /// found by the first one.
    #[schemars(extend("x-personal" = true))]
    identifiers: Identifiers,
    /// The person's name.
    #[schemars(extend("x-personal" = true))]
    name: Option<String>,
    /// Anything else that is known of the person: a map.
    #[schemars(extend("x-personal" = true))]
    attributes: Option<Map<String, Value>>,
    /// The id of the Zendesk user it belongs to. Unless given, Zendesk finds the user by the identifiers, or makes one.
    user_id: Option<Id>,
}

/// A profile as Zendesk shows it.
#[derive(JsonSchema)]
#[schemars(extend("additionalProperties" = true))]
#[expect(dead_code, reason = "its schema is what counts")]
pub(crate) struct ProfileOutput {
    /// The profile's id.
    id: String,
    /// The id of the Zendesk user it belongs to, as text.
    user_id: Option<String>,
    /// The system that it is of.
    source: String,
    /// The kind of profile.
    #[schemars(rename = "type")]
    kind: String,
    /// The person's name.
    #[schemars(extend("x-personal" = true))]
    name: Option<String>,
    /// What identifies the person, each with `type` and `value`.
    #[schemars(extend("x-personal" = true))]
    identifiers: Vec<Map<String, Value>>,
    /// What else is known of the person.
    #[schemars(extend("x-personal" = true))]
    attributes: Option<Map<String, Value>>,
    /// When it was created, RFC 3339.
    created_at: Option<String>,
    /// When it was last changed, RFC 3339.
    updated_at: Option<String>,
}

/// A profile to write.
struct Profile {
    path: String,
    /// The four parts by which it is found. Holds an identifier, so it is shown in no message.
    address: String,
    /// For messages.
    what: String,
    body: Value,
}

impl Profile {
    fn read(given: &Value) -> Result<Self, CallError> {
        let (source, kind) = (part(given, "source")?, part(given, "type")?);
        if source.eq_ignore_ascii_case("zendesk") {
            return Err(bad(
                "`source` is `zendesk`, which Zendesk keeps for itself. Name the system the person is known in, \
                            such as `webshop`."
                    .to_owned(),
            ));
        }
        let identifiers = identifiers(given)?;
        let Some((first_type, first_value)) = identifiers.first() else {
            return Err(bad(
                "`identifiers` holds no value: nothing tells whose profile this is. If the values can be missing, \
                            skip the step with `if:`."
                    .to_owned(),
            ));
        };
        let address = format!("{source}:{kind}:{first_type}:{first_value}");
        let what = format!("the {source} profile of type {kind}");
        let path = match input::id_if_any(given, "user_id")? {
            Some(user) => format!("api/v2/users/{user}/profiles"),
            None => "api/v2/user_profiles".to_owned(),
        };
        let identifiers: Vec<Value> =
            identifiers.iter().map(|(kind, value)| json!({ "type": kind, "value": value })).collect();
        let mut profile = json!({ "source": source, "type": kind, "identifiers": identifiers });
        if let Some(name) = input::text_if_any(given, "name")? {
            profile["name"] = name.into();
        }
        if let Some(attributes) = input::map(given, "attributes")?.filter(|attributes| !attributes.is_empty()) {
            profile["attributes"] = attributes.clone().into();
        }
        Ok(Self { path, address, what, body: json!({ "profile": profile }) })
    }
}

/// Writes the profile that a step gives: `PUT` makes or replaces it, `PATCH` adds to it.
pub(crate) async fn write(client: &Client, call: Call<'_>, method: Method) -> Result<Value, CallError> {
    let Profile { path, address, what, body } = Profile::read(call.input)?;
    let zendesk = Zendesk::open(client, call)?;
    let asked = Asked { narrow: Some(profiles_budget(call.connection)), ..Asked::change(&what) };
    let query = [("identifier", address.as_str())];
    let write =
        Write { method, path: &path, query: &query, headers: HeaderMap::new(), body: &body, asked: asked.clone() };
    let answer = zendesk.write(write).await?.body;
    // The documentation shows the profile both under a key of its own and bare.
    if answer.get("profile").is_none() && answer.get("source").is_some() {
        return Ok(answer);
    }
    zendesk.object_or(answer, "profile", &what, asked.if_lost)
}

/// Profiles, and the older kind of custom objects, have a budget of their own
/// (<https://developer.zendesk.com/api-reference/introduction/rate-limits/>).
pub(crate) fn profiles_budget(connection: &ConnectionName) -> HoldKey {
    HoldKey(format!("{}|profiles", budget(connection).0))
}

pub(crate) fn hold_keys(connection: &ConnectionName) -> Vec<HoldKey> {
    vec![budget(connection), profiles_budget(connection)]
}

/// A part of a profile's address, whose parts are parted by colons.
fn part(given: &Value, name: &str) -> Result<String, CallError> {
    let text = input::text(given, name)?.trim().to_owned();
    if text.contains(':') {
        return Err(bad(format!(
            "`{name}` holds a colon, which Zendesk parts a profile's address by. Use another word."
        )));
    }
    Ok(text)
}

/// Types and values, in the order given; what is none or blank is left out.
fn identifiers(given: &Value) -> Result<Vec<(String, String)>, CallError> {
    let pairs: Vec<(Value, Value)> = if let Some(Value::Array(list)) = given.get("identifiers") {
        let member = |item: &Value, name: &str| item.get(name).cloned().unwrap_or_default();
        list.iter().map(|item| (member(item, "type"), member(item, "value"))).collect()
    } else {
        let map = input::map(given, "identifiers")?.into_iter().flatten();
        let values = |value: &Value| value.as_array().cloned().unwrap_or_else(|| vec![value.clone()]);
        map.flat_map(|(kind, value)| values(value).into_iter().map(move |value| (json!(kind), value))).collect()
    };
    let mut identifiers = Vec::new();
    for (kind, value) in pairs {
        let pair = json!({ "identifiers.type": kind, "identifiers.value": value });
        if let Some(value) = input::text_if_any(&pair, "identifiers.value")? {
            identifiers.push((part(&pair, "identifiers.type")?, value.trim().to_owned()));
        }
    }
    Ok(identifiers)
}
