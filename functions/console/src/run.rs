//! `GET /console/runs/{id}`: one run, why it ended as it did, and its steps on a common time axis.

use std::sync::Arc;

use askama::Template;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, RawQuery, State};
use axum::response::Html;
use deskwire_core::ids::StepPath;
use deskwire_core::personal::redact_run;
use deskwire_core::ports::{Filter, RunDetail, RunSummary};
use deskwire_core::run::RunState;
use deskwire_core::time::Timestamp;
use deskwire_history::{Shape, Specs, run_not_found, unknown_steps, why};

use crate::Console;
use crate::answer::{Failure, answer};
use crate::asked::Asked;
use crate::badge::{Badge, needs_a_person};
use crate::event::event_href;
use crate::page::{Page, Section};
use crate::prose::Prose;
use crate::run_row::{RunRow, run_href};
use crate::show::{Moment, took};
use crate::timeline::{LENGTH, Timeline, timeline};

#[derive(Template)]
#[template(path = "run.html")]
struct RunPage {
    page: Page,
    run: RunSummary,
    badge: Badge,
    why: Prose,
    /// Something is still to come, so following makes sense.
    open: bool,
    refresh_href: String,
    /// The page with personal fields shown, or hidden where they are.
    personal_href: String,
    personal: bool,
    event_href: String,
    subject_href: String,
    event_time: Moment,
    queued: Moment,
    ended: Option<Moment>,
    due: Option<Due>,
    duration: Option<String>,
    /// The commands that say what became of the steps that may have happened.
    settle: Vec<String>,
    /// What a person can do about a run that did not get through; the command that replays it follows.
    remedy: Option<&'static str>,
    axis_length: u128,
    timeline: Timeline,
    caption: &'static str,
    rows: Vec<RunRow>,
}

/// When something happens next by itself.
struct Due {
    label: &'static str,
    at: Moment,
}

pub(crate) async fn show(
    State(console): State<Arc<Console>>,
    id: Result<Path<String>, PathRejection>,
    RawQuery(query): RawQuery,
) -> Result<Html<String>, Failure> {
    let Ok(Path(id)) = id else { return Err(Failure::NoSuchPage) };
    let Some(detail) = console.history.run(&id).await? else {
        return Err(run_not_found(console.history.as_ref(), &id).await?.into());
    };
    let siblings = console.history.runs(siblings_of(&detail.summary)).await?;
    let asked = Asked::read(query.as_deref());
    let (name, version) = (&detail.summary.workflow, &detail.summary.version);
    let text = console.history.version_text(name, version).await?;
    let shape = text.and_then(|text| Shape::compile(text, &console.actions, &console.templates));
    let shown = if asked.personal {
        detail
    } else {
        let specs = Specs::new(shape.as_ref(), &detail.journal, &console.actions);
        redact_run(&detail, |step| specs.get(step))
    };
    answer(&page(&shown, shape.as_ref(), &siblings, &asked, console.clock.now()))
}

/// The runs of the same workflow on the same event.
fn siblings_of(run: &RunSummary) -> Filter {
    Filter {
        source: Some(run.source.clone()),
        event: Some(deskwire_core::ids::EventId::new(run.event_id.as_str())),
        workflow: Some(run.workflow.to_string()),
        ..Filter::default()
    }
}

fn page(detail: &RunDetail, shape: Option<&Shape>, siblings: &[RunSummary], asked: &Asked, now: Timestamp) -> RunPage {
    let run = detail.summary.clone();
    let open = !(run.state.is_over() || (run.state == RunState::Unknown && run.due_at.is_none()));
    let title = format!("{}: {}", run.workflow, run.state.as_str());
    let link = |asked: Asked| asked.alone().link(&run_href(run.id.as_str()));
    let replayed = siblings.iter().any(|other| other.replay > run.replay);
    RunPage {
        page: Page::new(title, Section::Runs).following(asked.refresh && open),
        badge: run.state.into(),
        why: Prose::new(why(run.state, run.reason.as_deref())),
        open,
        refresh_href: link(Asked { refresh: !asked.refresh, ..asked.clone() }),
        personal_href: link(Asked { personal: !asked.personal, ..asked.clone() }),
        personal: asked.personal,
        event_href: event_href(&run.source, &run.event_id),
        subject_href: Asked::about(&run.subject).link("/console"),
        event_time: Moment::new(detail.event.time, now),
        queued: Moment::new(run.queued_at, now),
        ended: run.ended_at.map(|ended| Moment::new(ended, now)),
        due: due(&run, now),
        duration: run.ended_at.map(|ended| took(ended.since(run.queued_at))),
        settle: if run.state == RunState::Unknown { settle(detail) } else { Vec::new() },
        remedy: remedy(run.state, replayed),
        axis_length: LENGTH,
        timeline: timeline(detail, shape, now),
        caption: "Other runs of this workflow on the same event",
        rows: siblings.iter().filter(|other| other.id != run.id).map(|other| RunRow::new(other, now)).collect(),
        run,
    }
}

fn due(run: &RunSummary, now: Timestamp) -> Option<Due> {
    let label = match run.state {
        RunState::Retrying => "Next try",
        RunState::Waiting => "Wait ends at the latest",
        RunState::Unknown => "Later events go on",
        _ => return None,
    };
    run.due_at.map(|at| Due { label, at: Moment::new(at, now) })
}

fn settle(run: &RunDetail) -> Vec<String> {
    let command =
        |step: &StepPath, word: &str| format!("deskwire runs settle {} --step {step} --{word}", run.summary.id);
    let steps = unknown_steps(&run.journal);
    steps.iter().flat_map(|step| ["happened", "did-not-happen"].map(|word| command(step, word))).collect()
}

fn remedy(state: RunState, replayed: bool) -> Option<&'static str> {
    needs_a_person(state).then_some(match state {
        _ if replayed => "It was replayed already; the newer run is listed below. To replay it once more:",
        RunState::Unknown => "If it did not happen, this does it again and goes on from there:",
        _ => "When the cause is mended, this goes on where the run stopped; steps that are done are not called again:",
    })
}
