//! Webhooks, as an administrator's program makes them: `/api/v2/webhooks`.
//! <https://developer.zendesk.com/api-reference/webhooks/webhooks-api/webhooks/>, checked 2026-11-23.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use deskwire_core::random::Random;
use deskwire_core::time::Timestamp;
use http::StatusCode;
use serde_json::{Value, json};

use crate::Sandbox;
use crate::calendar::whole_seconds;
use crate::world::INTEGRATION;
use crate::zendesk::account::Account;
use crate::zendesk::api::Reply;
use crate::zendesk::events::ulid;
use crate::zendesk::given::{self, Invalid};
use crate::zendesk::paging::{Query, parameter};

/// Subscribes to triggers and automations, and to nothing else.
const BY_TRIGGERS: &str = "conditional_ticket_events";

#[derive(Debug, Clone)]
pub(crate) struct Webhook {
    pub id: String,
    /// What was given: name, endpoint, subscriptions and the like.
    given: serde_json::Map<String, Value>,
    secret: String,
    created_at: Timestamp,
    updated_at: Timestamp,
}

impl Webhook {
    fn show(&self) -> Value {
        let mut shown = self.given.clone();
        // What the webhook signs in with is never shown again.
        if let Some(authentication) = shown.get_mut("authentication").and_then(Value::as_object_mut) {
            authentication.remove("data");
        }
        let user = INTEGRATION.to_string();
        shown.extend([
            ("id".to_owned(), json!(self.id)),
            ("created_by".to_owned(), json!(user)),
            ("updated_by".to_owned(), json!(user)),
            ("created_at".to_owned(), json!(whole_seconds(self.created_at))),
            ("updated_at".to_owned(), json!(whole_seconds(self.updated_at))),
        ]);
        Value::Object(shown)
    }
}

pub(crate) fn listed(account: &Account, query: &Query) -> Vec<Value> {
    let part = parameter(query, "filter[name_contains]").unwrap_or_default();
    let named =
        |webhook: &&Webhook| webhook.given.get("name").and_then(Value::as_str).is_some_and(|name| name.contains(part));
    account.webhooks.iter().filter(named).map(Webhook::show).collect()
}

pub(crate) fn create(sandbox: &Sandbox, body: &[u8]) -> Result<Reply, Reply> {
    let given = checked(given::object(body, "webhook")?)?;
    for field in ["name", "endpoint", "http_method", "request_format", "status", "subscriptions"] {
        if !given.contains_key(field) {
            return Err(Invalid::new(field, "cannot be blank").into());
        }
    }
    let now = sandbox.now();
    let webhook =
        Webhook { id: ulid(now, sandbox.random()), given, secret: secret(sandbox), created_at: now, updated_at: now };
    let reply = Reply::of(StatusCode::CREATED, json!({ "webhook": webhook.show() }));
    sandbox.account().webhooks.push(webhook);
    Ok(reply)
}

pub(crate) fn change(sandbox: &Sandbox, id: &str, body: &[u8]) -> Result<Reply, Reply> {
    let given = checked(given::object(body, "webhook")?)?;
    let now = sandbox.now();
    let mut account = sandbox.account();
    let webhook = account.webhooks.iter_mut().find(|webhook| webhook.id == id).ok_or_else(Reply::not_found)?;
    let by_triggers = |given: &serde_json::Map<String, Value>| given["subscriptions"] == json!([BY_TRIGGERS]);
    if given.contains_key("subscriptions") && by_triggers(&given) != by_triggers(&webhook.given) {
        return Err(Invalid::new("subscriptions", "the way a webhook is connected cannot be changed").into());
    }
    webhook.given.extend(given);
    webhook.updated_at = now;
    // As documented for a partial update: no content.
    Ok(Reply::of(StatusCode::NO_CONTENT, Value::Null))
}

pub(crate) fn signing_secret(sandbox: &Sandbox, id: &str, new: bool) -> Result<Reply, Reply> {
    let made = secret(sandbox);
    let mut account = sandbox.account();
    let webhook = account.webhooks.iter_mut().find(|webhook| webhook.id == id).ok_or_else(Reply::not_found)?;
    if new {
        webhook.secret = made;
    }
    let secret = json!({ "algorithm": "SHA256", "secret": webhook.secret });
    Ok(Reply::of(if new { StatusCode::CREATED } else { StatusCode::OK }, json!({ "signing_secret": secret })))
}

fn checked(given: Value) -> Result<serde_json::Map<String, Value>, Reply> {
    let Value::Object(given) = given else { return Err(Invalid::new("webhook", "is invalid").into()) };
    let https = given.get("endpoint").is_none_or(|url| url.as_str().is_some_and(|url| url.starts_with("https://")));
    if !https {
        return Err(Invalid::new("endpoint", "is not a valid URL").into());
    }
    Ok(given)
}

fn secret(sandbox: &Sandbox) -> String {
    STANDARD.encode(sandbox.random().bits().to_be_bytes())
}
