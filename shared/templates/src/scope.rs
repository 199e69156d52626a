//! What names mean while a template is rendered.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::OnceLock;

use minijinja::Value;

use crate::number::from_json;

/// The names of one run: `event`, and `steps.ID` for each step that has an output. Kept for as long as the run is worked
/// on; each value is converted once, when it is set, and shared by all renderings.
#[derive(Clone, Default)]
pub struct Scope {
    names: BTreeMap<String, Value>,
    steps: BTreeMap<String, Value>,
    /// Is there a number in it that keeps its text?
    exact: bool,
    root: OnceLock<Value>,
}

impl Scope {
    /// A scope in which `steps` is empty and nothing else is set.
    pub fn new() -> Self {
        Self::default()
    }

    /// Gives a name a meaning, or a new one.
    pub fn set(&mut self, name: &str, value: &serde_json::Value) {
        self.names.insert(name.to_owned(), from_json(value, &mut self.exact));
        self.root.take();
    }

    /// Makes a step's output known as `steps.ID`.
    pub fn set_step(&mut self, id: &str, output: &serde_json::Value) {
        self.steps.insert(id.to_owned(), from_json(output, &mut self.exact));
        self.root.take();
    }

    /// Is there a number in it that the engine has no type for?
    pub(crate) fn is_exact(&self) -> bool {
        self.exact
    }

    /// The map that the engine looks names up in, built again after a change; its values are shared, not copied.
    pub(crate) fn root(&self) -> Value {
        self.root
            .get_or_init(|| {
                let steps = Value::from_pairs(self.steps.iter().map(|(id, output)| (id.clone(), output.clone())));
                let names = self.names.iter().map(|(name, value)| (name.clone(), value.clone()));
                Value::from_pairs(std::iter::once(("steps".to_owned(), steps)).chain(names))
            })
            .clone()
    }
}

impl fmt::Debug for Scope {
    /// The names, not their values: an event's data is nobody's business in a log.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Scope")
            .field("names", &self.names.keys().collect::<Vec<_>>())
            .field("steps", &self.steps.keys().collect::<Vec<_>>())
            .finish_non_exhaustive()
    }
}
