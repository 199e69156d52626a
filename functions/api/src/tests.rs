use axum::body::Body;
use deskwire_core::action::{CallError, ErrorClass};
use deskwire_core::event::{ChangeFacts, Event, JsonText};
use deskwire_core::ids::{EventId, Lane, RunId, SourceName, StepPath, WorkflowName, WorkflowVersion};
use deskwire_core::ports::{Arrival, Deploy, Deployed, Inbox, LanePolicy, Registry, Settlement, Wanted, Work};
use deskwire_core::random::SeededRandom;
use deskwire_core::run::Entry;
use deskwire_core::secret::SecretString;
use deskwire_core::time::{FixedClock, Timestamp};
use deskwire_storage::SqliteStore;
use http::{Method, Request, StatusCode};
use serde_json::{Value, json};
use tower::ServiceExt;

use super::*;
use crate::answer::Failure;
use crate::endpoints::ENDPOINTS;

const TOKEN: &str = "marker-api-token";

struct World {
    store: SqliteStore,
    router: Router,
}

fn at(millis: i64) -> Timestamp {
    Timestamp::from_millis(millis)
}

impl World {
    /// With one event about a person, and a run on it whose step is unknown.
    async fn start() -> Self {
        let store = SqliteStore::in_memory().unwrap();
        let workflow = WorkflowName::parse("tell").unwrap();
        let event = Event {
            source: SourceName::parse("zendesk-support").unwrap(),
            id: EventId::new("e/1"),
            kind: "user.created".to_owned(),
            subject: "zen:user:1".to_owned(),
            time: at(1),
            received_at: at(1),
            data: JsonText::from(&json!({ "detail": { "email": "ulla@example.net", "id": "1" } })),
            change: ChangeFacts::default(),
            request_id: None,
        };
        let wanted = Wanted {
            lane: Lane::of(&workflow, &event.subject),
            workflow: workflow.clone(),
            version: WorkflowVersion::new("v1"),
            run: RunId::new("run_01abc"),
            policy: LanePolicy::Every,
            changed_at: None,
            unasked: false,
        };
        let arrival = Arrival { event, also_known_as: vec![], wanted: vec![wanted], declined: vec![], awaited: false };
        store.accept(arrival).await.unwrap();
        let put = Deployed {
            name: workflow,
            version: WorkflowVersion::new("v1"),
            active: true,
            file_active: None,
            file: "workflows/tell.yaml".to_owned(),
            applied_at: at(0),
            text: "name: tell".to_owned(),
        };
        store.deploy(vec![Deploy::Put(put)], at(0)).await.unwrap();
        let claim = store.claim("r", 1, Duration::from_mins(1), at(2)).await.unwrap().claims.remove(0);
        let unknown = Entry::Unknown { step: StepPath::new("post"), at: at(3), reason: "was it posted?".to_owned() };
        let park = Settlement::Park { lane_until: at(9_000), reason: "was it posted?".to_owned() };
        store.settle(&claim.fence, vec![unknown], park, None, at(3)).await.unwrap();
        let api = Api {
            store: Arc::new(store.clone()),
            actions: deskwire_startup::actions_alone(),
            templates: deskwire_startup::templates(),
            tokens: Arc::new(Tokens::new(&[SecretString::from(TOKEN)])),
            clock: Arc::new(FixedClock(at(10_000))),
            random: Arc::new(SeededRandom::new(1)),
        };
        let api = Arc::new(api);
        Self { store, router: router(Arc::clone(&api)).merge(probes(api)) }
    }

    async fn ask(&self, method: Method, path: &str, token: Option<&str>, body: &str) -> (StatusCode, Value) {
        let mut request = Request::builder().method(method).uri(path);
        if let Some(token) = token {
            request = request.header("authorization", format!("Bearer {token}"));
        }
        let request = request.body(Body::from(body.to_owned())).unwrap();
        let answer = self.router.clone().oneshot(request).await.unwrap();
        let status = answer.status();
        let bytes = axum::body::to_bytes(answer.into_body(), usize::MAX).await.unwrap();
        (status, deskwire_core::json::from_slice(&bytes).unwrap_or(Value::Null))
    }

    async fn get(&self, path: &str) -> (StatusCode, Value) {
        self.ask(Method::GET, path, Some(TOKEN), "").await
    }

    async fn post(&self, path: &str, body: &str) -> (StatusCode, Value) {
        self.ask(Method::POST, path, Some(TOKEN), body).await
    }
}

#[tokio::test]
async fn a_token_that_is_set_counts_ten_seconds_later_and_the_old_one_no_more() {
    struct Moving(std::sync::atomic::AtomicI64);
    impl Clock for Moving {
        fn now(&self) -> Timestamp {
            at(self.0.load(std::sync::atomic::Ordering::SeqCst))
        }
    }
    let clock = Arc::new(Moving(0.into()));
    let api = Arc::new(Api {
        store: Arc::new(SqliteStore::in_memory().unwrap()),
        actions: deskwire_startup::actions_alone(),
        templates: deskwire_startup::templates(),
        tokens: Arc::new(Tokens::new(&[SecretString::from("old")])),
        clock: clock.clone(),
        random: Arc::new(SeededRandom::new(1)),
    });
    let now_set = || async { Some(vec![SecretString::from("new")]) };
    let world = World {
        store: SqliteStore::in_memory().unwrap(),
        router: with_tokens_in_step(router(Arc::clone(&api)), &api, now_set),
    };
    let status = async |token| world.ask(Method::GET, "/api/v1/runs", Some(token), "").await.0;
    clock.0.store(9_999, std::sync::atomic::Ordering::SeqCst);
    assert_eq!((status("old").await, status("new").await), (StatusCode::OK, StatusCode::UNAUTHORIZED));
    clock.0.store(10_000, std::sync::atomic::Ordering::SeqCst);
    assert_eq!((status("old").await, status("new").await), (StatusCode::UNAUTHORIZED, StatusCode::OK));
}

#[tokio::test]
async fn every_question_needs_the_token_and_says_how_to_set_one() {
    let world = World::start().await;
    for endpoint in ENDPOINTS {
        let path = endpoint.path.replace("{reference}", "e/1").replace("{id}", "run_01abc").replace("{name}", "tell");
        let method = if endpoint.method == "get" { Method::GET } else { Method::POST };
        for token in [None, Some("wrong"), Some("")] {
            let (status, problem) = world.ask(method.clone(), &path, token, "").await;
            assert_eq!(status, StatusCode::UNAUTHORIZED, "{path}");
            assert!(problem["detail"].as_str().unwrap().contains("deskwire secrets set api-token"), "{problem}");
        }
    }
    let (status, _) = world.ask(Method::GET, "/healthz", None, "").await;
    assert_eq!(status, StatusCode::OK);
    let (status, _) = world.ask(Method::GET, "/readyz", None, "").await;
    assert_eq!(status, StatusCode::OK);
}

#[tokio::test]
async fn without_a_token_that_was_set_nobody_is_let_in() {
    assert_eq!(Tokens::default().admits(Some("")), Err(Failure::NoToken));
    assert_eq!(Tokens::default().admits(None), Err(Failure::NoToken));
}

#[tokio::test]
async fn every_question_of_the_document_is_answered_and_every_schema_it_names_is_there() {
    let world = World::start().await;
    let (status, document) = world.ask(Method::GET, "/api/v1/openapi.json", None, "").await;
    assert_eq!((status, document["openapi"].as_str()), (StatusCode::OK, Some("3.1.0")));
    let text = document.to_string();
    for name in text.split("#/components/schemas/").skip(1).map(|rest| rest.split('"').next().unwrap()) {
        assert!(document["components"]["schemas"][name].is_object(), "there is no schema {name}");
    }
    for (path, methods) in document["paths"].as_object().unwrap() {
        for method in methods.as_object().unwrap().keys() {
            let path = path.replace("{reference}", "e/1").replace("{id}", "run_01abc").replace("{name}", "tell");
            let method = Method::from_bytes(method.to_uppercase().as_bytes()).unwrap();
            let (status, answer) = world.ask(method.clone(), &path, Some(TOKEN), "{}").await;
            let not_there = [StatusCode::NOT_FOUND, StatusCode::METHOD_NOT_ALLOWED];
            assert!(!not_there.contains(&status), "{method} {path}: {status} {answer}");
        }
    }
}

#[tokio::test]
async fn events_and_runs_are_listed_page_by_page_and_shown_without_what_is_personal() {
    let world = World::start().await;
    let (_, page) = world.get("/api/v1/events?limit=1&order=oldest").await;
    assert_eq!(page["items"][0]["id"], "e/1");
    let next = page["next"].as_i64().unwrap();
    let (_, page) = world.get(&format!("/api/v1/events?after={next}")).await;
    assert_eq!(page, json!({ "items": [], "next": null }));
    let (_, event) = world.get("/api/v1/events/e/1").await;
    assert!(!event.to_string().contains("ulla@example.net"), "{event}");
    let (_, event) = world.get("/api/v1/events/e/1?personal=true").await;
    assert!(event.to_string().contains("ulla@example.net"), "{event}");
    let (_, runs) = world.get("/api/v1/runs?workflow=tell&state=unknown").await;
    assert_eq!(runs["items"][0]["id"], "run_01abc");
    let (_, run) = world.get("/api/v1/runs/run_01").await;
    assert_eq!((&run["run"]["state"], &run["journal"][0]["entry"]), (&json!("unknown"), &json!("unknown")));
    assert!(!run.to_string().contains("ulla@example.net"), "{run}");
}

#[tokio::test]
async fn a_question_that_is_not_understood_names_what_is_wrong_with_it() {
    let world = World::start().await;
    for (path, named) in [
        ("/api/v1/runs?stat=dead", "no parameter `stat`"),
        ("/api/v1/runs?state=deceased", "`state` is"),
        ("/api/v1/runs?limit=0", "1 to 1000"),
        ("/api/v1/runs?limit=many", "1 to 1000"),
        ("/api/v1/runs?since=yesterday", "a duration such as 2h"),
        ("/api/v1/runs?after=x", "a number"),
        ("/api/v1/runs?order=random", "`order` is"),
        ("/api/v1/runs/run_01abc?personal=maybe", "true or false"),
    ] {
        let (status, problem) = world.get(path).await;
        assert_eq!(status, StatusCode::BAD_REQUEST, "{path}");
        assert!(problem["detail"].as_str().unwrap().contains(named), "{path}: {problem}");
    }
    for path in ["/api/v1/events/none", "/api/v1/runs/run_9", "/api/v1/runs/run_9/replay"] {
        assert_eq!(world.get(path).await.0, StatusCode::NOT_FOUND, "{path}");
    }
    assert_eq!(world.post("/api/v1/workflows/none/activate", "").await.0, StatusCode::NOT_FOUND);
    assert_eq!(
        world.post("/api/v1/workflows/No Name/activate".replace(' ', "%20").as_str(), "").await.0,
        StatusCode::NOT_FOUND
    );
}

#[tokio::test]
async fn an_unknown_step_is_settled_and_a_failed_run_replayed() {
    let world = World::start().await;
    let settle = "/api/v1/runs/run_01abc/settle";
    for bad in [
        "",
        "{}",
        r#"{"happened": "yes"}"#,
        r#"{"happened": true, "stepp": "post"}"#,
        r#"{"happened":true,"step":"x"}"#,
    ] {
        assert_eq!(world.post(settle, bad).await.0, StatusCode::BAD_REQUEST, "{bad}");
    }
    let (status, settled) = world.post(settle, r#"{"happened": true, "output": {"ts": "1"}}"#).await;
    assert_eq!((status, &settled["step"]), (StatusCode::OK, &json!("post")));
    assert_eq!(world.post(settle, r#"{"happened": true}"#).await.0, StatusCode::CONFLICT);
    assert_eq!(world.get("/api/v1/runs/run_01abc/replay").await.0, StatusCode::CONFLICT, "it is under way");
    let claim = world.store.claim("r", 1, Duration::from_mins(1), at(20_000)).await.unwrap().claims.remove(0);
    let error = CallError::new(ErrorClass::Fail, "no", "no");
    let failed = Entry::Failed { step: StepPath::new("next"), at: at(20_001), error, continued: false };
    let over = Settlement::Over { state: deskwire_core::run::RunState::Failed, reason: "no".to_owned() };
    world.store.settle(&claim.fence, vec![failed], over, None, at(20_001)).await.unwrap();
    let (_, plan) = world.get("/api/v1/runs/run_01abc/replay").await;
    assert_eq!((&plan["done"], &plan["failed"]), (&json!(["post"]), &json!(["next"])), "{plan}");
    let (status, replayed) = world.post("/api/v1/runs/run_01abc/replay", "").await;
    assert_eq!((status, &replayed["replayed"]), (StatusCode::OK, &json!("run_01abc")));
    assert_eq!(world.get("/api/v1/runs").await.1["items"].as_array().unwrap().len(), 2);
}

#[tokio::test]
async fn workflows_are_switched_and_bodies_are_bounded() {
    let world = World::start().await;
    let (_, off) = world.post("/api/v1/workflows/tell/deactivate", "").await;
    assert_eq!(off, json!({ "name": "tell", "active": false }));
    assert_eq!(world.get("/api/v1/workflows").await.1["items"][0]["active"], false);
    let (_, on) = world.post("/api/v1/workflows/tell/activate", "").await;
    assert_eq!(on["active"], true);
    let large = format!("{{\"happened\": true, \"output\": \"{}\"}}", "x".repeat(LARGEST_BODY));
    assert_eq!(world.post("/api/v1/runs/run_01abc/settle", &large).await.0, StatusCode::PAYLOAD_TOO_LARGE);
    assert_eq!(world.get("/api/v1/connections").await.1, json!({ "items": [] }));
}
