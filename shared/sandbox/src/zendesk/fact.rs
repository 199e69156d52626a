//! The single things that a save changes: each is told by an event of its own and stands in the audit.
//!
//! <https://developer.zendesk.com/api-reference/webhooks/event-types/ticket-events/>, checked 2026-11-23. Events write ids as
//! text and words in capitals. The shapes for followers, copies and custom fields are not documented for tickets; these are
//! those of the sample events.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::zendesk::account::User;
use crate::zendesk::fields;
use crate::zendesk::ticket::Comment;

/// One thing that a save changed.
#[derive(Debug)]
pub(crate) struct Fact {
    /// The event's type without its prefix: `status_changed`.
    pub event: &'static str,
    /// The event's body.
    pub body: Value,
    /// What the audit says, without an id. A comment's event is made from the comment itself.
    pub audit: Option<Value>,
}

impl Fact {
    /// A new ticket, told by one event without a body.
    pub(crate) fn created() -> Self {
        Self { event: "created", body: json!({}), audit: None }
    }
}

/// Facts in the making. Each method puts a new value in its place and notes what that changed, if anything.
#[derive(Debug, Default)]
pub(crate) struct Facts(Vec<Fact>);

impl Facts {
    pub(crate) fn take(&mut self) -> Vec<Fact> {
        std::mem::take(&mut self.0)
    }

    pub(crate) fn extend(&mut self, facts: Vec<Fact>) {
        self.0.extend(facts);
    }

    /// `name` is the field's name over REST; `written` gives a value as events and as REST write it.
    pub(crate) fn put<T: PartialEq>(
        &mut self,
        event: &'static str,
        name: &str,
        place: &mut T,
        new: Option<T>,
        written: impl Fn(&T) -> (Value, Value),
    ) {
        let Some(new) = new.filter(|new| new != place) else { return };
        let before = written(&std::mem::replace(place, new));
        let now = written(place);
        self.0.push(Fact {
            event,
            body: json!({ "current": now.0, "previous": before.0 }),
            audit: Some(json!({ "type": "Change", "field_name": name, "value": now.1, "previous_value": before.1 })),
        });
    }

    pub(crate) fn id(&mut self, event: &'static str, name: &str, place: &mut u64, new: Option<u64>) {
        self.put(event, name, place, new, |id| same(&json!(id.to_string())));
    }

    #[expect(clippy::option_option, reason = "left as it is, taken away, or set")]
    pub(crate) fn ids(&mut self, event: &'static str, name: &str, place: &mut Option<u64>, new: Option<Option<u64>>) {
        self.put(event, name, place, new, |id| same(&json!(id.map(|id| id.to_string()))));
    }

    #[expect(clippy::option_option, reason = "left as it is, taken away, or set")]
    pub(crate) fn texts(
        &mut self,
        event: &'static str,
        name: &str,
        place: &mut Option<String>,
        new: Option<Option<String>>,
    ) {
        self.put(event, name, place, new, |text| same(&json!(text)));
    }

    pub(crate) fn people(&mut self, event: &'static str, name: &str, place: &mut Vec<u64>, new: Option<Vec<u64>>) {
        self.put(event, name, place, new, |ids| same(&ids.iter().map(|id| json!(id.to_string())).collect()));
    }

    /// Tags are told as what came and what went.
    pub(crate) fn tags(&mut self, place: &mut Vec<String>, new: Option<Vec<String>>) {
        let Some(now) = new.filter(|new| new != place) else { return };
        let only_in = |these: &[String], those: &[String]| -> Vec<String> {
            these.iter().filter(|tag| !those.contains(tag)).cloned().collect()
        };
        let before = std::mem::replace(place, now);
        self.0.push(Fact {
            event: "tags_changed",
            body: json!({
                "added": { "tags": only_in(place, &before) }, "removed": { "tags": only_in(&before, place) }
            }),
            audit: Some(json!({ "type": "Change", "field_name": "tags", "value": place, "previous_value": before })),
        });
    }

    /// The value of a field that the account does not have is dropped.
    pub(crate) fn custom_field(&mut self, place: &mut BTreeMap<u64, Value>, id: u64, value: Value) {
        let before = place.get(&id).cloned().unwrap_or_default();
        let Some(field) = fields::described(id).filter(|_| before != value) else { return };
        let audit = json!({ "type": "Change", "field_name": id.to_string(), "value": value, "previous_value": before });
        let body = json!({ "current": value, "previous": before, "field": field });
        if value.is_null() {
            place.remove(&id);
        } else {
            place.insert(id, value);
        }
        self.0.push(Fact { event: "custom_field_changed", body, audit: Some(audit) });
    }

    pub(crate) fn comment_added(&mut self, comment: &Comment, author: Option<&User>) {
        let author = json!({
            "id": comment.author_id.to_string(),
            "is_staff": author.is_some_and(|author| author.role.is_staff()),
            "name": author.map(|author| author.name.as_str()),
        });
        let body = json!({ "comment": {
            "id": comment.id.to_string(), "body": comment.body, "is_public": comment.public, "author": author
        } });
        self.0.push(Fact { event: "comment_added", body, audit: None });
    }
}

fn same(value: &Value) -> (Value, Value) {
    (value.clone(), value.clone())
}
