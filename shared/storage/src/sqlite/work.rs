//! The runner's side: handing out runs in order, journaling, settling.

use std::sync::LazyLock;
use std::time::Duration;

use deskwire_core::BoxFuture;
use deskwire_core::action::{Hold, HoldKey};
use deskwire_core::damage::{RecordKind, read_or_damaged};
use deskwire_core::ids::{Lane, RunId, WorkflowName, WorkflowVersion};
use deskwire_core::ports::{Claim, ClaimBatch, Fence, Offer, Settlement, StoreError, StoreResult, Work};
use deskwire_core::run::{Entry, Run, RunState};
use deskwire_core::time::Timestamp;
use rusqlite::{Connection, OptionalExtension, Row, Rows, params};

use super::clock::keep_time;
use super::damage::{readable, shown, tell};
use super::rows::{EVENT, append, corrupt, event, journal, maybe_time, promote, time};
use super::{SqliteStore, changes, unavailable, waits};

impl Work for SqliteStore {
    fn claim<'a>(
        &'a self,
        owner: &'a str,
        max: usize,
        lease: Duration,
        now: Timestamp,
    ) -> BoxFuture<'a, StoreResult<ClaimBatch>> {
        let owner = owner.to_owned();
        Box::pin(self.write(move |connection| claim(connection, &owner, max, now.plus(lease), now)))
    }

    fn claim_one<'a>(
        &'a self,
        run: &'a RunId,
        owner: &'a str,
        lease: Duration,
        now: Timestamp,
    ) -> BoxFuture<'a, StoreResult<Offer>> {
        let (run, owner) = (run.clone(), owner.to_owned());
        Box::pin(self.write(move |connection| claim_one(connection, &run, &owner, now.plus(lease), now)))
    }

    fn record<'a>(
        &'a self,
        fence: &'a Fence,
        entries: Vec<Entry>,
        leased_until: Timestamp,
    ) -> BoxFuture<'a, StoreResult<()>> {
        let fence = fence.clone();
        Box::pin(self.write(move |connection| {
            let run = held(connection, &fence)?;
            append(connection, run.seq, &entries)?;
            let came_on = entries.iter().any(Entry::is_result);
            connection
                .prepare_cached("UPDATE runs SET due_at = ?2, broken_off = iif(?3, 0, broken_off) WHERE seq = ?1")
                .and_then(|mut statement| statement.execute(params![run.seq, leased_until.as_millis(), came_on]))
                .map(|_| ())
                .map_err(unavailable)
        }))
    }

    fn settle<'a>(
        &'a self,
        fence: &'a Fence,
        entries: Vec<Entry>,
        settlement: Settlement,
        hold: Option<Hold>,
        now: Timestamp,
    ) -> BoxFuture<'a, StoreResult<()>> {
        let fence = fence.clone();
        Box::pin(async move {
            self.write(move |connection| {
                let run = held(connection, &fence)?;
                append(connection, run.seq, &entries)?;
                settle(connection, &fence.run, &run, &settlement, now)?;
                hold.as_ref().map_or(Ok(()), |hold| share(connection, hold))
            })
            .await?;
            self.shared.arrived.notify_one();
            Ok(())
        })
    }

    fn take_back<'a>(&'a self, owner: &'a str, now: Timestamp) -> BoxFuture<'a, StoreResult<usize>> {
        let owner = owner.to_owned();
        Box::pin(async move {
            let count = self.write(move |connection| take_back(connection, &owner, now)).await?;
            self.shared.arrived.notify_one();
            Ok(count)
        })
    }

    fn arrived(&self) -> BoxFuture<'_, ()> {
        Box::pin(self.shared.arrived.notified())
    }

    fn publish(
        &self,
        versions: Vec<(WorkflowName, WorkflowVersion, String)>,
        now: Timestamp,
    ) -> BoxFuture<'_, StoreResult<()>> {
        Box::pin(self.write(move |connection| {
            versions.iter().try_for_each(|(name, version, text)| publish(connection, name, version, text, now))
        }))
    }

    fn workflow_text<'a>(
        &'a self,
        name: &'a WorkflowName,
        version: &'a WorkflowVersion,
    ) -> BoxFuture<'a, StoreResult<Option<String>>> {
        let (name, version) = (name.clone(), version.clone());
        Box::pin(self.read(move |connection| {
            connection
                .prepare_cached("SELECT text FROM workflow_versions WHERE name = ?1 AND version = ?2")
                .and_then(|mut statement| {
                    statement.query_row(params![name.as_str(), version.as_str()], |row| row.get(0)).optional()
                })
                .map_err(unavailable)
        }))
    }
}

pub(super) fn publish(
    connection: &Connection,
    name: &WorkflowName,
    version: &WorkflowVersion,
    text: &str,
    now: Timestamp,
) -> StoreResult<()> {
    connection
        .prepare_cached(
            "INSERT INTO workflow_versions (name, version, text, published_at) VALUES (?1, ?2, ?3, ?4)
             ON CONFLICT (name, version) DO UPDATE SET text = excluded.text WHERE text <> excluded.text",
        )
        .and_then(|mut statement| statement.execute(params![name.as_str(), version.as_str(), text, now.as_millis()]))
        .map(|_| ())
        .map_err(unavailable)
}

/// How far apart runs come back that were under way together when a process ended, and not for the first time: so that one
/// of them that ends its process does so alone, and the others get through.
const APART: Duration = Duration::from_secs(5);

fn take_back(connection: &Connection, owner: &str, now: Timestamp) -> StoreResult<usize> {
    let mut statement = connection
        .prepare_cached("SELECT seq, broken_off FROM runs WHERE head = 1 AND owner = ?1 ORDER BY seq")
        .map_err(unavailable)?;
    let rows = statement.query_map([owner], |row| Ok((row.get(0)?, row.get(1)?))).map_err(unavailable)?;
    let held: Vec<(i64, u32)> = rows.collect::<rusqlite::Result<_>>().map_err(unavailable)?;
    let mut turn = now;
    for (seq, broken_off) in &held {
        let due_at = if *broken_off == 0 { now } else { turn };
        connection
            .prepare_cached("UPDATE runs SET owner = NULL, due_at = ?2, state = 'queued', reason = NULL WHERE seq = ?1")
            .and_then(|mut statement| statement.execute(params![seq, due_at.as_millis()]))
            .map_err(unavailable)?;
        if *broken_off > 0 {
            turn = turn.plus(APART);
        }
    }
    Ok(held.len())
}

fn claim(
    connection: &Connection,
    owner: &str,
    max: usize,
    until: Timestamp,
    now: Timestamp,
) -> StoreResult<ClaimBatch> {
    keep_time(connection, now)?;
    let mut claims = Vec::new();
    // Where a run is set aside, the next one of its lane comes up, and there is room for one more.
    for _ in 0..MOST_LOOKS {
        let due = due_runs(connection, max.saturating_sub(claims.len()), until, now)?;
        let (found, handed_out) = (due.len(), hand_out(connection, owner, due, now)?);
        let all_good = handed_out.len() == found;
        claims.extend(handed_out);
        if all_good || claims.len() >= max {
            break;
        }
    }
    batch(connection, claims, now)
}

/// How often one claim looks again because runs had to be set aside; the next claim goes on with the rest.
const MOST_LOOKS: usize = 16;

fn claim_one(
    connection: &Connection,
    run: &RunId,
    owner: &str,
    until: Timestamp,
    now: Timestamp,
) -> StoreResult<Offer> {
    /// Is it the first of its lane, when is it due, is its lane its own, and does it wait for an event?
    type Place = (Option<i64>, Option<i64>, Option<bool>, bool);

    keep_time(connection, now)?;
    let found: Option<Place> = connection
        .prepare_cached("SELECT head, due_at, lane = '~' || id, waits FROM runs WHERE id = ?1")
        .and_then(|mut statement| {
            statement
                .query_row([run.as_str()], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?)))
                .optional()
        })
        .map_err(unavailable)?;
    Ok(match found {
        Some((Some(1), Some(due_at), apart, waits)) if due_at > now.as_millis() => {
            Offer::Later { at: Timestamp::from_millis(due_at), only_time: apart != Some(true) && !waits }
        }
        Some((Some(1), Some(_), ..)) => {
            let mut statement = connection.prepare_cached(ONE.as_str()).map_err(unavailable)?;
            let rows = statement.query([run.as_str()]).map_err(unavailable)?;
            let due = read_due(rows, until)?;
            match hand_out(connection, owner, due, now)? {
                // It is set aside, so it is over.
                claims if claims.is_empty() => Offer::Nothing,
                claims => Offer::Ours(Box::new(batch(connection, claims, now)?)),
            }
        }
        Some((Some(_), ..)) => Offer::Behind,
        Some((None, ..)) | None => Offer::Nothing,
    })
}

/// Leases these runs and completes what their runner has to know. Those that cannot be read are set aside instead.
fn hand_out(connection: &Connection, owner: &str, due: Vec<Due>, now: Timestamp) -> StoreResult<Vec<Claim>> {
    let mut lease = connection
        .prepare_cached(
            "UPDATE runs SET owner = ?2, due_at = ?3, deliveries = deliveries + 1, clean = 0, broken_off = ?4,
                             state = 'running', reason = NULL
             WHERE seq = ?1",
        )
        .map_err(unavailable)?;
    let mut claims = Vec::with_capacity(due.len());
    for Due { seq, waits, read } in due {
        let mut claim = match read {
            Ok(claim) => claim,
            Err(why) => {
                set_aside(connection, seq, &why, now)?;
                continue;
            }
        };
        // A first delivery of a first run has no journal; asking would cost a look-up per event.
        if claim.run.deliveries > 1 || claim.run.replay > 0 {
            match read_or_damaged(journal(connection, seq))? {
                Ok(journal) => claim.run.journal = journal,
                Err(why) => {
                    set_aside(connection, seq, &why, now)?;
                    continue;
                }
            }
        }
        lease
            .execute(params![seq, owner, claim.leased_until.as_millis(), claim.run.broken_off])
            .map_err(unavailable)?;
        if claim.run.journal.is_empty() && claim.run.replay == 0 {
            claim.run.changes = changes::about(connection, &claim.run.event.subject, seq, now)?;
        }
        if claim.run.deliveries == 1 && claim.run.changed_at.is_some() {
            claim.run.newest_before = pass_lane_time(connection, seq, &claim.run, now)?;
        }
        if waits {
            claim.run.arrived = waits::arrived(connection, seq)?;
        }
        claims.push(claim);
    }
    Ok(claims)
}

/// These runs, with what every runner has to know.
fn batch(connection: &Connection, claims: Vec<Claim>, now: Timestamp) -> StoreResult<ClaimBatch> {
    Ok(ClaimBatch {
        claims,
        holds: holds(connection, now)?,
        own_actors: changes::own_actors(connection)?,
        next_due: next_due(connection, now)?,
    })
}

/// The lane's latest time so far, which the run's own then joins.
fn pass_lane_time(connection: &Connection, seq: i64, run: &Run, now: Timestamp) -> StoreResult<Option<Timestamp>> {
    let before: Option<i64> = connection
        .prepare_cached("SELECT changed_at FROM lane_times WHERE lane = ?1")
        .and_then(|mut statement| statement.query_row([run.lane.as_str()], |row| row.get(0)).optional())
        .map_err(unavailable)?;
    connection
        .prepare_cached(
            "INSERT INTO lane_times (lane, changed_at, at) VALUES (?1, ?2, ?3)
             ON CONFLICT (lane) DO UPDATE SET changed_at = max(changed_at, excluded.changed_at), at = excluded.at",
        )
        .and_then(|mut statement| {
            let changed_at = run.changed_at.map(Timestamp::as_millis);
            statement.execute(params![run.lane.as_str(), changed_at, now.as_millis()])
        })
        .map_err(unavailable)?;
    connection
        .prepare_cached("UPDATE runs SET newest_before = ?2 WHERE seq = ?1")
        .and_then(|mut statement| statement.execute(params![seq, before]))
        .map_err(unavailable)?;
    Ok(before.map(Timestamp::from_millis))
}

/// A run whose turn has come.
struct Due {
    seq: i64,
    waits: bool,
    /// What its runner gets; or why its record cannot be read.
    read: Result<Claim, String>,
}

fn due_runs(connection: &Connection, max: usize, until: Timestamp, now: Timestamp) -> StoreResult<Vec<Due>> {
    let sql = DUE.as_str();
    let mut statement = connection.prepare_cached(sql).map_err(unavailable)?;
    let limit = i64::try_from(max).unwrap_or(i64::MAX);
    let rows = statement.query(params![now.as_millis(), limit]).map_err(unavailable)?;
    read_due(rows, until)
}

fn read_due(mut rows: Rows<'_>, until: Timestamp) -> StoreResult<Vec<Due>> {
    let mut due = Vec::new();
    while let Some(row) = rows.next().map_err(unavailable)? {
        due.push(Due {
            seq: row.get(0).map_err(unavailable)?,
            waits: row.get(12).map_err(unavailable)?,
            read: read_or_damaged(claim_of(row, until))?,
        });
    }
    Ok(due)
}

/// A run from the columns of [`RUNS`].
pub(super) fn claim_of(row: &Row<'_>, until: Timestamp) -> StoreResult<Claim> {
    let text = |column: usize| row.get::<_, String>(column).map_err(unavailable);
    let deliveries = row.get::<_, u32>(7).map_err(unavailable)?.saturating_add(1);
    let clean: bool = row.get(8).map_err(unavailable)?;
    let id = RunId::new(text(1)?);
    let run = Run {
        id: id.clone(),
        workflow: WorkflowName::parse(&text(2)?).map_err(|_| corrupt("a run's workflow"))?,
        version: WorkflowVersion::new(text(3)?),
        lane: Lane::from_stored(text(4)?),
        replay: row.get(5).map_err(unavailable)?,
        queued_at: time(row, 6)?,
        deliveries,
        interrupted: !clean,
        broken_off: if clean { 0 } else { row.get::<_, u32>(13).map_err(unavailable)?.saturating_add(1) },
        parked: row.get(9).map_err(unavailable)?,
        changed_at: maybe_time(row, 10)?,
        newest_before: maybe_time(row, 11)?,
        event: event(row, 14)?,
        journal: Vec::new(),
        arrived: Vec::new(),
        changes: Vec::new(),
    };
    Ok(Claim { run, fence: Fence { run: id, delivery: deliveries }, leased_until: until })
}

pub(super) static RUNS: LazyLock<String> = LazyLock::new(|| {
    format!(
        "SELECT r.seq, r.id, r.workflow, r.version, r.lane, r.replay, r.queued_at, r.deliveries, r.clean, r.parked,
                r.changed_at, r.newest_before, r.waits, r.broken_off, {EVENT}
         FROM runs r LEFT JOIN events e ON e.seq = r.event"
    )
});

static DUE: LazyLock<String> =
    LazyLock::new(|| format!("{} WHERE r.head = 1 AND r.due_at <= ?1 ORDER BY r.due_at, r.seq LIMIT ?2", *RUNS));

static ONE: LazyLock<String> = LazyLock::new(|| format!("{} WHERE r.id = ?1", *RUNS));

fn holds(connection: &Connection, now: Timestamp) -> StoreResult<Vec<Hold>> {
    let mut statement =
        connection.prepare_cached("SELECT budget, until FROM holds WHERE until > ?1").map_err(unavailable)?;
    let mut rows = statement.query([now.as_millis()]).map_err(unavailable)?;
    let mut holds = Vec::new();
    while let Some(row) = rows.next().map_err(unavailable)? {
        let key = readable(RecordKind::Shared, || shown(row, 0), row.get(0).map_err(unavailable))?;
        let until = time(row, 1)?;
        holds.extend(key.map(|key| Hold { key: HoldKey(key), until }));
    }
    Ok(holds)
}

fn next_due(connection: &Connection, now: Timestamp) -> StoreResult<Option<Timestamp>> {
    connection
        .prepare_cached("SELECT min(due_at) FROM runs WHERE head = 1 AND due_at > ?1")
        .and_then(|mut statement| statement.query_row([now.as_millis()], |row| row.get::<_, Option<i64>>(0)))
        .map(|due| due.map(Timestamp::from_millis))
        .map_err(unavailable)
}

/// A run that the bearer of a fence holds.
struct Held {
    seq: i64,
    lane: String,
    waits: bool,
}

fn held(connection: &Connection, fence: &Fence) -> StoreResult<Held> {
    connection
        .prepare_cached("SELECT seq, lane, waits FROM runs WHERE id = ?1 AND deliveries = ?2 AND owner IS NOT NULL")
        .and_then(|mut statement| {
            statement
                .query_row(params![fence.run.as_str(), fence.delivery], |row| {
                    Ok(Held { seq: row.get(0)?, lane: row.get(1)?, waits: row.get(2)? })
                })
                .optional()
        })
        .map_err(unavailable)?
        .ok_or(StoreError::Fenced)
}

/// Ends a run that cannot be read, visibly, and lets its lane go on. What it holds stays as it is, for whoever can read it.
fn set_aside(connection: &Connection, seq: i64, why: &str, now: Timestamp) -> StoreResult<()> {
    tell(RecordKind::Run, &format!("number {seq}"), why);
    waits::forget(connection, seq)?;
    let reason = format!(
        "Set aside: the store holds it and cannot read it ({why}). Nothing more is done for it; `deskwire doctor` says what \
         to do"
    );
    connection
        .prepare_cached(
            "UPDATE runs SET state = 'dead', reason = ?2, ended_at = ?3, owner = NULL, head = NULL, due_at = NULL, clean = 1
             WHERE seq = ?1",
        )
        .and_then(|mut statement| statement.execute(params![seq, reason, now.as_millis()]))
        .map_err(unavailable)?;
    // By its number, since its lane's name may be what cannot be read.
    connection
        .prepare_cached(
            "UPDATE runs SET head = 1 WHERE seq = (
                 SELECT o.seq FROM runs o WHERE o.lane = (SELECT lane FROM runs WHERE seq = ?1) AND o.head IS NOT NULL
                 ORDER BY o.seq LIMIT 1)",
        )
        .and_then(|mut statement| statement.execute([seq]))
        .map(|_| ())
        .map_err(unavailable)
}

fn settle(
    connection: &Connection,
    id: &RunId,
    held: &Held,
    settlement: &Settlement,
    now: Timestamp,
) -> StoreResult<()> {
    if held.waits && !matches!(settlement, Settlement::Wait { event: Some(_), .. } | Settlement::Block { .. }) {
        waits::forget(connection, held.seq)?;
    }
    let run = |sql: &str, values: &[&dyn rusqlite::ToSql]| {
        connection
            .prepare_cached(sql)
            .and_then(|mut statement| statement.execute(values))
            .map(|_| ())
            .map_err(unavailable)
    };
    match settlement {
        Settlement::Over { state, reason } => {
            run(
                "UPDATE runs SET state = ?2, reason = ?3, ended_at = ?4, owner = NULL, head = NULL, due_at = NULL, clean = 1
                 WHERE seq = ?1",
                &[&held.seq, &state.as_str(), reason, &now.as_millis()],
            )?;
            promote(connection, &held.lane)
        }
        Settlement::Again { at, reason } => run(
            "UPDATE runs SET state = ?2, reason = ?3, due_at = ?4, owner = NULL, clean = 1 WHERE seq = ?1",
            &[&held.seq, &RunState::Retrying.as_str(), reason, &at.as_millis()],
        ),
        Settlement::Wait { until, event, reason } => {
            let own_lane = own_lane(id);
            let due_at = match event {
                Some(event) if waits::begin(connection, held.seq, event)? > event.seen => now.min(*until),
                _ => *until,
            };
            run(
                "UPDATE runs SET state = ?2, reason = ?3, due_at = ?4, lane = ?5, waits = ?6, owner = NULL, clean = 1
                 WHERE seq = ?1",
                &[&held.seq, &RunState::Waiting.as_str(), reason, &due_at.as_millis(), &own_lane, &event.is_some()],
            )?;
            if held.lane == own_lane { Ok(()) } else { promote(connection, &held.lane) }
        }
        Settlement::Block { until, event, reason } => {
            let due_at = if waits::begin(connection, held.seq, event)? > event.seen { now.min(*until) } else { *until };
            run(
                "UPDATE runs SET state = ?2, reason = ?3, due_at = ?4, waits = 1, owner = NULL, clean = 1 WHERE seq = ?1",
                &[&held.seq, &RunState::Waiting.as_str(), reason, &due_at.as_millis()],
            )
        }
        Settlement::Park { lane_until, reason } => run(
            "UPDATE runs SET state = ?2, reason = ?3, due_at = ?4, owner = NULL, clean = 1, parked = 1 WHERE seq = ?1",
            &[&held.seq, &RunState::Unknown.as_str(), reason, &lane_until.as_millis()],
        ),
        Settlement::GiveWay { reason } => {
            run(
                "UPDATE runs SET state = ?2, reason = ?3, owner = NULL, head = NULL, due_at = NULL, clean = 1 WHERE seq = ?1",
                &[&held.seq, &RunState::Unknown.as_str(), reason],
            )?;
            promote(connection, &held.lane)
        }
    }
}

/// The lane of a run that has left the one it shared. `~` begins no workflow's name.
pub(super) fn own_lane(run: &RunId) -> String {
    format!("~{run}")
}

fn share(connection: &Connection, hold: &Hold) -> StoreResult<()> {
    connection
        .prepare_cached(
            "INSERT INTO holds (budget, until) VALUES (?1, ?2)
             ON CONFLICT (budget) DO UPDATE SET until = max(until, excluded.until)",
        )
        .and_then(|mut statement| statement.execute(params![hold.key.0, hold.until.as_millis()]))
        .map(|_| ())
        .map_err(unavailable)
}
