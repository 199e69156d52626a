//! Reading conditions (`if`, `when`): an expression, true or false, a list, or a map with `all`, `any` or `not`.

use crate::compile::Compiler;
use crate::condition::Test;
use crate::fields::Fields;
use crate::names::{Spot, Use, Written};
use crate::report::Report;
use crate::yaml::{Kind, Node};

const HOW: &str = "write an expression, a list of which all must hold, or `all:`, `any:` or `not:`";

impl Compiler<'_> {
    /// Reads a condition. `None` if it is none; that has been told.
    pub(crate) fn test(&self, node: &Node, key: &str, spot: &Spot<'_>, report: &mut Report<'_>) -> Option<Test> {
        match &node.kind {
            Kind::Bool(value) => self.expression(node, &value.to_string(), key, spot, report),
            Kind::Text(text) => self.expression(node, text, key, spot, report),
            Kind::List(items) => self.tests(node, items, key, spot, report).map(Test::All),
            Kind::Map(members) => {
                let fields = Fields::read(node, format!("`{key}`"), &["all", "any", "not"], report)?;
                if members.len() > 1 {
                    report.error_with_help(node.span.clone(), format!("`{key}` is several conditions at once"), HOW);
                    return None;
                }
                if let Some(part) = fields.get("not") {
                    return self.test(part, key, spot, report).map(|part| Test::Not(Box::new(part)));
                }
                let (word, part) = ["all", "any"].into_iter().find_map(|word| Some((word, fields.get(word)?)))?;
                let single = std::slice::from_ref(part);
                let items = if let Kind::List(items) = &part.kind { items.as_slice() } else { single };
                let parts = self.tests(part, items, key, spot, report)?;
                Some(if word == "all" { Test::All(parts) } else { Test::Any(parts) })
            }
            Kind::Broken => None,
            other => {
                let message = format!("`{key}` cannot be {}", other.what());
                report.error_with_help(node.span.clone(), message, HOW);
                None
            }
        }
    }

    fn tests(
        &self,
        node: &Node,
        items: &[Node],
        key: &str,
        spot: &Spot<'_>,
        report: &mut Report<'_>,
    ) -> Option<Vec<Test>> {
        if items.is_empty() {
            report.error_with_help(node.span.clone(), format!("`{key}` names no condition"), "add one, or remove it");
            return None;
        }
        // Every part is read, so that every mistake is told.
        let parts: Vec<Option<Test>> = items.iter().map(|item| self.test(item, key, spot, report)).collect();
        parts.into_iter().collect()
    }

    fn expression(
        &self,
        node: &Node,
        given: &str,
        key: &str,
        spot: &Spot<'_>,
        report: &mut Report<'_>,
    ) -> Option<Test> {
        let written = Written { node, text: given };
        match self.options.templates.condition(given) {
            Ok(condition) => {
                spot.check(&condition.variables(), Use::Condition, written, report);
                let bare = given.trim().strip_prefix("{{").and_then(|rest| rest.strip_suffix("}}")).unwrap_or(given);
                Some(Test::One(condition, bare.trim().to_owned()))
            }
            Err(error) => {
                written.complain(&format!("`{key}`"), &error, report);
                None
            }
        }
    }
}

impl Test {
    /// What it says in every scope, if it is that plain.
    pub(crate) fn always(&self) -> Option<bool> {
        match self {
            Self::One(_, text) => match text.as_str() {
                "true" => Some(true),
                "false" => Some(false),
                _ => None,
            },
            Self::All(parts) => fold(parts, false),
            Self::Any(parts) => fold(parts, true),
            Self::Not(part) => part.always().map(|holds| !holds),
        }
    }

    /// The steps that it asks for.
    pub(crate) fn steps(&self) -> Vec<String> {
        let ids = self.variables().into_iter().filter(|variable| variable.path[0] == "steps");
        ids.filter_map(|variable| variable.path.into_iter().nth(1)).collect()
    }
}

/// One part that is `decisive` decides; otherwise all must be plain.
fn fold(parts: &[Test], decisive: bool) -> Option<bool> {
    let said: Vec<Option<bool>> = parts.iter().map(Test::always).collect();
    if said.contains(&Some(decisive)) {
        return Some(decisive);
    }
    said.iter().all(Option::is_some).then_some(!decisive)
}
