//! A file that another process has: one wait for the whole batch, and a bound on what waits.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::channel;

use super::*;
use crate::sqlite::writer::{MOST_WAITING, Patience};

/// Counts how often a batch has waited, and does something each time.
struct Counting<F> {
    batches: Arc<AtomicUsize>,
    waits: Arc<AtomicUsize>,
    on_wait: F,
}

impl<F: FnMut(usize) -> bool + Send> Patience for Counting<F> {
    fn begin(&mut self) {
        self.batches.fetch_add(1, Ordering::SeqCst);
    }

    fn wait(&mut self) -> bool {
        (self.on_wait)(self.waits.fetch_add(1, Ordering::SeqCst) + 1)
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_batch_that_meets_a_busy_file_waits_once_and_then_all_of_it_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let (batches, waits) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let counting = Counting {
        batches: Arc::clone(&batches),
        waits: Arc::clone(&waits),
        on_wait: |wait: usize| !wait.is_multiple_of(3),
    };
    let store = SqliteStore::open_with(folder.path(), None, Box::new(counting)).unwrap();
    let other = Connection::open(folder.path().join("deskwire.db")).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    let accepts: Vec<_> = (0..200)
        .map(|number| {
            let store = store.clone();
            tokio::spawn(async move { store.accept(arrival(number)).await })
        })
        .collect();
    for accept in accepts {
        let answer = accept.await.unwrap();
        assert!(
            matches!(&answer, Err(StoreError::Unavailable { reason }) if reason.contains("nothing was written")),
            "{answer:?}"
        );
    }
    let (batches, waits) = (batches.load(Ordering::SeqCst), waits.load(Ordering::SeqCst));
    assert_eq!(waits, batches * 3, "each batch waits as a batch, not once for each of its jobs");
    other.execute_batch("ROLLBACK").unwrap();
    assert!(store.accept(arrival(1)).await.is_ok());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_batch_goes_through_whole_when_the_file_is_free_again() {
    let folder = tempfile::tempdir().unwrap();
    let other = Arc::new(Mutex::new(None));
    let theirs = Arc::clone(&other);
    let counting = Counting {
        batches: Arc::default(),
        waits: Arc::default(),
        on_wait: move |wait: usize| {
            if wait == 2 {
                // The other process is done: its connection is closed, and its transaction rolled back.
                theirs.lock().unwrap().take();
            }
            true
        },
    };
    let store = SqliteStore::open_with(folder.path(), None, Box::new(counting)).unwrap();
    let connection = Connection::open(folder.path().join("deskwire.db")).unwrap();
    connection.execute_batch("BEGIN IMMEDIATE").unwrap();
    *other.lock().unwrap() = Some(connection);
    let accepts: Vec<_> = (0..100)
        .map(|number| {
            let store = store.clone();
            tokio::spawn(async move { store.accept(arrival(number)).await })
        })
        .collect();
    for accept in accepts {
        accept.await.unwrap().unwrap();
    }
    assert_eq!(store.counts().await.unwrap().events, 100);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_comes_from_outside_is_refused_at_once_when_too_much_waits() {
    let folder = tempfile::tempdir().unwrap();
    let store = SqliteStore::open(folder.path()).unwrap();
    let (busy, free) = channel::<()>();
    let blocker = store.clone();
    let stuck = tokio::spawn(async move {
        blocker
            .write(move |_| {
                free.recv().ok();
                Ok(())
            })
            .await
    });
    while store.shared.writer.free() == MOST_WAITING {
        tokio::task::yield_now().await;
    }
    let mut waiting: Vec<_> = (1..MOST_WAITING).map(|number| Box::pin(store.accept(arrival(number)))).collect();
    std::future::poll_fn(|context| {
        for accept in &mut waiting {
            assert!(accept.as_mut().poll(context).is_pending());
        }
        std::task::Poll::Ready(())
    })
    .await;
    let refused = store.accept(arrival(MOST_WAITING)).await;
    assert!(
        matches!(&refused, Err(StoreError::Unavailable { reason }) if reason.contains("wait for the disk already")),
        "{refused:?}"
    );
    let settled = tokio::spawn({
        let store = store.clone();
        async move { store.claim("runner", 1, Duration::from_mins(1), Timestamp::from_millis(5)).await }
    });
    busy.send(()).unwrap();
    stuck.await.unwrap().unwrap();
    for accept in waiting {
        accept.await.unwrap();
    }
    assert!(settled.await.unwrap().is_ok(), "what is under way already waits for room instead");
    assert_eq!(store.shared.writer.free(), MOST_WAITING);
}
