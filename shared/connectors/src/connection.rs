//! A connection that is ready to be used: where its provider is and how its requests are signed in. Made by the binaries
//! from the project's configuration and the secret they found; used by the client alone.

use std::borrow::Cow;
use std::fmt;
use std::sync::{Mutex, PoisonError};

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use deskwire_core::connection::{AuthConfig, ConnectionConfig, bad_header};
use deskwire_core::domain::AllowedDomain;
use deskwire_core::ids::ConnectionName;
use deskwire_core::secret::{ExposeSecret, SecretString};
use deskwire_core::token::AccessToken;
use http::header::{AUTHORIZATION, HeaderName, HeaderValue};
use url::{Host, Url};

/// A connection with its credential.
pub struct Connection {
    pub(crate) name: ConnectionName,
    pub(crate) provider: String,
    pub(crate) allowed_domain: AllowedDomain,
    base_url: Url,
    secret_url: Option<Url>,
    header: HeaderName,
    credential: Credential,
}

/// What signs requests in.
enum Credential {
    /// A secret that somebody stored, and where it is kept. The value is marked sensitive, so that neither we nor the HTTP
    /// library print it.
    Stored { value: HeaderValue, place: String },
    /// Tokens that are given out; the last one that was used.
    GivenOut { last: Mutex<HeaderValue> },
}

impl fmt::Debug for Connection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connection").field("name", &self.name).field("provider", &self.provider).finish_non_exhaustive()
    }
}

/// A connection that cannot be used as it is configured. Never holds the secret.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadConnection {
    /// A user name with a colon, which ends the user name on the way (RFC 7617, section 2).
    #[error("connection {connection}: the user name holds a `:`, which basic sign-in cannot carry")]
    ColonInUsername {
        /// Which connection.
        connection: ConnectionName,
    },
    /// A header that is no header's name.
    #[error("connection {connection}: `{header}` is not the name of an HTTP header")]
    HeaderName {
        /// Which connection.
        connection: ConnectionName,
        /// What the file says.
        header: String,
    },
    /// A secret address that cannot be used.
    #[error("connection {connection}: its secret_url {why}; copy it again from the editor that shows it")]
    SecretUrl {
        /// Which connection.
        connection: ConnectionName,
        /// What is wrong with it.
        why: &'static str,
    },
    /// A secret that cannot travel in a header.
    #[error(
        "connection {connection}: the secret in {place} holds a line break or another character that cannot be sent; \
         copy it again"
    )]
    SecretCharacters {
        /// Which connection.
        connection: ConnectionName,
        /// Where the secret is kept.
        place: String,
    },
}

impl Connection {
    /// Takes a connection's configuration and the secret that [`AuthConfig::secret`] names; a connection whose tokens are
    /// given out has none, and takes no notice of one.
    pub fn new(config: &ConnectionConfig, secret: &SecretString) -> Result<Self, BadConnection> {
        let connection = || config.name.clone();
        let place = config.auth.secret().map(ToString::to_string);
        let secret = secret.expose_secret();
        let (header, value) = match &config.auth {
            AuthConfig::Bearer { .. } => (AUTHORIZATION, format!("Bearer {secret}")),
            AuthConfig::Basic { username, .. } => {
                if username.contains(':') {
                    return Err(BadConnection::ColonInUsername { connection: connection() });
                }
                (AUTHORIZATION, format!("Basic {}", BASE64_STANDARD.encode(format!("{username}:{secret}"))))
            }
            AuthConfig::ApiKey { header, .. } => {
                let bad = || BadConnection::HeaderName { connection: connection(), header: header.clone() };
                if bad_header(header).is_some() {
                    return Err(bad());
                }
                (HeaderName::try_from(header.as_str()).map_err(|_| bad())?, secret.to_owned())
            }
            AuthConfig::OAuth2 { .. } => (AUTHORIZATION, String::new()),
        };
        let credential = match place {
            None => Credential::GivenOut { last: Mutex::new(HeaderValue::from_static("")) },
            Some(place) => {
                let mut value = HeaderValue::try_from(value)
                    .map_err(|_| BadConnection::SecretCharacters { connection: connection(), place: place.clone() })?;
                value.set_sensitive(true);
                Credential::Stored { value, place }
            }
        };
        Ok(Self {
            name: config.name.clone(),
            provider: config.provider.clone(),
            allowed_domain: config.allowed_domain.clone(),
            base_url: config.base_url.clone(),
            secret_url: None,
            header,
            credential,
        })
    }

    /// The same with an address that is a secret itself.
    pub fn with_secret_url(self, url: &SecretString) -> Result<Self, BadConnection> {
        let bad = |why| BadConnection::SecretUrl { connection: self.name.clone(), why };
        let url = Url::parse(url.expose_secret().trim()).map_err(|_| bad("is no URL"))?;
        if !url.username().is_empty() || url.password().is_some() {
            return Err(bad("holds a user name or a password"));
        }
        let host = url.host_str().unwrap_or_default();
        // Where this machine may be called, the guard of the way out says so.
        let is_loopback =
            matches!(url.host(), Some(Host::Ipv4(address)) if address.is_loopback()) || host == "localhost";
        if !is_loopback && (url.scheme() != "https" || !self.allowed_domain.allows(host)) {
            return Err(bad("lies outside the connection's allowed_domain, or is no https address"));
        }
        Ok(Self { secret_url: Some(url), ..self })
    }

    /// The address that is a secret itself.
    pub(crate) fn secret_url(&self) -> Option<&Url> {
        self.secret_url.as_ref()
    }

    /// The stored credential that signs requests in; `None` where tokens are given out.
    pub(crate) fn stored_credential(&self) -> Option<&HeaderValue> {
        match &self.credential {
            Credential::Stored { value, .. } => Some(value),
            Credential::GivenOut { .. } => None,
        }
    }

    /// A token that was given out, as the credential of a request.
    pub(crate) fn with_token(&self, token: &AccessToken) -> Option<HeaderValue> {
        let mut value = HeaderValue::try_from(format!("Bearer {}", token.secret.expose_secret())).ok()?;
        value.set_sensitive(true);
        if let Credential::GivenOut { last } = &self.credential {
            last.lock().unwrap_or_else(PoisonError::into_inner).clone_from(&value);
        }
        Some(value)
    }

    /// What a person does where the provider takes the credential no longer.
    pub(crate) fn remedy(&self) -> String {
        match &self.credential {
            Credential::Stored { place, .. } => format!("Store a new one in {place}."),
            Credential::GivenOut { .. } => {
                format!("Connect it again with `deskwire connections connect {}`.", self.name)
            }
        }
    }

    /// The name of that header.
    pub(crate) fn sign_in_header(&self) -> &HeaderName {
        &self.header
    }

    /// Text that a provider sent, without the credential in it: some repeat what they were sent. A credential of few
    /// characters would be found everywhere and stays.
    pub(crate) fn without_credential<'t>(&self, text: &'t str) -> Cow<'t, str> {
        const FEW: usize = 8;
        let credential = match &self.credential {
            Credential::Stored { value, .. } => value.clone(),
            Credential::GivenOut { last } => last.lock().unwrap_or_else(PoisonError::into_inner).clone(),
        };
        let secret = credential.to_str().unwrap_or_default().rsplit(' ').next().unwrap_or_default();
        if secret.len() < FEW || !text.contains(secret) {
            return Cow::Borrowed(text);
        }
        Cow::Owned(text.replace(secret, "[credential]"))
    }

    /// An address below the connection's base URL, which may or may not end in a slash; without a path, the base URL itself.
    /// `elsewhere` is where a token's answer said that the API is.
    pub(crate) fn url(&self, elsewhere: Option<&Url>, path: &str, query: &[(&str, &str)]) -> Url {
        let base = elsewhere.unwrap_or(&self.base_url);
        let mut url = base.clone();
        if !path.is_empty() {
            url.set_path(&format!("{}/{path}", base.path().trim_end_matches('/')));
        }
        url.set_fragment(None);
        url.set_query(None);
        if !query.is_empty() {
            url.query_pairs_mut().extend_pairs(query);
        }
        url
    }
}

#[cfg(test)]
mod tests {
    use deskwire_core::secret::SecretRef;

    use super::*;

    fn config(auth: AuthConfig) -> ConnectionConfig {
        ConnectionConfig {
            display_name: None,
            name: ConnectionName::parse("crm").unwrap(),
            provider: "zendesk".into(),
            auth,
            allowed_domain: AllowedDomain::parse("acme.zendesk.com").unwrap(),
            base_url: Url::parse("https://acme.zendesk.com/base?old=1").unwrap(),
            secret_url: None,
        }
    }

    fn token() -> SecretRef {
        SecretRef::Env("CRM_TOKEN".into())
    }

    fn open(auth: AuthConfig, secret: &str) -> Result<Connection, BadConnection> {
        Connection::new(&config(auth), &SecretString::from(secret))
    }

    #[test]
    fn each_kind_of_sign_in_has_its_header() {
        let table = [
            (AuthConfig::Bearer { token: token() }, "authorization", "Bearer marker"),
            // printf 'ops@example.com/token:marker' | base64
            (
                AuthConfig::Basic { username: "ops@example.com/token".into(), password: token() },
                "authorization",
                "Basic b3BzQGV4YW1wbGUuY29tL3Rva2VuOm1hcmtlcg==",
            ),
            (AuthConfig::ApiKey { header: "X-API-Token".into(), key: token() }, "x-api-token", "marker"),
        ];
        for (auth, header, value) in table {
            let connection = open(auth, "marker").unwrap();
            let credential = connection.stored_credential().unwrap();
            assert_eq!((connection.sign_in_header().as_str(), credential.to_str().unwrap()), (header, value));
            assert!(credential.is_sensitive());
        }
    }

    #[test]
    fn a_connection_prints_nothing_of_its_credential() {
        let api_key = AuthConfig::ApiKey { header: "X-API-Token".into(), key: token() };
        for auth in [AuthConfig::Bearer { token: token() }, api_key] {
            let connection = open(auth, "marker").unwrap();
            assert!(!format!("{connection:?} {:?}", connection.stored_credential()).contains("marker"));
        }
    }

    #[test]
    fn a_repeated_credential_is_taken_out_of_what_a_provider_sent() {
        let basic = AuthConfig::Basic { username: "ops@example.com/token".into(), password: token() };
        let table = [
            (AuthConfig::Bearer { token: token() }, "bad token long-marker.", "bad token [credential]."),
            (AuthConfig::ApiKey { header: "Authorization".into(), key: token() }, "x long-marker", "x [credential]"),
            (basic, "Basic b3BzQGV4YW1wbGUuY29tL3Rva2VuOmxvbmctbWFya2Vy", "Basic [credential]"),
        ];
        for (auth, sent, kept) in table {
            assert_eq!(open(auth, "long-marker").unwrap().without_credential(sent), kept);
        }
        let short = open(AuthConfig::Bearer { token: token() }, "a").unwrap();
        assert_eq!(short.without_credential("banana"), "banana");
    }

    #[test]
    fn a_secret_with_a_line_break_is_refused_without_showing_it() {
        let error = open(AuthConfig::Bearer { token: token() }, "marker\n").unwrap_err();
        assert!(error.to_string().contains("environment variable CRM_TOKEN"), "{error}");
        assert!(!format!("{error} {error:?}").contains("marker"));
    }

    #[test]
    fn odd_user_names_and_headers_are_refused() {
        let basic = AuthConfig::Basic { username: "a:b".into(), password: token() };
        assert!(matches!(open(basic, "x"), Err(BadConnection::ColonInUsername { .. })));
        let api_key = AuthConfig::ApiKey { header: "X Y".into(), key: token() };
        assert!(matches!(open(api_key, "x"), Err(BadConnection::HeaderName { .. })));
    }

    #[test]
    fn addresses_lie_below_the_base_url_and_queries_are_encoded() {
        let connection = open(AuthConfig::Bearer { token: token() }, "x").unwrap();
        assert_eq!(
            connection
                .url(None, "api/v2/tickets/7/comments", &[("page[size]", "100"), ("sort", "-created_at")])
                .as_str(),
            "https://acme.zendesk.com/base/api/v2/tickets/7/comments?page%5Bsize%5D=100&sort=-created_at"
        );
        assert_eq!(connection.url(None, "x", &[]).as_str(), "https://acme.zendesk.com/base/x");
        assert_eq!(connection.url(None, "", &[]).as_str(), "https://acme.zendesk.com/base");
    }
}
