//! Which workflows are in force, how far their schedules have come, and texts that every process reads.

use std::collections::HashMap;

use aws_sdk_dynamodb::types::AttributeValue;
use deskwire_core::BoxFuture;
use deskwire_core::connection::FixedFacts;
use deskwire_core::damage::RecordKind;
use deskwire_core::ids::{ConnectionName, WorkflowName, WorkflowVersion};
use deskwire_core::ports::{Deploy, Deployed, Registry, StoreError, StoreResult};
use deskwire_core::time::Timestamp;
use serde::{Deserialize, Serialize};

use crate::connect::AwsStore;
use crate::damage::{place, readable, revision};
use crate::keys::{GENERATION, REGISTRY};
use crate::lanes::sort_key;
use crate::rows::corrupt;
use crate::table::{Condition, Item, Write, Written, attribute, content, item, number};

/// A transaction takes 100 writes; the last one counts the change.
const MOST_AT_ONCE: usize = 90;

/// How often a change that meets others is tried anew.
const TRIES: u32 = 10;

/// A workflow in force, as it is kept. Its text stands under its version.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Kept {
    rev: u64,
    version: String,
    active: bool,
    file_active: Option<bool>,
    file: String,
    applied_at: Timestamp,
    /// How far the schedule has come.
    position: Timestamp,
}

/// What is fixed of a connection, as it is kept.
#[derive(Debug, Serialize, Deserialize)]
struct KeptConnection {
    kind: String,
    allowed_domain: String,
    header: Option<String>,
}

impl Registry for AwsStore {
    fn deployed(&self) -> BoxFuture<'_, StoreResult<Vec<Deployed>>> {
        Box::pin(async move {
            let mut all = Vec::new();
            for item in self.table.query(REGISTRY, "W#", None).await? {
                let name = name_of(&item, "W#")?.to_owned();
                let kept = readable(RecordKind::Workflow, &name, content::<Kept>(&item))?;
                all.extend(kept.map(|kept| (name, kept)));
            }
            let keys = all.iter().map(|(name, kept)| (format!("V#{name}"), kept.version.clone())).collect();
            let mut texts = HashMap::new();
            for item in self.table.get_all(keys).await? {
                let key = (attribute(&item, "pk")?.to_owned(), sort_key(&item)?.to_owned());
                let text = readable(RecordKind::Workflow, &place(&item), content::<String>(&item))?;
                texts.extend(text.map(|text| (key, text)));
            }
            let mut found = Vec::new();
            for (name, kept) in all {
                let text = texts.remove(&(format!("V#{name}"), kept.version.clone()));
                let text = text.ok_or_else(|| corrupt("its version's text"));
                let parsed = WorkflowName::parse(&name).map_err(|_| corrupt("its name"));
                let both = parsed.and_then(|name| Ok((name, text?)));
                let Some((name, text)) = readable(RecordKind::Workflow, &name, both)? else { continue };
                found.push(Deployed {
                    name,
                    version: WorkflowVersion::new(kept.version),
                    active: kept.active,
                    file_active: kept.file_active,
                    file: kept.file,
                    applied_at: kept.applied_at,
                    text,
                });
            }
            Ok(found)
        })
    }

    fn in_force(&self) -> BoxFuture<'_, StoreResult<Vec<(WorkflowName, WorkflowVersion, bool)>>> {
        Box::pin(async move {
            let mut found = Vec::new();
            for item in self.table.query(REGISTRY, "W#", None).await? {
                let name = name_of(&item, "W#")?;
                let parsed = WorkflowName::parse(name).map_err(|_| corrupt("its name"));
                let both = parsed.and_then(|name| Ok((name, content::<Kept>(&item)?)));
                let both = readable(RecordKind::Workflow, name, both)?;
                found.extend(both.map(|(name, kept)| (name, WorkflowVersion::new(kept.version), kept.active)));
            }
            Ok(found)
        })
    }

    fn fixed_connections(&self) -> BoxFuture<'_, StoreResult<Vec<FixedFacts>>> {
        Box::pin(async move {
            let mut found = Vec::new();
            for item in self.table.query(REGISTRY, "X#", None).await? {
                let name = name_of(&item, "X#")?;
                let parsed = ConnectionName::parse(name).map_err(|_| corrupt("its name"));
                let both = parsed.and_then(|name| Ok((name, content::<KeptConnection>(&item)?)));
                let both = readable(RecordKind::Connection, name, both)?;
                found.extend(both.map(|(name, kept)| FixedFacts {
                    name,
                    kind: kept.kind,
                    allowed_domain: kept.allowed_domain,
                    header: kept.header,
                }));
            }
            Ok(found)
        })
    }

    fn document<'a>(&'a self, name: &'a str) -> BoxFuture<'a, StoreResult<Option<String>>> {
        Box::pin(async move {
            let found = self.table.get(REGISTRY, &format!("D#{name}")).await?;
            found.map(|item| content(&item)).transpose()
        })
    }

    fn deploy(&self, changes: Vec<Deploy>, now: Timestamp) -> BoxFuture<'_, StoreResult<()>> {
        Box::pin(async move {
            if changes.is_empty() {
                return Ok(());
            }
            // Texts first: a version that nothing names yet does no harm.
            for change in &changes {
                if let Deploy::Put(put) = change {
                    self.table.write(vec![self.publishing(&put.name, &put.version, &put.text)?]).await?;
                }
            }
            // More than one transaction takes are made in several; processes follow the generation, which comes last.
            for part in changes.chunks(MOST_AT_ONCE) {
                self.deploy_part(part, now).await?;
            }
            Ok(())
        })
    }

    fn set_active<'a>(
        &'a self,
        name: &'a WorkflowName,
        active: bool,
        now: Timestamp,
    ) -> BoxFuture<'a, StoreResult<bool>> {
        Box::pin(async move {
            let key = format!("W#{name}");
            for _ in 0..TRIES {
                let Some(kept) = self.kept(&key).await? else { return Ok(false) };
                // Ticks that passed while it was switched off are not made up for.
                let position = if !kept.active && active { now } else { kept.position };
                let next = Kept { rev: kept.rev + 1, active, position, ..kept };
                let writes = vec![self.keeping(&key, &next)?, self.one_further()];
                if matches!(self.table.write(writes).await?, Written::Yes) {
                    return Ok(true);
                }
            }
            Err(busy())
        })
    }

    fn generation(&self) -> BoxFuture<'_, StoreResult<u64>> {
        Box::pin(async move {
            match self.table.get(REGISTRY, GENERATION).await? {
                None => Ok(0),
                Some(item) => Ok(number(&item, "n")?.unsigned_abs()),
            }
        })
    }

    fn schedule_position<'a>(&'a self, name: &'a WorkflowName) -> BoxFuture<'a, StoreResult<Option<Timestamp>>> {
        Box::pin(async move {
            let kept = self.kept(&format!("W#{name}")).await?;
            Ok(kept.filter(|kept| kept.active).map(|kept| kept.position))
        })
    }

    fn move_schedule<'a>(&'a self, name: &'a WorkflowName, to: Timestamp) -> BoxFuture<'a, StoreResult<()>> {
        Box::pin(async move {
            let key = format!("W#{name}");
            for _ in 0..TRIES {
                let Some(kept) = self.kept(&key).await?.filter(|kept| kept.position < to) else { return Ok(()) };
                let next = Kept { rev: kept.rev + 1, position: to, ..kept };
                if matches!(self.table.write(vec![self.keeping(&key, &next)?]).await?, Written::Yes) {
                    return Ok(());
                }
            }
            Err(busy())
        })
    }
}

impl AwsStore {
    async fn deploy_part(&self, changes: &[Deploy], now: Timestamp) -> StoreResult<()> {
        for _ in 0..TRIES {
            let mut writes = Vec::new();
            for change in changes {
                writes.extend(self.deploying(change, now).await?);
            }
            writes.push(self.one_further());
            if matches!(self.table.write(writes).await?, Written::Yes) {
                return Ok(());
            }
        }
        Err(busy())
    }

    async fn deploying(&self, change: &Deploy, now: Timestamp) -> StoreResult<Option<Write>> {
        Ok(Some(match change {
            Deploy::Put(put) => {
                let key = format!("W#{}", put.name);
                let found = self.table.get(REGISTRY, &key).await?;
                let kept = match &found {
                    None => None,
                    Some(found) => readable(RecordKind::Workflow, put.name.as_str(), content::<Kept>(found))?,
                };
                let version = put.version.to_string();
                let next = Kept {
                    rev: kept.as_ref().map_or(1, |kept| kept.rev + 1),
                    active: put.active,
                    file_active: put.file_active,
                    file: put.file.clone(),
                    applied_at: match &kept {
                        Some(kept) if kept.version == version => kept.applied_at,
                        _ => now,
                    },
                    position: match &kept {
                        Some(kept) if kept.active || !put.active => kept.position,
                        _ => now,
                    },
                    version,
                };
                match (&found, &kept) {
                    // One that cannot be read is written anew, whatever its revision was.
                    (Some(found), None) => {
                        let next = Kept { rev: revision(found) + 1, ..next };
                        self.table.putting(kept_item(&key, &next)?, None)
                    }
                    _ => self.keeping(&key, &next)?,
                }
            }
            Deploy::Remove(name) => self.table.deleting(REGISTRY, &format!("W#{name}"), None),
            Deploy::Connection(facts) => {
                let key = format!("X#{}", facts.name);
                if self.table.get(REGISTRY, &key).await?.is_some() {
                    return Ok(None);
                }
                let kept = KeptConnection {
                    kind: facts.kind.clone(),
                    allowed_domain: facts.allowed_domain.clone(),
                    header: facts.header.clone(),
                };
                self.table.putting(item(REGISTRY, &key, &kept)?, Some(Condition::absent()))
            }
            Deploy::ForgetConnection(name) => self.table.deleting(REGISTRY, &format!("X#{name}"), None),
            Deploy::Document { name, text } => self.table.putting(item(REGISTRY, &format!("D#{name}"), text)?, None),
        }))
    }

    async fn kept(&self, key: &str) -> StoreResult<Option<Kept>> {
        self.table.get(REGISTRY, key).await?.map(|item| content(&item)).transpose()
    }

    fn keeping(&self, key: &str, kept: &Kept) -> StoreResult<Write> {
        let made = kept_item(key, kept)?;
        let condition = if kept.rev == 1 { Condition::absent() } else { Condition::revision(kept.rev - 1) };
        Ok(self.table.putting(made, Some(condition)))
    }

    /// The write that tells every process that something has changed.
    fn one_further(&self) -> Write {
        let condition = Condition::new(
            "attribute_not_exists(never)",
            vec![(":one", AttributeValue::N("1".to_owned())), (":none", AttributeValue::N("0".to_owned()))],
        );
        self.table.updating(REGISTRY, GENERATION, "SET n = if_not_exists(n, :none) + :one", condition)
    }
}

fn kept_item(key: &str, kept: &Kept) -> StoreResult<Item> {
    let mut made = item(REGISTRY, key, kept)?;
    made.insert("rev".to_owned(), AttributeValue::N(kept.rev.to_string()));
    Ok(made)
}

/// Can this item of the registry be read?
pub(crate) fn look(item: &Item, sort: &str) -> StoreResult<()> {
    match sort.split_at_checked(2) {
        Some(("W#", _)) => content::<Kept>(item).map(drop),
        Some(("X#", _)) => content::<KeptConnection>(item).map(drop),
        Some(("D#", _)) => content::<String>(item).map(drop),
        _ => Ok(()),
    }
}

fn name_of<'a>(item: &'a Item, prefix: &str) -> StoreResult<&'a str> {
    Ok(sort_key(item)?.trim_start_matches(prefix))
}

fn busy() -> StoreError {
    StoreError::Unavailable { reason: "others change what is in force at the same moment; come again".to_owned() }
}
