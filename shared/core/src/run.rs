//! Runs and their journal: one workflow version on one event, and what is known of each of its steps.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::action::{CallError, EffectKey};
use crate::event::Event;
use crate::ids::{Lane, RunId, StepPath, WorkflowName, WorkflowVersion};
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
    pub const ALL: [Self; 8] = [
        Self::Unknown,
        Self::Dead,
        Self::Failed,
        Self::Retrying,
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
    /// The process that had the run stopped in its middle, and another one goes on.
    Resumed {
        /// When.
        at: Timestamp,
        /// The step that may have been under way, if there was one.
        step: Option<StepPath>,
    },
}

/// How a step's result is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Known {
    /// The provider answered.
    Answered,
    /// The answer was lost, and the trace of the call was found.
    TraceFound,
}

impl Entry {
    /// The step it is about.
    pub fn step(&self) -> Option<&StepPath> {
        match self {
            Self::Done { step, .. }
            | Self::Skipped { step, .. }
            | Self::Attempt { step, .. }
            | Self::Failed { step, .. }
            | Self::Unknown { step, .. }
            | Self::Held { step, .. } => Some(step),
            Self::Resumed { step, .. } => step.as_ref(),
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
            | Self::Resumed { at, .. } => *at,
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
    /// Was it parked as unknown and is now back because its time in the lane is over?
    pub parked: bool,
    /// What is known of its steps.
    pub journal: Vec<Entry>,
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
