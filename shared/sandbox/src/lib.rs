//! Stateful stand-ins of Slack and Zendesk, and a small one of an API that writes text, for `deskwire demo`, `deskwire serve
//! --sandbox` and tests.
//!
//! They are written from the providers' pages and from recorded answers, not from what our own client expects, so that a
//! misunderstanding of ours shows. They hold an invented workspace and an invented account (see [`world`]), keep what is
//! written to them, can be told to fail ([`Fault`]), keep a log of every request, and have pages to look at.
//!
//! They send nothing: a save in Zendesk answers with the signed webhooks that Zendesk would send, and the caller delivers
//! them. They read neither the environment nor the system's clock.
//!
//! | address | what it is |
//! |---|---|
//! | `/slack/api/{method}` | Slack's Web API |
//! | `/zendesk/api/v2/…` | Zendesk's REST API |
//! | `/qualtrics/API/v3/…` | Qualtrics' API |
//! | `/qualtrics/jfe/form/{survey}` | a survey, for people |
//! | `POST /llm/v1/chat/completions` | an API that writes text |
//! | `/slack/oauth/…`, `/zendesk/oauth/…`, `/salesforce/…`, `/qualtrics/oauth2/token` | the providers' OAuth servers |
//! | `/slack`, `/zendesk` | pages for people |
//! | `GET /log` | every request so far, as JSON |
//! | `/control/faults` | `POST` plans a [`Fault`], `GET` lists what is planned, `DELETE` forgets it |
//! | `PUT /control/slack/scopes` | sets the bot's scopes: a JSON list of names |
//! | `DELETE /control/oauth/{provider}` | takes back every token that the provider gave out |
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used))]

mod calendar;
mod control;
mod exchange;
mod fault;
mod llm;
mod log;
mod oauth;
mod page;
mod project;
mod qualtrics;
mod samples;
mod slack;
pub mod world;
mod zendesk;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::Router;
use axum::response::Redirect;
use axum::routing::get;
use deskwire_core::random::SeededRandom;
use deskwire_core::secret::SecretString;
use deskwire_core::time::{Clock, Timestamp};

pub use fault::{Fault, FaultKind, UnknownMethod};
pub use log::LogEntry;
pub use project::project_files;
pub use qualtrics::{Answers, Qualtrics};
pub use samples::{Sample, samples};
pub use slack::{Message, Reaction, Slack};
pub use world::{DEMO_AGENT, DEMO_TICKET};
pub use zendesk::{NewTicket, SignedDelivery, Zendesk};

/// What is called with the webhooks of a save that a person made on the Zendesk page or a client made over REST. It must
/// not block: it hands them to whatever delivers.
pub type OnDelivery = Arc<dyn Fn(Vec<SignedDelivery>) + Send + Sync>;

/// What the stand-ins are told.
pub struct SandboxOptions {
    /// Tells the time; also what the seeded world's dates are relative to.
    pub clock: Arc<dyn Clock>,
    /// The bot's token, which Slack's stand-in asks for.
    pub slack_token: SecretString,
    /// The e-mail address of the integration's user in Zendesk, without `/token`.
    pub zendesk_username: String,
    /// The API token, which Zendesk's stand-in takes with the user name or as a bearer token.
    pub zendesk_token: SecretString,
    /// The API token, which Qualtrics' stand-in takes in `X-API-TOKEN` or as a bearer token.
    pub qualtrics_token: SecretString,
    /// What Zendesk's webhooks are signed with, and Qualtrics' where no subscription has a key of its own.
    pub signing_secret: SecretString,
    /// Delivers the webhooks of saves made on the page or over REST; without it they are built and dropped.
    pub on_delivery: Option<OnDelivery>,
}

/// The stand-ins. Clones share one world.
#[derive(Clone)]
pub struct Sandbox(Arc<Inner>);

pub(crate) struct Inner {
    options: SandboxOptions,
    /// Seeded with the time of the start: ids differ from those of an earlier sandbox, and a fixed clock repeats them.
    random: SeededRandom,
    workspace: Mutex<slack::Workspace>,
    account: Mutex<zendesk::Account>,
    brand: Mutex<qualtrics::Brand>,
    authority: Mutex<oauth::Authority>,
    faults: Mutex<fault::Faults>,
    log: Mutex<log::Log>,
}

impl Sandbox {
    /// The stand-ins with the seeded world.
    pub fn new(options: SandboxOptions) -> Self {
        let now = options.clock.now();
        let account = zendesk::Account::seeded(now, &options.zendesk_username);
        Self(Arc::new(Inner {
            random: SeededRandom::new(now.as_millis().unsigned_abs()),
            workspace: Mutex::new(slack::Workspace::seeded(now)),
            account: Mutex::new(account),
            brand: Mutex::new(qualtrics::Brand::seeded(now)),
            authority: Mutex::default(),
            faults: Mutex::default(),
            log: Mutex::default(),
            options,
        }))
    }

    /// Everything under one router; it may be nested under any path.
    pub fn router(&self) -> Router {
        Router::new()
            .route("/", get(async || Redirect::to("slack")))
            .merge(slack::router())
            .merge(zendesk::router())
            .merge(llm::router())
            .merge(oauth::router())
            .merge(qualtrics::router())
            .merge(control::router())
            .with_state(self.clone())
    }

    /// Slack, to look into.
    pub fn slack(&self) -> Slack {
        Slack::of(self.clone())
    }

    /// Zendesk, to act in as its agents and customers do.
    pub fn zendesk(&self) -> Zendesk {
        Zendesk::of(self.clone())
    }

    /// Qualtrics, to answer surveys in as customers do.
    pub fn qualtrics(&self) -> Qualtrics {
        Qualtrics::of(self.clone())
    }

    /// Plans a fault of either stand-in; the error says that no method has this name.
    pub fn fault(&self, fault: Fault) -> Result<(), UnknownMethod> {
        self.faults().plan(fault)
    }

    /// Every request made to a stand-in, oldest first; the last 10,000 are kept.
    pub fn log(&self) -> Vec<LogEntry> {
        lock(&self.0.log).entries()
    }

    pub(crate) fn now(&self) -> Timestamp {
        self.0.options.clock.now()
    }

    pub(crate) fn options(&self) -> &SandboxOptions {
        &self.0.options
    }

    pub(crate) fn random(&self) -> &SeededRandom {
        &self.0.random
    }

    pub(crate) fn workspace(&self) -> MutexGuard<'_, slack::Workspace> {
        lock(&self.0.workspace)
    }

    pub(crate) fn account(&self) -> MutexGuard<'_, zendesk::Account> {
        lock(&self.0.account)
    }

    pub(crate) fn brand(&self) -> MutexGuard<'_, qualtrics::Brand> {
        lock(&self.0.brand)
    }

    pub(crate) fn authority(&self) -> MutexGuard<'_, oauth::Authority> {
        lock(&self.0.authority)
    }

    pub(crate) fn faults(&self) -> MutexGuard<'_, fault::Faults> {
        lock(&self.0.faults)
    }

    pub(crate) fn write_log(&self, entry: log::NewEntry) {
        let at = self.now();
        lock(&self.0.log).add(at, entry);
    }
}

/// A panic elsewhere leaves the invented world usable.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod testing;
