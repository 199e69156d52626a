//! How the functions start and what they weigh: `cargo bench --profile dev -p deskwire --features aws --bench cold`.
//!
//! Builds them as they are deployed, then starts each one again and again under a Runtime API of its own, in turn with a
//! function that does nothing, on an emulator that has a project deployed. It reports the time from the process's start to
//! its first question for work, what is left of it without making AWS's clients and waiting for AWS, the size of the stripped
//! binary, and the resident memory then and after some work. What each client of AWS takes is measured apart. It asserts no
//! time.
//!
//! `COLD_STARTS` (30) and `COLD_EVENTS` (100) change the size.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::disallowed_methods,
    dead_code,
    missing_docs,
    reason = "a benchmark may panic and reads its own environment; the stories' helpers are more than it needs"
)]

#[path = "../stories/emulated.rs"]
mod emulated;
#[path = "../stories/harness.rs"]
mod harness;
#[path = "../stories/outside.rs"]
mod outside;
mod runtime_api;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use deskwire_aws::testing::Emulator;
use emulated::{deploy, request, told_of};
use harness::{Delivery, Project, status_changed};
use outside::Outside;
use runtime_api::RuntimeApi;
use serde_json::{Value, json};

/// The one that does nothing first: the others are held against it.
const FUNCTIONS: [&str; 8] =
    ["empty", "zendesk-webhook", "qualtrics-webhook", "oauth", "token-refresh", "workflow-runner", "scheduler", "api"];

fn size(name: &str, default: usize) -> usize {
    std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(default)
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

/// Builds the functions as they are deployed, and answers with their folder.
fn build() -> PathBuf {
    // One by one, as they are deployed: what one of them needs would be built into the others, too.
    let builds = FUNCTIONS.iter().skip(1).map(|name| vec!["-p", *name, "--bins"]);
    let measures = [vec!["-p", "scheduler", "--example", "empty"], vec!["-p", "deskwire-aws", "--example", "clients"]];
    for arguments in builds.chain(measures) {
        let mut command = Command::new(env!("CARGO"));
        command.args(["build", "--release", "--config", "functions/.cargo/config.toml"]).args(arguments);
        assert!(command.current_dir(root()).status().unwrap().success(), "the functions are built");
    }
    let target = std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root().join("target"), PathBuf::from);
    target.join("release")
}

/// What one function came to.
#[derive(Default)]
struct Measured {
    starts: Vec<Duration>,
    without_aws: Vec<Duration>,
    calls: u64,
    resident_kib: usize,
    peak_kib: usize,
    warm: Vec<Duration>,
}

fn main() {
    let folder = build();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    runtime.block_on(measure(&folder));
}

async fn measure(folder: &Path) {
    let (starts, events) = (size("COLD_STARTS", 30), size("COLD_EVENTS", 100));
    let (emulator, outside, api) = (Emulator::start().await, Outside::start().await, RuntimeApi::start().await);
    let (project, variables) = deploy(&emulator, &outside).await;
    let mut measured: BTreeMap<&str, Measured> = BTreeMap::new();
    for _ in 0..starts {
        for name in FUNCTIONS {
            let function = api.run(&binary(folder, name), &variables).await;
            let found = measured.entry(name).or_default();
            found.starts.push(function.started);
            found.without_aws.push(function.started.saturating_sub(function.of_aws.time));
            found.calls = function.of_aws.calls;
            found.resident_kib = found.resident_kib.max(function.memory_kib().0);
        }
    }
    // What the webhook takes in is what the runner works off.
    for name in FUNCTIONS {
        let function = api.run(&binary(folder, name), &variables).await;
        let found = measured.entry(name).or_default();
        for event in events_for(name, events, &project) {
            let answer = function.handle(event).await;
            assert!(answer.body.get("errorMessage").is_none(), "{name}: {:#}", answer.body);
            assert!(answer.body.get("statusCode").is_none_or(|status| status != 500), "{name}: {:#}", answer.body);
            found.warm.push(answer.took);
        }
        found.peak_kib = function.memory_kib().1;
    }
    assert_eq!(outside.posts().len(), events, "what was taken in was worked off");
    report(&measured, folder, starts, events);
    clients(folder, &variables, starts);
}

fn binary(folder: &Path, name: &str) -> PathBuf {
    let examples = ["empty", "clients"];
    if examples.contains(&name) { folder.join("examples").join(name) } else { folder.join(name) }
}

/// What a function is given to do.
fn events_for(name: &str, count: usize, project: &Project) -> Vec<Value> {
    let all = 0..count;
    match name {
        "zendesk-webhook" => {
            let delivery = |number| Delivery::new(status_changed(&format!("cold-{number}"), number, number));
            all.map(|number| request("POST", "/webhooks/zendesk/zendesk", Some(delivery(number)))).collect()
        }
        "qualtrics-webhook" => all.map(|_| request("POST", "/webhooks/qualtrics/none", None)).collect(),
        "oauth" => all.map(|_| request("GET", "/oauth/start/none", None)).collect(),
        "api" => all.map(|_| request("GET", "/api/v1/openapi.json", None)).collect(),
        "workflow-runner" => {
            let runs = project.json(&["runs", "list", "--limit", "100000"]);
            runs.as_array().unwrap().iter().map(|run| told_of(&run["id"])).collect()
        }
        _ => all.map(|_| json!({})).collect(),
    }
}

fn whole(count: usize) -> f64 {
    u32::try_from(count).map_or(f64::INFINITY, f64::from)
}

fn median(times: &[Duration]) -> f64 {
    let mut sorted = times.to_vec();
    sorted.sort_unstable();
    sorted.get(sorted.len() / 2).map_or(0.0, |time| time.as_secs_f64() * 1000.0)
}

fn report(measured: &BTreeMap<&str, Measured>, folder: &Path, starts: usize, events: usize) {
    let empty = median(&measured["empty"].starts);
    println!("{starts} starts each, in turn; {events} events each, one after another");
    println!(
        "                       size     start  calls  x empty  without AWS  x empty  resident  peak after  an event"
    );
    for name in FUNCTIONS {
        let found = &measured[name];
        let bytes = std::fs::metadata(binary(folder, name)).unwrap().len();
        let (whole_start, without_aws) = (median(&found.starts), median(&found.without_aws));
        println!(
            "{name:<18} {:>5.1} MB  {whole_start:>5.2} ms  {:>5}  {:>7.2}  {without_aws:>8.2} ms  {:>7.2}  {:>4.1} MiB  {:>6.1} MiB  {:>5.2} ms",
            whole(usize::try_from(bytes).unwrap()) / 1e6,
            found.calls,
            whole_start / empty,
            without_aws / empty,
            whole(found.resident_kib) / 1024.0,
            whole(found.peak_kib) / 1024.0,
            median(&found.warm),
        );
    }
}

/// What each client of AWS adds, by its own account.
fn clients(folder: &Path, variables: &[(String, String)], starts: usize) {
    let mut steps: Vec<(String, Vec<Duration>, usize)> = Vec::new();
    for _ in 0..starts {
        let mut command = Command::new(binary(folder, "clients"));
        command.env_clear().envs(variables.iter().map(|(name, value)| (name, value))).stderr(Stdio::inherit());
        let said = String::from_utf8(command.output().unwrap().stdout).unwrap();
        for (place, line) in said.lines().enumerate() {
            let step: Value = deskwire_core::json::from_str(line).unwrap();
            if steps.len() <= place {
                steps.push((step["step"].as_str().unwrap().to_owned(), Vec::new(), 0));
            }
            steps[place].1.push(Duration::from_micros(step["micros"].as_u64().unwrap()));
            steps[place].2 = steps[place].2.max(usize::try_from(step["resident_kib"].as_u64().unwrap()).unwrap());
        }
    }
    println!("\nThe clients of AWS, one after another in one process:");
    for (step, times, resident) in steps {
        println!("{step:<28} {:>7.2} ms   {:>5.1} MiB resident", median(&times), whole(resident) / 1024.0);
    }
}
