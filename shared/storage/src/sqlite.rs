//! The embedded store: one SQLite file in WAL mode, synced at every commit, that several processes may open at once.
//!
//! All writes go through one thread ([`writer`]), which puts what is waiting into one transaction, so that concurrent
//! acknowledgements share one sync of the disk. Reads for people use a connection of their own. Tests use
//! [`SqliteStore::in_memory`], which runs the same SQL in the caller's thread and so keeps to virtual time.

mod changes;
mod checkpoint;
mod clock;
mod damage;
mod health;
mod history;
mod inbox;
mod inspect;
mod kind;
mod registry;
mod retention;
mod rows;
mod schema;
mod secrets;
mod tokens;
mod waits;
mod work;
mod writer;

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use deskwire_core::ports::{StoreError, StoreResult};
use rusqlite::Connection;
use rusqlite::config::DbConfig;
use tokio::sync::Notify;

use crate::private;
use checkpoint::Checkpointer;
pub use kind::DataKind;
use retention::Position;
use writer::{Patience, Until, Writer};

/// How long a batch of writes, or a statement of a reader, waits for another process's write before the store is busy.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);

/// The page cache of each connection, in KiB (negative is how SQLite is told "KiB").
const CACHE_KIB: i64 = -4096;

/// The most pages of write-ahead log before the writer itself copies it into the file: 64 MiB. Normally the thread of
/// [`checkpoint`] has done so long before.
const MOST_LOG_PAGES: i64 = 16_000;

/// Why a store could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The data folder could not be made or written to.
    #[error(
        "cannot use the data folder {path}: {source}; check that it exists, is writable, and that the disk is not full"
    )]
    Folder {
        /// The folder.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// SQLite could not open or prepare the file.
    #[error("cannot open the store {path}: {reason}; check that the folder is writable and the disk is not full")]
    File {
        /// The file.
        path: PathBuf,
        /// What SQLite said.
        reason: String,
    },
    /// The data is live and the process is the sandbox, or the other way round.
    #[error(
        "{}", match found {
            DataKind::Sandbox => format!(
                "the data in {} was made in the sandbox, and nothing live ever continues it; add --sandbox, or name another data \
                 folder with --data (DESKWIRE_DATA)", folder.display()
            ),
            DataKind::Live => format!(
                "the data in {} is live, and the sandbox never continues it; leave out --sandbox, or name another data folder \
                 with --data (DESKWIRE_DATA)", folder.display()
            ),
        }
    )]
    OtherKind {
        /// The data folder.
        folder: PathBuf,
        /// What it holds.
        found: DataKind,
    },
    /// The file was written by a newer Deskwire.
    #[error(
        "the store {path} was written by a newer Deskwire (its format is {found}, this one knows {known}); use that version"
    )]
    Newer {
        /// The file.
        path: PathBuf,
        /// Its format.
        found: i64,
        /// The newest format we know.
        known: i64,
    },
}

/// The embedded store. Cheap to clone; all clones share one writer.
#[derive(Clone)]
pub struct SqliteStore {
    shared: Arc<Shared>,
}

struct Shared {
    writer: Writer,
    reader: Reader,
    arrived: Notify,
    /// How far the search for old events has come.
    removing: Mutex<Option<Position>>,
}

enum Reader {
    /// A connection of its own, opened when the first person asks.
    File { path: PathBuf, connection: Arc<Mutex<Option<Connection>>> },
    /// The writer's connection.
    Shared,
}

impl SqliteStore {
    /// Opens `deskwire.db` in `folder` for questions, whatever kind of data it holds; it is made if need be, and its schema
    /// brought up to date. Folder and files are their owner's alone: rights of others are taken away, and that is said.
    pub fn open(folder: &Path) -> Result<Self, OpenError> {
        Self::open_with(folder, None, Box::new(Until::at_most(BUSY_TIMEOUT)))
    }

    /// The same for a process that continues the data or adds to it: it must be of that kind. A new store is marked.
    pub fn open_for(folder: &Path, kind: DataKind) -> Result<Self, OpenError> {
        Self::open_with(folder, Some(kind), Box::new(Until::at_most(BUSY_TIMEOUT)))
    }

    fn open_with(folder: &Path, kind: Option<DataKind>, patience: Box<dyn Patience>) -> Result<Self, OpenError> {
        let path = folder.join("deskwire.db");
        private::make_folder(folder)
            .and_then(|()| {
                close_to_others(folder);
                private::make_file(&path)
            })
            .map_err(|source| OpenError::Folder { path: folder.to_owned(), source })?;
        let mut connection =
            connect(&path).map_err(|error| OpenError::File { path: path.clone(), reason: error.to_string() })?;
        schema::migrate(&mut connection, &path)?;
        if let Some(kind) = kind {
            kind::claim(&mut connection, kind, folder)?;
        }
        let second =
            connect(&path).map_err(|error| OpenError::File { path: path.clone(), reason: error.to_string() })?;
        // From here on the writer waits by itself, for whole batches.
        connection
            .busy_timeout(Duration::ZERO)
            .map_err(|error| OpenError::File { path: path.clone(), reason: error.to_string() })?;
        let writer = Writer::on_a_thread(connection, Checkpointer::start(second), patience).map_err(|error| {
            OpenError::File { path: path.clone(), reason: format!("the system starts no thread: {error}") }
        })?;
        let reader = Reader::File { path, connection: Arc::default() };
        Ok(Self::new(writer, reader))
    }

    /// Is there a store in this folder?
    pub fn is_in(folder: &Path) -> bool {
        folder.join("deskwire.db").exists()
    }

    /// What kind of data a store holds, if it says so.
    pub async fn kind(&self) -> StoreResult<Option<DataKind>> {
        self.read(|connection| kind::marked(connection).map_err(unavailable)).await
    }

    /// A store that lives as long as this value and runs in the caller's thread: for tests and dry runs.
    pub fn in_memory() -> Result<Self, OpenError> {
        let path = PathBuf::from(":memory:");
        let failed = |error: rusqlite::Error| OpenError::File { path: path.clone(), reason: error.to_string() };
        let mut connection = Connection::open_in_memory().map_err(failed)?;
        prepare(&connection).map_err(failed)?;
        schema::migrate(&mut connection, &path)?;
        Ok(Self::new(Writer::in_place(connection), Reader::Shared))
    }

    fn new(writer: Writer, reader: Reader) -> Self {
        Self { shared: Arc::new(Shared { writer, reader, arrived: Notify::new(), removing: Mutex::default() }) }
    }

    /// Runs `job` in a write transaction that it shares with whatever else is waiting. It may run twice, when the first
    /// transaction had to be rolled back, and must not keep anything from the first time.
    async fn write<T, F>(&self, job: F) -> StoreResult<T>
    where
        T: Send + 'static,
        F: FnMut(&Connection) -> StoreResult<T> + Send + 'static,
    {
        self.shared.writer.submit(1, job).await
    }

    /// The same for a job that writes about so many times as much as others.
    async fn write_much<T, F>(&self, weight: usize, job: F) -> StoreResult<T>
    where
        T: Send + 'static,
        F: FnMut(&Connection) -> StoreResult<T> + Send + 'static,
    {
        self.shared.writer.submit(weight, job).await
    }

    /// The same for what comes from outside: refused at once where too much waits already.
    async fn take_in<T, F>(&self, job: F) -> StoreResult<T>
    where
        T: Send + 'static,
        F: FnMut(&Connection) -> StoreResult<T> + Send + 'static,
    {
        self.shared.writer.submit_if_room(job).await
    }

    fn removing(&self) -> Option<Position> {
        *self.shared.removing.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn removed_up_to(&self, position: Option<Position>) {
        *self.shared.removing.lock().unwrap_or_else(PoisonError::into_inner) = position;
    }

    /// Runs `job` on the reading connection, off the async threads.
    async fn read<T, F>(&self, job: F) -> StoreResult<T>
    where
        T: Send + 'static,
        F: Fn(&Connection) -> StoreResult<T> + Send + 'static,
    {
        match &self.shared.reader {
            Reader::Shared => self.shared.writer.submit(1, job).await,
            Reader::File { path, connection } => {
                let (path, connection) = (path.clone(), Arc::clone(connection));
                tokio::task::spawn_blocking(move || {
                    let mut slot = connection.lock().unwrap_or_else(PoisonError::into_inner);
                    if slot.is_none() {
                        *slot = Some(connect(&path).map_err(unavailable)?);
                    }
                    slot.as_ref().map_or_else(|| Err(gone()), &job)
                })
                .await
                .unwrap_or_else(|_| Err(gone()))
            }
        }
    }
}

/// Takes rights of others away, and says so once.
fn close_to_others(folder: &Path) {
    let held_something = folder.join("deskwire.db").exists();
    let loose: Vec<_> = match private::tighten(folder) {
        Ok(loose) => loose.iter().map(|path| path.display().to_string()).collect(),
        // Some file systems know no rights, and some folders are somebody else's.
        Err(error) => {
            tracing::error!(
                folder = %folder.display(), %error,
                "cannot take rights of others away from the data folder: make it yours, with mode 0700"
            );
            return;
        }
    };
    if held_something && !loose.is_empty() {
        tracing::error!(
            paths = loose.join(", "),
            "other users of this machine could read the store, and cannot from now on: it was opened to them before. If \
             somebody else works on this machine, renew the secrets and tokens in it"
        );
    }
}

fn connect(path: &Path) -> rusqlite::Result<Connection> {
    let connection = Connection::open(path)?;
    prepare(&connection)?;
    Ok(connection)
}

fn prepare(connection: &Connection) -> rusqlite::Result<()> {
    connection.busy_timeout(BUSY_TIMEOUT)?;
    connection.set_prepared_statement_cache_capacity(64);
    // A plan does not depend on the values bound, or SQLite would parse and plan a kept statement anew for each new value:
    // a twentieth of all work under load. <https://www.sqlite.org/qpsg.html>
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
    connection.pragma_update(None, "journal_mode", "WAL")?;
    connection.pragma_update(None, "synchronous", "FULL")?;
    connection.pragma_update(None, "foreign_keys", true)?;
    // What is deleted is overwritten where that costs no further write: tokens and tickets should not outlive their row.
    connection.pragma_update(None, "secure_delete", "FAST")?;
    connection.pragma_update(None, "cache_size", CACHE_KIB)?;
    connection.pragma_update(None, "wal_autocheckpoint", MOST_LOG_PAGES)?;
    Ok(())
}

fn gone() -> StoreError {
    StoreError::Unavailable { reason: "the store is closed".to_owned() }
}

/// SQLite's error as the ports' error: what may pass (full disk, lock, read-only) against what will not.
#[expect(clippy::needless_pass_by_value, reason = "the shape that `map_err` takes")]
fn unavailable(error: rusqlite::Error) -> StoreError {
    use rusqlite::ErrorCode as Code;
    match &error {
        rusqlite::Error::SqliteFailure(failure, _) => match failure.code {
            Code::DatabaseCorrupt | Code::NotADatabase | Code::TypeMismatch | Code::ConstraintViolation => {
                StoreError::Corrupt(error.to_string())
            }
            _ => StoreError::Unavailable { reason: error.to_string() },
        },
        _ => StoreError::Corrupt(error.to_string()),
    }
}

#[cfg(test)]
mod tests;
