//! Records that cannot be read: left out of lists, told of once, and never in the way of others.

use deskwire_core::damage::{RecordKind, Told, read_or_damaged};
use deskwire_core::ports::StoreResult;
use rusqlite::Row;
use rusqlite::types::ValueRef;

static TOLD: Told = Told::new();

/// What was read; `None`, with a line in the log, where this one record is damaged.
pub(super) fn readable<T>(
    kind: RecordKind,
    key: impl FnOnce() -> String,
    read: StoreResult<T>,
) -> StoreResult<Option<T>> {
    read_or_damaged(read).map(|read| match read {
        Ok(value) => Some(value),
        Err(why) => {
            tell(kind, &key(), &why);
            None
        }
    })
}

/// Says in the log that a record cannot be read, unless this process has said so before.
pub(super) fn tell(kind: RecordKind, key: &str, why: &str) {
    if TOLD.is_news(kind, key) {
        tracing::error!(
            kind = kind.in_words(),
            key,
            why,
            "a record of the store cannot be read and is left out; `deskwire doctor` says what to do"
        );
    }
}

/// A column as text for a person, whatever is in it.
pub(super) fn shown(row: &Row<'_>, column: usize) -> String {
    match row.get_ref(column) {
        Ok(ValueRef::Text(bytes) | ValueRef::Blob(bytes)) => String::from_utf8_lossy(bytes).into_owned(),
        Ok(ValueRef::Integer(number)) => number.to_string(),
        Ok(ValueRef::Real(number)) => number.to_string(),
        Ok(ValueRef::Null) | Err(_) => "(nothing)".to_owned(),
    }
}
