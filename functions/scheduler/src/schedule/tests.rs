use deskwire_core::ports::{Deploy, Deployed, Filter, History};
use deskwire_core::random::SeededRandom;
use deskwire_storage::SqliteStore;
use deskwire_templates::{Limits, Templates};
use deskwire_workflows::{Options, SourceFile};

use super::*;

fn at(text: &str) -> Timestamp {
    Timestamp::parse(text).unwrap()
}

/// A workflow with this schedule, in force since a point in time.
async fn in_force(store: &SqliteStore, trigger: &str, since: &str) -> Vec<InForce> {
    let (actions, templates) = (deskwire_startup::actions_alone(), Templates::new(Limits::default()));
    let text = format!("name: digest\nactive: true\ntrigger: {trigger}\nsteps: [{{ id: a, stop: done }}]\n");
    let options = Options { actions: &actions, templates: &templates, allow_loopback: false };
    let file = SourceFile { path: "workflows/digest.yaml".to_owned(), text };
    let workflow = Arc::new(Workflow::compile(&file, &options).unwrap());
    let put = Deploy::Put(Deployed {
        name: workflow.name.clone(),
        version: workflow.version.clone(),
        active: true,
        file_active: Some(true),
        file: workflow.file.clone(),
        applied_at: at(since),
        text: workflow.text.clone(),
    });
    store.deploy(vec![put], at(since)).await.unwrap();
    vec![InForce { workflow, active: true }]
}

fn scheduler(store: &SqliteStore) -> Scheduler {
    let store = Arc::new(store.clone());
    Scheduler { inbox: store.clone(), registry: store, random: Arc::new(SeededRandom::new(1)) }
}

async fn events(store: &SqliteStore) -> Vec<String> {
    let filter = Filter { oldest_first: true, limit: 1000, ..Filter::default() };
    store.events(filter).await.unwrap().into_iter().map(|event| event.id).collect()
}

const HOURLY: &str = "{ schedule: \"0 * * * *\" }";

#[tokio::test]
async fn each_tick_becomes_one_event_with_its_time_on_the_local_clock() {
    let store = SqliteStore::in_memory().unwrap();
    let berlin = "{ schedule: \"0 9 * * mon\", zone: Europe/Berlin }";
    let workflows = in_force(&store, berlin, "2026-11-20T12:00:00Z").await;
    let early = scheduler(&store).tick(&workflows, at("2026-11-23T07:59:59Z")).await.unwrap();
    assert_eq!(early, Ticked { started: 0, next: Some(at("2026-11-23T08:00:00Z")) });
    let due = scheduler(&store).tick(&workflows, at("2026-11-23T08:00:00Z")).await.unwrap();
    assert_eq!(due, Ticked { started: 1, next: Some(at("2026-11-30T08:00:00Z")) });
    let event = store.event("digest@2026-11-23T08:00:00.000Z").await.unwrap().unwrap();
    assert_eq!(event.runs.len(), 1);
    let data = event.body.value().unwrap();
    assert_eq!(data["local_time"], "2026-11-23T09:00:00+01:00");
    assert_eq!(data["zone"], "Europe/Berlin");
}

#[tokio::test]
async fn two_schedulers_and_a_crash_make_each_tick_once() {
    let store = SqliteStore::in_memory().unwrap();
    let workflows = in_force(&store, HOURLY, "2026-11-23T07:30:00Z").await;
    let now = at("2026-11-23T08:00:10Z");
    let (one, two) = (scheduler(&store), scheduler(&store));
    let (a, b) = tokio::join!(one.tick(&workflows, now), two.tick(&workflows, now));
    assert!(a.unwrap().started + b.unwrap().started >= 1);
    // As after a crash before the position was moved.
    one.start(
        &workflows[0].workflow,
        schedule_of(&workflows),
        &Tick { at: at("2026-11-23T08:00:00Z"), local: String::new() },
        now,
    )
    .await
    .unwrap();
    assert_eq!(events(&store).await, ["digest@2026-11-23T08:00:00.000Z"]);
    assert_eq!(store.runs(Filter::default()).await.unwrap().len(), 1);
}

fn schedule_of(workflows: &[InForce]) -> &Schedule {
    let Trigger::Schedule(schedule) = &workflows[0].workflow.trigger else { panic!("it has a schedule") };
    schedule
}

#[tokio::test]
async fn missed_ticks_are_made_up_for_as_the_workflow_says() {
    for (missed, expected) in [("latest", 1), ("all", 3), ("skip", 0)] {
        let store = SqliteStore::in_memory().unwrap();
        let trigger = format!("{{ schedule: \"0 * * * *\", missed: {missed} }}");
        let workflows = in_force(&store, &trigger, "2026-11-23T07:30:00Z").await;
        scheduler(&store).tick(&workflows, at("2026-11-23T10:30:00Z")).await.unwrap();
        let made = events(&store).await;
        assert_eq!(made.len(), expected, "{missed}");
        if missed == "latest" {
            assert_eq!(made, ["digest@2026-11-23T10:00:00.000Z"]);
        }
        // The next one comes in time for all of them.
        scheduler(&store).tick(&workflows, at("2026-11-23T11:00:20Z")).await.unwrap();
        assert_eq!(events(&store).await.len(), expected + 1, "{missed}");
    }
}

#[tokio::test]
async fn no_more_than_a_hundred_missed_ticks_are_made_up_for() {
    let store = SqliteStore::in_memory().unwrap();
    let every_minute = "{ schedule: \"* * * * *\", missed: all }";
    let workflows = in_force(&store, every_minute, "2026-11-20T07:30:00Z").await;
    let ticked = scheduler(&store).tick(&workflows, at("2026-11-23T07:30:00Z")).await.unwrap();
    assert_eq!(ticked.started, MOST_MISSED);
    assert_eq!(events(&store).await.last().unwrap(), "digest@2026-11-23T07:30:00.000Z");
}

#[tokio::test]
async fn a_workflow_that_is_switched_off_does_not_tick() {
    let store = SqliteStore::in_memory().unwrap();
    let workflows = in_force(&store, HOURLY, "2026-11-23T07:30:00Z").await;
    store.set_active(&workflows[0].workflow.name, false, at("2026-11-23T07:40:00Z")).await.unwrap();
    let ticked = scheduler(&store).tick(&workflows, at("2026-11-23T10:30:00Z")).await.unwrap();
    assert_eq!(ticked, Ticked::default());
}
