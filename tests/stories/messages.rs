//! What commands, pages and logs say, and to whom: errors as JSON, lists that are cut, ids that fit nothing or several,
//! deliveries that are refused, and what is not for everybody's eyes.

use std::io::Write;

use serde_json::Value;

use crate::harness::{
    Answer, DESKWIRE, Delivery, POST_WORKFLOW, Project, Server, all_runs_over, answer, client, status_changed,
};
use deskwire_core::time::{Clock, SystemClock};

/// Fails at once, without calling anybody.
const FAIL_WORKFLOW: &str = "name: fails\nactive: true\ntrigger: { source: zendesk, event: ticket.status_changed }\nsteps: [{ id: no, fail: 'never in {{ event.data.detail.id }}' }]\n";

fn project() -> Project {
    Project::new("http://127.0.0.1:9").with_workflow("fails.yaml", FAIL_WORKFLOW)
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

async fn page(server: &Server, path: &str, accept: &str) -> (u16, String) {
    let got = client().get(server.url(path)).header("accept", accept).send().await.unwrap();
    (got.status().as_u16(), got.text().await.unwrap())
}

#[tokio::test]
async fn with_json_every_error_is_one_document_of_one_shape_on_the_standard_output() {
    let project = project();
    let server = project.serve();
    Delivery::new(status_changed("e1", 1, 1)).send(&server).await;
    server.stop();
    let broken = Project::new("http://127.0.0.1:9")
        .with_workflow("post.yaml", &POST_WORKFLOW.replace("slack.post", "slack.send"));
    let empty = Project::new("http://127.0.0.1:9");
    let none = "/nowhere/at/all";
    let cases: Vec<(&Project, Vec<&str>, i32, &str)> = vec![
        (&project, vec!["runs", "lst"], 2, "usage"),
        (&project, vec![], 2, "usage"),
        (&project, vec!["runs", "show"], 2, "usage"),
        (&project, vec!["runs", "list", "--limit", "many"], 2, "usage"),
        (&project, vec!["runs", "list", "--state", "lost"], 2, "usage"),
        (&project, vec!["runs", "list", "--since", "yesterday"], 1, "failed"),
        (&project, vec!["runs", "show", "run_nothing"], 1, "failed"),
        (&project, vec!["runs", "replay", "run_nothing"], 1, "failed"),
        (&project, vec!["runs", "replay"], 1, "failed"),
        (&project, vec!["runs", "settle", "run_nothing", "--happened"], 1, "failed"),
        (&project, vec!["events", "show", "nothing"], 1, "failed"),
        (&project, vec!["events", "send", "no-such-file.json", "--source", "zendesk"], 1, "failed"),
        (&project, vec!["workflows", "show", "nothing"], 1, "failed"),
        (&project, vec!["workflows", "activate", "nothing"], 1, "failed"),
        (&project, vec!["workflows", "run", "nothing"], 1, "failed"),
        (&project, vec!["workflows", "test", "nothing.yaml"], 1, "failed"),
        (&project, vec!["workflows", "rehearse", "nothing"], 1, "failed"),
        (&project, vec!["connections", "show", "nothing"], 1, "failed"),
        (&project, vec!["clients", "show", "nothing"], 1, "failed"),
        (&project, vec!["sources", "show", "nothing"], 1, "failed"),
        (&project, vec!["actions", "show", "slack.nothing"], 1, "failed"),
        (&project, vec!["secrets", "delete", "nothing"], 1, "failed"),
        (&project, vec!["check", "--project", none], 1, "failed"),
        (&empty, vec!["serve", "--listen", "127.0.0.1:0", "--project", none], 1, "failed"),
        (&empty, vec!["runs", "list"], 1, "failed"),
        (&broken, vec!["check", "--allow-loopback"], 1, "mistakes"),
        (&broken, vec!["plan", "--allow-loopback"], 1, "mistakes"),
        (&broken, vec!["apply", "--allow-loopback"], 1, "mistakes"),
        (&broken, vec!["workflows", "test", "workflows/post.yaml", "--event", "1"], 1, "mistakes"),
    ];
    for (project, arguments, status, code) in cases {
        let output = project.run(&[&arguments[..], &["--json"]].concat());
        let (out, err) = (text(&output.stdout), text(&output.stderr));
        assert_eq!(output.status.code(), Some(status), "{arguments:?}: {out} {err}");
        let document: Value =
            deskwire_core::json::from_str(&out).unwrap_or_else(|error| panic!("{arguments:?}: {error}: {out} {err}"));
        let error = &document["error"];
        assert_eq!(
            (&document["ok"], &error["code"]),
            (&Value::from(false), &Value::from(code)),
            "{arguments:?}: {out}"
        );
        assert!(error["message"].as_str().is_some_and(|message| message.len() > 10), "{arguments:?}: {out}");
        if code == "mistakes" {
            assert!(error["diagnostics"][0]["line"].as_u64().is_some(), "{arguments:?}: {out}");
            let help = error["diagnostics"][0]["help"].as_str().unwrap();
            assert!(help.contains("slack.post_message"), "{help}");
        }
        for line in err.lines() {
            let read: Result<Value, _> = deskwire_core::json::from_str(line);
            assert!(read.is_ok(), "{arguments:?} says {line:?} beside it");
        }
    }
}

#[tokio::test]
async fn a_list_that_is_cut_says_how_many_more_there_are_and_how_to_see_them() {
    let project = project();
    let server = project.serve();
    for number in 1..=5 {
        Delivery::new(status_changed(&format!("e{number}"), number, number)).send(&server).await;
    }
    all_runs_over(&project).await;
    for list in ["runs", "events"] {
        let cut = project.run(&[list, "list", "--limit", "2"]);
        let said = text(&cut.stderr);
        assert!(said.contains(&format!("3 more {list}")) && said.contains("--limit 5"), "{said}");
        assert_eq!(text(&cut.stdout).lines().count(), 3, "a head and two rows");
        let json = project.run(&[list, "list", "--limit", "2", "--json"]);
        let items: Value = deskwire_core::json::from_str(&text(&json.stdout)).unwrap();
        let note: Value = deskwire_core::json::from_str(text(&json.stderr).trim()).unwrap();
        assert_eq!((items.as_array().unwrap().len(), &note["more"]), (2, &Value::from(3)), "{note}");
        let whole = project.run(&[list, "list", "--limit", "5"]);
        assert_eq!(text(&whole.stderr), "", "nothing is left out");
    }
}

#[tokio::test]
async fn no_run_and_more_than_one_run_are_two_messages_in_every_command() {
    let project = project();
    let server = project.serve();
    for number in 1..=2 {
        Delivery::new(status_changed(&format!("e{number}"), number, number)).send(&server).await;
    }
    let runs = all_runs_over(&project).await;
    let ids: Vec<&str> = runs.iter().map(|run| run["id"].as_str().unwrap()).collect();
    let common: String = ids[0].chars().zip(ids[1].chars()).take_while(|(a, b)| a == b).map(|(a, _)| a).collect();
    assert!(common.len() >= 5, "{ids:?}");
    for command in [&["runs", "show"][..], &["runs", "replay"], &["runs", "settle", "--happened"]] {
        let said = |id: &str| text(&project.run(&[command, &[id]].concat()).stderr);
        let (none, many, short) = (said("run_zzzz"), said(&common), said("run"));
        assert!(none.contains("there is no run `run_zzzz`") && !none.contains("more than one"), "{none}");
        assert!(many.contains("more than one run begins with") && ids.iter().all(|id| many.contains(id)), "{many}");
        assert!(short.contains("too short"), "{short}");
    }
    let (status, shown) = page(&server, &format!("/console/runs/{common}"), "text/html").await;
    assert!(status == 404 && shown.to_lowercase().contains("more than one run begins with"), "{shown}");
    assert!(text(&project.run(&["events", "show", ids[0]]).stderr).contains("that is the id of a run"));
}

#[tokio::test]
async fn a_refused_delivery_logs_one_line_by_its_request_id_that_says_which_check_failed() {
    let project = project();
    let server = project.serve();
    let now = SystemClock.now();
    let body = || status_changed("e1", 1, 1);
    let old = now.minus(std::time::Duration::from_secs(4_000));
    let signature = "x-zendesk-webhook-signature";
    let cases = [
        (Delivery::new(body()).without(signature), "header x-zendesk-webhook-signature is missing"),
        (Delivery::new(body()).without("x-zendesk-webhook-signature-timestamp"), "signature-timestamp is missing"),
        (Delivery::new(body()).without(signature).with(signature, "%%%"), "x-zendesk-webhook-signature cannot be read"),
        (Delivery::signed_with(body(), now, "another-secret"), "fits none of the source's signing secrets"),
        (Delivery::signed_at(body(), old), "s behind our clock, more than the tolerance of 300 s"),
    ];
    let mut refused = Vec::new();
    for (delivery, words) in cases {
        let signature = delivery.headers.iter().find(|(name, _)| *name == signature).map(|(_, value)| value.clone());
        let Answer { status, headers, body, .. } = delivery.send(&server).await;
        assert_eq!(
            (status, body["title"].as_str()),
            (401, Some("The signature is not good")),
            "the client sees no more"
        );
        assert!(!body.to_string().contains(words));
        let id = headers["x-request-id"].to_str().unwrap().to_owned();
        refused.push((id, words, signature));
    }
    let (_, log) = server.stop();
    for (id, words, signature) in refused {
        let lines: Vec<&str> = log.lines().filter(|line| line.contains(&id)).collect();
        assert_eq!(lines.len(), 1, "{id}: {log}");
        assert!(lines[0].contains(words) && lines[0].contains("WARN"), "{}", lines[0]);
        assert!(signature.is_none_or(|signature| signature.len() < 10 || !log.contains(&signature)), "{log}");
    }
    assert!(!log.contains(crate::harness::SECRET));
}

#[tokio::test]
async fn a_run_that_fails_stands_out_in_the_log_and_one_that_is_skipped_does_not() {
    let skipped =
        FAIL_WORKFLOW.replace("name: fails", "name: leaves").replace("fail: 'never", "if: false, fail: 'never");
    let project = project().with_workflow("leaves.yaml", &skipped);
    let server = project.serve();
    Delivery::new(status_changed("e1", 7, 1)).send(&server).await;
    all_runs_over(&project).await;
    let (_, log) = server.stop();
    let about =
        |workflow: &str| log.lines().find(|line| line.contains(&format!("workflow={workflow}"))).unwrap_or_default();
    assert!(about("fails").contains("WARN") && about("fails").contains("never in 7"), "{log}");
    assert!(about("leaves").contains("INFO"), "{log}");
}

#[tokio::test]
async fn an_event_that_nobody_wanted_shows_which_clause_was_false_and_the_values_it_looked_at() {
    let when = "event: ticket.status_changed, when: 'event.data.detail.status == \"OPEN\" and event.data.event.current == \"SOLVED\"' }";
    let project = Project::new("http://127.0.0.1:9")
        .with_workflow("fails.yaml", &FAIL_WORKFLOW.replace("event: ticket.status_changed }", when));
    let server = project.serve();
    Delivery::new(status_changed("e1", 7, 1)).send(&server).await;
    let words = "event.data.event.current == \"SOLVED\" (event.data.event.current is \"OPEN\")";
    let shown = text(&project.run(&["events", "show", "1"]).stdout);
    assert!(shown.contains(words) && !shown.contains("status is \"OPEN\""), "{shown}");
    assert!(project.json(&["events", "show", "1"])["declined"][0]["reason"].as_str().unwrap().contains(words));
    let (_, shown) = page(&server, "/console/events/1", "text/html").await;
    assert!(shown.contains("event.data.event.current is"), "{shown}");
}

#[tokio::test]
async fn the_list_of_workflows_shows_what_is_in_force_beside_what_the_files_say_with_mistakes_in_them_too() {
    let same = FAIL_WORKFLOW.replace("name: fails", "name: same");
    let project = project()
        .with_workflow("same.yaml", &same)
        .with_workflow("gone.yaml", &FAIL_WORKFLOW.replace("name: fails", "name: gone"))
        .with_workflow("broken.yaml", &FAIL_WORKFLOW.replace("name: fails", "name: broken"));
    assert!(project.run(&["apply", "--allow-loopback"]).status.success());
    let workflows = project.path().join("workflows");
    std::fs::remove_file(workflows.join("gone.yaml")).unwrap();
    let write = |name: &str, text: &str| std::fs::write(workflows.join(name), text).unwrap();
    write("fails.yaml", &FAIL_WORKFLOW.replace("never", "no longer"));
    write("broken.yaml", &FAIL_WORKFLOW.replace("name: fails", "name: broken").replace("steps", "stepps"));
    write("new.yaml", &FAIL_WORKFLOW.replace("name: fails", "name: new"));
    write("unread.yaml", "name: [\n");
    let list = project.json(&["workflows", "list"]);
    let of = |name: &str| {
        list.as_array().unwrap().iter().find(|one| one["name"] == name).unwrap_or_else(|| panic!("{name}: {list}"))
    };
    let states = [
        ("same", "active", true, true),
        ("fails", "changed, not applied", true, true),
        ("gone", "not in the files", false, true),
        ("new", "not applied yet", true, false),
        ("broken", "has mistakes", true, true),
        ("unread", "has mistakes", true, false),
    ];
    for (name, state, in_files, in_force) in states {
        let one = of(name);
        assert_eq!(
            (&one["state"], &one["in_files"], &one["in_force"]),
            (&state.into(), &in_files.into(), &in_force.into())
        );
    }
    assert_ne!(of("fails")["version"], of("fails")["version_in_force"]);
    assert_eq!(of("same")["version"], of("same")["version_in_force"]);
    assert_eq!(of("broken")["mistakes"][0]["line"], 1);
    let output = project.run(&["workflows", "list"]);
    let (rows, said) = (text(&output.stdout), text(&output.stderr));
    assert!(
        states.iter().all(|(name, state, ..)| rows.lines().any(|row| row.contains(name) && row.contains(state))),
        "{rows}"
    );
    assert!(said.contains("broken.yaml:") && said.contains("unread.yaml:1"), "{said}");
    assert!(output.status.success());
    let shown = text(&project.run(&["workflows", "show", "gone"]).stdout);
    assert!(shown.contains("not in the files") && shown.contains("zendesk"), "{shown}");
}

#[test]
fn a_test_of_a_workflow_hides_what_is_personal_unless_it_is_asked_for() {
    let project = Project::new("http://127.0.0.1:9").with_workflow("post.yaml", POST_WORKFLOW);
    let sample = project.path().join("sample.json");
    std::fs::write(&sample, status_changed("sample-1", 42, 7)).unwrap();
    let test = ["workflows", "test", "workflows/post.yaml", "--event", sample.to_str().unwrap(), "-v"];
    for json in [&[][..], &["--json"]] {
        let hidden = text(&project.run(&[&test[..], json].concat()).stdout);
        assert!(hidden.contains("[personal]") && !hidden.contains("ticket 42 number 7"), "{hidden}");
        let whole = text(&project.run(&[&test[..], json, &["--personal"]].concat()).stdout);
        assert!(whole.contains("ticket 42 number 7") && !whole.contains("[personal]"), "{whole}");
    }
}

#[tokio::test]
async fn nothing_is_sent_to_another_program_or_to_another_project_s_server() {
    let (mine, other) = (project(), project());
    let sample = mine.path().join("sample.json");
    std::fs::write(&sample, status_changed("sample-1", 42, 7)).unwrap();
    let server = other.serve();
    let send = |to: &str| mine.run(&["events", "send", sample.to_str().unwrap(), "--source", "zendesk", "--to", to]);
    let refused = send(&server.url("/webhooks/zendesk/zendesk"));
    let said = text(&refused.stderr);
    assert!(said.contains("serves another project") && said.contains("--to"), "{said}");
    assert_eq!((refused.status.code(), other.json(&["events", "list"]).as_array().unwrap().len()), (Some(1), 0));
    // A program that answers everything with a greeting.
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            let mut buffer = [0; 4096];
            let _ = std::io::Read::read(&mut stream, &mut buffer);
            let _ = stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\nconnection: close\r\n\r\nhello");
        }
    });
    let refused = send(&format!("http://{address}/webhooks/zendesk/zendesk"));
    let said = text(&refused.stderr);
    assert!(refused.status.code() == Some(1) && said.contains("no Deskwire but another program"), "{said}");
    let own = mine.serve();
    assert!(send(&own.url("/webhooks/zendesk/zendesk")).status.success());
}

#[tokio::test]
async fn a_browser_that_opens_the_front_page_is_led_on() {
    let project = project();
    let server = Server::start(&mut project.command(&["serve", "--sandbox", "--listen", "127.0.0.1:0"]));
    let browser = "text/html,application/xhtml+xml,*/*;q=0.8";
    for (path, status) in
        [("/", 404), ("/nothing", 404), ("/webhooks/zendesk/zendesk", 405), ("/webhooks/zendesk/other", 404)]
    {
        let (found, shown) = page(&server, path, browser).await;
        assert_eq!(found, status, "{path}");
        for link in ["/console", "/sandbox/slack", "/api/v1/openapi.json"] {
            assert!(shown.contains(&format!("href=\"{link}\"")), "{path}: {shown}");
            assert_eq!(page(&server, link, browser).await.0, 200, "{link}");
        }
        let told = answer(client().get(server.url(path)).send().await.unwrap()).await;
        assert_eq!(
            (told.status, told.body["status"].as_u64()),
            (status, Some(status.into())),
            "programs get a problem"
        );
    }
}

#[test]
fn help_is_no_error_with_json_either() {
    let output = std::process::Command::new(DESKWIRE).args(["--help", "--json"]).output().unwrap();
    assert!(output.status.success() && text(&output.stdout).contains("First steps"));
}

#[test]
fn a_start_counts_warnings_as_warnings() {
    let warned = POST_WORKFLOW
        .replace("ticket {{", "{{ event.data.detail.statuss }} {{")
        .replace("slack.post_message", "slack.send_message");
    let project = Project::new("http://127.0.0.1:9").with_workflow("post.yaml", &warned);
    let said = text(&project.run(&["plan", "--allow-loopback"]).stderr);
    assert!(said.contains("mistakes"), "{said}");
    let tested = text(&project.run(&["workflows", "test", "workflows/post.yaml", "--event", "1"]).stderr);
    assert!(tested.contains("1 mistake and 1 warning"), "{tested}");
}

#[test]
fn doctor_says_each_thing_once() {
    let mut project = project();
    project.environment.clear();
    let file = project.path().join("deskwire.yaml");
    let both = std::fs::read_to_string(&file).unwrap()
        + "  other:\n    provider: slack\n    auth: { type: bearer, token: { env: SLACK_BOT_TOKEN } }\n    allowed_domain: slack.com\n";
    std::fs::write(&file, both).unwrap();
    let found = project.json(&["doctor", "--allow-loopback"])["findings"].clone();
    let told: Vec<String> =
        found.as_array().unwrap().iter().map(|one| format!("{} {}", one["what"], one["next"])).collect();
    for what in &told {
        assert_eq!(told.iter().filter(|other| *other == what).count(), 1, "{found}");
    }
    assert_eq!(found.to_string().matches("SLACK_BOT_TOKEN").count(), 1, "{found}");
}
