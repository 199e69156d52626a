//! `deskwire runs settle`: a person says whether an unknown step happened, and the run goes on.

use anyhow::Context;
use deskwire_core::ids::StepPath;
use deskwire_core::ports::{History, RunDetail};
use deskwire_core::run::{Entry, RunState};
use deskwire_core::time::{Clock, SystemClock};
use deskwire_history::unknown_steps;
use serde_json::{Value, json};

use super::runs::missing;
use crate::Outcome;
use crate::failure::refuse;
use crate::output::{line, note};

/// What a person says.
pub(crate) struct Said {
    /// About which step; the only one that is unknown unless given.
    pub step: Option<String>,
    pub happened: bool,
    /// What later steps see as its output, as JSON.
    pub output: Option<String>,
    /// Why they say so, where it did not happen.
    pub note: Option<String>,
}

pub(crate) async fn run(history: &dyn History, id: &str, said: &Said, as_json: bool) -> anyhow::Result<Outcome> {
    let Some(run) = history.run(id).await? else { return missing(history, id).await };
    let refused = |why: &str| {
        refuse(format_args!("{why}"));
        Ok(Outcome::Failed)
    };
    let path = match chosen(&run, said.step.as_deref()) {
        Ok(path) => path,
        Err(why) => return refused(&why),
    };
    let output: Value = match (&said.output, &said.note) {
        (Some(text), _) => {
            deskwire_core::json::from_str(text).context("--output is no JSON; write it as {\"id\": 42}")?
        }
        (None, Some(text)) => json!({ "note": text }),
        (None, None) => json!({}),
    };
    let (id, at) = (&run.summary.id, SystemClock.now());
    let decided = Entry::Decided { step: path.clone(), at, happened: said.happened, output };
    if !history.decide(id, vec![decided], at).await? {
        return refused("the run changed meanwhile; look at it again with `deskwire runs show`");
    }
    let others: Vec<StepPath> = unknown_steps(&run.journal).into_iter().filter(|step| *step != path).collect();
    if as_json {
        crate::output::json(&json!({ "run": id, "step": path, "happened": said.happened, "still_unknown": others }));
        return Ok(Outcome::Fine);
    }
    if said.happened {
        line(format_args!("{path} counts as done, and {id} goes on; `deskwire runs show {id}` shows how"));
    } else {
        line(format_args!(
            "{path} is called again with the same key, and {id} goes on; `deskwire runs show {id}` shows how"
        ));
    }
    for step in others {
        line(format_args!("{step} is still unknown: the run will wait for a word about it, too"));
    }
    if said.happened && said.output.is_none() {
        let text = history.version_text(&run.summary.workflow, &run.summary.version).await?.unwrap_or_default();
        let name = format!("steps.{}", id_of(&path));
        if text.contains(&name) {
            note(format_args!(
                "the workflow reads `{name}`, which is empty now: a step that needs it fails, and a replay can mend that"
            ));
        }
    }
    Ok(Outcome::Fine)
}

/// The id of the step at a path.
fn id_of(path: &StepPath) -> &str {
    path.as_str().rsplit('/').next().unwrap_or_default()
}

/// The step that is meant, or why none can be settled and what to do instead.
fn chosen(run: &RunDetail, step: Option<&str>) -> Result<StepPath, String> {
    let (id, state) = (&run.summary.id, run.summary.state);
    let unknown = unknown_steps(&run.journal);
    if state != RunState::Unknown || unknown.is_empty() {
        let instead = match state {
            RunState::Failed | RunState::Dead => format!("`deskwire runs replay {id}` runs it again"),
            _ => format!("`deskwire runs show {id}` shows how it stands"),
        };
        return Err(format!("{id} is {}; only a run with an unknown step can be settled; {instead}", state.as_str()));
    }
    let names = || unknown.iter().map(AsRef::as_ref).collect::<Vec<&str>>().join(", ");
    match (step, unknown.as_slice()) {
        (Some(step), _) => unknown
            .iter()
            .find(|path| path.as_str() == step)
            .cloned()
            .ok_or_else(|| format!("`{step}` is not unknown; these are: {}", names())),
        (None, [only]) => Ok(only.clone()),
        (None, _) => Err(format!("several steps are unknown; say which with --step: {}", names())),
    }
}
