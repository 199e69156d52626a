//! Functions without a deployment: the resources of one on an emulator, a project in force there, and the events that Lambda
//! would hand on.

use deskwire_aws::testing::Emulator;
use serde_json::{Value, json};

use crate::harness::{Delivery, POST_WORKFLOW, Project, SECRET};
use crate::outside::{Outside, SLACK_TOKEN, ZENDESK_TOKEN};

const STACK: &str = "relay";

/// A table and a queue, and the variables that a function's process gets to know them.
pub async fn resources(emulator: &Emulator) -> Vec<(String, String)> {
    let config = emulator.config();
    deskwire_aws::create_table(&aws_sdk_dynamodb::Client::new(&config), STACK).await.unwrap();
    let queue = aws_sdk_sqs::Client::new(&config)
        .create_queue()
        .queue_name(format!("{STACK}-runs.fifo"))
        .attributes(aws_sdk_sqs::types::QueueAttributeName::FifoQueue, "true")
        .send();
    let queue = queue.await.unwrap().queue_url.unwrap();
    [
        ("AWS_ENDPOINT_URL", emulator.url.as_str()),
        ("AWS_ACCESS_KEY_ID", "test"),
        ("AWS_SECRET_ACCESS_KEY", "test"),
        ("AWS_REGION", "us-east-1"),
        ("DESKWIRE_TABLE", STACK),
        ("DESKWIRE_QUEUE_URL", &queue),
        ("DESKWIRE_SECRET_PREFIX", STACK),
        ("DESKWIRE_PUBLIC_URL", "https://relay.example.com"),
        ("DESKWIRE_ALLOW_LOOPBACK", "1"),
    ]
    .map(|(name, value)| (name.to_owned(), value.to_owned()))
    .to_vec()
}

/// The same project, whose commands work on these resources.
pub fn on(variables: &[(String, String)], mut project: Project) -> Project {
    project.environment.extend_from_slice(variables);
    project.environment.push(("DESKWIRE_TARGET".to_owned(), format!("aws:{STACK}")));
    project
}

/// A table, a queue, and a project in force; with it, the variables that a function's process gets.
pub async fn deploy(emulator: &Emulator, outside: &Outside) -> (Project, Vec<(String, String)>) {
    let variables = resources(emulator).await;
    let mut project = Project::new(&outside.url).with_stored_secrets().with_workflow("post.yaml", POST_WORKFLOW);
    project.environment.clear();
    let project = on(&variables, project);
    let applied = project.run(&["apply", "--allow-loopback"]);
    assert!(applied.status.success(), "{}", String::from_utf8_lossy(&applied.stderr));
    for (name, value) in
        [("zendesk-signing-secret", SECRET), ("slack-bot-token", SLACK_TOKEN), ("zendesk-api-token", ZENDESK_TOKEN)]
    {
        let stored = project.run_with(&["secrets", "set", name], value);
        assert!(stored.status.success(), "{}", String::from_utf8_lossy(&stored.stderr));
    }
    (project, variables)
}

/// What an HTTP API hands on.
pub fn request(method: &str, path: &str, delivery: Option<Delivery>) -> Value {
    let mut event: Value =
        deskwire_core::json::from_str(include_str!("../../events/lambda/http-webhook.json")).unwrap();
    event["rawPath"] = json!(path);
    event["requestContext"]["http"]["method"] = json!(method);
    event["requestContext"]["http"]["path"] = json!(path);
    let delivery = delivery.unwrap_or(Delivery { body: Vec::new(), headers: Vec::new() });
    event["headers"] = delivery.headers.into_iter().map(|(name, value)| (name.to_owned(), json!(value))).collect();
    event["body"] = json!(String::from_utf8(delivery.body).unwrap());
    event
}

/// What the queue hands on about a run.
pub fn told_of(run: &Value) -> Value {
    let mut batch: Value = deskwire_core::json::from_str(include_str!("../../events/lambda/sqs-batch.json")).unwrap();
    batch["Records"][0]["body"] = json!(json!({ "run": run }).to_string());
    batch["Records"].as_array_mut().unwrap().truncate(1);
    batch
}
