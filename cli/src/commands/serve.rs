//! `deskwire serve`: every function in one process.

use std::net::SocketAddr;
use std::sync::{Arc, OnceLock};

use deskwire_startup::{HeldBack, Origin, Place, ProjectFiles, Settings, StartError};
use serde_json::json;
use url::Url;

use super::{explain, secrets};
use crate::Outcome;
use crate::args::{DataArgs, ProjectArgs};
use crate::current::{self, Began};
use crate::output::{line, note};
use crate::server::{self, Listening, Server};

/// How to serve.
pub(crate) struct Options {
    /// Do stand-ins answer for the providers?
    pub sandbox: bool,
    /// Is the project folder applied and watched?
    pub reload: bool,
    /// How many runs go on at once.
    pub concurrency: usize,
    /// Where people and providers reach it, if not at its own address.
    pub public_url: Option<Url>,
}

pub(crate) async fn run(
    project: &ProjectArgs,
    data: &DataArgs,
    address: SocketAddr,
    options: Options,
    as_json: bool,
) -> anyhow::Result<Outcome> {
    let Options { sandbox, reload, concurrency, public_url } = options;
    // A store is made only where there is a project.
    if !data.data.join("deskwire.db").exists() {
        super::read_project(project)?;
    }
    // Held until the process ends; the system releases it whatever happens.
    let lock = server::lock(&data.data)?;
    let Listening { listener, address } = server::listen(address).await?;
    let public_url = server::public_url(public_url, address)?;
    server::note_address(&lock, &public_url)?;
    let settings = Settings {
        place: Place::Folder(data.data.clone()),
        allow_loopback: project.allow_loopback || sandbox,
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
    let held_back = held_back.or_else(|| if reload { None } else { mistakes(project) });
    let said = current::in_words(held_back.as_ref(), &deskwire.left_out);
    if !said.is_empty() {
        note(&said);
    }
    let tokens = Arc::new(api::Tokens::new(&deskwire.vault.versions_of(api::TOKEN_SECRET).await?));
    let health = Arc::default();
    let mut routes = server::routes(&deskwire, address, &public_url, Arc::clone(&tokens), &health);
    if sandbox {
        let webhooks = Arc::new(OnceLock::new());
        let project = deskwire.project();
        let deliver = Some(server::deliver_to(&webhooks, &project.sources));
        let _ = webhooks.set(routes.clone());
        routes = routes.merge(server::sandbox_routes(&server::sandbox(deliver)));
    }
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
    let files = deskwire_startup::read_project(&project.project).unwrap_or_default();
    let no_project = matches!(&error, StartError::Read { path, .. } if path.ends_with("deskwire.yaml"));
    let error = explain(error, &files);
    if no_project { error.context(super::no_project(project)) } else { error }
}

/// What is wrong with the files of a folder that does not count until it is applied.
fn mistakes(project: &ProjectArgs) -> Option<HeldBack> {
    let (why, files) = match deskwire_startup::read_project(&project.project) {
        Err(why) => (why, ProjectFiles::default()),
        Ok(files) => {
            let loaded = deskwire_startup::check(&files, project.allow_loopback);
            if !loaded.has_errors() {
                return None;
            }
            (StartError::Mistakes(loaded.diagnostics), files)
        }
    };
    Some(HeldBack { why, files })
}
