//! Stories across functions: the `deskwire` command as its users run it, against stand-ins that outlive it.
//!
//! Each story starts its own processes on ports the system chooses and keeps its files in a folder of its own.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::disallowed_methods,
    missing_docs,
    reason = "stories may panic, and start processes with an environment"
)]

mod api;
mod bad_input;
mod cargo_lambda;
mod cli;
mod emulated;
mod examples;
mod front_door;
mod harness;
mod history;
mod house;
mod kill;
mod life_cycle;
mod oauth;
mod on_aws;
mod outside;
mod providers;
mod rehearsal;
mod relay;
mod secrets;
mod set_up;
mod stored_secrets;
mod template;
mod tokens;
mod trouble;
