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
mod damage;
mod data;
mod emulated;
mod escaping;
mod exact_numbers;
mod examples;
mod first_day;
mod front_door;
mod harness;
mod history;
mod house;
mod kill;
mod last_good;
mod life_cycle;
mod messages;
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
