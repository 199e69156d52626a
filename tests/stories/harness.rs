//! Starting `deskwire` as its users do, and talking to it as providers do.

use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::{Arc, Mutex};

use deskwire_core::provider::provider;
use deskwire_core::signature::sign;
use deskwire_core::time::{Clock, SystemClock, Timestamp};
use serde_json::Value;

pub const DESKWIRE: &str = env!("CARGO_BIN_EXE_deskwire");
pub const SECRET: &str = "stories-signing-secret";

/// A workflow that posts one line per event.
pub const POST_WORKFLOW: &str = r#"name: post
active: true
trigger:
  source: zendesk
  event: ticket.status_changed
steps:
  - id: post
    action: slack.post_message
    connection: slack
    with:
      channel: C07SUPPORT1
      message: "ticket {{ event.data.detail.id }} number {{ event.data.event.number }}"
"#;

/// A project folder, its data folder, and the environment its processes get.
pub struct Project {
    folder: tempfile::TempDir,
    pub environment: Vec<(String, String)>,
}

impl Project {
    /// A project with a Zendesk source, and connections that lead to stand-ins at `base` (`http://127.0.0.1:PORT`).
    pub fn new(base: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let file = format!(
            "sources:\n  zendesk: {{ provider: zendesk, signing_secrets: [{{ env: ZENDESK_SIGNING_SECRET }}] }}\n\
             connections:\n  slack:\n    provider: slack\n    auth: {{ type: bearer, token: {{ env: SLACK_BOT_TOKEN }} }}\n    \
             allowed_domain: slack.com\n    base_url: \"{base}/slack/api/\"\n  zendesk:\n    provider: zendesk\n    \
             auth: {{ type: basic, username: \"{user}/token\", password: {{ env: ZENDESK_API_TOKEN }} }}\n    \
             allowed_domain: acme.zendesk.com\n    base_url: \"{base}/zendesk\"\n",
            user = crate::outside::ZENDESK_USER,
        );
        std::fs::create_dir(folder.path().join("workflows")).unwrap();
        std::fs::write(folder.path().join("deskwire.yaml"), file).unwrap();
        let environment = [
            ("ZENDESK_SIGNING_SECRET", SECRET),
            ("SLACK_BOT_TOKEN", crate::outside::SLACK_TOKEN),
            ("ZENDESK_API_TOKEN", crate::outside::ZENDESK_TOKEN),
        ];
        Self { folder, environment: environment.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec() }
    }

    /// The same with its secrets in the secret store, as a deployment has them.
    pub fn with_stored_secrets(self) -> Self {
        let file = self.path().join("deskwire.yaml");
        let mut text = std::fs::read_to_string(&file).unwrap();
        for (name, _) in &self.environment {
            let stored = name.to_lowercase().replace('_', "-");
            text = text.replace(&format!("env: {name}"), &format!("secret: {stored}"));
        }
        std::fs::write(file, text).unwrap();
        self
    }

    pub fn with_workflow(self, name: &str, text: &str) -> Self {
        std::fs::write(self.path().join("workflows").join(name), text).unwrap();
        self
    }

    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    pub fn data(&self) -> PathBuf {
        self.path().join("data")
    }

    /// `deskwire` with this project's folders and environment, and nothing else of ours.
    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(DESKWIRE);
        command
            .args(arguments)
            .current_dir(self.path())
            .env_remove("RUST_LOG")
            .env("DESKWIRE_PROJECT", self.path())
            .env("DESKWIRE_DATA", self.data())
            .envs(self.environment.iter().map(|(name, value)| (name, value)));
        command
    }

    /// Runs a command to its end.
    pub fn run(&self, arguments: &[&str]) -> Output {
        self.command(arguments).output().unwrap()
    }

    /// Runs a command to its end, with this on its standard input.
    pub fn run_with(&self, arguments: &[&str], input: &str) -> Output {
        let mut command = self.command(arguments);
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let mut stdin = child.stdin.take().unwrap();
        // A command that wants nothing may be gone already.
        let _ = stdin.write_all(input.as_bytes());
        drop(stdin);
        child.wait_with_output().unwrap()
    }

    /// Runs a command that must end well and answers with the JSON it printed.
    pub fn json(&self, arguments: &[&str]) -> Value {
        let output = self.run(&[arguments, &["--json"]].concat());
        let text = String::from_utf8(output.stdout).unwrap();
        deskwire_core::json::from_str(&text).unwrap_or_else(|error| {
            panic!("{arguments:?} printed no JSON ({error}): {text} {}", String::from_utf8_lossy(&output.stderr))
        })
    }

    pub fn serve(&self) -> Server {
        self.serve_with(&[])
    }

    pub fn serve_with(&self, arguments: &[&str]) -> Server {
        let all = [&["serve", "--allow-loopback", "--listen", "127.0.0.1:0"], arguments].concat();
        Server::start(&mut self.command(&all))
    }
}

/// Whoever takes webhooks in.
pub trait Webhooks {
    /// Its address, with this path.
    fn address_of(&self, path: &str) -> String;
}

/// A running server. It is killed when dropped.
pub struct Server {
    child: Child,
    pub address: String,
    said: Arc<Mutex<String>>,
    reader: Option<std::thread::JoinHandle<()>>,
}

impl Server {
    pub fn start(command: &mut Command) -> Self {
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let mut stderr = BufReader::new(child.stderr.take().unwrap());
        let said = Arc::new(Mutex::new(String::new()));
        let reader = std::thread::spawn({
            let said = Arc::clone(&said);
            move || {
                let mut line = String::new();
                while stderr.read_line(&mut line).is_ok_and(|read| read > 0) {
                    said.lock().unwrap().push_str(&std::mem::take(&mut line));
                }
            }
        });
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let Some(address) = line.trim().strip_prefix("listening on http://") else {
            let _ = child.kill();
            let _ = reader.join();
            panic!("the server did not start: {line} {}", said.lock().unwrap());
        };
        Self { address: address.to_owned(), child, said, reader: Some(reader) }
    }

    /// What it has logged so far.
    pub fn said(&self) -> String {
        self.said.lock().unwrap().clone()
    }

    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    pub fn port(&self) -> &str {
        self.address.rsplit(':').next().unwrap()
    }

    /// `kill -9`.
    pub fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// SIGTERM; answers with the exit code and everything the server logged.
    pub fn stop(mut self) -> (Option<i32>, String) {
        let told = Command::new("kill").args(["-TERM", &self.child.id().to_string()]).status().unwrap();
        assert!(told.success());
        let code = self.child.wait().unwrap().code();
        self.reader.take().unwrap().join().unwrap();
        (code, self.said())
    }
}

impl Webhooks for Server {
    fn address_of(&self, path: &str) -> String {
        self.url(path)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A client as plain as a provider's.
pub fn client() -> reqwest::Client {
    reqwest::Client::builder().no_proxy().build().unwrap()
}

/// An answer, read whole.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub headers: reqwest::header::HeaderMap,
    pub body: Value,
}

pub async fn answer(response: reqwest::Response) -> Answer {
    let (status, headers) = (response.status().as_u16(), response.headers().clone());
    Answer {
        status,
        headers,
        body: deskwire_core::json::from_slice(&response.bytes().await.unwrap()).unwrap_or(Value::Null),
    }
}

/// A signed delivery that can be spoilt before it is sent.
pub struct Delivery {
    pub body: Vec<u8>,
    pub headers: Vec<(&'static str, String)>,
}

impl Delivery {
    pub fn new(body: impl Into<Vec<u8>>) -> Self {
        Self::signed_at(body, SystemClock.now())
    }

    pub fn signed_at(body: impl Into<Vec<u8>>, time: Timestamp) -> Self {
        Self::signed_with(body, time, SECRET)
    }

    pub fn signed_with(body: impl Into<Vec<u8>>, time: Timestamp, secret: &str) -> Self {
        let (body, stamp) = (body.into(), time.to_string());
        let scheme = provider("zendesk").unwrap().scheme("webhook").unwrap();
        let signature = sign(scheme, secret, &stamp, &body);
        let headers = vec![
            ("content-type", "application/json".to_owned()),
            ("x-zendesk-webhook-signature", signature),
            ("x-zendesk-webhook-signature-timestamp", stamp),
        ];
        Self { body, headers }
    }

    pub fn without(mut self, name: &str) -> Self {
        self.headers.retain(|(known, _)| *known != name);
        self
    }

    pub fn with(mut self, name: &'static str, value: &str) -> Self {
        self.headers.push((name, value.to_owned()));
        self
    }

    pub async fn send(self, to: &impl Webhooks) -> Answer {
        self.send_to(&to.address_of("/webhooks/zendesk/zendesk")).await
    }

    /// To another source of Zendesk's.
    pub async fn send_to_source(self, source: &str, to: &impl Webhooks) -> Answer {
        self.send_to(&to.address_of(&format!("/webhooks/zendesk/{source}"))).await
    }

    pub async fn send_to(self, url: &str) -> Answer {
        let mut request = client().post(url).body(self.body);
        for (name, value) in self.headers {
            request = request.header(name, value);
        }
        answer(request.send().await.unwrap()).await
    }
}

/// A status change of a ticket, as a Zendesk event subscription sends it.
pub fn status_changed(id: &str, ticket: usize, number: usize) -> Vec<u8> {
    serde_json::json!({
        "type": "zen:event-type:ticket.status_changed",
        "account_id": 22_129_001,
        "id": id,
        "time": "2026-02-03T08:17:05.001220331Z",
        "zendesk_event_version": "2022-11-06",
        "subject": format!("zen:ticket:{ticket}"),
        "detail": { "id": ticket.to_string(), "status": "OPEN", "updated_at": "2026-02-03T08:17:04Z" },
        "event": { "current": "OPEN", "previous": "NEW", "number": number },
    })
    .to_string()
    .into_bytes()
}

/// Waits until no run of the project is under way any more, and answers with all of them.
pub async fn all_runs_over(project: &Project) -> Vec<Value> {
    for _ in 0..1_200 {
        let runs = project.json(&["runs", "list", "--limit", "100000"]);
        let runs = runs.as_array().unwrap().clone();
        let open = |run: &Value| matches!(run["state"].as_str().unwrap(), "queued" | "running" | "retrying");
        if !runs.iter().any(open) {
            return runs;
        }
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    panic!("the runs go on for over a minute: {}", project.json(&["runs", "list"]));
}
