//! `deskwire slack`: help with setting up an app in Slack.

use std::collections::BTreeSet;

use anyhow::bail;
use deskwire_core::connection::{AuthConfig, OAuthGrant};
use deskwire_core::ids::ConnectionName;
use deskwire_core::public_url::below;
use deskwire_workflows::Project;
use serde_json::json;
use url::Url;

use super::doctor::needs;
use super::read_project;
use crate::Outcome;
use crate::args::SlackCommand;
use crate::failure::refuse;
use crate::output::{line, note};

const PROVIDER: &str = "slack";

/// Where an app is made from a manifest.
const NEW_APP: &str = "https://api.slack.com/apps";

/// The longest name that Slack takes for an app.
const MOST_NAME: usize = 35;

pub(crate) fn run(command: SlackCommand, as_json: bool) -> anyhow::Result<Outcome> {
    let SlackCommand::Manifest { name, public_url, project } = command;
    if name.is_empty() || name.chars().count() > MOST_NAME {
        bail!("an app's name has 1 to {MOST_NAME} characters");
    }
    let files = read_project(&project)?;
    let loaded = deskwire_startup::check(&files, true);
    if loaded.has_errors() {
        note("the project has mistakes (`deskwire check` shows them); workflows that have one are left out here");
    }
    let Some(scopes) = scopes(&loaded.project) else {
        refuse("no workflow of the project calls Slack, so no app is needed");
        return Ok(Outcome::Failed);
    };
    let redirect = match (by_oauth(&loaded.project), public_url) {
        (false, _) => None,
        (true, Some(url)) => Some(below(&url, "oauth/callback")),
        (true, None) => {
            bail!("a connection to Slack is signed in by OAuth: say where people reach this server with --public-url")
        }
    };
    // https://docs.slack.dev/reference/app-manifest (checked 2026-11-23)
    let mut manifest = json!({
        "_metadata": { "major_version": 1, "minor_version": 1 },
        "display_information": { "name": name, "description": "Relays support events to Slack" },
        "features": {
            // Without the messages tab nobody can be written to directly.
            "app_home": { "home_tab_enabled": false, "messages_tab_enabled": true, "messages_tab_read_only_enabled": true },
            "bot_user": { "display_name": name.to_lowercase(), "always_online": true },
        },
        "oauth_config": { "scopes": { "bot": scopes } },
        "settings": {
            "org_deploy_enabled": false,
            "socket_mode_enabled": false,
            "token_rotation_enabled": redirect.is_some(),
        },
    });
    if let Some(redirect) = &redirect {
        manifest["oauth_config"]["redirect_urls"] = json!([redirect]);
    }
    line(format!("{manifest:#}"));
    if !as_json {
        let mut link = Url::parse(NEW_APP)?;
        link.query_pairs_mut().append_pair("new_app", "1").append_pair("manifest_json", &manifest.to_string());
        note(format_args!("\nOpen this to make the app, or paste the manifest at {NEW_APP}?new_app=1:\n  {link}"));
        note(match redirect {
            Some(_) => {
                "Then put its client id and secret under `oauth_clients` and run `deskwire connections connect`."
            }
            None => {
                "Then install it and store its bot token (xoxb-…) where deskwire.yaml says the connection's token is."
            }
        });
    }
    Ok(Outcome::Fine)
}

/// What the project's calls to Slack need; `None` where there are none.
fn scopes(project: &Project) -> Option<BTreeSet<&'static str>> {
    let leads_there =
        |name: &&ConnectionName| project.connections.iter().any(|one| one.provider == PROVIDER && one.name == **name);
    let needs = needs::planned(project);
    let of_slack: Vec<_> = needs.iter().filter(|(name, _)| leads_there(name)).map(|(_, needs)| needs).collect();
    (!of_slack.is_empty()).then(|| of_slack.into_iter().flat_map(|needs| needs.scopes.iter().copied()).collect())
}

/// Is a connection to Slack signed in by a person who agrees?
fn by_oauth(project: &Project) -> bool {
    let agreed = |auth: &AuthConfig| {
        let AuthConfig::OAuth2 { client } = auth else { return false };
        project.oauth_clients.iter().any(|one| one.name == *client && one.grant == OAuthGrant::AuthorizationCode)
    };
    project.connections.iter().any(|one| one.provider == PROVIDER && agreed(&one.auth))
}
