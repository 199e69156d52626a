//! Which workflows are in force, and how far their schedules have come.

use deskwire_core::BoxFuture;
use deskwire_core::connection::FixedFacts;
use deskwire_core::damage::RecordKind;
use deskwire_core::ids::{ConnectionName, WorkflowName, WorkflowVersion};
use deskwire_core::ports::{Deploy, Deployed, Registry, StoreResult};
use deskwire_core::time::Timestamp;
use rusqlite::{Connection, OptionalExtension, Row, params};

use super::damage::{readable, shown};
use super::rows::{corrupt, time};
use super::work::publish;
use super::{SqliteStore, unavailable};

impl Registry for SqliteStore {
    fn deployed(&self) -> BoxFuture<'_, StoreResult<Vec<Deployed>>> {
        Box::pin(self.read(deployed))
    }

    fn fixed_connections(&self) -> BoxFuture<'_, StoreResult<Vec<FixedFacts>>> {
        Box::pin(self.read(fixed_connections))
    }

    fn document<'a>(&'a self, name: &'a str) -> BoxFuture<'a, StoreResult<Option<String>>> {
        let name = name.to_owned();
        Box::pin(self.read(move |connection| {
            connection
                .prepare_cached("SELECT text FROM documents WHERE name = ?1")
                .and_then(|mut statement| statement.query_row([&name], |row| row.get(0)).optional())
                .map_err(unavailable)
        }))
    }

    fn deploy(&self, changes: Vec<Deploy>, now: Timestamp) -> BoxFuture<'_, StoreResult<()>> {
        Box::pin(self.write(move |connection| {
            for change in &changes {
                match change {
                    Deploy::Put(put) => deploy(connection, put, now)?,
                    Deploy::Remove(name) => {
                        execute(connection, "DELETE FROM deployments WHERE name = ?1", params![name.as_str()])?;
                    }
                    Deploy::Connection(facts) => {
                        execute(
                            connection,
                            "INSERT INTO connections (name, kind, allowed_domain, header, since)
                             VALUES (?1, ?2, ?3, ?4, ?5) ON CONFLICT (name) DO NOTHING",
                            params![
                                facts.name.as_str(),
                                facts.kind,
                                facts.allowed_domain,
                                facts.header,
                                now.as_millis()
                            ],
                        )?;
                    }
                    Deploy::ForgetConnection(name) => {
                        execute(connection, "DELETE FROM connections WHERE name = ?1", params![name.as_str()])?;
                    }
                    Deploy::Document { name, text } => {
                        execute(
                            connection,
                            "INSERT INTO documents (name, text) VALUES (?1, ?2)
                             ON CONFLICT (name) DO UPDATE SET text = excluded.text",
                            params![name, text],
                        )?;
                    }
                }
            }
            if changes.is_empty() { Ok(()) } else { count(connection) }
        }))
    }

    fn set_active<'a>(
        &'a self,
        name: &'a WorkflowName,
        active: bool,
        now: Timestamp,
    ) -> BoxFuture<'a, StoreResult<bool>> {
        let name = name.clone();
        Box::pin(self.write(move |connection| {
            let found = execute(
                connection,
                // Ticks that passed while it was switched off are not made up for.
                "UPDATE deployments SET position = iif(active = 0 AND ?2, ?3, position), active = ?2 WHERE name = ?1",
                params![name.as_str(), active, now.as_millis()],
            )?;
            if found > 0 {
                count(connection)?;
            }
            Ok(found > 0)
        }))
    }

    fn generation(&self) -> BoxFuture<'_, StoreResult<u64>> {
        Box::pin(self.read(|connection| {
            connection
                .prepare_cached("SELECT number FROM generation")
                .and_then(|mut statement| statement.query_row([], |row| row.get::<_, i64>(0)))
                .map(i64::unsigned_abs)
                .map_err(unavailable)
        }))
    }

    fn schedule_position<'a>(&'a self, name: &'a WorkflowName) -> BoxFuture<'a, StoreResult<Option<Timestamp>>> {
        let name = name.clone();
        Box::pin(self.read(move |connection| {
            connection
                .prepare_cached("SELECT position FROM deployments WHERE name = ?1 AND active = 1")
                .and_then(|mut statement| statement.query_row([name.as_str()], |row| row.get(0)).optional())
                .map(|position| position.map(Timestamp::from_millis))
                .map_err(unavailable)
        }))
    }

    fn move_schedule<'a>(&'a self, name: &'a WorkflowName, to: Timestamp) -> BoxFuture<'a, StoreResult<()>> {
        let name = name.clone();
        Box::pin(self.write(move |connection| {
            execute(
                connection,
                "UPDATE deployments SET position = max(position, ?2) WHERE name = ?1",
                params![name.as_str(), to.as_millis()],
            )
            .map(|_| ())
        }))
    }
}

fn deployed(connection: &Connection) -> StoreResult<Vec<Deployed>> {
    let mut statement = connection.prepare_cached(DEPLOYED).map_err(unavailable)?;
    let mut rows = statement.query([]).map_err(unavailable)?;
    let mut found = Vec::new();
    while let Some(row) = rows.next().map_err(unavailable)? {
        found.extend(readable(RecordKind::Workflow, || shown(row, 0), one_deployed(row))?);
    }
    Ok(found)
}

/// What [`one_deployed`] reads. One whose version's text is gone has none.
pub(super) const DEPLOYED: &str = "SELECT d.name, d.version, d.active, d.file_active, d.file, d.applied_at, v.text
     FROM deployments d LEFT JOIN workflow_versions v ON v.name = d.name AND v.version = d.version ORDER BY d.name";

pub(super) fn one_deployed(row: &Row<'_>) -> StoreResult<Deployed> {
    let text = |column: usize| row.get::<_, String>(column).map_err(unavailable);
    Ok(Deployed {
        name: WorkflowName::parse(&text(0)?).map_err(|_| corrupt("a workflow's name"))?,
        version: WorkflowVersion::new(text(1)?),
        active: row.get(2).map_err(unavailable)?,
        file_active: row.get(3).map_err(unavailable)?,
        file: text(4)?,
        applied_at: time(row, 5)?,
        text: text(6)?,
    })
}

fn fixed_connections(connection: &Connection) -> StoreResult<Vec<FixedFacts>> {
    let mut statement = connection.prepare_cached(CONNECTIONS).map_err(unavailable)?;
    let mut rows = statement.query([]).map_err(unavailable)?;
    let mut found = Vec::new();
    while let Some(row) = rows.next().map_err(unavailable)? {
        found.extend(readable(RecordKind::Connection, || shown(row, 0), one_connection(row))?);
    }
    Ok(found)
}

/// What [`one_connection`] reads.
pub(super) const CONNECTIONS: &str = "SELECT name, kind, allowed_domain, header FROM connections ORDER BY name";

pub(super) fn one_connection(row: &Row<'_>) -> StoreResult<FixedFacts> {
    let name: String = row.get(0).map_err(unavailable)?;
    Ok(FixedFacts {
        name: ConnectionName::parse(&name).map_err(|_| corrupt("a connection's name"))?,
        kind: row.get(1).map_err(unavailable)?,
        allowed_domain: row.get(2).map_err(unavailable)?,
        header: row.get(3).map_err(unavailable)?,
    })
}

fn deploy(connection: &Connection, put: &Deployed, now: Timestamp) -> StoreResult<()> {
    publish(connection, &put.name, &put.version, &put.text, now)?;
    execute(
        connection,
        "INSERT INTO deployments (name, version, active, file_active, file, applied_at, position)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?6)
         ON CONFLICT (name) DO UPDATE SET
             position = iif(active = 0 AND excluded.active, excluded.position, position),
             applied_at = iif(version = excluded.version, applied_at, excluded.applied_at),
             version = excluded.version, active = excluded.active, file_active = excluded.file_active,
             file = excluded.file",
        params![put.name.as_str(), put.version.as_str(), put.active, put.file_active, put.file, now.as_millis()],
    )
    .map(|_| ())
}

fn count(connection: &Connection) -> StoreResult<()> {
    execute(
        connection,
        "INSERT INTO generation VALUES (1, 1) ON CONFLICT (only) DO UPDATE SET number = number + 1",
        params![],
    )
    .map(|_| ())
}

fn execute(connection: &Connection, sql: &str, values: &[&dyn rusqlite::ToSql]) -> StoreResult<usize> {
    connection.prepare_cached(sql).and_then(|mut statement| statement.execute(values)).map_err(unavailable)
}
