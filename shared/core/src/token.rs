//! What is known of a connection's OAuth tokens, without the tokens: those are in the secret store, under the version that
//! is named here.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::BoxFuture;
use crate::ids::ConnectionName;
use crate::secret::SecretString;
use crate::time::Timestamp;

/// The event that says that a connection's tokens are in force (again).
pub const CONNECTED: &str = "deskwire.connection.connected";

/// The event that says that a connection needs a person.
pub const NEEDS_REAUTHORIZATION: &str = "deskwire.connection.needs_reauthorization";

/// The subject of a connection's events.
pub fn subject_of(connection: &ConnectionName) -> String {
    format!("connection:{connection}")
}

/// How a connection stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Standing {
    /// Its tokens are in force.
    Connected,
    /// The provider takes its tokens no longer: a person has to connect it again.
    NeedsReauthorization,
    /// A person disconnected it. Its configuration stays.
    Disconnected,
}

impl Standing {
    /// The words that are shown.
    pub const fn in_words(self) -> &'static str {
        match self {
            Self::Connected => "connected",
            Self::NeedsReauthorization => "needs re-authorisation",
            Self::Disconnected => "disconnected",
        }
    }
}

/// What is kept of a connection's tokens. Written only by compare-and-set on `revision`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TokenState {
    /// The connection.
    pub connection: ConnectionName,
    /// Counts every change of this record.
    pub revision: u64,
    /// Which tokens are in force: the secret store keeps each pair under a number of its own, and never changes it.
    pub version: u64,
    /// How it stands.
    pub standing: Standing,
    /// One sentence: why it does not stand better. Holds no secret.
    pub reason: Option<String>,
    /// Since when it stands so.
    pub since: Timestamp,
    /// When the tokens in force were given out.
    pub obtained_at: Timestamp,
    /// When the access token ends; `None` where it has no end.
    pub expires_at: Option<Timestamp>,
    /// When the refresh token lapses if it is not used; `None` where it does not, or where there is none.
    pub lapses_at: Option<Timestamp>,
    /// Is there a refresh token, or a client that can ask anew?
    pub renewable: bool,
    /// When to renew the tokens; `None` where there is nothing to do.
    pub due_at: Option<Timestamp>,
    /// How often renewing has failed in a row.
    pub failures: u32,
    /// The scopes that the provider named.
    pub scopes: Vec<String>,
    /// Did the provider name more than are kept?
    pub scopes_cut: bool,
    /// What the provider said about the account: workspace, user, address.
    pub account: BTreeMap<String, String>,
    /// Has everybody been told of this standing?
    pub announced: bool,
}

impl TokenState {
    /// A record of a connection that has no tokens yet.
    pub const fn empty(connection: ConnectionName, now: Timestamp) -> Self {
        Self {
            connection,
            revision: 0,
            version: 0,
            standing: Standing::Connected,
            reason: None,
            since: now,
            obtained_at: now,
            expires_at: Some(now),
            lapses_at: None,
            renewable: true,
            due_at: Some(now),
            failures: 0,
            scopes: Vec::new(),
            scopes_cut: false,
            account: BTreeMap::new(),
            announced: true,
        }
    }

    /// Will a person be needed before this time?
    pub fn ends_before(&self, time: Timestamp) -> bool {
        let end = if self.renewable { self.lapses_at } else { self.expires_at };
        end.is_some_and(|end| end < time)
    }
}

/// What came of asking for the lease on a connection's tokens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Leased {
    /// It is ours until then.
    Ours(TokenState),
    /// Somebody else has it until this time.
    Held {
        /// When it ends at the latest.
        until: Timestamp,
    },
    /// The connection has no tokens.
    Unknown,
}

/// An access token, ready for a request.
#[derive(Debug, Clone)]
pub struct AccessToken {
    /// The token.
    pub secret: SecretString,
    /// Which of the connection's tokens it is.
    pub version: u64,
    /// Where the provider says that its API is, if it says so (Salesforce's `instance_url`).
    pub base_url: Option<String>,
}

/// Why there is no access token.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NoToken {
    /// A person has to connect it. One sentence: why, and what to do.
    #[error("{0}")]
    NeedsPerson(String),
    /// It may pass. One sentence: what is the matter.
    #[error("{reason}")]
    Later {
        /// What is the matter.
        reason: String,
        /// How long to wait, where somebody said so.
        after: Option<Duration>,
    },
}

/// Gives out access tokens that are in force.
pub trait TokenSource: Send + Sync {
    /// The token to use now.
    fn token<'a>(&'a self, connection: &'a ConnectionName) -> BoxFuture<'a, Result<AccessToken, NoToken>>;

    /// The token to use after the provider turned one down as expired: a newer one if there is, else one that is asked for
    /// now.
    fn renewed<'a>(
        &'a self,
        connection: &'a ConnectionName,
        turned_down: u64,
    ) -> BoxFuture<'a, Result<AccessToken, NoToken>>;
}
