//! Every record read as its users read it, to find those that cannot be.

use deskwire_core::BoxFuture;
use deskwire_core::damage::{Damaged, Inspected, Inspection, RecordKind, read_or_damaged};
use deskwire_core::ids::WorkflowName;
use deskwire_core::ports::StoreResult;
use deskwire_core::time::Timestamp;
use rusqlite::{Connection, Row, params};

use super::damage::shown;
use super::rows::{EVENT, EVENT_SUMMARY, RUN_SUMMARY, corrupt, entry, event, event_summary, run_summary};
use super::{SqliteStore, changes, registry, secrets, tokens, unavailable, waits, work};

impl Inspection for SqliteStore {
    fn inspect(&self, most: usize) -> BoxFuture<'_, StoreResult<Inspected>> {
        Box::pin(self.read(move |connection| {
            let mut found = Inspected::default();
            for look in looks() {
                look.over(connection, most, &mut found)?;
            }
            if !connection
                .prepare("SELECT 1 FROM generation")
                .and_then(|mut one| one.exists([]))
                .map_err(unavailable)?
            {
                let why = "the count of changes is gone".to_owned();
                found.damaged.push(Damaged { kind: RecordKind::Workflow, key: "generation".to_owned(), why });
            }
            Ok(found)
        }))
    }
}

/// One table: what to read of it, newest first, and how.
struct Look {
    kind: RecordKind,
    sql: String,
    key: fn(&Row<'_>) -> String,
    read: fn(&Row<'_>) -> StoreResult<()>,
}

impl Look {
    fn over(&self, connection: &Connection, most: usize, found: &mut Inspected) -> StoreResult<()> {
        let limit = i64::try_from(most.saturating_add(1)).unwrap_or(i64::MAX);
        let mut statement = connection.prepare(&format!("{} LIMIT ?1", self.sql)).map_err(unavailable)?;
        let mut rows = statement.query(params![limit]).map_err(unavailable)?;
        let mut looked_at = 0;
        while let Some(row) = rows.next().map_err(unavailable)? {
            if looked_at == most {
                found.cut = true;
                break;
            }
            looked_at += 1;
            if let Err(why) = read_or_damaged((self.read)(row))? {
                let key = (self.key)(row);
                // Two looks at one record may find it twice.
                if !found.damaged.iter().any(|one| one.kind == self.kind && one.key == key) {
                    found.damaged.push(Damaged { kind: self.kind, key, why });
                }
            }
        }
        Ok(())
    }
}

fn looks() -> Vec<Look> {
    let first = |row: &Row<'_>| shown(row, 0);
    let text = |row: &Row<'_>| row.get::<_, String>(0).map(drop).map_err(unavailable);
    vec![
        Look {
            kind: RecordKind::Event,
            sql: format!("SELECT {EVENT_SUMMARY}, e.declined, {EVENT} FROM events e ORDER BY e.seq DESC"),
            key: |row| format!("number {}", shown(row, 0)),
            read: whole_event,
        },
        Look {
            kind: RecordKind::Run,
            sql: format!("SELECT {RUN_SUMMARY} FROM runs r LEFT JOIN events e ON e.seq = r.event ORDER BY r.seq DESC"),
            key: |row| shown(row, 1),
            read: |row| run_summary(row).map(drop),
        },
        Look {
            kind: RecordKind::Run,
            sql: format!("{} ORDER BY r.seq DESC", *work::RUNS),
            key: |row| shown(row, 1),
            read: |row| work::claim_of(row, Timestamp::default()).map(drop),
        },
        Look {
            kind: RecordKind::Journal,
            sql: "SELECT j.entry, j.n, r.id FROM journal j LEFT JOIN runs r ON r.seq = j.run ORDER BY j.run DESC, j.n"
                .to_owned(),
            key: |row| format!("{}, entry {}", shown(row, 2), shown(row, 1)),
            read: |row| entry(row, 0).map(drop),
        },
        Look {
            kind: RecordKind::Change,
            sql: "SELECT r.id, c.announced_at, c.written FROM changes c LEFT JOIN runs r ON r.seq = c.run
                  ORDER BY c.announced_at DESC"
                .to_owned(),
            key: first,
            read: |row| changes::change(row).map(drop),
        },
        Look {
            kind: RecordKind::Wait,
            sql: "SELECT r.id, w.events FROM waits w LEFT JOIN runs r ON r.seq = w.run ORDER BY w.run DESC".to_owned(),
            key: first,
            read: |row| waits::patterns(row, 1).map(drop),
        },
        Look { kind: RecordKind::Shared, sql: "SELECT budget FROM holds".to_owned(), key: first, read: text },
        Look { kind: RecordKind::Shared, sql: "SELECT actor FROM own_actors".to_owned(), key: first, read: text },
        Look {
            kind: RecordKind::Workflow,
            sql: registry::DEPLOYED.to_owned(),
            key: first,
            read: |row| registry::one_deployed(row).map(drop),
        },
        Look {
            kind: RecordKind::Workflow,
            sql: "SELECT name, version, text FROM workflow_versions ORDER BY published_at DESC".to_owned(),
            key: |row| format!("{} version {}", shown(row, 0), shown(row, 1)),
            read: |row| {
                let column = |column| row.get::<_, String>(column).map_err(unavailable);
                WorkflowName::parse(&column(0)?).map_err(|_| corrupt("a workflow's name"))?;
                column(1).and_then(|_| column(2)).map(drop)
            },
        },
        Look {
            kind: RecordKind::Connection,
            sql: registry::CONNECTIONS.to_owned(),
            key: first,
            read: |row| registry::one_connection(row).map(drop),
        },
        Look {
            kind: RecordKind::Tokens,
            sql: "SELECT connection, state FROM tokens ORDER BY connection".to_owned(),
            key: first,
            read: |row| tokens::token_state(row).map(drop),
        },
        Look {
            kind: RecordKind::Secret,
            sql: format!("SELECT {} FROM secrets ORDER BY name, version", secrets::COLUMNS),
            key: secrets::key,
            read: |row| secrets::secret(row).map(drop).map_err(unavailable),
        },
        Look {
            kind: RecordKind::Document,
            sql: "SELECT name, text FROM documents ORDER BY name".to_owned(),
            key: first,
            read: |row| {
                let column = |column| row.get::<_, String>(column).map_err(unavailable);
                column(0).and_then(|_| column(1)).map(drop)
            },
        },
    ]
}

/// An event with its body, which is JSON unless it was rejected for that.
fn whole_event(row: &Row<'_>) -> StoreResult<()> {
    let summary = event_summary(row)?;
    if let Some(declined) = row.get::<_, Option<String>>(8).map_err(unavailable)? {
        deskwire_core::json::from_str::<Vec<deskwire_core::ports::Declined>>(&declined)
            .map_err(|_| corrupt("its list of declining workflows"))?;
    }
    let event = event(row, 9)?;
    if summary.state != deskwire_core::event::EventState::Rejected {
        deskwire_core::json::from_str::<serde::de::IgnoredAny>(event.data.as_str())
            .map_err(|error| corrupt(&format!("its data: {error}")))?;
    }
    Ok(())
}
