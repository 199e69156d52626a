//! What is done every minute on Lambda: ticks of schedules, and whatever the embedded store does by itself there.

use deskwire_core::ports::{History, StoreResult};
use deskwire_startup::Function;
use serde::Serialize;

use crate::Scheduler;

/// So many runs the queue is reminded of at once, at most.
const MOST_REMINDED: usize = 500;

/// So many old events are removed at once, at most, and how often: once in so many minutes.
const MOST_REMOVED: usize = 2_000;
const REMOVING: i64 = 5;

/// One call of the function.
pub struct Minute<'a> {
    /// What it works with.
    pub function: &'a Function,
    /// Where the queue puts messages that it has given up.
    pub dead_letters: Option<&'a str>,
}

/// What one call came to.
#[derive(Debug, Default, Serialize)]
pub struct Passed {
    /// Ticks of schedules that became events.
    pub started: usize,
    /// Runs that the queue was reminded of.
    pub reminded: usize,
    /// Runs that the queue had given up and that are dead letters now.
    pub buried: usize,
    /// Old events that are gone.
    pub removed: usize,
}

impl Minute<'_> {
    /// Does what is to be done now. What fails does not keep the rest from being done; the first failure is the answer.
    pub async fn pass(&self) -> StoreResult<Passed> {
        let (start, now) = (&self.function.deskwire, self.function.deskwire.clock.now());
        let scheduler = Scheduler {
            inbox: start.store.clone(),
            registry: start.store.clone(),
            random: std::sync::Arc::clone(&start.random),
        };
        let mut passed = Passed::default();
        let ticked = scheduler.tick(&start.workflows(), now).await;
        let mut failures = Vec::new();
        match ticked {
            Ok(ticked) => passed.started = ticked.started,
            Err(error) => failures.push(error),
        }
        if let Some(aws) = &self.function.aws {
            match aws.remind(now, MOST_REMINDED).await {
                Ok(reminded) => passed.reminded = reminded,
                Err(error) => failures.push(error),
            }
            if let Some(url) = self.dead_letters {
                match aws.bury_dead_letters(url, now).await {
                    Ok(buried) => passed.buried = buried,
                    Err(error) => failures.push(error),
                }
            }
            if now.as_unix_seconds() / 60 % REMOVING == 0 {
                match aws.purge(now.minus(start.project().retention), MOST_REMOVED).await {
                    Ok(removed) => passed.removed = removed,
                    Err(error) => failures.push(error),
                }
            }
        }
        for error in &failures {
            tracing::error!(%error, "a part of this minute's work failed; the next minute does it");
        }
        tracing::info!(passed.started, passed.reminded, passed.buried, passed.removed, "a minute's work is done");
        failures.into_iter().next().map_or(Ok(passed), Err)
    }
}
