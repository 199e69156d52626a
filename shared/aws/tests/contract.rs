//! The contract of every store, on an emulator of AWS that nobody here wrote.
#![allow(clippy::unwrap_used, reason = "tests")]

use deskwire_aws::testing::Emulator;
use deskwire_core::random::SeededRandom;
use deskwire_storage::contract::Stores;

deskwire_storage::store_contract!(async || {
    let emulator = Emulator::start().await;
    let store = emulator.store("deskwire", &SeededRandom::new(1)).await;
    (Stores::of(store), emulator)
});
