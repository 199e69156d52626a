//! What a provider documents about the values it takes: how long, how many, in what form. A [`Limit`] is a row of data;
//! [`first_breach`] is the one place that compares a value with it. Called before a request is sent, by trials, and by
//! `deskwire check` for what stands in a workflow as it is.

use serde_json::Value;

use crate::action::{CallError, ErrorClass};

/// The code of a call that was not made, as a value is beyond what the provider documents.
pub const OVER_LIMIT: &str = "over_limit";

/// A limit of one input of an action.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limit {
    /// The input, and the place within it: `comment_body`, `embedded_data.*`, `embedded_data.ResponseEventContext`. `*` is
    /// each member of an object or item of a list.
    pub input: &'static str,
    /// Who sets the limit, as people call it: `Zendesk`.
    pub provider: &'static str,
    /// The limit.
    pub rule: Rule,
    /// What to do about a breach, as a half-sentence: `shorten it`. For [`Rule::Words`], what else can be done.
    pub advice: &'static str,
}

/// What is limited.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rule {
    /// Characters of a text, at most.
    Characters(usize),
    /// Bytes of a text in UTF-8, at most.
    Bytes(usize),
    /// Bytes of a value written as JSON, at most.
    JsonBytes(usize),
    /// Items of a list (or of a text with commas) or members of an object, at most.
    Items(usize),
    /// Characters of the names of an object's members, at most.
    Names(usize),
    /// Each item is one word: the provider takes white space and commas for the end of one.
    Words,
    /// The text begins with one of these.
    Begins(&'static [&'static str]),
}

impl Rule {
    /// The limit in a few words: `at most 48 items`.
    pub fn in_words(self) -> String {
        match self {
            Self::Characters(most) => format!("at most {most} characters"),
            Self::Bytes(most) => format!("at most {most} bytes"),
            Self::JsonBytes(most) => format!("at most {most} bytes as JSON"),
            Self::Items(most) => format!("at most {most} items"),
            Self::Names(most) => format!("names of at most {most} characters"),
            Self::Words => "no white space and no comma in an item".to_owned(),
            Self::Begins(beginnings) => format!("begins with {}", beginnings.join(" or ")),
        }
    }
}

/// A value beyond a limit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Breach {
    /// Which item of a list it is about, where it is about one.
    pub item: Option<usize>,
    /// What was found and what is taken: ``` `comment_body` has 70000 bytes; Zendesk takes at most 65535 bytes```.
    pub problem: String,
    /// What to do, as a half-sentence: ``` write `two_words` ```.
    pub advice: String,
}

/// Refuses a call with an input that breaks one of these limits: nothing is sent, and it would fail the same way again.
///
/// # Errors
/// Of class [`ErrorClass::Fail`] and code [`OVER_LIMIT`]; the message names the input, what was found, the limit and the way
/// out.
pub fn keep(limits: &[Limit], input: &Value) -> Result<(), CallError> {
    match first_breach(limits, input) {
        None => Ok(()),
        Some(Breach { problem, advice, .. }) => {
            let message = format!("{problem}. Nothing was sent: {advice}.");
            Err(CallError::new(ErrorClass::Fail, OVER_LIMIT, message))
        }
    }
}

/// The first of these limits that an action's input breaks. A value that is none, or of a kind that the limit is not about,
/// breaks none: that is for the action to say.
pub fn first_breach(limits: &[Limit], input: &Value) -> Option<Breach> {
    limits.iter().find_map(|limit| {
        let path: Vec<&str> = limit.input.split('.').collect();
        places(input, &path, String::new()).into_iter().find_map(|(place, value)| breach(limit, &place, value))
    })
}

/// The values at a path, each with its own name.
fn places<'a>(value: &'a Value, path: &[&str], name: String) -> Vec<(String, &'a Value)> {
    let Some((part, rest)) = path.split_first() else { return vec![(name, value)] };
    let named = |member: &str| if name.is_empty() { member.to_owned() } else { format!("{name}.{member}") };
    match (value, *part) {
        (Value::Object(members), "*") => {
            members.iter().flat_map(|(member, value)| places(value, rest, named(member))).collect()
        }
        (Value::Array(items), "*") => {
            let items = items.iter().enumerate();
            items.flat_map(|(at, item)| places(item, rest, format!("{name}[{at}]"))).collect()
        }
        (Value::Object(members), member) => {
            members.get(member).map(|value| places(value, rest, named(member))).unwrap_or_default()
        }
        _ => Vec::new(),
    }
}

fn breach(limit: &Limit, place: &str, value: &Value) -> Option<Breach> {
    let Limit { provider, rule, advice, .. } = *limit;
    let too_much = |found: usize, most: usize, unit: &str| {
        (found > most).then(|| Breach {
            item: None,
            problem: format!("`{place}` has {found} {unit}; {provider} takes {}", rule.in_words()),
            advice: advice.to_owned(),
        })
    };
    match rule {
        Rule::Characters(most) => too_much(text(value)?.chars().count(), most, "characters"),
        Rule::Bytes(most) => too_much(text(value)?.len(), most, "bytes"),
        Rule::JsonBytes(most) if value.is_null() => too_much(0, most, "bytes"),
        Rule::JsonBytes(most) => too_much(value.to_string().len(), most, "bytes as JSON"),
        Rule::Items(most) => match value {
            Value::Object(members) => too_much(members.len(), most, "items"),
            other => too_much(items(other).len(), most, "items"),
        },
        Rule::Names(most) => {
            let name = value.as_object()?.keys().find(|name| name.chars().count() > most)?;
            let (shown, found) = (quoted(name), name.chars().count());
            let problem = format!("`{place}` has a name of {found} characters, `{shown}`; {provider} takes {most}");
            Some(Breach { item: None, problem, advice: advice.to_owned() })
        }
        Rule::Words => {
            let (at, item) = items(value).into_iter().find(|(_, item)| item.contains(is_separator))?;
            let words = item.split(is_separator).filter(|word| !word.is_empty()).collect::<Vec<_>>();
            let problem = format!(
                "`{place}` holds `{}`, which {provider} takes for {} tags, as spaces and commas separate them",
                quoted(&item),
                words.len()
            );
            Some(Breach { item: at, problem, advice: format!("write `{}`{advice}", quoted(&words.join("_"))) })
        }
        Rule::Begins(beginnings) => {
            let text = text(value).map(|text| text.trim().to_owned()).filter(|text| !text.is_empty())?;
            let fits = beginnings.iter().any(|beginning| text.starts_with(beginning));
            (!fits).then(|| Breach {
                item: None,
                problem: format!("`{place}` is `{}`, and must begin with {}", quoted(&text), beginnings.join(" or ")),
                advice: advice.to_owned(),
            })
        }
    }
}

fn is_separator(c: char) -> bool {
    c.is_whitespace() || c == ','
}

/// A scalar as it is sent.
fn text(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(_) | Value::Bool(_) => Some(value.to_string()),
        _ => None,
    }
}

/// The items that are not blank: of a list with their place, of a text those between its commas.
fn items(value: &Value) -> Vec<(Option<usize>, String)> {
    let items: Vec<(Option<usize>, String)> = match value {
        Value::String(text) => text.split(',').map(|item| (None, item.to_owned())).collect(),
        Value::Array(list) => {
            let items = list.iter().enumerate().filter(|(_, item)| !item.is_null());
            items.map(|(at, item)| (Some(at), text(item).unwrap_or_else(|| item.to_string()))).collect()
        }
        _ => Vec::new(),
    };
    let trimmed = items.into_iter().map(|(at, item)| (at, item.trim().to_owned()));
    trimmed.filter(|(_, item)| !item.is_empty()).collect()
}

/// Somebody's value in a message: on one line, and not all of a long one.
fn quoted(text: &str) -> String {
    const MOST: usize = 60;
    let short: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).take(MOST).collect();
    if text.chars().nth(MOST).is_some() { format!("{short}…") } else { short }
}

#[cfg(test)]
mod tests;
