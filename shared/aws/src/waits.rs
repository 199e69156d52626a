//! Runs that wait for an event: which they are woken for, and which came.
//!
//! An event that some run may wait for is noted under its subject when it is accepted; a run that waits is noted there too.
//! Each looks at the other's notes after it has written its own, so neither is missed. Whoever finds a run that waits notes
//! that the event came for it: times are those of two machines, and the one that took the event in may be behind.

use std::collections::HashSet;

use aws_sdk_dynamodb::types::AttributeValue;
use deskwire_core::damage::RecordKind;
use deskwire_core::event::{Event, EventState, pattern_covers};
use deskwire_core::ports::{Declined, EventWait, StoreError, StoreResult, Wanted};
use deskwire_core::run::RunState;
use deskwire_core::time::Timestamp;
use serde::{Deserialize, Serialize};

use crate::connect::AwsStore;
use crate::damage::{place as shown, readable};
use crate::inbox::place_in_lane;
use crate::keys;
use crate::lanes::Changed;
use crate::queue::Message;
use crate::rows::{EventRow, RunOf, RunRow};
use crate::table::{Condition, Item, Write, Written, attribute, content, item, numeral, text};

/// How long an event can be found by runs that begin to wait.
const FOUND_FOR: std::time::Duration = std::time::Duration::from_hours(30 * 24);

/// How often a run that others change at the same time is looked at anew.
const TRIES: u32 = 10;

/// An event that some run may wait for.
#[derive(Debug, Serialize, Deserialize)]
struct Noted {
    source: String,
    id: String,
    kind: String,
    received_at: Timestamp,
}

/// An event that came while a run waited.
#[derive(Debug, Serialize, Deserialize)]
struct Came {
    /// From when on the wait counts, which tells it from the run's other waits.
    since: Timestamp,
    /// The event's key.
    event: String,
}

/// What accepting an event has left to be done.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Left {
    source: String,
    id: String,
    subject: String,
    kind: String,
    received_at: Timestamp,
    /// May runs wait for it?
    awaited: bool,
    /// Runs whose workflows' conditions are to be asked first.
    #[serde(default)]
    pub unasked: Vec<Wanted>,
}

impl Left {
    /// The key of the event.
    pub(crate) fn event(&self) -> String {
        keys::event(&self.source, &self.id)
    }
}

/// The note that lets runs find an event that they wait for.
pub(crate) fn noting(event: &Event, number: i64) -> StoreResult<Item> {
    let noted = Noted {
        source: event.source.to_string(),
        id: event.id.to_string(),
        kind: event.kind.clone(),
        received_at: event.received_at,
    };
    let sort = format!("E#{}", keys::sortable(number));
    let mut note = item(&keys::subject(event.source.as_str(), &event.subject), &sort, &noted)?;
    let ttl = event.received_at.plus(FOUND_FOR).as_unix_seconds();
    note.insert("ttl".to_owned(), AttributeValue::N(ttl.to_string()));
    Ok(note)
}

/// What is left to be done about an event, and the message that tells a runner.
pub(crate) fn leaving(event: &Event, awaited: bool, unasked: Vec<Wanted>) -> StoreResult<(Item, Message)> {
    let left = Left {
        source: event.source.to_string(),
        id: event.id.to_string(),
        subject: event.subject.clone(),
        kind: event.kind.clone(),
        received_at: event.received_at,
        awaited,
        unasked,
    };
    let key = format!("K#{}", keys::digest(&[event.source.as_str(), event.id.as_str()]));
    let mut made = item(&key, "K", &left)?;
    made.insert("dp".to_owned(), text(&format!("D#{}", keys::shard(&key))));
    made.insert("da".to_owned(), numeral(event.received_at.as_millis()));
    made.insert("st".to_owned(), text("wake"));
    Ok((made, Message::waking(&key)))
}

/// Can this note be read: of an event, of one that came, or of what one has left to be done?
pub(crate) fn look(item: &Item, sort: &str) -> StoreResult<()> {
    match sort.split_at_checked(2) {
        Some(("E#", _)) => content::<Noted>(item).map(drop),
        Some(("A#", _)) => content::<Came>(item).map(drop),
        _ => content::<Left>(item).map(drop),
    }
}

impl AwsStore {
    /// What is left to be done about an event.
    pub(crate) async fn left(&self, key: &str) -> StoreResult<Option<Left>> {
        self.table.get(key, "K").await?.map(|found| content(&found)).transpose()
    }

    /// What came of asking conditions: these runs join their lanes. Asked twice, they join once.
    pub(crate) async fn note_asked(
        &self,
        key: &str,
        wanted: Vec<Wanted>,
        declined: Vec<Declined>,
        now: Timestamp,
    ) -> StoreResult<()> {
        for _ in 0..TRIES {
            let Some(left) = self.left(key).await?.filter(|left| !left.unasked.is_empty()) else { return Ok(()) };
            let Some((mut row, body)) = self.event_at(&left.event()).await? else { return Ok(()) };
            let event = row.event(&body)?;
            let mut rows = Vec::new();
            let number = self.numbers(now, wanted.len());
            let turns = (row.number + 1..).skip(row.runs.len());
            for ((number, turn), one) in (number..).zip(turns).zip(&wanted) {
                rows.push(RunRow { turn, ..RunRow::new(one, &event, now, number, &self.mark()) });
                let workflow = one.workflow.to_string();
                row.runs.push(RunOf { id: one.run.to_string(), workflow, replay: 0 });
            }
            row.declined.extend(declined.iter().cloned());
            if row.runs.is_empty() {
                let said = row.declined.iter().map(|d| format!("{}: {}", d.workflow, d.reason)).collect::<Vec<_>>();
                EventState::Unwanted.as_str().clone_into(&mut row.state);
                row.reason = Some(said.join("; "));
            }
            let mut writes = vec![self.changing_event(&row)?];
            let done = Left { unasked: Vec::new(), ..left };
            let mut left = item(key, "K", &done)?;
            left.insert("dp".to_owned(), text(&format!("D#{}", keys::shard(key))));
            left.insert("da".to_owned(), numeral(done.received_at.as_millis()));
            left.insert("st".to_owned(), text("wake"));
            writes.push(self.table.putting(left, None));
            for run in &rows {
                writes.push(self.table.putting(run.item()?, Some(Condition::absent())));
                writes.push(self.table.putting(place_in_lane(run)?, None));
            }
            if let Written::Yes = self.table.write(writes).await? {
                self.nudge(rows.iter()).await;
                return Ok(());
            }
        }
        Err(StoreError::Unavailable { reason: "the event is too busy".to_owned() })
    }

    /// Wakes the runs that wait for an event, and forgets that this was to be done.
    pub(crate) async fn wake(&self, key: &str) -> StoreResult<()> {
        let Some(waking) = self.left(key).await? else { return Ok(()) };
        // Somebody has to ask conditions first.
        if !waking.unasked.is_empty() {
            return Ok(());
        }
        let partition = keys::subject(&waking.source, &waking.subject);
        let waiting = if waking.awaited { self.table.query(&partition, "W#", None).await? } else { Vec::new() };
        for waiting in waiting {
            // Such a run comes back at its time-out.
            let read = content::<EventWait>(&waiting);
            let Some(wait) = readable(RecordKind::Wait, &shown(&waiting), read)? else { continue };
            if wait.events.iter().any(|pattern| pattern_covers(pattern, &waking.kind)) {
                let run = attribute(&waiting, "sk")?.trim_start_matches("W#").to_owned();
                self.note_arrival(&partition, &run, &wait, &waking).await?;
                self.wake_run(&run, waking.received_at).await?;
            }
        }
        self.table.delete(key, "K").await
    }

    /// It came while the run waited, whatever the clock of the machine that took it in says.
    async fn note_arrival(&self, partition: &str, run: &str, wait: &EventWait, waking: &Left) -> StoreResult<()> {
        let came = Came { since: wait.since, event: waking.event() };
        let mut note = item(partition, &format!("A#{run}#{}", keys::digest(&[&came.event])), &came)?;
        let ttl = waking.received_at.plus(FOUND_FOR).as_unix_seconds();
        note.insert("ttl".to_owned(), AttributeValue::N(ttl.to_string()));
        self.table.put(note).await
    }

    async fn wake_run(&self, id: &str, at: Timestamp) -> StoreResult<()> {
        for _ in 0..TRIES {
            let row = readable(RecordKind::Run, id, self.run_row(id).await)?.flatten();
            let Some(row) = row else { return Ok(()) };
            // One that is being looked at right now is not disturbed: it finds the event when it settles.
            if row.state != RunState::Waiting || row.due_at.is_some_and(|due_at| due_at <= at) {
                return Ok(());
            }
            let next = RunRow { due_at: Some(at), ..self.next(&row) };
            if let Changed::Yes = self.commit(&next, vec![self.putting_run(&next)?]).await? {
                self.nudge(std::iter::once(&next)).await;
                return Ok(());
            }
        }
        Ok(())
    }

    /// The events that came for a run, in the order in which they were accepted, by the keys of their items.
    pub(crate) async fn came(&self, row: &RunRow) -> StoreResult<Vec<String>> {
        let Some(wait) = &row.waits else { return Ok(Vec::new()) };
        let partition = keys::subject(wait.source.as_str(), &wait.subject);
        let mut during = HashSet::new();
        for found in self.table.query(&partition, &format!("A#{}#", row.id), None).await? {
            let Some(came) = readable(RecordKind::Wait, &shown(&found), content::<Came>(&found))? else { continue };
            if came.since == wait.since {
                during.insert(came.event);
            }
        }
        let mut came = Vec::new();
        for found in self.table.query(&partition, "E#", None).await? {
            let Some(noted) = readable(RecordKind::Wait, &shown(&found), content::<Noted>(&found))? else { continue };
            let key = keys::event(&noted.source, &noted.id);
            let own = noted.source == row.event_source && noted.id == row.event_id;
            let in_time = noted.received_at >= wait.since || during.contains(&key);
            if !own && in_time && wait.events.iter().any(|pattern| pattern_covers(pattern, &noted.kind)) {
                came.push(key);
            }
        }
        Ok(came)
    }

    /// The same events themselves.
    pub(crate) async fn arrived_for(&self, row: &RunRow) -> StoreResult<Vec<Event>> {
        let mut arrived = Vec::new();
        for key in self.came(row).await? {
            let found = readable(RecordKind::Event, &key, self.event_at(&key).await)?.flatten();
            if let Some((row, body)) = found {
                arrived.extend(readable(RecordKind::Event, &key, row.event(&body))?);
            }
        }
        Ok(arrived)
    }

    /// An event and its body.
    pub(crate) async fn event_at(&self, key: &str) -> StoreResult<Option<(EventRow, String)>> {
        let Some(found) = self.table.get(key, "E").await? else { return Ok(None) };
        Ok(Some((content(&found)?, attribute(&found, "b")?.to_owned())))
    }

    /// The writes that note what a run waits for now, instead of what it waited for before.
    pub(crate) fn waiting(&self, before: &RunRow, after: &RunRow) -> StoreResult<Vec<Write>> {
        let place = |wait: &EventWait| keys::subject(wait.source.as_str(), &wait.subject);
        let sort = format!("W#{}", after.id);
        let mut writes = Vec::new();
        if let Some(old) = &before.waits
            && after.waits.as_ref().is_none_or(|new| place(new) != place(old))
        {
            writes.push(self.table.deleting(&place(old), &sort, None));
        }
        if let Some(new) = &after.waits {
            writes.push(self.table.putting(item(&place(new), &sort, new)?, None));
        }
        Ok(writes)
    }

    /// A run that has just begun to wait comes back at once if what it waits for has come meanwhile.
    pub(crate) async fn look_again(&self, row: &RunRow, now: Timestamp) -> StoreResult<()> {
        let Some(wait) = &row.waits else { return Ok(()) };
        if self.came(row).await?.len() > wait.seen {
            self.wake_run(&row.id, now).await?;
        }
        Ok(())
    }
}
