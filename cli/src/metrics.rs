//! `/metrics`: numbers in the text format of Prometheus
//! (<https://prometheus.io/docs/instrumenting/exposition_formats/#text-based-format>): what is kept is read from the store
//! when asked, what happens is counted by this process as it happens.

use std::fmt::Write;
use std::sync::OnceLock;

use deskwire_core::ports::{Counts, Store, StoreResult};
use deskwire_core::run::RunState;
use deskwire_core::token::{Standing, TokenState};
use metrics::{Unit, describe_counter, describe_histogram};
use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle};

/// The media type of the format.
pub(crate) const MEDIA_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// The upper bounds of how long something took, in seconds: from an event that was only stored to a call that took all the
/// time it has.
const SECONDS: [f64; 13] = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0, 30.0];

/// Counts from now on. Whoever calls it again gets the same numbers.
pub(crate) fn count() -> Option<&'static PrometheusHandle> {
    static COUNTED: OnceLock<Option<PrometheusHandle>> = OnceLock::new();
    let counted = COUNTED.get_or_init(|| {
        let handle = PrometheusBuilder::new().set_buckets(&SECONDS).ok()?.install_recorder().ok()?;
        describe_histogram!("deskwire_delivery_seconds", Unit::Seconds, "How long a webhook took to be answered.");
        describe_histogram!("deskwire_call_seconds", Unit::Seconds, "How long a provider took to answer a call.");
        describe_counter!("deskwire_runs_ended_total", "Runs that ended, or that wait for a person.");
        Some(handle)
    });
    counted.as_ref()
}

/// The numbers as they are now.
pub(crate) async fn text(store: &dyn Store) -> StoreResult<String> {
    let kept = render(&store.counts().await?, &store.token_states().await?);
    Ok(kept + &count().map(PrometheusHandle::render).unwrap_or_default())
}

fn render(counts: &Counts, tokens: &[TokenState]) -> String {
    let mut text = String::new();
    // Writing to a string cannot fail.
    let _ = writeln!(text, "# HELP deskwire_events Events that are kept.\n# TYPE deskwire_events gauge");
    let _ = writeln!(text, "deskwire_events {}", counts.events);
    let _ = writeln!(text, "# HELP deskwire_runs Runs that are kept, by state.\n# TYPE deskwire_runs gauge");
    for state in RunState::ALL {
        let count = counts.runs.get(state.as_str()).copied().unwrap_or(0);
        let _ = writeln!(text, "deskwire_runs{{state=\"{}\"}} {count}", state.as_str());
    }
    let standings = [Standing::Connected, Standing::NeedsReauthorization, Standing::Disconnected];
    let _ = writeln!(
        text,
        "# HELP deskwire_connections Connections that are signed in by OAuth, by standing.\n# TYPE deskwire_connections gauge"
    );
    for standing in standings {
        let count = tokens.iter().filter(|state| state.standing == standing).count();
        let name = match standing {
            Standing::Connected => "connected",
            Standing::NeedsReauthorization => "needs_reauthorization",
            Standing::Disconnected => "disconnected",
        };
        let _ = writeln!(text, "deskwire_connections{{standing=\"{name}\"}} {count}");
    }
    let _ = writeln!(
        text,
        "# HELP deskwire_refresh_failures Renewals that have failed in a row, by connection.\n# TYPE deskwire_refresh_failures \
         gauge"
    );
    for state in tokens {
        let _ = writeln!(text, "deskwire_refresh_failures{{connection=\"{}\"}} {}", state.connection, state.failures);
    }
    text
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    #[test]
    fn every_state_has_a_line_even_where_no_run_is_in_it() {
        let counts = Counts { events: 3, runs: BTreeMap::from([("dead".to_owned(), 2)]) };
        let text = render(&counts, &[]);
        assert!(text.starts_with("# HELP deskwire_events "), "{text}");
        assert!(text.contains("\ndeskwire_events 3\n"), "{text}");
        assert!(text.contains("\ndeskwire_runs{state=\"dead\"} 2\n"), "{text}");
        assert!(text.contains("\ndeskwire_runs{state=\"unknown\"} 0\n"), "{text}");
        assert!(text.ends_with('\n'), "{text}");
    }
}
