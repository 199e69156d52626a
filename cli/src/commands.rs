//! One file per sub-command.

pub(crate) mod actions;
mod bench;
pub(crate) mod check;
pub(crate) mod clients;
pub(crate) mod connections;
pub(crate) mod demo;
pub(crate) mod doctor;
pub(crate) mod events;
pub(crate) mod plan;
mod rehearse;
mod replay;
pub(crate) mod runs;
pub(crate) mod sandbox;
pub(crate) mod secrets;
pub(crate) mod serve;
mod settle;
pub(crate) mod slack;
pub(crate) mod sources;
mod tail;
mod test;
pub(crate) mod workflows;

use std::sync::Arc;

use anyhow::Context;
use deskwire_core::connection::{AuthConfig, ConnectionConfig};
use deskwire_core::ports::Store;
use deskwire_secrets::Secrets;
use deskwire_startup::{Deskwire, ProjectFiles, Settings, StartError};
use deskwire_workflows::Diagnostic;

use crate::args::{DataArgs, ProjectArgs};
use crate::output::{line, note};

/// Opens the store for a question. A store that is not there is an error that says how to get one.
async fn open_store(data: &DataArgs) -> anyhow::Result<Arc<dyn Store>> {
    data.open().await
}

/// Opens the store, which is made if need be.
async fn open_or_make_store(data: &DataArgs) -> anyhow::Result<Arc<dyn Store>> {
    data.open_or_make().await
}

fn read_project(project: &ProjectArgs) -> anyhow::Result<ProjectFiles> {
    deskwire_startup::read_project(&project.project).with_context(|| {
        format!("{} is no Deskwire project; name one with --project, or try `deskwire demo`", project.project.display())
    })
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

/// Starts on the data folder without putting anything in force. What lacks its secret is left out.
async fn start(project: &ProjectArgs, data: &DataArgs) -> anyhow::Result<Deskwire> {
    let files = read_project(project)?;
    let settings = Settings {
        place: data.place().await?,
        allow_loopback: project.allow_loopback,
        stand_ins: None,
        apply: false,
        leave_out: true,
        needs_secrets: true,
        needs_workflows: false,
    };
    deskwire_startup::start(&settings, &files, &secrets(project)).await.map_err(|error| explain(error, &files))
}

/// The same for a command about one connection, whose own secret must be there.
async fn start_for(connection: &ConnectionConfig, project: &ProjectArgs, data: &DataArgs) -> anyhow::Result<Deskwire> {
    let deskwire = start(project, data).await?;
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
