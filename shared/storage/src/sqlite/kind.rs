//! Live data and the sandbox's data never mix: a store says which of the two it holds, and a process of the other kind is
//! refused when it opens the file.
//!
//! The mark is a row of `documents`, set in the transaction that first looks for it. A store from before there were marks
//! counts as live if anything is kept in it.

use std::path::Path;

use rusqlite::{Connection, OptionalExtension, TransactionBehavior, params};

use super::OpenError;

/// Who answered the calls that a store's data came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DataKind {
    /// The providers.
    Live,
    /// The built-in stand-ins.
    Sandbox,
}

impl DataKind {
    const fn word(self) -> &'static str {
        match self {
            Self::Live => "live",
            Self::Sandbox => "sandbox",
        }
    }
}

/// The name of the document that holds the mark.
const MARK: &str = "data-kind";

/// Every table that holds something as soon as a store was used.
const USED: &str = "SELECT EXISTS (SELECT 1 FROM events) OR EXISTS (SELECT 1 FROM deployments)
                        OR EXISTS (SELECT 1 FROM secrets) OR EXISTS (SELECT 1 FROM tokens)
                        OR EXISTS (SELECT 1 FROM connections) OR EXISTS (SELECT 1 FROM documents)";

/// Makes sure that the store holds data of this kind: marks a new one, refuses one of the other kind.
pub(super) fn claim(connection: &mut Connection, kind: DataKind, folder: &Path) -> Result<(), OpenError> {
    let failed = |error: rusqlite::Error| OpenError::File { path: folder.to_owned(), reason: error.to_string() };
    let found =
        marked(connection).and_then(|found| found.map_or_else(|| mark(connection, kind), Ok)).map_err(failed)?;
    if found == kind { Ok(()) } else { Err(OpenError::OtherKind { folder: folder.to_owned(), found }) }
}

/// What a store holds, as far as it says so.
pub(super) fn marked(connection: &Connection) -> rusqlite::Result<Option<DataKind>> {
    let word: Option<String> =
        connection.query_row("SELECT text FROM documents WHERE name = ?1", [MARK], |row| row.get(0)).optional()?;
    Ok(word.map(|word| if word == DataKind::Sandbox.word() { DataKind::Sandbox } else { DataKind::Live }))
}

/// Marks a store that has no mark, and answers with the kind that it has then.
fn mark(connection: &mut Connection, kind: DataKind) -> rusqlite::Result<DataKind> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    // Another process may have been faster.
    let kind = if let Some(found) = marked(&transaction)? {
        found
    } else {
        let kind = if transaction.query_row(USED, [], |row| row.get(0))? { DataKind::Live } else { kind };
        transaction.execute("INSERT INTO documents (name, text) VALUES (?1, ?2)", params![MARK, kind.word()])?;
        kind
    };
    transaction.commit()?;
    Ok(kind)
}
