//! Runs that wait for an event: which they are woken for, and which came.

use deskwire_core::damage::RecordKind;
use deskwire_core::event::{Event, pattern_covers};
use deskwire_core::ports::{EventWait, StoreResult};
use rusqlite::{Connection, Row, params};

use super::damage::{readable, shown};
use super::rows::{EVENT, corrupt, event};
use super::unavailable;

/// Notes what a run waits for, and what has come for it already. Answers how many events have come.
pub(super) fn begin(connection: &Connection, run: i64, wait: &EventWait) -> StoreResult<usize> {
    let events = serde_json::to_string(&wait.events).map_err(|_| corrupt("a wait"))?;
    let same = connection
        .prepare_cached(
            "SELECT 1 FROM waits WHERE run = ?1 AND source = ?2 AND subject = ?3 AND events = ?4 AND since = ?5",
        )
        .and_then(|mut statement| {
            statement.exists(params![run, wait.source.as_str(), wait.subject, events, wait.since.as_millis()])
        })
        .map_err(unavailable)?;
    if !same {
        forget(connection, run)?;
        connection
            .prepare_cached("INSERT INTO waits (run, source, subject, events, since) VALUES (?1, ?2, ?3, ?4, ?5)")
            .and_then(|mut statement| {
                statement.execute(params![run, wait.source.as_str(), wait.subject, events, wait.since.as_millis()])
            })
            .map_err(unavailable)?;
        for number in came_before(connection, run, wait)? {
            note(connection, run, number)?;
        }
    }
    connection
        .prepare_cached("SELECT count(*) FROM arrivals WHERE run = ?1")
        .and_then(|mut statement| statement.query_row([run], |row| row.get::<_, i64>(0)))
        .map(|count| usize::try_from(count).unwrap_or(0))
        .map_err(unavailable)
}

/// The events that were accepted before the wait was noted, but after the moment from which it counts.
fn came_before(connection: &Connection, run: i64, wait: &EventWait) -> StoreResult<Vec<i64>> {
    let mut statement = connection
        .prepare_cached(
            "SELECT e.seq, e.type FROM events e
             WHERE e.subject = ?1 AND e.source = ?2 AND e.received_at >= ?3 AND e.state <> 'rejected'
               AND e.seq <> (SELECT event FROM runs WHERE seq = ?4) ORDER BY e.seq",
        )
        .map_err(unavailable)?;
    let values = params![wait.subject, wait.source.as_str(), wait.since.as_millis(), run];
    let mut rows = statement.query(values).map_err(unavailable)?;
    let mut found = Vec::new();
    while let Some(row) = rows.next().map_err(unavailable)? {
        let kind = shown(row, 1);
        if wait.events.iter().any(|pattern| pattern_covers(pattern, &kind)) {
            found.push(row.get(0).map_err(unavailable)?);
        }
    }
    Ok(found)
}

/// Wakes the runs that wait for an event such as this one. Answers whether there was one.
pub(super) fn wake(connection: &Connection, number: i64, event: &Event) -> StoreResult<bool> {
    let mut statement = connection
        .prepare_cached("SELECT run, events FROM waits WHERE subject = ?1 AND source = ?2")
        .map_err(unavailable)?;
    let mut rows = statement.query(params![event.subject, event.source.as_str()]).map_err(unavailable)?;
    let mut woken = Vec::new();
    while let Some(row) = rows.next().map_err(unavailable)? {
        // An event is taken in whatever is the matter with a run that may wait for it: that one comes back at its time-out.
        let Some(events) = readable(RecordKind::Wait, || format!("number {}", shown(row, 0)), patterns(row, 1))? else {
            continue;
        };
        if events.iter().any(|pattern| pattern_covers(pattern, &event.kind)) {
            woken.push(row.get::<_, i64>(0).map_err(unavailable)?);
        }
    }
    for run in &woken {
        note(connection, *run, number)?;
        // One that is being looked at right now is not disturbed: it finds the event when it settles.
        connection
            .prepare_cached("UPDATE runs SET due_at = min(due_at, ?2) WHERE seq = ?1 AND state = 'waiting'")
            .and_then(|mut statement| statement.execute(params![run, event.received_at.as_millis()]))
            .map_err(unavailable)?;
    }
    Ok(!woken.is_empty())
}

/// The types of events that a run waits for, from this column.
pub(super) fn patterns(row: &Row<'_>, column: usize) -> StoreResult<Vec<String>> {
    let text: String = row.get(column).map_err(unavailable)?;
    deskwire_core::json::from_str(&text).map_err(|_| corrupt("which events a run waits for"))
}

fn note(connection: &Connection, run: i64, event: i64) -> StoreResult<()> {
    connection
        .prepare_cached("INSERT INTO arrivals (run, event) VALUES (?1, ?2) ON CONFLICT DO NOTHING")
        .and_then(|mut statement| statement.execute([run, event]))
        .map(|_| ())
        .map_err(unavailable)
}

/// The events that came for a run, in the order in which they were accepted.
pub(super) fn arrived(connection: &Connection, run: i64) -> StoreResult<Vec<Event>> {
    let sql =
        format!("SELECT {EVENT} FROM arrivals a JOIN events e ON e.seq = a.event WHERE a.run = ?1 ORDER BY a.event");
    let mut statement = connection.prepare_cached(&sql).map_err(unavailable)?;
    let mut rows = statement.query([run]).map_err(unavailable)?;
    let mut found = Vec::new();
    while let Some(row) = rows.next().map_err(unavailable)? {
        found.extend(readable(RecordKind::Event, || format!("{}/{}", shown(row, 0), shown(row, 1)), event(row, 0))?);
    }
    Ok(found)
}

/// The run waits for no event any more.
pub(super) fn forget(connection: &Connection, run: i64) -> StoreResult<()> {
    for sql in [
        "DELETE FROM arrivals WHERE run = ?1",
        "DELETE FROM waits WHERE run = ?1",
        "UPDATE runs SET waits = 0 WHERE seq = ?1",
    ] {
        connection.prepare_cached(sql).and_then(|mut statement| statement.execute([run])).map_err(unavailable)?;
    }
    Ok(())
}
