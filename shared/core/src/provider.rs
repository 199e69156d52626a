//! What the providers are: one table of facts, read from `providers.json`, which the build embeds.
//!
//! Code handles the kinds that the table's columns can take, never a provider's name.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use serde::Deserialize;

use crate::connection::AuthConfig;
use crate::signature::Scheme;

/// A provider's row.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Provider {
    /// How its name is written for people.
    pub title: String,
    /// Where its API is, for the providers that have one address for all.
    pub default_base_url: Option<String>,
    /// What an allowed domain of this provider looks like, for messages.
    pub domain_hint: String,
    /// The media types its webhooks send; none where it sends no webhooks.
    pub webhook_content_types: Vec<String>,
    /// How its requests to us are signed; the first is the usual one. None where it sends no webhooks.
    pub signatures: Vec<Scheme>,
    /// Its own harmless call, which tells who we are.
    #[serde(default)]
    pub probe: Option<Probe>,
    /// How it speaks OAuth 2.0, if it does.
    #[serde(default)]
    pub oauth: Option<OAuthFacts>,
    /// Kinds of sign-in that it will turn down one day.
    #[serde(default)]
    pub retiring: Vec<Retiring>,
}

/// A kind of sign-in that a provider has said it will turn down.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Retiring {
    /// The kind, in the word of project files.
    pub kind: String,
    /// What its user name ends in, where that tells it.
    #[serde(default)]
    pub username_ends: Option<String>,
    /// The day from which it is turned down: `2027-04-30`.
    pub from: String,
    /// What it is and what happens, for people.
    pub about: String,
    /// The page that says so.
    pub page: String,
}

impl Retiring {
    /// Is this how a connection signs in?
    pub fn covers(&self, auth: &AuthConfig) -> bool {
        let username = match auth {
            AuthConfig::Basic { username, .. } => Some(username),
            _ => None,
        };
        let ending = self.username_ends.as_ref();
        self.kind == auth.kind() && ending.is_none_or(|end| username.is_some_and(|name| name.ends_with(end)))
    }
}

/// A call that changes nothing and tells who we are.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Probe {
    /// Its path below the API's address.
    pub path: String,
    /// A POST instead of a GET?
    #[serde(default)]
    pub post: bool,
    /// What an answer for somebody holds: neither null nor false stands there (a JSON pointer).
    pub must: String,
    /// Where the account stands.
    #[serde(default)]
    pub account: Option<String>,
    /// Where the user stands.
    #[serde(default)]
    pub user: Option<String>,
    /// The header that names the scopes.
    #[serde(default)]
    pub scopes_header: Option<String>,
}

/// How a provider's OAuth 2.0 differs from RFC 6749. Every column has the standard as its default.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct OAuthFacts {
    /// Where a person agrees; `{tenant}` stands for the customer's own name.
    pub authorize_url: Option<String>,
    /// Where tokens are given out; `{tenant}` as above.
    pub token_url: Option<String>,
    /// What the tenant is at this provider, for messages.
    pub tenant: Option<String>,
    /// The tenant where none is given.
    pub default_tenant: Option<String>,
    /// Does it bind codes to their requester (RFC 7636)?
    pub pkce: bool,
    /// How a client proves who it is.
    pub client_auth: ClientAuth,
    /// What parts scopes in the link.
    pub scope_separator: String,
    /// Further parameters of the link.
    pub authorize_params: BTreeMap<String, String>,
    /// Further parameters of every token request.
    pub token_params: BTreeMap<String, String>,
    /// The token types that mean `Bearer`.
    pub token_types: Vec<String>,
    /// The part of an answer that holds the token where its top does not.
    pub nested: Option<String>,
    /// What an answer says about the account: our name of it, and where it stands (a JSON pointer).
    pub account: BTreeMap<String, String>,
    /// Our name of what an answer says about where the API is.
    pub base_url: Option<String>,
    /// Its own error codes, by those of the standard that they mean.
    pub error_codes: BTreeMap<String, String>,
    /// How long a refresh token holds that nobody uses, where answers do not say it; in seconds.
    pub refresh_lifetime: Option<u64>,
    /// After how long to renew an access token whose answer names no end; in seconds. `None`: not before it is turned down.
    pub renew_after: Option<u64>,
    /// How long a used refresh token is still taken; in seconds.
    pub grace: u64,
    /// The error codes of its API that mean that a token has ended.
    pub ended_codes: Vec<String>,
    /// Scopes that stand for others: a scope, and those it gives; a `*` in front stands for any beginning.
    pub covers: BTreeMap<String, Vec<String>>,
    /// The page that says so.
    pub page: String,
}

impl OAuthFacts {
    /// Do these scopes give that one?
    pub fn gives(&self, granted: &[String], needed: &str) -> bool {
        let covered = |pattern: &String| match pattern.strip_prefix('*') {
            Some(ending) => needed.ends_with(ending),
            None => pattern == needed,
        };
        granted
            .iter()
            .any(|scope| scope == needed || self.covers.get(scope).is_some_and(|patterns| patterns.iter().any(covered)))
    }
}

impl Default for OAuthFacts {
    fn default() -> Self {
        Self {
            authorize_url: None,
            token_url: None,
            tenant: None,
            default_tenant: None,
            pkce: true,
            client_auth: ClientAuth::Basic,
            scope_separator: " ".to_owned(),
            authorize_params: BTreeMap::new(),
            token_params: BTreeMap::new(),
            token_types: vec!["bearer".to_owned()],
            nested: None,
            account: BTreeMap::new(),
            base_url: None,
            error_codes: BTreeMap::new(),
            refresh_lifetime: None,
            renew_after: None,
            grace: 0,
            ended_codes: Vec::new(),
            covers: BTreeMap::new(),
            page: String::new(),
        }
    }
}

/// How a client proves who it is (RFC 6749, section 2.3.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ClientAuth {
    /// `Authorization: Basic …`
    Basic,
    /// Fields of the form.
    Body,
}

impl Provider {
    /// The signature scheme of this name.
    pub fn scheme(&self, name: &str) -> Option<&Scheme> {
        self.signatures.iter().find(|scheme| scheme.name == name)
    }
}

static PROVIDERS: LazyLock<BTreeMap<String, Provider>> = LazyLock::new(|| {
    // A broken table cannot be built past the test below; at run time it would show as "no such provider".
    crate::json::from_str(include_str!("../providers.json")).unwrap_or_default()
});

/// The provider of this name, as project files write it.
pub fn provider(name: &str) -> Option<&'static Provider> {
    PROVIDERS.get(name)
}

/// The names of all providers, sorted.
pub fn names() -> impl Iterator<Item = &'static str> {
    PROVIDERS.keys().map(String::as_str)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_broad_scope_gives_those_it_stands_for() {
        let facts = |name: &str| provider(name).and_then(|provider| provider.oauth.as_ref()).unwrap();
        let given = |name: &str, granted: &str, needed: &str| {
            let granted: Vec<String> = granted.split(' ').map(str::to_owned).collect();
            facts(name).gives(&granted, needed)
        };
        for (name, granted, needed, gives) in [
            ("slack", "chat:write users:read", "chat:write", true),
            ("slack", "chat:write users:read", "users:read.email", false),
            ("slack", "read", "users:read", false),
            ("zendesk", "read", "tickets:read", true),
            ("zendesk", "read", "tickets:write", false),
            ("zendesk", "tickets:read write", "tickets:write", true),
            ("zendesk", "tickets:read", "users:read", false),
            ("qualtrics", "manage:all", "read:surveys", true),
            ("salesforce", "full refresh_token", "api", true),
        ] {
            assert_eq!(given(name, granted, needed), gives, "{name}: {granted} for {needed}");
        }
    }

    #[test]
    fn the_table_of_facts_loads_whole() {
        let table: BTreeMap<String, Provider> = crate::json::from_str(include_str!("../providers.json")).unwrap();
        assert_eq!(table.keys().collect::<Vec<_>>(), ["http", "qualtrics", "salesforce", "slack", "zendesk"]);
        for (name, provider) in &table {
            assert_eq!(provider.signatures.is_empty(), name == "http", "{name}");
            assert_eq!(provider.signatures.is_empty(), provider.webhook_content_types.is_empty(), "{name}");
            for retiring in &provider.retiring {
                let day = crate::time::Timestamp::parse(&format!("{}T00:00:00Z", retiring.from));
                assert!(day.is_ok() && retiring.page.starts_with("https://"), "{name}: {}", retiring.about);
            }
            for scheme in &provider.signatures {
                assert!(scheme.page.starts_with("https://"), "{name}/{} names no page", scheme.name);
            }
        }
    }
}
