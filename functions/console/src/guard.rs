//! The security headers of every answer of the console, redirects and refusals included. Called by the router's layer.
//!
//! The pages carry one style sheet inline and nothing else, so the policy names that sheet by its hash and forbids the
//! rest: no script, no image, no frame, no `style` attribute, and no form that leads elsewhere.

use std::sync::LazyLock;

use axum::http::{HeaderValue, header};
use axum::response::Response;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest, Sha256};

/// The style sheet, as it stands between `<style>` and `</style>`.
pub(crate) const STYLE: &str = include_str!("../templates/style.css");

/// Content Security Policy Level 3 (<https://www.w3.org/TR/CSP3/>); `form-action`, `base-uri` and `frame-ancestors` do
/// not fall back to `default-src`, so they are named.
static POLICY: LazyLock<HeaderValue> = LazyLock::new(|| {
    let hash = STANDARD.encode(Sha256::digest(STYLE));
    let policy = format!(
        "default-src 'none'; style-src 'sha256-{hash}'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    );
    // Base 64 holds no character that a header may not, so the stricter fallback is never used.
    HeaderValue::try_from(policy).unwrap_or(HeaderValue::from_static("default-src 'none'"))
});

/// Adds the headers. Nothing is kept by a cache: a page holds ticket data and is old a second later.
pub(crate) async fn headers(mut response: Response) -> Response {
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_SECURITY_POLICY, POLICY.clone());
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(header::REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}
