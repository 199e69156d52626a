//! One renewal.

use std::time::Duration;

use deskwire_core::ids::ConnectionName;
use deskwire_core::ports::StoreError;
use deskwire_core::time::Timestamp;
use deskwire_core::token::{AccessToken, Leased, NoToken, Standing, TokenState};
use deskwire_oauth::{Client, RefusedBy, TokenError, Tokens};
use deskwire_secrets::VaultError;

use crate::broker::{Broker, described, ends_soon, later};
use crate::kept::Kept;
use crate::providers::{asks_by_itself, grace};
use crate::schedule::{back_off, due_at, rests};

/// How often one who waits for another's renewal looks for it.
const LOOK: Duration = Duration::from_millis(100);

/// How long an old version is kept beyond the provider's grace: whoever is about to use it has used it by then.
const KEPT_FOR: Duration = Duration::from_mins(2);

/// A lost answer is asked for again this soon: some providers take a used refresh token for a short while.
const SOON: Duration = Duration::from_secs(2);

/// How often the same write is tried before tokens that are in hand are given up.
const TRIES: u32 = 8;

/// What a renewal came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Renewed {
    Yes,
    Later,
    NeedsPerson,
}

impl Broker {
    /// Renews one connection that is due.
    pub(crate) async fn renew_one(&self, name: ConnectionName) -> Renewed {
        let version = match self.usable(&name).await {
            Ok(state) => state.version,
            Err(NoToken::NeedsPerson(_)) => return Renewed::NeedsPerson,
            Err(NoToken::Later { .. }) => return Renewed::Later,
        };
        match self.renewed_token(&name, version).await {
            Ok(token) if token.version > version => Renewed::Yes,
            Ok(_) | Err(NoToken::Later { .. }) => Renewed::Later,
            Err(NoToken::NeedsPerson(_)) => Renewed::NeedsPerson,
        }
    }

    /// A token newer than `old`, asked for if nobody has it yet. Where it cannot be had now and the old one still holds,
    /// the old one. All who ask within this process wait for one renewal, which goes on without them if they give up.
    pub(crate) async fn renewed_token(&self, name: &ConnectionName, old: u64) -> Result<AccessToken, NoToken> {
        loop {
            let flight = self.under_way.join(name, old, || {
                let (broker, name) = (self.clone(), name.clone());
                async move { broker.renewal(&name, old).await }
            });
            let (began_for, answer) = (flight.old, flight.answer.await);
            // One that began for an older token may have brought the very one that is not good enough here.
            if began_for >= old || answer.as_ref().is_ok_and(|token| token.version > old) {
                return answer;
            }
        }
    }

    async fn renewal(&self, name: &ConnectionName, old: u64) -> Result<AccessToken, NoToken> {
        let _alone = self.turn(name).lock_owned().await;
        let give_up = tokio::time::Instant::now() + self.options.patience;
        loop {
            // Whoever was here before us may have brought it, or have found that it cannot be had now.
            let state = self.usable(name).await?;
            let now = self.clock.now();
            if state.version > old && !ends_soon(&state, now) {
                return self.token_of(&state).await;
            }
            if let Some(rest) = rests(&state, now) {
                return self.meanwhile(&state, rest).await;
            }
            let until = now.plus(self.options.lease);
            let leased = self.states().lease_tokens(name, &self.options.owner, now, until).await;
            match leased.map_err(|error| later(&error))? {
                Leased::Ours(state) => return self.renew_leased(state, old).await,
                // Somebody deleted it meanwhile: the next look says so.
                Leased::Unknown => {}
                Leased::Held { .. } if tokio::time::Instant::now() < give_up => {
                    tokio::time::sleep(LOOK.mul_f64(0.5 + self.random.unit())).await;
                }
                Leased::Held { .. } => {
                    let reason = "another process has been renewing it for a while".to_owned();
                    return Err(NoToken::Later { reason, after: None });
                }
            }
        }
    }

    /// What there is while the endpoint is left alone: the present token while it holds.
    async fn meanwhile(&self, state: &TokenState, rest: Duration) -> Result<AccessToken, NoToken> {
        if state.version > 0 && state.expires_at.is_none_or(|end| end > self.clock.now()) {
            return self.token_of(state).await;
        }
        let reason = state.reason.clone().unwrap_or_else(|| "its token could not be renewed".to_owned());
        Err(NoToken::Later { reason, after: Some(rest) })
    }

    /// With the lease in hand: the record cannot change but by us, unless we are slower than the lease.
    async fn renew_leased(&self, state: TokenState, old: u64) -> Result<AccessToken, NoToken> {
        let name = state.connection.clone();
        let token = self.exchange(state, old).await;
        if let Err(error) = self.states().release_tokens(&name, &self.options.owner).await {
            tracing::warn!(connection = %name, %error, "the lease on a connection's tokens ends by itself");
        }
        token
    }

    async fn exchange(&self, state: TokenState, old: u64) -> Result<AccessToken, NoToken> {
        let name = state.connection.clone();
        if state.standing != Standing::Connected {
            return Err(NoToken::NeedsPerson(self.why_not(&name, state.standing, state.reason.as_deref())));
        }
        if state.version > old && !ends_soon(&state, self.clock.now()) {
            return self.token_of(&state).await;
        }
        // Whoever had the lease before us has just failed.
        if let Some(rest) = rests(&state, self.clock.now()) {
            return self.meanwhile(&state, rest).await;
        }
        let client = self.ask.client(&name).ok_or_else(|| {
            NoToken::NeedsPerson(format!("Connection {name} names no OAuth client of this project any more."))
        })?;
        // A process that stopped between sealing and pointing left them for us.
        if let Some(kept) = self.read(&name, state.version + 1).await? {
            return self.adopt(&client, state, kept).await;
        }
        let before = if state.version == 0 { None } else { self.read(&name, state.version).await? };
        let refresh_token = before.as_ref().and_then(Kept::refresh_token);
        if refresh_token.is_none() && !asks_by_itself(&client) {
            let why = "its token has ended, and the provider gave none to renew it with".to_owned();
            return self.needs_person(state, why).await;
        }
        match self.ask.renew(&client, refresh_token.as_ref()).await {
            Ok(tokens) => self.take_over(&client, state, before.as_ref(), &tokens).await,
            Err(error) => self.not_renewed(&client, state, error).await,
        }
    }

    async fn read(&self, name: &ConnectionName, version: u64) -> Result<Option<Kept>, NoToken> {
        self.kept(name, version).await.map_err(|error| match error {
            VaultError::Store(error) => later(&error),
            other => NoToken::NeedsPerson(format!("Connection {name}: {other}.")),
        })
    }

    /// New tokens are in hand, and perhaps nowhere else: seal them before anything else happens.
    async fn take_over(
        &self,
        client: &Client,
        state: TokenState,
        before: Option<&Kept>,
        tokens: &Tokens,
    ) -> Result<AccessToken, NoToken> {
        let (name, now) = (state.connection.clone(), self.clock.now());
        let kept = Kept::new(tokens, before, &client.scopes, now);
        let (secret, bytes) = (Self::secret_name(&name), kept.to_bytes().unwrap_or_default());
        for attempt in 1.. {
            match self.vault.put(&secret, state.version + 1, &bytes, now).await {
                Ok(()) => break,
                // Somebody was faster, after our lease had ended. Theirs are the ones that everybody uses.
                Err(VaultError::Taken { .. }) => {
                    return match self.read(&name, state.version + 1).await? {
                        Some(theirs) => self.adopt(client, state, theirs).await,
                        None => {
                            Err(NoToken::Later { reason: "its tokens are being exchanged".to_owned(), after: None })
                        }
                    };
                }
                Err(error) if attempt >= TRIES => {
                    tracing::error!(connection = %name, %error, "new tokens could not be stored");
                    return Err(NoToken::Later { reason: error.to_string(), after: None });
                }
                Err(error) => {
                    tracing::warn!(connection = %name, %error, "new tokens could not be stored; trying again");
                    tokio::time::sleep(LOOK * attempt).await;
                }
            }
        }
        self.adopt(client, state, kept).await
    }

    /// Points the record at tokens that are sealed as the version after its own.
    async fn adopt(&self, client: &Client, mut state: TokenState, kept: Kept) -> Result<AccessToken, NoToken> {
        let (name, version) = (state.connection.clone(), state.version + 1);
        let renewable = asks_by_itself(client) || kept.refresh_token().is_some();
        for _ in 0..TRIES {
            let recovered = state.standing != Standing::Connected;
            let next = TokenState {
                standing: Standing::Connected,
                reason: None,
                since: if recovered { self.clock.now() } else { state.since },
                renewable,
                due_at: due_at(&kept, client, renewable, self.random.as_ref()),
                announced: !recovered && state.announced,
                ..described(&name, version, &kept)
            };
            match self.states().put_tokens(next, Some(state.revision)).await {
                Ok(true) => {
                    let erase_at = self.clock.now().plus(grace(client) + KEPT_FOR);
                    let secret = Self::secret_name(&name);
                    if let Err(error) = self.vault.retire(&secret, version, erase_at, self.clock.now()).await {
                        tracing::warn!(connection = %name, %error, "old tokens are not erased yet");
                    }
                    tracing::info!(connection = %name, version, "tokens renewed");
                    return Ok(self.remember(&name, version, &kept));
                }
                // Somebody noted something meanwhile, such as that our refresh token is refused, which we had used up.
                Ok(false) => match self.states().token_state(&name).await.map_err(|error| later(&error))? {
                    Some(found) if found.version < version && found.standing != Standing::Disconnected => state = found,
                    Some(found) if found.version >= version => return self.token_of(&found).await,
                    _ => return Err(NoToken::NeedsPerson(self.why_not(&name, Standing::Disconnected, None))),
                },
                Err(error) => {
                    tracing::warn!(connection = %name, %error, "new tokens are sealed, but not in force yet");
                    tokio::time::sleep(LOOK).await;
                }
            }
        }
        // They are sealed: the next one who asks adopts them.
        Err(NoToken::Later { reason: "its new tokens are not in force yet".to_owned(), after: Some(LOOK) })
    }

    async fn not_renewed(&self, client: &Client, state: TokenState, error: TokenError) -> Result<AccessToken, NoToken> {
        let (name, now) = (state.connection.clone(), self.clock.now());
        tracing::warn!(connection = %name, %error, "tokens could not be renewed");
        let ended = state.version == 0 || state.expires_at.is_some_and(|end| end <= now);
        match error {
            TokenError::Refused { by: RefusedBy::Grant, .. } => {
                // Before this is believed: did somebody else renew them while we asked?
                if let Some(found) = self.states().token_state(&name).await.map_err(|error| later(&error))? {
                    if found.version > state.version && found.standing == Standing::Connected {
                        return self.token_of(&found).await;
                    }
                    if let Some(kept) = self.read(&name, state.version + 1).await? {
                        return self.adopt(client, found, kept).await;
                    }
                }
                self.needs_person(state, error.to_string()).await
            }
            TokenError::Refused { .. } if ended => self.needs_person(state, error.to_string()).await,
            TokenError::Lost { .. } => self.try_later(state, &error, Some(SOON), now).await,
            TokenError::Unavailable { retry_after, .. } => {
                let wait = back_off(state.failures, retry_after, self.random.as_ref());
                self.try_later(state, &error, Some(wait), now).await
            }
            TokenError::Refused { .. } | TokenError::Unreadable { .. } => {
                self.try_later(state, &error, None, now).await
            }
        }
    }

    /// Notes when to try again. The present token is given out while it holds.
    async fn try_later(
        &self,
        state: TokenState,
        error: &TokenError,
        wait: Option<Duration>,
        now: Timestamp,
    ) -> Result<AccessToken, NoToken> {
        let lost_before = matches!(error, TokenError::Lost { .. }) && state.failures > 0;
        let wait = wait.filter(|_| !lost_before);
        let wait = wait.unwrap_or_else(|| back_off(state.failures, None, self.random.as_ref()));
        let revision = state.revision;
        let noted = TokenState {
            failures: state.failures + 1,
            reason: Some(error.to_string()),
            due_at: Some(now.plus(wait)),
            ..state.clone()
        };
        self.states().put_tokens(noted.clone(), Some(revision)).await.map_err(|error| later(&error))?;
        self.meanwhile(&noted, wait).await
    }

    /// Only a person can help.
    async fn needs_person(&self, state: TokenState, why: String) -> Result<AccessToken, NoToken> {
        let (name, revision) = (state.connection.clone(), state.revision);
        let noted = TokenState {
            standing: Standing::NeedsReauthorization,
            reason: Some(why.clone()),
            since: self.clock.now(),
            due_at: None,
            announced: false,
            ..state
        };
        let written: Result<bool, StoreError> = self.states().put_tokens(noted, Some(revision)).await;
        self.forget(&name);
        match written {
            Ok(true) => Err(NoToken::NeedsPerson(self.why_not(&name, Standing::NeedsReauthorization, Some(&why)))),
            // Somebody changed it meanwhile: they may have brought new tokens.
            Ok(false) => self.token_of(&self.usable(&name).await?).await,
            Err(error) => Err(later(&error)),
        }
    }
}
