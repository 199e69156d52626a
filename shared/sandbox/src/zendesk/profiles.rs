//! Profiles: `/api/v2/user_profiles?identifier=…` and `/api/v2/users/{id}/profiles?identifier=…`.
//! <https://developer.zendesk.com/api-reference/ticketing/users/profiles_api/profiles_api/>, checked 2026-11-23.

use deskwire_core::time::Timestamp;
use http::StatusCode;
use serde_json::{Map, Value, json};

use crate::Sandbox;
use crate::calendar::whole_seconds;
use crate::zendesk::account::Account;
use crate::zendesk::api::Reply;
use crate::zendesk::events::ulid;
use crate::zendesk::given;
use crate::zendesk::paging::{Query, parameter};

#[derive(Debug, Clone)]
pub(crate) struct Profile {
    pub id: String,
    pub user_id: u64,
    pub source: String,
    pub kind: String,
    pub name: Option<String>,
    /// Types and values.
    pub identifiers: Vec<(String, String)>,
    pub attributes: Map<String, Value>,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
}

impl Profile {
    fn is_at(&self, address: &Address) -> bool {
        self.source == address.source && self.kind == address.kind && self.identifiers.contains(&address.identifier)
    }

    pub(crate) fn show(&self) -> Value {
        let identifiers: Vec<Value> =
            self.identifiers.iter().map(|(kind, value)| json!({ "type": kind, "value": value })).collect();
        json!({ "profile": {
            "id": self.id,
            "user_id": self.user_id.to_string(),
            "source": self.source,
            "type": self.kind,
            "name": self.name,
            "identifiers": identifiers,
            "attributes": self.attributes,
            "created_at": whole_seconds(self.created_at),
            "updated_at": whole_seconds(self.updated_at),
        } })
    }
}

/// The four parts of `identifier`, all of them mandatory.
struct Address {
    source: String,
    kind: String,
    identifier: (String, String),
}

impl Address {
    fn read(query: &Query) -> Option<Self> {
        let parts: Vec<&str> = parameter(query, "identifier")?.splitn(4, ':').collect();
        let [source, kind, identifier, value] = parts.as_slice() else { return None };
        let is_whole = parts.iter().all(|part| !part.is_empty());
        let identifier = ((*identifier).to_owned(), (*value).to_owned());
        is_whole.then(|| Self { source: (*source).to_owned(), kind: (*kind).to_owned(), identifier })
    }
}

/// `GET`
pub(crate) fn show(account: &Account, query: &Query) -> Result<Reply, Reply> {
    let address = Address::read(query).ok_or_else(bad_identifier)?;
    let found = account.profiles.iter().find(|profile| profile.is_at(&address));
    found.map(|profile| Reply::ok(profile.show())).ok_or_else(Reply::not_found)
}

/// `PUT` makes or replaces a profile, `PATCH` merges into one that is there.
pub(crate) fn write(
    sandbox: &Sandbox,
    user: Option<u64>,
    merge: bool,
    query: &Query,
    body: &[u8],
) -> Result<Reply, Reply> {
    let address = Address::read(query).ok_or_else(bad_identifier)?;
    let given = given::object(body, "profile")?;
    if address.source == "zendesk" {
        return Err(Reply::error(StatusCode::BAD_REQUEST, "InvalidSource", "Source zendesk is reserved"));
    }
    let now = sandbox.now();
    let mut account = sandbox.account();
    if user.is_some_and(|user| account.user(user).is_none()) {
        return Err(Reply::not_found());
    }
    let place = account.profiles.iter().position(|profile| profile.is_at(&address));
    let name = given.get("name").and_then(Value::as_str).map(str::to_owned);
    let attributes = given.get("attributes").and_then(Value::as_object).cloned().unwrap_or_default();
    let mut identifiers = identifiers(&given);
    if !identifiers.contains(&address.identifier) {
        identifiers.push(address.identifier.clone());
    }
    let Some(place) = place else {
        if merge {
            return Err(Reply::not_found());
        }
        let user_id = user.unwrap_or_else(|| person(&mut account, &identifiers, name.as_deref(), now));
        let Address { source, kind, .. } = address;
        let id = ulid(now, sandbox.random());
        let profile =
            Profile { id, user_id, source, kind, name, identifiers, attributes, created_at: now, updated_at: now };
        let shown = profile.show();
        account.profiles.push(profile);
        return Ok(Reply::of(StatusCode::CREATED, shown));
    };
    let profile = &mut account.profiles[place];
    if merge {
        identifiers.retain(|identifier| !profile.identifiers.contains(identifier));
        profile.identifiers.extend(identifiers);
        profile.attributes.extend(attributes);
        profile.name = name.or(profile.name.take());
    } else {
        (profile.identifiers, profile.attributes, profile.name) = (identifiers, attributes, name);
    }
    profile.updated_at = now;
    Ok(Reply::ok(profile.show()))
}

/// The user that the identifiers belong to; a new one if there is none.
fn person(account: &mut Account, identifiers: &[(String, String)], name: Option<&str>, now: Timestamp) -> u64 {
    let email = identifiers.iter().find(|(kind, _)| kind == "email").map_or("", |(_, value)| value);
    let known = account.user_by_email(email).filter(|_| !email.is_empty()).map(|user| user.id);
    known.unwrap_or_else(|| account.add_customer(name.unwrap_or("Unknown"), email, now))
}

fn identifiers(given: &Value) -> Vec<(String, String)> {
    let text = |item: &Value, name: &str| item.get(name).and_then(Value::as_str).map(str::to_owned);
    let listed = given.get("identifiers").and_then(Value::as_array).into_iter().flatten();
    listed.filter_map(|item| Some((text(item, "type")?, text(item, "value")?))).collect()
}

fn bad_identifier() -> Reply {
    Reply::error(StatusCode::BAD_REQUEST, "InvalidIdentifier", "identifier must have four parts")
}
