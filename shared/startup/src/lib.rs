//! Putting a process together, the same way for every binary: project folder, secrets, store, connections, engine.
//!
//! Binaries read the environment and pass in what they found; nothing else here does. If start-up must fail, it fails
//! here, before the first event, and names the file or the variable that is wrong.
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used))]

mod conditions;
mod deployment;
#[cfg(feature = "aws")]
mod function;
mod origin;
mod project;
mod shared_project;
mod stand_ins;

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::{Arc, PoisonError, RwLock};

use deskwire_accept::{Bodies, CurrentCatalogue, Intake, Source};
use deskwire_connectors::Connection;
use deskwire_core::action::Actions;
use deskwire_core::connection::{AuthConfig, FixedFacts};
use deskwire_core::ids::{ConnectionName, SourceName};
use deskwire_core::ports::{Deployed, Store};
use deskwire_core::provider::provider;
use deskwire_core::random::Random;
use deskwire_core::secret::SecretString;
use deskwire_core::source::SourceConfig;
use deskwire_core::time::{Clock, SystemClock, Timestamp};
use deskwire_egress::{Egress, EgressOptions};
use deskwire_engine::{Engine, EngineOptions, Versions};
use deskwire_oauth::Client;
use deskwire_secrets::{Keys, Listed, SecretError, Secrets, Vault, VaultError};
use deskwire_storage::{DataKind, OpenError, SqliteStore};
use deskwire_templates::Templates;
use deskwire_tokens::{Broker, BrokerOptions, Providers};
use deskwire_workflows::{Diagnostic, InForce, Loaded, Options, Project, Severity};
use tokio::sync::Mutex;

pub use conditions::{ByTemplates, catalogue};
pub use deployment::{Change, ChangeKind, Plan, Refused};
pub use deskwire_secrets::OsRandom;
#[cfg(feature = "aws")]
pub use function::{Function, Needs, Stores, on_aws};
pub use origin::{HeldBack, Origin};
pub use project::{ProjectFiles, read_project};
pub use shared_project::{public_url_of, share, share_project, share_public_url, tell_of_secrets};
pub use stand_ins::StandIns;

/// Why a process cannot start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The project folder or a file in it cannot be read.
    #[error("cannot read {path}: {source}")]
    Read {
        /// The file or folder.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// A project file is not UTF-8.
    #[error("{path}:{line}:{column} is not UTF-8 text; save the file as UTF-8")]
    NotText {
        /// The file.
        path: PathBuf,
        /// The line of the first byte that is not, from 1.
        line: usize,
        /// Its column, from 1, in characters.
        column: usize,
    },
    /// The project has mistakes.
    #[error("the project has {}; `deskwire check` shows where", counted(.0))]
    Mistakes(Vec<Diagnostic>),
    /// Secrets are missing.
    #[error("{}", .0.iter().map(|missing| missing.why.as_str()).collect::<Vec<_>>().join("\n"))]
    Secrets(Vec<Missing>),
    /// What cannot change about a connection would.
    #[error("{}", .0.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"))]
    Fixed(Vec<Refused>),
    /// The secret store cannot be used.
    #[error("{0}")]
    Vault(#[from] VaultError),
    /// The store cannot be opened.
    #[error(transparent)]
    Store(#[from] OpenError),
    /// The store does not take the workflows, or does not give them back.
    #[error("cannot use the store: {0}")]
    Deploy(#[from] deskwire_core::ports::StoreError),
    /// Live and sandbox would mix.
    #[error("cannot use {0}; add --sandbox for both, or for neither")]
    Mixed(&'static str),
    /// A function's environment is incomplete.
    #[error("{0}")]
    Environment(String),
}

/// How many mistakes and warnings there are, in words: a warning is no mistake.
pub fn counted(diagnostics: &[Diagnostic]) -> String {
    let errors = diagnostics.iter().filter(|one| one.severity == Severity::Error).count();
    let many = |count: usize, word: &str| format!("{count} {word}{}", if count == 1 { "" } else { "s" });
    match (errors, diagnostics.len() - errors) {
        (0, warnings) => many(warnings, "warning"),
        (errors, 0) => many(errors, "mistake"),
        (errors, warnings) => format!("{} and {}", many(errors, "mistake"), many(warnings, "warning")),
    }
}

/// What a process is told.
#[expect(clippy::struct_excessive_bools, reason = "each is a setting of its own")]
pub struct Settings {
    /// Where everything is kept.
    pub place: Place,
    /// May connections lead to this machine, over plain http too?
    pub allow_loopback: bool,
    /// The stand-ins that answer instead of the providers, if they should.
    pub stand_ins: Option<StandIns>,
    /// Are the project's workflows put in force? Else those that were applied before are.
    pub apply: bool,
    /// Is what lacks its secret left out, instead of refusing the start? For commands about one part of a project.
    pub leave_out: bool,
    /// Does it call providers, or take webhooks in? Else no secret is read at all.
    pub needs_secrets: bool,
    /// Does it route events or keep schedules? Else the workflows in force are not looked at, and each version is read
    /// when a run asks for it.
    pub needs_workflows: bool,
}

/// Where a process keeps everything.
#[derive(Clone)]
pub enum Place {
    /// In memory, while it lasts.
    Memory,
    /// On this machine, in this folder: live data.
    Folder(PathBuf),
    /// The same for data that come from the sandbox's stand-ins. The two never mix.
    Sandbox(PathBuf),
    /// In a store that others share, and that seals secrets by itself.
    Shared(Arc<dyn Store>),
}

impl Place {
    /// The largest body of an event that the store takes, in bytes. An item of DynamoDB has at most 400 KB.
    const fn largest_body(&self) -> usize {
        match self {
            Self::Memory | Self::Folder(_) | Self::Sandbox(_) => deskwire_accept::MAX_BODY_BYTES,
            Self::Shared(_) => deskwire_accept::LARGEST_SHARED_BODY,
        }
    }

    /// Nothing live is answered by stand-ins, and nothing of the sandbox by providers.
    fn suits(&self, stand_ins: bool) -> Result<(), StartError> {
        match self {
            Self::Folder(_) | Self::Shared(_) if stand_ins => Err(StartError::Mixed("live data with stand-ins")),
            Self::Sandbox(_) if !stand_ins => Err(StartError::Mixed("the sandbox's data with the providers")),
            _ => Ok(()),
        }
    }

    fn open(&self) -> Result<Arc<dyn Store>, OpenError> {
        Ok(match self {
            Self::Memory => Arc::new(SqliteStore::in_memory()?),
            Self::Folder(folder) => Arc::new(SqliteStore::open_for(folder, DataKind::Live)?),
            Self::Sandbox(folder) => Arc::new(SqliteStore::open_for(folder, DataKind::Sandbox)?),
            Self::Shared(store) => Arc::clone(store),
        })
    }
}

/// Something whose secret is missing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Missing {
    /// What needs it: `connection slack`.
    pub what: String,
    /// One sentence: which one, and how to give it.
    pub why: String,
}

impl From<SecretError> for Missing {
    fn from(error: SecretError) -> Self {
        Self { what: error.used_by.clone(), why: error.to_string() }
    }
}

/// The actions, without any connection: for `check`, `actions` and compiling.
pub fn actions_alone() -> Actions {
    let egress = Arc::new(Egress::new(EgressOptions::default()));
    deskwire_connectors::actions(&Arc::new(deskwire_connectors::Client::new(egress, [])))
}

/// The template language, with its usual limits.
pub fn templates() -> Templates {
    Templates::new(deskwire_templates::Limits::default())
}

/// Everything a process works with.
pub struct Deskwire {
    /// The store.
    pub store: Arc<dyn Store>,
    /// Sources with their secrets, and the workflows in force.
    pub catalogue: Arc<CurrentCatalogue>,
    /// The compiled workflow versions, and the actions on the project's connections.
    pub versions: Arc<Versions>,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// Randomness.
    pub random: Arc<dyn Random>,
    /// Sealed secrets.
    pub vault: Vault,
    /// Gives out the tokens of connections that are signed in by OAuth.
    pub broker: Arc<Broker>,
    /// The OAuth clients of these connections.
    pub providers: Arc<Providers>,
    /// What applying the project's workflows at the start changed.
    pub applied: Plan,
    /// What was left out because its secret is missing, and why.
    pub left_out: Vec<Missing>,
    /// The stored secrets as they were at the start: names and versions.
    pub stored: Vec<Listed>,
    largest_body: usize,
    bodies: Bodies,
    in_force: RwLock<Arc<Vec<InForce>>>,
    project: RwLock<Arc<Project>>,
    sources: RwLock<Vec<Source>>,
    client: RwLock<Arc<deskwire_connectors::Client>>,
    egress: Arc<Egress>,
    /// Held while something is taken over, so that nothing older is ever taken over last.
    turn: Mutex<()>,
}

/// What taking over the project came to.
#[derive(Debug)]
pub struct Reloaded {
    /// What that put in force.
    pub applied: Plan,
    /// Why the folder's files do not count, if they do not: then what was put in force last is taken over, with the secrets
    /// as they are now.
    pub held_back: Option<HeldBack>,
    /// What was left out because its secret is missing, and why.
    pub left_out: Vec<Missing>,
}

impl Deskwire {
    /// The project as it was loaded last without a mistake.
    pub fn project(&self) -> Arc<Project> {
        Arc::clone(&self.project.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// The workflows in force: another list after every change.
    pub fn workflows(&self) -> Arc<Vec<InForce>> {
        Arc::clone(&self.in_force.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// What the webhook functions need.
    pub fn intake(&self) -> Intake {
        Intake {
            inbox: self.store.clone(),
            catalogue: Arc::clone(&self.catalogue),
            clock: Arc::clone(&self.clock),
            random: Arc::clone(&self.random),
            largest_body: self.largest_body,
            bodies: self.bodies.clone(),
        }
    }

    /// The connections, for calling them without an action.
    pub fn client(&self) -> Arc<deskwire_connectors::Client> {
        Arc::clone(&self.client.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// What the runner needs.
    pub fn engine(&self) -> Engine {
        self.engine_with(EngineOptions::default())
    }

    /// The same with options of one's own.
    pub fn engine_with(&self, options: EngineOptions) -> Engine {
        Engine::new(
            self.store.clone(),
            Arc::clone(&self.versions),
            Arc::clone(&self.clock),
            Arc::clone(&self.random),
            options,
        )
    }

    /// Takes over the project and the secrets as they are now: sources, connections and, if the settings say so, workflows;
    /// all of it or, where there is an error, nothing. Runs under way keep their version. One at a time, and everything is
    /// read in that turn.
    pub async fn reload(
        &self,
        settings: &Settings,
        origin: &Origin,
        secrets: &Secrets,
    ) -> Result<Reloaded, StartError> {
        let _turn = self.turn.lock().await;
        let ready = Ready::find(settings, origin, secrets, self.store.as_ref(), &self.vault, &self.clock).await?;
        let Ready { project, parts, applied, deployed, held_back, .. } = ready;
        self.providers.replace(parts.clients);
        let client = client_on(&self.egress, parts.connections, &self.broker);
        self.versions.replace_actions(deskwire_connectors::actions(&client));
        *self.client.write().unwrap_or_else(PoisonError::into_inner) = client;
        *self.sources.write().unwrap_or_else(PoisonError::into_inner) = parts.sources;
        *self.project.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(project);
        if settings.needs_workflows {
            self.take_over(&deployed);
        }
        Ok(Reloaded { applied, held_back, left_out: parts.missing })
    }

    /// Takes over what is in force according to the store, whoever changed it.
    pub async fn follow(&self) -> Result<(), StartError> {
        let _turn = self.turn.lock().await;
        self.take_over(&self.store.deployed().await?);
        Ok(())
    }

    fn take_over(&self, deployed: &[Deployed]) {
        let mut in_force = Vec::new();
        for deployed in deployed {
            match self.versions.of(&deployed.name, &deployed.version, &deployed.text) {
                Ok(workflow) => in_force.push(InForce { workflow, active: deployed.active }),
                Err(error) => tracing::error!(workflow = %deployed.name, %error, "a workflow cannot be used"),
            }
        }
        let sources = self.sources.read().unwrap_or_else(PoisonError::into_inner).clone();
        self.catalogue.replace(catalogue(sources, &in_force));
        *self.in_force.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(in_force);
    }
}

/// Checks the project's files, whatever the environment holds.
pub fn check(files: &ProjectFiles, allow_loopback: bool) -> Loaded {
    let (actions, templates) = (actions_alone(), Templates::new(deskwire_templates::Limits::default()));
    let options = Options { actions: &actions, templates: &templates, allow_loopback };
    let mut loaded = deskwire_workflows::load(files.project.as_ref(), &files.workflows, &options);
    loaded.diagnostics.extend(files.unreadable.iter().cloned());
    loaded
}

/// What a project needs from outside its files.
struct Parts {
    sources: Vec<Source>,
    connections: Vec<Connection>,
    clients: BTreeMap<ConnectionName, Arc<Client>>,
    missing: Vec<Missing>,
}

/// `all_or_nothing`: a mistake, or a secret that is missing, is an error. Else what is sound is used without the rest.
fn prepare(
    settings: &Settings,
    files: &ProjectFiles,
    secrets: &Secrets,
    all_or_nothing: bool,
) -> Result<(Project, Parts), StartError> {
    let loaded = check(files, settings.allow_loopback);
    if loaded.has_errors() {
        if all_or_nothing {
            return Err(StartError::Mistakes(loaded.diagnostics));
        }
        origin::tell_of_what_is_unusable(&loaded.diagnostics);
    }
    let project = loaded.project;
    let mut missing = Vec::new();
    let sources = sources(&project.sources, settings.stand_ins.as_ref(), secrets, &mut missing);
    let connections = connections(&project, settings.stand_ins.as_ref(), secrets, &mut missing);
    let clients = clients(&project, settings.stand_ins.as_ref(), secrets, &mut missing);
    // A client that several connections use lacks its secret once.
    let mut told = BTreeSet::new();
    missing.retain(|one: &Missing| told.insert((one.what.clone(), one.why.clone())));
    if missing.is_empty() || settings.leave_out || !all_or_nothing {
        Ok((project, Parts { sources, connections, clients, missing }))
    } else {
        Err(StartError::Secrets(missing))
    }
}

/// No connection is used otherwise than it was given for, whether or not anything is put in force.
fn accepted(plan: Plan) -> Result<Plan, StartError> {
    if plan.refused.is_empty() { Ok(plan) } else { Err(StartError::Fixed(plan.refused)) }
}

fn client_on(
    egress: &Arc<Egress>,
    connections: Vec<Connection>,
    broker: &Arc<Broker>,
) -> Arc<deskwire_connectors::Client> {
    let client = deskwire_connectors::Client::new(Arc::clone(egress), connections);
    Arc::new(client.with_tokens(broker.clone()))
}

/// Starts from settings and files that were read already. A mistake in them is an error.
pub async fn start(settings: &Settings, files: &ProjectFiles, secrets: &Secrets) -> Result<Deskwire, StartError> {
    let base = Base::open(settings, secrets)?;
    let known = Known::read(settings, base.store.as_ref(), &base.vault, base.clock.now()).await?;
    known.tell(settings, secrets);
    let ready = Ready::of(settings, files, secrets, known, base.store.as_ref(), &base.clock).await?;
    Ok(base.start(settings, ready).0)
}

/// Starts from wherever the project is. Where the folder's files cannot be used, it starts with what was put in force last, and
/// says why. It is an error only where nothing was.
pub async fn begin(
    settings: &Settings,
    origin: &Origin,
    secrets: &Secrets,
) -> Result<(Deskwire, Option<HeldBack>), StartError> {
    let base = Base::open(settings, secrets)?;
    let ready = Ready::find(settings, origin, secrets, base.store.as_ref(), &base.vault, &base.clock).await?;
    Ok(base.start(settings, ready))
}

/// What is there before anything is known of the project.
struct Base {
    store: Arc<dyn Store>,
    vault: Vault,
    clock: Arc<dyn Clock>,
    random: Arc<dyn Random>,
}

impl Base {
    fn open(settings: &Settings, secrets: &Secrets) -> Result<Self, StartError> {
        settings.place.suits(settings.stand_ins.is_some())?;
        let store = settings.place.open()?;
        let random: Arc<dyn Random> = Arc::new(OsRandom);
        let vault = vault(&store, &settings.place, secrets, &random)?;
        Ok(Self { store, vault, clock: Arc::new(SystemClock), random })
    }

    fn start(self, settings: &Settings, ready: Ready) -> (Deskwire, Option<HeldBack>) {
        let Self { store, vault, clock, random } = self;
        let Ready { project, parts, applied, deployed, held_back, stored } = ready;
        let options = EgressOptions { allow_loopback: settings.allow_loopback, ..EgressOptions::default() };
        let egress = Arc::new(Egress::new(options));
        let templates = Templates::new(deskwire_templates::Limits::default());
        let providers = Arc::new(Providers::new(Arc::clone(&egress), parts.clients));
        let broker = Arc::new(Broker::new(
            store.clone(),
            vault.clone(),
            providers.clone(),
            Arc::clone(&clock),
            Arc::clone(&random),
            // No two processes share a name, not even two that start in the same moment.
            BrokerOptions { owner: format!("{:032x}", random.bits()), ..BrokerOptions::default() },
        ));
        let client = client_on(&egress, parts.connections, &broker);
        let actions = deskwire_connectors::actions(&client);
        let versions = Versions::new(store.clone(), actions, templates, &project.workflows);
        let deskwire = Deskwire {
            store,
            catalogue: Arc::default(),
            versions: Arc::new(versions),
            clock,
            random,
            vault,
            broker,
            providers,
            applied,
            left_out: parts.missing,
            stored,
            largest_body: settings.place.largest_body(),
            bodies: Bodies::default(),
            in_force: RwLock::default(),
            project: RwLock::new(Arc::new(project)),
            sources: RwLock::new(parts.sources),
            client: RwLock::new(client),
            egress,
            turn: Mutex::default(),
        };
        if settings.needs_workflows {
            deskwire.take_over(&deployed);
        }
        (deskwire, held_back)
    }
}

/// A project that can be worked with: what is sound, and its secrets.
struct Ready {
    project: Project,
    parts: Parts,
    applied: Plan,
    deployed: Vec<Deployed>,
    held_back: Option<HeldBack>,
    stored: Vec<Listed>,
}

impl Ready {
    /// From wherever the project is.
    async fn find(
        settings: &Settings,
        origin: &Origin,
        secrets: &Secrets,
        store: &dyn Store,
        vault: &Vault,
        clock: &Arc<dyn Clock>,
    ) -> Result<Self, StartError> {
        let known = Known::read(settings, store, vault, clock.now()).await?;
        known.tell(settings, secrets);
        let files = origin.read();
        let any_workflows = !known.in_force.0.is_empty();
        let last = async |folder| {
            origin::last_applied(store, any_workflows, folder, settings.allow_loopback).await.map_err(StartError::from)
        };
        let (why, files) = match (origin, files) {
            (Origin::Deployed(folder), files) => {
                if let Some(last) = last(files.as_ref().ok()).await? {
                    return Self::of_last(settings, &last, secrets, known);
                }
                let files = files?;
                if folder.is_none() {
                    shared_project::tell_of_nothing();
                }
                return Self::of(settings, &files, secrets, known, store, clock).await;
            }
            (Origin::Folder(_), Ok(files)) => {
                match Self::of(settings, &files, secrets, known.clone(), store, clock).await {
                    Ok(ready) => return Ok(ready),
                    Err(why) => (why, files),
                }
            }
            (Origin::Folder(_), Err(why)) => (why, ProjectFiles::default()),
        };
        if !why.is_about_the_project() {
            return Err(why);
        }
        match last(Some(&files)).await? {
            None => Err(why),
            Some(last) => match Self::of_last(settings, &last, secrets, known) {
                Ok(ready) => Ok(Self { held_back: Some(HeldBack { why, files }), ..ready }),
                Err(_) => Err(why),
            },
        }
    }

    /// From these files, which are put in force if the settings say so.
    async fn of(
        settings: &Settings,
        files: &ProjectFiles,
        secrets: &Secrets,
        known: Known,
        store: &dyn Store,
        clock: &Arc<dyn Clock>,
    ) -> Result<Self, StartError> {
        let (project, parts) = prepare(settings, files, secrets, true)?;
        let Known { stored, in_force, document, .. } = known;
        let (applied, deployed) =
            put_in_force(settings, files, &project, in_force, document.as_deref(), store, clock).await?;
        Ok(Self { project, parts, applied, deployed, held_back: None, stored })
    }

    /// From what was put in force last: what of it is sound, and has its secrets.
    fn of_last(settings: &Settings, files: &ProjectFiles, secrets: &Secrets, known: Known) -> Result<Self, StartError> {
        let (project, parts) = prepare(settings, files, secrets, false)?;
        let Known { stored, in_force: (deployed, fixed), .. } = known;
        let applied = accepted(Plan::of_connections(&project, &fixed)).map(|_| Plan::default())?;
        Ok(Self { project, parts, applied, deployed, held_back: None, stored })
    }
}

/// What a store knows of a project, read side by side.
#[derive(Clone)]
struct Known {
    stored: Vec<Listed>,
    secrets: BTreeMap<String, Vec<SecretString>>,
    in_force: (Vec<Deployed>, Vec<FixedFacts>),
    /// `deskwire.yaml` as it was put in force last.
    document: Option<String>,
}

impl Known {
    /// Makes the stored secrets known to those who look secrets up.
    fn tell(&self, settings: &Settings, secrets: &Secrets) {
        // A store in memory holds none: whoever starts on one may have brought some.
        if settings.needs_secrets && !matches!(settings.place, Place::Memory) {
            secrets.take_stored(self.secrets.clone());
        }
    }

    async fn read(settings: &Settings, store: &dyn Store, vault: &Vault, now: Timestamp) -> Result<Self, StartError> {
        let secrets = async {
            if !settings.needs_secrets {
                return Ok(Default::default());
            }
            // Where many share a store, one of them erases for all.
            if !matches!(settings.place, Place::Shared(_)) {
                vault.erase_due(now).await?;
            }
            Ok::<_, StartError>(vault.all_set().await?)
        };
        let deployed =
            async { Ok(if settings.apply || settings.needs_workflows { store.deployed().await? } else { Vec::new() }) };
        let connections = async { Ok(store.fixed_connections().await?) };
        let document = async { Ok(if settings.apply { store.document(shared_project::PROJECT).await? } else { None }) };
        let ((stored, secrets), deployed, connections, document) =
            tokio::try_join!(secrets, deployed, connections, document)?;
        Ok(Self { stored, secrets, in_force: (deployed, connections), document })
    }
}

/// Puts the project in force, if the settings say so. Answers with what that changed, and with the workflows in force then.
async fn put_in_force(
    settings: &Settings,
    files: &ProjectFiles,
    project: &Project,
    (deployed, fixed): (Vec<Deployed>, Vec<FixedFacts>),
    document: Option<&str>,
    store: &dyn Store,
    clock: &Arc<dyn Clock>,
) -> Result<(Plan, Vec<Deployed>), StartError> {
    if !settings.apply {
        return accepted(Plan::of_connections(project, &fixed)).map(|_| (Plan::default(), deployed));
    }
    let mut plan = accepted(Plan::between(project, &deployed, &fixed))?;
    plan.keep_project(files, document);
    let changed = plan.apply(store, clock.now()).await?;
    Ok((plan, if changed { store.deployed().await? } else { deployed }))
}

fn sources(
    configs: &[SourceConfig],
    stand_ins: Option<&StandIns>,
    secrets: &Secrets,
    missing: &mut Vec<Missing>,
) -> Vec<Source> {
    let mut sources = Vec::new();
    for config in configs {
        // The check has refused unknown providers and schemes.
        let Some(scheme) = provider(&config.provider).and_then(|p| p.scheme(&config.scheme)) else { continue };
        let found = match stand_ins {
            Some(stand_ins) => vec![stand_ins.signing_secret.clone()],
            None => source_secrets(&config.name, config, secrets, missing),
        };
        sources.push(Source { config: config.clone(), scheme, secrets: found });
    }
    sources
}

fn source_secrets(
    name: &SourceName,
    config: &SourceConfig,
    secrets: &Secrets,
    missing: &mut Vec<Missing>,
) -> Vec<SecretString> {
    let mut found = Vec::new();
    for reference in &config.signing_secrets {
        match secrets.resolve_all(reference, &format!("source {name}")) {
            Ok(secrets) => found.extend(secrets),
            Err(error) => missing.push(error.into()),
        }
    }
    found
}

fn connections(
    project: &Project,
    stand_ins: Option<&StandIns>,
    secrets: &Secrets,
    missing: &mut Vec<Missing>,
) -> Vec<Connection> {
    let mut connections = Vec::new();
    for config in &project.connections {
        let stand_in = stand_ins.and_then(|stand_ins| stand_ins.instead_of(config));
        if stand_ins.is_some() && stand_in.is_none() {
            tracing::warn!(connection = %config.name, provider = config.provider,
                "no stand-in is known for this provider, so steps through this connection fail in the sandbox");
            continue;
        }
        let secret_url = match (&config.secret_url, &stand_in) {
            (None, _) => None,
            (Some(_), Some((config, _))) => Some(StandIns::secret_url(config)),
            (Some(reference), None) => match secrets.resolve(reference, &format!("connection {}", config.name)) {
                Ok(url) => Some(url),
                Err(error) => {
                    missing.push(error.into());
                    continue;
                }
            },
        };
        let (config, secret) = match stand_in {
            Some((config, secret)) => (config, secret),
            None => match config.auth.secret() {
                // Its tokens are given out.
                None => (config.clone(), SecretString::from("")),
                Some(reference) => match secrets.resolve(reference, &format!("connection {}", config.name)) {
                    Ok(secret) => (config.clone(), secret),
                    Err(error) => {
                        missing.push(error.into());
                        continue;
                    }
                },
            },
        };
        let connection = Connection::new(&config, &secret).and_then(|connection| match &secret_url {
            Some(url) => connection.with_secret_url(url),
            None => Ok(connection),
        });
        match connection {
            Ok(connection) => connections.push(connection),
            Err(error) => missing.push(Missing { what: format!("connection {}", config.name), why: error.to_string() }),
        }
    }
    connections
}

/// The OAuth client of each connection that has one; none in the sandbox.
fn clients(
    project: &Project,
    stand_ins: Option<&StandIns>,
    secrets: &Secrets,
    missing: &mut Vec<Missing>,
) -> BTreeMap<ConnectionName, Arc<Client>> {
    let mut clients = BTreeMap::new();
    for connection in &project.connections {
        let AuthConfig::OAuth2 { client: name } = &connection.auth else { continue };
        // Nobody signs in at a stand-in, and nothing of the sandbox is asked of a provider.
        if stand_ins.is_some() {
            continue;
        }
        let Some(config) = project.oauth_clients.iter().find(|client| client.name == *name) else { continue };
        let secret = match &config.client_secret {
            None => None,
            Some(reference) => match secrets.resolve(reference, &format!("OAuth client {name}")) {
                Ok(secret) => Some(secret),
                Err(error) => {
                    missing.push(error.into());
                    continue;
                }
            },
        };
        match Client::new(config, secret) {
            Ok(client) => drop(clients.insert(connection.name.clone(), Arc::new(client))),
            Err(error) => missing.push(Missing { what: format!("OAuth client {name}"), why: error.to_string() }),
        }
    }
    clients
}

/// The secret store on a store: its key is in the environment or in the data folder.
pub fn vault(
    store: &Arc<dyn Store>,
    place: &Place,
    secrets: &Secrets,
    random: &Arc<dyn Random>,
) -> Result<Vault, StartError> {
    let keys = match place {
        Place::Folder(folder) | Place::Sandbox(folder) => {
            Keys::find(folder, &|name| secrets.environment(name)).map_err(VaultError::from)?
        }
        Place::Memory => Keys::passing(random.as_ref()),
        Place::Shared(_) => Keys::ByStore,
    };
    Ok(Vault::new(store.clone(), keys, Arc::clone(random)))
}
