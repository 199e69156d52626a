//! The account's ticket fields: `GET /api/v2/ticket_fields`, and which values they take.
//! <https://developer.zendesk.com/api-reference/ticketing/tickets/ticket_fields/>, checked 2026-11-23.

use serde_json::{Value, json};

use crate::world::{NPS_FIELD, ORDER_FIELD, REASON_FIELD, REASONS, THREAD_FIELD};

/// The account's own fields.
pub(crate) const CUSTOM: [u64; 4] = [ORDER_FIELD, REASON_FIELD, THREAD_FIELD, NPS_FIELD];

/// A field: its id, type and title. The first two are Zendesk's own.
const FIELDS: [(u64, &str, &str); 6] = [
    (360_001_100_001, "subject", "Subject"),
    (360_001_100_002, "description", "Description"),
    (ORDER_FIELD, "text", "Order number"),
    (REASON_FIELD, "tagger", "Contact reason"),
    (THREAD_FIELD, "text", "Slack thread"),
    (NPS_FIELD, "integer", "NPS"),
];

/// All fields as REST shows them.
pub(crate) fn all() -> Vec<Value> {
    let shown = |(id, kind, title): (u64, &str, &str)| {
        let mut field = json!({ "id": id, "type": kind, "title": title, "raw_title": title, "active": true,
                                "required": false, "removable": CUSTOM.contains(&id) });
        if id == REASON_FIELD {
            field["custom_field_options"] = REASONS.iter().map(|tag| json!({ "name": tag, "value": tag })).collect();
        }
        field
    };
    FIELDS.into_iter().map(shown).collect()
}

/// How events name a custom field; `None` for an id that is none, whose value Zendesk drops.
pub(crate) fn described(id: u64) -> Option<Value> {
    let custom = FIELDS.iter().filter(|(id, ..)| CUSTOM.contains(id));
    let (id, kind, title) = custom.into_iter().find(|(known, ..)| *known == id)?;
    Some(json!({ "id": id.to_string(), "title": title, "type": kind }))
}

/// Does the field take this value? A drop-down takes its options only.
pub(crate) fn takes(id: u64, value: &Value) -> bool {
    id != REASON_FIELD || value.is_null() || value.as_str().is_some_and(|value| REASONS.contains(&value))
}
