//! A run that no store keeps: what the engine writes about it stays here until the trial is over.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use deskwire_core::BoxFuture;
use deskwire_core::action::Hold;
use deskwire_core::ids::{RunId, WorkflowName, WorkflowVersion};
use deskwire_core::ports::{Claim, ClaimBatch, Fence, Offer, Settlement, StoreResult, Work};
use deskwire_core::run::{Entry, Run};
use deskwire_core::time::Timestamp;

/// One run, and how its last delivery ended.
pub(crate) struct Scratch(Mutex<State>);

struct State {
    run: Run,
    settled: Option<Settlement>,
}

impl Scratch {
    pub(crate) fn new(run: Run) -> Self {
        Self(Mutex::new(State { run, settled: None }))
    }

    /// The run as it is handed out next.
    pub(crate) fn hand_out(&self, now: Timestamp, lease: Duration) -> Claim {
        let mut state = self.state();
        state.run.deliveries += 1;
        let fence = Fence { run: state.run.id.clone(), delivery: state.run.deliveries };
        Claim { run: state.run.clone(), fence, leased_until: now.plus(lease) }
    }

    /// How the delivery ended.
    pub(crate) fn settlement(&self) -> Option<Settlement> {
        self.state().settled.take()
    }

    /// Looks at the run, or changes it between two deliveries.
    pub(crate) fn with<T>(&self, act: impl FnOnce(&mut Run) -> T) -> T {
        act(&mut self.state().run)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The engine is handed its claims directly, so only what it writes is of use here.
impl Work for Scratch {
    fn claim<'a>(&'a self, _: &'a str, _: usize, _: Duration, _: Timestamp) -> BoxFuture<'a, StoreResult<ClaimBatch>> {
        Box::pin(async { Ok(ClaimBatch::default()) })
    }

    fn claim_one<'a>(
        &'a self,
        _: &'a RunId,
        _: &'a str,
        _: Duration,
        _: Timestamp,
    ) -> BoxFuture<'a, StoreResult<Offer>> {
        Box::pin(async { Ok(Offer::Nothing) })
    }

    fn record<'a>(&'a self, _: &'a Fence, entries: Vec<Entry>, _: Timestamp) -> BoxFuture<'a, StoreResult<()>> {
        self.with(|run| run.journal.extend(entries));
        Box::pin(async { Ok(()) })
    }

    fn settle<'a>(
        &'a self,
        _: &'a Fence,
        entries: Vec<Entry>,
        settlement: Settlement,
        _: Option<Hold>,
        _: Timestamp,
    ) -> BoxFuture<'a, StoreResult<()>> {
        let mut state = self.state();
        state.run.journal.extend(entries);
        state.settled = Some(settlement);
        Box::pin(async { Ok(()) })
    }

    fn take_back<'a>(&'a self, _: &'a str, _: Timestamp) -> BoxFuture<'a, StoreResult<usize>> {
        Box::pin(async { Ok(0) })
    }

    fn arrived(&self) -> BoxFuture<'_, ()> {
        Box::pin(async {})
    }

    fn publish(&self, _: Vec<(WorkflowName, WorkflowVersion, String)>, _: Timestamp) -> BoxFuture<'_, StoreResult<()>> {
        Box::pin(async { Ok(()) })
    }

    fn workflow_text<'a>(
        &'a self,
        _: &'a WorkflowName,
        _: &'a WorkflowVersion,
    ) -> BoxFuture<'a, StoreResult<Option<String>>> {
        Box::pin(async { Ok(None) })
    }
}
