//! The function that makes events of schedules, and of what people start by hand.
//!
//! A tick of a schedule is an event like any other, with an id that names the workflow and the time. So a tick that two
//! processes notice, or that is noticed again after a crash, is a repeat and starts nothing. How far a schedule has come
//! is kept in the registry.
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used))]

mod manual;
#[cfg(feature = "lambda")]
mod minute;
mod schedule;

pub use manual::{BadInput, by_hand, read_inputs};
#[cfg(feature = "lambda")]
pub use minute::{Minute, Passed};
pub use schedule::{Scheduler, Ticked, tick_event};
