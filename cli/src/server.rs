//! Every function in one process: the routes, the worker beside them, and an orderly stop.

use std::collections::BTreeMap;
use std::fs::{File, TryLockError};
use std::future::Future;
use std::io::{Read, Seek, Write};
use std::net::SocketAddr;
use std::path::Path;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use anyhow::{Context, bail};
use axum::Router;
use axum::extract::{DefaultBodyLimit, Request};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::serve::ListenerExt;
use deskwire_accept::answer::problem_response;
use deskwire_core::ports::StoreResult;
use deskwire_core::problem::Problem;
use deskwire_core::public_url::prefix;
use deskwire_core::secret::SecretString;
use deskwire_core::source::SourceConfig;
use deskwire_core::time::SystemClock;
use deskwire_engine::RunnerOptions;
use deskwire_sandbox::{Sandbox, SandboxOptions, SignedDelivery};
use deskwire_startup::{Deskwire, StandIns};
use deskwire_templates::{Limits, Templates};
use http::{StatusCode, header};
use oauth::{Doors, OAuth};
use serde_json::json;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tower::ServiceExt;
use url::{Host, Url};

use crate::current::Began;
use crate::front_door;
use crate::hosts::Hosts;
use crate::jobs::{self, Health};
use crate::live;
use crate::pages::{Places, for_browsers};

/// How long a stop waits for what is in flight.
pub(crate) const GRACE: Duration = Duration::from_secs(10);

/// Under which name `serve` leases runs. The lock below makes sure that only one process does, so what an earlier one
/// held can be taken back at once.
const OWNER: &str = "serve";

/// The largest form of the pages on which connections are connected, in bytes.
const LARGEST_FORM: usize = 16 * 1024;

/// What the stand-ins take as secrets. They guard nothing: the stand-ins hold invented data and listen on loopback.
const SANDBOX_SLACK_TOKEN: &str = "sandbox-slack-token";
const SANDBOX_ZENDESK_TOKEN: &str = "sandbox-zendesk-token";
const SANDBOX_QUALTRICS_TOKEN: &str = "sandbox-qualtrics-token";
const SANDBOX_API_KEY: &str = "sandbox-api-key";
pub(crate) const SANDBOX_SIGNING_SECRET: &str = "sandbox-signing-secret";

/// A socket and the address it got.
pub(crate) struct Listening {
    pub listener: TcpListener,
    pub address: SocketAddr,
}

/// Takes the address, or says what to do when it is taken.
pub(crate) async fn listen(address: SocketAddr) -> anyhow::Result<Listening> {
    let listener = TcpListener::bind(address).await.with_context(|| {
        format!("cannot listen on {address}; stop what uses it, or choose another with --listen 127.0.0.1:0")
    })?;
    let address = listener.local_addr().context("the socket has no address")?;
    Ok(Listening { listener, address })
}

/// Makes sure that no other server uses the data folder, for as long as the file is held.
pub(crate) fn lock(data: &Path) -> anyhow::Result<File> {
    deskwire_storage::private::make_folder(data)
        .with_context(|| format!("cannot make the data folder {}; name a writable one with --data", data.display()))?;
    let path = data.join("serve.lock");
    let mut file = deskwire_storage::private::make_file(&path).with_context(|| {
        format!("cannot write to the data folder {}; name a writable one with --data", data.display())
    })?;
    match file.try_lock() {
        Ok(()) => {
            let written = file.set_len(0).and_then(|()| writeln!(file, "{}", std::process::id()));
            written.with_context(|| format!("cannot write {}; check that the disk is not full", path.display()))?;
            Ok(file)
        }
        Err(TryLockError::WouldBlock) => {
            let mut process = String::new();
            let _ = file.rewind().and_then(|()| file.read_to_string(&mut process));
            let process = process.lines().next().unwrap_or_default();
            let who = if process.is_empty() { String::new() } else { format!(" (process {process})") };
            bail!(
                "another `deskwire serve`{who} uses the data folder {}; stop it, or give this one its own with --data",
                data.display()
            )
        }
        Err(TryLockError::Error(error)) => Err(error).with_context(|| format!("cannot lock {}", path.display())),
    }
}

/// Notes in the lock where the server that holds it is reached, for commands that need it.
pub(crate) fn note_address(mut lock: &File, public_url: &Url) -> anyhow::Result<()> {
    writeln!(lock, "{public_url}").context("cannot write the server's address into the data folder")
}

/// Where the server that uses the data folder is reached, if one does.
pub(crate) fn running_at(data: &Path) -> Option<Url> {
    if !is_running(data) {
        return None;
    }
    let text = std::fs::read_to_string(data.join("serve.lock")).ok()?;
    text.lines().nth(1).and_then(|url| Url::parse(url).ok())
}

/// Does a server use the data folder?
pub(crate) fn is_running(data: &Path) -> bool {
    let file = File::open(data.join("serve.lock"));
    file.is_ok_and(|file| matches!(file.try_lock_shared(), Err(TryLockError::WouldBlock)))
}

/// Where the stand-ins of this server are, for the project's connections.
pub(crate) fn stand_ins(address: SocketAddr) -> anyhow::Result<StandIns> {
    let url = |path: &str| Url::parse(&format!("http://{address}/sandbox/{path}")).context("the address makes no URL");
    let providers = [
        ("slack".to_owned(), (url("slack/api/")?, SecretString::from(SANDBOX_SLACK_TOKEN))),
        ("zendesk".to_owned(), (url("zendesk/")?, SecretString::from(SANDBOX_ZENDESK_TOKEN))),
        ("qualtrics".to_owned(), (url("qualtrics/")?, SecretString::from(SANDBOX_QUALTRICS_TOKEN))),
        ("http".to_owned(), (url("llm/")?, SecretString::from(SANDBOX_API_KEY))),
    ];
    Ok(StandIns { providers: providers.into(), signing_secret: SecretString::from(SANDBOX_SIGNING_SECRET) })
}

/// What is called with the deliveries that the stand-ins send.
pub(crate) type OnDelivery = Arc<dyn Fn(Vec<SignedDelivery>) + Send + Sync>;

/// The stand-ins.
pub(crate) fn sandbox(on_delivery: Option<OnDelivery>) -> Sandbox {
    Sandbox::new(SandboxOptions {
        clock: Arc::new(SystemClock),
        slack_token: SecretString::from(SANDBOX_SLACK_TOKEN),
        zendesk_username: "ops@example.com".to_owned(),
        zendesk_token: SecretString::from(SANDBOX_ZENDESK_TOKEN),
        qualtrics_token: SecretString::from(SANDBOX_QUALTRICS_TOKEN),
        signing_secret: SecretString::from(SANDBOX_SIGNING_SECRET),
        on_delivery,
    })
}

/// The stand-ins' routes, under `/sandbox`.
pub(crate) fn sandbox_routes(sandbox: &Sandbox, hosts: &Hosts) -> Router {
    hosts.guard(Router::new().nest("/sandbox", sandbox.router()))
}

/// The functions' routes, health included. The console shows ticket data to whoever can reach it, so it is there only on
/// loopback until it has a sign-in.
pub(crate) fn routes(
    deskwire: &Deskwire,
    address: SocketAddr,
    public_url: &Url,
    tokens: Arc<api::Tokens>,
    hosts: &Hosts,
    health: &Arc<Health>,
) -> Router {
    if crate::metrics::count().is_none() {
        tracing::warn!("what happens cannot be counted: /metrics has only what is kept");
    }
    let (store, health) = (deskwire.store.clone(), Arc::clone(health));
    let ready = move || {
        let (store, health) = (store.clone(), Arc::clone(&health));
        async move { readiness(store.ready().await, health.complaint()) }
    };
    // On this machine anybody may see how many there are; elsewhere it takes the API's token.
    let (store, guard) = (deskwire.store.clone(), (!address.ip().is_loopback()).then(|| Arc::clone(&tokens)));
    let metrics = move |headers: http::HeaderMap| {
        let (store, guard) = (store.clone(), guard.clone());
        async move {
            if guard.is_some_and(|tokens| !tokens.admit(&headers)) {
                return StatusCode::UNAUTHORIZED.into_response();
            }
            match crate::metrics::text(store.as_ref()).await {
                Ok(text) => ([(header::CONTENT_TYPE, crate::metrics::MEDIA_TYPE)], text).into_response(),
                Err(error) => {
                    tracing::error!(%error, "cannot count");
                    StatusCode::SERVICE_UNAVAILABLE.into_response()
                }
            }
        }
    };
    let mut routes = Router::new()
        .route("/metrics", get(metrics))
        .merge(zendesk_webhook::router(Arc::new(deskwire.intake())))
        .merge(qualtrics_webhook::router(Arc::new(deskwire.intake())))
        .merge(api::router(Arc::new(api::Api {
            store: deskwire.store.clone(),
            actions: deskwire_startup::actions_alone(),
            templates: deskwire_startup::templates(),
            tokens,
            clock: Arc::clone(&deskwire.clock),
            random: Arc::clone(&deskwire.random),
        })))
        .route("/healthz", get(|| async { axum::Json(json!({ "status": "ok" })) }))
        .route("/readyz", get(ready));
    if address.ip().is_loopback() {
        let store = deskwire.store.clone();
        let console = console::router(console::Console {
            history: store.clone(),
            registry: store,
            actions: deskwire_startup::actions_alone(),
            templates: Templates::new(Limits::default()),
            clock: Arc::clone(&deskwire.clock),
        });
        routes = routes.merge(hosts.guard(console));
    }
    below_prefix(public_url, routes).merge(oauth_routes(deskwire, public_url))
}

/// The routes, and the same below the path of the public URL: a proxy may or may not take it off.
fn below_prefix(public_url: &Url, routes: Router) -> Router {
    match prefix(public_url) {
        "" => routes,
        prefix => Router::new().nest(prefix, routes.clone()).merge(routes),
    }
}

/// Who may begin to connect a connection: anybody on this machine, where nobody else can reach it under the public URL.
pub(crate) fn doors(public_url: &Url) -> Doors {
    let own = match public_url.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    };
    if own { Doors::Open } else { Doors::Invited }
}

/// The routes on which a person connects a connection.
pub(crate) fn oauth_routes(deskwire: &Deskwire, public_url: &Url) -> Router {
    let doors = doors(public_url);
    let routes = oauth::router(Arc::new(OAuth {
        broker: Arc::clone(&deskwire.broker),
        providers: Arc::clone(&deskwire.providers),
        vault: deskwire.vault.clone(),
        public_url: public_url.clone(),
        doors,
        clock: Arc::clone(&deskwire.clock),
        random: Arc::clone(&deskwire.random),
    }));
    // Nobody is known here before a form is read, and the forms are short.
    let routes = routes.layer(DefaultBodyLimit::max(LARGEST_FORM));
    match doors {
        Doors::Open => Hosts::own_only().guard(routes),
        Doors::Invited => routes,
    }
}

/// Where people and providers reach the server, unless somebody said otherwise.
pub(crate) fn public_url(given: Option<Url>, address: SocketAddr) -> anyhow::Result<Url> {
    match given {
        Some(url) => Ok(url),
        // `localhost` is what providers let one register without https.
        None if address.ip().is_loopback() => {
            Url::parse(&format!("http://localhost:{}", address.port())).context("the address makes no URL")
        }
        None => Url::parse(&format!("http://{address}")).context("the address makes no URL"),
    }
}

fn readiness(store: StoreResult<()>, complaint: Option<String>) -> Response {
    let detail = match (store, complaint) {
        (Ok(()), None) => return axum::Json(json!({ "status": "ready" })).into_response(),
        (Err(error), _) => {
            tracing::error!(%error, "not ready");
            "The store cannot be used; the log says why".to_owned()
        }
        (Ok(()), Some(complaint)) => complaint,
    };
    problem_response(&Problem {
        retry_after_seconds: Some(5),
        ..Problem::new("not-ready", 503, "Not ready", &detail, "")
    })
}

/// A server that runs until it is told to stop: routes, worker, orderly end.
pub(crate) struct Server {
    pub deskwire: Arc<Deskwire>,
    pub listener: TcpListener,
    pub routes: Router,
    pub concurrency: usize,
    /// Where people and providers reach it.
    pub public_url: Url,
    /// How the parts beside the routes fare.
    pub health: Arc<Health>,
    /// What it was started with, if there is something to keep in step with.
    pub began: Option<Began>,
}

impl Server {
    /// Takes back what an earlier process held, then serves and works until `stop` is ready.
    pub(crate) async fn run(self, stop: impl Future<Output = ()> + Send + 'static) -> anyhow::Result<()> {
        let now = self.deskwire.clock.now();
        let taken_back = self.deskwire.store.take_back(OWNER, now).await?;
        if taken_back > 0 {
            tracing::info!(runs = taken_back, "resuming runs that an earlier process had under way");
        }
        let (told, stopping) = watch::channel(false);
        let options = RunnerOptions {
            owner: OWNER.to_owned(),
            concurrency: self.concurrency,
            grace: GRACE,
            ..RunnerOptions::default()
        };
        live::keep_in_step(&self.deskwire, self.began, &self.public_url, &self.health, &stopping);
        let (engine, stopped) = (Arc::new(self.deskwire.engine()), stopping.clone());
        let worker = jobs::keep("carries out runs", true, &self.health, &stopping, move || {
            Box::pin(workflow_runner::serve(Arc::clone(&engine), options.clone(), when(stopped.clone())))
        });
        let stop = async move {
            stop.await;
            // Nobody listening any more is what was wanted.
            let _ = told.send(true);
        };
        let out_of_time = {
            let stopping = stopping.clone();
            tokio::spawn(async move {
                when(stopping).await;
                tokio::time::sleep(GRACE).await;
            })
        };
        serve_until_told(self.listener, self.routes, stop).await;
        let ended = worker.await.context("the worker ended badly; runs under way go on after a restart");
        // A renewal that nobody waits for any more may have used up a refresh token: its answer is waited for.
        tokio::select! {
            () = self.deskwire.broker.idle() => {}
            _ = out_of_time => tracing::warn!("a token was still being renewed when the time to stop was over"),
        }
        ended
    }
}

async fn when(mut stopping: watch::Receiver<bool>) {
    // An error means that the sender is gone, which is a stop as well.
    let _ = stopping.wait_for(|stop| *stop).await;
}

/// Serves until `stop` is ready, then gives requests in flight their time.
pub(crate) async fn serve_until_told(
    listener: TcpListener,
    routes: Router,
    stop: impl Future<Output = ()> + Send + 'static,
) {
    let places = Places::of(&routes).await;
    let routes = deskwire_accept::guarded(routes)
        .layer(middleware::from_fn(move |request: Request, next: Next| for_browsers(places.clone(), request, next)));
    let listener = listener.tap_io(|stream| {
        // Small answers go out at once; a socket that refuses this still works.
        let _ = stream.set_nodelay(true);
    });
    front_door::serve(listener, routes, front_door::Limits::default(), stop).await;
}

/// Ready when the process is told to stop: SIGTERM, or Ctrl-C.
pub(crate) async fn told_to_stop() {
    let interrupt = tokio::signal::ctrl_c();
    #[cfg(unix)]
    if let Ok(mut terminate) = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate()) {
        tokio::select! {
            _ = interrupt => {}
            _ = terminate.recv() => {}
        }
        return;
    }
    let _ = interrupt.await;
}

/// Hands the stand-in's webhooks to the routes of the same process, as if they had come over the network.
pub(crate) fn deliver_to(routes: &Arc<OnceLock<Router>>, sources: &[SourceConfig]) -> OnDelivery {
    // The first source of each provider.
    let paths: BTreeMap<String, String> = sources
        .iter()
        .rev()
        .map(|source| (source.provider.clone(), format!("/webhooks/{}/{}", source.provider, source.name)))
        .collect();
    let routes = Arc::clone(routes);
    Arc::new(move |deliveries| {
        let Some(routes) = routes.get().cloned() else { return };
        let paths = paths.clone();
        tokio::spawn(async move {
            for delivery in deliveries {
                let Some(path) = paths.get(delivery.provider) else { continue };
                let mut request = http::Request::post(path);
                for (name, value) in &delivery.headers {
                    request = request.header(name, value);
                }
                let Ok(request) = request.body(axum::body::Body::from(delivery.body)) else { continue };
                // The router's error type has no values.
                let Ok(answer) = routes.clone().oneshot(request).await;
                tracing::info!(status = answer.status().as_u16(), "the sandbox sent a webhook");
            }
        });
    })
}
