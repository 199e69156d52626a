//! `deskwire connections` and `deskwire clients`: how connections stand, and what people do about it.

mod stood;

use std::io::{IsTerminal, Write};
use std::net::SocketAddr;
use std::time::Duration;

use anyhow::bail;
use deskwire_connectors::Client;
use deskwire_core::connection::OAuthGrant;
use deskwire_core::damage::RecordKind;
use deskwire_core::ids::ConnectionName;
use deskwire_core::ports::{Deploy, Store, StoreError};
use deskwire_core::public_url::below;
use deskwire_core::time::{Clock, SystemClock, Timestamp, show_duration};
use deskwire_core::token::{Standing, TokenSource, TokenState};
use deskwire_startup::{Deskwire, OsRandom};
use deskwire_templates::{Limits, Templates};
use deskwire_tokens::invite;
use deskwire_workflows::{Options, SourceFile, Workflow};
use serde_json::{Value, json};
use url::Url;

use self::stood::{calls_through, outlook};
use super::secrets::vault;
use super::start_for;
use crate::Outcome;
use crate::args::{ConnectionsCommand, DataArgs, ProjectArgs};
use crate::failure::refuse;
use crate::output::{BOLD, DIM, GREEN, RED, cell, line, note, paint, shorten, styled, table, time};
use crate::server::{self, Listening};

pub(crate) use self::stood::Stood;

/// How long a link to connect is good, and how long the command waits for it.
const LASTS: Duration = Duration::from_mins(10);

/// How often it is asked whether somebody has connected.
const LOOK: Duration = Duration::from_millis(300);

pub(crate) async fn run(command: ConnectionsCommand, as_json: bool) -> anyhow::Result<Outcome> {
    match command {
        ConnectionsCommand::List { data } => {
            let data = data.asked().await?;
            data.tell_if_empty();
            let all = Stood::all(&data.project, &data).await?;
            if as_json {
                crate::output::json(&all.iter().map(Stood::to_json).collect::<Value>());
            } else {
                list(&all);
            }
            Ok(Outcome::Fine)
        }
        ConnectionsCommand::Show { name, data } => {
            let data = data.asked().await?;
            data.tell_if_empty();
            let all = Stood::all(&data.project, &data).await?;
            let Some(one) = all.iter().find(|one| one.config.name.as_str() == name) else {
                return Ok(unknown(&name, &all));
            };
            if as_json {
                crate::output::json(&one.to_json());
            } else {
                show(one);
            }
            Ok(Outcome::Fine)
        }
        ConnectionsCommand::Test { name, data } => test(&name, &data.project, &data, as_json).await,
        ConnectionsCommand::Connect { name, no_browser, listen, data } => {
            connect(&name, !no_browser, listen, &data.project, &data, as_json).await
        }
        ConnectionsCommand::Disconnect { name, data } => {
            data.open_to_act().await?;
            let all = Stood::all(&data.project, &data).await?;
            let Some(one) = all.iter().find(|one| one.config.name.as_str() == name) else {
                return Ok(unknown(&name, &all));
            };
            if one.client.is_none() {
                refuse(format_args!("{name} has a stored secret, and no tokens to let go of"));
                return Ok(Outcome::Failed);
            }
            start_for(&one.config, &data.project, &data, data.place().await?)
                .await?
                .broker
                .disconnect(&one.config.name, "asked for by a person")
                .await?;
            said(
                &json!({ "disconnected": name }),
                format_args!("{name} is disconnected; `deskwire connections connect {name}` restores it"),
                as_json,
            );
            Ok(Outcome::Fine)
        }
        ConnectionsCommand::Delete { name, data } => delete(&name, &data.project, &data, as_json).await,
    }
}

fn said(document: &Value, text: std::fmt::Arguments<'_>, as_json: bool) {
    if as_json { crate::output::json(document) } else { line(text) }
}

fn unknown(name: &str, all: &[Stood]) -> Outcome {
    let names: Vec<&str> = all.iter().map(|one| one.config.name.as_str()).collect();
    refuse(format_args!("there is no connection `{name}`; there are: {}", names.join(", ")));
    Outcome::Failed
}

fn list(all: &[Stood]) {
    if all.is_empty() {
        line("No connections. Add some to `connections` in deskwire.yaml.");
        return;
    }
    let now = SystemClock.now();
    let rows = all.iter().map(|one| {
        let (words, style) = one.standing(now);
        let account = one
            .state
            .as_ref()
            .and_then(|state| state.account.get("team").or_else(|| state.account.get("instance_url")));
        vec![
            one.config.display_name.as_ref().map_or_else(
                || styled(&one.config.name, BOLD),
                |called| styled(format_args!("{} ({called})", one.config.name), BOLD),
            ),
            styled(words, style),
            cell(&one.config.provider),
            cell(one.config.auth.kind()),
            cell(account.map_or("", String::as_str)),
            cell(shorten(&one.state.as_ref().map(outlook).unwrap_or_default(), 60)),
        ]
    });
    table(&["connection", "standing", "provider", "sign-in", "account", "next"], &rows.collect::<Vec<_>>());
}

fn show(one: &Stood) {
    let (words, style) = one.standing(SystemClock.now());
    line(format_args!("{}  {}", paint(BOLD, &one.config.name), paint(style, words)));
    let row = |name: &str, value: &dyn std::fmt::Display| {
        line(format_args!("  {}  {value}", paint(DIM, format_args!("{name:<14}"))));
    };
    if let Some(called) = &one.config.display_name {
        row("called", called);
    }
    row("provider", &one.config.provider);
    row("sign-in", &one.config.auth.kind());
    row("allowed domain", &one.config.allowed_domain);
    row("API", &one.config.base_url);
    if let Some(client) = &one.client {
        row("OAuth client", &client.name);
    }
    if let Some(state) = &one.state {
        row("since", &time(state.since));
        for (name, value) in &state.account {
            row(name, value);
        }
        if state.version > 0 {
            let cut = if state.scopes_cut { " …" } else { "" };
            row("scopes", &format!("{}{cut}", state.scopes.join(" ")));
            row("tokens", &format!("version {}, of {}", state.version, time(state.obtained_at)));
        }
        row("next", &outlook(state));
        if let Some(lapse) = state.lapses_at {
            row("if unused", &format!("lapses {}", time(lapse)));
        }
        if state.standing != Standing::Connected {
            line(format_args!("`deskwire connections connect {}` connects it again", one.config.name));
        }
    } else if let Some(why) = &one.damaged {
        row("damaged", why);
        line(RecordKind::Tokens.what_to_do(one.config.name.as_str()));
    } else if one.client.as_ref().is_some_and(|client| client.grant == OAuthGrant::AuthorizationCode) {
        line(format_args!("`deskwire connections connect {}` connects it", one.config.name));
    }
    if !one.users.is_empty() {
        row("used by", &one.users.join(", "));
    }
}

async fn test(name: &str, project: &ProjectArgs, data: &DataArgs, as_json: bool) -> anyhow::Result<Outcome> {
    let all = Stood::all(project, data).await?;
    let Some(one) = all.iter().find(|one| one.config.name.as_str() == name) else { return Ok(unknown(name, &all)) };
    let deskwire = start_for(&one.config, project, data, data.place_if_any().await?).await?;
    if one.client.is_some() {
        // Somebody may have mended what it failed for.
        deskwire.broker.ask_again(&one.config.name).await?;
    }
    let client: &Client = &deskwire.client();
    match client.probe(&one.config.name).await {
        Ok(Some(found)) => {
            if as_json {
                crate::output::json(&json!({ "connection": name, "works": true, "found": found }));
            } else {
                line(format_args!("{} {name} works", paint(GREEN, "✓")));
                for (what, value) in [("account", &found.account), ("user", &found.user)] {
                    if let Some(value) = value {
                        line(format_args!("  {}  {value}", paint(DIM, format_args!("{what:<8}"))));
                    }
                }
                if !found.scopes.is_empty() {
                    line(format_args!("  {}  {}", paint(DIM, "scopes  "), found.scopes.join(" ")));
                }
                let state = deskwire.store.token_state(&one.config.name).await?;
                if let Some(state) = state {
                    line(format_args!("  {}  {}", paint(DIM, "next    "), outlook(&state)));
                }
            }
            Ok(Outcome::Fine)
        }
        Ok(None) if one.client.is_some() => match deskwire.broker.token(&one.config.name).await {
            Ok(token) => {
                let text = format_args!("{} {name} has a token, version {}", paint(GREEN, "✓"), token.version);
                let document = json!({ "connection": name, "works": true, "version": token.version });
                said(&document, text, as_json);
                Ok(Outcome::Fine)
            }
            Err(why) => {
                let text = format!("{} {why}", paint(RED, "✗"));
                said(
                    &json!({ "connection": name, "works": false, "why": why.to_string() }),
                    format_args!("{text}"),
                    as_json,
                );
                Ok(Outcome::Failed)
            }
        },
        Ok(None) => {
            let text =
                format_args!("no harmless call is known for provider {}, so nothing was called", one.config.provider);
            said(&json!({ "connection": name, "works": null }), text, as_json);
            Ok(Outcome::Fine)
        }
        Err(error) => {
            if as_json {
                crate::output::json(
                    &json!({ "connection": name, "works": false, "code": error.code, "why": error.message }),
                );
            } else {
                note(format_args!("{} {name}: {}", paint(RED, "✗"), error.message));
            }
            Ok(Outcome::Failed)
        }
    }
}

async fn connect(
    name: &str,
    browser: bool,
    listen: SocketAddr,
    project: &ProjectArgs,
    data: &DataArgs,
    as_json: bool,
) -> anyhow::Result<Outcome> {
    let all = Stood::all(project, data).await?;
    let Some(one) = all.iter().find(|one| one.config.name.as_str() == name) else { return Ok(unknown(name, &all)) };
    let Some(client) = &one.client else {
        bail!(
            "{name} is signed in by a stored secret, so there is nothing to connect; `deskwire connections test {name}` shows whether it works"
        )
    };
    if data.sandbox {
        bail!("in the sandbox {name} is answered by a stand-in, so there is nothing to connect; leave out --sandbox")
    }
    let deskwire = start_for(&one.config, project, data, data.place().await?).await?;
    let began = SystemClock.now();
    // What a person agrees to stays as it is from here on.
    deskwire.store.deploy(vec![Deploy::Connection(one.config.fixed())], began).await?;
    if client.grant == OAuthGrant::ClientCredentials {
        if let Err(why) = deskwire.broker.token(&one.config.name).await {
            refuse(why);
            return Ok(Outcome::Failed);
        }
        said(
            &json!({ "connected": name }),
            format_args!("{} {name} is connected: it asks for its tokens itself", paint(GREEN, "✓")),
            as_json,
        );
        return Ok(Outcome::Fine);
    }
    let public_url = match data.reached_at().await? {
        Some(url) => url,
        None if data.is_on_aws() => bail!(
            "the deployment has not said yet where it is reached: its function token-refresh does so within five minutes"
        ),
        None => serve_here(&deskwire, listen).await?,
    };
    let key = invite(&deskwire.vault, &one.config.name, LASTS, began, &OsRandom).await?;
    let redirect_uri = below(&public_url, "oauth/callback");
    let mut link = below(&public_url, &format!("oauth/start/{name}"));
    link.query_pairs_mut().append_pair("key", &key);
    if as_json {
        line(json!({ "open": link, "redirect_uri": redirect_uri }));
    } else {
        note(format_args!("the provider must know this redirect address: {redirect_uri}"));
        line(format_args!("Open this in your browser within {}:", show_duration(LASTS)));
        line(format_args!("  {link}"));
        if browser && std::io::stderr().is_terminal() {
            open(&link);
        }
    }
    let found = wait(deskwire.store.as_ref(), &one.config.name, began).await?;
    let Some(state) = found else {
        refuse(format_args!("nobody connected {name} within {}; come again", show_duration(LASTS)));
        return Ok(Outcome::Failed);
    };
    let account = state.account.get("team").or_else(|| state.account.get("instance_url"));
    let account = account.map(|account| format!(" to {account}")).unwrap_or_default();
    said(
        &json!({ "connected": name, "tokens": state }),
        format_args!("{} {name} is connected{account}; it {}", paint(GREEN, "✓"), outlook(&state)),
        as_json,
    );
    Ok(Outcome::Fine)
}

/// Takes the person's way back in this process, where no server runs.
async fn serve_here(deskwire: &Deskwire, listen: SocketAddr) -> anyhow::Result<Url> {
    let Listening { listener, address } = server::listen(listen).await?;
    let public_url = server::public_url(None, address)?;
    let routes = server::oauth_routes(deskwire, &public_url);
    tokio::spawn(server::serve_until_told(listener, routes, std::future::pending()));
    Ok(public_url)
}

/// Waits until somebody has connected it, with a line on terminals that says so.
async fn wait(store: &dyn Store, name: &ConnectionName, began: Timestamp) -> anyhow::Result<Option<TokenState>> {
    let shown = std::io::stderr().is_terminal();
    let (mut said, until) = (0, tokio::time::Instant::now() + LASTS);
    let found = loop {
        // One that cannot be read is written anew by whoever connects it.
        let state = match store.token_state(name).await {
            Err(StoreError::Corrupt(_)) => None,
            state => state?,
        };
        if let Some(state) = state.filter(|state| state.standing == Standing::Connected && state.obtained_at >= began) {
            break Some(state);
        }
        let left = until.saturating_duration_since(tokio::time::Instant::now());
        if left.is_zero() {
            break None;
        }
        if shown && left.as_secs() != said {
            said = left.as_secs();
            // A line of progress that cannot be written is no reason to stop.
            let _ = write!(std::io::stderr(), "\rwaiting for the browser: {}:{:02} left ", said / 60, said % 60);
        }
        tokio::time::sleep(LOOK).await;
    };
    if shown {
        let _ = write!(std::io::stderr(), "\r\x1b[K");
    }
    Ok(found)
}

/// Opens the link in a browser, if there is one; the link is on the screen anyway.
fn open(link: &Url) {
    let opener = if cfg!(target_os = "macos") { "open" } else { "xdg-open" };
    let null = std::process::Stdio::null;
    let _ = std::process::Command::new(opener).arg(link.as_str()).stdin(null()).stdout(null()).stderr(null()).spawn();
}

async fn delete(name: &str, project: &ProjectArgs, data: &DataArgs, as_json: bool) -> anyhow::Result<Outcome> {
    let Ok(parsed) = ConnectionName::parse(name) else { bail!("`{name}` is no connection's name") };
    let store = data.open_to_act().await?;
    let all = Stood::all(project, data).await?;
    let mut users = all.iter().find(|one| one.config.name == parsed).map(|one| one.users.clone()).unwrap_or_default();
    let (actions, templates) = (deskwire_startup::actions_alone(), Templates::new(Limits::default()));
    let options = Options { actions: &actions, templates: &templates, allow_loopback: true };
    for deployed in store.deployed().await? {
        let file = SourceFile { path: deployed.file, text: deployed.text };
        let calls = Workflow::compile(&file, &options).is_ok_and(|workflow| calls_through(&workflow, &parsed));
        if calls && !users.contains(&deployed.name.to_string()) {
            users.push(deployed.name.to_string());
        }
    }
    if !users.is_empty() {
        refuse(format_args!("{name} is used by {}; take it out of these workflows first", users.join(", ")));
        return Ok(Outcome::Failed);
    }
    let mut known = all.iter().map(|one| &one.config.name).any(|name| *name == parsed);
    known |= store.fixed_connections().await?.iter().any(|facts| facts.name == parsed);
    // A record that cannot be read is there as well, and is to go.
    if !known && matches!(store.token_state(&parsed).await, Ok(None)) {
        return Ok(unknown(name, &all));
    }
    let kept = vault(&store, project, data)?;
    store.forget_tokens(&parsed).await?;
    kept.forget(&format!("token/{parsed}")).await?;
    // Last: while anything is kept of it, its facts stay.
    store.deploy(vec![Deploy::ForgetConnection(parsed.clone())], SystemClock.now()).await?;
    let text = format_args!("everything kept of {name} is erased; its entry in deskwire.yaml is yours to remove");
    said(&json!({ "deleted": name }), text, as_json);
    Ok(Outcome::Fine)
}
