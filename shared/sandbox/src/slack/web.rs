//! The Web API as HTTP: token, arguments, method, and the shape of every answer.
//!
//! <https://docs.slack.dev/apis/web-api>, checked 2026-11-23: success and failure stand in the body's `ok`, with status 200.

use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use deskwire_core::random::Random;
use deskwire_core::secret::ExposeSecret;
use http::header::{AUTHORIZATION, CONTENT_TYPE, HeaderValue, RETRY_AFTER};
use http::{HeaderMap, Method as Verb, StatusCode, Uri};
use serde_json::{Map, Value, json};
use subtle::ConstantTimeEq;

use crate::Sandbox;
use crate::exchange::{Answer, Asked, carry_out, request_id};
use crate::fault::{Fault, FaultKind};
use crate::oauth::{self, Standing};
use crate::slack::arguments::Arguments;
use crate::slack::methods::{Call, Method, Outcome, Refusal};

/// What the log keeps of a call's arguments.
const FACTS: [&str; 14] = [
    "channel",
    "user",
    "users",
    "email",
    "ts",
    "thread_ts",
    "timestamp",
    "name",
    "oldest",
    "latest",
    "limit",
    "cursor",
    "types",
    "text",
];

/// A text is shortened to so many characters in the log.
const LOGGED_TEXT: usize = 200;

/// `/slack/api/{method}`, for any verb: Slack takes reads by POST and writes by GET as well.
pub(crate) async fn call(
    State(sandbox): State<Sandbox>,
    Path(name): Path<String>,
    verb: Verb,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let method = Method::find(&name);
    let read = Arguments::read(method.is_some_and(|method| method.json), &headers, uri.query(), &body);
    let asked = Asked {
        provider: "slack",
        operation: method.map_or("unknown", |method| method.name),
        method: verb,
        path: uri.path().to_owned(),
        facts: read.as_ref().map(facts).unwrap_or_default(),
        request_id: request_id(&headers),
    };
    let act = || {
        let outcome = match (method, &read) {
            (None, _) => Err(Refusal::Code("unknown_method")),
            (Some(_), Err(code)) => Err(Refusal::Code(code)),
            (Some(method), Ok(arguments)) => run(&sandbox, method, arguments, &headers),
        };
        let warnings = read.as_ref().map(|arguments| arguments.warnings.clone()).unwrap_or_default();
        answer(&sandbox, method, outcome, warnings)
    };
    let mut response = carry_out(&sandbox, asked, refuse, act).await;
    if let Ok(id) = HeaderValue::try_from(format!("{:032x}", sandbox.random().bits())) {
        response.headers_mut().insert("x-slack-req-id", id);
    }
    response
}

fn run(sandbox: &Sandbox, method: &Method, arguments: &Arguments, headers: &HeaderMap) -> Outcome {
    check_token(sandbox, headers)?;
    let now = sandbox.now();
    method.call(&mut Call { workspace: &mut sandbox.workspace(), arguments, now })
}

/// A token counts in the header only, and the scheme's case matters.
fn check_token(sandbox: &Sandbox, headers: &HeaderMap) -> Result<(), Refusal> {
    let header = headers.get(AUTHORIZATION).map(HeaderValue::as_bytes).unwrap_or_default();
    let token = header.strip_prefix(b"Bearer ").unwrap_or_default();
    if token.is_empty() {
        return Err(Refusal::Code("not_authed"));
    }
    let expected = sandbox.options().slack_token.expose_secret().as_bytes();
    if bool::from(token.ct_eq(expected)) {
        return Ok(());
    }
    let given_out = std::str::from_utf8(token).unwrap_or_default();
    match sandbox.authority().standing(oauth::SLACK.name, given_out, sandbox.now()) {
        Standing::Good => Ok(()),
        Standing::Expired => Err(Refusal::Code("token_expired")),
        _ => Err(Refusal::Code("invalid_auth")),
    }
}

fn answer(sandbox: &Sandbox, method: Option<&Method>, outcome: Outcome, mut warnings: Vec<&'static str>) -> Answer {
    let granted = sandbox.workspace().scopes.join(",");
    let mut body = Map::new();
    body.insert("ok".to_owned(), outcome.is_ok().into());
    let outcome = match outcome {
        Ok(success) => {
            warnings.splice(0..0, success.warning);
            body.extend(success.fields);
            "ok".to_owned()
        }
        Err(refusal) => refused(&mut body, refusal, &granted),
    };
    if !warnings.is_empty() {
        body.insert("warning".to_owned(), warnings.join(",").into());
        let metadata = body.entry("response_metadata").or_insert_with(|| json!({}));
        metadata["warnings"] = json!(warnings);
    }
    let mut response = json_body(&Value::Object(body));
    if let Some(method) = method {
        for (name, scopes) in [("x-oauth-scopes", granted), ("x-accepted-oauth-scopes", method.scopes.join(","))] {
            if let Ok(scopes) = HeaderValue::try_from(scopes) {
                response.headers_mut().insert(name, scopes);
            }
        }
    }
    Answer { response, outcome }
}

fn refused(body: &mut Map<String, Value>, refusal: Refusal, granted: &str) -> String {
    let code = match refusal {
        Refusal::Code(code) => code,
        Refusal::Detailed(code, detail) => {
            body.insert("response_metadata".to_owned(), json!({ "messages": [detail] }));
            code
        }
        Refusal::MissingScope(scopes) => {
            body.insert("needed".to_owned(), scopes.join(",").into());
            body.insert("provided".to_owned(), granted.into());
            "missing_scope"
        }
    };
    // The code stands right behind `ok`, where people look for it.
    body.insert("error".to_owned(), code.into());
    code.to_owned()
}

fn json_body(body: &Value) -> Response {
    ([(CONTENT_TYPE, "application/json; charset=utf-8")], body.to_string()).into_response()
}

/// How Slack words a planned refusal.
fn refuse(fault: &Fault) -> Response {
    if fault.kind == FaultKind::RateLimited {
        let mut response = json_body(&json!({ "ok": false, "error": "ratelimited" }));
        *response.status_mut() = StatusCode::TOO_MANY_REQUESTS;
        response.headers_mut().insert(RETRY_AFTER, HeaderValue::from(fault.retry_after.unwrap_or(1)));
        return response;
    }
    json_body(&json!({ "ok": false, "error": fault.code.as_deref().unwrap_or("fatal_error") }))
}

fn facts(arguments: &Arguments) -> Map<String, Value> {
    let shortened = |text: String| text.chars().take(LOGGED_TEXT).collect::<String>();
    FACTS
        .iter()
        .filter_map(|&name| arguments.text(name).map(|text| (name.to_owned(), Value::from(shortened(text)))))
        .collect()
}
