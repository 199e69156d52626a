//! A response as workflows read it: its flat `values`, sorted into answers, embedded data and the rest, with the texts of the
//! survey's definition. <https://api.qualtrics.com/> (checked 2026-11-23), and recorded responses.

mod answer;
mod key;
mod shape;
mod survey;

use serde_json::{Map, Value, json};

use answer::{finish, place, unanswered};
use key::Key;

pub use shape::Answer;
use survey::Question;
pub(crate) use survey::{Survey, survey};

/// Keys of `values` that are neither answers nor embedded data.
const ABOUT: [&str; 19] = [
    "startDate",
    "endDate",
    "status",
    "ipAddress",
    "progress",
    "duration",
    "finished",
    "recordedDate",
    "_recordId",
    "locationLatitude",
    "locationLongitude",
    "distributionChannel",
    "userLanguage",
    "recipientFirstName",
    "recipientLastName",
    "recipientEmail",
    "externalDataReference",
    "metadata",
    "recipientID",
];

/// Sorts a response.
pub(crate) fn sorted(survey_id: &str, response: &Value, survey: &Survey) -> Value {
    let part = |name: &str| response.get(name).and_then(Value::as_object).cloned().unwrap_or_default();
    let (values, labels) = (part("values"), part("labels"));
    let about = |name: &str| values.get(name).cloned().unwrap_or(Value::Null);
    let (mut answers, mut embedded) = (Map::new(), Map::new());
    for (key, value) in &values {
        match Key::of(key) {
            Some(key) => {
                let question = survey.questions.get(&key.defined).cloned().unwrap_or_default();
                let answer = answers.entry(key.question.clone()).or_insert_with(|| unanswered(&question));
                place(answer, &key, value, labels.get(&key.whole), &question);
            }
            None if ABOUT.contains(&key.as_str()) => {}
            None => {
                embedded.insert(key.clone(), value.clone());
            }
        }
    }
    // What was not answered is there all the same, so that a workflow can ask for it.
    for (id, question) in &survey.questions {
        answers.entry(id.clone()).or_insert_with(|| unanswered(question));
    }
    for (id, answer) in &mut answers {
        let defined = id.rsplit_once('_').map_or(id.as_str(), |(_, defined)| defined);
        finish(answer, survey.questions.get(defined).unwrap_or(&Question::default()));
    }
    let by_name: Map<String, Value> = answers
        .iter()
        .filter_map(|(id, answer)| Some((survey.questions.get(id)?.name.clone()?, answer.clone())))
        .collect();
    let nps = answers.values().find(|answer| answer.get("group").is_some());
    let nps = nps.map_or_else(
        || json!({ "score": null, "group": null }),
        |answer| json!({ "score": answer["value"], "group": answer["group"] }),
    );
    let status = about("status");
    json!({
        "response_id": response.get("responseId").cloned().unwrap_or(Value::Null),
        "survey_id": survey_id,
        "survey_name": survey.name,
        "finished": about("finished") == 1 || about("finished") == true,
        // 0 is an answer of the usual kind; 1 a preview, 2 a test.
        "preview": matches!(status.as_i64(), Some(1 | 2)) || about("distributionChannel") == "preview",
        "status": status,
        "started_at": about("startDate"),
        "ended_at": about("endDate"),
        "recorded_at": about("recordedDate"),
        "seconds": about("duration"),
        "language": about("userLanguage"),
        "channel": about("distributionChannel"),
        "recipient": {
            "email": about("recipientEmail"),
            "first_name": about("recipientFirstName"),
            "last_name": about("recipientLastName"),
            "external_reference": about("externalDataReference"),
        },
        "nps": nps,
        "answers": answers,
        "by_name": by_name,
        "embedded": embedded,
        "values": values,
        "labels": labels,
        "displayed_fields": response.get("displayedFields").cloned().unwrap_or_else(|| json!([])),
    })
}

#[cfg(test)]
mod tests;
