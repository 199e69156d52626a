//! Randomness from the operating system.

use deskwire_core::random::Random;

/// The operating system's random source.
#[derive(Debug, Clone, Copy, Default)]
pub struct OsRandom;

impl Random for OsRandom {
    fn bits(&self) -> u128 {
        let mut bytes = [0; 16];
        if getrandom::fill(&mut bytes).is_err() {
            // Without it no id is unique and no jitter spreads: going on would be worse than ending.
            std::process::abort();
        }
        u128::from_ne_bytes(bytes)
    }
}
