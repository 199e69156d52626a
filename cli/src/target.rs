//! Where a command works: on the data folder of this machine, or on a deployment on AWS (`--target aws:STACK`).

use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::sync::Arc;

use anyhow::Context;
use deskwire_core::ports::Store;
use deskwire_startup::Place;
use deskwire_storage::{DataKind, SqliteStore};
use url::Url;

use crate::args::DataArgs;

/// The stack's name where `--target aws` gives none.
#[cfg(feature = "aws")]
const STACK: &str = "deskwire";

/// What `--target` says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Target {
    /// This machine.
    Local,
    /// A deployment on AWS, by its stack's name.
    Aws(Option<String>),
}

impl FromStr for Target {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.split_once(':') {
            None if text == "local" => Ok(Self::Local),
            None if text == "aws" => Ok(Self::Aws(None)),
            Some(("aws", stack)) if !stack.is_empty() => Ok(Self::Aws(Some(stack.to_owned()))),
            _ => Err("give `local`, `aws`, or `aws:STACK` with the name of the stack".to_owned()),
        }
    }
}

/// The data folder where nobody names another, in the project folder.
const DATA: &str = ".deskwire";

/// The sandbox's, in there.
const SANDBOX: &str = "sandbox";

impl DataArgs {
    /// Is it a deployment on AWS?
    pub(crate) fn is_on_aws(&self) -> bool {
        matches!(self.target, Some(Target::Aws(_)))
    }

    /// May connections lead to this machine? The sandbox's do.
    pub(crate) fn allow_loopback(&self) -> bool {
        self.project.allow_loopback || self.sandbox
    }

    /// The data folder that the arguments name.
    pub(crate) fn folder(&self) -> PathBuf {
        self.data.clone().unwrap_or_else(|| if self.sandbox { self.usual().join(SANDBOX) } else { self.usual() })
    }

    fn usual(&self) -> PathBuf {
        if self.project.project == Path::new(".") { PathBuf::from(DATA) } else { self.project.project.join(DATA) }
    }

    const fn kind(&self) -> DataKind {
        if self.sandbox { DataKind::Sandbox } else { DataKind::Live }
    }

    /// Is there anything to ask?
    pub(crate) fn has_store(&self) -> bool {
        self.is_on_aws() || SqliteStore::is_in(&self.folder())
    }

    /// The sandbox's data of this project, where the arguments name no folder and there is no live data.
    fn only_in_the_sandbox(&self) -> Option<Self> {
        let sandbox = Self { sandbox: true, ..self.clone() };
        let unnamed = self.data.is_none() && !self.sandbox && !self.is_on_aws();
        (unnamed && !self.has_store() && sandbox.has_store()).then_some(sandbox)
    }

    /// The data that a question is about: what the arguments name, or the sandbox's while there is no live data, which is said.
    pub(crate) async fn asked(&self) -> anyhow::Result<Self> {
        if let Some(sandbox) = self.only_in_the_sandbox() {
            let folder = sandbox.folder();
            say_once(format_args!("using the sandbox's data in {}: there is no live data yet", folder.display()));
            return Ok(sandbox);
        }
        if !self.is_on_aws() && !self.sandbox && self.has_store() {
            let marked = SqliteStore::open(&self.folder())?.kind().await?;
            if marked == Some(DataKind::Sandbox) {
                say_once(format_args!("the data in {} is the sandbox's", self.folder().display()));
                return Ok(Self { sandbox: true, data: Some(self.folder()), ..self.clone() });
            }
        }
        Ok(self.clone())
    }

    /// The same for what is sent to a server: the sandbox's counts only while it runs.
    pub(crate) async fn sent_to(&self) -> anyhow::Result<Self> {
        match self.only_in_the_sandbox() {
            Some(sandbox) if !crate::server::is_running(&sandbox.folder()) => Ok(self.clone()),
            _ => self.asked().await,
        }
    }

    /// Where a process keeps everything.
    pub(crate) async fn place(&self) -> anyhow::Result<Place> {
        match &self.target {
            Some(Target::Aws(_)) if self.sandbox => {
                anyhow::bail!("the sandbox is on this machine only: leave out --sandbox, or --target (DESKWIRE_TARGET)")
            }
            Some(Target::Aws(stack)) => Ok(Place::Shared(on_aws(stack.as_deref()).await?)),
            None | Some(Target::Local) if self.sandbox => Ok(Place::Sandbox(self.folder())),
            None | Some(Target::Local) => Ok(Place::Folder(self.folder())),
        }
    }

    /// The same, in memory where nothing is kept yet: for commands that also work on the project alone.
    pub(crate) async fn place_if_any(&self) -> anyhow::Result<Place> {
        self.tell_if_empty();
        if self.has_store() { self.place().await } else { Ok(Place::Memory) }
    }

    /// The store, for a question; whether it holds live data or the sandbox's does not matter. One that is not there is an
    /// error that says how to get one.
    pub(crate) async fn open(&self) -> anyhow::Result<Arc<dyn Store>> {
        let asked = self.asked().await?;
        match asked.place().await? {
            Place::Shared(store) => Ok(store),
            _ if asked.has_store() => Ok(Arc::new(SqliteStore::open(&asked.folder())?)),
            _ => Err(anyhow::anyhow!(asked.nothing_yet())),
        }
    }

    /// The store in the folder that the arguments name, where there is one.
    pub(crate) async fn open_if_any(&self) -> anyhow::Result<Option<Arc<dyn Store>>> {
        if self.has_store() { self.open().await.map(Some) } else { Ok(None) }
    }

    /// Says so if there is no data: for questions that the project's files answer in part.
    pub(crate) fn tell_if_empty(&self) {
        if !self.has_store() {
            say_once(self.nothing_yet());
        }
    }

    /// The store, to change something in it: it must be there, and hold what was asked for, live data or the sandbox's.
    pub(crate) async fn open_to_act(&self) -> anyhow::Result<Arc<dyn Store>> {
        if self.has_store() {
            return self.open_or_make().await;
        }
        Err(anyhow::anyhow!(self.nothing_yet()))
    }

    /// The same; it is made if need be.
    pub(crate) async fn open_or_make(&self) -> anyhow::Result<Arc<dyn Store>> {
        match self.place().await? {
            Place::Shared(store) => Ok(store),
            _ => Ok(Arc::new(SqliteStore::open_for(&self.folder(), self.kind())?)),
        }
    }

    /// That there is no data, and how to get some.
    fn nothing_yet(&self) -> String {
        let (folder, also) = (self.folder(), if self.sandbox { " --sandbox" } else { "" });
        let sandbox = self
            .only_in_the_sandbox()
            .map(|one| format!("; for the sandbox's data in {}, add --sandbox", one.folder().display()));
        format!(
            "no data in {} yet; start `deskwire serve{also}`, or name another folder with --project or --data{}",
            folder.display(),
            sandbox.unwrap_or_default()
        )
    }

    /// Where it is reached from outside: the running server, or the deployment.
    pub(crate) async fn reached_at(&self) -> anyhow::Result<Option<Url>> {
        if !self.is_on_aws() {
            return Ok(crate::server::running_at(&self.folder()));
        }
        let said = deskwire_startup::public_url_of(self.open().await?.as_ref()).await?;
        said.map(|url| Url::parse(&url).context("the deployment's public address is no URL")).transpose()
    }
}

/// A line on the standard error that every command says once at most.
fn say_once(text: impl std::fmt::Display) {
    static SAID: std::sync::Once = std::sync::Once::new();
    SAID.call_once(|| crate::output::note(text));
}

#[cfg(not(feature = "aws"))]
#[expect(clippy::unused_async, reason = "the other build waits")]
async fn on_aws(_: Option<&str>) -> anyhow::Result<Arc<dyn Store>> {
    anyhow::bail!(
        "this `deskwire` was built without AWS, so that it builds quickly: build it with `cargo build --release --features \
         aws`, or run it with `cargo run --release --features aws -- …`"
    )
}

#[cfg(feature = "aws")]
#[expect(clippy::disallowed_methods, reason = "a binary reads the environment")]
async fn on_aws(stack: Option<&str>) -> anyhow::Result<Arc<dyn Store>> {
    use deskwire_core::ports::{Registry, StoreError};
    let named = std::env::var("DESKWIRE_STACK").ok().filter(|name| !name.is_empty());
    let stack = stack.map(str::to_owned).or(named).unwrap_or_else(|| STACK.to_owned());
    let store = deskwire_aws::AwsStore::of_stack(&stack, &deskwire_startup::OsRandom).await?;
    match store.generation().await {
        Ok(_) => Ok(Arc::new(store)),
        Err(StoreError::Unavailable { reason }) if reason.contains("ResourceNotFoundException") => anyhow::bail!(
            "there is no deployment `{stack}` in this account and region: deploy it first (infra/README.md), or name another \
             with --target aws:STACK"
        ),
        Err(error) => Err(error).with_context(|| format!("the deployment `{stack}` cannot be reached")),
    }
}
