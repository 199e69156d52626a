//! Calls that are not made yet: a shared budget is used up, or their connection has no token. Nothing was sent, so neither is
//! an attempt nor a doubt, whatever the action's effect is; only the lane's patience ends it.

use std::time::Duration;

use deskwire_core::action::{CallError, ErrorClass};
use deskwire_core::ports::StoreResult;
use deskwire_core::retry::spread;
use deskwire_core::run::Entry;
use deskwire_core::time::{Timestamp, show_duration};
use deskwire_templates::Scope;

use crate::delivery::{Delivery, End};
use crate::flow::{Flow, naming};
use crate::journal::StepState;
use crate::step::Calling;

/// How long a delivery waits for a token: longer than the exchange that brings one may take.
const TOKEN_PATIENCE: Duration = Duration::from_secs(20);

/// When to come back for a token that nobody says more about.
const TOKEN_AGAIN: Duration = Duration::from_secs(5);

impl Delivery<'_> {
    /// Gets what the call needs before it begins. Answers how the delivery ends where that is not to be had, or took so long
    /// that there is no time left for the call here.
    pub(crate) async fn prepare(
        &self,
        calling: &Calling<'_>,
        state: &StepState,
        scope: &mut Scope,
    ) -> StoreResult<Option<Flow>> {
        let patience = self.patience(TOKEN_PATIENCE);
        if self.lease_is_short(patience) {
            self.make_durable(patience).await?;
        }
        let started_at = self.now();
        let prepared =
            tokio::time::timeout(patience, calling.action.prepare(calling.call)).await.unwrap_or_else(|_| {
                let message = format!(
                    "Connection {} had no token within {}. Nothing was sent.",
                    calling.call.connection,
                    show_duration(patience)
                );
                Err(CallError::no_token(message, None))
            });
        Ok(match prepared {
            Ok(()) => self.hand_on(calling.call.time_limit).map(Flow::End),
            Err(error) if error.class == ErrorClass::NeedsReauthorization => {
                Some(self.block(calling, started_at, &error))
            }
            Err(error) if error.class == ErrorClass::Fail && state.doubtful_since.is_none() => {
                Some(self.fail(calling.step, calling.path, calling.place, scope, error))
            }
            // Whatever it is called, nothing was sent.
            Err(error) => Some(self.wait_for_token(calling, error, scope)),
        })
    }

    /// The connection has no token now: come back when there may be one.
    pub(crate) fn wait_for_token(&self, calling: &Calling<'_>, error: CallError, scope: &mut Scope) -> Flow {
        let (now, state) = (self.now(), self.state(calling.path));
        let wait = error.retry_after.unwrap_or(TOKEN_AGAIN);
        let at = now.plus(wait + spread(wait, self.engine.random.as_ref()));
        if at > self.patience_ends(&state, now) {
            return if state.doubtful_since.is_some() {
                let why = format!("nothing more can be found out without a token: {}", error.message);
                self.park(calling, &state, &why)
            } else {
                self.give_up(calling, error, true, scope)
            };
        }
        let reason = format!("{} waits for a token: {}", naming(calling.path), error.message);
        self.note(Entry::NoToken { step: calling.path.clone(), at: now, until: at, reason: error.message });
        Flow::End(End::Again { at, reason })
    }

    fn patience_ends(&self, state: &StepState, now: Timestamp) -> Timestamp {
        state.waiting_since.map_or(now, |since| since.min(now)).plus(self.engine.options.lane_patience)
    }

    /// A shared budget is used up: come back when it is there again, without a call and without counting an attempt.
    pub(crate) fn wait_for_budget(
        &self,
        calling: &Calling<'_>,
        state: &StepState,
        scope: &mut Scope,
        until: Timestamp,
        budget: String,
    ) -> Flow {
        let now = self.now();
        let at = until.plus(spread(until.since(now), self.engine.random.as_ref()));
        let patience_ends = self.patience_ends(state, now);
        if at > patience_ends && state.doubtful_since.is_none() {
            let message = format!("The rate budget {budget} is used up until {until}");
            return self.give_up(calling, CallError::new(ErrorClass::Retry, "held", message), true, scope);
        }
        let reason = format!("{} waits: the rate budget {budget} is used up", naming(calling.path));
        self.note(Entry::Held { step: calling.path.clone(), at: now, until: at, budget });
        if at > patience_ends {
            // It is in doubt, so it cannot be given up; its lane goes on.
            return Flow::End(End::Wait { until: at, event: None, reason: self.giving_way(&reason) });
        }
        Flow::End(End::Again { at, reason })
    }
}
