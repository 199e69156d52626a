//! `deskwire workflows`: list, show, switch on and off, start by hand. Testing and rehearsing are files of their own.

use std::sync::Arc;

use anstyle::Style;
use deskwire_accept::wanted_by;
use deskwire_core::ids::WorkflowName;
use deskwire_core::ports::{Arrival, Deployed};
use deskwire_core::time::{Clock, SystemClock};
use deskwire_startup::OsRandom;
use deskwire_templates::{Limits, Templates};
use deskwire_workflows::{EventTrigger, Options, SourceFile, Step, StepKind, Trigger, Workflow};
use serde_json::{Value, json};

use super::{read_project, rehearse, test};
use crate::Outcome;
use crate::args::{DataArgs, ProjectArgs, WorkflowsCommand};
use crate::output::{BOLD, CYAN, DIM, GREEN, YELLOW, cell, line, note, paint, styled, table};
use crate::server;

pub(crate) async fn run(command: WorkflowsCommand, as_json: bool) -> anyhow::Result<Outcome> {
    match command {
        WorkflowsCommand::List { data } => {
            let (workflows, sound) = load(&data.project)?;
            let data = data.asked().await?;
            data.tell_if_empty();
            let known = Known::of(workflows, &data).await?;
            if as_json {
                crate::output::json(&json!(known.iter().map(Known::to_json).collect::<Vec<_>>()));
            } else {
                list(&known);
                if !sound {
                    note("the project has mistakes, so this list may not be whole; `deskwire check` shows them");
                }
            }
            Ok(Outcome::Fine)
        }
        WorkflowsCommand::Show { name, data } => {
            let (workflows, _) = load(&data.project)?;
            let data = data.asked().await?;
            data.tell_if_empty();
            let known = Known::of(workflows, &data).await?;
            let Some(one) = known.iter().find(|known| known.workflow.name.as_str() == name) else {
                let names = known.iter().map(|known| known.workflow.name.as_str());
                return Ok(unknown(&name, names));
            };
            if as_json {
                crate::output::json(&one.to_json());
            } else {
                show(one);
            }
            Ok(Outcome::Fine)
        }
        WorkflowsCommand::Activate { name, data } => switch(&name, true, &data, as_json).await,
        WorkflowsCommand::Deactivate { name, data } => switch(&name, false, &data, as_json).await,
        WorkflowsCommand::Run { name, inputs, data } => start_by_hand(&name, &inputs, &data, as_json).await,
        WorkflowsCommand::Test(args) => test::run(*args, as_json).await,
        WorkflowsCommand::Rehearse(args) => rehearse::run(args, as_json).await,
    }
}

pub(crate) fn unknown<'n>(name: &str, known: impl Iterator<Item = &'n str>) -> Outcome {
    let known: Vec<&str> = known.collect();
    if known.is_empty() {
        note(format_args!(
            "error: there is no workflow `{name}`: none is in force; `deskwire apply` puts the project's in force"
        ));
    } else {
        note(format_args!("error: there is no workflow `{name}`; there are: {}", known.join(", ")));
    }
    Outcome::Failed
}

fn load(project: &ProjectArgs) -> anyhow::Result<(Vec<Arc<Workflow>>, bool)> {
    let loaded = deskwire_startup::check(&read_project(project)?, true);
    let sound = !loaded.has_errors();
    Ok((loaded.project.workflows, sound))
}

/// A workflow of the project, and what of it is in force.
struct Known {
    workflow: Arc<Workflow>,
    deployed: Option<Deployed>,
}

impl Known {
    async fn of(workflows: Vec<Arc<Workflow>>, data: &DataArgs) -> anyhow::Result<Vec<Self>> {
        let mut deployed = match data.open_if_any().await? {
            Some(store) => store.deployed().await?,
            // Nothing has been applied yet.
            None => Vec::new(),
        };
        let mut take = |name| deployed.iter().position(|one| one.name == name).map(|at| deployed.swap_remove(at));
        Ok(workflows.into_iter().map(|workflow| Self { deployed: take(workflow.name.clone()), workflow }).collect())
    }

    /// In a word: is it in force?
    fn state(&self) -> (&'static str, Style) {
        match &self.deployed {
            None => ("not applied yet", YELLOW),
            Some(deployed) if deployed.version != self.workflow.version => ("changed, not applied", YELLOW),
            Some(deployed) if deployed.active => ("active", GREEN),
            Some(_) => ("inactive", DIM),
        }
    }

    fn to_json(&self) -> Value {
        let workflow = &self.workflow;
        json!({
            "name": workflow.name,
            "description": workflow.description,
            "state": self.state().0,
            "active": self.deployed.as_ref().is_some_and(|deployed| deployed.active),
            "version": workflow.version,
            "version_in_force": self.deployed.as_ref().map(|deployed| &deployed.version),
            "file": workflow.file,
            "trigger": trigger_json(&workflow.trigger),
            "steps": workflow.all_steps().iter().map(|step| json!({
                "id": step.id,
                "path": step.path,
                "does": step.word(),
                "if": step.condition.as_ref().map(ToString::to_string),
                "line": step.line,
            })).collect::<Vec<_>>(),
        })
    }
}

fn trigger_json(trigger: &Trigger) -> Value {
    match trigger {
        Trigger::Event(event) => json!({
            "source": event.source,
            "events": event.events,
            "when": event.when.as_ref().map(ToString::to_string),
        }),
        Trigger::Schedule(schedule) => json!({ "schedule": schedule.cron, "zone": schedule.zone }),
        Trigger::Manual(inputs) => json!({
            "manual": inputs.iter().map(|input| json!({
                "name": input.name, "type": input.kind.as_str(), "required": input.required,
            })).collect::<Vec<_>>(),
        }),
    }
}

/// What starts a workflow, in words.
pub(crate) fn trigger_in_words(trigger: &Trigger) -> String {
    match trigger {
        Trigger::Event(event) => format!("{} from {}", event.events.join(", "), event.source),
        Trigger::Schedule(schedule) => format!("schedule {} ({})", schedule.cron, schedule.zone),
        Trigger::Manual(inputs) if inputs.is_empty() => "by hand".to_owned(),
        Trigger::Manual(inputs) => {
            let names: Vec<&str> = inputs.iter().map(|input| input.name.as_str()).collect();
            format!("by hand, with {}", names.join(", "))
        }
    }
}

fn list(workflows: &[Known]) {
    if workflows.is_empty() {
        line("No workflows. Put one into workflows/NAME.yaml; `deskwire demo` shows one at work.");
        return;
    }
    let rows: Vec<_> = workflows
        .iter()
        .map(|known| {
            let (state, style) = known.state();
            vec![
                styled(&known.workflow.name, BOLD),
                styled(state, style),
                cell(trigger_in_words(&known.workflow.trigger)),
                cell(known.workflow.all_steps().len()),
                styled(&known.workflow.version, DIM),
                cell(known.workflow.description.as_deref().unwrap_or_default()),
            ]
        })
        .collect();
    table(&["workflow", "state", "started by", "steps", "version", "what it does"], &rows);
}

fn show(known: &Known) {
    let workflow = &known.workflow;
    let (state, style) = known.state();
    line(format_args!("{}  {}  {}", paint(BOLD, &workflow.name), paint(style, state), paint(DIM, &workflow.version)));
    if let Some(description) = &workflow.description {
        line(description);
    }
    line("");
    line(format_args!("started by {}", trigger_in_words(&workflow.trigger)));
    if let Trigger::Event(EventTrigger { when: Some(when), .. }) = &workflow.trigger {
        line(format_args!("when {when}"));
    }
    show_steps(&workflow.steps, workflow, 1);
}

fn show_steps(steps: &[Step], workflow: &Workflow, depth: usize) {
    let pad = "    ".repeat(depth);
    for step in steps {
        let connection = match &step.kind {
            StepKind::Action(action) => action.connection.as_ref().map(|name| format!(" through {name}")),
            _ => None,
        };
        line(format_args!(
            "{pad}{}  {}{}  {}",
            paint(BOLD, &step.id),
            paint(CYAN, step.word()),
            connection.unwrap_or_default(),
            paint(DIM, format_args!("{}:{}", workflow.file, step.line))
        ));
        if let Some(condition) = &step.condition {
            line(format_args!("{pad}  if {condition}"));
        }
        match &step.kind {
            StepKind::Choose(choose) => {
                for case in &choose.cases {
                    line(format_args!("{pad}  when {}", case.when));
                    show_steps(&case.steps, workflow, depth + 1);
                }
                if !choose.otherwise.is_empty() {
                    line(format_args!("{pad}  otherwise"));
                    show_steps(&choose.otherwise, workflow, depth + 1);
                }
            }
            StepKind::ForEach(each) => show_steps(&each.steps, workflow, depth + 1),
            _ => {}
        }
    }
}

async fn switch(name: &str, active: bool, data: &DataArgs, as_json: bool) -> anyhow::Result<Outcome> {
    let store = data.open_to_act().await?;
    let found = match WorkflowName::parse(name) {
        Ok(name) => store.set_active(&name, active, SystemClock.now()).await?,
        Err(_) => false,
    };
    if !found {
        let deployed = store.deployed().await?;
        return Ok(unknown(name, deployed.iter().map(|one| one.name.as_str())));
    }
    if as_json {
        crate::output::json(&json!({ "workflow": name, "active": active }));
    } else if active {
        line(format_args!("{name} is active: it takes events from now on"));
    } else {
        line(format_args!("{name} is inactive: it takes no more events; runs under way go on"));
    }
    Ok(Outcome::Fine)
}

async fn start_by_hand(
    name: &str,
    inputs: &[(String, String)],
    data: &DataArgs,
    as_json: bool,
) -> anyhow::Result<Outcome> {
    let store = data.open_to_act().await?;
    let deployed = store.deployed().await?;
    let Some(one) = deployed.iter().find(|one| one.name.as_str() == name) else {
        return Ok(unknown(name, deployed.iter().map(|one| one.name.as_str())));
    };
    let refused = |why: String| {
        note(format_args!("error: {why}"));
        Ok(Outcome::Failed)
    };
    if !one.active {
        return refused(format!("{name} is inactive; `deskwire workflows activate {name}` switches it on"));
    }
    let (actions, templates) = (deskwire_startup::actions_alone(), Templates::new(Limits::default()));
    let options = Options { actions: &actions, templates: &templates, allow_loopback: true };
    let file = SourceFile { path: one.file.clone(), text: one.text.clone() };
    let Ok(workflow) = Workflow::compile(&file, &options) else {
        return refused(format!("{name} as it is in force cannot be read by this Deskwire; `deskwire apply` it anew"));
    };
    let Trigger::Manual(wanted) = &workflow.trigger else {
        return refused(format!(
            "{name} is started by {}, not by hand; `deskwire workflows test` tries it on an event",
            trigger_in_words(&workflow.trigger)
        ));
    };
    let inputs = match scheduler::read_inputs(wanted, inputs) {
        Ok(inputs) => inputs,
        Err(mistakes) => {
            for mistake in &mistakes {
                note(format_args!("error: {mistake}"));
            }
            return Ok(Outcome::Failed);
        }
    };
    let now = SystemClock.now();
    let event = scheduler::by_hand(&workflow, &inputs, now, &OsRandom)?;
    let wanted = wanted_by(&workflow.route(true), &event, now, &OsRandom);
    let run = wanted.run.clone();
    store
        .accept(Arrival { event, also_known_as: vec![], wanted: vec![wanted], declined: vec![], awaited: true })
        .await?;
    if as_json {
        crate::output::json(&json!({ "workflow": name, "run": run }));
        return Ok(Outcome::Fine);
    }
    line(format_args!("queued as {run}; `deskwire runs show {run}` shows how it goes"));
    if !server::is_running(&data.folder()) {
        note("no server uses this data folder: the run begins when `deskwire serve` starts");
    }
    Ok(Outcome::Fine)
}
