//! On a phone nothing is wider than the screen, however long the ids, types and bodies are that providers send.
//!
//! What a browser makes of it is looked at by hand (`cargo run -p console --example preview`, at 390 pixels); here the style
//! sheet is held to the rules that it follows from.

const STYLE: &str = include_str!("../../templates/style.css");

/// The rules before the one for narrow screens, and those within it.
fn parts() -> (&'static str, &'static str) {
    let (wide, rest) = STYLE.split_once("@media (max-width: 52rem) {").expect("there are rules for narrow screens");
    (wide, rest.split_once("\n}").expect("which end").0)
}

/// Selectors and declarations, one rule a line.
fn rules(text: &'static str) -> Vec<(Vec<&'static str>, &'static str)> {
    let rule = |part: &'static str| -> Option<(Vec<&'static str>, &'static str)> {
        let (selectors, declarations) = part.split_once('{')?;
        Some((selectors.split(',').map(str::trim).collect(), declarations.trim()))
    };
    text.split('}').filter_map(rule).collect()
}

#[test]
fn any_text_may_break_within_a_word() {
    let (_, narrow) = parts();
    let body =
        rules(narrow).into_iter().find(|(selectors, _)| selectors == &["body"]).expect("there is a rule for all");
    assert!(body.1.contains("overflow-wrap: anywhere"), "{}", body.1);
}

#[test]
fn what_stays_on_one_line_on_a_desk_may_wrap_on_a_phone() {
    let (wide, narrow) = parts();
    let narrow = rules(narrow);
    let wraps = |selector: &str| {
        // The heads of tables are not shown there.
        selector == ".list thead th"
            || narrow.iter().any(|(selectors, declarations)| {
                selectors.contains(&selector) && declarations.contains("white-space: normal")
            })
    };
    let fixed: Vec<&str> = rules(wide)
        .into_iter()
        .filter(|(_, declarations)| declarations.contains("white-space: nowrap"))
        .flat_map(|(selectors, _)| selectors)
        .collect();
    assert!(fixed.len() > 3, "{fixed:?}");
    for selector in fixed {
        assert!(wraps(selector), "`{selector}` never wraps");
    }
}

#[test]
fn documents_wrap_instead_of_scrolling_sideways() {
    let (wide, _) = parts();
    for selector in ["details pre", ".command"] {
        let (_, declarations) =
            rules(wide).into_iter().find(|(selectors, _)| selectors.contains(&selector)).expect("there is a rule");
        assert!(
            declarations.contains("white-space: pre-wrap") && declarations.contains("overflow-wrap: anywhere"),
            "{selector}: {declarations}"
        );
    }
}
