//! What values from data become in what the actions send. The steps are compiled as a workflow file is.

use std::sync::Arc;

use deskwire_core::action::{Action, ActionSpec};
use deskwire_templates::{Limits, Scope, Templates};
use deskwire_workflows::{Options, SourceFile, StepKind, Workflow};
use serde_json::{Value, json};
use wiremock::{Mock, MockServer, ResponseTemplate};

use super::{actions, all, client, client_at, named};
use crate::testing::{call, requests};

/// What a step with these inputs gives its action when `v` is the event's data.
fn resolved(action: &str, with: &Value, v: &Value) -> Value {
    let (actions, templates) = (actions(&client_at("http://127.0.0.1:9/")), Templates::new(Limits::default()));
    let options = Options { actions: &actions, templates: &templates, allow_loopback: false };
    // JSON is YAML.
    let text = json!({ "name": "w", "trigger": { "source": "s", "event": "e" },
                       "steps": [{ "id": "a", "action": action, "connection": "c", "with": with }] });
    let file = SourceFile { path: "w.yaml".to_owned(), text: text.to_string() };
    let workflow = Workflow::compile(&file, &options).unwrap_or_else(|mistakes| panic!("{with}: {mistakes:?}"));
    let StepKind::Action(step) = &workflow.steps[0].kind else { panic!("no action") };
    let mut scope = Scope::new();
    scope.set("event", &json!({ "data": v }));
    step.input.resolve(&scope).unwrap_or_else(|error| panic!("{with}: {error}"))
}

fn block_kit() -> Value {
    deskwire_core::json::from_str(include_str!("block-kit.json")).unwrap()
}

/// The same with every text but the `type`s made by `make`, which is given what Slack reads as markup there.
fn with_texts(value: &Value, make: &dyn Fn(bool) -> String) -> Value {
    match value {
        Value::Object(object) => {
            let marks_up = matches!(object.get("type").and_then(Value::as_str), Some("mrkdwn" | "plain_text"));
            let members = object.iter().map(|(name, value)| {
                let value = match value {
                    Value::String(_) if name == "type" => value.clone(),
                    Value::String(_) => make(marks_up && name == "text").into(),
                    other => with_texts(other, make),
                };
                (name.clone(), value)
            });
            Value::Object(members.collect())
        }
        Value::Array(items) => items
            .iter()
            .map(|item| if item.is_string() { make(false).into() } else { with_texts(item, make) })
            .collect(),
        other => other.clone(),
    }
}

fn kinds(value: &Value, found: &mut std::collections::BTreeSet<String>) {
    match value {
        Value::Object(object) => {
            found.extend(object.get("type").and_then(Value::as_str).map(str::to_owned));
            object.values().for_each(|value| kinds(value, found));
        }
        Value::Array(items) => items.iter().for_each(|value| kinds(value, found)),
        _ => {}
    }
}

const EVIL: &str = "<!channel> & <https://evil.example|x>";
const HARMLESS: &str = "&lt;!channel&gt; &amp; &lt;https://evil.example|x&gt;";

#[test]
fn the_samples_hold_every_kind_that_slack_documents() {
    let mut found = std::collections::BTreeSet::new();
    kinds(&block_kit()["blocks"], &mut found);
    let documented: Vec<String> = serde_json::from_value(block_kit()["kinds"].clone()).unwrap();
    assert_eq!(found.into_iter().collect::<Vec<_>>(), documented);
    assert!(documented.len() > 60);
}

#[test]
fn every_field_of_every_block_is_escaped_where_slack_reads_markup_and_nowhere_else() {
    let blocks = block_kit()["blocks"].clone();
    let place = |text: &'static str| with_texts(&blocks, &move |_| text.to_owned());
    let sent = |plain: &str, escaped: &str| {
        with_texts(&blocks, &|marks_up| if marks_up { escaped.to_owned() } else { plain.to_owned() })
    };
    for action in ["slack.post_message", "slack.reply_in_thread", "slack.send_direct_message"] {
        let with = |blocks: Value| {
            let mut with = json!({ "message": "m", "blocks": blocks });
            for (input, needed_by) in [("channel", "post_message reply_in_thread"), ("thread_ts", "reply_in_thread")] {
                if needed_by.split(' ').any(|name| action.ends_with(name)) {
                    with[input] = "1.1".into();
                }
            }
            if action.ends_with("send_direct_message") {
                with["email"] = "a@b.example".into();
            }
            with
        };
        let evil = json!(EVIL);
        assert_eq!(resolved(action, &with(place("{{ event.data }}")), &evil)["blocks"], sent(EVIL, HARMLESS));
        let (plain, escaped) = (format!("a {EVIL}"), format!("a {HARMLESS}"));
        assert_eq!(resolved(action, &with(place("a {{ event.data }}")), &evil)["blocks"], sent(&plain, &escaped));
        assert_eq!(resolved(action, &with(place("{{ event.data | safe }}")), &evil)["blocks"], sent(EVIL, EVIL));
        assert_eq!(resolved(action, &with(place("a & <b>")), &evil)["blocks"], sent("a & <b>", "a & <b>"));
    }
}

#[test]
fn blocks_that_one_expression_yields_are_escaped_like_written_ones() {
    let blocks = block_kit()["blocks"].clone();
    let given = with_texts(&blocks, &|_| EVIL.to_owned());
    let sent = with_texts(&blocks, &|marks_up| if marks_up { HARMLESS } else { EVIL }.to_owned());
    let post = |blocks: Value, v: &Value| {
        let with = json!({ "channel": "C1", "message": "m", "blocks": blocks });
        resolved("slack.post_message", &with, v)["blocks"].clone()
    };
    assert_eq!(post(json!("{{ event.data }}"), &given), sent);
    assert_eq!(post(json!("{{ event.data | safe }}"), &given), given);
    assert_eq!(post(json!(["{{ event.data[0] }}"]), &given)[0], sent[0]);
    let section =
        json!([{ "type": "section", "text": "{{ event.data[0].text }}", "fields": "{{ event.data[0].fields }}" }]);
    assert_eq!(post(section, &given)[0]["text"], sent[0]["text"]);
    // Where the type is not known before the run, the text counts as markup.
    let typed = json!([{ "type": "section", "text": { "type": "{{ event.data[0].text.type }}", "text": "{{ event.data[0].block_id }}" } }]);
    assert_eq!(post(typed, &given)[0]["text"], json!({ "type": "mrkdwn", "text": HARMLESS }));
}

#[test]
fn a_message_is_mrkdwn_with_links_that_a_value_cannot_end() {
    let with =
        json!({ "channel": "C1", "message": "<{{ event.data.url }}|{{ event.data.name }}> {{ event.data.name }}" });
    let v = json!({ "url": "https://x.example/?a=1&b=2|<!channel>", "name": "A|<!here>" });
    assert_eq!(
        resolved("slack.post_message", &with, &v)["message"],
        "<https://x.example/?a=1&amp;b=2%7C%3C!channel%3E|A¦&lt;!here&gt;> A|&lt;!here&gt;"
    );
}

#[test]
fn html_of_a_comment_is_escaped_unless_it_is_marked_safe() {
    let v = json!("<script>\"x\"</script> & 'y'");
    let harmless = "&lt;script&gt;&quot;x&quot;&lt;/script&gt; &amp; &#39;y&#39;";
    for (action, more) in [
        ("zendesk.create_ticket", json!({ "subject": "s", "requester_id": 1 })),
        ("zendesk.update_ticket", json!({ "ticket_id": 1, "comment_public": true })),
    ] {
        let html = |text: &str| {
            let mut with = more.clone();
            with["comment_html_body"] = text.into();
            with.as_object_mut().unwrap().remove("comment_public");
            resolved(action, &with, &v)["comment_html_body"].clone()
        };
        assert_eq!(html("<p>{{ event.data }}</p>"), format!("<p>{harmless}</p>"));
        assert_eq!(html("{{ event.data }}"), harmless);
        assert_eq!(html("<p>{{ event.data | escape }}</p>"), format!("<p>{harmless}</p>"));
        assert_eq!(html("<p>{{ event.data | safe }}</p>"), format!("<p>{}</p>", v.as_str().unwrap()));
        let mut plain = more.clone();
        plain["comment_body"] = "{{ event.data }}".into();
        plain.as_object_mut().unwrap().remove("comment_public");
        assert_eq!(resolved(action, &plain, &v)["comment_body"], v, "plain text is sent as it is");
    }
}

#[test]
fn a_call_escapes_html_paths_and_documents_and_nothing_else() {
    let request = |with: Value, v: Value| resolved("http.request", &with, &v);
    let with = json!({ "method": "PUT", "path": "tickets/{{ event.data }}.json", "query": { "q": "{{ event.data }}" },
        "body": { "ticket": { "comment": { "html_body": "<p>{{ event.data }}</p>", "body": "{{ event.data }}" } } } });
    let sent = request(with, json!("5?x=<1>&"));
    assert_eq!(sent["path"], "tickets/5%3Fx%3D%3C1%3E%26.json");
    assert_eq!(sent["query"]["q"], "5?x=<1>&");
    let comment = json!({ "html_body": "<p>5?x=&lt;1&gt;&amp;</p>", "body": "5?x=<1>&" });
    assert_eq!(sent["body"]["ticket"]["comment"], comment);
    let form = json!({ "method": "POST", "path": "x", "form": { "html_body": "{{ event.data }}", "a": "{{ event.data }}" },
                       "headers": { "content-type": "application/x-www-form-urlencoded" } });
    assert_eq!(request(form, json!("<&>"))["form"], json!({ "html_body": "&lt;&amp;&gt;", "a": "<&>" }));
    for (media_type, text, expected) in [
        ("text/html; charset=utf-8", "<p>{{ event.data }}</p>", "<p>&lt;a&gt; &amp; b=c</p>"),
        ("application/soap+xml", "<p>{{ event.data }}</p>", "<p>&lt;a&gt; &amp; b=c</p>"),
        ("application/x-www-form-urlencoded", "v={{ event.data }}", "v=%3Ca%3E%20%26%20b%3Dc"),
        ("text/plain", "v={{ event.data }}", "v=<a> & b=c"),
        ("text/html", "{{ event.data }}", "<a> & b=c"),
    ] {
        let with = json!({ "method": "POST", "path": "x", "headers": { "Content-Type": media_type }, "body": text });
        assert_eq!(request(with, json!("<a> & b=c"))["body"], expected, "{media_type}");
    }
}

#[tokio::test]
async fn json_in_text_is_sent_as_text_and_queries_forms_and_paths_arrive_as_they_were() {
    let server = MockServer::start().await;
    Mock::given(wiremock::matchers::any()).respond_with(ResponseTemplate::new(200)).mount(&server).await;
    let evil = "\", \"admin\": true, \"x\": \"&a=b\r\n?#/ü";
    let with = json!({ "method": "POST", "path": "things/{{ event.data }}", "query": { "q": "type:{{ event.data }}" },
                       "body": "{\"name\": \"{{ event.data }}\"}" });
    let action = named_at(&server, "http.request");
    let connection = deskwire_core::ids::ConnectionName::parse("any").unwrap();
    let send = async |with: &Value| {
        let input = resolved("http.request", with, &json!(evil));
        let call = deskwire_core::action::Call {
            connection: &connection,
            input: &input,
            key: &super::key(),
            not_before: super::not_before(),
            time_limit: super::time_limit(),
            request_id: None,
        };
        action.call(call).await.unwrap();
    };
    send(&with).await;
    let form = json!({ "method": "POST", "path": "x", "form": { "v": "{{ event.data }}" } });
    send(&form).await;
    let requests = requests(&server).await;
    let segments: Vec<&str> = requests[0].url.path_segments().unwrap().collect();
    assert_eq!(segments.len(), 2, "{segments:?}");
    let query: Vec<_> = requests[0].url.query_pairs().into_owned().collect();
    assert_eq!(query, [("q".to_owned(), format!("type:{evil}"))]);
    let body: Value = deskwire_core::json::from_slice(&requests[0].body).unwrap();
    assert_eq!(body, json!(format!("{{\"name\": \"{evil}\"}}")));
    let form: Vec<_> = url::form_urlencoded::parse(&requests[1].body).into_owned().collect();
    assert_eq!(form, [("v".to_owned(), evil.to_owned())]);
}

fn named_at(server: &MockServer, name: &str) -> Arc<dyn Action> {
    let actions = actions(&client(server));
    Arc::clone(actions.get(name).unwrap())
}

/// Inputs that become a part of a path, with what else the call needs.
fn inputs_in_paths() -> Vec<(&'static str, &'static str, Value)> {
    vec![
        ("zendesk.look_up_ticket", "ticket_id", json!({})),
        ("zendesk.look_up_user", "user_id", json!({})),
        ("zendesk.look_up_organization", "organization_id", json!({})),
        ("zendesk.update_ticket", "ticket_id", json!({ "subject": "s" })),
        (
            "zendesk.create_profile",
            "user_id",
            json!({ "source": "shop", "type": "customer", "identifiers": { "id": "1" } }),
        ),
        (
            "zendesk.update_profile",
            "user_id",
            json!({ "source": "shop", "type": "customer", "identifiers": { "id": "1" } }),
        ),
        ("zendesk.create_record", "type", json!({ "name": "n" })),
        ("zendesk.update_record", "type", json!({ "record_id": "1", "name": "n" })),
        ("zendesk.update_record", "record_id", json!({ "type": "car", "name": "n" })),
        ("qualtrics.get_response", "survey_id", json!({ "response_id": "R_1" })),
        ("qualtrics.get_response", "response_id", json!({ "survey_id": "SV_1" })),
        ("qualtrics.list_responses", "survey_id", json!({})),
        (
            "qualtrics.create_distribution_link",
            "survey_id",
            json!({ "mailing_list_id": "CG_1", "email": "a@b.example" }),
        ),
        (
            "qualtrics.create_distribution_link",
            "mailing_list_id",
            json!({ "survey_id": "SV_1", "email": "a@b.example" }),
        ),
        (
            "qualtrics.create_distribution_link",
            "directory_id",
            json!({ "survey_id": "SV_1", "mailing_list_id": "CG_1", "email": "a@b.example" }),
        ),
        ("http.request", "path", json!({})),
    ]
}

#[tokio::test]
async fn no_value_leads_a_call_to_another_path() {
    let server = MockServer::start().await;
    for (name, input, more) in inputs_in_paths() {
        for evil in ["../users/1", "1/../../x?y", "..", "%2e%2e", "1/..%2fx", "5?x=1", "5#x", "1\n2"] {
            let mut with = more.clone();
            with[input] = evil.into();
            let error = call_any(&named_at(&server, name), with).await.unwrap_err();
            assert!(matches!(error.code.as_str(), "bad_input"), "{name}: {input}={evil}: {error:?}");
        }
        let spec_holds_it = |spec: &ActionSpec| spec.input["properties"].get(input).is_some();
        assert!(spec_holds_it(named(name).spec()), "{name} has no input {input}");
    }
    assert!(requests(&server).await.is_empty(), "nothing was sent");
    assert!(all().len() > 10);
}

async fn call_any(action: &Arc<dyn Action>, input: Value) -> Result<Value, deskwire_core::action::CallError> {
    if action.spec().name != "http.request" {
        return call(action.as_ref(), input).await;
    }
    let connection = deskwire_core::ids::ConnectionName::parse("any").unwrap();
    let key = super::key();
    let call = deskwire_core::action::Call {
        connection: &connection,
        input: &input,
        key: &key,
        not_before: super::not_before(),
        time_limit: super::time_limit(),
        request_id: None,
    };
    action.call(call).await
}
