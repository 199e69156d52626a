//! The engine: takes runs from the [`Work`](deskwire_core::ports::Work) port and carries them through their steps.
//!
//! - [`Engine::execute`] takes one claimed run as far as it goes: to its end, or to a wait.
//! - [`Runner`] keeps a bounded number of those going in one process.
//!
//! What is known of each step stands in the run's journal ([`journal`]). The rule that makes a crash harmless: whatever
//! was found out is durable before a call that changes something outside is made. So after a crash at most one step may
//! have been called without its answer being known, the first one without a result, and its action's effect says what to
//! do about it. Time, randomness and ports are passed in; nothing here reads a clock of its own.
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used))]

mod delivery;
mod each;
mod echo;
mod execute;
mod flow;
mod held;
mod journal;
mod personal;
mod runner;
mod step;
mod versions;
mod wait;

pub use execute::{Engine, EngineOptions, Shared, TimeLeft};
pub use runner::{Runner, RunnerOptions};
pub use versions::{VersionError, Versions};

#[cfg(test)]
mod tests;
