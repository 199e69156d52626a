//! The token endpoints as HTTP.

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use bytes::Bytes;
use http::header::{AUTHORIZATION, CACHE_CONTROL, HOST, HeaderValue, RETRY_AFTER};
use http::{HeaderMap, Method, StatusCode, Uri};
use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};

use super::manners::{Given, Manners, Trouble, check_client, fields};
use crate::Sandbox;
use crate::exchange::{Answer, Asked, carry_out, request_id};
use crate::fault::{Fault, FaultKind};

pub(super) async fn answer(
    State(sandbox): State<Sandbox>,
    manners: &'static Manners,
    (uri, headers): (Uri, HeaderMap),
    body: Bytes,
) -> Response {
    let fields = fields(&body);
    let instance_url = instance_url(manners, &uri, &headers);
    let grant = fields.get("grant_type").cloned().unwrap_or_default();
    let asked = Asked {
        provider: manners.name,
        operation: manners.operation,
        method: Method::POST,
        path: manners.token.to_owned(),
        // Never codes or tokens.
        facts: Map::from_iter([("grant_type".to_owned(), grant)]),
        request_id: request_id(&headers),
    };
    let act = || {
        let (outcome, (status, body)) = match give(&sandbox, manners, &headers, &fields) {
            Ok(given) => ("ok".to_owned(), Given { instance_url, ..given }.words(manners)),
            Err(trouble) => (format!("{trouble:?}"), trouble.words(manners)),
        };
        Answer { response: json_answer(status, &body), outcome }
    };
    carry_out(&sandbox, asked, |fault| refuse(fault, manners), act).await
}

/// Where this very stand-in is reached, as the caller reached it.
fn instance_url(manners: &Manners, uri: &Uri, headers: &HeaderMap) -> String {
    let host = headers.get(HOST).and_then(|host| host.to_str().ok()).unwrap_or("acme.my.salesforce.com");
    let before = uri.path().strip_suffix(manners.token).unwrap_or_default();
    format!("http://{host}{before}/{}", manners.name)
}

fn json_answer(status: u16, body: &Value) -> Response {
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let mut response = (status, Json(body)).into_response();
    response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

fn give(
    sandbox: &Sandbox,
    manners: &'static Manners,
    headers: &HeaderMap,
    fields: &Map<String, Value>,
) -> Result<Given, Trouble> {
    let text = |name: &str| fields.get(name).and_then(Value::as_str).unwrap_or_default();
    client(manners, headers, (text("client_id"), text("client_secret")))?;
    let lasts = lifetime(manners, fields)?;
    let with = (sandbox.random() as &dyn deskwire_core::random::Random, sandbox.now());
    match text("grant_type") {
        // Slack's code exchange needs no grant type.
        "authorization_code" | "" if manners.authorize.is_some() => {
            let verifier = Some(text("code_verifier")).filter(|verifier| !verifier.is_empty());
            let challenge = verifier.map(|verifier| URL_SAFE_NO_PAD.encode(Sha256::digest(verifier)));
            sandbox.authority().exchange(manners, (text("code"), text("redirect_uri"), challenge), lasts, with)
        }
        "refresh_token" if manners.authorize.is_some() => {
            sandbox.authority().refresh(manners, text("refresh_token"), lasts, with)
        }
        "client_credentials" if manners.name != "slack" => {
            let scopes = text("scope").split(' ').filter(|scope| !scope.is_empty()).map(str::to_owned).collect();
            Ok(sandbox.authority().for_client(manners, scopes, lasts, with))
        }
        "client_credentials" => Err(Trouble::NotThisGrant),
        _ => Err(Trouble::BadGrantType),
    }
}

fn client(manners: &Manners, headers: &HeaderMap, (id, secret): (&str, &str)) -> Result<(), Trouble> {
    let header = headers.get(AUTHORIZATION).and_then(|value| value.to_str().ok());
    let Some(header) = header else {
        return if manners.in_body { check_client(id, secret) } else { Err(Trouble::UnknownClient) };
    };
    let encoded = header.strip_prefix("Basic ").filter(|_| manners.basic).ok_or(Trouble::UnknownClient)?;
    let decoded = STANDARD.decode(encoded).ok().and_then(|bytes| String::from_utf8(bytes).ok());
    let decoded = decoded.ok_or(Trouble::UnknownClient)?;
    let (id, secret) = decoded.split_once(':').ok_or(Trouble::UnknownClient)?;
    check_client(id, secret)
}

/// How long the access token is to hold, where the request may say so.
fn lifetime(manners: &Manners, fields: &Map<String, Value>) -> Result<Option<u64>, Trouble> {
    let (Some((least, most)), Some(asked)) = (manners.asked_lasts, fields.get("expires_in")) else { return Ok(None) };
    let seconds = asked.as_u64().or_else(|| asked.as_str().and_then(|text| text.parse().ok()));
    seconds.filter(|seconds| (least..=most).contains(seconds)).map(Some).ok_or(Trouble::BadLifetime)
}

fn refuse(fault: &Fault, manners: &Manners) -> Response {
    if fault.kind == FaultKind::RateLimited {
        let body = if manners.name == "slack" { json!({ "ok": false, "error": "ratelimited" }) } else { json!({}) };
        let mut response = json_answer(429, &body);
        response.headers_mut().insert(RETRY_AFTER, HeaderValue::from(fault.retry_after.unwrap_or(1)));
        return response;
    }
    let code = fault.code.as_deref().unwrap_or("invalid_grant");
    let (status, body) = if manners.name == "slack" {
        (200, json!({ "ok": false, "error": code }))
    } else {
        (fault.status.unwrap_or(400), json!({ "error": code, "error_description": "Planned by the sandbox" }))
    };
    json_answer(status, &body)
}
