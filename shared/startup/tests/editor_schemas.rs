//! The JSON Schemas that editors use are those of the actions there are. `UPDATE_SCHEMAS=1 cargo test -p deskwire-startup
//! --test editor_schemas` writes them anew.

#![allow(clippy::unwrap_used, clippy::expect_used)]
#![allow(clippy::disallowed_methods, reason = "a test may be told to write what it compares")]

use std::path::Path;

use deskwire_startup::actions_alone;
use deskwire_workflows::schemas;
use serde_json::Value;

fn is_fresh(name: &str, schema: &Value) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../schemas").join(name);
    let text = format!("{}\n", serde_json::to_string_pretty(schema).unwrap());
    if std::env::var_os("UPDATE_SCHEMAS").is_some() {
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, &text).unwrap();
    }
    let committed = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        committed == text,
        "schemas/{name} is stale: run `UPDATE_SCHEMAS=1 cargo test -p deskwire-startup --test editor_schemas`"
    );
}

#[test]
fn the_committed_schema_of_workflows_is_fresh() {
    is_fresh("workflow.schema.json", &schemas::workflow(&actions_alone()));
}

#[test]
fn the_committed_schema_of_the_project_file_is_fresh() {
    is_fresh("deskwire.schema.json", &schemas::project());
}
