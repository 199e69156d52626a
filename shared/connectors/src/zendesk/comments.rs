//! What an agent last wrote on a ticket. Called by `look_up_ticket`.
//!
//! `GET /api/v2/tickets/{id}/comments`, newest first, with their authors beside them:
//! <https://developer.zendesk.com/api-reference/ticketing/tickets/ticket_comments/#list-comments> (checked 2026-11-23).
//! Pages are followed by their cursor on our own base URL, never by the link in the answer.

use deskwire_core::action::CallError;
use schemars::JsonSchema;
use serde_json::{Value, json};

use crate::zendesk::{Zendesk, list, next_cursor};

/// So many pages are read at most, 500 comments together. An agent who has been silent for longer has no update.
const MAX_PAGES: usize = 5;

/// Comments on a page, the most that Zendesk gives.
const PAGE_SIZE: usize = 100;

/// A comment that an agent wrote.
#[derive(Debug, PartialEq, JsonSchema)]
pub struct AgentUpdate {
    /// The text.
    #[schemars(extend("x-personal" = true))]
    pub body: Option<String>,
    /// The text as HTML.
    #[schemars(extend("x-personal" = true))]
    pub html_body: Option<String>,
    /// The agent's user id.
    pub author_id: u64,
    /// When it was written, RFC 3339.
    pub created_at: Option<String>,
    /// Can the requester read it?
    pub public: Option<bool>,
}

impl AgentUpdate {
    pub(crate) fn into_json(self) -> Value {
        json!({
            "body": self.body,
            "html_body": self.html_body,
            "author_id": self.author_id,
            "created_at": self.created_at,
            "public": self.public,
        })
    }

    fn from(comment: &Value, author_id: u64) -> Self {
        let text = |field| comment.get(field).and_then(Value::as_str).map(str::to_owned);
        Self {
            body: text("body"),
            html_body: text("html_body"),
            author_id,
            created_at: text("created_at"),
            public: comment.get("public").and_then(Value::as_bool),
        }
    }
}

/// The newest comment by anybody but an end user. `ticket_path` is the ticket's own path.
pub(crate) async fn latest_agent_update(
    zendesk: Zendesk<'_>,
    ticket_path: &str,
    requester: Option<u64>,
    what: &str,
) -> Result<Option<AgentUpdate>, CallError> {
    let path = format!("{ticket_path}/comments");
    let what = format!("the comments of {what}");
    let page_size = PAGE_SIZE.to_string();
    let mut cursor: Option<String> = None;
    for _ in 0..MAX_PAGES {
        let mut query = vec![("include", "users"), ("sort", "-created_at"), ("page[size]", page_size.as_str())];
        if let Some(cursor) = &cursor {
            query.push(("page[after]", cursor));
        }
        let page = zendesk.get(&path, &query, &what).await?;
        cursor = next_cursor(&page);
        if let Some(update) = newest_of(&page, requester, cursor.is_none()) {
            return Ok(Some(update));
        }
        if cursor.is_none() {
            break;
        }
    }
    Ok(None)
}

fn newest_of(page: &Value, requester: Option<u64>, is_last: bool) -> Option<AgentUpdate> {
    let comments = list(page, "comments");
    let users = list(page, "users");
    // `has_more` can be true on the page that holds the last comment; a page that is not full is the last one too.
    let is_last = is_last || comments.len() < PAGE_SIZE;
    comments.iter().enumerate().find_map(|(place, comment)| {
        let author = comment.get("author_id").and_then(Value::as_u64)?;
        // The system's own author (-1) and users that were not sent along are no agents.
        let user = users.iter().find(|user| user.get("id").and_then(Value::as_u64) == Some(author))?;
        let role = user.get("role").and_then(Value::as_str)?;
        let is_description = is_last && place + 1 == comments.len() && Some(author) == requester;
        (role != "end-user" && !is_description).then(|| AgentUpdate::from(comment, author))
    })
}
