//! A draft and the version in force, on every event that came lately and that one of them wants.

use std::collections::BTreeSet;
use std::sync::Arc;

use deskwire_core::action::Actions;
use deskwire_core::ids::StepPath;
use deskwire_core::ports::{EventSummary, Filter, History, StoreError, StoreResult};
use deskwire_core::random::Random;
use deskwire_core::run::RunState;
use deskwire_core::time::Timestamp;
use deskwire_history::Shape;
use deskwire_templates::Templates;
use deskwire_workflows::{Trigger, Workflow};
use serde::Serialize;

use crate::answers::Through;
use crate::compare::{Difference, compare};
use crate::recordings::Recordings;
use crate::trial::{Later, Outcome, Trial, verdict};

/// The most events that are looked through.
const MOST_EVENTS: usize = 100_000;

/// A rehearsal to make.
pub struct Asked<'a> {
    /// Where the recorded events are.
    pub history: &'a dyn History,
    /// The version to try.
    pub draft: Arc<Workflow>,
    /// The version in force, if there is one.
    pub active: Option<Arc<Workflow>>,
    /// Who answers what no recording does; never a call that writes.
    pub actions: &'a Actions,
    /// May calls that read be made?
    pub call_reads: bool,
    /// Events received at or after this time.
    pub since: Timestamp,
    /// At most so many events, the newest.
    pub limit: usize,
    /// Are personal values shown?
    pub personal: bool,
    /// For waits between attempts.
    pub random: Arc<dyn Random>,
}

/// What a rehearsal came to.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Rehearsal {
    /// What each event came to, the oldest first.
    pub events: Vec<Found>,
    /// Were there more events than asked for?
    pub more: bool,
}

/// What one event came to.
#[derive(Debug, Clone, Serialize)]
pub struct Found {
    /// The event.
    pub event: EventSummary,
    /// Why the draft does not want it, if it does not.
    pub draft_declines: Option<String>,
    /// Why the version in force does not want it, if it does not, or if there is none.
    pub active_declines: Option<String>,
    /// How the draft's run would end.
    pub draft_ends: Option<End>,
    /// How the run of the version in force would end.
    pub active_ends: Option<End>,
    /// What they would write.
    pub calls: Difference,
    /// The reads that nobody answered: with these, what would happen after them cannot be told.
    pub unanswered: BTreeSet<StepPath>,
}

/// How a run would end.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct End {
    /// The state.
    pub state: RunState,
    /// One sentence: why.
    pub reason: String,
}

impl Found {
    /// Do the two versions do the same, as far as can be told?
    pub fn is_same(&self) -> bool {
        let state = |end: &Option<End>| end.as_ref().map(|end| end.state);
        self.calls.is_none() && state(&self.draft_ends) == state(&self.active_ends)
    }

    /// Can it be told what both would do?
    pub fn is_certain(&self) -> bool {
        self.unanswered.is_empty()
    }
}

/// Makes a rehearsal. `progress` is told how many events are done, of how many.
pub async fn rehearse(asked: &Asked<'_>, mut progress: impl FnMut(usize, usize)) -> StoreResult<Rehearsal> {
    let versions: Vec<&Arc<Workflow>> = [Some(&asked.draft), asked.active.as_ref()].into_iter().flatten().collect();
    let sources: BTreeSet<&str> = versions.iter().map(|workflow| source(workflow)).collect();
    let mut summaries = Vec::new();
    for source in sources {
        let source = Some(source.to_owned());
        let filter = Filter { source, since: Some(asked.since), limit: MOST_EVENTS, ..Filter::default() };
        summaries.extend(asked.history.events(filter).await?);
    }
    summaries.sort_by_key(|event| std::cmp::Reverse(event.number));
    let (mut rehearsal, total) = (Rehearsal::default(), summaries.len().min(asked.limit));
    for summary in summaries {
        if rehearsal.events.len() == asked.limit {
            rehearsal.more = true;
            break;
        }
        if let Some(found) = asked.one(summary).await? {
            rehearsal.events.push(found);
            progress(rehearsal.events.len(), total);
        }
    }
    rehearsal.events.reverse();
    Ok(rehearsal)
}

/// The source of the events that start a workflow.
fn source(workflow: &Workflow) -> &str {
    match &workflow.trigger {
        Trigger::Event(trigger) => trigger.source.as_str(),
        Trigger::Schedule(_) => "schedule",
        Trigger::Manual(_) => "manual",
    }
}

impl Asked<'_> {
    /// What one event comes to; `None` where neither version wants it.
    async fn one(&self, summary: EventSummary) -> StoreResult<Option<Found>> {
        // One that cannot be read keeps no other from being rehearsed.
        let detail = match self.history.event(&summary.number.to_string()).await {
            Err(StoreError::Corrupt(_)) => None,
            detail => detail?,
        };
        let Some(detail) = detail else { return Ok(None) };
        let Some(event) = detail.event.clone() else { return Ok(None) };
        let draft_declines = verdict(&self.draft, &event).err();
        let active_declines = match &self.active {
            Some(active) => verdict(active, &event).err(),
            None => Some("no version is in force".to_owned()),
        };
        if draft_declines.is_some() && active_declines.is_some() {
            return Ok(None);
        }
        let templates = Templates::new(deskwire_templates::Limits::default());
        let recordings = Recordings::of_event(self.history, &detail, self.actions, &templates).await?;
        let mut tried = Vec::new();
        for (workflow, declined) in [(Some(&self.draft), &draft_declines), (self.active.as_ref(), &active_declines)] {
            tried.push(match workflow.filter(|_| declined.is_none()) {
                None => None,
                Some(workflow) => {
                    let trial = Trial {
                        actions: self.actions,
                        through: if self.call_reads { Through::Reads } else { Through::Nobody },
                        recordings: recordings.clone(),
                        later: Later::Recorded(self.history),
                        now: event.received_at,
                        random: Arc::clone(&self.random),
                    };
                    let outcome = trial.run(workflow, event.clone()).await?;
                    Some(Tried::new(outcome, workflow, self, &templates))
                }
            });
        }
        let (active, draft) = (tried.pop().flatten(), tried.pop().flatten());
        let calls = |tried: &Option<Tried>| tried.as_ref().map(|tried| tried.raw.calls.clone()).unwrap_or_default();
        let mut difference = compare(&calls(&active), &calls(&draft));
        if !self.personal {
            hide(&mut difference, active.as_ref(), draft.as_ref());
        }
        let both = || [&active, &draft].into_iter().flatten();
        Ok(Some(Found {
            event: summary,
            draft_declines,
            active_declines,
            draft_ends: draft.as_ref().map(Tried::end),
            active_ends: active.as_ref().map(Tried::end),
            calls: difference,
            unanswered: both().flat_map(|tried| tried.raw.unanswered().into_iter().cloned()).collect(),
        }))
    }
}

/// A version's trial, and how it is shown.
struct Tried {
    raw: Outcome,
    shown: Outcome,
}

impl Tried {
    fn new(raw: Outcome, workflow: &Workflow, asked: &Asked<'_>, templates: &Templates) -> Self {
        let shown = if asked.personal {
            raw.clone()
        } else {
            let shape = Shape::compile(workflow.text.clone(), asked.actions, templates);
            raw.redacted(shape.as_ref(), asked.actions)
        };
        Self { raw, shown }
    }

    fn end(&self) -> End {
        let summary = &self.shown.run.summary;
        End { state: summary.state, reason: summary.reason.clone().unwrap_or_default() }
    }
}

/// Puts the inputs as they are shown in the place of those that were compared.
fn hide(difference: &mut Difference, active: Option<&Tried>, draft: Option<&Tried>) {
    let shown = |tried: Option<&Tried>, step: &StepPath| {
        let call = tried.and_then(|tried| tried.shown.calls.iter().find(|call| call.step == *step));
        call.map(|call| call.input.clone()).unwrap_or_default()
    };
    for call in &mut difference.new {
        call.input = shown(draft, &call.step);
    }
    for call in &mut difference.gone {
        call.input = shown(active, &call.step);
    }
    for changed in &mut difference.changed {
        changed.before.input = shown(active, &changed.before.step);
        changed.after.input = shown(draft, &changed.after.step);
        for field in &mut changed.fields {
            let Some(pointer) = &field.pointer else { continue };
            field.before = changed.before.input.pointer(pointer).cloned();
            field.after = changed.after.input.pointer(pointer).cloned();
        }
    }
}
