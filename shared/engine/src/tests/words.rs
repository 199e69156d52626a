//! What is said about runs: which condition did not hold, and how loudly an end is told of.

use deskwire_core::run::{Entry, RunState};
use test_case::test_case;

use super::*;
use crate::execute::Weight;
use deskwire_core::ports::{EventWait, Settlement};

#[test_case(Place::Sqlite; "on SQLite")]
#[test_case(Place::DynamoDb; "on DynamoDB")]
#[tokio::test]
async fn a_step_that_is_left_out_says_which_part_of_its_condition_is_false_and_the_values(place: Place) {
    let left_out = "  - { id: s, if: \"event.data.detail.id and event.data.detail.id == '1'\", stop: enough }\n";
    let mut world = World::new(place, &(step("one", "test.read") + left_out));
    let run = world.event(2, "t").await;
    world.settle_everything().await;
    let journal = world.run(&run).await.journal;
    let reason = journal.iter().find_map(|entry| match entry {
        Entry::Skipped { reason, .. } => Some(reason.clone()),
        _ => None,
    });
    let clause = "event.data.detail.id == '1' (event.data.detail.id is \"2\")";
    let whole = "event.data.detail.id and event.data.detail.id == '1'";
    assert_eq!(reason.unwrap(), format!("`if` is false: {clause}, which is a part of: {whole}"));
}

#[test]
fn how_loudly_an_end_is_told_of_says_whether_a_person_has_to_look() {
    let over = |state| Weight::of(&Settlement::Over { state, reason: String::new() });
    assert_eq!(over(RunState::Succeeded), Weight::Fine);
    assert_eq!(over(RunState::Skipped), Weight::Usual);
    assert_eq!(over(RunState::Failed), Weight::Person);
    assert_eq!(over(RunState::Unknown), Weight::Person);
    assert_eq!(over(RunState::Dead), Weight::Lost);
    let (at, reason) = (Timestamp::from_millis(0), String::new());
    let event =
        EventWait { source: SourceName::deskwire(), events: Vec::new(), subject: String::new(), since: at, seen: 0 };
    let usual = [
        Settlement::Again { at, reason: reason.clone() },
        Settlement::Wait { until: at, event: None, reason: reason.clone() },
    ];
    assert!(usual.iter().all(|end| Weight::of(end) == Weight::Usual));
    let person = [
        Settlement::Block { until: at, event, reason: reason.clone() },
        Settlement::Park { lane_until: at, reason: reason.clone() },
        Settlement::GiveWay { reason },
    ];
    assert!(person.iter().all(|end| Weight::of(end) == Weight::Person));
}
