//! What goes wrong between here and AWS: throttling, conflicts, answers that are lost after the write was made, indexes that
//! are behind, clocks that differ.
#![allow(clippy::unwrap_used, reason = "tests")]

mod between;

use std::sync::Arc;
use std::time::Duration;

use between::{Between, Fault};
use deskwire_aws::testing::Emulator;
use deskwire_aws::{AwsStore, Names};
use deskwire_core::event::{ChangeFacts, Event, JsonText};
use deskwire_core::ids::{ConnectionName, EventId, Lane, RunId, SourceName, WorkflowName, WorkflowVersion};
use deskwire_core::ports::{
    Accepted, Arrival, Deploy, Deployed, Filter, History, Inbox, LanePolicy, Offer, Registry, SealedSecret,
    SecretStore, Settlement, StoreError, TokenStates, Wanted, Work,
};
use deskwire_core::random::SeededRandom;
use deskwire_core::run::RunState;
use deskwire_core::time::Timestamp;
use deskwire_core::token::{Leased, TokenState};
use test_case::test_case;

const LEASE: Duration = Duration::from_mins(1);

fn at(millis: i64) -> Timestamp {
    Timestamp::from_millis(millis)
}

fn arrival(id: &str, run: &str, received_at: i64) -> Arrival {
    let workflow = WorkflowName::parse("a").unwrap();
    let event = Event {
        source: SourceName::parse("zendesk-support").unwrap(),
        id: EventId::new(id),
        kind: "ticket.created".to_owned(),
        subject: "t1".to_owned(),
        time: at(received_at),
        received_at: at(received_at),
        data: JsonText::parse(b"{}").unwrap().0,
        change: ChangeFacts::default(),
        request_id: None,
    };
    let wanted = Wanted {
        lane: Lane::of(&workflow, "t1"),
        workflow,
        version: WorkflowVersion::new("v1"),
        run: RunId::new(run),
        policy: LanePolicy::Every,
        changed_at: None,
        unasked: false,
    };
    Arrival { event, also_known_as: vec![], wanted: vec![wanted], declined: vec![], awaited: false }
}

struct World {
    store: AwsStore,
    between: Between,
    queue: String,
    _emulator: Emulator,
}

impl World {
    async fn start() -> Self {
        Self::on(Emulator::thorough().await).await
    }

    async fn on(emulator: Emulator) -> Self {
        let names = deskwire_aws::testing::resources(&emulator.config(), "deskwire").await;
        let between = Between::start(&emulator.url).await;
        let config = deskwire_aws::testing::config(&between.url);
        // The queue's address names the emulator itself; it is to go the same way.
        let names = Names { queue_url: names.queue_url.map(|url| url.replace(&emulator.url, &between.url)), ..names };
        let queue = names.queue_url.clone().unwrap();
        let store = AwsStore::with_config(&config, names, &SeededRandom::new(1));
        Self { store, between, queue, _emulator: emulator }
    }

    async fn claimed(&self, run: &str, now: i64) -> deskwire_core::ports::Claim {
        match self.store.claim_one(&RunId::new(run), "runner", LEASE, at(now)).await.unwrap() {
            Offer::Ours(mut batch) => batch.claims.remove(0),
            other => panic!("{run} is not due: {other:?}"),
        }
    }

    async fn state(&self, run: &str) -> RunState {
        self.store.run(run).await.unwrap().unwrap().summary.state
    }
}

#[tokio::test]
async fn a_write_whose_answer_is_lost_is_made_once_and_reported_as_made() {
    let world = World::start().await;
    world.between.fail("TransactWriteItems", Fault::LoseTheAnswer, 1);
    assert_eq!(world.store.accept(arrival("e1", "run_1", 1)).await.unwrap(), Accepted::New);
    let claim = {
        world.between.fail("TransactWriteItems", Fault::LoseTheAnswer, 1);
        world.claimed("run_1", 5).await
    };
    assert_eq!(claim.run.deliveries, 1, "handed out once");
    world.between.fail("TransactWriteItems", Fault::LoseTheAnswer, 1);
    let over = Settlement::Over { state: RunState::Succeeded, reason: "done".to_owned() };
    world.store.settle(&claim.fence, vec![], over, None, at(6)).await.unwrap();
    assert_eq!(world.state("run_1").await, RunState::Succeeded);
    assert_eq!(world.between.left(), 0, "every fault has happened");
}

#[tokio::test]
async fn a_write_whose_every_answer_is_lost_is_kept_and_the_repeat_finds_it() {
    let world = World::start().await;
    world.between.fail("TransactWriteItems", Fault::LoseTheAnswer, 100);
    let lost = world.store.accept(arrival("e1", "run_1", 1_000)).await;
    assert!(matches!(lost, Err(StoreError::Unavailable { .. })), "{lost:?}");
    world.between.heal();
    assert_eq!(world.store.accept(arrival("e1", "run_2", 2_000)).await.unwrap(), Accepted::Repeat);
    assert_eq!(world.store.runs(Filter::default()).await.unwrap().len(), 1);
    assert_eq!(world.store.remind(at(1_000 + 120_000), 10).await.unwrap(), 1, "the queue is told in the end");
}

#[tokio::test]
async fn an_event_that_the_queue_did_not_learn_of_is_finished_by_its_repeat() {
    let world = World::start().await;
    world.between.fail("SendMessageBatch", Fault::Refuse, 100);
    let away = world.store.accept(arrival("e1", "run_1", 1)).await;
    assert!(matches!(away, Err(StoreError::Unavailable { .. })), "{away:?}");
    world.between.heal();
    world.store.record_calls();
    assert_eq!(world.store.accept(arrival("e1", "run_2", 2)).await.unwrap(), Accepted::Repeat);
    let calls: Vec<_> = world.store.take_calls().iter().map(|call| call.operation().to_owned()).collect();
    assert!(calls.contains(&"SendMessageBatch".to_owned()), "{calls:?}");
    assert_eq!(world.store.accept(arrival("e1", "run_3", 3)).await.unwrap(), Accepted::Repeat);
    assert_eq!(world.store.take_calls().len(), 1, "once it is finished, a repeat costs one call");
}

#[test_case("TransactWriteItems", Fault::Limit("ThrottlingException"); "the table's rate")]
#[test_case("TransactWriteItems", Fault::Limit("ProvisionedThroughputExceededException"); "the table's throughput")]
#[test_case("TransactWriteItems", Fault::Cancel("ProvisionedThroughputExceeded"); "the throughput of a transaction's item")]
#[test_case("TransactWriteItems", Fault::Cancel("ThrottlingError"); "the rate of a transaction's item")]
#[test_case("SendMessageBatch", Fault::Limit("RequestThrottled"); "the queue's rate")]
#[tokio::test]
async fn what_is_too_much_at_once_is_waited_out_and_what_lasts_is_reported_as_unavailable(at_what: &str, fault: Fault) {
    let world = World::start().await;
    world.between.fail(at_what, fault, 2);
    assert_eq!(world.store.accept(arrival("e1", "run_1", 1)).await.unwrap(), Accepted::New);
    assert_eq!(world.between.left(), 0, "every fault has happened");
    world.between.fail(at_what, fault, 100);
    let refused = world.store.accept(arrival("e2", "run_2", 2)).await;
    assert!(matches!(refused, Err(StoreError::Unavailable { .. })), "{refused:?}");
    world.between.heal();
    // As a provider does: again.
    let again = world.store.accept(arrival("e2", "run_2", 3)).await.unwrap();
    assert_eq!(again, if at_what == "SendMessageBatch" { Accepted::Repeat } else { Accepted::New });
    assert_eq!(world.store.runs(Filter::default()).await.unwrap().len(), 2);
}

#[tokio::test]
async fn a_batch_of_messages_that_is_taken_in_part_is_finished_by_the_repeat() {
    let world = World::start().await;
    let mut two = arrival("e1", "run_1", 1);
    let other = WorkflowName::parse("b").unwrap();
    two.wanted.push(Wanted {
        lane: Lane::of(&other, "t1"),
        workflow: other,
        run: RunId::new("run_2"),
        ..two.wanted[0].clone()
    });
    world.between.fail("SendMessageBatch", Fault::TakeHalf, 1);
    let half = world.store.accept(two.clone()).await;
    assert!(matches!(half, Err(StoreError::Unavailable { .. })), "{half:?}");
    assert_eq!(world.store.accept(two).await.unwrap(), Accepted::Repeat);
    let sqs = aws_sdk_sqs::Client::new(&deskwire_aws::testing::config(&world.between.url));
    let received = sqs.receive_message().queue_url(&world.queue).max_number_of_messages(10).send().await.unwrap();
    let mut said: Vec<String> = received.messages.unwrap().into_iter().map(|message| message.body.unwrap()).collect();
    said.sort();
    assert_eq!(said, [r#"{"run":"run_1"}"#, r#"{"run":"run_2"}"#], "each once");
}

#[tokio::test]
async fn secrets_survive_limits_and_lost_answers_of_secrets_manager() {
    let world = World::on(Emulator::start().await).await;
    let secret = |version| SealedSecret {
        name: "secret/slack".to_owned(),
        version,
        key: "store".to_owned(),
        sealed: format!("value {version}").into_bytes(),
        stored_at: at(1),
    };
    assert!(world.store.put_secret(secret(1)).await.unwrap());
    for (operation, fault) in [
        ("PutSecretValue", Fault::Limit("ThrottlingException")),
        ("PutSecretValue", Fault::LoseTheAnswer),
        ("GetSecretValue", Fault::Limit("ThrottlingException")),
        ("GetSecretValue", Fault::LoseTheAnswer),
    ] {
        world.between.fail(operation, fault, 1);
    }
    assert!(world.store.put_secret(secret(2)).await.unwrap());
    assert_eq!(world.store.secret("secret/slack", None).await.unwrap(), Some(secret(2)));
    assert_eq!(world.store.secret("secret/slack", Some(1)).await.unwrap(), Some(secret(1)));
    assert_eq!(world.between.left(), 0, "every fault has happened");
    world.between.fail("PutSecretValue", Fault::Limit("LimitExceededException"), 100);
    let full = world.store.put_secret(secret(3)).await;
    assert!(matches!(full, Err(StoreError::Unavailable { .. })), "{full:?}");
    let latest = world.store.secret("secret/slack", None).await.unwrap();
    assert_eq!(latest, Some(secret(2)), "what was not stored is not there");
}

#[tokio::test]
async fn a_transaction_that_meets_another_one_is_made_after_it() {
    let world = World::start().await;
    world.between.fail("TransactWriteItems", Fault::Cancel("TransactionConflict"), 3);
    assert_eq!(world.store.accept(arrival("e1", "run_1", 1)).await.unwrap(), Accepted::New);
    assert_eq!(world.between.left(), 0);
}

#[tokio::test]
async fn a_lease_on_tokens_whose_answer_was_lost_is_held() {
    let world = World::start().await;
    let name = ConnectionName::parse("slack").unwrap();
    let state = TokenState::empty(name.clone(), at(1));
    assert!(world.store.put_tokens(state, None).await.unwrap());
    world.between.fail("TransactWriteItems", Fault::LoseTheAnswer, 1);
    let leased = world.store.lease_tokens(&name, "me", at(10), at(60)).await.unwrap();
    assert!(matches!(leased, Leased::Ours(_)), "{leased:?}");
    let other = world.store.lease_tokens(&name, "other", at(11), at(61)).await.unwrap();
    assert_eq!(other, Leased::Held { until: at(60) });
}

#[tokio::test]
async fn an_index_that_is_behind_hands_nothing_out_twice() {
    let world = World::start().await;
    world.store.accept(arrival("e1", "run_1", 1)).await.unwrap();
    // Every look at an index is answered as before the claim.
    world.between.fail("Query:due", Fault::Remember, 1_000);
    let first = world.store.claim("one", 10, LEASE, at(5)).await.unwrap();
    let second = world.store.claim("two", 10, LEASE, at(5)).await.unwrap();
    assert_eq!((first.claims.len(), second.claims.len()), (1, 0));
    assert!(world.between.happened() > 0, "the second look was answered from memory");
}

#[tokio::test]
async fn texts_that_an_answer_leaves_out_are_asked_for_again() {
    let world = World::start().await;
    let workflow = |number: usize| Deployed {
        name: WorkflowName::parse(&format!("workflow-{number:03}")).unwrap(),
        version: WorkflowVersion::new("v1"),
        active: true,
        file_active: None,
        file: format!("workflows/{number}.yaml"),
        applied_at: at(1),
        text: format!("text {number}"),
    };
    // More than one request takes.
    let all: Vec<Deployed> = (0..130).map(workflow).collect();
    world.store.deploy(all.iter().cloned().map(Deploy::Put).collect(), at(1)).await.unwrap();
    world.between.fail("BatchGetItem", Fault::LeaveOut, 3);
    assert_eq!(world.store.deployed().await.unwrap(), all);
    assert_eq!(world.between.left(), 0, "every fault has happened");
    world.between.fail("BatchGetItem", Fault::LeaveOut, 1_000);
    let busy = world.store.deployed().await;
    assert!(matches!(busy, Err(StoreError::Unavailable { .. })), "{busy:?}");
}

#[tokio::test]
async fn old_events_that_a_batch_leaves_in_part_go_with_their_runs_all_the_same() {
    let world = World::start().await;
    for n in 1..=3 {
        let (event, run) = (format!("e{n}"), format!("run_{n}"));
        world.store.accept(arrival(&event, &run, n)).await.unwrap();
        let claim = world.claimed(&run, n).await;
        let over = Settlement::Over { state: RunState::Succeeded, reason: "done".to_owned() };
        world.store.settle(&claim.fence, vec![], over, None, at(n)).await.unwrap();
    }
    world.between.fail("BatchWriteItem", Fault::LeaveOut, 1_000);
    let busy = world.store.purge(at(10), 10).await;
    assert!(matches!(busy, Err(StoreError::Unavailable { .. })), "{busy:?}");
    assert!(!world.store.events(Filter::default()).await.unwrap().is_empty(), "an event goes after its runs");
    world.between.heal();
    world.between.fail("BatchWriteItem", Fault::LeaveOut, 2);
    world.store.purge(at(10), 10).await.unwrap();
    assert_eq!(world.between.left(), 0, "every fault has happened");
    assert_eq!(world.store.events(Filter::default()).await.unwrap(), []);
    assert_eq!(world.store.runs(Filter::default()).await.unwrap(), []);
}

#[tokio::test]
async fn lists_whose_range_is_empty_ask_nothing_that_dynamodb_refuses() {
    let world = World::start().await;
    let arrivals = (0..3).map(|n| (format!("e{n}"), format!("run_{n}")));
    for (event, run) in arrivals {
        world.store.accept(arrival(&event, &run, 600_000)).await.unwrap();
    }
    let newest = world.store.runs(Filter::default()).await.unwrap()[0].number;
    for filter in [
        Filter { since: Some(at(900_000)), until: Some(at(10)), ..Filter::default() },
        Filter { after: Some(newest), until: Some(at(10)), ..Filter::default() },
        Filter { after: Some(i64::MAX), ..Filter::default() },
    ] {
        assert_eq!(world.store.runs(filter.clone()).await.unwrap(), []);
        assert_eq!(world.store.events(filter).await.unwrap(), []);
    }
    // The first page ends where the range begins.
    let first = Filter { since: Some(at(600_000)), limit: 1, state: Some("dead".to_owned()), ..Filter::default() };
    assert_eq!(world.store.runs(first.clone()).await.unwrap(), []);
    assert_eq!(world.store.runs(Filter { state: Some("succeeded".to_owned()), ..first }).await.unwrap(), []);
}

#[tokio::test]
async fn a_clock_that_runs_behind_takes_no_lane_from_whoever_has_it() {
    let world = World::start().await;
    world.store.accept(arrival("e1", "run_1", 100_000)).await.unwrap();
    let claim = world.claimed("run_1", 100_000).await;
    // Another machine, an hour behind, stores the next event and asks for it.
    world.store.accept(arrival("e2", "run_2", 1)).await.unwrap();
    let behind = world.store.claim_one(&RunId::new("run_2"), "other", LEASE, at(100_001)).await.unwrap();
    assert!(matches!(behind, Offer::Behind), "{behind:?}");
    // And what is leased is not due for it before the lease's own end.
    let leased = world.store.claim_one(&RunId::new("run_1"), "other", LEASE, at(1)).await.unwrap();
    assert!(matches!(leased, Offer::Later { .. }), "{leased:?}");
    let over = Settlement::Over { state: RunState::Succeeded, reason: "done".to_owned() };
    world.store.settle(&claim.fence, vec![], over, None, at(100_002)).await.unwrap();
    assert_eq!(world.claimed("run_2", 100_003).await.run.id.as_str(), "run_2");
}

#[tokio::test]
async fn many_that_accept_and_run_at_once_under_faults_lose_and_repeat_nothing() {
    let world = Arc::new(World::start().await);
    for (operation, fault) in [
        ("TransactWriteItems", Fault::LoseTheAnswer),
        ("TransactWriteItems", Fault::Limit("ThrottlingException")),
        ("TransactWriteItems", Fault::Cancel("TransactionConflict")),
        ("TransactWriteItems", Fault::Cancel("ThrottlingError")),
        ("Query", Fault::Limit("ProvisionedThroughputExceededException")),
        ("GetItem", Fault::LoseTheAnswer),
        ("SendMessageBatch", Fault::Refuse),
    ] {
        world.between.fail(operation, fault, 3);
    }
    for n in 1..=20 {
        // As a provider does: until it is taken.
        let run = format!("run_{n:02}");
        while world.store.accept(arrival(&format!("e{n}"), &run, n)).await.is_err() {}
    }
    let mut handled = Vec::new();
    while handled.len() < 20 {
        let now = 1_000 + i64::try_from(handled.len()).unwrap();
        let Ok(batch) = world.store.claim("runner", 5, LEASE, at(now)).await else { continue };
        for claim in batch.claims {
            let over = || Settlement::Over { state: RunState::Succeeded, reason: "done".to_owned() };
            while let Err(error) = world.store.settle(&claim.fence, vec![], over(), None, at(now)).await {
                assert!(matches!(error, StoreError::Unavailable { .. }), "{error}");
            }
            handled.push(claim.run.id.to_string());
        }
    }
    assert!(handled.is_sorted(), "{handled:?}");
    assert_eq!(world.store.runs(Filter { limit: 100, ..Filter::default() }).await.unwrap().len(), 20);
}
