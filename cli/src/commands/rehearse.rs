//! `deskwire workflows rehearse`: a draft beside the version in force, on the events that came lately.

use std::io::{IsTerminal, Write};
use std::path::Path;
use std::sync::Arc;

use deskwire_core::personal::HIDDEN;
use deskwire_core::run::RunState;
use deskwire_core::time::{Clock, SystemClock};
use deskwire_core::visible::one_line;
use deskwire_rehearsal::{Asked, Field, Found, Rehearsal, rehearse};
use deskwire_startup::OsRandom;
use deskwire_templates::{Limits, Templates};
use deskwire_workflows::{Options, SourceFile, Workflow};
use serde_json::{Value, json};
use similar::{ChangeTag, TextDiff};

use super::bench::{Bench, Who};
use super::runs::moment;
use super::workflows::unknown;
use super::{open_store, read_project};
use crate::Outcome;
use crate::args::RehearseArgs;
use crate::output::{BOLD, CYAN, DIM, GREEN, RED, YELLOW, fields, line, note, paint, shorten, time};

pub(crate) async fn run(args: RehearseArgs, as_json: bool) -> anyhow::Result<Outcome> {
    let who = if args.live_reads { Who::Providers } else { Who::Nobody };
    let Some(bench) = draft(&args, who).await? else { return Ok(Outcome::Failed) };
    // Providers are asked only about what came from them.
    let store = if args.live_reads { args.data.open_to_act().await? } else { open_store(&args.data).await? };
    let name = bench.workflow.name.as_str();
    let deployed = store.deployed().await?.into_iter().find(|one| one.name.as_str() == name);
    let active = match &deployed {
        None => None,
        Some(deployed) => {
            let options = Options {
                actions: &bench.actions,
                templates: &Templates::new(Limits::default()),
                allow_loopback: true,
            };
            let file = SourceFile { path: deployed.file.clone(), text: deployed.text.clone() };
            let compiled = Workflow::compile(&file, &options).ok();
            if compiled.is_none() {
                note(format_args!("the version of {name} that is in force cannot be read by this Deskwire"));
            }
            compiled.map(Arc::new)
        }
    };
    let since = moment(&args.since, SystemClock.now())?;
    let asked = Asked {
        history: store.as_ref(),
        draft: Arc::clone(&bench.workflow),
        active,
        actions: &bench.actions,
        call_reads: args.live_reads,
        since,
        limit: args.limit,
        personal: args.personal,
        random: Arc::new(OsRandom),
    };
    let mut progress = Progress { shown: std::io::stderr().is_terminal() };
    let rehearsal = rehearse(&asked, |done, total| progress.tell(done, total)).await?;
    progress.end();
    let differs = rehearsal.events.iter().filter(|found| found.is_certain() && !found.is_same()).count();
    let uncertain = rehearsal.events.iter().filter(|found| !found.is_certain()).count();
    if as_json {
        let active = asked.active.as_ref().map(|workflow| &workflow.version);
        crate::output::json(&json!({
            "workflow": name,
            "draft": bench.workflow.version,
            "in_force": active,
            "since": since,
            "same": rehearsal.events.len() - differs - uncertain,
            "different": differs,
            "uncertain": uncertain,
            "more": rehearsal.more,
            "events": rehearsal.events.iter().map(to_json).collect::<Vec<_>>(),
        }));
    } else {
        show(&rehearsal, &asked, &args, (differs, uncertain));
    }
    Ok(if args.exit_code && differs + uncertain > 0 { Outcome::Failed } else { Outcome::Fine })
}

/// The draft: a file, or the project's workflow of a name. `None` where there is none, which has been said.
async fn draft(args: &RehearseArgs, who: Who) -> anyhow::Result<Option<Bench>> {
    let file = Path::new(&args.workflow);
    if file.is_file() {
        return Bench::of_file(file, &args.data.project, &args.data, who).await.map(Some);
    }
    let mut files = read_project(&args.data.project)?;
    let loaded = deskwire_startup::check(&files, true);
    let workflows = &loaded.project.workflows;
    let Some(found) = workflows.iter().find(|workflow| workflow.name.as_str() == args.workflow) else {
        if loaded.has_errors() {
            note("the project has mistakes; `deskwire check` shows them");
        }
        return Ok({
            unknown(&args.workflow, workflows.iter().map(|workflow| workflow.name.as_str()));
            None
        });
    };
    files.workflows = vec![SourceFile { path: found.file.clone(), text: found.text.clone() }];
    Bench::new(&files, &args.data.project, &args.data, who).await.map(Some)
}

fn to_json(found: &Found) -> Value {
    let mut document = json!(found);
    document["same"] = json!(found.is_same());
    document["certain"] = json!(found.is_certain());
    document
}

fn show(rehearsal: &Rehearsal, asked: &Asked<'_>, args: &RehearseArgs, (differs, uncertain): (usize, usize)) {
    let draft = &asked.draft;
    let against = match &asked.active {
        Some(active) if active.version == draft.version => "the very version that is in force".to_owned(),
        Some(active) => format!("draft {} beside {} in force", draft.version, active.version),
        None => format!("draft {}; no version is in force, so all its calls are new", draft.version),
    };
    line(format_args!("{}  {}", paint(BOLD, &draft.name), paint(DIM, against)));
    let events = rehearsal.events.len();
    if events == 0 {
        line(format_args!("No event since {} that it would start on.", time(asked.since)));
        return;
    }
    let mut silent = 0;
    for found in &rehearsal.events {
        if found.is_same() && found.is_certain() && !args.verbose {
            silent += 1;
        } else {
            event(found, args.verbose);
        }
    }
    if silent > 0 && silent < events {
        line("");
    }
    let many = |count: usize| if count == 1 { "1 event".to_owned() } else { format!("{count} events") };
    let same = events - differs - uncertain;
    let mut parts = Vec::new();
    if same > 0 {
        parts.push(format!("{} on {}", paint(GREEN, "nothing changes"), many(same)));
    }
    if differs > 0 {
        parts.push(format!("{} on {}", paint(YELLOW, "calls differ"), many(differs)));
    }
    if uncertain > 0 {
        parts.push(format!("{} on {}", paint(CYAN, "cannot tell"), many(uncertain)));
    }
    line(format_args!("{} since {}: {}", many(events), time(asked.since), parts.join(", ")));
    if rehearsal.more {
        note(format_args!("only the newest {} were looked at; --limit takes more", args.limit));
    }
    if json!(rehearsal.events).to_string().contains(HIDDEN) {
        note("personal fields are hidden; --personal shows them");
    }
    if uncertain > 0 && !args.live_reads {
        note("what nobody recorded the provider can answer: --live-reads (it makes no call that writes)");
    }
}

fn event(found: &Found, verbose: bool) {
    let (mark, word) = match (found.is_certain(), found.is_same()) {
        (false, _) => (paint(CYAN, "?"), "cannot tell"),
        (true, true) => (paint(GREEN, "="), "no difference"),
        (true, false) => (paint(YELLOW, "~"), "differs"),
    };
    let summary = &found.event;
    line(format_args!(
        "{mark} {}  {}  {}  {word}",
        time(summary.received_at),
        paint(BOLD, one_line(&summary.subject)),
        summary.kind
    ));
    for step in &found.unanswered {
        line(format_args!("    {} {step} reads what no earlier run has read", paint(CYAN, "?")));
    }
    match (&found.draft_declines, &found.active_declines) {
        (Some(reason), _) => line(format_args!("    the draft does not want it: {reason}")),
        (_, Some(reason)) => line(format_args!("    only the draft wants it: {reason}")),
        _ => {}
    }
    if let (Some(before), Some(after)) = (&found.active_ends, &found.draft_ends)
        && before.state != after.state
    {
        let word = |state: RunState| state.as_str();
        line(format_args!(
            "    {} would end {} instead of {}: {}",
            paint(RED, "!"),
            word(after.state),
            word(before.state),
            after.reason
        ));
    }
    for call in &found.calls.new {
        line(format_args!("    {} {}  {}", paint(GREEN, "+"), paint(BOLD, &call.step), call.action));
        input(&call.input, verbose);
    }
    for call in &found.calls.gone {
        line(format_args!("    {} {}  {}", paint(RED, "-"), paint(BOLD, &call.step), call.action));
        input(&call.input, verbose);
    }
    for changed in &found.calls.changed {
        line(format_args!("    {} {}  {}", paint(YELLOW, "~"), paint(BOLD, &changed.after.step), changed.after.action));
        for field in &changed.fields {
            line(format_args!("        {}", paint(DIM, &field.path)));
            difference(field, verbose);
        }
    }
    if verbose && found.calls.same > 0 {
        line(format_args!("    {} {} the same", paint(GREEN, "="), found.calls.same));
    }
}

/// What stood there and what stands there now; of longer texts only the lines that differ.
fn difference(field: &Field, verbose: bool) {
    let removed = |text: &str| line(format_args!("          {} {text}", paint(RED, "-")));
    let added = |text: &str| line(format_args!("          {} {text}", paint(GREEN, "+")));
    if let (Some(Value::String(before)), Some(Value::String(after))) = (&field.before, &field.after)
        && before != after
        && (before.contains('\n') || after.contains('\n'))
    {
        for change in TextDiff::from_lines(before, after).iter_all_changes() {
            let text = change.value().trim_end_matches('\n');
            match change.tag() {
                ChangeTag::Delete => removed(text),
                ChangeTag::Insert => added(text),
                ChangeTag::Equal if verbose => line(format_args!("            {}", paint(DIM, text))),
                ChangeTag::Equal => {}
            }
        }
        return;
    }
    let shown = |value: &Option<Value>| match value {
        Some(value) if verbose => value.to_string(),
        Some(value) => shorten(&value.to_string(), 90),
        None => "nothing".to_owned(),
    };
    removed(&shown(&field.before));
    added(&shown(&field.after));
}

fn input(input: &Value, verbose: bool) {
    if verbose { fields(input, 8) } else { line(format_args!("        {}", shorten(&input.to_string(), 90))) }
}

/// A line on terminals that says how far it has come.
struct Progress {
    shown: bool,
}

impl Progress {
    fn tell(&mut self, done: usize, total: usize) {
        if self.shown {
            // A line of progress that cannot be written is no reason to stop.
            let _ = write!(std::io::stderr(), "\rrehearsing: {done} of {total} events");
        }
    }

    fn end(&self) {
        if self.shown {
            let _ = write!(std::io::stderr(), "\r\x1b[K");
        }
    }
}
