//! A ticket's audits: what a save of ours was answered with, and how to find a save whose answer was lost.
//!
//! `GET /api/v2/tickets/{id}/audits`, <https://developer.zendesk.com/api-reference/ticketing/tickets/ticket_audits/> (checked
//! 2026-11-23; over OAuth it needs the scope `read`). What a save sends as `metadata` comes back under the audit's
//! `metadata.custom`. Whether the list can be asked for with the newest first is not documented; it is asked for so, and
//! read on where it comes the other way round.

use std::time::Duration;

use deskwire_core::action::{Call, CallError, EffectKey, ErrorClass};
use deskwire_core::time::Timestamp;
use serde_json::{Value, json};

use crate::zendesk::{TICKETS, Zendesk, list, next_cursor};

/// How far our clock may run ahead of Zendesk's, which gives whole seconds.
pub(crate) const CLOCK_MARGIN: Duration = Duration::from_mins(1);

/// So many pages of 100 audits are read at most.
const MAX_PAGES: usize = 30;

/// The part of a call's key that its saves carry.
pub(crate) fn mark(key: &EffectKey) -> &str {
    key.0.get(..32).unwrap_or(&key.0)
}

/// The metadata that a save carries. Agents can read it: it holds a hash, nothing else.
pub(crate) fn metadata(call: Call<'_>) -> Value {
    json!({ "deskwire": mark(call.key) })
}

/// What to look for.
pub(crate) struct Trace<'a> {
    pub(crate) call: Call<'a>,
    /// The comment that was sent, as the API takes it.
    pub(crate) comment: Option<&'a Value>,
}

impl Trace<'_> {
    /// The audit of this call's save, if the ticket has one.
    pub(crate) async fn find(&self, zendesk: Zendesk<'_>, ticket: &str) -> Result<Option<Value>, CallError> {
        let since = self.call.not_before.minus(CLOCK_MARGIN);
        let path = format!("{TICKETS}/{ticket}/audits");
        let what = format!("the audits of ticket {ticket}");
        let (mut sorted, mut cursor): (bool, Option<String>) = (true, None);
        for _ in 0..MAX_PAGES {
            let mut query = vec![("page[size]", "100")];
            query.extend(sorted.then_some(("sort", "-created_at")));
            query.extend(cursor.as_deref().map(|cursor| ("page[after]", cursor)));
            let page = match zendesk.get(&path, &query, &what).await {
                Err(error) if sorted && cursor.is_none() && is_about_the_query(&error) => {
                    sorted = false;
                    continue;
                }
                page => page.map_err(cannot_look)?,
            };
            let audits = list(&page, "audits");
            if let Some(audit) = audits.iter().find(|audit| self.is_of(audit, since)) {
                return Ok(Some(audit.clone()));
            }
            cursor = next_cursor(&page);
            if cursor.is_none() || ends_before(audits, since) {
                return Ok(None);
            }
        }
        let message = format!("Ticket {ticket} has more than {} audits; it may be among them.", MAX_PAGES * 100);
        Err(cannot_look(CallError::new(ErrorClass::Fail, "too_many_audits", message)))
    }

    fn is_of(&self, audit: &Value, since: Timestamp) -> bool {
        let mark = mark(self.call.key);
        let marked = ["/metadata/custom/deskwire", "/metadata/deskwire"];
        if marked.iter().any(|place| audit.pointer(place).and_then(Value::as_str) == Some(mark)) {
            return true;
        }
        // An audit that shows what custom metadata it has, and not ours, is somebody else's.
        let is_silent = audit.pointer("/metadata/custom").is_none();
        is_silent && created_at(audit).is_some_and(|at| at >= since) && self.says_the_same(audit)
    }

    /// Does the audit's comment say what this call's comment says?
    fn says_the_same(&self, audit: &Value) -> bool {
        let (Some(ours), Some(theirs)) = (self.comment, comment_of(audit)) else { return false };
        let same = |field: &str| {
            let text = |comment: &Value| comment.get(field).and_then(Value::as_str).map(plain);
            text(ours).is_some_and(|ours| text(theirs) == Some(ours))
        };
        ours.get("public") == theirs.get("public") && (same("body") || same("html_body"))
    }
}

/// The comment's event in an audit, if somebody wrote one.
pub(crate) fn comment_of(audit: &Value) -> Option<&Value> {
    list(audit, "events").iter().find(|event| event.get("type").and_then(Value::as_str) == Some("Comment"))
}

fn created_at(audit: &Value) -> Option<Timestamp> {
    Timestamp::parse(audit.get("created_at")?.as_str()?).ok()
}

/// Does a page that comes with the newest first end before this time? Then so does all that follows.
fn ends_before(audits: &[Value], since: Timestamp) -> bool {
    let (first, last) = (audits.first().and_then(created_at), audits.last().and_then(created_at));
    last.is_some_and(|last| last < since && first.is_some_and(|first| first > last))
}

/// Line ends and spaces may change on the way.
fn plain(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// A refusal that another query may not meet.
fn is_about_the_query(error: &CallError) -> bool {
    error.class == ErrorClass::Fail && error.code != "RecordNotFound" && error.code != "http_403"
}

/// Words an error for the person who then has to look.
pub(crate) fn cannot_look(mut error: CallError) -> CallError {
    if matches!(error.class, ErrorClass::Fail | ErrorClass::NeedsReauthorization) {
        error.message = format!("Cannot look whether the ticket was saved. {}", error.message);
    }
    error
}
