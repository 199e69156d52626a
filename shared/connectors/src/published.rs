//! Every body that an action builds, against what its provider publishes: `published/*.json` holds the names and types of the
//! requests that we make, with where they come from. A request that is in no file fails, and so does an input that no
//! example gives.

use std::collections::BTreeSet;
use std::sync::Arc;

use deskwire_core::action::{ANY_PROVIDER, Action, Call};
use deskwire_core::ids::ConnectionName;
use deskwire_core::secret::SecretString;
use serde_json::{Map, Value, json};
use wiremock::{Mock, MockServer, Request, Respond, ResponseTemplate};

use crate::testing::{connection_at, key, not_before, requests, time_limit};
use crate::{Client, actions};

/// Answers to anything that an action may ask, so that all of its requests are made.
struct Anything;

impl Respond for Anything {
    fn respond(&self, request: &Request) -> ResponseTemplate {
        let path = request.url.path();
        let ticket = json!({ "id": 7, "status": "open", "tags": ["old"], "updated_at": "2026-02-03T08:15:42Z" });
        let body = match path {
            "/chat.postMessage" => {
                let is_first =
                    crate::testing::form_field(request, "channel").is_some_and(|channel| channel == "closed");
                if is_first { json!({ "ok": false, "error": "not_in_channel" }) } else { posted(request) }
            }
            "/conversations.list" => json!({ "ok": true, "channels": [{ "id": "C1", "name": "closed" }] }),
            "/conversations.open" => json!({ "ok": true, "channel": { "id": "D1" } }),
            "/conversations.history" | "/conversations.replies" => {
                json!({ "ok": true, "messages": [{ "ts": "1770106543.000200", "text": "x" }] })
            }
            "/users.info" | "/users.lookupByEmail" => json!({ "ok": true, "user": { "id": "U1", "profile": {} } }),
            _ if path.starts_with("/API/") => qualtrics(path),
            _ if path.starts_with("/inbound-event/") => json!({ "meta": {} }),
            _ if path.starts_with("/api/v2/") => {
                json!({ "ticket": ticket, "audit": { "id": 9 }, "profile": { "source": "webshop" },
                        "custom_object_record": { "id": "r" }, "user": { "id": 5 }, "organization": { "id": 6 },
                        "comments": [], "tickets": [], "audits": [], "ticket_fields": [] })
            }
            _ => json!({ "ok": true }),
        };
        ResponseTemplate::new(200).set_body_json(body)
    }
}

fn posted(request: &Request) -> Value {
    let thread = crate::testing::form_field(request, "thread_ts");
    json!({ "ok": true, "channel": "C1", "ts": "1770106544.000100", "message": { "thread_ts": thread } })
}

fn qualtrics(path: &str) -> Value {
    if path.ends_with("/file") {
        return json!({ "responses": [] });
    }
    let link = json!({ "link": "https://acme.fra1.qualtrics.com/jfe/form/SV_1?Q_DL=x" });
    let id = if path.ends_with("/distributions") { "EMD_1" } else { "CID_1" };
    json!({ "result": { "id": id, "contactLookupId": "CGC_1", "elements": [link], "progressId": "ES_1", "status": "complete",
                        "fileId": "f-1", "responseId": "R_1", "values": {}, "questions": {} }, "meta": {} })
}

/// Inputs of every action that writes or asks with a body; together they give every input there is.
fn examples() -> Vec<(&'static str, Value)> {
    let ticket = json!({
        "subject": "Bell", "comment_body": "Hi", "author_id": 1, "requester": { "name": "Lin", "email": "lin@example.net" },
        "assignee_id": "2", "assignee_email": "dana@example.com", "group_id": 3, "organization_id": 4, "priority": "High",
        "status": "On-hold", "custom_status_id": 5, "type": "Task", "due_at": "2026-02-04T00:00:00Z",
        "custom_fields": { "360": "x", "361": null, "362": [1, "a"] }, "ticket_form_id": 6, "brand_id": 7,
        "email_ccs": ["a@example.net", 8, { "user_id": 9, "action": "delete" }, { "user_email": "b@example.net", "user_name": "B" }],
        "followers": "c@example.net, 10", "public": true, "external_id": 48213,
    });
    let with = |more: Value| {
        let mut all = ticket.as_object().unwrap().clone();
        all.extend(more.as_object().unwrap().clone());
        Value::Object(all)
    };
    let html = json!({ "comment_html_body": "<p>Hi</p>", "requester_id": "11" });
    let since = json!({ "ticket_id": 7, "only_if_unchanged_since": "2026-02-03T08:15:42Z", "comment_html_body": "<p>Hi</p>",
                        "requester_id": 11, "add_tags": "x" });
    let profile = json!({ "source": "webshop", "type": "customer", "identifiers": { "email": "m@example.net", "member": [1, 2] },
                          "name": "Mina", "attributes": { "plan": "gold" } });
    let of_user =
        json!({ "source": "webshop", "type": "customer", "identifiers": [{ "type": "x", "value": 3 }], "user_id": 5 });
    let blocks = json!([{ "type": "section", "text": { "type": "mrkdwn", "text": "hi" } }]);
    let message = json!({ "message": "hi", "blocks": blocks, "if_too_long": "split" });
    let say = |more: Value| {
        let mut all = message.as_object().unwrap().clone();
        all.extend(more.as_object().unwrap().clone());
        Value::Object(all)
    };
    let link = json!({ "survey_id": "SV_1", "mailing_list_id": "CG_1", "directory_id": "POOL_1", "email": "a@example.net",
                       "first_name": "Ada", "last_name": "L", "external_reference": 29, "embedded_data": { "n": 1, "b": true },
                       "expires_at": "2026-03-31T00:00:00Z", "description": "After a ticket" });
    let known = json!({ "survey_id": "SV_1", "mailing_list_id": "CG_1", "contact_id": "CGC_1", "expires_at": "2026-03-31 00:00:00" });
    vec![
        ("zendesk.create_ticket", with(json!({ "tags": ["vip", 7], "description": "first" }))),
        ("zendesk.create_ticket", with(html)),
        ("zendesk.update_ticket", with(json!({ "ticket_id": 7, "add_tags": ["vip"], "remove_tags": "old" }))),
        ("zendesk.update_ticket", with(json!({ "ticket_id": "7", "set_tags": "a, b" }))),
        ("zendesk.update_ticket", since),
        ("zendesk.create_profile", profile.clone()),
        ("zendesk.create_profile", of_user.clone()),
        ("zendesk.update_profile", profile),
        ("zendesk.update_profile", json!({ "source": "w", "type": "c", "identifiers": { "x": 1 }, "user_id": null })),
        (
            "zendesk.create_record",
            json!({ "type": "pump", "name": "P", "external_id": 7, "attributes": { "a": 1 }, "legacy": false }),
        ),
        (
            "zendesk.update_record",
            json!({ "type": "pump", "record_id": "r", "name": "P", "external_id": "e", "attributes": {}, "legacy": false }),
        ),
        ("zendesk.look_up_ticket", json!({ "ticket_id": 7 })),
        ("zendesk.look_up_user", json!({ "user_id": 5 })),
        ("zendesk.look_up_organization", json!({ "organization_id": 6 })),
        ("slack.post_message", say(json!({ "channel": "closed", "unfurl_links": true, "unfurl_media": "false" }))),
        ("slack.post_message", json!({ "channel": "C1", "message": "x ".repeat(2_100), "if_too_long": "split" })),
        (
            "slack.reply_in_thread",
            say(json!({ "channel": "C1", "thread_ts": "1770106543.000200", "reply_broadcast": true })),
        ),
        ("slack.send_direct_message", say(json!({ "email": "a@example.net" }))),
        ("slack.add_reaction", json!({ "channel": "C1", "name": ":eyes:", "timestamp": "1770106543.000200" })),
        ("slack.get_message", json!({ "channel": "#closed", "timestamp": "1770106543.000200" })),
        ("slack.get_thread_messages", json!({ "channel": "C1", "thread_ts": "1770106543.000200" })),
        (
            "slack.get_thread_messages",
            json!({ "channel": "C1", "thread_ts": "1770106543.000200", "reply_ts": "1770106543.000200" }),
        ),
        ("slack.look_up_user", json!({ "user_id": "U1" })),
        ("qualtrics.create_distribution_link", link),
        ("qualtrics.create_distribution_link", known),
        ("qualtrics.get_response", json!({ "survey_id": "SV_1", "response_id": "R_1" })),
        (
            "qualtrics.list_responses",
            json!({ "survey_id": "SV_1", "last": "7d", "until": "2026-02-03T08:15:42Z", "limit": 5 }),
        ),
        ("qualtrics.list_responses", json!({ "survey_id": "SV_1", "since": "2026-01-26T00:00:00.5Z" })),
        ("qualtrics.send_json_event", json!({ "event": { "a": 1 } })),
    ]
}

/// What a provider publishes.
fn published(provider: &str) -> Value {
    let text = match provider {
        "zendesk" => include_str!("../published/zendesk.json"),
        "slack" => include_str!("../published/slack.json"),
        _ => include_str!("../published/qualtrics.json"),
    };
    deskwire_core::json::from_str(text).unwrap()
}

/// Does a path fit one with `*` in place of ids?
fn fits(pattern: &str, path: &str) -> bool {
    let (pattern, path): (Vec<&str>, Vec<&str>) = (pattern.split('/').collect(), path.split('/').collect());
    pattern.len() == path.len() && pattern.iter().zip(path).all(|(part, given)| *part == "*" || *part == given)
}

/// The schema of a request, in one document with what it refers to; `None` where none is published for it.
fn schema_of(published: &Value, request: &Request) -> Option<Value> {
    let (verb, path) = (request.method.as_str(), request.url.path());
    let known = published["requests"].as_object().unwrap();
    let (_, schema) = known.iter().find(|(name, _)| {
        let (its_verb, pattern) = name.split_once(' ').unwrap();
        its_verb == verb && fits(pattern, path)
    })?;
    let mut schema = schema.clone();
    schema["$defs"] = published["$defs"].clone();
    if schema["$defs"].is_null() {
        schema.as_object_mut().unwrap().remove("$defs");
    }
    Some(schema)
}

/// A request's body: JSON, or a form whose texts are read as the kinds that are published for them.
fn body_of(request: &Request, schema: &Value) -> Value {
    let is_form = request.headers.get("content-type").is_some_and(|kind| kind == "application/x-www-form-urlencoded");
    if !is_form {
        return deskwire_core::json::from_slice(&request.body).unwrap();
    }
    let fields = url::form_urlencoded::parse(&request.body).into_owned();
    let read = |(name, text): (String, String)| {
        let kind = schema["properties"][&name]["type"].as_str().unwrap_or("string").to_owned();
        let value = if kind == "string" {
            Value::from(text)
        } else {
            deskwire_core::json::from_str(&text).unwrap_or(Value::from(text))
        };
        (name, value)
    };
    Value::Object(fields.map(read).collect::<Map<String, Value>>())
}

async fn sent(action: &dyn Action, client_of: &MockServer, input: &Value) -> Vec<Request> {
    let provider = action.spec().provider;
    let connection = ConnectionName::parse(provider).unwrap();
    let key = key();
    let call = Call {
        connection: &connection,
        input,
        key: &key,
        not_before: not_before(),
        time_limit: time_limit(),
        request_id: None,
    };
    action.call(call).await.unwrap_or_else(|error| panic!("{}: {error}", action.spec().name));
    // What a look asks is a request too; whether it finds anything does not matter here.
    let _ = action.look(call).await;
    requests(client_of).await
}

#[tokio::test]
async fn every_request_of_every_action_fits_what_its_provider_publishes() {
    let mut given: BTreeSet<(String, String)> = BTreeSet::new();
    for (name, input) in examples() {
        let server = MockServer::start().await;
        Mock::given(wiremock::matchers::any()).respond_with(Anything).mount(&server).await;
        let url = SecretString::from(format!("{}/inbound-event/v1/events/json/triggers?urlTokenId=x", server.uri()));
        let connections = ["slack", "zendesk", "qualtrics"].map(|name| connection_at(name, &server.uri()));
        let connections = connections.map(|connection| connection.with_secret_url(&url).unwrap());
        let options = deskwire_egress::EgressOptions { allow_loopback: true, ..Default::default() };
        let client = Client::new(Arc::new(deskwire_egress::Egress::new(options)), connections);
        let all = actions(&Arc::new(client));
        let action = all.get(name).unwrap();
        let published = published(action.spec().provider);
        for request in sent(action.as_ref(), &server, &input).await {
            let asked = format!("{name}: {} {}", request.method, request.url.path());
            let Some(schema) = schema_of(&published, &request) else {
                assert!(
                    request.method.as_str() == "GET" && request.body.is_empty(),
                    "{asked} is in no published schema"
                );
                continue;
            };
            let body = body_of(&request, &schema);
            let validator = jsonschema::options().should_validate_formats(true).build(&schema).unwrap();
            let problems: Vec<String> =
                validator.iter_errors(&body).map(|error| format!("{}: {error}", error.instance_path())).collect();
            assert!(problems.is_empty(), "{asked}: {problems:?} in {body}");
        }
        given.extend(input.as_object().unwrap().keys().map(|input| (name.to_owned(), input.clone())));
    }
    for spec in actions(&crate::testing::client_at("http://127.0.0.1:9/")).specs() {
        if spec.provider == ANY_PROVIDER {
            continue;
        }
        for input in spec.input["properties"].as_object().unwrap().keys() {
            assert!(given.contains(&(spec.name.to_owned(), input.clone())), "{}: no example gives {input}", spec.name);
        }
    }
}

#[test]
fn what_is_published_says_where_it_comes_from_and_when_it_was_read() {
    for provider in ["zendesk", "slack", "qualtrics"] {
        let published = published(provider);
        assert!(published["sources"].as_array().is_some_and(|sources| !sources.is_empty()), "{provider}");
        assert!(published["date"].as_str().is_some_and(|date| date.len() == 10), "{provider}");
        for (name, schema) in published["requests"].as_object().unwrap() {
            let known = Value::Object(Map::from_iter([("$defs".to_owned(), published["$defs"].clone())]));
            let mut schema = schema.clone();
            if !known["$defs"].is_null() {
                schema["$defs"] = known["$defs"].clone();
            }
            assert!(jsonschema::validator_for(&schema).is_ok(), "{provider} {name}");
        }
    }
}
