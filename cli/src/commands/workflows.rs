//! `deskwire workflows`: list, show, and test on an event before anything is switched on.

use std::path::Path;
use std::sync::Arc;

use anyhow::{Context, bail};
use deskwire_accept::{Delivery, Source, Webhook};
use deskwire_core::event::{Event, JsonText};
use deskwire_core::ids::{Lane, RunId};
use deskwire_core::ports::{Arrival, History, Inbox, RunDetail, Wanted, Work};
use deskwire_core::provider::provider;
use deskwire_core::run::RunState;
use deskwire_core::time::Clock;
use deskwire_engine::{Engine, EngineOptions, Runner, RunnerOptions, Versions};
use deskwire_startup::{Deskwire, ProjectFiles, Settings};
use deskwire_storage::SqliteStore;
use deskwire_templates::Scope;
use deskwire_workflows::{OnError, SourceFile, Wants, Workflow};
use serde_json::{Value, json};
use zendesk_webhook::Zendesk;

use super::{explain, open_store, read_project, secrets};
use crate::Outcome;
use crate::args::{DataArgs, ProjectArgs, WorkflowsCommand};
use crate::commands::dry::{DryCalls, dry};
use crate::output::{BOLD, CYAN, DIM, GREEN, YELLOW, cell, line, note, paint, styled, table};
use crate::server::{self, Listening};
use crate::timeline;

pub(crate) async fn run(command: WorkflowsCommand, as_json: bool) -> anyhow::Result<Outcome> {
    match command {
        WorkflowsCommand::List { project } => {
            let (workflows, sound) = load(&project)?;
            if as_json {
                crate::output::json(&json!(workflows.iter().map(|w| to_json(w)).collect::<Vec<_>>()));
            } else {
                list(&workflows);
                if !sound {
                    note("the project has mistakes, so this list may not be whole; `deskwire check` shows them");
                }
            }
            Ok(Outcome::Fine)
        }
        WorkflowsCommand::Show { name, project } => {
            let (workflows, _) = load(&project)?;
            let Some(workflow) = workflows.iter().find(|workflow| workflow.name.as_str() == name) else {
                let names: Vec<&str> = workflows.iter().map(|workflow| workflow.name.as_str()).collect();
                note(format_args!("error: there is no workflow `{name}`; there are: {}", names.join(", ")));
                return Ok(Outcome::Failed);
            };
            if as_json {
                crate::output::json(&to_json(workflow));
            } else {
                show(workflow);
            }
            Ok(Outcome::Fine)
        }
        WorkflowsCommand::Test { file, event, sandbox, live, project, data } => {
            test(&file, &event, sandbox, live, &project, &data, as_json).await
        }
    }
}

fn load(project: &ProjectArgs) -> anyhow::Result<(Vec<Arc<Workflow>>, bool)> {
    let loaded = deskwire_startup::check(&read_project(project)?, true);
    let sound = !loaded.has_errors();
    Ok((loaded.project.workflows, sound))
}

fn to_json(workflow: &Workflow) -> Value {
    json!({
        "name": workflow.name,
        "description": workflow.description,
        "active": workflow.active,
        "version": workflow.version,
        "file": workflow.file,
        "trigger": {
            "source": workflow.trigger.source,
            "events": workflow.trigger.events,
            "when": workflow.trigger.when_text,
        },
        "steps": workflow.steps.iter().map(|step| json!({
            "id": step.id,
            "action": step.action,
            "connection": step.connection,
            "if": step.condition_text,
            "on_error": if step.on_error == OnError::Continue { "continue" } else { "fail" },
            "line": step.line,
        })).collect::<Vec<_>>(),
    })
}

fn list(workflows: &[Arc<Workflow>]) {
    if workflows.is_empty() {
        line("No workflows. Put one into workflows/NAME.yaml; `deskwire demo` shows one at work.");
        return;
    }
    let rows: Vec<_> = workflows
        .iter()
        .map(|w| {
            let (state, style) = if w.active { ("active", GREEN) } else { ("inactive", DIM) };
            vec![
                styled(&w.name, BOLD),
                styled(state, style),
                cell(w.trigger.events.join(", ")),
                cell(&w.trigger.source),
                cell(w.steps.len()),
                styled(&w.version, DIM),
                cell(w.description.as_deref().unwrap_or_default()),
            ]
        })
        .collect();
    table(&["workflow", "state", "events", "source", "steps", "version", "what it does"], &rows);
}

fn show(workflow: &Workflow) {
    let state = if workflow.active { paint(GREEN, "active") } else { paint(DIM, "inactive") };
    line(format_args!("{}  {state}  {}", paint(BOLD, &workflow.name), paint(DIM, &workflow.version)));
    if let Some(description) = &workflow.description {
        line(description);
    }
    line("");
    line(format_args!("on {} from {}", workflow.trigger.events.join(", "), workflow.trigger.source));
    if let Some(when) = &workflow.trigger.when_text {
        line(format_args!("when {when}"));
    }
    for (number, step) in workflow.steps.iter().enumerate() {
        let connection = step.connection.as_ref().map(|name| format!(" through {name}")).unwrap_or_default();
        line(format_args!(
            "{:>3}. {}  {}{connection}  {}",
            number + 1,
            paint(BOLD, &step.id),
            paint(CYAN, &step.action),
            paint(DIM, format_args!("{}:{}", workflow.file, step.line))
        ));
        if let Some(condition) = &step.condition_text {
            line(format_args!("     if {condition}"));
        }
    }
}

async fn test(
    file: &Path,
    event: &str,
    sandbox: bool,
    live: bool,
    project: &ProjectArgs,
    data: &DataArgs,
    as_json: bool,
) -> anyhow::Result<Outcome> {
    let text = std::fs::read_to_string(file).with_context(|| format!("cannot read {}", file.display()))?;
    // The workflow under test takes the place of the project's file of the same name.
    let mut files = read_project(project)?;
    files.workflows = vec![SourceFile { path: file.display().to_string(), text }];
    let deskwire = start(&files, project, sandbox).await?;
    let Some(workflow) = deskwire.project.workflows.first().cloned() else {
        bail!("{} holds no workflow", file.display())
    };
    let event = find_event(event, &deskwire, &workflow, data).await?;
    if let Some(reason) = would_not_start(&workflow, &event)? {
        if as_json {
            crate::output::json(&json!({ "starts": false, "reason": reason }));
        } else {
            line(format_args!("{} {reason}", paint(YELLOW, "would not start:")));
        }
        return Ok(Outcome::Fine);
    }
    let (run, calls) = run_once(&deskwire, &workflow, event, live).await?;
    let ok = matches!(run.summary.state, RunState::Succeeded | RunState::Skipped);
    if as_json {
        let mut document = timeline::to_json(&run);
        document["starts"] = json!(true);
        document["calls_not_made"] = json!(calls.list());
        crate::output::json(&document);
    } else {
        timeline::print(&run, true);
        for (action, input) in calls.list() {
            line("");
            line(format_args!("{} {action} with", paint(YELLOW, "not called (dry run):")));
            line(format_args!("{input:#}"));
        }
    }
    Ok(if ok { Outcome::Fine } else { Outcome::Failed })
}

/// Starts on a store in memory, against the project's connections or against stand-ins of its own.
async fn start(files: &ProjectFiles, project: &ProjectArgs, sandbox: bool) -> anyhow::Result<Deskwire> {
    let mut stand_ins = None;
    if sandbox {
        let Listening { listener, address } = server::listen(([127, 0, 0, 1], 0).into()).await?;
        stand_ins = Some(server::stand_ins(address)?);
        let routes = server::sandbox_routes(&server::sandbox(None));
        tokio::spawn(server::serve_until_told(listener, routes, std::future::pending()));
    }
    let settings = Settings { data: None, allow_loopback: project.allow_loopback || sandbox, stand_ins };
    match deskwire_startup::start(&settings, files, &secrets(project)).await {
        Ok(deskwire) => Ok(deskwire),
        Err(error) => Err(explain(error, files)),
    }
}

/// The event a person means: a file with the provider's body, or one of the store.
async fn find_event(
    reference: &str,
    deskwire: &Deskwire,
    workflow: &Workflow,
    data: &DataArgs,
) -> anyhow::Result<Event> {
    if !Path::new(reference).exists() {
        let store = open_store(data).with_context(|| format!("`{reference}` is no file"))?;
        let found = store.event(reference).await?.with_context(|| format!("there is no event `{reference}`"))?;
        return found.event.with_context(|| format!("event `{reference}` was rejected, so no workflow can run on it"));
    }
    let bytes = std::fs::read(reference).with_context(|| format!("cannot read {reference}"))?;
    let (data, body) = JsonText::parse(&bytes).with_context(|| format!("{reference} is no event"))?;
    let name = &workflow.trigger.source;
    let config = deskwire.project.sources.iter().find(|source| source.name == *name).cloned();
    let config = config.with_context(|| format!("the project has no source `{name}`"))?;
    let scheme = provider(&config.provider).and_then(|provider| provider.scheme(&config.scheme));
    let scheme = scheme.with_context(|| format!("source `{name}` has an unknown signature scheme"))?;
    let webhooks: [&dyn Webhook; 1] = [&Zendesk];
    let webhook = webhooks.into_iter().find(|webhook| webhook.provider() == config.provider);
    let webhook = webhook.with_context(|| format!("events of provider {} cannot be read yet", config.provider))?;
    let now = deskwire.clock.now();
    let source = Source { config, scheme, secrets: Vec::new() };
    let delivery = Delivery { source: &source, payload: &bytes, body: &body, signed_at: now };
    let event = webhook.normalise(&delivery).map_err(|error| anyhow::anyhow!("{reference}: {}", error.0))?;
    Ok(Event {
        source: source.config.name,
        id: event.id,
        kind: event.kind,
        subject: event.subject,
        time: event.time,
        received_at: now,
        data,
    })
}

fn would_not_start(workflow: &Workflow, event: &Event) -> anyhow::Result<Option<String>> {
    let mut scope = Scope::new();
    scope.set("event", &event.to_json().map_err(|error| anyhow::anyhow!("{error}"))?);
    Ok(match workflow.wants(event, || &scope) {
        Wants::Yes => None,
        Wants::Declined(reason) => Some(reason),
        Wants::No => Some(format!(
            "it listens to {} from {}, and this is {} from {}",
            workflow.trigger.events.join(", "),
            workflow.trigger.source,
            event.kind,
            event.source
        )),
    })
}

async fn run_once(
    deskwire: &Deskwire,
    workflow: &Arc<Workflow>,
    event: Event,
    live: bool,
) -> anyhow::Result<(RunDetail, DryCalls)> {
    let calls = DryCalls::default();
    let actions = if live { deskwire.actions.clone() } else { dry(&deskwire.actions, &calls) };
    let work: Arc<dyn Work> = Arc::new(deskwire.store.clone());
    let versions =
        Versions::new(Arc::clone(&work), actions, deskwire.templates.clone(), std::slice::from_ref(workflow));
    let clock: Arc<dyn Clock> = Arc::clone(&deskwire.clock);
    let engine = Engine::new(work, versions, clock, Arc::clone(&deskwire.random), EngineOptions::default());
    let run = RunId::generate(deskwire.clock.now(), deskwire.random.as_ref());
    let wanted = Wanted {
        workflow: workflow.name.clone(),
        version: workflow.version.clone(),
        run: run.clone(),
        lane: Lane::of(&workflow.name, &event.subject),
    };
    let store: &SqliteStore = &deskwire.store;
    store.accept(Arrival { event, also_known_as: vec![], wanted: vec![wanted], declined: vec![] }).await?;
    Runner::new(Arc::new(engine), RunnerOptions::default()).work_off(std::time::Duration::from_mins(2)).await;
    let found = store.run(run.as_str()).await?.context("the run is gone")?;
    Ok((found, calls))
}
