//! Trials and rehearsals on a real store, with two invented actions: one reads, one writes.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use deskwire_core::BoxFuture;
use deskwire_core::action::{Action, ActionSpec, Actions, Call, CallError, Effect, ErrorClass, HoldKey, PERSONAL};
use deskwire_core::event::{ChangeFacts, Event, JsonText};
use deskwire_core::ids::{EventId, Lane, RunId, SourceName};
use deskwire_core::ports::{Arrival, Deploy, Deployed, History, Inbox, LanePolicy, Registry, Wanted, Work};
use deskwire_core::random::SeededRandom;
use deskwire_core::run::RunState;
use deskwire_core::time::{FixedClock, Timestamp};
use deskwire_engine::{Engine, EngineOptions, Runner, RunnerOptions, Versions};
use deskwire_storage::SqliteStore;
use deskwire_templates::{Limits, Templates};
use deskwire_workflows::{Options, SourceFile, Workflow};
use serde_json::{Value, json};

use super::*;

const NOW: Timestamp = Timestamp::from_millis(1_764_000_000_000);

/// A call, and what it is answered; noted each time it is really made.
struct Test {
    spec: ActionSpec,
    calls: Arc<Mutex<Vec<(&'static str, Value)>>>,
}

impl Action for Test {
    fn spec(&self) -> &ActionSpec {
        &self.spec
    }

    fn hold_keys(&self, _: Call<'_>) -> Vec<HoldKey> {
        Vec::new()
    }

    fn call<'a>(&'a self, call: Call<'a>) -> BoxFuture<'a, Result<Value, CallError>> {
        Box::pin(async move {
            let mut calls = self.calls.lock().unwrap();
            calls.push((self.spec.name, call.input["say"].clone()));
            if call.input["say"] == "nobody" {
                return Err(CallError::new(ErrorClass::Fail, "no_such_thing", "There is no such thing"));
            }
            Ok(json!({ "id": calls.len(), "said": call.input["say"] }))
        })
    }
}

struct World {
    calls: Arc<Mutex<Vec<(&'static str, Value)>>>,
    actions: Actions,
    templates: Templates,
    store: SqliteStore,
    random: Arc<SeededRandom>,
}

impl World {
    fn new() -> Self {
        let calls = Arc::<Mutex<Vec<_>>>::default();
        let action = |name, effect| {
            let text = json!({ "type": "string" });
            let spec = ActionSpec {
                name,
                provider: "test",
                summary: "",
                input: json!({
                    "type": "object",
                    "properties": { "say": {}, "who": { "type": "string", PERSONAL: true } },
                })
                .into(),
                output: json!({ "type": "object", "properties": { "id": { "type": "integer" }, "said": text } }).into(),
                effect,
                scopes: &[],
                errors: vec![],
                example: "",
                page: "",
            };
            Arc::new(Test { spec, calls: Arc::clone(&calls) }) as Arc<dyn Action>
        };
        let actions = Actions::new([action("test.read", Effect::Read), action("test.write", Effect::Unprovable)]);
        Self {
            calls,
            actions,
            templates: Templates::new(Limits::default()),
            store: SqliteStore::in_memory().unwrap(),
            random: Arc::new(SeededRandom::new(1)),
        }
    }

    fn workflow(&self, steps: &str) -> Arc<Workflow> {
        self.compile(&format!("name: w\ntrigger: {{ source: s, event: x.y }}\nsteps:\n{steps}"))
    }

    fn compile(&self, text: &str) -> Arc<Workflow> {
        let file = SourceFile { path: "w.yaml".to_owned(), text: text.to_owned() };
        let options = Options { actions: &self.actions, templates: &self.templates, allow_loopback: true };
        Arc::new(Workflow::compile(&file, &options).unwrap())
    }

    /// Puts a version in force.
    async fn deploy(&self, workflow: &Workflow) {
        let deployed = Deployed {
            name: workflow.name.clone(),
            version: workflow.version.clone(),
            active: true,
            file_active: None,
            file: workflow.file.clone(),
            applied_at: NOW,
            text: workflow.text.clone(),
        };
        self.store.deploy(vec![Deploy::Put(deployed)], NOW).await.unwrap();
    }

    /// Takes an event in and runs what wants it, for real.
    async fn take(&self, event: Event, workflow: Option<&Arc<Workflow>>) {
        let now = event.received_at;
        let wanted = workflow.map(|workflow| Wanted {
            workflow: workflow.name.clone(),
            version: workflow.version.clone(),
            run: RunId::generate(now, self.random.as_ref()),
            lane: Lane::of(&workflow.name, &event.subject),
            policy: LanePolicy::Every,
            changed_at: None,
            unasked: false,
        });
        let wanted = wanted.into_iter().collect();
        self.store
            .accept(Arrival { event, also_known_as: vec![], wanted, declined: vec![], awaited: true })
            .await
            .unwrap();
        let Some(workflow) = workflow else { return };
        self.deploy(workflow).await;
        let work: Arc<dyn Work> = Arc::new(self.store.clone());
        let versions = Versions::new(Arc::clone(&work), self.actions.clone(), self.templates.clone(), &[]);
        let random = self.random.clone();
        let engine = Engine::new(work, versions, Arc::new(FixedClock(now)), random, EngineOptions::default());
        Runner::new(Arc::new(engine), RunnerOptions::default()).work_off(Duration::from_secs(30)).await;
    }

    fn trial<'a>(&'a self, through: Through, recordings: Recordings, later: Later<'a>) -> Trial<'a> {
        Trial { actions: &self.actions, through, recordings, later, now: NOW, random: self.random.clone() }
    }

    /// A trial of a recorded event.
    async fn try_on(&self, id: &str, workflow: &Arc<Workflow>) -> Outcome {
        let detail = self.store.event(id).await.unwrap().unwrap();
        let recordings = Recordings::of_event(&self.store, &detail, &self.actions, &self.templates).await.unwrap();
        let trial = self.trial(Through::Nobody, recordings, Later::Recorded(&self.store));
        trial.run(workflow, detail.event.unwrap()).await.unwrap()
    }

    async fn rehearse(&self, draft: &Arc<Workflow>, active: Option<&Arc<Workflow>>) -> Rehearsal {
        let asked = Asked {
            history: &self.store,
            draft: Arc::clone(draft),
            active: active.cloned(),
            actions: &self.actions,
            call_reads: false,
            since: NOW,
            limit: 100,
            personal: false,
            random: self.random.clone(),
        };
        rehearse(&asked, |_, _| {}).await.unwrap()
    }

    /// What was really called since this was asked last.
    fn called(&self) -> Vec<Value> {
        std::mem::take(&mut *self.calls.lock().unwrap()).into_iter().map(|(_, said)| said).collect()
    }
}

fn event(id: &str, kind: &str, at: Timestamp) -> Event {
    Event {
        source: SourceName::parse("s").unwrap(),
        id: EventId::new(id),
        kind: kind.to_owned(),
        subject: "t:1".to_owned(),
        time: at,
        received_at: at,
        data: JsonText::from(&json!({ "id": id })),
        change: ChangeFacts::default(),
        request_id: None,
    }
}

fn later(minutes: u64) -> Timestamp {
    NOW.plus(Duration::from_mins(minutes))
}

fn written(outcome: &Outcome) -> Vec<&Value> {
    outcome.calls.iter().map(|call| &call.input["say"]).collect()
}

const READ_AND_WRITE: &str = r#"
  - { id: look, action: test.read, connection: c, with: { say: "{{ event.data.id }}" } }
  - { id: tell, action: test.write, connection: c, with: { say: "found {{ steps.look.id }}", who: Dana } }
"#;

#[tokio::test]
async fn reads_are_answered_as_they_were_and_nothing_is_called() {
    let world = World::new();
    let workflow = world.workflow(READ_AND_WRITE);
    world.take(event("e1", "x.y", NOW), Some(&workflow)).await;
    assert_eq!(world.called(), ["e1", "found 1"]);
    let outcome = world.try_on("e1", &workflow).await;
    assert_eq!(outcome.run.summary.state, RunState::Succeeded);
    assert_eq!(written(&outcome), ["found 1"]);
    assert!(outcome.answers.values().all(|answered| matches!(answered, Answered::Recording(_))));
    assert!(world.called().is_empty());
}

#[tokio::test]
async fn a_read_that_nobody_made_before_is_not_guessed() {
    let world = World::new();
    let workflow = world.workflow(READ_AND_WRITE);
    world.take(event("e1", "x.y", NOW), None).await;
    let outcome = world.try_on("e1", &workflow).await;
    assert_eq!(outcome.unanswered().into_iter().map(AsRef::as_ref).collect::<Vec<&str>>(), ["look"]);
    assert_eq!(outcome.run.summary.state, RunState::Failed);
    assert!(outcome.calls.is_empty() && world.called().is_empty());
}

#[tokio::test]
async fn a_read_may_be_made_where_the_caller_says_so_and_a_write_only_where_everything_may() {
    let world = World::new();
    let workflow = world.workflow(READ_AND_WRITE);
    let run = |through| {
        world.trial(through, Recordings::default(), Later::Given(vec![])).run(&workflow, event("e1", "x.y", NOW))
    };
    let outcome = run(Through::Reads).await.unwrap();
    assert_eq!(world.called(), ["e1"]);
    assert_eq!(outcome.answers.values().collect::<Vec<_>>(), [&Answered::Called, &Answered::MadeUp]);
    run(Through::Everything).await.unwrap();
    assert_eq!(world.called(), ["e1", "found 1"]);
}

#[tokio::test]
async fn a_recorded_failure_fails_again_and_an_equal_call_takes_the_next_answer() {
    let world = World::new();
    let workflow = world.workflow(
        "  - { id: none, action: test.read, connection: c, on_error: continue, with: { say: nobody } }\n  \
           - { id: one, action: test.read, connection: c, with: { say: same } }\n  \
           - { id: two, action: test.read, connection: c, with: { say: same } }\n  \
           - { id: tell, action: test.write, connection: c, with: { say: \"{{ steps.one.id }} {{ steps.two.id }} {{ steps.none.error }}\" } }\n",
    );
    world.take(event("e1", "x.y", NOW), Some(&workflow)).await;
    let outcome = world.try_on("e1", &workflow).await;
    assert_eq!(written(&outcome), ["2 3 There is no such thing"]);
}

#[tokio::test]
async fn later_steps_see_what_a_changed_write_was_answered_before() {
    let world = World::new();
    let steps = |text: &str| {
        format!(
            "  - {{ id: tell, action: test.write, connection: c, with: {{ say: {text} }} }}\n  \
               - {{ id: look, action: test.read, connection: c, with: {{ say: \"{{{{ steps.tell.id }}}}\" }} }}\n"
        )
    };
    world.take(event("e1", "x.y", NOW), Some(&world.workflow(&steps("hello")))).await;
    let outcome = world.try_on("e1", &world.workflow(&steps("goodbye"))).await;
    assert_eq!(outcome.run.summary.state, RunState::Succeeded, "{:?}", outcome.run.summary.reason);
    assert_eq!(written(&outcome), ["goodbye"]);
}

const WAIT: &str = r#"
  - id: answer
    wait: { event: x.z, timeout: 2h }
  - { id: tell, action: test.write, connection: c, with: { say: "{{ steps.answer.event.id or 'nothing' }}" } }
"#;

#[tokio::test]
async fn a_wait_is_over_at_once_and_gets_the_event_that_came_at_that_time() {
    let world = World::new();
    let workflow = world.workflow(WAIT);
    world.take(event("e1", "x.y", NOW), None).await;
    assert_eq!(written(&world.try_on("e1", &workflow).await), ["nothing"]);
    world.take(event("late", "x.z", later(121)), None).await;
    assert_eq!(written(&world.try_on("e1", &workflow).await), ["nothing"], "it came after the time-out");
    world.take(event("in-time", "x.z", later(60)), None).await;
    let outcome = world.try_on("e1", &workflow).await;
    assert_eq!(written(&outcome), ["in-time"]);
    assert_eq!(outcome.run.summary.ended_at, Some(later(60)));
}

#[tokio::test]
async fn a_wait_gets_the_event_that_the_caller_gives() {
    let world = World::new();
    let workflow = world.workflow(WAIT);
    let given = vec![event("other", "x.other", NOW), event("given", "x.z", NOW)];
    let trial = world.trial(Through::Nobody, Recordings::default(), Later::Given(given));
    assert_eq!(written(&trial.run(&workflow, event("e1", "x.y", NOW)).await.unwrap()), ["given"]);
}

#[tokio::test]
async fn a_draft_is_compared_with_the_version_in_force_on_each_event_either_wants() {
    let world = World::new();
    let active = world.workflow(READ_AND_WRITE);
    for (number, kind) in [(1, "x.y"), (2, "x.other")] {
        let id = format!("e{number}");
        world.take(event(&id, kind, later(number)), (kind == "x.y").then_some(&active)).await;
    }
    let same = world.rehearse(&active, Some(&active)).await;
    assert_eq!(same.events.len(), 1, "nobody wants the other");
    assert!(same.events[0].is_same() && same.events[0].is_certain());

    let text = active.text.replace("found", "saw").replace("x.y", "[x.y, x.other]");
    let draft = world.rehearse(&world.compile(&text), Some(&active)).await;
    let [first, second] = draft.events.as_slice() else { panic!("{draft:?}") };
    let changed = &first.calls.changed[0];
    assert_eq!(changed.fields.len(), 1, "the name is the same");
    assert_eq!((changed.fields[0].path.as_str(), &changed.fields[0].after), ("say", &Some(json!("saw 1"))));
    assert_eq!(changed.after.input["who"], deskwire_core::personal::HIDDEN);
    assert!(!second.is_certain(), "nobody knows what the read would have answered");
    assert!(second.active_declines.is_some());

    let none = world.rehearse(&active, None).await;
    assert_eq!(none.events[0].calls.new.len(), 1);
    world.called();
    world.rehearse(&world.compile(&text), Some(&active)).await;
    assert!(world.called().is_empty(), "a rehearsal calls nobody");
}

fn call(step: &str, action: &str, input: Value) -> PlannedCall {
    PlannedCall {
        step: deskwire_core::ids::StepPath::new(step),
        action: action.to_owned(),
        connection: deskwire_core::ids::ConnectionName::parse("c").unwrap(),
        input,
    }
}

#[test]
fn calls_belong_together_by_step_then_by_what_they_call() {
    let before = [
        call("a", "test.write", json!({ "say": 1 })),
        call("b", "test.write", json!({ "say": 2 })),
        call("d", "test.other", json!({})),
    ];
    let after = [
        call("a", "test.write", json!({ "say": 1, "tags": ["x", "y"] })),
        call("renamed", "test.write", json!({ "say": 2 })),
        call("n", "test.third", json!({})),
    ];
    let difference = compare(&before, &after);
    assert_eq!(difference.same, 1, "the step that was renamed");
    assert_eq!(difference.changed.len(), 1);
    assert_eq!(difference.changed[0].fields[0].path, "tags");
    assert_eq!(difference.new[0].step.as_str(), "n");
    assert_eq!(difference.gone[0].step.as_str(), "d");
    let nested = compare(
        &[call("a", "x", json!({ "c": { "b": "1" }, "t": ["x", "y"] }))],
        &[call("a", "x", json!({ "c": { "b": "2" }, "t": ["x", "z", "w"] }))],
    );
    let paths: Vec<&str> = nested.changed[0].fields.iter().map(|field| field.path.as_str()).collect();
    assert_eq!(paths, ["c.b", "t[1]", "t[2]"]);
}

#[tokio::test]
async fn recordings_are_read_from_what_runs_show_prints_and_not_from_what_hides_values() {
    let world = World::new();
    let workflow = world.workflow(READ_AND_WRITE);
    world.take(event("e1", "x.y", NOW), Some(&workflow)).await;
    let detail = world.store.event("e1").await.unwrap().unwrap();
    let run = world.store.run(detail.runs[0].id.as_str()).await.unwrap().unwrap();
    let document = json!({ "run": run.summary, "event": {}, "journal": run.journal });
    let recordings = Recordings::read(&document.to_string(), &world.actions).unwrap();
    assert_eq!(recordings.len(), 2);
    let trial = world.trial(Through::Nobody, recordings, Later::Given(vec![]));
    assert_eq!(written(&trial.run(&workflow, event("e1", "x.y", NOW)).await.unwrap()), ["found 1"]);
    let hidden = document.to_string().replace("Dana", deskwire_core::personal::HIDDEN);
    assert_eq!(Recordings::read(&hidden, &world.actions).unwrap_err(), BadRecordings::Hidden);
    let spelled =
        document.to_string().replace("\"output\":", "\"output\":{\"n\":0.00001,\"cut\":\"\\ud83d\"},\"was\":");
    assert_eq!(
        Recordings::read(&spelled, &world.actions).unwrap().0[0].answer.as_ref().unwrap()["n"].to_string(),
        "0.00001"
    );
    for bad in ["", "[1]", "{}", r#"{"journal": [{}]}"#] {
        assert!(matches!(Recordings::read(bad, &world.actions), Err(BadRecordings::Shape(_))), "{bad}");
    }
}
