//! A stand-in of an API that writes text, as many services and local servers offer it: `POST /llm/v1/chat/completions`, for
//! workflows that call it by `http.request`.
//!
//! Written from <https://platform.openai.com/docs/api-reference/chat/create> (checked 2026-11-23). It knows no language: the
//! answer tells how long the last message was and how it began and ended, so that equal questions have equal answers. It
//! takes any key. Left out: streaming, tools, images, and every other endpoint.

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use axum::routing::any;
use axum::{Json, Router};
use bytes::Bytes;
use http::header::{AUTHORIZATION, HeaderValue, RETRY_AFTER};
use http::{HeaderMap, Method, StatusCode, Uri};
use serde_json::{Map, Value, json};
use uuid::Uuid;

use crate::Sandbox;
use crate::exchange::{Answer, Asked, carry_out, request_id};
use crate::fault::{Fault, FaultKind};

const CHAT: &str = "llm.chat_completions";

/// What faults and the log call the endpoints.
pub(crate) const OPERATIONS: [&str; 1] = [CHAT];

/// A line is shortened to so many characters in an answer and in the log.
const SHORT: usize = 60;

pub(crate) fn router() -> Router<Sandbox> {
    Router::new().route("/llm/{*path}", any(call))
}

/// Status, the word for the log, and what is wrong, for people.
struct Refusal(StatusCode, &'static str, String);

impl Refusal {
    fn bad(message: impl Into<String>) -> Self {
        Self(StatusCode::BAD_REQUEST, "invalid_request_error", message.into())
    }
}

async fn call(State(sandbox): State<Sandbox>, method: Method, uri: Uri, headers: HeaderMap, body: Bytes) -> Response {
    let is_chat = method == Method::POST && uri.path().ends_with("/llm/v1/chat/completions");
    let request: Option<Value> = deskwire_core::json::from_slice(&body).ok();
    let asked = Asked {
        provider: "llm",
        operation: if is_chat { CHAT } else { "unknown" },
        method,
        path: uri.path().to_owned(),
        facts: request.as_ref().map(facts).unwrap_or_default(),
        request_id: request_id(&headers),
    };
    let act = || {
        let outcome = if !is_chat {
            Err(Refusal(StatusCode::NOT_FOUND, "not_found", format!("There is nothing at {}.", uri.path())))
        } else if has_key(&headers) {
            complete(&sandbox, &body, request.as_ref())
        } else {
            let message = "You didn't provide an API key, in an Authorization header or in api-key.";
            Err(Refusal(StatusCode::UNAUTHORIZED, "invalid_api_key", message.to_owned()))
        };
        match outcome {
            Ok(body) => Answer { response: Json(body).into_response(), outcome: "ok".to_owned() },
            Err(Refusal(status, code, message)) => {
                Answer { response: error(status, code, &message), outcome: code.to_owned() }
            }
        }
    };
    carry_out(&sandbox, asked, refuse, act).await
}

/// `Authorization: Bearer KEY`, or `api-key: KEY` as Azure has it.
fn has_key(headers: &HeaderMap) -> bool {
    let text = |name: &str| headers.get(name).map(HeaderValue::as_bytes).unwrap_or_default().trim_ascii();
    let bearer = text(AUTHORIZATION.as_str()).strip_prefix(b"Bearer ").unwrap_or_default();
    !bearer.trim_ascii().is_empty() || !text("api-key").is_empty()
}

fn complete(sandbox: &Sandbox, body: &[u8], request: Option<&Value>) -> Result<Value, Refusal> {
    let request = request.ok_or_else(|| Refusal::bad("We could not parse the JSON body of your request."))?;
    let Some(model) = request.get("model").and_then(Value::as_str) else {
        return Err(Refusal::bad("you must provide a model parameter"));
    };
    if request.get("stream").and_then(Value::as_bool) == Some(true) {
        return Err(Refusal::bad("This stand-in does not stream: leave `stream` out."));
    }
    let Some(question) = last_question(request) else {
        return Err(Refusal::bad("Missing required parameter: 'messages', with one of the role 'user'."));
    };
    let content = summary(&question);
    let (prompt, completion) = (words(&question), words(&content));
    Ok(json!({
        "id": format!("chatcmpl-{}", Uuid::new_v5(&Uuid::NAMESPACE_OID, body).simple()),
        "object": "chat.completion",
        "created": sandbox.now().as_millis().div_euclid(1000),
        "model": model,
        "choices": [{
            "index": 0,
            "message": { "role": "assistant", "content": content },
            "finish_reason": "stop",
        }],
        "usage": { "prompt_tokens": prompt, "completion_tokens": completion, "total_tokens": prompt + completion },
    }))
}

/// The last message of a user: text, or a list of parts whose texts are taken together.
fn last_question(request: &Value) -> Option<String> {
    let messages = request.get("messages")?.as_array()?;
    let content = messages.iter().rev().find(|message| message["role"] == "user")?.get("content")?;
    let parts =
        |parts: &Vec<Value>| parts.iter().filter_map(|part| part["text"].as_str()).collect::<Vec<_>>().join("\n");
    content.as_str().map(str::to_owned).or_else(|| content.as_array().map(parts))
}

fn summary(question: &str) -> String {
    let lines: Vec<&str> = question.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    match lines.as_slice() {
        [] => "Summary of nothing.".to_owned(),
        [only] => format!("Summary of 1 line: {}", shortened(only)),
        [first, .., last] => format!("Summary of {} lines: {} … {}", lines.len(), shortened(first), shortened(last)),
    }
}

fn shortened(line: &str) -> String {
    let mut short: String = line.chars().take(SHORT).collect();
    if line.chars().nth(SHORT).is_some() {
        short.push('…');
    }
    short
}

fn words(text: &str) -> usize {
    text.split_whitespace().count()
}

fn facts(request: &Value) -> Map<String, Value> {
    let mut facts = Map::new();
    if let Some(model) = request.get("model").and_then(Value::as_str) {
        facts.insert("model".to_owned(), shortened(model).into());
    }
    if let Some(question) = last_question(request) {
        facts.insert("question".to_owned(), shortened(&question.replace('\n', " ")).into());
    }
    facts
}

fn error(status: StatusCode, code: &str, message: &str) -> Response {
    let kind = if status == StatusCode::TOO_MANY_REQUESTS { "requests" } else { "invalid_request_error" };
    let body = json!({ "error": { "message": message, "type": kind, "param": null, "code": code } });
    (status, Json(body)).into_response()
}

/// How such an API words a planned refusal: 400 unless the fault names a status.
fn refuse(fault: &Fault) -> Response {
    if fault.kind == FaultKind::RateLimited {
        let message = "Rate limit reached for requests.";
        let mut response = error(StatusCode::TOO_MANY_REQUESTS, "rate_limit_exceeded", message);
        response.headers_mut().insert(RETRY_AFTER, HeaderValue::from(fault.retry_after.unwrap_or(1)));
        return response;
    }
    let status = fault.status.and_then(|status| StatusCode::from_u16(status).ok()).unwrap_or(StatusCode::BAD_REQUEST);
    error(status, fault.code.as_deref().unwrap_or("invalid_request_error"), "The request was refused.")
}

#[cfg(test)]
mod tests {
    use axum::body::Body;
    use http::Request;

    use super::*;
    use crate::testing::{Answer, sandbox, send};

    async fn ask(sandbox: &Sandbox, key: Option<(&str, &str)>, body: &Value) -> Answer {
        let mut request = Request::post("/llm/v1/chat/completions").header("content-type", "application/json");
        if let Some((name, value)) = key {
            request = request.header(name, value);
        }
        send(sandbox, request.body(Body::from(body.to_string())).unwrap()).await
    }

    const KEY: Option<(&str, &str)> = Some(("authorization", "Bearer llm-marker"));

    fn question(text: &str) -> Value {
        json!({ "model": "small-1", "messages": [
            { "role": "system", "content": "Be brief." },
            { "role": "user", "content": text },
        ] })
    }

    #[tokio::test]
    async fn equal_questions_have_equal_answers_about_their_last_message() {
        let sandbox = sandbox();
        let body = question("The printer smokes.\n\nIt is on floor 3.\nPlease come.");
        let answer = ask(&sandbox, KEY, &body).await;
        assert_eq!(answer.status, StatusCode::OK);
        let answer = answer.json();
        let content = &answer["choices"][0]["message"]["content"];
        assert_eq!(content, "Summary of 3 lines: The printer smokes. … Please come.");
        assert_eq!((&answer["object"], &answer["model"]), (&json!("chat.completion"), &json!("small-1")));
        assert_eq!(answer["choices"][0]["finish_reason"], "stop");
        assert_eq!(answer["usage"], json!({ "prompt_tokens": 10, "completion_tokens": 10, "total_tokens": 20 }));
        assert_eq!(ask(&sandbox, Some(("api-key", "other")), &body).await.json(), answer);

        let log = sandbox.log();
        assert_eq!((log[0].provider, log[0].operation.as_str(), log[0].outcome.as_str()), ("llm", CHAT, "ok"));
        assert_eq!(log[0].facts["model"], "small-1");
        assert!(!format!("{log:?}").contains("marker"));
    }

    #[tokio::test]
    async fn a_missing_key_and_a_missing_question_are_refused_with_words() {
        let sandbox = sandbox();
        for key in [None, Some(("authorization", "Bearer ")), Some(("api-key", ""))] {
            assert_eq!(ask(&sandbox, key, &question("hi")).await.status, StatusCode::UNAUTHORIZED);
        }
        for body in [json!({}), json!({ "model": "m" }), json!({ "model": "m", "messages": [] }), json!("x")] {
            let answer = ask(&sandbox, KEY, &body).await;
            assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{body}");
            assert!(answer.json()["error"]["message"].as_str().is_some_and(|words| !words.is_empty()));
        }
        let elsewhere = Request::get("/llm/v1/models").body(Body::empty()).unwrap();
        assert_eq!(send(&sandbox, elsewhere).await.status, StatusCode::NOT_FOUND);
    }

    #[tokio::test]
    async fn it_can_be_told_to_fail() {
        let sandbox = sandbox();
        sandbox.fault(Fault { retry_after: Some(7), ..Fault::next("llm.*", FaultKind::RateLimited) }).unwrap();
        let answer = ask(&sandbox, KEY, &question("hi")).await;
        assert_eq!((answer.status, answer.header("retry-after")), (StatusCode::TOO_MANY_REQUESTS, "7"));
        assert_eq!(answer.json()["error"]["code"], "rate_limit_exceeded");
        assert_eq!(ask(&sandbox, KEY, &question("hi")).await.status, StatusCode::OK);
    }
}
