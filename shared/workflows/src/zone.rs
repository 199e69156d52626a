//! Time zones by name, and what a clock in one of them shows. With `schedule.rs` the only file that knows the calendar
//! library.

use deskwire_core::time::Timestamp;
use jiff::Zoned;
use jiff::tz::TimeZone;

use crate::workflow::NextTime;

/// The zone of this IANA name, `UTC` among them.
pub(crate) fn zone(name: &str) -> Option<TimeZone> {
    TimeZone::get(name).ok()
}

/// The names of all zones.
pub(crate) fn names() -> Vec<String> {
    jiff::tz::db().available().map(|name| name.as_str().to_owned()).collect()
}

/// What a zone's clocks are called in January and in July.
pub(crate) fn abbreviations(zone: &TimeZone) -> [String; 2] {
    [JANUARY, JULY].map(|time| zone.to_offset_info(time).abbreviation().to_owned())
}

/// How many minutes a zone's clocks are ahead of UTC in winter.
pub(crate) fn standard(zone: &TimeZone) -> i32 {
    [JANUARY, JULY].map(|time| zone.to_offset_info(time).offset().seconds() / 60).into_iter().min().unwrap_or_default()
}

/// A day in the winter, and one in the summer of the northern half, in a year whose rules hold today: 2026.
const JANUARY: jiff::Timestamp = jiff::Timestamp::constant(1_768_435_200, 0);
const JULY: jiff::Timestamp = jiff::Timestamp::constant(1_784_073_600, 0);

/// A point in time on a zone's clock.
pub(crate) fn zoned(time: Timestamp, zone: &TimeZone) -> Option<Zoned> {
    jiff::Timestamp::from_millisecond(time.as_millis()).ok().map(|time| time.to_zoned(zone.clone()))
}

/// The point in time that a clock shows.
pub(crate) fn timestamp(zoned: &Zoned) -> Timestamp {
    Timestamp::from_millis(zoned.timestamp().as_millisecond())
}

/// As RFC 3339 with the zone's offset, to the second.
pub(crate) fn rfc3339(zoned: &Zoned) -> String {
    zoned.strftime("%Y-%m-%dT%H:%M:%S%:z").to_string()
}

impl NextTime {
    /// The next time after a point in time at which the clock shows this. A time that a change of clocks leaves out is the
    /// first moment after the gap; of one that comes twice, the first. `None` where there is no such zone.
    pub fn next_after(&self, after: Timestamp) -> Option<Timestamp> {
        let zone = zone(&self.zone)?;
        let now = zoned(after, &zone)?;
        (0..=2).find_map(|days| {
            let day = now.date().checked_add(jiff::Span::new().days(days)).ok()?;
            let shown = at(day.at(self.hour, self.minute, 0, 0), &zone)?;
            Some(timestamp(&shown)).filter(|time| *time > after)
        })
    }
}

/// When a zone's clock shows this: the first of two times, and the first moment after a gap for one that does not come.
pub(crate) fn at(civil: jiff::civil::DateTime, zone: &TimeZone) -> Option<Zoned> {
    use jiff::tz::AmbiguousOffset;
    let shown = zone.to_ambiguous_zoned(civil);
    match shown.offset() {
        AmbiguousOffset::Unambiguous { .. } | AmbiguousOffset::Fold { .. } => shown.earlier().ok(),
        AmbiguousOffset::Gap { before, .. } => {
            // With the offset of before the gap, the time lies after it; the gap's end is the last change up to there.
            let past = before.to_timestamp(civil).ok()?;
            let next = past.checked_add(jiff::SignedDuration::from_secs(1)).ok()?;
            let end = zone.preceding(next).next()?.timestamp();
            Some(end.to_zoned(zone.clone()))
        }
    }
}
