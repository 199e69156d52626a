//! Whom the broker asks for tokens: the OAuth clients of the connections.

use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use deskwire_core::BoxFuture;
use deskwire_core::connection::OAuthGrant;
use deskwire_core::ids::ConnectionName;
use deskwire_core::secret::SecretString;
use deskwire_egress::Egress;
use deskwire_oauth::{Client, Endpoint, TokenError, Tokens};

/// Asks token endpoints.
pub trait Ask: Send + Sync {
    /// The client of a connection, if it is signed in by OAuth.
    fn client(&self, connection: &ConnectionName) -> Option<Arc<Client>>;

    /// Asks for new tokens, once: with the refresh token, or as the client itself where there is none.
    fn renew<'a>(
        &'a self,
        client: &'a Client,
        refresh_token: Option<&'a SecretString>,
    ) -> BoxFuture<'a, Result<Tokens, TokenError>>;
}

/// The clients of a project's connections, asked through the guarded HTTP client.
pub struct Providers {
    egress: Arc<Egress>,
    clients: RwLock<BTreeMap<ConnectionName, Arc<Client>>>,
}

impl Providers {
    /// With these clients, by connection.
    pub fn new(egress: Arc<Egress>, clients: BTreeMap<ConnectionName, Arc<Client>>) -> Self {
        Self { egress, clients: RwLock::new(clients) }
    }

    /// Puts others in their place.
    pub fn replace(&self, clients: BTreeMap<ConnectionName, Arc<Client>>) {
        *self.clients.write().unwrap_or_else(PoisonError::into_inner) = clients;
    }

    /// The connections that are signed in by OAuth.
    pub fn connections(&self) -> Vec<ConnectionName> {
        self.clients.read().unwrap_or_else(PoisonError::into_inner).keys().cloned().collect()
    }

    /// For exchanging codes.
    pub fn endpoint(&self) -> Endpoint<'_> {
        Endpoint { egress: &self.egress }
    }
}

impl Ask for Providers {
    fn client(&self, connection: &ConnectionName) -> Option<Arc<Client>> {
        self.clients.read().unwrap_or_else(PoisonError::into_inner).get(connection).map(Arc::clone)
    }

    fn renew<'a>(
        &'a self,
        client: &'a Client,
        refresh_token: Option<&'a SecretString>,
    ) -> BoxFuture<'a, Result<Tokens, TokenError>> {
        Box::pin(async move {
            match refresh_token {
                Some(token) => self.endpoint().refresh(client, token).await,
                None => self.endpoint().client_credentials(client).await,
            }
        })
    }
}

/// Can the client ask by itself, without a person and without a refresh token?
pub(crate) fn asks_by_itself(client: &Client) -> bool {
    client.grant == OAuthGrant::ClientCredentials
}

/// How long a used refresh token is still taken.
pub(crate) fn grace(client: &Client) -> Duration {
    Duration::from_secs(client.facts.grace)
}
