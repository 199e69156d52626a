//! The scale benchmark: `cargo bench -p deskwire --bench scale`.
//!
//! What a demanding user would try: a workflow of 50 steps, a loop of 1,000 items, 10,000 runs that wait and a restart in
//! their midst, a file with ten mistakes, templates that want to run for ever. It reports times and memory, checks that
//! what came out is right, and asserts no time. `SCALE_WAITS` and `SCALE_ITEMS` change the size,
//! `SCALE_OLD=5000000` the number of old events that are removed while others come in.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::disallowed_methods,
    missing_docs,
    reason = "a benchmark may panic and reads its own environment"
)]

use std::fmt::Write as _;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, Instant};

use deskwire_core::BoxFuture;
use deskwire_core::action::{Action, ActionSpec, Actions, Call, CallError, Effect, HoldKey};
use deskwire_core::connection::{OAuthClientConfig, OAuthGrant};
use deskwire_core::event::{ChangeFacts, Event, JsonText};
use deskwire_core::ids::{ConnectionName, EventId, Lane, OAuthClientName, RunId, SourceName};
use deskwire_core::ports::{Arrival, Filter, History, Inbox, TokenStates, Wanted, Work};
use deskwire_core::random::SeededRandom;
use deskwire_core::run::RunState;
use deskwire_core::secret::SecretString;
use deskwire_core::time::{Clock, Timestamp};
use deskwire_core::token::TokenState;
use deskwire_engine::{Engine, EngineOptions, Runner, RunnerOptions, Versions};
use deskwire_oauth::{TokenError, Tokens};
use deskwire_secrets::{Keys, Vault};
use deskwire_storage::SqliteStore;
use deskwire_templates::{Escape, Limits, Scope, Templates};
use deskwire_tokens::{Ask, Broker, BrokerOptions};
use deskwire_workflows::{Options, SourceFile, Workflow};
use serde_json::{Value, json};

const TEN_MISTAKES: &str = include_str!("ten-mistakes.yaml");

fn main() {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    check_ten_mistakes();
    adversarial_templates();
    runtime.block_on(fifty_steps());
    runtime.block_on(a_long_loop());
    runtime.block_on(many_waits());
    runtime.block_on(many_connections());
    runtime.block_on(old_events());
}

fn size(name: &str, default: usize) -> usize {
    std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(default)
}

/// Memory this process holds, in MiB.
fn resident() -> f64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap_or("0 kB");
    line.trim().trim_end_matches(" kB").parse::<f64>().unwrap_or(0.0) / 1024.0
}

fn report(what: &str, words: impl std::fmt::Display) {
    println!("{what:<34} {words}");
}

fn check_ten_mistakes() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(folder.path().join("workflows")).unwrap();
    std::fs::write(folder.path().join("deskwire.yaml"), deskwire_yaml()).unwrap();
    std::fs::write(folder.path().join("workflows/broken.yaml"), TEN_MISTAKES).unwrap();
    let mut times = Vec::new();
    let mut told = String::new();
    for _ in 0..20 {
        let began = Instant::now();
        let output = std::process::Command::new(env!("CARGO_BIN_EXE_deskwire"))
            .args(["check", "--project"])
            .arg(folder.path())
            .output()
            .unwrap();
        times.push(began.elapsed());
        told = String::from_utf8_lossy(&output.stderr).into_owned() + &String::from_utf8_lossy(&output.stdout);
    }
    times.sort();
    let mistakes = told.matches("--> ").count();
    assert!(mistakes >= 10, "only {mistakes} mistakes were told:\n{told}");
    report(
        "check, ten mistakes",
        format_args!("{mistakes} told; whole command: median {:?}, slowest {:?}", times[times.len() / 2], times[19]),
    );
}

fn deskwire_yaml() -> &'static str {
    "sources:\n  zendesk-support: { provider: zendesk, signing_secrets: [{ env: A }] }\nconnections:\n  slack: { provider: slack, auth: { type: bearer, token: { env: B } }, allowed_domain: slack.com }\n  zendesk: { provider: zendesk, auth: { type: basic, username: u, password: { env: C } }, allowed_domain: a.zendesk.com, base_url: \"https://a.zendesk.com\" }\n"
}

fn adversarial_templates() {
    let templates = Templates::new(Limits::default());
    let mut scope = Scope::new();
    scope.set("event", &json!({ "text": "x".repeat(1024 * 1024), "list": vec!["y"; 1000] }));
    let hostile = [
        "{% for a in range(100000) %}{% for b in range(100000) %}x{% endfor %}{% endfor %}",
        "{% set ns = event.text %}{{ ns ~ ns ~ ns ~ ns ~ ns ~ ns ~ ns ~ ns }}",
        "{% for a in event.list %}{% for b in event.list %}{{ a ~ b ~ event.text }}{% endfor %}{% endfor %}",
        "{{ event.text | replace('x', event.text) }}",
        "{% macro m(n) %}{{ m(n) }}{% endmacro %}{{ m(1) }}",
    ];
    let mut slowest = Duration::ZERO;
    for text in hostile {
        let began = Instant::now();
        let outcome = templates.value(text, Escape::None).and_then(|template| template.render(&scope));
        slowest = slowest.max(began.elapsed());
        assert!(outcome.is_err(), "{text} went through");
    }
    let began = Instant::now();
    let whole = templates.value("{{ event.text }}", Escape::None).unwrap().render(&scope);
    assert_eq!(whole.unwrap().as_str().map(str::len), Some(1024 * 1024));
    let mixed = templates.value("a {{ event.text }}", Escape::None).unwrap().render(&scope);
    assert_eq!(mixed.unwrap().as_str().map(str::len), Some(1024 * 1024 + 2));
    report("hostile templates", format_args!("{} stopped, the slowest after {slowest:?}", hostile.len()));
    report("1 MiB of text, twice", format_args!("{:?}", began.elapsed()));
}

/// An action that is done at once.
struct Instantly(ActionSpec);

impl Action for Instantly {
    fn spec(&self) -> &ActionSpec {
        &self.0
    }

    fn hold_keys(&self, _: Call<'_>) -> Vec<HoldKey> {
        Vec::new()
    }

    fn call<'a>(&'a self, call: Call<'a>) -> BoxFuture<'a, Result<Value, CallError>> {
        Box::pin(async move { Ok(json!({ "said": call.input["say"] })) })
    }
}

fn actions() -> Actions {
    Actions::new([Arc::new(Instantly(ActionSpec {
        name: "test.say",
        provider: "slack",
        summary: "For measuring.",
        input: json!({"type": "object", "properties": {"say": {}}}).into(),
        output: json!({"type": "object", "properties": {"said": {}}}).into(),
        effect: Effect::Idempotent,
        scopes: &[],
        errors: vec![],
        example: "",
        page: "https://example.com",
    })) as Arc<dyn Action>])
}

struct HandClock(AtomicI64);

impl Clock for HandClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_millis(self.0.load(Ordering::SeqCst))
    }
}

/// A process on the store in a folder.
struct Process {
    store: SqliteStore,
    engine: Arc<Engine>,
    workflow: Arc<Workflow>,
    clock: Arc<HandClock>,
}

impl Process {
    fn start(folder: &Path, steps: &str, now: i64) -> Self {
        let (actions, templates) = (actions(), Templates::new(Limits::default()));
        let text = format!("name: w\ntrigger: {{ source: zendesk, event: ticket.* }}\nsteps:\n{steps}");
        let options = Options { actions: &actions, templates: &templates, allow_loopback: false };
        let workflow = Arc::new(Workflow::compile(&SourceFile { path: "w.yaml".to_owned(), text }, &options).unwrap());
        let store = SqliteStore::open(folder).unwrap();
        let work: Arc<dyn Work> = Arc::new(store.clone());
        let versions = Versions::new(Arc::clone(&work), actions, templates, std::slice::from_ref(&workflow));
        let clock = Arc::new(HandClock(AtomicI64::new(now)));
        let random = Arc::new(SeededRandom::new(1));
        let engine = Arc::new(Engine::new(work, versions, clock.clone(), random, EngineOptions::default()));
        Self { store, engine, workflow, clock }
    }

    async fn accept(&self, number: usize) {
        let now = self.clock.now();
        let event = Event {
            source: SourceName::parse("zendesk").unwrap(),
            id: EventId::new(format!("e{number}")),
            kind: "ticket.created".to_owned(),
            subject: format!("t{number}"),
            time: now,
            received_at: now,
            data: JsonText::parse(format!(r#"{{"detail":{{"id":"{number}"}}}}"#).as_bytes()).unwrap().0,
            change: ChangeFacts::default(),
            request_id: None,
        };
        let wanted = Wanted {
            workflow: self.workflow.name.clone(),
            version: self.workflow.version.clone(),
            run: RunId::new(format!("run_{number:08}")),
            lane: Lane::of(&self.workflow.name, &event.subject),
            policy: self.workflow.lane,
            changed_at: None,
            unasked: false,
        };
        let arrival = Arrival { event, also_known_as: vec![], wanted: vec![wanted], declined: vec![], awaited: true };
        self.store.accept(arrival).await.unwrap();
    }

    async fn work_off(&self) -> usize {
        Runner::new(Arc::clone(&self.engine), RunnerOptions::default()).work_off(Duration::from_mins(10)).await
    }

    async fn all_are(&self, state: RunState, count: usize) {
        let counts = self.store.counts().await.unwrap();
        assert_eq!(counts.runs.get(state.as_str()), Some(&u64::try_from(count).unwrap()), "{counts:?}");
    }
}

const START: i64 = 1_700_000_000_000;

async fn fifty_steps() {
    let mut steps = String::new();
    for number in 0..50 {
        let before =
            if number == 0 { "event.data.detail.id".to_owned() } else { format!("steps.s{}.said", number - 1) };
        writeln!(
            steps,
            "  - {{ id: s{number}, action: test.say, connection: c, with: {{ say: \"{{{{ {before} }}}}\" }} }}"
        )
        .unwrap();
    }
    let folder = tempfile::tempdir().unwrap();
    let process = Process::start(folder.path(), &steps, START);
    let count = 100;
    for number in 0..count {
        process.accept(number).await;
    }
    let began = Instant::now();
    process.work_off().await;
    let took = began.elapsed();
    process.all_are(RunState::Succeeded, count).await;
    report("50 steps, each journaled and synced", format_args!("{count} runs in {took:?}, {:.1} MiB", resident()));
}

async fn a_long_loop() {
    let items = size("SCALE_ITEMS", 1_000);
    for parallel in [1, 16] {
        let steps = format!(
            "  - id: each\n    for_each: \"{{{{ range({items}) | list }}}}\"\n    parallel: {parallel}\n    steps:\n      - {{ id: say, action: test.say, connection: c, with: {{ say: \"{{{{ item }}}}\" }} }}\n"
        );
        let folder = tempfile::tempdir().unwrap();
        let process = Process::start(folder.path(), &steps, START);
        process.accept(1).await;
        let before = resident();
        let began = Instant::now();
        process.work_off().await;
        let took = began.elapsed();
        process.all_are(RunState::Succeeded, 1).await;
        report(
            "a loop, each turn journaled",
            format_args!("{items} items, {parallel} at once: {took:?}, {before:.1} → {:.1} MiB", resident()),
        );
    }
}

async fn many_waits() {
    let count = size("SCALE_WAITS", 10_000);
    let folder = tempfile::tempdir().unwrap();
    let steps = "  - { id: pause, wait: 4h }\n  - { id: say, action: test.say, connection: c, with: { say: hi } }\n";
    {
        let process = Arc::new(Process::start(folder.path(), steps, START));
        // Side by side, so that their writes share syncs.
        let mut tasks = tokio::task::JoinSet::new();
        for number in 0..count {
            let process = Arc::clone(&process);
            tasks.spawn(async move { process.accept(number).await });
        }
        tasks.join_all().await;
        process.work_off().await;
        process.all_are(RunState::Waiting, count).await;
        report("runs that wait", format_args!("{count}, {:.1} MiB", resident()));
    }
    let before = resident();
    let began = Instant::now();
    let process = Process::start(folder.path(), steps, START + 3_600_000);
    let nothing = process.work_off().await;
    let opened = began.elapsed();
    assert_eq!(nothing, 0, "none of them is due");
    report(
        "a restart among them",
        format_args!("{opened:?} until the first claim, {before:.1} → {:.1} MiB", resident()),
    );
    let began = Instant::now();
    let listed = process.store.runs(Filter { state: Some("waiting".to_owned()), ..Filter::default() }).await.unwrap();
    report("listing the newest of them", format_args!("{} lines in {:?}", listed.len(), began.elapsed()));
    process.clock.0.store(START + 5 * 3_600_000, Ordering::SeqCst);
    let began = Instant::now();
    process.work_off().await;
    process.all_are(RunState::Succeeded, count).await;
    report("all of them fall due at once", format_args!("{:?}, {:.1} MiB", began.elapsed(), resident()));
}

/// An OAuth server that answers at once.
struct Gives(Arc<deskwire_oauth::Client>);

impl Ask for Gives {
    fn client(&self, _: &ConnectionName) -> Option<Arc<deskwire_oauth::Client>> {
        Some(Arc::clone(&self.0))
    }

    fn renew<'a>(
        &'a self,
        _: &'a deskwire_oauth::Client,
        _: Option<&'a SecretString>,
    ) -> BoxFuture<'a, Result<Tokens, TokenError>> {
        Box::pin(async { Ok(given()) })
    }
}

fn given() -> Tokens {
    Tokens {
        access_token: SecretString::from("access"),
        refresh_token: Some(SecretString::from("refresh")),
        expires_in: Some(Duration::from_mins(30)),
        refresh_expires_in: None,
        scopes: None,
        scopes_cut: false,
        account: std::collections::BTreeMap::new(),
    }
}

/// 10,000 connections of which 500 are due: what a pass costs, and one in which nothing is due.
async fn many_connections() {
    let (all, due) = (size("SCALE_CONNECTIONS", 10_000), size("SCALE_DUE", 500));
    let folder = tempfile::tempdir().unwrap();
    let store = SqliteStore::open(folder.path()).unwrap();
    let config = OAuthClientConfig {
        name: OAuthClientName::parse("scale").unwrap(),
        provider: "http".to_owned(),
        grant: OAuthGrant::AuthorizationCode,
        client_id: "id".to_owned(),
        client_secret: None,
        scopes: Vec::new(),
        tenant: None,
        authorize_url: Some("https://id.example.com/a".parse().unwrap()),
        token_url: Some("https://id.example.com/t".parse().unwrap()),
        pkce: None,
    };
    let clock = Arc::new(HandClock(AtomicI64::new(1_764_000_000_000)));
    let random: Arc<SeededRandom> = Arc::new(SeededRandom::new(1));
    let vault = Vault::new(Arc::new(store.clone()), Keys::passing(random.as_ref()), random.clone());
    let ask = Arc::new(Gives(Arc::new(deskwire_oauth::Client::new(&config, None).unwrap())));
    let options = BrokerOptions { owner: "scale".to_owned(), ..BrokerOptions::default() };
    let broker = Broker::new(Arc::new(store.clone()), vault, ask, clock.clone(), random, options);
    let now = clock.now();
    for number in 0..all - due {
        let name = ConnectionName::parse(&format!("later-{number}")).unwrap();
        let due_at = Some(now.plus(Duration::from_hours(5)));
        assert!(store.put_tokens(TokenState { due_at, ..TokenState::empty(name, now) }, None).await.unwrap());
    }
    for number in 0..due {
        broker.connect(&ConnectionName::parse(&format!("due-{number}")).unwrap(), &given()).await.unwrap();
    }
    clock.0.fetch_add(29 * 60_000, Ordering::SeqCst);
    let began = Instant::now();
    let pass = broker.renew_due(clock.now()).await.unwrap();
    let took = began.elapsed();
    assert_eq!((pass.due, pass.renewed), (due, due));
    let each = took / u32::try_from(due).unwrap().max(1);
    report(&format!("{all} connections, {due} due"), format!("{took:.0?} for the pass, {each:.0?} each"));
    let began = Instant::now();
    for _ in 0..100 {
        assert_eq!(broker.renew_due(clock.now()).await.unwrap().due, 0);
    }
    report(&format!("{all} connections, none due"), format!("{:.0?} for a pass", began.elapsed() / 100));
}

/// Old events that are removed as a server removes them, while others come in: how long those wait to be acknowledged, with
/// and without the removal beside them.
async fn old_events() {
    let (old, new) = (size("SCALE_OLD", 20_000), size("SCALE_NEW", 1_000));
    let folder = tempfile::tempdir().unwrap();
    let process =
        Process::start(folder.path(), "  - { id: a, action: test.say, connection: c, with: { say: x } }\n", START);
    let began = Instant::now();
    for batch in (0..old).collect::<Vec<_>>().chunks(500) {
        futures_util::future::join_all(batch.iter().map(|number| process.accept(*number))).await;
    }
    process.work_off().await;
    report(&format!("{old} events with their runs"), format!("made in {:.0?}", began.elapsed()));
    let later = START + 31 * 24 * 3_600_000;
    process.clock.0.store(later, Ordering::SeqCst);
    let alone = acknowledged(&process, old, new).await;
    let store = process.store.clone();
    let removing = tokio::spawn(async move {
        let (mut removed, began, mut longest) = (0, Instant::now(), Duration::ZERO);
        loop {
            let turn = Instant::now();
            let gone = store.purge(Timestamp::from_millis(later - 3_600_000), 100).await.unwrap();
            (removed, longest) = (removed + gone, longest.max(turn.elapsed()));
            if gone < 100 {
                return (removed, began.elapsed(), longest);
            }
            tokio::time::sleep(turn.elapsed()).await;
        }
    });
    let beside = acknowledged(&process, old + new, new).await;
    let still_removing = !removing.is_finished();
    let (removed, took, longest) = removing.await.unwrap();
    assert_eq!(removed, old, "all that is old is gone, and nothing else");
    assert_eq!(process.store.counts().await.unwrap().events, u64::try_from(2 * new).unwrap());
    let rate = u128::try_from(removed).unwrap() * 1_000 / took.as_millis().max(1);
    report(&format!("{old} old events removed"), format!("in {took:.0?}, {rate} a second, longest turn {longest:.0?}"));
    let until = if still_removing { "all the time" } else { "for a part of it" };
    report(
        &format!("{new} acknowledged without that"),
        format!("median {:.1?}, p99 {:.1?}, slowest {:.1?}", alone[0], alone[1], alone[2]),
    );
    report(
        &format!("{new} acknowledged beside that ({until})"),
        format!("median {:.1?}, p99 {:.1?}, slowest {:.1?}", beside[0], beside[1], beside[2]),
    );
}

/// Takes events in one after another: the median, 99th percentile and longest time until they were on the disk.
async fn acknowledged(process: &Process, first: usize, count: usize) -> [Duration; 3] {
    let mut times = Vec::with_capacity(count);
    for number in first..first + count {
        let began = Instant::now();
        process.accept(number).await;
        times.push(began.elapsed());
    }
    times.sort();
    [times[count / 2], times[count * 99 / 100], times[count - 1]]
}
