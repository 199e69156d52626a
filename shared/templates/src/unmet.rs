//! Why a condition does not hold: the part of it that is false, and what the names in that part stand for.

use std::ops::Range;

use minijinja::Value;
use minijinja::machinery::{ast, parse_expr};
use serde_json::Value as Json;

use crate::convert::to_json;
use crate::scope::Scope;
use crate::shape::{bytes, whole};

/// A value with more text and items than this is named by its kind only.
const LARGEST_SHOWN: usize = 200;

/// The part of a condition that is false.
#[derive(Debug, Clone, PartialEq)]
pub struct Unmet {
    /// Its text.
    pub clause: String,
    /// The names in it, each once, with what they stand for.
    pub values: Vec<(Vec<String>, Found)>,
}

/// What a name stands for.
#[derive(Debug, Clone, PartialEq)]
pub enum Found {
    /// Nothing: it is missing.
    Missing,
    /// This value.
    Value(Json),
    /// Something that is too large to be shown, in words: `a map`.
    Large(&'static str),
}

/// The parts of an expression that `and` joins, as deep as that goes, in their order; the whole where it joins none.
pub(crate) fn conjuncts(text: &str) -> Vec<Range<usize>> {
    let mut found = Vec::new();
    let mut left = vec![0..text.len()];
    while let Some(part) = left.pop() {
        match operands(text, &part) {
            Some((first, second)) => left.extend([second, first]),
            None => found.push(part),
        }
    }
    found
}

/// The two sides of an `and`, if the part is one.
fn operands(text: &str, part: &Range<usize>) -> Option<(Range<usize>, Range<usize>)> {
    let inner = text.get(part.clone())?;
    let tree = parse_expr(inner).ok()?;
    let ast::Expr::BinOp(binary) = &tree else { return None };
    if !matches!(binary.op, ast::BinOpKind::ScAnd) {
        return None;
    }
    let place = |side: &ast::Expr<'_>| {
        let range = bytes(whole(side));
        let range = balanced(inner, range)?;
        Some(range.start + part.start..range.end + part.start)
    };
    Some((place(&binary.left)?, place(&binary.right)?))
}

/// The range, made longer where a closing bracket of its own was left out of it.
fn balanced(text: &str, mut range: Range<usize>) -> Option<Range<usize>> {
    for _ in 0..16 {
        if parse_expr(text.get(range.clone())?).is_ok() {
            return Some(range);
        }
        let next = text.get(range.end..)?.find(')')?;
        range.end += next + 1;
    }
    None
}

/// What a path stands for in a scope.
pub(crate) fn found(scope: &Scope, path: &[String]) -> Found {
    let mut value = scope.root();
    for name in path {
        match value.get_attr(name) {
            Ok(inner) if !inner.is_undefined() => value = inner,
            _ => return Found::Missing,
        }
    }
    match to_json(&value, LARGEST_SHOWN) {
        Ok(Json::Object(_)) | Err(_) => Found::Large(kind(&value)),
        Ok(json) => Found::Value(json),
    }
}

fn kind(value: &Value) -> &'static str {
    use minijinja::value::ValueKind;
    match value.kind() {
        ValueKind::Map => "a map",
        ValueKind::Seq | ValueKind::Iterable => "a long list",
        ValueKind::String => "a long text",
        _ => "a value that cannot be shown",
    }
}
