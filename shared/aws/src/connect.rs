//! The store itself: its clients, and what it keeps in memory between two calls.

use std::collections::HashMap;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use aws_config::timeout::TimeoutConfig;
use aws_sdk_dynamodb::config::ProvideCredentials;
use deskwire_core::random::{Random, SeededRandom};
use deskwire_core::time::Timestamp;
use tokio::sync::Notify;

use crate::calls::{Call, Calls};
use crate::metrics::Metrics;
use crate::queue::Queue;
use crate::rows::RunRow;
use crate::table::Table;

/// How long one call may take, and all attempts of it together. Short enough that a webhook is answered in time.
const ATTEMPT: Duration = Duration::from_secs(3);
const ALL_ATTEMPTS: Duration = Duration::from_secs(8);
const CONNECT: Duration = Duration::from_secs(2);

/// Why a store on AWS cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    /// Nothing says in which region it is.
    #[error(
        "no AWS region is set: set AWS_REGION, or name a profile that has one (AWS_PROFILE); `aws configure` sets both \
         region and credentials"
    )]
    NoRegion,
    /// Nobody says who is calling.
    #[error(
        "no AWS credentials were found: run `aws configure`, or set AWS_PROFILE, or AWS_ACCESS_KEY_ID and \
         AWS_SECRET_ACCESS_KEY, then come again"
    )]
    NoCredentials,
}

/// What the resources of one deployment are called.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Names {
    /// The DynamoDB table.
    pub table: String,
    /// The address of the FIFO queue, where this process may send to it.
    pub queue_url: Option<String>,
    /// How the names of its secrets begin, such as `deskwire-prod`.
    pub secret_prefix: String,
}

/// The stores of AWS. Cheap to clone; all clones share their connections.
#[derive(Clone)]
pub struct AwsStore {
    pub(crate) table: Table,
    pub(crate) queue: Option<Queue>,
    pub(crate) secrets: aws_sdk_secretsmanager::Client,
    pub(crate) secret_prefix: String,
    /// What is counted, for whoever reads it.
    pub metrics: Metrics,
    /// How long it took to make the clients.
    connecting: Duration,
    memory: Arc<Memory>,
}

struct Memory {
    /// The runs that this process has been handed, as they stand: nobody else writes them meanwhile.
    held: Mutex<HashMap<String, RunRow>>,
    /// What no other process calls its writes.
    name: String,
    writes: AtomicU64,
    next_number: AtomicI64,
    arrived: Notify,
    calls: Calls,
}

impl AwsStore {
    /// Connects as the environment says: region, credentials and, for emulators, `AWS_ENDPOINT_URL`. Nothing is called yet.
    pub async fn connect(names: Names, random: &dyn Random) -> Result<Self, ConnectError> {
        let began = Instant::now();
        let timeouts = TimeoutConfig::builder()
            .connect_timeout(CONNECT)
            .operation_attempt_timeout(ATTEMPT)
            .operation_timeout(ALL_ATTEMPTS)
            .build();
        let config = aws_config::from_env().timeout_config(timeouts).load().await;
        if config.region().is_none_or(|region| region.as_ref().is_empty()) {
            return Err(ConnectError::NoRegion);
        }
        // Asked for now, since the first call's error would not say it as plainly.
        let credentials = match config.credentials_provider() {
            None => None,
            Some(provider) => provider.provide_credentials().await.ok(),
        };
        if credentials.is_none() {
            return Err(ConnectError::NoCredentials);
        }
        Ok(Self { connecting: began.elapsed(), ..Self::with_config(&config, names, random) })
    }

    /// Says in the log that this process takes work now, and what of its start was AWS's: making the clients, and waiting for
    /// what it has read.
    pub fn tell_of_start(&self) {
        let millis = |time: Duration| time.as_secs_f64() * 1000.0;
        let (calls, waiting) = self.memory.calls.spent();
        tracing::info!(clients_ms = millis(self.connecting), calls, calls_ms = millis(waiting), "ready for work");
    }

    /// Connects to the deployment of this stack, whose resources are named after it.
    pub async fn of_stack(stack: &str, random: &dyn Random) -> Result<Self, ConnectError> {
        let names = Names { table: stack.to_owned(), queue_url: None, secret_prefix: stack.to_owned() };
        let mut store = Self::connect(names, random).await?;
        let client = aws_sdk_sqs::Client::new(&aws_config::from_env().load().await);
        let found = client.get_queue_url().queue_name(format!("{stack}-runs.fifo")).send().await;
        // What only reads needs no queue; whoever writes is found by the reminder within minutes.
        match found {
            Ok(found) => store.queue = found.queue_url.map(|url| Queue { client, url }),
            Err(error) => {
                let error = aws_sdk_sqs::error::DisplayErrorContext(&error).to_string();
                tracing::warn!(
                    error,
                    "the queue cannot be told of what this command changes; it notices within minutes"
                );
            }
        }
        Ok(store)
    }

    /// The same from a configuration that is there already.
    pub fn with_config(config: &aws_config::SdkConfig, names: Names, random: &dyn Random) -> Self {
        let calls = Calls::default();
        let dynamo = aws_sdk_dynamodb::config::Builder::from(config).interceptor(calls.clone()).build();
        let sqs = aws_sdk_sqs::config::Builder::from(config).interceptor(calls.clone()).build();
        let secrets = aws_sdk_secretsmanager::config::Builder::from(config).interceptor(calls.clone()).build();
        // The lower half, which is as random as the whole.
        let spreading = u64::try_from(random.bits() & u128::from(u64::MAX)).unwrap_or_default();
        let memory = Memory {
            held: Mutex::default(),
            name: format!("{:032x}", random.bits()),
            writes: AtomicU64::new(0),
            next_number: AtomicI64::new(0),
            arrived: Notify::new(),
            calls,
        };
        Self {
            table: Table {
                client: aws_sdk_dynamodb::Client::from_conf(dynamo),
                name: names.table,
                random: Arc::new(SeededRandom::new(spreading)),
            },
            queue: names.queue_url.map(|url| Queue { client: aws_sdk_sqs::Client::from_conf(sqs), url }),
            secrets: aws_sdk_secretsmanager::Client::from_conf(secrets),
            secret_prefix: names.secret_prefix,
            metrics: Metrics::default(),
            connecting: Duration::ZERO,
            memory: Arc::new(memory),
        }
    }

    /// The same, writing numbers into the log for CloudWatch.
    #[must_use]
    pub fn counting(mut self) -> Self {
        self.metrics = Metrics::of(self.table.name.clone());
        self
    }

    /// The calls that were sent to AWS so far, oldest first, and forgets them: for tests and for measuring.
    pub fn take_calls(&self) -> Vec<Call> {
        self.memory.calls.take()
    }

    /// Remembers calls from now on.
    pub fn record_calls(&self) {
        self.memory.calls.record();
    }

    /// A mark that no other write has.
    pub(crate) fn mark(&self) -> String {
        format!("{}-{}", self.memory.name, self.memory.writes.fetch_add(1, Ordering::Relaxed))
    }

    /// The first of so many numbers in a row for what came at this time: greater than every one that this process has given
    /// before, and in microseconds, so that those of other processes fit in between.
    pub(crate) fn numbers(&self, at: Timestamp, how_many: usize) -> i64 {
        // The clock of the store's callers knows no less than a millisecond.
        let within = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().subsec_micros() % 1_000;
        let now = first_number(at).saturating_add(i64::from(within));
        let further = i64::try_from(how_many).unwrap_or(i64::MAX);
        let free = |next: i64| Some(now.max(next).saturating_add(further));
        // It never answers with an error, since the closure always has an answer.
        now.max(self.memory.next_number.fetch_update(Ordering::Relaxed, Ordering::Relaxed, free).unwrap_or_default())
    }

    pub(crate) fn held(&self) -> MutexGuard<'_, HashMap<String, RunRow>> {
        self.memory.held.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn tell(&self) {
        self.memory.arrived.notify_one();
    }

    pub(crate) fn told(&self) -> impl Future<Output = ()> + Send + '_ {
        self.memory.arrived.notified()
    }
}

/// The first number for what comes at this time.
pub(crate) fn first_number(at: Timestamp) -> i64 {
    at.as_millis().saturating_mul(1_000)
}
