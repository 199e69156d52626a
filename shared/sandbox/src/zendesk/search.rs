//! `GET /api/v2/search` and `/search/count`: tickets by a query.
//! <https://developer.zendesk.com/api-reference/ticketing/ticket-management/search/>, checked 2026-11-23.
//!
//! Of Zendesk's query language it knows `type:ticket`, `status`, `priority`, `assignee:none`, `tags` and free words; a
//! status and a priority can be compared (`status<solved`). A word with a colon that it does not know is refused, where
//! Zendesk would find nothing, so that a query this stand-in cannot answer is noticed.

use http::StatusCode;
use serde_json::{Value, json};

use crate::zendesk::account::Account;
use crate::zendesk::api::Reply;
use crate::zendesk::paging::{Query, parameter};
use crate::zendesk::show;
use crate::zendesk::ticket::{Priority, Status, Ticket};

/// A page's length, if the query asks for none.
const PER_PAGE: usize = 100;

pub(crate) fn count(account: &Account, query: &Query) -> Result<Reply, Reply> {
    Ok(Reply::ok(json!({ "count": found(account, query)?.len() })))
}

pub(crate) fn results(account: &Account, query: &Query) -> Result<Reply, Reply> {
    let mut found = found(account, query)?;
    match parameter(query, "sort_by") {
        None | Some("updated_at") => found.sort_by_key(|ticket| ticket.updated_at),
        Some("created_at") => found.sort_by_key(|ticket| ticket.created_at),
        Some(_) => return Err(invalid("sort_by is not valid")),
    }
    if parameter(query, "sort_order") != Some("asc") {
        found.reverse();
    }
    let number = |name: &str, usual: usize| match parameter(query, name).map(str::parse) {
        None => Ok(usual),
        Some(Ok(number)) if number > 0 => Ok(number),
        Some(_) => Err(invalid(&format!("{name} is not valid"))),
    };
    let (size, page) = (number("per_page", PER_PAGE)?.min(PER_PAGE), number("page", 1)?);
    let shown = |ticket: &&Ticket| {
        let mut shown = show::ticket(ticket);
        shown["result_type"] = "ticket".into();
        shown
    };
    let results: Vec<Value> = found.iter().skip((page - 1) * size).take(size).map(shown).collect();
    let beside = json!({ "results": results, "count": found.len(), "next_page": null, "previous_page": null,
                         "facets": null });
    Ok(Reply::ok(beside))
}

fn found<'a>(account: &'a Account, query: &Query) -> Result<Vec<&'a Ticket>, Reply> {
    let words = parameter(query, "query").unwrap_or_default();
    let conditions = words.split_whitespace().map(Condition::read).collect::<Result<Vec<_>, _>>()?;
    Ok(account.tickets.iter().filter(|ticket| conditions.iter().all(|one| one.holds(ticket))).collect())
}

/// One word of a query.
enum Condition<'q> {
    IsTicket,
    Status(char, Status),
    Priority(char, Priority),
    Unassigned,
    Tag(&'q str),
    Word(String),
}

impl<'q> Condition<'q> {
    fn read(word: &'q str) -> Result<Self, Reply> {
        let Some(at) = word.find([':', '<', '>']) else { return Ok(Self::Word(word.to_lowercase())) };
        let (name, rest) = word.split_at(at);
        let (sign, value) = (rest.chars().next().unwrap_or(':'), &rest[1..]);
        let unknown = || invalid(&format!("This stand-in cannot search for {word}"));
        match (name, sign, value) {
            ("type", ':', "ticket") => Ok(Self::IsTicket),
            ("status", sign, value) => {
                Status::parse(value).map(|status| Self::Status(sign, status)).ok_or_else(unknown)
            }
            ("priority", sign, value) => {
                Priority::parse(value).map(|priority| Self::Priority(sign, priority)).ok_or_else(unknown)
            }
            ("assignee", ':', "none") => Ok(Self::Unassigned),
            ("tags", ':', tag) => Ok(Self::Tag(tag)),
            _ => Err(unknown()),
        }
    }

    fn holds(&self, ticket: &Ticket) -> bool {
        match self {
            Self::IsTicket => true,
            Self::Status(sign, status) => compared(*sign, ticket.status as u8, *status as u8),
            Self::Priority(sign, priority) => {
                ticket.priority.is_some_and(|found| compared(*sign, found as u8, *priority as u8))
            }
            Self::Unassigned => ticket.assignee_id.is_none(),
            Self::Tag(tag) => ticket.tags.iter().any(|found| found == tag),
            Self::Word(word) => {
                let text = format!("{} {}", ticket.subject, ticket.description());
                text.to_lowercase().contains(word)
            }
        }
    }
}

fn compared(sign: char, found: u8, wanted: u8) -> bool {
    match sign {
        '<' => found < wanted,
        '>' => found > wanted,
        _ => found == wanted,
    }
}

fn invalid(description: &str) -> Reply {
    Reply::error(StatusCode::UNPROCESSABLE_ENTITY, "invalid", description)
}

#[cfg(test)]
mod tests {
    use crate::testing::{form, sandbox, zendesk};

    async fn count(query: &str) -> serde_json::Value {
        zendesk(&sandbox(), &format!("search/count?{}", form(&[("query", query)]))).await.json()
    }

    #[tokio::test]
    async fn a_query_counts_the_tickets_for_which_each_of_its_words_holds() {
        assert_eq!(count("type:ticket").await["count"], 5);
        assert_eq!(count("type:ticket status<solved assignee:none").await["count"], 2);
        assert_eq!(count("type:ticket status<solved priority>normal").await["count"], 1);
        assert_eq!(count("tags:billing rechnung").await["count"], 1);
    }

    #[tokio::test]
    async fn what_the_stand_in_cannot_search_for_is_refused() {
        assert_eq!(count("organization:none").await["error"], "invalid");
    }

    #[tokio::test]
    async fn results_come_in_the_order_asked_for() {
        let query = [
            ("query", "type:ticket status<solved"),
            ("sort_by", "created_at"),
            ("sort_order", "asc"),
            ("per_page", "2"),
        ];
        let answer = zendesk(&sandbox(), &format!("search?{}", form(&query))).await.json();
        let ids: Vec<u64> = answer["results"].as_array().unwrap().iter().map(|t| t["id"].as_u64().unwrap()).collect();
        assert_eq!(ids, [crate::world::INVOICE, crate::world::ADDRESS]);
        assert_eq!((&answer["count"], &answer["results"][0]["result_type"]), (&4.into(), &"ticket".into()));
    }
}
