//! One delivery of one run: from claim to settlement.

use std::sync::Arc;
use std::time::Duration;

use crate::journal::{Ended, Journal};
use crate::step::Next;
use crate::versions::{VersionError, Versions};
use deskwire_core::action::{Hold, HoldKey};
use deskwire_core::ids::StepPath;
use deskwire_core::ports::{Claim, Settlement, StoreResult, Work};
use deskwire_core::random::Random;
use deskwire_core::run::{Entry, Run, RunState};
use deskwire_core::time::{Clock, Timestamp, show_duration};
use deskwire_templates::Scope;
use deskwire_workflows::{Step, Workflow};
use serde_json::json;

/// What an operator may change about the engine.
#[derive(Debug, Clone, Copy)]
pub struct EngineOptions {
    /// How long a run is leased; extended while it works. Longer than any single call may take.
    pub lease: Duration,
    /// How long a waiting or unknown step may keep its lane.
    pub lane_patience: Duration,
}

impl Default for EngineOptions {
    fn default() -> Self {
        Self { lease: Duration::from_mins(2), lane_patience: Duration::from_mins(15) }
    }
}

/// Carries runs through their steps.
pub struct Engine {
    pub(crate) work: Arc<dyn Work>,
    pub(crate) versions: Versions,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) random: Arc<dyn Random>,
    pub(crate) options: EngineOptions,
}

/// A delivery in progress: what was learnt and is not written yet, and what templates see.
pub(crate) struct Progress<'a> {
    pub run: &'a Run,
    pub journal: Journal,
    pub unwritten: Vec<Entry>,
    pub scope: Scope,
    pub leased_until: Timestamp,
    /// How many steps are done, in this delivery or an earlier one.
    pub done: usize,
}

impl Progress<'_> {
    pub(crate) fn note(&mut self, entry: Entry) {
        self.journal.add(&entry);
        self.unwritten.push(entry);
    }
}

impl Engine {
    /// Puts the parts together.
    pub fn new(
        work: Arc<dyn Work>,
        versions: Versions,
        clock: Arc<dyn Clock>,
        random: Arc<dyn Random>,
        options: EngineOptions,
    ) -> Self {
        Self { work, versions, clock, random, options }
    }

    /// The port it works on.
    pub fn work(&self) -> &Arc<dyn Work> {
        &self.work
    }

    /// Takes a claimed run as far as it goes and settles it. `holds` are the shared rate budgets that are used up.
    ///
    /// An error means that the store did not take a write. The run then stays leased and comes back, marked as
    /// interrupted, when its lease ends; nothing is lost.
    pub async fn execute(&self, claim: Claim, holds: &[Hold]) -> StoreResult<()> {
        let run = &claim.run;
        if run.parked {
            let reason = format!(
                "Nobody decided about the unknown step within {}, so later events of {} go on. \
                 Look at the step's outcome, then `deskwire runs replay {}`",
                show_duration(self.options.lane_patience),
                run.event.subject,
                run.id
            );
            return self.settle(&claim, Vec::new(), Settlement::GiveWay { reason }, None).await;
        }
        let workflow = match self.versions.get(&run.workflow, &run.version).await {
            Ok(workflow) => workflow,
            Err(VersionError::Store(error)) => return Err(error),
            Err(error) => return self.settle(&claim, Vec::new(), failed(error.to_string()), None).await,
        };
        let mut progress = Progress {
            run,
            journal: Journal::read(&run.journal),
            unwritten: Vec::new(),
            scope: Scope::new(),
            leased_until: claim.leased_until,
            done: 0,
        };
        let (settlement, hold) = self.advance(&claim, &workflow, holds, &mut progress).await?;
        self.settle(&claim, progress.unwritten, settlement, hold).await
    }

    async fn settle(
        &self,
        claim: &Claim,
        entries: Vec<Entry>,
        settlement: Settlement,
        hold: Option<Hold>,
    ) -> StoreResult<()> {
        self.work.settle(&claim.fence, entries, settlement, hold, self.clock.now()).await
    }

    async fn advance(
        &self,
        claim: &Claim,
        workflow: &Workflow,
        holds: &[Hold],
        progress: &mut Progress<'_>,
    ) -> StoreResult<(Settlement, Option<Hold>)> {
        let run = &claim.run;
        let event = match run.event.to_json() {
            Ok(event) => event,
            Err(error) => return Ok((failed(format!("The stored event cannot be read: {error}")), None)),
        };
        progress.scope.set("event", &event);
        if run.journal.is_empty()
            && let Some(settlement) = check_trigger(workflow, run, &progress.scope)
        {
            return Ok((settlement, None));
        }
        if run.interrupted {
            let step = first_open(&workflow.steps, &progress.journal);
            progress.note(Entry::Resumed { at: self.clock.now(), step });
        }
        for step in &workflow.steps {
            match progress.journal.step(&step.path).ended {
                Some(Ended::Done(output)) => {
                    progress.done += 1;
                    progress.scope.set_step(&step.id, &output);
                }
                Some(Ended::FailedOn(error)) => progress.scope.set_step(&step.id, &error),
                // A step that was left out answers with nothing: its fields are undefined, so asking for one in an `if` is false.
                Some(Ended::Skipped) => progress.scope.set_step(&step.id, &json!({})),
                None => match self.step(claim, step, holds, progress).await? {
                    Next::Step => {}
                    Next::Settle(settlement, hold) => return Ok((settlement, hold)),
                },
            }
        }
        Ok((finished(progress.done, workflow.steps.len()), None))
    }

    /// Writes what was learnt, so that a call may follow, and makes the lease long enough for it.
    pub(crate) async fn make_durable(&self, claim: &Claim, progress: &mut Progress<'_>) -> StoreResult<()> {
        if progress.unwritten.is_empty() && !self.lease_is_short(progress) {
            return Ok(());
        }
        let until = self.clock.now().plus(self.options.lease);
        self.work.record(&claim.fence, std::mem::take(&mut progress.unwritten), until).await?;
        progress.leased_until = until;
        Ok(())
    }

    /// A lease that is more than half used is extended before the next call, so it never ends under one.
    pub(crate) fn lease_is_short(&self, progress: &Progress<'_>) -> bool {
        progress.leased_until.since(self.clock.now()) < self.options.lease / 2
    }

    /// The latest end of the budgets among `keys` that are used up, with the budget's name.
    pub(crate) fn held_until(&self, holds: &[Hold], keys: &[HoldKey]) -> Option<(Timestamp, String)> {
        let now = self.clock.now();
        holds
            .iter()
            .filter(|hold| hold.until > now && keys.contains(&hold.key))
            .max_by_key(|hold| hold.until)
            .map(|hold| (hold.until, hold.key.0.clone()))
    }
}

/// Accepting has asked `when` already. Asked again here, a condition that cannot be evaluated fails visibly in a run.
fn check_trigger(workflow: &Workflow, run: &Run, scope: &Scope) -> Option<Settlement> {
    // A replay runs whatever the trigger says: a person asked for it.
    let when = workflow.trigger.when.as_ref().filter(|_| run.replay == 0)?;
    match when.holds(scope) {
        Ok(true) => None,
        Ok(false) => {
            Some(Settlement::Over { state: RunState::Skipped, reason: "The trigger's `when` is false".to_owned() })
        }
        Err(error) => Some(failed(format!("The trigger's `when` cannot be evaluated: {}", error.message))),
    }
}

fn first_open(steps: &[Step], journal: &Journal) -> Option<StepPath> {
    steps.iter().map(|step| &step.path).find(|path| journal.step(path).ended.is_none()).cloned()
}

/// The end of a run that went through all its steps.
fn finished(done: usize, steps: usize) -> Settlement {
    let plural = |count: usize| if count == 1 { "step" } else { "steps" };
    let (state, reason) = match steps - done {
        0 => (RunState::Succeeded, format!("{done} {} done", plural(done))),
        _ if done == 0 => (RunState::Skipped, "The condition of every step was false".to_owned()),
        passed_over => (RunState::Succeeded, format!("{done} {} done, {passed_over} passed over", plural(done))),
    };
    Settlement::Over { state, reason }
}

pub(crate) fn failed(reason: String) -> Settlement {
    Settlement::Over { state: RunState::Failed, reason }
}
