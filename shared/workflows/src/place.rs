//! Finding a part of a text value in the file it was read from.

use std::ops::Range;

use crate::yaml::Node;

/// Where `part` of a text value stands in the file. Quotes, escapes and indentation make the file's bytes differ from the
/// value's, so the part's words are looked for, counting how often they occur before it; where they cannot be found as they
/// are, the place is the whole value.
pub(crate) fn within(source: &str, node: &Node, value: &str, part: Option<&Range<usize>>) -> Range<usize> {
    let whole = node.span.clone();
    let (Some(part), Some(raw)) = (part, source.get(whole.clone())) else { return whole };
    let Some(words) = value.get(part.clone()) else { return whole };
    let words = words.lines().map(str::trim).find(|line| !line.is_empty()).unwrap_or_default();
    if words.is_empty() {
        return whole;
    }
    let start = part.start + value[part.clone()].find(words).unwrap_or_default();
    let earlier = value.match_indices(words).take_while(|(at, _)| *at < start).count();
    match raw.match_indices(words).nth(earlier) {
        Some((at, _)) => whole.start + at..whole.start + at + words.len(),
        None => whole,
    }
}
