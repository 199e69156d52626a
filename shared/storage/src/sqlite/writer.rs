//! One writer for all: what is waiting goes into one transaction, and everyone who waited is told after its commit.
//!
//! The longer a sync takes, the more jobs gather meanwhile and the more acknowledgements the next sync carries; nobody
//! waits on purpose. A job that fails inside a shared transaction rolls it back, and then each job gets one of its own,
//! so a bad job harms nobody else. Where another process has the file, the whole batch waits for it, once and not longer
//! than [`Patience`] says; then all of it is told that the store is busy. Only so many jobs may wait at all.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, PoisonError, mpsc};
use std::time::{Duration, Instant};

use deskwire_core::ports::{StoreError, StoreResult};
use rusqlite::Connection;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot};

use super::checkpoint::Checkpointer;
use super::health::{Health, try_to_write};
use super::{gone, unavailable};

/// The most jobs in one transaction. It bounds how long the first of them waits.
const MOST_JOBS: usize = 256;

/// The most jobs that wait for their transaction. Each holds at most one event or one step's results.
pub(super) const MOST_WAITING: usize = 1_024;

pub(super) struct Writer {
    place: Place,
    slots: Arc<Semaphore>,
    health: Arc<Health>,
}

enum Place {
    /// The jobs of all threads, run by one.
    Thread(mpsc::Sender<Waiting>),
    /// Each job at once, in the thread that brings it.
    Here(Mutex<Connection>),
}

/// A job with its place among those that may wait, which it gives back when it is done.
struct Waiting {
    job: Box<dyn Job>,
    /// How much it writes, in jobs of the usual size.
    weight: usize,
    /// Is it something new from outside, which takes room on the disk?
    takes_room: bool,
    slot: OwnedSemaphorePermit,
}

impl Waiting {
    /// Makes room for another one, and tells the one who waits.
    fn tell(self, committed: Result<(), &StoreError>) {
        drop(self.slot);
        self.job.tell(committed);
    }
}

/// How long a batch waits for another process that has the file.
pub(super) trait Patience: Send {
    /// A batch begins.
    fn begin(&mut self);
    /// The file is taken: waits a moment and says whether to try again.
    fn wait(&mut self) -> bool;
}

/// Up to so long for a batch, in steps that grow.
pub(super) struct Until {
    at_most: Duration,
    began: Instant,
    step: Duration,
}

impl Until {
    pub(super) fn at_most(at_most: Duration) -> Self {
        Self { at_most, began: Instant::now(), step: FIRST_STEP }
    }
}

const FIRST_STEP: Duration = Duration::from_millis(1);
const LONGEST_STEP: Duration = Duration::from_millis(50);

impl Patience for Until {
    fn begin(&mut self) {
        (self.began, self.step) = (Instant::now(), FIRST_STEP);
    }

    fn wait(&mut self) -> bool {
        if self.began.elapsed() >= self.at_most {
            return false;
        }
        std::thread::sleep(self.step);
        self.step = (self.step * 2).min(LONGEST_STEP);
        true
    }
}

/// Something to do in a transaction, and somebody to tell.
trait Job: Send {
    /// Does the work. `Err` rolls the transaction back; a refusal that changed nothing is kept for `tell` instead.
    fn run(&mut self, connection: &Connection) -> StoreResult<()>;
    /// Tells the one who waits, after commit or rollback.
    fn tell(self: Box<Self>, committed: Result<(), &StoreError>);
}

struct Typed<T, F> {
    work: F,
    result: Option<StoreResult<T>>,
    waiting: oneshot::Sender<StoreResult<T>>,
}

impl<T, F> Job for Typed<T, F>
where
    T: Send,
    F: FnMut(&Connection) -> StoreResult<T> + Send,
{
    fn run(&mut self, connection: &Connection) -> StoreResult<()> {
        // A fault of ours harms this job alone: its transaction is rolled back, and the thread goes on.
        let result = catch_unwind(AssertUnwindSafe(|| (self.work)(connection))).unwrap_or_else(|_| {
            tracing::error!("a write panicked; it was rolled back");
            Err(StoreError::Corrupt("a write panicked; it was rolled back".to_owned()))
        });
        // A fenced writer changed nothing: its answer stands, and the others' transaction goes on.
        let outcome = match &result {
            Ok(_) | Err(StoreError::Fenced) => Ok(()),
            Err(error) => Err(copy(error)),
        };
        self.result = Some(result);
        outcome
    }

    fn tell(self: Box<Self>, committed: Result<(), &StoreError>) {
        let answer = match (self.result, committed) {
            (Some(Err(own)), _) => Err(own),
            (_, Err(shared)) => Err(copy(shared)),
            (Some(Ok(value)), Ok(())) => Ok(value),
            (None, Ok(())) => Err(gone()),
        };
        // Nobody waits any more when a client hung up. The work is done all the same.
        let _ = self.waiting.send(answer);
    }
}

fn copy(error: &StoreError) -> StoreError {
    match error {
        StoreError::Unavailable { reason } => StoreError::Unavailable { reason: reason.clone() },
        StoreError::Corrupt(reason) => StoreError::Corrupt(reason.clone()),
        StoreError::Fenced => StoreError::Fenced,
    }
}

impl Writer {
    pub(super) fn on_a_thread(
        connection: Connection,
        mut checkpointer: Checkpointer,
        mut patience: Box<dyn Patience>,
    ) -> std::io::Result<Self> {
        let (sender, receiver) = mpsc::channel();
        let health = Arc::new(Health::default());
        let own = Arc::clone(&health);
        std::thread::Builder::new().name("store-writer".to_owned()).spawn(move || {
            let mut serving = || serve(&connection, &receiver, &mut checkpointer, patience.as_mut(), &own);
            // Started again where it panics: without it nothing more is ever stored.
            while catch_unwind(AssertUnwindSafe(&mut serving)).is_err() {
                tracing::error!("the store's writer panicked; it is started again");
            }
            own.ended();
        })?;
        Ok(Self::new(Place::Thread(sender), health))
    }

    pub(super) fn in_place(connection: Connection) -> Self {
        Self::new(Place::Here(Mutex::new(connection)), Arc::default())
    }

    fn new(place: Place, health: Arc<Health>) -> Self {
        Self { place, slots: Arc::new(Semaphore::new(MOST_WAITING)), health }
    }

    /// Why nothing can be written, as far as is known.
    pub(super) fn check(&self) -> StoreResult<()> {
        self.health.check(Instant::now())
    }

    /// For how many more jobs there is room.
    #[cfg(test)]
    pub(super) fn free(&self) -> usize {
        self.slots.available_permits()
    }

    /// Does this work as soon as there is room for it: for what is under way already, such as a run's results.
    pub(super) async fn submit<T, F>(&self, weight: usize, work: F) -> StoreResult<T>
    where
        T: Send + 'static,
        F: FnMut(&Connection) -> StoreResult<T> + Send + 'static,
    {
        // It is never closed.
        let slot = Arc::clone(&self.slots).acquire_owned().await.map_err(|_| gone())?;
        self.hand_in(slot, weight, false, work).await
    }

    /// Does this work unless too much waits already: for what comes from outside, and can come again.
    pub(super) async fn submit_if_room<T, F>(&self, work: F) -> StoreResult<T>
    where
        T: Send + 'static,
        F: FnMut(&Connection) -> StoreResult<T> + Send + 'static,
    {
        let Ok(slot) = Arc::clone(&self.slots).try_acquire_owned() else {
            return Err(StoreError::Unavailable {
                reason: format!("{MOST_WAITING} writes wait for the disk already; this one was not begun"),
            });
        };
        self.hand_in(slot, 1, true, work).await
    }

    async fn hand_in<T, F>(
        &self,
        slot: OwnedSemaphorePermit,
        weight: usize,
        takes_room: bool,
        work: F,
    ) -> StoreResult<T>
    where
        T: Send + 'static,
        F: FnMut(&Connection) -> StoreResult<T> + Send + 'static,
    {
        let (waiting, answer) = oneshot::channel();
        let job: Box<dyn Job> = Box::new(Typed { work, result: None, waiting });
        match &self.place {
            Place::Thread(sender) => sender.send(Waiting { job, weight, takes_room, slot }).map_err(|_| gone())?,
            Place::Here(connection) => {
                let connection = connection.lock().unwrap_or_else(PoisonError::into_inner);
                let mut batch = vec![Waiting { job, weight, takes_room, slot }];
                commit_together(&connection, &mut batch, &mut Until::at_most(Duration::ZERO), &self.health);
            }
        }
        answer.await.unwrap_or_else(|_| Err(gone()))
    }
}

fn serve(
    connection: &Connection,
    jobs: &mpsc::Receiver<Waiting>,
    checkpointer: &mut Checkpointer,
    patience: &mut dyn Patience,
    health: &Health,
) {
    let mut batch = Vec::with_capacity(MOST_JOBS);
    while let Some(first) = next(jobs, connection, health) {
        batch.push(first);
        while batch.len() < MOST_JOBS {
            let Ok(next) = jobs.try_recv() else { break };
            batch.push(next);
        }
        let written = batch.iter().map(|waiting| waiting.weight).sum();
        commit_together(connection, &mut batch, patience, health);
        checkpointer.committed(written);
    }
}

/// The next job, or nothing when nobody can bring one any more. After a write that failed, one of the writer's own is tried from
/// time to time, whatever else comes.
fn next(jobs: &mpsc::Receiver<Waiting>, connection: &Connection, health: &Health) -> Option<Waiting> {
    while let Some(wait) = health.wait_to_try(Instant::now()) {
        if wait.is_zero() {
            // What it comes to is noted.
            let mut once = Until::at_most(Duration::ZERO);
            let _ = patiently(connection, &mut once, health, true, &mut || try_to_write(connection));
            continue;
        }
        match jobs.recv_timeout(wait) {
            Ok(waiting) => return Some(waiting),
            Err(mpsc::RecvTimeoutError::Disconnected) => return None,
            Err(mpsc::RecvTimeoutError::Timeout) => {}
        }
    }
    jobs.recv().ok()
}

/// Runs the jobs in one transaction, or, if one of them fails, each in its own; then tells everybody. A file that another
/// process has is waited for once for all of them.
fn commit_together(connection: &Connection, batch: &mut Vec<Waiting>, patience: &mut dyn Patience, health: &Health) {
    patience.begin();
    let takes_room = batch.iter().any(|waiting| waiting.takes_room);
    let all = patiently(connection, patience, health, takes_room, &mut || {
        batch.iter_mut().try_for_each(|waiting| waiting.job.run(connection))
    });
    match all {
        Ok(()) => batch.drain(..).for_each(|waiting| waiting.tell(Ok(()))),
        Err(Failed::AJob(_)) if batch.len() > 1 => {
            let mut busy = None;
            for mut waiting in batch.drain(..) {
                let outcome = match &busy {
                    Some(error) => Err(copy(error)),
                    None => match patiently(connection, patience, health, waiting.takes_room, &mut || {
                        waiting.job.run(connection)
                    }) {
                        Ok(()) => Ok(()),
                        Err(Failed::AJob(error)) => Err(error),
                        // There is no patience left for the others either.
                        Err(Failed::All(error)) => Err(copy(busy.insert(error))),
                    },
                };
                waiting.tell(outcome.as_ref().copied());
            }
        }
        Err(Failed::AJob(error) | Failed::All(error)) => {
            batch.drain(..).for_each(|waiting| waiting.tell(Err(&error)));
        }
    }
}

/// Why a transaction was not committed.
enum Failed {
    /// One of its jobs failed, or was too much; others may go through without it.
    AJob(StoreError),
    /// Nothing can be written now.
    All(StoreError),
}

/// Does this in a transaction, again while another process has the file, and notes how that went.
fn patiently(
    connection: &Connection,
    patience: &mut dyn Patience,
    health: &Health,
    takes_room: bool,
    work: &mut dyn FnMut() -> StoreResult<()>,
) -> Result<(), Failed> {
    let changes = connection.total_changes();
    health.begins(Instant::now());
    let outcome = loop {
        match in_transaction(connection, work) {
            Ok(()) => break Ok(()),
            Err(Stopped::Job(error)) => break Err(Failed::AJob(error)),
            Err(Stopped::Begin(error)) => break Err(Failed::All(error)),
            Err(Stopped::Busy) if patience.wait() => {}
            Err(Stopped::Busy) => {
                let reason = "another process has had the store's file for too long; nothing was written".to_owned();
                break Err(Failed::All(StoreError::Unavailable { reason }));
            }
        }
    };
    let noted = match &outcome {
        Ok(()) => Ok(()),
        Err(Failed::AJob(error) | Failed::All(error)) => Err(error),
    };
    health.over(noted, takes_room && connection.total_changes() != changes, Instant::now());
    outcome
}

/// Where a transaction broke off.
enum Stopped {
    /// Another process writes.
    Busy,
    /// It could not begin.
    Begin(StoreError),
    /// In a job, or when it was to be committed.
    Job(StoreError),
}

fn in_transaction(connection: &Connection, work: &mut dyn FnMut() -> StoreResult<()>) -> Result<(), Stopped> {
    let execute = |sql: &str| connection.prepare_cached(sql).and_then(|mut statement| statement.execute([]));
    let busy = |error: &rusqlite::Error| {
        use rusqlite::ErrorCode::{DatabaseBusy, DatabaseLocked};
        matches!(error.sqlite_error_code(), Some(DatabaseBusy | DatabaseLocked))
    };
    let stopped = |error: rusqlite::Error, other: fn(StoreError) -> Stopped| {
        if busy(&error) { Stopped::Busy } else { other(unavailable(error)) }
    };
    // What a panic has left open.
    if !connection.is_autocommit() {
        execute("ROLLBACK").map_err(|error| Stopped::Begin(unavailable(error)))?;
    }
    execute("BEGIN IMMEDIATE").map_err(|error| stopped(error, Stopped::Begin))?;
    let outcome = match work() {
        Ok(()) => execute("COMMIT").map(|_| ()).map_err(|error| stopped(error, Stopped::Job)),
        Err(error) => Err(Stopped::Job(error)),
    };
    // SQLite rolls back by itself on some errors, a full disk among them; then there is nothing left to roll back.
    if outcome.is_err() && !connection.is_autocommit() {
        execute("ROLLBACK").map_err(|error| Stopped::Begin(unavailable(error)))?;
    }
    outcome
}
