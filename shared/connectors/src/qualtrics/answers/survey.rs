//! The words of a survey: what its questions, choices, rows and groups say. `GET /API/v3/surveys/{surveyId}`,
//! <https://api.qualtrics.com/> (checked 2026-11-23).

use std::collections::BTreeMap;

use serde_json::Value;

use crate::qualtrics::plain::plain;

/// What a question and its choices say.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Question {
    pub name: Option<String>,
    pub text: Option<String>,
    /// Its kind as Qualtrics writes it: `MC`, `Matrix`, `RO`.
    pub kind: Option<String>,
    /// The choices' texts, by recode value.
    pub choices: BTreeMap<String, String>,
    /// The same, by number.
    pub items: BTreeMap<String, String>,
    /// The rows' texts, by number.
    pub rows: BTreeMap<String, String>,
    /// What the groups are called into which choices are sorted, from 0.
    pub groups: Vec<String>,
}

/// The survey's name and its questions by id.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Survey {
    pub name: Option<String>,
    pub questions: BTreeMap<String, Question>,
}

/// Reads it. Maps that are empty may come as lists.
pub(crate) fn survey(definition: &Value) -> Survey {
    let questions = definition.get("questions").and_then(Value::as_object).into_iter().flatten();
    Survey {
        name: definition.get("name").and_then(Value::as_str).map(plain),
        questions: questions.map(|(id, question)| (id.clone(), read(question))).collect(),
    }
}

fn read(question: &Value) -> Question {
    Question {
        name: question.get("questionName").and_then(Value::as_str).map(str::to_owned),
        text: text(question, "questionText"),
        kind: question.pointer("/questionType/type").and_then(Value::as_str).map(str::to_owned),
        choices: texts(question.get("choices"), true),
        items: texts(question.get("choices"), false),
        // A matrix calls its rows choices in one place and sub-questions in another.
        rows: texts(question.get("subQuestions"), false),
        // That this answer has them is not confirmed; in exported surveys they are a list of texts.
        groups: question.get("groups").and_then(Value::as_array).into_iter().flatten().map(group).collect(),
    }
}

fn text(value: &Value, name: &str) -> Option<String> {
    value.get(name).and_then(Value::as_str).map(plain).filter(|text| !text.is_empty())
}

fn texts(value: Option<&Value>, by_recode: bool) -> BTreeMap<String, String> {
    let entries = value.and_then(Value::as_object).into_iter().flatten();
    entries
        .filter_map(|(number, choice)| {
            let recode = choice.get("recode").and_then(Value::as_str).filter(|_| by_recode);
            let said = text(choice, "choiceText").or_else(|| text(choice, "description"))?;
            Some((recode.unwrap_or(number).to_owned(), said))
        })
        .collect()
}

fn group(value: &Value) -> String {
    value.as_str().map(plain).or_else(|| text(value, "description")).unwrap_or_default()
}
