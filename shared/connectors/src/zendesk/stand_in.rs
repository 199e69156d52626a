//! What the tests of the writing actions share: Zendesk's stand-in on a port of its own, a client that leads there, and what
//! it sent as webhooks.

use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use deskwire_core::action::{Action, Call, CallError};
use deskwire_core::ids::ConnectionName;
use deskwire_core::secret::SecretString;
use deskwire_core::time::{Clock, Timestamp};
use deskwire_sandbox::{Fault, FaultKind, Sandbox, SandboxOptions};
use serde_json::{Value, json};

use crate::Client;
use crate::testing::{SECRET, client_at, not_before};

/// A clock that tests move.
struct TestClock(AtomicI64);

impl Clock for TestClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_millis(self.0.load(Ordering::Relaxed))
    }
}

pub(crate) struct StandIn {
    pub(crate) sandbox: Sandbox,
    pub(crate) client: Arc<Client>,
    clock: Arc<TestClock>,
    events: Arc<Mutex<Vec<Value>>>,
}

impl StandIn {
    pub(crate) async fn start() -> Self {
        let secret = || SecretString::from(SECRET);
        // A call's first attempt is made after the time before which none was made.
        let clock = Arc::new(TestClock(AtomicI64::new(not_before().plus(Duration::from_secs(1)).as_millis())));
        let events: Arc<Mutex<Vec<Value>>> = Arc::default();
        let kept = Arc::clone(&events);
        let sandbox = Sandbox::new(SandboxOptions {
            clock: Arc::clone(&clock) as Arc<dyn Clock>,
            slack_token: secret(),
            zendesk_username: "ops@example.com".to_owned(),
            zendesk_token: secret(),
            qualtrics_token: SecretString::from("qualtrics-marker"),
            signing_secret: secret(),
            on_delivery: Some(Arc::new(move |deliveries| {
                let bodies = deliveries.iter().map(|delivery| deskwire_core::json::from_slice(&delivery.body).unwrap());
                kept.lock().unwrap().extend(bodies);
            })),
        });
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let client = client_at(&format!("http://{}/zendesk", listener.local_addr().unwrap()));
        tokio::spawn(axum::serve(listener, sandbox.router()).into_future());
        Self { sandbox, client, clock, events }
    }

    pub(crate) fn pass(&self, time: Duration) {
        self.clock.0.store(self.clock.now().plus(time).as_millis(), Ordering::Relaxed);
    }

    /// The next call of this operation is carried out, and its answer lost.
    pub(crate) fn lose_answer(&self, operation: &str) {
        self.sandbox.fault(Fault::next(operation, FaultKind::DropAfter)).unwrap();
    }

    /// The bodies of the webhooks so far.
    pub(crate) fn events(&self) -> Vec<Value> {
        self.events.lock().unwrap().clone()
    }

    /// The types of the webhooks so far, without their prefix.
    pub(crate) fn kinds(&self) -> Vec<String> {
        let kind = |event: &Value| event["type"].as_str().unwrap().replace("zen:event-type:ticket.", "");
        self.events().iter().map(kind).collect()
    }

    /// What was asked for, as the stand-in's log names it.
    pub(crate) fn asked(&self) -> Vec<String> {
        self.sandbox.log().into_iter().map(|entry| entry.operation).collect()
    }

    /// Reads from the stand-in as our actions do.
    pub(crate) async fn get(&self, path: &str) -> Value {
        let connection = ConnectionName::parse("zendesk").unwrap();
        let (input, key) = (json!({}), crate::testing::key());
        let call = Call {
            connection: &connection,
            input: &input,
            key: &key,
            not_before: not_before(),
            time_limit: crate::testing::time_limit(),
            request_id: None,
        };
        let zendesk = super::Zendesk::open(&self.client, call).unwrap();
        zendesk.get(&format!("api/v2/{path}"), &[], path).await.unwrap()
    }

    /// The comments of a ticket, newest first: text and whether the requester can read it.
    pub(crate) async fn comments(&self, ticket: u64) -> Vec<(String, bool)> {
        let page = self.get(&format!("tickets/{ticket}/comments")).await;
        let comments = page["comments"].as_array().unwrap().iter().rev();
        comments.map(|c| (c["body"].as_str().unwrap().to_owned(), c["public"].as_bool().unwrap())).collect()
    }
}

/// Do the events that a call brought about carry what its own write is recognised by?
pub(crate) fn assert_recognised(action: &dyn Action, output: &Value, event: &Value) {
    let [write]: [_; 1] = action.own_writes(&json!({}), output).try_into().unwrap();
    assert_eq!((write.provider.as_str(), &json!(write.subject)), ("zendesk", &event["subject"]));
    assert_eq!(json!(write.actor), event["detail"]["actor_id"]);
    let at = Timestamp::parse(event["detail"]["updated_at"].as_str().unwrap()).unwrap();
    assert_eq!(write.at, at);
    if let Some(comment) = event["event"].get("comment") {
        assert_eq!(json!(write.mark), comment["id"]);
    }
}

/// The class and code of a failure, for comparing.
pub(crate) fn class_and_code(error: &CallError) -> (deskwire_core::action::ErrorClass, &str) {
    (error.class, error.code.as_str())
}
