//! The answer to one question: the parts that a response has under several keys, put together. What there is, [`super::shape`]
//! says; a test holds the two together.

use serde_json::{Map, Value, json};

use super::key::{Ending, Key};
use super::survey::Question;
use crate::qualtrics::plain::plain;

/// A question that nobody answered.
pub(super) fn unanswered(question: &Question) -> Value {
    json!({ "value": null, "label": null, "text": null, "question": question.text, "name": question.name,
            "kind": question.kind })
}

/// Puts a value where it belongs.
pub(super) fn place(answer: &mut Value, key: &Key, value: &Value, said: Option<&Value>, question: &Question) {
    // How it was shown is no answer.
    if key.ending == Ending::Order {
        return;
    }
    if let Some(column) = &key.column {
        let column = member(answer, "columns", column);
        match &key.ending {
            Ending::Item(_) | Ending::Cell(..) | Ending::ItemText(_) => {
                part(column, &key.ending, value, said, question);
            }
            _ => set(column, "more", ending(key), value.clone()),
        }
        return;
    }
    match &key.ending {
        Ending::Answer => {
            answer["value"] = value.clone();
            answer["label"] = label(value, said, question);
        }
        Ending::Text => answer["text"] = value.clone(),
        Ending::NpsGroup => {
            answer["group"] = match value.as_i64() {
                Some(1) => "detractor".into(),
                Some(2) => "passive".into(),
                Some(3) => "promoter".into(),
                _ => Value::Null,
            };
        }
        Ending::Group(group) => member(answer, "groups", &group.to_string())["chosen"] = chosen(value, said, question),
        Ending::Rank(group, item) => {
            let group = member(answer, "groups", &group.to_string());
            group["ranks"][item] = value.clone();
        }
        Ending::File(name) => set(answer, "file", name, value.clone()),
        Ending::Timing(name) => set(answer, "timing", name, value.clone()),
        Ending::Browser(name) => set(answer, "browser", name, value.clone()),
        Ending::Regions => answer["regions"] = value.clone(),
        Ending::Order => {}
        Ending::Other(ending) => set(answer, "more", ending, value.clone()),
        Ending::Item(_) | Ending::Cell(..) | Ending::ItemText(_) => part(answer, &key.ending, value, said, question),
    }
}

/// Puts what belongs to a row, a cell or a choice.
fn part(answer: &mut Value, ending: &Ending, value: &Value, said: Option<&Value>, question: &Question) {
    let is_matrix = !question.rows.is_empty();
    let says = |row: &str| if is_matrix { question.rows.get(row) } else { question.items.get(row) };
    match ending {
        Ending::ItemText(item) => set(answer, "texts", item, value.clone()),
        Ending::Item(row) => {
            // A slider's number is no choice: only of a matrix do the choices say what it means.
            let label = if is_matrix { label(value, said, question) } else { said.map_or(Value::Null, words) };
            let found = member(answer, "rows", row);
            (found["value"], found["label"], found["row"]) = (value.clone(), label, json!(says(row)));
        }
        Ending::Cell(row, column) => {
            let found = member(answer, "rows", row);
            if found.get("row").is_none() {
                (found["value"], found["label"], found["row"]) = (Value::Null, Value::Null, json!(says(row)));
            }
            let heading = question.items.get(column).filter(|_| is_matrix);
            set(found, "columns", column, json!({ "value": value, "label": heading }));
        }
        _ => {}
    }
}

/// Puts in order what can only be ordered when all of it is there.
pub(super) fn finish(answer: &mut Value, question: &Question) {
    if question.kind.as_deref() == Some("RO")
        && let Some(rows) = answer.get("rows").and_then(Value::as_object)
    {
        let ranked = rows.iter().map(|(item, row)| {
            let label = row.get("row").cloned().unwrap_or_default();
            json!({ "choice": item, "label": label, "rank": row.get("value") })
        });
        answer["ranks"] = in_order(ranked.collect());
    }
    let Some(Value::Object(groups)) = answer.get_mut("groups").map(Value::take) else { return };
    let mut found: Vec<(u64, Value)> = groups
        .iter()
        .filter_map(|(group, parts)| {
            let group: usize = group.parse().ok()?;
            let number = u64::try_from(group).ok()?;
            let items = in_order(items(parts, question));
            Some((number, json!({ "group": number, "name": question.groups.get(group), "items": items })))
        })
        .collect();
    found.sort_by_key(|(number, _)| *number);
    answer["groups"] = found.into_iter().map(|(_, group)| group).collect();
}

/// The items of a group: those that were chosen, and whatever else has a place in it.
fn items(parts: &Value, question: &Question) -> Vec<Value> {
    let ranks = parts.get("ranks").and_then(Value::as_object).cloned().unwrap_or_default();
    let mut items: Vec<Value> = parts.get("chosen").and_then(Value::as_array).cloned().unwrap_or_default();
    for item in &mut items {
        item["rank"] =
            item.get("choice").and_then(Value::as_str).and_then(|id| ranks.get(id)).cloned().unwrap_or_default();
    }
    for (choice, rank) in &ranks {
        if !items.iter().any(|item| item.get("choice").and_then(Value::as_str) == Some(choice)) {
            items.push(json!({ "choice": choice, "label": question.items.get(choice), "rank": rank }));
        }
    }
    items
}

/// The choices of a group with their words, which the response lists in the same order.
fn chosen(value: &Value, said: Option<&Value>, question: &Question) -> Value {
    let listed = value.as_array().cloned().unwrap_or_else(|| vec![value.clone()]);
    let said = said.map(|said| said.as_array().cloned().unwrap_or_else(|| vec![said.clone()])).unwrap_or_default();
    let item = |(at, choice): (usize, &Value)| {
        let id = choice.as_str().map_or_else(|| choice.to_string(), str::to_owned);
        let label = said.get(at).map_or_else(|| json!(question.items.get(&id)), words);
        json!({ "choice": id, "label": label })
    };
    listed.iter().enumerate().filter(|(_, choice)| !choice.is_null() && **choice != "").map(item).collect()
}

/// By place, those without one last.
fn in_order(mut items: Vec<Value>) -> Value {
    let rank = |item: &Value| item.get("rank").and_then(Value::as_f64).unwrap_or(f64::INFINITY);
    items.sort_by(|one, other| rank(one).total_cmp(&rank(other)));
    items.into()
}

/// What the person chose, in words: as the response says it, or else as the definition does. Several are a list.
fn label(value: &Value, said: Option<&Value>, question: &Question) -> Value {
    let word = |value: &Value| {
        let key = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        question.choices.get(&key).map_or(Value::Null, |text| text.as_str().into())
    };
    match (said, value) {
        (Some(said @ (Value::String(_) | Value::Array(_))), _) => words(said),
        (_, Value::Array(list)) => list.iter().map(word).collect(),
        (_, value) => word(value),
    }
}

/// Labels without their markup.
fn words(said: &Value) -> Value {
    match said {
        Value::String(text) => plain(text).into(),
        Value::Array(list) => list.iter().map(words).collect(),
        other => other.clone(),
    }
}

/// The end of a key: what stands behind the question and its column.
fn ending(key: &Key) -> &str {
    let from = key.whole.find('#').map_or(0, |at| at + 1);
    key.whole[from..].split_once('_').map_or("", |(_, ending)| ending)
}

/// The object at a name under a name, made where it is not there.
fn member<'a>(answer: &'a mut Value, under: &str, name: &str) -> &'a mut Value {
    if !answer[under].is_object() {
        answer[under] = Value::Object(Map::new());
    }
    if !answer[under][name].is_object() {
        answer[under][name] = Value::Object(Map::new());
    }
    &mut answer[under][name]
}

fn set(answer: &mut Value, under: &str, name: &str, value: Value) {
    if !answer[under].is_object() {
        answer[under] = Value::Object(Map::new());
    }
    answer[under][name] = value;
}
