//! The vault on a real store, its key files, and the exchange of its key at every point at which it may be cut off.

use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use deskwire_core::random::SeededRandom;
use deskwire_core::secret::ExposeSecret;
use deskwire_storage::SqliteStore;

use super::*;
use crate::KEY_VARIABLE;

const NOW: Timestamp = Timestamp::from_millis(1_764_000_000_000);

struct Here {
    folder: tempfile::TempDir,
    store: SqliteStore,
}

impl Here {
    fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap(), store: SqliteStore::in_memory().unwrap() }
    }

    /// As another process would open it.
    fn vault(&self) -> Vault {
        self.vault_with(&|_| None)
    }

    fn vault_with(&self, environment: &dyn Fn(&str) -> Option<String>) -> Vault {
        let keys = Keys::find(self.folder.path(), environment).unwrap();
        Vault::new(Arc::new(self.store.clone()), keys, Arc::new(Self::random()))
    }

    /// No two processes draw the same bits.
    fn random() -> SeededRandom {
        static SEED: AtomicU64 = AtomicU64::new(0);
        SeededRandom::new(SEED.fetch_add(1, Ordering::Relaxed))
    }

    fn path(&self, name: &str) -> std::path::PathBuf {
        self.folder.path().join(name)
    }
}

async fn value(vault: &Vault, name: &str) -> Option<String> {
    vault.open(name, None).await.unwrap().map(|(_, value)| String::from_utf8(value).unwrap())
}

#[tokio::test]
async fn what_is_set_is_there_in_another_process_and_replaced_by_what_is_set_later() {
    let here = Here::new();
    assert_eq!(here.vault().set("slack", "marker-1", NOW, NOW).await.unwrap(), 1);
    assert_eq!(here.vault().set("slack", "marker-2", NOW, NOW).await.unwrap(), 2);
    here.vault().set("crm", "marker-3", NOW, NOW).await.unwrap();
    assert_eq!(stored(&here.vault(), NOW).await, [("crm", vec!["marker-3"]), ("slack", vec!["marker-2"])].map(owned));
    assert_eq!(here.store.secrets("secret/slack").await.unwrap().len(), 1, "the old version is erased");
    let listed = here.vault().list().await.unwrap();
    assert!(!format!("{listed:?}").contains("marker") && listed.len() == 2);
    assert!(here.vault().delete("crm").await.unwrap() && !here.vault().delete("crm").await.unwrap());
    let mode =
        std::os::unix::fs::PermissionsExt::mode(&std::fs::metadata(here.path("secret.key")).unwrap().permissions());
    assert_eq!(mode & 0o777, 0o600);
}

async fn stored(vault: &Vault, now: Timestamp) -> Vec<(String, Vec<String>)> {
    let found = vault.set_secrets(now).await.unwrap();
    let text = |secrets: Vec<SecretString>| secrets.iter().map(|secret| secret.expose_secret().to_owned()).collect();
    found.into_iter().map(|(name, secrets)| (name, text(secrets))).collect()
}

fn owned((name, secrets): (&str, Vec<&str>)) -> (String, Vec<String>) {
    (name.to_owned(), secrets.into_iter().map(str::to_owned).collect())
}

#[tokio::test]
async fn the_version_before_counts_until_its_grace_is_over() {
    let here = Here::new();
    let vault = here.vault();
    vault.set("key", "marker-1", NOW, NOW).await.unwrap();
    let end = NOW.plus(Duration::from_hours(24));
    vault.set("key", "marker-2", NOW, end).await.unwrap();
    let before = end.minus(Duration::from_millis(1));
    assert_eq!(stored(&vault, before).await, [owned(("key", vec!["marker-2", "marker-1"]))]);
    assert_eq!(stored(&vault, end).await, [owned(("key", vec!["marker-2"]))]);
    assert_eq!(here.store.secrets("secret/").await.unwrap().len(), 1, "and then it is gone");
}

#[tokio::test]
async fn a_version_is_stored_once() {
    let here = Here::new();
    let vault = here.vault();
    vault.put("token/slack", 1, b"one", NOW).await.unwrap();
    assert!(matches!(vault.put("token/slack", 1, b"two", NOW).await, Err(VaultError::Taken { version: 1, .. })));
    assert_eq!(value(&vault, "token/slack").await.unwrap(), "one");
    assert_eq!(vault.open("token/slack", Some(2)).await.unwrap(), None);
}

#[tokio::test]
async fn a_key_file_that_others_may_read_or_that_is_none_is_refused() {
    let here = Here::new();
    here.vault().put("a", 1, b"x", NOW).await.unwrap();
    let key = here.path("secret.key");
    std::fs::set_permissions(&key, std::os::unix::fs::PermissionsExt::from_mode(0o644)).unwrap();
    let told = here.vault().open("a", None).await.unwrap_err().to_string();
    assert!(told.contains("secret.key") && told.contains("chmod 600"), "{told}");
    std::fs::set_permissions(&key, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
    std::fs::write(&key, "marker").unwrap();
    let told = here.vault().open("a", None).await.unwrap_err().to_string();
    assert!(told.contains("is no key") && !told.contains("marker"), "{told}");
}

#[tokio::test]
async fn a_secret_whose_key_is_gone_says_which_and_what_to_do() {
    let here = Here::new();
    here.vault().put("token/slack", 1, b"x", NOW).await.unwrap();
    std::fs::remove_file(here.path("secret.key")).unwrap();
    let told = here.vault().open("token/slack", None).await.unwrap_err().to_string();
    assert!(told.contains("token/slack is sealed with key") && told.contains("secret.key"), "{told}");
}

#[tokio::test]
async fn the_key_may_come_from_the_environment_and_be_exchanged_there() {
    let here = Here::new();
    let (one, two) = ("11".repeat(32), "22".repeat(32));
    let only = |name: &str| (name == KEY_VARIABLE).then(|| one.clone());
    here.vault_with(&only).put("a", 1, b"x", NOW).await.unwrap();
    assert!(!here.path("secret.key").exists());
    let both = |name: &str| Some(if name == KEY_VARIABLE { two.clone() } else { one.clone() });
    assert_eq!(value(&here.vault_with(&both), "a").await.unwrap(), "x");
    assert_eq!(here.vault_with(&both).exchange_key().await.unwrap(), 1);
    let after = |name: &str| (name == KEY_VARIABLE).then(|| two.clone());
    assert_eq!(value(&here.vault_with(&after), "a").await.unwrap(), "x");
    let bad = |_: &str| Some("short".to_owned());
    assert!(Keys::find(here.folder.path(), &bad).is_err());
}

#[tokio::test]
async fn a_running_process_goes_on_while_the_key_is_exchanged() {
    let here = Here::new();
    let running = here.vault();
    for name in ["a", "b", "c"] {
        running.put(name, 1, name.as_bytes(), NOW).await.unwrap();
    }
    assert_eq!(here.vault().exchange_key().await.unwrap(), 3);
    for name in ["a", "b", "c"] {
        assert_eq!(value(&running, name).await.as_deref(), Some(name));
    }
    running.put("d", 1, b"d", NOW).await.unwrap();
    let keys: Vec<String> = here.store.secrets("").await.unwrap().into_iter().map(|secret| secret.key).collect();
    assert!(keys.iter().all(|key| *key == keys[0]), "all are sealed with the new key: {keys:?}");
    assert!(here.path("secret.key.old").exists() && !here.path("secret.key.new").exists());
}

/// Copies the key files and the sealed rows as a crash would leave them, at each point of an exchange.
#[tokio::test]
async fn an_exchange_that_is_cut_off_anywhere_leaves_everything_readable_and_can_be_finished() {
    let copy = |from: &Path, to: &Path, names: &[(&str, &str)]| {
        for (old, new) in names {
            std::fs::copy(from.join(old), to.join(new)).unwrap();
        }
    };
    // The files as they are before, after the new key is made, between the two renames, and after them.
    let before = [("secret.key.old", "secret.key")];
    let made = [("secret.key.old", "secret.key"), ("secret.key", "secret.key.new")];
    let between = [("secret.key.old", "secret.key.old"), ("secret.key", "secret.key.new")];
    let after = [("secret.key.old", "secret.key.old"), ("secret.key", "secret.key")];
    for sealed_anew in 0..=3 {
        for (point, files) in [&before[..], &made[..], &between[..], &after[..]].into_iter().enumerate() {
            // Nothing is sealed anew before there is a new key, and the files move only when everything is.
            if (point == 0 && sealed_anew > 0) || (point >= 2 && sealed_anew < 3) {
                continue;
            }
            let done = Here::new();
            for name in ["a", "b", "c"] {
                done.vault().put(name, 1, name.as_bytes(), NOW).await.unwrap();
            }
            let old_rows = done.store.secrets("").await.unwrap();
            done.vault().exchange_key().await.unwrap();
            let new_rows = done.store.secrets("").await.unwrap();
            let crashed = Here::new();
            copy(done.folder.path(), crashed.folder.path(), files);
            for (at, (old, new)) in old_rows.into_iter().zip(new_rows).enumerate() {
                let row = if at < sealed_anew { new } else { old };
                assert!(crashed.store.put_secret(row).await.unwrap());
            }
            let vault = crashed.vault();
            for name in ["a", "b", "c"] {
                assert_eq!(value(&vault, name).await.as_deref(), Some(name), "point {point}, {sealed_anew} anew");
            }
            crashed.vault().exchange_key().await.unwrap();
            for name in ["a", "b", "c"] {
                assert_eq!(value(&crashed.vault(), name).await.as_deref(), Some(name), "finished after {point}");
            }
            assert!(!crashed.path("secret.key.new").exists());
        }
    }
}

#[tokio::test]
async fn two_processes_do_not_exchange_the_key_at_once() {
    let here = Here::new();
    here.vault().put("a", 1, b"x", NOW).await.unwrap();
    let keys = Keys::find(here.folder.path(), &|_| None).unwrap();
    let exchange = keys.begin_exchange(&Here::random()).unwrap();
    assert!(matches!(here.vault().exchange_key().await, Err(VaultError::Key(KeyError::Busy))));
    drop(exchange);
    here.vault().exchange_key().await.unwrap();
    assert_eq!(value(&here.vault(), "a").await.unwrap(), "x");
}
