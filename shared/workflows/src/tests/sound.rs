//! What is sound compiles and does what it says.

use std::time::Duration;

use deskwire_core::event::{Event, JsonText};
use deskwire_core::ids::{EventId, SourceName};
use deskwire_core::retry::RetryPolicy;
use deskwire_core::time::Timestamp;
use deskwire_templates::Scope;
use serde_json::{Value, json};

use super::{PROJECT, compile, load_with, load_workflow, told, with_steps};
use crate::{ActionStep, OnError, OnUnknown, Step, StepKind, Wants};

/// The design's example.
const NOTIFY: &str = r#"name: notify-assignee                       # the id; cannot change
description: Tell an agent in Slack that a ticket is now theirs.
trigger:
  source: zendesk-support
  event: ticket.agent_assignment_changed    # a name, a list, or a prefix ending in .*
  when: event.data.event.current is not none
steps:
  - id: ticket
    action: zendesk.look_up_ticket
    connection: zendesk
    with: { ticket_id: "{{ event.data.detail.id }}" }
  - id: assignee
    action: zendesk.look_up_user
    connection: zendesk
    with: { user_id: "{{ steps.ticket.assignee_id }}" }
  - id: tell
    action: slack.send_direct_message
    connection: slack
    if: steps.assignee.email
    with:
      email: "{{ steps.assignee.email }}"
      message: "Ticket {{ steps.ticket.id }} is yours: {{ steps.ticket.subject }}"
"#;

fn event(kind: &str, data: &Value) -> (Event, Scope) {
    let event = Event {
        source: SourceName::parse("zendesk-support").unwrap(),
        id: EventId::new("e1"),
        kind: kind.to_owned(),
        subject: "zen:ticket:1".to_owned(),
        time: Timestamp::default(),
        received_at: Timestamp::default(),
        data: JsonText::from(data),
        change: <_>::default(),
        request_id: None,
    };
    let mut scope = Scope::new();
    scope.set("event", &event.to_json().unwrap());
    (event, scope)
}

/// The step as one that calls an action.
fn called(step: &Step) -> &ActionStep {
    let StepKind::Action(action) = &step.kind else { panic!("{} calls no action", step.id) };
    action
}

#[test]
fn the_design_s_example_compiles_and_runs_its_conditions() {
    let loaded = load_workflow(NOTIFY);
    assert_eq!(told(&loaded), Vec::<String>::new());
    let workflow = &loaded.project.workflows[0];
    let assigned = json!({ "event": { "current": "5" }, "detail": { "id": "48213" } });
    let (created, scope) = event("ticket.agent_assignment_changed", &assigned);
    assert_eq!(workflow.wants(&created, true, || &scope), Wants::Yes);
    let mut scope = scope;
    assert_eq!(called(&workflow.steps[0]).input.resolve(&scope).unwrap(), json!({ "ticket_id": "48213" }));
    scope.set_step(
        "ticket",
        &json!({ "id": 48213, "assignee_id": 9_007_199_254_740_993_u64, "subject": "<Printer> & co" }),
    );
    assert_eq!(
        called(&workflow.steps[1]).input.resolve(&scope).unwrap(),
        json!({ "user_id": 9_007_199_254_740_993_u64 })
    );
    scope.set_step("assignee", &json!({ "email": null }));
    let tell = &workflow.steps[2];
    assert!(!tell.condition.as_ref().unwrap().holds(&scope).unwrap());
    scope.set_step("assignee", &json!({ "email": "a@example.com" }));
    assert!(tell.condition.as_ref().unwrap().holds(&scope).unwrap());
    assert_eq!(
        called(tell).input.resolve(&scope).unwrap(),
        json!({ "email": "a@example.com", "message": "Ticket 48213 is yours: &lt;Printer&gt; &amp; co" })
    );
    assert_eq!((tell.line, tell.condition.as_ref().unwrap().to_string().as_str()), (16, "steps.assignee.email"));
}

#[test]
fn a_workflow_wants_only_what_it_listens_to() {
    let workflow = compile(NOTIFY).unwrap();
    let (other, scope) = event("ticket.created", &json!({}));
    assert_eq!(workflow.wants(&other, true, || &scope), Wants::No);
    let (event, scope) = event("ticket.agent_assignment_changed", &json!({ "event": { "current": null } }));
    let reason = "`when` is false: event.data.event.current is not none (event.data.event.current is none)".to_owned();
    assert_eq!(workflow.wants(&event, true, || &scope), Wants::Declined(reason));
    let elsewhere = Event { source: SourceName::parse("other").unwrap(), ..event.clone() };
    assert_eq!(workflow.wants(&elsewhere, true, || &scope), Wants::No);
    let Wants::Declined(reason) = workflow.wants(&event, false, || &scope) else { panic!("it is inactive") };
    assert!(reason.starts_with("the workflow is inactive"), "{reason}");
    assert_eq!(workflow.active, None);
    assert_eq!(compile(&format!("active: false\n{NOTIFY}")).unwrap().active, Some(false));
}

#[test]
fn a_when_that_cannot_be_evaluated_starts_a_run_that_fails_visibly() {
    let workflow = compile(NOTIFY).unwrap();
    let (event, scope) = event("ticket.agent_assignment_changed", &json!({}));
    assert_eq!(workflow.wants(&event, true, || &scope), Wants::Yes);
}

#[test]
fn the_version_is_that_of_the_text() {
    let workflow = compile(NOTIFY).unwrap();
    assert_eq!(workflow.version.as_str().len(), 12);
    assert_eq!(compile(&workflow.text).unwrap().version, workflow.version);
    assert_ne!(compile(&format!("{NOTIFY}\n")).unwrap().version, workflow.version);
}

#[test]
fn a_step_says_how_failures_are_handled() {
    let step = "  - id: a
    action: zendesk.look_up_ticket
    connection: zendesk
    with: { ticket_id: 1 }
    if: \"{{ event.data.x == '}}' }}\"
    retry: { attempts: 3, first_wait: 10s, longest_wait: 1m }
    timeout: 50s
    on_error: continue
    on_unknown: retry
";
    let workflow = compile(&with_steps(step)).unwrap();
    let step = &workflow.steps[0];
    let retry = RetryPolicy { attempts: 3, first_wait: Duration::from_secs(10), longest_wait: Duration::from_mins(1) };
    assert_eq!(step.condition.as_ref().unwrap().to_string(), "event.data.x == '}}'");
    let step = called(step);
    assert_eq!((step.retry, step.on_error, step.on_unknown), (retry, OnError::Continue, OnUnknown::Retry));
    assert_eq!(step.timeout, Some(Duration::from_secs(50)));
    let plain = compile(NOTIFY).unwrap().steps.remove(0);
    let plain = called(&plain);
    assert_eq!(
        (plain.retry, plain.on_error, plain.on_unknown),
        (RetryPolicy::default(), OnError::Fail, OnUnknown::Park)
    );
}

#[test]
fn inputs_keep_literals_types_and_order() {
    let steps = r#"  - id: a
    action: slack.post_message
    connection: slack
    with:
      message: |
        Hello <!here> {{ event.data.who }}
      channel: C1
      count: 3
      broadcast: true
      blocks: [{ type: "{{ event.data.who }}" }, { type: x }]
"#;
    let workflow = compile(&with_steps(steps)).unwrap();
    let (_, scope) = event("ticket.created", &json!({ "who": "<you>" }));
    let input = called(&workflow.steps[0]).input.resolve(&scope).unwrap();
    assert_eq!(
        input.to_string(),
        r#"{"message":"Hello <!here> &lt;you&gt;\n","channel":"C1","count":3,"broadcast":true,"blocks":[{"type":"<you>"},{"type":"x"}]}"#
    );
    let error = called(&workflow.steps[0]).input.resolve(&Scope::new()).unwrap_err();
    assert_eq!(error.field, "message");
    assert!(error.to_string().starts_with("input `message`: `event"), "{error}");
}

#[test]
fn an_input_error_names_the_place_within_the_input() {
    let steps = "  - id: a
    action: slack.post_message
    connection: slack
    with: { message: m, channel: c, blocks: [{ type: x }, { type: '{{ event.data.no }}' }] }
";
    let (_, scope) = event("ticket.created", &json!({}));
    let error = called(&compile(&with_steps(steps)).unwrap().steps[0]).input.resolve(&scope).unwrap_err();
    assert_eq!(error.field, "blocks[1].type");
}

#[test]
fn a_step_that_may_fail_is_known_to_have_an_error() {
    let steps = "  - id: user
    action: zendesk.look_up_user
    connection: zendesk
    with: { user_id: 1 }
    on_error: continue
  - id: tell
    action: slack.post_message
    connection: slack
    if: steps.user.error
    with: { channel: C1, message: '{{ steps.user.error }}' }
";
    assert_eq!(told(&load_workflow(&with_steps(steps))), Vec::<String>::new());
}

#[test]
fn names_that_the_template_defines_are_its_own() {
    let steps = "  - id: a
    action: slack.post_message
    connection: slack
    with:
      channel: C1
      message: '{% for c in event.data.comments %}{{ loop.index }} {{ c.body }}{% set x = c.id %}{{ x }}{% endfor %}'
";
    assert_eq!(told(&load_workflow(&with_steps(steps))), Vec::<String>::new());
}

#[test]
fn without_a_project_file_nothing_is_looked_up() {
    assert!(compile(&NOTIFY.replace("connection: slack", "connection: gone")).is_ok());
}

#[test]
fn what_is_sound_is_kept_when_other_files_are_not() {
    let loaded = load_with(PROJECT, &["name: [", NOTIFY, ""], false);
    assert!(loaded.has_errors());
    assert_eq!((loaded.project.sources.len(), loaded.project.connections.len()), (1, 2));
    assert_eq!(loaded.project.workflows.len(), 1);
    assert_eq!(loaded.project.workflows[0].file, "workflows/1.yaml");
}

#[test]
fn the_readme_s_examples_are_sound() {
    let readme = include_str!("../../README.md");
    let blocks: Vec<&str> = readme.split("```yaml\n").skip(1).filter_map(|rest| rest.split("```").next()).collect();
    assert_eq!(told(&load_workflow(blocks[0])), Vec::<String>::new());
    let condition = blocks.iter().find(|block| block.starts_with("when:")).unwrap();
    let condition = condition.trim_start_matches("when:").replace("\n  ", "\n      ");
    let looked_up = condition.replace("steps.organization.name", "event.data.detail.brand_id");
    let steps = format!("  - id: a\n    stop: x\n    if:{looked_up}");
    assert_eq!(told(&load_workflow(&with_steps(&steps))), Vec::<String>::new());
}
