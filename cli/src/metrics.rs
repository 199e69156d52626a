//! `/metrics`: numbers in the text format of Prometheus
//! (<https://prometheus.io/docs/instrumenting/exposition_formats/#text-based-format>), read from the store when asked.

use std::fmt::Write;

use deskwire_core::ports::{Counts, Store, StoreResult};
use deskwire_core::run::RunState;
use deskwire_core::token::{Standing, TokenState};

/// The media type of the format.
pub(crate) const MEDIA_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// The numbers as they are now.
pub(crate) async fn text(store: &dyn Store) -> StoreResult<String> {
    Ok(render(&store.counts().await?, &store.token_states().await?))
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
