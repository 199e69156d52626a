//! Reading an action's input. Templates produce numbers where text is meant and text where numbers are, so both are
//! taken; what is missing or of another kind is named together with the way out. Called by every action.

use deskwire_core::action::{CallError, ErrorClass};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde_json::{Map, Value};

/// A provider's numeric id, as digits. Zendesk's ids outgrow what a float holds, so it is never one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Id(String);

impl std::fmt::Display for Id {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl JsonSchema for Id {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Id".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": ["integer", "string"] })
    }
}

/// An input that no call can be made with.
pub(crate) fn bad(message: String) -> CallError {
    CallError::new(ErrorClass::Fail, "bad_input", message)
}

fn none(name: &str) -> CallError {
    bad(format!(
        "`{name}` is none: there is nothing to call with. If the value can be missing, skip the step with `if:`."
    ))
}

fn wrong(name: &str, value: &Value, wanted: &str) -> CallError {
    let kind = match value {
        Value::Null => "none",
        Value::Bool(_) => "true or false",
        Value::Number(_) => "a number",
        Value::String(_) => "text",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    };
    bad(format!("`{name}` is {kind}, but must be {wanted}. Change what the step gives under `with:`."))
}

fn given<'a>(input: &'a Value, name: &str) -> Result<&'a Value, CallError> {
    match input.get(name) {
        None | Some(Value::Null) => Err(none(name)),
        Some(value) => Ok(value),
    }
}

/// A numeric id: a whole number, or text of digits. `0` and empty text mean "none" in Zendesk's events, so they do here.
pub(crate) fn id(input: &Value, name: &str) -> Result<Id, CallError> {
    const WANTED: &str = "an id: a whole number, or text of digits";
    let value = given(input, name)?;
    let digits = match value {
        Value::Number(number) => number.as_u64().ok_or_else(|| wrong(name, value, WANTED))?.to_string(),
        Value::String(text) => text.trim().to_owned(),
        _ => return Err(wrong(name, value, WANTED)),
    };
    if digits.is_empty() || digits == "0" {
        return Err(none(name));
    }
    if !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(wrong(name, value, WANTED));
    }
    if digits.parse::<u64>().is_err() {
        return Err(bad(format!(
            "`{name}` has {} digits, more than any id has: ids are whole numbers of at most 64 bits. Change what the step \
             gives under `with:`.",
            digits.len()
        )));
    }
    Ok(Id(digits))
}

/// Text that is not blank. A number or a truth value is written out.
pub(crate) fn text(input: &Value, name: &str) -> Result<String, CallError> {
    let value = given(input, name)?;
    let text = match value {
        Value::String(text) => text.clone(),
        Value::Number(_) | Value::Bool(_) => value.to_string(),
        _ => return Err(wrong(name, value, "text")),
    };
    if text.trim().is_empty() {
        return Err(bad(format!(
            "`{name}` is empty: there is nothing to call with. If the value can be missing, skip the step with `if:`."
        )));
    }
    Ok(text)
}

/// True or false, also as text; false where nothing is given.
pub(crate) fn flag(input: &Value, name: &str) -> Result<bool, CallError> {
    match input.get(name) {
        None | Some(Value::Null) => Ok(false),
        Some(Value::Bool(flag)) => Ok(*flag),
        Some(Value::String(text)) if text.eq_ignore_ascii_case("true") => Ok(true),
        Some(Value::String(text)) if text.eq_ignore_ascii_case("false") => Ok(false),
        Some(value) => Err(wrong(name, value, "true or false")),
    }
}

/// Text like [`text`]; `None` where nothing is given.
pub(crate) fn optional_text(input: &Value, name: &str) -> Result<Option<String>, CallError> {
    match input.get(name) {
        None | Some(Value::Null) => Ok(None),
        Some(_) => text(input, name).map(Some),
    }
}

/// An object; `None` where nothing is given.
pub(crate) fn map<'a>(input: &'a Value, name: &str) -> Result<Option<&'a Map<String, Value>>, CallError> {
    match input.get(name) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::Object(map)) => Ok(Some(map)),
        Some(value) => Err(wrong(name, value, "an object")),
    }
}

/// A list; `None` where nothing is given.
pub(crate) fn list<'a>(input: &'a Value, name: &str) -> Result<Option<&'a [Value]>, CallError> {
    match input.get(name) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::Array(list)) => Ok(Some(list)),
        Some(value) => Err(wrong(name, value, "a list")),
    }
}

/// Is there nothing to call with: null, or blank text? Templates make both where a value is missing.
fn is_nothing(value: &Value) -> bool {
    value.is_null() || value.as_str().is_some_and(|text| text.trim().is_empty())
}

/// Text like [`text`]; `None` also where it is blank, so that a value that may be missing needs no condition.
pub(crate) fn text_if_any(input: &Value, name: &str) -> Result<Option<String>, CallError> {
    match input.get(name) {
        Some(value) if !is_nothing(value) => text(input, name).map(Some),
        _ => Ok(None),
    }
}

/// An id like [`id`]; `None` where there is none.
pub(crate) fn id_if_any(input: &Value, name: &str) -> Result<Option<Id>, CallError> {
    match input.get(name) {
        Some(value) if !is_nothing(value) && *value != 0 && *value != "0" => id(input, name).map(Some),
        _ => Ok(None),
    }
}

/// A list of texts, also written as one text with commas; `None` where nothing is given. What is blank in it is left out.
pub(crate) fn texts(input: &Value, name: &str) -> Result<Option<Vec<String>>, CallError> {
    let texts: Vec<String> = match input.get(name) {
        None => return Ok(None),
        Some(value) if is_nothing(value) => return Ok(None),
        Some(Value::String(text)) => text.split(',').map(str::to_owned).collect(),
        Some(value @ Value::Array(list)) => {
            let text = |item: &Value| match item {
                Value::String(text) => Ok(text.clone()),
                Value::Number(_) | Value::Bool(_) => Ok(item.to_string()),
                Value::Null => Ok(String::new()),
                _ => Err(wrong(name, value, "a list of texts, or one text with commas")),
            };
            list.iter().map(text).collect::<Result<_, _>>()?
        }
        Some(value) => return Err(wrong(name, value, "a list of texts, or one text with commas")),
    };
    Ok(Some(texts.iter().map(|text| text.trim().to_owned()).filter(|text| !text.is_empty()).collect()))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn an_id_is_a_number_or_its_digits() {
        for value in [json!(48213), json!("48213"), json!(" 48213 ")] {
            assert_eq!(id(&json!({ "ticket_id": value }), "ticket_id").unwrap().to_string(), "48213");
        }
        assert_eq!(id(&json!({ "id": u64::MAX }), "id").unwrap().to_string(), u64::MAX.to_string());
    }

    #[test]
    fn a_missing_id_is_named_with_the_way_out() {
        for input in
            [json!({}), json!({ "user_id": null }), json!({ "user_id": "" }), json!({ "user_id": 0 }), json!(null)]
        {
            let error = id(&input, "user_id").unwrap_err();
            assert_eq!((error.class, error.code.as_str()), (ErrorClass::Fail, "bad_input"));
            assert!(error.message.starts_with("`user_id` is none: "), "{error}");
            assert!(error.message.contains("`if:`"), "{error}");
        }
    }

    #[test]
    fn what_is_no_id_is_refused() {
        for value in [json!(1.5), json!(-1), json!("12a"), json!("../users/1"), json!([1]), json!({}), json!(true)] {
            let error = id(&json!({ "ticket_id": value }), "ticket_id").unwrap_err();
            assert!(error.message.contains("must be an id"), "{error}");
        }
        let error = id(&json!({ "ticket_id": "99999999999999999999" }), "ticket_id").unwrap_err();
        assert!(error.message.starts_with("`ticket_id` has 20 digits, more than any id has"), "{error}");
    }

    #[test]
    fn text_is_written_out_from_numbers_and_never_blank() {
        assert_eq!(text(&json!({ "message": 7 }), "message").unwrap(), "7");
        assert_eq!(text(&json!({ "message": " hi " }), "message").unwrap(), " hi ");
        assert!(text(&json!({ "message": " " }), "message").unwrap_err().message.starts_with("`message` is empty"));
        assert!(text(&json!({ "message": [] }), "message").unwrap_err().message.starts_with("`message` is a list"));
    }

    #[test]
    fn what_is_none_or_blank_counts_as_not_given_where_it_may_be_missing() {
        for value in [json!(null), json!(""), json!(" ")] {
            let input = json!({ "a": value });
            assert_eq!(text_if_any(&input, "a").unwrap(), None);
            assert_eq!(id_if_any(&input, "a").unwrap(), None);
            assert_eq!(texts(&input, "a").unwrap(), None);
        }
        assert_eq!(id_if_any(&json!({ "a": "0" }), "a").unwrap(), None);
        assert!(id_if_any(&json!({ "a": "x" }), "a").is_err());
    }

    #[test]
    fn texts_come_as_a_list_or_with_commas() {
        let read = |value| texts(&json!({ "tags": value }), "tags");
        assert_eq!(read(json!("vip, late ,,7")).unwrap().unwrap(), ["vip", "late", "7"]);
        assert_eq!(read(json!(["vip", " ", 7, null])).unwrap().unwrap(), ["vip", "7"]);
        assert_eq!(read(json!([])).unwrap().unwrap(), [""; 0]);
        assert!(read(json!({})).unwrap_err().message.starts_with("`tags` is an object"));
        assert!(read(json!([["vip"]])).is_err());
    }

    #[test]
    fn a_flag_is_false_unless_given() {
        assert!(!flag(&json!({}), "unfurl_links").unwrap());
        assert!(flag(&json!({ "unfurl_links": true }), "unfurl_links").unwrap());
        assert!(flag(&json!({ "unfurl_links": "True" }), "unfurl_links").unwrap());
        assert!(flag(&json!({ "unfurl_links": 1 }), "unfurl_links").is_err());
    }
}
