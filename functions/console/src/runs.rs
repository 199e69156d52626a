//! `GET /console`: how many runs stand where, and the newest hundred with one sentence each.

use std::sync::Arc;

use askama::Template;
use axum::extract::{RawQuery, State};
use axum::response::Html;
use deskwire_core::ports::Filter;
use deskwire_core::run::RunState;

use crate::Console;
use crate::answer::{Failure, answer};
use crate::asked::{Asked, Since};
use crate::page::{Page, Section};
use crate::run_row::RunRow;
use crate::strip::{LENGTH, Part, attention, parts};

/// How many rows a list has at most.
pub(crate) const LONGEST_LIST: usize = 100;

#[derive(Template)]
#[template(path = "runs.html")]
struct RunsPage {
    page: Page,
    asked: Asked,
    refresh_href: String,
    unfiltered_href: String,
    all_href: String,
    events_href: String,
    /// Every run that is kept, and every event.
    total_runs: u64,
    total_events: u64,
    attention: Option<String>,
    strip_length: u64,
    parts: Vec<Part>,
    states: Vec<&'static str>,
    periods: [Since; 3],
    caption: &'static str,
    rows: Vec<RunRow>,
    full: bool,
}

pub(crate) async fn list(
    State(console): State<Arc<Console>>,
    RawQuery(query): RawQuery,
) -> Result<Html<String>, Failure> {
    let now = console.clock.now();
    let asked = Asked { source: None, personal: false, ..Asked::read(query.as_deref()) };
    let filter = Filter {
        limit: LONGEST_LIST,
        workflow: asked.workflow.clone(),
        state: asked.state.clone(),
        subject: asked.subject.clone(),
        since: asked.since.map(|since| since.before(now)),
        ..Filter::default()
    };
    let runs = console.history.runs(filter).await?;
    let counts = console.history.counts().await?;
    let events = Asked { subject: asked.subject.clone(), ..Asked::default() };
    answer(&RunsPage {
        page: Page::new("Runs", Section::Runs).following(asked.refresh),
        refresh_href: asked.switched().link("/console"),
        unfiltered_href: asked.unfiltered().link("/console"),
        all_href: asked.in_state(None).link("/console"),
        events_href: events.link("/console/events"),
        total_runs: counts.runs.values().sum(),
        total_events: counts.events,
        attention: attention(&counts),
        strip_length: LENGTH,
        parts: parts(&counts, &asked),
        periods: Since::ALL,
        states: RunState::ALL.map(RunState::as_str).to_vec(),
        caption: "Runs, the newest first",
        full: runs.len() == LONGEST_LIST,
        rows: runs.iter().map(|run| RunRow::new(run, now)).collect(),
        asked,
    })
}
