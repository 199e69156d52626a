//! Removing what is old: by index, in small turns, past what has to stay.

use deskwire_core::ports::Settlement;
use deskwire_core::run::RunState;

use super::*;
use crate::sqlite::retention::OLD;

/// A store with so many events, one each millisecond, whose runs are over.
async fn filled(events: usize) -> SqliteStore {
    let store = SqliteStore::in_memory().unwrap();
    for number in 0..events {
        let mut arrival = arrival(number);
        arrival.event.received_at = Timestamp::from_millis(i64::try_from(number).unwrap());
        store.accept(arrival).await.unwrap();
    }
    let now = Timestamp::from_millis(100_000);
    for claim in store.claim("runner", events, Duration::from_mins(1), now).await.unwrap().claims {
        let over = Settlement::Over { state: RunState::Succeeded, reason: "done".to_owned() };
        store.settle(&claim.fence, vec![], over, None, now).await.unwrap();
    }
    store
}

#[tokio::test]
async fn what_is_old_is_found_by_index_and_erased_by_key() {
    let store = SqliteStore::in_memory().unwrap();
    let plans = store
        .read(|connection| {
            let mut plans = Vec::new();
            for sql in [
                OLD.replace("?1", "5").replace("?2", "5").replace("?3", "9").replace("?4", "10"),
                "DELETE FROM journal WHERE run IN (SELECT seq FROM runs WHERE event = 5)".to_owned(),
                "DELETE FROM changes WHERE run IN (SELECT seq FROM runs WHERE event = 5)".to_owned(),
                "DELETE FROM arrivals WHERE run IN (SELECT seq FROM runs WHERE event = 5)".to_owned(),
                "DELETE FROM waits WHERE run IN (SELECT seq FROM runs WHERE event = 5)".to_owned(),
                "DELETE FROM runs WHERE event = 5".to_owned(),
                "DELETE FROM events WHERE seq = 5".to_owned(),
                "DELETE FROM lane_times WHERE lane IN (SELECT lane FROM lane_times WHERE at < 5 LIMIT 10)".to_owned(),
            ] {
                let mut statement = connection.prepare(&format!("EXPLAIN QUERY PLAN {sql}")).map_err(unavailable)?;
                let plan = statement.query_map([], |row| row.get::<_, String>(3)).map_err(unavailable)?;
                plans.push(plan.collect::<rusqlite::Result<Vec<_>>>().map_err(unavailable)?.join("; "));
            }
            Ok(plans)
        })
        .await
        .unwrap();
    assert!(plans[0].contains("events_by_arrival (received_at>? AND received_at<?)"), "{}", plans[0]);
    for plan in plans {
        assert!(plan.contains("USING") && !plan.contains("SCAN") && !plan.contains("TEMP B-TREE"), "{plan}");
    }
}

#[tokio::test]
async fn no_more_is_removed_than_was_asked_for_and_the_next_turn_goes_on() {
    let store = filled(50).await;
    let before = Timestamp::from_millis(40);
    for expected in [15, 15, 10, 0] {
        assert_eq!(store.purge(before, 15).await.unwrap(), expected);
    }
    assert_eq!(store.counts().await.unwrap().events, 10);
    assert_eq!(store.removing(), None, "the next time begins with the oldest again");
}

#[tokio::test]
async fn what_has_to_stay_is_passed_by_once_however_much_it_is() {
    let store = filled(60).await;
    let kept = store.write(|connection| {
        connection.execute("UPDATE runs SET ended_at = NULL WHERE seq <= 30", []).map_err(unavailable)
    });
    assert_eq!(kept.await.unwrap(), 30);
    assert_eq!(store.purge(Timestamp::from_millis(60), 10).await.unwrap(), 10);
    assert!(store.removing().is_some(), "the search does not begin with those that stay again");
    assert_eq!(store.purge(Timestamp::from_millis(60), 100).await.unwrap(), 20);
    assert_eq!(store.counts().await.unwrap().events, 30);
}

#[tokio::test]
async fn an_event_with_a_long_journal_is_a_turn_of_its_own() {
    let store = filled(3).await;
    let long = store.write(|connection| {
        connection
            .execute_batch(
                "WITH RECURSIVE n(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM n WHERE n < 1500)
                 INSERT INTO journal (run, n, entry) SELECT r.seq, n.n, '{}' FROM runs r, n",
            )
            .map_err(unavailable)
    });
    long.await.unwrap();
    let (done, gone) = store.write(|connection| retention::erase(connection, &[1, 2, 3])).await.unwrap();
    assert_eq!((done, gone), (1, 1), "the writer is given back after the first");
    assert_eq!(store.purge(Timestamp::from_millis(60), 100).await.unwrap(), 2);
}

#[tokio::test]
async fn a_run_that_was_replayed_since_it_was_chosen_keeps_its_event() {
    let store = filled(2).await;
    let (old, new) = ["run_0", "run_again"].map(deskwire_core::ids::RunId::new).into();
    let replayed = store.replay(&old, new, vec![], Timestamp::from_millis(100_001)).await.unwrap();
    assert_eq!(replayed, Some(1));
    let erased = store.write(|connection| retention::erase(connection, &[1, 2])).await.unwrap();
    assert_eq!(erased, (2, 1));
}
