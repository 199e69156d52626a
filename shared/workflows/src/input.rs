//! A step's `with`: a tree of literals and templates, compiled once and resolved for every run.

use std::fmt;

use deskwire_templates::{Scope, Template, TemplateError};
use serde_json::{Map, Value};

/// What a step gives its action.
#[derive(Debug, Clone, Default)]
pub struct Input {
    members: Vec<(String, Part)>,
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
        Self { members }
    }

    /// The object that the action gets, its members in the order of the file. The error names the first input that cannot
    /// be rendered.
    pub fn resolve(&self, scope: &Scope) -> Result<Value, InputError> {
        resolve_map(&self.members, scope, &Path::Root).map(Value::Object)
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
    Root,
    Member(&'a Path<'a>, &'a str),
    Item(&'a Path<'a>, usize),
}

impl fmt::Display for Path<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Root => Ok(()),
            Self::Member(Self::Root, name) => f.write_str(name),
            Self::Member(parent, name) => write!(f, "{parent}.{name}"),
            Self::Item(parent, at) => write!(f, "{parent}[{at}]"),
        }
    }
}
