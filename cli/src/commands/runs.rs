//! `deskwire runs`: what happened, and why. Following, replaying and settling are files of their own.

use anyhow::{anyhow, bail};
use deskwire_core::ids::StepPath;
use deskwire_core::personal::redact_run;
use deskwire_core::ports::{Filter, History, RunDetail, RunSummary, Store};
use deskwire_core::time::{BadDuration, BadTimestamp, Clock, SystemClock, Timestamp, read_duration};
use deskwire_history::{Shape, Specs, run_not_found};
use deskwire_templates::{Limits, Templates};
use serde_json::{Value, json};

use super::{open_store, replay, settle, tail};
use crate::Outcome;
use crate::args::{RunsCommand, RunsFilter};
use crate::failure::refuse;
use crate::output::{BOLD, DIM, cell, line, note, shorten, state_style, styled, table, time};
use crate::{more, timeline};

pub(crate) async fn run(command: RunsCommand, as_json: bool) -> anyhow::Result<Outcome> {
    match command {
        RunsCommand::List { filter, limit, data } => {
            let filter = Filter { limit: more::to_ask(limit), ..read(&filter)? };
            let runs = more::cut(open_store(&data).await?.runs(filter).await?, limit);
            if as_json {
                crate::output::json(&json!(runs.shown));
            } else {
                list(&runs.shown);
            }
            runs.tell("runs", "--workflow, --state, --subject, --since and --until");
            Ok(Outcome::Fine)
        }
        RunsCommand::Tail { filter, data } => {
            tail::tail(open_store(&data).await?.as_ref(), read(&filter)?, as_json).await
        }
        RunsCommand::Show { id, verbose, personal, data } => {
            let store = open_store(&data).await?;
            let Some(run) = store.run(&id).await? else { return missing(store.as_ref(), &id).await };
            show(store.as_ref(), run, verbose, personal, as_json).await
        }
        RunsCommand::Replay { ids, filter, from_start, force, preview, yes, data } => {
            let asked = replay::Asked { from_start, force, preview, yes, as_json };
            replay::run(data.open_to_act().await?.as_ref(), &ids, read(&filter)?, asked).await
        }
        RunsCommand::Settle { id, step, happened, did_not_happen: _, output, note, data } => {
            let said = settle::Said { step, happened, output, note };
            settle::run(data.open_to_act().await?.as_ref(), &id, &said, as_json).await
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
    match read_duration(text) {
        Ok(ago) => return Ok(now.minus(ago)),
        Err(long @ BadDuration::TooLong) => bail!("`{text}`: {long}"),
        Err(BadDuration::NoDuration) => {}
    }
    Timestamp::parse(text).map_err(|why| match why {
        BadTimestamp::NoTime(_) => {
            anyhow!("`{text}` is neither a duration such as 2h or 7d, nor a time such as 2026-11-23T09:00:00Z")
        }
        BadTimestamp::TooFar(_) => anyhow!("{why}"),
    })
}

/// Says why an id leads to no run.
pub(crate) async fn missing(history: &dyn History, id: &str) -> anyhow::Result<Outcome> {
    let why = run_not_found(history, id).await?;
    refuse(format_args!("{why}; `deskwire runs list` lists them"));
    Ok(Outcome::Failed)
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
