//! An entry of `connections` in `deskwire.yaml`.

use std::net::IpAddr;
use std::ops::Range;

use deskwire_core::connection::{AuthConfig, ConnectionConfig, bad_header};
use deskwire_core::domain::{AllowedDomain, this_machine};
use deskwire_core::ids::{ConnectionName, OAuthClientName};
use deskwire_core::provider::Provider;
use deskwire_core::secret::SecretRef;
use url::{Host, Url};

use crate::fields::{Fields, text};
use crate::project_file::Clients;
use crate::report::Report;
use crate::secret_ref::{self, hide_unknown};
use crate::source::known_provider;
use crate::suggest;
use crate::yaml::Node;

const KEYS: [&str; 6] = ["provider", "auth", "allowed_domain", "base_url", "secret_url", "display_name"];

/// The longest display name, in characters: it stands in tables.
const LONGEST_DISPLAY_NAME: usize = 80;

const AUTH_KEYS: [&str; 7] = ["type", "token", "username", "password", "header", "key", "client"];
const AUTH_KINDS: [&str; 4] = ["bearer", "basic", "api_key", "oauth2"];

/// Reads a connection. The provider comes back even if the rest is not sound, so that steps that use it can be checked.
pub(crate) fn read(
    name: ConnectionName,
    node: &Node,
    clients: &Clients,
    allow_loopback: bool,
    report: &mut Report<'_>,
) -> (Option<String>, Option<ConnectionConfig>) {
    let errors = report.errors();
    hide_unknown(node, &KEYS, report);
    let Some(fields) = Fields::read(node, format!("connection `{name}`"), &KEYS, report) else {
        return (None, None);
    };
    let provider = known_provider(&fields, report);
    let hint = provider.map_or("example.com", |(_, facts)| facts.domain_hint.as_str());
    let auth = fields.require("auth", "auth: { type: bearer, token: { env: NAME } }", report);
    let auth = auth.and_then(|auth| read_auth(auth, &name, provider.map(|(provider, _)| provider), clients, report));
    let domain = fields.require("allowed_domain", &format!("allowed_domain: {hint}"), report);
    let domain = domain.and_then(|domain| read_domain(domain, hint, report));
    let base_url = read_base_url(&fields, provider, domain.as_ref(), allow_loopback, report);
    let secret_url = fields.get("secret_url").and_then(|node| secret_ref::read(node, "secret_url", report));
    let display_name = fields.get("display_name").and_then(|node| read_display_name(node, report));
    let provider = provider.map(|(provider, _)| provider.to_owned());
    let config = match (provider.clone(), auth, domain, base_url) {
        (Some(provider), Some(auth), Some(allowed_domain), Some(base_url)) if report.errors() == errors => {
            Some(ConnectionConfig { name, display_name, provider, auth, allowed_domain, base_url, secret_url })
        }
        _ => None,
    };
    (provider, config)
}

fn read_auth(
    node: &Node,
    connection: &ConnectionName,
    provider: Option<&str>,
    clients: &Clients,
    report: &mut Report<'_>,
) -> Option<AuthConfig> {
    hide_unknown(node, &AUTH_KEYS, report);
    let what = format!("`auth` of connection `{connection}`");
    let fields = Fields::read(node, &what, &AUTH_KEYS, report)?;
    fields.require("type", "type: bearer", report)?;
    let (kind, span) = fields.text("type", report)?;
    let secret = |key: &str, example: &str, report: &mut Report<'_>| -> Option<SecretRef> {
        let node = fields.require(key, example, report)?;
        secret_ref::read(node, key, report)
    };
    let (auth, own): (_, &[&str]) = match kind {
        "bearer" => {
            let token = secret("token", "token: { env: NAME }", report);
            (token.map(|token| AuthConfig::Bearer { token }), &["type", "token"])
        }
        "basic" => {
            let password = secret("password", "password: { env: NAME }", report);
            let username = fields.require("username", "username: \"ops@example.com/token\"", report);
            let username = username.and_then(|node| text(node, "`username`", report));
            let auth = username
                .zip(password)
                .map(|((username, _), password)| AuthConfig::Basic { username: username.to_owned(), password });
            (auth, &["type", "username", "password"])
        }
        "api_key" => {
            let key = secret("key", "key: { env: NAME }", report);
            let header = fields.require("header", "header: X-API-TOKEN", report);
            let header = header.and_then(|node| read_header(node, report));
            (header.zip(key).map(|(header, key)| AuthConfig::ApiKey { header, key }), &["type", "header", "key"])
        }
        "oauth2" => {
            let client = fields.require("client", "client: NAME (an entry of `oauth_clients`)", report);
            let client = client.and_then(|node| read_client(node, provider, clients, report));
            (client.map(|client| AuthConfig::OAuth2 { client }), &["type", "client"])
        }
        other => {
            let help = suggest::help(other, AUTH_KINDS, "");
            report.error_with_help(span, format!("there is no kind of sign-in `{other}`"), help);
            return None;
        }
    };
    for key in AUTH_KEYS.into_iter().filter(|key| !own.contains(key)) {
        if let Some(place) = fields.key(key) {
            if let Some(value) = fields.get(key) {
                report.hide(value.span.clone());
            }
            let message = format!("`{key}` has no meaning for `type: {kind}`");
            report.error_with_help(place, message, format!("its keys are: {}", own.join(", ")));
        }
    }
    auth
}

/// The client that a connection names, which must be one of its provider's.
fn read_client(
    node: &Node,
    provider: Option<&str>,
    clients: &Clients,
    report: &mut Report<'_>,
) -> Option<OAuthClientName> {
    let (given, span) = text(node, "`client`", report)?;
    let Some((of, _)) = clients.get(given) else {
        let help = suggest::help(given, clients.keys().map(String::as_str), "declare it under `oauth_clients`");
        report.error_with_help(span, format!("there is no OAuth client `{given}`"), help);
        return None;
    };
    if let (Some(provider), Some(of)) = (provider, of)
        && provider != of
        && of != "http"
    {
        let message = format!("the OAuth client `{given}` is one of {of}, and this connection leads to {provider}");
        report.error_with_help(span, message, "a provider's tokens come from its own clients");
        return None;
    }
    OAuthClientName::parse(given).ok()
}

fn read_header(node: &Node, report: &mut Report<'_>) -> Option<String> {
    let (name, span) = text(node, "`header`", report)?;
    if let Some(why) = bad_header(name) {
        // Somebody may have put the key where the header's name belongs.
        if why.starts_with("is") {
            report.hide(span.clone());
        }
        report.error_with_help(span, format!("`header` {why}"), "write its name alone, such as `X-API-TOKEN`");
        return None;
    }
    Some(name.to_owned())
}

/// One line that people read.
fn read_display_name(node: &Node, report: &mut Report<'_>) -> Option<String> {
    let (given, span) = text(node, "`display_name`", report)?;
    let given = given.trim();
    if given.is_empty() || given.chars().count() > LONGEST_DISPLAY_NAME || given.chars().any(char::is_control) {
        let help = format!("write one line of at most {LONGEST_DISPLAY_NAME} characters, such as `Support, Europe`");
        report.error_with_help(span, "`display_name` is no name to show", help);
        return None;
    }
    Some(given.to_owned())
}

/// `slack.com`, or `*.example.com` for a domain with everything below it. Whether strangers can register names below it is
/// asked where the list of such domains is known, when the connection is made.
fn read_domain(node: &Node, hint: &str, report: &mut Report<'_>) -> Option<AllowedDomain> {
    let (given, span) = text(node, "`allowed_domain`", report)?;
    match AllowedDomain::parse(given) {
        Ok(domain) => Some(domain),
        Err(why) => {
            let help = match this_machine(given) {
                Some(authority) => format!(
                    "write `allowed_domain: {hint}` and `base_url: \"http://{authority}\"`, and add `--allow-loopback` to the \
                     command"
                ),
                None => format!("write a host name, such as `{hint}`; `*.example.com` covers all below it, and itself"),
            };
            report.error_with_help(span, format!("`{given}` {why}"), help);
            None
        }
    }
}

fn read_base_url(
    fields: &Fields<'_>,
    provider: Option<(&str, &Provider)>,
    domain: Option<&AllowedDomain>,
    allow_loopback: bool,
    report: &mut Report<'_>,
) -> Option<Url> {
    let Some(node) = fields.get("base_url") else {
        let (_, facts) = provider?;
        let Some(default) = &facts.default_base_url else {
            fields.require("base_url", &format!("base_url: \"https://{}\"", facts.domain_hint), report);
            return None;
        };
        let url = Url::parse(default).ok()?;
        let place = fields.get("allowed_domain").map_or(fields.span.clone(), |node| node.span.clone());
        return within_domain(url, place, domain, report);
    };
    let (given, span) = text(node, "`base_url`", report)?;
    if let Some(wanted) = oddly_this_machine(given) {
        return told_oddly("base_url", &wanted, span, report);
    }
    let url = match Url::parse(given) {
        Ok(url) => url,
        Err(why) => {
            // What cannot be read may hold a password.
            report.hide(span.clone());
            let help = "write it whole, such as `https://acme.zendesk.com`";
            report.error_with_help(span, format!("`base_url` is not a URL: {why}"), help);
            return None;
        }
    };
    if !url.username().is_empty() || url.password().is_some() || url.query().is_some() || url.fragment().is_some() {
        // A password or a key may stand in it.
        report.hide(span.clone());
        let help = "write scheme, host and path only; credentials belong into `auth`";
        report.error_with_help(span, "`base_url` holds more than an address", help);
        return None;
    }
    if is_loopback(&url) {
        if !allow_loopback {
            report.error_with_help(span, "`base_url` leads to this machine", HOW_TO_ALLOW);
            return None;
        }
        if matches!(url.scheme(), "http" | "https") {
            return Some(url);
        }
    }
    if url.scheme() != "https" {
        let message = format!("`base_url` must begin with https://, not {}://", url.scheme());
        report.error_with_help(span, message, "credentials are sent encrypted only");
        return None;
    }
    if let Some(port @ ..1024) = url.port() {
        let help = "leave the port out, or name one from 1024 on";
        report.error_with_help(span, format!("port {port} of `base_url` is none for https"), help);
        return None;
    }
    within_domain(url, span, domain, report)
}

fn within_domain(
    url: Url,
    place: Range<usize>,
    domain: Option<&AllowedDomain>,
    report: &mut Report<'_>,
) -> Option<Url> {
    // An unreadable domain has been told already.
    let domain = domain?;
    let host = url.host_str().unwrap_or_default();
    if domain.allows(host) {
        return Some(url);
    }
    let message = format!("the API is at `{host}`, which is outside the allowed domain `{domain}`");
    report.error_with_help(place, message, "make the two agree: credentials are sent to the allowed domain only");
    None
}

/// What to do where an address leads to this machine.
pub(crate) const HOW_TO_ALLOW: &str = "add `--allow-loopback` to the command (or set DESKWIRE_ALLOW_LOOPBACK=1) for tests and stand-ins, or name the \
     provider's address";

/// Where this machine is meant, and written in a way that is never called: without a scheme, as `0.0.0.0`, with a name that
/// is not `localhost` to the letter. Answers what to write instead.
pub(crate) fn oddly_this_machine(given: &str) -> Option<String> {
    let authority = this_machine(given)?;
    match Url::parse(given) {
        Ok(url) if url.has_host() => {
            let odd = match url.host()? {
                Host::Domain(name) => name != "localhost",
                Host::Ipv4(address) => address.is_unspecified(),
                Host::Ipv6(address) => address.is_unspecified(),
            };
            let path = url.path().trim_end_matches('/');
            (odd && url.username().is_empty() && url.password().is_none())
                .then(|| format!("{}://{authority}{path}", url.scheme()))
        }
        _ if given.contains("://") || given.contains('@') => None,
        // `localhost:8080` is a URL of the scheme `localhost`.
        _ => {
            let path = given.split_once('/').map(|(_, path)| format!("/{path}")).unwrap_or_default();
            Some(format!("http://{authority}{path}"))
        }
    }
}

/// Says what to write in place of such an address.
pub(crate) fn told_oddly(key: &str, wanted: &str, span: Range<usize>, report: &mut Report<'_>) -> Option<Url> {
    let help = format!("write `{key}: \"{wanted}\"`, and add `--allow-loopback` to the command");
    report.error_with_help(span, format!("`{key}` means this machine, but not in a way that is called"), help);
    None
}

pub(crate) fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(address)) => IpAddr::from(address).is_loopback(),
        Some(Host::Ipv6(address)) => {
            address.is_loopback() || address.to_ipv4_mapped().is_some_and(|v4| v4.is_loopback())
        }
        None => false,
    }
}
