//! What accepting needs to know of a workflow: which events it takes, and how. Plain data, so that a webhook function can
//! read it without knowing what workflows are.

use serde::{Deserialize, Serialize};

use crate::event::{Event, pattern_covers};
use crate::ids::{SourceName, WorkflowName, WorkflowVersion};
use crate::ports::LanePolicy;
use crate::time::Timestamp;

/// A workflow as accepting sees it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Route {
    /// The workflow.
    pub workflow: WorkflowName,
    /// The version that new runs get.
    pub version: WorkflowVersion,
    /// Does it take events?
    pub active: bool,
    /// The events that start it; none for a workflow that a schedule or a person starts.
    pub takes: Option<Events>,
    /// Has it a condition (`when`) besides? Whoever cannot ask it lets the event through, and the runner asks.
    pub conditional: bool,
    /// How it takes several events about one subject.
    pub lane: LanePolicy,
    /// Does its lane go by when the event's object was changed?
    pub by_change: bool,
    /// The events that its runs may wait for.
    pub awaits: Vec<Events>,
}

/// Events of a source.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Events {
    /// The source.
    pub source: SourceName,
    /// Their types: names, or prefixes that end in `.*`.
    pub types: Vec<String>,
}

impl Events {
    /// Is this one of them?
    pub fn cover(&self, event: &Event) -> bool {
        self.source == event.source && self.types.iter().any(|pattern| pattern_covers(pattern, &event.kind))
    }
}

impl Route {
    /// Is this an event that starts it, leaving conditions and switches aside?
    pub fn takes(&self, event: &Event) -> bool {
        self.takes.as_ref().is_some_and(|events| events.cover(event))
    }

    /// May a run of it wait for this event?
    pub fn awaits(&self, event: &Event) -> bool {
        self.awaits.iter().any(|events| events.cover(event))
    }

    /// When the event's object was changed, if the lane goes by that.
    pub fn lane_time(&self, event: &Event) -> Option<Timestamp> {
        event.change.changed_at.filter(|_| self.by_change)
    }
}
