//! Runs and their journal: one workflow version on one event, and what is known of each of its steps.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::action::{CallError, EffectKey, OwnWrite};
use crate::event::Event;
use crate::ids::{ConnectionName, Lane, RunId, StepPath, WorkflowName, WorkflowVersion};
use crate::time::Timestamp;

/// Where a run stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum RunState {
    /// Waiting for its turn.
    Queued,
    /// A runner has it.
    Running,
    /// A step failed in a way that passes; it will be tried again.
    Retrying,
    /// A `wait` step: for a time, or for an event. The run has left its lane.
    Waiting,
    /// A step's answer was lost and nothing can tell whether it happened: a person decides.
    Unknown,
    /// Every step is done or was skipped on purpose.
    Succeeded,
    /// A step failed in a way that does not pass.
    Failed,
    /// It ended on purpose before it did anything, with the reason.
    Skipped,
    /// A dead letter: its attempts are used up.
    Dead,
}

impl RunState {
    /// Every state, in the order in which a person cares.
    pub const ALL: [Self; 9] = [
        Self::Unknown,
        Self::Dead,
        Self::Failed,
        Self::Retrying,
        Self::Waiting,
        Self::Running,
        Self::Queued,
        Self::Skipped,
        Self::Succeeded,
    ];

    /// The word that is stored and shown.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::Running => "running",
            Self::Retrying => "retrying",
            Self::Waiting => "waiting",
            Self::Unknown => "unknown",
            Self::Succeeded => "succeeded",
            Self::Failed => "failed",
            Self::Skipped => "skipped",
            Self::Dead => "dead",
        }
    }

    /// Reads the word back.
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.as_str() == word)
    }

    /// Will nothing more happen to the run by itself?
    pub const fn is_over(self) -> bool {
        matches!(self, Self::Succeeded | Self::Failed | Self::Skipped | Self::Dead)
    }
}

/// What is journaled about a step. Entries are only ever added; the step's state is what its last entry says.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "entry", rename_all = "snake_case")]
pub enum Entry {
    /// The step has its result and is never called again.
    Done {
        /// Which step.
        step: StepPath,
        /// The action that was called; `wait` or `for_each` for a step of that kind.
        #[serde(default)]
        action: String,
        /// The attempt that settled it, counted from 1.
        attempt: u32,
        /// When that attempt began.
        started_at: Timestamp,
        /// When it ended.
        at: Timestamp,
        /// The input it was called with.
        input: Value,
        /// What it answered; `steps.ID` in templates.
        output: Value,
        /// How we know.
        how: Known,
        /// What it changed at a provider that reports changes as events.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        wrote: Vec<Written>,
    },
    /// The step was left out on purpose.
    Skipped {
        /// Which step.
        step: StepPath,
        /// When.
        at: Timestamp,
        /// One sentence: why.
        reason: String,
    },
    /// An attempt failed, and nothing happened outside, or may have (`error.class`).
    Attempt {
        /// Which step.
        step: StepPath,
        /// Which attempt, counted from 1.
        attempt: u32,
        /// When it began.
        started_at: Timestamp,
        /// When it ended.
        at: Timestamp,
        /// The input it was called with; `null` where the input itself could not be made.
        input: Value,
        /// What went wrong.
        error: CallError,
        /// When it will be tried again, if it will be.
        next_at: Option<Timestamp>,
    },
    /// The step failed for good. With `on_error: continue` the run goes on and `steps.ID.error` holds the sentence.
    Failed {
        /// Which step.
        step: StepPath,
        /// When.
        at: Timestamp,
        /// What went wrong.
        error: CallError,
        /// Did the workflow say to go on?
        continued: bool,
    },
    /// The answer was lost and nothing can tell whether the call happened.
    Unknown {
        /// Which step.
        step: StepPath,
        /// When this was found out.
        at: Timestamp,
        /// One sentence for the person who decides.
        reason: String,
    },
    /// A call was held back because a shared rate budget is used up. Not an attempt.
    Held {
        /// Which step.
        step: StepPath,
        /// When.
        at: Timestamp,
        /// When it will be tried.
        until: Timestamp,
        /// Whose budget.
        budget: String,
    },
    /// A call was not made, because its connection has no token now. Not an attempt.
    NoToken {
        /// Which step.
        step: StepPath,
        /// When.
        at: Timestamp,
        /// When it will be tried.
        until: Timestamp,
        /// One sentence: why there is none.
        reason: String,
    },
    /// The process that had the run stopped in its middle, and another one goes on.
    Resumed {
        /// When.
        at: Timestamp,
        /// The step that may have been under way, if there was one.
        step: Option<StepPath>,
    },
    /// A call is about to be made: where several may be under way at once (a loop with parallel items), or where its echo
    /// as an event may be back before its answer.
    Calling {
        /// Which step.
        step: StepPath,
        /// When.
        at: Timestamp,
        /// What it is about to change, as events name it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        subject: Option<String>,
    },
    /// A `choose` step took a case.
    Chose {
        /// Which step.
        step: StepPath,
        /// When.
        at: Timestamp,
        /// The case, counted from 1; `None` where none held (`otherwise`, if there is one).
        case: Option<u32>,
        /// One sentence: why.
        reason: String,
    },
    /// A `for_each` step knows its items. They are kept, so that a resumed loop goes over the same ones.
    Looping {
        /// Which step.
        step: StepPath,
        /// When.
        at: Timestamp,
        /// The items.
        items: Vec<Value>,
    },
    /// A `wait` step began to wait, and the run left its lane.
    Waiting {
        /// Which step.
        step: StepPath,
        /// When it began.
        at: Timestamp,
        /// When the wait ends, or its time-out.
        until: Timestamp,
        /// One sentence: for what.
        reason: String,
    },
    /// The step's connection needs a person. The run waits until it is connected again. Not an attempt: nothing happened.
    Blocked {
        /// Which step.
        step: StepPath,
        /// When.
        at: Timestamp,
        /// Which connection.
        connection: ConnectionName,
        /// One sentence: why, and what to do.
        reason: String,
    },
    /// A person settled an unknown step (`deskwire runs settle`).
    Decided {
        /// Which step.
        step: StepPath,
        /// When.
        at: Timestamp,
        /// Did it happen? If so the step is done with `output`; if not, it is called (again).
        happened: bool,
        /// What `steps.ID` is, where it happened.
        output: Value,
    },
    /// The event is a change that a run of ours made, and the workflow takes such events.
    Caused {
        /// When this was found out.
        at: Timestamp,
        /// The run that made the change, if it is known.
        by: Option<RunId>,
        /// How many runs of ours stand between this event and one from outside.
        hops: u32,
    },
}

/// Something that a step changed at a provider that reports changes as events.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Written {
    /// The change.
    #[serde(flatten)]
    pub write: OwnWrite,
    /// How many runs of ours stand between the event that reports it and one from outside: at least 1.
    pub hops: u32,
}

/// A change that some run made lately, or is about to make, as a run about the same subject sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// The run that makes it.
    pub by: RunId,
    /// When the call was announced, by our clock.
    pub announced_at: Timestamp,
    /// What it was; `None` while its answer is not known.
    pub written: Option<Written>,
}

/// How a step's result is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Known {
    /// The provider answered.
    #[default]
    Answered,
    /// The answer was lost, and the trace of the call was found.
    TraceFound,
}

impl Entry {
    /// Does it say how a step ended? Such an entry is progress: the step is not called again.
    pub const fn is_result(&self) -> bool {
        matches!(self, Self::Done { .. } | Self::Skipped { .. } | Self::Failed { .. })
    }

    /// The step it is about.
    pub fn step(&self) -> Option<&StepPath> {
        match self {
            Self::Done { step, .. }
            | Self::Skipped { step, .. }
            | Self::Attempt { step, .. }
            | Self::Failed { step, .. }
            | Self::Unknown { step, .. }
            | Self::Held { step, .. }
            | Self::NoToken { step, .. }
            | Self::Calling { step, .. }
            | Self::Chose { step, .. }
            | Self::Looping { step, .. }
            | Self::Waiting { step, .. }
            | Self::Blocked { step, .. }
            | Self::Decided { step, .. } => Some(step),
            Self::Resumed { step, .. } => step.as_ref(),
            Self::Caused { .. } => None,
        }
    }

    /// When it was written.
    pub fn at(&self) -> Timestamp {
        match self {
            Self::Done { at, .. }
            | Self::Skipped { at, .. }
            | Self::Attempt { at, .. }
            | Self::Failed { at, .. }
            | Self::Unknown { at, .. }
            | Self::Held { at, .. }
            | Self::NoToken { at, .. }
            | Self::Resumed { at, .. }
            | Self::Calling { at, .. }
            | Self::Chose { at, .. }
            | Self::Looping { at, .. }
            | Self::Waiting { at, .. }
            | Self::Blocked { at, .. }
            | Self::Decided { at, .. }
            | Self::Caused { at, .. } => *at,
        }
    }
}

/// A run as the runner gets it.
#[derive(Debug, Clone)]
pub struct Run {
    /// Its id.
    pub id: RunId,
    /// Which workflow.
    pub workflow: WorkflowName,
    /// Which version, pinned when the event was accepted.
    pub version: WorkflowVersion,
    /// The lane it stands in.
    pub lane: Lane,
    /// The event it is about.
    pub event: Event,
    /// 0 for the run that the event started; counts up with every replay of it.
    pub replay: u32,
    /// When it was queued.
    pub queued_at: Timestamp,
    /// How often it was handed to a runner, this time included.
    pub deliveries: u32,
    /// Was it last handed to a runner that never said how it ended? Then the step at the journal's end may have been
    /// called.
    pub interrupted: bool,
    /// How many deliveries in a row broke off before this one without a new result of a step.
    pub broken_off: u32,
    /// Was it parked as unknown and is now back because its time in the lane is over?
    pub parked: bool,
    /// What is known of its steps.
    pub journal: Vec<Entry>,
    /// When the event's object was changed, where the workflow's lane goes by that.
    pub changed_at: Option<Timestamp>,
    /// The latest `changed_at` among the runs of its lane that were handed out before it.
    pub newest_before: Option<Timestamp>,
    /// The events that came for the `wait` step it is at, in the order in which they were accepted.
    pub arrived: Vec<Event>,
    /// What runs of ours changed lately about the event's subject (first delivery only).
    pub changes: Vec<Change>,
}

impl Run {
    /// The key of one logical call: the same on every retry, different on a replay.
    pub fn effect_key(&self, step: &StepPath) -> EffectKey {
        use sha2::{Digest, Sha256};
        let mut hash = Sha256::new();
        // Length prefixes keep two different lists of parts from running together into one text.
        for part in [
            "deskwire/1",
            self.event.source.as_str(),
            self.event.id.as_str(),
            self.workflow.as_str(),
            step.as_str(),
            &self.replay.to_string(),
        ] {
            hash.update(u64::try_from(part.len()).unwrap_or(u64::MAX).to_be_bytes());
            hash.update(part);
        }
        EffectKey(hex::encode(hash.finalize()))
    }
}
