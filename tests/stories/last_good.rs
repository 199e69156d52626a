//! A server starts with what was put in force last, whatever became of the files, and goes on from there.

use std::path::Path;
use std::time::{Duration, Instant};

use test_case::test_case;

use crate::harness::{Delivery, POST_WORKFLOW, Project, Server, all_runs_over, status_changed};
use crate::outside::Outside;

/// A generous bound: it only ends a story that would never end.
const PATIENCE: Duration = Duration::from_secs(30);

async fn until(what: &str, mut holds: impl AsyncFnMut() -> bool) {
    let begun = Instant::now();
    while !holds().await {
        assert!(begun.elapsed() < PATIENCE, "{what} did not come about");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

const OTHER: &str = "workflows/other.yaml";

type Damage = fn(&Path);

fn a_mistake_in_a_workflow(folder: &Path) {
    std::fs::write(folder.join(OTHER), POST_WORKFLOW.replace("slack.post_message", "slack.post_mesage")).unwrap();
}

fn a_workflow_that_is_no_yaml(folder: &Path) {
    std::fs::write(folder.join(OTHER), "name: other\nsteps: [\n").unwrap();
}

fn a_workflow_that_is_no_text(folder: &Path) {
    std::fs::write(folder.join(OTHER), b"name: other\n# caf\xe9\n").unwrap();
}

fn a_folder_where_a_workflow_should_be(folder: &Path) {
    std::fs::create_dir(folder.join(OTHER)).unwrap();
}

fn a_link_that_leads_nowhere(folder: &Path) {
    std::os::unix::fs::symlink("nowhere.txt", folder.join(OTHER)).unwrap();
}

fn a_mistake_in_the_project_file(folder: &Path) {
    let text = std::fs::read_to_string(folder.join("deskwire.yaml")).unwrap();
    std::fs::write(folder.join("deskwire.yaml"), text.replace("provider: slack", "provider: slck")).unwrap();
}

fn a_project_file_that_is_no_text(folder: &Path) {
    std::fs::write(folder.join("deskwire.yaml"), b"sources:\n  caf\xe9: {}\n").unwrap();
}

fn no_project_file(folder: &Path) {
    std::fs::remove_file(folder.join("deskwire.yaml")).unwrap();
}

fn a_connection_whose_domain_changed(folder: &Path) {
    let text = std::fs::read_to_string(folder.join("deskwire.yaml")).unwrap();
    std::fs::write(folder.join("deskwire.yaml"), text.replace("acme.zendesk.com", "other.zendesk.com")).unwrap();
}

fn a_connection_without_its_secret(folder: &Path) {
    let mut text = std::fs::read_to_string(folder.join("deskwire.yaml")).unwrap();
    text.push_str(
        "  late: { provider: http, auth: { type: bearer, token: { file: late.txt } }, allowed_domain: api.acme.example, base_url: \
         \"https://api.acme.example\" }\n",
    );
    std::fs::write(folder.join("deskwire.yaml"), text).unwrap();
}

/// A secret's file, which nobody else may read.
fn write_secret(path: &Path) {
    use std::os::unix::fs::PermissionsExt;
    std::fs::write(path, crate::harness::SECRET).unwrap();
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600)).unwrap();
}

/// A project whose workflow is in force, and then this damage; the two files as they were.
async fn damaged(damage: Damage) -> (Outside, Project, String) {
    let outside = Outside::start().await;
    let project = Project::new(&outside.url).with_workflow("post.yaml", POST_WORKFLOW);
    project.json(&["apply", "--allow-loopback"]);
    let sound = std::fs::read_to_string(project.path().join("deskwire.yaml")).unwrap();
    damage(project.path());
    (outside, project, sound)
}

async fn an_event_is_handled(project: &Project, server: &Server, outside: &Outside, number: usize) {
    assert_eq!(Delivery::new(status_changed(&format!("e{number}"), 1, number)).send(server).await.status, 202);
    all_runs_over(project).await;
    assert_eq!(outside.posts().len(), number, "{}", server.said());
}

#[test_case(a_mistake_in_a_workflow, "other.yaml:8:13"; "a mistake in a workflow")]
#[test_case(a_workflow_that_is_no_yaml, "other.yaml:"; "a workflow that is no YAML")]
#[test_case(a_workflow_that_is_no_text, "other.yaml:2:6"; "a workflow that is no text")]
#[test_case(a_folder_where_a_workflow_should_be, "other.yaml:1:1"; "a folder named as a workflow")]
#[test_case(a_link_that_leads_nowhere, "other.yaml:1:1"; "a link that leads nowhere")]
#[test_case(a_mistake_in_the_project_file, "deskwire.yaml:5:15"; "a mistake in the project file")]
#[test_case(a_project_file_that_is_no_text, "deskwire.yaml:2:6"; "a project file that is no text")]
#[test_case(no_project_file, "deskwire.yaml"; "no project file")]
#[test_case(a_connection_whose_domain_changed, "acme.zendesk.com for good"; "a connection that cannot change so")]
#[test_case(a_connection_without_its_secret, "late.txt"; "a connection without its secret")]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_starts_with_what_is_deployed_says_what_is_wrong_and_applies_what_is_mended(
    damage: Damage,
    place: &str,
) {
    let (outside, project, sound) = damaged(damage).await;
    let server = project.serve();
    until("its word on it", async || server.said().contains("the last good version stays in force")).await;
    let said = server.said();
    assert!(said.contains(place), "{said}");
    an_event_is_handled(&project, &server, &outside, 1).await;

    let other = project.path().join(OTHER);
    let _ = std::fs::remove_dir(&other);
    let _ = std::fs::remove_file(&other);
    std::fs::write(project.path().join("deskwire.yaml"), sound).unwrap();
    std::fs::write(project.path().join("workflows/post.yaml"), POST_WORKFLOW.replace("}} number", "}} now")).unwrap();
    until("the mended project", async || server.said().contains("applied: post version")).await;
    an_event_is_handled(&project, &server, &outside, 2).await;
    assert!(outside.posts()[1].contains("now"));
    assert_eq!(server.stop().0, Some(0));
}

#[test_case(a_mistake_in_a_workflow, "other.yaml:8:13"; "a mistake in a workflow")]
#[test_case(a_mistake_in_the_project_file, "deskwire.yaml:5:15"; "a mistake in the project file")]
#[test_case(no_project_file, "deskwire.yaml"; "no project file")]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_reload_what_is_deployed_runs_whatever_is_wrong_with_the_files(damage: Damage, place: &str) {
    let (outside, project, sound) = damaged(damage).await;
    let server = project.serve_with(&["--no-reload"]);
    an_event_is_handled(&project, &server, &outside, 1).await;
    assert!(server.said().contains(place), "{}", server.said());
    std::fs::write(project.path().join("deskwire.yaml"), sound).unwrap();
    let _ = std::fs::remove_file(project.path().join(OTHER));
    std::fs::write(project.path().join("workflows/post.yaml"), POST_WORKFLOW.replace("}} number", "}} now")).unwrap();
    project.json(&["apply", "--allow-loopback"]);
    let mut number = 1;
    until("what was applied", async || {
        number += 1;
        an_event_is_handled(&project, &server, &outside, number).await;
        outside.posts()[number - 1].contains("now")
    })
    .await;
}

#[test_case(a_mistake_in_a_workflow, "did you mean"; "a mistake in a workflow")]
#[test_case(a_project_file_that_is_no_text, "deskwire.yaml:2:6"; "a project file that is no text")]
#[test_case(no_project_file, "not a Deskwire project"; "no project file")]
#[test_case(a_connection_without_its_secret, "late.txt"; "a connection without its secret")]
#[tokio::test]
async fn where_nothing_was_ever_deployed_a_project_that_cannot_be_used_is_refused(damage: Damage, words: &str) {
    let project = Project::new("http://127.0.0.1:9").with_workflow("post.yaml", POST_WORKFLOW);
    damage(project.path());
    for more in [&[][..], &["--no-reload"]] {
        let output = project.run(&[&["serve", "--allow-loopback", "--listen", "127.0.0.1:0"], more].concat());
        let said = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(1), "{said}");
        assert!(said.contains(words), "{said}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_secret_that_is_gone_stops_its_source_or_connection_alone_until_it_is_back() {
    let outside = Outside::start().await;
    let project = Project::new(&outside.url).with_workflow("post.yaml", POST_WORKFLOW);
    let file = project.path().join("deskwire.yaml");
    let mut text = std::fs::read_to_string(&file).unwrap().replace("env: ZENDESK_API_TOKEN", "file: late.txt");
    text = text
        .replace("sources:\n", "sources:\n  spare: { provider: zendesk, signing_secrets: [{ file: spare.txt }] }\n");
    std::fs::write(&file, text).unwrap();
    for name in ["late.txt", "spare.txt"] {
        write_secret(&project.path().join(name));
    }
    project.json(&["apply", "--allow-loopback"]);
    for name in ["late.txt", "spare.txt"] {
        std::fs::remove_file(project.path().join(name)).unwrap();
    }
    let server = project.serve();
    an_event_is_handled(&project, &server, &outside, 1).await;
    assert!(
        server.said().contains("connection zendesk") && server.said().contains("source spare"),
        "{}",
        server.said()
    );
    let to_spare = async |number: usize| {
        Delivery::new(status_changed(&format!("s{number}"), 1, number)).send_to_source("spare", &server).await
    };
    let waiting = to_spare(1).await;
    assert_eq!(
        (waiting.status, waiting.body["type"].as_str()),
        (503, Some("/problems/not-ready")),
        "not refused for good"
    );
    assert!(waiting.headers.contains_key("retry-after"));
    write_secret(&project.path().join("spare.txt"));
    let mut number = 1;
    until("the secret being found", async || {
        number += 1;
        to_spare(number).await.status == 200
    })
    .await;
}
