//! Copying the write-ahead log into the file, beside the writer instead of in its way.
//!
//! SQLite would do this in the middle of somebody's commit. A passive checkpoint on a connection of its own disturbs no
//! writer, so the tail of the acknowledgement times stays short. Should it fall behind, the writer's own limit
//! ([`super::MOST_LOG_PAGES`]) still bounds the log.

use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};

use rusqlite::Connection;

/// After how many jobs the log is worth copying: some 4 MiB.
const JOBS: usize = 500;

/// Counts the writer's jobs and wakes the thread that copies.
pub(super) struct Checkpointer {
    wake: SyncSender<()>,
    jobs: usize,
}

impl Checkpointer {
    /// Starts the thread on a connection of its own. It ends with the writer.
    pub(super) fn start(connection: Connection) -> Self {
        let (wake, woken) = sync_channel(1);
        let spawned = std::thread::Builder::new()
            .name("store-checkpoint".to_owned())
            .spawn(move || copy_when_woken(&connection, &woken));
        if let Err(error) = spawned {
            tracing::warn!(%error, "cannot start the checkpoint thread; the writer copies its log itself");
        }
        Self { wake, jobs: 0 }
    }

    /// Notes that so much was committed, counted in jobs of the usual size.
    pub(super) fn committed(&mut self, jobs: usize) {
        self.jobs += jobs;
        if self.jobs >= JOBS {
            self.jobs = 0;
            // Full means that it is awake already; gone means that the writer's own limit has to do.
            let (Ok(()) | Err(TrySendError::Full(()) | TrySendError::Disconnected(()))) = self.wake.try_send(());
        }
    }
}

fn copy_when_woken(connection: &Connection, woken: &Receiver<()>) {
    while woken.recv().is_ok() {
        let copied = connection.query_row("PRAGMA wal_checkpoint(PASSIVE)", [], |_| Ok(()));
        if let Err(error) = copied {
            tracing::warn!(%error, "the store's log could not be copied into its file; trying again later");
        }
    }
}
