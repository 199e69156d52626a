//! Writing profiles, against Zendesk's stand-in.

use deskwire_sandbox::world::MINA;
use serde_json::{Value, json};
use wiremock::MockServer;

use super::*;
use crate::testing::{call, client, paths};
use crate::zendesk::stand_in::{StandIn, class_and_code};
use crate::zendesk::update_profile::UpdateProfile;

fn input() -> Value {
    json!({ "source": "webshop", "type": "customer", "name": "Mina Oort",
            "identifiers": { "email": "mina.oort@example.net", "external_id": "c:31", "phone": null },
            "attributes": { "plan": "gold", "orders": 4 } })
}

#[tokio::test]
async fn a_profile_is_created_once_and_replaced_by_a_repeat() {
    let zendesk = StandIn::start().await;
    let action = CreateProfile::new(zendesk.client.clone());
    let first = call(&action, input()).await.unwrap();
    assert_eq!((&first["user_id"], &first["attributes"]["orders"]), (&json!(MINA.to_string()), &json!(4)));
    assert_eq!(first["identifiers"].as_array().unwrap().len(), 2, "none is left out");
    zendesk.lose_answer("zendesk.write_profile");
    assert_eq!(call(&action, input()).await.unwrap_err().class, ErrorClass::Retry);
    assert_eq!(call(&action, input()).await.unwrap()["id"], first["id"]);
}

#[tokio::test]
async fn an_update_adds_to_the_profile_that_the_first_identifier_finds() {
    let zendesk = StandIn::start().await;
    let update = UpdateProfile::new(zendesk.client.clone());
    let given = json!({ "source": "webshop", "type": "customer", "attributes": { "orders": 5 },
                        "identifiers": [{ "type": "external_id", "value": "c:31" }, { "type": "twitter", "value": "@m" }] });
    let missing = call(&update, given.clone()).await.unwrap_err();
    assert_eq!(class_and_code(&missing), (ErrorClass::Fail, "RecordNotFound"));
    assert!(!missing.message.contains("c:31"), "{missing}");
    call(&CreateProfile::new(zendesk.client.clone()), input()).await.unwrap();
    let profile = call(&update, given).await.unwrap();
    assert_eq!(profile["attributes"], json!({ "plan": "gold", "orders": 5 }));
    assert_eq!((&profile["name"], profile["identifiers"].as_array().unwrap().len()), (&json!("Mina Oort"), 3));
}

#[tokio::test]
async fn a_profile_may_be_given_to_a_user_by_id() {
    let zendesk = StandIn::start().await;
    let mut given = input();
    given["user_id"] = json!(MINA);
    given["identifiers"] = json!({ "member_id": ["7", "8"] });
    let profile = call(&CreateProfile::new(zendesk.client.clone()), given).await.unwrap();
    assert_eq!(profile["user_id"], MINA.to_string());
    assert_eq!(profile["identifiers"][1], json!({ "type": "member_id", "value": "8" }));
}

#[tokio::test]
async fn what_identifies_nobody_is_refused_before_anything_is_sent() {
    let server = MockServer::start().await;
    let action = CreateProfile::new(client(&server));
    for (name, value) in [
        ("identifiers", json!({ "email": null })),
        ("identifiers", json!("mina@example.net")),
        ("source", json!("zendesk")),
        ("type", json!("a:b")),
    ] {
        let mut given = input();
        given[name] = value;
        assert_eq!(class_and_code(&call(&action, given).await.unwrap_err()), (ErrorClass::Fail, "bad_input"));
    }
    assert!(paths(&server).await.is_empty());
}
