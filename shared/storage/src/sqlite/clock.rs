//! A clock that is set back must not delay what is queued.
//!
//! Times of this store are this machine's. When the clock is set back by an hour, everything that was to happen in ten
//! seconds would happen in an hour and ten seconds. So the latest time that was seen is kept, and whoever asks for work with
//! an earlier one first moves every time that something waits for by as much: what was due is due, and what had ten seconds
//! to go has ten seconds to go. Leases move along, so nobody's run is handed to somebody else sooner.

use deskwire_core::ports::StoreResult;
use deskwire_core::time::Timestamp;
use rusqlite::{Connection, OptionalExtension, params};

use super::unavailable;

/// How far a time may lie before the latest without the clock having been set back: jobs wait for their turn.
const SLACK: i64 = 30_000;

/// How far the time may go on before it is written down again, in milliseconds: that costs a sync of the disk.
const STEP: i64 = 10_000;

/// Notes the time of somebody who may have waited since.
pub(super) fn note(connection: &Connection, now: Timestamp) -> StoreResult<()> {
    match latest(connection)? {
        Some(latest) if now.as_millis() < latest + STEP => Ok(()),
        _ => write(connection, now.as_millis()),
    }
}

/// Notes the time now, and moves all that is waited for where the clock was set back.
pub(super) fn keep_time(connection: &Connection, now: Timestamp) -> StoreResult<()> {
    let now = now.as_millis();
    match latest(connection)? {
        Some(latest) if now < latest - SLACK => {
            let back = last_seen(connection, latest)? - now;
            tracing::warn!(seconds = back / 1_000, "the clock was set back; what is queued is moved by as much");
            for sql in [
                "UPDATE runs SET due_at = due_at - ?1 WHERE head IS NOT NULL AND due_at IS NOT NULL",
                "UPDATE holds SET until = until - ?1",
                "UPDATE tokens SET due_at = due_at - ?1 WHERE due_at IS NOT NULL",
                "UPDATE tokens SET lease_until = lease_until - ?1 WHERE lease_until IS NOT NULL",
            ] {
                connection
                    .prepare_cached(sql)
                    .and_then(|mut statement| statement.execute([back]))
                    .map_err(unavailable)?;
            }
            write(connection, now)
        }
        Some(latest) if now < latest + STEP => Ok(()),
        _ => write(connection, now),
    }
}

fn latest(connection: &Connection) -> StoreResult<Option<i64>> {
    connection
        .prepare_cached("SELECT latest FROM clock")
        .and_then(|mut statement| statement.query_row([], |row| row.get(0)).optional())
        .map_err(unavailable)
}

/// The same to within what the last event tells: it came after the time was written down, within the same step.
fn last_seen(connection: &Connection, latest: i64) -> StoreResult<i64> {
    let last_event: Option<i64> = connection
        .prepare_cached("SELECT received_at FROM events ORDER BY seq DESC LIMIT 1")
        .and_then(|mut statement| statement.query_row([], |row| row.get(0)).optional())
        .map_err(unavailable)?;
    Ok(last_event.map_or(latest, |at| at.clamp(latest, latest + STEP)))
}

fn write(connection: &Connection, latest: i64) -> StoreResult<()> {
    connection
        .prepare_cached(
            "INSERT INTO clock (only, latest) VALUES (1, ?1) ON CONFLICT (only) DO UPDATE SET latest = excluded.latest",
        )
        .and_then(|mut statement| statement.execute(params![latest]))
        .map(|_| ())
        .map_err(unavailable)
}
