//! One batch of messages from the queue: each tells of a run that may be due.
//!
//! Messages of one lane come in order and are handled in order; lanes go on side by side. A message that is done with is
//! left to be deleted; one that has to come again is named in the answer and hidden until then. Whatever goes wrong with a
//! message, the run itself is safe in the store.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use deskwire_core::ids::RunId;
use deskwire_core::ports::{Declined, Offer, RunQueue, StoreError, Unasked, Wanted};
use deskwire_core::random::Random;
use deskwire_core::time::{Clock, Timestamp};
use deskwire_engine::{Engine, Shared, TimeLeft};
use futures_util::future::join_all;
use serde::Deserialize;
use serde_json::{Value, json};

/// What is kept of a call's time for ending it, at most.
const MARGIN: Duration = Duration::from_secs(5);

/// Nothing new is taken up when less than this is left, or a quarter of the call's time.
const LEAST: Duration = Duration::from_secs(15);

/// How long a run is leased where nobody lives longer than a function does: when one is killed, its runs come back soon.
pub const LEASE: Duration = Duration::from_mins(1);

/// What a batch has left of its call's time.
#[derive(Clone, Copy)]
struct Left {
    for_calls: TimeLeft,
    /// Nothing new is taken up after this.
    takes_until: Timestamp,
}

/// After so many receipts a message is exchanged for a fresh one, so that waiting does not count as failing: the queue gives
/// up messages that are received too often.
const MOST_RECEIPTS: u32 = 3;

/// When a message is shown again whose run could not be looked at, because the store was away: twice as late each time.
const STORE_AWAY: Duration = Duration::from_secs(5);

/// A wait longer than this is left to whoever reminds the queue of what falls due.
const LONGEST_HIDDEN: Duration = Duration::from_hours(1);

/// What carries runs through their steps when the queue tells of them.
pub struct BatchRunner {
    /// Carries them.
    pub engine: Arc<Engine>,
    /// Where the messages come from.
    pub queue: Arc<dyn RunQueue>,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// Names this process in leases.
    pub owner: String,
    /// Spreads what has to come again.
    pub random: Arc<dyn Random>,
}

/// A message as Lambda hands it on.
/// <https://docs.aws.amazon.com/lambda/latest/dg/with-sqs.html>
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Message {
    #[serde(rename = "messageId")]
    id: String,
    receipt_handle: String,
    body: String,
    #[serde(default)]
    attributes: Attributes,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct Attributes {
    approximate_receive_count: String,
    message_group_id: String,
}

/// What a call of the function brought.
#[derive(Debug)]
pub enum Called {
    /// Messages of the queue.
    Batch {
        /// Those that can be read.
        messages: Vec<Message>,
        /// The ids of those that cannot: they come again, and in the end the queue gives them up, where a person finds them.
        unreadable: Vec<String>,
    },
    /// Something else: a schedule's call, or a person's.
    Otherwise,
}

/// A batch in which something cannot even be named, so that only all of it can come again.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "the queue's batch cannot be read ({0}), so all of it comes again: look at the function's trigger and at who else sends \
     to the queue"
)]
pub struct UnreadableBatch(pub String);

impl Message {
    /// The messages of an event, if it is a batch of messages. None of a batch is taken for done that was not understood.
    pub fn all_of(event: &Value) -> Result<Called, UnreadableBatch> {
        let Some(records) = event.get("Records") else { return Ok(Called::Otherwise) };
        let Some(records) = records.as_array() else { return Err(UnreadableBatch("`Records` is no list".to_owned())) };
        let (mut messages, mut unreadable) = (Vec::new(), Vec::new());
        for (place, record) in records.iter().enumerate() {
            match Self::deserialize(record) {
                Ok(message) => messages.push(message),
                Err(error) => {
                    let id = record.get("messageId").and_then(Value::as_str).filter(|id| !id.is_empty());
                    let Some(id) = id else {
                        return Err(UnreadableBatch(format!("record {} has no `messageId`", place + 1)));
                    };
                    tracing::error!(%error, message = id, "a message of the queue cannot be read; it comes again");
                    unreadable.push(id.to_owned());
                }
            }
        }
        Ok(Called::Batch { messages, unreadable })
    }

    fn receipts(&self) -> u32 {
        self.attributes.approximate_receive_count.parse().unwrap_or(1)
    }
}

/// What a message says. The same words as the queue's sender has.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Said {
    Run(String),
    Wake(String),
}

/// What becomes of a message.
enum Outcome {
    /// It can be deleted.
    Done,
    /// It is to be shown again after this time.
    Again(Duration),
    /// The same, and nothing more can be done now: those behind it come after it.
    Stop(Duration),
}

impl BatchRunner {
    /// Handles a batch and answers in the form that SQS's partial batch responses have.
    pub async fn handle(&self, messages: Vec<Message>, unreadable: Vec<String>, time_left: Duration) -> Value {
        let now = self.clock.now();
        let (margin, least) = (MARGIN.min(time_left / 10), LEAST.min(time_left / 4));
        let left = Left {
            for_calls: TimeLeft {
                until: now.plus(time_left.saturating_sub(margin)),
                at_most: time_left.saturating_sub(margin + least),
            },
            takes_until: now.plus(time_left.saturating_sub(least)),
        };
        let mut lanes: BTreeMap<String, Vec<Message>> = BTreeMap::new();
        for message in messages {
            lanes.entry(message.attributes.message_group_id.clone()).or_default().push(message);
        }
        let lanes = lanes.into_values().map(|lane| self.lane(lane, left));
        let failed: Vec<String> = join_all(lanes).await.into_iter().flatten().collect();
        let failures: Vec<Value> =
            failed.into_iter().chain(unreadable).map(|id| json!({ "itemIdentifier": id })).collect();
        json!({ "batchItemFailures": failures })
    }

    /// Handles the messages of one lane, in order. Answers the ids of those that have to come again.
    async fn lane(&self, messages: Vec<Message>, left: Left) -> Vec<String> {
        let mut again = Vec::new();
        let mut stopped = None;
        for message in messages {
            let after = match stopped {
                Some(after) => after,
                None => match self.message(&message, left).await {
                    Outcome::Done => continue,
                    // Those behind it are told that they stand behind it, and are told of again when it leaves: hidden, they
                    // would be received so often that the queue gives them up.
                    Outcome::Again(after) => after,
                    Outcome::Stop(after) => *stopped.insert(after),
                },
            };
            if let Err(error) = self.queue.put_off(&message.receipt_handle, after).await {
                tracing::warn!(%error, message = message.id, "could not put a message off; it comes back by itself");
            }
            again.push(message.id);
        }
        again
    }

    async fn message(&self, message: &Message, left: Left) -> Outcome {
        let outcome = match deskwire_core::json::from_str(&message.body) {
            Ok(Said::Run(run)) => self.run(&RunId::new(run), message.receipts(), left).await,
            Ok(Said::Wake(key)) => self.event(&key).await.map(|()| Outcome::Done),
            Err(error) => {
                // Nobody but this relay sends to its queue; the dead letters show what it was.
                tracing::error!(%error, message = message.id, "a message says nothing that is known here");
                return Outcome::Again(Duration::ZERO);
            }
        };
        outcome.unwrap_or_else(|error| {
            tracing::error!(%error, message = message.id, "the store could not be used; the message comes again");
            // All functions notice at one moment that the store is away, and are not to come back at one.
            let wait = STORE_AWAY * 2_u32.pow(message.receipts().min(6));
            Outcome::Stop(wait.mul_f64(0.5 + 0.5 * self.random.unit()))
        })
    }

    /// Does what accepting an event has left to be done: asks conditions, and wakes runs that wait for it.
    async fn event(&self, key: &str) -> Result<(), StoreError> {
        if let Some(Unasked { event, wanted: unasked }) = self.queue.unasked(key).await? {
            let (mut wanted, mut declined) = (Vec::new(), Vec::new());
            for one in unasked {
                match self.engine.declines(&one, &event).await? {
                    Some(reason) => declined.push(Declined { workflow: one.workflow, reason }),
                    None => wanted.push(Wanted { unasked: false, ..one }),
                }
            }
            self.queue.asked(key, wanted, declined, self.clock.now()).await?;
        }
        self.queue.wake_for(key).await
    }

    async fn run(&self, run: &RunId, receipts: u32, left: Left) -> Result<Outcome, StoreError> {
        let mut taken = false;
        loop {
            let now = self.clock.now();
            if now > left.takes_until {
                return Ok(Outcome::Stop(Duration::ZERO));
            }
            match self.engine.work().claim_one(run, &self.owner, LEASE, now).await? {
                // Handed on by ourselves: whoever is called next has more time.
                Offer::Ours(batch) if taken => {
                    for claim in batch.claims {
                        let reason = "Handed on: the function that had it was near the end of its time".to_owned();
                        let again = deskwire_core::ports::Settlement::Again { at: now, reason };
                        self.engine.work().settle(&claim.fence, Vec::new(), again, None, now).await?;
                    }
                    return Ok(Outcome::Stop(Duration::ZERO));
                }
                Offer::Ours(mut batch) => {
                    taken = true;
                    let shared = Shared { time_left: Some(left.for_calls), ..Shared::of(&mut batch) };
                    for claim in batch.claims {
                        match self.engine.execute(claim, &shared).await {
                            Ok(()) => {}
                            Err(StoreError::Fenced) => {
                                tracing::warn!(%run, "the run was handed to another runner meanwhile");
                            }
                            Err(error) => return Err(error),
                        }
                    }
                }
                Offer::Later { at, only_time: true } if at.since(now) <= LONGEST_HIDDEN => {
                    if receipts < MOST_RECEIPTS {
                        return Ok(Outcome::Again(at.since(now)));
                    }
                    self.queue.tell_again(run).await?;
                    return Ok(Outcome::Done);
                }
                // It is told of again when it is due, when what it waits for has come, or when the one before it leaves. Hidden
                // until then, its message would hold up that news: they are of one group.
                Offer::Later { .. } | Offer::Behind | Offer::Nothing => return Ok(Outcome::Done),
            }
        }
    }
}
