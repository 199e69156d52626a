//! Filters of ours: what a value becomes inside a language that a text is written in, and `safe`.

use std::fmt::Write;
use std::sync::Arc;

use minijinja::value::{Enumerator, Object, ObjectRepr, ValueKind};
use minijinja::{Environment, Error, ErrorKind, Value};

use crate::escape::Escape;

/// Teaches the engine the filters.
pub(crate) fn teach(engine: &mut Environment<'static>) {
    engine.add_filter("safe", safe);
    engine.add_filter("soql", soql);
    engine.add_filter("soql_like", |text: String| soql_text(&text, true));
    engine.add_filter("search_phrase", |text: String| search_phrase(&text));
    // What is encoded already needs no more of it.
    engine.add_filter("urlencode", |value: &Value| minijinja::filters::urlencode(value).map(Value::from_safe_string));
    engine.add_filter("url_part", |text: String| Value::from_safe_string(Escape::Path.part(&text).into_owned()));
    engine.add_filter("csv", |text: String| csv(&text));
}

/// The value as markup: the texts in it are not escaped.
fn safe(value: Value) -> Result<Value, Error> {
    match value.kind() {
        ValueKind::Undefined => Err(Error::from(ErrorKind::UndefinedError)),
        ValueKind::String if !value.is_safe() => {
            Ok(Value::from_safe_string(value.as_str().unwrap_or_default().to_owned()))
        }
        ValueKind::Seq | ValueKind::Iterable | ValueKind::Map => Ok(Value::from_object(Trusted(value))),
        _ => Ok(value),
    }
}

/// A list or map in which every text is safe. It makes nothing before it is asked.
#[derive(Debug)]
struct Trusted(Value);

impl Object for Trusted {
    fn repr(self: &Arc<Self>) -> ObjectRepr {
        match self.0.kind() {
            ValueKind::Map => ObjectRepr::Map,
            ValueKind::Seq => ObjectRepr::Seq,
            _ => ObjectRepr::Iterable,
        }
    }

    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        safe(self.0.get_item(key).ok()?).ok()
    }

    fn enumerate(self: &Arc<Self>) -> Enumerator {
        match (self.0.kind(), self.0.len()) {
            (ValueKind::Seq, Some(length)) => Enumerator::Seq(length),
            (kind, _) => {
                let Ok(values) = self.0.try_iter() else { return Enumerator::NonEnumerable };
                // The keys of a map are no text to show.
                if kind == ValueKind::Map {
                    return Enumerator::Iter(Box::new(values));
                }
                Enumerator::Iter(Box::new(values.map(|value| safe(value.clone()).unwrap_or(value))))
            }
        }
    }
}

/// A literal of SOQL: text in quotes, numbers and truth values as they are, `null` for none
/// (<https://developer.salesforce.com/docs/atlas.en-us.soql_sosl.meta/soql_sosl/sforce_api_calls_soql_select_quotedstringescapes.htm>).
fn soql(value: &Value) -> Result<String, Error> {
    match value.kind() {
        ValueKind::Undefined => Err(Error::from(ErrorKind::UndefinedError)),
        ValueKind::None => Ok("null".to_owned()),
        ValueKind::Bool => Ok(if value.is_true() { "true" } else { "false" }.to_owned()),
        ValueKind::Number => Ok(value.to_string()),
        ValueKind::String => Ok(format!("'{}'", soql_text(value.as_str().unwrap_or_default(), false))),
        _ => Err(Error::new(
            ErrorKind::InvalidOperation,
            "SOQL has literals for text, numbers, true, false and none only",
        )),
    }
}

/// What stands between the quotes of a text in SOQL; `like` escapes the two placeholders of `LIKE` as well.
fn soql_text(text: &str, like: bool) -> String {
    let mut escaped = String::with_capacity(text.len() + 8);
    for character in text.chars() {
        match character {
            '\\' => escaped.push_str("\\\\"),
            '\'' => escaped.push_str("\\'"),
            '"' => escaped.push_str("\\\""),
            '\n' => escaped.push_str("\\n"),
            '\r' => escaped.push_str("\\r"),
            '\t' => escaped.push_str("\\t"),
            '\u{8}' => escaped.push_str("\\b"),
            '\u{c}' => escaped.push_str("\\f"),
            '%' | '_' if like => {
                escaped.push('\\');
                escaped.push(character);
            }
            control if control.is_control() => {
                // Writing to a string cannot fail.
                let _ = write!(escaped, "\\u{:04X}", u32::from(control));
            }
            other => escaped.push(other),
        }
    }
    escaped
}

/// A phrase of Zendesk's search, in quotes: no word in it is an operator. A quote would end the phrase, so it becomes a blank,
/// as control characters do.
fn search_phrase(text: &str) -> String {
    let words = text.replace(|character: char| matches!(character, '"' | '\\') || character.is_control(), " ");
    format!("\"{}\"", words.split_whitespace().collect::<Vec<_>>().join(" "))
}

/// A field of CSV by RFC 4180, in quotes. Spreadsheets take a text that begins with one of a few signs for a formula; an
/// apostrophe before it keeps it text (<https://owasp.org/www-community/attacks/CSV_Injection>).
fn csv(text: &str) -> String {
    let is_formula = text.starts_with(['=', '+', '-', '@', '\t', '\r']) && text.parse::<f64>().is_err();
    format!("\"{}{}\"", if is_formula { "'" } else { "" }, text.replace('"', "\"\""))
}
