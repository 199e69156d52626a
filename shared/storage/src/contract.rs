//! The contract that every store passes: one async function per promise, and [`store_contract!`] that makes a test of each.
//!
//! A case gets an empty store behind the ports and passes its own times, so nothing here sleeps.

#![allow(
    clippy::expect_used,
    clippy::missing_panics_doc,
    reason = "a contract's cases are tests: they panic where the store breaks its word"
)]

mod damage;
mod flow;
mod secrets;
mod tokens;

pub use damage::*;
pub use flow::*;
pub use secrets::*;
pub use tokens::*;

use std::sync::Arc;
use std::time::Duration;

use deskwire_core::action::{CallError, Hold, HoldKey};
use deskwire_core::damage::Inspection;
use deskwire_core::event::{ChangeFacts, Event, EventState, JsonText};
use deskwire_core::ids::{EventId, Lane, RequestId, RunId, SourceName, StepPath, WorkflowName, WorkflowVersion};
use deskwire_core::ports::{
    Accepted, Arrival, Claim, Declined, Filter, History, Inbox, LanePolicy, Registry, RejectedEvent, SecretStore,
    Settlement, StoreError, TokenStates, Wanted, Work,
};
use deskwire_core::run::{Entry, Known, RunState};
use deskwire_core::time::Timestamp;

/// An empty store, behind the ports.
#[derive(Clone)]
pub struct Stores {
    /// Takes events in.
    pub inbox: Arc<dyn Inbox>,
    /// Hands runs out.
    pub work: Arc<dyn Work>,
    /// Answers people.
    pub history: Arc<dyn History>,
    /// Knows the workflows in force.
    pub registry: Arc<dyn Registry>,
    /// Knows the connections' tokens.
    pub tokens: Arc<dyn TokenStates>,
    /// Keeps sealed secrets.
    pub secrets: Arc<dyn SecretStore>,
    /// Names what it cannot read.
    pub inspection: Arc<dyn Inspection>,
    /// Damages its records.
    pub hurt: Option<Arc<dyn Hurt>>,
}

impl Stores {
    /// One value that is all of them.
    pub fn of<S: Inbox + Work + History + Registry + TokenStates + SecretStore + Inspection + 'static>(
        store: S,
    ) -> Self {
        let store = Arc::new(store);
        Self {
            inbox: store.clone(),
            work: store.clone(),
            history: store.clone(),
            registry: store.clone(),
            tokens: store.clone(),
            inspection: store.clone(),
            secrets: store,
            hurt: None,
        }
    }

    async fn accept(&self, arrival: Arrival) -> Accepted {
        self.inbox.accept(arrival).await.expect("accepting works")
    }

    async fn claim(&self, max: usize, now: i64) -> Vec<Claim> {
        self.work.claim("runner", max, LEASE, at(now)).await.expect("claiming works").claims
    }

    async fn settle(&self, claim: &Claim, settlement: Settlement, now: i64) {
        self.work.settle(&claim.fence, vec![], settlement, None, at(now)).await.expect("settling works");
    }

    async fn state(&self, run: &str) -> RunState {
        self.history.run(run).await.expect("reading works").expect("the run is there").summary.state
    }
}

const LEASE: Duration = Duration::from_mins(1);

fn at(millis: i64) -> Timestamp {
    Timestamp::from_millis(millis)
}

fn event(id: &str, subject: &str, received_at: i64) -> Event {
    Event {
        source: SourceName::parse("zendesk-support").expect("a name"),
        id: EventId::new(id),
        kind: "ticket.created".to_owned(),
        subject: subject.to_owned(),
        time: at(received_at),
        received_at: at(received_at),
        data: JsonText::parse(br#"{ "detail" : {"id":"18446744073709551615"} }"#).expect("JSON").0,
        change: ChangeFacts::default(),
        request_id: Some(RequestId::new(format!("req_{id}"))),
    }
}

fn arrival(id: &str, subject: &str, runs: &[(&str, &str)], received_at: i64) -> Arrival {
    let wanted = runs
        .iter()
        .map(|(workflow, run)| {
            let workflow = WorkflowName::parse(workflow).expect("a name");
            let lane = Lane::of(&workflow, subject);
            Wanted {
                workflow,
                version: WorkflowVersion::new("v1"),
                run: RunId::new(*run),
                lane,
                policy: LanePolicy::Every,
                changed_at: None,
                unasked: false,
            }
        })
        .collect();
    Arrival { event: event(id, subject, received_at), also_known_as: vec![], wanted, declined: vec![], awaited: true }
}

fn done(step: &str, output: serde_json::Value) -> Entry {
    Entry::Done {
        step: StepPath::new(step),
        action: "test.say".to_owned(),
        attempt: 1,
        started_at: at(1),
        at: at(2),
        input: serde_json::json!({}),
        output,
        how: Known::Answered,
        wrote: vec![],
    }
}

fn over(state: RunState) -> Settlement {
    Settlement::Over { state, reason: "all steps are done".to_owned() }
}

fn runs(claims: &[Claim]) -> Vec<&str> {
    claims.iter().map(|claim| claim.run.id.as_str()).collect()
}

/// An event that was stored starts nothing when it comes again, whatever else the repeat says.
pub async fn a_repeat_of_an_event_starts_nothing(s: Stores) {
    assert_eq!(s.accept(arrival("e1", "t1", &[("a", "run_1")], 1)).await, Accepted::New);
    assert_eq!(s.accept(arrival("e1", "t1", &[("a", "run_2")], 2)).await, Accepted::Repeat);
    assert_eq!(runs(&s.claim(10, 5).await), ["run_1"]);
    assert_eq!(s.history.events(Filter::default()).await.expect("a list").len(), 1);
}

/// The same id from two sources is two events.
pub async fn ids_are_unique_within_a_source_only(s: Stores) {
    s.accept(arrival("e1", "t1", &[], 1)).await;
    let mut other = arrival("e1", "t1", &[], 1);
    other.event.source = SourceName::parse("another").expect("a name");
    assert_eq!(s.accept(other).await, Accepted::New);
}

/// An event known under another of its ids is a repeat.
pub async fn an_event_known_by_another_id_is_a_repeat(s: Stores) {
    s.accept(arrival("window-1", "t1", &[("a", "run_1")], 1)).await;
    let mut again = arrival("window-2", "t1", &[("a", "run_2")], 2);
    again.also_known_as = vec![EventId::new("window-1")];
    assert_eq!(s.accept(again).await, Accepted::Repeat);
}

/// An event no workflow wants is kept, with the reasons.
pub async fn an_unwanted_event_is_kept_with_the_reasons(s: Stores) {
    let mut unwanted = arrival("e1", "t1", &[], 1);
    let workflow = WorkflowName::parse("a").expect("a name");
    unwanted.declined = vec![Declined { workflow, reason: "`when` is false".to_owned() }];
    assert_eq!(s.accept(unwanted).await, Accepted::New);
    let kept = s.history.event("e1").await.expect("reading works").expect("it is there");
    assert_eq!(kept.summary.state, EventState::Unwanted);
    assert_eq!(kept.declined.len(), 1);
    assert!(kept.summary.reason.expect("a reason").contains("`when` is false"));
}

/// A rejected body is kept once, with the reason, and starts nothing.
pub async fn a_rejected_body_is_kept_once_with_the_reason(s: Stores) {
    for _ in 0..2 {
        let rejected = RejectedEvent {
            source: SourceName::parse("zendesk-support").expect("a name"),
            id: EventId::new("sha256:1"),
            received_at: at(1),
            body: "{".to_owned(),
            reason: "the body is not JSON".to_owned(),
        };
        s.inbox.reject(rejected).await.expect("rejecting works");
    }
    let listed =
        s.history.events(Filter { state: Some("rejected".to_owned()), ..Filter::default() }).await.expect("a list");
    assert_eq!(listed.len(), 1);
    assert_eq!(listed[0].reason.as_deref(), Some("the body is not JSON"));
    assert!(s.claim(10, 5).await.is_empty());
}

/// Numbers in a journal have the digits they were written with, and half of a surrogate pair in an event's data does no harm.
pub async fn numbers_come_back_with_their_digits(s: Stores) {
    let text = r#"{"big":12345678901234567890123,"price":1.10,"small":0.00001,"far":1e+400,"zero":-0}"#;
    let numbers: serde_json::Value = deskwire_core::json::from_str(text).expect("JSON");
    let mut arrival = arrival("e1", "t1", &[("a", "run_1")], 1);
    let cut = text.replace('}', r#","cut":"\ud83d"}"#);
    arrival.event.data = JsonText::parse(cut.as_bytes()).expect("JSON").0;
    s.accept(arrival).await;
    let claim = s.claim(1, 2).await.remove(0);
    let entries = vec![done("x", numbers.clone())];
    let again = Settlement::Again { at: at(4), reason: "again".to_owned() };
    s.work.settle(&claim.fence, entries.clone(), again, None, at(3)).await.expect("settling works");
    let claim = s.claim(1, 5).await.remove(0);
    assert_eq!(claim.run.journal, entries);
    assert_eq!(claim.run.event.data.value().expect("JSON")["price"].to_string(), "1.10");
    let Entry::Done { output, .. } = &claim.run.journal[0] else { panic!("the entry is another") };
    assert_eq!(output.to_string(), text);
}

/// An event's data comes back byte for byte.
pub async fn data_comes_back_as_it_came(s: Stores) {
    s.accept(arrival("e1", "t1", &[("a", "run_1")], 1)).await;
    let claim = s.claim(1, 2).await.remove(0);
    assert_eq!(claim.run.event, event("e1", "t1", 1));
}

/// Runs of one lane are handed out one at a time, in the order of their events.
pub async fn runs_of_one_lane_are_handed_out_in_order(s: Stores) {
    for n in 1..=3 {
        s.accept(arrival(&format!("e{n}"), "t1", &[("a", &format!("run_{n}"))], n)).await;
    }
    for n in 1..=3 {
        let claims = s.claim(10, 10 + n).await;
        assert_eq!(runs(&claims), [format!("run_{n}")]);
        assert!(s.claim(10, 10 + n).await.is_empty());
        s.settle(&claims[0], over(RunState::Succeeded), 10 + n).await;
    }
    assert!(s.claim(10, 100).await.is_empty());
}

/// Lanes of other subjects and of other workflows never wait for each other.
pub async fn lanes_do_not_wait_for_each_other(s: Stores) {
    s.accept(arrival("e1", "t1", &[("a", "run_1"), ("b", "run_2")], 1)).await;
    s.accept(arrival("e2", "t2", &[("a", "run_3")], 2)).await;
    s.accept(arrival("e3", "t1", &[("a", "run_4")], 3)).await;
    assert_eq!(runs(&s.claim(10, 5).await), ["run_1", "run_2", "run_3"]);
}

/// No more runs are handed out than were asked for.
pub async fn a_claim_is_bounded(s: Stores) {
    for n in 1..=5 {
        s.accept(arrival(&format!("e{n}"), &format!("t{n}"), &[("a", &format!("run_{n}"))], n)).await;
    }
    assert_eq!(s.claim(2, 10).await.len(), 2);
    assert_eq!(s.claim(2, 10).await.len(), 2);
    assert_eq!(s.claim(2, 10).await.len(), 1);
}

/// A run that waits keeps its lane and comes back at its time, and not before.
pub async fn a_waiting_run_keeps_its_lane_and_comes_back_at_its_time(s: Stores) {
    s.accept(arrival("e1", "t1", &[("a", "run_1")], 1)).await;
    s.accept(arrival("e2", "t1", &[("a", "run_2")], 2)).await;
    let claim = s.claim(10, 10).await.remove(0);
    s.settle(&claim, Settlement::Again { at: at(500), reason: "rate limited".to_owned() }, 11).await;
    assert_eq!(s.state("run_1").await, RunState::Retrying);
    let batch = s.work.claim("runner", 10, LEASE, at(499)).await.expect("claiming works");
    assert!(batch.claims.is_empty());
    assert_eq!(batch.next_due, Some(at(500)));
    let again = s.claim(10, 500).await;
    assert_eq!(runs(&again), ["run_1"]);
    assert_eq!(again[0].run.deliveries, 2);
    assert!(!again[0].run.interrupted);
}

/// A store counts how many deliveries of a run broke off in a row without a new result of a step.
pub async fn deliveries_that_break_off_in_a_row_are_counted(s: Stores) {
    s.accept(arrival("e1", "t1", &[("a", "run_1")], 1)).await;
    let broken_off = |claims: Vec<Claim>| claims[0].run.broken_off;
    assert_eq!(broken_off(s.claim(1, 10).await), 0);
    assert_eq!(broken_off(s.claim(1, 100_000).await), 1);
    let claims = s.claim(1, 200_000).await;
    let attempt = Entry::Resumed { at: at(200_001), step: Some(StepPath::new("one")) };
    s.work.record(&claims[0].fence, vec![attempt], at(260_000)).await.expect("recording works");
    assert_eq!(broken_off(claims), 2);
    assert_eq!(s.work.take_back("runner", at(210_000)).await.expect("taking back works"), 1);
    let claims = s.claim(1, 300_000).await;
    s.work
        .record(&claims[0].fence, vec![done("one", serde_json::Value::Null)], at(360_000))
        .await
        .expect("recording works");
    assert_eq!(broken_off(claims), 3, "what is recorded later counts from then on");
    let claims = s.claim(1, 400_000).await;
    assert_eq!(claims[0].run.broken_off, 1, "the result was progress");
    s.settle(&claims[0], Settlement::Again { at: at(500_000), reason: "busy".to_owned() }, 400_001).await;
    assert_eq!(broken_off(s.claim(1, 500_000).await), 0, "that delivery ended");
}

/// A run whose lease ran out is handed out again, marked as interrupted.
pub async fn a_lease_that_ran_out_hands_the_run_out_as_interrupted(s: Stores) {
    s.accept(arrival("e1", "t1", &[("a", "run_1")], 1)).await;
    assert!(!s.claim(10, 10).await[0].run.interrupted);
    assert!(s.claim(10, 10 + 59_999).await.is_empty());
    let again = s.claim(10, 10 + 60_000).await;
    assert!(again[0].run.interrupted);
}

/// Whoever lost its lease to another runner can write nothing about the run any more.
pub async fn an_old_fence_writes_nothing(s: Stores) {
    s.accept(arrival("e1", "t1", &[("a", "run_1")], 1)).await;
    let old = s.claim(10, 10).await.remove(0);
    let new = s.claim(10, 100_000).await.remove(0);
    let recorded = s.work.record(&old.fence, vec![done("x", 1.into())], at(200_000)).await;
    assert!(matches!(recorded, Err(StoreError::Fenced)));
    let settled = s.work.settle(&old.fence, vec![done("x", 1.into())], over(RunState::Failed), None, at(100_001)).await;
    assert!(matches!(settled, Err(StoreError::Fenced)));
    s.settle(&new, over(RunState::Succeeded), 100_002).await;
    let kept = s.history.run("run_1").await.expect("reading works").expect("it is there");
    assert_eq!((kept.summary.state, kept.journal.len()), (RunState::Succeeded, 0));
}

/// What is settled once cannot be settled again.
pub async fn a_settled_delivery_is_fenced(s: Stores) {
    s.accept(arrival("e1", "t1", &[("a", "run_1")], 1)).await;
    let claim = s.claim(10, 10).await.remove(0);
    s.settle(&claim, over(RunState::Succeeded), 11).await;
    let twice = s.work.settle(&claim.fence, vec![], over(RunState::Failed), None, at(12)).await;
    assert!(matches!(twice, Err(StoreError::Fenced)));
}

/// The journal grows at its end only and comes back in order with the next delivery.
pub async fn the_journal_comes_back_in_order(s: Stores) {
    s.accept(arrival("e1", "t1", &[("a", "run_1")], 1)).await;
    let claim = s.claim(10, 10).await.remove(0);
    let big = serde_json::json!({"id": u64::MAX, "nested": [null, true, "ü"]});
    s.work.record(&claim.fence, vec![done("one", big.clone())], at(60_000)).await.expect("recording works");
    let failed = Entry::Attempt {
        step: StepPath::new("two"),
        attempt: 1,
        started_at: at(3),
        at: at(4),
        input: serde_json::Value::Null,
        error: CallError::rate_limited("ratelimited", "slow down", Duration::from_secs(3), HoldKey("b".to_owned())),
        next_at: Some(at(20)),
    };
    let settlement = Settlement::Again { at: at(20), reason: "slow down".to_owned() };
    s.work.settle(&claim.fence, vec![failed.clone()], settlement, None, at(12)).await.expect("settling works");
    let again = s.claim(10, 20).await.remove(0);
    assert_eq!(again.run.journal, [done("one", big), failed]);
}

/// Recording extends the lease.
pub async fn recording_extends_the_lease(s: Stores) {
    s.accept(arrival("e1", "t1", &[("a", "run_1")], 1)).await;
    let claim = s.claim(10, 10).await.remove(0);
    s.work.record(&claim.fence, vec![], at(100_000)).await.expect("recording works");
    assert!(s.claim(10, 99_999).await.is_empty());
    assert_eq!(s.claim(10, 100_000).await.len(), 1);
}

/// What a process held that is known to be gone comes back at once, as interrupted; other owners keep theirs.
pub async fn what_a_dead_owner_held_comes_back_at_once(s: Stores) {
    s.accept(arrival("e1", "t1", &[("a", "run_1")], 1)).await;
    let dead = s.work.claim("dead", 1, LEASE, at(10)).await.expect("claiming works").claims.remove(0);
    s.accept(arrival("e2", "t2", &[("a", "run_2")], 2)).await;
    s.work.claim("alive", 1, LEASE, at(11)).await.expect("claiming works");
    assert_eq!(s.work.take_back("dead", at(12)).await.expect("taking back works"), 1);
    let late = s.work.settle(&dead.fence, vec![], over(RunState::Failed), None, at(12)).await;
    assert!(matches!(late, Err(StoreError::Fenced)));
    let claims = s.claim(10, 12).await;
    assert_eq!(runs(&claims), ["run_1"]);
    assert!(claims[0].run.interrupted);
}

/// A parked run holds its lane until its time is over, and then gives way while it stays unknown.
pub async fn a_parked_run_gives_way_and_stays_unknown(s: Stores) {
    s.accept(arrival("e1", "t1", &[("a", "run_1")], 1)).await;
    s.accept(arrival("e2", "t1", &[("a", "run_2")], 2)).await;
    let claim = s.claim(10, 10).await.remove(0);
    s.settle(&claim, Settlement::Park { lane_until: at(900), reason: "was it posted?".to_owned() }, 11).await;
    assert_eq!(s.state("run_1").await, RunState::Unknown);
    assert!(s.claim(10, 899).await.is_empty());
    let parked = s.claim(10, 900).await.remove(0);
    assert!(parked.run.parked);
    s.settle(&parked, Settlement::GiveWay { reason: "was it posted?".to_owned() }, 901).await;
    assert_eq!(s.state("run_1").await, RunState::Unknown);
    assert_eq!(runs(&s.claim(10, 902).await), ["run_2"]);
}

/// A shared rate budget reaches every runner with its next claim, and ends by itself.
pub async fn a_hold_reaches_every_runner_until_it_ends(s: Stores) {
    s.accept(arrival("e1", "t1", &[("a", "run_1")], 1)).await;
    let claim = s.claim(10, 10).await.remove(0);
    let hold = Hold { key: HoldKey("slack|chat.postMessage".to_owned()), until: at(5_000) };
    let again = Settlement::Again { at: at(5_000), reason: "slow down".to_owned() };
    s.work.settle(&claim.fence, vec![], again, Some(hold.clone()), at(11)).await.expect("settling works");
    let other = s.work.claim("another", 1, LEASE, at(4_999)).await.expect("claiming works");
    assert_eq!(other.holds, [hold]);
    assert!(s.work.claim("another", 1, LEASE, at(5_000)).await.expect("claiming works").holds.is_empty());
}

/// A replay is a new run of the same version at its lane's end, with what is kept of the old journal.
pub async fn a_replay_is_a_new_run_that_keeps_what_is_done(s: Stores) {
    s.accept(arrival("e1", "t1", &[("a", "run_1")], 1)).await;
    let run = RunId::new("run_1");
    assert_eq!(s.history.replay(&run, RunId::new("run_x"), vec![], at(2)).await.expect("asking works"), None);
    let claim = s.claim(10, 10).await.remove(0);
    s.settle(&claim, over(RunState::Dead), 11).await;
    let keep = vec![done("one", 1.into())];
    let replayed = s.history.replay(&run, RunId::new("run_2"), keep.clone(), at(12)).await.expect("replaying works");
    assert_eq!(replayed, Some(1));
    let new = s.claim(10, 13).await.remove(0);
    assert_eq!((new.run.id.as_str(), new.run.replay, new.run.journal.clone()), ("run_2", 1, keep));
    assert_ne!(new.run.effect_key(&StepPath::new("two")), claim.run.effect_key(&StepPath::new("two")));
    assert_eq!(
        s.history.replay(&RunId::new("none"), RunId::new("run_3"), vec![], at(14)).await.expect("asking works"),
        None
    );
}

/// An unknown run that a person replays is over, and its lane goes on.
pub async fn replaying_an_unknown_run_ends_it(s: Stores) {
    s.accept(arrival("e1", "t1", &[("a", "run_1")], 1)).await;
    let claim = s.claim(10, 10).await.remove(0);
    s.settle(&claim, Settlement::Park { lane_until: at(900_000), reason: "was it posted?".to_owned() }, 11).await;
    let run = RunId::new("run_1");
    assert_eq!(s.history.replay(&run, RunId::new("run_2"), vec![], at(12)).await.expect("replaying works"), Some(1));
    assert_eq!(s.state("run_1").await, RunState::Failed);
    assert_eq!(runs(&s.claim(10, 13).await), ["run_2"]);
}

/// A run finds the text of the version it was pinned to, after newer ones were published.
pub async fn published_versions_stay_readable(s: Stores) {
    let name = WorkflowName::parse("a").expect("a name");
    for (version, text) in [("v1", "one"), ("v2", "two"), ("v1", "one")] {
        let versions = vec![(name.clone(), WorkflowVersion::new(version), text.to_owned())];
        s.work.publish(versions, at(1)).await.expect("publishing works");
    }
    let text = s.work.workflow_text(&name, &WorkflowVersion::new("v1")).await.expect("reading works");
    assert_eq!(text.as_deref(), Some("one"));
    assert_eq!(s.work.workflow_text(&name, &WorkflowVersion::new("v3")).await.expect("reading works"), None);
}

/// Lists show the newest first and obey their filters; runs and events are found by short references.
pub async fn history_is_filtered_and_found_by_short_references(s: Stores) {
    s.accept(arrival("e1", "t1", &[("a", "run_1aaa")], 1)).await;
    s.accept(arrival("e2", "t2", &[("b", "run_1bbb")], 2)).await;
    let by = |filter: Filter| s.history.runs(filter);
    let all = by(Filter::default()).await.expect("a list");
    assert_eq!(all.iter().map(|run| run.id.as_str()).collect::<Vec<_>>(), ["run_1bbb", "run_1aaa"]);
    assert_eq!(by(Filter { workflow: Some("a".to_owned()), ..Filter::default() }).await.expect("a list").len(), 1);
    assert_eq!(by(Filter { subject: Some("t2".to_owned()), ..Filter::default() }).await.expect("a list").len(), 1);
    assert_eq!(by(Filter { state: Some("dead".to_owned()), ..Filter::default() }).await.expect("a list").len(), 0);
    assert_eq!(by(Filter { limit: 1, ..Filter::default() }).await.expect("a list").len(), 1);
    assert!(s.history.run("run_1").await.expect("reading works").is_none(), "ambiguous");
    assert!(s.history.run("run_1b").await.expect("reading works").is_some());
    assert!(s.history.event("zendesk-support/e2").await.expect("reading works").is_some());
    assert!(s.history.event("nothing").await.expect("reading works").is_none());
    let counts = s.history.counts().await.expect("counting works");
    assert_eq!((counts.events, counts.runs.get("queued").copied()), (2, Some(2)));
}

/// An id that fits several runs or events leads to none of them, and those that it fits can be named.
pub async fn what_a_short_reference_fits_can_be_named(s: Stores) {
    s.accept(arrival("e1", "t1", &[("a", "run_1aaa")], 1)).await;
    let mut other = arrival("e1", "t2", &[("b", "run_1bbb")], 2);
    other.event.source = SourceName::parse("other").expect("a name");
    s.accept(other).await;
    let beginning = |text| s.history.runs_beginning(text, 5);
    let mut found = beginning("run_1").await.expect("a list");
    found.sort();
    assert_eq!(found, [RunId::new("run_1aaa"), RunId::new("run_1bbb")]);
    assert_eq!(beginning("run_1b").await.expect("a list"), [RunId::new("run_1bbb")]);
    assert_eq!(beginning("run_2").await.expect("a list"), []);
    assert_eq!(s.history.runs_beginning("run_1", 1).await.expect("a list").len(), 1);
    assert!(s.history.event("e1").await.expect("reading works").is_none(), "two sources have one");
    let mut called = s.history.events_called("e1", 5).await.expect("a list");
    called.sort();
    assert_eq!(called, ["other/e1", "zendesk-support/e1"]);
    for reference in &called {
        assert!(s.history.event(reference).await.expect("reading works").is_some(), "{reference}");
    }
    assert_eq!(s.history.events_called("e2", 5).await.expect("a list"), Vec::<String>::new());
}

/// Waiting for work ends when work arrives.
pub async fn waiting_ends_when_work_arrives(s: Stores) {
    let waiting = s.work.arrived();
    s.accept(arrival("e1", "t1", &[("a", "run_1")], 1)).await;
    waiting.await;
}

/// Many tasks that claim and settle at once hand out each run once and keep every lane in order.
pub async fn concurrent_runners_share_the_work_in_order(s: Stores) {
    for n in 0..200 {
        s.accept(arrival(&format!("e{n}"), &format!("t{}", n % 20), &[("a", &format!("run_{n:03}"))], n)).await;
    }
    let log = Arc::new(std::sync::Mutex::new(Vec::new()));
    let runners: Vec<_> = (0..8)
        .map(|_| {
            let (s, log) = (s.clone(), log.clone());
            tokio::spawn(async move {
                loop {
                    let claims = s.claim(3, 1_000).await;
                    if claims.is_empty() && log.lock().expect("unpoisoned").len() == 200 {
                        return;
                    }
                    for claim in claims {
                        log.lock()
                            .expect("unpoisoned")
                            .push((claim.run.event.subject.clone(), claim.run.id.to_string()));
                        s.settle(&claim, over(RunState::Succeeded), 1_000).await;
                    }
                    tokio::task::yield_now().await;
                }
            })
        })
        .collect();
    for runner in runners {
        runner.await.expect("no runner panics");
    }
    let log = log.lock().expect("unpoisoned");
    for subject in 0..20 {
        let of_one: Vec<_> = log.iter().filter(|(s, _)| *s == format!("t{subject}")).map(|(_, run)| run).collect();
        assert_eq!(of_one.len(), 10);
        assert!(of_one.is_sorted(), "{of_one:?}");
    }
}

/// Makes a test of every case. The argument is an async closure that makes an empty store's [`Stores`], and whatever it must
/// keep alive meanwhile.
#[macro_export]
macro_rules! store_contract {
    ($make:expr) => {
        $crate::store_contract! { @each $make;
            a_repeat_of_an_event_starts_nothing
            ids_are_unique_within_a_source_only
            an_event_known_by_another_id_is_a_repeat
            an_unwanted_event_is_kept_with_the_reasons
            a_rejected_body_is_kept_once_with_the_reason
            data_comes_back_as_it_came
            numbers_come_back_with_their_digits
            runs_of_one_lane_are_handed_out_in_order
            lanes_do_not_wait_for_each_other
            a_claim_is_bounded
            a_waiting_run_keeps_its_lane_and_comes_back_at_its_time
            a_lease_that_ran_out_hands_the_run_out_as_interrupted
            deliveries_that_break_off_in_a_row_are_counted
            an_old_fence_writes_nothing
            a_settled_delivery_is_fenced
            the_journal_comes_back_in_order
            recording_extends_the_lease
            what_a_dead_owner_held_comes_back_at_once
            a_parked_run_gives_way_and_stays_unknown
            a_hold_reaches_every_runner_until_it_ends
            a_replay_is_a_new_run_that_keeps_what_is_done
            replaying_an_unknown_run_ends_it
            published_versions_stay_readable
            history_is_filtered_and_found_by_short_references
            what_a_short_reference_fits_can_be_named
            waiting_ends_when_work_arrives
            concurrent_runners_share_the_work_in_order
            a_run_that_waits_leaves_its_lane_and_comes_back
            the_next_time_of_a_wait_is_known
            an_awaited_event_wakes_its_run
            an_event_between_the_last_result_and_the_wait_is_not_missed
            an_event_that_comes_while_its_run_is_under_way_is_found
            an_event_from_a_clock_that_is_behind_wakes_the_run_that_waits
            only_the_latest_of_those_that_wait_is_handled
            superseding_the_first_of_a_lane_does_not_block_it
            an_older_state_does_not_supersede_a_newer_one
            a_debounced_run_waits_for_quiet_but_not_for_ever
            a_run_learns_how_new_the_handled_ones_were
            a_run_learns_what_others_changed_about_its_subject
            calls_that_did_not_happen_and_old_ones_are_no_changes
            the_facts_of_a_change_come_back_as_they_were
            a_decision_brings_an_unknown_run_back
            old_events_are_removed_unless_a_run_of_theirs_is_not_over
            old_events_that_stay_do_not_keep_others
            runs_are_listed_by_the_state_in_which_they_are
            a_run_is_in_every_list_once_however_it_moves
            lists_are_filtered_by_time_type_and_number
            deployed_workflows_are_in_force_until_they_are_removed
            what_is_fixed_of_a_connection_stays_until_it_is_forgotten
            a_schedule_begins_when_its_workflow_is_switched_on
            a_document_says_what_was_deployed_last
            one_run_is_handed_out_when_its_turn_has_come
            tokens_are_written_by_compare_and_set
            one_owner_at_a_time_has_the_lease_on_tokens
            tokens_that_are_due_are_found_and_no_others
            standings_that_nobody_was_told_of_are_found
            a_blocked_run_keeps_its_lane_until_its_connection_is_back
            versions_of_a_secret_never_change
            old_versions_of_a_secret_are_erased_at_their_time
            a_secret_is_sealed_anew_only_from_the_key_it_has
            an_unreadable_event_hides_no_other
            an_unreadable_run_is_set_aside_and_its_lane_goes_on
            an_unreadable_run_that_is_asked_for_alone_is_set_aside
            a_run_behind_an_unreadable_one_takes_its_turn
            a_run_whose_journal_is_unreadable_is_set_aside_and_shown
            a_run_whose_event_is_unreadable_is_set_aside
            an_unreadable_change_stops_no_run
            an_unreadable_wait_stops_no_event
            an_unreadable_token_record_hides_no_other
            an_unreadable_secret_hides_no_other
            what_is_in_force_and_unreadable_hides_no_other
            a_clock_that_is_set_back_delays_nothing_that_is_queued
        }
    };
    (@each $make:expr; $($case:ident)*) => {
        $(
            #[tokio::test]
            async fn $case() {
                let (stores, _kept_alive) = ($make)().await;
                $crate::contract::$case(stores).await;
            }
        )*
    };
}
