//! What a status other than 2xx from Qualtrics means. <https://api.qualtrics.com/> (checked 2026-11-23).

use deskwire_core::action::{CallError, ErrorClass};
use deskwire_egress::Response;
use serde_json::Value;

use crate::client::{DEFAULT_WAIT, lost_advice, quoted};
use crate::connection::Connection;
use deskwire_core::retry_after::retry_after;

pub(super) fn classed(connection: &Connection, response: &Response, what: &str, if_lost: ErrorClass) -> CallError {
    let (status, name) = (response.status.as_u16(), &connection.name);
    let body: Value = deskwire_core::json::from_slice(&response.body).unwrap_or_default();
    let word = |field: &str| body.pointer(&format!("/meta/error/{field}")).and_then(Value::as_str).map(quoted);
    let says = word("errorMessage").map(|text| format!(" Qualtrics says: {text}.")).unwrap_or_default();
    let code = word("errorCode").unwrap_or_else(|| format!("http_{status}"));
    let (class, message) = match status {
        401 => (
            ErrorClass::NeedsReauthorization,
            format!("Qualtrics does not know who we are.{says} {}", connection.remedy()),
        ),
        403 => (
            ErrorClass::Fail,
            format!(
                "The user of connection {name} may not have {what}.{says} Ask a brand administrator for the right."
            ),
        ),
        404 => (ErrorClass::Fail, format!("There is no {what} for connection {name}.{says}")),
        429 => (ErrorClass::Retry, format!("The brand's requests for this minute are used up, so {what} waits.{says}")),
        500.. => {
            let advice = lost_advice(if_lost);
            (if_lost, format!("Qualtrics answered for {what} with status {status}.{says} {advice}"))
        }
        _ => (ErrorClass::Fail, format!("Qualtrics refuses the request for {what} (status {status}).{says}")),
    };
    let wait = (class == ErrorClass::Retry).then(|| retry_after(&response.headers).unwrap_or(DEFAULT_WAIT));
    CallError { retry_after: wait, ..CallError::new(class, code, message) }
}
