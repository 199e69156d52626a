//! What several parts read from rows: events, run lines, the journal, and the lane's next run.

use deskwire_core::damage::RecordKind;
use deskwire_core::event::{ChangeFacts, Event, EventState, JsonText};
use deskwire_core::ids::{EventId, RequestId, RunId, SourceName, WorkflowName, WorkflowVersion};
use deskwire_core::ports::{DEBOUNCES, EventSummary, LanePolicy, RunSummary, StoreError, StoreResult};
use deskwire_core::run::{Entry, RunState};
use deskwire_core::time::Timestamp;
use rusqlite::{Connection, Row, params};

use super::damage::{readable, shown};
use super::unavailable;

/// The columns [`event`] reads, of a table or alias `e`.
pub(super) const EVENT: &str =
    "e.source, e.id, e.type, e.subject, e.time, e.received_at, e.data, e.actor, e.changed_at, e.marks, e.request_id";

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
        change: ChangeFacts {
            actor: row.get(first + 7).map_err(unavailable)?,
            changed_at: maybe_time(row, first + 8)?,
            marks: match row.get::<_, Option<String>>(first + 9).map_err(unavailable)? {
                None => Vec::new(),
                Some(marks) => deskwire_core::json::from_str(&marks).map_err(|_| corrupt("an event's marks"))?,
            },
        },
        request_id: row.get::<_, Option<String>>(first + 10).map_err(unavailable)?.map(RequestId::new),
    })
}

pub(super) fn maybe_time(row: &Row<'_>, column: usize) -> StoreResult<Option<Timestamp>> {
    row.get::<_, Option<i64>>(column).map(|time| time.map(Timestamp::from_millis)).map_err(unavailable)
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
pub(super) const RUN_SUMMARY: &str = "r.seq, r.id, r.workflow, r.version, r.state, r.reason, e.source, e.id, e.type, e.subject, \
     r.queued_at, r.ended_at, r.due_at, r.deliveries, r.replay";

pub(super) fn run_summary(row: &Row<'_>) -> StoreResult<RunSummary> {
    // Texts are shown as they are, whatever is the matter with them: a run that was set aside is to be seen.
    Ok(RunSummary {
        number: row.get(0).map_err(unavailable)?,
        id: RunId::new(shown(row, 1)),
        workflow: WorkflowName::from_stored(shown(row, 2)),
        version: WorkflowVersion::new(shown(row, 3)),
        state: RunState::parse(&shown(row, 4)).ok_or_else(|| corrupt("a run's state"))?,
        reason: row.get(5).map_err(unavailable)?,
        source: shown(row, 6),
        event_id: shown(row, 7),
        event_type: shown(row, 8),
        subject: shown(row, 9),
        queued_at: time(row, 10)?,
        ended_at: maybe_time(row, 11)?,
        due_at: maybe_time(row, 12)?,
        deliveries: row.get(13).map_err(unavailable)?,
        replay: row.get(14).map_err(unavailable)?,
    })
}

/// A run's journal for its runner: whole, or not at all.
pub(super) fn journal(connection: &Connection, run: i64) -> StoreResult<Vec<Entry>> {
    match journal_entries(connection, run)? {
        (entries, 0) => Ok(entries),
        (_, unreadable) => Err(StoreError::Corrupt(format!("{unreadable} of the entries in its journal"))),
    }
}

/// What can be read of a run's journal, and how many of its entries cannot.
pub(super) fn journal_entries(connection: &Connection, run: i64) -> StoreResult<(Vec<Entry>, usize)> {
    let mut statement =
        connection.prepare_cached("SELECT entry, n FROM journal WHERE run = ?1 ORDER BY n").map_err(unavailable)?;
    let mut rows = statement.query([run]).map_err(unavailable)?;
    let (mut entries, mut unreadable) = (Vec::new(), 0);
    while let Some(row) = rows.next().map_err(unavailable)? {
        let key = || format!("number {run}, entry {}", shown(row, 1));
        match readable(RecordKind::Journal, key, entry(row, 0))? {
            Some(entry) => entries.push(entry),
            None => unreadable += 1,
        }
    }
    Ok((entries, unreadable))
}

/// A journal entry from this column.
pub(super) fn entry(row: &Row<'_>, column: usize) -> StoreResult<Entry> {
    let text: String = row.get(column).map_err(unavailable)?;
    deskwire_core::json::from_str(&text).map_err(|error| StoreError::Corrupt(format!("a journal entry: {error}")))
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
        super::changes::follow(connection, run, entry)?;
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
    pub policy: LanePolicy,
    pub changed_at: Option<Timestamp>,
}

/// Queues a run at its lane's end and answers with its row number.
pub(super) fn enqueue(connection: &Connection, run: &NewRun<'_>) -> StoreResult<i64> {
    let place = match run.policy {
        LanePolicy::Every => Place { due_at: run.now, burst_at: None },
        policy => match make_way(connection, run, policy)? {
            Ok(place) => place,
            Err(newer) => return insert_superseded(connection, run, &newer),
        },
    };
    let mut statement = connection
        .prepare_cached(
            "INSERT INTO runs (id, event, workflow, version, lane, replay, state, queued_at, due_at, changed_at, burst_at, head)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, 'queued', ?7, ?8, ?9, ?10,
                     NOT EXISTS (SELECT 1 FROM runs WHERE lane = ?5 AND head IS NOT NULL))",
        )
        .map_err(unavailable)?;
    let values = params![
        run.id,
        run.event,
        run.workflow,
        run.version,
        run.lane,
        run.replay,
        run.now.as_millis(),
        place.due_at.as_millis(),
        run.changed_at.map(Timestamp::as_millis),
        place.burst_at.map(Timestamp::as_millis),
    ];
    statement.insert(values).map_err(unavailable)
}

/// When a new run may begin.
struct Place {
    due_at: Timestamp,
    burst_at: Option<Timestamp>,
}

/// Supersedes the runs of the lane that were never handed out; or names the one that is newer than the new run.
fn make_way(connection: &Connection, run: &NewRun<'_>, policy: LanePolicy) -> StoreResult<Result<Place, String>> {
    let mut statement = connection
        .prepare_cached(
            "SELECT id, changed_at, coalesce(burst_at, queued_at) FROM runs
             WHERE lane = ?1 AND head IS NOT NULL AND deliveries = 0 ORDER BY seq",
        )
        .map_err(unavailable)?;
    let mut rows = statement.query([run.lane]).map_err(unavailable)?;
    let mut burst_at = run.now;
    while let Some(row) = rows.next().map_err(unavailable)? {
        if let (Some(theirs), Some(ours)) = (maybe_time(row, 1)?, run.changed_at)
            && theirs > ours
        {
            return Ok(Err(shown(row, 0)));
        }
        burst_at = burst_at.min(time(row, 2)?);
    }
    let reason = format!("superseded by run {}: the workflow handles only the latest event of a subject", run.id);
    connection
        .prepare_cached(
            "UPDATE runs SET state = 'skipped', reason = ?2, ended_at = ?3, head = NULL, due_at = NULL
             WHERE lane = ?1 AND head IS NOT NULL AND deliveries = 0",
        )
        .and_then(|mut statement| statement.execute(params![run.lane, reason, run.now.as_millis()]))
        .map_err(unavailable)?;
    Ok(Ok(match policy {
        LanePolicy::Debounce(quiet) => Place {
            due_at: run.now.plus(quiet).min(burst_at.plus(quiet.saturating_mul(DEBOUNCES))),
            burst_at: Some(burst_at),
        },
        LanePolicy::Every | LanePolicy::Latest => Place { due_at: run.now, burst_at: None },
    }))
}

/// Keeps a run that is over before it began: one that is newer waits in its lane.
fn insert_superseded(connection: &Connection, run: &NewRun<'_>, newer: &str) -> StoreResult<i64> {
    let reason = format!("superseded by run {newer}, whose event tells of a later state: events came out of order");
    connection
        .prepare_cached(
            "INSERT INTO runs (id, event, workflow, version, lane, replay, state, reason, queued_at, ended_at, changed_at)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, 'skipped', ?7, ?8, ?8, ?9)",
        )
        .and_then(|mut statement| {
            statement.insert(params![
                run.id,
                run.event,
                run.workflow,
                run.version,
                run.lane,
                run.replay,
                reason,
                run.now.as_millis(),
                run.changed_at.map(Timestamp::as_millis),
            ])
        })
        .map_err(unavailable)
}

/// Makes the lane's next run the one that may be handed out, once its first has left.
pub(super) fn promote(connection: &Connection, lane: &str) -> StoreResult<()> {
    connection
        .prepare_cached(
            "UPDATE runs SET head = 1
             WHERE seq = (SELECT seq FROM runs WHERE lane = ?1 AND head IS NOT NULL ORDER BY seq LIMIT 1)",
        )
        .and_then(|mut statement| statement.execute([lane]))
        .map(|_| ())
        .map_err(unavailable)
}
