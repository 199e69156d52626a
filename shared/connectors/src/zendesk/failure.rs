//! What a status other than 2xx from Zendesk means. Called by [`super::Zendesk`] for reads and writes.
//!
//! <https://developer.zendesk.com/api-reference/introduction/requests/> and `…/rate-limits/`, checked 2026-11-23.

use deskwire_core::action::{CallError, ErrorClass, HoldKey};
use deskwire_egress::Response;
use http::HeaderMap;
use serde_json::Value;

use super::budget;
use crate::client::{DEFAULT_WAIT, lost_advice, quoted};
use crate::connection::Connection;
use deskwire_core::retry_after::retry_after;

/// Zendesk's code for a value that it refuses.
pub(crate) const REFUSED: &str = "RecordInvalid";

/// Zendesk's code for two savers at one moment.
pub(crate) const COLLISION: &str = "DatabaseConflict";

/// Our code for a condition that did not hold.
pub(crate) const CHANGED_SINCE: &str = "changed_since";

/// Zendesk's own words about a failure, where the body holds any.
#[derive(Debug, Default, PartialEq, Eq)]
struct Words {
    /// `RecordNotFound`
    code: Option<String>,
    /// What a person can read.
    detail: Option<String>,
}

/// The input of ours that one of Zendesk's fields was given by, from the field's name and what is wrong with it.
pub(crate) type InputName<'a> = dyn Fn(&str, &Value) -> Option<String> + Sync + 'a;

/// What was asked for, so that a failure can be classed and worded.
#[derive(Clone)]
pub(crate) struct Asked<'a> {
    /// `ticket 48213`
    pub(crate) what: &'a str,
    /// What the connection's user may not do, if that is what is wrong.
    pub(crate) verb: &'static str,
    /// What a lost answer, or a server's error, means.
    pub(crate) if_lost: ErrorClass,
    /// The budget that is used up where the account's own is not.
    pub(crate) narrow: Option<HoldKey>,
    /// Was it to be done only if nobody changed the thing meanwhile?
    pub(crate) conditional: bool,
    /// For a refused value.
    pub(crate) input_name: &'a InputName<'a>,
}

impl<'a> Asked<'a> {
    pub(crate) fn read(what: &'a str) -> Self {
        Self {
            what,
            verb: "see",
            if_lost: ErrorClass::Retry,
            narrow: None,
            conditional: false,
            input_name: &|_, _| None,
        }
    }

    /// A change that may be repeated, whose inputs are named as Zendesk's fields.
    pub(crate) fn change(what: &'a str) -> Self {
        Self { verb: "change", input_name: &|field, _| Some(field.to_owned()), ..Self::read(what) }
    }
}

pub(super) fn classed(connection: &Connection, response: &Response, asked: &Asked<'_>) -> CallError {
    let (status, name) = (response.status.as_u16(), &connection.name);
    let Asked { what, verb, if_lost, .. } = *asked;
    let words = words(&response.body, asked.input_name);
    let http_code = format!("http_{status}");
    let says = words.detail.map(|detail| format!(" Zendesk says: {detail}.")).unwrap_or_default();
    let own_code = words.code.clone().unwrap_or_else(|| http_code.clone());
    let error = |class, code, message| CallError::new(class, code, message);
    match status {
        401 => {
            let message = format!(
                "Zendesk does not accept the credential of connection {name}. {} With an API token, the user name ends in \
                 /token.",
                connection.remedy()
            );
            error(ErrorClass::NeedsReauthorization, http_code, message)
        }
        403 => {
            let message = format!(
                "The user of connection {name} may not {verb} {what}.{says} Give the user (or the token's scopes) the right, \
                 or use another connection."
            );
            error(ErrorClass::Fail, http_code, message)
        }
        404 if words.code.as_deref() == Some("RecordNotFound") => {
            let message =
                format!("Zendesk knows no {what} (connection {name}): it was deleted, or the id is another account's.");
            error(ErrorClass::Fail, own_code, message)
        }
        404 => {
            let message = format!(
                "There is nothing at the address of {what} on connection {name}.{says} Check the connection's base_url, \
                 and that the account's plan has this feature."
            );
            error(ErrorClass::Fail, own_code, message)
        }
        // What Zendesk calls this conflict is not documented; the other one, of two savers at one moment, has a name.
        409 if asked.conditional && words.code.as_deref() != Some(COLLISION) => {
            let message = format!(
                "Somebody changed {what} since the time in `only_if_unchanged_since` (connection {name}), so it was left as \
                 it is. Look it up again and decide anew, or leave the condition out."
            );
            error(ErrorClass::Fail, CHANGED_SINCE.to_owned(), message)
        }
        409 => {
            let message = format!("Zendesk was busy with {what} (connection {name}).{says} It will be tried again.");
            error(ErrorClass::Retry, own_code, message)
        }
        429 => {
            let wait = retry_after(&response.headers).unwrap_or(DEFAULT_WAIT);
            // Endpoints have limits of their own, below the account's.
            let narrow = asked.narrow.clone().filter(|_| has_calls_left(&response.headers));
            let of = if narrow.is_some() { format!(" for {what}") } else { String::new() };
            let message = format!(
                "Zendesk takes no more calls{of} on connection {name} for {} s; nothing was done, and it will be tried \
                 again.",
                wait.as_secs()
            );
            CallError::rate_limited(http_code, message, wait, narrow.unwrap_or_else(|| budget(name)))
        }
        408 | 500.. => {
            let message = format!(
                "Zendesk is away or in maintenance: it answered status {status} for {what} (connection {name}). {}",
                lost_advice(if_lost)
            );
            let mut error = error(if_lost, http_code, message);
            error.retry_after = retry_after(&response.headers);
            error
        }
        300..=399 => {
            let message = format!(
                "Connection {name} was sent elsewhere (status {status}) when asking for {what}; redirects are not \
                 followed. Set the connection's base_url to the account's own address."
            );
            error(ErrorClass::Fail, http_code, message)
        }
        _ => {
            let message = format!("Zendesk refused {what} (connection {name}, status {status}).{says}");
            error(ErrorClass::Fail, own_code, message)
        }
    }
}

/// Does the account have calls left in this minute, by either spelling of the header?
fn has_calls_left(headers: &HeaderMap) -> bool {
    let names = ["ratelimit-remaining", "rate-limit-remaining", "x-rate-limit-remaining"];
    let remaining = names.iter().find_map(|name| headers.get(*name)?.to_str().ok()?.trim().parse::<u32>().ok());
    remaining.is_some_and(|remaining| remaining > 0)
}

/// Reads the shapes seen: `error` as text or as an object, `errors` as a list, `details` keyed by field. Anything else,
/// HTML and plain text included, has no words for us.
fn words(body: &[u8], input_name: &InputName<'_>) -> Words {
    let Ok(body) = deskwire_core::json::from_slice::<Value>(body) else { return Words::default() };
    let text = |pointer: &str| body.pointer(pointer).and_then(Value::as_str).map(quoted);
    let code = text("/error").or_else(|| text("/errors/0/code"));
    let fields = body.get("details").and_then(Value::as_object).map(|details| {
        let fields = details.iter().flat_map(|(field, problems)| refused_field(field, problems, input_name));
        quoted(&fields.collect::<Vec<_>>().join("; "))
    });
    let detail = fields
        .or_else(|| text("/description"))
        .or_else(|| text("/error/message"))
        .or_else(|| text("/error/title"))
        .or_else(|| text("/errors/0/detail"))
        .or_else(|| text("/errors/0/message"))
        .or_else(|| text("/errors/0/title"))
        .map(|detail| detail.trim_end_matches('.').to_owned());
    // A code is a word; a sentence in its place ("Couldn't authenticate you") is a detail.
    match code {
        Some(code) if code.contains(' ') => Words { code: None, detail: detail.or(Some(code)) },
        code => Words { code, detail },
    }
}

/// Each thing that is wrong with a field, under the name of the input that gave it.
fn refused_field(field: &str, problems: &Value, input_name: &InputName<'_>) -> Vec<String> {
    let one = |problem: &Value| {
        let name = input_name(field, problem).map_or_else(|| field.to_owned(), |input| format!("`{input}`"));
        match problem.get("description").and_then(Value::as_str) {
            Some(description) => format!("{name}: {description}"),
            None => name,
        }
    };
    match problems.as_array().map(Vec::as_slice) {
        None | Some([]) => vec![one(&Value::Null)],
        Some(problems) => problems.iter().map(one).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pair(body: &str) -> (Option<String>, Option<String>) {
        let Words { code, detail } = words(body.as_bytes(), &|_, _| None);
        (code, detail)
    }

    #[test]
    fn every_shape_of_error_body_is_read() {
        let table = [
            (r#"{"error":"RecordNotFound","description":"Not found"}"#, Some("RecordNotFound"), Some("Not found")),
            (r#"{"error":"Couldn't authenticate you"}"#, None, Some("Couldn't authenticate you")),
            (r#"{"error":{"title":"Forbidden","message":"You may not."}}"#, None, Some("You may not")),
            (r#"{"error":{"title":"Forbidden"}}"#, None, Some("Forbidden")),
            (
                r#"{"errors":[{"code":"TooManyRequests","title":"Slow down"}]}"#,
                Some("TooManyRequests"),
                Some("Slow down"),
            ),
            (
                r#"{"error":"RecordInvalid","description":"Record validation errors",
                    "details":{"status":[{"description":"closed prevents update","error":null}],"base":[]}}"#,
                Some("RecordInvalid"),
                Some("status: closed prevents update; base"),
            ),
            ("<html><body>Down for maintenance</body></html>", None, None),
            ("Too many requests", None, None),
            ("", None, None),
            ("[]", None, None),
            (r#"{"error":null,"errors":{}}"#, None, None),
        ];
        for (body, code, detail) in table {
            assert_eq!(pair(body), (code.map(str::to_owned), detail.map(str::to_owned)), "{body}");
        }
    }
}
