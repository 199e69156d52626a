//! The REST API as HTTP: who asks, which endpoint, and the shape of every answer.
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
use serde_json::{Map, Value, json};
use subtle::ConstantTimeEq;

use crate::Sandbox;
use crate::exchange::{Answer, Asked, carry_out};
use crate::fault::{Fault, FaultKind};
use crate::world::SUBDOMAIN;
use crate::zendesk::account::Account;
use crate::zendesk::paging::{Query, page, parameter};
use crate::zendesk::{show, update};

/// What faults and the log call the endpoints.
pub(crate) const OPERATIONS: [&str; 6] = [
    "zendesk.show_ticket",
    "zendesk.update_ticket",
    "zendesk.list_comments",
    "zendesk.show_me",
    "zendesk.show_user",
    "zendesk.show_organization",
];

/// An endpoint, understood.
#[derive(Debug, Clone, Copy)]
enum Endpoint {
    ShowTicket(u64),
    UpdateTicket(u64),
    ListComments(u64),
    ShowMe,
    ShowUser(u64),
    ShowOrganization(u64),
}

impl Endpoint {
    /// The `.json` behind a path is optional.
    fn find(method: &Method, path: &str) -> Option<Self> {
        let (_, path) = path.split_once("/api/v2/")?;
        let parts: Vec<&str> = path.strip_suffix(".json").unwrap_or(path).split('/').collect();
        let id = |text: &str| text.parse().ok();
        match (method, parts.as_slice()) {
            (&Method::GET, ["tickets", ticket]) => Some(Self::ShowTicket(id(ticket)?)),
            (&Method::PUT, ["tickets", ticket]) => Some(Self::UpdateTicket(id(ticket)?)),
            (&Method::GET, ["tickets", ticket, "comments"]) => Some(Self::ListComments(id(ticket)?)),
            (&Method::GET, ["users", "me"]) => Some(Self::ShowMe),
            (&Method::GET, ["users", user]) => Some(Self::ShowUser(id(user)?)),
            (&Method::GET, ["organizations", organization]) => Some(Self::ShowOrganization(id(organization)?)),
            _ => None,
        }
    }

    const fn operation(self) -> &'static str {
        match self {
            Self::ShowTicket(_) => "zendesk.show_ticket",
            Self::UpdateTicket(_) => "zendesk.update_ticket",
            Self::ListComments(_) => "zendesk.list_comments",
            Self::ShowMe => "zendesk.show_me",
            Self::ShowUser(_) => "zendesk.show_user",
            Self::ShowOrganization(_) => "zendesk.show_organization",
        }
    }
}

/// An answer before it is HTTP: status, body, and the error's code where it is one.
pub(crate) struct Reply {
    pub status: StatusCode,
    pub body: Value,
}

impl Reply {
    pub(crate) fn ok(body: Value) -> Self {
        Self { status: StatusCode::OK, body }
    }

    pub(crate) fn error(status: StatusCode, error: &str, description: &str) -> Self {
        Self { status, body: json!({ "error": error, "description": description }) }
    }

    pub(crate) fn not_found() -> Self {
        Self::error(StatusCode::NOT_FOUND, "RecordNotFound", "Not found")
    }

    fn code(&self) -> String {
        let error = self.body.get("error").or_else(|| self.body.pointer("/errors/0/code")).and_then(Value::as_str);
        if self.status.is_success() { "ok".to_owned() } else { error.unwrap_or(self.status.as_str()).to_owned() }
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
        operation: endpoint.map_or("unknown", Endpoint::operation),
        method,
        path: uri.path().to_owned(),
        facts: query.iter().map(|(name, value)| (name.clone(), Value::from(value.clone()))).collect(),
    };
    let act = || {
        let reply = answer(&sandbox, endpoint, &query, &headers, &body);
        Answer { outcome: reply.code(), response: (reply.status, Json(reply.body)).into_response() }
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
        (SignIn::Good, Endpoint::UpdateTicket(id)) => update::ticket(sandbox, id, body),
        (SignIn::Good, endpoint) => read(sandbox, endpoint, query),
        // As recorded: asked without a valid password, this endpoint says who nobody is, with status 200.
        (SignIn::NoPassword, Endpoint::ShowMe) => Reply::ok(json!({ "user": show::anonymous() })),
        _ => Reply { status: StatusCode::UNAUTHORIZED, body: json!({ "error": "Couldn't authenticate you" }) },
    }
}

fn read(sandbox: &Sandbox, endpoint: Endpoint, query: &Query) -> Reply {
    let account = sandbox.account();
    let found = match endpoint {
        Endpoint::ListComments(id) => return comments(&account, id, query),
        Endpoint::ShowTicket(id) | Endpoint::UpdateTicket(id) => {
            account.ticket(id).map(|ticket| json!({ "ticket": show::ticket(ticket) }))
        }
        Endpoint::ShowMe => account.user(crate::world::INTEGRATION).map(|user| json!({ "user": show::user(user) })),
        Endpoint::ShowUser(id) => account.user(id).map(|user| json!({ "user": show::user(user) })),
        Endpoint::ShowOrganization(id) => {
            account.organization(id).map(|organization| json!({ "organization": show::organization(organization) }))
        }
    };
    found.map_or_else(Reply::not_found, Reply::ok)
}

fn comments(account: &Account, id: u64, query: &Query) -> Reply {
    let Some(ticket) = account.ticket(id) else { return Reply::not_found() };
    let mut comments: Vec<_> = ticket.comments.iter().collect();
    match parameter(query, "sort").or_else(|| parameter(query, "sort_order")) {
        None | Some("created_at" | "asc") => {}
        Some("-created_at" | "desc") => comments.reverse(),
        Some(_) => return bad_paging("sort is not valid"),
    }
    let url = format!("https://{SUBDOMAIN}.zendesk.com/api/v2/tickets/{id}/comments.json");
    let page = match page(query, comments.len(), &url) {
        Ok(page) => page,
        Err(name) => return bad_paging(&format!("{name} is not valid")),
    };
    let shown: Vec<_> = comments.into_iter().skip(page.start).take(page.size).collect();
    let mut body = Map::new();
    body.insert("comments".to_owned(), shown.iter().map(|comment| show::comment(comment)).collect());
    if parameter(query, "include").is_some_and(|include| include.split(',').any(|name| name == "users")) {
        let mut authors: Vec<u64> = shown.iter().map(|comment| comment.author_id).collect();
        authors.sort_unstable();
        authors.dedup();
        body.insert("users".to_owned(), authors.iter().filter_map(|&id| account.user(id)).map(show::user).collect());
    }
    body.extend(page.beside);
    Reply::ok(Value::Object(body))
}

fn bad_paging(detail: &str) -> Reply {
    let error =
        json!({ "code": "InvalidPaginationParameter", "title": "Invalid pagination parameter", "detail": detail });
    Reply { status: StatusCode::BAD_REQUEST, body: json!({ "errors": [error] }) }
}

/// How a request is signed in.
enum SignIn {
    Good,
    /// Not at all, or with a user name and password that do not fit.
    NoPassword,
    /// With a token that does not fit.
    BadToken,
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
