//! A data folder and files in it that nobody else may read: 0700 and 0600, whatever the process's umask says.
//!
//! They hold tickets, tokens and keys. Everything that Deskwire writes into a data folder is made through here, or is one of
//! the files that SQLite makes beside its database, which get the database's own mode
//! (<https://www.sqlite.org/src/file/src/os_unix.c>, `findCreateFileMode`).

use std::fs::{DirBuilder, File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

/// What Deskwire writes into a data folder, by how the names begin: the database and its copies, its log, the keys, locks.
const OURS: [&str; 5] = ["deskwire.db", "secret.", "serve.lock", "sandbox", ".gitignore"];

/// Makes the data folder, and those above it, if need be, for its owner alone, with a `.gitignore` that keeps git away from
/// everything in it: key, tokens and tickets do not belong into a repository.
///
/// A folder that was there and holds something else, such as a project, gets no `.gitignore`.
pub fn make_folder(folder: &Path) -> io::Result<()> {
    let was_there = folder.is_dir();
    let mut builder = DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(folder)?;
    match hide_from_git(folder) {
        // Whether anything can be written there is asked by whoever writes something that matters.
        Err(_) if was_there => Ok(()),
        other => other,
    }
}

fn hide_from_git(folder: &Path) -> io::Result<()> {
    for entry in std::fs::read_dir(folder)? {
        let name = entry?.file_name();
        if !OURS.iter().any(|ours| name.to_string_lossy().starts_with(ours)) {
            return Ok(());
        }
    }
    match options().create_new(true).open(folder.join(".gitignore")) {
        Ok(mut file) => file.write_all(b"# Deskwire's own data: nothing of it belongs into git.\n*\n"),
        // Another process was faster.
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        Err(error) => Err(error),
    }
}

/// How a file of a data folder is opened: made if need be, for its owner alone, and kept as it is otherwise.
pub fn options() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.create(true).truncate(false).read(true).write(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options
}

/// Makes an empty file for its owner alone, unless it is there.
pub fn make_file(path: &Path) -> io::Result<File> {
    options().open(path)
}

/// Takes the rights of others away from a data folder and from what Deskwire wrote there. Answers what others could read or
/// enter until now.
#[cfg(unix)]
pub fn tighten(folder: &Path) -> io::Result<Vec<PathBuf>> {
    use std::os::unix::fs::PermissionsExt;

    let mut loose = Vec::new();
    let mut take_away = |path: PathBuf, mode: u32, wanted: u32| -> io::Result<()> {
        if mode & 0o077 != 0 {
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(wanted))?;
            loose.push(path);
        }
        Ok(())
    };
    let mode = std::fs::metadata(folder)?.permissions().mode();
    // A folder for everybody's files, such as /tmp, is not ours to close.
    if mode & 0o1000 == 0 {
        take_away(folder.to_owned(), mode, 0o700)?;
    }
    for entry in std::fs::read_dir(folder)? {
        let entry = entry?;
        let metadata = entry.metadata()?;
        let ours = entry.file_name().to_str().is_some_and(|name| OURS.iter().any(|start| name.starts_with(start)));
        if ours && metadata.is_file() {
            take_away(entry.path(), metadata.permissions().mode(), 0o600)?;
        }
    }
    Ok(loose)
}

/// Other systems have other rights, which a folder in the user's own place has by itself.
#[cfg(not(unix))]
#[expect(clippy::unnecessary_wraps, reason = "the same signature as on unix")]
pub fn tighten(_folder: &Path) -> io::Result<Vec<PathBuf>> {
    Ok(Vec::new())
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
