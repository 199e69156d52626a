//! A line is one line, and shows what it holds.

use std::io::{Result, Write};

use deskwire_core::visible::{one_line, with_colours};
use tracing_subscriber::fmt::MakeWriter;

/// Makes writers that write out whatever in a line does not show: texts in it come from events and from providers.
pub(crate) struct OneLine<W> {
    pub writer: W,
    /// Do the lines have colours of their own?
    pub colours: bool,
}

impl<'a, W: MakeWriter<'a>> MakeWriter<'a> for OneLine<W> {
    type Writer = Line<W::Writer>;

    fn make_writer(&'a self) -> Self::Writer {
        Line { writer: self.writer.make_writer(), colours: self.colours }
    }
}

/// Writes one line, which comes in one piece.
pub(crate) struct Line<W> {
    writer: W,
    colours: bool,
}

impl<W: Write> Write for Line<W> {
    fn write(&mut self, bytes: &[u8]) -> Result<usize> {
        let text = String::from_utf8_lossy(bytes);
        let (line, end) = text.strip_suffix('\n').map_or((&*text, ""), |line| (line, "\n"));
        let shown = if self.colours { with_colours(line, one_line) } else { one_line(line) };
        self.writer.write_all(format!("{shown}{end}").as_bytes())?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> Result<()> {
        self.writer.flush()
    }
}
