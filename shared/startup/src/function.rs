//! Start-up of a function's own binary, from its environment.
//!
//! - `DESKWIRE_DATA`: the data folder of the embedded store. With it, `DESKWIRE_PROJECT` names the project folder (the
//!   current one unless set), and `DESKWIRE_ALLOW_LOOPBACK=1` lets connections lead to this machine.
//! - Else `DESKWIRE_TABLE`, `DESKWIRE_QUEUE_URL` and `DESKWIRE_SECRET_PREFIX`: the stores of AWS. The project is the one that
//!   `deskwire apply --target aws` has deployed.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use deskwire_aws::{AwsStore, Names};
use deskwire_core::ports::{Registry, RunQueue, Store};
use deskwire_core::random::Random;
use deskwire_core::time::{Clock, SystemClock};
use deskwire_secrets::{Environment, Secrets, Vault};
use tokio::sync::Mutex;

use crate::{Deskwire, Origin, OsRandom, Place, Settings, StartError, begin, vault};

/// How old what a function knows of the deployment may be.
const FRESH: Duration = Duration::from_secs(10);

/// A function's process.
pub struct Function {
    /// What it works with.
    pub deskwire: Deskwire,
    /// The stores of AWS, if it works on them.
    pub aws: Option<AwsStore>,
    settings: Settings,
    origin: Origin,
    secrets: Secrets,
    /// Held while it is looked, so that one look follows another and the newest is the last.
    seen: Mutex<Seen>,
}

/// When the deployment was looked at last, and how it was.
struct Seen {
    at: Instant,
    generation: u64,
}

/// What of a deployment a function works with. The rest is not read, and it need not be allowed to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Needs {
    /// The secrets: it calls providers, or takes webhooks in.
    pub secrets: bool,
    /// The workflows in force: it routes events, or keeps schedules.
    pub workflows: bool,
}

/// The stores alone, with what is needed to work on them.
pub struct Stores {
    /// The store.
    pub store: Arc<dyn Store>,
    /// Sealed secrets.
    pub vault: Vault,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// Randomness.
    pub random: Arc<dyn Random>,
    /// The store of AWS, if it is that.
    pub aws: Option<AwsStore>,
}

impl Stores {
    /// Those that the environment names, for a function that answers from them. Nothing is read yet.
    pub async fn open(variables: Environment) -> Result<Self, StartError> {
        let Opened { place, aws, project } = Opened::of(&variables).await?;
        let (random, clock): (Arc<dyn Random>, Arc<dyn Clock>) = (Arc::new(OsRandom), Arc::new(SystemClock));
        let store = place.open()?;
        let vault = vault(&store, &place, &Secrets::new(&project, variables), &random)?;
        Ok(Self { store, vault, clock, random, aws })
    }
}

/// Where a function keeps everything, and where its project's files are, if it has any.
struct Opened {
    place: Place,
    aws: Option<AwsStore>,
    project: PathBuf,
}

impl Opened {
    async fn of(variables: &Environment) -> Result<Self, StartError> {
        let variable = |name: &str| variables(name).filter(|value| !value.is_empty());
        let project = PathBuf::from(variable("DESKWIRE_PROJECT").unwrap_or_else(|| ".".to_owned()));
        if let Some(data) = variable("DESKWIRE_DATA") {
            return Ok(Self { place: Place::Folder(PathBuf::from(data)), aws: None, project });
        }
        let aws = on_aws(&variable).await?;
        Ok(Self { place: Place::Shared(Arc::new(aws.clone())), aws: Some(aws), project })
    }
}

impl Function {
    /// Starts a function as the environment says.
    pub async fn start(variables: Environment, needs: Needs) -> Result<Self, StartError> {
        let allow_loopback = variables("DESKWIRE_ALLOW_LOOPBACK").as_deref() == Some("1");
        let Opened { place, aws, project } = Opened::of(&variables).await?;
        // Before anything is read: what is changed meanwhile is then noticed.
        let (generation, origin) = match &aws {
            Some(aws) => (aws.generation().await?, Origin::Deployed(None)),
            None => (0, Origin::Folder(project.clone())),
        };
        let settings = Settings {
            // On AWS, what is in force is what was applied.
            apply: aws.is_none(),
            // One connection without its secret must not stop the others.
            leave_out: aws.is_some(),
            needs_secrets: needs.secrets,
            needs_workflows: needs.workflows,
            place,
            allow_loopback,
            stand_ins: None,
        };
        let secrets = Secrets::new(&project, variables);
        let (deskwire, held_back) = begin(&settings, &origin, &secrets).await?;
        if let Some(held_back) = held_back {
            tracing::error!(why = %held_back.why, "the project's files are not used; what was put in force last is");
        }
        for missing in deskwire.left_out.iter().filter(|_| needs.secrets) {
            tracing::error!(what = missing.what, why = missing.why, "left out, because its secret is missing");
        }
        if let Some(aws) = &aws {
            aws.tell_of_start();
        }
        let seen = Mutex::new(Seen { at: Instant::now(), generation });
        Ok(Self { deskwire, aws, settings, origin, secrets, seen })
    }

    /// The queue that tells of runs, on AWS.
    pub fn queue(&self) -> Option<Arc<dyn RunQueue>> {
        self.aws.clone().map(|aws| Arc::new(aws) as Arc<dyn RunQueue>)
    }

    /// Takes over what was applied, switched or set since the last look, at most every ten seconds. What cannot be taken over
    /// leaves the last good state in force.
    pub async fn keep_in_step(&self) {
        self.look(FRESH).await;
    }

    /// The same, whenever the last look was: for what is asked by people who have just changed something.
    pub async fn catch_up(&self) {
        self.look(Duration::ZERO).await;
    }

    async fn look(&self, fresh: Duration) {
        let mut seen = self.seen.lock().await;
        if self.aws.is_some() && seen.at.elapsed() < fresh {
            return;
        }
        seen.at = Instant::now();
        let generation = match self.deskwire.store.generation().await {
            Ok(generation) if self.aws.is_some() && generation == seen.generation => return,
            Ok(generation) => generation,
            Err(error) => return tracing::error!(%error, "cannot see what is in force; trying again"),
        };
        match self.take_over().await {
            Ok(()) => seen.generation = generation,
            Err(error) => tracing::error!(%error, "cannot take over what is in force now; the last good version stays"),
        }
    }

    async fn take_over(&self) -> Result<(), StartError> {
        if self.aws.is_none() {
            return self.deskwire.follow().await;
        }
        let taken = self.deskwire.reload(&self.settings, &self.origin, &self.secrets).await?;
        for missing in &taken.left_out {
            tracing::error!(what = missing.what, why = missing.why, "left out, because its secret is missing");
        }
        Ok(())
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
