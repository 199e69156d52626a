//! What every page's frame needs: title, place in the navigation, style sheet, refresh. Used by every template's base.

use crate::guard::STYLE;

/// Which entry of the navigation a page belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Section {
    Runs,
    Events,
    Workflows,
    Neither,
}

/// The frame of one page.
#[derive(Debug, Clone)]
pub(crate) struct Page {
    pub title: String,
    pub section: Section,
    /// After how many seconds the browser loads the page anew.
    pub refresh_seconds: Option<u32>,
    pub style: &'static str,
}

/// How often a page that follows what happens is loaded anew.
pub(crate) const FOLLOW_SECONDS: u32 = 2;

impl Page {
    pub(crate) fn new(title: impl Into<String>, section: Section) -> Self {
        Self { title: title.into(), section, refresh_seconds: None, style: STYLE }
    }

    /// Loads itself anew every [`FOLLOW_SECONDS`] if `follow`.
    pub(crate) fn following(self, follow: bool) -> Self {
        Self { refresh_seconds: follow.then_some(FOLLOW_SECONDS), ..self }
    }
}
