//! What runs of ours change at providers, so that it is recognised when it comes back as an event.

use std::collections::BTreeMap;
use std::time::Duration;

use aws_sdk_dynamodb::types::AttributeValue;
use deskwire_core::action::ErrorClass;
use deskwire_core::damage::RecordKind;
use deskwire_core::ids::RunId;
use deskwire_core::ports::StoreResult;
use deskwire_core::run::{Change, Entry, Written};
use deskwire_core::time::Timestamp;
use serde::{Deserialize, Serialize};

use crate::connect::AwsStore;
use crate::damage::{place, readable};
use crate::keys::{self, SHARED};
use crate::rows::RunRow;
use crate::table::{Item, Write, content, item};

/// Echoes come within seconds. An hour leaves room for a provider whose webhooks are late.
const LATELY: Duration = Duration::from_hours(1);

/// A change as it is kept.
#[derive(Debug, Serialize, Deserialize)]
struct Kept {
    run: String,
    at: Timestamp,
    written: Option<Written>,
}

impl AwsStore {
    /// The writes that keep the changes in step with these journal entries. `row` learns what was announced.
    pub(crate) fn following(&self, row: &mut RunRow, entries: &[Entry]) -> StoreResult<Vec<Write>> {
        // By key: a transaction writes no item twice.
        let mut kept: BTreeMap<(String, String), Option<Kept>> = BTreeMap::new();
        let mut actors = std::collections::BTreeSet::new();
        for entry in entries {
            match entry {
                Entry::Calling { step, at, subject: Some(subject) } => {
                    let step = step.as_str();
                    if let Some(before) = row.announced.insert(step.to_owned(), subject.clone()) {
                        kept.insert(key(&before, &row.id, step, 0), None);
                    }
                    let announced = Kept { run: row.id.clone(), at: *at, written: None };
                    kept.insert(key(subject, &row.id, step, 0), Some(announced));
                }
                Entry::Done { step, started_at, wrote, .. } => {
                    let step = step.as_str();
                    if let Some(before) = row.announced.remove(step) {
                        kept.insert(key(&before, &row.id, step, 0), None);
                    }
                    for (place, written) in wrote.iter().enumerate() {
                        let made = Kept { run: row.id.clone(), at: *started_at, written: Some(written.clone()) };
                        kept.insert(key(&written.write.subject, &row.id, step, place), Some(made));
                        actors.extend(written.write.actor.clone());
                    }
                }
                Entry::Failed { step, .. } => self.forgetting(row, step.as_str(), &mut kept),
                Entry::Attempt { step, error, .. } if error.class != ErrorClass::Unknown => {
                    self.forgetting(row, step.as_str(), &mut kept);
                }
                _ => {}
            }
        }
        let mut writes = Vec::new();
        for ((pk, sk), kept) in kept {
            writes.push(match kept {
                None => self.table.deleting(&pk, &sk, None),
                Some(kept) => {
                    let mut made = item(&pk, &sk, &kept)?;
                    let ttl = kept.at.plus(LATELY * 2).as_unix_seconds();
                    made.insert("ttl".to_owned(), AttributeValue::N(ttl.to_string()));
                    self.table.putting(made, None)
                }
            });
        }
        for actor in actors {
            writes.push(self.table.putting(item(SHARED, &format!("A#{actor}"), &actor)?, None));
        }
        Ok(writes)
    }

    /// A call that is known not to have happened, or to have changed nothing.
    #[expect(clippy::unused_self, reason = "it belongs to the store's bookkeeping")]
    fn forgetting(&self, row: &mut RunRow, step: &str, kept: &mut BTreeMap<(String, String), Option<Kept>>) {
        if let Some(subject) = row.announced.remove(step) {
            kept.insert(key(&subject, &row.id, step, 0), None);
        }
    }

    /// What other runs changed lately about a subject, the oldest first.
    pub(crate) async fn changes_about(&self, subject: &str, run: &str, now: Timestamp) -> StoreResult<Vec<Change>> {
        let since = now.minus(LATELY);
        let mut changes = Vec::new();
        for found in self.table.query(&keys::changes(subject), "", None).await? {
            let Some(kept) = readable(RecordKind::Change, &place(&found), content::<Kept>(&found))? else { continue };
            if kept.at >= since && kept.run != run {
                changes.push(Change { by: RunId::new(kept.run), announced_at: kept.at, written: kept.written });
            }
        }
        changes.sort_by_key(|change| change.announced_at);
        Ok(changes)
    }
}

/// Can this change be read?
pub(crate) fn look(item: &Item) -> StoreResult<()> {
    content::<Kept>(item).map(drop)
}

fn key(subject: &str, run: &str, step: &str, place: usize) -> (String, String) {
    (keys::changes(subject), format!("{run}#{}#{place}", keys::digest(&[step])))
}
