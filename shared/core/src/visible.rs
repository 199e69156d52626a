//! Text from outside in lines that people read: on a terminal, in a log, in an error.

use std::borrow::Cow;
use std::fmt::Write;

/// Does the character do something other than show? Controls move the cursor, clear the screen or begin a new line, and the
/// signs of the bidirectional algorithm (<https://www.unicode.org/reports/tr9/#Directional_Formatting_Characters>) and the
/// line separators let a text look like another one.
pub const fn is_hidden(character: char) -> bool {
    matches!(
        character,
        '\0'..='\u{1f}'
            | '\u{7f}'..='\u{9f}'
            | '\u{61c}'
            | '\u{200e}'
            | '\u{200f}'
            | '\u{2028}'..='\u{202e}'
            | '\u{2066}'..='\u{2069}'
            | '\u{feff}'
            | '\u{fff9}'..='\u{fffb}'
    )
}

/// The text with everything that does not show written out as `\u001b`, in the manner of JSON, so that a document of JSON
/// stays the same document. Line breaks and tabs stay.
pub fn visible(text: &str) -> Cow<'_, str> {
    written_out(text, |character| matches!(character, '\n' | '\t'))
}

/// The same in one line: line breaks and tabs are written out, too.
pub fn one_line(text: &str) -> Cow<'_, str> {
    written_out(text, |_| false)
}

/// The text as `show` ([`visible`] or [`one_line`]) has it, but with the codes of a terminal for bold, dim and colours left in.
/// No other code is: none that moves the cursor, clears, conceals or sends something back.
pub fn with_colours(text: &str, show: for<'t> fn(&'t str) -> Cow<'t, str>) -> Cow<'_, str> {
    let mut parts = text.split('\u{1b}');
    let Some(first) = parts.next().filter(|first| first.len() < text.len()) else { return show(text) };
    let mut shown = show(first).into_owned();
    for part in parts {
        shown.push_str(if begins_colour(part) { "\u{1b}" } else { "\\u001b" });
        shown.push_str(&show(part));
    }
    Cow::Owned(shown)
}

/// Does this stand behind an escape character in a code for bold, dim, italics, an underline, a colour, or their end?
/// (ECMA-48, section 8.3.117)
fn begins_colour(rest: &str) -> bool {
    let code = rest.strip_prefix('[').and_then(|rest| rest.split_once('m')).map(|(code, _)| code);
    code.is_some_and(|code| matches!(code.as_bytes(), [b'0'..=b'4'] | [b'3' | b'9', b'0'..=b'7']))
}

fn written_out(text: &str, stays: impl Fn(char) -> bool) -> Cow<'_, str> {
    let hides = |character: char| is_hidden(character) && !stays(character);
    if !text.contains(hides) {
        return Cow::Borrowed(text);
    }
    let mut shown = String::with_capacity(text.len() + 16);
    for character in text.chars() {
        match character {
            '\n' if hides(character) => shown.push_str("\\n"),
            '\r' => shown.push_str("\\r"),
            '\t' if hides(character) => shown.push_str("\\t"),
            other if hides(other) => {
                // Writing to a string cannot fail.
                let _ = write!(shown, "\\u{:04x}", u32::from(other));
            }
            other => shown.push(other),
        }
    }
    Cow::Owned(shown)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_does_not_show_is_written_out_and_everything_else_stays() {
        assert_eq!(visible("a\u{1b}[2J\u{7}\r\u{9b}\u{202e}b\n\tc"), "a\\u001b[2J\\u0007\\r\\u009b\\u202eb\n\tc");
        assert_eq!(one_line("a\r\n✓ b\tc\u{2028}d"), "a\\r\\n✓ b\\tc\\u2028d");
        for text in ["Zoë 👩‍👩‍👧 שלום", "", "a b"] {
            assert!(matches!(one_line(text), Cow::Borrowed(same) if same == text));
        }
    }

    #[test]
    fn json_stays_the_same_json() {
        let value = serde_json::json!({ "a": "\u{202e}\u{9b}\u{1b}\u{feff}x", "b\u{7f}": ["\n"] });
        let shown = visible(&format!("{value:#}")).into_owned();
        assert!(!shown.contains(['\u{202e}', '\u{9b}', '\u{7f}']), "{shown}");
        assert_eq!(crate::json::from_str::<serde_json::Value>(&shown).unwrap(), value);
    }
}
