//! What people ask for: lists, single records, replays.

use deskwire_core::BoxFuture;
use deskwire_core::event::EventState;
use deskwire_core::ids::RunId;
use deskwire_core::ports::{Counts, EventDetail, EventSummary, Filter, History, RunDetail, RunSummary, StoreResult};
use deskwire_core::run::{Entry, RunState};
use deskwire_core::time::Timestamp;
use rusqlite::types::ToSqlOutput;
use rusqlite::{Connection, OptionalExtension, ToSql, params};

use super::rows::{
    EVENT, EVENT_SUMMARY, NewRun, RUN_SUMMARY, append, corrupt, enqueue, event, event_summary, journal, promote,
    run_summary,
};
use super::{SqliteStore, unavailable};

/// The length of a list nobody limited.
const DEFAULT_LIMIT: usize = 50;

impl History for SqliteStore {
    fn events(&self, filter: Filter) -> BoxFuture<'_, StoreResult<Vec<EventSummary>>> {
        Box::pin(self.read(move |connection| {
            let conditions = [
                ("e.source = ?", filter.source.as_deref()),
                ("e.state = ?", filter.state.as_deref()),
                ("e.subject = ?", filter.subject.as_deref()),
            ];
            let sql =
                format!("SELECT {EVENT_SUMMARY} FROM events e{} ORDER BY e.seq DESC LIMIT ?", wheres(&conditions));
            list(connection, &sql, &conditions, filter.limit, event_summary)
        }))
    }

    fn event<'a>(&'a self, reference: &'a str) -> BoxFuture<'a, StoreResult<Option<EventDetail>>> {
        let reference = reference.to_owned();
        Box::pin(self.read(move |connection| event_detail(connection, &reference)))
    }

    fn runs(&self, filter: Filter) -> BoxFuture<'_, StoreResult<Vec<RunSummary>>> {
        Box::pin(self.read(move |connection| {
            let conditions = [
                ("e.source = ?", filter.source.as_deref()),
                ("r.workflow = ?", filter.workflow.as_deref()),
                ("r.state = ?", filter.state.as_deref()),
                ("e.subject = ?", filter.subject.as_deref()),
                ("e.id = ?", filter.event.as_ref().map(AsRef::as_ref)),
            ];
            let sql = format!(
                "SELECT {RUN_SUMMARY} FROM runs r JOIN events e ON e.seq = r.event{} ORDER BY r.seq DESC LIMIT ?",
                wheres(&conditions)
            );
            list(connection, &sql, &conditions, filter.limit, run_summary)
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
            let runs = statement.query_map([], |row| Ok((row.get(0)?, count(row, 1)?))).map_err(unavailable)?;
            Ok(Counts { events, runs: runs.collect::<rusqlite::Result<_>>().map_err(unavailable)? })
        }))
    }
}

fn count(row: &rusqlite::Row<'_>, column: usize) -> rusqlite::Result<u64> {
    row.get::<_, i64>(column).map(i64::unsigned_abs)
}

fn wheres(conditions: &[(&str, Option<&str>)]) -> String {
    let set: Vec<&str> = conditions.iter().filter(|(_, value)| value.is_some()).map(|(sql, _)| *sql).collect();
    if set.is_empty() { String::new() } else { format!(" WHERE {}", set.join(" AND ")) }
}

fn list<T>(
    connection: &Connection,
    sql: &str,
    conditions: &[(&str, Option<&str>)],
    limit: usize,
    read: fn(&rusqlite::Row<'_>) -> StoreResult<T>,
) -> StoreResult<Vec<T>> {
    let limit = i64::try_from(if limit == 0 { DEFAULT_LIMIT } else { limit }).unwrap_or(i64::MAX);
    let values =
        conditions.iter().filter_map(|(_, value)| value.map(ToSqlOutput::from)).chain([ToSqlOutput::from(limit)]);
    let mut statement = connection.prepare_cached(sql).map_err(unavailable)?;
    let mut rows = statement.query(rusqlite::params_from_iter(values)).map_err(unavailable)?;
    let mut found = Vec::new();
    while let Some(row) = rows.next().map_err(unavailable)? {
        found.push(read(row)?);
    }
    Ok(found)
}

/// The row number of the event that a person means.
fn find_event(connection: &Connection, reference: &str) -> StoreResult<Option<i64>> {
    let find = |sql: &str, values: &[&dyn ToSql]| {
        connection.query_row(sql, values, |row| row.get::<_, i64>(0)).optional().map_err(unavailable)
    };
    if let Some(seq) = find("SELECT seq FROM events WHERE id = ?1 ORDER BY seq DESC LIMIT 1", &[&reference])? {
        return Ok(Some(seq));
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
        Some(text) => serde_json::from_str(&text).map_err(|_| corrupt("an event's list of declining workflows"))?,
    };
    let event = event(row, 9)?;
    let runs_sql =
        format!("SELECT {RUN_SUMMARY} FROM runs r JOIN events e ON e.seq = r.event WHERE r.event = ?1 ORDER BY r.seq");
    let mut runs_statement = connection.prepare_cached(&runs_sql).map_err(unavailable)?;
    let mut run_rows = runs_statement.query([seq]).map_err(unavailable)?;
    let mut runs = Vec::new();
    while let Some(row) = run_rows.next().map_err(unavailable)? {
        runs.push(run_summary(row)?);
    }
    let body = event.data.clone();
    let event = (summary.state != EventState::Rejected).then_some(event);
    Ok(Some(EventDetail { summary, event, body, declined, runs }))
}

/// The row number of the run that a person means: its id, or a beginning that fits only one.
fn find_run(connection: &Connection, reference: &str) -> StoreResult<Option<i64>> {
    let exact = connection
        .query_row("SELECT seq FROM runs WHERE id = ?1", [reference], |row| row.get(0))
        .optional()
        .map_err(unavailable)?;
    if exact.is_some() || reference.len() < 5 {
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
    Ok(Some(RunDetail { summary: run_summary(row)?, event: event(row, 14)?, journal: journal(connection, seq)? }))
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
            promote(connection, &lane, now)?;
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
    let new = NewRun { id: new_run.as_str(), event, workflow: &workflow, version: &version, lane: &lane, replay, now };
    let new_seq = enqueue(connection, &new)?;
    append(connection, new_seq, keep)?;
    Ok(Some(replay))
}
