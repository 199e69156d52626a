//! The function that answers programs: `/api/v1/…`, and whether the process and its store are well.
//!
//! What there is to ask stands in one table ([`endpoints`]), from which the OpenAPI document is made. Every question needs
//! the deployment's token, but for that document and the two probes.
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used))]

mod answer;
mod document;
mod endpoints;
mod questions;
mod tokens;

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::Router;
use axum::extract::{DefaultBodyLimit, Request, State};
use axum::middleware::{Next, from_fn, from_fn_with_state};
use axum::response::Response;
use axum::routing::{get, post};
use deskwire_core::action::Actions;
use deskwire_core::ports::Store;
use deskwire_core::random::Random;
use deskwire_core::secret::SecretString;
use deskwire_core::time::Clock;
use deskwire_templates::Templates;

pub use tokens::Tokens;

/// No question is longer, in bytes.
const LARGEST_BODY: usize = 64 * 1024;

/// The name of the stored secret that holds the token.
pub const TOKEN_SECRET: &str = "api-token";

/// How old what is known of the tokens may be.
const FRESH: Duration = Duration::from_secs(10);

/// What the function works with.
pub struct Api {
    /// What it answers from.
    pub store: Arc<dyn Store>,
    /// Which fields are personal stands in their schemas.
    pub actions: Actions,
    /// For reading workflows that runs are pinned to.
    pub templates: Templates,
    /// Who may ask.
    pub tokens: Arc<Tokens>,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// For request ids and run ids.
    pub random: Arc<dyn Random>,
}

/// The function's routes.
pub fn router(api: Arc<Api>) -> Router {
    let guarded = Router::new()
        .route("/api/v1/events", get(questions::events))
        .route("/api/v1/events/{*reference}", get(questions::event))
        .route("/api/v1/runs", get(questions::runs))
        .route("/api/v1/runs/{id}", get(questions::run))
        .route("/api/v1/runs/{id}/replay", get(questions::replay_preview).post(questions::replay))
        .route("/api/v1/runs/{id}/settle", post(questions::settle))
        .route("/api/v1/workflows", get(questions::workflows))
        .route("/api/v1/workflows/{name}/activate", post(questions::activate))
        .route("/api/v1/workflows/{name}/deactivate", post(questions::deactivate))
        .route("/api/v1/connections", get(questions::connections))
        .layer(from_fn_with_state(Arc::clone(&api), only_with_a_token));
    Router::new()
        .route("/api/v1/openapi.json", get(|| async { axum::Json(document::openapi()) }))
        .merge(guarded)
        .layer(DefaultBodyLimit::max(LARGEST_BODY))
        .with_state(api)
}

/// `/healthz` and `/readyz`, for processes that have no others.
pub fn probes(api: Arc<Api>) -> Router {
    Router::new()
        .route("/healthz", get(|| async { axum::Json(serde_json::json!({ "status": "ok" })) }))
        .route("/readyz", get(questions::ready))
        .with_state(api)
}

/// The same routes, before which the tokens that count are looked up: a token that was set, or taken back, counts ten seconds
/// later at most. `look_up` answers `None` where it cannot; then those that counted go on counting.
pub fn with_tokens_in_step<F, L>(routes: Router, api: &Arc<Api>, look_up: L) -> Router
where
    F: Future<Output = Option<Vec<SecretString>>> + Send,
    L: Fn() -> F + Clone + Send + Sync + 'static,
{
    let (api, looked) = (Arc::clone(api), Arc::new(Mutex::new(api.clock.now())));
    routes.layer(from_fn(move |request: Request, next: Next| {
        let (api, looked, look_up) = (Arc::clone(&api), Arc::clone(&looked), look_up.clone());
        async move {
            let is_due = {
                let mut looked = looked.lock().unwrap_or_else(PoisonError::into_inner);
                let is_due = api.clock.now().since(*looked) >= FRESH;
                if is_due {
                    *looked = api.clock.now();
                }
                is_due
            };
            if is_due && let Some(found) = look_up().await {
                api.tokens.replace(&found);
            }
            next.run(request).await
        }
    }))
}

async fn only_with_a_token(State(api): State<Arc<Api>>, request: Request, next: Next) -> Response {
    let given = request.headers().get(http::header::AUTHORIZATION).and_then(|value| value.to_str().ok());
    let failure = match api.tokens.admits(given.and_then(|value| value.strip_prefix("Bearer "))) {
        Ok(()) => {
            let mut answer = next.run(request).await;
            answer.headers_mut().insert(http::header::CACHE_CONTROL, http::HeaderValue::from_static("no-store"));
            return answer;
        }
        Err(failure) => failure,
    };
    failure.answer(&api)
}

#[cfg(test)]
mod tests;
