//! Whole runs in virtual time: each of the real stores, a scripted outside, a clock that is moved by hand.

mod blocked;
mod brittle;
mod broken_off;
mod clock;
mod flow;
mod loops;
mod place;
mod properties;
mod runners;
mod stories;
mod tokens;
mod waits;
mod words;

use std::collections::{BTreeMap, VecDeque};
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use deskwire_core::BoxFuture;
use deskwire_core::action::{Action, ActionSpec, Actions, Call, CallError, Effect, ErrorClass, HoldKey};
use deskwire_core::event::{ChangeFacts, Event, JsonText};
use deskwire_core::ids::{EventId, Lane, RunId, SourceName};
use deskwire_core::ports::{Arrival, RunDetail, Wanted, Work};
use deskwire_core::random::SeededRandom;
use deskwire_core::time::{Clock, Timestamp};
use deskwire_storage::SqliteStore;
use deskwire_templates::{Limits, Templates};
use deskwire_workflows::{Options, SourceFile, Workflow};
use serde_json::{Value, json};
use tokio::sync::Notify;

use place::{Place, Placed};

use crate::{Engine, EngineOptions, Shared, Versions};

/// What the outside does with one call.
#[derive(Debug, Clone, PartialEq)]
enum Turn {
    /// It happens and the answer comes.
    Answer,
    /// It does not happen, and that is known.
    Retry,
    /// As `Retry`, with a wait for everybody.
    RateLimited(Duration),
    /// It does not happen and never will.
    Fail,
    /// It does not happen: the connection needs a person.
    NeedsPerson,
    /// It does not happen: there is no token in the middle of the call.
    NoToken,
    /// It happens, and the answer is lost.
    LostAfter,
    /// It does not happen, and nobody learns that.
    LostBefore,
    /// It does not happen, and no answer ever comes.
    Silence,
    /// It happens, and our process is killed before the answer.
    KilledAfter,
    /// Our process is killed before anything happens.
    KilledBefore,
    /// Our code panics before anything happens.
    Panic,
}

/// The provider's side.
#[derive(Default)]
struct Outside {
    /// Effects by key, in order.
    effects: Mutex<Vec<(String, Value)>>,
    /// Every call: action and input.
    calls: Mutex<Vec<(String, Value)>>,
    /// What comes next, by action; `Answer` when there is nothing.
    turns: Mutex<BTreeMap<String, VecDeque<Turn>>>,
    /// What comes next for looks: an error instead of an answer.
    failing_looks: Mutex<VecDeque<ErrorClass>>,
    /// Told when our process is to be killed.
    kill: Notify,
    /// What comes next of getting a token; one is there when there is nothing.
    tokens: Mutex<VecDeque<tokens::Token>>,
}

impl Outside {
    fn plan(&self, action: &str, turns: impl IntoIterator<Item = Turn>) {
        self.turns.lock().unwrap().entry(action.to_owned()).or_default().extend(turns);
    }

    fn effects_of(&self, action: &str) -> usize {
        self.effects.lock().unwrap().iter().filter(|(key, _)| key.starts_with(action)).count()
    }

    fn calls_of(&self, action: &str) -> usize {
        self.calls.lock().unwrap().iter().filter(|(name, _)| name == action).count()
    }
}

struct Scripted {
    spec: ActionSpec,
    outside: Arc<Outside>,
}

impl Scripted {
    fn happen(&self, call: &Call<'_>) {
        let key = format!("{}|{}", self.spec.name, call.key.0);
        let mut effects = self.outside.effects.lock().unwrap();
        // A keyed provider recognises its key, and an idempotent one has nothing to add.
        let once = matches!(self.spec.effect, Effect::Keyed { .. } | Effect::Idempotent);
        if !(once && effects.iter().any(|(known, _)| *known == key)) {
            effects.push((key, call.input.clone()));
        }
    }
}

impl Action for Scripted {
    fn spec(&self) -> &ActionSpec {
        &self.spec
    }

    fn hold_keys(&self, call: Call<'_>) -> Vec<HoldKey> {
        vec![HoldKey(format!("{}|{}", call.connection, self.spec.name))]
    }

    fn prepare<'a>(&'a self, _: Call<'a>) -> BoxFuture<'a, Result<(), CallError>> {
        Box::pin(tokens::next(&self.outside))
    }

    fn call<'a>(&'a self, call: Call<'a>) -> BoxFuture<'a, Result<Value, CallError>> {
        Box::pin(async move {
            self.outside.calls.lock().unwrap().push((self.spec.name.to_owned(), call.input.clone()));
            let turn = self.outside.turns.lock().unwrap().get_mut(self.spec.name).and_then(VecDeque::pop_front);
            let unknown = || CallError::new(ErrorClass::Unknown, "timeout", "the answer did not come in time");
            match turn.unwrap_or(Turn::Answer) {
                Turn::Answer => {
                    self.happen(&call);
                    Ok(json!({ "said": call.input.get("say"), "big": 19_856_122_753_300_u64 }))
                }
                Turn::Retry => Err(CallError::new(ErrorClass::Retry, "busy", "the provider is busy")),
                Turn::RateLimited(wait) => {
                    let hold = self.hold_keys(call).remove(0);
                    Err(CallError::rate_limited("ratelimited", "slow down", wait, hold))
                }
                Turn::Fail => Err(CallError::new(ErrorClass::Fail, "not_found", "there is no such thing")),
                Turn::NeedsPerson => {
                    Err(CallError::new(ErrorClass::NeedsReauthorization, "token_revoked", "the token was revoked"))
                }
                Turn::NoToken => Err(CallError::no_token("there is no token", None)),
                Turn::LostAfter => {
                    self.happen(&call);
                    Err(unknown())
                }
                Turn::LostBefore => Err(unknown()),
                Turn::Silence => std::future::pending().await,
                Turn::KilledAfter => {
                    self.happen(&call);
                    self.outside.kill.notify_one();
                    std::future::pending().await
                }
                Turn::KilledBefore => {
                    self.outside.kill.notify_one();
                    std::future::pending().await
                }
                Turn::Panic => panic!("a fault of ours"),
            }
        })
    }

    fn look<'a>(&'a self, call: Call<'a>) -> BoxFuture<'a, Result<Option<Value>, CallError>> {
        Box::pin(async move {
            if let Some(class) = self.outside.failing_looks.lock().unwrap().pop_front() {
                return Err(CallError::new(class, "look_failed", "the history cannot be read"));
            }
            let key = format!("{}|{}", self.spec.name, call.key.0);
            let found = self.outside.effects.lock().unwrap().iter().any(|(known, _)| *known == key);
            Ok(found.then(|| json!({ "said": call.input.get("say") })))
        })
    }
}

const SETTLE: Duration = Duration::from_secs(2);
const KEY_WINDOW: Duration = Duration::from_hours(2);

fn actions(outside: &Arc<Outside>) -> Actions {
    let kinds = [
        ("test.read", Effect::Read),
        ("test.idempotent", Effect::Idempotent),
        ("test.keyed", Effect::Keyed { window: KEY_WINDOW, look: false }),
        ("test.detectable", Effect::Detectable { settle: SETTLE }),
        ("test.unprovable", Effect::Unprovable),
    ];
    Actions::new(kinds.map(|(name, effect)| {
        let spec = ActionSpec {
            name,
            provider: "slack",
            summary: "For tests.",
            input: json!({
                "type": "object",
                "properties": {"say": {}, "to": {"x-personal": true}},
                "required": ["say"]
            })
            .into(),
            output: json!({"type": "object", "properties": {"said": {}, "big": {}}}).into(),
            effect,
            scopes: &[],
            errors: vec![],
            example: "",
            page: "https://example.com",
        };
        Arc::new(Scripted { spec, outside: Arc::clone(outside) }) as Arc<dyn Action>
    }))
}

/// A clock that is moved by hand.
struct HandClock(AtomicI64);

impl Clock for HandClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_millis(self.0.load(Ordering::SeqCst))
    }
}

/// A process with its outside, in virtual time.
struct World {
    placed: Arc<Placed>,
    outside: Arc<Outside>,
    clock: Arc<HandClock>,
    engine: Engine,
    workflow: Arc<Workflow>,
    kills: usize,
    brittle: Arc<brittle::Brittle>,
}

const START: i64 = 1_700_000_000_000;
const OWNER: &str = "test";

impl World {
    fn new(place: Place, steps: &str) -> Self {
        Self::seeded(place, "", steps, 1)
    }

    /// With further lines at the workflow's top (`lane: latest`).
    fn with(place: Place, head: &str, steps: &str) -> Self {
        Self::seeded(place, head, steps, 1)
    }

    fn seeded(place: Place, head: &str, steps: &str, seed: u64) -> Self {
        let outside = Arc::new(Outside::default());
        let actions = actions(&outside);
        let templates = Templates::new(Limits::default());
        let text = format!("name: w\n{head}trigger:\n  source: zendesk\n  event: ticket.*\nsteps:\n{steps}");
        let file = SourceFile { path: "workflows/w.yaml".to_owned(), text };
        let options = Options { actions: &actions, templates: &templates, allow_loopback: false };
        let workflow = match Workflow::compile(&file, &options) {
            Ok(workflow) => Arc::new(workflow),
            Err(mistakes) => panic!("{mistakes:?}"),
        };
        let placed = place.empty();
        let brittle = Arc::new(brittle::Brittle::new(Arc::clone(&placed)));
        let work: Arc<dyn Work> = brittle.clone();
        let clock = Arc::new(HandClock(AtomicI64::new(START)));
        let versions = Versions::new(Arc::clone(&work), actions, templates, std::slice::from_ref(&workflow));
        let random = Arc::new(SeededRandom::new(seed));
        let engine = Engine::new(work, versions, clock.clone(), random, EngineOptions::default());
        Self { placed, outside, clock, engine, workflow, kills: 0, brittle }
    }

    /// A new process on the store in this folder.
    fn reopen(&mut self, folder: &std::path::Path) {
        self.placed = Placed::on(SqliteStore::open(folder).unwrap());
        self.brittle = Arc::new(brittle::Brittle::new(Arc::clone(&self.placed)));
        let (work, actions) = (self.brittle.clone() as Arc<dyn Work>, actions(&self.outside));
        let templates = Templates::new(Limits::default());
        let versions = Versions::new(Arc::clone(&work), actions, templates, std::slice::from_ref(&self.workflow));
        let random = Arc::new(SeededRandom::new(2));
        self.engine = Engine::new(work, versions, self.clock.clone(), random, EngineOptions::default());
    }

    fn now(&self) -> i64 {
        self.clock.now().as_millis()
    }

    /// Accepts an event that starts a run, and answers with the run's id.
    async fn event(&self, number: usize, subject: &str) -> String {
        self.changed_event(number, subject, ChangeFacts::default()).await
    }

    async fn changed_event(&self, number: usize, subject: &str, change: ChangeFacts) -> String {
        let run = format!("run_{number:03}");
        let event = Event { change, ..self.bare_event(number, subject, "ticket.created") };
        let wanted = Wanted {
            workflow: self.workflow.name.clone(),
            version: self.workflow.version.clone(),
            run: RunId::new(run.clone()),
            lane: Lane::of(&self.workflow.name, subject),
            policy: self.workflow.lane,
            changed_at: self.workflow.route(true).lane_time(&event),
            unasked: false,
        };
        let arrival = Arrival { event, also_known_as: vec![], wanted: vec![wanted], declined: vec![], awaited: true };
        self.placed.done(|store| store.accept(arrival)).await.unwrap();
        run
    }

    /// Accepts an event that starts nothing.
    async fn other_event(&self, number: usize, subject: &str, kind: &str) {
        let event = self.bare_event(number, subject, kind);
        let arrival = Arrival { event, also_known_as: vec![], wanted: vec![], declined: vec![], awaited: true };
        self.placed.done(|store| store.accept(arrival)).await.unwrap();
    }

    fn bare_event(&self, number: usize, subject: &str, kind: &str) -> Event {
        Event {
            source: SourceName::parse("zendesk").unwrap(),
            id: EventId::new(format!("e{number}")),
            kind: kind.to_owned(),
            subject: subject.to_owned(),
            time: self.clock.now(),
            received_at: self.clock.now(),
            data: JsonText::parse(format!(r#"{{"detail":{{"id":"{number}"}}}}"#).as_bytes()).unwrap().0,
            change: ChangeFacts::default(),
            request_id: None,
        }
    }

    /// Works until nothing is due any more, moving the clock from one due time to the next. Kills are survived as a
    /// restarted process survives them.
    async fn settle_everything(&mut self) {
        self.work_until(i64::MAX).await;
    }

    /// The same, up to a point in time.
    async fn work_until(&mut self, end: i64) {
        for _ in 0..100_000 {
            let (lease, now) = (self.engine.options.lease, self.clock.now());
            let mut batch = self.placed.done(|store| store.claim(OWNER, 1, lease, now)).await.unwrap();
            let shared = Shared::of(&mut batch);
            let Some(claim) = batch.claims.into_iter().next() else {
                let due = batch.next_due.map(Timestamp::as_millis).filter(|due| *due <= end);
                let Some(due) = due else {
                    if end < i64::MAX {
                        self.clock.0.store(end, Ordering::SeqCst);
                    }
                    return;
                };
                self.clock.0.store(due, Ordering::SeqCst);
                continue;
            };
            let ended_well = tokio::select! {
                done = self.engine.execute(claim, &shared) => done.is_ok(),
                () = self.outside.kill.notified() => false,
            };
            if !ended_well {
                self.kills += 1;
                let now = self.clock.now();
                self.placed.done(|store| store.take_back(OWNER, now)).await.unwrap();
            }
            self.clock.0.fetch_add(1, Ordering::SeqCst);
        }
        panic!("the runs go on for ever");
    }

    async fn run(&self, id: &str) -> RunDetail {
        self.placed.done(|store| store.run(id)).await.unwrap().unwrap()
    }
}

/// One step with an action, saying something.
fn step(id: &str, action: &str) -> String {
    format!(
        "  - id: {id}\n    action: {action}\n    connection: c\n    with: {{ say: \"{id} {{{{ event.data.detail.id }}}}\" }}\n"
    )
}
