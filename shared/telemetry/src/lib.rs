//! How a process shows what it does, and how a function ends: logs with one vocabulary of fields, traces where somebody
//! collects them, SIGTERM.
//!
//! A line about a run or a call has `request_id`, `run`, `workflow` and `event` whoever wrote it: they are fields of the spans
//! it was written in, and in JSON they stand beside the line's own fields. `infra/RUNBOOK.md` asks by them.
//!
//! With the feature `otlp` and `OTEL_EXPORTER_OTLP_ENDPOINT`, the same spans are sent as traces
//! (<https://opentelemetry.io/docs/specs/otlp/>). A trace's id is the request's id without its `req_`.

mod ending;
mod line;
#[cfg(feature = "otlp")]
mod otlp;

pub use ending::{terminated, terminated_and_done, terminated_and_idle};

use tracing_subscriber::filter::LevelFilter;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::registry::LookupSpan;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{EnvFilter, Layer, Registry};

use crate::line::OneLine;

/// How lines are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// For people, with colours or without.
    Text {
        /// With colours?
        colours: bool,
    },
    /// One JSON object a line.
    Json,
}

/// Ends with the process: what is still to be sent of traces is sent then.
#[must_use = "traces are sent while it lives"]
#[derive(Debug, Default)]
pub struct Telemetry {
    #[cfg(feature = "otlp")]
    traces: Option<otlp::Traces>,
}

impl Telemetry {
    /// Sends what is still to be sent of traces, for processes that may be stopped from now on. It blocks for as long as that
    /// takes, a few seconds at most.
    pub fn flush(&self) {
        #[cfg(feature = "otlp")]
        if let Some(traces) = &self.traces {
            traces.flush();
        }
    }

    /// Does anybody collect traces?
    pub const fn sends_traces(&self) -> bool {
        #[cfg(feature = "otlp")]
        return self.traces.is_some();
        #[cfg(not(feature = "otlp"))]
        false
    }
}

/// Starts logs and traces of a function: to the standard output, as Lambda's settings for logs say
/// (<https://docs.aws.amazon.com/lambda/latest/dg/monitoring-cloudwatchlogs-logformat.html>). `variable` reads the environment.
pub fn for_function(variable: &dyn Fn(&str) -> Option<String>) -> Telemetry {
    let json = variable("AWS_LAMBDA_LOG_FORMAT").is_some_and(|format| format.eq_ignore_ascii_case("json"));
    let level = variable("AWS_LAMBDA_LOG_LEVEL").map(|level| level.to_lowercase());
    let wished = if level.is_none() { variable("RUST_LOG") } else { None };
    let wished = wished.and_then(|wished| EnvFilter::try_new(wished).ok());
    let filter = wished.unwrap_or_else(|| EnvFilter::new(only_own(level.as_deref().unwrap_or("info"))));
    let format = if json { Format::Json } else { Format::Text { colours: false } };
    start(filter, format, Stream::Output, variable)
}

/// Starts logs and traces of a command: to the standard error, from `level` on unless `RUST_LOG` says otherwise.
pub fn for_command(level: &str, format: Format, variable: &dyn Fn(&str) -> Option<String>) -> Telemetry {
    let wished = variable("RUST_LOG").and_then(|wished| EnvFilter::try_new(wished).ok());
    start(wished.unwrap_or_else(|| EnvFilter::new(level)), format, Stream::Error, variable)
}

/// One line for a panic. A message that was put together may quote data, so only one that stands in the code is shown.
fn log_panic(panic: &std::panic::PanicHookInfo<'_>) {
    let place = panic.location().map(ToString::to_string).unwrap_or_default();
    let words =
        panic.payload().downcast_ref::<&str>().copied().unwrap_or("its message may quote data, and is left out");
    tracing::error!(place, "a fault of ours: {words}");
}

/// Whose lines are written from a function's level on: ours. Libraries write bodies and headers when they write everything.
const OWN: [&str; 8] = [
    "deskwire",
    "api",
    "oauth",
    "qualtrics_webhook",
    "scheduler",
    "token_refresh",
    "workflow_runner",
    "zendesk_webhook",
];

/// Our lines from this level on, and what goes wrong elsewhere. Lambda's runtime names the call that a line is about.
fn only_own(level: &str) -> String {
    let level = level.parse().unwrap_or(LevelFilter::INFO);
    OWN.iter().fold("warn,lambda_runtime=info".to_owned(), |all, own| format!("{all},{own}={level}"))
}

/// Where lines go.
#[derive(Clone, Copy)]
enum Stream {
    Output,
    Error,
}

fn start(filter: EnvFilter, format: Format, stream: Stream, variable: &dyn Fn(&str) -> Option<String>) -> Telemetry {
    let lines: Box<dyn Layer<Registry> + Send + Sync> = match stream {
        Stream::Output => lines(format, std::io::stdout),
        Stream::Error => lines(format, std::io::stderr),
    };
    let registry = tracing_subscriber::registry().with(lines.with_filter(filter));
    #[cfg(feature = "otlp")]
    let (registry, telemetry) = match otlp::start(variable) {
        None => (registry.with(None), Telemetry::default()),
        Some((layer, traces)) => (registry.with(Some(layer)), Telemetry { traces: Some(traces) }),
    };
    #[cfg(not(feature = "otlp"))]
    let telemetry = {
        let _ = variable;
        Telemetry::default()
    };
    // Whoever has started logs before, such as a test, keeps them.
    if registry.try_init().is_ok() {
        std::panic::set_hook(Box::new(log_panic));
    }
    telemetry
}

/// Writes lines.
fn lines<S, W>(format: Format, writer: W) -> Box<dyn Layer<S> + Send + Sync>
where
    S: tracing::Subscriber + for<'a> LookupSpan<'a>,
    W: for<'a> tracing_subscriber::fmt::MakeWriter<'a> + Send + Sync + 'static,
{
    let writer = OneLine { writer, colours: format == (Format::Text { colours: true }) };
    match format {
        Format::Text { colours } => {
            Box::new(tracing_subscriber::fmt::layer().with_writer(writer).with_ansi(colours).with_target(false))
        }
        Format::Json => Box::new(
            json_subscriber::fmt::layer()
                .with_writer(writer)
                .with_target(false)
                .flatten_event(true)
                .flatten_span_list_on_top_level(true)
                .with_current_span(false)
                .with_span_list(false),
        ),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests may panic")]

    use std::io::Write;
    use std::sync::{Arc, Mutex};

    use serde_json::Value;
    use tracing::{info, info_span, warn};

    use super::*;

    #[derive(Clone, Default)]
    struct Paper(Arc<Mutex<Vec<u8>>>);

    impl Write for Paper {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_functions_level_is_that_of_our_own_lines() {
        for (level, written) in [("trace", true), ("error", false), ("nonsense", true)] {
            let paper = Paper::default();
            let writer = paper.clone();
            let lines = lines(Format::Json, move || writer.clone()).with_filter(EnvFilter::new(only_own(level)));
            tracing::subscriber::with_default(tracing_subscriber::registry().with(lines), || {
                info!(target: "deskwire_engine::execute", "ours");
                info!(target: "aws_smithy_runtime", "theirs");
                warn!(target: "hyper", "trouble");
            });
            let text = String::from_utf8(paper.0.lock().unwrap().clone()).unwrap();
            assert_eq!(text.contains("ours"), written, "{level}: {text}");
            assert!(!text.contains("theirs") && text.contains("trouble"), "{level}: {text}");
        }
    }

    #[test]
    fn no_text_from_outside_begins_a_line_or_reaches_the_terminal_as_a_code() {
        let evil = "x\n2026-01-01 ERROR forged\r\u{1b}[2J\u{1b}[8m\u{202e}\u{9b}2J";
        for format in [Format::Text { colours: false }, Format::Text { colours: true }, Format::Json] {
            let paper = Paper::default();
            let writer = paper.clone();
            let registry = tracing_subscriber::registry().with(lines(format, move || writer.clone()));
            tracing::subscriber::with_default(registry, || {
                let span = info_span!("run", subject = %evil).entered();
                info!(subject = %evil, other = evil, "said: {evil}");
                drop(span);
                warn!("next");
            });
            let text = String::from_utf8(paper.0.lock().unwrap().clone()).unwrap();
            assert_eq!(text.lines().count(), 2, "{format:?}: {text}");
            for code in ["\u{1b}[2J", "\u{1b}[8m", "\u{202e}", "\u{9b}", "\r"] {
                assert!(!text.contains(code), "{format:?}: {code:?} in {text:?}");
            }
            let coloured = format == (Format::Text { colours: true });
            assert_eq!(text.contains('\u{1b}'), coloured, "{text:?}");
        }
    }

    #[test]
    fn a_line_of_json_has_the_fields_of_its_spans_beside_its_own() {
        let paper = Paper::default();
        let writer = paper.clone();
        let registry = tracing_subscriber::registry().with(lines(Format::Json, move || writer.clone()));
        tracing::subscriber::with_default(registry, || {
            let run = info_span!("run", run = "run_1", workflow = "post", request_id = "req_1").entered();
            let call = info_span!("call", connection = "slack").entered();
            info!(outcome = "ok", "called");
            drop(call);
            drop(run);
            warn!("alone");
        });
        let text = String::from_utf8(paper.0.lock().unwrap().clone()).unwrap();
        let lines: Vec<Value> = text.lines().map(|line| deskwire_core::json::from_str(line).unwrap()).collect();
        for (field, value) in [
            ("level", "INFO"),
            ("message", "called"),
            ("outcome", "ok"),
            ("run", "run_1"),
            ("workflow", "post"),
            ("request_id", "req_1"),
            ("connection", "slack"),
        ] {
            assert_eq!(lines[0][field], value, "{field}: {text}");
        }
        assert_eq!((&lines[1]["message"], &lines[1]["run"]), (&Value::from("alone"), &Value::Null));
    }
}
