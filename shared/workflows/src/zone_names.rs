//! Which time zone somebody means who does not write an IANA name: an abbreviation, an offset, a city, a country.
//!
//! Abbreviations are looked up in the tz database itself; what it does not know stands in `time-zones.json`.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use serde::Deserialize;

use crate::suggest::closest;
use crate::zone;

/// What people call zones, from `time-zones.json`.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Names {
    /// Zones that many people live in, the more usual first.
    usual: Vec<String>,
    #[serde(rename = "names")]
    called: BTreeMap<String, String>,
    abbreviations: BTreeMap<String, String>,
}

static NAMES: LazyLock<Names> =
    LazyLock::new(|| deskwire_core::json::from_str(include_str!("../time-zones.json")).unwrap_or_default());

/// What to do about a name that is none of a zone.
pub(crate) fn help(given: &str) -> String {
    if let Some(minutes) = offset(given) {
        return about_offset(minutes);
    }
    meant(given).map_or_else(
        || "write an IANA name, such as `Europe/Berlin` or `America/New_York`".to_owned(),
        |name| format!("did you mean `{name}`?"),
    )
}

/// What to write in place of a name that the tz database keeps for old programs only: `EST` is five hours behind UTC in
/// summer, too, and `CET` does not say whose clocks are meant. `None` for every other name.
pub(crate) fn instead_of(given: &str) -> Option<String> {
    let plain = given.to_ascii_uppercase();
    let digits = plain.chars().any(|c| c.is_ascii_digit());
    let old =
        !plain.contains('/') && (2..=7).contains(&plain.len()) && !matches!(plain.as_str(), "UTC" | "GMT" | "UCT");
    if !old || (digits && !plain.ends_with("DT")) {
        return None;
    }
    // `PST8PDT` begins with an abbreviation.
    let letters: String = plain.chars().take_while(char::is_ascii_alphabetic).collect();
    abbreviated(&letters).filter(|name| !name.eq_ignore_ascii_case(given))
}

/// The zone that was probably meant.
fn meant(given: &str) -> Option<String> {
    let names = zone::names();
    let asked = squeezed(given);
    if asked.is_empty() || given.len() > 128 {
        return None;
    }
    let first = |wanted: &dyn Fn(&str) -> bool| names.iter().find(|name| wanted(name)).cloned();
    let city = |name: &str| name.rsplit('/').next().map(squeezed).unwrap_or_default();
    abbreviated(given)
        .or_else(|| first(&|name| name.contains('/') && squeezed(name) == asked))
        .or_else(|| NAMES.called.get(&bare(given)).cloned())
        .or_else(|| first(&|name| name.contains('/') && city(name) == asked))
        .or_else(|| closest(given, places(&names)).map(str::to_owned))
        .or_else(|| {
            let cities: Vec<String> = places(&names).map(city).collect();
            let close = closest(&asked, cities.iter().map(String::as_str)).filter(|_| asked.len() > 3)?.to_owned();
            first(&|name| name.contains('/') && city(name) == close)
        })
}

/// Names of places: the others are kept for old programs.
fn places(names: &[String]) -> impl Iterator<Item = &str> {
    names.iter().map(String::as_str).filter(|name| name.contains('/') && !name.starts_with("Etc/"))
}

/// The most usual zone whose clocks are called so in January or July.
fn abbreviated(given: &str) -> Option<String> {
    let wanted = given.trim().to_ascii_uppercase();
    if !(2..=5).contains(&wanted.len()) || !wanted.chars().all(|c| c.is_ascii_alphabetic()) {
        return None;
    }
    if let Some(name) = NAMES.abbreviations.get(&wanted.to_ascii_lowercase()) {
        return Some(name.clone());
    }
    let uses = |name: &&String| zone::zone(name).is_some_and(|zone| zone::abbreviations(&zone).contains(&wanted));
    let all = zone::names();
    let others = all.iter().filter(|name| name.contains('/') && !name.starts_with("Etc/"));
    NAMES.usual.iter().chain(others).find(uses).cloned()
}

/// `GMT+2`, `UTC-05:30` or `+02:00` in minutes ahead of UTC.
fn offset(given: &str) -> Option<i32> {
    let text = given.trim().to_ascii_uppercase().replace(' ', "");
    let text = text.strip_prefix("UTC").or_else(|| text.strip_prefix("GMT")).unwrap_or(&text);
    let (sign, digits) = match text.split_at_checked(1)? {
        ("+", rest) => (1, rest),
        ("-" | "−", rest) => (-1, rest),
        _ => return None,
    };
    let (hours, minutes) = match digits.split_once(':') {
        Some(parts) => parts,
        None if digits.len() > 2 => digits.split_at_checked(digits.len() - 2)?,
        None => (digits, "0"),
    };
    let number = |part: &str| part.parse::<i32>().ok().filter(|_| part.bytes().all(|b| b.is_ascii_digit()));
    let (hours, minutes) = (number(hours)?, number(minutes)?);
    (hours <= 14 && minutes < 60).then_some(sign * (hours * 60 + minutes))
}

fn about_offset(minutes: i32) -> String {
    let usual = NAMES.usual.iter().find(|name| zone::zone(name).is_some_and(|zone| zone::standard(&zone) == minutes));
    let place = usual.map(|name| format!("`{name}`, whose clocks show it in winter"));
    if minutes % 60 != 0 {
        let place = place.unwrap_or_else(|| "`Asia/Kolkata`".to_owned());
        return format!("a zone is named by a place: write one such as {place}");
    }
    // The names of these zones count westwards (IANA tz database, file `etcetera`).
    let fixed = match minutes / 60 {
        0 => "UTC".to_owned(),
        hours => format!("Etc/GMT{}{}", if hours > 0 { '-' } else { '+' }, hours.abs()),
    };
    let place = place.map(|place| format!("; or write a place, such as {place}")).unwrap_or_default();
    format!("did you mean `{fixed}`, which is that offset all year{place}?")
}

/// A name without what says only that it is one: `Pacific Standard Time (US & Canada)` is `pacific`.
fn bare(given: &str) -> String {
    let mut depth = 0_usize;
    let outside: String = given
        .chars()
        .filter(|c| {
            depth += usize::from(*c == '(');
            let outside = depth == 0;
            depth = depth.saturating_sub(usize::from(*c == ')'));
            outside
        })
        .collect();
    let words = outside.to_lowercase().replace(['_', '-', '.', '/'], " ");
    let told = |word: &&str| !["standard", "daylight", "summer", "winter", "time", "timezone", "zone"].contains(word);
    words.split_whitespace().filter(told).collect::<Vec<_>>().join(" ")
}

fn squeezed(name: &str) -> String {
    name.chars().filter(|c| c.is_alphanumeric() || *c == '/').flat_map(char::to_lowercase).collect()
}
