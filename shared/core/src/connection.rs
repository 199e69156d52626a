//! Connections: stored credentials for one service, as `deskwire.yaml` declares them.

use url::Url;

use crate::ids::ConnectionName;
use crate::secret::SecretRef;

/// A connection's configuration. It names where the secrets are; it never holds one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConnectionConfig {
    /// Its name.
    pub name: ConnectionName,
    /// A provider of the facts table: `zendesk`, `slack`.
    pub provider: String,
    /// How a request is signed in.
    pub auth: AuthConfig,
    /// The only domain (and its subdomains, with a leading `*.`) that the credentials are ever sent to.
    pub allowed_domain: String,
    /// Where the provider's API is; the provider's own address unless the file says otherwise.
    pub base_url: Url,
}

/// How a connection signs its requests in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AuthConfig {
    /// `Authorization: Bearer …`
    Bearer {
        /// Where the token is.
        token: SecretRef,
    },
    /// `Authorization: Basic …` (RFC 7617)
    Basic {
        /// The user name; for a Zendesk API token it ends in `/token`.
        username: String,
        /// Where the password is.
        password: SecretRef,
    },
    /// A header of the provider's choice.
    ApiKey {
        /// The header's name.
        header: String,
        /// Where the key is.
        key: SecretRef,
    },
}

impl AuthConfig {
    /// The secrets this kind of sign-in needs.
    pub fn secret(&self) -> &SecretRef {
        match self {
            Self::Bearer { token } => token,
            Self::Basic { password, .. } => password,
            Self::ApiKey { key, .. } => key,
        }
    }

    /// The word project files use for this kind.
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Bearer { .. } => "bearer",
            Self::Basic { .. } => "basic",
            Self::ApiKey { .. } => "api_key",
        }
    }
}
