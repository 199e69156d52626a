//! The function on the stores of AWS: what one delivery costs there, and what it knows without any template engine.
#![allow(clippy::unwrap_used, reason = "tests")]

use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use base64::Engine as _;
use deskwire_accept::{Board, LARGEST_SHARED_BODY};
use deskwire_aws::AwsStore;
use deskwire_aws::testing::Emulator;
use deskwire_core::ids::{SourceName, WorkflowName, WorkflowVersion};
use deskwire_core::ports::{Deploy, Deployed, Filter, History, LanePolicy, Registry};
use deskwire_core::random::SeededRandom;
use deskwire_core::route::{Events, Route};
use deskwire_core::secret::SecretRef;
use deskwire_core::source::{DEFAULT_REPEAT_WINDOW, DEFAULT_TOLERANCE, SourceConfig};
use deskwire_core::time::{Clock, SystemClock};
use deskwire_edge::Edge;
use deskwire_secrets::{Keys, Vault};
use hmac::{Hmac, KeyInit, Mac};
use http::{Request, StatusCode};
use sha2::Sha256;
use tower::ServiceExt;

const SECRET: &str = "marker-signing-secret";

struct World {
    store: AwsStore,
    routes: Router,
    _emulator: Emulator,
}

impl World {
    /// A deployment with one workflow for ticket events, active or not.
    async fn start(active: bool) -> Self {
        let emulator = Emulator::start().await;
        let random = SeededRandom::new(3);
        let store = emulator.store("deskwire", &random).await;
        let vault = Vault::new(Arc::new(store.clone()), Keys::ByStore, Arc::new(SeededRandom::new(4)));
        let now = SystemClock.now();
        vault.set("zendesk-signing", SECRET, now, now).await.unwrap();
        let name = SourceName::parse("zendesk-support").unwrap();
        let source = SourceConfig {
            name: name.clone(),
            provider: "zendesk".to_owned(),
            scheme: deskwire_core::provider::provider("zendesk").unwrap().signatures[0].name.clone(),
            signing_secrets: vec![SecretRef::Stored("zendesk-signing".to_owned())],
            tolerance: DEFAULT_TOLERANCE,
            repeat_window: DEFAULT_REPEAT_WINDOW,
            max_age: None,
            account_id: None,
            accept_test_secret: false,
            connection: None,
        };
        let workflow = WorkflowName::parse("tell").unwrap();
        let route = Route {
            workflow: workflow.clone(),
            version: WorkflowVersion::new("v1"),
            active: false,
            takes: Some(Events { source: name, types: vec!["ticket.*".to_owned()] }),
            conditional: true,
            lane: LanePolicy::Every,
            by_change: false,
            awaits: vec![],
        };
        let deployed = Deployed {
            name: workflow,
            version: WorkflowVersion::new("v1"),
            active,
            file_active: Some(active),
            file: "workflows/tell.yaml".to_owned(),
            applied_at: now,
            text: "name: tell".to_owned(),
        };
        let board = Board::new(vec![source], vec![route]).text();
        let board = Deploy::Document { name: Board::NAME.to_owned(), text: board };
        store.deploy(vec![Deploy::Put(deployed), board], now).await.unwrap();
        let edge = Edge::on(store.clone(), Box::new(|_| None)).await.unwrap();
        let routes = edge.serve(zendesk_webhook::router(edge.intake()));
        store.record_calls();
        Self { store, routes, _emulator: emulator }
    }

    async fn deliver(&self, body: &str) -> StatusCode {
        let timestamp = SystemClock.now().to_string();
        let mut mac = Hmac::<Sha256>::new_from_slice(SECRET.as_bytes()).unwrap();
        mac.update(timestamp.as_bytes());
        mac.update(body.as_bytes());
        let signature = base64::prelude::BASE64_STANDARD.encode(mac.finalize().into_bytes());
        let request = Request::post("/webhooks/zendesk/zendesk-support")
            .header("content-type", "application/json")
            .header("x-zendesk-webhook-signature", signature)
            .header("x-zendesk-webhook-signature-timestamp", timestamp)
            .body(Body::from(body.to_owned()))
            .unwrap();
        self.routes.clone().oneshot(request).await.unwrap().status()
    }

    /// What was asked of AWS since the last look.
    fn calls(&self) -> Vec<String> {
        self.store.take_calls().iter().map(|call| call.operation().to_owned()).collect()
    }
}

fn event(id: &str, more: &str) -> String {
    include_str!("../../../events/zendesk/ticket.created.json")
        .replacen("\"id\"", &format!("\"padding\": \"{more}\", \"id\""), 1)
        .replace(&first_id(), id)
}

/// The id of the sample event.
fn first_id() -> String {
    let sample: serde_json::Value =
        deskwire_core::json::from_str(include_str!("../../../events/zendesk/ticket.created.json")).unwrap();
    sample["id"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn a_delivery_costs_two_calls_where_a_workflow_wants_it_and_one_where_it_is_a_repeat() {
    let world = World::start(true).await;
    assert_eq!(world.deliver(&event("e1", "")).await, StatusCode::ACCEPTED);
    assert_eq!(world.calls(), ["TransactWriteItems", "SendMessageBatch"]);
    assert_eq!(world.deliver(&event("e1", "")).await, StatusCode::OK);
    assert_eq!(world.calls(), ["TransactWriteItems"]);
}

#[tokio::test]
async fn a_delivery_that_nothing_wants_costs_one_call() {
    let world = World::start(false).await;
    assert_eq!(world.deliver(&event("e1", "")).await, StatusCode::OK);
    assert_eq!(world.calls(), ["TransactWriteItems"]);
    let kept = world.store.events(Filter::default()).await.unwrap();
    assert!(kept[0].reason.as_deref().unwrap().contains("inactive"), "{kept:?}");
}

#[tokio::test]
async fn a_body_that_no_item_can_hold_is_refused_at_the_edge_and_costs_nothing() {
    let world = World::start(true).await;
    let large = event("e1", &"x".repeat(LARGEST_SHARED_BODY));
    assert_eq!(world.deliver(&large).await, StatusCode::PAYLOAD_TOO_LARGE);
    let fits = event("e2", &"x".repeat(LARGEST_SHARED_BODY - 4096));
    assert!(world.calls().is_empty());
    assert_eq!(world.deliver(&fits).await, StatusCode::ACCEPTED);
}

#[tokio::test]
async fn a_wrong_signature_costs_no_call_and_tells_nothing() {
    let world = World::start(true).await;
    let request = Request::post("/webhooks/zendesk/zendesk-support")
        .header("content-type", "application/json")
        .header("x-zendesk-webhook-signature", "AAAA")
        .header("x-zendesk-webhook-signature-timestamp", SystemClock.now().to_string())
        .body(Body::from(event("e1", "")))
        .unwrap();
    assert_eq!(world.routes.clone().oneshot(request).await.unwrap().status(), StatusCode::UNAUTHORIZED);
    assert!(world.calls().is_empty());
}
