//! How the project's connections stand.

use std::time::Duration;

use anstyle::Style;
use deskwire_core::connection::{AuthConfig, ConnectionConfig, OAuthClientConfig, OAuthGrant};
use deskwire_core::ids::ConnectionName;
use deskwire_core::ports::StoreError;
use deskwire_core::time::{Clock, SystemClock, Timestamp};
use deskwire_core::token::{Standing, TokenState};
use deskwire_workflows::{Project, StepKind, Workflow};
use serde_json::{Value, json};

use crate::args::{DataArgs, ProjectArgs};
use crate::commands::read_project;
use crate::output::{DIM, GREEN, RED, YELLOW, time};

/// A connection that ends within this time is shown as expiring.
const SOON: Duration = Duration::from_hours(72);

/// A connection, and how it stands.
pub(crate) struct Stood {
    pub config: ConnectionConfig,
    /// The OAuth client it is signed in by, if it is.
    pub client: Option<OAuthClientConfig>,
    /// What is known of its tokens.
    pub state: Option<TokenState>,
    /// Why what the store holds of them cannot be read, if it cannot.
    pub damaged: Option<String>,
    /// The workflows whose steps call through it, and the sources that are set up by it.
    pub users: Vec<String>,
}

impl Stood {
    pub(crate) async fn all(project: &ProjectArgs, data: &DataArgs) -> anyhow::Result<Vec<Self>> {
        let files = read_project(project)?;
        let project = deskwire_startup::check(&files, true).project;
        // Without a store, nothing has run here yet.
        let store = data.open_if_any().await?;
        let mut states = match &store {
            Some(store) => store.token_states().await?,
            None => Vec::new(),
        };
        let mut all = Vec::new();
        for config in &project.connections {
            let client = client_of(config, &project).cloned();
            let known = states.iter().position(|state| state.connection == config.name);
            let state = known.map(|at| states.swap_remove(at));
            // Lists leave out what cannot be read; asked for alone, it says so.
            let damaged = match &store {
                Some(store) if client.is_some() && state.is_none() => match store.token_state(&config.name).await {
                    Err(StoreError::Corrupt(why)) => Some(why),
                    _ => None,
                },
                _ => None,
            };
            let users = users(&config.name, &project);
            all.push(Self { client, state, damaged, users, config: config.clone() });
        }
        Ok(all)
    }

    /// In words, and how good that is.
    pub(crate) fn standing(&self, now: Timestamp) -> (&'static str, Style) {
        if self.damaged.is_some() {
            return ("unreadable record", RED);
        }
        match (&self.client, &self.state) {
            (None, _) => ("stored secret", DIM),
            (Some(client), None) if client.grant == OAuthGrant::ClientCredentials => ("connects by itself", DIM),
            (Some(_), None) => ("never connected", YELLOW),
            (Some(_), Some(state)) => match state.standing {
                Standing::Connected if state.ends_before(now.plus(SOON)) && !state.renewable => ("expiring", YELLOW),
                Standing::Connected => ("connected", GREEN),
                Standing::NeedsReauthorization => ("needs re-authorisation", RED),
                Standing::Disconnected => ("disconnected", YELLOW),
            },
        }
    }

    pub(crate) fn to_json(&self) -> Value {
        json!({
            "name": self.config.name,
            "display_name": self.config.display_name,
            "provider": self.config.provider,
            "auth": self.config.auth.kind(),
            "client": self.client.as_ref().map(|client| &client.name),
            "allowed_domain": self.config.allowed_domain.to_string(),
            "base_url": self.config.base_url,
            "standing": self.standing(SystemClock.now()).0,
            "tokens": self.state,
            "damaged": self.damaged,
            "used_by": self.users,
        })
    }
}

fn client_of<'p>(config: &ConnectionConfig, project: &'p Project) -> Option<&'p OAuthClientConfig> {
    let AuthConfig::OAuth2 { client } = &config.auth else { return None };
    project.oauth_clients.iter().find(|one| one.name == *client)
}

fn users(name: &ConnectionName, project: &Project) -> Vec<String> {
    let workflows = project.workflows.iter().filter(|workflow| calls_through(workflow, name));
    let sources = project.sources.iter().filter(|source| source.connection.as_ref() == Some(name));
    let workflows = workflows.map(|workflow| workflow.name.to_string());
    workflows.chain(sources.map(|source| format!("source {}", source.name))).collect()
}

pub(super) fn calls_through(workflow: &Workflow, name: &ConnectionName) -> bool {
    let calls = |kind: &StepKind| matches!(kind, StepKind::Action(action) if action.connection.as_ref() == Some(name));
    workflow.all_steps().into_iter().any(|step| calls(&step.kind))
}

/// What happens next by itself, or why nothing does.
pub(super) fn outlook(state: &TokenState) -> String {
    match (state.standing, &state.reason, state.due_at) {
        (Standing::Connected, Some(reason), Some(due)) => format!("tries again {}: {reason}", time(due)),
        (Standing::Connected, _, Some(due)) => format!("renews itself {}", time(due)),
        (Standing::Connected, _, None) => match state.expires_at {
            Some(end) => format!("ends {}", time(end)),
            None => "has no end".to_owned(),
        },
        (_, reason, _) => reason.clone().unwrap_or_default(),
    }
}
