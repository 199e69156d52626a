//! What a browser is shown where there is nothing to show: a page that leads on to what there is.
//!
//! Programs get problem details (RFC 9457); a person who opens `/`, or a webhook's address, gets the same words as a page.

use std::fmt::Write as _;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::Request;
use axum::middleware::Next;
use axum::response::{Html, IntoResponse, Response};
use http::{HeaderMap, HeaderValue, StatusCode, header};
use serde_json::Value;
use tower::ServiceExt;

/// The places that people may be looking for, in words.
const PLACES: [(&str, &str); 6] = [
    ("/console", "Console: every event and run, and why"),
    ("/sandbox/slack", "Slack stand-in: the messages that workflows have sent"),
    ("/sandbox/zendesk", "Zendesk stand-in: tickets to change"),
    ("/api/v1/openapi.json", "API: its description (OpenAPI)"),
    ("/readyz", "Is it ready? The store, as monitors ask"),
    ("/metrics", "Numbers for Prometheus"),
];

/// A problem's body is small; what is larger is none.
const LARGEST: usize = 16 * 1024;

/// The page may hold its style, and nothing else.
const POLICY: &str =
    "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

const STYLE: &str = ":root{color-scheme:light dark}\
    body{font:1rem/1.5 system-ui,sans-serif;max-width:40rem;margin:15vh auto;padding:0 1rem;background:#fff;color:#1c2128}\
    a{color:#0b57d0}\
    @media(prefers-color-scheme:dark){body{background:#14181d;color:#dfe4ea}a{color:#8ab4f8}}";

/// The places that these routes have.
#[derive(Debug, Clone, Default)]
pub(crate) struct Places(Vec<(&'static str, &'static str)>);

impl Places {
    /// Asks the routes themselves. No route takes TRACE, so nothing happens there: what exists says 405, and not 404.
    pub(crate) async fn of(routes: &Router) -> Self {
        let mut found = Vec::new();
        for (path, words) in PLACES {
            let request = http::Request::builder().method("TRACE").uri(path).header(header::HOST, "localhost");
            let Ok(request) = request.body(Body::empty()) else { continue };
            // The router's error type has no values.
            let Ok(answer) = routes.clone().oneshot(request).await;
            if answer.status() != StatusCode::NOT_FOUND {
                found.push((path, words));
            }
        }
        Self(found)
    }
}

/// Puts a page in place of a 404 or 405 that a browser would get.
pub(crate) async fn for_browsers(places: Places, request: Request, next: Next) -> Response {
    let wanted = wants_page(request.headers());
    let answer = next.run(request).await;
    let missing = matches!(answer.status(), StatusCode::NOT_FOUND | StatusCode::METHOD_NOT_ALLOWED);
    let is_page =
        answer.headers().get(header::CONTENT_TYPE).is_some_and(|kind| kind.as_bytes().starts_with(b"text/html"));
    if !wanted || !missing || is_page {
        return answer;
    }
    let (parts, body) = answer.into_parts();
    let problem: Value = to_bytes(body, LARGEST)
        .await
        .ok()
        .and_then(|body| deskwire_core::json::from_slice(&body).ok())
        .unwrap_or_default();
    let word =
        |name: &str, otherwise: &'static str| problem.get(name).and_then(Value::as_str).unwrap_or(otherwise).to_owned();
    let title = word("title", if parts.status == StatusCode::NOT_FOUND { "Not found" } else { "Not by this method" });
    let detail = word("detail", "There is nothing to show at this address");
    let mut page = (parts.status, Html(page(&title, &detail, &places))).into_response();
    for name in [header::ALLOW, http::HeaderName::from_static("x-request-id")] {
        if let Some(value) = parts.headers.get(&name) {
            page.headers_mut().insert(name, value.clone());
        }
    }
    page.headers_mut().insert(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY));
    page
}

/// Does whoever asks show pages? Browsers name `text/html` themselves; programs take anything.
fn wants_page(headers: &HeaderMap) -> bool {
    let accepted = headers.get_all(header::ACCEPT).iter().filter_map(|value| value.to_str().ok());
    accepted.flat_map(|value| value.split(',')).any(|kind| kind.trim().starts_with("text/html"))
}

fn page(title: &str, detail: &str, places: &Places) -> String {
    let (title, detail) = (escaped(title), escaped(detail));
    let mut links = String::new();
    for (path, words) in &places.0 {
        // A string takes everything.
        let _ = write!(links, "<li><a href=\"{path}\">{words}</a></li>");
    }
    let links = if links.is_empty() { links } else { format!("<p>What there is here:</p><ul>{links}</ul>") };
    format!(
        "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\"><meta name=\"viewport\" \
         content=\"width=device-width,initial-scale=1\"><title>{title} · Deskwire</title><style>{STYLE}</style></head>\
         <body><main><h1>{title}</h1><p>{detail}.</p>{links}<p>In a terminal, <code>deskwire --help</code> says what it \
         can do.</p></main></body></html>"
    )
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use axum::middleware;
    use axum::routing::{get, post};

    use super::*;

    async fn answer(path: &str, accept: &str) -> (StatusCode, String) {
        let routes = Router::new()
            .route("/console", get(|| async { "the console" }))
            .route("/webhooks/x", post(|| async { "taken" }))
            .fallback(|| async { (StatusCode::NOT_FOUND, r#"{"title":"Not found","detail":"Nothing <here>"}"#) });
        let places = Places::of(&routes).await;
        let routes = routes.layer(middleware::from_fn(move |request: Request, next: Next| {
            for_browsers(places.clone(), request, next)
        }));
        let request = http::Request::builder().uri(path).header(header::ACCEPT, accept).body(Body::empty()).unwrap();
        let answer = routes.oneshot(request).await.unwrap();
        let status = answer.status();
        (status, String::from_utf8(to_bytes(answer.into_body(), LARGEST).await.unwrap().to_vec()).unwrap())
    }

    const BROWSER: &str = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8";

    #[tokio::test]
    async fn a_browser_that_finds_nothing_is_led_on_to_what_there_is() {
        for path in ["/", "/nothing/here"] {
            let (status, page) = answer(path, BROWSER).await;
            assert_eq!(status, StatusCode::NOT_FOUND);
            assert!(page.contains(r#"<a href="/console">"#) && page.contains("Nothing &lt;here&gt;"), "{page}");
            assert!(!page.contains("/sandbox/"), "nothing leads to what is not there: {page}");
        }
        let (status, page) = answer("/webhooks/x", BROWSER).await;
        assert_eq!(status, StatusCode::METHOD_NOT_ALLOWED);
        assert!(page.contains(r#"<a href="/console">"#), "{page}");
    }

    #[tokio::test]
    async fn programs_get_no_page_and_pages_stay_as_they_are() {
        for accept in ["*/*", "application/json", ""] {
            assert!(answer("/", accept).await.1.starts_with('{'), "{accept}");
        }
        assert_eq!(answer("/console", BROWSER).await, (StatusCode::OK, "the console".to_owned()));
    }
}
