//! `deskwire serve`: every function in one process.

use std::net::SocketAddr;
use std::sync::{Arc, OnceLock};

use deskwire_startup::{Place, Settings, StartError};
use serde_json::json;
use url::Url;

use super::{explain, read_project, secrets};
use crate::Outcome;
use crate::args::{DataArgs, ProjectArgs};
use crate::live::Folder;
use crate::marker::Marker;
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
    let files = read_project(project)?;
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
    let deskwire = match deskwire_startup::start(&settings, &files, &secrets(project)).await {
        Ok(deskwire) => deskwire,
        Err(error) => {
            if matches!(error, StartError::Secrets(_)) {
                note("Secrets are missing. `deskwire serve --sandbox` needs none: stand-ins answer for the providers.");
            }
            return Err(explain(error, &files));
        }
    };
    let tokens = Arc::new(api::Tokens::new(&deskwire.vault.versions_of(api::TOKEN_SECRET).await?));
    let mut routes = server::routes(&deskwire, address, &public_url, Arc::clone(&tokens));
    if sandbox {
        let webhooks = Arc::new(OnceLock::new());
        let project = deskwire.project();
        let deliver = Some(server::deliver_to(&webhooks, &project.sources));
        let _ = webhooks.set(routes.clone());
        routes = routes.merge(server::sandbox_routes(&server::sandbox(deliver)));
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
    let folder = Some(Folder { path: project.project.clone(), files, settings, secrets: secrets(project), tokens });
    Server { deskwire: Arc::new(deskwire), listener, routes, concurrency, public_url, folder }
        .run(server::told_to_stop())
        .await?;
    Ok(Outcome::Fine)
}
