//! Accepting: an event and its runs, in one transaction.

use deskwire_core::BoxFuture;
use deskwire_core::event::EventState;
use deskwire_core::ids::RequestId;
use deskwire_core::ports::{Accepted, Arrival, Inbox, RejectedEvent, StoreError, StoreResult};
use deskwire_core::time::Timestamp;
use rusqlite::{Connection, params};

use super::rows::{NewRun, enqueue};
use super::{SqliteStore, clock, unavailable, waits};

impl Inbox for SqliteStore {
    fn accept(&self, arrival: Arrival) -> BoxFuture<'_, StoreResult<Accepted>> {
        Box::pin(async move {
            let starts_runs = !arrival.wanted.is_empty();
            let (accepted, woken) = self.take_in(move |connection| accept(connection, &arrival)).await?;
            if woken || (starts_runs && accepted == Accepted::New) {
                self.shared.arrived.notify_one();
            }
            Ok(accepted)
        })
    }

    fn reject(&self, rejected: RejectedEvent) -> BoxFuture<'_, StoreResult<()>> {
        Box::pin(self.take_in(move |connection| reject(connection, &rejected)))
    }

    fn ready(&self) -> BoxFuture<'_, StoreResult<()>> {
        Box::pin(async move {
            self.shared.writer.check()?;
            self.read(|connection| {
                connection
                    .prepare_cached("SELECT number FROM generation")
                    .and_then(|mut statement| statement.query_row([], |row| row.get::<_, i64>(0)))
                    .map(|_| ())
                    .map_err(unavailable)
            })
            .await
        })
    }
}

/// Answers also whether a waiting run was woken.
fn accept(connection: &Connection, arrival: &Arrival) -> StoreResult<(Accepted, bool)> {
    let event = &arrival.event;
    clock::note(connection, event.received_at)?;
    for other in &arrival.also_known_as {
        let known = connection
            .prepare_cached("SELECT 1 FROM events WHERE source = ?1 AND id = ?2")
            .and_then(|mut statement| statement.exists(params![event.source.as_str(), other.as_str()]))
            .map_err(unavailable)?;
        if known {
            return Ok((Accepted::Repeat, false));
        }
    }
    let state = if arrival.wanted.is_empty() { EventState::Unwanted } else { EventState::Accepted };
    let declined = if arrival.declined.is_empty() {
        None
    } else {
        Some(serde_json::to_string(&arrival.declined).map_err(|error| StoreError::Corrupt(error.to_string()))?)
    };
    let marks = if event.change.marks.is_empty() {
        None
    } else {
        Some(serde_json::to_string(&event.change.marks).map_err(|error| StoreError::Corrupt(error.to_string()))?)
    };
    let reason = arrival.wanted.is_empty().then(|| match arrival.declined.len() {
        0 => "No workflow listens to this type of event from this source".to_owned(),
        _ => arrival.declined.iter().map(|d| format!("{}: {}", d.workflow, d.reason)).collect::<Vec<_>>().join("; "),
    });
    let inserted = connection
        .prepare_cached(
            "INSERT INTO events (source, id, type, subject, time, received_at, state, reason, declined, data, actor, changed_at, marks, request_id)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14) ON CONFLICT (source, id) DO NOTHING",
        )
        .and_then(|mut statement| {
            statement.execute(params![
                event.source.as_str(),
                event.id.as_str(),
                event.kind,
                event.subject,
                event.time.as_millis(),
                event.received_at.as_millis(),
                state.as_str(),
                reason,
                declined,
                event.data.as_str(),
                event.change.actor,
                event.change.changed_at.map(Timestamp::as_millis),
                marks,
                event.request_id.as_ref().map(RequestId::as_str),
            ])
        })
        .map_err(unavailable)?;
    if inserted == 0 {
        return Ok((Accepted::Repeat, false));
    }
    let number = connection.last_insert_rowid();
    for wanted in &arrival.wanted {
        let run = NewRun {
            id: wanted.run.as_str(),
            event: number,
            workflow: wanted.workflow.as_str(),
            version: wanted.version.as_str(),
            lane: wanted.lane.as_str(),
            replay: 0,
            now: event.received_at,
            policy: wanted.policy,
            changed_at: wanted.changed_at,
        };
        enqueue(connection, &run)?;
    }
    Ok((Accepted::New, waits::wake(connection, number, event)?))
}

fn reject(connection: &Connection, rejected: &RejectedEvent) -> StoreResult<()> {
    connection
        .prepare_cached(
            "INSERT INTO events (source, id, type, subject, time, received_at, state, reason, data)
             VALUES (?1, ?2, '', '', ?3, ?3, 'rejected', ?4, ?5) ON CONFLICT (source, id) DO NOTHING",
        )
        .and_then(|mut statement| {
            statement.execute(params![
                rejected.source.as_str(),
                rejected.id.as_str(),
                rejected.received_at.as_millis(),
                rejected.reason,
                rejected.body,
            ])
        })
        .map(|_| ())
        .map_err(unavailable)
}
