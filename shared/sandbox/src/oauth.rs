//! The providers' OAuth servers, each with its own manners: where a person agrees, where tokens are given out, and two calls
//! that tell who a token belongs to where the stand-ins have no API otherwise.
//!
//! | provider | agreeing | tokens |
//! |---|---|---|
//! | Slack | `/slack/oauth/v2/authorize` | `/slack/api/oauth.v2.access` |
//! | Zendesk | `/zendesk/oauth/authorizations/new` | `/zendesk/oauth/tokens` |
//! | Salesforce | `/salesforce/services/oauth2/authorize` | `/salesforce/services/oauth2/token` |
//! | Qualtrics | none | `/qualtrics/oauth2/token` |
//!
//! The client is [`world::OAUTH_CLIENT`](crate::world::OAUTH_CLIENT) at all of them. Slack's and Zendesk's APIs take these
//! tokens beside the fixed ones. Written from the pages that [`Manners`] names, not from what our own client expects.

mod authority;
mod manners;
mod page;
mod token;

use axum::Router;
use axum::extract::{OriginalUri, State};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, http};
use http::header::AUTHORIZATION;
use http::{HeaderMap, StatusCode, Uri};
use serde_json::json;

use crate::Sandbox;
use crate::exchange::{Answer, Asked, carry_out};

pub(crate) use authority::{Authority, Standing};
pub(crate) use manners::{Manners, QUALTRICS, SALESFORCE, SLACK, ZENDESK};

/// What faults and the log call the endpoints.
pub(crate) const OPERATIONS: [&str; 6] = [
    SLACK.operation,
    ZENDESK.operation,
    SALESFORCE.operation,
    QUALTRICS.operation,
    "salesforce.userinfo",
    "qualtrics.whoami",
];

pub(crate) fn router() -> Router<Sandbox> {
    let mut router = Router::new()
        .route("/salesforce/services/oauth2/userinfo", get(userinfo))
        .route("/qualtrics/API/v3/whoami", get(whoami));
    for manners in [&SLACK, &ZENDESK, &SALESFORCE, &QUALTRICS] {
        router = router.route(
            manners.token,
            post(async move |sandbox: State<Sandbox>, uri: OriginalUri, headers: HeaderMap, body| {
                token::answer(sandbox, manners, (uri.0, headers), body).await
            }),
        );
        if let Some(authorize) = manners.authorize {
            router = router.route(authorize, get(async move |sandbox, uri: Uri| page::show(sandbox, manners, &uri)));
        }
    }
    router
}

/// The token that a request carries in its header.
pub(crate) fn bearer(headers: &HeaderMap) -> &str {
    let header = headers.get(AUTHORIZATION).and_then(|value| value.to_str().ok()).unwrap_or_default();
    header.strip_prefix("Bearer ").unwrap_or_default()
}

async fn userinfo(State(sandbox): State<Sandbox>, headers: HeaderMap) -> Response {
    let good = || {
        json!({
            "user_id": "005B0000001AbCdIAK",
            "organization_id": "00DB0000000TfcRMAS",
            "preferred_username": "ada@acme.example",
            "email": "ada@acme.example",
        })
    };
    let bad = json!([{ "message": "Session expired or invalid", "errorCode": "INVALID_SESSION_ID" }]);
    who(&sandbox, &SALESFORCE, "salesforce.userinfo", &headers, (good, &bad)).await
}

async fn whoami(State(sandbox): State<Sandbox>, headers: HeaderMap) -> Response {
    let good = || {
        json!({
            "result": { "userId": "UR_0000000000001", "brandId": "acme", "userName": "ops@example.com#acme" },
            "meta": { "httpStatus": "200 - OK", "requestId": "00000000-0000-4000-8000-000000000001" },
        })
    };
    let error = json!({ "errorMessage": "Unrecognized X-API-TOKEN.", "errorCode": "DCD_7" });
    let bad = json!({ "meta": { "httpStatus": "401 - Unauthorized", "error": error } });
    who(&sandbox, &QUALTRICS, "qualtrics.whoami", &headers, (good, &bad)).await
}

async fn who(
    sandbox: &Sandbox,
    manners: &'static Manners,
    operation: &'static str,
    headers: &HeaderMap,
    (good, bad): (impl FnOnce() -> serde_json::Value, &serde_json::Value),
) -> Response {
    let asked = Asked {
        provider: manners.name,
        operation,
        method: http::Method::GET,
        path: String::new(),
        facts: serde_json::Map::new(),
    };
    let refuse = |_: &crate::Fault| (StatusCode::SERVICE_UNAVAILABLE, Json(bad.clone())).into_response();
    let act = || {
        if sandbox.authority().standing(manners.name, bearer(headers), sandbox.now()) == Standing::Good {
            return Answer { response: Json(good()).into_response(), outcome: "ok".to_owned() };
        }
        Answer { response: (StatusCode::UNAUTHORIZED, Json(bad.clone())).into_response(), outcome: "401".to_owned() }
    };
    carry_out(sandbox, asked, refuse, act).await
}

#[cfg(test)]
mod tests;
