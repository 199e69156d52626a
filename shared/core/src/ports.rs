//! The small traits that stores implement: what callers need, not what a database offers.
//!
//! A record that cannot be read is no reason to fail for others: lists leave it out, and a run is set aside (see
//! [`crate::damage`]). Asked for alone, it answers [`StoreError::Corrupt`].
//!
//! Every adapter passes the contract suite of `deskwire-storage`. The time is always passed in. Two callers exist: the
//! webhook functions know an [`Inbox`], the runner knows [`Work`]; people's commands and pages read [`History`]; which
//! workflows are in force, and where their schedules stand, is in the [`Registry`].

use std::time::Duration;

use serde::Serialize;

use crate::BoxFuture;
use crate::action::Hold;
use crate::connection::FixedFacts;
use crate::damage::Inspection;
use crate::event::{Event, EventState, JsonText};
use crate::ids::{ConnectionName, EventId, Lane, RunId, SourceName, WorkflowName, WorkflowVersion};
use crate::run::{Entry, Run, RunState};
use crate::time::Timestamp;
use crate::token::{Leased, TokenState};

/// Why a store did not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// It is away, full, read-only or too busy; the caller may come again. A write that was under way may have been made all
    /// the same: its answer can be lost.
    #[error("the store is unavailable: {reason}")]
    Unavailable {
        /// What it said, for logs.
        reason: String,
    },
    /// What it holds cannot be read: a bug or a damaged file. Coming again will not help.
    #[error("the store holds something unreadable: {0}")]
    Corrupt(String),
    /// The run was handed to another runner meanwhile; whatever this one still wants to write is void.
    #[error("the run was handed to another runner")]
    Fenced,
}

/// The answer of a port.
pub type StoreResult<T> = Result<T, StoreError>;

/// A workflow that wants an event, with what is pinned at this moment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, serde::Deserialize)]
pub struct Wanted {
    /// The workflow.
    pub workflow: WorkflowName,
    /// Its version now.
    pub version: WorkflowVersion,
    /// The run's id.
    pub run: RunId,
    /// The lane the run joins.
    pub lane: Lane,
    /// What becomes of runs that wait in the lane already.
    pub policy: LanePolicy,
    /// When the event's object was changed, where the workflow goes by that.
    pub changed_at: Option<Timestamp>,
    /// Is its workflow's condition still to be asked? Such a run joins its lane only when a runner has asked (see
    /// [`RunQueue::unasked`]): one that turns out not to be wanted must not take the place of one that is. Only processes
    /// that cannot ask make such runs, and only for lanes that go by more than order.
    pub unasked: bool,
}

/// How a workflow takes several events about one subject. Only runs that were never handed out are ever superseded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LanePolicy {
    /// Each in its order.
    #[default]
    Every,
    /// Only the latest: a new run supersedes those that wait in its lane, which end skipped with that reason. By
    /// `changed_at` where both have one; a run that is older than one that waits ends skipped itself.
    Latest,
    /// Like `Latest`, and a run waits this long for a later one before it begins, at most [`DEBOUNCES`] times as long in
    /// all.
    Debounce(Duration),
}

/// How many times its wait a debounced run can be put off.
pub const DEBOUNCES: u32 = 10;

/// A workflow that looked at an event and did not want it, with the reason; kept so that "why did nothing happen" has an
/// answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, serde::Deserialize)]
pub struct Declined {
    /// The workflow.
    pub workflow: WorkflowName,
    /// One sentence: why not.
    pub reason: String,
}

/// An event with everything that is decided when it is accepted.
#[derive(Debug, Clone)]
pub struct Arrival {
    /// The event.
    pub event: Event,
    /// Other ids under which the same event may have been stored (see `repeat_window`).
    pub also_known_as: Vec<EventId>,
    /// The runs it starts.
    pub wanted: Vec<Wanted>,
    /// The workflows of this source that did not want it.
    pub declined: Vec<Declined>,
    /// May a run be waiting for such an event? Where looking costs, a store looks only then; a run that is not woken finds
    /// the event when it comes back by itself.
    pub awaited: bool,
}

/// What accepting an event came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Accepted {
    /// It is stored, and its runs are queued.
    New,
    /// It was stored before, and nothing was started.
    Repeat,
}

/// A signed body that is not what its provider should send.
#[derive(Debug, Clone)]
pub struct RejectedEvent {
    /// Where it came from.
    pub source: SourceName,
    /// Its id: the same body has the same one.
    pub id: EventId,
    /// When it came.
    pub received_at: Timestamp,
    /// What it holds, as text; bytes that are not UTF-8 are replaced.
    pub body: String,
    /// One sentence: what is wrong with it.
    pub reason: String,
}

/// Where accepted events go. On return of `Ok`, everything is durable.
pub trait Inbox: Send + Sync {
    /// Stores the event once (by source and id) and queues its runs. Either all of it or nothing.
    fn accept(&self, arrival: Arrival) -> BoxFuture<'_, StoreResult<Accepted>>;

    /// Keeps a rejected body with the reason. The same body from the same source is kept once.
    fn reject(&self, rejected: RejectedEvent) -> BoxFuture<'_, StoreResult<()>>;

    /// Can it be used right now? Reads only: whoever asks changes nothing, however often.
    fn ready(&self) -> BoxFuture<'_, StoreResult<()>>;
}

/// Proof of having been handed a run. Every write about the run carries it and fails with [`StoreError::Fenced`] once
/// the run was handed to somebody else.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Fence {
    /// The run.
    pub run: RunId,
    /// How often it had been handed out when this fence was made.
    pub delivery: u32,
}

/// A run that was handed to this runner.
#[derive(Debug, Clone)]
pub struct Claim {
    /// The run, with its journal.
    pub run: Run,
    /// For writing about it.
    pub fence: Fence,
    /// Until when nobody else is handed this run.
    pub leased_until: Timestamp,
}

/// What a runner gets when it asks for work.
#[derive(Debug, Clone, Default)]
pub struct ClaimBatch {
    /// At most as many as asked for.
    pub claims: Vec<Claim>,
    /// The shared rate budgets that are used up at this time.
    pub holds: Vec<Hold>,
    /// The users as which our connections write, as far as answers have told.
    pub own_actors: Vec<String>,
    /// When the next run falls due that was not handed out now, if one waits.
    pub next_due: Option<Timestamp>,
}

/// What came of asking for one run.
#[derive(Debug, Clone)]
pub enum Offer {
    /// It is handed out: the only claim of this batch.
    Ours(Box<ClaimBatch>),
    /// It will be due at this time: it waits, or somebody else has it until then.
    Later {
        /// When.
        at: Timestamp,
        /// Is time all that it waits for, while its lane stands still? Otherwise its lane goes on meanwhile, or an event
        /// or a person may bring it back sooner, and it is told of again then.
        only_time: bool,
    },
    /// Another run of its lane comes first. It is told of again when that one leaves.
    Behind,
    /// There is nothing to do: it is over, or unknown until a person decides, or there is no such run.
    Nothing,
}

/// How a delivery of a run ends.
#[derive(Debug, Clone, PartialEq)]
pub enum Settlement {
    /// The run is over, in one of the states that are, and leaves its lane.
    Over {
        /// The last state.
        state: RunState,
        /// One sentence: why it ended so.
        reason: String,
    },
    /// Something passes; the run keeps its lane and comes back at this time.
    Again {
        /// When.
        at: Timestamp,
        /// One sentence: what it waits for.
        reason: String,
    },
    /// A `wait` step: the run leaves its lane and comes back at this time, or as soon as an event came that may be the
    /// one it waits for. Waits whose time has come are found by index, and cost nothing until then.
    Wait {
        /// When.
        until: Timestamp,
        /// The event it waits for, if it waits for one.
        event: Option<EventWait>,
        /// One sentence: what it waits for.
        reason: String,
    },
    /// A connection needs a person. The run keeps its lane, so that what comes later about the same subject stays behind
    /// it, and comes back when such an event came, or at this time. Once the lane's patience is over, the run waits by
    /// [`Settlement::Wait`] instead, outside of its lane.
    Block {
        /// When to look again, whatever came: no later than the lane's patience ends.
        until: Timestamp,
        /// The event that says that the connection is there again.
        event: EventWait,
        /// One sentence: what it waits for.
        reason: String,
    },
    /// A step is unknown. The run keeps its lane until this time, is handed out once more with `parked` set, and then
    /// gives way.
    Park {
        /// When the lane goes on.
        lane_until: Timestamp,
        /// One sentence for the person who decides.
        reason: String,
    },
    /// The time of a parked run in its lane is over: it stays unknown, and the lane goes on.
    GiveWay {
        /// One sentence for the person who decides.
        reason: String,
    },
}

impl Settlement {
    /// The word that logs have for it.
    pub const fn outcome(&self) -> &'static str {
        match self {
            Self::Over { state, .. } => state.as_str(),
            Self::Again { .. } => RunState::Retrying.as_str(),
            Self::Wait { .. } => RunState::Waiting.as_str(),
            Self::Block { .. } => "blocked",
            Self::Park { .. } | Self::GiveWay { .. } => RunState::Unknown.as_str(),
        }
    }

    /// One sentence: why it ended so, or what it waits for.
    pub fn reason(&self) -> &str {
        match self {
            Self::Over { reason, .. }
            | Self::Again { reason, .. }
            | Self::Wait { reason, .. }
            | Self::Block { reason, .. }
            | Self::Park { reason, .. }
            | Self::GiveWay { reason } => reason,
        }
    }
}

/// Which events a waiting run is to be woken for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, serde::Deserialize)]
pub struct EventWait {
    /// The source they come from.
    pub source: SourceName,
    /// Their subject.
    pub subject: String,
    /// Their types, as a trigger names them.
    pub events: Vec<String>,
    /// Events accepted at or after this time count, the run's own event never does.
    pub since: Timestamp,
    /// How many the run has been shown already: more than that wake it.
    pub seen: usize,
}

/// What a runner needs: work in order, and a journal that is durable before anything depends on it.
pub trait Work: Send + Sync {
    /// Hands out at most `max` runs that are due, each the first of its lane, and leases them to `owner` for `lease`.
    /// Handing out is durable before this returns: it is the record that a call may follow.
    fn claim<'a>(
        &'a self,
        owner: &'a str,
        max: usize,
        lease: Duration,
        now: Timestamp,
    ) -> BoxFuture<'a, StoreResult<ClaimBatch>>;

    /// Hands out this very run, if it is due and the first of its lane; as durable as [`Work::claim`]. For whoever is told
    /// of runs one by one, by a queue.
    fn claim_one<'a>(
        &'a self,
        run: &'a RunId,
        owner: &'a str,
        lease: Duration,
        now: Timestamp,
    ) -> BoxFuture<'a, StoreResult<Offer>>;

    /// Adds to a run's journal, durably, and extends its lease to `leased_until`.
    fn record<'a>(
        &'a self,
        fence: &'a Fence,
        entries: Vec<Entry>,
        leased_until: Timestamp,
    ) -> BoxFuture<'a, StoreResult<()>>;

    /// Adds the last entries of this delivery and ends it, in one durable step. A `hold` is shared with every runner.
    fn settle<'a>(
        &'a self,
        fence: &'a Fence,
        entries: Vec<Entry>,
        settlement: Settlement,
        hold: Option<Hold>,
        now: Timestamp,
    ) -> BoxFuture<'a, StoreResult<()>>;

    /// Takes back what `owner` had been handed, because that process is known to be gone. The runs come back at once,
    /// marked as interrupted. Answers how many.
    fn take_back<'a>(&'a self, owner: &'a str, now: Timestamp) -> BoxFuture<'a, StoreResult<usize>>;

    /// Returns when work may have become due since the last call; may return early or for nothing.
    fn arrived(&self) -> BoxFuture<'_, ()>;

    /// Makes workflow versions known, so that runs find the version they were pinned to. The same text twice is one.
    fn publish(
        &self,
        versions: Vec<(WorkflowName, WorkflowVersion, String)>,
        now: Timestamp,
    ) -> BoxFuture<'_, StoreResult<()>>;

    /// The file of a workflow version that was published.
    fn workflow_text<'a>(
        &'a self,
        name: &'a WorkflowName,
        version: &'a WorkflowVersion,
    ) -> BoxFuture<'a, StoreResult<Option<String>>>;
}

/// An event whose workflows' conditions are still to be asked.
#[derive(Debug, Clone)]
pub struct Unasked {
    /// The event.
    pub event: Event,
    /// The runs on it that join their lanes if they are wanted after all.
    pub wanted: Vec<Wanted>,
}

/// A queue that tells runners of runs one by one, and in the order of their lanes, as SQS FIFO does. The store stays the
/// authority: a message says only that a run may be due.
pub trait RunQueue: Send + Sync {
    /// Shows a message again after this time, and those behind it in their lane after it. Seconds; what is less counts as one
    /// unless it is nothing.
    fn put_off<'a>(&'a self, receipt: &'a str, by: Duration) -> BoxFuture<'a, StoreResult<()>>;

    /// Tells of a run anew, by a message that was never received.
    fn tell_again<'a>(&'a self, run: &'a RunId) -> BoxFuture<'a, StoreResult<()>>;

    /// The event of this key, and the runs on it whose workflows' conditions are still to be asked.
    fn unasked<'a>(&'a self, key: &'a str) -> BoxFuture<'a, StoreResult<Option<Unasked>>>;

    /// Says what came of asking: these runs join their lanes, and these workflows do not want the event.
    fn asked<'a>(
        &'a self,
        key: &'a str,
        wanted: Vec<Wanted>,
        declined: Vec<Declined>,
        now: Timestamp,
    ) -> BoxFuture<'a, StoreResult<()>>;

    /// Wakes the runs that wait for an event; the key is the one that its message named.
    fn wake_for<'a>(&'a self, key: &'a str) -> BoxFuture<'a, StoreResult<()>>;
}

/// Which events or runs to list. All conditions hold together.
#[derive(Debug, Clone, Default)]
pub struct Filter {
    /// At most so many, the newest first; 0 means 50.
    pub limit: usize,
    /// Only this source's (events).
    pub source: Option<String>,
    /// Only this workflow's (runs).
    pub workflow: Option<String>,
    /// Only in this state; a word of [`RunState`] or [`EventState`].
    pub state: Option<String>,
    /// Only about this subject.
    pub subject: Option<String>,
    /// Only of this event (runs).
    pub event: Option<EventId>,
    /// Only of this type; a name, or a prefix ending in `.*` (events).
    pub kind: Option<String>,
    /// Only those received (events) or queued (runs) at or after this time.
    pub since: Option<Timestamp>,
    /// Only those received or queued before this time.
    pub until: Option<Timestamp>,
    /// Only those with a greater number.
    pub after: Option<i64>,
    /// The oldest first instead of the newest.
    pub oldest_first: bool,
}

impl Filter {
    /// Does it let this run pass, whatever its number?
    pub fn covers_run(&self, run: &RunSummary) -> bool {
        is(self.source.as_deref(), &run.source)
            && is(self.workflow.as_deref(), run.workflow.as_str())
            && is(self.state.as_deref(), run.state.as_str())
            && is(self.subject.as_deref(), &run.subject)
            && is(self.event.as_ref().map(AsRef::as_ref), &run.event_id)
            && self.covers_kind(&run.event_type)
            && self.covers_time(run.queued_at)
    }

    /// Does it let this event pass, whatever its number?
    pub fn covers_event(&self, event: &EventSummary) -> bool {
        is(self.source.as_deref(), &event.source)
            && is(self.state.as_deref(), event.state.as_str())
            && is(self.subject.as_deref(), &event.subject)
            && self.covers_kind(&event.kind)
            && self.covers_time(event.received_at)
    }

    fn covers_kind(&self, kind: &str) -> bool {
        self.kind.as_deref().is_none_or(|wanted| match wanted.strip_suffix('*') {
            Some(prefix) => kind.starts_with(prefix),
            None => kind == wanted,
        })
    }

    fn covers_time(&self, time: Timestamp) -> bool {
        self.since.is_none_or(|since| time >= since) && self.until.is_none_or(|until| time < until)
    }
}

fn is(wanted: Option<&str>, found: &str) -> bool {
    wanted.is_none_or(|wanted| wanted == found)
}

/// A line of the list of events.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct EventSummary {
    /// Its number in this store, for short references.
    pub number: i64,
    /// Its source.
    pub source: String,
    /// Its id.
    pub id: String,
    /// Its type.
    #[serde(rename = "type")]
    pub kind: String,
    /// Its subject.
    pub subject: String,
    /// When it came.
    pub received_at: Timestamp,
    /// What became of it.
    pub state: EventState,
    /// Why, where it was rejected or no workflow wanted it.
    pub reason: Option<String>,
}

/// An event with everything that is kept about it.
#[derive(Debug, Clone)]
pub struct EventDetail {
    /// The line of the list.
    pub summary: EventSummary,
    /// The event; `None` for a rejected body.
    pub event: Option<Event>,
    /// The body as text.
    pub body: JsonText,
    /// The workflows that looked at it and did not want it.
    pub declined: Vec<Declined>,
    /// The runs it started.
    pub runs: Vec<RunSummary>,
}

/// A line of the list of runs.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct RunSummary {
    /// Its number in this store: a later run has a greater one.
    pub number: i64,
    /// Its id.
    pub id: RunId,
    /// Its workflow.
    pub workflow: WorkflowName,
    /// Its pinned version.
    pub version: WorkflowVersion,
    /// Where it stands.
    pub state: RunState,
    /// One sentence: why.
    pub reason: Option<String>,
    /// The event's source.
    pub source: String,
    /// The event's id.
    pub event_id: String,
    /// The event's type.
    pub event_type: String,
    /// The event's subject.
    pub subject: String,
    /// When it was queued.
    pub queued_at: Timestamp,
    /// When it ended.
    pub ended_at: Option<Timestamp>,
    /// When it is due next, while it waits.
    pub due_at: Option<Timestamp>,
    /// How often it was handed to a runner.
    pub deliveries: u32,
    /// 0 for the run that the event started; counts up with every replay.
    pub replay: u32,
}

/// A run with its journal.
#[derive(Debug, Clone)]
pub struct RunDetail {
    /// The line of the list.
    pub summary: RunSummary,
    /// What is known of its steps.
    pub journal: Vec<Entry>,
    /// How many records of its journal cannot be read: with any, which of its steps are done is not known.
    pub unreadable: usize,
    /// The event it is about.
    pub event: Event,
}

/// How many runs stand where.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Counts {
    /// Events kept.
    pub events: u64,
    /// Runs by state; states that no run is in are left out.
    pub runs: std::collections::BTreeMap<String, u64>,
}

/// The shortest beginning of an id that a run is looked for by, in bytes: all ids begin with `run_`.
pub const SHORTEST_BEGINNING: usize = 5;

/// What people ask for.
pub trait History: Send + Sync {
    /// The newest events that pass the filter.
    fn events(&self, filter: Filter) -> BoxFuture<'_, StoreResult<Vec<EventSummary>>>;

    /// One event, by its id where only one source has it, by `source/id`, or by its number in this store.
    fn event<'a>(&'a self, reference: &'a str) -> BoxFuture<'a, StoreResult<Option<EventDetail>>>;

    /// The newest runs that pass the filter.
    fn runs(&self, filter: Filter) -> BoxFuture<'_, StoreResult<Vec<RunSummary>>>;

    /// The runs with these ids, as they are now; those that there are, in any order.
    fn runs_by_id(&self, ids: Vec<RunId>) -> BoxFuture<'_, StoreResult<Vec<RunSummary>>>;

    /// How much smaller than the greatest number of all a run's may be that is seen only now. Nothing, where numbers are
    /// given in the order in which runs come to be seen.
    fn lateness(&self) -> i64 {
        0
    }

    /// The events of this id, as `source/id`, the newest first and at most so many: to say which are meant where
    /// [`History::event`] finds none because several sources have one.
    fn events_called<'a>(&'a self, id: &'a str, most: usize) -> BoxFuture<'a, StoreResult<Vec<String>>>;

    /// One run, by its id or an unambiguous beginning of it, at least [`SHORTEST_BEGINNING`] bytes long.
    fn run<'a>(&'a self, reference: &'a str) -> BoxFuture<'a, StoreResult<Option<RunDetail>>>;

    /// The ids of at most so many runs that begin so: to say which are meant where [`History::run`] finds none because
    /// several do.
    fn runs_beginning<'a>(&'a self, beginning: &'a str, most: usize) -> BoxFuture<'a, StoreResult<Vec<RunId>>>;

    /// Queues a new run of the same workflow version on the same event, under the id `new_run`, with effect keys of its
    /// own. `keep` are journal entries of the old run that hold for the new one (steps that are done and are not to be
    /// called again). An unknown run that is replayed is over: it ends as failed, saying so. Answers the new run's replay
    /// number; `None` where there is no such run, or where it is not over.
    fn replay<'a>(
        &'a self,
        run: &'a RunId,
        new_run: RunId,
        keep: Vec<Entry>,
        now: Timestamp,
    ) -> BoxFuture<'a, StoreResult<Option<u32>>>;

    /// How many there are.
    fn counts(&self) -> BoxFuture<'_, StoreResult<Counts>>;

    /// Adds what a person decided about an unknown run to its journal, and queues it again; in its lane if it still has
    /// it, else beside it. `false` where there is no such run, or where it is not unknown.
    fn decide<'a>(&'a self, run: &'a RunId, entries: Vec<Entry>, now: Timestamp) -> BoxFuture<'a, StoreResult<bool>>;

    /// Removes at most `most` events that were received before `before`, with their runs and journals; events with a run
    /// that is not over stay. Answers how many events are gone: fewer than `most` where no more are to be removed. What is
    /// old is found by index, and nobody who writes waits for long.
    fn purge(&self, before: Timestamp, most: usize) -> BoxFuture<'_, StoreResult<usize>>;

    /// The file of a workflow version that was published.
    fn version_text<'a>(
        &'a self,
        name: &'a WorkflowName,
        version: &'a WorkflowVersion,
    ) -> BoxFuture<'a, StoreResult<Option<String>>>;
}

/// A workflow that is in force.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Deployed {
    /// Its name.
    pub name: WorkflowName,
    /// The version that new runs get.
    pub version: WorkflowVersion,
    /// Does it take events?
    pub active: bool,
    /// What its file said about that when it was applied; `None` where it said nothing.
    pub file_active: Option<bool>,
    /// Its file's path, as it was applied.
    pub file: String,
    /// When this version was applied.
    pub applied_at: Timestamp,
    /// Its file's text.
    #[serde(skip)]
    pub text: String,
}

/// A change to which workflows are in force.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Deploy {
    /// A new workflow, or a new version of one. `applied_at` is ignored.
    Put(Deployed),
    /// It takes no more events. Its versions stay, and runs under way go on.
    Remove(WorkflowName),
    /// A connection is there from now on, with facts that stay. Nothing happens where its name is known.
    Connection(FixedFacts),
    /// A connection is gone, and its name is free.
    ForgetConnection(ConnectionName),
    /// A text that every process of this deployment reads, such as the project's file.
    Document {
        /// Its name.
        name: String,
        /// What it says from now on.
        text: String,
    },
}

/// Which workflows are in force, and how far their schedules have come. Versions themselves are immutable.
pub trait Registry: Send + Sync {
    /// All of them, by name.
    fn deployed(&self) -> BoxFuture<'_, StoreResult<Vec<Deployed>>>;

    /// The same without their texts: names, versions, and which of them are active.
    fn in_force(&self) -> BoxFuture<'_, StoreResult<Vec<(WorkflowName, WorkflowVersion, bool)>>> {
        Box::pin(async move {
            Ok(self.deployed().await?.into_iter().map(|one| (one.name, one.version, one.active)).collect())
        })
    }

    /// What stays as it is of every connection that is there, by name.
    fn fixed_connections(&self) -> BoxFuture<'_, StoreResult<Vec<FixedFacts>>>;

    /// A text that was deployed under this name.
    fn document<'a>(&'a self, name: &'a str) -> BoxFuture<'a, StoreResult<Option<String>>>;

    /// Makes these changes, all or none, and publishes the versions they name.
    fn deploy(&self, changes: Vec<Deploy>, now: Timestamp) -> BoxFuture<'_, StoreResult<()>>;

    /// Switches a workflow on or off. `false` where there is none of this name.
    fn set_active<'a>(
        &'a self,
        name: &'a WorkflowName,
        active: bool,
        now: Timestamp,
    ) -> BoxFuture<'a, StoreResult<bool>>;

    /// A number that is another one after every change to the workflows in force; cheap enough to ask every second.
    fn generation(&self) -> BoxFuture<'_, StoreResult<u64>>;

    /// The last tick of a workflow's schedule that is dealt with, and when the workflow was last switched on, whichever
    /// is later. `None` where there is no such workflow, or where it is inactive.
    fn schedule_position<'a>(&'a self, name: &'a WorkflowName) -> BoxFuture<'a, StoreResult<Option<Timestamp>>>;

    /// Notes that every tick up to this time is dealt with. Never moves backwards.
    fn move_schedule<'a>(&'a self, name: &'a WorkflowName, to: Timestamp) -> BoxFuture<'a, StoreResult<()>>;
}

/// What is known of the connections' tokens. The tokens themselves are elsewhere.
pub trait TokenStates: Send + Sync {
    /// One connection's.
    fn token_state<'a>(&'a self, connection: &'a ConnectionName) -> BoxFuture<'a, StoreResult<Option<TokenState>>>;

    /// All of them, by name.
    fn token_states(&self) -> BoxFuture<'_, StoreResult<Vec<TokenState>>>;

    /// The connections whose tokens were due at this time, the longest due first, at most so many. By index: it costs
    /// nothing for those that are not due.
    fn due_tokens(&self, now: Timestamp, most: usize) -> BoxFuture<'_, StoreResult<Vec<ConnectionName>>>;

    /// Those whose standing nobody has been told of, at most so many. By index.
    fn unannounced_tokens(&self, most: usize) -> BoxFuture<'_, StoreResult<Vec<TokenState>>>;

    /// Makes `owner` the only one that may renew these tokens until then. Whoever had the lease keeps it while it lasts.
    fn lease_tokens<'a>(
        &'a self,
        connection: &'a ConnectionName,
        owner: &'a str,
        now: Timestamp,
        until: Timestamp,
    ) -> BoxFuture<'a, StoreResult<Leased>>;

    /// Gives a lease back.
    fn release_tokens<'a>(&'a self, connection: &'a ConnectionName, owner: &'a str) -> BoxFuture<'a, StoreResult<()>>;

    /// Writes a record if the stored one still has the revision `expected`; `None` means that there must be none yet. The
    /// record is stored with the revision after that; a lease on it goes on. `false` where somebody was faster.
    fn put_tokens(&self, state: TokenState, expected: Option<u64>) -> BoxFuture<'_, StoreResult<bool>>;

    /// Forgets a connection's record.
    fn forget_tokens<'a>(&'a self, connection: &'a ConnectionName) -> BoxFuture<'a, StoreResult<()>>;
}

/// A sealed secret as it is kept: bytes that mean nothing without their key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SealedSecret {
    /// Its name: `secret/NAME` for what people set, `token/CONNECTION` for tokens.
    pub name: String,
    /// Its version; never changed once it is stored.
    pub version: u64,
    /// Which key it is sealed with.
    pub key: String,
    /// The bytes.
    pub sealed: Vec<u8>,
    /// When it was stored.
    pub stored_at: Timestamp,
}

/// Keeps sealed secrets. Versions are immutable; only the key they are sealed with can be changed.
pub trait SecretStore: Send + Sync {
    /// Stores a version. `false` where that version is there already, and differs.
    fn put_secret(&self, secret: SealedSecret) -> BoxFuture<'_, StoreResult<bool>>;

    /// A version, or the latest one.
    fn secret<'a>(&'a self, name: &'a str, version: Option<u64>) -> BoxFuture<'a, StoreResult<Option<SealedSecret>>>;

    /// All versions of all secrets whose name begins so, by name and version.
    fn secrets<'a>(&'a self, prefix: &'a str) -> BoxFuture<'a, StoreResult<Vec<SealedSecret>>>;

    /// Marks every version of a secret before this one to be erased at that time, unless it is marked already.
    fn retire_secrets<'a>(&'a self, name: &'a str, before: u64, erase_at: Timestamp) -> BoxFuture<'a, StoreResult<()>>;

    /// Erases what is to be erased by now. Answers how many versions are gone.
    fn erase_secrets(&self, now: Timestamp) -> BoxFuture<'_, StoreResult<usize>>;

    /// Erases a secret with all its versions. Answers how many there were.
    fn forget_secret<'a>(&'a self, name: &'a str) -> BoxFuture<'a, StoreResult<usize>>;

    /// Stores a version sealed with another key, if it is still sealed with `old_key`.
    fn rewrap_secret<'a>(&'a self, secret: SealedSecret, old_key: &'a str) -> BoxFuture<'a, StoreResult<bool>>;
}

/// A store with all that a process needs of one.
pub trait Store: Inbox + Work + History + Registry + TokenStates + SecretStore + Inspection {}

impl<S: Inbox + Work + History + Registry + TokenStates + SecretStore + Inspection> Store for S {}
