//! What a request wants of a ticket: the body of `POST /api/v2/tickets` and `PUT /api/v2/tickets/{id}` as a [`Change`].
//! <https://developer.zendesk.com/api-reference/ticketing/tickets/tickets/>, checked 2026-11-23.

use http::StatusCode;
use serde_json::{Value, json};

use crate::calendar::whole_seconds;
use crate::zendesk::account::Account;
use crate::zendesk::api::Reply;
use crate::zendesk::change::{Change, NewComment, Refused};
use crate::zendesk::fields;
use crate::zendesk::ticket::{KINDS, Priority, Status, Ticket};

/// The longest comment, in bytes. Zendesk's staff speak of a size limit of about 65,000 characters, depending on encoding
/// (<https://support.zendesk.com/hc/en-us/community/posts/4719863289498-Commets-size>); that more is refused, and not cut, is
/// the stand-in's choice, as a cut would pass unseen.
const MOST_COMMENT: usize = 65_535;

/// The most people in copy
/// (<https://support.zendesk.com/hc/en-us/articles/5179445630234-Understanding-CCs-and-followers>).
const MOST_CCS: usize = 48;

/// A value that is refused: the field, and what is wrong with it.
#[derive(Debug)]
pub(crate) struct Invalid {
    field: &'static str,
    description: String,
    /// The custom field, where it is one.
    ticket_field: Option<u64>,
}

impl Invalid {
    pub(crate) fn new(field: &'static str, description: impl Into<String>) -> Self {
        Self { field, description: description.into(), ticket_field: None }
    }

    fn value(field: &'static str, value: &Value) -> Self {
        let value = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        Self::new(field, format!("{value} is not a valid {field}"))
    }
}

impl From<Invalid> for Reply {
    fn from(Invalid { field, description, ticket_field }: Invalid) -> Self {
        let mut reply = Reply::error(StatusCode::UNPROCESSABLE_ENTITY, "RecordInvalid", "Record validation errors");
        let mut problem = json!({ "description": description, "error": null });
        if let Some(id) = ticket_field {
            problem["ticket_field_id"] = id.into();
            problem["ticket_field_type"] = "FieldTagger".into();
        }
        reply.body["details"] = json!({ field: [problem] });
        reply
    }
}

impl From<Refused> for Reply {
    fn from(refused: Refused) -> Self {
        match refused {
            Refused::NoTicket => Reply::not_found(),
            Refused::Closed => Invalid::new("status", "Status: closed prevents ticket update").into(),
            Refused::NoAgent => Invalid::new("assignee", "Assignee: is not an agent").into(),
            Refused::NoAuthor => Invalid::new("author", "Author: is invalid").into(),
        }
    }
}

/// The object under `key` of a JSON body; else the answer that says what is wrong.
pub(crate) fn object(body: &[u8], key: &str) -> Result<Value, Reply> {
    let mut given: Value = deskwire_core::json::from_slice(body).map_err(|error| {
        let error =
            json!({ "code": "InvalidJson", "title": "Unprocessable request body", "detail": error.to_string() });
        Reply::of(StatusCode::BAD_REQUEST, json!({ "errors": [error] }))
    })?;
    if let Some(object @ Value::Object(_)) = given.get_mut(key).map(Value::take) {
        return Ok(object);
    }
    Err(Reply::error(StatusCode::BAD_REQUEST, "ParameterMissing", &format!("Parameter {key} is required")))
}

/// A safe update names the time of the state it was made from. `safe_update: false` still means true.
pub(crate) fn conflict(ticket: &Ticket, given: &Value) -> Option<Reply> {
    let stamp = given.get("updated_stamp").and_then(Value::as_str);
    let outdated =
        given.get("safe_update").is_some() && stamp.is_some_and(|stamp| stamp != whole_seconds(ticket.updated_at));
    outdated.then(|| Reply::error(StatusCode::CONFLICT, "UpdateConflict", "The ticket was changed since"))
}

/// The change that a body asks for; of a new ticket, `ticket` is what it begins as.
pub(crate) fn change(account: &Account, ticket: &Ticket, given: &Value, author: u64) -> Result<Change, Invalid> {
    let text = |name: &str| given.get(name).and_then(Value::as_str).map(str::to_owned);
    let nullable = |name: &str| given.get(name).map(|value| value.as_str().map(str::to_owned));
    let tags = given.get("tags").and_then(Value::as_array);
    let custom_fields = custom_fields(given)?;
    Ok(Change {
        assignee: assignee(account, given)?,
        group: id(given, "group_id", "group")?,
        requester: requester(account, given)?,
        organization: match given.get("organization_id") {
            Some(Value::Null) => Some(None),
            _ => id(given, "organization_id", "organization")?.map(Some),
        },
        status: known(given, "status", Status::parse)?.flatten(),
        custom_status: id(given, "custom_status_id", "custom_status")?,
        priority: known(given, "priority", Priority::parse)?,
        kind: known(given, "type", |name| KINDS.into_iter().find(|kind| *kind == name))?,
        due_at: nullable("due_at"),
        subject: text("subject"),
        external_id: nullable("external_id"),
        form: id(given, "ticket_form_id", "ticket_form")?,
        brand: id(given, "brand_id", "brand")?,
        tags: tags.map(|tags| words(tags)),
        custom_fields,
        followers: people(account, given, "followers", &ticket.follower_ids)?,
        email_ccs: people(account, given, "email_ccs", &ticket.email_cc_ids)?,
        comment: comment(ticket, given, author)?,
        metadata: given.get("metadata").cloned().unwrap_or_default(),
    })
}

#[expect(clippy::option_option, reason = "left as it is, taken away, or given")]
fn assignee(account: &Account, given: &Value) -> Result<Option<Option<u64>>, Invalid> {
    match (given.get("assignee_id"), given.get("assignee_email")) {
        (Some(Value::Null), _) => Ok(Some(None)),
        (Some(id), _) => Ok(Some(Some(id.as_u64().ok_or_else(|| Invalid::value("assignee", id))?))),
        (None, Some(email)) => {
            let user = email.as_str().and_then(|email| account.user_by_email(email));
            Ok(Some(Some(user.ok_or_else(|| Invalid::value("assignee", email))?.id)))
        }
        (None, None) => Ok(None),
    }
}

/// A person that Zendesk does not know yet is added before this is asked.
fn requester(account: &Account, given: &Value) -> Result<Option<u64>, Invalid> {
    if let Some(email) = given.pointer("/requester/email").and_then(Value::as_str) {
        return Ok(account.user_by_email(email).map(|user| user.id));
    }
    let Some(requester) = id(given, "requester_id", "requester")? else { return Ok(None) };
    account.user(requester).ok_or_else(|| Invalid::new("requester", "Requester: is invalid"))?;
    Ok(Some(requester))
}

/// An id given by number.
fn id(given: &Value, name: &str, field: &'static str) -> Result<Option<u64>, Invalid> {
    match given.get(name) {
        None | Some(Value::Null) => Ok(None),
        Some(value) => value.as_u64().map(Some).ok_or_else(|| Invalid::value(field, value)),
    }
}

/// A word that the field knows; null takes it away.
#[expect(clippy::option_option, reason = "left as it is, taken away, or given")]
fn known<T>(
    given: &Value,
    field: &'static str,
    parse: impl Fn(&str) -> Option<T>,
) -> Result<Option<Option<T>>, Invalid> {
    match given.get(field) {
        None => Ok(None),
        Some(Value::Null) => Ok(Some(None)),
        Some(value) => {
            let word = value.as_str().and_then(parse);
            word.map(|word| Some(Some(word))).ok_or_else(|| Invalid::value(field, value))
        }
    }
}

fn custom_fields(given: &Value) -> Result<Vec<(u64, Value)>, Invalid> {
    let listed = given.get("custom_fields").and_then(Value::as_array).into_iter().flatten();
    let pair = |field: &Value| {
        let (id, value) = (field.get("id")?.as_u64()?, field.get("value").cloned().unwrap_or_default());
        if fields::takes(id, &value) {
            return Some(Ok((id, value)));
        }
        let description = format!("Contact reason: {value} is not an option");
        Some(Err(Invalid { field: "base", description, ticket_field: Some(id) }))
    };
    listed.filter_map(pair).collect()
}

/// Followers and people in copy: each item puts somebody in or takes somebody out.
fn people(account: &Account, given: &Value, field: &'static str, now: &[u64]) -> Result<Option<Vec<u64>>, Invalid> {
    let Some(items) = given.get(field).and_then(Value::as_array) else { return Ok(None) };
    let mut people = now.to_vec();
    for item in items {
        let by_id = item.get("user_id").and_then(|id| id.as_u64().or_else(|| id.as_str()?.parse().ok()));
        let by_email = item.get("user_email").and_then(Value::as_str).and_then(|email| account.user_by_email(email));
        let person = by_id.or(by_email.map(|user| user.id)).ok_or_else(|| Invalid::value(field, item))?;
        people.retain(|known| *known != person);
        if item.get("action").and_then(Value::as_str) != Some("delete") {
            people.push(person);
        }
    }
    if field == "email_ccs" && people.len() > MOST_CCS {
        return Err(Invalid::new(field, format!("Email ccs: a ticket has at most {MOST_CCS}")));
    }
    Ok(Some(people))
}

/// Tags as they are kept: white space and commas separate them, so a tag of two words is two tags.
pub(crate) fn words(tags: &[Value]) -> Vec<String> {
    let mut words: Vec<String> = Vec::new();
    let given =
        tags.iter().filter_map(Value::as_str).flat_map(|tag| tag.split(|c: char| c.is_whitespace() || c == ','));
    for word in given.filter(|word| !word.is_empty()) {
        if !words.iter().any(|known| known == word) {
            words.push(word.to_owned());
        }
    }
    words
}

/// A comment that does not say whether it is public is as public as the ticket's first one.
fn comment(ticket: &Ticket, given: &Value, author: u64) -> Result<Option<NewComment>, Invalid> {
    let Some(comment) = given.get("comment").filter(|comment| !comment.is_null()) else { return Ok(None) };
    let text = |name: &str| comment.get(name).and_then(Value::as_str).map(str::to_owned);
    let html_body = text("html_body");
    let body = html_body.as_deref().map(without_tags).or_else(|| text("body")).unwrap_or_default();
    if body.trim().is_empty() {
        return Err(Invalid::new("comment", "Comment: cannot be blank"));
    }
    if html_body.as_ref().unwrap_or(&body).len() > MOST_COMMENT {
        return Err(Invalid::new("comment", "Comment: is too long"));
    }
    let first = ticket.comments.first().is_none_or(|first| first.public);
    let public = comment.get("public").and_then(Value::as_bool).unwrap_or(first);
    let author = id(comment, "author_id", "author")?.unwrap_or(author);
    Ok(Some(NewComment { author, body, html_body, public }))
}

/// The text of simple HTML.
fn without_tags(html: &str) -> String {
    let parts = html.split('<').enumerate();
    let text: String = parts.map(|(place, part)| if place == 0 { part } else { after_tag(part) }).collect();
    text.trim().to_owned()
}

fn after_tag(part: &str) -> &str {
    part.split_once('>').map_or("", |(_, text)| text)
}
