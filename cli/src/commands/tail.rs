//! `deskwire runs tail`: a line for each run that begins, waits or ends, until it is interrupted.

use std::collections::HashMap;
use std::time::Duration;

use deskwire_core::ids::RunId;
use deskwire_core::ports::{Filter, History, RunSummary, StoreResult};
use deskwire_core::run::RunState;
use deskwire_core::time::Timestamp;
use deskwire_core::visible::one_line;
use deskwire_history::why;
use serde_json::json;

use crate::Outcome;
use crate::output::{BOLD, DIM, line, note, paint, shorten, state_style, time};

/// How often it looks for news.
const LOOK: Duration = Duration::from_millis(500);

/// How many runs are read at once.
const PAGE: usize = 1_000;

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
        one_line(&run.subject),
        shorten(why(run.state, run.reason.as_deref()), 90)
    ));
}

/// What was told of a run last: its state, and for what it waits.
type Told = (RunState, Option<Timestamp>);

/// A run that was seen.
struct Seen {
    number: i64,
    /// What was told of it; nothing of one that was there before.
    told: Option<Told>,
}

impl Seen {
    fn is_open(&self) -> bool {
        self.told.is_some_and(|(state, _)| !state.is_over())
    }
}

/// Where the look at the history stands.
struct Tail<'h> {
    history: &'h dyn History,
    filter: Filter,
    /// What is told; every state unless the filter names one.
    state: Option<String>,
    /// The greatest number so far.
    newest: Option<i64>,
    /// The runs that may still do something, and those that the next look finds once more.
    seen: HashMap<RunId, Seen>,
}

impl<'h> Tail<'h> {
    /// Begins with what is queued from now on, or since the filter's time.
    async fn begin(history: &'h dyn History, filter: Filter) -> StoreResult<Self> {
        // What a run is now may differ from what it was when it was looked for, so the state is asked of each line.
        let state = filter.state.clone();
        let from_now = filter.since.is_none();
        let filter = Filter { state: None, ..filter };
        let mut tail = Self { history, filter, state, newest: None, seen: HashMap::new() };
        if from_now {
            let newest = history.runs(Filter { limit: 1, ..Filter::default() }).await?;
            tail.newest = Some(newest.first().map_or(0, |run| run.number));
            for run in tail.unseen().await? {
                tail.seen.insert(run.id, Seen { number: run.number, told: None });
            }
        }
        Ok(tail)
    }

    /// The runs that are not as they were told last.
    async fn look(&mut self) -> StoreResult<Vec<RunSummary>> {
        let open: Vec<RunId> = self.seen.iter().filter(|(_, seen)| seen.is_open()).map(|(id, _)| id.clone()).collect();
        let mut found = if open.is_empty() { Vec::new() } else { self.history.runs_by_id(open).await? };
        found.sort_by_key(|run| run.number);
        found.extend(self.unseen().await?);
        let news = found.into_iter().filter(|run| self.is_news(run)).collect();
        let again = self.again();
        self.seen.retain(|_, seen| seen.is_open() || again.is_some_and(|again| seen.number > again));
        Ok(news)
    }

    /// The number after which a run may still come; any, while there was none.
    fn again(&self) -> Option<i64> {
        self.newest.map(|newest| newest.saturating_sub(self.history.lateness()))
    }

    /// The runs that were not seen before, by number.
    async fn unseen(&mut self) -> StoreResult<Vec<RunSummary>> {
        let (mut found, mut after) = (Vec::new(), self.again());
        loop {
            // What the filter does not cover is passed by once, not at every look.
            let page = Filter { after, limit: PAGE, oldest_first: true, since: self.filter.since, ..Filter::default() };
            let runs = self.history.runs(page).await?;
            after = runs.last().map(|run| run.number).or(after);
            self.newest = self.newest.max(after);
            let last = runs.len() < PAGE;
            // A list may be a moment behind: what becomes of a run that is known is asked by its id.
            let is_new = |run: &RunSummary| !self.seen.contains_key(&run.id) && self.filter.covers_run(run);
            found.extend(runs.into_iter().filter(is_new));
            if last {
                return Ok(found);
            }
        }
    }

    /// Notes where the run stands. Is that worth a line?
    fn is_news(&mut self, run: &RunSummary) -> bool {
        let told = (run.state, run.due_at.filter(|_| run.state != RunState::Queued));
        let before = self.seen.insert(run.id.clone(), Seen { number: run.number, told: Some(told) });
        // A run that only stands in its lane has not begun.
        let wanted = self.state.as_deref().map_or(run.state != RunState::Queued, |state| state == run.state.as_str());
        wanted && before.and_then(|seen| seen.told) != Some(told)
    }
}

#[cfg(test)]
mod tests;
