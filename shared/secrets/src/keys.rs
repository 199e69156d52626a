//! Where the store's key is: in a file of the data folder that nobody else may read, or in the environment.
//!
//! In the folder, `secret.key` is the key. While it is exchanged, `secret.key.new` is there too and is the one to seal with;
//! afterwards `secret.key.old` stays until the next time, so that whatever was sealed in the middle of it still opens.

use std::fs::{File, OpenOptions};
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use deskwire_core::random::Random;

use crate::seal::StoreKey;
use crate::{Reason, file};

const FILES: [&str; 3] = ["secret.key.new", "secret.key", "secret.key.old"];

/// The variable that holds the key instead of a file: 32 bytes as hex or base64.
pub const KEY_VARIABLE: &str = "DESKWIRE_SECRET_KEY";
/// The variable that holds the key before it, while it is exchanged.
pub const PREVIOUS_KEY_VARIABLE: &str = "DESKWIRE_SECRET_KEY_PREVIOUS";

/// Why there is no key.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// The file or variable holds something else.
    #[error("{place} is no key: 32 bytes as hex or base64 are")]
    NotAKey {
        /// The file or variable.
        place: String,
    },
    /// The file cannot be used.
    #[error("the key file {} {reason}", .path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// Why not.
        reason: Reason,
    },
    /// The file cannot be written.
    #[error("cannot write the key file {}: {source}", .path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// Somebody else exchanges the key right now.
    #[error("another process exchanges the key right now; wait until it has ended")]
    Busy,
    /// The key is in the environment, so nobody but its owner can exchange it.
    #[error(
        "the key is in the environment: put a new one into DESKWIRE_SECRET_KEY and the present one into \
         DESKWIRE_SECRET_KEY_PREVIOUS, then come again"
    )]
    InEnvironment,
    /// The store seals by itself.
    #[error("the secret store seals with keys of its own (KMS), which AWS exchanges: see the rotation of its KMS key")]
    ByStore,
}

/// Where keys are.
#[derive(Clone)]
pub enum Keys {
    /// In files of this folder.
    Folder(PathBuf),
    /// In memory: the one to seal with, and the one before it.
    Given(Arc<GivenKeys>),
    /// None here: the store seals by itself, as Secrets Manager does with AWS's keys.
    ByStore,
}

/// What stands in a key's place where the store seals by itself.
pub(crate) const BY_STORE: &str = "store";

/// Keys from the environment. Prints nothing of itself.
pub struct GivenKeys {
    current: StoreKey,
    previous: Option<StoreKey>,
}

/// The keys at hand, the one to seal with first.
pub(crate) struct KeyRing(Vec<StoreKey>);

impl KeyRing {
    pub(crate) fn current(&self) -> Option<&StoreKey> {
        self.0.first()
    }

    pub(crate) fn by_id(&self, id: &str) -> Option<&StoreKey> {
        self.0.iter().find(|key| key.id() == id)
    }
}

impl Keys {
    /// The key of the environment, if there is one there; else that of the folder.
    pub fn find(folder: &Path, environment: &dyn Fn(&str) -> Option<String>) -> Result<Self, KeyError> {
        let variable = |name: &str| match environment(name).filter(|text| !text.trim().is_empty()) {
            None => Ok(None),
            Some(text) => {
                let not_a_key = || KeyError::NotAKey { place: format!("environment variable {name}") };
                parse(text.trim()).map(Some).ok_or_else(not_a_key)
            }
        };
        Ok(match variable(KEY_VARIABLE)? {
            Some(current) => Self::Given(Arc::new(GivenKeys { current, previous: variable(PREVIOUS_KEY_VARIABLE)? })),
            None => Self::Folder(folder.to_owned()),
        })
    }

    /// A key that nobody else has and that ends with this value: for stores in memory.
    pub fn passing(random: &dyn Random) -> Self {
        Self::Given(Arc::new(GivenKeys { current: StoreKey::generate(random), previous: None }))
    }

    /// The keys as they are now.
    pub(crate) fn read(&self) -> Result<KeyRing, KeyError> {
        match self {
            Self::ByStore => Ok(KeyRing(Vec::new())),
            Self::Given(given) => {
                let copy = |key: &StoreKey| parse(&key.to_hex());
                let keys = [Some(&given.current), given.previous.as_ref()];
                Ok(KeyRing(keys.into_iter().flatten().filter_map(copy).collect()))
            }
            Self::Folder(folder) => {
                let mut keys = Vec::new();
                for name in FILES {
                    keys.extend(read_key(&folder.join(name))?);
                }
                Ok(KeyRing(keys))
            }
        }
    }

    /// The keys as they are now; a first one is made where there is none.
    pub(crate) fn read_or_make(&self, random: &dyn Random) -> Result<KeyRing, KeyError> {
        let ring = self.read()?;
        match self {
            Self::Folder(folder) if ring.current().is_none() => {
                match write_key(&folder.join("secret.key"), &StoreKey::generate(random)) {
                    // Another process was faster, and its key counts.
                    Err(KeyError::Write { source, .. }) if source.kind() == ErrorKind::AlreadyExists => {}
                    other => other?,
                }
                self.read()
            }
            _ => Ok(ring),
        }
    }

    /// Begins to exchange the key: from now on everything is sealed with a new one. An exchange that was cut off goes on
    /// with the key it had made.
    pub(crate) fn begin_exchange(&self, random: &dyn Random) -> Result<Exchange, KeyError> {
        let folder = match self {
            Self::Folder(folder) => folder,
            Self::Given(_) => return Ok(Exchange { folder: None, _lock: None }),
            Self::ByStore => return Err(KeyError::ByStore),
        };
        let path = folder.join("secret.lock");
        let failed = |source| KeyError::Write { path: path.clone(), source };
        let mut options = OpenOptions::new();
        options.create(true).truncate(false).write(true);
        let lock = owners_alone(&mut options).open(&path).map_err(failed)?;
        lock.try_lock().map_err(|_| KeyError::Busy)?;
        let new = folder.join("secret.key.new");
        if read_key(&new)?.is_none() {
            write_key(&new, &StoreKey::generate(random))?;
        }
        Ok(Exchange { folder: Some(folder.clone()), _lock: Some(lock) })
    }
}

/// A key that is being exchanged.
pub(crate) struct Exchange {
    folder: Option<PathBuf>,
    _lock: Option<File>,
}

impl Exchange {
    /// The new key takes the old one's place; the old one stays beside it.
    pub(crate) fn finish(self) -> Result<(), KeyError> {
        let Some(folder) = self.folder else { return Ok(()) };
        let [new, current, old] = FILES.map(|name| folder.join(name));
        for (from, to) in [(&current, &old), (&new, &current)] {
            match std::fs::rename(from, to) {
                Err(source) if source.kind() != ErrorKind::NotFound => {
                    return Err(KeyError::Write { path: to.clone(), source });
                }
                _ => {}
            }
        }
        sync(&folder)
    }
}

fn parse(text: &str) -> Option<StoreKey> {
    let bytes = hex::decode(text).ok().or_else(|| BASE64_STANDARD.decode(text).ok())?;
    StoreKey::from_bytes(&zeroize::Zeroizing::new(bytes))
}

fn read_key(path: &Path) -> Result<Option<StoreKey>, KeyError> {
    match file::read(path) {
        Ok(text) => {
            let not_a_key = || KeyError::NotAKey { place: format!("file {}", path.display()) };
            parse(zeroize::Zeroizing::new(text).trim()).map(Some).ok_or_else(not_a_key)
        }
        Err(Reason::Unreadable(error)) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(reason) => Err(KeyError::File { path: path.to_owned(), reason }),
    }
}

/// Writes a key file whole or not at all: readers never see half a key.
fn write_key(path: &Path, key: &StoreKey) -> Result<(), KeyError> {
    let failed = |source| KeyError::Write { path: path.to_owned(), source };
    let folder = path.parent().unwrap_or(Path::new("."));
    make_folder(folder).map_err(failed)?;
    let draft = path.with_extension(format!("draft-{}", std::process::id()));
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(true);
    let written = owners_alone(&mut options)
        .open(&draft)
        .and_then(|mut file| {
            file.write_all(key.to_hex().as_bytes())?;
            file.write_all(b"\n")?;
            file.sync_all()
        })
        // A link fails where the name is taken; a rename would take it away from whoever was first.
        .and_then(|()| std::fs::hard_link(&draft, path));
    let _ = std::fs::remove_file(&draft);
    written.map_err(failed)?;
    sync(folder)
}

/// A file that is made is its owner's alone.
fn owners_alone(options: &mut OpenOptions) -> &mut OpenOptions {
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(options, 0o600);
    options
}

/// A folder that is made is its owner's alone.
fn make_folder(folder: &Path) -> std::io::Result<()> {
    let mut builder = std::fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(folder)
}

/// Makes names durable.
fn sync(folder: &Path) -> Result<(), KeyError> {
    File::open(folder)
        .and_then(|folder| folder.sync_all())
        .map_err(|source| KeyError::Write { path: folder.to_owned(), source })
}
