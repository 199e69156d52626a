//! The command as people use it, and the first mistakes they make.

use std::process::Command;

use serde_json::Value;

use crate::harness::{DESKWIRE, Delivery, POST_WORKFLOW, Project, Server, client, status_changed};

fn stdout(output: &std::process::Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

#[test]
fn the_demo_shows_the_message_and_ends_well() {
    let output =
        Command::new(DESKWIRE).args(["demo", "--exit", "--listen", "127.0.0.1:0"]).env_clear().output().unwrap();
    let text = stdout(&output);
    assert_eq!(output.status.code(), Some(0), "{text} {}", String::from_utf8_lossy(&output.stderr));
    for words in [
        "Dana Quist",
        "48213",
        "mina.oort@example.net",
        "Europe/Amsterdam",
        "three of twelve helmets",
        "Photos checked",
        "16 of 20 runs succeeded; the other 4 wait on purpose",
    ] {
        assert!(text.contains(words), "{text:?} does not say {words:?}");
    }
    assert!(!text.contains('\u{1b}'), "no colour where there is no terminal");
}

#[test]
fn the_demo_as_json_is_one_document() {
    let output = Command::new(DESKWIRE).args(["demo", "--exit", "--json", "--listen", "127.0.0.1:0"]).output().unwrap();
    let document: Value = deskwire_core::json::from_str(&stdout(&output)).unwrap();
    assert_eq!(document["ok"], true);
    let runs = document["runs"].as_array().unwrap();
    let shipped =
        std::fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/../shared/sandbox/project/workflows")).unwrap();
    assert_eq!(runs.len(), shipped.count(), "one run of each workflow that ships");
    assert_eq!(
        (&runs[0]["run"]["workflow"], &runs[0]["run"]["state"]),
        (&"notify-assignee".into(), &"succeeded".into())
    );
    let told = |words: &str| {
        document["slack"]
            .as_array()
            .unwrap()
            .iter()
            .filter(|message| message["text"].as_str().unwrap().contains(words))
            .count()
    };
    assert_eq!((told("is now yours"), told("Doors close at 18:00")), (1, 4), "three people, and one summary");
}

#[test]
fn wrong_usage_ends_with_two_and_a_failed_question_with_one() {
    let usage = Command::new(DESKWIRE).args(["runs", "lst"]).output().unwrap();
    assert_eq!(usage.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&usage.stderr).contains("list"), "it says what was meant");
    let project = Project::new("http://127.0.0.1:9").with_workflow("post.yaml", POST_WORKFLOW);
    let no_store = project.run(&["runs", "list"]);
    assert_eq!(no_store.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&no_store.stderr).contains("deskwire serve"));
    let no_action = project.run(&["actions", "show", "slack.post"]);
    assert_eq!(no_action.status.code(), Some(1));
}

#[test]
fn a_mistake_in_a_workflow_is_answered_with_its_place_and_the_fix() {
    let broken = POST_WORKFLOW
        .replace("slack.post_message", "slack.post_mesage")
        .replace("connection: slack", "connection: slak");
    let project = Project::new("http://127.0.0.1:9").with_workflow("post.yaml", &broken);
    let output = project.run(&["check", "--allow-loopback"]);
    assert_eq!(output.status.code(), Some(1));
    let text = stdout(&output);
    for words in ["post.yaml:8:", "post_mesage", "did you mean", "slack.post_message", "slak"] {
        assert!(text.contains(words), "{text} does not say {words:?}");
    }
    let checked = project.json(&["check", "--allow-loopback"]);
    assert_eq!(checked["ok"], false);
    assert_eq!(checked["diagnostics"][0]["line"], 8);
    let refused = project.run(&["serve", "--allow-loopback", "--listen", "127.0.0.1:0"]);
    assert_eq!(refused.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&refused.stderr).contains("post_mesage"), "serve shows the same");
}

#[test]
fn the_bad_project_files_of_the_list_are_each_named_with_a_line() {
    let cases = [
        ("steps:\n", "steps:\n\t- x\n", "tab"),
        ("name: post\n", "name: post\nname: again\n", "second time"),
        ("source: zendesk\n", "source: zendsk\n", "zendsk"),
        ("event.data.detail.id", "evnt.data.detail.id", "evnt"),
        (
            "name: post\n",
            "name: post\na: &a [x,x,x,x,x,x,x,x]\nb: &b [*a,*a,*a,*a,*a,*a,*a,*a]\nc: &c [*b,*b,*b,*b,*b,*b,*b,*b]\nd: &d [*c,*c,*c,*c,*c,*c,*c,*c]\ne: &e [*d,*d,*d,*d,*d,*d,*d,*d]\nf: &f [*e,*e,*e,*e,*e,*e,*e,*e]\ng: [*f,*f,*f,*f,*f,*f,*f,*f]\n",
            "post.yaml",
        ),
        ("{{ event.data.event.number }}", "{{ event.data.event.number", "post.yaml"),
    ];
    for (right, wrong, word) in cases {
        let project =
            Project::new("http://127.0.0.1:9").with_workflow("post.yaml", &POST_WORKFLOW.replace(right, wrong));
        let checked = project.json(&["check", "--allow-loopback"]);
        assert_eq!(checked["ok"], false, "{wrong}");
        let first = &checked["diagnostics"][0];
        assert!(first["line"].as_u64().unwrap() >= 1 && first["column"].as_u64().unwrap() >= 1, "{first}");
        assert!(first.to_string().to_lowercase().contains(word), "{first} does not say {word}");
    }
}

#[tokio::test]
async fn every_command_that_prints_takes_json() {
    let project = Project::new("http://127.0.0.1:9").with_workflow("post.yaml", POST_WORKFLOW);
    let server = project.serve();
    let answer = Delivery::new(status_changed("e1", 1, 1)).send(&server).await;
    let run = answer.body["runs"][0].as_str().unwrap();
    let commands: [&[&str]; 9] = [
        &["check", "--allow-loopback"],
        &["actions"],
        &["actions", "show", "slack.post_message"],
        &["workflows", "list"],
        &["workflows", "show", "post"],
        &["events", "list"],
        &["events", "show", "1"],
        &["runs", "list"],
        &["runs", "show", run],
    ];
    for command in commands {
        project.json(command);
        let text = project.run(command);
        assert!(text.status.success() && !text.stdout.is_empty(), "{command:?}");
    }
}

#[tokio::test]
async fn a_sample_is_signed_and_sent_as_its_provider_would() {
    let project = Project::new("http://127.0.0.1:9").with_workflow("post.yaml", POST_WORKFLOW);
    let sample = project.path().join("sample.json");
    std::fs::write(&sample, status_changed("sample-1", 1, 1)).unwrap();
    let server = project.serve();
    let to = server.url("/webhooks/zendesk/zendesk");
    let send = |more: &[&str]| {
        project
            .json(&[&["events", "send", sample.to_str().unwrap(), "--source", "zendesk", "--to", &to], more].concat())
    };
    assert_eq!(send(&[])["status"], 202);
    assert_eq!(send(&[])["answer"]["status"], "repeat");
    assert_eq!(send(&["--new"])["status"], 202);
    server.kill();
    let nobody = project.run(&["events", "send", sample.to_str().unwrap(), "--source", "zendesk", "--to", &to]);
    assert_eq!(nobody.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&nobody.stderr).contains("deskwire serve"));
}

#[tokio::test]
async fn a_project_runs_against_the_built_in_stand_ins_without_any_secret() {
    let mut project = Project::new("http://127.0.0.1:9").with_workflow("post.yaml", POST_WORKFLOW);
    project.environment.clear();
    let server = Server::start(&mut project.command(&["serve", "--sandbox", "--listen", "127.0.0.1:0"]));
    let sample = project.path().join("sample.json");
    std::fs::write(&sample, status_changed("sample-1", 42, 7)).unwrap();
    let to = server.url("/webhooks/zendesk/zendesk");
    let sent =
        project.json(&["events", "send", sample.to_str().unwrap(), "--source", "zendesk", "--sandbox", "--to", &to]);
    assert_eq!(sent["status"], 202);
    crate::harness::all_runs_over(&project).await;
    let page =
        client().get(server.url("/sandbox/slack?channel=C07SUPPORT1")).send().await.unwrap().text().await.unwrap();
    assert!(page.contains("ticket 42 number 7"), "{page}");
}
