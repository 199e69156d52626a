//! Steps that hold steps, and waits: how they are read, and what is wrong with them.

use std::time::Duration;

use deskwire_templates::Scope;
use serde_json::json;

use super::{compile, load_workflow, told, with_steps};
use crate::{NextTime, OnError, Severity, StepKind, Wait};

pub(super) const FLOW: &str = r#"  - id: ticket
    action: zendesk.look_up_ticket
    connection: zendesk
    with: { ticket_id: "{{ event.data.detail.id }}" }
  - id: route
    choose:
      - when: event.data.detail.priority == "URGENT"
        steps:
          - id: page
            action: slack.post_message
            connection: slack
            with: { channel: C1, message: "{{ steps.ticket.subject }}" }
      - when: [steps.ticket.id, { any: [steps.ticket.subject, { not: "event.data.x == 1" }] }]
        steps:
          - id: each
            for_each: "{{ steps.ticket.comments }}"
            as: comment
            on_error: continue
            result: "{{ steps.post.ts }}"
            steps:
              - id: post
                action: slack.post_message
                connection: slack
                with: { channel: C1, message: "{{ loop.index }} of {{ loop.length }}: {{ comment.body }}" }
          - id: report
            stop: "{{ steps.each.failed }} of {{ steps.each.count }} failed"
    otherwise:
      - id: pause
        wait: 4h
      - id: morning
        wait: { until: "09:05", zone: Europe/Berlin }
      - id: due
        wait: { until: "{{ steps.ticket.due_at }}" }
      - id: reply
        wait:
          event: [ticket.comment_added, user.*]
          subject: "{{ event.subject }}"
          when: arrived.data.event.comment.author.is_staff
          timeout: 24h
      - id: done
        if: steps.reply.timed_out
        fail: "no answer until {{ steps.pause.waited_until }}"
"#;

#[test]
fn every_kind_of_step_is_read() {
    let workflow = compile(&with_steps(FLOW)).unwrap();
    let words: Vec<(&str, &str)> =
        workflow.all_steps().into_iter().map(|step| (step.path.as_str(), step.word())).collect();
    assert_eq!(
        words,
        [
            ("ticket", "zendesk.look_up_ticket"),
            ("route", "choose"),
            ("route/page", "slack.post_message"),
            ("route/each", "for_each"),
            ("route/each/post", "slack.post_message"),
            ("route/report", "stop"),
            ("route/pause", "wait"),
            ("route/morning", "wait"),
            ("route/due", "wait"),
            ("route/reply", "wait"),
            ("route/done", "fail"),
        ]
    );
    let StepKind::Choose(choose) = &workflow.steps[1].kind else { panic!("a choose") };
    let (cases, otherwise) = (&choose.cases, &choose.otherwise);
    assert_eq!(cases[0].when.to_string(), "event.data.detail.priority == \"URGENT\"");
    assert_eq!(
        cases[1].when.to_string(),
        "(steps.ticket.id) and ((steps.ticket.subject) or (not (event.data.x == 1)))"
    );
    let StepKind::ForEach(each) = &cases[1].steps[0].kind else { panic!("a loop") };
    assert_eq!((each.item.as_str(), each.parallel, each.on_error), ("comment", 1, OnError::Continue));
    let mut scope = Scope::new();
    scope.set_step("post", &json!({ "ts": "1.2" }));
    assert_eq!(each.result.as_ref().unwrap().resolve(&scope).unwrap(), "1.2");
    assert_eq!(each.result.as_ref().unwrap().resolve(&Scope::new()).unwrap_err().field, "result");
    let waits: Vec<&Wait> = otherwise
        .iter()
        .filter_map(|step| if let StepKind::Wait(wait) = &step.kind { Some(&**wait) } else { None })
        .collect();
    assert!(matches!(waits[0], Wait::For(time) if *time == Duration::from_hours(4)));
    let morning = NextTime { hour: 9, minute: 5, zone: "Europe/Berlin".to_owned() };
    assert!(matches!(waits[1], Wait::Clock(time) if *time == morning));
    assert!(matches!(waits[2], Wait::Until(_)));
    let Wait::Event(reply) = waits[3] else { panic!("a wait for an event") };
    assert_eq!((reply.source.as_str(), reply.timeout), ("zendesk-support", Duration::from_hours(24)));
    assert_eq!(reply.events, ["ticket.comment_added", "user.*"]);
}

#[test]
fn a_sound_flow_is_told_nothing() {
    assert_eq!(told(&load_workflow(&with_steps(FLOW))), Vec::<String>::new());
}

/// What is told of steps, without lines and columns.
fn said(steps: &str) -> Vec<String> {
    let loaded = load_workflow(&with_steps(steps));
    told(&loaded).iter().map(|line| line.split_once(' ').unwrap().1.to_owned()).collect()
}

fn say(id: &str, text: &str) -> String {
    format!("{{ id: {id}, action: slack.post_message, connection: slack, with: {{ channel: C1, message: '{text}' }} }}")
}

#[test]
fn steps_of_other_branches_and_of_loops_are_out_of_reach() {
    let steps = format!(
        "  - id: route
    choose:
      - {{ when: event.data.x, steps: [{}, {}] }}
      - {{ when: event.data.y, steps: [{}] }}
    otherwise: [{}]
  - id: each
    for_each: '{{{{ event.data.list }}}}'
    steps: [{}, {}]
  - {}
  - {}
",
        say("a", "x"),
        say("b", "{{ steps.a.ts }}"),
        say("c", "{{ steps.a.ts }}"),
        say("d", "{{ steps.e.ts }}"),
        say("e", "{{ steps.f.ts }}"),
        say("f", "{{ steps.each.count }} {{ item.x }}"),
        say("g", "{{ steps.f.ts }} {{ item }}"),
        say("h", "{{ steps.route.case }} {{ steps.each.results[0].ts }} {{ steps.each.result }}"),
    );
    assert_eq!(
        said(&steps),
        [
            "`steps.a` can never have run here: it stands in another branch of `route` (of the branches of a `choose`, one is taken)",
            "`steps.e` is used in step `d` before that step has run (only `event` is known there)",
            "`steps.f` is used in step `e` before that step has run (known there: route, a, b, c, d)",
            "`steps.each` is used in step `f` before that step has run (known there: route, a, b, c, d, e)",
            "`steps.f` is known only within the loop `each` (its results are `steps.each.results`)",
            "there is no `item` (it is known within a `for_each`)",
            "`steps.each` has no `result` (did you mean `results`?)",
        ]
    );
}

#[test]
fn a_step_that_may_not_have_run_is_a_warning_unless_somebody_asks() {
    let maybe = |rest: &str| {
        let first = "  - { id: a, if: event.data.x, action: slack.post_message, connection: slack, with: { channel: C1, message: x } }\n";
        said(&format!("{first}{rest}"))
    };
    let warned = "`steps.a` may not have run: it has an `if` (ask for it with `if: steps.a`, or say what to take instead with `| default(…)`)";
    assert_eq!(maybe(&format!("  - {}\n", say("b", "{{ steps.a.ts }} {{ steps.a.ts }}"))), [warned]);
    for sound in [
        say("b", "{{ steps.a.ts | default(1) }}"),
        say("b", "{% if steps.a.ts is defined %}{{ steps.a.ts }}{% endif %}"),
        say("b", "{{ steps.a.ts if steps.a else 1 }}"),
        say("b", "{{ steps.a and steps.a.ts }}"),
        say("b", "{{ steps.a.ts }}").replace("action", "if: steps.a.ts, action"),
        say("b", "{{ steps.a.ts }}").replace("action", "if: event.data.x, action"),
        format!("{{ id: c, choose: [{{ when: steps.a, steps: [{}] }}] }}", say("b", "{{ steps.a.ts }}")),
    ] {
        assert_eq!(maybe(&format!("  - {sound}\n")), Vec::<String>::new(), "{sound}");
    }
    let branch = format!("  - {{ id: r, choose: [{{ when: event.data.x, steps: [{}] }}] }}\n", say("a", "x"));
    let after = format!("  - {}\n", say("b", "{{ steps.a.ts }}"));
    assert_eq!(said(&format!("{branch}{after}")), [warned.replace("it has an `if`", "it stands in a branch of `r`")]);
    let asked = after.replace("action", "if: steps.r.case == 1, action");
    assert_eq!(said(&format!("{branch}{asked}")), Vec::<String>::new());
}

#[test]
fn what_is_never_reached_is_a_warning() {
    let steps = format!(
        "  - id: route
    choose:
      - {{ when: event.data.x, steps: [{{ id: a, stop: no }}, {}] }}
      - {{ when: event.data.x, steps: [{{ id: c, fail: no }}] }}
      - {{ when: true, steps: [{{ id: d, fail: no }}] }}
      - {{ when: false, steps: [{{ id: e, stop: no }}] }}
    otherwise: [{{ id: f, stop: no }}]
  - {}
",
        say("b", "x"),
        say("g", "x"),
    );
    let found = load_workflow(&with_steps(&steps));
    assert!(found.diagnostics.iter().all(|found| found.severity == Severity::Warning));
    assert_eq!(
        told(&found),
        [
            "6:60 this step is never reached: `a` before it always ends the run (remove it, or give `a` an `if`)",
            "7:17 the case in line 6 has the same condition (this one is never taken: the first case that holds is)",
            "9:9 case 4 of step `route` is never taken (a case before it always holds)",
            "9:17 `when` is always false: case 4 of step `route` is never taken (say what must hold, or remove the case)",
            "10:5 `otherwise` is never taken (a case before it always holds)",
            "11:5 this step is never reached: `route` before it always ends the run (remove it, or give `route` an `if`)",
        ]
    );
}

#[test]
fn loops_go_over_lists_and_their_items_have_names_of_their_own() {
    let each = |lines: &str| {
        let look = "  - { id: look, action: zendesk.look_up_ticket, connection: zendesk, with: { ticket_id: 1 } }\n";
        said(&format!("{look}  - id: each\n{lines}"))
    };
    let steps = "    steps: [{ id: a, stop: x }]\n";
    assert_eq!(
        each(&format!("    for_each: '{{{{ steps.look.subject }}}}'\n{steps}")),
        [
            "`steps.look.subject` is text, not a list (give it one whole `{{ … }}` that is a list, such as `\"{{ steps.thread.messages }}\"`)"
        ]
    );
    assert_eq!(
        each(&format!("    for_each: 'a {{{{ event.data.x }}}}'\n    as: event\n    parallel: 33\n{steps}")),
        [
            "`for_each` is text, and must be a list (give it one whole `{{ … }}` that is a list, such as `\"{{ steps.thread.messages }}\"`)",
            "an item cannot be called `event` (the name has a meaning of its own)",
            "`parallel` must be a whole number from 1 to 32 (it is how many items are under way at once)",
        ]
    );
    let nested = "    for_each: '{{ event.data.x }}'\n    parallel: 2
    steps: [{ id: inner, for_each: '{{ item.y }}', steps: [{ id: w, wait: 5m }] }]\n";
    assert_eq!(
        each(nested),
        [
            "a loop with a `wait` in it cannot be parallel (remove `parallel`: a loop that waits goes item by item)",
            "the items of a loop around this one are called `item` too (give one of the two another name with `as`)",
        ]
    );
    assert_eq!(
        each("    for_each: '{{ event.data.x }}'\n    paralel: 2\n    steps: []\n"),
        ["step `each` has no key `paralel` (did you mean `parallel`?)", "step `each` has no steps (add at least one)"]
    );
}

#[test]
fn waits_say_for_what_and_how_long() {
    let wait = |wait: &str| said(&format!("  - id: w\n    wait: {wait}\n"));
    let how = "(write `wait: 4h`, `wait: { until: \"09:00\", zone: Europe/Berlin }` or `wait: { event: ticket.comment_added, timeout: 24h }`)";
    assert_eq!(wait("soon"), [format!("`wait` must be a duration or a map, and `soon` is none {how}")]);
    assert_eq!(wait("500d"), ["`wait` is too long: it must be a duration from 1s to 400d"]);
    assert_eq!(wait("{ for: 4h, until: '09:00' }"), [format!("`wait` is for several things {how}")]);
    assert_eq!(
        wait("{ until: '25:00' }"),
        [
            "`25:00` is no time of day (write hours and minutes such as \"09:00\", or a template that gives an RFC 3339 time)"
        ]
    );
    assert_eq!(
        wait("{ until: '09:00', zone: berlin }"),
        ["there is no time zone `berlin` (did you mean `Europe/Berlin`?)"]
    );
    assert_eq!(
        wait("{ event: ticket.comment_added, when: arrived.data.event.coment, timout: 1h }"),
        [
            "a `wait` for an event needs a `timeout` (add one, such as `timeout: 24h`; 400d is the most)",
            "`arrived.data.event` is not known to have `coment` (did you mean `comment`?)",
            "`wait` has no key `timout` (did you mean `timeout`?)",
        ]
    );
    assert_eq!(
        said(
            "  - { id: w, wait: 5m }\n  - { id: s, stop: '{{ arrived.id }}{{ steps.w.timed_out }}{{ loop.index }}' }\n"
        ),
        [
            "there is no `arrived` (it is known in the `when` of a `wait` for an event)",
            "`steps.w` has no `timed_out` (there is: waited_until)",
            "there is no `loop` (it is known within a `for_each`)",
        ]
    );
}

#[test]
fn ids_are_unique_in_the_whole_file_and_nesting_is_bounded() {
    let twice =
        "  - { id: r, choose: [{ when: event.data.x, steps: [{ id: a, stop: x }] }] }\n  - { id: a, stop: x }\n";
    assert_eq!(said(twice), ["a step `a` stands in line 4 already (give each step an id of its own)"]);
    let mut deep = "[{ id: s, stop: x }]".to_owned();
    for depth in 0..8 {
        deep = format!("[{{ id: r{depth}, choose: [{{ when: event.data.x, steps: {deep} }}] }}]");
    }
    let found = told(&load_workflow(&format!(
        "name: w\ntrigger: {{ source: zendesk-support, event: ticket.created }}\nsteps: {deep}\n"
    )));
    assert!(found[0].ends_with("these steps stand 9 deep in others; 8 are the most (split the workflow into several)"));
    let many: Vec<String> = (0..201).map(|at| format!("  - {{ id: s{at}, if: event.data.x, stop: x }}\n")).collect();
    assert_eq!(
        said(&many.concat()),
        ["the workflow has 201 steps; 200 are the most (split it into several workflows)"]
    );
}
