//! Compiling a workflow file: its head, its trigger, and its steps with what they know of each other.

use std::collections::BTreeMap;
use std::ops::Range;

use deskwire_core::ids::{SourceName, WorkflowName, WorkflowVersion};
use deskwire_templates::Condition;
use sha2::{Digest, Sha256};

use crate::fields::{Fields, NotYet, name, text};
use crate::load::{Options, read_file};
use crate::names::{Known, Names, Written};
use crate::project_file::Declared;
use crate::report::Report;
use crate::workflow::{Step, Trigger, Workflow};
use crate::yaml::{Kind, Node};
use crate::{step, suggest};

const KEYS: [&str; 5] = ["name", "description", "active", "trigger", "steps"];
const LATER: [NotYet; 2] = [
    ("lane", "every event is handled in order for now: remove it"),
    ("inputs", "a workflow gets an event and nothing else: remove it"),
];
const TRIGGER_KEYS: [&str; 3] = ["source", "event", "when"];
const TRIGGER_LATER: [NotYet; 2] = [
    ("schedule", "events of a source start a workflow for now: name its `source` and `event`"),
    ("manual", "events of a source start a workflow for now: name its `source` and `event`"),
];
const EXAMPLE: &str = "a workflow has a `name`, a `trigger` and `steps`";
/// More steps than anybody follows; it bounds what one run can do.
const MAX_STEPS: usize = 200;

/// What a workflow is compiled against.
#[derive(Clone, Copy)]
pub(crate) struct Compiler<'a> {
    pub options: &'a Options<'a>,
    /// Sources and connections, if they are to be looked up.
    pub declared: Option<&'a Declared>,
}

/// What compiling brought.
#[derive(Default)]
pub(crate) struct Compiled {
    /// The name that the file gives, and where.
    pub name: Option<(String, Range<usize>)>,
    /// The workflow, if the file has no errors.
    pub workflow: Option<Workflow>,
}

/// Compiles the report's file; every mistake goes into the report.
pub(crate) fn workflow(report: &mut Report<'_>, options: &Options<'_>, declared: Option<&Declared>) -> Compiled {
    let compiler = Compiler { options, declared };
    let Some(root) = read_file(report, EXAMPLE) else { return Compiled::default() };
    let Some(fields) = Fields::read(&root, "the workflow", &KEYS, &LATER, report) else { return Compiled::default() };
    let named = fields.require("name", "name: notify-assignee", report);
    let named = named.and_then(|node| text(node, "`name`", report));
    let parsed = named.clone().and_then(|(given, span)| name(given, span, "`name`", WorkflowName::parse, report));
    let description = fields.text("description", report).map(|(text, _)| text.trim().to_owned());
    let active = fields.bool("active", report).unwrap_or(true);
    let items = read_items(&fields, report);
    let known = know(items, &compiler, report);
    let example = "trigger: { source: zendesk-support, event: ticket.created }";
    let trigger = fields.require("trigger", example, report);
    let trigger = trigger.and_then(|node| compiler.trigger(node, &known, report));
    let steps = compiler.steps(items, &known, report);
    let workflow = match (parsed, trigger) {
        (Some(name), Some(trigger)) if !report.has_errors() => Some(Workflow {
            name,
            description,
            active,
            version: version(&report.file.text),
            trigger,
            steps,
            text: report.file.text.clone(),
            file: report.file.path.clone(),
        }),
        _ => None,
    };
    Compiled { name: named.map(|(given, span)| (given.to_owned(), span)), workflow }
}

/// The first 12 hex digits of the text's SHA-256.
fn version(text: &str) -> WorkflowVersion {
    let mut digits = hex::encode(Sha256::digest(text.as_bytes()));
    digits.truncate(12);
    WorkflowVersion::new(digits)
}

fn read_items<'n>(fields: &Fields<'n>, report: &mut Report<'_>) -> &'n [Node] {
    let Some(node) = fields.require("steps", "steps: [{ id: ticket, action: zendesk.look_up_ticket, … }]", report)
    else {
        return &[];
    };
    match &node.kind {
        Kind::List(items) if items.is_empty() => {
            report.error_with_help(node.span.clone(), "the workflow has no steps", "add at least one");
            &[]
        }
        Kind::List(items) if items.len() > MAX_STEPS => {
            let message = format!("the workflow has {} steps; {MAX_STEPS} are the most", items.len());
            report.error_with_help(node.span.clone(), message, "split it into several workflows");
            &[]
        }
        Kind::List(items) => items,
        Kind::Broken => &[],
        other => {
            let message = format!("`steps` must be a list, not {}", other.what());
            report.error_with_help(node.span.clone(), message, "begin each step with `- id: …`");
            &[]
        }
    }
}

/// What steps can know of each other before any of them is compiled. Ids that stand twice are told here.
fn know<'n>(items: &'n [Node], compiler: &Compiler<'n>, report: &mut Report<'_>) -> Vec<Known<'n>> {
    let mut lines: BTreeMap<&str, usize> = BTreeMap::new();
    items
        .iter()
        .map(|item| {
            let (id, place) = member(item, "id").unwrap_or_default();
            let line = report.place(place.start).0;
            if let Some(first) = lines.get(id).filter(|_| !id.is_empty()) {
                let message = format!("a step `{id}` stands in line {first} already");
                report.error_with_help(place, message, "give each step an id of its own");
            } else {
                lines.insert(id, line);
            }
            let action = member(item, "action").and_then(|(action, _)| compiler.options.actions.get(action));
            let continues = member(item, "on_error").is_some_and(|(word, _)| word == "continue");
            Known { id, output: action.map(|action| &action.spec().output), continues }
        })
        .collect()
}

/// A text member of a map, without a word about anything else.
fn member<'n>(node: &'n Node, name: &str) -> Option<(&'n str, Range<usize>)> {
    let Kind::Map(members) = &node.kind else { return None };
    match members.iter().find(|(key, _)| key.name == name)? {
        (_, Node { kind: Kind::Text(text), span }) => Some((text, span.clone())),
        _ => None,
    }
}

impl Compiler<'_> {
    fn steps(&self, items: &[Node], known: &[Known<'_>], report: &mut Report<'_>) -> Vec<Step> {
        let mut steps = Vec::with_capacity(items.len());
        for (before, item) in items.iter().enumerate() {
            let id = known[before].id;
            let place = if id.is_empty() { format!("step {}", before + 1) } else { format!("step `{id}`") };
            let names = Names { steps: known, before, in_trigger: false, place: &place };
            steps.extend(step::read(item, names, self, report));
        }
        steps
    }

    fn trigger(&self, node: &Node, known: &[Known<'_>], report: &mut Report<'_>) -> Option<Trigger> {
        let fields = Fields::read(node, "the trigger", &TRIGGER_KEYS, &TRIGGER_LATER, report)?;
        // A trigger of a kind that comes later lacks these for a reason that has been told.
        let told = TRIGGER_LATER.iter().any(|(key, _)| fields.key(key).is_some());
        let source =
            if told { fields.get("source") } else { fields.require("source", "source: zendesk-support", report) };
        let source = source.and_then(|node| self.source(node, report));
        let event = if told { fields.get("event") } else { fields.require("event", "event: ticket.created", report) };
        let events = event.map(|node| read_events(node, report)).unwrap_or_default();
        let names = Names { steps: known, before: 0, in_trigger: true, place: "the trigger" };
        let (when, when_text) = self.condition(&fields, "when", names, report);
        Some(Trigger { source: source?, events, when, when_text })
    }

    fn source(&self, node: &Node, report: &mut Report<'_>) -> Option<SourceName> {
        let (given, span) = text(node, "`source`", report)?;
        if let Some(declared) = self.declared.filter(|declared| !declared.sources.contains_key(given)) {
            let known = declared.sources.keys().map(String::as_str);
            let help = suggest::help(given, known, "declare it under `sources` in deskwire.yaml");
            report.error_with_help(span, format!("there is no source `{given}`"), help);
            return None;
        }
        name(given, span, "`source`", SourceName::parse, report)
    }

    /// A condition and its text without braces.
    pub(crate) fn condition(
        &self,
        fields: &Fields<'_>,
        key: &str,
        names: Names<'_>,
        report: &mut Report<'_>,
    ) -> (Option<Condition>, Option<String>) {
        let Some(node) = fields.get(key) else { return (None, None) };
        let given = match &node.kind {
            // `if: false` is a way to switch a step off for a while.
            Kind::Bool(value) => value.to_string(),
            _ => match text(node, &format!("`{key}`"), report) {
                Some((given, _)) => given.to_owned(),
                None => return (None, None),
            },
        };
        let written = Written { node, text: &given };
        match self.options.templates.condition(&given) {
            Ok(condition) => {
                names.check(&condition.variables(), written, report);
                let bare = given.trim().strip_prefix("{{").and_then(|rest| rest.strip_suffix("}}")).unwrap_or(&given);
                (Some(condition), Some(bare.trim().to_owned()))
            }
            Err(error) => {
                written.complain(&format!("`{key}`"), &error, report);
                (None, None)
            }
        }
    }
}

fn read_events(node: &Node, report: &mut Report<'_>) -> Vec<String> {
    let single = std::slice::from_ref(node);
    let items = match &node.kind {
        Kind::List(items) => items.as_slice(),
        _ => single,
    };
    if items.is_empty() {
        report.error_with_help(node.span.clone(), "`event` names no event", "add one, such as `ticket.created`");
    }
    let mut events = Vec::new();
    for item in items {
        let Some((given, span)) = text(item, "`event`", report) else { continue };
        if is_pattern(given) {
            events.push(given.to_owned());
        } else {
            let help = "write a type such as `ticket.created`, or a prefix with `.*` at its end such as `ticket.*`";
            report.error_with_help(span, format!("`{given}` is no event type"), help);
        }
    }
    events
}

/// A type in words joined by dots, or such a prefix with `.*` at its end.
fn is_pattern(text: &str) -> bool {
    let word = |word: &str| {
        !word.is_empty() && word.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | ':' | '/'))
    };
    text.strip_suffix(".*").unwrap_or(text).split('.').all(word)
}
