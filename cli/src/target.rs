//! Where a command works: on the data folder of this machine, or on a deployment on AWS (`--target aws:STACK`).

use std::str::FromStr;
use std::sync::Arc;

use anyhow::Context;
use deskwire_core::ports::Store;
use deskwire_startup::Place;
use deskwire_storage::SqliteStore;
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

impl DataArgs {
    /// Is it a deployment on AWS?
    pub(crate) fn is_on_aws(&self) -> bool {
        matches!(self.target, Some(Target::Aws(_)))
    }

    /// Where a process keeps everything.
    pub(crate) async fn place(&self) -> anyhow::Result<Place> {
        match &self.target {
            None | Some(Target::Local) => Ok(Place::Folder(self.data.clone())),
            Some(Target::Aws(stack)) => Ok(Place::Shared(on_aws(stack.as_deref()).await?)),
        }
    }

    /// The store. One that is not there is an error that says how to get one.
    pub(crate) async fn open(&self) -> anyhow::Result<Arc<dyn Store>> {
        if !self.is_on_aws() && !self.data.join("deskwire.db").exists() {
            anyhow::bail!(
                "there is no store in {}: start `deskwire serve` there first, or name its data folder with --data",
                self.data.display()
            );
        }
        self.open_or_make().await
    }

    /// Where it is reached from outside: the running server, or the deployment.
    pub(crate) async fn reached_at(&self) -> anyhow::Result<Option<Url>> {
        if !self.is_on_aws() {
            return Ok(crate::server::running_at(&self.data));
        }
        let said = deskwire_startup::public_url_of(self.open().await?.as_ref()).await?;
        said.map(|url| Url::parse(&url).context("the deployment's public address is no URL")).transpose()
    }

    /// The store, which is made if need be.
    pub(crate) async fn open_or_make(&self) -> anyhow::Result<Arc<dyn Store>> {
        match self.place().await? {
            Place::Shared(store) => Ok(store),
            _ => Ok(Arc::new(SqliteStore::open(&self.data)?)),
        }
    }
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
