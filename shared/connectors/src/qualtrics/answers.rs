//! A response as workflows read it: its flat `values`, sorted into answers, embedded data and the rest, with the texts of the
//! survey's definition. <https://api.qualtrics.com/> (checked 2026-11-23), and recorded responses.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::plain::plain;

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

/// What a question and its choices say.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Question {
    pub name: Option<String>,
    pub text: Option<String>,
    /// The choices' texts, by recode value.
    pub choices: BTreeMap<String, String>,
    /// The rows' texts, by number.
    pub rows: BTreeMap<String, String>,
}

/// The survey's name and its questions by id.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Survey {
    pub name: Option<String>,
    pub questions: BTreeMap<String, Question>,
}

/// Reads `GET /surveys/{id}`. Maps that are empty may come as lists.
pub(crate) fn survey(definition: &Value) -> Survey {
    let text =
        |value: &Value, name: &str| value.get(name).and_then(Value::as_str).map(plain).filter(|text| !text.is_empty());
    let texts = |value: Option<&Value>, by_recode: bool| -> BTreeMap<String, String> {
        let entries = value.and_then(Value::as_object).into_iter().flatten();
        entries
            .filter_map(|(number, choice)| {
                let recode = choice.get("recode").and_then(Value::as_str).filter(|_| by_recode);
                let said = text(choice, "choiceText").or_else(|| text(choice, "description"))?;
                Some((recode.unwrap_or(number).to_owned(), said))
            })
            .collect()
    };
    let questions = definition.get("questions").and_then(Value::as_object).into_iter().flatten();
    Survey {
        name: definition.get("name").and_then(Value::as_str).map(plain),
        questions: questions
            .map(|(id, question)| {
                // A matrix calls its rows choices in one place and sub-questions in another.
                let rows = texts(question.get("subQuestions"), false);
                let question = Question {
                    name: question.get("questionName").and_then(Value::as_str).map(str::to_owned),
                    text: text(question, "questionText"),
                    choices: texts(question.get("choices"), true),
                    rows,
                };
                (id.clone(), question)
            })
            .collect(),
    }
}

/// Sorts a response.
pub(crate) fn sorted(survey_id: &str, response: &Value, survey: &Survey) -> Value {
    let part = |name: &str| response.get(name).and_then(Value::as_object).cloned().unwrap_or_default();
    let (values, labels) = (part("values"), part("labels"));
    let about = |name: &str| values.get(name).cloned().unwrap_or(Value::Null);
    let (mut answers, mut embedded) = (Map::new(), Map::new());
    for (key, value) in &values {
        match Key::of(key) {
            Some(key) => place(&mut answers, &key, value, &labels, survey),
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

/// A key of `values` that belongs to a question: `QID1`, `QID2_4_TEXT`, `1_QID7`.
struct Key {
    whole: String,
    /// With the pass of a loop in front of it, where there is one.
    question: String,
    /// The question in the definition.
    defined: String,
    /// What stands behind it, by parts.
    rest: Vec<String>,
}

impl Key {
    fn of(key: &str) -> Option<Self> {
        let mut parts = key.split('_').map(str::to_owned).peekable();
        let pass = parts.next_if(|part| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit()));
        let id = parts.next()?;
        let digits = id.strip_prefix("QID")?;
        if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
            return None;
        }
        let question = pass.map_or_else(|| id.clone(), |pass| format!("{pass}_{id}"));
        Some(Self { whole: key.to_owned(), question, defined: id, rest: parts.collect() })
    }
}

fn place(answers: &mut Map<String, Value>, key: &Key, value: &Value, labels: &Map<String, Value>, survey: &Survey) {
    let question = survey.questions.get(&key.defined).cloned().unwrap_or_default();
    let rest: Vec<&str> = key.rest.iter().map(String::as_str).collect();
    let entry = answers.entry(key.question.clone()).or_insert_with(|| unanswered(&question));
    match rest.as_slice() {
        [] => {
            entry["value"] = value.clone();
            entry["label"] = label(value, labels.get(&key.whole), &question.choices);
        }
        ["TEXT"] => entry["text"] = value.clone(),
        ["NPS", "GROUP"] => {
            entry["group"] = match value.as_i64() {
                Some(1) => "detractor".into(),
                Some(2) => "passive".into(),
                Some(3) => "promoter".into(),
                _ => Value::Null,
            };
        }
        // How it was shown and by what browser is no answer.
        ["DO" | "BROWSER" | "VERSION" | "OS" | "RESOLUTION", ..] => {}
        [row, "TEXT"] => set(entry, "texts", row, value.clone()),
        [row] => {
            let label = label(value, labels.get(&key.whole), &question.choices);
            let row_text = question.rows.get(*row);
            set(entry, "rows", row, json!({ "value": value, "label": label, "row": row_text }));
        }
        more => set(entry, "more", &more.join("_"), value.clone()),
    }
}

fn unanswered(question: &Question) -> Value {
    json!({ "value": null, "label": null, "text": null, "question": question.text, "name": question.name })
}

fn set(answer: &mut Value, under: &str, name: &str, value: Value) {
    if !answer[under].is_object() {
        answer[under] = json!({});
    }
    answer[under][name] = value;
}

/// What the person chose, in words: as the response says it, or else as the definition does. Several are a list.
fn label(value: &Value, said: Option<&Value>, choices: &BTreeMap<String, String>) -> Value {
    let word = |value: &Value| {
        let key = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        choices.get(&key).map_or(Value::Null, |text| text.as_str().into())
    };
    match (said, value) {
        (Some(Value::String(text)), _) => plain(text).into(),
        (Some(Value::Array(list)), _) => {
            list.iter().map(|one| one.as_str().map_or(one.clone(), |text| plain(text).into())).collect()
        }
        (_, Value::Array(list)) => list.iter().map(word).collect(),
        (_, value) => word(value),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Put together from recorded responses, with invented values.
    fn response() -> Value {
        json!({
            "responseId": "R_1",
            "values": {
                "startDate": "2024-07-08T15:59:53Z", "endDate": "2024-07-08T16:00:23Z", "status": 0, "progress": 100,
                "duration": 29, "finished": 1, "recordedDate": "2024-07-08T16:00:23.994Z", "_recordId": "R_1",
                "distributionChannel": "email", "userLanguage": "EN", "recipientFirstName": "Ada",
                "recipientEmail": "ada@example.com", "externalDataReference": "29",
                "QID1": 4, "QID1_NPS_GROUP": 1, "QID2": 4, "QID2_4_TEXT": "other text", "QID3": ["2", "5"],
                "QID4_TEXT": "open <b>text</b>", "QID5_1": 3, "QID5_2": 5, "QID6": 2, "QID6_DO": ["1", "2", "3"],
                "1_QID7": 1, "QID8": 1, "QID9_BROWSER": "Firefox", "ticket_id": "35436", "SC_1": 7
            },
            "labels": { "finished": "True", "QID1_NPS_GROUP": "Detractor", "QID2": "Other (specify)",
                        "QID3": ["Tuesday", "<i>Friday</i>"], "QID6": "No" },
            "displayedFields": ["QID1", "QID4_TEXT"]
        })
    }

    fn definition() -> Value {
        json!({
            "name": "After a ticket",
            "questions": {
                "QID1": { "questionName": "Q1_nps", "questionText": "How <b>likely</b>?", "choices": [] },
                "QID5": { "questionName": "Q5", "questionText": "Rate", "choices": { "3": { "recode": "3", "choiceText": "Fine" },
                          "5": { "recode": "5", "choiceText": "Bad" } },
                          "subQuestions": { "1": { "choiceText": "Speed" }, "2": { "choiceText": "Tone" } } },
                "QID10": { "questionName": "Q10", "questionText": "Anything else?" },
                "QID8": { "questionName": "call", "questionText": "Call you?",
                          "choices": { "7": { "recode": "1", "choiceText": "Yes" }, "8": { "recode": "2", "choiceText": "No" } } }
            }
        })
    }

    #[test]
    fn a_response_is_sorted_into_answers_embedded_data_and_the_rest() {
        let sorted = sorted("SV_1", &response(), &survey(&definition()));
        let answer = |id: &str| sorted["answers"][id].clone();
        assert_eq!(
            (&sorted["survey_name"], &sorted["finished"], &sorted["preview"]),
            (&json!("After a ticket"), &json!(true), &json!(false))
        );
        assert_eq!(sorted["nps"], json!({ "score": 4, "group": "detractor" }));
        assert_eq!(answer("QID1")["question"], "How likely?");
        assert_eq!(
            (&answer("QID2")["label"], &answer("QID2")["texts"]),
            (&json!("Other (specify)"), &json!({ "4": "other text" }))
        );
        assert_eq!(answer("QID3")["label"], json!(["Tuesday", "Friday"]));
        assert_eq!(answer("QID4")["text"], "open <b>text</b>", "what a person wrote is theirs");
        assert_eq!(answer("QID5")["rows"]["1"], json!({ "value": 3, "label": "Fine", "row": "Speed" }));
        assert_eq!(answer("1_QID7")["value"], 1, "a pass of a loop");
        assert_eq!(answer("QID8")["label"], "Yes", "by its recode value, not its number");
        assert_eq!(sorted["by_name"]["call"]["label"], "Yes");
        assert_eq!(sorted["by_name"]["Q10"]["value"], Value::Null, "asked, and not answered");
        assert_eq!(sorted["embedded"], json!({ "ticket_id": "35436", "SC_1": 7 }));
        assert_eq!(sorted["recipient"]["email"], "ada@example.com");
    }

    #[test]
    fn without_a_definition_and_with_strange_answers_nothing_is_lost() {
        let strange = json!({ "responseId": "R_2", "values": {
            "QID1": null, "QID2": { "a": 1 }, "QID3_a_b_c": true, "QID": 1, "QIDx!": 2, "status": 1, "": "x",
            "QID10_TEXT": "مرحبا 👋 <script>".repeat(2_000) }, "labels": [] });
        let sorted = sorted("SV_1", &strange, &Survey::default());
        assert_eq!(sorted["preview"], true);
        assert_eq!(sorted["answers"]["QID3"]["more"], json!({ "a_b_c": true }));
        assert_eq!(sorted["embedded"], json!({ "QID": 1, "QIDx!": 2, "": "x" }));
        assert_eq!(sorted["answers"]["QID10"]["text"], strange["values"]["QID10_TEXT"]);
        assert_eq!(sorted["nps"], json!({ "score": null, "group": null }));
        assert_eq!(sorted["by_name"], json!({}));
    }
}
