//! The action against a server on loopback: what is sent, what comes back, and what a failure means.

use deskwire_core::ids::ConnectionName;
use deskwire_core::secret::SecretString;
use deskwire_core::time::FixedClock;
use deskwire_sandbox::{Fault, FaultKind, Sandbox, SandboxOptions};
use http::StatusCode;
use serde_json::json;
use wiremock::{MockServer, ResponseTemplate};

use super::*;
use crate::testing::{SECRET, call, client, client_at, key, not_before, on, paths, requests};

/// What a call through the connection `any` answers when the server answers `response`.
async fn answered(input: Value, response: ResponseTemplate) -> (MockServer, Result<Value, CallError>) {
    let server = MockServer::start().await;
    on(&server, "/v1/things", response).await;
    let answer = call(&Request::new(client(&server)), input).await;
    (server, answer)
}

fn with(mut input: Value) -> Value {
    input["path"] = json!("v1/things");
    input
}

#[tokio::test]
async fn a_call_is_sent_as_the_step_says_and_signed_in_by_the_connection() {
    let input = with(json!({
        "method": "post",
        "query": { "tag": ["a b", "ü"], "limit": 2, "none": null },
        "headers": { "X-Trace": "t1" },
        "body": { "colour": "red" },
        "idempotency_header": "Idempotency-Key",
    }));
    let response = ResponseTemplate::new(201).insert_header("X-Id", "7").insert_header("set-cookie", "sid=marker");
    let (server, answer) = answered(input, response.set_body_json(json!({ "id": 7 }))).await;
    let answer = answer.unwrap();
    assert_eq!((&answer["status"], &answer["ok"], &answer["body"]), (&json!(201), &json!(true), &json!({ "id": 7 })));
    assert_eq!(answer["headers"]["x-id"], "7");
    assert_eq!(answer["headers"]["content-type"], "application/json");
    assert!(answer["headers"].get("set-cookie").is_none());

    let request = &requests(&server).await[0];
    assert_eq!(request.url.query(), Some("tag=a+b&tag=%C3%BC&limit=2"));
    assert_eq!(request.body_json::<Value>().unwrap(), json!({ "colour": "red" }));
    let key = key().0;
    for (name, value) in [("x-api-key", SECRET), ("x-trace", "t1"), ("idempotency-key", &key)] {
        assert_eq!(request.headers[name], value);
    }
    assert_eq!(request.headers["content-type"], "application/json");
}

#[tokio::test]
async fn a_body_is_a_value_where_it_is_json_and_text_otherwise() {
    let table = [
        (ResponseTemplate::new(200).set_body_raw("[1]", "text/plain"), json!([1])),
        (ResponseTemplate::new(200).set_body_raw("7", "application/problem+json"), json!(7)),
        (ResponseTemplate::new(200).set_body_raw("7", "text/plain"), json!("7")),
        (ResponseTemplate::new(200).set_body_raw("{cut", "application/json"), json!("{cut")),
        (ResponseTemplate::new(204), json!(null)),
    ];
    for (response, body) in table {
        assert_eq!(answered(with(json!({})), response).await.1.unwrap()["body"], body);
    }
}

#[tokio::test]
async fn an_api_that_repeats_the_credential_does_not_get_it_into_the_output() {
    let response = ResponseTemplate::new(200).insert_header("x-echo", SECRET).set_body_json(json!({ "key": SECRET }));
    let answer = answered(with(json!({})), response).await.1.unwrap();
    assert_eq!(
        (&answer["headers"]["x-echo"], &answer["body"]["key"]),
        (&json!("[credential]"), &json!("[credential]"))
    );
}

#[test]
fn the_effect_follows_from_the_method_and_the_key() {
    let action = Request::new(client_at("https://api.example.com"));
    let day = Duration::from_hours(24);
    let table = [
        (json!({}), Effect::Read),
        (json!({ "method": "head" }), Effect::Read),
        (json!({ "method": "PUT" }), Effect::Idempotent),
        (json!({ "method": "DELETE", "idempotency_header": "k" }), Effect::Idempotent),
        (json!({ "method": "POST" }), Effect::Unprovable),
        (json!({ "method": "PATCH", "idempotency_header": null }), Effect::Unprovable),
        (json!({ "method": "POST", "idempotency_header": "k" }), Effect::Keyed { window: day, look: false }),
        (
            json!({ "method": "POST", "idempotency_header": "k", "idempotency_window": "2h" }),
            Effect::Keyed { window: Duration::from_hours(2), look: false },
        ),
        (json!({ "method": "BREW", "idempotency_header": "k" }), Effect::Unprovable),
    ];
    for (input, effect) in table {
        assert_eq!(action.effect(&input), effect, "{input}");
    }
    assert_eq!(action.spec().effect, Effect::Unprovable);
}

#[tokio::test]
async fn a_status_decides_what_a_failure_means() {
    use ErrorClass::{Fail, NeedsReauthorization, Retry, Unknown};
    let table = [
        ("GET", 302, Fail),
        ("GET", 401, NeedsReauthorization),
        ("POST", 403, Fail),
        ("POST", 408, Retry),
        ("POST", 422, Fail),
        ("POST", 425, Retry),
        ("POST", 429, Retry),
        ("GET", 500, Retry),
        ("PUT", 502, Retry),
        ("DELETE", 503, Retry),
        ("POST", 500, Unknown),
        ("PATCH", 503, Unknown),
    ];
    for (method, status, class) in table {
        let response = ResponseTemplate::new(status)
            .insert_header("location", "https://example.com/marker")
            .set_body_json(json!({ "error": { "message": "Out of paper." } }));
        let error = answered(with(json!({ "method": method })), response).await.1.unwrap_err();
        assert_eq!((error.class, error.code.as_str()), (class, format!("http_{status}").as_str()), "{method} {status}");
        let quotes = !matches!(status, 302 | 401);
        assert_eq!(error.message.contains("It says: Out of paper. "), quotes, "{error}");
    }
}

#[tokio::test]
async fn a_rate_limit_holds_the_connection_back() {
    let limited = ResponseTemplate::new(429).insert_header("retry-after", "7");
    let error = answered(with(json!({})), limited).await.1.unwrap_err();
    assert_eq!(error.retry_after, Some(Duration::from_secs(7)));
    assert_eq!(error.hold, Some(HoldKey("any|http".to_owned())));
}

#[tokio::test]
async fn a_status_that_the_step_accepts_is_an_answer() {
    for (accept, status) in [(json!([200, 404]), 404), (json!("any"), 503), (json!("any"), 401), (json!([302]), 302)] {
        let answer = answered(with(json!({ "accept_status": accept })), ResponseTemplate::new(status)).await.1.unwrap();
        assert_eq!((&answer["status"], &answer["ok"]), (&json!(status), &json!(false)));
    }
    assert!(answered(with(json!({ "accept_status": [404] })), ResponseTemplate::new(200)).await.1.is_err());
}

#[tokio::test]
async fn the_call_ends_by_the_step_s_time_limit() {
    for (method, class) in [("GET", ErrorClass::Retry), ("POST", ErrorClass::Unknown)] {
        let server = MockServer::start().await;
        let late = ResponseTemplate::new(200).set_delay(Duration::from_mins(1));
        on(&server, "/v1/things", late).await;
        let (connection, key) = (ConnectionName::parse("any").unwrap(), key());
        let input = with(json!({ "method": method }));
        let time_limit = Duration::from_millis(50);
        let call = Call {
            connection: &connection,
            input: &input,
            key: &key,
            not_before: not_before(),
            time_limit,
            request_id: None,
        };
        let error = Request::new(client(&server)).call(call).await.unwrap_err();
        assert_eq!((error.class, error.code.as_str()), (class, "timeout"));
    }
}

#[tokio::test]
async fn what_cannot_be_called_is_refused_before_anything_is_sent() {
    let server = MockServer::start().await;
    let action = Request::new(client(&server));
    let inputs = [
        json!({}),
        json!({ "path": "https://example.com/x" }),
        json!({ "path": "x", "method": "BREW" }),
        json!({ "path": "x", "body": {} }),
        json!({ "path": "x", "headers": { "x-api-key": "mine" } }),
        json!({ "path": "x", "method": "POST", "idempotency_header": "Cookie" }),
        json!({ "path": "x", "method": "POST", "idempotency_header": "k", "idempotency_window": "soon" }),
        json!({ "path": "x", "query": [1] }),
    ];
    for input in inputs {
        let error = call(&action, input.clone()).await.unwrap_err();
        assert_eq!((error.class, error.code.as_str()), (ErrorClass::Fail, "bad_input"), "{input}");
    }
    assert!(paths(&server).await.is_empty());
}

#[tokio::test]
async fn a_connection_of_any_provider_will_do_and_its_budget_is_shared() {
    let server = MockServer::start().await;
    on(&server, "/api/v2/views", ResponseTemplate::new(200)).await;
    let action = Request::new(client(&server));
    let (connection, key, input) =
        (ConnectionName::parse("zendesk").unwrap(), key(), json!({ "path": "api/v2/views" }));
    let time_limit = Duration::from_secs(30);
    let call = Call {
        connection: &connection,
        input: &input,
        key: &key,
        not_before: not_before(),
        time_limit,
        request_id: None,
    };
    assert_eq!(action.call(call).await.unwrap()["status"], json!(StatusCode::OK.as_u16()));
    assert_eq!(action.hold_keys(call), [crate::zendesk::budget(&connection)]);
}

#[tokio::test]
async fn an_api_that_writes_text_is_asked_and_its_lost_answer_is_unknown() {
    let secret = || SecretString::from(SECRET);
    let sandbox = Sandbox::new(SandboxOptions {
        clock: Arc::new(FixedClock(not_before())),
        slack_token: secret(),
        zendesk_username: "ops@example.com".to_owned(),
        zendesk_token: secret(),
        qualtrics_token: SecretString::from("qualtrics-marker"),
        signing_secret: secret(),
        on_delivery: None,
    });
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let action = Request::new(client_at(&format!("http://{}/llm", listener.local_addr().unwrap())));
    tokio::spawn(axum::serve(listener, sandbox.router()).into_future());

    let message = json!({ "role": "user", "content": "The printer smokes." });
    let input = json!({
        "method": "POST",
        "path": "v1/chat/completions",
        "body": { "model": "small-1", "messages": [message] },
    });
    // The one of the connections that signs in by a bearer token, whatever its provider.
    let (connection, key) = (ConnectionName::parse("slack").unwrap(), key());
    let time_limit = Duration::from_secs(30);
    let call = Call {
        connection: &connection,
        input: &input,
        key: &key,
        not_before: not_before(),
        time_limit,
        request_id: None,
    };
    let answer = action.call(call).await.unwrap();
    let content = answer.pointer("/body/choices/0/message/content");
    assert_eq!(content, Some(&json!("Summary of 1 line: The printer smokes.")));

    sandbox.fault(Fault::next("llm.*", FaultKind::DropAfter)).unwrap();
    let error = action.call(call).await.unwrap_err();
    assert_eq!((error.class, error.code.as_str()), (ErrorClass::Unknown, "connection_lost"));
}
