//! The names that templates and conditions use: do they exist, and are they known by the time they are asked for?

use std::ops::Range;

use deskwire_templates::{TemplateError, Variable};
use serde_json::Value;

use crate::place;
use crate::report::Report;
use crate::schema::Schema;
use crate::suggest;
use crate::yaml::Node;

/// The attributes of an event (CloudEvents 1.0), and its data.
const EVENT: [&str; 7] = ["id", "source", "type", "subject", "time", "specversion", "data"];
const ROOTS: [&str; 2] = ["event", "steps"];

/// A step as other steps see it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Known<'s> {
    pub id: &'s str,
    /// The schema of its action's output, if the action is known.
    pub output: Option<&'s Value>,
    /// Does the workflow go on when it fails, with `error` as its output?
    pub continues: bool,
}

/// Which names mean something at one place of the workflow.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Names<'s> {
    /// All steps, in order.
    pub steps: &'s [Known<'s>],
    /// How many of them have run by then.
    pub before: usize,
    /// Is it the trigger, which no step precedes?
    pub in_trigger: bool,
    /// What this place is called in messages.
    pub place: &'s str,
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

impl Names<'_> {
    /// Checks each name that a text uses.
    pub(crate) fn check(&self, variables: &[Variable], written: Written<'_>, report: &mut Report<'_>) {
        for variable in variables {
            let place = written.place(Some(&variable.range), report);
            match variable.path.first().map(String::as_str) {
                Some("event") => event(&variable.path, place, report),
                Some("steps") => self.step(&variable.path, place, report),
                Some(other) => self.unknown_root(other, &variable.path, place, report),
                None => {}
            }
        }
    }

    fn unknown_root(&self, root: &str, path: &[String], place: Range<usize>, report: &mut Report<'_>) {
        let help = if self.steps.iter().any(|step| step.id == root) {
            format!("did you mean `steps.{}`?", path.join("."))
        } else if EVENT.contains(&root) {
            format!("did you mean `event.{}`?", path.join("."))
        } else {
            suggest::help(root, ROOTS, "")
        };
        report.error_with_help(place, format!("there is no `{root}`"), help);
    }

    fn step(&self, path: &[String], place: Range<usize>, report: &mut Report<'_>) {
        let Some(id) = path.get(1) else { return };
        let known = self.steps.iter().take(self.before);
        let Some(at) = self.steps.iter().position(|step| step.id == id) else {
            let none = "no step has run before this one";
            let help = suggest::help(id, known.map(|step| step.id), none);
            report.error_with_help(place, format!("there is no step `{id}`"), help);
            return;
        };
        if at >= self.before {
            let message = if self.in_trigger {
                format!("`steps.{id}` is used in the trigger, which is asked before any step runs")
            } else {
                format!("`steps.{id}` is used in {} before that step has run", self.place)
            };
            let help = suggest_earlier(known.map(|step| step.id));
            report.error_with_help(place, message, help);
            return;
        }
        let step = self.steps[at];
        if step.continues && path.get(2).is_some_and(|field| field == "error") {
            return;
        }
        if let Some(output) = step.output {
            fields(Schema::new(output), &path[..2], &path[2..], place, report);
        }
    }
}

fn suggest_earlier<'s>(known: impl Iterator<Item = &'s str>) -> String {
    let known: Vec<&str> = known.collect();
    if known.is_empty() {
        "only `event` is known there".to_owned()
    } else {
        format!("known there: {}", known.join(", "))
    }
}

fn event(path: &[String], place: Range<usize>, report: &mut Report<'_>) {
    let Some(attribute) = path.get(1).filter(|attribute| !EVENT.contains(&attribute.as_str())) else { return };
    let help = match suggest::closest(attribute, EVENT) {
        Some(name) => format!("did you mean `event.{name}`?"),
        None => format!("what the provider sent is in `event.data`, as in `event.data.{}`", path[1..].join(".")),
    };
    report.error_with_help(place, format!("an event has no `{attribute}`"), help);
}

/// Follows a path into an output. A name that the schema does not have is an error where the schema is complete, and a
/// warning where it is not and the name looks like a slip.
fn fields(schema: Schema<'_>, before: &[String], path: &[String], place: Range<usize>, report: &mut Report<'_>) {
    let mut schema = schema;
    for (at, field) in path.iter().enumerate() {
        if let Some(next) = schema.member(field) {
            schema = next;
            continue;
        }
        let members = schema.members();
        if members.is_empty() || report.is_full() {
            return;
        }
        let owner = [before, &path[..at]].concat().join(".");
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
