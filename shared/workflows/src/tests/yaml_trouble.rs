//! What YAML lets people get wrong.

use std::fmt::Write as _;
use std::time::{Duration, Instant};

use proptest::prelude::*;

use super::{PROJECT, load_with, load_workflow, told, with_steps};

const STEPS: &str = "steps: [{ id: a, action: zendesk.look_up_ticket, connection: zendesk, with: { ticket_id: 1 } }]\n";

fn first(text: &str) -> String {
    let loaded = load_workflow(text);
    assert!(loaded.has_errors(), "{text}");
    told(&loaded).remove(0)
}

#[test]
fn yaml_mistakes_are_told_with_their_place() {
    assert_eq!(first(""), "1:1 the file is empty (a workflow has a `name`, a `trigger` and `steps`)");
    assert_eq!(first("# only a comment\n"), "1:1 the file is empty (a workflow has a `name`, a `trigger` and `steps`)");
    assert_eq!(
        first("- a\n"),
        "1:1 the workflow must be a map of keys and values, not a list (its keys are: name, description, active, lane, skip_stale, max_hops, trigger, steps)"
    );
    assert!(
        first("name: w\ntrigger:\n\tsource: s\n").starts_with("3:2 this is not YAML"),
        "{}",
        first("name: w\ntrigger:\n\tsource: s\n")
    );
    assert!(first("name: w\ntrigger:\n\tsource: s\n").contains("indent with spaces"));
    assert!(first("name: w\ndescription: a: b\n").starts_with("2:15 this is not YAML"));
    assert!(first("name: \"w\n").contains("this is not YAML"));
    assert!(first("name: w\n  trigger: x\n").contains("this is not YAML"));
    assert!(first("name: [a, b\n").contains("this is not YAML"));
    assert!(first("%YAML 1.1\n---\nname: w\n").contains("this is not YAML"));
}

#[test]
fn keys_stand_once() {
    let text =
        format!("name: w\nname: v\ntrigger: {{ source: zendesk-support, event: ticket.created, event: c }}\n{STEPS}");
    assert_eq!(
        told(&load_workflow(&text)),
        [
            "2:1 the key `name` stands here a second time (each key may stand once: remove one of the two)",
            "3:60 the key `event` stands here a second time (each key may stand once: remove one of the two)",
        ]
    );
}

#[test]
fn anchors_aliases_merge_keys_and_tags_are_refused() {
    let text = format!(
        "name: w\ntrigger: &t {{ source: zendesk-support, event: !x ticket.created }}\ndescription: *t\nactive: *nowhere\n<<: {{ a: 1 }}\n{STEPS}"
    );
    assert_eq!(
        told(&load_workflow(&text)),
        [
            "2:47 a YAML tag (`!…`) stands here (tags have no meaning here: remove it)",
            "3:14 an alias stands here (anchors and aliases are not used in project files: write the value out)",
            "4:9 an alias stands here (anchors and aliases are not used in project files: write the value out)",
            "5:1 a merge key stands here (merge keys are not used in project files: write the keys out)",
        ]
    );
}

#[test]
fn a_template_without_quotes_is_explained() {
    let text = "name: w\ntrigger: { source: zendesk-support, event: ticket.created }\nsteps:\n  - id: a\n    action: zendesk.look_up_ticket\n    connection: zendesk\n    with:\n      ticket_id: {{ event.data.id }}\n";
    let found = first(text);
    assert_eq!(
        found,
        "8:19 a map cannot be a key (keys are words; a template such as `{{ x }}` needs quotes around it)"
    );
}

#[test]
fn one_file_holds_one_document() {
    let text = format!("name: w\ntrigger: {{ source: zendesk-support, event: ticket.created }}\n{STEPS}---\nname: v\n");
    assert_eq!(
        told(&load_workflow(&text)),
        ["4:1 a second document begins here (one file holds one document: move what follows into a file of its own)"]
    );
}

#[test]
fn words_that_look_like_something_else_stay_words() {
    let text = |active: &str| {
        format!(
            "name: w\nactive: {active}\ndescription: 0755\ntrigger: {{ source: zendesk-support, event: ticket.created }}\n{STEPS}"
        )
    };
    let loaded = load_workflow(&text("yes"));
    assert_eq!(
        told(&loaded),
        ["2:9 `active` must be true or false, not text (write `true` or `false`, without quotes)"]
    );
    let loaded = load_workflow(&text("true"));
    assert_eq!(loaded.project.workflows[0].description.as_deref(), Some("0755"));
    for number in ["1_000", "0x10", "0o17", ".inf", "99999999999999999999"] {
        let loaded = load_workflow(&text("true").replace("ticket_id: 1 ", &format!("ticket_id: {number} ")));
        assert_eq!(told(&loaded), Vec::<String>::new(), "{number}");
    }
    assert!(load_workflow(&text("true").replace("ticket_id: 1 ", "ticket_id: 1.5 ")).has_errors());
}

#[test]
fn hostile_files_end_soon() {
    let mut bomb = "a0: &a0 [x, x]\n".to_owned();
    for level in 1..40 {
        writeln!(bomb, "a{level}: &a{level} [*a{0}, *a{0}, *a{0}, *a{0}]", level - 1).unwrap();
    }
    let many_keys: String = (0..20_000).map(|at| format!("k{at}: 1\n")).collect::<Vec<_>>().concat();
    let same_key = "k: 1\n".repeat(40_000);
    let many_steps = format!("name: w\nsteps:\n{}", "- {id: a}\n".repeat(20_000));
    let long_word = format!("{}: 1\n", "n".repeat(200_000));
    let files = [
        bomb,
        many_keys,
        same_key,
        many_steps,
        long_word,
        "[".repeat(200_000),
        "{a: ".repeat(50_000),
        "- ".repeat(100_000),
        "? ".repeat(100_000),
        "a:\n".to_owned()
            + &(0..2000).map(|at| format!("{}b:\n", " ".repeat(at % 120 + 1))).collect::<Vec<_>>().concat(),
        format!("name: {}\n", "{{".repeat(30_000)),
        format!(
            "name: w\ntrigger: {{ source: zendesk-support, event: ticket.created, when: \"{}\" }}\n{STEPS}",
            "a.".repeat(30_000)
        ),
        "!".repeat(100_000),
        "&a ".repeat(50_000),
        "\u{feff}name: w\n".to_owned(),
        "a: \"\\x00\\u001b[31m\"\n".to_owned(),
        "x".repeat(300_000),
    ];
    for text in files {
        let started = Instant::now();
        for loaded in [load_workflow(&text), load_with(&text, &[], false)] {
            assert!(loaded.has_errors(), "{}", &text[..40.min(text.len())]);
            assert!(loaded.diagnostics.len() <= 120);
            for diagnostic in &loaded.diagnostics {
                let shown = diagnostic.render(&text, false);
                assert!(!shown.contains('\u{1b}') && shown.len() < 20_000, "{shown}");
            }
        }
        assert!(
            started.elapsed() < Duration::from_secs(5),
            "{} took {:?}",
            &text[..40.min(text.len())],
            started.elapsed()
        );
    }
}

#[test]
fn large_files_are_refused() {
    let text = "#".repeat(256 * 1024 + 1);
    assert_eq!(
        first(&text),
        "1:1 the file is 262145 bytes long; 262144 are the most (a project file holds no data: move what is not configuration elsewhere)"
    );
}

proptest! {
    #[test]
    fn no_text_makes_loading_panic(text in "([a-z:{}\\[\\]'\"|>&*!?%@ #-]|\\n|\\n  |: |- |\\{\\{ | \\}\\}|\\PC){0,80}") {
        for loaded in [load_workflow(&text), load_with(&text, &[], false)] {
            for diagnostic in &loaded.diagnostics {
                let _ = diagnostic.render(&text, true);
            }
        }
    }

    #[test]
    fn no_damage_to_a_sound_project_makes_loading_panic(at in 0usize..400, with in "\\PC|\\t|\\n", cut in 0usize..5) {
        let mut characters: Vec<char> = PROJECT.chars().collect();
        let at = at.min(characters.len());
        let end = (at + cut).min(characters.len());
        characters.splice(at..end, with.chars());
        let text: String = characters.into_iter().collect();
        for diagnostic in &load_with(&text, &[], false).diagnostics {
            let _ = diagnostic.render(&text, false);
        }
    }

    #[test]
    fn no_damage_to_a_sound_workflow_makes_loading_panic(at in 0usize..2000, with in "\\PC|\\t|\\n|- |\\{", cut in 0usize..9) {
        let mut characters: Vec<char> = with_steps(super::flow::FLOW).chars().collect();
        let at = at.min(characters.len());
        let end = (at + cut).min(characters.len());
        characters.splice(at..end, with.chars());
        let text: String = characters.into_iter().collect();
        for diagnostic in &load_workflow(&text).diagnostics {
            let _ = diagnostic.render(&text, false);
        }
    }
}
