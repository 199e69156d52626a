//! The shape of a template, before and while its tree is read: how deep it may nest, and what a part of it is for sure.
//!
//! The engine's parser, compiler and our reader all walk by recursion. [`check_shape`] counts tokens, without recursion, and
//! refuses what could become deeper than a thread's stack.

use std::ops::Range;

use minijinja::machinery::{Span, Token, ast, tokenize};

use crate::error::{ErrorKind, TemplateError};
use crate::language::delimiters;

/// Tokens within one tag; an expression this long can be nested that deep.
const MAX_TOKENS_IN_TAG: usize = 256;
/// `{% … %}` tags; each `elif` nests once more.
const MAX_BLOCKS: usize = 128;
/// Tokens within all `{% … %}` tags together; each `set` can wrap the one before.
const MAX_TOKENS_IN_BLOCKS: usize = 1024;

/// Refuses what would nest deeper than the stack. Text the lexer cannot read is left for the parser to complain about:
/// it stops at the same place.
pub(crate) fn check_shape(text: &str, in_expression: bool) -> Result<(), TemplateError> {
    let (mut in_tag, mut blocks, mut in_blocks, mut is_block) = (0, 0, 0, false);
    for token in tokenize(text, in_expression, delimiters()) {
        let Ok((token, span)) = token else { return Ok(()) };
        match token {
            Token::BlockStart => (in_tag, blocks, is_block) = (0, blocks + 1, true),
            Token::VariableStart => (in_tag, is_block) = (0, false),
            Token::TemplateData(_) | Token::VariableEnd | Token::BlockEnd => {}
            _ => {
                in_tag += 1;
                in_blocks += usize::from(is_block);
            }
        }
        if in_tag > MAX_TOKENS_IN_TAG || blocks > MAX_BLOCKS || in_blocks > MAX_TOKENS_IN_BLOCKS {
            let message = format!(
                "the template is too complicated: an expression may hold {MAX_TOKENS_IN_TAG} words and signs, \
                 and a text {MAX_BLOCKS} `{{% … %}}` tags; split it over several steps"
            );
            return Err(TemplateError::new(ErrorKind::Syntax, message, Some(bytes(span))));
        }
    }
    Ok(())
}

pub(crate) fn bytes(span: Span) -> Range<usize> {
    let at = |offset: u32| usize::try_from(offset).unwrap_or(usize::MAX);
    at(span.start_offset)..at(span.end_offset)
}

/// An expression's place. The engine lets the span of `a.b` begin at the dot.
pub(crate) fn whole(expression: &ast::Expr<'_>) -> Span {
    let mut span = expression.span();
    let mut inner = expression;
    while let Some(first) = match inner {
        ast::Expr::GetAttr(attribute) => Some(&attribute.expr),
        ast::Expr::GetItem(item) => Some(&item.expr),
        ast::Expr::Filter(filter) => filter.expr.as_ref(),
        ast::Expr::BinOp(binary) => Some(&binary.left),
        ast::Expr::Compare(compare) => Some(&compare.expr),
        ast::Expr::Slice(slice) => Some(&slice.expr),
        ast::Expr::Call(call) => Some(&call.expr),
        ast::Expr::Test(test) => Some(&test.expr),
        ast::Expr::IfExpr(choice) => Some(&choice.true_expr),
        _ => None,
    } {
        inner = first;
    }
    span.start_offset = span.start_offset.min(inner.span().start_offset);
    span
}

/// Is the expression a number whatever is in scope?
pub(crate) fn is_number(expression: &ast::Expr<'_>) -> bool {
    match expression {
        ast::Expr::Const(constant) => constant.value.is_number(),
        ast::Expr::UnaryOp(unary) => matches!(unary.op, ast::UnaryOpKind::Neg),
        ast::Expr::Filter(filter) => matches!(filter.name, "int" | "float" | "round" | "abs" | "length" | "count"),
        ast::Expr::BinOp(binary) => match binary.op {
            ast::BinOpKind::Sub
            | ast::BinOpKind::Div
            | ast::BinOpKind::FloorDiv
            | ast::BinOpKind::Rem
            | ast::BinOpKind::Pow => true,
            ast::BinOpKind::Add | ast::BinOpKind::Mul => is_number(&binary.left) && is_number(&binary.right),
            _ => false,
        },
        _ => false,
    }
}

/// The name an expression begins with.
pub(crate) fn root<'t>(expression: &'t ast::Expr<'_>) -> Option<&'t str> {
    match expression {
        ast::Expr::Var(variable) => Some(variable.id),
        ast::Expr::GetAttr(attribute) => root(&attribute.expr),
        _ => None,
    }
}
