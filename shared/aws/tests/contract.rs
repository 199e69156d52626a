//! The contract of every store, on an emulator of AWS that nobody here wrote.
#![allow(clippy::unwrap_used, reason = "tests")]

use std::sync::Arc;

use deskwire_aws::AwsStore;
use deskwire_aws::testing::{Emulator, damage};
use deskwire_core::BoxFuture;
use deskwire_core::damage::RecordKind;
use deskwire_core::random::SeededRandom;
use deskwire_storage::contract::{Hurt, Stores};

struct Hurting(AwsStore);

impl Hurt for Hurting {
    fn hurt<'a>(&'a self, kind: RecordKind, key: &'a str) -> BoxFuture<'a, ()> {
        Box::pin(damage(&self.0, kind, key))
    }
}

deskwire_storage::store_contract!(async || {
    let emulator = Emulator::start().await;
    let store = emulator.store("deskwire", &SeededRandom::new(1)).await;
    (Stores::of(store.clone()).hurt_by(Arc::new(Hurting(store))), emulator)
});
