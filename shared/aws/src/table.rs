//! The table, as the rest of this crate uses it: items, conditions, transactions, and what errors mean.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use aws_sdk_dynamodb::error::{DisplayErrorContext, ProvideErrorMetadata, SdkError};
use aws_sdk_dynamodb::operation::delete_item::DeleteItemError;
use aws_sdk_dynamodb::operation::transact_write_items::TransactWriteItemsError;
use aws_sdk_dynamodb::types::{
    AttributeDefinition, AttributeValue, BillingMode, CancellationReason, ConditionCheck, Delete, DeleteRequest,
    GlobalSecondaryIndex, KeySchemaElement, KeyType, KeysAndAttributes, Projection, ProjectionType, Put,
    ReturnValuesOnConditionCheckFailure, ScalarAttributeType, TransactWriteItem, Update, WriteRequest,
};
use deskwire_core::ports::{StoreError, StoreResult};
use deskwire_core::random::{Random, SeededRandom};
use futures_util::future::try_join_all;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::keys::{IDS, INDEXES, Index, SHARDS};

/// An item by its attributes.
pub(crate) type Item = HashMap<String, AttributeValue>;

/// How often a write that met another one is tried again before the store says that it is too busy.
const CONFLICTS: u32 = 8;

/// One request reads at most so many keys.
/// <https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_BatchGetItem.html>
const MOST_KEYS: usize = 100;

/// One request writes at most so many items.
/// <https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_BatchWriteItem.html>
const MOST_WRITES: usize = 25;

/// How long to wait for what a batch was not given.
struct Patience<'a> {
    /// How often in a row nothing at all was given.
    attempt: u32,
    random: &'a dyn Random,
}

/// The longest first wait after a write that met another one, or a batch that was not given all. It doubles.
const FIRST_WAIT: Duration = Duration::from_millis(20);

/// No wait is longer.
const LONGEST_WAIT: Duration = Duration::from_millis(500);

/// How long to wait before the next attempt: evenly between nothing and a limit that doubles, so that many who failed at one
/// moment do not come again at one moment.
fn back_off(attempt: u32, random: &dyn Random) -> Duration {
    let limit = FIRST_WAIT.saturating_mul(1 << attempt.saturating_sub(1).min(10)).min(LONGEST_WAIT);
    limit.mul_f64(random.unit())
}

impl<'a> Patience<'a> {
    const fn new(random: &'a dyn Random) -> Self {
        Self { attempt: 0, random }
    }

    async fn wait(&mut self, was_given_some: bool) -> StoreResult<()> {
        self.attempt = if was_given_some { 1 } else { self.attempt + 1 };
        if self.attempt > CONFLICTS {
            return Err(StoreError::Unavailable {
                reason: "DynamoDB leaves out what it was asked for; it is busy".to_owned(),
            });
        }
        tokio::time::sleep(back_off(self.attempt, self.random)).await;
        Ok(())
    }
}

/// One DynamoDB table.
#[derive(Debug, Clone)]
pub(crate) struct Table {
    pub client: aws_sdk_dynamodb::Client,
    pub name: String,
    /// For spreading attempts; guards nothing.
    pub random: Arc<SeededRandom>,
}

/// One write of a transaction.
pub(crate) type Write = TransactWriteItem;

/// What a transaction's writes are called, each of which has to be allowed.
fn kinds(writes: &[Write]) -> Vec<&'static str> {
    let kind = |write: &Write| match write {
        Write { put: Some(_), .. } => "PutItem",
        Write { update: Some(_), .. } => "UpdateItem",
        Write { delete: Some(_), .. } => "DeleteItem",
        _ => "ConditionCheckItem",
    };
    let mut kinds: Vec<_> = writes.iter().map(kind).collect();
    kinds.sort_unstable();
    kinds.dedup();
    kinds
}

/// Would DynamoDB take this transaction at all? At most a hundred writes, and no item twice; an emulator may take more.
/// <https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_TransactWriteItems.html>
fn is_possible(writes: &[Write]) -> bool {
    let key = |write: &Write| {
        let of = |item: &Item| (item.get("pk").cloned(), item.get("sk").cloned());
        let put = write.put().map(|put| of(put.item()));
        let update = || write.update().map(|update| of(update.key()));
        let delete = || write.delete().map(|delete| of(delete.key()));
        put.or_else(update).or_else(delete).or_else(|| write.condition_check().map(|check| of(check.key())))
    };
    let keys: Vec<_> = writes.iter().map(key).collect();
    writes.len() <= 100 && keys.iter().enumerate().all(|(place, key)| !keys[..place].contains(key))
}

/// What came of a transaction.
#[derive(Debug)]
pub(crate) enum Written {
    /// All of it is durable.
    Yes,
    /// The condition of this write did not hold, and nothing was written. With the item as it is, where the store says so.
    Refused(usize, Option<Item>),
}

impl Table {
    /// One item, as it is after everything that was written.
    pub(crate) async fn get(&self, pk: &str, sk: &str) -> StoreResult<Option<Item>> {
        let answer = self
            .client
            .get_item()
            .table_name(&self.name)
            .key("pk", text(pk))
            .key("sk", text(sk))
            .consistent_read(true)
            .send()
            .await
            .map_err(unavailable)?;
        Ok(answer.item)
    }

    /// Items by their keys, as they are after everything that was written; those that there are, in any order.
    pub(crate) async fn get_all(&self, keys: Vec<(String, String)>) -> StoreResult<Vec<Item>> {
        let key = |(pk, sk): (String, String)| Item::from([("pk".to_owned(), text(&pk)), ("sk".to_owned(), text(&sk))]);
        let mut waiting: Vec<Item> = keys.into_iter().map(key).collect();
        let (mut found, mut patience) = (Vec::new(), Patience::new(self.random.as_ref()));
        while !waiting.is_empty() {
            let now = waiting.split_off(waiting.len().saturating_sub(MOST_KEYS));
            let asked = KeysAndAttributes::builder().set_keys(Some(now)).consistent_read(true).build();
            let asked = asked.map_err(|error| StoreError::Corrupt(error.to_string()))?;
            let sent = self.client.batch_get_item().request_items(&self.name, asked).send().await;
            let answer = sent.map_err(unavailable)?;
            let before = found.len();
            found.extend(answer.responses.unwrap_or_default().into_values().flatten());
            let left = answer.unprocessed_keys.unwrap_or_default();
            if left.is_empty() {
                continue;
            }
            // More than 16 MB, or more than the table gives at once.
            waiting.extend(left.into_values().flat_map(|left| left.keys));
            patience.wait(found.len() > before).await?;
        }
        Ok(found)
    }

    /// The items of a partition whose sort key begins so, in order; all of them, or the first `limit`.
    pub(crate) async fn query(&self, pk: &str, prefix: &str, limit: Option<usize>) -> StoreResult<Vec<Item>> {
        let mut found: Vec<Item> = Vec::new();
        let mut start = None;
        loop {
            let mut query = self
                .client
                .query()
                .table_name(&self.name)
                .consistent_read(true)
                .expression_attribute_values(":pk", text(pk))
                .set_exclusive_start_key(start)
                .set_limit(limit.map(|limit| i32::try_from(limit - found.len()).unwrap_or(i32::MAX)));
            query = if prefix.is_empty() {
                query.key_condition_expression("pk = :pk")
            } else {
                query
                    .key_condition_expression("pk = :pk AND begins_with(sk, :sk)")
                    .expression_attribute_values(":sk", text(prefix))
            };
            let answer = query.send().await.map_err(unavailable)?;
            found.extend(answer.items.unwrap_or_default());
            start = answer.last_evaluated_key;
            if start.is_none() || limit.is_some_and(|limit| found.len() >= limit) {
                return Ok(found);
            }
        }
    }

    /// A part of an index that is spread over shards: the first `limit` of each shard.
    pub(crate) async fn shards(&self, part: &Part<'_>, limit: usize) -> StoreResult<Vec<Vec<Item>>> {
        try_join_all((0..SHARDS).map(|shard| self.page(part, shard, limit))).await
    }

    /// The same, whichever shard they are of.
    pub(crate) async fn sharded(&self, part: &Part<'_>, limit: usize) -> StoreResult<Vec<Item>> {
        Ok(self.shards(part, limit).await?.into_iter().flatten().collect())
    }

    async fn page(&self, part: &Part<'_>, shard: u64, limit: usize) -> StoreResult<Vec<Item>> {
        let mut found = Vec::new();
        let mut start = None;
        loop {
            let answer = self
                .client
                .query()
                .table_name(&self.name)
                .index_name(part.of.name)
                .key_condition_expression("#p = :p AND #n BETWEEN :from AND :to")
                .expression_attribute_names("#p", part.of.partition)
                .expression_attribute_names("#n", part.of.sort)
                .expression_attribute_values(":p", text(&format!("{}{shard}", part.prefix)))
                .expression_attribute_values(":from", numeral(part.from))
                .expression_attribute_values(":to", numeral(part.to))
                .scan_index_forward(part.oldest_first)
                .limit(i32::try_from(limit - found.len()).unwrap_or(i32::MAX))
                .set_exclusive_start_key(start)
                .send()
                .await
                .map_err(unavailable)?;
            found.extend(answer.items.unwrap_or_default());
            start = answer.last_evaluated_key;
            if start.is_none() || found.len() >= limit {
                return Ok(found);
            }
        }
    }

    /// The keys under which an id, or the beginning of one, is known. At most `limit`.
    pub(crate) async fn by_id(&self, partition: &str, id: &str, whole: bool, limit: i32) -> StoreResult<Vec<Item>> {
        let condition = if whole { "ip = :ip AND id = :id" } else { "ip = :ip AND begins_with(id, :id)" };
        let answer = self
            .client
            .query()
            .table_name(&self.name)
            .index_name(IDS.name)
            .key_condition_expression(condition)
            .expression_attribute_values(":ip", text(partition))
            .expression_attribute_values(":id", text(id))
            .limit(limit)
            .send()
            .await
            .map_err(unavailable)?;
        Ok(answer.items.unwrap_or_default())
    }

    /// A page of everything that there is, and where the next one begins.
    pub(crate) async fn scan(&self, start: Option<Item>) -> StoreResult<(Vec<Item>, Option<Item>)> {
        let scan = self.client.scan().table_name(&self.name).consistent_read(true).set_exclusive_start_key(start);
        let answer = scan.send().await.map_err(unavailable)?;
        Ok((answer.items.unwrap_or_default(), answer.last_evaluated_key))
    }

    /// Writes one item whatever was there.
    pub(crate) async fn put(&self, item: Item) -> StoreResult<()> {
        self.client.put_item().table_name(&self.name).set_item(Some(item)).send().await.map_err(unavailable)?;
        Ok(())
    }

    /// Erases one item, if it is there.
    pub(crate) async fn delete(&self, pk: &str, sk: &str) -> StoreResult<()> {
        self.client
            .delete_item()
            .table_name(&self.name)
            .key("pk", text(pk))
            .key("sk", text(sk))
            .send()
            .await
            .map_err(unavailable)?;
        Ok(())
    }

    /// Erases one item if this holds of it; `false` where it does not.
    pub(crate) async fn delete_if(&self, pk: &str, sk: &str, condition: Condition) -> StoreResult<bool> {
        let sent = self
            .client
            .delete_item()
            .table_name(&self.name)
            .key("pk", text(pk))
            .key("sk", text(sk))
            .condition_expression(condition.text)
            .set_expression_attribute_values(condition.values())
            .send()
            .await;
        match sent {
            Ok(_) => Ok(true),
            Err(error)
                if error.as_service_error().is_some_and(DeleteItemError::is_conditional_check_failed_exception) =>
            {
                Ok(false)
            }
            Err(error) => Err(unavailable(error)),
        }
    }

    /// Erases these items, those of them that are there; in any order, and not all or nothing.
    pub(crate) async fn delete_all(&self, keys: Vec<(String, String)>) -> StoreResult<()> {
        let delete = |(pk, sk): (String, String)| {
            let request = DeleteRequest::builder().key("pk", text(&pk)).key("sk", text(&sk)).build();
            request.map(|request| WriteRequest::builder().delete_request(request).build())
        };
        let waiting: Result<Vec<_>, _> = keys.into_iter().map(delete).collect();
        let mut waiting = waiting.map_err(|error| StoreError::Corrupt(error.to_string()))?;
        let mut patience = Patience::new(self.random.as_ref());
        while !waiting.is_empty() {
            let now = waiting.split_off(waiting.len().saturating_sub(MOST_WRITES));
            let asked = now.len();
            let sent = self.client.batch_write_item().request_items(&self.name, now).send().await;
            let left = sent.map_err(unavailable)?.unprocessed_items.unwrap_or_default();
            let left: Vec<_> = left.into_values().flatten().collect();
            if left.is_empty() {
                continue;
            }
            patience.wait(left.len() < asked).await?;
            waiting.extend(left);
        }
        Ok(())
    }

    /// Makes all of these writes or none. One that meets another transaction, or is too much at once, is tried again for a
    /// while.
    pub(crate) async fn write(&self, writes: Vec<Write>) -> StoreResult<Written> {
        let mut attempt = 0;
        debug_assert!(is_possible(&writes), "a transaction that DynamoDB refuses: {writes:?}");
        tracing::debug!(writes = kinds(&writes).join(","), "writing all or nothing");
        loop {
            let sent = self.client.transact_write_items().set_transact_items(Some(writes.clone())).send().await;
            let Err(error) = sent else { return Ok(Written::Yes) };
            match refusal(&error) {
                Some(Refusal::Condition(place, item)) => return Ok(Written::Refused(place, item)),
                Some(Refusal::Conflict) if attempt < CONFLICTS => {
                    attempt += 1;
                    // The other one is done within milliseconds. Spread out, so that they do not meet again.
                    tokio::time::sleep(back_off(attempt, self.random.as_ref())).await;
                }
                _ => return Err(unavailable(error)),
            }
        }
    }

    /// A write of a transaction: this item, if the condition holds (or whatever is there).
    pub(crate) fn putting(&self, item: Item, condition: Option<Condition>) -> Write {
        let mut put = Put::builder().table_name(&self.name).set_item(Some(item));
        if let Some(condition) = condition {
            put = put
                .condition_expression(condition.text)
                .set_expression_attribute_values(condition.values())
                .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld);
        }
        // A builder fails only where a required part is missing, and none is.
        TransactWriteItem::builder().set_put(put.build().ok()).build()
    }

    /// A write of a transaction: this item is erased.
    pub(crate) fn deleting(&self, pk: &str, sk: &str, condition: Option<Condition>) -> Write {
        let mut delete = Delete::builder().table_name(&self.name).key("pk", text(pk)).key("sk", text(sk));
        if let Some(condition) = condition {
            delete = delete.condition_expression(condition.text).set_expression_attribute_values(condition.values());
        }
        TransactWriteItem::builder().set_delete(delete.build().ok()).build()
    }

    /// A write of a transaction: an expression that changes an item.
    pub(crate) fn updating(&self, pk: &str, sk: &str, change: &str, condition: Condition) -> Write {
        let update = Update::builder()
            .table_name(&self.name)
            .key("pk", text(pk))
            .key("sk", text(sk))
            .update_expression(change)
            .condition_expression(condition.text)
            .set_expression_attribute_values(condition.values());
        TransactWriteItem::builder().set_update(update.build().ok()).build()
    }

    /// A condition of a transaction on an item that is not written.
    pub(crate) fn checking(&self, pk: &str, sk: &str, condition: Condition) -> Write {
        let check = ConditionCheck::builder()
            .table_name(&self.name)
            .key("pk", text(pk))
            .key("sk", text(sk))
            .condition_expression(condition.text)
            .set_expression_attribute_values(condition.values());
        TransactWriteItem::builder().set_condition_check(check.build().ok()).build()
    }
}

/// Which part of an index that is spread over shards to read, both ends with it.
pub(crate) struct Part<'a> {
    pub of: &'static Index,
    /// The partitions' names without the shard's number.
    pub prefix: &'a str,
    pub from: i64,
    pub to: i64,
    pub oldest_first: bool,
}

/// A condition with its values.
pub(crate) struct Condition {
    text: &'static str,
    values: Vec<(&'static str, AttributeValue)>,
}

impl Condition {
    /// There is no such item.
    pub(crate) const fn absent() -> Self {
        Self { text: "attribute_not_exists(pk)", values: Vec::new() }
    }

    /// The item has this revision.
    pub(crate) fn revision(revision: u64) -> Self {
        Self { text: "rev = :rev", values: vec![(":rev", AttributeValue::N(revision.to_string()))] }
    }

    /// Any other.
    pub(crate) const fn new(text: &'static str, values: Vec<(&'static str, AttributeValue)>) -> Self {
        Self { text, values }
    }

    fn values(self) -> Option<HashMap<String, AttributeValue>> {
        if self.values.is_empty() {
            None
        } else {
            Some(self.values.into_iter().map(|(name, value)| (name.to_owned(), value)).collect())
        }
    }
}

pub(crate) fn text(text: &str) -> AttributeValue {
    AttributeValue::S(text.to_owned())
}

pub(crate) fn numeral(number: i64) -> AttributeValue {
    AttributeValue::N(number.to_string())
}

/// An item with its keys and its content as JSON.
pub(crate) fn item(pk: &str, sk: &str, content: &impl Serialize) -> StoreResult<Item> {
    let content = serde_json::to_string(content).map_err(|error| StoreError::Corrupt(error.to_string()))?;
    Ok(Item::from([
        ("pk".to_owned(), text(pk)),
        ("sk".to_owned(), text(sk)),
        ("v".to_owned(), AttributeValue::S(content)),
    ]))
}

pub(crate) fn attribute<'a>(item: &'a Item, name: &str) -> StoreResult<&'a str> {
    item.get(name)
        .and_then(|value| value.as_s().ok())
        .map(String::as_str)
        .ok_or_else(|| StoreError::Corrupt(format!("an item without `{name}`")))
}

pub(crate) fn number(item: &Item, name: &str) -> StoreResult<i64> {
    item.get(name)
        .and_then(|value| value.as_n().ok())
        .and_then(|text| text.parse().ok())
        .ok_or_else(|| StoreError::Corrupt(format!("an item without the number `{name}`")))
}

/// An item's content.
pub(crate) fn content<T: DeserializeOwned>(item: &Item) -> StoreResult<T> {
    let text = attribute(item, "v")?;
    deskwire_core::json::from_str(text).map_err(|error| StoreError::Corrupt(format!("its content: {error}")))
}

enum Refusal {
    Condition(usize, Option<Item>),
    Conflict,
}

/// Why a transaction was cancelled, if that is what happened.
fn refusal<R>(error: &SdkError<TransactWriteItemsError, R>) -> Option<Refusal> {
    let reasons = match error.as_service_error()? {
        TransactWriteItemsError::TransactionCanceledException(cancelled) => cancelled.cancellation_reasons(),
        TransactWriteItemsError::TransactionInProgressException(_) => return Some(Refusal::Conflict),
        _ => return None,
    };
    let failed = reasons.iter().position(|reason| reason.code() == Some("ConditionalCheckFailed"));
    // <https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_TransactWriteItems.html>; the client does not come
    // again by itself, since it does not look at the reasons.
    let passing = |reason: &CancellationReason| {
        matches!(
            reason.code(),
            Some("TransactionConflict" | "ProvisionedThroughputExceeded" | "ThrottlingError" | "RequestLimitExceeded")
        )
    };
    match failed {
        Some(place) => Some(Refusal::Condition(place, reasons[place].item.clone())),
        None if reasons.iter().any(passing) => Some(Refusal::Conflict),
        None => None,
    }
}

/// AWS's error as the ports' error. What is wrong with a request of ours will not pass; everything else may.
#[expect(clippy::needless_pass_by_value, reason = "the shape that `map_err` takes")]
pub(crate) fn unavailable<E, R>(error: SdkError<E, R>) -> StoreError
where
    E: std::error::Error + ProvideErrorMetadata + Send + Sync + 'static,
    R: std::fmt::Debug + Send + Sync + 'static,
{
    let code = error.as_service_error().and_then(ProvideErrorMetadata::code).unwrap_or_default().to_owned();
    let reason = DisplayErrorContext(&error).to_string();
    if code == "ValidationException" { StoreError::Corrupt(reason) } else { StoreError::Unavailable { reason } }
}

/// Makes the table as the template makes it, for tests and trials on an emulator.
pub async fn create_table(client: &aws_sdk_dynamodb::Client, name: &str) -> StoreResult<()> {
    let mut create = client.create_table().table_name(name).billing_mode(BillingMode::PayPerRequest);
    for (attribute, kind) in [
        ("pk", ScalarAttributeType::S),
        ("sk", ScalarAttributeType::S),
        ("lp", ScalarAttributeType::S),
        ("ln", ScalarAttributeType::N),
        ("sp", ScalarAttributeType::S),
        ("dp", ScalarAttributeType::S),
        ("da", ScalarAttributeType::N),
        ("ip", ScalarAttributeType::S),
        ("id", ScalarAttributeType::S),
    ] {
        if let Ok(definition) = AttributeDefinition::builder().attribute_name(attribute).attribute_type(kind).build() {
            create = create.attribute_definitions(definition);
        }
    }
    for element in key_schema("pk", "sk") {
        create = create.key_schema(element);
    }
    for &Index { name, partition, sort, kept } in INDEXES {
        let projection = if kept.is_empty() {
            Projection::builder().projection_type(ProjectionType::KeysOnly).build()
        } else {
            let kept = kept.iter().map(|&name| name.to_owned()).collect();
            Projection::builder().projection_type(ProjectionType::Include).set_non_key_attributes(Some(kept)).build()
        };
        let index = GlobalSecondaryIndex::builder()
            .index_name(name)
            .set_key_schema(Some(key_schema(partition, sort)))
            .projection(projection)
            .build();
        if let Ok(index) = index {
            create = create.global_secondary_indexes(index);
        }
    }
    create.send().await.map_err(unavailable)?;
    Ok(())
}

fn key_schema(hash: &str, range: &str) -> Vec<KeySchemaElement> {
    [(hash, KeyType::Hash), (range, KeyType::Range)]
        .into_iter()
        .filter_map(|(name, kind)| KeySchemaElement::builder().attribute_name(name).key_type(kind).build().ok())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn attempts_are_spread_evenly_and_differ_from_process_to_process() {
        let of = |seed| {
            let random = SeededRandom::new(seed);
            (1..=CONFLICTS).map(|attempt| back_off(attempt, &random)).collect::<Vec<_>>()
        };
        assert_ne!(of(1), of(2));
        let random = SeededRandom::new(3);
        for (attempt, limit) in [(1, 20), (2, 40), (5, 320), (8, 500), (u32::MAX, 500)] {
            let waits: Vec<_> = (0..500).map(|_| back_off(attempt, &random)).collect();
            let limit = Duration::from_millis(limit);
            assert!(waits.iter().all(|wait| *wait < limit), "attempt {attempt}");
            assert!(waits.iter().any(|wait| *wait > limit.mul_f64(0.9)), "attempt {attempt}");
            assert!(waits.iter().any(|wait| *wait < limit.mul_f64(0.1)), "attempt {attempt}");
        }
    }
}
