//! When tokens are renewed, and one pass over those that are due.

use std::collections::BTreeMap;
use std::pin::pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use deskwire_core::ids::ConnectionName;
use deskwire_core::ports::StoreResult;
use deskwire_core::random::Random;
use deskwire_core::time::Timestamp;
use deskwire_core::token::TokenState;
use deskwire_oauth::Client;
use futures_util::future::join_all;
use futures_util::{StreamExt, stream};
use serde::Serialize;
use tokio::sync::Semaphore;
use url::Url;

use crate::broker::Broker;
use crate::kept::Kept;
use crate::renew::Renewed;

/// How many connections are looked up at once, and how often in one pass; the next pass goes on.
const PAGE: usize = 1_000;
const MOST_PAGES: usize = 10;

/// How many renewals are under way at once, in all and at one token endpoint: an endpoint that hangs holds up few.
const AT_ONCE: usize = 64;
const AT_ONE_ENDPOINT: usize = 8;

/// After so many failures in a row at one endpoint, the rest of its connections wait for a later pass.
const ENOUGH: usize = 3;

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

/// How long a connection's endpoint is still left alone after a renewal that failed, as its record says; `None` where it may
/// be asked. A rest longer than the longest one comes of a clock that was set back, and does not count.
pub(crate) fn rests(state: &TokenState, now: Timestamp) -> Option<Duration> {
    let rest = state.due_at.filter(|_| state.failures > 0)?.since(now);
    (!rest.is_zero() && rest <= LONGEST_BACK_OFF).then_some(rest)
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
    /// How many were put off, because others at the same token endpoint failed.
    pub put_off: usize,
    /// How many need a person now.
    pub needs_person: usize,
}

impl Pass {
    fn add(&mut self, other: Self) {
        let Self { due, renewed, failed, put_off, needs_person } = other;
        self.due += due;
        self.renewed += renewed;
        self.failed += failed;
        self.put_off += put_off;
        self.needs_person += needs_person;
    }
}

impl Broker {
    /// Renews what is due, and reads nothing else. No connection waits for another one's provider.
    pub async fn renew_due(&self, now: Timestamp) -> StoreResult<Pass> {
        let mut pass = Pass::default();
        for _ in 0..MOST_PAGES {
            let due = self.states().due_tokens(now, PAGE).await?;
            let more = due.len() == PAGE;
            let mut by_endpoint: BTreeMap<Option<Url>, Vec<ConnectionName>> = BTreeMap::new();
            for name in due {
                let endpoint = self.ask.client(&name).map(|client| client.token_url.clone());
                by_endpoint.entry(endpoint).or_default().push(name);
            }
            let gate = Semaphore::new(AT_ONCE);
            let endpoints = by_endpoint.into_iter().map(|(endpoint, names)| self.renew_at(endpoint, names, &gate, now));
            join_all(endpoints).await.into_iter().for_each(|part| pass.add(part));
            if !more {
                break;
            }
        }
        Ok(pass)
    }

    /// Renews the connections of one token endpoint. Without one, the project does not name their client any more.
    async fn renew_at(
        &self,
        endpoint: Option<Url>,
        names: Vec<ConnectionName>,
        gate: &Semaphore,
        now: Timestamp,
    ) -> Pass {
        let mut pass = Pass { due: names.len(), ..Pass::default() };
        let in_a_row = AtomicUsize::new(0);
        let one = async |name: ConnectionName| {
            let wait = if endpoint.is_none() {
                LONGEST_BACK_OFF
            } else if in_a_row.load(Ordering::Relaxed) >= ENOUGH {
                back_off(1, None, self.random.as_ref())
            } else {
                // Closed never; without a permit one more is under way.
                let _permit = gate.acquire().await;
                let renewed = self.renew_one(name).await;
                if renewed == Renewed::Later {
                    in_a_row.fetch_add(1, Ordering::Relaxed);
                } else {
                    in_a_row.store(0, Ordering::Relaxed);
                }
                return Some(renewed);
            };
            self.put_off(&name, now.plus(wait)).await;
            None
        };
        let mut asked = pin!(stream::iter(names).map(one).buffer_unordered(AT_ONE_ENDPOINT));
        while let Some(renewed) = asked.next().await {
            match renewed {
                Some(Renewed::Yes) => pass.renewed += 1,
                Some(Renewed::Later) => pass.failed += 1,
                Some(Renewed::NeedsPerson) => pass.needs_person += 1,
                None => pass.put_off += 1,
            }
        }
        pass
    }

    /// Moves a renewal to a later time. Where that cannot be written, the next pass finds it due as before.
    async fn put_off(&self, name: &ConnectionName, until: Timestamp) {
        let moved = async {
            let Some(state) = self.states().token_state(name).await? else { return Ok(()) };
            let revision = state.revision;
            self.states().put_tokens(TokenState { due_at: Some(until), ..state }, Some(revision)).await.map(|_| ())
        };
        let moved: StoreResult<()> = moved.await;
        if let Err(error) = moved {
            tracing::warn!(connection = %name, %error, "a renewal could not be put off");
        }
    }
}
