//! Start-up of a function's own binary, from its environment.
//!
//! - `DESKWIRE_DATA`: the data folder of the embedded store. With it, `DESKWIRE_PROJECT` names the project folder (the
//!   current one unless set), and `DESKWIRE_ALLOW_LOOPBACK=1` lets connections lead to this machine.
//! - Else `DESKWIRE_TABLE`, `DESKWIRE_QUEUE_URL` and `DESKWIRE_SECRET_PREFIX`: the stores of AWS. The project is the one that
//!   `deskwire apply --target aws` has deployed.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use deskwire_aws::{AwsStore, Names};
use deskwire_core::ports::{RunQueue, Store};
use deskwire_secrets::{Environment, Secrets};

use crate::{Deskwire, OsRandom, Place, ProjectFiles, Settings, StartError, read_project, shared_files, start};

/// How old what a function knows of the deployment may be.
const FRESH: Duration = Duration::from_secs(10);

/// A function's process.
pub struct Function {
    /// What it works with.
    pub deskwire: Deskwire,
    /// The stores of AWS, if it works on them.
    pub aws: Option<AwsStore>,
    settings: Settings,
    secrets: Secrets,
    seen: Mutex<Seen>,
}

/// When the deployment was looked at last, and how it was.
struct Seen {
    at: Instant,
    generation: u64,
}

impl Function {
    /// Starts a function as the environment says.
    pub async fn start(variables: Environment) -> Result<Self, StartError> {
        Self::start_with(variables, true).await
    }

    /// Starts one that neither calls providers nor takes webhooks in: it reads no secret, and need not be allowed to.
    pub async fn start_without_secrets(variables: Environment) -> Result<Self, StartError> {
        Self::start_with(variables, false).await
    }

    async fn start_with(variables: Environment, needs_secrets: bool) -> Result<Self, StartError> {
        let variable = |name: &str| variables(name).filter(|value| !value.is_empty());
        let allow_loopback = variable("DESKWIRE_ALLOW_LOOPBACK").as_deref() == Some("1");
        let folder = PathBuf::from(variable("DESKWIRE_PROJECT").unwrap_or_else(|| ".".to_owned()));
        let (place, aws, files): (Place, Option<AwsStore>, ProjectFiles) = if let Some(data) = variable("DESKWIRE_DATA")
        {
            (Place::Folder(PathBuf::from(data)), None, read_project(&folder)?)
        } else {
            let aws = on_aws(&variable).await?;
            let store: Arc<dyn Store> = Arc::new(aws.clone());
            let files = shared_files(store.as_ref()).await?;
            (Place::Shared(store), Some(aws), files)
        };
        let settings = Settings {
            // On AWS, what is in force is what was applied.
            apply: aws.is_none(),
            // One connection without its secret must not stop the others.
            leave_out: aws.is_some(),
            needs_secrets,
            place,
            allow_loopback,
            stand_ins: None,
        };
        let secrets = Secrets::new(&folder, variables);
        // Before anything is read: what is changed meanwhile is then noticed.
        let generation = match &aws {
            Some(aws) => deskwire_core::ports::Registry::generation(aws).await?,
            None => 0,
        };
        let deskwire = start(&settings, &files, &secrets).await?;
        for missing in deskwire.left_out.iter().filter(|_| needs_secrets) {
            tracing::error!(what = missing.what, why = missing.why, "left out, because its secret is missing");
        }
        let seen = Mutex::new(Seen { at: Instant::now(), generation });
        Ok(Self { deskwire, aws, settings, secrets, seen })
    }

    /// The queue that tells of runs, on AWS.
    pub fn queue(&self) -> Option<Arc<dyn RunQueue>> {
        self.aws.clone().map(|aws| Arc::new(aws) as Arc<dyn RunQueue>)
    }

    /// Takes over what was applied, switched or set since the last look, at most every ten seconds. What cannot be taken over
    /// leaves the last good state in force.
    pub async fn keep_in_step(&self) {
        let known = {
            let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
            if self.aws.is_some() && seen.at.elapsed() < FRESH {
                return;
            }
            seen.at = Instant::now();
            seen.generation
        };
        let generation = match self.deskwire.store.generation().await {
            Ok(generation) if self.aws.is_some() && generation == known => return,
            Ok(generation) => generation,
            Err(error) => return tracing::error!(%error, "cannot see what is in force; trying again"),
        };
        if let Err(error) = self.take_over().await {
            return tracing::error!(%error, "cannot take over what is in force now; the last good version stays");
        }
        self.seen.lock().unwrap_or_else(PoisonError::into_inner).generation = generation;
    }

    async fn take_over(&self) -> Result<(), StartError> {
        if self.aws.is_none() {
            return self.deskwire.follow().await;
        }
        let files = shared_files(self.deskwire.store.as_ref()).await?;
        self.deskwire.reload(&self.settings, &files, &self.secrets).await.map(|_| ())
    }
}

/// The stores of AWS, as these variables name them.
pub async fn on_aws(variable: &dyn Fn(&str) -> Option<String>) -> Result<AwsStore, StartError> {
    let needed = |name: &str| {
        variable(name).ok_or_else(|| {
            StartError::Environment(format!(
                "neither DESKWIRE_DATA nor {name} is set: set DESKWIRE_DATA to a data folder for the embedded store, or \
                 DESKWIRE_TABLE, DESKWIRE_QUEUE_URL and DESKWIRE_SECRET_PREFIX for the stores of AWS"
            ))
        })
    };
    let names = Names {
        table: needed("DESKWIRE_TABLE")?,
        queue_url: variable("DESKWIRE_QUEUE_URL"),
        secret_prefix: needed("DESKWIRE_SECRET_PREFIX")?,
    };
    let store = AwsStore::connect(names, &OsRandom).await;
    store.map(AwsStore::counting).map_err(|error| StartError::Environment(error.to_string()))
}
