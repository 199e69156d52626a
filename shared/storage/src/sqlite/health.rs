//! How the writer fares. Whoever asks whether the store can be used reads this and one page, and writes nothing: what shows
//! that the disk still takes something are the writes that are made anyway. After one that failed, the writer itself tries
//! again from time to time, so that a disk with room again is noticed where nothing else writes.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use rusqlite::Connection;

use super::unavailable;
use deskwire_core::ports::{StoreError, StoreResult};

/// A write that takes longer than this is stuck: a commit waits for the disk, and for other processes at most
/// [`super::BUSY_TIMEOUT`].
const STUCK: Duration = Duration::from_secs(10);

/// How long after a write that failed the writer tries one of its own.
pub(super) const TRY_AGAIN: Duration = Duration::from_secs(5);

#[derive(Default)]
pub(super) struct Health(Mutex<State>);

#[derive(Default)]
struct State {
    /// What the last write that shows something came to, if it failed, and when to try again.
    failed: Option<(String, Instant)>,
    /// Since when a transaction has been under way.
    under_way: Option<Instant>,
    /// The writer's thread has ended.
    ended: bool,
}

impl Health {
    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A transaction begins.
    pub(super) fn begins(&self, now: Instant) {
        self.state().under_way = Some(now);
    }

    /// A transaction is over. One that wrote nothing new (`proves` is false) does not show that the disk takes anything: on a
    /// full one, what is there can still be changed.
    pub(super) fn over(&self, outcome: Result<(), &StoreError>, proves: bool, now: Instant) {
        let mut state = self.state();
        state.under_way = None;
        match outcome {
            Ok(()) if proves => state.failed = None,
            Err(error @ StoreError::Unavailable { .. }) => state.failed = Some((error.to_string(), now + TRY_AGAIN)),
            Ok(()) | Err(StoreError::Corrupt(_) | StoreError::Fenced) => {}
        }
    }

    /// The writer's thread has ended, for whatever reason.
    pub(super) fn ended(&self) {
        self.state().ended = true;
    }

    /// How long until the writer tries a write of its own, if the last one failed.
    pub(super) fn wait_to_try(&self, now: Instant) -> Option<Duration> {
        self.state().failed.as_ref().map(|(_, at)| at.saturating_duration_since(now))
    }

    /// Why the store cannot be written to, as far as is known.
    pub(super) fn check(&self, now: Instant) -> StoreResult<()> {
        let state = self.state();
        let stuck = state.under_way.is_some_and(|since| now.saturating_duration_since(since) > STUCK);
        let reason = match (&state.failed, stuck, state.ended) {
            (_, _, true) => "the thread that writes has ended".to_owned(),
            (_, true, _) => format!("a write has been under way for more than {} s", STUCK.as_secs()),
            (Some((reason, _)), ..) => format!("the last write failed: {reason}"),
            (None, false, false) => return Ok(()),
        };
        Err(StoreError::Unavailable { reason })
    }
}

/// A write that changes something, larger than an event with its runs.
pub(super) fn try_to_write(connection: &Connection) -> StoreResult<()> {
    connection
        .prepare_cached(
            "INSERT INTO probe (only, filler) VALUES (1, randomblob(65536))
             ON CONFLICT DO UPDATE SET filler = randomblob(65536)",
        )
        .and_then(|mut statement| statement.execute([]))
        .map(|_| ())
        .map_err(unavailable)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failed_write_counts_until_one_that_changes_something_succeeds() {
        let (health, now) = (Health::default(), Instant::now());
        assert!(health.check(now).is_ok());
        health.over(Err(&StoreError::Unavailable { reason: "the disk is full".to_owned() }), false, now);
        health.over(Ok(()), false, now);
        assert!(health.check(now).unwrap_err().to_string().contains("the disk is full"));
        health.over(Ok(()), true, now);
        assert!(health.check(now).is_ok());
    }

    #[test]
    fn a_write_that_hangs_and_a_thread_that_is_gone_are_said() {
        let (health, now) = (Health::default(), Instant::now());
        health.begins(now);
        assert!(health.check(now + STUCK).is_ok());
        assert!(health.check(now + STUCK * 2).unwrap_err().to_string().contains("under way"));
        health.over(Ok(()), true, now);
        assert!(health.check(now + STUCK * 2).is_ok());
        health.ended();
        assert!(health.check(now).unwrap_err().to_string().contains("has ended"));
    }
}
