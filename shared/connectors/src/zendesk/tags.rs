//! Changing a ticket's tags. Called by `update_ticket`.
//!
//! `PUT /api/v2/tickets/{id}/tags` adds and `DELETE /api/v2/tickets/{id}/tags` removes, without touching the others:
//! <https://developer.zendesk.com/api-reference/ticketing/ticket-management/tags/> (checked 2026-11-23). Both may be repeated.

use deskwire_core::action::CallError;
use http::{HeaderMap, Method};
use serde_json::{Value, json};

use crate::input::{self, bad};
use crate::zendesk::failure::Asked;
use crate::zendesk::{TICKETS, Write, Zendesk};

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
                let kept = now.iter().filter(|tag| !has(remove, tag) && !has(add, tag)).cloned();
                kept.chain(add.iter().map(|tag| json!(tag))).collect()
            }
        }
    }

    /// Adds and removes tags, by calls of their own.
    pub(crate) async fn change(&self, zendesk: Zendesk<'_>, ticket: &str, asked: &Asked<'_>) -> Result<(), CallError> {
        let Self::Change { add, remove } = self else { return Ok(()) };
        let path = format!("{TICKETS}/{ticket}/tags");
        for (method, tags) in [(Method::PUT, add), (Method::DELETE, remove)] {
            if tags.is_empty() {
                continue;
            }
            let body = json!({ "tags": tags });
            let (headers, asked) = (HeaderMap::new(), asked.clone());
            zendesk.write(Write { method, path: &path, query: &[], headers, body: &body, asked }).await?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_come_and_go_beside_the_others() {
        let tags = Tags::read(&json!({ "add_tags": "vip, late", "remove_tags": ["new"] })).unwrap();
        let now = [json!("new"), json!("vip"), json!("old")];
        assert_eq!(tags.all(&now), [json!("old"), json!("vip"), json!("late")]);
    }

    #[test]
    fn all_tags_are_replaced_only_where_that_is_asked_for() {
        assert!(Tags::read(&json!({ "set_tags": "" })).unwrap().is_empty());
        assert_eq!(Tags::read(&json!({ "set_tags": [] })).unwrap(), Tags::Set(Vec::new()));
        assert!(Tags::read(&json!({ "set_tags": "a", "add_tags": "b" })).is_err());
    }
}
