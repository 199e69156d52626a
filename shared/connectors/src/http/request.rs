//! `http.request`: one call of any HTTP API, through a connection of any provider. HTTP by RFC 9110, checked 2026-11-23:
//! <https://www.rfc-editor.org/rfc/rfc9110.html>.
//!
//! What may be done about a lost answer follows from the method: GET and HEAD read, PUT and DELETE can be repeated (section
//! 9.2.2), and about POST and PATCH nobody can tell, unless the API takes a key by which it recognises a repeat.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use deskwire_core::BoxFuture;
use deskwire_core::action::{
    ANY_PROVIDER, Action, ActionSpec, Call, CallError, Effect, ErrorClass, ErrorHelp, HoldKey,
};
use deskwire_core::time::parse_duration;
use http::header::{ACCEPT, HeaderName, HeaderValue};
use http::{HeaderMap, Method};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde_json::{Map, Value};

use super::answer::{self, Accept};
use super::{body, headers, path};
use crate::client::{Client, Outgoing};
use crate::connection::Connection;
use crate::input::{self, bad};
use crate::schema;

const NAME: &str = "http.request";
const PAGE: &str = "https://www.rfc-editor.org/rfc/rfc9110.html";

const METHODS: [Method; 6] = [Method::GET, Method::POST, Method::PUT, Method::PATCH, Method::DELETE, Method::HEAD];

/// How long an API is taken to remember a key: a day, as Stripe and others that take `Idempotency-Key` have it
/// (<https://docs.stripe.com/api/idempotent_requests>).
const USUAL_WINDOW: Duration = Duration::from_hours(24);

const EXAMPLE: &str = "\
- id: summary
  action: http.request
  connection: llm
  timeout: 90s
  with:
    method: POST
    path: v1/chat/completions
    body:
      model: gpt-4o-mini
      messages:
        - role: user
          content: \"Sum up: {{ event.data.event.comment.body }}\"
";

/// What the step gives.
#[derive(Debug, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct RequestInput {
    /// The method.
    #[schemars(schema_with = "methods", default = "usual_method")]
    pub method: String,
    /// Where, below the connection's `base_url`: `v1/things/7`; `/` is `base_url` itself. A value within it is
    /// percent-encoded and stays one segment, unless it is marked `| safe` or is the whole path.
    #[schemars(extend("x-markup" = "path"))]
    pub path: String,
    /// The query, by name; a list repeats the name, and what is none is left out.
    #[schemars(extend("x-personal" = true))]
    pub query: Option<Map<String, Value>>,
    /// Further headers. The connection signs the call in; headers that it or the network decides are refused.
    pub headers: Option<BTreeMap<String, String>>,
    /// What is sent, as JSON; at most 1 MiB. Text goes as it stands where `headers` name a `content-type` other than JSON.
    #[schemars(extend("x-personal" = true, "x-markup" = "body"))]
    pub body: Option<Value>,
    /// What is sent, as a form, in place of `body`.
    #[schemars(extend("x-personal" = true, "x-markup" = "form"))]
    pub form: Option<Map<String, Value>>,
    /// The statuses that are an answer and no failure, such as `[200, 404]`, or `any`; otherwise those from 200 to 299.
    pub accept_status: Option<Accept>,
    /// The header by which the API recognises a repeat, such as `Idempotency-Key`; it is given the step's key. With it, a
    /// POST or PATCH whose answer was lost is sent again.
    pub idempotency_header: Option<String>,
    /// How long the API remembers that key.
    #[schemars(extend("default" = "24h"))]
    pub idempotency_window: Option<String>,
}

/// What the step answers.
#[derive(Debug, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct RequestOutput {
    /// The status.
    pub status: u16,
    /// Is the status one from 200 to 299?
    pub ok: bool,
    /// The headers by lower-case name, without cookies.
    pub headers: BTreeMap<String, String>,
    /// The body: a value where it is JSON, text otherwise, none where it is empty; at most 1 MiB.
    #[schemars(extend("x-personal" = true))]
    pub body: Value,
}

fn methods(_: &mut SchemaGenerator) -> Schema {
    json_schema!({ "type": "string", "enum": METHODS.map(|method| method.to_string()) })
}

fn usual_method() -> String {
    Method::GET.to_string()
}

/// A call, understood.
struct Asked {
    method: Method,
    path: String,
    query: Vec<(String, String)>,
    headers: HeaderMap,
    body: Bytes,
    accept: Accept,
}

impl Asked {
    fn read(call: Call<'_>, connection: &Connection) -> Result<Self, CallError> {
        let (given, sign_in) = (call.input, connection.sign_in_header());
        let method = method(given)?;
        let mut headers = headers::read(given, "headers", sign_in)?;
        if !headers.contains_key(ACCEPT) {
            headers.insert(ACCEPT, HeaderValue::from_static("application/json, */*;q=0.8"));
        }
        if let Some(name) = key_header(given, sign_in)? {
            window(given)?;
            let key = HeaderValue::try_from(call.key.0.as_str())
                .map_err(|_| bad("The step's key fits into no header.".to_owned()))?;
            headers.insert(name, key);
        }
        let body = body::read(given, &mut headers)?;
        if !body.is_empty() && reads(&method) {
            return Err(bad(format!("{method} carries no body. Use `query`, or another method.")));
        }
        Ok(Self {
            method,
            path: path::below_base(&input::text(given, "path")?)?,
            query: body::pairs(given, "query")?.unwrap_or_default(),
            headers,
            body,
            accept: Accept::read(given)?,
        })
    }
}

fn method(given: &Value) -> Result<Method, CallError> {
    let Some(word) = input::optional_text(given, "method")? else { return Ok(Method::GET) };
    let found = METHODS.into_iter().find(|method| method.as_str().eq_ignore_ascii_case(word.trim()));
    found
        .ok_or_else(|| bad(format!("`method` must be one of {}.", METHODS.map(|method| method.to_string()).join(", "))))
}

fn key_header(given: &Value, sign_in: &HeaderName) -> Result<Option<HeaderName>, CallError> {
    input::optional_text(given, "idempotency_header")?.map(|name| headers::name_of(&name, sign_in)).transpose()
}

fn window(given: &Value) -> Result<Duration, CallError> {
    let Some(text) = input::optional_text(given, "idempotency_window")? else { return Ok(USUAL_WINDOW) };
    let wanted = "`idempotency_window` must be a duration such as 24h or 30m.";
    parse_duration(&text).filter(|window| !window.is_zero()).ok_or_else(|| bad(wanted.to_owned()))
}

const fn reads(method: &Method) -> bool {
    matches!(*method, Method::GET | Method::HEAD)
}

/// By RFC 9110, section 9.2. An input that no call can be made with has the strictest effect.
fn effect(given: &Value) -> Effect {
    let keyed = given.get("idempotency_header").is_some_and(|header| !header.is_null());
    match method(given) {
        Ok(method) if reads(&method) => Effect::Read,
        Ok(Method::PUT | Method::DELETE) => Effect::Idempotent,
        Ok(_) if keyed => Effect::Keyed { window: window(given).unwrap_or(USUAL_WINDOW), look: false },
        _ => Effect::Unprovable,
    }
}

/// The connection's budget: the one that the provider's own actions draw on, where it has a single one.
fn budget(connection: &Connection) -> HoldKey {
    HoldKey(format!("{}|{}", connection.name, connection.provider))
}

/// The action.
pub struct Request {
    client: Arc<Client>,
    spec: ActionSpec,
}

impl Request {
    /// The action on this client.
    pub fn new(client: Arc<Client>) -> Self {
        let spec = ActionSpec {
            name: NAME,
            provider: ANY_PROVIDER,
            summary: "Makes an API call through any connection.",
            input: schema::of::<RequestInput>(),
            output: schema::of::<RequestOutput>(),
            effect: Effect::Unprovable,
            scopes: &[],
            errors: errors(),
            example: EXAMPLE,
            page: PAGE,
        };
        Self { client, spec }
    }

    async fn request(&self, call: Call<'_>) -> Result<Value, CallError> {
        let connection = self.client.connection(call.connection, ANY_PROVIDER)?;
        let Asked { method, path, query, headers, body, accept } = Asked::read(call, connection)?;
        let if_lost = match effect(call.input) {
            Effect::Read | Effect::Idempotent => ErrorClass::Retry,
            _ => ErrorClass::Unknown,
        };
        let query: Vec<(&str, &str)> = query.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        let outgoing = Outgoing { method: method.clone(), path: &path, query: &query, headers, body };
        let response = self.client.send_within(connection, outgoing, if_lost, Some(call.time_limit)).await?;
        answer::read(connection, &method, &response, &accept, if_lost, budget(connection))
    }
}

impl Action for Request {
    fn spec(&self) -> &ActionSpec {
        &self.spec
    }

    fn effect(&self, input: &Value) -> Effect {
        effect(input)
    }

    fn hold_keys(&self, call: Call<'_>) -> Vec<HoldKey> {
        self.client.connection(call.connection, ANY_PROVIDER).map(budget).into_iter().collect()
    }

    fn call<'a>(&'a self, call: Call<'a>) -> BoxFuture<'a, Result<Value, CallError>> {
        Box::pin(self.request(call))
    }
}

fn errors() -> Vec<ErrorHelp> {
    use ErrorClass::{Fail, NeedsReauthorization, Retry, Unknown};
    [
        ("http_401", NeedsReauthorization, "The credential is no longer valid. Store a new one."),
        (
            "http_408, http_425, http_429",
            Retry,
            "The API takes no more calls for now; it is tried again when it says so.",
        ),
        (
            "http_4xx",
            Fail,
            "The API refused the call and says why. Mend the step, or name the status in `accept_status`.",
        ),
        ("http_3xx", Fail, "Redirects are not followed. Call the final address."),
        ("http_5xx", Unknown, "The API failed: GET, HEAD, PUT and DELETE are tried again; others may have happened."),
        ("timeout", Unknown, "No answer within the step's `timeout`; the same holds as for http_5xx."),
        ("too_large", Unknown, "The answer has more than 1 MiB. Ask for less at once."),
        ("bad_input", Fail, "The call cannot be made as it is written; the message says what to change."),
    ]
    .map(|(code, class, help)| ErrorHelp { code, class, help })
    .to_vec()
}

#[cfg(test)]
mod tests;
