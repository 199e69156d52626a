//! Creating tickets, against Zendesk's stand-in: what it is asked, and what a lost answer leads to.

use deskwire_sandbox::world::{DANA, DANA_EMAIL, ORDER_FIELD, REASON_FIELD};
use serde_json::{Value, json};
use wiremock::{MockServer, ResponseTemplate};

use super::*;
use crate::testing::{call, client, key, look, on, paths, requests};
use crate::zendesk::stand_in::{StandIn, assert_recognised, class_and_code};

fn input() -> Value {
    json!({ "subject": "Broken bell", "description": "It does not ring.", "tags": "survey, detractor",
            "requester": { "email": "lin@example.net", "name": "Lin Abara" }, "priority": "High",
            "assignee_email": DANA_EMAIL, "custom_fields": { ORDER_FIELD.to_string(): "7790" } })
}

#[tokio::test]
async fn a_ticket_is_created_with_what_the_step_gives_and_recognised_when_it_comes_back() {
    let zendesk = StandIn::start().await;
    let action = CreateTicket::new(zendesk.client.clone());
    let output = call(&action, input()).await.unwrap();
    assert_eq!((&output["subject"], &output["priority"]), (&json!("Broken bell"), &json!("high")));
    assert_eq!((&output["assignee_id"], &output["tags"]), (&json!(DANA), &json!(["survey", "detractor"])));
    assert_eq!(output["custom_fields"][0], json!({ "id": ORDER_FIELD, "value": "7790" }));
    assert_eq!(output["external_id"], format!("deskwire-{}", &key().0[..32]));
    assert_eq!((&output["idempotency"], output["audit_id"].is_u64()), (&json!("miss"), true));
    let ticket = output["id"].as_u64().unwrap();
    assert_eq!(zendesk.comments(ticket).await, [("It does not ring.".to_owned(), true)]);
    assert_eq!(zendesk.kinds(), ["created"]);
    assert_recognised(&action, &output, &zendesk.events()[0]);
}

#[tokio::test]
async fn a_repeat_with_the_same_key_answers_with_the_same_ticket() {
    let zendesk = StandIn::start().await;
    let action = CreateTicket::new(zendesk.client.clone());
    zendesk.lose_answer("zendesk.create_ticket");
    let lost = call(&action, input()).await.unwrap_err();
    assert_eq!(lost.class, ErrorClass::Unknown);
    let again = call(&action, input()).await.unwrap();
    assert_eq!(again["idempotency"], "hit");
    assert_eq!(zendesk.kinds(), ["created"], "one ticket");
    let mut other = input();
    other["subject"] = json!("Another subject");
    let error = call(&action, other).await.unwrap_err();
    assert_eq!(class_and_code(&error), (ErrorClass::Fail, "IdempotentRequestError"));
    assert!(error.message.contains("external_id deskwire-0123456789abcdef"), "{error}");
}

#[tokio::test]
async fn past_the_window_the_ticket_is_found_by_its_external_id() {
    let zendesk = StandIn::start().await;
    let action = CreateTicket::new(zendesk.client.clone());
    assert_eq!(look(&action, input()).await.unwrap(), None);
    let created = call(&action, input()).await.unwrap();
    zendesk.pass(WINDOW);
    let found = look(&action, input()).await.unwrap().unwrap();
    for field in ["id", "audit_id", "comment_id", "actor_id", "external_id"] {
        assert_eq!(found[field], created[field], "{field}");
    }
    assert_eq!(found["idempotency"], Value::Null);
}

#[tokio::test]
async fn of_tickets_with_the_workflows_own_external_id_only_this_calls_one_is_taken() {
    let zendesk = StandIn::start().await;
    let action = CreateTicket::new(zendesk.client.clone());
    let mut given = input();
    given["external_id"] = json!("shop-7781");
    let connection = deskwire_core::ids::ConnectionName::parse("zendesk").unwrap();
    let others_key = deskwire_core::action::EffectKey("f".repeat(64));
    let others = Call {
        connection: &connection,
        input: &given,
        key: &others_key,
        not_before: crate::testing::not_before(),
        time_limit: crate::testing::time_limit(),
        request_id: None,
    };
    let theirs = action.call(others).await.unwrap();
    assert_eq!(look(&action, given.clone()).await.unwrap(), None, "it is of another call");
    let ours = call(&action, given.clone()).await.unwrap();
    assert_ne!(ours["id"], theirs["id"]);
    assert_eq!(look(&action, given).await.unwrap().unwrap()["id"], ours["id"]);
}

#[tokio::test]
async fn a_refused_value_names_the_input_that_gave_it() {
    let zendesk = StandIn::start().await;
    let action = CreateTicket::new(zendesk.client.clone());
    for (name, value, named) in [
        ("assignee_email", json!("nobody@example.com"), "`assignee_email`: "),
        ("author_id", json!(1), "`author_id`: "),
        ("custom_fields", json!({ REASON_FIELD.to_string(): "bored" }), "`custom_fields.360001110002`: "),
    ] {
        let mut given = input();
        given[name] = value;
        let error = call(&action, given).await.unwrap_err();
        assert_eq!(class_and_code(&error), (ErrorClass::Fail, "RecordInvalid"));
        assert!(error.message.contains(named), "{error}");
    }
    assert!(zendesk.events().is_empty());
}

#[tokio::test]
async fn a_ticket_without_anything_said_is_refused_before_anything_is_sent() {
    let server = MockServer::start().await;
    let error = call(&CreateTicket::new(client(&server)), json!({ "subject": "Hm", "description": " " })).await;
    let error = error.unwrap_err();
    assert_eq!(class_and_code(&error), (ErrorClass::Fail, "bad_input"));
    assert!(error.message.contains("`description`") && paths(&server).await.is_empty(), "{error}");
}

#[tokio::test]
async fn a_servers_error_leaves_it_open_and_a_collision_is_tried_again() {
    let cases = [
        (ResponseTemplate::new(502).set_body_string("<html>"), ErrorClass::Unknown, "http_502"),
        (ResponseTemplate::new(201).set_body_string("<html>"), ErrorClass::Unknown, "unexpected_answer"),
        (
            ResponseTemplate::new(409).set_body_json(json!({ "error": "IdempotentRequestInProgress" })),
            ErrorClass::Retry,
            "IdempotentRequestInProgress",
        ),
    ];
    for (response, class, code) in cases {
        let server = MockServer::start().await;
        on(&server, "/api/v2/tickets", response).await;
        let error = call(&CreateTicket::new(client(&server)), input()).await.unwrap_err();
        assert_eq!(class_and_code(&error), (class, code));
        let request = &requests(&server).await[0];
        assert_eq!(request.headers["idempotency-key"], key().0.as_str());
        let sent: Value = deskwire_core::json::from_slice(&request.body).unwrap();
        assert_eq!(sent["ticket"]["metadata"], json!({ "deskwire": &key().0[..32] }));
        assert_eq!(sent["ticket"]["comment"], json!({ "body": "It does not ring.", "public": true }));
    }
}
