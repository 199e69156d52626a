use super::*;

#[test]
fn a_batch_of_messages_is_known_from_a_schedule_s_call() {
    let sample = |name: &str| {
        let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../events/lambda").join(name);
        deskwire_core::json::from_slice::<Value>(&std::fs::read(path).unwrap()).unwrap()
    };
    let Ok(Called::Batch { messages, unreadable }) = Message::all_of(&sample("sqs-batch.json")) else {
        panic!("a batch is no batch");
    };
    assert_eq!((messages.len(), unreadable.len()), (1, 0));
    assert!(matches!(Message::all_of(&sample("schedule.json")), Ok(Called::Otherwise)));
}

#[test]
fn a_message_that_cannot_be_read_comes_again_while_the_others_of_its_batch_are_handled() {
    let good = json!({ "messageId": "m1", "receiptHandle": "r1", "body": "{}", "attributes": {} });
    for bad in [
        json!({ "messageId": "m2" }),
        json!({ "messageId": "m2", "receiptHandle": 7, "body": "{}" }),
        json!({ "messageId": "m2", "receiptHandle": "r2", "body": null }),
        json!({ "messageId": "m2", "receiptHandle": "r2", "body": "{}", "attributes": [7] }),
    ] {
        let event = json!({ "Records": [bad, good] });
        let Ok(Called::Batch { messages, unreadable }) = Message::all_of(&event) else { panic!("{event} is a batch") };
        assert_eq!((messages.len(), unreadable), (1, vec!["m2".to_owned()]), "{event}");
    }
}

#[test]
fn a_batch_in_which_something_has_no_name_fails_as_a_whole() {
    let good = json!({ "messageId": "m1", "receiptHandle": "r1", "body": "{}" });
    for event in [
        json!({ "Records": "none" }),
        json!({ "Records": null }),
        json!({ "Records": { "0": good } }),
        json!({ "Records": [good, null] }),
        json!({ "Records": [good, { "messageId": 5, "receiptHandle": "r" }] }),
        json!({ "Records": [good, { "messageId": "", "body": "{}" }] }),
    ] {
        assert!(Message::all_of(&event).is_err(), "{event}");
    }
}

#[test]
fn a_deadline_that_was_over_before_the_call_came_says_nothing() {
    let at = |seconds| SystemTime::UNIX_EPOCH + Duration::from_secs(seconds);
    let now = at(1_795_482_573);
    assert_eq!(time_left(at(1_795_482_633), now), Duration::from_mins(1));
    assert_eq!(time_left(at(600), now), UNKNOWN_TIME);
}
