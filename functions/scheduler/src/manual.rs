//! What people start by hand, as events.

use deskwire_core::event::{ChangeFacts, Event, JsonText};
use deskwire_core::ids::{BadName, EventId, RequestId, RunId, SourceName};
use deskwire_core::random::Random;
use deskwire_core::time::Timestamp;
use deskwire_workflows::{InputKind, ManualInput, Workflow};
use serde_json::{Map, Value, json};

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
        InputKind::Integer => {
            text.parse::<i64>().ok().map(Value::from).or_else(|| text.parse::<u64>().ok().map(Value::from))
        }
        InputKind::Number => text.parse::<f64>().ok().filter(|number| number.is_finite()).map(Value::from),
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
    if !input.choices.is_empty() && !input.choices.contains(&value) {
        let choices: Vec<String> = input.choices.iter().map(ToString::to_string).collect();
        return Err(BadInput(format!("the input `{}` is one of {}, not `{text}`", input.name, choices.join(", "))));
    }
    Ok(value)
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
