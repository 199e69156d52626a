//! What every server of ours has around its routes: an answer for addresses where nothing is, and one for faults of ours.

use axum::Router;
use axum::response::Response;
use deskwire_core::problem::Problem;
use tower_http::catch_panic::CatchPanicLayer;

use crate::answer::problem_response;

/// These routes with a 404 for all other addresses and, where a handler panics, a 500 that tells nothing internal.
pub fn guarded(routes: Router) -> Router {
    routes.fallback(not_found).layer(CatchPanicLayer::custom(panicked))
}

async fn not_found() -> Response {
    let detail = "There is nothing at this address. Webhooks go to /webhooks/{provider}/{source}";
    problem_response(&Problem::new("not-found", 404, "Not found", detail, ""))
}

/// Where the panic was is in the log already; its words may quote data.
fn panicked(_: Box<dyn std::any::Any + Send>) -> Response {
    tracing::error!("a request handler panicked");
    problem_response(&Problem::new("broken", 500, "Something is wrong here", "The log says what", ""))
}

#[cfg(test)]
mod tests {
    use axum::body::Body;
    use axum::extract::Request;
    use axum::routing::get;
    use http_body_util::BodyExt;
    use tower::ServiceExt;

    use super::*;

    #[tokio::test]
    async fn a_handler_that_panics_is_answered_with_a_problem_that_tells_nothing_internal() {
        async fn faulty() -> &'static str {
            panic!("the token is hunter2");
        }
        let routes = guarded(Router::new().route("/", get(faulty)));
        let answer = routes.oneshot(Request::get("/").body(Body::empty()).unwrap()).await.unwrap();
        assert_eq!(answer.status(), 500);
        assert_eq!(answer.headers()["content-type"], "application/problem+json");
        let body = answer.into_body().collect().await.unwrap().to_bytes();
        assert!(!String::from_utf8_lossy(&body).contains("hunter2"));
    }
}
