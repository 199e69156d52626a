//! A store that is filled through the ports as webhooks and runners fill it, and short words for journal entries. What
//! happens in it stands in `stories.rs`; the preview shows it and the tests ask for its pages.

use std::collections::BTreeMap;
use std::error::Error;
use std::time::Duration;

use deskwire_core::action::CallError;
use deskwire_core::event::{ChangeFacts, Event, JsonText};
use deskwire_core::ids::{EventId, Lane, RunId, SourceName, StepPath, WorkflowName, WorkflowVersion};
use deskwire_core::ports::{Arrival, Declined, Inbox, LanePolicy, Settlement, Wanted, Work};
use deskwire_core::random::SeededRandom;
use deskwire_core::run::{Entry, Known, RunState};
use deskwire_core::time::Timestamp;
use deskwire_storage::SqliteStore;
use serde_json::{Value, json};

pub type Outcome<T> = Result<T, Box<dyn Error>>;

/// The store, and the runs by what they show.
pub struct World {
    pub store: SqliteStore,
    pub runs: BTreeMap<&'static str, RunId>,
    pub random: SeededRandom,
}

/// The version of every workflow.
pub const VERSION: &str = "3f9c21ab77de";

/// What is said where it must not become markup.
pub const HOSTILE: &str = "<script>alert('x')</script>";

pub fn seconds(count: u64) -> Duration {
    Duration::from_secs(count)
}

pub fn millis(count: u64) -> Duration {
    Duration::from_millis(count)
}

impl World {
    /// An event that starts one run of `workflow`, or none.
    pub async fn event(
        &mut self,
        name: &'static str,
        workflow: Option<&str>,
        kind: &str,
        subject: &str,
        at: Timestamp,
    ) -> Outcome<()> {
        let id = format!("{:032x}", 0x1d3f_9a77_u128 << 64 | u128::from(at.as_millis().unsigned_abs()));
        let data = json!({
            "id": id,
            "type": format!("zen:event-type:{kind}"),
            "subject": subject,
            "detail": { "id": subject.rsplit(':').next(), "subject": "The printer on floor 3 is on fire", "priority": "URGENT",
                        "assignee_id": "8447388090494", "tags": ["vip", "emea"], "created_at": at },
            "event": { "current": "8447388090494", "previous": null },
        });
        let event = Event {
            source: SourceName::parse("zendesk-support")?,
            id: EventId::new(id),
            kind: kind.to_owned(),
            subject: subject.to_owned(),
            time: at.minus(seconds(1)),
            received_at: at,
            data: JsonText::from(&data),
            change: ChangeFacts::default(),
            request_id: None,
        };
        let mut wanted = Vec::new();
        if let Some(workflow) = workflow {
            let workflow = WorkflowName::parse(workflow)?;
            let run = RunId::generate(at, &self.random);
            self.runs.insert(name, run.clone());
            let lane = Lane::of(&workflow, subject);
            let version = WorkflowVersion::new(VERSION);
            let policy = LanePolicy::Every;
            wanted.push(Wanted { workflow, version, run, lane, policy, changed_at: None, unasked: false });
        }
        let other = Declined {
            workflow: WorkflowName::parse("vip-escalation")?,
            reason: "`when` is false: event.data.detail.priority == 'LOW'".to_owned(),
        };
        let declined = if kind == "ticket.priority_changed" { vec![other] } else { vec![] };
        self.store.accept(Arrival { event, also_known_as: vec![], wanted, declined, awaited: true }).await?;
        Ok(())
    }

    /// Hands the run that is due out at `at` and ends its delivery at `end`.
    pub async fn deliver(
        &self,
        at: Timestamp,
        end: Timestamp,
        entries: Vec<Entry>,
        settlement: Settlement,
    ) -> Outcome<()> {
        let batch = self.store.claim("preview", 1, seconds(120), at).await?;
        let claim = batch.claims.into_iter().next().ok_or("no run is due")?;
        self.store.settle(&claim.fence, entries, settlement, None, end).await?;
        Ok(())
    }
}

pub fn step(name: &str) -> StepPath {
    StepPath::new(name)
}

pub fn done(name: &str, attempt: u32, started_at: Timestamp, took: u64, output: Value) -> Entry {
    let input = match name {
        "ticket" => json!({ "ticket_id": 48213 }),
        "assignee" => json!({ "user_id": "8447388090494" }),
        _ => {
            json!({ "channel": "#support-alerts", "message": "Ticket 48213 is yours: The printer on floor 3 is on fire" })
        }
    };
    let at = started_at.plus(millis(took));
    Entry::Done {
        step: step(name),
        action: action(name).to_owned(),
        attempt,
        started_at,
        at,
        input,
        output,
        how: Known::Answered,
        wrote: vec![],
    }
}

/// The action of a step in this world.
fn action(step: &str) -> &'static str {
    match step {
        "ticket" => "zendesk.look_up_ticket",
        "assignee" => "zendesk.look_up_user",
        _ => "slack.post_message",
    }
}

/// A result of a step that calls nothing.
pub fn result(name: &str, word: &str, at: Timestamp, output: Value) -> Entry {
    Entry::Done {
        step: step(name),
        action: word.to_owned(),
        attempt: 1,
        started_at: at,
        at,
        input: Value::Null,
        output,
        how: Known::Answered,
        wrote: vec![],
    }
}

pub fn attempt(
    name: &str,
    attempt: u32,
    started_at: Timestamp,
    took: u64,
    error: &CallError,
    wait: Option<u64>,
) -> Entry {
    let at = started_at.plus(millis(took));
    let input = json!({ "channel": "#support-alerts", "message": "Ticket 48213 is yours" });
    let next_at = wait.map(|wait| at.plus(seconds(wait)));
    Entry::Attempt { step: step(name), attempt, started_at, at, input, error: error.clone(), next_at }
}

pub fn failed(name: &str, at: Timestamp, error: &CallError, continued: bool) -> Entry {
    Entry::Failed { step: step(name), at, error: error.clone(), continued }
}

pub fn over(state: RunState, reason: &str) -> Settlement {
    Settlement::Over { state, reason: reason.to_owned() }
}

pub fn again(at: Timestamp, reason: &str) -> Settlement {
    Settlement::Again { at, reason: reason.to_owned() }
}
