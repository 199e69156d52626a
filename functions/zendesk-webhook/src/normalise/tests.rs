use std::time::Duration;

use deskwire_accept::Source;
use deskwire_core::ids::{RequestId, SourceName};
use deskwire_core::provider::provider;
use deskwire_core::source::{DEFAULT_REPEAT_WINDOW, DEFAULT_TOLERANCE, SourceConfig};

use super::*;

fn source() -> Source {
    Source {
        config: SourceConfig {
            name: SourceName::parse("zendesk-support").unwrap(),
            provider: "zendesk".to_owned(),
            scheme: "webhook".to_owned(),
            signing_secrets: vec![],
            tolerance: DEFAULT_TOLERANCE,
            repeat_window: DEFAULT_REPEAT_WINDOW,
            max_age: None,
            account_id: None,
            accept_test_secret: false,
            connection: None,
        },
        scheme: provider("zendesk").unwrap().scheme("webhook").unwrap(),
        secrets: vec![],
    }
}

fn read_from(source: &Source, text: &str, signed_at: i64) -> Result<Normalised, NotAnEvent> {
    let body: Value = deskwire_core::json::from_str(text).unwrap();
    let stamp = Timestamp::from_millis(signed_at).to_string();
    read_stamped(source, text, &body, &stamp)
}

fn read_stamped(source: &Source, text: &str, body: &Value, stamp: &str) -> Result<Normalised, NotAnEvent> {
    event(&Delivery {
        source,
        request: text.as_bytes(),
        payload: text.as_bytes(),
        body,
        signed_at: Timestamp::parse(stamp).unwrap(),
        stamp: Some(stamp),
        request_id: &RequestId::new("req_1"),
    })
}

fn read(text: &str, signed_at: i64) -> Result<Normalised, NotAnEvent> {
    read_from(&source(), text, signed_at)
}

const SUBSCRIPTION: &str = r#"{"type":"zen:event-type:ticket.status_changed","account_id":22129001,
    "id":"0f6f2f0a-7b4e-4c2c-9a53-1de0b62a9c11","time":"2026-02-03T08:15:42.318904527Z","subject":"zen:ticket:48213",
    "zendesk_event_version":"2022-11-06","detail":{"id":"48213"},"event":{"current":"OPEN","previous":"NEW"}}"#;

#[test]
fn an_event_subscription_keeps_its_id_subject_and_time() {
    let event = read(SUBSCRIPTION, 1).unwrap();
    assert_eq!(event.id.as_str(), "0f6f2f0a-7b4e-4c2c-9a53-1de0b62a9c11");
    assert_eq!((event.kind.as_str(), event.subject.as_str()), ("ticket.status_changed", "zen:ticket:48213"));
    assert_eq!(event.time.to_string(), "2026-02-03T08:15:42.318Z");
}

#[test]
fn a_type_that_zendesk_added_yesterday_is_an_event_too() {
    let event = read(&SUBSCRIPTION.replace("ticket.status_changed", "ticket.quantum_entangled"), 1).unwrap();
    assert_eq!(event.kind, "ticket.quantum_entangled");
}

#[test]
fn an_envelope_without_id_or_subject_is_no_event() {
    for missing in ["\"id\":\"0f6f2f0a-7b4e-4c2c-9a53-1de0b62a9c11\",", "\"subject\":\"zen:ticket:48213\","] {
        assert!(read(&SUBSCRIPTION.replace(missing, ""), 1).is_err(), "{missing}");
    }
}

#[test]
fn an_event_of_another_account_is_rejected_where_the_source_names_its_own() {
    let mut own = source();
    own.config.account_id = Some("22129001".to_owned());
    assert!(read_from(&own, SUBSCRIPTION, 1).is_ok());
    own.config.account_id = Some("1".to_owned());
    assert!(read_from(&own, SUBSCRIPTION, 1).unwrap_err().0.contains("22129001"));
}

#[test]
fn a_trigger_s_free_body_is_an_event_about_its_ticket() {
    let event = read(r#"{"type":"urgent_ticket","ticket_id":"42","title":"Printer"}"#, 1).unwrap();
    assert_eq!((event.kind.as_str(), event.subject.as_str()), ("trigger.urgent_ticket", "zen:ticket:42"));
    let nested = read(r#"{"ticket":{"id":42}}"#, 1).unwrap();
    assert_eq!((nested.kind.as_str(), nested.subject.as_str()), ("trigger.fired", "zen:ticket:42"));
    let bare = read(r#"{"hello":"world","type":"not a name!"}"#, 1).unwrap();
    assert_eq!((bare.kind.as_str(), bare.subject.as_str()), ("trigger.fired", "zen:trigger"));
}

/// Would the second be stored as a repeat of the first?
fn repeats(first: &Normalised, second: &Normalised) -> bool {
    first.id == second.id || second.also_known_as.contains(&first.id)
}

#[test]
fn an_equal_trigger_body_within_the_window_is_a_repeat_even_when_signed_anew() {
    let body = r#"{"ticket_id":"42"}"#;
    let minute = 60_000;
    for start in [0, 4 * minute + 59_000] {
        let first = read(body, start).unwrap();
        for later in [0, 1, minute, 5 * minute] {
            assert!(repeats(&first, &read(body, start + later).unwrap()), "{start} + {later}");
        }
        assert!(!repeats(&first, &read(body, start + 11 * minute).unwrap()));
        assert!(!repeats(&first, &read(r#"{"ticket_id":"43"}"#, start).unwrap()));
    }
}

#[test]
fn without_a_window_only_the_same_signed_bytes_are_a_repeat() {
    let mut exact = source();
    exact.config.repeat_window = Duration::ZERO;
    let body = r#"{"ticket_id":"42"}"#;
    let first = read_from(&exact, body, 1_000).unwrap();
    assert!(repeats(&first, &read_from(&exact, body, 1_000).unwrap()));
    assert!(!repeats(&first, &read_from(&exact, body, 2_000).unwrap()));
    let value: Value = deskwire_core::json::from_str(body).unwrap();
    let stamped = |stamp: &str| read_stamped(&exact, body, &value, stamp).unwrap();
    let one = stamped("2026-02-03T08:15:42.0001Z");
    assert!(!repeats(&one, &stamped("2026-02-03T08:15:42.0002Z")), "however close together they were signed");
    assert!(!repeats(&first, &read_from(&exact, r#"{"ticket_id":"43"}"#, 1_000).unwrap()));
}

#[test]
fn an_author_s_own_event_id_is_the_id() {
    let event = read(r#"{"event_id":"42-1700000000","ticket_id":"42"}"#, 1).unwrap();
    assert_eq!(event.id.as_str(), "42-1700000000");
    assert!(event.also_known_as.is_empty());
}
