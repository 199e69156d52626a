//! `deskwire demo`: the whole relay at work, with no account, no network and no configuration.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use deskwire_core::ports::{History, RunDetail};
use deskwire_core::run::RunState;
use deskwire_core::time::{Clock, SystemClock};
use deskwire_sandbox::{Sandbox, SignedDelivery};
use deskwire_secrets::Secrets;
use deskwire_startup::{OsRandom, ProjectFiles, Settings};
use deskwire_storage::SqliteStore;
use deskwire_workflows::SourceFile;
use serde_json::{Value, json};
use tokio::sync::oneshot;
use url::Url;

use super::explain;
use crate::Outcome;
use crate::output::{BOLD, CYAN, DIM, GREEN, RED, line, note, paint};
use crate::server::{self, Listening, Server};
use crate::timeline;

/// How long the demo waits for its runs before it says that something is wrong.
const PATIENCE: Duration = Duration::from_secs(30);

pub(crate) async fn run(address: SocketAddr, exit: bool, as_json: bool) -> anyhow::Result<Outcome> {
    // The demo is worth more than its port: when that one is in use, another will do.
    let Listening { listener, address } = match server::listen(address).await {
        Ok(listening) => listening,
        Err(_) => server::listen(SocketAddr::new(address.ip(), 0)).await?,
    };
    let folder = TemporaryFolder::make()?;
    let files = shipped_project();
    let settings =
        Settings { data: Some(folder.0.clone()), allow_loopback: true, stand_ins: Some(server::stand_ins(address)?) };
    let nothing = Secrets::new(Path::new("."), Box::new(|_| None));
    let deskwire = match deskwire_startup::start(&settings, &files, &nothing).await {
        Ok(deskwire) => deskwire,
        Err(error) => return Err(explain(error, &files)),
    };
    let sandbox = server::sandbox(None);
    let routes = server::routes(&deskwire, address).merge(server::sandbox_routes(&sandbox));
    let store = deskwire.store.clone();
    let (stop, stopped) = oneshot::channel::<()>();
    let server = Server { deskwire, listener, routes, concurrency: 8 };
    let serving = tokio::spawn(server.run(async {
        // A dropped sender means the demo ended early, which is a stop too.
        let _ = stopped.await;
    }));

    let tale = Story { address, sandbox, store, as_json };
    let ok = tale.tell().await?;
    if !exit {
        tale.keep_open();
        server::told_to_stop().await;
        line("");
    }
    let _ = stop.send(());
    serving.await.context("the server ended badly")??;
    Ok(if ok { Outcome::Fine } else { Outcome::Failed })
}

/// The project that ships with the sandbox, built into the program.
fn shipped_project() -> ProjectFiles {
    let mut files = ProjectFiles::default();
    for (path, text) in deskwire_sandbox::project_files() {
        let file = SourceFile { path: (*path).to_owned(), text: (*text).to_owned() };
        if path.ends_with("deskwire.yaml") { files.project = Some(file) } else { files.workflows.push(file) }
    }
    files
}

struct Story {
    address: SocketAddr,
    sandbox: Sandbox,
    store: SqliteStore,
    as_json: bool,
}

impl Story {
    async fn tell(&self) -> anyhow::Result<bool> {
        self.say(format_args!(
            "{}",
            paint(BOLD, "Deskwire demo: Zendesk tells an agent in Slack that a ticket is now theirs")
        ));
        self.say(paint(DIM, "Zendesk and Slack are stand-ins inside this program; nothing leaves this machine."));
        self.say("");
        let (ticket, agent) = (deskwire_sandbox::DEMO_TICKET, deskwire_sandbox::DEMO_AGENT);
        let deliveries = self.sandbox.zendesk().assign(ticket, agent);
        let Some((delivery, others)) = deliveries.split_first() else { bail!("the Zendesk stand-in sent no webhook") };
        self.say(format_args!(
            "{} In Zendesk, ticket {ticket} is assigned. Zendesk signs and sends:",
            paint(CYAN, "1")
        ));
        let body: Value = serde_json::from_slice(&delivery.body)?;
        self.say(paint(
            DIM,
            format_args!("    POST /webhooks/zendesk/zendesk-support   {}", body["type"].as_str().unwrap_or_default()),
        ));

        let before = Instant::now();
        let answer = self.post(delivery).await?;
        let took = before.elapsed();
        if answer.0 != 202 {
            note(format_args!("error: the webhook answered {}: {}", answer.0, answer.1));
            return Ok(false);
        }
        self.say(format_args!(
            "{} Deskwire checks the signature, stores the event on disk, queues a run and answers 202 {}",
            paint(CYAN, "2"),
            paint(DIM, format_args!("({:.1} ms)", took.as_secs_f64() * 1000.0))
        ));
        // One save sends several events; no shipped workflow wants these, and they are kept.
        for other in others {
            self.post(other).await?;
        }
        let run = answer.1["runs"][0].as_str().context("the answer names no run")?.to_owned();
        self.say(format_args!("{} The run goes through its steps:", paint(CYAN, "3")));
        self.say("");
        let run = self.wait_for(&run).await?;
        let ok = run.summary.state == RunState::Succeeded;
        if self.as_json {
            self.print_json(&run, ok);
            return Ok(ok);
        }
        timeline::print(&run, false);
        line("");
        self.show_message();
        let verdict = if ok {
            paint(GREEN.bold(), "1 of 1 runs succeeded.")
        } else {
            paint(RED.bold(), "The run did not succeed.")
        };
        line(verdict);
        Ok(ok)
    }

    fn say(&self, text: impl std::fmt::Display) {
        if !self.as_json {
            line(text);
        }
    }

    /// Sends the delivery over the network, as Zendesk would.
    async fn post(&self, delivery: &SignedDelivery) -> anyhow::Result<(u16, Value)> {
        let url = Url::parse(&format!("http://{}/webhooks/zendesk/zendesk-support", self.address))?;
        super::events::post(url, &delivery.headers, delivery.body.clone()).await
    }

    async fn wait_for(&self, run: &str) -> anyhow::Result<RunDetail> {
        let since = Instant::now();
        loop {
            let found = self.store.run(run).await?.context("the run is gone")?;
            if found.summary.state.is_over() || found.summary.state == RunState::Unknown {
                return Ok(found);
            }
            if since.elapsed() > PATIENCE {
                return Ok(found);
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// The message as it stands in the Slack stand-in, in a frame.
    fn show_message(&self) {
        line(format_args!("{} In Slack, the agent sees:", paint(CYAN, "4")));
        line("");
        for message in self.sandbox.slack().all_posts() {
            let edge = paint(DIM, "│");
            line(format_args!(
                "    {} {}",
                paint(DIM, "┌──"),
                paint(BOLD, format_args!("Deskwire {}", paint(DIM, "APP")))
            ));
            for text in unescape(&message.text).lines() {
                line(format_args!("    {edge} {text}"));
            }
            line(format_args!("    {}", paint(DIM, "└──")));
        }
        line("");
    }

    fn print_json(&self, run: &RunDetail, ok: bool) {
        let messages: Vec<Value> = self
            .sandbox
            .slack()
            .all_posts()
            .iter()
            .map(|m| json!({ "channel": m.channel, "ts": m.ts, "text": m.text }))
            .collect();
        crate::output::json(&json!({ "ok": ok, "runs": [timeline::to_json(run)], "slack": messages }));
    }

    fn keep_open(&self) {
        if self.as_json {
            return;
        }
        let at = format!("http://{}", self.address);
        line("");
        line(format_args!("Look around while this runs:"));
        line(format_args!("  {at}/sandbox/slack     the message, as the agent sees it"));
        line(format_args!("  {at}/sandbox/zendesk   assign another ticket"));
        line(format_args!("  {at}/console           every event and run, and why"));
        line(paint(DIM, "Ctrl-C ends the demo and removes its data."));
    }
}

/// Slack stores three characters escaped and shows them plain.
fn unescape(text: &str) -> String {
    text.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")
}

/// A data folder that goes with the demo.
struct TemporaryFolder(PathBuf);

impl TemporaryFolder {
    fn make() -> anyhow::Result<Self> {
        let name = deskwire_core::ids::RunId::generate(SystemClock.now(), &OsRandom);
        let folder = std::env::temp_dir().join(format!("deskwire-demo-{name}"));
        std::fs::create_dir_all(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
        Ok(Self(folder))
    }
}

impl Drop for TemporaryFolder {
    fn drop(&mut self) {
        // What is left behind is in the system's folder for such things.
        let _ = std::fs::remove_dir_all(&self.0);
    }
}
