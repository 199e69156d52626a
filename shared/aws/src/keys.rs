//! Names of partitions and sort keys, in one place.
//!
//! | partition | sort key | what |
//! |---|---|---|
//! | `E#hash` | `E` | an event; the hash is of source and id |
//! | `R#run` | `R` | a run as it stands |
//! | `R#run` | `J#number#part` | journal entries, in order |
//! | `L#lane` | `!busy`, `!time` | who has the lane; the latest time of change that was handled |
//! | `L#lane` | `number#run` | the runs that stand in it |
//! | `S#source#subject` | `E#number` | events that some run may wait for |
//! | `S#source#subject` | `W#run` | the runs that wait for one |
//! | `S#source#subject` | `A#run#hash` | that an event came while a run waited for it |
//! | `K#number` | `K` | an event whose waiting runs are still to be woken |
//! | `C#subject` | `run#step#number` | what runs of ours changed there lately |
//! | `SHARED` | `A#actor`, `H#budget` | users as which we write; rate budgets that are used up |
//! | `V#workflow` | version | the text of a workflow version |
//! | `REGISTRY` | `W#name`, `X#connection`, `D#document`, `!generation` | what is in force |
//! | `TOKENS` | connection | what is known of its tokens |
//! | `SECRETS` | `name#version` | which versions of a secret there are |
//!
//! Beside it the sparse [`INDEXES`]. The busy ones are spread over [`SHARDS`] partitions. What stands in `lists` never moves
//! there, so that whoever reads page by page misses nothing that changes meanwhile.

use deskwire_core::ids::Lane;
use sha2::{Digest, Sha256};

/// How many partitions a busy index is spread over: DynamoDB takes 1,000 writes a second of one.
pub(crate) const SHARDS: u64 = 8;

/// Sort keys that come before every number.
pub(crate) const BUSY: &str = "!busy";
pub(crate) const TIME: &str = "!time";
pub(crate) const GENERATION: &str = "!generation";

pub(crate) const REGISTRY: &str = "REGISTRY";
pub(crate) const TOKENS: &str = "TOKENS";
pub(crate) const SECRETS: &str = "SECRETS";
pub(crate) const SHARED: &str = "SHARED";

/// An index of the table: its keys, and what else of the items it holds. An item without the keys does not stand in it.
#[derive(Debug)]
pub(crate) struct Index {
    pub name: &'static str,
    pub partition: &'static str,
    pub sort: &'static str,
    pub kept: &'static [&'static str],
}

/// Events and runs by number, with their lines.
pub(crate) const LISTS: Index = Index { name: "lists", partition: "lp", sort: "ln", kept: &["s"] };

/// Of these, the runs that did not simply succeed, by the state in which they are: quick to read, however long the history is.
pub(crate) const STATES: Index = Index { name: "states", partition: "sp", sort: "ln", kept: &["s"] };

/// What falls due, and when.
pub(crate) const DUE: Index = Index { name: "due", partition: "dp", sort: "da", kept: &["st", "g"] };

/// Short references to ids.
pub(crate) const IDS: Index = Index { name: "ids", partition: "ip", sort: "id", kept: &[] };

/// All of them.
pub(crate) const INDEXES: [&Index; 4] = [&LISTS, &STATES, &DUE, &IDS];

/// A digest of several texts, as hex. Length prefixes keep two lists of parts from running together into one text.
pub(crate) fn digest(parts: &[&str]) -> String {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update(u64::try_from(part.len()).unwrap_or(u64::MAX).to_be_bytes());
        hash.update(part);
    }
    hex::encode(&hash.finalize()[..16])
}

/// Which of the [`SHARDS`] a text belongs to.
pub(crate) fn shard(text: &str) -> u64 {
    let digest = Sha256::digest(text);
    u64::from(digest[0]) % SHARDS
}

pub(crate) fn event(source: &str, id: &str) -> String {
    format!("E#{}", digest(&[source, id]))
}

pub(crate) fn run(id: &str) -> String {
    format!("R#{id}")
}

pub(crate) fn lane(lane: &Lane) -> String {
    format!("L#{}", digest(&[lane.as_str()]))
}

/// The message group of a lane: at most 128 letters and digits.
pub(crate) fn group(lane: &Lane) -> String {
    digest(&[lane.as_str()])
}

pub(crate) fn subject(source: &str, subject: &str) -> String {
    format!("S#{}", digest(&[source, subject]))
}

pub(crate) fn changes(subject: &str) -> String {
    format!("C#{}", digest(&[subject]))
}

/// A number that sorts as text. Numbers are never negative.
pub(crate) fn sortable(number: i64) -> String {
    format!("{number:019}")
}
