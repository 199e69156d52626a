//! `qualtrics.get_response`: `GET /API/v3/surveys/{surveyId}/responses/{responseId}`, and the survey's definition for the words
//! (`GET /API/v3/surveys/{surveyId}`). <https://api.qualtrics.com/>, checked 2026-11-23.

use std::collections::BTreeMap;
use std::sync::Arc;

use deskwire_core::BoxFuture;
use deskwire_core::action::{Action, ActionSpec, Call, CallError, Effect, ErrorClass, ErrorHelp, HoldKey};
use deskwire_core::ids::ConnectionName;
use schemars::JsonSchema;
use serde_json::{Map, Value};

use super::answers::{self, Answer, Survey};
use super::{PROVIDER, Qualtrics, budget, errors, id};
use crate::client::Client;
use crate::remembered::Remembered;
use crate::schema;

const NAME: &str = "qualtrics.get_response";
const PAGE: &str = "https://api.qualtrics.com/1179a68b7183c-retrieve-a-survey-response";

/// Qualtrics' code for a survey that is not there.
const NO_SURVEY: &str = "GSI_2";

/// Our code for a response that cannot be read yet.
const NOT_YET: &str = "not_readable_yet";

const EXAMPLE: &str = "\
- id: response
  action: qualtrics.get_response
  connection: qualtrics
  with:
    survey_id: \"{{ event.data.SurveyID }}\"
    response_id: \"{{ event.data.ResponseID }}\"
";

/// What the step gives.
#[derive(Debug, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct GetResponseInput {
    /// The survey: `SV_…`.
    pub survey_id: String,
    /// The response: `R_…`.
    pub response_id: String,
}

/// Who answered, as far as Qualtrics knows.
#[derive(Debug, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct Recipient {
    /// Their e-mail address; none for anonymous links.
    #[schemars(extend("x-personal" = true))]
    pub email: Option<String>,
    /// Their first name.
    #[schemars(extend("x-personal" = true))]
    pub first_name: Option<String>,
    /// Their last name.
    #[schemars(extend("x-personal" = true))]
    pub last_name: Option<String>,
    /// Their id in another system.
    pub external_reference: Option<String>,
}

/// The answer to "how likely are you to recommend us".
#[derive(Debug, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct Nps {
    /// 0 to 10.
    pub score: Option<u64>,
    /// `detractor` (0 to 6), `passive` (7 and 8) or `promoter` (9 and 10).
    pub group: Option<String>,
}

/// What the step answers.
#[derive(Debug, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct GetResponseOutput {
    /// The response.
    pub response_id: String,
    /// The survey.
    pub survey_id: String,
    /// The survey's name, where the connection may read it.
    pub survey_name: Option<String>,
    /// Was it sent off?
    pub finished: bool,
    /// Is it somebody's trial, and no customer's answer?
    pub preview: bool,
    /// Qualtrics' own number for that: 0 for the usual kind.
    pub status: Option<u64>,
    /// When it was begun, RFC 3339.
    pub started_at: Option<String>,
    /// When it was ended.
    pub ended_at: Option<String>,
    /// When it was recorded.
    pub recorded_at: Option<String>,
    /// How long it took.
    pub seconds: Option<u64>,
    /// The language it was answered in: `EN`.
    pub language: Option<String>,
    /// How the survey reached them: `email`, `anonymous`.
    pub channel: Option<String>,
    /// Who answered.
    pub recipient: Recipient,
    /// The first question of the kind "how likely are you to recommend us"; its parts are none where there is no answer.
    pub nps: Nps,
    /// Each answer by its question's id, such as `QID1`; a pass of a loop has its own, such as `1_QID7`. Under `answers.QID1`
    /// stand `value`, `label` (what was chosen, in words; a list for several), `text` (what was written), `question`, `name` and
    /// `kind`; and, for questions that have them: `texts` by choice, `rows` (a matrix, sliders, fields of a form, parts of a
    /// sum), `columns` (side by side), `ranks` (items in order), `groups` (choices sorted into groups), `group` (of an NPS),
    /// `file` (an upload or a signature), `timing`, `browser`, `regions`, and `more` for anything else.
    #[schemars(extend("x-personal" = true))]
    pub answers: BTreeMap<String, Answer>,
    /// The same by the question's name in the survey: `Q1`.
    #[schemars(extend("x-personal" = true))]
    pub by_name: Map<String, Value>,
    /// Embedded data by name.
    #[schemars(extend("x-personal" = true))]
    pub embedded: Map<String, Value>,
    /// Everything as Qualtrics has it.
    #[schemars(extend("x-personal" = true))]
    pub values: Map<String, Value>,
    /// Labels as Qualtrics has them.
    #[schemars(extend("x-personal" = true))]
    pub labels: Map<String, Value>,
    /// What was shown, whether it was answered or not.
    pub displayed_fields: Vec<String>,
}

/// The action.
pub struct GetResponse {
    client: Arc<Client>,
    surveys: Remembered<Survey, (ConnectionName, String)>,
    spec: ActionSpec,
}

impl GetResponse {
    /// The action on this client.
    pub fn new(client: Arc<Client>) -> Self {
        let spec = ActionSpec {
            name: NAME,
            provider: PROVIDER,
            summary: "Fetches the answers of a survey response.",
            input: schema::of::<GetResponseInput>(),
            output: schema::of::<GetResponseOutput>(),
            effect: Effect::Read,
            scopes: &["read:survey_responses", "read:surveys"],
            errors: errors(&[
                ErrorHelp {
                    code: NOT_YET,
                    class: ErrorClass::Retry,
                    help: "Qualtrics tells of a response before it can be read; it is tried again. `retry:` says for how long.",
                },
                ErrorHelp {
                    code: NO_SURVEY,
                    class: ErrorClass::Fail,
                    help: "The survey was deleted, or belongs to another brand.",
                },
            ]),
            example: EXAMPLE,
            page: PAGE,
        };
        Self { client, surveys: Remembered::default(), spec }
    }

    async fn read(&self, call: Call<'_>) -> Result<Value, CallError> {
        let survey = id(call.input, "survey_id", "SV_")?;
        let response = id(call.input, "response_id", "R_")?;
        let qualtrics = Qualtrics::on(&self.client, call.connection)?;
        let what = format!("response {response} of survey {survey}");
        let found = qualtrics.get(&format!("API/v3/surveys/{survey}/responses/{response}"), &[], &what).await;
        let found = found.map_err(|failed| {
            // Is the response not there, while its survey is?
            if failed.missing && failed.error.code != NO_SURVEY { not_yet(&what) } else { failed.error }
        })?;
        let key = (call.connection.clone(), survey.clone());
        let words = self.surveys.get(&key, definition(qualtrics, &survey)).await?;
        Ok(answers::sorted(&survey, &found, &words))
    }
}

/// The words of a survey. They are a convenience: where they cannot be read for good, there are none.
pub(super) async fn definition(qualtrics: Qualtrics<'_>, survey: &str) -> Result<Survey, CallError> {
    match qualtrics.get(&format!("API/v3/surveys/{survey}"), &[], &format!("survey {survey}")).await {
        Ok(definition) => Ok(answers::survey(&definition)),
        Err(failed) if failed.error.class == ErrorClass::Fail => Ok(Survey::default()),
        Err(failed) => Err(failed.error),
    }
}

fn not_yet(what: &str) -> CallError {
    let message = format!(
        "Qualtrics has no {what} to read yet. It tells of responses before they can be read; it is tried again."
    );
    CallError::new(ErrorClass::Retry, NOT_YET, message)
}

impl Action for GetResponse {
    fn spec(&self) -> &ActionSpec {
        &self.spec
    }

    fn hold_keys(&self, call: Call<'_>) -> Vec<HoldKey> {
        vec![budget(call.connection)]
    }

    fn call<'a>(&'a self, call: Call<'a>) -> BoxFuture<'a, Result<Value, CallError>> {
        Box::pin(self.read(call))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use wiremock::matchers::path;
    use wiremock::{Mock, MockServer, ResponseTemplate};

    use super::*;
    use crate::testing::{call, client};

    const RESPONSE: &str = "/API/v3/surveys/SV_1/responses/R_1";

    fn found(result: &Value) -> ResponseTemplate {
        ResponseTemplate::new(200).set_body_json(json!({ "result": result, "meta": { "httpStatus": "200 - OK" } }))
    }

    fn refused(status: u16, code: &str) -> ResponseTemplate {
        let error = json!({ "errorCode": code, "errorMessage": "Not so." });
        ResponseTemplate::new(status).set_body_json(json!({ "meta": { "error": error, "requestId": null } }))
    }

    async fn read(server: &MockServer, input: Value) -> Result<Value, CallError> {
        call(&GetResponse::new(client(server)), input).await
    }

    async fn reads(server: &MockServer) -> Result<Value, CallError> {
        read(server, json!({ "survey_id": "SV_1", "response_id": "R_1" })).await
    }

    #[tokio::test]
    async fn answers_come_with_the_words_of_the_survey_which_are_asked_for_once() {
        let server = MockServer::start().await;
        let response = json!({ "responseId": "R_1", "values": { "QID1": 3, "QID1_NPS_GROUP": 1 }, "labels": {} });
        Mock::given(path(RESPONSE)).respond_with(found(&response)).expect(2).mount(&server).await;
        let survey =
            json!({ "name": "After", "questions": { "QID1": { "questionName": "nps", "questionText": "Likely?" } } });
        Mock::given(path("/API/v3/surveys/SV_1")).respond_with(found(&survey)).expect(1).mount(&server).await;
        let action = GetResponse::new(client(&server));
        for _ in 0..2 {
            let input = json!({ "survey_id": "SV_1", "response_id": "R_1" });
            let read = call(&action, input).await.unwrap();
            assert_eq!(
                (&read["nps"]["group"], &read["by_name"]["nps"]["question"]),
                (&json!("detractor"), &json!("Likely?"))
            );
        }
        let calls = server.received_requests().await.unwrap();
        assert!(calls.iter().all(|call| call.headers.contains_key("x-api-token")));
    }

    #[tokio::test]
    async fn a_response_that_cannot_be_read_yet_is_asked_for_again_and_a_survey_that_is_gone_is_not() {
        for (answer, class, code) in [
            (refused(404, "RES_1"), ErrorClass::Retry, NOT_YET),
            (
                ResponseTemplate::new(404).set_body_json(json!({ "meta": { "httpStatus": "404" } })),
                ErrorClass::Retry,
                NOT_YET,
            ),
            (refused(404, "GSI_2"), ErrorClass::Fail, NO_SURVEY),
            (refused(401, "DCD_7"), ErrorClass::NeedsReauthorization, "DCD_7"),
            (refused(403, "AuthZ_2.0"), ErrorClass::Fail, "AuthZ_2.0"),
            (refused(429, ""), ErrorClass::Retry, ""),
            (refused(500, "X"), ErrorClass::Retry, "X"),
            (ResponseTemplate::new(200).set_body_string("<html>"), ErrorClass::Fail, "unexpected_answer"),
            (found(&Value::Null), ErrorClass::Fail, "unexpected_answer"),
        ] {
            let server = MockServer::start().await;
            Mock::given(path(RESPONSE)).respond_with(answer).mount(&server).await;
            let error = reads(&server).await.unwrap_err();
            assert_eq!((error.class, error.code.as_str()), (class, code), "{}", error.message);
        }
    }

    #[tokio::test]
    async fn without_the_right_to_see_the_survey_the_answers_come_without_its_words() {
        let server = MockServer::start().await;
        Mock::given(path(RESPONSE))
            .respond_with(found(&json!({ "responseId": "R_1", "values": {} })))
            .mount(&server)
            .await;
        Mock::given(path("/API/v3/surveys/SV_1")).respond_with(refused(403, "AuthZ_2.0")).mount(&server).await;
        assert_eq!(reads(&server).await.unwrap()["survey_name"], Value::Null);
    }

    #[tokio::test]
    async fn ids_that_are_none_are_never_part_of_a_path() {
        let server = MockServer::start().await;
        for (survey, response) in
            [("", "R_1"), ("SV_", "R_1"), ("SV_1/../x", "R_1"), ("SV_1", "R_1?x"), ("R_1", "SV_1"), ("SV_1", "R_1 2")]
        {
            let error = read(&server, json!({ "survey_id": survey, "response_id": response })).await.unwrap_err();
            assert_eq!(error.code, "bad_input", "{survey} {response}");
        }
        assert!(server.received_requests().await.unwrap().is_empty());
    }
}
