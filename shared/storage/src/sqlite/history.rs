//! What people ask for: lists, single records, replays.

use deskwire_core::BoxFuture;
use deskwire_core::damage::RecordKind;
use deskwire_core::event::EventState;
use deskwire_core::ids::{Lane, RunId, WorkflowName, WorkflowVersion};
use deskwire_core::ports::{
    Counts, EventDetail, EventSummary, Filter, History, LanePolicy, RunDetail, RunSummary, SHORTEST_BEGINNING,
    StoreError, StoreResult, Work,
};
use deskwire_core::run::{Entry, RunState};
use deskwire_core::time::Timestamp;
use rusqlite::types::Value;
use rusqlite::{Connection, OptionalExtension, ToSql, params};

use super::damage::{readable, shown};
use super::rows::{
    EVENT, EVENT_SUMMARY, NewRun, RUN_SUMMARY, append, corrupt, enqueue, event, event_summary, journal_entries,
    promote, run_summary,
};
use super::work::own_lane;
use super::{SqliteStore, retention, unavailable};

/// The length of a list nobody limited.
const DEFAULT_LIMIT: usize = 50;

impl History for SqliteStore {
    fn events(&self, filter: Filter) -> BoxFuture<'_, StoreResult<Vec<EventSummary>>> {
        Box::pin(self.read(move |connection| {
            let mut query = Query::default();
            query.text("e.source = ?", filter.source.as_deref());
            query.text("e.state = ?", filter.state.as_deref());
            query.text("e.subject = ?", filter.subject.as_deref());
            query.kind(filter.kind.as_deref());
            query.times("e.received_at", "e.seq", &filter);
            let select = format!("SELECT {EVENT_SUMMARY} FROM events e");
            query.list(connection, &select, "e.seq", &filter, RecordKind::Event, event_summary)
        }))
    }

    fn event<'a>(&'a self, reference: &'a str) -> BoxFuture<'a, StoreResult<Option<EventDetail>>> {
        let reference = reference.to_owned();
        Box::pin(self.read(move |connection| event_detail(connection, &reference)))
    }

    fn events_called<'a>(&'a self, id: &'a str, most: usize) -> BoxFuture<'a, StoreResult<Vec<String>>> {
        let id = id.to_owned();
        Box::pin(self.read(move |connection| {
            texts(
                connection,
                "SELECT source || '/' || id FROM events WHERE id = ?1 ORDER BY seq DESC LIMIT ?2",
                &id,
                most,
            )
        }))
    }

    fn runs_beginning<'a>(&'a self, beginning: &'a str, most: usize) -> BoxFuture<'a, StoreResult<Vec<RunId>>> {
        let beginning = beginning.to_owned();
        Box::pin(self.read(move |connection| {
            let sql = "SELECT id FROM runs WHERE id >= ?1 AND id < ?1 || '{' ORDER BY id DESC LIMIT ?2";
            Ok(texts(connection, sql, &beginning, most)?.into_iter().map(RunId::new).collect())
        }))
    }

    fn runs(&self, filter: Filter) -> BoxFuture<'_, StoreResult<Vec<RunSummary>>> {
        Box::pin(self.read(move |connection| {
            let mut query = Query::default();
            query.text("e.source = ?", filter.source.as_deref());
            query.text("r.workflow = ?", filter.workflow.as_deref());
            query.text("r.state = ?", filter.state.as_deref());
            query.text("e.subject = ?", filter.subject.as_deref());
            query.text("e.id = ?", filter.event.as_ref().map(AsRef::as_ref));
            query.kind(filter.kind.as_deref());
            query.times("r.queued_at", "r.seq", &filter);
            query.list(connection, &runs_of(), "r.seq", &filter, RecordKind::Run, run_summary)
        }))
    }

    fn runs_by_id(&self, ids: Vec<RunId>) -> BoxFuture<'_, StoreResult<Vec<RunSummary>>> {
        Box::pin(self.read(move |connection| {
            let ids = serde_json::to_string(&ids).map_err(|error| StoreError::Corrupt(error.to_string()))?;
            let query = Query {
                conditions: vec!["r.id IN (SELECT value FROM json_each(?))".to_owned()],
                values: vec![Value::Text(ids)],
            };
            let all = Filter { limit: usize::MAX, ..Filter::default() };
            query.list(connection, &runs_of(), "r.seq", &all, RecordKind::Run, run_summary)
        }))
    }

    fn run<'a>(&'a self, reference: &'a str) -> BoxFuture<'a, StoreResult<Option<RunDetail>>> {
        let reference = reference.to_owned();
        Box::pin(self.read(move |connection| run_detail(connection, &reference)))
    }

    fn replay<'a>(
        &'a self,
        run: &'a RunId,
        new_run: RunId,
        keep: Vec<Entry>,
        now: Timestamp,
    ) -> BoxFuture<'a, StoreResult<Option<u32>>> {
        let run = run.clone();
        Box::pin(async move {
            let replayed = self.write(move |connection| replay(connection, &run, &new_run, &keep, now)).await?;
            self.shared.arrived.notify_one();
            Ok(replayed)
        })
    }

    fn counts(&self) -> BoxFuture<'_, StoreResult<Counts>> {
        Box::pin(self.read(|connection| {
            let events =
                connection.query_row("SELECT count(*) FROM events", [], |row| count(row, 0)).map_err(unavailable)?;
            let mut statement =
                connection.prepare_cached("SELECT state, count(*) FROM runs GROUP BY state").map_err(unavailable)?;
            // A state that nobody knows is counted under whatever it says.
            let runs = statement.query_map([], |row| Ok((shown(row, 0), count(row, 1)?))).map_err(unavailable)?;
            Ok(Counts { events, runs: runs.collect::<rusqlite::Result<_>>().map_err(unavailable)? })
        }))
    }

    fn decide<'a>(&'a self, run: &'a RunId, entries: Vec<Entry>, now: Timestamp) -> BoxFuture<'a, StoreResult<bool>> {
        let run = run.clone();
        Box::pin(async move {
            let decided = self.write(move |connection| decide(connection, &run, &entries, now)).await?;
            self.shared.arrived.notify_one();
            Ok(decided)
        })
    }

    fn purge(&self, before: Timestamp, most: usize) -> BoxFuture<'_, StoreResult<usize>> {
        Box::pin(retention::remove(self, before, most))
    }

    fn version_text<'a>(
        &'a self,
        name: &'a WorkflowName,
        version: &'a WorkflowVersion,
    ) -> BoxFuture<'a, StoreResult<Option<String>>> {
        self.workflow_text(name, version)
    }
}

/// What lists of runs begin with.
fn runs_of() -> String {
    format!("SELECT {RUN_SUMMARY} FROM runs r LEFT JOIN events e ON e.seq = r.event")
}

/// Adds a decision to an unknown run and queues it again: in its lane if it still has it, else in one of its own.
fn decide(connection: &Connection, run: &RunId, entries: &[Entry], now: Timestamp) -> StoreResult<bool> {
    let seq: Option<i64> = connection
        .query_row("SELECT seq FROM runs WHERE id = ?1 AND state = 'unknown'", [run.as_str()], |row| row.get(0))
        .optional()
        .map_err(unavailable)?;
    let Some(seq) = seq else { return Ok(false) };
    append(connection, seq, entries)?;
    connection
        .execute(
            "UPDATE runs SET state = 'queued', reason = NULL, due_at = ?2, owner = NULL, parked = 0, clean = 1,
                             lane = iif(head IS NULL, ?3, lane), head = coalesce(head, 1)
             WHERE seq = ?1",
            params![seq, now.as_millis(), own_lane(run)],
        )
        .map_err(unavailable)?;
    Ok(true)
}

fn count(row: &rusqlite::Row<'_>, column: usize) -> rusqlite::Result<u64> {
    row.get::<_, i64>(column).map(i64::unsigned_abs)
}

/// The conditions of a list, and their values.
#[derive(Default)]
struct Query {
    conditions: Vec<String>,
    values: Vec<Value>,
}

impl Query {
    fn text(&mut self, condition: &str, value: Option<&str>) {
        if let Some(value) = value {
            self.conditions.push(condition.to_owned());
            self.values.push(Value::Text(value.to_owned()));
        }
    }

    /// An event's type, or a prefix of types.
    fn kind(&mut self, kind: Option<&str>) {
        match kind.map(|kind| (kind, kind.strip_suffix('*'))) {
            Some((_, Some(prefix))) => self.text("instr(e.type, ?) = 1", Some(prefix)),
            Some((kind, None)) => self.text("e.type = ?", Some(kind)),
            None => {}
        }
    }

    fn times(&mut self, time: &str, number: &str, filter: &Filter) {
        let bounds = [
            (time, ">=", filter.since.map(Timestamp::as_millis)),
            (time, "<", filter.until.map(Timestamp::as_millis)),
            (number, ">", filter.after),
        ];
        for (column, comparison, value) in bounds {
            if let Some(value) = value {
                self.conditions.push(format!("{column} {comparison} ?"));
                self.values.push(Value::Integer(value));
            }
        }
    }

    fn list<T>(
        mut self,
        connection: &Connection,
        select: &str,
        number: &str,
        filter: &Filter,
        kind: RecordKind,
        read: fn(&rusqlite::Row<'_>) -> StoreResult<T>,
    ) -> StoreResult<Vec<T>> {
        let limit = if filter.limit == 0 { DEFAULT_LIMIT } else { filter.limit };
        self.values.push(Value::Integer(i64::try_from(limit).unwrap_or(i64::MAX)));
        let wheres = match self.conditions.as_slice() {
            [] => String::new(),
            conditions => format!(" WHERE {}", conditions.join(" AND ")),
        };
        let order = if filter.oldest_first { "" } else { " DESC" };
        let sql = format!("{select}{wheres} ORDER BY {number}{order} LIMIT ?");
        let mut statement = connection.prepare_cached(&sql).map_err(unavailable)?;
        let mut rows = statement.query(rusqlite::params_from_iter(self.values)).map_err(unavailable)?;
        let mut found = Vec::new();
        while let Some(row) = rows.next().map_err(unavailable)? {
            // Both kinds of lines begin with the number.
            found.extend(readable(kind, || format!("number {}", shown(row, 0)), read(row))?);
        }
        Ok(found)
    }
}

/// The row number of the event that a person means.
fn find_event(connection: &Connection, reference: &str) -> StoreResult<Option<i64>> {
    let find = |sql: &str, values: &[&dyn ToSql]| {
        connection.query_row(sql, values, |row| row.get::<_, i64>(0)).optional().map_err(unavailable)
    };
    let mut statement =
        connection.prepare_cached("SELECT seq FROM events WHERE id = ?1 LIMIT 2").map_err(unavailable)?;
    let called = statement.query_map([reference], |row| row.get(0)).map_err(unavailable)?;
    match called.collect::<rusqlite::Result<Vec<i64>>>().map_err(unavailable)?.as_slice() {
        [] => {}
        [only] => return Ok(Some(*only)),
        // Several sources have an event of this id.
        _ => return Ok(None),
    }
    if let Some((source, id)) = reference.split_once('/')
        && let Some(seq) = find("SELECT seq FROM events WHERE source = ?1 AND id = ?2", &[&source, &id])?
    {
        return Ok(Some(seq));
    }
    match reference.parse::<i64>() {
        Ok(number) => find("SELECT seq FROM events WHERE seq = ?1", &[&number]),
        Err(_) => Ok(None),
    }
}

fn event_detail(connection: &Connection, reference: &str) -> StoreResult<Option<EventDetail>> {
    let Some(seq) = find_event(connection, reference)? else { return Ok(None) };
    let sql = format!("SELECT {EVENT_SUMMARY}, e.declined, {EVENT} FROM events e WHERE e.seq = ?1");
    let mut statement = connection.prepare_cached(&sql).map_err(unavailable)?;
    let mut rows = statement.query([seq]).map_err(unavailable)?;
    let Some(row) = rows.next().map_err(unavailable)? else { return Ok(None) };
    let summary = event_summary(row)?;
    let declined = match row.get::<_, Option<String>>(8).map_err(unavailable)? {
        None => Vec::new(),
        Some(text) => {
            let read =
                deskwire_core::json::from_str(&text).map_err(|_| corrupt("an event's list of declining workflows"));
            readable(RecordKind::Event, || format!("number {seq}"), read)?.unwrap_or_default()
        }
    };
    let event = event(row, 9)?;
    let runs_sql =
        format!("SELECT {RUN_SUMMARY} FROM runs r JOIN events e ON e.seq = r.event WHERE r.event = ?1 ORDER BY r.seq");
    let mut runs_statement = connection.prepare_cached(&runs_sql).map_err(unavailable)?;
    let mut run_rows = runs_statement.query([seq]).map_err(unavailable)?;
    let mut runs = Vec::new();
    while let Some(row) = run_rows.next().map_err(unavailable)? {
        runs.extend(readable(RecordKind::Run, || format!("number {}", shown(row, 0)), run_summary(row))?);
    }
    let body = event.data.clone();
    let event = (summary.state != EventState::Rejected).then_some(event);
    Ok(Some(EventDetail { summary, event, body, declined, runs }))
}

/// The one column of the rows that a text and a limit lead to.
fn texts(connection: &Connection, sql: &str, text: &str, most: usize) -> StoreResult<Vec<String>> {
    let mut statement = connection.prepare_cached(sql).map_err(unavailable)?;
    let most = i64::try_from(most).unwrap_or(i64::MAX);
    let found = statement.query_map(params![text, most], |row| row.get(0)).map_err(unavailable)?;
    found.collect::<rusqlite::Result<_>>().map_err(unavailable)
}

/// The row number of the run that a person means: its id, or a beginning that fits only one.
fn find_run(connection: &Connection, reference: &str) -> StoreResult<Option<i64>> {
    let exact = connection
        .query_row("SELECT seq FROM runs WHERE id = ?1", [reference], |row| row.get(0))
        .optional()
        .map_err(unavailable)?;
    if exact.is_some() || reference.len() < SHORTEST_BEGINNING {
        return Ok(exact);
    }
    // `{` is the character after `z`, the last of the alphabet of ids, so this is the range of that beginning.
    let mut statement = connection
        .prepare_cached("SELECT seq FROM runs WHERE id >= ?1 AND id < ?1 || '{' LIMIT 2")
        .map_err(unavailable)?;
    let found = statement.query_map([reference], |row| row.get(0)).map_err(unavailable)?;
    let found: Vec<i64> = found.collect::<rusqlite::Result<_>>().map_err(unavailable)?;
    Ok(if found.len() == 1 { found.first().copied() } else { None })
}

fn run_detail(connection: &Connection, reference: &str) -> StoreResult<Option<RunDetail>> {
    let Some(seq) = find_run(connection, reference)? else { return Ok(None) };
    let sql = format!("SELECT {RUN_SUMMARY}, {EVENT} FROM runs r JOIN events e ON e.seq = r.event WHERE r.seq = ?1");
    let mut statement = connection.prepare_cached(&sql).map_err(unavailable)?;
    let mut rows = statement.query([seq]).map_err(unavailable)?;
    let Some(row) = rows.next().map_err(unavailable)? else { return Ok(None) };
    let (journal, unreadable) = journal_entries(connection, seq)?;
    Ok(Some(RunDetail { summary: run_summary(row)?, event: event(row, 15)?, journal, unreadable }))
}

fn replay(
    connection: &Connection,
    run: &RunId,
    new_run: &RunId,
    keep: &[Entry],
    now: Timestamp,
) -> StoreResult<Option<u32>> {
    let sql = "SELECT seq, event, workflow, version, lane, state, head IS NOT NULL FROM runs WHERE id = ?1";
    let found = connection
        .query_row(sql, [run.as_str()], |row| {
            let texts = (
                row.get::<_, String>(2)?,
                row.get::<_, String>(3)?,
                row.get::<_, String>(4)?,
                row.get::<_, String>(5)?,
            );
            Ok((row.get::<_, i64>(0)?, row.get::<_, i64>(1)?, texts, row.get::<_, bool>(6)?))
        })
        .optional()
        .map_err(unavailable)?;
    let Some((seq, event, (workflow, version, lane, state), in_lane)) = found else { return Ok(None) };
    let state = RunState::parse(&state).ok_or_else(|| corrupt("a run's state"))?;
    if state == RunState::Unknown {
        let reason = format!("a person decided to try again, in run {new_run}");
        connection
            .execute(
                "UPDATE runs SET state = 'failed', reason = ?2, ended_at = ?3, head = NULL, due_at = NULL WHERE seq = ?1",
                params![seq, reason, now.as_millis()],
            )
            .map_err(unavailable)?;
        if in_lane {
            promote(connection, &lane)?;
        }
    } else if !state.is_over() {
        return Ok(None);
    }
    let replay: u32 = connection
        .query_row(
            "SELECT max(replay) + 1 FROM runs WHERE event = ?1 AND workflow = ?2",
            params![event, workflow],
            |row| row.get(0),
        )
        .map_err(unavailable)?;
    let subject: String = connection
        .query_row("SELECT subject FROM events WHERE seq = ?1", [event], |row| row.get(0))
        .map_err(unavailable)?;
    // The old run may have left its lane for one of its own; a new one joins the lane of its workflow and subject.
    let name = WorkflowName::parse(&workflow).map_err(|_| corrupt("a run's workflow"))?;
    let lane = Lane::of(&name, &subject);
    let new = NewRun {
        id: new_run.as_str(),
        event,
        workflow: &workflow,
        version: &version,
        lane: lane.as_str(),
        replay,
        now,
        policy: LanePolicy::Every,
        changed_at: None,
    };
    let new_seq = enqueue(connection, &new)?;
    append(connection, new_seq, keep)?;
    Ok(Some(replay))
}
