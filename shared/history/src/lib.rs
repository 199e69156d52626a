//! Reading what happened: a run's journal against the workflow version it is pinned to. Pure: callers fetch runs and texts.
//!
//! - [`why`] says in one sentence why a run is where it is.
//! - [`Shape`] knows the steps of a run's version: which action a step calls, and which steps were never reached.
//! - [`Loops`] counts the turns of loops, so that long ones can be folded.
//! - [`Plan`] is what a replay would keep and what it would call.
//! - [`NotFound`] tells somebody whose id fits nothing, or several, which of the two it is.
//! - [`unknown_steps`] are the steps that a person has to decide about.
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used))]

mod lookup;
mod loops;
mod replay;
mod shape;
mod words;

pub use lookup::{NotFound, event_not_found, run_not_found};
pub use loops::{LoopCount, Loops};
pub use replay::{Plan, refusal, refusal_of, unknown_steps};
pub use shape::Specs;
pub use shape::{Shape, Unreached, Why};
pub use words::{meaning, result_in_words, why};

#[cfg(test)]
mod tests;
