//! One request to a stand-in: the planned fault, the provider's own behaviour, the log. Called by both APIs.

use std::time::Duration;

use axum::body::Body;
use axum::response::{Html, IntoResponse, Response};
use bytes::Bytes;
use futures_util::stream;
use http::header::{CONTENT_LENGTH, HeaderValue, RETRY_AFTER};
use http::{HeaderMap, Method, StatusCode};
use serde_json::{Map, Value};

use crate::Sandbox;
use crate::fault::{Fault, FaultKind};
use crate::log::NewEntry;

/// What a stand-in answers, and what the log says about it.
pub(crate) struct Answer {
    pub response: Response,
    /// `ok` or an error code.
    pub outcome: String,
}

/// A request, as far as faults and log need to know it.
pub(crate) struct Asked {
    pub provider: &'static str,
    pub operation: &'static str,
    pub method: Method,
    pub path: String,
    pub facts: Map<String, Value>,
    /// What the caller calls its request.
    pub request_id: Option<String>,
}

/// What a caller calls its request.
pub(crate) fn request_id(headers: &HeaderMap) -> Option<String> {
    headers.get("x-request-id")?.to_str().ok().map(str::to_owned)
}

/// Carries a request out as planned. `refuse` words a refusal or a rate limit the provider's way.
pub(crate) async fn carry_out(
    sandbox: &Sandbox,
    asked: Asked,
    refuse: impl FnOnce(&Fault) -> Response,
    act: impl FnOnce() -> Answer,
) -> Response {
    let fault = sandbox.faults().strike(asked.operation, sandbox.random());
    let Answer { response, outcome } = match &fault {
        None => act(),
        Some(fault) => struck(fault, refuse, act),
    };
    sandbox.write_log(NewEntry {
        provider: asked.provider,
        operation: asked.operation.to_owned(),
        method: asked.method.to_string(),
        path: asked.path,
        outcome,
        facts: asked.facts,
        request_id: asked.request_id,
    });
    if let Some(delay) = fault.as_ref().and_then(|fault| fault.delay_ms) {
        tokio::time::sleep(Duration::from_millis(delay)).await;
    }
    match fault.and_then(|fault| fault.fields) {
        None => response,
        Some(fields) => altered(response, fields).await,
    }
}

/// The answer with other values in its JSON.
async fn altered(response: Response, fields: Map<String, Value>) -> Response {
    let (mut parts, body) = response.into_parts();
    // The stand-ins' own answers are small, and end.
    let bytes = axum::body::to_bytes(body, usize::MAX).await.unwrap_or_default();
    let Ok(Value::Object(mut document)) = deskwire_core::json::from_slice(&bytes) else {
        return Response::from_parts(parts, Body::from(bytes));
    };
    document.extend(fields);
    parts.headers.remove(CONTENT_LENGTH);
    Response::from_parts(parts, Body::from(Value::Object(document).to_string()))
}

fn struck(fault: &Fault, refuse: impl FnOnce(&Fault) -> Response, act: impl FnOnce() -> Answer) -> Answer {
    let name = fault.kind.name();
    if fault.kind.acts() {
        let Answer { response, outcome } = act();
        let response = match fault.kind {
            FaultKind::Html502After => gateway_page(StatusCode::BAD_GATEWAY, None),
            FaultKind::DropAfter => no_answer(),
            _ => response,
        };
        return Answer { response, outcome: format!("{outcome}, fault:{name}") };
    }
    let response = match fault.kind {
        FaultKind::Html502 => gateway_page(StatusCode::BAD_GATEWAY, None),
        FaultKind::Html503 => gateway_page(StatusCode::SERVICE_UNAVAILABLE, fault.retry_after),
        _ => refuse(fault),
    };
    Answer { response, outcome: format!("fault:{name}") }
}

/// What servers in front of an API answer when it is away: a page, not JSON.
fn gateway_page(status: StatusCode, retry_after: Option<u64>) -> Response {
    let words = status.canonical_reason().unwrap_or_default();
    let page =
        format!("<html><head><title>{words}</title></head><body><center><h1>{words}</h1></center></body></html>");
    let mut response = (status, Html(page)).into_response();
    if let Some(seconds) = retry_after {
        response.headers_mut().insert(RETRY_AFTER, HeaderValue::from(seconds));
    }
    response
}

/// A body that breaks at its first byte: the server closes the connection before anything of the answer is sent.
fn no_answer() -> Response {
    let broken = std::io::Error::new(std::io::ErrorKind::ConnectionAborted, "the stand-in drops the connection");
    Response::new(Body::from_stream(stream::iter([Err::<Bytes, _>(broken)])))
}
