//! Which action an unknown name was probably meant for.
//!
//! A name is read as a verb and what it is about. The verb says whether something is to be read or changed, and an action
//! of the other kind is never suggested: whoever writes `slack.send_message` must not end up with one that reads messages.
//! What verbs mean, and what the providers' own methods are called, is a table ([`WORDS`]).

use std::collections::{BTreeMap, BTreeSet};
use std::sync::LazyLock;

use deskwire_core::action::{ANY_PROVIDER, ActionSpec, Actions};
use serde::Deserialize;

use crate::suggest::closest;

/// How many are suggested at most where nobody can tell whether something is to be read or changed.
const MOST: usize = 3;

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Words {
    reads: BTreeMap<String, Vec<String>>,
    writes: BTreeMap<String, Vec<String>>,
    nouns_too: BTreeSet<String>,
    #[serde(rename = "words")]
    same: BTreeMap<String, Vec<String>>,
    meant: BTreeMap<String, BTreeMap<String, String>>,
    parts: BTreeMap<String, Vec<String>>,
}

static WORDS: LazyLock<Words> =
    LazyLock::new(|| deskwire_core::json::from_str(include_str!("../action-words.json")).unwrap_or_default());

/// What is to be done, in the words of the table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Verb {
    class: &'static str,
    writes: bool,
}

/// A name taken apart.
struct Read {
    verb: Option<Verb>,
    verb_word: String,
    about: BTreeSet<String>,
    plural: bool,
}

/// What to do about the name of an action that there is not.
pub fn action_help(given: &str, actions: &Actions) -> String {
    let specs: Vec<&ActionSpec> = actions.specs().collect();
    // Nobody misspells a name of hundreds of letters.
    if specs.is_empty() || given.len() > 128 {
        return "`deskwire actions` lists them".to_owned();
    }
    let found = suggestions(given, &specs);
    if !found.is_empty() {
        let names: Vec<String> = found.iter().map(|name| format!("`{name}`")).collect();
        return match names.as_slice() {
            [first @ .., last] if !first.is_empty() => format!("did you mean {} or {last}?", first.join(", ")),
            all => format!("did you mean {}?", all.join("")),
        };
    }
    let (provider, rest) = split(given, &specs);
    let Some(provider) = provider else {
        let providers: BTreeSet<&str> = specs.iter().map(|spec| prefix(spec)).collect();
        let providers: Vec<&str> = providers.into_iter().collect();
        return format!("actions begin with one of: {}; `deskwire actions` lists them", providers.join(", "));
    };
    let verb = read(rest, &vocabulary(&specs)).verb;
    let fit = specs.iter().filter(|spec| prefix(spec) == provider);
    let mut names: Vec<&str> = fit.clone().filter(|spec| fits(spec, verb)).map(|spec| spec.name).collect();
    let what = match verb.map(|verb| verb.writes) {
        Some(true) if !names.is_empty() => "those that change something are",
        Some(false) if !names.is_empty() => "those that read are",
        _ => {
            names = fit.map(|spec| spec.name).collect();
            "there are"
        }
    };
    format!("{what}: {}", names.join(", "))
}

fn suggestions<'s>(given: &str, specs: &[&'s ActionSpec]) -> Vec<&'s str> {
    let exists = |name: &str| specs.iter().find(|spec| spec.name == name).map(|spec| spec.name);
    let (provider, rest) = split(given, specs);
    let tables = WORDS.meant.iter().filter(|(of, _)| provider.is_none_or(|provider| provider == *of));
    let meant = tables.flat_map(|(_, table)| table).find(|(alias, _)| squeezed(alias) == squeezed(rest));
    if let Some(name) = meant.and_then(|(_, name)| exists(name)) {
        return vec![name];
    }
    // The very action, of another provider or of none.
    let same: Vec<&str> =
        specs.iter().filter(|spec| squeezed(object(spec)) == squeezed(rest)).map(|spec| spec.name).collect();
    if same.len() == 1 {
        return same;
    }
    let vocabulary = vocabulary(specs);
    let asked = read(rest, &vocabulary);
    let candidates = specs.iter().filter(|spec| provider.is_none_or(|provider| prefix(spec) == provider));
    let candidates = candidates.filter(|spec| fits(spec, asked.verb));
    if provider.is_some_and(|provider| specs.iter().filter(|spec| prefix(spec) == provider).count() == 1) {
        return candidates.map(|spec| spec.name).collect();
    }
    if asked.verb.is_some_and(|verb| verb.writes && verb.class != "delete") {
        let has = |parts: &Vec<String>| parts.iter().any(|part| asked.about.contains(part) || asked.verb_word == *part);
        let part = WORDS.parts.iter().filter(|(name, parts)| {
            has(parts) && exists(name).is_some() && provider.is_some_and(|of| name.starts_with(&format!("{of}.")))
        });
        if let [(name, _)] = part.collect::<Vec<_>>()[..] {
            return exists(name).into_iter().collect();
        }
    }
    let mut scored: Vec<(u32, &'s str)> =
        candidates.filter_map(|spec| Some((score(&asked, rest, spec, &vocabulary)?, spec.name))).collect();
    scored.sort_by_key(|(score, _)| std::cmp::Reverse(*score));
    let kept = if asked.verb.is_some() { 1 } else { MOST };
    scored.into_iter().take(kept).map(|(_, name)| name).collect()
}

/// How well an action fits what was asked for, out of about a hundred; `None` where it does not.
fn score(asked: &Read, given: &str, spec: &ActionSpec, vocabulary: &BTreeSet<String>) -> Option<u32> {
    let (there, mine) = (read(object(spec), vocabulary), squeezed(object(spec)));
    let asked_for = squeezed(given);
    let slips = strsim::damerau_levenshtein(&asked_for, &mine);
    if slips <= (mine.len() / 6).max(1) {
        return Some(100 - u32::try_from(slips).unwrap_or(100));
    }
    let same_class = asked.verb.zip(there.verb).is_some_and(|(ours, its)| ours.class == its.class);
    // Making and changing are not the same, and nothing is like deleting.
    if asked.verb.is_some_and(|verb| verb.class == "delete") && !same_class {
        return None;
    }
    let common = asked.about.intersection(&there.about).count();
    if common == 0 && !(same_class && asked.about.is_empty()) {
        return None;
    }
    let all = asked.about.union(&there.about).count().max(1);
    let overlap = u32::try_from(60 * common / all).unwrap_or_default();
    let verb = 24 * u32::from(same_class) + 6 * u32::from(asked.verb_word == there.verb_word);
    Some(overlap + verb + 6 * u32::from(asked.plural == there.plural))
}

/// The provider that a name begins with, if it is known or nearly so, and the rest.
fn split<'g, 's>(given: &'g str, specs: &[&'s ActionSpec]) -> (Option<&'s str>, &'g str) {
    let Some((head, rest)) = given.split_once('.') else {
        let alone = specs.iter().map(|spec| prefix(spec)).find(|provider| provider.eq_ignore_ascii_case(given));
        return (alone, given);
    };
    // `chat.postMessage` begins with no provider, and is the name of one's method.
    let method = |table: &BTreeMap<String, String>| table.keys().any(|alias| alias.eq_ignore_ascii_case(given));
    if let Some((provider, _)) = WORDS.meant.iter().find(|(_, table)| method(table)) {
        return (specs.iter().map(|spec| prefix(spec)).find(|known| known == provider), given);
    }
    match closest(head, specs.iter().map(|spec| prefix(spec))) {
        Some(provider) => (Some(provider), rest),
        None if ["webhook", "rest", "url", "request"].contains(&head) => {
            (specs.iter().map(|spec| prefix(spec)).find(|known| *known == "http"), rest)
        }
        None => (None, rest),
    }
}

fn prefix<'s>(spec: &ActionSpec) -> &'s str
where
    'static: 's,
{
    spec.name.split_once('.').map_or(spec.name, |(provider, _)| provider)
}

fn object(spec: &ActionSpec) -> &'static str {
    spec.name.split_once('.').map_or(spec.name, |(_, rest)| rest)
}

/// May an action do what is asked for? One that works with any provider does both, as its input says.
fn fits(spec: &ActionSpec, verb: Option<Verb>) -> bool {
    spec.provider == ANY_PROVIDER || verb.is_none_or(|verb| verb.writes == spec.effect.writes())
}

/// The letters of a name, however its words are joined.
fn squeezed(name: &str) -> String {
    name.chars().filter(char::is_ascii_alphanumeric).map(|c| c.to_ascii_lowercase()).collect()
}

/// Every word that means something: those of the actions, and those of the table.
fn vocabulary(specs: &[&ActionSpec]) -> BTreeSet<String> {
    let own = specs.iter().flat_map(|spec| words(object(spec)));
    let verbs = WORDS.reads.values().chain(WORDS.writes.values()).flatten().cloned();
    let parts = WORDS.parts.values().flatten().cloned();
    own.map(singular).chain(verbs).chain(parts).chain(WORDS.same.keys().cloned()).collect()
}

/// The words of a name: `getThread_messages` has three.
fn words(name: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let mut lower = false;
    for c in name.chars() {
        if !c.is_ascii_alphanumeric() || (c.is_ascii_uppercase() && lower) {
            words.push(String::new());
        }
        lower = c.is_ascii_lowercase();
        if let (true, Some(word)) = (c.is_ascii_alphanumeric(), words.last_mut()) {
            word.push(c.to_ascii_lowercase());
        }
    }
    words.retain(|word| !word.is_empty());
    words
}

fn singular(word: String) -> String {
    match word.strip_suffix('s') {
        Some(one) if word.len() > 3 && !word.ends_with("ss") && !word.ends_with("us") => one.to_owned(),
        _ => word,
    }
}

fn verb(word: &str) -> Option<Verb> {
    let find = |table: &'static BTreeMap<String, Vec<String>>, writes| {
        table.iter().find(|(_, all)| all.iter().any(|one| one == word)).map(|(class, _)| Verb { class, writes })
    };
    find(&WORDS.writes, true).or_else(|| find(&WORDS.reads, false))
}

/// Takes a name apart. The first word that can only be a verb is the verb; else the first that may be one, where it comes
/// first. Words with a slip in them are read as those that they are nearly.
fn read(name: &str, vocabulary: &BTreeSet<String>) -> Read {
    const SMALL: [&str; 12] = ["in", "on", "to", "a", "the", "of", "by", "for", "up", "with", "from", "id"];
    let given = words(name);
    let plural = given.last().is_some_and(|last| singular(last.clone()) != *last);
    let meant = |word: &String| {
        let word = word.as_str();
        if word.len() < 4 || verb(word).is_some() || vocabulary.contains(&singular(word.to_owned())) {
            return word.to_owned();
        }
        closest(word, vocabulary.iter().map(String::as_str)).unwrap_or(word).to_owned()
    };
    let mut given: Vec<String> = given.iter().map(meant).collect();
    let only_verb = |word: &String| verb(word).is_some() && !WORDS.nouns_too.contains(word);
    let at = given.iter().position(only_verb).or_else(|| given.first().and_then(|word| verb(word)).map(|_| 0));
    let verb_word = at.map(|at| given.remove(at)).unwrap_or_default();
    // A word that is verb and noun at once says what it is about, too.
    if WORDS.nouns_too.contains(&verb_word) || ["react", "dm"].contains(&verb_word.as_str()) {
        given.push(verb_word.clone());
    }
    let about = given.into_iter().filter(|word| !SMALL.contains(&word.as_str()));
    let about = about.flat_map(|word| {
        let one = singular(word);
        WORDS.same.get(&one).cloned().unwrap_or_else(|| vec![one])
    });
    Read { verb: verb(&verb_word), verb_word, about: about.collect(), plural }
}
