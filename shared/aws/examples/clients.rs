//! What each client of AWS takes to begin with: how long until it is made, how long its first call takes, and what it adds to
//! memory. `cargo bench --profile dev -p deskwire --features aws --bench cold` runs it against an emulator; it prints one JSON object per
//! step.
#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs, reason = "a measurement may panic")]

use std::time::Instant;

fn resident_kib() -> usize {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    line.and_then(|line| line.split_whitespace().next()?.parse().ok()).unwrap_or(0)
}

fn tell(step: &str, began: Instant) {
    let micros = began.elapsed().as_micros();
    println!("{}", serde_json::json!({ "step": step, "micros": micros, "resident_kib": resident_kib() }));
}

#[tokio::main]
async fn main() {
    tell("nothing", Instant::now());
    let began = Instant::now();
    let config = aws_config::from_env().load().await;
    tell("configuration", began);
    let began = Instant::now();
    let dynamo = aws_sdk_dynamodb::Client::new(&config);
    tell("DynamoDB, made", began);
    let began = Instant::now();
    dynamo.list_tables().send().await.expect("the emulator answers");
    tell("DynamoDB, first call", began);
    let began = Instant::now();
    dynamo.list_tables().send().await.expect("the emulator answers");
    tell("DynamoDB, second call", began);
    let began = Instant::now();
    let sqs = aws_sdk_sqs::Client::new(&config);
    tell("SQS, made", began);
    let began = Instant::now();
    sqs.list_queues().send().await.expect("the emulator answers");
    tell("SQS, first call", began);
    let began = Instant::now();
    let secrets = aws_sdk_secretsmanager::Client::new(&config);
    tell("Secrets Manager, made", began);
    let began = Instant::now();
    secrets.list_secrets().send().await.expect("the emulator answers");
    tell("Secrets Manager, first call", began);
}
