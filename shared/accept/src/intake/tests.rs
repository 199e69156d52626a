use std::sync::atomic::{AtomicUsize, Ordering};

use axum::Router;
use axum::body::Body;
use axum::extract::Request;
use deskwire_core::BoxFuture;
use deskwire_core::ids::SourceName;
use deskwire_core::provider::provider;
use deskwire_core::random::SeededRandom;
use deskwire_core::secret::{SecretRef, SecretString};
use deskwire_core::source::{DEFAULT_REPEAT_WINDOW, DEFAULT_TOLERANCE, SourceConfig};
use deskwire_core::time::SystemClock;
use http_body_util::BodyExt;
use tokio::sync::Notify;
use tower::ServiceExt;

use super::*;

/// A store that takes its time, and then fails if it is told to.
#[derive(Default)]
struct Slow {
    begun: Notify,
    go_on: Notify,
    ended: AtomicUsize,
    fails: bool,
    panics: bool,
}

impl Slow {
    async fn work(&self) -> StoreResult<()> {
        self.begun.notify_one();
        self.go_on.notified().await;
        assert!(!self.panics, "a fault of ours, about {}", "somebody");
        self.ended.fetch_add(1, Ordering::SeqCst);
        if self.fails { Err(StoreError::Unavailable { reason: "timed out".to_owned() }) } else { Ok(()) }
    }
}

impl Inbox for Slow {
    fn accept(&self, _: Arrival) -> BoxFuture<'_, StoreResult<Accepted>> {
        Box::pin(async { self.work().await.map(|()| Accepted::New) })
    }

    fn reject(&self, _: RejectedEvent) -> BoxFuture<'_, StoreResult<()>> {
        Box::pin(self.work())
    }

    fn ready(&self) -> BoxFuture<'_, StoreResult<()>> {
        Box::pin(async { Ok(()) })
    }
}

struct Plain;

impl Webhook for Plain {
    fn provider(&self) -> &'static str {
        "qualtrics"
    }

    fn normalise(&self, delivery: &Delivery<'_>) -> Result<Normalised, NotAnEvent> {
        let (id, also_known_as) = delivery.id_by_content();
        let (kind, subject) = ("task.sent".to_owned(), "s".to_owned());
        Ok(Normalised { id, also_known_as, kind, subject, time: delivery.signed_at, change: ChangeFacts::default() })
    }
}

fn routes(store: &Arc<Slow>, secrets: &[&str], bodies: Bodies) -> Router {
    let config = SourceConfig {
        name: SourceName::parse("csat").unwrap(),
        provider: "qualtrics".to_owned(),
        scheme: "static_secret".to_owned(),
        signing_secrets: vec![SecretRef::Stored("csat-key".to_owned())],
        tolerance: DEFAULT_TOLERANCE,
        repeat_window: DEFAULT_REPEAT_WINDOW,
        max_age: None,
        account_id: None,
        accept_test_secret: false,
        connection: None,
    };
    let scheme = provider("qualtrics").unwrap().scheme("static_secret").unwrap();
    let secrets = secrets.iter().map(|secret| SecretString::from(*secret)).collect();
    let catalogue = Catalogue::new(vec![Source { config, scheme, secrets }], vec![], None);
    let intake = Intake {
        inbox: Arc::clone(store) as Arc<dyn Inbox>,
        catalogue: Arc::new(CurrentCatalogue::new(catalogue)),
        clock: Arc::new(SystemClock),
        random: Arc::new(SeededRandom::new(1)),
        largest_body: crate::MAX_BODY_BYTES,
        bodies,
    };
    crate::router(Arc::new(intake), &Plain)
}

fn delivery(body: &str) -> Request {
    let request = Request::post("/webhooks/qualtrics/csat").header("x-deskwire-secret", "key");
    request.header("content-type", "application/json").body(Body::from(body.to_owned())).unwrap()
}

async fn answer(routes: Router) -> (u16, bool, String) {
    let answer = routes.oneshot(delivery("{}")).await.unwrap();
    let (status, again) = (answer.status().as_u16(), answer.headers().contains_key("retry-after"));
    let body = answer.into_body().collect().await.unwrap().to_bytes();
    (status, again, String::from_utf8(body.to_vec()).unwrap())
}

#[tokio::test(start_paused = true)]
async fn a_sender_that_hangs_up_while_the_store_is_asked_stops_nothing() {
    for body in ["{}", "no JSON"] {
        let store = Arc::new(Slow::default());
        let sent = tokio::spawn(routes(&store, &["key"], Bodies::default()).oneshot(delivery(body)));
        store.begun.notified().await;
        sent.abort();
        assert!(sent.await.is_err(), "it hung up");
        store.go_on.notify_one();
        tokio::time::sleep(std::time::Duration::from_secs(1)).await;
        assert_eq!(store.ended.load(Ordering::SeqCst), 1, "{body}");
    }
}

#[tokio::test]
async fn an_answer_of_come_again_claims_nothing_about_what_was_kept() {
    let store = Arc::new(Slow { fails: true, ..Slow::default() });
    store.go_on.notify_one();
    let (status, again, body) = answer(routes(&store, &["key"], Bodies::default())).await;
    assert_eq!((status, again), (503, true));
    assert!(!body.to_lowercase().contains("nothing was kept") && body.contains("counts as a repeat"), "{body}");
}

#[tokio::test]
async fn a_store_that_panics_is_answered_with_a_problem_that_tells_nothing_internal() {
    let store = Arc::new(Slow { panics: true, ..Slow::default() });
    store.go_on.notify_one();
    let (status, _, body) = answer(routes(&store, &["key"], Bodies::default())).await;
    assert_eq!(status, 500);
    assert!(!body.contains("fault") && !body.contains("somebody"), "{body}");
}

#[tokio::test]
async fn a_source_whose_secret_is_missing_asks_to_come_again_instead_of_refusing_for_good() {
    let (status, again, body) = answer(routes(&Arc::default(), &[], Bodies::default())).await;
    assert_eq!((status, again), (503, true));
    assert!(body.contains("/problems/not-ready"), "{body}");
}

#[tokio::test]
async fn more_than_may_be_held_of_unknown_senders_is_asked_to_come_again() {
    let (status, again, body) = answer(routes(&Arc::default(), &["key"], Bodies::new(1))).await;
    assert_eq!((status, again), (503, true));
    assert!(body.contains("/problems/busy"), "{body}");
}
