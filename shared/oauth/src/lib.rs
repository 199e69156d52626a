//! The OAuth 2.0 protocol (RFC 6749, 7636) as our providers speak it: the link that a person follows, the token endpoint's
//! requests, and what its answers mean.
//!
//! It stores nothing, repeats nothing and knows no provider by name: how one differs from the standard is a row of
//! `providers.json`. Who may ask, and when, is the token broker's business.
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used))]

mod answer;
mod client;
mod endpoint;
mod lenient;
mod link;

pub use answer::{RefusedBy, TokenError, Tokens};
pub use client::{BadClient, Client};
pub use endpoint::Endpoint;
pub use link::{Pkce, authorize_link};

#[cfg(test)]
mod tests;
