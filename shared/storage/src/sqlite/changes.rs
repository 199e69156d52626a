//! What runs of ours change at providers, so that it is recognised when it comes back as an event.

use std::time::Duration;

use deskwire_core::action::ErrorClass;
use deskwire_core::damage::RecordKind;
use deskwire_core::ids::{RunId, StepPath};
use deskwire_core::ports::StoreResult;
use deskwire_core::run::{Change, Entry};
use deskwire_core::time::Timestamp;
use rusqlite::{Connection, Row, params};

use super::damage::{readable, shown};
use super::rows::{corrupt, time};
use super::unavailable;

/// Echoes come within seconds. An hour leaves room for a provider whose webhooks are late.
const LATELY: Duration = Duration::from_hours(1);

/// Keeps the tables in step with a journal entry.
pub(super) fn follow(connection: &Connection, run: i64, entry: &Entry) -> StoreResult<()> {
    match entry {
        Entry::Calling { step, at, subject: Some(subject) } => {
            forget(connection, run, step)?;
            insert(connection, run, step, subject, *at, None)
        }
        Entry::Done { step, action, started_at, wrote, .. } => {
            if wrote.is_empty() {
                // Steps that call nothing never announced anything.
                return if action.contains('.') { forget_announced(connection, run, step) } else { Ok(()) };
            }
            forget(connection, run, step)?;
            for written in wrote {
                let text = serde_json::to_string(written).map_err(|_| corrupt("a write of ours"))?;
                insert(connection, run, step, &written.write.subject, *started_at, Some(&text))?;
                if let Some(actor) = &written.write.actor {
                    connection
                        .prepare_cached("INSERT INTO own_actors (actor) VALUES (?1) ON CONFLICT DO NOTHING")
                        .and_then(|mut statement| statement.execute([actor]))
                        .map_err(unavailable)?;
                }
            }
            Ok(())
        }
        Entry::Failed { step, .. } => forget_announced(connection, run, step),
        Entry::Attempt { step, error, .. } if error.class != ErrorClass::Unknown => {
            forget_announced(connection, run, step)
        }
        _ => Ok(()),
    }
}

fn insert(
    connection: &Connection,
    run: i64,
    step: &StepPath,
    subject: &str,
    at: Timestamp,
    written: Option<&str>,
) -> StoreResult<()> {
    connection
        .prepare_cached("INSERT INTO changes (run, step, subject, announced_at, written) VALUES (?1, ?2, ?3, ?4, ?5)")
        .and_then(|mut statement| statement.execute(params![run, step.as_str(), subject, at.as_millis(), written]))
        .map(|_| ())
        .map_err(unavailable)
}

fn forget(connection: &Connection, run: i64, step: &StepPath) -> StoreResult<()> {
    delete(connection, "DELETE FROM changes WHERE run = ?1 AND step = ?2", run, step)
}

/// A call that is known not to have happened, or to have changed nothing.
fn forget_announced(connection: &Connection, run: i64, step: &StepPath) -> StoreResult<()> {
    delete(connection, "DELETE FROM changes WHERE run = ?1 AND step = ?2 AND written IS NULL", run, step)
}

fn delete(connection: &Connection, sql: &str, run: i64, step: &StepPath) -> StoreResult<()> {
    connection
        .prepare_cached(sql)
        .and_then(|mut statement| statement.execute(params![run, step.as_str()]))
        .map(|_| ())
        .map_err(unavailable)
}

/// What other runs changed lately about a subject, the oldest first.
pub(super) fn about(connection: &Connection, subject: &str, run: i64, now: Timestamp) -> StoreResult<Vec<Change>> {
    let mut statement = connection
        .prepare_cached(
            "SELECT r.id, c.announced_at, c.written FROM changes c JOIN runs r ON r.seq = c.run
             WHERE c.subject = ?1 AND c.announced_at >= ?2 AND c.run <> ?3 ORDER BY c.announced_at",
        )
        .map_err(unavailable)?;
    let mut rows = statement.query(params![subject, now.minus(LATELY).as_millis(), run]).map_err(unavailable)?;
    let mut changes = Vec::new();
    while let Some(row) = rows.next().map_err(unavailable)? {
        changes.extend(readable(RecordKind::Change, || shown(row, 0), change(row))?);
    }
    Ok(changes)
}

/// A change from the columns run, time and what was written.
pub(super) fn change(row: &Row<'_>) -> StoreResult<Change> {
    let written = match row.get::<_, Option<String>>(2).map_err(unavailable)? {
        None => None,
        Some(text) => Some(deskwire_core::json::from_str(&text).map_err(|_| corrupt("a write of ours"))?),
    };
    let by = RunId::new(row.get::<_, String>(0).map_err(unavailable)?);
    Ok(Change { by, announced_at: time(row, 1)?, written })
}

/// The users as which our connections write.
pub(super) fn own_actors(connection: &Connection) -> StoreResult<Vec<String>> {
    let mut statement = connection.prepare_cached("SELECT actor FROM own_actors").map_err(unavailable)?;
    let mut rows = statement.query([]).map_err(unavailable)?;
    let mut actors = Vec::new();
    while let Some(row) = rows.next().map_err(unavailable)? {
        actors.extend(readable(RecordKind::Shared, || shown(row, 0), row.get(0).map_err(unavailable))?);
    }
    Ok(actors)
}
