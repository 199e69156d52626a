//! The keys of a response's `values` that belong to a question, and what their endings mean. Seen in recorded responses and in
//! exports (checked 2026-12-01).

/// A key: `QID1`, `QID2_4_TEXT`, `1_QID7`, `QID18#2_1`, `QID64_G0_13_RANK`.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Key {
    pub(super) whole: String,
    /// With the pass of a loop in front of it, where there is one.
    pub(super) question: String,
    /// The question in the definition.
    pub(super) defined: String,
    /// The column of a question that has several side by side.
    pub(super) column: Option<String>,
    pub(super) ending: Ending,
}

/// What a key is about, beside its question.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Ending {
    /// The question's one answer.
    Answer,
    /// What was written.
    Text,
    /// What was written at a choice, a row or a field of a form.
    ItemText(String),
    /// A row of a matrix, a slider, a field of a form, an item that is ranked or has a part of a sum.
    Item(String),
    /// A cell of a matrix.
    Cell(String, String),
    /// Detractor, passive or promoter.
    NpsGroup,
    /// The choices that were put into a group.
    Group(usize),
    /// The place of a choice within its group.
    Rank(usize, String),
    /// A part of a file: `id`, `name`, `size`, `type`.
    File(&'static str),
    /// When it was clicked, and how often.
    Timing(&'static str),
    /// By what it was answered.
    Browser(&'static str),
    /// The regions of an image that were clicked.
    Regions,
    /// In which order things were shown.
    Order,
    /// Anything else.
    Other(String),
}

const PARTS: [(&str, Ending); 14] = [
    ("TEXT", Ending::Text),
    ("NPS_GROUP", Ending::NpsGroup),
    ("FILE_ID", Ending::File("id")),
    ("FILE_NAME", Ending::File("name")),
    ("FILE_SIZE", Ending::File("size")),
    ("FILE_TYPE", Ending::File("type")),
    ("FIRST_CLICK", Ending::Timing("first_click")),
    ("LAST_CLICK", Ending::Timing("last_click")),
    ("PAGE_SUBMIT", Ending::Timing("page_submit")),
    ("CLICK_COUNT", Ending::Timing("click_count")),
    ("BROWSER", Ending::Browser("name")),
    ("VERSION", Ending::Browser("version")),
    ("OS", Ending::Browser("os")),
    ("RESOLUTION", Ending::Browser("resolution")),
];

impl Key {
    pub(super) fn of(key: &str) -> Option<Self> {
        let (pass, rest) = match key.split_once('_') {
            Some((pass, rest)) if is_number(pass) => (Some(pass), rest),
            _ => (None, key),
        };
        let (id, ending) = rest.split_once('_').map_or((rest, None), |(id, ending)| (id, Some(ending)));
        let (id, column) = id.split_once('#').map_or((id, None), |(id, column)| (id, Some(column)));
        let digits = id.strip_prefix("QID")?;
        let is_word = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric());
        if !is_word(digits) || column.is_some_and(|column| !is_word(column)) {
            return None;
        }
        Some(Self {
            whole: key.to_owned(),
            question: pass.map_or_else(|| id.to_owned(), |pass| format!("{pass}_{id}")),
            defined: id.to_owned(),
            column: column.map(str::to_owned),
            ending: ending.map_or(Ending::Answer, Ending::of),
        })
    }
}

impl Ending {
    fn of(text: &str) -> Self {
        if let Some((_, known)) = PARTS.iter().find(|(part, _)| *part == text) {
            return known.clone();
        }
        let parts: Vec<&str> = text.split('_').collect();
        match parts.as_slice() {
            ["REGIONS"] => Self::Regions,
            ["DO", ..] => Self::Order,
            [item] if is_item(item) => Self::Item((*item).to_owned()),
            [item, "TEXT"] if is_item(item) => Self::ItemText((*item).to_owned()),
            [row, column] if is_item(row) && is_item(column) => Self::Cell((*row).to_owned(), (*column).to_owned()),
            [group, "GROUP"] => group.parse().map_or_else(|_| Self::Other(text.to_owned()), Self::Group),
            [group, item, "RANK"] if is_item(item) => {
                let group = group.strip_prefix('G').and_then(|group| group.parse().ok());
                group.map_or_else(|| Self::Other(text.to_owned()), |group| Self::Rank(group, (*item).to_owned()))
            }
            _ => Self::Other(text.to_owned()),
        }
    }
}

fn is_number(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

/// The number of a choice or row, with an `x` before one that was carried over from another question.
fn is_item(text: &str) -> bool {
    is_number(text.strip_prefix('x').unwrap_or(text))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_endings_that_exports_have_are_told_apart() {
        let item = |text: &str| text.to_owned();
        for (key, ending) in [
            ("QID1", Ending::Answer),
            ("QID1_TEXT", Ending::Text),
            ("QID2_4_TEXT", Ending::ItemText(item("4"))),
            ("QID2_x4", Ending::Item(item("x4"))),
            ("QID5_1_2", Ending::Cell(item("1"), item("2"))),
            ("QID1_NPS_GROUP", Ending::NpsGroup),
            ("QID64_0_GROUP", Ending::Group(0)),
            ("QID64_G1_13_RANK", Ending::Rank(1, item("13"))),
            ("QID17_FILE_SIZE", Ending::File("size")),
            ("QID26_PAGE_SUBMIT", Ending::Timing("page_submit")),
            ("QID20_OS", Ending::Browser("os")),
            ("QID8_REGIONS", Ending::Regions),
            ("QID6_DO_3", Ending::Order),
            ("QID4_TEXT_SENTIMENT", Ending::Other(item("TEXT_SENTIMENT"))),
            ("QID4_b_GROUP", Ending::Other(item("b_GROUP"))),
            ("QID4_Gx_1_RANK", Ending::Other(item("Gx_1_RANK"))),
        ] {
            assert_eq!(Key::of(key).unwrap().ending, ending, "{key}");
        }
        let beside = Key::of("2_QID18#3_1").unwrap();
        assert_eq!((&*beside.question, &*beside.defined, beside.column.as_deref()), ("2_QID18", "QID18", Some("3")));
        for none in ["ticket_id", "QID", "QIDx!", "", "SC_1", "1_ticket", "QID1#", "_QID1"] {
            assert_eq!(Key::of(none), None, "{none}");
        }
    }
}
