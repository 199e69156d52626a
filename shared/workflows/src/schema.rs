//! As much of JSON Schema as checking a file needs: which kinds a value may have, and which members an object has.

use std::rc::Rc;

use deskwire_core::number::is_whole;
use serde_json::Value;

use crate::yaml::Kind;

/// What is known of a value: the schemas of which it fits one. Without any, nothing is known.
#[derive(Debug, Clone, Default)]
pub(crate) struct Schema<'s>(Vec<One<'s>>);

#[derive(Debug, Clone)]
enum One<'s> {
    /// A schema, and the document it stands in, for `$ref`.
    Json { root: &'s Value, node: &'s Value },
    /// An object of our own making: these members and no others.
    Object(Rc<[(&'s str, Schema<'s>)]>),
    /// A list of our own making.
    List(Rc<Schema<'s>>),
    /// A value of our own making.
    Plain(&'static str),
}

/// A chain of references or alternatives longer than this is a loop.
const MAX_HOPS: usize = 8;

impl<'s> Schema<'s> {
    pub(crate) fn new(root: &'s Value) -> Self {
        Self::at(root, root)
    }

    fn at(root: &'s Value, node: &'s Value) -> Self {
        let mut found = Vec::new();
        collect(root, node, &mut found, MAX_HOPS);
        Self(found)
    }

    /// An object with these members and no others.
    pub(crate) fn object(members: impl IntoIterator<Item = (&'s str, Self)>) -> Self {
        Self(vec![One::Object(members.into_iter().collect())])
    }

    /// A list of such items.
    pub(crate) fn list(items: Self) -> Self {
        Self(vec![One::List(Rc::new(items))])
    }

    /// A value of this kind: `string`, `integer`, `boolean`.
    pub(crate) fn plain(kind: &'static str) -> Self {
        Self(vec![One::Plain(kind)])
    }

    /// What fits one of these. If nothing is known of one of them, nothing is known of it.
    pub(crate) fn union(schemas: impl IntoIterator<Item = Self>) -> Self {
        let mut all = Vec::new();
        for schema in schemas {
            if schema.0.is_empty() {
                return Self::default();
            }
            all.extend(schema.0);
        }
        Self(all)
    }

    /// The kinds a value may have; `None` if any.
    pub(crate) fn kinds(&self) -> Option<Vec<&'s str>> {
        let mut kinds = Vec::new();
        for one in &self.0 {
            match one {
                One::Object(_) => kinds.push("object"),
                One::List(_) => kinds.push("array"),
                One::Plain(kind) => kinds.push(kind),
                One::Json { node, .. } => match node.get("type") {
                    Some(Value::String(kind)) => kinds.push(kind.as_str()),
                    Some(Value::Array(several)) => kinds.extend(several.iter().filter_map(Value::as_str)),
                    _ => return None,
                },
            }
        }
        Some(kinds).filter(|kinds| !kinds.is_empty())
    }

    /// May a value of this kind stand here?
    pub(crate) fn takes(&self, kind: &Kind) -> bool {
        let names: &[&str] = match kind {
            Kind::Null => &["null"],
            Kind::Bool(_) => &["boolean"],
            Kind::Number(number) if !is_whole(number) => &["number"],
            Kind::Number(_) => &["number", "integer"],
            Kind::Text(_) => &["string"],
            Kind::List(_) => &["array"],
            Kind::Map(_) => &["object"],
            Kind::Broken => return true,
        };
        self.kinds().is_none_or(|kinds| kinds.iter().any(|kind| names.contains(kind)))
    }

    /// What a keyword of ours says of it.
    pub(crate) fn extension(&self, keyword: &str) -> Option<&'s str> {
        self.0.iter().find_map(|one| match one {
            One::Json { node, .. } => node.get(keyword)?.as_str(),
            _ => None,
        })
    }

    /// The words that are allowed, if only some are.
    pub(crate) fn words(&self) -> Option<Vec<&'s str>> {
        let mut words = Vec::new();
        for one in &self.0 {
            let (listed, single, kind) = match one {
                One::Json { node, .. } => (node.get("enum"), node.get("const"), node.get("type")),
                One::Plain("string") => return None,
                One::Plain(_) | One::Object(_) | One::List(_) => continue,
            };
            match (listed, single, kind) {
                (Some(Value::Array(several)), ..) => words.extend(several.iter().filter_map(Value::as_str)),
                (_, Some(single), _) => words.extend(single.as_str()),
                (_, _, Some(Value::String(kind))) if kind != "string" => {}
                (_, _, Some(Value::Array(kinds))) if !kinds.iter().any(|kind| kind == "string") => {}
                _ => return None,
            }
        }
        Some(words).filter(|words| !words.is_empty())
    }

    /// What is known of a member; `None` where no schema names it.
    pub(crate) fn member(&self, name: &str) -> Option<Self> {
        let mut found: Option<Vec<One<'s>>> = None;
        let mut unknown = false;
        for one in &self.0 {
            let member = match one {
                One::Object(members) => {
                    members.iter().find(|(known, _)| *known == name).map(|(_, schema)| schema.clone())
                }
                One::Json { root, node } => {
                    node.get("properties").and_then(|known| known.get(name)).map(|node| Self::at(root, node))
                }
                One::List(_) | One::Plain(_) => None,
            };
            if let Some(member) = member {
                unknown |= member.0.is_empty();
                found.get_or_insert_default().extend(member.0);
            }
        }
        found.map(|found| if unknown { Self::default() } else { Self(found) })
    }

    /// The names of the members it knows.
    pub(crate) fn members(&self) -> Vec<&'s str> {
        let mut names: Vec<&'s str> = Vec::new();
        for one in &self.0 {
            match one {
                One::Object(members) => names.extend(members.iter().map(|(name, _)| *name)),
                One::Json { node, .. } => {
                    let properties = node.get("properties").and_then(Value::as_object);
                    names.extend(properties.into_iter().flatten().map(|(name, _)| name.as_str()));
                }
                One::List(_) | One::Plain(_) => {}
            }
        }
        if self.0.len() > 1 {
            let mut seen = std::collections::HashSet::new();
            names.retain(|name| seen.insert(*name));
        }
        names
    }

    /// The members that must be there.
    pub(crate) fn required(&self) -> Vec<&'s str> {
        match self.0[..] {
            [One::Json { node, .. }] => {
                node.get("required").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str).collect()
            }
            _ => Vec::new(),
        }
    }

    /// Are members beyond those it knows ruled out?
    pub(crate) fn is_closed(&self) -> bool {
        self.0.iter().all(|one| match one {
            One::Json { node, .. } => {
                node.get("properties").is_none() || node.get("additionalProperties") == Some(&Value::Bool(false))
            }
            One::Object(_) | One::List(_) | One::Plain(_) => true,
        })
    }

    /// What is known of a list's items.
    pub(crate) fn items(&self) -> Self {
        let items = self.0.iter().filter_map(|one| match one {
            One::List(items) => Some(Self::clone(items)),
            One::Json { root, node } => node.get("items").map(|items| Self::at(root, items)),
            One::Object(_) | One::Plain(_) => None,
        });
        Self::union(items)
    }
}

/// The schema behind references, or its alternatives.
fn collect<'s>(root: &'s Value, node: &'s Value, found: &mut Vec<One<'s>>, hops: usize) {
    if hops == 0 {
        return;
    }
    let local = node.get("$ref").and_then(Value::as_str).and_then(|target| target.strip_prefix('#'));
    if let Some(target) = local.and_then(|target| root.pointer(target)) {
        return collect(root, target, found, hops - 1);
    }
    let alternatives = ["anyOf", "oneOf"].into_iter().find_map(|key| node.get(key)?.as_array());
    match alternatives {
        Some(alternatives) => alternatives.iter().for_each(|one| collect(root, one, found, hops - 1)),
        None => found.push(One::Json { root, node }),
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
