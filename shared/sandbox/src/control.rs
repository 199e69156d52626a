//! Steering the stand-ins from another process: faults, scopes, the log.

use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use axum::routing::{delete, get, put};
use axum::{Json, Router};
use bytes::Bytes;
use http::StatusCode;
use serde::de::DeserializeOwned;
use serde_json::json;

use crate::Sandbox;
use crate::fault::Fault;

pub(crate) fn router() -> Router<Sandbox> {
    Router::new()
        .route("/log", get(log))
        .route("/control/faults", get(planned).post(plan).delete(forget))
        .route("/control/slack/scopes", put(scopes))
        .route("/control/oauth/{provider}", delete(revoke))
}

async fn log(State(sandbox): State<Sandbox>) -> Response {
    Json(sandbox.log()).into_response()
}

async fn planned(State(sandbox): State<Sandbox>) -> Response {
    Json(sandbox.faults().planned()).into_response()
}

async fn forget(State(sandbox): State<Sandbox>) -> StatusCode {
    sandbox.faults().forget();
    StatusCode::NO_CONTENT
}

async fn plan(State(sandbox): State<Sandbox>, body: Bytes) -> Response {
    let fault: Fault = match read(&body) {
        Ok(fault) => fault,
        Err(refused) => return refused,
    };
    if !fault.probability.is_none_or(|chance| (0.0..=1.0).contains(&chance)) {
        return refuse("probability must lie between 0 and 1");
    }
    if fault.kind == crate::FaultKind::Refused && fault.code.as_deref().is_none_or(str::is_empty) {
        return refuse("a refused call needs the provider's error code: \"code\": \"is_archived\"");
    }
    match sandbox.fault(fault) {
        Ok(()) => StatusCode::NO_CONTENT.into_response(),
        Err(unknown) => refuse(&unknown.to_string()),
    }
}

async fn scopes(State(sandbox): State<Sandbox>, body: Bytes) -> Response {
    match read::<Vec<String>>(&body) {
        Ok(scopes) => {
            sandbox.workspace().set_scopes(scopes);
            StatusCode::NO_CONTENT.into_response()
        }
        Err(refused) => refused,
    }
}

async fn revoke(State(sandbox): State<Sandbox>, Path(provider): Path<String>) -> StatusCode {
    sandbox.authority().revoke(&provider);
    StatusCode::NO_CONTENT
}

/// Whatever content type the caller gave: this is for curl as well.
#[expect(clippy::result_large_err, reason = "the answer is sent as it is")]
fn read<T: DeserializeOwned>(body: &[u8]) -> Result<T, Response> {
    deskwire_core::json::from_slice(body).map_err(|error| refuse(&format!("the body cannot be read: {error}")))
}

fn refuse(why: &str) -> Response {
    (StatusCode::UNPROCESSABLE_ENTITY, Json(json!({ "error": why }))).into_response()
}

#[cfg(test)]
mod tests;
