//! Random workflows, random faults, in virtual time: what is promised holds in all of them.
//!
//! A case that fails is printed whole, and proptest prints its seed.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use deskwire_core::run::{Entry, RunState};
use proptest::prelude::*;
use proptest::test_runner::TestRunner;

use super::brittle::Fate;
use super::*;

const ACTIONS: [&str; 5] = ["test.read", "test.idempotent", "test.keyed", "test.detectable", "test.unprovable"];

/// A step of a random workflow.
#[derive(Debug, Clone)]
enum Node {
    /// Calls an action; left out for events whose number is odd, if so marked.
    Call {
        action: usize,
        only_even: bool,
        continues: bool,
    },
    /// Cases by the event's number modulo 3.
    Choose {
        cases: Vec<Vec<Node>>,
        otherwise: Vec<Node>,
    },
    ForEach {
        items: usize,
        parallel: usize,
        continues: bool,
        steps: Vec<Node>,
    },
    Wait(u64),
    WaitForEvent(u64),
    Stop,
}

fn call() -> impl Strategy<Value = Node> {
    (0..ACTIONS.len(), any::<bool>(), any::<bool>()).prop_map(|(action, only_even, continues)| Node::Call {
        action,
        only_even,
        continues,
    })
}

fn node() -> impl Strategy<Value = Node> {
    let leaf = prop_oneof![
        6 => call(),
        1 => (1_u64..5000).prop_map(Node::Wait),
        1 => (1_u64..5000).prop_map(Node::WaitForEvent),
        1 => Just(Node::Stop),
    ];
    leaf.prop_recursive(3, 12, 3, |inner| {
        let steps = || prop::collection::vec(inner.clone(), 1..3);
        prop_oneof![
            (prop::collection::vec(steps(), 1..3), prop::option::of(steps()))
                .prop_map(|(cases, otherwise)| Node::Choose { cases, otherwise: otherwise.unwrap_or_default() }),
            (0_usize..4, 1_usize..4, any::<bool>(), steps()).prop_map(|(items, parallel, continues, steps)| {
                // A loop that waits goes one by one.
                let parallel = if steps.iter().any(waits) { 1 } else { parallel };
                Node::ForEach { items, parallel, continues, steps }
            }),
        ]
    })
}

fn waits(node: &Node) -> bool {
    match node {
        Node::Wait(_) | Node::WaitForEvent(_) => true,
        Node::Choose { cases, otherwise } => cases.iter().flatten().chain(otherwise).any(waits),
        Node::ForEach { steps, .. } => steps.iter().any(waits),
        Node::Call { .. } | Node::Stop => false,
    }
}

/// Writes the workflow's steps, each with an id of its own.
fn write(nodes: &[Node], indent: usize, next: &mut usize, text: &mut String) {
    for node in nodes {
        let (id, pad) = (*next, " ".repeat(indent));
        *next += 1;
        let line = |text: &mut String, words: String| writeln!(text, "{pad}{words}").unwrap();
        line(text, format!("- id: s{id}"));
        match node {
            Node::Call { action, only_even, continues } => {
                line(text, format!("  action: {}", ACTIONS[*action]));
                line(text, "  connection: c".to_owned());
                if *only_even {
                    line(text, "  if: event.data.detail.id | int is even".to_owned());
                }
                if *continues {
                    line(text, "  on_error: continue".to_owned());
                }
                line(text, format!("  with: {{ say: \"s{id} {{{{ event.data.detail.id }}}}\" }}"));
            }
            Node::Choose { cases, otherwise } => {
                line(text, "  choose:".to_owned());
                for (number, case) in cases.iter().enumerate() {
                    line(text, format!("    - when: event.data.detail.id | int % 3 == {number}"));
                    line(text, "      steps:".to_owned());
                    write(case, indent + 8, next, text);
                }
                if !otherwise.is_empty() {
                    line(text, "  otherwise:".to_owned());
                    write(otherwise, indent + 4, next, text);
                }
            }
            Node::ForEach { items, parallel, continues, steps } => {
                line(text, format!("  for_each: \"{{{{ range({items}) | list }}}}\""));
                line(text, format!("  as: i{id}"));
                line(text, format!("  parallel: {parallel}"));
                if *continues {
                    line(text, "  on_error: continue".to_owned());
                }
                line(text, "  steps:".to_owned());
                write(steps, indent + 4, next, text);
            }
            Node::Wait(seconds) => line(text, format!("  wait: {seconds}s")),
            Node::WaitForEvent(seconds) => {
                line(text, format!("  wait: {{ event: ticket.created, timeout: {seconds}s }}"));
            }
            Node::Stop => line(text, "  stop: enough".to_owned()),
        }
    }
}

/// The calls that a run on event `number` makes if nothing goes wrong. `false` once a `stop` has ended it.
fn expect(
    nodes: &[Node],
    prefix: &str,
    number: usize,
    next: &mut usize,
    live: bool,
    calls: &mut BTreeSet<String>,
) -> bool {
    let mut live = live;
    for node in nodes {
        let id = *next;
        *next += 1;
        let path = if prefix.is_empty() { format!("s{id}") } else { format!("{prefix}/s{id}") };
        match node {
            Node::Call { only_even, .. } => {
                if live && !(*only_even && number % 2 == 1) {
                    calls.insert(path);
                }
            }
            Node::Choose { cases, otherwise } => {
                let taken = (number % 3 < cases.len()).then_some(number % 3);
                let mut after = live;
                for (at, case) in cases.iter().enumerate() {
                    let here = live && taken == Some(at);
                    let goes_on = expect(case, &path, number, next, here, calls);
                    after &= !here || goes_on;
                }
                let here = live && taken.is_none();
                let goes_on = expect(otherwise, &path, number, next, here, calls);
                live = after && (!here || goes_on);
            }
            Node::ForEach { items, steps, .. } => {
                let first = *next;
                // Ids are counted once even where the list is empty.
                expect(steps, &path, number, next, false, &mut BTreeSet::new());
                for item in 0..*items {
                    let mut again = first;
                    live &= expect(steps, &format!("{path}[{item}]"), number, &mut again, live, calls) || !live;
                }
            }
            Node::Stop => live = false,
            Node::Wait(_) | Node::WaitForEvent(_) => {}
        }
    }
    live
}

fn stops(node: &Node) -> bool {
    match node {
        Node::Stop => true,
        Node::Choose { cases, otherwise } => cases.iter().flatten().chain(otherwise).any(stops),
        Node::ForEach { steps, .. } => steps.iter().any(stops),
        Node::Call { .. } | Node::Wait(_) | Node::WaitForEvent(_) => false,
    }
}

fn turn() -> impl Strategy<Value = Turn> {
    prop_oneof![
        4 => Just(Turn::Answer),
        1 => Just(Turn::Retry),
        1 => (1_u64..200).prop_map(|seconds| Turn::RateLimited(Duration::from_secs(seconds))),
        1 => Just(Turn::Fail),
        1 => Just(Turn::NeedsPerson),
        1 => Just(Turn::LostAfter),
        1 => Just(Turn::LostBefore),
        1 => Just(Turn::Silence),
        1 => Just(Turn::KilledAfter),
        1 => Just(Turn::KilledBefore),
    ]
}

fn fate() -> impl Strategy<Value = Fate> {
    prop_oneof![8 => Just(Fate::Written), 1 => Just(Fate::Refused), 1 => Just(Fate::Lost)]
}

#[derive(Debug, Clone)]
struct Case {
    lane: &'static str,
    nodes: Vec<Node>,
    turns: Vec<(usize, Turn)>,
    fates: Vec<Fate>,
    /// The subject of each event, and how many seconds pass before it comes.
    events: Vec<(u8, u64)>,
    seed: u64,
}

fn case() -> impl Strategy<Value = Case> {
    (
        prop_oneof![4 => Just(""), 1 => Just("lane: latest\n"), 1 => Just("lane: { debounce: 30s }\n")],
        prop::collection::vec(node(), 0..4),
        prop::collection::vec((0_usize..5, turn()), 0..25),
        prop::collection::vec(fate(), 0..40),
        prop::collection::vec((0_u8..3, 0_u64..60), 1..8),
        any::<u64>(),
    )
        .prop_map(|(lane, mut nodes, turns, fates, events, seed)| {
            // The first step tells in which order runs began.
            nodes.insert(0, Node::Call { action: 1, only_even: false, continues: false });
            Case { lane, nodes, turns, fates, events, seed }
        })
}

async fn check(place: Place, case: Case) {
    let mut text = String::new();
    write(&case.nodes, 2, &mut 0, &mut text);
    let mut world = World::seeded(place, case.lane, &text, case.seed);
    for (action, turn) in &case.turns {
        world.outside.plan(ACTIONS[*action], [turn.clone()]);
    }
    world.brittle.fates.lock().unwrap().extend(case.fates.iter().copied());
    let mut runs = Vec::new();
    for (number, (subject, seconds)) in case.events.iter().enumerate() {
        let then = world.now() + i64::try_from(seconds * 1000).unwrap();
        world.work_until(then).await;
        runs.push((number, *subject, world.event(number, &format!("t{subject}")).await));
    }
    world.settle_everything().await;

    let latest: BTreeMap<u8, usize> = runs.iter().map(|(number, subject, _)| (*subject, *number)).collect();
    for (number, subject, id) in &runs {
        let run = world.run(id).await;
        let (state, reason) = (run.summary.state, run.summary.reason.clone());
        assert!(state.is_over() || state == RunState::Unknown, "{id} ended as {state:?}\n{text}");
        assert!(reason.is_some(), "{id} gives no reason\n{text}");
        let unknown = run.journal.iter().any(|entry| matches!(entry, Entry::Unknown { .. }));
        assert!(state != RunState::Unknown || unknown, "{id}: unknown, and no step says so\n{text}");
        assert!(
            state != RunState::Skipped || run.journal.is_empty() || case.lane.is_empty(),
            "{id}: {reason:?}\n{text}"
        );
        if state == RunState::Skipped && run.journal.is_empty() {
            assert_ne!(latest[subject], *number, "{id}: the latest event was superseded: {reason:?}\n{text}");
        }
        let failed = run.journal.iter().any(|entry| matches!(entry, Entry::Failed { .. }));
        let done: BTreeSet<String> = run.journal.iter().filter_map(called).collect();
        let mut expected = BTreeSet::new();
        expect(&case.nodes, "", *number, &mut 0, true, &mut expected);
        if state == RunState::Succeeded && !failed && !case.nodes.iter().any(stops) {
            assert_eq!(done, expected, "{id} succeeded: {reason:?}\n{text}");
        }
    }
    no_effect_twice(&world, &text);
    in_order(&world, &case, &text);
}

fn called(entry: &Entry) -> Option<String> {
    match entry {
        Entry::Done { step, action, .. } if action.starts_with("test.") => Some(step.to_string()),
        _ => None,
    }
}

/// No effect happened twice, whatever was lost.
fn no_effect_twice(world: &World, text: &str) {
    let effects = world.outside.effects.lock().unwrap();
    let mut seen = BTreeSet::new();
    for (key, input) in effects.iter().filter(|(key, _)| !key.starts_with("test.read")) {
        assert!(seen.insert(key), "{key} happened twice: {input}\n{text}");
    }
}

/// Runs of one subject began in the order of its events.
fn in_order(world: &World, case: &Case, text: &str) {
    let calls = world.outside.calls.lock().unwrap();
    for subject in 0..3 {
        let mut begun = BTreeSet::new();
        // One that gave way, because its connection needed a person for too long, calls again later.
        let first: Vec<usize> = calls
            .iter()
            .filter_map(|(_, input)| input["say"].as_str()?.strip_prefix("s0 ")?.parse().ok())
            .filter(|number: &usize| case.events[*number].0 == subject && begun.insert(*number))
            .collect();
        assert!(first.is_sorted(), "subject {subject} was out of order: {first:?}\n{text}");
    }
}

fn holds(place: Place, case: Case) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
    runtime.block_on(check(place, case));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, max_shrink_iters: 2000, ..ProptestConfig::default() })]

    #[test]
    fn promises_hold_for_random_workflows_under_random_faults(case in case()) {
        holds(Place::Sqlite, case);
    }
}

#[test]
fn promises_hold_for_random_workflows_under_random_faults_on_dynamodb() {
    // What it lives on stays from case to case.
    let _kept = Place::DynamoDb.empty();
    let config = ProptestConfig { cases: 100, max_shrink_iters: 200, ..ProptestConfig::default() };
    let checked = TestRunner::new(config).run(&case(), |case| {
        holds(Place::DynamoDb, case);
        Ok(())
    });
    checked.unwrap();
}
