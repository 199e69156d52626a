//! Updating tickets, against Zendesk's stand-in, and against answers that it does not give.

use deskwire_sandbox::world::{ADDRESS, DANA, HELMETS, INTEGRATION, VOUCHER};
use deskwire_sandbox::{Fault, FaultKind};
use serde_json::{Value, json};
use wiremock::matchers::{method, path, query_param, query_param_is_missing};
use wiremock::{Mock, MockServer, ResponseTemplate};

use super::*;
use crate::testing::{call, client, key, look, on, paths, requests};
use crate::zendesk::stand_in::{StandIn, assert_recognised, class_and_code};

fn commented() -> Value {
    json!({ "ticket_id": HELMETS, "priority": "Urgent", "add_tags": "escalated", "remove_tags": ["damage"],
            "comment_body": "Escalated by the survey." })
}

#[tokio::test]
async fn fields_tags_and_an_internal_note_are_saved_and_recognised_when_they_come_back() {
    let zendesk = StandIn::start().await;
    let action = UpdateTicket::new(zendesk.client.clone());
    let output = call(&action, commented()).await.unwrap();
    assert_eq!((&output["priority"], &output["tags"]), (&json!("urgent"), &json!(["delivery", "escalated"])));
    assert_eq!(output["actor_id"], INTEGRATION);
    assert_eq!(zendesk.comments(HELMETS).await[0], ("Escalated by the survey.".to_owned(), false));
    assert_eq!(zendesk.kinds(), ["priority_changed", "tags_changed", "comment_added"], "one save for all");
    for event in zendesk.events() {
        assert_recognised(&action, &output, &event);
    }
    assert_eq!(zendesk.asked()[..2], ["zendesk.show_ticket", "zendesk.update_ticket"]);
}

#[tokio::test]
async fn a_comment_is_public_only_where_the_step_says_so() {
    let zendesk = StandIn::start().await;
    let action = UpdateTicket::new(zendesk.client.clone());
    let given = json!({ "ticket_id": HELMETS, "comment_html_body": "<p>On its <b>way</b></p>", "public": true });
    call(&action, given).await.unwrap();
    assert_eq!(zendesk.comments(HELMETS).await[0], ("On its way".to_owned(), true));
}

#[tokio::test]
async fn a_comment_whose_answer_was_lost_is_found_and_one_that_was_not_made_is_not() {
    let zendesk = StandIn::start().await;
    let action = UpdateTicket::new(zendesk.client.clone());
    assert_eq!(look(&action, commented()).await.unwrap(), None);
    zendesk.lose_answer("zendesk.update_ticket");
    assert_eq!(call(&action, commented()).await.unwrap_err().class, ErrorClass::Unknown);
    // Somebody else goes on meanwhile.
    zendesk.sandbox.zendesk().add_comment(HELMETS, DANA, "Escalated by the survey.", false);
    let found = look(&action, commented()).await.unwrap().unwrap();
    assert_eq!(found["actor_id"], INTEGRATION, "ours, not Dana's");
    assert_recognised(&action, &found, zendesk.events().last().unwrap());
}

#[tokio::test]
async fn only_a_comment_or_a_condition_makes_a_repeat_something_to_avoid() {
    let action = UpdateTicket::new(client(&MockServer::start().await));
    let effect = |more: Value| {
        let mut given = json!({ "ticket_id": 1, "status": "open", "add_tags": "vip" });
        given.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        action.effect(&given)
    };
    assert_eq!(effect(json!({ "comment_body": "" })), Effect::Idempotent);
    assert_eq!(effect(json!({ "comment_body": "hi" })), action.spec().effect);
    assert_eq!(effect(json!({ "only_if_unchanged_since": "2026-02-03T08:15:42Z" })), action.spec().effect);
    assert_eq!(action.subject(&commented()).as_deref(), Some("zen:ticket:48213"));
}

#[tokio::test]
async fn a_change_without_a_comment_is_tried_again_when_its_answer_is_lost() {
    let zendesk = StandIn::start().await;
    let action = UpdateTicket::new(zendesk.client.clone());
    let given = json!({ "ticket_id": HELMETS, "status": "On-hold" });
    zendesk.lose_answer("zendesk.update_ticket");
    assert_eq!(call(&action, given.clone()).await.unwrap_err().class, ErrorClass::Retry);
    assert_eq!(call(&action, given).await.unwrap()["status"], "hold");
    assert_eq!(zendesk.kinds(), ["status_changed"], "the repeat changed nothing");
}

#[tokio::test]
async fn where_only_tags_change_the_save_is_recognised_too_and_tags_that_are_there_are_not_saved_again() {
    let zendesk = StandIn::start().await;
    let action = UpdateTicket::new(zendesk.client.clone());
    for tag in ["vip", "late"] {
        let output = call(&action, json!({ "ticket_id": HELMETS, "add_tags": [tag] })).await.unwrap();
        assert_eq!((output["audit_id"].is_u64(), &output["actor_id"]), (true, &json!(INTEGRATION)));
        assert_recognised(&action, &output, zendesk.events().last().unwrap());
    }
    let given = json!({ "ticket_id": HELMETS, "add_tags": "vip", "remove_tags": "gone" });
    let output = call(&action, given.clone()).await.unwrap();
    assert_eq!((output["tags"].as_array().unwrap().contains(&json!("vip")), &output["audit_id"]), (true, &Value::Null));
    assert_eq!(output["actor_id"], INTEGRATION, "an answer may have been lost: the save before is still ours");
    assert_recognised(&action, &output, zendesk.events().last().unwrap());
    let unseen = json!({ "id": HELMETS, "updated_at": output["updated_at"], "actor_id": null });
    assert_eq!(action.own_writes(&given, &unseen), []);
    assert_eq!(zendesk.kinds(), ["tags_changed", "tags_changed"]);
}

/// A ticket with tags, and how a save of it is answered, one answer after the other.
async fn tagged(answers: Vec<ResponseTemplate>) -> MockServer {
    let server = MockServer::start().await;
    let ticket =
        json!({ "ticket": { "id": 7, "status": "open", "tags": ["old"], "updated_at": "2026-02-03T08:15:42Z" } });
    let show = Mock::given(method("GET")).and(path("/api/v2/tickets/7"));
    show.respond_with(ResponseTemplate::new(200).set_body_json(ticket)).mount(&server).await;
    for answer in answers {
        let save = Mock::given(method("PUT")).and(path("/api/v2/tickets/7"));
        save.respond_with(answer).up_to_n_times(1).mount(&server).await;
    }
    server
}

fn changed_meanwhile() -> ResponseTemplate {
    ResponseTemplate::new(409).set_body_json(json!({ "error": "UpdateConflict", "description": "Safe update" }))
}

#[tokio::test]
async fn tags_are_worked_out_anew_where_somebody_else_was_quicker_and_nothing_is_lost() {
    let saved = ResponseTemplate::new(200).set_body_json(json!({ "ticket": { "id": 7 }, "audit": { "id": 9 } }));
    let server = tagged(vec![changed_meanwhile(), saved]).await;
    let given = json!({ "ticket_id": 7, "add_tags": "new", "comment_body": "hi" });
    assert_eq!(call(&UpdateTicket::new(client(&server)), given).await.unwrap()["audit_id"], 9);
    let verbs: Vec<String> = requests(&server).await.iter().map(|request| request.method.to_string()).collect();
    assert_eq!(verbs, ["GET", "PUT", "GET", "PUT"]);
    let sent: Value = deskwire_core::json::from_slice(&requests(&server).await[3].body).unwrap();
    assert_eq!(
        (&sent["ticket"]["tags"], &sent["ticket"]["safe_update"], &sent["ticket"]["updated_stamp"]),
        (&json!(["old", "new"]), &json!(true), &json!("2026-02-03T08:15:42Z"))
    );
    let server = tagged(vec![changed_meanwhile(); 9]).await;
    let error =
        call(&UpdateTicket::new(client(&server)), json!({ "ticket_id": 7, "add_tags": "new" })).await.unwrap_err();
    assert_eq!(class_and_code(&error), (ErrorClass::Retry, COLLISION));
    assert!(error.message.contains("nothing was changed"), "{error}");
}

#[tokio::test]
async fn a_save_that_is_refused_names_its_call_and_has_changed_nothing() {
    let details = json!({ "priority": [{ "description": "Priority: is invalid" }] });
    let refused = json!({ "error": "RecordInvalid", "description": "Record validation errors", "details": details });
    let server = tagged(vec![ResponseTemplate::new(422).set_body_json(refused)]).await;
    let given =
        json!({ "ticket_id": 7, "add_tags": "new", "remove_tags": "old", "priority": "High", "comment_body": "hi" });
    let error = call(&UpdateTicket::new(client(&server)), given).await.unwrap_err();
    assert_eq!(class_and_code(&error), (ErrorClass::Fail, REFUSED));
    let end = "This was the call PUT /api/v2/tickets/7; nothing was changed before it.";
    assert!(error.message.contains("`priority`") && error.message.ends_with(end), "{error}");
    let changes = requests(&server).await.iter().filter(|request| request.method.as_str() != "GET").count();
    assert_eq!(changes, 1, "all in one save");
}

#[tokio::test]
async fn all_tags_are_replaced_by_set_tags_alone() {
    let zendesk = StandIn::start().await;
    let action = UpdateTicket::new(zendesk.client.clone());
    let output = call(&action, json!({ "ticket_id": HELMETS, "set_tags": ["only"] })).await.unwrap();
    assert_eq!(output["tags"], json!(["only"]));
    assert_eq!(zendesk.asked(), ["zendesk.update_ticket"]);
}

#[tokio::test]
async fn a_condition_lets_one_save_through_and_refuses_the_next() {
    let zendesk = StandIn::start().await;
    let action = UpdateTicket::new(zendesk.client.clone());
    let stamp = zendesk.get(&format!("tickets/{HELMETS}")).await["ticket"]["updated_at"].clone();
    let given = |tag: &str| {
        json!({ "ticket_id": HELMETS, "add_tags": tag, "remove_tags": "damage",
                                    "only_if_unchanged_since": stamp })
    };
    let output = call(&action, given("vip")).await.unwrap();
    assert_eq!(output["tags"], json!(["delivery", "vip"]));
    let there = call(&action, given("vip")).await.unwrap_err();
    assert_eq!(class_and_code(&there), (ErrorClass::Fail, CHANGED_SINCE), "also where the tags are as wanted");
    let error = call(&action, given("late")).await.unwrap_err();
    assert_eq!(class_and_code(&error), (ErrorClass::Fail, CHANGED_SINCE));
    assert!(error.message.contains("`only_if_unchanged_since`"), "{error}");
    assert!(!zendesk.asked().contains(&"zendesk.change_tags".to_owned()), "one save for all");
}

#[tokio::test]
async fn a_closed_ticket_takes_nothing_and_says_so() {
    let zendesk = StandIn::start().await;
    let action = UpdateTicket::new(zendesk.client.clone());
    for given in [json!({ "ticket_id": VOUCHER, "status": "Open" }), json!({ "ticket_id": VOUCHER, "add_tags": "x" })] {
        let error = call(&action, given).await.unwrap_err();
        assert_eq!(class_and_code(&error), (ErrorClass::Fail, CLOSED));
        assert!(error.message.starts_with("Ticket 48217 is closed"), "{error}");
    }
    let refused = call(&action, json!({ "ticket_id": ADDRESS, "assignee_id": 1 })).await.unwrap_err();
    assert_eq!(class_and_code(&refused), (ErrorClass::Fail, REFUSED));
    assert!(refused.message.contains("`assignee_id`: Assignee: is not an agent"), "{refused}");
    let missing = call(&action, json!({ "ticket_id": 1, "status": "open" })).await.unwrap_err();
    assert_eq!(class_and_code(&missing), (ErrorClass::Fail, "RecordNotFound"));
}

#[tokio::test]
async fn a_limit_of_one_ticket_holds_that_ticket_and_a_used_up_account_all() {
    for (remaining, held) in [("312", "zendesk|zendesk|ticket 7"), ("0", "zendesk|zendesk")] {
        let server = MockServer::start().await;
        let limited = ResponseTemplate::new(429).insert_header("retry-after", "41");
        let limited = limited.insert_header("x-rate-limit-remaining", remaining);
        on(&server, "/api/v2/tickets/7", limited).await;
        let error = call(&UpdateTicket::new(client(&server)), json!({ "ticket_id": 7, "status": "open" })).await;
        let error = error.unwrap_err();
        assert_eq!(error.hold, Some(HoldKey(held.to_owned())));
        assert_eq!(error.retry_after, Some(Duration::from_secs(41)));
    }
}

#[tokio::test]
async fn a_call_that_would_change_nothing_is_refused_before_anything_is_sent() {
    let server = MockServer::start().await;
    let action = UpdateTicket::new(client(&server));
    for given in [
        json!({ "ticket_id": 7, "subject": null, "add_tags": [] }),
        json!({ "ticket_id": 7, "only_if_unchanged_since": "2026-02-03T08:15:42Z" }),
        json!({ "ticket_id": 7, "set_tags": "a", "add_tags": "b" }),
        json!({ "ticket_id": 7, "status": "open", "only_if_unchanged_since": "yesterday" }),
        json!({ "status": "open" }),
    ] {
        assert_eq!(class_and_code(&call(&action, given).await.unwrap_err()), (ErrorClass::Fail, "bad_input"));
    }
    assert!(paths(&server).await.is_empty());
}

const AUDITS: &str = "/api/v2/tickets/7/audits";

fn audit(id: u64, created_at: &str, metadata: &Value) -> Value {
    json!({ "id": id, "created_at": created_at, "author_id": 5, "metadata": metadata,
            "events": [{ "id": id + 1, "type": "Comment", "body": "hi\n there", "public": false }] })
}

/// Looks for the trace of a comment in these pages of audits.
async fn looked(pages: &[Value], sorts: bool) -> Result<Option<Value>, CallError> {
    let server = MockServer::start().await;
    on(&server, "/api/v2/tickets/7", ResponseTemplate::new(200).set_body_json(json!({ "ticket": { "id": 7 } }))).await;
    if !sorts {
        let refusal = ResponseTemplate::new(400).set_body_json(json!({ "errors": [{ "code": "InvalidPagination" }] }));
        Mock::given(path(AUDITS)).and(query_param("sort", "-created_at")).respond_with(refusal).mount(&server).await;
    }
    for (place, audits) in pages.iter().enumerate() {
        let (more, next) = (place + 1 < pages.len(), format!("after {place}"));
        let body = json!({ "audits": audits, "meta": { "has_more": more, "after_cursor": next } });
        let mock = Mock::given(method("GET")).and(path(AUDITS));
        let mock = match place {
            0 => mock.and(query_param_is_missing("page[after]")),
            _ => mock.and(query_param("page[after]", format!("after {}", place - 1))),
        };
        let times = u64::from(audits.is_array());
        mock.respond_with(ResponseTemplate::new(200).set_body_json(body)).expect(times).mount(&server).await;
    }
    let given = json!({ "ticket_id": 7, "comment_body": "hi there" });
    look(&UpdateTicket::new(client(&server)), given).await
}

const LATER: &str = "2026-02-03T08:15:44Z";
const BEFORE: &str = "2026-02-03T08:00:00Z";

#[tokio::test]
async fn the_mark_is_found_on_a_later_page_in_either_order_of_audits() {
    let ours = audit(9, LATER, &json!({ "custom": { "deskwire": &key().0[..32] } }));
    let others = audit(1, BEFORE, &json!({ "custom": {} }));
    for sorts in [true, false] {
        let pages = [json!([others]), json!([ours])];
        assert_eq!(looked(&pages, sorts).await.unwrap().unwrap()["comment_id"], 10);
    }
}

#[tokio::test]
async fn reading_ends_with_what_is_older_than_the_first_attempt() {
    let custom = json!({ "custom": {} });
    let pages = [json!([audit(9, LATER, &custom), audit(8, BEFORE, &custom)]), json!("never asked for")];
    assert_eq!(looked(&pages[..1], true).await.unwrap(), None);
    assert_eq!(looked(&pages, true).await.unwrap(), None);
}

#[tokio::test]
async fn only_where_audits_show_no_custom_metadata_does_the_text_decide() {
    let silent = json!({ "system": {} });
    let found = looked(&[json!([audit(9, LATER, &silent)])], true).await.unwrap().unwrap();
    assert_eq!((&found["audit_id"], &found["id"]), (&json!(9), &json!(7)));
    for (at, metadata) in [(BEFORE, silent), (LATER, json!({ "custom": { "deskwire": "another" } }))] {
        assert_eq!(looked(&[json!([audit(9, at, &metadata)])], true).await.unwrap(), None);
    }
}

#[tokio::test]
async fn where_audits_may_not_be_read_the_look_is_impossible() {
    let zendesk = StandIn::start().await;
    let refused = Fault { status: Some(403), ..Fault::next("zendesk.list_audits", FaultKind::Refused) };
    zendesk.sandbox.fault(refused).unwrap();
    let error = look(&UpdateTicket::new(zendesk.client.clone()), commented()).await.unwrap_err();
    assert_eq!(error.class, ErrorClass::Fail);
    assert!(error.message.starts_with("Cannot look whether the ticket was saved."), "{error}");
}

async fn updated(body: &[u8], input: Value) -> Result<Value, CallError> {
    let server = MockServer::start().await;
    let answer = ResponseTemplate::new(200).set_body_raw(body, "application/json");
    Mock::given(method("PUT")).and(path("/api/v2/tickets/7")).respond_with(answer).mount(&server).await;
    call(&UpdateTicket::new(client(&server)), input).await
}

#[tokio::test]
async fn an_update_that_was_made_is_not_taken_for_failed_by_half_an_emoji_in_its_answer() {
    let body = br#"{"ticket":{"id":7,"subject":"Thanks \ud83d","updated_at":"2026-02-03T08:15:44Z"},"audit":{"id":9,"events":[]}}"#;
    for input in [json!({ "ticket_id": 7, "status": "open" }), json!({ "ticket_id": 7, "comment_body": "Hi" })] {
        assert_eq!(updated(body, input).await.unwrap()["subject"], "Thanks \u{fffd}");
    }
}

#[tokio::test]
async fn an_update_whose_answer_is_broken_may_have_been_made() {
    let error = updated(b"{\"ticket\":{\"id\":7,", json!({ "ticket_id": 7, "comment_body": "Hi" })).await.unwrap_err();
    assert_eq!((error.class, error.code.as_str()), (ErrorClass::Unknown, "broken_answer"));
    assert!(error.message.contains("It may have happened all the same."), "{error}");
}
