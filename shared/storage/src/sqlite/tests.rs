//! What is special to SQLite; the contract itself runs below against a file and against memory.

use deskwire_core::ports::{Filter, History, Inbox, StoreError, Work};
use deskwire_core::time::Timestamp;

use super::*;
use crate::contract::Stores;

mod busy;
mod clock;
mod damaged;
mod removal;
mod rights;

mod on_a_file {
    use super::*;
    crate::store_contract!(async || {
        let folder = tempfile::tempdir().unwrap();
        (damaged::stores(&SqliteStore::open(folder.path()).unwrap()), folder)
    });
}

mod in_memory {
    use super::*;
    crate::store_contract!(async || (damaged::stores(&SqliteStore::in_memory().unwrap()), ()));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_openings_of_one_file_hand_out_each_run_once() {
    let folder = tempfile::tempdir().unwrap();
    let stores: Vec<_> = (0..2).map(|_| SqliteStore::open(folder.path()).unwrap()).collect();
    let tasks: Vec<_> = (0..2)
        .map(|one| {
            let (own, other) = (stores[one].clone(), stores[1 - one].clone());
            tokio::spawn(async move {
                for number in 0..100 {
                    own.accept(arrival(one * 1000 + number)).await.unwrap();
                }
                let mut claimed = Vec::new();
                loop {
                    let batch = other.claim("runner", 7, Duration::from_mins(1), Timestamp::default()).await.unwrap();
                    if batch.claims.is_empty() {
                        break claimed;
                    }
                    claimed.extend(batch.claims.into_iter().map(|claim| claim.run.id.to_string()));
                }
            })
        })
        .collect();
    let mut claimed = Vec::new();
    for task in tasks {
        claimed.extend(task.await.unwrap());
    }
    let handed_out = claimed.len();
    claimed.sort();
    claimed.dedup();
    assert_eq!((handed_out, claimed.len()), (200, 200));
}

#[tokio::test]
async fn asking_whether_the_store_is_ready_writes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let store = SqliteStore::open(folder.path()).unwrap();
    let other = Connection::open(folder.path().join("deskwire.db")).unwrap();
    let version = || other.query_row("PRAGMA data_version", [], |row| row.get::<_, i64>(0)).unwrap();
    let before = version();
    for _ in 0..3 {
        store.ready().await.unwrap();
    }
    assert_eq!(version(), before);
    store.accept(arrival(1)).await.unwrap();
    assert_ne!(version(), before, "a write is seen");
}

#[tokio::test]
async fn a_write_that_panics_harms_no_other_and_the_store_goes_on() {
    let folder = tempfile::tempdir().unwrap();
    for store in [SqliteStore::open(folder.path()).unwrap(), SqliteStore::in_memory().unwrap()] {
        let fault = store.write(|connection| -> StoreResult<()> {
            connection.execute("DELETE FROM generation", []).map_err(unavailable)?;
            panic!("a fault of ours");
        });
        let (fault, accepted) = tokio::join!(fault, store.accept(arrival(1)));
        assert!(matches!(fault, Err(StoreError::Corrupt(_))));
        accepted.unwrap();
        store.accept(arrival(2)).await.unwrap();
        store.ready().await.unwrap();
    }
}

#[tokio::test]
async fn runs_that_were_under_way_together_at_a_second_crash_come_back_apart() {
    let store = SqliteStore::in_memory().unwrap();
    for number in 0..3 {
        store.accept(arrival(number)).await.unwrap();
    }
    let now = Timestamp::from_millis(1_000);
    let claim = async |at: Timestamp| store.claim("serve", 9, Duration::from_mins(1), at).await.unwrap().claims.len();
    assert_eq!(claim(now).await, 3);
    store.take_back("serve", now).await.unwrap();
    assert_eq!(claim(now).await, 3, "once may be anybody's restart");
    store.take_back("serve", now).await.unwrap();
    assert_eq!(claim(now).await, 1, "whichever of them ends the process does so alone");
    assert_eq!(claim(now.plus(Duration::from_secs(5))).await, 1);
    assert_eq!(claim(now.plus(Duration::from_secs(10))).await, 1);
}

fn arrival(number: usize) -> deskwire_core::ports::Arrival {
    use deskwire_core::event::{Event, JsonText};
    use deskwire_core::ids::{EventId, Lane, RunId, SourceName, WorkflowName, WorkflowVersion};
    let workflow = WorkflowName::parse("a").unwrap();
    deskwire_core::ports::Arrival {
        event: Event {
            source: SourceName::parse("zendesk").unwrap(),
            id: EventId::new(format!("e{number}")),
            kind: "ticket.created".to_owned(),
            subject: format!("t{number}"),
            time: Timestamp::default(),
            received_at: Timestamp::default(),
            data: JsonText::from_stored(format!("\"{}\"", "x".repeat(2000))),
            change: deskwire_core::event::ChangeFacts::default(),
            request_id: None,
        },
        also_known_as: vec![],
        wanted: vec![deskwire_core::ports::Wanted {
            lane: Lane::of(&workflow, &format!("t{number}")),
            workflow,
            version: WorkflowVersion::new("v"),
            run: RunId::new(format!("run_{number}")),
            policy: deskwire_core::ports::LanePolicy::Every,
            changed_at: None,
            unasked: false,
        }],
        declined: vec![],
        awaited: false,
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn concurrent_acknowledgements_share_a_commit() {
    let folder = tempfile::tempdir().unwrap();
    let store = SqliteStore::open(folder.path()).unwrap();
    // The writer is kept busy until all 500 wait, so that how many commits they need does not depend on the machine.
    let (busy, free) = std::sync::mpsc::channel::<()>();
    let blocker = store.write(move |_| {
        free.recv().ok();
        Ok(())
    });
    let events: Vec<_> = (0..500).map(|number| store.accept(arrival(number))).collect();
    let all = async {
        let mut waiting: Vec<_> = events.into_iter().map(Box::pin).collect();
        // The first poll of each hands its job to the writer.
        std::future::poll_fn(|context| {
            for accept in &mut waiting {
                let _ = accept.as_mut().poll(context);
            }
            std::task::Poll::Ready(())
        })
        .await;
        busy.send(()).unwrap();
        for accept in waiting {
            accept.await.unwrap();
        }
    };
    let before = wal_commits(folder.path());
    tokio::join!(async { blocker.await.unwrap() }, all);
    let commits = wal_commits(folder.path()) - before;
    assert!((1..=3).contains(&commits), "{commits} commits for 500 events");
}

/// Counts the commits in a write-ahead log: a frame header's second word is nonzero on the last frame of a commit
/// (<https://www.sqlite.org/fileformat2.html#the_write_ahead_log>).
fn wal_commits(folder: &Path) -> usize {
    let log = std::fs::read(folder.join("deskwire.db-wal")).unwrap();
    let page_size = u32::from_be_bytes(log[8..12].try_into().unwrap()) as usize;
    log[32..].chunks(24 + page_size).filter(|frame| frame[4..8] != [0; 4]).count()
}

#[tokio::test]
async fn a_store_that_is_full_says_so_and_keeps_what_it_acknowledged() {
    let folder = tempfile::tempdir().unwrap();
    let store = SqliteStore::open(folder.path()).unwrap();
    store
        .write(|connection| {
            let pages: i64 =
                connection.pragma_query_value(None, "page_count", |row| row.get(0)).map_err(unavailable)?;
            connection.pragma_update(None, "max_page_count", pages + 20).map_err(unavailable)
        })
        .await
        .unwrap();
    let mut acknowledged = 0;
    let refused = loop {
        match store.accept(arrival(acknowledged)).await {
            Ok(_) => acknowledged += 1,
            Err(error) => break error,
        }
    };
    assert!(matches!(&refused, StoreError::Unavailable { reason } if reason.contains("full")), "{refused}");
    let kept = store.events(Filter { limit: 1000, ..Filter::default() }).await.unwrap();
    assert_eq!(kept.len(), acknowledged);
    assert_eq!(
        store.runs(Filter { limit: 1000, ..Filter::default() }).await.unwrap().len(),
        acknowledged,
        "no half state"
    );
    assert!(acknowledged > 0);
}

#[tokio::test]
async fn a_store_is_never_continued_by_the_other_kind() {
    for (own, other) in [(DataKind::Live, DataKind::Sandbox), (DataKind::Sandbox, DataKind::Live)] {
        let folder = tempfile::tempdir().unwrap();
        // Whoever opens it first marks it, before anything is kept in it.
        drop(SqliteStore::open_for(folder.path(), own).unwrap());
        let refused = SqliteStore::open_for(folder.path(), other).err().expect("it is refused");
        assert!(matches!(&refused, OpenError::OtherKind { found, .. } if *found == own));
        let said = refused.to_string();
        assert!(
            said.contains("--data") && said.contains("--sandbox") && said.contains(folder.path().to_str().unwrap())
        );
        drop(SqliteStore::open_for(folder.path(), own).unwrap());
        assert_eq!(SqliteStore::open(folder.path()).unwrap().kind().await.unwrap(), Some(own), "anybody may look");
    }
}

#[tokio::test]
async fn looking_at_a_store_does_not_mark_it() {
    let folder = tempfile::tempdir().unwrap();
    assert_eq!(SqliteStore::open(folder.path()).unwrap().kind().await.unwrap(), None);
    drop(SqliteStore::open_for(folder.path(), DataKind::Sandbox).unwrap());
    assert!(SqliteStore::open_for(folder.path(), DataKind::Live).is_err());
}

#[tokio::test]
async fn data_from_before_there_were_marks_counts_as_live() {
    let folder = tempfile::tempdir().unwrap();
    SqliteStore::open(folder.path()).unwrap().accept(arrival(1)).await.unwrap();
    let refused = SqliteStore::open_for(folder.path(), DataKind::Sandbox).err();
    assert!(matches!(refused, Some(OpenError::OtherKind { found: DataKind::Live, .. })));
    drop(SqliteStore::open_for(folder.path(), DataKind::Live).unwrap());
}

#[test]
fn a_store_of_a_newer_version_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    drop(SqliteStore::open(folder.path()).unwrap());
    let connection = Connection::open(folder.path().join("deskwire.db")).unwrap();
    connection.pragma_update(None, "user_version", 999).unwrap();
    assert!(matches!(SqliteStore::open(folder.path()), Err(OpenError::Newer { found: 999, .. })));
}

#[test]
fn a_file_that_is_no_store_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("deskwire.db"), "this is not a database, and long enough to tell").unwrap();
    assert!(matches!(SqliteStore::open(folder.path()), Err(OpenError::File { .. })));
}

#[test]
fn a_folder_that_cannot_be_made_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("a-file");
    std::fs::write(&file, "").unwrap();
    assert!(matches!(SqliteStore::open(&file.join("below")), Err(OpenError::Folder { .. })));
}

#[tokio::test]
async fn a_bad_job_harms_nobody_else() {
    let store = SqliteStore::in_memory().unwrap();
    let failed =
        store.write(|connection| connection.execute("INSERT INTO nowhere VALUES (1)", []).map_err(unavailable)).await;
    assert!(failed.is_err());
    assert!(store.accept(arrival(1)).await.is_ok());
}

#[tokio::test]
async fn every_commit_is_synced_to_the_disk() {
    let folder = tempfile::tempdir().unwrap();
    let store = SqliteStore::open(folder.path()).unwrap();
    let settings = store.write(|connection| {
        let number = |name| connection.pragma_query_value(None, name, |row| row.get::<_, i64>(0)).map_err(unavailable);
        let mode: String =
            connection.pragma_query_value(None, "journal_mode", |row| row.get(0)).map_err(unavailable)?;
        Ok((mode, number("synchronous")?))
    });
    assert_eq!(settings.await.unwrap(), ("wal".to_owned(), 2), "2 is FULL");
}

#[tokio::test]
async fn a_file_of_the_first_format_is_brought_up_to_date_with_what_it_holds() {
    let folder = tempfile::tempdir().unwrap();
    let old = Connection::open(folder.path().join("deskwire.db")).unwrap();
    old.execute_batch(schema::MIGRATIONS[0]).unwrap();
    old.execute_batch(
        "INSERT INTO events (source, id, type, subject, time, received_at, state, data)
         VALUES ('zendesk', 'e1', 'ticket.created', 't1', 1, 1, 'accepted', '{}');
         INSERT INTO runs (id, event, workflow, version, lane, replay, state, queued_at, head, due_at)
         VALUES ('run_1', 1, 'a', 'v1', 'a|t1', 0, 'queued', 1, 1, 1);
         PRAGMA user_version = 1;",
    )
    .unwrap();
    drop(old);
    let store = SqliteStore::open(folder.path()).unwrap();
    let batch = store.claim("runner", 1, Duration::from_mins(1), Timestamp::from_millis(5)).await.unwrap();
    assert_eq!(batch.claims[0].run.id.as_str(), "run_1");
    assert!(batch.claims[0].run.event.change.is_empty());
}

#[tokio::test]
async fn what_is_due_next_is_found_by_index_however_many_runs_wait() {
    let store = SqliteStore::in_memory().unwrap();
    let plans = store
        .read(|connection| {
            let mut plans = Vec::new();
            for sql in [
                "SELECT seq FROM runs r WHERE r.head = 1 AND r.due_at <= 5 ORDER BY r.due_at, r.seq LIMIT 10",
                "SELECT min(due_at) FROM runs WHERE head = 1 AND due_at > 5",
                "SELECT run, events FROM waits WHERE subject = 't' AND source = 's'",
                "SELECT written FROM changes c WHERE c.subject = 't' AND c.announced_at >= 5",
                "SELECT e.seq, e.type FROM events e WHERE e.subject = 't' AND e.source = 's' ORDER BY e.seq",
            ] {
                let mut statement = connection.prepare(&format!("EXPLAIN QUERY PLAN {sql}")).map_err(unavailable)?;
                let plan = statement.query_map([], |row| row.get::<_, String>(3)).map_err(unavailable)?;
                plans.push(plan.collect::<rusqlite::Result<Vec<_>>>().map_err(unavailable)?.join("; "));
            }
            Ok(plans)
        })
        .await
        .unwrap();
    for plan in plans {
        assert!(plan.contains("USING") && plan.contains("INDEX") && !plan.contains("SCAN"), "{plan}");
    }
}
