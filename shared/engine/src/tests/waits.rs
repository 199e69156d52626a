//! Waits: durable, out of the lane, ended by time or by an event.

use deskwire_core::run::{Entry, RunState};

use test_case::test_case;

use super::*;

const PAUSE: &str = "  - { id: pause, wait: 4h }\n";
const REPLY: &str =
    "  - { id: reply, wait: { event: ticket.comment_added, when: \"arrived.data.detail.id != '8'\", timeout: 1h } }\n";

fn told() -> String {
    "  - { id: tell, action: test.idempotent, connection: c, with: { say: \"{{ steps.reply.timed_out }} {{ steps.reply.event.data.detail.id if steps.reply.event else '-' }}\" } }\n".to_owned()
}

fn said(world: &World) -> Vec<Value> {
    world.outside.calls.lock().unwrap().iter().map(|(_, input)| input["say"].clone()).collect()
}

#[test_case(Place::Sqlite; "on SQLite")]
#[test_case(Place::DynamoDb; "on DynamoDB")]
#[tokio::test]
async fn a_wait_ends_at_its_time_and_not_before(place: Place) {
    let mut world = World::new(place, &(PAUSE.to_owned() + &step("after", "test.idempotent")));
    let run = world.event(1, "t").await;
    world.work_until(START + 4 * 3_600_000 - 1_000).await;
    let waiting = world.run(&run).await.summary;
    assert_eq!((waiting.state, world.outside.calls_of("test.idempotent")), (RunState::Waiting, 0));
    assert_eq!(waiting.deliveries, 1, "it costs nothing while it waits");
    world.settle_everything().await;
    assert_eq!(world.run(&run).await.summary.state, RunState::Succeeded);
    assert!(world.now() >= START + 4 * 3_600_000);
}

#[test_case(Place::Sqlite; "on SQLite")]
#[test_case(Place::DynamoDb; "on DynamoDB")]
#[tokio::test]
async fn later_events_of_the_ticket_pass_a_run_that_waits(place: Place) {
    let head = step("before", "test.idempotent") + "  - { id: pause, if: \"event.data.detail.id == '1'\", wait: 4h }\n";
    let mut world = World::new(place, &(head + &step("after", "test.keyed")));
    let (first, second) = (world.event(1, "t").await, world.event(2, "t").await);
    world.work_until(START + 1_000).await;
    assert_eq!(world.run(&first).await.summary.state, RunState::Waiting);
    assert_eq!(world.run(&second).await.summary.state, RunState::Succeeded);
    world.settle_everything().await;
    assert_eq!(said(&world), ["before 1", "before 2", "after 2", "after 1"]);
}

#[test_case(Place::Sqlite; "on SQLite")]
#[test_case(Place::DynamoDb; "on DynamoDB")]
#[tokio::test]
async fn the_event_that_was_waited_for_ends_the_wait_and_is_known_after_it(place: Place) {
    let mut world = World::new(place, &(REPLY.to_owned() + &told()));
    world.event(1, "t").await;
    world.work_until(START + 60_000).await;
    world.other_event(7, "another ticket", "ticket.comment_added").await;
    world.other_event(8, "t", "ticket.comment_added").await;
    world.other_event(9, "t", "ticket.status_changed").await;
    world.work_until(START + 120_000).await;
    assert!(said(&world).is_empty(), "none of these is the one");
    world.other_event(10, "t", "ticket.comment_added").await;
    world.work_until(START + 121_000).await;
    assert_eq!(said(&world), ["false 10"]);
}

#[test_case(Place::Sqlite; "on SQLite")]
#[test_case(Place::DynamoDb; "on DynamoDB")]
#[tokio::test]
async fn without_the_event_the_wait_times_out(place: Place) {
    let mut world = World::new(place, &(REPLY.to_owned() + &told()));
    let run = world.event(1, "t").await;
    world.settle_everything().await;
    assert_eq!(said(&world), ["true -"]);
    let reason = world.run(&run).await.journal.iter().find_map(|entry| match entry {
        Entry::Waiting { reason, .. } => Some(reason.clone()),
        _ => None,
    });
    assert_eq!(reason.as_deref(), Some("Step `reply` waits for ticket.comment_added about t"));
}

#[test_case(Place::Sqlite; "on SQLite")]
#[test_case(Place::DynamoDb; "on DynamoDB")]
#[tokio::test]
async fn an_event_that_comes_between_the_last_result_and_the_wait_is_not_missed(place: Place) {
    let mut world = World::new(place, &(step("ask", "test.idempotent") + REPLY + &told()));
    world.event(1, "t").await;
    // It comes after the call and before the run has settled into its wait, since that write is refused once.
    world.brittle.fates.lock().unwrap().push_back(brittle::Fate::Refused);
    world.work_until(START).await;
    world.other_event(10, "t", "ticket.comment_added").await;
    world.work_until(START + 10_000).await;
    assert_eq!(said(&world).last(), Some(&json!("false 10")));
}

#[tokio::test]
async fn a_wait_survives_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let mut world = World::new(Place::Sqlite, &(PAUSE.to_owned() + &step("after", "test.idempotent")));
    world.reopen(folder.path());
    let run = world.event(1, "t").await;
    world.work_until(START + 1_000).await;
    world.reopen(folder.path());
    world.settle_everything().await;
    assert_eq!(world.run(&run).await.summary.state, RunState::Succeeded);
}

#[test_case(Place::Sqlite; "on SQLite")]
#[test_case(Place::DynamoDb; "on DynamoDB")]
#[tokio::test]
async fn a_time_that_is_past_is_not_waited_for(place: Place) {
    let until = "  - { id: w, wait: { until: \"2020-01-01T00:00:00Z\" } }\n";
    let mut world = World::new(place, &(until.to_owned() + &step("after", "test.idempotent")));
    let run = world.event(1, "t").await;
    world.settle_everything().await;
    assert_eq!(world.run(&run).await.summary.deliveries, 1);
    let mut world = World::new(place, "  - { id: w, wait: { until: \"{{ event.data.detail.id }}\" } }\n");
    let run = world.event(1, "t").await;
    world.settle_everything().await;
    let reason = world.run(&run).await.summary.reason.unwrap();
    assert!(reason.contains("no RFC 3339 time"), "{reason}");
}

#[test_case(Place::Sqlite; "on SQLite")]
#[test_case(Place::DynamoDb; "on DynamoDB")]
#[tokio::test]
async fn a_killed_process_does_not_wait_twice_or_skip_its_wait(place: Place) {
    let mut world = World::new(place, &(step("one", "test.detectable") + PAUSE + &step("two", "test.detectable")));
    world.outside.plan("test.detectable", [Turn::KilledAfter, Turn::KilledAfter]);
    let run = world.event(1, "t").await;
    world.settle_everything().await;
    assert_eq!((world.run(&run).await.summary.state, world.kills), (RunState::Succeeded, 2));
    assert_eq!(world.outside.effects_of("test.detectable"), 2);
    assert!(world.now() - START < 5 * 3_600_000);
}
