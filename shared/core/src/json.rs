//! Reading JSON that somebody else wrote: the one reader for events, answers of providers, tokens, files and the store.
//!
//! It takes what providers really send and a strict parser refuses. A byte order mark is skipped. Half of a surrogate pair
//! (`"\ud83d"` alone: an emoji that was cut in two) is read as U+FFFD, as browsers do when they turn text into UTF-8. Numbers
//! keep the digits they are written with; only an exponent gets its sign (`1e2` is `1e+2`). Of two members of one name the
//! last one counts. Nesting is limited to 127 levels.
//!
//! Everything else goes by RFC 8259, and what cannot be read is refused with the reason and its place, never with its text.

use std::borrow::Cow;

use serde::de::DeserializeOwned;
use serde_json::error::Category;

/// Something that is not JSON, or not the JSON that was wanted. The words name the reason, a line and a column, never the
/// text itself.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct NotJson(pub String);

/// Reads one JSON document in UTF-8.
pub fn from_slice<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, NotJson> {
    parse(&readable(bytes)?)
}

/// Reads one JSON document.
pub fn from_str<T: DeserializeOwned>(text: &str) -> Result<T, NotJson> {
    parse(&mended(text.strip_prefix('\u{feff}').unwrap_or(text)))
}

/// The text of a document in a form that every JSON parser takes; the same text where nothing has to be mended.
pub(crate) fn readable(bytes: &[u8]) -> Result<Cow<'_, str>, NotJson> {
    if bytes.starts_with(&[0xff, 0xfe]) || bytes.starts_with(&[0xfe, 0xff]) {
        return Err(NotJson("it is text in UTF-16, and JSON is sent in UTF-8".to_owned()));
    }
    let bytes = bytes.strip_prefix("\u{feff}".as_bytes()).unwrap_or(bytes);
    let text = std::str::from_utf8(bytes).map_err(|error| {
        let read = bytes.get(..error.valid_up_to()).unwrap_or_default();
        let read = String::from_utf8_lossy(read);
        let (line, column) =
            (read.matches('\n').count() + 1, read.chars().rev().take_while(|c| *c != '\n').count() + 1);
        NotJson(format!("invalid UTF-8 after byte {} at line {line} column {column}", error.valid_up_to()))
    })?;
    Ok(mended(text))
}

#[expect(clippy::disallowed_methods, reason = "this is the reader that everybody else has to use")]
fn parse<T: DeserializeOwned>(text: &str) -> Result<T, NotJson> {
    serde_json::from_str(text).map_err(|error| match error.classify() {
        Category::Eof if text.trim().is_empty() => NotJson("it is empty".to_owned()),
        Category::Eof => NotJson(format!("it ends too early, at line {} column {}", error.line(), error.column())),
        Category::Data => NotJson(without_its_text(&error.to_string())),
        _ => NotJson(error.to_string()),
    })
}

/// What the parser says of a value that does not fit, without the value: `invalid type: string, expected u64 at line 1
/// column 9`. Names of members stay.
fn without_its_text(error: &str) -> String {
    let names_a_member =
        ["missing field", "duplicate field", "unknown field"].iter().any(|said| error.starts_with(said));
    let quoted = error.find(['"', '`']).filter(|_| !names_a_member);
    let after = error.rfind(", expected ").or_else(|| error.rfind(" at line "));
    match (quoted, after) {
        (Some(quoted), Some(after)) if quoted < after => {
            let before = error[..quoted].trim_end();
            format!("{}{}", if before.is_empty() { "it does not fit" } else { before }, &error[after..])
        }
        (Some(quoted), None) => error[..quoted].trim_end().to_owned(),
        _ => error.to_owned(),
    }
}

/// Puts the escape of U+FFFD where an escape is half of a surrogate pair. It is as long, so places stay what they are.
fn mended(text: &str) -> Cow<'_, str> {
    let mut halves = lone_halves(text).peekable();
    if halves.peek().is_none() {
        return Cow::Borrowed(text);
    }
    let (mut mended, mut from) = (String::with_capacity(text.len()), 0);
    for at in halves {
        mended.push_str(&text[from..at]);
        mended.push_str("\\ufffd");
        from = at + 6;
    }
    mended.push_str(&text[from..]);
    Cow::Owned(mended)
}

/// Where the escapes stand that are half of a pair.
fn lone_halves(text: &str) -> impl Iterator<Item = usize> {
    let mut from = 0;
    std::iter::from_fn(move || {
        while let Some(at) = text.get(from..)?.find('\\').map(|found| from + found) {
            let after = &text.as_bytes()[at..];
            match surrogate(after) {
                Some(0xd800..=0xdbff) if matches!(surrogate(&after[6..]), Some(0xdc00..=0xdfff)) => from = at + 12,
                Some(_) => {
                    from = at + 6;
                    return Some(at);
                }
                // `\\` is a backslash, and what follows it stands for itself. The second character may be a long one.
                None => from = at + 1 + text[at + 1..].chars().next().map_or(0, char::len_utf8),
            }
        }
        None
    })
}

/// The unit of UTF-16 that an escape at the beginning stands for, if it is half of a pair.
fn surrogate(text: &[u8]) -> Option<u16> {
    let digits = text.strip_prefix(b"\\u")?.get(..4)?;
    // Most escapes are no surrogates: those begin with D.
    if !digits[0].eq_ignore_ascii_case(&b'd') || !digits.iter().all(u8::is_ascii_hexdigit) {
        return None;
    }
    let unit = u16::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()?;
    (0xd800..=0xdfff).contains(&unit).then_some(unit)
}

#[cfg(test)]
mod tests;
