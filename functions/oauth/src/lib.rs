//! The function where a person connects a connection: `/oauth/start/{connection}` leads to the provider, `/oauth/callback`
//! takes the code that comes back, exchanges it, and hands the tokens to the broker.
//!
//! What keeps others out: a state of 256 random bits that is kept sealed, is taken once and ends after ten minutes; a cookie
//! that binds it to the browser that began; PKCE where the provider takes it; the issuer, where the answer names one
//! (RFC 9207); the exact redirect address; an invitation for whoever is not on this machine; and the account that the
//! connection had before, which a new one must be of.
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used))]
#![expect(clippy::result_large_err, reason = "a page that says no is made once for a person, and shown")]

mod callback;
mod flow;
mod page;
mod start;

use std::sync::Arc;

use axum::Router;
use axum::routing::get;
use deskwire_core::ids::ConnectionName;
use deskwire_core::public_url;
use deskwire_core::random::Random;
use deskwire_core::time::Clock;
use deskwire_secrets::Vault;
use deskwire_tokens::{Broker, Providers};
use url::Url;

/// Who may begin to connect a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Doors {
    /// Whoever reaches the address: it is on this machine only.
    Open,
    /// Whoever brings an invitation.
    Invited,
}

/// What the function works with.
pub struct OAuth {
    /// Keeps the tokens.
    pub broker: Arc<Broker>,
    /// The OAuth clients, by connection.
    pub providers: Arc<Providers>,
    /// Keeps what is under way.
    pub vault: Vault,
    /// Where people and providers reach us.
    pub public_url: Url,
    /// Who may begin.
    pub doors: Doors,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// For states and verifiers.
    pub random: Arc<dyn Random>,
}

impl OAuth {
    /// Where providers send people back to. Registered at the provider, to the letter.
    pub fn redirect_uri(&self) -> Url {
        public_url::below(&self.public_url, "oauth/callback")
    }

    /// Where a person begins to connect a connection.
    pub fn start_link(&self, connection: &ConnectionName) -> Url {
        public_url::below(&self.public_url, &format!("oauth/start/{connection}"))
    }
}

/// The function's routes. Where the public URL has a path, they are there below it, too: whoever stands before us may or may
/// not take it off.
pub fn router(oauth: Arc<OAuth>) -> Router {
    let prefix = public_url::prefix(&oauth.public_url).to_owned();
    let routes = Router::new()
        .route("/oauth/start/{connection}", get(start::start))
        .route("/oauth/callback", get(callback::callback))
        .with_state(oauth);
    if prefix.is_empty() { routes } else { Router::new().nest(&prefix, routes.clone()).merge(routes) }
}

#[cfg(test)]
mod tests;
