//! Saving a ticket: what is allowed, what changes, and what therefore has to be told.

use deskwire_core::time::Timestamp;
use serde_json::{Value, json};

use crate::zendesk::account::{Account, Priority, Status};

/// What somebody wants changed; `None` leaves a thing as it is.
#[derive(Debug, Default)]
#[expect(clippy::option_option, reason = "a field that is left out, one that is null and one with a value differ")]
pub(crate) struct Change {
    /// `Some(None)` takes the ticket from its assignee.
    pub assignee: Option<Option<u64>>,
    pub status: Option<Status>,
    pub priority: Option<Option<Priority>>,
    pub subject: Option<String>,
    pub tags: Option<Vec<String>>,
    pub comment: Option<NewComment>,
}

#[derive(Debug)]
pub(crate) struct NewComment {
    pub author: u64,
    pub body: String,
    pub public: bool,
}

/// Why a save is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Refused {
    /// There is no such ticket.
    NoTicket,
    /// Closed tickets take no change.
    Closed,
    /// The assignee is nobody who can have tickets.
    NoAgent,
    /// The comment's author does not exist.
    NoAuthor,
}

/// A save that was made: what it changed, in the order in which Zendesk tells it.
#[derive(Debug)]
pub(crate) struct Saved {
    pub ticket: u64,
    pub actor: u64,
    pub audit: u64,
    pub facts: Vec<Fact>,
}

/// One thing that a save changed: the event's name and body, and what the audit says.
#[derive(Debug)]
pub(crate) struct Fact {
    /// The event's type without its prefix: `status_changed`.
    pub event: &'static str,
    pub body: Value,
    /// The audit's event, without its id.
    pub audit: Value,
}

impl Saved {
    /// A new ticket, told by one event without a body.
    pub(crate) fn created(ticket: u64) -> Self {
        let fact = Fact { event: "created", body: json!({}), audit: json!({ "type": "Create" }) };
        Self { ticket, actor: 0, audit: 0, facts: vec![fact] }
    }
}

impl Fact {
    /// `name` is the field's name over REST. Events write ids as text and enums in capitals.
    fn changed(event: &'static str, name: &str, now: (&Value, &Value), before: (&Value, &Value)) -> Self {
        let audit = json!({ "type": "Change", "field_name": name, "value": now.1, "previous_value": before.1 });
        Self { event, body: json!({ "current": now.0, "previous": before.0 }), audit }
    }
}

impl Account {
    /// Saves a change of a ticket by `actor`.
    pub(crate) fn save(&mut self, ticket: u64, actor: u64, change: Change, now: Timestamp) -> Result<Saved, Refused> {
        let found = self.ticket(ticket).ok_or(Refused::NoTicket)?;
        if found.status == Status::Closed {
            return Err(Refused::Closed);
        }
        if let Some(Some(agent)) = change.assignee {
            self.agent(agent).ok_or(Refused::NoAgent)?;
        }
        let author = change.comment.as_ref().map(|comment| self.user(comment.author).ok_or(Refused::NoAuthor));
        let by_customer = author.transpose()?.is_some_and(|author| !author.role.is_staff());
        let status = change.status.or_else(|| {
            let is_assigned = matches!(change.assignee, Some(Some(_)));
            match found.status {
                Status::New if is_assigned => Some(Status::Open),
                Status::Pending | Status::Solved if by_customer => Some(Status::Open),
                _ => None,
            }
        });
        let audit = self.new_id();
        let comment = change.comment.map(|new| self.comment(new.author, new.body, new.public, now));
        let staff = comment.as_ref().and_then(|comment| self.user(comment.author_id)).map(|user| user.name.clone());
        let ticket_id = ticket;
        let ticket = self.ticket_mut(ticket_id).ok_or(Refused::NoTicket)?;
        let mut facts = Vec::new();
        if let Some(assignee) = change.assignee.filter(|assignee| *assignee != ticket.assignee_id) {
            let before = std::mem::replace(&mut ticket.assignee_id, assignee);
            facts.push(Fact::changed(
                "agent_assignment_changed",
                "assignee_id",
                (&id_text(assignee), &id_text(assignee)),
                (&id_text(before), &id_text(before)),
            ));
        }
        if let Some(status) = status.filter(|status| *status != ticket.status) {
            let before = std::mem::replace(&mut ticket.status, status);
            let written = |status: Status| (json!(status.name().to_uppercase()), json!(status.name()));
            facts.push(changed_enum("status_changed", "status", &written(status), &written(before)));
        }
        if let Some(priority) = change.priority.filter(|priority| *priority != ticket.priority) {
            let before = std::mem::replace(&mut ticket.priority, priority);
            let written = |priority: Option<Priority>| {
                (json!(priority.map(|p| p.name().to_uppercase())), json!(priority.map(Priority::name)))
            };
            facts.push(changed_enum("priority_changed", "priority", &written(priority), &written(before)));
        }
        if let Some(subject) = change.subject.filter(|subject| *subject != ticket.subject) {
            let before = json!(std::mem::replace(&mut ticket.subject, subject));
            let current = json!(ticket.subject);
            facts.push(Fact::changed("subject_changed", "subject", (&current, &current), (&before, &before)));
        }
        if let Some(tags) = change.tags.filter(|tags| *tags != ticket.tags) {
            facts.push(changed_tags(&std::mem::replace(&mut ticket.tags, tags.clone()), &tags));
        }
        if let Some(mut comment) = comment {
            comment.audit_id = audit;
            let author = json!({ "id": comment.author_id.to_string(), "is_staff": !by_customer, "name": staff });
            let body = json!({ "id": comment.id.to_string(), "body": comment.body, "is_public": comment.public, "author": author });
            let audit = json!({ "type": "Comment", "body": comment.body, "public": comment.public, "attachments": [] });
            facts.push(Fact { event: "comment_added", body: json!({ "comment": body }), audit });
            ticket.comments.push(comment);
        }
        if !facts.is_empty() {
            ticket.updated_at = now;
        }
        Ok(Saved { ticket: ticket_id, actor, audit, facts })
    }
}

fn id_text(id: Option<u64>) -> Value {
    json!(id.map(|id| id.to_string()))
}

fn changed_enum(event: &'static str, name: &str, now: &(Value, Value), before: &(Value, Value)) -> Fact {
    Fact::changed(event, name, (&now.0, &now.1), (&before.0, &before.1))
}

/// Tags are told as what came and what went.
fn changed_tags(before: &[String], now: &[String]) -> Fact {
    let only_in = |these: &[String], those: &[String]| -> Vec<String> {
        these.iter().filter(|tag| !those.contains(tag)).cloned().collect()
    };
    Fact {
        event: "tags_changed",
        body: json!({ "added": { "tags": only_in(now, before) }, "removed": { "tags": only_in(before, now) } }),
        audit: json!({ "type": "Change", "field_name": "tags", "value": now, "previous_value": before }),
    }
}

#[cfg(test)]
mod tests;
