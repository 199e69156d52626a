//! One journal entry in words: what happened, what it means, and what follows. Called by [`crate::timeline`].

use std::time::Duration;

use deskwire_core::action::ErrorClass;
use deskwire_core::ports::RunDetail;
use deskwire_core::run::{Entry, Known};
use deskwire_core::time::Timestamp;
use deskwire_history::{LoopCount, Loops, result_in_words};
use serde_json::Value;

use crate::badge::{BAD, BUSY, DOUBT, GOOD, QUIET, REST, WAIT};
use crate::prose::Prose;
use crate::show::{Moment, pretty, time_of_day, took};
use crate::timeline::{Axis, Bar, FOLDED_FROM, is_kept};

/// What `run.html` shows of an entry.
#[derive(Debug)]
pub(crate) struct Line {
    pub tone: &'static str,
    /// What happened.
    pub text: Prose,
    /// How an error is classed, in words, and the provider's code.
    pub error: Option<(&'static str, String)>,
    /// What follows.
    pub next: Option<String>,
    pub at: Moment,
    /// Since the first call began; `None` for what an earlier run did.
    pub offset: Option<String>,
    /// The call.
    pub bar: Option<Bar>,
    /// The wait after it.
    pub wait: Option<Bar>,
    pub input: Option<String>,
    pub output: Option<String>,
}

/// The entry at `index` among those of one step.
pub(crate) fn line(
    entries: &[&Entry],
    index: usize,
    run: &RunDetail,
    axis: Option<Axis>,
    loops: &Loops,
    now: Timestamp,
) -> Line {
    let entry = entries[index];
    let earlier = index.checked_sub(1).and_then(|before| entries.get(before)).copied();
    let (tone, text) = what(entry, earlier, run, loops);
    let kept = is_kept(entry, run);
    let axis = axis.filter(|_| !kept);
    let (started_at, waits_until) = stretches(entry);
    Line {
        tone,
        text: Prose::new(&match (kept, entry) {
            (false, _) => text,
            (true, Entry::Done { .. } | Entry::Decided { .. }) => {
                "Done by the run that this one replays; not called again.".to_owned()
            }
            (true, _) => format!("Kept from the run that this one replays. {text}"),
        }),
        error: error(entry, earlier),
        next: next(entry, entries.get(index + 1).copied(), now),
        at: Moment::new(entry.at(), now),
        offset: axis.map(|axis| format!("+{}", took(started_at.since(axis.start)))),
        bar: axis.map(|axis| axis.bar(started_at, entry.at())),
        wait: axis.zip(waits_until).map(|(axis, until)| axis.bar(entry.at(), until)),
        input: document(entry, run, true),
        output: document(entry, run, false),
    }
}

/// When the call began, and until when is waited after it.
fn stretches(entry: &Entry) -> (Timestamp, Option<Timestamp>) {
    match entry {
        Entry::Done { started_at, .. } => (*started_at, None),
        Entry::Attempt { started_at, next_at, .. } => (*started_at, *next_at),
        Entry::Held { at, until, .. } | Entry::NoToken { at, until, .. } | Entry::Waiting { at, until, .. } => {
            (*at, Some(*until))
        }
        _ => (entry.at(), None),
    }
}

fn what(entry: &Entry, earlier: Option<&Entry>, run: &RunDetail, loops: &Loops) -> (&'static str, String) {
    match entry {
        Entry::Done { attempt, started_at, at, how, action, output, .. } => {
            if let Some(result) = result_in_words(action, output) {
                return (GOOD, sentence(&result));
            }
            let attempt = if *attempt > 1 { format!(" at attempt {attempt}") } else { String::new() };
            let duration = took(at.since(*started_at));
            let text = match how {
                Known::Answered => format!("Answered{attempt} in {duration}."),
                Known::TraceFound => format!(
                    "The answer had been lost; the trace of the call was found in {duration}, so it was not called again."
                ),
            };
            (GOOD, text)
        }
        Entry::Skipped { reason, .. } => (QUIET, format!("Left out: {reason}")),
        Entry::Attempt { attempt, started_at, at, error, .. } => {
            let tone = if error.class == ErrorClass::Unknown { DOUBT } else { BAD };
            (tone, format!("Attempt {attempt} failed after {}: {}", took(at.since(*started_at)), error.message))
        }
        Entry::Failed { error, continued, .. } => {
            let end = if *continued { "the workflow says to go on" } else { "the run ends here" };
            let text = match earlier {
                Some(Entry::Attempt { error: said, .. }) if said == error => format!("Failed for good; {end}."),
                _ => format!("Failed for good; {end}: {}", error.message),
            };
            (if *continued { WAIT } else { BAD }, text)
        }
        Entry::Unknown { reason, .. } => {
            let text = "The answer was lost, and nothing can tell whether the call happened.";
            // The head of the page shows the run's reason already.
            let said = run.summary.reason.as_deref() == Some(reason);
            (DOUBT, if said { text.to_owned() } else { format!("{text} {reason}") })
        }
        Entry::Held { until, budget, .. } => (
            WAIT,
            format!(
                "Held back until {}: the rate budget {budget} is used up. Nothing was called, so this counts as no attempt.",
                time_of_day(*until)
            ),
        ),
        Entry::NoToken { until, reason, .. } => (
            WAIT,
            format!(
                "Waits for a token until {}: {reason} Nothing was called, so this counts as no attempt.",
                time_of_day(*until)
            ),
        ),
        Entry::Blocked { connection, reason, .. } => (
            BAD,
            format!("Waits for connection {connection}: {reason} Nothing was done, so this counts as no attempt."),
        ),
        Entry::Resumed { step, .. } => {
            let then = if step.is_some() {
                "This step may have been under way; what its action leaves behind decides what follows."
            } else {
                "No step was under way."
            };
            (BUSY, format!("The process stopped and another one went on. {then}"))
        }
        Entry::Calling { subject: Some(_), .. } => {
            (BUSY, "Announced before the call, so that its echo is recognised.".to_owned())
        }
        Entry::Calling { subject: None, .. } => {
            (BUSY, "Announced before the call, so that a crash leaves no doubt what was under way.".to_owned())
        }
        Entry::Chose { reason, .. } => (GOOD, sentence(reason)),
        Entry::Looping { items, step, .. } => {
            let many = if items.len() == 1 { "1 item".to_owned() } else { format!("{} items", items.len()) };
            let count = loops.count(step).map(LoopCount::in_words).unwrap_or_default();
            let folded = if items.len() > FOLDED_FROM {
                format!(
                    " Turns that went well are folded away; `deskwire runs show {} --verbose` shows all.",
                    run.summary.id
                )
            } else {
                String::new()
            };
            (BUSY, format!("Goes over {many}: {count}.{folded}"))
        }
        Entry::Waiting { reason, .. } => (REST, sentence(reason)),
        Entry::Decided { happened, output, .. } => {
            let note = output.get("note").and_then(Value::as_str).filter(|_| !*happened);
            let text = match (happened, note) {
                (true, _) => "A person says that it happened, so it is not called again.".to_owned(),
                (false, None) => "A person says that it did not happen, so it is called.".to_owned(),
                (false, Some(note)) => format!("A person says that it did not happen, so it is called: {note}"),
            };
            (GOOD, text)
        }
        Entry::Caused { by, hops, .. } => {
            let whose = by.as_ref().map_or_else(|| "a run of ours".to_owned(), |by| format!("our run {by}"));
            (
                QUIET,
                format!("The event reports a change that {whose} made (hop {hops}); the workflow takes such events."),
            )
        }
    }
}

/// An error's class and code, unless the line before showed the same.
fn error(entry: &Entry, earlier: Option<&Entry>) -> Option<(&'static str, String)> {
    let error = match (entry, earlier) {
        (Entry::Failed { error, .. }, Some(Entry::Attempt { error: said, .. })) if said == error => return None,
        (Entry::Attempt { error, .. } | Entry::Failed { error, .. }, _) => error,
        _ => return None,
    };
    let class = match error.class {
        ErrorClass::Retry => "nothing happened outside, and it may pass",
        ErrorClass::Unknown => "the call may have happened",
        ErrorClass::NeedsReauthorization => "nothing happened outside; the connection needs a person",
        ErrorClass::Fail => "nothing happened outside; it would fail the same way again",
    };
    Some((class, error.code.clone()))
}

/// Words as a sentence: a capital letter and a full stop.
fn sentence(words: &str) -> String {
    let mut letters = words.chars();
    let first = letters.next().map(|first| first.to_uppercase().to_string()).unwrap_or_default();
    format!("{first}{}.", letters.as_str().trim_end_matches('.'))
}

/// What follows a failed attempt, or the beginning of a wait.
fn next(entry: &Entry, later: Option<&Entry>, now: Timestamp) -> Option<String> {
    if let Entry::Waiting { until, .. } = entry {
        let until = Moment::new(*until, now);
        return Some(match later {
            None => format!("It ends {} at the latest, at {}.", until.relative, until.exact),
            Some(_) => format!("It was to end at {} at the latest.", until.exact),
        });
    }
    let Entry::Attempt { at, next_at, error, .. } = entry else { return None };
    let Some(next_at) = next_at else {
        let text = match error.class {
            ErrorClass::Fail => "It is not tried again.",
            ErrorClass::NeedsReauthorization => {
                "It is not tried again: renew the connection's credentials, then replay the run."
            }
            ErrorClass::Retry => {
                "It is not tried again: no attempt is left, or later events may not wait longer for it."
            }
            ErrorClass::Unknown => "It is not called again by itself.",
        };
        return Some(text.to_owned());
    };
    let wait = next_at.since(*at);
    Some(match later {
        Some(_) if wait == Duration::ZERO => "Tried again at once.".to_owned(),
        Some(_) => format!("Tried again after a wait of {}.", took(wait)),
        None if *next_at > now => {
            format!("Next try {}, at {}.", Moment::new(*next_at, now).relative, time_of_day(*next_at))
        }
        None => format!("The next try was due at {}.", time_of_day(*next_at)),
    })
}

fn document(entry: &Entry, run: &RunDetail, input: bool) -> Option<String> {
    let value = match entry {
        Entry::Done { input: value, .. } | Entry::Attempt { input: value, .. } if input => value,
        Entry::Done { output, .. } | Entry::Decided { output, happened: true, .. } if !input => output,
        _ => &Value::Null,
    };
    let rest = || format!("deskwire runs show {} --verbose", run.summary.id);
    (!value.is_null()).then(|| pretty(value, &rest()))
}
