//! An OAuth client that is ready to be used: what the project file says, completed by what is known of its provider.

use std::fmt;

use deskwire_core::connection::{OAuthClientConfig, OAuthGrant};
use deskwire_core::domain::{AllowedDomain, BadDomain};
use deskwire_core::ids::OAuthClientName;
use deskwire_core::provider::{OAuthFacts, provider};
use deskwire_core::secret::SecretString;
use url::Url;

/// A client of one provider.
#[derive(Clone)]
pub struct Client {
    /// Its name in the project file.
    pub name: OAuthClientName,
    /// How tokens are asked for.
    pub grant: OAuthGrant,
    /// Who we are to the provider.
    pub client_id: String,
    /// What proves it; none for a public client.
    pub client_secret: Option<SecretString>,
    /// Where a person agrees; none where nobody has to.
    pub authorize_url: Option<Url>,
    /// Where tokens are given out.
    pub token_url: Url,
    /// What is asked for.
    pub scopes: Vec<String>,
    /// Is the code bound to its requester (RFC 7636)?
    pub pkce: bool,
    /// How the provider differs from the standard.
    pub facts: OAuthFacts,
    /// Where the client's secret may go.
    pub(crate) token_domain: AllowedDomain,
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client").field("name", &self.name).field("grant", &self.grant).finish_non_exhaustive()
    }
}

/// A client that cannot be used as it is configured. One sentence: what is missing, and where to write it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadClient {
    /// Nothing says where tokens are given out.
    #[error("OAuth client {0} needs a `{1}`: nothing is known of this provider that could stand in for it")]
    NoUrl(OAuthClientName, &'static str),
    /// The provider's addresses hold the customer's own name, and it is not given.
    #[error("OAuth client {client} needs `tenant`: {what}")]
    NoTenant {
        /// The client.
        client: OAuthClientName,
        /// What it is at this provider.
        what: String,
    },
    /// The token endpoint is at no domain that may be called.
    #[error("OAuth client {client}: the token URL's domain {reason}")]
    Domain {
        /// The client.
        client: OAuthClientName,
        /// What is wrong with it.
        reason: BadDomain,
    },
}

impl Client {
    /// Completes a configuration.
    pub fn new(config: &OAuthClientConfig, client_secret: Option<SecretString>) -> Result<Self, BadClient> {
        let facts = provider(&config.provider).and_then(|provider| provider.oauth.clone()).unwrap_or_default();
        let url = |given: &Option<Url>, template: &Option<String>, name: &'static str| match (given, template) {
            (Some(url), _) => Ok(Some(url.clone())),
            (None, None) => Ok(None),
            (None, Some(template)) => {
                let tenant = config.tenant.as_deref().or(facts.default_tenant.as_deref());
                let filled = match (template.contains("{tenant}"), tenant) {
                    (true, None) => {
                        let what = facts.tenant.clone().unwrap_or_default();
                        return Err(BadClient::NoTenant { client: config.name.clone(), what });
                    }
                    (true, Some(tenant)) => template.replace("{tenant}", tenant),
                    (false, _) => template.clone(),
                };
                Url::parse(&filled).map(Some).map_err(|_| BadClient::NoUrl(config.name.clone(), name))
            }
        };
        let authorize_url = url(&config.authorize_url, &facts.authorize_url, "authorize_url")?;
        let token_url = url(&config.token_url, &facts.token_url, "token_url")?;
        let token_url = token_url.ok_or_else(|| BadClient::NoUrl(config.name.clone(), "token_url"))?;
        if config.grant == OAuthGrant::AuthorizationCode && authorize_url.is_none() {
            return Err(BadClient::NoUrl(config.name.clone(), "authorize_url"));
        }
        let host = token_url.host_str().unwrap_or_default();
        let token_domain = match AllowedDomain::parse(host) {
            Ok(domain) => domain,
            // The guard decides whether this machine may be called.
            Err(BadDomain::Address | BadDomain::LoopbackAddress | BadDomain::Localhost) => AllowedDomain::nothing(),
            Err(reason) => return Err(BadClient::Domain { client: config.name.clone(), reason }),
        };
        Ok(Self {
            name: config.name.clone(),
            grant: config.grant,
            client_id: config.client_id.clone(),
            client_secret,
            authorize_url,
            token_url,
            scopes: config.scopes.clone(),
            pkce: config.pkce.unwrap_or(facts.pkce),
            facts,
            token_domain,
        })
    }
}
