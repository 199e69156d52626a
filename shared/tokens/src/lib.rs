//! The token broker: OAuth tokens are renewed before they end, by exactly one process at a time, and new ones are durable
//! before anybody uses them.
//!
//! One renewal, step by step: take the lease (its end lies beyond the longest exchange); look whether somebody was faster;
//! ask the token endpoint; seal the answer as a new, immutable version; point the record at it by compare-and-set. A process
//! that stops anywhere in between leaves one of two things behind: a version that the record does not point at yet, which
//! the next one adopts, or nothing, and the next one asks again with the same refresh token. Only where the provider has
//! answered and the answer reached nobody can that fail; then the connection is reported as needing a person.
//!
//! A renewal is a task of its own: callers wait for it and may give up, it does not. Within a process one renewal serves all
//! who wait, also when it fails; between processes the record does, which says until when the endpoint is left alone.
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used))]

mod announce;
mod broker;
mod invitation;
mod kept;
mod providers;
mod renew;
mod schedule;
mod under_way;

pub use announce::{Announced, Announcer, connection_event};
pub use broker::{Broker, BrokerError, BrokerOptions};
pub use invitation::{invite, invited};
pub use providers::{Ask, Providers};
pub use schedule::{Pass, renew_at};

#[cfg(test)]
mod tests;
