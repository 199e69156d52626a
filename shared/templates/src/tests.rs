//! What the language does, and what it refuses.

use std::ops::Range;
use std::time::{Duration, Instant};

use proptest::prelude::*;
use serde_json::{Value, json};

mod escaping;
mod exact_numbers;

use crate::{ErrorKind, Escape, Limits, Scope, TemplateError, Templates};

fn scope() -> Scope {
    let mut scope = Scope::new();
    scope.set(
        "event",
        &json!({ "id": "e1", "data": { "none": null, "yes": true, "n": 18_446_744_073_709_551_615_u64, "f": 2.50,
                 "list": [1, "two", null], "map": { "z": 1, "a": 2 }, "angle": "<@U1> & co", "empty": "" } }),
    );
    scope.set_step("ticket", &json!({ "id": -9_007_199_254_740_993_i64, "subject": "Printer <3rd floor>" }));
    scope
}

fn render_as(text: &str, escape: Escape) -> Result<Value, TemplateError> {
    Templates::new(Limits::default()).value(text, escape)?.render(&scope())
}

fn render(text: &str) -> Result<Value, TemplateError> {
    render_as(text, Escape::None)
}

fn shown(text: &str) -> Value {
    render(text).unwrap()
}

fn kind(text: &str) -> ErrorKind {
    render(text).unwrap_err().kind
}

fn holds(text: &str) -> Result<bool, TemplateError> {
    Templates::new(Limits::default()).condition(text)?.holds(&scope())
}

#[test]
fn one_whole_expression_keeps_its_type() {
    assert_eq!(shown("{{ event.data.n }}"), json!(18_446_744_073_709_551_615_u64));
    assert_eq!(shown(" {{ steps.ticket.id }}\n"), json!(-9_007_199_254_740_993_i64));
    assert_eq!(shown("{{ event.data.none }}"), Value::Null);
    assert_eq!(shown("{{ event.data.yes }}"), json!(true));
    assert_eq!(shown("{{ event.data.f }}"), json!(2.5));
    assert_eq!(shown("{{ event.data.list }}"), json!([1, "two", null]));
    assert_eq!(shown("{{ {'a': [1, {'b': 2}]} }}"), json!({ "a": [1, { "b": 2 }] }));
    assert_eq!(shown("{{ 42 }}"), json!(42));
    assert_eq!(shown("{{ 'text' }}"), json!("text"));
    assert_eq!(shown("{{ range(3) }}"), json!([0, 1, 2]));
    assert_eq!(shown("{{ 1 if event.data.empty }}"), Value::Null);
}

#[test]
fn maps_keep_their_order() {
    assert_eq!(shown("{{ event.data.map }}").to_string(), r#"{"z":1,"a":2}"#);
    assert_eq!(shown("={{ event.data.map }}"), r#"={"z":1,"a":2}"#);
}

#[test]
fn mixed_text_prints_values_as_people_and_json_write_them() {
    assert_eq!(
        shown("{{ event.data.n }}|{{ steps.ticket.id }}|{{ event.data.none }}|{{ event.data.yes }}|{{ event.data.f }}"),
        "18446744073709551615|-9007199254740993||true|2.5"
    );
    assert_eq!(shown("x{{ event.data.list }}\n"), "x[1,\"two\",null]\n");
    assert_eq!(shown("{{ event.data.yes }}{{ false }}"), "truefalse");
}

#[test]
fn the_usual_filters_are_there() {
    assert_eq!(shown("{{ event.data.missing | default('-') }}"), "-");
    assert_eq!(shown("{{ event.data.list | length }}"), 3);
    assert_eq!(shown("{{ ['a', 'b'] | join(', ') | upper }}"), "A, B");
    assert_eq!(shown("{{ ' x ' | trim }}"), "x");
    assert_eq!(shown("{% for x in event.data.map %}{{ x }};{% endfor %}"), "z;a;");
    assert_eq!(shown("{% set x %}a{% endset %}{{ x }}{{ event.data.map | tojson }}"), r#"a{"z": 1, "a": 2}"#);
}

#[test]
fn numbers_are_multiplied_when_they_are_known_to_be_numbers() {
    assert_eq!(shown("{{ 6 * 7 }}"), 42);
    assert_eq!(shown("{{ event.data.f | float * 2 }}"), 5.0);
    assert_eq!(shown("{{ (event.data.list | length + 1) * (10 - 8) }}"), 8);
}

#[test]
fn an_unknown_name_is_an_error_that_names_it() {
    for text in ["{{ steps.ticket.typo }}", "a {{ steps.ticket.typo }}", "{{ steps.ticket.typo | upper }}"] {
        let error = render(text).unwrap_err();
        assert_eq!(error.kind, ErrorKind::Undefined, "{text}");
        assert!(error.message.starts_with("`steps.ticket.typo` has no value"), "{text}: {}", error.message);
        let at = text.find("steps").unwrap();
        assert!(error.range.unwrap().contains(&at), "{text}");
    }
    let error = render("{{ steps.missing.deep }}").unwrap_err();
    assert!(error.message.starts_with("`steps.missing` has no value"), "{}", error.message);
    assert_eq!(kind("{{ [event.data.typo] }}"), ErrorKind::Type);
}

#[test]
fn a_condition_may_ask_for_an_attribute_that_is_missing() {
    assert!(!holds("event.data.missing").unwrap());
    assert!(!holds("event.data.missing is defined").unwrap());
    assert!(!holds("{{ event.data.empty }}").unwrap());
    assert!(holds("steps.ticket.subject").unwrap());
    assert!(holds("event.data.none is none and event.data.list | length == 3").unwrap());
    assert!(holds("true if event.data.yes else false").unwrap());
    assert!(holds("event.data.missing | default('x') == 'x'").unwrap());
    let error = holds("{{ event.missing.deep }}").unwrap_err();
    assert_eq!(error.kind, ErrorKind::Undefined);
    assert_eq!(error.range, Some(3..16));
}

#[test]
fn a_condition_is_one_expression() {
    for text in ["", "  ", "{{ }}", "a %}{% if b", "{{ a }} and {{ b }}", "a }}{{ b", "event.data.yes) or (true", "a b"]
    {
        assert_eq!(holds(text).unwrap_err().kind, ErrorKind::Syntax, "{text:?}");
    }
}

#[test]
fn slack_escapes_values_and_nothing_else() {
    let slack = |text| render_as(text, Escape::Slack).unwrap();
    assert_eq!(slack("<@U9> {{ event.data.angle }}"), "<@U9> &lt;@U1&gt; &amp; co");
    assert_eq!(slack("{{ event.data.angle }}"), "&lt;@U1&gt; &amp; co");
    assert_eq!(slack("{{ event.data.angle | safe }}"), "<@U1> & co");
    assert_eq!(slack("<x> {{ event.data.angle | safe }}"), "<x> <@U1> & co");
    assert_eq!(slack("{{ '<' | safe ~ event.data.angle }}"), "<&lt;@U1&gt; &amp; co");
    assert_eq!(slack("{% set x %}{{ event.data.angle }}{% endset %}{{ x }}"), "&lt;@U1&gt; &amp; co");
    assert_eq!(slack("{{ [event.data.angle] }}!"), "[\"&lt;@U1&gt; &amp; co\"]!");
    assert_eq!(slack("{{ [event.data.angle] | join('<') }}!"), "&lt;@U1&gt; &amp; co!");
    assert_eq!(slack("{{ event.data.angle | upper }}!"), "&lt;@U1&gt; &amp; CO!");
    assert_eq!(slack("{{ event.data.n }}"), json!(18_446_744_073_709_551_615_u64));
    assert!(!slack("x {{ event.data | tojson }}").as_str().unwrap().contains('<'));
}

#[test]
fn text_without_tags_is_literal() {
    let templates = Templates::new(Limits::default());
    let literal = templates.value("a } % { b\n", Escape::Slack).unwrap();
    assert!(literal.is_literal());
    assert_eq!(literal.render(&Scope::new()).unwrap(), "a } % { b\n");
    assert!(!templates.value("{{ 1 }}", Escape::None).unwrap().is_literal());
}

#[test]
fn variables_come_with_their_path_and_place() {
    let templates = Templates::new(Limits::default());
    let text = "{% for c in steps['a'].list %}{{ c.x }}{{ loop.index }}{{ event.data[c].y }}{{ range(2) }}{% endfor %}{{ typo }}";
    let template = templates.value(text, Escape::None).unwrap();
    let found: Vec<(String, &str)> =
        template.variables().into_iter().map(|v| (v.path.join("."), &text[v.range])).collect();
    let expected = [("steps.a.list", "steps['a'].list"), ("event.data", "event.data"), ("typo", "typo")];
    assert_eq!(found, expected.map(|(path, text)| (path.to_owned(), text)));
    let condition = templates.condition(" {{ not steps.a.b }}").unwrap();
    assert_eq!(condition.variables()[0].range, 8..17);
}

#[test]
fn mistakes_are_syntax_errors_with_their_place() {
    for (text, part) in [
        ("{{ x | uper }}", "uper"),
        ("{{ x is definde }}", "definde"),
        ("{{ foo(1) }}", "foo"),
        ("{{ event.data.items() }}", "items"),
        ("a {{ b c }}", "c"),
        ("{% include 'x' %}", "include"),
        ("{% macro x() %}{% endmacro %}", "macro"),
        ("{% autoescape false %}{% endautoescape %}", "autoescape"),
        ("{{ namespace(a=1) }}", "namespace"),
        ("{{ debug() }}", "debug"),
        ("{{ 'x' * 2000000 }}", "'x'"),
        ("{{ event.data.list * event.data.n }}", "event.data.list"),
        ("{% set a = [1] %}{% set b = [a, a] %}", "[a, a]"),
        ("{{ range(9) | map('default', [1]) }}", "map"),
    ] {
        let error = render(text).unwrap_err();
        assert_eq!(error.kind, ErrorKind::Syntax, "{text}: {error:?}");
        let range = error.range.clone().unwrap_or_else(|| panic!("{text} has no place: {error:?}"));
        assert!(text[range].contains(part), "{text}: {error:?}");
        assert!(!error.message.contains("template:"), "{}", error.message);
    }
    for text in ["{{", "{{ a", "{% if x %}", "{# ", "{{ 'x }}", "{% raw %}"] {
        assert!(matches!(kind(text), ErrorKind::Syntax), "{text}");
    }
}

#[test]
fn types_that_do_not_fit_are_type_errors() {
    for text in ["{{ 1 + 'a' }}", "x{{ [] - 1 }}", "{{ 1 / 0 }}", "{{ 2 ** 200 }}", "{{ 1.5e308 * 10 }}"] {
        assert_eq!(kind(text), ErrorKind::Type, "{text}: {:?}", render(text));
    }
}

/// Texts that would loop, explode or nest. Run on a thread with a small stack, so that one that gets through is found.
fn hostile() -> Vec<String> {
    let mut texts: Vec<String> = [
        "{% for i in range(1000000) %}{{ i }}{% endfor %}",
        "{{ 'x' * 2000000 }}",
        "{{ 'x' * 100000 * 100000 }}",
        "{{ ('x' * 1000) * 2000 }}",
        "{{ [1] * 100000000 }}",
        "x{{ [1] * 100000000 }}",
        "{{ ([1] * 100000) * 100000 | length }}",
        "{{ range(100000) }}",
        "{{ range(100000) | map('string') | join(',') }}",
        "{% for a in range(9999) %}{% for b in range(9999) %}{% for c in range(9999) %}x{% endfor %}{% endfor %}{% endfor %}",
        "{% for x in [[]] recursive %}{{ loop([[x]]) }}{% endfor %}",
        "{{ '%1000000d' | format(1) }}x",
        "{{ 10 ** 10 ** 10 ** 10 }}x",
    ]
    .map(str::to_owned)
    .into();
    let mut doubling = "{% set a = ['x', 'x'] %}".to_owned();
    for _ in 0..60 {
        doubling.push_str("{% set a = [a, a] %}");
    }
    for end in [
        "{{ a }}",
        "x{{ a | tojson }}",
        "{{ a | string | length }}",
        "{{ a ~ a }}",
        "{{ a | pprint }}",
        "{{ a == [a, a] }}",
        "{{ a in [[a, a]] }}",
        "{{ {a: 1} }}",
    ] {
        texts.push(format!("{doubling}{end}"));
    }
    for depth in [100, 1_000, 10_000] {
        for (open, core, close) in [("{{ ", "", " }}"), ("x{{ ", "", " }}")] {
            for (left, middle, right) in [
                ("(", "1", ")"),
                ("[", "1", "]"),
                ("{1:", "1", "}"),
                ("not ", "1", ""),
                ("-", "1", ""),
                ("", "a", ".a"),
                ("", "a", "[0]"),
                ("", "a", "|upper"),
                ("", "1", "+1"),
                ("1**", "1", ""),
                ("1 if 1 else ", "1", ""),
                ("", "a", "()"),
                ("", "1", " is odd"),
            ] {
                texts.push(format!("{open}{core}{}{middle}{}{close}", left.repeat(depth), right.repeat(depth)));
            }
        }
        for (left, middle, right) in [
            ("{% if 1 %}", "x", "{% endif %}"),
            ("{% if 0 %}", "{% endif %}", ""),
            ("{% for x in [1] %}", "x", "{% endfor %}"),
            ("{% with %}", "x", "{% endwith %}"),
            ("{% set x %}", "x", "{% endset %}"),
            ("{% filter upper %}", "x", "{% endfilter %}"),
        ] {
            texts.push(format!("{}{middle}{}", left.repeat(depth), right.repeat(depth)));
        }
        texts.push(format!("{{% if 0 %}}{}{{% endif %}}", "{% elif 0 %}".repeat(depth)));
        texts.push(format!("{{% set a = 1 %}}{}{{{{ a }}}}!", "{% set a = [[[[[[[[a]]]]]]]] %}".repeat(depth)));
    }
    let wraps = "{% set a = [[[[[[[[[[a]]]]]]]]]] %}".repeat(40);
    for end in [
        "{{ a }}!",
        "{{ a | string }}",
        "{{ a | tojson }}",
        "{{ a == a }}",
        "{{ {a: 1} }}",
        "{{ a | pprint }}",
        "{{ a < a }}",
        "x",
    ] {
        texts.push(format!("{{% set a = 1 %}}{wraps}{end}"));
    }
    texts
}

#[test]
fn no_template_hangs_overflows_the_stack_or_eats_memory() {
    let small_stack = std::thread::Builder::new().stack_size(2 * 1024 * 1024);
    let worker = small_stack.spawn(|| {
        for text in hostile() {
            let started = Instant::now();
            let outcome = render(&text);
            let size = outcome.as_ref().map_or(0, |value| value.to_string().len());
            let name: String = text.chars().take(60).collect();
            assert!(size <= 3 * Limits::default().output_bytes, "{name} made {size} bytes");
            assert!(started.elapsed() < Duration::from_secs(5), "{name} took {:?}", started.elapsed());
            let _ = holds(&text);
        }
    });
    worker.unwrap().join().unwrap();
}

#[test]
fn loops_and_repeats_run_out_of_fuel() {
    assert_eq!(kind("{% for i in range(100000) %}{{ i }}{% endfor %}"), ErrorKind::Fuel);
    assert_eq!(kind("{{ '%20000000d' | format(1) }}"), ErrorKind::Fuel);
    assert_eq!(kind("{{ '%1200000d' | format(1) }}"), ErrorKind::TooLong);
    assert_eq!(kind("!{{ '%1200000d' | format(1) }}"), ErrorKind::TooLong);
    assert_eq!(kind(&"x".repeat(65 * 1024)), ErrorKind::TooLong);
}

#[test]
fn a_mebibyte_passes_through_a_few_filters() {
    let templates = Templates::new(Limits::default());
    let mut scope = Scope::new();
    scope.set("event", &json!({ "text": "ab <cd> ".repeat(128 * 1024), "list": vec!["x".repeat(1000); 1000] }));
    for (text, escape) in [
        ("{{ event.text }}", Escape::None),
        ("Body: {{ event.text }}", Escape::None),
        ("Body: {{ event.text | trim | upper | replace('AB', 'ab') }}", Escape::None),
        ("{% if event.text %}{{ event.text }}{% endif %}", Escape::None),
    ] {
        let value = templates.value(text, escape).unwrap().render(&scope).unwrap();
        assert!(value.as_str().unwrap().len() >= 1_000_000, "{text}");
    }
    let value = templates.value("as JSON: {{ event.list }}", Escape::None).unwrap().render(&scope).unwrap();
    assert!(value.as_str().unwrap().len() > 1_000_000);
    let twice = templates.value("{{ event.text }}{{ event.text }}", Escape::None).unwrap().render(&scope);
    assert_eq!(twice.unwrap_err().kind, ErrorKind::TooLong);
    let many = templates.value("{% for x in range(100) %}{{ event.text }}{% endfor %}", Escape::None).unwrap();
    assert_eq!(many.render(&scope).unwrap_err().kind, ErrorKind::Fuel);
}

#[test]
fn variables_say_whether_they_may_be_missing_and_what_they_are_compared_with() {
    let templates = Templates::new(Limits::default());
    let guarded = |text: &str| -> Vec<bool> {
        templates.value(text, Escape::None).unwrap().variables().into_iter().map(|found| found.guarded).collect()
    };
    assert_eq!(guarded("{{ steps.a.x }}"), [false]);
    assert_eq!(guarded("{{ steps.a.x | default('-') | upper }}"), [true]);
    assert_eq!(guarded("{% if steps.a.x is defined %}{{ steps.a.y }}{% endif %}{{ steps.a.z }}"), [true, true, false]);
    assert_eq!(guarded("{{ steps.a.x if steps.a else steps.b.x }}"), [true, true, false]);
    assert_eq!(guarded("{{ steps.a and steps.a.x }}"), [true, true]);
    let text = "event.a == 'x' or event.b not in ['y', 'z'] or event.c > 'w'";
    let condition = templates.condition(&format!("{{{{ {text} }}}}")).unwrap();
    let compared: Vec<Vec<(String, Range<usize>)>> = condition
        .variables()
        .into_iter()
        .map(|found| found.compared.into_iter().map(|with| (with.word, with.range)).collect())
        .collect();
    assert_eq!(compared[0], [("x".to_owned(), 14..17)]);
    assert_eq!(compared[1].iter().map(|(word, _)| word.as_str()).collect::<Vec<_>>(), ["y", "z"]);
    assert!(compared[2].is_empty());
    let only = templates.value(" {{ steps.a.x }} ", Escape::None).unwrap();
    assert_eq!(only.one_variable().unwrap().path, ["steps", "a", "x"]);
    assert_eq!(templates.value("{{ steps.a.x | upper }}", Escape::None).unwrap().one_variable(), None);
}

#[test]
fn debug_output_holds_names_and_no_values() {
    let printed = format!("{:?}", scope());
    assert!(printed.contains("event") && printed.contains("ticket") && !printed.contains("Printer"), "{printed}");
}

proptest! {
    #[test]
    fn any_text_is_a_template_or_an_error(text in "([a-z .|()'{}%#\\[\\]<-]|\\{\\{|\\}\\}|\\{%|%\\}|\\PC){0,60}") {
        let _ = render(&text);
        let _ = render_as(&text, Escape::Slack);
        let _ = holds(&text);
    }

    #[test]
    fn text_without_tags_is_returned_unchanged(text in "\\PC*\\n?") {
        prop_assume!(!["{{", "{%", "{#"].iter().any(|tag| text.contains(tag)));
        prop_assert_eq!(shown(&text), text);
    }

    #[test]
    fn integers_survive_exactly(n in any::<i64>(), m in any::<u64>()) {
        let mut scope = Scope::new();
        scope.set("event", &json!({ "n": n, "m": m }));
        let templates = Templates::new(Limits::default());
        prop_assert_eq!(templates.value("{{ event.n }}", Escape::None).unwrap().render(&scope).unwrap(), json!(n));
        prop_assert_eq!(templates.value("{{ event.m }}", Escape::None).unwrap().render(&scope).unwrap(), json!(m));
        prop_assert_eq!(
            templates.value("{{ event.n }} {{ event.m }}", Escape::None).unwrap().render(&scope).unwrap(),
            json!(format!("{n} {m}"))
        );
    }
}
