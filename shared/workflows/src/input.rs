//! A step's `with`, or a loop's `result`: a tree of literals and templates, compiled once and resolved for every run.

use std::fmt;

use deskwire_templates::{Scope, Template, TemplateError};
use serde_json::{Map, Value};

/// What a step gives its action, or what a loop makes of an item.
#[derive(Debug, Clone)]
pub struct Input {
    /// What it is called in errors; nothing for a `with`, whose inputs have names of their own.
    name: &'static str,
    whole: Part,
}

/// A value within an input.
#[derive(Debug, Clone)]
pub(crate) enum Part {
    Literal(Value),
    Template(Box<Template>),
    List(Vec<Part>),
    Map(Vec<(String, Part)>),
}

/// A template of an input that cannot be rendered.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("input `{field}`: {error}")]
pub struct InputError {
    /// The input, and the place within it: `message`, `blocks[0].text`.
    pub field: String,
    /// What is wrong with it.
    pub error: TemplateError,
}

impl Input {
    pub(crate) fn new(members: Vec<(String, Part)>) -> Self {
        Self { name: "", whole: Part::Map(members) }
    }

    /// Any value.
    pub(crate) fn value(name: &'static str, whole: Part) -> Self {
        Self { name, whole }
    }

    /// The value; for a `with`, an object with its members in the order of the file. The error names the first input that
    /// cannot be rendered.
    pub fn resolve(&self, scope: &Scope) -> Result<Value, InputError> {
        self.whole.resolve(scope, &Path::Root(self.name))
    }
}

/// No inputs.
impl Default for Input {
    fn default() -> Self {
        Self::new(Vec::new())
    }
}

impl Part {
    fn resolve(&self, scope: &Scope, path: &Path<'_>) -> Result<Value, InputError> {
        match self {
            Self::Literal(value) => Ok(value.clone()),
            Self::Template(template) => {
                template.render(scope).map_err(|error| InputError { field: path.to_string(), error })
            }
            Self::List(items) => {
                let items = items.iter().enumerate();
                items
                    .map(|(at, item)| item.resolve(scope, &Path::Item(path, at)))
                    .collect::<Result<_, _>>()
                    .map(Value::Array)
            }
            Self::Map(members) => resolve_map(members, scope, path).map(Value::Object),
        }
    }
}

fn resolve_map(members: &[(String, Part)], scope: &Scope, path: &Path<'_>) -> Result<Map<String, Value>, InputError> {
    members.iter().map(|(name, part)| Ok((name.clone(), part.resolve(scope, &Path::Member(path, name))?))).collect()
}

/// Where in the tree we are; written out only when something is wrong there.
enum Path<'a> {
    Root(&'static str),
    Member(&'a Path<'a>, &'a str),
    Item(&'a Path<'a>, usize),
}

impl fmt::Display for Path<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Root(name) => f.write_str(name),
            Self::Member(parent, name) => match parent {
                Self::Root("") => f.write_str(name),
                _ => write!(f, "{parent}.{name}"),
            },
            Self::Item(parent, at) => write!(f, "{parent}[{at}]"),
        }
    }
}
