//! What several parts read from rows: events, run lines, the journal, and the lane's next run.

use deskwire_core::event::{Event, EventState, JsonText};
use deskwire_core::ids::{EventId, RunId, SourceName, WorkflowName, WorkflowVersion};
use deskwire_core::ports::{EventSummary, RunSummary, StoreError, StoreResult};
use deskwire_core::run::{Entry, RunState};
use deskwire_core::time::Timestamp;
use rusqlite::{Connection, OptionalExtension, Row, params};

use super::unavailable;

/// The columns [`event`] reads, of a table or alias `e`.
pub(super) const EVENT: &str = "e.source, e.id, e.type, e.subject, e.time, e.received_at, e.data";

pub(super) fn corrupt(what: &str) -> StoreError {
    StoreError::Corrupt(what.to_owned())
}

pub(super) fn time(row: &Row<'_>, column: usize) -> StoreResult<Timestamp> {
    row.get(column).map(Timestamp::from_millis).map_err(unavailable)
}

/// An event from the columns [`EVENT`] that start at `first`.
pub(super) fn event(row: &Row<'_>, first: usize) -> StoreResult<Event> {
    let text = |offset: usize| row.get::<_, String>(first + offset).map_err(unavailable);
    Ok(Event {
        source: SourceName::parse(&text(0)?).map_err(|_| corrupt("an event's source"))?,
        id: EventId::new(text(1)?),
        kind: text(2)?,
        subject: text(3)?,
        time: time(row, first + 4)?,
        received_at: time(row, first + 5)?,
        data: JsonText::from_stored(text(6)?),
    })
}

/// The columns [`event_summary`] reads, of a table or alias `e`.
pub(super) const EVENT_SUMMARY: &str = "e.seq, e.source, e.id, e.type, e.subject, e.received_at, e.state, e.reason";

pub(super) fn event_summary(row: &Row<'_>) -> StoreResult<EventSummary> {
    let text = |column: usize| row.get::<_, String>(column).map_err(unavailable);
    let state = match text(6)?.as_str() {
        "accepted" => EventState::Accepted,
        "unwanted" => EventState::Unwanted,
        "rejected" => EventState::Rejected,
        _ => return Err(corrupt("an event's state")),
    };
    Ok(EventSummary {
        number: row.get(0).map_err(unavailable)?,
        source: text(1)?,
        id: text(2)?,
        kind: text(3)?,
        subject: text(4)?,
        received_at: time(row, 5)?,
        state,
        reason: row.get(7).map_err(unavailable)?,
    })
}

/// The columns [`run_summary`] reads, of aliases `r` and `e`.
pub(super) const RUN_SUMMARY: &str = "r.id, r.workflow, r.version, r.state, r.reason, e.source, e.id, e.type, e.subject, \
     r.queued_at, r.ended_at, r.due_at, r.deliveries, r.replay";

pub(super) fn run_summary(row: &Row<'_>) -> StoreResult<RunSummary> {
    let text = |column: usize| row.get::<_, String>(column).map_err(unavailable);
    let maybe_time = |column: usize| {
        row.get::<_, Option<i64>>(column).map(|time| time.map(Timestamp::from_millis)).map_err(unavailable)
    };
    Ok(RunSummary {
        id: RunId::new(text(0)?),
        workflow: WorkflowName::parse(&text(1)?).map_err(|_| corrupt("a run's workflow"))?,
        version: WorkflowVersion::new(text(2)?),
        state: RunState::parse(&text(3)?).ok_or_else(|| corrupt("a run's state"))?,
        reason: row.get(4).map_err(unavailable)?,
        source: text(5)?,
        event_id: text(6)?,
        event_type: text(7)?,
        subject: text(8)?,
        queued_at: time(row, 9)?,
        ended_at: maybe_time(10)?,
        due_at: maybe_time(11)?,
        deliveries: row.get(12).map_err(unavailable)?,
        replay: row.get(13).map_err(unavailable)?,
    })
}

pub(super) fn journal(connection: &Connection, run: i64) -> StoreResult<Vec<Entry>> {
    let mut statement =
        connection.prepare_cached("SELECT entry FROM journal WHERE run = ?1 ORDER BY n").map_err(unavailable)?;
    let texts = statement.query_map([run], |row| row.get::<_, String>(0)).map_err(unavailable)?;
    let mut entries = Vec::new();
    for text in texts {
        let entry = serde_json::from_str(&text.map_err(unavailable)?);
        entries.push(entry.map_err(|error| StoreError::Corrupt(format!("a journal entry: {error}")))?);
    }
    Ok(entries)
}

pub(super) fn append(connection: &Connection, run: i64, entries: &[Entry]) -> StoreResult<()> {
    if entries.is_empty() {
        return Ok(());
    }
    let mut statement = connection
        .prepare_cached(
            "INSERT INTO journal (run, n, entry) VALUES (?1, (SELECT coalesce(max(n), 0) + 1 FROM journal WHERE run = ?1), ?2)",
        )
        .map_err(unavailable)?;
    for entry in entries {
        let text = serde_json::to_string(entry).map_err(|error| StoreError::Corrupt(error.to_string()))?;
        statement.execute(params![run, text]).map_err(unavailable)?;
    }
    Ok(())
}

/// A run to be queued.
pub(super) struct NewRun<'a> {
    pub id: &'a str,
    pub event: i64,
    pub workflow: &'a str,
    pub version: &'a str,
    pub lane: &'a str,
    pub replay: u32,
    pub now: Timestamp,
}

/// Queues a run at its lane's end and answers with its row number.
pub(super) fn enqueue(connection: &Connection, run: &NewRun<'_>) -> StoreResult<i64> {
    let mut statement = connection
        .prepare_cached(
            "INSERT INTO runs (id, event, workflow, version, lane, replay, state, queued_at, due_at, head)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, 'queued', ?7, ?7,
                     NOT EXISTS (SELECT 1 FROM runs WHERE lane = ?5 AND head IS NOT NULL))",
        )
        .map_err(unavailable)?;
    let values = params![run.id, run.event, run.workflow, run.version, run.lane, run.replay, run.now.as_millis()];
    statement.insert(values).map_err(unavailable)
}

/// Makes the lane's next run the one that may be handed out, once its first has left.
pub(super) fn promote(connection: &Connection, lane: &str, now: Timestamp) -> StoreResult<()> {
    let next: Option<i64> = connection
        .prepare_cached("SELECT seq FROM runs WHERE lane = ?1 AND head IS NOT NULL ORDER BY seq LIMIT 1")
        .and_then(|mut statement| statement.query_row([lane], |row| row.get(0)).optional())
        .map_err(unavailable)?;
    if let Some(seq) = next {
        connection
            .prepare_cached("UPDATE runs SET head = 1, due_at = min(due_at, ?2) WHERE seq = ?1")
            .and_then(|mut statement| statement.execute(params![seq, now.as_millis()]))
            .map_err(unavailable)?;
    }
    Ok(())
}
