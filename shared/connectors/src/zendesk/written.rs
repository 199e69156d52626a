//! What saving a ticket answers with, and how that save is recognised when it comes back as an event. Called by the actions
//! that create and update tickets.

use deskwire_core::action::OwnWrite;
use deskwire_core::time::Timestamp;
use schemars::JsonSchema;
use serde_json::Value;

use crate::zendesk::PROVIDER;
use crate::zendesk::audits::comment_of;
use crate::zendesk::ticket::Ticket;

/// What both actions answer.
#[derive(JsonSchema)]
#[expect(dead_code, reason = "its schema is what counts")]
pub(crate) struct WrittenTicket {
    /// The ticket as it is now.
    #[schemars(flatten)]
    ticket: Ticket,
    /// The id of the audit, which is Zendesk's record of this save; none where the ticket was as wanted already.
    #[schemars(required, extend("type" = ["integer", "null"]))]
    audit_id: Option<u64>,
    /// The id of the comment that was made, if one was.
    #[schemars(required, extend("type" = ["integer", "null"]))]
    comment_id: Option<u64>,
    /// The id of the user who Zendesk says made the change.
    #[schemars(required, extend("type" = ["integer", "null"]))]
    actor_id: Option<u64>,
}

/// The output from the ticket and the audit.
pub(crate) fn output(mut ticket: Value, audit: &Value) -> Value {
    let id = |of: Option<&Value>, name: &str| of.and_then(|of| of.get(name)).cloned().unwrap_or_default();
    ticket["audit_id"] = id(Some(audit), "id");
    ticket["comment_id"] = id(comment_of(audit), "id");
    ticket["actor_id"] = id(Some(audit), "author_id");
    ticket
}

/// How events name a ticket.
pub(crate) fn subject(ticket: impl std::fmt::Display) -> String {
    format!("zen:ticket:{ticket}")
}

/// The save that an output tells of.
pub(crate) fn own_writes(output: &Value) -> Vec<OwnWrite> {
    let id = |name: &str| output.get(name).and_then(Value::as_u64).map(|id| id.to_string());
    let at = output.get("updated_at").and_then(Value::as_str).and_then(|at| Timestamp::parse(at).ok());
    let (Some(ticket), Some(at)) = (id("id"), at) else { return Vec::new() };
    vec![OwnWrite {
        provider: PROVIDER.to_owned(),
        subject: subject(ticket),
        actor: id("actor_id"),
        mark: id("comment_id"),
        at,
    }]
}
