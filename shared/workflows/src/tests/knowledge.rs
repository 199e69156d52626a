//! What is known of events, outputs and inputs, and what cannot go together.

use super::{load_workflow, told, with_steps};
use crate::Severity;

fn say(text: &str) -> Vec<String> {
    said("ticket.created", text)
}

/// What is told of a message with this text, for a trigger on these events.
fn said(event: &str, text: &str) -> Vec<String> {
    let look = "  - { id: look, action: zendesk.look_up_ticket, connection: zendesk, with: { ticket_id: 1 } }\n";
    let steps = format!(
        "{look}  - id: say\n    action: slack.post_message\n    connection: slack\n    with:\n      channel: C1\n      {text}\n"
    );
    let loaded = load_workflow(&with_steps(&steps).replace("ticket.created", event));
    told(&loaded).iter().map(|line| line.split_once(' ').unwrap().1.to_owned()).collect()
}

#[test]
fn the_paths_of_known_events_are_checked() {
    assert_eq!(
        say("message: '{{ event.data.detail.priorty }}'"),
        ["`event.data.detail` is not known to have `priorty` (did you mean `priority`?)"]
    );
    assert_eq!(say("message: '{{ event.data.detail.something_else }}'"), Vec::<String>::new());
    // Of several types, what one of them has is all right.
    let both = "[ticket.comment_added, user.created]";
    assert_eq!(said(both, "message: '{{ event.data.event.comment.body }}'"), Vec::<String>::new());
    assert_eq!(
        said(both, "message: '{{ event.data.event.coment }}'"),
        ["`event.data.event` is not known to have `coment` (did you mean `comment`?)"]
    );
}

#[test]
fn an_event_type_that_is_not_known_is_an_error() {
    let loaded = load_workflow(&with_steps("  - { id: a, stop: x }\n").replace("ticket.created", "ticket.craeted"));
    assert_eq!(
        told(&loaded),
        [
            "2:44 zendesk is not known to send `ticket.craeted` (did you mean `ticket.created`?; a new one needs `allow_unknown_events: true` at the source `zendesk-support`)"
        ]
    );
    assert_eq!(loaded.diagnostics[0].severity, Severity::Error);
    assert_eq!(loaded.project.workflows.len(), 0);
    assert_eq!(said("ticket.*", "message: x"), Vec::<String>::new());
}

#[test]
fn a_word_that_can_never_be_is_a_warning() {
    let never = "`event.data.detail.priority` is never `urgent` (did you mean `URGENT`?)";
    assert_eq!(say("message: '{{ event.data.detail.priority == \"urgent\" }}'"), [never]);
    assert_eq!(say("message: 'a {% if event.data.detail.priority in [\"HIGH\", \"urgent\"] %}b{% endif %}'"), [never]);
    assert_eq!(say("message: '{{ \"urgent\" != event.data.detail.priority }}'"), [never]);
    assert_eq!(say("message: '{{ event.data.detail.priority == \"URGENT\" }}'"), Vec::<String>::new());
}

#[test]
fn a_whole_value_must_fit_its_input() {
    assert_eq!(
        say("message: '{{ steps.look.via }}'"),
        [
            "`message` takes text, and `steps.look.via` is a map (take a part of it, such as `steps.look.via.channel`; it has: channel)"
        ]
    );
    assert_eq!(
        say("message: '{{ event.data.detail.tags }}'"),
        [
            "`message` takes text, and `event.data.detail.tags` is a list (write `{{ event.data.detail.tags | join(\", \") }}`, or go over it with `for_each`)"
        ]
    );
    assert_eq!(
        say("message: m\n      blocks: '{{ steps.look.subject }}'"),
        [
            "`blocks` takes a list, and `steps.look.subject` is text (for a list of one, write `[\"{{ steps.look.subject }}\"]`)"
        ]
    );
    assert_eq!(
        say("message: m\n      count: '{{ steps.look.subject }}'"),
        [
            "`count` takes a whole number, and `steps.look.subject` is text (if it is text that holds such a value, all is well; else convert it)"
        ]
    );
    assert_eq!(say("message: '{{ steps.look.id }}'\n      count: '{{ steps.look.id }}'"), Vec::<String>::new());
}

#[test]
fn ten_different_mistakes_of_one_workflow_are_told_in_one_run() {
    let text = r#"name: ten
lane: last
trigger:
  source: zendesk-support
  event: [ticket.created, ticket.updatd]
  when: event.data.detail.priority == "urgent"
steps:
  - id: look
    action: zendesk.look_up_ticket
    connection: zendesk
    with: { ticket_id: "{{ event.data.detail.tags }}" }
  - id: route
    choose:
      - when: steps.look.subjct
        steps:
          - id: say
            action: slack.post_mesage
            connection: slack
      - when: true
        steps:
          - id: again
            stop: "{{ steps.say.ts }}"
    otherwise:
      - id: each
        for_each: "{{ steps.look.id }}"
        as: loop
        steps:
          - id: rest
            wait: { event: ticket.comment_added }
          - id: look
            fail: ""
"#;
    let loaded = load_workflow(text);
    let shown: Vec<String> = loaded
        .diagnostics
        .iter()
        .zip(told(&loaded))
        .map(|(found, line)| format!("{:?}: {line}", found.severity))
        .collect();
    insta::assert_snapshot!(shown.join("\n"));
}
