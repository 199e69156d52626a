//! What holds for every action.

mod escaping;

use std::sync::Arc;

use deskwire_core::action::{ANY_PROVIDER, Action, Call, Effect, ErrorClass};
use deskwire_core::ids::{ConnectionName, RequestId};
use serde_json::{Value, json};
use wiremock::{MockServer, ResponseTemplate};

use crate::actions;
use crate::testing::{client, client_at, key, not_before, on, time_limit};

fn all() -> Vec<Arc<dyn Action>> {
    let actions = actions(&client_at("http://127.0.0.1:9/"));
    actions.specs().map(|spec| Arc::clone(actions.get(spec.name).unwrap())).collect()
}

fn named(name: &str) -> Arc<dyn Action> {
    all().into_iter().find(|action| action.spec().name == name).unwrap()
}

#[test]
fn every_action_is_registered() {
    let names: Vec<&str> = all().iter().map(|action| action.spec().name).collect();
    assert_eq!(
        names,
        [
            "http.request",
            "qualtrics.create_distribution_link",
            "qualtrics.get_response",
            "qualtrics.list_responses",
            "qualtrics.send_json_event",
            "slack.add_reaction",
            "slack.get_message",
            "slack.get_thread_messages",
            "slack.look_up_user",
            "slack.post_message",
            "slack.reply_in_thread",
            "slack.send_direct_message",
            "zendesk.create_profile",
            "zendesk.create_record",
            "zendesk.create_ticket",
            "zendesk.look_up_organization",
            "zendesk.look_up_ticket",
            "zendesk.look_up_user",
            "zendesk.update_profile",
            "zendesk.update_record",
            "zendesk.update_ticket"
        ]
    );
}

#[test]
fn every_spec_is_complete() {
    for action in all() {
        let spec = action.spec();
        let any = spec.provider == ANY_PROVIDER;
        assert_ne!(spec.name.starts_with(&format!("{}.", spec.provider)), any, "{}", spec.name);
        assert!(spec.example.contains(&format!("action: {}\n", spec.name)), "{}", spec.name);
        assert!(spec.page.starts_with("https://") && spec.summary.ends_with('.'), "{}", spec.name);
        assert!(
            !spec.errors.is_empty() && spec.scopes.is_empty() == (any || spec.name == "qualtrics.send_json_event"),
            "{}",
            spec.name
        );
        let reads = ["look_up_", "get_", "list_"].iter().any(|verb| spec.name.contains(verb));
        assert_eq!(spec.effect.writes(), !reads, "{}", spec.name);
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
            ("http.request", json!(["path"])),
            ("qualtrics.create_distribution_link", json!(["survey_id", "mailing_list_id", "expires_at"])),
            ("qualtrics.get_response", json!(["survey_id", "response_id"])),
            ("qualtrics.list_responses", json!(["survey_id"])),
            ("qualtrics.send_json_event", json!(["event"])),
            ("slack.add_reaction", json!(["channel", "name", "timestamp"])),
            ("slack.get_message", json!(["channel", "timestamp"])),
            ("slack.get_thread_messages", json!(["channel", "thread_ts"])),
            ("slack.look_up_user", json!(["user_id"])),
            ("slack.post_message", json!(["channel", "message"])),
            ("slack.reply_in_thread", json!(["channel", "thread_ts", "message"])),
            ("slack.send_direct_message", json!(["email", "message"])),
            ("zendesk.create_profile", json!(["source", "type", "identifiers"])),
            ("zendesk.create_record", json!(["type"])),
            ("zendesk.create_ticket", json!(null)),
            ("zendesk.look_up_organization", json!(["organization_id"])),
            ("zendesk.look_up_ticket", json!(["ticket_id"])),
            ("zendesk.look_up_user", json!(["user_id"])),
            ("zendesk.update_profile", json!(["source", "type", "identifiers"])),
            ("zendesk.update_record", json!(["record_id", "type"])),
            ("zendesk.update_ticket", json!(["ticket_id"])),
        ]
    );
}

#[test]
fn outputs_are_open_where_the_provider_adds_fields() {
    for action in all() {
        let spec = action.spec();
        let open = spec.provider == "zendesk" || spec.name == "slack.send_direct_message";
        assert_eq!(spec.output["additionalProperties"], open, "{}", spec.name);
    }
    let look_up_ticket = named("zendesk.look_up_ticket");
    let ticket = &look_up_ticket.spec().output;
    let required = ticket["required"].as_array().unwrap();
    assert!(required.contains(&json!("latest_agent_update")) && required.contains(&json!("status")), "{required:?}");
    assert!(!required.contains(&json!("assignee_id")));
    assert_eq!(ticket["properties"]["assignee_id"]["type"], json!(["integer", "null"]));
    assert_eq!(ticket["properties"]["type"]["type"], json!(["string", "null"]));
    assert!(ticket["properties"]["latest_agent_update"].to_string().contains("html_body"));
    assert_eq!(ticket["properties"]["latest_agent_update"]["type"], json!(["object", "null"]));
    let update_ticket = named("zendesk.update_ticket");
    assert_eq!(update_ticket.spec().output["properties"]["comment_id"]["type"], json!(["integer", "null"]));
}

#[test]
fn posts_are_detectable_and_their_lost_answers_unknown() {
    for action in ["slack.post_message", "slack.reply_in_thread", "slack.send_direct_message"].map(named) {
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
        request_id: None,
    };
    let budgets: Vec<Vec<String>> =
        all().iter().map(|action| action.hold_keys(call).into_iter().map(|key| key.0).collect()).collect();
    assert_eq!(
        budgets,
        [
            vec![],
            vec!["crm|qualtrics"],
            vec!["crm|qualtrics"],
            vec!["crm|qualtrics"],
            vec!["crm|qualtrics"],
            vec!["crm|reactions.add"],
            vec!["crm|conversations.history", "crm|conversations.replies"],
            vec!["crm|conversations.replies"],
            vec!["crm|users.info"],
            vec!["crm|chat.postMessage", "crm|chat.postMessage|general"],
            vec!["crm|chat.postMessage", "crm|chat.postMessage|general"],
            vec!["crm|users.lookupByEmail", "crm|conversations.open", "crm|chat.postMessage"],
            vec!["crm|zendesk", "crm|zendesk|profiles"],
            vec!["crm|zendesk"],
            vec!["crm|zendesk"],
            vec!["crm|zendesk"],
            vec!["crm|zendesk"],
            vec!["crm|zendesk"],
            vec!["crm|zendesk", "crm|zendesk|profiles"],
            vec!["crm|zendesk"],
            vec!["crm|zendesk", "crm|zendesk|ticket 1"],
        ]
    );
}

#[tokio::test]
async fn a_foreign_connection_is_a_permanent_failure_and_one_that_is_missing_may_come() {
    let input = json!({ "channel": "C1", "message": "hi" });
    for (name, class, code) in
        [("other", ErrorClass::Retry, "no_connection"), ("zendesk", ErrorClass::Fail, "wrong_connection")]
    {
        let connection = ConnectionName::parse(name).unwrap();
        let call = Call {
            connection: &connection,
            input: &input,
            key: &key(),
            not_before: not_before(),
            time_limit: time_limit(),
            request_id: None,
        };
        let error = named("slack.post_message").call(call).await.unwrap_err();
        assert_eq!((error.class, error.code.as_str()), (class, code));
        assert!(error.message.contains(name), "{error}");
    }
}

#[tokio::test]
async fn every_request_of_a_call_says_which_request_of_ours_it_goes_back_to() {
    let server = MockServer::start().await;
    on(&server, "/reactions.add", ResponseTemplate::new(200).set_body_json(json!({ "ok": true }))).await;
    let connection = ConnectionName::parse("slack").unwrap();
    let (input, id) =
        (json!({ "channel": "C1", "name": "eyes", "timestamp": "1.2" }), RequestId::new("req_0af7651916cd43dd"));
    let all = actions(&client(&server));
    for request_id in [Some(&id), None] {
        let (key, not_before, time_limit) = (key(), not_before(), time_limit());
        let call = Call { connection: &connection, input: &input, key: &key, not_before, request_id, time_limit };
        all.get("slack.add_reaction").unwrap().call(call).await.unwrap();
    }
    let sent = server.received_requests().await.unwrap();
    let said: Vec<_> =
        sent.iter().map(|request| request.headers.get("x-request-id").map(|id| id.to_str().unwrap())).collect();
    assert_eq!(said, [Some("req_0af7651916cd43dd"), None]);
}

/// The inputs under `with:` of an action's example, which are all of one line.
fn example_input(example: &str) -> Value {
    let (_, with) = example.split_once("  with:\n").unwrap();
    let pairs = with.lines().map(|line| {
        let (name, value) = line.trim().split_once(": ").unwrap();
        (name.to_owned(), deskwire_core::json::from_str(value).unwrap_or_else(|_| Value::from(value)))
    });
    Value::Object(pairs.collect())
}

#[test]
fn every_slack_example_gives_inputs_that_its_schema_takes() {
    for action in all().iter().filter(|action| action.spec().provider == "slack") {
        let spec = action.spec();
        let input = example_input(spec.example);
        let schema = jsonschema::validator_for(&spec.input).unwrap();
        let errors: Vec<String> = schema.iter_errors(&input).map(|error| error.to_string()).collect();
        assert!(errors.is_empty(), "{}: {errors:?}", spec.name);
        let mut odd = input;
        odd["no_such_input"] = json!(1);
        assert!(!schema.is_valid(&odd), "{}", spec.name);
    }
}

#[test]
fn what_is_about_people_is_marked_in_slacks_schemas() {
    let is_marked = |schema: &Value, pointer: &str| {
        let property = schema.pointer(pointer);
        assert!(property.is_some(), "{pointer}");
        property.is_some_and(|property| property[deskwire_core::action::PERSONAL] == true)
    };
    for name in ["slack.post_message", "slack.reply_in_thread", "slack.send_direct_message"] {
        for input in ["message", "blocks"] {
            assert!(is_marked(&named(name).spec().input, &format!("/properties/{input}")), "{name}: {input}");
        }
    }
    for (name, pointer) in [
        ("slack.get_message", "/properties/text"),
        ("slack.get_thread_messages", "/properties/messages"),
        ("slack.get_thread_messages", "/properties/messages/items/properties/text"),
        ("slack.look_up_user", "/properties/email"),
        ("slack.look_up_user", "/properties/real_name"),
        ("slack.look_up_user", "/properties/display_name"),
        ("slack.send_direct_message", "/properties/message"),
    ] {
        assert!(is_marked(&named(name).spec().output, pointer), "{name}: {pointer}");
    }
    assert!(is_marked(&named("slack.send_direct_message").spec().input, "/properties/email"));
}

#[test]
fn what_is_about_people_is_marked_in_zendesks_schemas() {
    let marked = |schema: &Value| -> Vec<String> {
        let properties = schema["properties"].as_object().unwrap().iter();
        let marked = properties.filter(|(_, property)| property[deskwire_core::action::PERSONAL] == true);
        marked.map(|(name, _)| name.clone()).collect()
    };
    let ticket = ["comment_body", "comment_html_body", "assignee_email", "email_ccs", "followers"];
    let profile = ["identifiers", "name", "attributes"];
    for (name, expected) in [
        ("zendesk.create_ticket", [["description"].as_slice(), &ticket].concat()),
        ("zendesk.update_ticket", ticket.to_vec()),
        ("zendesk.create_profile", profile.to_vec()),
        ("zendesk.update_profile", profile.to_vec()),
        ("zendesk.create_record", vec!["name"]),
    ] {
        assert_eq!(marked(&named(name).spec().input), expected, "{name}");
    }
    let create = named("zendesk.create_ticket");
    assert_eq!(marked(&create.spec().input["properties"]["requester"]), ["name", "email"]);
    let user = marked(&named("zendesk.look_up_user").spec().output);
    assert_eq!(user, ["name", "email", "phone", "photo", "alias", "signature", "details", "notes"]);
    for name in ["zendesk.look_up_ticket", "zendesk.create_ticket", "zendesk.update_ticket"] {
        assert_eq!(marked(&named(name).spec().output), ["description", "recipient"], "{name}");
    }
    let look_up = named("zendesk.look_up_ticket");
    assert_eq!(marked(&look_up.spec().output["properties"]["latest_agent_update"]), ["body", "html_body"]);
}
