//! The one way out: an HTTP client that sends a connection's credentials to its allowed domain and nowhere else.
//!
//! Every outgoing request of the relay goes through [`Egress::send`], which holds promise 5: https only, a host within the
//! [`AllowedDomain`](deskwire_core::domain::AllowedDomain), a public address (checked on the very addresses that are connected to), no redirect, no proxy, no
//! unbounded answer. It knows nothing of providers, signs nothing in and repeats nothing: connectors build the request,
//! and the engine decides about another attempt, for which [`EgressError`] tells whether anything can have happened.

#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used))]

mod address;
mod client;
mod error;
mod guard;
mod resolver;

pub use client::{Egress, EgressOptions, Request, Response};
pub use error::EgressError;
pub use guard::Refusal;
