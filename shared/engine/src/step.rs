//! One step: resolve its input, call its action, and decide what an outcome means.
//!
//! The decisions, by what is known:
//!
//! | known | effect | what follows |
//! |---|---|---|
//! | never called, or nothing happened | any | call |
//! | may have been called | read, idempotent | call again |
//! | may have been called | keyed | call again with the same key while the provider remembers it, else unknown |
//! | may have been called | detectable | after its settle time look; found: done; not there: call; cannot look: unknown |
//! | may have been called | unprovable | unknown |
//!
//! `on_unknown: retry` turns every "unknown" of this table into "call again".

use std::time::Duration;

use deskwire_core::BoxFuture;
use deskwire_core::action::{Action, Call, CallError, Effect, ErrorClass, Hold};
use deskwire_core::ports::{Claim, Settlement, StoreResult};
use deskwire_core::retry::spread;
use deskwire_core::run::{Entry, Known, RunState};
use deskwire_core::time::{Timestamp, show_duration};
use deskwire_workflows::{OnError, OnUnknown, Step};
use serde_json::Value;

use crate::execute::{Engine, Progress, failed};
use crate::journal::StepState;

/// What is left of a lease when its call has been given up, for writing that down.
const LEASE_MARGIN: Duration = Duration::from_secs(5);

/// What happens after a step was looked at.
pub(crate) enum Next {
    /// The run goes on with the next step.
    Step,
    /// This delivery ends here.
    Settle(Settlement, Option<Hold>),
}

/// What the effect allows when a step may have been called.
enum Doubt {
    /// Call it (again).
    Call,
    /// Come back at this time, then look.
    Later(Timestamp),
    /// Look for its trace now.
    Look,
    /// Nothing can tell.
    Unknowable(&'static str),
}

impl Engine {
    pub(crate) async fn step(
        &self,
        claim: &Claim,
        step: &Step,
        holds: &[Hold],
        progress: &mut Progress<'_>,
    ) -> StoreResult<Next> {
        let state = progress.journal.step(&step.path);
        if state.doubtful_since.is_none()
            && let Some(next) = self.check_condition(step, progress)
        {
            return Ok(next);
        }
        let Some(action) = self.versions.actions().get(&step.action).cloned() else {
            return Ok(self.fail(
                step,
                progress,
                bad_step(format!("There is no action `{}` in this Deskwire", step.action)),
            ));
        };
        let Some(connection) = &step.connection else {
            return Ok(self.fail(step, progress, bad_step(format!("Step `{}` names no connection", step.id))));
        };
        let input = match step.input.resolve(&progress.scope) {
            Ok(input) => input,
            Err(error) => {
                return Ok(self.fail(step, progress, CallError::new(ErrorClass::Fail, "bad_input", error.to_string())));
            }
        };
        let key = progress.run.effect_key(&step.path);
        // No attempt is older than the result before it, or than the run itself.
        let not_before = progress.journal.frontier_at.unwrap_or(progress.run.queued_at);
        let time_limit = (self.options.lease / 2).saturating_sub(LEASE_MARGIN);
        let call = Call { connection, input: &input, key: &key, not_before, time_limit };

        if let Some((until, budget)) = self.held_until(holds, &action.hold_keys(call)) {
            return Ok(self.wait_for_budget(step, &state, progress, until, budget));
        }
        if let Some(since) = state.doubtful_since {
            // What a killed process called is not written down, but it was not before this.
            let called_at = state.first_called_at.unwrap_or(not_before);
            let doubt = self.resolve_doubt(action.spec().effect, step.on_unknown, since, called_at);
            if let Some(next) = self.settle_doubt(claim, step, &state, action.as_ref(), call, doubt, progress).await? {
                return Ok(next);
            }
        }
        // What a read finds out may wait for the next write; before a call that changes something it may not.
        if action.spec().effect.writes() || self.lease_is_short(progress) {
            self.make_durable(claim, progress).await?;
        }
        let started_at = self.clock.now();
        match self.within_lease(action.call(call)).await {
            Ok(output) => Ok(self.done(step, &state, progress, started_at, input, output, Known::Answered)),
            Err(error) => Ok(self.failed_attempt(step, action.as_ref(), progress, started_at, input, error)),
        }
    }

    /// No call outlives its lease: half of one is left when a call begins, and the call ends before that is over. So nobody
    /// else is handed the run while it goes on.
    async fn within_lease<T>(&self, call: BoxFuture<'_, Result<T, CallError>>) -> Result<T, CallError> {
        let limit = (self.options.lease / 2).saturating_sub(LEASE_MARGIN);
        tokio::time::timeout(limit, call).await.unwrap_or_else(|_| {
            let message = format!("The call did not end within {}, so its outcome is not known", show_duration(limit));
            Err(CallError::new(ErrorClass::Unknown, "timeout", message))
        })
    }

    /// `if`: a step whose condition is false is left out.
    fn check_condition(&self, step: &Step, progress: &mut Progress<'_>) -> Option<Next> {
        let condition = step.condition.as_ref()?;
        match condition.holds(&progress.scope) {
            Ok(true) => None,
            Ok(false) => {
                let reason = format!("`if` is false: {}", step.condition_text.as_deref().unwrap_or_default());
                progress.scope.set_step(&step.id, &serde_json::json!({}));
                progress.note(Entry::Skipped { step: step.path.clone(), at: self.clock.now(), reason });
                Some(Next::Step)
            }
            Err(error) => {
                let message = format!("The `if` of step `{}` cannot be evaluated: {}", step.id, error.message);
                Some(self.fail(step, progress, CallError::new(ErrorClass::Fail, "bad_condition", message)))
            }
        }
    }

    fn resolve_doubt(&self, effect: Effect, on_unknown: OnUnknown, since: Timestamp, called_at: Timestamp) -> Doubt {
        let now = self.clock.now();
        match effect {
            Effect::Read | Effect::Idempotent => Doubt::Call,
            Effect::Keyed { window, .. } if now.since(called_at) < window => Doubt::Call,
            Effect::Detectable { settle } if now < since.plus(settle) => Doubt::Later(since.plus(settle)),
            Effect::Detectable { .. } => Doubt::Look,
            Effect::Keyed { .. } | Effect::Unprovable if on_unknown == OnUnknown::Retry => Doubt::Call,
            Effect::Keyed { .. } => Doubt::Unknowable("the provider no longer remembers the key of the first call"),
            Effect::Unprovable => Doubt::Unknowable("this action leaves no trace that could be looked for"),
        }
    }

    #[expect(clippy::too_many_arguments, reason = "the parts of one call, used once")]
    async fn settle_doubt(
        &self,
        claim: &Claim,
        step: &Step,
        state: &StepState,
        action: &dyn Action,
        call: Call<'_>,
        doubt: Doubt,
        progress: &mut Progress<'_>,
    ) -> StoreResult<Option<Next>> {
        match doubt {
            Doubt::Call => Ok(None),
            Doubt::Later(at) => {
                let reason = format!("Step `{}` may have been called; its trace will be looked for", step.id);
                Ok(Some(Next::Settle(Settlement::Again { at, reason }, None)))
            }
            Doubt::Unknowable(why) => Ok(Some(self.park(step, state, progress, why))),
            Doubt::Look => {
                // The note that this step is doubtful must outlive a crash in the middle of looking.
                self.make_durable(claim, progress).await?;
                let started_at = self.clock.now();
                match self.within_lease(action.look(call)).await {
                    Ok(Some(output)) => {
                        let input = call.input.clone();
                        Ok(Some(self.done(step, state, progress, started_at, input, output, Known::TraceFound)))
                    }
                    Ok(None) if state.failed_attempts >= step.retry.attempts => {
                        let message = "The call left no trace, so it did not happen";
                        let error = CallError::new(ErrorClass::Retry, "no_trace", message);
                        Ok(Some(self.give_up(step, progress, error, false)))
                    }
                    Ok(None) => Ok(None),
                    Err(error) if matches!(error.class, ErrorClass::Retry | ErrorClass::Unknown) => {
                        // Looking failed for now; the call itself stays in doubt.
                        let error = CallError {
                            class: ErrorClass::Unknown,
                            message: format!("Looking for the call's trace failed: {}", error.message),
                            ..error
                        };
                        Ok(Some(self.failed_attempt(step, action, progress, started_at, call.input.clone(), error)))
                    }
                    Err(_) if step.on_unknown == OnUnknown::Retry => Ok(None),
                    Err(error) => Ok(Some(self.park(
                        step,
                        state,
                        progress,
                        &format!("its trace cannot be looked for: {}", error.message),
                    ))),
                }
            }
        }
    }

    #[expect(clippy::too_many_arguments, reason = "the parts of one journal entry")]
    fn done(
        &self,
        step: &Step,
        state: &StepState,
        progress: &mut Progress<'_>,
        started_at: Timestamp,
        input: Value,
        output: Value,
        how: Known,
    ) -> Next {
        progress.scope.set_step(&step.id, &output);
        progress.done += 1;
        let attempt = state.failed_attempts + 1;
        progress.note(Entry::Done {
            step: step.path.clone(),
            attempt,
            started_at,
            at: self.clock.now(),
            input,
            output,
            how,
        });
        Next::Step
    }

    /// An attempt that did not bring a result: try again, give up, or admit that nobody knows.
    fn failed_attempt(
        &self,
        step: &Step,
        action: &dyn Action,
        progress: &mut Progress<'_>,
        started_at: Timestamp,
        input: Value,
        error: CallError,
    ) -> Next {
        let now = self.clock.now();
        let state = progress.journal.step(&step.path);
        let attempt = state.failed_attempts + 1;
        // A new doubt is looked into as soon as the call has landed, even after the last attempt: a look is no attempt.
        let first_look = match (error.class, action.spec().effect) {
            (ErrorClass::Unknown, Effect::Detectable { settle }) if state.doubtful_since.is_none() => Some(settle),
            _ => None,
        };
        let unknowable = error.class == ErrorClass::Unknown
            && action.spec().effect == Effect::Unprovable
            && step.on_unknown == OnUnknown::Park;
        let wait = match error.class {
            ErrorClass::Fail | ErrorClass::NeedsReauthorization => None,
            ErrorClass::Unknown if unknowable => None,
            ErrorClass::Retry | ErrorClass::Unknown => {
                let retry = || step.retry.next_wait(attempt, error.retry_after, self.random.as_ref());
                first_look.map(|settle| settle + spread(settle, self.random.as_ref())).or_else(retry)
            }
        };
        let waiting_since = state.waiting_since.unwrap_or(now);
        let lane_until = waiting_since.plus(self.options.lane_patience);
        let next_at = wait.map(|wait| now.plus(wait)).filter(|at| *at <= lane_until);
        let hold = error.hold.clone().zip(error.retry_after).map(|(key, wait)| Hold { key, until: now.plus(wait) });
        progress.note(Entry::Attempt {
            step: step.path.clone(),
            attempt,
            started_at,
            at: now,
            input,
            error: error.clone(),
            next_at,
        });
        if let Some(at) = next_at {
            let reason = format!("Step `{}`, attempt {attempt} of {}: {}", step.id, step.retry.attempts, error.message);
            return Next::Settle(Settlement::Again { at, reason }, hold);
        }
        match error.class {
            ErrorClass::Fail | ErrorClass::NeedsReauthorization => self.fail(step, progress, error),
            ErrorClass::Unknown
                if action.spec().effect.writes() && !matches!(action.spec().effect, Effect::Idempotent) =>
            {
                let state = progress.journal.step(&step.path);
                match self.park(step, &state, progress, &error.message) {
                    Next::Settle(settlement, _) => Next::Settle(settlement, hold),
                    Next::Step => Next::Step,
                }
            }
            ErrorClass::Retry | ErrorClass::Unknown => match self.give_up(step, progress, error, wait.is_some()) {
                Next::Settle(settlement, _) => Next::Settle(settlement, hold),
                Next::Step => Next::Step,
            },
        }
    }

    /// The attempts, or the lane's patience, are used up.
    fn give_up(&self, step: &Step, progress: &mut Progress<'_>, error: CallError, out_of_patience: bool) -> Next {
        if step.on_error == OnError::Continue {
            return self.fail(step, progress, error);
        }
        let why = if out_of_patience {
            format!("later events may not wait longer than {} for it", show_duration(self.options.lane_patience))
        } else {
            format!("its {} attempts are used up", step.retry.attempts)
        };
        let reason = format!("Step `{}` failed and {why}: {}", step.id, error.message);
        progress.note(Entry::Failed { step: step.path.clone(), at: self.clock.now(), error, continued: false });
        Next::Settle(Settlement::Over { state: RunState::Dead, reason }, None)
    }

    /// A step that failed for good.
    fn fail(&self, step: &Step, progress: &mut Progress<'_>, error: CallError) -> Next {
        let continued = step.on_error == OnError::Continue;
        let reason = format!("Step `{}` failed: {}", step.id, error.message);
        if continued {
            progress.scope.set_step(&step.id, &serde_json::json!({ "error": error.message }));
        }
        progress.note(Entry::Failed { step: step.path.clone(), at: self.clock.now(), error, continued });
        if continued { Next::Step } else { Next::Settle(failed(reason), None) }
    }

    /// Nobody knows whether the call happened: a person decides, and the lane waits only so long.
    fn park(&self, step: &Step, state: &StepState, progress: &mut Progress<'_>, why: &str) -> Next {
        let now = self.clock.now();
        let reason = format!(
            "Step `{}` ({}) may or may not have happened, and {why}. Look there, then `deskwire runs replay {}` to do it again",
            step.id, step.action, progress.run.id
        );
        progress.note(Entry::Unknown { step: step.path.clone(), at: now, reason: reason.clone() });
        let lane_until = state.waiting_since.unwrap_or(now).plus(self.options.lane_patience).max(now);
        Next::Settle(Settlement::Park { lane_until, reason }, None)
    }

    /// A shared budget is used up: come back when it is there again, without a call and without counting an attempt.
    fn wait_for_budget(
        &self,
        step: &Step,
        state: &StepState,
        progress: &mut Progress<'_>,
        until: Timestamp,
        budget: String,
    ) -> Next {
        let now = self.clock.now();
        let at = until.plus(spread(until.since(now), self.random.as_ref()));
        let patience_ends = state.waiting_since.unwrap_or(now).plus(self.options.lane_patience);
        if at > patience_ends && state.doubtful_since.is_none() {
            let message = format!("The rate budget {budget} is used up until {until}");
            return self.give_up(step, progress, CallError::new(ErrorClass::Retry, "held", message), true);
        }
        let reason = format!("Step `{}` waits: the rate budget {budget} is used up", step.id);
        progress.note(Entry::Held { step: step.path.clone(), at: now, until: at, budget });
        Next::Settle(Settlement::Again { at, reason }, None)
    }
}

fn bad_step(message: String) -> CallError {
    CallError::new(ErrorClass::Fail, "bad_step", message)
}
