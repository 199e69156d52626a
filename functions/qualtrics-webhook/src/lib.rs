//! The function that takes Qualtrics' webhooks in: `POST /webhooks/qualtrics/{source}`.
//!
//! Two things of Qualtrics call us. Event subscriptions are signed, carry ids and no answers, and have no timestamp. Workflows'
//! "Web Service" tasks carry what their author wrote and can only show a secret. `deskwire serve` mounts [`router`] as it is;
//! `main.rs` puts the same router behind API Gateway.
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used))]

mod subscription;
mod task;
mod topic;

use std::sync::Arc;

use axum::Router;
use deskwire_accept::{Delivery, Intake, Normalised, NotAnEvent, Webhook};
use deskwire_core::signature::Algorithm;
use serde_json::Value;

pub use topic::topic_of;

/// Qualtrics' event subscriptions and Web Service tasks.
#[derive(Debug, Clone, Copy)]
pub struct Qualtrics;

impl Webhook for Qualtrics {
    fn provider(&self) -> &'static str {
        "qualtrics"
    }

    /// A publication URL must cope with GET and POST (<https://api.qualtrics.com/docs/create-subscription>, checked
    /// 2026-11-23); what a GET is for is not said.
    fn is_probed(&self) -> bool {
        true
    }

    fn why_no_json(&self, payload: &[u8]) -> Option<String> {
        let encrypted =
            !payload.is_empty() && payload.iter().all(|byte| byte.is_ascii_alphanumeric() || b"+/=-_".contains(byte));
        encrypted.then(|| {
            "MSG is encrypted, and encrypted event subscriptions are not supported: make the subscription with \
             `encrypt: false`, as `deskwire sources provision` does"
                .to_owned()
        })
    }

    fn normalise(&self, delivery: &Delivery<'_>) -> Result<Normalised, NotAnEvent> {
        let Value::Object(body) = delivery.body else {
            return Err(NotAnEvent("Qualtrics' content must be a JSON object".to_owned()));
        };
        if delivery.source.scheme.algorithm == Algorithm::Static {
            Ok(task::event(delivery, body))
        } else {
            subscription::event(delivery, body)
        }
    }
}

/// The function's routes.
pub fn router(intake: Arc<Intake>) -> Router {
    deskwire_accept::router(intake, &Qualtrics)
}

/// Text that is not empty, or a number, as text. Authors quote or do not.
fn text(value: &Value) -> Option<String> {
    match value {
        Value::String(text) if !text.trim().is_empty() => Some(text.trim().to_owned()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}

#[cfg(test)]
mod tests;
