//! Waiting: durable timers, and events that end a wait early.
//!
//! A wait writes down when it ends and settles the delivery; the run leaves its lane and costs nothing until the store
//! hands it out again, at that time or when an event came that may be the one.

use deskwire_core::action::{CallError, ErrorClass};
use deskwire_core::event::Event;
use deskwire_core::ids::StepPath;
use deskwire_core::ports::EventWait;
use deskwire_core::run::Entry;
use deskwire_core::time::{BadTimestamp, Timestamp};
use deskwire_templates::{Scope, Template};
use deskwire_workflows::{Step, Wait, WaitForEvent};
use serde_json::{Value, json};

use crate::delivery::{CLOCK_SLACK, Delivery, End, Place};
use crate::flow::Flow;
use crate::journal::StepState;

impl Delivery<'_> {
    pub(crate) fn wait(
        &self,
        step: &Step,
        wait: &Wait,
        path: &StepPath,
        place: &Place,
        scope: &mut Scope,
        state: &StepState,
    ) -> Flow {
        let now = self.now();
        // No wait for a duration ends later than that from now: one that does began before the clock was set back.
        let longest = match wait {
            Wait::For(duration) => Some(*duration),
            Wait::Event(wanted) => Some(wanted.timeout),
            Wait::Until(_) | Wait::Clock(_) => None,
        };
        let too_late = |until: &Timestamp| longest.is_some_and(|longest| *until > now.plus(longest + CLOCK_SLACK));
        let known = state.waits_until.filter(|until| !too_late(until));
        let until = match known.map_or_else(|| self.end_of(wait, scope), Ok) {
            Ok(until) => until,
            Err(error) => return self.fail(step, path, place, scope, error),
        };
        let arrived = match wait {
            Wait::Event(wanted) if state.waits_until.is_some() => match self.find(wanted, until, scope) {
                Ok(arrived) => arrived,
                Err(error) => return self.fail(step, path, place, scope, error),
            },
            _ => None,
        };
        let is_event = matches!(wait, Wait::Event(_));
        let output = match arrived {
            Some(event) => json!({ "event": event, "timed_out": false }),
            None if now < until => match self.begin(wait, path, scope, until, state) {
                Ok(end) => return Flow::End(end),
                Err(error) => return self.fail(step, path, place, scope, error),
            },
            None if is_event => json!({ "event": null, "timed_out": true }),
            None => json!({ "waited_until": until }),
        };
        scope.set_step(&step.id, &output);
        self.note_done(path, "wait", output);
        Flow::On
    }

    /// Settles the delivery until the wait is over.
    fn begin(
        &self,
        wait: &Wait,
        path: &StepPath,
        scope: &Scope,
        until: Timestamp,
        state: &StepState,
    ) -> Result<End, CallError> {
        let event = match wait {
            Wait::Event(wanted) => Some(self.wanted(wanted, scope)?),
            _ => None,
        };
        let reason = match &event {
            Some(event) => format!("Step `{path}` waits for {} about {}", event.events.join(" or "), event.subject),
            None => format!("Step `{path}` waits"),
        };
        if state.waits_until != Some(until) {
            self.note(Entry::Waiting { step: path.clone(), at: self.now(), until, reason: reason.clone() });
        }
        Ok(End::Wait { until, event, reason })
    }

    fn end_of(&self, wait: &Wait, scope: &Scope) -> Result<Timestamp, CallError> {
        let now = self.now();
        match wait {
            Wait::For(duration) => Ok(now.plus(*duration)),
            Wait::Event(wanted) => Ok(now.plus(wanted.timeout)),
            Wait::Until(template) => {
                let text = text(template, scope)?;
                Timestamp::parse(text.trim()).map_err(|why| match why {
                    BadTimestamp::NoTime(_) => {
                        bad(format!("`until` is `{text}`, which is no RFC 3339 time such as 2026-11-23T09:00:00+01:00"))
                    }
                    BadTimestamp::TooFar(_) => bad(format!("`until` cannot be waited for: {why}")),
                })
            }
            Wait::Clock(clock) => clock
                .next_after(now)
                .ok_or_else(|| bad(format!("There is no time zone `{}` on this machine", clock.zone))),
        }
    }

    fn wanted(&self, wanted: &WaitForEvent, scope: &Scope) -> Result<EventWait, CallError> {
        let subject = match &wanted.subject {
            Some(template) => text(template, scope)?,
            None => self.run().event.subject.clone(),
        };
        Ok(EventWait {
            source: wanted.source.clone(),
            subject,
            events: wanted.events.clone(),
            // Whatever came after the result before this step counts: nothing falls between calling and waiting.
            since: self.frontier(),
            seen: self.run().arrived.len(),
        })
    }

    /// The first event that came in time and that `when` takes.
    fn find(&self, wanted: &WaitForEvent, until: Timestamp, scope: &Scope) -> Result<Option<Value>, CallError> {
        for event in self.run().arrived.iter().filter(|event| event.received_at <= until) {
            let value = readable(event)?;
            let Some(when) = &wanted.when else { return Ok(Some(value)) };
            let mut scope = scope.clone();
            scope.set("arrived", &value);
            match when.holds(&scope) {
                Ok(true) => return Ok(Some(value)),
                Ok(false) => {}
                Err(error) => return Err(bad(format!("`when` cannot be evaluated: {}", error.message))),
            }
        }
        Ok(None)
    }
}

fn readable(event: &Event) -> Result<Value, CallError> {
    event.to_json().map_err(|error| bad(format!("The stored event {} cannot be read: {error}", event.id)))
}

fn text(template: &Template, scope: &Scope) -> Result<String, CallError> {
    match template.render(scope) {
        Ok(Value::String(text)) => Ok(text),
        Ok(other) => Err(bad(format!("a text is needed, and the template makes {other}"))),
        Err(error) => Err(bad(error.message)),
    }
}

fn bad(message: String) -> CallError {
    CallError::new(ErrorClass::Fail, "bad_wait", message)
}
