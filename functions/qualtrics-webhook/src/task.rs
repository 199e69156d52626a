//! Bodies that authors of "Web Service" tasks write. What is in them is theirs to choose; these names are understood: `event`,
//! `event_id`, `survey_id`, `response_id`, `ticket_id`, `recorded_at`.

use deskwire_accept::{Delivery, Normalised};
use deskwire_core::event::ChangeFacts;
use deskwire_core::ids::EventId;
use deskwire_core::time::Timestamp;
use serde_json::{Map, Value};

use crate::text;

/// The type of an event whose body names none.
const UNNAMED: &str = "task.sent";

pub(crate) fn event(delivery: &Delivery<'_>, body: &Map<String, Value>) -> Normalised {
    let field = |name: &str| body.get(name).and_then(text);
    let kind = match field("event").filter(|name| is_type_name(name)) {
        Some(name) => format!("task.{name}"),
        None => UNNAMED.to_owned(),
    };
    // Qualtrics tries a failed task again for a day, each time with the same content.
    let (id, also_known_as) = match (field("event_id"), field("response_id")) {
        (Some(id), _) => (EventId::new(id), Vec::new()),
        (None, Some(response)) => {
            (EventId::new(format!("{}/{response}/{kind}", field("survey_id").unwrap_or_default())), Vec::new())
        }
        (None, None) => delivery.id_by_content(),
    };
    let subject = match (field("response_id"), field("ticket_id")) {
        (Some(response), _) => format!("qualtrics:response:{response}"),
        (None, Some(ticket)) => format!("zen:ticket:{ticket}"),
        (None, None) => "qualtrics:task".to_owned(),
    };
    let time = field("recorded_at").and_then(|time| Timestamp::parse_as_utc(&time).ok()).unwrap_or(delivery.signed_at);
    Normalised { id, also_known_as, kind, subject, time, change: ChangeFacts::default() }
}

fn is_type_name(name: &str) -> bool {
    let part =
        |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'-');
    name.len() <= 64 && name.split('.').all(part)
}
