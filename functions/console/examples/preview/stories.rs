//! What happened in the world that the preview shows and the tests look at: runs in every state, and events that started
//! none.

use std::collections::BTreeMap;

use deskwire_core::action::{CallError, ErrorClass};
use deskwire_core::ids::{EventId, RunId, SourceName, WorkflowName, WorkflowVersion};
use deskwire_core::ports::{Deploy, Deployed, History, Inbox, Registry, RejectedEvent, Settlement, Work};
use deskwire_core::random::SeededRandom;
use deskwire_core::run::{Entry, Known, RunState};
use deskwire_core::time::Timestamp;
use deskwire_storage::SqliteStore;
use serde_json::{Value, json};

use crate::world::{
    HOSTILE, Outcome, VERSION, World, again, attempt, done, failed, millis, over, result, seconds, step,
};

const EVERY_STEP: &str = "Every step is done or was left out on purpose";

fn ticket() -> Value {
    json!({ "id": 48213, "subject": "The printer on floor 3 is on fire", "status": "open", "priority": "urgent",
            "assignee_id": 8_447_388_090_494_u64, "tags": ["vip", "emea"] })
}

fn busy() -> CallError {
    CallError::new(ErrorClass::Retry, "http_503", "Slack answered 503 to chat.postMessage; it says to come again later")
}

/// Fills a store so that at `now` it holds a run in every state.
pub async fn filled(now: Timestamp) -> Outcome<World> {
    let mut world = World { store: SqliteStore::in_memory()?, runs: BTreeMap::new(), random: SeededRandom::new(7) };
    deploy(&world, now.minus(seconds(90_000))).await?;
    went_well(&mut world, now).await?;
    went_far(&mut world, now).await?;
    went_wrong(&mut world, now).await?;
    was_doubtful(&mut world, now).await?;
    started_nothing(&mut world, now).await?;
    // Last, since they stay due.
    still_going(&mut world, now).await?;
    Ok(world)
}

/// The workflows in force. The others that runs name were taken out of force before versions were kept.
async fn deploy(world: &World, now: Timestamp) -> Outcome<()> {
    let files = [
        ("tell-many", true, include_str!("tell-many.yaml")),
        ("reply-reminder", true, include_str!("reply-reminder.yaml")),
        ("weekly-digest", true, include_str!("weekly-digest.yaml")),
        ("thread-summary", false, include_str!("thread-summary.yaml")),
    ];
    let put = |(name, active, text): (&str, bool, &str)| -> Outcome<Deploy> {
        Ok(Deploy::Put(Deployed {
            name: WorkflowName::parse(name)?,
            version: WorkflowVersion::new(VERSION),
            active,
            file_active: None,
            file: format!("workflows/{name}.yaml"),
            applied_at: now,
            text: text.to_owned(),
        }))
    };
    let puts = files.into_iter().map(put).collect::<Outcome<Vec<_>>>()?;
    Ok(world.store.deploy(puts, now).await?)
}

/// A loop over many of whom some were not reached, a branch, and a wait that an event ended.
async fn went_far(world: &mut World, now: Timestamp) -> Outcome<()> {
    let at = now.minus(seconds(3_300));
    world.event("looped", Some("tell-many"), "ticket.status_changed", "zen:ticket:48230", at).await?;
    let error = CallError::new(ErrorClass::Fail, "users_not_found", "Slack knows nobody with this e-mail address");
    let mut entries = vec![
        Entry::Chose {
            step: step("route"),
            at,
            case: Some(1),
            reason: "case 1 holds: event.data.detail.id".to_owned(),
        },
        Entry::Looping { step: step("route/each"), at, items: (0..12).map(|n| json!({ "number": n })).collect() },
    ];
    for turn in 0..12 {
        let (path, start) = (format!("route/each[{turn}]/tell"), at.plus(millis(200 * turn)));
        if turn == 7 {
            entries.push(attempt(&path, 1, start, 90, &error, None));
            entries.push(failed(&path, start.plus(millis(91)), &error, true));
        } else {
            entries.push(done(&path, 1, start, 150, json!({ "ok": true, "ts": format!("17640000{turn:02}.0001") })));
        }
    }
    entries.push(result(
        "route/each",
        "for_each",
        at.plus(seconds(3)),
        json!({ "results": [], "count": 12, "failed": 1 }),
    ));
    let reason = "Step `summary` failed: the channel is archived";
    entries.push(failed("summary", at.plus(seconds(3)), &error, false));
    world.deliver(at, at.plus(seconds(4)), entries, over(RunState::Failed, reason)).await?;

    let at = now.minus(seconds(3_100));
    world.event("answered", Some("reply-reminder"), "ticket.agent_assignment_changed", "zen:ticket:48231", at).await?;
    let until = at.plus(seconds(600));
    let reason = "Step `answer` waits for ticket.comment_added about zen:ticket:48231".to_owned();
    let begun = Entry::Waiting { step: step("answer"), at, until, reason: reason.clone() };
    world.deliver(at, at.plus(millis(6)), vec![begun], Settlement::Wait { until, event: None, reason }).await?;
    let arrived = json!({ "type": "ticket.comment_added", "data": { "event": { "comment": { "body": "My address is Elm 5" } } } });
    let entries = vec![
        result("answer", "wait", until, json!({ "event": arrived, "timed_out": false })),
        result("enough", "stop", until, json!({ "reason": "an agent answered" })),
    ];
    let end = over(RunState::Succeeded, "Stopped: an agent answered");
    world.deliver(until, until.plus(millis(5)), entries, end).await
}

async fn went_well(world: &mut World, now: Timestamp) -> Outcome<()> {
    for hour in (3..20).rev() {
        let at = now.minus(seconds(hour * 3_540));
        world
            .event(
                "plain",
                Some("notify-assignee"),
                "ticket.agent_assignment_changed",
                &format!("zen:ticket:{}", 48_100 + hour),
                at,
            )
            .await?;
        let entries = vec![
            done("ticket", 1, at.plus(millis(12)), 143, ticket()),
            done(
                "assignee",
                1,
                at.plus(millis(160)),
                98,
                json!({ "id": 8_447_388_090_494_u64, "email": "ada@example.com" }),
            ),
            done(
                "tell",
                1,
                at.plus(millis(262)),
                311,
                json!({ "ok": true, "ts": "1764000000.000200", "channel": "D024BE91L" }),
            ),
            Entry::Skipped {
                step: step("escalate"),
                at: at.plus(millis(573)),
                reason: "`if` is false: steps.ticket.priority == 'low'".to_owned(),
            },
        ];
        world.deliver(at, at.plus(millis(575)), entries, over(RunState::Succeeded, EVERY_STEP)).await?;
    }

    let at = now.minus(seconds(8_000));
    world.event("retried", Some("notify-assignee"), "ticket.agent_assignment_changed", "zen:ticket:48211", at).await?;
    let budget = "slack|chat.postMessage|C024BE91L".to_owned();
    let first = vec![
        done("ticket", 1, at.plus(millis(9)), 131, ticket()),
        attempt("tell", 1, at.plus(millis(150)), 2_310, &busy(), Some(21)),
    ];
    world
        .deliver(at, at.plus(seconds(3)), first, again(at.plus(seconds(24)), "Step `tell`, attempt 1 of 6: busy"))
        .await?;
    let second = at.plus(seconds(24));
    let held = Entry::Held { step: step("tell"), at: second, until: second.plus(seconds(9)), budget };
    world.deliver(second, second, vec![held], again(second.plus(seconds(9)), "held")).await?;
    let third = second.plus(seconds(9));
    let tell = vec![done("tell", 2, third, 280, json!({ "ok": true, "ts": "1764000000.000300" }))];
    world.deliver(third, third.plus(seconds(1)), tell, over(RunState::Succeeded, EVERY_STEP)).await?;

    let at = now.minus(seconds(6_600));
    world.event("skipped", Some("notify-assignee"), "ticket.agent_assignment_changed", "zen:ticket:48198", at).await?;
    let left_out = Entry::Skipped { step: step("tell"), at, reason: "`if` is false: steps.assignee.email".to_owned() };
    world
        .deliver(
            at,
            at.plus(millis(4)),
            vec![left_out],
            over(RunState::Skipped, "The condition of every step was false"),
        )
        .await
}

async fn went_wrong(world: &mut World, now: Timestamp) -> Outcome<()> {
    let at = now.minus(seconds(5_400));
    world.event("failed", Some("csat-to-channel"), "ticket.status_changed", "zen:ticket:48177", at).await?;
    let message =
        "Slack refused to post to #support-alerts: the app is not in that channel; invite it with /invite @Deskwire";
    let error = CallError::new(ErrorClass::Fail, "not_in_channel", message);
    let entries = vec![
        done("ticket", 1, at.plus(millis(11)), 150, ticket()),
        attempt("tell", 1, at.plus(millis(170)), 190, &error, None),
        failed("tell", at.plus(millis(361)), &error, false),
    ];
    let reason = format!("Step `tell` failed: {message}");
    world.deliver(at, at.plus(millis(362)), entries, over(RunState::Failed, &reason)).await?;
    let (old, new) = (world.runs["failed"].clone(), RunId::generate(at.plus(seconds(900)), &world.random));
    let keep: Vec<Entry> =
        world.store.run(old.as_str()).await?.ok_or("the run is gone")?.journal.into_iter().take(1).collect();
    let replayed_at = at.plus(seconds(900));
    world.store.replay(&old, new.clone(), keep, replayed_at).await?;
    world.runs.insert("replayed", new);
    let tell = vec![done("tell", 1, replayed_at.plus(millis(30)), 240, json!({ "ok": true }))];
    world.deliver(replayed_at, replayed_at.plus(millis(300)), tell, over(RunState::Succeeded, EVERY_STEP)).await?;

    let at = now.minus(seconds(4_000));
    world.event("dead", Some("notify-assignee"), "ticket.agent_assignment_changed", "zen:ticket:48203", at).await?;
    let mut start = at.plus(millis(20));
    let mut entries = vec![];
    for (number, wait) in [(1, Some(22)), (2, Some(41)), (3, Some(96)), (4, Some(201)), (5, Some(402)), (6, None)] {
        entries.push(attempt("tell", number, start, 1_800, &busy(), wait));
        start = start.plus(millis(1_800)).plus(seconds(wait.unwrap_or(0)));
    }
    entries.push(failed("tell", start, &busy(), false));
    let reason = format!("Step `tell` failed and its 6 attempts are used up: {}", busy().message);
    world.deliver(at, start, entries, over(RunState::Dead, &reason)).await?;

    let at = now.minus(seconds(2_900));
    world.event("signed_out", Some("vip-escalation"), "ticket.priority_changed", "zen:ticket:48170", at).await?;
    let sign_in = CallError::new(
        ErrorClass::NeedsReauthorization,
        "token_revoked",
        "Slack no longer accepts the token of connection slack; set a new one in its environment variable",
    );
    let entries = vec![
        attempt("post", 1, at.plus(millis(10)), 120, &sign_in, None),
        failed("post", at.plus(millis(131)), &sign_in, true),
        attempt("tell", 1, at.plus(millis(140)), 110, &sign_in, None),
        failed("tell", at.plus(millis(251)), &sign_in, false),
    ];
    world
        .deliver(
            at,
            at.plus(millis(252)),
            entries,
            over(RunState::Failed, &format!("Step `tell` failed: {}", sign_in.message)),
        )
        .await?;

    let at = now.minus(seconds(1_500));
    world.event("hostile", Some("notify-assignee"), "ticket.created", &format!("zen:ticket:{HOSTILE}"), at).await?;
    let entries = vec![done("ticket", 1, at, 90, json!({ "subject": HOSTILE, HOSTILE: "\"'&" }))];
    world
        .deliver(at, at.plus(millis(95)), entries, over(RunState::Failed, &format!("Step `tell` failed: {HOSTILE}")))
        .await
}

async fn was_doubtful(world: &mut World, now: Timestamp) -> Outcome<()> {
    let at = now.minus(seconds(2_400));
    world.event("unknown", Some("close-loop"), "ticket.status_changed", "zen:ticket:48188", at).await?;
    let lost =
        CallError::new(ErrorClass::Unknown, "timeout", "api.example.com did not answer POST /v1/tasks within 30 s");
    let sent = at.plus(millis(180));
    let reason = format!(
        "Step `task` (http.request) may or may not have happened, and this action leaves no trace that could be looked for. \
         Look there, then `deskwire runs replay {}` to do it again",
        world.runs["unknown"]
    );
    let entries = vec![
        done("ticket", 1, at.plus(millis(14)), 140, ticket()),
        attempt("task", 1, sent, 30_000, &lost, None),
        Entry::Unknown { step: step("task"), at: sent.plus(seconds(30)), reason: reason.clone() },
    ];
    let parked = Settlement::Park { lane_until: at.plus(seconds(930)), reason: reason.clone() };
    world.deliver(at, at.plus(seconds(31)), entries, parked).await?;
    let lane_until = at.plus(seconds(930));
    world.deliver(lane_until, lane_until, vec![], Settlement::GiveWay { reason }).await?;

    let at = now.minus(seconds(700));
    world.event("resumed", Some("notify-assignee"), "ticket.agent_assignment_changed", "zen:ticket:48209", at).await?;
    let first = vec![done("ticket", 1, at.plus(millis(8)), 122, ticket())];
    world.deliver(at, at.plus(millis(200)), first, again(at.plus(seconds(3)), "interrupted")).await?;
    let back = at.plus(seconds(3));
    let found_at = back.plus(millis(420));
    let second = vec![
        Entry::Resumed { at: back, step: Some(step("tell")) },
        Entry::Done {
            step: step("tell"),
            action: "slack.send_direct_message".to_owned(),
            attempt: 1,
            started_at: back.plus(millis(10)),
            at: found_at,
            input: json!({ "channel": "D024BE91L", "message": "Ticket 48209 is yours" }),
            output: json!({ "ts": "1764000000.000500" }),
            how: Known::TraceFound,
            wrote: vec![],
        },
    ];
    world.deliver(back, found_at, second, over(RunState::Succeeded, EVERY_STEP)).await
}

async fn started_nothing(world: &mut World, now: Timestamp) -> Outcome<()> {
    world.event("", None, "ticket.priority_changed", "zen:ticket:48160", now.minus(seconds(640))).await?;
    world.event("", None, "user.created", "zen:user:900123", now.minus(seconds(610))).await?;
    let rejected = RejectedEvent {
        source: SourceName::parse("zendesk-support")?,
        id: EventId::new("sha256:5f2c9d"),
        received_at: now.minus(seconds(500)),
        body: format!("{{\"type\": \"zen:event-type:ticket.created\", \"note\": \"{HOSTILE}\""),
        reason: "The body is not JSON: EOF while parsing an object at line 1 column 81".to_owned(),
    };
    world.store.reject(rejected).await?;
    Ok(())
}

async fn still_going(world: &mut World, now: Timestamp) -> Outcome<()> {
    let at = now.minus(seconds(48));
    world.event("retrying", Some("notify-assignee"), "ticket.agent_assignment_changed", "zen:ticket:48220", at).await?;
    let entries = vec![
        done("ticket", 1, at.plus(millis(13)), 139, ticket()),
        attempt("tell", 1, at.plus(millis(160)), 900, &busy(), Some(80)),
    ];
    let reason = format!("Step `tell`, attempt 1 of 6: {}", busy().message);
    world.deliver(at, at.plus(seconds(1)), entries, again(at.plus(seconds(81)), &reason)).await?;
    world
        .event(
            "queued",
            Some("notify-assignee"),
            "ticket.agent_assignment_changed",
            "zen:ticket:48220",
            now.minus(seconds(20)),
        )
        .await?;

    let at = now.minus(seconds(30));
    world.event("waiting", Some("reply-reminder"), "ticket.agent_assignment_changed", "zen:ticket:48222", at).await?;
    let until = at.plus(seconds(4 * 3_600));
    let reason = "Step `answer` waits for ticket.comment_added about zen:ticket:48222".to_owned();
    let begun = Entry::Waiting { step: step("answer"), at: at.plus(millis(5)), until, reason: reason.clone() };
    let wait = Settlement::Wait { until, event: None, reason };
    world.deliver(at, at.plus(millis(6)), vec![begun], wait).await?;

    let at = now.minus(seconds(4));
    world.event("running", Some("csat-to-channel"), "ticket.status_changed", "zen:ticket:48221", at).await?;
    let batch = world.store.claim("preview", 1, seconds(120), at).await?;
    let claim = batch.claims.into_iter().next().ok_or("no run is due")?;
    let entries = vec![done("ticket", 1, at.plus(millis(10)), 160, ticket())];
    world.store.record(&claim.fence, entries, now.plus(seconds(120))).await?;
    Ok(())
}
