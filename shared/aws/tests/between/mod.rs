//! Stands between a store and an emulator, and makes go wrong what can go wrong on a network.

use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::{Body, Bytes, to_bytes};
use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};

/// What goes wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// The request is carried out, and nobody hears of it.
    LoseTheAnswer,
    /// The request is refused with this error: too much at once.
    Limit(&'static str),
    /// The transaction is cancelled for this reason.
    Cancel(&'static str),
    /// The service is away.
    Refuse,
    /// The answer to the first such request is given to all.
    Remember,
    /// Half of what a batch asks for is left out, and named in the answer.
    LeaveOut,
    /// The queue takes the first half of a batch, and refuses the rest.
    TakeHalf,
}

/// The proxy. It ends with the test.
pub struct Between {
    pub url: String,
    state: Arc<Faults>,
}

struct Faults {
    upstream: String,
    client: reqwest::Client,
    waiting: Mutex<Vec<(String, Fault, usize)>>,
    /// By the request as JSON, since a map's order in it changes from one to the next.
    remembered: Mutex<Vec<(serde_json::Value, Bytes)>>,
    happened: Mutex<usize>,
}

impl Between {
    pub async fn start(upstream: &str) -> Self {
        let state = Arc::new(Faults {
            upstream: upstream.to_owned(),
            client: client(),
            waiting: Mutex::default(),
            remembered: Mutex::default(),
            happened: Mutex::default(),
        });
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let router = Router::new().fallback(pass).with_state(Arc::clone(&state));
        tokio::spawn(async move { axum::serve(listener, router).await });
        Self { url, state }
    }

    /// The next `times` requests for this operation (`Query:INDEX` for those to an index) go wrong.
    pub fn fail(&self, operation: &str, fault: Fault, times: usize) {
        self.state.waiting.lock().unwrap().push((operation.to_owned(), fault, times));
    }

    /// Nothing goes wrong from now on.
    pub fn heal(&self) {
        self.state.waiting.lock().unwrap().clear();
    }

    /// How many faults have not happened yet.
    pub fn left(&self) -> usize {
        self.state.waiting.lock().unwrap().iter().map(|(_, _, times)| times).sum()
    }

    /// How many faults have happened.
    pub fn happened(&self) -> usize {
        *self.state.happened.lock().unwrap()
    }
}

#[expect(clippy::disallowed_methods, reason = "it goes to the emulator only")]
fn client() -> reqwest::Client {
    reqwest::Client::new()
}

impl Faults {
    fn due(&self, operation: &str, body: &Bytes) -> Option<Fault> {
        let text = String::from_utf8_lossy(body);
        let mut waiting = self.waiting.lock().unwrap();
        let found = waiting.iter_mut().find(|(wanted, _, times)| {
            *times > 0
                && match wanted.split_once(':') {
                    None => wanted == operation,
                    Some((wanted, index)) => {
                        wanted == operation && text.contains(&format!("\"IndexName\":\"{index}\""))
                    }
                }
        })?;
        found.2 -= 1;
        Some(found.1)
    }
}

async fn pass(State(faults): State<Arc<Faults>>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let body = to_bytes(body, usize::MAX).await.unwrap();
    let target = parts.headers.get("x-amz-target").map(|value| value.to_str().unwrap().to_owned()).unwrap_or_default();
    let operation = target.rsplit('.').next().unwrap_or_default().to_owned();
    if operation == "Query" && ends_before_it_begins(&body) {
        let message = "The BETWEEN operator requires upper bound to be greater than or equal to lower bound";
        return error("ValidationException", message, None);
    }
    let fault = faults.due(&operation, &body);
    if fault.is_some() && fault != Some(Fault::Remember) {
        *faults.happened.lock().unwrap() += 1;
    }
    match fault {
        Some(Fault::Limit(kind)) => return error(kind, "Rate exceeded", None),
        Some(Fault::Cancel(code)) => {
            let reasons = format!(r#"[{{"Code":"{code}","Message":"it is said so here"}}]"#);
            return error("TransactionCanceledException", "Transaction cancelled", Some(&reasons));
        }
        Some(Fault::Refuse) => return StatusCode::SERVICE_UNAVAILABLE.into_response(),
        Some(Fault::Remember) => {
            let request: serde_json::Value = deskwire_core::json::from_slice(&body).unwrap();
            let known = faults.remembered.lock().unwrap().iter().find(|(asked, _)| *asked == request).cloned();
            if let Some((_, known)) = known {
                *faults.happened.lock().unwrap() += 1;
                return ([("content-type", "application/x-amz-json-1.0")], known).into_response();
            }
        }
        _ => {}
    }
    let (body, left_out) = match fault {
        Some(Fault::LeaveOut) => half(&body),
        Some(Fault::TakeHalf) => half_of_batch(&body),
        _ => (body, serde_json::Value::Null),
    };
    if left_out.is_object() && body.is_empty() {
        let answer = serde_json::json!({ "Responses": {}, left_out_as(&operation): left_out });
        return ([("content-type", "application/x-amz-json-1.0")], answer.to_string()).into_response();
    }
    let mut forward = faults.client.request(parts.method, format!("{}{}", faults.upstream, parts.uri));
    for (name, value) in parts.headers.iter().filter(|(name, _)| *name != "host" && *name != "content-length") {
        forward = forward.header(name, value);
    }
    let answer = forward.body(body.clone()).send().await.unwrap();
    let status = answer.status();
    let headers = answer.headers().clone();
    let mut bytes = answer.bytes().await.unwrap();
    match fault {
        Some(Fault::LeaveOut) => {
            let mut answer: serde_json::Value = deskwire_core::json::from_slice(&bytes).unwrap();
            answer[left_out_as(&operation)] = left_out;
            bytes = answer.to_string().into();
        }
        Some(Fault::TakeHalf) => {
            let mut answer: serde_json::Value = deskwire_core::json::from_slice(&bytes).unwrap();
            answer["Failed"] = left_out;
            bytes = answer.to_string().into();
        }
        // The connection ends without an answer.
        Some(Fault::LoseTheAnswer) => std::panic::resume_unwind(Box::new("lost")),
        Some(Fault::Remember) => {
            let request = deskwire_core::json::from_slice(&body).unwrap();
            faults.remembered.lock().unwrap().push((request, bytes.clone()));
        }
        _ => {}
    }
    let mut response = Response::new(Body::from(bytes));
    *response.status_mut() = status;
    for (name, value) in headers.iter().filter(|(name, _)| *name != "transfer-encoding" && *name != "content-length") {
        response.headers_mut().insert(name, value.clone());
    }
    response
}

/// Does a query ask for a range that DynamoDB refuses, and the emulators do not?
fn ends_before_it_begins(body: &Bytes) -> bool {
    let asked: serde_json::Value = deskwire_core::json::from_slice(body).unwrap();
    let bound =
        |name: &str| asked["ExpressionAttributeValues"][name]["N"].as_str().and_then(|text| text.parse::<i64>().ok());
    matches!((bound(":from"), bound(":to")), (Some(from), Some(to)) if from > to)
}

/// What an answer calls that which was left out.
fn left_out_as(operation: &str) -> &'static str {
    if operation == "BatchWriteItem" { "UnprocessedItems" } else { "UnprocessedKeys" }
}

/// The first half of a batch, rounded down (no request at all, where that is none), and the rest of it.
fn half(body: &Bytes) -> (Bytes, serde_json::Value) {
    let mut asked: serde_json::Value = deskwire_core::json::from_slice(body).unwrap();
    let mut left_out = asked["RequestItems"].clone();
    let mut none = true;
    for (table, part) in left_out.as_object_mut().unwrap() {
        let part = if part.is_array() { part } else { &mut part["Keys"] };
        let all = part.as_array_mut().unwrap();
        let rest = all.split_off(all.len() / 2);
        let first = std::mem::replace(part, rest.into());
        none &= first.as_array().unwrap().is_empty();
        let now = &mut asked["RequestItems"][table];
        *(if now.is_array() { now } else { &mut now["Keys"] }) = first;
    }
    (if none { Bytes::new() } else { asked.to_string().into() }, left_out)
}

/// The first half of a batch of messages, rounded up, and what is said of the rest.
fn half_of_batch(body: &Bytes) -> (Bytes, serde_json::Value) {
    let mut asked: serde_json::Value = deskwire_core::json::from_slice(body).unwrap();
    let entries = asked["Entries"].as_array_mut().unwrap();
    let refused = entries.split_off(entries.len().div_ceil(2));
    let say = |entry: serde_json::Value| serde_json::json!({ "Id": entry["Id"], "Code": "InternalError", "SenderFault": false });
    let refused = refused.into_iter().map(say).collect();
    (asked.to_string().into(), refused)
}

fn error(kind: &str, message: &str, reasons: Option<&str>) -> Response {
    let reasons = reasons.map(|reasons| format!(r#","CancellationReasons":{reasons}"#)).unwrap_or_default();
    let body = format!(r#"{{"__type":"com.amazonaws.dynamodb.v20120810#{kind}","message":"{message}"{reasons}}}"#);
    (StatusCode::BAD_REQUEST, [("content-type", "application/x-amz-json-1.0")], body).into_response()
}
