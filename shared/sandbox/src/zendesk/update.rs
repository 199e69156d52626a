//! `PUT /api/v2/tickets/{id}`: assignee, status, priority, subject, tags and a comment.
//! <https://developer.zendesk.com/api-reference/ticketing/tickets/tickets/#update-ticket>, checked 2026-11-23.

use http::StatusCode;
use serde_json::{Value, json};

use crate::Sandbox;
use crate::calendar::whole_seconds;
use crate::world::INTEGRATION;
use crate::zendesk::account::{Account, Priority, Status, Ticket};
use crate::zendesk::api::Reply;
use crate::zendesk::change::{Change, NewComment, Refused, Saved};
use crate::zendesk::{deliver, events, show};

/// Saves the change that a body asks for. What it changes goes out as webhooks too, as with a person's save.
pub(crate) fn ticket(sandbox: &Sandbox, id: u64, body: &[u8]) -> Reply {
    let given: Value = match serde_json::from_slice(body) {
        Ok(given) => given,
        Err(error) => {
            let error =
                json!({ "code": "InvalidJson", "title": "Unprocessable request body", "detail": error.to_string() });
            return Reply { status: StatusCode::BAD_REQUEST, body: json!({ "errors": [error] }) };
        }
    };
    let Some(given) = given.get("ticket").filter(|ticket| ticket.is_object()) else {
        return Reply::error(StatusCode::BAD_REQUEST, "ParameterMissing", "Parameter ticket is required");
    };
    let now = sandbox.now();
    let mut account = sandbox.account();
    let Some(found) = account.ticket(id) else { return Reply::not_found() };
    if is_outdated(found, given) {
        return Reply::error(StatusCode::CONFLICT, "UpdateConflict", "The ticket was changed since");
    }
    let change = match change(&account, found, given) {
        Ok(change) => change,
        Err((field, description)) => return invalid(field, &description),
    };
    let saved = match account.save(id, INTEGRATION, change, now) {
        Ok(saved) => saved,
        Err(Refused::NoTicket) => return Reply::not_found(),
        Err(Refused::Closed) => return invalid("status", "Status: closed prevents ticket update"),
        Err(Refused::NoAgent) => return invalid("assignee", "Assignee: is not an agent"),
        Err(Refused::NoAuthor) => return invalid("author", "Author: is invalid"),
    };
    let deliveries = events::deliveries(sandbox, &account, &saved, now);
    let audit = audit(&mut account, &saved, &whole_seconds(now));
    let ticket = account.ticket(id).map(show::ticket);
    drop(account);
    deliver(sandbox, deliveries);
    Reply::ok(json!({ "ticket": ticket, "audit": audit }))
}

/// A safe update names the time of the state it was made from. `safe_update: false` still means true.
fn is_outdated(ticket: &Ticket, given: &Value) -> bool {
    let stamp = given.get("updated_stamp").and_then(Value::as_str);
    given.get("safe_update").is_some() && stamp.is_some_and(|stamp| stamp != whole_seconds(ticket.updated_at))
}

/// The error is a field and what is wrong with it.
fn change(account: &Account, ticket: &Ticket, given: &Value) -> Result<Change, (&'static str, String)> {
    let text = |name: &str| given.get(name).and_then(Value::as_str);
    let unknown = |field, value: &str| (field, format!("{value} is not a valid {field}"));
    let assignee = match (given.get("assignee_id"), text("assignee_email")) {
        (Some(Value::Null), _) => Some(None),
        (Some(id), _) => Some(Some(id.as_u64().ok_or_else(|| unknown("assignee", &id.to_string()))?)),
        (None, Some(email)) => {
            let user = account.users.iter().find(|user| user.email.eq_ignore_ascii_case(email));
            Some(Some(user.ok_or_else(|| unknown("assignee", email))?.id))
        }
        (None, None) => None,
    };
    let status = match text("status") {
        None => None,
        Some(status) => Some(Status::parse(status).ok_or_else(|| unknown("status", status))?),
    };
    let priority = match given.get("priority") {
        None => None,
        Some(Value::Null) => Some(None),
        Some(priority) => {
            let name = priority.as_str().unwrap_or_default();
            Some(Some(Priority::parse(name).ok_or_else(|| unknown("priority", name))?))
        }
    };
    let tags = given.get("tags").and_then(Value::as_array);
    let tags = tags.map(|tags| tags.iter().filter_map(Value::as_str).map(str::to_owned).collect());
    Ok(Change {
        assignee,
        status,
        priority,
        subject: text("subject").map(str::to_owned),
        tags,
        comment: comment(ticket, given)?,
    })
}

/// A comment that does not say whether it is public is as public as the ticket's first one.
fn comment(ticket: &Ticket, given: &Value) -> Result<Option<NewComment>, (&'static str, String)> {
    let Some(comment) = given.get("comment").filter(|comment| !comment.is_null()) else { return Ok(None) };
    let body = comment.get("body").and_then(Value::as_str).unwrap_or_default();
    if body.trim().is_empty() {
        return Err(("comment", "Comment: cannot be blank".to_owned()));
    }
    let first = ticket.comments.first().is_none_or(|first| first.public);
    let public = comment.get("public").and_then(Value::as_bool).unwrap_or(first);
    let author = comment.get("author_id").and_then(Value::as_u64).unwrap_or(INTEGRATION);
    Ok(Some(NewComment { author, body: body.to_owned(), public }))
}

fn invalid(field: &str, description: &str) -> Reply {
    let mut reply = Reply::error(StatusCode::UNPROCESSABLE_ENTITY, "RecordInvalid", "Record validation errors");
    reply.body["details"] = json!({ field: [{ "description": description, "error": null }] });
    reply
}

fn audit(account: &mut Account, saved: &Saved, created_at: &str) -> Value {
    let mut events = Vec::new();
    for fact in &saved.facts {
        let mut event = json!({ "id": account.new_id() });
        if let (Value::Object(event), Value::Object(audit)) = (&mut event, &fact.audit) {
            event.extend(audit.clone());
        }
        events.push(event);
    }
    json!({
        "id": saved.audit,
        "ticket_id": saved.ticket,
        "created_at": created_at,
        "author_id": saved.actor,
        "metadata": { "system": {}, "custom": {} },
        "via": { "channel": "api", "source": { "from": {}, "to": {}, "rel": null } },
        "events": events,
    })
}
