//! What is hidden, and what stays.

use serde_json::json;

use super::*;
use crate::action::{CallError, Effect, ErrorClass};
use crate::event::{Event, JsonText};
use crate::ids::{EventId, RunId, SourceName, StepPath, WorkflowName, WorkflowVersion};
use crate::ports::{RunDetail, RunSummary};
use crate::run::{Entry, Known, RunState};
use crate::time::Timestamp;

fn schema() -> Value {
    json!({
        "properties": {
            "id": { "type": "integer" },
            "email": { "type": "string", PERSONAL: true },
            "author": { "$ref": "#/$defs/person" },
            "comments": { "type": "array", "items": { "anyOf": [{ "$ref": "#/$defs/comment" }, { "type": "null" }] } },
            "pair": { "prefixItems": [{ "type": "string" }, { "type": "string", PERSONAL: true }] },
        },
        "additionalProperties": { PERSONAL: true },
        "$defs": {
            "person": { "properties": { "name": { PERSONAL: true }, "boss": { "$ref": "#/$defs/person" } } },
            "comment": { "properties": { "text": { PERSONAL: true }, "ts": {} } },
        },
    })
}

#[test]
fn what_a_schema_marks_is_hidden_through_items_branches_and_references() {
    let value = json!({
        "id": 7,
        "email": "mia@example.com",
        "author": { "name": "Mia", "is_staff": true, "boss": { "name": { "first": "Ole" } } },
        "comments": [{ "text": "Hello", "ts": "1.2" }, null],
        "pair": ["left", "right"],
        "whatever": [1, 2],
    });
    let expected = json!({
        "id": 7,
        "email": HIDDEN,
        "author": { "name": HIDDEN, "is_staff": true, "boss": { "name": HIDDEN } },
        "comments": [{ "text": HIDDEN, "ts": "1.2" }, null],
        "pair": ["left", HIDDEN],
        "whatever": HIDDEN,
    });
    assert_eq!(redact(&value, &schema()), expected);
    let values = personal_values(&value, &schema());
    assert_eq!(values, ["mia@example.com", "Mia", "Ole", "Hello", "right", "1", "2"]);
}

#[test]
fn what_is_null_stays_null_and_a_schema_that_leads_in_a_circle_ends() {
    assert_eq!(redact(&json!({ "email": null }), &schema()), json!({ "email": null }));
    let circle = json!({ "$ref": "#" });
    assert_eq!(redact(&json!({ "a": "b" }), &circle), json!({ "a": "b" }));
}

#[test]
fn a_sentence_loses_long_values_before_short_ones_and_keeps_tiny_ones() {
    let values = ["Mia", "Mia Berg", "personal", "EU", ""].map(str::to_owned);
    assert_eq!(masked("Mia Berg and Mia of EU: personal", &values), "[personal] and [personal] of EU: [personal]");
    assert_eq!(masked("no one", &values), "no one");
}

fn spec() -> ActionSpecOnHeap {
    Box::new(crate::action::ActionSpec {
        name: "mail.send",
        provider: "mail",
        summary: "",
        input: json!({ "properties": { "to": { PERSONAL: true }, "copies": {} } }).into(),
        output: json!({ "properties": { "name": { PERSONAL: true } } }).into(),
        effect: Effect::Unprovable,
        scopes: &[],
        errors: vec![],
        example: "",
        page: "",
    })
}

type ActionSpecOnHeap = Box<crate::action::ActionSpec>;

fn run(kind: &str, data: &Value, journal: Vec<Entry>) -> RunDetail {
    let at = Timestamp::from_millis(0);
    let event = Event {
        source: SourceName::parse("s").unwrap(),
        id: EventId::new("e"),
        kind: kind.to_owned(),
        subject: "zen:ticket:1".to_owned(),
        time: at,
        received_at: at,
        data: JsonText::from(data),
        change: crate::event::ChangeFacts::default(),
        request_id: None,
    };
    let summary = RunSummary {
        number: 1,
        id: RunId::new("run_1"),
        workflow: WorkflowName::parse("w").unwrap(),
        version: WorkflowVersion::new("v"),
        state: RunState::Failed,
        reason: Some("Step `b` failed: nobody is called mia@example.com".to_owned()),
        source: "s".to_owned(),
        event_id: "e".to_owned(),
        event_type: kind.to_owned(),
        subject: "zen:ticket:1".to_owned(),
        queued_at: at,
        ended_at: None,
        due_at: None,
        deliveries: 1,
        replay: 0,
    };
    RunDetail { summary, journal, event, unreadable: 0 }
}

fn done(step: &str, action: &str, input: Value, output: Value) -> Entry {
    let at = Timestamp::from_millis(0);
    Entry::Done {
        step: StepPath::new(step),
        action: action.to_owned(),
        attempt: 1,
        started_at: at,
        at,
        input,
        output,
        how: Known::Answered,
        wrote: vec![],
    }
}

#[test]
fn a_run_is_shown_without_personal_values_wherever_they_came_to_stand() {
    let at = Timestamp::from_millis(0);
    let arrived = json!({
        "type": "ticket.comment_added",
        "data": { "event": { "comment": { "body": "Call me at home", "id": "9" } } },
    });
    let error = CallError::new(ErrorClass::Fail, "no", "mia@example.com is no address");
    let journal = vec![
        done(
            "a",
            "mail.send",
            json!({ "to": "mia@example.com", "copies": ["cc mia@example.com"] }),
            json!({ "id": 5 }),
        ),
        done("each[0]/a", "mail.send", json!({ "to": "ole@example.com" }), json!({ "name": "Ole Dahl" })),
        Entry::Looping { step: StepPath::new("each"), at, items: vec![json!({ "who": "ole@example.com", "n": 3 })] },
        done("reply", "wait", Value::Null, json!({ "event": arrived, "timed_out": false })),
        Entry::Failed { step: StepPath::new("b"), at, error, continued: false },
        done("gone", "old.action", json!({ "text": "nobody knows" }), json!({ "count": 2 })),
    ];
    let run = run("ticket.created", &json!({ "detail": { "id": "1", "subject": "My leg hurts" } }), journal);
    let spec = spec();
    let shown = redact_run(&run, |path| path.as_str().ends_with('a').then_some(&*spec));
    let text = format!("{shown:?}");
    for personal in ["mia@", "ole@", "Ole Dahl", "My leg", "Call me", "nobody knows"] {
        assert!(!text.contains(personal), "{personal}: {text}");
    }
    assert_eq!(shown.summary.reason.as_deref(), Some("Step `b` failed: nobody is called [personal]"));
    let Entry::Looping { items, .. } = &shown.journal[2] else { panic!("{text}") };
    assert_eq!(items[0], json!({ "who": HIDDEN, "n": 3 }));
    assert!(text.contains("count") && text.contains("comment"), "{text}");
}

#[test]
fn of_an_event_that_nobody_knows_every_text_is_hidden() {
    let run = run("tea.poured", &json!({ "cup": { "of": "Mia", "size": 2 } }), vec![]);
    let shown = redact_event(&run.event).data.value().unwrap();
    assert_eq!(shown, json!({ "cup": { "of": HIDDEN, "size": 2 } }));
}
