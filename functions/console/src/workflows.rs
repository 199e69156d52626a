//! `GET /console/workflows`: the workflows in force, what starts each, and how its runs went lately.

use std::sync::Arc;

use askama::Template;
use axum::extract::State;
use axum::response::Html;
use deskwire_core::ports::{Deployed, Filter, RunSummary};
use deskwire_core::run::RunState;
use deskwire_core::time::Timestamp;
use deskwire_history::Shape;
use deskwire_workflows::Trigger;

use crate::Console;
use crate::answer::{Failure, answer};
use crate::asked::{Asked, Since};
use crate::badge::{Badge, GOOD, QUIET};
use crate::page::{Page, Section};
use crate::run_row::run_href;
use crate::show::Moment;

/// The most runs of one workflow that are counted.
const MOST_COUNTED: usize = 1_000;

#[derive(Template)]
#[template(path = "workflows.html")]
struct WorkflowsPage {
    page: Page,
    rows: Vec<WorkflowRow>,
}

struct WorkflowRow {
    name: String,
    version: String,
    runs_href: String,
    badge: Badge,
    description: String,
    /// What starts it, in words.
    trigger: String,
    applied: Moment,
    /// The next tick of its schedule.
    next: Option<Moment>,
    last: Option<LastRun>,
    /// How many runs of the last day stand where, with the list of them.
    lately: Vec<(Badge, usize, String)>,
    /// There are more than were counted.
    full: bool,
    /// The command that switches it on.
    activate: Option<String>,
}

struct LastRun {
    href: String,
    badge: Badge,
    at: Moment,
}

pub(crate) async fn list(State(console): State<Arc<Console>>) -> Result<Html<String>, Failure> {
    let now = console.clock.now();
    let mut rows = Vec::new();
    for deployed in console.registry.deployed().await? {
        let of = |limit| Filter { workflow: Some(deployed.name.to_string()), limit, ..Filter::default() };
        let last = console.history.runs(of(1)).await?.into_iter().next();
        let lately = Filter { since: Some(Since::Day.before(now)), ..of(MOST_COUNTED) };
        let lately = console.history.runs(lately).await?;
        let shape = Shape::compile(deployed.text.clone(), &console.actions, &console.templates);
        rows.push(row(&deployed, shape.as_ref(), last.as_ref(), &lately, now));
    }
    answer(&WorkflowsPage { page: Page::new("Workflows", Section::Workflows), rows })
}

fn row(
    deployed: &Deployed,
    shape: Option<&Shape>,
    last: Option<&RunSummary>,
    lately: &[RunSummary],
    now: Timestamp,
) -> WorkflowRow {
    let asked = Asked { workflow: Some(deployed.name.to_string()), ..Asked::default() };
    let workflow = shape.map(Shape::workflow);
    let next = workflow.filter(|_| deployed.active).and_then(|workflow| match &workflow.trigger {
        Trigger::Schedule(schedule) => schedule.next_after(now).ok().flatten(),
        _ => None,
    });
    let counted = RunState::ALL.into_iter().filter_map(|state| {
        let count = lately.iter().filter(|run| run.state == state).count();
        let href = Asked { state: Some(state.as_str().to_owned()), since: Some(Since::Day), ..asked.clone() };
        (count > 0).then(|| (state.into(), count, href.link("/console")))
    });
    WorkflowRow {
        name: deployed.name.to_string(),
        version: deployed.version.to_string(),
        runs_href: asked.link("/console"),
        badge: if deployed.active {
            Badge { word: "active", tone: GOOD }
        } else {
            Badge { word: "inactive", tone: QUIET }
        },
        description: workflow.and_then(|workflow| workflow.description.clone()).unwrap_or_default(),
        trigger: workflow.map_or_else(
            || "This Deskwire does not understand its file any more".to_owned(),
            |workflow| in_words(&workflow.trigger),
        ),
        applied: Moment::new(deployed.applied_at, now),
        next: next.map(|tick| Moment::new(tick.at, now)),
        last: last.map(|run| LastRun {
            href: run_href(run.id.as_str()),
            badge: run.state.into(),
            at: Moment::new(run.queued_at, now),
        }),
        lately: counted.collect(),
        full: lately.len() == MOST_COUNTED,
        activate: (!deployed.active).then(|| format!("deskwire workflows activate {}", deployed.name)),
    }
}

fn in_words(trigger: &Trigger) -> String {
    match trigger {
        Trigger::Event(trigger) => format!("{} from {}", trigger.events.join(", "), trigger.source),
        Trigger::Schedule(schedule) => format!("{} in {}", schedule.cron, schedule.zone),
        Trigger::Manual(inputs) if inputs.is_empty() => "by hand".to_owned(),
        Trigger::Manual(inputs) => {
            let names: Vec<&str> = inputs.iter().map(|input| input.name.as_str()).collect();
            format!("by hand, with {}", names.join(", "))
        }
    }
}
