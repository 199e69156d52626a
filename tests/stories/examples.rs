//! The workflows that ship with the program, each run whole against the stand-ins in virtual time.
//!
//! `stories` holds what happens; the tests here say what is to be seen afterwards. `crash` plays every story once more for
//! each point at which its process can be killed.

mod brittle;
mod crash;
mod many;
mod project;
mod stories;
mod world;

use std::time::Duration;

use deskwire_core::time::Timestamp;
use deskwire_sandbox::world::{
    ADDRESS, CUSTOMER, DANA, DANA_EMAIL, HELMETS, INES_EMAIL, MINA, NPS_FIELD, SUPPORT, TEO, TEO_EMAIL, TEO_SLACK,
    THREAD_FIELD, THREAD_REPLIES, THREAD_TEXT, URGENT,
};
use deskwire_sandbox::{Answers, NewTicket};
use serde_json::{Value, json};
use test_case::test_case;

use project::shipped;
use stories::{STORIES, TUESDAY};
use world::{Place, World};

async fn played(place: Place, name: &str) -> World {
    let story = STORIES.iter().find(|story| story.name == name).unwrap();
    let world = World::new(place, story.start, story.active, None).await;
    (story.play)(&world).await;
    world
}

fn texts(messages: &[deskwire_sandbox::Message]) -> Vec<&str> {
    messages.iter().map(|message| message.text.as_str()).collect()
}

/// The ticket that was written last.
fn newest(world: &World) -> Value {
    world.zendesk().tickets().into_iter().max_by_key(|ticket| ticket["id"].as_u64()).unwrap()
}

fn field(ticket: &Value, id: u64) -> &Value {
    &ticket["custom_fields"].as_array().unwrap().iter().find(|field| field["id"] == id).unwrap()["value"]
}

#[test]
fn every_shipped_workflow_has_a_story() {
    for name in shipped() {
        assert!(STORIES.iter().any(|story| story.active.contains(&name)), "{name} has none");
    }
}

#[test_case(Place::Sqlite; "on SQLite")]
#[test_case(Place::DynamoDb; "on DynamoDB")]
#[tokio::test]
async fn notify_assignee_tells_an_agent_of_a_ticket_that_is_now_theirs(place: Place) {
    let world = played(place, "assigned").await;
    let told = world.told_to(DANA_EMAIL);
    assert_eq!(told.len(), 1);
    assert!(told[0].text.contains("Dana Quist, ticket *#48213* is now yours."), "{}", told[0].text);
    assert_eq!(world.ends().await, ["notify-assignee succeeded"]);
}

#[test_case(Place::Sqlite; "on SQLite")]
#[test_case(Place::DynamoDb; "on DynamoDB")]
#[tokio::test]
async fn urgent_to_channel_shows_a_ticket_keeps_the_place_and_reminds_after_half_an_hour(place: Place) {
    let world = played(place, "urgent_and_nobodys").await;
    let posts = world.posts_in(URGENT);
    assert_eq!(
        texts(&posts),
        [
            ":rotating_light: Ticket #48213 is urgent: Order 7781: three of twelve helmets arrived cracked",
            ":hourglass: Ticket #48213 has been urgent for half an hour and is still nobody's.",
        ]
    );
    assert_eq!((posts[1].thread_ts.as_ref(), posts[1].broadcast), (Some(&posts[0].ts), true));
    let ticket = world.zendesk().ticket(HELMETS).unwrap();
    assert_eq!(*field(&ticket, THREAD_FIELD), json!(format!("{URGENT}:{}", posts[0].ts)));
    assert_eq!(world.ends().await, ["urgent-to-channel succeeded"]);
}

#[test_case(Place::Sqlite; "on SQLite")]
#[test_case(Place::DynamoDb; "on DynamoDB")]
#[tokio::test]
async fn urgent_to_channel_reminds_nobody_of_a_ticket_that_was_taken(place: Place) {
    let world = played(place, "urgent_and_taken").await;
    assert_eq!(world.posts_in(URGENT).len(), 1);
    let run = &world.runs().await[0];
    assert_eq!((run.state.as_str(), run.reason.as_deref()), ("succeeded", Some("Stopped: somebody has taken it")));
}

#[test_case(Place::Sqlite; "on SQLite")]
#[test_case(Place::DynamoDb; "on DynamoDB")]
#[tokio::test]
async fn urgent_reopened_tells_the_thread_and_the_channel(place: Place) {
    let world = played(place, "reopened").await;
    let posts = world.posts_in(SUPPORT);
    assert_eq!(
        texts(&posts),
        [":leftwards_arrow_with_hook: Ticket #48214 is open again: Cannot change the delivery address after checkout"]
    );
    let thread = &world.slack().messages(SUPPORT)[0].ts;
    assert_eq!((posts[0].thread_ts.as_ref(), posts[0].broadcast), (Some(thread), true));
    assert_eq!(world.ends().await, ["urgent-reopened succeeded"]);
}

#[test_case(Place::Sqlite; "on SQLite")]
#[test_case(Place::DynamoDb; "on DynamoDB")]
#[tokio::test]
async fn urgent_solved_marks_the_message(place: Place) {
    let world = played(place, "solved").await;
    let reactions = &world.slack().messages(SUPPORT)[0].reactions;
    assert!(reactions.iter().any(|reaction| reaction.name == "white_check_mark"), "{reactions:?}");
    assert_eq!((world.posts_in(SUPPORT).len(), world.ends().await), (0, vec!["urgent-solved succeeded".to_owned()]));
}

#[test_case(Place::Sqlite; "on SQLite")]
#[test_case(Place::DynamoDb; "on DynamoDB")]
#[tokio::test]
async fn reply_reminder_reminds_the_agent_after_four_hours(place: Place) {
    let world = played(place, "not_answered").await;
    let told = world.told_to(TEO_EMAIL);
    assert_eq!(told.len(), 1);
    let text = &told[0].text;
    assert!(text.starts_with(":alarm_clock: Jonas Pell has waited four hours"), "{text}");
    assert!(
        text.ends_with("&gt; Did it &lt;b&gt;work&lt;/b&gt;?") || text.ends_with("> Did it &lt;b&gt;work&lt;/b&gt;?"),
        "{text}"
    );
    assert!(told[0].at.since(Timestamp::parse(TUESDAY).unwrap()) >= Duration::from_hours(4));
    assert_eq!(world.ends().await, ["reply-reminder succeeded"]);
}

#[test_case(Place::Sqlite; "on SQLite")]
#[test_case(Place::DynamoDb; "on DynamoDB")]
#[tokio::test]
async fn reply_reminder_asks_the_team_about_a_ticket_that_is_nobodys(place: Place) {
    let world = played(place, "not_answered_and_nobodys").await;
    let posts = world.posts_in(SUPPORT);
    assert_eq!(posts.len(), 1);
    assert!(posts[0].text.contains("Ticket #48216 has waited four hours"), "{}", posts[0].text);
}

#[test_case(Place::Sqlite; "on SQLite")]
#[test_case(Place::DynamoDb; "on DynamoDB")]
#[tokio::test]
async fn reply_reminder_is_quiet_where_an_agent_answered_and_takes_a_note_for_no_answer(place: Place) {
    let world = played(place, "answered").await;
    assert!(world.slack().all_posts().is_empty());
    let run = &world.runs().await[0];
    assert_eq!(run.reason.as_deref(), Some("Stopped: the ticket went on in time"));
    assert_eq!(run.deliveries, 3, "the start, a note that is no answer to the customer, and the answer");
}

#[test_case(Place::Sqlite; "on SQLite")]
#[test_case(Place::DynamoDb; "on DynamoDB")]
#[tokio::test]
async fn comment_storm_tells_of_three_comments_once_with_the_last_words(place: Place) {
    let world = played(place, "storm").await;
    let told = world.told_to(TEO_EMAIL);
    assert_eq!(told.len(), 1);
    assert!(told[0].text.ends_with("12 Orchard Lane it is."), "{}", told[0].text);
    let states: Vec<&str> = world.runs().await.iter().map(|run| run.state.as_str()).collect();
    assert_eq!(states, ["skipped", "skipped", "succeeded"]);
}

#[test_case(Place::Sqlite; "on SQLite")]
#[test_case(Place::DynamoDb; "on DynamoDB")]
#[tokio::test]
async fn triage_makes_a_key_accounts_damage_urgent_and_leaves_a_note(place: Place) {
    let world = played(place, "damage_of_a_key_account").await;
    let ticket = newest(&world);
    assert_eq!((&ticket["priority"], &ticket["type"]), (&json!("urgent"), &json!("problem")));
    assert_eq!(ticket["tags"], json!(["triaged", "damage", "key_account"]));
    let comments = world.zendesk().comments(ticket["id"].as_u64().unwrap());
    let note = "Triage: Mina Oort is a key account and reports a damage. Offer express.";
    assert_eq!(comments[1..], [(note.to_owned(), false)]);
    assert_eq!(world.ends().await, ["triage succeeded"]);
}

#[test_case(Place::Sqlite; "on SQLite")]
#[test_case(Place::DynamoDb; "on DynamoDB")]
#[tokio::test]
async fn triage_puts_invoices_below_and_marks_what_no_rule_knows(place: Place) {
    let world = played(place, "an_invoice").await;
    assert_eq!((&newest(&world)["priority"], &newest(&world)["tags"]), (&json!("low"), &json!(["triaged", "billing"])));
    let world = played(place, "whatever_else").await;
    assert_eq!((&newest(&world)["priority"], &newest(&world)["tags"]), (&Value::Null, &json!(["triage_by_hand"])));
}

#[test_case(Place::Sqlite; "on SQLite")]
#[test_case(Place::DynamoDb; "on DynamoDB")]
#[tokio::test]
async fn a_solved_ticket_becomes_a_survey_whose_answer_is_written_on_it_once(place: Place) {
    let world = played(place, "a_survey_comes_back").await;
    let ticket = world.zendesk().ticket(ADDRESS).unwrap();
    assert_eq!(*field(&ticket, NPS_FIELD), json!(3));
    let tags = ticket["tags"].as_array().unwrap();
    assert!(tags.contains(&json!("survey_sent")) && tags.contains(&json!("nps_detractor")), "{tags:?}");
    let comments = world.zendesk().comments(ADDRESS);
    let [.., (asked, true), (answer, false)] = comments.as_slice() else { panic!("{comments:?}") };
    assert!(asked.contains("https://acme.fra1.qualtrics.com/jfe/form/SV_0csatdesk0001?"), "{asked}");
    assert_eq!(answer, "Survey \"After a ticket\": 3 of 10.\nNobody wrote for <b>two</b> days.\nWants a call.");
    assert!(world.qualtrics().open_links().is_empty(), "the link is used up");
    assert_eq!(
        world.ends().await,
        ["survey-after-solved succeeded", "survey-answer succeeded"],
        "and our writes start nothing"
    );
    let told = world.told.lock().unwrap().clone();
    assert!(told.iter().filter(|kind| kind.ends_with("ticket.comment_added")).count() == 2, "{told:?}");
}

#[test_case(Place::Sqlite; "on SQLite")]
#[test_case(Place::DynamoDb; "on DynamoDB")]
#[tokio::test]
async fn an_unhappy_answer_becomes_one_ticket_and_a_happy_one_none(place: Place) {
    let world = played(place, "an_unhappy_answer_without_a_ticket").await;
    let ticket = newest(&world);
    assert_eq!(
        (&ticket["subject"], &ticket["priority"]),
        (&json!("Unhappy answer: 2 of 10, wants a call"), &json!("high"))
    );
    assert!(ticket["external_id"].as_str().unwrap().starts_with("SV_0csatdesk0001/R_"), "{ticket}");
    assert_eq!(world.ends().await, ["survey-answer succeeded"]);
    let before = world.zendesk().tickets().len();
    let happy = played(place, "a_happy_answer").await;
    assert_eq!(happy.zendesk().tickets().len(), before - 1);
}

/// Plans that Qualtrics refuses to show responses, with this code.
fn hide_responses(world: &World, code: &str) {
    let fault = json!({ "method": "qualtrics.get_response", "kind": "refused", "status": 404, "code": code, "probability": 1.0 });
    world.sandbox.fault(serde_json::from_value(fault).unwrap()).unwrap();
}

#[test_case(Place::Sqlite; "on SQLite")]
#[test_case(Place::DynamoDb; "on DynamoDB")]
#[tokio::test]
async fn a_response_that_stays_unreadable_and_a_survey_that_was_deleted_end_with_the_reason(place: Place) {
    let hour = Duration::from_hours(1);
    for (code, words, least, most) in
        [("RSI_1", "tells of responses before they can be read", 7, 8), ("GSI_2", "There is no response", 1, 1)]
    {
        let world = World::new(place, TUESDAY, &["survey-answer"], None).await;
        hide_responses(&world, code);
        let answers = Answers { nps: Some(1), ..Answers::default() };
        world.deliver(world.qualtrics().answer(&answers).1).await;
        world.let_pass(hour).await;
        let run = world.runs().await[0].clone();
        let reason = run.reason.unwrap_or_default();
        assert!(run.state.is_over() && reason.contains(words), "{code}: {} {reason}", run.state.as_str());
        let log = world.sandbox.log();
        let asked = log.iter().filter(|entry| entry.operation == "qualtrics.get_response").count();
        assert!((least..=most).contains(&asked), "{code}: asked {asked} times");
    }
}

#[test_case(Place::Sqlite; "on SQLite")]
#[test_case(Place::DynamoDb; "on DynamoDB")]
#[tokio::test]
async fn answers_of_every_kind_are_written_as_they_are(place: Place) {
    let long = "Ünïcode 👎 مرحبا <script>alert(1)</script> & \"quotes\"\n".repeat(400);
    for words in [long.trim(), "<b>bold</b>", "{{ steps.secret }} ${m://Email}", "\u{202e}reversed"] {
        let world = World::new(place, TUESDAY, &["survey-answer"], None).await;
        let answers = Answers {
            nps: Some(0),
            comment: Some(words.to_owned()),
            embedded: vec![("ResponseEventContext".to_owned(), ADDRESS.to_string())],
            ..Answers::default()
        };
        world.deliver(world.qualtrics().answer(&answers).1).await;
        world.settle().await;
        let comments = world.zendesk().comments(ADDRESS);
        let (note, public) = comments.last().unwrap();
        assert!(note.contains(words) && !public, "{note} {:?}", world.ends().await);
    }
    // Nobody to write to, and no ticket to write on.
    let world = World::new(place, TUESDAY, &["survey-answer"], None).await;
    let before = world.zendesk().tickets().len();
    let answers = Answers { nps: Some(0), call: Some(true), email: None, ..Answers::default() };
    world.deliver(world.qualtrics().answer(&answers).1).await;
    world.settle().await;
    assert_eq!(
        (world.zendesk().tickets().len(), world.ends().await),
        (before, vec!["survey-answer succeeded".to_owned()])
    );
}

#[test_case(Place::Sqlite; "on SQLite")]
#[test_case(Place::DynamoDb; "on DynamoDB")]
#[tokio::test]
async fn task_due_reminds_at_the_due_time_and_not_of_what_was_put_off(place: Place) {
    let start = Timestamp::parse(TUESDAY).unwrap();
    for (story, hours, ends) in
        [("due", 49, vec!["task-due succeeded"]), ("put_off", 71, vec!["task-due succeeded", "task-due succeeded"])]
    {
        let world = played(place, story).await;
        let told = world.told_to(TEO_EMAIL);
        assert_eq!(
            texts(&told),
            [":date: Your task *#48214* is due now: Cannot change the delivery address after checkout"]
        );
        assert!(told[0].at.since(start) >= Duration::from_hours(hours), "{story}: {}", told[0].at);
        assert_eq!(world.ends().await, ends);
    }
}

#[test_case(Place::Sqlite; "on SQLite")]
#[test_case(Place::DynamoDb; "on DynamoDB")]
#[tokio::test]
async fn new_user_profile_makes_a_profile_and_keeps_its_tags(place: Place) {
    let world = played(place, "a_new_customer").await;
    let profiles = world.zendesk().profiles();
    assert_eq!(profiles.len(), 1);
    assert_eq!((&profiles[0]["source"], &profiles[0]["name"]), (&json!("help_desk"), &json!("Ulla Brandt")));
    assert_eq!(profiles[0]["identifiers"], json!([{ "type": "email", "value": "ulla.brandt@example.net" }]));
    assert_eq!(profiles[0]["attributes"], json!({ "language": "en-US", "tags": ["key_account"] }));
    assert_eq!(world.ends().await, ["new-user-profile succeeded", "new-user-profile succeeded"]);
}

#[test_case(Place::Sqlite; "on SQLite")]
#[test_case(Place::DynamoDb; "on DynamoDB")]
#[tokio::test]
async fn organization_record_makes_a_record_and_carries_a_new_name_over(place: Place) {
    let world = played(place, "a_new_organization").await;
    let records = world.zendesk().records();
    assert_eq!(records.len(), 1);
    assert_eq!((&records[0]["name"], &records[0]["custom_object_key"]), (&json!("Brandt Tauwerk"), &json!(CUSTOMER)));
    assert_eq!(world.ends().await, ["organization-record succeeded", "organization-record succeeded"]);
}

#[test_case(Place::Sqlite; "on SQLite")]
#[test_case(Place::DynamoDb; "on DynamoDB")]
#[tokio::test]
async fn organization_record_says_what_to_do_where_there_is_no_record(place: Place) {
    let world = played(place, "an_organization_without_record").await;
    let run = &world.runs().await[0];
    assert_eq!(run.state.as_str(), "failed");
    assert!(run.reason.as_deref().unwrap().contains("has no record: make one in Zendesk"), "{:?}", run.reason);
}

#[test_case(Place::Sqlite; "on SQLite")]
#[test_case(Place::DynamoDb; "on DynamoDB")]
#[tokio::test]
async fn message_to_ticket_makes_a_ticket_in_the_authors_name_and_says_so_in_the_thread(place: Place) {
    let world = played(place, "a_message_as_ticket").await;
    let ticket = newest(&world);
    assert_eq!((&ticket["subject"], &ticket["priority"]), (&json!(THREAD_TEXT), &json!("high")));
    assert_eq!((&ticket["requester_id"], &ticket["tags"]), (&json!(TEO), &json!(["from_slack"])));
    let first = &world.slack().messages(SUPPORT)[0];
    let posts = world.posts_in(SUPPORT);
    assert_eq!(texts(&posts), [format!(":ticket: Teo Marrow, this is now ticket #{}.", ticket["id"])]);
    assert_eq!(posts[0].thread_ts.as_ref(), Some(&first.ts));
    assert!(first.reactions.iter().any(|reaction| reaction.name == "ticket"), "{:?}", first.reactions);
    assert_eq!(world.ends().await, ["message-to-ticket succeeded"]);
}

#[test_case(Place::Sqlite; "on SQLite")]
#[test_case(Place::DynamoDb; "on DynamoDB")]
#[tokio::test]
async fn ai_thread_summary_leaves_the_summary_as_an_internal_note(place: Place) {
    let world = played(place, "a_thread_summed_up").await;
    let comments = world.zendesk().comments(ADDRESS);
    let (note, public) = comments.last().unwrap();
    assert!(note.starts_with("Summary of the Slack thread (4 messages):\n\nSummary of 4 lines: "), "{note}");
    assert!(note.contains(TEO_SLACK) && note.contains(&THREAD_REPLIES[2][..20]), "{note}");
    assert!(!public, "customers do not read it");
    let asked = world.sandbox.log().iter().filter(|entry| entry.provider == "llm").count();
    assert_eq!((asked, world.ends().await), (1, vec!["ai-thread-summary succeeded".to_owned()]));
}

#[test_case(Place::Sqlite; "on SQLite")]
#[test_case(Place::DynamoDb; "on DynamoDB")]
#[tokio::test]
async fn tell_many_tells_whom_it_can_reach_and_says_whom_not(place: Place) {
    let world = played(place, "many_told").await;
    for email in [DANA_EMAIL, TEO_EMAIL, INES_EMAIL] {
        assert_eq!(texts(&world.told_to(email)), ["Doors close at 18:00"]);
    }
    let posts = world.posts_in(SUPPORT);
    assert_eq!(posts.len(), 1);
    assert!(posts[0].text.starts_with(":mega: 3 of 4 people were told: Doors close at 18:00\n:warning: "), "{posts:?}");
    assert_eq!(world.ends().await, ["tell-many succeeded"]);
}

#[test_case(Place::Sqlite; "on SQLite")]
#[test_case(Place::DynamoDb; "on DynamoDB")]
#[tokio::test]
async fn weekly_digest_counts_the_queue_on_monday_at_nine(place: Place) {
    let world = played(place, "a_week_begins").await;
    let expected = ":bar_chart: *The queue on 2026-02-02*\nNew: *2*\nOpen: *1*\nWaiting for the customer: *1*\nHigh or \
                    urgent: *1*\nNobody's: *2*";
    assert_eq!(texts(&world.posts_in(SUPPORT)), [expected]);
    assert_eq!(world.ends().await, ["weekly-digest succeeded"]);
}

#[test_case(Place::Sqlite; "on SQLite")]
#[test_case(Place::DynamoDb; "on DynamoDB")]
#[tokio::test]
async fn morning_handover_tells_in_the_morning_what_the_night_has_left(place: Place) {
    let world = played(place, "a_night_passes").await;
    let posts = world.posts_in(SUPPORT);
    let expected =
        ":sunrise: *Left from yesterday evening*\n• #48216 Kiln manual: link &lt;PDF&gt; is broken &amp; leads nowhere";
    assert_eq!(texts(&posts), [expected]);
    // Half past eight in Berlin.
    assert!(posts[0].at.to_string().starts_with("2026-02-04T07:30:0"), "{}", posts[0].at);
    assert_eq!(world.ends().await, ["morning-handover succeeded"]);
}

#[test_case(Place::Sqlite; "on SQLite")]
#[test_case(Place::DynamoDb; "on DynamoDB")]
#[tokio::test]
async fn survey_respondent_makes_a_profile_and_a_record_once_and_brings_them_up_to_date(place: Place) {
    let world = played(place, "answered_twice").await;
    let (profiles, records) = (world.zendesk().profiles(), world.zendesk().records());
    assert_eq!((profiles.len(), records.len()), (1, 1));
    let identifiers = json!([
        { "type": "email", "value": "ulla.brandt@example.net" },
        { "type": "phone", "value": "+49 30 5550" },
        { "type": "twitter", "value": "ulla_sails" },
    ]);
    assert_eq!(profiles[0]["identifiers"], identifiers);
    assert_eq!(profiles[0]["attributes"]["last_score"], 9);
    assert_eq!(profiles[0]["attributes"]["first_survey"], "After a ticket");
    assert_eq!(records[0]["custom_object_fields"], json!({ "nps": 9, "nps_group": "promoter" }));
    let mut ends = world.ends().await;
    ends.sort();
    assert_eq!(ends, ["survey-respondent succeeded", "survey-respondent succeeded", "survey-respondent succeeded"]);
}

#[test_case(Place::Sqlite; "on SQLite")]
#[test_case(Place::DynamoDb; "on DynamoDB")]
#[tokio::test]
async fn weekly_detractors_makes_a_ticket_of_every_unhappy_answer_that_has_none(place: Place) {
    let world = played(place, "a_week_of_answers").await;
    let tickets = world.zendesk().tickets();
    let subjects: Vec<&Value> = tickets[tickets.len() - 2..].iter().map(|ticket| &ticket["subject"]).collect();
    assert_eq!(subjects, ["Unhappy answer: 2 of 10, wants a call", "Unhappy answer: 6 of 10"]);
    let made = newest(&world);
    assert!(made["external_id"].as_str().unwrap().starts_with("SV_0csatdesk0001/R_"), "{made}");
    assert_eq!(made["description"], "It came <b>late</b>.");
    let expected = ":thermometer: *Last week's survey:* 6 answers, 2 of them unhappy and about no ticket.\n1 got a ticket just now.";
    assert_eq!(texts(&world.posts_in(SUPPORT)), [expected]);
    let mut ends = world.ends().await;
    ends.sort();
    assert_eq!(ends, ["survey-answer succeeded", "weekly-detractors succeeded"]);
}

#[test_case(Place::Sqlite; "on SQLite")]
#[test_case(Place::DynamoDb; "on DynamoDB")]
#[tokio::test]
async fn connection_lost_tells_of_every_connection_but_the_one_it_tells_through(place: Place) {
    let world = played(place, "a_connection_is_lost").await;
    let expected = ":electric_plug: The connection *zendesk* needs a person: the provider refused: invalid_grant\n\
                    <https://relay.example.com/oauth/start/it|Connect it again>; the runs that wait for it go on by themselves.";
    assert_eq!(texts(&world.posts_in(SUPPORT)), [expected]);
    assert_eq!(world.ends().await, ["connection-lost succeeded"]);
}

#[test_case(Place::Sqlite; "on SQLite")]
#[test_case(Place::DynamoDb; "on DynamoDB")]
#[tokio::test]
async fn with_all_of_them_active_a_ticket_goes_from_triage_to_its_check_mark_and_nothing_loops(place: Place) {
    let world = World::new(place, TUESDAY, &shipped(), None).await;
    let ticket = NewTicket {
        subject: "A cracked helmet again".to_owned(),
        description: "And the tour begins tomorrow.".to_owned(),
        requester: MINA,
    };
    let (ticket, told) = world.zendesk().create_ticket(ticket);
    world.deliver(told).await;
    world.let_pass(Duration::from_mins(5)).await;
    world.deliver(world.zendesk().assign(ticket, DANA)).await;
    world.let_pass(Duration::from_mins(5)).await;
    world.deliver(world.zendesk().add_comment(ticket, MINA, "Any news?", true)).await;
    world.let_pass(Duration::from_mins(5)).await;
    world.deliver(world.zendesk().add_comment(ticket, DANA, "Express, this evening.", true)).await;
    world.let_pass(Duration::from_mins(5)).await;
    world.deliver(world.zendesk().set_status(ticket, "solved")).await;
    world.settle().await;
    let ends = world.ends().await;
    let expected = [
        "triage",
        "urgent-to-channel",
        "notify-assignee",
        "comment-storm",
        "reply-reminder",
        "urgent-solved",
        "survey-after-solved",
    ];
    for name in expected {
        let mine: Vec<&String> = ends.iter().filter(|end| end.starts_with(&format!("{name} "))).collect();
        assert_eq!(mine, [&format!("{name} succeeded")], "{ends:#?}");
    }
    assert_eq!(ends.len(), expected.len(), "{ends:#?}");
    let shown = world.posts_in(URGENT);
    assert_eq!((shown.len(), shown[0].reactions[0].name.as_str()), (1, "white_check_mark"));
}
