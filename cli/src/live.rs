//! What keeps a running server in step with the world: the project folder, the registry, schedules, and old data.
//!
//! Each is a loop of its own beside the server, and ends with it.

use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use deskwire_core::public_url::below;
use deskwire_secrets::{Listed, Secrets};
use deskwire_startup::{Deskwire, ProjectFiles, Settings, StartError, read_project};
use notify::{RecursiveMode, Watcher};
use oauth::Doors;
use scheduler::Scheduler;
use token_refresh::{Invitations, TokenRefresh};
use tokio::sync::{mpsc, watch};
use url::Url;

use crate::commands::plan;
use crate::output::note;
use crate::server;

/// How long the folder must be quiet before it is read: editors write a file in several steps.
const QUIET: Duration = Duration::from_millis(200);

/// How often the registry is asked whether somebody switched or applied something.
const FOLLOW: Duration = Duration::from_millis(500);

/// The longest sleep between two looks at the schedules.
const LONGEST_NAP: Duration = Duration::from_secs(30);

/// How often it is asked whether somebody set a secret.
const SECRETS: Duration = Duration::from_secs(1);

/// How often the connections' tokens are looked at. What is not due costs nothing.
const TOKENS: Duration = Duration::from_secs(2);

/// How often old data is removed, and how many events at once, so that nobody waits for it.
const PURGE: Duration = Duration::from_hours(1);
const PURGE_CHUNK: usize = 500;

/// How often what was counted is folded together.
const FOLD: Duration = Duration::from_secs(5);

/// The project folder of a server, and what it was started with.
pub(crate) struct Folder {
    pub path: PathBuf,
    /// Its files as they were at the start.
    pub files: ProjectFiles,
    /// With `apply`, its files are put in force whenever they change.
    pub settings: Settings,
    pub secrets: Secrets,
    /// Who may ask the API.
    pub tokens: Arc<api::Tokens>,
}

impl Folder {
    /// The files that count: those in the folder, or, where changes of theirs wait for `deskwire apply`, those of the start.
    fn files(&self) -> Result<ProjectFiles, StartError> {
        if self.settings.apply { read_project(&self.path) } else { Ok(self.files.clone()) }
    }
}

/// A loop.
type Task = Pin<Box<dyn Future<Output = ()> + Send>>;

/// Starts the loops. They end when `stopping` says so.
pub(crate) fn keep_in_step(
    deskwire: &Arc<Deskwire>,
    folder: Option<Folder>,
    public_url: &Url,
    stopping: &watch::Receiver<bool>,
) {
    let spawn = |task: Task| {
        let mut stopping = stopping.clone();
        tokio::spawn(async move {
            tokio::select! {
                () = task => {}
                _ = stopping.wait_for(|stop| *stop) => {}
            }
        });
    };
    let tasks: [Task; 5] = [
        Box::pin(follow(Arc::clone(deskwire))),
        Box::pin(keep_schedules(Arc::clone(deskwire))),
        Box::pin(remove_old(Arc::clone(deskwire))),
        Box::pin(fold_numbers()),
        Box::pin(keep_tokens(Arc::clone(deskwire), public_url.clone())),
    ];
    tasks.into_iter().for_each(spawn);
    if let Some(folder) = folder.map(Arc::new) {
        spawn(Box::pin(follow_secrets(Arc::clone(deskwire), Arc::clone(&folder))));
        if folder.settings.apply {
            spawn(Box::pin(watch_folder(Arc::clone(deskwire), folder)));
        }
    }
}

/// Takes over what another process switched or applied.
async fn follow(deskwire: Arc<Deskwire>) {
    let mut known = None;
    loop {
        match deskwire.store.generation().await {
            Ok(generation) if known != Some(generation) => {
                // What was in force at the start is known already.
                if known.is_some()
                    && let Err(error) = deskwire.follow().await
                {
                    tracing::error!(%error, "cannot take over what is in force now; trying again");
                } else {
                    known = Some(generation);
                }
            }
            Ok(_) => {}
            Err(error) => tracing::error!(%error, "cannot see what is in force; trying again"),
        }
        tokio::time::sleep(FOLLOW).await;
    }
}

/// Takes over the secrets that another process set.
async fn follow_secrets(deskwire: Arc<Deskwire>, folder: Arc<Folder>) {
    // A key that was exchanged changes nothing but how they are kept.
    let versions = |listed: &[Listed]| listed.iter().map(|one| (one.name.clone(), one.version)).collect::<Vec<_>>();
    let mut known = versions(&deskwire.stored);
    loop {
        match deskwire.vault.list().await {
            Ok(listed) if versions(&listed) == known => {}
            Ok(listed) => {
                reload(&deskwire, &folder).await;
                match deskwire.vault.versions_of(api::TOKEN_SECRET).await {
                    Ok(tokens) => folder.tokens.replace(&tokens),
                    Err(error) => tracing::error!(%error, "cannot read the API's token; the one before stays"),
                }
                known = versions(&listed);
            }
            Err(error) => tracing::error!(%error, "cannot look at the stored secrets; trying again"),
        }
        tokio::time::sleep(SECRETS).await;
    }
}

async fn keep_schedules(deskwire: Arc<Deskwire>) {
    let store = deskwire.store.clone();
    let scheduler = Scheduler { inbox: store.clone(), registry: store, random: Arc::clone(&deskwire.random) };
    loop {
        let workflows = deskwire.workflows();
        let now = deskwire.clock.now();
        let nap = match scheduler.tick(&workflows, now).await {
            Ok(ticked) => ticked.next.map_or(LONGEST_NAP, |next| next.since(deskwire.clock.now()).min(LONGEST_NAP)),
            Err(error) => {
                tracing::error!(%error, "cannot start what is scheduled; trying again");
                FOLLOW
            }
        };
        // A workflow that is switched on or changed meanwhile has ticks of its own.
        let until = tokio::time::Instant::now() + nap;
        while tokio::time::Instant::now() < until && Arc::ptr_eq(&workflows, &deskwire.workflows()) {
            tokio::time::sleep_until(until.min(tokio::time::Instant::now() + FOLLOW)).await;
        }
    }
}

/// Renews tokens before they end, and tells of connections that need a person.
async fn keep_tokens(deskwire: Arc<Deskwire>, public_url: Url) {
    let invited = server::doors(&public_url) == Doors::Invited;
    let refresh = TokenRefresh {
        broker: Arc::clone(&deskwire.broker),
        intake: deskwire.intake(),
        start_link: below(&public_url, "oauth/start/").into(),
        invitations: invited
            .then(|| Invitations { vault: deskwire.vault.clone(), random: Arc::clone(&deskwire.random) }),
        clock: Arc::clone(&deskwire.clock),
    };
    loop {
        if let Err(error) = refresh.pass().await {
            tracing::error!(%error, "cannot look at the connections' tokens; trying again");
        }
        tokio::time::sleep(TOKENS).await;
    }
}

/// Folds what was counted, so that it takes no room where nobody asks for it.
async fn fold_numbers() {
    loop {
        tokio::time::sleep(FOLD).await;
        if let Some(counted) = crate::metrics::count() {
            counted.run_upkeep();
        }
    }
}

async fn remove_old(deskwire: Arc<Deskwire>) {
    loop {
        tokio::time::sleep(PURGE).await;
        if let Err(error) = deskwire.vault.erase_due(deskwire.clock.now()).await {
            tracing::error!(%error, "cannot erase old secrets; trying again in an hour");
        }
        let before = deskwire.clock.now().minus(deskwire.project().retention);
        loop {
            match deskwire.store.purge(before, PURGE_CHUNK).await {
                Ok(PURGE_CHUNK) => tokio::time::sleep(FOLLOW).await,
                Ok(_) => break,
                Err(error) => {
                    tracing::error!(%error, "cannot remove old events; trying again in an hour");
                    break;
                }
            }
        }
    }
}

/// Applies the project's files whenever they have changed.
async fn watch_folder(deskwire: Arc<Deskwire>, folder: Arc<Folder>) {
    let (tell, mut told) = mpsc::channel(1);
    let relevant = |path: &Path| path.extension().is_some_and(|ending| ending == "yaml" || ending == "yml");
    let watcher = notify::recommended_watcher(move |event: notify::Result<notify::Event>| {
        // A full channel has the news already.
        if event.is_ok_and(|event| !event.kind.is_access() && event.paths.iter().any(|path| relevant(path))) {
            let _ = tell.try_send(());
        }
    });
    // The folders, not the files: editors put new files in place of old ones.
    let watching = watcher.and_then(|mut watcher| {
        watcher.watch(&folder.path, RecursiveMode::NonRecursive)?;
        let workflows = folder.path.join("workflows");
        if workflows.is_dir() {
            watcher.watch(&workflows, RecursiveMode::NonRecursive)?;
        }
        Ok(watcher)
    });
    let _watcher = match watching {
        Ok(watcher) => watcher,
        Err(error) => {
            tracing::warn!(%error, "cannot watch the project folder: restart after a change, or use `deskwire apply`");
            return;
        }
    };
    // What changed between the start and now has told nobody.
    if read_project(&folder.path).map_or(true, |files| files != folder.files) {
        reload(&deskwire, &folder).await;
    }
    while told.recv().await.is_some() {
        while tokio::time::timeout(QUIET, told.recv()).await.is_ok() {}
        reload(&deskwire, &folder).await;
    }
}

async fn reload(deskwire: &Deskwire, folder: &Folder) {
    let files = match folder.files() {
        Ok(files) => files,
        Err(error) => return kept(&error.to_string()),
    };
    match deskwire.reload(&folder.settings, &files, &folder.secrets).await {
        Ok(changes) => {
            for change in changes.changed() {
                note(format_args!("applied: {} {}", change.name, plan::in_words(change)));
            }
            plan::how_to_switch_on(&changes);
        }
        Err(StartError::Mistakes(mistakes)) => {
            for mistake in &mistakes {
                note(crate::commands::rendered(mistake, &files, false));
            }
            kept("the project has mistakes");
        }
        Err(error) => kept(&error.to_string()),
    }
}

fn kept(why: &str) {
    note(format_args!("{why}; the last good version stays in force"));
}
