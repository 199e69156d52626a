//! Compiling steps that hold others: `choose` and `for_each`.

use crate::call::on_error;
use crate::compile::{Compiler, list};
use crate::fields::{Fields, text};
use crate::names::{Spot, Written};
use crate::outline::{Branch, Part};
use crate::report::Report;
use crate::schema::Schema;
use crate::step::{Around, is_word};
use crate::with::With;
use crate::workflow::{Case, Choose, ForEach, Step, StepKind};
use crate::yaml::{Kind, Node};
use crate::{input::Input, schema};

/// More items at once than this draw on a provider's limits faster than it allows.
const MAX_PARALLEL: u64 = 32;
/// What an item cannot be called: names with a meaning of their own, and words of the template language.
const TAKEN: [&str; 18] = [
    "event",
    "steps",
    "inputs",
    "loop",
    "arrived",
    "connection",
    "self",
    "true",
    "false",
    "none",
    "not",
    "and",
    "or",
    "in",
    "is",
    "if",
    "else",
    "range",
];

impl<'s> Compiler<'s> {
    pub(crate) fn choose(
        &self,
        fields: &Fields<'s>,
        id: &str,
        number: usize,
        around: &Around<'s>,
        report: &mut Report<'_>,
    ) -> Choose {
        let inside = |branch, spot: Spot<'s>| {
            let mut spot = spot;
            spot.within.push(Part { owner: number, branch });
            around.within(spot, id)
        };
        let mut cases: Vec<Case> = Vec::new();
        let mut seen: Vec<(String, usize)> = Vec::new();
        let mut settled = false;
        for (at, node) in
            fields.get("choose").map(|node| read_cases(node, report)).unwrap_or_default().iter().enumerate()
        {
            let what = format!("case {} of {}", at + 1, around.spot.place);
            let Some(case) = Fields::read(node, &what, &["when", "steps"], report) else { continue };
            if settled {
                let help = "a case before it always holds";
                report.warning(node.span.start..node.span.start, format!("{what} is never taken"), help);
            }
            let mut spot = around.spot.clone();
            let when = case.require("when", "when: event.data.detail.priority == \"URGENT\"", report);
            let when = when.and_then(|node| {
                let test = self.test(node, "when", &spot, report)?;
                spot.asked.extend(test.steps());
                spot.conditions.extend(report.file.text.get(node.span.clone()).map(str::to_owned));
                compare_case(&test.to_string(), node, &mut seen, report);
                if test.always() == Some(false) {
                    let help = "say what must hold, or remove the case";
                    report.warning(node.span.clone(), format!("`when` is always false: {what} is never taken"), help);
                }
                settled |= test.always() == Some(true);
                Some(test)
            });
            let steps = case.require("steps", "steps: [{ id: tell, action: slack.post_message, … }]", report);
            let steps = steps.map(|node| list(node, &what, report)).unwrap_or_default();
            let steps = self.steps(steps, &inside(Branch::Case(at), spot), report);
            cases.extend(when.map(|when| Case { when, steps }));
        }
        let otherwise = fields.get("otherwise").map(|node| {
            if settled {
                let place = fields.key("otherwise").unwrap_or(node.span.clone());
                report.warning(place, "`otherwise` is never taken", "a case before it always holds");
            }
            let steps = list(node, &format!("`otherwise` of {}", around.spot.place), report);
            self.steps(steps, &inside(Branch::Otherwise, around.spot.clone()), report)
        });
        Choose { cases, otherwise: otherwise.unwrap_or_default() }
    }

    pub(crate) fn for_each(
        &self,
        fields: &Fields<'s>,
        id: &str,
        number: usize,
        around: &Around<'s>,
        report: &mut Report<'_>,
    ) -> Option<StepKind> {
        let items = fields.get("for_each").and_then(|node| self.items(node, &around.spot, report));
        let item = read_item(fields, &around.spot, report);
        let known = items.as_ref().map(|(_, known)| known.clone()).unwrap_or_default();
        let mut spot = around.spot.clone();
        spot.items.push((item.clone(), known));
        spot.within.push(Part { owner: number, branch: Branch::Turn });
        let steps = fields.require("steps", "steps: [{ id: tell, action: slack.post_message, … }]", report);
        let steps = steps.map(|node| list(node, &around.spot.place, report)).unwrap_or_default();
        let steps = self.steps(steps, &around.within(spot.clone(), id), report);
        let hint = "it is how many items are under way at once";
        let parallel = fields.count("parallel", 1..=MAX_PARALLEL, hint, report).unwrap_or(1);
        if parallel > 1 && steps.iter().any(waits) {
            let place = fields.get("parallel").map_or(fields.span.clone(), |node| node.span.clone());
            let help = "remove `parallel`: a loop that waits goes item by item";
            report.error_with_help(place, "a loop with a `wait` in it cannot be parallel", help);
        }
        spot.before = around.spot.outline.steps.get(number).map_or(spot.before, |known| known.after);
        spot.place = format!("`result` of {}", around.spot.place);
        let result = fields.get("result").map(|node| {
            let with = With { templates: self.options.templates, spot: &spot };
            Input::value("result", with.value(node, "result", report))
        });
        let (on_error, parallel) = (on_error(fields, report), usize::try_from(parallel).unwrap_or(1));
        let (items, _) = items?;
        Some(StepKind::ForEach(Box::new(ForEach { items, item, parallel, steps, result, on_error })))
    }

    /// Reads `for_each`, which must be a list; what is known of its items comes back too.
    fn items(
        &self,
        node: &Node,
        spot: &Spot<'s>,
        report: &mut Report<'_>,
    ) -> Option<(deskwire_templates::Template, Schema<'s>)> {
        const HOW: &str = "give it one whole `{{ … }}` that is a list, such as `\"{{ steps.thread.messages }}\"`";
        let Kind::Text(given) = &node.kind else {
            if !matches!(node.kind, Kind::Broken) {
                let message = format!("`for_each` cannot be {}", node.kind.what());
                report.error_with_help(node.span.clone(), message, HOW);
            }
            return None;
        };
        let template = self.template(node, "for_each", spot, report)?;
        if template.makes_text() {
            report.error_with_help(node.span.clone(), "`for_each` is text, and must be a list", HOW);
            return None;
        }
        let Some(variable) = template.one_variable() else { return Some((template, Schema::default())) };
        let known = spot.resolve(&variable.path);
        let kinds: Vec<&str> = known.kinds().unwrap_or_default().into_iter().filter(|kind| *kind != "null").collect();
        if !kinds.is_empty() && !kinds.contains(&"array") {
            let place = Written { node, text: given }.place(Some(&variable.range), report);
            let message = format!("`{}` is {}, not a list", variable.path.join("."), schema::in_words(&kinds));
            report.error_with_help(place, message, HOW);
        }
        let items = known.items();
        Some((template, items))
    }
}

fn read_cases<'n>(node: &'n Node, report: &mut Report<'_>) -> &'n [Node] {
    match &node.kind {
        Kind::List(items) if !items.is_empty() => items,
        Kind::Broken => &[],
        other => {
            let what = if matches!(other, Kind::List(_)) { "an empty list" } else { other.what() };
            let help = "begin each case with `- when: …` and give it `steps`; `otherwise` stands beside `choose`";
            report.error_with_help(node.span.clone(), format!("`choose` must be a list of cases, not {what}"), help);
            &[]
        }
    }
}

/// Warns of a case whose condition stands in an earlier one.
fn compare_case(text: &str, node: &Node, seen: &mut Vec<(String, usize)>, report: &mut Report<'_>) {
    if let Some((_, line)) = seen.iter().find(|(earlier, _)| earlier == text) {
        let message = format!("the case in line {line} has the same condition");
        report.warning(node.span.clone(), message, "this one is never taken: the first case that holds is");
        return;
    }
    seen.push((text.to_owned(), report.place(node.span.start).0));
}

fn read_item(fields: &Fields<'_>, spot: &Spot<'_>, report: &mut Report<'_>) -> String {
    let usual = "item".to_owned();
    let given = match fields.get("as") {
        Some(node) => match text(node, "`as`", report) {
            Some(given) => given,
            None => return usual,
        },
        None => ("item", fields.key("for_each").unwrap_or(fields.span.clone())),
    };
    let (name, span) = given;
    if !is_word(name) {
        let help = "such as `message`; steps see the item by this name";
        report.error_with_help(span, "`as` may hold only lower-case letters, digits and `_`", help);
        return usual;
    }
    if TAKEN.contains(&name) {
        report.error_with_help(span, format!("an item cannot be called `{name}`"), "the name has a meaning of its own");
    } else if spot.items.iter().any(|(item, _)| item == name) {
        let help = "give one of the two another name with `as`";
        report.error_with_help(span, format!("the items of a loop around this one are called `{name}` too"), help);
    }
    name.to_owned()
}

fn waits(step: &Step) -> bool {
    matches!(step.kind, StepKind::Wait(_)) || step.inner().into_iter().any(waits)
}
