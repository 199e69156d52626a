//! Traces as a collector gets them, read with the protocol's own definitions.
#![allow(clippy::unwrap_used, reason = "tests may panic")]

use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::routing::post;
use deskwire_telemetry::{Format, for_command};
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::trace::v1::Span;
use prost::Message;

#[derive(Clone, Default)]
struct Collector(Arc<Mutex<Vec<Bytes>>>);

async fn collect(State(collector): State<Collector>, body: Bytes) {
    collector.0.lock().unwrap().push(body);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn spans_of_one_request_are_one_trace_of_its_id_and_others_are_not_sent() {
    let collector = Collector::default();
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let routes = Router::new().route("/v1/traces", post(collect)).with_state(collector.clone());
    tokio::spawn(async move { axum::serve(listener, routes).await });
    let telemetry = for_command("error", Format::Json, &|name| match name {
        "OTEL_EXPORTER_OTLP_ENDPOINT" => Some(url.clone()),
        "OTEL_SERVICE_NAME" => Some("desk".to_owned()),
        _ => None,
    });
    assert!(telemetry.sends_traces());
    let request_id = "req_0af7651916cd43dd8448eb211c80319c";
    {
        let _run =
            tracing::info_span!(target: "deskwire_engine::execute", "run", run = "run_1", request_id = request_id)
                .entered();
        let _call =
            tracing::info_span!(target: "deskwire_connectors::traced", "call", connection = "slack", request_id)
                .entered();
        let _theirs = tracing::info_span!(target: "hyper", "read").entered();
    }
    tokio::task::spawn_blocking(move || telemetry.flush()).await.unwrap();

    let bodies = collector.0.lock().unwrap().clone();
    let requests: Vec<_> = bodies.into_iter().map(|body| ExportTraceServiceRequest::decode(body).unwrap()).collect();
    let resources = || requests.iter().flat_map(|request| &request.resource_spans);
    let mut attributes = resources().flat_map(|all| &all.resource.as_ref().unwrap().attributes);
    assert!(attributes.any(|one| one.key == "service.name" && format!("{one:?}").contains("desk")), "{requests:?}");
    let spans: Vec<&Span> = resources().flat_map(|all| &all.scope_spans).flat_map(|all| &all.spans).collect();
    let mut names: Vec<&str> = spans.iter().map(|span| span.name.as_str()).collect();
    names.sort_unstable();
    assert_eq!(names, ["call", "run"], "{requests:?}");
    let of = |name: &str| *spans.iter().find(|span| span.name == name).unwrap();
    let trace = of("run").trace_id.iter().fold("req_".to_owned(), |text, byte| text + &format!("{byte:02x}"));
    assert_eq!(trace, request_id);
    assert_eq!(of("call").trace_id, of("run").trace_id);
    assert_eq!(of("call").parent_span_id, of("run").span_id);
}
