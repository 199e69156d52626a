//! The brand: a survey, responses, contacts, distributions, subscriptions.

use std::collections::BTreeMap;
use std::time::Duration;

use deskwire_core::random::Random;
use deskwire_core::time::Timestamp;
use serde_json::{Map, Value, json};

use super::Answers;
use crate::calendar::whole_seconds;
use crate::world::{QUALTRICS_BRAND, SURVEY, SURVEY_RESPONSE};

/// So often a new response is asked for before it can be read.
const UNREADABLE: u32 = 1;

#[derive(Debug, Clone)]
pub(crate) struct Response {
    pub id: String,
    pub survey: String,
    pub values: Map<String, Value>,
    pub labels: Map<String, Value>,
    pub completed_at: Timestamp,
    pub distribution: String,
    /// How often it is asked for in vain.
    pub unreadable: u32,
}

#[derive(Debug, Clone)]
pub(crate) struct Distribution {
    pub id: String,
    pub survey: String,
    pub contact: String,
    pub embedded: Vec<(String, String)>,
    pub expires: String,
    /// What stands in its link; taken away when it is used.
    pub token: Option<String>,
}

#[derive(Debug, Clone)]
pub(crate) struct Subscription {
    pub id: String,
    pub topics: String,
    pub url: String,
    pub key: String,
    pub calls: u32,
}

/// A file of responses that is being made.
#[derive(Debug, Clone)]
pub(crate) struct Export {
    /// What its progress is asked for by.
    pub progress: String,
    /// What the file itself is asked for by.
    pub file: String,
    /// Responses recorded from then on.
    pub since: Timestamp,
    /// Responses recorded before that time.
    pub until: Option<Timestamp>,
    pub limit: Option<usize>,
    /// How often its progress is asked for in vain.
    pub unfinished: u32,
}

#[derive(Debug, Clone, Default)]
pub(crate) struct Contact {
    pub email: String,
    pub first_name: Option<String>,
    pub embedded: Vec<(String, String)>,
}

#[derive(Debug, Default)]
pub(crate) struct Brand {
    pub responses: Vec<Response>,
    pub distributions: Vec<Distribution>,
    pub subscriptions: Vec<Subscription>,
    pub contacts: BTreeMap<String, Contact>,
    pub exports: Vec<Export>,
    /// The JSON events that came.
    pub events: Vec<Value>,
}

impl Brand {
    /// With one response, which can be read.
    pub(crate) fn seeded(now: Timestamp) -> Self {
        let answers = Answers {
            nps: Some(4),
            comment: Some("The helmets came late, and nobody wrote.".to_owned()),
            call: Some(true),
            embedded: vec![("ResponseEventContext".to_owned(), "48213".to_owned())],
            email: Some("mina.oort@example.net".to_owned()),
        };
        let completed_at = now.minus(Duration::from_secs(50));
        let response = response(SURVEY_RESPONSE.to_owned(), SURVEY, &answers, "", completed_at, 0);
        Self { responses: vec![response], ..Self::default() }
    }

    pub(crate) fn respond(&mut self, survey: &str, answers: &Answers, random: &dyn Random, now: Timestamp) -> String {
        let id = id("R_", random);
        self.responses.push(response(id.clone(), survey, answers, "", now, UNREADABLE));
        id
    }

    pub(crate) fn respond_by(
        &mut self,
        token: &str,
        answers: Answers,
        random: &dyn Random,
        now: Timestamp,
    ) -> Option<String> {
        let made = self.distributions.iter_mut().find(|made| made.token.as_deref() == Some(token))?;
        made.token = None;
        let contact = self.contacts.get(&made.contact).cloned().unwrap_or_default();
        let mut answers = answers;
        answers.embedded.extend(made.embedded.iter().chain(&contact.embedded).cloned());
        answers.email = answers.email.or(Some(contact.email)).filter(|email| !email.is_empty());
        let id = id("R_", random);
        let survey = made.survey.clone();
        self.responses.push(response(id.clone(), &survey, &answers, &made.id, now, UNREADABLE));
        Some(id)
    }

    pub(crate) fn open_links(&self) -> Vec<String> {
        self.distributions.iter().filter_map(link).collect()
    }

    pub(crate) fn response(&self, id: &str) -> Option<&Response> {
        self.responses.iter().find(|response| response.id == id)
    }
}

/// An id of a kind: its letters, and fifteen letters or digits.
pub(crate) fn id(kind: &str, random: &dyn Random) -> String {
    const DIGITS: &[u8; 32] = b"0123456789abcdefghijkmnpqrstuvwx";
    let mut bits = random.bits();
    let digits: String = (0..15)
        .map(|_| {
            let digit = char::from(DIGITS[usize::try_from(bits % 32).unwrap_or(0)]);
            bits /= 32;
            digit
        })
        .collect();
    format!("{kind}{digits}")
}

/// The link of a distribution that was not used yet.
pub(crate) fn link(made: &Distribution) -> Option<String> {
    let token = made.token.as_ref()?;
    Some(format!("https://{QUALTRICS_BRAND}.fra1.qualtrics.com/jfe/form/{}?Q_CHL=gl&Q_DL={token}", made.survey))
}

fn response(
    id: String,
    survey: &str,
    answers: &Answers,
    distribution: &str,
    now: Timestamp,
    unreadable: u32,
) -> Response {
    let began = now.minus(Duration::from_secs(29));
    let channel = if distribution.is_empty() { "anonymous" } else { "gl" };
    let mut values = json!({
        "startDate": whole_seconds(began), "endDate": whole_seconds(now), "status": 0, "progress": 100, "duration": 29,
        "finished": 1, "recordedDate": now.to_string(), "_recordId": id, "distributionChannel": channel, "userLanguage": "EN",
    });
    let mut labels = json!({ "finished": "True", "status": "IP Address" });
    if let Some(email) = &answers.email {
        values["recipientEmail"] = json!(email);
    }
    if let Some(nps) = answers.nps {
        let (group, word) = match nps {
            0..=6 => (1, "Detractor"),
            7 | 8 => (2, "Passive"),
            _ => (3, "Promoter"),
        };
        values["QID1"] = json!(nps);
        values["QID1_NPS_GROUP"] = json!(group);
        labels["QID1_NPS_GROUP"] = json!(word);
    }
    if let Some(comment) = &answers.comment {
        values["QID2_TEXT"] = json!(comment);
    }
    if let Some(call) = answers.call {
        values["QID3"] = json!(if call { 1 } else { 2 });
        labels["QID3"] = json!(if call { "Yes" } else { "No" });
    }
    for (name, value) in &answers.embedded {
        values[name] = json!(value);
    }
    let map = |value: Value| if let Value::Object(map) = value { map } else { Map::new() };
    Response {
        id,
        survey: survey.to_owned(),
        values: map(values),
        labels: map(labels),
        completed_at: now,
        distribution: distribution.to_owned(),
        unreadable,
    }
}

/// The survey's definition, as `GET /surveys/{id}` shows it.
pub(crate) fn definition() -> Value {
    json!({
        "id": SURVEY,
        "name": "After a ticket",
        "isActive": true,
        "questions": {
            "QID1": {
                "questionType": { "type": "MC", "selector": "NPS", "subSelector": null },
                "questionText": "How <b>likely</b> are you to recommend us?",
                "questionName": "nps",
                "validation": { "doesForceResponse": true },
                "choices": [],
            },
            "QID2": {
                "questionType": { "type": "TE", "selector": "ML", "subSelector": null },
                "questionText": "What should we do better?",
                "questionName": "better",
                "validation": { "doesForceResponse": false },
            },
            "QID3": {
                "questionType": { "type": "MC", "selector": "SAVR", "subSelector": "TX" },
                "questionText": "May we <i>call</i> you about it?",
                "questionName": "call",
                "validation": { "doesForceResponse": false },
                "choices": {
                    "1": { "recode": "1", "description": "Yes", "choiceText": "Yes", "analyze": true },
                    "2": { "recode": "2", "description": "No", "choiceText": "No", "analyze": true },
                },
            },
        },
        "embeddedData": [{ "name": "ResponseEventContext", "defaultValue": null }],
        "responseCounts": { "auditable": 0, "generated": 0, "deleted": 0 },
    })
}
