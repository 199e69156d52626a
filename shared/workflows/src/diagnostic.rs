//! A mistake in a file: where it is, what it is, what to do about it, and how that is shown.

use std::ops::Range;
use std::sync::Arc;

use annotate_snippets::{AnnotationKind, Level, Renderer, Snippet, normalize_untrusted_str};
use serde::Serialize;

/// How bad a mistake is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// The file cannot be used.
    Error,
    /// It can, and is probably not what was meant.
    Warning,
}

/// A mistake in a project file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Diagnostic {
    /// How bad it is.
    pub severity: Severity,
    /// The file's path, as the caller named it.
    pub file: String,
    /// The line, from 1.
    pub line: usize,
    /// The column, from 1, in characters.
    pub column: usize,
    /// What is wrong. It never repeats a secret.
    pub message: String,
    /// What to do.
    pub help: Option<String>,
    /// The bytes of the file that are meant.
    #[serde(skip)]
    pub range: Range<usize>,
    /// What may not be shown with the line: values that look like secrets.
    #[serde(skip)]
    pub(crate) hidden: Hidden,
}

/// Which parts of a file's text are not shown.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) enum Hidden {
    /// All may be shown.
    #[default]
    Nothing,
    /// These bytes are covered up.
    Parts(Arc<[Range<usize>]>),
    /// No line is shown: the file could not be read, so nobody knows where its secrets are.
    Everything,
}

/// The longest line that is shown with a mistake in it, in bytes; beyond it the place has to do.
const MAX_LINE: usize = 2000;

impl Diagnostic {
    /// A mistake in a file whose text is not known.
    pub fn without_text(file: String, line: usize, column: usize, message: String, help: &str) -> Self {
        let (severity, help) = (Severity::Error, Some(help.to_owned()));
        Self { severity, file, line, column, message, help, range: 0..0, hidden: Hidden::Everything }
    }

    /// The mistake with its line of `source`, the file's text, as compilers show it. Without a source (an empty one will
    /// do) it shows the place only.
    pub fn render(&self, source: &str, colour: bool) -> String {
        let (level, style) = match self.severity {
            Severity::Error => (Level::ERROR, "error"),
            Severity::Warning => (Level::WARNING, "warning"),
        };
        let message = normalize_untrusted_str(&self.message);
        let help = self.help.as_deref().map(normalize_untrusted_str);
        let Some((shown, range)) = self.shown(source) else {
            let mut text = format!("{style}: {message}\n --> {}:{}:{}", self.file, self.line, self.column);
            if let Some(help) = help {
                text.push_str("\n  = help: ");
                text.push_str(&help);
            }
            return text;
        };
        let snippet = Snippet::source(shown)
            .line_start(self.line)
            .path(self.file.as_str())
            .annotation(AnnotationKind::Primary.span(range));
        let mut group = level.primary_title(message).element(snippet);
        if let Some(help) = help {
            group = group.element(Level::HELP.message(help));
        }
        let renderer = if colour { Renderer::styled() } else { Renderer::plain() };
        renderer.render(&[group])
    }

    /// The line to show, and the place within it; `None` if it cannot or may not be shown.
    fn shown(&self, source: &str) -> Option<(String, Range<usize>)> {
        let before = source.get(..self.range.start)?;
        source.get(self.range.clone())?;
        let start = before.rfind('\n').map_or(0, |at| at + 1);
        let end = source[self.range.start..].find('\n').map_or(source.len(), |at| self.range.start + at);
        let line = source[start..end].trim_end_matches('\r');
        if line.len() > MAX_LINE {
            return None;
        }
        let line = match &self.hidden {
            Hidden::Nothing => line.to_owned(),
            Hidden::Everything => return None,
            Hidden::Parts(parts) => covered(line, start, parts),
        };
        let begin = (self.range.start - start).min(line.len());
        let finish = (self.range.end - start).clamp(begin, line.len());
        Some((line, begin..finish))
    }
}

/// The line with stars in place of the parts, byte for byte, so that places within it stay right.
fn covered(line: &str, start: usize, parts: &[Range<usize>]) -> String {
    let hidden = |at: usize| parts.iter().any(|part| part.contains(&at));
    line.char_indices()
        .map(|(at, c)| if hidden(start + at) { "*".repeat(c.len_utf8()) } else { c.to_string() })
        .collect()
}
