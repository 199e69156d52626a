//! What a stand-in is told to do wrong. Planned by tests through [`crate::Sandbox::fault`] and by other processes through
//! `POST /control/faults`; `exchange` carries it out.

use deskwire_core::random::Random;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::{llm, oauth, qualtrics, slack, zendesk};

/// A fault. In JSON the fields that do not matter are left out:
/// `{"method": "chat.postMessage", "kind": "rate_limited", "retry_after": 2, "times": 3}`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Fault {
    /// Whom it strikes: a method of Slack (`chat.postMessage`), an operation of Zendesk (`zendesk.show_ticket`) or of the
    /// API that writes text (`llm.chat_completions`), or the beginning of several with a `*` behind (`zendesk.*`, `*`).
    pub method: String,
    /// What goes wrong.
    pub kind: FaultKind,
    /// How many calls it strikes; one unless `probability` is given, which alone goes on until it is forgotten.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub times: Option<u32>,
    /// The chance with which a call is struck, from 0 to 1; certain unless given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub probability: Option<f64>,
    /// For `refused`: the provider's error code.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
    /// For `refused` by Zendesk: the HTTP status, 422 unless given. Slack refuses with 200.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<u16>,
    /// For `rate_limited` and `html_503`: the seconds in `Retry-After`; 1 for `rate_limited` unless given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry_after: Option<u64>,
    /// For `altered`: the fields of the answer's JSON that are others than they should be.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fields: Option<Map<String, Value>>,
    /// How many milliseconds later the answer comes. Long enough, and the client gives up first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub delay_ms: Option<u64>,
}

/// What goes wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum FaultKind {
    /// Status 429 with `Retry-After`; nothing is done.
    #[serde(rename = "rate_limited")]
    RateLimited,
    /// An error of the provider's own; nothing is done.
    #[serde(rename = "refused")]
    Refused,
    /// A gateway's HTML page with status 502; nothing is done.
    #[serde(rename = "html_502")]
    Html502,
    /// A maintenance page in HTML with status 503; nothing is done.
    #[serde(rename = "html_503")]
    Html503,
    /// The call is carried out, and its answer replaced by a gateway's HTML page with status 502.
    #[serde(rename = "html_502_after")]
    Html502After,
    /// The call is carried out, and the connection closed without an answer.
    #[serde(rename = "drop_after")]
    DropAfter,
    /// The call is carried out and answered, after `delay_ms`.
    #[serde(rename = "delay")]
    Delay,
    /// The call is carried out, and some fields of its answer are replaced by `fields`.
    #[serde(rename = "altered")]
    Altered,
}

impl FaultKind {
    /// Is the call carried out all the same?
    pub const fn acts(self) -> bool {
        matches!(self, Self::Html502After | Self::DropAfter | Self::Delay | Self::Altered)
    }

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::RateLimited => "rate_limited",
            Self::Refused => "refused",
            Self::Html502 => "html_502",
            Self::Html503 => "html_503",
            Self::Html502After => "html_502_after",
            Self::DropAfter => "drop_after",
            Self::Delay => "delay",
            Self::Altered => "altered",
        }
    }
}

impl Fault {
    /// A fault of the next call of `method`.
    pub fn next(method: &str, kind: FaultKind) -> Self {
        Self {
            method: method.to_owned(),
            kind,
            times: Some(1),
            probability: None,
            code: None,
            status: None,
            retry_after: None,
            fields: None,
            delay_ms: None,
        }
    }

    fn covers(&self, operation: &str) -> bool {
        match self.method.strip_suffix('*') {
            Some(beginning) => operation.starts_with(beginning),
            None => operation == self.method,
        }
    }
}

/// A fault was planned for a method that the stand-ins do not have.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the stand-ins have no method {0:?}; they have: {known}", known = operations().collect::<Vec<_>>().join(", "))]
pub struct UnknownMethod(pub String);

fn operations() -> impl Iterator<Item = &'static str> {
    slack::METHODS
        .iter()
        .map(|method| method.name)
        .chain(zendesk::OPERATIONS)
        .chain(llm::OPERATIONS)
        .chain(oauth::OPERATIONS)
        .chain(qualtrics::OPERATIONS)
}

/// The faults that are planned, in the order of planning.
#[derive(Debug, Default)]
pub(crate) struct Faults(Vec<Fault>);

impl Faults {
    pub(crate) fn plan(&mut self, mut fault: Fault) -> Result<(), UnknownMethod> {
        if !operations().any(|operation| fault.covers(operation)) {
            return Err(UnknownMethod(fault.method));
        }
        if fault.times.is_none() && fault.probability.is_none() {
            fault.times = Some(1);
        }
        self.0.push(fault);
        Ok(())
    }

    pub(crate) fn planned(&self) -> &[Fault] {
        &self.0
    }

    pub(crate) fn forget(&mut self) {
        self.0.clear();
    }

    /// The fault that strikes this call, if one does.
    pub(crate) fn strike(&mut self, operation: &str, random: &impl Random) -> Option<Fault> {
        let strikes =
            |fault: &Fault| fault.covers(operation) && fault.probability.is_none_or(|chance| random.unit() < chance);
        let place = self.0.iter().position(strikes)?;
        let fault = self.0[place].clone();
        if let Some(times) = &mut self.0[place].times {
            *times = times.saturating_sub(1);
            if *times == 0 {
                self.0.remove(place);
            }
        }
        Some(fault)
    }
}
