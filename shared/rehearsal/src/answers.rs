//! The actions of a trial: the same ones, but answered from elsewhere.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use deskwire_core::BoxFuture;
use deskwire_core::action::{Action, ActionSpec, Actions, Call, CallError, Effect, EffectKey, ErrorClass, HoldKey};
use deskwire_core::ids::{ConnectionName, RunId};
use deskwire_core::limit::{self, Limit};
use deskwire_core::number::same;
use serde_json::Value;

use crate::recordings::Recording;
use crate::sample::sample;

/// Who answers what no recording does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Through {
    /// Nobody.
    Nobody,
    /// The actions as they were handed in answer calls that read.
    Reads,
    /// They answer every call, those that write too; recordings are not asked.
    Everything,
}

/// The code of a read that nobody answers.
pub(crate) const NOT_ANSWERED: &str = "not_answered";

/// Who answered a call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answered {
    /// This run, when it made the same call.
    Recording(RunId),
    /// This run, which called the same action with another input. Only for calls that write.
    Similar(RunId),
    /// The actions that the trial was given.
    Called,
    /// Nobody: the call writes, and later steps see a made-up answer.
    MadeUp,
    /// Nobody, and the call reads: what the workflow would do from here on cannot be told.
    Nobody,
}

impl fmt::Display for Answered {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Recording(run) => write!(f, "answered as {run} was"),
            Self::Similar(run) => write!(f, "answered as {run} was for another input"),
            Self::Called => f.write_str("called"),
            Self::MadeUp => f.write_str("answered with placeholders"),
            Self::Nobody => f.write_str("not answered"),
        }
    }
}

/// A call that a step made, or would have made.
#[derive(Debug, Clone)]
pub(crate) struct Made {
    pub key: EffectKey,
    pub action: &'static str,
    pub connection: ConnectionName,
    pub input: Value,
    pub writes: bool,
    pub answered: Answered,
}

/// What was recorded, and what was called; shared by all actions of one trial.
#[derive(Clone)]
pub(crate) struct Book(Arc<Mutex<Pages>>);

struct Pages {
    recordings: Vec<(Recording, bool)>,
    made: Vec<Made>,
}

impl Book {
    pub(crate) fn new(recordings: Vec<Recording>) -> Self {
        let recordings = recordings.into_iter().map(|recording| (recording, false)).collect();
        Self(Arc::new(Mutex::new(Pages { recordings, made: Vec::new() })))
    }

    /// The calls so far, in their order.
    pub(crate) fn made(&self) -> Vec<Made> {
        self.pages().made.clone()
    }

    fn pages(&self) -> MutexGuard<'_, Pages> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Pages {
    /// The answer of the same call: several of them in their order, and then the last one over and over.
    fn same(&mut self, action: &str, input: &Value) -> Option<(RunId, Result<Value, CallError>)> {
        let fits = |recording: &Recording| recording.action == action && same(&recording.input, input);
        let fresh = self.recordings.iter().position(|(recording, used)| !used && fits(recording));
        let at = fresh.or_else(|| self.recordings.iter().rposition(|(recording, _)| fits(recording)))?;
        Some(self.take(at))
    }

    /// The answer of a call of the same action that has had no use yet, and that did not fail.
    fn similar(&mut self, action: &str) -> Option<(RunId, Result<Value, CallError>)> {
        let fits = |recording: &Recording| recording.action == action && recording.answer.is_ok();
        let at = self.recordings.iter().position(|(recording, used)| !used && fits(recording))?;
        Some(self.take(at))
    }

    fn take(&mut self, at: usize) -> (RunId, Result<Value, CallError>) {
        let (recording, used) = &mut self.recordings[at];
        *used = true;
        (recording.run.clone(), recording.answer.clone())
    }
}

/// The same actions, answered by the book and, where it says nothing, through whom the caller allows.
pub(crate) fn answering(actions: &Actions, through: Through, book: &Book) -> Actions {
    let names: Vec<&str> = actions.specs().map(|spec| spec.name).collect();
    Actions::new(names.into_iter().filter_map(|name| actions.get(name)).map(|action| {
        Arc::new(Answering { action: Arc::clone(action), through, book: book.clone() }) as Arc<dyn Action>
    }))
}

struct Answering {
    action: Arc<dyn Action>,
    through: Through,
    book: Book,
}

impl Answering {
    fn writes(&self, input: &Value) -> bool {
        self.action.effect(input).writes()
    }

    /// The answer without a call; `None` where the call is to be made.
    fn answer(&self, call: Call<'_>) -> (Answered, Option<Result<Value, CallError>>) {
        let spec = self.action.spec();
        if self.through == Through::Everything {
            return (Answered::Called, None);
        }
        let mut pages = self.book.pages();
        if let Some((run, answer)) = pages.same(spec.name, call.input) {
            return (Answered::Recording(run), Some(answer));
        }
        if self.writes(call.input) {
            return match pages.similar(spec.name) {
                Some((run, answer)) => (Answered::Similar(run), Some(answer)),
                None => (Answered::MadeUp, Some(Ok(sample(spec.name, &spec.output)))),
            };
        }
        if self.through == Through::Reads {
            return (Answered::Called, None);
        }
        let message = "No earlier run on this event made this call, so nothing tells its answer";
        (Answered::Nobody, Some(Err(CallError::new(ErrorClass::Fail, NOT_ANSWERED, message))))
    }
}

impl Action for Answering {
    fn spec(&self) -> &ActionSpec {
        self.action.spec()
    }

    fn effect(&self, input: &Value) -> Effect {
        self.action.effect(input)
    }

    fn limits(&self) -> &[Limit] {
        self.action.limits()
    }

    fn hold_keys(&self, call: Call<'_>) -> Vec<HoldKey> {
        self.action.hold_keys(call)
    }

    fn prepare<'a>(&'a self, call: Call<'a>) -> BoxFuture<'a, Result<(), CallError>> {
        if self.through == Through::Everything {
            return self.action.prepare(call);
        }
        // Most calls are not made.
        Box::pin(async { Ok(()) })
    }

    fn call<'a>(&'a self, call: Call<'a>) -> BoxFuture<'a, Result<Value, CallError>> {
        Box::pin(async move {
            limit::keep(self.limits(), call.input)?;
            let (answered, answer) = self.answer(call);
            let made = Made {
                key: call.key.clone(),
                action: self.action.spec().name,
                connection: call.connection.clone(),
                input: call.input.clone(),
                writes: self.writes(call.input),
                answered,
            };
            self.book.pages().made.push(made);
            match answer {
                Some(answer) => answer,
                None => self.action.call(call).await,
            }
        })
    }

    fn look<'a>(&'a self, call: Call<'a>) -> BoxFuture<'a, Result<Option<Value>, CallError>> {
        self.action.look(call)
    }
}
