//! The function that carries runs through their steps.
//!
//! `deskwire serve` keeps [`serve`] going beside the webhooks. On Lambda the queue tells of runs ([`BatchRunner`]); on the
//! embedded store a call works off whatever is due ([`handle`]).

#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used))]

mod batch;

use std::future::Future;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use deskwire_engine::{Engine, Runner, RunnerOptions};
use serde_json::{Value, json};

pub use batch::{BatchRunner, Called, LEASE, Message, UnreadableBatch};

/// How much of a call's time is kept for ending it, at most; a quarter of it where that is less.
const MARGIN: Duration = Duration::from_secs(5);

/// What a call is taken to have where its deadline says nothing.
const UNKNOWN_TIME: Duration = Duration::from_mins(1);

/// How much time a call has that is to be over at `deadline`. Lambda's lies ahead; the one that cargo-lambda 1.9 names lies
/// in 1970, and says nothing.
pub fn time_left(deadline: SystemTime, now: SystemTime) -> Duration {
    deadline.duration_since(now).unwrap_or(UNKNOWN_TIME)
}

/// Works until `stop` is ready.
pub async fn serve(engine: Arc<Engine>, options: RunnerOptions, stop: impl Future<Output = ()>) {
    Runner::new(engine, options).run(stop).await;
}

/// One call of the function: works off what is due within `time_left` and answers how many runs it took up. The answer
/// is also an SQS batch response without failures.
pub async fn handle(engine: Arc<Engine>, options: RunnerOptions, time_left: Duration) -> Value {
    let taken = Runner::new(engine, options).work_off(time_left.saturating_sub(MARGIN.min(time_left / 4))).await;
    tracing::info!(taken, "worked off what was due");
    json!({ "runs": taken, "batchItemFailures": [] })
}

#[cfg(test)]
mod tests;
