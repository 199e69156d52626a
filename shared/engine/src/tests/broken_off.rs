//! Deliveries that break off: runs that panic, or end their process, are not tried for ever.

use deskwire_core::run::RunState;
use test_case::test_case;

use super::*;

#[test_case(Place::Sqlite; "on SQLite")]
#[test_case(Place::DynamoDb; "on DynamoDB")]
#[tokio::test]
async fn a_run_that_panics_every_time_ends_dead_after_five_deliveries_and_its_lane_goes_on(place: Place) {
    let mut world = World::new(place, &step("one", "test.idempotent"));
    world.outside.plan("test.idempotent", vec![Turn::Panic; 5]);
    let (first, second) = (world.event(1, "t").await, world.event(2, "t").await);
    world.settle_everything().await;
    let dead = world.run(&first).await.summary;
    assert_eq!((dead.state, dead.deliveries), (RunState::Dead, 6), "the sixth only says so");
    let reason = dead.reason.unwrap();
    assert!(reason.starts_with("5 deliveries in a row broke off at step `one`"), "{reason}");
    assert!(reason.contains("deskwire runs replay run_001"), "{reason}");
    assert_eq!(world.outside.calls_of("test.idempotent"), 6, "five panics and the second run");
    assert_eq!(world.run(&second).await.summary.state, RunState::Succeeded);
}

#[test_case(Place::Sqlite; "on SQLite")]
#[test_case(Place::DynamoDb; "on DynamoDB")]
#[tokio::test]
async fn a_run_that_kills_its_process_every_time_ends_dead_after_five_deliveries(place: Place) {
    let mut world = World::new(place, &step("one", "test.keyed"));
    world.outside.plan("test.keyed", vec![Turn::KilledBefore; 5]);
    let run = world.event(1, "t").await;
    world.settle_everything().await;
    let dead = world.run(&run).await.summary;
    assert_eq!((dead.state, world.kills), (RunState::Dead, 5), "{:?}", dead.reason);
}

#[test_case(Place::Sqlite; "on SQLite")]
#[test_case(Place::DynamoDb; "on DynamoDB")]
#[tokio::test]
async fn deliveries_that_break_off_with_a_settlement_or_a_result_between_them_are_not_in_a_row(place: Place) {
    let mut world = World::new(place, &(step("one", "test.keyed") + &step("two", "test.detectable")));
    // A retry between is a delivery that ended; the result of the first step is progress.
    let turns = [vec![Turn::KilledBefore; 4], vec![Turn::Retry], vec![Turn::KilledBefore; 4]].concat();
    world.outside.plan("test.keyed", turns);
    world.outside.plan("test.detectable", vec![Turn::KilledBefore; 4]);
    let run = world.event(1, "t").await;
    world.settle_everything().await;
    let over = world.run(&run).await.summary;
    assert_eq!((over.state, world.kills), (RunState::Succeeded, 12), "{:?}", over.reason);
}
