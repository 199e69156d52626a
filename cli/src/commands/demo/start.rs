//! What starts an example: a webhook, a person, or a tick of its schedule.

use anyhow::{Context, bail};
use deskwire_accept::wanted_by;
use deskwire_core::ids::ConnectionName;
use deskwire_core::ports::Arrival;
use deskwire_core::token::{Standing, TokenState};
use deskwire_sandbox::SignedDelivery;
use deskwire_tokens::connection_event;
use deskwire_workflows::{InForce, Trigger};

use super::Tale;

/// What happens.
pub(super) enum Start {
    /// Zendesk tells of a save.
    Webhooks(Vec<SignedDelivery>),
    /// Somebody runs the workflow with these inputs, as `deskwire workflows run` does.
    ByHand(Vec<(&'static str, String)>),
    /// Its schedule's next tick, without waiting for it.
    Tick,
    /// A connection needs a person.
    Lost(&'static str),
    /// Nothing more: an earlier example has started it.
    Already,
}

impl Tale {
    pub(super) async fn start(&self, workflow: &str, start: Start) -> anyhow::Result<()> {
        let deskwire = &self.deskwire;
        let workflows = deskwire.workflows();
        let found = workflows.iter().find(|one| one.workflow.name.as_str() == workflow);
        let InForce { workflow, .. } = found.with_context(|| format!("{workflow} is not shipped"))?;
        let now = deskwire.clock.now();
        let event = match (start, &workflow.trigger) {
            (Start::Already, _) => return Ok(()),
            (Start::Webhooks(deliveries), _) => {
                for delivery in &deliveries {
                    self.post(delivery).await?;
                }
                return Ok(());
            }
            (Start::ByHand(given), Trigger::Manual(wanted)) => {
                let given: Vec<_> = given.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
                let inputs = match scheduler::read_inputs(wanted, &given) {
                    Ok(inputs) => inputs,
                    Err(mistakes) => bail!("{mistakes:?}"),
                };
                scheduler::by_hand(workflow, &inputs, now, deskwire.random.as_ref())?
            }
            (Start::Tick, Trigger::Schedule(schedule)) => {
                let tick = schedule.next_after(now)?.context("the schedule never ticks")?;
                scheduler::tick_event(workflow, schedule, &tick, now)?
            }
            (Start::Lost(connection), Trigger::Event(_)) => {
                let state = TokenState {
                    standing: Standing::NeedsReauthorization,
                    reason: Some("the provider refused: invalid_grant".to_owned()),
                    ..TokenState::empty(ConnectionName::parse(connection)?, now)
                };
                connection_event(&state, &format!("http://{}/oauth/start/{connection}", self.address), now)
            }
            _ => bail!("{} is not started this way", workflow.name),
        };
        let wanted = vec![wanted_by(&workflow.route(true), &event, now, deskwire.random.as_ref())];
        let arrival = Arrival { event, also_known_as: vec![], wanted, declined: vec![], awaited: true };
        deskwire.store.accept(arrival).await?;
        Ok(())
    }
}
