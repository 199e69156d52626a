//! `deskwire workflows test`: a workflow on one event, with the calls that write listed instead of made.

use std::path::PathBuf;
use std::sync::Arc;

use anyhow::{Context, bail};
use deskwire_core::event::Event;
use deskwire_core::ids::SourceName;
use deskwire_core::ports::Store;
use deskwire_core::run::{Entry, RunState};
use deskwire_core::time::{Clock, SystemClock, Timestamp};
use deskwire_history::Shape;
use deskwire_rehearsal::{Answered, Later, Outcome, Recordings, Through, Trial, verdict};
use deskwire_startup::OsRandom;
use deskwire_templates::{Limits, Templates};
use deskwire_workflows::{StepKind, Trigger, Wait, Workflow};
use serde_json::{Value, json};

use super::bench::{Bench, Who, recorded_event};
use super::runs::moment;
use super::workflows::trigger_in_words;
use super::{open_store, samples};
use crate::Outcome as Exit;
use crate::args::TestArgs;
use crate::failure::refuse;
use crate::output::{BOLD, DIM, YELLOW, fields, line, note, paint};
use crate::timeline;

pub(crate) async fn run(args: TestArgs, as_json: bool) -> anyhow::Result<Exit> {
    let who = match (args.data.sandbox, asks_providers(&args)) {
        (true, _) => Who::Sandbox,
        (false, true) => Who::Providers,
        (false, false) => Who::Nobody,
    };
    let bench = Bench::of_file(&args.file, &args.data.project, &args.data, who).await?;
    let Some((event, mut recordings)) = find(&args, &bench).await? else { return Ok(Exit::Failed) };
    if let Err(reason) = verdict(&bench.workflow, &event) {
        if as_json {
            crate::output::json(&json!({ "starts": false, "reason": reason }));
        } else {
            line(format_args!("{} {reason}", paint(YELLOW, "would not start:")));
        }
        return Ok(Exit::Fine);
    }
    for file in &args.recordings {
        let text = std::fs::read_to_string(file).with_context(|| format!("cannot read {}", file.display()))?;
        let mut read = Recordings::read(&text, &bench.actions).with_context(|| file.display().to_string())?;
        // What a person hands over counts before what is found.
        std::mem::swap(&mut recordings, &mut read);
        recordings.extend(read);
    }
    let now = event.received_at;
    let trial = Trial {
        actions: &bench.actions,
        through: match who {
            Who::Nobody => Through::Nobody,
            Who::Providers if args.live => Through::Everything,
            Who::Providers | Who::Sandbox => Through::Reads,
        },
        recordings,
        later: Later::Given(arrivals(&args.arrived, &bench, now)?),
        now,
        random: Arc::new(OsRandom),
    };
    let outcome = trial.run(&bench.workflow, event).await?;
    show(&outcome, &bench, &args, as_json);
    let fine = matches!(outcome.run.summary.state, RunState::Succeeded | RunState::Skipped);
    Ok(if fine && outcome.unanswered().is_empty() { Exit::Fine } else { Exit::Failed })
}

/// The event that a person means, and what is recorded about it. `None` where the inputs are wrong, which has been said.
async fn find(args: &TestArgs, bench: &Bench) -> anyhow::Result<Option<(Event, Recordings)>> {
    let now = SystemClock.now();
    let at = args.at.as_deref().map(|text| moment(text, now)).transpose()?;
    let workflow = &bench.workflow;
    let event = match (&args.event, &workflow.trigger) {
        (None, Trigger::Event(_)) => bail!("{} is started by events: name one with --event", workflow.name),
        (None, Trigger::Manual(wanted)) => match scheduler::read_inputs(wanted, &args.inputs) {
            Ok(inputs) => scheduler::by_hand(workflow, &inputs, at.unwrap_or(now), &OsRandom)?,
            Err(mistakes) => {
                for mistake in &mistakes {
                    refuse(format_args!("{mistake}"));
                }
                return Ok(None);
            }
        },
        (None, Trigger::Schedule(schedule)) => {
            // A tick at the very time that was named counts.
            let after = at.map_or(now, |at| Timestamp::from_millis(at.as_millis() - 1));
            let tick = schedule.next_after(after)?.context("the schedule never ticks")?;
            scheduler::tick_event(workflow, schedule, &tick, tick.at)?
        }
        (Some(reference), trigger) => {
            let file = std::path::Path::new(reference);
            if !file.exists() && !samples::is_one(reference) {
                let store =
                    store_of(args).await.with_context(|| format!("`{reference}` is neither a file nor a sample"))?;
                let (event, detail) = recorded_event(store.as_ref(), reference).await?;
                let templates = Templates::new(Limits::default());
                let recordings = Recordings::of_event(store.as_ref(), &detail, &bench.actions, &templates).await?;
                return Ok(Some((Event { received_at: at.unwrap_or(event.received_at), ..event }, recordings)));
            }
            let Trigger::Event(trigger) = trigger else {
                bail!("{} is started by {}, not by an event", workflow.name, trigger_in_words(trigger))
            };
            bench.read_event(file, &trigger.source, at.unwrap_or(now))?
        }
    };
    // The same event may have come in before.
    let mut recordings = Recordings::default();
    let kept = if asks_providers(args) { args.data.clone() } else { args.data.asked().await? };
    if kept.has_store()
        && let store = store_of(args).await?
        && let Some(detail) = store.event(&format!("{}/{}", event.source, event.id)).await?
    {
        let templates = Templates::new(Limits::default());
        recordings = Recordings::of_event(store.as_ref(), &detail, &bench.actions, &templates).await?;
    }
    Ok(Some((event, recordings)))
}

fn asks_providers(args: &TestArgs) -> bool {
    args.live || args.live_reads
}

/// The store that events and answers are taken from. Providers are asked only about what came from them.
async fn store_of(args: &TestArgs) -> anyhow::Result<Arc<dyn Store>> {
    if asks_providers(args) { args.data.open_to_act().await } else { open_store(&args.data).await }
}

/// The events that waits are given, read as those of the sources that the waits name.
fn arrivals(files: &[PathBuf], bench: &Bench, now: Timestamp) -> anyhow::Result<Vec<Event>> {
    let sources: Vec<&SourceName> = waited_for(&bench.workflow);
    let mut events = Vec::new();
    for file in files {
        let Some(first) = sources.first() else {
            bail!("{}: no step of {} waits for an event", file.display(), bench.workflow.name)
        };
        let read = sources.iter().find_map(|source| bench.read_event(file, source, now).ok());
        events.push(match read {
            Some(event) => event,
            None => bench.read_event(file, first, now)?,
        });
    }
    Ok(events)
}

fn waited_for(workflow: &Workflow) -> Vec<&SourceName> {
    let mut sources = Vec::new();
    for step in workflow.all_steps() {
        if let StepKind::Wait(wait) = &step.kind
            && let Wait::Event(wanted) = wait.as_ref()
            && !sources.contains(&&wanted.source)
        {
            sources.push(&wanted.source);
        }
    }
    sources
}

fn show(outcome: &Outcome, bench: &Bench, args: &TestArgs, as_json: bool) {
    let shape = Shape::compile(bench.workflow.text.clone(), &bench.actions, &Templates::new(Limits::default()));
    let redacted = (!args.personal).then(|| outcome.redacted(shape.as_ref(), &bench.actions));
    let outcome = redacted.as_ref().unwrap_or(outcome);
    let unreached = shape.as_ref().map(|shape| shape.unreached(&outcome.run)).unwrap_or_default();
    let made = args.live;
    if as_json {
        let mut document = timeline::to_json(&outcome.run);
        document["starts"] = json!(true);
        document[if made { "calls_made" } else { "calls_not_made" }] = json!(outcome.calls);
        document["answers"] =
            outcome.answers.iter().map(|(step, answered)| (step.to_string(), json!(answered.to_string()))).collect();
        document["not_answered"] = json!(outcome.unanswered());
        document["never_reached"] = unreached
            .iter()
            .map(|step| json!({ "step": step.path, "does": step.word, "why": step.why.in_words() }))
            .collect::<Value>();
        crate::output::json(&document);
        return;
    }
    timeline::print_trial(outcome, &unreached, args.verbose);
    if !outcome.calls.is_empty() {
        line("");
        let what = if made { "Called for good:" } else { "Would be called, and was not:" };
        line(paint(YELLOW, what));
        for call in &outcome.calls {
            line(format_args!(
                "  {}  {} {}",
                paint(BOLD, &call.step),
                call.action,
                paint(DIM, format_args!("through {}", call.connection))
            ));
            fields(&call.input, 4);
        }
    }
    let unanswered = outcome.unanswered();
    if !unanswered.is_empty() {
        let names: Vec<&str> = unanswered.into_iter().map(AsRef::as_ref).collect();
        note(format_args!(
            "nobody answered {}: no earlier run on this event made the call. Let stand-ins answer with --sandbox, the \
             provider with --live-reads, or give --recordings FILE",
            names.join(", ")
        ));
    }
    if outcome.answers.values().any(|answered| *answered == Answered::MadeUp) {
        note("<placeholders> stand for what a provider would have answered");
    }
    if !args.personal && (args.verbose || !outcome.calls.is_empty()) {
        note("personal fields are hidden; --personal shows them");
    }
    if outcome.run.journal.iter().any(|entry| matches!(entry, Entry::Waiting { .. })) {
        note("time is virtual in a test: waits are over at once");
    }
}
