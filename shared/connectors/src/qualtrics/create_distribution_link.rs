//! `qualtrics.create_distribution_link`: a survey link for one person, good for one response. Makes the contact where none is
//! named (`POST /API/v3/directories/{pool}/mailinglists/{list}/contacts`), a distribution for them (`POST /API/v3/distributions`),
//! and reads its link (`GET /API/v3/distributions/{id}/links`). <https://api.qualtrics.com/>, checked 2026-11-23.
//!
//! Nothing is sent to anybody: the link goes out by a later step. So a repeat leaves an unused link behind and no more.

use std::sync::Arc;

use deskwire_core::BoxFuture;
use deskwire_core::action::{Action, ActionSpec, Call, CallError, Effect, ErrorClass, ErrorHelp, HoldKey};
use deskwire_core::limit::OVER_LIMIT;
use deskwire_core::time::Timestamp;
use http::Method;
use schemars::JsonSchema;
use serde_json::{Map, Value, json};

use super::{Asked, PROVIDER, Qualtrics, budget, errors, id};
use crate::client::{Client, quoted};
use crate::input;
use crate::schema;
use crate::several::Done;

const NAME: &str = "qualtrics.create_distribution_link";
const PAGE: &str = "https://api.qualtrics.com/e337e7b78a0c9-create-distribution";

/// Our code for a distribution that has no link.
const NO_LINK: &str = "no_link";

const EXAMPLE: &str = "\
- id: survey
  action: qualtrics.create_distribution_link
  connection: qualtrics
  with:
    survey_id: SV_0csatdesk0001
    directory_id: POOL_0desk
    mailing_list_id: CG_0customers
    email: \"{{ steps.requester.email }}\"
    first_name: \"{{ steps.requester.name }}\"
    embedded_data: { ResponseEventContext: \"{{ steps.ticket.id }}\" }
    expires_at: \"2026-03-31 00:00:00\"
";

/// What the step gives.
#[derive(Debug, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct CreateDistributionLinkInput {
    /// The survey: `SV_…`.
    pub survey_id: String,
    /// The mailing list that the person is on, or will be: `CG_…`.
    pub mailing_list_id: String,
    /// The person's contact on that list (`CGC_…`, the look-up id); else one is made of what follows.
    pub contact_id: Option<String>,
    /// The directory of the mailing list (`POOL_…`), for making a contact.
    pub directory_id: Option<String>,
    /// The person's e-mail address, for making a contact.
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
    /// Embedded data of the response, by name: at most 10. `ResponseEventContext` comes back in the event itself.
    pub embedded_data: Option<Map<String, Value>>,
    /// When the link ends: `2026-03-31 00:00:00` in UTC, or a time by RFC 3339.
    pub expires_at: String,
    /// What the distribution is called.
    pub description: Option<String>,
}

/// What the step answers.
#[derive(Debug, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct CreateDistributionLinkOutput {
    /// The link. Whoever has it can answer, once.
    #[schemars(extend("x-personal" = true))]
    pub link: String,
    /// The distribution: `EMD_…`.
    pub distribution_id: String,
    /// The contact.
    pub contact_id: Option<String>,
    /// When the link ends, as Qualtrics says it.
    pub expires_at: Option<String>,
}

/// The action.
pub struct CreateDistributionLink {
    client: Arc<Client>,
    spec: ActionSpec,
}

impl CreateDistributionLink {
    /// The action on this client.
    pub fn new(client: Arc<Client>) -> Self {
        let spec = ActionSpec {
            name: NAME,
            provider: PROVIDER,
            summary: "Makes a survey link for one person, good for one response.",
            input: schema::of::<CreateDistributionLinkInput>(),
            output: schema::of::<CreateDistributionLinkOutput>(),
            effect: Effect::Idempotent,
            scopes: &["write:distributions", "read:distributions", "write:mailing_list_contacts"],
            errors: errors(&[
                ErrorHelp {
                    code: NO_LINK,
                    class: ErrorClass::Fail,
                    help: "The distribution has no link: is the contact on the list, and not unsubscribed?",
                },
                ErrorHelp {
                    code: OVER_LIMIT,
                    class: ErrorClass::Fail,
                    help: "A value is beyond what Qualtrics takes; nothing was sent, and the message says how to mend it.",
                },
            ]),
            example: EXAMPLE,
            page: PAGE,
        };
        Self { client, spec }
    }

    async fn make(&self, call: Call<'_>) -> Result<Value, CallError> {
        let given = call.input;
        let survey = id(given, "survey_id", "SV_")?;
        let list = id(given, "mailing_list_id", "CG_")?;
        let expires_at = expiry(&input::text(given, "expires_at")?)?;
        let embedded = embedded(given)?;
        let mut done = Done::default();
        let qualtrics = Qualtrics::on(&self.client, call.connection)?;
        let contact = if let Some(contact) = input::text_if_any(given, "contact_id")? {
            contact
        } else {
            let made = contact(qualtrics, given, &list, &embedded).await?;
            done.add(format!("contact {made} was put on mailing list {list}"));
            made
        };
        let mut body = json!({
            "action": "CreateDistribution",
            "surveyId": survey,
            "linkType": "Individual",
            "description": input::text_if_any(given, "description")?.unwrap_or_else(|| "Deskwire".to_owned()),
            "expirationDate": expires_at,
            "mailingListId": list,
            "contactId": contact,
        });
        if !embedded.is_empty() {
            body["embeddedData"] = Value::Object(embedded);
        }
        let making = |error| done.failed_at("POST /API/v3/distributions", error);
        let made = post(qualtrics, "API/v3/distributions", &body, "a distribution").await.map_err(making)?;
        let distribution = text(&made, "/result/id").filter(|made| id(&json!({ "id": made }), "id", "EMD_").is_ok());
        let distribution =
            distribution.ok_or_else(|| making(qualtrics.not_qualtrics("a distribution", ErrorClass::Retry)))?;
        done.add(format!("distribution {distribution} was made"));
        let what = format!("the links of distribution {distribution}");
        let path = format!("API/v3/distributions/{distribution}/links");
        let reading = |error| done.failed_at(&format!("GET /{path}"), error);
        let links = qualtrics.get(&path, &[("surveyId", &survey)], &what).await;
        let links = links.map_err(|failed| reading(failed.error))?;
        let link = links.pointer("/elements/0");
        let Some(address) = link.and_then(|link| text(link, "/link")) else {
            let message = format!(
                "Distribution {distribution} has no link: is the contact on list {list}, and not unsubscribed?"
            );
            return Err(reading(CallError::new(ErrorClass::Fail, NO_LINK, message)));
        };
        Ok(json!({
            "link": address,
            "distribution_id": distribution,
            "contact_id": contact,
            "expires_at": link.and_then(|link| text(link, "/linkExpiration")),
        }))
    }
}

/// When a link ends, as Qualtrics writes it: <https://api.qualtrics.com/e337e7b78a0c9-create-distribution>, checked 2026-12-01.
fn expiry(given: &str) -> Result<String, CallError> {
    let text = given.trim();
    let as_rfc_3339 = if text.len() == 19 { format!("{}Z", text.replacen(' ', "T", 1)) } else { text.to_owned() };
    let time = Timestamp::parse(&as_rfc_3339).map_err(|_| {
        let wanted = "a time in UTC such as `2026-03-31 00:00:00`, or one by RFC 3339";
        input::bad(format!("`expires_at` must be {wanted}, not `{}`. Nothing was sent.", quoted(text)))
    })?;
    Ok(time.to_string().replacen('T', " ", 1).chars().take(19).collect())
}

/// Embedded data as Qualtrics takes it: text.
fn embedded(given: &Value) -> Result<Map<String, Value>, CallError> {
    let Some(data) = input::map(given, "embedded_data")? else { return Ok(Map::new()) };
    let text = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    Ok(data.iter().map(|(name, value)| (name.clone(), Value::from(text(value)))).collect())
}

/// Puts the person on the mailing list.
async fn contact(
    qualtrics: Qualtrics<'_>,
    given: &Value,
    list: &str,
    embedded: &Map<String, Value>,
) -> Result<String, CallError> {
    let directory = id(given, "directory_id", "POOL_").map_err(|error| {
        let message = format!("{} Give it with `email`, or a `contact_id`.", error.message);
        CallError { message, ..error }
    })?;
    let mut body = json!({ "email": input::text(given, "email")?, "unsubscribed": false });
    for (ours, theirs) in [("first_name", "firstName"), ("last_name", "lastName"), ("external_reference", "extRef")] {
        if let Some(text) = input::text_if_any(given, ours)? {
            body[theirs] = text.into();
        }
    }
    if !embedded.is_empty() {
        body["embeddedData"] = Value::Object(embedded.clone());
    }
    let path = format!("API/v3/directories/{directory}/mailinglists/{list}/contacts");
    let made = post(qualtrics, &path, &body, "a contact").await?;
    // Distributions want the look-up id.
    let contact = text(&made, "/result/contactLookupId").or_else(|| text(&made, "/result/id"));
    contact.ok_or_else(|| qualtrics.not_qualtrics("a contact", ErrorClass::Retry))
}

async fn post(qualtrics: Qualtrics<'_>, path: &str, body: &Value, what: &str) -> Result<Value, CallError> {
    let if_lost = ErrorClass::Retry;
    qualtrics.ask(Asked { method: Method::POST, path, query: &[], body: Some(body), what, if_lost }).await
}

fn text(value: &Value, pointer: &str) -> Option<String> {
    value.pointer(pointer).and_then(Value::as_str).filter(|text| !text.is_empty()).map(str::to_owned)
}

impl Action for CreateDistributionLink {
    fn spec(&self) -> &ActionSpec {
        &self.spec
    }

    fn hold_keys(&self, call: Call<'_>) -> Vec<HoldKey> {
        vec![budget(call.connection)]
    }

    fn call<'a>(&'a self, call: Call<'a>) -> BoxFuture<'a, Result<Value, CallError>> {
        Box::pin(self.make(call))
    }
}

#[cfg(test)]
mod tests {
    use wiremock::matchers::{body_partial_json, method, path};
    use wiremock::{Mock, MockServer, ResponseTemplate};

    use super::*;
    use crate::testing::{call, client};

    fn found(result: &Value) -> ResponseTemplate {
        ResponseTemplate::new(200).set_body_json(json!({ "result": result, "meta": { "httpStatus": "200 - OK" } }))
    }

    async fn made(server: &MockServer, input: Value) -> Result<Value, CallError> {
        call(&CreateDistributionLink::new(client(server)), input).await
    }

    fn for_ada() -> Value {
        json!({ "survey_id": "SV_1", "mailing_list_id": "CG_1", "directory_id": "POOL_1", "email": "ada@example.com",
                "first_name": "Ada", "embedded_data": { "ResponseEventContext": 48213 }, "expires_at": "2026-03-31 00:00:00" })
    }

    async fn answers(server: &MockServer, links: &Value) {
        let contact = json!({ "email": "ada@example.com", "firstName": "Ada", "embeddedData": { "ResponseEventContext": "48213" } });
        let contacts =
            Mock::given(path("/API/v3/directories/POOL_1/mailinglists/CG_1/contacts")).and(body_partial_json(contact));
        contacts.respond_with(found(&json!({ "id": "CID_1", "contactLookupId": "CGC_1" }))).mount(server).await;
        let body = json!({ "action": "CreateDistribution", "linkType": "Individual", "surveyId": "SV_1", "mailingListId": "CG_1",
                           "contactId": "CGC_1", "expirationDate": "2026-03-31 00:00:00" });
        let distributions = Mock::given(method("POST")).and(path("/API/v3/distributions")).and(body_partial_json(body));
        distributions.respond_with(found(&json!({ "id": "EMD_1" }))).mount(server).await;
        let at = Mock::given(path("/API/v3/distributions/EMD_1/links"));
        at.respond_with(found(&json!({ "elements": links, "nextPage": null }))).mount(server).await;
    }

    #[tokio::test]
    async fn a_contact_and_a_distribution_are_made_and_its_link_is_read() {
        let server = MockServer::start().await;
        let link = "https://acme.fra1.qualtrics.com/jfe/form/SV_1?Q_CHL=gl&Q_DL=x";
        answers(&server, &json!([{ "contactId": "CID_1", "link": link, "linkExpiration": "2026-03-31 00:00:00" }]))
            .await;
        let found = made(&server, for_ada()).await.unwrap();
        assert_eq!(
            found,
            json!({ "link": link, "distribution_id": "EMD_1", "contact_id": "CGC_1", "expires_at": "2026-03-31 00:00:00" })
        );
        let mut known = for_ada();
        known["contact_id"] = json!("CGC_1");
        made(&server, known).await.unwrap();
        let calls = server.received_requests().await.unwrap();
        assert_eq!(
            calls.iter().filter(|call| call.url.path().ends_with("/contacts")).count(),
            1,
            "one that is named is not made"
        );
    }

    #[tokio::test]
    async fn what_is_missing_or_too_much_is_told_before_anything_is_made() {
        let server = MockServer::start().await;
        for (name, value) in [
            ("survey_id", json!("SV_/x")),
            ("mailing_list_id", json!(null)),
            ("directory_id", json!(null)),
            ("email", json!("")),
            ("expires_at", json!(null)),
            ("expires_at", json!("31.03.2026")),
        ] {
            let mut input = for_ada();
            input[name] = value;
            assert_eq!(made(&server, input).await.unwrap_err().code, "bad_input", "{name}");
        }
        assert!(server.received_requests().await.unwrap().is_empty());
    }

    #[tokio::test]
    async fn when_a_link_ends_is_sent_as_qualtrics_writes_it_and_anything_else_is_refused() {
        for (given, sent) in [
            ("2026-03-31 00:00:00", "2026-03-31 00:00:00"),
            ("2026-03-31T00:00:00Z", "2026-03-31 00:00:00"),
            ("2026-03-31T02:00:00.250+02:00", "2026-03-31 00:00:00"),
        ] {
            assert_eq!(expiry(given).unwrap(), sent);
        }
        for given in ["2026-03-31", "31.03.2026 00:00", "tomorrow", "2026-02-30 00:00:00", "2026-03-31 25:00:00"] {
            let error = expiry(given).unwrap_err();
            assert!(error.message.contains(given) && error.message.contains("Nothing was sent."), "{error}");
        }
    }

    #[tokio::test]
    async fn a_later_call_that_fails_names_itself_and_what_was_made_before_it() {
        let server = MockServer::start().await;
        let refused = || {
            let error = json!({ "errorCode": "X", "errorMessage": "Not so" });
            ResponseTemplate::new(400).set_body_json(json!({ "meta": { "error": error } }))
        };
        let contacts = Mock::given(path("/API/v3/directories/POOL_1/mailinglists/CG_1/contacts"));
        contacts.respond_with(found(&json!({ "contactLookupId": "CGC_1" }))).mount(&server).await;
        let distributions = Mock::given(path("/API/v3/distributions"));
        distributions.respond_with(refused()).up_to_n_times(1).mount(&server).await;
        let error = made(&server, for_ada()).await.unwrap_err();
        let expected =
            "This was the call POST /API/v3/distributions; before it, contact CGC_1 was put on mailing list CG_1.";
        assert!(error.message.ends_with(expected), "{error}");
        let distributions = Mock::given(path("/API/v3/distributions"));
        distributions.respond_with(found(&json!({ "id": "EMD_1" }))).mount(&server).await;
        Mock::given(path("/API/v3/distributions/EMD_1/links")).respond_with(refused()).mount(&server).await;
        let error = made(&server, for_ada()).await.unwrap_err();
        let expected = "This was the call GET /API/v3/distributions/EMD_1/links; before it, contact CGC_1 was put on \
                        mailing list CG_1, and distribution EMD_1 was made.";
        assert!(error.message.ends_with(expected), "{error}");
    }

    #[tokio::test]
    async fn a_distribution_without_a_link_is_a_failure_that_says_why() {
        let server = MockServer::start().await;
        answers(&server, &json!([])).await;
        let error = made(&server, for_ada()).await.unwrap_err();
        assert!(error.code == NO_LINK && error.message.contains("unsubscribed"), "{error}");
    }
}
