//! Numbers that the engine has no type for: decimals that are not written as it writes them (`1.10`, `1e+2`), and what is
//! larger or finer than its types hold.
//!
//! Such a number goes through a template as an object that prints as it was written. The engine's operators do not know the
//! object, so a template that meets one runs in a second form, in which operands are converted: for comparing, into objects
//! on both sides, which compare exactly; for calculating, into the engine's own numbers. See `exact.rs`.

use std::cmp::Ordering;
use std::fmt;
use std::sync::Arc;

use deskwire_core::number::{compare, is_whole};
use minijinja::Value;
use minijinja::value::{DynObject, Object, ObjectRepr, ValueKind};
use serde_json::{Number, Value as Json};

use crate::convert;

/// A number that keeps its text.
#[derive(Debug)]
pub(crate) struct Written(pub Number);

impl Object for Written {
    fn repr(self: &Arc<Self>) -> ObjectRepr {
        ObjectRepr::Plain
    }

    fn is_true(self: &Arc<Self>) -> bool {
        compare(&self.0, &Number::from(0)).is_ne()
    }

    fn custom_cmp(self: &Arc<Self>, other: &DynObject) -> Option<Ordering> {
        other.downcast_ref::<Self>().map(|other| compare(&self.0, &other.0))
    }

    fn render(self: &Arc<Self>, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0.as_str())
    }
}

/// The number that keeps its text, if the value is one.
pub(crate) fn written(value: &Value) -> Option<&Number> {
    value.downcast_object_ref::<Written>().map(|written| &written.0)
}

/// JSON as the engine's value. `met` becomes true where a number has to keep its text.
pub(crate) fn from_json(json: &Json, met: &mut bool) -> Value {
    match json {
        Json::Null => Value::from(()),
        Json::Bool(flag) => Value::from(*flag),
        Json::Number(number) => own(number).unwrap_or_else(|| {
            *met = true;
            Value::from_object(Written(number.clone()))
        }),
        Json::String(text) => Value::from(text.as_str()),
        Json::Array(items) => Value::from(items.iter().map(|item| from_json(item, met)).collect::<Vec<_>>()),
        Json::Object(members) => {
            Value::from_pairs(members.iter().map(|(name, member)| (name.clone(), from_json(member, met))))
        }
    }
}

/// The engine's own number, if that is written the same.
fn own(number: &Number) -> Option<Value> {
    let value = nearest(number);
    convert::number(&value).ok().filter(|back| back == number).map(|_| value)
}

/// The engine's own number that is nearest; beyond its largest it is infinite.
fn nearest(number: &Number) -> Value {
    let text = number.as_str();
    if !is_whole(number) {
        return Value::from(text.parse::<f64>().unwrap_or(f64::INFINITY));
    }
    let whole = number.as_i64().map(Value::from).or_else(|| number.as_u64().map(Value::from));
    let wide = || number.as_i128().map(Value::from).or_else(|| number.as_u128().map(Value::from));
    whole.or_else(wide).unwrap_or_else(|| Value::from(text.parse::<f64>().unwrap_or(f64::INFINITY)))
}

/// For calculating: every number within is one of the engine's.
pub(crate) fn for_calculating(value: &Value) -> Value {
    within(value, &|value| written(value).map(nearest))
}

/// For comparing: every number within is an object.
pub(crate) fn for_comparing(value: &Value) -> Value {
    within(value, &|value| {
        if value.kind() != ValueKind::Number {
            return None;
        }
        convert::number(value).ok().map(|number| Value::from_object(Written(number)))
    })
}

/// After comparing: every number within that the engine would write the same is one of the engine's again.
pub(crate) fn after_comparing(value: &Value) -> Value {
    within(value, &|value| written(value).and_then(own))
}

/// The value with some of what is in it exchanged.
fn within(value: &Value, change: &impl Fn(&Value) -> Option<Value>) -> Value {
    if let Some(changed) = change(value) {
        return changed;
    }
    match value.kind() {
        ValueKind::Seq | ValueKind::Iterable if !value.is_tuple() => value.try_iter().map_or_else(
            |_| value.clone(),
            |items| Value::from(items.map(|item| within(&item, change)).collect::<Vec<_>>()),
        ),
        ValueKind::Map if !value.is_kwargs() => value.try_iter().map_or_else(
            |_| value.clone(),
            |keys| {
                Value::from_pairs(keys.map(|key| {
                    let member = value.get_item(&key).unwrap_or_default();
                    let member = within(&member, change);
                    (key, member)
                }))
            },
        ),
        _ => value.clone(),
    }
}
