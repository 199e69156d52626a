//! The functions under the Lambda of cargo-lambda, as people try them on their own machine: its invoke and runtime APIs, and
//! the samples of `events/lambda`.

use std::io::{BufRead, BufReader};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use deskwire_aws::testing::Emulator;
use serde_json::{Value, json};

use crate::emulated::{deploy, request, told_of};
use crate::harness::{Delivery, POST_WORKFLOW, Project, status_changed};
use crate::outside::Outside;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

fn cargo_lambda(arguments: &[&str], port: &str) -> Command {
    let mut command = Command::new(root().join(".tools/aws/bin/cargo-lambda"));
    command.arg("lambda").args(arguments).args(["--invoke-address", "127.0.0.1", "--invoke-port", port]);
    command.current_dir(root());
    command
}

/// A function's process, with a Lambda of its own. Both end when dropped.
struct Function {
    lambda: Child,
    process: Child,
    port: String,
}

impl Function {
    async fn start(name: &str, variables: &[(String, String)]) -> Self {
        // The system chooses; whoever is told a port cannot be told to choose.
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port().to_string();
        let lambda = cargo_lambda(&["watch", "--only-lambda-apis"], &port)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let address = format!("127.0.0.1:{port}");
        while tokio::net::TcpStream::connect(&address).await.is_err() {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        let process = Command::new(root().join("target/debug").join(name))
            .env_clear()
            .envs(variables.iter().map(|(name, value)| (name, value)))
            .env("AWS_LAMBDA_FUNCTION_NAME", "_")
            .env("AWS_LAMBDA_FUNCTION_VERSION", "1")
            .env("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "4096")
            .env("AWS_LAMBDA_RUNTIME_API", format!("http://{address}/.rt"))
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        Self { lambda, process, port }
    }

    fn invoke(&self, data_file: &Path) -> Value {
        let file = data_file.to_str().unwrap();
        let arguments = ["invoke", "--output-format", "json", "--data-file", file];
        let output = cargo_lambda(&arguments, &self.port).output().unwrap();
        let said = String::from_utf8_lossy(&output.stdout);
        deskwire_core::json::from_str(&said)
            .unwrap_or_else(|error| panic!("{error}: {said} {}", String::from_utf8_lossy(&output.stderr)))
    }

    /// A sample as it lies there.
    fn sample(&self, name: &str) -> Value {
        self.invoke(&root().join("events/lambda").join(name))
    }

    /// An event that is made for this.
    fn event(&self, event: &Value) -> Value {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), event.to_string()).unwrap();
        self.invoke(file.path())
    }
}

impl Drop for Function {
    fn drop(&mut self) {
        for child in [&mut self.process, &mut self.lambda] {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

/// The problem that an answer to an HTTP API holds.
fn problem(answer: &Value) -> (u64, String) {
    let body: Value = deskwire_core::json::from_str(answer["body"].as_str().unwrap()).unwrap();
    (answer["statusCode"].as_u64().unwrap(), body["type"].as_str().unwrap().to_owned())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_function_answers_the_sample_of_its_kind_and_an_event_becomes_a_message() {
    let (emulator, outside) = (Emulator::start().await, Outside::start().await);
    let (project, variables) = deploy(&emulator, &outside).await;
    let start = async |name: &str| Function::start(name, &variables).await;

    let zendesk = start("zendesk-webhook").await;
    assert_eq!(problem(&zendesk.sample("http-webhook.json")), (404, "/problems/no-such-source".to_owned()));
    let delivery = Delivery::new(status_changed("e1", 42, 7));
    let accepted = zendesk.event(&request("POST", "/webhooks/zendesk/zendesk", Some(delivery)));
    assert_eq!(accepted["statusCode"], 202, "{accepted}");
    let qualtrics = start("qualtrics-webhook").await;
    assert_eq!(qualtrics.sample("http-webhook.json")["statusCode"], 404, "another function's route");
    let unknown = qualtrics.event(&request("POST", "/webhooks/qualtrics/none", None));
    assert_eq!(problem(&unknown), (404, "/problems/no-such-source".to_owned()));
    let api = start("api").await;
    assert_eq!(problem(&api.sample("http-api.json")), (401, "/problems/no-token-set".to_owned()));
    let oauth = start("oauth").await;
    assert_eq!(oauth.sample("http-oauth.json")["statusCode"], 403, "nobody invited whoever asks");

    let runner = start("workflow-runner").await;
    assert_eq!(runner.sample("sqs-batch.json"), json!({ "batchItemFailures": [] }), "nobody knows that run");
    let run = &project.json(&["runs", "list"])[0]["id"];
    assert_eq!(runner.event(&told_of(run)), json!({ "batchItemFailures": [] }));
    assert_eq!(outside.posts(), ["ticket 42 number 7"]);
    assert_eq!(start("scheduler").await.sample("schedule.json")["started"], 0);
    assert_eq!(start("token-refresh").await.sample("schedule.json")["renewed"], 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn on_the_embedded_store_functions_need_nothing_of_aws() {
    let outside = Outside::start().await;
    let quick = format!("{POST_WORKFLOW}    retry: {{ first_wait: 100ms }}\n");
    let project = Project::new(&outside.url).with_workflow("post.yaml", &quick);
    let folders = [("DESKWIRE_PROJECT", project.path().to_owned()), ("DESKWIRE_DATA", project.data())];
    let folders = folders.map(|(name, path)| (name.to_owned(), path.display().to_string()));
    let switch = ("DESKWIRE_ALLOW_LOOPBACK".to_owned(), "1".to_owned());
    let variables: Vec<_> = project.environment.iter().cloned().chain(folders).chain([switch]).collect();
    // The server takes an event in that nobody has worked off yet when it ends.
    outside.fault(&json!({ "method": "chat.postMessage", "kind": "rate_limited", "retry_after": 1 })).await;
    let server = project.serve();
    assert_eq!(Delivery::new(status_changed("e1", 42, 7)).send(&server).await.status, 202);
    server.stop();
    let runner = Function::start("workflow-runner", &variables).await;
    for _ in 0..100 {
        if outside.posts() == ["ticket 42 number 7"] {
            return;
        }
        runner.sample("schedule.json");
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    panic!("the runner has not worked it off: {:?}", project.json(&["runs", "list"]));
}

/// How often a function asks AWS before it takes work, by its own account.
fn calls_to_start(name: &str, variables: &[(String, String)]) -> u64 {
    let mut process = Command::new(root().join("target/debug").join(name))
        .env_clear()
        .envs(variables.iter().map(|(name, value)| (name, value)))
        .env("AWS_LAMBDA_FUNCTION_NAME", name)
        .env("AWS_LAMBDA_FUNCTION_VERSION", "1")
        .env("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "256")
        // Nobody has work for it.
        .env("AWS_LAMBDA_RUNTIME_API", "127.0.0.1:9")
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let lines = BufReader::new(process.stdout.take().unwrap()).lines().map_while(Result::ok);
    let said = lines.filter_map(|line| deskwire_core::json::from_str::<Value>(&line).ok());
    let ready = said.into_iter().find(|line| line["message"] == "ready for work");
    let _ = process.kill();
    let _ = process.wait();
    ready.unwrap_or_else(|| panic!("{name} never says that it is ready"))["calls"].as_u64().unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_function_starts_with_the_same_few_reads_however_many_workflows_are_in_force() {
    let (emulator, outside) = (Emulator::start().await, Outside::start().await);
    let (project, mut variables) = deploy(&emulator, &outside).await;
    variables.push(("AWS_LAMBDA_LOG_FORMAT".to_owned(), "JSON".to_owned()));
    let functions = ["zendesk-webhook", "oauth", "api", "workflow-runner", "scheduler", "token-refresh"];
    let calls = || functions.map(|name| (name, calls_to_start(name, &variables)));
    let with_one = calls();
    assert!(with_one.iter().all(|(_, calls)| *calls < 10), "{with_one:?}");
    for number in 0..60 {
        let text = POST_WORKFLOW.replace("name: post", &format!("name: post-{number}"));
        std::fs::write(project.path().join(format!("workflows/post-{number}.yaml")), text).unwrap();
    }
    let applied = project.run(&["apply", "--allow-loopback"]);
    assert!(applied.status.success(), "{}", String::from_utf8_lossy(&applied.stderr));
    assert_eq!(calls(), with_one);
}
