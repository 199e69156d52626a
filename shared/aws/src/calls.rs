//! What is sent to AWS: named in the log, and counted where a test wants to know.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use aws_sdk_dynamodb::config::interceptors::{
    BeforeSerializationInterceptorContextRef, BeforeTransmitInterceptorContextRef, FinalizerInterceptorContextRef,
};
use aws_sdk_dynamodb::config::{ConfigBag, Intercept, RuntimeComponents};
use aws_sdk_dynamodb::error::BoxError;

/// One request to AWS, such as `DynamoDB_20120810.GetItem`: the service's own name, and the operation.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Call(pub String);

impl Call {
    /// The operation: `GetItem`.
    pub fn operation(&self) -> &str {
        self.0.rsplit('.').next().unwrap_or_default()
    }
}

/// Sees every request before it is sent.
#[derive(Debug, Clone, Default)]
pub(crate) struct Calls(Arc<Seen>);

#[derive(Debug, Default)]
struct Seen {
    recording: AtomicBool,
    calls: Mutex<Vec<Call>>,
    spent: Mutex<Spent>,
}

/// How many calls there were, and how long at least one of them was under way.
#[derive(Debug, Default)]
struct Spent {
    calls: usize,
    under_way: usize,
    since: Option<Instant>,
    time: Duration,
}

impl Calls {
    pub(crate) fn record(&self) {
        self.0.recording.store(true, Ordering::Relaxed);
    }

    /// How many calls there were so far, and how long the process has waited for them: side by side counts once.
    pub(crate) fn spent(&self) -> (usize, Duration) {
        let spent = self.lock();
        (spent.calls, spent.time)
    }

    fn lock(&self) -> MutexGuard<'_, Spent> {
        self.0.spent.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn take(&self) -> Vec<Call> {
        std::mem::take(&mut self.0.calls.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Intercept for Calls {
    fn name(&self) -> &'static str {
        "calls"
    }

    fn read_before_execution(
        &self,
        _: &BeforeSerializationInterceptorContextRef<'_>,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let mut spent = self.lock();
        spent.calls += 1;
        spent.under_way += 1;
        spent.since.get_or_insert_with(Instant::now);
        Ok(())
    }

    fn read_after_execution(
        &self,
        _: &FinalizerInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let mut spent = self.lock();
        spent.under_way = spent.under_way.saturating_sub(1);
        if spent.under_way == 0
            && let Some(since) = spent.since.take()
        {
            spent.time += since.elapsed();
        }
        Ok(())
    }

    fn read_before_transmit(
        &self,
        context: &BeforeTransmitInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        // All three services name the operation here: they speak AWS's JSON protocol.
        let target = context.request().headers().get("x-amz-target").unwrap_or_default();
        tracing::debug!(target, "calling AWS");
        if self.0.recording.load(Ordering::Relaxed) {
            self.0.calls.lock().unwrap_or_else(PoisonError::into_inner).push(Call(target.to_owned()));
        }
        Ok(())
    }
}
