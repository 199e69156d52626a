//! A data folder and files in it that nobody else may read: 0700 and 0600, whatever the process's umask says.
//!
//! They hold tickets, tokens and keys. Everything that Deskwire writes into a data folder is made through here, or is one of
//! the files that SQLite makes beside its database, which get the database's own mode
//! (<https://www.sqlite.org/src/file/src/os_unix.c>, `findCreateFileMode`).

use std::fs::{DirBuilder, File, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};

/// What Deskwire writes into a data folder, by how the names begin: the database and its copies, its log, the keys, locks.
const OURS: [&str; 5] = ["deskwire.db", "secret.", "serve.lock", "sandbox", ".gitignore"];

/// Makes a folder, and those above it, if need be. One that is made is its owner's alone.
pub fn make_folder(folder: &Path) -> io::Result<()> {
    let mut builder = DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(folder)
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
