//! What trials are made with: a workflow's file within its project, and whoever answers its calls.

use std::path::Path;
use std::sync::Arc;

use anyhow::{Context, bail};
use deskwire_accept::{Delivery, Source, Webhook};
use deskwire_core::action::Actions;
use deskwire_core::event::{Event, JsonText};
use deskwire_core::ids::{RequestId, SourceName};
use deskwire_core::ports::{EventDetail, Store};
use deskwire_core::provider::provider;
use deskwire_core::time::Timestamp;
use deskwire_history::event_not_found;
use deskwire_startup::{Place, ProjectFiles, Settings, StartError};
use deskwire_workflows::{Project, SourceFile, Workflow};
use qualtrics_webhook::Qualtrics;
use zendesk_webhook::Zendesk;

use super::{explain, read_project, samples, secrets};
use crate::args::{DataArgs, ProjectArgs};

/// Who answers calls that no recording does.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Who {
    Nobody,
    Sandbox,
    Providers,
}

/// A workflow, its project and its actions.
pub(crate) struct Bench {
    pub workflow: Arc<Workflow>,
    pub project: Arc<Project>,
    pub actions: Actions,
}

impl Bench {
    /// With the workflow of a file, in the place of all that the project has.
    pub(crate) async fn of_file(file: &Path, project: &ProjectArgs, data: &DataArgs, who: Who) -> anyhow::Result<Self> {
        let text = std::fs::read_to_string(file).with_context(|| format!("cannot read {}", file.display()))?;
        let mut files = read_project(project)?;
        files.workflows = vec![SourceFile { path: file.display().to_string(), text }];
        Self::new(&files, project, data, who).await
    }

    pub(crate) async fn new(
        files: &ProjectFiles,
        project: &ProjectArgs,
        data: &DataArgs,
        who: Who,
    ) -> anyhow::Result<Self> {
        let (loaded, actions) = if who == Who::Nobody {
            // Nobody is called, so where connections lead does not matter.
            let loaded = deskwire_startup::check(files, true);
            if loaded.has_errors() {
                return Err(explain(StartError::Mistakes(loaded.diagnostics), files));
            }
            (Arc::new(loaded.project), deskwire_startup::actions_alone())
        } else {
            let deskwire = start(files, project, data, who).await?;
            (deskwire.project(), deskwire.versions.actions())
        };
        let Some(workflow) = loaded.workflows.first().cloned() else {
            bail!("{} holds no workflow", files.workflows.first().map_or("the project", |file| &file.path))
        };
        Ok(Self { workflow, project: loaded, actions })
    }

    /// The event in a file with the body as the provider sends it, or in a sample.
    pub(crate) fn read_event(&self, file: &Path, source: &SourceName, now: Timestamp) -> anyhow::Result<Event> {
        let name = file.display();
        let bytes = samples::read(file)?;
        let (data, body) = JsonText::parse(&bytes).with_context(|| format!("{name} is no event"))?;
        let config = self.project.sources.iter().find(|config| config.name == *source).cloned();
        let config = config.with_context(|| format!("the project has no source `{source}`"))?;
        let scheme = provider(&config.provider).and_then(|provider| provider.scheme(&config.scheme));
        let scheme = scheme.with_context(|| format!("source `{source}` has an unknown signature scheme"))?;
        let webhooks: [&dyn Webhook; 2] = [&Zendesk, &Qualtrics];
        let webhook = webhooks.into_iter().find(|webhook| webhook.provider() == config.provider);
        let webhook = webhook.with_context(|| format!("events of provider {} cannot be read yet", config.provider))?;
        let source = Source { config, scheme, secrets: Vec::new() };
        let delivery = Delivery {
            source: &source,
            request: &bytes,
            payload: &bytes,
            body: &body,
            signed_at: now,
            stamp: None,
            request_id: &RequestId::new("req_try"),
        };
        let event = webhook.normalise(&delivery).map_err(|error| anyhow::anyhow!("{name}: {}", error.0))?;
        Ok(Event {
            source: source.config.name,
            id: event.id,
            kind: event.kind,
            subject: event.subject,
            time: event.time,
            received_at: now,
            data,
            request_id: None,
            change: event.change,
        })
    }
}

/// An event of the store, with what is kept about it.
pub(crate) async fn recorded_event(store: &dyn Store, reference: &str) -> anyhow::Result<(Event, EventDetail)> {
    let Some(detail) = store.event(reference).await? else {
        let why = event_not_found(store, reference).await?;
        bail!("`{reference}` is no file, and {why}; `deskwire events list` lists them")
    };
    let event = detail.event.clone();
    Ok((event.with_context(|| format!("event `{reference}` was rejected, so no workflow can run on it"))?, detail))
}

/// Starts against stand-ins of its own, or against the project's connections: those that are signed in by OAuth have their
/// tokens in the data folder.
async fn start(
    files: &ProjectFiles,
    project: &ProjectArgs,
    data: &DataArgs,
    who: Who,
) -> anyhow::Result<deskwire_startup::Deskwire> {
    let sandbox = who == Who::Sandbox;
    let settings = Settings {
        place: if !sandbox && data.has_store() { data.place().await? } else { Place::Memory },
        allow_loopback: project.allow_loopback || sandbox,
        stand_ins: if sandbox { Some(super::stand_ins_here().await?) } else { None },
        apply: false,
        leave_out: false,
        needs_secrets: true,
        needs_workflows: true,
    };
    deskwire_startup::start(&settings, files, &secrets(project)).await.map_err(|error| explain(error, files))
}
