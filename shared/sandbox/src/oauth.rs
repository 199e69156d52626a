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
//! tokens beside the fixed ones. Written from the pages that `manners` names, not from what our own client expects.

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
use crate::exchange::{Answer, Asked, carry_out, request_id};

pub(crate) use authority::{Authority, Standing};
pub(crate) use manners::{QUALTRICS, SALESFORCE, SLACK, ZENDESK};

/// What faults and the log call the endpoints.
pub(crate) const OPERATIONS: [&str; 5] =
    [SLACK.operation, ZENDESK.operation, SALESFORCE.operation, QUALTRICS.operation, "salesforce.userinfo"];

pub(crate) fn router() -> Router<Sandbox> {
    let mut router = Router::new().route("/salesforce/services/oauth2/userinfo", get(userinfo));
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
    let asked = Asked {
        provider: SALESFORCE.name,
        operation: "salesforce.userinfo",
        method: http::Method::GET,
        path: "/salesforce/services/oauth2/userinfo".to_owned(),
        facts: serde_json::Map::new(),
        request_id: request_id(&headers),
    };
    let ended = || {
        let body = json!([{ "message": "Session expired or invalid", "errorCode": "INVALID_SESSION_ID" }]);
        (StatusCode::UNAUTHORIZED, Json(body)).into_response()
    };
    let act = || {
        if sandbox.authority().standing(SALESFORCE.name, bearer(&headers), sandbox.now()) != Standing::Good {
            return Answer { response: ended(), outcome: "INVALID_SESSION_ID".to_owned() };
        }
        let body = json!({
            "user_id": "005B0000001AbCdIAK",
            "organization_id": "00DB0000000TfcRMAS",
            "preferred_username": "ada@acme.example",
            "email": "ada@acme.example",
        });
        Answer { response: Json(body).into_response(), outcome: "ok".to_owned() }
    };
    carry_out(&sandbox, asked, |_| ended(), act).await
}

#[cfg(test)]
mod tests;
