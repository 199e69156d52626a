//! `deskwire secrets`: the secret store on this machine. Values come in by the standard input or a hidden prompt, never as
//! an argument, where every process list and shell history would keep them.

use std::io::{IsTerminal, Read};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, bail};
use deskwire_core::ids::ConnectionName;
use deskwire_core::ports::Store;
use deskwire_core::secret::SecretRef;
use deskwire_core::time::{Clock, SystemClock, read_duration};
use deskwire_secrets::Vault;
use deskwire_startup::{OsRandom, Place};
use serde_json::json;

use super::{read_project, secrets};
use crate::Outcome;
use crate::args::{DataArgs, ProjectArgs, SecretsCommand};
use crate::failure::refuse;
use crate::output::{BOLD, DIM, cell, line, note, styled, table, time};

/// The largest secret.
const MOST: u64 = 64 * 1024;

pub(crate) async fn run(command: SecretsCommand, as_json: bool) -> anyhow::Result<Outcome> {
    match command {
        SecretsCommand::Set { name, keep_old, data } => {
            set(&name, keep_old.as_deref(), &data.project, &data, as_json).await
        }
        SecretsCommand::List { data } => {
            let data = data.asked().await?;
            let listed = vault(&data.open().await?, &data.project, &data)?.list().await?;
            if as_json {
                crate::output::json(&json!(listed));
            } else if listed.is_empty() {
                line("No secrets. `deskwire secrets set NAME` stores one.");
            } else {
                let rows = listed.iter().map(|secret| {
                    vec![
                        styled(&secret.name, BOLD),
                        cell(secret.version),
                        cell(time(secret.stored_at)),
                        styled(&secret.key, DIM),
                    ]
                });
                table(&["secret", "version", "stored", "sealed with key"], &rows.collect::<Vec<_>>());
            }
            Ok(Outcome::Fine)
        }
        SecretsCommand::Delete { name, force, data } => {
            let store = data.open_to_act().await?;
            let users = users(&name, &data.project);
            if !users.is_empty() && !force {
                refuse(format_args!("{name} is used by {}; --force deletes it all the same", users.join(", ")));
                return Ok(Outcome::Failed);
            }
            let gone = vault(&store, &data.project, &data)?.delete(&name).await?;
            tell(&data).await?;
            if !gone {
                refuse(format_args!("there is no secret `{name}`; `deskwire secrets list` shows those there are"));
                return Ok(Outcome::Failed);
            }
            done(&json!({ "deleted": name }), format_args!("{name} is deleted"), as_json);
            Ok(Outcome::Fine)
        }
        SecretsCommand::RotateKey { data } => {
            let sealed = vault(&data.open_to_act().await?, &data.project, &data)?.exchange_key().await?;
            let text = format_args!(
                "{sealed} sealed anew with a new key; the old one stays as secret.key.old until the next time"
            );
            done(&json!({ "sealed_anew": sealed }), text, as_json);
            Ok(Outcome::Fine)
        }
    }
}

fn done(document: &serde_json::Value, text: std::fmt::Arguments<'_>, as_json: bool) {
    if as_json { crate::output::json(document) } else { line(text) }
}

/// The secret store on the data's store.
pub(crate) fn vault(store: &Arc<dyn Store>, project: &ProjectArgs, data: &DataArgs) -> anyhow::Result<Vault> {
    let random: Arc<dyn deskwire_core::random::Random> = Arc::new(OsRandom);
    // The store that was opened is the place of a deployment.
    let place = if data.is_on_aws() { Place::Shared(store.clone()) } else { Place::Folder(data.folder()) };
    Ok(deskwire_startup::vault(store, &place, &secrets(project), &random)?)
}

async fn set(
    name: &str,
    keep_old: Option<&str>,
    project: &ProjectArgs,
    data: &DataArgs,
    as_json: bool,
) -> anyhow::Result<Outcome> {
    // The names of secrets follow the rule of all names.
    if let Err(why) = ConnectionName::parse(name) {
        bail!("`{name}` {why}");
    }
    let keep = match keep_old {
        None => Duration::ZERO,
        Some(text) => read_duration(text).with_context(|| format!("`{text}` is no duration such as 24h"))?,
    };
    let value = read_value(name)?;
    let now = SystemClock.now();
    let version = vault(&data.open_or_make().await?, project, data)?.set(name, &value, now, now.plus(keep)).await?;
    tell(data).await?;
    done(
        &json!({ "secret": name, "version": version }),
        format_args!("{name} is stored, as version {version}"),
        as_json,
    );
    if data.is_on_aws() || crate::server::is_running(&data.folder()) {
        note("whatever is running takes it over within seconds");
    }
    Ok(Outcome::Fine)
}

/// The functions of a deployment read secrets anew when they are told that some were set.
async fn tell(data: &DataArgs) -> anyhow::Result<()> {
    if data.is_on_aws() {
        deskwire_startup::tell_of_secrets(data.open().await?.as_ref(), SystemClock.now()).await?;
    }
    Ok(())
}

fn read_value(name: &str) -> anyhow::Result<String> {
    let mut value = if std::io::stdin().is_terminal() {
        rpassword::prompt_password(format!("{name}: ")).context("nothing could be read")?
    } else {
        let mut text = String::new();
        let read = std::io::stdin().take(MOST + 1).read_to_string(&mut text);
        let read = read.context("the standard input is not UTF-8 text; is it the right secret?")?;
        if u64::try_from(read).unwrap_or(u64::MAX) > MOST {
            bail!("more than {} KiB came in, too much for a secret", MOST / 1024);
        }
        text
    };
    if value.ends_with('\n') {
        value.pop();
        if value.ends_with('\r') {
            value.pop();
        }
    }
    if value.trim().is_empty() {
        bail!(
            "nothing came in: pipe the secret in, `printf %s … | deskwire secrets set {name}`, or type it at the prompt"
        );
    }
    Ok(value)
}

/// What in the project names this secret. A project that cannot be read names none.
fn users(name: &str, project: &ProjectArgs) -> Vec<String> {
    let Ok(files) = read_project(project) else { return Vec::new() };
    let project = deskwire_startup::check(&files, true).project;
    let is_it = |reference: &SecretRef| matches!(reference, SecretRef::Stored(stored) if stored == name);
    let mut users = Vec::new();
    users.extend(
        project
            .sources
            .iter()
            .filter(|source| source.signing_secrets.iter().any(is_it))
            .map(|source| format!("source {}", source.name)),
    );
    users.extend(
        project
            .oauth_clients
            .iter()
            .filter(|client| client.client_secret.as_ref().is_some_and(is_it))
            .map(|client| format!("OAuth client {}", client.name)),
    );
    users.extend(
        project
            .connections
            .iter()
            .filter(|one| one.auth.secret().is_some_and(is_it) || one.secret_url.as_ref().is_some_and(is_it))
            .map(|connection| format!("connection {}", connection.name)),
    );
    users
}
