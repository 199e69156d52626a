//! Answers to clients that got something wrong, or met us at a bad moment: RFC 9457 problem details.

use serde::Serialize;

/// A problem as a client sees it (RFC 9457). It holds nothing internal: what went wrong inside is logged under the same
/// request id and does not travel.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Problem {
    /// A stable name of the kind of problem, as a relative URI reference.
    #[serde(rename = "type")]
    pub kind: String,
    /// The same for all problems of this kind.
    pub title: &'static str,
    /// The HTTP status.
    pub status: u16,
    /// What happened this time and what to do next.
    pub detail: String,
    /// What to quote when asking for help; logs hold it too.
    pub request_id: String,
    /// For 503: after how many seconds to come again. Sent as the `Retry-After` header.
    #[serde(skip)]
    pub retry_after_seconds: Option<u32>,
}

/// The media type of a problem's body (RFC 9457, section 3).
pub const PROBLEM_JSON: &str = "application/problem+json";

impl Problem {
    /// A problem of the kind `name` (`bad-signature`) with its status and title.
    pub fn new(name: &str, status: u16, title: &'static str, detail: impl Into<String>, request_id: &str) -> Self {
        Self {
            kind: format!("/problems/{name}"),
            title,
            status,
            detail: detail.into(),
            request_id: request_id.to_owned(),
            retry_after_seconds: None,
        }
    }
}
