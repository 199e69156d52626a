//! The parts of a server that work beside its routes, and how they fare. None of them ever ends by itself: one that does,
//! because it panicked, is started again, and `/readyz` says so until it has run well for a while.

use std::collections::BTreeSet;
use std::panic::AssertUnwindSafe;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures_util::FutureExt;
use tokio::sync::watch;

/// A part's work.
pub(crate) type Job = Pin<Box<dyn Future<Output = ()> + Send>>;

/// How long a part that has ended rests before it is started again: at first, and at most.
const FIRST_REST: Duration = Duration::from_secs(1);
const LONGEST_REST: Duration = Duration::from_mins(1);

/// After so long without an end, a part that was started again counts as well.
const STEADY: Duration = Duration::from_mins(1);

/// Which parts have ended and are not known to be well again.
#[derive(Debug, Default)]
pub(crate) struct Health(Mutex<BTreeSet<&'static str>>);

impl Health {
    fn ailing(&self) -> std::sync::MutexGuard<'_, BTreeSet<&'static str>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// One sentence about what is not well, if anything.
    pub(crate) fn complaint(&self) -> Option<String> {
        let ailing: Vec<_> = self.ailing().iter().copied().collect();
        (!ailing.is_empty()).then(|| {
            format!("What {} has stopped and is being started again; the log says why", ailing.join(", and what "))
        })
    }
}

/// Keeps a part going until the process stops; `does` says what it does, for messages: "keeps schedules". `ends_itself` is for
/// work that watches for the stop and brings itself to an end then.
pub(crate) fn keep(
    does: &'static str,
    ends_itself: bool,
    health: &Arc<Health>,
    stopping: &watch::Receiver<bool>,
    work: impl Fn() -> Job + Send + 'static,
) -> tokio::task::JoinHandle<()> {
    let (health, mut stopping) = (Arc::clone(health), stopping.clone());
    tokio::spawn(async move {
        let mut rest = FIRST_REST;
        loop {
            let running = AssertUnwindSafe(work()).catch_unwind();
            tokio::pin!(running);
            let mut steady = false;
            let ended = loop {
                tokio::select! {
                    ended = &mut running => break ended,
                    _ = stopping.wait_for(|stop| *stop), if !ends_itself => return,
                    () = tokio::time::sleep(STEADY), if !steady => {
                        steady = true;
                        rest = FIRST_REST;
                        health.ailing().remove(does);
                    }
                }
            };
            if ended.is_ok() && *stopping.borrow() {
                return;
            }
            health.ailing().insert(does);
            let seconds = rest.as_secs();
            tracing::error!(panicked = ended.is_err(), "what {does} has stopped; it is started again in {seconds} s");
            tokio::select! {
                _ = stopping.wait_for(|stop| *stop) => return,
                () = tokio::time::sleep(rest) => {}
            }
            rest = (rest * 2).min(LONGEST_REST);
        }
    })
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    struct World {
        health: Arc<Health>,
        begun: Arc<AtomicUsize>,
        stop: watch::Sender<bool>,
        kept: tokio::task::JoinHandle<()>,
    }

    /// A job that panics as often as this, and then goes on for ever.
    fn panicking(times: usize) -> World {
        let (health, begun) = (Arc::new(Health::default()), Arc::new(AtomicUsize::new(0)));
        let (stop, stopping) = watch::channel(false);
        let count = Arc::clone(&begun);
        let kept = keep("keeps schedules", false, &health, &stopping, move || {
            let count = Arc::clone(&count);
            Box::pin(async move {
                assert!(count.fetch_add(1, Ordering::SeqCst) >= times, "a fault of ours");
                std::future::pending::<()>().await;
            })
        });
        World { health, begun, stop, kept }
    }

    #[tokio::test(start_paused = true)]
    async fn a_part_that_panics_is_started_again_and_is_complained_of_until_it_has_run_well_for_a_minute() {
        let world = panicking(2);
        tokio::time::sleep(Duration::from_millis(100)).await;
        let complaint = world.health.complaint().unwrap();
        assert!(complaint.contains("keeps schedules") && complaint.contains("started again"), "{complaint}");
        tokio::time::sleep(Duration::from_secs(10)).await;
        assert_eq!(world.begun.load(Ordering::SeqCst), 3);
        assert!(world.health.complaint().is_some());
        tokio::time::sleep(STEADY).await;
        assert_eq!(world.health.complaint(), None);
    }

    #[tokio::test(start_paused = true)]
    async fn a_part_that_panics_every_time_rests_longer_and_longer_and_stays_complained_of() {
        let world = panicking(usize::MAX);
        tokio::time::sleep(Duration::from_mins(10)).await;
        let begun = world.begun.load(Ordering::SeqCst);
        assert!((10..20).contains(&begun), "{begun}");
        assert!(world.health.complaint().is_some());
        world.stop.send(true).unwrap();
        world.kept.await.unwrap();
    }

    #[tokio::test(start_paused = true)]
    async fn a_part_that_just_ends_is_a_dead_part_too_save_at_the_stop() {
        let health = Arc::new(Health::default());
        let (stop, stopping) = watch::channel(false);
        let told = stopping.clone();
        let kept = keep("carries out runs", true, &health, &stopping, move || {
            let mut told = told.clone();
            Box::pin(async move {
                let _ = tokio::time::timeout(Duration::from_secs(5), told.wait_for(|stop| *stop)).await;
            })
        });
        tokio::time::sleep(Duration::from_secs(6)).await;
        assert!(health.complaint().is_some());
        tokio::time::sleep(Duration::from_secs(1)).await;
        stop.send(true).unwrap();
        kept.await.unwrap();
    }
}
