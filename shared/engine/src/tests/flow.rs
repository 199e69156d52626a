//! Branches, ends on purpose, echoes, lanes, and what a person decides.

use deskwire_core::action::OwnWrite;
use deskwire_core::ids::StepPath;
use deskwire_core::run::{Entry, RunState, Written};

use test_case::test_case;

use super::*;

const ROUTE: &str = r#"
  - id: route
    choose:
      - when: event.data.detail.id == "1"
        steps:
          - { id: first, action: test.idempotent, connection: c, with: { say: first } }
      - when: [event.data.detail.id == "2", true]
        steps:
          - { id: second, action: test.idempotent, connection: c, with: { say: second } }
    otherwise:
      - { id: third, action: test.idempotent, connection: c, with: { say: third } }
  - { id: after, action: test.idempotent, connection: c, with: { say: "{{ steps.route.case }} {{ steps.first.said | default('-') }}" } }
"#;

fn said(world: &World) -> Vec<String> {
    let calls = world.outside.calls.lock().unwrap();
    calls.iter().map(|(_, input)| input["say"].as_str().unwrap().to_owned()).collect()
}

#[test_case(Place::Sqlite; "on SQLite")]
#[test_case(Place::DynamoDb; "on DynamoDB")]
#[tokio::test]
async fn the_first_case_that_holds_is_taken_and_no_other(place: Place) {
    let mut world = World::new(place, ROUTE);
    for number in 1..=3 {
        world.event(number, &format!("t{number}")).await;
    }
    world.settle_everything().await;
    assert_eq!(said(&world), ["first", "1 first", "second", "2 -", "third", "0 -"]);
}

#[test_case(Place::Sqlite; "on SQLite")]
#[test_case(Place::DynamoDb; "on DynamoDB")]
#[tokio::test]
async fn steps_of_a_branch_are_journaled_under_its_path_with_the_reason_of_the_choice(place: Place) {
    let mut world = World::new(place, ROUTE);
    let run = world.event(2, "t").await;
    world.settle_everything().await;
    let journal = world.run(&run).await.journal;
    let Entry::Chose { case: Some(2), reason, .. } = &journal[0] else { panic!("{journal:?}") };
    assert!(reason.contains("case 2 holds"), "{reason}");
    assert_eq!(journal[1].step(), Some(&StepPath::new("route/second")));
}

#[test_case(Place::Sqlite; "on SQLite")]
#[test_case(Place::DynamoDb; "on DynamoDB")]
#[tokio::test]
async fn stop_ends_a_run_well_and_fail_ends_it_badly_each_with_its_reason(place: Place) {
    let stop = step("one", "test.read") + "  - { id: s, if: \"event.data.detail.id == '1'\", stop: enough }\n";
    let fail = "  - { id: f, fail: \"no {{ event.data.detail.id }}\" }\n";
    let mut world = World::new(place, &(stop + fail));
    let (stopped, failed) = (world.event(1, "t1").await, world.event(2, "t2").await);
    world.settle_everything().await;
    let (stopped, failed) = (world.run(&stopped).await.summary, world.run(&failed).await.summary);
    assert_eq!((stopped.state, stopped.reason.as_deref()), (RunState::Succeeded, Some("Stopped: enough")));
    assert_eq!((failed.state, failed.reason.as_deref()), (RunState::Failed, Some("Step `f`: no 2")));
}

#[test_case(Place::Sqlite; "on SQLite")]
#[test_case(Place::DynamoDb; "on DynamoDB")]
#[tokio::test]
async fn a_step_that_takes_longer_than_its_timeout_is_given_up(place: Place) {
    let slow = step("one", "test.read").replace("    with", "    timeout: 1s\n    retry: { attempts: 1 }\n    with");
    let mut world = World::new(place, &slow);
    world.outside.plan("test.read", [Turn::Silence]);
    let run = world.event(1, "t").await;
    tokio::time::pause();
    world.settle_everything().await;
    let reason = world.run(&run).await.summary.reason.unwrap();
    assert!(reason.contains("did not end within 1s"), "{reason}");
}

#[test_case(Place::Sqlite; "on SQLite")]
#[test_case(Place::DynamoDb; "on DynamoDB")]
#[tokio::test]
async fn a_call_may_take_longer_than_a_lease_if_the_step_says_so(place: Place) {
    let slow = step("one", "test.unprovable").replace("    with", "    timeout: 10m\n    with");
    let mut world = World::new(place, &slow);
    world.outside.plan("test.unprovable", [Turn::Silence]);
    let run = world.event(1, "t").await;
    tokio::time::pause();
    world.settle_everything().await;
    let run = world.run(&run).await;
    assert_eq!(run.summary.state, RunState::Unknown);
    assert_eq!(run.summary.deliveries, 2, "one for the call, one to give way");
}

#[test_case(Place::Sqlite; "on SQLite")]
#[test_case(Place::DynamoDb; "on DynamoDB")]
#[tokio::test]
async fn what_a_person_says_has_happened_is_done_and_the_run_goes_on(place: Place) {
    let mut world = World::new(place, &(step("one", "test.unprovable") + &step("two", "test.idempotent")));
    world.outside.plan("test.unprovable", [Turn::LostAfter]);
    let run = world.event(1, "t").await;
    world.settle_everything().await;
    assert_eq!(world.run(&run).await.summary.state, RunState::Unknown);
    decide(&world, &run, true).await;
    world.settle_everything().await;
    assert_eq!(world.run(&run).await.summary.state, RunState::Succeeded);
    assert_eq!((world.outside.calls_of("test.unprovable"), world.outside.calls_of("test.idempotent")), (1, 1));
}

#[test_case(Place::Sqlite; "on SQLite")]
#[test_case(Place::DynamoDb; "on DynamoDB")]
#[tokio::test]
async fn what_a_person_says_has_not_happened_is_called_again_with_the_same_key(place: Place) {
    let mut world = World::new(place, &step("one", "test.unprovable"));
    world.outside.plan("test.unprovable", [Turn::LostBefore]);
    let run = world.event(1, "t").await;
    world.settle_everything().await;
    decide(&world, &run, false).await;
    world.settle_everything().await;
    assert_eq!(world.run(&run).await.summary.state, RunState::Succeeded);
    assert_eq!((world.outside.calls_of("test.unprovable"), world.outside.effects_of("test.unprovable")), (2, 1));
}

async fn decide(world: &World, run: &str, happened: bool) {
    let (step, at) = (StepPath::new("one"), world.clock.now());
    let decided = Entry::Decided { step, at, happened, output: json!({ "said": "by a person" }) };
    let run = RunId::new(run);
    assert!(world.placed.done(|store| store.decide(&run, vec![decided], at)).await.unwrap());
}

/// What a provider says of a change that our user made.
fn ours(at: Timestamp) -> ChangeFacts {
    ChangeFacts { actor: Some("17".to_owned()), changed_at: Some(at), marks: vec![] }
}

/// Runs a workflow whose one step changes ticket `t` as user 17, at the hop that its event is at.
async fn write_something(world: &mut World, hops: u32) {
    let run = world.event(1, "other").await;
    let at = world.clock.now();
    let batch = world.placed.done(|store| store.claim("somebody", 1, Duration::from_mins(2), at)).await.unwrap();
    let write = OwnWrite {
        provider: "zendesk".to_owned(),
        subject: "t".to_owned(),
        actor: Some("17".to_owned()),
        mark: Some("comment-5".to_owned()),
        at,
    };
    let done = Entry::Done {
        step: StepPath::new("one"),
        action: "test.idempotent".to_owned(),
        attempt: 1,
        started_at: at,
        at,
        input: Value::Null,
        output: Value::Null,
        how: deskwire_core::run::Known::Answered,
        wrote: vec![Written { write, hops }],
    };
    let over = deskwire_core::ports::Settlement::Over { state: RunState::Succeeded, reason: "done".to_owned() };
    let fence = &batch.claims[0].fence;
    world.placed.done(|store| store.settle(fence, vec![done], over, None, at)).await.unwrap();
    assert_eq!(world.run(&run).await.summary.state, RunState::Succeeded);
}

#[test_case(Place::Sqlite; "on SQLite")]
#[test_case(Place::DynamoDb; "on DynamoDB")]
#[tokio::test]
async fn our_own_write_coming_back_is_skipped_and_says_which_run_made_it(place: Place) {
    let mut world = World::new(place, &step("one", "test.idempotent"));
    write_something(&mut world, 1).await;
    let echo = world.changed_event(2, "t", ours(world.clock.now())).await;
    let mark = ChangeFacts { marks: vec!["comment-5".to_owned()], ..ChangeFacts::default() };
    let comment = world.changed_event(3, "t", mark).await;
    world.settle_everything().await;
    for run in [echo, comment] {
        let run = world.run(&run).await.summary;
        assert_eq!(run.state, RunState::Skipped);
        let reason = run.reason.unwrap();
        assert!(reason.contains("run_001") && reason.contains("no loops"), "{reason}");
    }
    assert_eq!(world.outside.calls_of("test.idempotent"), 0);
}

#[test_case(Place::Sqlite; "on SQLite")]
#[test_case(Place::DynamoDb; "on DynamoDB")]
#[tokio::test]
async fn the_change_of_somebody_else_at_the_same_moment_is_no_echo(place: Place) {
    let mut world = World::new(place, &step("one", "test.idempotent"));
    write_something(&mut world, 1).await;
    let theirs = ChangeFacts { actor: Some("99".to_owned()), ..ours(world.clock.now()) };
    let run = world.changed_event(2, "t", theirs).await;
    world.settle_everything().await;
    assert_eq!(world.run(&run).await.summary.state, RunState::Succeeded);
}

#[test_case(Place::Sqlite; "on SQLite")]
#[test_case(Place::DynamoDb; "on DynamoDB")]
#[tokio::test]
async fn a_workflow_may_take_echoes_up_to_its_hop_limit(place: Place) {
    for (hops, state) in [(2, RunState::Succeeded), (3, RunState::Skipped)] {
        let mut world = World::with(place, "max_hops: 2\n", &step("one", "test.idempotent"));
        write_something(&mut world, hops).await;
        let run = world.changed_event(2, "t", ours(world.clock.now())).await;
        world.settle_everything().await;
        let run = world.run(&run).await;
        assert_eq!(run.summary.state, state, "at hop {hops}");
        let caused = run.journal.iter().any(|entry| matches!(entry, Entry::Caused { hops: 2, .. }));
        assert_eq!(caused, state == RunState::Succeeded);
    }
}

#[test_case(Place::Sqlite; "on SQLite")]
#[test_case(Place::DynamoDb; "on DynamoDB")]
#[tokio::test]
async fn an_event_of_our_own_user_waits_a_moment_for_the_write_that_explains_it(place: Place) {
    let mut world = World::new(place, &step("one", "test.idempotent"));
    write_something(&mut world, 1).await;
    world.clock.0.fetch_add(3_600_000 * 2, Ordering::SeqCst);
    let before = world.now();
    let run = world.changed_event(2, "another ticket", ours(world.clock.now())).await;
    world.settle_everything().await;
    assert_eq!(world.run(&run).await.summary.state, RunState::Succeeded);
    assert!(world.now() - before >= 4_000, "nothing explained it, so it was taken after all");
}

#[test_case(Place::Sqlite; "on SQLite")]
#[test_case(Place::DynamoDb; "on DynamoDB")]
#[tokio::test]
async fn an_event_that_tells_of_an_older_state_is_skipped_where_the_workflow_asks_for_that(place: Place) {
    for (head, state) in [("skip_stale: true\n", RunState::Skipped), ("", RunState::Succeeded)] {
        let mut world = World::with(place, head, &step("one", "test.idempotent"));
        let changed = |seconds: i64| ChangeFacts {
            changed_at: Some(Timestamp::from_millis(START + seconds * 1000)),
            ..ChangeFacts::default()
        };
        world.changed_event(1, "t", changed(20)).await;
        let late = world.changed_event(2, "t", changed(10)).await;
        let next = world.changed_event(3, "t", changed(20)).await;
        world.settle_everything().await;
        assert_eq!(world.run(&late).await.summary.state, state);
        assert_eq!(world.run(&next).await.summary.state, RunState::Succeeded);
    }
}

#[test_case(Place::Sqlite; "on SQLite")]
#[test_case(Place::DynamoDb; "on DynamoDB")]
#[tokio::test]
async fn of_a_burst_of_events_a_debounced_workflow_handles_the_last_after_the_quiet(place: Place) {
    let mut world = World::with(place, "lane: { debounce: 30s }\n", &step("one", "test.idempotent"));
    let mut runs = Vec::new();
    for number in 1..=3 {
        runs.push(world.event(number, "t").await);
        world.work_until(START + i64::try_from(number).unwrap() * 10_000).await;
    }
    assert_eq!(world.outside.calls_of("test.idempotent"), 0);
    world.settle_everything().await;
    assert_eq!(said(&world), ["one 3"]);
    assert_eq!(world.now() / 1000, (START + 50_000) / 1000);
    let superseded = world.run(&runs[0]).await.summary;
    assert_eq!(superseded.state, RunState::Skipped);
    assert!(superseded.reason.unwrap().contains("superseded"));
}

#[test_case(Place::Sqlite; "on SQLite")]
#[test_case(Place::DynamoDb; "on DynamoDB")]
#[tokio::test]
async fn a_runs_reason_shows_nothing_that_is_marked_as_personal(place: Place) {
    let steps = step("one", "test.read").replace("say: \"", "to: mina@example.net, say: \"")
        + "  - { id: f, fail: \"nobody knows mina@example.net\" }\n";
    let mut world = World::new(place, &steps);
    let run = world.event(1, "t").await;
    world.settle_everything().await;
    let run = world.run(&run).await;
    assert_eq!(run.summary.reason.as_deref(), Some("Step `f`: nobody knows [personal]"));
    let told =
        run.journal.iter().any(|entry| matches!(entry, Entry::Failed { error, .. } if error.message.contains("mina@")));
    assert!(told, "the journal, which is shown to those who ask for it, holds it");
}
