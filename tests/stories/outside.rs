//! The providers' stand-ins, in the test's own process: they outlive the servers that call them.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use deskwire_core::secret::SecretString;
use deskwire_core::time::{Clock, SystemClock, Timestamp};
use deskwire_sandbox::{Sandbox, SandboxOptions};
use serde_json::Value;

use crate::harness::client;

pub const SLACK_TOKEN: &str = "xoxb-stories-slack-token";
pub const ZENDESK_TOKEN: &str = "stories-zendesk-token";
pub const ZENDESK_USER: &str = "ops@example.com";

/// The system's clock, which the stand-ins can be told to be ahead of.
#[derive(Default)]
struct Ahead(AtomicI64);

impl Clock for Ahead {
    fn now(&self) -> Timestamp {
        Timestamp::from_millis(SystemClock.now().as_millis() + self.0.load(Ordering::SeqCst))
    }
}

/// Stand-ins on a port of their own.
pub struct Outside {
    pub sandbox: Sandbox,
    clock: Arc<Ahead>,
    /// `http://127.0.0.1:PORT`
    pub url: String,
}

impl Outside {
    pub async fn start() -> Self {
        let clock = Arc::new(Ahead::default());
        let sandbox = Sandbox::new(SandboxOptions {
            clock: clock.clone(),
            slack_token: SecretString::from(SLACK_TOKEN),
            zendesk_username: ZENDESK_USER.to_owned(),
            zendesk_token: SecretString::from(ZENDESK_TOKEN),
            qualtrics_token: SecretString::from("qualtrics-marker"),
            signing_secret: SecretString::from(crate::harness::SECRET),
            on_delivery: None,
        });
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let router = sandbox.router();
        tokio::spawn(async move { axum::serve(listener, router).await });
        Self { sandbox, clock, url }
    }

    /// So much time passes, for the stand-ins alone.
    pub fn pass(&self, time: Duration) {
        self.clock.0.fetch_add(i64::try_from(time.as_millis()).unwrap(), Ordering::SeqCst);
    }

    /// The texts posted to Slack, in order.
    pub fn posts(&self) -> Vec<String> {
        self.sandbox.slack().all_posts().into_iter().map(|message| message.text).collect()
    }

    /// What the callers of this operation called their requests.
    pub fn requests_of(&self, operation: &str) -> Vec<Option<String>> {
        let log = self.sandbox.log();
        log.iter().filter(|entry| entry.operation == operation).map(|entry| entry.request_id.clone()).collect()
    }

    /// Plans what a stand-in does wrong, as another process would.
    pub async fn fault(&self, fault: &Value) {
        let answer = client().post(format!("{}/control/faults", self.url)).json(fault).send().await.unwrap();
        assert!(answer.status().is_success(), "{fault}");
    }
}
