use deskwire_core::run::RunState;

use test_case::test_case;

use super::*;
use crate::{Runner, RunnerOptions};

fn runner(place: Place, world: &mut World, concurrency: usize) -> Runner {
    let other = World::new(place, &step("one", "test.detectable"));
    let engine = std::mem::replace(&mut world.engine, other.engine);
    Runner::new(Arc::new(engine), RunnerOptions { concurrency, ..RunnerOptions::default() })
}

#[test_case(Place::Sqlite; "on SQLite")]
#[test_case(Place::DynamoDb; "on DynamoDB")]
#[tokio::test(start_paused = true)]
async fn working_off_ends_when_every_lane_is_empty(place: Place) {
    let mut world = World::new(place, &step("one", "test.detectable"));
    for number in 0..20 {
        world.event(number, &format!("t{}", number % 3)).await;
    }
    let taken = runner(place, &mut world, 4).work_off(Duration::from_mins(1)).await;
    assert_eq!(taken, 20);
    assert_eq!(world.outside.effects_of("test.detectable"), 20);
}

#[test_case(Place::Sqlite; "on SQLite")]
#[test_case(Place::DynamoDb; "on DynamoDB")]
#[tokio::test(start_paused = true)]
async fn a_call_without_time_still_takes_something_up(place: Place) {
    let mut world = World::new(place, &step("one", "test.detectable"));
    let run = world.event(1, "t1").await;
    assert_eq!(runner(place, &mut world, 4).work_off(Duration::ZERO).await, 1);
    assert_eq!(world.run(&run).await.summary.state, RunState::Succeeded);
}

#[test_case(Place::Sqlite; "on SQLite")]
#[test_case(Place::DynamoDb; "on DynamoDB")]
#[tokio::test(start_paused = true)]
async fn a_stop_lets_runs_under_way_finish(place: Place) {
    let mut world = World::new(place, &step("one", "test.detectable"));
    let run = world.event(1, "t1").await;
    let (told, stop) = tokio::sync::oneshot::channel::<()>();
    let runner = runner(place, &mut world, 4);
    let working = tokio::spawn(runner.run(async {
        let _ = stop.await;
    }));
    tokio::time::sleep(Duration::from_millis(5)).await;
    told.send(()).unwrap();
    working.await.unwrap();
    assert_eq!(world.run(&run).await.summary.state, RunState::Succeeded);
}
