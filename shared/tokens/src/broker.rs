//! Giving out tokens, and what people do with connections.

use std::collections::HashMap;
use std::future::Future;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use deskwire_core::BoxFuture;
use deskwire_core::ids::ConnectionName;
use deskwire_core::ports::{StoreError, TokenStates};
use deskwire_core::random::Random;
use deskwire_core::time::{Clock, Timestamp};
use deskwire_core::token::{AccessToken, NoToken, Standing, TokenSource, TokenState};
use deskwire_oauth::Tokens;
use deskwire_secrets::{Vault, VaultError};

use crate::kept::Kept;
use crate::providers::{Ask, asks_by_itself};
use crate::schedule::{due_at, rests};
use crate::under_way::UnderWay;

/// A token that ends within this time, or within a fifth of its life if that is less, is renewed before it is used.
const MARGIN: Duration = Duration::from_mins(1);

/// How long a process uses a token without asking whether it is still the one.
const REMEMBERED: Duration = Duration::from_secs(15);

/// How the broker works.
#[derive(Debug, Clone)]
pub struct BrokerOptions {
    /// Names the process in its leases. No two processes share one.
    pub owner: String,
    /// How long a lease lasts: longer than the longest exchange.
    pub lease: Duration,
    /// How long somebody who asks for a token waits for another process that renews it.
    pub patience: Duration,
    /// What a person does to connect a connection: `NAME` stands for its name.
    pub how_to_connect: String,
}

impl Default for BrokerOptions {
    fn default() -> Self {
        Self {
            owner: "broker".to_owned(),
            lease: Duration::from_mins(1),
            patience: Duration::from_secs(20),
            how_to_connect: "`deskwire connections connect NAME`".to_owned(),
        }
    }
}

/// Why the broker could not do what it was asked. Never holds a token.
#[derive(Debug, thiserror::Error)]
pub enum BrokerError {
    /// The store is not to be had.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The secret store is not to be had.
    #[error(transparent)]
    Vault(#[from] VaultError),
    /// Somebody else changed the connection at the same time, again and again.
    #[error("the connection {0} is being changed by somebody else; look at it and come again")]
    Contended(ConnectionName),
    /// No connection of this name is signed in by OAuth.
    #[error("there is no connection {0} that is signed in by OAuth")]
    Unknown(ConnectionName),
}

/// Gives out tokens, renews them, and keeps them. One per process; clones are the same one.
#[derive(Clone)]
pub struct Broker {
    states: Arc<dyn TokenStates>,
    pub(crate) vault: Vault,
    pub(crate) ask: Arc<dyn Ask>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) random: Arc<dyn Random>,
    pub(crate) options: Arc<BrokerOptions>,
    remembered: Arc<Mutex<HashMap<ConnectionName, Remembered>>>,
    turns: Arc<Mutex<HashMap<ConnectionName, Arc<tokio::sync::Mutex<()>>>>>,
    pub(crate) under_way: UnderWay,
}

struct Remembered {
    token: AccessToken,
    usable_until: Option<Timestamp>,
    until: Timestamp,
}

impl Broker {
    /// Puts the parts together.
    pub fn new(
        states: Arc<dyn TokenStates>,
        vault: Vault,
        ask: Arc<dyn Ask>,
        clock: Arc<dyn Clock>,
        random: Arc<dyn Random>,
        options: BrokerOptions,
    ) -> Self {
        let (remembered, turns, under_way) = (Arc::default(), Arc::default(), UnderWay::new());
        Self { states, vault, ask, clock, random, options: Arc::new(options), remembered, turns, under_way }
    }

    /// Does something that must not stop with whoever waits for it, such as exchanging a code: if its caller is dropped, it
    /// goes on, and [`Broker::idle`] waits for it.
    pub fn finish<T: Send + 'static>(&self, work: impl Future<Output = T> + Send + 'static) -> BoxFuture<'static, T> {
        self.under_way.finish(work)
    }

    /// Ready when nothing is under way: no renewal, no exchange of a code. Before a process ends, or is frozen, it waits for
    /// this as long as it can: an exchange takes 15 s at most.
    pub async fn idle(&self) {
        self.under_way.idle().await;
    }

    /// What is known of the connections' tokens.
    pub fn states(&self) -> &Arc<dyn TokenStates> {
        &self.states
    }

    /// The name under which a connection's tokens are sealed.
    pub(crate) fn secret_name(connection: &ConnectionName) -> String {
        format!("token/{connection}")
    }

    pub(crate) async fn kept(&self, name: &ConnectionName, version: u64) -> Result<Option<Kept>, VaultError> {
        let secret = Self::secret_name(name);
        match self.vault.open(&secret, Some(version)).await? {
            None => Ok(None),
            Some((_, bytes)) => Kept::from_bytes(bytes).map(Some).ok_or(VaultError::Damaged(secret)),
        }
    }

    /// Within this process, one at a time changes a connection's tokens.
    pub(crate) fn turn(&self, name: &ConnectionName) -> Arc<tokio::sync::Mutex<()>> {
        let mut turns = self.turns.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(turns.entry(name.clone()).or_default())
    }

    pub(crate) fn remember(&self, name: &ConnectionName, version: u64, kept: &Kept) -> AccessToken {
        let base_url = self.ask.client(name).and_then(|client| {
            let place = client.facts.base_url.clone()?;
            kept.account.get(&place).cloned()
        });
        let token = AccessToken { secret: kept.access_token(), version, base_url };
        let remembered = Remembered {
            token: token.clone(),
            usable_until: usable_until(kept.obtained_at, kept.expires_at),
            until: self.clock.now().plus(REMEMBERED),
        };
        self.remembered.lock().unwrap_or_else(PoisonError::into_inner).insert(name.clone(), remembered);
        token
    }

    pub(crate) fn forget(&self, name: &ConnectionName) {
        self.remembered.lock().unwrap_or_else(PoisonError::into_inner).remove(name);
    }

    fn remembered(&self, name: &ConnectionName) -> Option<AccessToken> {
        let now = self.clock.now();
        let remembered = self.remembered.lock().unwrap_or_else(PoisonError::into_inner);
        let found =
            remembered.get(name).filter(|found| now < found.until && found.usable_until.is_none_or(|end| now < end))?;
        Some(found.token.clone())
    }

    async fn current(&self, name: &ConnectionName) -> Result<AccessToken, NoToken> {
        if let Some(token) = self.remembered(name) {
            return Ok(token);
        }
        let state = self.usable(name).await?;
        if ends_soon(&state, self.clock.now()) || state.version == 0 {
            return self.renewed_token(name, state.version).await;
        }
        self.token_of(&state).await
    }

    /// A connection's record for whoever is about to replace it: one that cannot be read is let go of, so that it stands in
    /// nobody's way.
    async fn replaceable(&self, name: &ConnectionName) -> Result<Option<TokenState>, StoreError> {
        match self.states.token_state(name).await {
            Err(StoreError::Corrupt(what)) => {
                tracing::warn!(connection = %name, what, "what was kept of a connection's tokens could not be read");
                self.states.forget_tokens(name).await?;
                Ok(None)
            }
            found => found,
        }
    }

    /// The record of a connection whose tokens may be used.
    pub(crate) async fn usable(&self, name: &ConnectionName) -> Result<TokenState, NoToken> {
        let state = match self.states.token_state(name).await {
            Ok(Some(state)) => state,
            Ok(None) => self.first(name).await?,
            // Coming again would not help, and connecting it anew does.
            Err(error @ StoreError::Corrupt(_)) => {
                let (standing, why) = (Standing::NeedsReauthorization, error.to_string());
                return Err(NoToken::NeedsPerson(self.why_not(name, standing, Some(&why))));
            }
            Err(error) => return Err(later(&error)),
        };
        match state.standing {
            Standing::Connected => Ok(state),
            standing => Err(NoToken::NeedsPerson(self.why_not(name, standing, state.reason.as_deref()))),
        }
    }

    /// A client that asks for itself needs nobody to connect it: it begins with a record that has no tokens yet.
    async fn first(&self, name: &ConnectionName) -> Result<TokenState, NoToken> {
        let client = self.ask.client(name);
        if !client.is_some_and(|client| asks_by_itself(&client)) {
            let how = self.options.how_to_connect.replace("NAME", name.as_str());
            return Err(NoToken::NeedsPerson(format!("Connection {name} has never been connected: {how}.")));
        }
        let empty = TokenState::empty(name.clone(), self.clock.now());
        self.states.put_tokens(empty.clone(), None).await.map_err(|error| later(&error))?;
        let stored = self.states.token_state(name).await.map_err(|error| later(&error))?;
        Ok(stored.unwrap_or(empty))
    }

    pub(crate) fn why_not(&self, name: &ConnectionName, standing: Standing, reason: Option<&str>) -> String {
        let how = self.options.how_to_connect.replace("NAME", name.as_str());
        let reason = reason.map(|reason| format!(" ({reason})")).unwrap_or_default();
        match standing {
            Standing::Disconnected => format!("Connection {name} is disconnected{reason}. Connect it again: {how}."),
            _ => format!("Connection {name} needs re-authorisation{reason}. Connect it again: {how}."),
        }
    }

    /// The token that a record points at.
    pub(crate) async fn token_of(&self, state: &TokenState) -> Result<AccessToken, NoToken> {
        let name = &state.connection;
        match self.kept(name, state.version).await {
            Ok(Some(kept)) => Ok(self.remember(name, state.version, &kept)),
            Ok(None) => Err(NoToken::Later { reason: "its tokens are being exchanged".to_owned(), after: None }),
            Err(VaultError::Store(error)) => Err(later(&error)),
            Err(error) => Err(NoToken::NeedsPerson(format!("Connection {name}: {error}."))),
        }
    }

    /// Takes tokens over that a person brought: the connection is connected from now on, whether or not the caller waits
    /// for it.
    pub async fn connect(&self, name: &ConnectionName, tokens: &Tokens) -> Result<TokenState, BrokerError> {
        let (broker, name, tokens) = (self.clone(), name.clone(), tokens.clone());
        self.finish(async move { broker.take_in(&name, &tokens).await }).await
    }

    async fn take_in(&self, name: &ConnectionName, tokens: &Tokens) -> Result<TokenState, BrokerError> {
        let client = self.ask.client(name).ok_or_else(|| BrokerError::Unknown(name.clone()))?;
        let _alone = self.turn(name).lock_owned().await;
        let now = self.clock.now();
        let kept = Kept::new(tokens, None, &client.scopes, now);
        let secret = Self::secret_name(name);
        for _ in 0..16 {
            let before = self.replaceable(name).await?;
            let mut version = before.as_ref().map_or(0, |state| state.version) + 1;
            // A version that a process left behind is none of this connection's any more.
            // One that cannot be opened takes up its number all the same.
            loop {
                match self.vault.open(&secret, Some(version)).await {
                    Ok(None) => break,
                    Ok(Some(_))
                    | Err(
                        VaultError::Damaged(_)
                        | VaultError::OtherKey { .. }
                        | VaultError::Store(StoreError::Corrupt(_)),
                    ) => version += 1,
                    Err(error) => return Err(error.into()),
                }
            }
            let bytes = kept.to_bytes().unwrap_or_default();
            match self.vault.put(&secret, version, &bytes, now).await {
                Ok(()) => {}
                Err(VaultError::Taken { .. }) => continue,
                Err(error) => return Err(error.into()),
            }
            let renewable = asks_by_itself(&client) || kept.refresh_token().is_some();
            let state = TokenState {
                standing: Standing::Connected,
                reason: None,
                since: now,
                renewable,
                due_at: due_at(&kept, &client, renewable, self.random.as_ref()),
                announced: false,
                ..described(name, version, &kept)
            };
            if self.states.put_tokens(state.clone(), before.as_ref().map(|state| state.revision)).await? {
                self.vault.retire(&secret, version, now, now).await?;
                self.remember(name, version, &kept);
                return Ok(state);
            }
        }
        Err(BrokerError::Contended(name.clone()))
    }

    /// Lets go of a connection's tokens. Its configuration stays, and connecting it again restores it.
    pub async fn disconnect(&self, name: &ConnectionName, why: &str) -> Result<(), BrokerError> {
        let (broker, name, why) = (self.clone(), name.clone(), why.to_owned());
        self.finish(async move { broker.let_go(&name, &why).await }).await
    }

    async fn let_go(&self, name: &ConnectionName, why: &str) -> Result<(), BrokerError> {
        let _alone = self.turn(name).lock_owned().await;
        self.forget(name);
        let now = self.clock.now();
        for _ in 0..16 {
            let Some(before) = self.replaceable(name).await? else {
                let state = TokenState {
                    standing: Standing::Disconnected,
                    reason: Some(why.to_owned()),
                    due_at: None,
                    ..TokenState::empty(name.clone(), now)
                };
                if self.states.put_tokens(state, None).await? {
                    self.vault.forget(&Self::secret_name(name)).await?;
                    return Ok(());
                }
                continue;
            };
            let revision = before.revision;
            let state = TokenState {
                standing: Standing::Disconnected,
                reason: Some(why.to_owned()),
                since: now,
                due_at: None,
                failures: 0,
                announced: true,
                ..before
            };
            if self.states.put_tokens(state, Some(revision)).await? {
                self.vault.forget(&Self::secret_name(name)).await?;
                return Ok(());
            }
        }
        Err(BrokerError::Contended(name.clone()))
    }

    /// Erases everything that is known of a connection's tokens.
    pub async fn delete(&self, name: &ConnectionName) -> Result<(), BrokerError> {
        let (broker, name) = (self.clone(), name.clone());
        let erase = async move {
            let _alone = broker.turn(&name).lock_owned().await;
            broker.forget(&name);
            broker.states.forget_tokens(&name).await?;
            broker.vault.forget(&Self::secret_name(&name)).await?;
            Ok(())
        };
        self.finish(erase).await
    }

    /// Asks a provider that is left alone after a failure at the next occasion: a person may have mended the reason.
    pub async fn ask_again(&self, name: &ConnectionName) -> Result<(), BrokerError> {
        let now = self.clock.now();
        if let Some(state) = self.states.token_state(name).await?.filter(|state| rests(state, now).is_some()) {
            let revision = state.revision;
            // Where it was changed meanwhile, it is left as it is now.
            self.states.put_tokens(TokenState { due_at: Some(now), ..state }, Some(revision)).await?;
        }
        Ok(())
    }
}

impl TokenSource for Broker {
    fn token<'a>(&'a self, connection: &'a ConnectionName) -> BoxFuture<'a, Result<AccessToken, NoToken>> {
        Box::pin(self.current(connection))
    }

    fn renewed<'a>(
        &'a self,
        connection: &'a ConnectionName,
        turned_down: u64,
    ) -> BoxFuture<'a, Result<AccessToken, NoToken>> {
        Box::pin(async move {
            self.forget(connection);
            let token = self.renewed_token(connection, turned_down).await?;
            if token.version > turned_down {
                return Ok(token);
            }
            // The old one, whose end has not come: but nobody takes it any more.
            self.forget(connection);
            let state = self.usable(connection).await?;
            let after = rests(&state, self.clock.now());
            let reason =
                state.reason.unwrap_or_else(|| "its token was turned down, and there is no new one yet".to_owned());
            Err(NoToken::Later { reason, after })
        })
    }
}

/// What a record says of these tokens.
pub(crate) fn described(name: &ConnectionName, version: u64, kept: &Kept) -> TokenState {
    TokenState {
        version,
        obtained_at: kept.obtained_at,
        expires_at: kept.expires_at,
        lapses_at: kept.lapses_at.filter(|_| kept.refresh_token().is_some()),
        due_at: None,
        scopes: kept.scopes.clone(),
        scopes_cut: kept.scopes_cut,
        account: kept.account.clone(),
        ..TokenState::empty(name.clone(), kept.obtained_at)
    }
}

pub(crate) fn ends_soon(state: &TokenState, now: Timestamp) -> bool {
    usable_until(state.obtained_at, state.expires_at).is_some_and(|end| end <= now)
}

fn usable_until(obtained_at: Timestamp, expires_at: Option<Timestamp>) -> Option<Timestamp> {
    expires_at.map(|end| end.minus(MARGIN.min(end.since(obtained_at) / 5)))
}

pub(crate) fn later(error: &StoreError) -> NoToken {
    NoToken::Later { reason: error.to_string(), after: None }
}
