//! Ticks of schedules as events.

use std::sync::Arc;
use std::time::Duration;

use deskwire_accept::wanted_by;
use deskwire_core::event::{ChangeFacts, Event, JsonText};
use deskwire_core::ids::{BadName, EventId, RequestId, SourceName};
use deskwire_core::ports::{Arrival, Inbox, Registry, StoreError, StoreResult};
use deskwire_core::random::Random;
use deskwire_core::time::Timestamp;
use deskwire_workflows::{InForce, MOST_MISSED, Missed, Schedule, Tick, Trigger, Workflow};
use serde_json::json;

/// A tick that is noticed later than this was missed.
const LATE: Duration = Duration::from_mins(1);

/// Makes events of the ticks of all schedules.
pub struct Scheduler {
    /// Where the events go.
    pub inbox: Arc<dyn Inbox>,
    /// How far each schedule has come.
    pub registry: Arc<dyn Registry>,
    /// For run ids.
    pub random: Arc<dyn Random>,
}

/// What one look at the schedules came to.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Ticked {
    /// How many ticks became events.
    pub started: usize,
    /// When the next tick is due, if there is one.
    pub next: Option<Timestamp>,
}

impl Scheduler {
    /// Makes events of the ticks that have passed since the last look, and says when the next is due.
    pub async fn tick(&self, workflows: &[InForce], now: Timestamp) -> StoreResult<Ticked> {
        let mut ticked = Ticked::default();
        for InForce { workflow, .. } in workflows.iter().filter(|one| one.active) {
            let Trigger::Schedule(schedule) = &workflow.trigger else { continue };
            match self.tick_of(workflow, schedule, now, &mut ticked).await {
                // What cannot be read of one workflow keeps no other one's schedule from going on.
                Err(StoreError::Corrupt(why)) => {
                    tracing::error!(workflow = %workflow.name, why, "its schedule cannot be read; `deskwire doctor` says more");
                }
                done => done?,
            }
        }
        Ok(ticked)
    }

    async fn tick_of(
        &self,
        workflow: &Workflow,
        schedule: &Schedule,
        now: Timestamp,
        ticked: &mut Ticked,
    ) -> StoreResult<()> {
        // Switched off meanwhile, or gone.
        let Some(position) = self.registry.schedule_position(&workflow.name).await? else { return Ok(()) };
        let (due, next) = passed(schedule, position, now);
        for tick in chosen(due, schedule.missed, now) {
            self.start(workflow, schedule, &tick, now).await?;
            ticked.started += 1;
        }
        // Only now: a crash before this makes the same ticks once more, and they are repeats.
        if position < now {
            self.registry.move_schedule(&workflow.name, now).await?;
        }
        ticked.next = [ticked.next, next].into_iter().flatten().min();
        Ok(())
    }

    async fn start(&self, workflow: &Workflow, schedule: &Schedule, tick: &Tick, now: Timestamp) -> StoreResult<()> {
        let event =
            tick_event(workflow, schedule, tick, now).map_err(|error| StoreError::Corrupt(error.to_string()))?;
        let event = Event { request_id: Some(RequestId::generate(self.random.as_ref())), ..event };
        let wanted = vec![wanted_by(&workflow.route(true), &event, now, self.random.as_ref())];
        self.inbox.accept(Arrival { event, also_known_as: vec![], wanted, declined: vec![], awaited: true }).await?;
        tracing::info!(workflow = %workflow.name, tick = %tick.at, "started by its schedule");
        Ok(())
    }
}

/// The event of a tick: the same tick always has the same id.
pub fn tick_event(workflow: &Workflow, schedule: &Schedule, tick: &Tick, now: Timestamp) -> Result<Event, BadName> {
    Ok(Event {
        source: SourceName::parse("schedule")?,
        id: EventId::new(format!("{}@{}", workflow.name, tick.at)),
        kind: "schedule.tick".to_owned(),
        subject: format!("workflow:{}", workflow.name),
        time: tick.at,
        received_at: now,
        data: JsonText::from(&json!({
            "workflow": workflow.name,
            "scheduled_at": tick.at,
            "local_time": tick.local,
            "zone": schedule.zone,
        })),
        change: ChangeFacts::default(),
        request_id: None,
    })
}

/// The ticks after `position` up to `now`, the newest [`MOST_MISSED`] of them, and the one that comes next.
fn passed(schedule: &Schedule, position: Timestamp, now: Timestamp) -> (Vec<Tick>, Option<Timestamp>) {
    /// A schedule that was off for years has more ticks than anybody wants to count.
    const MOST_LOOKS: usize = 100_000;
    let mut due = std::collections::VecDeque::new();
    let mut at = position;
    for _ in 0..MOST_LOOKS {
        // The check has refused schedules that cannot be read.
        let Ok(Some(tick)) = schedule.next_after(at) else { return (due.into(), None) };
        if tick.at > now {
            return (due.into(), Some(tick.at));
        }
        at = tick.at;
        due.push_back(tick);
        if due.len() > MOST_MISSED {
            due.pop_front();
        }
    }
    (due.into(), Some(now))
}

/// Which of the ticks that have passed become events.
fn chosen(due: Vec<Tick>, missed: Missed, now: Timestamp) -> Vec<Tick> {
    match missed {
        Missed::All => due,
        Missed::Latest => due.into_iter().next_back().into_iter().collect(),
        Missed::Skip => due.into_iter().filter(|tick| now.since(tick.at) <= LATE).collect(),
    }
}

#[cfg(test)]
mod tests;
