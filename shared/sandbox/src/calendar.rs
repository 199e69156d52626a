//! Points in time as Zendesk's API and the pages write them. All in UTC.

use deskwire_core::time::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;

fn civil(time: Timestamp) -> DateTime {
    jiff::Timestamp::from_millisecond(time.as_millis()).unwrap_or_default().to_zoned(TimeZone::UTC).datetime()
}

/// `2026-02-03T08:15:41Z`
pub(crate) fn whole_seconds(time: Timestamp) -> String {
    civil(time).strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

/// `2026-02-03T08:15:42.318904527Z`: what lies below a millisecond is given.
pub(crate) fn nanoseconds(time: Timestamp, below: u32) -> String {
    let millis = time.as_millis().rem_euclid(1000);
    format!("{}.{millis:03}{:06}Z", civil(time).strftime("%Y-%m-%dT%H:%M:%S"), below % 1_000_000)
}

/// `08:15`
pub(crate) fn clock_time(time: Timestamp) -> String {
    civil(time).strftime("%H:%M").to_string()
}

/// `Today`, `Yesterday`, or `Tuesday, 3 February 2026`.
pub(crate) fn day(time: Timestamp, now: Timestamp) -> String {
    let (date, today) = (civil(time).date(), civil(now).date());
    if date == today {
        "Today".to_owned()
    } else if today.yesterday().is_ok_and(|yesterday| date == yesterday) {
        "Yesterday".to_owned()
    } else {
        date.strftime("%A, %-d %B %Y").to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_are_named_as_seen_from_today() {
        let now = Timestamp::parse("2026-02-03T00:30:00Z").unwrap();
        let named = |text| day(Timestamp::parse(text).unwrap(), now);
        assert_eq!(named("2026-02-03T23:59:59Z"), "Today");
        assert_eq!(named("2026-02-02T23:59:59Z"), "Yesterday");
        assert_eq!(named("2026-02-01T12:00:00Z"), "Sunday, 1 February 2026");
    }

    #[test]
    fn fractions_are_written_in_nanoseconds() {
        let time = Timestamp::parse("2026-02-03T08:15:42.008Z").unwrap();
        assert_eq!(nanoseconds(time, 4_527), "2026-02-03T08:15:42.008004527Z");
        assert_eq!(whole_seconds(time), "2026-02-03T08:15:42Z");
    }
}
