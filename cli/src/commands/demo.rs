//! `deskwire demo`: the whole relay at work, with no account, no network and no configuration.

mod block;
mod examples;
mod start;

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use deskwire_core::ports::{Filter, RunDetail};
use deskwire_core::run::RunState;
use deskwire_core::time::{Clock, SystemClock};
use deskwire_sandbox::{Sandbox, SignedDelivery};
use deskwire_secrets::Secrets;
use deskwire_startup::{Deskwire, OsRandom, ProjectFiles, Settings};
use deskwire_workflows::SourceFile;
use serde_json::{Value, json};
use tokio::sync::oneshot;
use url::Url;

use super::explain;
use crate::Outcome;
use crate::hosts::Hosts;
use crate::output::{BOLD, CYAN, DIM, GREEN, RED, line, paint};
use crate::server::{self, Listening, Server};
use crate::timeline;

/// Where the stand-in of Zendesk sends its webhooks.
const WEBHOOK: &str = "/webhooks/zendesk/zendesk-support";

/// Where Qualtrics posts to.
const SURVEYS: &str = "/webhooks/qualtrics/csat-survey";

/// How long the demo waits for its runs before it says that something is wrong.
const PATIENCE: Duration = Duration::from_secs(30);

pub(crate) async fn run(address: SocketAddr, hosts: Hosts, exit: bool, as_json: bool) -> anyhow::Result<Outcome> {
    // The demo is worth more than its port: when that one is in use, another will do.
    let Listening { listener, address } = match server::listen(address).await {
        Ok(listening) => listening,
        Err(_) => server::listen(SocketAddr::new(address.ip(), 0)).await?,
    };
    let public_url = server::public_url(None, address)?;
    let folder = TemporaryFolder::of_its_own();
    let files = shipped_project();
    let settings = Settings {
        place: deskwire_startup::Place::Sandbox(folder.0.clone()),
        allow_loopback: true,
        stand_ins: Some(server::stand_ins(address)?),
        apply: true,
        leave_out: false,
        needs_secrets: true,
        needs_workflows: true,
    };
    let nothing = Secrets::new(Path::new("."), Box::new(|_| None));
    let deskwire = match deskwire_startup::start(&settings, &files, &nothing).await {
        Ok(deskwire) => deskwire,
        Err(error) => return Err(explain(error, &files)),
    };
    let health = Arc::default();
    // What our own writes change, Zendesk tells of as well.
    let webhooks = Arc::new(OnceLock::new());
    let sandbox = server::sandbox(Some(server::deliver_to(&webhooks, &deskwire.project().sources)));
    let routes = server::routes(&deskwire, address, &public_url, Arc::default(), &hosts, &health)
        .merge(server::sandbox_routes(&sandbox, &hosts));
    let _ = webhooks.set(routes.clone());
    let deskwire = Arc::new(deskwire);
    let (stop, stopped) = oneshot::channel::<()>();
    let server =
        Server { deskwire: Arc::clone(&deskwire), listener, routes, concurrency: 8, public_url, health, began: None };
    let serving = tokio::spawn(server.run(async {
        // A dropped sender means the demo ended early, which is a stop too.
        let _ = stopped.await;
    }));

    let mut tale = Tale { address, sandbox, deskwire, as_json, runs: Vec::new() };
    tale.first().await?;
    tale.others().await?;
    let ok = tale.end().await?;
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

/// What the demo tells: the first example in full, the others in a few lines each.
struct Tale {
    address: SocketAddr,
    sandbox: Sandbox,
    deskwire: Arc<Deskwire>,
    as_json: bool,
    /// One run of each example, in the order of telling.
    runs: Vec<RunDetail>,
}

impl Tale {
    async fn first(&mut self) -> anyhow::Result<()> {
        self.say(format_args!(
            "{}",
            paint(BOLD, "Deskwire demo: Zendesk tells an agent in Slack that a ticket is now theirs")
        ));
        self.say(paint(
            DIM,
            "Zendesk, Slack and Qualtrics are stand-ins inside this program; nothing leaves this machine.",
        ));
        self.say("");
        let (ticket, agent) = (deskwire_sandbox::DEMO_TICKET, deskwire_sandbox::DEMO_AGENT);
        let deliveries = self.sandbox.zendesk().assign(ticket, agent);
        let Some((delivery, others)) = deliveries.split_first() else { bail!("the Zendesk stand-in sent no webhook") };
        self.say(format_args!(
            "{} In Zendesk, ticket {ticket} is assigned. Zendesk signs and sends:",
            paint(CYAN, "1")
        ));
        let body: Value = deskwire_core::json::from_slice(&delivery.body)?;
        self.say(paint(DIM, format_args!("    POST {WEBHOOK}   {}", body["type"].as_str().unwrap_or_default())));

        let before = Instant::now();
        self.post(delivery).await?;
        let took = before.elapsed();
        self.say(format_args!(
            "{} Deskwire checks the signature, stores the event on disk, queues a run and answers 202 {}",
            paint(CYAN, "2"),
            paint(DIM, format_args!("({:.1} ms)", took.as_secs_f64() * 1000.0))
        ));
        // One save sends several events; no shipped workflow wants these, and they are kept.
        for other in others {
            self.post(other).await?;
        }
        self.say(format_args!("{} The run goes through its steps:", paint(CYAN, "3")));
        self.say("");
        let run = self.run_of("notify-assignee", block::is_settled).await?;
        if !self.as_json {
            timeline::print(&run, &[], false);
            line("");
            self.show_message();
        }
        self.runs.push(run);
        Ok(())
    }

    /// Says how it went, and answers whether every example did what it should.
    async fn end(&self) -> anyhow::Result<bool> {
        let good = |run: &&RunDetail| block::is_good(&run.summary);
        let (count, all) = (self.runs.iter().filter(good).count(), self.runs.len());
        // Some runs are not told of: those that our own writes brought, and that left them alone.
        let runs = self.deskwire.store.counts().await?.runs;
        let bad = [RunState::Failed, RunState::Dead, RunState::Unknown].map(RunState::as_str);
        let ok = count == all && bad.iter().all(|state| !runs.contains_key(*state));
        if self.as_json {
            self.print_json(ok);
            return Ok(ok);
        }
        let waiting = self.runs.iter().filter(|run| run.summary.state != RunState::Succeeded && good(run)).count();
        let waits = if waiting > 0 { format!("; the other {waiting} wait on purpose") } else { String::new() };
        line(if ok {
            paint(GREEN.bold(), format_args!("{} of {all} runs succeeded{waits}.", count - waiting))
        } else if count == all {
            paint(RED.bold(), "Every example did what it should, but another run failed; the console shows which")
        } else {
            paint(RED.bold(), format_args!("{} of {all} runs did not succeed.", all - count))
        });
        Ok(ok)
    }

    fn say(&self, text: impl std::fmt::Display) {
        if !self.as_json {
            line(text);
        }
    }

    /// Sends the delivery over the network, as its provider would.
    async fn post(&self, delivery: &SignedDelivery) -> anyhow::Result<()> {
        let path = if delivery.provider == "qualtrics" { SURVEYS } else { WEBHOOK };
        let url = Url::parse(&format!("http://{}{path}", self.address))?;
        let (status, answer) = super::events::post(url, &delivery.headers, delivery.body.clone()).await?;
        match status {
            200 | 202 => Ok(()),
            _ => bail!("the webhook answered {status}: {answer}"),
        }
    }

    /// The first run of a workflow, once it has come so far.
    async fn run_of(&self, workflow: &str, far: fn(&RunDetail) -> bool) -> anyhow::Result<RunDetail> {
        let since = Instant::now();
        let store = &self.deskwire.store;
        loop {
            let filter =
                Filter { workflow: Some(workflow.to_owned()), limit: 1, oldest_first: true, ..Filter::default() };
            if let Some(summary) = store.runs(filter).await?.first()
                && let Some(run) = store.run(summary.id.as_str()).await?
                && (far(&run) || since.elapsed() > PATIENCE)
            {
                return Ok(run);
            }
            if since.elapsed() > PATIENCE {
                bail!("no run of {workflow} came within {} s", PATIENCE.as_secs());
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

    fn print_json(&self, ok: bool) {
        let messages: Vec<Value> = self
            .sandbox
            .slack()
            .all_posts()
            .iter()
            .map(|m| json!({ "channel": m.channel, "ts": m.ts, "text": m.text }))
            .collect();
        let runs: Vec<Value> = self.runs.iter().map(timeline::to_json).collect();
        crate::output::json(&json!({ "ok": ok, "runs": runs, "slack": messages }));
    }

    fn keep_open(&self) {
        if self.as_json {
            return;
        }
        let at = format!("http://{}", self.address);
        line("");
        line(format_args!("Look around while this runs:"));
        line(format_args!("  {at}/sandbox/slack     the messages, as people see them"));
        line(format_args!("  {at}/sandbox/zendesk   the tickets; assign another one"));
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
    /// One that nobody else uses; the store makes it.
    fn of_its_own() -> Self {
        let name = deskwire_core::ids::RunId::generate(SystemClock.now(), &OsRandom);
        Self(std::env::temp_dir().join(format!("deskwire-demo-{name}")))
    }
}

impl Drop for TemporaryFolder {
    fn drop(&mut self) {
        // What is left behind is in the system's folder for such things.
        let _ = std::fs::remove_dir_all(&self.0);
    }
}
