//! A step's `with`: literals checked against the action's input, texts compiled.

use std::ops::Range;

use deskwire_core::action::Action;
use deskwire_core::limit::{Limit, first_breach};
use deskwire_templates::piped::{self, Rewritten};
use deskwire_templates::{Template, Templates};
use serde_json::{Value, json};

use crate::input::{Input, Part};
use crate::markup::Markup;
use crate::names::{Spot, Use, Written};
use crate::report::Report;
use crate::schema::{Schema, in_words};
use crate::yaml::{Key, Kind, Node};
use crate::{indentation, suggest};

/// The action whose answers piped text is about.
const RESPONSE: &str = "qualtrics.get_response";

/// A mistake that has been told.
struct Told;

/// Compiles one value at a time.
pub(crate) struct With<'a, 's> {
    pub templates: &'a Templates,
    pub spot: &'a Spot<'s>,
}

impl With<'_, '_> {
    /// Compiles the inputs of an action. `place` is where to say that one is missing.
    pub(crate) fn read(
        &self,
        node: Option<&Node>,
        action: &dyn Action,
        place: Range<usize>,
        report: &mut Report<'_>,
    ) -> Input {
        let spec = action.spec();
        let schema = Schema::new(&spec.input);
        let nothing = Vec::new();
        let members = match node.map(|node| (&node.kind, node)) {
            Some((Kind::Map(members), _)) => members,
            Some((Kind::Broken, _)) => return Input::default(),
            Some((other, node)) => {
                let message = format!("`with` must be a map of inputs, not {}", other.what());
                let help = format!("the inputs of `{}` are: {}", spec.name, schema.members().join(", "));
                report.error_with_help(node.span.clone(), message, help);
                return Input::default();
            }
            None => &nothing,
        };
        for name in schema.required() {
            let given = members.iter().find(|(key, _)| key.name == name);
            if given.is_none_or(|(_, value)| matches!(value.kind, Kind::Null)) {
                let place = given.map_or_else(|| place.clone(), |(key, _)| key.span.clone());
                let help = format!("add `{name}` under `with`; `deskwire actions show {}` shows an example", spec.name);
                report.error_with_help(place, format!("`{}` needs the input `{name}`", spec.name), help);
            }
        }
        let parts = members.iter().map(|(key, value)| {
            let member = known(key, &schema, &format!("`{}` has no input `{}`", spec.name, key.name), report);
            let markup = Markup::of(member.as_ref(), members);
            let part = self.part(value, member.as_ref(), &key.name, markup, report);
            keep_limits(action.limits(), &key.name, value, &part, report);
            (key.name.clone(), part)
        });
        Input::new(parts.collect())
    }

    /// Reads the inputs of an action that does not exist: its mistakes are told already, those in the texts are not.
    pub(crate) fn read_names(&self, node: Option<&Node>, report: &mut Report<'_>) -> Input {
        if let Some(Node { kind: Kind::Map(members), .. }) = node {
            for (key, value) in members {
                self.part(value, None, &key.name, Markup::None, report);
            }
        }
        Input::default()
    }

    /// Compiles one value that is no action's input.
    pub(crate) fn value(&self, node: &Node, name: &str, report: &mut Report<'_>) -> Part {
        self.part(node, None, name, Markup::None, report)
    }

    fn part(
        &self,
        node: &Node,
        schema: Option<&Schema<'_>>,
        path: &str,
        markup: Markup,
        report: &mut Report<'_>,
    ) -> Part {
        match &node.kind {
            Kind::Text(text) => self.text(node, text, schema, path, markup, report),
            Kind::List(items) => {
                check_kind(node, schema, path, report);
                let known = schema.map(Schema::items);
                let items = items.iter().enumerate();
                let parts =
                    items.map(|(at, item)| self.part(item, known.as_ref(), &format!("{path}[{at}]"), markup, report));
                list(parts.collect())
            }
            Kind::Map(members) => {
                check_kind(node, schema, path, report);
                let parts = members.iter().map(|(key, value)| {
                    let message = format!("`{path}` has no `{}`", key.name);
                    let member = schema
                        .filter(|schema| !schema.members().is_empty())
                        .and_then(|schema| known(key, schema, &message, report));
                    let path = format!("{path}.{}", key.name);
                    let markup = markup.member(&key.name, members);
                    (key.name.clone(), self.part(value, member.as_ref(), &path, markup, report))
                });
                map(parts.collect())
            }
            other => {
                check_kind(node, schema, path, report);
                Part::Literal(match other {
                    Kind::Bool(value) => Value::Bool(*value),
                    Kind::Number(number) => Value::Number(number.clone()),
                    _ => Value::Null,
                })
            }
        }
    }

    fn text(
        &self,
        node: &Node,
        text: &str,
        schema: Option<&Schema<'_>>,
        path: &str,
        markup: Markup,
        report: &mut Report<'_>,
    ) -> Part {
        let written = Written { node, text };
        let piped = match self.piped(text, written, report) {
            Ok(piped) => piped,
            Err(Told) => return Part::Literal(Value::Null),
        };
        let back = |range: &Range<usize>| piped.as_ref().map_or_else(|| range.clone(), |piped| piped.back(range));
        let rewritten = piped.as_ref().map_or(text, |piped| &piped.text);
        let escape = markup.escape(|| self.templates.is_one_expression(rewritten));
        let template = match self.templates.value(rewritten, escape) {
            Ok(template) => template,
            Err(mut error) => {
                error.range = error.range.as_ref().map(back);
                written.complain(&format!("input `{path}`"), &error, report);
                return Part::Literal(Value::Null);
            }
        };
        let mut variables = template.variables();
        if piped.is_some() {
            for variable in &mut variables {
                variable.range = back(&variable.range);
                variable.compared.iter_mut().for_each(|compared| compared.range = back(&compared.range));
            }
        }
        self.spot.check(&variables, Use::Value, written, report);
        if template.makes_text() {
            check_kind(node, schema, path, report);
        } else if let Some(schema) = schema {
            self.check_variable(&template, schema, path, written, report);
        }
        if !template.is_literal() {
            return Part::Template(Box::new(template));
        }
        if let Some(words) = schema.and_then(Schema::words).filter(|words| !words.contains(&text)) {
            let message = format!("`{path}` cannot be `{text}`");
            report.error_with_help(node.span.clone(), message, suggest::help(text, words, ""));
        }
        Part::Literal(Value::String(text.to_owned()))
    }

    /// Qualtrics' piped text as templates, where there is any.
    fn piped(&self, text: &str, written: Written<'_>, report: &mut Report<'_>) -> Result<Option<Rewritten>, Told> {
        let pipes = piped::pipes(text);
        if pipes.is_empty() {
            return Ok(None);
        }
        let errors = report.errors();
        for pipe in pipes.iter().filter(|pipe| !pipe.is_known()) {
            let place = written.place(Some(&pipe.range), report);
            let message = format!("`${{{}}}` cannot be piped", pipe.place);
            report.error_with_help(place, message, format!("what can be piped: {}", piped::KNOWN));
        }
        let Some(step) = self.spot.step_of(RESPONSE) else {
            let place = written.place(Some(&pipes[0].range), report);
            let help = format!("add a step with `action: {RESPONSE}` before this one");
            report.error_with_help(
                place,
                "piped text needs a survey's answers, and no step before this one fetches them",
                help,
            );
            return Err(Told);
        };
        if report.errors() > errors { Err(Told) } else { Ok(Some(Rewritten::new(text, &pipes, step))) }
    }

    /// Checks that what is known of a variable goes with what stands at its place. Actions read text as numbers and numbers
    /// as text, so between those nothing is certain.
    fn check_variable(
        &self,
        template: &Template,
        schema: &Schema<'_>,
        path: &str,
        written: Written<'_>,
        report: &mut Report<'_>,
    ) {
        let Some(variable) = template.one_variable() else { return };
        let given = self.spot.resolve(&variable.path);
        let (Some(kinds), Some(taken)) = (given.kinds(), schema.kinds()) else { return };
        let kinds: Vec<&str> = kinds.into_iter().filter(|kind| *kind != "null").collect();
        let taken: Vec<&str> = taken.into_iter().filter(|kind| *kind != "null").collect();
        if kinds.is_empty() || taken.is_empty() || kinds.iter().any(|kind| fits(kind, &taken)) {
            return;
        }
        let name = variable.path.join(".");
        let message = format!("`{path}` takes {}, and `{name}` is {}", in_words(&taken), in_words(&kinds));
        let place = written.place(Some(&variable.range), report);
        let is_part = |kind: &str| matches!(kind, "array" | "object");
        if kinds.iter().all(|kind| is_part(kind)) || taken.iter().all(|kind| is_part(kind)) {
            report.error_with_help(place, message, way_out(&name, &kinds, &taken, &given));
        } else {
            report.warning(place, message, "if it is text that holds such a value, all is well; else convert it");
        }
    }
}

/// May a value of this kind stand where these are taken? Whole numbers are numbers, and text takes whatever can be written.
fn fits(kind: &str, taken: &[&str]) -> bool {
    taken.iter().any(|taken| {
        *taken == kind
            || matches!(
                (kind, *taken),
                ("integer", "number") | ("number", "integer") | ("integer" | "number" | "boolean", "string")
            )
    })
}

fn way_out(name: &str, kinds: &[&str], taken: &[&str], given: &Schema<'_>) -> String {
    match (kinds, taken) {
        (["array"], ["string"]) => {
            format!("write `{{{{ {name} | join(\", \") }}}}`, or go over it with `for_each`")
        }
        (["array"], _) => "go over it with `for_each`".to_owned(),
        (["object"], _) if !given.members().is_empty() => {
            let members: Vec<&str> = given.members().into_iter().take(6).collect();
            format!("take a part of it, such as `{name}.{}`; it has: {}", members[0], members.join(", "))
        }
        (_, ["array"]) => format!("for a list of one, write `[\"{{{{ {name} }}}}\"]`"),
        _ => String::new(),
    }
}

/// The schema of a member; a member that must not be there is told.
fn known<'s>(key: &Key, schema: &Schema<'s>, message: &str, report: &mut Report<'_>) -> Option<Schema<'s>> {
    let member = schema.member(&key.name);
    if member.is_none() && schema.is_closed() && !report.is_full() {
        let help = indentation::elsewhere("`with`", &key.name)
            .unwrap_or_else(|| suggest::help(&key.name, schema.members(), "it takes none"));
        report.error_with_help(key.span.clone(), message, help);
    }
    member
}

/// Holds to the provider's limits what stands there as it is. What templates make is held to them before it is sent.
fn keep_limits(limits: &[Limit], name: &str, node: &Node, part: &Part, report: &mut Report<'_>) {
    match (part, &node.kind) {
        (Part::Literal(value), _) => {
            let Some(breach) = first_breach(limits, &json!({ name: value })) else { return };
            let item = breach.item.and_then(|at| if let Kind::List(items) = &node.kind { items.get(at) } else { None });
            report.error_with_help(item.unwrap_or(node).span.clone(), breach.problem, breach.advice);
        }
        // Of a list or an object that is not known as a whole, what is known in it.
        (Part::List(parts), Kind::List(items)) => {
            for (part, item) in parts.iter().zip(items) {
                let Part::Literal(value) = part else { continue };
                if let Some(breach) = first_breach(limits, &json!({ name: [value] })) {
                    report.error_with_help(item.span.clone(), breach.problem, breach.advice);
                }
            }
        }
        (Part::Map(parts), Kind::Map(members)) => {
            for ((member, part), (_, node)) in parts.iter().zip(members) {
                let Part::Literal(value) = part else { continue };
                if let Some(breach) = first_breach(limits, &json!({ name: { member.as_str(): value } })) {
                    report.error_with_help(node.span.clone(), breach.problem, breach.advice);
                }
            }
        }
        _ => {}
    }
}

fn check_kind(node: &Node, schema: Option<&Schema<'_>>, path: &str, report: &mut Report<'_>) {
    let Some(schema) = schema.filter(|schema| !schema.takes(&node.kind)) else { return };
    // Null stands for "not given"; whether it must be given has been asked already.
    if matches!(node.kind, Kind::Null) {
        return;
    }
    let kinds = schema.kinds().unwrap_or_default();
    let takes = |kind: &str| kinds.contains(&kind);
    let help = match node.kind {
        Kind::Number(_) | Kind::Bool(_) if takes("string") => "put quotes around it",
        Kind::Text(_) if takes("integer") || takes("number") || takes("boolean") => {
            "write it without quotes, or as one whole `{{ … }}`, which keeps the type of its value"
        }
        _ => "",
    };
    let message = format!("`{path}` takes {}, not {}", in_words(&kinds), node.kind.what());
    report.error_with_help(node.span.clone(), message, help);
}

/// A list of literals is a literal.
fn list(parts: Vec<Part>) -> Part {
    if parts.iter().all(|part| matches!(part, Part::Literal(_))) {
        return Part::Literal(parts.into_iter().filter_map(literal).collect());
    }
    Part::List(parts)
}

fn map(parts: Vec<(String, Part)>) -> Part {
    if parts.iter().all(|(_, part)| matches!(part, Part::Literal(_))) {
        let members = parts.into_iter().filter_map(|(name, part)| Some((name, literal(part)?)));
        return Part::Literal(Value::Object(members.collect()));
    }
    Part::Map(parts)
}

fn literal(part: Part) -> Option<Value> {
    match part {
        Part::Literal(value) => Some(value),
        _ => None,
    }
}
