//! The actions: what workflows can do at each provider. One folder per provider, one file per action, all of one shape.
//!
//! The engine finds an action by name in [`actions`] and calls it; the action builds its request, and what it shares with
//! its neighbours (sign-in, the guarded client, classing of errors) lives once, in [`Client`] and in the provider's own
//! module. Nothing here repeats a call: an error says whether anything happened outside, and the engine decides.

#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used))]

mod client;
mod connection;
mod input;
mod schema;
pub mod slack;
#[cfg(test)]
mod testing;
pub mod zendesk;

use std::sync::Arc;

use deskwire_core::action::{Action, Actions};

pub use client::Client;
pub use connection::{BadConnection, Connection};

/// Every action there is. They share the client and keep no state.
pub fn actions(client: Arc<Client>) -> Actions {
    let all: [Arc<dyn Action>; 5] = [
        Arc::new(slack::post_message::PostMessage::new(Arc::clone(&client))),
        Arc::new(slack::send_direct_message::SendDirectMessage::new(Arc::clone(&client))),
        Arc::new(zendesk::look_up_organization::LookUpOrganization::new(Arc::clone(&client))),
        Arc::new(zendesk::look_up_ticket::LookUpTicket::new(Arc::clone(&client))),
        Arc::new(zendesk::look_up_user::LookUpUser::new(client)),
    ];
    Actions::new(all)
}

#[cfg(test)]
mod tests;
