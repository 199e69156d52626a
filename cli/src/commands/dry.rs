//! Dry runs: actions that write are noted down instead of called.

use std::sync::{Arc, Mutex, PoisonError};

use deskwire_core::BoxFuture;
use deskwire_core::action::{Action, ActionSpec, Actions, Call, CallError, HoldKey};
use serde_json::{Map, Value};

/// The calls that were not made, in order.
#[derive(Clone, Default)]
pub(crate) struct DryCalls(Arc<Mutex<Vec<(String, Value)>>>);

impl DryCalls {
    /// Action and input of each.
    pub(crate) fn list(&self) -> Vec<(String, Value)> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// The same actions, but those that write only note down what they would be called with.
pub(crate) fn dry(actions: &Actions, calls: &DryCalls) -> Actions {
    let names: Vec<&str> = actions.specs().map(|spec| spec.name).collect();
    Actions::new(names.into_iter().filter_map(|name| actions.get(name)).map(|action| {
        if action.spec().effect.writes() {
            Arc::new(Noted { action: Arc::clone(action), calls: calls.clone() }) as Arc<dyn Action>
        } else {
            Arc::clone(action)
        }
    }))
}

struct Noted {
    action: Arc<dyn Action>,
    calls: DryCalls,
}

impl Action for Noted {
    fn spec(&self) -> &ActionSpec {
        self.action.spec()
    }

    fn hold_keys(&self, _: Call<'_>) -> Vec<HoldKey> {
        Vec::new()
    }

    fn call<'a>(&'a self, call: Call<'a>) -> BoxFuture<'a, Result<Value, CallError>> {
        Box::pin(async move {
            let noted = (self.spec().name.to_owned(), call.input.clone());
            self.calls.0.lock().unwrap_or_else(PoisonError::into_inner).push(noted);
            Ok(sample(&self.spec().output))
        })
    }
}

/// An output that later steps can be tried with: each property as text that names it.
fn sample(schema: &Value) -> Value {
    let properties = schema.get("properties").and_then(Value::as_object);
    let named = properties.into_iter().flatten().map(|(name, _)| (name.clone(), Value::from(format!("<{name}>"))));
    Value::Object(named.collect::<Map<_, _>>())
}
