//! Mistakes in workflow files, each at its place.

use super::{PROJECT, load_with, load_workflow, told, with_steps};
use crate::Severity;

/// The mistakes of a workflow with one step after `look`, whose lines begin at line 9.
fn step(lines: &str) -> Vec<String> {
    let look =
        "  - id: look\n    action: zendesk.look_up_ticket\n    connection: zendesk\n    with: { ticket_id: 1 }\n";
    let next = "  - id: say\n";
    told(&load_workflow(&with_steps(&format!("{look}{next}{lines}"))))
}

const POST: &str = "    action: slack.post_message\n    connection: slack\n";

#[test]
fn ten_mistakes_of_one_file_are_told_at_once_each_at_its_place() {
    let text = r#"name: Notify
trigger:
  source: zendesk-suport
  event: ticket created
  when: evnt.data.x
steps:
  - id: ticket
    action: zendesk.look_up_tickt
    connection: zendesk
  - id: user
    action: zendesk.look_up_user
    connection: slack
    with: { user_id: true, usr: 1 }
  - id: tell
    action: slack.send_direct_message
    connection: slack
    retry: { first_wait: soon }
    with:
      message: >
        Ticket {{ steps.tell.id }}
        of {{ steps.user.emial }}
      email: "a {{ b"
"#;
    assert_eq!(
        told(&load_workflow(text)),
        [
            "1:7 `name` may hold only lower-case letters, digits, `-` and `_`, and starts with a letter or a digit",
            "3:11 there is no source `zendesk-suport` (did you mean `zendesk-support`?)",
            "4:10 `ticket created` is no event type (write a type such as `ticket.created`, or a prefix with `.*` at its end such as `ticket.*`)",
            "5:9 there is no `evnt` (did you mean `event`?)",
            "8:13 there is no action `zendesk.look_up_tickt` (did you mean `zendesk.look_up_ticket`?)",
            "12:17 `zendesk.look_up_user` needs a connection of zendesk, and `slack` is one of slack (there is: zendesk)",
            "13:22 `user_id` takes a whole number or text, not a truth value (put quotes around it)",
            "13:28 `zendesk.look_up_user` has no input `usr` (there is: user_id)",
            "17:26 `first_wait` must be a duration, and `soon` is none (write a whole number and a unit: 250ms, 30s, 5m, 2h, 7d)",
            "20:19 `steps.tell` is used in step `tell` before that step has run (known there: ticket, user)",
            "21:15 `steps.user` has no `emial` (did you mean `email`?)",
            "22:20 input `email`: unexpected end of input, expected end of variable block",
        ]
    );
}

#[test]
fn unknown_and_missing_keys_are_told_at_every_level() {
    assert_eq!(
        told(&load_workflow("nam: w\ntriger: {}\n")),
        [
            "1:1 the workflow has no key `nam` (did you mean `name`?)",
            "1:1 the workflow has no `name` (add one, such as `name: notify-assignee`)",
            "1:1 the workflow has no `steps` (add one, such as `steps: [{ id: ticket, action: zendesk.look_up_ticket, … }]`)",
            "1:1 the workflow has no `trigger` (add one, such as `trigger: { source: zendesk-support, event: ticket.created }`)",
            "2:1 the workflow has no key `triger` (did you mean `trigger`?)",
        ]
    );
    assert_eq!(
        told(&load_workflow("name: w\ntrigger: { when: true, evnt: x }\nsteps: []\n")),
        [
            "2:10 the trigger has no `source` (add one, such as `source: zendesk-support`)",
            "2:10 the trigger has no `event` (add one, such as `event: ticket.created`)",
            "2:24 the trigger has no key `evnt` (did you mean `event`?)",
            "3:8 the workflow has no steps (add at least one)",
        ]
    );
    assert_eq!(
        step("    retry: { tries: 3 }\n    wiht: {}\n"),
        [
            "8:5 step `say` has no `action` (add one, such as `action: slack.post_message`, or one of: choose, for_each, wait, stop, fail)",
            "9:14 `retry` has no key `tries` (there are: attempts, first_wait, longest_wait)",
            "10:5 step `say` has no key `wiht` (did you mean `with`?)",
        ]
    );
}

#[test]
fn a_step_does_one_thing_and_takes_only_the_keys_that_go_with_it() {
    let found =
        step(&format!("{POST}    with: {{ channel: c, message: m }}\n    for_each: x\n    wait: 5m\n    choose: []\n"));
    assert_eq!(found, ["14:5 step `say` has both `action` and `choose` (a step does one thing: make two steps of it)"]);
    assert_eq!(
        step("    wait: 5m\n    retry: { attempts: 2 }\n    iff: true\n"),
        [
            "10:5 step `say` has no key `retry` (there are: id, if, wait)",
            "11:5 step `say` has no key `iff` (did you mean `if`?)"
        ]
    );
}

#[test]
fn connections_must_exist_and_fit_the_action() {
    let with = "    with: { channel: c, message: m }\n";
    assert_eq!(
        step(&format!("    action: slack.post_message\n{with}")),
        ["9:5 `slack.post_message` needs a `connection` (add `connection: slack`)"]
    );
    assert_eq!(
        step(&format!("    action: slack.post_message\n    connection: slak\n{with}")),
        ["10:17 there is no connection `slak` (did you mean `slack`?)"]
    );
}

#[test]
fn an_action_for_any_provider_takes_every_connection() {
    assert_eq!(step("    action: any.call\n    connection: slack\n"), Vec::<String>::new());
    assert_eq!(step("    action: any.call\n    connection: zendesk\n"), Vec::<String>::new());
    assert_eq!(step("    action: any.call\n"), ["9:5 `any.call` needs a `connection` (add `connection: slack`)"]);
}

#[test]
fn inputs_are_checked_against_the_action() {
    let inputs = "    with:
      chanel: general
      count: many
      broadcast: \"yes {{ event.id }}\"
      parse: ful
      blocks: [{ typ: x }, 5]
      message: [a]
";
    assert_eq!(
        step(&format!("{POST}{inputs}")),
        [
            "11:5 `slack.post_message` needs the input `channel` (add `channel` under `with`; `deskwire actions show slack.post_message` shows an example)",
            "12:7 `slack.post_message` has no input `chanel` (did you mean `channel`?)",
            "13:14 `count` takes a whole number, not text (write it without quotes, or as one whole `{{ … }}`, which keeps the type of its value)",
            "14:18 `broadcast` takes true or false, not text (write it without quotes, or as one whole `{{ … }}`, which keeps the type of its value)",
            "15:14 `parse` cannot be `ful` (did you mean `full`?)",
            "16:18 `blocks[0]` has no `typ` (did you mean `type`?)",
            "16:28 `blocks[1]` takes a map, not a number",
            "17:16 `message` takes text, not a list",
        ]
    );
    assert_eq!(
        step(&format!("{POST}    with: text\n")),
        [
            "11:11 `with` must be a map of inputs, not text (the inputs of `slack.post_message` are: channel, message, count, broadcast, parse, blocks)"
        ]
    );
}

#[test]
fn names_in_templates_are_checked() {
    let message = |text: &str| step(&format!("{POST}    with: {{ channel: c, message: '{text}' }}\n"));
    assert_eq!(message("{{ look.id }}"), ["11:38 there is no `look` (did you mean `steps.look.id`?)"]);
    assert_eq!(message("{{ data.x }}"), ["11:38 there is no `data` (did you mean `event.data.x`?)"]);
    assert_eq!(message("{{ event.typ }}"), ["11:38 an event has no `typ` (did you mean `event.type`?)"]);
    assert_eq!(
        message("{{ event.detail.id }}"),
        ["11:38 an event has no `detail` (what the provider sent is in `event.data`, as in `event.data.detail.id`)"]
    );
    assert_eq!(message("{{ steps.loook.id }}"), ["11:38 there is no step `loook` (did you mean `look`?)"]);
    assert_eq!(
        message("{{ steps.look.via.chanel }}"),
        ["11:38 `steps.look.via` is not known to have `chanel` (did you mean `channel`?)"]
    );
    assert_eq!(message("{{ steps.look.custom_thing }}"), Vec::<String>::new());
    assert_eq!(message("{{ steps.look.id | uper }}"), ["11:54 input `message`: there is no filter `uper`"]);
}

#[test]
fn a_name_that_is_probably_a_slip_is_a_warning_and_the_workflow_is_kept() {
    let text = with_steps(&format!(
        "  - id: look\n    action: zendesk.look_up_ticket\n    connection: zendesk\n    with: {{ ticket_id: 1 }}\n  - id: say\n{POST}    with: {{ channel: c, message: '{{{{ steps.look.subjet }}}}' }}\n"
    ));
    let loaded = load_workflow(&text);
    assert_eq!(loaded.diagnostics[0].severity, Severity::Warning);
    assert!(!loaded.has_errors());
    assert_eq!(loaded.project.workflows.len(), 1);
}

#[test]
fn places_in_templates_are_right_in_every_kind_of_scalar() {
    for (given, place) in
        [("\"a {{ nope }}\"", "11:40"), ("'it''s {{ nope }}'", "11:44"), ("\"\\t{{ nope }} {{ nope2 }}\"", "11:40")]
    {
        let found = step(&format!("{POST}    with: {{ channel: c, message: {given} }}\n"));
        assert!(found[0].starts_with(place), "{given}: {found:?}");
    }
    let block = |style: &str| {
        step(&format!(
            "{POST}    with:\n      channel: c\n      message: {style}\n        first {{{{ event.id }}}}\n        ünd {{{{ nope }}}}\n"
        ))
    };
    for style in ["|", ">", "|-", ">+"] {
        assert_eq!(block(style), ["15:16 there is no `nope` (there are: event, steps)"], "{style}");
    }
    let plain = step(&format!("{POST}    with:\n      channel: c\n      message: x {{{{ nope }}}}\n"));
    assert_eq!(plain, ["13:21 there is no `nope` (there are: event, steps)"]);
}

#[test]
fn conditions_are_checked_like_templates() {
    let with = "    with: { channel: c, message: m }\n";
    assert_eq!(
        step(&format!("{POST}{with}    if: steps.say.ts\n")),
        ["12:9 `steps.say` is used in step `say` before that step has run (known there: look)"]
    );
    assert_eq!(
        step(&format!("{POST}{with}    if: \"{{{{ steps.look.id == }}}}\"\n")),
        ["12:27 `if`: unexpected end of input, expected expression"]
    );
    assert_eq!(step(&format!("{POST}{with}    if: [a]\n")), ["12:10 there is no `a` (there are: event, steps)"]);
    assert_eq!(
        step(&format!("{POST}{with}    if: 5\n")),
        [
            "12:9 `if` cannot be a number (write an expression, a list of which all must hold, or `all:`, `any:` or `not:`)"
        ]
    );
    assert_eq!(
        step(&format!("{POST}{with}    if: false\n")),
        ["12:9 `if` is always false: step `say` is switched off (remove the `if` to switch it on)"]
    );
    let early = "name: w\ntrigger: { source: zendesk-support, event: ticket.created, when: steps.a.id }\nsteps: [{ id: a, action: zendesk.look_up_ticket, connection: zendesk, with: { ticket_id: 1 } }]\n";
    assert_eq!(
        told(&load_workflow(early)),
        ["2:66 `steps.a` is used in the trigger, which is asked before any step runs (only `event` is known there)"]
    );
}

#[test]
fn ids_are_unique_and_usable_in_templates() {
    let with = "    with: { channel: c, message: m }\n";
    let text = with_steps(&format!("  - id: a-b\n{POST}{with}  - id: x\n{POST}{with}  - id: x\n{POST}{with}"));
    assert_eq!(
        told(&load_workflow(&text)),
        [
            "4:9 `id` may hold only lower-case letters, digits and `_` (use `_`: in a template, `steps.a-b` would be a subtraction)",
            "12:9 a step `x` stands in line 8 already (give each step an id of its own)",
        ]
    );
}

#[test]
fn names_are_unique_across_files() {
    let steps = with_steps(&format!("  - id: x\n{POST}    with: {{ channel: c, message: m }}\n"));
    let loaded = load_with(PROJECT, &[&steps, &steps], false);
    assert_eq!(
        told(&loaded),
        ["1:7 the workflow `w` is in workflows/0.yaml already (give one of the two another name)"]
    );
    assert_eq!(loaded.diagnostics[0].file, "workflows/1.yaml");
    assert_eq!(loaded.project.workflows.len(), 1);
}

#[test]
fn retries_are_bounded() {
    let with = format!("{POST}    with: {{ channel: c, message: m }}\n");
    assert_eq!(
        step(&format!("{with}    retry: {{ attempts: 0, first_wait: 1m, longest_wait: 1s }}\n    on_error: ignore\n")),
        [
            "12:24 `attempts` must be a whole number from 1 to 50 (it counts the first call too: 1 means no retry)",
            "12:43 `longest_wait` is shorter than `first_wait` (make it at least as long)",
            "13:15 `on_error` must be `fail` or `continue`",
        ]
    );
}

#[test]
fn a_mistake_is_shown_with_its_line() {
    let text = "name: w\ntrigger: { source: zendesk-support, event: ticket.created }\nsteps:\n  - id: x\n    action: slack.post_mesage\n";
    let loaded = load_workflow(text);
    let shown = loaded.diagnostics[0].render(text, false);
    assert_eq!(
        shown,
        "error: there is no action `slack.post_mesage`
 --> workflows/0.yaml:5:13
  |
5 |     action: slack.post_mesage
  |             ^^^^^^^^^^^^^^^^^
  |
  = help: did you mean `slack.post_message`?"
    );
    assert!(loaded.diagnostics[0].render(text, true).contains("\u{1b}["));
    let without = loaded.diagnostics[0].render("", false);
    assert!(
        without.starts_with("error: there is no action `slack.post_mesage`\n --> workflows/0.yaml:5:13\n"),
        "{without}"
    );
    let json = serde_json::to_value(&loaded.diagnostics[0]).unwrap();
    assert_eq!((json["severity"].as_str(), json["line"].as_u64()), (Some("error"), Some(5)));
}

#[test]
fn a_value_beyond_the_providers_limit_is_told_where_it_stands_and_not_where_a_template_makes_it() {
    let call = |with: &str| told(&load_workflow(&with_steps(&format!("  - id: a\n    action: any.call\n{with}"))));
    let with = "    connection: slack\n    with:\n      tags: [vip, two words]\n      note: too long\n";
    assert_eq!(
        call(with),
        [
            "8:19 `tags` holds `two words`, which Acme takes for 2 tags, as spaces and commas separate them (write \
             `two_words`)",
            "9:13 `note` has 8 characters; Acme takes at most 5 characters (shorten it)"
        ]
    );
    let with = "    connection: slack\n    with:\n      tags: [\"{{ event.id }}\", \"a,b\"]\n      data: { x: \"{{ event.id \
                }}\", y: too long }\n";
    assert_eq!(call(with).len(), 2, "{:?}", call(with));
    let with = "    connection: slack\n    with: { tags: \"vip, late\", note: \"{{ event.id }} and more\" }\n";
    assert_eq!(call(with), [""; 0]);
}
