//! What is in a data folder is its owner's alone.
#![cfg(unix)]

use std::os::unix::fs::PermissionsExt;

use super::*;

/// The rights of the folder and of every file in it, by name.
fn rights(folder: &Path) -> Vec<(String, u32)> {
    let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    let mut found = vec![(".".to_owned(), mode(folder))];
    for entry in std::fs::read_dir(folder).unwrap() {
        let entry = entry.unwrap();
        found.push((entry.file_name().into_string().unwrap(), mode(&entry.path())));
    }
    found.sort();
    found
}

fn set(path: &Path, mode: u32) {
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
}

fn closed(folder: &Path) {
    for (name, mode) in rights(folder) {
        assert_eq!(mode, if name == "." { 0o700 } else { 0o600 }, "{name} has {mode:o}");
    }
}

#[tokio::test]
async fn a_new_folder_and_all_files_in_it_are_their_owners_alone() {
    let parent = tempfile::tempdir().unwrap();
    let folder = parent.path().join("project/.deskwire");
    let store = SqliteStore::open(&folder).unwrap();
    store.accept(arrival(1)).await.unwrap();
    store.counts().await.unwrap();
    let names: Vec<String> = rights(&folder).into_iter().map(|(name, _)| name).collect();
    assert_eq!(names, [".", ".gitignore", "deskwire.db", "deskwire.db-shm", "deskwire.db-wal"]);
    closed(&folder);
    let second = connect(&folder.join("deskwire.db")).unwrap();
    second.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(())).unwrap();
    store.accept(arrival(2)).await.unwrap();
    closed(&folder);
}

#[tokio::test]
async fn a_store_with_looser_rights_is_tightened_when_it_is_opened() {
    let folder = tempfile::tempdir().unwrap();
    let keeping = SqliteStore::open(folder.path()).unwrap();
    keeping.accept(arrival(1)).await.unwrap();
    std::fs::write(folder.path().join("secret.key"), "key").unwrap();
    std::fs::write(folder.path().join("deskwire.db.backup"), "copy").unwrap();
    std::fs::write(folder.path().join("serve.lock"), "1").unwrap();
    for (name, _) in rights(folder.path()) {
        set(&folder.path().join(name), 0o755);
    }
    let again = SqliteStore::open(folder.path()).unwrap();
    again.accept(arrival(2)).await.unwrap();
    closed(folder.path());
    assert_eq!(private::tighten(folder.path()).unwrap(), Vec::<PathBuf>::new(), "there is nothing to say twice");
}

#[test]
fn what_is_not_ours_and_a_folder_for_everybody_keep_their_rights() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("deskwire.yaml"), "").unwrap();
    set(&folder.path().join("deskwire.yaml"), 0o644);
    set(folder.path(), 0o1777);
    drop(SqliteStore::open(folder.path()).unwrap());
    let rights = rights(folder.path());
    assert!(rights.contains(&(".".to_owned(), 0o777)), "{rights:?}");
    assert!(rights.contains(&("deskwire.yaml".to_owned(), 0o644)), "{rights:?}");
    assert!(rights.contains(&("deskwire.db".to_owned(), 0o600)), "{rights:?}");
}
