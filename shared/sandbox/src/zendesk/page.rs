//! The page `/zendesk`: the tickets, and a button that gives one to somebody. What that changes goes out as webhooks. Below
//! them are the profiles and records that were written.

use askama::Template;
use axum::Form;
use axum::extract::{Path, Query, State};
use axum::response::{IntoResponse, Response};
use deskwire_core::time::Timestamp;
use http::header::LOCATION;
use http::{HeaderMap, StatusCode};
use serde::Deserialize;
use serde_json::{Map, Value};

use crate::Sandbox;
use crate::calendar::{clock_time, day};
use crate::page;
use crate::world::SUBDOMAIN;
use crate::zendesk::account::Account;
use crate::zendesk::deliver;
use crate::zendesk::profiles::Profile;
use crate::zendesk::records::Record;
use crate::zendesk::ticket::{Comment, Priority, Status, Ticket};

/// What the address asks for: after an assignment, which ticket it was and how many webhooks went out.
#[derive(Debug, Deserialize)]
pub(crate) struct Asked {
    assigned: Option<u64>,
    webhooks: Option<usize>,
}

/// What the form sends; an empty `agent` takes the ticket from its assignee.
#[derive(Debug, Deserialize)]
pub(crate) struct Assignment {
    agent: String,
}

#[derive(Template)]
#[template(path = "zendesk.html")]
struct Page {
    subdomain: &'static str,
    notice: Option<Notice>,
    agents: Vec<(u64, String)>,
    tickets: Vec<Row>,
    profiles: Vec<Card>,
    records: Vec<Card>,
}

/// A profile or a record: what it is, whose, and its values.
struct Card {
    title: String,
    kind: String,
    facts: Vec<(String, String)>,
}

struct Notice {
    ticket: u64,
    assignee: Option<String>,
    webhooks: usize,
    /// Does anything deliver them?
    delivered: bool,
}

struct Row {
    id: u64,
    subject: String,
    status: &'static str,
    priority: Option<&'static str>,
    requester: String,
    organization: Option<String>,
    assignee_id: u64,
    assignee: Option<(String, String, usize)>,
    updated: String,
    external_id: Option<String>,
    tags: Vec<String>,
    closed: bool,
    just_changed: bool,
    comments: Vec<Said>,
}

struct Said {
    author: String,
    is_staff: bool,
    public: bool,
    when: String,
    body: String,
}

/// `GET /zendesk`
pub(crate) async fn show(State(sandbox): State<Sandbox>, Query(asked): Query<Asked>) -> Response {
    let now = sandbox.now();
    let account = sandbox.account();
    let notice = asked.assigned.and_then(|id| account.ticket(id)).map(|ticket| Notice {
        ticket: ticket.id,
        assignee: ticket.assignee_id.and_then(|id| account.user(id)).map(|user| user.name.clone()),
        webhooks: asked.webhooks.unwrap_or(0),
        delivered: sandbox.options().on_delivery.is_some(),
    });
    let staff = account.users.iter().filter(|user| user.role.is_staff() && user.id != crate::world::INTEGRATION);
    let agents = staff.map(|user| (user.id, user.name.clone())).collect();
    let mut tickets: Vec<Row> =
        account.tickets.iter().map(|ticket| row(&account, ticket, asked.assigned, now)).collect();
    tickets.sort_by_key(|row| (row.closed, row.id));
    let profiles = account.profiles.iter().map(|profile| profile_card(&account, profile)).collect();
    let records = account.records.iter().map(record_card).collect();
    drop(account);
    page::answer(&Page { subdomain: SUBDOMAIN, notice, agents, tickets, profiles, records })
}

fn profile_card(account: &Account, profile: &Profile) -> Card {
    let user = account.user(profile.user_id).map_or_else(String::new, |user| user.name.clone());
    let facts = profile.identifiers.iter().cloned().chain(shown(&profile.attributes));
    Card {
        title: profile.name.clone().unwrap_or(user),
        kind: format!("{} · {}", profile.source, profile.kind),
        facts: facts.collect(),
    }
}

fn record_card(record: &Record) -> Card {
    let external_id = record.external_id.clone().map(|id| ("external id".to_owned(), id));
    let facts = external_id.into_iter().chain(shown(&record.fields)).collect();
    Card { title: record.name.clone(), kind: record.object.to_owned(), facts }
}

fn shown(values: &Map<String, Value>) -> impl Iterator<Item = (String, String)> {
    let text = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    values.iter().map(move |(name, value)| (name.clone(), text(value)))
}

fn row(account: &Account, ticket: &Ticket, changed: Option<u64>, now: Timestamp) -> Row {
    let assignee = ticket.assignee_id.and_then(|id| account.user(id)).map(|user| user.name.clone());
    Row {
        id: ticket.id,
        subject: ticket.subject.clone(),
        status: ticket.status.name(),
        priority: ticket.priority.map(Priority::name),
        requester: account.user(ticket.requester_id).map_or_else(String::new, |user| user.name.clone()),
        organization: ticket.organization_id.and_then(|id| account.organization(id)).map(|found| found.name.clone()),
        assignee_id: ticket.assignee_id.unwrap_or(0),
        assignee: assignee.map(|name| (page::initials(&name), name.clone(), page::colour(&name))),
        updated: format!("{}, {}", day(ticket.updated_at, now), clock_time(ticket.updated_at)),
        external_id: ticket.external_id.clone(),
        tags: ticket.tags.clone(),
        closed: ticket.status == Status::Closed,
        just_changed: changed == Some(ticket.id),
        comments: ticket.comments.iter().map(|comment| said(account, comment, now)).collect(),
    }
}

fn said(account: &Account, comment: &Comment, now: Timestamp) -> Said {
    let author = account.user(comment.author_id);
    Said {
        author: author.map_or_else(String::new, |user| user.name.clone()),
        is_staff: author.is_some_and(|user| user.role.is_staff()),
        public: comment.public,
        when: format!("{}, {}", day(comment.created_at, now), clock_time(comment.created_at)),
        body: comment.body.clone(),
    }
}

/// `POST /zendesk/tickets/{id}/assign`
pub(crate) async fn assign(
    State(sandbox): State<Sandbox>,
    Path(ticket): Path<u64>,
    headers: HeaderMap,
    Form(given): Form<Assignment>,
) -> Response {
    if page::is_from_elsewhere(&headers) {
        return (StatusCode::FORBIDDEN, "This form takes requests of its own page only").into_response();
    }
    let zendesk = sandbox.zendesk();
    let deliveries = match given.agent.parse() {
        Ok(agent) => zendesk.assign(ticket, agent),
        Err(_) => zendesk.unassign(ticket),
    };
    let webhooks = deliver(&sandbox, deliveries);
    // Relative, since the sandbox does not know under which path it is nested.
    let back = format!("../../../zendesk?assigned={ticket}&webhooks={webhooks}#ticket-{ticket}");
    (StatusCode::SEE_OTHER, [(LOCATION, back)]).into_response()
}

#[cfg(test)]
mod tests;
