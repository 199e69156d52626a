//! Starting and running in bad conditions: taken ports, shared folders, folders that cannot be written, full disks.

use std::process::Command;

use crate::harness::{DESKWIRE, Delivery, POST_WORKFLOW, Project, Server, answer, client, status_changed};

fn project() -> Project {
    Project::new("http://127.0.0.1:9").with_workflow("post.yaml", POST_WORKFLOW)
}

fn fails_with(project: &Project, arguments: &[&str], words: &[&str]) {
    let output = project.run(arguments);
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1), "{said}");
    for word in words {
        assert!(said.contains(word), "{said:?} does not say {word:?}");
    }
    assert!(!said.contains("panicked"), "{said}");
}

#[tokio::test]
async fn a_second_server_on_one_data_folder_is_refused_and_the_first_goes_on() {
    let project = project();
    let server = project.serve();
    fails_with(
        &project,
        &["serve", "--listen", "127.0.0.1:0", "--allow-loopback"],
        &["another `deskwire serve`", "--data"],
    );
    assert_eq!(Delivery::new(status_changed("e1", 1, 1)).send(&server).await.status, 202);
}

#[tokio::test]
async fn the_lock_goes_with_its_process_even_when_that_is_killed() {
    let project = project();
    project.serve().kill();
    let server = project.serve();
    assert_eq!(Delivery::new(status_changed("e1", 1, 1)).send(&server).await.status, 202);
}

#[test]
fn a_port_that_is_taken_is_named_with_the_way_out() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    fails_with(&project(), &["serve", "--allow-loopback", "--listen", &address], &[&address, "--listen"]);
}

#[test]
fn a_data_folder_that_cannot_be_made_is_named() {
    // Nobody, root included, can make folders there.
    fails_with(&project(), &["serve", "--allow-loopback", "--data", "/proc/deskwire"], &["/proc/deskwire", "--data"]);
}

#[test]
fn a_folder_without_a_project_is_named_with_the_way_out() {
    let empty = tempfile::tempdir().unwrap();
    let folder = empty.path().to_str().unwrap();
    fails_with(&project(), &["serve", "--project", folder], &["not a Deskwire project", "deskwire init", "--project"]);
}

#[test]
fn missing_secrets_are_all_named_at_once() {
    let mut project = project();
    project.environment.clear();
    let words = ["ZENDESK_SIGNING_SECRET", "SLACK_BOT_TOKEN", "ZENDESK_API_TOKEN", "connection slack"];
    fails_with(&project, &["serve", "--allow-loopback", "--listen", "127.0.0.1:0"], &words);
}

#[tokio::test]
async fn a_full_disk_is_answered_with_come_again_and_loses_nothing() {
    let project = project();
    drop(project.serve());
    // The shell lets the server's files grow to 1 MiB; the write beyond it fails as on a full disk.
    let mut limited = Command::new("bash");
    limited
        .args(["-c", "trap '' XFSZ; ulimit -f 1024; exec \"$0\" serve --allow-loopback --listen 127.0.0.1:0", DESKWIRE])
        .env("DESKWIRE_PROJECT", project.path())
        .env("DESKWIRE_DATA", project.data())
        .envs(project.environment.iter().map(|(name, value)| (name, value)));
    let server = Server::start(&mut limited);
    let mut acknowledged = Vec::new();
    let refused = loop {
        let number = acknowledged.len();
        assert!(number < 10_000, "the disk never filled up");
        let id = format!("e{number}");
        let answer = Delivery::new(status_changed(&id, number, number)).send(&server).await;
        if answer.status != 202 {
            break answer;
        }
        acknowledged.push(id);
    };
    assert_eq!((refused.status, refused.headers["retry-after"].to_str().unwrap()), (503, "5"));
    assert_eq!(refused.body["type"], "/problems/unavailable");
    assert!(!refused.body.to_string().contains("sqlite"), "nothing internal: {}", refused.body);
    let ready = answer(client().get(server.url("/readyz")).send().await.unwrap()).await;
    assert_eq!(ready.status, 503);
    server.kill();

    let server = project.serve();
    let kept = project.json(&["events", "list", "--limit", "100000"]);
    let kept: Vec<&str> = kept.as_array().unwrap().iter().map(|event| event["id"].as_str().unwrap()).collect();
    for id in &acknowledged {
        assert!(kept.contains(&id.as_str()), "{id} was acknowledged and is gone");
    }
    let runs = project.json(&["runs", "list", "--limit", "100000"]);
    assert_eq!(runs.as_array().unwrap().len(), kept.len(), "an event without its run is half a state");
    let again = Delivery::new(status_changed(&format!("e{}", acknowledged.len()), 1, 1)).send(&server).await;
    assert!(matches!(again.status, 200 | 202), "with room on the disk it goes on");
}

#[tokio::test]
async fn a_stop_finishes_what_is_in_flight_and_ends_well() {
    let project = project();
    let server = project.serve();
    assert_eq!(Delivery::new(status_changed("e1", 1, 1)).send(&server).await.status, 202);
    let (code, log) = server.stop();
    assert_eq!(code, Some(0), "{log}");
}

#[tokio::test]
async fn health_and_readiness_are_told_apart() {
    let project = project();
    let server = project.serve();
    for path in ["/healthz", "/readyz"] {
        let told = answer(client().get(server.url(path)).send().await.unwrap()).await;
        assert_eq!(told.status, 200, "{path}");
    }
    drop(server);
}
