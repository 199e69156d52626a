//! What is told of runs as they go, on the real store in memory.

use deskwire_core::event::{ChangeFacts, Event, JsonText};
use deskwire_core::ids::{EventId, Lane, SourceName, WorkflowName, WorkflowVersion};
use deskwire_core::ports::{Arrival, Inbox, LanePolicy, Settlement, Wanted, Work};
use deskwire_storage::SqliteStore;
use serde_json::json;

use super::*;

const NOW: Timestamp = Timestamp::from_millis(1_764_000_000_000);

async fn start(store: &impl Inbox, id: &str) {
    start_at(store, id, NOW).await;
}

async fn start_at(store: &impl Inbox, id: &str, now: Timestamp) {
    let workflow = WorkflowName::parse("w").unwrap();
    let event = Event {
        source: SourceName::parse("s").unwrap(),
        id: EventId::new(id),
        kind: "x.y".to_owned(),
        subject: id.to_owned(),
        time: now,
        received_at: now,
        data: JsonText::from(&json!({})),
        change: ChangeFacts::default(),
        request_id: None,
    };
    let wanted = Wanted {
        lane: Lane::of(&workflow, id),
        workflow,
        version: WorkflowVersion::new("v"),
        run: RunId::new(format!("run_{id}")),
        policy: LanePolicy::Every,
        changed_at: None,
        unasked: false,
    };
    store
        .accept(Arrival { event, also_known_as: vec![], wanted: vec![wanted], declined: vec![], awaited: true })
        .await
        .unwrap();
}

/// Hands out the run that is due and ends its delivery so.
async fn deliver(store: &impl Work, now: Timestamp, settlement: Settlement) {
    let batch = store.claim("test", 1, Duration::from_mins(1), now).await.unwrap();
    store.settle(&batch.claims[0].fence, vec![], settlement, None, now).await.unwrap();
}

async fn told(tail: &mut Tail<'_>) -> Vec<String> {
    let runs = tail.look().await.unwrap();
    runs.into_iter().map(|run| format!("{} {}", run.id, run.state.as_str())).collect()
}

#[tokio::test]
async fn a_run_is_told_of_when_it_begins_waits_and_ends_and_not_in_between() {
    let store = SqliteStore::in_memory().unwrap();
    start(&store, "old").await;
    let mut tail = Tail::begin(&store, Filter::default()).await.unwrap();
    let done = || Settlement::Over { state: RunState::Succeeded, reason: "done".to_owned() };
    deliver(&store, NOW, done()).await;
    start(&store, "a").await;
    assert_eq!(
        told(&mut tail).await,
        Vec::<String>::new(),
        "what is queued has not begun, and what was before is past"
    );
    let until = NOW.plus(Duration::from_mins(1));
    deliver(&store, NOW, Settlement::Again { at: until, reason: "busy".to_owned() }).await;
    assert_eq!(told(&mut tail).await, ["run_a retrying"]);
    assert_eq!(told(&mut tail).await, Vec::<String>::new());
    let later = until.plus(Duration::from_mins(1));
    deliver(&store, until, Settlement::Again { at: later, reason: "busy".to_owned() }).await;
    assert_eq!(told(&mut tail).await, ["run_a retrying"], "another try is another line");
    start(&store, "b").await;
    deliver(&store, NOW.plus(Duration::from_secs(90)), done()).await;
    deliver(&store, later, done()).await;
    assert_eq!(told(&mut tail).await, ["run_a succeeded", "run_b succeeded"]);
    assert!(tail.seen.is_empty());
}

#[tokio::test]
async fn a_time_and_a_state_narrow_what_is_told() {
    let store = SqliteStore::in_memory().unwrap();
    start(&store, "a").await;
    deliver(&store, NOW, Settlement::Over { state: RunState::Failed, reason: "no".to_owned() }).await;
    start(&store, "b").await;
    let filter = Filter { since: Some(NOW), state: Some("failed".to_owned()), ..Filter::default() };
    let mut tail = Tail::begin(&store, filter).await.unwrap();
    assert_eq!(told(&mut tail).await, ["run_a failed"]);
    deliver(&store, NOW, Settlement::Over { state: RunState::Succeeded, reason: "done".to_owned() }).await;
    assert_eq!(told(&mut tail).await, Vec::<String>::new());
}

#[tokio::test]
async fn a_filter_narrows_what_is_told_and_what_it_passes_by_is_told_to_others() {
    let store = SqliteStore::in_memory().unwrap();
    let filter = Filter { subject: Some("b".to_owned()), ..Filter::default() };
    let (mut all, mut one) =
        (Tail::begin(&store, Filter::default()).await.unwrap(), Tail::begin(&store, filter).await.unwrap());
    for id in ["a", "b"] {
        start(&store, id).await;
        deliver(&store, NOW, Settlement::Over { state: RunState::Failed, reason: "no".to_owned() }).await;
    }
    assert_eq!(told(&mut all).await, ["run_a failed", "run_b failed"]);
    assert_eq!(told(&mut one).await, ["run_b failed"]);
    assert_eq!(told(&mut one).await, Vec::<String>::new());
}

#[cfg(feature = "aws")]
#[tokio::test]
async fn a_run_that_comes_to_be_seen_after_a_later_one_is_told_of_and_none_is_told_of_twice() {
    use deskwire_aws::testing::{Emulator, resources};

    let emulator = Emulator::start().await;
    let names = resources(&emulator.config(), "deskwire").await;
    let random = deskwire_core::random::SeededRandom::new(1);
    let store = || deskwire_aws::AwsStore::with_config(&emulator.config(), names.clone(), &random);
    let (ours, theirs) = (store(), store());
    let done = || Settlement::Over { state: RunState::Succeeded, reason: "done".to_owned() };
    start(&ours, "old").await;
    let mut tail = Tail::begin(&ours, Filter::default()).await.unwrap();
    assert_eq!(told(&mut tail).await, Vec::<String>::new(), "what was before is past");
    deliver(&ours, NOW, done()).await;
    start(&ours, "a").await;
    deliver(&ours, NOW, done()).await;
    assert_eq!(told(&mut tail).await, ["run_a succeeded"]);
    // Another machine's clock is behind.
    start_at(&theirs, "b", NOW.minus(Duration::from_secs(5))).await;
    deliver(&theirs, NOW, done()).await;
    assert_eq!(told(&mut tail).await, ["run_b succeeded"]);
    assert_eq!(told(&mut tail).await, Vec::<String>::new());
}
