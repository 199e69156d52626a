//! What people ask for: lists, single records, replays.

use deskwire_core::BoxFuture;
use deskwire_core::event::{EventState, JsonText, pattern_covers};
use deskwire_core::ids::{RunId, WorkflowName, WorkflowVersion};
use deskwire_core::ports::{
    Counts, EventDetail, EventSummary, Filter, History, RunDetail, RunSummary, StoreError, StoreResult, Work,
};
use deskwire_core::run::{Entry, RunState};
use deskwire_core::time::Timestamp;

use crate::connect::AwsStore;
use crate::inbox::place_in_lane;
use crate::keys::{self, LISTS};
use crate::lanes::{Changed, sort_key};
use crate::rows::{EventLine, EventRow, ORDINARY, Policy, RunLine, RunOf, RunRow, UNHAPPY, list_of, own_lane};
use crate::table::{Condition, Index, Item, Written, attribute};

/// The length of a list nobody limited.
const DEFAULT_LIMIT: usize = 50;

/// How much of an index is read at once.
const PAGE: usize = 200;

/// How often a change that meets others is tried anew.
const TRIES: u32 = 5;

impl History for AwsStore {
    fn events(&self, filter: Filter) -> BoxFuture<'_, StoreResult<Vec<EventSummary>>> {
        Box::pin(async move {
            let passes = |line: &EventSummary| {
                filter.source.as_ref().is_none_or(|source| *source == line.source)
                    && filter.state.as_ref().is_none_or(|state| state == line.state.as_str())
                    && filter.subject.as_ref().is_none_or(|subject| *subject == line.subject)
                    && filter.kind.as_ref().is_none_or(|kind| covers(kind, &line.kind))
                    && is_within(&filter, line.received_at)
            };
            self.list(&["E#"], &filter, EventLine::read, |line| line.number, passes).await
        })
    }

    fn event<'a>(&'a self, reference: &'a str) -> BoxFuture<'a, StoreResult<Option<EventDetail>>> {
        Box::pin(async move {
            let Some(key) = self.find_event(reference).await? else { return Ok(None) };
            let Some((row, body)) = self.event_at(&key).await? else { return Ok(None) };
            let summary = row.summary()?;
            let mut runs = Vec::new();
            for run in &row.runs {
                if let Some(run) = self.run_row(&run.id).await? {
                    runs.push(run.summary()?);
                }
            }
            runs.sort_by_key(|run| run.number);
            let event = if summary.state == EventState::Rejected { None } else { Some(row.event(&body)?) };
            Ok(Some(EventDetail { summary, event, body: JsonText::from_stored(body), declined: row.declined, runs }))
        })
    }

    fn runs(&self, filter: Filter) -> BoxFuture<'_, StoreResult<Vec<RunSummary>>> {
        Box::pin(async move {
            let passes = |line: &RunSummary| {
                filter.source.as_ref().is_none_or(|source| *source == line.source)
                    && filter.workflow.as_ref().is_none_or(|workflow| workflow == line.workflow.as_str())
                    && filter.state.as_ref().is_none_or(|state| state == line.state.as_str())
                    && filter.subject.as_ref().is_none_or(|subject| *subject == line.subject)
                    && filter.event.as_ref().is_none_or(|event| event.as_str() == line.event_id)
                    && filter.kind.as_ref().is_none_or(|kind| covers(kind, &line.event_type))
                    && is_within(&filter, line.queued_at)
            };
            let lists: &[&str] = match filter.state.as_deref().and_then(RunState::parse).map(list_of) {
                Some(ORDINARY) => &[ORDINARY],
                Some(_) => &[UNHAPPY],
                None => &[ORDINARY, UNHAPPY],
            };
            self.list(lists, &filter, RunLine::read, |line| line.number, passes).await
        })
    }

    fn run<'a>(&'a self, reference: &'a str) -> BoxFuture<'a, StoreResult<Option<RunDetail>>> {
        Box::pin(async move {
            let Some(id) = self.find_run(reference).await? else { return Ok(None) };
            let Some(row) = self.run_row(&id).await? else { return Ok(None) };
            let key = keys::event(&row.event_source, &row.event_id);
            let Some((event, body)) = self.event_at(&key).await? else { return Ok(None) };
            let journal = self.journal(&row.id).await?;
            Ok(Some(RunDetail { summary: row.summary()?, journal, event: event.event(&body)? }))
        })
    }

    fn replay<'a>(
        &'a self,
        run: &'a RunId,
        new_run: RunId,
        keep: Vec<Entry>,
        now: Timestamp,
    ) -> BoxFuture<'a, StoreResult<Option<u32>>> {
        Box::pin(async move {
            for _ in 0..TRIES {
                let Some(row) = self.run_row(run.as_str()).await? else { return Ok(None) };
                if !row.state.is_over() && row.state != RunState::Unknown {
                    return Ok(None);
                }
                if let Some(replayed) = self.replay_once(&row, &new_run, &keep, now).await? {
                    return Ok(Some(replayed));
                }
            }
            Err(StoreError::Unavailable { reason: "the run's event is too busy".to_owned() })
        })
    }

    fn counts(&self) -> BoxFuture<'_, StoreResult<Counts>> {
        Box::pin(async move {
            let mut counts = Counts::default();
            let all = Filter { limit: usize::MAX / 4, ..Filter::default() };
            counts.events = u64::try_from(self.events(all.clone()).await?.len()).unwrap_or(u64::MAX);
            for run in self.runs(all).await? {
                *counts.runs.entry(run.state.as_str().to_owned()).or_default() += 1;
            }
            Ok(counts)
        })
    }

    fn decide<'a>(&'a self, run: &'a RunId, entries: Vec<Entry>, now: Timestamp) -> BoxFuture<'a, StoreResult<bool>> {
        Box::pin(async move {
            for _ in 0..TRIES {
                let row = self.run_row(run.as_str()).await?;
                let Some(row) = row.filter(|row| row.state == RunState::Unknown) else { return Ok(false) };
                let mut next = RunRow {
                    state: RunState::Queued,
                    reason: None,
                    due_at: Some(now),
                    owner: None,
                    parked: false,
                    clean: true,
                    in_lane: true,
                    listed: true,
                    ..self.next(&row)
                };
                if !row.in_lane {
                    next.lane = own_lane(&row.id);
                }
                let mut writes = self.journaling(&mut next, &entries)?;
                writes.extend(self.following(&mut next, &entries)?);
                writes.insert(0, self.putting_run(&next)?);
                if let Changed::Yes = self.commit(&next, writes).await? {
                    self.nudge(std::iter::once(&next)).await;
                    return Ok(true);
                }
            }
            Ok(false)
        })
    }

    fn purge(&self, before: Timestamp, most: usize) -> BoxFuture<'_, StoreResult<usize>> {
        Box::pin(async move {
            let mut gone = 0;
            let filter = Filter { oldest_first: true, until: Some(before), limit: usize::MAX / 4, ..Filter::default() };
            for line in self.events(filter).await? {
                if gone == most {
                    break;
                }
                gone += usize::from(self.erase_event(&keys::event(&line.source, &line.id)).await?);
            }
            Ok(gone)
        })
    }

    fn version_text<'a>(
        &'a self,
        name: &'a WorkflowName,
        version: &'a WorkflowVersion,
    ) -> BoxFuture<'a, StoreResult<Option<String>>> {
        self.workflow_text(name, version)
    }
}

impl AwsStore {
    /// The lines of these lists that pass, in order, page by page.
    async fn list<T>(
        &self,
        lists: &[&str],
        filter: &Filter,
        read: fn(&Item) -> StoreResult<T>,
        number: fn(&T) -> i64,
        passes: impl Fn(&T) -> bool,
    ) -> StoreResult<Vec<T>> {
        let limit = if filter.limit == 0 { DEFAULT_LIMIT } else { filter.limit };
        let mut found = Vec::new();
        let (mut from, mut to) = (filter.after.map_or(i64::MIN / 2, |after| after.saturating_add(1)), i64::MAX);
        loop {
            let mut page = Vec::new();
            let mut whole = true;
            // What lies beyond the nearest end of a shard's page is read with the next one.
            let mut edge = if filter.oldest_first { i64::MAX } else { i64::MIN };
            for prefix in lists {
                let index = Index { name: LISTS, prefix, from, to, oldest_first: filter.oldest_first };
                let mut by_shard: std::collections::BTreeMap<String, Vec<T>> = std::collections::BTreeMap::new();
                for line in self.table.sharded(&index, PAGE).await? {
                    let shard = line.get("lp").and_then(|shard| shard.as_s().ok()).cloned().unwrap_or_default();
                    by_shard.entry(shard).or_default().push(read(&line)?);
                }
                for lines in by_shard.into_values() {
                    if lines.len() >= PAGE {
                        whole = false;
                        let last = lines.last().map_or(edge, number);
                        edge = if filter.oldest_first { edge.min(last) } else { edge.max(last) };
                    }
                    page.extend(lines);
                }
            }
            if !whole {
                page.retain(|line| if filter.oldest_first { number(line) <= edge } else { number(line) >= edge });
            }
            page.sort_by_key(number);
            if !filter.oldest_first {
                page.reverse();
            }
            found.extend(page.into_iter().filter(&passes));
            if whole || found.len() >= limit {
                found.truncate(limit);
                return Ok(found);
            }
            if filter.oldest_first {
                from = edge.saturating_add(1);
            } else {
                to = edge.saturating_sub(1);
            }
        }
    }

    /// The key of the event that a person means: its id, `source/id`, or its number.
    async fn find_event(&self, reference: &str) -> StoreResult<Option<String>> {
        let shard = format!("E#{}", keys::shard(reference));
        if let Some(found) = self.table.by_id(&shard, reference, true, 1).await?.first() {
            return attribute(found, "pk").map(|key| Some(key.to_owned()));
        }
        if let Some((source, id)) = reference.split_once('/') {
            let key = keys::event(source, id);
            if self.table.get(&key, "E").await?.is_some() {
                return Ok(Some(key));
            }
        }
        let Ok(number) = reference.parse::<i64>() else { return Ok(None) };
        let index = Index { name: LISTS, prefix: "E#", from: number, to: number, oldest_first: true };
        match self.table.sharded(&index, 1).await?.first() {
            Some(found) => attribute(found, "pk").map(|key| Some(key.to_owned())),
            None => Ok(None),
        }
    }

    /// The id of the run that a person means: its id, or a beginning that fits only one.
    async fn find_run(&self, reference: &str) -> StoreResult<Option<String>> {
        if self.table.get(&keys::run(reference), "R").await?.is_some() {
            return Ok(Some(reference.to_owned()));
        }
        if reference.len() < 5 {
            return Ok(None);
        }
        match self.table.by_id("R", reference, false, 2).await?.as_slice() {
            [only] => attribute(only, "id").map(|id| Some(id.to_owned())),
            _ => Ok(None),
        }
    }

    /// Replays a run. `None` where somebody changed it or its event meanwhile.
    async fn replay_once(
        &self,
        row: &RunRow,
        new_run: &RunId,
        keep: &[Entry],
        now: Timestamp,
    ) -> StoreResult<Option<u32>> {
        let key = keys::event(&row.event_source, &row.event_id);
        let Some((mut event, _)) = self.event_at(&key).await? else { return Ok(None) };
        let replays = event.runs.iter().filter(|run| run.workflow == row.workflow).map(|run| run.replay);
        let replay = replays.max().unwrap_or(0) + 1;
        event.runs.push(RunOf { id: new_run.to_string(), workflow: row.workflow.clone(), replay });
        let mut new = RunRow {
            rev: 1,
            mark: self.mark(),
            number: self.number(),
            id: new_run.to_string(),
            // The lane of the workflow and subject, whatever the old run stood in at its end.
            lane: format!("{}|{}", row.workflow, row.subject),
            replay,
            state: RunState::Queued,
            reason: None,
            queued_at: now,
            ended_at: None,
            due_at: Some(now),
            in_lane: true,
            listed: true,
            owner: None,
            deliveries: 0,
            clean: true,
            parked: false,
            policy: Policy::Every,
            changed_at: None,
            newest_before: None,
            burst_at: None,
            waits: None,
            journal: 0,
            announced: std::collections::BTreeMap::new(),
            followed: false,
            ..row.clone()
        };
        let mut with = self.journaling(&mut new, keep)?;
        with.push(self.table.putting(new.item()?, Some(Condition::absent())));
        with.push(self.table.putting(place_in_lane(&new)?, None));
        with.push(self.changing_event(&event)?);
        let replayed = if row.state == RunState::Unknown {
            let after = RunRow {
                state: RunState::Failed,
                reason: Some(format!("a person decided to try again, in run {new_run}")),
                ended_at: Some(now),
                in_lane: false,
                listed: false,
                due_at: None,
                owner: None,
                ..self.next(row)
            };
            matches!(self.leave(row, &after, with).await?, Changed::Yes)
        } else {
            matches!(self.table.write(with).await?, Written::Yes)
                || self.run_row(new_run.as_str()).await?.is_some_and(|stored| stored.mark == new.mark)
        };
        if replayed {
            self.nudge(std::iter::once(&new)).await;
        }
        Ok(replayed.then_some(replay))
    }

    /// Erases an event with its runs and journals, unless one of them is not over.
    async fn erase_event(&self, key: &str) -> StoreResult<bool> {
        let Some((row, _)) = self.event_at(key).await? else { return Ok(false) };
        let row: EventRow = row;
        for run in &row.runs {
            if self.run_row(&run.id).await?.is_some_and(|run| !run.state.is_over()) {
                return Ok(false);
            }
        }
        for run in &row.runs {
            let partition = keys::run(&run.id);
            for found in self.table.query(&partition, "", None).await? {
                self.table.delete(&partition, sort_key(&found)?).await?;
            }
        }
        self.table.delete(key, "E").await?;
        Ok(true)
    }
}

fn covers(kind: &str, of: &str) -> bool {
    match kind.strip_suffix('*') {
        Some(prefix) if !kind.ends_with(".*") => of.starts_with(prefix),
        _ => pattern_covers(kind, of),
    }
}

fn is_within(filter: &Filter, time: Timestamp) -> bool {
    filter.since.is_none_or(|since| time >= since) && filter.until.is_none_or(|until| time < until)
}
