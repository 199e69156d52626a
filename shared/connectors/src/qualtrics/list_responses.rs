//! `qualtrics.list_responses`: the responses of a survey that were recorded in a span of time. Qualtrics lists none: it makes
//! a file (`POST /API/v3/surveys/{id}/export-responses`), which is asked for until it is there
//! (`GET …/export-responses/{progressId}`) and then fetched (`GET …/export-responses/{fileId}/file`).
//! <https://api.qualtrics.com/>, checked 2026-11-23.
//!
//! A file that is still being made is a try that failed for now, so the waiting is the engine's: it costs nothing and
//! outlasts a restart. Which file is being made is kept in memory alone; whoever does not know of it has another one made.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use deskwire_core::BoxFuture;
use deskwire_core::action::{Action, ActionSpec, Call, CallError, Effect, ErrorClass, ErrorHelp, HoldKey};
use deskwire_core::ids::ConnectionName;
use deskwire_core::time::{BadDuration, BadTimestamp, Timestamp, read_duration};
use http::Method;
use schemars::JsonSchema;
use serde_json::{Value, json};

use super::get_response::{GetResponseOutput, definition};
use super::{Asked, Failed, PROVIDER, Qualtrics, answers, budget, errors, id};
use crate::client::{Client, quoted};
use crate::input::{self, bad};
use crate::remembered::Remembered;
use crate::schema;
use crate::several::Done;

const NAME: &str = "qualtrics.list_responses";
const PAGE: &str = "https://api.qualtrics.com/6b00592b9c013-start-response-export";

/// Our code for a file that is not made yet.
const EXPORTING: &str = "exporting";

/// Our code for a file that could not be made.
const EXPORT_FAILED: &str = "export_failed";

/// As many responses as are asked for where nothing is said, and at most: an answer has to fit into a step's output.
const USUAL: u64 = 100;
const MOST: u64 = 500;

/// So many files are known of at most; beyond that, all are forgotten.
const MOST_FILES: usize = 1_000;

const EXAMPLE: &str = "\
- id: week
  action: qualtrics.list_responses
  connection: qualtrics
  with: { survey_id: SV_0csatdesk0001, last: 7d }
  retry: { attempts: 30, first_wait: 1s, longest_wait: 1m }
";

/// What the step gives.
#[derive(Debug, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct ListResponsesInput {
    /// The survey: `SV_…`.
    pub survey_id: String,
    /// Responses of this time before the step: `7d`, `12h`. Either this or `since`.
    pub last: Option<String>,
    /// Responses recorded from this time on: `2026-01-26T00:00:00Z`.
    pub since: Option<String>,
    /// Responses recorded before this time; else up to now.
    pub until: Option<String>,
    /// So many at most, 1 to 500; 100 where nothing is said.
    pub limit: Option<u64>,
}

/// What the step answers.
#[derive(Debug, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct ListResponsesOutput {
    /// Each response as `qualtrics.get_response` gives it.
    pub responses: Vec<GetResponseOutput>,
    /// How many there are.
    pub count: u64,
    /// Are there as many as `limit` lets through, so that some may be left out?
    pub limited: bool,
}

/// Which file of which connection: what was asked for, as it was sent.
type Wanted = (ConnectionName, String, String);

/// The action.
pub struct ListResponses {
    client: Arc<Client>,
    surveys: Remembered<answers::Survey, (ConnectionName, String)>,
    /// Files that are being made, by what they were asked for.
    files: Mutex<HashMap<Wanted, String>>,
    spec: ActionSpec,
}

impl ListResponses {
    /// The action on this client.
    pub fn new(client: Arc<Client>) -> Self {
        let spec = ActionSpec {
            name: NAME,
            provider: PROVIDER,
            summary: "Lists the responses of a survey with their answers.",
            input: schema::of::<ListResponsesInput>(),
            output: schema::of::<ListResponsesOutput>(),
            effect: Effect::Read,
            scopes: &["read:survey_responses", "read:surveys"],
            errors: errors(&[
                ErrorHelp {
                    code: EXPORTING,
                    class: ErrorClass::Retry,
                    help: "Qualtrics is still putting the responses together; it is asked again. `retry:` says for how long.",
                },
                ErrorHelp {
                    code: EXPORT_FAILED,
                    class: ErrorClass::Retry,
                    help: "Qualtrics could not put the responses together; it is asked to once more.",
                },
                ErrorHelp {
                    code: "too_large",
                    class: ErrorClass::Fail,
                    help: "The answers are too many: ask for a shorter time or set a lower `limit`.",
                },
            ]),
            example: EXAMPLE,
            page: PAGE,
        };
        Self { client, surveys: Remembered::default(), files: Mutex::default(), spec }
    }

    async fn list(&self, call: Call<'_>) -> Result<Value, CallError> {
        let survey = id(call.input, "survey_id", "SV_")?;
        let limit = limit(call.input)?;
        let filter = filter(call.input, call.not_before, limit)?;
        let qualtrics = Qualtrics::on(&self.client, call.connection)?;
        let mut done = Done::default();
        let wanted = (call.connection.clone(), survey, filter.to_string());
        let (_, survey, _) = &wanted;
        let export = Export { qualtrics, path: format!("API/v3/surveys/{survey}/export-responses"), survey };
        let progress = match self.known(&wanted) {
            Some(known) => known,
            None => {
                export.start(&filter).await.map_err(|error| done.failed_at(&format!("POST /{}", export.path), error))?
            }
        };
        done.add(format!("Qualtrics was asked for export {progress}"));
        let state = export.state(&progress).await.map_err(|failed| {
            let error = done.failed_at(&format!("GET /{}/{progress}", export.path), failed.error);
            // Files are deleted after a while, and whoever is told of none has another one made.
            if failed.missing {
                self.forget(&wanted);
                return CallError { class: ErrorClass::Retry, ..error };
            }
            error
        })?;
        let file = match state {
            State::Made(file) => file,
            State::Making => {
                self.remember(&wanted, progress);
                return Err(export.again(EXPORTING, "is putting them together and has not finished yet"));
            }
            State::Failed => {
                self.forget(&wanted);
                return Err(export.again(EXPORT_FAILED, "could not put them together"));
            }
        };
        let fetching = |error| done.failed_at(&format!("GET /{}/{file}/file", export.path), error);
        let found = export.fetch(&file).await.map_err(fetching)?;
        self.forget(&wanted);
        let key = (call.connection.clone(), survey.clone());
        let words = self.surveys.get(&key, definition(qualtrics, survey)).await?;
        let responses: Vec<Value> = found.iter().map(|response| answers::sorted(survey, response, &words)).collect();
        let count = u64::try_from(responses.len()).unwrap_or(u64::MAX);
        Ok(json!({ "responses": responses, "count": count, "limited": count >= limit }))
    }

    fn known(&self, wanted: &Wanted) -> Option<String> {
        self.files.lock().unwrap_or_else(PoisonError::into_inner).get(wanted).cloned()
    }

    fn remember(&self, wanted: &Wanted, progress: String) {
        let mut files = self.files.lock().unwrap_or_else(PoisonError::into_inner);
        if files.len() >= MOST_FILES {
            files.clear();
        }
        files.insert(wanted.clone(), progress);
    }

    fn forget(&self, wanted: &Wanted) {
        self.files.lock().unwrap_or_else(PoisonError::into_inner).remove(wanted);
    }
}

fn limit(given: &Value) -> Result<u64, CallError> {
    match given.get("limit") {
        None | Some(Value::Null) => Ok(USUAL),
        Some(said) => {
            let said = said.as_u64().filter(|said| (1..=MOST).contains(said));
            said.ok_or_else(|| bad(format!("`limit` must be a number from 1 to {MOST}.")))
        }
    }
}

/// What is asked for. The same at every try of a step, since it counts from the first one.
fn filter(given: &Value, first_try: Timestamp, limit: u64) -> Result<Value, CallError> {
    let (last, since) = (input::text_if_any(given, "last")?, input::text_if_any(given, "since")?);
    let since = match (last, since) {
        (Some(last), None) => {
            let span = match read_duration(&last) {
                Err(long @ BadDuration::TooLong) => {
                    return Err(bad(format!("`last` is `{}`: {long}.", quoted(&last))));
                }
                span => span.ok().filter(|span| !span.is_zero()),
            };
            let span =
                span.ok_or_else(|| bad(format!("`last` must be a time such as 7d or 12h, not `{}`.", quoted(&last))))?;
            first_try.minus(span)
        }
        (None, Some(since)) => time("since", &since)?,
        _ => return Err(bad("Say from when on: either `last` (7d) or `since` (2026-01-26T00:00:00Z).".to_owned())),
    };
    let mut filter = json!({ "format": "json", "compress": false, "limit": limit, "startDate": whole_seconds(since) });
    if let Some(until) = input::text_if_any(given, "until")? {
        let until = time("until", &until)?;
        if until <= since {
            return Err(bad("`until` must be after the time from which on responses are wanted.".to_owned()));
        }
        filter["endDate"] = whole_seconds(until).into();
    }
    Ok(filter)
}

fn time(name: &str, text: &str) -> Result<Timestamp, CallError> {
    let parsed = Timestamp::parse(text.trim());
    parsed.map_err(|why| match why {
        BadTimestamp::NoTime(_) => {
            bad(format!("`{name}` must be a time such as 2026-01-26T00:00:00Z, not `{}`.", quoted(text)))
        }
        BadTimestamp::TooFar(_) => bad(format!("`{name}`: {why}.")),
    })
}

/// Qualtrics reads times without fractions of a second.
fn whole_seconds(time: Timestamp) -> String {
    let text = time.to_string();
    text.split_once('.').map_or_else(|| text.clone(), |(whole, _)| format!("{whole}Z"))
}

/// How far a file is.
enum State {
    Making,
    Failed,
    Made(String),
}

/// The three requests of an export.
struct Export<'a> {
    qualtrics: Qualtrics<'a>,
    path: String,
    survey: &'a str,
}

impl Export<'_> {
    fn what(&self) -> String {
        format!("the responses of survey {}", self.survey)
    }

    /// Has a file made: its progress id. Twice does no harm, so a lost answer is asked for again.
    async fn start(&self, filter: &Value) -> Result<String, CallError> {
        let (what, if_lost) = (self.what(), ErrorClass::Retry);
        let asked =
            Asked { method: Method::POST, path: &self.path, query: &[], body: Some(filter), what: &what, if_lost };
        let answer = self.qualtrics.ask(asked).await?;
        self.part_of_path(answer.pointer("/result/progressId"))
    }

    async fn state(&self, progress: &str) -> Result<State, Failed> {
        let result = self.qualtrics.get(&format!("{}/{progress}", self.path), &[], &self.what()).await?;
        match result.get("status").and_then(Value::as_str) {
            Some("complete") => Ok(State::Made(self.part_of_path(result.get("fileId"))?)),
            Some("failed") => Ok(State::Failed),
            Some(_) => Ok(State::Making),
            None => Err(self.qualtrics.not_qualtrics(&self.what(), ErrorClass::Retry).into()),
        }
    }

    /// The file itself, which comes without the envelope of other answers.
    async fn fetch(&self, file: &str) -> Result<Vec<Value>, CallError> {
        let (what, if_lost) = (self.what(), ErrorClass::Retry);
        let path = format!("{}/{file}/file", self.path);
        let asked = Asked { method: Method::GET, path: &path, query: &[], body: None, what: &what, if_lost };
        let mut answer = self.qualtrics.ask(asked).await?;
        match answer.get_mut("responses").map(Value::take) {
            Some(Value::Array(responses)) => Ok(responses),
            _ => Err(self.qualtrics.not_qualtrics(&what, if_lost)),
        }
    }

    /// An id that Qualtrics gave, which becomes a part of the next path.
    fn part_of_path(&self, id: Option<&Value>) -> Result<String, CallError> {
        let fits = |id: &&str| {
            !id.is_empty()
                && id.len() <= 100
                && id.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte))
        };
        let id = id.and_then(Value::as_str).filter(fits);
        id.map(str::to_owned).ok_or_else(|| self.qualtrics.not_qualtrics(&self.what(), ErrorClass::Retry))
    }

    fn again(&self, code: &str, why: &str) -> CallError {
        let message = format!("For {}, Qualtrics {why}; it is asked again.", self.what());
        CallError::new(ErrorClass::Retry, code, message)
    }
}

impl Action for ListResponses {
    fn spec(&self) -> &ActionSpec {
        &self.spec
    }

    fn hold_keys(&self, call: Call<'_>) -> Vec<HoldKey> {
        vec![budget(call.connection)]
    }

    fn call<'a>(&'a self, call: Call<'a>) -> BoxFuture<'a, Result<Value, CallError>> {
        Box::pin(self.list(call))
    }
}

#[cfg(test)]
mod tests {
    use wiremock::matchers::{body_json, method, path};
    use wiremock::{Mock, MockServer, ResponseTemplate};

    use super::*;
    use crate::testing::{call, client};

    const EXPORTS: &str = "/API/v3/surveys/SV_1/export-responses";

    fn found(result: &Value) -> ResponseTemplate {
        ResponseTemplate::new(200).set_body_json(json!({ "result": result, "meta": { "httpStatus": "200 - OK" } }))
    }

    async fn answers(server: &MockServer, verb: &str, under: &str, answer: ResponseTemplate, times: u64) {
        let at = format!("{EXPORTS}{under}");
        Mock::given(method(verb)).and(path(at)).respond_with(answer).up_to_n_times(times).mount(server).await;
    }

    fn started() -> ResponseTemplate {
        found(&json!({ "progressId": "ES_1", "percentComplete": 0.0, "status": "inProgress" }))
    }

    fn making() -> ResponseTemplate {
        found(&json!({ "fileId": null, "percentComplete": 40.0, "status": "inProgress" }))
    }

    fn made() -> ResponseTemplate {
        found(
            &json!({ "fileId": "1dc4c492-fbb6-4713-a7ba-bae9b988a965-def", "percentComplete": 100.0, "status": "complete" }),
        )
    }

    const FILE: &str = "/1dc4c492-fbb6-4713-a7ba-bae9b988a965-def/file";

    fn file() -> ResponseTemplate {
        let values = json!({ "QID1": 3, "QID1_NPS_GROUP": 1, "finished": 1 });
        ResponseTemplate::new(200).set_body_json(json!({ "responses": [{ "responseId": "R_1", "values": values }] }))
    }

    fn week() -> Value {
        json!({ "survey_id": "SV_1", "last": "7d" })
    }

    #[tokio::test]
    async fn a_file_is_asked_for_until_it_is_made_and_made_once() {
        let server = MockServer::start().await;
        let filter = json!({ "format": "json", "compress": false, "limit": 100, "startDate": "2026-01-27T08:15:42Z" });
        Mock::given(method("POST"))
            .and(path(EXPORTS))
            .and(body_json(filter))
            .respond_with(started())
            .expect(1)
            .mount(&server)
            .await;
        answers(&server, "GET", "/ES_1", making(), 1).await;
        answers(&server, "GET", "/ES_1", made(), 1).await;
        answers(&server, "GET", FILE, file(), 1).await;
        let survey =
            json!({ "name": "After", "questions": { "QID1": { "questionName": "nps", "questionText": "?" } } });
        Mock::given(path("/API/v3/surveys/SV_1")).respond_with(found(&survey)).expect(1).mount(&server).await;
        let action = ListResponses::new(client(&server));
        let error = call(&action, week()).await.unwrap_err();
        assert_eq!((error.class, error.code.as_str()), (ErrorClass::Retry, EXPORTING));
        let listed = call(&action, week()).await.unwrap();
        assert_eq!((&listed["count"], &listed["limited"]), (&json!(1), &json!(false)));
        assert_eq!(listed["responses"][0]["nps"]["group"], "detractor");
        assert_eq!(listed["responses"][0]["by_name"]["nps"]["value"], 3);
    }

    #[tokio::test]
    async fn a_file_that_failed_or_is_gone_is_made_anew() {
        for (told, code) in [
            (found(&json!({ "fileId": null, "percentComplete": 0.0, "status": "failed" })), EXPORT_FAILED),
            (
                ResponseTemplate::new(404).set_body_json(json!({ "meta": { "error": { "errorCode": "ERS_2" } } })),
                "ERS_2",
            ),
        ] {
            let server = MockServer::start().await;
            answers(&server, "POST", "", started(), 2).await;
            answers(&server, "GET", "/ES_1", told, 1).await;
            let action = ListResponses::new(client(&server));
            let mut codes = Vec::new();
            answers(&server, "GET", "/ES_1", making(), 1).await;
            for _ in 0..2 {
                let error = call(&action, week()).await.unwrap_err();
                assert_eq!(error.class, ErrorClass::Retry, "{}", error.message);
                codes.push(error.code);
            }
            assert_eq!(codes, [code, EXPORTING]);
        }
    }

    #[tokio::test]
    async fn what_is_no_export_and_ids_that_are_none_are_said_to_be_so() {
        for (verb, under, answer) in [
            ("POST", "", found(&json!({ "progressId": "../../whoami" }))),
            ("POST", "", found(&json!({}))),
            ("GET", "/ES_1", found(&json!({ "status": "complete", "fileId": null }))),
            ("GET", "/ES_1", found(&json!({}))),
            ("GET", FILE, ResponseTemplate::new(200).set_body_string("PK")),
            ("GET", FILE, found(&json!({}))),
        ] {
            let server = MockServer::start().await;
            answers(&server, verb, under, answer, 1).await;
            answers(&server, "POST", "", started(), 1).await;
            answers(&server, "GET", "/ES_1", made(), 1).await;
            let action = ListResponses::new(client(&server));
            let error = call(&action, week()).await.unwrap_err();
            assert_eq!(error.code, "unexpected_answer", "{verb} {under}");
        }
    }

    #[tokio::test]
    async fn a_span_of_time_is_asked_for_as_qualtrics_reads_it_and_nonsense_never_leaves_us() {
        let spans = filter(
            &json!({ "since": "2026-01-26T00:00:00.5+01:00", "until": "2026-02-01T00:00:00Z" }),
            Timestamp::default(),
            7,
        );
        let (start, end) = ("2026-01-25T23:00:00Z", "2026-02-01T00:00:00Z");
        let expected = json!({ "format": "json", "compress": false, "limit": 7, "startDate": start, "endDate": end });
        assert_eq!(spans.unwrap(), expected);
        let server = MockServer::start().await;
        for wrong in [
            json!({}),
            json!({ "last": "7d", "since": "2026-01-26T00:00:00Z" }),
            json!({ "last": "a week" }),
            json!({ "last": "0d" }),
            json!({ "since": "last Monday" }),
            json!({ "last": "7d", "until": "2020-01-01T00:00:00Z" }),
            json!({ "last": "7d", "limit": 0 }),
            json!({ "last": "7d", "limit": 501 }),
            json!({ "last": "7d", "survey_id": "SV_1/../x" }),
        ] {
            let mut input = json!({ "survey_id": "SV_1" });
            input.as_object_mut().unwrap().extend(wrong.as_object().unwrap().clone());
            let error = call(&ListResponses::new(client(&server)), input).await.unwrap_err();
            assert_eq!(error.code, "bad_input", "{wrong}");
        }
        assert!(server.received_requests().await.unwrap().is_empty());
    }
}
