//! The one reader of what token endpoints send: RFC 6749, section 5, as providers really speak it.
//!
//! Whatever a provider may spell in several ways is read here: the document itself, text, lifetimes, scopes, errors. Where a
//! value cannot be made out it counts as not said, since one odd field is no reason to lose tokens that are given out once.

use std::time::Duration;

use serde_json::{Map, Value};
use url::form_urlencoded;

/// No provider gives out a token for longer: a lifetime beyond this is a number gone wrong, or another word for "for ever".
const LONGEST: Duration = Duration::from_hours(100 * 365 * 24);

/// What an answer's body holds: JSON, with a byte order mark and broken UTF-8 forgiven, or a form, as some providers answer
/// for ever since drafts of OAuth. `None` where it is neither.
pub(crate) fn document(body: &[u8]) -> Option<Value> {
    let text = String::from_utf8_lossy(body);
    let text = text.trim_start_matches('\u{feff}').trim();
    match deskwire_core::json::from_str(text) {
        Ok(document) => Some(document),
        Err(_) => form(text),
    }
}

/// A form that holds what a token answer holds.
fn form(text: &str) -> Option<Value> {
    let fields: Map<String, Value> = form_urlencoded::parse(text.as_bytes())
        .map(|(name, value)| (name.into_owned(), Value::from(value.into_owned())))
        .collect();
    (fields.contains_key("access_token") || fields.contains_key("error")).then_some(Value::Object(fields))
}

/// A field's text without spaces around it; a number's digits. `None` where it is empty or anything else.
pub(crate) fn text(document: &Value, name: &str) -> Option<String> {
    words(document.get(name)?)
}

fn words(value: &Value) -> Option<String> {
    let text = match value {
        Value::String(text) => text.trim().to_owned(),
        Value::Number(number) => number.to_string(),
        _ => return None,
    };
    (!text.is_empty()).then_some(text)
}

/// How long something holds, as an answer says it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Lifetime {
    /// It does not say, or nothing that can be made out.
    Unsaid,
    /// So long; zero where it has ended.
    Lasts(Duration),
    /// Longer than anything lasts: there is no known end.
    Endless,
}

impl Lifetime {
    /// Seconds as a number or as text, whole or with a fraction, with a sign or spaces. What is negative has ended.
    pub(crate) fn read(document: &Value, name: &str) -> Self {
        document.get(name).and_then(words).map_or(Self::Unsaid, |text| Self::of(&text))
    }

    /// The same from text alone, as a header has it.
    pub(crate) fn of(text: &str) -> Self {
        let text: String = text.split_whitespace().collect();
        // What else the standard library takes for a number: `inf`, `nan`.
        if !text.bytes().all(|byte| byte.is_ascii_digit() || matches!(byte, b'.' | b'+' | b'-' | b'e' | b'E')) {
            return Self::Unsaid;
        }
        match text.parse::<f64>() {
            Err(_) => Self::Unsaid,
            Ok(seconds) if seconds <= 0.0 => Self::Lasts(Duration::ZERO),
            Ok(seconds) => match Duration::try_from_secs_f64(seconds) {
                Ok(lifetime) if lifetime <= LONGEST => Self::Lasts(lifetime),
                _ => Self::Endless,
            },
        }
    }

    /// The lifetime where it is known.
    pub(crate) const fn known(self) -> Option<Duration> {
        match self {
            Self::Lasts(lifetime) => Some(lifetime),
            Self::Unsaid | Self::Endless => None,
        }
    }
}

/// The scopes that an answer names, as one text parted by spaces or commas or as a list. `None` where it names none: then
/// they are those that were asked for.
pub(crate) fn scopes(document: &Value) -> Option<Vec<String>> {
    let texts: Vec<&str> = match document.get("scope").or_else(|| document.get("scopes"))? {
        Value::String(text) => vec![text],
        Value::Array(items) => items.iter().filter_map(Value::as_str).collect(),
        _ => return None,
    };
    let parts = texts.into_iter().flat_map(|text| text.split(|c: char| c.is_whitespace() || c == ','));
    let scopes: Vec<String> = parts.filter(|part| !part.is_empty()).map(str::to_owned).collect();
    (!scopes.is_empty()).then_some(scopes)
}

/// A provider's "no".
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Refusal {
    /// Its own word.
    pub code: String,
    /// What it adds.
    pub description: Option<String>,
}

/// What an answer refuses, if it does. An `error` that says nothing (empty, null, false, 0) is none; Slack says `ok: false`.
pub(crate) fn refusal(document: &Value) -> Option<Refusal> {
    let described = |part: &Value| text(part, "error_description").or_else(|| text(part, "message"));
    match document.get("error") {
        // Some put an object there: `{"error": {"type": "invalid_grant", "message": "…"}}`.
        Some(part @ Value::Object(fields)) if !fields.is_empty() => {
            let code = ["error", "type", "status", "code"].into_iter().find_map(|name| text(part, name));
            Some(Refusal { code: code.unwrap_or_else(|| "error".to_owned()), description: described(part) })
        }
        Some(Value::Bool(true)) => Some(Refusal { code: "error".to_owned(), description: described(document) }),
        Some(value) if !is_nothing(value) => {
            words(value).map(|code| Refusal { code, description: described(document) })
        }
        _ if says_not_ok(document) => Some(Refusal { code: "not_ok".to_owned(), description: described(document) }),
        _ => None,
    }
}

fn is_nothing(value: &Value) -> bool {
    match value {
        Value::Null | Value::Bool(false) => true,
        Value::Number(number) => number.as_f64() == Some(0.0),
        Value::String(text) => {
            matches!(text.trim().to_ascii_lowercase().as_str(), "" | "0" | "null" | "none" | "false")
        }
        Value::Array(items) => items.is_empty(),
        Value::Object(fields) => fields.is_empty(),
        Value::Bool(true) => false,
    }
}

fn says_not_ok(document: &Value) -> bool {
    match document.get("ok") {
        Some(Value::Bool(ok)) => !ok,
        Some(Value::String(ok)) => ok.trim().eq_ignore_ascii_case("false"),
        _ => false,
    }
}
