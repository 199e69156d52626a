//! Events: what arrived, in the shape of CloudEvents 1.0.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::ids::{EventId, RequestId, SourceName};
use crate::json;
pub use crate::json::NotJson;
use crate::time::Timestamp;

/// JSON text that has been parsed once and is kept as it came, so that it is never written out anew. What strict parsers
/// refuse and [`json`] takes is mended in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JsonText(String);

impl JsonText {
    /// Checks that `bytes` are one JSON document and keeps them.
    pub fn parse(bytes: &[u8]) -> Result<(Self, Value), NotJson> {
        let text = json::readable(bytes)?;
        let value = json::from_str(&text)?;
        Ok((Self(text.into_owned()), value))
    }

    /// Takes text that a store hands back.
    pub fn from_stored(text: String) -> Self {
        Self(text)
    }

    /// The text as it came.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The document as a value.
    pub fn value(&self) -> Result<Value, NotJson> {
        json::from_str(&self.0)
    }
}

impl From<&Value> for JsonText {
    fn from(value: &Value) -> Self {
        Self(value.to_string())
    }
}

/// What arrived, in our words: the attributes of CloudEvents 1.0 (<https://github.com/cloudevents/spec>) and the data
/// as the provider sent it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    /// Where it came from.
    pub source: SourceName,
    /// Its id, unique within the source: what makes a repeat a repeat.
    pub id: EventId,
    /// What happened, in the provider's words without their prefix: `ticket.agent_assignment_changed`.
    pub kind: String,
    /// What it happened to, as the provider writes it: `zen:ticket:48213`. Events of one subject are handled in order.
    pub subject: String,
    /// When it happened, by the provider's clock.
    pub time: Timestamp,
    /// When we took it in, by our clock.
    pub received_at: Timestamp,
    /// The signed body as it came.
    pub data: JsonText,
    /// What the provider says of the change, where it says it.
    pub change: ChangeFacts,
    /// The request that brought it, where one did.
    pub request_id: Option<RequestId>,
}

/// What a provider says of the change that an event reports. By this our own writes are recognised, and late events.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChangeFacts {
    /// Who made it, as the provider names its users.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub actor: Option<String>,
    /// When the object was changed, by the provider's clock.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub changed_at: Option<Timestamp>,
    /// Ids that a write of ours may have been answered with (a comment's), or that only a write of ours sets.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub marks: Vec<String>,
}

impl ChangeFacts {
    /// Does the provider say nothing?
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

impl Event {
    /// The event as templates and `--json` see it: CloudEvents attribute names, `data` as a value.
    pub fn to_json(&self) -> Result<Value, NotJson> {
        Ok(self.with_data(&self.data.value()?))
    }

    /// Like [`Event::to_json`], with data that is parsed already.
    pub fn with_data(&self, data: &Value) -> Value {
        let mut event = serde_json::json!({
            "specversion": "1.0",
            "id": self.id,
            "source": self.source,
            "type": self.kind,
            "subject": self.subject,
            "time": self.time,
            "data": data,
        });
        // An attribute of our own: its name may hold small letters and digits only.
        if let Some(request) = &self.request_id {
            event["requestid"] = Value::String(request.to_string());
        }
        event
    }
}

/// What became of an event when it was accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum EventState {
    /// At least one workflow wanted it.
    Accepted,
    /// No workflow wanted it; kept for testing workflows.
    Unwanted,
    /// It was signed, but not what the provider should send; kept with the reason.
    Rejected,
}

impl EventState {
    /// The word that is stored and shown.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Accepted => "accepted",
            Self::Unwanted => "unwanted",
            Self::Rejected => "rejected",
        }
    }
}

/// Does a trigger's event pattern (`ticket.created`, or a prefix such as `ticket.*`) cover an event's type?
///
/// ```
/// use deskwire_core::event::pattern_covers;
/// assert!(pattern_covers("ticket.*", "ticket.created"));
/// assert!(!pattern_covers("ticket.*", "ticketing.created"));
/// ```
pub fn pattern_covers(pattern: &str, kind: &str) -> bool {
    match pattern.strip_suffix(".*") {
        Some(prefix) => kind.strip_prefix(prefix).is_some_and(|rest| rest.len() > 1 && rest.starts_with('.')),
        None => pattern == kind,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn invalid_utf8_is_refused_with_its_place() {
        let refused = JsonText::parse(b"{\"a\":\"\xff\"}").unwrap_err();
        assert_eq!(refused.to_string(), "invalid UTF-8 after byte 6 at line 1 column 7");
    }

    #[test]
    fn the_text_is_kept_to_the_last_space_but_for_what_no_parser_takes() {
        let text = "{ \"id\" : 12345678901234567890123, \"price\": 1.10e2 }\n";
        assert_eq!(JsonText::parse(text.as_bytes()).unwrap().0.as_str(), text);
        let (kept, value) = JsonText::parse("\u{feff}{\"a\": \"x\\ud83d\"}".as_bytes()).unwrap();
        assert_eq!(kept.as_str(), r#"{"a": "x\ufffd"}"#);
        assert_eq!(kept.value().unwrap(), value);
    }

    #[test]
    fn nesting_beyond_the_limit_is_refused() {
        let deep = format!("{}{}", "[".repeat(200_000), "]".repeat(200_000));
        assert!(JsonText::parse(deep.as_bytes()).unwrap_err().to_string().contains("recursion limit"));
    }

    #[test]
    fn a_truncated_body_is_refused() {
        assert!(JsonText::parse(br#"{"type":"zen:event-type:ticket.cre"#).is_err());
    }

    #[test]
    fn a_name_covers_itself_and_nothing_else() {
        assert!(pattern_covers("ticket.created", "ticket.created"));
        assert!(!pattern_covers("ticket.created", "ticket.created2"));
        assert!(!pattern_covers("ticket.*", "ticket"));
        assert!(!pattern_covers("ticket.*", "ticket."));
    }
}
