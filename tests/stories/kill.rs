//! The server is killed again and again while events flow, and nobody notices.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use deskwire_core::random::{Random, SeededRandom};
use tokio::sync::Mutex;

use crate::harness::{Delivery, POST_WORKFLOW, Project, all_runs_over, client, status_changed};
use crate::outside::Outside;

const EVENTS: usize = 2_000;
const TICKETS: usize = 100;
const SENDERS: usize = 8;
const KILLS: usize = 22;

/// Sends one event as a provider that insists: again until it is taken.
async fn insist(client: &reqwest::Client, address: &Mutex<String>, number: usize) {
    loop {
        let delivery = Delivery::new(status_changed(&format!("kill-{number:05}"), number % TICKETS, number));
        let url = format!("http://{}/webhooks/zendesk/zendesk", address.lock().await);
        let mut request = client.post(url).body(delivery.body).timeout(Duration::from_secs(5));
        for (name, value) in delivery.headers {
            request = request.header(name, value);
        }
        match request.send().await.map(|response| response.status().as_u16()) {
            Ok(200 | 202) => return,
            Ok(503) | Err(_) => tokio::time::sleep(Duration::from_millis(5)).await,
            Ok(other) => panic!("event {number} was answered {other}"),
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_is_killed_twenty_two_times_loses_nothing_and_posts_nothing_twice() {
    let seed = std::env::var("KILL_SEED").ok().and_then(|text| text.parse().ok()).unwrap_or(20_261_123);
    println!("KILL_SEED={seed}");
    let random = SeededRandom::new(seed);
    let outside = Outside::start().await;
    let project = Project::new(&outside.url).with_workflow("post.yaml", POST_WORKFLOW);
    let serve = || project.serve_with(&["--concurrency", "8"]);

    let mut server = serve();
    let address = Arc::new(Mutex::new(server.address.clone()));
    let finished = Arc::new(AtomicBool::new(false));
    let senders: Vec<_> = (0..SENDERS)
        .map(|sender| {
            let address = Arc::clone(&address);
            tokio::spawn(async move {
                let client = client();
                // A ticket belongs to one sender, so its events are sent in order.
                for number in (0..EVENTS).filter(|number| (number % TICKETS) % SENDERS == sender) {
                    insist(&client, &address, number).await;
                    // So that events are still flowing at the last kill: about 250 of these per sender.
                    tokio::time::sleep(Duration::from_millis(30)).await;
                }
            })
        })
        .collect();
    let all_sent = tokio::spawn({
        let finished = Arc::clone(&finished);
        async move {
            for sender in senders {
                sender.await.unwrap();
            }
            finished.store(true, Ordering::SeqCst);
        }
    });

    let (mut kills, mut while_sending) = (0, 0);
    while kills < KILLS || !finished.load(Ordering::SeqCst) {
        // Between 20 and 320 ms: in the middle of starting, of accepting, of posting.
        tokio::time::sleep(Duration::from_millis(20 + u64::try_from(random.bits() % 300).unwrap())).await;
        if kills >= KILLS {
            continue;
        }
        server.kill();
        kills += 1;
        while_sending += usize::from(!finished.load(Ordering::SeqCst));
        server = serve();
        address.lock().await.clone_from(&server.address);
    }
    all_sent.await.unwrap();
    println!("{kills} kills, {while_sending} of them while events were sent");
    assert!(while_sending >= 20, "only {while_sending} kills came while events were sent; the senders are too quick");
    let runs = all_runs_over(&project).await;
    let states: HashMap<&str, usize> = runs.iter().fold(HashMap::new(), |mut counts, run| {
        *counts.entry(run["state"].as_str().unwrap()).or_default() += 1;
        counts
    });
    assert_eq!(states, HashMap::from([("succeeded", EVENTS)]));

    let resumed = runs.iter().filter(|run| run["deliveries"].as_u64().unwrap() > 1).count();
    println!("{resumed} runs were under way when the server was killed");
    assert!(resumed > 0, "no kill hit a run under way, so nothing was proven");

    let posts: Vec<usize> =
        outside.posts().iter().map(|text| text.rsplit(' ').next().unwrap().parse().unwrap()).collect();
    let mut times = vec![0; EVENTS];
    for number in &posts {
        times[*number] += 1;
    }
    let lost: Vec<usize> = (0..EVENTS).filter(|number| times[*number] == 0).collect();
    let twice: Vec<usize> = (0..EVENTS).filter(|number| times[*number] > 1).collect();
    assert_eq!((lost, twice), (vec![], vec![]));
    for ticket in 0..TICKETS {
        let of_one: Vec<&usize> = posts.iter().filter(|number| *number % TICKETS == ticket).collect();
        assert!(of_one.is_sorted(), "ticket {ticket} was out of order: {of_one:?}");
    }
}
