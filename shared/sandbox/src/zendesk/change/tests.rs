//! What a save sends: which webhooks, in which order, signed how.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use deskwire_core::provider::provider;
use deskwire_core::secret::SecretString;
use deskwire_core::signature::{Rules, verify};
use deskwire_core::time::Timestamp;
use http::{HeaderMap, HeaderName};
use serde_json::{Value, json};

use crate::testing::{NOW, sandbox, sandbox_at, sandbox_with, zendesk_put};
use crate::world::{ADDRESS, DANA, HELMETS, INES, INTEGRATION, INVOICE, JONAS, MINA, SABINE, TEO, VOUCHER};
use crate::{DEMO_AGENT, DEMO_TICKET, NewTicket, SignedDelivery};

fn bodies(deliveries: &[SignedDelivery]) -> Vec<Value> {
    deliveries.iter().map(|delivery| deskwire_core::json::from_slice(&delivery.body).unwrap()).collect()
}

fn kinds(deliveries: &[SignedDelivery]) -> Vec<String> {
    let kind = |body: Value| body["type"].as_str().unwrap().strip_prefix("zen:event-type:ticket.").unwrap().to_owned();
    bodies(deliveries).into_iter().map(kind).collect()
}

#[test]
fn one_save_sends_a_webhook_for_each_thing_that_changed() {
    let deliveries = sandbox().zendesk().assign(DEMO_TICKET, DEMO_AGENT);
    assert_eq!(kinds(&deliveries), ["agent_assignment_changed", "status_changed"]);
    let bodies = bodies(&deliveries);
    assert_ne!(bodies[0]["id"], bodies[1]["id"]);
    let sequence = |body: &Value| body["event"]["meta"]["sequence"].clone();
    assert_eq!(sequence(&bodies[0])["id"], sequence(&bodies[1])["id"]);
    assert_eq!((&sequence(&bodies[0])["position"], &sequence(&bodies[1])["position"]), (&json!(1), &json!(2)));
    assert_eq!((&bodies[1]["event"]["current"], &bodies[1]["event"]["previous"]), (&json!("OPEN"), &json!("NEW")));
}

#[test]
fn an_event_has_the_documented_envelope_with_ids_as_text_and_enums_in_capitals() {
    let body = &bodies(&sandbox().zendesk().assign(HELMETS, DANA))[0];
    let keys: Vec<&String> = body.as_object().unwrap().keys().collect();
    let documented = ["type", "account_id", "id", "time", "zendesk_event_version", "subject", "detail", "event"];
    assert_eq!(keys, documented);
    assert_eq!((&body["account_id"], &body["subject"]), (&json!(22_129_001), &json!("zen:ticket:48213")));
    assert_eq!((&body["event"]["current"], &body["event"]["previous"]), (&json!(DANA.to_string()), &Value::Null));
    let detail = &body["detail"];
    assert_eq!((&detail["actor_id"], &detail["status"]), (&json!(INES.to_string()), &json!("OPEN")));
    assert_eq!((&detail["requester_id"], &detail["priority"]), (&json!(MINA.to_string()), &json!("HIGH")));
    let time = body["time"].as_str().unwrap();
    assert!(time.starts_with("2026-02-03T08:15:42.318") && time.len() == 30, "{time}");
}

#[test]
fn a_delivery_is_signed_with_the_secret_and_carries_zendesks_headers() {
    let delivery = &sandbox().zendesk().assign(HELMETS, DANA)[0];
    let mut headers = HeaderMap::new();
    for (name, value) in &delivery.headers {
        headers.append(name.parse::<HeaderName>().unwrap(), value.parse().unwrap());
    }
    let now = Timestamp::parse(NOW).unwrap();
    let rules = Rules { now, tolerance: Duration::from_secs(1), accept_test_secret: false };
    let check = |secret: &str| {
        let scheme = provider("zendesk").unwrap().scheme("webhook").unwrap();
        verify(scheme, &headers, &delivery.body, &[SecretString::from(secret)], rules).is_ok()
    };
    assert!(check("signing-marker") && !check("other"));
    assert_eq!(headers["x-zendesk-account-id"], "22129001");
    assert_eq!(headers["x-zendesk-webhook-id"].len(), 26);
    assert!(headers.contains_key("x-zendesk-webhook-invocation-id") && headers.contains_key("content-type"));
    assert_eq!(headers["x-zendesk-webhook-signature-timestamp"], "2026-02-03T08:15:42Z");
}

#[test]
fn a_save_that_changes_nothing_or_cannot_be_made_sends_nothing() {
    let zendesk = sandbox().zendesk();
    assert!(zendesk.assign(ADDRESS, TEO).is_empty(), "it is Teo's already");
    assert!(zendesk.assign(ADDRESS, MINA).is_empty(), "customers get no tickets");
    assert!(zendesk.assign(VOUCHER, TEO).is_empty(), "closed");
    assert!(zendesk.assign(1, TEO).is_empty(), "no such ticket");
    assert_eq!(zendesk.assignee(VOUCHER), Some(crate::world::RAVI));
    assert!(zendesk.set_status(ADDRESS, "great").is_empty());
}

#[test]
fn taking_a_ticket_away_names_nobody() {
    let zendesk = sandbox().zendesk();
    let body = &bodies(&zendesk.unassign(ADDRESS))[0];
    assert_eq!((&body["event"]["current"], &body["event"]["previous"]), (&Value::Null, &json!(TEO.to_string())));
    assert_eq!((&body["detail"]["assignee_id"], zendesk.assignee(ADDRESS)), (&Value::Null, None));
}

#[test]
fn a_comment_is_told_with_its_author_and_a_customers_one_reopens_the_ticket() {
    let zendesk = sandbox().zendesk();
    let deliveries = zendesk.add_comment(INVOICE, SABINE, "Nein, leider nicht.", true);
    assert_eq!(kinds(&deliveries), ["status_changed", "comment_added"]);
    let comment = &bodies(&deliveries)[1]["event"]["comment"];
    assert_eq!(comment["author"], json!({ "id": SABINE.to_string(), "is_staff": false, "name": "Sabine Kurz" }));
    assert_eq!((&comment["body"], &comment["is_public"]), (&json!("Nein, leider nicht."), &json!(true)));
    let note = zendesk.add_comment(INVOICE, DANA, "Ich rufe an.", false);
    assert_eq!(kinds(&note), ["comment_added"]);
    assert_eq!(bodies(&note)[0]["event"]["comment"]["author"]["is_staff"], true);
}

#[test]
fn a_new_ticket_is_told_without_a_body_by_its_requester() {
    let new = NewTicket { subject: "Bell".to_owned(), description: "Too quiet".to_owned(), requester: JONAS };
    let (id, deliveries) = sandbox().zendesk().create_ticket(new);
    let body = &bodies(&deliveries)[0];
    assert_eq!((id, kinds(&deliveries)), (48_218, vec!["created".to_owned()]));
    assert_eq!((&body["detail"]["actor_id"], &body["detail"]["status"]), (&json!(JONAS.to_string()), &json!("NEW")));
    assert_eq!((&body["detail"]["priority"], &body["detail"]["organization_id"]), (&Value::Null, &Value::Null));
}

#[test]
fn priorities_are_told_in_capitals() {
    let body = &bodies(&sandbox().zendesk().set_priority(HELMETS, "urgent"))[0];
    assert_eq!((&body["event"]["current"], &body["event"]["previous"]), (&json!("URGENT"), &json!("HIGH")));
}

#[tokio::test]
async fn a_write_over_rest_sends_webhooks_too_with_the_integration_as_actor() {
    let delivered: Arc<Mutex<Vec<SignedDelivery>>> = Arc::default();
    let kept = Arc::clone(&delivered);
    let sandbox = sandbox_with(Some(Arc::new(move |deliveries| kept.lock().unwrap().extend(deliveries))));
    let body = json!({ "ticket": { "tags": ["delivery", "express"], "subject": "Helmets" } });
    zendesk_put(&sandbox, &format!("tickets/{HELMETS}"), &body).await;
    let delivered = delivered.lock().unwrap().clone();
    assert_eq!(kinds(&delivered), ["subject_changed", "tags_changed"]);
    let tags = &bodies(&delivered)[1];
    assert_eq!(tags["detail"]["actor_id"], INTEGRATION.to_string());
    let event = (&tags["event"]["added"]["tags"], &tags["event"]["removed"]["tags"]);
    assert_eq!(event, (&json!(["express"]), &json!(["damage"])));
}

#[test]
fn a_start_at_another_time_sends_other_ids() {
    let at = |time| sandbox_at(time, None).zendesk().assign(HELMETS, DANA);
    assert_eq!(at(NOW), at(NOW));
    let id = |time| bodies(&at(time))[0]["id"].clone();
    assert_ne!(id(NOW), id("2026-02-03T08:15:42.319Z"), "or the relay would take them for repeats");
}
