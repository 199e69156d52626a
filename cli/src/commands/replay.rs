//! `deskwire runs replay`: once more, one run or many, after a look at what would be called.
//!
//! What a replay keeps is decided in `deskwire-history`; here it is shown, asked for and done.

use std::io::{IsTerminal, Write};

use anyhow::bail;
use deskwire_core::ids::{RunId, StepPath};
use deskwire_core::ports::{Filter, RunDetail, RunSummary, Store, StoreError};
use deskwire_core::run::RunState;
use deskwire_core::time::{Clock, SystemClock};
use deskwire_core::visible::one_line;
use deskwire_history::{Plan, refusal, refusal_of};
use deskwire_startup::OsRandom;
use serde_json::json;

use super::runs::missing;
use crate::Outcome;
use crate::failure::refuse;
use crate::output::{BOLD, DIM, line, note, paint, state_style};

/// The most runs that one command replays.
const MOST_REPLAYS: usize = 1_000;

/// How a replay is meant.
#[expect(clippy::struct_excessive_bools, reason = "each is a switch of the command")]
#[derive(Clone, Copy)]
pub(crate) struct Asked {
    pub from_start: bool,
    pub force: bool,
    pub preview: bool,
    pub yes: bool,
    pub as_json: bool,
}

impl Asked {
    fn plan(self, run: &RunDetail) -> Plan {
        Plan::of(&run.journal, self.from_start || run.summary.state == RunState::Succeeded)
    }
}

/// One run where one id is given, else several after a preview: those with these ids, or all that pass the filter.
pub(crate) async fn run(store: &dyn Store, ids: &[String], filter: Filter, asked: Asked) -> anyhow::Result<Outcome> {
    let mut runs = Vec::new();
    for id in ids {
        match store.run(id).await? {
            Some(run) => runs.push(run),
            None => return missing(store, id).await,
        }
    }
    match runs.len() {
        0 => replay_these(store, all(store, filter, asked).await?, asked).await,
        1 => replay_one(store, &runs[0], asked).await,
        _ => {
            for run in &runs {
                if let Some(why) = refusal_of(run, asked.force) {
                    refuse(format_args!("{}: {why}", run.summary.id));
                    return Ok(Outcome::Failed);
                }
            }
            replay_these(store, runs, asked).await
        }
    }
}

async fn replay_one(store: &dyn Store, run: &RunDetail, asked: Asked) -> anyhow::Result<Outcome> {
    if let Some(why) = refusal_of(run, asked.force) {
        refuse(format_args!("{why}"));
        return Ok(Outcome::Failed);
    }
    let plan = asked.plan(run);
    if asked.preview {
        describe(&plan, run, asked.as_json);
        return Ok(Outcome::Fine);
    }
    let Some(new_run) = replay(store, run, &plan).await? else {
        refuse("the run changed meanwhile; look at it again");
        return Ok(Outcome::Failed);
    };
    if asked.as_json {
        crate::output::json(&json!({ "replayed": run.summary.id, "run": new_run }));
    } else {
        describe(&plan, run, false);
        line(format_args!("queued as {new_run}; `deskwire runs show {new_run}` shows how it goes"));
    }
    Ok(Outcome::Fine)
}

/// The runs that pass the filter and can be replayed, the oldest first.
async fn all(store: &dyn Store, filter: Filter, asked: Asked) -> anyhow::Result<Vec<RunDetail>> {
    if filter.workflow.is_none() && filter.state.is_none() && filter.subject.is_none() && filter.since.is_none() {
        bail!("say which runs: their ids, or --workflow, --state, --subject, --since");
    }
    let mut runs = Vec::new();
    let found = store.runs(Filter { limit: MOST_REPLAYS, oldest_first: true, ..filter }).await?;
    if found.len() == MOST_REPLAYS {
        note(format_args!("only the oldest {MOST_REPLAYS} runs are looked at; come again for the others"));
    }
    for summary in found {
        if refusal(summary.state, asked.force).is_none()
            && let Some(run) = one(store, &summary).await?
            && refusal_of(&run, asked.force).is_none()
        {
            runs.push(run);
        }
    }
    Ok(runs)
}

/// The run of this line; one that cannot be read keeps no other from being replayed.
async fn one(store: &dyn Store, summary: &RunSummary) -> anyhow::Result<Option<RunDetail>> {
    match store.run(summary.id.as_str()).await {
        Err(StoreError::Corrupt(why)) => {
            note(format_args!("{} is left out: it cannot be read ({why}); `deskwire doctor` says more", summary.id));
            Ok(None)
        }
        found => Ok(found?),
    }
}

/// Shows what would be done, asks, and does it.
async fn replay_these(store: &dyn Store, runs: Vec<RunDetail>, asked: Asked) -> anyhow::Result<Outcome> {
    let planned: Vec<(RunDetail, Plan)> =
        runs.into_iter().map(|run| (asked.plan(&run), run)).map(|(plan, run)| (run, plan)).collect();
    if asked.as_json && asked.preview {
        let all = planned.iter().map(|(run, plan)| json!({ "run": run.summary.id, "plan": plan }));
        crate::output::json(&json!(all.collect::<Vec<_>>()));
        return Ok(Outcome::Fine);
    }
    if planned.is_empty() {
        if asked.as_json {
            crate::output::json(&json!([]));
        } else {
            line("No run to replay: none of these failed, is dead, was skipped or is unknown.");
        }
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
                one_line(&run.summary.subject),
                plan.in_words()
            ));
        }
        total(&planned);
    }
    if asked.preview || !(asked.yes || confirmed()?) {
        if asked.as_json {
            crate::output::json(&json!([]));
        }
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

/// All of them together.
fn total(planned: &[(RunDetail, Plan)]) {
    let sum = |count: fn(&Plan) -> usize| planned.iter().map(|(_, plan)| count(plan)).sum::<usize>();
    let unknown = sum(|plan| plan.unknown.len());
    let doubt = match unknown {
        0 => String::new(),
        1 => "; 1 step may have happened, and would be called again".to_owned(),
        many => format!("; {many} steps may have happened, and would be called again"),
    };
    let (runs, done) = (planned.len(), sum(|plan| plan.done.len()));
    let plural = if runs == 1 { "" } else { "s" };
    line(format_args!("{runs} run{plural}: {done} steps are done and are not called again{doubt}"));
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

async fn replay(store: &dyn Store, run: &RunDetail, plan: &Plan) -> anyhow::Result<Option<RunId>> {
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
