//! The other examples that ship with the program, each in three lines: what happens, which steps follow, what came out.

use std::time::Duration;

use anyhow::bail;
use deskwire_core::ports::RunDetail;
use deskwire_core::time::{Clock, SystemClock};
use deskwire_sandbox::world::{ADDRESS, DANA_EMAIL, INES_EMAIL, INVOICE, JONAS, MINA, SUPPORT, TEO, TEO_EMAIL};
use deskwire_sandbox::{Answers, NewTicket};
use serde_json::Value;

use super::start::Start;
use super::{Tale, block, unescape};
use crate::output::{BOLD, CYAN, DIM, paint, shorten};

/// How wide a line of what came out may be.
const WIDTH: usize = 88;

impl Tale {
    /// In an order in which one leads to the next.
    pub(super) async fn others(&mut self) -> anyhow::Result<()> {
        self.say(paint(BOLD, "The other workflows that ship with it"));
        self.say(paint(DIM, "✓ done   – left out, its condition is false   … waits"));
        self.urgent_ticket().await?;
        self.conversation().await?;
        self.records_of_others().await?;
        self.by_hand().await?;
        self.by_schedule().await?;
        self.survey().await?;
        self.about_itself().await
    }

    async fn urgent_ticket(&mut self) -> anyhow::Result<()> {
        let zendesk = self.sandbox.zendesk();
        let new = NewTicket {
            subject: "Order 7790: a cracked helmet again".to_owned(),
            description: "The replacement has the same crack. The tour begins tomorrow.".to_owned(),
            requester: MINA,
        };
        let (ticket, told) = zendesk.create_ticket(new);
        self.example("triage", "Mina Oort, a key account, writes: a cracked helmet again", Start::Webhooks(told))
            .await?;
        let sorted = zendesk.ticket(ticket).unwrap_or_default();
        let tags = sorted["tags"].as_array().into_iter().flatten().filter_map(Value::as_str).collect::<Vec<_>>();
        let priority = sorted["priority"].as_str().unwrap_or("without priority");
        self.came_out(format_args!("Ticket {ticket} is {priority}, tagged {}; a note says why", tags.join(", ")));

        self.example("urgent-to-channel", "Zendesk tells that triage has made it urgent", Start::Already).await?;
        self.newest_post();
        let told = zendesk.set_status(ticket, "solved");
        self.example("urgent-solved", "An agent solves it", Start::Webhooks(told)).await?;
        self.came_out("The message in #support-urgent has a :white_check_mark:");
        let told = zendesk.set_status(ticket, "open");
        self.example("urgent-reopened", "It is opened again", Start::Webhooks(told)).await?;
        self.newest_post();
        let told = zendesk.set_due(INVOICE, SystemClock.now().plus(Duration::from_hours(50)));
        self.example("task-due", "Ticket 48215 becomes a task that is due in two days", Start::Webhooks(told)).await?;
        self.came_out("Nothing yet. The agent is reminded when it is due, even if Deskwire restarts meanwhile");
        Ok(())
    }

    async fn conversation(&mut self) -> anyhow::Result<()> {
        let zendesk = self.sandbox.zendesk();
        let told = zendesk.add_comment(ADDRESS, JONAS, "Did the warehouse find the parcel?", true);
        self.example("reply-reminder", "Jonas Pell asks on ticket 48214", Start::Webhooks(told)).await?;
        self.then("Teo answers him, long before the four hours are over");
        for delivery in zendesk.add_comment(ADDRESS, TEO, "It did, and it leaves today.", true) {
            self.post(&delivery).await?;
        }
        let run = self.run_of("reply-reminder", block::is_over).await?;
        self.show(&run);
        self.came_out(run.summary.reason.as_deref().unwrap_or_default());
        self.runs.pop();
        self.runs.push(run);

        self.example("comment-storm", "The same comment, in case Jonas writes more", Start::Already).await?;
        self.came_out("Nothing yet. Teo gets one message, once Jonas has been quiet for half a minute");
        Ok(())
    }

    async fn records_of_others(&mut self) -> anyhow::Result<()> {
        let zendesk = self.sandbox.zendesk();
        let (_, told) = zendesk.create_user("Ulla Brandt", "ulla.brandt@example.net");
        self.example("new-user-profile", "Ulla Brandt writes for the first time", Start::Webhooks(told)).await?;
        self.came_out(format_args!("Profiles of the help desk: {}", names(&zendesk.profiles())));
        let (_, told) = zendesk.create_organization("Brandt Seile");
        self.example("organization-record", "Her firm becomes an organization", Start::Webhooks(told)).await?;
        self.came_out(format_args!("Records of customers: {}", names(&zendesk.records())));
        Ok(())
    }

    async fn by_hand(&mut self) -> anyhow::Result<()> {
        let thread = self.sandbox.slack().messages(SUPPORT).first().map(|first| first.ts.clone()).unwrap_or_default();
        let inputs = vec![("channel", "support".to_owned()), ("timestamp", thread.clone())];
        let what = "deskwire workflows run message-to-ticket --input channel=support --input timestamp=…";
        self.example("message-to-ticket", what, Start::ByHand(inputs)).await?;
        self.newest_post();
        let inputs = vec![("ticket_id", ADDRESS.to_string()), ("channel", "support".to_owned()), ("thread_ts", thread)];
        let what = "deskwire workflows run ai-thread-summary --input ticket_id=48214 --input thread_ts=…";
        self.example("ai-thread-summary", what, Start::ByHand(inputs)).await?;
        let comments = self.sandbox.zendesk().comments(ADDRESS);
        let note = comments.last().and_then(|(note, _)| note.lines().last()).unwrap_or_default();
        self.came_out(format_args!("An internal note on ticket 48214: {note}"));
        let people = format!("{DANA_EMAIL}, {TEO_EMAIL}, {INES_EMAIL}");
        let inputs = vec![("message", "Doors close at 18:00".to_owned()), ("people", people)];
        let what = "deskwire workflows run tell-many --input message='Doors close at 18:00' --input people=…";
        self.example("tell-many", what, Start::ByHand(inputs)).await?;
        self.newest_post();
        Ok(())
    }

    async fn by_schedule(&mut self) -> anyhow::Result<()> {
        self.example("weekly-digest", "It is Monday, nine o'clock in Berlin (just suppose)", Start::Tick).await?;
        self.newest_post();
        self.example("morning-handover", "It is six in the evening (suppose again)", Start::Tick).await?;
        self.came_out("The unassigned tickets are noted. It looks again in the morning and tells which are left");
        let answers = Answers {
            nps: Some(3),
            comment: Some("The pump broke on the second day.".to_owned()),
            email: Some("gil.tamm@example.net".to_owned()),
            ..Answers::default()
        };
        self.sandbox.qualtrics().answer(&answers);
        self.example("weekly-detractors", "It is Monday, eight o'clock. Gil Tamm was unhappy last week", Start::Tick)
            .await?;
        self.newest_post();
        Ok(())
    }

    async fn survey(&mut self) -> anyhow::Result<()> {
        // The ticket that was solved above has brought a link already.
        self.example("survey-after-solved", "The urgent ticket was solved: its requester is asked", Start::Already)
            .await?;
        let link = self.sandbox.qualtrics().open_links().pop().unwrap_or_default();
        self.came_out(format_args!("A public comment with a link for one answer: {}", shorten(&link, 48)));
        let answers = Answers {
            nps: Some(9),
            comment: Some("Quick, and friendly.".to_owned()),
            call: Some(false),
            ..Answers::default()
        };
        let Some((_, told)) = self.sandbox.qualtrics().answer_by_link(&link, answers) else {
            bail!("the survey's link does not work")
        };
        self.example(
            "survey-answer",
            "Mina Oort answers by that link, and Qualtrics tells of it",
            Start::Webhooks(told),
        )
        .await?;
        self.came_out("An internal note on the ticket: 9 of 10. Its field NPS and its tags say so, too");
        self.example("survey-respondent", "The same answer: who gave it is worth knowing", Start::Already).await?;
        self.came_out("A profile and a record of Mina Oort; her next answer brings both up to date");
        Ok(())
    }

    async fn about_itself(&mut self) -> anyhow::Result<()> {
        let what = "Zendesk takes the connection's tokens no longer (suppose)";
        self.example("connection-lost", what, Start::Lost("zendesk")).await?;
        self.newest_post();
        self.say("");
        Ok(())
    }

    /// Tells one example up to where its run has come.
    async fn example(&mut self, workflow: &str, what: &str, start: Start) -> anyhow::Result<()> {
        self.say("");
        self.say(format_args!("{} {}", paint(CYAN, self.runs.len() + 1), paint(BOLD, workflow)));
        self.then(what);
        self.start(workflow, start).await?;
        let run = self.run_of(workflow, block::is_settled).await?;
        self.show(&run);
        self.runs.push(run);
        Ok(())
    }

    fn then(&self, what: &str) {
        self.say(format_args!("    {}  {what}", paint(DIM, "event ")));
    }

    fn show(&self, run: &RunDetail) {
        let (steps, state) = (block::steps(run), block::state(&run.summary));
        let steps = if steps.is_empty() { paint(DIM, "none yet") } else { steps };
        self.say(format_args!("    {}  {steps}   {state}", paint(DIM, "steps ")));
        if !block::is_good(&run.summary) {
            self.say(format_args!(
                "    {}  {}",
                paint(DIM, "why   "),
                run.summary.reason.as_deref().unwrap_or("unknown")
            ));
        }
    }

    fn came_out(&self, what: impl std::fmt::Display) {
        self.say(format_args!("    {}  {}", paint(DIM, "result"), shorten(&what.to_string(), WIDTH)));
    }

    /// What was posted last, in words.
    fn newest_post(&self) {
        if let Some(message) = self.sandbox.slack().all_posts().last() {
            let place = if message.thread_ts.is_some() { "In a thread" } else { "In Slack" };
            self.came_out(format_args!("{place}: {}", unescape(&message.text)));
        }
    }
}

fn names(things: &[Value]) -> String {
    let names: Vec<&str> = things.iter().filter_map(|thing| thing["name"].as_str()).collect();
    names.join(", ")
}
