//! A run as a person reads it: one line a step, with what was tried and why it ended as it did.

use deskwire_core::action::ErrorClass;
use deskwire_core::ids::StepPath;
use deskwire_core::ports::RunDetail;
use deskwire_core::run::{Entry, Known, RunState};
use deskwire_core::time::Timestamp;
use deskwire_core::visible::one_line;
use deskwire_history::{Unreached, result_in_words};
use deskwire_rehearsal::{Answered, Outcome};
use serde_json::{Value, json};

use crate::output::{BOLD, CYAN, DIM, GREEN, RED, YELLOW, line, paint, state_style, time, took};

/// The run as one JSON document.
pub(crate) fn to_json(run: &RunDetail) -> Value {
    let mut document = json!({ "run": run.summary, "event": run.event.to_json().ok(), "journal": run.journal });
    if run.unreadable > 0 {
        document["unreadable"] = json!(run.unreadable);
    }
    document
}

/// Prints the run, and the steps that it never came to. `verbose` adds inputs and outputs.
pub(crate) fn print(run: &RunDetail, unreached: &[Unreached], verbose: bool) {
    header(run);
    print_steps(run, unreached, verbose, &describe);
    let again = matches!(run.summary.state, RunState::Failed | RunState::Dead | RunState::Unknown);
    if again {
        line("");
        line(format_args!("To run it again from where it stopped: deskwire runs replay {}", run.summary.id));
    }
}

/// Prints a trial: the run in virtual time, with who answered each call.
pub(crate) fn print_trial(trial: &Outcome, unreached: &[Unreached], verbose: bool) {
    let summary = &trial.run.summary;
    let state = if trial.unanswered().is_empty() {
        paint(state_style(summary.state).bold(), format_args!("would end {}", summary.state.as_str()))
    } else {
        paint(CYAN.bold(), "nobody can tell how it would end")
    };
    line(format_args!("{}  {state}", paint(BOLD, &summary.workflow)));
    let at = time(summary.queued_at);
    line(format_args!(
        "{} of {}, from {}, as if it came {at}",
        one_line(&summary.event_type),
        one_line(&summary.subject),
        summary.source
    ));
    let writes = |step: &StepPath| trial.calls.iter().any(|call| call.step == *step);
    print_steps(&trial.run, unreached, verbose, &|entry| {
        let Some((step, answered)) = entry.step().and_then(|step| trial.answers.get_key_value(step)) else {
            return describe(entry);
        };
        match (entry, answered) {
            (_, Answered::Called) => describe(entry),
            (Entry::Done { .. }, _) if writes(step) => (paint(YELLOW, "○"), format!("would be called; {answered}")),
            (Entry::Done { .. }, _) => (paint(GREEN, "✓"), answered.to_string()),
            (Entry::Attempt { error, .. }, Answered::Nobody) => (paint(CYAN, "?"), error.message.clone()),
            _ => describe(entry),
        }
    });
}

fn header(run: &RunDetail) {
    let summary = &run.summary;
    let state = paint(state_style(summary.state).bold(), summary.state.as_str());
    let lasted = summary.ended_at.map(|end| format!(" in {}", took(summary.queued_at, end))).unwrap_or_default();
    line(format_args!("{}  {}  {state}{lasted}", paint(BOLD, &summary.workflow), paint(DIM, &summary.id)));
    line(format_args!(
        "{} of {}, from {}, queued {}{}",
        one_line(&summary.event_type),
        one_line(&summary.subject),
        summary.source,
        time(summary.queued_at),
        if summary.replay > 0 { format!(", replay {}", summary.replay) } else { String::new() },
    ));
    if let Some(due) = summary.due_at.filter(|_| summary.state == RunState::Retrying) {
        line(format_args!("next try {}", time(due)));
    }
}

fn print_steps(run: &RunDetail, unreached: &[Unreached], verbose: bool, describe: &dyn Fn(&Entry) -> (String, String)) {
    let summary = &run.summary;
    if let Some(reason) = &summary.reason {
        line(paint(state_style(summary.state), one_line(reason)));
    }
    line("");
    let width = run.journal.iter().filter_map(Entry::step).map(|step| step.as_str().chars().count()).max().unwrap_or(0);
    for entry in &run.journal {
        let (mark, words) = describe(entry);
        let name = entry.step().map_or("", AsRef::as_ref);
        let padded = format!("{name:width$}");
        line(format_args!(
            "  {}  {mark} {}  {words}",
            paint(DIM, clock(entry.at(), summary.queued_at)),
            paint(BOLD, padded)
        ));
        if verbose {
            details(entry);
        }
    }
    if run.journal.is_empty() {
        line("  No step has been called yet.");
    }
    for step in unreached {
        line(paint(DIM, format_args!("{:14}·  {}  {}: {}", "", step.path, step.word, step.why.in_words())));
    }
}

/// Time since the run was queued: `+0.184s`, or `+4h 30m` where that is long ago.
fn clock(at: Timestamp, start: Timestamp) -> String {
    let since = at.since(start);
    let minutes = since.as_secs() / 60;
    match minutes {
        0..60 => format!("{:>+9.3}s", since.as_secs_f64()),
        60..2_880 => format!("{:>10}", format!("+{}h {:02}m", minutes / 60, minutes % 60)),
        _ => format!("{:>10}", format!("+{}d {:02}h", minutes / 1_440, minutes / 60 % 24)),
    }
}

fn describe(entry: &Entry) -> (String, String) {
    match entry {
        Entry::Done { action, output, .. } if result_in_words(action, output).is_some() => {
            (paint(GREEN, "✓"), result_in_words(action, output).unwrap_or_default())
        }
        Entry::Done { attempt, started_at, at, how, .. } => {
            let tries = if *attempt > 1 { format!(", attempt {attempt}") } else { String::new() };
            let how = match how {
                Known::Answered => "",
                Known::TraceFound => ": the answer had been lost, and the call's trace was found",
            };
            (paint(GREEN, "✓"), format!("done in {}{tries}{how}", took(*started_at, *at)))
        }
        Entry::Skipped { reason, .. } => (paint(DIM, "–"), paint(DIM, format_args!("left out: {}", one_line(reason)))),
        Entry::Attempt { attempt, error, next_at, started_at, at, .. } => {
            let doubt = if error.class == ErrorClass::Unknown { " (it may have happened)" } else { "" };
            let next = next_at.map(|next| format!("; next try {}", time(next))).unwrap_or_default();
            let took = took(*started_at, *at);
            (
                paint(YELLOW, "↻"),
                format!(
                    "attempt {attempt} failed after {took}{doubt}: {} [{}]{next}",
                    one_line(&error.message),
                    one_line(&error.code)
                ),
            )
        }
        Entry::Failed { error, continued, .. } => {
            let on = if *continued { "; the workflow goes on" } else { "" };
            (paint(RED, "✗"), format!("failed: {} [{}]{on}", one_line(&error.message), one_line(&error.code)))
        }
        Entry::Unknown { reason, .. } => (paint(YELLOW, "?"), one_line(reason).into_owned()),
        Entry::Held { until, budget, .. } => {
            (paint(YELLOW, "…"), format!("held back until {}: the rate budget {budget} is used up", time(*until)))
        }
        Entry::NoToken { until, reason, .. } => {
            (paint(YELLOW, "…"), format!("waits for a token until {}: {reason}", time(*until)))
        }
        Entry::Resumed { step, .. } => {
            let about = if step.is_some() { "; this step may have been under way" } else { "" };
            (paint(CYAN, "⏎"), format!("resumed after the process stopped{about}"))
        }
        Entry::Calling { .. } => (paint(DIM, "→"), paint(DIM, "is about to be called")),
        Entry::Chose { reason, .. } => (paint(CYAN, "◆"), one_line(reason).into_owned()),
        Entry::Looping { items, .. } => {
            let many = if items.len() == 1 { "1 item".to_owned() } else { format!("{} items", items.len()) };
            (paint(CYAN, "⟳"), format!("goes over {many}"))
        }
        Entry::Waiting { until, reason, .. } => {
            (paint(YELLOW, "…"), format!("{}, until {} at the latest", one_line(reason), time(*until)))
        }
        Entry::Blocked { connection, reason, .. } => {
            (paint(RED, "⊘"), format!("waits for connection {connection}: {}", one_line(reason)))
        }
        Entry::Decided { happened, output, .. } => {
            let what = if *happened { "it happened" } else { "it did not happen, so it is called again" };
            let note = output
                .get("note")
                .and_then(Value::as_str)
                .map(|note| format!(": {}", one_line(note)))
                .unwrap_or_default();
            (paint(GREEN, "✓"), format!("a person says that {what}{note}"))
        }
        Entry::Caused { by, hops, .. } => {
            let whose = by.as_ref().map_or_else(|| "a run of ours".to_owned(), |by| format!("our run {by}"));
            (paint(DIM, "↺"), format!("the event reports a change that {whose} made (hop {hops})"))
        }
    }
}

fn details(entry: &Entry) {
    let indented = |label: &str, value: &Value| {
        if !value.is_null() {
            let text = format!("{value:#}").replace('\n', "\n                  ");
            line(paint(DIM, format_args!("                {label} {text}")));
        }
    };
    match entry {
        Entry::Done { input, output, .. } => {
            indented("→", input);
            indented("←", output);
        }
        Entry::Attempt { input, .. } => indented("→", input),
        _ => {}
    }
}
