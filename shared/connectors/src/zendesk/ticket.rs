//! A ticket as Zendesk's REST API shows it, for the outputs of the actions that answer with one.
//! <https://developer.zendesk.com/api-reference/ticketing/tickets/tickets/#json-format>, checked 2026-11-23.

use schemars::JsonSchema;
use serde_json::{Map, Value};

/// A custom field's value on a ticket.
#[derive(Debug, JsonSchema)]
pub struct CustomField {
    /// The field's id.
    pub id: u64,
    /// Text, number, truth value, list or none; for a drop-down, the option's tag.
    pub value: Value,
}

/// A ticket. Zendesk adds fields without notice; they are passed on.
#[derive(Debug, JsonSchema)]
#[expect(clippy::struct_field_names, reason = "they are Zendesk's names")]
pub struct Ticket {
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
    #[schemars(extend("x-personal" = true))]
    pub description: Option<String>,
    /// `urgent`, `high`, `normal`, `low`, or none.
    pub priority: Option<String>,
    /// `new`, `open`, `pending`, `hold`, `solved` or `closed`; with custom statuses, the category.
    pub status: String,
    /// The id of the custom status.
    pub custom_status_id: Option<u64>,
    /// The address the ticket was sent to.
    #[schemars(extend("x-personal" = true))]
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
}
