//! How a page that cannot be shown is answered: the one table from failures to status and public sentences.
//!
//! What a reader sees names nothing internal; what went wrong inside goes to the log, once, here.

use askama::Template;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{Html, IntoResponse, Response};
use deskwire_core::ports::StoreError;

use crate::page::{Page, Section};

/// Why a page is not shown.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    /// No run has this id, or several begin with it.
    #[error("no run, or more than one, begins with {0:?}")]
    NoSuchRun(String),
    /// No event has this number or id.
    #[error("there is no event {0:?}")]
    NoSuchEvent(String),
    /// The console has no such page.
    #[error("there is no such page")]
    NoSuchPage,
    /// The store did not answer, or not with something readable.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The page could not be written.
    #[error("a page could not be written: {0}")]
    Template(#[from] askama::Error),
}

/// A page that is one message.
#[derive(Template)]
#[template(path = "message.html")]
struct Message {
    page: Page,
    heading: &'static str,
    sentence: String,
    /// What to do next.
    advice: &'static str,
    /// A command that helps.
    command: &'static str,
}

/// After how many seconds a page comes again when the store was away.
const COME_AGAIN_SECONDS: u32 = 5;

impl Failure {
    fn message(&self) -> (StatusCode, Message) {
        let page = |title: &str| Page::new(title, Section::Neither);
        match self {
            Self::NoSuchRun(id) => (
                StatusCode::NOT_FOUND,
                Message {
                    page: page("No such run"),
                    heading: "No such run",
                    sentence: format!("No run, or more than one, begins with “{id}”."),
                    advice: "Check the id, or look for the run in the list:",
                    command: "deskwire runs list",
                },
            ),
            Self::NoSuchEvent(reference) => (
                StatusCode::NOT_FOUND,
                Message {
                    page: page("No such event"),
                    heading: "No such event",
                    sentence: format!("There is no event “{reference}”."),
                    advice: "Check the number or the id, or look for the event in the list:",
                    command: "deskwire events list",
                },
            ),
            Self::NoSuchPage => (
                StatusCode::NOT_FOUND,
                Message {
                    page: page("Page not found"),
                    heading: "Page not found",
                    sentence: "The console has no page at this address.".to_owned(),
                    advice: "Everything begins at the list of runs or the list of events.",
                    command: "",
                },
            ),
            Self::Store(StoreError::Unavailable { .. }) => (
                StatusCode::SERVICE_UNAVAILABLE,
                Message {
                    page: Page { refresh_seconds: Some(COME_AGAIN_SECONDS), ..page("The store is away") },
                    heading: "The store does not answer",
                    sentence: "The history cannot be read right now. Events that were acknowledged are kept."
                        .to_owned(),
                    advice: "This page tries again every five seconds. If that does not help, the server's log says why.",
                    command: "",
                },
            ),
            Self::Store(StoreError::Corrupt(_) | StoreError::Fenced) | Self::Template(_) => (
                StatusCode::INTERNAL_SERVER_ERROR,
                Message {
                    page: page("Something is broken"),
                    heading: "This page cannot be shown",
                    sentence: "The store holds something that this version of Deskwire cannot show.".to_owned(),
                    advice: "The server's log says what; the other pages still work.",
                    command: "",
                },
            ),
        }
    }
}

impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        if matches!(self, Self::Store(_) | Self::Template(_)) {
            tracing::error!(error = %self, "a page of the console could not be shown");
        }
        let (status, message) = self.message();
        // Only memory running out keeps this small page from being written; the status alone still tells.
        let body = message.render().unwrap_or_default();
        let mut response = (status, Html(body)).into_response();
        if status == StatusCode::SERVICE_UNAVAILABLE {
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(COME_AGAIN_SECONDS));
        }
        response
    }
}

/// A page as an answer.
pub(crate) fn answer(page: &impl Template) -> Result<Html<String>, Failure> {
    Ok(Html(page.render()?))
}
