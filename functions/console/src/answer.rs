//! How a page that cannot be shown is answered: the one table from failures to status and public sentences.
//!
//! What a reader sees names nothing internal; what went wrong inside goes to the log, once, here.

use askama::Template;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{Html, IntoResponse, Response};
use deskwire_core::ports::StoreError;
use deskwire_history::NotFound;

use crate::page::{Page, Section};
use crate::prose::Prose;

/// Why a page is not shown.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    /// No run or event has this id, or several have.
    #[error("{0}")]
    NotFound(NotFound),
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
    sentence: Prose,
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
            Self::NotFound(why) => {
                let (kind, command) = match why {
                    NotFound::NoRun(_) | NotFound::TooShort(_) | NotFound::SeveralRuns(..) => {
                        ("run", "deskwire runs list")
                    }
                    NotFound::NoEvent(_) | NotFound::SeveralEvents(..) => ("event", "deskwire events list"),
                };
                let heading = match (kind, why.is_ambiguous()) {
                    ("run", false) => "No such run",
                    ("run", true) => "Which run?",
                    (_, false) => "No such event",
                    (_, true) => "Which event?",
                };
                let mut sentence = format!("{why}.");
                if let Some(first) = sentence.get_mut(..1) {
                    first.make_ascii_uppercase();
                }
                let advice = "Check the id, or look in the list:";
                (
                    StatusCode::NOT_FOUND,
                    Message { page: page(heading), heading, sentence: Prose::new(&sentence), advice, command },
                )
            }
            Self::NoSuchPage => (
                StatusCode::NOT_FOUND,
                Message {
                    page: page("Page not found"),
                    heading: "Page not found",
                    sentence: Prose::new("The console has no page at this address."),
                    advice: "Everything begins at the list of runs or the list of events.",
                    command: "",
                },
            ),
            Self::Store(StoreError::Unavailable { .. }) => (
                StatusCode::SERVICE_UNAVAILABLE,
                Message {
                    page: Page { refresh_seconds: Some(COME_AGAIN_SECONDS), ..page("The store is away") },
                    heading: "The store does not answer",
                    sentence: Prose::new(
                        "The history cannot be read right now. Events that were acknowledged are kept.",
                    ),
                    advice: "This page tries again every five seconds. If that does not help, the server's log says why.",
                    command: "",
                },
            ),
            Self::Store(StoreError::Corrupt(_) | StoreError::Fenced) | Self::Template(_) => (
                StatusCode::INTERNAL_SERVER_ERROR,
                Message {
                    page: page("Something is broken"),
                    heading: "This page cannot be shown",
                    sentence: Prose::new("The store holds something that this version of Deskwire cannot show."),
                    advice: "The server's log says what; the other pages still work.",
                    command: "",
                },
            ),
        }
    }
}

impl From<NotFound> for Failure {
    fn from(why: NotFound) -> Self {
        Self::NotFound(why)
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
