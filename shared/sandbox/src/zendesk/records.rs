//! Records of custom objects: `/api/v2/custom_objects/{key}/records`.
//! <https://developer.zendesk.com/api-reference/custom-data/custom-objects/custom_object_records/>, checked 2026-11-23.

use deskwire_core::time::Timestamp;
use http::StatusCode;
use serde_json::{Map, Value, json};

use crate::Sandbox;
use crate::calendar::whole_seconds;
use crate::world::INTEGRATION;
use crate::zendesk::account::Account;
use crate::zendesk::api::Reply;
use crate::zendesk::events::ulid;
use crate::zendesk::given::{self, Invalid};
use crate::zendesk::paging::{Query, parameter};
use crate::zendesk::show::url;

#[derive(Debug, Clone)]
pub(crate) struct Record {
    pub id: String,
    /// The key of its custom object.
    pub object: &'static str,
    pub name: String,
    pub external_id: Option<String>,
    pub fields: Map<String, Value>,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
}

impl Record {
    pub(crate) fn show(&self) -> Value {
        json!({
            "id": self.id,
            "url": url(&format!("custom_objects/{}/records/{}", self.object, self.id)),
            "name": self.name,
            "external_id": self.external_id,
            "custom_object_key": self.object,
            "custom_object_fields": self.fields,
            "created_by_user_id": INTEGRATION.to_string(),
            "updated_by_user_id": INTEGRATION.to_string(),
            "created_at": whole_seconds(self.created_at),
            "updated_at": whole_seconds(self.updated_at),
        })
    }

    fn change(&mut self, given: &Value, now: Timestamp) {
        let text = |name: &str| given.get(name).and_then(Value::as_str).map(str::to_owned);
        self.name = text("name").unwrap_or_else(|| std::mem::take(&mut self.name));
        self.external_id = text("external_id").or_else(|| self.external_id.take());
        if let Some(fields) = given.get("custom_object_fields").and_then(Value::as_object) {
            self.fields.extend(fields.clone());
        }
        self.updated_at = now;
    }
}

/// The most that the fields of a record hold, as JSON
/// (<https://developer.zendesk.com/api-reference/introduction/rate-limits/>).
const MOST_FIELDS: usize = 32 * 1024;

fn check_size(given: &Value) -> Result<(), Reply> {
    let size = given.get("custom_object_fields").map_or(0, |fields| fields.to_string().len());
    if size <= MOST_FIELDS {
        return Ok(());
    }
    Err(Invalid::new("custom_object_fields", "Custom object fields: is too large").into())
}

/// `GET /records/{id}`
pub(crate) fn show(account: &Account, id: &str) -> Result<Reply, Reply> {
    let record = account.records.iter().find(|record| record.id == id);
    record.map(|record| reply(StatusCode::OK, record)).ok_or_else(Reply::not_found)
}

/// The records that `GET /records` lists.
pub(crate) fn listed(account: &Account, object: &str, query: &Query) -> Vec<Value> {
    let filter = |name: &str| parameter(query, name).map(|ids| ids.split(',').map(str::to_owned).collect::<Vec<_>>());
    let (ids, external_ids) = (filter("filter[ids]"), filter("filter[external_ids]"));
    let is_wanted = |record: &&Record| {
        let external_id = record.external_id.clone().unwrap_or_default();
        record.object == object
            && ids.as_ref().is_none_or(|ids| ids.contains(&record.id))
            && external_ids.as_ref().is_none_or(|ids| ids.contains(&external_id))
    };
    account.records.iter().filter(is_wanted).map(Record::show).collect()
}

/// `POST /records`; `PATCH /records?external_id=` or `?name=`, which makes a record that is not there.
pub(crate) fn create(
    sandbox: &Sandbox,
    object: &'static str,
    query: &Query,
    upsert: bool,
    body: &[u8],
) -> Result<Reply, Reply> {
    let given = given::object(body, "custom_object_record")?;
    check_size(&given)?;
    let now = sandbox.now();
    let mut account = sandbox.account();
    let (by_id, by_name) = (parameter(query, "external_id"), parameter(query, "name"));
    if upsert && by_id.is_some() == by_name.is_some() {
        return Err(Reply::error(StatusCode::BAD_REQUEST, "ParameterMissing", "Give either external_id or name"));
    }
    let found = account.records.iter_mut().filter(|record| record.object == object).find(|record| {
        by_id.is_some_and(|id| record.external_id.as_deref() == Some(id)) || by_name == Some(record.name.as_str())
    });
    if let Some(record) = found.filter(|_| upsert) {
        record.change(&given, now);
        return Ok(reply(StatusCode::OK, record));
    }
    let external_id = given.get("external_id").and_then(Value::as_str).or(by_id);
    let has_it = |record: &Record| record.object == object && record.external_id.as_deref() == external_id;
    if external_id.is_some() && account.records.iter().any(has_it) {
        return Err(Invalid::new("external_id", "External id: has already been taken").into());
    }
    let mut record = Record {
        id: ulid(now, sandbox.random()),
        object,
        name: by_name.unwrap_or_default().to_owned(),
        external_id: external_id.map(str::to_owned),
        fields: Map::new(),
        created_at: now,
        updated_at: now,
    };
    record.change(&given, now);
    if record.name.is_empty() {
        return Err(Invalid::new("name", "Name: cannot be blank").into());
    }
    let answer = reply(StatusCode::CREATED, &record);
    account.records.push(record);
    Ok(answer)
}

/// `PATCH /records/{id}`
pub(crate) fn update(sandbox: &Sandbox, id: &str, body: &[u8]) -> Result<Reply, Reply> {
    let given = given::object(body, "custom_object_record")?;
    check_size(&given)?;
    let now = sandbox.now();
    let mut account = sandbox.account();
    let record = account.records.iter_mut().find(|record| record.id == id).ok_or_else(Reply::not_found)?;
    record.change(&given, now);
    Ok(reply(StatusCode::OK, record))
}

fn reply(status: StatusCode, record: &Record) -> Reply {
    Reply::of(status, json!({ "custom_object_record": record.show() }))
}
