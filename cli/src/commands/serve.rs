//! `deskwire serve`: every function in one process.

use std::net::SocketAddr;
use std::sync::{Arc, OnceLock};

use anyhow::bail;
use deskwire_startup::{HeldBack, Origin, Place, ProjectFiles, Settings, StartError};
use deskwire_storage::SqliteStore;
use serde_json::json;
use url::Url;

use super::{explain, secrets};
use crate::Outcome;
use crate::args::{DataArgs, ProjectArgs};
use crate::current::{self, Began};
use crate::hosts::Hosts;
use crate::marker::Marker;
use crate::output::{line, note};
use crate::server::{self, Listening, Server};

/// How to serve.
pub(crate) struct Options {
    /// Is the project folder applied and watched?
    pub reload: bool,
    /// How many runs go on at once.
    pub concurrency: usize,
    /// Where people and providers reach it, if not at its own address.
    pub public_url: Option<Url>,
    /// The names under which pages for people may be opened.
    pub hosts: Hosts,
}

pub(crate) async fn run(
    project: &ProjectArgs,
    data: &DataArgs,
    address: SocketAddr,
    options: Options,
    as_json: bool,
) -> anyhow::Result<Outcome> {
    let Options { reload, concurrency, public_url, hosts } = options;
    let (sandbox, folder) = (data.sandbox, data.folder());
    if hosts.has_more() && !address.ip().is_loopback() {
        bail!(
            "--console-host needs a loopback address to listen on: until there is a sign-in, the console is on loopback only; \
             leave it out, or listen on 127.0.0.1 and let a tunnel or proxy lead there"
        )
    }
    // A store is made only where there is a project.
    if !SqliteStore::is_in(&folder) {
        super::read_project(project)?;
    }
    // Held until the process ends; the system releases it whatever happens.
    let lock = server::lock(&folder)?;
    let Listening { listener, address } = server::listen(address).await?;
    let public_url = server::public_url(public_url, address)?;
    server::note_address(&lock, &public_url)?;
    let settings = Settings {
        place: if sandbox { Place::Sandbox(folder) } else { Place::Folder(folder) },
        allow_loopback: data.allow_loopback(),
        stand_ins: if sandbox { Some(server::stand_ins(address)?) } else { None },
        apply: reload,
        leave_out: false,
        needs_secrets: true,
        needs_workflows: true,
    };
    let folder = project.project.clone();
    let origin = if reload { Origin::Folder(folder) } else { Origin::Deployed(Some(folder)) };
    let (deskwire, held_back) = match deskwire_startup::begin(&settings, &origin, &secrets(project)).await {
        Ok(begun) => begun,
        Err(error) => {
            if matches!(error, StartError::Secrets(_)) {
                note("Secrets are missing. `deskwire serve --sandbox` needs none: stand-ins answer for the providers.");
            }
            return Err(refused(project, error));
        }
    };
    let held_back = held_back.or_else(|| if reload { None } else { mistakes(project, data) });
    let said = current::in_words(held_back.as_ref(), &deskwire.left_out);
    if !said.is_empty() {
        note(&said);
    }
    let tokens = Arc::new(api::Tokens::new(&deskwire.vault.versions_of(api::TOKEN_SECRET).await?));
    let health = Arc::default();
    let mut routes = server::routes(&deskwire, address, &public_url, Arc::clone(&tokens), &hosts, &health);
    if sandbox {
        let webhooks = Arc::new(OnceLock::new());
        let project = deskwire.project();
        let deliver = Some(server::deliver_to(&webhooks, &project.sources));
        let _ = webhooks.set(routes.clone());
        routes = routes.merge(server::sandbox_routes(&server::sandbox(deliver), &hosts));
    }
    routes = routes.merge(Marker::of(&project.project, sandbox).routes());
    let workflows = deskwire.workflows().iter().filter(|one| one.active).count();
    if as_json {
        line(json!({ "listening": format!("http://{address}"), "workflows": workflows }));
    } else {
        line(format_args!("listening on http://{address}"));
        note(format_args!("{workflows} active workflow{}", if workflows == 1 { "" } else { "s" }));
        super::plan::how_to_switch_on(&deskwire.applied);
        if address.ip().is_loopback() {
            note(format_args!("console  http://{address}/console"));
        }
        if sandbox {
            note(format_args!("slack    http://{address}/sandbox/slack     zendesk  http://{address}/sandbox/zendesk"));
            if deskwire.project().sources.iter().any(|source| source.provider == "qualtrics") {
                let survey = deskwire_sandbox::world::SURVEY;
                note(format_args!("survey   http://{address}/sandbox/qualtrics/jfe/form/{survey}"));
            }
        }
    }
    let began = Some(Began { origin, settings, secrets: secrets(project), tokens, said });
    Server { deskwire: Arc::new(deskwire), listener, routes, concurrency, public_url, health, began }
        .run(server::told_to_stop())
        .await?;
    Ok(Outcome::Fine)
}

/// Why nothing can be served: nothing was ever put in force, and the files cannot be either.
fn refused(project: &ProjectArgs, error: StartError) -> anyhow::Error {
    if super::is_no_project(&error) {
        return super::no_project(project);
    }
    explain(error, &deskwire_startup::read_project(&project.project).unwrap_or_default())
}

/// What is wrong with the files of a folder that does not count until it is applied.
fn mistakes(project: &ProjectArgs, data: &DataArgs) -> Option<HeldBack> {
    let (why, files) = match deskwire_startup::read_project(&project.project) {
        Err(why) => (why, ProjectFiles::default()),
        Ok(files) => {
            let loaded = deskwire_startup::check(&files, data.allow_loopback());
            if !loaded.has_errors() {
                return None;
            }
            (StartError::Mistakes(loaded.diagnostics), files)
        }
    };
    Some(HeldBack { why, files })
}
