//! What to tell somebody whose id fits nothing, or several: two different things, with what to do about each.

use std::fmt;

use deskwire_core::ports::{History, SHORTEST_BEGINNING, StoreResult};

/// How many are named where several fit.
const NAMED: usize = 3;

/// Why an id led to no run or event. Its words are one sentence without a full stop.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NotFound {
    /// There is none.
    NoRun(String),
    /// Too little of an id to tell runs apart by.
    TooShort(String),
    /// Several runs begin so; these are some of them, the newest first.
    SeveralRuns(String, Vec<String>),
    /// There is no such event.
    NoEvent(String),
    /// Several sources have an event of this id: `source/id` of each.
    SeveralEvents(String, Vec<String>),
}

impl NotFound {
    /// Is it that several fit?
    pub const fn is_ambiguous(&self) -> bool {
        matches!(self, Self::SeveralRuns(..) | Self::SeveralEvents(..) | Self::TooShort(_))
    }
}

/// Why [`History::run`] found no run by this.
pub async fn run_not_found(history: &dyn History, reference: &str) -> StoreResult<NotFound> {
    let given = reference.to_owned();
    if reference.len() < SHORTEST_BEGINNING {
        return Ok(NotFound::TooShort(given));
    }
    let alike = history.runs_beginning(reference, NAMED + 1).await?;
    Ok(match alike.len() {
        // One that came to be between the two looks is a run that was not there.
        0 | 1 => NotFound::NoRun(given),
        _ => NotFound::SeveralRuns(given, alike.iter().map(ToString::to_string).collect()),
    })
}

/// Why [`History::event`] found no event by this.
pub async fn event_not_found(history: &dyn History, reference: &str) -> StoreResult<NotFound> {
    let given = reference.to_owned();
    let alike = history.events_called(reference, NAMED + 1).await?;
    Ok(if alike.len() < 2 { NotFound::NoEvent(given) } else { NotFound::SeveralEvents(given, alike) })
}

impl fmt::Display for NotFound {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoRun(given) => write!(f, "there is no run `{given}`, and none whose id begins so"),
            Self::TooShort(given) => write!(
                f,
                "`{given}` is too short to tell runs apart: give at least {SHORTEST_BEGINNING} characters of the id"
            ),
            Self::SeveralRuns(given, alike) => {
                write!(f, "more than one run begins with `{given}`: {}; give more of the id", some(alike))
            }
            Self::NoEvent(given) if given.starts_with("run_") => {
                write!(f, "there is no event `{given}`: that is the id of a run, which `deskwire runs show` shows")
            }
            Self::NoEvent(given) => write!(f, "there is no event `{given}`"),
            Self::SeveralEvents(given, alike) => write!(
                f,
                "more than one source has an event `{given}`: {}; give the source, too, as in `{}`",
                some(alike),
                alike.first().map_or("", String::as_str)
            ),
        }
    }
}

fn some(alike: &[String]) -> String {
    let more = if alike.len() > NAMED { ", …" } else { "" };
    format!("{}{more}", alike.iter().take(NAMED).map(String::as_str).collect::<Vec<_>>().join(", "))
}
