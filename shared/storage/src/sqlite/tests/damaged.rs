//! How records of this store are damaged, and what only this store can suffer.

use deskwire_core::BoxFuture;
use deskwire_core::damage::{Inspection, RecordKind};
use deskwire_core::ports::{History, Registry};

use super::*;
use crate::contract::Hurt;

/// The store behind its ports, with a way to damage it.
pub(super) fn stores(store: &SqliteStore) -> Stores {
    Stores::of(store.clone()).hurt_by(Arc::new(Hurting(store.clone())))
}

struct Hurting(SqliteStore);

impl Hurt for Hurting {
    fn hurt<'a>(&'a self, kind: RecordKind, key: &'a str) -> BoxFuture<'a, ()> {
        let of_run = "(SELECT seq FROM runs WHERE id = ?1)";
        let sql = match kind {
            RecordKind::Event => "UPDATE events SET state = 'broken', marks = '{' WHERE id = ?1".to_owned(),
            RecordKind::Run => "UPDATE runs SET state = 'broken', workflow = 'No Name!' WHERE id = ?1".to_owned(),
            RecordKind::Journal => format!("UPDATE journal SET entry = '{{' WHERE run = {of_run} AND n = 1"),
            RecordKind::Change => format!("UPDATE changes SET written = '{{' WHERE run = {of_run}"),
            RecordKind::Wait => format!("UPDATE waits SET events = '{{' WHERE run = {of_run}"),
            RecordKind::Shared => "UPDATE holds SET budget = CAST(x'ff' AS TEXT) WHERE budget = ?1".to_owned(),
            RecordKind::Workflow => "UPDATE deployments SET file = CAST(x'ff' AS TEXT) WHERE name = ?1".to_owned(),
            RecordKind::Connection => "UPDATE connections SET kind = CAST(x'ff' AS TEXT) WHERE name = ?1".to_owned(),
            RecordKind::Tokens => "UPDATE tokens SET state = json_set(state, '$.expires_at', '9223372036854775 ms')
                                   WHERE connection = ?1"
                .to_owned(),
            RecordKind::Secret => "UPDATE secrets SET key = CAST(x'ff' AS TEXT) WHERE name = ?1".to_owned(),
            RecordKind::Document => "UPDATE documents SET text = CAST(x'ff' AS TEXT) WHERE name = ?1".to_owned(),
        };
        Box::pin(run(&self.0, sql, key))
    }
}

/// Changes exactly one row, behind the store's back.
async fn run(store: &SqliteStore, sql: String, key: &str) {
    let key = key.to_owned();
    let changed = store.write(move |connection| connection.execute(&sql, [&key]).map_err(unavailable)).await;
    assert_eq!(changed.unwrap(), 1);
}

#[tokio::test]
async fn a_run_whose_event_is_gone_is_set_aside_and_shown() {
    let store = SqliteStore::in_memory().unwrap();
    store.accept(arrival(1)).await.unwrap();
    store.accept(arrival(2)).await.unwrap();
    let gone = store.write(|connection| {
        connection
            .execute_batch("PRAGMA defer_foreign_keys = ON; UPDATE runs SET event = 99 WHERE id = 'run_1'")
            .map_err(unavailable)
    });
    // SQLite itself holds to the reference, as long as whoever writes has asked it to.
    assert!(gone.await.is_err());
    let off = |on: bool| {
        store.write(move |connection| {
            // A pragma within a transaction would do nothing.
            connection.execute_batch("COMMIT").map_err(unavailable)?;
            connection.pragma_update(None, "foreign_keys", on).map_err(unavailable)?;
            connection.execute_batch("BEGIN IMMEDIATE").map_err(unavailable)
        })
    };
    off(false).await.unwrap();
    run(&store, "UPDATE runs SET event = 99 WHERE id = ?1".to_owned(), "run_1").await;
    off(true).await.unwrap();
    let batch = store.claim("runner", 10, Duration::from_mins(1), Timestamp::from_millis(5)).await.unwrap();
    assert_eq!(batch.claims.iter().map(|claim| claim.run.id.as_str()).collect::<Vec<_>>(), ["run_2"]);
    let dead = store.runs(Filter { state: Some("dead".to_owned()), ..Filter::default() }).await.unwrap();
    assert_eq!(dead.len(), 1);
    assert!(store.inspect(10).await.unwrap().damaged.iter().any(|one| one.key == "run_1"));
}

#[tokio::test]
async fn many_damaged_runs_do_not_keep_a_claim_from_the_good_one_behind_them() {
    let store = SqliteStore::in_memory().unwrap();
    for number in 0..40 {
        store.accept(arrival(number)).await.unwrap();
    }
    let hurt = store.write(|connection| {
        connection.execute("UPDATE runs SET workflow = 'No Name!' WHERE id <> 'run_39'", []).map_err(unavailable)
    });
    assert_eq!(hurt.await.unwrap(), 39);
    let mut claimed = Vec::new();
    for _ in 0..4 {
        let batch = store.claim("runner", 1, Duration::from_mins(1), Timestamp::from_millis(5)).await.unwrap();
        claimed.extend(batch.claims.into_iter().map(|claim| claim.run.id.to_string()));
    }
    assert_eq!(claimed, ["run_39"]);
}

#[tokio::test]
async fn a_shared_fact_that_is_unreadable_stops_no_claim() {
    let store = SqliteStore::in_memory().unwrap();
    store.accept(arrival(1)).await.unwrap();
    let hurt = store.write(|connection| {
        let sql = "INSERT INTO own_actors VALUES (CAST(x'ff' AS TEXT)); INSERT INTO own_actors VALUES ('u1');
                   INSERT INTO holds VALUES (CAST(x'61ff' AS TEXT), 100)";
        connection.execute_batch(sql).map_err(unavailable)
    });
    hurt.await.unwrap();
    let batch = store.claim("runner", 1, Duration::from_mins(1), Timestamp::from_millis(5)).await.unwrap();
    assert_eq!((batch.claims.len(), batch.own_actors, batch.holds), (1, vec!["u1".to_owned()], vec![]));
    assert_eq!(store.inspect(10).await.unwrap().damaged.len(), 2);
}

#[tokio::test]
async fn a_count_of_changes_that_is_gone_is_made_anew() {
    let store = SqliteStore::in_memory().unwrap();
    run(&store, "DELETE FROM generation WHERE only = ?1".to_owned(), "1").await;
    assert!(!store.inspect(10).await.unwrap().damaged.is_empty());
    let document = deskwire_core::ports::Deploy::Document { name: "a".to_owned(), text: "b".to_owned() };
    store.deploy(vec![document], Timestamp::default()).await.unwrap();
    assert_eq!(store.generation().await.unwrap(), 1);
    assert!(store.inspect(10).await.unwrap().damaged.is_empty());
}

#[tokio::test]
async fn an_inspection_says_when_it_did_not_look_at_everything() {
    let store = SqliteStore::in_memory().unwrap();
    for number in 0..3 {
        store.accept(arrival(number)).await.unwrap();
    }
    assert!(store.inspect(2).await.unwrap().cut);
    assert!(!store.inspect(3).await.unwrap().cut);
}
