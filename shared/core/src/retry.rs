//! When a failed step is tried again: exponential back-off with full jitter, and `Retry-After` as a floor.

use std::time::Duration;

use crate::random::Random;

/// A step's retry rule. The default is 6 attempts within about 15 minutes: the ceilings of the five waits are 30 s, 1, 2,
/// 4 and 8 minutes, 15.5 minutes together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RetryPolicy {
    /// How often the step is called altogether, the first time included.
    pub attempts: u32,
    /// The ceiling of the first wait; each further ceiling is twice the one before.
    pub first_wait: Duration,
    /// No ceiling grows beyond this.
    pub longest_wait: Duration,
}

impl Default for RetryPolicy {
    fn default() -> Self {
        Self { attempts: 6, first_wait: Duration::from_secs(30), longest_wait: Duration::from_mins(8) }
    }
}

impl RetryPolicy {
    /// The longest wait after `failed` failed attempts (1 for the first).
    pub fn ceiling(&self, failed: u32) -> Duration {
        let doublings = failed.saturating_sub(1).min(20);
        self.first_wait.saturating_mul(1 << doublings).min(self.longest_wait)
    }

    /// How long to wait after `failed` failed attempts, or `None` when they are used up.
    ///
    /// Full jitter: evenly between nothing and the ceiling. Where the provider said how long to wait, that is the floor, and a
    /// jitter of up to a tenth of it (at most a second) is added so that many runs do not come back in one instant.
    pub fn next_wait(&self, failed: u32, provider_asks: Option<Duration>, random: &dyn Random) -> Option<Duration> {
        if failed >= self.attempts {
            return None;
        }
        let jittered = self.ceiling(failed).mul_f64(random.unit());
        Some(match provider_asks {
            None => jittered,
            Some(floor) => jittered.max(floor + spread(floor, random)),
        })
    }
}

/// A small random addition to a wait that many callers share: up to a tenth of it, at most one second.
pub fn spread(wait: Duration, random: &dyn Random) -> Duration {
    (wait / 10).min(Duration::from_secs(1)).mul_f64(random.unit())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::SeededRandom;

    #[test]
    fn the_default_tries_six_times_within_about_fifteen_minutes() {
        let policy = RetryPolicy::default();
        let ceilings: Duration = (1..policy.attempts).map(|failed| policy.ceiling(failed)).sum();
        assert_eq!(ceilings, Duration::from_secs(930));
        let random = SeededRandom::new(1);
        assert!(policy.next_wait(5, None, &random).is_some());
        assert_eq!(policy.next_wait(6, None, &random), None);
    }

    #[test]
    fn waits_use_the_whole_range_below_their_ceiling() {
        let (policy, random) = (RetryPolicy::default(), SeededRandom::new(2));
        let waits: Vec<Duration> = (0..500).filter_map(|_| policy.next_wait(1, None, &random)).collect();
        assert!(waits.iter().all(|wait| *wait <= Duration::from_secs(30)));
        assert!(waits.iter().any(|wait| *wait < Duration::from_secs(3)));
        assert!(waits.iter().any(|wait| *wait > Duration::from_secs(27)));
    }

    #[test]
    fn the_provider_s_wait_is_a_floor() {
        let (policy, random) = (RetryPolicy::default(), SeededRandom::new(3));
        for _ in 0..200 {
            assert!(policy.next_wait(1, Some(Duration::from_mins(2)), &random).unwrap() >= Duration::from_mins(2));
        }
    }

    #[test]
    fn ceilings_never_overflow() {
        let policy = RetryPolicy { attempts: u32::MAX, ..RetryPolicy::default() };
        assert_eq!(policy.ceiling(u32::MAX), Duration::from_mins(8));
    }
}
