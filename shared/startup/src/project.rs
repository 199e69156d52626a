//! Reading a project folder: `deskwire.yaml` and `workflows/*.yaml`.

use std::io::ErrorKind;
use std::path::Path;

use deskwire_workflows::{Diagnostic, SourceFile};

use crate::StartError;

/// A project's files, read but not understood yet.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ProjectFiles {
    /// `deskwire.yaml`, if there is one.
    pub project: Option<SourceFile>,
    /// `workflows/*.yaml` and `*.yml`, sorted by name.
    pub workflows: Vec<SourceFile>,
    /// Those among them that cannot be read, each a mistake.
    pub unreadable: Vec<Diagnostic>,
}

/// Reads a project folder. A folder without `deskwire.yaml` is an error: it is not a project.
pub fn read_project(folder: &Path) -> Result<ProjectFiles, StartError> {
    let project = Some(read(&folder.join("deskwire.yaml"))?);
    let workflows_folder = folder.join("workflows");
    let failed = |source| StartError::Read { path: workflows_folder.clone(), source };
    let mut paths = Vec::new();
    match std::fs::read_dir(&workflows_folder) {
        Ok(entries) => {
            for entry in entries {
                let path = entry.map_err(failed)?.path();
                if path.extension().is_some_and(|extension| extension == "yaml" || extension == "yml") {
                    paths.push(path);
                }
            }
        }
        Err(error) if error.kind() == ErrorKind::NotFound => {}
        Err(error) => return Err(failed(error)),
    }
    paths.sort();
    let (mut workflows, mut unreadable) = (Vec::new(), Vec::new());
    for path in &paths {
        match read(path) {
            Ok(file) => workflows.push(file),
            Err(error) => unreadable.push(mistake(path, &error)),
        }
    }
    Ok(ProjectFiles { project, workflows, unreadable })
}

fn read(path: &Path) -> Result<SourceFile, StartError> {
    let bytes = std::fs::read(path).map_err(|source| StartError::Read { path: path.to_owned(), source })?;
    match String::from_utf8(bytes) {
        Ok(text) => Ok(SourceFile { path: path.display().to_string(), text }),
        Err(error) => {
            let at = error.utf8_error().valid_up_to();
            let before = String::from_utf8_lossy(&error.as_bytes()[..at]).into_owned();
            let line = before.matches('\n').count() + 1;
            let column = before.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
            Err(StartError::NotText { path: path.to_owned(), line, column })
        }
    }
}

/// A file that cannot be read, as a mistake among others.
fn mistake(path: &Path, error: &StartError) -> Diagnostic {
    let (line, column, message, help) = match error {
        StartError::NotText { line, column, .. } => {
            (*line, *column, "the file is not UTF-8 text".to_owned(), "save it as UTF-8")
        }
        StartError::Read { source, .. } if path.is_dir() => {
            (1, 1, format!("this is no file: {source}"), "give the folder another name, or move its files up")
        }
        StartError::Read { source, .. } => {
            (1, 1, format!("the file cannot be read: {source}"), "see that `deskwire` may read it")
        }
        other => (1, 1, other.to_string(), "see that `deskwire` may read it"),
    };
    Diagnostic::without_text(path.display().to_string(), line, column, message, help)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_is_not_utf8_is_refused_with_its_place() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("deskwire.yaml"), b"sources: \xff").unwrap();
        assert!(matches!(read_project(folder.path()), Err(StartError::NotText { line: 1, column: 10, .. })));
    }

    #[test]
    fn a_workflow_file_that_cannot_be_read_is_a_mistake_with_its_place_beside_the_others() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("deskwire.yaml"), "sources: {}\n").unwrap();
        let workflows = folder.path().join("workflows");
        std::fs::create_dir_all(workflows.join("folder.yaml")).unwrap();
        std::fs::write(workflows.join("latin.yaml"), b"name: a\n# caf\xe9\n").unwrap();
        std::fs::write(workflows.join("sound.yaml"), "name: sound\n").unwrap();
        std::os::unix::fs::symlink("nowhere", workflows.join("gone.yml")).unwrap();
        let files = read_project(folder.path()).unwrap();
        assert_eq!(files.workflows.len(), 1);
        let places: Vec<_> = files.unreadable.iter().map(|one| (one.line, one.column)).collect();
        assert_eq!(places, [(1, 1), (1, 1), (2, 6)]);
        let all: Vec<_> = files.unreadable.iter().map(|one| one.render("", false)).collect();
        assert!(all[0].contains("folder.yaml:1:1") && all[0].contains("no file"), "{}", all[0]);
        assert!(all[1].contains("gone.yml:1:1") && all[1].contains("cannot be read"), "{}", all[1]);
        assert!(all[2].contains("latin.yaml:2:6") && all[2].contains("not UTF-8"), "{}", all[2]);
        assert_eq!(
            crate::check(&files, false).diagnostics.iter().filter(|one| files.unreadable.contains(one)).count(),
            3
        );
    }

    #[test]
    fn a_folder_without_a_project_file_is_no_project() {
        let folder = tempfile::tempdir().unwrap();
        let error = read_project(folder.path()).unwrap_err();
        assert!(error.to_string().contains("deskwire.yaml"), "{error}");
    }
}
