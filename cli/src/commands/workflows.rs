//! `deskwire workflows`: list, show, switch on and off, start by hand. Testing and rehearsing are files of their own.

mod known;

use deskwire_accept::wanted_by;
use deskwire_core::ids::{WorkflowName, WorkflowVersion};
use deskwire_core::ports::Arrival;
use deskwire_core::time::{Clock, SystemClock};
use deskwire_startup::OsRandom;
use deskwire_templates::{Limits, Templates};
use deskwire_workflows::{EventTrigger, Options, SourceFile, Step, StepKind, Trigger, Workflow};
use serde_json::{Value, json};

use self::known::{Known, Listed};
use super::{rehearse, test};
use crate::Outcome;
use crate::args::{DataArgs, WorkflowsCommand};
use crate::failure::refuse;
use crate::output::{BOLD, CYAN, DIM, cell, line, note, paint, styled, table};
use crate::server;

pub(crate) async fn run(command: WorkflowsCommand, as_json: bool) -> anyhow::Result<Outcome> {
    match command {
        WorkflowsCommand::List { data } => {
            let listed = Listed::of(&data).await?;
            if as_json {
                crate::output::json(&json!(listed.all.iter().map(Known::to_json).collect::<Vec<_>>()));
            } else {
                list(&listed.all);
            }
            listed.tell_mistakes();
            Ok(Outcome::Fine)
        }
        WorkflowsCommand::Show { name, data } => {
            let listed = Listed::of(&data).await?;
            let Some(one) = listed.all.iter().find(|known| known.name == name) else {
                return Ok(unknown(&name, listed.all.iter().map(|known| known.name.as_str())));
            };
            if as_json {
                crate::output::json(&one.to_json());
            } else {
                show(one);
            }
            listed.tell_mistakes();
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
        refuse(format_args!(
            "there is no workflow `{name}`: none is in force; `deskwire apply` puts the project's in force"
        ));
    } else {
        refuse(format_args!("there is no workflow `{name}`; there are: {}", known.join(", ")));
    }
    Outcome::Failed
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
    let version = |version: Option<&WorkflowVersion>| version.map_or("–", AsRef::as_ref).to_owned();
    let rows: Vec<_> = workflows
        .iter()
        .map(|known| {
            let ((state, style), workflow) = (known.state(), known.workflow());
            vec![
                styled(&known.name, BOLD),
                styled(state, style),
                cell(known.active()),
                styled(version(known.version()), DIM),
                styled(version(known.deployed.as_ref().map(|one| &one.version)), DIM),
                cell(workflow.map(|workflow| trigger_in_words(&workflow.trigger)).unwrap_or_default()),
                cell(workflow.map_or(String::new(), |workflow| workflow.all_steps().len().to_string())),
                cell(workflow.and_then(|workflow| workflow.description.as_deref()).unwrap_or_default()),
            ]
        })
        .collect();
    table(&["workflow", "state", "active", "in the file", "in force", "started by", "steps", "what it does"], &rows);
}

fn show(known: &Known) {
    let (state, style) = known.state();
    let version = known.version().map(ToString::to_string).unwrap_or_default();
    line(format_args!("{}  {}  {}", paint(BOLD, &known.name), paint(style, state), paint(DIM, version)));
    if let Some(deployed) = known.deployed.as_ref().filter(|deployed| known.version() != Some(&deployed.version)) {
        line(format_args!("in force is version {}", deployed.version));
    }
    let Some(workflow) = known.workflow() else { return };
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
        refuse(format_args!("{why}"));
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
                refuse(format_args!("{mistake}"));
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
