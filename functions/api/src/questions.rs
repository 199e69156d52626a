//! One function for each question.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::Json;
use axum::body::Bytes;
use axum::extract::{Path, Query, State};
use axum::response::{IntoResponse, Response};
use deskwire_core::ids::{EventId, RunId, StepPath, WorkflowName};
use deskwire_core::personal::{event_schemas, masked, personal_values, redact, redact_run};
use deskwire_core::ports::{Filter, RunDetail};
use deskwire_core::run::Entry;
use deskwire_core::time::{BadDuration, BadTimestamp, Timestamp, read_duration};
use deskwire_history::{NotFound, Plan, Shape, Specs, event_not_found, refusal_of, run_not_found, unknown_steps};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::Api;
use crate::answer::Failure;
use crate::endpoints::ENDPOINTS;

type Asked = Query<BTreeMap<String, String>>;

const MOST: usize = 1_000;
const USUAL: usize = 50;

pub(crate) async fn events(State(api): State<Arc<Api>>, Query(query): Asked) -> Response {
    let found = async {
        let filter = filter(&api, "/api/v1/events", &query)?;
        let items = api.store.events(filter.clone()).await?;
        let next = next(items.len(), &filter, items.last().map(|last| last.number));
        Ok(json!({ "items": items, "next": next }))
    };
    done(&api, found.await)
}

pub(crate) async fn event(State(api): State<Arc<Api>>, Path(reference): Path<String>, Query(query): Asked) -> Response {
    let found = async {
        let personal = personal(&query)?;
        let Some(detail) = api.store.event(&reference).await? else {
            return Err(missing(&event_not_found(api.store.as_ref(), &reference).await?, "/api/v1/events"));
        };
        let mut data = detail.body.value().ok();
        let mut summary = detail.summary.clone();
        if !personal && let Some(value) = &mut data {
            for schema in event_schemas(&detail.summary.kind) {
                summary.reason = summary.reason.map(|reason| masked(&reason, &personal_values(value, schema)));
                *value = redact(value, schema);
            }
        }
        Ok(json!({ "event": summary, "data": data, "declined": detail.declined, "runs": detail.runs }))
    };
    done(&api, found.await)
}

pub(crate) async fn runs(State(api): State<Arc<Api>>, Query(query): Asked) -> Response {
    let found = async {
        let filter = filter(&api, "/api/v1/runs", &query)?;
        let items = api.store.runs(filter.clone()).await?;
        let next = next(items.len(), &filter, items.last().map(|last| last.number));
        Ok(json!({ "items": items, "next": next }))
    };
    done(&api, found.await)
}

pub(crate) async fn run(State(api): State<Arc<Api>>, Path(id): Path<String>, Query(query): Asked) -> Response {
    let found = async {
        let personal = personal(&query)?;
        let run = the_run(&api, &id).await?;
        let text = api.store.version_text(&run.summary.workflow, &run.summary.version).await?;
        let shape = text.and_then(|text| Shape::compile(text, &api.actions, &api.templates));
        let specs = Specs::new(shape.as_ref(), &run.journal, &api.actions);
        let shown = if personal { run.clone() } else { redact_run(&run, |path: &StepPath| specs.get(path)) };
        Ok(json!({ "run": shown.summary, "event": shown.event.to_json().ok(), "journal": shown.journal }))
    };
    done(&api, found.await)
}

pub(crate) async fn replay_preview(State(api): State<Arc<Api>>, Path(id): Path<String>) -> Response {
    let found = async {
        let run = the_run(&api, &id).await?;
        let plan = replay_plan(&run)?;
        Ok(json!({ "run": run.summary.id, "done": plan.done, "unknown": plan.unknown, "failed": plan.failed }))
    };
    done(&api, found.await)
}

pub(crate) async fn replay(State(api): State<Arc<Api>>, Path(id): Path<String>) -> Response {
    let found = async {
        let run = the_run(&api, &id).await?;
        let plan = replay_plan(&run)?;
        let now = api.clock.now();
        let new_run = RunId::generate(now, api.random.as_ref());
        let replayed = api.store.replay(&run.summary.id, new_run.clone(), plan.keep, now).await?;
        if replayed.is_none() {
            return Err(Failure::Conflict("The run changed meanwhile; look at it again".to_owned()));
        }
        Ok(json!({ "replayed": run.summary.id, "run": new_run }))
    };
    done(&api, found.await)
}

/// What a person says about an unknown step.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Decision {
    step: Option<String>,
    happened: bool,
    #[serde(default)]
    output: Value,
}

pub(crate) async fn settle(State(api): State<Arc<Api>>, Path(id): Path<String>, body: Bytes) -> Response {
    let found = async {
        let said: Decision = deskwire_core::json::from_slice(&body).map_err(|error| {
            Failure::BadRequest(format!("The body is no decision ({error}); send {{\"happened\": true}} or false"))
        })?;
        let run = the_run(&api, &id).await?;
        let unknown = unknown_steps(&run.journal);
        let names = || unknown.iter().map(StepPath::as_str).collect::<Vec<_>>().join(", ");
        let step = match (&said.step, unknown.as_slice()) {
            (_, []) => return Err(Failure::Conflict("No step of this run is unknown".to_owned())),
            (Some(step), all) => all.iter().find(|path| path.as_str() == step),
            (None, [only]) => Some(only),
            (None, _) => None,
        };
        let Some(step) = step.cloned() else {
            return Err(Failure::BadRequest(format!("`step` has to be one of those that are unknown: {}", names())));
        };
        let at = api.clock.now();
        let output = if said.output.is_null() { json!({}) } else { said.output };
        let decided = Entry::Decided { step: step.clone(), at, happened: said.happened, output };
        if !api.store.decide(&run.summary.id, vec![decided], at).await? {
            return Err(Failure::Conflict("The run is not unknown any more; look at it again".to_owned()));
        }
        Ok(json!({ "run": run.summary.id, "step": step, "happened": said.happened }))
    };
    done(&api, found.await)
}

pub(crate) async fn workflows(State(api): State<Arc<Api>>) -> Response {
    let found = async { Ok(json!({ "items": api.store.deployed().await? })) };
    done(&api, found.await)
}

pub(crate) async fn activate(State(api): State<Arc<Api>>, Path(name): Path<String>) -> Response {
    let switched = switch(&api, &name, true).await;
    done(&api, switched)
}

pub(crate) async fn deactivate(State(api): State<Arc<Api>>, Path(name): Path<String>) -> Response {
    let switched = switch(&api, &name, false).await;
    done(&api, switched)
}

async fn switch(api: &Api, name: &str, active: bool) -> Result<Value, Failure> {
    let missing = || Failure::Missing(format!("No workflow `{name}` is in force; /api/v1/workflows lists them"));
    let parsed = WorkflowName::parse(name).map_err(|_| missing())?;
    if !api.store.set_active(&parsed, active, api.clock.now()).await? {
        return Err(missing());
    }
    Ok(json!({ "name": name, "active": active }))
}

pub(crate) async fn connections(State(api): State<Arc<Api>>) -> Response {
    let found = async {
        // One whose record cannot be read is left out here, and told of by `deskwire doctor`.
        let states = api.store.token_states().await?;
        let line = |state: &deskwire_core::token::TokenState| {
            json!({
                "connection": state.connection, "standing": state.standing, "reason": state.reason,
                "since": state.since, "expires_at": state.expires_at, "account": state.account,
            })
        };
        Ok(json!({ "items": states.iter().map(line).collect::<Vec<_>>() }))
    };
    done(&api, found.await)
}

pub(crate) async fn ready(State(api): State<Arc<Api>>) -> Response {
    let ready = api.store.ready().await.map(|()| json!({ "status": "ready" })).map_err(Failure::from);
    done(&api, ready)
}

fn done(api: &Api, found: Result<Value, Failure>) -> Response {
    match found {
        Ok(value) => Json(value).into_response(),
        Err(failure) => failure.answer(api),
    }
}

/// An id that led to nothing, and where those that there are stand.
fn missing(why: &NotFound, list: &str) -> Failure {
    let mut words = why.to_string();
    if let Some(first) = words.get_mut(..1) {
        first.make_ascii_uppercase();
    }
    Failure::Missing(format!("{words}; {list} lists them"))
}

async fn the_run(api: &Api, id: &str) -> Result<RunDetail, Failure> {
    match api.store.run(id).await? {
        Some(run) => Ok(run),
        None => Err(missing(&run_not_found(api.store.as_ref(), id).await?, "/api/v1/runs")),
    }
}

fn replay_plan(run: &RunDetail) -> Result<Plan, Failure> {
    match refusal_of(run, false) {
        Some(why) => Err(Failure::Conflict(why)),
        None => Ok(Plan::of(&run.journal, false)),
    }
}

fn personal(query: &BTreeMap<String, String>) -> Result<bool, Failure> {
    match query.get("personal").map(String::as_str) {
        None | Some("false") => Ok(false),
        Some("true") => Ok(true),
        Some(other) => Err(Failure::BadRequest(format!("`personal` is true or false, and `{other}` was given"))),
    }
}

/// What a list is asked for. Every parameter that is not understood is named.
fn filter(api: &Api, path: &str, query: &BTreeMap<String, String>) -> Result<Filter, Failure> {
    let known = ENDPOINTS.iter().find(|one| one.path == path && one.method == "get").map_or(&[][..], |one| one.query);
    let mut filter = Filter { limit: USUAL, ..Filter::default() };
    let bad = |name: &str, value: &str, wanted: &str| {
        Failure::BadRequest(format!("`{name}` is {wanted}, and `{value}` was given"))
    };
    for (name, value) in query {
        let Some((_, about)) = known.iter().find(|(known, _)| known == name) else {
            let names: Vec<_> = known.iter().map(|(name, _)| *name).collect();
            return Err(Failure::BadRequest(format!(
                "There is no parameter `{name}`; there are: {}",
                names.join(", ")
            )));
        };
        match name.as_str() {
            "source" => filter.source = Some(value.clone()),
            "workflow" => filter.workflow = Some(value.clone()),
            "subject" => filter.subject = Some(value.clone()),
            "type" => filter.kind = Some(value.clone()),
            "event" => filter.event = Some(EventId::new(value.clone())),
            "state" if about.split([',', ' ']).any(|word| word == value) => filter.state = Some(value.clone()),
            "since" | "until" => {
                let wanted = || bad(name, value, "a time such as 2026-11-23T09:00:00Z or a duration such as 2h");
                let time = match read_duration(value) {
                    Ok(ago) => api.clock.now().minus(ago),
                    Err(long @ BadDuration::TooLong) => {
                        return Err(Failure::BadRequest(format!("`{name}` is `{value}`: {long}")));
                    }
                    Err(BadDuration::NoDuration) => Timestamp::parse(value).map_err(|why| match why {
                        BadTimestamp::NoTime(_) => wanted(),
                        BadTimestamp::TooFar(_) => Failure::BadRequest(format!("`{name}`: {why}")),
                    })?,
                };
                *(if name == "since" { &mut filter.since } else { &mut filter.until }) = Some(time);
            }
            "after" => filter.after = Some(value.parse().map_err(|_| bad(name, value, "a number"))?),
            "order" if value == "newest" || value == "oldest" => filter.oldest_first = value == "oldest",
            "limit" => {
                let limit = value.parse().ok().filter(|limit| (1..=MOST).contains(limit));
                filter.limit = limit.ok_or_else(|| bad(name, value, "a number from 1 to 1000"))?;
            }
            _ => return Err(bad(name, value, about)),
        }
    }
    if filter.after.is_some() {
        // Pages go upwards.
        filter.oldest_first = true;
    }
    Ok(filter)
}

/// Where the next page begins, if there may be one. Only lists that go upwards have pages.
fn next(found: usize, filter: &Filter, last: Option<i64>) -> Option<i64> {
    last.filter(|_| found == filter.limit && filter.oldest_first)
}
