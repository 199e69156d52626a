//! `deskwire runs`: what happened, why, and once more.

use deskwire_core::ids::{RunId, StepPath};
use deskwire_core::ports::{Filter, History, RunDetail, RunSummary};
use deskwire_core::run::{Entry, RunState};
use deskwire_core::time::{Clock, SystemClock};
use deskwire_startup::OsRandom;
use deskwire_storage::SqliteStore;
use serde_json::json;

use super::open_store;
use crate::Outcome;
use crate::args::RunsCommand;
use crate::output::{BOLD, DIM, cell, line, note, shorten, state_style, styled, table, time};
use crate::timeline;

pub(crate) async fn run(command: RunsCommand, as_json: bool) -> anyhow::Result<Outcome> {
    match command {
        RunsCommand::List { workflow, state, subject, limit, data } => {
            let filter = Filter { limit, workflow, state, subject, ..Filter::default() };
            let runs = open_store(&data)?.runs(filter).await?;
            if as_json {
                crate::output::json(&json!(runs));
            } else {
                list(&runs);
            }
            Ok(Outcome::Fine)
        }
        RunsCommand::Show { id, verbose, data } => {
            let Some(run) = open_store(&data)?.run(&id).await? else { return Ok(missing(&id)) };
            if as_json {
                crate::output::json(&timeline::to_json(&run));
            } else {
                timeline::print(&run, verbose);
            }
            Ok(Outcome::Fine)
        }
        RunsCommand::Replay { id, from_start, force, preview, data } => {
            let store = open_store(&data)?;
            let Some(run) = store.run(&id).await? else { return Ok(missing(&id)) };
            if let Some(why) = refusal(run.summary.state, force) {
                note(format_args!("error: {why}"));
                return Ok(Outcome::Failed);
            }
            let plan = plan(&run, from_start || run.summary.state == RunState::Succeeded);
            if preview {
                describe(&plan, &run, as_json);
                return Ok(Outcome::Fine);
            }
            replay(&store, &run, &plan, as_json).await
        }
    }
}

fn missing(id: &str) -> Outcome {
    note(format_args!("error: no run, or more than one, begins with `{id}`; see `deskwire runs list`"));
    Outcome::Failed
}

pub(crate) fn list(runs: &[RunSummary]) {
    if runs.is_empty() {
        line(
            "No runs. Send an event with `deskwire events send`, or see `deskwire events list` for why one started nothing.",
        );
        return;
    }
    let rows: Vec<_> = runs
        .iter()
        .map(|run| {
            vec![
                styled(&run.id, DIM),
                styled(run.state.as_str(), state_style(run.state)),
                styled(&run.workflow, BOLD),
                cell(&run.subject),
                cell(time(run.queued_at)),
                cell(shorten(run.reason.as_deref().unwrap_or_default(), 90)),
            ]
        })
        .collect();
    table(&["run", "state", "workflow", "subject", "queued", "why"], &rows);
}

/// What a replay would do with each step the journal knows.
struct Plan {
    done: Vec<StepPath>,
    unknown: Vec<StepPath>,
    failed: Vec<StepPath>,
    keep: Vec<Entry>,
}

fn plan(run: &RunDetail, from_start: bool) -> Plan {
    let mut plan = Plan { done: vec![], unknown: vec![], failed: vec![], keep: vec![] };
    for entry in &run.journal {
        match entry {
            Entry::Done { step, .. } if !from_start => {
                plan.done.push(step.clone());
                plan.keep.push(entry.clone());
            }
            Entry::Unknown { step, .. } => plan.unknown.push(step.clone()),
            Entry::Failed { step, .. } => plan.failed.push(step.clone()),
            _ => {}
        }
    }
    plan
}

/// Why a run is not replayed just like that.
fn refusal(state: RunState, force: bool) -> Option<String> {
    if !(state.is_over() || state == RunState::Unknown) {
        return Some(format!("the run is {}; only one that is over or unknown can be replayed", state.as_str()));
    }
    (state == RunState::Succeeded && !force)
        .then(|| "the run succeeded, and replaying it does everything once more. Add --force to do that".to_owned())
}

async fn replay(store: &SqliteStore, run: &RunDetail, plan: &Plan, as_json: bool) -> anyhow::Result<Outcome> {
    let now = SystemClock.now();
    let new_run = RunId::generate(now, &OsRandom);
    let replayed = store.replay(&run.summary.id, new_run.clone(), plan.keep.clone(), now).await?;
    if replayed.is_none() {
        note("error: the run changed meanwhile; look at it again");
        return Ok(Outcome::Failed);
    }
    if as_json {
        crate::output::json(&json!({ "replayed": run.summary.id, "run": new_run }));
    } else {
        describe(plan, run, false);
        line(format_args!("queued as {new_run}; `deskwire runs show {new_run}` shows how it goes"));
    }
    Ok(Outcome::Fine)
}

fn describe(plan: &Plan, run: &RunDetail, as_json: bool) {
    if as_json {
        crate::output::json(&json!({
            "run": run.summary.id, "done": plan.done, "unknown": plan.unknown, "failed": plan.failed,
        }));
        return;
    }
    let names = |steps: &[StepPath]| steps.iter().map(AsRef::as_ref).collect::<Vec<&str>>().join(", ");
    if !plan.done.is_empty() {
        line(format_args!("done, not called again: {}", names(&plan.done)));
    }
    if !plan.unknown.is_empty() {
        line(format_args!("unknown, would be called again: {}", names(&plan.unknown)));
    }
    if !plan.failed.is_empty() {
        line(format_args!("failed, would be called again: {}", names(&plan.failed)));
    }
    line("every step after these would be called as well");
}
