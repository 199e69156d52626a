//! Reading a map whose keys are known: what is missing, what is unknown, what is of the wrong kind.

use std::ops::{Range, RangeInclusive};
use std::time::Duration;

use deskwire_core::ids::BadName;
use deskwire_core::time::{BadDuration, read_duration, show_duration};

use crate::report::Report;
use crate::yaml::{Key, Kind, Node};
use crate::{indentation, suggest};

/// A map of the file, and what it is called in messages.
pub(crate) struct Fields<'n> {
    what: String,
    members: &'n [(Key, Node)],
    /// Where to say that a key is missing.
    pub span: Range<usize>,
}

impl<'n> Fields<'n> {
    /// The node as a map that may hold `known` keys and no others.
    pub(crate) fn read(
        node: &'n Node,
        what: impl Into<String>,
        known: &[&str],
        report: &mut Report<'_>,
    ) -> Option<Self> {
        let what = what.into();
        let members = match &node.kind {
            Kind::Map(members) => members,
            Kind::Broken => return None,
            other => {
                let message = format!("{what} must be a map of keys and values, not {}", other.what());
                report.error_with_help(node.span.clone(), message, format!("its keys are: {}", known.join(", ")));
                return None;
            }
        };
        for (at, (key, _)) in members.iter().enumerate().filter(|(_, (key, _))| !known.contains(&key.name.as_str())) {
            let name = &key.name;
            let message = format!("{what} has no key `{name}`");
            if report.is_full() {
                report.error(key.span.clone(), message);
            } else {
                let help = indentation::help(&what, members, at, known)
                    .unwrap_or_else(|| suggest::help(name, known.iter().copied(), "it takes no keys"));
                report.error_with_help(key.span.clone(), message, help);
            }
        }
        Some(Self { what, members, span: node.span.clone() })
    }

    /// The value of a key; a key without a value counts as missing.
    pub(crate) fn get(&self, name: &str) -> Option<&'n Node> {
        self.members
            .iter()
            .find(|(key, _)| key.name == name)
            .map(|(_, value)| value)
            .filter(|value| !matches!(value.kind, Kind::Null))
    }

    /// The place of a key.
    pub(crate) fn key(&self, name: &str) -> Option<Range<usize>> {
        self.members.iter().find(|(key, _)| key.name == name).map(|(key, _)| key.span.clone())
    }

    /// The value of a key that must be there.
    pub(crate) fn require(&self, name: &str, example: &str, report: &mut Report<'_>) -> Option<&'n Node> {
        let found = self.get(name);
        if found.is_none() {
            let place = self.key(name).unwrap_or_else(|| self.span.start..self.first_line(report));
            report.error_with_help(
                place,
                format!("{} has no `{name}`", self.what),
                format!("add one, such as `{example}`"),
            );
        }
        found
    }

    fn first_line(&self, report: &Report<'_>) -> usize {
        let text = report.file.text.get(self.span.clone()).unwrap_or_default();
        self.span.start + text.lines().next().map_or(0, str::len)
    }

    pub(crate) fn text(&self, name: &str, report: &mut Report<'_>) -> Option<(&'n str, Range<usize>)> {
        text(self.get(name)?, &format!("`{name}`"), report)
    }

    pub(crate) fn bool(&self, name: &str, report: &mut Report<'_>) -> Option<bool> {
        let node = self.get(name)?;
        match node.kind {
            Kind::Bool(value) => Some(value),
            Kind::Broken => None,
            ref other => {
                let message = format!("`{name}` must be true or false, not {}", other.what());
                report.error_with_help(node.span.clone(), message, "write `true` or `false`, without quotes");
                None
            }
        }
    }

    /// One of a few words.
    pub(crate) fn word<T: Copy>(&self, name: &str, words: &[(&str, T)], report: &mut Report<'_>) -> Option<T> {
        let (given, span) = self.text(name, report)?;
        let found = words.iter().find(|(word, _)| *word == given).map(|(_, value)| *value);
        if found.is_none() {
            let words: Vec<String> = words.iter().map(|(word, _)| format!("`{word}`")).collect();
            report.error(span, format!("`{name}` must be {}", words.join(" or ")));
        }
        found
    }

    /// A whole number within bounds; `hint` says what it counts.
    pub(crate) fn count(
        &self,
        name: &str,
        bounds: RangeInclusive<u64>,
        hint: &str,
        report: &mut Report<'_>,
    ) -> Option<u64> {
        let node = self.get(name)?;
        let found = match &node.kind {
            Kind::Number(number) => number.as_u64().filter(|count| bounds.contains(count)),
            Kind::Broken => return None,
            _ => None,
        };
        if found.is_none() {
            let message = format!("`{name}` must be a whole number from {} to {}", bounds.start(), bounds.end());
            report.error_with_help(node.span.clone(), message, hint);
        }
        found
    }

    /// A duration within bounds.
    pub(crate) fn duration_within(
        &self,
        name: &str,
        bounds: RangeInclusive<Duration>,
        report: &mut Report<'_>,
    ) -> Option<Duration> {
        let found = self.duration(name, report)?;
        if bounds.contains(&found) {
            return Some(found);
        }
        let (least, most) = (show_duration(*bounds.start()), show_duration(*bounds.end()));
        let place = self.get(name).map_or(self.span.clone(), |node| node.span.clone());
        let wrong = if found > *bounds.end() { "is too long: it " } else { "" };
        report.error(place, format!("`{name}` {wrong}must be a duration from {least} to {most}"));
        None
    }

    pub(crate) fn duration(&self, name: &str, report: &mut Report<'_>) -> Option<Duration> {
        let (given, span) = self.text(name, report)?;
        match read_duration(given) {
            Ok(found) => Some(found),
            Err(why @ BadDuration::NoDuration) => {
                let message = format!("`{name}` must be a duration, and `{given}` is none");
                report.error_with_help(span, message, why.to_string());
                None
            }
            Err(why @ BadDuration::TooLong) => {
                report.error(span, format!("`{name}` is `{given}`: {why}"));
                None
            }
        }
    }
}

/// The node as text.
pub(crate) fn text<'n>(node: &'n Node, what: &str, report: &mut Report<'_>) -> Option<(&'n str, Range<usize>)> {
    match &node.kind {
        Kind::Text(text) => Some((text, node.span.clone())),
        Kind::Broken => None,
        Kind::Number(_) | Kind::Bool(_) | Kind::Null => {
            report.error_with_help(
                node.span.clone(),
                format!("{what} must be text, not {}", node.kind.what()),
                "put quotes around it if it is meant to be text",
            );
            None
        }
        other => {
            report.error(node.span.clone(), format!("{what} must be text, not {}", other.what()));
            None
        }
    }
}

/// A text as a name.
pub(crate) fn name<T>(
    given: &str,
    span: Range<usize>,
    what: &str,
    parse: impl Fn(&str) -> Result<T, BadName>,
    report: &mut Report<'_>,
) -> Option<T> {
    match parse(given) {
        Ok(name) => Some(name),
        Err(why) => {
            report.error(span, format!("{what} {why}"));
            None
        }
    }
}
