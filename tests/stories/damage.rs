//! A store in which something cannot be read: everything else goes on, and `doctor` names it.

use rusqlite::Connection;
use serde_json::{Value, json};

use crate::harness::{Project, client, status_changed};
use crate::outside::Outside;

/// A project with two OAuth connections, of which nothing is stored yet.
fn project(base: &str) -> Project {
    let project = Project::new(base);
    let file = project.path().join("deskwire.yaml");
    let text = std::fs::read_to_string(&file).unwrap()
        + "  first: { provider: slack, auth: { type: oauth2, client: app }, allowed_domain: slack.com }\n  \
             second: { provider: slack, auth: { type: oauth2, client: app }, allowed_domain: slack.com }\n\
           oauth_clients:\n  app: { provider: slack, grant: authorization_code, client_id: \"1.2\", client_secret: { env: APP_SECRET }, \
             scopes: [\"chat:write\"] }\n";
    std::fs::write(file, text).unwrap();
    let mut project = project.with_workflow("post.yaml", crate::harness::POST_WORKFLOW);
    project.environment.push(("APP_SECRET".to_owned(), "secret".to_owned()));
    project
}

fn store(project: &Project) -> Connection {
    let connection = Connection::open(project.data().join("deskwire.db")).unwrap();
    connection.busy_timeout(std::time::Duration::from_mins(1)).unwrap();
    connection
}

fn token_record(connection: &str) -> Value {
    json!({
        "connection": connection, "revision": 1, "version": 1, "standing": "connected", "reason": null,
        "since": "2026-01-01T00:00:00Z", "obtained_at": "2026-01-01T00:00:00Z", "expires_at": null, "lapses_at": null,
        "renewable": false, "due_at": null, "failures": 0, "scopes": ["chat:write"], "scopes_cut": false, "account": {},
        "announced": true,
    })
}

fn keep_tokens(project: &Project, connection: &str, record: &str) {
    store(project)
        .execute(
            "INSERT OR REPLACE INTO tokens (connection, revision, state, announced) VALUES (?1, 1, ?2, 1)",
            [connection, record],
        )
        .unwrap();
}

#[tokio::test]
async fn one_token_record_that_cannot_be_read_hides_no_other_connection_and_can_be_let_go() {
    let outside = Outside::start().await;
    let project = project(&outside.url);
    let server = project.serve();
    let mut broken = token_record("first");
    broken["expires_at"] = json!("9223372036854775 ms");
    keep_tokens(&project, "first", &broken.to_string());
    keep_tokens(&project, "second", &token_record("second").to_string());
    let standing = |name: &str| {
        let all = project.json(&["connections", "list"]);
        let one = all.as_array().unwrap().iter().find(|one| one["name"] == name).cloned().unwrap();
        one["standing"].as_str().unwrap().to_owned()
    };
    assert_eq!((standing("first"), standing("second")), ("unreadable record".to_owned(), "connected".to_owned()));
    for name in ["first", "second"] {
        assert!(project.run(&["connections", "show", name]).status.success(), "{name}");
    }
    let metrics = client().get(server.url("/metrics")).send().await.unwrap();
    assert_eq!(metrics.status(), 200);
    assert!(metrics.text().await.unwrap().contains("deskwire_connections{standing=\"connected\"} 1"));
    let doctor = String::from_utf8(project.run(&["doctor", "--json"]).stdout).unwrap();
    let findings: Value = deskwire_core::json::from_str(&doctor).unwrap();
    let about = "token record of connection first";
    let named = findings["findings"].as_array().unwrap().iter().find(|one| one["about"] == about).unwrap();
    assert!(named["next"].as_str().unwrap().contains("deskwire connections connect first"), "{named}");
    let let_go = project.run(&["connections", "disconnect", "first", "--allow-loopback"]);
    assert!(let_go.status.success(), "{}", String::from_utf8_lossy(&let_go.stderr));
    assert_eq!(standing("first"), "disconnected");
    keep_tokens(&project, "first", "{");
    let deleted = project.run(&["connections", "delete", "first", "--allow-loopback"]);
    assert!(deleted.status.success(), "{}", String::from_utf8_lossy(&deleted.stderr));
    assert_eq!(standing("first"), "never connected");
    assert_eq!(standing("second"), "connected");
}

#[tokio::test]
async fn a_server_goes_on_past_runs_and_events_that_cannot_be_read() {
    let outside = Outside::start().await;
    let project = project(&outside.url);
    drop(project.serve());
    for (number, sql) in [
        (1_i64, "UPDATE events SET marks = '{' WHERE id = 'damaged'"),
        (2, "UPDATE runs SET workflow = 'No Name!' WHERE id = 'run_damaged'"),
    ] {
        let store = store(&project);
        let version: String = store.query_row("SELECT version FROM deployments", [], |row| row.get(0)).unwrap();
        store.execute_batch("PRAGMA foreign_keys = OFF; DELETE FROM runs; DELETE FROM events").unwrap();
        store
            .execute(
                "INSERT INTO events (seq, source, id, type, subject, time, received_at, state, data)
                 VALUES (?1, 'zendesk', 'damaged', 'ticket.status_changed', 't', 1, 1, 'accepted', '{}')",
                [number],
            )
            .unwrap();
        store
            .execute(
                "INSERT INTO runs (id, event, workflow, version, lane, replay, state, queued_at, head, due_at)
                 VALUES ('run_damaged', ?1, 'post', ?2, 'post|t', 0, 'queued', 1, 1, 1)",
                rusqlite::params![number, version],
            )
            .unwrap();
        store.execute(sql, []).unwrap();
        let server = project.serve();
        let accepted = crate::harness::Delivery::new(status_changed(
            &format!("good-{number}"),
            7,
            usize::try_from(number).unwrap(),
        ))
        .send(&server)
        .await;
        assert_eq!(accepted.status, 202);
        crate::harness::all_runs_over(&project).await;
        let runs = project.json(&["runs", "list"]);
        let of = |id: &str| runs.as_array().unwrap().iter().find(|run| run["id"] == id).cloned();
        let aside = of("run_damaged").unwrap();
        assert_eq!(aside["state"], "dead");
        assert!(aside["reason"].as_str().unwrap().starts_with("Set aside"), "{aside}");
        assert_eq!(runs.as_array().unwrap().len(), 2);
        assert!(runs.as_array().unwrap().iter().any(|run| run["state"] == "succeeded"), "{runs}");
        let doctor = String::from_utf8(project.run(&["doctor"]).stdout).unwrap();
        assert!(doctor.contains("run_damaged"), "{doctor}");
    }
}

#[cfg(unix)]
#[tokio::test]
async fn a_data_folder_is_its_owners_alone_whatever_the_umask_says() {
    use std::os::unix::fs::PermissionsExt;

    let outside = Outside::start().await;
    for umask in ["022", "000"] {
        let project = project(&outside.url);
        let arguments = ["serve", "--allow-loopback", "--listen", "127.0.0.1:0"];
        let real = project.command(&arguments);
        let mut shell = std::process::Command::new("sh");
        shell.arg("-c").arg(format!("umask {umask}; exec \"$0\" \"$@\"")).arg(real.get_program()).args(real.get_args());
        shell.current_dir(project.path());
        shell.envs(real.get_envs().filter_map(|(name, value)| Some((name, value?))));
        let server = crate::harness::Server::start(&mut shell);
        let set = project.run_with(&["secrets", "set", "api-key"], "a value");
        assert!(set.status.success(), "{}", String::from_utf8_lossy(&set.stderr));
        let accepted = crate::harness::Delivery::new(status_changed("e1", 7, 1)).send(&server).await;
        assert_eq!(accepted.status, 202);
        let rights = |path: &std::path::Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!(rights(&project.data()), 0o700);
        let mut names = Vec::new();
        for entry in std::fs::read_dir(project.data()).unwrap() {
            let entry = entry.unwrap();
            names.push(entry.file_name().into_string().unwrap());
            assert_eq!(rights(&entry.path()), 0o600, "{:?} under umask {umask}", entry.path());
        }
        for name in ["deskwire.db", "deskwire.db-wal", "deskwire.db-shm", "serve.lock", "secret.key"] {
            assert!(names.iter().any(|known| known == name), "{name} is not in {names:?}");
        }
        drop(server);
        let loose = project.data().join("deskwire.db");
        std::fs::set_permissions(&loose, std::fs::Permissions::from_mode(0o644)).unwrap();
        let said = project.run(&["events", "list"]);
        assert!(String::from_utf8_lossy(&said.stderr).contains("other users of this machine could read the store"));
        assert_eq!(rights(&loose), 0o600);
        let again = project.run(&["events", "list"]);
        assert!(!String::from_utf8_lossy(&again.stderr).contains("other users"), "it is said once");
    }
}
