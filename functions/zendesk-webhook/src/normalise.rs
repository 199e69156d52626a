//! Zendesk's two kinds of body as events.
//!
//! An event subscription sends a fixed envelope whose `type` begins with `zen:event-type:`. A trigger or automation sends
//! whatever JSON its author wrote, with nothing unique in it unless the author put it there
//! (<https://developer.zendesk.com/documentation/webhooks/anatomy-of-a-webhook-request/>).

use deskwire_accept::{Delivery, Normalised, NotAnEvent};
use deskwire_core::event::ChangeFacts;
use deskwire_core::ids::EventId;
use deskwire_core::time::Timestamp;
use serde_json::{Map, Value};

const TYPE_PREFIX: &str = "zen:event-type:";

/// The type of a trigger's event whose body names none.
const UNNAMED_TRIGGER: &str = "trigger.fired";

/// The subject of a trigger's event whose body names no ticket. Such events are handled in order, one after another.
const NO_TICKET: &str = "zen:trigger";

pub(crate) fn event(delivery: &Delivery<'_>) -> Result<Normalised, NotAnEvent> {
    let Value::Object(body) = delivery.body else {
        return Err(NotAnEvent("Zendesk's body must be a JSON object".to_owned()));
    };
    check_account(delivery, body)?;
    match body.get("type").and_then(Value::as_str).and_then(|kind| kind.strip_prefix(TYPE_PREFIX)) {
        Some(kind) => subscription(delivery, body, kind),
        None => Ok(trigger(delivery, body)),
    }
}

/// The account id is signed where the body holds one, unlike the header of the same meaning.
fn check_account(delivery: &Delivery<'_>, body: &Map<String, Value>) -> Result<(), NotAnEvent> {
    let Some(expected) = delivery.source.config.account_id.as_deref() else { return Ok(()) };
    match body.get("account_id").and_then(text) {
        Some(found) if found != expected => Err(NotAnEvent(format!(
            "The event is of Zendesk account {found}, and this source belongs to account {expected}"
        ))),
        _ => Ok(()),
    }
}

fn subscription(delivery: &Delivery<'_>, body: &Map<String, Value>, kind: &str) -> Result<Normalised, NotAnEvent> {
    let required = |name: &str| {
        body.get(name)
            .and_then(Value::as_str)
            .filter(|text| !text.is_empty())
            .ok_or_else(|| NotAnEvent(format!("The event has no text under `{name}`, which every Zendesk event has")))
    };
    if kind.is_empty() {
        return Err(NotAnEvent("The event's `type` names nothing after `zen:event-type:`".to_owned()));
    }
    let time = match body.get("time").and_then(Value::as_str) {
        None => delivery.signed_at,
        Some(text) => Timestamp::parse(text).map_err(|bad| NotAnEvent(format!("The event's `time`: {bad}")))?,
    };
    Ok(Normalised {
        id: EventId::new(required("id")?),
        also_known_as: Vec::new(),
        kind: kind.to_owned(),
        subject: required("subject")?.to_owned(),
        time,
        change: change(body),
    })
}

/// What begins the `external_id` of a ticket that a step of ours created, unless its workflow gives another.
const OWN_EXTERNAL_ID: &str = "deskwire-";

/// Who changed the object, when, and by what a write of ours is recognised: the id of its comment, or the external id
/// that only we give.
fn change(body: &Map<String, Value>) -> ChangeFacts {
    let at = |pointer: &str| body.get("detail").and_then(|detail| detail.pointer(pointer));
    let comment = body.get("event").and_then(|event| event.pointer("/comment/id")).and_then(text);
    let external_id = at("/external_id").and_then(text).filter(|id| id.starts_with(OWN_EXTERNAL_ID));
    // Every later event of such a ticket carries the external id too; only its creation is surely ours.
    let created = body.get("type").and_then(Value::as_str).is_some_and(|kind| kind.ends_with("ticket.created"));
    ChangeFacts {
        actor: at("/actor_id").and_then(text),
        changed_at: at("/updated_at").and_then(Value::as_str).and_then(|time| Timestamp::parse(time).ok()),
        marks: comment.into_iter().chain(external_id.filter(|_| created)).collect(),
    }
}

fn trigger(delivery: &Delivery<'_>, body: &Map<String, Value>) -> Normalised {
    let (id, also_known_as) = trigger_id(delivery, body);
    let named = ["type", "event_type"].iter().find_map(|name| body.get(*name)).and_then(Value::as_str);
    let kind = match named.filter(|name| is_type_name(name)) {
        Some(name) => format!("trigger.{name}"),
        None => UNNAMED_TRIGGER.to_owned(),
    };
    let ticket = body.get("ticket_id").or_else(|| body.get("ticket").and_then(|ticket| ticket.get("id")));
    let subject = ticket.and_then(text).map_or_else(|| NO_TICKET.to_owned(), |id| format!("zen:ticket:{id}"));
    Normalised { id, also_known_as, kind, subject, time: delivery.signed_at, change: ChangeFacts::default() }
}

/// A trigger's id: what its author put under `event_id`, or else the body itself within the source's repeat window.
fn trigger_id(delivery: &Delivery<'_>, body: &Map<String, Value>) -> (EventId, Vec<EventId>) {
    match body.get("event_id").and_then(text) {
        Some(id) => (EventId::new(id), Vec::new()),
        None => delivery.id_by_content(),
    }
}

/// Text that is not empty, or a number, as text. Zendesk's placeholders fill in whatever the author quoted or did not.
fn text(value: &Value) -> Option<String> {
    match value {
        Value::String(text) if !text.trim().is_empty() => Some(text.trim().to_owned()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}

fn is_type_name(name: &str) -> bool {
    let part =
        |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'-');
    name.len() <= 64 && name.split('.').all(part)
}

#[cfg(test)]
mod tests;
