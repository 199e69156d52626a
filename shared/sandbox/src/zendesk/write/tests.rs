//! What REST writes: tickets, tags, profiles and records, and what is told about it.

use std::sync::{Arc, Mutex};

use http::StatusCode;
use serde_json::{Value, json};

use crate::testing::{get, sandbox, sandbox_with, zendesk, zendesk_put, zendesk_write};
use crate::world::{BICYCLE, DANA, HELMETS, INTEGRATION, JONAS, MINA, ORDER_FIELD, REASON_FIELD, REASONS};
use crate::{Sandbox, SignedDelivery};

/// A sandbox, and the bodies of the webhooks that it sends.
fn telling() -> (Sandbox, impl Fn() -> Vec<Value>) {
    let delivered: Arc<Mutex<Vec<SignedDelivery>>> = Arc::default();
    let kept = Arc::clone(&delivered);
    let sandbox = sandbox_with(Some(Arc::new(move |deliveries| kept.lock().unwrap().extend(deliveries))));
    let bodies = move || {
        let delivered = delivered.lock().unwrap();
        delivered.iter().map(|delivery| deskwire_core::json::from_slice(&delivery.body).unwrap()).collect()
    };
    (sandbox, bodies)
}

fn kinds(events: &[Value]) -> Vec<&str> {
    let names = events.iter().map(|event| event["type"].as_str().unwrap());
    names.map(|name| name.strip_prefix("zen:event-type:ticket.").unwrap()).collect()
}

async fn create(sandbox: &Sandbox, key: &str, subject: &str) -> crate::testing::Answer {
    let requester = json!({ "email": "lin@example.net", "name": "Lin Abara" });
    let body = json!({ "ticket": { "subject": subject, "comment": { "body": "Hello" }, "requester": requester } });
    zendesk_write(sandbox, "POST", "tickets.json", &[("idempotency-key", key)], &body).await
}

#[tokio::test]
async fn a_key_creates_one_ticket_and_says_hit_on_a_repeat() {
    let (sandbox, events) = telling();
    let first = create(&sandbox, "k", "Bell").await;
    assert_eq!((first.status, first.header("x-idempotency-lookup")), (StatusCode::CREATED, "miss"));
    assert!(first.header("location").ends_with("/tickets/48218.json"));
    let again = create(&sandbox, "k", "Bell").await;
    assert_eq!((again.status, again.header("x-idempotency-lookup")), (StatusCode::CREATED, "hit"));
    assert_eq!(again.json(), first.json());
    let other = create(&sandbox, "k", "Horn").await;
    assert_eq!((other.status, &other.json()["error"]), (StatusCode::BAD_REQUEST, &json!("IdempotentRequestError")));
    let events = events();
    assert_eq!(kinds(&events), ["created"]);
    assert_eq!(events[0]["detail"]["actor_id"], INTEGRATION.to_string());
}

#[tokio::test]
async fn a_requester_that_nobody_knows_becomes_a_user_and_writes_the_first_comment() {
    let sandbox = sandbox();
    let ticket = create(&sandbox, "k", "Bell").await.json()["ticket"].clone();
    let user = zendesk(&sandbox, &format!("users/{}", ticket["requester_id"])).await.json()["user"].clone();
    assert_eq!((&user["name"], &user["role"]), (&json!("Lin Abara"), &json!("end-user")));
    let comments = zendesk(&sandbox, &format!("tickets/{}/comments", ticket["id"])).await.json();
    assert_eq!(comments["comments"][0]["author_id"], ticket["requester_id"]);
    let second = create(&sandbox, "other", "Bell").await.json()["ticket"].clone();
    assert_eq!(second["requester_id"], ticket["requester_id"], "known by now");
}

#[tokio::test]
async fn tickets_are_found_by_their_external_id() {
    let sandbox = sandbox();
    let body = json!({ "ticket": { "external_id": "shop-1", "requester_id": JONAS, "comment": { "body": "Hm" } } });
    let created = zendesk_write(&sandbox, "POST", "tickets", &[], &body).await;
    assert!(!created.headers.contains_key("x-idempotency-lookup"));
    let found = zendesk(&sandbox, "tickets?external_id=shop-1").await.json();
    assert_eq!(found["tickets"], json!([created.json()["ticket"]]));
    assert_eq!(zendesk(&sandbox, "tickets?external_id=shop-2").await.json()["count"], 0);
    let empty = zendesk_write(&sandbox, "POST", "tickets", &[], &json!({ "ticket": { "subject": "x" } })).await;
    assert_eq!(empty.status, StatusCode::UNPROCESSABLE_ENTITY);
}

#[tokio::test]
async fn an_audit_keeps_the_metadata_and_the_comments_own_id() {
    let (sandbox, events) = telling();
    let body = json!({ "ticket": { "status": "open", "metadata": { "mark": "m" },
                                   "comment": { "html_body": "<p>On <b>it</b></p>", "public": false } } });
    let answer = zendesk_put(&sandbox, &format!("tickets/{HELMETS}"), &body).await.json();
    let audits = zendesk(&sandbox, &format!("tickets/{HELMETS}/audits?sort=-created_at&page[size]=1")).await.json();
    let audit = &audits["audits"][0];
    assert_eq!((audit, &audit["metadata"]["custom"]), (&answer["audit"], &json!({ "mark": "m" })));
    assert_eq!(audit["author_id"], INTEGRATION);
    let comment = &audit["events"][1];
    assert_eq!((&comment["type"], &comment["body"]), (&json!("Comment"), &json!("On it")));
    let events = events();
    assert_eq!(kinds(&events), ["status_changed", "comment_added"]);
    assert_eq!(events[1]["event"]["comment"]["id"], comment["id"].to_string());
    let seeded = zendesk(&sandbox, &format!("tickets/{HELMETS}/audits")).await.json();
    assert_eq!(seeded["audits"].as_array().unwrap().len(), 3, "the seeded comments have audits too");
}

#[tokio::test]
async fn every_field_that_changes_is_told_by_an_event_of_its_own() {
    let (sandbox, events) = telling();
    let body = json!({ "ticket": {
        "assignee_id": DANA, "group_id": 7, "requester_id": JONAS, "organization_id": null, "priority": null, "type": "task",
        "due_at": "2026-02-06T16:00:00Z", "external_id": "x-1", "ticket_form_id": 8, "brand_id": 9,
        "custom_fields": [{ "id": ORDER_FIELD, "value": "7782" }, { "id": 1, "value": "dropped" }],
        "followers": [{ "user_id": DANA, "action": "put" }], "email_ccs": [{ "user_email": "aiko.tanabe@example.net" }],
    } });
    let ticket = zendesk_put(&sandbox, &format!("tickets/{HELMETS}"), &body).await.json()["ticket"].clone();
    assert_eq!((&ticket["due_at"], &ticket["external_id"]), (&json!("2026-02-06T16:00:00Z"), &json!("x-1")));
    let events = events();
    let expected = "agent_assignment group_assignment requester organization status priority type task_due_at external_id \
                    form brand custom_field followers email_ccs";
    let expected: Vec<String> = expected.split_whitespace().map(|name| format!("{name}_changed")).collect();
    assert_eq!(kinds(&events), expected);
    let field = events.iter().find(|event| event["type"] == "zen:event-type:ticket.custom_field_changed").unwrap();
    assert_eq!((&field["event"]["previous"], &field["event"]["current"]), (&json!("7781"), &json!("7782")));
    assert_eq!(field["event"]["field"]["title"], "Order number");
}

#[tokio::test]
async fn a_drop_down_takes_its_options_only_and_the_fields_are_listed_with_their_titles() {
    let sandbox = sandbox();
    let set = |value: &str| json!({ "ticket": { "custom_fields": [{ "id": REASON_FIELD, "value": value }] } });
    let path = format!("tickets/{HELMETS}");
    assert_eq!(zendesk_put(&sandbox, &path, &set(REASONS[0])).await.status, StatusCode::OK);
    let refused = zendesk_put(&sandbox, &path, &set("bored")).await.json();
    assert_eq!(refused["details"]["base"][0]["ticket_field_id"], REASON_FIELD);
    let fields = zendesk(&sandbox, "ticket_fields.json?page[size]=100").await.json();
    let order = fields["ticket_fields"].as_array().unwrap().iter().find(|field| field["id"] == ORDER_FIELD).unwrap();
    assert_eq!(order["title"], "Order number");
}

#[tokio::test]
async fn tags_are_added_removed_and_set() {
    let (sandbox, events) = telling();
    let path = format!("tickets/{HELMETS}/tags");
    let asked = [
        ("PUT", json!(["delivery", "vip"]), StatusCode::OK, json!(["delivery", "damage", "vip"])),
        ("DELETE", json!(["damage", "none"]), StatusCode::OK, json!(["delivery", "vip"])),
        ("POST", json!(["only"]), StatusCode::CREATED, json!(["only"])),
        ("PUT", json!(["only"]), StatusCode::OK, json!(["only"])),
    ];
    for (method, tags, status, expected) in asked {
        let answer = zendesk_write(&sandbox, method, &path, &[], &json!({ "tags": tags })).await;
        assert_eq!((answer.status, answer.json()), (status, json!({ "tags": expected })), "{method}");
    }
    assert_eq!(zendesk(&sandbox, &path).await.json()["tags"], json!(["only"]));
    assert_eq!(kinds(&events()), ["tags_changed"; 3]);
    let stale = json!({ "tags": ["late"], "safe_update": "true", "updated_stamp": "2020-01-01T00:00:00Z" });
    assert_eq!(zendesk_write(&sandbox, "PUT", &path, &[], &stale).await.status, StatusCode::CONFLICT);
}

#[tokio::test]
async fn a_profile_is_replaced_by_put_and_merged_by_patch() {
    let sandbox = sandbox();
    let at = "user_profiles?identifier=shop:customer:email:mina.oort@example.net";
    let profile = |attributes: Value| {
        json!({ "profile": { "source": "shop", "type": "customer", "attributes": attributes,
                             "identifiers": [{ "type": "email", "value": "mina.oort@example.net" }] } })
    };
    let missing = zendesk_write(&sandbox, "PATCH", at, &[], &profile(json!({}))).await;
    assert_eq!(missing.status, StatusCode::NOT_FOUND);
    let created = zendesk_write(&sandbox, "PUT", at, &[], &profile(json!({ "a": 1 }))).await;
    assert_eq!(
        (created.status, &created.json()["profile"]["user_id"]),
        (StatusCode::CREATED, &json!(MINA.to_string()))
    );
    let merged = zendesk_write(&sandbox, "PATCH", at, &[], &profile(json!({ "b": 2 }))).await.json();
    assert_eq!(merged["profile"]["attributes"], json!({ "a": 1, "b": 2 }));
    let replaced = zendesk_put(&sandbox, at, &profile(json!({ "c": 3 }))).await;
    assert_eq!((replaced.status, replaced.json()), (StatusCode::OK, zendesk(&sandbox, at).await.json()));
    assert_eq!(replaced.json()["profile"]["attributes"], json!({ "c": 3 }));
    let incomplete = zendesk_put(&sandbox, "user_profiles?identifier=shop:customer", &profile(json!({}))).await;
    assert_eq!(incomplete.status, StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn a_record_is_made_or_changed_by_its_external_id() {
    let sandbox = sandbox();
    let path = format!("custom_objects/{BICYCLE}/records");
    let body =
        |fields: Value| json!({ "custom_object_record": { "name": "Tourer 7", "custom_object_fields": fields } });
    let by_id = format!("{path}?external_id=t-7");
    let made = zendesk_write(&sandbox, "PATCH", &by_id, &[], &body(json!({ "a": 1 }))).await;
    assert_eq!(made.status, StatusCode::CREATED);
    let changed = zendesk_write(&sandbox, "PATCH", &by_id, &[], &body(json!({ "b": 2 }))).await;
    let record = changed.json()["custom_object_record"].clone();
    assert_eq!((changed.status, &record["custom_object_fields"]), (StatusCode::OK, &json!({ "a": 1, "b": 2 })));
    let taken = json!({ "custom_object_record": { "name": "x", "external_id": "t-7" } });
    let taken = zendesk_write(&sandbox, "POST", &path, &[], &taken).await;
    assert!(taken.json()["details"]["external_id"].is_array(), "{}", taken.text());
    let listed = zendesk(&sandbox, &format!("{path}?filter[external_ids]=t-7,t-8")).await.json();
    assert_eq!(listed["custom_object_records"], json!([record]));
    let unknown = zendesk(&sandbox, "custom_objects/car/records").await;
    assert_eq!(unknown.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn what_was_written_is_shown_on_the_page() {
    let sandbox = sandbox();
    let body = json!({ "ticket": { "tags": ["vip"], "comment": { "body": "for us only", "public": false } } });
    zendesk_put(&sandbox, &format!("tickets/{HELMETS}"), &body).await;
    let record = json!({ "custom_object_record": { "name": "Tourer <7>", "custom_object_fields": { "gears": 3 } } });
    zendesk_write(&sandbox, "POST", &format!("custom_objects/{BICYCLE}/records"), &[], &record).await;
    let profile = json!({ "profile": { "name": "Mina at the shop" } });
    zendesk_put(&sandbox, "user_profiles?identifier=shop:customer:member:7", &profile).await;
    let page = get(&sandbox, "/zendesk").await.text();
    for part in
        ["<li class=\"tag\">vip</li>", "for us only", "Tourer &#60;7&#62;", "gears", "Mina at the shop", "member"]
    {
        assert!(page.contains(part), "{part}");
    }
}

#[tokio::test]
async fn a_tag_with_white_space_or_a_comma_becomes_several() {
    let sandbox = sandbox();
    let tags = |answer: &crate::testing::Answer| answer.json()["ticket"]["tags"].clone();
    let body = json!({ "ticket": { "tags": ["two words", "a,b", "vip"] } });
    let saved = zendesk_write(&sandbox, "PUT", &format!("tickets/{HELMETS}"), &[], &body).await;
    assert_eq!(tags(&saved), json!(["two", "words", "a", "b", "vip"]));
    let added =
        zendesk_write(&sandbox, "PUT", &format!("tickets/{HELMETS}/tags"), &[], &json!({ "tags": ["x y"] })).await;
    assert_eq!(added.json()["tags"], json!(["two", "words", "a", "b", "vip", "x", "y"]));
}

#[tokio::test]
async fn comments_copies_and_records_beyond_their_limits_are_refused() {
    let sandbox = sandbox();
    let people = |many: usize| (0..many).map(|at| json!({ "user_id": (1_000 + at).to_string() })).collect::<Vec<_>>();
    let text = |length: usize| "x".repeat(length);
    for (fits, ticket) in [
        (true, json!({ "comment": { "body": text(65_535) } })),
        (false, json!({ "comment": { "body": text(65_536) } })),
        (false, json!({ "comment": { "html_body": text(65_536) } })),
        (true, json!({ "email_ccs": people(48) })),
        (false, json!({ "email_ccs": people(49) })),
        (true, json!({ "followers": people(49) })),
    ] {
        let path = format!("tickets/{HELMETS}");
        let answer = zendesk_write(&sandbox, "PUT", &path, &[], &json!({ "ticket": ticket })).await;
        assert_eq!(answer.status.is_success(), fits);
        assert!(fits || answer.status == StatusCode::UNPROCESSABLE_ENTITY);
    }
    let record = |length: usize| json!({ "custom_object_record": { "name": "n", "custom_object_fields": { "a": text(length) } } });
    let path = format!("custom_objects/{BICYCLE}/records");
    assert_eq!(zendesk_write(&sandbox, "POST", &path, &[], &record(32_000)).await.status, StatusCode::CREATED);
    let refused = zendesk_write(&sandbox, "POST", &path, &[], &record(33_000)).await;
    assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY);
}
