//! A store that dies at one write: before it took effect, or after, when nobody learns that it did. The process that wrote
//! is gone with it, so its run comes back when the lease ends.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use deskwire_core::BoxFuture;
use deskwire_core::action::Hold;
use deskwire_core::ids::{RunId, WorkflowName, WorkflowVersion};
use deskwire_core::ports::{ClaimBatch, Fence, Offer, Settlement, Store, StoreError, StoreResult, Work};
use deskwire_core::run::Entry;
use deskwire_core::time::Timestamp;

/// At which write, counted from 0, and when.
#[derive(Debug, Clone, Copy)]
pub struct Crash {
    pub at: usize,
    pub after: bool,
}

pub struct Brittle {
    store: Arc<dyn Store>,
    crash: Option<Crash>,
    writes: Mutex<usize>,
}

impl Brittle {
    pub fn new(store: Arc<dyn Store>, crash: Option<Crash>) -> Self {
        Self { store, crash, writes: Mutex::default() }
    }

    /// How many writes of journals there were.
    pub fn writes(&self) -> usize {
        *self.writes.lock().unwrap()
    }

    async fn suffer(&self, write: BoxFuture<'_, StoreResult<()>>) -> StoreResult<()> {
        let number = {
            let mut writes = self.writes.lock().unwrap();
            *writes += 1;
            *writes - 1
        };
        match self.crash.filter(|crash| crash.at == number) {
            None => return write.await,
            Some(Crash { after: true, .. }) => write.await?,
            Some(_) => {}
        }
        Err(StoreError::Unavailable { reason: "the process was killed".to_owned() })
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
        self.store.claim(owner, max, lease, now)
    }

    fn claim_one<'a>(
        &'a self,
        run: &'a RunId,
        owner: &'a str,
        lease: Duration,
        now: Timestamp,
    ) -> BoxFuture<'a, StoreResult<Offer>> {
        self.store.claim_one(run, owner, lease, now)
    }

    fn record<'a>(&'a self, fence: &'a Fence, entries: Vec<Entry>, until: Timestamp) -> BoxFuture<'a, StoreResult<()>> {
        Box::pin(self.suffer(self.store.record(fence, entries, until)))
    }

    fn settle<'a>(
        &'a self,
        fence: &'a Fence,
        entries: Vec<Entry>,
        settlement: Settlement,
        hold: Option<Hold>,
        now: Timestamp,
    ) -> BoxFuture<'a, StoreResult<()>> {
        Box::pin(self.suffer(self.store.settle(fence, entries, settlement, hold, now)))
    }

    fn take_back<'a>(&'a self, owner: &'a str, now: Timestamp) -> BoxFuture<'a, StoreResult<usize>> {
        self.store.take_back(owner, now)
    }

    fn arrived(&self) -> BoxFuture<'_, ()> {
        self.store.arrived()
    }

    fn publish(
        &self,
        versions: Vec<(WorkflowName, WorkflowVersion, String)>,
        now: Timestamp,
    ) -> BoxFuture<'_, StoreResult<()>> {
        self.store.publish(versions, now)
    }

    fn workflow_text<'a>(
        &'a self,
        name: &'a WorkflowName,
        version: &'a WorkflowVersion,
    ) -> BoxFuture<'a, StoreResult<Option<String>>> {
        self.store.workflow_text(name, version)
    }
}
