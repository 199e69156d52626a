//! The function that takes Zendesk's webhooks in: `POST /webhooks/zendesk/{source}`.
//!
//! `deskwire serve` mounts [`router`] as it is; `main.rs` puts the same router behind API Gateway. What is special to
//! Zendesk is how a body is read ([`normalise`]); everything else is the accepting every provider shares.
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used))]

mod normalise;

use std::sync::Arc;

use axum::Router;
use deskwire_accept::{Delivery, Intake, Normalised, NotAnEvent, Webhook};

/// Zendesk's event subscriptions and trigger webhooks.
#[derive(Debug, Clone, Copy)]
pub struct Zendesk;

impl Webhook for Zendesk {
    fn provider(&self) -> &'static str {
        "zendesk"
    }

    fn normalise(&self, delivery: &Delivery<'_>) -> Result<Normalised, NotAnEvent> {
        normalise::event(delivery)
    }
}

/// The function's routes.
pub fn router(intake: Arc<Intake>) -> Router {
    deskwire_accept::router(intake, &Zendesk)
}
