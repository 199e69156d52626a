//! An entry of `sources` in `deskwire.yaml`.

use std::collections::BTreeMap;

use deskwire_core::ids::{ConnectionName, SourceName};
use deskwire_core::provider::{self, Provider};
use deskwire_core::secret::SecretRef;
use deskwire_core::source::{DEFAULT_REPEAT_WINDOW, DEFAULT_TOLERANCE, SourceConfig};

use crate::fields::{Fields, text};
use crate::report::Report;
use crate::secret_ref::{self, hide_unknown};
use crate::yaml::{Kind, Node};
use crate::{outline, suggest};

const KEYS: [&str; 11] = [
    "provider",
    "scheme",
    "signing_secrets",
    "shared_key",
    "tolerance",
    "repeat_window",
    "max_age",
    "account_id",
    "accept_test_secret",
    "connection",
    "allow_unknown_events",
];

/// Reads a source. The provider comes back even if the rest is not sound, so that those who use it can be checked.
pub(crate) fn read(name: SourceName, node: &Node, report: &mut Report<'_>) -> (Option<String>, Option<SourceConfig>) {
    let errors = report.errors();
    hide_unknown(node, &KEYS, report);
    let Some(fields) = Fields::read(node, format!("source `{name}`"), &KEYS, report) else {
        return (None, None);
    };
    let provider = known_provider(&fields, report);
    if let Some((given, _)) = provider.filter(|(_, facts)| facts.signatures.is_empty()) {
        let place = fields.get("provider").map_or(fields.span.clone(), |node| node.span.clone());
        let help = "a source is where events come from; what steps call belongs under `connections`";
        report.error_with_help(place, format!("{given} sends no webhooks, so it cannot be a source"), help);
    }
    let provider_name = provider.map(|(name, _)| name.to_owned());
    let scheme = provider.and_then(|(provider, facts)| scheme(&fields, provider, facts, report));
    // Only whoever checks workflows asks for it; a mistake in it is told here.
    let _ = fields.bool("allow_unknown_events", report);
    let accept_test_secret = fields.bool("accept_test_secret", report).unwrap_or_default();
    let signing_secrets = signing_secrets(&fields, &name, accept_test_secret, report);
    let config = SourceConfig {
        name,
        provider: provider_name.clone().unwrap_or_default(),
        scheme: scheme.unwrap_or_default(),
        signing_secrets,
        tolerance: fields.duration("tolerance", report).unwrap_or(DEFAULT_TOLERANCE),
        repeat_window: fields.duration("repeat_window", report).unwrap_or(DEFAULT_REPEAT_WINDOW),
        max_age: fields.duration("max_age", report),
        account_id: account_id(&fields, report),
        accept_test_secret,
        connection: None,
    };
    (provider_name, (report.errors() == errors).then_some(config))
}

/// Does the source say that workflows may ask for events which its provider is not known to send?
pub(crate) fn allows_unknown_events(node: &Node) -> bool {
    matches!(outline::member(node, "allow_unknown_events").map(|node| &node.kind), Some(Kind::Bool(true)))
}

/// Reads which connection sets the source up. `connections` are those of the file with their providers; `provider` is the
/// source's own.
pub(crate) fn connection(
    node: &Node,
    provider: Option<&str>,
    connections: &BTreeMap<String, Option<String>>,
    report: &mut Report<'_>,
) -> Option<ConnectionName> {
    let Kind::Map(members) = &node.kind else { return None };
    let (_, node) = members.iter().find(|(key, _)| key.name == "connection")?;
    let (name, span) = text(node, "`connection`", report)?;
    let Some(other) = connections.get(name) else {
        let help = suggest::help(name, connections.keys().map(String::as_str), "add it to `connections`");
        report.error_with_help(span, format!("there is no connection `{name}`"), help);
        return None;
    };
    if let (Some(provider), Some(other)) = (provider, other)
        && provider != other
    {
        let help = format!("a source is set up through a connection to {provider}");
        report.error_with_help(span, format!("the connection `{name}` leads to {other}"), help);
        return None;
    }
    ConnectionName::parse(name).ok()
}

/// The provider and its row of the facts table; for connections too.
pub(crate) fn known_provider<'n>(fields: &Fields<'n>, report: &mut Report<'_>) -> Option<(&'n str, &'static Provider)> {
    fields.require("provider", "provider: zendesk", report)?;
    let (name, span) = fields.text("provider", report)?;
    let facts = provider::provider(name);
    if facts.is_none() {
        let help = suggest::help(name, provider::names(), "there are none");
        report.error_with_help(span, format!("there is no provider `{name}`"), help);
    }
    facts.map(|facts| (name, facts))
}

fn scheme(fields: &Fields<'_>, provider: &str, facts: &Provider, report: &mut Report<'_>) -> Option<String> {
    let Some(node) = fields.get("scheme") else { return facts.signatures.first().map(|scheme| scheme.name.clone()) };
    let (name, span) = text(node, "`scheme`", report)?;
    if facts.scheme(name).is_none() {
        let help = suggest::help(name, facts.signatures.iter().map(|scheme| scheme.name.as_str()), "there are none");
        report.error_with_help(span, format!("{provider} has no signature scheme `{name}`"), help);
        return None;
    }
    Some(name.to_owned())
}

fn signing_secrets(
    fields: &Fields<'_>,
    name: &SourceName,
    accept_test_secret: bool,
    report: &mut Report<'_>,
) -> Vec<SecretRef> {
    let errors = report.errors();
    let mut secrets = Vec::new();
    if let Some(node) = fields.get("signing_secrets") {
        match &node.kind {
            Kind::List(items) => {
                secrets.extend(items.iter().filter_map(|item| secret_ref::read(item, "signing_secrets", report)));
            }
            // One secret without the list's brackets is clear enough.
            _ => secrets.extend(secret_ref::read(node, "signing_secrets", report)),
        }
    }
    if let Some(node) = fields.get("shared_key") {
        secrets.extend(secret_ref::read(node, "shared_key", report));
    }
    if secrets.is_empty() && !accept_test_secret && report.errors() == errors {
        let place = fields.key("signing_secrets").or_else(|| fields.key("provider")).unwrap_or(fields.span.clone());
        let help = "add `signing_secrets: [{ env: NAME }]`; only what is signed with one of them is taken in";
        report.error_with_help(place, format!("source `{name}` has no signing secret"), help);
    }
    secrets
}

fn account_id(fields: &Fields<'_>, report: &mut Report<'_>) -> Option<String> {
    let node = fields.get("account_id")?;
    match &node.kind {
        // Account ids are often numbers; a person should not have to think of quotes.
        Kind::Number(number) => Some(number.to_string()),
        _ => text(node, "`account_id`", report).map(|(id, _)| id.to_owned()),
    }
}
