//! What may be done about a lost answer of an action, in words; and, where that depends on the input, for which input. The
//! action is asked: it is given inputs that differ in one thing, and its answers are sorted.

use deskwire_core::action::{Action, Effect};
use deskwire_core::time::show_duration;
use serde_json::{Map, Value, json};

/// An effect, and the input that has it.
pub(super) struct Case {
    /// `method GET, HEAD`
    pub(super) when: String,
    pub(super) effect: Effect,
}

/// What an effect means after a crash in mid-call.
pub(super) fn meaning(effect: Effect) -> String {
    match effect {
        Effect::Read => "it changes nothing; after a crash it is called again".to_owned(),
        Effect::Idempotent => "calling twice is like calling once; after a crash it is called again".to_owned(),
        Effect::Keyed { window, look } => {
            let past = if look { "past that time it is looked for" } else { "past that time a person decides" };
            let window = show_duration(window);
            format!("after a crash it is called again with the same key, which is remembered for {window}; {past}")
        }
        Effect::Detectable { .. } => {
            "after a crash its trace is looked for, and it is called again only if there is none".to_owned()
        }
        Effect::Unprovable => {
            "after a crash nobody can tell whether it happened; a person decides, unless the step says `on_unknown: retry`"
                .to_owned()
        }
    }
}

/// Which input has which effect; empty where all have the same.
///
/// First the words of an input that has a choice of them, then what the presence of another input changes about that.
pub(super) fn cases(action: &dyn Action) -> Vec<Case> {
    let schema = &action.spec().input;
    let none = Map::new();
    let properties = schema["properties"].as_object().unwrap_or(&none);
    let required = schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str);
    let required = required.filter_map(|name| Some((name.to_owned(), sample(properties.get(name)?)))).collect();
    let inputs = Inputs { action, properties, required };
    let Some((name, words)) = inputs.choice() else {
        let usual = inputs.usual();
        let mut cases = inputs.changes(&usual, "with");
        if !cases.is_empty() {
            cases.push(Case { when: "otherwise".to_owned(), effect: inputs.effect(&usual) });
        }
        return cases;
    };
    let mut cases = Vec::new();
    for (effect, words) in grouped(words.into_iter()) {
        let when = format!("{name} {}", words.join(", "));
        let changes = inputs.changes(&[(name, json!(words[0]))], &format!("{when} with"));
        cases.push(Case { when, effect });
        cases.extend(changes);
    }
    cases
}

/// The inputs that an action is asked about: what it requires, and one or two more.
struct Inputs<'a> {
    action: &'a dyn Action,
    properties: &'a Map<String, Value>,
    required: Map<String, Value>,
}

impl<'a> Inputs<'a> {
    fn effect(&self, more: &[(&str, Value)]) -> Effect {
        let mut input = self.required.clone();
        input.extend(more.iter().map(|(name, value)| ((*name).to_owned(), value.clone())));
        self.action.effect(&Value::Object(input))
    }

    /// The first input whose words have different effects.
    fn choice(&self) -> Option<(&'a str, Vec<(&'a str, Effect)>)> {
        self.properties.iter().find_map(|(name, schema)| {
            let words = schema["enum"].as_array()?.iter().filter_map(Value::as_str);
            let words: Vec<_> = words.map(|word| (word, self.effect(&[(name, json!(word))]))).collect();
            let differ = words.windows(2).any(|pair| pair[0].1 != pair[1].1);
            differ.then_some((name.as_str(), words))
        })
    }

    /// An input with the effect that most have: nothing but what is required, or one more where a call with nothing more
    /// would be none, such as an update without a change.
    fn usual(&self) -> Vec<(&'a str, Value)> {
        let singles = self.properties.iter().map(|(name, schema)| vec![(name.as_str(), sample(schema))]);
        let inputs = std::iter::once(Vec::new()).chain(singles);
        let mut groups = grouped(inputs.map(|input| (input.clone(), self.effect(&input))));
        // Of groups of one size the first counts, which is that of nothing more.
        groups.sort_by_key(|(_, inputs)| std::cmp::Reverse(inputs.len()));
        groups.into_iter().next().and_then(|(_, inputs)| inputs.into_iter().next()).unwrap_or_default()
    }

    /// What the presence of one more input changes about the effect of `given`.
    fn changes(&self, given: &[(&str, Value)], with: &str) -> Vec<Case> {
        let base = self.effect(given);
        let others = self.properties.iter().filter(|(name, _)| given.iter().all(|(known, _)| known != name));
        let changed = others.filter_map(|(name, schema)| {
            let effect = self.effect(&[given, &[(name.as_str(), sample(schema))]].concat());
            (effect != base).then_some((name.as_str(), effect))
        });
        let groups = grouped(changed).into_iter();
        groups.map(|(effect, names)| Case { when: format!("{with} {}", names.join(" or ")), effect }).collect()
    }
}

/// What has the same effect, in the order of first mention.
fn grouped<T>(items: impl Iterator<Item = (T, Effect)>) -> Vec<(Effect, Vec<T>)> {
    let mut groups: Vec<(Effect, Vec<T>)> = Vec::new();
    for (item, effect) in items {
        match groups.iter_mut().find(|(known, _)| *known == effect) {
            Some((_, group)) => group.push(item),
            None => groups.push((effect, vec![item])),
        }
    }
    groups
}

/// A value that an input of this schema could have.
fn sample(schema: &Value) -> Value {
    let schema = schema["anyOf"].get(0).unwrap_or(schema);
    if let Some(word) = schema["enum"].get(0) {
        return word.clone();
    }
    let kind = schema["type"].as_str().or_else(|| schema["type"][0].as_str());
    match kind {
        Some("boolean") => json!(true),
        Some("integer" | "number") => json!(1),
        Some("array") => json!([sample(&schema["items"])]),
        Some("object") => match schema["properties"].as_object() {
            Some(properties) => properties.iter().map(|(name, schema)| (name.clone(), sample(schema))).collect(),
            None => json!({ "1": "1" }),
        },
        _ => json!("1"),
    }
}
