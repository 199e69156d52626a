//! What a ticket is created and updated with: the inputs that both actions have in common, read and checked before
//! anything is sent. <https://developer.zendesk.com/api-reference/ticketing/tickets/tickets/>, checked 2026-11-23.
//!
//! An input that is none or blank counts as not given, since templates make both where a value is missing. So nothing is
//! ever emptied by accident: only a custom field is, by naming it with the value none.

use deskwire_core::action::CallError;
use deskwire_core::time::Timestamp;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde_json::{Map, Value, json};

use crate::client::quoted;
use crate::input::{self, Id, bad};

/// Words that Zendesk takes for a field, as its API and as its pages write them.
macro_rules! words {
    ($(#[$doc:meta])* $name:ident, $words:expr) => {
        $(#[$doc])*
        pub(crate) struct $name;

        impl $name {
            /// As people write it, and as the API does.
            const WORDS: &[(&str, &str)] = $words;
        }

        impl JsonSchema for $name {
            fn schema_name() -> std::borrow::Cow<'static, str> {
                stringify!($name).into()
            }

            fn json_schema(_: &mut SchemaGenerator) -> Schema {
                let words: Vec<&str> = Self::WORDS.iter().flat_map(|(shown, word)| [*shown, *word]).collect();
                json_schema!({ "type": "string", "enum": words })
            }
        }
    };
}

words!(
    /// A ticket's priority.
    Priority,
    &[("Low", "low"), ("Normal", "normal"), ("High", "high"), ("Urgent", "urgent")]
);
words!(
    /// A ticket's status.
    Status,
    &[
        ("New", "new"),
        ("Open", "open"),
        ("Pending", "pending"),
        ("On-hold", "hold"),
        ("Solved", "solved"),
        ("Closed", "closed"),
    ]
);
words!(
    /// A ticket's type.
    Kind,
    &[("Problem", "problem"), ("Incident", "incident"), ("Question", "question"), ("Task", "task")]
);

/// Who asks, where Zendesk may not know them yet.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
#[expect(dead_code, reason = "its schema is what counts")]
pub(crate) struct Requester {
    /// The name; needed for a person that Zendesk does not know yet.
    #[schemars(extend("x-personal" = true))]
    name: Option<String>,
    /// The e-mail address.
    #[schemars(extend("x-personal" = true))]
    email: Option<String>,
}

/// A list of texts, or one text with commas.
pub(crate) struct Texts;

impl JsonSchema for Texts {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Texts".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": ["array", "string"], "items": { "type": ["string", "integer"] } })
    }
}

/// Users by address or id; an item may also be an object as Zendesk takes it.
pub(crate) struct Users;

impl JsonSchema for Users {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Users".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": ["array", "string"], "items": { "type": ["string", "integer", "object"] } })
    }
}

/// Values by id.
pub(crate) struct CustomFields;

impl JsonSchema for CustomFields {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "CustomFields".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": ["object", "array"] })
    }
}

/// The inputs, for their schema.
#[derive(JsonSchema)]
#[expect(dead_code, reason = "its schema is what counts")]
pub(crate) struct TicketInput {
    /// The subject.
    subject: Option<String>,
    /// The comment's text. Use this or `comment_html_body`.
    #[schemars(extend("x-personal" = true))]
    comment_body: Option<String>,
    /// The comment as HTML; with it, `comment_body` is not sent. Values in it are escaped unless marked `| safe`.
    #[schemars(extend("x-personal" = true, "x-markup" = "html"))]
    comment_html_body: Option<String>,
    /// The id of the user who is shown as the comment's author; unless given, Zendesk decides.
    author_id: Option<Id>,
    /// The id of the user who asks; with it, `requester` is not sent.
    requester_id: Option<Id>,
    /// Who asks, by `email` and `name`. Zendesk makes a user of somebody it does not know.
    requester: Option<Requester>,
    /// The id of the agent it is assigned to.
    assignee_id: Option<Id>,
    /// The e-mail address of the agent it is assigned to.
    #[schemars(extend("x-personal" = true))]
    assignee_email: Option<String>,
    /// The id of the group it is assigned to.
    group_id: Option<Id>,
    /// The id of the requester's organization, where they have several.
    organization_id: Option<Id>,
    /// `Low`, `Normal`, `High` or `Urgent`.
    priority: Option<Priority>,
    /// `New`, `Open`, `Pending`, `On-hold` (or `hold`), `Solved` or `Closed`; a closed ticket takes no more changes.
    status: Option<Status>,
    /// The id of a custom status, in an account that has them.
    custom_status_id: Option<Id>,
    /// `Problem`, `Incident`, `Question` or `Task`.
    #[schemars(rename = "type")]
    kind: Option<Kind>,
    /// When a ticket of type `Task` is due, RFC 3339.
    due_at: Option<String>,
    /// The custom fields: a map from a field's numeric id to its value, or a list of `id` and `value`. A value of none
    /// empties the field; for a drop-down, the value is the option's tag.
    custom_fields: Option<CustomFields>,
    /// The id of the form.
    ticket_form_id: Option<Id>,
    /// The id of the brand.
    brand_id: Option<Id>,
    /// Who is copied in by e-mail: addresses or user ids. To take somebody out, give an object with `user_id` (or
    /// `user_email`) and `action: delete`.
    #[schemars(extend("x-personal" = true))]
    email_ccs: Option<Users>,
    /// The agents who follow it, given like `email_ccs`.
    #[schemars(extend("x-personal" = true))]
    followers: Option<Users>,
}

/// The ticket's fields as the API takes them: without comment, tags and `external_id`, which the two actions treat
/// differently.
pub(crate) fn fields(given: &Value) -> Result<Map<String, Value>, CallError> {
    let mut fields = Map::new();
    let mut put = |name: &str, value: Option<Value>| {
        if let Some(value) = value {
            fields.insert(name.to_owned(), value);
        }
    };
    for name in ["subject", "assignee_email"] {
        put(name, input::text_if_any(given, name)?.map(Value::from));
    }
    put("due_at", time(given, "due_at")?.map(Value::from));
    let requester_id = id(given, "requester_id")?;
    if requester_id.is_none() {
        put("requester", requester(given)?);
    }
    put("requester_id", requester_id);
    for name in ["assignee_id", "group_id", "organization_id", "custom_status_id", "ticket_form_id", "brand_id"] {
        put(name, id(given, name)?);
    }
    put("priority", word(given, "priority", Priority::WORDS)?);
    put("status", word(given, "status", Status::WORDS)?);
    put("type", word(given, "type", Kind::WORDS)?);
    put("custom_fields", custom_fields(given)?);
    put("email_ccs", users(given, "email_ccs")?);
    put("followers", users(given, "followers")?);
    Ok(fields)
}

/// The comment as the API takes it, if there is one. `or` is its text where neither input gives one. Whether it is public
/// is always said: left out, it would be as public as the ticket's first comment.
pub(crate) fn comment(given: &Value, or: Option<String>, public: bool) -> Result<Option<Value>, CallError> {
    let html = input::text_if_any(given, "comment_html_body")?;
    let body = input::text_if_any(given, "comment_body")?.or(or);
    let mut comment = match (html, body) {
        (Some(html), _) => json!({ "html_body": html }),
        (None, Some(body)) => json!({ "body": body }),
        (None, None) => return Ok(None),
    };
    let public = if given.get("public").is_none_or(Value::is_null) { public } else { input::flag(given, "public")? };
    comment["public"] = public.into();
    if let Some(author) = id(given, "author_id")? {
        comment["author_id"] = author;
    }
    Ok(Some(comment))
}

/// The input that gave what Zendesk calls `field`. Zendesk names the thing (`assignee`), not the parameter.
pub(crate) fn input_name(given: &Value, field: &str, problem: &Value) -> Option<String> {
    if let Some(id) = problem.get("ticket_field_id").and_then(Value::as_u64) {
        return Some(format!("custom_fields.{id}"));
    }
    let by_id = format!("{field}_id");
    let candidates: &[&str] = match field {
        "assignee" => &["assignee_id", "assignee_email"],
        "requester" => &["requester_id", "requester"],
        "email" | "name" => &["requester"],
        "comment" | "description" | "body" => &["comment_html_body", "comment_body", "description"],
        "tags" => &["set_tags", "add_tags", "tags"],
        "ticket_form" | "form" => &["ticket_form_id"],
        "updated_stamp" => &["only_if_unchanged_since"],
        field => &[field, &by_id],
    };
    let is_given = |name: &&&str| given.get(**name).is_some_and(|value| !value.is_null());
    candidates.iter().find(is_given).map(|name| (*name).to_owned())
}

fn id(given: &Value, name: &str) -> Result<Option<Value>, CallError> {
    Ok(input::id_if_any(given, name)?.map(|id| number(&id)))
}

/// Ids are numbers over REST.
fn number(id: &Id) -> Value {
    let digits = id.to_string();
    digits.parse::<u64>().map_or_else(|_| Value::from(digits), Value::from)
}

/// A time, which Zendesk takes by RFC 3339.
pub(crate) fn time(given: &Value, name: &str) -> Result<Option<String>, CallError> {
    let Some(text) = input::text_if_any(given, name)? else { return Ok(None) };
    if Timestamp::parse(text.trim()).is_ok() {
        return Ok(Some(text.trim().to_owned()));
    }
    Err(bad(format!(
        "`{name}` must be a time such as 2026-02-03T08:15:42Z, not `{}`. Nothing was sent. Change what the step gives under \
         `with:`.",
        quoted(&text)
    )))
}

fn word(given: &Value, name: &str, words: &[(&str, &str)]) -> Result<Option<Value>, CallError> {
    let Some(text) = input::text_if_any(given, name)? else { return Ok(None) };
    let plain = text.trim().to_lowercase().replace([' ', '_'], "-");
    let found = words.iter().find(|(shown, word)| *word == plain || shown.to_lowercase() == plain);
    let Some((_, word)) = found else {
        let known: Vec<&str> = words.iter().map(|(shown, _)| *shown).collect();
        return Err(bad(format!(
            "`{name}` is none of {}. Change what the step gives under `with:`.",
            known.join(", ")
        )));
    };
    Ok(Some((*word).into()))
}

fn requester(given: &Value) -> Result<Option<Value>, CallError> {
    let Some(given) = input::map(given, "requester")? else { return Ok(None) };
    let given = Value::Object(given.clone());
    let mut requester = Map::new();
    for name in ["name", "email"] {
        if let Some(text) = input::text_if_any(&given, name)? {
            requester.insert(name.to_owned(), text.into());
        }
    }
    Ok((!requester.is_empty()).then_some(Value::Object(requester)))
}

fn custom_fields(given: &Value) -> Result<Option<Value>, CallError> {
    let no_id = || {
        bad("A custom field has no numeric id. Give `custom_fields` as a map from ids to values, such as `\"360001110001\": \
             x`, or as a list of `id` and `value`; the ids stand in Zendesk's Admin Center under Fields."
            .to_owned())
    };
    let field = |id: Option<Id>, value: &Value| match id {
        Some(id) => Ok(json!({ "id": number(&id), "value": value })),
        None => Err(no_id()),
    };
    let fields: Vec<Value> = match given.get("custom_fields") {
        None | Some(Value::Null) => return Ok(None),
        Some(Value::Array(list)) => list
            .iter()
            .map(|item| field(input::id(item, "id").ok(), item.get("value").unwrap_or(&Value::Null)))
            .collect::<Result<_, _>>()?,
        Some(_) => input::map(given, "custom_fields")?
            .into_iter()
            .flatten()
            .map(|(key, value)| field(input::id(&json!({ "id": key }), "id").ok(), value))
            .collect::<Result<_, _>>()?,
    };
    Ok((!fields.is_empty()).then_some(Value::Array(fields)))
}

/// Users to add; an object says itself what to do. Here, and only here, Zendesk's specification has ids as text.
fn users(given: &Value, name: &str) -> Result<Option<Value>, CallError> {
    let users: Vec<Value> = match given.get(name) {
        Some(Value::Array(list)) if list.iter().any(Value::is_object) => {
            let user = |(at, item): (usize, &Value)| match item {
                Value::Object(user) => Some(told(user, &format!("{name}[{at}]"))),
                Value::String(text) if !text.trim().is_empty() => Some(Ok(added(text.trim()))),
                Value::Number(number) => Some(Ok(added(&number.to_string()))),
                _ => None,
            };
            list.iter().enumerate().filter_map(user).collect::<Result<_, _>>()?
        }
        _ => input::texts(given, name)?.unwrap_or_default().iter().map(|text| added(text)).collect(),
    };
    Ok((!users.is_empty()).then_some(Value::Array(users)))
}

fn added(user: &str) -> Value {
    let is_id = user.bytes().all(|byte| byte.is_ascii_digit());
    let by = if is_id { "user_id" } else { "user_email" };
    json!({ by: user, "action": "put" })
}

/// A user as an object tells: who it is, and whether they come or go.
fn told(user: &Map<String, Value>, path: &str) -> Result<Value, CallError> {
    const TAKEN: [&str; 4] = ["user_id", "user_email", "user_name", "action"];
    let wrong = |what: &str| bad(format!("`{path}` {what}. Change what the step gives under `with:`."));
    if let Some(other) = user.keys().find(|name| !TAKEN.contains(&name.as_str())) {
        return Err(wrong(&format!("has `{}`, and takes {}", quoted(other), TAKEN.join(", "))));
    }
    let user = Value::Object(user.clone());
    let mut told = Map::new();
    if let Some(id) = input::id_if_any(&user, "user_id")? {
        told.insert("user_id".to_owned(), id.to_string().into());
    }
    for name in ["user_email", "user_name"] {
        if let Some(text) = input::text_if_any(&user, name)? {
            told.insert(name.to_owned(), text.trim().into());
        }
    }
    if !told.contains_key("user_id") && !told.contains_key("user_email") {
        return Err(wrong("names nobody: give `user_id` or `user_email`"));
    }
    let action = input::text_if_any(&user, "action")?.unwrap_or_else(|| "put".to_owned());
    if !["put", "delete"].contains(&action.as_str()) {
        return Err(wrong("has an `action` that is neither `put` nor `delete`"));
    }
    told.insert("action".to_owned(), action.into());
    Ok(Value::Object(told))
}

#[cfg(test)]
mod tests;
