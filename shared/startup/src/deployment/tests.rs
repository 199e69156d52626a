use deskwire_core::connection::AuthConfig;
use deskwire_core::domain::AllowedDomain;
use deskwire_core::ports::History;
use deskwire_core::secret::SecretRef;
use deskwire_storage::SqliteStore;
use deskwire_templates::{Limits, Templates};
use deskwire_workflows::{Options, SourceFile};

use url::Url;

use super::*;

fn workflow(name: &str, head: &str) -> Arc<Workflow> {
    let (actions, templates) = (crate::actions_alone(), Templates::new(Limits::default()));
    let text =
        format!("name: {name}\n{head}trigger: {{ source: s, event: ticket.created }}\nsteps: [{{ id: a, stop: x }}]\n");
    let options = Options { actions: &actions, templates: &templates, allow_loopback: false };
    Arc::new(Workflow::compile(&SourceFile { path: format!("workflows/{name}.yaml"), text }, &options).unwrap())
}

async fn apply(store: &SqliteStore, workflows: &[Arc<Workflow>]) -> Vec<(String, ChangeKind, bool)> {
    let plan = Plan::new(workflows, &store.deployed().await.unwrap());
    plan.apply(store, Timestamp::from_millis(1)).await.unwrap();
    plan.changes.iter().map(|change| (change.name.to_string(), change.kind, change.active)).collect()
}

#[tokio::test]
async fn a_new_workflow_starts_inactive_unless_its_file_says_otherwise() {
    let store = SqliteStore::in_memory().unwrap();
    let changes = apply(&store, &[workflow("a", ""), workflow("b", "active: true\n")]).await;
    assert_eq!(changes, [("a".to_owned(), ChangeKind::New, false), ("b".to_owned(), ChangeKind::New, true)]);
}

#[tokio::test]
async fn what_an_operator_switched_stays_until_the_file_says_something_new() {
    let store = SqliteStore::in_memory().unwrap();
    let name = WorkflowName::parse("a").unwrap();
    apply(&store, &[workflow("a", "active: true\n")]).await;
    store.set_active(&name, false, Timestamp::from_millis(2)).await.unwrap();
    let same = apply(&store, &[workflow("a", "active: true\n")]).await;
    assert_eq!(same, [("a".to_owned(), ChangeKind::Unchanged, false)]);
    let edited = apply(&store, &[workflow("a", "description: x\nactive: true\n")]).await;
    assert_eq!(edited, [("a".to_owned(), ChangeKind::Changed, false)]);
    apply(&store, &[workflow("a", "active: false\n")]).await;
    let switched = apply(&store, &[workflow("a", "active: true\n")]).await;
    assert_eq!(switched, [("a".to_owned(), ChangeKind::Changed, true)]);
}

#[tokio::test]
async fn a_workflow_whose_file_is_gone_is_removed_and_its_version_stays() {
    let store = SqliteStore::in_memory().unwrap();
    let one = workflow("a", "active: true\n");
    apply(&store, std::slice::from_ref(&one)).await;
    assert_eq!(apply(&store, &[]).await, [("a".to_owned(), ChangeKind::Removed, false)]);
    assert!(store.deployed().await.unwrap().is_empty());
    assert_eq!(store.version_text(&one.name, &one.version).await.unwrap().as_deref(), Some(one.text.as_str()));
}

#[tokio::test]
async fn applying_the_same_files_again_changes_nothing() {
    let store = SqliteStore::in_memory().unwrap();
    let files = [workflow("a", "active: true\n")];
    apply(&store, &files).await;
    let generation = store.generation().await.unwrap();
    assert_eq!(apply(&store, &files).await, [("a".to_owned(), ChangeKind::Unchanged, true)]);
    assert_eq!(store.generation().await.unwrap(), generation);
}

fn connection(auth: AuthConfig, allowed_domain: &str) -> ConnectionConfig {
    ConnectionConfig {
        display_name: None,
        name: ConnectionName::parse("support").unwrap(),
        provider: "http".to_owned(),
        auth,
        allowed_domain: AllowedDomain::parse(allowed_domain).unwrap(),
        base_url: Url::parse("https://api.acme.example").unwrap(),
        secret_url: None,
    }
}

fn key(header: &str) -> AuthConfig {
    AuthConfig::ApiKey { header: header.to_owned(), key: SecretRef::Stored("KEY".to_owned()) }
}

#[test]
fn what_a_connection_was_given_for_cannot_change() {
    let known = connection(key("X-Key"), "api.acme.example");
    let with = |changed: &ConnectionConfig| {
        let mut plan = Plan::default();
        plan.connect(std::slice::from_ref(changed), &[known.fixed()]);
        plan.refused.iter().map(|refused| (refused.fact, refused.wanted.clone())).collect::<Vec<_>>()
    };
    assert_eq!(with(&connection(key("x-key"), "API.acme.example")), [], "it is the same");
    assert_eq!(with(&connection(key("X-Token"), "api.acme.example")), [("header", "x-token".to_owned())]);
    let wider = with(&connection(key("X-Key"), "*.acme.example"));
    assert_eq!(wider, [("allowed_domain", "*.acme.example".to_owned())]);
    let bearer = AuthConfig::Bearer { token: SecretRef::Stored("KEY".to_owned()) };
    let other = with(&connection(bearer, "api.acme.example"));
    assert_eq!(other, [("type", "bearer".to_owned()), ("header", "none".to_owned())]);
    let mut moved = known.clone();
    moved.base_url = Url::parse("https://api.acme.example/v2").unwrap();
    assert_eq!(with(&moved), [], "the path of its API may change");
    moved.display_name = Some("Support, Europe".to_owned());
    assert_eq!(with(&moved), [], "people may call it what they like");
}

#[tokio::test]
async fn with_a_change_that_is_refused_nothing_is_put_in_force() {
    let store = SqliteStore::in_memory().unwrap();
    let first = connection(key("X-Key"), "api.acme.example");
    let mut plan = Plan::new(&[], &[]);
    plan.connect(std::slice::from_ref(&first), &[]);
    plan.apply(&store, Timestamp::from_millis(1)).await.unwrap();
    let mut plan = Plan::new(&[workflow("a", "")], &[]);
    plan.connect(&[connection(key("X-Key"), "acme.example")], &store.fixed_connections().await.unwrap());
    plan.apply(&store, Timestamp::from_millis(2)).await.unwrap();
    assert_eq!(store.deployed().await.unwrap(), []);
    assert_eq!(store.fixed_connections().await.unwrap(), [first.fixed()]);
}
