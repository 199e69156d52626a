//! A compiled workflow: what the engine runs and what accepting asks.

use std::sync::Arc;
use std::time::Duration;

use deskwire_core::event::{Event, pattern_covers};
use deskwire_core::ids::{ConnectionName, SourceName, StepPath, WorkflowName, WorkflowVersion};
use deskwire_core::personal::{event_schemas, redact_part};
use deskwire_core::ports::LanePolicy;
use deskwire_core::retry::RetryPolicy;
use deskwire_core::route::{Events, Route};
use deskwire_templates::{Scope, Template};
use serde_json::Value;

use crate::compile;
use crate::condition::Test;
use crate::diagnostic::{Diagnostic, Severity};
use crate::input::Input;
use crate::load::{Options, SourceFile};
use crate::report::Report;
use crate::schedule::Schedule;

/// A workflow, compiled.
#[derive(Debug, Clone)]
pub struct Workflow {
    /// Its id, which cannot change.
    pub name: WorkflowName,
    /// What it is for.
    pub description: Option<String>,
    /// Does its file say that it takes events? `None` where it says nothing: a new workflow then starts inactive.
    pub active: Option<bool>,
    /// The version of its text.
    pub version: WorkflowVersion,
    /// What starts it.
    pub trigger: Trigger,
    /// How it takes several events about one subject.
    pub lane: LanePolicy,
    /// `skip_stale`: events whose object was changed before that of one that was handled already are skipped.
    pub skip_stale: bool,
    /// How many runs of ours may stand between an event from outside and one that this workflow takes. With 0, the usual,
    /// it skips what our own writes cause.
    pub max_hops: u32,
    /// Its steps, in order.
    pub steps: Vec<Step>,
    /// The file's text, from which this very version can be compiled again.
    pub text: String,
    /// The file's path, as the caller named it.
    pub file: String,
}

/// A workflow that is in force.
#[derive(Debug, Clone)]
pub struct InForce {
    /// The workflow.
    pub workflow: Arc<Workflow>,
    /// Does it take events?
    pub active: bool,
}

/// What starts a workflow.
#[derive(Debug, Clone)]
#[expect(clippy::large_enum_variant, reason = "there are few of them, and each is made once")]
pub enum Trigger {
    /// Events of a source.
    Event(EventTrigger),
    /// A schedule.
    Schedule(Schedule),
    /// A person, with these inputs.
    Manual(Vec<ManualInput>),
}

/// Which events start a workflow.
#[derive(Debug, Clone)]
pub struct EventTrigger {
    /// The source they come from.
    pub source: SourceName,
    /// Their types: names, or prefixes that end in `.*`. Never empty.
    pub events: Vec<String>,
    /// What must hold for the event.
    pub when: Option<Test>,
}

/// An input of a workflow that a person starts; `inputs.NAME` in templates.
#[derive(Debug, Clone, PartialEq)]
pub struct ManualInput {
    /// Its name.
    pub name: String,
    /// What it is for.
    pub description: Option<String>,
    /// What it takes.
    pub kind: InputKind,
    /// Must it be given? Not if it has a default.
    pub required: bool,
    /// What it is where it is not given; null unless the file says otherwise.
    pub default: Value,
    /// The values it can have, if only some are allowed.
    pub choices: Vec<Value>,
}

/// The type of an input.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum InputKind {
    /// Text.
    Text,
    /// A whole number.
    Integer,
    /// A number.
    Number,
    /// True or false.
    Boolean,
}

/// One step.
#[derive(Debug, Clone)]
pub struct Step {
    /// Where it stands: its id after those of the steps around it, joined by `/`. Within a loop, the engine adds the
    /// number of the turn to the loop's id (see [`Step::path_in`]).
    pub path: StepPath,
    /// Its id: later steps see its output as `steps.ID`. No two steps of a workflow share one.
    pub id: String,
    /// `if`: the step is left out unless this holds.
    pub condition: Option<Test>,
    /// What it does.
    pub kind: StepKind,
    /// Its line in the file, from 1.
    pub line: usize,
}

/// What a step does.
#[derive(Debug, Clone)]
pub enum StepKind {
    /// Calls an action.
    Action(Box<ActionStep>),
    /// Takes the first case that holds.
    Choose(Choose),
    /// Goes over a list.
    ForEach(Box<ForEach>),
    /// Waits.
    Wait(Box<Wait>),
    /// Ends the run as succeeded (or skipped, if nothing was done), with this reason.
    Stop(Template),
    /// Ends the run as failed, with this reason.
    Fail(Template),
}

/// A step that calls an action.
#[derive(Debug, Clone)]
pub struct ActionStep {
    /// The action.
    pub action: String,
    /// The connection it is called with.
    pub connection: Option<ConnectionName>,
    /// What it is given.
    pub input: Input,
    /// How often and when it is tried again.
    pub retry: RetryPolicy,
    /// How long one attempt may take; the engine's own limit unless the file says otherwise.
    pub timeout: Option<Duration>,
    /// What follows when it has failed for good.
    pub on_error: OnError,
    /// What follows when nobody knows whether it happened.
    pub on_unknown: OnUnknown,
}

/// Cases, of which the first that holds is taken. `steps.ID.case` is its number, from 1; 0 where none held.
#[derive(Debug, Clone)]
pub struct Choose {
    /// The cases. Never empty.
    pub cases: Vec<Case>,
    /// What is done where none holds.
    pub otherwise: Vec<Step>,
}

/// A case of a `choose`.
#[derive(Debug, Clone)]
pub struct Case {
    /// What must hold.
    pub when: Test,
    /// What is done then.
    pub steps: Vec<Step>,
}

/// A loop. `steps.ID` is `{ results, count, failed }`; `results` holds one entry per item, in the items' order.
#[derive(Debug, Clone)]
pub struct ForEach {
    /// What gives the list.
    pub items: Template,
    /// What the item is called in the loop's templates. `loop.index` (from 1), `loop.index0`, `loop.first`, `loop.last`
    /// and `loop.length` are known there too.
    pub item: String,
    /// How many items are under way at once, from 1. A loop that waits has 1.
    pub parallel: usize,
    /// What is done with each.
    pub steps: Vec<Step>,
    /// What an item's entry in `results` is: this input, resolved after its steps; the output of its last step unless the
    /// file says otherwise.
    pub result: Option<Input>,
    /// What follows when an item has failed for good. With `Continue` its entry in `results` is `{ error }`.
    pub on_error: OnError,
}

/// A wait.
#[derive(Debug, Clone)]
#[expect(clippy::large_enum_variant, reason = "there are few of them, and each is made once")]
pub enum Wait {
    /// For so long. `steps.ID` is `{ waited_until }`.
    For(Duration),
    /// Until a point in time, which a template gives as RFC 3339 text. One that is past does not wait.
    Until(Template),
    /// Until a clock shows this time the next time.
    Clock(NextTime),
    /// For an event, at most so long. `steps.ID` is `{ event, timed_out }`; `event` has the shape of the trigger's.
    Event(WaitForEvent),
}

/// The next time that a clock somewhere shows this.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NextTime {
    /// The hour, 0 to 23.
    pub hour: i8,
    /// The minute, 0 to 59.
    pub minute: i8,
    /// An IANA time zone: `Europe/Berlin`.
    pub zone: String,
}

/// Which event a wait is for.
#[derive(Debug, Clone)]
pub struct WaitForEvent {
    /// The source it comes from; the trigger's, unless the file says otherwise.
    pub source: SourceName,
    /// Its subject; the run's own event's, unless the file says otherwise.
    pub subject: Option<Template>,
    /// Its types, as a trigger names them. Never empty.
    pub events: Vec<String>,
    /// What must hold for it, with the event as `arrived` beside all other names.
    pub when: Option<Test>,
    /// How long to wait at most.
    pub timeout: Duration,
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

/// Several steps call one action many times over: the step itself and all those within it.
impl Step {
    /// The steps directly within it, in the order of the file.
    pub fn inner(&self) -> Vec<&Self> {
        match &self.kind {
            StepKind::Choose(choose) => {
                choose.cases.iter().flat_map(|case| &case.steps).chain(&choose.otherwise).collect()
            }
            StepKind::ForEach(each) => each.steps.iter().collect(),
            StepKind::Action(_) | StepKind::Wait(_) | StepKind::Stop(_) | StepKind::Fail(_) => Vec::new(),
        }
    }

    /// The word of the file for what it does: the action's name, `choose`, `for_each`, `wait`, `stop` or `fail`.
    pub fn word(&self) -> &str {
        match &self.kind {
            StepKind::Action(step) => &step.action,
            StepKind::Choose(_) => "choose",
            StepKind::ForEach(_) => "for_each",
            StepKind::Wait(_) => "wait",
            StepKind::Stop(_) => "stop",
            StepKind::Fail(_) => "fail",
        }
    }

    /// Its path in one turn of the loops around it. `prefix` is the path of the turn, `each[3]`, or empty.
    pub fn path_in(&self, prefix: &str) -> StepPath {
        if prefix.is_empty() { self.path.clone() } else { StepPath::new(format!("{prefix}/{}", self.id)) }
    }
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
    /// `when` to evaluate. A `when` that cannot be evaluated counts as yes: the run asks again and fails visibly. Whether
    /// the workflow is active is not its file's business alone, so the caller knows.
    pub fn wants<'s>(&self, event: &Event, active: bool, scope: impl FnOnce() -> &'s Scope) -> Wants {
        let Trigger::Event(trigger) = &self.trigger else { return Wants::No };
        if trigger.source != event.source || !trigger.events.iter().any(|pattern| pattern_covers(pattern, &event.kind))
        {
            return Wants::No;
        }
        if !active {
            let how = format!("the workflow is inactive; `deskwire workflows activate {}` switches it on", self.name);
            return Wants::Declined(how);
        }
        let Some(when) = &trigger.when else { return Wants::Yes };
        let scope = scope();
        match when.holds(scope) {
            Ok(false) => Wants::Declined(format!("`when` is false: {}", why_not(when, scope, event))),
            Ok(true) | Err(_) => Wants::Yes,
        }
    }

    /// Every step, those within others too, in the order of the file.
    pub fn all_steps(&self) -> Vec<&Step> {
        fn collect<'w>(steps: impl IntoIterator<Item = &'w Step>, found: &mut Vec<&'w Step>) {
            for step in steps {
                found.push(step);
                collect(step.inner(), found);
            }
        }
        let mut found = Vec::new();
        collect(&self.steps, &mut found);
        found
    }

    /// What accepting needs to know of it.
    pub fn route(&self, active: bool) -> Route {
        let (takes, conditional) = match &self.trigger {
            Trigger::Event(trigger) => {
                let events = Events { source: trigger.source.clone(), types: trigger.events.clone() };
                (Some(events), trigger.when.is_some())
            }
            Trigger::Schedule(_) | Trigger::Manual(_) => (None, false),
        };
        let waited_for = |step: &Step| match &step.kind {
            StepKind::Wait(wait) => match wait.as_ref() {
                Wait::Event(event) => Some(Events { source: event.source.clone(), types: event.events.clone() }),
                Wait::For(_) | Wait::Until(_) | Wait::Clock(_) => None,
            },
            _ => None,
        };
        Route {
            workflow: self.name.clone(),
            version: self.version.clone(),
            active,
            takes,
            conditional,
            lane: self.lane,
            by_change: self.skip_stale || self.lane != LanePolicy::Every,
            awaits: self.all_steps().into_iter().filter_map(waited_for).collect(),
        }
    }
}

/// Why a trigger's condition does not hold for an event, without what is personal in it.
pub fn why_not(when: &Test, scope: &Scope, event: &Event) -> String {
    let schemas = event_schemas(&event.kind);
    when.why_not(scope, &|path, value| match path {
        [root, data, rest @ ..] if root == "event" && data == "data" => redact_part(value, rest, &schemas),
        _ => value.clone(),
    })
}
