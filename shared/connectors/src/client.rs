//! What all actions share: the connections by name, sending a signed-in request through the guarded client, and what a
//! failure of the network means for a step. Provider modules build on it; it knows no provider.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use deskwire_core::action::{ANY_PROVIDER, Call, CallError, ErrorClass};
use deskwire_core::ids::ConnectionName;
use deskwire_egress::{Egress, EgressError, Request, Response};
use http::{HeaderMap, Method};

use crate::connection::Connection;

/// How long to wait where a provider turns a call away and does not say how long.
pub(crate) const DEFAULT_WAIT: Duration = Duration::from_secs(30);

/// No provider holds us back for longer than this without being asked again: a header gone wrong must not stop a
/// connection for a year.
const LONGEST_WAIT: Duration = Duration::from_hours(1);

/// The connections and the way out. Share one.
#[derive(Debug)]
pub struct Client {
    egress: Arc<Egress>,
    connections: BTreeMap<ConnectionName, Connection>,
}

/// A request on a connection, before it is signed in.
pub(crate) struct Outgoing<'a> {
    pub(crate) method: Method,
    pub(crate) path: &'a str,
    pub(crate) query: &'a [(&'a str, &'a str)],
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

impl Client {
    /// A client for these connections.
    pub fn new(egress: Arc<Egress>, connections: impl IntoIterator<Item = Connection>) -> Self {
        let connections = connections.into_iter().map(|connection| (connection.name.clone(), connection)).collect();
        Self { egress, connections }
    }

    /// The connection that a call names, if it is one of `provider`; [`ANY_PROVIDER`] takes every connection.
    pub(crate) fn connection(&self, call: Call<'_>, provider: &str) -> Result<&Connection, CallError> {
        let name = call.connection;
        let Some(connection) = self.connections.get(name) else {
            let message = format!("There is no connection {name}; add it to `connections` in deskwire.yaml.");
            return Err(CallError::new(ErrorClass::Fail, "no_connection", message));
        };
        if provider != ANY_PROVIDER && connection.provider != provider {
            let message = format!("Connection {name} leads to {}; this action needs {provider}.", connection.provider);
            return Err(CallError::new(ErrorClass::Fail, "wrong_connection", message));
        }
        Ok(connection)
    }

    /// Sends a request once, signed in. `if_lost` is what it means when the answer is lost: [`ErrorClass::Retry`] for a
    /// call that may be repeated, [`ErrorClass::Unknown`] for one that may not.
    pub(crate) async fn send(
        &self,
        connection: &Connection,
        outgoing: Outgoing<'_>,
        if_lost: ErrorClass,
    ) -> Result<Response, CallError> {
        self.send_within(connection, outgoing, if_lost, None).await
    }

    /// Like [`Client::send`]; with a time limit, that one counts in place of the usual 30 s.
    pub(crate) async fn send_within(
        &self,
        connection: &Connection,
        outgoing: Outgoing<'_>,
        if_lost: ErrorClass,
        time_limit: Option<Duration>,
    ) -> Result<Response, CallError> {
        let mut headers = outgoing.headers;
        let (name, credential) = connection.sign_in();
        headers.insert(name, credential);
        let request = Request {
            method: outgoing.method,
            url: connection.url(outgoing.path, outgoing.query),
            allowed_domain: &connection.allowed_domain,
            headers,
            body: outgoing.body,
            time_limit,
        };
        self.egress.send(request).await.map_err(|error| network_error(connection, &error, if_lost))
    }
}

fn network_error(connection: &Connection, error: &EgressError, if_lost: ErrorClass) -> CallError {
    let (class, code, advice) = match error {
        EgressError::Blocked { .. } => (
            ErrorClass::Fail,
            "blocked_address",
            "Check the connection's base_url and allowed_domain in deskwire.yaml.",
        ),
        EgressError::Setup(_) => {
            (ErrorClass::Retry, "client_setup", "Nothing was sent; see that this machine has root certificates.")
        }
        EgressError::NotSent { .. } => (ErrorClass::Retry, "not_sent", "Nothing was sent; it will be tried again."),
        EgressError::Lost { source, .. } => {
            let code = if source.is_timeout() { "timeout" } else { "connection_lost" };
            (if_lost, code, lost_advice(if_lost))
        }
        EgressError::TooLarge { .. } => (unreadable(if_lost), "too_large", "Ask the provider for less at once."),
    };
    CallError::new(class, code, format!("Connection {}: {error}. {advice}", connection.name))
}

/// What to say about a lost answer.
pub(crate) const fn lost_advice(if_lost: ErrorClass) -> &'static str {
    match if_lost {
        ErrorClass::Unknown => "It may have happened all the same.",
        _ => "It can be repeated without harm and will be tried again.",
    }
}

/// The class of an answer that came whole but cannot be read: asking again gives the same, but what was asked for may
/// have happened.
pub(crate) const fn unreadable(if_lost: ErrorClass) -> ErrorClass {
    match if_lost {
        ErrorClass::Unknown => ErrorClass::Unknown,
        _ => ErrorClass::Fail,
    }
}

/// The header `Retry-After` in whole seconds, at most an hour. Its other form, a date, is used by none of our providers.
pub(crate) fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let seconds = headers.get(http::header::RETRY_AFTER)?.to_str().ok()?.trim().parse().ok()?;
    Some(Duration::from_secs(seconds).min(LONGEST_WAIT))
}

/// A provider's own words, made fit for a one-line message: no control characters, at most 300 characters.
pub(crate) fn quoted(text: &str) -> String {
    const MOST: usize = 300;
    let mut short: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).take(MOST).collect();
    if text.chars().nth(MOST).is_some() {
        short.push('…');
    }
    short
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn retry_after_takes_whole_seconds_up_to_an_hour() {
        let waits = [("30", Some(30)), (" 7 ", Some(7)), ("999999999", Some(3600)), ("-1", None), ("soon", None)];
        for (text, seconds) in waits {
            let headers = HeaderMap::from_iter([(http::header::RETRY_AFTER, text.parse().unwrap())]);
            assert_eq!(retry_after(&headers), seconds.map(Duration::from_secs), "{text}");
        }
    }

    #[test]
    fn quoted_words_stay_on_one_line_and_end() {
        assert_eq!(quoted("a\nb\u{1b}[0m"), "a b [0m");
        assert_eq!(quoted(&"x".repeat(301)), format!("{}…", "x".repeat(300)));
    }
}
