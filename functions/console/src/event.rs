//! `GET /console/events/{number}` and `/console/events/{source}/{id}`: one event, who wanted it and who did not.
//!
//! Links use the second form: a provider's event id may itself be a number, and then the first form finds that event.

use std::sync::Arc;

use askama::Template;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, RawQuery, State};
use axum::response::Html;
use deskwire_core::event::{EventState, JsonText};
use deskwire_core::personal::redact_event;
use deskwire_core::ports::{EventDetail, EventSummary};
use deskwire_core::time::Timestamp;
use deskwire_history::event_not_found;

use crate::Console;
use crate::answer::{Failure, answer};
use crate::asked::Asked;
use crate::badge::Badge;
use crate::page::{Page, Section};
use crate::prose::Prose;
use crate::run_row::{RunRow, segment};
use crate::show::{Moment, cut, pretty};

#[derive(Template)]
#[template(path = "event.html")]
struct EventPage {
    page: Page,
    event: EventSummary,
    badge: Badge,
    why: Prose,
    rejected: bool,
    subject_href: String,
    /// When it happened, by the provider's clock; a rejected body says no such thing.
    time: Option<Moment>,
    received: Moment,
    declined: Vec<(String, Prose)>,
    caption: &'static str,
    rows: Vec<RunRow>,
    body: String,
    personal: bool,
    personal_href: String,
    body_bytes: usize,
}

/// The address of an event's page.
pub(crate) fn event_href(source: &str, id: &str) -> String {
    format!("/console/events/{}/{}", segment(source), segment(id))
}

pub(crate) async fn by_number(
    State(console): State<Arc<Console>>,
    number: Result<Path<String>, PathRejection>,
    RawQuery(query): RawQuery,
) -> Result<Html<String>, Failure> {
    let Ok(Path(number)) = number else { return Err(Failure::NoSuchPage) };
    show(&console, number, query.as_deref()).await
}

pub(crate) async fn by_id(
    State(console): State<Arc<Console>>,
    reference: Result<Path<(String, String)>, PathRejection>,
    RawQuery(query): RawQuery,
) -> Result<Html<String>, Failure> {
    let Ok(Path((source, id))) = reference else { return Err(Failure::NoSuchPage) };
    show(&console, format!("{source}/{id}"), query.as_deref()).await
}

async fn show(console: &Console, reference: String, query: Option<&str>) -> Result<Html<String>, Failure> {
    let Some(detail) = console.history.event(&reference).await? else {
        return Err(event_not_found(console.history.as_ref(), &reference).await?.into());
    };
    let asked = Asked::read(query).alone();
    answer(&page(detail, &asked, console.clock.now()))
}

fn page(detail: EventDetail, asked: &Asked, now: Timestamp) -> EventPage {
    let event = detail.summary;
    let rejected = event.state == EventState::Rejected;
    let title = if rejected { format!("Event {}: rejected", event.number) } else { event.kind.clone() };
    let rest = format!("deskwire events show {}", event.number);
    // A body that could not be read says nothing about which of its fields are personal.
    let hidden = detail.event.as_ref().filter(|_| !asked.personal).map(|event| redact_event(event).data);
    let personal_href =
        Asked { personal: !asked.personal, ..asked.clone() }.link(&event_href(&event.source, &event.id));
    EventPage {
        page: Page::new(title, Section::Events),
        badge: event.state.into(),
        why: Prose::new(&why(&event, detail.runs.len())),
        rejected,
        subject_href: Asked::about(&event.subject).link("/console"),
        time: detail.event.map(|event| Moment::new(event.time, now)),
        received: Moment::new(event.received_at, now),
        declined: detail.declined.iter().map(|one| (one.workflow.to_string(), Prose::new(&one.reason))).collect(),
        caption: "Runs of this event",
        rows: detail.runs.iter().map(|run| RunRow::new(run, now)).collect(),
        body_bytes: detail.body.as_str().len(),
        body: body(hidden.as_ref().unwrap_or(&detail.body), &rest),
        personal: asked.personal,
        personal_href,
        event,
    }
}

fn why(event: &EventSummary, runs: usize) -> String {
    match (event.state, &event.reason) {
        (EventState::Accepted, _) if runs == 1 => "One workflow wanted it.".to_owned(),
        (EventState::Accepted, _) => format!("It started {runs} runs, replays included."),
        (EventState::Unwanted, Some(reason)) => format!("No workflow wanted it: {reason}"),
        (EventState::Unwanted, None) => "No workflow wanted it.".to_owned(),
        (EventState::Rejected, Some(reason)) => reason.clone(),
        (EventState::Rejected, None) => "It was signed, but is not what the provider should send.".to_owned(),
    }
}

/// The body over several lines where it is JSON, as it came where it is not.
fn body(text: &JsonText, rest: &str) -> String {
    match text.value() {
        Ok(value) => pretty(&value, rest),
        Err(_) => cut(text.as_str().to_owned(), rest),
    }
}
