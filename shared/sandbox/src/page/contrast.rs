//! Can the stand-ins' pages be read in the light and in the dark? WCAG 2.2, 1.4.3: text needs a contrast of 4.5 to 1.
//!
//! The colours are those of the style sheets; which text stands on which ground is said here. A colour that a sheet gives
//! to text and that is not named here fails, and so does text that is made paler by `opacity`.

use std::collections::{BTreeMap, BTreeSet};

const LEAST: f64 = 4.5;

/// The text colours of `slack.css`, and the grounds each stands on. Names are custom properties, the rest are colours.
const SLACK: [(&str, &[&str]); 11] = [
    ("--ink", &["--paper", "--hover", "--code-paper"]),
    ("--soft", &["--paper", "--hover", "--rule"]),
    ("--link", &["--paper", "--hover"]),
    ("--mention-ink", &["--mention"]),
    ("--code", &["--code-paper"]),
    ("--side-ink", &["--side", "--side-hover"]),
    ("--side-soft", &["--side", "--side-hover"]),
    ("--side-strong", &["--side"]),
    // The conversation that is shown, the number of posts, and the pictures of people.
    ("#fff", &["--side-on", "#cd2553", "#3a4ccc", "#2f7d6d", "#a8503c", "#4a5fa8", "#8a5a12", "#7a4391", "#3b6f8f"]),
    ("#3a1d4a", &["#f2c744"]),
    ("#ffffff", &["--side-on"]),
];

/// The same of `zendesk.css`.
const ZENDESK: [(&str, &[&str]); 7] = [
    ("--ink", &["--paper", "--card", "--notice", "--note"]),
    ("--soft", &["--paper", "--card", "--notice", "--note"]),
    ("--link", &["--paper", "--card", "--notice"]),
    ("--button-ink", &["--button"]),
    // The head of the page, and how a ticket stands.
    ("#fff", &["--accent", "#8a5a00", "#b3353c", "#2a66a8", "#2f3941", "#5f6b72", "#66727a"]),
    ("#cfe9e6", &["--accent"]),
    ("#b9d4d3", &["--accent"]),
];

/// Signs beside words that say the same need 3 to 1 at most (WCAG 2.2, 1.4.11).
const SIGNS: [&str; 1] = ["#d0553f"];

#[test]
fn every_text_of_the_stand_ins_stands_out_from_its_ground_in_the_light_and_in_the_dark() {
    let sheets = [
        ("slack.css", include_str!("../../templates/slack.css"), &SLACK[..]),
        ("zendesk.css", include_str!("../../templates/zendesk.css"), &ZENDESK[..]),
    ];
    for (name, sheet, pairs) in sheets {
        let modes = modes(sheet);
        assert_eq!(modes.len(), 2, "{name} has colours for the light and for the dark");
        for (mode, colours) in ["light", "dark"].into_iter().zip(&modes) {
            let value =
                |colour: &str| if colour.starts_with("--") { colours[colour].clone() } else { colour.to_owned() };
            for (text, grounds) in pairs {
                for ground in *grounds {
                    let contrast = contrast(&value(text), &value(ground));
                    assert!(contrast >= LEAST, "{name}, {mode}: {text} on {ground} has {contrast:.2}");
                }
            }
        }
        let named: BTreeSet<&str> = pairs.iter().map(|(text, _)| *text).chain(SIGNS).collect();
        for used in text_colours(sheet) {
            assert!(named.contains(used.as_str()), "{name}: nobody says on which ground {used} stands");
        }
        assert!(!sheet.contains("opacity"), "{name}: text that is made paler has a contrast that nobody computes");
    }
}

#[test]
fn contrast_is_computed_as_wcag_says() {
    assert!((contrast("#000", "#ffffff") - 21.0).abs() < 0.001);
    assert!((contrast("#777777", "#fff") - 4.48).abs() < 0.005);
    assert!((contrast("#fff", "#777777") - contrast("#777777", "#fff")).abs() < f64::EPSILON);
}

/// The custom properties in the light, and in the dark.
fn modes(sheet: &str) -> Vec<BTreeMap<String, String>> {
    let mut modes: Vec<BTreeMap<String, String>> = Vec::new();
    for block in sheet.split(":root {").skip(1) {
        let mut colours = modes.first().cloned().unwrap_or_default();
        for declaration in block.split('}').next().unwrap().split(';') {
            if let Some((name, value)) = declaration.split_once(':') {
                colours.insert(name.trim().to_owned(), value.trim().to_owned());
            }
        }
        modes.push(colours);
    }
    modes
}

/// Every value of `color:` in a sheet.
fn text_colours(sheet: &str) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for rule in sheet.split('{').skip(1) {
        for declaration in rule.split('}').next().unwrap().split(';') {
            if let Some(("color", value)) = declaration.split_once(':').map(|(name, value)| (name.trim(), value.trim()))
            {
                let value = value.strip_prefix("var(").and_then(|name| name.strip_suffix(')')).unwrap_or(value);
                found.insert(value.to_owned());
            }
        }
    }
    found.remove("inherit");
    found
}

/// The contrast of two colours (WCAG 2.2, definition of contrast ratio).
fn contrast(one: &str, other: &str) -> f64 {
    let (one, other) = (luminance(one), luminance(other));
    (one.max(other) + 0.05) / (one.min(other) + 0.05)
}

fn luminance(colour: &str) -> f64 {
    let digits = colour.strip_prefix('#').unwrap_or_else(|| panic!("{colour} is no colour"));
    let digits: String =
        if digits.len() == 3 { digits.chars().flat_map(|digit| [digit, digit]).collect() } else { digits.to_owned() };
    let part = |at: usize| {
        let value = f64::from(u8::from_str_radix(&digits[at..at + 2], 16).unwrap()) / 255.0;
        if value <= 0.040_45 { value / 12.92 } else { ((value + 0.055) / 1.055).powf(2.4) }
    };
    0.2126 * part(0) + 0.7152 * part(2) + 0.0722 * part(4)
}
