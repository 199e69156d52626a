//! One workflow on one event, as far as it goes.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use deskwire_core::action::{Actions, EffectKey};
use deskwire_core::event::{Event, pattern_covers};
use deskwire_core::ids::{ConnectionName, Lane, RunId, StepPath};
use deskwire_core::personal::redact_run;
use deskwire_core::ports::{EventWait, Filter, History, RunDetail, RunSummary, Settlement, StoreResult, Work};
use deskwire_core::random::Random;
use deskwire_core::run::{Entry, Run, RunState};
use deskwire_core::time::{Clock, Timestamp};
use deskwire_engine::{Engine, EngineOptions, Shared, Versions};
use deskwire_history::{Shape, Specs};
use deskwire_templates::{Limits, Scope, Templates};
use deskwire_workflows::{Trigger, Wants, Workflow};
use serde::Serialize;
use serde_json::Value;

use crate::answers::{Answered, Book, Made, Through, answering};
use crate::recordings::Recordings;
use crate::scratch::Scratch;

/// The most deliveries of one trial: waits within a long loop end here.
const MOST_DELIVERIES: usize = 2_000;

/// The most later events that are looked through for one wait.
const MOST_LATER: usize = 1_000;

/// What the waits of a trial are given.
pub enum Later<'a> {
    /// These events, each at the moment when a wait asks for one like it.
    Given(Vec<Event>),
    /// What came after the event, at the time at which it came.
    Recorded(&'a dyn History),
}

/// A trial to make.
pub struct Trial<'a> {
    /// The actions: who answers through them, where something may.
    pub actions: &'a Actions,
    /// What may be called.
    pub through: Through,
    /// What earlier runs were answered.
    pub recordings: Recordings,
    /// What waits are given.
    pub later: Later<'a>,
    /// When the trial begins.
    pub now: Timestamp,
    /// For waits between attempts.
    pub random: Arc<dyn Random>,
}

/// A call that writes.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct PlannedCall {
    /// The step that makes it.
    pub step: StepPath,
    /// The action.
    pub action: String,
    /// Through which connection.
    pub connection: ConnectionName,
    /// With what.
    pub input: Value,
}

/// What a trial came to.
#[derive(Debug, Clone)]
pub struct Outcome {
    /// The run, as the history would have kept it.
    pub run: RunDetail,
    /// The calls that write, in their order, whether they were made or not.
    pub calls: Vec<PlannedCall>,
    /// Who answered which step last.
    pub answers: BTreeMap<StepPath, Answered>,
}

impl Outcome {
    /// The steps whose read nobody answered: without their answers nothing after them is certain.
    pub fn unanswered(&self) -> Vec<&StepPath> {
        self.answers.iter().filter(|(_, answered)| **answered == Answered::Nobody).map(|(step, _)| step).collect()
    }

    /// The same with everything personal hidden.
    #[must_use]
    pub fn redacted(&self, shape: Option<&Shape>, actions: &Actions) -> Self {
        let specs = Specs::new(shape, &self.run.journal, actions);
        let run = redact_run(&self.run, |path| specs.get(path));
        let shown: HashMap<&StepPath, &Value> = run
            .journal
            .iter()
            .filter_map(|entry| match entry {
                Entry::Done { step, input, .. } | Entry::Attempt { step, input, .. } => Some((step, input)),
                _ => None,
            })
            .collect();
        let calls = self.calls.iter().map(|call| PlannedCall {
            input: shown.get(&call.step).map_or(Value::Null, |input| (*input).clone()),
            ..call.clone()
        });
        Self { calls: calls.collect(), answers: self.answers.clone(), run }
    }
}

/// Does the workflow want the event? If not, why not. Whether it is active is not asked.
pub fn verdict(workflow: &Workflow, event: &Event) -> Result<(), String> {
    let mut scope = Scope::new();
    match event.to_json() {
        Ok(value) => scope.set("event", &value),
        Err(error) => return Err(format!("the stored event cannot be read: {error}")),
    }
    let own = format!("workflow:{}", workflow.name);
    let by = match &workflow.trigger {
        Trigger::Event(trigger) => match workflow.wants(event, true, || &scope) {
            Wants::Yes => return Ok(()),
            Wants::Declined(reason) => return Err(reason),
            Wants::No => format!("{} from {}", trigger.events.join(", "), trigger.source),
        },
        Trigger::Schedule(_) if event.kind == "schedule.tick" && event.subject == own => return Ok(()),
        Trigger::Manual(_) if event.kind == "manual.run" && event.subject.starts_with(&format!("{own}:")) => {
            return Ok(());
        }
        Trigger::Schedule(_) => "its schedule".to_owned(),
        Trigger::Manual(_) => "hand".to_owned(),
    };
    Err(format!("it is started by {by}, and this is {} from {}", event.kind, event.source))
}

/// A clock that stands still until it is moved.
struct TrialClock(AtomicI64);

impl TrialClock {
    fn jump(&self, to: Timestamp) {
        self.0.fetch_max(to.as_millis(), Ordering::Relaxed);
    }
}

impl Clock for TrialClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_millis(self.0.load(Ordering::Relaxed))
    }
}

impl Trial<'_> {
    /// Runs the workflow on the event, whether its trigger wants it or not.
    pub async fn run(self, workflow: &Arc<Workflow>, event: Event) -> StoreResult<Outcome> {
        let options = EngineOptions::default();
        let clock = Arc::new(TrialClock(AtomicI64::new(self.now.as_millis())));
        let run = new_run(workflow, event, self.now, self.random.as_ref());
        let book = Book::new(self.recordings.sorted_for(&run));
        let scratch = Arc::new(Scratch::new(run));
        let work: Arc<dyn Work> = scratch.clone();
        let actions = answering(self.actions, self.through, &book);
        let templates = Templates::new(Limits::default());
        let versions = Versions::new(Arc::clone(&work), actions, templates, std::slice::from_ref(workflow));
        let engine = Engine::new(work, versions, clock.clone(), self.random, options);
        let mut later = self.later;
        let mut end = (RunState::Waiting, format!("The trial was ended after {MOST_DELIVERIES} waits"));
        for _ in 0..MOST_DELIVERIES {
            engine.execute(scratch.hand_out(clock.now(), options.lease), &Shared::default()).await?;
            match scratch.settlement() {
                Some(Settlement::Over { state, reason }) => {
                    end = (state, reason);
                    break;
                }
                // What would be tried again later is not worth waiting for here.
                Some(Settlement::Again { reason, .. }) => {
                    end = (RunState::Retrying, reason);
                    break;
                }
                Some(Settlement::Block { reason, .. }) => {
                    end = (RunState::Waiting, reason);
                    break;
                }
                Some(Settlement::Park { reason, .. } | Settlement::GiveWay { reason }) => {
                    end = (RunState::Unknown, reason);
                    break;
                }
                Some(Settlement::Wait { until, event, .. }) => {
                    let arrived = match &event {
                        Some(wait) => later.next(wait, until, &scratch, clock.now()).await?,
                        None => None,
                    };
                    clock.jump(arrived.as_ref().map_or(until, |event| event.received_at));
                    scratch.with(|run| run.arrived.extend(arrived));
                }
                // The engine settles every delivery that it does not fail.
                None => break,
            }
        }
        Ok(scratch.with(|run| outcome(run, end, clock.now(), &book.made())))
    }
}

impl Later<'_> {
    /// The next event that a wait is woken for, if one comes before the wait's end.
    async fn next(
        &mut self,
        wait: &EventWait,
        until: Timestamp,
        scratch: &Scratch,
        now: Timestamp,
    ) -> StoreResult<Option<Event>> {
        let fits = |source: &str, kind: &str, subject: &str| {
            source == wait.source.as_str()
                && subject == wait.subject
                && wait.events.iter().any(|pattern| pattern_covers(pattern, kind))
        };
        match self {
            Later::Given(events) => {
                let found = events.iter().position(|event| fits(event.source.as_str(), &event.kind, &event.subject));
                Ok(found.map(|at| Event { received_at: now, ..events.remove(at) }))
            }
            Later::Recorded(history) => {
                let filter = Filter {
                    source: Some(wait.source.to_string()),
                    subject: Some(wait.subject.clone()),
                    since: Some(wait.since),
                    until: Some(until),
                    oldest_first: true,
                    limit: MOST_LATER,
                    ..Filter::default()
                };
                let own = scratch.with(|run| (run.event.source.clone(), run.event.id.clone()));
                let came = history.events(filter).await?.into_iter();
                let mut came = came.filter(|event| {
                    fits(&event.source, &event.kind, &event.subject)
                        && (event.source.as_str(), event.id.as_str()) != (own.0.as_str(), own.1.as_str())
                });
                let Some(next) = came.nth(wait.seen) else { return Ok(None) };
                Ok(history.event(&next.number.to_string()).await?.and_then(|found| found.event))
            }
        }
    }
}

fn new_run(workflow: &Workflow, event: Event, now: Timestamp, random: &dyn Random) -> Run {
    Run {
        id: RunId::generate(now, random),
        workflow: workflow.name.clone(),
        version: workflow.version.clone(),
        lane: Lane::of(&workflow.name, &event.subject),
        event,
        replay: 0,
        queued_at: now,
        deliveries: 0,
        interrupted: false,
        broken_off: 0,
        parked: false,
        journal: Vec::new(),
        changed_at: None,
        newest_before: None,
        arrived: Vec::new(),
        changes: Vec::new(),
    }
}

fn outcome(run: &Run, (state, reason): (RunState, String), now: Timestamp, made: &[Made]) -> Outcome {
    let steps: HashMap<EffectKey, &StepPath> =
        run.journal.iter().filter_map(Entry::step).map(|step| (run.effect_key(step), step)).collect();
    let (mut calls, mut answers) = (Vec::new(), BTreeMap::new());
    for made in made {
        let Some(step) = steps.get(&made.key).copied() else { continue };
        answers.insert(step.clone(), made.answered.clone());
        if made.writes {
            calls.push(PlannedCall {
                step: step.clone(),
                action: made.action.to_owned(),
                connection: made.connection.clone(),
                input: made.input.clone(),
            });
        }
    }
    let summary = RunSummary {
        number: 0,
        id: run.id.clone(),
        workflow: run.workflow.clone(),
        version: run.version.clone(),
        state,
        reason: Some(reason),
        source: run.event.source.to_string(),
        event_id: run.event.id.to_string(),
        event_type: run.event.kind.clone(),
        subject: run.event.subject.clone(),
        queued_at: run.queued_at,
        ended_at: state.is_over().then_some(now),
        due_at: None,
        deliveries: run.deliveries,
        replay: 0,
    };
    Outcome {
        run: RunDetail { summary, journal: run.journal.clone(), event: run.event.clone(), unreadable: 0 },
        calls,
        answers,
    }
}
