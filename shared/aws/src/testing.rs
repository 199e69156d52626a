//! An emulator of AWS that nobody here wrote, for tests: started on a port of its own, ended with this value.

#![allow(
    clippy::expect_used,
    clippy::missing_panics_doc,
    reason = "for tests: they panic where the emulator does not do what it should"
)]

use std::net::TcpListener;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Weak};
use std::time::Duration;

use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_sdk_dynamodb::config::{Credentials, SharedCredentialsProvider};
use deskwire_core::damage::RecordKind;
use deskwire_core::random::{Random, SeededRandom};

use crate::connect::{AwsStore, Names};
use crate::keys;
use crate::table::create_table;

/// A running emulator. It ends when this is dropped.
pub struct Emulator {
    /// Where it listens: `http://127.0.0.1:…`.
    pub url: String,
    process: Child,
}

impl Drop for Emulator {
    fn drop(&mut self) {
        // Those that it has started itself too: it may run functions.
        let group = self.process.id().to_string();
        let _ = Command::new("pkill").args(["-KILL", "-P", &group]).status();
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// An emulator's command, whose port is to be added, and what it wants to know.
struct Kind {
    command: &'static str,
    arguments: &'static [&'static str],
    variables: &'static [(&'static str, &'static str)],
    port: Port,
}

enum Port {
    Argument(&'static str),
    Variable(&'static str),
}

/// Starts at once, and does not forget a secret's versions.
const QUICK: Kind =
    Kind { command: "roto-server", arguments: &["--ephemeral"], variables: &[], port: Port::Argument("--port") };

/// Knows a transaction that it has seen (`ClientRequestToken`), and tells what stands in the way of a condition.
const THOROUGH: Kind = Kind {
    command: "ministack",
    arguments: &[],
    variables: &[("BIND_HOST", "127.0.0.1"), ("IOT_MTLS_ENABLED", "0"), ("SFTP_ENABLED", "0")],
    port: Port::Variable("GATEWAY_PORT"),
};

impl Emulator {
    /// Starts one with nothing in it: quickly.
    pub async fn start() -> Self {
        Self::of(&QUICK).await
    }

    /// Starts one that knows transactions it has seen. Its secrets' versions are wrong.
    pub async fn thorough() -> Self {
        Self::of(&THOROUGH).await
    }

    /// The quick one of this process: started for the first who wants it, ended when nobody has it any more.
    pub async fn shared() -> Arc<Self> {
        static SHARED: tokio::sync::Mutex<Weak<Emulator>> = tokio::sync::Mutex::const_new(Weak::new());
        let mut shared = SHARED.lock().await;
        if let Some(running) = shared.upgrade() {
            return running;
        }
        let started = Arc::new(Self::start().await);
        *shared = Arc::downgrade(&started);
        started
    }

    /// An empty store on it, whoever else has one there.
    pub async fn empty_store(&self) -> AwsStore {
        static STORES: AtomicUsize = AtomicUsize::new(0);
        let number = STORES.fetch_add(1, Ordering::Relaxed);
        self.store(&format!("store-{number}"), &SeededRandom::new(1)).await
    }

    async fn of(kind: &Kind) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("there is a free port");
        let port = listener.local_addr().expect("it has an address").port();
        drop(listener);
        let mut command = Command::new(kind.command);
        command.args(kind.arguments).envs(kind.variables.iter().copied());
        match kind.port {
            Port::Argument(name) => command.args([name, &port.to_string()]),
            Port::Variable(name) => {
                // What functions that it runs are to call.
                command.env("AWS_ENDPOINT_URL", format!("http://127.0.0.1:{port}")).env(name, port.to_string())
            }
        };
        let process = command
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("the emulator is on the PATH: `./tests/run` installs it and runs the tests with it");
        let emulator = Self { url: format!("http://127.0.0.1:{port}"), process };
        // It may listen before it answers.
        let dynamo = aws_sdk_dynamodb::Client::new(&emulator.config());
        for _ in 0..1_000 {
            if dynamo.list_tables().send().await.is_ok() {
                return emulator;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!("{} does not answer on port {port}", kind.command);
    }

    /// Its process's id: that of the parent of whatever it runs.
    pub fn process(&self) -> u32 {
        self.process.id()
    }

    /// How clients reach it.
    pub fn config(&self) -> SdkConfig {
        config(&self.url)
    }

    /// A store on it, with a table and a queue of its own.
    pub async fn store(&self, name: &str, random: &dyn Random) -> AwsStore {
        let names = resources(&self.config(), name).await;
        AwsStore::with_config(&self.config(), names, random)
    }
}

/// How clients reach an emulator at this address.
pub fn config(url: &str) -> SdkConfig {
    config_of(url, "test")
}

/// The same as somebody with this access key: some emulators keep accounts apart by it.
pub fn config_of(url: &str, key: &str) -> SdkConfig {
    SdkConfig::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new("us-east-1"))
        .credentials_provider(SharedCredentialsProvider::new(Credentials::new(key, "test", None, None, "tests")))
        .endpoint_url(url)
        .sleep_impl(aws_sdk_dynamodb::config::SharedAsyncSleep::new(Sleep))
        .build()
}

/// A deployment's store, as somebody with this access key reaches it, whose secrets are kept by another emulator.
pub fn store_of(url: &str, secrets_url: &str, key: &str, names: Names, random: &dyn Random) -> AwsStore {
    let secrets = aws_sdk_secretsmanager::Client::new(&config_of(secrets_url, key));
    let mut store = AwsStore::with_config(&config_of(url, key), names, random);
    store.secrets = secrets;
    store
}

/// A table and a queue of this name, as the template makes them.
pub async fn resources(config: &SdkConfig, name: &str) -> Names {
    create_table(&aws_sdk_dynamodb::Client::new(config), name).await.expect("the table is made");
    let sqs = aws_sdk_sqs::Client::new(config);
    let queue = sqs
        .create_queue()
        .queue_name(format!("{name}.fifo"))
        .attributes(aws_sdk_sqs::types::QueueAttributeName::FifoQueue, "true")
        .send()
        .await
        .expect("the queue is made");
    Names { table: name.to_owned(), queue_url: queue.queue_url, secret_prefix: name.to_owned() }
}

/// Makes a record unreadable, behind the store's back. The key is an event's id, a run's, or the name of whatever it is; a
/// secret's first version, and what runs wait for or changed about the subject `t1`.
pub async fn damage(store: &AwsStore, kind: RecordKind, key: &str) {
    let only = |pk: &str, sk: String| (pk.to_owned(), sk);
    let (pk, sk) = match kind {
        RecordKind::Event => (keys::event("zendesk-support", key), "E".to_owned()),
        RecordKind::Run => (keys::run(key), "R".to_owned()),
        RecordKind::Journal => (keys::run(key), "J#".to_owned()),
        RecordKind::Change => (keys::changes("t1"), format!("{key}#")),
        RecordKind::Wait => (keys::subject("zendesk-support", "t1"), format!("W#{key}")),
        RecordKind::Shared => only(keys::SHARED, key.to_owned()),
        RecordKind::Workflow => only(keys::REGISTRY, format!("W#{key}")),
        RecordKind::Connection => only(keys::REGISTRY, format!("X#{key}")),
        RecordKind::Document => only(keys::REGISTRY, format!("D#{key}")),
        RecordKind::Tokens => only(keys::TOKENS, key.to_owned()),
        RecordKind::Secret => only(keys::SECRETS, crate::secrets::place(key, 1)),
    };
    let found = store.table.query(&pk, &sk, Some(1)).await.expect("the table answers");
    let mut item = found.into_iter().next().expect("the record is there");
    let whats_in_it = if kind == RecordKind::Journal { ["b"].as_slice() } else { &["v", "s"] };
    for name in whats_in_it {
        if let Some(value) = item.get_mut(*name) {
            *value = crate::table::text("{");
        }
    }
    store.table.put(item).await.expect("the table takes it");
}

/// The runtime's sleep, which the clients wait with.
#[derive(Debug)]
struct Sleep;

impl aws_sdk_dynamodb::config::AsyncSleep for Sleep {
    fn sleep(&self, duration: Duration) -> aws_sdk_dynamodb::config::Sleep {
        aws_sdk_dynamodb::config::Sleep::new(tokio::time::sleep(duration))
    }
}
