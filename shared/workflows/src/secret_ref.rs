//! References to secrets in `deskwire.yaml`, and keeping a secret that somebody wrote there out of every message.

use std::path::PathBuf;

use deskwire_core::ids::ConnectionName;
use deskwire_core::secret::SecretRef;

use crate::fields::{Fields, text};
use crate::report::Report;
use crate::yaml::{Kind, Node};

const KEYS: [&str; 3] = ["env", "file", "secret"];
const HOW: &str = "say where it is: `{ env: NAME }`, `{ file: PATH }` or `{ secret: NAME }`";

/// Reads `{ env: NAME }`, `{ file: PATH }` or `{ secret: NAME }`. Nothing else of the value is ever repeated.
pub(crate) fn read(node: &Node, what: &str, report: &mut Report<'_>) -> Option<SecretRef> {
    match &node.kind {
        Kind::Map(members) => {
            hide_unknown(node, &KEYS, report);
            let errors = report.errors();
            let fields = Fields::read(node, format!("`{what}`"), &KEYS, report)?;
            let given: Vec<&str> = KEYS.into_iter().filter(|key| fields.get(key).is_some()).collect();
            let [kind] = given[..] else {
                if report.errors() == errors {
                    let message = format!("`{what}` must name one place where the secret is, not {}", members.len());
                    report.error_with_help(node.span.clone(), message, HOW);
                }
                return None;
            };
            let value = fields.get(kind)?;
            let (name, span) = text(value, &format!("`{kind}`"), report)?;
            let (fits, expected) = match kind {
                "env" => (is_variable(name), "a name of letters, digits and `_`, such as `SLACK_BOT_TOKEN`"),
                "file" => (!name.trim().is_empty(), "a path, such as `secrets/slack`"),
                _ => (ConnectionName::parse(name).is_ok(), "a name of lower-case letters, digits, `-` and `_`"),
            };
            if !fits {
                // Somebody may have put the secret itself where its name belongs.
                report.hide(span.clone());
                report.error_with_help(span, format!("`{kind}` must be {expected}"), HOW);
                return None;
            }
            Some(match kind {
                "env" => SecretRef::Env(name.to_owned()),
                "file" => SecretRef::File(PathBuf::from(name)),
                _ => SecretRef::Stored(name.to_owned()),
            })
        }
        Kind::Broken => None,
        _ => {
            report.hide(node.span.clone());
            let message = format!("`{what}` is a secret, and a secret is never written in a file");
            report.error_with_help(node.span.clone(), message, HOW);
            None
        }
    }
}

fn is_variable(name: &str) -> bool {
    !name.starts_with(|c: char| c.is_ascii_digit())
        && !name.is_empty()
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}

/// Keeps the values of unknown keys out of what is shown: a misspelt `token` is no less secret. Nor is a value that stands
/// where a map belongs.
pub(crate) fn hide_unknown(node: &Node, known: &[&str], report: &mut Report<'_>) {
    let Kind::Map(members) = &node.kind else { return report.hide(node.span.clone()) };
    for (_, value) in members.iter().filter(|(key, _)| !known.contains(&key.name.as_str())) {
        report.hide(value.span.clone());
    }
}
