//! Conditions as files write them: one expression, or several of which all or any must hold, nested as one likes.

use std::fmt;

use deskwire_core::personal::masked;
use deskwire_templates::{Condition, Found, Scope, TemplateError, Unmet, Variable};
use serde_json::Value;

/// A value is shown up to so many characters.
const LONGEST_VALUE: usize = 60;

/// A compiled condition: `if`, `when`.
#[derive(Debug, Clone)]
#[expect(clippy::large_enum_variant, reason = "there are few of them, and each is made once")]
pub enum Test {
    /// An expression, with its text without braces.
    One(Condition, String),
    /// All must hold (a list, or `all:`).
    All(Vec<Test>),
    /// At least one must hold (`any:`).
    Any(Vec<Test>),
    /// It must not hold (`not:`).
    Not(Box<Test>),
}

impl Test {
    /// Does it hold? Parts are asked in order, and none that no longer matters.
    pub fn holds(&self, scope: &Scope) -> Result<bool, TemplateError> {
        match self {
            Self::One(condition, _) => condition.holds(scope),
            Self::All(parts) => {
                for part in parts {
                    if !part.holds(scope)? {
                        return Ok(false);
                    }
                }
                Ok(true)
            }
            Self::Any(parts) => {
                for part in parts {
                    if part.holds(scope)? {
                        return Ok(true);
                    }
                }
                Ok(false)
            }
            Self::Not(part) => part.holds(scope).map(|holds| !holds),
        }
    }

    /// Why it does not hold, for people: the part that is false, what its names stand for, and the whole where that is more.
    /// `hide` is given each name with its value, and answers with what may be shown of it.
    pub fn why_not(&self, scope: &Scope, hide: &dyn Fn(&[String], &Value) -> Value) -> String {
        let whole = self.to_string();
        let Some(Unmet { clause, values }) = self.unmet(scope) else { return whole };
        let mut secrets = Vec::new();
        let words: Vec<String> = values
            .iter()
            .map(|(path, found)| {
                let name = path.join(".");
                match found {
                    Found::Missing => format!("{name} is missing"),
                    Found::Large(kind) => format!("{name} is {kind}"),
                    Found::Value(value) => {
                        let shown = hide(path, value);
                        if let (Value::String(text), true) = (value, shown != *value) {
                            secrets.push(text.clone());
                        }
                        format!("{name} is {}", in_words(&shown))
                    }
                }
            })
            .collect();
        let values = if words.is_empty() { String::new() } else { format!(" ({})", words.join(", ")) };
        let rest = if clause == whole { String::new() } else { format!(", which is a part of: {whole}") };
        // A condition may name the very value that is hidden.
        format!("{}{values}{}", masked(&clause, &secrets), masked(&rest, &secrets))
    }

    /// The part that is false.
    fn unmet(&self, scope: &Scope) -> Option<Unmet> {
        match self {
            Self::One(condition, _) => condition.unmet(scope),
            Self::All(parts) => parts.iter().find(|part| part.holds(scope) == Ok(false))?.unmet(scope),
            Self::Any(parts) => {
                let each: Vec<Unmet> = parts.iter().filter_map(|part| part.unmet(scope)).collect();
                let mut values: Vec<(Vec<String>, Found)> = Vec::new();
                for (path, found) in each.into_iter().flat_map(|part| part.values) {
                    if values.iter().all(|(known, _)| *known != path) {
                        values.push((path, found));
                    }
                }
                Some(Unmet { clause: self.to_string(), values })
            }
            Self::Not(part) => Some(Unmet { clause: self.to_string(), values: part.values(scope) }),
        }
    }

    /// What all its names stand for.
    fn values(&self, scope: &Scope) -> Vec<(Vec<String>, Found)> {
        match self {
            Self::One(condition, _) => condition.values(scope),
            Self::All(parts) | Self::Any(parts) => parts.iter().flat_map(|part| part.values(scope)).collect(),
            Self::Not(part) => part.values(scope),
        }
    }

    /// The names it uses.
    pub fn variables(&self) -> Vec<Variable> {
        match self {
            Self::One(condition, _) => condition.variables(),
            Self::All(parts) | Self::Any(parts) => parts.iter().flat_map(Self::variables).collect(),
            Self::Not(part) => part.variables(),
        }
    }
}

/// As one expression.
impl fmt::Display for Test {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let joined = |f: &mut fmt::Formatter<'_>, parts: &[Self], word: &str| {
            for (at, part) in parts.iter().enumerate() {
                if at > 0 {
                    write!(f, " {word} ")?;
                }
                match part {
                    Self::One(..) if parts.len() == 1 => write!(f, "{part}")?,
                    _ => write!(f, "({part})")?,
                }
            }
            Ok(())
        };
        match self {
            Self::One(_, text) => f.write_str(text),
            Self::All(parts) => joined(f, parts, "and"),
            Self::Any(parts) => joined(f, parts, "or"),
            Self::Not(part) => write!(f, "not ({part})"),
        }
    }
}

/// A value as JSON has it, shortened.
fn in_words(value: &Value) -> String {
    let text = match value {
        Value::Null => return "none".to_owned(),
        Value::String(text) if text == deskwire_core::personal::HIDDEN => return text.clone(),
        other => other.to_string(),
    };
    if text.chars().count() <= LONGEST_VALUE {
        return text;
    }
    text.chars().take(LONGEST_VALUE - 1).chain(['…']).collect()
}
