//! `deskwire runs`: what happened, and why. Following, replaying and settling are files of their own.

use anyhow::Context;
use deskwire_core::ids::StepPath;
use deskwire_core::personal::redact_run;
use deskwire_core::ports::{Filter, RunDetail, RunSummary, Store};
use deskwire_core::time::{Clock, SystemClock, Timestamp, parse_duration};
use deskwire_history::{Shape, Specs};
use deskwire_templates::{Limits, Templates};
use serde_json::{Value, json};

use super::{open_store, replay, settle, tail};
use crate::Outcome;
use crate::args::{RunsCommand, RunsFilter};
use crate::output::{BOLD, DIM, cell, line, note, shorten, state_style, styled, table, time};
use crate::timeline;

pub(crate) async fn run(command: RunsCommand, as_json: bool) -> anyhow::Result<Outcome> {
    match command {
        RunsCommand::List { filter, limit, data } => {
            let filter = Filter { limit, ..read(&filter)? };
            let runs = open_store(&data).await?.runs(filter).await?;
            if as_json {
                crate::output::json(&json!(runs));
            } else {
                list(&runs);
            }
            Ok(Outcome::Fine)
        }
        RunsCommand::Tail { filter, data } => {
            tail::tail(open_store(&data).await?.as_ref(), read(&filter)?, as_json).await
        }
        RunsCommand::Show { id, verbose, personal, data } => {
            let store = open_store(&data).await?;
            let Some(run) = store.run(&id).await? else { return Ok(missing(&id)) };
            show(store.as_ref(), run, verbose, personal, as_json).await
        }
        RunsCommand::Replay { ids, filter, from_start, force, preview, yes, data } => {
            let asked = replay::Asked { from_start, force, preview, yes, as_json };
            replay::run(open_store(&data).await?.as_ref(), &ids, read(&filter)?, asked).await
        }
        RunsCommand::Settle { id, step, happened, did_not_happen: _, output, note, data } => {
            let said = settle::Said { step, happened, output, note };
            settle::run(open_store(&data).await?.as_ref(), &id, &said, as_json).await
        }
    }
}

fn read(filter: &RunsFilter) -> anyhow::Result<Filter> {
    let now = SystemClock.now();
    let moment = |text: &Option<String>| text.as_deref().map(|text| moment(text, now)).transpose();
    Ok(Filter {
        workflow: filter.workflow.clone(),
        state: filter.state.clone(),
        subject: filter.subject.clone(),
        since: moment(&filter.since)?,
        until: moment(&filter.until)?,
        ..Filter::default()
    })
}

/// `2h` (that long ago), or a time.
pub(crate) fn moment(text: &str, now: Timestamp) -> anyhow::Result<Timestamp> {
    if let Some(ago) = parse_duration(text) {
        return Ok(now.minus(ago));
    }
    Timestamp::parse(text).with_context(|| {
        format!("`{text}` is neither a duration such as 2h or 7d, nor a time such as 2026-11-23T09:00:00Z")
    })
}

pub(crate) fn missing(id: &str) -> Outcome {
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

async fn show(
    store: &dyn Store,
    run: RunDetail,
    verbose: bool,
    personal: bool,
    as_json: bool,
) -> anyhow::Result<Outcome> {
    let (actions, templates) = (deskwire_startup::actions_alone(), Templates::new(Limits::default()));
    // Without its workflow's text a run is shown all the same, less well.
    let text = store.version_text(&run.summary.workflow, &run.summary.version).await.unwrap_or_default();
    let shape = text.and_then(|text| Shape::compile(text, &actions, &templates));
    let specs = Specs::new(shape.as_ref(), &run.journal, &actions);
    let spec_of = |path: &StepPath| specs.get(path);
    let shown = if personal { run.clone() } else { redact_run(&run, spec_of) };
    let unreached = shape.as_ref().map(|shape| shape.unreached(&shown)).unwrap_or_default();
    if as_json {
        let mut document = timeline::to_json(&shown);
        document["never_reached"] = unreached
            .iter()
            .map(|step| json!({ "step": step.path, "does": step.word, "why": step.why.in_words() }))
            .collect::<Value>();
        crate::output::json(&document);
        return Ok(Outcome::Fine);
    }
    timeline::print(&shown, &unreached, verbose);
    if run.unreadable > 0 {
        note(format_args!(
            "{} records of its journal cannot be read; `deskwire doctor` says what to do",
            run.unreadable
        ));
    }
    if verbose && !personal {
        note("personal fields are hidden; --personal shows them");
    }
    Ok(Outcome::Fine)
}
