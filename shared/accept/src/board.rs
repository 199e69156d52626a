//! What a webhook function has to know in order to start, as one text: its sources and what is in force. It holds no
//! secret, only where each is kept.

use std::collections::BTreeMap;

use deskwire_core::ids::{WorkflowName, WorkflowVersion};
use deskwire_core::provider::provider;
use deskwire_core::route::Route;
use deskwire_core::secret::SecretString;
use deskwire_core::source::SourceConfig;
use serde::{Deserialize, Serialize};

use crate::catalogue::{Catalogue, Source};

/// The form of the text. Another number is another form.
const FORMAT: u32 = 1;

/// The name under which the text is deployed.
pub const NAME: &str = "board";

/// Sources, and the routes of all workflows that were applied.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Board {
    format: u32,
    /// The sources, with the places of their signing secrets.
    pub sources: Vec<SourceConfig>,
    /// What was applied. Whether it is active is said elsewhere.
    pub routes: Vec<Route>,
}

/// Why a board cannot be read.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum BoardError {
    /// It is no board.
    #[error("what is deployed cannot be read ({0}): apply the project again with this version of Deskwire")]
    Unreadable(String),
    /// It was written by another version.
    #[error(
        "what is deployed has the format {0}, and this version of Deskwire knows {FORMAT}: apply the project again"
    )]
    Format(u32),
}

impl Board {
    /// The name under which the text is deployed.
    pub const NAME: &'static str = NAME;

    /// A board of these.
    pub const fn new(sources: Vec<SourceConfig>, routes: Vec<Route>) -> Self {
        Self { format: FORMAT, sources, routes }
    }

    /// Reads the text.
    pub fn read(text: &str) -> Result<Self, BoardError> {
        #[derive(Deserialize)]
        struct Head {
            format: u32,
        }
        let unreadable = |error: deskwire_core::json::NotJson| BoardError::Unreadable(error.to_string());
        let Head { format } = deskwire_core::json::from_str(text).map_err(unreadable)?;
        if format != FORMAT {
            return Err(BoardError::Format(format));
        }
        deskwire_core::json::from_str(text).map_err(unreadable)
    }

    /// The text.
    pub fn text(&self) -> String {
        serde_json::to_string(self).unwrap_or_default()
    }

    /// The catalogue of a process that knows no templates: what is in force, in the versions that are in force.
    pub fn catalogue(
        self,
        in_force: &[(WorkflowName, WorkflowVersion, bool)],
        secrets_of: impl Fn(&SourceConfig) -> Vec<SecretString>,
    ) -> Catalogue {
        let active: BTreeMap<_, _> =
            in_force.iter().map(|(name, version, active)| ((name, version), *active)).collect();
        let routes = self.routes.into_iter().filter_map(|route| {
            let active = *active.get(&(&route.workflow, &route.version))?;
            Some(Route { active, ..route })
        });
        let routes = routes.collect();
        let mut sources = Vec::new();
        for config in self.sources {
            // Applying has refused unknown providers and schemes.
            let Some(scheme) = provider(&config.provider).and_then(|facts| facts.scheme(&config.scheme)) else {
                continue;
            };
            let secrets = secrets_of(&config);
            sources.push(Source { config, scheme, secrets });
        }
        Catalogue::new(sources, routes, None)
    }
}

#[cfg(test)]
mod tests {
    use deskwire_core::ids::SourceName;
    use deskwire_core::ports::LanePolicy;
    use deskwire_core::route::Events;
    use deskwire_core::secret::SecretRef;
    use deskwire_core::source::{DEFAULT_REPEAT_WINDOW, DEFAULT_TOLERANCE};

    use super::*;

    fn board() -> Board {
        let name = SourceName::parse("zendesk-support").unwrap();
        let source = SourceConfig {
            name: name.clone(),
            provider: "zendesk".to_owned(),
            scheme: provider("zendesk").unwrap().signatures[0].name.clone(),
            signing_secrets: vec![SecretRef::Stored("zendesk-signing".to_owned())],
            tolerance: DEFAULT_TOLERANCE,
            repeat_window: DEFAULT_REPEAT_WINDOW,
            max_age: None,
            account_id: None,
            accept_test_secret: false,
            connection: None,
        };
        let route = Route {
            workflow: WorkflowName::parse("tell").unwrap(),
            version: WorkflowVersion::new("v1"),
            active: false,
            takes: Some(Events { source: name, types: vec!["ticket.*".to_owned()] }),
            conditional: true,
            lane: LanePolicy::Debounce(std::time::Duration::from_secs(30)),
            by_change: true,
            awaits: vec![],
        };
        Board::new(vec![source], vec![route])
    }

    #[test]
    fn a_board_is_read_as_it_was_written_and_holds_places_instead_of_secrets() {
        let text = board().text();
        assert_eq!(Board::read(&text).unwrap(), board());
        assert!(text.contains(r#"{"secret":"zendesk-signing"}"#), "{text}");
    }

    #[test]
    fn a_board_of_another_version_says_what_to_do() {
        let text = board().text().replace(r#""format":1"#, r#""format":7"#);
        assert_eq!(Board::read(&text), Err(BoardError::Format(7)));
        assert!(matches!(Board::read("{}"), Err(BoardError::Unreadable(_))));
    }

    #[test]
    fn only_versions_in_force_are_in_the_catalogue_and_sources_without_secrets_say_so() {
        let name = WorkflowName::parse("tell").unwrap();
        let secret = |_: &SourceConfig| vec![SecretString::from("s")];
        let catalogue = board().catalogue(&[(name.clone(), WorkflowVersion::new("v1"), true)], secret);
        assert!(catalogue.source("zendesk", "zendesk-support").is_some());
        assert_eq!(catalogue.active(), 1);
        assert_eq!(board().catalogue(&[(name, WorkflowVersion::new("v2"), true)], secret).active(), 0);
        let none = board().catalogue(&[], |_| vec![]);
        assert!(none.source("zendesk", "zendesk-support").unwrap().lacks_secrets());
    }
}
