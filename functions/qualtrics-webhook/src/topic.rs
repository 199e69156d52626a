//! What Qualtrics calls its events. A subscription's `Topic` is not signed; the signed `Status` says the same.
//! <https://api.qualtrics.com/guides/docs/Instructions/subscriptions.md>, checked 2026-11-23.

use serde_json::{Map, Value};

/// A signed status, the topic it belongs to, and whether a survey's id follows the topic.
const TOPICS: [(&str, &str, bool); 5] = [
    ("Complete", "surveyengine.completedResponse", true),
    ("Partial", "surveyengine.partialResponse", true),
    ("Started", "surveyengine.startedRecipientSession", true),
    ("Active", "controlpanel.activateSurvey", false),
    ("Inactive", "controlpanel.deactivateSurvey", false),
];

/// The topic that a signed message is about, without the brand in front of it, and its concrete form; `None` where the
/// message has a status that we do not know.
pub(crate) fn of_message(message: &Map<String, Value>) -> Option<(&'static str, String)> {
    let status = message.get("Status").and_then(Value::as_str)?;
    let (_, topic, with_survey) = TOPICS.into_iter().find(|(known, ..)| *known == status)?;
    let survey = message.get("SurveyID").and_then(Value::as_str).unwrap_or_default();
    Some((topic, if with_survey { format!("{topic}.{survey}") } else { topic.to_owned() }))
}

/// The `Topic` field that Qualtrics sends beside a message: the brand, and the concrete topic. For sending samples.
pub fn topic_of(message: &Value) -> String {
    let concrete = message.as_object().and_then(of_message).map_or("unknown".to_owned(), |(_, concrete)| concrete);
    let brand = message.get("BrandID").and_then(Value::as_str).unwrap_or_default();
    format!("{brand}.{concrete}")
}
