//! Collecting the mistakes of one file.

use std::ops::Range;

use crate::diagnostic::{Diagnostic, Hidden, Severity};
use crate::load::SourceFile;

/// More mistakes than this in one file are not told one by one.
const MAX_PER_FILE: usize = 100;

/// The mistakes of one file, in the order in which they were found.
pub(crate) struct Report<'a> {
    pub file: &'a SourceFile,
    /// The byte at which each line starts.
    lines: Vec<usize>,
    found: Vec<Diagnostic>,
    secrets: Vec<Range<usize>>,
    unreadable: bool,
    untold: usize,
    errors: usize,
}

impl<'a> Report<'a> {
    pub(crate) fn new(file: &'a SourceFile) -> Self {
        let breaks = file.text.bytes().enumerate().filter(|(_, byte)| *byte == b'\n').map(|(at, _)| at + 1);
        let lines = std::iter::once(0).chain(breaks).collect();
        Self { file, lines, found: Vec::new(), secrets: Vec::new(), unreadable: false, untold: 0, errors: 0 }
    }

    pub(crate) fn error(&mut self, range: Range<usize>, message: impl Into<String>) {
        self.add(Severity::Error, range, message.into(), None);
    }

    pub(crate) fn error_with_help(&mut self, range: Range<usize>, message: impl Into<String>, help: impl Into<String>) {
        self.add(Severity::Error, range, message.into(), Some(help.into()).filter(|help| !help.is_empty()));
    }

    pub(crate) fn warning(&mut self, range: Range<usize>, message: impl Into<String>, help: impl Into<String>) {
        self.add(Severity::Warning, range, message.into(), Some(help.into()).filter(|help| !help.is_empty()));
    }

    fn add(&mut self, severity: Severity, range: Range<usize>, message: String, help: Option<String>) {
        self.errors += usize::from(severity == Severity::Error);
        if self.found.len() >= MAX_PER_FILE {
            self.untold += 1;
            return;
        }
        let (line, column) = self.place(range.start);
        let (file, hidden) = (self.file.path.clone(), Hidden::Nothing);
        self.found.push(Diagnostic { severity, file, line, column, message, help, range, hidden });
    }

    /// Keeps bytes of the file out of everything that is shown.
    pub(crate) fn hide(&mut self, range: Range<usize>) {
        self.secrets.push(range);
    }

    /// Shows no line of this file: it may hold secrets and cannot be read.
    pub(crate) fn hide_everything(&mut self) {
        self.unreadable = true;
    }

    pub(crate) fn has_errors(&self) -> bool {
        self.errors > 0
    }

    /// How many errors there are so far; a caller compares to see whether a part of the file is sound.
    pub(crate) fn errors(&self) -> usize {
        self.errors
    }

    /// Is there room to tell another mistake? Looking for what somebody may have meant takes time.
    pub(crate) fn is_full(&self) -> bool {
        self.found.len() >= MAX_PER_FILE
    }

    /// Line and column of a byte, both from 1.
    pub(crate) fn place(&self, byte: usize) -> (usize, usize) {
        let line = self.lines.partition_point(|start| *start <= byte);
        let start = self.lines.get(line.saturating_sub(1)).copied().unwrap_or_default();
        (line, self.file.text.get(start..byte).map_or(0, |text| text.chars().count()) + 1)
    }

    /// The mistakes by place.
    pub(crate) fn finish(mut self) -> Vec<Diagnostic> {
        let hidden = if self.unreadable {
            Hidden::Everything
        } else if self.secrets.is_empty() {
            Hidden::Nothing
        } else {
            Hidden::Parts(self.secrets.into())
        };
        for diagnostic in &mut self.found {
            diagnostic.hidden = hidden.clone();
        }
        self.found.sort_by_key(|diagnostic| diagnostic.range.start);
        if self.untold > 0
            && let Some(last) = self.found.last_mut()
        {
            let more = format!("{} more mistakes in this file are not shown", self.untold);
            last.help = Some(last.help.take().map_or_else(|| more.clone(), |help| format!("{help}; {more}")));
        }
        self.found
    }
}
