//! What a running server works with is kept as it is elsewhere: the project folder, what is in force, and the secrets.
//!
//! One loop looks at all three and takes over what changed, so what is newest is always taken over last. What was looked at
//! counts as known only once it was taken over: what fails is tried again, and said again when it says something new.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use deskwire_secrets::{Listed, Secrets};
use deskwire_startup::{Deskwire, HeldBack, Missing, Origin, Reloaded, Settings, StartError};
use notify::{RecommendedWatcher, RecursiveMode, Watcher};
use tokio::sync::mpsc;

use crate::commands::plan;
use crate::output::note;

/// How often it is asked whether somebody switched or applied something, or set a secret.
const LOOK: Duration = Duration::from_millis(500);

/// How long the folder must be quiet before it is read: editors write a file in several steps.
const QUIET: Duration = Duration::from_millis(200);

/// How long it is waited before what failed is tried again, with nothing new to see: a secret in a file may be there by then.
const AGAIN: Duration = Duration::from_secs(5);

/// What a server was started with.
pub(crate) struct Began {
    pub origin: Origin,
    pub settings: Settings,
    pub secrets: Secrets,
    /// Who may ask the API.
    pub tokens: Arc<api::Tokens>,
    /// What was said at the start, and need not be said again.
    pub said: String,
}

/// What was seen outside of the folder.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Seen {
    generation: u64,
    secrets: Vec<(String, u64)>,
}

impl Seen {
    async fn look(deskwire: &Deskwire) -> Result<Self, StartError> {
        let generation = deskwire.store.generation().await?;
        // A key that was exchanged changes nothing but how they are kept.
        let version = |one: Listed| (one.name, one.version);
        let secrets = deskwire.vault.list().await?.into_iter().map(version).collect();
        Ok(Self { generation, secrets })
    }
}

/// Keeps the server in step, for ever.
pub(crate) async fn keep(deskwire: Arc<Deskwire>, began: Arc<Began>) {
    let mut folder = FolderNews::of(&began.origin);
    let mut known: Option<Seen> = None;
    let mut said = began.said.clone();
    // What changed between the start and now has told nobody, so that everything is looked at once.
    let mut changed = true;
    let mut again = tokio::time::Instant::now();
    loop {
        let tried = match Seen::look(&deskwire).await {
            Ok(seen) => {
                let due = changed || tokio::time::Instant::now() >= again;
                match take_over(&deskwire, &began, known.as_ref(), &seen, due).await {
                    Ok(None) => None,
                    Ok(Some(Said { text, settled })) => {
                        known = Some(seen);
                        Some((text, settled))
                    }
                    Err(error) => Some((kept(&error.to_string()), false)),
                }
            }
            Err(error) => Some((format!("cannot see what is in force, or which secrets are set: {error}"), false)),
        };
        if let Some((text, settled)) = tried {
            if !text.is_empty() && (text != said || changed) {
                note(&text);
            }
            said = text;
            let now = tokio::time::Instant::now();
            again = if settled { now + Duration::from_hours(24) } else { now + AGAIN };
            changed = false;
        }
        changed |= folder.news_within(LOOK).await;
    }
}

/// What there is to say about what was taken over.
struct Said {
    text: String,
    /// Is nothing left to be tried again?
    settled: bool,
}

/// Takes over what is new, if anything is. Without `due`, a folder that is as it was is not read.
async fn take_over(
    deskwire: &Deskwire,
    began: &Began,
    known: Option<&Seen>,
    seen: &Seen,
    due: bool,
) -> Result<Option<Said>, StartError> {
    let generation = known.is_some_and(|known| known.generation != seen.generation);
    let secrets = known.is_some_and(|known| known.secrets != seen.secrets);
    // What was put in force counts as a whole where there is no folder to keep in step with.
    let deployed = matches!(began.origin, Origin::Deployed(_));
    if !(due || secrets || (generation && deployed)) {
        if generation {
            deskwire.follow().await?;
            return Ok(Some(Said { text: String::new(), settled: true }));
        }
        return Ok(None);
    }
    if secrets || known.is_none() {
        began.tokens.replace(&deskwire.vault.versions_of(api::TOKEN_SECRET).await?);
    }
    let Reloaded { applied, held_back, left_out } =
        deskwire.reload(&began.settings, &began.origin, &began.secrets).await?;
    for change in applied.changed() {
        note(format_args!("applied: {} {}", change.name, plan::in_words(change)));
    }
    plan::how_to_switch_on(&applied);
    let settled = held_back.is_none() && left_out.is_empty();
    Ok(Some(Said { text: in_words(held_back.as_ref(), &left_out), settled }))
}

/// Why the folder's files do not count, and what lacks its secret: nothing where all is well.
pub(crate) fn in_words(held_back: Option<&HeldBack>, left_out: &[Missing]) -> String {
    let mut lines = Vec::new();
    if let Some(HeldBack { why, files }) = held_back {
        if let StartError::Mistakes(mistakes) = why {
            lines.extend(mistakes.iter().map(|mistake| crate::commands::rendered(mistake, files, false)));
            lines.push(kept(&format!("the project has {}", deskwire_startup::counted(mistakes))));
        } else {
            lines.push(kept(&why.to_string()));
        }
    }
    lines.extend(left_out.iter().map(|missing| format!("{}; it is left out until then", missing.why)));
    lines.join("\n")
}

fn kept(why: &str) -> String {
    format!("{why}; the last good version stays in force")
}

/// Tells of changes in the project folder.
struct FolderNews {
    path: Option<PathBuf>,
    watcher: Option<RecommendedWatcher>,
    told: mpsc::Receiver<()>,
    /// Held so that the channel never ends.
    _tell: mpsc::Sender<()>,
}

impl FolderNews {
    fn of(origin: &Origin) -> Self {
        let (tell, told) = mpsc::channel(1);
        let Origin::Folder(path) = origin else { return Self { path: None, watcher: None, told, _tell: tell } };
        let mut news = Self { path: Some(path.clone()), watcher: None, told, _tell: tell.clone() };
        let watcher = notify::recommended_watcher(move |event: notify::Result<notify::Event>| {
            // A full channel has the news already.
            if event.is_ok_and(|event| !event.kind.is_access() && event.paths.iter().any(|path| is_of_a_project(path)))
            {
                let _ = tell.try_send(());
            }
        });
        // The folders, not the files: editors put new files in place of old ones.
        let watching = watcher.and_then(|mut watcher| {
            watcher.watch(path, RecursiveMode::NonRecursive)?;
            Ok(watcher)
        });
        match watching {
            Ok(watcher) => news.watcher = Some(watcher),
            Err(error) => {
                tracing::warn!(%error, "cannot watch the project folder: restart after a change, or use `deskwire apply`");
            }
        }
        news.watch_workflows();
        news
    }

    /// The folder of workflows may be made, or made anew, at any time.
    fn watch_workflows(&mut self) {
        let Some((watcher, path)) = self.watcher.as_mut().zip(self.path.as_ref()) else { return };
        let workflows = path.join("workflows");
        if workflows.is_dir()
            && let Err(error) = watcher.watch(&workflows, RecursiveMode::NonRecursive)
        {
            tracing::warn!(%error, "cannot watch the workflows: restart after a change, or use `deskwire apply`");
        }
    }

    /// Waits so long for news, and then until the folder is quiet. `false` if there was none.
    async fn news_within(&mut self, wait: Duration) -> bool {
        if tokio::time::timeout(wait, self.told.recv()).await.is_err() {
            return false;
        }
        while tokio::time::timeout(QUIET, self.told.recv()).await.is_ok() {}
        self.watch_workflows();
        true
    }
}

/// Is it a file of a project, or the folder of its workflows?
fn is_of_a_project(path: &Path) -> bool {
    path.extension().is_some_and(|ending| ending == "yaml" || ending == "yml")
        || path.file_name().is_some_and(|name| name == "workflows")
}
