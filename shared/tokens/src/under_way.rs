//! What is under way in this process and must not stop with whoever asked for it: an exchange whose answer is dropped may
//! have used up a refresh token or a code for good. Callers only wait for it; a process that ends waits for all of it.

use std::collections::HashMap;
use std::future::Future;
use std::sync::{Arc, Mutex, PoisonError};

use deskwire_core::BoxFuture;
use deskwire_core::ids::ConnectionName;
use deskwire_core::token::{AccessToken, NoToken};
use futures_util::FutureExt;
use futures_util::future::Shared;
use tokio::sync::watch;
use tracing::Instrument;

/// What a renewal comes to.
pub(crate) type Answer = Result<AccessToken, NoToken>;

/// A renewal under way, and what everybody who waits for it gets.
#[derive(Clone)]
pub(crate) struct Flight {
    /// It looks for a token newer than this version.
    pub old: u64,
    /// What it comes to.
    pub answer: Shared<BoxFuture<'static, Answer>>,
}

/// The renewals under way, by connection, and a count of all tasks. Cheap to clone.
#[derive(Clone)]
pub(crate) struct UnderWay {
    flights: Arc<Mutex<HashMap<ConnectionName, Flight>>>,
    tasks: Arc<watch::Sender<usize>>,
}

impl UnderWay {
    pub(crate) fn new() -> Self {
        Self { flights: Arc::default(), tasks: Arc::new(watch::Sender::new(0)) }
    }

    /// Does the work in a task of its own, which goes on if nobody waits for it any more.
    pub(crate) fn finish<T: Send + 'static>(
        &self,
        work: impl Future<Output = T> + Send + 'static,
    ) -> BoxFuture<'static, T> {
        let counted = Counted::new(&self.tasks);
        let task = async move {
            let _counted = counted;
            work.await
        };
        let task = tokio::spawn(task.in_current_span());
        Box::pin(async move {
            match task.await {
                Ok(done) => done,
                Err(error) if error.is_panic() => std::panic::resume_unwind(error.into_panic()),
                // The runtime is ending, and whoever waits here with it.
                Err(_) => std::future::pending().await,
            }
        })
    }

    /// The renewal of a connection that is under way; `begin` makes one where there is none.
    pub(crate) fn join<F>(&self, name: &ConnectionName, old: u64, begin: impl FnOnce() -> F) -> Flight
    where
        F: Future<Output = Answer> + Send + 'static,
    {
        let mut flights = self.flights.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(flight) = flights.get(name) {
            return flight.clone();
        }
        let (landed, work) = (Landed { flights: Arc::clone(&self.flights), name: name.clone() }, begin());
        let task = self.finish(async move {
            // Out of the list before anybody hears of it: who asks after that begins a new one.
            let answer = work.await;
            drop(landed);
            answer
        });
        let flight = Flight { old, answer: task.shared() };
        flights.insert(name.clone(), flight.clone());
        flight
    }

    /// Ready when nothing is under way.
    pub(crate) async fn idle(&self) {
        // The sender is here, so the wait ends with nothing under way.
        let _ = self.tasks.subscribe().wait_for(|tasks| *tasks == 0).await;
    }
}

/// Counts a task until it is over, however it ends.
struct Counted(Arc<watch::Sender<usize>>);

impl Counted {
    fn new(tasks: &Arc<watch::Sender<usize>>) -> Self {
        tasks.send_modify(|tasks| *tasks += 1);
        Self(Arc::clone(tasks))
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.send_modify(|tasks| *tasks = tasks.saturating_sub(1));
    }
}

/// Takes a renewal off the list, however it ends.
struct Landed {
    flights: Arc<Mutex<HashMap<ConnectionName, Flight>>>,
    name: ConnectionName,
}

impl Drop for Landed {
    fn drop(&mut self) {
        self.flights.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.name);
    }
}
