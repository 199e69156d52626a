//! An entry of `oauth_clients` in `deskwire.yaml`.

use deskwire_core::connection::{OAuthClientConfig, OAuthGrant};
use deskwire_core::ids::OAuthClientName;
use deskwire_core::provider::OAuthFacts;
use url::{Host, Url};

use crate::connection::{HOW_TO_ALLOW, is_loopback, oddly_this_machine, told_oddly};
use crate::fields::{Fields, text};
use crate::report::Report;
use crate::secret_ref::{self, hide_unknown};
use crate::source::known_provider;
use crate::yaml::{Kind, Node};

const KEYS: [&str; 9] =
    ["provider", "grant", "client_id", "client_secret", "scopes", "tenant", "authorize_url", "token_url", "pkce"];

const GRANTS: [(&str, OAuthGrant); 2] =
    [("authorization_code", OAuthGrant::AuthorizationCode), ("client_credentials", OAuthGrant::ClientCredentials)];

/// The most characters of scopes: about what providers keep of them.
const MOST_SCOPE_TEXT: usize = 4_000;

/// Reads a client. The provider comes back even if the rest is not sound, so that connections that use it can be checked.
pub(crate) fn read(
    name: OAuthClientName,
    node: &Node,
    allow_loopback: bool,
    report: &mut Report<'_>,
) -> (Option<String>, Option<OAuthClientConfig>) {
    let errors = report.errors();
    hide_unknown(node, &KEYS, report);
    let Some(fields) = Fields::read(node, format!("OAuth client `{name}`"), &KEYS, report) else {
        return (None, None);
    };
    let provider = known_provider(&fields, report);
    let facts = provider.and_then(|(_, provider)| provider.oauth.as_ref());
    fields.require("grant", "grant: authorization_code", report);
    let grant = fields.word("grant", &GRANTS, report);
    let client_id = fields.require("client_id", "client_id: \"123.456\"", report);
    let client_id = client_id.and_then(|node| text(node, "`client_id`", report)).map(|(text, _)| text.to_owned());
    let client_secret = fields.get("client_secret").and_then(|node| secret_ref::read(node, "client_secret", report));
    if fields.get("client_secret").is_none() && grant == Some(OAuthGrant::ClientCredentials) {
        fields.require("client_secret", "client_secret: { env: NAME }", report);
    }
    let scopes = fields.get("scopes").map(|node| read_scopes(node, report)).unwrap_or_default();
    let tenant = read_tenant(&fields, facts, report);
    let authorize_url = read_url("authorize_url", &fields, allow_loopback, report);
    let token_url = read_url("token_url", &fields, allow_loopback, report);
    let preset = |of: fn(&OAuthFacts) -> &Option<String>| facts.is_some_and(|facts| of(facts).is_some());
    if provider.is_some() && fields.get("token_url").is_none() && !preset(|facts| &facts.token_url) {
        fields.require("token_url", "token_url: https://example.com/oauth/token", report);
    }
    if provider.is_some()
        && grant == Some(OAuthGrant::AuthorizationCode)
        && fields.get("authorize_url").is_none()
        && !preset(|facts| &facts.authorize_url)
    {
        fields.require("authorize_url", "authorize_url: https://example.com/oauth/authorize", report);
    }
    let pkce = fields.bool("pkce", report);
    if client_secret.is_none()
        && fields.get("client_secret").is_none()
        && grant == Some(OAuthGrant::AuthorizationCode)
        && !pkce.unwrap_or_else(|| facts.is_none_or(|facts| facts.pkce))
    {
        let help = "add `client_secret: { env: NAME }`, or `pkce: true` if it is a public client";
        report.error_with_help(fields.span.clone(), format!("OAuth client `{name}` has no `client_secret`"), help);
    }
    let provider = provider.map(|(provider, _)| provider.to_owned());
    let config = match (provider.clone(), grant, client_id) {
        (Some(provider), Some(grant), Some(client_id)) if report.errors() == errors => Some(OAuthClientConfig {
            name,
            provider,
            grant,
            client_id,
            client_secret,
            scopes,
            tenant,
            authorize_url,
            token_url,
            pkce,
        }),
        _ => None,
    };
    (provider, config)
}

/// A list of scopes, or a text in which spaces part them.
fn read_scopes(node: &Node, report: &mut Report<'_>) -> Vec<String> {
    let scopes: Vec<String> = match &node.kind {
        Kind::List(items) => items
            .iter()
            .filter_map(|item| text(item, "a scope", report))
            .map(|(text, _)| text.trim().to_owned())
            .collect(),
        _ => text(node, "`scopes`", report)
            .map(|(text, _)| text.split_whitespace().map(str::to_owned).collect())
            .unwrap_or_default(),
    };
    if let Some(odd) = scopes.iter().find(|scope| scope.is_empty() || scope.contains([' ', ',', '"', '\\'])) {
        let help = "write them as a list, `[chat:write, users:read]`, or parted by spaces";
        report.error_with_help(node.span.clone(), format!("`{odd}` is no scope"), help);
    }
    if scopes.iter().map(String::len).sum::<usize>() > MOST_SCOPE_TEXT {
        report.error(node.span.clone(), format!("these are more than {MOST_SCOPE_TEXT} characters of scopes"));
    }
    scopes
}

/// A tenant becomes part of a host's name, so it can be nothing else.
fn read_tenant(fields: &Fields<'_>, facts: Option<&OAuthFacts>, report: &mut Report<'_>) -> Option<String> {
    let wanted = facts.and_then(|facts| facts.tenant.as_deref());
    let presets =
        [facts.and_then(|facts| facts.token_url.as_deref()), facts.and_then(|facts| facts.authorize_url.as_deref())];
    let needed = fields.get("token_url").is_none()
        && presets.into_iter().flatten().any(|preset| preset.contains("{tenant}"))
        && facts.is_some_and(|facts| facts.default_tenant.is_none());
    let Some(node) = fields.get("tenant") else {
        if needed {
            let what = wanted.unwrap_or("your own name at the provider");
            report.error_with_help(fields.span.clone(), "`tenant` is missing", format!("add it: {what}"));
        }
        return None;
    };
    let (given, span) = text(node, "`tenant`", report)?;
    let label = |label: &str| {
        (1..=63).contains(&label.len())
            && !label.starts_with('-')
            && !label.ends_with('-')
            && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
    };
    if given.split('.').all(label) {
        return Some(given.to_owned());
    }
    let help = wanted.map_or_else(|| "letters, digits and `-`".to_owned(), |what| format!("it is {what}"));
    report.error_with_help(span, format!("`{given}` is no tenant"), help);
    None
}

fn read_url(key: &str, fields: &Fields<'_>, allow_loopback: bool, report: &mut Report<'_>) -> Option<Url> {
    let node = fields.get(key)?;
    let (given, span) = text(node, &format!("`{key}`"), report)?;
    if let Some(wanted) = oddly_this_machine(given) {
        return told_oddly(key, &wanted, span, report);
    }
    let url = match Url::parse(given) {
        Ok(url) => url,
        Err(why) => {
            report.hide(span.clone());
            let help = "write it whole, such as `https://example.com/oauth/token`";
            report.error_with_help(span, format!("`{key}` is not a URL: {why}"), help);
            return None;
        }
    };
    if !url.username().is_empty() || url.password().is_some() || url.fragment().is_some() {
        report.hide(span.clone());
        let help = "write scheme, host and path only; the client's secret belongs into `client_secret`";
        report.error_with_help(span, format!("`{key}` holds more than an address"), help);
        return None;
    }
    if is_loopback(&url) && allow_loopback && matches!(url.scheme(), "http" | "https") {
        return Some(url);
    }
    if is_loopback(&url) || matches!(url.host(), Some(Host::Ipv4(_) | Host::Ipv6(_))) {
        report.error_with_help(span, format!("`{key}` leads to this machine, or to a bare address"), HOW_TO_ALLOW);
        return None;
    }
    if url.scheme() != "https" {
        let message = format!("`{key}` must begin with https://, not {}://", url.scheme());
        report.error_with_help(span, message, "secrets are sent encrypted only");
        return None;
    }
    Some(url)
}
