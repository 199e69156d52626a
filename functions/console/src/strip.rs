//! The strip at the top of the list of runs: how many runs stand where, as one bar, and as links that filter.

use deskwire_core::ports::Counts;
use deskwire_core::run::RunState;

use crate::asked::Asked;
use crate::badge::Badge;

/// The strip's length in the units of its drawing.
pub(crate) const LENGTH: u64 = 1_000;
/// Between two parts.
const GAP: u64 = 4;
/// A part is never drawn shorter, so that one dead run among thousands is seen.
const SHORTEST: u64 = 12;

/// One state's part of the strip.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Part {
    pub badge: Badge,
    pub count: u64,
    pub x: u64,
    pub width: u64,
    /// The list filtered by this state, or not any more where it is filtered so already.
    pub href: String,
    pub current: bool,
}

/// The parts of the states that a run is in, those first that need a person.
pub(crate) fn parts(counts: &Counts, asked: &Asked) -> Vec<Part> {
    let some: Vec<(RunState, u64)> = RunState::ALL
        .into_iter()
        .filter_map(|state| counts.runs.get(state.as_str()).map(|count| (state, *count)))
        .filter(|(_, count)| *count > 0)
        .collect();
    let total: u64 = some.iter().map(|(_, count)| count).sum();
    let states = u64::try_from(some.len()).unwrap_or(u64::MAX);
    let shared = LENGTH.saturating_sub(states * SHORTEST + states.saturating_sub(1) * GAP);
    let mut x = 0;
    some.into_iter()
        .map(|(state, count)| {
            let width = SHORTEST + shared.saturating_mul(count) / total;
            let current = asked.state.as_deref() == Some(state.as_str());
            let href = asked.in_state((!current).then_some(state.as_str())).link("/console");
            let part = Part { badge: state.into(), count, x, width, href, current };
            x += width + GAP;
            part
        })
        .collect()
}

/// What needs a person, in one sentence; `None` when nothing does.
pub(crate) fn attention(counts: &Counts) -> Option<String> {
    let count = |state: RunState| counts.runs.get(state.as_str()).copied().unwrap_or(0);
    let needy: Vec<(RunState, u64)> = RunState::ALL
        .into_iter()
        .filter(|state| crate::badge::needs_a_person(*state))
        .map(|state| (state, count(state)))
        .filter(|(_, count)| *count > 0)
        .collect();
    let list = needy.iter().map(|(state, count)| format!("{count} {}", state.as_str())).collect::<Vec<_>>().join(", ");
    match needy.iter().map(|(_, count)| count).sum::<u64>() {
        0 => None,
        1 => Some(format!("One run did not get through: {list}.")),
        total => Some(format!("{total} runs did not get through: {list}.")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counts(runs: &[(&str, u64)]) -> Counts {
        Counts { events: 0, runs: runs.iter().map(|(state, count)| ((*state).to_owned(), *count)).collect() }
    }

    #[test]
    fn one_dead_run_among_very_many_is_still_seen() {
        let parts = parts(&counts(&[("succeeded", 1_000_000), ("dead", 1)]), &Asked::default());
        assert_eq!(parts[0].badge.word, "dead");
        assert_eq!(parts[0].width, SHORTEST);
        let last = &parts[1];
        assert!(last.x + last.width <= LENGTH && last.width > 900, "{last:?}");
    }

    #[test]
    fn all_states_together_fit_the_strip() {
        let all: Vec<(&str, u64)> = RunState::ALL.iter().map(|state| (state.as_str(), 7)).collect();
        let parts = parts(&counts(&all), &Asked::default());
        let last = parts.last().unwrap();
        assert_eq!(parts.len(), RunState::ALL.len());
        assert!(last.x + last.width <= LENGTH);
    }

    #[test]
    fn choosing_the_chosen_state_again_shows_everything() {
        let asked = Asked::read(Some("state=dead&workflow=w"));
        let parts = parts(&counts(&[("dead", 1), ("failed", 2)]), &asked);
        assert_eq!((parts[0].current, parts[0].href.as_str()), (true, "/console?workflow=w"));
        assert_eq!((parts[1].current, parts[1].href.as_str()), (false, "/console?state=failed&workflow=w"));
    }

    #[test]
    fn what_did_not_get_through_is_counted_in_one_sentence() {
        assert_eq!(attention(&counts(&[("succeeded", 4), ("skipped", 1)])), None);
        assert_eq!(attention(&counts(&[("dead", 1)])).unwrap(), "One run did not get through: 1 dead.");
        let both = attention(&counts(&[("failed", 2), ("unknown", 1)])).unwrap();
        assert_eq!(both, "3 runs did not get through: 1 unknown, 2 failed.");
    }
}
