//! Loops are broken here: is an event the echo of something that a run of ours changed?
//!
//! Three things tell. A mark: an id that the event carries and that a write of ours was answered with, or that only our
//! writes set. The actor: the change was made by the user of a connection of ours, at the time of a write of ours. And the
//! hop count: how many runs of ours stand between the event and one from outside.

use std::time::Duration;

use deskwire_core::ids::RunId;
use deskwire_core::run::Run;
use deskwire_core::time::Timestamp;

use crate::delivery::CLOCK_SLACK;

/// Providers give whole seconds, and a provider's own rules may change an object once more right after us.
const SAME_TIME: Duration = Duration::from_secs(3);

/// How long after its announcement a call may still bring an echo that cannot be recognised yet.
const ANSWER_IS_DUE: Duration = Duration::from_mins(2);

/// How soon an event is looked at again that may be an echo.
const LOOK_AGAIN: Duration = Duration::from_secs(1);

/// An event of a user of ours that no write explains waits this long for one to be journaled.
const UNEXPLAINED: Duration = Duration::from_secs(4);

/// What begins an `external_id` that a connector gives to what it makes.
const OWN_MARK: &str = "deskwire-";

/// What an event turned out to be.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Echo {
    /// Something happened outside.
    Foreign,
    /// A call is under way whose echo this may be: ask again at this time.
    Later(Timestamp),
    /// The echo of a write of ours.
    Ours {
        /// By this run, if it is known.
        by: Option<RunId>,
        /// How many runs of ours stand between the event and one from outside: at least 1.
        hops: u32,
    },
}

/// Is the run's event an echo? `own_actors` are the users as which our connections write.
pub(crate) fn recognise(run: &Run, own_actors: &[String], now: Timestamp) -> Echo {
    let facts = &run.event.change;
    let own_actor = facts.actor.as_ref().is_some_and(|actor| own_actors.contains(actor));
    let mut pending = false;
    for change in &run.changes {
        let Some(written) = &change.written else {
            pending |= is_within(change.announced_at, ANSWER_IS_DUE, now);
            continue;
        };
        let marked = written.write.mark.as_ref().is_some_and(|mark| facts.marks.contains(mark));
        let same_actor = facts.actor.is_some() && facts.actor == written.write.actor;
        let same_time = facts.changed_at.is_some_and(|at| apart(at, written.write.at) <= SAME_TIME);
        if marked || (same_actor && same_time) {
            return Echo::Ours { by: Some(change.by.clone()), hops: written.hops };
        }
    }
    if pending {
        return Echo::Later(now.plus(LOOK_AGAIN));
    }
    let young = is_within(run.event.received_at, UNEXPLAINED, now);
    let ours = facts.marks.iter().any(|mark| mark.starts_with(OWN_MARK));
    match (own_actor || ours, young) {
        (true, true) => Echo::Later(now.plus(LOOK_AGAIN)),
        (_, false) if ours => Echo::Ours { by: None, hops: 1 },
        _ => Echo::Foreign,
    }
}

/// Is it less than `limit` ago? What lies in the future was told by a clock that was set back since: how long ago it is
/// cannot be told, and nothing waits until that time comes again.
fn is_within(at: Timestamp, limit: Duration, now: Timestamp) -> bool {
    at <= now.plus(CLOCK_SLACK) && now.since(at) < limit
}

fn apart(a: Timestamp, b: Timestamp) -> Duration {
    a.since(b).max(b.since(a))
}
