//! A run as a row of a table; the same in the list of runs, on an event's page and beside another run.

use deskwire_core::ports::RunSummary;
use deskwire_core::run::RunState;
use deskwire_core::time::Timestamp;
use deskwire_history::why;

use crate::asked::Asked;
use crate::badge::Badge;
use crate::prose::Prose;
use crate::show::{Moment, short_id, shorten, took};

/// The longest reason a row shows, in characters; the run's own page shows all of it.
const LONGEST_REASON: usize = 160;

/// What `run_table.html` shows of a run.
#[derive(Debug)]
pub(crate) struct RunRow {
    pub href: String,
    pub id: String,
    pub short_id: String,
    pub badge: Badge,
    pub workflow: String,
    pub replay: u32,
    pub event_type: String,
    pub subject: String,
    /// The runs about the same subject.
    pub subject_href: String,
    pub queued: Moment,
    /// From queued to ended; `None` while it is not over.
    pub duration: Option<String>,
    pub why: Prose,
}

impl RunRow {
    pub(crate) fn new(run: &RunSummary, now: Timestamp) -> Self {
        Self {
            href: run_href(run.id.as_str()),
            id: run.id.to_string(),
            short_id: short_id(run.id.as_str()),
            badge: run.state.into(),
            workflow: run.workflow.to_string(),
            replay: run.replay,
            event_type: run.event_type.clone(),
            subject: run.subject.clone(),
            subject_href: Asked::about(&run.subject).link("/console"),
            queued: Moment::new(run.queued_at, now),
            duration: run.ended_at.map(|ended| took(ended.since(run.queued_at))),
            why: Prose::new(&row_reason(run, now)),
        }
    }
}

/// One sentence: why it is where it is and, while it waits for something, when that is.
fn row_reason(run: &RunSummary, now: Timestamp) -> String {
    let why = shorten(why(run.state, run.reason.as_deref()), LONGEST_REASON);
    let Some(due) = run.due_at.filter(|due| *due > now).map(|due| Moment::new(due, now).relative) else { return why };
    match run.state {
        RunState::Retrying => format!("{why} · next try {due}"),
        RunState::Waiting => format!("{why} · ends {due} at the latest"),
        _ => why,
    }
}

/// The address of a run's page. Run ids need no escaping; an id that did would still make one segment.
pub(crate) fn run_href(id: &str) -> String {
    format!("/console/runs/{}", segment(id))
}

/// A text as one segment of a path.
pub(crate) fn segment(text: &str) -> String {
    // What form encoding writes is a valid segment, save that `+` means itself there.
    url::form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>().replace('+', "%20")
}
