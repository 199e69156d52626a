//! The pages a person sees: what happened, and what to do next.

use askama::Template;
use axum::response::{IntoResponse, Response};
use http::{HeaderValue, StatusCode, header};

/// A page of one message.
#[derive(Template)]
#[template(path = "page.html")]
pub(crate) struct Page {
    pub status: StatusCode,
    /// Good news?
    pub fine: bool,
    pub title: String,
    pub text: String,
    /// Further facts, one a line.
    pub facts: Vec<(&'static str, String)>,
    /// What to do next.
    pub next: String,
    /// Where that is done, if it is a link.
    pub link: Option<String>,
}

impl Page {
    /// A page that says what went wrong.
    pub(crate) fn problem(status: StatusCode, title: &str, text: impl Into<String>, next: impl Into<String>) -> Self {
        Self {
            status,
            fine: false,
            title: title.to_owned(),
            text: text.into(),
            facts: Vec::new(),
            next: next.into(),
            link: None,
        }
    }

    /// The store or the secret store cannot be used.
    pub(crate) fn broken(error: &(impl std::fmt::Display + ?Sized)) -> Self {
        tracing::error!(%error, "a person could not connect a connection");
        let text = "Something here cannot be used right now. The log says what.";
        Self::problem(StatusCode::SERVICE_UNAVAILABLE, "Not now", text, "Come again in a minute.")
    }
}

impl IntoResponse for Page {
    fn into_response(self) -> Response {
        let status = self.status;
        let html = self.render().unwrap_or_else(|_| self.title.clone());
        let mut response = (status, html).into_response();
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8"));
        guard(headers);
        response
    }
}

/// Nothing is loaded, framed, cached or told to the next page: these addresses hold codes and states.
pub(crate) fn guard(headers: &mut http::HeaderMap) {
    let all = [
        (header::CACHE_CONTROL, "no-store"),
        (header::REFERRER_POLICY, "no-referrer"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (
            header::CONTENT_SECURITY_POLICY,
            "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
        ),
    ];
    for (name, value) in all {
        headers.insert(name, HeaderValue::from_static(value));
    }
}
