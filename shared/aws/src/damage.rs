//! Records that cannot be read: left out of lists, told of once, set aside where they are runs, and named on demand.

use aws_sdk_dynamodb::types::AttributeValue;
use deskwire_core::BoxFuture;
use deskwire_core::damage::{Damaged, Inspected, Inspection, RecordKind, Told, read_or_damaged};
use deskwire_core::ports::{Settlement, StoreResult};
use deskwire_core::run::RunState;
use deskwire_core::time::Timestamp;

use crate::connect::AwsStore;
use crate::inspect::{Parts, look};
use crate::keys::{self, BUSY};
use crate::rows::{RunLine, RunRow, list_of};
use crate::table::{Condition, Item, attribute, content, text};

static TOLD: Told = Told::new();

/// What was read; `None`, with a line in the log, where this one record is damaged.
pub(crate) fn readable<T>(kind: RecordKind, key: &str, read: StoreResult<T>) -> StoreResult<Option<T>> {
    read_or_damaged(read).map(|read| match read {
        Ok(value) => Some(value),
        Err(why) => {
            tell(kind, key, &why);
            None
        }
    })
}

/// Says in the log that a record cannot be read, unless this process has said so before.
pub(crate) fn tell(kind: RecordKind, key: &str, why: &str) {
    if TOLD.is_news(kind, key) {
        tracing::error!(
            kind = kind.in_words(),
            key,
            why,
            "a record of the store cannot be read and is left out; `deskwire doctor` says what to do"
        );
    }
}

/// An item's place in the table, for a person.
pub(crate) fn place(item: &Item) -> String {
    format!("{} {}", attribute(item, "pk").unwrap_or("?"), attribute(item, "sk").unwrap_or("?"))
}

/// The partition of the lane in which a run stands, where its item in the index of what falls due says so.
pub(crate) fn lane_of(item: &Item) -> Option<String> {
    attribute(item, "g").ok().map(|group| format!("L#{group}"))
}

impl AwsStore {
    /// A run as it stands; one that cannot be read is set aside, and is none.
    pub(crate) async fn run_or_aside(
        &self,
        id: &str,
        lane: Option<String>,
        now: Timestamp,
    ) -> StoreResult<Option<RunRow>> {
        match read_or_damaged(self.run_row(id).await)? {
            Ok(row) => Ok(row),
            Err(why) => self.set_aside(id, lane, &why, now).await.map(|_| None),
        }
    }

    /// Ends a run that cannot be read, visibly, and lets its lane go on. What cannot be read stays as it is, for whoever can.
    /// `false` where that was done before, and the index does not know it yet.
    pub(crate) async fn set_aside(
        &self,
        id: &str,
        lane: Option<String>,
        why: &str,
        now: Timestamp,
    ) -> StoreResult<bool> {
        tell(RecordKind::Run, id, why);
        let reason = format!(
            "Set aside: the store holds it and cannot read it ({why}). Nothing more is done for it; `deskwire doctor` says \
             what to do"
        );
        if let Ok(Some(row)) = read_or_damaged(self.run_row(id).await)? {
            // Only what hangs on it is damaged. Whoever has changed it meanwhile finds that out, too.
            let over = Settlement::Over { state: RunState::Dead, reason };
            let next = crate::work::settled(&self.next(&row), &over, now);
            let with = self.waiting(&row, &next)?;
            self.leave(&row, &next, with).await?;
            self.held().remove(id);
            return Ok(true);
        }
        let Some(mut made) = self.table.get(&keys::run(id), "R").await? else { return Ok(false) };
        let is_news = made.contains_key("dp");
        // The lane first: until the item itself is written, whoever asks for the run does all this again.
        if let Some(lane) = lane.or_else(|| lane_of(&made)) {
            self.clear_place(&lane, id).await?;
        }
        let summary = RunLine::set_aside(&made, id, reason, now);
        made.insert("s".to_owned(), text(&summary));
        if let Some(list) = list_of(RunState::Dead) {
            made.insert("sp".to_owned(), text(&format!("{list}{}", keys::shard(id))));
        }
        for due in ["dp", "da", "st", "g"] {
            made.remove(due);
        }
        self.held().remove(id);
        self.table.put(made).await.map(|()| is_news)
    }

    /// Takes a run out of a lane of which no more is known than its partition.
    async fn clear_place(&self, lane: &str, id: &str) -> StoreResult<()> {
        let mut behind = Vec::new();
        let mut is_free = true;
        for found in self.table.query(lane, "", None).await? {
            let sort = attribute(&found, "sk")?;
            if sort == BUSY {
                let holder = read_or_damaged(content::<String>(&found))?;
                is_free = holder.as_ref().map_or(true, |holder| holder == id);
                if is_free {
                    self.table.delete(lane, BUSY).await?;
                }
            } else if let Some((_, member)) = sort.split_once('#') {
                if member == id {
                    self.table.delete(lane, sort).await?;
                } else {
                    behind.push(member.to_owned());
                }
            }
        }
        // Whoever has the lane tells the next one when it leaves.
        if !is_free {
            return Ok(());
        }
        // The next one may have been told to stay behind. Those that cannot be read either are found when they are asked for.
        for next in behind {
            let Some(row) = readable(RecordKind::Run, &next, self.run_row(&next).await)?.flatten() else { continue };
            let listed = RunRow { listed: true, followed: true, ..self.next(&row) };
            self.commit(&listed, vec![self.putting_run(&listed)?]).await?;
            self.nudge(std::iter::once(&listed)).await;
            break;
        }
        Ok(())
    }

    /// Takes an item that cannot be read out of the index of what falls due. The rest of it stays.
    pub(crate) async fn shelve(&self, pk: &str, sk: &str, why: &str) -> StoreResult<()> {
        tell(RecordKind::Wait, pk, why);
        let condition = Condition::new("attribute_exists(pk)", Vec::new());
        self.table.write(vec![self.table.updating(pk, sk, "REMOVE dp, da", condition)]).await.map(|_| ())
    }
}

impl Inspection for AwsStore {
    fn inspect(&self, most: usize) -> BoxFuture<'_, StoreResult<Inspected>> {
        Box::pin(async move {
            let mut found = Inspected::default();
            let (mut start, mut looked_at, mut parts) = (None, 0, Parts::default());
            loop {
                let (items, next) = self.table.scan(start).await?;
                for item in &items {
                    looked_at += 1;
                    if let Some((kind, key, why)) = look(item, &mut parts) {
                        found.damaged.push(Damaged { kind, key, why });
                    }
                }
                start = next;
                found.cut = start.is_some() && looked_at >= most;
                if start.is_none() || found.cut {
                    return Ok(found);
                }
            }
        })
    }
}

/// The revision that an item has, where it says so.
pub(crate) fn revision(item: &Item) -> u64 {
    item.get("rev").and_then(|value: &AttributeValue| value.as_n().ok()).and_then(|n| n.parse().ok()).unwrap_or(0)
}
