//! Random workflows, random faults: what is promised holds in all of them.

use deskwire_core::run::{Entry, RunState};
use proptest::prelude::*;

use super::*;

const ACTIONS: [&str; 5] = ["test.read", "test.idempotent", "test.keyed", "test.detectable", "test.unprovable"];

fn turn() -> impl Strategy<Value = Turn> {
    prop_oneof![
        4 => Just(Turn::Answer),
        1 => Just(Turn::Retry),
        1 => (1_u64..200).prop_map(|seconds| Turn::RateLimited(Duration::from_secs(seconds))),
        1 => Just(Turn::Fail),
        1 => Just(Turn::LostAfter),
        1 => Just(Turn::LostBefore),
        1 => Just(Turn::Silence),
        1 => Just(Turn::KilledAfter),
        1 => Just(Turn::KilledBefore),
    ]
}

async fn check(steps: Vec<usize>, turns: Vec<(usize, Turn)>, subjects: Vec<u8>, seed: u64) {
    let text: String = steps.iter().enumerate().map(|(n, action)| step(&format!("s{n}"), ACTIONS[*action])).collect();
    let mut world = World::seeded(&text, seed);
    for (action, turn) in turns {
        world.outside.plan(ACTIONS[action], [turn]);
    }
    let mut runs = Vec::new();
    for (number, subject) in subjects.iter().enumerate() {
        runs.push((world.event(number, &format!("t{subject}")).await, *subject));
    }
    world.settle_everything().await;

    for (id, _) in &runs {
        let run = world.run(id).await;
        let state = run.summary.state;
        assert!(state.is_over() || state == RunState::Unknown, "{id} ended as {state:?}");
        assert!(run.summary.reason.is_some(), "{id} gives no reason");
        assert_eq!(
            state == RunState::Unknown,
            run.journal.iter().any(|entry| matches!(entry, Entry::Unknown { .. })),
            "{id}: a run is unknown if and only if its journal says which step"
        );
        if state == RunState::Succeeded {
            let done = run.journal.iter().filter(|entry| matches!(entry, Entry::Done { .. })).count();
            assert_eq!(done, steps.len(), "{id} succeeded without all its steps");
        }
    }
    // No effect happened twice, whatever was lost.
    let effects = world.outside.effects.lock().unwrap().clone();
    for (key, _) in effects.iter().filter(|(key, _)| !key.starts_with("test.read")) {
        assert_eq!(effects.iter().filter(|(other, _)| other == key).count(), 1, "{key} happened twice");
    }
    // First steps of one subject happened in the order of its events.
    for subject in 0..3 {
        let first: Vec<usize> = world
            .outside
            .calls
            .lock()
            .unwrap()
            .iter()
            .filter_map(|(_, input)| input["say"].as_str()?.strip_prefix("s0 ")?.parse().ok())
            .filter(|number: &usize| subjects[*number] == subject)
            .collect();
        assert!(first.is_sorted(), "subject {subject} was out of order: {first:?}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    #[test]
    fn promises_hold_under_random_faults(
        steps in prop::collection::vec(0_usize..5, 1..5),
        turns in prop::collection::vec((0_usize..5, turn()), 0..25),
        subjects in prop::collection::vec(0_u8..3, 1..8),
        seed in any::<u64>(),
    ) {
        tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap().block_on(check(steps, turns, subjects, seed));
    }
}
