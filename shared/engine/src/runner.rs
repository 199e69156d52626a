//! A process that works: claims what is due and keeps a bounded number of runs going.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use deskwire_core::ports::{ClaimBatch, StoreError};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::execute::{Engine, Shared};

/// How a process works.
#[derive(Debug, Clone)]
pub struct RunnerOptions {
    /// Names the process in its leases, so that what it held can be taken back once it is known to be gone.
    pub owner: String,
    /// How many runs go on at once.
    pub concurrency: usize,
    /// How often it looks for work that another process brought, which wakes nobody here.
    pub poll: Duration,
    /// How long it waits for runs under way when it is told to stop.
    pub grace: Duration,
}

impl Default for RunnerOptions {
    fn default() -> Self {
        Self {
            owner: "runner".to_owned(),
            concurrency: 64,
            poll: Duration::from_secs(1),
            grace: Duration::from_secs(10),
        }
    }
}

/// Keeps runs going until it is told to stop.
pub struct Runner {
    engine: Arc<Engine>,
    options: RunnerOptions,
    slots: Arc<Semaphore>,
}

impl Runner {
    /// A runner that has not started.
    pub fn new(engine: Arc<Engine>, options: RunnerOptions) -> Self {
        let slots = Arc::new(Semaphore::new(options.concurrency));
        Self { engine, options, slots }
    }

    /// Works until `stop` is ready, then waits for the runs under way, at most the grace time. Runs that are not finished
    /// by then keep their lease and go on elsewhere, or here after a restart.
    pub async fn run(self, stop: impl Future<Output = ()>) {
        tokio::pin!(stop);
        loop {
            let slots = tokio::select! {
                () = &mut stop => break,
                slots = self.free_slots() => slots,
            };
            let free = slots.num_permits();
            let batch = self.claim(free).await;
            let (claimed, next_due) = (batch.claims.len(), batch.next_due);
            self.start(batch, slots);
            if claimed == free {
                continue;
            }
            let now = self.engine.clock.now();
            let nap = next_due.map_or(self.options.poll, |due| due.since(now).min(self.options.poll));
            tokio::select! {
                () = &mut stop => break,
                () = self.engine.work.arrived() => {}
                () = tokio::time::sleep(nap.max(Duration::from_millis(1))) => {}
            }
        }
        // Time running out is fine: see above.
        let _ = tokio::time::timeout(self.options.grace, self.slots.acquire_many(self.all_slots())).await;
    }

    /// Works off what is due now and returns when nothing is left, or when `deadline` has passed. For functions that are
    /// called instead of running on. Answers how many runs were taken up.
    pub async fn work_off(&self, deadline: Duration) -> usize {
        let until = tokio::time::Instant::now() + deadline;
        let mut taken = 0;
        // At least once, however little time there is: a caller without time for that would never get anywhere.
        loop {
            let slots = self.free_slots().await;
            let idle = slots.num_permits() == self.options.concurrency;
            let batch = self.claim(slots.num_permits()).await;
            taken += batch.claims.len();
            if !batch.claims.is_empty() {
                self.start(batch, slots);
            } else if idle {
                break;
            } else {
                drop(slots);
                // Runs that end may free the next of their lane, so look once more when all have ended.
                let _ = tokio::time::timeout_at(until, self.slots.acquire_many(self.all_slots())).await;
            }
            if tokio::time::Instant::now() >= until {
                break;
            }
        }
        // What was started gets what is left, and a moment where nothing is; what is not done then goes on elsewhere.
        let end = until.max(tokio::time::Instant::now() + Duration::from_millis(500));
        let _ = tokio::time::timeout_at(end, self.slots.acquire_many(self.all_slots())).await;
        taken
    }

    /// Waits until at least one run may be started, and takes all free slots.
    async fn free_slots(&self) -> OwnedSemaphorePermit {
        loop {
            // The semaphore is never closed, so the wait always ends with a slot.
            let Ok(mut slots) = Arc::clone(&self.slots).acquire_owned().await else { continue };
            let more = u32::try_from(self.slots.available_permits()).unwrap_or(0);
            if let Ok(more) = Arc::clone(&self.slots).try_acquire_many_owned(more) {
                slots.merge(more);
            }
            return slots;
        }
    }

    fn all_slots(&self) -> u32 {
        u32::try_from(self.options.concurrency).unwrap_or(u32::MAX)
    }

    async fn claim(&self, max: usize) -> ClaimBatch {
        let (engine, options) = (&self.engine, &self.options);
        match engine.work.claim(&options.owner, max, engine.options.lease, engine.clock.now()).await {
            Ok(batch) => batch,
            Err(error) => {
                tracing::error!(%error, "cannot claim runs; trying again");
                tokio::time::sleep(options.poll).await;
                ClaimBatch::default()
            }
        }
    }

    /// Starts each claimed run in a slot of its own; slots that are left over are free again.
    fn start(&self, mut batch: ClaimBatch, mut slots: OwnedSemaphorePermit) {
        let shared = Arc::new(Shared::of(&mut batch));
        for claim in batch.claims {
            let (engine, shared, slot) = (Arc::clone(&self.engine), Arc::clone(&shared), slots.split(1));
            tokio::spawn(async move {
                let _slot = slot;
                let run = claim.run.id.clone();
                match engine.execute(claim, &shared).await {
                    Ok(()) => {}
                    Err(StoreError::Fenced) => tracing::warn!(%run, "the run was handed to another runner meanwhile"),
                    Err(error) => {
                        tracing::error!(%run, %error, "the run could not be written; it comes back by itself");
                    }
                }
            });
        }
    }
}
