//! What becomes of a ticket's tags. Called by `update_ticket`.

use deskwire_core::action::CallError;
use serde_json::{Value, json};

use crate::input::{self, bad};

/// What becomes of the tags.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Tags {
    /// They all become these.
    Set(Vec<String>),
    /// These come and go; both may be empty.
    Change { add: Vec<String>, remove: Vec<String> },
}

impl Tags {
    pub(crate) fn read(given: &Value) -> Result<Self, CallError> {
        let add = input::texts(given, "add_tags")?.unwrap_or_default();
        let remove = input::texts(given, "remove_tags")?.unwrap_or_default();
        match input::texts(given, "set_tags")? {
            None => Ok(Self::Change { add, remove }),
            Some(all) if add.is_empty() && remove.is_empty() => Ok(Self::Set(all)),
            Some(_) => {
                Err(bad("`set_tags` replaces all tags, so `add_tags` and `remove_tags` have no place beside it. Use \
                                one or the others."
                    .to_owned()))
            }
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        matches!(self, Self::Change { add, remove } if add.is_empty() && remove.is_empty())
    }

    /// All tags of a ticket that has these now, after the change.
    pub(crate) fn all(&self, now: &[Value]) -> Vec<Value> {
        match self {
            Self::Set(all) => all.iter().map(|tag| json!(tag)).collect(),
            Self::Change { add, remove } => {
                let has = |tags: &[String], tag: &Value| tag.as_str().is_some_and(|tag| tags.iter().any(|t| t == tag));
                let kept = now.iter().filter(|tag| !has(remove, tag) || has(add, tag)).cloned();
                let new = add.iter().map(|tag| json!(tag)).filter(|tag| !now.contains(tag));
                kept.chain(new).collect()
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_come_and_go_beside_the_others() {
        let tags = Tags::read(&json!({ "add_tags": "vip, late", "remove_tags": ["new"] })).unwrap();
        let now = [json!("new"), json!("vip"), json!("old")];
        assert_eq!(tags.all(&now), [json!("vip"), json!("old"), json!("late")]);
    }

    #[test]
    fn all_tags_are_replaced_only_where_that_is_asked_for() {
        assert!(Tags::read(&json!({ "set_tags": "" })).unwrap().is_empty());
        assert_eq!(Tags::read(&json!({ "set_tags": [] })).unwrap(), Tags::Set(Vec::new()));
        assert!(Tags::read(&json!({ "set_tags": "a", "add_tags": "b" })).is_err());
    }
}
