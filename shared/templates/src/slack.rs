//! Escaping for Slack's mrkdwn.

use std::borrow::Cow;

/// Replaces the three characters that Slack's markup gives a meaning, and only those
/// (<https://docs.slack.dev/messaging/formatting-message-text#escaping>).
pub(crate) fn escape(text: &str) -> Cow<'_, str> {
    if !text.contains(['&', '<', '>']) {
        return Cow::Borrowed(text);
    }
    let mut escaped = String::with_capacity(text.len() + 16);
    for character in text.chars() {
        match character {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            other => escaped.push(other),
        }
    }
    Cow::Owned(escaped)
}

#[cfg(test)]
mod tests {
    use super::escape;

    #[test]
    fn only_the_three_characters_of_slack_markup_change() {
        assert_eq!(escape(r#"<!channel> & "x" 'y' *z* @here"#), r#"&lt;!channel&gt; &amp; "x" 'y' *z* @here"#);
        assert_eq!(escape("&amp;"), "&amp;amp;");
    }
}
