use super::*;

#[test]
fn a_batch_of_messages_is_known_from_a_schedule_s_call() {
    let sample = |name: &str| {
        let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../events/lambda").join(name);
        deskwire_core::json::from_slice::<Value>(&std::fs::read(path).unwrap()).unwrap()
    };
    assert_eq!(Message::all_of(&sample("sqs-batch.json")).map(|messages| messages.len()), Some(1));
    assert!(Message::all_of(&sample("schedule.json")).is_none());
    assert!(Message::all_of(&json!({ "Records": "none" })).is_none());
}

#[test]
fn a_deadline_that_was_over_before_the_call_came_says_nothing() {
    let at = |seconds| SystemTime::UNIX_EPOCH + Duration::from_secs(seconds);
    let now = at(1_795_482_573);
    assert_eq!(time_left(at(1_795_482_633), now), Duration::from_mins(1));
    assert_eq!(time_left(at(600), now), UNKNOWN_TIME);
}
