//! Where a story is played: on one of the real stores.

use std::sync::Arc;

use deskwire_aws::testing::Emulator;
use deskwire_core::BoxFuture;
use deskwire_core::ports::Store;
use deskwire_storage::SqliteStore;
use tokio::runtime::{Builder, Runtime};

#[derive(Debug, Clone, Copy)]
pub(super) enum Place {
    Sqlite,
    DynamoDb,
}

/// A store, and what it lives on.
pub(super) struct Placed {
    pub(super) store: Arc<dyn Store>,
    elsewhere: Option<Elsewhere>,
}

/// An emulator answers in real time, and a story's clock jumps as soon as nothing is left to do but wait for an answer. So
/// calls are made by a runtime with a clock of its own, and the story stands still meanwhile.
struct Elsewhere {
    runtime: Option<Runtime>,
    _emulator: Arc<Emulator>,
}

impl Drop for Elsewhere {
    fn drop(&mut self) {
        // It is dropped in the story's runtime, which may not wait for this one.
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

impl Place {
    /// An empty store.
    pub(super) fn empty(self) -> Arc<Placed> {
        match self {
            Self::Sqlite => Placed::on(SqliteStore::in_memory().unwrap()),
            Self::DynamoDb => {
                let runtime = Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
                let (store, emulator) = apart(&runtime, async {
                    let emulator = Emulator::shared().await;
                    (emulator.empty_store().await, emulator)
                });
                let elsewhere = Some(Elsewhere { runtime: Some(runtime), _emulator: emulator });
                Arc::new(Placed { store: Arc::new(store), elsewhere })
            }
        }
    }
}

impl Placed {
    pub(super) fn on(store: SqliteStore) -> Arc<Self> {
        Arc::new(Self { store: Arc::new(store), elsewhere: None })
    }

    /// Has the store do something.
    pub(super) fn done<'a, T: Send + 'a>(
        &'a self,
        what: impl FnOnce(&'a dyn Store) -> BoxFuture<'a, T> + Send + 'a,
    ) -> BoxFuture<'a, T> {
        let doing = what(self.store.as_ref());
        match self.elsewhere.as_ref().and_then(|elsewhere| elsewhere.runtime.as_ref()) {
            None => doing,
            Some(runtime) => Box::pin(async move { apart(runtime, doing) }),
        }
    }
}

fn apart<T: Send>(runtime: &Runtime, doing: impl Future<Output = T> + Send) -> T {
    std::thread::scope(|scope| scope.spawn(|| runtime.block_on(doing)).join().unwrap())
}
