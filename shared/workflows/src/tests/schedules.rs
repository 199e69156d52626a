//! When schedules tick, above all where clocks change. The dates are those of 2026: Berlin springs forward on 29 March at
//! 02:00 and falls back on 25 October at 03:00, New York on 8 March at 02:00 and on 1 November at 02:00.

use deskwire_core::time::Timestamp;
use proptest::prelude::*;

use crate::{BadSchedule, Missed, NextTime, Schedule};

fn schedule(cron: &str, zone: &str) -> Schedule {
    Schedule { cron: cron.to_owned(), zone: zone.to_owned(), missed: Missed::Latest }
}

fn time(text: &str) -> Timestamp {
    Timestamp::parse(text).unwrap()
}

/// The local times of the next ticks.
fn ticks(cron: &str, zone: &str, after: &str, count: usize) -> Vec<String> {
    let schedule = schedule(cron, zone);
    let mut at = time(after);
    let mut found = Vec::new();
    while found.len() < count {
        let tick = schedule.next_after(at).unwrap().unwrap();
        assert_eq!(time(&tick.local), tick.at, "{}", tick.local);
        at = tick.at;
        found.push(tick.local);
    }
    found
}

#[test]
fn a_tick_that_the_clock_skips_comes_once_at_the_end_of_the_gap() {
    assert_eq!(
        ticks("30 2 * * *", "Europe/Berlin", "2026-03-27T12:00:00Z", 3),
        ["2026-03-28T02:30:00+01:00", "2026-03-29T03:00:00+02:00", "2026-03-30T02:30:00+02:00"]
    );
    assert_eq!(
        ticks("15,45 2 * * *", "America/New_York", "2026-03-07T12:00:00Z", 3),
        ["2026-03-08T03:00:00-04:00", "2026-03-09T02:15:00-04:00", "2026-03-09T02:45:00-04:00"]
    );
    assert_eq!(
        ticks("0 2,3 * * *", "Europe/Berlin", "2026-03-28T12:00:00Z", 2),
        ["2026-03-29T03:00:00+02:00", "2026-03-30T02:00:00+02:00"]
    );
}

#[test]
fn a_tick_that_the_clock_shows_twice_comes_once() {
    assert_eq!(
        ticks("30 2 * * *", "Europe/Berlin", "2026-10-24T12:00:00Z", 2),
        ["2026-10-25T02:30:00+02:00", "2026-10-26T02:30:00+01:00"]
    );
    assert_eq!(
        ticks("0,30 1 * * *", "America/New_York", "2026-10-31T12:00:00Z", 3),
        ["2026-11-01T01:00:00-04:00", "2026-11-01T01:30:00-04:00", "2026-11-02T01:00:00-05:00"]
    );
    // Asked from within the second passage of the hour.
    assert_eq!(ticks("30 2 * * *", "Europe/Berlin", "2026-10-25T01:10:00Z", 1), ["2026-10-26T02:30:00+01:00"]);
}

#[test]
fn a_schedule_without_hours_goes_by_elapsed_time() {
    assert_eq!(
        ticks("0 * * * *", "Europe/Berlin", "2026-10-24T23:30:00Z", 4),
        [
            "2026-10-25T02:00:00+02:00",
            "2026-10-25T02:00:00+01:00",
            "2026-10-25T03:00:00+01:00",
            "2026-10-25T04:00:00+01:00"
        ]
    );
    assert_eq!(
        ticks("*/30 * * * *", "America/New_York", "2026-03-08T06:20:00Z", 3),
        ["2026-03-08T01:30:00-05:00", "2026-03-08T03:00:00-04:00", "2026-03-08T03:30:00-04:00"]
    );
}

#[test]
fn words_and_ranges_are_understood() {
    assert_eq!(
        ticks("0 9 * * mon-fri", "UTC", "2026-11-20T10:00:00Z", 2),
        ["2026-11-23T09:00:00+00:00", "2026-11-24T09:00:00+00:00"]
    );
    assert_eq!(ticks("0 0 L feb *", "UTC", "2026-01-01T00:00:00Z", 1), ["2026-02-28T00:00:00+00:00"]);
    assert_eq!(ticks("0 0 29 2 *", "UTC", "2026-01-01T00:00:00Z", 1), ["2028-02-29T00:00:00+00:00"]);
}

#[test]
fn what_is_wrong_with_an_expression_is_named() {
    for (cron, why) in [
        ("0 9 * *", "it has 4 fields"),
        ("@daily", "it has 1 field,"),
        ("0 9 * * * *", "it has 6 fields"),
        ("60 9 * * *", "its minute `60` must be 0 to 59"),
        ("0 24 * * *", "its hour `24` must be 0 to 23"),
        ("0 9 32 * *", "its day of the month `32` must be 1 to 31"),
        ("0 9 * foo *", "its month `foo` must be 1 to 12"),
        ("0 9 * * x", "its day of the week `x` must be 0 to 7"),
    ] {
        let bad = schedule(cron, "UTC").next_after(Timestamp::default()).unwrap_err();
        assert!(bad.to_string().contains(why), "{bad}");
    }
    let bad = schedule("0 9 * * *", "Europe/Berln").next_after(Timestamp::default());
    assert_eq!(bad, Err(BadSchedule::Zone("Europe/Berln".to_owned())));
}

#[test]
fn a_day_that_does_not_exist_never_comes() {
    assert_eq!(schedule("0 0 31 2 *", "Europe/Berlin").next_after(time("2026-01-01T00:00:00Z")), Ok(None));
}

#[test]
fn the_next_time_of_a_clock_lies_ahead_and_shows_what_was_asked() {
    let nine = NextTime { hour: 9, minute: 0, zone: "Europe/Berlin".to_owned() };
    assert_eq!(nine.next_after(time("2026-11-23T07:59:59Z")), Some(time("2026-11-23T08:00:00Z")));
    assert_eq!(nine.next_after(time("2026-11-23T08:00:00Z")), Some(time("2026-11-24T08:00:00Z")));
    let skipped = NextTime { hour: 2, minute: 30, ..nine.clone() };
    assert_eq!(skipped.next_after(time("2026-03-28T12:00:00Z")), Some(time("2026-03-29T01:00:00Z")));
    let twice = NextTime { hour: 2, minute: 30, ..nine };
    assert_eq!(twice.next_after(time("2026-10-24T12:00:00Z")), Some(time("2026-10-25T00:30:00Z")));
    assert_eq!(twice.next_after(time("2026-10-25T00:30:00Z")), Some(time("2026-10-26T01:30:00Z")));
    assert_eq!(NextTime { zone: "Nowhere".to_owned(), ..twice }.next_after(Timestamp::default()), None);
}

proptest! {
    #[test]
    fn ticks_strictly_increase_and_none_is_passed_over(
        minute in prop_oneof![Just("*/7".to_owned()), (0..60u8).prop_map(|m| m.to_string())],
        hour in prop_oneof![Just("*".to_owned()), Just("*/2".to_owned()), (0..4u8).prop_map(|h| h.to_string())],
        zone in prop_oneof![Just("Europe/Berlin"), Just("America/New_York"), Just("Australia/Lord_Howe"), Just("Asia/Kathmandu")],
        start in 1_767_225_600_i64..1_798_761_600,
    ) {
        let schedule = schedule(&format!("{minute} {hour} * * *"), zone);
        let start = Timestamp::from_millis(start * 1000);
        let first = schedule.next_after(start).unwrap().unwrap();
        let second = schedule.next_after(first.at).unwrap().unwrap();
        prop_assert!(start < first.at && first.at < second.at);
        prop_assert_eq!(Timestamp::parse(&first.local).unwrap(), first.at);
        // Asked again from anywhere before it, the first tick is the same.
        let between = Timestamp::from_millis(i64::midpoint(start.as_millis(), first.at.as_millis()));
        let again = schedule.next_after(between.min(Timestamp::from_millis(first.at.as_millis() - 1))).unwrap().unwrap();
        prop_assert_eq!(again, first);
    }
}
