//! Journals as the engine writes them, read again; and replays that the engine carries out.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use deskwire_core::BoxFuture;
use deskwire_core::action::{Action, ActionSpec, Actions, Call, CallError, Effect, ErrorClass, HoldKey};
use deskwire_core::event::{ChangeFacts, Event, JsonText};
use deskwire_core::ids::{EventId, Lane, RunId, SourceName, StepPath};
use deskwire_core::ports::{Arrival, History, Inbox, LanePolicy, RunDetail, Wanted, Work};
use deskwire_core::random::SeededRandom;
use deskwire_core::run::{Entry, RunState};
use deskwire_core::time::{FixedClock, Timestamp};
use deskwire_engine::{Engine, EngineOptions, Runner, RunnerOptions, Versions};
use deskwire_storage::SqliteStore;
use deskwire_templates::{Limits, Templates};
use deskwire_workflows::{Options, SourceFile, Workflow};
use serde_json::{Value, json};

use crate::{Loops, Plan, Shape, Why, unknown_steps};

const NOW: Timestamp = Timestamp::from_millis(1_764_000_000_000);

/// What the only action there is was called with, and what it refuses.
#[derive(Default)]
struct Outside {
    said: Mutex<Vec<Value>>,
    refuses: Mutex<BTreeSet<String>>,
}

struct Say {
    spec: ActionSpec,
    outside: Arc<Outside>,
}

impl Action for Say {
    fn spec(&self) -> &ActionSpec {
        &self.spec
    }

    fn hold_keys(&self, _: Call<'_>) -> Vec<HoldKey> {
        Vec::new()
    }

    fn call<'a>(&'a self, call: Call<'a>) -> BoxFuture<'a, Result<Value, CallError>> {
        Box::pin(async move {
            let say = call.input["say"].clone();
            if self.outside.refuses.lock().unwrap().contains(&say.to_string()) {
                return Err(CallError::new(ErrorClass::Fail, "refused", "it is refused"));
            }
            self.outside.said.lock().unwrap().push(say.clone());
            Ok(json!({ "said": say }))
        })
    }
}

struct World {
    outside: Arc<Outside>,
    actions: Actions,
    store: SqliteStore,
    workflow: Arc<Workflow>,
    random: SeededRandom,
}

impl World {
    fn new(steps: &str) -> Self {
        let outside = Arc::<Outside>::default();
        let object = json!({ "type": "object", "properties": { "say": {}, "said": {} } });
        let spec = ActionSpec {
            name: "test.say",
            provider: "test",
            summary: "",
            input: object.clone().into(),
            output: object.into(),
            effect: Effect::Idempotent,
            scopes: &[],
            errors: vec![],
            example: "",
            page: "",
        };
        let say: Arc<dyn Action> = Arc::new(Say { spec, outside: Arc::clone(&outside) });
        let actions = Actions::new([say]);
        let text = format!("name: w\ntrigger: {{ source: s, event: x.y }}\nsteps:\n{steps}");
        let file = SourceFile { path: "w.yaml".to_owned(), text };
        let templates = Templates::new(Limits::default());
        let options = Options { actions: &actions, templates: &templates, allow_loopback: true };
        let workflow = Arc::new(Workflow::compile(&file, &options).unwrap());
        let (store, random) = (SqliteStore::in_memory().unwrap(), SeededRandom::new(3));
        Self { outside, actions, store, workflow, random }
    }

    fn refuse(&self, what: &[Value]) {
        *self.outside.refuses.lock().unwrap() = what.iter().map(Value::to_string).collect();
    }

    /// What was said since the last time this was asked.
    fn said(&self) -> Vec<Value> {
        std::mem::take(&mut self.outside.said.lock().unwrap())
    }

    async fn start(&self) -> RunDetail {
        let run = RunId::generate(NOW, &self.random);
        let event = Event {
            source: SourceName::parse("s").unwrap(),
            id: EventId::new("e"),
            kind: "x.y".to_owned(),
            subject: "t".to_owned(),
            time: NOW,
            received_at: NOW,
            data: JsonText::from(&json!({ "list": [1, 2, 3, 4, 5] })),
            change: ChangeFacts::default(),
            request_id: None,
        };
        let wanted = Wanted {
            workflow: self.workflow.name.clone(),
            version: self.workflow.version.clone(),
            run: run.clone(),
            lane: Lane::of(&self.workflow.name, "t"),
            policy: LanePolicy::Every,
            changed_at: None,
            unasked: false,
        };
        let arrival = Arrival { event, also_known_as: vec![], wanted: vec![wanted], declined: vec![], awaited: true };
        self.store.accept(arrival).await.unwrap();
        self.work_off(&run, NOW).await
    }

    async fn work_off(&self, run: &RunId, now: Timestamp) -> RunDetail {
        let work: Arc<dyn Work> = Arc::new(self.store.clone());
        let templates = Templates::new(Limits::default());
        let current = std::slice::from_ref(&self.workflow);
        let versions = Arc::new(Versions::new(Arc::clone(&work), self.actions.clone(), templates, current));
        let random = Arc::new(SeededRandom::new(5));
        let engine = Engine::new(work, versions, Arc::new(FixedClock(now)), random, EngineOptions::default());
        Runner::new(Arc::new(engine), RunnerOptions::default()).work_off(Duration::from_secs(30)).await;
        self.store.run(run.as_str()).await.unwrap().unwrap()
    }

    async fn replay(&self, run: &RunDetail) -> RunDetail {
        let (new, later) = (RunId::generate(NOW, &self.random), NOW.plus(Duration::from_hours(1)));
        let keep = Plan::of(&run.journal, false).keep;
        self.store.replay(&run.summary.id, new.clone(), keep, later).await.unwrap().unwrap();
        self.work_off(&new, later).await
    }
}

const LOOP: &str = r#"
  - id: each
    for_each: "{{ event.data.list }}"
    steps:
      - { id: first, action: test.say, connection: c, with: { say: "{{ item }}" } }
      - { id: second, action: test.say, connection: c, with: { say: "{{ item | int * 10 }}" } }
"#;
const AFTER: &str =
    "  - { id: after, action: test.say, connection: c, with: { say: \"{{ steps.each.failed }} failed\" } }\n";

fn paths(paths: &[StepPath]) -> Vec<&str> {
    paths.iter().map(AsRef::as_ref).collect()
}

#[tokio::test]
async fn a_loop_that_failed_goes_on_where_it_stopped() {
    let world = World::new(&format!("{LOOP}{AFTER}"));
    world.refuse(&[json!(30)]);
    let failed = world.start().await;
    assert_eq!(failed.summary.state, RunState::Failed);
    assert_eq!(world.said(), [json!(1), json!(10), json!(2), json!(20), json!(3)]);
    let plan = Plan::of(&failed.journal, false);
    assert_eq!(plan.in_words(), "5 steps done, 1 would be called, 2 turns of loops to come");
    assert_eq!(paths(&plan.failed), ["each[2]/second"]);
    world.refuse(&[]);
    let replayed = world.replay(&failed).await;
    assert_eq!(replayed.summary.state, RunState::Succeeded, "{:?}", replayed.summary.reason);
    assert_eq!(world.said(), [json!(30), json!(4), json!(40), json!(5), json!(50), json!("0 failed")]);
}

#[tokio::test]
async fn of_a_loop_that_went_on_only_the_turns_that_failed_are_called_again() {
    let on = LOOP.replace("    steps:", "    on_error: continue\n    steps:");
    let world = World::new(&format!("{on}{AFTER}"));
    world.refuse(&[json!(2), json!(40), json!("2 failed")]);
    let failed = world.start().await;
    assert_eq!(failed.summary.state, RunState::Failed);
    assert_eq!(world.said().len(), 7);
    let loops = Loops::read(&failed.journal, 3);
    assert_eq!(loops.count(&StepPath::new("each")).unwrap().in_words(), "3 done, 2 failed");
    assert!(loops.hides(&StepPath::new("each[0]/first")) && !loops.hides(&StepPath::new("each[1]/first")));
    assert_eq!(paths(&Plan::of(&failed.journal, false).failed), ["each[1]/first", "each[3]/second", "after"]);
    world.refuse(&[]);
    world.replay(&failed).await;
    assert_eq!(world.said(), [json!(2), json!(20), json!(40), json!("0 failed")]);
}

#[tokio::test]
async fn a_replay_stays_in_the_branch_whose_results_it_keeps_and_waits_no_second_time() {
    let world = World::new(
        r"
  - { id: look, action: test.say, connection: c, on_error: continue, with: { say: look } }
  - id: route
    choose:
      - when: steps.look.error is defined
        steps:
          - { id: pause, wait: 1h }
          - { id: tell, action: test.say, connection: c, with: { say: it failed } }
          - { id: last, action: test.say, connection: c, with: { say: last } }
    otherwise:
      - { id: fine, action: test.say, connection: c, with: { say: it is fine } }
",
    );
    world.refuse(&[json!("look"), json!("last")]);
    let waiting = world.start().await;
    assert_eq!(waiting.summary.state, RunState::Waiting);
    let failed = world.work_off(&waiting.summary.id, NOW.plus(Duration::from_hours(1))).await;
    assert_eq!(failed.summary.state, RunState::Failed);
    world.said();
    world.refuse(&[]);
    let replayed = world.replay(&failed).await;
    assert_eq!(replayed.summary.state, RunState::Succeeded);
    assert_eq!(world.said(), [json!("look"), json!("last")]);
}

#[tokio::test]
async fn what_a_run_never_reached_is_told_with_the_reason() {
    let world = World::new(&format!(
        "{}{LOOP}{AFTER}",
        r#"
  - id: route
    choose:
      - { when: event.data.list, steps: [{ id: none, for_each: "{{ [] }}", steps: [{ id: a, stop: never }] }] }
      - { when: event.subject == "u", steps: [{ id: b, stop: never }] }
"#
    ));
    world.refuse(&[json!(1)]);
    let run = world.start().await;
    let templates = Templates::new(Limits::default());
    let shape = Shape::compile(world.workflow.text.clone(), &world.actions, &templates).unwrap();
    let told = shape.unreached(&run).into_iter().map(|step| (step.path.to_string(), step.why)).collect::<Vec<_>>();
    let told: Vec<(&str, Why)> = told.iter().map(|(path, why)| (path.as_str(), *why)).collect();
    assert_eq!(
        told,
        [
            ("route/none/a", Why::NoItems),
            ("route/b", Why::NotTaken),
            ("each/second", Why::Ended),
            ("after", Why::Ended)
        ]
    );
}

#[test]
fn what_a_person_decided_is_kept_and_no_longer_unknown() {
    let (at, step) = (NOW, StepPath::new("each[3]/pay"));
    let unknown = Entry::Unknown { step: step.clone(), at, reason: String::new() };
    let resumed = Entry::Resumed { at, step: Some(step.clone()) };
    let other = Entry::Unknown { step: StepPath::new("each[4]/pay"), at, reason: String::new() };
    let mut journal = vec![unknown, other, resumed];
    assert_eq!(paths(&unknown_steps(&journal)), ["each[3]/pay", "each[4]/pay"]);
    journal.push(Entry::Decided { step, at, happened: true, output: json!({}) });
    assert_eq!(paths(&unknown_steps(&journal)), ["each[4]/pay"]);
    let plan = Plan::of(&journal, false);
    assert_eq!((paths(&plan.done), plan.keep.len()), (vec!["each[3]/pay"], 1));
    assert_eq!(plan.in_words(), "1 step done, 1 unknown");
}

#[test]
fn how_far_an_event_is_from_one_from_outside_is_kept_even_from_the_start() {
    let caused = Entry::Caused { at: NOW, by: None, hops: 2 };
    assert_eq!(Plan::of(std::slice::from_ref(&caused), true).keep, [caused]);
}
