//! Names and ids as types of their own, so that swapping two does not compile.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Why a text is not a usable name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadName {
    /// Nothing was given.
    #[error("is empty")]
    Empty,
    /// Longer than [`MAX_NAME`].
    #[error("is longer than {MAX_NAME} characters")]
    TooLong,
    /// A character outside the alphabet of names.
    #[error("may hold only lower-case letters, digits, `-` and `_`, and starts with a letter or a digit")]
    BadCharacter,
}

/// The longest name of a source, connection, workflow or step, in characters.
pub const MAX_NAME: usize = 64;

fn check_name(text: &str) -> Result<(), BadName> {
    let mut characters = text.chars();
    match characters.next() {
        None => return Err(BadName::Empty),
        Some(first) if !(first.is_ascii_lowercase() || first.is_ascii_digit()) => return Err(BadName::BadCharacter),
        Some(_) => {}
    }
    if text.len() > MAX_NAME {
        return Err(BadName::TooLong);
    }
    if characters.all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-' || c == '_') {
        Ok(())
    } else {
        Err(BadName::BadCharacter)
    }
}

macro_rules! text_type {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(String);

        impl $name {
            /// The text itself.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl AsRef<str> for $name {
            fn as_ref(&self) -> &str {
                &self.0
            }
        }

        impl std::borrow::Borrow<str> for $name {
            fn borrow(&self) -> &str {
                &self.0
            }
        }
    };
}

macro_rules! name_type {
    ($(#[$doc:meta])* $name:ident) => {
        text_type!($(#[$doc])* $name);

        impl $name {
            /// A name as users write it: 1 to 64 lower-case letters, digits, `-` or `_`.
            pub fn parse(text: &str) -> Result<Self, BadName> {
                check_name(text).map(|()| Self(text.to_owned()))
            }
        }
    };
}

macro_rules! id_type {
    ($(#[$doc:meta])* $name:ident) => {
        text_type!($(#[$doc])* $name);

        impl $name {
            /// Takes a text that its maker guarantees to be this id.
            pub fn new(text: impl Into<String>) -> Self {
                Self(text.into())
            }
        }
    };
}

name_type! {
    /// The name of a source in `deskwire.yaml`; also the last part of its webhook's path.
    SourceName
}
impl SourceName {
    /// The source of the events that Deskwire makes about itself.
    #[must_use]
    pub fn deskwire() -> Self {
        Self("deskwire".to_owned())
    }
}
name_type! {
    /// The name of a connection in `deskwire.yaml`.
    ConnectionName
}
name_type! {
    /// The name of an OAuth client in `deskwire.yaml`.
    OAuthClientName
}
name_type! {
    /// The name of a workflow: its id, which cannot change.
    WorkflowName
}
id_type! {
    /// A provider's (or our own) id of an event, unique within its source.
    EventId
}
id_type! {
    /// The id of a run: `run_` and 26 characters that sort by the time of creation.
    RunId
}
id_type! {
    /// What a client can quote, and every log line about its request and about what came of it holds: `req_` and 32 hex
    /// digits, which are the id of the trace where traces are kept.
    RequestId
}
id_type! {
    /// A workflow's version: the first 12 hex digits of the SHA-256 of its file. The same text is the same version.
    WorkflowVersion
}
id_type! {
    /// Where in a workflow a step stands: its id at the top level, `choose/tell` within a branch, `each[3]/post` within the
    /// fourth turn of a loop.
    StepPath
}
text_type! {
    /// The ordered queue that a run stands in: one per workflow and subject.
    Lane
}

impl WorkflowName {
    /// Takes the text that a store hands back, for showing it; whether it is a name is for [`WorkflowName::parse`].
    pub fn from_stored(text: String) -> Self {
        Self(text)
    }
}

impl Lane {
    /// The lane of a workflow's runs about one subject.
    ///
    /// ```
    /// # use deskwire_core::ids::{Lane, WorkflowName};
    /// let workflow = WorkflowName::parse("notify-assignee").unwrap();
    /// assert_eq!(Lane::of(&workflow, "zen:ticket:42").as_str(), "notify-assignee|zen:ticket:42");
    /// ```
    pub fn of(workflow: &WorkflowName, subject: &str) -> Self {
        // `|` cannot occur in a workflow's name, so two lanes never share a text.
        Self(format!("{workflow}|{subject}"))
    }

    /// Takes the text of a lane that a store hands back.
    pub fn from_stored(text: String) -> Self {
        Self(text)
    }
}

/// Crockford's base 32 alphabet, lower case: no `i`, `l`, `o`, `u`.
const BASE32: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";

impl RunId {
    /// A new run id: 48 bits of milliseconds, then 80 random bits, so that ids sort by creation and cannot be guessed.
    pub fn generate(now: crate::time::Timestamp, random: &dyn crate::random::Random) -> Self {
        let bits = (u128::from(now.as_millis().cast_unsigned()) << 80) | (random.bits() >> 48);
        let mut text = String::with_capacity(30);
        text.push_str("run_");
        for place in (0..26).rev() {
            let digit = usize::try_from((bits >> (place * 5)) & 31).unwrap_or(0);
            text.push(char::from(BASE32[digit]));
        }
        Self(text)
    }
}

impl RequestId {
    /// A new one, which cannot be guessed.
    pub fn generate(random: &dyn crate::random::Random) -> Self {
        Self(format!("req_{:032x}", random.bits()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{random::SeededRandom, time::Timestamp};

    #[test]
    fn names_take_lower_case_letters_digits_hyphens_and_underscores() {
        assert!(SourceName::parse("zendesk-support_2").is_ok());
        for bad in ["", "-a", "_a", "A", "a b", "a/b", "ä", "a.b", &"a".repeat(65)] {
            assert!(SourceName::parse(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn run_ids_sort_by_the_time_of_their_creation() {
        let random = SeededRandom::new(7);
        let early = RunId::generate(Timestamp::from_millis(1_700_000_000_000), &random);
        let late = RunId::generate(Timestamp::from_millis(1_700_000_000_001), &random);
        assert!(early < late);
        assert_eq!(early.as_str().len(), 30);
    }

    #[test]
    fn run_ids_of_one_millisecond_differ() {
        let random = SeededRandom::new(7);
        let now = Timestamp::from_millis(1_700_000_000_000);
        assert_ne!(RunId::generate(now, &random), RunId::generate(now, &random));
    }
}
