//! What people start by hand, as events.

use deskwire_core::event::{ChangeFacts, Event, JsonText};
use deskwire_core::ids::{BadName, EventId, RequestId, RunId, SourceName};
use deskwire_core::json;
use deskwire_core::number::{is_whole, same};
use deskwire_core::random::Random;
use deskwire_core::time::Timestamp;
use deskwire_workflows::{InputKind, ManualInput, Workflow};
use serde_json::{Map, Number, Value, json};

/// What is wrong with an input. One sentence, with what to give instead.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct BadInput(pub String);

/// Reads inputs given as text (`ticket_id=42`) against what a workflow takes; all mistakes at once.
pub fn read_inputs(wanted: &[ManualInput], given: &[(String, String)]) -> Result<Value, Vec<BadInput>> {
    let (mut inputs, mut mistakes) = (Map::new(), Vec::new());
    for (name, _) in given {
        if wanted.iter().all(|input| input.name != *name) {
            mistakes.push(unknown(name, wanted));
        }
    }
    for input in wanted {
        match given.iter().rev().find(|(name, _)| *name == input.name) {
            Some((_, text)) => match read(input, text) {
                Ok(value) => {
                    inputs.insert(input.name.clone(), value);
                }
                Err(mistake) => mistakes.push(mistake),
            },
            None if input.required => {
                let what = input.description.as_deref().map(|what| format!(" ({what})")).unwrap_or_default();
                mistakes.push(BadInput(format!(
                    "the input `{}`{what} is missing: add --input {}=…",
                    input.name, input.name
                )));
            }
            None => {
                inputs.insert(input.name.clone(), input.default.clone());
            }
        }
    }
    if mistakes.is_empty() { Ok(Value::Object(inputs)) } else { Err(mistakes) }
}

fn unknown(name: &str, wanted: &[ManualInput]) -> BadInput {
    let close =
        wanted.iter().map(|input| input.name.as_str()).find(|known| strsim::damerau_levenshtein(known, name) <= 2);
    let names: Vec<&str> = wanted.iter().map(|input| input.name.as_str()).collect();
    BadInput(match close {
        Some(close) => format!("there is no input `{name}`; did you mean `{close}`?"),
        None if names.is_empty() => format!("there is no input `{name}`; the workflow takes none"),
        None => format!("there is no input `{name}`; there are: {}", names.join(", ")),
    })
}

fn read(input: &ManualInput, text: &str) -> Result<Value, BadInput> {
    let value = match input.kind {
        InputKind::Text => Some(Value::from(text)),
        InputKind::Integer => number(text).filter(is_whole).map(Value::Number),
        InputKind::Number => number(text).map(Value::Number),
        InputKind::Boolean => text.parse::<bool>().ok().map(Value::from),
    };
    let wanted = match input.kind {
        InputKind::Text => "text",
        InputKind::Integer => "a whole number",
        InputKind::Number => "a number",
        InputKind::Boolean => "true or false",
    };
    let Some(value) = value else {
        return Err(BadInput(format!("the input `{}` takes {wanted}, and `{text}` is none", input.name)));
    };
    if !input.choices.is_empty() && !input.choices.iter().any(|choice| same(choice, &value)) {
        let choices: Vec<String> = input.choices.iter().map(ToString::to_string).collect();
        return Err(BadInput(format!("the input `{}` is one of {}, not `{text}`", input.name, choices.join(", "))));
    }
    Ok(value)
}

/// A number as people write it, with the digits they give: JSON's form, and `+5`, `007`, `.5` and `5.` besides.
fn number(text: &str) -> Option<Number> {
    let text = text.trim();
    let (sign, text) = text.strip_prefix('-').map_or(("", text.strip_prefix('+').unwrap_or(text)), |rest| ("-", rest));
    let (digits, exponent) = text.split_at(text.find(['e', 'E']).unwrap_or(text.len()));
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    if whole.is_empty() && fraction.is_empty() {
        return None;
    }
    let whole = match whole.trim_start_matches('0') {
        "" => "0",
        whole => whole,
    };
    let point = if fraction.is_empty() { "" } else { "." };
    json::from_str(&format!("{sign}{whole}{point}{fraction}{exponent}")).ok()
}

/// The event of a workflow that a person starts. Each has a subject of its own, so runs that people start never wait for
/// each other: whoever starts two wants two.
pub fn by_hand(workflow: &Workflow, inputs: &Value, now: Timestamp, random: &dyn Random) -> Result<Event, BadName> {
    let id = RunId::generate(now, random).to_string().replacen("run_", "manual_", 1);
    Ok(Event {
        source: SourceName::parse("manual")?,
        subject: format!("workflow:{}:{id}", workflow.name),
        id: EventId::new(id),
        kind: "manual.run".to_owned(),
        time: now,
        received_at: now,
        data: JsonText::from(&json!({ "inputs": inputs })),
        change: ChangeFacts::default(),
        request_id: Some(RequestId::generate(random)),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wanted() -> Vec<ManualInput> {
        let input = |name: &str, kind, required| ManualInput {
            name: name.to_owned(),
            description: None,
            kind,
            required,
            default: Value::Null,
            choices: vec![],
        };
        vec![
            input("ticket_id", InputKind::Integer, true),
            input("note", InputKind::Text, false),
            ManualInput { choices: vec![json!("low"), json!("high")], ..input("urgency", InputKind::Text, false) },
        ]
    }

    fn given(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
        pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    #[test]
    fn inputs_get_their_types_and_defaults() {
        let inputs = read_inputs(&wanted(), &given(&[("ticket_id", "19856122753300"), ("urgency", "low")])).unwrap();
        assert_eq!(inputs, json!({ "ticket_id": 19_856_122_753_300_u64, "note": null, "urgency": "low" }));
    }

    #[test]
    fn numbers_keep_the_digits_they_are_given_with() {
        let input = |kind| ManualInput { kind, ..wanted().remove(0) };
        for (text, expected) in [
            ("9007199254740993", "9007199254740993"),
            ("48213", "48213"),
            ("12345678901234567890123", "12345678901234567890123"),
            ("-12345678901234567890123", "-12345678901234567890123"),
            ("+5", "5"),
            ("007", "7"),
            ("0", "0"),
        ] {
            for kind in [InputKind::Integer, InputKind::Number] {
                assert_eq!(read(&input(kind), text).unwrap().to_string(), expected, "{text}");
            }
        }
        for (text, expected) in
            [("1.10", "1.10"), (".5", "0.5"), ("5.", "5"), ("-0.0", "-0.0"), ("1e3", "1e+3"), ("1E400", "1e+400")]
        {
            assert_eq!(read(&input(InputKind::Number), text).unwrap().to_string(), expected, "{text}");
        }
        for text in ["", ".", "-", "1,5", "1_000", "0x1", "inf", "NaN", "1e", "1.2.3", "--1", "5 apples", "[1]", "1 2"]
        {
            assert!(read(&input(InputKind::Number), text).is_err(), "{text:?}");
        }
        assert!(read(&input(InputKind::Integer), "1.0").is_err());
        let price = ManualInput { choices: vec![json!(1.1), json!(2)], ..input(InputKind::Number) };
        assert_eq!(read(&price, "1.10").unwrap().to_string(), "1.10");
        assert_eq!(read(&price, "2.0").unwrap().to_string(), "2.0");
        assert!(read(&price, "1.11").is_err());
    }

    #[test]
    fn every_mistake_is_told_at_once_with_what_to_give() {
        let mistakes = read_inputs(&wanted(), &given(&[("ticket_ids", "4"), ("urgency", "middle")])).unwrap_err();
        let told: Vec<String> = mistakes.iter().map(ToString::to_string).collect();
        assert_eq!(
            told,
            [
                "there is no input `ticket_ids`; did you mean `ticket_id`?",
                "the input `ticket_id` is missing: add --input ticket_id=…",
                "the input `urgency` is one of \"low\", \"high\", not `middle`",
            ]
        );
        let wrong = read_inputs(&wanted(), &given(&[("ticket_id", "many")])).unwrap_err();
        assert_eq!(wrong[0].to_string(), "the input `ticket_id` takes a whole number, and `many` is none");
    }
}
