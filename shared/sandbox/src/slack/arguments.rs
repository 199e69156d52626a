//! Reading a call's arguments: from a form, from JSON where the method takes it, or from the query.
//!
//! <https://docs.slack.dev/apis/web-api>, checked 2026-11-23. A method that takes no JSON ignores it, so that it answers as
//! if nothing had been given; that is what makes such mistakes hard to see with the real Slack.

use std::collections::BTreeMap;

use http::HeaderMap;
use http::header::CONTENT_TYPE;
use serde_json::Value;

/// A call's arguments. Texts of a form stay texts; JSON keeps its kinds.
#[derive(Debug, Default)]
pub(crate) struct Arguments {
    values: BTreeMap<String, Value>,
    /// What Slack warns about, though it carries the call out.
    pub warnings: Vec<&'static str>,
}

impl Arguments {
    /// Reads them, or answers with Slack's error code.
    pub(crate) fn read(
        takes_json: bool,
        headers: &HeaderMap,
        query: Option<&str>,
        body: &[u8],
    ) -> Result<Self, &'static str> {
        let mut found = Self::default();
        found.add_form(query.unwrap_or_default().as_bytes());
        if body.is_empty() {
            return Ok(found);
        }
        let Some(content_type) = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()) else {
            return Err("missing_post_type");
        };
        let (kind, rest) = content_type.split_once(';').unwrap_or((content_type, ""));
        let has_charset = rest.to_ascii_lowercase().contains("charset=");
        match kind.trim().to_ascii_lowercase().as_str() {
            "application/x-www-form-urlencoded" => {
                if std::str::from_utf8(body).is_err() {
                    return Err("invalid_form_data");
                }
                found.add_form(body);
                if has_charset {
                    found.warnings.push("superfluous_charset");
                }
            }
            "application/json" => {
                if !has_charset {
                    found.warnings.push("missing_charset");
                }
                let given: Value = deskwire_core::json::from_slice(body).map_err(|_| "invalid_json")?;
                let Value::Object(given) = given else { return Err("json_not_object") };
                if takes_json {
                    found.values.extend(given);
                }
            }
            _ => return Err("invalid_post_type"),
        }
        Ok(found)
    }

    fn add_form(&mut self, form: &[u8]) {
        let pairs = url::form_urlencoded::parse(form);
        self.values.extend(pairs.map(|(name, value)| (name.into_owned(), Value::from(value.into_owned()))));
    }

    /// An argument as text; numbers and truth values become text. Empty counts as not given.
    pub(crate) fn text(&self, name: &str) -> Option<String> {
        let text = match self.values.get(name)? {
            Value::String(text) => text.clone(),
            Value::Number(number) => number.to_string(),
            Value::Bool(truth) => truth.to_string(),
            Value::Null | Value::Array(_) | Value::Object(_) => return None,
        };
        Some(text).filter(|text| !text.is_empty())
    }

    /// A truth value; anything but `true` and `1` is false.
    pub(crate) fn truth(&self, name: &str) -> bool {
        self.text(name).is_some_and(|text| matches!(text.as_str(), "true" | "1"))
    }

    /// A nested value: JSON as text in a form, JSON or such a text in a JSON body. `Err` if it is no JSON.
    pub(crate) fn nested(&self, name: &str) -> Result<Option<Value>, ()> {
        match self.values.get(name) {
            None | Some(Value::Null) => Ok(None),
            Some(Value::String(text)) if text.is_empty() => Ok(None),
            Some(Value::String(text)) => deskwire_core::json::from_str(text).map(Some).map_err(|_| ()),
            Some(other) => Ok(Some(other.clone())),
        }
    }

    /// How many items a page may hold: as asked, at least one, at most Slack's 999.
    pub(crate) fn limit(&self) -> usize {
        self.text("limit").and_then(|text| text.parse().ok()).unwrap_or(100).clamp(1, 999)
    }
}
