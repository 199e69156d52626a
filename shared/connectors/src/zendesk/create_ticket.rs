//! `zendesk.create_ticket`: `POST /api/v2/tickets`, creates a ticket.
//! <https://developer.zendesk.com/api-reference/ticketing/tickets/tickets/#create-ticket>, checked 2026-11-23.
//!
//! Zendesk remembers an idempotency key for two hours: a repeat with the same key answers with the first ticket. Later than
//! that the ticket is looked for by its `external_id`, so every ticket gets one.

use std::sync::Arc;
use std::time::Duration;

use deskwire_core::BoxFuture;
use deskwire_core::action::{Action, ActionSpec, Call, CallError, Effect, ErrorClass, ErrorHelp, HoldKey, OwnWrite};
use deskwire_core::time::Timestamp;
use http::{HeaderMap, HeaderName, HeaderValue, Method};
use schemars::JsonSchema;
use serde_json::{Map, Value, json};

use crate::client::Client;
use crate::input::{self, bad};
use crate::schema;
use crate::zendesk::audits::{self, CLOCK_MARGIN, Trace};
use crate::zendesk::failure::Asked;
use crate::zendesk::ticket_input::{self, Texts, TicketInput};
use crate::zendesk::written::{self, WrittenTicket};
use crate::zendesk::{Answer, PROVIDER, TICKETS, Write, Zendesk, budget, list, write_errors};

const NAME: &str = "zendesk.create_ticket";
const PAGE: &str = "https://developer.zendesk.com/api-reference/ticketing/tickets/tickets/#create-ticket";

/// How long Zendesk remembers a key.
const WINDOW: Duration = Duration::from_hours(2);

const KEY: HeaderName = HeaderName::from_static("idempotency-key");
const LOOKUP: HeaderName = HeaderName::from_static("x-idempotency-lookup");

/// Refused, because the key was used before with other values.
const MISMATCH: &str = "IdempotentRequestError";

const EXAMPLE: &str = "\
- id: ticket
  action: zendesk.create_ticket
  connection: zendesk
  with:
    subject: \"Survey answer from {{ steps.response.name }}\"
    description: \"{{ steps.response.comment }}\"
    requester: { email: \"{{ steps.response.email }}\", name: \"{{ steps.response.name }}\" }
    priority: High
    tags: [survey, detractor]
";

/// What the step gives.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
#[expect(dead_code, reason = "its schema is what counts")]
struct CreateTicketInput {
    /// The first comment's text, if `comment_body` gives none; with `comment_body` it is not sent. Zendesk shows a ticket's
    /// first comment as its description.
    #[schemars(extend("x-personal" = true))]
    description: Option<String>,
    /// What the ticket is created with. One of `description`, `comment_body` and `comment_html_body` is needed.
    #[schemars(flatten)]
    ticket: TicketInput,
    /// Can the requester read the first comment? True unless given: it is mostly the customer's own text.
    public: Option<bool>,
    /// The tags, as a list or with commas.
    tags: Option<Texts>,
    /// An id of another system. Unless given it is `deskwire-` and 32 hex digits, by which the ticket is found again after a
    /// lost answer.
    external_id: Option<String>,
}

/// What the step answers: the ticket as Zendesk shows it, and what is known of its making.
#[derive(JsonSchema)]
#[schemars(extend("additionalProperties" = true))]
#[expect(dead_code, reason = "its schema is what counts")]
struct CreateTicketOutput {
    /// The ticket.
    #[schemars(flatten)]
    written: WrittenTicket,
    /// `miss` where this call created the ticket, `hit` where an earlier call with the same key had, none where Zendesk does
    /// not say.
    #[schemars(required, extend("type" = ["string", "null"]))]
    idempotency: Option<String>,
}

/// The ticket to create.
struct NewTicket {
    /// As the API takes it, but for the metadata.
    fields: Map<String, Value>,
    external_id: String,
    /// Is the `external_id` one that nobody else gives?
    is_own: bool,
}

impl NewTicket {
    fn read(call: Call<'_>) -> Result<Self, CallError> {
        let given = call.input;
        let mut fields = ticket_input::fields(given)?;
        let description = input::text_if_any(given, "description")?;
        let Some(comment) = ticket_input::comment(given, description, true)? else {
            return Err(bad(
                "A ticket needs a first comment: give `description`, `comment_body` or `comment_html_body`. If \
                            there may be nothing to say, skip the step with `if:`."
                    .to_owned(),
            ));
        };
        fields.insert("comment".to_owned(), comment);
        if let Some(tags) = input::texts(given, "tags")?.filter(|tags| !tags.is_empty()) {
            fields.insert("tags".to_owned(), tags.into());
        }
        let theirs = input::text_if_any(given, "external_id")?;
        let is_own = theirs.is_none();
        let external_id = theirs.unwrap_or_else(|| format!("deskwire-{}", audits::mark(call.key)));
        fields.insert("external_id".to_owned(), external_id.clone().into());
        Ok(Self { fields, external_id, is_own })
    }
}

/// The action.
pub struct CreateTicket {
    client: Arc<Client>,
    spec: ActionSpec,
}

impl CreateTicket {
    /// The action on this client.
    pub fn new(client: Arc<Client>) -> Self {
        let spec = ActionSpec {
            name: NAME,
            provider: PROVIDER,
            summary: "Creates a Zendesk ticket.",
            input: schema::of::<CreateTicketInput>(),
            output: schema::of::<CreateTicketOutput>(),
            effect: Effect::Keyed { window: WINDOW, look: true },
            scopes: &["tickets:write", "tickets:read", "read"],
            errors: write_errors(&ERRORS),
            example: EXAMPLE,
            page: PAGE,
        };
        Self { client, spec }
    }

    async fn create(&self, call: Call<'_>) -> Result<Value, CallError> {
        let NewTicket { mut fields, external_id, .. } = NewTicket::read(call)?;
        fields.insert("metadata".to_owned(), audits::metadata(call));
        let zendesk = Zendesk::open(&self.client, call)?;
        let what = "the new ticket";
        let input_name = |field: &str, problem: &Value| ticket_input::input_name(call.input, field, problem);
        let write = Write {
            method: Method::POST,
            path: TICKETS,
            query: &[],
            headers: HeaderMap::from_iter(HeaderValue::from_str(&call.key.0).ok().map(|key| (KEY, key))),
            body: &json!({ "ticket": fields }),
            asked: Asked {
                verb: "create",
                if_lost: ErrorClass::Unknown,
                input_name: &input_name,
                ..Asked::change(what)
            },
        };
        let answer = zendesk.write(write).await.map_err(|error| explained(error, call, &external_id))?;
        let Answer { headers, mut body } = answer;
        let audit = body.get_mut("audit").map(Value::take).unwrap_or_default();
        let ticket = zendesk.object_or(body, "ticket", what, ErrorClass::Unknown)?;
        let lookup = headers.get(LOOKUP).and_then(|lookup| lookup.to_str().ok()).map(str::to_lowercase);
        Ok(output(ticket, &audit, lookup.as_deref()))
    }

    async fn find(&self, call: Call<'_>) -> Result<Option<Value>, CallError> {
        let new = NewTicket::read(call)?;
        let zendesk = Zendesk::open(&self.client, call)?;
        let query = [("external_id", new.external_id.as_str()), ("page[size]", "100")];
        let page = zendesk.get(TICKETS, &query, "the tickets with this external_id").await;
        let page = page.map_err(audits::cannot_look)?;
        let since = call.not_before.minus(CLOCK_MARGIN);
        let trace = Trace { call, comment: new.fields.get("comment") };
        for ticket in list(&page, "tickets") {
            let is_named = ticket.get("external_id").and_then(Value::as_str) == Some(&new.external_id);
            let Some(id) = ticket.get("id").and_then(Value::as_u64).filter(|_| is_named) else { continue };
            if !new.is_own && created_at(ticket).is_none_or(|at| at < since) {
                continue;
            }
            let audit = match trace.find(zendesk, &id.to_string()).await {
                // Nobody else gives this id; without the audit the output only says less.
                Err(error) if new.is_own && error.class == ErrorClass::Fail => None,
                audit => audit?,
            };
            if new.is_own || audit.is_some() {
                return Ok(Some(output(ticket.clone(), &audit.unwrap_or_default(), None)));
            }
        }
        Ok(None)
    }
}

fn created_at(ticket: &Value) -> Option<Timestamp> {
    Timestamp::parse(ticket.get("created_at")?.as_str()?).ok()
}

fn output(ticket: Value, audit: &Value, lookup: Option<&str>) -> Value {
    let mut output = written::output(ticket, audit);
    output["idempotency"] = lookup.into();
    output
}

/// What it means that the key was used with other values: an attempt before this one did reach Zendesk.
fn explained(mut error: CallError, call: Call<'_>, external_id: &str) -> CallError {
    if error.code == MISMATCH {
        error.message = format!(
            "An earlier attempt of this step created its ticket with other values, so Zendesk refuses this one (connection \
             {}). Nothing was created now. Look for the ticket with the external_id {external_id}; and see that what the \
             step gives does not change from one attempt to the next.",
            call.connection
        );
    }
    error
}

impl Action for CreateTicket {
    fn spec(&self) -> &ActionSpec {
        &self.spec
    }

    fn own_writes(&self, _: &Value, output: &Value) -> Vec<OwnWrite> {
        written::own_writes(output)
    }

    fn hold_keys(&self, call: Call<'_>) -> Vec<HoldKey> {
        vec![budget(call.connection)]
    }

    fn call<'a>(&'a self, call: Call<'a>) -> BoxFuture<'a, Result<Value, CallError>> {
        Box::pin(self.create(call))
    }

    fn look<'a>(&'a self, call: Call<'a>) -> BoxFuture<'a, Result<Option<Value>, CallError>> {
        Box::pin(self.find(call))
    }
}

const ERRORS: [ErrorHelp; 2] = [
    ErrorHelp {
        code: MISMATCH,
        class: ErrorClass::Fail,
        help: "An earlier attempt created the ticket with other values. Find it by the external_id in the message.",
    },
    ErrorHelp {
        code: "http_5xx",
        class: ErrorClass::Unknown,
        help: "The ticket may have been created. It is asked for again with the same key, later looked for.",
    },
];

#[cfg(test)]
mod tests;
