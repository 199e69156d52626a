//! Randomness that is passed in, so that a run can be repeated from its seed.

use std::sync::Mutex;

/// A source of random bits.
pub trait Random: Send + Sync {
    /// 128 random bits.
    fn bits(&self) -> u128;

    /// A number drawn evenly from 0 (included) to 1 (excluded).
    fn unit(&self) -> f64 {
        // 53 bits are what a float can hold exactly.
        #[expect(clippy::cast_precision_loss, reason = "53 bits fit a f64")]
        let numerator = (self.bits() >> 75) as f64;
        numerator / 9_007_199_254_740_992.0
    }
}

/// A repeatable source for tests (`SplitMix64`, Steele and others 2014). Not for secrets.
#[derive(Debug)]
pub struct SeededRandom(Mutex<u64>);

impl SeededRandom {
    /// The same seed gives the same bits.
    pub fn new(seed: u64) -> Self {
        Self(Mutex::new(seed))
    }
}

fn split_mix(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mut z = *state;
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

impl Random for SeededRandom {
    fn bits(&self) -> u128 {
        let mut state = self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        (u128::from(split_mix(&mut state)) << 64) | u128::from(split_mix(&mut state))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unit_stays_between_zero_and_one() {
        let random = SeededRandom::new(1);
        assert!((0..1000).map(|_| random.unit()).all(|u| (0.0..1.0).contains(&u)));
    }
}
