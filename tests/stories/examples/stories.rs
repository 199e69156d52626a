//! What happens in each of the examples, and when. Told once, and played by the tests and, over and over, by `crash`.

use std::time::Duration;

use deskwire_core::BoxFuture;
use deskwire_sandbox::world::{
    ADDRESS, AIKO, DANA, DANA_EMAIL, HALDEN, HELMETS, INES_EMAIL, JONAS, KILN, MINA, SUPPORT, TEO, TEO_EMAIL,
};
use deskwire_sandbox::{Answers, NewTicket};

use super::world::World;

/// What happens in one of the examples.
pub struct Story {
    pub name: &'static str,
    /// When it begins.
    pub start: &'static str,
    /// The workflows that are active in it.
    pub active: &'static [&'static str],
    pub play: for<'w> fn(&'w World) -> BoxFuture<'w, ()>,
}

/// A Tuesday morning.
pub const TUESDAY: &str = "2026-02-03T08:15:42.318Z";

macro_rules! stories {
    ($($(#[$doc:meta])* $name:ident($world:ident, $($active:literal)|+, $start:expr) $body:block)*) => {
        $(
            $(#[$doc])*
            fn $name($world: &World) -> BoxFuture<'_, ()> {
                Box::pin(async move { $body })
            }
        )*

        /// All of them.
        pub const STORIES: &[Story] = &[
            $(Story { name: stringify!($name), start: $start, active: &[$($active),+], play: $name }),*
        ];
    };
}

stories! {
    assigned(world, "notify-assignee", TUESDAY) {
        world.deliver(world.zendesk().assign(HELMETS, DANA)).await;
        world.settle().await;
    }
    urgent_and_nobodys(world, "urgent-to-channel", TUESDAY) {
        world.deliver(world.zendesk().set_priority(HELMETS, "urgent")).await;
        world.settle().await;
    }
    urgent_and_taken(world, "urgent-to-channel", TUESDAY) {
        world.deliver(world.zendesk().set_priority(HELMETS, "urgent")).await;
        world.let_pass(Duration::from_mins(10)).await;
        world.deliver(world.zendesk().assign(HELMETS, DANA)).await;
        world.settle().await;
    }
    reopened(world, "urgent-reopened", TUESDAY) {
        world.shown_before(ADDRESS).await;
        world.deliver(world.zendesk().set_status(ADDRESS, "solved")).await;
        world.let_pass(Duration::from_mins(5)).await;
        world.deliver(world.zendesk().set_status(ADDRESS, "open")).await;
        world.settle().await;
    }
    solved(world, "urgent-solved", TUESDAY) {
        world.shown_before(ADDRESS).await;
        world.deliver(world.zendesk().set_status(ADDRESS, "solved")).await;
        world.settle().await;
    }
    not_answered(world, "reply-reminder", TUESDAY) {
        world.deliver(world.zendesk().add_comment(ADDRESS, JONAS, "Did it <b>work</b>?", true)).await;
        world.settle().await;
    }
    not_answered_and_nobodys(world, "reply-reminder", TUESDAY) {
        world.deliver(world.zendesk().add_comment(KILN, AIKO, "Hello?", true)).await;
        world.settle().await;
    }
    answered(world, "reply-reminder", TUESDAY) {
        world.deliver(world.zendesk().add_comment(ADDRESS, JONAS, "Did it work?", true)).await;
        world.let_pass(Duration::from_mins(30)).await;
        world.deliver(world.zendesk().add_comment(ADDRESS, TEO, "The address is odd.", false)).await;
        world.let_pass(Duration::from_mins(30)).await;
        world.deliver(world.zendesk().add_comment(ADDRESS, TEO, "It is on its way.", true)).await;
        world.settle().await;
    }
    storm(world, "comment-storm", TUESDAY) {
        for words in ["One more thing", "and another", "12 Orchard Lane it is."] {
            world.deliver(world.zendesk().add_comment(ADDRESS, JONAS, words, true)).await;
            world.let_pass(Duration::from_secs(10)).await;
        }
        world.settle().await;
    }
    damage_of_a_key_account(world, "triage", TUESDAY) {
        written(world, MINA, "A cracked helmet again").await;
    }
    an_invoice(world, "triage", TUESDAY) {
        written(world, JONAS, "My invoice of May").await;
    }
    whatever_else(world, "triage", TUESDAY) {
        written(world, JONAS, "Do you know a good route?").await;
    }
    due(world, "task-due", TUESDAY) {
        let due = world.now().plus(Duration::from_hours(50));
        world.deliver(world.zendesk().set_due(ADDRESS, due)).await;
        world.settle().await;
    }
    put_off(world, "task-due", TUESDAY) {
        let (day, now) = (Duration::from_hours(24), world.now());
        world.deliver(world.zendesk().set_due(ADDRESS, now.plus(day))).await;
        world.let_pass(day / 2).await;
        world.deliver(world.zendesk().set_due(ADDRESS, now.plus(day * 3))).await;
        world.settle().await;
    }
    a_new_customer(world, "new-user-profile", TUESDAY) {
        let (user, told) = world.zendesk().create_user("Ulla Brandt", "ulla.brandt@example.net");
        world.deliver(told).await;
        world.let_pass(Duration::from_hours(1)).await;
        world.deliver(world.zendesk().tag_user(user, "key_account")).await;
        world.settle().await;
    }
    a_new_organization(world, "organization-record", TUESDAY) {
        let (organization, told) = world.zendesk().create_organization("Brandt Seile");
        world.deliver(told).await;
        world.let_pass(Duration::from_hours(1)).await;
        world.deliver(world.zendesk().rename_organization(organization, "Brandt Tauwerk")).await;
        world.settle().await;
    }
    an_organization_without_record(world, "organization-record", TUESDAY) {
        world.deliver(world.zendesk().rename_organization(HALDEN, "Halden Cycles")).await;
        world.settle().await;
    }
    a_message_as_ticket(world, "message-to-ticket", TUESDAY) {
        let ts = &world.slack().messages(SUPPORT)[0].ts;
        let inputs = [("channel", "support"), ("timestamp", ts.as_str()), ("priority", "high")];
        world.run_by_hand("message-to-ticket", &inputs).await;
        world.settle().await;
    }
    a_thread_summed_up(world, "ai-thread-summary", TUESDAY) {
        let ts = &world.slack().messages(SUPPORT)[0].ts;
        let inputs = [("ticket_id", "48214"), ("channel", SUPPORT), ("thread_ts", ts.as_str())];
        world.run_by_hand("ai-thread-summary", &inputs).await;
        world.settle().await;
    }
    many_told(world, "tell-many", TUESDAY) {
        let people = format!("{DANA_EMAIL}, nobody@example.com,{TEO_EMAIL} , {INES_EMAIL}");
        let inputs = [("message", "Doors close at 18:00"), ("people", people.as_str())];
        world.run_by_hand("tell-many", &inputs).await;
        world.settle().await;
    }
    // Nine o'clock in Berlin, on a Monday.
    a_week_begins(world, "weekly-digest", "2026-02-02T07:59:58Z") {
        assert_eq!(world.tick().await, 0);
        world.let_pass(Duration::from_secs(5)).await;
        assert_eq!((world.tick().await, world.tick().await), (1, 0));
        world.settle().await;
    }
    // Six in the evening there.
    a_night_passes(world, "morning-handover", "2026-02-03T16:59:58Z") {
        world.let_pass(Duration::from_secs(5)).await;
        assert_eq!(world.tick().await, 1);
        world.let_pass(Duration::from_hours(3)).await;
        world.deliver(world.zendesk().assign(HELMETS, DANA)).await;
        world.settle().await;
    }
    // The whole way round: a solved ticket, a link, an answer, and the answer on the ticket.
    a_survey_comes_back(world, "survey-after-solved" | "survey-answer", TUESDAY) {
        world.deliver(world.zendesk().set_status(ADDRESS, "solved")).await;
        world.settle().await;
        let links = world.qualtrics().open_links();
        let answers = Answers {
            nps: Some(3),
            comment: Some("Nobody wrote for <b>two</b> days.".to_owned()),
            call: Some(true),
            ..Answers::default()
        };
        let (response, told) = world.qualtrics().answer_by_link(links.last().unwrap(), answers).unwrap();
        world.deliver(told).await;
        world.deliver(world.qualtrics().again(&response)).await;
        world.settle().await;
    }
    an_unhappy_answer_without_a_ticket(world, "survey-answer", TUESDAY) {
        let answers = Answers {
            nps: Some(2),
            comment: Some("Never again 👎".to_owned()),
            call: Some(true),
            email: Some("ulla.brandt@example.net".to_owned()),
            embedded: Vec::new(),
        };
        let (response, told) = world.qualtrics().answer(&answers);
        for _ in 0..3 {
            world.deliver(world.qualtrics().again(&response)).await;
        }
        world.deliver(told).await;
        world.settle().await;
    }
    a_happy_answer(world, "survey-answer", TUESDAY) {
        let (_, told) = world.qualtrics().answer(&Answers { nps: Some(10), ..Answers::default() });
        world.deliver(told).await;
        world.settle().await;
    }
    answered_twice(world, "survey-respondent", TUESDAY) {
        let answers = |nps, embedded: &[(&str, &str)]| Answers {
            nps: Some(nps),
            email: Some("ulla.brandt@example.net".to_owned()),
            embedded: embedded.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect(),
            ..Answers::default()
        };
        let known = [("phone", "+49 30 5550"), ("twitter", "ulla_sails")];
        world.deliver(world.qualtrics().answer(&answers(3, &known)).1).await;
        world.settle().await;
        world.deliver(world.qualtrics().answer(&answers(9, &[])).1).await;
        world.deliver(world.qualtrics().answer(&Answers { email: None, ..answers(5, &[]) }).1).await;
        world.settle().await;
    }
    // Nearly eight o'clock in Berlin, on a Monday. One of the unhappy wants a call, of which Qualtrics has told.
    a_week_of_answers(world, "weekly-detractors" | "survey-answer", "2026-02-02T06:30:00Z") {
        let unhappy = |email: &str, nps| Answers {
            nps: Some(nps),
            comment: Some("It came <b>late</b>.".to_owned()),
            email: Some(email.to_owned()),
            ..Answers::default()
        };
        let wants_a_call = Answers { call: Some(true), ..unhappy("ulla.brandt@example.net", 2) };
        world.deliver(world.qualtrics().answer(&wants_a_call).1).await;
        let embedded = vec![("ResponseEventContext".to_owned(), HELMETS.to_string())];
        for answers in [
            unhappy("gil.tamm@example.net", 6),
            unhappy("happy@example.net", 9),
            Answers { embedded, ..unhappy("about.a.ticket@example.net", 1) },
            Answers { email: None, ..unhappy("", 0) },
        ] {
            world.qualtrics().answer(&answers);
        }
        world.let_pass(Duration::from_mins(31)).await;
        world.tick().await;
        world.settle().await;
    }
    a_connection_is_lost(world, "connection-lost", TUESDAY) {
        world.lose("zendesk").await;
        world.lose("slack").await;
        world.settle().await;
    }
}

/// A customer writes in.
async fn written(world: &World, requester: u64, subject: &str) {
    let ticket = NewTicket { subject: subject.to_owned(), description: format!("{subject}."), requester };
    world.deliver(world.zendesk().create_ticket(ticket).1).await;
    world.settle().await;
}
