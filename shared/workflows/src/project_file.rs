//! `deskwire.yaml`: sources, connections, and how long things are kept.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use deskwire_core::connection::{AuthConfig, ConnectionConfig, OAuthClientConfig};
use deskwire_core::ids::{ConnectionName, OAuthClientName, SourceName};
use deskwire_core::source::SourceConfig;

use crate::fields::{Fields, name};
use crate::load::{DEFAULT_RETENTION, Options, read_file};
use crate::report::Report;
use crate::trigger::OWN_SOURCES;
use crate::yaml::{Kind, Node};
use crate::{connection, oauth_client, source};

const KEYS: [&str; 4] = ["sources", "oauth_clients", "connections", "retention"];
/// What is kept for less is gone before anybody asks why something did not happen.
const LEAST_RETENTION: Duration = Duration::from_hours(24);
/// About as long as the calendar goes; it keeps points in time within what can be stored.
const MOST_RETENTION: Duration = Duration::from_hours(24 * 3650);

/// What the project file declares, sound or not: names with their providers, as far as those are known.
pub(crate) struct Declared {
    pub sources: BTreeMap<String, Option<String>>,
    /// The sources that allow events which their provider is not known to send.
    pub open_sources: BTreeSet<String>,
    pub connections: BTreeMap<String, Option<String>>,
}

/// What reading the project file brought.
pub(crate) struct Found {
    pub sources: Vec<SourceConfig>,
    pub oauth_clients: Vec<OAuthClientConfig>,
    pub connections: Vec<ConnectionConfig>,
    pub retention: Duration,
    pub declared: Declared,
}

/// Reads the project file. `None` if it cannot be read at all, so that nobody knows what it declares.
pub(crate) fn read(report: &mut Report<'_>, options: &Options<'_>) -> Option<Found> {
    let example = "it declares `sources` and `connections`; `deskwire demo` shows a project at work";
    let Some(root) = read_file(report, example) else {
        report.hide_everything();
        return None;
    };
    crate::secret_ref::hide_unknown(&root, &KEYS, report);
    let fields = Fields::read(&root, "the project file", &KEYS, report)?;
    let declared = Declared { sources: BTreeMap::new(), open_sources: BTreeSet::new(), connections: BTreeMap::new() };
    let retention = fields.duration_within("retention", LEAST_RETENTION..=MOST_RETENTION, report);
    let retention = retention.unwrap_or(DEFAULT_RETENTION);
    let mut found =
        Found { sources: Vec::new(), oauth_clients: Vec::new(), connections: Vec::new(), retention, declared };
    for (given, node, name) in entries(fields.get("sources"), "sources", SourceName::parse, report) {
        if OWN_SOURCES.contains(&given) {
            let help = "events of our own bear this name: give the source another one";
            report.error_with_help(node.span.clone(), format!("a source cannot be called `{given}`"), help);
        }
        if source::allows_unknown_events(node) {
            found.declared.open_sources.insert(given.to_owned());
        }
        let (provider, config) = name.map_or((None, None), |name| source::read(name, node, report));
        found.declared.sources.insert(given.to_owned(), provider);
        found.sources.extend(config);
    }
    let mut clients = BTreeMap::new();
    for (given, node, name) in entries(fields.get("oauth_clients"), "oauth_clients", OAuthClientName::parse, report) {
        let (provider, config) =
            name.map_or((None, None), |name| oauth_client::read(name, node, options.allow_loopback, report));
        clients.insert(given.to_owned(), (provider, node.span.clone()));
        found.oauth_clients.extend(config);
    }
    for (given, node, name) in entries(fields.get("connections"), "connections", ConnectionName::parse, report) {
        let (provider, config) =
            name.map_or((None, None), |name| connection::read(name, node, &clients, options.allow_loopback, report));
        found.declared.connections.insert(given.to_owned(), provider);
        found.connections.extend(config);
    }
    if let Some(Node { kind: Kind::Map(members), .. }) = fields.get("sources") {
        for (key, node) in members {
            let provider = found.declared.sources.get(&key.name).and_then(Option::as_deref);
            let connection = source::connection(node, provider, &found.declared.connections, report);
            if let Some(source) = found.sources.iter_mut().find(|source| source.name.as_str() == key.name) {
                source.connection = connection;
            }
        }
    }
    let used = |client: &OAuthClientName| {
        let uses = |connection: &ConnectionConfig| matches!(&connection.auth, AuthConfig::OAuth2 { client: used } if used == client);
        found.connections.iter().any(uses)
    };
    for client in found.oauth_clients.iter().filter(|client| !used(&client.name)) {
        let place = clients.get(client.name.as_str()).map_or(0..0, |(_, place)| place.clone());
        if report.errors() == 0 {
            let help = format!("give one `auth: {{ type: oauth2, client: {} }}`, or remove it", client.name);
            report.warning(place, format!("no connection uses the OAuth client `{}`", client.name), help);
        }
    }
    Some(found)
}

/// The OAuth clients of the file: their provider, where it is known, and where they stand.
pub(crate) type Clients = BTreeMap<String, (Option<String>, std::ops::Range<usize>)>;

type Entry<'n, T> = (&'n str, &'n Node, Option<T>);

/// The entries of a section by name. What has no usable name is declared and not read.
fn entries<'n, T>(
    section: Option<&'n Node>,
    what: &str,
    parse: impl Fn(&str) -> Result<T, deskwire_core::ids::BadName>,
    report: &mut Report<'_>,
) -> Vec<Entry<'n, T>> {
    let Some(node) = section else { return Vec::new() };
    match &node.kind {
        Kind::Map(members) => members
            .iter()
            .map(|(key, node)| {
                let parsed = name(&key.name, key.span.clone(), &format!("the name `{}`", key.name), &parse, report);
                if parsed.is_none() {
                    report.hide(node.span.clone());
                }
                (key.name.as_str(), node, parsed)
            })
            .collect(),
        Kind::Broken => Vec::new(),
        other => {
            report.hide(node.span.clone());
            let message = format!("`{what}` must be a map of names and settings, not {}", other.what());
            report.error(node.span.clone(), message);
            Vec::new()
        }
    }
}
