//! The runner's side: handing out runs in order, journaling, settling.

use std::time::Duration;

use aws_sdk_dynamodb::types::AttributeValue;
use deskwire_core::BoxFuture;
use deskwire_core::action::{Hold, HoldKey};
use deskwire_core::damage::{RecordKind, read_or_damaged};
use deskwire_core::ids::{RunId, WorkflowName, WorkflowVersion};
use deskwire_core::ports::{Claim, ClaimBatch, Fence, Offer, Settlement, StoreError, StoreResult, Work};
use deskwire_core::run::{Entry, Run, RunState};
use deskwire_core::time::Timestamp;
use futures_util::future::try_join;

use crate::connect::AwsStore;
use crate::damage::{lane_of, readable};
use crate::keys::{self, DUE, SHARED};
use crate::lanes::{Changed, View};
use crate::queue::Message;
use crate::rows::{Policy, RunRow, corrupt, own_lane};
use crate::table::{Part, Write, attribute, content, item, number, text};

/// A journal item holds at most so much; what is longer goes into several. The table's limit for an item is 400 KB.
const MOST_OF_AN_ITEM: usize = 300_000;

/// How much one write to a journal may hold: a transaction takes 4 MB.
const MOST_OF_A_WRITE: usize = 3_000_000;

/// How long a lane's time of change is kept after its last event.
const LANE_TIME_FOR: Duration = Duration::from_hours(90 * 24);

/// How long a queued run may be due before the queue is told of it again: it has a message of its own.
const PATIENCE: Duration = Duration::from_mins(2);

/// How far the clocks of two machines may be apart: what was queued by the one that is ahead is due all the same.
const CLOCKS_APART: Duration = Duration::from_hours(24);

/// What a first look at a run came to.
enum Tried {
    Ours(Box<Claim>),
    Later(Timestamp),
    Behind,
    Nothing,
}

impl Work for AwsStore {
    fn claim<'a>(
        &'a self,
        owner: &'a str,
        max: usize,
        lease: Duration,
        now: Timestamp,
    ) -> BoxFuture<'a, StoreResult<ClaimBatch>> {
        Box::pin(async move {
            let mut claims = Vec::new();
            loop {
                let due = self.due(now, max * 2).await?;
                let mut moved = false;
                for found in &due {
                    if claims.len() >= max {
                        break;
                    }
                    let key = attribute(found, "pk")?;
                    if key.starts_with("K#") {
                        if let Err(why) = read_or_damaged(self.wake(key).await)? {
                            self.shelve(key, "K", &why).await?;
                        }
                        moved = true;
                        continue;
                    }
                    match self.claim_this(key.trim_start_matches("R#"), lane_of(found), owner, lease, now).await? {
                        Tried::Ours(claim) => claims.push(*claim),
                        Tried::Behind => moved = true,
                        Tried::Later(_) | Tried::Nothing => {}
                    }
                }
                // Runs that were woken, or that stood in the way of others, make room for a second look.
                if !moved || claims.len() >= max {
                    break;
                }
            }
            let (holds, own_actors) = self.shared(now).await?;
            Ok(ClaimBatch { claims, holds, own_actors, next_due: self.next_due(now).await? })
        })
    }

    fn claim_one<'a>(
        &'a self,
        run: &'a RunId,
        owner: &'a str,
        lease: Duration,
        now: Timestamp,
    ) -> BoxFuture<'a, StoreResult<Offer>> {
        Box::pin(async move {
            let Some(row) = self.run_or_aside(run.as_str(), None, now).await? else { return Ok(Offer::Nothing) };
            // What is unknown holds its lane for a while, and a person may decide about it before.
            let only_time = !row.is_apart() && row.waits.is_none() && !row.parked;
            let tried = match read_or_damaged(Box::pin(self.try_claim(row, owner, lease, now)).await)? {
                Ok(tried) => tried,
                Err(why) => {
                    self.set_aside(run.as_str(), None, &why, now).await?;
                    Tried::Nothing
                }
            };
            Ok(match tried {
                Tried::Ours(claim) => {
                    let (holds, own_actors) = self.shared(now).await?;
                    Offer::Ours(Box::new(ClaimBatch { claims: vec![*claim], holds, own_actors, next_due: None }))
                }
                Tried::Later(at) => Offer::Later { at, only_time },
                Tried::Behind => Offer::Behind,
                Tried::Nothing => Offer::Nothing,
            })
        })
    }

    fn record<'a>(
        &'a self,
        fence: &'a Fence,
        entries: Vec<Entry>,
        leased_until: Timestamp,
    ) -> BoxFuture<'a, StoreResult<()>> {
        Box::pin(async move {
            let row = self.fenced(fence).await?;
            let mut next = RunRow { due_at: Some(leased_until), ..self.next(&row) };
            if entries.iter().any(Entry::is_result) {
                next.broken_off = 0;
            }
            let mut writes = self.journaling(&mut next, &entries)?;
            writes.extend(self.following(&mut next, &entries)?);
            writes.insert(0, self.putting_run(&next)?);
            match self.commit(&next, writes).await? {
                Changed::Yes => {
                    self.metrics.run(&entries, None);
                    self.held().insert(next.id.clone(), next);
                    Ok(())
                }
                Changed::Outrun => self.lost(fence),
            }
        })
    }

    fn settle<'a>(
        &'a self,
        fence: &'a Fence,
        entries: Vec<Entry>,
        settlement: Settlement,
        hold: Option<Hold>,
        now: Timestamp,
    ) -> BoxFuture<'a, StoreResult<()>> {
        Box::pin(async move {
            let row = self.fenced(fence).await?;
            let mut next = settled(&self.next(&row), &settlement, now);
            let mut with = self.journaling(&mut next, &entries)?;
            with.extend(self.following(&mut next, &entries)?);
            with.extend(self.waiting(&row, &next)?);
            if let Some(hold) = &hold {
                with.push(self.sharing(hold)?);
            }
            let leaves = !next.in_lane || (next.is_apart() && !row.is_apart());
            let changed = if leaves {
                self.leave(&row, &next, with).await?
            } else {
                with.insert(0, self.putting_run(&next)?);
                self.commit(&next, with).await?
            };
            match changed {
                Changed::Outrun => self.lost(fence),
                Changed::Yes => {
                    self.metrics.run(&entries, Some(&settlement));
                    self.held().remove(fence.run.as_str());
                    self.look_again(&next, now).await?;
                    self.tell();
                    Ok(())
                }
            }
        })
    }

    fn take_back<'a>(&'a self, owner: &'a str, now: Timestamp) -> BoxFuture<'a, StoreResult<usize>> {
        Box::pin(async move {
            let is_theirs = |row: &RunRow| row.owner.as_deref() == Some(owner);
            // What this process was handed it knows: a function that is told to end has no time to look.
            let known: Vec<String> =
                self.held().values().filter(|row| is_theirs(row)).map(|row| row.id.clone()).collect();
            let runs = if known.is_empty() { self.under_way().await? } else { known };
            let mut count = 0;
            for id in runs {
                let row = readable(RecordKind::Run, &id, self.run_row(&id).await)?.flatten();
                let Some(row) = row.filter(is_theirs) else { continue };
                let next =
                    RunRow { owner: None, due_at: Some(now), state: RunState::Queued, reason: None, ..self.next(&row) };
                if let Changed::Yes = self.commit(&next, vec![self.putting_run(&next)?]).await? {
                    count += 1;
                    self.nudge(std::iter::once(&next)).await;
                }
            }
            Ok(count)
        })
    }

    fn arrived(&self) -> BoxFuture<'_, ()> {
        Box::pin(self.told())
    }

    fn publish(
        &self,
        versions: Vec<(WorkflowName, WorkflowVersion, String)>,
        _: Timestamp,
    ) -> BoxFuture<'_, StoreResult<()>> {
        Box::pin(async move {
            for (name, version, text) in versions {
                self.table.write(vec![self.publishing(&name, &version, &text)?]).await?;
            }
            Ok(())
        })
    }

    fn workflow_text<'a>(
        &'a self,
        name: &'a WorkflowName,
        version: &'a WorkflowVersion,
    ) -> BoxFuture<'a, StoreResult<Option<String>>> {
        Box::pin(async move {
            let found = self.table.get(&format!("V#{name}"), version.as_str()).await?;
            found.map(|item| content(&item)).transpose()
        })
    }
}

impl AwsStore {
    /// The write that keeps a workflow version. The same version always has the same text.
    pub(crate) fn publishing(&self, name: &WorkflowName, version: &WorkflowVersion, text: &str) -> StoreResult<Write> {
        Ok(self.table.putting(item(&format!("V#{name}"), version.as_str(), &text)?, None))
    }

    /// The runs that some runner has.
    async fn under_way(&self) -> StoreResult<Vec<String>> {
        let part = Part { of: &DUE, prefix: "D#", from: 0, to: i64::MAX, oldest_first: true };
        let mut runs = Vec::new();
        for found in self.table.sharded(&part, usize::MAX / 2).await? {
            // Whoever has a run under way has made it so; most of what falls due waits.
            if let (Some(run), "running") = (attribute(&found, "pk")?.strip_prefix("R#"), attribute(&found, "st")?) {
                runs.push(run.to_owned());
            }
        }
        Ok(runs)
    }

    /// Tries to hand out a run that may be due. One that cannot be read is set aside, so that others come up.
    async fn claim_this(
        &self,
        id: &str,
        lane: Option<String>,
        owner: &str,
        lease: Duration,
        now: Timestamp,
    ) -> StoreResult<Tried> {
        let row = match read_or_damaged(self.run_row(id).await)? {
            Ok(None) => return Ok(Tried::Nothing),
            Ok(Some(row)) => Ok(row),
            Err(why) => Err(why),
        };
        let tried = match row {
            Ok(row) => read_or_damaged(Box::pin(self.try_claim(row, owner, lease, now)).await)?,
            Err(why) => Err(why),
        };
        match tried {
            Ok(tried) => Ok(tried),
            Err(why) => Ok(if self.set_aside(id, lane, &why, now).await? { Tried::Behind } else { Tried::Nothing }),
        }
    }

    /// What is due by now, the longest due first; and what is queued by a clock that is ahead of this one.
    async fn due(&self, now: Timestamp, most: usize) -> StoreResult<Vec<crate::table::Item>> {
        let to = now.plus(CLOCKS_APART).as_millis();
        let part = Part { of: &DUE, prefix: "D#", from: i64::MIN / 2, to, oldest_first: true };
        let mut due = self.table.sharded(&part, most).await?;
        let mut keyed = Vec::with_capacity(due.len());
        for found in due.drain(..) {
            let is_queued = matches!(attribute(&found, "st")?, "queued" | "wake");
            if !is_queued && number(&found, "da")? > now.as_millis() {
                continue;
            }
            // Events that wake come first, then by time, then by id, which sorts by creation.
            let wakes = attribute(&found, "st")? == "wake";
            keyed.push(((!wakes, number(&found, "da")?, attribute(&found, "pk")?.to_owned()), found));
        }
        keyed.sort_by(|(a, _), (b, _)| a.cmp(b));
        Ok(keyed.into_iter().map(|(_, found)| found).collect())
    }

    async fn next_due(&self, now: Timestamp) -> StoreResult<Option<Timestamp>> {
        let from = now.as_millis().saturating_add(1);
        let part = Part { of: &DUE, prefix: "D#", from, to: i64::MAX, oldest_first: true };
        let mut next = None;
        for found in self.table.sharded(&part, 1).await? {
            let due = number(&found, "da")?;
            next = Some(next.map_or(due, |next: i64| next.min(due)));
        }
        Ok(next.map(Timestamp::from_millis))
    }

    /// What every runner is told: rate budgets that are used up, and the users as which we write.
    async fn shared(&self, now: Timestamp) -> StoreResult<(Vec<Hold>, Vec<String>)> {
        let (mut holds, mut actors) = (Vec::new(), Vec::new());
        for found in self.table.query(SHARED, "", None).await? {
            match attribute(&found, "sk")?.split_at_checked(2) {
                Some(("H#", budget)) => {
                    let until = readable(RecordKind::Shared, budget, content::<Timestamp>(&found))?;
                    if let Some(until) = until.filter(|until| *until > now) {
                        holds.push(Hold { key: HoldKey(budget.to_owned()), until });
                    }
                }
                Some(("A#", actor)) => actors.push(actor.to_owned()),
                _ => {}
            }
        }
        Ok((holds, actors))
    }

    fn sharing(&self, hold: &Hold) -> StoreResult<Write> {
        let mut made = item(SHARED, &format!("H#{}", hold.key.0), &hold.until)?;
        made.insert("ttl".to_owned(), AttributeValue::N((hold.until.as_unix_seconds() + 3600).to_string()));
        Ok(self.table.putting(made, None))
    }

    async fn try_claim(&self, row: RunRow, owner: &str, lease: Duration, now: Timestamp) -> StoreResult<Tried> {
        let Some(due_at) = row.due_at.filter(|_| row.in_lane) else { return Ok(Tried::Nothing) };
        if due_at > now && !is_due_anyway(&row, due_at, now) {
            return Ok(Tried::Later(due_at));
        }
        if row.is_apart() || row.holds_lane() {
            return self.hand_out(row, None, owner, lease, now).await;
        }
        let view = self.view(&row.lane(), 1).await?;
        let is_first = match &view.busy {
            Some((holder, _)) => *holder == row.id,
            None => view.members.first() == Some(&row.id),
        };
        if !is_first {
            self.stay_behind(&row, &view).await?;
            return Ok(Tried::Behind);
        }
        if row.policy == Policy::Every || view.busy.is_some() {
            return self.hand_out(row, Some(view), owner, lease, now).await;
        }
        // Of a burst, only the latest is handled, and only when it has been quiet.
        match self.supersede(&row).await? {
            Some(winner) if winner.due_at.is_some_and(|at| at > now && !is_due_anyway(&winner, at, now)) => {
                let due_at = winner.due_at.unwrap_or(now);
                Ok(if winner.id == row.id { Tried::Later(due_at) } else { Tried::Nothing })
            }
            Some(winner) if winner.id == row.id => self.hand_out(winner, Some(view), owner, lease, now).await,
            Some(winner) => {
                self.nudge(std::iter::once(&winner)).await;
                Ok(Tried::Behind)
            }
            None => Ok(Tried::Behind),
        }
    }

    async fn hand_out(
        &self,
        row: RunRow,
        first_of: Option<View>,
        owner: &str,
        lease: Duration,
        now: Timestamp,
    ) -> StoreResult<Tried> {
        let until = now.plus(lease);
        let mut next = RunRow {
            owner: Some(owner.to_owned()),
            due_at: Some(until),
            deliveries: row.deliveries + 1,
            clean: false,
            broken_off: if row.clean { 0 } else { row.broken_off.saturating_add(1) },
            state: RunState::Running,
            reason: None,
            listed: true,
            ..self.next(&row)
        };
        let mut writes = Vec::new();
        if let Some(view) = first_of.filter(|view| view.busy.is_none()) {
            writes.push(self.taking(&next)?);
            if let Some(changed_at) = next.changed_at {
                next.newest_before = view.newest;
                let newest = view.newest.map_or(changed_at, |newest| newest.max(changed_at));
                writes.push(self.passing(&next, newest, now.plus(LANE_TIME_FOR))?);
            }
        }
        writes.insert(0, self.putting_run(&next)?);
        if let Changed::Outrun = self.commit(&next, writes).await? {
            return Ok(Tried::Later(until));
        }
        let fence = Fence { run: RunId::new(next.id.clone()), delivery: next.deliveries };
        let run = self.run_of(&row, &next, now).await?;
        self.held().insert(next.id.clone(), next);
        Ok(Tried::Ours(Box::new(Claim { run, fence, leased_until: until })))
    }

    /// All that a runner has to know of a run.
    async fn run_of(&self, before: &RunRow, row: &RunRow, now: Timestamp) -> StoreResult<Run> {
        let key = keys::event(&row.event_source, &row.event_id);
        let event = self.event_at(&key);
        let journal = async { if row.journal > 0 { self.journal(&row.id).await } else { Ok(Vec::new()) } };
        let (event, journal) = try_join(event, journal).await?;
        let (event, body) = event.ok_or_else(|| corrupt("a run whose event is gone"))?;
        let changes = if journal.is_empty() && row.replay == 0 {
            self.changes_about(&row.subject, &row.id, now).await?
        } else {
            Vec::new()
        };
        Ok(Run {
            id: RunId::new(row.id.clone()),
            workflow: WorkflowName::parse(&row.workflow).map_err(|_| corrupt("a run's workflow"))?,
            version: WorkflowVersion::new(row.version.clone()),
            lane: row.lane(),
            event: event.event(&body)?,
            replay: row.replay,
            queued_at: row.queued_at,
            deliveries: row.deliveries,
            interrupted: !before.clean,
            broken_off: row.broken_off,
            parked: row.parked,
            journal,
            changed_at: row.changed_at,
            newest_before: row.newest_before,
            arrived: self.arrived_for(row).await?,
            changes,
        })
    }

    /// A run's journal, in order.
    pub(crate) async fn journal(&self, run: &str) -> StoreResult<Vec<Entry>> {
        match self.journal_entries(run).await? {
            (entries, 0) => Ok(entries),
            (_, unreadable) => Err(StoreError::Corrupt(format!("{unreadable} of the records of its journal"))),
        }
    }

    /// What can be read of a run's journal, and how many of its records cannot.
    pub(crate) async fn journal_entries(&self, run: &str) -> StoreResult<(Vec<Entry>, usize)> {
        let (mut entries, mut text, mut unreadable) = (Vec::new(), String::new(), 0);
        for found in self.table.query(&keys::run(run), "J#", None).await? {
            match readable(RecordKind::Journal, run, attribute(&found, "b"))? {
                Some(part) => text.push_str(part),
                // Whatever it was, no JSON begins so.
                None => text.push(']'),
            }
            // What did not fit one item goes on in the next.
            if found.contains_key("more") {
                continue;
            }
            let read = deskwire_core::json::from_str::<Vec<Entry>>(&text);
            let read = read.map_err(|error| StoreError::Corrupt(format!("a journal entry: {error}")));
            match readable(RecordKind::Journal, run, read)? {
                Some(read) => entries.extend(read),
                None => unreadable += 1,
            }
            text.clear();
        }
        unreadable += usize::from(!text.is_empty());
        Ok((entries, unreadable))
    }

    /// The writes that add to a run's journal; the row counts them.
    pub(crate) fn journaling(&self, row: &mut RunRow, entries: &[Entry]) -> StoreResult<Vec<Write>> {
        if entries.is_empty() {
            return Ok(Vec::new());
        }
        let all = serde_json::to_string(entries).map_err(|error| StoreError::Corrupt(error.to_string()))?;
        if all.len() > MOST_OF_A_WRITE {
            return Err(StoreError::Corrupt(format!(
                "the results of one step have {} bytes, and the store takes {MOST_OF_A_WRITE} at once: let the step answer \
                 with less",
                all.len()
            )));
        }
        row.journal += 1;
        let mut writes = Vec::new();
        let mut rest = all.as_str();
        let mut part = 0;
        while !rest.is_empty() {
            let mut end = rest.len().min(MOST_OF_AN_ITEM);
            while !rest.is_char_boundary(end) {
                end -= 1;
            }
            let (now, later) = rest.split_at(end);
            let mut made = item(&row.key(), &format!("J#{:08}#{part:02}", row.journal), &())?;
            made.insert("b".to_owned(), text(now));
            if !later.is_empty() {
                made.insert("more".to_owned(), AttributeValue::Bool(true));
            }
            writes.push(self.table.putting(made, None));
            (rest, part) = (later, part + 1);
        }
        Ok(writes)
    }

    /// The run that the bearer of a fence holds, as it stands.
    async fn fenced(&self, fence: &Fence) -> StoreResult<RunRow> {
        let known = self.held().get(fence.run.as_str()).cloned();
        let row = match known {
            Some(row) => Some(row),
            None => self.run_row(fence.run.as_str()).await?,
        };
        row.filter(|row| row.deliveries == fence.delivery && row.owner.is_some()).ok_or(StoreError::Fenced)
    }

    fn lost(&self, fence: &Fence) -> StoreResult<()> {
        self.held().remove(fence.run.as_str());
        Err(StoreError::Fenced)
    }

    /// Tells the queue of what is due and has no message there: waits that are over, leases that have ended, messages that
    /// were lost. Called every minute. Answers how many runs it was told of.
    pub async fn remind(&self, now: Timestamp, most: usize) -> StoreResult<usize> {
        let Some(queue) = &self.queue else { return Ok(0) };
        let mut messages = Vec::new();
        for found in self.due(now, most).await? {
            let key = attribute(&found, "pk")?;
            let since = now.since(Timestamp::from_millis(number(&found, "da")?));
            match (key.strip_prefix("R#"), attribute(&found, "st")?) {
                (Some(_), "queued") if since < PATIENCE => {}
                (Some(run), _) => {
                    let row = self.run_or_aside(run, lane_of(&found), now).await?;
                    if let Some(row) = row.filter(|row| row.in_lane && row.due_at <= Some(now)) {
                        // The queue forgets after five minutes what it was told; a reminder is news before that.
                        let period = now.as_millis() / i64::try_from(PATIENCE.as_millis()).unwrap_or(i64::MAX);
                        let once = keys::digest(&[&row.id, &row.rev.to_string(), &period.to_string()]);
                        messages.push(Message { once, ..Message::of(&row) });
                    }
                }
                (None, _) if since >= PATIENCE => messages.push(Message::waking(key)),
                (None, _) => {}
            }
        }
        let told = messages.len();
        if told > 0 {
            queue.send(messages).await?;
        }
        Ok(told)
    }

    /// Ends a run that the queue has given up, because every runner that took it up broke off. `false` where it is over
    /// already, or where somebody has it right now.
    pub async fn bury(&self, run: &RunId, reason: &str, now: Timestamp) -> StoreResult<bool> {
        let Some(row) = self.run_or_aside(run.as_str(), None, now).await? else { return Ok(false) };
        if !row.in_lane || row.state.is_over() || (row.owner.is_some() && row.due_at > Some(now)) {
            return Ok(false);
        }
        let over = Settlement::Over { state: RunState::Dead, reason: reason.to_owned() };
        let next = settled(&self.next(&row), &over, now);
        let with = self.waiting(&row, &next)?;
        let buried = matches!(self.leave(&row, &next, with).await?, Changed::Yes);
        if buried {
            self.metrics.count(&[("RunsDead", 1)]);
            tracing::error!(run = %row.id, workflow = %row.workflow, outcome = RunState::Dead.as_str(), "{reason}");
        }
        Ok(buried)
    }
}

/// Is a run due although this machine's clock says that it is not yet? What waits for nothing but its turn is, and so is what
/// waits longer than it can: the clock of whoever queued it was ahead, or this one was set back.
fn is_due_anyway(row: &RunRow, due_at: Timestamp, now: Timestamp) -> bool {
    row.state == RunState::Queued && row.quiet().is_none_or(|quiet| due_at > now.plus(quiet + CLOCK_SLACK))
}

/// How far clocks may differ without anybody having set one back.
const CLOCK_SLACK: Duration = Duration::from_secs(30);

/// A run as this settlement leaves it.
pub(crate) fn settled(row: &RunRow, settlement: &Settlement, now: Timestamp) -> RunRow {
    let base = RunRow { owner: None, clean: true, listed: true, waits: None, ..row.clone() };
    match settlement.clone() {
        Settlement::Over { state, reason } => RunRow {
            state,
            reason: Some(reason),
            ended_at: Some(now),
            in_lane: false,
            listed: false,
            due_at: None,
            ..base
        },
        Settlement::Again { at, reason } => {
            RunRow { state: RunState::Retrying, reason: Some(reason), due_at: Some(at), ..base }
        }
        Settlement::Wait { until, event, reason } => RunRow {
            state: RunState::Waiting,
            reason: Some(reason),
            due_at: Some(until),
            lane: own_lane(&row.id),
            waits: event,
            ..base
        },
        Settlement::Block { until, event, reason } => {
            RunRow { state: RunState::Waiting, reason: Some(reason), due_at: Some(until), waits: Some(event), ..base }
        }
        Settlement::Park { lane_until, reason } => {
            RunRow { state: RunState::Unknown, reason: Some(reason), due_at: Some(lane_until), parked: true, ..base }
        }
        Settlement::GiveWay { reason } => RunRow {
            state: RunState::Unknown,
            reason: Some(reason),
            in_lane: false,
            listed: false,
            due_at: None,
            ..base
        },
    }
}
