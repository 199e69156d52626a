//! Qualtrics' API v3: one way to ask, and what its answers mean.
//!
//! `{base}/API/v3/…`, <https://api.qualtrics.com/> (checked 2026-11-23). Every answer is an envelope: `result` and `meta`, with
//! `meta.error` where something is wrong; `meta.httpStatus` may differ from the status, which decides.

mod answers;
pub mod create_distribution_link;
mod failure;
pub mod get_response;
pub mod list_responses;
mod plain;
pub mod send_json_event;
pub mod subscription;

use bytes::Bytes;
use deskwire_core::action::{CallError, ErrorClass, ErrorHelp, HoldKey};
use deskwire_core::ids::ConnectionName;
use http::header::{ACCEPT, CONTENT_TYPE, HeaderValue};
use http::{HeaderMap, Method, StatusCode};
use serde_json::Value;

use crate::client::{Client, NoJson, Outgoing, broken_answer, json_of, quoted, unreadable};
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

/// What went wrong.
pub(crate) struct Failed {
    pub(crate) error: CallError,
    /// Is what was asked for not there?
    pub(crate) missing: bool,
}

impl From<CallError> for Failed {
    fn from(error: CallError) -> Self {
        Self { error, missing: false }
    }
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
        self.ask_for(asked).await.map_err(|failed| failed.error)
    }

    async fn ask_for(&self, asked: Asked<'_>) -> Result<Value, Failed> {
        let mut headers = HeaderMap::from_iter([(ACCEPT, JSON)]);
        let body = asked.body.map_or_else(Bytes::new, |body| Bytes::from(body.to_string()));
        if asked.body.is_some() {
            headers.insert(CONTENT_TYPE, JSON);
        }
        let outgoing = Outgoing { method: asked.method, path: asked.path, query: asked.query, headers, body };
        let response = self.client.send(self.connection, outgoing, asked.if_lost).await?;
        if !response.status.is_success() {
            let error = failure::classed(self.connection, &response, asked.what, asked.if_lost);
            return Err(Failed { error, missing: response.status == StatusCode::NOT_FOUND });
        }
        json_of(&response).map_err(|why| {
            let error = match why {
                NoJson::Broken(why) => broken_answer(self.connection, asked.what, &why, asked.if_lost),
                NoJson::Other => self.not_qualtrics(asked.what, asked.if_lost),
            };
            error.into()
        })
    }

    /// Posts an event to the connection's secret address, once. A lost answer leaves open whether it was taken.
    pub(crate) async fn tell(&self, body: Bytes) -> Result<Value, CallError> {
        const WHAT: &str = "the JSON event";
        let headers = HeaderMap::from_iter([(ACCEPT, JSON), (CONTENT_TYPE, JSON)]);
        let response = self.client.post_secretly(self.connection, headers, body, ErrorClass::Unknown).await?;
        if !response.status.is_success() {
            return Err(failure::classed(self.connection, &response, WHAT, ErrorClass::Unknown));
        }
        // It was taken, whatever the answer says.
        Ok(deskwire_core::json::from_slice(&response.body).unwrap_or_default())
    }

    /// Reads `path`, which begins with `API/v3/`: its `result`.
    pub(crate) async fn get(&self, path: &str, query: &[(&str, &str)], what: &str) -> Result<Value, Failed> {
        let if_lost = ErrorClass::Retry;
        let mut answer = self.ask_for(Asked { method: Method::GET, path, query, body: None, what, if_lost }).await?;
        match answer.get_mut("result").map(Value::take) {
            Some(result @ Value::Object(_)) => Ok(result),
            _ => Err(self.not_qualtrics(what, if_lost).into()),
        }
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

/// The budget of the whole brand: a 429 counts for every call (3,000 requests a minute).
pub(crate) fn budget(connection: &ConnectionName) -> HoldKey {
    HoldKey(format!("{connection}|{PROVIDER}"))
}

/// What can go wrong with every call.
fn errors(more: &[ErrorHelp]) -> Vec<ErrorHelp> {
    use ErrorClass::{Fail, NeedsReauthorization, Retry};
    let common = [
        ("AuthZ_2.0", Fail, "The connection's user may not do it. Ask a brand administrator for the right."),
        ("DCD_7", NeedsReauthorization, "The API token is no longer valid. Store a new one."),
        ("http_429", Retry, "The brand's requests for this minute are used up; it is tried again."),
        ("http_5xx", Retry, "Qualtrics is away; it is tried again."),
        ("bad_input", Fail, "An input is missing or of the wrong kind; nothing was sent."),
    ];
    let common = common.map(|(code, class, help)| ErrorHelp { code, class, help });
    more.iter().cloned().chain(common).collect()
}

/// An id of Qualtrics: its kind's letters, and letters or digits. It becomes a part of a path.
pub(crate) fn id(input: &Value, name: &str, kind: &str) -> Result<String, CallError> {
    let text = crate::input::text(input, name)?;
    let text = text.trim();
    let rest = text.strip_prefix(kind).filter(|rest| !rest.is_empty() && rest.len() <= 40);
    if rest.is_some_and(|rest| rest.bytes().all(|byte| byte.is_ascii_alphanumeric())) {
        return Ok(text.to_owned());
    }
    Err(crate::input::bad(format!(
        "`{name}` must be an id of Qualtrics that begins with {kind}, not `{}`.",
        quoted(text)
    )))
}
