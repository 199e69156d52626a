//! As much of JSON Schema as checking a file needs: which kinds a value may have, and which members an object has.

use serde_json::Value;

use crate::yaml::Kind;

/// A schema, and the document it stands in, for `$ref`.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Schema<'s> {
    root: &'s Value,
    node: &'s Value,
}

/// A chain of references or alternatives longer than this is a loop.
const MAX_HOPS: usize = 8;

impl<'s> Schema<'s> {
    pub(crate) fn new(root: &'s Value) -> Self {
        Self { root, node: root }
    }

    fn at(self, node: &'s Value) -> Self {
        Self { node, ..self }
    }

    /// The schema behind references, or its alternatives.
    fn variants(self) -> Vec<Self> {
        let mut found = Vec::new();
        self.collect(&mut found, MAX_HOPS);
        found
    }

    fn collect(self, found: &mut Vec<Self>, hops: usize) {
        if hops == 0 {
            return;
        }
        let local = self.node.get("$ref").and_then(Value::as_str).and_then(|target| target.strip_prefix('#'));
        if let Some(target) = local.and_then(|target| self.root.pointer(target)) {
            return self.at(target).collect(found, hops - 1);
        }
        let alternatives = ["anyOf", "oneOf"].into_iter().find_map(|key| self.node.get(key)?.as_array());
        match alternatives {
            Some(alternatives) => alternatives.iter().for_each(|one| self.at(one).collect(found, hops - 1)),
            None => found.push(self),
        }
    }

    /// The kinds a value may have; `None` if any.
    pub(crate) fn kinds(self) -> Option<Vec<&'s str>> {
        let mut kinds = Vec::new();
        for variant in self.variants() {
            match variant.node.get("type") {
                Some(Value::String(kind)) => kinds.push(kind.as_str()),
                Some(Value::Array(several)) => kinds.extend(several.iter().filter_map(Value::as_str)),
                _ => return None,
            }
        }
        Some(kinds).filter(|kinds| !kinds.is_empty())
    }

    /// May a value of this kind stand here?
    pub(crate) fn takes(self, kind: &Kind) -> bool {
        let names: &[&str] = match kind {
            Kind::Null => &["null"],
            Kind::Bool(_) => &["boolean"],
            Kind::Number(number) if number.is_f64() => &["number"],
            Kind::Number(_) => &["number", "integer"],
            Kind::Text(_) => &["string"],
            Kind::List(_) => &["array"],
            Kind::Map(_) => &["object"],
            Kind::Broken => return true,
        };
        self.kinds().is_none_or(|kinds| kinds.iter().any(|kind| names.contains(kind)))
    }

    /// The words that are allowed, if only some are.
    pub(crate) fn words(self) -> Option<Vec<&'s str>> {
        let mut words = Vec::new();
        for variant in self.variants() {
            match (variant.node.get("enum"), variant.node.get("const")) {
                (Some(Value::Array(several)), _) => words.extend(several.iter().filter_map(Value::as_str)),
                (_, Some(one)) => words.extend(one.as_str()),
                _ if variant.takes(&Kind::Text(String::new())) => return None,
                _ => {}
            }
        }
        Some(words).filter(|words| !words.is_empty())
    }

    /// The schema of a member.
    pub(crate) fn member(self, name: &str) -> Option<Self> {
        self.variants().into_iter().find_map(|variant| Some(variant.at(variant.node.get("properties")?.get(name)?)))
    }

    /// The names of the members it knows.
    pub(crate) fn members(self) -> Vec<&'s str> {
        let properties = self.variants().into_iter().filter_map(|variant| variant.node.get("properties")?.as_object());
        properties.flat_map(|properties| properties.keys().map(String::as_str)).collect()
    }

    /// The members that must be there.
    pub(crate) fn required(self) -> Vec<&'s str> {
        match self.variants()[..] {
            [one] => one
                .node
                .get("required")
                .and_then(Value::as_array)
                .into_iter()
                .flatten()
                .filter_map(Value::as_str)
                .collect(),
            _ => Vec::new(),
        }
    }

    /// Are members beyond those it knows ruled out?
    pub(crate) fn is_closed(self) -> bool {
        let objects = self.variants().into_iter().filter(|variant| variant.node.get("properties").is_some());
        objects.map(|variant| variant.node.get("additionalProperties")).all(|more| more == Some(&Value::Bool(false)))
    }

    /// The schema of a list's items.
    pub(crate) fn items(self) -> Option<Self> {
        self.variants().into_iter().find_map(|variant| Some(variant.at(variant.node.get("items")?)))
    }
}

/// The kinds in words: `text or a whole number`.
pub(crate) fn in_words(kinds: &[&str]) -> String {
    let mut words: Vec<&str> = Vec::new();
    for kind in kinds {
        let word = match *kind {
            "string" => "text",
            "integer" => "a whole number",
            "number" => "a number",
            "boolean" => "true or false",
            "array" => "a list",
            "object" => "a map",
            _ => "null",
        };
        if !words.contains(&word) {
            words.push(word);
        }
    }
    words.join(" or ")
}
