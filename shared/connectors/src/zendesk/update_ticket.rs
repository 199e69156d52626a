//! `zendesk.update_ticket`: `PUT /api/v2/tickets/{id}`, changes a ticket's fields, writes a comment, and adds and removes
//! tags. <https://developer.zendesk.com/api-reference/ticketing/tickets/tickets/#update-ticket>, checked 2026-11-23.
//!
//! All is one save, so that nothing is changed where any of it is refused. A save takes all tags or none: those to add and to
//! remove are worked out from the ticket as it is, and the save is made only if nobody changed the ticket meanwhile, which is
//! Zendesk's own way not to lose tags
//! (<https://developer.zendesk.com/api-reference/ticketing/ticket-management/tags/#safe-update>, checked 2026-12-01). A
//! repeated comment would stand there twice; its save carries a mark in its metadata and is looked for.

use std::sync::Arc;
use std::time::Duration;

use deskwire_core::BoxFuture;
use deskwire_core::action::{Action, ActionSpec, Call, CallError, Effect, ErrorClass, ErrorHelp, HoldKey, OwnWrite};
use deskwire_core::ids::ConnectionName;
use http::{HeaderMap, Method};
use schemars::JsonSchema;
use serde_json::{Map, Value, json};

use crate::client::Client;
use crate::input::{self, Id, bad};
use crate::remembered::Remembered;
use crate::schema;
use crate::several::Done;
use crate::zendesk::audits::{self, Trace};
use crate::zendesk::failure::{Asked, CHANGED_SINCE, COLLISION, REFUSED};
use crate::zendesk::tags::Tags;
use crate::zendesk::ticket_input::{self, Texts, TicketInput};
use crate::zendesk::written::{self, WrittenTicket};
use crate::zendesk::{PROVIDER, TICKETS, Write, Zendesk, budget, list, write_errors};

const NAME: &str = "zendesk.update_ticket";
const PAGE: &str = "https://developer.zendesk.com/api-reference/ticketing/tickets/tickets/#update-ticket";

/// When a save can be read back is not documented; two seconds is our guess.
const SETTLE: Duration = Duration::from_secs(2);

/// So often a save of tags is worked out anew at once, where somebody else was quicker.
const MOST_COLLISIONS: usize = 4;

/// The inputs with which a repeat must be avoided: a comment would stand there twice, and a condition no longer hold.
const UNREPEATABLE: [&str; 3] = ["comment_body", "comment_html_body", "only_if_unchanged_since"];

const EXAMPLE: &str = "\
- id: escalate
  action: zendesk.update_ticket
  connection: zendesk
  with:
    ticket_id: \"{{ event.data.detail.id }}\"
    priority: Urgent
    add_tags: [escalated]
    comment_body: \"Escalated: the survey gave {{ steps.response.score }} of 10.\"
";

/// What the step gives.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
#[expect(dead_code, reason = "its schema is what counts")]
struct UpdateTicketInput {
    /// The ticket's number.
    ticket_id: Id,
    /// What is changed; whatever is not given stays as it is.
    #[schemars(flatten)]
    ticket: TicketInput,
    /// Can the requester read the comment? False unless given: it becomes an internal note, which is the mistake that no
    /// customer sees.
    public: Option<bool>,
    /// Tags to add, as a list or with commas.
    add_tags: Option<Texts>,
    /// Tags to remove, as a list or with commas.
    remove_tags: Option<Texts>,
    /// The tags that replace all others, as a list or with commas. Better add and remove, unless the workflow owns all tags.
    set_tags: Option<Texts>,
    /// An id of another system.
    external_id: Option<String>,
    /// A ticket's `updated_at`: the step fails, and nothing is changed, if the ticket was changed since.
    only_if_unchanged_since: Option<String>,
}

/// What the step answers: the ticket as Zendesk shows it, and what is known of the save.
#[derive(JsonSchema)]
#[schemars(extend("additionalProperties" = true))]
#[expect(dead_code, reason = "its schema is what counts")]
struct UpdateTicketOutput {
    /// The ticket.
    #[schemars(flatten)]
    written: WrittenTicket,
}

/// The change to make.
struct Update {
    ticket: String,
    /// As the API takes it, without tags, metadata and the condition.
    fields: Map<String, Value>,
    tags: Tags,
    unchanged_since: Option<String>,
}

impl Update {
    fn read(given: &Value) -> Result<Self, CallError> {
        let ticket = input::id(given, "ticket_id")?.to_string();
        let mut fields = ticket_input::fields(given)?;
        if let Some(external_id) = input::text_if_any(given, "external_id")? {
            fields.insert("external_id".to_owned(), external_id.into());
        }
        if let Some(comment) = ticket_input::comment(given, None, false)? {
            fields.insert("comment".to_owned(), comment);
        }
        let tags = Tags::read(given)?;
        if fields.is_empty() && tags.is_empty() {
            return Err(bad(
                "There is nothing to change: all inputs but `ticket_id` are none or empty. If that can be so, \
                            skip the step with `if:`."
                    .to_owned(),
            ));
        }
        let unchanged_since = ticket_input::time(given, "only_if_unchanged_since")?;
        Ok(Self { ticket, fields, tags, unchanged_since })
    }

    fn what(&self) -> String {
        format!("ticket {}", self.ticket)
    }

    fn path(&self) -> String {
        format!("{TICKETS}/{}", self.ticket)
    }

    /// May it be made twice? See [`UNREPEATABLE`].
    fn is_repeatable(&self) -> bool {
        !self.fields.contains_key("comment") && self.unchanged_since.is_none()
    }
}

/// The action.
pub struct UpdateTicket {
    client: Arc<Client>,
    /// The ids of the connections' own users.
    own_ids: Remembered<Option<u64>>,
    spec: ActionSpec,
}

impl UpdateTicket {
    /// The action on this client.
    pub fn new(client: Arc<Client>) -> Self {
        let spec = ActionSpec {
            name: NAME,
            provider: PROVIDER,
            summary: "Changes a Zendesk ticket: fields, tags, a comment.",
            input: schema::of::<UpdateTicketInput>(),
            output: schema::of::<UpdateTicketOutput>(),
            effect: Effect::Detectable { settle: SETTLE },
            scopes: &["tickets:write", "tickets:read", "users:read", "read"],
            errors: write_errors(&ERRORS),
            example: EXAMPLE,
            page: PAGE,
        };
        Self { client, own_ids: Remembered::default(), spec }
    }

    async fn update(&self, call: Call<'_>) -> Result<Value, CallError> {
        let update = Update::read(call.input)?;
        let zendesk = Zendesk::open(&self.client, call)?;
        for _ in 0..MOST_COLLISIONS {
            match self.save(zendesk, call, &update).await {
                Err(error) if error.code == CHANGED_SINCE && update.unchanged_since.is_none() => {}
                Err(error) if error.code == REFUSED || error.code == "http_422" => {
                    return Err(explained(error, zendesk, call, &update).await);
                }
                saved => return saved,
            }
        }
        let message = format!(
            "Others kept changing {} while its tags were worked out (connection {}); nothing was changed, and it will be \
             tried again.",
            update.what(),
            call.connection
        );
        Err(CallError::new(ErrorClass::Retry, COLLISION, message))
    }

    /// Makes the save, once.
    async fn save(&self, zendesk: Zendesk<'_>, call: Call<'_>, update: &Update) -> Result<Value, CallError> {
        let (what, path) = (update.what(), update.path());
        let mut fields = update.fields.clone();
        let mut stamp = update.unchanged_since.clone();
        match &update.tags {
            Tags::Set(tags) => {
                fields.insert("tags".to_owned(), tags.clone().into());
            }
            Tags::Change { .. } if update.tags.is_empty() => {}
            Tags::Change { .. } => {
                let ticket = read(zendesk, update).await?;
                let now = list(&ticket, "tags");
                let tags = update.tags.all(now);
                // A condition is asked about even where the tags are there already.
                if tags != now || update.unchanged_since.is_some() {
                    fields.insert("tags".to_owned(), tags.into());
                    stamp = stamp.or_else(|| Some(ticket.get("updated_at")?.as_str()?.to_owned()));
                }
                if fields.is_empty() {
                    // The ticket has these tags already: perhaps by a save of ours whose answer was lost, which is recognised by
                    // who made it when it comes back as an event.
                    let own_id = self.own_ids.get(call.connection, own_id(zendesk)).await?;
                    return Ok(written::output(ticket, &json!({ "author_id": *own_id })));
                }
            }
        }
        let conditional = stamp.is_some();
        if let Some(stamp) = stamp {
            // `false` means the same as `true`, so this stands here or not at all.
            fields.insert("safe_update".to_owned(), true.into());
            fields.insert("updated_stamp".to_owned(), stamp.into());
        }
        fields.insert("metadata".to_owned(), audits::metadata(call));
        let if_lost = if update.is_repeatable() { ErrorClass::Retry } else { ErrorClass::Unknown };
        let input_name = |field: &str, problem: &Value| ticket_input::input_name(call.input, field, problem);
        let narrow = Some(ticket_budget(call.connection, &update.ticket));
        let write = Write {
            method: Method::PUT,
            path: &path,
            query: &[],
            headers: HeaderMap::new(),
            body: &json!({ "ticket": fields }),
            asked: Asked { narrow, conditional, input_name: &input_name, if_lost, ..Asked::change(&what) },
        };
        let saving = |error: CallError| match error.class {
            ErrorClass::Fail => Done::default().failed_at(&format!("PUT /{path}"), error),
            _ => error,
        };
        let mut body = zendesk.write(write).await.map_err(saving)?.body;
        let audit = body.get_mut("audit").map(Value::take).unwrap_or_default();
        let ticket = zendesk.object_or(body, "ticket", &what, if_lost)?;
        Ok(written::output(ticket, &audit))
    }

    async fn find(&self, call: Call<'_>) -> Result<Option<Value>, CallError> {
        let update = Update::read(call.input)?;
        let zendesk = Zendesk::open(&self.client, call)?;
        let trace = Trace { call, comment: update.fields.get("comment") };
        let Some(audit) = trace.find(zendesk, &update.ticket).await? else { return Ok(None) };
        Ok(Some(written::output(read(zendesk, &update).await?, &audit)))
    }
}

async fn read(zendesk: Zendesk<'_>, update: &Update) -> Result<Value, CallError> {
    let what = update.what();
    zendesk.object(zendesk.get(&update.path(), &[], &what).await?, "ticket", &what)
}

/// The id of the connection's user; `None` where it may not be seen.
async fn own_id(zendesk: Zendesk<'_>) -> Result<Option<u64>, CallError> {
    match zendesk.get("api/v2/users/me", &[], "the connection's own user").await {
        Ok(me) => Ok(me.pointer("/user/id").and_then(Value::as_u64)),
        Err(error) if error.class == ErrorClass::Fail => Ok(None),
        Err(error) => Err(error),
    }
}

/// Thirty updates of one ticket in ten minutes are taken
/// (<https://developer.zendesk.com/api-reference/introduction/rate-limits/>).
fn ticket_budget(connection: &ConnectionName, ticket: &str) -> HoldKey {
    HoldKey(format!("{}|ticket {ticket}", budget(connection).0))
}

const CLOSED: &str = "ticket_closed";

/// Says where a refused value is really a closed ticket. Zendesk's words may be localised, so they are never compared.
async fn explained(error: CallError, zendesk: Zendesk<'_>, call: Call<'_>, update: &Update) -> CallError {
    match read(zendesk, update).await {
        Ok(ticket) if ticket.get("status").and_then(Value::as_str) == Some("closed") => {
            let message = format!(
                "Ticket {} is closed, and closed tickets take no changes (connection {}). Create a new ticket with \
                 zendesk.create_ticket, or skip the step with `if:`.",
                update.ticket, call.connection
            );
            CallError::new(ErrorClass::Fail, CLOSED, message)
        }
        _ => error,
    }
}

impl Action for UpdateTicket {
    fn spec(&self) -> &ActionSpec {
        &self.spec
    }

    fn effect(&self, input: &Value) -> Effect {
        let is_given = |name: &&str| !matches!(input::text_if_any(input, name), Ok(None));
        if UNREPEATABLE.iter().any(is_given) { self.spec.effect } else { Effect::Idempotent }
    }

    fn subject(&self, input: &Value) -> Option<String> {
        input::id(input, "ticket_id").ok().map(written::subject)
    }

    fn own_writes(&self, _: &Value, output: &Value) -> Vec<OwnWrite> {
        // Of a save that nobody is known to have made, it cannot be said that it was ours.
        if output.get("actor_id").is_none_or(Value::is_null) { Vec::new() } else { written::own_writes(output) }
    }

    fn hold_keys(&self, call: Call<'_>) -> Vec<HoldKey> {
        let ticket = input::id(call.input, "ticket_id").ok();
        let ticket = ticket.map(|ticket| ticket_budget(call.connection, &ticket.to_string()));
        [Some(budget(call.connection)), ticket].into_iter().flatten().collect()
    }

    fn call<'a>(&'a self, call: Call<'a>) -> BoxFuture<'a, Result<Value, CallError>> {
        Box::pin(self.update(call))
    }

    fn look<'a>(&'a self, call: Call<'a>) -> BoxFuture<'a, Result<Option<Value>, CallError>> {
        Box::pin(self.find(call))
    }
}

const ERRORS: [ErrorHelp; 4] = [
    ErrorHelp {
        code: "RecordNotFound",
        class: ErrorClass::Fail,
        help: "There is no such ticket. Check the id, or skip the step with `if:`.",
    },
    ErrorHelp {
        code: CLOSED,
        class: ErrorClass::Fail,
        help: "The ticket is closed and takes no changes. Create a new one instead.",
    },
    ErrorHelp {
        code: CHANGED_SINCE,
        class: ErrorClass::Fail,
        help: "Somebody changed the ticket since the time in `only_if_unchanged_since`. Look it up again.",
    },
    ErrorHelp {
        code: "http_5xx",
        class: ErrorClass::Unknown,
        help: "The ticket may have been changed. A change without a comment is made again, one with a comment looked for.",
    },
];

#[cfg(test)]
mod tests;
