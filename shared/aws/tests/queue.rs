//! What the contract of all stores does not ask: the queue's messages, and what accepting leaves to runners.
#![allow(clippy::unwrap_used, reason = "tests")]

use std::time::Duration;

use deskwire_aws::testing::Emulator;
use deskwire_aws::{AwsStore, MessageBody, Names, read_body};
use deskwire_core::event::{ChangeFacts, Event, EventState, JsonText};
use deskwire_core::ids::{EventId, Lane, RunId, SourceName, WorkflowName, WorkflowVersion};
use deskwire_core::ports::{
    Accepted, Arrival, Declined, History, Inbox, LanePolicy, Offer, RunQueue, Settlement, Unasked, Wanted, Work,
};
use deskwire_core::random::SeededRandom;
use deskwire_core::run::RunState;
use deskwire_core::time::Timestamp;

const LEASE: Duration = Duration::from_mins(1);

fn at(millis: i64) -> Timestamp {
    Timestamp::from_millis(millis)
}

fn wanted(workflow: &str, run: &str) -> Wanted {
    let workflow = WorkflowName::parse(workflow).unwrap();
    Wanted {
        lane: Lane::of(&workflow, "t1"),
        workflow,
        version: WorkflowVersion::new("v1"),
        run: RunId::new(run),
        policy: LanePolicy::Every,
        changed_at: None,
        unasked: false,
    }
}

fn arrival(id: &str, wanted: Vec<Wanted>, received_at: i64) -> Arrival {
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
    Arrival { event, also_known_as: vec![], wanted, declined: vec![], awaited: false }
}

struct World {
    store: AwsStore,
    sqs: aws_sdk_sqs::Client,
    url: String,
    emulator: Emulator,
}

impl World {
    async fn start() -> Self {
        let emulator = Emulator::start().await;
        let store = emulator.store("deskwire", &SeededRandom::new(1)).await;
        let sqs = aws_sdk_sqs::Client::new(&emulator.config());
        let url = sqs.get_queue_url().queue_name("deskwire.fifo").send().await.unwrap().queue_url.unwrap();
        Self { store, sqs, url, emulator }
    }

    /// What the queue hands out now; it is taken away.
    async fn messages(&self) -> Vec<MessageBody> {
        let received = self.sqs.receive_message().queue_url(&self.url).max_number_of_messages(10);
        let mut bodies = Vec::new();
        for message in received.send().await.unwrap().messages.unwrap_or_default() {
            bodies.push(read_body(&message.body.unwrap()).unwrap());
            let receipt = message.receipt_handle.unwrap();
            self.sqs.delete_message().queue_url(&self.url).receipt_handle(receipt).send().await.unwrap();
        }
        bodies
    }
}

#[tokio::test]
async fn the_queue_is_told_of_runs_in_the_order_of_their_lane() {
    let world = World::start().await;
    for n in 1..=3 {
        let run = format!("run_{n}");
        world.store.accept(arrival(&format!("e{n}"), vec![wanted("a", &run)], n)).await.unwrap();
    }
    let mut told = Vec::new();
    while told.len() < 3 {
        told.extend(world.messages().await);
    }
    let run = |n: i64| MessageBody::Run(format!("run_{n}"));
    assert_eq!(told, [run(1), run(2), run(3)]);
}

#[tokio::test]
async fn a_run_joins_its_lane_only_when_its_condition_was_asked() {
    let world = World::start().await;
    let unasked = |workflow, run| Wanted { unasked: true, policy: LanePolicy::Latest, ..wanted(workflow, run) };
    let first = arrival("e1", vec![wanted("a", "run_1"), unasked("b", "run_2"), unasked("c", "run_3")], 5);
    assert_eq!(world.store.accept(first).await.unwrap(), Accepted::New);
    assert!(world.store.run("run_2").await.unwrap().is_none());
    let key = world.messages().await.into_iter().find_map(|body| match body {
        MessageBody::Wake(key) => Some(key),
        MessageBody::Run(_) => None,
    });
    let key = key.unwrap();
    let Unasked { event, wanted: asked } = world.store.unasked(&key).await.unwrap().unwrap();
    assert_eq!((event.id.as_str(), asked.len()), ("e1", 2));
    for _ in 0..2 {
        let declined = Declined { workflow: asked[1].workflow.clone(), reason: "`when` is false".to_owned() };
        let joins = vec![Wanted { unasked: false, ..asked[0].clone() }];
        world.store.asked(&key, joins, vec![declined], at(6)).await.unwrap();
    }
    world.store.wake_for(&key).await.unwrap();
    assert!(world.store.unasked(&key).await.unwrap().is_none());
    let event = world.store.event("e1").await.unwrap().unwrap();
    let runs: Vec<&str> = event.runs.iter().map(|run| run.id.as_str()).collect();
    assert_eq!((runs, event.declined.len()), (vec!["run_1", "run_2"], 1));
    let Offer::Ours(batch) = world.store.claim_one(&RunId::new("run_2"), "r", LEASE, at(6)).await.unwrap() else {
        panic!("it is due")
    };
    assert_eq!(batch.claims[0].run.workflow.as_str(), "b");
}

#[tokio::test]
async fn runs_whose_conditions_are_asked_in_another_order_have_the_order_of_their_events() {
    let world = World::start().await;
    let unasked = |run| Wanted { unasked: true, ..wanted("a", run) };
    let mut keys = Vec::new();
    for (id, run, came) in [("e1", "run_1", 1), ("e2", "run_2", 2)] {
        world.store.accept(arrival(id, vec![unasked(run)], came)).await.unwrap();
        let MessageBody::Wake(key) = world.messages().await.remove(0) else { panic!("a runner is to ask") };
        keys.push((key, run));
    }
    for (at, (key, run)) in [(8, &keys[1]), (9, &keys[0])].map(|(millis, of)| (at(millis), of)) {
        world.store.asked(key, vec![wanted("a", run)], vec![], at).await.unwrap();
    }
    let Offer::Ours(batch) = world.store.claim_one(&RunId::new("run_1"), "r", LEASE, at(10)).await.unwrap() else {
        panic!("it is the first of its lane")
    };
    assert_eq!(batch.claims[0].run.queued_at, at(9), "it was queued when its condition was asked");
    let behind = world.store.claim_one(&RunId::new("run_2"), "r", LEASE, at(10)).await.unwrap();
    assert!(!matches!(behind, Offer::Ours(_)), "{behind:?}");
}

#[tokio::test]
async fn an_event_whose_every_condition_is_false_is_unwanted_with_the_reasons() {
    let world = World::start().await;
    let unasked = Wanted { unasked: true, ..wanted("b", "run_1") };
    world.store.accept(arrival("e1", vec![unasked.clone()], 5)).await.unwrap();
    let MessageBody::Wake(key) = world.messages().await.remove(0) else { panic!("a runner is to ask") };
    let declined = Declined { workflow: unasked.workflow, reason: "`when` is false".to_owned() };
    world.store.asked(&key, vec![], vec![declined], at(6)).await.unwrap();
    let kept = world.store.event("e1").await.unwrap().unwrap();
    assert_eq!(kept.summary.state, EventState::Unwanted);
    assert_eq!(kept.summary.reason.as_deref(), Some("b: `when` is false"));
}

#[tokio::test]
async fn what_another_process_had_is_taken_back_and_what_others_have_is_not() {
    let world = World::start().await;
    for (run, owner) in [("run_1", "dead"), ("run_2", "alive")] {
        world.store.accept(arrival(run, vec![wanted(run, run)], 5)).await.unwrap();
        let taken = world.store.claim_one(&RunId::new(run), owner, LEASE, at(6)).await.unwrap();
        assert!(matches!(taken, Offer::Ours(_)), "{taken:?}");
    }
    let names = Names { table: "deskwire".to_owned(), queue_url: None, secret_prefix: "deskwire".to_owned() };
    let other = AwsStore::with_config(&world.emulator.config(), names, &SeededRandom::new(2));
    assert_eq!(other.take_back("dead", at(7)).await.unwrap(), 1);
    assert_eq!(other.take_back("dead", at(7)).await.unwrap(), 0);
    let Offer::Ours(batch) = other.claim_one(&RunId::new("run_1"), "r", LEASE, at(7)).await.unwrap() else {
        panic!("it is due at once")
    };
    assert!(batch.claims[0].run.interrupted);
    assert!(!matches!(other.claim_one(&RunId::new("run_2"), "r", LEASE, at(7)).await.unwrap(), Offer::Ours(_)));
}

#[tokio::test]
async fn the_queue_is_reminded_of_what_falls_due_without_a_message() {
    let world = World::start().await;
    world.store.accept(arrival("e1", vec![wanted("a", "run_1")], 1_000)).await.unwrap();
    assert_eq!(world.messages().await.len(), 1);
    let Offer::Ours(batch) = world.store.claim_one(&RunId::new("run_1"), "r", LEASE, at(1_000)).await.unwrap() else {
        panic!("it is due")
    };
    let waits = Settlement::Wait { until: at(90_000), event: None, reason: "it waits".to_owned() };
    world.store.settle(&batch.claims[0].fence, vec![], waits, None, at(1_001)).await.unwrap();
    assert_eq!(world.store.remind(at(89_999), 10).await.unwrap(), 0);
    assert_eq!(world.store.remind(at(90_000), 10).await.unwrap(), 1);
    assert_eq!(world.messages().await, [MessageBody::Run("run_1".to_owned())]);
}

#[tokio::test]
async fn a_queued_run_whose_message_was_lost_is_told_of_again_after_a_while() {
    let world = World::start().await;
    world.store.accept(arrival("e1", vec![wanted("a", "run_1")], 1_000)).await.unwrap();
    assert_eq!(world.store.remind(at(60_000), 10).await.unwrap(), 0, "it has a message of its own");
    assert_eq!(world.store.remind(at(1_000 + 120_000), 10).await.unwrap(), 1);
}

#[tokio::test]
async fn a_run_that_the_queue_gave_up_is_dead_and_its_lane_goes_on() {
    let world = World::start().await;
    for n in 1..=2 {
        let run = format!("run_{n}");
        world.store.accept(arrival(&format!("e{n}"), vec![wanted("a", &run)], n)).await.unwrap();
    }
    let first = RunId::new("run_1");
    world.store.claim_one(&first, "r", LEASE, at(10)).await.unwrap();
    let second = RunId::new("run_2");
    assert!(matches!(world.store.claim_one(&second, "r", LEASE, at(11)).await.unwrap(), Offer::Behind));
    assert!(!world.store.bury(&first, "given up", at(20)).await.unwrap(), "somebody has it");
    assert!(world.store.bury(&first, "given up", at(100_000)).await.unwrap());
    let dead = world.store.run("run_1").await.unwrap().unwrap().summary;
    assert_eq!((dead.state, dead.reason.as_deref()), (RunState::Dead, Some("given up")));
    assert!(matches!(world.store.claim_one(&second, "r", LEASE, at(100_001)).await.unwrap(), Offer::Ours(_)));
}

#[tokio::test]
async fn a_run_that_stood_behind_another_is_told_of_anew_as_soon_as_that_one_leaves() {
    let world = World::start().await;
    for n in 1..=2 {
        let run = format!("run_{n}");
        world.store.accept(arrival(&format!("e{n}"), vec![wanted("a", &run)], n)).await.unwrap();
    }
    let mut told = Vec::new();
    while told.len() < 2 {
        told.extend(world.messages().await);
    }
    let Offer::Ours(batch) = world.store.claim_one(&RunId::new("run_1"), "r", LEASE, at(5)).await.unwrap() else {
        panic!("it is the first")
    };
    let behind = world.store.claim_one(&RunId::new("run_2"), "r", LEASE, at(6)).await.unwrap();
    assert!(matches!(behind, Offer::Behind));
    let over = Settlement::Over { state: RunState::Succeeded, reason: "done".to_owned() };
    world.store.settle(&batch.claims[0].fence, vec![], over, None, at(7)).await.unwrap();
    // Within the five minutes in which the queue takes no message twice.
    let mut told = Vec::new();
    for _ in 0..50 {
        told.extend(world.messages().await);
        if !told.is_empty() {
            break;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert_eq!(told, [MessageBody::Run("run_2".to_owned())]);
}

#[tokio::test]
async fn a_run_whose_message_was_lost_is_told_of_again_and_again_until_somebody_takes_it() {
    let world = World::start().await;
    world.store.accept(arrival("e1", vec![wanted("a", "run_1")], 1_000)).await.unwrap();
    assert_eq!(world.messages().await.len(), 1, "and lost");
    for minutes in [2, 4, 6] {
        assert_eq!(world.store.remind(at(1_000 + minutes * 60_000), 10).await.unwrap(), 1);
        assert_eq!(world.messages().await, [MessageBody::Run("run_1".to_owned())], "after {minutes} minutes");
    }
}
