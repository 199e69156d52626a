//! What a list is asked for: the query of `/console` and `/console/events`, read leniently and written back into links.

use std::time::Duration;

use deskwire_core::time::Timestamp;
use url::form_urlencoded::{Serializer, parse};

/// Filters and the refresh switch. Empty fields, as a form sends them, count as not given; unknown ones are ignored.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Asked {
    pub state: Option<String>,
    pub workflow: Option<String>,
    pub source: Option<String>,
    pub subject: Option<String>,
    pub since: Option<Since>,
    pub refresh: bool,
    /// On the page of one run or event: are personal fields shown?
    pub personal: bool,
}

/// How far back a list goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Since {
    Hour,
    Day,
    Week,
}

impl Since {
    pub(crate) const ALL: [Self; 3] = [Self::Hour, Self::Day, Self::Week];

    /// Its word in a query, and after "the last".
    pub(crate) const fn word(self) -> &'static str {
        match self {
            Self::Hour => "hour",
            Self::Day => "day",
            Self::Week => "week",
        }
    }

    fn read(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|since| since.word() == word)
    }

    /// The time it goes back to.
    pub(crate) fn before(self, now: Timestamp) -> Timestamp {
        now.minus(match self {
            Self::Hour => Duration::from_hours(1),
            Self::Day => Duration::from_hours(24),
            Self::Week => Duration::from_hours(7 * 24),
        })
    }
}

impl Asked {
    pub(crate) fn read(query: Option<&str>) -> Self {
        let mut asked = Self::default();
        for (name, value) in parse(query.unwrap_or_default().as_bytes()) {
            let value = value.trim();
            let text = (!value.is_empty()).then(|| value.to_owned());
            match name.as_ref() {
                "state" => asked.state = text,
                "workflow" => asked.workflow = text,
                "source" => asked.source = text,
                "subject" => asked.subject = text,
                "since" => asked.since = Since::read(value),
                "refresh" => asked.refresh = value == "1",
                "personal" => asked.personal = value == "1",
                _ => {}
            }
        }
        asked
    }

    /// Is anything left out of the list?
    pub(crate) fn filters(&self) -> bool {
        let filters = Self { refresh: false, personal: false, ..self.clone() };
        filters != Self::default()
    }

    /// Does the list go back so far, and no further?
    #[expect(clippy::trivially_copy_pass_by_ref, reason = "templates hand over what they go over by reference")]
    pub(crate) fn goes_back(&self, since: &Since) -> bool {
        self.since.as_ref() == Some(since)
    }

    /// The same list in another state; in any, without one.
    pub(crate) fn in_state(&self, state: Option<&str>) -> Self {
        Self { state: state.map(str::to_owned), ..self.clone() }
    }

    /// The same list with the refresh switch the other way.
    pub(crate) fn switched(&self) -> Self {
        Self { refresh: !self.refresh, ..self.clone() }
    }

    /// The whole list, refreshed as this one is.
    pub(crate) fn unfiltered(&self) -> Self {
        Self { refresh: self.refresh, ..Self::default() }
    }

    /// What concerns the page of one run or event.
    pub(crate) fn alone(&self) -> Self {
        Self { refresh: self.refresh, personal: self.personal, ..Self::default() }
    }

    /// Everything about one subject.
    pub(crate) fn about(subject: &str) -> Self {
        Self { subject: Some(subject.to_owned()), ..Self::default() }
    }

    /// The address of the page at `path` that is asked for this.
    pub(crate) fn link(&self, path: &str) -> String {
        let mut query = Serializer::new(String::new());
        let fields = [
            ("state", &self.state),
            ("workflow", &self.workflow),
            ("source", &self.source),
            ("subject", &self.subject),
            ("since", &self.since.map(|since| since.word().to_owned())),
        ];
        for (name, value) in fields {
            if let Some(value) = value {
                query.append_pair(name, value);
            }
        }
        for (name, on) in [("refresh", self.refresh), ("personal", self.personal)] {
            if on {
                query.append_pair(name, "1");
            }
        }
        let query = query.finish();
        if query.is_empty() { path.to_owned() } else { format!("{path}?{query}") }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn empty_fields_of_a_form_filter_nothing() {
        let asked = Asked::read(Some("state=&workflow=+&subject=&refresh="));
        assert_eq!(asked, Asked::default());
        assert_eq!(asked.link("/console"), "/console");
    }

    #[test]
    fn what_is_read_is_written_back() {
        let query =
            "state=dead&workflow=w&source=s&subject=zen%3Aticket%3A1%26x%3D%3Cb%3E&since=day&refresh=1&personal=1";
        let asked = Asked::read(Some(query));
        assert_eq!(asked.subject.as_deref(), Some("zen:ticket:1&x=<b>"));
        assert_eq!(asked.link("/console"), format!("/console?{query}"));
    }

    #[test]
    fn of_a_field_that_is_given_twice_the_last_counts() {
        assert_eq!(Asked::read(Some("state=dead&state=failed")).state.as_deref(), Some("failed"));
    }
}
