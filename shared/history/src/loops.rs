//! Loops in a journal: how their turns went, so that a loop over thousands is a line and not a page.

use std::collections::{BTreeMap, HashMap, HashSet};

use deskwire_core::ids::StepPath;
use deskwire_core::run::Entry;
use serde::Serialize;

/// How many turns that did not go well are shown of a folded loop.
const TURNS_SHOWN: usize = 5;

/// How the turns of one loop went.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct LoopCount {
    /// How many items it has.
    pub items: usize,
    /// How many turns ended well.
    pub done: usize,
    /// How many ended with a failure.
    pub failed: usize,
    /// How many have a step that may or may not have happened.
    pub unknown: usize,
    /// How many have begun and not ended.
    pub under_way: usize,
}

impl LoopCount {
    /// How many turns have not begun.
    pub fn to_come(&self) -> usize {
        self.items.saturating_sub(self.done + self.failed + self.unknown + self.under_way)
    }

    /// `118 done, 2 failed`.
    pub fn in_words(&self) -> String {
        let counts = [
            (self.done, "done"),
            (self.failed, "failed"),
            (self.unknown, "unknown"),
            (self.under_way, "under way"),
            (self.to_come(), "not begun"),
        ];
        let some = counts.into_iter().filter(|(count, _)| *count > 0).map(|(count, word)| format!("{count} {word}"));
        let words = some.collect::<Vec<_>>().join(", ");
        if words.is_empty() { "no items".to_owned() } else { words }
    }
}

/// Where a turn stands, which its last entry says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Turn {
    Done,
    Failed,
    Unknown,
    UnderWay,
}

/// The loops of one journal.
#[derive(Debug, Default)]
pub struct Loops {
    counts: HashMap<String, LoopCount>,
    hidden: HashSet<String>,
}

impl Loops {
    /// Counts turns. Of loops with more than `most` items, those that went well are folded away, and of those that did
    /// not all but a few.
    pub fn read(journal: &[Entry], most: usize) -> Self {
        let mut loops = Self::default();
        let mut turns: BTreeMap<&str, BTreeMap<usize, Turn>> = BTreeMap::new();
        for entry in journal {
            let Some(path) = entry.step() else { continue };
            if let Entry::Looping { items, .. } = entry {
                loops.counts.insert(path.to_string(), LoopCount { items: items.len(), ..LoopCount::default() });
            }
            for turn in turns_of(path.as_str()) {
                if let Some((loop_path, number)) = split_turn(turn) {
                    turns.entry(loop_path).or_default().insert(number, state(entry));
                }
            }
        }
        for (path, turns) in turns {
            let count = loops.counts.entry(path.to_owned()).or_default();
            count.items = count.items.max(turns.len());
            for turn in turns.values() {
                match turn {
                    Turn::Done => count.done += 1,
                    Turn::Failed => count.failed += 1,
                    Turn::Unknown => count.unknown += 1,
                    Turn::UnderWay => count.under_way += 1,
                }
            }
            if count.items > most {
                let (well, badly): (Vec<_>, Vec<_>) = turns.iter().partition(|(_, turn)| **turn == Turn::Done);
                let hidden = well.into_iter().chain(badly.into_iter().skip(TURNS_SHOWN));
                loops.hidden.extend(hidden.map(|(number, _)| format!("{path}[{number}]")));
            }
        }
        loops
    }

    /// How the turns of the loop at this path went, if there is one.
    pub fn count(&self, path: &StepPath) -> Option<&LoopCount> {
        self.counts.get(path.as_str())
    }

    /// Is the step part of a turn that is folded away?
    pub fn hides(&self, path: &StepPath) -> bool {
        !self.hidden.is_empty() && turns_of(path.as_str()).any(|turn| self.hidden.contains(turn))
    }
}

/// The turns that a step is in, the outermost first: `a[1]` and `a[1]/b[2]` for `a[1]/b[2]/c`.
fn turns_of(path: &str) -> impl Iterator<Item = &str> {
    path.match_indices("]/").map(|(at, _)| &path[..=at])
}

fn split_turn(turn: &str) -> Option<(&str, usize)> {
    let (path, number) = turn.strip_suffix(']')?.rsplit_once('[')?;
    Some((path, number.parse().ok()?))
}

fn state(entry: &Entry) -> Turn {
    match entry {
        Entry::Done { .. } | Entry::Skipped { .. } | Entry::Decided { happened: true, .. } => Turn::Done,
        Entry::Failed { .. } => Turn::Failed,
        Entry::Unknown { .. } => Turn::Unknown,
        _ => Turn::UnderWay,
    }
}
