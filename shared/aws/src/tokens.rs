//! What is known of the connections' tokens.

use std::collections::HashMap;

use aws_sdk_dynamodb::types::AttributeValue;
use deskwire_core::BoxFuture;
use deskwire_core::damage::RecordKind;
use deskwire_core::ids::ConnectionName;
use deskwire_core::ports::{StoreError, StoreResult, TokenStates};
use deskwire_core::time::Timestamp;
use deskwire_core::token::{Leased, TokenState};
use serde::{Deserialize, Serialize};

use crate::connect::AwsStore;
use crate::damage::readable;
use crate::keys::{self, DUE, LISTS, TOKENS};
use crate::lanes::sort_key;
use crate::table::{Condition, Item, Part, Written, content, item, number, numeral, text};

/// How often a change that meets others is tried anew.
const TRIES: u32 = 10;

/// A record as it is kept: what is known, and who may renew.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Kept {
    /// Counts every write, those of leases too.
    rev: u64,
    mark: String,
    state: TokenState,
    lease: Option<Lease>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Lease {
    owner: String,
    until: Timestamp,
}

impl TokenStates for AwsStore {
    fn token_state<'a>(&'a self, connection: &'a ConnectionName) -> BoxFuture<'a, StoreResult<Option<TokenState>>> {
        Box::pin(async move { Ok(self.kept_tokens(connection).await?.map(|kept| kept.state)) })
    }

    fn token_states(&self) -> BoxFuture<'_, StoreResult<Vec<TokenState>>> {
        Box::pin(async move {
            let found = self.table.query(TOKENS, "", None).await?;
            let mut states = Vec::new();
            for item in &found {
                let kept = readable(RecordKind::Tokens, sort_key(item)?, content::<Kept>(item))?;
                states.extend(kept.map(|kept| kept.state));
            }
            Ok(states)
        })
    }

    fn due_tokens(&self, now: Timestamp, most: usize) -> BoxFuture<'_, StoreResult<Vec<ConnectionName>>> {
        Box::pin(async move {
            let part = Part { of: &DUE, prefix: "T#", from: i64::MIN / 2, to: now.as_millis(), oldest_first: true };
            let mut due = Vec::new();
            for found in self.table.sharded(&part, most).await? {
                due.push((number(&found, "da")?, sort_key(&found)?.to_owned()));
            }
            // The records are read, too: one that cannot be would be tried, and be in the way, for ever.
            let keys = due.iter().map(|(_, name)| (TOKENS.to_owned(), name.clone())).collect();
            let mut good = HashMap::new();
            for item in self.table.get_all(keys).await? {
                let name = sort_key(&item)?.to_owned();
                if let Some(kept) = readable(RecordKind::Tokens, &name, content::<Kept>(&item))? {
                    good.insert(name, kept.state.connection);
                }
            }
            let mut due: Vec<_> = due.into_iter().filter_map(|(at, name)| Some((at, good.remove(&name)?))).collect();
            due.sort();
            due.truncate(most);
            Ok(due.into_iter().map(|(_, name)| name).collect())
        })
    }

    fn unannounced_tokens(&self, most: usize) -> BoxFuture<'_, StoreResult<Vec<TokenState>>> {
        Box::pin(async move {
            let part = Part { of: &LISTS, prefix: "T#", from: 0, to: 0, oldest_first: true };
            let mut names = Vec::new();
            for found in self.table.sharded(&part, most).await? {
                names.push(sort_key(&found)?.to_owned());
            }
            names.sort();
            let mut states = Vec::new();
            for name in names {
                if states.len() >= most {
                    break;
                }
                let found = self.table.get(TOKENS, &name).await?;
                let kept = found.map(|item| readable(RecordKind::Tokens, &name, content::<Kept>(&item))).transpose()?;
                // The index may be a moment behind.
                states.extend(kept.flatten().map(|kept| kept.state).filter(|state| !state.announced));
            }
            Ok(states)
        })
    }

    fn lease_tokens<'a>(
        &'a self,
        connection: &'a ConnectionName,
        owner: &'a str,
        now: Timestamp,
        until: Timestamp,
    ) -> BoxFuture<'a, StoreResult<Leased>> {
        Box::pin(async move {
            for _ in 0..TRIES {
                let Some(kept) = self.kept_tokens(connection).await? else { return Ok(Leased::Unknown) };
                if let Some(lease) = kept.lease.as_ref().filter(|lease| lease.owner != owner && lease.until > now) {
                    return Ok(Leased::Held { until: lease.until });
                }
                let next = Kept { lease: Some(Lease { owner: owner.to_owned(), until }), ..self.next_kept(&kept) };
                if self.keep_tokens(&next).await? {
                    return Ok(Leased::Ours(next.state));
                }
            }
            // So many others want it that one of them has it.
            Ok(Leased::Held { until: now.plus(std::time::Duration::from_millis(50)) })
        })
    }

    fn release_tokens<'a>(&'a self, connection: &'a ConnectionName, owner: &'a str) -> BoxFuture<'a, StoreResult<()>> {
        Box::pin(async move {
            for _ in 0..TRIES {
                // A record that cannot be read has no lease that anybody could have.
                let read = self.kept_tokens(connection).await;
                let kept = readable(RecordKind::Tokens, connection.as_str(), read)?.flatten();
                let Some(kept) = kept else { return Ok(()) };
                if kept.lease.as_ref().is_none_or(|lease| lease.owner != owner) {
                    return Ok(());
                }
                if self.keep_tokens(&Kept { lease: None, ..self.next_kept(&kept) }).await? {
                    return Ok(());
                }
            }
            Err(StoreError::Unavailable { reason: "others change these tokens' record at the same moment".to_owned() })
        })
    }

    fn put_tokens(&self, state: TokenState, expected: Option<u64>) -> BoxFuture<'_, StoreResult<bool>> {
        Box::pin(async move {
            for _ in 0..TRIES {
                let known = self.kept_tokens(&state.connection).await?;
                if known.as_ref().map(|kept| kept.state.revision) != expected {
                    return Ok(false);
                }
                let state = TokenState { revision: expected.unwrap_or(0) + 1, ..state.clone() };
                let next = match known {
                    None => Kept { rev: 1, mark: self.mark(), state, lease: None },
                    Some(kept) => Kept { state, ..self.next_kept(&kept) },
                };
                if self.keep_tokens(&next).await? {
                    return Ok(true);
                }
            }
            Err(StoreError::Unavailable { reason: "others change these tokens' record at the same moment".to_owned() })
        })
    }

    fn forget_tokens<'a>(&'a self, connection: &'a ConnectionName) -> BoxFuture<'a, StoreResult<()>> {
        Box::pin(self.table.delete(TOKENS, connection.as_str()))
    }
}

impl AwsStore {
    async fn kept_tokens(&self, connection: &ConnectionName) -> StoreResult<Option<Kept>> {
        self.table.get(TOKENS, connection.as_str()).await?.map(|item| content(&item)).transpose()
    }

    fn next_kept(&self, kept: &Kept) -> Kept {
        Kept { rev: kept.rev + 1, mark: self.mark(), ..kept.clone() }
    }

    /// Writes a record if nobody has written it since it was read.
    async fn keep_tokens(&self, kept: &Kept) -> StoreResult<bool> {
        let condition = if kept.rev == 1 { Condition::absent() } else { Condition::revision(kept.rev - 1) };
        match self.table.write(vec![self.table.putting(tokens_item(kept)?, Some(condition))]).await? {
            Written::Yes => Ok(true),
            // Our own write, whose answer was lost.
            Written::Refused(..) => {
                let stored = self.kept_tokens(&kept.state.connection).await?;
                Ok(stored.is_some_and(|stored| stored.mark == kept.mark))
            }
        }
    }
}

/// Can this record be read?
pub(crate) fn look(item: &Item) -> StoreResult<()> {
    content::<Kept>(item).map(drop)
}

fn tokens_item(kept: &Kept) -> StoreResult<Item> {
    let name = kept.state.connection.as_str();
    let mut made = item(TOKENS, name, kept)?;
    let shard = keys::shard(name);
    made.insert("rev".to_owned(), AttributeValue::N(kept.rev.to_string()));
    if let Some(due_at) = kept.state.due_at {
        made.insert("dp".to_owned(), text(&format!("T#{shard}")));
        made.insert("da".to_owned(), numeral(due_at.as_millis()));
    }
    if !kept.state.announced {
        made.insert("lp".to_owned(), text(&format!("T#{shard}")));
        made.insert("ln".to_owned(), numeral(0));
    }
    Ok(made)
}
