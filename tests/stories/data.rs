//! Where data is kept: in the project folder, never made by a command that only asks, hidden from git, and live and sandbox
//! data apart.

use std::path::Path;
use std::process::Command;

use serde_json::Value;

use crate::first_day::Newcomer;
use crate::harness::{DESKWIRE, Server, client};

/// Commands that ask about data, and have no use for a store that they would have to make.
const QUESTIONS: [&str; 24] = [
    "runs list",
    "runs show run_1",
    "runs tail",
    "runs replay run_1",
    "runs settle run_1 --happened",
    "events list",
    "events show 1",
    "events send ticket.created --source zendesk-support --to http://127.0.0.1:9/nobody",
    "workflows list",
    "workflows show urgent",
    "workflows activate urgent",
    "workflows deactivate urgent",
    "workflows run urgent",
    "workflows test workflows/urgent.yaml --event ticket.priority_changed",
    "workflows rehearse urgent",
    "connections list",
    "connections show slack",
    "connections test slack",
    "connections delete slack",
    "sources list",
    "sources show zendesk-support",
    "secrets list",
    "secrets rotate-key",
    "plan",
];

#[test]
fn a_command_that_only_asks_makes_no_store() {
    let newcomer = Newcomer::with_project();
    let before = newcomer.files();
    for question in QUESTIONS.into_iter().chain(["secrets delete x", "connections disconnect slack", "doctor", "check"])
    {
        for also in ["", " --sandbox"] {
            if question == "check" && !also.is_empty() {
                continue;
            }
            let (_, said) = newcomer.said(&format!("deskwire {question}{also}"));
            assert_eq!(newcomer.files(), before, "`{question}{also}` made something; it said\n{said}");
        }
    }
}

#[test]
fn a_question_where_there_is_no_data_is_answered_with_one_sentence() {
    let newcomer = Newcomer::with_project();
    for question in
        ["runs list", "runs show run_1", "events list", "events show 1", "secrets list", "runs replay run_1"]
    {
        let (status, said) = newcomer.said(&format!("deskwire {question}"));
        assert_eq!(status, Some(1), "{question}: {said}");
        assert!(said.contains("no data in .deskwire yet") && said.contains("deskwire serve"), "{question}: {said}");
        assert_eq!(said.trim().lines().count(), 1, "{question}: {said}");
    }
    // What the files say is shown all the same.
    for (question, also) in
        [("workflows list", "urgent"), ("connections list", "slack"), ("sources list", "zendesk-support")]
    {
        let (status, said) = newcomer.said(&format!("deskwire {question}"));
        assert_eq!(status, Some(0), "{question}: {said}");
        assert!(said.contains("no data in .deskwire yet") && said.contains(also), "{question}: {said}");
    }
    let (_, said) = newcomer.said("deskwire doctor");
    assert!(said.contains("no data in .deskwire yet") && said.contains("ZENDESK_SIGNING_SECRET"), "{said}");
}

#[test]
fn a_folder_that_is_no_project_says_how_to_begin_one() {
    let newcomer = Newcomer::new();
    for question in
        ["check", "plan", "serve", "serve --sandbox", "doctor", "workflows list", "connections list", "apply"]
    {
        let (status, said) = newcomer.said(&format!("deskwire {question}"));
        assert_eq!(status, Some(1), "{question}: {said}");
        assert!(said.contains("deskwire.yaml") && said.contains("`deskwire init`"), "{question}: {said}");
    }
    assert!(newcomer.files().is_empty(), "{:?}", newcomer.files());
}

#[test]
fn data_is_kept_in_the_project_folder_wherever_the_command_is_run() {
    let newcomer = Newcomer::new();
    assert!(newcomer.run("deskwire init desk").status.success());
    let made = newcomer.said("deskwire apply --project desk");
    assert_eq!(made.0, Some(0), "{}", made.1);
    assert!(newcomer.at().join("desk/.deskwire/deskwire.db").is_file());
    assert!(!newcomer.at().join(".deskwire").exists());
    assert_eq!(newcomer.said("deskwire events list --project desk").0, Some(0));
    // What is named counts before that, by the environment and by the argument.
    let told = |line: &str| {
        let mut command = newcomer.command(line);
        command.env("DESKWIRE_PROJECT", "desk").env("DESKWIRE_DATA", "elsewhere").output().unwrap().status.code()
    };
    assert_eq!(told("deskwire events list"), Some(1));
    assert_eq!(told("deskwire apply"), Some(0));
    assert_eq!(told("deskwire events list"), Some(0));
    assert_eq!(told("deskwire events list --data desk/.deskwire"), Some(0));
    assert!(newcomer.at().join("elsewhere/deskwire.db").is_file());
}

/// What git would commit after `git add .`
fn staged(folder: &Path) -> String {
    let git = |arguments: &[&str]| Command::new("git").args(arguments).current_dir(folder).output().unwrap();
    assert!(git(&["init", "--quiet"]).status.success());
    assert!(git(&["add", "."]).status.success());
    String::from_utf8(git(&["diff", "--cached", "--name-only"]).stdout).unwrap()
}

#[test]
fn git_never_sees_the_data_folder_whichever_command_makes_it() {
    for make in ["apply", "secrets set some-secret", "serve", "serve --sandbox", "apply --data here", "apply --sandbox"]
    {
        let newcomer = Newcomer::with_project();
        // The project's own list must not be needed.
        std::fs::remove_file(newcomer.at().join(".gitignore")).unwrap();
        if make.starts_with("serve") {
            let mut command = newcomer.command(&format!("deskwire {make} --listen 127.0.0.1:0"));
            let secrets = ["ZENDESK_SIGNING_SECRET", "SLACK_BOT_TOKEN", "ZENDESK_API_TOKEN"].map(|name| (name, "x"));
            drop(Server::start(command.envs(secrets)));
        } else {
            let mut command = newcomer.command(&format!("deskwire {make}"));
            let mut child =
                command.stdin(std::process::Stdio::piped()).stdout(std::process::Stdio::null()).spawn().unwrap();
            std::io::Write::write_all(&mut child.stdin.take().unwrap(), b"a value").unwrap();
            assert!(child.wait().unwrap().success(), "{make}");
        }
        let staged = staged(newcomer.at());
        assert!(staged.contains("deskwire.yaml"), "{make}: {staged}");
        for ours in ["deskwire.db", "secret.key", "serve.lock"] {
            assert!(!staged.contains(ours), "{make}: {staged}");
        }
    }
}

/// A project whose workflow waits in the sandbox, with a run that is under way.
fn with_a_run_under_way() -> (Newcomer, String) {
    let newcomer = Newcomer::with_project();
    let file = newcomer.at().join("workflows/urgent.yaml");
    let text = std::fs::read_to_string(&file).unwrap();
    std::fs::write(&file, text.replace("  - id: post\n", "  - id: rest\n    wait: 1h\n  - id: post\n")).unwrap();
    let server = newcomer.serve("deskwire serve --sandbox");
    let (status, said) = newcomer.said("deskwire events send ticket.priority_changed --source zendesk-support");
    assert_eq!(status, Some(0), "{said}");
    let run = newcomer.run_that_is_over();
    server.stop();
    (newcomer, run)
}

fn live_server(newcomer: &Newcomer, more: &str) -> Server {
    let mut command = newcomer.command(&format!("deskwire serve --listen 127.0.0.1:0 {more}"));
    let secrets = ["ZENDESK_SIGNING_SECRET", "SLACK_BOT_TOKEN", "ZENDESK_API_TOKEN"].map(|name| (name, "x"));
    Server::start(command.envs(secrets))
}

#[test]
fn a_live_server_knows_nothing_of_what_the_sandbox_did() {
    let (newcomer, run) = with_a_run_under_way();
    let server = live_server(&newcomer, "");
    assert_eq!(newcomer.json("deskwire runs list"), serde_json::json!([]));
    assert_eq!(newcomer.json("deskwire events list"), serde_json::json!([]));
    server.stop();
    let kept = newcomer.json("deskwire runs list --sandbox");
    assert_eq!((&kept[0]["id"], &kept[0]["state"]), (&run.into(), &"waiting".into()));
}

#[test]
fn a_command_for_live_data_refuses_the_sandbox_s_and_the_other_way_round() {
    let (newcomer, run) = with_a_run_under_way();
    assert_eq!(newcomer.said("deskwire apply --data live").0, Some(0));
    let acts = [
        "serve --listen 127.0.0.1:0",
        "serve --no-reload --listen 127.0.0.1:0",
        "apply",
        "workflows activate urgent",
        "workflows deactivate urgent",
        "workflows run urgent",
        &format!("runs replay {run}"),
        &format!("runs settle {run} --happened"),
        "secrets rotate-key",
        "secrets delete some",
        "connections delete slack",
        "connections test slack",
        "connections disconnect slack",
    ];
    for (folder, flag) in [(".deskwire/sandbox", ""), ("live", " --sandbox")] {
        for act in acts {
            let output = newcomer.command(&format!("deskwire {act} --data {folder}{flag}")).output().unwrap();
            let said = String::from_utf8(output.stderr).unwrap();
            assert_eq!(output.status.code(), Some(1), "{act}{flag}: {said}");
            assert!(
                said.contains("--sandbox") && said.contains(&format!("the data in {folder} ")),
                "{act}{flag}: {said}"
            );
        }
        let mut set = newcomer.command(&format!("deskwire secrets set some --data {folder}{flag}"));
        let mut child = set.stdin(std::process::Stdio::piped()).stderr(std::process::Stdio::null()).spawn().unwrap();
        let _ = std::io::Write::write_all(&mut child.stdin.take().unwrap(), b"a value");
        assert_eq!(child.wait().unwrap().code(), Some(1), "{folder}");
    }
}

#[test]
fn questions_use_the_sandbox_s_data_while_there_is_no_other_and_say_so() {
    let (newcomer, run) = with_a_run_under_way();
    for question in ["runs list", &format!("runs show {run}"), "events list", "events show 1", "workflows list"] {
        let output = newcomer.run(&format!("deskwire {question}"));
        let notes = String::from_utf8(output.stderr).unwrap();
        assert!(output.status.success(), "{question}: {notes}");
        assert_eq!(notes.matches("the sandbox's data in .deskwire/sandbox").count(), 1, "{question}: {notes}");
        let asked = newcomer.run(&format!("deskwire {question} --sandbox"));
        assert_eq!(String::from_utf8(asked.stdout), String::from_utf8(output.stdout), "{question}");
        let notes = String::from_utf8(asked.stderr).unwrap();
        assert!(!notes.contains("the sandbox's data"), "{question}: it was asked about: {notes}");
    }
    // Who changes something is not led there.
    let (status, said) = newcomer.said(&format!("deskwire runs replay {run} --force"));
    assert_eq!(status, Some(1), "{said}");
    assert!(said.contains("no data in .deskwire yet") && said.contains("--sandbox"), "{said}");
    assert_eq!(newcomer.said("deskwire apply").0, Some(0));
    assert!(newcomer.at().join(".deskwire/deskwire.db").is_file(), "live data are made where they belong");
    assert_eq!(newcomer.json("deskwire runs list"), serde_json::json!([]), "and are what is asked about then");
}

#[test]
fn the_demo_leaves_nothing_behind() {
    let folder = tempfile::tempdir().unwrap();
    let demo = Command::new(DESKWIRE)
        .args(["demo", "--exit", "--listen", "127.0.0.1:0"])
        .env_clear()
        .env("TMPDIR", folder.path())
        .current_dir(folder.path())
        .output()
        .unwrap();
    assert!(demo.status.success());
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
}

#[tokio::test]
async fn pages_under_another_name_say_which_flag_lets_them_open_and_that_flag_does() {
    let newcomer = Newcomer::with_project();
    let server =
        newcomer.serve("deskwire serve --sandbox --console-host desk.example.com --console-host other.example.com");
    let ask = async |path: &str, host: &str| {
        let request = client().get(server.url(path)).header("host", host).header("accept", "text/html,*/*;q=0.8");
        let answer = request.send().await.unwrap();
        (answer.status().as_u16(), answer.text().await.unwrap())
    };
    for path in ["/console", "/console/events", "/sandbox/slack", "/sandbox/zendesk"] {
        for host in ["desk.example.com", "other.example.com:8787", "localhost", "127.0.0.1:8787"] {
            assert_eq!(ask(path, host).await.0, 200, "{path} under {host}");
        }
        let (status, page) = ask(path, "relay.example.net:8787").await;
        assert_eq!(status, 403, "{path}");
        assert!(page.contains("--console-host relay.example.net "), "{page}");
    }
    let (status, said) = newcomer.said("deskwire serve --sandbox --console-host http://desk.example.com");
    assert_eq!(status, Some(2), "{said}");
    let (status, said) = newcomer.said("deskwire serve --sandbox --listen 0.0.0.0:0 --console-host desk.example.com");
    assert_eq!(status, Some(1), "{said}");
    assert!(said.contains("sign-in"), "{said}");
}

#[test]
fn the_sandbox_is_on_this_machine_only() {
    let newcomer = Newcomer::with_project();
    for act in ["runs list", "apply", "secrets list", "workflows activate urgent", "connections test slack"] {
        let (status, said) = newcomer.said(&format!("deskwire {act} --sandbox --target aws:some-stack"));
        assert_eq!(status, Some(1), "{act}: {said}");
        assert!(said.contains("--sandbox") && said.contains("--target"), "{act}: {said}");
    }
}

#[test]
fn every_part_of_an_answer_comes_from_the_same_data() {
    let (newcomer, _) = with_a_run_under_way();
    let shown: Value = newcomer.json("deskwire workflows list");
    assert_eq!(shown[0]["state"], "active", "in force in the sandbox");
    assert_eq!(newcomer.said("deskwire apply").0, Some(0));
    assert_eq!(newcomer.said("deskwire workflows deactivate urgent").0, Some(0));
    assert_eq!(newcomer.json("deskwire workflows list")[0]["active"], false);
    assert_eq!(newcomer.json("deskwire workflows list --sandbox")[0]["active"], true);
}
