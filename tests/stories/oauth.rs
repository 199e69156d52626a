//! A connection's whole life against an OAuth server that nobody here wrote, whose refresh tokens rotate and whose reuse is
//! noticed: connected in a browser, renewed by one of many, lost, reported, connected again.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::extract::State;
use axum::routing::get;
use deskwire_core::ids::ConnectionName;
use deskwire_core::ports::Store;
use deskwire_core::time::{Clock, SystemClock};
use deskwire_core::token::{Standing, TokenSource, TokenState};
use deskwire_secrets::{Keys, Secrets, Vault};
use deskwire_startup::{Deskwire, OsRandom, Place, Settings};
use deskwire_storage::SqliteStore;
use http::HeaderMap;
use serde_json::Value;
use url::Url;

use crate::harness::{Delivery, Project, Server, all_runs_over, client, status_changed};
use crate::outside::Outside;
use crate::secrets::files_below;

/// The OAuth server, in a process of its own, which ends with this value.
pub struct Oidc {
    child: Child,
    pub url: String,
}

impl Oidc {
    pub fn start() -> Self {
        let folder = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../.tools/oauth"));
        assert!(folder.join("node_modules").is_dir(), "the OAuth servers are not installed: run ./tests/run");
        let mut node = Command::new("node");
        node.arg("oidc-provider.mjs").current_dir(folder).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut child = node.spawn().expect("node is not installed: the OAuth servers of the tests need it");
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let ready: Value = deskwire_core::json::from_str(&line).expect("the server did not start");
        Self { child, url: ready["url"].as_str().unwrap().to_owned() }
    }

    pub async fn count(&self, what: &str) -> u64 {
        let counts: Value = client().get(format!("{}/_counts", self.url)).send().await.unwrap().json().await.unwrap();
        counts[what].as_u64().unwrap()
    }
}

impl Drop for Oidc {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// An API behind the connection: it notes the tokens it was shown.
#[derive(Clone, Default)]
pub struct Api(Arc<Mutex<Vec<String>>>);

impl Api {
    pub async fn start(&self) -> String {
        async fn hello(State(api): State<Api>, headers: HeaderMap) -> &'static str {
            api.0.lock().unwrap().push(headers["authorization"].to_str().unwrap().to_owned());
            r#"{"hello":"there"}"#
        }
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let routes = Router::new().route("/hello", get(hello)).with_state(self.clone());
        tokio::spawn(async move { axum::serve(listener, routes).await });
        url
    }

    pub fn shown(&self) -> Vec<String> {
        self.0.lock().unwrap().clone()
    }
}

const CALL: &str = r#"name: call
active: true
trigger: { source: zendesk, event: ticket.status_changed }
steps:
  - { id: hello, action: http.request, connection: api, with: { method: GET, path: hello } }
  - id: post
    action: slack.post_message
    connection: slack
    with: { channel: C07SUPPORT1, message: "ticket {{ event.data.detail.id }}: {{ steps.hello.body.hello }}" }
"#;

const TELL: &str = r#"name: tell
active: true
trigger: { source: deskwire, event: deskwire.connection.needs_reauthorization }
steps:
  - id: post
    action: slack.post_message
    connection: slack
    with:
      channel: C07SUPPORT1
      message: "{{ event.data.connection }} needs a person: {{ event.data.link | safe }}"
"#;

/// A project with a connection to `api` that `oidc` lets it use, and somebody who is told of its troubles.
pub fn project(outside: &Outside, oidc: &Oidc, api: &str) -> Project {
    let project = Project::new(&outside.url).with_workflow("call.yaml", CALL).with_workflow("tell.yaml", TELL);
    let file = project.path().join("deskwire.yaml");
    let (text, oauth) = (std::fs::read_to_string(&file).unwrap(), &oidc.url);
    let more = format!(
        "  api:\n    provider: http\n    auth: {{ type: oauth2, client: desk }}\n    allowed_domain: api.example.com\n    \
         base_url: \"{api}\"\noauth_clients:\n  desk:\n    provider: http\n    grant: authorization_code\n    \
         client_id: desk\n    client_secret: {{ secret: desk-secret }}\n    scopes: openid\n    \
         authorize_url: \"{oauth}/auth\"\n    token_url: \"{oauth}/token\"\n"
    );
    std::fs::write(&file, text + &more).unwrap();
    project
}

/// Connects the connection as a person does: by the link that the command prints, in a browser.
pub async fn connect(project: &Project) -> Value {
    let arguments = ["connections", "connect", "api", "--no-browser", "--json", "--allow-loopback"];
    let mut command = project.command(&arguments).stdout(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(command.stdout.take().unwrap()).lines();
    let first: Value = deskwire_core::json::from_str(&lines.next().unwrap().unwrap()).unwrap();
    let page = browse(Url::parse(first["open"].as_str().unwrap()).unwrap()).await;
    assert!(page.contains("api is connected"), "{page}");
    let rest: String = lines.map(Result::unwrap).collect();
    assert!(command.wait().unwrap().success());
    deskwire_core::json::from_str(&rest).unwrap()
}

/// The token as it stands, at its end, and its renewal due if somebody else is to see to it.
pub async fn let_it_end(store: &dyn Store, due: bool) {
    let (state, now) = (token_state(store).await, SystemClock.now());
    let revision = state.revision;
    let ended = TokenState { expires_at: Some(now), due_at: due.then_some(now), ..state };
    assert!(store.put_tokens(ended, Some(revision)).await.unwrap());
}

pub async fn token_state(store: &dyn Store) -> TokenState {
    store.token_state(&ConnectionName::parse("api").unwrap()).await.unwrap().unwrap()
}

/// Fifty commands and two hundred tasks of this process that find the token ended all get the next one.
pub async fn many_want_it(project: &Project, place: Place) {
    let here = process(project, place).await;
    let arguments = ["connections", "test", "api", "--json", "--allow-loopback"];
    let processes: Vec<Child> = (0..50)
        .map(|_| project.command(&arguments).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap())
        .collect();
    let tasks: Vec<_> = (0..200)
        .map(|_| {
            let broker = Arc::clone(&here.broker);
            tokio::spawn(async move { broker.token(&ConnectionName::parse("api").unwrap()).await.unwrap().version })
        })
        .collect();
    for task in tasks {
        assert_eq!(task.await.unwrap(), 2);
    }
    for process in processes {
        let output = process.wait_with_output().unwrap();
        let said: Value = deskwire_core::json::from_slice(&output.stdout)
            .unwrap_or_else(|_| panic!("{}", String::from_utf8_lossy(&output.stderr)));
        assert_eq!((&said["works"], &said["version"]), (&Value::Bool(true), &Value::from(2)), "{said}");
    }
}

/// This very process, started on the project as a command is.
async fn process(project: &Project, place: Place) -> Deskwire {
    let environment: BTreeMap<String, String> = project.environment.iter().cloned().collect();
    let secrets = Secrets::new(project.path(), Box::new(move |name| environment.get(name).cloned()));
    let settings = Settings {
        place,
        allow_loopback: true,
        stand_ins: None,
        apply: false,
        leave_out: false,
        needs_secrets: true,
        needs_workflows: true,
    };
    let files = deskwire_startup::read_project(project.path()).unwrap();
    deskwire_startup::start(&settings, &files, &secrets).await.unwrap()
}

struct World {
    oidc: Oidc,
    api: Api,
    outside: Outside,
    project: Project,
}

impl World {
    async fn new() -> Self {
        let (oidc, api, outside) = (Oidc::start(), Api::default(), Outside::start().await);
        let project = project(&outside, &oidc, &api.start().await);
        assert!(project.run_with(&["secrets", "set", "desk-secret"], "oidc-client-secret").status.success());
        Self { oidc, api, outside, project }
    }

    async fn connect(&self) -> Value {
        connect(&self.project).await
    }

    fn store(&self) -> SqliteStore {
        SqliteStore::open(&self.project.data()).unwrap()
    }

    async fn state(&self) -> TokenState {
        token_state(&self.store()).await
    }

    async fn let_it_end(&self, due: bool) {
        let_it_end(&self.store(), due).await;
    }

    /// The refresh token of a version, from where it is kept sealed.
    fn refresh_token(&self, version: u64) -> String {
        let keys = Keys::find(&self.project.data(), &|_| None).unwrap();
        let vault = Vault::new(Arc::new(self.store()), keys, Arc::new(OsRandom));
        let opened = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(vault.open("token/api", Some(version))).unwrap().unwrap().1
        });
        let kept: Value = deskwire_core::json::from_slice(&opened.join().unwrap()).unwrap();
        kept["refresh_token"].as_str().unwrap().to_owned()
    }

    /// Why the newest run of `call` waits.
    async fn blocked(&self) -> String {
        for _ in 0..600 {
            let runs = self.project.json(&["runs", "list", "--workflow", "call", "--state", "waiting"]);
            if let Some(reason) = runs[0]["reason"].as_str() {
                return reason.to_owned();
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        panic!("no run waits: {}", self.project.json(&["runs", "list"]));
    }

    async fn event(&self, server: &Server, number: usize) {
        Delivery::new(status_changed(&format!("e{number}"), number, number)).send(server).await;
    }

    /// Waits for a post that says so.
    async fn posted(&self, words: &str) -> String {
        for _ in 0..600 {
            if let Some(post) = self.outside.posts().into_iter().find(|post| post.contains(words)) {
                return post;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        panic!("nobody posted {words}: {:?}", self.outside.posts());
    }
}

/// Follows a link with cookies, as a browser does, to a page.
pub async fn browse(link: Url) -> String {
    let browser = reqwest::Client::builder().no_proxy().redirect(reqwest::redirect::Policy::none()).build().unwrap();
    let (mut link, mut cookies) = (link, BTreeMap::<String, BTreeMap<String, String>>::new());
    for _ in 0..12 {
        // `localhost` and the address are two hosts to a browser.
        let host = link.host_str().unwrap().to_owned() + &link.port().unwrap_or(80).to_string();
        let jar = cookies.entry(host).or_default();
        let pairs: Vec<String> = jar.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let answer = browser.get(link.clone()).header("cookie", pairs.join("; ")).send().await.unwrap();
        for cookie in answer.headers().get_all("set-cookie") {
            let (name, value) = cookie.to_str().unwrap().split(';').next().unwrap().split_once('=').unwrap();
            // An empty one takes a cookie back.
            if value.is_empty() {
                jar.remove(name);
            } else {
                jar.insert(name.to_owned(), value.to_owned());
            }
        }
        if let Some(to) = answer.headers().get("location") {
            link = link.join(to.to_str().unwrap()).unwrap();
            continue;
        }
        let page = answer.text().await.unwrap();
        // A page that asks is agreed to.
        let Some(allow) = page.split('"').find(|part| part.contains("decision=allow")) else { return page };
        link = link.join(&allow.replace("&amp;", "&").replace("&#38;", "&")).unwrap();
    }
    panic!("the browser is sent around in circles");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_connection_is_connected_lost_reported_and_connected_again_and_its_runs_wait() {
    let world = World::new().await;
    let server = world.project.serve();
    world.event(&server, 1).await;
    let waiting = world.blocked().await;
    assert!(waiting.contains("has never been connected: `deskwire connections connect api`"), "{waiting}");
    let connected = world.connect().await;
    assert_eq!(connected["tokens"]["standing"], "connected");
    world.posted("ticket 1: there").await;

    // Renewed once, and then somebody shows the token that was used up: the provider kills the whole family.
    world.let_it_end(true).await;
    let first = world.refresh_token(1);
    while world.state().await.version < 2 {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let form = [("grant_type", "refresh_token"), ("refresh_token", &first)];
    let shown = client().post(format!("{}/token", world.oidc.url)).basic_auth("desk", Some("oidc-client-secret"));
    assert_eq!(shown.form(&form).send().await.unwrap().status(), 400);
    world.let_it_end(true).await;
    let told = world.posted("api needs a person").await;
    assert!(told.contains(&format!("http://localhost:{}/oauth/start/api", server.port())), "{told}");
    let shown = world.project.json(&["connections", "show", "api"]);
    assert_eq!(shown["standing"], "needs re-authorisation");
    assert!(shown["tokens"]["reason"].as_str().unwrap().contains("invalid_grant"), "{shown}");
    assert_eq!(shown["used_by"], serde_json::json!(["call"]));

    world.event(&server, 2).await;
    assert!(world.blocked().await.contains("needs re-authorisation"));
    world.connect().await;
    world.posted("ticket 2: there").await;
    all_runs_over(&world.project).await;
    let deleted = world.project.run(&["connections", "delete", "api"]);
    assert!(String::from_utf8(deleted.stderr).unwrap().contains("api is used by call"));
    world.project.json(&["connections", "disconnect", "api", "--allow-loopback"]);
    assert_eq!(world.project.json(&["connections", "show", "api"])["standing"], "disconnected");

    // Nothing of all this is to be read anywhere.
    let (_, log) = server.stop();
    let mut seen = vec![("the log".to_owned(), log.into_bytes())];
    let files = files_below(&world.project.data()).into_iter();
    seen.extend(files.map(|(path, bytes)| (path.display().to_string(), bytes)));
    for command in [
        &["connections", "list"][..],
        &["connections", "show", "api", "--json"],
        &["secrets", "list"],
        &["clients", "show", "desk"],
    ] {
        let output = world.project.run(command);
        seen.push((command.join(" "), [output.stdout, output.stderr].concat()));
    }
    let mut secrets: Vec<String> = world.api.shown().iter().map(|token| token.replace("Bearer ", "")).collect();
    secrets.extend(["oidc-client-secret".to_owned(), first]);
    assert!(secrets.len() >= 4);
    for (place, bytes) in &seen {
        for secret in &secrets {
            let found = bytes.windows(secret.len()).any(|window| window == secret.as_bytes());
            assert!(!found, "a secret is to be read in {place}");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn fifty_processes_and_two_hundred_tasks_that_find_a_token_ended_renew_it_once() {
    let world = World::new().await;
    world.connect().await;
    world.let_it_end(false).await;
    many_want_it(&world.project, Place::Folder(world.project.data())).await;
    assert_eq!(world.oidc.count("refreshed").await, 1);
    assert_eq!(world.oidc.count("refused").await, 0, "no token was shown twice");
    assert_eq!(world.state().await.standing, Standing::Connected);
}
