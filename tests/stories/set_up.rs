//! Setting things up: what `doctor` says, the manifest of a Slack app, and webhooks made at the provider.

use deskwire_core::time::{Clock, SystemClock};
use serde_json::{Value, json};
use test_case::test_case;

use crate::harness::{Delivery, POST_WORKFLOW, Project, client, status_changed};
use crate::house::{Place, world};
use crate::outside::{Outside, ZENDESK_TOKEN, ZENDESK_USER};

/// The project with its file changed.
fn changed(project: Project, from: &str, to: &str) -> Project {
    let file = project.path().join("deskwire.yaml");
    let text = std::fs::read_to_string(&file).unwrap();
    assert!(text.contains(from), "{text}");
    std::fs::write(&file, text.replacen(from, to, 1)).unwrap();
    project
}

fn stored_signing_secret(project: Project) -> Project {
    changed(project, "{ env: ZENDESK_SIGNING_SECRET }", "{ secret: zendesk-signing }")
}

/// What Zendesk's stand-in answers an administrator.
async fn zendesk(outside: &Outside, path: &str) -> Value {
    let request = client().get(format!("{}/zendesk/api/v2/{path}", outside.url));
    let user = format!("{ZENDESK_USER}/token");
    request.basic_auth(user, Some(ZENDESK_TOKEN)).send().await.unwrap().json().await.unwrap()
}

fn failed(project: &Project, arguments: &[&str]) -> String {
    let output = project.run(arguments);
    assert_eq!(output.status.code(), Some(1), "{}", String::from_utf8_lossy(&output.stdout));
    String::from_utf8(output.stderr).unwrap()
}

const PROVISION: [&str; 4] = ["sources", "provision", "zendesk", "--allow-loopback"];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_webhook_is_made_at_zendesk_once_and_its_secret_is_what_deliveries_are_checked_with() {
    let outside = Outside::start().await;
    let project = stored_signing_secret(Project::new(&outside.url)).with_workflow("workflow.yaml", POST_WORKFLOW);
    let public = ["--public-url", "https://relay.example.com"];
    let provision = |more: &[&str]| project.json(&[&PROVISION, &public[..], more].concat());

    let made = provision(&[]);
    assert_eq!((&made["done"], &made["events"]), (&json!("created"), &json!(["ticket.status_changed"])));
    assert_eq!(made["endpoint"], "https://relay.example.com/webhooks/zendesk/zendesk");
    assert_eq!(provision(&[])["done"], "unchanged");
    let id = made["ids"][0].as_str().unwrap();
    let secret = async || zendesk(&outside, &format!("webhooks/{id}/signing_secret")).await["signing_secret"].clone();
    let first = secret().await["secret"].as_str().unwrap().to_owned();

    // The server starts: what it lacked is there now.
    let (server, now) = (project.serve(), SystemClock.now());
    let delivered = async |id: &str, secret: &str| {
        Delivery::signed_with(status_changed(id, 1, 1), now, secret).send(&server).await.status
    };
    assert_eq!(delivered("e1", &first).await, 202);

    // Another workflow wants another event, and the secret is made anew: the running server follows.
    let other = POST_WORKFLOW.replace("name: post", "name: other").replace("ticket.status_changed", "ticket.created");
    let project = project.with_workflow("other.yaml", &other);
    let again = project.json(&[&PROVISION, &public[..], &["--new-secret"]].concat());
    assert_eq!((&again["done"], &again["ids"]), (&json!("changed"), &made["ids"]));
    let second = secret().await["secret"].as_str().unwrap().to_owned();
    assert_ne!(first, second);
    let mut number = 1;
    while delivered(&format!("e{number}"), &second).await == 401 {
        number += 1;
        assert!(number < 600, "the server does not follow: {}", server.said());
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    assert_ne!(delivered("late", &first).await, 401, "what was under way still counts");
    let webhooks = zendesk(&outside, "webhooks").await;
    let names: Vec<&Value> = webhooks["webhooks"].as_array().unwrap().iter().map(|one| &one["name"]).collect();
    assert_eq!(names, [&json!("Deskwire: zendesk")]);
    let subscriptions = &webhooks["webhooks"][0]["subscriptions"];
    assert_eq!(subscriptions, &json!(["zen:event-type:ticket.created", "zen:event-type:ticket.status_changed"]));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_mistake_in_provisioning_is_told_before_anything_is_called() {
    let outside = Outside::start().await;
    let project = Project::new(&outside.url);
    let public = "--public-url=https://relay.example.com";
    let run = |project: &Project, more: &[&str]| failed(project, &[&PROVISION, more].concat());
    let said = run(&project, &[public]);
    assert!(said.contains("`signing_secrets: [{ secret: zendesk }]`"), "{said}");
    let project = stored_signing_secret(project);
    assert!(run(&project, &[]).contains("--public-url https://"));
    assert!(run(&project, &["--public-url", "http://relay.example.com"]).contains("https addresses only"));
    assert!(run(&project, &[public, "--connection", "nope"]).contains("no connection `nope`"));
    let said = run(&project, &[public]);
    assert!(said.contains("nothing to subscribe to") && said.contains("--by-triggers"), "{said}");
    let nobody = failed(&project, &["sources", "provision", "zendsk", public, "--allow-loopback"]);
    assert!(nobody.contains("there are: zendesk"), "{nobody}");
    assert!(zendesk(&outside, "webhooks").await["webhooks"].as_array().unwrap().is_empty());
    // An error of Zendesk's is told as it is.
    outside
        .fault(&json!({ "method": "zendesk.create_webhook", "kind": "refused", "status": 403, "code": "Forbidden" }))
        .await;
    let said = run(&project, &[public, "--by-triggers"]);
    assert!(said.contains("✗ zendesk:") && said.contains("Zendesk"), "{said}");
    let made = project.json(&[&PROVISION, &[public, "--by-triggers"][..]].concat());
    assert_eq!(made["done"], "created");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_subscription_is_made_at_qualtrics_with_a_fresh_key_and_takes_the_place_of_the_one_before() {
    let outside = Outside::start().await;
    let project = Project::new(&outside.url);
    let project = changed(
        project,
        "sources:\n",
        "sources:\n  csat: { provider: qualtrics, shared_key: { secret: csat }, connection: surveys }\n",
    );
    let mut project = changed(
        project,
        "connections:\n",
        &format!(
            "connections:\n  surveys: {{ provider: qualtrics, auth: {{ type: api_key, header: X-API-TOKEN, key: {{ env: QT }} }}, \
             allowed_domain: fra1.qualtrics.com, base_url: \"{}/qualtrics\" }}\n",
            outside.url
        ),
    );
    project.environment.push(("QT".to_owned(), "qualtrics-marker".to_owned()));
    let topic = "surveyengine.completedResponse.SV_0csatdesk0001";
    let provision = ["sources", "provision", "csat", "--allow-loopback", "--public-url", "https://relay.example.com"];
    assert!(failed(&project, &provision).contains("--topic surveyengine.completedResponse"));
    let with_topic = [&provision[..], &["--topic", topic]].concat();
    let first = project.json(&with_topic);
    assert_eq!((&first["done"], &first["events"]), (&json!("created"), &json!([topic])));
    let server = project.serve();
    let url = server.url("/webhooks/qualtrics/csat");
    let send = async |delivery: &deskwire_sandbox::SignedDelivery| {
        let mut request = client().post(&url).body(delivery.body.clone());
        for (name, value) in &delivery.headers {
            request = request.header(name, value);
        }
        request.send().await.unwrap().status().as_u16()
    };
    let answers = deskwire_sandbox::Answers::default();
    let (_, old) = outside.sandbox.qualtrics().answer(&answers);
    assert_eq!((old.len(), send(&old[0]).await), (1, 200), "signed with the key that was stored, and wanted by nobody");
    let second = project.json(&with_topic);
    assert_eq!(second["done"], "changed");
    assert_ne!(first["ids"], second["ids"]);
    let (_, new) = outside.sandbox.qualtrics().answer(&answers);
    assert_eq!(
        (new.len(), send(&new[0]).await),
        (1, 200),
        "one subscription, whose new key the running server knows already"
    );
    let (_, said) = server.stop();
    assert!(!said.contains("sharedKey"), "{said}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn doctor_names_what_is_missing_and_what_ends_when() {
    let outside = Outside::start().await;
    let project = Project::new(&outside.url).with_workflow("workflow.yaml", POST_WORKFLOW);
    let found = project.json(&["doctor", "--allow-loopback"]);
    let of = |found: &Value, about: &str| -> Vec<Value> {
        found["findings"].as_array().unwrap().iter().filter(|one| one["about"] == about).cloned().collect()
    };
    let token = &of(&found, "connection zendesk")[0];
    assert_eq!((&token["level"], &token["stops"]), (&json!("ends"), &json!("2027-04-30T00:00:00.000Z")));
    assert!(of(&found, "connection slack").is_empty());
    assert_eq!(found["connections"][0]["connection"], "slack");

    let project = changed(
        project,
        "connections:\n",
        "oauth_clients:\n  crm: { provider: slack, grant: authorization_code, client_id: \"1.2\", client_secret: { env: NOT_THERE }, \
         scopes: [chat:write] }\nconnections:\n  workspace: { provider: slack, auth: { type: oauth2, client: crm }, \
         allowed_domain: slack.com }\n",
    );
    let project = changed(project, "signing_secrets:", "accept_test_secret: true, signing_secrets:");
    std::fs::write(
        project.path().join("workflows/workflow.yaml"),
        POST_WORKFLOW.replace("connection: slack", "connection: workspace"),
    )
    .unwrap();
    let output = project.run(&["doctor", "--allow-loopback", "--json"]);
    assert_eq!(output.status.code(), Some(1), "something is broken");
    let found: Value = deskwire_core::json::from_slice(&output.stdout).unwrap();
    let what =
        |about: &str| of(&found, about).iter().map(|one| one["what"].as_str().unwrap().to_owned()).collect::<Vec<_>>();
    assert_eq!(what("OAuth client crm"), ["environment variable NOT_THERE is not set; set it and start again"]);
    assert!(what("source zendesk")[0].contains("public test secret"));
    let workspace = what("connection workspace");
    assert!(workspace[0].contains("nobody has connected it yet"), "{workspace:?}");
    assert!(workspace[1].contains("channels:history channels:join channels:read"), "{workspace:?}");
    let text = String::from_utf8(project.run(&["doctor", "--allow-loopback"]).stdout).unwrap();
    assert!(text.contains("! connection zendesk  stops on 2027-04-30: it signs in with an API token"), "{text}");
}

#[test_case(Place::Here; "on this machine")]
#[test_case(Place::Lambda; "on Lambda")]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn doctor_knows_the_calls_that_runs_made(place: Place) {
    let (_outside, project, server) = world(place, POST_WORKFLOW).await;
    for number in 1..=3 {
        Delivery::new(status_changed(&format!("e{number}"), 1, number)).send(&server).await;
    }
    crate::harness::all_runs_over(&project).await;
    for file in std::fs::read_dir(project.path().join("workflows")).unwrap() {
        std::fs::remove_file(file.unwrap().path()).unwrap();
    }
    let found = project.json(&["doctor", "--allow-loopback"]);
    assert_eq!(found["runs_looked_at"], 3);
    let called = found["connections"].as_array().unwrap().iter().find(|one| one["connection"] == "slack").unwrap();
    assert_eq!((&called["connection"], &called["calls"]), (&json!("slack"), &json!({ "slack.post_message": 3 })));
    assert_eq!(called["scopes"], json!(["channels:history", "channels:join", "channels:read", "chat:write"]));
}

#[tokio::test]
async fn the_manifest_has_the_scopes_that_workflows_need_and_no_others() {
    let project = Project::new("http://127.0.0.1:9");
    assert!(failed(&project, &["slack", "manifest"]).contains("no app is needed"));
    let reaction = "name: ack\ntrigger: { source: zendesk, event: ticket.created }\nsteps:\n  - id: ack\n    action: slack.add_reaction\n    \
                    connection: slack\n    with: { channel: C1, name: eyes, timestamp: \"1.2\" }\n";
    let project = project.with_workflow("ack.yaml", reaction);
    let manifest = project.json(&["slack", "manifest", "--name", "Relay"]);
    assert_eq!(manifest["oauth_config"], json!({ "scopes": { "bot": ["channels:read", "reactions:write"] } }));
    assert_eq!(manifest["display_information"]["name"], "Relay");
    assert_eq!(manifest["settings"]["token_rotation_enabled"], false);

    let by_oauth = changed(
        project,
        "auth: { type: bearer, token: { env: SLACK_BOT_TOKEN } }",
        "auth: { type: oauth2, client: app }",
    );
    let by_oauth = changed(
        by_oauth,
        "connections:\n",
        "oauth_clients:\n  app: { provider: slack, grant: authorization_code, client_id: \"1.2\", client_secret: { env: X } }\nconnections:\n",
    );
    assert!(failed(&by_oauth, &["slack", "manifest"]).contains("--public-url"));
    let manifest = by_oauth.json(&["slack", "manifest", "--public-url", "https://relay.example.com"]);
    assert_eq!(manifest["oauth_config"]["redirect_urls"], json!(["https://relay.example.com/oauth/callback"]));
    assert_eq!(manifest["settings"]["token_rotation_enabled"], true);
}
