//! Why a request has no answer, told apart by what may have happened outside: callers choose retry, look or fail by it.

use std::error::Error;
use std::sync::Arc;

use crate::guard::Refusal;

/// A request without an answer. No message holds a path, a query, a header or a body.
#[derive(Debug, thiserror::Error)]
pub enum EgressError {
    /// The guard refused it: nothing was sent, and it will be refused again.
    #[error("the call to {host} was refused: {refusal}")]
    Blocked {
        /// Host and port.
        host: String,
        /// The rule it breaks.
        #[source]
        refusal: Refusal,
    },
    /// Nothing reached the provider: the name was not found, nobody answered, or TLS could not be agreed on.
    #[error("nothing reached {host}: {}", innermost(.source))]
    NotSent {
        /// Host and port.
        host: String,
        /// What the HTTP library says, without the URL.
        source: reqwest::Error,
    },
    /// Time ran out or the connection broke after sending had begun: it may have happened.
    #[error("the answer of {host} was lost: {}", innermost(.source))]
    Lost {
        /// Host and port.
        host: String,
        /// What the HTTP library says, without the URL.
        source: reqwest::Error,
    },
    /// The answer began, so it did happen, but is larger than we take.
    #[error("the answer of {host} is larger than the limit of {limit} bytes")]
    TooLarge {
        /// Host and port.
        host: String,
        /// The limit, in bytes.
        limit: usize,
    },
    /// The client could not be built, for example because this machine has no root certificates. Nothing was sent.
    #[error("the HTTP client could not be set up: {}", innermost(.0))]
    Setup(#[source] Arc<reqwest::Error>),
}

impl EgressError {
    /// Sorts a failure of sending or receiving.
    pub(crate) fn from_transport(host: String, error: reqwest::Error) -> Self {
        let source = error.without_url();
        if let Some(refusal) = refusal_behind(&source) {
            return Self::Blocked { host, refusal };
        }
        // The library marks what failed while connecting: name look-up, TCP, TLS. `is_builder` is a request it could not
        // even write. Everything else came after the first byte.
        if source.is_connect() || source.is_dns() || source.is_builder() {
            Self::NotSent { host, source }
        } else {
            Self::Lost { host, source }
        }
    }
}

fn refusal_behind(error: &reqwest::Error) -> Option<Refusal> {
    causes(error).find_map(|cause| cause.downcast_ref::<Refusal>()).cloned()
}

fn causes<'a>(error: &'a (dyn Error + 'static)) -> impl Iterator<Item = &'a (dyn Error + 'static)> {
    std::iter::successors(Some(error), |error: &&'a (dyn Error + 'static)| (*error).source())
}

/// The last cause says what a person wants to know ("Connection refused"); those before it say where in the library.
fn innermost(error: &(dyn Error + 'static)) -> String {
    causes(error).last().map(ToString::to_string).unwrap_or_default()
}
