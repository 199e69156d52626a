//! A sentence in which `backticks` set what is code, as reasons and error messages of the engine and the connectors do.

use askama::Template;
use askama::filters::HtmlSafe;

/// The sentence, escaped where it is shown. A backtick without a partner stays as it is.
#[derive(Debug, Template)]
#[template(
    ext = "html",
    source = "{% for part in parts %}{% if part.code %}<code>{{ part.text }}</code>{% else %}{{ part.text }}{% endif %}{% endfor %}"
)]
pub(crate) struct Prose {
    parts: Vec<Part>,
}

/// Its template escapes every part, so a page must not escape the whole again.
impl HtmlSafe for Prose {}

#[derive(Debug, PartialEq, Eq)]
struct Part {
    code: bool,
    text: String,
}

impl Prose {
    pub(crate) fn new(text: &str) -> Self {
        let mut parts = Vec::new();
        let mut rest = text;
        while let Some((before, code, after)) = split_code(rest) {
            parts.push(Part { code: false, text: before.to_owned() });
            parts.push(Part { code: true, text: code.to_owned() });
            rest = after;
        }
        parts.push(Part { code: false, text: rest.to_owned() });
        Self { parts }
    }
}

/// What stands before, in and after the first pair of backticks that holds something.
fn split_code(text: &str) -> Option<(&str, &str, &str)> {
    let (before, opened) = text.split_once('`')?;
    let (code, after) = opened.split_once('`')?;
    (!code.is_empty()).then_some((before, code, after))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn html(text: &str) -> String {
        Prose::new(text).render().unwrap()
    }

    #[test]
    fn what_stands_between_backticks_becomes_code() {
        assert_eq!(
            html("Step `tell` failed, see `deskwire runs list`"),
            "Step <code>tell</code> failed, see <code>deskwire runs list</code>"
        );
    }

    #[test]
    fn a_lone_backtick_stays() {
        assert_eq!(html("it's 5` long"), "it&#39;s 5` long");
        assert_eq!(html("``"), "``");
    }

    #[test]
    fn markup_is_escaped_in_code_and_beside_it() {
        assert_eq!(html("<b>`<i>`"), "&#60;b&#62;<code>&#60;i&#62;</code>");
    }
}
