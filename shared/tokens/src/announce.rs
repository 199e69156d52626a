//! Telling everybody how a connection stands now: as an event of our own, which workflows can start on, and which wakes
//! the runs that wait for the connection.

use deskwire_core::BoxFuture;
use deskwire_core::event::{ChangeFacts, Event, JsonText};
use deskwire_core::ids::{EventId, SourceName};
use deskwire_core::ports::StoreResult;
use deskwire_core::time::Timestamp;
use deskwire_core::token::{CONNECTED, NEEDS_REAUTHORIZATION, Standing, TokenState, subject_of};
use serde_json::json;

use crate::broker::Broker;

/// The most connections that are told of at once.
const MOST: usize = 500;

/// Takes events of our own in, durably, with the runs they start.
pub trait Announcer: Send + Sync {
    /// Takes one in. The same event twice is one.
    fn announce(&self, event: Event) -> BoxFuture<'_, StoreResult<()>>;

    /// Where a person connects the connection.
    fn link<'a>(&'a self, state: &'a TokenState) -> BoxFuture<'a, String>;
}

/// What telling everybody came to.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Announced {
    /// How many standings were told.
    pub told: usize,
}

/// The event that tells how a connection stands. `link` is where a person connects it.
pub fn connection_event(state: &TokenState, link: &str, now: Timestamp) -> Event {
    let kind = match state.standing {
        Standing::Connected => CONNECTED,
        Standing::NeedsReauthorization | Standing::Disconnected => NEEDS_REAUTHORIZATION,
    };
    Event {
        source: SourceName::deskwire(),
        // The same standing is told once, whoever tells it.
        id: EventId::new(format!("{}@{}", state.connection, state.since)),
        kind: kind.to_owned(),
        subject: subject_of(&state.connection),
        time: state.since,
        received_at: now,
        data: JsonText::from(&json!({
            "connection": state.connection,
            "standing": state.standing,
            "reason": state.reason,
            "since": state.since,
            "link": link,
        })),
        change: ChangeFacts::default(),
        request_id: None,
    }
}

impl Broker {
    /// Tells everybody what nobody has been told yet. The event is durable before it counts as told, so a crash in between
    /// tells it twice under one id, which is once.
    pub async fn announce(&self, announcer: &dyn Announcer, now: Timestamp) -> StoreResult<Announced> {
        let mut told = Announced::default();
        for state in self.states().unannounced_tokens(MOST).await? {
            let link = announcer.link(&state).await;
            announcer.announce(connection_event(&state, &link, now)).await?;
            let revision = state.revision;
            // Where it changed meanwhile, what it is now is told the next time.
            if self.states().put_tokens(TokenState { announced: true, ..state }, Some(revision)).await? {
                told.told += 1;
            }
        }
        Ok(told)
    }
}
