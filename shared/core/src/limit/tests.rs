//! Values at and beyond each kind of limit.

use serde_json::json;

use super::*;

fn limit(input: &'static str, rule: Rule) -> Limit {
    Limit { input, provider: "Acme", rule, advice: if rule == Rule::Words { "" } else { "send less" } }
}

fn problem(limit: Limit, input: &Value) -> Option<String> {
    first_breach(&[limit], input).map(|breach| breach.problem)
}

#[test]
fn a_value_at_its_limit_is_taken_and_one_beyond_it_is_named_with_what_was_found() {
    let table = [
        (limit("a", Rule::Characters(3)), json!({ "a": "öäü" }), json!({ "a": "öäü!" }), "`a` has 4 characters"),
        (limit("a", Rule::Bytes(4)), json!({ "a": "öä" }), json!({ "a": "öäü" }), "`a` has 6 bytes"),
        (limit("a", Rule::Bytes(3)), json!({ "a": 123 }), json!({ "a": 1234 }), "`a` has 4 bytes"),
        (
            limit("a", Rule::JsonBytes(7)),
            json!({ "a": { "b": 1 } }),
            json!({ "a": { "b": 12 } }),
            "`a` has 8 bytes as JSON",
        ),
        (
            limit("a", Rule::Items(2)),
            json!({ "a": ["x", null, "y"] }),
            json!({ "a": ["x", "y", "z"] }),
            "`a` has 3 items",
        ),
        (limit("a", Rule::Items(2)), json!({ "a": "x,, y" }), json!({ "a": "x, y, z" }), "`a` has 3 items"),
        (limit("a", Rule::Items(1)), json!({ "a": { "x": 1 } }), json!({ "a": { "x": 1, "y": 2 } }), "`a` has 2 items"),
        (limit("a", Rule::Names(1)), json!({ "a": { "x": 1 } }), json!({ "a": { "xy": 1 } }), "`a` has a name of 2"),
        (limit("a.*", Rule::Characters(1)), json!({ "a": { "b": "x" } }), json!({ "a": { "b": "xy" } }), "`a.b` has 2"),
        (limit("a.*", Rule::Characters(1)), json!({ "a": ["x"] }), json!({ "a": ["x", "xy"] }), "`a[1]` has 2"),
        (limit("a.b", Rule::Bytes(1)), json!({ "a": { "c": "xy" } }), json!({ "a": { "b": "xy" } }), "`a.b` has 2"),
        (
            limit("a", Rule::Begins(&["X_"])),
            json!({ "a": " X_1" }),
            json!({ "a": "Y_1" }),
            "`a` is `Y_1`, and must begin",
        ),
    ];
    for (limit, fits, breaks, beginning) in table {
        assert_eq!(problem(limit, &fits), None, "{limit:?}");
        let problem = problem(limit, &breaks).unwrap();
        assert!(problem.starts_with(beginning), "{problem}");
    }
}

#[test]
fn what_is_not_given_or_of_another_kind_breaks_no_limit() {
    for rule in [Rule::Characters(0), Rule::Bytes(0), Rule::JsonBytes(9), Rule::Items(0), Rule::Names(0), Rule::Words] {
        for input in [json!({}), json!({ "a": null }), json!(null), json!([])] {
            assert_eq!(problem(limit("a", rule), &input), None, "{rule:?} {input}");
        }
    }
    assert_eq!(problem(limit("a", Rule::Begins(&["X_"])), &json!({ "a": "" })), None);
}

#[test]
fn a_word_that_would_become_several_is_shown_with_one_that_stays_whole() {
    for (given, item, written) in [
        (json!(["vip", "two words"]), Some(1), "two_words"),
        (json!(["a,b"]), Some(0), "a_b"),
        (json!(["a , b"]), Some(0), "a_b"),
        (json!("vip, two words"), None, "two_words"),
        (json!(["tab\tand\u{a0}more"]), Some(0), "tab_and_more"),
        (json!(["line\nbreak"]), Some(0), "line_break"),
    ] {
        let breach = first_breach(&[limit("tags", Rule::Words)], &json!({ "tags": given })).unwrap();
        assert_eq!(breach.item, item, "{given}");
        assert!(breach.advice.starts_with(&format!("write `{written}`")), "{breach:?}");
        assert!(breach.problem.contains("Acme takes for") && !breach.problem.contains('\n'), "{breach:?}");
    }
    for fine in [json!("vip, late ,,7"), json!(["vip", " ", 7, null, "käse-brot/2"]), json!([" padded "])] {
        assert_eq!(problem(limit("tags", Rule::Words), &json!({ "tags": fine })), None, "{fine}");
    }
}

#[test]
fn a_breach_is_a_refusal_that_says_that_nothing_was_sent() {
    let limits = [limit("a", Rule::Characters(1))];
    assert!(keep(&limits, &json!({ "a": "x" })).is_ok());
    let error = keep(&limits, &json!({ "a": "xy" })).unwrap_err();
    assert_eq!((error.class, error.code.as_str()), (ErrorClass::Fail, OVER_LIMIT));
    assert_eq!(error.message, "`a` has 2 characters; Acme takes at most 1 characters. Nothing was sent: send less.");
}
