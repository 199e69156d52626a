//! The actions: what workflows can do at each provider. One folder per provider, one file per action, all of one shape.
//!
//! The engine finds an action by name in [`actions`] and calls it; the action builds its request, and what it shares with
//! its neighbours (sign-in, the guarded client, classing of errors) lives once, in [`Client`] and in the provider's own
//! module. Nothing here repeats a call: an error says whether anything happened outside, and the engine decides.

#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used))]

mod client;
mod connection;
pub mod http;
mod input;
mod limits;
mod probe;
pub mod provision;
#[cfg(test)]
mod published;
pub mod qualtrics;
mod remembered;
mod schema;
mod several;
pub mod slack;
#[cfg(test)]
mod testing;
mod traced;
pub mod zendesk;

use std::sync::Arc;

use deskwire_core::action::{Action, Actions};

pub use client::Client;
pub use connection::{BadConnection, Connection};

/// Every action there is. They share the client and keep no state.
pub fn actions(client: &Arc<Client>) -> Actions {
    let all: Vec<Arc<dyn Action>> = vec![
        Arc::new(http::request::Request::new(Arc::clone(client))),
        Arc::new(qualtrics::create_distribution_link::CreateDistributionLink::new(Arc::clone(client))),
        Arc::new(qualtrics::get_response::GetResponse::new(Arc::clone(client))),
        Arc::new(qualtrics::list_responses::ListResponses::new(Arc::clone(client))),
        Arc::new(qualtrics::send_json_event::SendJsonEvent::new(Arc::clone(client))),
        Arc::new(slack::add_reaction::AddReaction::new(Arc::clone(client))),
        Arc::new(slack::get_message::GetMessage::new(Arc::clone(client))),
        Arc::new(slack::get_thread_messages::GetThreadMessages::new(Arc::clone(client))),
        Arc::new(slack::look_up_user::LookUpUser::new(Arc::clone(client))),
        Arc::new(slack::post_message::PostMessage::new(Arc::clone(client))),
        Arc::new(slack::reply_in_thread::ReplyInThread::new(Arc::clone(client))),
        Arc::new(slack::send_direct_message::SendDirectMessage::new(Arc::clone(client))),
        Arc::new(zendesk::create_profile::CreateProfile::new(Arc::clone(client))),
        Arc::new(zendesk::create_record::CreateRecord::new(Arc::clone(client))),
        Arc::new(zendesk::create_ticket::CreateTicket::new(Arc::clone(client))),
        Arc::new(zendesk::look_up_organization::LookUpOrganization::new(Arc::clone(client))),
        Arc::new(zendesk::look_up_ticket::LookUpTicket::new(Arc::clone(client))),
        Arc::new(zendesk::look_up_user::LookUpUser::new(Arc::clone(client))),
        Arc::new(zendesk::update_profile::UpdateProfile::new(Arc::clone(client))),
        Arc::new(zendesk::update_record::UpdateRecord::new(Arc::clone(client))),
        Arc::new(zendesk::update_ticket::UpdateTicket::new(Arc::clone(client))),
    ];
    let traced = |action| traced::Traced::new(action, Arc::clone(client));
    Actions::new(all.into_iter().map(|action| Arc::new(traced(action)) as Arc<dyn Action>))
}

#[cfg(test)]
mod tests;
