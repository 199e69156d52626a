//! What is known of the connections' tokens.

use deskwire_core::BoxFuture;
use deskwire_core::damage::RecordKind;
use deskwire_core::ids::ConnectionName;
use deskwire_core::ports::{StoreResult, TokenStates};
use deskwire_core::time::Timestamp;
use deskwire_core::token::{Leased, TokenState};
use rusqlite::{Connection, OptionalExtension, Row, params};

use super::clock::keep_time;
use super::damage::{readable, shown};
use super::rows::corrupt;
use super::{SqliteStore, unavailable};

impl TokenStates for SqliteStore {
    fn token_state<'a>(&'a self, connection: &'a ConnectionName) -> BoxFuture<'a, StoreResult<Option<TokenState>>> {
        let name = connection.clone();
        Box::pin(self.read(move |connection| {
            let sql = "SELECT connection, state FROM tokens WHERE connection = ?1";
            let mut statement = connection.prepare_cached(sql).map_err(unavailable)?;
            let mut rows = statement.query([name.as_str()]).map_err(unavailable)?;
            rows.next().map_err(unavailable)?.map(token_state).transpose()
        }))
    }

    fn token_states(&self) -> BoxFuture<'_, StoreResult<Vec<TokenState>>> {
        Box::pin(self.read(|connection| {
            states(connection, "SELECT connection, state FROM tokens ORDER BY connection", params![])
        }))
    }

    fn due_tokens(&self, now: Timestamp, most: usize) -> BoxFuture<'_, StoreResult<Vec<ConnectionName>>> {
        Box::pin(self.read(move |connection| {
            // The record is read, too: one that cannot be would be tried, and be in the way, for ever.
            let sql = "SELECT connection, state FROM tokens WHERE due_at <= ?1 ORDER BY due_at";
            let mut statement = connection.prepare_cached(sql).map_err(unavailable)?;
            let mut rows = statement.query([now.as_millis()]).map_err(unavailable)?;
            let mut due = Vec::new();
            while let Some(row) = rows.next().map_err(unavailable)? {
                if due.len() >= most {
                    break;
                }
                due.extend(readable(RecordKind::Tokens, || shown(row, 0), token_state(row))?);
            }
            Ok(due.into_iter().map(|state| state.connection).collect())
        }))
    }

    fn unannounced_tokens(&self, most: usize) -> BoxFuture<'_, StoreResult<Vec<TokenState>>> {
        Box::pin(self.read(move |connection| {
            let sql = "SELECT connection, state FROM tokens WHERE announced = 0 ORDER BY connection";
            let mut found = states(connection, sql, params![])?;
            found.truncate(most);
            Ok(found)
        }))
    }

    fn lease_tokens<'a>(
        &'a self,
        connection: &'a ConnectionName,
        owner: &'a str,
        now: Timestamp,
        until: Timestamp,
    ) -> BoxFuture<'a, StoreResult<Leased>> {
        let (name, owner) = (connection.clone(), owner.to_owned());
        Box::pin(self.write(move |connection| {
            keep_time(connection, now)?;
            let got = execute(
                connection,
                "UPDATE tokens SET lease_owner = ?2, lease_until = ?4
                 WHERE connection = ?1 AND (lease_until IS NULL OR lease_until <= ?3 OR lease_owner = ?2)",
                params![name.as_str(), owner, now.as_millis(), until.as_millis()],
            )?;
            let sql = "SELECT state, lease_until FROM tokens WHERE connection = ?1";
            let found = connection
                .prepare_cached(sql)
                .and_then(|mut statement| {
                    statement
                        .query_row([name.as_str()], |row| Ok((row.get::<_, String>(0)?, row.get::<_, Option<i64>>(1)?)))
                        .optional()
                })
                .map_err(unavailable)?;
            Ok(match found {
                None => Leased::Unknown,
                Some((text, _)) if got > 0 => Leased::Ours(state(&text)?),
                Some((_, until)) => Leased::Held { until: until.map_or(now, Timestamp::from_millis) },
            })
        }))
    }

    fn release_tokens<'a>(&'a self, connection: &'a ConnectionName, owner: &'a str) -> BoxFuture<'a, StoreResult<()>> {
        let (name, owner) = (connection.clone(), owner.to_owned());
        Box::pin(self.write(move |connection| {
            let sql =
                "UPDATE tokens SET lease_owner = NULL, lease_until = NULL WHERE connection = ?1 AND lease_owner = ?2";
            execute(connection, sql, params![name.as_str(), owner]).map(|_| ())
        }))
    }

    fn put_tokens(&self, state: TokenState, expected: Option<u64>) -> BoxFuture<'_, StoreResult<bool>> {
        Box::pin(self.write(move |connection| {
            let revision = expected.unwrap_or(0) + 1;
            let state = TokenState { revision, ..state.clone() };
            let text = serde_json::to_string(&state).map_err(|_| corrupt("what is known of tokens"))?;
            let (name, due_at) = (state.connection.as_str(), state.due_at.map(Timestamp::as_millis));
            let revision = i64::try_from(revision).unwrap_or(i64::MAX);
            let written = match expected {
                None => execute(
                    connection,
                    "INSERT INTO tokens (connection, revision, state, due_at, announced) VALUES (?1, ?2, ?3, ?4, ?5)
                     ON CONFLICT DO NOTHING",
                    params![name, revision, text, due_at, state.announced],
                ),
                Some(_) => execute(
                    connection,
                    "UPDATE tokens SET revision = ?2, state = ?3, due_at = ?4, announced = ?5
                     WHERE connection = ?1 AND revision = ?2 - 1",
                    params![name, revision, text, due_at, state.announced],
                ),
            };
            written.map(|rows| rows > 0)
        }))
    }

    fn forget_tokens<'a>(&'a self, connection: &'a ConnectionName) -> BoxFuture<'a, StoreResult<()>> {
        let name = connection.clone();
        Box::pin(self.write(move |connection| {
            execute(connection, "DELETE FROM tokens WHERE connection = ?1", params![name.as_str()]).map(|_| ())
        }))
    }
}

fn states(connection: &Connection, sql: &str, values: &[&dyn rusqlite::ToSql]) -> StoreResult<Vec<TokenState>> {
    let mut statement = connection.prepare_cached(sql).map_err(unavailable)?;
    let mut rows = statement.query(values).map_err(unavailable)?;
    let mut found = Vec::new();
    while let Some(row) = rows.next().map_err(unavailable)? {
        found.extend(readable(RecordKind::Tokens, || shown(row, 0), token_state(row))?);
    }
    Ok(found)
}

/// A record from the columns connection and state.
pub(super) fn token_state(row: &Row<'_>) -> StoreResult<TokenState> {
    let name: String = row.get(0).map_err(unavailable)?;
    let state = state(&row.get::<_, String>(1).map_err(unavailable)?)?;
    if state.connection.as_str() == name { Ok(state) } else { Err(corrupt("its record is another connection's")) }
}

fn state(text: &str) -> StoreResult<TokenState> {
    deskwire_core::json::from_str(text).map_err(|error| corrupt(&format!("what is known of its tokens: {error}")))
}

fn execute(connection: &Connection, sql: &str, values: &[&dyn rusqlite::ToSql]) -> StoreResult<usize> {
    connection.prepare_cached(sql).and_then(|mut statement| statement.execute(values)).map_err(unavailable)
}
