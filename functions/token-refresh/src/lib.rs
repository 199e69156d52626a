//! The function that renews OAuth tokens before they end, and tells everybody how connections stand.
//!
//! Called every five minutes; `deskwire serve` calls the same code from a timer. What falls due is found by index, so a pass
//! in which nothing is due costs two small reads.

use std::sync::Arc;
use std::time::Duration;

use deskwire_accept::Intake;
use deskwire_core::BoxFuture;
use deskwire_core::event::Event;
use deskwire_core::ports::StoreResult;
use deskwire_core::random::Random;
use deskwire_core::time::Clock;
use deskwire_core::token::{Standing, TokenState};
use deskwire_secrets::Vault;
use deskwire_tokens::{Announcer, Broker, Pass, invite};
use serde::Serialize;

/// What the function works with.
pub struct TokenRefresh {
    /// Renews and keeps tokens.
    pub broker: Arc<Broker>,
    /// Takes in the events that tell of connections.
    pub intake: Intake,
    /// Where people connect connections: `…/oauth/start/`; the connection's name goes behind it.
    pub start_link: String,
    /// Who makes the invitation that goes into the link, where one is needed.
    pub invitations: Option<Invitations>,
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

/// Makes invitations.
pub struct Invitations {
    /// Keeps them.
    pub vault: Vault,
    /// Draws their keys.
    pub random: Arc<dyn Random>,
}

/// How long a link that mends a connection is good for: somebody may be on holiday.
const LASTS: Duration = Duration::from_hours(7 * 24);

impl Announcer for TokenRefresh {
    fn announce(&self, event: Event) -> BoxFuture<'_, StoreResult<()>> {
        Box::pin(async move { self.intake.take_own(event).await.map(|_| ()) })
    }

    fn link<'a>(&'a self, state: &'a TokenState) -> BoxFuture<'a, String> {
        Box::pin(async move {
            let (name, now) = (&state.connection, self.clock.now());
            let link = format!("{}{name}", self.start_link);
            let Some(Invitations { vault, random }) = &self.invitations else { return link };
            if state.standing == Standing::Connected {
                return link;
            }
            match invite(vault, name, LASTS, now, random.as_ref()).await {
                Ok(key) => format!("{link}?key={key}"),
                Err(error) => {
                    tracing::error!(connection = %name, %error, "no invitation could be made");
                    link
                }
            }
        })
    }
}

impl TokenRefresh {
    /// Renews what is due, then tells of every standing that nobody has been told of.
    pub async fn pass(&self) -> StoreResult<Refreshed> {
        let pass = self.broker.renew_due(self.clock.now()).await?;
        let told = self.broker.announce(self, self.clock.now()).await?.told;
        if pass.due > 0 || told > 0 {
            let Pass { due, renewed, failed, put_off, needs_person } = pass;
            tracing::info!(due, renewed, failed, put_off, needs_person, told, "looked at the connections' tokens");
        }
        Ok(Refreshed { pass, told })
    }
}
