//! Escaping for Slack's mrkdwn (<https://docs.slack.dev/messaging/formatting-message-text>, checked 2026-11-23).
//!
//! In a text three characters have a meaning. In a link `<https://…|label>` more have: a `|` ends the address, blanks break
//! it, and an address that begins with `!`, `@` or `#` is a mention. Whether a value stands in a link is known when the text
//! is finished: by then every `<` and `>` that is left is markup, and [`part`] has marked what else a link gives a meaning.

use std::borrow::Cow;

/// Stands for a `|` of a value until the text is finished. Unicode keeps these two for a program's own use.
const BAR: char = '\u{FDD0}';
/// Stands before a `!`, `@` or `#` that begins a value until the text is finished.
const SIGIL: char = '\u{FDD1}';
/// In a label a `|` is replaced: Slack has no way to write it there.
const BAR_IN_A_LABEL: char = '¦';

/// Replaces the three characters that Slack's markup gives a meaning, and only those.
pub(crate) fn escape(text: &str) -> Cow<'_, str> {
    if !text.contains(['&', '<', '>']) {
        return Cow::Borrowed(text);
    }
    let mut escaped = String::with_capacity(text.len() + 16);
    for character in text.chars() {
        push(&mut escaped, character);
    }
    Cow::Owned(escaped)
}

fn push(escaped: &mut String, character: char) {
    match character {
        '&' => escaped.push_str("&amp;"),
        '<' => escaped.push_str("&lt;"),
        '>' => escaped.push_str("&gt;"),
        other => escaped.push(other),
    }
}

/// A value within a text, to be looked over by [`finished`].
pub(super) fn part(text: &str) -> Cow<'_, str> {
    let is_sigil = |character: char| matches!(character, '!' | '@' | '#');
    if !text.starts_with(is_sigil) && !text.contains(['&', '<', '>', '|', BAR, SIGIL]) {
        return Cow::Borrowed(text);
    }
    let mut marked = String::with_capacity(text.len() + 16);
    if text.starts_with(is_sigil) {
        marked.push(SIGIL);
    }
    for character in text.chars() {
        match character {
            '|' => marked.push(BAR),
            // Data that holds our marks says nothing by them.
            BAR | SIGIL => marked.push(char::REPLACEMENT_CHARACTER),
            other => push(&mut marked, other),
        }
    }
    Cow::Owned(marked)
}

/// The text without marks: in the addresses of its links everything is percent-encoded that would end them.
pub(super) fn finished(text: String) -> String {
    if !text.contains(['<', BAR, SIGIL]) {
        return text;
    }
    let mut finished = String::with_capacity(text.len() + 16);
    let mut rest = text.as_str();
    while let Some((before, after)) = rest.split_once('<') {
        unmarked(before, '|', &mut finished);
        finished.push('<');
        let Some((inner, after)) = after.split_once('>').filter(|(inner, _)| is_control(inner)) else {
            rest = after;
            continue;
        };
        let (target, label) = inner.split_once('|').map_or((inner, None), |(target, label)| (target, Some(label)));
        address(target, &mut finished);
        if let Some(label) = label {
            finished.push('|');
            unmarked(&label.replace(['\n', '\r'], " "), BAR_IN_A_LABEL, &mut finished);
        }
        finished.push('>');
        rest = after;
    }
    unmarked(rest, '|', &mut finished);
    finished
}

/// May this stand between the brackets of a link or a mention? Else they are only signs: `a < b`.
fn is_control(inner: &str) -> bool {
    let has_scheme =
        inner.split_once(':').is_some_and(|(scheme, _)| scheme.bytes().all(|byte| byte.is_ascii_alphabetic()));
    !inner.contains('<') && !inner.starts_with(char::is_whitespace) && (has_scheme || !inner.contains('\n'))
}

fn unmarked(text: &str, bar: char, finished: &mut String) {
    finished.extend(text.chars().filter(|character| *character != SIGIL).map(|character| match character {
        BAR => bar,
        other => other,
    }));
}

/// What stands before the bar of `<…|…>`: a web address, or a mention, whose blanks are its own.
fn address(target: &str, finished: &mut String) {
    let is_mention = target.starts_with(['!', '@', '#']);
    let target = target.replace("&lt;", "%3C").replace("&gt;", "%3E");
    let mut forged = target.starts_with(SIGIL);
    for character in target.chars() {
        match character {
            SIGIL => continue,
            BAR => finished.push_str("%7C"),
            '!' if forged => finished.push_str("%21"),
            '@' if forged => finished.push_str("%40"),
            '#' if forged => finished.push_str("%23"),
            ' ' if !is_mention => finished.push_str("%20"),
            '\n' => finished.push_str("%0A"),
            '\r' => finished.push_str("%0D"),
            '\t' => finished.push_str("%09"),
            other => finished.push(other),
        }
        forged = false;
    }
}

#[cfg(test)]
mod tests {
    use super::{escape, finished, part};

    #[test]
    fn only_the_three_characters_of_slack_markup_change() {
        assert_eq!(escape(r#"<!channel> & "x" 'y' *z* @here"#), r#"&lt;!channel&gt; &amp; "x" 'y' *z* @here"#);
        assert_eq!(escape("&amp;"), "&amp;amp;");
    }

    #[test]
    fn text_outside_of_links_keeps_its_bars_signs_and_lines() {
        for text in ["a|b", "!a", "@b |", "#1 < 2", "a\nb c", "\u{1F600}|"] {
            assert_eq!(finished(part(text).into_owned()), escape(text), "{text}");
        }
    }

    #[test]
    fn marks_in_data_are_no_marks() {
        assert_eq!(finished(part("a\u{FDD0}b\u{FDD1}").into_owned()), "a\u{FFFD}b\u{FFFD}");
    }

    #[test]
    fn an_open_bracket_without_an_end_stays() {
        for text in ["a < b <c <https://x|y> d <", "if a < b\n> a quotation", "1 <2\n> 1"] {
            assert_eq!(finished(text.to_owned()), text);
        }
    }
}
