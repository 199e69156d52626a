//! Creating and updating tickets over REST. What changes goes out as webhooks too, as with a person's save.
//! <https://developer.zendesk.com/api-reference/ticketing/tickets/tickets/>, checked 2026-11-23.

use http::StatusCode;
use serde_json::{Value, json};

use crate::Sandbox;
use crate::world::INTEGRATION;
use crate::zendesk::account::Account;
use crate::zendesk::api::Reply;
use crate::zendesk::change::{Change, Refused, Saved};
use crate::zendesk::given::{self, Invalid};
use crate::zendesk::idempotency::Lookup;
use crate::zendesk::ticket::Ticket;
use crate::zendesk::{deliver, events, show};

/// `POST /api/v2/tickets`, with the `Idempotency-Key` if there is one.
pub(crate) fn create(sandbox: &Sandbox, key: Option<&str>, body: &[u8]) -> Result<Reply, Reply> {
    let given = given::object(body, "ticket")?;
    let now = sandbox.now();
    let mut account = sandbox.account();
    if let Some(key) = key {
        match account.keys.look_up(key, &given, now) {
            Lookup::Miss => {}
            Lookup::Hit(answer) => return Ok(created(answer, Some("hit"))),
            Lookup::Mismatch => {
                let description = "Request parameters don't match the given idempotency key";
                return Err(Reply::error(StatusCode::BAD_REQUEST, "IdempotentRequestError", description));
            }
        }
    }
    if given.get("comment").is_none_or(Value::is_null) {
        return Err(Invalid::new("comment", "Comment: cannot be blank").into());
    }
    meet(sandbox, &mut account, &given);
    let blank = Ticket::new(account.next_ticket(), String::new(), INTEGRATION, now);
    let mut change = given::change(&account, &blank, &given, INTEGRATION)?;
    let requester = change.requester.take().unwrap_or(INTEGRATION);
    // The first comment is the requester's unless somebody else is named.
    if let Some(comment) = change.comment.as_mut().filter(|_| given.pointer("/comment/author_id").is_none()) {
        comment.author = requester;
    }
    let author = change.comment.as_ref().map_or(requester, |comment| comment.author);
    let subject = change.subject.take().unwrap_or_default();
    let new = Ticket { submitter_id: author, channel: "api", ..Ticket::new(blank.id, subject, requester, now) };
    let saved = account.add(new, INTEGRATION, change, now)?;
    let answer = answer(&account, &saved);
    if let Some(key) = key {
        account.keys.remember(key, given, answer.clone(), now);
    }
    let deliveries = events::deliveries(sandbox, &account, &saved, now);
    drop(account);
    deliver(sandbox, deliveries);
    Ok(created(answer, key.map(|_| "miss")))
}

/// `PUT /api/v2/tickets/{id}`
pub(crate) fn update(sandbox: &Sandbox, id: u64, body: &[u8]) -> Result<Reply, Reply> {
    let given = given::object(body, "ticket")?;
    let mut account = sandbox.account();
    let found = account.ticket(id).ok_or_else(Reply::not_found)?;
    if let Some(conflict) = given::conflict(found, &given) {
        return Err(conflict);
    }
    meet(sandbox, &mut account, &given);
    let found = account.ticket(id).ok_or_else(Reply::not_found)?;
    let change = given::change(&account, found, &given, INTEGRATION)?;
    let answer = save(sandbox, account, id, change)?;
    Ok(Reply::ok(answer))
}

/// How a change of the tags comes about.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Tagging {
    /// `POST`
    Set,
    /// `PUT`
    Add,
    /// `DELETE`
    Remove,
}

/// `/api/v2/tickets/{id}/tags`
pub(crate) fn tags(sandbox: &Sandbox, id: u64, how: Tagging, body: &[u8]) -> Result<Reply, Reply> {
    let given: Value = deskwire_core::json::from_slice(body).unwrap_or_default();
    let Some(tags) = given.get("tags").and_then(Value::as_array) else {
        return Err(Reply::error(StatusCode::BAD_REQUEST, "ParameterMissing", "Parameter tags is required"));
    };
    let tags = given::words(tags);
    let account = sandbox.account();
    let found = account.ticket(id).ok_or_else(Reply::not_found)?;
    if let Some(conflict) = given::conflict(found, &given) {
        return Err(conflict);
    }
    let mut after = found.tags.clone();
    match how {
        Tagging::Set => after = tags,
        Tagging::Add => after.extend(tags.into_iter().filter(|tag| !found.tags.contains(tag))),
        Tagging::Remove => after.retain(|tag| !tags.contains(tag)),
    }
    let answer = save(sandbox, account, id, Change { tags: Some(after), ..Change::default() })?;
    let status = if matches!(how, Tagging::Set) { StatusCode::CREATED } else { StatusCode::OK };
    Ok(Reply::of(status, json!({ "tags": answer["ticket"]["tags"] })))
}

/// Saves, sends the webhooks and answers with the ticket and the audit.
fn save(
    sandbox: &Sandbox,
    mut account: std::sync::MutexGuard<'_, Account>,
    id: u64,
    change: Change,
) -> Result<Value, Refused> {
    let now = sandbox.now();
    let saved = account.save(id, INTEGRATION, change, now)?;
    let answer = answer(&account, &saved);
    let deliveries = events::deliveries(sandbox, &account, &saved, now);
    drop(account);
    deliver(sandbox, deliveries);
    Ok(answer)
}

/// Zendesk makes a user of a requester it does not know.
fn meet(sandbox: &Sandbox, account: &mut Account, given: &Value) {
    let text = |name: &str| given.pointer(&format!("/requester/{name}")).and_then(Value::as_str);
    if let Some(email) = text("email").filter(|email| account.user_by_email(email).is_none()) {
        account.add_customer(text("name").unwrap_or(email), email, sandbox.now());
    }
}

fn answer(account: &Account, saved: &Saved) -> Value {
    json!({ "ticket": account.ticket(saved.ticket).map(show::ticket), "audit": saved.audit })
}

fn created(answer: Value, lookup: Option<&'static str>) -> Reply {
    let location = answer.pointer("/ticket/url").and_then(Value::as_str).unwrap_or_default().to_owned();
    let mut reply = Reply::of(StatusCode::CREATED, answer);
    reply.headers.push(("location", location));
    reply.headers.extend(lookup.map(|lookup| ("x-idempotency-lookup", lookup.to_owned())));
    reply
}

#[cfg(test)]
mod tests;
