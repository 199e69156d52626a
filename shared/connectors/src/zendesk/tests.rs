//! The three look-ups against a stand-in, and what its failures mean.

use std::time::Duration;

use deskwire_core::action::{Action, CallError, ErrorClass, HoldKey};
use serde_json::{Value, json};
use wiremock::matchers::{path, query_param, query_param_is_missing};
use wiremock::{Mock, MockServer, ResponseTemplate};

use super::look_up_organization::LookUpOrganization;
use super::look_up_ticket::LookUpTicket;
use super::look_up_user::LookUpUser;
use crate::testing::{call, client, impatient_client, on, paths, requests};

const TICKET: &str = "/api/v2/tickets/48213";
const COMMENTS: &str = "/api/v2/tickets/48213/comments";

fn ok(body: &Value) -> ResponseTemplate {
    ResponseTemplate::new(200).set_body_json(body)
}

fn ticket() -> Value {
    json!({ "id": 48213, "subject": "Carrier lost the parcel", "status": "open", "requester_id": 19_856_122_753_300_u64,
            "assignee_id": null, "created_at": "2026-02-03T08:00:00Z", "custom_fields": [{ "id": 7, "value": "7781" }],
            "a_field_of_tomorrow": true })
}

fn comment(author_id: i64, body: &str) -> Value {
    json!({ "id": 1, "type": "Comment", "author_id": author_id, "body": body, "html_body": format!("<p>{body}</p>"),
            "public": true, "created_at": "2026-02-03T09:00:00Z", "attachments": [] })
}

fn comments(comments: &[Value], after_cursor: Option<&str>) -> Value {
    json!({
        "comments": comments,
        "users": [
            { "id": 19_856_122_753_300_u64, "role": "end-user" },
            { "id": 42, "role": "agent" },
            { "id": 43, "role": "admin" },
        ],
        "meta": { "has_more": after_cursor.is_some(), "after_cursor": after_cursor.or(Some("stale")) },
        "links": { "next": "https://evil.example/api/v2/tickets/48213/comments?page%5Bafter%5D=x" },
    })
}

const CUSTOMER: i64 = 19_856_122_753_300;

async fn look_up_ticket(ticket: Value, comments: Value) -> Value {
    let server = MockServer::start().await;
    on(&server, TICKET, ok(&json!({ "ticket": ticket }))).await;
    on(&server, COMMENTS, ok(&comments)).await;
    call(&LookUpTicket::new(client(&server)), json!({ "ticket_id": "48213" })).await.unwrap()
}

async fn user_failure(response: ResponseTemplate) -> CallError {
    let server = MockServer::start().await;
    on(&server, "/api/v2/users/42", response).await;
    call(&LookUpUser::new(client(&server)), json!({ "user_id": 42 })).await.unwrap_err()
}

fn class_and_code(error: &CallError) -> (ErrorClass, &str) {
    (error.class, error.code.as_str())
}

#[tokio::test]
async fn a_user_comes_back_with_all_its_fields() {
    let server = MockServer::start().await;
    let user = json!({ "id": 42, "name": "Mina Oort", "email": "mina@example.net", "role": "agent", "notes": null,
                       "iana_time_zone": "Europe/Vienna", "locale": "de-AT", "user_fields": { "tier": "gold" } });
    on(&server, "/api/v2/users/42", ok(&json!({ "user": user }))).await;
    assert_eq!(call(&LookUpUser::new(client(&server)), json!({ "user_id": "42" })).await.unwrap(), user);
    let request = &requests(&server).await[0];
    assert_eq!(request.headers["accept"], "application/json");
    // printf 'ops@example.com/token:marker-secret' | base64
    assert_eq!(request.headers["authorization"], "Basic b3BzQGV4YW1wbGUuY29tL3Rva2VuOm1hcmtlci1zZWNyZXQ=");
}

#[tokio::test]
async fn an_organization_comes_back_with_all_its_fields() {
    let server = MockServer::start().await;
    let organization = json!({ "id": 360_363_695_001_u64, "name": "Oort Cloud", "domain_names": ["oort.example"] });
    on(&server, "/api/v2/organizations/360363695001", ok(&json!({ "organization": organization }))).await;
    let input = json!({ "organization_id": 360_363_695_001_u64 });
    assert_eq!(call(&LookUpOrganization::new(client(&server)), input).await.unwrap(), organization);
}

#[tokio::test]
async fn a_ticket_comes_back_with_all_its_fields_and_the_newest_agents_comment() {
    let newest_first =
        [comment(CUSTOMER, "thanks"), comment(-1, "by the system"), comment(43, "found it"), comment(42, "looking")];
    let output = look_up_ticket(ticket(), comments(&newest_first, None)).await;
    let mut expected = ticket();
    expected["custom_fields_by_id"] = json!({ "7": "7781" });
    expected["custom_fields_by_title"] = json!({});
    expected["latest_agent_update"] = json!({ "body": "found it", "html_body": "<p>found it</p>", "author_id": 43,
                                              "created_at": "2026-02-03T09:00:00Z", "public": true });
    assert_eq!(output, expected);
}

#[tokio::test]
async fn a_ticket_that_no_agent_wrote_on_has_no_agent_update() {
    let output = look_up_ticket(ticket(), comments(&[comment(CUSTOMER, "help")], None)).await;
    assert_eq!(output["latest_agent_update"], Value::Null);
    assert_eq!(output["a_field_of_tomorrow"], true);
}

#[tokio::test]
async fn the_description_of_an_agents_own_ticket_is_no_agent_update() {
    let mut own = ticket();
    own["requester_id"] = json!(42);
    let only = comments(&[comment(42, "my laptop broke")], None);
    assert_eq!(look_up_ticket(own.clone(), only).await["latest_agent_update"], Value::Null);
    let later = comments(&[comment(42, "still broken"), comment(42, "my laptop broke")], None);
    assert_eq!(look_up_ticket(own, later).await["latest_agent_update"]["body"], "still broken");
}

#[tokio::test]
async fn a_ticket_that_an_agent_wrote_down_for_a_customer_has_that_as_its_update() {
    let output = look_up_ticket(ticket(), comments(&[comment(42, "customer called")], None)).await;
    assert_eq!(output["latest_agent_update"]["body"], "customer called");
}

#[tokio::test]
async fn comments_are_read_on_by_cursor_at_our_own_address_until_an_agents_one() {
    let server = MockServer::start().await;
    on(&server, TICKET, ok(&json!({ "ticket": ticket() }))).await;
    let full: Vec<Value> = (0..100).map(|_| comment(CUSTOMER, "and?")).collect();
    Mock::given(path(COMMENTS))
        .and(query_param("page[size]", "100"))
        .and(query_param("sort", "-created_at"))
        .and(query_param("include", "users"))
        .and(query_param_is_missing("page[after]"))
        .respond_with(ok(&comments(&full, Some("abc="))))
        .mount(&server)
        .await;
    Mock::given(path(COMMENTS))
        .and(query_param("page[after]", "abc="))
        .respond_with(ok(&comments(&[comment(42, "on it")], Some("more"))))
        .mount(&server)
        .await;
    let output = call(&LookUpTicket::new(client(&server)), json!({ "ticket_id": 48213 })).await.unwrap();
    assert_eq!(output["latest_agent_update"]["body"], "on it");
    let requests = requests(&server).await;
    assert_eq!(requests.len(), 4, "the ticket, its fields, and two pages of comments");
    assert!(requests[2].url.query().unwrap().contains("page%5Bafter%5D=abc%3D"), "{}", requests[2].url);
}

#[tokio::test]
async fn at_most_five_pages_of_comments_are_read() {
    let server = MockServer::start().await;
    on(&server, TICKET, ok(&json!({ "ticket": ticket() }))).await;
    on(&server, COMMENTS, ok(&comments(&[comment(CUSTOMER, "and?")], Some("again")))).await;
    let output = call(&LookUpTicket::new(client(&server)), json!({ "ticket_id": 48213 })).await.unwrap();
    assert_eq!(output["latest_agent_update"], Value::Null);
    let pages = paths(&server).await.into_iter().filter(|path| path == COMMENTS).count();
    assert_eq!(pages, 5);
}

#[tokio::test]
async fn custom_fields_are_shown_by_title_and_the_titles_asked_for_once() {
    let server = MockServer::start().await;
    on(&server, TICKET, ok(&json!({ "ticket": ticket() }))).await;
    on(&server, COMMENTS, ok(&comments(&[], None))).await;
    let fields = json!({ "ticket_fields": [{ "id": 7, "title": "Order number" }, { "id": 8, "title": "Reason" }],
                         "meta": { "has_more": false, "after_cursor": "stale" } });
    on(&server, "/api/v2/ticket_fields", ok(&fields)).await;
    let action = LookUpTicket::new(client(&server));
    for _ in 0..2 {
        let output = call(&action, json!({ "ticket_id": 48213 })).await.unwrap();
        assert_eq!(output["custom_fields_by_title"], json!({ "Order number": "7781" }));
        assert_eq!(output["custom_fields_by_id"], json!({ "7": "7781" }));
    }
    let asked = paths(&server).await.into_iter().filter(|path| path.ends_with("/ticket_fields")).count();
    assert_eq!(asked, 1);
}

#[tokio::test]
async fn titles_that_may_not_be_seen_leave_none_and_a_server_that_is_away_is_asked_again() {
    for (status, class) in [(403, None), (503, Some(ErrorClass::Retry))] {
        let server = MockServer::start().await;
        on(&server, TICKET, ok(&json!({ "ticket": ticket() }))).await;
        on(&server, COMMENTS, ok(&comments(&[], None))).await;
        on(&server, "/api/v2/ticket_fields", ResponseTemplate::new(status)).await;
        let answer = call(&LookUpTicket::new(client(&server)), json!({ "ticket_id": 48213 })).await;
        assert_eq!(answer.as_ref().err().map(|error| error.class), class);
        assert!(answer.is_err() || answer.unwrap()["custom_fields_by_title"] == json!({}));
    }
}

#[tokio::test]
async fn a_ticket_without_custom_fields_costs_no_question_about_them() {
    let server = MockServer::start().await;
    let mut bare = ticket();
    bare["custom_fields"] = json!([]);
    on(&server, TICKET, ok(&json!({ "ticket": bare }))).await;
    on(&server, COMMENTS, ok(&comments(&[], None))).await;
    call(&LookUpTicket::new(client(&server)), json!({ "ticket_id": 48213 })).await.unwrap();
    assert_eq!(paths(&server).await, [TICKET, COMMENTS]);
}

#[tokio::test]
async fn an_id_that_is_none_is_named_with_the_way_out() {
    let server = MockServer::start().await;
    let client = client(&server);
    let actions: [(&dyn Action, &str); 3] = [
        (&LookUpTicket::new(client.clone()), "ticket_id"),
        (&LookUpUser::new(client.clone()), "user_id"),
        (&LookUpOrganization::new(client), "organization_id"),
    ];
    for (action, name) in actions {
        let error = call(action, json!({ name: null })).await.unwrap_err();
        assert_eq!(class_and_code(&error), (ErrorClass::Fail, "bad_input"));
        assert!(error.message.starts_with(&format!("`{name}` is none")) && error.message.contains("`if:`"), "{error}");
    }
    assert!(paths(&server).await.is_empty());
}

#[tokio::test]
async fn a_record_that_is_not_there_is_a_permanent_failure() {
    let body = json!({ "error": "RecordNotFound", "description": "Not found" });
    let error = user_failure(ResponseTemplate::new(404).set_body_json(body)).await;
    assert_eq!(class_and_code(&error), (ErrorClass::Fail, "RecordNotFound"));
    assert!(error.message.contains("user 42") && error.message.contains("connection zendesk"), "{error}");
}

#[tokio::test]
async fn another_404_points_at_the_base_url() {
    for response in [
        ResponseTemplate::new(404).set_body_raw("<html>No help desk here</html>", "text/html"),
        ResponseTemplate::new(404).set_body_json(json!({ "error": "InvalidEndpoint", "description": "Not found" })),
    ] {
        let error = user_failure(response).await;
        assert_eq!(error.class, ErrorClass::Fail);
        assert!(error.message.contains("base_url"), "{error}");
    }
}

#[tokio::test]
async fn a_bad_credential_names_the_connection_and_where_it_is_kept() {
    let body = json!({ "error": "Couldn't authenticate you" });
    let error = user_failure(ResponseTemplate::new(401).set_body_json(body)).await;
    assert_eq!(class_and_code(&error), (ErrorClass::NeedsReauthorization, "http_401"));
    for part in ["connection zendesk", "environment variable ZENDESK_API_TOKEN"] {
        assert!(error.message.contains(part), "{error}");
    }
}

#[tokio::test]
async fn a_record_that_may_not_be_seen_is_a_permanent_failure() {
    let body = json!({ "error": { "title": "Forbidden", "message": "You do not have access to this page." } });
    let error = user_failure(ResponseTemplate::new(403).set_body_json(body)).await;
    assert_eq!(class_and_code(&error), (ErrorClass::Fail, "http_403"));
    assert!(error.message.contains("Zendesk says: You do not have access to this page."), "{error}");
}

#[tokio::test]
async fn a_refused_record_lists_its_fields() {
    let body = json!({ "error": "RecordInvalid", "description": "Record validation errors",
                       "details": { "email": [{ "description": "Email: is odd", "error": "InvalidValue" }] } });
    let error = user_failure(ResponseTemplate::new(422).set_body_json(body)).await;
    assert_eq!(class_and_code(&error), (ErrorClass::Fail, "RecordInvalid"));
    assert!(error.message.contains("email: Email: is odd"), "{error}");
}

#[tokio::test]
async fn a_conflict_is_tried_again() {
    let body = json!({ "error": "DatabaseConflict", "description": "Database collision" });
    let error = user_failure(ResponseTemplate::new(409).set_body_json(body)).await;
    assert_eq!(class_and_code(&error), (ErrorClass::Retry, "DatabaseConflict"));
}

#[tokio::test]
async fn a_429_holds_the_whole_account_as_long_as_zendesk_says() {
    let told = ResponseTemplate::new(429).insert_header("retry-after", "93").set_body_string("Number of requests");
    let untold = ResponseTemplate::new(429).set_body_json(json!({ "errors": [{ "code": "TooManyRequests" }] }));
    for (response, seconds) in [(told, 93), (untold, 30)] {
        let error = user_failure(response).await;
        assert_eq!(class_and_code(&error), (ErrorClass::Retry, "http_429"));
        assert_eq!(error.retry_after, Some(Duration::from_secs(seconds)));
        assert_eq!(error.hold, Some(HoldKey("zendesk|zendesk".into())));
    }
}

#[tokio::test]
async fn maintenance_and_other_server_errors_are_tried_again() {
    let maintenance = ResponseTemplate::new(503)
        .insert_header("retry-after", "121")
        .set_body_raw("<html>Down for maintenance</html>", "text/html");
    let error = user_failure(maintenance).await;
    assert_eq!(class_and_code(&error), (ErrorClass::Retry, "http_503"));
    assert_eq!(error.retry_after, Some(Duration::from_secs(121)));
    assert_eq!(error.hold, None);
    assert_eq!(user_failure(ResponseTemplate::new(520)).await.class, ErrorClass::Retry);
}

#[tokio::test]
async fn an_answer_that_does_not_come_is_tried_again() {
    let server = MockServer::start().await;
    on(&server, "/api/v2/users/42", ResponseTemplate::new(200).set_delay(Duration::from_hours(1))).await;
    let error = call(&LookUpUser::new(impatient_client(&server)), json!({ "user_id": 42 })).await.unwrap_err();
    assert_eq!(class_and_code(&error), (ErrorClass::Retry, "timeout"));
}

#[tokio::test]
async fn a_redirect_is_not_followed_and_says_so() {
    let error = user_failure(ResponseTemplate::new(302).insert_header("location", "https://evil.example/")).await;
    assert_eq!(class_and_code(&error), (ErrorClass::Fail, "http_302"));
    assert!(error.message.contains("base_url"), "{error}");
}

#[tokio::test]
async fn what_is_not_zendesk_is_named_as_a_wrong_base_url() {
    for response in [
        ResponseTemplate::new(200).set_body_raw("<html>Sign in</html>", "text/html"),
        ResponseTemplate::new(200).set_body_json(json!({ "user": null })),
        ResponseTemplate::new(200).set_body_json(json!([])),
    ] {
        let error = user_failure(response).await;
        assert_eq!(class_and_code(&error), (ErrorClass::Fail, "unexpected_answer"));
    }
}

#[tokio::test]
async fn a_text_body_with_an_odd_status_is_a_permanent_failure_without_the_body() {
    let error = user_failure(ResponseTemplate::new(400).set_body_string("marker-body")).await;
    assert_eq!(class_and_code(&error), (ErrorClass::Fail, "http_400"));
}

#[tokio::test]
async fn half_an_emoji_in_an_answer_is_read_and_the_look_up_goes_on() {
    let server = MockServer::start().await;
    let body = r#"{"user":{"id":12345678901234567890123,"name":"Mina \ud83d","notes":"\\ud83d","tier":1.10}}"#;
    on(&server, "/api/v2/users/42", ResponseTemplate::new(200).set_body_raw(body, "application/json")).await;
    let found = call(&LookUpUser::new(client(&server)), json!({ "user_id": 42 })).await.unwrap();
    assert_eq!((&found["name"], &found["notes"]), (&json!("Mina \u{fffd}"), &json!("\\ud83d")));
    assert_eq!(found["tier"].to_string(), "1.10");
}

#[tokio::test]
async fn an_answer_whose_json_is_broken_blames_nobody_and_says_where() {
    for (body, words) in [
        (&b"{\"user\": {\"name\": \"Min\xe4\"}}"[..], "invalid UTF-8 after byte 22 at line 1 column 23"),
        (b"{\"user\": {\"id\": 42", "it ends too early, at line 1 column 18"),
        (b"\xef\xbb\xbf{\n \"user\": nul }", "line 2"),
    ] {
        let error = user_failure(ResponseTemplate::new(200).set_body_raw(body, "application/json")).await;
        assert_eq!(class_and_code(&error), (ErrorClass::Retry, "broken_answer"));
        assert!(error.message.contains(words) && !error.message.contains("does not speak"), "{error}");
    }
    let page = user_failure(ResponseTemplate::new(200).set_body_raw("<html>", "text/html")).await;
    assert!(page.message.contains("does not speak Zendesk's API"), "{page}");
}
