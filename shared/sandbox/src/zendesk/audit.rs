//! Audits: what Zendesk keeps of every save, as REST shows it.
//! <https://developer.zendesk.com/api-reference/ticketing/tickets/ticket_audits/>, checked 2026-11-23.

use serde_json::{Value, json};

use crate::calendar::whole_seconds;
use crate::zendesk::ticket::Comment;

/// Who saved what.
pub(crate) struct Audit<'a> {
    pub id: u64,
    pub ticket: u64,
    pub author: u64,
    pub created_at: &'a str,
    /// What the save sent as `metadata`; null for none.
    pub custom: &'a Value,
    pub events: Vec<Value>,
}

impl Audit<'_> {
    pub(crate) fn show(self) -> Value {
        let custom = if self.custom.is_object() { self.custom.clone() } else { json!({}) };
        json!({
            "id": self.id,
            "ticket_id": self.ticket,
            "created_at": self.created_at,
            "author_id": self.author,
            "metadata": { "system": {}, "custom": custom },
            "via": { "channel": "api", "source": { "from": {}, "to": {}, "rel": null } },
            "events": self.events,
        })
    }
}

/// The event that a comment is in its audit; it has the comment's own id.
pub(crate) fn comment_event(comment: &Comment) -> Value {
    json!({ "id": comment.id, "type": "Comment", "author_id": comment.author_id, "body": comment.body,
            "public": comment.public, "attachments": [] })
}

/// The audit of a comment alone.
pub(crate) fn audit_of(ticket: u64, comment: &Comment) -> Value {
    Audit {
        id: comment.audit_id,
        ticket,
        author: comment.author_id,
        created_at: &whole_seconds(comment.created_at),
        custom: &Value::Null,
        events: vec![comment_event(comment)],
    }
    .show()
}
