//! Everything that can go wrong with a question, and what the client is told: RFC 9457 problem details.

use axum::response::Response;
use deskwire_accept::answer::problem_response;
use deskwire_core::ids::RequestId;
use deskwire_core::ports::StoreError;
use deskwire_core::problem::Problem;
use http::{HeaderName, HeaderValue, header};

use crate::Api;

/// After how many seconds a client should come again when the store is away.
const RETRY_AFTER_SECONDS: u32 = 5;

/// What went wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Failure {
    /// Nobody has set a token.
    NoToken,
    /// The token is missing or wrong.
    Unauthorized,
    /// A parameter or the body is not what it should be: one sentence.
    BadRequest(String),
    /// There is no such thing: one sentence.
    Missing(String),
    /// It does not stand so that this could be done: one sentence.
    Conflict(String),
    /// The store is away.
    Unavailable,
    /// Something is wrong with us.
    Broken,
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        tracing::error!(%error, "a question could not be answered");
        match error {
            StoreError::Unavailable { .. } => Self::Unavailable,
            StoreError::Corrupt(_) | StoreError::Fenced => Self::Broken,
        }
    }
}

/// A store's answer may have been lost after it did what it was asked.
const LOOK_FIRST: &str = "Ask again after the given time. If you asked for a change, look first whether it was made";

impl Failure {
    /// The HTTP answer.
    pub(crate) fn answer(self, api: &Api) -> Response {
        let request_id = RequestId::generate(api.random.as_ref());
        match &self {
            Self::NoToken => {
                tracing::warn!(%request_id, status = 401, "turned a question down: nobody has set a token");
            }
            Self::Unauthorized => {
                tracing::warn!(%request_id, status = 401, "turned a question down: its token is missing or wrong");
            }
            other => tracing::debug!(%request_id, failure = ?other, "turned a question down"),
        }
        let problem = self.problem(request_id.as_str());
        let unauthorized = problem.status == 401;
        let mut response = problem_response(&problem);
        let headers = response.headers_mut();
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        if unauthorized {
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        if let Ok(value) = HeaderValue::from_str(request_id.as_str()) {
            headers.insert(HeaderName::from_static("x-request-id"), value);
        }
        response
    }

    fn problem(self, id: &str) -> Problem {
        match self {
            Self::NoToken => Problem::new(
                "no-token-set",
                401,
                "Nobody has set a token",
                "Set one with `deskwire secrets set api-token`, and send it as `Authorization: Bearer …`",
                id,
            ),
            Self::Unauthorized => Problem::new(
                "unauthorized",
                401,
                "The token is missing or wrong",
                "Send the token that was set with `deskwire secrets set api-token` as `Authorization: Bearer …`",
                id,
            ),
            Self::BadRequest(why) => Problem::new("bad-request", 400, "The question is not understood", why, id),
            Self::Missing(why) => Problem::new("missing", 404, "There is no such thing", why, id),
            Self::Conflict(why) => Problem::new("conflict", 409, "That cannot be done now", why, id),
            Self::Unavailable => Problem {
                retry_after_seconds: Some(RETRY_AFTER_SECONDS),
                ..Problem::new("unavailable", 503, "The store is away", LOOK_FIRST, id)
            },
            Self::Broken => Problem::new(
                "broken",
                500,
                "Something is wrong here",
                "The log entry with this request id says what",
                id,
            ),
        }
    }
}
