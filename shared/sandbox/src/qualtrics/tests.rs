//! Qualtrics' API as its pages, its recordings and its caught deliveries describe the real one.

use axum::body::Body;
use deskwire_core::provider::provider;
use deskwire_core::secret::SecretString;
use deskwire_core::signature::{Rules, form_field, verify};
use deskwire_core::time::Timestamp;
use http::{HeaderMap, Request};
use serde_json::{Value, json};

use super::*;
use crate::testing::{sandbox, send};
use crate::world::{SURVEY, SURVEY_RESPONSE};

async fn call(sandbox: &Sandbox, verb: &str, path: &str, body: Value) -> (u16, Value) {
    let request = Request::builder().method(verb).uri(format!("/qualtrics/API/v3/{path}"));
    let request = request.header("x-api-token", "qualtrics-marker").body(Body::from(body.to_string())).unwrap();
    let answer = send(sandbox, request).await;
    (answer.status.as_u16(), answer.json())
}

async fn get(sandbox: &Sandbox, path: &str) -> (u16, Value) {
    call(sandbox, "GET", path, Value::Null).await
}

fn verified(delivery: &SignedDelivery, key: &str) -> Option<Value> {
    let scheme = provider("qualtrics").unwrap().scheme("event_subscription").unwrap();
    let now = Timestamp::default();
    let rules = Rules { now, tolerance: std::time::Duration::ZERO, accept_test_secret: false };
    let found = verify(scheme, &HeaderMap::new(), &delivery.body, &[SecretString::from(key)], rules).ok()?;
    deskwire_core::json::from_slice(&found.payload).ok()
}

#[tokio::test]
async fn who_asks_decides_before_what_is_asked() {
    let sandbox = sandbox();
    for (header, value, status, code) in [
        ("x-other", "x", 400, "ATP_2"),
        ("x-api-token", "other", 401, "DCD_7"),
        ("authorization", "Bearer other", 401, "DCD_7"),
    ] {
        let request = Request::get("/qualtrics/API/v3/whoami").header(header, value).body(Body::empty()).unwrap();
        let answer = send(&sandbox, request).await;
        assert_eq!((answer.status.as_u16(), &answer.json()["meta"]["error"]["errorCode"]), (status, &json!(code)));
    }
    assert_eq!(get(&sandbox, "whoami").await.1["result"]["brandId"], "acme");
    assert_eq!(
        get(&sandbox, "nothing").await.1["meta"]["error"],
        json!({ "errorMessage": "The requested resource does not exist." })
    );
}

#[tokio::test]
async fn a_response_is_told_of_before_it_can_be_read() {
    let sandbox = sandbox();
    let (response, deliveries) = sandbox.qualtrics().answer(&Answers { nps: Some(9), ..Answers::default() });
    let told = verified(&deliveries[0], "signing-marker").unwrap();
    assert_eq!((&told["ResponseID"], &told["Status"]), (&json!(response), &json!("Complete")));
    let path = format!("surveys/{SURVEY}/responses/{response}");
    assert_eq!(get(&sandbox, &path).await.0, 404);
    let (status, read) = get(&sandbox, &path).await;
    assert_eq!((status, &read["result"]["values"]["QID1_NPS_GROUP"]), (200, &json!(3)));
    assert_eq!(get(&sandbox, &format!("surveys/{SURVEY}/responses/{SURVEY_RESPONSE}")).await.0, 200, "the seeded one");
    assert_eq!(get(&sandbox, "surveys/SV_other/responses/R_1").await.1["meta"]["error"]["errorCode"], "GSI_2");
    assert_eq!(
        get(&sandbox, &format!("surveys/{SURVEY}")).await.1["result"]["questions"]["QID3"]["questionName"],
        "call"
    );
}

#[tokio::test]
async fn subscriptions_sign_with_their_own_keys_and_never_show_them() {
    let sandbox = sandbox();
    let topic = format!("surveyengine.completedResponse.{SURVEY}");
    let subscribe = |topics: &str, key: &str| json!({ "topics": topics, "publicationUrl": "https://x.example.com/", "encrypt": false, "sharedKey": key });
    let (_, made) = call(&sandbox, "POST", "eventsubscriptions", subscribe(&topic, "key-one")).await;
    let id = made["result"]["id"].as_str().unwrap().to_owned();
    call(&sandbox, "POST", "eventsubscriptions", subscribe("surveyengine.*", "key-two")).await;
    call(&sandbox, "POST", "eventsubscriptions", subscribe("controlpanel.*", "key-three")).await;
    let (_, deliveries) = sandbox.qualtrics().answer(&Answers::default());
    assert_eq!(deliveries.len(), 2);
    assert!(verified(&deliveries[0], "key-one").is_some() && verified(&deliveries[1], "key-two").is_some());
    assert!(verified(&deliveries[0], "signing-marker").is_none());
    let shown = get(&sandbox, &format!("eventsubscriptions/{id}")).await.1["result"].clone();
    assert_eq!((&shown["encrypted"], &shown["successfulCalls"]), (&json!(false), &json!(1)));
    assert!(!shown.to_string().contains("key-one"));
    let gone = call(&sandbox, "DELETE", &format!("eventsubscriptions/{id}"), Value::Null).await;
    assert_eq!((gone.0, gone.1.get("result")), (200, None));
    assert_eq!(get(&sandbox, &format!("eventsubscriptions/{id}")).await.1["meta"]["error"]["errorCode"], "ESSG_2");
    call(&sandbox, "DELETE", "eventsubscriptions", Value::Null).await;
    assert_eq!(
        get(&sandbox, "eventsubscriptions").await.1["result"]["elements"],
        json!([]),
        "without an id: all of them"
    );
}

#[tokio::test]
async fn deliveries_come_in_every_order_and_spelling() {
    let sandbox = sandbox();
    let (mut orders, mut spellings, mut extras) = (std::collections::BTreeSet::new(), 0, 0);
    for _ in 0..60 {
        let (response, deliveries) = sandbox.qualtrics().answer(&Answers::default());
        let body = String::from_utf8(deliveries[0].body.to_vec()).unwrap();
        let names: Vec<&str> = body.split('&').map(|pair| pair.split('=').next().unwrap()).collect();
        orders.insert(names.join(","));
        spellings += usize::from(body.contains("%20"));
        let told = verified(&deliveries[0], "signing-marker").unwrap();
        extras += usize::from(told.get("CreatorID").is_some());
        assert_eq!(
            form_field(body.as_bytes(), "Topic").unwrap().as_ref(),
            format!("acme.surveyengine.completedResponse.{SURVEY}").as_bytes()
        );
        assert_eq!(
            verified(&sandbox.qualtrics().again(&response)[0], "signing-marker").unwrap()["ResponseID"],
            told["ResponseID"]
        );
    }
    assert!(
        orders.len() == 6 && (10..50).contains(&spellings) && (10..50).contains(&extras),
        "{orders:?} {spellings} {extras}"
    );
}

#[tokio::test]
async fn a_link_for_one_person_is_good_once_and_carries_what_was_embedded() {
    let sandbox = sandbox();
    let person = json!({ "email": "ada@example.com", "embeddedData": { "ResponseEventContext": "48213" } });
    let contact =
        call(&sandbox, "POST", "directories/POOL_1/mailinglists/CG_1/contacts", person).await.1["result"].clone();
    let body = json!({ "action": "CreateDistribution", "linkType": "Individual", "surveyId": SURVEY, "mailingListId": "CG_1",
                       "contactId": contact["contactLookupId"], "expirationDate": "2026-03-31 00:00:00" });
    let made = call(&sandbox, "POST", "distributions", body).await.1["result"]["id"].as_str().unwrap().to_owned();
    let links =
        get(&sandbox, &format!("distributions/{made}/links?surveyId={SURVEY}")).await.1["result"]["elements"].clone();
    let link = links[0]["link"].as_str().unwrap();
    let (response, _) =
        sandbox.qualtrics().answer_by_link(link, Answers { nps: Some(2), ..Answers::default() }).unwrap();
    assert!(sandbox.qualtrics().answer_by_link(link, Answers::default()).is_none(), "once");
    let values = sandbox.brand().response(&response).unwrap().values.clone();
    assert_eq!(
        (&values["ResponseEventContext"], &values["recipientEmail"]),
        (&json!("48213"), &json!("ada@example.com"))
    );
    let wrong = json!({ "action": "CreateDistribution", "linkType": "Individual", "surveyId": SURVEY, "contactId": contact["id"] });
    assert_eq!(call(&sandbox, "POST", "distributions", wrong).await.0, 400, "the look-up id is wanted");
}

#[tokio::test]
async fn the_survey_s_page_sends_a_response_off_and_its_delivery() {
    let sent: std::sync::Arc<std::sync::Mutex<Vec<SignedDelivery>>> = std::sync::Arc::default();
    let kept = std::sync::Arc::clone(&sent);
    let sandbox = crate::testing::sandbox_with(Some(std::sync::Arc::new(move |all| kept.lock().unwrap().extend(all))));
    let path = format!("/qualtrics/jfe/form/{SURVEY}?ResponseEventContext=48213");
    let page = crate::testing::get(&sandbox, &path).await.text();
    assert!(page.contains("How likely") && page.contains(r#"name="context" value="48213""#), "{page}");
    let form = "nps=3&comment=Late&call=yes&context=48213";
    let request = Request::post(&path).header("content-type", "application/x-www-form-urlencoded");
    let thanks = send(&sandbox, request.body(Body::from(form)).unwrap()).await;
    assert!(thanks.text().contains("Thank you"));
    let told = verified(&sent.lock().unwrap()[0], "signing-marker").unwrap();
    assert_eq!(told["ResponseEventContext"], "48213");
    assert_eq!(crate::testing::get(&sandbox, "/qualtrics/jfe/form/SV_other").await.status.as_u16(), 404);
}
