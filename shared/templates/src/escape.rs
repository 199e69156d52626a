//! Escaping: what a value from data becomes in the place it is written to, so that it stays a value there.
//!
//! A value is escaped as it is printed, and the finished text is looked over once more where the right form depends on
//! what stands around it. Text that went through `| safe`, and the template's own text, are markup and stay as they are.

pub(crate) mod block_kit;
mod html;
mod path;
mod slack;

use std::borrow::Cow;

/// Where what a template makes is going to be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Escape {
    /// Nowhere special.
    None,
    /// As Slack's mrkdwn: `&`, `<` and `>` are escaped, and within `<…|…>` whatever would end the link.
    Slack,
    /// Somewhere in Block Kit where no markup is read, such as a `url`: text stays as it is. A list or map that an
    /// expression yields is escaped by [`reads_mrkdwn`](crate::reads_mrkdwn), as it is with [`Escape::Slack`].
    Blocks,
    /// As HTML or XML, in text or in a quoted attribute.
    Html,
    /// As a part of a URL's path: what is not a letter, a digit or one of `-._~` is percent-encoded, and so is `/`
    /// unless the expression is the whole path.
    Path,
    /// As a name or value of a form, `application/x-www-form-urlencoded`.
    Form,
}

/// Those that have a way to print values of their own.
pub(crate) const PRINTED: [Escape; 5] = [Escape::None, Escape::Slack, Escape::Html, Escape::Path, Escape::Form];

impl Escape {
    /// How this place prints values.
    pub(crate) const fn printed(self) -> Self {
        match self {
            Self::Blocks => Self::None,
            other => other,
        }
    }

    /// How a single expression is evaluated: the texts it puts together from safe and other ones belong into mrkdwn where
    /// there is any in what it may yield.
    pub(crate) const fn kept(self) -> Self {
        match self {
            Self::Blocks => Self::Slack,
            other => other,
        }
    }

    /// May what an expression yields be Block Kit?
    pub(crate) const fn holds_blocks(self) -> bool {
        matches!(self, Self::Slack | Self::Blocks)
    }

    /// The engine's name for it, if values are escaped at all.
    pub(crate) const fn scheme(self) -> Option<&'static str> {
        match self {
            Self::None | Self::Blocks => None,
            Self::Slack => Some("slack"),
            Self::Html => Some("markup"),
            Self::Path => Some("path"),
            Self::Form => Some("form"),
        }
    }

    /// A value in the middle of a text.
    pub(crate) fn part(self, text: &str) -> Cow<'_, str> {
        match self {
            Self::None | Self::Blocks => Cow::Borrowed(text),
            Self::Slack => slack::part(text),
            Self::Html => html::escape(text),
            Self::Path => path::segment(text),
            Self::Form => path::form(text),
        }
    }

    /// A value that is the whole text. A form that is one value has been put together elsewhere.
    pub(crate) fn whole(self, text: &str) -> Cow<'_, str> {
        match self {
            Self::None | Self::Blocks | Self::Form => Cow::Borrowed(text),
            Self::Slack => slack::escape(text),
            Self::Html => html::escape(text),
            Self::Path => path::path(text),
        }
    }

    /// A text in which all values are escaped, as it is sent.
    pub(crate) fn finished(self, text: String) -> String {
        match self {
            Self::Slack | Self::Blocks => slack::finished(text),
            _ => text,
        }
    }
}
