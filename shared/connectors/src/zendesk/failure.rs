//! What a status other than 2xx from Zendesk means for a read. Called by [`super::Zendesk::get`].
//!
//! <https://developer.zendesk.com/api-reference/introduction/requests/> and `…/rate-limits/`, checked 2026-11-23.

use deskwire_core::action::{CallError, ErrorClass};
use deskwire_egress::Response;
use serde_json::Value;

use super::budget;
use crate::client::{DEFAULT_WAIT, quoted, retry_after};
use crate::connection::Connection;

/// Zendesk's own words about a failure, where the body holds any.
#[derive(Debug, Default, PartialEq, Eq)]
struct Words {
    /// `RecordNotFound`
    code: Option<String>,
    /// What a person can read.
    detail: Option<String>,
}

pub(super) fn classed(connection: &Connection, response: &Response, what: &str) -> CallError {
    let (status, name) = (response.status.as_u16(), &connection.name);
    let words = words(&response.body);
    let http_code = format!("http_{status}");
    let says = words.detail.map(|detail| format!(" Zendesk says: {detail}.")).unwrap_or_default();
    let own_code = words.code.clone().unwrap_or_else(|| http_code.clone());
    let error = |class, code, message| CallError::new(class, code, message);
    match status {
        401 => {
            let message = format!(
                "Zendesk does not accept the credential of connection {name}. Store a new one in {}; with an API token, \
                 the user name ends in /token.",
                connection.secret_place
            );
            error(ErrorClass::NeedsReauthorization, http_code, message)
        }
        403 => {
            let message = format!(
                "The user of connection {name} may not see {what}.{says} Give the user (or the token's scopes) the right, \
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
        408 | 409 => {
            let message = format!("Zendesk was busy with {what} (connection {name}).{says} It will be tried again.");
            error(ErrorClass::Retry, own_code, message)
        }
        429 => {
            let wait = retry_after(&response.headers).unwrap_or(DEFAULT_WAIT);
            let message = format!(
                "Zendesk takes no more calls on connection {name} for {} s; nothing was done, and it will be tried again.",
                wait.as_secs()
            );
            CallError::rate_limited(http_code, message, wait, budget(name))
        }
        500.. => {
            let message = format!(
                "Zendesk is away or in maintenance: it answered status {status} for {what} (connection {name}). It will be \
                 tried again."
            );
            let mut error = error(ErrorClass::Retry, http_code, message);
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

/// Reads the shapes seen: `error` as text or as an object, `errors` as a list, `details` keyed by field. Anything else,
/// HTML and plain text included, has no words for us.
fn words(body: &[u8]) -> Words {
    let Ok(body) = serde_json::from_slice::<Value>(body) else { return Words::default() };
    let text = |pointer: &str| body.pointer(pointer).and_then(Value::as_str).map(quoted);
    let code = text("/error").or_else(|| text("/errors/0/code"));
    let fields = body.get("details").and_then(Value::as_object).map(|details| {
        let fields = details.iter().map(|(field, problems)| match first_description(problems) {
            Some(description) => format!("{field}: {description}"),
            None => field.clone(),
        });
        quoted(&fields.collect::<Vec<_>>().join("; "))
    });
    let detail = fields
        .or_else(|| text("/description"))
        .or_else(|| text("/error/message"))
        .or_else(|| text("/error/title"))
        .or_else(|| text("/errors/0/detail"))
        .or_else(|| text("/errors/0/title"))
        .map(|detail| detail.trim_end_matches('.').to_owned());
    // A code is a word; a sentence in its place ("Couldn't authenticate you") is a detail.
    match code {
        Some(code) if code.contains(' ') => Words { code: None, detail: detail.or(Some(code)) },
        code => Words { code, detail },
    }
}

fn first_description(problems: &Value) -> Option<&str> {
    problems.pointer("/0/description").and_then(Value::as_str)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pair(body: &str) -> (Option<String>, Option<String>) {
        let Words { code, detail } = words(body.as_bytes());
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
