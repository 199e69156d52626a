//! Taking webhooks in, the same way for every provider: size cap, signature over the raw bytes, parse, match, store, answer.
//!
//! A webhook function gives a [`Webhook`] (how its provider's bodies are read) and gets a router back. What the provider
//! signs is data in the core's table; what answers a client may get is one table here ([`answer`]). Nothing in this crate
//! runs a workflow.
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used))]

pub mod answer;
mod board;
mod body;
mod catalogue;
mod guard;
mod http;
mod intake;

pub use board::{Board, BoardError};
pub use body::Bodies;
pub use catalogue::{Catalogue, Conditions, CurrentCatalogue, Source};
pub use guard::guarded;
pub use http::router;
pub use intake::{Delivery, Intake, Normalised, NotAnEvent, Webhook, wanted_by};

/// The largest body that is taken in, in bytes. Zendesk's ticket events stay below a tenth of it.
pub const MAX_BODY_BYTES: usize = 1024 * 1024;

/// The same where events are items of DynamoDB, which have at most 400 KB with all their attributes.
pub const LARGEST_SHARED_BODY: usize = 350 * 1024;
