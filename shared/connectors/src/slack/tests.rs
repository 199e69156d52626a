//! How Slack's answers are read, method and action aside.

use std::time::Duration;

use deskwire_core::action::{Call, CallError, EffectKey, ErrorClass};
use deskwire_core::ids::ConnectionName;
use deskwire_core::time::Timestamp;
use serde_json::{Value, json};
use wiremock::{MockServer, ResponseTemplate};

use super::*;
use crate::testing::{client, client_at, form_field, impatient_client, on, requests};

async fn call_method(client: &Client, if_lost: ErrorClass) -> Result<Value, CallError> {
    let (connection, key) = (ConnectionName::parse("slack").unwrap(), EffectKey("k".into()));
    let not_before = Timestamp::default();
    let call = Call {
        connection: &connection,
        input: &Value::Null,
        key: &key,
        not_before,
        time_limit: Duration::from_secs(30),
        request_id: None,
    };
    let answer = Slack::open(client, call)?.call("users.info", &[("user", "U1 & U2")], if_lost).await;
    assert!(!format!("{answer:?}").contains("marker"), "{answer:?}");
    answer
}

async fn answered(response: ResponseTemplate, if_lost: ErrorClass) -> Result<Value, CallError> {
    let server = MockServer::start().await;
    on(&server, "/users.info", response).await;
    call_method(&client(&server), if_lost).await
}

async fn refused(body: Value) -> CallError {
    answered(ResponseTemplate::new(200).set_body_json(body), ErrorClass::Unknown).await.unwrap_err()
}

fn class_and_code(error: &CallError) -> (ErrorClass, &str) {
    (error.class, error.code.as_str())
}

#[tokio::test]
async fn a_method_is_called_with_a_form_and_a_bearer_token() {
    let server = MockServer::start().await;
    on(&server, "/users.info", ResponseTemplate::new(200).set_body_json(json!({ "ok": true, "user": {} }))).await;
    assert_eq!(call_method(&client(&server), ErrorClass::Retry).await.unwrap()["user"], json!({}));
    let request = &requests(&server).await[0];
    assert_eq!(request.method, Method::POST);
    assert_eq!(request.headers["content-type"], "application/x-www-form-urlencoded");
    assert_eq!(request.headers["authorization"], "Bearer marker-secret");
    assert_eq!(request.url.query(), None);
    assert_eq!(form_field(request, "user").unwrap(), "U1 & U2");
}

#[tokio::test]
async fn a_429_waits_as_long_as_slack_says_and_holds_the_method() {
    let told = ResponseTemplate::new(429).insert_header("retry-after", "17").set_body_json(json!({ "ok": false }));
    let untold = ResponseTemplate::new(429).set_body_string("slow down");
    for (response, seconds) in [(told, 17), (untold, 30)] {
        let error = answered(response, ErrorClass::Unknown).await.unwrap_err();
        assert_eq!(class_and_code(&error), (ErrorClass::Retry, "ratelimited"));
        assert_eq!(error.retry_after, Some(Duration::from_secs(seconds)));
        assert_eq!(error.hold, Some(HoldKey("slack|users.info".into())));
    }
}

#[tokio::test]
async fn rate_limited_in_a_200_waits_too() {
    let error = refused(json!({ "ok": false, "error": "rate_limited" })).await;
    assert_eq!(class_and_code(&error), (ErrorClass::Retry, "rate_limited"));
    assert_eq!(error.retry_after, Some(Duration::from_secs(30)));
    assert!(error.hold.is_some());
}

#[tokio::test]
async fn a_bad_token_names_the_connection_and_where_the_token_is_kept() {
    for code in ["invalid_auth", "token_revoked", "account_inactive", "not_authed", "token_expired"] {
        let error = refused(json!({ "ok": false, "error": code })).await;
        assert_eq!(class_and_code(&error), (ErrorClass::NeedsReauthorization, code));
        for part in ["connection slack", "environment variable SLACK_BOT_TOKEN", code] {
            assert!(error.message.contains(part), "{error}");
        }
    }
}

#[tokio::test]
async fn a_missing_scope_is_named() {
    let body = json!({ "ok": false, "error": "missing_scope", "needed": "users:read", "provided": "chat:write" });
    let error = refused(body).await;
    assert_eq!(error.class, ErrorClass::NeedsReauthorization);
    assert!(error.message.contains("Needed: users:read; the token has: chat:write."), "{error}");
}

#[tokio::test]
async fn an_unknown_code_fails_for_good() {
    let error = refused(json!({ "ok": false, "error": "moon_phase_wrong" })).await;
    assert_eq!(class_and_code(&error), (ErrorClass::Fail, "moon_phase_wrong"));
    assert!(error.message.contains("moon_phase_wrong"), "{error}");
    assert_eq!(class_and_code(&refused(json!({ "ok": false })).await), (ErrorClass::Fail, "no_code"));
}

#[tokio::test]
async fn slacks_detail_is_passed_on() {
    let error = refused(json!({
        "ok": false, "error": "invalid_arguments",
        "response_metadata": { "messages": ["[ERROR] missing required field: channel"] }
    }))
    .await;
    assert!(error.message.ends_with("Slack says: [ERROR] missing required field: channel"), "{error}");
}

#[tokio::test]
async fn a_partly_done_call_is_as_bad_as_a_lost_one() {
    for if_lost in [ErrorClass::Retry, ErrorClass::Unknown] {
        let response = ResponseTemplate::new(200).set_body_json(json!({ "ok": false, "error": "fatal_error" }));
        assert_eq!(class_and_code(&answered(response, if_lost).await.unwrap_err()), (if_lost, "fatal_error"));
    }
}

#[tokio::test]
async fn an_html_page_with_a_502_may_hide_a_success() {
    for if_lost in [ErrorClass::Retry, ErrorClass::Unknown] {
        let response = ResponseTemplate::new(502).set_body_raw("<html>Bad gateway</html>", "text/html");
        assert_eq!(class_and_code(&answered(response, if_lost).await.unwrap_err()), (if_lost, "http_502"));
    }
    let away = ResponseTemplate::new(503).insert_header("retry-after", "5");
    assert_eq!(answered(away, ErrorClass::Retry).await.unwrap_err().retry_after, Some(Duration::from_secs(5)));
}

#[tokio::test]
async fn what_is_not_slack_is_named_as_a_wrong_base_url() {
    let page = || ResponseTemplate::new(200).set_body_raw("<html>Welcome</html>", "text/html");
    let error = answered(page(), ErrorClass::Retry).await.unwrap_err();
    assert_eq!(error.class, ErrorClass::Fail);
    assert!(error.message.contains("base_url"), "{error}");
    assert_eq!(answered(page(), ErrorClass::Unknown).await.unwrap_err().class, ErrorClass::Unknown);
    for status in [302, 404] {
        let error = answered(ResponseTemplate::new(status), ErrorClass::Unknown).await.unwrap_err();
        assert_eq!(error.class, ErrorClass::Fail, "{error}");
    }
}

#[tokio::test]
async fn nothing_sent_is_a_retry_even_for_a_post() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    let error = call_method(&client_at(&format!("http://{address}/")), ErrorClass::Unknown).await.unwrap_err();
    assert_eq!(class_and_code(&error), (ErrorClass::Retry, "not_sent"));
}

#[tokio::test]
async fn an_answer_that_does_not_come_is_lost() {
    for if_lost in [ErrorClass::Retry, ErrorClass::Unknown] {
        let server = MockServer::start().await;
        on(&server, "/users.info", ResponseTemplate::new(200).set_delay(Duration::from_hours(1))).await;
        let error = call_method(&impatient_client(&server), if_lost).await.unwrap_err();
        assert_eq!(class_and_code(&error), (if_lost, "timeout"));
    }
}

#[tokio::test]
async fn an_address_that_must_not_be_called_is_a_permanent_failure() {
    let error = call_method(&client_at("http://10.0.0.1/"), ErrorClass::Unknown).await.unwrap_err();
    assert_eq!(class_and_code(&error), (ErrorClass::Fail, "blocked_address"));
    assert!(error.message.contains("allowed_domain"), "{error}");
}

#[tokio::test]
async fn an_answer_that_is_too_large_fails_a_read_and_leaves_a_post_unknown() {
    for (if_lost, class) in [(ErrorClass::Retry, ErrorClass::Fail), (ErrorClass::Unknown, ErrorClass::Unknown)] {
        let large = ResponseTemplate::new(200).set_body_string("x".repeat(70_000));
        let error = answered(large, if_lost).await.unwrap_err();
        assert_eq!(class_and_code(&error), (class, "too_large"));
        assert!(error.message.contains("limit of 65536 bytes"), "{error}");
    }
}

#[tokio::test]
async fn half_an_emoji_in_an_answer_is_read_and_broken_json_is_told_as_such() {
    let body = r#"{"ok":true,"user":{"id":"U1","name":"\udc00 Mina"}}"#;
    let raw = |body: &[u8]| ResponseTemplate::new(200).set_body_raw(body, "application/json");
    let answer = answered(raw(body.as_bytes()), ErrorClass::Unknown).await.unwrap();
    assert_eq!(answer["user"]["name"], "\u{fffd} Mina");
    let error = answered(raw(b"{\"ok\":true,\"user\":\"\xff\"}"), ErrorClass::Unknown).await.unwrap_err();
    assert_eq!(class_and_code(&error), (ErrorClass::Unknown, "broken_answer"));
    assert!(error.message.contains("invalid UTF-8 after byte 19 at line 1 column 20"), "{error}");
}
