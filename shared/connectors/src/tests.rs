//! What holds for every action.

use std::sync::Arc;

use deskwire_core::action::{Action, Call, Effect, ErrorClass};
use deskwire_core::ids::ConnectionName;
use serde_json::{Value, json};

use crate::testing::{client_at, key, not_before, time_limit};

fn all() -> Vec<Arc<dyn Action>> {
    let actions = crate::actions(client_at("http://127.0.0.1:9/"));
    actions.specs().map(|spec| Arc::clone(actions.get(spec.name).unwrap())).collect()
}

#[test]
fn five_actions_are_registered() {
    let names: Vec<&str> = all().iter().map(|action| action.spec().name).collect();
    assert_eq!(
        names,
        [
            "slack.post_message",
            "slack.send_direct_message",
            "zendesk.look_up_organization",
            "zendesk.look_up_ticket",
            "zendesk.look_up_user"
        ]
    );
}

#[test]
fn every_spec_is_complete() {
    for action in all() {
        let spec = action.spec();
        assert!(spec.name.starts_with(&format!("{}.", spec.provider)), "{}", spec.name);
        assert!(spec.example.contains(&format!("action: {}\n", spec.name)), "{}", spec.name);
        assert!(spec.page.starts_with("https://") && spec.summary.ends_with('.'), "{}", spec.name);
        assert!(!spec.errors.is_empty() && !spec.scopes.is_empty(), "{}", spec.name);
        assert_eq!(spec.effect.writes(), spec.provider == "slack", "{}", spec.name);
        for input in spec.slack_text_inputs {
            assert!(spec.input["properties"].get(input).is_some(), "{}: {input}", spec.name);
        }
    }
}

#[test]
fn schemas_describe_every_property_in_one_piece() {
    for action in all() {
        for schema in [&action.spec().input, &action.spec().output] {
            let name = action.spec().name;
            assert_eq!(schema["type"], "object", "{name}");
            assert!(!schema.to_string().contains("$ref"), "{name}");
            assert!(schema.get("title").is_none(), "{name}");
            for (property, schema) in schema["properties"].as_object().unwrap() {
                assert!(schema["description"].as_str().is_some_and(|text| text.len() > 5), "{name}: {property}");
            }
        }
    }
}

#[test]
fn inputs_are_closed_and_name_what_is_required() {
    let inputs: Vec<(&str, Value)> = all()
        .iter()
        .map(|action| {
            assert_eq!(action.spec().input["additionalProperties"], false);
            (action.spec().name, action.spec().input["required"].clone())
        })
        .collect();
    assert_eq!(
        inputs,
        [
            ("slack.post_message", json!(["channel", "message"])),
            ("slack.send_direct_message", json!(["email", "message"])),
            ("zendesk.look_up_organization", json!(["organization_id"])),
            ("zendesk.look_up_ticket", json!(["ticket_id"])),
            ("zendesk.look_up_user", json!(["user_id"])),
        ]
    );
}

#[test]
fn outputs_are_open_where_the_provider_adds_fields() {
    for action in all() {
        let spec = action.spec();
        assert_eq!(spec.output["additionalProperties"], spec.name != "slack.post_message", "{}", spec.name);
    }
    let actions = all();
    let ticket = &actions[3].spec().output;
    let required = ticket["required"].as_array().unwrap();
    assert!(required.contains(&json!("latest_agent_update")) && required.contains(&json!("status")), "{required:?}");
    assert!(!required.contains(&json!("assignee_id")));
    assert_eq!(ticket["properties"]["assignee_id"]["type"], json!(["integer", "null"]));
    assert_eq!(ticket["properties"]["type"]["type"], json!(["string", "null"]));
    assert!(ticket["properties"]["latest_agent_update"].to_string().contains("html_body"));
}

#[test]
fn posts_are_detectable_and_their_lost_answers_unknown() {
    for action in all().iter().filter(|action| action.spec().provider == "slack") {
        assert!(matches!(action.spec().effect, Effect::Detectable { settle } if settle.as_secs() == 2));
        let row = action.spec().errors.iter().find(|row| row.code == "fatal_error").unwrap();
        assert_eq!(row.class, ErrorClass::Unknown);
    }
}

#[test]
fn budgets_are_named_by_connection_and_rate_class() {
    let connection = ConnectionName::parse("crm").unwrap();
    let input = json!({ "channel": "#general", "message": "hi", "email": "a@example.com", "ticket_id": 1 });
    let call = Call {
        connection: &connection,
        input: &input,
        key: &key(),
        not_before: not_before(),
        time_limit: time_limit(),
    };
    let budgets: Vec<Vec<String>> =
        all().iter().map(|action| action.hold_keys(call).into_iter().map(|key| key.0).collect()).collect();
    assert_eq!(
        budgets,
        [
            vec!["crm|chat.postMessage", "crm|chat.postMessage|general"],
            vec!["crm|users.lookupByEmail", "crm|conversations.open", "crm|chat.postMessage"],
            vec!["crm|zendesk"],
            vec!["crm|zendesk"],
            vec!["crm|zendesk"],
        ]
    );
}

#[tokio::test]
async fn a_missing_or_foreign_connection_is_a_permanent_failure() {
    let input = json!({ "channel": "C1", "message": "hi" });
    for (name, code) in [("other", "no_connection"), ("zendesk", "wrong_connection")] {
        let connection = ConnectionName::parse(name).unwrap();
        let call = Call {
            connection: &connection,
            input: &input,
            key: &key(),
            not_before: not_before(),
            time_limit: time_limit(),
        };
        let error = all()[0].call(call).await.unwrap_err();
        assert_eq!((error.class, error.code.as_str()), (ErrorClass::Fail, code));
        assert!(error.message.contains(name), "{error}");
    }
}
