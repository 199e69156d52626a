//! The engine's values as JSON: types and order kept, integers exact, size and depth bounded.

use minijinja::Value;
use minijinja::value::ValueKind;
use serde_json::{Map, Number, Value as Json};

use crate::escape::Escape;
use crate::escape::block_kit::reads_mrkdwn;
use crate::number::written;

/// Deeper than any JSON we take in (127 levels) with brackets of the template's own around it.
const MAX_DEPTH: usize = 256;

/// Why a value has no JSON.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum NoJson {
    /// Larger than the budget.
    TooLong,
    /// There is nothing of this kind in JSON.
    Kind(String),
}

/// Converts a value. `budget` is how many bytes of text and items it may hold, roughly the size of the JSON.
/// Text that is not safe is escaped as the whole of its place; within lists and maps, where Slack reads mrkdwn.
pub(crate) fn to_json(value: &Value, budget: usize, escape: Escape) -> Result<Json, NoJson> {
    let mut converter = Converter { left: budget, holds_blocks: escape.holds_blocks() };
    if value.kind() == ValueKind::String { converter.text(value, escape) } else { converter.convert(value, 0) }
}

struct Converter {
    left: usize,
    holds_blocks: bool,
}

impl Converter {
    fn spend(&mut self, bytes: usize) -> Result<(), NoJson> {
        self.left = self.left.checked_sub(bytes).ok_or(NoJson::TooLong)?;
        Ok(())
    }

    fn text(&mut self, value: &Value, escape: Escape) -> Result<Json, NoJson> {
        let text = value.as_str().unwrap_or_default();
        let text = if value.is_safe() { escape.finished(text.to_owned()) } else { escape.whole(text).into_owned() };
        self.spend(text.len())?;
        Ok(Json::String(text))
    }

    fn convert(&mut self, value: &Value, depth: usize) -> Result<Json, NoJson> {
        if depth > MAX_DEPTH {
            return Err(NoJson::TooLong);
        }
        self.spend(1)?;
        if let Some(number) = written(value) {
            self.spend(number.as_str().len())?;
            return Ok(Json::Number(number.clone()));
        }
        match value.kind() {
            ValueKind::None => Ok(Json::Null),
            ValueKind::Bool => Ok(Json::Bool(value.is_true())),
            ValueKind::Number => number(value).map(Json::Number),
            // Safe text may have been put together from parts; those that are not Slack's hold no marks of ours.
            ValueKind::String => self.text(value, if self.holds_blocks { Escape::Blocks } else { Escape::None }),
            ValueKind::Seq | ValueKind::Iterable => {
                let mut items = Vec::new();
                for item in value.try_iter().map_err(|_| no_kind(value))? {
                    items.push(self.convert(&item, depth + 1)?);
                }
                Ok(Json::Array(items))
            }
            ValueKind::Map => {
                let mut members = Map::new();
                let kind = value.get_attr("type").ok();
                let kind = kind.as_ref().and_then(Value::as_str).filter(|_| self.holds_blocks);
                for key in value.try_iter().map_err(|_| no_kind(value))? {
                    let name = key.to_string();
                    self.spend(name.len())?;
                    let member = value.get_item(&key).map_err(|_| no_kind(value))?;
                    let is_text = member.kind() == ValueKind::String;
                    let member = if self.holds_blocks && is_text && reads_mrkdwn(kind, &name) {
                        self.spend(1)?;
                        self.text(&member, Escape::Slack)?
                    } else {
                        self.convert(&member, depth + 1)?
                    };
                    members.insert(name, member);
                }
                Ok(Json::Object(members))
            }
            ValueKind::Undefined => Err(NoJson::Kind("it holds something that has no value".to_owned())),
            _ => Err(no_kind(value)),
        }
    }
}

fn no_kind(value: &Value) -> NoJson {
    NoJson::Kind(format!("a value of the kind `{}` has no JSON", value.kind()))
}

/// The engine's number as it is: whole numbers exactly, fractions as the shortest decimal that reads back the same.
pub(crate) fn number(value: &Value) -> Result<Number, NoJson> {
    if value.is_integer() {
        return i64::try_from(value.clone())
            .map(Number::from)
            .or_else(|_| i128::try_from(value.clone()).map(Number::from))
            .or_else(|_| u128::try_from(value.clone()).map(Number::from))
            .map_err(|_| NoJson::Kind("a whole number is larger than 128 bits hold".to_owned()));
    }
    f64::try_from(value.clone())
        .ok()
        .and_then(Number::from_f64)
        .ok_or_else(|| NoJson::Kind("a number is infinite or not a number".to_owned()))
}
