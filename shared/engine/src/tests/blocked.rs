//! Connections that need a person: runs wait for that, in their order, and go on.

use deskwire_core::ids::{ConnectionName, SourceName};
use deskwire_core::run::{Entry, RunState};
use deskwire_core::token::{CONNECTED, subject_of};

use test_case::test_case;

use super::*;

fn said(world: &World) -> Vec<Value> {
    world.outside.effects.lock().unwrap().iter().map(|(_, input)| input["say"].clone()).collect()
}

async fn reconnect(world: &World, connection: &str) {
    accept(world, connected(world, connection)).await;
}

fn connected(world: &World, connection: &str) -> Event {
    let subject = subject_of(&ConnectionName::parse(connection).unwrap());
    Event { source: SourceName::deskwire(), id: EventId::new(connection), ..world.bare_event(99, &subject, CONNECTED) }
}

async fn accept(world: &World, event: Event) {
    let arrival = Arrival { event, also_known_as: vec![], wanted: vec![], declined: vec![], awaited: true };
    world.placed.done(|store| store.accept(arrival)).await.unwrap();
}

#[test_case(Place::Sqlite; "on SQLite")]
#[test_case(Place::DynamoDb; "on DynamoDB")]
#[tokio::test]
async fn runs_that_meet_a_connection_without_access_wait_and_go_on_in_order_when_it_is_back(place: Place) {
    let mut world = World::new(place, &(step("one", "test.idempotent") + &step("two", "test.detectable")));
    world.outside.plan("test.detectable", [Turn::NeedsPerson]);
    let (first, second) = (world.event(1, "t").await, world.event(2, "t").await);
    world.work_until(START + 60_000).await;
    let blocked = world.run(&first).await;
    assert_eq!(blocked.summary.state, RunState::Waiting);
    assert_eq!(blocked.summary.reason.as_deref(), Some("Step `two` waits for connection c: the token was revoked"));
    assert_eq!(world.run(&second).await.summary.state, RunState::Queued, "it stays behind the first");
    reconnect(&world, "other").await;
    world.work_until(START + 70_000).await;
    assert_eq!(world.run(&first).await.summary.state, RunState::Waiting, "another connection is none of its business");
    reconnect(&world, "c").await;
    world.work_until(START + 80_000).await;
    assert_eq!(said(&world), ["one 1", "two 1", "one 2", "two 2"]);
    let over = world.run(&first).await;
    assert_eq!(over.summary.state, RunState::Succeeded);
    let attempts = over.journal.iter().filter(|entry| matches!(entry, Entry::Attempt { .. })).count();
    assert_eq!(attempts, 0, "waiting for a person is no attempt");
}

#[test_case(Place::Sqlite; "on SQLite")]
#[test_case(Place::DynamoDb; "on DynamoDB")]
#[tokio::test]
async fn a_blocked_run_looks_again_by_itself_and_never_dies_of_it(place: Place) {
    let mut world = World::new(place, &(step("one", "test.keyed") + "    on_error: continue\n"));
    world.outside.plan("test.keyed", vec![Turn::NeedsPerson; 30]);
    let run = world.event(1, "t").await;
    world.work_until(START + 29 * 3_600_000).await;
    let waiting = world.run(&run).await;
    assert_eq!(waiting.summary.state, RunState::Waiting);
    assert_eq!(waiting.journal.iter().filter(|entry| matches!(entry, Entry::Blocked { .. })).count(), 1);
    world.settle_everything().await;
    assert_eq!(world.run(&run).await.summary.state, RunState::Succeeded);
    assert_eq!(said(&world), ["one 1"]);
}

#[test_case(Place::Sqlite; "on SQLite")]
#[test_case(Place::DynamoDb; "on DynamoDB")]
#[tokio::test]
async fn a_look_for_a_trace_waits_for_the_connection_too(place: Place) {
    let mut world = World::new(place, &step("one", "test.detectable"));
    world.outside.plan("test.detectable", [Turn::LostAfter]);
    world.outside.failing_looks.lock().unwrap().push_back(ErrorClass::NeedsReauthorization);
    let run = world.event(1, "t").await;
    world.work_until(START + 60_000).await;
    assert_eq!(world.run(&run).await.summary.state, RunState::Waiting);
    reconnect(&world, "c").await;
    world.settle_everything().await;
    assert_eq!(world.run(&run).await.summary.state, RunState::Succeeded);
    assert_eq!(said(&world), ["one 1"], "its trace was found");
}

#[test_case(Place::Sqlite; "on SQLite")]
#[test_case(Place::DynamoDb; "on DynamoDB")]
#[tokio::test]
async fn a_blocked_run_gives_way_after_its_lane_s_patience_and_goes_on_when_the_connection_is_back(place: Place) {
    let mut world = World::new(place, &step("one", "test.idempotent"));
    world.outside.plan("test.idempotent", [Turn::NeedsPerson, Turn::NeedsPerson, Turn::Answer]);
    let (first, second) = (world.event(1, "t").await, world.event(2, "t").await);
    world.work_until(START + 15 * 60_000 - 1).await;
    assert_eq!(world.run(&second).await.summary.state, RunState::Queued, "the patience is not over");
    world.work_until(START + 15 * 60_000 + 1_000).await;
    assert_eq!(said(&world), ["one 2"], "the later event went on");
    let waiting = world.run(&first).await.summary;
    assert_eq!(waiting.state, RunState::Waiting);
    let reason = waiting.reason.unwrap();
    assert!(reason.contains("waits for connection c") && reason.contains("go on without it"), "{reason}");
    reconnect(&world, "c").await;
    world.work_until(START + 16 * 60_000 + 1_000).await;
    assert_eq!(said(&world), ["one 2", "one 1"]);
    assert_eq!(world.run(&first).await.summary.state, RunState::Succeeded);
}

#[test_case(Place::Sqlite; "on SQLite")]
#[test_case(Place::DynamoDb; "on DynamoDB")]
#[tokio::test]
async fn a_connection_that_comes_and_goes_keeps_no_lane_beyond_its_patience(place: Place) {
    let mut world = World::new(place, &step("one", "test.idempotent"));
    world.outside.plan("test.idempotent", vec![Turn::NeedsPerson; 4]);
    let (first, second) = (world.event(1, "t").await, world.event(2, "t").await);
    for minutes in [6, 12] {
        world.work_until(START + minutes * 60_000).await;
        let event = Event { id: EventId::new(format!("back {minutes}")), ..connected(&world, "c") };
        accept(&world, event).await;
        // What was accepted in the very moment of a call would count as news after it.
        world.clock.0.fetch_add(1, Ordering::SeqCst);
    }
    world.work_until(START + 14 * 60_000).await;
    assert_eq!(world.run(&second).await.summary.state, RunState::Queued);
    world.work_until(START + 15 * 60_000 + 1_000).await;
    assert_eq!(said(&world), ["one 2"]);
    assert_eq!(world.run(&first).await.summary.state, RunState::Waiting);
}

#[test_case(Place::Sqlite; "on SQLite")]
#[test_case(Place::DynamoDb; "on DynamoDB")]
#[tokio::test]
async fn a_retry_that_then_meets_a_lost_connection_counts_its_lane_s_patience_from_the_first_failure(place: Place) {
    let mut world = World::new(place, &step("one", "test.idempotent"));
    world.outside.plan("test.idempotent", [Turn::Retry, Turn::NeedsPerson, Turn::NeedsPerson]);
    let (first, second) = (world.event(1, "t").await, world.event(2, "t").await);
    world.work_until(START + 15 * 60_000 + 1_000).await;
    assert_eq!(world.run(&second).await.summary.state, RunState::Succeeded);
    assert_eq!(world.run(&first).await.summary.state, RunState::Waiting);
}

#[test_case(Place::Sqlite; "on SQLite")]
#[test_case(Place::DynamoDb; "on DynamoDB")]
#[tokio::test]
async fn a_step_in_doubt_gives_way_where_a_budget_is_used_up_beyond_its_patience(place: Place) {
    let mut world = World::new(place, &step("one", "test.detectable"));
    world.outside.plan("test.detectable", [Turn::LostAfter, Turn::RateLimited(Duration::from_hours(2))]);
    let first = world.event(1, "t").await;
    // The second uses the budget up before the first is looked for.
    let other = world.event(2, "other").await;
    let second = world.event(3, "t").await;
    world.work_until(START + 60_000).await;
    let waiting = world.run(&first).await.summary;
    assert_eq!(waiting.state, RunState::Waiting, "{:?}", waiting.reason);
    assert_ne!(world.run(&second).await.summary.state, RunState::Queued, "the lane goes on");
    world.settle_everything().await;
    assert_eq!(world.run(&first).await.summary.state, RunState::Succeeded);
    assert_eq!(world.outside.effects_of("test.detectable|"), world.outside.effects.lock().unwrap().len());
    assert_eq!(said(&world).iter().filter(|said| **said == "one 1").count(), 1, "its trace was found");
    assert_eq!(world.run(&other).await.summary.state, RunState::Dead, "two hours are beyond its patience");
}
