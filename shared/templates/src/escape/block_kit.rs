//! Which fields of Block Kit Slack reads as mrkdwn.
//!
//! From Slack's reference of blocks, elements and composition objects (<https://docs.slack.dev/reference/block-kit>) and the
//! types that Slack publishes for it (`@slack/types` 3.2.0), checked 2026-12-01.

/// The fields that hold text with Slack's markup, by the `type` of the object they stand in. In all other fields of Block
/// Kit, `&`, `<` and `>` mean themselves: addresses, ids and values, `alt_text`, the `text` of rich text and of table cells
/// (`text`, `link`, `raw_text`), and the `markdown` block, whose Markdown is not mrkdwn. Plain text has the three characters
/// escaped, too: Slack undoes it, and answers in the same form.
const MRKDWN: [(&str, &str); 2] = [("mrkdwn", "text"), ("plain_text", "text")];

/// Is this field of an object of Block Kit read as mrkdwn? `kind` is the object's `type`, where that is known; of an object
/// without one, `text` counts as mrkdwn, since a value that is escaped once too often does no harm.
pub fn reads_mrkdwn(kind: Option<&str>, field: &str) -> bool {
    match kind {
        Some(kind) => MRKDWN.contains(&(kind, field)),
        None => MRKDWN.iter().any(|(_, known)| *known == field),
    }
}
