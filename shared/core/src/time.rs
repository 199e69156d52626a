//! Points in time, and the clock that is passed in.

use std::fmt;
use std::time::Duration;

use jiff::SignedDuration;
use jiff::civil::DateTime;
use jiff::fmt::temporal::Pieces;
use jiff::tz::Offset;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A point in time in UTC, in whole milliseconds since 1970. Shown and stored in JSON as RFC 3339, which has four digits for
/// the year: no value lies before the year 0 or after the year 9999, so whatever is computed can be written and read again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Timestamp(i64);

/// A text that is not a point in time.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadTimestamp {
    /// It is no time at all, or its year, month or day does not exist.
    #[error("{0:?} is not a time such as 2026-02-03T08:15:42Z")]
    NoTime(String),
    /// It is a time after the year 9999, which RFC 3339 cannot write.
    #[error("{0:?} is too far away: 9999-12-31T23:59:59Z is the last time there is")]
    TooFar(String),
}

/// Would it be a time if its year had four digits?
fn is_beyond(text: &str) -> bool {
    let text = text.trim_start_matches('+');
    let year = text.len() - text.trim_start_matches(|c: char| c.is_ascii_digit()).len();
    let rest = &text[year..];
    year > 4 && rest.starts_with('-') && Pieces::parse(&format!("2000{rest}")).is_ok()
}

/// 0000-01-01T00:00:00Z.
const FIRST: Timestamp = Timestamp(-62_167_219_200_000);

/// 9999-12-31T23:59:59.999Z.
const LAST: Timestamp = Timestamp(253_402_300_799_999);

impl Timestamp {
    /// From milliseconds since 1970-01-01T00:00:00Z; the first or last time there is where that lies beyond it.
    pub const fn from_millis(millis: i64) -> Self {
        if millis < FIRST.0 {
            FIRST
        } else if millis > LAST.0 {
            LAST
        } else {
            Self(millis)
        }
    }

    /// Is it the last time there is? What is counted up to there has no known end.
    pub const fn is_last(self) -> bool {
        self.0 == LAST.0
    }

    /// Milliseconds since 1970-01-01T00:00:00Z.
    pub const fn as_millis(self) -> i64 {
        self.0
    }

    /// Reads RFC 3339 text with any number of fraction digits; what lies below a millisecond is cut off.
    pub fn parse(text: &str) -> Result<Self, BadTimestamp> {
        Self::read(text, None)
    }

    /// Reads the same, and text that names no zone, which is taken for UTC: `2019-06-26 13:28:11`.
    pub fn parse_as_utc(text: &str) -> Result<Self, BadTimestamp> {
        Self::read(text, Some(Offset::UTC))
    }

    /// Date and time are put together here, since the library's own point in time ends a day and two hours before the year does.
    fn read(text: &str, usual: Option<Offset>) -> Result<Self, BadTimestamp> {
        let bad = || BadTimestamp::NoTime(text.to_owned());
        let far = || BadTimestamp::TooFar(text.to_owned());
        let pieces = Pieces::parse(text).map_err(|_| if is_beyond(text) { far() } else { bad() })?;
        let (time, offset) = (pieces.time().ok_or_else(bad)?, pieces.to_numeric_offset().or(usual).ok_or_else(bad)?);
        let local =
            DateTime::from_parts(pieces.date(), time).duration_since(DateTime::constant(1970, 1, 1, 0, 0, 0, 0));
        let since_1970 = local.saturating_sub(SignedDuration::from_secs(offset.seconds().into()));
        let millis = i64::try_from(since_1970.as_millis()).map_err(|_| far())?;
        match millis {
            millis if millis < FIRST.0 => Err(bad()),
            millis if millis > LAST.0 => Err(far()),
            millis => Ok(Self(millis)),
        }
    }

    /// Reads whole seconds since 1970, as Slack sends them.
    pub fn parse_unix_seconds(text: &str) -> Result<Self, BadTimestamp> {
        let bad = || BadTimestamp::NoTime(text.to_owned());
        if text.is_empty() || !text.bytes().all(|b| b.is_ascii_digit()) {
            return Err(bad());
        }
        let far = || BadTimestamp::TooFar(text.to_owned());
        let millis = text.parse::<i64>().ok().and_then(|seconds| seconds.checked_mul(1000)).ok_or_else(far)?;
        if millis > LAST.0 { Err(far()) } else { Ok(Self(millis)) }
    }

    /// Whole seconds since 1970, rounded down.
    pub const fn as_unix_seconds(self) -> i64 {
        self.0.div_euclid(1000)
    }

    /// This time and `duration`; the last time there is where it would lie beyond that.
    #[must_use]
    pub fn plus(self, duration: Duration) -> Self {
        Self::from_millis(self.0.saturating_add(i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)))
    }

    /// This time less `duration`; the first time there is where it would lie before that.
    #[must_use]
    pub fn minus(self, duration: Duration) -> Self {
        Self::from_millis(self.0.saturating_sub(i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)))
    }

    /// How long after `earlier` this is; zero when it is not after it.
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_millis(u64::try_from(self.0.saturating_sub(earlier.0)).unwrap_or(0))
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let start = DateTime::constant(1970, 1, 1, 0, 0, 0, 0);
        match start.checked_add(SignedDuration::from_millis(self.0)) {
            Ok(time) => write!(f, "{time:.3}Z"),
            Err(_) => write!(f, "{} ms", self.0),
        }
    }
}

impl Serialize for Timestamp {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Timestamp {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        Self::parse(&text).map_err(serde::de::Error::custom)
    }
}

/// Tells the time. Injected wherever time is asked for, so that tests run in virtual time.
pub trait Clock: Send + Sync {
    /// The time now.
    fn now(&self) -> Timestamp;
}

/// The system's clock.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        let since_1970 = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
        Timestamp::from_millis(i64::try_from(since_1970.as_millis()).unwrap_or(i64::MAX))
    }
}

/// A clock that always tells the same time; for tests of plain functions.
#[derive(Debug, Clone, Copy)]
pub struct FixedClock(pub Timestamp);

impl Clock for FixedClock {
    fn now(&self) -> Timestamp {
        self.0
    }
}

/// A text that is not a duration.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BadDuration {
    /// It is none at all.
    #[error("write a whole number and a unit: 250ms, 30s, 5m, 2h, 7d")]
    NoDuration,
    /// It is longer than time is counted: more than 10,000 years.
    #[error("that is too long: more than 10,000 years")]
    TooLong,
}

/// A duration as people write and read it: `250ms`, `30s`, `5m`, `2h`, `7d`.
pub fn read_duration(text: &str) -> Result<Duration, BadDuration> {
    let text = text.trim();
    let digits = text.len() - text.trim_start_matches(|c: char| c.is_ascii_digit()).len();
    let millis: u64 = match text[digits..].trim_start() {
        "ms" => 1,
        "s" => 1_000,
        "m" | "min" => 60_000,
        "h" => 3_600_000,
        "d" => 86_400_000,
        _ => return Err(BadDuration::NoDuration),
    };
    if digits == 0 {
        return Err(BadDuration::NoDuration);
    }
    let count: Option<u64> = text[..digits].parse().ok();
    let duration = count.and_then(|count| count.checked_mul(millis)).map(Duration::from_millis);
    duration.filter(|duration| *duration <= LONGEST).ok_or(BadDuration::TooLong)
}

/// 10,000 years.
const LONGEST: Duration = Duration::from_hours(10_000 * 365 * 24);

/// [`read_duration`] where it does not matter what is wrong.
pub fn parse_duration(text: &str) -> Option<Duration> {
    read_duration(text).ok()
}

/// Writes a duration the way [`parse_duration`] reads it, in its largest whole unit.
pub fn show_duration(duration: Duration) -> String {
    let millis = duration.as_millis();
    for (unit, size) in [("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1_000)] {
        if millis >= size && millis.is_multiple_of(size) {
            return format!("{}{unit}", millis / size);
        }
    }
    if millis >= 1_000 { format!("{:.1}s", duration.as_secs_f64()) } else { format!("{millis}ms") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nanosecond_fractions_are_cut_to_milliseconds() {
        let time = Timestamp::parse("2026-02-03T08:15:42.318904527Z").unwrap();
        assert_eq!(time.to_string(), "2026-02-03T08:15:42.318Z");
    }

    #[test]
    fn the_last_second_of_the_year_9999_is_a_time_and_the_next_is_too_far_away() {
        for text in [
            "9999-12-31T00:00:00.000Z",
            "9999-12-30T22:00:01.000Z",
            "9999-12-31T23:59:59.000Z",
            "9999-12-31T23:59:59.999Z",
            "0000-01-01T00:00:00.000Z",
            "1969-12-31T23:59:59.999Z",
        ] {
            let time = Timestamp::parse(text).unwrap();
            assert_eq!(time.to_string(), text);
            assert_eq!(serde_json::to_value(time).unwrap(), text);
        }
        assert_eq!(Timestamp::parse("9999-12-31T23:59:59.999999999Z"), Ok(LAST));
        assert_eq!(Timestamp::parse("9999-12-31T23:59:59+23:00").unwrap().to_string(), "9999-12-31T00:59:59.000Z");
        for text in [
            "10000-01-01T00:00:00Z",
            "+010000-01-01T00:00:00Z",
            "12026-02-03T08:15:42.5+01:00",
            "99999999999-12-31T23:59:59Z",
            "9999-12-31T23:59:59-00:01",
        ] {
            let bad = Timestamp::parse(text).unwrap_err();
            assert_eq!(bad, BadTimestamp::TooFar(text.to_owned()));
            assert!(bad.to_string().contains("too far away"), "{bad}");
        }
        for text in
            ["9999-12-32T00:00:00Z", "10000-13-01T00:00:00Z", "10000", "soon", "", "2026-02-03", "2026-02-29T00:00:00Z"]
        {
            assert_eq!(Timestamp::parse(text), Err(BadTimestamp::NoTime(text.to_owned())));
        }
    }

    #[test]
    fn every_time_that_can_be_computed_is_read_back_as_it_was_written() {
        let now = Timestamp::parse("2026-12-01T03:00:00Z").unwrap();
        for far in [
            now.plus(Duration::MAX),
            now.plus(Duration::from_secs(9_223_372_036_854_775)),
            Timestamp::from_millis(i64::MAX),
            Timestamp::from_millis(i64::MAX).plus(Duration::from_millis(1)),
            Timestamp::parse("9999-12-31T23:59:59.999Z").unwrap().plus(Duration::from_hours(1)),
        ] {
            assert_eq!(far.to_string(), "9999-12-31T23:59:59.999Z");
            assert!(far.is_last());
        }
        for early in [now.minus(Duration::MAX), Timestamp::from_millis(i64::MIN)] {
            assert_eq!(early.to_string(), "0000-01-01T00:00:00.000Z");
        }
        let known = [i64::MIN, -62_167_219_200_001, -1, 0, 1, 253_402_207_200_000, 253_402_300_800_000, i64::MAX];
        for time in known.map(Timestamp::from_millis) {
            let written = serde_json::to_string(&time).unwrap();
            assert_eq!(crate::json::from_str::<Timestamp>(&written).unwrap(), time, "{written}");
        }
    }

    #[test]
    fn a_time_without_a_zone_is_one_only_where_utc_is_meant() {
        let expected = Timestamp::parse("2019-06-26T13:28:11Z").unwrap();
        for text in [
            "2019-06-26 13:28:11",
            "2019-06-26T13:28:11",
            "2019-06-26 13:28:11Z",
            "2019-06-26T13:28:11Z",
            "2019-06-26T13:28:11.000Z",
            "2019-06-26T15:28:11+02:00",
        ] {
            assert_eq!(Timestamp::parse_as_utc(text), Ok(expected), "{text}");
        }
        assert!(Timestamp::parse("2019-06-26T13:28:11").is_err());
        assert!(Timestamp::parse_as_utc("2019-06-26").is_err());
    }

    #[test]
    fn unix_seconds_take_digits_only() {
        assert_eq!(Timestamp::parse_unix_seconds("1531420618").unwrap().as_unix_seconds(), 1_531_420_618);
        for bad in ["", "-1", "+1", "1.5", "1e9", "99999999999999999999", "253402300800", " 1"] {
            assert!(Timestamp::parse_unix_seconds(bad).is_err(), "{bad:?}");
        }
        assert!(Timestamp::parse_unix_seconds("253402300800").unwrap_err().to_string().contains("too far away"));
    }

    #[test]
    fn durations_are_read_as_they_are_written() {
        for (text, millis) in [("250ms", 250), ("30s", 30_000), ("5m", 300_000), ("2h", 7_200_000), ("7d", 604_800_000)]
        {
            let duration = parse_duration(text).unwrap();
            assert_eq!(duration.as_millis(), millis);
            assert_eq!(show_duration(duration), text);
        }
        for bad in ["", "5", "m", "-1s", "5 weeks", "99999999999999999999s"] {
            assert!(parse_duration(bad).is_none(), "{bad:?}");
        }
        for long in ["300000000h", "99999999999999999999s", "18446744073709551615d", "3650001d"] {
            assert_eq!(read_duration(long), Err(BadDuration::TooLong), "{long}");
        }
        assert_eq!(read_duration("99999999999999999999"), Err(BadDuration::NoDuration));
    }
}
