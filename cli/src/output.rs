//! Printing: text for people, colour only on terminals, or one JSON document.

use std::borrow::Cow;
use std::io::Write;

use anstyle::{AnsiColor, Style};
use deskwire_core::run::RunState;
use deskwire_core::time::{Timestamp, show_duration};
use deskwire_core::visible::{one_line, visible, with_colours};
use serde_json::Value;

pub(crate) const BOLD: Style = Style::new().bold();
pub(crate) const DIM: Style = Style::new().dimmed();
pub(crate) const GREEN: Style = AnsiColor::Green.on_default();
pub(crate) const RED: Style = AnsiColor::Red.on_default();
pub(crate) const YELLOW: Style = AnsiColor::Yellow.on_default();
pub(crate) const CYAN: Style = AnsiColor::Cyan.on_default();

/// Text in a style. [`anstream`] drops the style where the output is no terminal or `NO_COLOR` is set.
pub(crate) fn paint(style: Style, text: impl std::fmt::Display) -> String {
    format!("{style}{text}{style:#}")
}

/// The colour of a state.
pub(crate) fn state_style(state: RunState) -> Style {
    match state {
        RunState::Succeeded => GREEN,
        RunState::Failed | RunState::Dead => RED,
        RunState::Unknown | RunState::Retrying | RunState::Waiting => YELLOW,
        RunState::Running | RunState::Queued => CYAN,
        RunState::Skipped => DIM,
    }
}

/// Prints a call's input for people: a field a line, longer texts as they would be read.
pub(crate) fn fields(value: &Value, by: usize) {
    let Value::Object(fields) = value else { return indented(&format!("{value:#}"), by) };
    let width = fields.keys().map(|name| name.chars().count()).max().unwrap_or(0);
    for (name, value) in fields {
        match value {
            Value::String(text) if text.contains('\n') => {
                line(format_args!("{:by$}{}", "", paint(DIM, name)));
                indented(text.trim_end(), by + 2);
            }
            Value::String(text) => {
                let text = one_line(text);
                line(format_args!("{:by$}{}  {text}", "", paint(DIM, format_args!("{name:width$}"))));
            }
            Value::Object(_) | Value::Array(_) => {
                line(format_args!("{:by$}{}", "", paint(DIM, name)));
                indented(&format!("{value:#}"), by + 2);
            }
            other => line(format_args!("{:by$}{}  {other}", "", paint(DIM, format_args!("{name:width$}")))),
        }
    }
}

/// A document for people, to be printed by [`fields`]: without what is not there, and lists as lines.
pub(crate) fn for_people(shown: &Value) -> Value {
    let fields = shown.as_object().into_iter().flatten().filter_map(|(name, value)| {
        let value = match value {
            Value::Null => return None,
            Value::Array(items) => {
                let lines: Vec<&str> = items.iter().filter_map(Value::as_str).collect();
                if lines.is_empty() {
                    return None;
                }
                Value::from(lines.join("\n"))
            }
            other => other.clone(),
        };
        Some((name.replace('_', " "), value))
    });
    Value::Object(fields.collect())
}

/// Prints text with every line this far to the right.
pub(crate) fn indented(text: &str, by: usize) {
    for part in text.lines() {
        line(format_args!("{:by$}{part}", ""));
    }
}

/// Prints a line on the standard output. A reader that went away (`| head`) is no error. All that the command prints goes
/// through here or [`note`], so nothing from outside reaches a terminal but what shows.
pub(crate) fn line(text: impl std::fmt::Display) {
    let _ = writeln!(anstream::stdout(), "{}", printable(&text.to_string()));
}

/// Prints a line on the standard error: as an object where answers are JSON.
pub(crate) fn note(text: impl std::fmt::Display) {
    let text = text.to_string();
    if crate::failure::is_json() {
        raw_note(&serde_json::json!({ "note": anstream::adapter::strip_str(&text).to_string().trim() }));
    } else {
        let _ = writeln!(anstream::stderr(), "{}", printable(&text));
    }
}

/// Prints a JSON document in one line on the standard error.
pub(crate) fn raw_note(document: &Value) {
    let _ = writeln!(anstream::stderr(), "{}", printable(&document.to_string()));
}

/// The text with everything written out that does not show, but for colours: [`paint`] has put them in.
fn printable(text: &str) -> Cow<'_, str> {
    with_colours(text, visible)
}

/// Prints one JSON document.
pub(crate) fn json(value: &Value) {
    crate::failure::answered();
    line(format_args!("{value:#}"));
}

/// A time to the second, in UTC.
pub(crate) fn time(time: Timestamp) -> String {
    let text = time.to_string();
    let (date, rest) = text.split_once('T').unwrap_or((&text, ""));
    format!("{date} {}Z", rest.split('.').next().unwrap_or_default())
}

/// How long something took, short.
pub(crate) fn took(from: Timestamp, to: Timestamp) -> String {
    let duration = to.since(from);
    if duration.as_secs() >= 60 {
        show_duration(std::time::Duration::from_secs(duration.as_secs()))
    } else if duration.as_millis() >= 1000 {
        format!("{:.1} s", duration.as_secs_f64())
    } else if duration.is_zero() {
        "under 1 ms".to_owned()
    } else {
        format!("{} ms", duration.as_millis())
    }
}

/// Rows in columns that are as wide as they need to be; the last one is not padded. Each cell is its text and style.
pub(crate) fn table(head: &[&str], rows: &[Vec<(String, Style)>]) {
    let columns = head.len();
    let mut widths: Vec<usize> = head.iter().map(|cell| cell.chars().count()).collect();
    for row in rows {
        for (width, (cell, _)) in widths.iter_mut().zip(row) {
            *width = (*width).max(cell.chars().count());
        }
    }
    let print = |cells: &mut dyn Iterator<Item = (&str, Style)>| {
        let mut text = String::new();
        for (number, (cell, style)) in cells.enumerate() {
            let padding = if number + 1 == columns { 0 } else { widths[number] + 2 - cell.chars().count() };
            text.push_str(&paint(style, cell));
            text.push_str(&" ".repeat(padding));
        }
        line(text.trim_end());
    };
    print(&mut head.iter().map(|cell| (*cell, DIM)));
    for row in rows {
        print(&mut row.iter().map(|(cell, style)| (cell.as_str(), *style)));
    }
}

/// A plain cell.
pub(crate) fn cell(text: impl std::fmt::Display) -> (String, Style) {
    styled(text, Style::new())
}

/// A cell in a style.
pub(crate) fn styled(text: impl std::fmt::Display, style: Style) -> (String, Style) {
    (one_line(&text.to_string()).into_owned(), style)
}

/// The first `most` characters, with an ellipsis where more follow.
pub(crate) fn shorten(text: &str, most: usize) -> String {
    let words = text.split_whitespace().collect::<Vec<_>>().join(" ");
    let words = one_line(&words).into_owned();
    if words.chars().count() <= most {
        return words;
    }
    words.chars().take(most.saturating_sub(1)).chain(['…']).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_printed_shows_and_keeps_our_colours() {
        let text = format!("{} \u{1b}[2J\u{1b}]0;title\u{7}\u{1b}[8mx \u{202e}y\r\u{9b}2J", paint(GREEN.bold(), "ok"));
        let shown = printable(&text);
        assert!(shown.starts_with(&paint(GREEN.bold(), "ok")), "{shown:?}");
        let rest = &shown[paint(GREEN.bold(), "ok").len()..];
        assert_eq!(rest, " \\u001b[2J\\u001b]0;title\\u0007\\u001b[8mx \\u202ey\\r\\u009b2J");
    }

    #[test]
    fn a_cell_and_a_shortened_text_are_one_line_without_codes() {
        assert_eq!(cell("a\n✓ done\u{1b}[32m").0, "a\\n✓ done\\u001b[32m");
        assert_eq!(shorten("a\n\u{1b}[2Jb", 80), "a \\u001b[2Jb");
    }

    #[test]
    fn printed_json_is_the_same_json() {
        let value = serde_json::json!({ "subject": "\u{1b}[2J\u{202e}\u{9b}" });
        let shown = printable(&format!("{value:#}")).into_owned();
        assert!(!shown.contains(['\u{202e}', '\u{9b}', '\u{1b}']), "{shown:?}");
        assert_eq!(deskwire_core::json::from_str::<Value>(&shown).unwrap(), value);
    }
}
