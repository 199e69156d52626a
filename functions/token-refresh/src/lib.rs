//! The function that renews OAuth tokens before they end, and tells everybody how connections stand.
//!
//! Called every five minutes; `deskwire serve` calls the same code from a timer. What falls due is found by index, so a pass
//! in which nothing is due costs two small reads.

use std::sync::Arc;

use deskwire_accept::Intake;
use deskwire_core::BoxFuture;
use deskwire_core::event::Event;
use deskwire_core::ports::StoreResult;
use deskwire_core::time::Clock;
use deskwire_core::token::TokenState;
use deskwire_tokens::{Announcer, Broker, Pass};
use serde::Serialize;

/// What the function works with.
pub struct TokenRefresh {
    /// Renews and keeps tokens.
    pub broker: Arc<Broker>,
    /// Takes in the events that tell of connections.
    pub intake: Intake,
    /// Where people connect connections: `…/oauth/start/`; the connection's name goes behind it.
    pub start_link: String,
    /// The time.
    pub clock: Arc<dyn Clock>,
}

/// What one call came to.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Refreshed {
    /// The renewals.
    #[serde(flatten)]
    pub pass: Pass,
    /// How many standings everybody was told of.
    pub told: usize,
}

struct Own<'i>(&'i Intake);

impl Announcer for Own<'_> {
    fn announce(&self, event: Event) -> BoxFuture<'_, StoreResult<()>> {
        Box::pin(async move { self.0.take_own(event).await.map(|_| ()) })
    }
}

impl TokenRefresh {
    /// Renews what is due, then tells of every standing that nobody has been told of.
    pub async fn pass(&self) -> StoreResult<Refreshed> {
        let pass = self.broker.renew_due(self.clock.now()).await?;
        let link = |state: &TokenState| format!("{}{}", self.start_link, state.connection);
        let told = self.broker.announce(&Own(&self.intake), &link, self.clock.now()).await?.told;
        if pass.due > 0 || told > 0 {
            let Pass { due, renewed, failed, needs_person } = pass;
            tracing::info!(due, renewed, failed, needs_person, told, "looked at the connections' tokens");
        }
        Ok(Refreshed { pass, told })
    }
}
