//! Waiting for a token is not a call: it takes none of the call's time, is announced to nobody, and however it ends, nothing
//! happened.

use deskwire_core::run::{Entry, RunState};
use test_case::test_case;

use super::*;

/// What comes of getting a token before a call.
#[derive(Debug, Clone, Copy)]
pub(super) enum Token {
    /// It comes after so long.
    After(Duration),
    /// There is none now, and one may be there after so long.
    None(Option<Duration>),
    /// There is none before a person has done something.
    NeedsPerson,
    /// Nobody answers.
    Silence,
}

pub(super) async fn next(outside: &Outside) -> Result<(), CallError> {
    let token = outside.tokens.lock().unwrap().pop_front();
    match token {
        None => Ok(()),
        Some(Token::After(wait)) => {
            tokio::time::sleep(wait).await;
            Ok(())
        }
        Some(Token::None(wait)) => Err(CallError::no_token("the token endpoint is away", wait)),
        Some(Token::NeedsPerson) => {
            Err(CallError::new(ErrorClass::NeedsReauthorization, "needs_reauthorization", "connect c again"))
        }
        Some(Token::Silence) => std::future::pending().await,
    }
}

fn world(action: &str, tokens: impl IntoIterator<Item = Token>) -> World {
    let world = World::new(Place::Sqlite, &(step("one", action) + "    timeout: 5s\n"));
    world.outside.tokens.lock().unwrap().extend(tokens);
    world
}

/// How many calls were made, and which kinds of entries tell of the step, in order.
fn told(world: &World, run: &RunDetail) -> (usize, Vec<&'static str>) {
    let kinds = run.journal.iter().filter(|entry| entry.step().is_some()).map(|entry| match entry {
        Entry::NoToken { .. } => "no token",
        Entry::Calling { .. } => "calling",
        Entry::Attempt { .. } => "attempt",
        Entry::Blocked { .. } => "blocked",
        Entry::Unknown { .. } => "unknown",
        Entry::Done { .. } => "done",
        Entry::Failed { .. } => "failed",
        _ => "other",
    });
    (world.outside.calls.lock().unwrap().len(), kinds.collect())
}

#[test_case("test.read")]
#[test_case("test.idempotent")]
#[test_case("test.keyed")]
#[test_case("test.detectable")]
#[test_case("test.unprovable")]
#[tokio::test(start_paused = true)]
async fn a_token_that_takes_longer_than_the_step_s_time_takes_none_of_it(action: &str) {
    let mut world = world(action, [Token::After(Duration::from_secs(6))]);
    let run = world.event(1, "t").await;
    world.settle_everything().await;
    let run = world.run(&run).await;
    assert_eq!(run.summary.state, RunState::Succeeded, "{:?}", run.summary.reason);
    assert_eq!(told(&world, &run), (1, vec!["done"]));
}

#[test_case("test.read")]
#[test_case("test.idempotent")]
#[test_case("test.keyed")]
#[test_case("test.detectable")]
#[test_case("test.unprovable")]
#[tokio::test(start_paused = true)]
async fn a_token_that_is_not_to_be_had_is_neither_an_attempt_nor_a_doubt(action: &str) {
    let wait = Some(Duration::from_secs(30));
    let mut world = world(action, [Token::None(wait), Token::Silence, Token::None(None), Token::Silence]);
    let run = world.event(1, "t").await;
    world.work_until(START + 29_000).await;
    let waiting = world.run(&run).await;
    assert_eq!(waiting.summary.state, RunState::Retrying);
    let reason = "Step `one` waits for a token: the token endpoint is away";
    assert_eq!(waiting.summary.reason.as_deref(), Some(reason));
    assert_eq!(told(&world, &waiting), (0, vec!["no token"]));
    world.settle_everything().await;
    let run = world.run(&run).await;
    assert_eq!(told(&world, &run), (1, vec!["no token", "no token", "no token", "no token", "done"]));
    assert_eq!(run.summary.state, RunState::Succeeded);
}

#[test_case("test.read")]
#[test_case("test.idempotent")]
#[test_case("test.keyed")]
#[test_case("test.detectable")]
#[test_case("test.unprovable")]
#[tokio::test(start_paused = true)]
async fn a_token_that_is_missing_in_the_middle_of_a_call_is_no_doubt_either(action: &str) {
    let mut world = world(action, []);
    world.outside.plan(action, vec![Turn::NoToken; 8]);
    let run = world.event(1, "t").await;
    world.settle_everything().await;
    let run = world.run(&run).await;
    assert_eq!(run.summary.state, RunState::Succeeded, "{:?}", run.summary.reason);
    let (calls, kinds) = told(&world, &run);
    assert_eq!((calls, kinds.len()), (9, 9), "{kinds:?}");
    assert!(!kinds.contains(&"attempt") && !kinds.contains(&"unknown"));
}

#[tokio::test(start_paused = true)]
async fn a_person_who_is_needed_for_a_token_is_waited_for_and_nothing_is_called() {
    let mut world = world("test.unprovable", [Token::NeedsPerson]);
    let run = world.event(1, "t").await;
    world.work_until(START + 60_000).await;
    let run = world.run(&run).await;
    assert_eq!(run.summary.state, RunState::Waiting);
    assert_eq!(told(&world, &run), (0, vec!["blocked"]));
}

#[tokio::test(start_paused = true)]
async fn a_step_waits_for_a_token_no_longer_than_later_events_may() {
    let mut world = world("test.unprovable", vec![Token::None(None); 1_000]);
    let run = world.event(1, "t").await;
    world.settle_everything().await;
    let run = world.run(&run).await;
    assert_eq!(run.summary.state, RunState::Dead);
    assert!(run.summary.reason.as_deref().unwrap().contains("the token endpoint is away"), "{:?}", run.summary.reason);
    assert_eq!(world.outside.calls.lock().unwrap().len(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_doubt_outlasts_the_wait_for_the_token_to_look_with() {
    let mut world = world("test.detectable", []);
    world.outside.plan("test.detectable", [Turn::LostAfter]);
    let run = world.event(1, "t").await;
    world.work_until(START + 1_000).await;
    world.outside.tokens.lock().unwrap().extend([Token::None(None); 3]);
    world.settle_everything().await;
    let run = world.run(&run).await;
    assert_eq!(run.summary.state, RunState::Succeeded);
    assert_eq!(
        (world.outside.effects_of("test.detectable"), told(&world, &run).0),
        (1, 1),
        "it is looked for, not repeated"
    );
}

#[tokio::test(start_paused = true)]
async fn a_step_that_nothing_can_tell_of_needs_no_token_to_say_so() {
    let mut world = world("test.unprovable", []);
    world.outside.plan("test.unprovable", [Turn::KilledAfter]);
    let run = world.event(1, "t").await;
    // The first delivery takes the one that is there.
    world.outside.tokens.lock().unwrap().extend([Token::After(Duration::ZERO), Token::NeedsPerson]);
    world.work_until(START + 60_000).await;
    assert_eq!(world.run(&run).await.summary.state, RunState::Unknown);
}
