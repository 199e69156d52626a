//! A clock that is set back by an hour.

use deskwire_core::ids::ConnectionName;
use deskwire_core::ports::{Settlement, TokenStates};
use deskwire_core::token::{Leased, TokenState};

use super::*;

const HOUR: i64 = 3_600_000;
const LEASE: Duration = Duration::from_mins(1);

fn at(millis: i64) -> Timestamp {
    Timestamp::from_millis(millis)
}

async fn claimed(store: &SqliteStore, now: i64) -> Vec<deskwire_core::ports::Claim> {
    store.claim("runner", 10, LEASE, at(now)).await.unwrap().claims
}

#[tokio::test]
async fn a_retry_and_a_wait_keep_the_time_they_had_left() {
    let store = SqliteStore::in_memory().unwrap();
    let now = 2 * HOUR;
    for number in 1..=2 {
        store.accept(arrival(number)).await.unwrap();
    }
    let claims = claimed(&store, now).await;
    let again = Settlement::Again { at: at(now + 20_000), reason: "slow down".to_owned() };
    let wait = Settlement::Wait { until: at(now + 40_000), event: None, reason: "waits".to_owned() };
    for (claim, settlement) in claims.iter().zip([again, wait]) {
        store.settle(&claim.fence, vec![], settlement, None, at(now)).await.unwrap();
    }
    let back = now - HOUR;
    assert!(claimed(&store, back).await.is_empty());
    assert!(claimed(&store, back + 19_999).await.is_empty());
    assert_eq!(claimed(&store, back + 20_000).await.len(), 1);
    assert_eq!(claimed(&store, back + 40_000).await.len(), 1);
}

#[tokio::test]
async fn a_lease_lasts_as_long_as_it_had_left() {
    let store = SqliteStore::in_memory().unwrap();
    let now = 2 * HOUR;
    store.accept(arrival(1)).await.unwrap();
    assert_eq!(claimed(&store, now).await.len(), 1);
    let back = now - HOUR;
    assert!(claimed(&store, back).await.is_empty(), "nobody else gets it sooner");
    assert!(claimed(&store, back + 59_999).await.is_empty());
    assert_eq!(claimed(&store, back + 60_000).await.len(), 1);
}

#[tokio::test]
async fn a_budget_and_a_renewal_keep_the_time_they_had_left() {
    let store = SqliteStore::in_memory().unwrap();
    let now = 2 * HOUR;
    store.accept(arrival(1)).await.unwrap();
    let claim = claimed(&store, now).await.remove(0);
    let key = deskwire_core::action::HoldKey("slack".to_owned());
    let hold = deskwire_core::action::Hold { key, until: at(now + 5_000) };
    let again = Settlement::Again { at: at(now + 5_000), reason: "slow down".to_owned() };
    store.settle(&claim.fence, vec![], again, Some(hold), at(now)).await.unwrap();
    let slack = ConnectionName::parse("slack").unwrap();
    let state = TokenState { due_at: Some(at(now - 1)), ..TokenState::empty(slack.clone(), at(now)) };
    store.put_tokens(state, None).await.unwrap();
    assert!(matches!(store.lease_tokens(&slack, "dead", at(now), at(now + 9_000)).await.unwrap(), Leased::Ours(_)));
    let back = now - HOUR;
    let batch = store.claim("runner", 10, LEASE, at(back)).await.unwrap();
    assert_eq!(batch.holds[0].until, at(back + 5_000));
    assert_eq!(store.due_tokens(at(back), 10).await.unwrap(), std::slice::from_ref(&slack));
    let lease = store.lease_tokens(&slack, "other", at(back + 9_000), at(back + 20_000)).await.unwrap();
    assert!(matches!(lease, Leased::Ours(_)), "the lease of the one that died has ended: {lease:?}");
}

#[tokio::test]
async fn a_clock_that_was_set_back_while_nothing_ran_is_noticed_too() {
    let folder = tempfile::tempdir().unwrap();
    let now = 2 * HOUR;
    {
        let store = SqliteStore::open(folder.path()).unwrap();
        store.accept(arrival(1)).await.unwrap();
        let claim = claimed(&store, now).await.remove(0);
        let again = Settlement::Again { at: at(now + 1_000), reason: "slow down".to_owned() };
        store.settle(&claim.fence, vec![], again, None, at(now)).await.unwrap();
    }
    let store = SqliteStore::open(folder.path()).unwrap();
    assert!(claimed(&store, now - HOUR).await.is_empty());
    assert_eq!(claimed(&store, now - HOUR + 1_000).await.len(), 1);
}

#[tokio::test]
async fn times_that_differ_by_seconds_move_nothing() {
    let store = SqliteStore::in_memory().unwrap();
    let now = 2 * HOUR;
    store.accept(arrival(1)).await.unwrap();
    assert_eq!(claimed(&store, now).await.len(), 1);
    assert!(claimed(&store, now - 20_000).await.is_empty());
    assert!(claimed(&store, now + 59_999).await.is_empty());
    assert_eq!(claimed(&store, now + 60_000).await.len(), 1);
}
