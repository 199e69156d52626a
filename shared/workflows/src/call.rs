//! Compiling a step that calls an action.

use std::ops::Range;
use std::time::Duration;

use deskwire_core::action::{ANY_PROVIDER, Action, ActionSpec};
use deskwire_core::ids::ConnectionName;
use deskwire_core::retry::RetryPolicy;

use crate::compile::Compiler;
use crate::fields::{Fields, text};
use crate::names::Spot;
use crate::report::Report;
use crate::suggest;
use crate::suggest_action::action_help;
use crate::with::With;
use crate::workflow::{ActionStep, OnError, OnUnknown};
use crate::yaml::Node;

const NONE_FITS: &str = "deskwire.yaml declares none that fits";
const RETRY_KEYS: [&str; 3] = ["attempts", "first_wait", "longest_wait"];
/// More attempts than this do not fit into the time that a lane waits.
const MAX_ATTEMPTS: u64 = 50;
/// A runner is given this long at most for one call.
const MAX_TIMEOUT: Duration = Duration::from_mins(10);

impl Compiler<'_> {
    /// Reads an action step. What cannot be read gets a stand-in; the mistake has been told, and the workflow is not used.
    pub(crate) fn call(&self, fields: &Fields<'_>, spot: &Spot<'_>, report: &mut Report<'_>) -> ActionStep {
        let action = fields.get("action").and_then(|node| read_action(node, self, report));
        let spec = action.map(Action::spec);
        let connection = read_connection(fields, spec, self, report);
        let with = With { templates: self.options.templates, spot };
        let input = match action {
            Some(action) => {
                let place = fields.key("with").or_else(|| fields.key("action")).unwrap_or(fields.span.clone());
                with.read(fields.get("with"), action, place, report)
            }
            None => with.read_names(fields.get("with"), report),
        };
        let unknown = [("wait", OnUnknown::Park), ("retry", OnUnknown::Retry)];
        ActionStep {
            action: spec.map_or_else(String::new, |spec| spec.name.to_owned()),
            connection,
            input,
            retry: read_retry(fields, report),
            timeout: fields.duration_within("timeout", Duration::from_secs(1)..=MAX_TIMEOUT, report),
            on_error: on_error(fields, report),
            on_unknown: fields.word("on_unknown", &unknown, report).unwrap_or_default(),
        }
    }
}

/// Reads `on_error`.
pub(crate) fn on_error(fields: &Fields<'_>, report: &mut Report<'_>) -> OnError {
    fields.word("on_error", &[("fail", OnError::Fail), ("continue", OnError::Continue)], report).unwrap_or_default()
}

fn read_action<'a>(node: &Node, compiler: &Compiler<'a>, report: &mut Report<'_>) -> Option<&'a dyn Action> {
    let (name, span) = text(node, "`action`", report)?;
    let actions = compiler.options.actions;
    let found = actions.get(name).map(AsRef::as_ref);
    if found.is_none() {
        let help = if report.is_full() { String::new() } else { action_help(name, actions) };
        report.error_with_help(span, format!("there is no action `{name}`"), help);
    }
    found
}

fn read_connection(
    fields: &Fields<'_>,
    spec: Option<&ActionSpec>,
    compiler: &Compiler<'_>,
    report: &mut Report<'_>,
) -> Option<ConnectionName> {
    let fits = |spec: &ActionSpec, provider: &str| spec.provider == ANY_PROVIDER || spec.provider == provider;
    let declared = compiler.declared.map(|declared| &declared.connections);
    let fitting = declared.into_iter().flatten().filter(|(_, provider)| {
        spec.is_none_or(|spec| provider.as_deref().is_none_or(|provider| fits(spec, provider)))
    });
    let fitting: Vec<&str> = fitting.map(|(name, _)| name.as_str()).collect();
    let Some(node) = fields.get("connection") else {
        let spec = spec?;
        let place: Range<usize> =
            fields.key("connection").or_else(|| fields.key("action")).unwrap_or(fields.span.clone());
        let help = match fitting.first() {
            Some(name) => format!("add `connection: {name}`"),
            None if spec.provider == ANY_PROVIDER => {
                "add `connection: NAME`, one that deskwire.yaml declares".to_owned()
            }
            None => format!("add `connection: NAME`, a connection of {} that deskwire.yaml declares", spec.provider),
        };
        report.error_with_help(place, format!("`{}` needs a `connection`", spec.name), help);
        return None;
    };
    let (given, span) = text(node, "`connection`", report)?;
    if let Some(declared) = declared {
        let Some(provider) = declared.get(given) else {
            let help = suggest::help(given, fitting, NONE_FITS);
            report.error_with_help(span, format!("there is no connection `{given}`"), help);
            return None;
        };
        if let (Some(spec), Some(provider)) = (spec, provider)
            && !fits(spec, provider)
        {
            let message =
                format!("`{}` needs a connection of {}, and `{given}` is one of {provider}", spec.name, spec.provider);
            report.error_with_help(span, message, suggest::help("", fitting, NONE_FITS));
            return None;
        }
    }
    crate::fields::name(given, span, "`connection`", ConnectionName::parse, report)
}

fn read_retry(fields: &Fields<'_>, report: &mut Report<'_>) -> RetryPolicy {
    let usual = RetryPolicy::default();
    let Some(node) = fields.get("retry") else { return usual };
    let Some(retry) = Fields::read(node, "`retry`", &RETRY_KEYS, report) else { return usual };
    let hint = "it counts the first call too: 1 means no retry";
    let attempts = retry.count("attempts", 1..=MAX_ATTEMPTS, hint, report);
    let first_wait = retry.duration("first_wait", report).unwrap_or(usual.first_wait);
    let longest = retry.duration("longest_wait", report);
    if let (Some(longest), Some(place)) = (longest, retry.key("longest_wait"))
        && longest < first_wait
    {
        report.error_with_help(place, "`longest_wait` is shorter than `first_wait`", "make it at least as long");
    }
    let longest_wait = longest.unwrap_or(usual.longest_wait.max(first_wait));
    let attempts = attempts.and_then(|count| u32::try_from(count).ok()).unwrap_or(usual.attempts);
    RetryPolicy { attempts, first_wait, longest_wait }
}
