//! What each provider documents about the values that our actions send, as one table: what is checked before anything is
//! sent, and what is not, with the reason. `docs/limits.md` shows the same table; a test holds the two together, another one
//! demands a row for every input of every action.

mod table;
#[cfg(test)]
mod tests;

use deskwire_core::limit::{Limit, Rule};

use table::ROWS;

/// What happens to a limit.
#[derive(Debug, Clone, Copy)]
#[cfg_attr(not(test), expect(dead_code, reason = "what is not a rule is there to be shown, which a test does"))]
pub(crate) enum Checked {
    /// By the one function, for this rule; with what to do about a breach.
    Rule(Rule, &'static str),
    /// By the action's own code, as it is no plain limit: what is taken, and the test that proves it.
    Own { what: &'static str, test: &'static str },
    /// Not at all: why.
    Not(&'static str),
}

/// An input of some actions, and a limit of it.
#[derive(Debug, Clone, Copy)]
#[cfg_attr(not(test), expect(dead_code, reason = "the source is there to be shown, which a test does"))]
pub(crate) struct Row {
    pub(crate) actions: &'static [&'static str],
    /// As in [`Limit`].
    pub(crate) input: &'static str,
    pub(crate) checked: Checked,
    /// The page that says so; nothing where no page says anything.
    pub(crate) source: &'static str,
}

/// Who sets the limits of an action, as people call it.
fn provider(action: &str) -> &'static str {
    match action.split('.').next() {
        Some("slack") => "Slack",
        Some("zendesk") => "Zendesk",
        Some("qualtrics") => "Qualtrics",
        _ => "Deskwire",
    }
}

/// The limits of an action that the one function checks.
pub(crate) fn of(action: &str) -> Vec<Limit> {
    let rows = ROWS.iter().filter(|row| row.actions.contains(&action));
    rows.filter_map(|row| match row.checked {
        Checked::Rule(rule, advice) => Some(Limit { input: row.input, provider: provider(action), rule, advice }),
        Checked::Own { .. } | Checked::Not(_) => None,
    })
    .collect()
}
