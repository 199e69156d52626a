//! A clock that is set back while runs wait: none of them waits for that time to come again.

use deskwire_core::run::RunState;
use test_case::test_case;

use super::*;

const MINUTE: i64 = 60_000;
const HOUR: i64 = 60 * MINUTE;

impl World {
    fn set_back(&self, by: i64) {
        self.clock.0.fetch_sub(by, Ordering::SeqCst);
    }
}

#[tokio::test]
async fn a_wait_of_minutes_does_not_last_an_hour_longer() {
    let mut world =
        World::new(Place::Sqlite, &("  - { id: pause, wait: 10m }\n".to_owned() + &step("after", "test.idempotent")));
    let run = world.event(1, "t").await;
    world.work_until(START + MINUTE).await;
    assert_eq!(world.run(&run).await.summary.state, RunState::Waiting);
    world.set_back(HOUR);
    let now = world.now();
    world.settle_everything().await;
    assert_eq!(world.run(&run).await.summary.state, RunState::Succeeded);
    assert!(world.now() <= now + 21 * MINUTE, "it took {} ms", world.now() - now);
}

#[tokio::test]
async fn a_retry_does_not_come_an_hour_later() {
    let mut world = World::new(Place::Sqlite, &step("one", "test.idempotent"));
    world.outside.plan("test.idempotent", [Turn::Retry, Turn::Retry]);
    let run = world.event(1, "t").await;
    world.work_until(START + 1).await;
    assert_eq!(world.run(&run).await.summary.state, RunState::Retrying);
    world.set_back(HOUR);
    let now = world.now();
    world.settle_everything().await;
    assert_eq!(world.run(&run).await.summary.state, RunState::Succeeded);
    assert!(world.now() <= now + 10 * MINUTE, "it took {} ms", world.now() - now);
}

#[tokio::test]
async fn a_call_in_doubt_is_looked_for_within_minutes() {
    let mut world = World::new(Place::Sqlite, &step("one", "test.detectable"));
    world.outside.plan("test.detectable", [Turn::KilledAfter]);
    let run = world.event(1, "t").await;
    world.work_until(START + 1_000).await;
    assert!(!world.run(&run).await.summary.state.is_over());
    world.set_back(HOUR);
    let now = world.now();
    world.settle_everything().await;
    assert_eq!(world.run(&run).await.summary.state, RunState::Succeeded);
    assert_eq!(world.outside.effects_of("test.detectable"), 1);
    assert!(world.now() <= now + 10 * MINUTE, "it took {} ms", world.now() - now);
}

#[test_case(Place::Sqlite; "on SQLite")]
#[test_case(Place::DynamoDb; "on DynamoDB")]
#[tokio::test]
async fn a_run_that_is_queued_begins_at_once(place: Place) {
    let mut world = World::new(place, &step("one", "test.idempotent"));
    let run = world.event(1, "t").await;
    world.set_back(HOUR);
    let now = world.now();
    world.settle_everything().await;
    assert_eq!(world.run(&run).await.summary.state, RunState::Succeeded);
    assert!(world.now() <= now + MINUTE, "it took {} ms", world.now() - now);
}
