//! The load benchmark: `cargo bench -p deskwire --bench load`.
//!
//! 5,000 signed events over 500 tickets from 32 senders, through `deskwire serve` with a synced store, to a Slack stand-in
//! without latency in a process of its own. It reports acknowledgement times, deliveries per second and memory, and it
//! fails if an event was lost, delivered twice, or out of its ticket's order. It asserts no time.
//!
//! Three processes share the machine: this one sends, `deskwire serve` works, and a second copy of this one is the sink.
//! `LOAD_EVENTS`, `LOAD_TICKETS` and `LOAD_SENDERS` change the size.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::disallowed_methods,
    missing_docs,
    reason = "a benchmark may panic and reads its own environment"
)]

mod sink;

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use deskwire_core::provider::provider;
use deskwire_core::signature::sign;
use deskwire_core::time::{Clock, SystemClock};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

const SECRET: &str = "load-signing-secret";

fn size(name: &str, default: usize) -> usize {
    std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(default)
}

fn main() {
    if std::env::args().nth(1).as_deref() == Some("sink") {
        return sink::run();
    }
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(measure());
}

struct Killed(Child);

impl Drop for Killed {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Starts a process that prints `listening on http://ADDR` and answers with its address.
fn start(command: &mut Command) -> (Killed, String) {
    let mut child = command.stdout(Stdio::piped()).spawn().expect("the process starts");
    let mut line = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
    let address = line.trim().strip_prefix("listening on http://").expect("it listens").to_owned();
    (Killed(child), address)
}

async fn measure() {
    let (events, tickets, senders) = (size("LOAD_EVENTS", 5_000), size("LOAD_TICKETS", 500), size("LOAD_SENDERS", 32));
    let folder = tempfile::tempdir().unwrap();
    let (_sink, sink_address) = start(Command::new(std::env::current_exe().unwrap()).arg("sink"));
    write_project(folder.path(), &sink_address);
    let (server, address) = start(
        Command::new(env!("CARGO_BIN_EXE_deskwire"))
            .args(["serve", "--allow-loopback", "--listen", "127.0.0.1:0", "--project"])
            .arg(folder.path())
            .arg("--data")
            .arg(folder.path().join("data"))
            .env("ZENDESK_SIGNING_SECRET", SECRET)
            .env("SLACK_BOT_TOKEN", "xoxb-load")
            .stderr(Stdio::null()),
    );

    let requests = prepare(events, tickets, senders);
    let began = Instant::now();
    let tasks: Vec<_> = requests.into_iter().map(|own| tokio::spawn(send(address.clone(), own))).collect();
    let mut latencies = Vec::with_capacity(events);
    for task in tasks {
        latencies.extend(task.await.unwrap());
    }
    let acknowledged = began.elapsed();
    let delivered = wait_for_delivery(&sink_address, events).await;
    let everything = began.elapsed();

    let memory = memory_kib(server.0.id());
    let posts = sink::report(&sink_address).await;
    let problems = judge(&posts, events, tickets);
    latencies.sort_unstable();
    let at = |per_mille: usize| latencies[(latencies.len() - 1) * per_mille / 1000].as_secs_f64() * 1000.0;
    println!("events {events}, tickets {tickets}, senders {senders}, delivered {delivered}");
    println!(
        "acknowledged   {:>8.0} /s   median {:.2} ms   p95 {:.2} ms   p99 {:.2} ms   max {:.2} ms",
        whole(events) / acknowledged.as_secs_f64(),
        at(500),
        at(950),
        at(990),
        at(1000)
    );
    println!(
        "delivered      {:>8.0} /s   (from the first send to the last post: {:.2} s)",
        whole(events) / everything.as_secs_f64(),
        everything.as_secs_f64()
    );
    println!(
        "server memory  {:>8.1} MiB resident, {:.1} MiB at its peak",
        whole(memory.0) / 1024.0,
        whole(memory.1) / 1024.0
    );
    println!("lost {}, twice {}, out of order {}", problems.lost, problems.twice, problems.disorder);
    assert_eq!((problems.lost, problems.twice, problems.disorder), (0, 0, 0), "the promises do not hold under load");
}

fn write_project(folder: &std::path::Path, sink: &str) {
    let project = format!(
        "sources:\n  zendesk: {{ provider: zendesk, signing_secrets: [{{ env: ZENDESK_SIGNING_SECRET }}], tolerance: 1h }}\n\
         connections:\n  slack: {{ provider: slack, auth: {{ type: bearer, token: {{ env: SLACK_BOT_TOKEN }} }}, \
         allowed_domain: slack.com, base_url: \"http://{sink}/api/\" }}\n"
    );
    let workflow = "name: load\nactive: true\ntrigger:\n  source: zendesk\n  event: ticket.status_changed\n  when: event.data.event.current is not none\n\
                    steps:\n  - id: post\n    action: slack.post_message\n    connection: slack\n    with:\n      channel: C0LOAD\n\
                    \x20     message: \"{{ event.data.detail.id }} {{ event.data.event.number }}\"\n";
    std::fs::create_dir_all(folder.join("workflows")).unwrap();
    std::fs::write(folder.join("deskwire.yaml"), project).unwrap();
    std::fs::write(folder.join("workflows/load.yaml"), workflow).unwrap();
}

/// The requests of each sender. A ticket belongs to one sender, which sends its events in order, as a provider's queue
/// per ticket would.
fn prepare(events: usize, tickets: usize, senders: usize) -> Vec<Vec<Vec<u8>>> {
    let scheme = provider("zendesk").unwrap().scheme("webhook").unwrap();
    let stamp = SystemClock.now().to_string();
    let mut requests = vec![Vec::new(); senders];
    for number in 0..events {
        let ticket = number % tickets;
        let body = format!(
            r#"{{"type":"zen:event-type:ticket.status_changed","account_id":22129001,"id":"load-{number:08}","time":"{stamp}","zendesk_event_version":"2022-11-06","subject":"zen:ticket:{ticket}","detail":{{"actor_id":"1500003000007","assignee_id":"1500003000007","brand_id":"360002256001","created_at":"2026-02-03T08:15:41Z","custom_status":"12480498776002","description":"The printer on floor 3 smokes, and it does so whenever somebody prints in colour.","external_id":null,"form_id":"360000389001","group_id":"360004077001","id":"{ticket}","is_public":true,"organization_id":"360363695001","priority":"NORMAL","requester_id":"1500002981301","status":"OPEN","subject":"Printer smokes","submitter_id":"1500002981301","tags":["printer","floor-3"],"type":"INCIDENT","updated_at":"2026-02-03T08:17:04Z","via":{{"channel":"mail"}}}},"event":{{"current":"OPEN","previous":"NEW","number":{number}}}}}"#
        );
        let signature = sign(scheme, SECRET, &stamp, body.as_bytes());
        let request = format!(
            "POST /webhooks/zendesk/zendesk HTTP/1.1\r\nhost: load\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\
             x-zendesk-webhook-signature: {signature}\r\nx-zendesk-webhook-signature-timestamp: {stamp}\r\n\r\n{body}",
            body.len()
        );
        requests[ticket % senders].push(request.into_bytes());
    }
    requests
}

async fn send(address: String, requests: Vec<Vec<u8>>) -> Vec<Duration> {
    let mut stream = TcpStream::connect(&address).await.unwrap();
    stream.set_nodelay(true).unwrap();
    let mut answer = vec![0; 4096];
    let mut latencies = Vec::with_capacity(requests.len());
    for request in requests {
        let began = Instant::now();
        stream.write_all(&request).await.unwrap();
        let mut read = 0;
        // An answer is small: its head and body come in one or two reads, and its body is one JSON object.
        while !answer[..read].ends_with(b"}") {
            let more = stream.read(&mut answer[read..]).await.unwrap();
            assert!(more > 0, "the server closed the connection");
            read += more;
        }
        latencies.push(began.elapsed());
        assert!(answer.starts_with(b"HTTP/1.1 202"), "{}", String::from_utf8_lossy(&answer[..read]));
    }
    latencies
}

/// Waits until the sink has everything, or nothing more came for ten seconds.
async fn wait_for_delivery(sink: &str, expected: usize) -> usize {
    let (mut last, mut since) = (0, Instant::now());
    loop {
        let count = sink::count(sink).await;
        if count >= expected || since.elapsed() > Duration::from_secs(10) {
            return count;
        }
        if count > last {
            (last, since) = (count, Instant::now());
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

#[derive(Default)]
struct Problems {
    lost: usize,
    twice: usize,
    disorder: usize,
}

fn judge(posts: &[(usize, usize)], events: usize, tickets: usize) -> Problems {
    let mut seen = vec![0; events];
    let mut last: Vec<Option<usize>> = vec![None; tickets];
    let mut problems = Problems::default();
    for (ticket, number) in posts {
        seen[*number] += 1;
        if last[*ticket].is_some_and(|last| last > *number) {
            problems.disorder += 1;
        }
        last[*ticket] = Some(*number);
    }
    problems.lost = seen.iter().filter(|count| **count == 0).count();
    problems.twice = seen.iter().filter(|count| **count > 1).count();
    problems
}

/// A count for arithmetic with fractions. Nothing counted here comes near 2^32.
fn whole(count: usize) -> f64 {
    f64::from(u32::try_from(count).unwrap())
}

/// Resident memory now and at its peak, in KiB (`/proc/PID/status`).
fn memory_kib(process: u32) -> (usize, usize) {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).unwrap_or_default();
    let field = |name: &str| {
        let line = status.lines().find_map(|line| line.strip_prefix(name))?;
        line.split_whitespace().next()?.parse().ok()
    };
    (field("VmRSS:").unwrap_or(0), field("VmHWM:").unwrap_or(0))
}
