//! Stand-ins instead of the providers: the project's own connections, led to the sandbox, with the sandbox's secrets.

use std::collections::BTreeMap;

use deskwire_core::connection::{AuthConfig, ConnectionConfig};
use deskwire_core::secret::{SecretRef, SecretString};
use url::Url;

/// Where the stand-ins are and what they take as secrets.
#[derive(Debug, Clone)]
pub struct StandIns {
    /// Base URL and token by provider.
    pub providers: BTreeMap<String, (Url, SecretString)>,
    /// What the stand-ins sign their webhooks with; every source takes it.
    pub signing_secret: SecretString,
}

impl StandIns {
    /// The address, secret elsewhere, at which the stand-in takes events.
    pub(crate) fn secret_url(config: &ConnectionConfig) -> SecretString {
        let base = config.base_url.as_str().trim_end_matches('/');
        SecretString::from(format!("{base}/inbound-event/v1/events/json/triggers?urlTokenId=sandbox"))
    }

    /// The connection as it is in the sandbox; `None` for a provider without a stand-in.
    pub(crate) fn instead_of(&self, config: &ConnectionConfig) -> Option<(ConnectionConfig, SecretString)> {
        // By a token, whatever the provider wants: nobody signs in at a stand-in.
        let (base_url, token) = self.providers.get(&config.provider)?;
        let auth = AuthConfig::Bearer { token: SecretRef::Stored("of the sandbox".to_owned()) };
        Some((ConnectionConfig { base_url: base_url.clone(), auth, ..config.clone() }, token.clone()))
    }
}
