//! A compiled workflow: what the engine runs and what accepting asks.

use deskwire_core::event::{Event, pattern_covers};
use deskwire_core::ids::{ConnectionName, SourceName, StepPath, WorkflowName, WorkflowVersion};
use deskwire_core::retry::RetryPolicy;
use deskwire_templates::{Condition, Scope};

use crate::compile;
use crate::diagnostic::{Diagnostic, Severity};
use crate::input::Input;
use crate::load::{Options, SourceFile};
use crate::report::Report;

/// A workflow, compiled.
#[derive(Debug, Clone)]
pub struct Workflow {
    /// Its id, which cannot change.
    pub name: WorkflowName,
    /// What it is for.
    pub description: Option<String>,
    /// Does it take events? Yes, unless the file says otherwise.
    pub active: bool,
    /// The version of its text.
    pub version: WorkflowVersion,
    /// Which events it wants.
    pub trigger: Trigger,
    /// Its steps, in order.
    pub steps: Vec<Step>,
    /// The file's text, from which this very version can be compiled again.
    pub text: String,
    /// The file's path, as the caller named it.
    pub file: String,
}

/// Which events start a workflow.
#[derive(Debug, Clone)]
pub struct Trigger {
    /// The source they come from.
    pub source: SourceName,
    /// Their types: names, or prefixes that end in `.*`. Never empty.
    pub events: Vec<String>,
    /// What must hold for the event.
    pub when: Option<Condition>,
    /// The text of `when`, without braces.
    pub when_text: Option<String>,
}

/// One step.
#[derive(Debug, Clone)]
pub struct Step {
    /// Where it stands; at the top level, its id.
    pub path: StepPath,
    /// Its id: later steps see its output as `steps.ID`.
    pub id: String,
    /// The action it calls.
    pub action: String,
    /// The connection it calls the action with.
    pub connection: Option<ConnectionName>,
    /// `if`: the step is left out unless this holds.
    pub condition: Option<Condition>,
    /// The text of `if`, without braces.
    pub condition_text: Option<String>,
    /// What it gives the action.
    pub input: Input,
    /// How often and when it is tried again.
    pub retry: RetryPolicy,
    /// What follows when it has failed for good.
    pub on_error: OnError,
    /// What follows when nobody knows whether it happened.
    pub on_unknown: OnUnknown,
    /// Its line in the file, from 1.
    pub line: usize,
}

/// What follows when a step has failed for good.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum OnError {
    /// The run fails.
    #[default]
    Fail,
    /// The run goes on; `steps.ID.error` holds the reason.
    Continue,
}

/// What follows when nobody knows whether a step happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum OnUnknown {
    /// The run waits for a person (`wait` in the file).
    #[default]
    Park,
    /// It is called again, which may make it happen twice.
    Retry,
}

/// Does a workflow want an event?
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Wants {
    /// It listens to another source or to other types.
    No,
    /// It listens to this type and turns this event down, for this reason.
    Declined(String),
    /// It does.
    Yes,
}

impl Workflow {
    /// Compiles one workflow's text by itself. Sources and connections are not looked up, since a version that a run is
    /// pinned to may name some that are gone. The error holds the mistakes, at least one of them an error.
    pub fn compile(file: &SourceFile, options: &Options<'_>) -> Result<Self, Vec<Diagnostic>> {
        let mut report = Report::new(file);
        match compile::workflow(&mut report, options, None).workflow {
            Some(workflow) => Ok(workflow),
            None => Err(report.finish().into_iter().filter(|found| found.severity == Severity::Error).collect()),
        }
    }

    /// Does it want this event? `scope` gives a scope that holds the event as `event`, and is asked only if there is a
    /// `when` to evaluate. A `when` that cannot be evaluated counts as yes: the run asks again and fails visibly.
    pub fn wants<'s>(&self, event: &Event, scope: impl FnOnce() -> &'s Scope) -> Wants {
        let trigger = &self.trigger;
        if trigger.source != event.source || !trigger.events.iter().any(|pattern| pattern_covers(pattern, &event.kind))
        {
            return Wants::No;
        }
        if !self.active {
            return Wants::Declined("the workflow is inactive".to_owned());
        }
        match trigger.when.as_ref().map(|when| when.holds(scope())) {
            Some(Ok(false)) => {
                Wants::Declined(format!("`when` is false: {}", trigger.when_text.as_deref().unwrap_or_default()))
            }
            None | Some(Ok(true) | Err(_)) => Wants::Yes,
        }
    }
}
