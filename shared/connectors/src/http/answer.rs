//! What an API's answer means for the step: its output, or an error classed by the status. Called by [`super::request`].
//!
//! Statuses by RFC 9110, section 15, and RFC 6585 (429), RFC 8470 (425). An API may repeat what it was sent, so the
//! credential is taken out of whatever is kept.

use std::borrow::Cow;
use std::collections::BTreeMap;

use deskwire_core::action::{CallError, ErrorClass, HoldKey};
use deskwire_egress::Response;
use http::header::{CONTENT_TYPE, HeaderMap, SET_COOKIE};
use http::{Method, StatusCode};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde_json::{Value, json};

use super::body::is_json;
use crate::client::{DEFAULT_WAIT, lost_advice, quoted};
use crate::connection::Connection;
use crate::input::bad;
use deskwire_core::retry_after::retry_after;

/// Which statuses the step takes for an answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Accept {
    /// Those that begin with a 2.
    Success,
    /// These.
    These(Vec<u16>),
    /// Whatever comes.
    Any,
}

impl JsonSchema for Accept {
    fn schema_name() -> Cow<'static, str> {
        "Accept".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "anyOf": [
                { "type": "array", "items": { "type": "integer", "minimum": 100, "maximum": 599 } },
                { "type": "string", "enum": ["any"] },
            ]
        })
    }
}

impl Accept {
    pub(super) fn read(given: &Value) -> Result<Self, CallError> {
        let status = |value: &Value| {
            let number = value.as_u64().or_else(|| value.as_str()?.trim().parse().ok())?;
            u16::try_from(number).ok().filter(|number| (100..=599).contains(number))
        };
        let accepted = match given.get("accept_status") {
            None | Some(Value::Null) => return Ok(Self::Success),
            Some(Value::String(word)) if word.trim().eq_ignore_ascii_case("any") => return Ok(Self::Any),
            Some(Value::Array(list)) => list.iter().map(status).collect::<Option<Vec<_>>>(),
            Some(one) => status(one).map(|one| vec![one]),
        };
        accepted.filter(|list| !list.is_empty()).map(Self::These).ok_or_else(|| {
            bad("`accept_status` must be `any` or a list of statuses from 100 to 599, such as [200, 404].".to_owned())
        })
    }

    fn takes(&self, status: StatusCode) -> bool {
        match self {
            Self::Success => status.is_success(),
            Self::These(list) => list.contains(&status.as_u16()),
            Self::Any => true,
        }
    }
}

/// The step's output, or why there is none. `if_lost` is the class of a failure after which the call may have happened.
pub(super) fn read(
    connection: &Connection,
    method: &Method,
    response: &Response,
    accept: &Accept,
    if_lost: ErrorClass,
    budget: HoldKey,
) -> Result<Value, CallError> {
    if accept.takes(response.status) {
        return Ok(output(connection, response));
    }
    Err(classed(connection, method, response, if_lost, budget))
}

fn output(connection: &Connection, response: &Response) -> Value {
    json!({
        "status": response.status.as_u16(),
        "ok": response.status.is_success(),
        "headers": headers(connection, &response.headers),
        "body": body(connection, response),
    })
}

/// The headers by name, those of one name joined as RFC 9110, section 5.3, has it. Cookies cannot be joined, and are
/// credentials besides.
fn headers(connection: &Connection, headers: &HeaderMap) -> BTreeMap<String, String> {
    let mut shown = BTreeMap::<String, String>::new();
    for (name, value) in headers.iter().filter(|(name, _)| **name != SET_COOKIE) {
        let value = connection.without_credential(&String::from_utf8_lossy(value.as_bytes())).into_owned();
        let joined = shown.entry(name.as_str().to_owned()).or_default();
        if !joined.is_empty() {
            joined.push_str(", ");
        }
        joined.push_str(&value);
    }
    shown
}

/// JSON as a value, everything else as text. Without a type, and with a wrong one, what looks like an object or a list and
/// is one counts as JSON.
fn body(connection: &Connection, response: &Response) -> Value {
    let text = String::from_utf8_lossy(&response.body);
    let text = connection.without_credential(&text);
    let says_json = response.headers.get(CONTENT_TYPE).is_some_and(is_json);
    if text.trim().is_empty() {
        return Value::Null;
    }
    let looks_like_json = says_json || text.trim_start_matches('\u{feff}').trim_start().starts_with(['{', '[']);
    let parsed = if looks_like_json { deskwire_core::json::from_str(&text).ok() } else { None };
    parsed.unwrap_or_else(|| Value::String(text.into_owned()))
}

fn classed(
    connection: &Connection,
    method: &Method,
    response: &Response,
    if_lost: ErrorClass,
    budget: HoldKey,
) -> CallError {
    let (status, name) = (response.status.as_u16(), &connection.name);
    let code = format!("http_{status}");
    let wait = retry_after(&response.headers);
    let says = words(connection, &response.body).map(|words| format!(" It says: {words}.")).unwrap_or_default();
    match status {
        300..=399 => {
            let message = format!(
                "The API of connection {name} sent {method} elsewhere (status {status}); redirects are not followed. \
                 Call the final address: check the connection's base_url and the step's `path`."
            );
            CallError::new(ErrorClass::Fail, code, message)
        }
        401 => {
            let message =
                format!("The API does not accept the credential of connection {name}. {}", connection.remedy());
            CallError::new(ErrorClass::NeedsReauthorization, code, message)
        }
        408 | 425 | 429 => {
            let message = format!(
                "The API of connection {name} does not take {method} for now (status {status}).{says} Nothing was done, \
                 and it will be tried again."
            );
            match wait.or((status == 429).then_some(DEFAULT_WAIT)) {
                Some(wait) => CallError::rate_limited(code, message, wait, budget),
                None => CallError::new(ErrorClass::Retry, code, message),
            }
        }
        500.. => {
            let advice = lost_advice(if_lost);
            let message = format!("The API of connection {name} failed at {method} (status {status}).{says} {advice}");
            CallError { retry_after: wait, ..CallError::new(if_lost, code, message) }
        }
        _ => {
            let way = "If the step can go on with this status, name it under `accept_status`.";
            let message = format!("The API of connection {name} refused {method} (status {status}).{says} {way}");
            CallError::new(ErrorClass::Fail, code, message)
        }
    }
}

/// Where APIs put words for people: Google and those who follow it, RFC 9457, RFC 6749, JSON:API, GraphQL, and plain habit.
const WORDS: [&str; 9] = [
    "/error/message",
    "/error_description",
    "/message",
    "/detail",
    "/title",
    "/errors/0/message",
    "/errors/0/detail",
    "/errors/0",
    "/error",
];

/// The beginning of the API's own words about a failure; plain text counts, pages of HTML do not.
fn words(connection: &Connection, body: &[u8]) -> Option<String> {
    let text = String::from_utf8_lossy(body);
    let text = match deskwire_core::json::from_str::<Value>(&text) {
        Ok(json) => WORDS.iter().find_map(|place| json.pointer(place)?.as_str().map(str::to_owned))?,
        Err(_) if text.trim_start().starts_with(['<', '{', '[']) => return None,
        Err(_) => text.into_owned(),
    };
    let words = quoted(connection.without_credential(&text).trim());
    let words = words.trim_end_matches('.');
    if words.is_empty() { None } else { Some(words.to_owned()) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::connection_at;

    fn read_words(body: &str) -> Option<String> {
        words(&connection_at("any", "https://api.example.com"), body.as_bytes())
    }

    #[test]
    fn an_api_s_own_words_are_found_in_the_usual_places() {
        let table = [
            (r#"{"error":{"message":"No such model.","type":"x"}}"#, Some("No such model")),
            (r#"{"type":"about:blank","title":"Bad","detail":"No colour"}"#, Some("No colour")),
            (r#"{"error":"invalid_grant","error_description":"expired"}"#, Some("expired")),
            (r#"{"errors":["Name is blank"]}"#, Some("Name is blank")),
            (r#"{"error":"nope"}"#, Some("nope")),
            ("Slow\ndown", Some("Slow down")),
            ("<html>502</html>", None),
            (r#"{"cut": "#, None),
            (r#"{"ok":false}"#, None),
            ("", None),
        ];
        for (body, expected) in table {
            assert_eq!(read_words(body).as_deref(), expected, "{body}");
        }
    }

    #[test]
    fn an_api_that_repeats_the_credential_does_not_make_us_show_it() {
        let repeated = r#"{"error":{"message":"Incorrect key marker-secret given"}}"#;
        assert_eq!(read_words(repeated).unwrap(), "Incorrect key [credential] given");
    }

    #[test]
    fn accepted_statuses_are_a_list_or_any() {
        let read = |given: Value| Accept::read(&json!({ "accept_status": given }));
        assert_eq!(read(json!(null)).unwrap(), Accept::Success);
        assert_eq!(read(json!("any")).unwrap(), Accept::Any);
        assert_eq!(read(json!([200, "404"])).unwrap(), Accept::These(vec![200, 404]));
        assert_eq!(read(json!(204)).unwrap(), Accept::These(vec![204]));
        for given in [json!([]), json!(["2xx"]), json!([99]), json!([200, 600]), json!({}), json!("all")] {
            assert!(read(given.clone()).is_err(), "{given}");
        }
    }
}
