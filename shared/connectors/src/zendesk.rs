//! Zendesk's REST API: one way to read, one to write, and what its answers mean. Called by the actions in this folder.
//!
//! `GET {base}/api/v2/…`, <https://developer.zendesk.com/api-reference/introduction/requests/> (checked 2026-11-23). Errors
//! come as JSON in several shapes, and from the servers in front as text or HTML, so the status decides and the body
//! only adds words.

mod audits;
mod comments;
pub mod create_profile;
pub mod create_record;
pub mod create_ticket;
mod failure;
pub mod look_up_organization;
pub mod look_up_ticket;
pub mod look_up_user;
mod profile;
mod record;
#[cfg(test)]
mod stand_in;
mod tags;
mod ticket;
mod ticket_input;
mod titles;
pub mod update_profile;
pub mod update_record;
pub mod update_ticket;
pub mod webhook;
mod written;

use bytes::Bytes;
use deskwire_core::action::{Call, CallError, ErrorClass, ErrorHelp, HoldKey};
use deskwire_core::ids::ConnectionName;
use deskwire_core::limit::OVER_LIMIT;
use deskwire_egress::Response;
use http::header::{ACCEPT, CONTENT_TYPE, HeaderValue};
use http::{HeaderMap, Method};
use serde_json::Value;

use crate::client::{Client, NoJson, Outgoing, broken_answer, json_of, unreadable};
use crate::connection::Connection;
use crate::zendesk::failure::Asked;

/// The provider's name in the facts table.
pub(crate) const PROVIDER: &str = "zendesk";

/// Where tickets are.
pub(crate) const TICKETS: &str = "api/v2/tickets";

const JSON: HeaderValue = HeaderValue::from_static("application/json");

/// The budget of the whole account: a 429 counts for every call
/// (<https://developer.zendesk.com/api-reference/introduction/rate-limits/>).
pub(crate) fn budget(connection: &ConnectionName) -> HoldKey {
    HoldKey(format!("{connection}|{PROVIDER}"))
}

/// A connection to one account, for the time of one call of an action.
#[derive(Clone, Copy)]
pub(crate) struct Zendesk<'a> {
    client: &'a Client,
    connection: &'a Connection,
}

/// A request that changes something.
pub(crate) struct Write<'a> {
    pub(crate) method: Method,
    /// Begins with `api/`.
    pub(crate) path: &'a str,
    pub(crate) query: &'a [(&'a str, &'a str)],
    /// Beside the usual ones.
    pub(crate) headers: HeaderMap,
    pub(crate) body: &'a Value,
    /// For what its failures mean.
    pub(crate) asked: Asked<'a>,
}

/// The answer to a write that was carried out.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) headers: HeaderMap,
    /// Null where there is none.
    pub(crate) body: Value,
}

impl<'a> Zendesk<'a> {
    pub(crate) fn open(client: &'a Client, call: Call<'a>) -> Result<Self, CallError> {
        Ok(Self { client, connection: client.connection(call.connection, PROVIDER)? })
    }

    /// The same outside of an action.
    pub(crate) fn on(client: &'a Client, name: &'a ConnectionName) -> Result<Self, CallError> {
        Ok(Self { client, connection: client.connection(name, PROVIDER)? })
    }

    /// Reads `path`, which begins with `api/v2/`. `what` names in messages what is asked for: `ticket 48213`.
    pub(crate) async fn get(&self, path: &str, query: &[(&str, &str)], what: &str) -> Result<Value, CallError> {
        let headers = HeaderMap::from_iter([(ACCEPT, JSON)]);
        let outgoing = Outgoing { method: Method::GET, path, query, headers, body: Bytes::new() };
        let response = self.client.send(self.connection, outgoing, ErrorClass::Retry).await?;
        if !response.status.is_success() {
            return Err(failure::classed(self.connection, &response, &Asked::read(what)));
        }
        self.read(&response, what, ErrorClass::Retry)
    }

    /// Sends a write once.
    pub(crate) async fn write(&self, write: Write<'_>) -> Result<Answer, CallError> {
        let Write { method, path, query, mut headers, body, asked } = write;
        headers.insert(ACCEPT, JSON);
        headers.entry(CONTENT_TYPE).or_insert(JSON);
        let outgoing = Outgoing { method, path, query, headers, body: Bytes::from(body.to_string()) };
        let response = self.client.send(self.connection, outgoing, asked.if_lost).await?;
        if !response.status.is_success() {
            return Err(failure::classed(self.connection, &response, &asked));
        }
        let body = match response.body.trim_ascii() {
            [] => Value::Null,
            _ => self.read(&response, asked.what, asked.if_lost)?,
        };
        Ok(Answer { headers: response.headers, body })
    }

    /// The object of `answer` that stands under `key`, in the answer to a read.
    pub(crate) fn object(&self, answer: Value, key: &str, what: &str) -> Result<Value, CallError> {
        self.object_or(answer, key, what, ErrorClass::Retry)
    }

    /// The object of `answer` that stands under `key`; `if_lost` as for the request that brought the answer.
    pub(crate) fn object_or(
        &self,
        mut answer: Value,
        key: &str,
        what: &str,
        if_lost: ErrorClass,
    ) -> Result<Value, CallError> {
        match answer.get_mut(key).map(Value::take) {
            Some(object @ Value::Object(_)) => Ok(object),
            _ => Err(self.not_zendesk(what, if_lost)),
        }
    }

    fn read(&self, response: &Response, what: &str, if_lost: ErrorClass) -> Result<Value, CallError> {
        json_of(response).map_err(|why| match why {
            NoJson::Broken(why) => broken_answer(self.connection, what, &why, if_lost),
            NoJson::Other => self.not_zendesk(what, if_lost),
        })
    }

    fn not_zendesk(&self, what: &str, if_lost: ErrorClass) -> CallError {
        let message = format!(
            "What answered for {what} on connection {} does not speak Zendesk's API. Check the connection's base_url, \
             such as https://acme.zendesk.com.",
            self.connection.name
        );
        CallError::new(unreadable(if_lost), "unexpected_answer", message)
    }
}

/// Where the next page begins. `has_more` decides; the cursor may be there all the same.
fn next_cursor(page: &Value) -> Option<String> {
    let more = page.pointer("/meta/has_more").and_then(Value::as_bool).unwrap_or(false);
    page.pointer("/meta/after_cursor").and_then(Value::as_str).filter(|_| more).map(str::to_owned)
}

/// The list under `key`; empty where there is none.
fn list<'a>(page: &'a Value, key: &str) -> &'a [Value] {
    page.get(key).and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default()
}

/// What can go wrong with every look-up.
fn errors() -> Vec<ErrorHelp> {
    use ErrorClass::{Fail, NeedsReauthorization, Retry};
    [
        ("RecordNotFound", Fail, "It does not exist or was deleted. Check the id, or skip the step with `if:`."),
        ("http_403", Fail, "The connection's user may not see it. Give the user the right, or use another connection."),
        ("http_401", NeedsReauthorization, "The credential is no longer valid. Store a new one."),
        ("http_429", Retry, "The account's requests are used up; it is tried again when Zendesk says so."),
        ("http_5xx", Retry, "Zendesk is away or in maintenance; it is tried again."),
        ("bad_input", Fail, "The id is missing or no id. Skip the step with `if:` where it can be missing."),
    ]
    .map(|(code, class, help)| ErrorHelp { code, class, help })
    .to_vec()
}

/// What can go wrong with every write, and with the action's own `more`.
fn write_errors(more: &[ErrorHelp]) -> Vec<ErrorHelp> {
    use ErrorClass::{Fail, NeedsReauthorization, Retry};
    let common = [
        (failure::REFUSED, Fail, "Zendesk refuses a value; the message names the input and Zendesk's reason."),
        (
            "http_403",
            Fail,
            "The connection's user may not change it. Give the user the right, or use another connection.",
        ),
        ("http_401", NeedsReauthorization, "The credential is no longer valid. Store a new one."),
        (failure::COLLISION, Retry, "Somebody else was saving at the same moment; it is tried again."),
        ("http_429", Retry, "The account's requests are used up; it is tried again when Zendesk says so."),
        ("bad_input", Fail, "An input is missing or of the wrong kind; nothing was sent."),
        (
            OVER_LIMIT,
            Fail,
            "A value is beyond what Zendesk takes; nothing was sent, and the message says how to mend it.",
        ),
    ];
    let common = common.map(|(code, class, help)| ErrorHelp { code, class, help });
    more.iter().cloned().chain(common).collect()
}

#[cfg(test)]
mod tests;
