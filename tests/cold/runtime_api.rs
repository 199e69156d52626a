//! Lambda's Runtime API as a function's process sees it.
//! <https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html>

use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use axum::Router;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use http::StatusCode;
use serde_json::Value;
use tokio::sync::{Mutex, mpsc};

/// A function may take so long for its first question, and for one answer.
const PATIENCE: Duration = Duration::from_secs(30);

/// One function at a time asks it for work.
pub struct RuntimeApi {
    address: String,
    talk: Arc<Talk>,
}

struct Talk {
    /// When each question for work came.
    asked: Channel<Instant>,
    work: Channel<Value>,
    answered: Channel<(Instant, Value)>,
}

type Channel<T> = (mpsc::UnboundedSender<T>, Mutex<mpsc::UnboundedReceiver<T>>);

fn channel<T>() -> Channel<T> {
    let (sender, receiver) = mpsc::unbounded_channel();
    (sender, Mutex::new(receiver))
}

impl RuntimeApi {
    pub async fn start() -> Self {
        let talk = Arc::new(Talk { asked: channel(), work: channel(), answered: channel() });
        let routes = Router::new()
            .route("/2018-06-01/runtime/invocation/next", get(next))
            .route("/2018-06-01/runtime/invocation/{id}/response", post(answer))
            .route("/2018-06-01/runtime/invocation/{id}/error", post(answer))
            .with_state(Arc::clone(&talk));
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        tokio::spawn(async move { axum::serve(listener, routes).await });
        Self { address, talk }
    }

    /// Starts a function, and waits for its first question. It ends with the value.
    pub async fn run(&self, binary: &Path, variables: &[(String, String)]) -> Function {
        let log = tempfile::NamedTempFile::new().unwrap();
        let mut command = Command::new(binary);
        command
            .env_clear()
            .envs(variables.iter().map(|(name, value)| (name, value)))
            .env("AWS_LAMBDA_RUNTIME_API", &self.address)
            .env("AWS_LAMBDA_FUNCTION_NAME", binary.file_name().unwrap())
            .env("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "256")
            .env("AWS_LAMBDA_FUNCTION_VERSION", "$LATEST")
            .env("AWS_LAMBDA_LOG_FORMAT", "JSON")
            .stdout(Stdio::from(log.reopen().unwrap()))
            .stderr(Stdio::null());
        let began = Instant::now();
        let child = command.spawn().unwrap_or_else(|error| panic!("{}: {error}", binary.display()));
        let mut asked = self.talk.asked.1.lock().await;
        let first = tokio::time::timeout(PATIENCE, asked.recv()).await;
        let first = first.unwrap_or_else(|_| panic!("{} never asks for work", binary.display())).unwrap();
        drop(asked);
        let started = first.saturating_duration_since(began);
        Function { child, started, of_aws: OfAws::read(log.path()), talk: Arc::clone(&self.talk) }
    }
}

/// A function's process. It is killed when dropped.
pub struct Function {
    child: Child,
    /// From its start to its first question.
    pub started: Duration,
    /// What of that was AWS's, by its own account.
    pub of_aws: OfAws,
    talk: Arc<Talk>,
}

/// What a function says of its start.
#[derive(Default)]
pub struct OfAws {
    pub calls: u64,
    /// Making the clients, and waiting for the calls.
    pub time: Duration,
}

impl OfAws {
    fn read(log: &Path) -> Self {
        let log = std::fs::read_to_string(log).unwrap();
        let mut lines = log.lines().filter_map(|line| deskwire_core::json::from_str::<Value>(line).ok());
        let Some(ready) = lines.find(|line| line["message"] == "ready for work") else { return Self::default() };
        let millis = ready["clients_ms"].as_f64().unwrap() + ready["calls_ms"].as_f64().unwrap();
        Self { calls: ready["calls"].as_u64().unwrap(), time: Duration::from_secs_f64(millis / 1000.0) }
    }
}

pub struct Answer {
    pub body: Value,
    pub took: Duration,
}

impl Function {
    /// Gives it an event, and waits for its answer.
    pub async fn handle(&self, event: Value) -> Answer {
        let began = Instant::now();
        self.talk.work.0.send(event).unwrap();
        let mut answered = self.talk.answered.1.lock().await;
        let (at, body) = tokio::time::timeout(PATIENCE, answered.recv()).await.expect("it answers").unwrap();
        // It asks for the next one at once.
        self.talk.asked.1.lock().await.recv().await;
        Answer { body, took: at.saturating_duration_since(began) }
    }

    /// Resident memory in KiB: now, and at its highest.
    pub fn memory_kib(&self) -> (usize, usize) {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap_or_default();
        let field = |name: &str| {
            let line = status.lines().find_map(|line| line.strip_prefix(name))?;
            line.split_whitespace().next()?.parse().ok()
        };
        (field("VmRSS:").unwrap_or(0), field("VmHWM:").unwrap_or(0))
    }
}

impl Drop for Function {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

async fn next(State(talk): State<Arc<Talk>>) -> Response {
    let _ = talk.asked.0.send(Instant::now());
    let Some(event) = talk.work.1.lock().await.recv().await else { return StatusCode::GONE.into_response() };
    let deadline = SystemTime::now().duration_since(UNIX_EPOCH).unwrap() + Duration::from_mins(1);
    let headers = [
        ("lambda-runtime-aws-request-id", "8476a536-e9f4-11e8-9739-2dfe598c3fcd".to_owned()),
        ("lambda-runtime-deadline-ms", deadline.as_millis().to_string()),
        ("lambda-runtime-invoked-function-arn", "arn:aws:lambda:us-east-1:123456789012:function:cold".to_owned()),
    ];
    (headers, event.to_string()).into_response()
}

async fn answer(State(talk): State<Arc<Talk>>, body: String) -> StatusCode {
    let body = deskwire_core::json::from_str(&body).unwrap_or(Value::Null);
    let _ = talk.answered.0.send((Instant::now(), body));
    StatusCode::ACCEPTED
}
