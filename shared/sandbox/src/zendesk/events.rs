//! A save as the webhooks of an event subscription: envelope, headers, signature.
//!
//! <https://developer.zendesk.com/api-reference/webhooks/event-types/ticket-events/> and
//! <https://developer.zendesk.com/documentation/webhooks/anatomy-of-a-webhook-request/>, checked 2026-11-23.

use bytes::Bytes;
use deskwire_core::provider::provider;
use deskwire_core::random::Random;
use deskwire_core::secret::ExposeSecret;
use deskwire_core::signature::{Place, sign};
use deskwire_core::time::Timestamp;
use serde_json::{Value, json};

use crate::Sandbox;
use crate::calendar::{nanoseconds, whole_seconds};
use crate::world::ACCOUNT;
use crate::zendesk::SignedDelivery;
use crate::zendesk::account::Account;
use crate::zendesk::change::Saved;
use crate::zendesk::fact::Fact;
use crate::zendesk::show::event_detail;

/// The id of the account's one webhook.
const WEBHOOK: &str = "01JK5Z9T4Q8N2V6M3X7B1C0D5E";

/// The version of ticket events.
const VERSION: &str = "2022-11-06";

/// The version of user and organization events.
const OTHER_VERSION: &str = "2022-06-20";

/// The webhooks of a save, one for each thing that changed, in the order in which they are told.
pub(crate) fn deliveries(sandbox: &Sandbox, account: &Account, saved: &Saved, now: Timestamp) -> Vec<SignedDelivery> {
    let Some(ticket) = account.ticket(saved.ticket) else { return Vec::new() };
    let random = sandbox.random();
    let sequence = ulid(now, random);
    let envelope = |(place, fact): (usize, &Fact)| {
        let mut event = fact.body.clone();
        event["meta"] = json!({ "sequence": { "id": sequence, "position": place + 1 } });
        let (kind, subject) = (format!("ticket.{}", fact.event), format!("zen:ticket:{}", saved.ticket));
        envelope_of(random, &kind, VERSION, &subject, event_detail(ticket, saved.actor), event, now)
    };
    saved.facts.iter().enumerate().map(|fact| signed(sandbox, &envelope(fact), now)).collect()
}

/// The webhook of what happened to something else than a ticket.
pub(crate) fn about(
    sandbox: &Sandbox,
    kind: &str,
    subject: &str,
    detail: Value,
    event: Value,
    now: Timestamp,
) -> SignedDelivery {
    let envelope = envelope_of(sandbox.random(), kind, OTHER_VERSION, subject, detail, event, now);
    signed(sandbox, &envelope, now)
}

fn envelope_of(
    random: &impl Random,
    kind: &str,
    version: &str,
    subject: &str,
    detail: Value,
    event: Value,
    now: Timestamp,
) -> Value {
    let mut envelope = json!({
        "type": format!("zen:event-type:{kind}"),
        "account_id": ACCOUNT,
        "id": uuid::Builder::from_random_bytes(random.bits().to_be_bytes()).into_uuid().to_string(),
        "time": nanoseconds(now, below_a_millisecond(random)),
        "zendesk_event_version": version,
        "subject": subject,
    });
    envelope["detail"] = detail;
    envelope["event"] = event;
    envelope
}

fn signed(sandbox: &Sandbox, body: &Value, now: Timestamp) -> SignedDelivery {
    let body = Bytes::from(body.to_string());
    let stamp = whole_seconds(now);
    let invocation = 8_350_205_582 + sandbox.random().bits() % 1_000_000_000;
    let mut headers = vec![
        ("content-type".to_owned(), "application/json; charset=utf-8".to_owned()),
        ("x-zendesk-account-id".to_owned(), ACCOUNT.to_string()),
        ("x-zendesk-webhook-id".to_owned(), WEBHOOK.to_owned()),
        ("x-zendesk-webhook-invocation-id".to_owned(), invocation.to_string()),
    ];
    // How Zendesk signs is a row of the facts table, which a test of its own holds to Zendesk's published vectors.
    if let Some(scheme) = provider("zendesk").and_then(|zendesk| zendesk.scheme("webhook")) {
        let signature = sign(scheme, sandbox.options().signing_secret.expose_secret(), &stamp, &body);
        if let Place::Header(name) = &scheme.signature {
            headers.push((name.clone(), signature));
        }
        if let Some(rule) = &scheme.timestamp {
            headers.push((rule.header.clone(), stamp));
        }
    }
    SignedDelivery { provider: "zendesk", body, headers }
}

fn below_a_millisecond(random: &impl Random) -> u32 {
    u32::try_from(random.bits() % 1_000_000).unwrap_or(0)
}

/// A ULID (<https://github.com/ulid/spec>): 48 bits of time and 80 random ones in Crockford's base 32.
pub(crate) fn ulid(now: Timestamp, random: &impl Random) -> String {
    const DIGITS: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";
    let bits = (u128::from(now.as_millis().unsigned_abs()) << 80) | (random.bits() >> 48);
    (0..26).rev().map(|place| char::from(DIGITS[(bits >> (place * 5)) as usize & 31])).collect()
}
