//! Lists that show so many at most: how many more there are, and how to see them.

use serde_json::json;

use crate::failure::is_json;
use crate::output::{note, raw_note};

/// More than this many beyond the limit are not counted one by one.
const COUNTED: usize = 1_000;

/// A list cut to its limit.
pub(crate) struct Cut<T> {
    pub shown: Vec<T>,
    limit: usize,
    more: usize,
}

/// How many to ask the store for, so that those beyond the limit can be counted.
pub(crate) fn to_ask(limit: usize) -> usize {
    limit.saturating_add(COUNTED + 1)
}

/// Keeps the first `limit` of what was found.
pub(crate) fn cut<T>(mut found: Vec<T>, limit: usize) -> Cut<T> {
    let more = found.len().saturating_sub(limit);
    found.truncate(limit);
    Cut { shown: found, limit, more }
}

impl<T> Cut<T> {
    /// Says on the standard error how many more there are. `what` are they, in the plural; `narrower` are options that
    /// choose among them.
    pub(crate) fn tell(&self, what: &str, narrower: &str) {
        if self.more == 0 {
            return;
        }
        let exact = self.more <= COUNTED;
        let limit = self.limit.saturating_add(self.more.min(COUNTED));
        let many = if exact { self.more.to_string() } else { format!("more than {COUNTED}") };
        let words = if exact {
            format!("{many} more {what}: --limit {limit} shows them all, and {narrower} choose among them")
        } else {
            format!("{many} more {what}: --limit {limit} shows the next of them, and {narrower} choose among them")
        };
        if is_json() {
            raw_note(&json!({ "note": words, "more": self.more.min(COUNTED), "more_exactly": exact, "limit": limit }));
        } else {
            note(words);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_is_cut_to_its_limit_and_what_is_left_is_counted() {
        let all = cut(vec![1, 2, 3], 3);
        assert_eq!((all.shown.len(), all.more), (3, 0));
        let some = cut((0..to_ask(2)).collect::<Vec<_>>(), 2);
        assert_eq!((some.shown, some.more), (vec![0, 1], COUNTED + 1));
        assert_eq!(cut(vec![1, 2], 0).more, 2);
    }
}
