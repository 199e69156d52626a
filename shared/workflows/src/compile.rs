//! Compiling a workflow file: its head, its trigger, and its steps with what they know of each other.

use std::ops::Range;
use std::time::Duration;

use deskwire_core::ids::{WorkflowName, WorkflowVersion};
use deskwire_core::ports::LanePolicy;
use sha2::{Digest, Sha256};

use crate::events::Sender;
use crate::fields::{Fields, name, text};
use crate::load::{Options, read_file};
use crate::names::Spot;
use crate::outline::{self, Outline};
use crate::project_file::Declared;
use crate::report::Report;
use crate::trigger::{self, DESKWIRE};
use crate::workflow::Workflow;
use crate::yaml::{Kind, Node};

const KEYS: [&str; 8] = ["name", "description", "active", "lane", "skip_stale", "max_hops", "trigger", "steps"];
const EXAMPLE: &str = "a workflow has a `name`, a `trigger` and `steps`";
/// The longest chain of our own runs that a workflow can ask to take part in.
const MAX_HOPS: u64 = 10;
/// A run that waits longer for the next event is no longer about one change.
const MAX_DEBOUNCE: Duration = Duration::from_hours(1);

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
    let Some(fields) = Fields::read(&root, "the workflow", &KEYS, report) else { return Compiled::default() };
    let named = fields.require("name", "name: notify-assignee", report);
    let named = named.and_then(|node| text(node, "`name`", report));
    let parsed = named.clone().and_then(|(given, span)| name(given, span, "`name`", WorkflowName::parse, report));
    let description = fields.text("description", report).map(|(text, _)| text.trim().to_owned());
    let active = fields.bool("active", report);
    let lane = fields.get("lane").map(|node| read_lane(node, report)).unwrap_or_default();
    let skip_stale = fields.bool("skip_stale", report).unwrap_or_default();
    let hint = "it counts the runs of ours that may stand between an event from outside and one that it takes";
    let max_hops = fields.count("max_hops", 0..=MAX_HOPS, hint, report).unwrap_or_default();
    let items = read_items(&fields, report);
    let example = "trigger: { source: zendesk-support, event: ticket.created }";
    let trigger_node = fields.require("trigger", example, report);
    let source = trigger_node.and_then(|node| outline::text(node, "source")).map(|(source, _)| source);
    let mut outline = Outline::read(items, source, &compiler, report);
    (outline.event, outline.inputs) = trigger_node.map(|node| trigger::known(node, &compiler)).unwrap_or_default();
    let trigger = trigger_node.and_then(|node| trigger::read(node, &outline, &compiler, report));
    let around = crate::step::Around { spot: Spot::new(&outline, ""), path: String::new(), depth: 1, source };
    let steps = if outline.too_many { Vec::new() } else { compiler.steps(items, &around, report) };
    let workflow = match (parsed, trigger) {
        (Some(name), Some(trigger)) if !report.has_errors() => Some(Workflow {
            name,
            description,
            active,
            version: version(&report.file.text),
            trigger,
            lane,
            skip_stale,
            max_hops: u32::try_from(max_hops).unwrap_or_default(),
            steps,
            text: report.file.text.clone(),
            file: within_project(&report.file.path),
        }),
        _ => None,
    };
    Compiled { name: named.map(|(given, span)| (given.to_owned(), span)), workflow }
}

/// A file's path from the project folder on: where that lies on this machine is nobody's business.
fn within_project(path: &str) -> String {
    let from = path.rfind("workflows/").filter(|&at| at == 0 || path[..at].ends_with('/')).unwrap_or(0);
    path[from..].to_owned()
}

/// The first 12 hex digits of the text's SHA-256.
fn version(text: &str) -> WorkflowVersion {
    let mut digits = hex::encode(Sha256::digest(text.as_bytes()));
    digits.truncate(12);
    WorkflowVersion::new(digits)
}

fn read_lane(node: &Node, report: &mut Report<'_>) -> LanePolicy {
    const HOW: &str = "write `every`, `latest` or `{ debounce: 30s }`";
    match &node.kind {
        Kind::Text(word) if word == "every" => LanePolicy::Every,
        Kind::Text(word) if word == "latest" => LanePolicy::Latest,
        Kind::Map(_) => {
            let Some(fields) = Fields::read(node, "`lane`", &["debounce"], report) else {
                return LanePolicy::Every;
            };
            if fields.require("debounce", "debounce: 30s", report).is_none() {
                return LanePolicy::Every;
            }
            let wait = fields.duration_within("debounce", Duration::from_secs(1)..=MAX_DEBOUNCE, report);
            wait.map_or(LanePolicy::Every, LanePolicy::Debounce)
        }
        Kind::Broken => LanePolicy::Every,
        Kind::Text(word) => {
            report.error_with_help(node.span.clone(), format!("there is no lane `{word}`"), HOW);
            LanePolicy::Every
        }
        other => {
            report.error_with_help(node.span.clone(), format!("`lane` cannot be {}", other.what()), HOW);
            LanePolicy::Every
        }
    }
}

fn read_items<'n>(fields: &Fields<'n>, report: &mut Report<'_>) -> &'n [Node] {
    let example = "steps: [{ id: ticket, action: zendesk.look_up_ticket, … }]";
    fields.require("steps", example, report).map(|node| list(node, "the workflow", report)).unwrap_or_default()
}

/// A list of steps, at least one.
pub(crate) fn list<'n>(node: &'n Node, what: &str, report: &mut Report<'_>) -> &'n [Node] {
    match &node.kind {
        Kind::List(items) if items.is_empty() => {
            report.error_with_help(node.span.clone(), format!("{what} has no steps"), "add at least one");
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

impl<'a> Compiler<'a> {
    /// Whose events a source has, and whether those that are not known may be asked for; `None` where nobody knows.
    pub(crate) fn sender_of<'s>(&self, source: Option<&'s str>) -> Option<Sender<'s>>
    where
        'a: 's,
    {
        let (source, provider) = (source?, self.provider_of(source)?);
        let open = self.declared.is_some_and(|declared| declared.open_sources.contains(source));
        Some(Sender { source, provider, open })
    }

    /// The provider of a declared source.
    pub(crate) fn provider_of(&self, source: Option<&str>) -> Option<&'a str> {
        if source == Some(DESKWIRE) {
            return Some(DESKWIRE);
        }
        self.declared?.sources.get(source?)?.as_deref()
    }
}
