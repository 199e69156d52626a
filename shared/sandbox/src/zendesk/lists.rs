//! The lists of the REST API, in pages and with what stands beside them.

use http::StatusCode;
use serde_json::{Map, Value, json};

use crate::world::SUBDOMAIN;
use crate::zendesk::account::Account;
use crate::zendesk::api::Reply;
use crate::zendesk::paging::{Query, page, parameter};
use crate::zendesk::{fields, records, show, webhooks};

pub(crate) fn tickets(account: &Account, query: &Query) -> Result<Reply, Reply> {
    let external_id = parameter(query, "external_id");
    let wanted =
        account.tickets.iter().filter(|ticket| external_id.is_none_or(|id| ticket.external_id.as_deref() == Some(id)));
    paged("tickets", "tickets", wanted.map(show::ticket).collect(), query)
}

pub(crate) fn ticket_fields(query: &Query) -> Result<Reply, Reply> {
    paged("ticket_fields", "ticket_fields", fields::all(), query)
}

pub(crate) fn records(account: &Account, object: &str, query: &Query) -> Result<Reply, Reply> {
    let path = format!("custom_objects/{object}/records");
    paged(&path, "custom_object_records", records::listed(account, object, query), query)
}

pub(crate) fn webhooks(account: &Account, query: &Query) -> Result<Reply, Reply> {
    paged("webhooks", "webhooks", webhooks::listed(account, query), query)
}

pub(crate) fn audits(account: &Account, id: u64, query: &Query) -> Result<Reply, Reply> {
    let ticket = account.ticket(id).ok_or_else(Reply::not_found)?;
    let audits = ordered(ticket.audits.clone(), query)?;
    paged(&format!("tickets/{id}/audits"), "audits", audits, query)
}

pub(crate) fn comments(account: &Account, id: u64, query: &Query) -> Result<Reply, Reply> {
    let ticket = account.ticket(id).ok_or_else(Reply::not_found)?;
    let comments = ordered(ticket.comments.iter().map(show::comment).collect(), query)?;
    let mut reply = paged(&format!("tickets/{id}/comments"), "comments", comments, query)?;
    if parameter(query, "include").is_some_and(|include| include.split(',').any(|name| name == "users")) {
        let shown = reply.body["comments"].as_array().into_iter().flatten();
        let mut authors: Vec<u64> = shown.filter_map(|comment| comment["author_id"].as_u64()).collect();
        authors.sort_unstable();
        authors.dedup();
        reply.body["users"] = authors.iter().filter_map(|&id| account.user(id)).map(show::user).collect();
    }
    Ok(reply)
}

/// Oldest first, unless the query wants it the other way round.
fn ordered(mut items: Vec<Value>, query: &Query) -> Result<Vec<Value>, Reply> {
    match parameter(query, "sort").or_else(|| parameter(query, "sort_order")) {
        None | Some("created_at" | "asc") => {}
        Some("-created_at" | "desc") => items.reverse(),
        Some(_) => return Err(bad_paging("sort")),
    }
    Ok(items)
}

fn paged(path: &str, key: &str, items: Vec<Value>, query: &Query) -> Result<Reply, Reply> {
    let url = format!("https://{SUBDOMAIN}.zendesk.com/api/v2/{path}.json");
    let page = page(query, items.len(), &url).map_err(bad_paging)?;
    let mut body = Map::new();
    body.insert(key.to_owned(), items.into_iter().skip(page.start).take(page.size).collect());
    body.extend(page.beside);
    Ok(Reply::ok(Value::Object(body)))
}

fn bad_paging(parameter: &str) -> Reply {
    let detail = format!("{parameter} is not valid");
    let error =
        json!({ "code": "InvalidPaginationParameter", "title": "Invalid pagination parameter", "detail": detail });
    Reply::of(StatusCode::BAD_REQUEST, json!({ "errors": [error] }))
}
