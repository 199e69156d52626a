//! Start-up of webhook functions on AWS, where they must be small: the board that was deployed, the signing secrets, and the
//! stores. No templates, no actions, no embedded store.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use axum::Router;
use axum::extract::{Request, State};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::Response;
use deskwire_accept::{Board, BoardError, CurrentCatalogue, Intake, LARGEST_SHARED_BODY};
use deskwire_aws::{AwsStore, ConnectError, Names};
use deskwire_core::ports::{Registry, StoreError};
use deskwire_core::random::Random;
use deskwire_core::secret::{SecretRef, SecretString};
use deskwire_core::source::SourceConfig;
use deskwire_core::time::SystemClock;
use deskwire_secrets::{Environment, Keys, OsRandom, Secrets, Vault, VaultError};
use futures_util::future::try_join_all;

/// How old what a function knows of the deployment may be.
const FRESH: Duration = Duration::from_secs(10);

/// Why a webhook function cannot start.
#[derive(Debug, thiserror::Error)]
pub enum EdgeError {
    /// Its environment is incomplete.
    #[error("{0} is not set; the deployment's template sets it")]
    Variable(&'static str),
    /// AWS cannot be reached.
    #[error(transparent)]
    Connect(#[from] ConnectError),
    /// The store does not answer.
    #[error("cannot read what is deployed: {0}")]
    Store(#[from] StoreError),
    /// Nothing is deployed.
    #[error("nothing has been put in force here yet: run `deskwire apply --target aws` in the project folder")]
    Nothing,
    /// What is deployed cannot be read.
    #[error(transparent)]
    Board(#[from] BoardError),
    /// A secret cannot be read.
    #[error(transparent)]
    Secret(#[from] VaultError),
}

/// A webhook function's process.
pub struct Edge {
    intake: Arc<Intake>,
    store: AwsStore,
    vault: Vault,
    secrets: Secrets,
    seen: Mutex<(Instant, u64)>,
}

impl Edge {
    /// Starts as the environment says: `DESKWIRE_TABLE`, `DESKWIRE_QUEUE_URL`, `DESKWIRE_SECRET_PREFIX`.
    pub async fn start(variables: Environment) -> Result<Arc<Self>, EdgeError> {
        let variable =
            |name: &'static str| variables(name).filter(|value| !value.is_empty()).ok_or(EdgeError::Variable(name));
        let names = Names {
            table: variable("DESKWIRE_TABLE")?,
            queue_url: Some(variable("DESKWIRE_QUEUE_URL")?),
            secret_prefix: variable("DESKWIRE_SECRET_PREFIX")?,
        };
        let store = AwsStore::connect(names, &OsRandom).await?.counting();
        let edge = Self::on(store, variables).await?;
        edge.store.tell_of_start();
        Ok(edge)
    }

    /// The same on a store that is there already.
    pub async fn on(store: AwsStore, variables: Environment) -> Result<Arc<Self>, EdgeError> {
        let random: Arc<dyn Random> = Arc::new(OsRandom);
        let vault = Vault::new(Arc::new(store.clone()), Keys::ByStore, Arc::clone(&random));
        let intake = Intake {
            inbox: Arc::new(store.clone()),
            catalogue: Arc::new(CurrentCatalogue::default()),
            clock: Arc::new(SystemClock),
            random,
            largest_body: LARGEST_SHARED_BODY,
            bodies: deskwire_accept::Bodies::default(),
        };
        let secrets = Secrets::new(Path::new("."), variables);
        let generation = store.generation().await?;
        let seen = Mutex::new((Instant::now(), generation));
        let edge = Self { intake: Arc::new(intake), store, vault, secrets, seen };
        edge.load().await?;
        Ok(Arc::new(edge))
    }

    /// What accepting works with.
    pub fn intake(&self) -> Arc<Intake> {
        Arc::clone(&self.intake)
    }

    /// A function's routes, before which the deployment is looked at from time to time.
    pub fn serve(self: &Arc<Self>, routes: Router) -> Router {
        routes.layer(from_fn_with_state(Arc::clone(self), keep_in_step))
    }

    /// Reads what is deployed.
    async fn load(&self) -> Result<(), EdgeError> {
        let (board, in_force) = tokio::try_join!(self.store.document(Board::NAME), self.store.in_force())?;
        let board = Board::read(&board.ok_or(EdgeError::Nothing)?)?;
        self.secrets.take_stored(self.stored(&board.sources).await?);
        self.intake.catalogue.replace(board.catalogue(&in_force, |source| self.secrets_of(source)));
        Ok(())
    }

    /// The stored secrets that these sources name, each with its versions in grace.
    async fn stored(&self, sources: &[SourceConfig]) -> Result<BTreeMap<String, Vec<SecretString>>, VaultError> {
        let stored = |reference: &SecretRef| match reference {
            SecretRef::Stored(name) => Some(name.clone()),
            _ => None,
        };
        let names: BTreeSet<String> =
            sources.iter().flat_map(|source| &source.signing_secrets).filter_map(stored).collect();
        let versions = |name: String| async move {
            let versions = self.vault.versions_of(&name).await?;
            Ok::<_, VaultError>((name, versions))
        };
        let found = try_join_all(names.into_iter().map(versions)).await?;
        Ok(found.into_iter().filter(|(_, versions)| !versions.is_empty()).collect())
    }

    fn secrets_of(&self, source: &SourceConfig) -> Vec<SecretString> {
        let mut found = Vec::new();
        for reference in &source.signing_secrets {
            match self.secrets.resolve_all(reference, &format!("source {}", source.name)) {
                Ok(secrets) => found.extend(secrets),
                Err(error) => tracing::error!(source = %source.name, %error, "a signing secret is missing"),
            }
        }
        found
    }

    async fn refresh(&self) {
        let known = {
            let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
            if seen.0.elapsed() < FRESH {
                return;
            }
            seen.0 = Instant::now();
            seen.1
        };
        let generation = match self.store.generation().await {
            Ok(generation) if generation == known => return,
            Ok(generation) => generation,
            Err(error) => return tracing::error!(%error, "cannot see what is in force; trying again"),
        };
        if let Err(error) = self.load().await {
            return tracing::error!(%error, "cannot take over what is in force now; the last good version stays");
        }
        self.seen.lock().unwrap_or_else(PoisonError::into_inner).1 = generation;
    }
}

async fn keep_in_step(State(edge): State<Arc<Edge>>, request: Request, next: Next) -> Response {
    edge.refresh().await;
    let answer = next.run(request).await;
    if answer.status() == axum::http::StatusCode::ACCEPTED {
        edge.store.metrics.count(&[("EventsAccepted", 1)]);
    }
    answer
}
