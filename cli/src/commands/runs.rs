//! `deskwire runs`: what happened, why, once more, and what a person knows better.

use std::collections::BTreeMap;
use std::io::{IsTerminal, Write};
use std::time::Duration;

use anyhow::{Context, bail};
use deskwire_core::ids::{RunId, StepPath};
use deskwire_core::personal::redact_run;
use deskwire_core::ports::{Filter, History, RunDetail, RunSummary};
use deskwire_core::run::{Entry, RunState};
use deskwire_core::time::{Clock, SystemClock, Timestamp, parse_duration};
use deskwire_history::{Plan, Shape, Specs, refusal, unknown_steps, why};
use deskwire_startup::OsRandom;
use deskwire_storage::SqliteStore;
use deskwire_templates::{Limits, Templates};
use serde_json::{Value, json};

use super::open_store;
use crate::Outcome;
use crate::args::{RunsCommand, RunsFilter};
use crate::output::{BOLD, DIM, cell, line, note, paint, shorten, state_style, styled, table, time};
use crate::timeline;

/// How often `tail` looks for news.
const TAIL: Duration = Duration::from_millis(500);

/// The most runs that one command replays.
const MOST_REPLAYS: usize = 1_000;

pub(crate) async fn run(command: RunsCommand, as_json: bool) -> anyhow::Result<Outcome> {
    match command {
        RunsCommand::List { filter, limit, data } => {
            let filter = Filter { limit, ..read(&filter)? };
            let runs = open_store(&data)?.runs(filter).await?;
            if as_json {
                crate::output::json(&json!(runs));
            } else {
                list(&runs);
            }
            Ok(Outcome::Fine)
        }
        RunsCommand::Tail { filter, data } => tail(&open_store(&data)?, read(&filter)?, as_json).await,
        RunsCommand::Show { id, verbose, personal, data } => {
            let store = open_store(&data)?;
            let Some(run) = store.run(&id).await? else { return Ok(missing(&id)) };
            show(&store, run, verbose, personal, as_json).await
        }
        RunsCommand::Replay { ids, filter, from_start, force, preview, yes, data } => {
            let store = open_store(&data)?;
            let asked = Asked { from_start, force, preview, yes, as_json };
            match ids.as_slice() {
                [] => replay_all(&store, read(&filter)?, asked).await,
                [id] => replay_one(&store, id, asked).await,
                several => {
                    let mut runs = Vec::new();
                    for id in several {
                        match store.run(id).await? {
                            Some(run) => runs.push(run),
                            None => return Ok(missing(id)),
                        }
                    }
                    replay_these(&store, runs, asked).await
                }
            }
        }
        RunsCommand::Settle { id, step, happened, did_not_happen: _, output, data } => {
            settle(&open_store(&data)?, &id, step.as_deref(), happened, output.as_deref(), as_json).await
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

/// Prints a line for each run that begins, waits or ends, until it is interrupted.
async fn tail(store: &SqliteStore, filter: Filter, as_json: bool) -> anyhow::Result<Outcome> {
    let newest = store.runs(Filter { limit: 1, ..Filter::default() }).await?;
    let since = filter.since;
    let mut after = if since.is_some() { None } else { newest.first().map(|run| run.number) };
    let mut open: BTreeMap<RunId, RunState> = BTreeMap::new();
    // What a run is now may differ from what it was when it was looked for, so the state is asked of each line.
    let wanted = filter.state.clone();
    let filter = Filter { state: None, limit: 1_000, oldest_first: true, ..filter };
    if !as_json {
        note("following runs; Ctrl-C ends it");
    }
    let print = |run: &RunSummary| {
        if wanted.as_deref().is_none_or(|state| state == run.state.as_str()) {
            if as_json { line(json!(run)) } else { tell(run) }
        }
    };
    let follow = async {
        loop {
            for run in store.runs(Filter { after, ..filter.clone() }).await? {
                after = Some(run.number);
                print(&run);
                if !run.state.is_over() {
                    open.insert(run.id.clone(), run.state);
                }
            }
            for id in open.keys().cloned().collect::<Vec<_>>() {
                let Some(run) = store.run(id.as_str()).await?.map(|run| run.summary) else {
                    open.remove(&id);
                    continue;
                };
                if open.insert(id.clone(), run.state) != Some(run.state) {
                    print(&run);
                }
                if run.state.is_over() {
                    open.remove(&id);
                }
            }
            tokio::time::sleep(TAIL).await;
        }
    };
    tokio::select! {
        failed = follow => failed,
        () = crate::server::told_to_stop() => Ok(Outcome::Fine),
    }
}

fn tell(run: &RunSummary) {
    let at = run.ended_at.unwrap_or(run.queued_at);
    let why = shorten(why(run.state, run.reason.as_deref()), 90);
    line(format_args!(
        "{}  {}  {:<10}  {}  {}  {why}",
        time(at),
        paint(DIM, &run.id),
        paint(state_style(run.state), run.state.as_str()),
        paint(BOLD, &run.workflow),
        run.subject
    ));
}

async fn show(
    store: &SqliteStore,
    run: RunDetail,
    verbose: bool,
    personal: bool,
    as_json: bool,
) -> anyhow::Result<Outcome> {
    let (actions, templates) = (deskwire_startup::actions_alone(), Templates::new(Limits::default()));
    let text = store.version_text(&run.summary.workflow, &run.summary.version).await?;
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
    timeline::print(&shown, verbose);
    for step in unreached {
        line(paint(DIM, format_args!("            ·  {}  {}: {}", step.path, step.word, step.why.in_words())));
    }
    if verbose && !personal {
        note("personal fields are hidden; --personal shows them");
    }
    Ok(Outcome::Fine)
}

/// How a replay is meant.
#[expect(clippy::struct_excessive_bools, reason = "each is a switch of the command")]
#[derive(Clone, Copy)]
struct Asked {
    from_start: bool,
    force: bool,
    preview: bool,
    yes: bool,
    as_json: bool,
}

impl Asked {
    fn plan(self, run: &RunDetail) -> Plan {
        Plan::of(&run.journal, self.from_start || run.summary.state == RunState::Succeeded)
    }
}

async fn replay_one(store: &SqliteStore, id: &str, asked: Asked) -> anyhow::Result<Outcome> {
    let Some(run) = store.run(id).await? else { return Ok(missing(id)) };
    if let Some(why) = refusal(run.summary.state, asked.force) {
        note(format_args!("error: {why}"));
        return Ok(Outcome::Failed);
    }
    let plan = asked.plan(&run);
    if asked.preview {
        describe(&plan, &run, asked.as_json);
        return Ok(Outcome::Fine);
    }
    let Some(new_run) = replay(store, &run, &plan).await? else {
        note("error: the run changed meanwhile; look at it again");
        return Ok(Outcome::Failed);
    };
    if asked.as_json {
        crate::output::json(&json!({ "replayed": run.summary.id, "run": new_run }));
    } else {
        describe(&plan, &run, false);
        line(format_args!("queued as {new_run}; `deskwire runs show {new_run}` shows how it goes"));
    }
    Ok(Outcome::Fine)
}

async fn replay_all(store: &SqliteStore, filter: Filter, asked: Asked) -> anyhow::Result<Outcome> {
    if filter.workflow.is_none() && filter.state.is_none() && filter.subject.is_none() && filter.since.is_none() {
        bail!("say which runs: their ids, or --workflow, --state, --subject, --since");
    }
    let mut runs = Vec::new();
    for summary in store.runs(Filter { limit: MOST_REPLAYS, oldest_first: true, ..filter }).await? {
        if refusal(summary.state, asked.force).is_none()
            && let Some(run) = store.run(summary.id.as_str()).await?
        {
            runs.push(run);
        }
    }
    replay_these(store, runs, asked).await
}

/// Shows what would be done, asks, and does it.
async fn replay_these(store: &SqliteStore, runs: Vec<RunDetail>, asked: Asked) -> anyhow::Result<Outcome> {
    let planned: Vec<(RunDetail, Plan)> =
        runs.into_iter().map(|run| (asked.plan(&run), run)).map(|(p, r)| (r, p)).collect();
    if asked.as_json && asked.preview {
        let all = planned.iter().map(|(run, plan)| json!({ "run": run.summary.id, "plan": plan }));
        crate::output::json(&json!(all.collect::<Vec<_>>()));
        return Ok(Outcome::Fine);
    }
    if planned.is_empty() {
        line("No run to replay: none of these failed, is dead, was skipped or is unknown.");
        return Ok(Outcome::Fine);
    }
    if !asked.as_json {
        for (run, plan) in &planned {
            let state = run.summary.state;
            line(format_args!(
                "{}  {}  {}  {}  {}",
                paint(DIM, &run.summary.id),
                paint(state_style(state), state.as_str()),
                paint(BOLD, &run.summary.workflow),
                run.summary.subject,
                plan.in_words()
            ));
        }
        let unknown: usize = planned.iter().map(|(_, plan)| plan.unknown.len()).sum();
        let doubt =
            if unknown == 0 { String::new() } else { format!("; {unknown} unknown steps would be called again") };
        line(format_args!("{} runs{doubt}", planned.len()));
    }
    if asked.preview || !(asked.yes || confirmed()?) {
        note("nothing has been replayed; --yes does it without asking");
        return Ok(Outcome::Fine);
    }
    let mut replayed = Vec::new();
    for (run, plan) in &planned {
        if let Some(new_run) = replay(store, run, plan).await? {
            replayed.push(json!({ "replayed": run.summary.id, "run": new_run }));
        }
    }
    if asked.as_json {
        crate::output::json(&json!(replayed));
    } else {
        line(format_args!("{} runs queued; `deskwire runs tail` shows how they go", replayed.len()));
    }
    Ok(Outcome::Fine)
}

fn confirmed() -> anyhow::Result<bool> {
    if !std::io::stdin().is_terminal() {
        return Ok(false);
    }
    let mut question = std::io::stderr();
    write!(question, "Replay them? [y/N] ")?;
    question.flush()?;
    let mut answer = String::new();
    std::io::stdin().read_line(&mut answer)?;
    Ok(matches!(answer.trim(), "y" | "Y" | "yes"))
}

async fn replay(store: &SqliteStore, run: &RunDetail, plan: &Plan) -> anyhow::Result<Option<RunId>> {
    let now = SystemClock.now();
    let new_run = RunId::generate(now, &OsRandom);
    let replayed = store.replay(&run.summary.id, new_run.clone(), plan.keep.clone(), now).await?;
    Ok(replayed.map(|_| new_run))
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

/// Notes what a person knows of an unknown step, and lets the run go on.
async fn settle(
    store: &SqliteStore,
    id: &str,
    step: Option<&str>,
    happened: bool,
    output: Option<&str>,
    as_json: bool,
) -> anyhow::Result<Outcome> {
    let refused = |why: String| {
        note(format_args!("error: {why}"));
        Ok(Outcome::Failed)
    };
    let Some(run) = store.run(id).await? else { return Ok(missing(id)) };
    let (id, state) = (&run.summary.id, run.summary.state);
    if state != RunState::Unknown {
        return refused(format!("{id} is {}; only a run with an unknown step can be settled", state.as_str()));
    }
    let unknown = unknown_steps(&run.journal);
    let names = || unknown.iter().map(AsRef::as_ref).collect::<Vec<&str>>().join(", ");
    let chosen = match (step, unknown.as_slice()) {
        (Some(step), _) => unknown.iter().find(|path| path.as_str() == step),
        (None, [only]) => Some(only),
        (None, _) => return refused(format!("several steps are unknown; say which with --step: {}", names())),
    };
    let Some(path) = chosen else {
        return refused(format!("`{}` is not unknown; unknown: {}", step.unwrap_or_default(), names()));
    };
    let output = match output {
        Some(text) => serde_json::from_str(text).context("--output is no JSON")?,
        None => json!({}),
    };
    let at = SystemClock.now();
    let decided = Entry::Decided { step: path.clone(), at, happened, output };
    if !store.decide(id, vec![decided], at).await? {
        return refused("the run changed meanwhile; look at it again".to_owned());
    }
    if as_json {
        crate::output::json(&json!({ "run": id, "step": path, "happened": happened }));
    } else if happened {
        line(format_args!("{path} counts as done, and {id} goes on; `deskwire runs show {id}` shows how"));
    } else {
        line(format_args!(
            "{path} is called again with the same key, and {id} goes on; `deskwire runs show {id}` shows how"
        ));
    }
    Ok(Outcome::Fine)
}
