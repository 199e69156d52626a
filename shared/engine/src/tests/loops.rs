//! Loops: their results, their bound, and what a crash in their middle leaves.

use deskwire_core::run::{Entry, RunState};

use test_case::test_case;

use super::*;

fn each(settings: &str, steps: &str) -> String {
    format!("  - id: each\n    for_each: \"{{{{ range(6) | list }}}}\"\n{settings}    steps:\n{steps}")
}

fn post(action: &str) -> String {
    format!("      - {{ id: post, action: {action}, connection: c, with: {{ say: \"{{{{ item }}}}\" }} }}\n")
}

async fn output(world: &World, run: &str) -> Value {
    let journal = world.run(run).await.journal;
    let found = journal.iter().find_map(|entry| match entry {
        Entry::Done { step, output, .. } if step.as_str() == "each" => Some(output.clone()),
        _ => None,
    });
    found.unwrap_or_else(|| panic!("{journal:?}"))
}

#[test_case(Place::Sqlite; "on SQLite")]
#[test_case(Place::DynamoDb; "on DynamoDB")]
#[tokio::test]
async fn a_loop_answers_with_one_result_per_item_in_their_order(place: Place) {
    for parallel in [1, 4] {
        let settings = format!("    parallel: {parallel}\n    result: \"{{{{ steps.post.said | int * 10 }}}}\"\n");
        let mut world = World::new(place, &each(&settings, &post("test.detectable")));
        let run = world.event(1, "t").await;
        world.settle_everything().await;
        let expected = json!({ "results": [0, 10, 20, 30, 40, 50], "count": 6, "failed": 0 });
        assert_eq!(output(&world, &run).await, expected);
        assert_eq!(world.outside.effects_of("test.detectable"), 6);
    }
}

#[test_case(Place::Sqlite; "on SQLite")]
#[test_case(Place::DynamoDb; "on DynamoDB")]
#[tokio::test]
async fn an_item_that_fails_ends_the_run_unless_the_loop_goes_on(place: Place) {
    let failing = [Turn::Answer, Turn::Fail];
    let mut world = World::new(place, &each("", &post("test.read")));
    world.outside.plan("test.read", failing.clone());
    let run = world.event(1, "t").await;
    world.settle_everything().await;
    let summary = world.run(&run).await.summary;
    assert_eq!(summary.state, RunState::Failed);
    assert_eq!(
        summary.reason.as_deref(),
        Some("Step `each[1]/post` (workflows/w.yaml:9) failed: there is no such thing")
    );
    assert_eq!(world.outside.calls_of("test.read"), 2);

    let mut world = World::new(place, &each("    on_error: continue\n", &post("test.read")));
    world.outside.plan("test.read", failing);
    let run = world.event(1, "t").await;
    world.settle_everything().await;
    assert_eq!(world.run(&run).await.summary.state, RunState::Succeeded);
    let output = output(&world, &run).await;
    assert_eq!((&output["failed"], &output["results"][1]), (&json!(1), &json!({ "error": "there is no such thing" })));
    assert_eq!(output["results"][5]["said"], json!(5));
}

#[test_case(Place::Sqlite; "on SQLite")]
#[test_case(Place::DynamoDb; "on DynamoDB")]
#[tokio::test]
async fn the_bound_on_parallel_items_holds(place: Place) {
    let world = World::new(place, &each("    parallel: 2\n", &post("test.read")));
    world.outside.plan("test.read", [Turn::Silence, Turn::Silence, Turn::Silence]);
    world.event(1, "t").await;
    // Nobody answers, so what is called at once stays called.
    world.clock.0.fetch_add(1, Ordering::SeqCst);
    let at = world.clock.now();
    let mut batch = world.placed.done(|store| store.claim(OWNER, 1, Duration::from_mins(2), at)).await.unwrap();
    let shared = Shared::of(&mut batch);
    let execution = world.engine.execute(batch.claims.remove(0), &shared);
    tokio::select! {
        biased;
        _ = execution => panic!("nobody answered"),
        () = tokio::task::yield_now() => {}
    }
    assert_eq!(world.outside.calls_of("test.read"), 2);
}

#[test_case(Place::Sqlite; "on SQLite")]
#[test_case(Place::DynamoDb; "on DynamoDB")]
#[tokio::test]
async fn items_that_were_under_way_when_the_process_was_killed_are_looked_for_one_by_one(place: Place) {
    for parallel in [1, 3] {
        let mut world = World::new(place, &each(&format!("    parallel: {parallel}\n"), &post("test.detectable")));
        world.outside.plan("test.detectable", [Turn::Answer, Turn::KilledAfter, Turn::Answer, Turn::KilledBefore]);
        let run = world.event(1, "t").await;
        world.settle_everything().await;
        assert_eq!(world.run(&run).await.summary.state, RunState::Succeeded, "{parallel} at once");
        assert!(world.kills > 0);
        assert_eq!(world.outside.effects_of("test.detectable"), 6, "{parallel} at once");
    }
}

#[test_case(Place::Sqlite; "on SQLite")]
#[test_case(Place::DynamoDb; "on DynamoDB")]
#[tokio::test]
async fn an_item_that_waits_for_a_retry_does_not_stop_those_beside_it(place: Place) {
    let mut world = World::new(place, &each("    parallel: 2\n", &post("test.idempotent")));
    world.outside.plan("test.idempotent", [Turn::Retry]);
    let run = world.event(1, "t").await;
    world.work_until(START + 1).await;
    assert_eq!(world.outside.effects_of("test.idempotent"), 5);
    world.settle_everything().await;
    assert_eq!(world.run(&run).await.summary.state, RunState::Succeeded);
    assert_eq!(world.outside.effects_of("test.idempotent"), 6);
}

#[test_case(Place::Sqlite; "on SQLite")]
#[test_case(Place::DynamoDb; "on DynamoDB")]
#[tokio::test]
async fn a_resumed_loop_goes_over_the_items_it_began_with(place: Place) {
    let changing = "  - { id: one, action: test.read, connection: c, with: { say: [1, 2] } }\n".to_owned()
        + "  - id: each\n    for_each: \"{{ steps.one.said }}\"\n    steps:\n"
        + &post("test.idempotent");
    let mut world = World::new(place, &changing);
    world.outside.plan("test.idempotent", [Turn::Answer, Turn::Retry]);
    let run = world.event(1, "t").await;
    world.settle_everything().await;
    assert_eq!(world.outside.calls_of("test.read"), 1);
    assert_eq!(output(&world, &run).await["count"], json!(2));
}

#[test_case(Place::Sqlite; "on SQLite")]
#[test_case(Place::DynamoDb; "on DynamoDB")]
#[tokio::test]
async fn what_is_no_list_is_named_and_so_is_a_list_that_is_too_long(place: Place) {
    for (list, told) in
        [("{{ event.data.detail.id }}", "its value is text"), ("{{ range(10001) | list }}", "at most 10000 items")]
    {
        let mut world = World::new(place, &each("", &post("test.read")).replace("{{ range(6) | list }}", list));
        let run = world.event(1, "t").await;
        world.settle_everything().await;
        let reason = world.run(&run).await.summary.reason.unwrap();
        assert!(reason.contains(told), "{reason}");
    }
}

#[test_case(Place::Sqlite; "on SQLite")]
#[test_case(Place::DynamoDb; "on DynamoDB")]
#[tokio::test]
async fn a_loop_of_a_thousand_items_goes_through(place: Place) {
    let thousand = each("    parallel: 8\n", &post("test.idempotent")).replace("range(6)", "range(1000)");
    let mut world = World::new(place, &thousand);
    let run = world.event(1, "t").await;
    world.settle_everything().await;
    let summary = world.run(&run).await.summary;
    assert_eq!((summary.state, summary.reason.as_deref()), (RunState::Succeeded, Some("1000 steps done")));
    assert_eq!(world.outside.effects_of("test.idempotent"), 1000);
}
