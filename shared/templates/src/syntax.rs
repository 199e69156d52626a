//! Reading a template before the engine compiles it: its shape, the names it uses, and the filters and tests it asks for.
//!
//! This file and `shape.rs` are the only ones that see the engine's tokens and syntax tree, which have no stability promise.
//!
//! The engine charges fuel for what it makes, but not while it turns a list into text, and a list can hold another one many
//! times over without being large. Three rules keep the size of every value in proportion to what is in scope and to the
//! length of the template: `*` is for numbers, a name that the template defines is used at most once in the definition of
//! another, and `map` takes one argument.

use std::collections::BTreeSet;
use std::ops::Range;

use minijinja::machinery::{Span, ast, parse, parse_expr};
use minijinja::{Environment, Value};

use crate::error::{ErrorKind, TemplateError};
use crate::exact::Operand;
use crate::language::delimiters;
use crate::shape::{bytes, check_shape, is_number, root, whole};

/// A name that a template takes from its scope, as far as the template spells it out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Variable {
    /// `["steps", "ticket", "assignee_id"]` for `steps.ticket.assignee_id`; ends where a computed part begins.
    pub path: Vec<String>,
    /// Where it stands in the template's text, in bytes.
    pub range: Range<usize>,
    /// Does the template see to the case that it is missing? It goes through `default` or `is defined`, or it is asked for,
    /// here or by an `if` around it.
    pub guarded: bool,
    /// The texts it is compared with (`==`, `!=`, `in`).
    pub compared: Vec<Compared>,
}

/// A text that a variable is compared with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Compared {
    /// The text.
    pub word: String,
    /// Where it stands, in bytes.
    pub range: Range<usize>,
}

/// What reading found.
pub(crate) struct Reading {
    /// The variables in the order of the text.
    pub variables: Vec<Variable>,
    /// Is the text one `{{ … }}` and nothing but white space around it?
    pub one_expression: bool,
    /// Is that expression a variable and nothing else?
    pub one_variable: bool,
    /// What is compared and calculated with.
    pub operands: Vec<Operand>,
}

/// Reads a text with tags.
pub(crate) fn read_template(text: &str, engine: &Environment<'_>) -> Result<Reading, TemplateError> {
    check_shape(text, false)?;
    let tree = parse(text, "template", delimiters()).map_err(|error| TemplateError::from_engine(&error, text, 0))?;
    let ast::Stmt::Template(template) = &tree else {
        return Ok(Reading { variables: Vec::new(), one_expression: false, one_variable: false, operands: Vec::new() });
    };
    let mut reader = Reader::new(text, engine);
    reader.assign("self");
    reader.body(&template.children)?;
    let is_space = |child: &ast::Stmt<'_>| matches!(child, ast::Stmt::EmitRaw(raw) if raw.raw.trim().is_empty());
    let parts: Vec<&ast::Stmt<'_>> = template.children.iter().filter(|child| !is_space(child)).collect();
    let only = match parts[..] {
        [ast::Stmt::EmitExpr(emit)] => Some(&emit.expr),
        _ => None,
    };
    let one_variable = only.is_some_and(|only| reader.variable(only).is_some());
    let Reader { variables, operands, .. } = reader;
    Ok(Reading { variables, one_expression: only.is_some(), one_variable, operands })
}

/// Reads a bare expression.
pub(crate) fn read_expression(text: &str, engine: &Environment<'_>) -> Result<Reading, TemplateError> {
    check_shape(text, true)?;
    let tree = parse_expr(text).map_err(|error| TemplateError::from_engine(&error, text, 0))?;
    let mut reader = Reader::new(text, engine);
    reader.asked(&tree)?;
    let one_variable = reader.variable(&tree).is_some();
    let Reader { variables, operands, .. } = reader;
    Ok(Reading { variables, one_expression: true, one_variable, operands })
}

type Read = Result<(), TemplateError>;

struct Reader<'a> {
    text: &'a str,
    engine: &'a Environment<'a>,
    /// The names that the template itself defines, by block.
    assigned: Vec<BTreeSet<String>>,
    /// How often names of the template's own were used so far.
    uses: usize,
    variables: Vec<Variable>,
    operands: Vec<Operand>,
    /// The paths that an `if` around has asked for.
    asked_for: Vec<Vec<String>>,
}

impl<'a> Reader<'a> {
    fn new(text: &'a str, engine: &'a Environment<'a>) -> Self {
        Self {
            text,
            engine,
            assigned: vec![BTreeSet::new()],
            uses: 0,
            variables: Vec::new(),
            operands: Vec::new(),
            asked_for: Vec::new(),
        }
    }

    fn assign(&mut self, name: &str) {
        if let Some(block) = self.assigned.last_mut() {
            block.insert(name.to_owned());
        }
    }

    fn is_assigned(&self, name: &str) -> bool {
        self.assigned.iter().any(|block| block.contains(name))
    }

    fn is_function(&self, name: &str) -> bool {
        self.engine.globals().any(|(global, _)| global == name)
    }

    fn refuse(&self, message: String, span: Span) -> Read {
        let range = bytes(span);
        let range = self.text.get(range.clone()).is_some().then_some(range);
        Err(TemplateError::new(ErrorKind::Syntax, message, range))
    }

    fn block(&mut self, statements: &[ast::Stmt<'_>]) -> Read {
        self.assigned.push(BTreeSet::new());
        let read = self.body(statements);
        self.assigned.pop();
        read
    }

    fn body(&mut self, statements: &[ast::Stmt<'_>]) -> Read {
        statements.iter().try_for_each(|statement| self.statement(statement))
    }

    fn statement(&mut self, statement: &ast::Stmt<'_>) -> Read {
        match statement {
            ast::Stmt::Template(template) => self.body(&template.children),
            ast::Stmt::EmitExpr(emit) => self.expression(&emit.expr),
            ast::Stmt::EmitRaw(_) => Ok(()),
            ast::Stmt::ForLoop(each) => {
                self.definition(&each.iter)?;
                self.assigned.push(BTreeSet::new());
                self.assign("loop");
                self.target(&each.target);
                let filter = each.filter_expr.as_ref();
                let read = filter.map_or(Ok(()), |filter| self.asked(filter)).and_then(|()| self.body(&each.body));
                self.assigned.pop();
                read?;
                self.block(&each.else_body)
            }
            ast::Stmt::IfCond(condition) => self.guarded_by(&condition.expr, |reader| {
                reader.block(&condition.true_body)?;
                reader.block(&condition.false_body)
            }),
            ast::Stmt::WithBlock(with) => {
                self.assigned.push(BTreeSet::new());
                let mut read = Ok(());
                for (target, value) in &with.assignments {
                    read = read.and_then(|()| self.definition(value));
                    self.target(target);
                }
                let read = read.and_then(|()| self.body(&with.body));
                self.assigned.pop();
                read
            }
            ast::Stmt::Set(set) => {
                self.definition(&set.expr)?;
                self.target(&set.target);
                Ok(())
            }
            ast::Stmt::SetBlock(set) => {
                self.optional(set.filter.as_ref())?;
                self.block(&set.body)?;
                self.target(&set.target);
                Ok(())
            }
            ast::Stmt::AutoEscape(auto) => {
                self.refuse("there is no `autoescape`: mark single values with `| safe`".to_owned(), auto.span())
            }
            ast::Stmt::FilterBlock(filter) => {
                self.expression(&filter.filter)?;
                self.block(&filter.body)
            }
            ast::Stmt::Do(call) => {
                self.refuse("there is no `do`: nothing in a template can be changed".to_owned(), call.span())
            }
        }
    }

    /// An expression whose value gets a name.
    fn definition(&mut self, expression: &ast::Expr<'_>) -> Read {
        let before = self.uses;
        self.expression(expression)?;
        if self.uses - before <= 1 {
            return Ok(());
        }
        let message = "this puts several names that the template defines into one: print them where they are needed, or \
                       put text together with `{% set name %}…{% endset %}`";
        self.refuse(message.to_owned(), whole(expression))
    }

    fn target(&mut self, target: &ast::Expr<'_>) {
        match target {
            ast::Expr::Var(variable) => self.assign(variable.id),
            ast::Expr::List(list) => list.items.iter().for_each(|item| self.target(item)),
            ast::Expr::Tuple(tuple) => tuple.items.iter().for_each(|item| self.target(item)),
            _ => {}
        }
    }

    fn optional(&mut self, expression: Option<&ast::Expr<'_>>) -> Read {
        expression.map_or(Ok(()), |expression| self.expression(expression))
    }

    fn all(&mut self, expressions: &[ast::Expr<'_>]) -> Read {
        expressions.iter().try_for_each(|expression| self.expression(expression))
    }

    fn arguments(&mut self, arguments: &[ast::CallArg<'_>]) -> Read {
        arguments.iter().try_for_each(|argument| match argument {
            ast::CallArg::Pos(value)
            | ast::CallArg::Kwarg(_, value)
            | ast::CallArg::PosSplat(value)
            | ast::CallArg::KwargSplat(value) => self.expression(value),
        })
    }

    fn expression(&mut self, expression: &ast::Expr<'_>) -> Read {
        if let Some(variable) = self.variable(expression) {
            self.variables.push(variable);
            return Ok(());
        }
        match expression {
            // What the template assigned itself; and the globals, which are functions.
            ast::Expr::Var(_) => {
                self.uses += 1;
                Ok(())
            }
            ast::Expr::Const(_) => Ok(()),
            ast::Expr::Slice(slice) => {
                self.expression(&slice.expr)?;
                self.optional(slice.start.as_ref())?;
                self.optional(slice.stop.as_ref())?;
                self.optional(slice.step.as_ref())
            }
            ast::Expr::UnaryOp(unary) if matches!(unary.op, ast::UnaryOpKind::Not) => self.asked(&unary.expr),
            ast::Expr::UnaryOp(unary) => {
                self.expression(&unary.expr)?;
                self.operand(&unary.expr, false);
                Ok(())
            }
            ast::Expr::BinOp(binary) if matches!(binary.op, ast::BinOpKind::ScAnd | ast::BinOpKind::ScOr) => {
                self.guarded_by(&binary.left, |reader| reader.expression(&binary.right))
            }
            ast::Expr::BinOp(binary) => {
                let multiplies = matches!(binary.op, ast::BinOpKind::Mul);
                for operand in [&binary.left, &binary.right] {
                    if multiplies && !is_number(operand) {
                        let message =
                            "`*` takes numbers: say that this is one with `| int` or `| float`, as in `x | float * 2`";
                        return self.refuse(message.to_owned(), whole(operand));
                    }
                }
                self.expression(&binary.left)?;
                self.expression(&binary.right)?;
                self.operands(binary.op, &binary.left, &binary.right);
                match binary.op {
                    ast::BinOpKind::Eq | ast::BinOpKind::Ne => self.compare(&binary.left, &binary.right),
                    ast::BinOpKind::In => self.compare_with_any(&binary.left, &binary.right),
                    _ => {}
                }
                Ok(())
            }
            ast::Expr::Compare(compare) => self.comparison(compare),
            ast::Expr::IfExpr(choice) => self.guarded_by(&choice.test_expr, |reader| {
                reader.expression(&choice.true_expr)?;
                reader.optional(choice.false_expr.as_ref())
            }),
            ast::Expr::Filter(filter) => {
                if !self.exists("filter", filter.name) {
                    return self.refuse(format!("there is no filter `{}`", filter.name), filter.span());
                }
                if filter.name == "map" && filter.args.len() != 1 {
                    let message = "`map` takes one argument: `map(attribute=\"name\")` or `map(\"upper\")`";
                    return self.refuse(message.to_owned(), filter.span());
                }
                let before = self.variables.len();
                self.optional(filter.expr.as_ref())?;
                if matches!(filter.name, "default" | "d") {
                    self.guard(before);
                }
                self.arguments(&filter.args)
            }
            ast::Expr::Test(test) => {
                if !self.exists("test", test.name) {
                    return self.refuse(format!("there is no test `{}` to ask for with `is`", test.name), test.span());
                }
                let before = self.variables.len();
                self.expression(&test.expr)?;
                if matches!(test.name, "defined" | "undefined") {
                    self.guard(before);
                }
                self.arguments(&test.args)
            }
            ast::Expr::GetAttr(attribute) => self.expression(&attribute.expr),
            ast::Expr::GetItem(item) => {
                self.expression(&item.expr)?;
                self.expression(&item.subscript_expr)
            }
            ast::Expr::Call(call) => self.call(call),
            ast::Expr::List(list) => self.all(&list.items),
            ast::Expr::Tuple(tuple) => self.all(&tuple.items),
            ast::Expr::Map(map) => {
                self.all(&map.keys)?;
                self.all(&map.values)
            }
        }
    }

    /// `a < b <= c`
    fn comparison(&mut self, compare: &ast::Compare<'_>) -> Read {
        self.expression(&compare.expr)?;
        let mut left = &compare.expr;
        self.operand(&compare.expr, true);
        for op in &compare.ops {
            self.expression(&op.expr)?;
            self.operand(&op.expr, true);
            match op.op {
                ast::CompareOpKind::Eq | ast::CompareOpKind::Ne => self.compare(left, &op.expr),
                ast::CompareOpKind::In | ast::CompareOpKind::NotIn => self.compare_with_any(left, &op.expr),
                _ => {}
            }
            left = &op.expr;
        }
        Ok(())
    }

    fn operands(&mut self, op: ast::BinOpKind, left: &ast::Expr<'_>, right: &ast::Expr<'_>) {
        let compared = match op {
            ast::BinOpKind::Concat | ast::BinOpKind::ScAnd | ast::BinOpKind::ScOr => return,
            ast::BinOpKind::Eq
            | ast::BinOpKind::Ne
            | ast::BinOpKind::Lt
            | ast::BinOpKind::Lte
            | ast::BinOpKind::Gt
            | ast::BinOpKind::Gte
            | ast::BinOpKind::In => true,
            ast::BinOpKind::Add
            | ast::BinOpKind::Sub
            | ast::BinOpKind::Mul
            | ast::BinOpKind::Div
            | ast::BinOpKind::FloorDiv
            | ast::BinOpKind::Rem
            | ast::BinOpKind::Pow => false,
        };
        // What is no number equals none, whatever form it has.
        let is_word = |side: &ast::Expr<'_>| matches!(side, ast::Expr::Const(side) if !side.value.is_number());
        if !is_word(left) && !is_word(right) {
            self.operand(left, compared);
            self.operand(right, compared);
        }
    }

    /// Notes an operand that may be, or hold, a number.
    fn operand(&mut self, expression: &ast::Expr<'_>, compared: bool) {
        match expression {
            ast::Expr::Const(constant) if !compared || !constant.value.is_number() => {}
            ast::Expr::Test(_) | ast::Expr::Map(_) => {}
            ast::Expr::List(list) => list.items.iter().for_each(|item| self.operand(item, compared)),
            ast::Expr::Tuple(tuple) => tuple.items.iter().for_each(|item| self.operand(item, compared)),
            _ => {
                let range = bytes(whole(expression));
                if self.text.get(range.clone()).is_some() {
                    self.operands.push(Operand { range, compared });
                }
            }
        }
    }

    /// An expression whose truth is asked: there, a variable may be missing.
    fn asked(&mut self, expression: &ast::Expr<'_>) -> Read {
        match expression {
            ast::Expr::UnaryOp(unary) if matches!(unary.op, ast::UnaryOpKind::Not) => self.asked(&unary.expr),
            ast::Expr::BinOp(binary) if matches!(binary.op, ast::BinOpKind::ScAnd | ast::BinOpKind::ScOr) => {
                self.guarded_by(&binary.left, |reader| reader.asked(&binary.right))
            }
            _ => {
                let before = self.variables.len();
                self.expression(expression)?;
                if self.variable(expression).is_some() {
                    self.guard(before);
                }
                Ok(())
            }
        }
    }

    /// Reads what is evaluated only after a test.
    fn guarded_by(&mut self, test: &ast::Expr<'_>, then: impl FnOnce(&mut Self) -> Read) -> Read {
        let (before, asked) = (self.variables.len(), self.asked_for.len());
        self.asked(test)?;
        self.asked_for.extend(self.variables[before..].iter().map(|variable| variable.path.clone()));
        let read = then(self);
        self.asked_for.truncate(asked);
        read
    }

    /// The variables found since then may be missing.
    fn guard(&mut self, since: usize) {
        self.variables[since..].iter_mut().for_each(|variable| variable.guarded = true);
    }

    /// Notes that one is compared with the other, if one is a variable and the other a text.
    fn compare(&mut self, left: &ast::Expr<'_>, right: &ast::Expr<'_>) {
        self.compare_with(left, right);
        self.compare_with(right, left);
    }

    /// Notes that a variable is looked for in a list that is written out.
    fn compare_with_any(&mut self, variable: &ast::Expr<'_>, list: &ast::Expr<'_>) {
        let items: &[ast::Expr<'_>] = match list {
            ast::Expr::List(list) => &list.items,
            ast::Expr::Tuple(tuple) => &tuple.items,
            _ => &[],
        };
        for item in items {
            self.compare_with(variable, item);
        }
    }

    fn compare_with(&mut self, variable: &ast::Expr<'_>, other: &ast::Expr<'_>) {
        let ast::Expr::Const(constant) = other else { return };
        let (Some(word), Some(Variable { range, .. })) = (constant.value.as_str(), self.variable(variable)) else {
            return;
        };
        let compared = Compared { word: word.to_owned(), range: bytes(constant.span()) };
        if let Some(found) = self.variables.iter_mut().rfind(|found| found.range == range) {
            found.compared.push(compared);
        }
    }

    fn call(&mut self, call: &ast::Spanned<ast::Call<'_>>) -> Read {
        match &call.expr {
            ast::Expr::Var(function) if !self.is_assigned(function.id) && !self.is_function(function.id) => {
                let known: Vec<&str> = self.engine.globals().map(|(name, _)| name).collect();
                let message = format!("there is no function `{}`; there are: {}", function.id, known.join(", "));
                return self.refuse(message, call.span());
            }
            ast::Expr::Var(_) => {}
            ast::Expr::GetAttr(method) if root(&method.expr).is_some_and(|name| self.is_assigned(name)) => {}
            ast::Expr::GetAttr(method) => {
                let message =
                    format!("values have no methods such as `{}()`: use a filter, as in `x | upper`", method.name);
                return self.refuse(message, call.span());
            }
            other => self.expression(other)?,
        }
        self.arguments(&call.args)
    }

    /// The engine's own answer, asked by its tests `is filter` and `is test`.
    fn exists(&self, test: &str, name: &str) -> bool {
        self.engine.empty_state().perform_test(test, &[Value::from(name)]).unwrap_or(false)
    }

    /// The expression as a path into the scope, if it is one.
    fn variable(&self, expression: &ast::Expr<'_>) -> Option<Variable> {
        let mut path = Vec::new();
        let mut inner = expression;
        let name = loop {
            match inner {
                ast::Expr::Var(variable) => break variable,
                ast::Expr::GetAttr(attribute) => {
                    path.push(attribute.name.to_owned());
                    inner = &attribute.expr;
                }
                ast::Expr::GetItem(item) => {
                    let ast::Expr::Const(key) = &item.subscript_expr else { return None };
                    path.push(key.value.as_str()?.to_owned());
                    inner = &item.expr;
                }
                _ => return None,
            }
        };
        if self.is_assigned(name.id) || self.is_function(name.id) {
            return None;
        }
        path.push(name.id.to_owned());
        path.reverse();
        let range = bytes(name.span()).start..bytes(expression.span()).end;
        self.text.get(range.clone())?;
        let near = |asked: &Vec<String>| asked.iter().zip(&path).take(2).all(|(asked, given)| asked == given);
        let guarded = self.asked_for.iter().any(near);
        Some(Variable { path, range, guarded, compared: Vec::new() })
    }
}
