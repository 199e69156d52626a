//! The REST API as HTTP: who asks, what is carried out, and the shape of every answer.
//! <https://developer.zendesk.com/api-reference/introduction/requests/>, checked 2026-11-23.

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use deskwire_core::random::Random;
use deskwire_core::secret::ExposeSecret;
use http::header::{AUTHORIZATION, HeaderValue, RETRY_AFTER};
use http::{HeaderMap, Method, StatusCode, Uri};
use serde_json::{Value, json};
use subtle::ConstantTimeEq;

use crate::Sandbox;
use crate::exchange::{Answer, Asked, carry_out, request_id};
use crate::fault::{Fault, FaultKind};
use crate::oauth::{self, Standing};
use crate::world::INTEGRATION;
use crate::zendesk::endpoint::Endpoint;
use crate::zendesk::paging::Query;
use crate::zendesk::{lists, profiles, records, search, show, webhooks, write};

/// An answer before it is HTTP: status, body, and the error's code where it is one.
pub(crate) struct Reply {
    pub status: StatusCode,
    pub headers: Vec<(&'static str, String)>,
    pub body: Value,
}

impl Reply {
    pub(crate) fn of(status: StatusCode, body: Value) -> Self {
        Self { status, headers: Vec::new(), body }
    }

    pub(crate) fn ok(body: Value) -> Self {
        Self::of(StatusCode::OK, body)
    }

    pub(crate) fn error(status: StatusCode, error: &str, description: &str) -> Self {
        Self::of(status, json!({ "error": error, "description": description }))
    }

    pub(crate) fn not_found() -> Self {
        Self::error(StatusCode::NOT_FOUND, "RecordNotFound", "Not found")
    }

    fn code(&self) -> String {
        let error = self.body.get("error").or_else(|| self.body.pointer("/errors/0/code")).and_then(Value::as_str);
        if self.status.is_success() { "ok".to_owned() } else { error.unwrap_or(self.status.as_str()).to_owned() }
    }
}

impl IntoResponse for Reply {
    fn into_response(self) -> Response {
        let mut response = (self.status, Json(self.body)).into_response();
        for (name, value) in self.headers {
            if let Ok(value) = HeaderValue::try_from(value) {
                response.headers_mut().insert(name, value);
            }
        }
        response
    }
}

/// `/zendesk/api/v2/…`
pub(crate) async fn call(
    State(sandbox): State<Sandbox>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let endpoint = Endpoint::find(&method, uri.path());
    let query: Vec<(String, String)> =
        url::form_urlencoded::parse(uri.query().unwrap_or_default().as_bytes()).into_owned().collect();
    let asked = Asked {
        provider: "zendesk",
        operation: endpoint.as_ref().map_or("unknown", Endpoint::operation),
        method,
        path: uri.path().to_owned(),
        facts: query.iter().map(|(name, value)| (name.clone(), Value::from(value.clone()))).collect(),
        request_id: request_id(&headers),
    };
    let act = || {
        let reply = answer(&sandbox, endpoint, &query, &headers, &body);
        Answer { outcome: reply.code(), response: reply.into_response() }
    };
    let mut response = carry_out(&sandbox, asked, refuse, act).await;
    if let Ok(id) = HeaderValue::try_from(format!("{:032x}", sandbox.random().bits())) {
        response.headers_mut().insert("x-request-id", id);
    }
    response
}

fn answer(sandbox: &Sandbox, endpoint: Option<Endpoint>, query: &Query, headers: &HeaderMap, body: &[u8]) -> Reply {
    let Some(endpoint) = endpoint else {
        return Reply::error(StatusCode::NOT_FOUND, "InvalidEndpoint", "Not found");
    };
    match (sign_in(sandbox, headers), endpoint) {
        (SignIn::Good, endpoint) => {
            let key = headers.get("idempotency-key").and_then(|key| key.to_str().ok());
            carried_out(sandbox, endpoint, query, key, body).unwrap_or_else(|refused| refused)
        }
        // As recorded: asked without a valid password, this endpoint says who nobody is, with status 200.
        (SignIn::NoPassword, Endpoint::ShowMe) => Reply::ok(json!({ "user": show::anonymous() })),
        (SignIn::NoPower, _) => Reply::error(StatusCode::FORBIDDEN, "Forbidden", "You do not have access to this page"),
        _ => Reply::of(StatusCode::UNAUTHORIZED, json!({ "error": "Couldn't authenticate you" })),
    }
}

fn carried_out(
    sandbox: &Sandbox,
    endpoint: Endpoint,
    query: &Query,
    key: Option<&str>,
    body: &[u8],
) -> Result<Reply, Reply> {
    match endpoint {
        Endpoint::CreateTicket => write::create(sandbox, key, body),
        Endpoint::UpdateTicket(id) => write::update(sandbox, id, body),
        Endpoint::ChangeTags(id, how) => write::tags(sandbox, id, how, body),
        Endpoint::WriteProfile(user, merge) => profiles::write(sandbox, user, merge, query, body),
        Endpoint::CreateRecord(object, upsert) => records::create(sandbox, object, query, upsert, body),
        Endpoint::UpdateRecord(id) => records::update(sandbox, &id, body),
        Endpoint::CreateWebhook => webhooks::create(sandbox, body),
        Endpoint::UpdateWebhook(id) => webhooks::change(sandbox, &id, body),
        Endpoint::SigningSecret(id, new) => webhooks::signing_secret(sandbox, &id, new),
        Endpoint::ListWebhooks => lists::webhooks(&sandbox.account(), query),
        Endpoint::ListTickets => lists::tickets(&sandbox.account(), query),
        Endpoint::ListComments(id) => lists::comments(&sandbox.account(), id, query),
        Endpoint::ListAudits(id) => lists::audits(&sandbox.account(), id, query),
        Endpoint::ListTicketFields => lists::ticket_fields(query),
        Endpoint::ListRecords(object) => lists::records(&sandbox.account(), object, query),
        Endpoint::Search => search::results(&sandbox.account(), query),
        Endpoint::CountFound => search::count(&sandbox.account(), query),
        Endpoint::ShowProfile => profiles::show(&sandbox.account(), query),
        Endpoint::ShowRecord(id) => records::show(&sandbox.account(), &id),
        Endpoint::ShowTicket(id) => object("ticket", sandbox.account().ticket(id).map(show::ticket)),
        Endpoint::ListTags(id) => object("tags", sandbox.account().ticket(id).map(|ticket| json!(ticket.tags))),
        Endpoint::ShowMe => object("user", sandbox.account().user(INTEGRATION).map(show::user)),
        Endpoint::ShowUser(id) => object("user", sandbox.account().user(id).map(show::user)),
        Endpoint::ShowOrganization(id) => {
            object("organization", sandbox.account().organization(id).map(show::organization))
        }
    }
}

fn object(key: &str, found: Option<Value>) -> Result<Reply, Reply> {
    found.map(|found| Reply::ok(json!({ key: found }))).ok_or_else(Reply::not_found)
}

/// How a request is signed in.
enum SignIn {
    Good,
    /// Not at all, or with a user name and password that do not fit.
    NoPassword,
    /// With a token that does not fit.
    BadToken,
    /// With a token that may do nothing.
    NoPower,
}

fn sign_in(sandbox: &Sandbox, headers: &HeaderMap) -> SignIn {
    let options = sandbox.options();
    let header = headers.get(AUTHORIZATION).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let token = options.zendesk_token.expose_secret();
    let fits = |given: &[u8], expected: &str| bool::from(given.ct_eq(expected.as_bytes()));
    match header.split_once(' ') {
        Some(("Basic", credentials)) => {
            let expected = format!("{}/token:{token}", options.zendesk_username);
            let good = STANDARD.decode(credentials).is_ok_and(|given| fits(&given, &expected));
            if good { SignIn::Good } else { SignIn::NoPassword }
        }
        Some(("Bearer", given)) if fits(given.as_bytes(), token) => SignIn::Good,
        Some(("Bearer", given)) => match sandbox.authority().standing(oauth::ZENDESK.name, given, sandbox.now()) {
            Standing::Good => SignIn::Good,
            Standing::Powerless => SignIn::NoPower,
            Standing::Expired | Standing::Unknown => SignIn::BadToken,
        },
        Some(_) => SignIn::BadToken,
        None => SignIn::NoPassword,
    }
}

/// How Zendesk words a planned refusal.
fn refuse(fault: &Fault) -> Response {
    if fault.kind == FaultKind::RateLimited {
        let text = "Number of allowed API requests per minute exceeded";
        let mut response = (StatusCode::TOO_MANY_REQUESTS, text).into_response();
        response.headers_mut().insert(RETRY_AFTER, HeaderValue::from(fault.retry_after.unwrap_or(1)));
        return response;
    }
    let status = fault.status.and_then(|status| StatusCode::from_u16(status).ok());
    let code = fault.code.as_deref().unwrap_or("RecordInvalid");
    let reply = Reply::error(status.unwrap_or(StatusCode::UNPROCESSABLE_ENTITY), code, "Planned by the sandbox");
    (reply.status, Json(reply.body)).into_response()
}
