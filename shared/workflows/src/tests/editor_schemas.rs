//! The committed schemas take what `check` takes. That they are fresh is tested where the real actions are known.

use serde_json::{Map, Value, json};

use super::{file, with_steps};
use crate::report::Report;
use crate::yaml::{self, Kind, Node};

fn schema(text: &str) -> jsonschema::Validator {
    let schema: Value = deskwire_core::json::from_str(text).unwrap();
    assert!(jsonschema::meta::is_valid(&schema));
    jsonschema::validator_for(&schema).unwrap()
}

fn workflows() -> jsonschema::Validator {
    schema(include_str!("../../../../schemas/workflow.schema.json"))
}

fn projects() -> jsonschema::Validator {
    schema(include_str!("../../../../schemas/deskwire.schema.json"))
}

fn json_of(node: &Node) -> Value {
    match &node.kind {
        Kind::Null | Kind::Broken => Value::Null,
        Kind::Bool(value) => json!(value),
        Kind::Number(number) => json!(number),
        Kind::Text(text) => json!(text),
        Kind::List(items) => items.iter().map(json_of).collect(),
        Kind::Map(members) => {
            Value::Object(members.iter().map(|(key, value)| (key.name.clone(), json_of(value))).collect::<Map<_, _>>())
        }
    }
}

/// What the schema says of a YAML text.
fn mistakes(schema: &jsonschema::Validator, text: &str) -> Vec<String> {
    let file = file("x.yaml", text);
    let document = json_of(&yaml::read(&mut Report::new(&file)).unwrap());
    schema.iter_errors(&document).map(|error| format!("{}: {error}", error.instance_path())).collect()
}

#[test]
fn the_sandbox_s_project_fits_the_schemas() {
    let project = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../sandbox/project");
    let text = std::fs::read_to_string(project.join("deskwire.yaml")).unwrap();
    assert_eq!(mistakes(&projects(), &text), Vec::<String>::new());
    let schema = workflows();
    for entry in std::fs::read_dir(project.join("workflows")).unwrap() {
        let path = entry.unwrap().path();
        let text = std::fs::read_to_string(&path).unwrap();
        assert_eq!(mistakes(&schema, &text), Vec::<String>::new(), "{}", path.display());
    }
}

#[test]
fn every_part_of_the_language_fits_the_schema() {
    let schema = workflows();
    let heads = [
        "trigger: { source: s, event: [ticket.created, user.*], when: { not: [event.data.x, true] } }\nlane: { debounce: 30s }",
        "trigger: { schedule: '0 9 * * mon', zone: Europe/Berlin, missed: all }\nlane: latest\nactive: false",
        "trigger: { manual: { a: text, b: { type: integer, required: true, choices: [1, 2] } } }\nmax_hops: 3",
        "trigger: { manual: {} }\nskip_stale: true",
    ];
    for head in heads {
        let text = format!("name: w\n{head}\nsteps:\n{}", super::flow::FLOW);
        assert_eq!(mistakes(&schema, &text), Vec::<String>::new(), "{head}");
    }
}

#[test]
fn what_check_refuses_at_sight_the_schema_refuses() {
    let schema = workflows();
    for wrong in [
        "  - { id: a, action: slack.post_mesage }\n",
        "  - { id: a, action: zendesk.look_up_ticket, connection: z, with: { ticket: 1 } }\n",
        "  - { id: a, action: zendesk.look_up_ticket, connection: z }\n",
        "  - { id: a, wait: 5m, retry: {} }\n",
        "  - { id: a, wait: { event: x.y } }\n",
        "  - { id: a, stop: x, fail: y }\n",
        "  - { id: a-b, stop: x }\n",
        "  - { id: a, for_each: text, steps: [{ id: b, stop: x }] }\n",
    ] {
        assert_ne!(mistakes(&schema, &with_steps(wrong)), Vec::<String>::new(), "{wrong}");
    }
    let secret =
        "connections: { s: { provider: slack, allowed_domain: slack.com, auth: { type: bearer, token: abc } } }";
    assert_ne!(mistakes(&projects(), secret), Vec::<String>::new());
}
