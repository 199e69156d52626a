//! The console: pages under `/console` that let a support-operations engineer see within a minute why something did not
//! happen.
//!
//! `deskwire serve` mounts [`router`] as it is. The pages only read, through the core's [`History`] port; they replay
//! nothing and change nothing, but show the command that does. There is no JavaScript: filters are forms and links,
//! what is long folds away, and a page that is to follow what happens asks the browser to load it anew.
//!
//! What is *not* here: a sign-in. The pages show ticket data to whoever reaches them, so whoever mounts them decides who
//! that may be.
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used))]

mod answer;
mod asked;
mod badge;
mod event;
mod events;
mod guard;
mod line;
mod page;
mod prose;
mod run;
mod run_row;
mod runs;
mod show;
mod strip;
mod timeline;

use std::sync::Arc;

use axum::Router;
use axum::middleware::map_response;
use axum::response::Redirect;
use axum::routing::get;
use deskwire_core::ports::History;
use deskwire_core::time::Clock;

use crate::answer::Failure;

/// What every page needs.
struct Console {
    history: Arc<dyn History>,
    clock: Arc<dyn Clock>,
}

/// The function's routes, with absolute paths: `/console` and everything below it. Times are shown relative to `clock`.
pub fn router(history: Arc<dyn History>, clock: Arc<dyn Clock>) -> Router {
    let to_runs = || get(|| async { Redirect::permanent("/console") });
    Router::new()
        .route("/console", get(runs::list))
        .route("/console/", to_runs())
        .route("/console/runs", to_runs())
        .route("/console/runs/{id}", get(run::show))
        .route("/console/events", get(events::list))
        .route("/console/events/{number}", get(event::by_number))
        .route("/console/events/{source}/{*id}", get(event::by_id))
        // Not a fallback: a process that mounts several functions has one of its own.
        .route("/console/{*path}", get(|| async { Failure::NoSuchPage }))
        .layer(map_response(guard::headers))
        .with_state(Arc::new(Console { history, clock }))
}
