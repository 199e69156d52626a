//! The project's own template, deployed with the functions' own binaries on emulators that nobody here wrote: events come in
//! at the HTTP API and leave for stand-ins of the providers.
//!
//! One emulator runs the stack; the other one keeps the secrets, whose versions the first one gets wrong.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use deskwire_aws::testing::Emulator;
use deskwire_aws::{AwsStore, Names};
use deskwire_core::random::{Random, SeededRandom};
use deskwire_core::token::Standing;
use deskwire_startup::{OsRandom, Place};
use serde_json::{Value, json};

use crate::emulated;
use crate::front_door::FrontDoor;
use crate::harness::{Answer, Delivery, POST_WORKFLOW, Project, SECRET, answer, client, status_changed};
use crate::oauth::{self, Api, Oidc};
use crate::outside::{Outside, SLACK_TOKEN, ZENDESK_TOKEN, ZENDESK_USER};
use crate::template;

const STACK: &str = "trial";

/// The account of the emulator that runs functions: it hands them this as their key, and each key has data of its own.
const ACCOUNT: &str = "000000000000";

/// A deployment, and whatever is around it.
pub struct Deployed {
    pub outside: Outside,
    pub project: Project,
    pub stack: Stack,
}

/// What is deployed.
pub struct Stack {
    /// Runs it.
    emulator: Emulator,
    /// Keeps the secrets.
    secrets: Emulator,
    /// What the deployment said of itself.
    said: Value,
    pub door: FrontDoor,
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

impl Deployed {
    pub async fn with(workflow: &str) -> Self {
        let outside = Outside::start().await;
        let project = Project::new(&outside.url).with_workflow("workflow.yaml", workflow);
        Self::of(outside, project, &[]).await
    }

    /// Deploys the stack, and this project and its secrets to it.
    pub async fn of(outside: Outside, project: Project, more_secrets: &[(&str, &str)]) -> Self {
        let deployed = Self::bare(outside, project).await;
        deployed.put_in_force(more_secrets);
        deployed
    }

    fn put_in_force(&self, more_secrets: &[(&str, &str)]) {
        let applied = self.project.run(&["apply", "--allow-loopback"]);
        assert!(applied.status.success(), "{}", String::from_utf8_lossy(&applied.stderr));
        let own = [
            ("zendesk-signing-secret", SECRET),
            ("slack-bot-token", SLACK_TOKEN),
            ("zendesk-api-token", ZENDESK_TOKEN),
        ];
        for (name, value) in own.iter().chain(more_secrets) {
            let stored = self.project.run_with(&["secrets", "set", name], value);
            assert!(stored.status.success(), "{}", String::from_utf8_lossy(&stored.stderr));
        }
    }

    /// Deploys the stack, and puts nothing in force.
    async fn bare(outside: Outside, project: Project) -> Self {
        let (stack, secrets, door) = (Emulator::thorough().await, Emulator::start().await, FrontDoor::build().await);
        let mut project = project.with_stored_secrets();
        project.environment = [
            ("AWS_ENDPOINT_URL", stack.url.as_str()),
            ("AWS_ENDPOINT_URL_SECRETS_MANAGER", secrets.url.as_str()),
            ("AWS_ACCESS_KEY_ID", ACCOUNT),
            ("AWS_SECRET_ACCESS_KEY", "test"),
            ("AWS_REGION", "us-east-1"),
            ("DESKWIRE_TARGET", &format!("aws:{STACK}")),
        ]
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .to_vec();
        let said = deploy(&stack, &secrets, &door);
        door.open(&stack.url, said["ApiId"].as_str().unwrap());
        Self { outside, project, stack: Stack { emulator: stack, secrets, said, door } }
    }

    async fn send(&self, delivery: Delivery) -> Result<Answer, reqwest::Error> {
        let mut request =
            client().post(format!("{}/webhooks/zendesk/zendesk", self.stack.door.url)).body(delivery.body);
        for (name, value) in delivery.headers {
            request = request.header(name, value);
        }
        Ok(answer(request.timeout(Duration::from_secs(20)).send().await?).await)
    }

    fn runs(&self) -> Vec<Value> {
        self.project.json(&["runs", "list", "--limit", "1000"]).as_array().unwrap().clone()
    }

    /// Waits until so many runs are over, and answers with them.
    async fn runs_over(&self, count: usize) -> Vec<Value> {
        for _ in 0..900 {
            let runs = self.runs();
            let open = |run: &Value| matches!(run["state"].as_str().unwrap(), "queued" | "running" | "retrying");
            if runs.len() >= count && !runs.iter().any(open) {
                return runs;
            }
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
        panic!("the runs go on for three minutes: {:#?}\n{}", self.runs(), self.stack.logs());
    }
}

impl Stack {
    /// Its store, for this process.
    fn store(&self) -> AwsStore {
        let names = Names {
            table: STACK.to_owned(),
            queue_url: Some(self.said["QueueUrl"].as_str().unwrap().replace("localhost", "127.0.0.1")),
            secret_prefix: STACK.to_owned(),
        };
        deskwire_aws::testing::store_of(&self.emulator.url, &self.secrets.url, ACCOUNT, names, &OsRandom)
    }

    /// How the emulator that runs the stack is reached by a client of AWS.
    fn config(&self) -> aws_config::SdkConfig {
        deskwire_aws::testing::config_of(&self.emulator.url, ACCOUNT)
    }

    /// Calls a function, and answers with what it says.
    async fn invoke(&self, function: &str) -> Value {
        let url = format!("{}/2015-03-31/functions/{STACK}-{function}/invocations", self.emulator.url);
        let credential = format!("AWS4-HMAC-SHA256 Credential={ACCOUNT}/20261123/us-east-1/lambda/aws4_request");
        let called = client().post(url).header("authorization", credential).body("{}").send().await.unwrap();
        assert!(called.status().is_success(), "{called:?}");
        called.json().await.unwrap()
    }

    /// Everything that the functions have logged.
    pub fn logs(&self) -> String {
        let script = root().join("tests/aws/logs.py");
        let output = Command::new(root().join(".tools/aws/bin/python")).arg(script).arg(&self.emulator.url).output();
        String::from_utf8(output.unwrap().stdout).unwrap()
    }

    /// Every call that a function has made of AWS is one that its role allows.
    fn made_allowed_calls_only(&self) {
        let sections = template::sections();
        let mut seen = 0;
        for line in self.logs().lines() {
            let Some((function, said)) = line.strip_prefix(&format!("{STACK}-")).and_then(|line| line.split_once(' '))
            else {
                continue;
            };
            let Ok(said) = deskwire_core::json::from_str::<Value>(said) else { continue };
            let call = said["target"].as_str().filter(|_| said["message"] == "calling AWS");
            let needed: Vec<String> = match (call, said["writes"].as_str()) {
                (Some("DynamoDB_20120810.TransactWriteItems"), _) | (None, None) => continue,
                (None, Some(writes)) => writes.split(',').map(|kind| format!("dynamodb:{kind}")).collect(),
                (Some(call), _) => {
                    let (service, operation) = call.split_once('.').unwrap();
                    let service = match service {
                        "DynamoDB_20120810" => "dynamodb",
                        "AmazonSQS" => "sqs",
                        other => other,
                    };
                    // A batch is allowed by the operation's own name.
                    vec![format!("{service}:{}", operation.trim_end_matches("Batch"))]
                }
            };
            let allowed = template::allowed(&sections[function]);
            for action in needed {
                assert!(allowed.contains(&action), "{function} needs {action}, and its role does not allow it: {line}");
                seen += 1;
            }
        }
        assert!(seen > 10, "only {seen} calls are in the logs");
    }

    /// Kills whatever functions are running.
    pub fn kill_functions(&self) {
        self.signal_functions("-KILL");
    }

    fn signal_functions(&self, signal: &str) {
        let _ = Command::new("pkill").args([signal, "-P", &self.emulator.process().to_string()]).status();
    }
}

fn deploy(stack: &Emulator, secrets: &Emulator, door: &FrontDoor) -> Value {
    let output = Command::new(root().join(".tools/aws/bin/python"))
        .arg(root().join("tests/aws/deploy.py"))
        .args([&stack.url, STACK])
        .args([root().join("infra/template.yaml"), root().join("target/debug")])
        .args(["--set", &format!("AWS_ENDPOINT_URL_SECRETS_MANAGER={}", secrets.url)])
        .args(["--set", &format!("DESKWIRE_PUBLIC_URL={}", door.url)])
        .args(["--set", "DESKWIRE_ALLOW_LOOPBACK=1", "--set", "AWS_LAMBDA_LOG_FORMAT=JSON"])
        .args(["--set", "AWS_LAMBDA_LOG_LEVEL=TRACE", "--rate", "rate(1 minute)", "--runner-timeout", "30"])
        .output()
        .expect("./tests/run installs what deploys on an emulator");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    deskwire_core::json::from_slice(&output.stdout).unwrap()
}

fn count(states: &[Value]) -> HashMap<&str, usize> {
    states.iter().fold(HashMap::new(), |mut counts, run| {
        *counts.entry(run["state"].as_str().unwrap()).or_default() += 1;
        counts
    })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_signed_event_becomes_a_slack_message_and_nothing_secret_or_said_is_in_any_log() {
    let deployed = Deployed::with(POST_WORKFLOW).await;
    let marker = "marker-of-a-body";
    let body = String::from_utf8(status_changed("e1", 48213, 7)).unwrap().replace("\"NEW\"", &format!("\"{marker}\""));
    let accepted = deployed.send(Delivery::new(body.clone())).await.unwrap();
    assert_eq!((accepted.status, accepted.body["status"].as_str()), (202, Some("accepted")));
    let request = accepted.headers["x-request-id"].to_str().unwrap().to_owned();
    let repeat = deployed.send(Delivery::new(body)).await.unwrap();
    assert_eq!((repeat.status, repeat.body["status"].as_str()), (200, Some("repeat")));
    let unsigned = deployed.send(Delivery::signed_with("{}", deskwire_core::time::Timestamp::default(), "x")).await;
    assert_eq!(unsigned.unwrap().status, 401);
    let runs = deployed.runs_over(1).await;
    assert_eq!(count(&runs), HashMap::from([("succeeded", 1)]), "{runs:#?}\n{}", deployed.stack.logs());
    assert_eq!(deployed.outside.posts(), ["ticket 48213 number 7"]);
    // The commands of one's own machine see it all, by short references too.
    let id = runs[0]["id"].as_str().unwrap();
    let shown = deployed.project.json(&["runs", "show", &id[..20]]);
    assert_eq!(shown["run"]["state"].as_str().or(shown["state"].as_str()), Some("succeeded"), "{shown:#}");
    // One id from the first answer to the provider's call, and in the lines about it.
    assert_eq!(shown["event"]["requestid"], request.as_str(), "{shown:#}");
    assert_eq!(deployed.outside.requests_of("chat.postMessage"), [Some(request.clone())]);
    let logs = deployed.stack.logs();
    assert!(logs.contains("zendesk-webhook"), "there are logs: {logs}");
    let lines = logs.lines().filter_map(|line| deskwire_core::json::from_str::<Value>(&line[line.find('{')?..]).ok());
    let of_request: Vec<Value> = lines.filter(|line| line["request_id"] == request.as_str()).collect();
    for (field, value) in
        [("workflow", "post"), ("event", "e1"), ("run", id), ("connection", "slack"), ("outcome", "ok")]
    {
        assert!(of_request.iter().any(|line| line[field] == value), "no line says {field}: {logs}");
    }
    for secret in [SECRET, SLACK_TOKEN, ZENDESK_TOKEN, marker] {
        assert!(!logs.contains(secret), "{secret} is in the logs: {logs}");
    }
    deployed.stack.made_allowed_calls_only();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn functions_that_are_killed_again_and_again_lose_nothing_and_post_nothing_twice() {
    const EVENTS: usize = 30;
    const TICKETS: usize = 6;
    const KILLS: usize = 8;
    let seed = std::env::var("KILL_SEED").ok().and_then(|text| text.parse().ok()).unwrap_or(20_261_123);
    println!("KILL_SEED={seed}");
    let random = SeededRandom::new(seed);
    let deployed = Deployed::with(POST_WORKFLOW).await;
    let sending = async {
        for number in 0..EVENTS {
            let body = status_changed(&format!("kill-{number}"), number % TICKETS, number);
            // As a provider that insists.
            loop {
                match deployed.send(Delivery::new(body.clone())).await {
                    Ok(Answer { status: 200 | 202, .. }) => break,
                    _ => tokio::time::sleep(Duration::from_millis(50)).await,
                }
            }
        }
    };
    let killing = async {
        for _ in 0..KILLS {
            tokio::time::sleep(Duration::from_millis(150 + u64::try_from(random.bits() % 500).unwrap())).await;
            deployed.stack.kill_functions();
        }
    };
    tokio::join!(sending, killing);
    let runs = deployed.runs_over(EVENTS).await;
    assert_eq!(count(&runs), HashMap::from([("succeeded", EVENTS)]), "{runs:#?}");
    let posts: Vec<usize> =
        deployed.outside.posts().iter().map(|text| text.rsplit(' ').next().unwrap().parse().unwrap()).collect();
    let mut sorted = posts.clone();
    sorted.sort_unstable();
    assert_eq!(sorted, (0..EVENTS).collect::<Vec<_>>(), "each once");
    for ticket in 0..TICKETS {
        let of_one: Vec<_> = posts.iter().filter(|number| *number % TICKETS == ticket).collect();
        assert!(of_one.is_sorted(), "ticket {ticket} was out of order: {of_one:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn functions_that_are_told_to_end_hand_back_what_is_not_done() {
    let deployed = Deployed::with(POST_WORKFLOW).await;
    // Slack takes its time, so that the runner is told in the middle of the call.
    deployed
        .outside
        .fault(&json!({ "method": "chat.postMessage", "kind": "delay", "delay_ms": 8_000, "times": 1 }))
        .await;
    deployed.send(Delivery::new(status_changed("e1", 1, 1))).await.unwrap();
    wait_for("it is under way", || deployed.outside.posts().len() == 1).await;
    deployed.stack.signal_functions("-TERM");
    wait_for("it is handed back", || deployed.runs()[0]["state"] == "queued").await;
    let runs = deployed.runs_over(1).await;
    assert_eq!(count(&runs), HashMap::from([("succeeded", 1)]), "{runs:#?}\n{}", deployed.stack.logs());
    assert_eq!(deployed.outside.posts(), ["ticket 1 number 1"], "what was under way is found, and not made again");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_retry_waits_in_the_queue_and_its_lane_stays_in_order() {
    let deployed = Deployed::with(POST_WORKFLOW).await;
    // Slack is used up for a moment: the run comes back by itself.
    deployed
        .outside
        .fault(&json!({ "method": "chat.postMessage", "kind": "rate_limited", "retry_after": 2, "times": 1 }))
        .await;
    let accepted = deployed.send(Delivery::new(status_changed("e1", 1, 1))).await.unwrap();
    assert_eq!(accepted.status, 202);
    let behind = deployed.send(Delivery::new(status_changed("e2", 1, 2))).await.unwrap();
    assert_eq!(behind.status, 202);
    let runs = deployed.runs_over(2).await;
    assert_eq!(count(&runs), HashMap::from([("succeeded", 2)]), "{runs:#?}\n{}", deployed.stack.logs());
    assert_eq!(deployed.outside.posts(), ["ticket 1 number 1", "ticket 1 number 2"], "in order");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_the_queue_gives_up_is_a_dead_letter_of_the_history_and_can_be_replayed() {
    let deployed = Deployed::with(POST_WORKFLOW).await;
    deployed
        .outside
        .fault(&json!({ "method": "chat.postMessage", "kind": "rate_limited", "retry_after": 15, "times": 1 }))
        .await;
    deployed.send(Delivery::new(status_changed("e1", 1, 1))).await.unwrap();
    let state = |runs: &[Value]| runs[0]["state"].as_str().unwrap().to_owned();
    wait_for("it retries", || state(&deployed.runs()) == "retrying").await;
    let run = deployed.runs()[0]["id"].as_str().unwrap().to_owned();
    // As the queue does with a message that too many runners broke off on.
    let sqs = aws_sdk_sqs::Client::new(&deployed.stack.config());
    let dead_letters = deployed.stack.said["DeadLetterQueueUrl"].as_str().unwrap().replace("localhost", "127.0.0.1");
    let body = json!({ "run": run }).to_string();
    let sent = sqs.send_message().queue_url(&dead_letters).message_body(body).message_group_id("g");
    sent.message_deduplication_id("1").send().await.unwrap();
    // The schedule would call it within a minute.
    deployed.stack.invoke("scheduler").await;
    assert_eq!(state(&deployed.runs()), "dead");
    let why = deployed.runs()[0]["reason"].as_str().unwrap().to_owned();
    assert!(why.contains("the queue gave it up") && why.contains("deskwire runs replay"), "{why}");
    let replayed = deployed.project.run(&["runs", "replay", &run]);
    assert!(replayed.status.success(), "{}", String::from_utf8_lossy(&replayed.stderr));
    wait_for("the replay is over", || deployed.runs().iter().any(|run| run["state"] == "succeeded")).await;
    assert_eq!(deployed.outside.posts(), ["ticket 1 number 1"]);
    deployed.stack.made_allowed_calls_only();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_deployment_ticks_before_anything_is_in_force_and_follows_what_is_applied() {
    let outside = Outside::start().await;
    let project = Project::new(&outside.url).with_workflow("workflow.yaml", POST_WORKFLOW);
    let deployed = Deployed::bare(outside, project).await;
    assert_eq!(deployed.stack.invoke("scheduler").await["started"], 0);
    assert_eq!(deployed.stack.invoke("token-refresh").await["renewed"], 0);
    assert_eq!(deployed.stack.invoke("workflow-runner").await["batchItemFailures"], json!([]));
    let logs = deployed.stack.logs();
    assert!(logs.contains("nothing has been put in force here yet: run `deskwire apply --target aws`"), "{logs}");
    // At once, while the runner that has started before knows of no connection.
    deployed.put_in_force(&[]);
    assert_eq!(deployed.send(Delivery::new(status_changed("e1", 1, 1))).await.unwrap().status, 202);
    let runs = deployed.runs_over(1).await;
    assert_eq!(count(&runs), HashMap::from([("succeeded", 1)]), "{runs:#?}\n{}", deployed.stack.logs());
    assert_eq!(deployed.outside.posts(), ["ticket 1 number 1"]);
}

#[tokio::test]
async fn secrets_that_functions_cannot_reach_are_named_and_nothing_is_put_in_force() {
    let emulator = Emulator::start().await;
    let variables = emulated::resources(&emulator).await;
    let project = Project::new("http://127.0.0.1:9").with_workflow("workflow.yaml", POST_WORKFLOW);
    let project = emulated::on(&variables, project);
    for command in ["plan", "apply"] {
        let output = project.run(&[command, "--allow-loopback"]);
        assert_eq!(output.status.code(), Some(1), "{command}");
        let said = String::from_utf8(output.stderr).unwrap();
        for (user, variable) in [
            ("source zendesk", "ZENDESK_SIGNING_SECRET"),
            ("connection slack", "SLACK_BOT_TOKEN"),
            ("connection zendesk", "ZENDESK_API_TOKEN"),
        ] {
            let line =
                format!("{user}: its secret is in environment variable {variable}, which functions on AWS do not");
            assert!(said.contains(&line), "{said}");
        }
        assert!(said.contains("`deskwire secrets set NAME --target aws:STACK`"), "{said}");
    }
    assert_eq!(project.json(&["workflows", "list"])[0]["state"], "not applied yet");
}

#[test]
fn without_settings_of_aws_a_command_says_what_is_missing_and_what_to_do() {
    let project = Project::new("http://127.0.0.1:9").with_workflow("post.yaml", POST_WORKFLOW);
    let home = tempfile::tempdir().unwrap();
    let said = |project: &Project, region: &str| {
        let mut command = project.command(&["runs", "list", "--target", "aws:trial"]);
        for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("AWS_")) {
            command.env_remove(name);
        }
        // A machine of nobody's: no files of AWS's, and not one of AWS's machines.
        let output = command
            .env("HOME", home.path())
            .env("AWS_EC2_METADATA_DISABLED", "true")
            .env("AWS_REGION", region)
            .output();
        let output = output.unwrap();
        assert!(!output.status.success());
        String::from_utf8(output.stderr).unwrap()
    };
    let region = said(&project, "");
    assert!(region.contains("region") && region.contains("AWS_REGION"), "{region}");
    let credentials = said(&project, "eu-central-1");
    assert!(credentials.contains("credentials") && credentials.contains("aws configure"), "{credentials}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_webhook_is_made_at_zendesk_and_the_functions_follow_its_secret_and_each_one_after_it() {
    let deployed = Deployed::with(POST_WORKFLOW).await;
    let provision = |more: &[&str]| {
        let all = ["sources", "provision", "zendesk", "--allow-loopback", "--public-url", "https://relay.example.com"];
        deployed.project.json(&[&all, more].concat())
    };
    let secret_of = async |id: &str| {
        let url = format!("{}/zendesk/api/v2/webhooks/{id}/signing_secret", deployed.outside.url);
        let asked = client().get(url).basic_auth(format!("{ZENDESK_USER}/token"), Some(ZENDESK_TOKEN));
        let answer: Value = asked.send().await.unwrap().json().await.unwrap();
        answer["signing_secret"]["secret"].as_str().unwrap().to_owned()
    };
    let now = deskwire_core::time::Clock::now(&deskwire_core::time::SystemClock);
    let delivered = async |id: &str, secret: &str| {
        deployed.send(Delivery::signed_with(status_changed(id, 1, 1), now, secret)).await.unwrap().status
    };
    assert_eq!(delivered("e0", SECRET).await, 202);
    let made = provision(&[]);
    assert_eq!((&made["done"], &made["events"]), (&json!("created"), &json!(["ticket.status_changed"])));
    let first = secret_of(made["ids"][0].as_str().unwrap()).await;
    follows("the new secret counts", async |number| delivered(&format!("first-{number}"), &first).await != 401).await;
    assert_eq!(provision(&["--new-secret"])["ids"], made["ids"]);
    let second = secret_of(made["ids"][0].as_str().unwrap()).await;
    assert_ne!(first, second);
    follows("the one after it counts", async |number| delivered(&format!("second-{number}"), &second).await != 401)
        .await;
    assert_ne!(delivered("late", &first).await, 401, "what was under way still counts");
    // And without a grace: the old ones end at once.
    let set = deployed.project.run_with(&["secrets", "set", "zendesk-signing-secret"], "marker-third");
    assert!(set.status.success(), "{}", String::from_utf8_lossy(&set.stderr));
    follows("the last one counts", async |number| delivered(&format!("third-{number}"), "marker-third").await != 401)
        .await;
    follows("the one before it ends", async |number| delivered(&format!("old-{number}"), &second).await == 401).await;
    let logs = deployed.stack.logs();
    assert!(!logs.contains(&first) && !logs.contains(&second) && !logs.contains("marker-third"));
}

/// Waits until the functions have taken something over. Each try has a number of its own.
async fn follows(what: &str, mut holds: impl AsyncFnMut(usize) -> bool) {
    for number in 0..300 {
        if holds(number).await {
            return;
        }
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    panic!("waited in vain: {what}");
}

/// An OAuth server that nobody here wrote, an API behind it, and a deployment that is to use them.
async fn with_oauth() -> (Oidc, Api, Deployed) {
    let (oidc, api, outside) = (Oidc::start(), Api::default(), Outside::start().await);
    let project = oauth::project(&outside, &oidc, &api.start().await);
    let deployed = Deployed::bare(outside, project).await;
    // The function where connections are connected starts before anybody has applied this one, and hears of it at once.
    let unknown = client().get(format!("{}/oauth/start/api", deployed.stack.door.url)).send().await.unwrap();
    assert_eq!(unknown.status(), 403);
    deployed.put_in_force(&[("desk-secret", "oidc-client-secret")]);
    // It tells commands where the deployment is reached; the schedule would call it within a minute.
    deployed.stack.invoke("token-refresh").await;
    (oidc, api, deployed)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_connection_is_connected_in_a_browser_and_renewed_on_schedule_and_its_runs_go_on() {
    let (oidc, api, deployed) = with_oauth().await;
    let accepted = deployed.send(Delivery::new(status_changed("e1", 1, 1))).await.unwrap();
    assert_eq!(accepted.status, 202);
    wait_for("it waits for its connection", || deployed.runs().iter().any(|run| run["state"] == "waiting")).await;
    let why = deployed.runs()[0]["reason"].as_str().unwrap().to_owned();
    assert!(why.contains("has never been connected: `deskwire connections connect api`"), "{why}");
    let connected = oauth::connect(&deployed.project).await;
    assert_eq!(connected["tokens"]["standing"], "connected");
    deployed.stack.invoke("token-refresh").await;
    wait_for("the run goes on", || deployed.outside.posts() == ["ticket 1: there"]).await;
    let before = api.shown();

    // Nobody calls anything: the schedule does.
    let store = deployed.stack.store();
    oauth::let_it_end(&store, true).await;
    for _ in 0..600 {
        if oauth::token_state(&store).await.version == 2 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    assert_eq!(oidc.count("refreshed").await, 1, "{}", deployed.stack.logs());
    deployed.send(Delivery::new(status_changed("e2", 2, 2))).await.unwrap();
    wait_for("the new token is used", || deployed.outside.posts().len() == 2).await;
    let shown = api.shown();
    assert!(shown.len() == 2 && shown[..1] == before && shown[1] != shown[0], "two tokens were shown");
    let logs = deployed.stack.logs();
    for secret in shown.iter().map(|token| token.trim_start_matches("Bearer ")).chain(["oidc-client-secret"]) {
        assert!(!logs.contains(secret), "a secret is in the logs: {logs}");
    }
    deployed.stack.made_allowed_calls_only();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn fifty_processes_two_hundred_tasks_and_the_functions_that_find_a_token_ended_renew_it_once() {
    let (oidc, api, deployed) = with_oauth().await;
    oauth::connect(&deployed.project).await;
    let store = deployed.stack.store();
    oauth::let_it_end(&store, true).await;
    let functions = async {
        for number in 0..5 {
            deployed.send(Delivery::new(status_changed(&format!("e{number}"), number, number))).await.unwrap();
        }
        deployed.stack.invoke("token-refresh").await;
    };
    tokio::join!(oauth::many_want_it(&deployed.project, Place::Shared(Arc::new(store.clone()))), functions);
    deployed.runs_over(5).await;
    assert_eq!(deployed.outside.posts().len(), 5);
    assert_eq!(oidc.count("refreshed").await, 1);
    assert_eq!(oidc.count("refused").await, 0, "no token was shown twice");
    assert_eq!(oauth::token_state(&store).await.standing, Standing::Connected);
    let mut tokens = api.shown();
    tokens.dedup();
    assert_eq!(tokens.len(), 1, "all calls were made with the new one");
}

async fn wait_for(what: &str, happened: impl Fn() -> bool) {
    for _ in 0..750 {
        if happened() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    panic!("waited in vain: {what}");
}
