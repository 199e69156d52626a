//! `zendesk.look_up_ticket`: `GET /api/v2/tickets/{id}` and `GET /api/v2/tickets/{id}/comments`, reads one ticket with all
//! its fields, and what an agent last wrote on it.
//! <https://developer.zendesk.com/api-reference/ticketing/tickets/tickets/#show-ticket>, checked 2026-11-23.

use std::sync::Arc;

use deskwire_core::BoxFuture;
use deskwire_core::action::{Action, ActionSpec, Call, CallError, Effect, HoldKey};
use schemars::JsonSchema;
use serde_json::{Map, Value};

use crate::client::Client;
use crate::input::{self, Id};
use crate::schema;
use crate::zendesk::comments::{self, AgentUpdate};
use crate::zendesk::{PROVIDER, Zendesk, budget, errors};

const NAME: &str = "zendesk.look_up_ticket";
const PAGE: &str = "https://developer.zendesk.com/api-reference/ticketing/tickets/tickets/#show-ticket";
const PATH: &str = "api/v2/tickets";

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

/// A custom field's value on a ticket.
#[derive(Debug, JsonSchema)]
pub struct CustomField {
    /// The field's id.
    pub id: u64,
    /// Text, number, truth value, list or none; for a drop-down, the option's tag.
    pub value: Value,
}

/// What the step answers: the ticket as Zendesk shows it to the connection's user, and the latest agent update.
#[derive(Debug, JsonSchema)]
#[schemars(extend("additionalProperties" = true))]
pub struct LookUpTicketOutput {
    /// The number.
    pub id: u64,
    /// The address of the record in the API.
    pub url: String,
    /// An id of another system; not unique.
    pub external_id: Option<String>,
    /// How it came in: `channel` and `source`.
    pub via: Option<Map<String, Value>>,
    /// When it was created, RFC 3339.
    pub created_at: String,
    /// When it was last changed, RFC 3339.
    pub updated_at: String,
    /// The last change, the system's own included, in seconds since 1970.
    pub generated_timestamp: Option<u64>,
    /// `problem`, `incident`, `question`, `task`, or none.
    #[schemars(rename = "type")]
    pub kind: Option<String>,
    /// The subject.
    pub subject: Option<String>,
    /// The subject with its placeholders as they are.
    pub raw_subject: Option<String>,
    /// The first comment's text.
    pub description: Option<String>,
    /// `urgent`, `high`, `normal`, `low`, or none.
    pub priority: Option<String>,
    /// `new`, `open`, `pending`, `hold`, `solved` or `closed`; with custom statuses, the category.
    pub status: String,
    /// The id of the custom status.
    pub custom_status_id: Option<u64>,
    /// The address the ticket was sent to.
    pub recipient: Option<String>,
    /// The id of the user who asks.
    pub requester_id: Option<u64>,
    /// The id of the user who wrote it down.
    pub submitter_id: Option<u64>,
    /// The id of the agent it is assigned to; none while it is nobody's.
    pub assignee_id: Option<u64>,
    /// The id of the requester's organization.
    pub organization_id: Option<u64>,
    /// The id of the group it is assigned to.
    pub group_id: Option<u64>,
    /// The ids of those copied in.
    pub collaborator_ids: Option<Vec<u64>>,
    /// The ids of the agents who follow it.
    pub follower_ids: Option<Vec<u64>>,
    /// The ids of those copied in by e-mail.
    pub email_cc_ids: Option<Vec<u64>>,
    /// The id of the forum topic it came from.
    pub forum_topic_id: Option<u64>,
    /// For an incident, the id of its problem.
    pub problem_id: Option<u64>,
    /// Has this problem incidents?
    pub has_incidents: Option<bool>,
    /// Has it a public comment?
    pub is_public: Option<bool>,
    /// For a task, when it is due, RFC 3339.
    pub due_at: Option<String>,
    /// The tags.
    pub tags: Option<Vec<String>>,
    /// The custom fields.
    pub custom_fields: Option<Vec<CustomField>>,
    /// The custom fields once more; may be absent.
    pub fields: Option<Vec<CustomField>>,
    /// The rating: an object with `score`, or a text.
    pub satisfaction_rating: Option<Value>,
    /// The ids of the sharing agreements.
    pub sharing_agreement_ids: Option<Vec<u64>>,
    /// The ids of the follow-ups of a closed ticket.
    pub followup_ids: Option<Vec<u64>>,
    /// The id of the form.
    pub ticket_form_id: Option<u64>,
    /// The id of the brand.
    pub brand_id: Option<u64>,
    /// Can it be answered on the channel it came in by?
    pub allow_channelback: Option<bool>,
    /// May attachments be added?
    pub allow_attachments: Option<bool>,
    /// Did it come in by messaging?
    pub from_messaging_channel: Option<bool>,
    /// The newest comment that an agent wrote; none if no agent has written yet. The ticket's description is not an
    /// update, even if the requester is an agent.
    #[schemars(required)]
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
            slack_text_inputs: &[],
            scopes: &["tickets:read", "users:read"],
            errors: errors(),
            example: EXAMPLE,
            page: PAGE,
        };
        Self { client, spec }
    }

    async fn read(&self, call: Call<'_>) -> Result<Value, CallError> {
        let LookUpTicketInput { ticket_id } = LookUpTicketInput::read(call.input)?;
        let zendesk = Zendesk::open(&self.client, call)?;
        let what = format!("ticket {ticket_id}");
        let path = format!("{PATH}/{ticket_id}");
        let answer = zendesk.get(&path, &[], &what).await?;
        let mut ticket = zendesk.object(answer, "ticket", &what)?;
        let requester = ticket.get("requester_id").and_then(Value::as_u64);
        let update = comments::latest_agent_update(zendesk, &path, requester, &what).await?;
        ticket["latest_agent_update"] = update.map_or(Value::Null, AgentUpdate::into_json);
        Ok(ticket)
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
