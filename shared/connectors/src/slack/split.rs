//! Cutting a long text into messages of Slack's safe length. Called by `content`, for steps that say `if_too_long: split`.
//!
//! A cut lies at the end of a line; within a line that is too long by itself, at a space, else anywhere. Never within
//! `<…>` or `&…;`, which would break links and mentions. A cut within a fence (three backticks) closes the fence and
//! opens it again in the next part. The same text gives the same parts every time, since each part's trace is derived from
//! its number.

/// A fence as Slack writes it.
const FENCE: &str = "```";

/// What closes a fence at the end of a part.
const CLOSING: &str = "\n```";

/// What opens it again.
const REOPENING: &str = "```\n";

/// A link or mention that no part can hold whole.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Indivisible;

/// The length that limits are counted in: UTF-16 units, since Slack does not say what a character is and they are the larger
/// count.
pub(crate) fn length(text: &str) -> usize {
    text.encode_utf16().count()
}

/// The parts of a text, none longer than `most` and none blank; one part where the text fits.
pub(crate) fn split(text: &str, most: usize) -> Result<Vec<String>, Indivisible> {
    if length(text) <= most {
        return Ok(vec![text.to_owned()]);
    }
    let mut parts = Parts { most, done: Vec::new(), part: String::new(), used: 0, fenced: false };
    for line in text.split('\n') {
        parts.add(line)?;
    }
    parts.end_part();
    Ok(parts.done)
}

struct Parts {
    most: usize,
    done: Vec<String>,
    part: String,
    /// The length of `part`.
    used: usize,
    /// Is a fence open at the end of `part`?
    fenced: bool,
}

impl Parts {
    /// Adds a line, in a new part where it does not fit into this one.
    fn add(&mut self, line: &str) -> Result<(), Indivisible> {
        if !self.part.is_empty() {
            if self.room_for("\n", line) {
                self.push("\n");
                self.push(line);
                return Ok(());
            }
            self.begin_part();
        }
        let mut rest = line;
        while !self.room_for("", rest) {
            let cut = self.cut(rest);
            if cut == 0 {
                return Err(Indivisible);
            }
            self.push(&rest[..cut]);
            self.begin_part();
            rest = rest[cut..].trim_start_matches(' ');
        }
        self.push(rest);
        Ok(())
    }

    fn push(&mut self, piece: &str) {
        self.fenced = self.fenced_after(piece);
        self.used += length(piece);
        self.part.push_str(piece);
    }

    fn fenced_after(&self, piece: &str) -> bool {
        self.fenced ^ (piece.matches(FENCE).count() % 2 == 1)
    }

    /// Does the piece fit, and the closing of a fence that it leaves open?
    fn room_for(&self, joint: &str, piece: &str) -> bool {
        let closing = if self.fenced_after(piece) { CLOSING.len() } else { 0 };
        self.used + joint.len() + length(piece) + closing <= self.most
    }

    /// Where to cut a line that does not fit: the last place that leaves room for closing a fence, if possible behind a
    /// space.
    fn cut(&self, line: &str) -> usize {
        let room = self.most.saturating_sub(self.used + CLOSING.len());
        let (mut at_space, mut anywhere, mut used) = (0, 0, 0);
        while let Some(piece) = indivisible(&line[anywhere..]) {
            used += length(piece);
            if used > room {
                break;
            }
            anywhere += piece.len();
            if piece == " " {
                at_space = anywhere;
            }
        }
        if at_space > 0 { at_space } else { anywhere }
    }

    /// Ends the part. One that would show nothing is left out.
    fn end_part(&mut self) {
        let mut part = std::mem::take(&mut self.part);
        self.used = 0;
        if self.fenced {
            // A fence opened by the last line of a part would be shut empty: it opens in the next part instead.
            match part.trim_end().strip_suffix(FENCE).map(|before| before.trim_end().len()) {
                Some(length) => part.truncate(length),
                None => part.push_str(CLOSING),
            }
        }
        if !part.trim().is_empty() {
            self.done.push(part);
        }
    }

    fn begin_part(&mut self) {
        self.end_part();
        if self.fenced {
            REOPENING.clone_into(&mut self.part);
            self.used = REOPENING.len();
        }
    }
}

/// What stands at the beginning of a line and must stay together: `<…>`, `&…;`, a fence, or one character.
fn indivisible(line: &str) -> Option<&str> {
    let first = line.chars().next()?;
    let end = match first {
        // Without a closing bracket of its own it is a character like others.
        '<' => {
            line[1..].find(['<', '>']).map(|end| end + 1).filter(|end| line[*end..].starts_with('>')).map(|end| end + 1)
        }
        '&' => ["&amp;", "&lt;", "&gt;"].iter().find(|entity| line.starts_with(**entity)).map(|entity| entity.len()),
        '`' if line.starts_with(FENCE) => Some(FENCE.len()),
        _ => None,
    };
    Some(&line[..end.unwrap_or(first.len_utf8())])
}

#[cfg(test)]
mod tests;
