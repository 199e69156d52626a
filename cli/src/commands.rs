//! One file per sub-command.

pub(crate) mod actions;
mod bench;
pub(crate) mod check;
pub(crate) mod clients;
pub(crate) mod connections;
pub(crate) mod demo;
pub(crate) mod doctor;
pub(crate) mod events;
pub(crate) mod init;
pub(crate) mod plan;
mod rehearse;
mod replay;
pub(crate) mod runs;
mod samples;
pub(crate) mod sandbox;
pub(crate) mod schema;
pub(crate) mod secrets;
pub(crate) mod serve;
mod settle;
pub(crate) mod slack;
pub(crate) mod sources;
mod tail;
mod test;
pub(crate) mod workflows;

use std::io::ErrorKind;
use std::sync::Arc;

use deskwire_core::connection::{AuthConfig, ConnectionConfig};
use deskwire_core::ports::Store;
use deskwire_secrets::Secrets;
use deskwire_startup::{Deskwire, Place, ProjectFiles, Settings, StandIns, StartError};
use deskwire_workflows::Diagnostic;

use crate::args::{DataArgs, ProjectArgs};
use crate::hosts::Hosts;
use crate::output::{line, note};
use crate::server::{self, Listening};

/// Opens the store for a question. A store that is not there is an error that says how to get one.
async fn open_store(data: &DataArgs) -> anyhow::Result<Arc<dyn Store>> {
    data.open().await
}

fn read_project(project: &ProjectArgs) -> anyhow::Result<ProjectFiles> {
    deskwire_startup::read_project(&project.project)
        .map_err(|error| if is_no_project(&error) { no_project(project) } else { error.into() })
}

/// Is there no project at all?
fn is_no_project(error: &StartError) -> bool {
    matches!(error, StartError::Read { source, path }
        if source.kind() == ErrorKind::NotFound && path.ends_with("deskwire.yaml"))
}

fn no_project(project: &ProjectArgs) -> anyhow::Error {
    let place = match project.project.to_str() {
        Some(".") => "this folder".to_owned(),
        _ => project.project.display().to_string(),
    };
    anyhow::anyhow!(
        "there is no deskwire.yaml in {place}, so it is not a Deskwire project: run `deskwire init` to begin one, name \
         another folder with --project, or try `deskwire demo`"
    )
}

#[expect(clippy::disallowed_methods, reason = "a binary reads the environment")]
fn secrets(project: &ProjectArgs) -> Secrets {
    Secrets::new(&project.project, Box::new(|name| std::env::var(name).ok()))
}

/// Prints diagnostics with their lines of source, and how many there are.
fn print_diagnostics(diagnostics: &[Diagnostic], files: &ProjectFiles, colour: bool) {
    for diagnostic in diagnostics {
        line(rendered(diagnostic, files, colour));
    }
}

/// A diagnostic with its lines of source.
pub(crate) fn rendered(diagnostic: &Diagnostic, files: &ProjectFiles, colour: bool) -> String {
    let source = files.project.iter().chain(&files.workflows).find(|file| file.path == diagnostic.file);
    diagnostic.render(source.map_or("", |file| &file.text), colour)
}

/// The start's mistakes, shown as `check` shows them; every other reason is passed on.
fn explain(error: StartError, files: &ProjectFiles) -> anyhow::Error {
    if let StartError::Mistakes(diagnostics) = &error {
        if crate::failure::is_json() {
            crate::failure::mistakes(diagnostics);
        } else {
            for diagnostic in diagnostics {
                note(rendered(diagnostic, files, colour_on_stderr()));
            }
        }
    }
    error.into()
}

/// Starts without putting anything in force. What lacks its secret is left out. In the sandbox, stand-ins of its own answer.
async fn start(project: &ProjectArgs, data: &DataArgs, place: Place) -> anyhow::Result<Deskwire> {
    let files = read_project(project)?;
    let settings = Settings {
        place,
        allow_loopback: data.allow_loopback(),
        stand_ins: if data.sandbox { Some(stand_ins_here().await?) } else { None },
        apply: false,
        leave_out: true,
        needs_secrets: true,
        needs_workflows: false,
    };
    deskwire_startup::start(&settings, &files, &secrets(project)).await.map_err(|error| explain(error, &files))
}

/// Stand-ins in this process, for as long as it runs.
async fn stand_ins_here() -> anyhow::Result<StandIns> {
    let Listening { listener, address } = server::listen(([127, 0, 0, 1], 0).into()).await?;
    let routes = server::sandbox_routes(&server::sandbox(None), &Hosts::default());
    tokio::spawn(server::serve_until_told(listener, routes, std::future::pending()));
    server::stand_ins(address)
}

/// The same for a command about one connection, whose own secret must be there.
async fn start_for(
    connection: &ConnectionConfig,
    project: &ProjectArgs,
    data: &DataArgs,
    place: Place,
) -> anyhow::Result<Deskwire> {
    let deskwire = start(project, data, place).await?;
    let client = match &connection.auth {
        AuthConfig::OAuth2 { client } => Some(format!("OAuth client {client}")),
        _ => None,
    };
    let own = format!("connection {}", connection.name);
    let is_its = |what: &str| what == own || client.as_deref() == Some(what);
    match deskwire.left_out.iter().find(|missing| is_its(&missing.what)) {
        Some(missing) => anyhow::bail!("{}", missing.why),
        None => Ok(deskwire),
    }
}

fn colour_on_stderr() -> bool {
    anstream::stderr().current_choice() != anstream::ColorChoice::Never
}

fn colour_on_stdout() -> bool {
    anstream::stdout().current_choice() != anstream::ColorChoice::Never
}
