//! Saving a ticket: what is allowed, what changes, and what therefore has to be told.

use deskwire_core::time::Timestamp;
use serde_json::{Value, json};

use crate::calendar::whole_seconds;
use crate::zendesk::NewTicket;
use crate::zendesk::account::Account;
use crate::zendesk::audit::{Audit, comment_event};
use crate::zendesk::fact::{Fact, Facts};
use crate::zendesk::ticket::{Comment, Priority, Status, Ticket};

/// So many ids are kept free for an audit's events.
const MOST_EVENTS: u64 = 100;

/// What somebody wants changed; `None` leaves a thing as it is.
#[derive(Debug, Default)]
#[expect(clippy::option_option, reason = "a field that is left out, one that is null and one with a value differ")]
pub(crate) struct Change {
    /// `Some(None)` takes the ticket from its assignee.
    pub assignee: Option<Option<u64>>,
    pub group: Option<u64>,
    pub requester: Option<u64>,
    pub organization: Option<Option<u64>>,
    pub status: Option<Status>,
    pub custom_status: Option<u64>,
    pub priority: Option<Option<Priority>>,
    pub kind: Option<Option<&'static str>>,
    pub due_at: Option<Option<String>>,
    pub subject: Option<String>,
    pub external_id: Option<Option<String>>,
    pub form: Option<u64>,
    pub brand: Option<u64>,
    pub tags: Option<Vec<String>>,
    /// By the field's id; null empties one.
    pub custom_fields: Vec<(u64, Value)>,
    pub followers: Option<Vec<u64>>,
    pub email_ccs: Option<Vec<u64>>,
    pub comment: Option<NewComment>,
    /// What the audit keeps for whoever saved; null for nothing.
    pub metadata: Value,
}

#[derive(Debug)]
pub(crate) struct NewComment {
    pub author: u64,
    pub body: String,
    pub html_body: Option<String>,
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
    /// As REST shows it.
    pub audit: Value,
    pub facts: Vec<Fact>,
}

impl Account {
    /// Adds a ticket that a customer wrote.
    pub(crate) fn create(&mut self, ticket: NewTicket, now: Timestamp) -> Result<Saved, Refused> {
        let NewTicket { subject, description, requester } = ticket;
        let comment = NewComment { author: requester, body: description, html_body: None, public: true };
        let new = Ticket::new(self.next_ticket(), subject, requester, now);
        self.add(new, requester, Change { comment: Some(comment), ..Change::default() }, now)
    }

    /// Adds a ticket that is created by `actor` with what a change says. Only its creation is told.
    pub(crate) fn add(
        &mut self,
        mut new: Ticket,
        actor: u64,
        change: Change,
        now: Timestamp,
    ) -> Result<Saved, Refused> {
        let id = new.id;
        new.organization_id = self.user(new.requester_id).and_then(|user| user.organization_id);
        self.tickets.push(new);
        let saved = self.save(id, actor, change, now);
        if saved.is_err() {
            self.tickets.retain(|ticket| ticket.id != id);
        }
        let saved = saved?;
        Ok(Saved { facts: vec![Fact::created()], ..saved })
    }

    /// Saves a change of a ticket by `actor`.
    pub(crate) fn save(&mut self, ticket: u64, actor: u64, change: Change, now: Timestamp) -> Result<Saved, Refused> {
        let status = self.status_after(ticket, &change)?;
        let comment = change.comment.map(|new| self.comment(new, now));
        let mut facts = Facts::default();
        if let Some(comment) = &comment {
            facts.comment_added(comment, self.user(comment.author_id));
        }
        let added = facts.take();
        let audit_id = self.new_ids(MOST_EVENTS);
        let ticket_id = ticket;
        let ticket = self.ticket_mut(ticket_id).ok_or(Refused::NoTicket)?;
        facts.ids("agent_assignment_changed", "assignee_id", &mut ticket.assignee_id, change.assignee);
        facts.id("group_assignment_changed", "group_id", &mut ticket.group_id, change.group);
        facts.id("requester_changed", "requester_id", &mut ticket.requester_id, change.requester);
        facts.ids("organization_changed", "organization_id", &mut ticket.organization_id, change.organization);
        facts.put("status_changed", "status", &mut ticket.status, status, |status| words(Some(status.name())));
        if status.is_some() || change.custom_status.is_some() {
            ticket.custom_status_id = change.custom_status;
        }
        facts.put("priority_changed", "priority", &mut ticket.priority, change.priority, |priority| {
            words(priority.map(Priority::name))
        });
        facts.put("type_changed", "type", &mut ticket.kind, change.kind, |kind| words(*kind));
        facts.texts("task_due_at_changed", "due_at", &mut ticket.due_at, change.due_at);
        facts.put("subject_changed", "subject", &mut ticket.subject, change.subject, |subject| same(json!(subject)));
        facts.texts("external_id_changed", "external_id", &mut ticket.external_id, change.external_id);
        facts.id("form_changed", "ticket_form_id", &mut ticket.form_id, change.form);
        facts.id("brand_changed", "brand_id", &mut ticket.brand_id, change.brand);
        facts.tags(&mut ticket.tags, change.tags);
        for (id, value) in change.custom_fields {
            facts.custom_field(&mut ticket.custom_fields, id, value);
        }
        facts.people("followers_changed", "follower_ids", &mut ticket.follower_ids, change.followers);
        facts.people("email_ccs_changed", "email_cc_ids", &mut ticket.email_cc_ids, change.email_ccs);
        facts.extend(added);
        let facts = facts.take();
        if !facts.is_empty() {
            ticket.updated_at = now;
        }
        let comment_event = comment.as_ref().map(comment_event);
        ticket.comments.extend(comment.map(|comment| Comment { audit_id, ..comment }));
        let changes = facts.iter().filter_map(|fact| fact.audit.clone());
        let ids = (audit_id + 1)..;
        let events = changes.zip(ids).map(|(change, id)| numbered(id, change)).chain(comment_event).collect();
        let created_at = whole_seconds(now);
        let audit = Audit {
            id: audit_id,
            ticket: ticket_id,
            author: actor,
            created_at: &created_at,
            custom: &change.metadata,
            events,
        };
        let audit = audit.show();
        ticket.audits.push(audit.clone());
        Ok(Saved { ticket: ticket_id, actor, audit, facts })
    }

    /// The status that the change brings, said or not; the error says why the change is refused.
    fn status_after(&self, ticket: u64, change: &Change) -> Result<Option<Status>, Refused> {
        let found = self.ticket(ticket).ok_or(Refused::NoTicket)?;
        if found.status == Status::Closed {
            return Err(Refused::Closed);
        }
        if let Some(Some(agent)) = change.assignee {
            self.agent(agent).ok_or(Refused::NoAgent)?;
        }
        let author = change.comment.as_ref().map(|comment| self.user(comment.author).ok_or(Refused::NoAuthor));
        let by_customer = author.transpose()?.is_some_and(|author| !author.role.is_staff());
        let is_assigned = matches!(change.assignee, Some(Some(_)));
        Ok(change.status.or(match found.status {
            Status::New if is_assigned => Some(Status::Open),
            Status::Pending | Status::Solved if by_customer => Some(Status::Open),
            _ => None,
        }))
    }

    pub(crate) fn comment(&mut self, new: NewComment, created_at: Timestamp) -> Comment {
        let NewComment { author, body, html_body, public } = new;
        Comment { id: self.new_id(), audit_id: self.new_id(), author_id: author, body, html_body, public, created_at }
    }
}

/// An audit's event begins with its id.
fn numbered(id: u64, event: Value) -> Value {
    let mut numbered = json!({ "id": id });
    if let (Value::Object(numbered), Value::Object(event)) = (&mut numbered, event) {
        numbered.extend(event);
    }
    numbered
}

/// A word as events write it, in capitals, and as REST does.
fn words(word: Option<&str>) -> (Value, Value) {
    (json!(word.map(str::to_uppercase)), json!(word))
}

fn same(value: Value) -> (Value, Value) {
    (value.clone(), value)
}

#[cfg(test)]
mod tests;
