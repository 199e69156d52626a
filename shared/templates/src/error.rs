//! What can be wrong with a template, in one sentence for the person who wrote it.
//!
//! The engine's errors become ours here and nowhere else. Its debug dump, which would hold the values in scope, is
//! dropped.

use std::ops::Range;

use minijinja::ErrorKind as Cause;

/// What kind of thing is wrong; callers act on this, people read the message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ErrorKind {
    /// The text is not in the language.
    Syntax,
    /// A name has no value.
    Undefined,
    /// It does more work than [`Limits::fuel`](crate::Limits::fuel) allows.
    Fuel,
    /// The template, or what it makes, is larger than its limit.
    TooLong,
    /// A value is of a kind that cannot be used there.
    Type,
    /// Anything else the engine objects to.
    Other,
}

/// A template that cannot be compiled or rendered.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct TemplateError {
    /// What kind of thing is wrong.
    pub kind: ErrorKind,
    /// One sentence: what is wrong and what to do.
    pub message: String,
    /// Where in the template's text, in bytes.
    pub range: Option<Range<usize>>,
}

impl TemplateError {
    pub(crate) fn new(kind: ErrorKind, message: impl Into<String>, range: Option<Range<usize>>) -> Self {
        Self { kind, message: message.into(), range }
    }

    /// Translates an engine's error. The engine saw `text` with `shift` bytes of ours before it.
    pub(crate) fn from_engine(error: &minijinja::Error, text: &str, shift: usize) -> Self {
        Self::from_engine_at(error, error.range(), text, shift)
    }

    /// The same where the engine saw yet more of ours, and `range` is the error's place without it.
    pub(crate) fn from_engine_at(
        error: &minijinja::Error,
        range: Option<Range<usize>>,
        text: &str,
        shift: usize,
    ) -> Self {
        let range = range.and_then(|range| within(&range, text, shift));
        let part = range.clone().and_then(|range| text.get(range)).unwrap_or_default().trim();
        let detail = error.detail().unwrap_or_default();
        let (kind, message) = match error.kind() {
            Cause::SyntaxError | Cause::BadEscape | Cause::InvalidDelimiter => {
                (ErrorKind::Syntax, syntax(detail, error))
            }
            Cause::UndefinedError => return undefined(detail, text, range),
            Cause::OutOfFuel => (
                ErrorKind::Fuel,
                "the template does more work than allowed: shorten its loops and the texts it repeats".to_owned(),
            ),
            Cause::NonPrimitive
            | Cause::NonKey
            | Cause::InvalidOperation
            | Cause::CannotUnpack
            | Cause::BadSerialization => (ErrorKind::Type, about(part, detail, error)),
            _ => (ErrorKind::Other, about(part, detail, error)),
        };
        Self { kind, message, range }
    }
}

/// The engine's range as one of ours; a range in text that we added is none.
fn within(range: &Range<usize>, text: &str, shift: usize) -> Option<Range<usize>> {
    let start = range.start.checked_sub(shift)?;
    let end = range.end.saturating_sub(shift).min(text.len());
    (start <= end && text.is_char_boundary(start) && text.is_char_boundary(end)).then_some(start..end)
}

fn syntax(detail: &str, error: &minijinja::Error) -> String {
    if detail.is_empty() { error.kind().to_string() } else { detail.to_owned() }
}

fn undefined(detail: &str, text: &str, range: Option<Range<usize>>) -> TemplateError {
    // The engine names the value that is missing in backticks. What failed may be a larger part, or only its end.
    let part = range.clone().and_then(|range| text.get(range)).unwrap_or_default().trim();
    let name = detail.split('`').nth(1).filter(|name| !name.is_empty()).unwrap_or(part);
    let place = text.match_indices(name).map(|(start, name)| start..start + name.len());
    let mut place = place.filter(|place| !text[place.end..].starts_with(|c: char| c.is_alphanumeric() || c == '_'));
    let message = match name {
        "" => "a name in the template has no value: correct it, or say what to take instead with `| default(…)`"
            .to_owned(),
        name => format!("`{name}` has no value: correct the name, or say what to take instead with `| default(…)`"),
    };
    TemplateError::new(ErrorKind::Undefined, message, place.next().filter(|place| !place.is_empty()).or(range))
}

fn about(part: &str, detail: &str, error: &minijinja::Error) -> String {
    let what = syntax(detail, error);
    if part.is_empty() { what } else { format!("`{part}`: {what}") }
}
