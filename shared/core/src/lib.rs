//! The pure core of Deskwire: the words of the relay as types, and the rules that need no I/O.
//!
//! Everything here is a plain value or a plain function: no async runtime, no HTTP client, no AWS, no file system, no
//! environment, no clock of its own. Whoever calls passes the time and the randomness in. The [`ports`] are the small
//! traits that stores implement; the [`action`] module is what a connector implements.

pub mod action;
pub mod connection;
pub mod damage;
pub mod domain;
pub mod event;
pub mod ids;
pub mod json;
pub mod known_events;
pub mod limit;
pub mod number;
pub mod personal;
pub mod ports;
pub mod problem;
pub mod provider;
pub mod public_url;
pub mod random;
pub mod retry;
pub mod retry_after;
pub mod route;
pub mod run;
pub mod secret;
pub mod signature;
pub mod source;
pub mod time;
pub mod token;
pub mod visible;

/// A boxed future that can move between threads; what the object-safe ports and actions return.
pub type BoxFuture<'a, T> = std::pin::Pin<Box<dyn Future<Output = T> + Send + 'a>>;
