//! Connections: stored credentials for one service, as `deskwire.yaml` declares them.

use serde::{Deserialize, Serialize};
use url::Url;

use crate::domain::AllowedDomain;
use crate::ids::{ConnectionName, OAuthClientName};
use crate::secret::SecretRef;

/// A connection's configuration. It names where the secrets are; it never holds one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConnectionConfig {
    /// Its name.
    pub name: ConnectionName,
    /// What people call it. It may change at any time, and nothing refers to it.
    pub display_name: Option<String>,
    /// A provider of the facts table: `zendesk`, `slack`.
    pub provider: String,
    /// How a request is signed in.
    pub auth: AuthConfig,
    /// The only domain (and its subdomains, with a leading `*.`) that the credentials are ever sent to.
    pub allowed_domain: AllowedDomain,
    /// Where the provider's API is; the provider's own address unless the file says otherwise.
    pub base_url: Url,
    /// Where an address is that is a secret itself, as that of a Qualtrics JSON event.
    pub secret_url: Option<SecretRef>,
}

impl ConnectionConfig {
    /// What of it stays as it is for good.
    pub fn fixed(&self) -> FixedFacts {
        FixedFacts {
            name: self.name.clone(),
            kind: self.auth.kind().to_owned(),
            allowed_domain: self.allowed_domain.to_string(),
            header: match &self.auth {
                AuthConfig::ApiKey { header, .. } => Some(header.clone()),
                _ => None,
            },
        }
    }
}

/// What cannot change once a connection is there: credentials that were given for one place must not find themselves sent
/// to another, or in another way, because somebody edited a file. Zendesk's connections keep the same facts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FixedFacts {
    /// The connection.
    pub name: ConnectionName,
    /// The kind of sign-in, in the word of project files.
    pub kind: String,
    /// The only domain the credentials are sent to.
    pub allowed_domain: String,
    /// The header that carries an API key; none for other kinds.
    pub header: Option<String>,
}

impl FixedFacts {
    /// What differs in `now`, with each fact in the words of project files: the fact, what it is, what it would become.
    pub fn differences(&self, now: &Self) -> Vec<(&'static str, String, String)> {
        let none = || "none".to_owned();
        // A header is the same in either case (RFC 9110, section 5.1); a domain is kept in one form.
        let lower = |fact: &Option<String>| fact.as_ref().map_or_else(none, |fact| fact.to_ascii_lowercase());
        let all = [
            ("type", self.kind.clone(), now.kind.clone()),
            ("allowed_domain", self.allowed_domain.clone(), now.allowed_domain.clone()),
            ("header", lower(&self.header), lower(&now.header)),
        ];
        all.into_iter().filter(|(_, was, is)| was != is).collect()
    }
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
    /// `Authorization: Bearer …` with a token that is given out by OAuth 2.0 (RFC 6749) and renewed before it ends.
    OAuth2 {
        /// The client that asks for it.
        client: OAuthClientName,
    },
}

impl AuthConfig {
    /// The secret this kind of sign-in needs; none where tokens are given out.
    pub fn secret(&self) -> Option<&SecretRef> {
        match self {
            Self::Bearer { token } => Some(token),
            Self::Basic { password, .. } => Some(password),
            Self::ApiKey { key, .. } => Some(key),
            Self::OAuth2 { .. } => None,
        }
    }

    /// The word project files use for this kind.
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Bearer { .. } => "bearer",
            Self::Basic { .. } => "basic",
            Self::ApiKey { .. } => "api_key",
            Self::OAuth2 { .. } => "oauth2",
        }
    }
}

/// An OAuth client, as `deskwire.yaml` declares it. It names where its secret is; it never holds one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OAuthClientConfig {
    /// Its name.
    pub name: OAuthClientName,
    /// The provider whose presets complete it; `http` has none.
    pub provider: String,
    /// How tokens are asked for.
    pub grant: OAuthGrant,
    /// Who we are to the provider.
    pub client_id: String,
    /// Where the client's secret is; none for a public client.
    pub client_secret: Option<SecretRef>,
    /// What is asked for.
    pub scopes: Vec<String>,
    /// The customer's own name in the provider's addresses: a Zendesk subdomain, a Salesforce My Domain, a data centre.
    pub tenant: Option<String>,
    /// Where a person agrees, unless the provider's preset says so.
    pub authorize_url: Option<Url>,
    /// Where tokens are given out, unless the provider's preset says so.
    pub token_url: Option<Url>,
    /// Is the code bound to its requester (RFC 7636)? As the provider's preset says unless given.
    pub pkce: Option<bool>,
}

/// How tokens are asked for (RFC 6749, section 1.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum OAuthGrant {
    /// A person agrees once; after that, refresh tokens do.
    AuthorizationCode,
    /// The client asks for itself.
    ClientCredentials,
}

impl OAuthGrant {
    /// The word of project files and of the protocol.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::AuthorizationCode => "authorization_code",
            Self::ClientCredentials => "client_credentials",
        }
    }
}

/// The most characters of a header's name.
const MOST_HEADER: usize = 128;

/// Headers that carry something else than a key, and those that proxies and clouds set. Zendesk refuses the same ones for
/// its connections, save our own prefix.
const REFUSED_HEADERS: [&str; 34] = [
    "accept",
    "accept-charset",
    "accept-encoding",
    "accept-language",
    "cache-control",
    "connection",
    "content-md5",
    "cookie",
    "date",
    "expect",
    "from",
    "host",
    "if-match",
    "if-modified-since",
    "if-none-match",
    "if-range",
    "if-unmodified-since",
    "max-forwards",
    "pragma",
    "proxy-authenticate",
    "proxy-authorization",
    "range",
    "server",
    "referer",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "user-agent",
    "via",
    "warning",
    "www-authenticate",
    "content-length",
    "content-type",
];
const REFUSED_PREFIXES: [&str; 5] = ["x-amz-", "x-amzn-", "x-forwarded-", "x-zis-", "x-deskwire-"];

/// Why a header cannot carry a key; `None` for one that can. The sentence follows "`header`".
pub fn bad_header(name: &str) -> Option<String> {
    let lower = name.to_ascii_lowercase();
    if name.is_empty() || !name.bytes().all(|byte| byte.is_ascii_alphabetic() || matches!(byte, b'-' | b'_')) {
        return Some("is not the name of a header: letters, `-` and `_` only".to_owned());
    }
    if name.len() > MOST_HEADER {
        return Some(format!("is longer than {MOST_HEADER} characters"));
    }
    if REFUSED_HEADERS.contains(&lower.as_str()) {
        return Some(format!("cannot be `{name}`: that header has a meaning of its own"));
    }
    let prefix = REFUSED_PREFIXES.into_iter().find(|prefix| lower.starts_with(prefix))?;
    Some(format!("cannot be `{name}`: headers that begin with `{prefix}` are set by others"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_with_a_meaning_of_their_own_carry_no_key() {
        for fine in ["X-API-TOKEN", "authorization", "Api_Key", &"a".repeat(128)] {
            assert_eq!(bad_header(fine), None, "{fine}");
        }
        let refused = REFUSED_HEADERS.into_iter().map(str::to_ascii_uppercase);
        let prefixed = REFUSED_PREFIXES.into_iter().map(|prefix| format!("{}Anything", prefix.to_ascii_uppercase()));
        let odd = ["", "x y", "x:y", "x1", "ключ", "x\r\ny"].into_iter().map(str::to_owned);
        for bad in refused.chain(prefixed).chain(odd).chain(["a".repeat(129)]) {
            assert!(bad_header(&bad).is_some(), "{bad}");
        }
    }
}
