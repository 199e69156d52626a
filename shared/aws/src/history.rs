//! What people ask for: lists, single records, replays.

use std::collections::BTreeSet;
use std::time::Duration;

use deskwire_core::BoxFuture;
use deskwire_core::damage::{RecordKind, read_or_damaged};
use deskwire_core::event::{EventState, JsonText};
use deskwire_core::ids::{RunId, WorkflowName, WorkflowVersion};
use deskwire_core::ports::{
    Counts, EventDetail, EventSummary, Filter, History, RunDetail, RunSummary, SHORTEST_BEGINNING, StoreError,
    StoreResult, Work,
};
use deskwire_core::run::{Entry, RunState};
use deskwire_core::time::Timestamp;
use futures_util::stream::{self, StreamExt as _, TryStreamExt as _};

use crate::connect::{AwsStore, first_number};
use crate::damage::{place, readable};
use crate::inbox::place_in_lane;
use crate::keys::{self, Index, LISTS, STATES};
use crate::lanes::{Changed, sort_key};
use crate::rows::{EVENTS, EventLine, Policy, RUNS, RunLine, RunOf, RunRow, list_of, own_lane};
use crate::table::{Condition, Item, Part, Written, attribute, number};

/// The length of a list nobody limited.
const DEFAULT_LIMIT: usize = 50;

/// How much of an index is read at once.
const PAGE: usize = 200;

/// How far a number may be ahead of the time of what it numbers: where a clock was put back, a process counts on.
const DRIFT: Duration = Duration::from_mins(1);

/// How long a run may take from its number until its line is in the index: all attempts of a write, clocks that differ, and
/// an index that is behind.
const LATE: Duration = Duration::from_secs(30);

/// How many old events are erased at once.
const SIDE_BY_SIDE: usize = 8;

/// How often a change that meets others is tried anew.
const TRIES: u32 = 5;

impl History for AwsStore {
    fn events(&self, filter: Filter) -> BoxFuture<'_, StoreResult<Vec<EventSummary>>> {
        Box::pin(async move {
            self.list((&LISTS, EVENTS), &filter, RecordKind::Event, EventLine::read, Filter::covers_event).await
        })
    }

    fn event<'a>(&'a self, reference: &'a str) -> BoxFuture<'a, StoreResult<Option<EventDetail>>> {
        Box::pin(async move {
            let Some(key) = self.find_event(reference).await? else { return Ok(None) };
            let Some((row, body)) = self.event_at(&key).await? else { return Ok(None) };
            let summary = row.summary()?;
            let mut runs = Vec::new();
            for run in &row.runs {
                let found = self.table.get(&keys::run(&run.id), "R").await?;
                runs.extend(found.and_then(|found| summary_of(&found).transpose()).transpose()?);
            }
            runs.sort_by_key(|run| run.number);
            let event = if summary.state == EventState::Rejected { None } else { Some(row.event(&body)?) };
            Ok(Some(EventDetail { summary, event, body: JsonText::from_stored(body), declined: row.declined, runs }))
        })
    }

    fn events_called<'a>(&'a self, id: &'a str, most: usize) -> BoxFuture<'a, StoreResult<Vec<String>>> {
        Box::pin(async move {
            let shard = format!("E#{}", keys::shard(id));
            let mut called = Vec::new();
            for found in self.table.by_id(&shard, id, true, at_most(most)).await? {
                if let Some((row, _)) = self.event_at(attribute(&found, "pk")?).await? {
                    called.push(format!("{}/{id}", row.summary()?.source));
                }
            }
            Ok(called)
        })
    }

    fn runs_beginning<'a>(&'a self, beginning: &'a str, most: usize) -> BoxFuture<'a, StoreResult<Vec<RunId>>> {
        Box::pin(async move {
            let found = self.table.by_id("R", beginning, false, at_most(most)).await?;
            found.iter().map(|found| attribute(found, "id").map(RunId::new)).collect()
        })
    }

    fn runs(&self, filter: Filter) -> BoxFuture<'_, StoreResult<Vec<RunSummary>>> {
        Box::pin(async move {
            let list = filter.state.as_deref().and_then(RunState::parse).and_then(list_of);
            let list = list.map_or((&LISTS, RUNS), |list| (&STATES, list));
            self.list(list, &filter, RecordKind::Run, RunLine::read, Filter::covers_run).await
        })
    }

    fn runs_by_id(&self, ids: Vec<RunId>) -> BoxFuture<'_, StoreResult<Vec<RunSummary>>> {
        Box::pin(async move {
            // DynamoDB refuses to be asked for the same item twice.
            let keys: BTreeSet<_> = ids.iter().map(|id| (keys::run(id.as_str()), "R".to_owned())).collect();
            let keys = keys.into_iter().collect();
            let mut runs = Vec::new();
            for found in self.table.get_all(keys).await? {
                runs.extend(summary_of(&found)?);
            }
            Ok(runs)
        })
    }

    fn lateness(&self) -> i64 {
        first_number(Timestamp::from_millis(0).plus(LATE))
    }

    fn run<'a>(&'a self, reference: &'a str) -> BoxFuture<'a, StoreResult<Option<RunDetail>>> {
        Box::pin(async move {
            let Some(id) = self.find_run(reference).await? else { return Ok(None) };
            let Some(row) = self.run_row(&id).await? else { return Ok(None) };
            let key = keys::event(&row.event_source, &row.event_id);
            let Some((event, body)) = self.event_at(&key).await? else { return Ok(None) };
            let (journal, unreadable) = self.journal_entries(&row.id).await?;
            Ok(Some(RunDetail { summary: row.summary(), journal, unreadable, event: event.event(&body)? }))
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
            let (mut gone, mut from) = (0, i64::MIN / 2);
            let to = first_number(before.plus(DRIFT));
            // Those that stay are passed by, so that they do not stand before the rest for ever.
            while gone < most && from <= to {
                let limit = PAGE.min(most - gone);
                let part = Part { of: &LISTS, prefix: EVENTS, from, to, oldest_first: true };
                let mut old = Vec::new();
                for item in self.table.sharded(&part, limit).await? {
                    old.push((number(&item, "ln")?, item));
                }
                old.sort_by_key(|(number, _)| *number);
                let last = old.len() < limit;
                old.truncate(limit);
                if let Some((number, _)) = old.last() {
                    from = number.saturating_add(1);
                }
                // One that cannot be read is as old as its number says.
                let is_old = |number: i64, item: &Item| match EventLine::read(item) {
                    Ok(line) => line.received_at < before,
                    Err(_) => number < first_number(before),
                };
                let keys: Vec<String> = old
                    .iter()
                    .filter(|(number, item)| is_old(*number, item))
                    .map(|(_, item)| attribute(item, "pk").map(str::to_owned))
                    .collect::<StoreResult<_>>()?;
                let erased =
                    stream::iter(keys).map(async |key| self.erase_event(&key).await).buffer_unordered(SIDE_BY_SIDE);
                gone += erased.try_fold(0, async |gone, erased| Ok(gone + usize::from(erased))).await?;
                if last {
                    break;
                }
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
    /// The lines of an index's partitions that pass, in order, page by page.
    async fn list<T>(
        &self,
        (of, prefix): (&'static Index, &str),
        filter: &Filter,
        kind: RecordKind,
        read: fn(&Item) -> StoreResult<T>,
        covers: fn(&Filter, &T) -> bool,
    ) -> StoreResult<Vec<T>> {
        let limit = if filter.limit == 0 { DEFAULT_LIMIT } else { filter.limit };
        let (mut from, mut to) = numbers(filter);
        let (mut found, mut most) = (Vec::new(), limit.min(PAGE));
        // DynamoDB refuses a range that ends before it begins.
        while from <= to {
            let part = Part { of, prefix, from, to, oldest_first: filter.oldest_first };
            // What lies beyond the nearest end of a shard's page is read with the next one.
            let (mut page, mut edge) = (Vec::new(), None);
            for items in self.table.shards(&part, most).await? {
                if let (true, Some(last)) = (items.len() >= most, items.last()) {
                    let last = number(last, "ln")?;
                    let nearer = |edge: i64| if filter.oldest_first { edge.min(last) } else { edge.max(last) };
                    edge = Some(edge.map_or(last, nearer));
                }
                for item in &items {
                    let line = readable(kind, &place(item), read(item))?;
                    page.extend(line.map(|line| Ok((number(item, "ln")?, line))).transpose()?);
                }
            }
            if let Some(edge) = edge {
                page.retain(|(number, _)| if filter.oldest_first { *number <= edge } else { *number >= edge });
            }
            page.sort_by_key(|(number, _)| *number);
            if !filter.oldest_first {
                page.reverse();
            }
            found.extend(page.into_iter().map(|(_, line)| line).filter(|line| covers(filter, line)));
            match edge {
                Some(edge) if found.len() < limit && filter.oldest_first => from = edge.saturating_add(1),
                Some(edge) if found.len() < limit => to = edge.saturating_sub(1),
                _ => break,
            }
            most = PAGE;
        }
        found.truncate(limit);
        Ok(found)
    }

    /// The key of the event that a person means: its id, `source/id`, or its number.
    async fn find_event(&self, reference: &str) -> StoreResult<Option<String>> {
        let shard = format!("E#{}", keys::shard(reference));
        match self.table.by_id(&shard, reference, true, 2).await?.as_slice() {
            [] => {}
            [only] => return attribute(only, "pk").map(|key| Some(key.to_owned())),
            // Several sources have an event of this id.
            _ => return Ok(None),
        }
        if let Some((source, id)) = reference.split_once('/') {
            let key = keys::event(source, id);
            if self.table.get(&key, "E").await?.is_some() {
                return Ok(Some(key));
            }
        }
        let Ok(number) = reference.parse::<i64>() else { return Ok(None) };
        let part = Part { of: &LISTS, prefix: EVENTS, from: number, to: number, oldest_first: true };
        match self.table.sharded(&part, 1).await?.first() {
            Some(found) => attribute(found, "pk").map(|key| Some(key.to_owned())),
            None => Ok(None),
        }
    }

    /// The id of the run that a person means: its id, or a beginning that fits only one.
    async fn find_run(&self, reference: &str) -> StoreResult<Option<String>> {
        if self.table.get(&keys::run(reference), "R").await?.is_some() {
            return Ok(Some(reference.to_owned()));
        }
        if reference.len() < SHORTEST_BEGINNING {
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
        let number = self.numbers(now, 1);
        let mut new = RunRow {
            rev: 1,
            mark: self.mark(),
            number,
            turn: number,
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
            broken_off: 0,
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
        let Ok(found) = read_or_damaged(self.event_at(key).await)? else {
            // Which runs it had, it does not say any more; they ended when their turn came.
            self.table.delete(key, "E").await?;
            return Ok(true);
        };
        let Some((row, _)) = found else { return Ok(false) };
        let mut of_runs = Vec::new();
        for run in &row.runs {
            let partition = keys::run(&run.id);
            for found in self.table.query(&partition, "", None).await? {
                let place = sort_key(&found)?;
                // One that cannot be read does nothing any more.
                if place == "R" && read_or_damaged(RunRow::read(&found))?.is_ok_and(|row| !row.state.is_over()) {
                    return Ok(false);
                }
                of_runs.push((partition.clone(), place.to_owned()));
            }
        }
        self.table.delete_all(of_runs).await?;
        // Last, so that what broke off is found again; and not where somebody replays it just now.
        self.table.delete_if(key, "E", Condition::revision(row.rev)).await
    }
}

/// The line of a run, from the run or, where that cannot be read, from its line; `None` where neither can.
fn summary_of(item: &Item) -> StoreResult<Option<RunSummary>> {
    match read_or_damaged(RunRow::read(item).map(|row| row.summary()))? {
        Ok(summary) => Ok(Some(summary)),
        Err(_) => readable(RecordKind::Run, &place(item), RunLine::read(item)),
    }
}

/// The numbers between which everything lies that a filter's times and number let pass: less is read than is there.
fn numbers(filter: &Filter) -> (i64, i64) {
    let from = filter.since.map_or(i64::MIN / 2, |since| first_number(since.minus(DRIFT)));
    let to = filter.until.map_or(i64::MAX, |until| first_number(until.plus(DRIFT)));
    (from.max(filter.after.map_or(i64::MIN / 2, |after| after.saturating_add(1))), to)
}

fn at_most(count: usize) -> i32 {
    i32::try_from(count).unwrap_or(i32::MAX)
}
