//! What is asked of an account now and then and seldom changes, such as the titles of its fields: kept for a few minutes,
//! so that a busy workflow does not ask each time.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use deskwire_core::action::CallError;
use deskwire_core::ids::ConnectionName;

/// Long enough to spare calls, short enough that a renamed field is soon known by its new name.
const KEPT_FOR: Duration = Duration::from_mins(5);

/// One value per connection, or per something of a connection. What failed is not kept.
#[derive(Debug)]
pub(crate) struct Remembered<T, K = ConnectionName> {
    kept_for: Duration,
    values: Mutex<HashMap<K, (Instant, Arc<T>)>>,
}

/// So many values are kept at most: beyond that, those that are too old go.
const MOST: usize = 1_000;

impl<T, K> Default for Remembered<T, K> {
    fn default() -> Self {
        Self { kept_for: KEPT_FOR, values: Mutex::default() }
    }
}

impl<T, K: Clone + Eq + Hash> Remembered<T, K> {
    /// The value under a key; `ask` gets it where it is not known or too old.
    pub(crate) async fn get(
        &self,
        key: &K,
        ask: impl Future<Output = Result<T, CallError>>,
    ) -> Result<Arc<T>, CallError> {
        if let Some(value) = self.fresh(key) {
            return Ok(value);
        }
        let value = Arc::new(ask.await?);
        let mut values = self.values.lock().unwrap_or_else(PoisonError::into_inner);
        if values.len() >= MOST {
            values.retain(|_, (since, _)| since.elapsed() < self.kept_for);
        }
        values.insert(key.clone(), (Instant::now(), Arc::clone(&value)));
        Ok(value)
    }

    fn fresh(&self, key: &K) -> Option<Arc<T>> {
        let values = self.values.lock().unwrap_or_else(PoisonError::into_inner);
        let (since, value) = values.get(key)?;
        (since.elapsed() < self.kept_for).then(|| Arc::clone(value))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use deskwire_core::action::ErrorClass;

    async fn ask(remembered: &Remembered<u8>, connection: &str, answer: u8) -> u8 {
        let connection = ConnectionName::parse(connection).unwrap();
        *remembered.get(&connection, async { Ok(answer) }).await.unwrap()
    }

    #[tokio::test]
    async fn a_value_is_asked_for_once_per_connection() {
        let remembered = Remembered::default();
        assert_eq!((ask(&remembered, "one", 1).await, ask(&remembered, "one", 2).await), (1, 1));
        assert_eq!(ask(&remembered, "other", 3).await, 3);
    }

    #[tokio::test]
    async fn a_value_that_is_too_old_or_failed_is_asked_for_again() {
        let remembered = Remembered { kept_for: Duration::ZERO, values: Mutex::default() };
        assert_eq!((ask(&remembered, "one", 1).await, ask(&remembered, "one", 2).await), (1, 2));
        let (remembered, one) = (Remembered::default(), ConnectionName::parse("one").unwrap());
        let failed = remembered.get(&one, async { Err(CallError::new(ErrorClass::Retry, "http_503", "away")) }).await;
        assert_eq!(failed.unwrap_err().code, "http_503");
        assert_eq!(ask(&remembered, "one", 2).await, 2);
    }
}
