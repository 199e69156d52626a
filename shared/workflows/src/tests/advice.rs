//! What check advises about names that are nearly right, and lines that stand in the wrong place.

use deskwire_core::event::{ChangeFacts, Event, JsonText};
use deskwire_core::ids::{EventId, SourceName};
use deskwire_core::time::Timestamp;
use deskwire_templates::Scope;
use serde_json::{Value, json};

use super::{PROJECT, compile, load_with, load_workflow, told};
use crate::{Severity, Wants};

fn zone_told(zone: &str) -> String {
    let text =
        format!("name: w\ntrigger: {{ schedule: '0 9 * * *', zone: '{zone}' }}\nsteps: [{{ id: s, stop: x }}]\n");
    told(&load_workflow(&text)).join("; ")
}

#[test]
fn what_people_call_time_zones_leads_to_their_iana_names() {
    let cases = [
        ("PST", "America/Los_Angeles"),
        ("pdt", "America/Los_Angeles"),
        ("PT", "America/Los_Angeles"),
        ("CET", "Europe/Berlin"),
        ("CEST", "Europe/Berlin"),
        ("EST", "America/New_York"),
        ("EDT", "America/New_York"),
        ("ET", "America/New_York"),
        ("CST", "America/Chicago"),
        ("MST", "America/Denver"),
        ("MDT", "America/Denver"),
        ("PST8PDT", "America/Los_Angeles"),
        ("BST", "Europe/London"),
        ("IST", "Asia/Kolkata"),
        ("JST", "Asia/Tokyo"),
        ("KST", "Asia/Seoul"),
        ("AEST", "Australia/Sydney"),
        ("AEDT", "Australia/Sydney"),
        ("NZDT", "Pacific/Auckland"),
        ("SGT", "Asia/Singapore"),
        ("MSK", "Europe/Moscow"),
        ("SAST", "Africa/Johannesburg"),
        ("Europe/Berln", "Europe/Berlin"),
        ("Berlin", "Europe/Berlin"),
        ("Berln", "Europe/Berlin"),
        ("New York", "America/New_York"),
        ("America/New York", "America/New_York"),
        ("america-new-york", "America/New_York"),
        ("Pacific Time", "America/Los_Angeles"),
        ("Pacific Standard Time", "America/Los_Angeles"),
        ("Pacific Time (US & Canada)", "America/Los_Angeles"),
        ("(UTC-05:00) Eastern Time (US & Canada)", "America/New_York"),
        ("Eastern Daylight Time", "America/New_York"),
        ("Central European Time", "Europe/Berlin"),
        ("W. Europe Standard Time", "Europe/Berlin"),
        ("India Standard Time", "Asia/Kolkata"),
        ("Germany", "Europe/Berlin"),
        ("San Francisco", "America/Los_Angeles"),
        ("GMT+2", "Etc/GMT-2"),
        ("UTC-5", "Etc/GMT+5"),
        ("+02:00", "Etc/GMT-2"),
        ("UTC+5:30", "Asia/Kolkata"),
    ];
    for (given, meant) in cases {
        let said = zone_told(given);
        assert!(said.contains(&format!("`{meant}`")), "{given}: {said}");
    }
    assert!(zone_told("GMT+2").contains("Europe/Athens"), "and a place: {}", zone_told("GMT+2"));
}

#[test]
fn a_zone_that_is_a_place_is_told_nothing_and_an_old_name_is_a_warning() {
    for zone in ["Europe/Berlin", "UTC", "America/Argentina/Buenos_Aires", "Etc/GMT-2", "europe/berlin"] {
        assert_eq!(zone_told(zone), "", "{zone}");
    }
    let text = "name: w\ntrigger: { schedule: '0 9 * * *', zone: EST }\nsteps: [{ id: s, stop: x }]\n";
    let loaded = load_workflow(text);
    assert!(!loaded.has_errors() && loaded.diagnostics.len() == 1, "{:?}", told(&loaded));
    assert_eq!(loaded.diagnostics[0].severity, Severity::Warning);
    assert!(zone_told("Nowhere in particular").contains("write an IANA name"));
}

fn with_event(project: &str, event: &str) -> crate::Loaded {
    let text =
        format!("name: w\ntrigger: {{ source: zendesk-support, event: {event} }}\nsteps: [{{ id: s, stop: x }}]\n");
    load_with(project, &[&text], false)
}

#[test]
fn an_event_type_that_the_provider_does_not_send_is_an_error_with_what_was_meant() {
    for (given, meant) in [
        ("ticket.craeted", "ticket.created"),
        ("ticket.statusChanged", "ticket.status_changed"),
        ("Ticket.Created", "ticket.created"),
        ("'zen:event-type:ticket.created'", "ticket.created"),
        ("tickets.created", "ticket.created"),
        ("tickets.*", "ticket.*"),
        ("ticket.solved", "ticket.status_changed"),
        ("ticket.assigned", "ticket.agent_assignment_changed"),
        ("ticket.status_changed.open", "ticket.status_changed"),
        ("surveyengine.completedResponse", "qualtrics"),
        ("nothing.*", "its types begin with"),
        ("ticket.nothing.*", "there are: "),
        ("[ticket.created, ticket.craeted]", "ticket.created"),
    ] {
        let loaded = with_event(PROJECT, given);
        let said = told(&loaded).join("; ");
        assert!(loaded.has_errors(), "{given} is taken");
        assert!(said.contains("is not known to send") && said.contains(meant), "{given}: {said}");
        assert!(said.contains("allow_unknown_events: true"), "{said}");
    }
    for known in ["ticket.created", "ticket.*", "trigger.orders.paid", "article.published", "trigger.*"] {
        assert_eq!(told(&with_event(PROJECT, known)), Vec::<String>::new(), "{known}");
    }
}

#[test]
fn a_wait_for_an_event_that_the_provider_does_not_send_is_an_error_too() {
    let text = "name: w\ntrigger: { source: zendesk-support, event: ticket.created }\nsteps:\n  - id: s\n    wait: { event: ticket.comment_addded, timeout: 1h }\n";
    let loaded = load_workflow(text);
    assert!(
        loaded.has_errors() && told(&loaded)[0].contains("did you mean `ticket.comment_added`?"),
        "{:?}",
        told(&loaded)
    );
    let own = "name: w\ntrigger: { source: deskwire, event: deskwire.connection.lost }\nsteps: [{ id: s, stop: x }]\n";
    let said = told(&load_workflow(own)).join("; ");
    assert!(said.contains("deskwire.connection.needs_reauthorization") && !said.contains("allow_unknown"), "{said}");
}

#[test]
fn a_source_may_allow_events_that_its_provider_is_not_known_to_send() {
    let open = PROJECT.replace("tolerance: 5m", "tolerance: 5m, allow_unknown_events: true");
    for event in ["ticket.invented_this_year", "invented.*"] {
        let loaded = with_event(&open, event);
        assert_eq!(told(&loaded), Vec::<String>::new(), "{event}");
        assert_eq!(loaded.project.workflows.len(), 1);
    }
    let wrong = PROJECT.replace("tolerance: 5m", "tolerance: 5m, allow_unknown_events: maybe");
    assert!(told(&with_event(&wrong, "ticket.created"))[0].contains("must be true or false"));
}

const SOUND: &str = "name: w
trigger:
  source: zendesk-support
  event: ticket.created
steps:
  - id: ticket
    action: zendesk.look_up_ticket
    connection: zendesk
    with:
      ticket_id: 1
";

#[test]
fn lines_that_are_indented_wrongly_are_told_how_to_stand() {
    assert_eq!(told(&load_workflow(SOUND)), Vec::<String>::new());
    let cases = [
        // What YAML cannot read at all.
        ("  event: ticket", "   event: ticket", "indent"),
        ("    connection: zendesk", "   connection: zendesk", "indented by 3 spaces"),
        ("    connection: zendesk", "      connection: zendesk", "indent"),
        ("    action: zendesk", "  action: zendesk", "indent"),
        ("trigger:", " trigger:", "indent"),
        ("  source: zendesk-support\n  event", "  source: zendesk-support\n event", "indented by 1 space"),
        ("    with:\n", "    with:\n     a: 1\n", "indent"),
        ("      ticket_id: 1", "\t\tticket_id: 1", "indent with spaces"),
        // What it reads as something else.
        ("    with:\n      ticket_id: 1", "with:\n  ticket_id: 1", "`with` is a key of a step: indent it further"),
        (
            "  source: zendesk-support\n  event",
            "source: zendesk-support\nevent",
            "`trigger` above it is empty: indent `source` further",
        ),
        ("      ticket_id: 1", "    ticket_id: 1", "`with` above it is empty: indent `ticket_id` further"),
        (
            "    connection: zendesk\n    with:\n      ticket_id: 1",
            "    with:\n      ticket_id: 1\n      connection: zendesk",
            "`connection` is a key of a step: indent it less",
        ),
        (
            "  event: ticket.created\nsteps:",
            "  event: ticket.created\n  description: x\nsteps:",
            "`description` is a key of the workflow: indent it less",
        ),
    ];
    for (right, wrong, words) in cases {
        let text = SOUND.replacen(right, wrong, 1);
        assert_ne!(text, SOUND, "{right}");
        let loaded = load_workflow(&text);
        assert!(loaded.has_errors(), "{text}");
        let helped = loaded.diagnostics.iter().any(|one| one.help.as_ref().is_some_and(|help| help.contains(words)));
        assert!(helped, "{text}\n{:?} does not say {words:?}", told(&loaded));
    }
    let project = PROJECT.replacen("  zendesk-support:", "zendesk-support:", 1);
    assert!(
        told(&load_with(&project, &[], false))[0].contains("`sources` above it is empty"),
        "{:?}",
        told(&load_with(&project, &[], false))
    );
}

#[test]
fn every_file_that_is_no_yaml_is_answered_with_help() {
    for text in [
        "name: \"w\n",
        "name: [a, b\n",
        "name: {a: b\n",
        "name: w\n  trigger: x\n",
        "a: b: c\n",
        "- a\nb: c\n",
        "a: 'x' y\n",
        "a: \"\\q\"\n",
        "a: @x\n",
        "a: `x`\n",
        "a:\n  - b\n c: d\n",
        "a:\n\tb: c\n",
        "%YAML 1.1\n---\na: b\n",
        "a: [b}\n",
        "a: |x\n b\n",
        "a: b\n c: d\n",
        "  a: b\nc: d\n",
        "a:\n    b: 1\n  c: 2\n",
    ] {
        let loaded = load_workflow(text);
        assert!(loaded.has_errors(), "{text}");
        let first = &loaded.diagnostics[0];
        assert!(first.help.as_ref().is_some_and(|help| !help.is_empty()), "{text}: {}", first.message);
    }
}

fn declined(when: &str, kind: &str, data: &Value) -> String {
    let text = format!(
        "name: w\ntrigger:\n  source: zendesk-support\n  event: {kind}\n  when: {when}\nsteps: [{{ id: s, stop: x }}]\n"
    );
    let workflow = compile(&text).unwrap_or_else(|found| panic!("{found:?}"));
    let event = Event {
        source: SourceName::parse("zendesk-support").unwrap(),
        id: EventId::new("e"),
        kind: kind.to_owned(),
        subject: "zen:ticket:1".to_owned(),
        time: Timestamp::default(),
        received_at: Timestamp::default(),
        data: JsonText::from(data),
        change: ChangeFacts::default(),
        request_id: None,
    };
    let mut scope = Scope::new();
    scope.set("event", &event.to_json().unwrap());
    match workflow.wants(&event, true, || &scope) {
        Wants::Declined(why) => why,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_condition_that_does_not_hold_names_its_false_part_and_the_values_looked_at() {
    let data = json!({
        "detail": { "priority": "LOW", "status": "OPEN", "tags": ["vip"], "subject": "A secret subject", "requester_id": "7" },
        "event": { "current": "HIGH", "previous": null },
    });
    let said = |when: &str| declined(when, "ticket.priority_changed", &data);
    assert_eq!(
        said(r#"event.data.event.current == "URGENT""#),
        r#"`when` is false: event.data.event.current == "URGENT" (event.data.event.current is "HIGH")"#
    );
    let both =
        r#"event.data.detail.status == "OPEN" and event.data.event.current == "URGENT" and event.data.event.previous"#;
    assert_eq!(
        said(both),
        format!(
            r#"`when` is false: event.data.event.current == "URGENT" (event.data.event.current is "HIGH"), which is a part of: {both}"#
        )
    );
    let nested = r#"event.data.detail.status == "OPEN" and (event.data.event.current == "A" or event.data.event.current == "B")"#;
    assert!(said(nested).contains(r#": event.data.event.current == "A" or event.data.event.current == "B" (event.data.event.current is "HIGH")"#), "{}", said(nested));
    let list = "['event.data.detail.status == \"OPEN\"', { any: ['event.data.detail.priority == \"URGENT\"', 'event.data.event.previous == \"x\"'] }]";
    let why = said(list);
    for words in ["event.data.detail.priority is \"LOW\"", "event.data.event.previous is none"] {
        assert!(why.contains(words), "{why}");
    }
    assert!(!why.contains("status is"), "only the false part is told of: {why}");
    assert!(said("{ not: 'event.data.detail.status == \"OPEN\"' }").contains("event.data.detail.status is \"OPEN\""));
    assert!(said("event.data.detail.nothing").contains("event.data.detail.nothing is missing"));
    assert!(said("\"'urgent' in event.data.detail.tags\"").contains(r#"event.data.detail.tags is ["vip"]"#));
    assert!(said("event.data.detail.nothing | default(false)").contains("is missing"));
}

#[test]
fn a_condition_s_personal_values_are_hidden_even_where_its_text_names_them() {
    let data =
        json!({ "detail": { "subject": "Dana's refund" }, "event": { "current": "Dana's refund", "previous": "x" } });
    let said = declined(r#"event.data.detail.subject == "other""#, "ticket.subject_changed", &data);
    assert!(said.contains("event.data.detail.subject is [personal]") && !said.contains("Dana"), "{said}");
    let said = declined(r#"event.data.detail.subject != "Dana's refund""#, "ticket.subject_changed", &data);
    assert!(!said.contains("Dana"), "{said}");
    // Nobody knows which fields of a type that is not known are personal.
    let said = declined(r#"event.data.who == "x""#, "invented.kind", &json!({ "who": "Dana" }));
    assert!(!said.contains("Dana"), "{said}");
}
