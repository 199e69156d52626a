use test_case::test_case;

use super::*;
use deskwire_core::ids::StepPath;
use deskwire_core::run::{Entry, Known, RunState};

fn done_step(run: &RunDetail, id: &str) -> Option<(Known, u32)> {
    run.journal.iter().find_map(|entry| match entry {
        Entry::Done { step, how, attempt, .. } if step.as_str() == id => Some((*how, *attempt)),
        _ => None,
    })
}

#[test_case(Place::Sqlite; "on SQLite")]
#[test_case(Place::DynamoDb; "on DynamoDB")]
#[tokio::test]
async fn steps_run_in_order_and_see_the_outputs_before_them(place: Place) {
    let two =
        "  - id: two\n    action: test.detectable\n    connection: c\n    with: { say: \"{{ steps.one.said }}!\" }\n";
    let mut world = World::new(place, &(step("one", "test.read") + two));
    let run = world.event(1, "t1").await;
    world.settle_everything().await;
    assert_eq!(world.run(&run).await.summary.state, RunState::Succeeded);
    let calls = world.outside.calls.lock().unwrap().clone();
    assert_eq!(calls[0], ("test.read".to_owned(), json!({"say": "one 1"})));
    assert_eq!(calls[1], ("test.detectable".to_owned(), json!({"say": "one 1!"})));
}

#[test_case(Place::Sqlite; "on SQLite")]
#[test_case(Place::DynamoDb; "on DynamoDB")]
#[tokio::test]
async fn a_big_id_passes_from_step_to_step_unchanged(place: Place) {
    let two = "  - id: two\n    action: test.read\n    connection: c\n    with: { say: \"{{ steps.one.big }}\" }\n";
    let mut world = World::new(place, &(step("one", "test.read") + two));
    world.event(1, "t1").await;
    world.settle_everything().await;
    assert_eq!(world.outside.calls.lock().unwrap()[1].1, json!({"say": 19_856_122_753_300_u64}));
}

#[test_case(Place::Sqlite; "on SQLite")]
#[test_case(Place::DynamoDb; "on DynamoDB")]
#[tokio::test]
async fn a_step_whose_condition_is_false_is_left_out_with_the_reason(place: Place) {
    let conditional = step("one", "test.read").replace("    with", "    if: event.data.detail.id == \"2\"\n    with");
    let mut world = World::new(place, &conditional);
    let (first, second) = (world.event(1, "t1").await, world.event(2, "t2").await);
    world.settle_everything().await;
    let skipped = world.run(&first).await;
    assert_eq!(skipped.summary.state, RunState::Skipped);
    assert!(matches!(&skipped.journal[0], Entry::Skipped { reason, .. } if reason.contains("detail.id == \"2\"")));
    assert_eq!(world.run(&second).await.summary.state, RunState::Succeeded);
}

#[test_case(Place::Sqlite; "on SQLite")]
#[test_case(Place::DynamoDb; "on DynamoDB")]
#[tokio::test]
async fn what_passes_is_tried_again_and_what_does_not_pass_is_not(place: Place) {
    let mut world = World::new(place, &step("one", "test.unprovable"));
    world.outside.plan("test.unprovable", [Turn::Retry, Turn::Retry, Turn::Answer, Turn::Fail]);
    let first = world.event(1, "t1").await;
    world.settle_everything().await;
    let second = world.event(2, "t1").await;
    world.settle_everything().await;
    assert_eq!(done_step(&world.run(&first).await, "one"), Some((Known::Answered, 3)));
    let failed = world.run(&second).await;
    assert_eq!(failed.summary.state, RunState::Failed);
    assert_eq!(
        failed.summary.reason.as_deref(),
        Some("Step `one` (workflows/w.yaml:6) failed: there is no such thing")
    );
    assert_eq!(world.outside.calls_of("test.unprovable"), 4);
}

#[test_case(Place::Sqlite; "on SQLite")]
#[test_case(Place::DynamoDb; "on DynamoDB")]
#[tokio::test]
async fn used_up_attempts_make_a_dead_letter_within_a_quarter_of_an_hour(place: Place) {
    let mut world = World::new(place, &step("one", "test.keyed"));
    world.outside.plan("test.keyed", vec![Turn::Retry; 50]);
    let run = world.event(1, "t1").await;
    world.settle_everything().await;
    let dead = world.run(&run).await;
    assert_eq!(dead.summary.state, RunState::Dead);
    assert!(dead.summary.reason.unwrap().contains("6 attempts are used up"));
    assert_eq!(world.outside.calls_of("test.keyed"), 6);
    assert!(world.now() - START <= 930_000 + 1_000);
}

#[test_case(Place::Sqlite; "on SQLite")]
#[test_case(Place::DynamoDb; "on DynamoDB")]
#[tokio::test]
async fn a_wait_beyond_the_lane_s_patience_ends_the_run_at_once(place: Place) {
    let mut world = World::new(place, &step("one", "test.read"));
    world.outside.plan("test.read", [Turn::RateLimited(Duration::from_hours(1))]);
    let run = world.event(1, "t1").await;
    world.settle_everything().await;
    let dead = world.run(&run).await;
    assert_eq!(dead.summary.state, RunState::Dead);
    assert!(dead.summary.reason.unwrap().contains("may not wait longer than 15m"));
}

#[test_case(Place::Sqlite; "on SQLite")]
#[test_case(Place::DynamoDb; "on DynamoDB")]
#[tokio::test]
async fn later_events_of_a_subject_wait_for_a_retry_and_other_subjects_do_not(place: Place) {
    let mut world = World::new(place, &step("one", "test.keyed"));
    world.outside.plan("test.keyed", [Turn::Retry]);
    world.event(1, "t1").await;
    world.event(2, "t1").await;
    world.event(3, "t2").await;
    world.settle_everything().await;
    let said: Vec<Value> =
        world.outside.effects.lock().unwrap().iter().map(|(_, input)| input["say"].clone()).collect();
    assert_eq!(said, ["one 3", "one 1", "one 2"]);
}

#[test_case(Place::Sqlite; "on SQLite")]
#[test_case(Place::DynamoDb; "on DynamoDB")]
#[tokio::test]
async fn a_rate_limit_holds_back_every_run_of_the_budget_without_a_call(place: Place) {
    let mut world = World::new(place, &step("one", "test.read"));
    world.outside.plan("test.read", [Turn::RateLimited(Duration::from_secs(90))]);
    for number in 1..=5 {
        world.event(number, &format!("t{number}")).await;
    }
    world.settle_everything().await;
    assert_eq!(world.outside.calls_of("test.read"), 6, "one was turned away; nobody called in vain after it");
    assert!(world.now() - START >= 90_000);
    let held = world.run("run_002").await;
    assert!(held.journal.iter().any(|entry| matches!(entry, Entry::Held { .. })));
    assert_eq!(held.summary.state, RunState::Succeeded);
}

#[test_case(Place::Sqlite; "on SQLite")]
#[test_case(Place::DynamoDb; "on DynamoDB")]
#[tokio::test]
async fn a_failed_step_can_be_passed_over_and_its_error_read(place: Place) {
    let one = step("one", "test.read") + "    on_error: continue\n";
    let two =
        "  - id: two\n    action: test.detectable\n    connection: c\n    with: { say: \"{{ steps.one.error }}\" }\n";
    let mut world = World::new(place, &(one + two));
    world.outside.plan("test.read", [Turn::Fail]);
    let run = world.event(1, "t1").await;
    world.settle_everything().await;
    assert_eq!(world.run(&run).await.summary.state, RunState::Succeeded);
    assert_eq!(world.outside.calls.lock().unwrap()[1].1, json!({"say": "there is no such thing"}));
}

#[test_case(Place::Sqlite; "on SQLite")]
#[test_case(Place::DynamoDb; "on DynamoDB")]
#[tokio::test]
async fn a_template_that_fails_names_the_input_and_calls_nothing(place: Place) {
    let bad = "  - id: one\n    action: test.detectable\n    connection: c\n    with: { say: \"{{ event.data.nothing.here }}\" }\n";
    let mut world = World::new(place, bad);
    let run = world.event(1, "t1").await;
    world.settle_everything().await;
    let failed = world.run(&run).await;
    assert_eq!(failed.summary.state, RunState::Failed);
    assert!(failed.summary.reason.unwrap().contains("say"));
    assert_eq!(world.outside.calls_of("test.detectable"), 0);
}

#[test_case(Place::Sqlite; "on SQLite")]
#[test_case(Place::DynamoDb; "on DynamoDB")]
#[tokio::test]
async fn a_trigger_condition_that_cannot_be_evaluated_fails_visibly(place: Place) {
    let mut world = World::new(place, &step("one", "test.read"));
    let text = world.workflow.text.replace("event: ticket.*", "event: ticket.*\n  when: event.data.nothing.here > 1");
    let file = SourceFile { path: "w.yaml".to_owned(), text };
    let (actions, templates) = (actions(&world.outside), Templates::new(Limits::default()));
    let options = Options { actions: &actions, templates: &templates, allow_loopback: false };
    world.workflow = Arc::new(Workflow::compile(&file, &options).unwrap());
    let version = (world.workflow.name.clone(), world.workflow.version.clone(), world.workflow.text.clone());
    let at = world.clock.now();
    world.placed.done(|store| store.publish(vec![version], at)).await.unwrap();
    let run = world.event(1, "t1").await;
    world.settle_everything().await;
    let failed = world.run(&run).await;
    assert_eq!(failed.summary.state, RunState::Failed);
    assert!(failed.summary.reason.unwrap().contains("`when` cannot be evaluated"));
}

#[test_case(Place::Sqlite; "on SQLite")]
#[test_case(Place::DynamoDb; "on DynamoDB")]
#[tokio::test]
async fn a_run_keeps_the_version_it_was_pinned_to(place: Place) {
    let world = World::new(place, &step("old", "test.read"));
    let old = (world.workflow.name.clone(), world.workflow.version.clone(), world.workflow.text.clone());
    let run = world.event(1, "t1").await;
    // A restarted process knows only the new version; the old one comes from the store.
    let mut newer = World::new(place, &step("new", "test.read"));
    newer.placed = Arc::clone(&world.placed);
    newer.brittle = Arc::new(brittle::Brittle::new(Arc::clone(&world.placed)));
    newer.engine.work = newer.brittle.clone();
    let work: Arc<dyn Work> = newer.brittle.clone();
    newer.engine.versions = Arc::new(Versions::new(
        work,
        actions(&newer.outside),
        Templates::new(Limits::default()),
        std::slice::from_ref(&newer.workflow),
    ));
    let at = world.clock.now();
    world.placed.done(|store| store.publish(vec![old], at)).await.unwrap();
    newer.settle_everything().await;
    let finished = newer.run(&run).await;
    assert_eq!(finished.journal[0].step(), Some(&StepPath::new("old")));
}

/// Each effect, with the answer lost before or after it happened, and the process killed before or after.
#[test_case(Place::Sqlite; "on SQLite")]
#[test_case(Place::DynamoDb; "on DynamoDB")]
#[tokio::test]
async fn no_lost_answer_leads_to_a_second_effect_or_to_a_lost_one(place: Place) {
    for turn in [Turn::LostAfter, Turn::LostBefore, Turn::KilledAfter, Turn::KilledBefore] {
        for action in ["test.read", "test.idempotent", "test.keyed", "test.detectable"] {
            let mut world = World::new(place, &step("one", action));
            world.outside.plan(action, [turn.clone()]);
            let run = world.event(1, "t1").await;
            world.settle_everything().await;
            assert_eq!(world.run(&run).await.summary.state, RunState::Succeeded, "{action} {turn:?}");
            if action != "test.read" {
                assert_eq!(world.outside.effects_of(action), 1, "{action} {turn:?}");
            }
        }
    }
}

#[test_case(Place::Sqlite; "on SQLite")]
#[test_case(Place::DynamoDb; "on DynamoDB")]
#[tokio::test]
async fn a_lost_post_that_happened_is_found_and_not_made_again(place: Place) {
    for turn in [Turn::LostAfter, Turn::KilledAfter] {
        let mut world = World::new(place, &step("one", "test.detectable"));
        world.outside.plan("test.detectable", [turn]);
        let run = world.event(1, "t1").await;
        world.settle_everything().await;
        assert_eq!(done_step(&world.run(&run).await, "one").unwrap().0, Known::TraceFound);
        assert_eq!(world.outside.calls_of("test.detectable"), 1);
        assert!(world.now() - START >= 2_000, "it waits before it looks");
    }
}

#[test_case(Place::Sqlite; "on SQLite")]
#[test_case(Place::DynamoDb; "on DynamoDB")]
#[tokio::test]
async fn an_unprovable_call_whose_answer_is_lost_waits_for_a_person_and_gives_way(place: Place) {
    for turn in [Turn::LostAfter, Turn::LostBefore, Turn::KilledAfter, Turn::KilledBefore] {
        let mut world = World::new(place, &step("one", "test.unprovable"));
        world.outside.plan("test.unprovable", [turn.clone()]);
        let (first, second) = (world.event(1, "t1").await, world.event(2, "t1").await);
        world.settle_everything().await;
        let unknown = world.run(&first).await;
        assert_eq!(unknown.summary.state, RunState::Unknown, "{turn:?}");
        assert!(unknown.summary.reason.unwrap().contains("deskwire runs settle run_001 --happened"));
        assert_eq!(world.run(&second).await.summary.state, RunState::Succeeded, "the lane went on");
        assert!(world.now() - START >= 15 * 60_000, "after its patience");
        assert_eq!(world.outside.calls_of("test.unprovable"), 2, "it was not called again by itself");
    }
}

#[test_case(Place::Sqlite; "on SQLite")]
#[test_case(Place::DynamoDb; "on DynamoDB")]
#[tokio::test]
async fn a_step_that_says_so_is_called_again_when_its_outcome_is_unknown(place: Place) {
    for turn in [Turn::LostAfter, Turn::KilledBefore] {
        let mut world = World::new(place, &(step("one", "test.unprovable") + "    on_unknown: retry\n"));
        world.outside.plan("test.unprovable", [turn]);
        let run = world.event(1, "t1").await;
        world.settle_everything().await;
        assert_eq!(world.run(&run).await.summary.state, RunState::Succeeded);
        assert_eq!(world.outside.calls_of("test.unprovable"), 2);
    }
}

#[test_case(Place::Sqlite; "on SQLite")]
#[test_case(Place::DynamoDb; "on DynamoDB")]
#[tokio::test]
async fn a_trace_that_cannot_be_looked_for_leaves_the_step_unknown(place: Place) {
    let mut world = World::new(place, &step("one", "test.detectable"));
    world.outside.plan("test.detectable", [Turn::LostAfter]);
    world.outside.failing_looks.lock().unwrap().push_back(ErrorClass::Fail);
    let run = world.event(1, "t1").await;
    world.settle_everything().await;
    let unknown = world.run(&run).await;
    assert_eq!(unknown.summary.state, RunState::Unknown);
    assert_eq!(world.outside.effects_of("test.detectable"), 1);
}

#[test_case(Place::Sqlite; "on SQLite")]
#[test_case(Place::DynamoDb; "on DynamoDB")]
#[tokio::test(start_paused = true)]
async fn a_call_that_never_ends_is_given_up_before_its_lease_is_over(place: Place) {
    let mut world = World::new(place, &step("one", "test.detectable"));
    world.outside.plan("test.detectable", [Turn::Silence]);
    let run = world.event(1, "t1").await;
    let before = tokio::time::Instant::now();
    world.settle_everything().await;
    assert!(before.elapsed() < EngineOptions::default().lease / 2);
    let finished = world.run(&run).await;
    assert_eq!(finished.summary.state, RunState::Succeeded);
    assert!(matches!(&finished.journal[0], Entry::Attempt { error, .. } if error.code == "timeout"));
    assert_eq!(world.outside.effects_of("test.detectable"), 1);
}

#[test_case(Place::Sqlite; "on SQLite")]
#[test_case(Place::DynamoDb; "on DynamoDB")]
#[tokio::test]
async fn a_lost_last_attempt_is_looked_for_and_not_made_once_more(place: Place) {
    for (turn, state) in [(Turn::LostAfter, RunState::Succeeded), (Turn::LostBefore, RunState::Dead)] {
        let mut world = World::new(place, &(step("one", "test.detectable") + "    retry: { attempts: 1 }\n"));
        world.outside.plan("test.detectable", [turn]);
        let run = world.event(1, "t1").await;
        world.settle_everything().await;
        assert_eq!(world.run(&run).await.summary.state, state);
        assert_eq!(world.outside.calls_of("test.detectable"), 1);
    }
}

#[test_case(Place::Sqlite; "on SQLite")]
#[test_case(Place::DynamoDb; "on DynamoDB")]
#[tokio::test]
async fn a_look_that_fails_for_now_is_made_again_and_never_turns_into_a_call(place: Place) {
    let mut world = World::new(place, &step("one", "test.detectable"));
    world.outside.plan("test.detectable", [Turn::LostAfter]);
    world.outside.failing_looks.lock().unwrap().extend([ErrorClass::Retry, ErrorClass::Unknown]);
    let run = world.event(1, "t1").await;
    world.settle_everything().await;
    assert_eq!(done_step(&world.run(&run).await, "one").unwrap().0, Known::TraceFound);
    assert_eq!(world.outside.calls_of("test.detectable"), 1);
}

#[test_case(Place::Sqlite; "on SQLite")]
#[test_case(Place::DynamoDb; "on DynamoDB")]
#[tokio::test]
async fn a_key_the_provider_has_forgotten_is_not_sent_again(place: Place) {
    let mut world = World::new(place, &step("one", "test.keyed"));
    world.outside.plan("test.keyed", [Turn::KilledAfter]);
    let run = world.event(1, "t1").await;
    // The process stays away for longer than the provider remembers keys.
    let at = world.clock.now();
    let batch = world.placed.done(|store| store.claim(OWNER, 1, Duration::from_mins(2), at)).await.unwrap();
    let claim = batch.claims.into_iter().next().unwrap();
    let shared = Shared::default();
    tokio::select! {
        _ = world.engine.execute(claim, &shared) => unreachable!(),
        () = world.outside.kill.notified() => {}
    }
    let at = world.clock.now();
    world.placed.done(|store| store.take_back(OWNER, at)).await.unwrap();
    world.clock.0.fetch_add(3 * 3_600_000, Ordering::SeqCst);
    world.settle_everything().await;
    assert_eq!(world.run(&run).await.summary.state, RunState::Unknown);
    assert_eq!(world.outside.calls_of("test.keyed"), 1);
}

#[test_case(Place::Sqlite; "on SQLite")]
#[test_case(Place::DynamoDb; "on DynamoDB")]
#[tokio::test]
async fn after_a_kill_steps_that_are_done_are_not_called_again(place: Place) {
    let steps = step("one", "test.unprovable") + &step("two", "test.detectable") + &step("three", "test.unprovable");
    let mut world = World::new(place, &steps);
    world.outside.plan("test.detectable", [Turn::KilledBefore, Turn::KilledAfter]);
    let run = world.event(1, "t1").await;
    world.settle_everything().await;
    assert_eq!(world.kills, 2);
    assert_eq!(world.run(&run).await.summary.state, RunState::Succeeded);
    assert_eq!(world.outside.effects_of("test.unprovable"), 2);
    assert_eq!(world.outside.effects_of("test.detectable"), 1);
}

#[test_case(Place::Sqlite; "on SQLite")]
#[test_case(Place::DynamoDb; "on DynamoDB")]
#[tokio::test]
async fn a_replay_calls_only_what_is_not_done_and_with_a_key_of_its_own(place: Place) {
    let mut world = World::new(place, &(step("one", "test.keyed") + &step("two", "test.detectable")));
    world.outside.plan("test.detectable", [Turn::Fail]);
    let run = world.event(1, "t1").await;
    world.settle_everything().await;
    let failed = world.run(&run).await;
    let keep: Vec<Entry> = failed.journal.into_iter().filter(|entry| matches!(entry, Entry::Done { .. })).collect();
    let (run, again, at) = (RunId::new(run), RunId::new("run_900"), world.clock.now());
    world.placed.done(|store| store.replay(&run, again, keep, at)).await.unwrap();
    world.settle_everything().await;
    assert_eq!(world.run("run_900").await.summary.state, RunState::Succeeded);
    assert_eq!((world.outside.calls_of("test.keyed"), world.outside.effects_of("test.detectable")), (1, 1));
}
