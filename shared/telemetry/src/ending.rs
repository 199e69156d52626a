//! The end of a function's process.

use std::future::Future;
use std::time::Duration;

use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::Mutex;

/// Whoever ends a process kills it soon after it was told: Lambda after 2 s at most
/// (<https://docs.aws.amazon.com/lambda/latest/dg/lambda-runtime-environment.html#runtimes-lifecycle-shutdown>).
const GRACE: Duration = Duration::from_millis(1_500);

/// Ready when the process is told to end (SIGTERM).
pub async fn terminated() {
    match signal(SignalKind::terminate()) {
        Ok(mut told) => {
            told.recv().await;
        }
        // Then it ends without being asked.
        Err(_) => std::future::pending().await,
    }
}

/// The same, once `done` is ready; after 1.5 s at the latest.
pub async fn terminated_and_done(done: impl Future) {
    terminated().await;
    let _ = tokio::time::timeout(GRACE, done).await;
}

/// The same, once whoever holds `busy` is done; after 1.5 s at the latest.
pub async fn terminated_and_idle(busy: &Mutex<()>) {
    terminated_and_done(busy.lock()).await;
}
