//! Where a process has its project from: a folder of files, or what was put in force last.
//!
//! What was put in force is kept in the store, `deskwire.yaml` among it. So a file with a mistake keeps a process from taking
//! over what changed, and never from running what was good before.

use std::path::PathBuf;

use deskwire_core::ports::{Registry, StoreResult};
use deskwire_workflows::{Diagnostic, Severity, SourceFile};

use crate::shared_project::PROJECT;
use crate::{ProjectFiles, StartError, check, read_project};

/// Where a process has its project from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin {
    /// The files of this folder. Where they cannot be used, what was put in force last.
    Folder(PathBuf),
    /// What was put in force last. Where nothing was, the files of this folder, if there is one.
    Deployed(Option<PathBuf>),
}

/// Why the files in the folder do not count, while what was put in force before does.
#[derive(Debug)]
pub struct HeldBack {
    /// What is wrong with them.
    pub why: StartError,
    /// The files, for showing the place.
    pub files: ProjectFiles,
}

impl StartError {
    /// Is it something about the project, its files or its secrets? Then what was put in force before can still run. All else
    /// is about the store or the machine, and stops everything.
    pub const fn is_about_the_project(&self) -> bool {
        matches!(self, Self::Read { .. } | Self::NotText { .. } | Self::Mistakes(_) | Self::Secrets(_) | Self::Fixed(_))
    }
}

impl Origin {
    /// The files of the folder, if there is one.
    pub(crate) fn read(&self) -> Result<ProjectFiles, StartError> {
        match self {
            Self::Folder(folder) | Self::Deployed(Some(folder)) => read_project(folder),
            Self::Deployed(None) => Ok(ProjectFiles::default()),
        }
    }
}

/// The project as it was put in force last: its file alone, since its workflows are in the registry. Stores of before know
/// only workflows; then the folder's own `deskwire.yaml` has to do, if it is sound. `None` where nothing was ever put in force.
pub(crate) async fn last_applied(
    registry: &dyn Registry,
    any_workflows: bool,
    folder: Option<&ProjectFiles>,
    allow_loopback: bool,
) -> StoreResult<Option<ProjectFiles>> {
    if let Some(text) = registry.document(PROJECT).await? {
        let project = Some(SourceFile { path: "deskwire.yaml".to_owned(), text });
        return Ok(Some(ProjectFiles { project, ..ProjectFiles::default() }));
    }
    let own = folder.filter(|files| any_workflows && files.project.is_some());
    let own = own.map(|files| ProjectFiles { project: files.project.clone(), ..ProjectFiles::default() });
    Ok(own.filter(|files| !check(files, allow_loopback).has_errors()))
}

/// Says what of the project that is in force cannot be used any more, by this version of Deskwire say; the rest goes on.
pub(crate) fn tell_of_what_is_unusable(mistakes: &[Diagnostic]) {
    for mistake in mistakes.iter().filter(|mistake| mistake.severity == Severity::Error) {
        let Diagnostic { file, line, column, message, .. } = mistake;
        tracing::error!("left out of what is in force: {file}:{line}:{column}: {message}; apply the project again");
    }
}

#[cfg(test)]
mod tests;
