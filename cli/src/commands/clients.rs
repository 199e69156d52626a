//! `deskwire clients`: the project's OAuth clients.

use deskwire_core::connection::{AuthConfig, ConnectionConfig, OAuthClientConfig};
use serde_json::{Value, json};

use super::read_project;
use crate::Outcome;
use crate::args::ClientsCommand;
use crate::failure::refuse;
use crate::output::{BOLD, cell, for_people, line, styled, table};

pub(crate) fn run(command: ClientsCommand, as_json: bool) -> anyhow::Result<Outcome> {
    let (name, project) = match command {
        ClientsCommand::List { project } => (None, project),
        ClientsCommand::Show { name, project } => (Some(name), project),
    };
    let files = read_project(&project)?;
    let project = deskwire_startup::check(&files, true).project;
    let to_json = |client: &OAuthClientConfig| {
        let uses = |connection: &&ConnectionConfig| matches!(&connection.auth, AuthConfig::OAuth2 { client: used } if *used == client.name);
        let ready = deskwire_oauth::Client::new(client, None).ok();
        json!({
            "name": client.name,
            "provider": client.provider,
            "grant": client.grant.as_str(),
            "client_id": client.client_id,
            "client_secret": client.client_secret.as_ref().map(ToString::to_string),
            "scopes": client.scopes,
            "authorize_url": ready.as_ref().and_then(|ready| ready.authorize_url.as_ref()),
            "token_url": ready.as_ref().map(|ready| &ready.token_url),
            "pkce": ready.as_ref().map(|ready| ready.pkce),
            "used_by": project.connections.iter().filter(uses).map(|connection| &connection.name).collect::<Vec<_>>(),
        })
    };
    let Some(name) = name else {
        if as_json {
            crate::output::json(&project.oauth_clients.iter().map(to_json).collect::<Value>());
        } else if project.oauth_clients.is_empty() {
            line("No OAuth clients. Add some to `oauth_clients` in deskwire.yaml.");
        } else {
            let rows = project.oauth_clients.iter().map(|client| {
                vec![
                    styled(&client.name, BOLD),
                    cell(&client.provider),
                    cell(client.grant.as_str()),
                    cell(client.scopes.join(" ")),
                ]
            });
            table(&["client", "provider", "grant", "scopes"], &rows.collect::<Vec<_>>());
        }
        return Ok(Outcome::Fine);
    };
    let Some(client) = project.oauth_clients.iter().find(|client| client.name.as_str() == name) else {
        let names: Vec<&str> = project.oauth_clients.iter().map(|client| client.name.as_str()).collect();
        refuse(format_args!("there is no OAuth client `{name}`; there are: {}", names.join(", ")));
        return Ok(Outcome::Failed);
    };
    let document = to_json(client);
    if as_json {
        crate::output::json(&document);
    } else {
        crate::output::fields(&for_people(&document), 0);
    }
    Ok(Outcome::Fine)
}
