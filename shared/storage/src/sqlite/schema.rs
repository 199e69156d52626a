//! The tables, and how older files are brought up to date.
//!
//! `PRAGMA user_version` counts the migrations that a file has seen. Each runs once, in one immediate transaction, so two
//! processes that open an old file at the same time do not both migrate it.

use std::path::Path;

use rusqlite::{Connection, TransactionBehavior};

use super::OpenError;

/// Every step of the schema's history, the oldest first. Only ever add to the end.
pub(super) const MIGRATIONS: &[&str] = &[
    // 1: events, runs (which are also the queue), the journal, workflow versions, shared rate budgets.
    "
    CREATE TABLE events (
        seq         INTEGER PRIMARY KEY,
        source      TEXT NOT NULL,
        id          TEXT NOT NULL,
        type        TEXT NOT NULL,
        subject     TEXT NOT NULL,
        time        INTEGER NOT NULL,
        received_at INTEGER NOT NULL,
        state       TEXT NOT NULL,
        reason      TEXT,
        declined    TEXT,
        data        TEXT NOT NULL
    ) STRICT;
    CREATE UNIQUE INDEX events_by_id ON events (source, id);

    -- A run is its own queue message. `head` is 1 for the first of its lane, 0 for those behind it, and NULL once it has
    -- left the lane. `due_at` is when it may be handed out: the end of a wait, or of another runner's lease. `clean` is
    -- 1 unless it was handed out and never settled.
    CREATE TABLE runs (
        seq        INTEGER PRIMARY KEY,
        id         TEXT NOT NULL,
        event      INTEGER NOT NULL REFERENCES events (seq),
        workflow   TEXT NOT NULL,
        version    TEXT NOT NULL,
        lane       TEXT NOT NULL,
        replay     INTEGER NOT NULL,
        state      TEXT NOT NULL,
        reason     TEXT,
        queued_at  INTEGER NOT NULL,
        ended_at   INTEGER,
        head       INTEGER,
        due_at     INTEGER,
        owner      TEXT,
        deliveries INTEGER NOT NULL DEFAULT 0,
        clean      INTEGER NOT NULL DEFAULT 1,
        parked     INTEGER NOT NULL DEFAULT 0
    ) STRICT;
    CREATE UNIQUE INDEX runs_by_id ON runs (id);
    CREATE INDEX runs_by_event ON runs (event);
    CREATE INDEX runs_in_lane ON runs (lane, seq) WHERE head IS NOT NULL;
    CREATE INDEX runs_due ON runs (due_at) WHERE head = 1;
    -- Only what a person looks for; a run that goes well is never in it.
    CREATE INDEX runs_unhappy ON runs (state, seq) WHERE state IN ('unknown', 'dead', 'failed', 'retrying', 'skipped');

    CREATE TABLE journal (
        run   INTEGER NOT NULL REFERENCES runs (seq),
        n     INTEGER NOT NULL,
        entry TEXT NOT NULL,
        PRIMARY KEY (run, n)
    ) STRICT, WITHOUT ROWID;

    CREATE TABLE workflow_versions (
        name         TEXT NOT NULL,
        version      TEXT NOT NULL,
        text         TEXT NOT NULL,
        published_at INTEGER NOT NULL,
        PRIMARY KEY (name, version)
    ) STRICT, WITHOUT ROWID;

    CREATE TABLE holds (
        budget TEXT PRIMARY KEY,
        until  INTEGER NOT NULL
    ) STRICT, WITHOUT ROWID;
    ",
    // 2: what a provider says of a change; lanes that go by it; waits; our own writes; which workflows are in force.
    "
    ALTER TABLE events ADD COLUMN actor TEXT;
    ALTER TABLE events ADD COLUMN changed_at INTEGER;
    ALTER TABLE events ADD COLUMN marks TEXT;
    CREATE INDEX events_by_subject ON events (subject, seq);

    -- `newest_before`: the lane's latest `changed_at` when the run was first handed out. `burst_at`: when the first of a
    -- debounced run's burst came. `waits`: 1 while it has a row in `waits`.
    ALTER TABLE runs ADD COLUMN changed_at INTEGER;
    ALTER TABLE runs ADD COLUMN newest_before INTEGER;
    ALTER TABLE runs ADD COLUMN burst_at INTEGER;
    ALTER TABLE runs ADD COLUMN waits INTEGER NOT NULL DEFAULT 0;
    CREATE INDEX runs_waiting ON runs (seq) WHERE state = 'waiting';

    CREATE TABLE lane_times (
        lane       TEXT PRIMARY KEY,
        changed_at INTEGER NOT NULL,
        at         INTEGER NOT NULL
    ) STRICT, WITHOUT ROWID;

    -- The events a waiting run is woken for, and those that came.
    CREATE TABLE waits (
        run     INTEGER PRIMARY KEY REFERENCES runs (seq),
        source  TEXT NOT NULL,
        subject TEXT NOT NULL,
        events  TEXT NOT NULL,
        since   INTEGER NOT NULL
    ) STRICT;
    CREATE INDEX waits_for ON waits (subject, source);
    CREATE TABLE arrivals (
        run   INTEGER NOT NULL REFERENCES runs (seq),
        event INTEGER NOT NULL REFERENCES events (seq),
        PRIMARY KEY (run, event)
    ) STRICT, WITHOUT ROWID;
    CREATE INDEX arrivals_of ON arrivals (event);

    -- What runs change at providers. `written` is NULL while the call's answer is not known.
    CREATE TABLE changes (
        run          INTEGER NOT NULL REFERENCES runs (seq),
        step         TEXT NOT NULL,
        subject      TEXT NOT NULL,
        announced_at INTEGER NOT NULL,
        written      TEXT
    ) STRICT;
    CREATE INDEX changes_by_subject ON changes (subject, announced_at);
    CREATE INDEX changes_by_run ON changes (run, step);
    CREATE TABLE own_actors (
        actor TEXT PRIMARY KEY
    ) STRICT, WITHOUT ROWID;

    -- Workflows in force. `position` is how far the schedule has come.
    CREATE TABLE deployments (
        name        TEXT PRIMARY KEY,
        version     TEXT NOT NULL,
        active      INTEGER NOT NULL,
        file_active INTEGER,
        file        TEXT NOT NULL,
        applied_at  INTEGER NOT NULL,
        position    INTEGER NOT NULL
    ) STRICT, WITHOUT ROWID;
    CREATE TABLE generation (
        only   INTEGER PRIMARY KEY CHECK (only = 1),
        number INTEGER NOT NULL
    ) STRICT;
    INSERT INTO generation VALUES (1, 0);
    ",
    // 3: what is known of the connections' tokens (`due_at` is when to renew them), and sealed secrets.
    "
    CREATE TABLE tokens (
        connection  TEXT PRIMARY KEY,
        revision    INTEGER NOT NULL,
        state       TEXT NOT NULL,
        due_at      INTEGER,
        announced   INTEGER NOT NULL,
        lease_owner TEXT,
        lease_until INTEGER
    ) STRICT, WITHOUT ROWID;
    CREATE INDEX tokens_due ON tokens (due_at) WHERE due_at IS NOT NULL;
    CREATE INDEX tokens_unannounced ON tokens (connection) WHERE announced = 0;

    -- Sealed: the bytes mean nothing without the key, which is elsewhere.
    CREATE TABLE secrets (
        name      TEXT NOT NULL,
        version   INTEGER NOT NULL,
        key       TEXT NOT NULL,
        sealed    BLOB NOT NULL,
        stored_at INTEGER NOT NULL,
        erase_at  INTEGER,
        PRIMARY KEY (name, version)
    ) STRICT, WITHOUT ROWID;
    CREATE INDEX secrets_to_erase ON secrets (erase_at) WHERE erase_at IS NOT NULL;

    -- What is written to find out whether anything can be.
    CREATE TABLE probe (
        only   INTEGER PRIMARY KEY CHECK (only = 1),
        filler BLOB NOT NULL
    ) STRICT;
    ",
    // 4: what stays as it is of each connection.
    "
    CREATE TABLE connections (
        name           TEXT PRIMARY KEY,
        kind           TEXT NOT NULL,
        allowed_domain TEXT NOT NULL,
        header         TEXT,
        since          INTEGER NOT NULL
    ) STRICT, WITHOUT ROWID;
    ",
    // 5: texts that every process of a deployment reads.
    "
    CREATE TABLE documents (
        name TEXT PRIMARY KEY,
        text TEXT NOT NULL
    ) STRICT, WITHOUT ROWID;
    ",
    // 6: the request that brought an event.
    "
    ALTER TABLE events ADD COLUMN request_id TEXT;
    ",
    // 7: what is old is found without looking at the rest; how late it is known to be.
    "
    CREATE INDEX events_by_arrival ON events (received_at);
    CREATE INDEX lane_times_by_time ON lane_times (at);

    -- The latest time that anybody told, to within ten seconds: an earlier one means that the clock was set back.
    CREATE TABLE clock (
        only   INTEGER PRIMARY KEY CHECK (only = 1),
        latest INTEGER NOT NULL
    ) STRICT;
    ",
    // 8: how many deliveries of a run broke off in a row, before the one under way, without a new result of a step.
    "
    ALTER TABLE runs ADD COLUMN broken_off INTEGER NOT NULL DEFAULT 0;
    ",
];

pub(super) fn migrate(connection: &mut Connection, path: &Path) -> Result<(), OpenError> {
    let failed = |error: rusqlite::Error| OpenError::File { path: path.to_owned(), reason: error.to_string() };
    let known = i64::try_from(MIGRATIONS.len()).unwrap_or(i64::MAX);
    let version =
        |connection: &Connection| connection.pragma_query_value(None, "user_version", |row| row.get::<_, i64>(0));
    if version(connection).map_err(failed)? == known {
        return Ok(());
    }
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate).map_err(failed)?;
    // Asked again inside the transaction: another process may have migrated meanwhile.
    let found = version(&transaction).map_err(failed)?;
    let Ok(seen) = usize::try_from(found) else {
        return Err(OpenError::Newer { path: path.to_owned(), found, known });
    };
    if seen > MIGRATIONS.len() {
        return Err(OpenError::Newer { path: path.to_owned(), found, known });
    }
    for migration in &MIGRATIONS[seen..] {
        transaction.execute_batch(migration).map_err(failed)?;
    }
    transaction.pragma_update(None, "user_version", known).map_err(failed)?;
    transaction.commit().map_err(failed)
}
