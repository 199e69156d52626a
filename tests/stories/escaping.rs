//! What strangers write, in what operators read; and the list in `docs/escaping.md` of how it is escaped.

use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::harness::{Delivery, Project, all_runs_over, status_changed};
use crate::outside::Outside;

/// Clears the screen, hides what follows, sets the window's title, turns the text around, and begins a line of its own.
const EVIL: &str = "\u{1b}[2J\u{1b}[8m\u{1b}]0;title\u{7}\u{202e}gnp\u{9b}2J\r\n2026-02-03 ✓ forged";

const FAILS: &str = r#"name: fails
active: true
trigger:
  source: zendesk
  event: ticket.status_changed
steps:
  - id: stop
    fail: "The ticket is called {{ event.data.detail.subject }}"
"#;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_terminal_and_a_log_show_what_a_stranger_wrote_and_do_nothing_else() {
    let outside = Outside::start().await;
    let project = Project::new(&outside.url).with_workflow("fails.yaml", FAILS);
    let server = project.serve();
    let mut body: Value = deskwire_core::json::from_slice(&status_changed("e1", 1, 1)).unwrap();
    body["detail"]["subject"] = EVIL.into();
    body["subject"] = format!("zen:ticket:1{EVIL}").into();
    let answer = Delivery::new(body.to_string()).send(&server).await;
    assert_eq!(answer.status, 202, "{:?}", answer.body);
    let runs = all_runs_over(&project).await;
    let run = runs[0]["id"].as_str().unwrap().to_owned();
    assert!(runs[0]["reason"].as_str().unwrap().contains("The ticket is called"), "{}", runs[0]);
    let event = project.json(&["events", "list"])[0]["id"].as_str().unwrap().to_owned();
    let commands: [&[&str]; 8] = [
        &["runs", "list"],
        &["runs", "show", &run],
        &["runs", "show", &run, "--personal", "--verbose"],
        &["runs", "show", &run, "--json"],
        &["events", "list"],
        &["events", "list", "--json"],
        &["events", "show", &event, "--personal"],
        &["runs", "replay", &run, "--preview"],
    ];
    for command in commands {
        for coloured in [true, false] {
            let mut command = project.command(command);
            if coloured {
                command.env("CLICOLOR_FORCE", "1");
            }
            let output = command.output().unwrap();
            let text = String::from_utf8(output.stdout).unwrap() + &String::from_utf8(output.stderr).unwrap();
            shows_only(&text, &format!("{command:?}"));
            assert!(
                !text.lines().any(|line| line.trim_start().starts_with("2026-02-03 ✓ forged")),
                "{command:?}: {text}"
            );
        }
    }
    let said = server.said();
    shows_only(&said, "the log");
    assert!(!said.lines().any(|line| line.starts_with("2026-02-03 ✓ forged")), "{said}");
}

fn shows_only(text: &str, what: &str) {
    for code in ["\u{1b}[2J", "\u{1b}[8m", "\u{1b}]", "\u{7}", "\u{202e}", "\u{9b}", "\r"] {
        assert!(!text.contains(code), "{what} holds {code:?}: {text:?}");
    }
}

fn sources(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        if path.is_dir() && name != "target" && !name.starts_with('.') {
            sources(&path, found);
        } else if path.extension().is_some_and(|end| end == "rs") {
            found.push(path);
        }
    }
}

#[test]
fn every_test_that_the_page_about_escaping_names_exists() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let page = std::fs::read_to_string(root.join("docs/escaping.md")).unwrap();
    let mut files = Vec::new();
    for folder in ["cli", "functions", "shared", "tests"] {
        sources(&root.join(folder), &mut files);
    }
    let code: String = files.iter().map(|file| std::fs::read_to_string(file).unwrap()).collect();
    let mut rows = 0;
    for row in page.lines().filter(|line| line.starts_with("| ") && !line.ends_with("| tests |")) {
        let tests = row.trim_end_matches('|').rsplit(" | ").next().unwrap();
        let named: Vec<&str> = tests.split('`').skip(1).step_by(2).collect();
        assert!(!named.is_empty(), "no test stands in this row: {row}");
        for test in named {
            assert!(code.contains(&format!("fn {test}(")), "there is no test `{test}`");
        }
        rows += 1;
    }
    assert!(rows > 20, "{rows}");
}
