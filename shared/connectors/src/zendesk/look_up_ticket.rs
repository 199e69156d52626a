//! `zendesk.look_up_ticket`: `GET /api/v2/tickets/{id}` and `GET /api/v2/tickets/{id}/comments`, reads one ticket with all
//! its fields, the custom ones also by name, and what an agent last wrote on it.
//! <https://developer.zendesk.com/api-reference/ticketing/tickets/tickets/#show-ticket>, checked 2026-11-23.

use std::sync::Arc;

use deskwire_core::BoxFuture;
use deskwire_core::action::{Action, ActionSpec, Call, CallError, Effect, HoldKey};
use schemars::JsonSchema;
use serde_json::{Map, Value};

use crate::client::Client;
use crate::input::{self, Id};
use crate::remembered::Remembered;
use crate::schema;
use crate::zendesk::comments::{self, AgentUpdate};
use crate::zendesk::ticket::Ticket;
use crate::zendesk::titles::{self, Titles};
use crate::zendesk::{PROVIDER, TICKETS, Zendesk, budget, errors, list};

const NAME: &str = "zendesk.look_up_ticket";
const PAGE: &str = "https://developer.zendesk.com/api-reference/ticketing/tickets/tickets/#show-ticket";

const EXAMPLE: &str = "\
- id: ticket
  action: zendesk.look_up_ticket
  connection: zendesk
  with: { ticket_id: \"{{ event.data.detail.id }}\" }
";

/// What the step gives.
#[derive(Debug, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct LookUpTicketInput {
    /// The ticket's number.
    pub ticket_id: Id,
}

/// What the step answers: the ticket as Zendesk shows it to the connection's user, its custom fields by name, and the latest
/// agent update.
#[derive(Debug, JsonSchema)]
#[schemars(extend("additionalProperties" = true))]
pub struct LookUpTicketOutput {
    /// The ticket.
    #[schemars(flatten)]
    pub ticket: Ticket,
    /// The values of the custom fields by the field's id.
    #[schemars(required)]
    pub custom_fields_by_id: Map<String, Value>,
    /// The values of the custom fields by the field's title; of several with one title, the first that has a value. Empty
    /// where the connection's user may not list the fields.
    #[schemars(required)]
    pub custom_fields_by_title: Map<String, Value>,
    /// The newest comment that an agent wrote; none if no agent has written yet. The ticket's description is not an
    /// update, even if the requester is an agent.
    #[schemars(required, extend("type" = ["object", "null"]))]
    pub latest_agent_update: Option<AgentUpdate>,
}

impl LookUpTicketInput {
    fn read(given: &Value) -> Result<Self, CallError> {
        Ok(Self { ticket_id: input::id(given, "ticket_id")? })
    }
}

/// The action.
pub struct LookUpTicket {
    client: Arc<Client>,
    titles: Remembered<Titles>,
    spec: ActionSpec,
}

impl LookUpTicket {
    /// The action on this client.
    pub fn new(client: Arc<Client>) -> Self {
        let spec = ActionSpec {
            name: NAME,
            provider: PROVIDER,
            summary: "Reads a Zendesk ticket by its number, with what an agent last wrote on it.",
            input: schema::of::<LookUpTicketInput>(),
            output: schema::of::<LookUpTicketOutput>(),
            effect: Effect::Read,
            scopes: &["tickets:read", "users:read"],
            errors: errors(),
            example: EXAMPLE,
            page: PAGE,
        };
        Self { client, titles: Remembered::default(), spec }
    }

    async fn read(&self, call: Call<'_>) -> Result<Value, CallError> {
        let LookUpTicketInput { ticket_id } = LookUpTicketInput::read(call.input)?;
        let zendesk = Zendesk::open(&self.client, call)?;
        let what = format!("ticket {ticket_id}");
        let path = format!("{TICKETS}/{ticket_id}");
        let answer = zendesk.get(&path, &[], &what).await?;
        let mut ticket = zendesk.object(answer, "ticket", &what)?;
        let requester = ticket.get("requester_id").and_then(Value::as_u64);
        let update = comments::latest_agent_update(zendesk, &path, requester, &what).await?;
        let titles = self.titles_for(zendesk, call, &ticket).await?;
        ticket["custom_fields_by_id"] = titles::by_id(&ticket).into();
        ticket["custom_fields_by_title"] = titles::by_title(&ticket, &titles).into();
        ticket["latest_agent_update"] = update.map_or(Value::Null, AgentUpdate::into_json);
        Ok(ticket)
    }

    /// The titles of the ticket's custom fields; not asked for where it has none.
    async fn titles_for(&self, zendesk: Zendesk<'_>, call: Call<'_>, ticket: &Value) -> Result<Arc<Titles>, CallError> {
        if list(ticket, "custom_fields").is_empty() {
            return Ok(Arc::default());
        }
        self.titles.get(call.connection, titles::read(zendesk)).await
    }
}

impl Action for LookUpTicket {
    fn spec(&self) -> &ActionSpec {
        &self.spec
    }

    fn hold_keys(&self, call: Call<'_>) -> Vec<HoldKey> {
        vec![budget(call.connection)]
    }

    fn call<'a>(&'a self, call: Call<'a>) -> BoxFuture<'a, Result<Value, CallError>> {
        Box::pin(self.read(call))
    }
}
