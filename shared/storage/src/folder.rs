//! The data folder: the one place where it is made.

use std::fs::OpenOptions;
use std::io::{ErrorKind, Write};
use std::path::Path;

/// What Deskwire itself keeps in a data folder: names, and beginnings of names.
const OURS: [&str; 4] = ["deskwire.db", "secret.key", "serve.lock", "sandbox"];

/// Makes the data folder if need be, with a `.gitignore` that keeps git away from everything in it: key, tokens and
/// tickets do not belong into a repository.
///
/// A folder that was there and holds something else, such as a project, gets no `.gitignore`.
pub fn make_folder(folder: &Path) -> std::io::Result<()> {
    let was_there = folder.is_dir();
    std::fs::create_dir_all(folder)?;
    match hide_from_git(folder) {
        // Whether anything can be written there is asked by whoever writes something that matters.
        Err(_) if was_there => Ok(()),
        other => other,
    }
}

fn hide_from_git(folder: &Path) -> std::io::Result<()> {
    for entry in std::fs::read_dir(folder)? {
        let name = entry?.file_name();
        if !OURS.iter().any(|ours| name.to_string_lossy().starts_with(ours)) {
            return Ok(());
        }
    }
    match OpenOptions::new().write(true).create_new(true).open(folder.join(".gitignore")) {
        Ok(mut file) => file.write_all(b"# Deskwire's own data: nothing of it belongs into git.\n*\n"),
        // Another process was faster.
        Err(error) if error.kind() == ErrorKind::AlreadyExists => Ok(()),
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ignored(folder: &Path) -> Option<String> {
        std::fs::read_to_string(folder.join(".gitignore")).ok()
    }

    #[test]
    fn a_new_data_folder_ignores_all_that_is_in_it() {
        let parent = tempfile::tempdir().unwrap();
        let folder = parent.path().join("deep").join(".deskwire");
        make_folder(&folder).unwrap();
        assert!(ignored(&folder).unwrap().lines().any(|line| line == "*"));
    }

    #[test]
    fn a_data_folder_from_before_is_hidden_from_git_too() {
        let folder = tempfile::tempdir().unwrap();
        for name in ["deskwire.db", "deskwire.db-wal", "secret.key", "serve.lock"] {
            std::fs::write(folder.path().join(name), "x").unwrap();
        }
        make_folder(folder.path()).unwrap();
        assert!(ignored(folder.path()).is_some());
    }

    #[test]
    fn a_folder_with_other_things_in_it_and_a_gitignore_of_its_owner_stay_as_they_are() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("deskwire.yaml"), "sources: {}").unwrap();
        make_folder(folder.path()).unwrap();
        assert_eq!(ignored(folder.path()), None);
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join(".gitignore"), "mine\n").unwrap();
        make_folder(folder.path()).unwrap();
        assert_eq!(ignored(folder.path()).as_deref(), Some("mine\n"));
    }
}
