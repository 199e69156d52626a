//! Values as people read them: points in time, durations, JSON, ids. Plain functions; every page uses them.

use std::time::Duration;

use deskwire_core::time::Timestamp;
use serde_json::Value;

/// A point in time for a `<time>` element.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Moment {
    /// For machines: RFC 3339.
    pub iso: String,
    /// For the tooltip: to the millisecond, in UTC.
    pub exact: String,
    /// For the eye: `4 min ago`, `in 12 s`.
    pub relative: String,
}

impl Moment {
    pub(crate) fn new(at: Timestamp, now: Timestamp) -> Self {
        let iso = at.to_string();
        let exact = format!("{} UTC", iso.replace('T', " ").trim_end_matches('Z'));
        Self { iso, exact, relative: relative(at, now) }
    }
}

/// The time of day in UTC, to the second.
pub(crate) fn time_of_day(at: Timestamp) -> String {
    let text = at.to_string();
    let time = text.split_once('T').map_or(text.as_str(), |(_, time)| time);
    format!("{} UTC", time.split('.').next().unwrap_or_default())
}

fn relative(at: Timestamp, now: Timestamp) -> String {
    let (past, future) = (now.since(at), at.since(now));
    if past.max(future) < Duration::from_secs(2) {
        "just now".to_owned()
    } else if past > future {
        format!("{} ago", coarse(past))
    } else {
        format!("in {}", coarse(future))
    }
}

/// In its largest unit.
fn coarse(duration: Duration) -> String {
    let seconds = duration.as_secs();
    match seconds {
        0..60 => format!("{seconds} s"),
        60..3_600 => format!("{} min", seconds / 60),
        3_600..86_400 => format!("{} h", seconds / 3_600),
        86_400..172_800 => "1 day".to_owned(),
        _ => format!("{} days", seconds / 86_400),
    }
}

/// How long something took: `212 ms`, `1.4 s`, `3 min 12 s`, `2 h 5 min`, `3 d 4 h`.
pub(crate) fn took(duration: Duration) -> String {
    let seconds = duration.as_secs();
    match duration.as_millis() {
        millis @ 0..1_000 => format!("{millis} ms"),
        1_000..60_000 if duration.subsec_millis() < 100 => format!("{seconds} s"),
        1_000..60_000 => format!("{seconds}.{} s", duration.subsec_millis() / 100),
        60_000..3_600_000 => pair(seconds / 60, "min", seconds % 60, "s"),
        3_600_000..86_400_000 => pair(seconds / 3_600, "h", seconds % 3_600 / 60, "min"),
        _ => pair(seconds / 86_400, "d", seconds % 86_400 / 3_600, "h"),
    }
}

fn pair(big: u64, big_unit: &str, small: u64, small_unit: &str) -> String {
    if small == 0 { format!("{big} {big_unit}") } else { format!("{big} {big_unit} {small} {small_unit}") }
}

/// The most of one document that a page shows, in bytes; a page stays quick to load and to scroll.
const LONGEST_TEXT: usize = 64 * 1024;

/// Text that may be long: cut at a character's end, saying so and where the rest is.
pub(crate) fn cut(text: String, rest: &str) -> String {
    if text.len() <= LONGEST_TEXT {
        return text;
    }
    let end = text.floor_char_boundary(LONGEST_TEXT);
    format!("{}\n… {} bytes more: {rest}", &text[..end], text.len() - end)
}

/// A JSON document over several lines. `rest` is the command that shows all of it.
pub(crate) fn pretty(value: &Value, rest: &str) -> String {
    cut(format!("{value:#}"), rest)
}

/// The beginning of a run's id, long enough to be told from others: `run_` and the time of creation with a little more.
pub(crate) fn short_id(id: &str) -> String {
    const SHOWN: usize = 18;
    if id.chars().count() <= SHOWN + 1 { id.to_owned() } else { id.chars().take(SHOWN).chain(['…']).collect() }
}

/// The first `most` characters on one line, with an ellipsis where more follow.
pub(crate) fn shorten(text: &str, most: usize) -> String {
    let one_line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    if one_line.chars().count() <= most {
        return one_line;
    }
    one_line.chars().take(most.saturating_sub(1)).chain(['…']).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_shown_in_two_units_at_most() {
        let shown = [
            (0, "0 ms"),
            (999, "999 ms"),
            (1_450, "1.4 s"),
            (22_000, "22 s"),
            (60_000, "1 min"),
            (192_000, "3 min 12 s"),
            (7_500_000, "2 h 5 min"),
            (273_600_000, "3 d 4 h"),
        ];
        for (millis, text) in shown {
            assert_eq!(took(Duration::from_millis(millis)), text);
        }
    }

    #[test]
    fn times_are_shown_relative_to_now_in_both_directions() {
        let now = Timestamp::from_millis(1_700_000_000_000);
        let shown =
            [(0, "just now"), (12, "12 s"), (250, "4 min"), (7_300, "2 h"), (90_000, "1 day"), (300_000, "3 days")];
        for (seconds, text) in shown {
            let apart = Duration::from_secs(seconds);
            let (ago, ahead) = if seconds == 0 {
                (text.to_owned(), text.to_owned())
            } else {
                (format!("{text} ago"), format!("in {text}"))
            };
            assert_eq!(relative(now.minus(apart), now), ago);
            assert_eq!(relative(now.plus(apart), now), ahead);
        }
    }

    #[test]
    fn a_moment_has_its_exact_time_in_utc() {
        let at = Timestamp::from_millis(1_700_000_000_123);
        assert_eq!(Moment::new(at, at).exact, "2023-11-14 22:13:20.123 UTC");
        assert_eq!(time_of_day(at), "22:13:20 UTC");
    }

    #[test]
    fn long_text_is_cut_at_a_character_and_says_where_the_rest_is() {
        let text = "é".repeat(LONGEST_TEXT);
        let shown = cut(text, "deskwire events show 7");
        assert!(shown.len() < LONGEST_TEXT + 100);
        assert!(shown.ends_with("bytes more: deskwire events show 7"), "{}", &shown[shown.len() - 60..]);
    }
}
