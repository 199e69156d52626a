//! Numbers for CloudWatch, written into the log in its embedded metric format: no call, no right, no waiting.
//! <https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html>

use std::collections::BTreeMap;

use deskwire_core::ports::Settlement;
use deskwire_core::run::{Entry, RunState};
use deskwire_core::time::{Clock, SystemClock, Timestamp};
use serde_json::{Value, json};

/// The namespace that the template's alarms and dashboard read.
const NAMESPACE: &str = "Deskwire";

/// Writes numbers, where somebody reads them.
#[derive(Debug, Clone, Default)]
pub struct Metrics {
    stack: Option<String>,
}

impl Metrics {
    /// Numbers of this deployment.
    pub const fn of(stack: String) -> Self {
        Self { stack: Some(stack) }
    }

    /// Counts, by the metric's name.
    pub fn count(&self, counts: &[(&str, usize)]) {
        if let Some(stack) = &self.stack {
            let values = counts.iter().map(|(name, count)| (*name, json!(count)));
            write(&line(stack, None, "Count", values, SystemClock.now()));
        }
    }

    /// What became of a run, and how long providers took to answer its calls.
    pub(crate) fn run(&self, entries: &[Entry], settlement: Option<&Settlement>) {
        let Some(stack) = &self.stack else { return };
        let now = SystemClock.now();
        for (provider, took) in latencies(entries) {
            write(&line(stack, Some(&provider), "Milliseconds", [("ProviderLatency", json!(took))], now));
        }
        if let Some(ended) = settlement.and_then(ended) {
            write(&line(stack, None, "Count", [(ended, json!(1))], now));
        }
    }
}

/// The metric that counts this end, if it is one.
fn ended(settlement: &Settlement) -> Option<&'static str> {
    match settlement {
        Settlement::Over { state, .. } => Some(match state {
            RunState::Succeeded => "RunsSucceeded",
            RunState::Skipped => "RunsSkipped",
            RunState::Dead => "RunsDead",
            _ => "RunsFailed",
        }),
        Settlement::Park { .. } => Some("RunsUnknown"),
        _ => None,
    }
}

/// How long calls took, in milliseconds, by provider.
fn latencies(entries: &[Entry]) -> BTreeMap<String, Vec<u64>> {
    let mut latencies: BTreeMap<String, Vec<u64>> = BTreeMap::new();
    for entry in entries {
        if let Entry::Done { action, started_at, at, .. } = entry
            && let Some((provider, _)) = action.split_once('.')
        {
            let took = u64::try_from(at.since(*started_at).as_millis()).unwrap_or(u64::MAX);
            latencies.entry(provider.to_owned()).or_default().push(took);
        }
    }
    latencies
}

fn line<'m>(
    stack: &str,
    provider: Option<&str>,
    unit: &str,
    values: impl IntoIterator<Item = (&'m str, Value)>,
    now: Timestamp,
) -> Value {
    let mut line = json!({ "Stack": stack });
    let mut dimensions = vec!["Stack"];
    if let Some(provider) = provider {
        line["Provider"] = json!(provider);
        dimensions.push("Provider");
    }
    let mut metrics = Vec::new();
    for (name, value) in values {
        metrics.push(json!({ "Name": name, "Unit": unit }));
        line[name] = value;
    }
    line["_aws"] = json!({
        "Timestamp": now.as_millis(),
        "CloudWatchMetrics": [{ "Namespace": NAMESPACE, "Dimensions": [dimensions], "Metrics": metrics }],
    });
    line
}

#[expect(clippy::print_stdout, reason = "CloudWatch reads these lines from the standard output")]
fn write(line: &Value) {
    println!("{line}");
}

#[cfg(test)]
mod tests {
    use deskwire_core::ids::StepPath;
    use deskwire_core::run::Known;

    use super::*;

    #[test]
    fn a_line_says_which_of_its_numbers_are_metrics_and_of_what() {
        let made = line("prod", None, "Count", [("RunsDead", json!(1))], Timestamp::from_millis(5));
        let expected = json!({
            "Stack": "prod",
            "RunsDead": 1,
            "_aws": {
                "Timestamp": 5,
                "CloudWatchMetrics": [{
                    "Namespace": "Deskwire",
                    "Dimensions": [["Stack"]],
                    "Metrics": [{ "Name": "RunsDead", "Unit": "Count" }],
                }],
            },
        });
        assert_eq!(made, expected);
    }

    #[test]
    fn calls_of_providers_are_timed_and_steps_that_call_nobody_are_not() {
        let done = |action: &str, took: i64| Entry::Done {
            step: StepPath::new("a"),
            action: action.to_owned(),
            attempt: 1,
            started_at: Timestamp::from_millis(100),
            at: Timestamp::from_millis(100 + took),
            input: Value::Null,
            output: Value::Null,
            how: Known::Answered,
            wrote: vec![],
        };
        let entries = [done("slack.post_message", 30), done("wait", 5), done("slack.add_reaction", 7)];
        assert_eq!(latencies(&entries), BTreeMap::from([("slack".to_owned(), vec![30, 7])]));
    }

    #[test]
    fn every_metric_that_the_templates_alarms_and_dashboard_read_is_written() {
        let template = include_str!("../../../infra/template.yaml");
        for name in ["RunsDead", "RunsUnknown", "RefreshFailures", "ConnectionsNeedingPerson", "EventsAccepted"] {
            assert!(template.contains(name), "{name} is read by nobody");
        }
    }
}
