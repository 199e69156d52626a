//! The console: pages under `/console` that let a support-operations engineer see within a minute why something did not
//! happen.
//!
//! `deskwire serve` mounts [`router`] as it is. The pages only read, through the core's [`History`] and
//! [`Registry`] ports; they replay nothing and change nothing, but show the command that does. There is no JavaScript: filters are forms and links,
//! what is long folds away, and a page that is to follow what happens asks the browser to load it anew.
//!
//! What is *not* here: a sign-in. The pages show ticket data to whoever reaches them, so whoever mounts them decides who
//! that may be. What is about a person is hidden on them all the same, until a reader asks for it on the page of one run or event.
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
mod workflows;

use std::sync::Arc;

use axum::Router;
use axum::middleware::map_response;
use axum::response::Redirect;
use axum::routing::get;
use deskwire_core::action::Actions;
use deskwire_core::ports::{History, Registry};
use deskwire_core::time::Clock;
use deskwire_templates::Templates;

use crate::answer::Failure;

/// What the pages are made from.
pub struct Console {
    /// What happened.
    pub history: Arc<dyn History>,
    /// Which workflows are in force.
    pub registry: Arc<dyn Registry>,
    /// What actions there are: their schemas tell which fields are personal. None of them is called.
    pub actions: Actions,
    /// The template language, for reading the workflow versions of runs.
    pub templates: Templates,
    /// Times are shown relative to it.
    pub clock: Arc<dyn Clock>,
}

/// The function's routes, with absolute paths: `/console` and everything below it.
pub fn router(console: Console) -> Router {
    let to_runs = || get(|| async { Redirect::permanent("/console") });
    Router::new()
        .route("/console", get(runs::list))
        .route("/console/", to_runs())
        .route("/console/runs", to_runs())
        .route("/console/runs/{id}", get(run::show))
        .route("/console/workflows", get(workflows::list))
        .route("/console/events", get(events::list))
        .route("/console/events/{number}", get(event::by_number))
        .route("/console/events/{source}/{*id}", get(event::by_id))
        // Not a fallback: a process that mounts several functions has one of its own.
        .route("/console/{*path}", get(|| async { Failure::NoSuchPage }))
        .layer(map_response(guard::headers))
        .with_state(Arc::new(console))
}
