//! When tokens are renewed, and one pass over those that are due.

use std::time::Duration;

use deskwire_core::ids::ConnectionName;
use deskwire_core::ports::StoreResult;
use deskwire_core::random::Random;
use deskwire_core::time::Timestamp;
use deskwire_oauth::Client;
use futures_util::StreamExt;
use futures_util::stream;
use serde::Serialize;

use crate::broker::Broker;
use crate::kept::Kept;
use crate::renew::Renewed;

/// The most connections of one pass; the next pass goes on.
const MOST: usize = 1_000;

/// How many token endpoints are asked at once.
const AT_ONCE: usize = 16;

/// The longest wait after a failure.
const LONGEST_BACK_OFF: Duration = Duration::from_hours(1);

/// When to renew tokens: at 70 to 80 % of the access token's life, or of the refresh token's if that lapses sooner.
/// Connections that were made together are spread by this.
pub fn renew_at(
    obtained_at: Timestamp,
    expires_at: Option<Timestamp>,
    lapses_at: Option<Timestamp>,
    random: &dyn Random,
) -> Option<Timestamp> {
    let share = 0.7 + 0.1 * random.unit();
    let of = |end: Option<Timestamp>| end.map(|end| obtained_at.plus(end.since(obtained_at).mul_f64(share)));
    [of(expires_at), of(lapses_at)].into_iter().flatten().min()
}

pub(crate) fn due_at(kept: &Kept, client: &Client, renewable: bool, random: &dyn Random) -> Option<Timestamp> {
    if !renewable {
        return None;
    }
    let assumed = client.facts.renew_after.map(|seconds| kept.obtained_at.plus(Duration::from_secs(seconds)));
    renew_at(kept.obtained_at, kept.expires_at.or(assumed), kept.lapses_at, random)
}

/// How long to wait after so many failures in a row: exponential with jitter, or as the provider asks.
pub(crate) fn back_off(failures: u32, asked: Option<Duration>, random: &dyn Random) -> Duration {
    let base = Duration::from_secs(15).saturating_mul(1 << failures.min(10)).min(LONGEST_BACK_OFF);
    let wait = base.mul_f64(0.5 + 0.5 * random.unit());
    asked.map_or(wait, |asked| wait.max(asked).min(LONGEST_BACK_OFF))
}

/// What one pass came to.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Pass {
    /// How many connections were due.
    pub due: usize,
    /// How many have new tokens.
    pub renewed: usize,
    /// How many will be tried again.
    pub failed: usize,
    /// How many need a person now.
    pub needs_person: usize,
}

impl Broker {
    /// Renews what is due. One connection never waits for another's provider, save that only so many are asked at once.
    pub async fn renew_due(&self, now: Timestamp) -> StoreResult<Pass> {
        let due = self.states().due_tokens(now, MOST).await?;
        let mut pass = Pass { due: due.len(), ..Pass::default() };
        let mut asked = stream::iter(due).map(|name: ConnectionName| self.renew_one(name)).buffer_unordered(AT_ONCE);
        while let Some(renewed) = asked.next().await {
            match renewed {
                Renewed::Yes => pass.renewed += 1,
                Renewed::Later => pass.failed += 1,
                Renewed::NeedsPerson => pass.needs_person += 1,
            }
        }
        Ok(pass)
    }
}
