//! Records that a store holds and cannot read: which kind, which one, and what a person does about it.
//!
//! One such record must not take others down: lists leave it out, runs that cannot be read are set aside, and
//! [`Inspection`] names them all.

use std::collections::BTreeSet;
use std::sync::{Mutex, PoisonError};

use serde::Serialize;

use crate::BoxFuture;
use crate::ports::{StoreError, StoreResult};

/// What a damaged record was to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum RecordKind {
    /// An event.
    Event,
    /// A run.
    Run,
    /// What is known of a run's steps.
    Journal,
    /// What a run changed at a provider, or is about to.
    Change,
    /// Which event a run waits for.
    Wait,
    /// A rate budget that is used up, or a user as which we write.
    Shared,
    /// A workflow in force, or the text of its version.
    Workflow,
    /// What is fixed of a connection.
    Connection,
    /// What is known of a connection's tokens.
    Tokens,
    /// A version of a sealed secret.
    Secret,
    /// A text that every process reads.
    Document,
}

impl RecordKind {
    /// The words that are shown before its key.
    pub const fn in_words(self) -> &'static str {
        match self {
            Self::Event => "event",
            Self::Run => "run",
            Self::Journal => "journal of run",
            Self::Change => "change made by run",
            Self::Wait => "wait of run",
            Self::Shared => "shared fact",
            Self::Workflow => "workflow",
            Self::Connection => "facts of connection",
            Self::Tokens => "token record of connection",
            Self::Secret => "secret",
            Self::Document => "document",
        }
    }

    /// What to do about a damaged one with this key.
    pub fn what_to_do(self, key: &str) -> String {
        match self {
            Self::Event => {
                "its runs end as dead; have its source send it again. It is removed with what is older than `retention`"
                    .to_owned()
            }
            Self::Run => {
                "it is set aside and its lane goes on; `deskwire runs replay` starts it anew where its event can be \
                          read. It is removed with what is older than `retention`"
                    .to_owned()
            }
            Self::Journal => {
                format!(
                    "which of its steps are done is not known: look at the providers before you repeat {key} by hand"
                )
            }
            Self::Change => "it is left out; an event that it caused may start a run".to_owned(),
            Self::Wait => "the run comes back when its wait ends; `deskwire runs show` says when".to_owned(),
            Self::Shared => "it is left out; nothing needs to be done".to_owned(),
            Self::Workflow => "`deskwire apply` puts it in force anew".to_owned(),
            Self::Connection => format!("`deskwire connections delete {key}`, then `deskwire apply`, write it anew"),
            Self::Tokens => format!(
                "`deskwire connections connect {key}` writes it anew; `deskwire connections disconnect {key}` and `delete` \
                 work on it, too"
            ),
            Self::Secret => {
                if let Some(connection) = key.strip_prefix("token/").and_then(|rest| rest.split_whitespace().next()) {
                    return format!("`deskwire connections connect {connection}` stores new tokens");
                }
                let name = key.trim_start_matches("secret/").split_whitespace().next().unwrap_or_default();
                format!("`deskwire secrets set {name}` stores it anew")
            }
            Self::Document => "`deskwire apply` writes it anew".to_owned(),
        }
    }
}

/// A record that cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Damaged {
    /// What it was to be.
    pub kind: RecordKind,
    /// Which one: an id, a name, or a number of this store.
    pub key: String,
    /// What is wrong with it. Holds nothing of its content.
    pub why: String,
}

/// What was found by reading everything.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Inspected {
    /// The records that cannot be read.
    pub damaged: Vec<Damaged>,
    /// Was there more than is read at once, so that only the newest of it was looked at?
    pub cut: bool,
}

/// Looks at every record. It costs as much as reading all of them: for a person who asks, not for a server's day.
pub trait Inspection: Send + Sync {
    /// The records that cannot be read, of the newest `most` of each kind.
    fn inspect(&self, most: usize) -> BoxFuture<'_, StoreResult<Inspected>>;
}

/// Which damaged records were told of already: each is worth one line of a process's log.
#[derive(Debug)]
pub struct Told(Mutex<BTreeSet<(RecordKind, String)>>);

/// How many are remembered. More than that are not worth a line each.
const MOST_TOLD: usize = 1_000;

impl Told {
    /// None so far.
    pub const fn new() -> Self {
        Self(Mutex::new(BTreeSet::new()))
    }

    /// Is this the first time that this one is told of?
    pub fn is_news(&self, kind: RecordKind, key: &str) -> bool {
        let mut told = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        told.len() < MOST_TOLD && told.insert((kind, key.to_owned()))
    }
}

impl Default for Told {
    fn default() -> Self {
        Self::new()
    }
}

/// What was read, or why this one record cannot be. Every other error is about the store, and stays one.
pub fn read_or_damaged<T>(read: StoreResult<T>) -> StoreResult<Result<T, String>> {
    match read {
        Ok(value) => Ok(Ok(value)),
        Err(StoreError::Corrupt(why)) => Ok(Err(why)),
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_damaged_record_is_told_of_once() {
        let told = Told::new();
        assert!(told.is_news(RecordKind::Run, "run_1"));
        assert!(!told.is_news(RecordKind::Run, "run_1"));
        assert!(told.is_news(RecordKind::Journal, "run_1"));
    }

    #[test]
    fn only_damage_of_one_record_is_passed_over() {
        assert_eq!(read_or_damaged(Ok(1)).unwrap(), Ok(1));
        let damaged = read_or_damaged::<u8>(Err(StoreError::Corrupt("a run's state".to_owned())));
        assert_eq!(damaged.unwrap(), Err("a run's state".to_owned()));
        let away = StoreError::Unavailable { reason: "locked".to_owned() };
        assert!(matches!(read_or_damaged::<u8>(Err(away)), Err(StoreError::Unavailable { .. })));
    }

    #[test]
    fn what_to_do_about_a_secret_names_the_command_that_stores_it_anew() {
        let next = |key| RecordKind::Secret.what_to_do(key);
        assert_eq!(next("token/slack version 3"), "`deskwire connections connect slack` stores new tokens");
        assert_eq!(next("secret/api_key version 1"), "`deskwire secrets set api_key` stores it anew");
    }
}
