//! What an action's input is read as: its schema says so under [`MARKUP`], and within it the places of single values differ.
//! Templates escape what they put in for that place.

use deskwire_core::action::MARKUP;
use deskwire_templates::{Escape, reads_mrkdwn};

use crate::schema::Schema;
use crate::yaml::{Key, Kind, Node};

type Members<'n> = &'n [(Key, Node)];

/// What a value is read as.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Markup {
    /// As it is.
    None,
    /// As text of this kind.
    Text(Escape),
    /// As Block Kit, or a part of it.
    Blocks,
    /// As the body of a call. Its texts are values of JSON, but for those whose name says that they are HTML.
    Body,
    /// As the whole body of a call, in a language in which values are escaped so; a value that is the whole document is one
    /// in that language.
    Document(Escape),
}

/// Members of a call's body that are HTML: the text of a comment at Zendesk, and whatever else goes by that name
/// (<https://developer.zendesk.com/api-reference/ticketing/tickets/ticket_comments/#json-format>).
const HTML_MEMBERS: [&str; 1] = ["html_body"];

impl Markup {
    /// What an input is read as; `siblings` are all that the step gives.
    pub(crate) fn of(input: Option<&Schema<'_>>, siblings: Members<'_>) -> Self {
        match input.and_then(|schema| schema.extension(MARKUP)) {
            Some("mrkdwn") => Self::Text(Escape::Slack),
            Some("blocks") => Self::Blocks,
            Some("html") => Self::Text(Escape::Html),
            Some("path") => Self::Text(Escape::Path),
            Some("form") => Self::Body,
            Some("body") => language(siblings).map_or(Self::Body, Self::Document),
            _ => Self::None,
        }
    }

    /// What a member of a map is read as.
    pub(crate) fn member(self, name: &str, members: Members<'_>) -> Self {
        match self {
            Self::Blocks => {
                let kind = text_of(members, "type").filter(|kind| !kind.contains("{{"));
                if reads_mrkdwn(kind, name) { Self::Text(Escape::Slack) } else { Self::Blocks }
            }
            Self::Body | Self::Document(_) if HTML_MEMBERS.contains(&name) => Self::Text(Escape::Html),
            Self::Document(_) => Self::Body,
            other => other,
        }
    }

    /// How values in a text are escaped. `is_whole` says whether the text is one value and nothing else.
    pub(crate) fn escape(self, is_whole: impl FnOnce() -> bool) -> Escape {
        match self {
            Self::None | Self::Body => Escape::None,
            Self::Text(escape) => escape,
            Self::Blocks => Escape::Blocks,
            Self::Document(escape) => {
                if is_whole() {
                    Escape::None
                } else {
                    escape
                }
            }
        }
    }
}

/// How values are escaped in a body of the type that the step's headers name.
fn language(siblings: Members<'_>) -> Option<Escape> {
    let (_, headers) = siblings.iter().find(|(key, _)| key.name == "headers")?;
    let Kind::Map(headers) = &headers.kind else { return None };
    let (name, _) = headers.iter().find(|(key, _)| key.name.trim().eq_ignore_ascii_case("content-type"))?;
    let media_type = text_of(headers, &name.name)?.split(';').next()?.trim().to_ascii_lowercase();
    match media_type.as_str() {
        "application/x-www-form-urlencoded" => Some(Escape::Form),
        "text/html" | "text/xml" | "application/xml" => Some(Escape::Html),
        other if other.ends_with("+xml") => Some(Escape::Html),
        _ => None,
    }
}

fn text_of<'n>(members: Members<'n>, name: &str) -> Option<&'n str> {
    members.iter().find(|(key, _)| key.name == name).and_then(|(_, node)| match &node.kind {
        Kind::Text(text) => Some(text.as_str()),
        _ => None,
    })
}
