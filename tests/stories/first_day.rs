//! The five-minute path of a newcomer: an empty folder, only the program on the PATH, and the commands of README's quick
//! start, read out of README itself.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::Value;

use crate::harness::{DESKWIRE, Server, client};

const README: &str = include_str!("../../README.md");

/// An empty folder, and a PATH on which nothing is but the program.
pub struct Newcomer {
    folder: tempfile::TempDir,
    path: PathBuf,
    /// Where the newcomer stands.
    at: PathBuf,
}

impl Newcomer {
    pub fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let (path, at) = (folder.path().join("bin"), folder.path().join("empty"));
        std::fs::create_dir(&path).unwrap();
        std::fs::create_dir(&at).unwrap();
        std::os::unix::fs::symlink(DESKWIRE, path.join("deskwire")).unwrap();
        Self { folder, path, at }
    }

    /// With the project that `deskwire init` makes.
    pub fn with_project() -> Self {
        let newcomer = Self::new();
        assert!(newcomer.run("deskwire init").status.success());
        newcomer
    }

    pub fn at(&self) -> &Path {
        &self.at
    }

    pub fn command(&self, line: &str) -> Command {
        let mut words = line.split_whitespace();
        let mut command = Command::new(words.next().unwrap());
        command.args(words).current_dir(&self.at).env_clear().env("PATH", &self.path).env("HOME", self.folder.path());
        command
    }

    pub fn run(&self, line: &str) -> Output {
        self.command(line).output().unwrap()
    }

    /// The exit status, and everything that was printed.
    pub fn said(&self, line: &str) -> (Option<i32>, String) {
        let output = self.run(line);
        let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
        (output.status.code(), text(&output.stdout) + &text(&output.stderr))
    }

    pub fn json(&self, line: &str) -> Value {
        let output = self.run(&format!("{line} --json"));
        deskwire_core::json::from_slice(&output.stdout).unwrap_or_else(|error| {
            panic!("`{line}` printed no JSON ({error}): {}", String::from_utf8_lossy(&output.stderr))
        })
    }

    pub fn serve(&self, line: &str) -> Server {
        Server::start(&mut self.command(&format!("{line} --listen 127.0.0.1:0")))
    }

    /// Waits until every run is over, and answers with the newest one's id.
    pub fn run_that_is_over(&self) -> String {
        for _ in 0..1_200 {
            let runs = self.json("deskwire runs list");
            let over = |run: &Value| !matches!(run["state"].as_str().unwrap(), "queued" | "running" | "retrying");
            let runs = runs.as_array().unwrap();
            if !runs.is_empty() && runs.iter().all(over) {
                return runs[0]["id"].as_str().unwrap().to_owned();
            }
            std::thread::sleep(std::time::Duration::from_millis(50));
        }
        panic!("the run goes on for over a minute")
    }

    /// Everything below its folder, such as `.deskwire/deskwire.db`.
    pub fn files(&self) -> Vec<String> {
        fn walk(folder: &Path, base: &Path, found: &mut Vec<String>) {
            for entry in std::fs::read_dir(folder).unwrap() {
                let path = entry.unwrap().path();
                found.push(path.strip_prefix(base).unwrap().display().to_string());
                if path.is_dir() {
                    walk(&path, base, found);
                }
            }
        }
        let mut found = Vec::new();
        walk(&self.at, &self.at, &mut found);
        found.sort();
        found
    }
}

/// A fenced block: what it is of (`sh`, `text`), and its lines.
fn blocks(text: &str) -> Vec<(String, Vec<String>)> {
    let (mut blocks, mut open): (Vec<(String, Vec<String>)>, bool) = (Vec::new(), false);
    for line in text.lines() {
        match (line.strip_prefix("```"), open) {
            (Some(kind), false) => {
                blocks.push((kind.to_owned(), Vec::new()));
                open = true;
            }
            (Some(_), true) => open = false,
            (None, true) => blocks.last_mut().unwrap().1.push(line.to_owned()),
            (None, false) => {}
        }
    }
    blocks
}

/// README's quick start, up to where the real secrets come in.
fn quick_start() -> &'static str {
    let (_, rest) = README.split_once("## Your first workflow in five minutes").expect("README has a quick start");
    rest.split_once("To go live").expect("it says how to go live").0
}

/// Does a line of README, in which `…` stands for anything, stand among what was printed?
fn is_printed(expected: &str, printed: &str) -> bool {
    let plain = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
    let parts: Vec<String> = expected.split('…').map(plain).collect();
    printed.lines().map(plain).any(|line| {
        let after = |rest: String, part: &String| rest.split_once(part.as_str()).map(|(_, rest)| rest.to_owned());
        line.starts_with(parts[0].as_str()) && parts.iter().try_fold(line, after).is_some()
    })
}

#[tokio::test]
async fn every_command_of_the_quick_start_works_in_an_empty_folder_and_prints_what_readme_says() {
    let mut newcomer = Newcomer::new();
    let (mut server, mut printed, mut commands, mut compared) = (None::<Server>, String::new(), 0, 0);
    for (kind, lines) in blocks(quick_start()) {
        match kind.as_str() {
            "sh" => printed.clear(),
            "text" => {
                let address = server.as_ref().map(|server| server.address.clone()).unwrap_or_default();
                for expected in lines.iter().filter(|line| !line.trim().is_empty()) {
                    let expected = expected.replace("127.0.0.1:8787", &address);
                    assert!(is_printed(&expected, &printed), "README says {expected:?}; printed was\n{printed}");
                    compared += 1;
                }
                continue;
            }
            _ => continue,
        }
        for line in lines {
            let line = line.split(" #").next().unwrap().trim();
            if line.is_empty() {
                continue;
            }
            commands += 1;
            if let Some(folder) = line.strip_prefix("cd ") {
                newcomer.at = newcomer.at.join(folder);
                continue;
            }
            if line.starts_with("deskwire serve") {
                let started = newcomer.serve(line);
                printed.extend(["listening on http://", &started.address, "\n"]);
                server = Some(started);
                continue;
            }
            let line = if line.contains("runs") {
                line.replace("run_…", &newcomer.run_that_is_over())
            } else {
                line.to_owned()
            };
            let (status, said) = newcomer.said(&line);
            assert_eq!(status, Some(0), "`{line}` said\n{said}");
            printed += &said;
        }
    }
    assert!(commands >= 7 && compared >= 6, "the quick start was read: {commands} commands, {compared} lines");

    let server = server.expect("the quick start starts a server");
    let links: Vec<&str> = quick_start()
        .split('<')
        .filter_map(|rest| rest.strip_prefix("http://127.0.0.1:8787").and_then(|rest| rest.split_once('>')))
        .map(|(path, _)| path)
        .collect();
    assert!(links.len() >= 2, "the quick start leads to pages");
    for path in links {
        let answer = client().get(server.url(path)).send().await.unwrap();
        assert_eq!(answer.status(), 200, "{path}");
        let page = answer.text().await.unwrap();
        assert!(page.contains("urgent"), "{path} shows what happened: {page}");
    }
    let slack = client().get(server.url("/sandbox/slack")).send().await.unwrap().text().await.unwrap();
    assert!(slack.contains("48213"), "the message is in the sandbox: {slack}");
}

#[test]
fn the_workflow_that_readme_shows_is_the_one_that_init_writes() {
    let newcomer = Newcomer::with_project();
    let written = std::fs::read_to_string(newcomer.at().join("workflows/urgent.yaml")).unwrap();
    let shown = blocks(quick_start()).into_iter().find(|(kind, _)| kind == "yaml").expect("it shows a workflow").1;
    assert!(written.contains(&shown.join("\n")), "{written}");
}

#[test]
fn a_new_project_has_no_mistake_and_says_what_comes_next() {
    let newcomer = Newcomer::new();
    let (status, said) = newcomer.said("deskwire init");
    assert_eq!(status, Some(0), "{said}");
    let next: Vec<&str> = said.split("Next").nth(1).unwrap().lines().filter(|line| line.starts_with("  ")).collect();
    assert_eq!(next.len(), 3, "{said}");
    for (line, command) in next.iter().zip(["deskwire check", "deskwire serve --sandbox", "deskwire events send"]) {
        assert!(line.trim().starts_with(command), "{line}");
    }
    let checked = newcomer.json("deskwire check");
    assert_eq!((&checked["errors"], &checked["warnings"]), (&0.into(), &0.into()), "{checked}");
    for file in ["deskwire.yaml", "workflows/urgent.yaml"] {
        let path = newcomer.at().join(file);
        let text = std::fs::read_to_string(&path).unwrap();
        let schema = text.lines().next().unwrap().strip_prefix("# yaml-language-server: $schema=").unwrap();
        let schema = std::fs::read_to_string(path.parent().unwrap().join(schema)).unwrap();
        let schema: Value = deskwire_core::json::from_str(&schema).unwrap();
        assert!(schema["$schema"].is_string(), "{file} names a schema that is there");
    }
    let ignored = std::fs::read_to_string(newcomer.at().join(".gitignore")).unwrap();
    assert!(ignored.lines().any(|line| line == ".deskwire/"), "{ignored}");
    let samples = std::fs::read_dir(newcomer.at().join("events")).unwrap().count();
    assert!(samples >= 1, "there are sample events");
}

#[test]
fn init_changes_nothing_that_is_there_and_says_so() {
    let newcomer = Newcomer::with_project();
    let file = newcomer.at().join("deskwire.yaml");
    std::fs::write(&file, "sources: {}\n").unwrap();
    std::fs::remove_file(newcomer.at().join("workflows/urgent.yaml")).unwrap();
    let before = newcomer.files();
    let (status, said) = newcomer.said("deskwire init");
    assert_eq!(status, Some(1));
    assert!(said.contains("deskwire.yaml") && said.contains("nothing was changed"), "{said}");
    assert_eq!((newcomer.files(), std::fs::read_to_string(&file).unwrap()), (before, "sources: {}\n".to_owned()));

    // Where there is no project, what has one of its names stays, and the rest is added.
    let other = Newcomer::new();
    std::fs::create_dir(other.at().join("workflows")).unwrap();
    std::fs::write(other.at().join("workflows/urgent.yaml"), "mine").unwrap();
    std::fs::write(other.at().join(".gitignore"), "mine too").unwrap();
    let made = other.json("deskwire init");
    assert_eq!(made["kept"], serde_json::json!(["workflows/urgent.yaml", ".gitignore"]));
    assert!(made["written"].as_array().unwrap().contains(&"deskwire.yaml".into()));
    assert_eq!(std::fs::read_to_string(other.at().join("workflows/urgent.yaml")).unwrap(), "mine");
    assert_eq!(std::fs::read_to_string(other.at().join(".gitignore")).unwrap(), "mine too");
}

#[test]
fn init_says_why_it_cannot_make_a_folder() {
    let newcomer = Newcomer::new();
    std::fs::write(newcomer.at().join("a-file"), "").unwrap();
    let (status, said) = newcomer.said("deskwire init a-file/desk");
    assert_eq!(status, Some(1));
    assert!(said.contains("a-file/desk") && !said.contains("panicked"), "{said}");
    assert!(newcomer.run("deskwire init deep/er/desk").status.success());
    assert!(newcomer.at().join("deep/er/desk/deskwire.yaml").is_file());
}

#[test]
fn samples_and_schemas_come_out_of_the_program() {
    let newcomer = Newcomer::new();
    let listed = newcomer.json("deskwire events samples");
    let names: Vec<&str> = listed.as_array().unwrap().iter().map(|one| one["name"].as_str().unwrap()).collect();
    assert!(names.len() > 40 && names.contains(&"ticket.created"), "{names:?}");
    for name in &names {
        let body: Value =
            deskwire_core::json::from_slice(&newcomer.run(&format!("deskwire events samples {name}")).stdout).unwrap();
        assert!(body.is_object(), "{name}");
    }
    let (status, said) = newcomer.said("deskwire events samples ticket.creatd");
    assert_eq!(status, Some(1));
    assert!(said.contains("`ticket.created`"), "{said}");
    for (what, file) in [("workflow", "workflow.schema.json"), ("project", "deskwire.schema.json")] {
        let committed = Path::new(env!("CARGO_MANIFEST_DIR")).join("../schemas").join(file);
        let printed = newcomer.run(&format!("deskwire schema {what}")).stdout;
        assert_eq!(printed, std::fs::read(committed).unwrap(), "{what}");
    }
    assert_eq!(newcomer.run("deskwire schema workflows").status.code(), Some(2));
}

#[test]
fn a_sample_does_wherever_a_file_with_an_event_does() {
    let newcomer = Newcomer::with_project();
    let (status, said) =
        newcomer.said("deskwire workflows test workflows/urgent.yaml --event ticket.priority_changed --sandbox");
    assert_eq!(status, Some(0), "{said}");
    let (status, said) = newcomer.said("deskwire events send ticket.priority_chnged --source zendesk-support");
    assert_eq!(status, Some(1));
    assert!(said.contains("`ticket.priority_changed`"), "{said}");
}
