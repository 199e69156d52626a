//! Writing records, against Zendesk's stand-in, and the older kind, which it does not have.

use deskwire_sandbox::world::BICYCLE;
use serde_json::{Value, json};
use wiremock::{MockServer, ResponseTemplate};

use super::*;
use crate::testing::{call, client, key, on, paths, requests};
use crate::zendesk::stand_in::{StandIn, class_and_code};
use crate::zendesk::update_record::UpdateRecord;

fn input() -> Value {
    json!({ "type": BICYCLE, "name": "Tourer 7", "attributes": { "colour": "red" } })
}

#[tokio::test]
async fn a_record_is_created_once_however_often_it_is_asked_for() {
    let zendesk = StandIn::start().await;
    let action = CreateRecord::new(zendesk.client.clone());
    assert_eq!(action.effect(&input()), Effect::Idempotent);
    zendesk.lose_answer("zendesk.create_record");
    assert_eq!(call(&action, input()).await.unwrap_err().class, ErrorClass::Retry);
    let record = call(&action, input()).await.unwrap();
    assert_eq!(record["external_id"], format!("deskwire-{}", &key().0[..32]));
    assert_eq!((&record["name"], &record["custom_object_fields"]), (&json!("Tourer 7"), &json!({ "colour": "red" })));
    let all = zendesk.get(&format!("custom_objects/{BICYCLE}/records")).await;
    assert_eq!(all["custom_object_records"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn an_update_changes_what_is_given_and_leaves_the_rest() {
    let zendesk = StandIn::start().await;
    let mut given = input();
    given["external_id"] = json!("t-7");
    let record = call(&CreateRecord::new(zendesk.client.clone()), given).await.unwrap();
    let update = UpdateRecord::new(zendesk.client.clone());
    let change = json!({ "type": BICYCLE, "record_id": record["id"], "attributes": { "gears": 3 } });
    let record = call(&update, change).await.unwrap();
    assert_eq!((&record["name"], &record["external_id"]), (&json!("Tourer 7"), &json!("t-7")));
    assert_eq!(record["custom_object_fields"], json!({ "colour": "red", "gears": 3 }));
    let missing = json!({ "type": BICYCLE, "record_id": "none", "name": "x" });
    assert_eq!(call(&update, missing).await.unwrap_err().code, "RecordNotFound");
}

#[tokio::test]
async fn a_record_of_the_older_kind_is_posted_and_a_lost_answer_left_open() {
    let server = MockServer::start().await;
    let answer = json!({ "data": { "id": "8f0c", "type": "pump", "attributes": { "colour": "red" } } });
    on(&server, "/api/sunshine/objects/records", ResponseTemplate::new(201).set_body_json(answer)).await;
    on(&server, "/api/sunshine/objects/records/8f0c", ResponseTemplate::new(502)).await;
    let (create, update) = (CreateRecord::new(client(&server)), UpdateRecord::new(client(&server)));
    let given = json!({ "type": "pump", "legacy": true, "external_id": "p-7", "attributes": { "colour": "red" } });
    assert_eq!(create.effect(&given), Effect::Unprovable);
    assert_eq!(call(&create, given).await.unwrap()["id"], "8f0c");
    let sent: Value = deskwire_core::json::from_slice(&requests(&server).await[0].body).unwrap();
    let expected = json!({ "data": { "type": "pump", "external_id": "p-7", "attributes": { "colour": "red" } } });
    assert_eq!(sent, expected);
    let change = json!({ "type": "pump", "legacy": true, "record_id": "8f0c", "attributes": { "colour": "blue" } });
    assert_eq!(class_and_code(&call(&update, change).await.unwrap_err()), (ErrorClass::Retry, "http_502"));
    assert_eq!(requests(&server).await[1].headers["content-type"], "application/merge-patch+json");
}

#[tokio::test]
async fn what_could_lead_elsewhere_is_refused_before_anything_is_sent() {
    let server = MockServer::start().await;
    let (create, update) = (CreateRecord::new(client(&server)), UpdateRecord::new(client(&server)));
    let mut elsewhere = input();
    elsewhere["type"] = json!("../users");
    assert_eq!(call(&create, elsewhere).await.unwrap_err().code, "bad_input");
    let mut named = input();
    named["legacy"] = json!(true);
    assert_eq!(call(&create, named).await.unwrap_err().code, "bad_input");
    for record_id in [json!("a/b"), json!(null)] {
        let given = json!({ "type": "pump", "record_id": record_id, "name": "x" });
        assert_eq!(call(&update, given).await.unwrap_err().code, "bad_input");
    }
    assert_eq!(call(&update, json!({ "type": "pump", "record_id": "a" })).await.unwrap_err().code, "bad_input");
    assert!(paths(&server).await.is_empty());
}
