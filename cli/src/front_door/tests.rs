use std::sync::atomic::{AtomicUsize, Ordering};

use axum::routing::{get, post};
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};
use tokio::sync::{Notify, mpsc, oneshot};
use tokio::time::Instant;

use super::*;

/// Connections within this process, in virtual time.
struct Inside(mpsc::Receiver<DuplexStream>);

impl Listener for Inside {
    type Io = DuplexStream;
    type Addr = ();

    async fn accept(&mut self) -> (DuplexStream, ()) {
        match self.0.recv().await {
            Some(io) => (io, ()),
            None => std::future::pending().await,
        }
    }

    fn local_addr(&self) -> std::io::Result<()> {
        Ok(())
    }
}

struct World {
    clients: mpsc::Sender<DuplexStream>,
    stop: oneshot::Sender<()>,
    serving: tokio::task::JoinHandle<()>,
}

impl World {
    fn new(routes: Router, connections: usize) -> Self {
        let ((clients, listener), (stop, stopped)) = (mpsc::channel(64), oneshot::channel());
        let limits = Limits { connections, ..Limits::default() };
        let serving = tokio::spawn(serve(Inside(listener), deskwire_accept::guarded(routes), limits, async {
            let _ = stopped.await;
        }));
        Self { clients, stop, serving }
    }

    async fn connect(&self) -> DuplexStream {
        let (ours, theirs) = duplex(1 << 16);
        self.clients.send(theirs).await.unwrap();
        ours
    }
}

fn routes() -> Router {
    Router::new().route("/", get(|| async { "hello" })).route("/", post(|body: String| async move { body }))
}

async fn rest(mut io: DuplexStream) -> String {
    let mut text = String::new();
    io.read_to_string(&mut text).await.unwrap();
    text
}

const ASK: &[u8] = b"GET / HTTP/1.1\r\nhost: here\r\nconnection: close\r\n\r\n";

#[tokio::test(start_paused = true)]
async fn a_request_in_time_is_answered() {
    let world = World::new(routes(), 4);
    let mut client = world.connect().await;
    client.write_all(ASK).await.unwrap();
    assert!(rest(client).await.ends_with("hello"));
}

#[tokio::test(start_paused = true)]
async fn whoever_sends_nothing_or_headers_bit_by_bit_is_cut_off_after_ten_seconds() {
    let world = World::new(routes(), 4);
    for trickle in [false, true] {
        let (mut client, began) = (world.connect().await, Instant::now());
        if trickle {
            client.write_all(b"GET / HTTP/1.1\r\n").await.unwrap();
            while client.write_all(b"x-more: 1\r\n").await.is_ok() && began.elapsed() < Duration::from_mins(5) {
                tokio::time::sleep(Duration::from_secs(1)).await;
            }
        } else {
            rest(client).await;
        }
        assert!(began.elapsed() <= Duration::from_secs(12), "{trickle}: {:?}", began.elapsed());
    }
}

#[tokio::test(start_paused = true)]
async fn a_connection_that_is_kept_without_a_request_is_let_go() {
    let (world, began) = (World::new(routes(), 4), Instant::now());
    let mut client = world.connect().await;
    client.write_all(b"GET / HTTP/1.1\r\nhost: here\r\n\r\n").await.unwrap();
    assert!(rest(client).await.ends_with("hello"));
    assert!(began.elapsed() <= Duration::from_secs(11), "{:?}", began.elapsed());
}

#[tokio::test(start_paused = true)]
async fn a_body_that_comes_bit_by_bit_is_cut_off_after_ten_seconds_whatever_the_route() {
    let world = World::new(routes(), 4);
    let (mut client, began) = (world.connect().await, Instant::now());
    client.write_all(b"POST / HTTP/1.1\r\nhost: here\r\ncontent-length: 1000\r\n\r\n").await.unwrap();
    let mut answer = [0; 12];
    let answered = async {
        client.read_exact(&mut answer).await.unwrap();
        while client.write_all(b"x").await.is_ok() {
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
    };
    tokio::time::timeout(Duration::from_mins(1), answered).await.unwrap();
    assert_eq!(&answer, b"HTTP/1.1 400");
    assert!(began.elapsed() <= Duration::from_secs(12), "{:?}", began.elapsed());
}

#[tokio::test(start_paused = true)]
async fn connections_beyond_the_cap_wait_until_one_is_let_go() {
    let world = World::new(routes(), 2);
    let (began, _idle) = (Instant::now(), [world.connect().await, world.connect().await]);
    let mut third = world.connect().await;
    third.write_all(ASK).await.unwrap();
    assert!(rest(third).await.ends_with("hello"), "the idle ones were cut off");
    assert!(began.elapsed() >= Duration::from_secs(10));
}

#[tokio::test(start_paused = true)]
async fn a_client_that_hangs_up_stops_nothing_half_way() {
    let (begun, go_on, done) = (Arc::new(Notify::new()), Arc::new(Notify::new()), Arc::new(AtomicUsize::new(0)));
    let handler = {
        let (begun, go_on, done) = (Arc::clone(&begun), Arc::clone(&go_on), Arc::clone(&done));
        move || async move {
            begun.notify_one();
            go_on.notified().await;
            done.fetch_add(1, Ordering::SeqCst);
        }
    };
    let world = World::new(Router::new().route("/", get(handler)), 4);
    let mut client = world.connect().await;
    client.write_all(ASK).await.unwrap();
    begun.notified().await;
    drop(client);
    tokio::time::sleep(Duration::from_secs(1)).await;
    go_on.notify_one();
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!(done.load(Ordering::SeqCst), 1);
}

#[tokio::test(start_paused = true)]
async fn a_handler_that_panics_is_a_500_and_its_connection_and_the_server_go_on() {
    async fn faulty() -> &'static str {
        panic!("a fault of ours");
    }
    let world = World::new(routes().route("/faulty", get(faulty)), 4);
    let mut client = world.connect().await;
    client.write_all(b"GET /faulty HTTP/1.1\r\nhost: here\r\n\r\n").await.unwrap();
    client.write_all(ASK).await.unwrap();
    let text = rest(client).await;
    assert!(text.starts_with("HTTP/1.1 500") && text.ends_with("hello"), "{text}");
    assert!(!text.contains("fault of ours"));
}

#[tokio::test(start_paused = true)]
async fn a_stop_waits_for_requests_in_flight_and_no_longer_than_its_grace() {
    for (takes, answered) in [(5, true), (60, false)] {
        let slow = move || async move {
            tokio::time::sleep(Duration::from_secs(takes)).await;
            "done"
        };
        let world = World::new(Router::new().route("/", get(slow)), 4);
        let (mut client, began) = (world.connect().await, Instant::now());
        client.write_all(ASK).await.unwrap();
        tokio::time::sleep(Duration::from_millis(10)).await;
        let _ = world.stop.send(());
        world.serving.await.unwrap();
        assert!(began.elapsed() <= Duration::from_secs(11));
        if answered {
            assert!(rest(client).await.ends_with("done"));
        }
    }
}
