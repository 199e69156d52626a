//! One call of an action: resolve its input, call, and decide what an outcome means.
//!
//! The decisions, by what is known:
//!
//! | known | effect | what follows |
//! |---|---|---|
//! | never called, or nothing happened | any | call |
//! | may have been called | read, idempotent | call again |
//! | may have been called | keyed | call again with the same key while the provider remembers it, then look, else unknown |
//! | may have been called | detectable | after its settle time look; found: done; not there: call; cannot look: unknown |
//! | may have been called | unprovable | unknown |
//!
//! Before a call or a look, its connection's token is got: outside the call's time, and before the call is announced (`held`).
//!
//! `on_unknown: retry` turns every "unknown" of this table into "call again".

use std::time::Duration;

use deskwire_core::BoxFuture;
use deskwire_core::action::{Action, Call, CallError, Effect, ErrorClass, Hold};
use deskwire_core::ids::{ConnectionName, SourceName, StepPath};
use deskwire_core::ports::{EventWait, StoreResult};
use deskwire_core::retry::spread;
use deskwire_core::run::{Entry, Known, RunState, Written};
use deskwire_core::time::{Timestamp, show_duration};
use deskwire_core::token::{CONNECTED, subject_of};
use deskwire_templates::Scope;
use deskwire_workflows::{ActionStep, OnUnknown, Step};
use serde_json::Value;

use crate::delivery::{CLOCK_SLACK, Delivery, End, LEASE_MARGIN, Place};
use crate::execute::how_to_settle;
use crate::flow::{Flow, continues, naming};
use crate::journal::StepState;

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

/// A step whose action is being called, with what all decisions about it need.
pub(crate) struct Calling<'c> {
    pub step: &'c Step,
    pub settings: &'c ActionStep,
    pub path: &'c StepPath,
    pub place: &'c Place,
    pub action: &'c dyn Action,
    pub call: Call<'c>,
    pub effect: Effect,
}

impl Delivery<'_> {
    pub(crate) async fn action(
        &self,
        step: &Step,
        settings: &ActionStep,
        path: StepPath,
        place: &Place,
        scope: &mut Scope,
    ) -> StoreResult<Flow> {
        let bad_step = |message| CallError::new(ErrorClass::Fail, "bad_step", message);
        let Some(action) = self.engine.versions.actions().get(&settings.action).cloned() else {
            let error = bad_step(format!("There is no action `{}` in this Deskwire", settings.action));
            return Ok(self.fail(step, &path, place, scope, error));
        };
        let Some(connection) = &settings.connection else {
            let error = bad_step(format!("Step `{}` names no connection", step.id));
            return Ok(self.fail(step, &path, place, scope, error));
        };
        let input = match settings.input.resolve(scope) {
            Ok(input) => input,
            Err(error) => {
                let error = CallError::new(ErrorClass::Fail, "bad_input", error.to_string());
                return Ok(self.fail(step, &path, place, scope, error));
            }
        };
        if !place.beside_others {
            self.note_resumption(Some(&path));
        }
        let state = self.state(&path);
        let key = self.run().effect_key(&path);
        let usual_limit = (self.engine.options.lease / 2).saturating_sub(LEASE_MARGIN);
        let calling = Calling {
            step,
            settings,
            path: &path,
            place,
            action: action.as_ref(),
            call: Call {
                connection,
                input: &input,
                key: &key,
                // No attempt is older than its announcement, or else than the result before it.
                not_before: state.first_called_at.unwrap_or_else(|| self.frontier()),
                request_id: self.run().event.request_id.as_ref(),
                time_limit: self.limit(settings.timeout.unwrap_or(usual_limit)),
            },
            effect: action.effect(&input),
        };
        self.carry_out(&calling, &state, scope).await
    }

    async fn carry_out(&self, calling: &Calling<'_>, state: &StepState, scope: &mut Scope) -> StoreResult<Flow> {
        let (call, effect) = (calling.call, calling.effect);
        if let Some(end) = self.hand_on(call.time_limit) {
            return Ok(Flow::End(end));
        }
        if let Some((until, budget)) = self.held_until(&calling.action.hold_keys(call)) {
            return Ok(self.wait_for_budget(calling, state, scope, until, budget));
        }
        let doubt = state.doubtful_since.map(|mut since| {
            let now = self.now();
            if since > now.plus(CLOCK_SLACK) {
                // The clock was set back since. How long ago it was cannot be told, so all its time begins now.
                self.note(Entry::Resumed { at: now, step: Some(calling.path.clone()) });
                since = now;
            }
            let called_at = state.first_called_at.unwrap_or(call.not_before);
            self.resolve_doubt(effect, calling.settings.on_unknown, since, called_at)
        });
        // Before anything is announced, and outside the call's own time.
        if !matches!(doubt, Some(Doubt::Later(_) | Doubt::Unknowable(_)))
            && let Some(flow) = self.prepare(calling, state, scope).await?
        {
            return Ok(flow);
        }
        if let Some(doubt) = doubt
            && let Some(flow) = self.settle_doubt(calling, state, doubt, scope).await?
        {
            return Ok(flow);
        }
        if effect.writes() {
            let subject = calling.action.subject(call.input);
            if calling.place.beside_others || subject.is_some() {
                self.note(Entry::Calling { step: calling.path.clone(), at: self.now(), subject });
            }
        }
        // What a read finds out may wait for the next write; before a call that changes something it may not.
        if effect.writes() || self.lease_is_short(call.time_limit) {
            self.make_durable(call.time_limit).await?;
        }
        let started_at = self.now();
        match within(call.time_limit, calling.action.call(call)).await {
            Ok(output) => Ok(self.done(calling, started_at, output, Known::Answered, scope)),
            Err(error) => Ok(self.failed_attempt(calling, started_at, error, scope)),
        }
    }

    fn resolve_doubt(&self, effect: Effect, on_unknown: OnUnknown, since: Timestamp, called_at: Timestamp) -> Doubt {
        let now = self.now();
        match effect {
            Effect::Read | Effect::Idempotent => Doubt::Call,
            Effect::Keyed { window, .. } if now.since(called_at) < window => Doubt::Call,
            Effect::Detectable { settle } if now < since.plus(settle) => Doubt::Later(since.plus(settle)),
            Effect::Detectable { .. } | Effect::Keyed { look: true, .. } => Doubt::Look,
            Effect::Keyed { .. } | Effect::Unprovable if on_unknown == OnUnknown::Retry => Doubt::Call,
            Effect::Keyed { .. } => Doubt::Unknowable("the provider no longer remembers the key of the first call"),
            Effect::Unprovable => Doubt::Unknowable("this action leaves no trace that could be looked for"),
        }
    }

    async fn settle_doubt(
        &self,
        calling: &Calling<'_>,
        state: &StepState,
        doubt: Doubt,
        scope: &mut Scope,
    ) -> StoreResult<Option<Flow>> {
        let retry = calling.settings.on_unknown == OnUnknown::Retry;
        match doubt {
            Doubt::Call => Ok(None),
            Doubt::Later(at) => {
                let whose = naming(calling.path);
                let reason = format!("{whose} may have been called; its trace will be looked for");
                Ok(Some(Flow::End(End::Again { at, reason })))
            }
            Doubt::Unknowable(why) => Ok(Some(self.park(calling, state, why))),
            Doubt::Look => {
                // The note that this step is doubtful must outlive a crash in the middle of looking.
                self.make_durable(calling.call.time_limit).await?;
                let started_at = self.now();
                match within(calling.call.time_limit, calling.action.look(calling.call)).await {
                    Ok(Some(output)) => Ok(Some(self.done(calling, started_at, output, Known::TraceFound, scope))),
                    Ok(None) if state.failed_attempts >= calling.settings.retry.attempts => {
                        let message = "The call left no trace, so it did not happen";
                        let error = CallError::new(ErrorClass::Retry, "no_trace", message);
                        Ok(Some(self.give_up(calling, error, false, scope)))
                    }
                    Ok(None) => Ok(None),
                    Err(error) if error.is_no_token() => Ok(Some(self.wait_for_token(calling, error, scope))),
                    Err(error) if matches!(error.class, ErrorClass::Retry | ErrorClass::Unknown) => {
                        // Looking failed for now; the call itself stays in doubt.
                        let error = CallError {
                            class: ErrorClass::Unknown,
                            message: format!("Looking for the call's trace failed: {}", error.message),
                            ..error
                        };
                        Ok(Some(self.failed_attempt(calling, started_at, error, scope)))
                    }
                    Err(error) if error.class == ErrorClass::NeedsReauthorization => {
                        Ok(Some(self.block(calling, started_at, &error)))
                    }
                    Err(_) if retry => Ok(None),
                    Err(error) => {
                        let why = format!("its trace cannot be looked for: {}", error.message);
                        Ok(Some(self.park(calling, state, &why)))
                    }
                }
            }
        }
    }

    fn done(&self, calling: &Calling<'_>, started_at: Timestamp, output: Value, how: Known, scope: &mut Scope) -> Flow {
        scope.set_step(&calling.step.id, &output);
        let hops = self.hops_of_writes();
        let wrote = calling.action.own_writes(calling.call.input, &output);
        self.note(Entry::Done {
            step: calling.path.clone(),
            action: calling.settings.action.clone(),
            attempt: self.state(calling.path).failed_attempts + 1,
            started_at,
            at: self.now(),
            input: calling.call.input.clone(),
            output,
            how,
            wrote: wrote.into_iter().map(|write| Written { write, hops }).collect(),
        });
        Flow::On
    }

    /// An attempt that did not bring a result: try again, give up, or admit that nobody knows.
    fn failed_attempt(
        &self,
        calling: &Calling<'_>,
        started_at: Timestamp,
        error: CallError,
        scope: &mut Scope,
    ) -> Flow {
        if error.class == ErrorClass::NeedsReauthorization {
            return self.block(calling, started_at, &error);
        }
        if error.is_no_token() {
            return self.wait_for_token(calling, error, scope);
        }
        let now = self.now();
        let (state, retry, random) = (self.state(calling.path), calling.settings.retry, self.engine.random.as_ref());
        let attempt = state.failed_attempts + 1;
        // A new doubt is looked into as soon as the call has landed, even after the last attempt: a look is no attempt.
        let first_look = match (error.class, calling.effect) {
            (ErrorClass::Unknown, Effect::Detectable { settle }) if state.doubtful_since.is_none() => Some(settle),
            _ => None,
        };
        let unknowable = error.class == ErrorClass::Unknown
            && calling.effect == Effect::Unprovable
            && calling.settings.on_unknown == OnUnknown::Park;
        let wait = match error.class {
            ErrorClass::Fail | ErrorClass::NeedsReauthorization => None,
            ErrorClass::Unknown if unknowable => None,
            ErrorClass::Retry | ErrorClass::Unknown => {
                let retry = || retry.next_wait(attempt, error.retry_after, random);
                first_look.map(|settle| settle + spread(settle, random)).or_else(retry)
            }
        };
        let lane_until =
            state.waiting_since.map_or(now, |since| since.min(now)).plus(self.engine.options.lane_patience);
        let next_at = wait.map(|wait| now.plus(wait)).filter(|at| *at <= lane_until);
        if let (Some(key), Some(wait)) = (error.hold.clone(), error.retry_after) {
            self.hold(Hold { key, until: now.plus(wait) });
        }
        self.note(Entry::Attempt {
            step: calling.path.clone(),
            attempt,
            started_at,
            at: now,
            input: calling.call.input.clone(),
            error: error.clone(),
            next_at,
        });
        if let Some(at) = next_at {
            let (whose, of) = (naming(calling.path), retry.attempts);
            return Flow::End(End::Again {
                at,
                reason: format!("{whose}, attempt {attempt} of {of}: {}", error.message),
            });
        }
        match error.class {
            ErrorClass::Fail | ErrorClass::NeedsReauthorization => {
                self.fail(calling.step, calling.path, calling.place, scope, error)
            }
            ErrorClass::Unknown if calling.effect.writes() && calling.effect != Effect::Idempotent => {
                self.park(calling, &self.state(calling.path), &error.message)
            }
            ErrorClass::Retry | ErrorClass::Unknown => self.give_up(calling, error, wait.is_some(), scope),
        }
    }

    /// The attempts, or the lane's patience, are used up.
    pub(crate) fn give_up(
        &self,
        calling: &Calling<'_>,
        error: CallError,
        out_of_patience: bool,
        scope: &mut Scope,
    ) -> Flow {
        if continues(calling.step) || calling.place.caught {
            return self.fail(calling.step, calling.path, calling.place, scope, error);
        }
        let why = if out_of_patience {
            let patience = show_duration(self.engine.options.lane_patience);
            format!("later events may not wait longer than {patience} for it")
        } else {
            format!("its {} attempts are used up", calling.settings.retry.attempts)
        };
        let reason = format!("{} failed and {why}: {}", self.locating(calling.step, calling.path), error.message);
        self.note(Entry::Failed { step: calling.path.clone(), at: self.now(), error, continued: false });
        Flow::End(End::Over { state: RunState::Dead, reason })
    }

    /// The connection needs a person: the run waits for that, whatever the step says about errors. It stays at the head of
    /// its lane for the lane's patience; then later events go on, and it waits beside them.
    pub(crate) fn block(&self, calling: &Calling<'_>, started_at: Timestamp, error: &CallError) -> Flow {
        let (now, connection, state) = (self.now(), calling.call.connection, self.state(calling.path));
        let reason = format!("{} waits for connection {connection}: {}", naming(calling.path), error.message);
        // Once is enough, unless a call was announced meanwhile that did not happen.
        if !state.blocked || state.announced {
            self.note(Entry::Blocked {
                step: calling.path.clone(),
                at: now,
                connection: connection.clone(),
                reason: error.message.clone(),
            });
        }
        let event = connected_event(connection, started_at);
        let (look_again, lane_until) = (now.plus(LOOK_AGAIN), self.blocked_until());
        if now < lane_until {
            return Flow::End(End::Block { until: look_again.min(lane_until), event, reason });
        }
        Flow::End(End::Wait { until: look_again, event: Some(event), reason: self.giving_way(&reason) })
    }

    /// The reason of a run that still waits, and no longer keeps later events waiting.
    pub(crate) fn giving_way(&self, reason: &str) -> String {
        let patience = show_duration(self.engine.options.lane_patience);
        format!("{reason}. Later events of {} go on without it after {patience}", self.run().event.subject)
    }

    /// Nobody knows whether the call happened: a person decides, and the lane waits only so long.
    pub(crate) fn park(&self, calling: &Calling<'_>, state: &StepState, why: &str) -> Flow {
        let now = self.now();
        let reason = format!(
            "{} ({}) may or may not have happened, and {why}. {}",
            naming(calling.path),
            calling.settings.action,
            how_to_settle(self.run())
        );
        if !state.unknown {
            self.note(Entry::Unknown { step: calling.path.clone(), at: now, reason: reason.clone() });
        }
        let since = state.waiting_since.map_or(now, |since| since.min(now));
        let lane_until = since.plus(self.engine.options.lane_patience).max(now);
        Flow::End(End::Park { lane_until, reason })
    }
}

/// A connection may be mended without our hearing of it: its secret is changed, say, where it is kept.
const LOOK_AGAIN: Duration = Duration::from_hours(1);

/// The event that says that a connection is there again.
fn connected_event(connection: &ConnectionName, since: Timestamp) -> EventWait {
    EventWait {
        source: SourceName::deskwire(),
        subject: subject_of(connection),
        events: vec![CONNECTED.to_owned()],
        since,
        seen: 0,
    }
}

/// No call takes longer than its limit, and no lease ends before that.
async fn within<T>(limit: Duration, call: BoxFuture<'_, Result<T, CallError>>) -> Result<T, CallError> {
    tokio::time::timeout(limit, call).await.unwrap_or_else(|_| {
        let message = format!("The call did not end within {}, so its outcome is not known", show_duration(limit));
        Err(CallError::new(ErrorClass::Unknown, "timeout", message))
    })
}
