//! A source's event subscriptions at Qualtrics. Not an action: `deskwire sources provision` calls it.
//!
//! <https://api.qualtrics.com/guides/docs/Instructions/subscriptions.md> (checked 2026-11-23). They need a brand
//! administrator, or the scopes `read:subscriptions` and `write:subscriptions`. A subscription cannot be changed, so a new one
//! takes the place of the old one. Old ones are deleted one by one, by their ids: the same path without an id deletes every
//! subscription of the brand, and is never called.

use deskwire_core::action::{CallError, ErrorClass};
use deskwire_core::ids::ConnectionName;
use deskwire_core::secret::{ExposeSecret, SecretString};
use http::Method;
use serde_json::{Value, json};
use url::Url;

use super::{Asked, Qualtrics};
use crate::client::Client;
use crate::provision::{Done, Provisioned};
use crate::several;

const PATH: &str = "API/v3/eventsubscriptions";

/// How an id of a subscription begins.
const ID: &str = "SUB_";

/// How many pages are looked through.
const MOST_PAGES: usize = 50;

/// Subscriptions as they should be.
#[derive(Debug, Clone)]
pub struct Subscriptions<'a> {
    /// Where they deliver.
    pub endpoint: &'a Url,
    /// What they are for, one subscription each: `surveyengine.completedResponse.SV_…`.
    pub topics: &'a [String],
    /// The key that deliveries are signed with. The caller has stored it: the first delivery may come at once.
    pub key: &'a SecretString,
}

/// Makes the subscriptions with this key, then deletes those before them that deliver to the same place.
pub async fn provision(
    client: &Client,
    connection: &ConnectionName,
    wanted: &Subscriptions<'_>,
) -> Result<Provisioned, CallError> {
    let qualtrics = Qualtrics::on(client, connection)?;
    let before = ours(&qualtrics, wanted.endpoint).await?;
    let mut ids = Vec::new();
    let mut made = several::Done::default();
    for topic in wanted.topics {
        let body = json!({
            "topics": topic,
            "publicationUrl": wanted.endpoint,
            "encrypt": false,
            "sharedKey": wanted.key.expose_secret(),
        });
        let what = format!("the subscription to {topic}");
        let asked = Asked {
            method: Method::POST,
            path: PATH,
            query: &[],
            body: Some(&body),
            what: &what,
            // Whoever comes again deletes what a lost answer left behind.
            if_lost: ErrorClass::Retry,
        };
        let answer = qualtrics.ask(asked).await.map_err(|error| made.failed_at(&format!("POST /{PATH}"), error))?;
        let id = answer.pointer("/result/id").and_then(Value::as_str);
        let id = id.ok_or_else(|| qualtrics.not_qualtrics(&what, ErrorClass::Retry))?;
        made.add(format!("subscription {id} was made"));
        ids.push(id.to_owned());
    }
    for id in &before {
        delete(&qualtrics, id).await.map_err(|error| made.failed_at(&format!("DELETE /{PATH}/{id}"), error))?;
        made.add(format!("subscription {id} was deleted"));
    }
    let done = if before.is_empty() { Done::Created } else { Done::Changed };
    Ok(Provisioned { ids, done, secret: wanted.key.clone() })
}

/// The ids of the subscriptions that deliver to this place.
async fn ours(qualtrics: &Qualtrics<'_>, endpoint: &Url) -> Result<Vec<String>, CallError> {
    let mut found = Vec::new();
    let mut next: Vec<(String, String)> = Vec::new();
    for _ in 0..MOST_PAGES {
        let query: Vec<(&str, &str)> = next.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        let asked = Asked {
            method: Method::GET,
            path: PATH,
            query: &query,
            body: None,
            what: "the brand's event subscriptions",
            if_lost: ErrorClass::Retry,
        };
        let answer = qualtrics.ask(asked).await?;
        let elements = answer.pointer("/result/elements").and_then(Value::as_array);
        for element in elements.into_iter().flatten() {
            let text = |field: &str| element.get(field).and_then(Value::as_str);
            let deliverer = text("publicationUrl").and_then(|url| Url::parse(url).ok());
            if let Some(id) = text("id").filter(|_| deliverer.as_ref() == Some(endpoint)) {
                found.push(id.to_owned());
            }
        }
        // Only its query is taken over: an answer does not decide where we send our key.
        let link = answer.pointer("/result/nextPage").and_then(Value::as_str).and_then(|link| Url::parse(link).ok());
        let Some(link) = link else { break };
        next = link.query_pairs().into_owned().collect();
    }
    Ok(found)
}

async fn delete(qualtrics: &Qualtrics<'_>, id: &str) -> Result<(), CallError> {
    let is_one =
        id.strip_prefix(ID).is_some_and(|rest| !rest.is_empty() && rest.bytes().all(|b| b.is_ascii_alphanumeric()));
    if !is_one {
        let message =
            format!("Qualtrics lists a subscription whose id is none ({ID}… is expected), so it was not deleted.");
        return Err(CallError::new(ErrorClass::Fail, "unexpected_answer", message));
    }
    let (path, what) = (format!("{PATH}/{id}"), format!("subscription {id}"));
    let asked =
        Asked { method: Method::DELETE, path: &path, query: &[], body: None, what: &what, if_lost: ErrorClass::Retry };
    match qualtrics.ask(asked).await {
        // Somebody else was quicker.
        Err(error) if error.code == "ESSG_2" => Ok(()),
        answer => answer.map(|_| ()),
    }
}

#[cfg(test)]
mod tests {
    use wiremock::matchers::{body_partial_json, method, path, query_param};
    use wiremock::{Mock, MockServer, ResponseTemplate};

    use super::*;
    use crate::testing::client;

    const OURS: &str = "https://relay.example.com/webhooks/qualtrics/csat";

    fn answer(result: &Value) -> ResponseTemplate {
        ResponseTemplate::new(200).set_body_json(json!({ "result": result, "meta": { "httpStatus": "200 - OK" } }))
    }

    fn subscription(id: &str, url: &str) -> Value {
        json!({ "id": id, "scope": "acme", "topics": "surveyengine.completedResponse.SV_1", "publicationUrl": url,
                "encrypted": false, "successfulCalls": 0 })
    }

    async fn provisioned(server: &MockServer, topics: &[&str]) -> Result<Provisioned, CallError> {
        let topics: Vec<String> = topics.iter().map(|topic| (*topic).to_owned()).collect();
        let wanted = Subscriptions {
            endpoint: &Url::parse(OURS).unwrap(),
            topics: &topics,
            key: &SecretString::from("a-fresh-key"),
        };
        provision(&client(server), &ConnectionName::parse("qualtrics").unwrap(), &wanted).await
    }

    #[tokio::test]
    async fn a_new_subscription_takes_the_place_of_ours_and_no_other_is_touched() {
        let server = MockServer::start().await;
        let next = format!("{}/API/v3/eventsubscriptions?offset=1", server.uri());
        let first = json!({ "elements": [subscription("SUB_OLD1", OURS), subscription("SUB_OTHER", "https://else.example.com/")],
                            "nextPage": next });
        let second = json!({ "elements": [subscription("SUB_OLD2", OURS)], "nextPage": null });
        let list = || Mock::given(method("GET")).and(path("/API/v3/eventsubscriptions"));
        list().and(query_param("offset", "1")).respond_with(answer(&second)).expect(1).mount(&server).await;
        list().respond_with(answer(&first)).mount(&server).await;
        let body = json!({ "topics": "surveyengine.completedResponse.SV_1", "publicationUrl": OURS, "encrypt": false,
                           "sharedKey": "a-fresh-key" });
        let created = answer(&json!({ "id": "SUB_NEW1" }));
        let create = Mock::given(method("POST")).and(path("/API/v3/eventsubscriptions")).and(body_partial_json(body));
        create.respond_with(created).expect(1).mount(&server).await;
        for id in ["SUB_OLD1", "SUB_OLD2"] {
            let gone = ResponseTemplate::new(200).set_body_json(json!({ "meta": { "httpStatus": "200 - OK" } }));
            let delete = Mock::given(method("DELETE")).and(path(format!("/API/v3/eventsubscriptions/{id}")));
            delete.respond_with(gone).expect(1).mount(&server).await;
        }
        let done = provisioned(&server, &["surveyengine.completedResponse.SV_1"]).await.unwrap();
        assert_eq!((done.ids, done.done), (vec!["SUB_NEW1".to_owned()], Done::Changed));
        let calls = server.received_requests().await.unwrap();
        let order: Vec<&str> = calls.iter().map(|call| call.method.as_str()).collect();
        assert_eq!(order, ["GET", "GET", "POST", "DELETE", "DELETE"], "the new one is there before the old ones go");
    }

    #[tokio::test]
    async fn an_id_that_is_none_is_never_part_of_a_deletion() {
        for id in ["", "SUB_", "SUB_1/../", "SUB_1?x", ".."] {
            let server = MockServer::start().await;
            let listed = answer(&json!({ "elements": [subscription(id, OURS)], "nextPage": null }));
            Mock::given(method("GET")).respond_with(listed).mount(&server).await;
            Mock::given(method("POST")).respond_with(answer(&json!({ "id": "SUB_NEW" }))).mount(&server).await;
            let error = provisioned(&server, &["surveyengine.completedResponse.SV_1"]).await.unwrap_err();
            assert_eq!(error.code, "unexpected_answer", "{id}");
            let calls = server.received_requests().await.unwrap();
            assert!(calls.iter().all(|call| call.method.as_str() != "DELETE"), "{id}");
        }
    }

    #[tokio::test]
    async fn a_later_subscription_that_is_refused_tells_which_were_made_before_it() {
        let server = MockServer::start().await;
        let listed = answer(&json!({ "elements": [], "nextPage": null }));
        Mock::given(method("GET")).respond_with(listed).mount(&server).await;
        let first = Mock::given(method("POST")).and(body_partial_json(json!({ "topics": "a" })));
        first.respond_with(answer(&json!({ "id": "SUB_1" }))).mount(&server).await;
        Mock::given(method("POST")).respond_with(ResponseTemplate::new(400)).mount(&server).await;
        let error = provisioned(&server, &["a", "b"]).await.unwrap_err();
        let expected = "This was the call POST /API/v3/eventsubscriptions; before it, subscription SUB_1 was made.";
        assert!(error.message.ends_with(expected), "{error}");
    }

    #[tokio::test]
    async fn qualtrics_words_are_in_the_message_and_decide_what_to_do() {
        let error = |code: &str, message: &str| json!({ "meta": { "error": { "errorCode": code, "errorMessage": message }, "requestId": null } });
        for (status, code, class) in [
            (401, "DCD_7", ErrorClass::NeedsReauthorization),
            (403, "AuthZ_2.0", ErrorClass::Fail),
            (404, "ESSG_2", ErrorClass::Fail),
            (429, "http_429", ErrorClass::Retry),
            (503, "http_503", ErrorClass::Retry),
        ] {
            let server = MockServer::start().await;
            let body = if code.starts_with("http") { json!({}) } else { error(code, "Not so.") };
            Mock::given(method("GET"))
                .respond_with(ResponseTemplate::new(status).set_body_json(body))
                .mount(&server)
                .await;
            let found = provisioned(&server, &["t"]).await.unwrap_err();
            assert_eq!((found.class, found.code.as_str()), (class, code), "{}", found.message);
        }
    }
}
