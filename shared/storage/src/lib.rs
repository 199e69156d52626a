//! Stores behind the core's ports.
//!
//! [`SqliteStore`] keeps everything on one machine in one file. The `contract` module (feature of that name) holds the
//! suite that every store passes, this one and the ones to come. What is *not* here: any decision about events, steps or
//! retries; stores do what the ports say and know nothing of workflows.
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used))]

#[cfg(feature = "contract")]
pub mod contract;
pub mod private;
mod sqlite;

pub use sqlite::{DataKind, OpenError, SqliteStore};
