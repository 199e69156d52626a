//! What stands in the table of events and runs, and the lines that lists show of them.

use std::collections::BTreeMap;
use std::time::Duration;

use aws_sdk_dynamodb::types::AttributeValue;
use deskwire_core::event::{ChangeFacts, Event, EventState, JsonText};
use deskwire_core::ids::{EventId, Lane, RequestId, RunId, SourceName, WorkflowName, WorkflowVersion};
use deskwire_core::ports::{
    Declined, EventSummary, EventWait, LanePolicy, RunSummary, StoreError, StoreResult, Wanted,
};
use deskwire_core::run::RunState;
use deskwire_core::time::Timestamp;
use serde::{Deserialize, Serialize};

use crate::keys;
use crate::table::{Item, attribute, content, item, numeral, text};

/// An event as it is kept. Its body stands beside it, as it came.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct EventRow {
    pub rev: u64,
    /// Whose write this is: tells a repeat of ours from somebody else's.
    pub mark: String,
    pub number: i64,
    pub source: String,
    pub id: String,
    pub kind: String,
    pub subject: String,
    pub time: Timestamp,
    pub received_at: Timestamp,
    pub state: String,
    pub reason: Option<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub declined: Vec<Declined>,
    #[serde(default)]
    pub change: ChangeFacts,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request_id: Option<RequestId>,
    /// The runs about it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub runs: Vec<RunOf>,
    /// Its runs are stored, and the queue may not know of them.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub unsent: bool,
}

/// A run about an event.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct RunOf {
    pub id: String,
    pub workflow: String,
    pub replay: u32,
}

impl EventRow {
    pub(crate) fn key(&self) -> String {
        keys::event(&self.source, &self.id)
    }

    pub(crate) fn item(&self, body: &str) -> StoreResult<Item> {
        let mut made = item(&self.key(), "E", self)?;
        made.insert("rev".to_owned(), AttributeValue::N(self.rev.to_string()));
        made.insert("b".to_owned(), text(body));
        made.insert("lp".to_owned(), text(&format!("{EVENTS}{}", keys::shard(&self.id))));
        made.insert("ln".to_owned(), numeral(self.number));
        made.insert("s".to_owned(), text(&self.summary_text()?));
        // An index takes no key of more than 1,024 bytes.
        if self.id.len() <= 1000 && !self.id.is_empty() {
            made.insert("ip".to_owned(), text(&format!("E#{}", keys::shard(&self.id))));
            made.insert("id".to_owned(), text(&self.id));
        }
        Ok(made)
    }

    fn summary_text(&self) -> StoreResult<String> {
        let line = EventLine {
            source: self.source.clone(),
            id: self.id.clone(),
            kind: self.kind.clone(),
            subject: self.subject.clone(),
            received_at: self.received_at,
            state: self.state.clone(),
            reason: self.reason.clone(),
        };
        serde_json::to_string(&line).map_err(|error| StoreError::Corrupt(error.to_string()))
    }

    pub(crate) fn summary(&self) -> StoreResult<EventSummary> {
        Ok(EventSummary {
            number: self.number,
            source: self.source.clone(),
            id: self.id.clone(),
            kind: self.kind.clone(),
            subject: self.subject.clone(),
            received_at: self.received_at,
            state: event_state(&self.state)?,
            reason: self.reason.clone(),
        })
    }

    pub(crate) fn event(&self, body: &str) -> StoreResult<Event> {
        Ok(Event {
            source: SourceName::parse(&self.source).map_err(|_| corrupt("an event's source"))?,
            id: EventId::new(self.id.clone()),
            kind: self.kind.clone(),
            subject: self.subject.clone(),
            time: self.time,
            received_at: self.received_at,
            data: JsonText::from_stored(body.to_owned()),
            change: self.change.clone(),
            request_id: self.request_id.clone(),
        })
    }
}

/// A line of the list of events, as the index keeps it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct EventLine {
    pub source: String,
    pub id: String,
    pub kind: String,
    pub subject: String,
    pub received_at: Timestamp,
    pub state: String,
    pub reason: Option<String>,
}

impl EventLine {
    pub(crate) fn read(item: &Item) -> StoreResult<EventSummary> {
        let line: Self = summary(item)?;
        Ok(EventSummary {
            number: crate::table::number(item, "ln")?,
            state: event_state(&line.state)?,
            source: line.source,
            id: line.id,
            kind: line.kind,
            subject: line.subject,
            received_at: line.received_at,
            reason: line.reason,
        })
    }
}

/// A run as it stands.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[expect(clippy::struct_excessive_bools, reason = "each is a fact of its own, as in a table")]
pub(crate) struct RunRow {
    pub rev: u64,
    /// Whose write this is.
    pub mark: String,
    pub number: i64,
    /// What sorts it among the runs of its lane: less for an earlier event, whenever its workflow's condition was asked.
    pub turn: i64,
    pub id: String,
    pub event_source: String,
    pub event_id: String,
    pub event_type: String,
    pub subject: String,
    pub workflow: String,
    pub version: String,
    pub lane: String,
    pub replay: u32,
    pub state: RunState,
    pub reason: Option<String>,
    pub queued_at: Timestamp,
    pub ended_at: Option<Timestamp>,
    pub due_at: Option<Timestamp>,
    /// Does it stand in its lane, first or behind others?
    pub in_lane: bool,
    /// Is it to be found by the index of what falls due? Not while it is known to stand behind another run.
    pub listed: bool,
    pub owner: Option<String>,
    pub deliveries: u32,
    pub clean: bool,
    /// How many deliveries broke off in a row, before the one under way, without a new result of a step.
    #[serde(default)]
    pub broken_off: u32,
    pub parked: bool,
    #[serde(default)]
    pub policy: Policy,
    pub changed_at: Option<Timestamp>,
    pub newest_before: Option<Timestamp>,
    /// When the first event of a debounced run's burst came.
    pub burst_at: Option<Timestamp>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub waits: Option<EventWait>,
    /// How many journal items there are.
    pub journal: u32,
    /// Calls that were announced, with the subjects they change: step to subject.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub announced: BTreeMap<String, String>,
    /// Other runs were told to stay behind this one, and are to be told when it leaves.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub followed: bool,
}

/// How a lane takes several events, as it is stored.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Policy {
    #[default]
    Every,
    Latest,
    /// Milliseconds of quiet.
    Debounce(u64),
}

impl From<LanePolicy> for Policy {
    fn from(policy: LanePolicy) -> Self {
        match policy {
            LanePolicy::Every => Self::Every,
            LanePolicy::Latest => Self::Latest,
            LanePolicy::Debounce(quiet) => Self::Debounce(u64::try_from(quiet.as_millis()).unwrap_or(u64::MAX)),
        }
    }
}

impl RunRow {
    /// A run that was just queued, last of those that came so far.
    pub(crate) fn new(wanted: &Wanted, event: &Event, now: Timestamp, number: i64, mark: &str) -> Self {
        let (due_at, burst_at) = match wanted.policy {
            LanePolicy::Debounce(quiet) => (now.plus(quiet), Some(now)),
            LanePolicy::Every | LanePolicy::Latest => (now, None),
        };
        Self {
            rev: 1,
            mark: mark.to_owned(),
            number,
            turn: number,
            id: wanted.run.to_string(),
            event_source: event.source.to_string(),
            event_id: event.id.to_string(),
            event_type: event.kind.clone(),
            subject: event.subject.clone(),
            workflow: wanted.workflow.to_string(),
            version: wanted.version.to_string(),
            lane: wanted.lane.to_string(),
            replay: 0,
            state: RunState::Queued,
            reason: None,
            queued_at: now,
            ended_at: None,
            due_at: Some(due_at),
            in_lane: true,
            listed: true,
            owner: None,
            deliveries: 0,
            clean: true,
            broken_off: 0,
            parked: false,
            policy: wanted.policy.into(),
            changed_at: wanted.changed_at,
            newest_before: None,
            burst_at,
            waits: None,
            journal: 0,
            announced: BTreeMap::new(),
            followed: false,
        }
    }

    pub(crate) fn key(&self) -> String {
        keys::run(&self.id)
    }

    pub(crate) fn lane(&self) -> Lane {
        Lane::from_stored(self.lane.clone())
    }

    /// Has it left the lane that it shared?
    pub(crate) fn is_apart(&self) -> bool {
        self.lane == own_lane(&self.id)
    }

    /// Does it hold the lane: was it handed out, and has it not left since?
    pub(crate) fn holds_lane(&self) -> bool {
        self.in_lane && !self.is_apart() && self.deliveries > 0
    }

    /// How long nothing shorter than this means that it was never handed out.
    pub(crate) fn is_fresh(&self) -> bool {
        self.in_lane && self.deliveries == 0
    }

    /// The key of its place in its lane.
    pub(crate) fn place(&self) -> String {
        format!("{}#{}", keys::sortable(self.turn), self.id)
    }

    pub(crate) fn quiet(&self) -> Option<Duration> {
        match self.policy {
            Policy::Debounce(millis) => Some(Duration::from_millis(millis)),
            Policy::Every | Policy::Latest => None,
        }
    }

    pub(crate) fn item(&self) -> StoreResult<Item> {
        let mut made = item(&self.key(), "R", self)?;
        let shard = keys::shard(&self.id);
        made.insert("rev".to_owned(), AttributeValue::N(self.rev.to_string()));
        made.insert("lp".to_owned(), text(&format!("{RUNS}{shard}")));
        made.insert("ln".to_owned(), numeral(self.number));
        if let Some(list) = list_of(self.state) {
            made.insert("sp".to_owned(), text(&format!("{list}{shard}")));
        }
        let line = serde_json::to_string(&self.line()).map_err(|error| StoreError::Corrupt(error.to_string()))?;
        made.insert("s".to_owned(), AttributeValue::S(line));
        made.insert("ip".to_owned(), text("R"));
        made.insert("id".to_owned(), text(&self.id));
        if let (true, Some(due_at)) = (self.in_lane && self.listed, self.due_at) {
            made.insert("dp".to_owned(), text(&format!("D#{shard}")));
            made.insert("da".to_owned(), numeral(due_at.as_millis()));
            made.insert("st".to_owned(), text(self.state.as_str()));
            made.insert("g".to_owned(), text(&keys::group(&self.lane())));
        }
        Ok(made)
    }

    pub(crate) fn read(item: &Item) -> StoreResult<Self> {
        content(item)
    }

    fn line(&self) -> RunLine {
        RunLine {
            id: self.id.clone(),
            workflow: self.workflow.clone(),
            version: self.version.clone(),
            state: self.state,
            reason: self.reason.clone(),
            source: self.event_source.clone(),
            event_id: self.event_id.clone(),
            event_type: self.event_type.clone(),
            subject: self.subject.clone(),
            queued_at: self.queued_at,
            ended_at: self.ended_at,
            due_at: self.due_at.filter(|_| self.in_lane),
            deliveries: self.deliveries,
            replay: self.replay,
        }
    }

    pub(crate) fn summary(&self) -> RunSummary {
        self.line().summary(self.number)
    }
}

/// How the partitions of the lists of events and runs begin.
pub(crate) const EVENTS: &str = "E#";
pub(crate) const RUNS: &str = "R#";

/// How the partitions begin in which the runs in this state stand by themselves. Those that succeeded are most of the
/// history, and what is under way changes often, between two states that share their partitions: that saves a write.
pub(crate) fn list_of(state: RunState) -> Option<&'static str> {
    match state {
        RunState::Queued | RunState::Running => Some("open#"),
        RunState::Retrying => Some("retrying#"),
        RunState::Waiting => Some("waiting#"),
        RunState::Unknown => Some("unknown#"),
        RunState::Failed => Some("failed#"),
        RunState::Skipped => Some("skipped#"),
        RunState::Dead => Some("dead#"),
        RunState::Succeeded => None,
    }
}

/// What stands in a line where nothing better can be read.
const UNREADABLE: &str = "(unreadable)";

/// A line of the list of runs, as the index keeps it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct RunLine {
    id: String,
    workflow: String,
    version: String,
    state: RunState,
    reason: Option<String>,
    source: String,
    event_id: String,
    event_type: String,
    subject: String,
    queued_at: Timestamp,
    ended_at: Option<Timestamp>,
    due_at: Option<Timestamp>,
    deliveries: u32,
    replay: u32,
}

impl RunLine {
    /// The line of a run that was set aside, from the line it had, as far as that can be read.
    pub(crate) fn set_aside(item: &Item, id: &str, reason: String, now: Timestamp) -> String {
        let known = summary::<Self>(item).unwrap_or_else(|_| Self {
            id: id.to_owned(),
            workflow: UNREADABLE.to_owned(),
            version: String::new(),
            state: RunState::Dead,
            reason: None,
            source: UNREADABLE.to_owned(),
            event_id: UNREADABLE.to_owned(),
            event_type: String::new(),
            subject: UNREADABLE.to_owned(),
            queued_at: now,
            ended_at: None,
            due_at: None,
            deliveries: 0,
            replay: 0,
        });
        let line = Self { state: RunState::Dead, reason: Some(reason), ended_at: Some(now), due_at: None, ..known };
        serde_json::to_string(&line).unwrap_or_default()
    }

    pub(crate) fn read(item: &Item) -> StoreResult<RunSummary> {
        Ok(summary::<Self>(item)?.summary(crate::table::number(item, "ln")?))
    }

    fn summary(self, number: i64) -> RunSummary {
        RunSummary {
            number,
            id: RunId::new(self.id),
            workflow: WorkflowName::from_stored(self.workflow),
            version: WorkflowVersion::new(self.version),
            state: self.state,
            reason: self.reason,
            source: self.source,
            event_id: self.event_id,
            event_type: self.event_type,
            subject: self.subject,
            queued_at: self.queued_at,
            ended_at: self.ended_at,
            due_at: self.due_at,
            deliveries: self.deliveries,
            replay: self.replay,
        }
    }
}

fn summary<T: serde::de::DeserializeOwned>(item: &Item) -> StoreResult<T> {
    deskwire_core::json::from_str(attribute(item, "s")?).map_err(|_| corrupt("a line of a list"))
}

/// The lane of a run that has left the one it shared. `~` begins no workflow's name.
pub(crate) fn own_lane(run: &str) -> String {
    format!("~{run}")
}

pub(crate) fn corrupt(what: &str) -> StoreError {
    StoreError::Corrupt(what.to_owned())
}

fn event_state(word: &str) -> StoreResult<EventState> {
    [EventState::Accepted, EventState::Unwanted, EventState::Rejected]
        .into_iter()
        .find(|state| state.as_str() == word)
        .ok_or_else(|| corrupt("an event's state"))
}
