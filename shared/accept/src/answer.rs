//! Every answer a webhook can get: one table from what happened to status and words.
//!
//! What a client may see and what the log holds are two things: [`Answer::Refused`] for a bad signature says nothing about
//! which part was wrong; the log line under the same request id does.

use axum::Json;
use axum::response::{IntoResponse, Response};
use deskwire_core::ids::{EventId, RunId};
use deskwire_core::problem::{PROBLEM_JSON, Problem};
use http::{HeaderName, HeaderValue, StatusCode, header};
use serde_json::json;

/// What happened to a delivery.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// Stored and queued.
    Accepted {
        /// The event's id.
        event: EventId,
        /// The runs it started.
        runs: Vec<RunId>,
    },
    /// Stored before; nothing was started.
    Repeat {
        /// The event's id.
        event: EventId,
    },
    /// Stored; no workflow wants it.
    Unwanted {
        /// The event's id.
        event: EventId,
    },
    /// The provider has looked whether anybody is there.
    Probed,
    /// Signed, but not what the provider should send; kept with the reason.
    Rejected {
        /// What is wrong with it.
        reason: String,
    },
    /// The signature, or what it needs, is not good.
    Refused,
    /// There is no such source.
    NoSuchSource,
    /// The method is not POST.
    WrongMethod,
    /// The media type is not one this provider sends.
    WrongType {
        /// Those it sends.
        expected: String,
    },
    /// The body is over the limit.
    TooLarge {
        /// The limit, in bytes.
        limit: usize,
    },
    /// The body did not arrive, or not in time.
    NoBody,
    /// The store is away: the provider is asked to come again.
    Unavailable,
    /// The source is known, and the secret that would tell its sender is missing: the provider is asked to come again.
    NotReady,
    /// More is being sent than is taken in at once before it is known by whom: the sender is asked to come again.
    Busy,
    /// Something is wrong with us that coming again does not mend.
    Broken,
}

/// After how many seconds a provider should come again. Zendesk repeats a 503 only when it carries a short
/// `Retry-After` (`anatomy-of-a-webhook-request`).
const RETRY_AFTER_SECONDS: u32 = 5;

impl Answer {
    /// The word for logs and counters.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Accepted { .. } => "accepted",
            Self::Repeat { .. } => "repeat",
            Self::Unwanted { .. } => "unwanted",
            Self::Probed => "probed",
            Self::Rejected { .. } => "rejected",
            Self::Refused => "bad_signature",
            Self::NoSuchSource => "no_such_source",
            Self::WrongMethod => "wrong_method",
            Self::WrongType { .. } => "wrong_type",
            Self::TooLarge { .. } => "too_large",
            Self::NoBody => "no_body",
            Self::Unavailable => "unavailable",
            Self::NotReady => "not_ready",
            Self::Busy => "busy",
            Self::Broken => "broken",
        }
    }

    /// The HTTP answer.
    pub fn into_response(self, request_id: &str) -> Response {
        let mut response = match self {
            Self::Accepted { event, runs } => {
                let body = json!({"status": "accepted", "event": event, "runs": runs, "request_id": request_id});
                (StatusCode::ACCEPTED, Json(body)).into_response()
            }
            Self::Repeat { event } => {
                let body = json!({"status": "repeat", "event": event, "request_id": request_id});
                (StatusCode::OK, Json(body)).into_response()
            }
            Self::Unwanted { event } => {
                let body = json!({"status": "unwanted", "event": event, "request_id": request_id});
                (StatusCode::OK, Json(body)).into_response()
            }
            Self::Probed => StatusCode::OK.into_response(),
            other => problem_response(&other.problem(request_id)),
        };
        if let Ok(value) = HeaderValue::from_str(request_id) {
            response.headers_mut().insert(HeaderName::from_static("x-request-id"), value);
        }
        response
    }

    fn problem(&self, request_id: &str) -> Problem {
        let problem = |status, title, detail: &str| {
            Problem::new(&self.name().replace('_', "-"), status, title, detail, request_id)
        };
        match self {
            Self::Rejected { reason } => problem(
                400,
                "The body is not an event",
                &format!("{reason}. It was kept: see `deskwire events list --state rejected`"),
            ),
            Self::Refused => problem(
                401,
                "The signature is not good",
                "Check that the sender signs with this source's current signing secret and that its clock is right; \
                 the log entry with this request id says what was wrong",
            ),
            Self::NoSuchSource => problem(
                404,
                "There is no such source",
                "Check the last two parts of the URL against `sources` in deskwire.yaml: /webhooks/{provider}/{source}",
            ),
            Self::WrongMethod => problem(405, "Only POST is taken here", "Set the webhook's request method to POST"),
            Self::WrongType { expected } => problem(
                415,
                "The media type is not one this provider sends",
                &format!("Send the Content-Type {expected}"),
            ),
            Self::TooLarge { limit } => problem(
                413,
                "The body is too large",
                &format!("Bodies are taken up to {limit} bytes; make the webhook's body smaller"),
            ),
            Self::NoBody => problem(408, "The body did not arrive", "Send the request again"),
            // Whether it was kept is not always known: the store's answer may have been lost.
            Self::Unavailable => later(problem(
                503,
                "The store did not confirm the event",
                "Send it again after the given time. If it was kept all the same, it counts as a repeat and starts nothing twice",
            )),
            Self::NotReady => later(problem(
                503,
                "The source is not ready",
                "Its signing secret is missing; the log entry with this request id says what to do. Send it again after the \
                 given time",
            )),
            Self::Busy => later(problem(503, "Too much is being sent at once", "Send it again after the given time")),
            // The rest are no problems; a client never sees this.
            _ => problem(500, "Something is wrong here", "The log entry with this request id says what"),
        }
    }
}

fn later(problem: Problem) -> Problem {
    Problem { retry_after_seconds: Some(RETRY_AFTER_SECONDS), ..problem }
}

/// Writes a problem as RFC 9457 asks.
pub fn problem_response(problem: &Problem) -> Response {
    let status = StatusCode::from_u16(problem.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let body = serde_json::to_vec(problem).unwrap_or_default();
    let mut response = (status, body).into_response();
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(PROBLEM_JSON));
    if let Some(seconds) = problem.retry_after_seconds {
        response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
    }
    if status == StatusCode::METHOD_NOT_ALLOWED {
        response.headers_mut().insert(header::ALLOW, HeaderValue::from_static("POST"));
    }
    response
}
