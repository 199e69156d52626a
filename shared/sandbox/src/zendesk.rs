//! Zendesk's stand-in: the REST API at `/zendesk/api/v2/…`, the page `/zendesk`, and what agents and customers do.
//!
//! Written from <https://developer.zendesk.com/api-reference/> (checked 2026-11-23) and from recorded answers. Ids are
//! numbers and enums lower case over REST; in events ids are text and enums upper case. Rate limits come as faults.

mod account;
mod api;
mod audit;
mod change;
mod endpoint;
mod events;
mod fact;
mod fields;
mod given;
mod idempotency;
mod lists;
mod page;
mod paging;
mod people;
mod profiles;
mod records;
mod search;
mod seed;
mod show;
mod ticket;
mod webhooks;
mod write;

use axum::Router;
use axum::routing::{any, get, post};
use bytes::Bytes;

use crate::Sandbox;

pub(crate) use account::Account;
use change::Change;
pub(crate) use endpoint::OPERATIONS;

/// A webhook as its provider sends it: the caller posts it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignedDelivery {
    /// The provider.
    pub provider: &'static str,
    /// The body; the signature covers exactly these bytes.
    pub body: Bytes,
    /// All headers, the signature and its timestamp among them.
    pub headers: Vec<(String, String)>,
}

/// What a customer writes in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewTicket {
    /// The subject.
    pub subject: String,
    /// The first comment.
    pub description: String,
    /// The id of the customer.
    pub requester: u64,
}

/// Acts in Zendesk's stand-in. Each save answers with the webhooks that Zendesk sends for it: one for each thing that
/// changed, each with an id of its own, all with the same `meta.sequence.id`. A save that changes nothing, or of a ticket
/// or person that does not exist, sends none.
#[derive(Clone)]
pub struct Zendesk(Sandbox);

impl Zendesk {
    pub(crate) fn of(sandbox: Sandbox) -> Self {
        Self(sandbox)
    }

    /// The team's lead gives a ticket to an agent. A new ticket becomes open with that.
    pub fn assign(&self, ticket: u64, agent: u64) -> Vec<SignedDelivery> {
        self.save(ticket, crate::world::INES, Change { assignee: Some(Some(agent)), ..Change::default() })
    }

    /// The team's lead takes a ticket back into the queue.
    pub fn unassign(&self, ticket: u64) -> Vec<SignedDelivery> {
        self.save(ticket, crate::world::INES, Change { assignee: Some(None), ..Change::default() })
    }

    /// The team's lead sets a status: `open`, `pending`, `hold`, `solved` or `closed`. Another word changes nothing.
    pub fn set_status(&self, ticket: u64, status: &str) -> Vec<SignedDelivery> {
        let status = ticket::Status::parse(status);
        self.save(ticket, crate::world::INES, Change { status, ..Change::default() })
    }

    /// The team's lead sets a priority: `low`, `normal`, `high` or `urgent`. Another word changes nothing.
    pub fn set_priority(&self, ticket: u64, priority: &str) -> Vec<SignedDelivery> {
        let priority = ticket::Priority::parse(priority).map(Some);
        self.save(ticket, crate::world::INES, Change { priority, ..Change::default() })
    }

    /// Somebody writes on a ticket; `public` says whether the customer can read it. A customer's comment on a pending or
    /// solved ticket opens it again.
    pub fn add_comment(&self, ticket: u64, author: u64, body: &str, public: bool) -> Vec<SignedDelivery> {
        let comment = Some(change::NewComment { author, body: body.to_owned(), html_body: None, public });
        self.save(ticket, author, Change { comment, ..Change::default() })
    }

    /// A customer writes in; answers with the ticket's number too, or with 0 where the account knows no such customer.
    pub fn create_ticket(&self, ticket: NewTicket) -> (u64, Vec<SignedDelivery>) {
        let now = self.0.now();
        let mut account = self.0.account();
        match account.create(ticket, now) {
            Ok(saved) => (saved.ticket, events::deliveries(&self.0, &account, &saved, now)),
            Err(_) => (0, Vec::new()),
        }
    }

    /// The id of the ticket's assignee.
    pub fn assignee(&self, ticket: u64) -> Option<u64> {
        self.0.account().ticket(ticket)?.assignee_id
    }

    fn save(&self, ticket: u64, actor: u64, change: Change) -> Vec<SignedDelivery> {
        let now = self.0.now();
        let mut account = self.0.account();
        match account.save(ticket, actor, change, now) {
            Ok(saved) => events::deliveries(&self.0, &account, &saved, now),
            Err(_) => Vec::new(),
        }
    }
}

pub(crate) fn router() -> Router<Sandbox> {
    Router::new()
        .route("/zendesk/api/v2/{*path}", any(api::call))
        .route("/zendesk", get(page::show))
        .route("/zendesk/tickets/{id}/assign", post(page::assign))
}

/// Hands webhooks to whatever delivers them; answers with how many there were.
fn deliver(sandbox: &Sandbox, deliveries: Vec<SignedDelivery>) -> usize {
    let count = deliveries.len();
    if let Some(deliver) = sandbox.options().on_delivery.as_ref().filter(|_| count > 0) {
        deliver(deliveries);
    }
    count
}

#[cfg(test)]
mod tests;
