//! Conditions as files write them: one expression, or several of which all or any must hold, nested as one likes.

use std::fmt;

use deskwire_templates::{Condition, Scope, TemplateError, Variable};

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
