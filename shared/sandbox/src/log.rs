//! What was asked of the stand-ins, in order: for `GET /log` and for tests. It holds no header, so no credential.

use std::collections::VecDeque;

use deskwire_core::time::Timestamp;
use serde::Serialize;
use serde_json::{Map, Value};

/// So many entries are kept.
const KEPT: usize = 10_000;

/// One request and how it ended.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct LogEntry {
    /// Its number, from 1; gaps at the beginning are entries that were dropped.
    pub number: u64,
    /// When it was answered.
    pub at: Timestamp,
    /// `slack`, `zendesk` or `llm`.
    pub provider: &'static str,
    /// The method of Slack or the operation of another, as faults name it; `unknown` if there is none.
    pub operation: String,
    /// The HTTP method.
    pub method: String,
    /// The path, without the query.
    pub path: String,
    /// `ok`, or the provider's error code; before a fault's name stands `fault:`.
    pub outcome: String,
    /// The arguments that tell calls apart.
    pub facts: Map<String, Value>,
    /// What the caller calls its request (`x-request-id`).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub request_id: Option<String>,
}

/// An entry before it has a place.
#[derive(Debug)]
pub(crate) struct NewEntry {
    pub provider: &'static str,
    pub operation: String,
    pub method: String,
    pub path: String,
    pub outcome: String,
    pub facts: Map<String, Value>,
    pub request_id: Option<String>,
}

#[derive(Debug, Default)]
pub(crate) struct Log {
    entries: VecDeque<LogEntry>,
    count: u64,
}

impl Log {
    pub(crate) fn add(&mut self, at: Timestamp, entry: NewEntry) {
        let NewEntry { provider, operation, method, path, outcome, facts, request_id } = entry;
        self.count += 1;
        if self.entries.len() == KEPT {
            self.entries.pop_front();
        }
        let number = self.count;
        self.entries.push_back(LogEntry { number, at, provider, operation, method, path, outcome, facts, request_id });
    }

    pub(crate) fn entries(&self) -> Vec<LogEntry> {
        self.entries.iter().cloned().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_ten_thousand_entries_are_kept_with_their_numbers() {
        let mut log = Log::default();
        for _ in 0..KEPT + 5 {
            let entry = NewEntry {
                provider: "slack",
                operation: "auth.test".into(),
                method: "POST".into(),
                path: "/".into(),
                outcome: "ok".into(),
                facts: Map::new(),
                request_id: None,
            };
            log.add(Timestamp::default(), entry);
        }
        let entries = log.entries();
        assert_eq!((entries.len(), entries[0].number), (KEPT, 6));
        assert_eq!(entries[KEPT - 1].number, 10_005);
    }
}
