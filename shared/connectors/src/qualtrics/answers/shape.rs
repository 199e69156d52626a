//! What an answer holds, as types: their schema is what `deskwire actions show` tells.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde_json::Value;

/// The answer to a question. `value`, `label`, `text`, `question`, `name` and `kind` are always there, and none where nothing
/// was answered; the rest is there for questions that have such parts.
#[derive(Debug, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct Answer {
    /// What was chosen, as Qualtrics codes it: a number, or a list of texts where several can be chosen.
    #[schemars(required)]
    pub value: Value,
    /// What was chosen, in words; a list for several.
    #[schemars(required)]
    pub label: Value,
    /// What was written.
    #[schemars(required)]
    pub text: Value,
    /// What the question says.
    #[schemars(required, extend("type" = ["string", "null"]))]
    pub question: Option<String>,
    /// The question's name in the survey: `Q1`.
    #[schemars(required, extend("type" = ["string", "null"]))]
    pub name: Option<String>,
    /// The question's kind as Qualtrics writes it, where the survey can be read: `MC`, `Matrix`, `RO`, `PGR`, `Slider`, `CS`,
    /// `SBS`, `TE`, `FileUpload`, `Draw`, `HotSpot`, `HeatMap`, `Timing`, `Meta`.
    #[schemars(required, extend("type" = ["string", "null"]))]
    pub kind: Option<String>,
    /// What was written at a choice (`other, please specify`), by the choice.
    pub texts: Option<BTreeMap<String, Value>>,
    /// Rows of a matrix, sliders, fields of a form, items with a part of a sum, regions of an image, levels of a drill-down:
    /// each by its number.
    pub rows: Option<BTreeMap<String, RowAnswer>>,
    /// Where several questions stand side by side, the answers to each, by its number.
    pub columns: Option<BTreeMap<String, ColumnAnswer>>,
    /// Of items that were put in order, each with its place, the first one first.
    pub ranks: Option<Vec<Ranked>>,
    /// Groups into which choices were sorted, in the survey's order.
    pub groups: Option<Vec<GroupAnswer>>,
    /// Of "how likely are you to recommend us": `detractor`, `passive` or `promoter`.
    #[schemars(extend("type" = ["string", "null"]))]
    pub group: Option<String>,
    /// The file that was uploaded, or the image of a signature or drawing.
    pub file: Option<FileAnswer>,
    /// When the page was clicked and sent off.
    pub timing: Option<TimingAnswer>,
    /// By what it was answered.
    pub browser: Option<BrowserAnswer>,
    /// The regions of an image that were clicked, as Qualtrics has them.
    pub regions: Option<Value>,
    /// Anything else that Qualtrics has of the question, by the end of its key: `TEXT_SENTIMENT`.
    pub more: Option<BTreeMap<String, Value>>,
}

/// A row.
#[derive(Debug, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct RowAnswer {
    /// What was chosen or entered, as Qualtrics codes it.
    #[schemars(required)]
    pub value: Value,
    /// What was chosen, in words.
    #[schemars(required)]
    pub label: Value,
    /// What the row says.
    #[schemars(required, extend("type" = ["string", "null"]))]
    pub row: Option<String>,
    /// Of a matrix that has several answers in a row, each cell by its column: `value` and `label`, the words of the column.
    pub columns: Option<BTreeMap<String, CellAnswer>>,
}

/// A cell.
#[derive(Debug, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct CellAnswer {
    /// What was chosen or entered.
    #[schemars(required)]
    pub value: Value,
    /// What the column says.
    #[schemars(required)]
    pub label: Value,
}

/// One of several questions side by side.
#[derive(Debug, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct ColumnAnswer {
    /// Its rows by number.
    pub rows: Option<BTreeMap<String, RowAnswer>>,
    /// What was written at a row, by the row.
    pub texts: Option<BTreeMap<String, Value>>,
    /// Anything else, by the end of its key.
    pub more: Option<BTreeMap<String, Value>>,
}

/// An item with its place.
#[derive(Debug, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct Ranked {
    /// The item's number.
    pub choice: String,
    /// What it says.
    #[schemars(required)]
    pub label: Value,
    /// Its place, from 1; none for one that was not put in order.
    #[schemars(required)]
    pub rank: Value,
}

/// A group of choices.
#[derive(Debug, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct GroupAnswer {
    /// The group's number, from 0.
    pub group: u64,
    /// What it is called, where that is known.
    #[schemars(required, extend("type" = ["string", "null"]))]
    pub name: Option<String>,
    /// What was put into it, by place where there is one.
    pub items: Vec<Ranked>,
}

/// A file.
#[derive(Debug, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct FileAnswer {
    /// Its id at Qualtrics: `F_…`.
    pub id: Option<Value>,
    /// Its name.
    pub name: Option<Value>,
    /// Its size in bytes.
    pub size: Option<Value>,
    /// Its media type: `image/jpeg`.
    pub r#type: Option<Value>,
}

/// When a page was clicked and sent off, in seconds since it was shown.
#[derive(Debug, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct TimingAnswer {
    /// When it was first clicked.
    pub first_click: Option<Value>,
    /// When it was last clicked.
    pub last_click: Option<Value>,
    /// When it was sent off.
    pub page_submit: Option<Value>,
    /// How often it was clicked.
    pub click_count: Option<Value>,
}

/// By what a question was answered.
#[derive(Debug, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct BrowserAnswer {
    /// The browser.
    pub name: Option<Value>,
    /// Its version.
    pub version: Option<Value>,
    /// The operating system.
    pub os: Option<Value>,
    /// The screen: `390x844`.
    pub resolution: Option<Value>,
}
