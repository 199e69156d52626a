//! One writer for all: what is waiting goes into one transaction, and everyone who waited is told after its commit.
//!
//! The longer a sync takes, the more jobs gather meanwhile and the more acknowledgements the next sync carries; nobody
//! waits on purpose. A job that fails inside a shared transaction rolls it back, and then each job gets one of its own,
//! so a bad job harms nobody else.

use std::sync::{Mutex, PoisonError, mpsc};

use deskwire_core::ports::{StoreError, StoreResult};
use rusqlite::Connection;
use tokio::sync::oneshot;

use super::checkpoint::Checkpointer;
use super::{gone, unavailable};

/// The most jobs in one transaction. It bounds how long the first of them waits.
const MOST_JOBS: usize = 256;

pub(super) struct Writer(Place);

enum Place {
    /// The jobs of all threads, run by one.
    Thread(mpsc::Sender<Box<dyn Job>>),
    /// Each job at once, in the thread that brings it.
    Here(Mutex<Connection>),
}

/// Something to do in a transaction, and somebody to tell.
trait Job: Send {
    /// Does the work. `Err` rolls the transaction back; a refusal that changed nothing is kept for `tell` instead.
    fn run(&mut self, connection: &Connection) -> Result<(), ()>;
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
    fn run(&mut self, connection: &Connection) -> Result<(), ()> {
        let result = (self.work)(connection);
        // A fenced writer changed nothing: its answer stands, and the others' transaction goes on.
        let keep = matches!(result, Ok(_) | Err(StoreError::Fenced));
        self.result = Some(result);
        if keep { Ok(()) } else { Err(()) }
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
    pub(super) fn on_a_thread(connection: Connection, checkpointer: Checkpointer) -> Self {
        let (sender, receiver) = mpsc::channel();
        let spawned = std::thread::Builder::new()
            .name("store-writer".to_owned())
            .spawn(move || serve(&connection, &receiver, checkpointer));
        if let Err(error) = spawned {
            // Without the thread the receiver is gone, and every write answers "unavailable".
            tracing::error!(%error, "cannot start the store's writer thread");
        }
        Self(Place::Thread(sender))
    }

    pub(super) fn in_place(connection: Connection) -> Self {
        Self(Place::Here(Mutex::new(connection)))
    }

    pub(super) async fn submit<T, F>(&self, work: F) -> StoreResult<T>
    where
        T: Send + 'static,
        F: FnMut(&Connection) -> StoreResult<T> + Send + 'static,
    {
        let (waiting, answer) = oneshot::channel();
        let job: Box<dyn Job> = Box::new(Typed { work, result: None, waiting });
        match &self.0 {
            Place::Thread(sender) => sender.send(job).map_err(|_| gone())?,
            Place::Here(connection) => {
                let connection = connection.lock().unwrap_or_else(PoisonError::into_inner);
                commit_together(&connection, &mut vec![job]);
            }
        }
        answer.await.unwrap_or_else(|_| Err(gone()))
    }
}

fn serve(connection: &Connection, jobs: &mpsc::Receiver<Box<dyn Job>>, mut checkpointer: Checkpointer) {
    let mut batch = Vec::with_capacity(MOST_JOBS);
    while let Ok(first) = jobs.recv() {
        batch.push(first);
        while batch.len() < MOST_JOBS {
            let Ok(next) = jobs.try_recv() else { break };
            batch.push(next);
        }
        let count = batch.len();
        commit_together(connection, &mut batch);
        checkpointer.committed(count);
    }
}

/// Runs the jobs in one transaction, or, if one of them fails, each in its own; then tells everybody.
fn commit_together(connection: &Connection, batch: &mut Vec<Box<dyn Job>>) {
    match in_transaction(connection, batch) {
        Ok(()) => batch.drain(..).for_each(|job| job.tell(Ok(()))),
        Err(error) if batch.len() == 1 => batch.drain(..).for_each(|job| job.tell(Err(&error))),
        Err(_) => {
            for mut job in batch.drain(..) {
                let outcome = in_transaction(connection, std::slice::from_mut(&mut job));
                job.tell(outcome.as_ref().copied());
            }
        }
    }
}

fn in_transaction(connection: &Connection, jobs: &mut [Box<dyn Job>]) -> StoreResult<()> {
    let execute =
        |sql: &str| connection.prepare_cached(sql).and_then(|mut statement| statement.execute([])).map_err(unavailable);
    execute("BEGIN IMMEDIATE")?;
    let outcome = if jobs.iter_mut().all(|job| job.run(connection).is_ok()) {
        execute("COMMIT").map(|_| ())
    } else {
        Err(StoreError::Unavailable { reason: "the transaction was rolled back".to_owned() })
    };
    // SQLite rolls back by itself on some errors, a full disk among them; then there is nothing left to roll back.
    if outcome.is_err() && !connection.is_autocommit() {
        execute("ROLLBACK")?;
    }
    outcome
}
