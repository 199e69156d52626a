//! Templates and conditions: compiled once, evaluated often.
//!
//! A compiled template lives in an engine of its own. That is a handful of pointers: the filters, tests and settings are
//! shared by all clones of one engine.

use std::fmt;
use std::ops::Range;
use std::sync::{Arc, OnceLock};

use minijinja::Environment;
use serde_json::Value as Json;

use crate::convert::{NoJson, to_json};
use crate::error::{ErrorKind, TemplateError};
use crate::escape::{Escape, PRINTED};
use crate::exact::{Converted, Operand};
use crate::language::{Limits, Printing, engine, taken};
use crate::scope::Scope;
use crate::syntax::{Reading, Variable, read_expression, read_template};
use crate::unmet::{self, Found, Unmet};

/// The name of the one template of an engine.
const ONLY: &str = "template";
/// A condition is compiled as a template that writes something if it holds. The brackets let `a if b else c` through.
const IF: &str = "{% if (";
const THEN: &str = ") %}1{% endif %}";

/// Makes templates and conditions. Cheap to clone.
#[derive(Clone)]
pub struct Templates(Arc<Engines>);

struct Engines {
    limits: Limits,
    plain: Environment<'static>,
    /// For each place: how texts with values in them are printed, and how a single expression is evaluated.
    of: Vec<(Escape, Environment<'static>, Environment<'static>)>,
}

impl fmt::Debug for Templates {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Templates").field(&self.0.limits).finish()
    }
}

impl Templates {
    /// The language with these limits.
    pub fn new(limits: Limits) -> Self {
        let of = PRINTED
            .map(|escape| (escape, engine(limits, Printing::Text(escape)), engine(limits, Printing::Kept(escape))));
        Self(Arc::new(Engines { limits, plain: engine(limits, Printing::Text(Escape::None)), of: of.into() }))
    }

    /// The engine for texts with values in them, or for a single expression.
    fn engine(&self, escape: Escape, one_expression: bool) -> &Environment<'static> {
        let wanted = if one_expression { escape.kept() } else { escape.printed() };
        let found = self.0.of.iter().find(|(of, ..)| *of == wanted);
        found.map_or(&self.0.plain, |(_, text, kept)| if one_expression { kept } else { text })
    }

    /// Compiles a text of a workflow file: literal text; one whole `{{ … }}`, which keeps the type of its value; or text
    /// with tags in it.
    pub fn value(&self, text: &str, escape: Escape) -> Result<Template, TemplateError> {
        self.check_length(text)?;
        let limits = self.0.limits;
        if !["{{", "{%", "{#"].iter().any(|tag| text.contains(tag)) {
            return Ok(Template {
                kind: Kind::Literal(text.to_owned()),
                limits,
                variables: Arc::default(),
                one_variable: false,
            });
        }
        let reading = read_template(text, &self.0.plain)?;
        let base = self.engine(escape, reading.one_expression);
        let program = Program::new(base, text.to_owned(), 0, text.len(), &reading.operands)?;
        let kind = if reading.one_expression { Kind::Whole(program, escape) } else { Kind::Mixed(program, escape) };
        Ok(Template { kind, limits, variables: reading.variables.into(), one_variable: reading.one_variable })
    }

    /// Is the text one whole `{{ … }}`?
    pub fn is_one_expression(&self, text: &str) -> bool {
        text.contains("{{") && read_template(text, &self.0.plain).is_ok_and(|reading| reading.one_expression)
    }

    /// Compiles a condition: a bare expression, or the same in `{{ … }}`.
    pub fn condition(&self, text: &str) -> Result<Condition, TemplateError> {
        self.check_length(text)?;
        let (inner, before) = without_braces(text);
        if inner.trim().is_empty() {
            let message =
                "the condition is empty: write an expression such as `event.data.detail.priority == \"urgent\"`";
            return Err(TemplateError::new(ErrorKind::Syntax, message, Some(0..text.len())));
        }
        let Reading { mut variables, operands, .. } =
            read_expression(inner, &self.0.plain).map_err(|error| moved(error, before))?;
        let moved_range = |range: &Range<usize>| range.start + before..range.end + before;
        for variable in &mut variables {
            variable.range = moved_range(&variable.range);
            for compared in &mut variable.compared {
                compared.range = moved_range(&compared.range);
            }
        }
        let program = Program::new(&self.0.plain, format!("{IF}{inner}{THEN}"), IF.len(), inner.len(), &operands)
            .map_err(|error| moved(error, before))?;
        Ok(Condition { program, limits: self.0.limits, before, variables: variables.into(), clauses: Arc::default() })
    }

    fn check_length(&self, text: &str) -> Result<(), TemplateError> {
        let limit = self.0.limits.template_bytes;
        if text.len() <= limit {
            return Ok(());
        }
        let message = format!("the text is {} bytes long and may be {limit}: split it over several steps", text.len());
        Err(TemplateError::new(ErrorKind::TooLong, message, None))
    }
}

/// `{{ x }}` without its braces, and how many bytes were taken off in front.
fn without_braces(text: &str) -> (&str, usize) {
    let inner = text.trim().strip_prefix("{{").and_then(|rest| rest.strip_suffix("}}"));
    // `{{ a }} and {{ b }}` has braces around it too, but is no expression within them.
    match inner.filter(|inner| !inner.contains("{{")) {
        Some(inner) => (inner, text.len() - text.trim_start().len() + 2),
        None => (text, 0),
    }
}

fn moved(mut error: TemplateError, by: usize) -> TemplateError {
    error.range = error.range.map(|range| range.start + by..range.end + by);
    error
}

/// A compiled text in its engine.
#[derive(Clone)]
struct Program {
    engine: Environment<'static>,
    source: Arc<str>,
    /// How many bytes of the source come before the user's text.
    shift: usize,
    /// How many bytes are the user's.
    length: usize,
    operands: Arc<[Operand]>,
    /// The form for numbers that keep their text; `None` within where it cannot be compiled.
    exact: OnceLock<Option<Arc<Exact>>>,
}

struct Exact {
    engine: Environment<'static>,
    converted: Converted,
}

impl Program {
    fn new(
        base: &Environment<'static>,
        source: String,
        shift: usize,
        length: usize,
        operands: &[Operand],
    ) -> Result<Self, TemplateError> {
        let mut program = Self {
            engine: base.clone(),
            source: source.as_str().into(),
            shift,
            length,
            operands: operands.into(),
            exact: OnceLock::new(),
        };
        program.engine.add_template_owned(ONLY, source).map_err(|error| program.error(&error))?;
        Ok(program)
    }

    fn error(&self, error: &minijinja::Error) -> TemplateError {
        let text = self.source.get(self.shift..self.shift + self.length).unwrap_or_default();
        TemplateError::from_engine(error, text, self.shift)
    }

    fn run<T>(
        &self,
        scope: &Scope,
        limits: Limits,
        take: impl FnOnce(minijinja::Captured<'_>) -> T,
    ) -> Result<T, TemplateError> {
        let exact = if scope.is_exact() { self.exact(limits) } else { None };
        let engine = exact.map_or(&self.engine, |exact| &exact.engine);
        let error = |error: &minijinja::Error| match exact {
            None => self.error(error),
            Some(exact) => {
                let text = self.source.get(self.shift..self.shift + self.length).unwrap_or_default();
                let range = error.range().map(|range| exact.converted.back(range));
                TemplateError::from_engine_at(error, range, text, self.shift)
            }
        };
        let compiled = engine.get_template(ONLY).map_err(|cause| error(&cause))?;
        let captured = compiled.render_captured(scope.root()).map_err(|cause| error(&cause))?;
        Ok(take(captured))
    }

    fn exact(&self, limits: Limits) -> Option<&Exact> {
        let made = self.exact.get_or_init(|| {
            let mut engine = self.engine.clone();
            let converted = Converted::new(&self.source, &self.operands, self.shift);
            crate::exact::teach(&mut engine, limits.output_bytes);
            engine.add_template_owned(ONLY, converted.text.clone()).ok()?;
            Some(Arc::new(Exact { engine, converted }))
        });
        made.as_deref()
    }
}

/// A compiled text of a workflow file.
#[derive(Clone)]
pub struct Template {
    kind: Kind,
    limits: Limits,
    variables: Arc<[Variable]>,
    one_variable: bool,
}

#[derive(Clone)]
enum Kind {
    Literal(String),
    Whole(Program, Escape),
    Mixed(Program, Escape),
}

impl fmt::Debug for Template {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = match &self.kind {
            Kind::Literal(text) => text.as_str(),
            Kind::Whole(program, _) | Kind::Mixed(program, _) => &program.source,
        };
        f.debug_tuple("Template").field(&text).finish()
    }
}

impl Template {
    /// The template's value: a text, or for one whole `{{ … }}` what the expression yields, with its type.
    ///
    /// Errors: a name without a value ([`ErrorKind::Undefined`]), a limit ([`ErrorKind::Fuel`], [`ErrorKind::TooLong`]),
    /// or an operation that its values do not have ([`ErrorKind::Type`]).
    pub fn render(&self, scope: &Scope) -> Result<Json, TemplateError> {
        match &self.kind {
            Kind::Literal(text) => Ok(Json::String(text.clone())),
            Kind::Mixed(program, escape) => {
                #[expect(
                    clippy::redundant_closure_for_method_calls,
                    reason = "the bare method is bound to one lifetime"
                )]
                let text = program.run(scope, self.limits, |captured| captured.into_output())?;
                let text = escape.finished(text);
                if text.len() > self.limits.output_bytes { Err(self.too_long()) } else { Ok(Json::String(text)) }
            }
            Kind::Whole(program, escape) => {
                let value = program.run(scope, self.limits, |captured| taken(captured.state()))?.unwrap_or_default();
                if value.is_undefined() {
                    // `a if b` without an `else`: the engine prints nothing for it.
                    return Ok(Json::Null);
                }
                match to_json(&value, self.limits.output_bytes, *escape) {
                    Ok(json) => Ok(json),
                    Err(NoJson::TooLong) => Err(self.too_long()),
                    Err(NoJson::Kind(why)) => Err(TemplateError::new(ErrorKind::Type, why, Some(0..program.length))),
                }
            }
        }
    }

    fn too_long(&self) -> TemplateError {
        let limit = self.limits.output_bytes;
        let message = format!("the template makes more than {limit} bytes: shorten the values it puts in");
        TemplateError::new(ErrorKind::TooLong, message, None)
    }

    /// The names it takes from the scope, in the order of its text, each as often as it stands there.
    pub fn variables(&self) -> Vec<Variable> {
        self.variables.to_vec()
    }

    /// The one variable that it is, if it is one whole `{{ variable }}`.
    pub fn one_variable(&self) -> Option<&Variable> {
        self.variables.first().filter(|_| self.one_variable)
    }

    /// Does it always make text? One whole `{{ … }}` makes whatever its expression yields.
    pub fn makes_text(&self) -> bool {
        !matches!(self.kind, Kind::Whole(..))
    }

    /// Is it text without tags, which is the same in every scope?
    pub fn is_literal(&self) -> bool {
        matches!(self.kind, Kind::Literal(_))
    }
}

/// A part of a condition: where it stands, and the same compiled by itself.
type Clause = (Range<usize>, Program);

/// A compiled condition.
#[derive(Clone)]
pub struct Condition {
    program: Program,
    limits: Limits,
    before: usize,
    variables: Arc<[Variable]>,
    /// Its parts, once somebody has asked why it does not hold.
    clauses: Arc<OnceLock<Vec<Clause>>>,
}

impl fmt::Debug for Condition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Condition").field(&&*self.program.source).finish()
    }
}

impl Condition {
    /// Does it hold? An attribute that is missing, none, zero, and what is empty count as false; reaching into something
    /// that is missing is an error ([`ErrorKind::Undefined`]).
    pub fn holds(&self, scope: &Scope) -> Result<bool, TemplateError> {
        self.program
            .run(scope, self.limits, |captured| !captured.output().is_empty())
            .map_err(|error| moved(error, self.before))
    }

    /// The names it takes from the scope, in the order of its text, each as often as it stands there.
    pub fn variables(&self) -> Vec<Variable> {
        self.variables.to_vec()
    }

    /// Why it does not hold: the part that is false, and the values that it looks at. Of several parts joined by `and`, it
    /// is the first that is false. `None` where it holds or cannot be evaluated.
    pub fn unmet(&self, scope: &Scope) -> Option<Unmet> {
        if self.holds(scope) != Ok(false) {
            return None;
        }
        let text = self.program.source.get(self.program.shift..self.program.shift + self.program.length)?;
        let is_false =
            |program: &Program| program.run(scope, self.limits, |captured| captured.output().is_empty()) == Ok(true);
        let clauses = self.clauses.get_or_init(|| self.clauses_of(text));
        // A clause that cannot be told apart leaves the whole.
        let part =
            clauses.iter().find(|(_, program)| is_false(program)).map_or(0..text.len(), |(part, _)| part.clone());
        let values = self.values_within(scope, part.start + self.before..part.end + self.before);
        Some(Unmet { clause: text.get(part)?.trim().to_owned(), values })
    }

    /// The parts that `and` joins, each compiled by itself.
    fn clauses_of(&self, text: &str) -> Vec<Clause> {
        let compile = |part: Range<usize>| {
            let clause = text.get(part.clone())?;
            let operands = read_expression(clause, &self.program.engine).ok()?.operands;
            let source = format!("{IF}{clause}{THEN}");
            let program = Program::new(&self.program.engine, source, IF.len(), part.len(), &operands).ok()?;
            Some((part, program))
        };
        unmet::conjuncts(text).into_iter().filter_map(compile).collect()
    }

    /// The names it takes from the scope, each once, with what they stand for.
    pub fn values(&self, scope: &Scope) -> Vec<(Vec<String>, Found)> {
        self.values_within(scope, 0..usize::MAX)
    }

    fn values_within(&self, scope: &Scope, part: Range<usize>) -> Vec<(Vec<String>, Found)> {
        let mut values: Vec<(Vec<String>, Found)> = Vec::new();
        for Variable { path, range, .. } in self.variables.iter() {
            let within = part.start <= range.start && range.end <= part.end;
            if within && values.iter().all(|(known, _)| known != path) {
                values.push((path.clone(), unmet::found(scope, path)));
            }
        }
        values
    }
}
