//! The sample events in `events/zendesk`: complete, of the documented shape, and fitting the sandbox's world.
#![allow(clippy::unwrap_used, reason = "tests may panic")]

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use deskwire_core::time::Timestamp;
use deskwire_sandbox::world::{DANA, HALDEN, HELMETS, MINA};
use serde_json::Value;

/// Every ticket event type that Zendesk lists
/// (<https://developer.zendesk.com/api-reference/webhooks/event-types/ticket-events/>, checked 2026-11-23).
const TICKET_TYPES: &str = "\
    created agent_assignment_changed group_assignment_changed organization_changed requester_changed submitter_changed \
    brand_changed form_changed custom_status_changed problem_link_changed schedule_changed sla_policy_changed \
    ola_policy_changed status_changed priority_changed type_changed subject_changed description_changed \
    external_id_changed task_due_at_changed next_sla_breach_changed tags_changed email_ccs_changed followers_changed \
    custom_field_changed comment_added comment_made_private comment_redacted attachment_linked_to_comment \
    attachment_redacted_from_comment csat_requested csat_received merged marked_as_spam soft_deleted undeleted \
    permanently_deleted";

/// The samples by file name, without `.json`.
fn samples() -> BTreeMap<String, Value> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../events/zendesk");
    let files = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    files
        .map(|path| {
            let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
            let text = std::fs::read_to_string(&path).unwrap();
            let value = deskwire_core::json::from_str(&text).unwrap_or_else(|error| panic!("{name}: {error}"));
            (name, value)
        })
        .collect()
}

fn subscriptions() -> impl Iterator<Item = (String, Value)> {
    samples().into_iter().filter(|(name, _)| name != "trigger")
}

#[test]
fn there_is_a_sample_of_every_ticket_event_type_and_of_none_that_is_invented() {
    let names: BTreeSet<String> = samples().into_keys().collect();
    let found: BTreeSet<&str> = names.iter().filter_map(|name| name.strip_prefix("ticket.")).collect();
    assert_eq!(found, TICKET_TYPES.split_whitespace().collect());
}

#[test]
fn every_sample_has_the_envelope_and_an_id_of_its_own() {
    let mut ids = BTreeSet::new();
    for (name, body) in subscriptions() {
        assert_eq!(body["type"], format!("zen:event-type:{name}"));
        assert_eq!(body["account_id"], 22_129_001, "{name}");
        assert!(ids.insert(body["id"].as_str().unwrap().to_owned()), "{name} has another's id");
        Timestamp::parse(body["time"].as_str().unwrap()).unwrap();
        let (domain, _) = name.split_once('.').unwrap();
        let version = if domain == "ticket" { "2022-11-06" } else { "2022-06-20" };
        assert_eq!(body["zendesk_event_version"], version, "{name}");
        assert_eq!(body["subject"], format!("zen:{domain}:{}", body["detail"]["id"].as_str().unwrap()));
        assert!(body["event"].is_object(), "{name}");
    }
}

#[test]
fn ids_are_text_and_enums_upper_case() {
    for (name, body) in subscriptions() {
        let detail = body["detail"].as_object().unwrap();
        for (key, value) in detail.iter().filter(|(key, _)| key.ends_with("_id") || *key == "id") {
            assert!(value.is_string() || value.is_null(), "{name}: {key}");
        }
        for key in ["status", "priority", "type"] {
            let written = detail.get(key).and_then(Value::as_str).unwrap_or_default();
            assert_eq!(written, written.to_uppercase(), "{name}: {key}");
        }
    }
}

#[test]
fn the_samples_fit_the_sandboxs_world() {
    let samples = samples();
    let assignment = &samples["ticket.agent_assignment_changed"];
    assert_eq!(assignment["event"]["current"], DANA.to_string());
    for (name, body) in samples.iter().filter(|(name, _)| name.starts_with("ticket.")) {
        assert_eq!(body["detail"]["id"], HELMETS.to_string(), "{name}");
        assert_eq!(body["detail"]["requester_id"], MINA.to_string(), "{name}");
        assert_eq!(body["detail"]["organization_id"], HALDEN.to_string(), "{name}");
    }
}

#[test]
fn a_triggers_body_is_free_and_names_its_ticket() {
    let body = &samples()["trigger"];
    assert_eq!((body["ticket_id"].as_str(), body.get("id")), (Some("48213"), None));
}
