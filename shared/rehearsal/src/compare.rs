//! What two versions of a workflow would write, side by side.

use deskwire_core::number::same;
use serde::Serialize;
use serde_json::Value;

use crate::trial::PlannedCall;

/// A call that both versions make, differently.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Changed {
    /// As the version in force makes it.
    pub before: PlannedCall,
    /// As the draft makes it.
    pub after: PlannedCall,
    /// Where they differ.
    pub fields: Vec<Field>,
}

/// A place where two calls differ.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Field {
    /// `connection`, or where in the input: `message`, `comment.body`, `tags[2]`.
    pub path: String,
    /// The same within the input as a JSON pointer (RFC 6901); `None` for the connection.
    #[serde(skip)]
    pub pointer: Option<String>,
    /// What stood there; `None` where nothing did.
    pub before: Option<Value>,
    /// What stands there now.
    pub after: Option<Value>,
}

/// How the calls of two versions differ.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Difference {
    /// Calls that only the draft makes.
    pub new: Vec<PlannedCall>,
    /// Calls that only the version in force makes.
    pub gone: Vec<PlannedCall>,
    /// Calls that both make, differently.
    pub changed: Vec<Changed>,
    /// How many calls are the same.
    pub same: usize,
}

impl Difference {
    /// Is there none?
    pub fn is_none(&self) -> bool {
        self.new.is_empty() && self.gone.is_empty() && self.changed.is_empty()
    }
}

/// Compares what the version in force would write with what the draft would. Calls belong together by step; a step that was
/// renamed or moved is found by what it calls.
pub fn compare(before: &[PlannedCall], after: &[PlannedCall]) -> Difference {
    let mut gone: Vec<&PlannedCall> = before.iter().collect();
    let mut new: Vec<&PlannedCall> = after.iter().collect();
    let mut pairs = Vec::new();
    let alike: [fn(&PlannedCall, &PlannedCall) -> bool; 3] = [
        |before, after| before.step == after.step && before.action == after.action,
        |before, after| same_call(before, after),
        |before, after| before.action == after.action,
    ];
    for alike in alike {
        new.retain(|after| match gone.iter().position(|before| alike(before, after)) {
            Some(at) => {
                pairs.push((gone.remove(at), *after));
                false
            }
            None => true,
        });
    }
    let mut difference = Difference {
        new: new.into_iter().cloned().collect(),
        gone: gone.into_iter().cloned().collect(),
        ..Difference::default()
    };
    for (before, after) in pairs {
        if same_call(before, after) {
            difference.same += 1;
        } else {
            difference.changed.push(changed(before, after));
        }
    }
    difference
}

fn same_call(before: &PlannedCall, after: &PlannedCall) -> bool {
    before.action == after.action && before.connection == after.connection && same(&before.input, &after.input)
}

/// Two calls that belong together, and where they differ.
fn changed(before: &PlannedCall, after: &PlannedCall) -> Changed {
    let mut fields = Vec::new();
    if before.connection != after.connection {
        let name = |call: &PlannedCall| Some(Value::from(call.connection.as_str()));
        fields.push(Field { path: "connection".to_owned(), pointer: None, before: name(before), after: name(after) });
    }
    differences(&Place::default(), Some(&before.input), Some(&after.input), &mut fields);
    Changed { before: before.clone(), after: after.clone(), fields }
}

/// A place within an input, for people and as a pointer.
#[derive(Default)]
struct Place {
    path: String,
    pointer: String,
}

impl Place {
    fn field(&self, name: &str) -> Self {
        let path = if self.path.is_empty() { name.to_owned() } else { format!("{}.{name}", self.path) };
        Self { path, pointer: format!("{}/{}", self.pointer, name.replace('~', "~0").replace('/', "~1")) }
    }

    fn item(&self, at: usize) -> Self {
        Self { path: format!("{}[{at}]", self.path), pointer: format!("{}/{at}", self.pointer) }
    }
}

fn differences(place: &Place, before: Option<&Value>, after: Option<&Value>, found: &mut Vec<Field>) {
    match (before, after) {
        (Some(before), Some(after)) if same(before, after) => {}
        (Some(Value::Object(before)), Some(Value::Object(after))) => {
            let only_after = after.keys().filter(|name| !before.contains_key(*name));
            for name in before.keys().chain(only_after) {
                differences(&place.field(name), before.get(name), after.get(name), found);
            }
        }
        (Some(Value::Array(before)), Some(Value::Array(after))) => {
            for at in 0..before.len().max(after.len()) {
                differences(&place.item(at), before.get(at), after.get(at), found);
            }
        }
        _ => found.push(Field {
            path: place.path.clone(),
            pointer: Some(place.pointer.clone()),
            before: before.cloned(),
            after: after.cloned(),
        }),
    }
}
