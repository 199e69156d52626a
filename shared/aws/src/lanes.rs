//! Lanes: who comes first, who has the lane, and who is told when it is free.
//!
//! The mark `!busy` of a lane's partition names the run that has it, from when that run is first handed out until it leaves.
//! A run that asks while another one has the lane is taken out of the index of what falls due and counted in the mark
//! (`waiters`), in one transaction with a look at it. So a run that leaves either sees that nobody waits, or tells the next.

use aws_sdk_dynamodb::types::AttributeValue;
use deskwire_core::damage::{RecordKind, read_or_damaged};
use deskwire_core::ids::Lane;
use deskwire_core::ports::{DEBOUNCES, StoreError, StoreResult};
use deskwire_core::run::RunState;
use deskwire_core::time::Timestamp;

use crate::connect::AwsStore;
use crate::damage::{place, readable};
use crate::keys::{self, BUSY, TIME};
use crate::queue::Message;
use crate::rows::{Policy, RunRow};
use crate::table::{Condition, Item, Write, Written, attribute, content, item, number, text};

/// How often a change that meets others is tried anew.
const TRIES: u32 = 10;

/// How many runs of one lane are superseded at once.
const MOST_SUPERSEDED: usize = 40;

/// A lane as it is.
pub(crate) struct View {
    /// The run that has it, and how many were told to stay behind it.
    pub busy: Option<(String, i64)>,
    /// The latest time of change that was handled in it.
    pub newest: Option<Timestamp>,
    /// The ids of those that stand in it, the first first.
    pub members: Vec<String>,
}

/// What came of a change to a run.
pub(crate) enum Changed {
    Yes,
    /// Somebody else changed it meanwhile; nothing was written.
    Outrun,
}

impl AwsStore {
    /// A run as it stands.
    pub(crate) async fn run_row(&self, id: &str) -> StoreResult<Option<RunRow>> {
        self.table.get(&keys::run(id), "R").await?.map(|item| RunRow::read(&item)).transpose()
    }

    /// The next state of a run, as a write that holds only if it is still as `row` says.
    pub(crate) fn putting_run(&self, row: &RunRow) -> StoreResult<Write> {
        Ok(self.table.putting(row.item()?, Some(Condition::revision(row.rev - 1))))
    }

    /// A run that is to be changed: one revision further, with a mark of this write.
    pub(crate) fn next(&self, row: &RunRow) -> RunRow {
        RunRow { rev: row.rev + 1, mark: self.mark(), ..row.clone() }
    }

    /// A lane with its first `most` members.
    pub(crate) async fn view(&self, lane: &Lane, most: usize) -> StoreResult<View> {
        let mut view = View { busy: None, newest: None, members: Vec::new() };
        for found in self.table.query(&keys::lane(lane), "", Some(most + 2)).await? {
            match attribute(&found, "sk")? {
                BUSY => view.busy = Some((content(&found)?, number(&found, "waiters")?)),
                TIME => view.newest = readable(RecordKind::Run, &place(&found), content(&found))?,
                // The key says it as well as the content does.
                key => view.members.extend(key.split_once('#').map(|(_, run)| run.to_owned())),
            }
        }
        view.members.truncate(most);
        Ok(view)
    }

    /// The mark that this run has its lane.
    pub(crate) fn taking(&self, row: &RunRow) -> StoreResult<Write> {
        let mut mark = item(&keys::lane(&row.lane()), BUSY, &row.id)?;
        mark.insert("waiters".to_owned(), AttributeValue::N(if row.followed { "1" } else { "0" }.to_owned()));
        Ok(self.table.putting(mark, Some(Condition::absent())))
    }

    /// The lane's latest time of change.
    pub(crate) fn passing(&self, row: &RunRow, newest: Timestamp, ttl: Timestamp) -> StoreResult<Write> {
        let mut time = item(&keys::lane(&row.lane()), TIME, &newest)?;
        time.insert("ttl".to_owned(), AttributeValue::N(ttl.as_unix_seconds().to_string()));
        Ok(self.table.putting(time, None))
    }

    /// Takes a run that stands behind another one out of the index of what falls due, until it is told.
    pub(crate) async fn stay_behind(&self, row: &RunRow, view: &View) -> StoreResult<()> {
        let behind = RunRow { listed: false, ..self.next(row) };
        let mut writes = vec![self.putting_run(&behind)?];
        if let Some((holder, _)) = &view.busy {
            let condition = Condition::new(
                "v = :run",
                vec![(":run", text(&format!("\"{holder}\""))), (":one", AttributeValue::N("1".to_owned()))],
            );
            let change = "SET waiters = waiters + :one";
            writes.push(self.table.updating(&keys::lane(&row.lane()), BUSY, change, condition));
        } else {
            let Some(first) = view.members.first() else { return Ok(()) };
            // One that cannot be read is set aside; this run asks again.
            let lane = keys::lane(&row.lane());
            let Some(first) = self.run_or_aside(first, Some(lane), row.queued_at).await? else { return Ok(()) };
            // It may have been handed out meanwhile; then this run asks again.
            if !first.is_fresh() {
                return Ok(());
            }
            writes.push(self.putting_run(&RunRow { followed: true, ..self.next(&first) })?);
        }
        // Whoever was faster has changed what this rests upon; the run stays listed and asks again.
        self.table.write(writes).await.map(|_| ())
    }

    /// Writes the last state of a run in its lane, with whatever belongs to it, and lets the next one come.
    pub(crate) async fn leave(&self, now: &RunRow, after: &RunRow, mut with: Vec<Write>) -> StoreResult<Changed> {
        let lane = now.lane();
        if now.is_apart() || !now.in_lane {
            with.insert(0, self.putting_run(after)?);
            return self.commit(after, with).await;
        }
        let partition = keys::lane(&lane);
        with.insert(0, self.putting_run(after)?);
        with.push(self.table.deleting(&partition, &now.place(), None));
        if !now.holds_lane() {
            return self.commit(after, with).await;
        }
        let mut waiters = AttributeValue::N("0".to_owned());
        let mut next = None;
        for _ in 0..TRIES {
            let mut writes = with.clone();
            let condition = Condition::new("waiters = :waiters", vec![(":waiters", waiters.clone())]);
            let place = writes.len();
            writes.push(self.table.deleting(&partition, BUSY, Some(condition)));
            if let Some(next) = &next {
                writes.push(self.putting_run(next)?);
            }
            match self.table.write(writes).await? {
                Written::Yes => {
                    self.nudge(next.iter()).await;
                    return Ok(Changed::Yes);
                }
                Written::Refused(0, _) => return self.was_ours(after).await,
                Written::Refused(refused, _) if refused < place => {
                    return Err(StoreError::Corrupt("a write of a run's end was refused".to_owned()));
                }
                // Somebody waits behind it: that one is told in the same transaction.
                Written::Refused(..) => {}
            }
            let view = self.view(&lane, 3).await?;
            let Some((_, waiting)) = view.busy else { return self.was_ours(after).await };
            waiters = AttributeValue::N(waiting.to_string());
            let mut others = view.members.iter().filter(|id| **id != now.id);
            next = match others.next() {
                None => None,
                Some(id) => {
                    let followed = others.next().is_some();
                    let found = match read_or_damaged(self.run_row(id).await)? {
                        Ok(found) => found,
                        Err(why) => {
                            // It does not hold the lane, so this takes its place away and nothing else.
                            let at = after.ended_at.unwrap_or(after.queued_at);
                            Box::pin(self.set_aside(id, Some(partition.clone()), &why, at)).await?;
                            // No lane has so many, so nothing is written before it was looked at once more.
                            waiters = AttributeValue::N("-1".to_owned());
                            continue;
                        }
                    };
                    found.map(|row| RunRow { listed: true, followed, ..self.next(&row) })
                }
            };
        }
        Err(StoreError::Unavailable { reason: "the lane is too busy".to_owned() })
    }

    /// Makes the writes, of which the first is this run's.
    pub(crate) async fn commit(&self, row: &RunRow, writes: Vec<Write>) -> StoreResult<Changed> {
        match self.table.write(writes).await? {
            Written::Yes => Ok(Changed::Yes),
            Written::Refused(..) => self.was_ours(row).await,
        }
    }

    /// Was a write that seems refused made after all, and only its answer lost?
    async fn was_ours(&self, row: &RunRow) -> StoreResult<Changed> {
        let stored = self.run_row(&row.id).await?;
        Ok(if stored.is_some_and(|stored| stored.mark == row.mark) { Changed::Yes } else { Changed::Outrun })
    }

    /// Tells the queue of runs that may be due. Waited for, since a command ends and a function is frozen as soon as it has
    /// answered. If it does not get there, `remind` does it.
    pub(crate) async fn nudge<'r>(&self, rows: impl Iterator<Item = &'r RunRow>) {
        self.tell();
        let messages: Vec<Message> = rows.map(Message::of).collect();
        if let (Some(queue), false) = (&self.queue, messages.is_empty())
            && let Err(error) = queue.send(messages).await
        {
            tracing::warn!(%error, "could not tell the queue of a run; it is told within minutes");
        }
    }

    /// Of the runs of a lane that were never handed out, the one that is handled; the others end as superseded. `None`
    /// where somebody was faster.
    pub(crate) async fn supersede(&self, row: &RunRow) -> StoreResult<Option<RunRow>> {
        let view = self.view(&row.lane(), MOST_SUPERSEDED).await?;
        if view.busy.is_some() {
            return Ok(Some(row.clone()));
        }
        let mut rows = Vec::new();
        for id in &view.members {
            let lane = Some(keys::lane(&row.lane()));
            match self.run_or_aside(id, lane, row.queued_at).await? {
                Some(found) if found.is_fresh() => rows.push(found),
                _ => {}
            }
        }
        let mut rows = rows.into_iter();
        let Some(first) = rows.next() else { return Ok(None) };
        let (mut winner, mut over) = (first.clone(), Vec::new());
        for later in rows {
            if later.policy == Policy::Every {
                break;
            }
            if let (Some(theirs), Some(ours)) = (winner.changed_at, later.changed_at)
                && theirs > ours
            {
                let reason = format!(
                    "superseded by run {}, whose event tells of a later state: events came out of order",
                    winner.id
                );
                over.push(superseded(&later, reason, later.queued_at));
                continue;
            }
            let reason =
                format!("superseded by run {}: the workflow handles only the latest event of a subject", later.id);
            over.push(superseded(&winner, reason, later.queued_at));
            let began = winner.burst_at.unwrap_or(winner.queued_at).min(later.queued_at);
            winner = later;
            if let Some(quiet) = winner.quiet() {
                winner.burst_at = Some(began);
                let end = began.plus(quiet.saturating_mul(DEBOUNCES));
                winner.due_at = Some(winner.queued_at.plus(quiet).min(end));
            }
        }
        if over.is_empty() {
            return Ok(Some(winner));
        }
        let mut writes = Vec::new();
        let next = RunRow { listed: true, followed: true, ..self.next(&winner) };
        writes.push(self.putting_run(&next)?);
        for (before, after) in over.iter().map(|row| (row, self.next(row))) {
            writes.push(self.putting_run(&after)?);
            writes.push(self.table.deleting(&keys::lane(&before.lane()), &before.place(), None));
        }
        match self.commit(&next, writes).await? {
            Changed::Yes => Ok(Some(next)),
            Changed::Outrun => Ok(None),
        }
    }
}

fn superseded(row: &RunRow, reason: String, at: Timestamp) -> RunRow {
    RunRow {
        state: RunState::Skipped,
        reason: Some(reason),
        ended_at: Some(at),
        in_lane: false,
        listed: false,
        due_at: None,
        ..row.clone()
    }
}

/// The content of an item whose kind is known by its key.
pub(crate) fn sort_key(item: &Item) -> StoreResult<&str> {
    attribute(item, "sk")
}
