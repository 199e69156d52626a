//! The FIFO queue: which run may be due, in the order of its lane.

use std::time::Duration;

use aws_sdk_sqs::types::SendMessageBatchRequestEntry;
use deskwire_core::BoxFuture;
use deskwire_core::ids::RunId;
use deskwire_core::ports::{Declined, RunQueue, StoreError, StoreResult, Unasked, Wanted};
use deskwire_core::time::Timestamp;
use futures_util::future::try_join_all;
use serde::{Deserialize, Serialize};

use crate::connect::AwsStore;
use crate::keys;
use crate::rows::RunRow;

/// SQS takes so many messages at once.
const BATCH: usize = 10;

/// The queue's client and address.
#[derive(Debug, Clone)]
pub(crate) struct Queue {
    pub client: aws_sdk_sqs::Client,
    pub url: String,
}

/// What a message says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MessageBody {
    /// This run may be due.
    Run(String),
    /// The runs that wait for this event are to be woken.
    Wake(String),
}

/// Reads a message's body.
pub fn read_body(text: &str) -> Option<MessageBody> {
    deskwire_core::json::from_str(text).ok()
}

/// A message to be sent.
#[derive(Debug, Clone)]
pub(crate) struct Message {
    pub body: MessageBody,
    /// Messages of one group come one after another.
    pub group: String,
    /// SQS takes one message of this name within five minutes.
    pub once: String,
}

impl Message {
    /// Tells of a run.
    pub(crate) fn of(run: &RunRow) -> Self {
        Self {
            body: MessageBody::Run(run.id.clone()),
            group: keys::group(&run.lane()),
            // Every state of a run is told of once; a later one is news, however soon it comes.
            once: keys::digest(&[&run.id, &run.rev.to_string()]),
        }
    }

    /// Tells of an event that runs may wait for.
    pub(crate) fn waking(key: &str) -> Self {
        Self { body: MessageBody::Wake(key.to_owned()), group: keys::digest(&[key]), once: keys::digest(&[key]) }
    }
}

impl Queue {
    /// Sends them all, or fails.
    pub(crate) async fn send(&self, messages: Vec<Message>) -> StoreResult<()> {
        let batches: Vec<Vec<Message>> = messages.chunks(BATCH).map(<[Message]>::to_vec).collect();
        try_join_all(batches.into_iter().map(|batch| self.send_batch(batch))).await?;
        Ok(())
    }

    async fn send_batch(&self, batch: Vec<Message>) -> StoreResult<()> {
        let mut entries = Vec::with_capacity(batch.len());
        for (place, message) in batch.into_iter().enumerate() {
            let body = serde_json::to_string(&message.body).map_err(|error| StoreError::Corrupt(error.to_string()))?;
            let entry = SendMessageBatchRequestEntry::builder()
                .id(place.to_string())
                .message_body(body)
                .message_group_id(message.group)
                .message_deduplication_id(message.once)
                .build();
            entries.extend(entry);
        }
        let answer =
            self.client.send_message_batch().queue_url(&self.url).set_entries(Some(entries)).send().await.map_err(
                |error| StoreError::Unavailable { reason: aws_sdk_sqs::error::DisplayErrorContext(&error).to_string() },
            )?;
        match answer.failed.first() {
            None => Ok(()),
            Some(failed) => Err(StoreError::Unavailable {
                reason: format!("the queue did not take a message: {}", failed.message().unwrap_or(&failed.code)),
            }),
        }
    }
}

impl Queue {
    /// Does the queue answer?
    pub(crate) async fn ready(&self) -> StoreResult<()> {
        self.client.get_queue_attributes().queue_url(&self.url).send().await.map(|_| ()).map_err(|error| {
            StoreError::Unavailable { reason: aws_sdk_sqs::error::DisplayErrorContext(&error).to_string() }
        })
    }
}

/// SQS hides a message for at most 12 hours.
const LONGEST_HIDDEN: Duration = Duration::from_hours(12);

impl RunQueue for AwsStore {
    fn put_off<'a>(&'a self, receipt: &'a str, by: Duration) -> BoxFuture<'a, StoreResult<()>> {
        Box::pin(async move {
            let Some(queue) = &self.queue else { return Ok(()) };
            let seconds = by.min(LONGEST_HIDDEN).as_millis().div_ceil(1000);
            let hidden = queue
                .client
                .change_message_visibility()
                .queue_url(&queue.url)
                .receipt_handle(receipt)
                .visibility_timeout(i32::try_from(seconds).unwrap_or(i32::MAX))
                .send()
                .await;
            hidden.map(|_| ()).map_err(|error| StoreError::Unavailable {
                reason: aws_sdk_sqs::error::DisplayErrorContext(&error).to_string(),
            })
        })
    }

    fn tell_again<'a>(&'a self, run: &'a RunId) -> BoxFuture<'a, StoreResult<()>> {
        Box::pin(async move {
            let (Some(queue), Some(row)) = (&self.queue, self.run_row(run.as_str()).await?) else { return Ok(()) };
            // A name that was never used: the usual one may have been within the last five minutes.
            let once = keys::digest(&[&row.id, &self.mark()]);
            queue.send(vec![Message { once, ..Message::of(&row) }]).await
        })
    }

    fn unasked<'a>(&'a self, key: &'a str) -> BoxFuture<'a, StoreResult<Option<Unasked>>> {
        Box::pin(async move {
            let Some(left) = self.left(key).await?.filter(|left| !left.unasked.is_empty()) else { return Ok(None) };
            match self.event_at(&left.event()).await? {
                None => Ok(None),
                Some((row, body)) => Ok(Some(Unasked { event: row.event(&body)?, wanted: left.unasked })),
            }
        })
    }

    fn asked<'a>(
        &'a self,
        key: &'a str,
        wanted: Vec<Wanted>,
        declined: Vec<Declined>,
        now: Timestamp,
    ) -> BoxFuture<'a, StoreResult<()>> {
        Box::pin(self.note_asked(key, wanted, declined, now))
    }

    fn wake_for<'a>(&'a self, key: &'a str) -> BoxFuture<'a, StoreResult<()>> {
        Box::pin(self.wake(key))
    }
}

/// A message that is read from the dead letters stays hidden from others so long.
const READ_FOR: i32 = 30;

impl AwsStore {
    /// Ends the runs whose messages the queue has given up, each with that reason, and takes the messages away: the history
    /// is where dead letters are looked at and replayed. Answers how many runs ended.
    pub async fn bury_dead_letters(&self, url: &str, now: Timestamp) -> StoreResult<usize> {
        let Some(queue) = &self.queue else { return Ok(0) };
        let away = |reason: String| StoreError::Unavailable { reason };
        let received = queue
            .client
            .receive_message()
            .queue_url(url)
            .max_number_of_messages(10)
            .visibility_timeout(READ_FOR)
            .send()
            .await
            .map_err(|error| away(aws_sdk_sqs::error::DisplayErrorContext(&error).to_string()))?;
        let mut buried = 0;
        for message in received.messages.unwrap_or_default() {
            let body = message.body.as_deref().unwrap_or_default();
            match read_body(body) {
                Some(MessageBody::Run(run)) => {
                    let reason = "Every runner that took it up broke off, so the queue gave it up. Look at the runner's log \
                                  for this run, then `deskwire runs replay` it";
                    let run = RunId::new(run);
                    // One that nobody has taken up was in the way of others' failures.
                    if self.run_or_aside(run.as_str(), None, now).await?.is_some_and(|row| row.is_fresh()) {
                        self.tell_again(&run).await?;
                    } else {
                        buried += usize::from(self.bury(&run, reason, now).await?);
                    }
                }
                Some(MessageBody::Wake(key)) => self.wake(&key).await?,
                None => {
                    // It stays where it is: nothing that is not understood is thrown away.
                    tracing::error!(
                        message = message.message_id,
                        "a dead letter says nothing that is known here; it stays in its queue for a person to look at"
                    );
                    continue;
                }
            }
            if let Some(receipt) = &message.receipt_handle {
                queue
                    .client
                    .delete_message()
                    .queue_url(url)
                    .receipt_handle(receipt)
                    .send()
                    .await
                    .map_err(|error| away(aws_sdk_sqs::error::DisplayErrorContext(&error).to_string()))?;
            }
        }
        Ok(buried)
    }
}
