//! One delivery of one run: from claim to settlement.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use deskwire_core::action::Hold;
use deskwire_core::event::Event;
use deskwire_core::ids::RequestId;
use deskwire_core::ports::{Claim, ClaimBatch, Settlement, StoreResult, Wanted, Work};
use deskwire_core::random::Random;
use deskwire_core::run::{Entry, Run, RunState};
use deskwire_core::time::{Clock, Timestamp, show_duration};
use deskwire_templates::Scope;
use deskwire_workflows::{Trigger, Wants, Workflow, why_not};
use futures_util::FutureExt;
use serde_json::Value;
use tracing::{Instrument, info_span};

use crate::delivery::{Delivery, End, Place};
use crate::echo::{self, Echo};
use crate::flow::Flow;
use crate::personal;
use crate::versions::{VersionError, Versions};

/// What an operator may change about the engine.
#[derive(Debug, Clone, Copy)]
pub struct EngineOptions {
    /// How long a run is leased; extended while it works.
    pub lease: Duration,
    /// How long a waiting or unknown step may keep its lane.
    pub lane_patience: Duration,
    /// After how many deliveries in a row that broke off without a new result a run is not tried again, and ends dead:
    /// what panics or kills its process each time must not do so for ever.
    pub broken_off: u32,
}

impl Default for EngineOptions {
    fn default() -> Self {
        Self { lease: Duration::from_mins(2), lane_patience: Duration::from_mins(15), broken_off: 5 }
    }
}

/// What all runs of one batch are told.
#[derive(Debug, Clone, Default)]
pub struct Shared {
    /// The shared rate budgets that are used up.
    pub holds: Vec<Hold>,
    /// The users as which our connections write.
    pub own_actors: Vec<String>,
    /// When the process has to be done, where it does not live as long as it likes.
    pub time_left: Option<TimeLeft>,
}

/// How long a process that is called, instead of running on, has for its runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TimeLeft {
    /// No call begins that may last beyond this; the run is handed on instead.
    pub until: Timestamp,
    /// No call may take longer than this, whatever its step says: a process that was just called has that much.
    pub at_most: Duration,
}

impl Shared {
    /// What a batch tells about everything but its runs.
    pub fn of(batch: &mut ClaimBatch) -> Self {
        Self {
            holds: std::mem::take(&mut batch.holds),
            own_actors: std::mem::take(&mut batch.own_actors),
            time_left: None,
        }
    }
}

/// Carries runs through their steps.
pub struct Engine {
    pub(crate) work: Arc<dyn Work>,
    pub(crate) versions: Arc<Versions>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) random: Arc<dyn Random>,
    pub(crate) options: EngineOptions,
}

impl Engine {
    /// Puts the parts together.
    pub fn new(
        work: Arc<dyn Work>,
        versions: impl Into<Arc<Versions>>,
        clock: Arc<dyn Clock>,
        random: Arc<dyn Random>,
        options: EngineOptions,
    ) -> Self {
        Self { work, versions: versions.into(), clock, random, options }
    }

    /// The port it works on.
    pub fn work(&self) -> &Arc<dyn Work> {
        &self.work
    }

    /// Asks the condition of a workflow that wants this event otherwise: why it does not want it, if it does not.
    pub async fn declines(&self, wanted: &Wanted, event: &Event) -> StoreResult<Option<String>> {
        let workflow = match self.versions.get(&wanted.workflow, &wanted.version).await {
            Ok(workflow) => workflow,
            Err(VersionError::Store(error)) => return Err(error),
            // The run says so itself.
            Err(_) => return Ok(None),
        };
        let Ok(json) = event.to_json() else { return Ok(None) };
        let mut scope = Scope::new();
        scope.set("event", &json);
        Ok(match workflow.wants(event, true, || &scope) {
            Wants::Declined(reason) => Some(reason),
            Wants::No | Wants::Yes => None,
        })
    }

    /// Takes a claimed run as far as it goes and settles it.
    ///
    /// An error means that the store did not take a write. The run then stays leased and comes back, marked as
    /// interrupted, when its lease ends; nothing is lost. The same where the delivery panics: that is logged here, and hurts
    /// no other run.
    pub async fn execute(&self, claim: Claim, shared: &Shared) -> StoreResult<()> {
        let run = &claim.run;
        let request_id = run.event.request_id.as_ref().map(RequestId::as_str);
        let span = info_span!("run", run = %run.id, workflow = %run.workflow, event = %run.event.id, request_id);
        let delivering = async {
            let id = claim.run.id.clone();
            let delivered = AssertUnwindSafe(self.deliver(claim, shared)).catch_unwind().await;
            delivered.unwrap_or_else(|_| {
                tracing::error!(run = %id, "a delivery panicked; the run comes back when its lease ends");
                Ok(())
            })
        };
        delivering.instrument(span).await
    }

    async fn deliver(&self, claim: Claim, shared: &Shared) -> StoreResult<()> {
        let run = &claim.run;
        if run.broken_off >= self.options.broken_off {
            return self.settle(&claim, Vec::new(), broke_off(run), None).await;
        }
        if run.parked {
            let reason = format!(
                "Nobody decided about the unknown step within {}, so later events of {} go on. {}",
                show_duration(self.options.lane_patience),
                run.event.subject,
                how_to_settle(run)
            );
            return self.settle(&claim, Vec::new(), Settlement::GiveWay { reason }, None).await;
        }
        let workflow = match self.versions.get(&run.workflow, &run.version).await {
            Ok(workflow) => workflow,
            Err(VersionError::Store(error)) => return Err(error),
            Err(error) => return self.settle(&claim, Vec::new(), failed(error.to_string()), None).await,
        };
        let delivery = Delivery::new(self, &claim, &workflow, shared);
        let end = self.advance(&delivery, shared).await?;
        let (entries, hold) = delivery.close();
        let settlement =
            personal::without_personal(end.settlement(), run, &entries, &workflow, &self.versions.actions());
        self.settle(&claim, entries, settlement, hold).await
    }

    async fn settle(
        &self,
        claim: &Claim,
        entries: Vec<Entry>,
        settlement: Settlement,
        hold: Option<Hold>,
    ) -> StoreResult<()> {
        let (outcome, reason, weight) = (settlement.outcome(), settlement.reason().to_owned(), Weight::of(&settlement));
        let ended = matches!(settlement, Settlement::Over { .. } | Settlement::Park { .. });
        self.work.settle(&claim.fence, entries, settlement, hold, self.clock.now()).await?;
        if ended {
            let workflow = claim.run.workflow.to_string();
            metrics::counter!("deskwire_runs_ended_total", "workflow" => workflow, "outcome" => outcome).increment(1);
        }
        match weight {
            Weight::Fine => tracing::debug!(outcome, "{reason}"),
            Weight::Usual => tracing::info!(outcome, "{reason}"),
            Weight::Person => tracing::warn!(outcome, "{reason}"),
            Weight::Lost => tracing::error!(outcome, "{reason}"),
        }
        Ok(())
    }

    async fn advance(&self, delivery: &Delivery<'_>, shared: &Shared) -> StoreResult<End> {
        let (run, workflow) = (delivery.run(), delivery.workflow);
        let event = match run.event.to_json() {
            Ok(event) => event,
            Err(error) => return Ok(End::failed(format!("The stored event cannot be read: {error}"))),
        };
        let mut scope = Scope::new();
        scope.set("event", &event);
        if let Trigger::Manual(_) = workflow.trigger {
            scope.set("inputs", event.pointer("/data/inputs").unwrap_or(&Value::Null));
        }
        // A replay runs whatever the trigger and the lane say: a person asked for it.
        if run.journal.is_empty()
            && run.replay == 0
            && let Some(end) = self.turned_away(delivery, &scope, shared)
        {
            return Ok(end);
        }
        Ok(match delivery.steps(&workflow.steps, &Place::TOP, &mut scope).await? {
            Flow::On => delivery.finished(),
            Flow::End(end) => end,
            // Only a loop that goes on after errors asks for this, and it handles it.
            Flow::ItemFailed(error) => End::failed(error),
        })
    }

    /// Why a run ends, or waits, before its first step.
    fn turned_away(&self, delivery: &Delivery<'_>, scope: &Scope, shared: &Shared) -> Option<End> {
        let (run, workflow) = (delivery.run(), delivery.workflow);
        match echo::recognise(run, &shared.own_actors, self.clock.now()) {
            Echo::Foreign => {}
            Echo::Later(at) => {
                let reason = "The event may report a change of our own, whose answer is not in yet".to_owned();
                return Some(End::Again { at, reason });
            }
            Echo::Ours { by, hops } if hops > workflow.max_hops => {
                let whose = by.as_ref().map_or_else(|| "a run of ours".to_owned(), |by| format!("our run {by}"));
                return Some(End::skipped(format!(
                    "The event reports a change that {whose} made (hop {hops}; the workflow's `max_hops` is {}), so it \
                     is left alone: no loops",
                    workflow.max_hops
                )));
            }
            Echo::Ours { by, hops } => delivery.note(Entry::Caused { at: self.clock.now(), by, hops }),
        }
        if let (true, Some(changed), Some(newest)) = (workflow.skip_stale, run.changed_at, run.newest_before)
            && changed < newest
        {
            return Some(End::skipped(format!(
                "The event is stale: it tells of {changed}, and one of {newest} was handled before it"
            )));
        }
        check_trigger(run, workflow, scope)
    }
}

/// Accepting has asked `when` already. Asked again here, a condition that cannot be evaluated fails visibly in a run.
fn check_trigger(run: &Run, workflow: &Workflow, scope: &Scope) -> Option<End> {
    let Trigger::Event(trigger) = &workflow.trigger else { return None };
    let when = trigger.when.as_ref()?;
    match when.holds(scope) {
        Ok(true) => None,
        Ok(false) => Some(End::skipped(format!("The trigger's `when` is false: {}", why_not(when, scope, &run.event)))),
        Err(error) => Some(End::failed(format!("The trigger's `when` cannot be evaluated: {}", error.message))),
    }
}

/// How much a line in the log about the end of a delivery stands out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Weight {
    /// All went well: there are many of them.
    Fine,
    /// It goes on by itself, or was turned away.
    Usual,
    /// It failed, or waits for a person.
    Person,
    /// Every attempt is used up: nothing more happens by itself.
    Lost,
}

impl Weight {
    pub(crate) const fn of(settlement: &Settlement) -> Self {
        match settlement {
            Settlement::Over { state: RunState::Succeeded, .. } => Self::Fine,
            Settlement::Over { state: RunState::Dead, .. } => Self::Lost,
            Settlement::Over { state: RunState::Failed | RunState::Unknown, .. }
            | Settlement::Block { .. }
            | Settlement::Park { .. }
            | Settlement::GiveWay { .. } => Self::Person,
            Settlement::Over { .. } | Settlement::Again { .. } | Settlement::Wait { .. } => Self::Usual,
        }
    }
}

/// What a person can do about an unknown step.
pub(crate) fn how_to_settle(run: &Run) -> String {
    format!("Look whether it happened, then `deskwire runs settle {} --happened` or `--did-not-happen`", run.id)
}

/// The end of a run whose deliveries break off again and again.
fn broke_off(run: &Run) -> Settlement {
    let last = run.journal.iter().rev().find(|entry| matches!(entry, Entry::Resumed { .. })).and_then(Entry::step);
    let at = last.map(|step| format!(" at step `{step}`")).unwrap_or_default();
    let reason = format!(
        "{} deliveries in a row broke off{at}, because the run panicked or its process ended, so it is not tried again. Look at \
         the log for {}, then `deskwire runs replay {}`",
        run.broken_off, run.id, run.id
    );
    Settlement::Over { state: RunState::Dead, reason }
}

fn failed(reason: String) -> Settlement {
    Settlement::Over { state: RunState::Failed, reason }
}
