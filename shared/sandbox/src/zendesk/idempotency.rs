//! Idempotency keys of `POST /api/v2/tickets`.
//! <https://developer.zendesk.com/api-reference/ticketing/introduction/#idempotency>, checked 2026-11-23.

use std::collections::HashMap;
use std::time::Duration;

use deskwire_core::time::Timestamp;
use serde_json::Value;

/// How long a key is remembered.
const REMEMBERED: Duration = Duration::from_hours(2);

/// The keys of requests that created something, with what was asked for and answered.
#[derive(Debug, Default)]
pub(crate) struct Keys(HashMap<String, (Timestamp, Value, Value)>);

/// What is known of a key.
#[derive(Debug, PartialEq)]
pub(crate) enum Lookup {
    Miss,
    /// The answer of then.
    Hit(Value),
    /// It was used for something else.
    Mismatch,
}

impl Keys {
    pub(crate) fn look_up(&mut self, key: &str, asked: &Value, now: Timestamp) -> Lookup {
        self.0.retain(|_, (at, ..)| now.since(*at) < REMEMBERED);
        match self.0.get(key) {
            None => Lookup::Miss,
            Some((_, before, answer)) if before == asked => Lookup::Hit(answer.clone()),
            Some(_) => Lookup::Mismatch,
        }
    }

    pub(crate) fn remember(&mut self, key: &str, asked: Value, answer: Value, now: Timestamp) {
        self.0.insert(key.to_owned(), (now, asked, answer));
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_key_is_remembered_for_two_hours() {
        let (mut keys, then) = (Keys::default(), Timestamp::default());
        keys.remember("k", json!(1), json!("answer"), then);
        let almost = then.plus(REMEMBERED).minus(Duration::from_millis(1));
        assert_eq!(keys.look_up("k", &json!(1), almost), Lookup::Hit(json!("answer")));
        assert_eq!(keys.look_up("k", &json!(2), almost), Lookup::Mismatch);
        assert_eq!(keys.look_up("k", &json!(2), then.plus(REMEMBERED)), Lookup::Miss);
    }
}
