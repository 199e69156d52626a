//! Compiling steps: what all kinds have in common, and in which order they stand.

use deskwire_core::ids::{MAX_NAME, StepPath};
use deskwire_templates::{Escape, Template};

use crate::compile::Compiler;
use crate::fields::{Fields, text};
use crate::names::{Spot, Use, Written};
use crate::report::Report;
use crate::workflow::{Step, StepKind};
use crate::yaml::{Kind, Node};

/// The keys that say what a step does, and those that go with each.
pub(crate) const KINDS: [(&str, &[&str]); 6] = [
    ("action", &["id", "action", "connection", "if", "with", "retry", "timeout", "on_error", "on_unknown"]),
    ("choose", &["id", "if", "choose", "otherwise"]),
    ("for_each", &["id", "if", "for_each", "as", "parallel", "on_error", "result", "steps"]),
    ("wait", &["id", "if", "wait"]),
    ("stop", &["id", "if", "stop"]),
    ("fail", &["id", "if", "fail"]),
];
/// Nobody follows branches within branches that are deeper.
const MAX_DEPTH: usize = 8;

/// What surrounds a list of steps.
#[derive(Clone)]
pub(crate) struct Around<'s> {
    /// Which names mean something; `before` and `place` are set for each step.
    pub spot: Spot<'s>,
    /// The path of the step around, or nothing.
    pub path: String,
    /// How many lists of steps there are around, this one included.
    pub depth: usize,
    /// The trigger's source.
    pub source: Option<&'s str>,
}

impl<'s> Around<'s> {
    /// What surrounds the steps within a step.
    pub(crate) fn within(&self, spot: Spot<'s>, step: &str) -> Self {
        let path = if self.path.is_empty() { step.to_owned() } else { format!("{}/{step}", self.path) };
        Self { spot, path, depth: self.depth + 1, source: self.source }
    }
}

impl<'s> Compiler<'s> {
    /// Compiles a list of steps.
    pub(crate) fn steps(&self, items: &'s [Node], around: &Around<'s>, report: &mut Report<'_>) -> Vec<Step> {
        if around.depth > MAX_DEPTH
            && let Some(first) = items.first()
        {
            let message = format!("these steps stand {} deep in others; {MAX_DEPTH} are the most", around.depth);
            report.error_with_help(first.span.start..first.span.start, message, "split the workflow into several");
            return Vec::new();
        }
        let mut steps = Vec::with_capacity(items.len());
        let mut ended: Option<String> = None;
        let mut told = false;
        for (at, item) in items.iter().enumerate() {
            if let Some(last) = &ended
                && !told
            {
                told = true;
                let message = format!("this step is never reached: `{last}` before it always ends the run");
                let help = format!("remove it, or give `{last}` an `if`");
                report.warning(first_line(item, report), message, help);
            }
            let Some(step) = self.step(item, at, around, report) else { continue };
            if ended.is_none() && ends(&step) {
                ended = Some(step.id.clone());
            }
            steps.push(step);
        }
        steps
    }

    fn step(&self, node: &'s Node, at: usize, around: &Around<'s>, report: &mut Report<'_>) -> Option<Step> {
        let outline = around.spot.outline;
        let number = outline.number(node);
        let known = number.and_then(|number| outline.steps.get(number));
        let place = match known {
            Some(known) if !known.id.is_empty() => format!("step `{}`", known.id),
            _ => format!("step {}", at + 1),
        };
        let mut spot = Spot { before: number.unwrap_or_default(), place, told: <_>::default(), ..around.spot.clone() };
        let (fields, kind) = read_kind(node, &spot.place, report)?;
        let line = report.place(node.span.start).0;
        let id = fields.require("id", "id: ticket", report).and_then(|node| read_id(node, report)).unwrap_or_default();
        let condition = fields.get("if").and_then(|node| {
            let test = self.test(node, "if", &spot, report)?;
            if test.always() == Some(false) {
                let message = format!("`if` is always false: {} is switched off", spot.place);
                report.warning(node.span.clone(), message, "remove the `if` to switch it on");
            }
            spot.asked.extend(test.steps());
            spot.conditions.extend(report.file.text.get(node.span.clone()).map(str::to_owned));
            Some(test)
        });
        let around = Around { spot, ..around.clone() };
        let (spot, number) = (&around.spot, number.unwrap_or_default());
        let kind = match kind {
            "choose" => StepKind::Choose(self.choose(&fields, id, number, &around, report)),
            "for_each" => self.for_each(&fields, id, number, &around, report)?,
            "wait" => self.wait(&fields, &around, report)?,
            "stop" => StepKind::Stop(self.reason(&fields, "stop", spot, report)?),
            "fail" => StepKind::Fail(self.reason(&fields, "fail", spot, report)?),
            _ => StepKind::Action(Box::new(self.call(&fields, spot, report))),
        };
        let path = if around.path.is_empty() { id.to_owned() } else { format!("{}/{id}", around.path) };
        Some(Step { path: StepPath::new(path), id: id.to_owned(), condition, kind, line })
    }

    /// Reads the reason of a `stop` or `fail`.
    fn reason(&self, fields: &Fields<'_>, key: &str, spot: &Spot<'_>, report: &mut Report<'_>) -> Option<Template> {
        let node = fields.require(key, &format!("{key}: \"nothing to do\""), report)?;
        text(node, &format!("`{key}`"), report)?;
        self.template(node, key, spot, report)
    }

    /// Compiles a text that is no input of an action.
    pub(crate) fn template(
        &self,
        node: &Node,
        key: &str,
        spot: &Spot<'_>,
        report: &mut Report<'_>,
    ) -> Option<Template> {
        let (given, _) = text(node, &format!("`{key}`"), report)?;
        let written = Written { node, text: given };
        match self.options.templates.value(given, Escape::None) {
            Ok(template) => {
                spot.check(&template.variables(), Use::Value, written, report);
                Some(template)
            }
            Err(error) => {
                written.complain(&format!("`{key}`"), &error, report);
                None
            }
        }
    }
}

/// What a step does, by the key that says so.
fn read_kind<'n>(node: &'n Node, place: &str, report: &mut Report<'_>) -> Option<(Fields<'n>, &'static str)> {
    let has =
        |key: &str| matches!(&node.kind, Kind::Map(members) if members.iter().any(|(known, _)| known.name == key));
    let given: Vec<&(&str, &[&str])> = KINDS.iter().filter(|(key, _)| has(key)).collect();
    let kinds = if given.is_empty() { KINDS.iter().collect() } else { given.clone() };
    let mut keys: Vec<&str> = Vec::new();
    for key in kinds.iter().flat_map(|(_, keys)| keys.iter()) {
        if !keys.contains(key) {
            keys.push(key);
        }
    }
    let fields = Fields::read(node, place, &keys, report)?;
    match given[..] {
        [] => {
            let words: Vec<&str> = KINDS.iter().skip(1).map(|(key, _)| *key).collect();
            let help = format!("add one, such as `action: slack.post_message`, or one of: {}", words.join(", "));
            report.error_with_help(first_line(node, report), format!("{place} has no `action`"), help);
        }
        [(first, _), (second, _), ..] => {
            let span = fields.key(second).unwrap_or(fields.span.clone());
            let message = format!("{place} has both `{first}` and `{second}`");
            report.error_with_help(span, message, "a step does one thing: make two steps of it");
        }
        [_] => {}
    }
    if let Some((kind, _)) = given.first() {
        fields.require(kind, &format!("{kind}: …"), report);
    }
    // Most steps call an action; what else is wrong with this one is told too.
    let kind = given.first().map_or("action", |(kind, _)| kind);
    Some((fields, kind))
}

/// The place of a step's first line.
fn first_line(node: &Node, report: &Report<'_>) -> std::ops::Range<usize> {
    let text = report.file.text.get(node.span.clone()).unwrap_or_default();
    node.span.start..node.span.start + text.lines().next().map_or(0, str::len)
}

/// The id as later steps write it in templates.
fn read_id<'n>(node: &'n Node, report: &mut Report<'_>) -> Option<&'n str> {
    let (id, span) = text(node, "`id`", report)?;
    if is_word(id) {
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

/// Can it be a name in a template?
pub(crate) fn is_word(text: &str) -> bool {
    let rest = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
    text.starts_with(|c: char| c.is_ascii_lowercase()) && text.chars().all(rest) && text.len() <= MAX_NAME
}

/// Does a run always end at this step?
fn ends(step: &Step) -> bool {
    if step.condition.as_ref().is_some_and(|condition| condition.always() != Some(true)) {
        return false;
    }
    let all_end = |steps: &[Step]| steps.iter().any(ends);
    match &step.kind {
        StepKind::Stop(_) | StepKind::Fail(_) => true,
        StepKind::Choose(choose) => {
            let surely = choose.cases.iter().any(|case| case.when.always() == Some(true));
            choose.cases.iter().all(|case| all_end(&case.steps)) && (surely || all_end(&choose.otherwise))
        }
        StepKind::Action(_) | StepKind::ForEach(_) | StepKind::Wait(_) => false,
    }
}
