//! Zendesk's REST API: one way to read, and what its answers mean. Called by the actions in this folder.
//!
//! `GET {base}/api/v2/…`, <https://developer.zendesk.com/api-reference/introduction/requests/> (checked 2026-11-23). Errors
//! come as JSON in several shapes, and from the servers in front as text or HTML, so the status decides and the body
//! only adds words.

mod comments;
mod failure;
pub mod look_up_organization;
pub mod look_up_ticket;
pub mod look_up_user;

use bytes::Bytes;
use deskwire_core::action::{Call, CallError, ErrorClass, ErrorHelp, HoldKey};
use deskwire_core::ids::ConnectionName;
use http::header::{ACCEPT, HeaderValue};
use http::{HeaderMap, Method};
use serde_json::Value;

use crate::client::{Client, Outgoing};
use crate::connection::Connection;

/// The provider's name in the facts table.
pub(crate) const PROVIDER: &str = "zendesk";

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

impl<'a> Zendesk<'a> {
    pub(crate) fn open(client: &'a Client, call: Call<'a>) -> Result<Self, CallError> {
        Ok(Self { client, connection: client.connection(call, PROVIDER)? })
    }

    /// Reads `path`, which begins with `api/v2/`. `what` names in messages what is asked for: `ticket 48213`.
    pub(crate) async fn get(&self, path: &str, query: &[(&str, &str)], what: &str) -> Result<Value, CallError> {
        let headers = HeaderMap::from_iter([(ACCEPT, HeaderValue::from_static("application/json"))]);
        let outgoing = Outgoing { method: Method::GET, path, query, headers, body: Bytes::new() };
        let response = self.client.send(self.connection, outgoing, ErrorClass::Retry).await?;
        if !response.status.is_success() {
            return Err(failure::classed(self.connection, &response, what));
        }
        serde_json::from_slice(&response.body).map_err(|_| self.not_zendesk(what))
    }

    /// The object of `answer` that stands under `key`.
    pub(crate) fn object(&self, mut answer: Value, key: &str, what: &str) -> Result<Value, CallError> {
        match answer.get_mut(key).map(Value::take) {
            Some(object @ Value::Object(_)) => Ok(object),
            _ => Err(self.not_zendesk(what)),
        }
    }

    fn not_zendesk(&self, what: &str) -> CallError {
        let message = format!(
            "What answered for {what} on connection {} does not speak Zendesk's API. Check the connection's base_url, \
             such as https://acme.zendesk.com.",
            self.connection.name
        );
        CallError::new(ErrorClass::Fail, "unexpected_answer", message)
    }
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

#[cfg(test)]
mod tests;
