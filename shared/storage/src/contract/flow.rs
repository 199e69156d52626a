//! The contract's second half: waits, lanes that supersede, our own writes, decisions, old data, workflows in force.

use std::time::Duration;

use deskwire_core::action::OwnWrite;
use deskwire_core::connection::FixedFacts;
use deskwire_core::event::ChangeFacts;
use deskwire_core::ids::{ConnectionName, EventId, RunId, StepPath, WorkflowName, WorkflowVersion};
use deskwire_core::ports::{
    Arrival, Claim, DEBOUNCES, Deploy, Deployed, EventWait, Filter, LanePolicy, Offer, Settlement,
};
use deskwire_core::run::{Entry, RunState, Written};

use super::{Stores, arrival, at, done, event, over, runs};

fn waits_until(until: i64, event: Option<EventWait>) -> Settlement {
    Settlement::Wait { until: at(until), event, reason: "step `pause` waits".to_owned() }
}

fn for_comments(since: i64, seen: usize) -> EventWait {
    EventWait {
        source: event("e", "t1", 0).source,
        subject: "t1".to_owned(),
        events: vec!["ticket.comment.*".to_owned()],
        since: at(since),
        seen,
    }
}

/// An event that starts nothing.
fn of_kind(id: &str, subject: &str, kind: &str, received_at: i64) -> Arrival {
    let mut arrival = arrival(id, subject, &[], received_at);
    kind.clone_into(&mut arrival.event.kind);
    arrival
}

async fn claimed(s: &Stores, now: i64) -> Claim {
    let mut claims = s.claim(1, now).await;
    assert_eq!(claims.len(), 1, "one run is due at {now}");
    claims.remove(0)
}

/// A run that waits leaves its lane to the next one, and comes back at its time.
pub async fn a_run_that_waits_leaves_its_lane_and_comes_back(s: Stores) {
    s.accept(arrival("e1", "t1", &[("a", "run_1")], 1)).await;
    s.accept(arrival("e2", "t1", &[("a", "run_2")], 2)).await;
    let first = claimed(&s, 5).await;
    s.settle(&first, waits_until(5_000, None), 6).await;
    assert_eq!(s.state("run_1").await, RunState::Waiting);
    let second = claimed(&s, 7).await;
    assert_eq!(second.run.id.as_str(), "run_2");
    assert!(s.claim(10, 4_999).await.is_empty());
    let again = claimed(&s, 5_000).await;
    assert_eq!((again.run.id.as_str(), again.run.deliveries, again.run.interrupted), ("run_1", 2, false));
    // It retries and waits again beside the lane that somebody else has now.
    s.settle(&again, Settlement::Again { at: at(6_000), reason: "busy".to_owned() }, 5_001).await;
    assert_eq!(runs(&s.claim(10, 6_000).await), ["run_1"]);
    s.settle(&second, over(RunState::Succeeded), 6_001).await;
}

/// The next due time is known while all there is waits.
pub async fn the_next_time_of_a_wait_is_known(s: Stores) {
    s.accept(arrival("e1", "t1", &[("a", "run_1")], 1)).await;
    let claim = claimed(&s, 5).await;
    s.settle(&claim, waits_until(5_000, None), 6).await;
    let batch = s.work.claim("runner", 1, Duration::from_mins(1), at(7)).await.expect("claiming works");
    assert_eq!(batch.next_due, Some(at(5_000)));
}

/// An event such as a run waits for wakes it, and comes with it; others do not.
pub async fn an_awaited_event_wakes_its_run(s: Stores) {
    s.accept(arrival("e1", "t1", &[("a", "run_1")], 1)).await;
    let claim = claimed(&s, 5).await;
    s.settle(&claim, waits_until(5_000, Some(for_comments(5, 0))), 6).await;
    s.accept(of_kind("e2", "t2", "ticket.comment.added", 10)).await;
    s.accept(of_kind("e3", "t1", "ticket.status_changed", 11)).await;
    assert!(s.claim(10, 12).await.is_empty());
    s.accept(of_kind("e4", "t1", "ticket.comment.added", 13)).await;
    let woken = claimed(&s, 13).await;
    assert_eq!(woken.run.arrived.iter().map(|event| event.id.as_str()).collect::<Vec<_>>(), ["e4"]);
    // It was not the one, and waits on: shown events do not wake it again, and stay shown.
    s.settle(&woken, waits_until(5_000, Some(for_comments(5, 1))), 14).await;
    assert!(s.claim(10, 15).await.is_empty());
    s.accept(of_kind("e5", "t1", "ticket.comment.added", 16)).await;
    let woken = claimed(&s, 16).await;
    assert_eq!(woken.run.arrived.iter().map(|event| event.id.as_str()).collect::<Vec<_>>(), ["e4", "e5"]);
    s.settle(&woken, over(RunState::Succeeded), 17).await;
    s.accept(of_kind("e6", "t1", "ticket.comment.added", 18)).await;
    assert!(s.claim(10, 19).await.is_empty(), "nobody waits any more");
}

/// An event that was accepted after the moment from which a wait counts is not missed, and older ones do not count.
pub async fn an_event_between_the_last_result_and_the_wait_is_not_missed(s: Stores) {
    s.accept(arrival("e1", "t1", &[("a", "run_1")], 1)).await;
    s.accept(of_kind("old", "t1", "ticket.comment.added", 2)).await;
    let claim = claimed(&s, 5).await;
    s.accept(of_kind("new", "t1", "ticket.comment.added", 6)).await;
    s.settle(&claim, waits_until(5_000, Some(for_comments(5, 0))), 7).await;
    let woken = claimed(&s, 8).await;
    assert_eq!(woken.run.arrived.iter().map(|event| event.id.as_str()).collect::<Vec<_>>(), ["new"]);
}

/// The clock of the machine that took an event in may be behind: it came while the run waited all the same.
pub async fn an_event_from_a_clock_that_is_behind_wakes_the_run_that_waits(s: Stores) {
    s.accept(arrival("e1", "t1", &[("a", "run_1")], 1)).await;
    let claim = claimed(&s, 500).await;
    s.settle(&claim, waits_until(5_000, Some(for_comments(500, 0))), 501).await;
    s.accept(of_kind("e2", "t1", "ticket.comment.added", 400)).await;
    let woken = claimed(&s, 502).await;
    assert_eq!(woken.run.arrived.iter().map(|event| event.id.as_str()).collect::<Vec<_>>(), ["e2"]);
    // A wait that begins later is another one.
    s.settle(&woken, waits_until(5_000, Some(for_comments(502, 0))), 503).await;
    assert!(s.claim(10, 504).await.is_empty());
    s.accept(of_kind("e3", "t1", "ticket.comment.added", 505)).await;
    let woken = claimed(&s, 505).await;
    assert_eq!(woken.run.arrived.iter().map(|event| event.id.as_str()).collect::<Vec<_>>(), ["e3"]);
}

/// An event that comes while its run is being looked at is found when the run settles.
pub async fn an_event_that_comes_while_its_run_is_under_way_is_found(s: Stores) {
    s.accept(arrival("e1", "t1", &[("a", "run_1")], 1)).await;
    let claim = claimed(&s, 5).await;
    s.settle(&claim, waits_until(20, Some(for_comments(5, 0))), 6).await;
    let under_way = claimed(&s, 20).await;
    s.accept(of_kind("e2", "t1", "ticket.comment.added", 21)).await;
    assert!(s.claim(10, 22).await.is_empty(), "it is leased");
    s.settle(&under_way, waits_until(5_000, Some(for_comments(5, 0))), 23).await;
    assert_eq!(claimed(&s, 24).await.run.arrived.len(), 1);
}

fn with_policy(mut arrival: Arrival, policy: LanePolicy, changed_at: Option<i64>) -> Arrival {
    arrival.wanted[0].policy = policy;
    arrival.wanted[0].changed_at = changed_at.map(at);
    arrival
}

/// The latest event supersedes those that were never handed out, and no others.
pub async fn only_the_latest_of_those_that_wait_is_handled(s: Stores) {
    let latest =
        |id: &str, run: &str, now| with_policy(arrival(id, "t1", &[("a", run)], now), LanePolicy::Latest, None);
    s.accept(latest("e1", "run_1", 1)).await;
    let under_way = claimed(&s, 2).await;
    s.accept(latest("e2", "run_2", 3)).await;
    s.accept(latest("e3", "run_3", 4)).await;
    s.accept(latest("e4", "run_4", 5)).await;
    s.settle(&under_way, over(RunState::Succeeded), 6).await;
    assert_eq!(runs(&s.claim(10, 7).await), ["run_4"]);
    let superseded = s.history.run("run_3").await.expect("reading works").expect("it is kept").summary;
    assert_eq!(superseded.state, RunState::Skipped);
    assert!(superseded.reason.expect("a reason").contains("superseded by run run_4"));
}

/// A superseded run that was the first of its lane hands the lane on.
pub async fn superseding_the_first_of_a_lane_does_not_block_it(s: Stores) {
    let latest =
        |id: &str, run: &str, now| with_policy(arrival(id, "t1", &[("a", run)], now), LanePolicy::Latest, None);
    s.accept(latest("e1", "run_1", 1)).await;
    s.accept(latest("e2", "run_2", 2)).await;
    assert_eq!(runs(&s.claim(10, 3).await), ["run_2"]);
}

/// Of two events that came out of order, the one that tells of the later state is handled.
pub async fn an_older_state_does_not_supersede_a_newer_one(s: Stores) {
    let latest = |id: &str, run: &str, changed| {
        with_policy(arrival(id, "t1", &[("a", run)], 1), LanePolicy::Latest, Some(changed))
    };
    s.accept(latest("e1", "run_1", 20)).await;
    s.accept(latest("e2", "run_2", 10)).await;
    assert_eq!(runs(&s.claim(10, 3).await), ["run_1"]);
    let late = s.history.run("run_2").await.expect("reading works").expect("it is kept").summary;
    assert_eq!(late.state, RunState::Skipped);
    assert!(late.reason.expect("a reason").contains("out of order"));
}

/// A debounced run waits for quiet, but not for ever.
pub async fn a_debounced_run_waits_for_quiet_but_not_for_ever(s: Stores) {
    let quiet = Duration::from_millis(100);
    let debounced = |n: i64, now| {
        let arrival = arrival(&format!("e{n}"), "t1", &[("a", &format!("run_{n:02}"))], now);
        with_policy(arrival, LanePolicy::Debounce(quiet), None)
    };
    s.accept(debounced(1, 0)).await;
    s.accept(debounced(2, 90)).await;
    assert!(s.claim(10, 189).await.is_empty());
    let first = claimed(&s, 190).await;
    assert_eq!(first.run.id.as_str(), "run_02");
    // A new burst waits for its own quiet, also once the lane is free.
    s.accept(debounced(3, 195)).await;
    s.settle(&first, over(RunState::Succeeded), 196).await;
    assert!(s.claim(10, 200).await.is_empty());
    let end = 195 + 100 * i64::from(DEBOUNCES);
    let mut number = 4;
    for now in (200..end).step_by(50) {
        s.accept(debounced(number, now)).await;
        number += 1;
    }
    let last = claimed(&s, end).await;
    assert_eq!(last.run.id.as_str(), format!("run_{:02}", number - 1));
}

/// A run learns the latest time of its lane's runs before it, and not its own.
pub async fn a_run_learns_how_new_the_handled_ones_were(s: Stores) {
    let timed = |id: &str, run: &str, changed| {
        with_policy(arrival(id, "t1", &[("a", run)], 1), LanePolicy::Every, Some(changed))
    };
    for (id, run, changed, before) in
        [("e1", "run_1", 20, None), ("e2", "run_2", 10, Some(20)), ("e3", "run_3", 30, Some(20))]
    {
        s.accept(timed(id, run, changed)).await;
        let claim = claimed(&s, 5).await;
        assert_eq!((claim.run.changed_at, claim.run.newest_before), (Some(at(changed)), before.map(at)));
        s.settle(&claim, Settlement::Again { at: at(6), reason: "busy".to_owned() }, 5).await;
        let again = claimed(&s, 6).await;
        assert_eq!(again.run.newest_before, before.map(at), "a second delivery sees the same");
        s.settle(&again, over(RunState::Succeeded), 7).await;
    }
}

fn wrote(actor: &str, mark: &str, hops: u32) -> Entry {
    let write = OwnWrite {
        provider: "zendesk".to_owned(),
        subject: "t2".to_owned(),
        actor: Some(actor.to_owned()),
        mark: Some(mark.to_owned()),
        at: at(4),
    };
    match done("write", serde_json::Value::Null) {
        Entry::Done { step, action, attempt, input, output, how, .. } => Entry::Done {
            step,
            action,
            attempt,
            started_at: at(4),
            at: at(5),
            input,
            output,
            how,
            wrote: vec![Written { write, hops }],
        },
        other => other,
    }
}

/// What a run announces and writes is told to runs about that subject, and who wrote it to all.
pub async fn a_run_learns_what_others_changed_about_its_subject(s: Stores) {
    s.accept(arrival("e1", "t1", &[("a", "run_1")], 1)).await;
    let writer = claimed(&s, 2).await;
    let calling = Entry::Calling { step: StepPath::new("write"), at: at(3), subject: Some("t2".to_owned()) };
    s.work.record(&writer.fence, vec![calling], at(60_000)).await.expect("recording works");
    s.accept(arrival("e2", "t2", &[("b", "run_2")], 4)).await;
    let waiting = claimed(&s, 5).await;
    assert_eq!(waiting.run.changes.len(), 1);
    assert_eq!((waiting.run.changes[0].by.as_str(), &waiting.run.changes[0].written), ("run_1", &None));
    s.settle(&waiting, Settlement::Again { at: at(7), reason: "may be ours".to_owned() }, 5).await;
    s.work
        .settle(&writer.fence, vec![wrote("17", "c5", 2)], over(RunState::Succeeded), None, at(6))
        .await
        .expect("settling works");
    let batch = s.work.claim("runner", 1, Duration::from_mins(1), at(7)).await.expect("claiming works");
    assert_eq!(batch.own_actors, ["17"]);
    let written = batch.claims[0].run.changes[0].written.clone().expect("the answer is in");
    assert_eq!((written.hops, written.write.mark.as_deref()), (2, Some("c5")));
}

/// A call that is known not to have happened is no change, and neither is one of a while ago.
pub async fn calls_that_did_not_happen_and_old_ones_are_no_changes(s: Stores) {
    s.accept(arrival("e1", "t1", &[("a", "run_1")], 1)).await;
    let writer = claimed(&s, 2).await;
    let step = StepPath::new("write");
    let calling = Entry::Calling { step: step.clone(), at: at(3), subject: Some("t2".to_owned()) };
    let skipped = Entry::Failed {
        step,
        at: at(4),
        error: deskwire_core::action::CallError::new(deskwire_core::action::ErrorClass::Fail, "no", "no"),
        continued: false,
    };
    let over = over(RunState::Failed);
    s.work.settle(&writer.fence, vec![calling, skipped], over, None, at(5)).await.expect("settling works");
    s.accept(arrival("e2", "t2", &[("b", "run_2")], 6)).await;
    let claim = claimed(&s, 7).await;
    assert!(claim.run.changes.is_empty());
    s.work
        .settle(
            &claim.fence,
            vec![wrote("17", "c5", 1)],
            Settlement::Over { state: RunState::Succeeded, reason: "done".to_owned() },
            None,
            at(8),
        )
        .await
        .expect("settling works");
    let later = 2 * 3_600_000;
    s.accept(arrival("e3", "t2", &[("b", "run_3")], later)).await;
    assert!(claimed(&s, later).await.run.changes.is_empty());
}

/// What a provider says of a change comes back as it was.
pub async fn the_facts_of_a_change_come_back_as_they_were(s: Stores) {
    let mut arrival = arrival("e1", "t1", &[("a", "run_1")], 1);
    let facts = ChangeFacts { actor: Some("17".to_owned()), changed_at: Some(at(9)), marks: vec!["c5".to_owned()] };
    arrival.event.change = facts.clone();
    s.accept(arrival).await;
    assert_eq!(claimed(&s, 2).await.run.event.change, facts);
}

/// What a person decided is in the journal of the run when it comes back; only unknown runs take a decision.
pub async fn a_decision_brings_an_unknown_run_back(s: Stores) {
    for gave_way in [false, true] {
        let run = format!("run_{gave_way}");
        s.accept(arrival(&format!("e{gave_way}"), "t1", &[("a", &run)], 1)).await;
        let claim = claimed(&s, 5).await;
        let decided = || {
            vec![Entry::Decided {
                step: StepPath::new("write"),
                at: at(20),
                happened: true,
                output: serde_json::Value::Null,
            }]
        };
        let id = RunId::new(run.clone());
        assert!(!s.history.decide(&id, decided(), at(6)).await.expect("deciding works"), "it is under way");
        s.settle(&claim, Settlement::Park { lane_until: at(10), reason: "unknown".to_owned() }, 6).await;
        if gave_way {
            let parked = claimed(&s, 10).await;
            s.settle(&parked, Settlement::GiveWay { reason: "still unknown".to_owned() }, 11).await;
        }
        assert!(s.history.decide(&id, decided(), at(20)).await.expect("deciding works"));
        let back = claimed(&s, 20).await;
        assert_eq!((back.run.id.as_str(), back.run.parked, back.run.interrupted), (run.as_str(), false, false));
        assert!(matches!(back.run.journal.last(), Some(Entry::Decided { .. })));
        s.settle(&back, over(RunState::Succeeded), 21).await;
    }
}

/// Old events go with all that hangs on them, those with a run that is not over stay.
pub async fn old_events_are_removed_unless_a_run_of_theirs_is_not_over(s: Stores) {
    for (n, run) in ["run_1", "run_2", "run_3"].into_iter().enumerate() {
        s.accept(arrival(&format!("e{n}"), &format!("t{n}"), &[("a", run)], 1)).await;
    }
    s.accept(arrival("bare", "t9", &[], 1)).await;
    s.accept(arrival("young", "t9", &[], 100)).await;
    let over_now = claimed(&s, 2).await;
    let entries = vec![done("write", serde_json::Value::Null)];
    s.work.settle(&over_now.fence, entries, over(RunState::Succeeded), None, at(3)).await.expect("settling works");
    let waiting = claimed(&s, 3).await;
    s.settle(&waiting, waits_until(1_000, Some(for_comments(1, 0))), 4).await;
    assert_eq!(s.history.purge(at(50), 1).await.expect("purging works"), 1);
    assert_eq!(s.history.purge(at(50), 10).await.expect("purging works"), 1);
    assert_eq!(s.history.purge(at(50), 10).await.expect("purging works"), 0);
    let left = s.history.events(Filter::default()).await.expect("a list");
    assert_eq!(left.iter().map(|event| event.id.as_str()).collect::<Vec<_>>(), ["young", "e2", "e1"]);
    assert_eq!(s.state("run_2").await, RunState::Waiting);
    // A repeat of what is gone is new again: retention is longer than any provider repeats.
    s.accept(arrival("bare", "t9", &[], 200)).await;
}

/// However many old events there are, and whichever of them stay.
pub async fn old_events_that_stay_do_not_keep_others(s: Stores) {
    for n in 0..5 {
        s.accept(arrival(&format!("open{n}"), &format!("t{n}"), &[("a", &format!("run_{n}"))], 1)).await;
    }
    for n in 0..250 {
        s.accept(arrival(&format!("e{n}"), "t9", &[], 2)).await;
    }
    assert_eq!(s.history.purge(at(50), 3).await.expect("purging works"), 3);
    assert_eq!(s.history.purge(at(50), 1_000).await.expect("purging works"), 247);
    assert_eq!(s.history.events(Filter::default()).await.expect("a list").len(), 5);
}

/// Each run is in the list of the state in which it is, and in no other.
pub async fn runs_are_listed_by_the_state_in_which_they_are(s: Stores) {
    let ends = [
        ("run_1", Settlement::Again { at: at(1_000), reason: "busy".to_owned() }, RunState::Retrying),
        ("run_2", waits_until(1_000, None), RunState::Waiting),
        ("run_3", Settlement::Park { lane_until: at(1_000), reason: "lost".to_owned() }, RunState::Unknown),
        ("run_4", over(RunState::Succeeded), RunState::Succeeded),
        ("run_5", over(RunState::Failed), RunState::Failed),
        ("run_6", over(RunState::Skipped), RunState::Skipped),
        ("run_7", over(RunState::Dead), RunState::Dead),
    ];
    for (run, settlement, _) in ends.clone() {
        s.accept(arrival(run, run, &[("a", run)], 1)).await;
        s.settle(&claimed(&s, 2).await, settlement, 3).await;
    }
    s.accept(arrival("e8", "t8", &[("a", "run_8")], 4)).await;
    claimed(&s, 4).await;
    s.accept(arrival("e9", "t9", &[("a", "run_9")], 5)).await;
    let all = ends.map(|(run, _, state)| (run, state));
    for (run, state) in [("run_8", RunState::Running), ("run_9", RunState::Queued)].iter().chain(&all) {
        let filter = Filter { state: Some(state.as_str().to_owned()), ..Filter::default() };
        let runs = s.history.runs(filter).await.expect("a list");
        assert_eq!(runs.iter().map(|run| run.id.as_str()).collect::<Vec<_>>(), [*run], "{}", state.as_str());
    }
    assert_eq!(s.history.runs(Filter::default()).await.expect("a list").len(), 9);
    let ids = ["run_4", "run_9", "run_none", "run_4"].map(RunId::new).to_vec();
    let mut runs = s.history.runs_by_id(ids).await.expect("a list");
    runs.sort_by_key(|run| run.number);
    let found: Vec<_> = runs.iter().map(|run| (run.id.as_str(), run.state)).collect();
    assert_eq!(found, [("run_4", RunState::Succeeded), ("run_9", RunState::Queued)]);
}

/// A run that becomes something else while a list is read stands in it all the same, and once.
pub async fn a_run_is_in_every_list_once_however_it_moves(s: Stores) {
    s.accept(arrival("e1", "t1", &[("a", "run_1")], 1)).await;
    let moving = async {
        for n in 1..40 {
            let claim = claimed(&s, n * 10).await;
            s.settle(&claim, Settlement::Again { at: at(n * 10 + 1), reason: "busy".to_owned() }, n * 10).await;
        }
    };
    let reading = async {
        loop {
            let runs = s.history.runs(Filter::default()).await.expect("a list");
            assert_eq!(runs.iter().map(|run| run.id.as_str()).collect::<Vec<_>>(), ["run_1"]);
        }
    };
    tokio::select! {
        () = moving => {}
        () = reading => {}
    }
}

/// Lists take times, types, numbers and either order.
pub async fn lists_are_filtered_by_time_type_and_number(s: Stores) {
    for (n, kind) in ["ticket.created", "ticket.merged", "user.created"].into_iter().enumerate() {
        let now = 10 * (i64::try_from(n).expect("small") + 1);
        let mut arrival = arrival(&format!("e{n}"), "t1", &[("a", &format!("run_{n}"))], now);
        kind.clone_into(&mut arrival.event.kind);
        s.accept(arrival).await;
    }
    let events = async |filter| {
        let found = s.history.events(filter).await.expect("a list");
        found.into_iter().map(|event| event.id).collect::<Vec<_>>().join(" ")
    };
    let kind = |kind: &str| Filter { kind: Some(kind.to_owned()), ..Filter::default() };
    assert_eq!(events(kind("ticket.*")).await, "e1 e0");
    assert_eq!(events(kind("user.created")).await, "e2");
    assert_eq!(events(Filter { since: Some(at(20)), until: Some(at(30)), ..Filter::default() }).await, "e1");
    let never = Filter { since: Some(at(600_000)), until: Some(at(20)), ..Filter::default() };
    assert_eq!(events(never).await, "", "a time that ends before it begins has nothing in it");
    assert_eq!(events(Filter { oldest_first: true, limit: 2, ..Filter::default() }).await, "e0 e1");
    let runs = s.history.runs(Filter { oldest_first: true, ..Filter::default() }).await.expect("a list");
    let after = Filter { after: Some(runs[0].number), oldest_first: true, ..Filter::default() };
    let later = s.history.runs(after).await.expect("a list");
    assert_eq!(later.iter().map(|run| run.id.as_str()).collect::<Vec<_>>(), ["run_1", "run_2"]);
    let one = Filter { event: Some(EventId::new("e1")), since: Some(at(20)), ..Filter::default() };
    assert_eq!(s.history.runs(one).await.expect("a list").len(), 1);
}

fn deployed(name: &str, version: &str, active: bool) -> Deployed {
    Deployed {
        name: WorkflowName::parse(name).expect("a name"),
        version: WorkflowVersion::new(version),
        active,
        file_active: Some(active),
        file: format!("workflows/{name}.yaml"),
        applied_at: at(0),
        text: format!("text of {version}"),
    }
}

/// What is deployed is in force, with its text; what is removed is not, and its versions stay readable.
pub async fn deployed_workflows_are_in_force_until_they_are_removed(s: Stores) {
    let before = s.registry.generation().await.expect("a number");
    let put = |workflow| Deploy::Put(workflow);
    let two = vec![put(deployed("b", "v1", false)), put(deployed("a", "v1", true))];
    s.registry.deploy(two, at(10)).await.expect("deploying works");
    assert_ne!(s.registry.generation().await.expect("a number"), before);
    let next = vec![put(deployed("a", "v2", true)), Deploy::Remove(WorkflowName::parse("b").expect("a name"))];
    s.registry.deploy(next, at(20)).await.expect("deploying works");
    let all = s.registry.deployed().await.expect("a list");
    assert_eq!(all, [Deployed { applied_at: at(20), ..deployed("a", "v2", true) }]);
    let (name, version) = (WorkflowName::parse("b").expect("a name"), WorkflowVersion::new("v1"));
    let old = s.history.version_text(&name, &version).await.expect("reading works");
    assert_eq!(old.as_deref(), Some("text of v1"));
    let after = s.registry.generation().await.expect("a number");
    s.registry.deploy(vec![], at(30)).await.expect("deploying works");
    assert_eq!(s.registry.generation().await.expect("a number"), after, "nothing changed");
}

/// A connection's facts are those it came with, until it is forgotten.
pub async fn what_is_fixed_of_a_connection_stays_until_it_is_forgotten(s: Stores) {
    let facts = |name: &str, kind: &str, header: Option<&str>| FixedFacts {
        name: ConnectionName::parse(name).expect("a name"),
        kind: kind.to_owned(),
        allowed_domain: "acme.example".to_owned(),
        header: header.map(str::to_owned),
    };
    let (key, bearer) = (facts("a", "api_key", Some("X-Key")), facts("b", "bearer", None));
    let put = |facts: &FixedFacts| vec![Deploy::Connection(facts.clone())];
    s.registry.deploy([put(&bearer), put(&key)].concat(), at(10)).await.expect("deploying works");
    s.registry.deploy(put(&facts("a", "basic", None)), at(20)).await.expect("deploying works");
    assert_eq!(s.registry.fixed_connections().await.expect("a list"), [key.clone(), bearer.clone()]);
    s.registry.deploy(vec![Deploy::ForgetConnection(key.name)], at(30)).await.expect("deploying works");
    let anew = facts("a", "basic", None);
    s.registry.deploy(put(&anew), at(40)).await.expect("deploying works");
    assert_eq!(s.registry.fixed_connections().await.expect("a list"), [anew, bearer]);
}

/// Switching on and off is kept, and a schedule begins when its workflow is switched on.
pub async fn a_schedule_begins_when_its_workflow_is_switched_on(s: Stores) {
    let name = WorkflowName::parse("a").expect("a name");
    assert!(!s.registry.set_active(&name, true, at(1)).await.expect("switching works"), "there is none");
    s.registry.deploy(vec![Deploy::Put(deployed("a", "v1", false))], at(10)).await.expect("deploying works");
    let position = async || s.registry.schedule_position(&name).await.expect("reading works");
    assert_eq!(position().await, None);
    assert!(s.registry.set_active(&name, true, at(50)).await.expect("switching works"));
    assert_eq!(position().await, Some(at(50)));
    s.registry.move_schedule(&name, at(90)).await.expect("moving works");
    s.registry.move_schedule(&name, at(70)).await.expect("moving works");
    assert_eq!(position().await, Some(at(90)), "it never moves backwards");
    s.registry.deploy(vec![Deploy::Put(deployed("a", "v2", true))], at(100)).await.expect("deploying works");
    assert_eq!(position().await, Some(at(90)), "a new version goes on where the old one was");
    s.registry.set_active(&name, false, at(110)).await.expect("switching works");
    s.registry.set_active(&name, true, at(200)).await.expect("switching works");
    assert_eq!(position().await, Some(at(200)), "what passed while it was off is not made up for");
}

/// A text is there once it was deployed, and the latest one counts.
pub async fn a_document_says_what_was_deployed_last(s: Stores) {
    let read = async || s.registry.document("project").await.expect("reading works");
    assert_eq!(read().await, None);
    let before = s.registry.generation().await.expect("a number");
    for text in ["one", "two"] {
        let document = Deploy::Document { name: "project".to_owned(), text: text.to_owned() };
        s.registry.deploy(vec![document], at(10)).await.expect("deploying works");
        assert_eq!(read().await.as_deref(), Some(text));
    }
    assert_ne!(s.registry.generation().await.expect("a number"), before);
}

/// A run that is asked for by its id is handed out when its turn has come, and not before.
pub async fn one_run_is_handed_out_when_its_turn_has_come(s: Stores) {
    let ask = async |run: &str, now| {
        let lease = Duration::from_mins(1);
        s.work.claim_one(&RunId::new(run), "runner", lease, at(now)).await.expect("claiming works")
    };
    assert!(matches!(ask("run_0", 1).await, Offer::Nothing), "there is none");
    s.accept(arrival("e1", "t1", &[("a", "run_1")], 1)).await;
    s.accept(arrival("e2", "t1", &[("a", "run_2")], 2)).await;
    assert!(matches!(ask("run_2", 5).await, Offer::Behind));
    let Offer::Ours(mut first) = ask("run_1", 5).await else { panic!("it is the first") };
    assert!(
        matches!(ask("run_1", 6).await, Offer::Later { at: until, only_time: true } if until == at(60_005)),
        "it is leased"
    );
    assert!(matches!(ask("run_2", 6).await, Offer::Behind));
    let first = first.claims.remove(0);
    s.settle(&first, Settlement::Again { at: at(500), reason: "busy".to_owned() }, 7).await;
    assert!(matches!(ask("run_1", 8).await, Offer::Later { at: until, only_time: true } if until == at(500)));
    assert!(matches!(ask("run_2", 8).await, Offer::Behind));
    let Offer::Ours(mut again) = ask("run_1", 500).await else { panic!("it is due") };
    s.settle(&again.claims.remove(0), waits_until(9_000, None), 501).await;
    assert!(matches!(ask("run_1", 502).await, Offer::Later { at: until, only_time: false } if until == at(9_000)));
    let Offer::Ours(mut last) = ask("run_1", 9_000).await else { panic!("its wait is over") };
    s.settle(&last.claims.remove(0), over(RunState::Succeeded), 9_001).await;
    assert!(matches!(ask("run_1", 502).await, Offer::Nothing));
    let Offer::Ours(second) = ask("run_2", 502).await else { panic!("it is its turn") };
    assert_eq!(second.claims[0].run.id.as_str(), "run_2");
}
