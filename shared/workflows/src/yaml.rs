//! YAML as a tree with places. The only file that knows the YAML library.
//!
//! Built from the parser's events rather than through serde, so that one reading finds every duplicate key and every
//! mistake after it, and so that each key and value keeps its place. What a plain word means is decided here, strictly:
//! `true` and `false` are truth values, numbers are those of JSON, `null`, `~` and nothing are none, and all else is text,
//! `yes`, `0755` and `1_000` among it. Tags, anchors, aliases, merge keys and directives are refused, each at its place, so
//! a small file cannot stand for a large tree.

use std::collections::HashSet;
use std::ops::Range;

use granit_parser::{ErrorKind, Event, Parser, ScalarStyle, ScanError, Span, StrInput, Tag};
use serde_json::Number;

use crate::indentation;
use crate::report::Report;

/// A value and its place in the file.
#[derive(Debug, Clone)]
pub(crate) struct Node {
    pub kind: Kind,
    /// In bytes.
    pub span: Range<usize>,
}

#[derive(Debug, Clone)]
pub(crate) enum Kind {
    Null,
    Bool(bool),
    Number(Number),
    Text(String),
    List(Vec<Node>),
    Map(Vec<(Key, Node)>),
    /// Something that was refused; it has been told, and nobody needs to hear more about it.
    Broken,
}

#[derive(Debug, Clone)]
pub(crate) struct Key {
    pub name: String,
    pub span: Range<usize>,
}

impl Kind {
    /// What it is, for messages.
    pub(crate) fn what(&self) -> &'static str {
        match self {
            Self::Null => "nothing",
            Self::Bool(_) => "a truth value",
            Self::Number(_) => "a number",
            Self::Text(_) => "text",
            Self::List(_) => "a list",
            Self::Map(_) => "a map",
            Self::Broken => "something unreadable",
        }
    }
}

/// The deepest nesting; a workflow needs about ten levels.
const MAX_DEPTH: usize = 64;

/// Reads a file. `None` if there is no tree to work with; mistakes are in the report.
pub(crate) fn read(report: &mut Report<'_>) -> Option<Node> {
    let text = report.file.text.as_str();
    let options = granit_parser::options! {
        disallow_directives: true,
        flow_nesting_limit: MAX_DEPTH,
        block_nesting_limit: MAX_DEPTH,
        emit_unresolved_aliases: true,
    };
    let mut builder = Builder { parser: Parser::new_from_str_with_options(text, options), report };
    match builder.document() {
        Ok(root) => root,
        Err(error) => {
            builder.complain(&error);
            None
        }
    }
}

struct Builder<'a, 'r, 'f> {
    parser: Parser<'a, StrInput<'a>>,
    report: &'r mut Report<'f>,
}

type Item<'a> = (Event<'a>, Span);

impl<'a> Builder<'a, '_, '_> {
    fn next(&mut self) -> Result<Option<Item<'a>>, ScanError> {
        self.parser.next_event().transpose()
    }

    fn document(&mut self) -> Result<Option<Node>, ScanError> {
        let mut root = None;
        while let Some((event, span)) = self.next()? {
            match event {
                Event::DocumentStart(..) if root.is_some() => {
                    self.report.error_with_help(
                        self.bytes(&span),
                        "a second document begins here",
                        "one file holds one document: move what follows into a file of its own",
                    );
                    return Ok(root);
                }
                Event::StreamStart | Event::DocumentStart(..) | Event::DocumentEnd => {}
                Event::StreamEnd => break,
                other => root = Some(self.node(other, &span)?),
            }
        }
        Ok(root)
    }

    fn node(&mut self, event: Event<'a>, span: &Span) -> Result<Node, ScanError> {
        let range = self.bytes(span);
        self.refuse_tag(event.tag(), span);
        match event {
            Event::Scalar(text, style, ..) => Ok(Node { kind: scalar(&text, style), span: range }),
            Event::SequenceStart(..) => self.list(range.start),
            Event::MappingStart(..) => self.map(range.start),
            Event::Alias(_) | Event::UnresolvedAlias(_) => {
                let help = "anchors and aliases are not used in project files: write the value out";
                self.report.error_with_help(range.clone(), "an alias stands here", help);
                Ok(Node { kind: Kind::Broken, span: range })
            }
            _ => Ok(Node { kind: Kind::Broken, span: range }),
        }
    }

    fn list(&mut self, start: usize) -> Result<Node, ScanError> {
        let mut items = Vec::new();
        while let Some((event, span)) = self.next()? {
            if event == Event::SequenceEnd {
                return Ok(Node { kind: Kind::List(items), span: start..self.bytes(&span).end });
            }
            items.push(self.node(event, &span)?);
        }
        Ok(Node { kind: Kind::Broken, span: start..start })
    }

    fn map(&mut self, start: usize) -> Result<Node, ScanError> {
        let mut members: Vec<(Key, Node)> = Vec::new();
        let mut names = HashSet::new();
        let mut sound = true;
        while let Some((event, span)) = self.next()? {
            if event == Event::MappingEnd {
                let kind = if sound { Kind::Map(members) } else { Kind::Broken };
                return Ok(Node { kind, span: start..self.bytes(&span).end });
            }
            let key = self.key(event, &span)?;
            let Some((event, span)) = self.next()? else { break };
            let value = self.node(event, &span)?;
            let Some(key) = key else {
                // Most likely a template without quotes; that it is a map at all is an accident.
                sound = false;
                continue;
            };
            if key.name == "<<" {
                let help = "merge keys are not used in project files: write the keys out";
                self.report.error_with_help(key.span, "a merge key stands here", help);
            } else if names.insert(key.name.clone()) {
                members.push((key, value));
            } else {
                let message = format!("the key `{}` stands here a second time", key.name);
                self.report.error_with_help(key.span, message, "each key may stand once: remove one of the two");
            }
        }
        Ok(Node { kind: Kind::Broken, span: start..start })
    }

    fn key(&mut self, event: Event<'a>, span: &Span) -> Result<Option<Key>, ScanError> {
        let range = self.bytes(span);
        if let Event::Scalar(text, ..) = &event {
            self.refuse_tag(event.tag(), span);
            return Ok(Some(Key { name: text.to_string(), span: range }));
        }
        let node = self.node(event, span)?;
        if !matches!(node.kind, Kind::Broken) {
            let help = "keys are words; a template such as `{{ x }}` needs quotes around it";
            self.report.error_with_help(range, format!("{} cannot be a key", node.kind.what()), help);
        }
        Ok(None)
    }

    fn refuse_tag(&mut self, tag: Option<&Tag>, span: &Span) {
        if tag.is_some() {
            let range = span.tag_span().map_or_else(|| self.bytes(span), |span| self.bytes(&span));
            self.report.error_with_help(range, "a YAML tag (`!…`) stands here", "tags have no meaning here: remove it");
        }
    }

    /// The place of an event, without the white space that block values end with.
    fn bytes(&self, span: &Span) -> Range<usize> {
        let text = self.report.file.text.as_str();
        let range = span.byte_range().unwrap_or_default();
        let start = range.start.min(text.len());
        let end = range.end.clamp(start, text.len());
        start..start + text.get(start..end).map_or(0, |part| part.trim_end().len())
    }

    fn complain(&mut self, error: &ScanError) {
        let text = self.report.file.text.as_str();
        let start = error.marker().byte_offset().unwrap_or_default().min(text.len());
        let end = start + text.get(start..).and_then(|rest| rest.chars().next()).map_or(0, char::len_utf8);
        let help = match error.kind() {
            ErrorKind::TabInIndentation
            | ErrorKind::TabInBlockIndentation
            | ErrorKind::TabNotAllowed
            | ErrorKind::TabAtBlockScalarStart => "indent with spaces: YAML allows no tabs there",
            ErrorKind::RecursionLimitExceeded => "the file is nested too deeply: 64 levels are the most",
            ErrorKind::MappingValueNotAllowed => {
                &format!("a value with `: ` in it needs quotes; or {}", indentation::compared(text, start))
            }
            ErrorKind::ExpectedFlowMappingSeparator
            | ErrorKind::ExpectedFlowSequenceSeparator
            | ErrorKind::UnexpectedEofFlowSequence
            | ErrorKind::UnexpectedEofFlowMapping
            | ErrorKind::UnexpectedEofImplicitFlowMapping
            | ErrorKind::UnclosedFlowCollection { .. }
            | ErrorKind::MisplacedFlowCollectionEnd
            | ErrorKind::MismatchedFlowCollectionEnd { .. } => {
                "a `,` or a bracket is missing or too many; a template such as `{{ x }}` needs quotes around it"
            }
            ErrorKind::UnclosedQuotedScalar => "the closing quotation mark is missing",
            ErrorKind::InvalidTrailingSingleQuotedScalar | ErrorKind::InvalidTrailingDoubleQuotedScalar => {
                "nothing may follow the closing quotation mark: put quotes around the whole value, and others within it"
            }
            ErrorKind::UnknownQuotedScalarEscape => "write `\\\\` for a backslash, or use single quotes",
            ErrorKind::DirectiveDisallowed => "remove the line that begins with `%`",
            ErrorKind::UnexpectedCharacter { .. } => "put quotes around the value",
            _ => &indentation::compared(text, start),
        };
        self.report.error_with_help(start..end, format!("this is not YAML: {}", error.info()), help);
    }
}

fn scalar(text: &str, style: ScalarStyle) -> Kind {
    if style != ScalarStyle::Plain {
        return Kind::Text(text.to_owned());
    }
    match text {
        "" | "~" | "null" | "Null" | "NULL" => Kind::Null,
        "true" | "True" | "TRUE" => Kind::Bool(true),
        "false" | "False" | "FALSE" => Kind::Bool(false),
        _ => deskwire_core::json::from_str(text).map_or_else(|_| Kind::Text(text.to_owned()), Kind::Number),
    }
}
