//! A store that refuses writes when it is told to: before it wrote, or after, as when an answer is lost.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use deskwire_core::BoxFuture;
use deskwire_core::action::Hold;
use deskwire_core::ids::{RunId, WorkflowName, WorkflowVersion};
use deskwire_core::ports::{ClaimBatch, Fence, Offer, Settlement, StoreError, StoreResult, Work};
use deskwire_core::run::Entry;
use deskwire_core::time::Timestamp;

use super::place::Placed;

/// What becomes of one write.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Fate {
    Written,
    Refused,
    /// It is written, and nobody learns that.
    Lost,
}

pub(super) struct Brittle {
    store: Arc<Placed>,
    /// What becomes of the next writes; `Written` where there is nothing.
    pub(super) fates: Mutex<VecDeque<Fate>>,
    /// How many writes were asked for.
    pub(super) writes: Mutex<usize>,
}

impl Brittle {
    pub(super) fn new(store: Arc<Placed>) -> Self {
        Self { store, fates: Mutex::default(), writes: Mutex::default() }
    }

    fn fate(&self) -> Fate {
        *self.writes.lock().unwrap() += 1;
        self.fates.lock().unwrap().pop_front().unwrap_or(Fate::Written)
    }
}

async fn suffer(fate: Fate, write: BoxFuture<'_, StoreResult<()>>) -> StoreResult<()> {
    let away = || StoreError::Unavailable { reason: "the disk is gone".to_owned() };
    match fate {
        Fate::Written => write.await,
        Fate::Refused => Err(away()),
        Fate::Lost => write.await.and(Err(away())),
    }
}

impl Work for Brittle {
    fn claim<'a>(
        &'a self,
        owner: &'a str,
        max: usize,
        lease: Duration,
        now: Timestamp,
    ) -> BoxFuture<'a, StoreResult<ClaimBatch>> {
        self.store.done(move |store| store.claim(owner, max, lease, now))
    }

    fn claim_one<'a>(
        &'a self,
        run: &'a RunId,
        owner: &'a str,
        lease: Duration,
        now: Timestamp,
    ) -> BoxFuture<'a, StoreResult<Offer>> {
        self.store.done(move |store| store.claim_one(run, owner, lease, now))
    }

    fn record<'a>(&'a self, fence: &'a Fence, entries: Vec<Entry>, until: Timestamp) -> BoxFuture<'a, StoreResult<()>> {
        Box::pin(async move { suffer(self.fate(), self.store.done(|store| store.record(fence, entries, until))).await })
    }

    fn settle<'a>(
        &'a self,
        fence: &'a Fence,
        entries: Vec<Entry>,
        settlement: Settlement,
        hold: Option<Hold>,
        now: Timestamp,
    ) -> BoxFuture<'a, StoreResult<()>> {
        Box::pin(async move {
            suffer(self.fate(), self.store.done(|store| store.settle(fence, entries, settlement, hold, now))).await
        })
    }

    fn take_back<'a>(&'a self, owner: &'a str, now: Timestamp) -> BoxFuture<'a, StoreResult<usize>> {
        self.store.done(move |store| store.take_back(owner, now))
    }

    fn arrived(&self) -> BoxFuture<'_, ()> {
        self.store.store.arrived()
    }

    fn publish(
        &self,
        versions: Vec<(WorkflowName, WorkflowVersion, String)>,
        now: Timestamp,
    ) -> BoxFuture<'_, StoreResult<()>> {
        self.store.done(move |store| store.publish(versions, now))
    }

    fn workflow_text<'a>(
        &'a self,
        name: &'a WorkflowName,
        version: &'a WorkflowVersion,
    ) -> BoxFuture<'a, StoreResult<Option<String>>> {
        self.store.done(move |store| store.workflow_text(name, version))
    }
}
