//! Qualtrics' API v3: one way to ask, and what its answers mean.
//!
//! `{base}/API/v3/…`, <https://api.qualtrics.com/> (checked 2026-11-23). Every answer is an envelope: `result` and `meta`, with
//! `meta.error` where something is wrong; `meta.httpStatus` may differ from the status, which decides.

mod failure;
pub mod subscription;

use bytes::Bytes;
use deskwire_core::action::{CallError, ErrorClass};
use deskwire_core::ids::ConnectionName;
use http::header::{ACCEPT, CONTENT_TYPE, HeaderValue};
use http::{HeaderMap, Method};
use serde_json::Value;

use crate::client::{Client, Outgoing, unreadable};
use crate::connection::Connection;

/// The provider's name in the facts table.
pub(crate) const PROVIDER: &str = "qualtrics";

const JSON: HeaderValue = HeaderValue::from_static("application/json");

/// A connection to one brand, for the time of one call.
#[derive(Clone, Copy)]
pub(crate) struct Qualtrics<'a> {
    client: &'a Client,
    connection: &'a Connection,
}

/// A request, and what its failures mean.
pub(crate) struct Asked<'a> {
    pub(crate) method: Method,
    /// Begins with `API/v3/`.
    pub(crate) path: &'a str,
    pub(crate) query: &'a [(&'a str, &'a str)],
    pub(crate) body: Option<&'a Value>,
    /// Names in messages what is asked for: `survey SV_1`.
    pub(crate) what: &'a str,
    /// What a lost answer, or a server's error, means.
    pub(crate) if_lost: ErrorClass,
}

impl<'a> Qualtrics<'a> {
    pub(crate) fn on(client: &'a Client, name: &'a ConnectionName) -> Result<Self, CallError> {
        Ok(Self { client, connection: client.connection(name, PROVIDER)? })
    }

    /// Asks once. Answers with the whole envelope.
    pub(crate) async fn ask(&self, asked: Asked<'_>) -> Result<Value, CallError> {
        let mut headers = HeaderMap::from_iter([(ACCEPT, JSON)]);
        let body = asked.body.map_or_else(Bytes::new, |body| Bytes::from(body.to_string()));
        if asked.body.is_some() {
            headers.insert(CONTENT_TYPE, JSON);
        }
        let outgoing = Outgoing { method: asked.method, path: asked.path, query: asked.query, headers, body };
        let response = self.client.send(self.connection, outgoing, asked.if_lost).await?;
        if !response.status.is_success() {
            return Err(failure::classed(self.connection, &response, asked.what, asked.if_lost));
        }
        serde_json::from_slice(&response.body).map_err(|_| self.not_qualtrics(asked.what, asked.if_lost))
    }

    pub(crate) fn not_qualtrics(&self, what: &str, if_lost: ErrorClass) -> CallError {
        let message = format!(
            "What answered for {what} on connection {} does not speak Qualtrics' API. Check the connection's base_url, such \
             as https://fra1.qualtrics.com.",
            self.connection.name
        );
        CallError::new(unreadable(if_lost), "unexpected_answer", message)
    }
}
