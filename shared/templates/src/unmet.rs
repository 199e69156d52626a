//! Why a condition does not hold: the part of it that is false, and what the names in that part stand for.

use std::ops::Range;

use minijinja::Value;
use minijinja::machinery::{Token, tokenize};
use serde_json::Value as Json;

use crate::convert::to_json;
use crate::escape::Escape;
use crate::language::delimiters;
use crate::scope::Scope;
use crate::shape::bytes;

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
    let mut left: Vec<Range<usize>> = std::iter::once(0..text.len()).collect();
    while let Some(part) = left.pop() {
        match split(text, &part) {
            Some(parts) => left.extend(parts.into_iter().rev()),
            None => found.push(part),
        }
    }
    found
}

/// The parts of a part: what stands between its `and`s, or within the brackets around all of it. By the engine's words,
/// since its syntax tree does not tell where an expression ends.
fn split(text: &str, part: &Range<usize>) -> Option<Vec<Range<usize>>> {
    let inner = text.get(part.clone())?;
    let (mut depth, mut ands) = (0_usize, Vec::new());
    let mut around = None;
    for token in tokenize(inner, true, delimiters()) {
        let (token, span) = token.ok()?;
        let place = bytes(span);
        match token {
            Token::ParenOpen | Token::BracketOpen | Token::BraceOpen => {
                around.get_or_insert(place.end..place.end);
                depth += 1;
            }
            Token::ParenClose | Token::BracketClose | Token::BraceClose => {
                depth = depth.checked_sub(1)?;
                around = around.map(|around: Range<usize>| around.start..place.start);
            }
            _ if depth > 0 => {}
            // Of these, `and` is a part, and not the other way round.
            Token::Ident("or" | "if" | "else") => return None,
            Token::Ident("and") => ands.push(place),
            _ => {}
        }
    }
    let within = |range: Range<usize>| range.start + part.start..range.end + part.start;
    if ands.is_empty() {
        // One pair of brackets around it all; a list in such brackets is no expression in them.
        let around = around.filter(|_| inner.trim_start().starts_with('(') && first_pair_closes_last(inner))?;
        return Some(vec![within(around)]);
    }
    let mut parts = Vec::new();
    let mut from = 0;
    for and in ands {
        parts.push(within(from..and.start));
        from = and.end;
    }
    parts.push(within(from..inner.len()));
    Some(parts)
}

/// Is the bracket that a text begins with closed by the one it ends with?
fn first_pair_closes_last(text: &str) -> bool {
    let mut depth = 0_usize;
    let mut tokens = tokenize(text, true, delimiters()).peekable();
    while let Some(Ok((token, _))) = tokens.next() {
        match token {
            Token::ParenOpen | Token::BracketOpen | Token::BraceOpen => depth += 1,
            Token::ParenClose | Token::BracketClose | Token::BraceClose => depth = depth.saturating_sub(1),
            _ => {}
        }
        if depth == 0 {
            return tokens.peek().is_none();
        }
    }
    false
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
    match to_json(&value, LARGEST_SHOWN, Escape::None) {
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
