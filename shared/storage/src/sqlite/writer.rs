//! One writer for all: what is waiting goes into one transaction, and everyone who waited is told after its commit.
//!
//! The longer a sync takes, the more jobs gather meanwhile and the more acknowledgements the next sync carries; nobody
//! waits on purpose. A job that fails inside a shared transaction rolls it back, and then each job gets one of its own,
//! so a bad job harms nobody else.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, PoisonError, mpsc};
use std::time::Instant;

use deskwire_core::ports::{StoreError, StoreResult};
use rusqlite::Connection;
use tokio::sync::oneshot;

use super::checkpoint::Checkpointer;
use super::health::{Health, TRY_AGAIN, try_to_write};
use super::{gone, unavailable};

/// The most jobs in one transaction. It bounds how long the first of them waits.
const MOST_JOBS: usize = 256;

pub(super) struct Writer {
    place: Place,
    health: Arc<Health>,
}

enum Place {
    /// The jobs of all threads, run by one.
    Thread(mpsc::Sender<Box<dyn Job>>),
    /// Each job at once, in the thread that brings it.
    Here(Mutex<Connection>),
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
    pub(super) fn on_a_thread(connection: Connection, mut checkpointer: Checkpointer) -> std::io::Result<Self> {
        let (sender, receiver) = mpsc::channel();
        let health = Arc::new(Health::default());
        let own = Arc::clone(&health);
        std::thread::Builder::new().name("store-writer".to_owned()).spawn(move || {
            // Started again where it panics: without it nothing more is ever stored.
            while catch_unwind(AssertUnwindSafe(|| serve(&connection, &receiver, &mut checkpointer, &own))).is_err() {
                tracing::error!("the store's writer panicked; it is started again");
            }
            own.ended();
        })?;
        Ok(Self { place: Place::Thread(sender), health })
    }

    pub(super) fn in_place(connection: Connection) -> Self {
        Self { place: Place::Here(Mutex::new(connection)), health: Arc::default() }
    }

    /// Why nothing can be written, as far as is known.
    pub(super) fn check(&self) -> StoreResult<()> {
        self.health.check(Instant::now())
    }

    pub(super) async fn submit<T, F>(&self, work: F) -> StoreResult<T>
    where
        T: Send + 'static,
        F: FnMut(&Connection) -> StoreResult<T> + Send + 'static,
    {
        let (waiting, answer) = oneshot::channel();
        let job: Box<dyn Job> = Box::new(Typed { work, result: None, waiting });
        match &self.place {
            Place::Thread(sender) => sender.send(job).map_err(|_| gone())?,
            Place::Here(connection) => {
                let connection = connection.lock().unwrap_or_else(PoisonError::into_inner);
                commit_together(&connection, &mut vec![job], &self.health);
            }
        }
        answer.await.unwrap_or_else(|_| Err(gone()))
    }
}

fn serve(
    connection: &Connection,
    jobs: &mpsc::Receiver<Box<dyn Job>>,
    checkpointer: &mut Checkpointer,
    health: &Health,
) {
    let mut batch = Vec::with_capacity(MOST_JOBS);
    while let Some(first) = next(jobs, connection, health) {
        batch.push(first);
        while batch.len() < MOST_JOBS {
            let Ok(next) = jobs.try_recv() else { break };
            batch.push(next);
        }
        let count = batch.len();
        commit_together(connection, &mut batch, health);
        checkpointer.committed(count);
    }
}

/// The next job, or nothing when nobody can bring one any more. While the last write failed, it tries one of its own.
fn next(jobs: &mpsc::Receiver<Box<dyn Job>>, connection: &Connection, health: &Health) -> Option<Box<dyn Job>> {
    while health.has_failed() {
        match jobs.recv_timeout(TRY_AGAIN) {
            Ok(job) => return Some(job),
            Err(mpsc::RecvTimeoutError::Disconnected) => return None,
            Err(mpsc::RecvTimeoutError::Timeout) => {
                // What it comes to is noted.
                let _ = in_transaction(connection, health, || try_to_write(connection));
            }
        }
    }
    jobs.recv().ok()
}

/// Runs the jobs in one transaction, or, if one of them fails, each in its own; then tells everybody.
fn commit_together(connection: &Connection, batch: &mut Vec<Box<dyn Job>>, health: &Health) {
    match in_transaction(connection, health, || batch.iter_mut().try_for_each(|job| job.run(connection))) {
        Ok(()) => batch.drain(..).for_each(|job| job.tell(Ok(()))),
        Err(error) if batch.len() == 1 => batch.drain(..).for_each(|job| job.tell(Err(&error))),
        Err(_) => {
            for mut job in batch.drain(..) {
                let outcome = in_transaction(connection, health, || job.run(connection));
                job.tell(outcome.as_ref().copied());
            }
        }
    }
}

fn in_transaction(connection: &Connection, health: &Health, work: impl FnOnce() -> StoreResult<()>) -> StoreResult<()> {
    let changes = connection.total_changes();
    health.begins(Instant::now());
    let outcome = transaction(connection, work);
    health.over(&outcome, connection.total_changes() != changes);
    outcome
}

fn transaction(connection: &Connection, work: impl FnOnce() -> StoreResult<()>) -> StoreResult<()> {
    let execute =
        |sql: &str| connection.prepare_cached(sql).and_then(|mut statement| statement.execute([])).map_err(unavailable);
    // What a panic has left open.
    if !connection.is_autocommit() {
        execute("ROLLBACK")?;
    }
    execute("BEGIN IMMEDIATE")?;
    let outcome = work().and_then(|()| execute("COMMIT").map(|_| ()));
    // SQLite rolls back by itself on some errors, a full disk among them; then there is nothing left to roll back.
    if outcome.is_err() && !connection.is_autocommit() {
        execute("ROLLBACK")?;
    }
    outcome
}
