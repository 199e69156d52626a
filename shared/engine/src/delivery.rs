//! A delivery in progress: what was learnt and is not written yet, shared by all steps that are under way in it.
//!
//! Steps of a loop with parallel items run side by side in one task. They share one ledger behind a lock that is never held
//! across a wait, and write through one gate, so that entries reach the store in the order in which they were noted.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use deskwire_core::action::{Hold, HoldKey};
use deskwire_core::ids::StepPath;
use deskwire_core::ports::{Claim, EventWait, Settlement, StoreResult};
use deskwire_core::run::{Entry, Run, RunState};
use deskwire_core::time::Timestamp;
use deskwire_workflows::Workflow;

use crate::execute::{Engine, Shared, TimeLeft};
use crate::journal::{Journal, StepState};

/// What is left of a lease when its call has been given up, for writing that down.
/// How far a time that was noted may lie in the future without the clock having been set back since.
pub(crate) const CLOCK_SLACK: Duration = Duration::from_secs(30);

pub(crate) const LEASE_MARGIN: Duration = Duration::from_secs(5);

/// Where in the flow a list of steps stands.
#[derive(Debug, Clone)]
pub(crate) struct Place {
    /// The path that the steps' own ids follow; empty at the top.
    pub prefix: String,
    /// Does a loop around them go on when one of their items fails?
    pub caught: bool,
    /// May calls of other items be under way beside theirs?
    pub beside_others: bool,
}

impl Place {
    pub const TOP: Self = Self { prefix: String::new(), caught: false, beside_others: false };

    pub(crate) fn path(&self, id: &str) -> StepPath {
        if self.prefix.is_empty() { StepPath::new(id) } else { StepPath::new(format!("{}/{id}", self.prefix)) }
    }

    pub(crate) fn within(&self, path: &StepPath) -> Self {
        Self { prefix: path.as_str().to_owned(), ..self.clone() }
    }
}

/// How a delivery ends.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum End {
    Over { state: RunState, reason: String },
    Again { at: Timestamp, reason: String },
    Park { lane_until: Timestamp, reason: String },
    Wait { until: Timestamp, event: Option<EventWait>, reason: String },
    Block { until: Timestamp, event: EventWait, reason: String },
}

impl End {
    pub(crate) fn failed(reason: String) -> Self {
        Self::Over { state: RunState::Failed, reason }
    }

    pub(crate) fn skipped(reason: String) -> Self {
        Self::Over { state: RunState::Skipped, reason }
    }

    pub(crate) fn settlement(self) -> Settlement {
        match self {
            Self::Over { state, reason } => Settlement::Over { state, reason },
            Self::Again { at, reason } => Settlement::Again { at, reason },
            Self::Park { lane_until, reason } => Settlement::Park { lane_until, reason },
            Self::Wait { until, event, reason } => Settlement::Wait { until, event, reason },
            Self::Block { until, event, reason } => Settlement::Block { until, event, reason },
        }
    }

    /// Of several ends of steps side by side, the one that the run takes: what is over for good first, then what comes back
    /// by itself, the earliest first, and only then what a person has to decide.
    pub(crate) fn combine(ends: Vec<Self>) -> Option<Self> {
        let rank = |end: &Self| match end {
            Self::Over { state: RunState::Failed | RunState::Dead, .. } => (0, Timestamp::from_millis(0)),
            Self::Over { .. } => (1, Timestamp::from_millis(0)),
            Self::Again { at, .. } => (2, *at),
            Self::Block { until, .. } | Self::Wait { until, .. } => (3, *until),
            Self::Park { lane_until, .. } => (4, *lane_until),
        };
        ends.into_iter().min_by_key(rank)
    }
}

/// One delivery of one run.
pub(crate) struct Delivery<'a> {
    pub engine: &'a Engine,
    pub claim: &'a Claim,
    pub workflow: &'a Workflow,
    /// When the process has to be done, if it has to.
    pub time_left: Option<TimeLeft>,
    ledger: Mutex<Ledger>,
    gate: tokio::sync::Mutex<()>,
}

struct Ledger {
    journal: Journal,
    unwritten: Vec<Entry>,
    leased_until: Timestamp,
    holds: Vec<Hold>,
    learnt_hold: Option<Hold>,
    /// Was the delivery before this one cut off, and is it not known yet where?
    cut_off: bool,
}

impl<'a> Delivery<'a> {
    pub(crate) fn new(engine: &'a Engine, claim: &'a Claim, workflow: &'a Workflow, shared: &Shared) -> Self {
        let ledger = Ledger {
            journal: Journal::read(&claim.run.journal),
            unwritten: Vec::new(),
            leased_until: claim.leased_until,
            holds: shared.holds.clone(),
            learnt_hold: None,
            cut_off: claim.run.interrupted,
        };
        Self {
            engine,
            claim,
            workflow,
            time_left: shared.time_left,
            ledger: Mutex::new(ledger),
            gate: tokio::sync::Mutex::default(),
        }
    }

    pub(crate) fn run(&self) -> &'a Run {
        &self.claim.run
    }

    pub(crate) fn now(&self) -> Timestamp {
        self.engine.clock.now()
    }

    fn ledger(&self) -> MutexGuard<'_, Ledger> {
        self.ledger.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What is known of a step.
    pub(crate) fn state(&self, path: &StepPath) -> StepState {
        self.ledger().journal.step(path)
    }

    /// When the lane stops waiting for the connections that steps of this run wait for.
    pub(crate) fn blocked_until(&self) -> Timestamp {
        let since = self.ledger().journal.blocked_since();
        since.unwrap_or_else(|| self.now()).plus(self.engine.options.lane_patience)
    }

    /// When the last result was written: a step without a result was not called before this, save beside others.
    pub(crate) fn frontier(&self) -> Timestamp {
        self.ledger().journal.frontier_at.unwrap_or(self.run().queued_at)
    }

    /// How many runs of ours stand between an event that this run's writes cause and one from outside.
    pub(crate) fn hops_of_writes(&self) -> u32 {
        self.ledger().journal.hops + 1
    }

    /// Notes what was learnt. It is durable after the next [`Delivery::make_durable`], or with the settlement.
    pub(crate) fn note(&self, entry: Entry) {
        let mut ledger = self.ledger();
        ledger.journal.add(&entry);
        ledger.unwritten.push(entry);
    }

    /// The first step without a result that a run comes back to after it was cut off may have been called; in a loop with
    /// parallel items, so may all whose call was announced.
    pub(crate) fn note_resumption(&self, step: Option<&StepPath>) {
        let mut ledger = self.ledger();
        if std::mem::take(&mut ledger.cut_off) {
            let entry = Entry::Resumed { at: self.engine.clock.now(), step: step.cloned() };
            ledger.journal.add(&entry);
            ledger.unwritten.push(entry);
        }
    }

    /// Writes what was learnt, so that a call may follow that takes at most `limit`, and makes the lease long enough.
    pub(crate) async fn make_durable(&self, limit: Duration) -> StoreResult<()> {
        let _turn = self.gate.lock().await;
        let now = self.now();
        let needed = limit + LEASE_MARGIN;
        let (entries, until) = {
            let mut ledger = self.ledger();
            if ledger.unwritten.is_empty() && ledger.leased_until.since(now) >= needed {
                return Ok(());
            }
            (std::mem::take(&mut ledger.unwritten), now.plus(self.engine.options.lease.max(needed)))
        };
        self.engine.work.record(&self.claim.fence, entries, until).await?;
        self.ledger().leased_until = until;
        Ok(())
    }

    /// How long a call may take that its step gives this long.
    pub(crate) fn limit(&self, limit: Duration) -> Duration {
        self.time_left.map_or(limit, |time_left| limit.min(time_left.at_most))
    }

    /// How long something may be waited for before a call: no longer than the process still has.
    pub(crate) fn patience(&self, wait: Duration) -> Duration {
        let left = |time_left: TimeLeft| time_left.until.since(self.now()).saturating_sub(LEASE_MARGIN);
        self.time_left.map_or(wait, |time_left| wait.min(time_left.at_most).min(left(time_left)))
    }

    /// Where a call that may take this long would not end in time: the run is handed on to a process that has more.
    pub(crate) fn hand_on(&self, limit: Duration) -> Option<End> {
        let now = self.now();
        let until = self.time_left?.until;
        (now.plus(limit + LEASE_MARGIN) > until).then(|| End::Again {
            at: now,
            reason: "Handed on: the function that had it was near the end of its time".to_owned(),
        })
    }

    /// Would a call that takes this long outlive the lease?
    pub(crate) fn lease_is_short(&self, limit: Duration) -> bool {
        self.ledger().leased_until.since(self.now()) < limit + LEASE_MARGIN
    }

    /// The latest end of the budgets among `keys` that are used up, with the budget's name.
    pub(crate) fn held_until(&self, keys: &[HoldKey]) -> Option<(Timestamp, String)> {
        let now = self.now();
        let ledger = self.ledger();
        let held = ledger.holds.iter().filter(|hold| hold.until > now && keys.contains(&hold.key));
        held.max_by_key(|hold| hold.until).map(|hold| (hold.until, hold.key.0.clone()))
    }

    /// Notes that a budget is used up: for the other steps of this delivery at once, for everybody with its settlement.
    pub(crate) fn hold(&self, hold: Hold) {
        let mut ledger = self.ledger();
        ledger.holds.push(hold.clone());
        if ledger.learnt_hold.as_ref().is_none_or(|known| known.until < hold.until) {
            ledger.learnt_hold = Some(hold);
        }
    }

    /// What is left to write, and the budget that was found used up.
    pub(crate) fn close(self) -> (Vec<Entry>, Option<Hold>) {
        let ledger = self.ledger.into_inner().unwrap_or_else(PoisonError::into_inner);
        (ledger.unwritten, ledger.learnt_hold)
    }

    /// The end of a run that went through all its steps.
    pub(crate) fn finished(&self) -> End {
        self.tally(|done, passed_over| match (done, passed_over) {
            (0, 0) => (RunState::Skipped, "There was nothing to do: no case held, or every list was empty".to_owned()),
            (0, _) => (RunState::Skipped, "The condition of every step was false".to_owned()),
            (done, 0) => (RunState::Succeeded, format!("{done} {} done", plural(done))),
            (done, passed) => (RunState::Succeeded, format!("{done} {} done, {passed} passed over", plural(done))),
        })
    }

    /// The end of a run that a `stop` step ends.
    pub(crate) fn stopped(&self, reason: &str) -> End {
        self.tally(|done, _| {
            let state = if done == 0 { RunState::Skipped } else { RunState::Succeeded };
            (state, format!("Stopped: {reason}"))
        })
    }

    fn tally(&self, end: impl Fn(usize, usize) -> (RunState, String)) -> End {
        let ledger = self.ledger();
        let (state, reason) = end(ledger.journal.done, ledger.journal.passed_over);
        End::Over { state, reason }
    }
}

fn plural(count: usize) -> &'static str {
    if count == 1 { "step" } else { "steps" }
}
