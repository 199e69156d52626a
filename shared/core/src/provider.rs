//! What the providers are: one table of facts, read from `providers.json`, which the build embeds.
//!
//! Code handles the kinds that the table's columns can take, never a provider's name.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use serde::Deserialize;

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
}

impl Provider {
    /// The signature scheme of this name.
    pub fn scheme(&self, name: &str) -> Option<&Scheme> {
        self.signatures.iter().find(|scheme| scheme.name == name)
    }
}

static PROVIDERS: LazyLock<BTreeMap<String, Provider>> = LazyLock::new(|| {
    // A broken table cannot be built past the test below; at run time it would show as "no such provider".
    serde_json::from_str(include_str!("../providers.json")).unwrap_or_default()
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
    fn the_table_of_facts_loads_whole() {
        let table: BTreeMap<String, Provider> = serde_json::from_str(include_str!("../providers.json")).unwrap();
        assert_eq!(table.keys().collect::<Vec<_>>(), ["http", "qualtrics", "salesforce", "slack", "zendesk"]);
        for (name, provider) in &table {
            assert_eq!(provider.signatures.is_empty(), name == "http", "{name}");
            assert_eq!(provider.signatures.is_empty(), provider.webhook_content_types.is_empty(), "{name}");
            for scheme in &provider.signatures {
                assert!(scheme.page.starts_with("https://"), "{name}/{} names no page", scheme.name);
            }
        }
    }
}
