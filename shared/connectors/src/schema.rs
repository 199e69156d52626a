//! JSON Schemas from the types that describe inputs and outputs: draft 2020-12, in one piece without references, so that
//! `check` and editors can walk them.

use deskwire_core::action::Described;
use schemars::JsonSchema;
use schemars::generate::SchemaSettings;
use serde_json::Value;

pub(crate) fn of<T: JsonSchema>() -> Described {
    Described::by(make::<T>)
}

fn make<T: JsonSchema>() -> Value {
    let settings = SchemaSettings::draft2020_12().with(|settings| settings.inline_subschemas = true);
    let mut schema = settings.into_generator().into_root_schema_for::<T>().to_value();
    if let Some(object) = schema.as_object_mut() {
        // The Rust type's name says nothing to whoever reads the schema.
        object.shift_remove("title");
    }
    schema
}
