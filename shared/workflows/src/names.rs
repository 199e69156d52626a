//! The names that templates and conditions use: do they exist, and are they known by the time they are asked for?

use std::cell::RefCell;
use std::ops::Range;

use deskwire_templates::{TemplateError, Variable};

use crate::events::ATTRIBUTES;
use crate::outline::{Branch, Outline, Part};
use crate::place;
use crate::report::Report;
use crate::schema::Schema;
use crate::suggest;
use crate::yaml::Node;

/// One place of the workflow, and which names mean something there.
#[derive(Clone)]
pub(crate) struct Spot<'s> {
    pub outline: &'s Outline<'s>,
    /// What this place is called in messages.
    pub place: String,
    /// Is it the trigger, which no step precedes?
    pub in_trigger: bool,
    /// Steps of a lower number have had their turn by then.
    pub before: usize,
    /// The branches and loops around it.
    pub within: Vec<Part>,
    /// The steps that conditions here and around ask for.
    pub asked: Vec<String>,
    /// The conditions here and around, as the file writes them.
    pub conditions: Vec<String>,
    /// The items of the loops around it, the innermost last.
    pub items: Vec<(String, Schema<'s>)>,
    /// The event that a wait is asked about.
    pub arrived: Option<Schema<'s>>,
    /// Steps of which it has been told here that they may not have run.
    pub told: RefCell<Vec<usize>>,
}

/// A text of the file that has been compiled, to find places in it.
#[derive(Clone, Copy)]
pub(crate) struct Written<'n> {
    pub node: &'n Node,
    pub text: &'n str,
}

impl Written<'_> {
    pub(crate) fn place(self, part: Option<&Range<usize>>, report: &Report<'_>) -> Range<usize> {
        place::within(&report.file.text, self.node, self.text, part)
    }

    pub(crate) fn complain(self, what: &str, error: &TemplateError, report: &mut Report<'_>) {
        let place = self.place(error.range.as_ref(), report);
        report.error(place, format!("{what}: {}", error.message));
    }
}

/// What a text is for: a condition can be asked about what may be missing.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Use {
    Condition,
    Value,
}

impl<'s> Spot<'s> {
    /// The trigger, or with `before` some place after the first steps.
    pub(crate) fn new(outline: &'s Outline<'s>, place: impl Into<String>) -> Self {
        Self {
            outline,
            place: place.into(),
            in_trigger: false,
            before: 0,
            within: Vec::new(),
            asked: Vec::new(),
            conditions: Vec::new(),
            items: Vec::new(),
            arrived: None,
            told: RefCell::default(),
        }
    }

    /// Checks each name that a text uses.
    pub(crate) fn check(&self, variables: &[Variable], used: Use, written: Written<'_>, report: &mut Report<'_>) {
        for variable in variables {
            let (place, path) = (written.place(Some(&variable.range), report), &variable.path);
            let Some(root) = path.first() else { continue };
            match root.as_str() {
                "steps" => self.step(variable, used, place, report),
                "event" => event(&self.outline.event, path, place, report),
                other => match self.root(other) {
                    Some(schema) if other == "arrived" => event(&schema, path, place, report),
                    Some(schema) => fields(schema, path, 1, place, report),
                    None => self.unknown_root(other, path, place, report),
                },
            }
            if variable.compared.is_empty() {
                continue;
            }
            let Some(words) = self.resolve(path).words() else { continue };
            for compared in variable.compared.iter().filter(|compared| !words.contains(&compared.word.as_str())) {
                let place = written.place(Some(&compared.range), report);
                let message = format!("`{}` is never `{}`", path.join("."), compared.word);
                report.warning(place, message, suggest::help(&compared.word, words.iter().copied(), ""));
            }
        }
    }

    /// The id of the last step before this place that calls an action.
    pub(crate) fn step_of(&self, action: &str) -> Option<&'s str> {
        let before = self.outline.steps.iter().take(self.before);
        before.rev().find(|step| step.action == Some(action)).map(|step| step.id)
    }

    /// What is known of a name here besides `steps`; `None` if it means nothing.
    fn root(&self, name: &str) -> Option<Schema<'s>> {
        if let Some((_, item)) = self.items.iter().rfind(|(item, _)| item == name) {
            return Some(item.clone());
        }
        match name {
            "event" => Some(self.outline.event.clone()),
            "inputs" => self.outline.inputs.clone(),
            "arrived" => self.arrived.clone(),
            "loop" if !self.items.is_empty() => Some(Schema::object([
                ("index", Schema::plain("integer")),
                ("index0", Schema::plain("integer")),
                ("first", Schema::plain("boolean")),
                ("last", Schema::plain("boolean")),
                ("length", Schema::plain("integer")),
            ])),
            _ => None,
        }
    }

    /// What is known of the value at a path.
    pub(crate) fn resolve(&self, path: &[String]) -> Schema<'s> {
        let (schema, rest) = match path {
            [root, id, rest @ ..] if root == "steps" => {
                let Some(at) = self.outline.find(id) else { return Schema::default() };
                let step = &self.outline.steps[at];
                if step.continues && rest.first().is_none_or(|field| field == "error") {
                    return Schema::default();
                }
                (step.output.clone(), rest)
            }
            [root, rest @ ..] => (self.root(root).unwrap_or_default(), rest),
            [] => return Schema::default(),
        };
        rest.iter().try_fold(schema, |schema, field| schema.member(field)).unwrap_or_default()
    }

    fn unknown_root(&self, root: &str, path: &[String], place: Range<usize>, report: &mut Report<'_>) {
        let help = match root {
            "loop" | "item" => "it is known within a `for_each`".to_owned(),
            "inputs" => "only a workflow with a `manual` trigger has inputs".to_owned(),
            "arrived" => "it is known in the `when` of a `wait` for an event".to_owned(),
            _ if self.outline.find(root).is_some() => format!("did you mean `steps.{}`?", path.join(".")),
            _ if ATTRIBUTES.contains(&root) => format!("did you mean `event.{}`?", path.join(".")),
            _ => {
                let here = ["event", "steps", "inputs", "loop", "arrived"].into_iter();
                let here = here.filter(|name| *name == "steps" || self.root(name).is_some());
                suggest::help(root, here.chain(self.items.iter().map(|(item, _)| item.as_str())), "")
            }
        };
        report.error_with_help(place, format!("there is no `{root}`"), help);
    }

    fn step(&self, variable: &Variable, used: Use, place: Range<usize>, report: &mut Report<'_>) {
        let path = &variable.path;
        let Some(id) = path.get(1) else { return };
        let steps = &self.outline.steps;
        let Some(at) = self.outline.find(id) else {
            let none = "no step has run before this one";
            let help = suggest::help(id, self.known().map(|at| steps[at].id), none);
            report.error_with_help(place, format!("there is no step `{id}`"), help);
            return;
        };
        let step = &steps[at];
        let common = self.within.iter().zip(&step.within).take_while(|(ours, its)| ours == its).count();
        let beyond = &step.within[common..];
        if let (Some(its), Some(ours)) = (beyond.first(), self.within.get(common))
            && its.owner == ours.owner
        {
            let owner = steps[its.owner].id;
            let message = format!("`steps.{id}` can never have run here: it stands in another branch of `{owner}`");
            report.error_with_help(place, message, "of the branches of a `choose`, one is taken");
            return;
        }
        if at >= self.before || self.within.iter().any(|part| part.owner == at) {
            let message = if self.in_trigger {
                format!("`steps.{id}` is used in the trigger, which is asked before any step runs")
            } else {
                format!("`steps.{id}` is used in {} before that step has run", self.place)
            };
            report.error_with_help(place, message, self.known_there());
            return;
        }
        if let Some(turn) = beyond.iter().find(|part| part.branch == Branch::Turn) {
            let each = steps[turn.owner].id;
            let message = format!("`steps.{id}` is known only within the loop `{each}`");
            report.error_with_help(place, message, format!("its results are `steps.{each}.results`"));
            return;
        }
        if used == Use::Value && !variable.guarded {
            self.may_not_have_run(at, beyond, place.clone(), report);
        }
        if step.continues && path.get(2).is_some_and(|field| field == "error") {
            return;
        }
        fields(step.output.clone(), path, 2, place, report);
    }

    /// Warns of a step that may have been left out, unless somebody has asked about it.
    fn may_not_have_run(&self, at: usize, beyond: &[Part], place: Range<usize>, report: &mut Report<'_>) {
        let steps = &self.outline.steps;
        let step = &steps[at];
        let has_condition = |at: usize| steps[at].condition.is_some_and(|node| !is_true(node));
        let asked = |at: usize| self.asked.iter().any(|id| id == steps[at].id);
        if asked(at) || beyond.iter().any(|part| asked(part.owner)) || self.told.borrow().contains(&at) {
            return;
        }
        let why = if let Some(part) = beyond.first() {
            format!("it stands in a branch of `{}`", steps[part.owner].id)
        } else if has_condition(at) {
            let condition = step.condition.and_then(|node| report.file.text.get(node.span.clone()));
            if condition.is_some_and(|condition| self.conditions.iter().any(|ours| ours == condition)) {
                return;
            }
            "it has an `if`".to_owned()
        } else {
            return;
        };
        self.told.borrow_mut().push(at);
        let help = format!("ask for it with `if: steps.{0}`, or say what to take instead with `| default(…)`", step.id);
        report.warning(place, format!("`steps.{}` may not have run: {why}", step.id), help);
    }

    /// The steps that have run by then.
    fn known(&self) -> impl Iterator<Item = usize> {
        (0..self.before).filter(|at| {
            let step = &self.outline.steps[*at];
            step.within.iter().enumerate().all(|(depth, part)| {
                self.within.get(depth) == Some(part)
                    || (part.branch != Branch::Turn
                        && self.within.get(depth).is_none_or(|ours| ours.owner != part.owner))
            }) && !self.within.iter().any(|part| part.owner == *at)
        })
    }

    fn known_there(&self) -> String {
        let known: Vec<&str> = self.known().map(|at| self.outline.steps[at].id).collect();
        if known.is_empty() {
            "only `event` is known there".to_owned()
        } else {
            format!("known there: {}", known.join(", "))
        }
    }
}

fn is_true(node: &Node) -> bool {
    matches!(node.kind, crate::yaml::Kind::Bool(true))
}

fn event(schema: &Schema<'_>, path: &[String], place: Range<usize>, report: &mut Report<'_>) {
    let root = &path[0];
    match path.get(1) {
        Some(attribute) if !ATTRIBUTES.contains(&attribute.as_str()) => {
            let help = match suggest::closest(attribute, ATTRIBUTES) {
                Some(name) => format!("did you mean `{root}.{name}`?"),
                None => {
                    format!("what the provider sent is in `{root}.data`, as in `{root}.data.{}`", path[1..].join("."))
                }
            };
            report.error_with_help(place, format!("an event has no `{attribute}`"), help);
        }
        _ => fields(schema.clone(), path, 1, place, report),
    }
}

/// Follows a path from its part `from` on. A name that the schema does not have is an error where the schema is complete,
/// and a warning where it is not and the name looks like a slip.
fn fields(schema: Schema<'_>, path: &[String], from: usize, place: Range<usize>, report: &mut Report<'_>) {
    let mut schema = schema;
    for (at, field) in path.iter().enumerate().skip(from) {
        if let Some(next) = schema.member(field) {
            schema = next;
            continue;
        }
        let members = schema.members();
        if members.is_empty() || report.is_full() {
            return;
        }
        let owner = path[..at].join(".");
        let message = format!("`{owner}` has no `{field}`");
        if schema.is_closed() {
            report.error_with_help(place, message, suggest::help(field, members, ""));
        } else if let Some(name) = suggest::closest(field, members) {
            report.warning(
                place,
                format!("`{owner}` is not known to have `{field}`"),
                format!("did you mean `{name}`?"),
            );
        }
        return;
    }
}
