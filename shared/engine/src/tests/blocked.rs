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
    let subject = subject_of(&ConnectionName::parse(connection).unwrap());
    let event = Event {
        source: SourceName::deskwire(),
        id: EventId::new(connection),
        ..world.bare_event(99, &subject, CONNECTED)
    };
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
