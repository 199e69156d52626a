//! `deskwire runs tail`: a line for each run that begins, waits or ends, until it is interrupted.

use std::collections::HashMap;
use std::time::Duration;

use deskwire_core::ids::RunId;
use deskwire_core::ports::{Filter, History, RunSummary, StoreResult};
use deskwire_core::run::RunState;
use deskwire_core::time::Timestamp;
use deskwire_history::why;
use serde_json::json;

use crate::Outcome;
use crate::output::{BOLD, DIM, line, note, paint, shorten, state_style, time};

/// How often it looks for news.
const LOOK: Duration = Duration::from_millis(500);

/// How many runs are read at once.
const PAGE: usize = 1_000;

/// The states in which a run may still do something.
const OPEN: [RunState; 5] =
    [RunState::Queued, RunState::Running, RunState::Retrying, RunState::Waiting, RunState::Unknown];

pub(crate) async fn tail(history: &dyn History, filter: Filter, as_json: bool) -> anyhow::Result<Outcome> {
    if !as_json {
        note("following runs; Ctrl-C ends it");
    }
    let mut tail = Tail::begin(history, filter).await?;
    let follow = async {
        loop {
            for run in tail.look().await? {
                if as_json { line(json!(run)) } else { tell(&run) }
            }
            tokio::time::sleep(LOOK).await;
        }
    };
    tokio::select! {
        failed = follow => failed,
        () = crate::server::told_to_stop() => Ok(Outcome::Fine),
    }
}

fn tell(run: &RunSummary) {
    let at = run.ended_at.unwrap_or(run.queued_at);
    line(format_args!(
        "{}  {}  {}  {}  {}  {}",
        time(at),
        paint(DIM, &run.id),
        paint(state_style(run.state), format_args!("{:<9}", run.state.as_str())),
        paint(BOLD, &run.workflow),
        run.subject,
        shorten(why(run.state, run.reason.as_deref()), 90)
    ));
}

/// What was told of a run last: its state, and for what it waits.
type Told = (RunState, Option<Timestamp>);

/// Where the look at the history stands.
struct Tail<'h> {
    history: &'h dyn History,
    filter: Filter,
    /// What is told; every state unless the filter names one.
    state: Option<String>,
    after: Option<i64>,
    open: HashMap<RunId, Told>,
}

impl<'h> Tail<'h> {
    /// Begins with what is queued from now on, or since the filter's time.
    async fn begin(history: &'h dyn History, filter: Filter) -> StoreResult<Self> {
        let after = if filter.since.is_some() {
            None
        } else {
            let newest = history.runs(Filter { limit: 1, ..Filter::default() }).await?;
            Some(newest.first().map_or(0, |run| run.number))
        };
        // What a run is now may differ from what it was when it was looked for, so the state is asked of each line.
        let state = filter.state.clone();
        Ok(Self { history, filter: Filter { state: None, ..filter }, state, after, open: HashMap::new() })
    }

    /// The runs that are not as they were told last.
    async fn look(&mut self) -> StoreResult<Vec<RunSummary>> {
        let mut found = self.changed().await?;
        loop {
            let page = Filter { after: self.after, limit: PAGE, oldest_first: true, ..self.filter.clone() };
            let new = self.history.runs(page).await?;
            let last = new.len() < PAGE;
            self.after = new.last().map_or(self.after, |run| Some(run.number));
            found.extend(new);
            if last {
                break;
            }
        }
        Ok(found.into_iter().filter(|run| self.is_news(run)).collect())
    }

    /// The runs that were open, as they are now. Those still open are read in a few pages, however many wait; only what
    /// left these states is looked up one by one.
    async fn changed(&self) -> StoreResult<Vec<RunSummary>> {
        if self.open.is_empty() {
            return Ok(Vec::new());
        }
        let mut now = HashMap::new();
        for state in OPEN {
            let mut after = None;
            loop {
                let state = Some(state.as_str().to_owned());
                let page = Filter { state, after, limit: PAGE, oldest_first: true, ..self.filter.clone() };
                let runs = self.history.runs(page).await?;
                let last = runs.len() < PAGE;
                after = runs.last().map(|run| run.number);
                now.extend(runs.into_iter().map(|run| (run.id.clone(), run)));
                if last {
                    break;
                }
            }
        }
        let mut runs = Vec::new();
        for id in self.open.keys() {
            let run = match now.remove(id) {
                Some(run) => Some(run),
                None => self.history.run(id.as_str()).await?.map(|run| run.summary),
            };
            runs.extend(run);
        }
        runs.sort_by_key(|run| run.number);
        Ok(runs)
    }

    /// Notes where the run stands. Is that worth a line?
    fn is_news(&mut self, run: &RunSummary) -> bool {
        let told = (run.state, run.due_at.filter(|_| run.state != RunState::Queued));
        let before =
            if run.state.is_over() { self.open.remove(&run.id) } else { self.open.insert(run.id.clone(), told) };
        // A run that only stands in its lane has not begun.
        let wanted = self.state.as_deref().map_or(run.state != RunState::Queued, |state| state == run.state.as_str());
        wanted && before != Some(told)
    }
}

#[cfg(test)]
mod tests;
