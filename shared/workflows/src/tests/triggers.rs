//! What starts a workflow, and how it takes several events.

use std::time::Duration;

use deskwire_core::ports::LanePolicy;
use serde_json::json;

use super::{compile, load_with, load_workflow, told};
use crate::{InputKind, Missed, Trigger};

fn with_head(head: &str, text: &str) -> String {
    format!("name: w\n{head}\nsteps: [{{ id: s, stop: '{text}' }}]\n")
}

fn said(head: &str, text: &str) -> Vec<String> {
    told(&load_workflow(&with_head(head, text)))
}

#[test]
fn a_schedule_is_read_and_its_event_is_known() {
    let head = "trigger: { schedule: '0 9 * * mon', zone: Europe/Berlin, missed: all }";
    let Trigger::Schedule(schedule) = compile(&with_head(head, "x")).unwrap().trigger else { panic!("a schedule") };
    assert_eq!((schedule.cron.as_str(), schedule.zone.as_str()), ("0 9 * * mon", "Europe/Berlin"));
    assert_eq!(schedule.missed, Missed::All);
    assert_eq!(said("trigger: { schedule: '0 9 * * mon' }", "{{ event.data.local_time }}"), Vec::<String>::new());
    assert_eq!(
        said("trigger: { schedule: '0 9 * * mon' }", "{{ event.data.locl_time }}{{ inputs.x }}"),
        [
            "3:28 `event.data` is not known to have `locl_time` (did you mean `local_time`?)",
            "3:54 there is no `inputs` (only a workflow with a `manual` trigger has inputs)",
        ]
    );
}

#[test]
fn mistakes_in_schedules_are_explained() {
    assert_eq!(
        said("trigger: { schedule: '0 25 * * *', zone: Europe/Berln, mised: skip }", "x"),
        [
            "2:22 `0 25 * * *` is no cron expression: its hour `25` must be 0 to 23, `*`, a range `a-b`, a list `a,b` or a step `*/n` (such as `0 9 * * mon-fri`: minute 0 of hour 9, Monday to Friday)",
            "2:42 there is no time zone `Europe/Berln` (did you mean `Europe/Berlin`?)",
            "2:56 the trigger has no key `mised` (did you mean `missed`?)",
        ]
    );
    assert_eq!(
        said("trigger: { schedule: '0 0 30 2 *' }", "x"),
        ["2:22 `0 0 30 2 *` never comes: there is no such day (compare the day of the month with the month)"]
    );
    assert_eq!(
        said("trigger: { schedule: '0 0 * * *', source: zendesk-support }", "x"),
        [
            "2:10 the trigger is of several kinds at once (a workflow is started by events (`source` and `event`), by a `schedule`, or by a person (`manual`))"
        ]
    );
}

#[test]
fn a_person_s_inputs_are_read_in_both_forms() {
    let head = "trigger:
  manual:
    ticket_id: { type: integer, description: Which ticket, required: true }
    count: { type: number, required: true, default: 5, choices: [5, 7.5] }
    note: text";
    let Trigger::Manual(inputs) = compile(&with_head(head, "{{ inputs.ticket_id }}")).unwrap().trigger else {
        panic!("a manual trigger")
    };
    let names: Vec<(&str, InputKind, bool)> =
        inputs.iter().map(|input| (input.name.as_str(), input.kind, input.required)).collect();
    assert_eq!(
        names,
        [
            ("ticket_id", InputKind::Integer, true),
            ("count", InputKind::Number, false),
            ("note", InputKind::Text, false)
        ]
    );
    assert_eq!((&inputs[1].default, inputs[1].choices.len()), (&json!(5), 2));
    assert!(
        matches!(compile(&with_head("trigger: { manual: {} }", "x")).unwrap().trigger, Trigger::Manual(none) if none.is_empty())
    );
}

#[test]
fn mistakes_in_inputs_are_explained() {
    let head = "trigger: { manual: { a: strin, b: { type: string }, c-d: text, e: { type: integer, default: x, choices: [] }, f: { type: text, default: x, choices: [y] } } }";
    assert_eq!(
        said(head, "{{ inputs.aa }}"),
        [
            "2:25 there is no type `strin` (there are: text, integer, number, boolean)",
            "2:43 there is no type `string` (did you mean `text`?)",
            "2:53 the input `c-d` may hold only lower-case letters, digits and `_` (begin with a letter; 64 characters are the most)",
            "2:93 `default` cannot be text: the input's type is integer",
            "2:105 `choices` must be a list of values, at least one",
            "2:137 `default` is none of the `choices` (add it to them, or take one)",
            "3:28 `inputs` has no `aa` (did you mean `a`?)",
        ]
    );
}

#[test]
fn lanes_and_hops_are_read() {
    let event = "trigger: { source: zendesk-support, event: ticket.created }";
    let compiled = |head: &str| compile(&with_head(&format!("{head}\n{event}"), "x")).unwrap();
    let plain = compiled("active: true");
    assert_eq!((plain.active, plain.lane, plain.skip_stale, plain.max_hops), (Some(true), LanePolicy::Every, false, 0));
    assert_eq!(compiled("lane: latest").lane, LanePolicy::Latest);
    let full = compiled("lane: { debounce: 30s }\nskip_stale: true\nmax_hops: 10");
    assert_eq!((full.lane, full.skip_stale, full.max_hops), (LanePolicy::Debounce(Duration::from_secs(30)), true, 10));
    assert_eq!(
        said(&format!("lane: last\nmax_hops: 11\n{event}"), "x"),
        [
            "2:7 there is no lane `last` (write `every`, `latest` or `{ debounce: 30s }`)",
            "3:11 `max_hops` must be a whole number from 0 to 10 (it counts the runs of ours that may stand between an event from outside and one that it takes)",
        ]
    );
    assert_eq!(
        said(&format!("lane: {{ debounce: 2h }}\n{event}"), "x"),
        ["2:19 `debounce` is too long: it must be a duration from 1s to 1h"]
    );
}

#[test]
fn how_long_things_are_kept_is_the_project_file_s_business() {
    let retention = |text: &str| load_with(text, &[], false);
    assert_eq!(retention("retention: 30d\n").project.retention, Duration::from_hours(24 * 30));
    assert_eq!(retention("sources: {}\n").project.retention, Duration::from_hours(24 * 90));
    assert_eq!(told(&retention("retention: 1h\n")), ["1:12 `retention` must be a duration from 1d to 3650d"]);
    let own = "sources: { manual: { provider: zendesk, signing_secrets: [{ env: S }] } }\n";
    assert_eq!(
        told(&retention(own)),
        ["1:20 a source cannot be called `manual` (events of our own bear this name: give the source another one)"]
    );
}
