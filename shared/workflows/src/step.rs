//! Compiling one step.

use std::ops::Range;

use deskwire_core::action::ActionSpec;
use deskwire_core::ids::{ConnectionName, MAX_NAME, StepPath};
use deskwire_core::retry::RetryPolicy;

use crate::compile::Compiler;
use crate::fields::{Fields, NotYet, text};
use crate::names::Names;
use crate::report::Report;
use crate::suggest;
use crate::with::With;
use crate::workflow::{OnError, OnUnknown, Step};
use crate::yaml::{Kind, Node};

const KEYS: [&str; 8] = ["id", "action", "connection", "if", "with", "retry", "on_error", "on_unknown"];
const STEPS_ARE_FLAT: &str = "steps run one after the other for now, each with an `if` of its own";
const LATER: [NotYet; 8] = [
    ("choose", STEPS_ARE_FLAT),
    ("for_each", STEPS_ARE_FLAT),
    ("steps", STEPS_ARE_FLAT),
    ("parallel", STEPS_ARE_FLAT),
    ("wait", "steps cannot wait yet: remove it"),
    ("stop", "a step that is not to run gets an `if` that is false"),
    ("fail", "a step that is not to run gets an `if` that is false"),
    ("timeout", "every action has a time limit of its own: remove it"),
];
const NONE_FITS: &str = "deskwire.yaml declares none that fits";
const RETRY_KEYS: [&str; 3] = ["attempts", "first_wait", "longest_wait"];
/// More attempts than this do not fit into the time that a lane waits.
const MAX_ATTEMPTS: u64 = 50;

/// Compiles a step. What cannot be read gets a stand-in; the mistake has been told, and the workflow is not used.
pub(crate) fn read(node: &Node, names: Names<'_>, compiler: &Compiler<'_>, report: &mut Report<'_>) -> Option<Step> {
    let fields = Fields::read(node, names.place, &KEYS, &LATER, report)?;
    let line = report.place(node.span.start).0;
    let id = fields.require("id", "id: ticket", report).and_then(|node| read_id(node, report)).unwrap_or_default();
    let spec = fields.require("action", "action: slack.post_message", report);
    let spec = spec.and_then(|node| read_action(node, compiler, report));
    let connection = read_connection(&fields, spec, compiler, report);
    let (condition, condition_text) = compiler.condition(&fields, "if", names, report);
    let input = match spec {
        Some(spec) => {
            let place = fields.key("with").or_else(|| fields.key("action")).unwrap_or(node.span.clone());
            With { templates: compiler.options.templates, names }.read(fields.get("with"), spec, place, report)
        }
        None => With { templates: compiler.options.templates, names }.read_names(fields.get("with"), report),
    };
    Some(Step {
        path: StepPath::new(id),
        id: id.to_owned(),
        action: spec.map_or_else(String::new, |spec| spec.name.to_owned()),
        connection,
        condition,
        condition_text,
        input,
        retry: read_retry(&fields, report),
        on_error: on_error(&fields, report),
        on_unknown: fields
            .word("on_unknown", &[("wait", OnUnknown::Park), ("retry", OnUnknown::Retry)], report)
            .unwrap_or_default(),
        line,
    })
}

fn on_error(fields: &Fields<'_>, report: &mut Report<'_>) -> OnError {
    fields.word("on_error", &[("fail", OnError::Fail), ("continue", OnError::Continue)], report).unwrap_or_default()
}

/// The id as later steps write it in templates.
fn read_id<'n>(node: &'n Node, report: &mut Report<'_>) -> Option<&'n str> {
    let (id, span) = text(node, "`id`", report)?;
    let rest = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
    if id.starts_with(|c: char| c.is_ascii_lowercase()) && id.chars().all(rest) && id.len() <= MAX_NAME {
        return Some(id);
    }
    let help = if id.contains('-') {
        format!("use `_`: in a template, `steps.{id}` would be a subtraction")
    } else {
        format!("begin with a letter; {MAX_NAME} characters are the most")
    };
    report.error_with_help(span, "`id` may hold only lower-case letters, digits and `_`", help);
    None
}

fn read_action<'a>(node: &Node, compiler: &Compiler<'a>, report: &mut Report<'_>) -> Option<&'a ActionSpec> {
    let (name, span) = text(node, "`action`", report)?;
    let actions = compiler.options.actions;
    let found = actions.get(name).map(|action| action.spec());
    if found.is_none() {
        let help = suggest::help(name, actions.specs().map(|spec| spec.name), "there are none");
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
    let declared = compiler.declared.map(|declared| &declared.connections);
    let fitting = declared.into_iter().flatten().filter(|(_, provider)| {
        spec.is_none_or(|spec| provider.as_deref().is_none_or(|provider| provider == spec.provider))
    });
    let fitting: Vec<&str> = fitting.map(|(name, _)| name.as_str()).collect();
    let Some(node) = fields.get("connection") else {
        let spec = spec?;
        let place: Range<usize> =
            fields.key("connection").or_else(|| fields.key("action")).unwrap_or(fields.span.clone());
        let help = match fitting.first() {
            Some(name) => format!("add `connection: {name}`"),
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
            && spec.provider != provider
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
    let Some(retry) = Fields::read(node, "`retry`", &RETRY_KEYS, &[], report) else { return usual };
    let attempts = retry.get("attempts").and_then(|node| read_attempts(node, report));
    let first_wait = retry.duration("first_wait", report).unwrap_or(usual.first_wait);
    let longest = retry.duration("longest_wait", report);
    if let (Some(longest), Some(place)) = (longest, retry.key("longest_wait"))
        && longest < first_wait
    {
        report.error_with_help(place, "`longest_wait` is shorter than `first_wait`", "make it at least as long");
    }
    let longest_wait = longest.unwrap_or(usual.longest_wait.max(first_wait));
    RetryPolicy { attempts: attempts.unwrap_or(usual.attempts), first_wait, longest_wait }
}

fn read_attempts(node: &Node, report: &mut Report<'_>) -> Option<u32> {
    let given = match &node.kind {
        Kind::Number(number) => number.as_u64().filter(|count| (1..=MAX_ATTEMPTS).contains(count)),
        Kind::Broken => return None,
        _ => None,
    };
    if given.is_none() {
        let message = format!("`attempts` must be a whole number from 1 to {MAX_ATTEMPTS}");
        report.error_with_help(node.span.clone(), message, "it counts the first call too: 1 means no retry");
    }
    given.and_then(|count| u32::try_from(count).ok())
}
