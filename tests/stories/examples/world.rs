//! A process and its outside in virtual time: the shipped project compiled as `serve` compiles it, the real connectors over
//! loopback HTTP to the stand-ins, one of the real stores, and a clock that is moved by hand.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use deskwire_accept::{CurrentCatalogue, Intake, wanted_by};
use deskwire_aws::testing::Emulator;
use deskwire_connectors::Client;
use deskwire_core::ids::ConnectionName;
use deskwire_core::ports::{Arrival, Filter, RunSummary, Store, Work};
use deskwire_core::random::SeededRandom;
use deskwire_core::secret::SecretString;
use deskwire_core::time::{Clock, Timestamp};
use deskwire_core::token::{Standing, TokenState};
use deskwire_egress::{Egress, EgressOptions};
use deskwire_engine::{Engine, EngineOptions, Shared, Versions};
use deskwire_sandbox::{Message, Qualtrics, Sandbox, SandboxOptions, SignedDelivery, Slack, Zendesk};
use deskwire_storage::SqliteStore;
use deskwire_templates::Scope;
use deskwire_tokens::connection_event;
use deskwire_workflows::{InForce, Trigger, Wants, Workflow};
use scheduler::Scheduler;
use serde_json::Value;
use tokio::net::TcpListener;
use tower::ServiceExt;

use super::brittle::{Brittle, Crash};
use super::project::{SECRET, TOKEN, connection, deployed, project, sources, templates};

const OWNER: &str = "examples";

/// No example takes longer, its waits included.
const LONGEST: Duration = Duration::from_hours(24 * 7);

/// Which of the stores a story is played on.
#[derive(Debug, Clone, Copy)]
pub enum Place {
    Sqlite,
    DynamoDb,
}

impl Place {
    /// An empty store there, and what it lives on.
    async fn store(self) -> (Arc<dyn Store>, Option<Arc<Emulator>>) {
        match self {
            Self::Sqlite => (Arc::new(SqliteStore::in_memory().unwrap()), None),
            Self::DynamoDb => {
                let emulator = Emulator::shared().await;
                (Arc::new(emulator.empty_store().await), Some(emulator))
            }
        }
    }
}

/// A clock that is moved by hand.
pub struct HandClock(AtomicI64);

impl Clock for HandClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_millis(self.0.load(Ordering::SeqCst))
    }
}

pub struct World {
    pub sandbox: Sandbox,
    pub brittle: Arc<Brittle>,
    /// What Zendesk sent because of writes of ours, by type, in order; it was delivered too.
    pub told: Mutex<Vec<String>>,
    store: Arc<dyn Store>,
    clock: Arc<HandClock>,
    random: Arc<SeededRandom>,
    engine: Engine,
    webhooks: Router,
    workflows: Vec<InForce>,
    sent: Arc<Mutex<Vec<SignedDelivery>>>,
    address: SocketAddr,
    serving: tokio::task::JoinHandle<()>,
    _emulator: Option<Arc<Emulator>>,
}

impl World {
    /// A world in which it is `start`, and these of the shipped workflows are active.
    pub async fn new(place: Place, start: &str, active: &[&str], crash: Option<Crash>) -> Self {
        let clock = Arc::new(HandClock(AtomicI64::new(Timestamp::parse(start).unwrap().as_millis())));
        let (sandbox, sent) = sandbox(&clock);
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let router = sandbox.router();
        let serving = tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });

        let project = project();
        let workflow = |workflow: &Arc<Workflow>| InForce {
            active: active.contains(&workflow.name.as_str()),
            workflow: Arc::clone(workflow),
        };
        let workflows: Vec<InForce> = project.workflows.iter().map(workflow).collect();
        let (store, emulator) = place.store().await;
        let put = workflows.iter().map(deployed).collect();
        store.deploy(put, clock.now()).await.unwrap();

        let brittle = Arc::new(Brittle::new(store.clone(), crash));
        let work: Arc<dyn Work> = brittle.clone();
        let egress = Egress::new(EgressOptions { allow_loopback: true, ..EgressOptions::default() });
        let connections = project.connections.iter().map(|config| connection(config, address));
        let actions = deskwire_connectors::actions(&Arc::new(Client::new(Arc::new(egress), connections)));
        let versions = Versions::new(Arc::clone(&work), actions, templates(), &project.workflows);
        let random = Arc::new(SeededRandom::new(7));
        let engine = Engine::new(work, Arc::new(versions), clock.clone(), random.clone(), EngineOptions::default());
        let intake = Intake {
            inbox: store.clone(),
            catalogue: Arc::new(CurrentCatalogue::new(deskwire_startup::catalogue(sources(project), &workflows))),
            clock: clock.clone(),
            random: random.clone(),
            largest_body: deskwire_accept::MAX_BODY_BYTES,
            bodies: deskwire_accept::Bodies::default(),
        };
        let intake = Arc::new(intake);
        let webhooks = zendesk_webhook::router(Arc::clone(&intake)).merge(qualtrics_webhook::router(intake));
        let told = Mutex::default();
        Self {
            sandbox,
            brittle,
            told,
            store,
            clock,
            random,
            engine,
            webhooks,
            workflows,
            sent,
            address,
            serving,
            _emulator: emulator,
        }
    }

    pub fn zendesk(&self) -> Zendesk {
        self.sandbox.zendesk()
    }

    pub fn slack(&self) -> Slack {
        self.sandbox.slack()
    }

    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// What the app wrote to the person with this address.
    pub fn told_to(&self, email: &str) -> Vec<Message> {
        let conversation = self.slack().direct_conversation(email);
        conversation.map(|channel| self.slack().messages(&channel)).unwrap_or_default()
    }

    /// What the app posted in a channel, replies included.
    pub fn posts_in(&self, channel: &str) -> Vec<Message> {
        self.slack().messages(channel).into_iter().filter(|message| message.by_app).collect()
    }

    /// Shows a ticket in Slack as `urgent-to-channel` does, by other means; answers with the message's `ts`.
    pub async fn shown_before(&self, ticket: u64) -> String {
        let message = &self.slack().messages(deskwire_sandbox::world::SUPPORT)[0];
        let place = format!("{}:{}", message.channel, message.ts);
        let field = deskwire_sandbox::world::THREAD_FIELD;
        let body = serde_json::json!({ "ticket": { "custom_fields": [{ "id": field, "value": place }] } });
        let request = http::Request::put(format!("http://{}/zendesk/api/v2/tickets/{ticket}", self.address))
            .header("authorization", format!("Bearer {TOKEN}"))
            .body(Body::from(body.to_string()));
        let answer = self.sandbox.router().oneshot(request.unwrap()).await.unwrap();
        assert!(answer.status().is_success(), "{answer:?}");
        // That was somebody else's doing.
        self.sent.lock().unwrap().clear();
        message.ts.clone()
    }

    pub fn qualtrics(&self) -> Qualtrics {
        self.sandbox.qualtrics()
    }

    /// Takes webhooks in, as they come from their providers.
    pub async fn deliver(&self, deliveries: Vec<SignedDelivery>) {
        assert!(!deliveries.is_empty(), "there was nothing to tell");
        for delivery in deliveries {
            let source = if delivery.provider == "qualtrics" { "csat-survey" } else { "zendesk-support" };
            let mut request = http::Request::post(format!("/webhooks/{}/{source}", delivery.provider));
            for (name, value) in &delivery.headers {
                request = request.header(name, value);
            }
            let request = request.body(Body::from(delivery.body)).unwrap();
            let answer = self.webhooks.clone().oneshot(request).await.unwrap();
            assert!(answer.status().is_success(), "{answer:?}");
        }
    }

    /// Starts a workflow as `deskwire workflows run` does.
    pub async fn run_by_hand(&self, workflow: &str, inputs: &[(&str, &str)]) {
        let InForce { workflow, .. } =
            self.workflows.iter().find(|one| one.workflow.name.as_str() == workflow).unwrap();
        let Trigger::Manual(wanted) = &workflow.trigger else { panic!("{} is not started by hand", workflow.name) };
        let given: Vec<(String, String)> =
            inputs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        let inputs = scheduler::read_inputs(wanted, &given).unwrap();
        let event = scheduler::by_hand(workflow, &inputs, self.now(), self.random.as_ref()).unwrap();
        let wanted = vec![wanted_by(&workflow.route(true), &event, self.now(), self.random.as_ref())];
        self.store
            .accept(Arrival { event, also_known_as: vec![], wanted, declined: vec![], awaited: true })
            .await
            .unwrap();
    }

    /// Tells that a connection needs a person, as the token broker does.
    pub async fn lose(&self, connection: &str) {
        let state = TokenState {
            standing: Standing::NeedsReauthorization,
            reason: Some("the provider refused: invalid_grant".to_owned()),
            ..TokenState::empty(ConnectionName::parse(connection).unwrap(), self.now())
        };
        let event = connection_event(&state, "https://relay.example.com/oauth/start/it", self.now());
        let mut scope = Scope::new();
        scope.set("event", &event.to_json().unwrap());
        let wants = |one: &&InForce| one.workflow.wants(&event, one.active, || &scope) == Wants::Yes;
        let wanted = self.workflows.iter().filter(wants);
        let wanted =
            wanted.map(|one| wanted_by(&one.workflow.route(true), &event, self.now(), self.random.as_ref())).collect();
        self.store
            .accept(Arrival { event, also_known_as: vec![], wanted, declined: vec![], awaited: true })
            .await
            .unwrap();
    }

    /// Lets the scheduler look, as `serve` does when a tick is due; answers with how many runs that started.
    pub async fn tick(&self) -> usize {
        let (inbox, registry) = (self.store.clone(), self.store.clone());
        let scheduler = Scheduler { inbox, registry, random: self.random.clone() };
        scheduler.tick(&self.workflows, self.now()).await.unwrap().started
    }

    /// Time passes, and what falls due in it is worked off.
    pub async fn let_pass(&self, time: Duration) {
        self.work_until(self.now().plus(time)).await;
    }

    /// Works on for as long as the longest waits are, whatever comes of it.
    pub async fn work_for_a_week(&self) {
        self.work_until(self.now().plus(LONGEST)).await;
    }

    /// Works until every run is over, however long their waits are.
    pub async fn settle(&self) {
        self.work_for_a_week().await;
        for run in self.runs().await {
            let why = run.reason.as_deref().unwrap_or_default();
            assert!(run.state.is_over(), "{} is {} after a week: {why}", run.workflow, run.state.as_str());
        }
    }

    async fn work_until(&self, end: Timestamp) {
        loop {
            let lease = EngineOptions::default().lease;
            let mut batch = self.store.claim(OWNER, 1, lease, self.now()).await.unwrap();
            let shared = Shared::of(&mut batch);
            let Some(claim) = batch.claims.pop() else {
                let due = batch.next_due.filter(|due| *due <= end);
                self.clock.0.store(due.unwrap_or(end).as_millis(), Ordering::SeqCst);
                if due.is_none() {
                    return;
                }
                continue;
            };
            // A write that the store did not take ends the process: its run comes back when the lease ends.
            let _ = self.engine.execute(claim, &shared).await;
            self.clock.0.fetch_add(1, Ordering::SeqCst);
            self.deliver_echoes().await;
        }
    }

    /// Zendesk tells of our own writes as of anybody else's.
    async fn deliver_echoes(&self) {
        let sent = std::mem::take(&mut *self.sent.lock().unwrap());
        if sent.is_empty() {
            return;
        }
        for delivery in &sent {
            let body: Value = deskwire_core::json::from_slice(&delivery.body).unwrap();
            self.told.lock().unwrap().push(body["type"].as_str().unwrap().to_owned());
        }
        self.deliver(sent).await;
    }

    /// All runs, oldest first.
    pub async fn runs(&self) -> Vec<RunSummary> {
        let filter = Filter { limit: 1_000, oldest_first: true, ..Filter::default() };
        self.store.runs(filter).await.unwrap()
    }

    /// Workflow and state of all runs, oldest first, with the reasons of those that did not succeed.
    pub async fn ends(&self) -> Vec<String> {
        let end = |run: RunSummary| match run.state.as_str() {
            "succeeded" => format!("{} succeeded", run.workflow),
            state => format!("{} {state}: {}", run.workflow, run.reason.unwrap_or_default()),
        };
        self.runs().await.into_iter().map(end).collect()
    }
}

impl Drop for World {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

fn sandbox(clock: &Arc<HandClock>) -> (Sandbox, Arc<Mutex<Vec<SignedDelivery>>>) {
    let sent: Arc<Mutex<Vec<SignedDelivery>>> = Arc::default();
    let kept = Arc::clone(&sent);
    let sandbox = Sandbox::new(SandboxOptions {
        clock: clock.clone(),
        slack_token: SecretString::from(TOKEN),
        zendesk_username: "ops@example.com".to_owned(),
        zendesk_token: SecretString::from(TOKEN),
        qualtrics_token: SecretString::from(TOKEN),
        signing_secret: SecretString::from(SECRET),
        on_delivery: Some(Arc::new(move |deliveries| kept.lock().unwrap().extend(deliveries))),
    });
    (sandbox, sent)
}
