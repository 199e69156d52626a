//! Numbers go through templates as they are written, and count as what they are.

use deskwire_core::json::from_str;
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::{ErrorKind, Escape, Limits, Scope, TemplateError, Templates};

const DATA: &str = r#"{
    "big": 12345678901234567890123, "bigger": 12345678901234567890124, "huge": 1234567890123456789012345678901234567890123,
    "price": 1.10, "cheap": 0.90, "fine": 0.1000000000000000000001, "plain": 2.5, "exp": 1e2, "far": 1E400, "zero": -0,
    "id": 9007199254740993, "list": [2.50, 1.10, 10.0, 3], "items": [{ "n": "b", "p": 2.50 }, { "n": "a", "p": 1.10 }],
    "text": "1.10", "flag": true, "none": null
}"#;

fn scope() -> Scope {
    let mut scope = Scope::new();
    scope.set("event", &json!({ "data": from_str::<Value>(DATA).unwrap() }));
    scope
}

fn render(text: &str) -> Result<Value, TemplateError> {
    Templates::new(Limits::default()).value(text, Escape::None)?.render(&scope())
}

/// As JSON, so that the spelling of numbers is seen.
fn shown(text: &str) -> String {
    render(text).unwrap_or_else(|error| panic!("{text}: {error:?}")).to_string()
}

fn holds(text: &str) -> bool {
    let condition = Templates::new(Limits::default()).condition(text).unwrap();
    condition.holds(&scope()).unwrap_or_else(|error| panic!("{text}: {error:?}"))
}

#[test]
fn a_whole_value_keeps_the_digits_of_its_numbers() {
    for (name, text) in [
        ("big", "12345678901234567890123"),
        ("huge", "1234567890123456789012345678901234567890123"),
        ("price", "1.10"),
        ("fine", "0.1000000000000000000001"),
        ("plain", "2.5"),
        ("exp", "1e+2"),
        ("far", "1e+400"),
        ("zero", "-0"),
        ("id", "9007199254740993"),
        ("list", "[2.50,1.10,10.0,3]"),
        ("items", r#"[{"n":"b","p":2.50},{"n":"a","p":1.10}]"#),
    ] {
        assert_eq!(shown(&format!("{{{{ event.data.{name} }}}}")), text);
        assert_eq!(shown(&format!("{{{{ [event.data.{name}] }}}}")), format!("[{text}]"));
        assert_eq!(shown(&format!("{{{{ event.data.missing | default(event.data.{name}) }}}}")), text);
    }
    assert_eq!(shown("{{ event.data }}"), from_str::<Value>(DATA).unwrap().to_string());
}

#[test]
fn text_shows_numbers_as_they_are_written() {
    assert_eq!(
        render("{{ event.data.price }} {{ event.data.big }} {{ event.data.far }} {{ event.data.list }}").unwrap(),
        "1.10 12345678901234567890123 1e+400 [2.50,1.10,10.0,3]"
    );
    assert_eq!(render("{{ 'EUR ' ~ event.data.price }}").unwrap(), "EUR 1.10");
    assert_eq!(render("{{ event.data.list | join(', ') }}").unwrap(), "2.50, 1.10, 10.0, 3");
    assert_eq!(render("{{ event.data.price | string }}").unwrap(), "1.10");
    assert_eq!(render("{% for n in event.data.list %}{{ n }};{% endfor %}").unwrap(), "2.50;1.10;10.0;3;");
    assert_eq!(render("{{ event.data.items | tojson }}").unwrap(), r#"[{"n": "b", "p": 2.50}, {"n": "a", "p": 1.10}]"#);
    assert_eq!(render("{{ {'<': event.data.big} | tojson }}").unwrap(), r#"{"\u003c": 12345678901234567890123}"#);
    assert_eq!(render("{{ [event.data.price] | tojson(indent=1) }}").unwrap(), "[\n 1.10\n]");
    assert_eq!(render("a{{ event.data.price if event.data.price > 1 else event.data.cheap }}").unwrap(), "a1.10");
}

#[test]
fn numbers_compare_by_value() {
    for text in [
        "event.data.price == 1.1",
        "1.1 == event.data.price",
        "event.data.price != 1.2",
        "event.data.price > 1 and event.data.price < 1.2",
        "1 < event.data.price < 2",
        "event.data.price >= event.data.cheap",
        "event.data.price in [1.1, 5]",
        "1.1 in event.data.list",
        "10 in event.data.list",
        "event.data.list[2] == 10",
        "event.data.list == [2.5, 1.1, 10, 3]",
        "event.data.exp == 100",
        "event.data.big == 12345678901234567890123",
        "event.data.big != event.data.bigger",
        "event.data.huge != event.data.huge - 1",
        "event.data.huge > event.data.big",
        "event.data.far > event.data.huge",
        "event.data.fine > 0.1",
        "not event.data.zero",
        "event.data.zero == 0",
        "event.data.id == 9007199254740993 and event.data.id != 9007199254740992",
        "event.data.price is number and event.data.price is not string",
        "event.data.price is gt 1 and event.data.price is eq(1.1)",
        "event.data.price is float and event.data.big is integer",
        "event.data.big is odd",
        "event.data.text == '1.10'",
        "event.data.price != '1.10'",
        "(event.data.items | first).p == 2.5",
        "event.data.items | map(attribute='p') | max == 2.5",
        "(event.data.none or event.data.price) == 1.1",
        "(event.data.price if event.data.flag else 5) == 1.1",
        "event.data.list | select('gt', 2) | list | length == 3",
        "event.data.items | selectattr('p', 'eq', 1.1) | map(attribute='n') | first == 'a'",
        "-event.data.price == -1.1",
        "event.data.list[1:] | first == 1.1",
        "event.data.flag and event.data.flag == true",
    ] {
        assert!(holds(text), "{text}");
        assert!(holds(&format!("{{{{ {text} }}}}")), "{text}");
        assert!(!holds(&format!("not ({text})")), "{text}");
    }
}

#[test]
fn numbers_can_be_calculated_with() {
    for (text, expected) in [
        ("{{ event.data.price + 1 }}", "2.1"),
        ("{{ event.data.exp + 1 }}", "101.0"),
        ("{{ event.data.big + 1 }}", "12345678901234567890124"),
        ("{{ event.data.id - 1 }}", "9007199254740992"),
        ("{{ event.data.price | float * 2 }}", "2.2"),
        ("{{ (event.data.price + event.data.cheap) | float * (2 - 1) }}", "2.0"),
        ("{{ -event.data.price }}", "-1.1"),
        ("{{ event.data.list[0] // 1 }}", "2.0"),
        ("{{ event.data.price | round }}", "1.0"),
        ("{{ event.data.price | round(1) }}", "1.1"),
        ("{{ event.data.price | int }}", "1"),
        ("{{ event.data.big | int }}", "12345678901234567890123"),
        ("{{ event.data.big | string }}", "\"12345678901234567890123\""),
        ("{{ event.data.cheap | abs }}", "0.9"),
        ("{{ event.data.list | sort }}", "[1.10,2.50,3,10.0]"),
        ("{{ event.data.list | sort(reverse=true) | first }}", "10.0"),
        ("{{ event.data.items | sort(attribute='p') | map(attribute='n') | list }}", r#"["a","b"]"#),
        ("{{ event.data.list | min }}", "1.10"),
        ("{{ event.data.list | max }}", "10.0"),
        ("{{ '%.2f' | format(event.data.price) }}", "\"1.10\""),
    ] {
        assert_eq!(shown(text), expected, "{text}");
    }
}

#[test]
fn what_has_no_end_is_an_error_and_no_number() {
    for text in ["{{ event.data.far + 1 }}", "{{ event.data.far | float }}"] {
        assert_eq!(render(text).unwrap_err().kind, ErrorKind::Type, "{text}");
    }
}

#[test]
fn errors_name_their_place_beside_such_numbers_too() {
    for (text, part) in [
        ("a {{ event.data.price > 1 and event.data.typo.deep > event.data.price }}", "event.data.typo"),
        ("{{ event.data.price + event.data.missing }}", "event.data"),
        ("{{ event.data.price - 'x' }}", "event.data.price - 'x'"),
        ("{{ [] - event.data.big }} {{ 1 }}", "[] - event.data.big"),
    ] {
        let error = render(text).unwrap_err();
        let range = error.range.clone().unwrap_or_else(|| panic!("{text}: {error:?}"));
        assert!(text[range].contains(part), "{text}: {error:?}");
        assert!(!error.message.contains("for_"), "{error:?}");
    }
}

#[test]
fn the_conversions_have_no_names_for_users() {
    for text in ["{{ 1 | for_comparing }}", "{{ 1 | for_calculating }}"] {
        assert_eq!(render(text).unwrap_err().kind, ErrorKind::Syntax, "{text}");
    }
}

/// Operands of every kind, which are values of the scope or calculated from them.
fn operand() -> impl Strategy<Value = String> {
    let leaf = prop_oneof![
        Just("event.data.price".to_owned()),
        Just("event.data['big']".to_owned()),
        Just("event.data.list[1]".to_owned()),
        Just("1.1".to_owned()),
        Just("(2)".to_owned()),
        Just("event.data.list | first".to_owned()),
        Just("event.data.list[1:][0]".to_owned()),
        Just("(event.data.items)[0].p".to_owned()),
        Just("[event.data.price, 2] | max".to_owned()),
        Just("range(3) | last".to_owned()),
        Just("event.data.missing | default(1.10)".to_owned()),
    ];
    leaf.prop_recursive(4, 24, 2, |inner| {
        prop_oneof![
            (inner.clone(), inner.clone(), prop_oneof!["\\+", "-"]).prop_map(|(a, b, op)| format!("({a}) {op} ({b})")),
            (inner.clone(), inner.clone()).prop_map(|(a, b)| format!("({a} if ({a}) > ({b}) else {b})")),
            (inner.clone(), inner.clone()).prop_map(|(a, b)| format!("({a} or {b})")),
            inner.clone().prop_map(|a| format!("(-({a}))")),
            inner.prop_map(|a| format!("(({a}) | abs)")),
        ]
    })
}

proptest! {
    #[test]
    fn every_expression_is_worth_the_same_in_both_forms(a in operand(), b in operand(), op in "==|!=|<|<=|>|>=") {
        // The same numbers, once spelled as the engine spells them and once not.
        let ordinary = json!({ "price": 1.25, "big": 12, "list": [2.5, 1.25, 10, 3], "items": [{ "p": 2.5 }] });
        let spelled = from_str::<Value>(
            r#"{ "price": 1.250, "big": 1.2e1, "list": [2.50, 1.250, 10, 3], "items": [{ "p": 25e-1 }] }"#,
        ).unwrap();
        let text = format!("{{{{ ({a}) {op} ({b}) }}}} {{{{ 'yes' if ({a}) {op} ({b}) else 'no' }}}}");
        let template = Templates::new(Limits::default()).value(&text, Escape::None);
        prop_assume!(template.is_ok());
        let template = template.unwrap();
        let mut outcomes = [&ordinary, &spelled].map(|data| {
            let mut scope = Scope::new();
            scope.set("event", &json!({ "data": data }));
            template.render(&scope).map_err(|error| error.kind)
        });
        let second = outcomes[1].clone();
        prop_assert_eq!(&mut outcomes[0], &second, "{}", text);
    }

    #[test]
    fn any_number_goes_through_unchanged(text in "-?(0|[1-9][0-9]{0,45})(\\.[0-9]{1,45})?(e[+-][0-9]{1,5})?") {
        let number: Value = from_str(&text).unwrap();
        let mut scope = Scope::new();
        scope.set("event", &json!({ "n": number }));
        let rendered = |template: &str| {
            Templates::new(Limits::default()).value(template, Escape::None).unwrap().render(&scope).unwrap()
        };
        prop_assert_eq!(rendered("{{ event.n }}").to_string(), text.clone());
        prop_assert_eq!(rendered("{{ [{'a': event.n}] }}").to_string(), format!("[{{\"a\":{text}}}]"));
        prop_assert_eq!(rendered("n={{ event.n }}"), format!("n={text}"));
        prop_assert_eq!(rendered("{{ event.n == event.n }}").to_string(), "true");
    }
}
