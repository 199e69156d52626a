//! Sealed secrets.

use deskwire_core::BoxFuture;
use deskwire_core::damage::RecordKind;
use deskwire_core::ports::{SealedSecret, SecretStore, StoreResult};
use deskwire_core::time::Timestamp;
use rusqlite::{Connection, OptionalExtension, Row, params};

use super::damage::{readable, shown};
use super::{SqliteStore, unavailable};

pub(super) const COLUMNS: &str = "name, version, key, sealed, stored_at";

impl SecretStore for SqliteStore {
    fn put_secret(&self, secret: SealedSecret) -> BoxFuture<'_, StoreResult<bool>> {
        Box::pin(self.write(move |connection| {
            execute(
                connection,
                "INSERT INTO secrets (name, version, key, sealed, stored_at) VALUES (?1, ?2, ?3, ?4, ?5)
                 ON CONFLICT DO NOTHING",
                params![secret.name, number(secret.version), secret.key, secret.sealed, secret.stored_at.as_millis()],
            )?;
            let found = read(
                connection,
                &format!("SELECT {COLUMNS} FROM secrets WHERE name = ?1 AND version = ?2"),
                params![secret.name, number(secret.version)],
            )?;
            Ok(found.first().is_some_and(|found| found.sealed == secret.sealed))
        }))
    }

    fn secret<'a>(&'a self, name: &'a str, version: Option<u64>) -> BoxFuture<'a, StoreResult<Option<SealedSecret>>> {
        let name = name.to_owned();
        Box::pin(self.read(move |connection| {
            let sql = format!(
                "SELECT {COLUMNS} FROM secrets WHERE name = ?1 AND version = ifnull(?2, version)
                 ORDER BY version DESC LIMIT 1"
            );
            // Asked for alone: an older version must not stand in for one that cannot be read.
            let mut statement = connection.prepare_cached(&sql).map_err(unavailable)?;
            let found = statement.query_row(params![name, version.map(number)], secret).optional();
            found.map_err(unavailable)
        }))
    }

    fn secrets<'a>(&'a self, prefix: &'a str) -> BoxFuture<'a, StoreResult<Vec<SealedSecret>>> {
        let prefix = prefix.to_owned();
        Box::pin(self.read(move |connection| {
            let sql =
                // A range of the primary key: connections may have thousands of tokens beside what is asked for.
                format!("SELECT {COLUMNS} FROM secrets WHERE name >= ?1 AND name < ?1 || x'F4' ORDER BY name, version");
            read(connection, &sql, params![prefix])
        }))
    }

    fn retire_secrets<'a>(&'a self, name: &'a str, before: u64, erase_at: Timestamp) -> BoxFuture<'a, StoreResult<()>> {
        let name = name.to_owned();
        Box::pin(self.write(move |connection| {
            let sql = "UPDATE secrets SET erase_at = ?3 WHERE name = ?1 AND version < ?2 AND erase_at IS NULL";
            execute(connection, sql, params![name, number(before), erase_at.as_millis()]).map(|_| ())
        }))
    }

    fn erase_secrets(&self, now: Timestamp) -> BoxFuture<'_, StoreResult<usize>> {
        Box::pin(self.write(move |connection| {
            execute(connection, "DELETE FROM secrets WHERE erase_at <= ?1", params![now.as_millis()])
        }))
    }

    fn forget_secret<'a>(&'a self, name: &'a str) -> BoxFuture<'a, StoreResult<usize>> {
        let name = name.to_owned();
        Box::pin(
            self.write(move |connection| execute(connection, "DELETE FROM secrets WHERE name = ?1", params![name])),
        )
    }

    fn rewrap_secret<'a>(&'a self, secret: SealedSecret, old_key: &'a str) -> BoxFuture<'a, StoreResult<bool>> {
        let old_key = old_key.to_owned();
        Box::pin(self.write(move |connection| {
            let sql = "UPDATE secrets SET key = ?3, sealed = ?4 WHERE name = ?1 AND version = ?2 AND key = ?5";
            let values = params![secret.name, number(secret.version), secret.key, secret.sealed, old_key];
            execute(connection, sql, values).map(|rows| rows > 0)
        }))
    }
}

fn number(version: u64) -> i64 {
    i64::try_from(version).unwrap_or(i64::MAX)
}

fn read(connection: &Connection, sql: &str, values: &[&dyn rusqlite::ToSql]) -> StoreResult<Vec<SealedSecret>> {
    let mut statement = connection.prepare_cached(sql).map_err(unavailable)?;
    let mut rows = statement.query(values).map_err(unavailable)?;
    let mut found = Vec::new();
    while let Some(row) = rows.next().map_err(unavailable)? {
        found.extend(readable(RecordKind::Secret, || key(row), secret(row).map_err(unavailable))?);
    }
    Ok(found)
}

/// A version from the columns [`COLUMNS`].
pub(super) fn secret(row: &Row<'_>) -> rusqlite::Result<SealedSecret> {
    Ok(SealedSecret {
        name: row.get(0)?,
        version: row.get::<_, i64>(1)?.unsigned_abs(),
        key: row.get(2)?,
        sealed: row.get(3)?,
        stored_at: Timestamp::from_millis(row.get(4)?),
    })
}

/// Which version it is, in words.
pub(super) fn key(row: &Row<'_>) -> String {
    format!("{} version {}", shown(row, 0), shown(row, 1))
}

fn execute(connection: &Connection, sql: &str, values: &[&dyn rusqlite::ToSql]) -> StoreResult<usize> {
    connection.prepare_cached(sql).and_then(|mut statement| statement.execute(values)).map_err(unavailable)
}
