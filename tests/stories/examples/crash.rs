//! A crash at every journal point of every example: what a process had under way when it was killed goes on after its lease
//! has ended, and outside it looks as if nothing had happened.

use deskwire_sandbox::Message;
use deskwire_sandbox::world::{GENERAL, LEADS, SUPPORT, URGENT};
use serde_json::{Value, json};
use test_case::test_case;

use super::brittle::Crash;
use super::stories::{STORIES, Story};
use super::world::{Place, World};

/// What depends on when something happened, and not on what did.
const TIMES_AND_IDS: [&str; 5] = ["created_at", "updated_at", "generated_timestamp", "url", "ts"];

async fn played(place: Place, story: &Story, crash: Option<Crash>) -> World {
    let world = World::new(place, story.start, story.active, crash).await;
    (story.play)(&world).await;
    world
}

/// Everything that was left behind outside. A message's `ts` stands for the message wherever it is named.
fn outside(world: &World) -> String {
    let slack = world.slack();
    let mut messages: Vec<Message> =
        [SUPPORT, URGENT, GENERAL, LEADS].iter().flat_map(|id| slack.messages(id)).collect();
    let direct = slack.all_posts().into_iter().filter(|post| post.channel.starts_with('D'));
    messages.extend(direct);
    let shown = |message: &Message| {
        let reactions: Vec<_> = message.reactions.iter().map(|found| json!([found.name, found.users])).collect();
        json!({ "channel": message.channel, "text": message.text, "blocks": message.blocks, "user": message.user,
                "thread": message.thread_ts, "broadcast": message.broadcast, "reactions": reactions })
    };
    let mut posts: Vec<String> = messages.iter().map(|message| shown(message).to_string()).collect();
    let zendesk = world.zendesk();
    let comments: Vec<_> = zendesk.tickets().iter().map(|t| zendesk.comments(t["id"].as_u64().unwrap())).collect();
    let mut profiles = json!(zendesk.profiles());
    let mut records = json!(zendesk.records());
    for made in [&mut profiles, &mut records] {
        // Their ids hold the time at which they were made.
        made.as_array_mut().unwrap().iter_mut().for_each(|one| one["id"] = Value::Null);
    }
    let mut kept = json!([zendesk.tickets(), comments, profiles, records]);
    strip(&mut kept);
    // What runs side by side may come in any order.
    posts.sort();
    let mut told = world.told.lock().unwrap().clone();
    told.sort();
    let mut text = format!("{}\n{kept:#}\nZendesk told of: {}", posts.join("\n"), told.join(", "));
    for message in &messages {
        text = text.replace(&message.ts, &format!("«{}»", message.text.lines().next().unwrap_or_default()));
    }
    without_tokens(&text)
}

/// A link for one person has a token of its own each time it is made.
fn without_tokens(text: &str) -> String {
    let mut parts = text.split("Q_DL=");
    let first = parts.next().unwrap_or_default().to_owned();
    parts.fold(first, |text, part| text + "Q_DL=…" + part.trim_start_matches(|c: char| c.is_ascii_hexdigit()))
}

fn strip(value: &mut Value) {
    match value {
        Value::Object(map) => {
            for name in TIMES_AND_IDS {
                map.remove(name);
            }
            map.values_mut().for_each(strip);
        }
        Value::Array(list) => list.iter_mut().for_each(strip),
        _ => {}
    }
}

/// How often each write that would show twice was taken: of the others a repeat changes nothing, and Zendesk tells nobody.
fn posted(world: &World) -> usize {
    let posts = |entry: &&deskwire_sandbox::LogEntry| entry.operation == "chat.postMessage" && entry.outcome == "ok";
    world.sandbox.log().iter().filter(posts).count()
}

#[test_case(Place::Sqlite; "on SQLite")]
#[test_case(Place::DynamoDb; "on DynamoDB")]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_crash_at_every_journal_point_of_every_example_leaves_the_outside_as_no_crash_does(place: Place) {
    let mut crashes = 0;
    for story in STORIES {
        let undisturbed = played(place, story, None).await;
        let (expected, posts, ends) = (outside(&undisturbed), posted(&undisturbed), undisturbed.ends().await);
        let writes = undisturbed.brittle.writes();
        assert!(writes > 0, "{}: nothing was journaled", story.name);
        for (at, after) in (0..writes).flat_map(|at| [(at, false), (at, true)]) {
            let world = played(place, story, Some(Crash { at, after })).await;
            let what = format!("{}, killed {} write {at}", story.name, if after { "after" } else { "before" });
            similar(&outside(&world), &expected, &what);
            assert_eq!(posted(&world), posts, "{what}: something was posted twice");
            assert_eq!(world.ends().await, ends, "{what}");
            // Items side by side share writes as it happens, so a crash late in a loop may find nothing to strike.
            crashes += usize::from(world.brittle.writes() > at);
        }
    }
    assert!(crashes > 120, "only {crashes} crashes");
}

/// Tells the lines that differ, since the whole is long.
fn similar(found: &str, expected: &str, what: &str) {
    let only_in = |these: &str, those: &str| -> Vec<String> {
        let mut rest: Vec<&str> = those.lines().collect();
        let mut only: Vec<String> = Vec::new();
        for line in these.lines() {
            match rest.iter().position(|other| *other == line) {
                Some(place) => drop(rest.swap_remove(place)),
                None => only.push(line.to_owned()),
            }
        }
        only
    };
    let (missing, new) = (only_in(expected, found), only_in(found, expected));
    assert!(found == expected, "{what}: the outside differs.\nmissing: {missing:#?}\nnew: {new:#?}");
}
