//! The table against the samples in `events/`, and against itself.

use std::path::PathBuf;

use super::*;
use crate::token::{CONNECTED, NEEDS_REAUTHORIZATION};

fn table() -> Value {
    crate::json::from_str(include_str!("../../event-types.json")).unwrap()
}

/// The sample of a type; a family's is named without its `.*`.
fn sample(provider: &str, kind: &str) -> PathBuf {
    let name = kind.strip_suffix(".*").unwrap_or(kind);
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(format!("../../events/{provider}/{name}.json"))
}

fn all() -> impl Iterator<Item = (String, KnownEvent)> {
    KNOWN.keys().flat_map(|provider| kinds(provider).map(move |known| (provider.clone(), known)))
}

#[test]
fn the_table_loads_whole_and_every_type_says_what_it_reports() {
    let rows: usize = table().as_object().unwrap().values().map(|part| part["types"].as_object().unwrap().len()).sum();
    assert_eq!(all().count(), rows);
    for (_, known) in all() {
        assert!(known.summary.ends_with('.') && known.summary.len() > 10, "{}", known.kind);
        assert_eq!(known.schema["type"], "object", "{} has no base", known.kind);
    }
    // 37 of tickets, 27 of users, 6 of organizations, 9 of agents, messages, 3 open families, 2 rows of triggers.
    assert_eq!(kinds("zendesk").count(), 85);
}

#[test]
fn every_sample_fits_the_schema_of_its_type() {
    let of = |provider: &'static str| {
        let files = std::fs::read_dir(sample(provider, "x").parent().unwrap()).unwrap();
        files.map(move |file| (provider, file.unwrap().path()))
    };
    for (provider, path) in of("zendesk").chain(of("qualtrics")) {
        let name = path.file_stem().unwrap().to_str().unwrap();
        let kind = match name {
            "trigger" => "trigger.ticket_escalated",
            "task" => "task.survey.response",
            name => name,
        };
        let known = find(provider, kind).unwrap_or_else(|| panic!("{kind} is in no row"));
        let body: Value = crate::json::from_str(&std::fs::read_to_string(&path).unwrap()).unwrap();
        let validator = jsonschema::draft202012::new(known.schema).unwrap();
        if let Err(error) = validator.validate(&body) {
            panic!("{name}: {error} at {}", error.instance_path());
        }
    }
}

#[test]
fn every_type_has_a_sample_or_is_said_to_have_none() {
    for (provider, part) in table().as_object().unwrap() {
        for (kind, row) in part["types"].as_object().unwrap() {
            let unsampled = row.get("unsampled").is_some();
            assert_ne!(sample(provider, kind).exists(), unsampled, "{provider}: {kind}");
        }
    }
}

#[test]
fn every_reference_resolves_and_no_part_is_left_over() {
    fn references(value: &Value, found: &mut BTreeSet<String>) {
        match value {
            Value::Object(object) => {
                found.extend(object.get("$ref").and_then(Value::as_str).map(str::to_owned));
                object.values().for_each(|value| references(value, found));
            }
            Value::Array(list) => list.iter().for_each(|value| references(value, found)),
            _ => {}
        }
    }
    for (_, known) in all() {
        let mut found = BTreeSet::new();
        references(known.schema, &mut found);
        for path in &found {
            assert!(known.schema.pointer(path.trim_start_matches('#')).is_some(), "{}: {path}", known.kind);
        }
        let parts = known.schema["$defs"].as_object().unwrap().len();
        assert_eq!(parts, found.len(), "{} carries parts that it does not use", known.kind);
    }
    for (provider, part) in table().as_object().unwrap() {
        let (types, defs) = (&part["types"], part["$defs"].as_object().unwrap());
        let mut used = BTreeSet::new();
        references(&part["$defs"], &mut used);
        for row in types.as_object().unwrap().values() {
            let parts = row.get("parts").and_then(Value::as_object).into_iter().flat_map(Map::values);
            used.extend(parts.chain([&row["base"]]).map(|name| format!("#/$defs/{}", name.as_str().unwrap())));
        }
        let named: BTreeSet<String> = defs.keys().map(|name| format!("#/$defs/{name}")).collect();
        assert_eq!(used, named, "{provider}");
    }
}

#[test]
fn a_type_is_found_by_its_name_or_by_its_family() {
    let kind = |kind: &str| find("zendesk", kind).map(|known| known.kind);
    assert_eq!(kind("ticket.created"), Some("ticket.created"));
    assert_eq!(kind("trigger.fired"), Some("trigger.fired"));
    assert_eq!(kind("trigger.ticket_escalated"), Some("trigger.*"));
    assert_eq!(kind("article.published"), Some("article.*"));
    assert_eq!(kind("ticket.updated"), None);
    assert!(find("slack", "ticket.created").is_none());
    assert_eq!(
        kinds("schedule").chain(kinds("manual")).chain(kinds("deskwire")).map(|known| known.kind).collect::<Vec<_>>(),
        ["schedule.tick", "manual.run", CONNECTED, NEEDS_REAUTHORIZATION]
    );
}

#[test]
fn a_pattern_covers_the_rows_below_it_and_the_family_above_it() {
    let covered = |pattern: &str| covered_by("zendesk", pattern).iter().map(|known| known.kind).collect::<Vec<_>>();
    assert_eq!(covered("ticket.*").len(), 37);
    assert_eq!(covered("ticket.created"), ["ticket.created"]);
    assert_eq!(covered("trigger.*"), ["trigger.*", "trigger.fired"]);
    assert_eq!(covered("trigger.orders.*"), ["trigger.*"]);
    assert_eq!(covered("tickets.*"), Vec::<&str>::new());
}

#[test]
fn what_is_about_a_person_is_marked() {
    let comment = find("zendesk", "ticket.comment_added").unwrap().schema;
    for path in ["ticket/properties/subject", "ticket/properties/description", "comment/properties/body"] {
        assert_eq!(comment.pointer(&format!("/$defs/{path}/x-personal")), Some(&json!(true)), "{path}");
    }
    assert_eq!(comment.pointer("/$defs/author/properties/name/x-personal"), Some(&json!(true)));
    let user = find("zendesk", "user.created").unwrap().schema;
    assert_eq!(user.pointer("/$defs/user/properties/email/x-personal"), Some(&json!(true)));
}
