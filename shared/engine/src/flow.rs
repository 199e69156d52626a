//! Going through a list of steps: conditions, branches, and what ends a run on purpose.

use deskwire_core::BoxFuture;
use deskwire_core::action::{CallError, ErrorClass};
use deskwire_core::ids::StepPath;
use deskwire_core::ports::StoreResult;
use deskwire_core::run::{Entry, Known};
use deskwire_templates::{Scope, Template};
use deskwire_workflows::{Choose, OnError, Step, StepKind};
use serde_json::{Value, json};

use crate::delivery::{Delivery, End, Place};
use crate::journal::Ended;
use crate::personal;

/// What follows a step.
pub(crate) enum Flow {
    /// The next one.
    On,
    /// The end of this delivery.
    End(End),
    /// The item of the loop around it failed, and the loop goes on.
    ItemFailed(String),
}

/// What a step's condition says.
enum Condition {
    Holds,
    LeftOut,
    Broken(CallError),
}

impl Delivery<'_> {
    /// Goes through steps until one of them ends the delivery.
    pub(crate) fn steps<'s>(
        &'s self,
        steps: &'s [Step],
        place: &'s Place,
        scope: &'s mut Scope,
    ) -> BoxFuture<'s, StoreResult<Flow>> {
        Box::pin(async move {
            for step in steps {
                match self.step(step, place, scope).await? {
                    Flow::On => {}
                    other => return Ok(other),
                }
            }
            Ok(Flow::On)
        })
    }

    async fn step(&self, step: &Step, place: &Place, scope: &mut Scope) -> StoreResult<Flow> {
        let path = place.path(&step.id);
        let state = self.state(&path);
        match &state.ended {
            Some(Ended::Done(output)) => {
                scope.set_step(&step.id, output);
                return Ok(match step.kind {
                    StepKind::Stop(_) => Flow::End(self.stopped(reason_of(output))),
                    _ => Flow::On,
                });
            }
            Some(Ended::FailedOn(error)) => {
                scope.set_step(&step.id, &json!({ "error": error }));
                return Ok(if continues(step) { Flow::On } else { Flow::ItemFailed(error.clone()) });
            }
            // A step that was left out answers with nothing: its fields are undefined, so asking for one in an `if` is false.
            Some(Ended::Skipped) => {
                leave_out(step, scope);
                return Ok(Flow::On);
            }
            None => {}
        }
        if state.is_untouched() {
            match check_condition(step, scope) {
                Condition::Holds => {}
                Condition::LeftOut => {
                    let why = step
                        .condition
                        .as_ref()
                        .map(|condition| condition.why_not(scope, &|path, value| personal::shown(self, path, value)));
                    let reason = format!("`if` is false: {}", why.unwrap_or_default());
                    leave_out(step, scope);
                    self.note(Entry::Skipped { step: path, at: self.now(), reason });
                    return Ok(Flow::On);
                }
                Condition::Broken(error) => return Ok(self.fail(step, &path, place, scope, error)),
            }
        }
        match &step.kind {
            StepKind::Action(action) => self.action(step, action, path, place, scope).await,
            StepKind::Choose(choose) => self.choose(step, choose, path, place, scope).await,
            StepKind::ForEach(each) => self.for_each(step, each, path, place, scope).await,
            StepKind::Wait(wait) => Ok(self.wait(step, wait, &path, place, scope, &state)),
            StepKind::Stop(reason) => Ok(match text(reason, scope) {
                Ok(reason) => {
                    self.note_done(&path, "stop", json!({ "reason": reason }));
                    Flow::End(self.stopped(&reason))
                }
                Err(error) => self.fail(step, &path, place, scope, error),
            }),
            StepKind::Fail(reason) => {
                let error = match text(reason, scope) {
                    Ok(reason) => CallError::new(ErrorClass::Fail, "fail", reason),
                    Err(error) => error,
                };
                Ok(self.fail(step, &path, place, scope, error))
            }
        }
    }

    async fn choose(
        &self,
        step: &Step,
        choose: &Choose,
        path: StepPath,
        place: &Place,
        scope: &mut Scope,
    ) -> StoreResult<Flow> {
        let case = match self.state(&path).case {
            Some(case) => case,
            None => match pick(choose, scope) {
                Ok((case, reason)) => {
                    self.note(Entry::Chose { step: path.clone(), at: self.now(), case, reason });
                    case.unwrap_or(0)
                }
                Err(error) => return Ok(self.fail(step, &path, place, scope, error)),
            },
        };
        let taken = usize::try_from(case).ok().and_then(|case| choose.cases.get(case.checked_sub(1)?));
        let steps = taken.map_or(&choose.otherwise, |case| &case.steps);
        scope.set_step(&step.id, &json!({ "case": case }));
        for inner in step.inner() {
            leave_out(inner, scope);
        }
        self.steps(steps, &place.within(&path), scope).await
    }

    /// Notes a result of a step that calls nothing.
    pub(crate) fn note_done(&self, path: &StepPath, word: &str, output: Value) {
        let now = self.now();
        self.note(Entry::Done {
            step: path.clone(),
            action: word.to_owned(),
            attempt: 1,
            started_at: now,
            at: now,
            input: Value::Null,
            output,
            how: Known::Answered,
            wrote: Vec::new(),
        });
    }

    /// A step that failed for good.
    pub(crate) fn fail(
        &self,
        step: &Step,
        path: &StepPath,
        place: &Place,
        scope: &mut Scope,
        error: CallError,
    ) -> Flow {
        let message = error.message.clone();
        let continued = continues(step) || place.caught;
        self.note(Entry::Failed { step: path.clone(), at: self.now(), error, continued });
        if continues(step) {
            scope.set_step(&step.id, &json!({ "error": message }));
            return Flow::On;
        }
        let reason = match &step.kind {
            StepKind::Fail(_) => format!("{}: {message}", naming(path)),
            _ => format!("{} failed: {message}", self.locating(step, path)),
        };
        if place.caught { Flow::ItemFailed(message) } else { Flow::End(End::failed(reason)) }
    }

    /// How a sentence about a failure names a step: by its path, and where a person finds it.
    pub(crate) fn locating(&self, step: &Step, path: &StepPath) -> String {
        format!("{} ({}:{})", naming(path), self.workflow.file, step.line)
    }
}

/// How a sentence names a step: by its path.
pub(crate) fn naming(path: &StepPath) -> String {
    format!("Step `{path}`")
}

/// Does the run go on after this step has failed?
pub(crate) fn continues(step: &Step) -> bool {
    matches!(&step.kind, StepKind::Action(action) if action.on_error == OnError::Continue)
}

/// Makes the step, and all within it, known as having answered with nothing.
fn leave_out(step: &Step, scope: &mut Scope) {
    scope.set_step(&step.id, &json!({}));
    if matches!(step.kind, StepKind::Choose(_)) {
        for inner in step.inner() {
            leave_out(inner, scope);
        }
    }
}

fn check_condition(step: &Step, scope: &Scope) -> Condition {
    match step.condition.as_ref().map(|condition| condition.holds(scope)) {
        None | Some(Ok(true)) => Condition::Holds,
        Some(Ok(false)) => Condition::LeftOut,
        Some(Err(error)) => {
            let message = format!("The `if` of step `{}` cannot be evaluated: {}", step.id, error.message);
            Condition::Broken(CallError::new(ErrorClass::Fail, "bad_condition", message))
        }
    }
}

/// The first case that holds, and one sentence that says so.
fn pick(choose: &Choose, scope: &Scope) -> Result<(Option<u32>, String), CallError> {
    for (number, case) in (1u32..).zip(&choose.cases) {
        match case.when.holds(scope) {
            Ok(true) => return Ok((Some(number), format!("case {number} holds: {}", case.when))),
            Ok(false) => {}
            Err(error) => {
                let message = format!("`when` of case {number} cannot be evaluated: {}", error.message);
                return Err(CallError::new(ErrorClass::Fail, "bad_condition", message));
            }
        }
    }
    let what = if choose.otherwise.is_empty() { "nothing is done" } else { "`otherwise` is taken" };
    Ok((None, format!("no case holds, so {what}")))
}

/// A template's text, on one line's worth of reason.
fn text(template: &Template, scope: &Scope) -> Result<String, CallError> {
    match template.render(scope) {
        Ok(Value::String(text)) => Ok(text),
        Ok(other) => Ok(other.to_string()),
        Err(error) => Err(CallError::new(ErrorClass::Fail, "bad_template", error.message)),
    }
}

fn reason_of(output: &Value) -> &str {
    output.get("reason").and_then(Value::as_str).unwrap_or_default()
}
