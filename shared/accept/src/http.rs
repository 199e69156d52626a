//! The HTTP edge of a webhook function: one route, whatever the provider.

use std::sync::Arc;
use std::time::Instant;

use axum::Router;
use axum::extract::{Path, Request, State};
use axum::response::Response;
use axum::routing::any;
use deskwire_core::ids::RequestId;
use deskwire_core::provider::provider;
use http::{HeaderMap, Method, header};

use crate::answer::Answer;
use crate::body::{self, BodyError};
use crate::intake::{Intake, Webhook};

struct Edge {
    intake: Arc<Intake>,
    webhook: &'static dyn Webhook,
}

/// The router of one provider's webhooks: `POST /webhooks/{provider}/{source}`.
pub fn router(intake: Arc<Intake>, webhook: &'static dyn Webhook) -> Router {
    let path = format!("/webhooks/{}/{{source}}", webhook.provider());
    Router::new().route(&path, any(handle)).with_state(Arc::new(Edge { intake, webhook }))
}

async fn handle(State(edge): State<Arc<Edge>>, Path(source): Path<String>, request: Request) -> Response {
    let (request_id, began) = (RequestId::generate(edge.intake.random.as_ref()), Instant::now());
    let answer = answer(&edge, &source, request, &request_id).await;
    // Whoever makes up names makes up no numbers.
    let known = if matches!(answer, Answer::NoSuchSource) { "unknown".to_owned() } else { source.clone() };
    metrics::histogram!("deskwire_delivery_seconds", "source" => known, "outcome" => answer.name())
        .record(began.elapsed());
    let outcome = answer.name();
    match &answer {
        // Those that are let in, or whose refusal has been told of, fill no log.
        Answer::WrongMethod | Answer::WrongType { .. } | Answer::TooLarge { .. } | Answer::NoBody => {
            tracing::info!(source, %request_id, outcome, "turned a delivery down");
        }
        _ => tracing::debug!(source, %request_id, outcome, "answered a delivery"),
    }
    answer.into_response(request_id.as_str())
}

async fn answer(edge: &Edge, source: &str, request: Request, request_id: &RequestId) -> Answer {
    let name = edge.webhook.provider();
    let catalogue = edge.intake.catalogue.get();
    let (Some(provider), Some(source)) = (provider(name), catalogue.source(name, source)) else {
        return Answer::NoSuchSource;
    };
    if edge.webhook.is_probed() && matches!(*request.method(), Method::GET | Method::HEAD) {
        return Answer::Probed;
    }
    if request.method() != Method::POST {
        return Answer::WrongMethod;
    }
    let (parts, body) = request.into_parts();
    if source.lacks_secrets() {
        tracing::error!(source = %source.config.name, %request_id, "a delivery cannot be checked: the source's signing secret is missing");
        return Answer::NotReady;
    }
    let body = match body::read(body, edge.intake.largest_body, &edge.intake.bodies).await {
        Ok(body) => body,
        Err(BodyError::NoRoom) => {
            tracing::warn!(source = %source.config.name, %request_id, "too many bodies at once whose senders are not known yet");
            return Answer::Busy;
        }
        Err(BodyError::TooLarge) => return Answer::TooLarge { limit: edge.intake.largest_body },
        Err(BodyError::TooSlow | BodyError::Broken) => return Answer::NoBody,
    };
    if !has_media_type(&parts.headers, &provider.webhook_content_types) {
        return Answer::WrongType { expected: provider.webhook_content_types.join(" or ") };
    }
    edge.intake.receive(edge.webhook, &catalogue, source, &parts.headers, &body.bytes, request_id).await
}

/// Is the request's media type, parameters such as `charset` aside, one of these?
fn has_media_type(headers: &HeaderMap, expected: &[String]) -> bool {
    let value = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let media_type = value.split(';').next().unwrap_or_default().trim();
    expected.iter().any(|one| one.eq_ignore_ascii_case(media_type))
}
