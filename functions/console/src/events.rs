//! `GET /console/events`: what arrived, and what became of it.

use std::sync::Arc;

use askama::Template;
use axum::extract::{RawQuery, State};
use axum::response::Html;
use deskwire_core::event::EventState;
use deskwire_core::ports::{EventSummary, Filter};
use deskwire_core::time::Timestamp;

use crate::Console;
use crate::answer::{Failure, answer};
use crate::asked::{Asked, Since};
use crate::badge::Badge;
use crate::event::event_href;
use crate::page::{Page, Section};
use crate::prose::Prose;
use crate::runs::LONGEST_LIST;
use crate::show::{Moment, shorten};

/// The longest reason a row shows, in characters; the event's own page shows all of it.
const LONGEST_REASON: usize = 160;

#[derive(Template)]
#[template(path = "events.html")]
struct EventsPage {
    page: Page,
    asked: Asked,
    refresh_href: String,
    unfiltered_href: String,
    /// Every event that is kept.
    total: u64,
    states: Vec<&'static str>,
    periods: [Since; 3],
    rows: Vec<EventRow>,
    full: bool,
}

struct EventRow {
    href: String,
    number: i64,
    badge: Badge,
    kind: String,
    subject: String,
    subject_href: String,
    source: String,
    received: Moment,
    why: Prose,
}

impl EventRow {
    fn new(event: &EventSummary, now: Timestamp) -> Self {
        Self {
            href: event_href(&event.source, &event.id),
            number: event.number,
            badge: event.state.into(),
            kind: event.kind.clone(),
            subject: event.subject.clone(),
            subject_href: Asked::about(&event.subject).link("/console/events"),
            source: event.source.clone(),
            received: Moment::new(event.received_at, now),
            why: match &event.reason {
                Some(reason) => Prose::new(&shorten(reason, LONGEST_REASON)),
                None => Prose::new("At least one workflow wanted it."),
            },
        }
    }
}

pub(crate) async fn list(
    State(console): State<Arc<Console>>,
    RawQuery(query): RawQuery,
) -> Result<Html<String>, Failure> {
    let now = console.clock.now();
    let asked = Asked { workflow: None, personal: false, ..Asked::read(query.as_deref()) };
    let filter = Filter {
        limit: LONGEST_LIST,
        source: asked.source.clone(),
        state: asked.state.clone(),
        subject: asked.subject.clone(),
        since: asked.since.map(|since| since.before(now)),
        ..Filter::default()
    };
    let events = console.history.events(filter).await?;
    let counts = console.history.counts().await?;
    answer(&EventsPage {
        page: Page::new("Events", Section::Events).following(asked.refresh),
        refresh_href: asked.switched().link("/console/events"),
        unfiltered_href: asked.unfiltered().link("/console/events"),
        total: counts.events,
        periods: Since::ALL,
        states: [EventState::Accepted, EventState::Unwanted, EventState::Rejected].map(EventState::as_str).to_vec(),
        full: events.len() == LONGEST_LIST,
        rows: events.iter().map(|event| EventRow::new(event, now)).collect(),
        asked,
    })
}
