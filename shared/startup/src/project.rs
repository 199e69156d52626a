//! Reading a project folder: `deskwire.yaml` and `workflows/*.yaml`.

use std::io::ErrorKind;
use std::path::Path;

use deskwire_workflows::SourceFile;

use crate::StartError;

/// A project's files, read but not understood yet.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ProjectFiles {
    /// `deskwire.yaml`, if there is one.
    pub project: Option<SourceFile>,
    /// `workflows/*.yaml` and `*.yml`, sorted by name.
    pub workflows: Vec<SourceFile>,
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
    let workflows = paths.iter().map(|path| read(path)).collect::<Result<_, _>>()?;
    Ok(ProjectFiles { project, workflows })
}

fn read(path: &Path) -> Result<SourceFile, StartError> {
    let bytes = std::fs::read(path).map_err(|source| StartError::Read { path: path.to_owned(), source })?;
    match String::from_utf8(bytes) {
        Ok(text) => Ok(SourceFile { path: path.display().to_string(), text }),
        Err(error) => Err(StartError::NotText { path: path.to_owned(), at: error.utf8_error().valid_up_to() }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_is_not_utf8_is_refused_with_its_place() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("deskwire.yaml"), b"sources: \xff").unwrap();
        assert!(matches!(read_project(folder.path()), Err(StartError::NotText { at: 9, .. })));
    }

    #[test]
    fn a_folder_without_a_project_file_is_no_project() {
        let folder = tempfile::tempdir().unwrap();
        let error = read_project(folder.path()).unwrap_err();
        assert!(error.to_string().contains("deskwire.yaml"), "{error}");
    }
}
