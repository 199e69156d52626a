//! Finds the secrets that project files only name: [`SecretRef`] in, [`SecretString`] out. Called by the binaries when they
//! start. It reads no environment itself (a look-up is passed in, since only binaries do), keeps nothing and prints
//! nothing of what it finds.

#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used))]

mod file;
mod keys;
mod random;
mod seal;
mod vault;

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::{PoisonError, RwLock};

use deskwire_core::secret::{ExposeSecret, SecretRef, SecretString};

pub use keys::{GivenKeys, KEY_VARIABLE, KeyError, Keys, PREVIOUS_KEY_VARIABLE};
pub use random::OsRandom;
pub use vault::{Listed, Vault, VaultError};

/// Looks up an environment variable.
pub type Environment = Box<dyn Fn(&str) -> Option<String> + Send + Sync>;

/// Where secrets are found.
pub struct Secrets {
    project: PathBuf,
    environment: Environment,
    stored: RwLock<BTreeMap<String, Vec<SecretString>>>,
}

impl fmt::Debug for Secrets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Secrets").field("project", &self.project).finish_non_exhaustive()
    }
}

/// A secret that could not be found, with all a person needs to mend that. It never holds a secret.
#[derive(Debug, thiserror::Error)]
#[error("{used_by}: {reference} {reason}")]
pub struct SecretError {
    /// What needs the secret: `connection slack`.
    pub used_by: String,
    /// Where it should be.
    pub reference: SecretRef,
    /// Why it is not there.
    #[source]
    pub reason: Reason,
}

/// Why a secret is not there. The message follows the reference: "environment variable X …".
#[derive(Debug, thiserror::Error)]
pub enum Reason {
    /// An environment variable that does not exist, or is not text.
    #[error("is not set; set it and start again")]
    NotSet,
    /// Nothing, or nothing but white space.
    #[error("is empty; give it the secret's value and start again")]
    Empty,
    /// A file that cannot be opened or read.
    #[error("cannot be read ({0}); relative paths begin at the project folder")]
    Unreadable(#[source] std::io::Error),
    /// A directory, a device or the like.
    #[error("is not a regular file")]
    NotAFile,
    /// A file with the mode given here, which lets others in.
    #[error("may be read by others (mode {mode:04o}); run `chmod 600` on it")]
    Exposed {
        /// The file's permission bits.
        mode: u32,
    },
    /// A file that is no secret by its size.
    #[error("is larger than {} KiB, too large for a secret; is it the right file?", file::MAX_BYTES / 1024)]
    TooLarge,
    /// A file that is not text.
    #[error("is not UTF-8 text; is it the right file?")]
    NotText,
    /// A name that the secret store does not know.
    #[error("is not there; `deskwire secrets set {0}` stores it")]
    NotStored(String),
}

impl Secrets {
    /// Secrets of a project: files are found relative to its folder, variables by `environment`.
    pub fn new(project: &Path, environment: Environment) -> Self {
        Self { project: project.to_owned(), environment, stored: RwLock::default() }
    }

    /// Takes what the secret store holds, by name and newest first, in place of what was taken before.
    pub fn take_stored(&self, stored: BTreeMap<String, Vec<SecretString>>) {
        *self.stored.write().unwrap_or_else(PoisonError::into_inner) = stored;
    }

    /// Looks up an environment variable.
    pub fn environment(&self, name: &str) -> Option<String> {
        (self.environment)(name)
    }

    /// The secret behind a reference, and after it those of the secret store that it took the place of and whose grace is
    /// not over: what somebody else signs may be signed with an old key for a while.
    pub fn resolve_all(&self, reference: &SecretRef, used_by: &str) -> Result<Vec<SecretString>, SecretError> {
        let mut all = vec![self.resolve(reference, used_by)?];
        if let SecretRef::Stored(name) = reference {
            let stored = self.stored.read().unwrap_or_else(PoisonError::into_inner);
            all.extend(stored.get(name).into_iter().flatten().skip(1).cloned());
        }
        Ok(all)
    }

    /// The secret behind a reference. `used_by` says in messages what needs it: `connection slack`.
    pub fn resolve(&self, reference: &SecretRef, used_by: &str) -> Result<SecretString, SecretError> {
        let found = match reference {
            SecretRef::Env(name) => (self.environment)(name).ok_or(Reason::NotSet),
            SecretRef::File(path) => file::read(&self.project.join(path)),
            SecretRef::Stored(name) => {
                let stored = self.stored.read().unwrap_or_else(PoisonError::into_inner);
                let found = stored
                    .get(name)
                    .and_then(|versions| versions.first())
                    .map(|secret| secret.expose_secret().to_owned());
                found.ok_or_else(|| Reason::NotStored(name.clone()))
            }
        };
        match found {
            Ok(text) if !text.trim().is_empty() => Ok(SecretString::from(text)),
            Ok(_) => Err(Reason::Empty),
            Err(reason) => Err(reason),
        }
        .map_err(|reason| SecretError { used_by: used_by.to_owned(), reference: reference.clone(), reason })
    }
}

#[cfg(test)]
mod tests;
