//! Accepting: one transaction for the event and its runs, one request to the queue.

use deskwire_core::BoxFuture;
use deskwire_core::damage::RecordKind;
use deskwire_core::event::EventState;
use deskwire_core::ports::{Accepted, Arrival, Inbox, RejectedEvent, StoreError, StoreResult, Wanted};

use crate::connect::AwsStore;
use crate::damage::{place, readable};
use crate::keys;
use crate::queue::Message;
use crate::rows::{EventRow, RunOf, RunRow};
use crate::table::{Condition, Item, Written, content, item, text};
use crate::waits::{leaving, noting};

/// A transaction takes 100 writes, and each run needs two.
const MOST_RUNS: usize = 45;

impl Inbox for AwsStore {
    fn accept(&self, arrival: Arrival) -> BoxFuture<'_, StoreResult<Accepted>> {
        Box::pin(async move {
            let accepted = self.accept_now(&arrival).await?;
            if accepted == Accepted::New {
                self.tell();
            }
            Ok(accepted)
        })
    }

    fn reject(&self, rejected: RejectedEvent) -> BoxFuture<'_, StoreResult<()>> {
        Box::pin(async move {
            let row = EventRow {
                rev: 1,
                mark: self.mark(),
                number: self.numbers(rejected.received_at, 1),
                source: rejected.source.to_string(),
                id: rejected.id.to_string(),
                kind: String::new(),
                subject: String::new(),
                time: rejected.received_at,
                received_at: rejected.received_at,
                state: EventState::Rejected.as_str().to_owned(),
                reason: Some(rejected.reason),
                declined: Vec::new(),
                change: deskwire_core::event::ChangeFacts::default(),
                request_id: None,
                runs: Vec::new(),
                unsent: false,
            };
            let put = self.table.putting(row.item(&rejected.body)?, Some(Condition::absent()));
            self.table.write(vec![put]).await?;
            Ok(())
        })
    }

    fn ready(&self) -> BoxFuture<'_, StoreResult<()>> {
        Box::pin(async move {
            self.table.get("PROBE", "PROBE").await?;
            match &self.queue {
                Some(queue) => queue.ready().await,
                None => Ok(()),
            }
        })
    }
}

impl AwsStore {
    async fn accept_now(&self, arrival: &Arrival) -> StoreResult<Accepted> {
        if arrival.wanted.len() > MOST_RUNS {
            return Err(StoreError::Corrupt(format!(
                "{} workflows want one event, and the store takes {MOST_RUNS}: join some of them",
                arrival.wanted.len()
            )));
        }
        let event = &arrival.event;
        let (mark, number) = (self.mark(), self.numbers(event.received_at, 1 + arrival.wanted.len()));
        let row = event_row(arrival, mark.clone(), number);
        let mut writes = vec![self.table.putting(row.item(event.data.as_str())?, Some(Condition::absent()))];
        for other in &arrival.also_known_as {
            let key = keys::event(event.source.as_str(), other.as_str());
            writes.push(self.table.checking(&key, "E", Condition::absent()));
        }
        let mut messages = Vec::new();
        let (unasked, asked): (Vec<&Wanted>, Vec<&Wanted>) = arrival.wanted.iter().partition(|one| one.unasked);
        for (number, wanted) in (number + 1..).zip(asked) {
            let run = RunRow::new(wanted, event, event.received_at, number, &mark);
            writes.push(self.table.putting(run.item()?, Some(Condition::absent())));
            writes.push(self.table.putting(place_in_lane(&run)?, None));
            messages.push(Message::of(&run));
        }
        if arrival.awaited {
            writes.push(self.table.putting(noting(event, number)?, None));
        }
        if arrival.awaited || !unasked.is_empty() {
            let (left, message) = leaving(event, arrival.awaited, unasked.into_iter().cloned().collect())?;
            writes.push(self.table.putting(left, None));
            messages.push(message);
        }
        match self.table.write(writes).await? {
            Written::Yes => {}
            // Our own write, whose answer was lost.
            Written::Refused(0, Some(known)) if content::<EventRow>(&known).is_ok_and(|known| known.mark == mark) => {}
            Written::Refused(0, Some(known)) => {
                // One that cannot be read is known all the same.
                let read = content::<EventRow>(&known);
                let Some(known) = readable(RecordKind::Event, &place(&known), read)? else {
                    return Ok(Accepted::Repeat);
                };
                if known.unsent {
                    self.finish(&known).await?;
                }
                return Ok(Accepted::Repeat);
            }
            Written::Refused(..) => return Ok(Accepted::Repeat),
        }
        if let (Some(queue), false) = (&self.queue, messages.is_empty())
            && let Err(error) = queue.send(messages).await
        {
            // The provider comes again, and finds this. If even this fails, `remind` finds the runs.
            let unsent = EventRow { unsent: true, ..row };
            if let Err(error) = self.change_event(&unsent).await {
                tracing::warn!(%error, "could not note that the queue does not know of an event");
            }
            return Err(error);
        }
        Ok(Accepted::New)
    }

    /// Tells the queue of the runs of an event that was stored when the queue was away.
    async fn finish(&self, known: &EventRow) -> StoreResult<()> {
        let mut messages = Vec::new();
        for run in &known.runs {
            if let Some(row) = readable(RecordKind::Run, &run.id, self.run_row(&run.id).await)?.flatten()
                && row.is_fresh()
            {
                messages.push(Message::of(&row));
            }
        }
        if let Some(queue) = &self.queue {
            queue.send(messages).await?;
        }
        self.change_event(&EventRow { unsent: false, ..known.clone() }).await.map(|_| ())
    }

    /// Writes what changed about an event; `false` where somebody was faster.
    pub(crate) async fn change_event(&self, row: &EventRow) -> StoreResult<bool> {
        Ok(matches!(self.table.write(vec![self.changing_event(row)?]).await?, Written::Yes))
    }

    /// The write that changes an event which stands at the revision of this row.
    pub(crate) fn changing_event(&self, row: &EventRow) -> StoreResult<crate::table::Write> {
        let next = EventRow { rev: row.rev + 1, ..row.clone() };
        let made = next.item("")?;
        let value = |name: &str| made.get(name).cloned().unwrap_or_else(|| text(""));
        let condition = Condition::new(
            "rev = :rev",
            vec![
                (":rev", aws_sdk_dynamodb::types::AttributeValue::N(row.rev.to_string())),
                (":next", value("rev")),
                (":v", value("v")),
                (":s", value("s")),
            ],
        );
        Ok(self.table.updating(&row.key(), "E", "SET v = :v, rev = :next, s = :s", condition))
    }
}

/// A run's place in its lane.
pub(crate) fn place_in_lane(run: &RunRow) -> StoreResult<Item> {
    item(&keys::lane(&run.lane()), &run.place(), &run.id)
}

fn event_row(arrival: &Arrival, mark: String, number: i64) -> EventRow {
    let event = &arrival.event;
    let state = if arrival.wanted.is_empty() { EventState::Unwanted } else { EventState::Accepted };
    let reason = arrival.wanted.is_empty().then(|| match arrival.declined.len() {
        0 => "No workflow listens to this type of event from this source".to_owned(),
        _ => arrival.declined.iter().map(|d| format!("{}: {}", d.workflow, d.reason)).collect::<Vec<_>>().join("; "),
    });
    let of = |wanted: &Wanted| RunOf { id: wanted.run.to_string(), workflow: wanted.workflow.to_string(), replay: 0 };
    EventRow {
        rev: 1,
        mark,
        number,
        source: event.source.to_string(),
        id: event.id.to_string(),
        kind: event.kind.clone(),
        subject: event.subject.clone(),
        time: event.time,
        received_at: event.received_at,
        state: state.as_str().to_owned(),
        reason,
        declined: arrival.declined.clone(),
        change: event.change.clone(),
        request_id: event.request_id.clone(),
        runs: arrival.wanted.iter().filter(|one| !one.unasked).map(of).collect(),
        unsent: false,
    }
}
