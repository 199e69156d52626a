//! A sandbox with a clock that stands still, and ways to call it without a socket.

use std::sync::Arc;

use axum::body::Body;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use deskwire_core::secret::SecretString;
use deskwire_core::time::{FixedClock, Timestamp};
use http::{HeaderMap, Request, StatusCode};
use http_body_util::BodyExt;
use serde_json::Value;
use tower::ServiceExt;

use crate::{OnDelivery, Sandbox, SandboxOptions};

pub(crate) const NOW: &str = "2026-02-03T08:15:42.318Z";

pub(crate) fn sandbox() -> Sandbox {
    sandbox_with(None)
}

pub(crate) fn sandbox_with(on_delivery: Option<OnDelivery>) -> Sandbox {
    sandbox_at(NOW, on_delivery)
}

pub(crate) fn sandbox_at(time: &str, on_delivery: Option<OnDelivery>) -> Sandbox {
    Sandbox::new(SandboxOptions {
        clock: Arc::new(FixedClock(Timestamp::parse(time).unwrap())),
        slack_token: SecretString::from("slack-marker"),
        zendesk_username: "ops@example.com".to_owned(),
        zendesk_token: SecretString::from("zendesk-marker"),
        qualtrics_token: SecretString::from("qualtrics-marker"),
        signing_secret: SecretString::from("signing-marker"),
        on_delivery,
    })
}

/// An answer, read whole. `broken` says that the connection ended within it.
pub(crate) struct Answer {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub body: Vec<u8>,
    pub broken: bool,
}

impl Answer {
    pub(crate) fn json(&self) -> Value {
        deskwire_core::json::from_slice(&self.body).unwrap()
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8(self.body.clone()).unwrap()
    }

    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers[name].to_str().unwrap()
    }
}

pub(crate) async fn send(sandbox: &Sandbox, request: Request<Body>) -> Answer {
    let (head, body) = sandbox.router().oneshot(request).await.unwrap().into_parts();
    let collected = body.collect().await;
    let broken = collected.is_err();
    let body = collected.map(|body| body.to_bytes().to_vec()).unwrap_or_default();
    Answer { status: head.status, headers: head.headers, body, broken }
}

pub(crate) async fn get(sandbox: &Sandbox, path: &str) -> Answer {
    send(sandbox, Request::get(path).body(Body::empty()).unwrap()).await
}

pub(crate) async fn post_json(sandbox: &Sandbox, path: &str, body: &Value) -> Answer {
    send(sandbox, Request::post(path).body(Body::from(body.to_string())).unwrap()).await
}

pub(crate) fn form(arguments: &[(&str, &str)]) -> String {
    url::form_urlencoded::Serializer::new(String::new()).extend_pairs(arguments).finish()
}

/// Calls a method of Slack with a form and the right token.
pub(crate) async fn slack(sandbox: &Sandbox, method: &str, arguments: &[(&str, &str)]) -> Value {
    slack_answer(sandbox, method, "application/x-www-form-urlencoded", &form(arguments)).await.json()
}

pub(crate) async fn slack_answer(sandbox: &Sandbox, method: &str, content_type: &str, body: &str) -> Answer {
    let request = Request::post(format!("/slack/api/{method}"))
        .header("authorization", "Bearer slack-marker")
        .header("content-type", content_type)
        .body(Body::from(body.to_owned()))
        .unwrap();
    send(sandbox, request).await
}

/// The error code of a refusal.
pub(crate) async fn slack_error(sandbox: &Sandbox, method: &str, arguments: &[(&str, &str)]) -> String {
    let answer = slack(sandbox, method, arguments).await;
    assert_eq!(answer["ok"], false, "{answer}");
    answer["error"].as_str().unwrap().to_owned()
}

pub(crate) fn basic(user: &str, password: &str) -> String {
    format!("Basic {}", STANDARD.encode(format!("{user}:{password}")))
}

pub(crate) async fn zendesk_as(sandbox: &Sandbox, authorization: Option<&str>, path: &str) -> Answer {
    let mut request = Request::get(format!("/zendesk/api/v2/{path}"));
    if let Some(authorization) = authorization {
        request = request.header("authorization", authorization);
    }
    send(sandbox, request.body(Body::empty()).unwrap()).await
}

/// Reads over Zendesk's REST API with the right API token.
pub(crate) async fn zendesk(sandbox: &Sandbox, path: &str) -> Answer {
    zendesk_as(sandbox, Some(&basic("ops@example.com/token", "zendesk-marker")), path).await
}

pub(crate) async fn zendesk_put(sandbox: &Sandbox, path: &str, body: &Value) -> Answer {
    zendesk_write(sandbox, "PUT", path, &[], body).await
}

pub(crate) async fn zendesk_write(
    sandbox: &Sandbox,
    method: &str,
    path: &str,
    headers: &[(&str, &str)],
    body: &Value,
) -> Answer {
    let mut request = Request::builder()
        .method(method)
        .uri(format!("/zendesk/api/v2/{path}"))
        .header("authorization", "Bearer zendesk-marker")
        .header("content-type", "application/json");
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    send(sandbox, request.body(Body::from(body.to_string())).unwrap()).await
}
