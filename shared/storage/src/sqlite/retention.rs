//! Removing what is old, without anybody waiting for it.
//!
//! What is old is chosen by index and on the reading connection; the writer is given the keys, a few at a time, and looks at
//! each once more: a person may have replayed it meanwhile.

use deskwire_core::ports::StoreResult;
use deskwire_core::time::Timestamp;
use rusqlite::{Connection, params};

use super::{SqliteStore, unavailable};

/// How many events are chosen at once.
const PAGE: usize = 1_000;

/// How many rows one turn of the writer erases: some ten milliseconds. An event with more than these is erased in one turn.
const TURN: usize = 1_000;

/// Where the search for old events stands: everything before it was looked at.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Position {
    received_at: i64,
    seq: i64,
}

/// The start of time.
const START: Position = Position { received_at: i64::MIN, seq: i64::MIN };

/// An old event, and whether nothing needs it any more.
struct Old {
    at: Position,
    unneeded: bool,
}

/// Removes at most `most` events that came before `before`, and what hangs on them.
pub(super) async fn remove(store: &SqliteStore, before: Timestamp, most: usize) -> StoreResult<usize> {
    let before = before.as_millis();
    let mut removed = 0;
    while removed < most {
        // Those that stay are passed by once and not again, until the end is reached.
        let from = store.removing().unwrap_or(START);
        let limit = PAGE.min(most - removed);
        let page = store.read(move |connection| old_events(connection, from, before, limit)).await?;
        let (is_last, end) = (page.len() < limit, page.last().map(|old| old.at));
        let mut keys: Vec<i64> = page.into_iter().filter(|old| old.unneeded).map(|old| old.at.seq).collect();
        while !keys.is_empty() {
            let turn = keys.clone();
            let (done, gone) = store.write_much(TURN, move |connection| erase(connection, &turn)).await?;
            removed += gone;
            keys.drain(..done);
        }
        store.removed_up_to(end.filter(|_| !is_last));
        if is_last {
            while store.write_much(TURN, move |connection| erase_lane_times(connection, before)).await? >= TURN {}
            break;
        }
    }
    Ok(removed)
}

/// What [`old_events`] asks: the time from which, the number after which, the time before which, how many.
pub(super) const OLD: &str = "SELECT received_at, seq,
        NOT EXISTS (SELECT 1 FROM runs r WHERE r.event = e.seq AND r.ended_at IS NULL)
        AND NOT EXISTS (SELECT 1 FROM arrivals a WHERE a.event = e.seq)
     FROM events e INDEXED BY events_by_arrival
     WHERE received_at >= ?1 AND received_at < ?3 AND (received_at > ?1 OR seq > ?2)
     ORDER BY received_at, seq LIMIT ?4";

fn old_events(connection: &Connection, from: Position, before: i64, limit: usize) -> StoreResult<Vec<Old>> {
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    let mut statement = connection.prepare_cached(OLD).map_err(unavailable)?;
    let rows = statement
        .query_map(params![from.received_at, from.seq, before, limit], |row| {
            Ok(Old { at: Position { received_at: row.get(0)?, seq: row.get(1)? }, unneeded: row.get(2)? })
        })
        .map_err(unavailable)?;
    rows.collect::<rusqlite::Result<_>>().map_err(unavailable)
}

/// Erases these events until it is enough for one turn. Answers how many were dealt with, and how many of them are gone.
pub(super) fn erase(connection: &Connection, events: &[i64]) -> StoreResult<(usize, usize)> {
    let (mut done, mut gone, mut rows) = (0, 0, 0);
    for event in events {
        if rows >= TURN {
            break;
        }
        done += 1;
        let needed = connection
            .prepare_cached(
                "SELECT 1 WHERE EXISTS (SELECT 1 FROM runs WHERE event = ?1 AND ended_at IS NULL)
                    OR EXISTS (SELECT 1 FROM arrivals WHERE event = ?1)",
            )
            .and_then(|mut statement| statement.exists([event]))
            .map_err(unavailable)?;
        if needed {
            continue;
        }
        for sql in [
            "DELETE FROM journal WHERE run IN (SELECT seq FROM runs WHERE event = ?1)",
            "DELETE FROM changes WHERE run IN (SELECT seq FROM runs WHERE event = ?1)",
            "DELETE FROM arrivals WHERE run IN (SELECT seq FROM runs WHERE event = ?1)",
            "DELETE FROM waits WHERE run IN (SELECT seq FROM runs WHERE event = ?1)",
            "DELETE FROM runs WHERE event = ?1",
            "DELETE FROM events WHERE seq = ?1",
        ] {
            let erased = connection.prepare_cached(sql).and_then(|mut statement| statement.execute([event]));
            rows += erased.map_err(unavailable)?;
        }
        gone += 1;
    }
    Ok((done, gone))
}

/// Erases times of lanes in which nothing has happened since.
fn erase_lane_times(connection: &Connection, before: i64) -> StoreResult<usize> {
    connection
        .prepare_cached("DELETE FROM lane_times WHERE lane IN (SELECT lane FROM lane_times WHERE at < ?1 LIMIT ?2)")
        .and_then(|mut statement| statement.execute(params![before, i64::try_from(TURN).unwrap_or(i64::MAX)]))
        .map_err(unavailable)
}
