//! Schedules: cron in a time zone, safe where clocks change.
//!
//! The cron library finds times on a clock's face. What these mean where clocks change is decided here: a time that a clock
//! skips is the first moment after the gap, and of one that it shows twice only the first counts. Schedules that name no hour
//! (`*/15 * * * *`) go by elapsed time instead: they skip what does not exist and tick through both.

use croner::Cron;
use croner::parser::{CronParser, Seconds, Year};
use deskwire_core::time::Timestamp;

use crate::zone;

/// A schedule that starts a workflow.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Schedule {
    /// The cron expression: five fields, minute to day of week.
    pub cron: String,
    /// The IANA time zone it is meant in.
    pub zone: String,
    /// What becomes of ticks that nobody was there for.
    pub missed: Missed,
}

/// What becomes of ticks that passed while nothing ran.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Missed {
    /// One run, for the latest of them.
    #[default]
    Latest,
    /// None.
    Skip,
    /// One run each, the oldest first, at most [`MOST_MISSED`].
    All,
}

/// The most ticks that are made up for.
pub const MOST_MISSED: usize = 100;

/// Why a schedule cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadSchedule {
    /// The cron expression is none.
    #[error("`{0}` is no cron expression: {1}")]
    Cron(String, String),
    /// There is no such time zone.
    #[error("there is no time zone `{0}`")]
    Zone(String),
}

/// A schedule's tick.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tick {
    /// When.
    pub at: Timestamp,
    /// The same on the clock of the schedule's zone, as RFC 3339 with its offset.
    pub local: String,
}

/// The fields of an expression, and what they take.
const FIELDS: [(&str, &str); 5] = [
    ("minute", "0 to 59"),
    ("hour", "0 to 23"),
    ("day of the month", "1 to 31, or L for the last"),
    ("month", "1 to 12, or jan to dec"),
    ("day of the week", "0 to 7 (0 and 7 are Sunday), or sun to sat"),
];

impl Schedule {
    /// The next tick after a point in time; `None` where the expression names no time that ever comes.
    pub fn next_after(&self, after: Timestamp) -> Result<Option<Tick>, BadSchedule> {
        let cron = parse(&self.cron)?;
        let zone = zone::zone(&self.zone).ok_or_else(|| BadSchedule::Zone(self.zone.clone()))?;
        let Some(now) = zone::zoned(after, &zone) else { return Ok(None) };
        let next = if self.names_hours() {
            let mut shown = now.datetime();
            loop {
                let Ok(next) = cron.find_next_occurrence(&shown, false) else { return Ok(None) };
                // A clock that was set back shows times again that it has shown before.
                match zone::at(next, &zone).filter(|time| zone::timestamp(time) > after) {
                    Some(time) => break time,
                    None => shown = next,
                }
            }
        } else {
            match cron.find_next_occurrence(&now, false) {
                Ok(next) => next,
                Err(_) => return Ok(None),
            }
        };
        Ok(Some(Tick { at: zone::timestamp(&next), local: zone::rfc3339(&next) }))
    }

    /// Does it tick at certain hours, rather than in each, or in each so many?
    fn names_hours(&self) -> bool {
        self.cron.split_whitespace().nth(1).is_some_and(|hour| !hour.starts_with('*'))
    }
}

/// Reads an expression of five fields; the error names the field that is wrong.
pub(crate) fn parse(text: &str) -> Result<Cron, BadSchedule> {
    let bad = |why: String| BadSchedule::Cron(text.to_owned(), why);
    let fields: Vec<&str> = text.split_whitespace().collect();
    if fields.len() != FIELDS.len() {
        let why = format!(
            "it has {} field{}, and a cron expression has five: minute, hour, day of the month, month, day of the week",
            fields.len(),
            if fields.len() == 1 { "" } else { "s" }
        );
        return Err(bad(why));
    }
    let parser = CronParser::builder().seconds(Seconds::Disallowed).year(Year::Disallowed).build();
    parser.parse(text).map_err(|_| {
        let wrong = (0..FIELDS.len()).find(|at| {
            let alone: Vec<&str> =
                (0..FIELDS.len()).map(|place| if place == *at { fields[place] } else { "*" }).collect();
            parser.parse(&alone.join(" ")).is_err()
        });
        bad(wrong.map_or_else(
            || "its fields do not go together".to_owned(),
            |at| {
                let (name, takes) = FIELDS[at];
                format!("its {name} `{}` must be {takes}, `*`, a range `a-b`, a list `a,b` or a step `*/n`", fields[at])
            },
        ))
    })
}
