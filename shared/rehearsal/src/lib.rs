//! Workflows tried before they are switched on: on one event ([`Trial`]), or on all that came lately, beside the version that
//! is in force ([`rehearse()`]).
//!
//! A trial runs the real engine on a run of its own that no store keeps. Time is virtual: it begins when the event came, and
//! jumps over waits. Calls that read are answered by what earlier runs on the event were answered ([`Recordings`]), or by
//! whoever the caller names; calls that write are noted, not made, unless the caller says so.
//!
//! What it leaves out: lanes, `skip_stale` and the recognition of our own writes. Each event is tried by itself.
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used))]

mod answers;
mod compare;
mod recordings;
mod rehearse;
mod sample;
mod scratch;
mod trial;

pub use answers::{Answered, Through};
pub use compare::{Changed, Difference, Field, compare};
pub use recordings::{BadRecordings, Recordings};
pub use rehearse::{Asked, Found, Rehearsal, rehearse};
pub use trial::{Later, Outcome, PlannedCall, Trial, verdict};

#[cfg(test)]
mod tests;
