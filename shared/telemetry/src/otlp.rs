//! Spans, sent as traces.

use opentelemetry::trace::{SpanContext, TraceId, TracerProvider as _};
use opentelemetry_otlp::WithExportConfig;
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::error::OTelSdkResult;
use opentelemetry_sdk::trace::{SdkTracer, SdkTracerProvider, SpanData, SpanExporter};
use tracing::Subscriber;
use tracing_opentelemetry::OpenTelemetryLayer;
use tracing_subscriber::filter::{Filtered, LevelFilter};
use tracing_subscriber::registry::LookupSpan;
use tracing_subscriber::{EnvFilter, Layer};

/// Where traces are sent (<https://opentelemetry.io/docs/specs/otel/protocol/exporter/>).
const ENDPOINT: &str = "OTEL_EXPORTER_OTLP_ENDPOINT";

/// What the sender of traces is called there, unless this says otherwise.
const SERVICE: &str = "OTEL_SERVICE_NAME";

/// Traces on their way.
#[derive(Debug)]
pub(crate) struct Traces(SdkTracerProvider);

impl Traces {
    pub(crate) fn flush(&self) {
        if let Err(error) = self.0.force_flush() {
            tracing::warn!(%error, "traces could not be sent");
        }
    }
}

impl Drop for Traces {
    fn drop(&mut self) {
        // What cannot be sent now is lost, and nobody is left to be told.
        let _ = self.0.shutdown();
    }
}

/// Turns spans into traces.
pub(crate) type TraceLayer<S> = Filtered<OpenTelemetryLayer<S, SdkTracer>, EnvFilter, S>;

/// Starts sending, where the environment says to whom.
pub(crate) fn start<S>(variable: &dyn Fn(&str) -> Option<String>) -> Option<(TraceLayer<S>, Traces)>
where
    S: Subscriber + for<'a> LookupSpan<'a>,
{
    let endpoint = variable(ENDPOINT).filter(|endpoint| !endpoint.is_empty())?;
    let endpoint = format!("{}/v1/traces", endpoint.trim_end_matches('/'));
    let exporter = opentelemetry_otlp::SpanExporter::builder().with_http().with_endpoint(endpoint).build();
    let exporter = exporter.inspect_err(|error| {
        // Logs have not begun.
        eprintln!("warning: no traces are sent: {error}; check {ENDPOINT}");
    });
    let service = variable(SERVICE).or_else(|| variable("AWS_LAMBDA_FUNCTION_NAME"));
    let resource = Resource::builder().with_service_name(service.unwrap_or_else(|| "deskwire".to_owned())).build();
    let provider =
        SdkTracerProvider::builder().with_batch_exporter(ByRequest(exporter.ok()?)).with_resource(resource).build();
    let layer = tracing_opentelemetry::layer().with_tracer(provider.tracer("deskwire"));
    // Our own spans: those of libraries say little about an event, and some of them are about sending traces.
    let own = EnvFilter::builder().with_default_directive(LevelFilter::OFF.into()).parse_lossy(OWN);
    Some((layer.with_filter(own), Traces(provider)))
}

/// The spans that are sent.
const OWN: &str = "deskwire_accept=info,deskwire_engine=info,deskwire_connectors=info";

/// Puts spans of one request into one trace, whichever process they are of.
#[derive(Debug)]
struct ByRequest<E>(E);

impl<E: SpanExporter> SpanExporter for ByRequest<E> {
    fn export(&self, mut batch: Vec<SpanData>) -> impl Future<Output = OTelSdkResult> + Send {
        for span in &mut batch {
            let request = span.attributes.iter().find(|attribute| attribute.key.as_str() == "request_id");
            let trace = request.and_then(|request| {
                TraceId::from_hex(request.value.as_str().strip_prefix("req_")?)
                    .ok()
                    .filter(|id| *id != TraceId::INVALID)
            });
            if let Some(trace) = trace {
                let own = &span.span_context;
                span.span_context = SpanContext::new(
                    trace,
                    own.span_id(),
                    own.trace_flags(),
                    own.is_remote(),
                    own.trace_state().clone(),
                );
            }
        }
        self.0.export(batch)
    }

    fn shutdown_with_timeout(&self, timeout: std::time::Duration) -> OTelSdkResult {
        self.0.shutdown_with_timeout(timeout)
    }

    fn force_flush(&self) -> OTelSdkResult {
        self.0.force_flush()
    }

    fn set_resource(&mut self, resource: &Resource) {
        self.0.set_resource(resource);
    }
}
