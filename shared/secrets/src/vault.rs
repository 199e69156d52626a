//! Sealed secrets in a store: what people set, and the tokens that the broker keeps.

use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError, RwLock};

use deskwire_core::ports::{SealedSecret, SecretStore, StoreError};
use deskwire_core::random::Random;
use deskwire_core::secret::SecretString;
use deskwire_core::time::Timestamp;

use crate::keys::{BY_STORE, KeyError, KeyRing, Keys};
use crate::seal::Damaged;

/// How the names of secrets that people set begin.
const SET: &str = "secret/";

/// Why a secret cannot be stored or opened. Never holds one.
#[derive(Debug, thiserror::Error)]
pub enum VaultError {
    /// The key is not to be had.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// The store is not to be had.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// It was sealed with a key that is not here.
    #[error(
        "the secret {name} is sealed with key {key}, which is not here: put back the key file (secret.key in the data \
         folder) or DESKWIRE_SECRET_KEY, or set the secret anew"
    )]
    OtherKey {
        /// The secret.
        name: String,
        /// The key's id.
        key: String,
    },
    /// It was changed since it was sealed.
    #[error("the secret {0} is damaged: set it anew")]
    Damaged(String),
    /// There is another one of this version already.
    #[error("version {version} of the secret {name} is there already")]
    Taken {
        /// The secret.
        name: String,
        /// The version.
        version: u64,
    },
}

/// A secret's name and versions, for lists.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Listed {
    /// Its name.
    pub name: String,
    /// Its latest version.
    pub version: u64,
    /// When that was stored.
    pub stored_at: Timestamp,
    /// The id of the key it is sealed with.
    pub key: String,
}

/// Sealed secrets in a store. Cheap to clone.
#[derive(Clone)]
pub struct Vault {
    store: Arc<dyn SecretStore>,
    keys: Keys,
    random: Arc<dyn Random>,
    ring: Arc<RwLock<Option<Arc<KeyRing>>>>,
}

impl Vault {
    /// A vault on this store. No key is read or made before one is needed.
    pub fn new(store: Arc<dyn SecretStore>, keys: Keys, random: Arc<dyn Random>) -> Self {
        Self { store, keys, random, ring: Arc::default() }
    }

    /// Stores a version. Versions never change, so a second one with another value is refused.
    pub async fn put(&self, name: &str, version: u64, value: &[u8], now: Timestamp) -> Result<(), VaultError> {
        if let Keys::ByStore = self.keys {
            let key = BY_STORE.to_owned();
            let secret = SealedSecret { name: name.to_owned(), version, key, sealed: value.to_vec(), stored_at: now };
            return self.stored(secret).await;
        }
        // Read each time: the key may be being exchanged, and what is sealed now must be sealed with the new one.
        let ring = Arc::new(self.keys.read_or_make(self.random.as_ref())?);
        let damaged = |_| VaultError::Damaged(name.to_owned());
        let key = ring.current().ok_or_else(|| VaultError::Damaged(name.to_owned()))?;
        let sealed = key.seal(name, version, value, self.random.as_ref()).map_err(damaged)?;
        let secret = SealedSecret { name: name.to_owned(), version, key: key.id(), sealed, stored_at: now };
        *self.ring.write().unwrap_or_else(PoisonError::into_inner) = Some(Arc::clone(&ring));
        self.stored(secret).await
    }

    async fn stored(&self, secret: SealedSecret) -> Result<(), VaultError> {
        let (name, version) = (secret.name.clone(), secret.version);
        if self.store.put_secret(secret).await? { Ok(()) } else { Err(VaultError::Taken { name, version }) }
    }

    /// A version of a secret, or the latest one.
    pub async fn open(&self, name: &str, version: Option<u64>) -> Result<Option<(u64, Vec<u8>)>, VaultError> {
        match self.store.secret(name, version).await? {
            None => Ok(None),
            Some(secret) => Ok(Some((secret.version, self.opened(&secret)?))),
        }
    }

    fn opened(&self, secret: &SealedSecret) -> Result<Vec<u8>, VaultError> {
        if secret.key == BY_STORE && matches!(self.keys, Keys::ByStore) {
            return Ok(secret.sealed.clone());
        }
        let ring = self.ring_with(&secret.key)?;
        let other = || VaultError::OtherKey { name: secret.name.clone(), key: secret.key.clone() };
        let key = ring.by_id(&secret.key).ok_or_else(other)?;
        let value = key.open(&secret.name, secret.version, &secret.sealed);
        let value = value.map_err(|Damaged| VaultError::Damaged(secret.name.clone()))?;
        Ok(value.to_vec())
    }

    /// The keys, read again where this one is not among them: it may have been exchanged by another process.
    fn ring_with(&self, id: &str) -> Result<Arc<KeyRing>, KeyError> {
        let known = self.ring.read().unwrap_or_else(PoisonError::into_inner).clone();
        if let Some(ring) = known.filter(|ring| ring.by_id(id).is_some()) {
            return Ok(ring);
        }
        let ring = Arc::new(self.keys.read()?);
        *self.ring.write().unwrap_or_else(PoisonError::into_inner) = Some(Arc::clone(&ring));
        Ok(ring)
    }

    /// Every secret that people set, by name: its latest version, then those before it whose grace is not over. The others
    /// are erased.
    pub async fn set_secrets(&self, now: Timestamp) -> Result<BTreeMap<String, Vec<SecretString>>, VaultError> {
        self.erase_due(now).await?;
        Ok(self.all_set().await?.1)
    }

    /// The secrets that people set as they stand, erasing none: their list, and their values by name, newest first.
    pub async fn all_set(&self) -> Result<(Vec<Listed>, BTreeMap<String, Vec<SecretString>>), VaultError> {
        let secrets = self.store.secrets(SET).await?;
        let mut found: BTreeMap<String, Vec<SecretString>> = BTreeMap::new();
        for secret in &secrets {
            let name = secret.name.trim_start_matches(SET).to_owned();
            // One that is damaged keeps no other from being read; whatever needs it is told that it is not there.
            let Some(text) = passing_damage(self.text_of(secret))? else { continue };
            // The store gives versions in order.
            found.entry(name).or_default().insert(0, text);
        }
        Ok((listed(secrets), found))
    }

    /// One secret that people set: its latest version, then those before it whose grace is not over.
    pub async fn versions_of(&self, name: &str) -> Result<Vec<SecretString>, VaultError> {
        let name = format!("{SET}{name}");
        let (mut found, mut damaged) = (Vec::new(), None);
        for secret in self.store.secrets(&name).await?.into_iter().filter(|secret| secret.name == name) {
            match self.text_of(&secret) {
                // The store gives versions in order.
                Ok(text) => found.insert(0, text),
                Err(error @ VaultError::Damaged(_)) => damaged = Some(error),
                Err(error) => return Err(error),
            }
        }
        match damaged {
            Some(error) if found.is_empty() => Err(error),
            _ => Ok(found),
        }
    }

    fn text_of(&self, secret: &SealedSecret) -> Result<SecretString, VaultError> {
        let value = zeroize::Zeroizing::new(self.opened(secret)?);
        let text = std::str::from_utf8(&value).map_err(|_| VaultError::Damaged(secret.name.clone()))?;
        Ok(SecretString::from(text))
    }

    /// The secrets that cannot be opened although their key is here, each with its version.
    pub async fn damaged(&self) -> Result<Vec<(String, u64)>, VaultError> {
        let mut damaged = Vec::new();
        for secret in self.store.secrets("").await? {
            match self.opened(&secret) {
                Ok(value) => drop(zeroize::Zeroizing::new(value)),
                Err(VaultError::Damaged(_)) => damaged.push((secret.name, secret.version)),
                // Without its key nobody can tell; that is another trouble, which is told of elsewhere.
                Err(_) => {}
            }
        }
        Ok(damaged)
    }

    /// Erases the versions whose grace is over.
    pub async fn erase_due(&self, now: Timestamp) -> Result<usize, VaultError> {
        Ok(self.store.erase_secrets(now).await?)
    }

    /// Sets a secret as a new version; the ones before it are erased at that time.
    pub async fn set(&self, name: &str, value: &str, now: Timestamp, erase_at: Timestamp) -> Result<u64, VaultError> {
        let name = format!("{SET}{name}");
        let version = self.store.secret(&name, None).await?.map_or(1, |latest| latest.version + 1);
        self.put(&name, version, value.as_bytes(), now).await?;
        self.store.retire_secrets(&name, version, erase_at).await?;
        self.store.erase_secrets(now).await?;
        Ok(version)
    }

    /// The secrets that people set: names and times, no values.
    pub async fn list(&self) -> Result<Vec<Listed>, VaultError> {
        Ok(listed(self.store.secrets(SET).await?))
    }

    /// Erases a secret that people set. `false` where there was none.
    pub async fn delete(&self, name: &str) -> Result<bool, VaultError> {
        Ok(self.store.forget_secret(&format!("{SET}{name}")).await? > 0)
    }

    /// Marks every version before this one to be erased at that time, and erases what is due.
    pub async fn retire(&self, name: &str, before: u64, erase_at: Timestamp, now: Timestamp) -> Result<(), VaultError> {
        self.store.retire_secrets(name, before, erase_at).await?;
        self.store.erase_secrets(now).await?;
        Ok(())
    }

    /// Erases a secret with all its versions, by its whole name. Answers how many there were: of several who erase one at
    /// the same time, one is told that there was something.
    pub async fn forget(&self, name: &str) -> Result<usize, VaultError> {
        Ok(self.store.forget_secret(name).await?)
    }

    /// Exchanges the key: makes a new one, seals every secret anew with it, and puts it in the old one's place. Running
    /// processes go on meanwhile, and a crash at any point leaves every secret readable; coming again finishes it. Answers
    /// how many were sealed anew.
    pub async fn exchange_key(&self) -> Result<usize, VaultError> {
        let exchange = self.keys.begin_exchange(self.random.as_ref())?;
        let ring = self.keys.read_or_make(self.random.as_ref())?;
        let mut sealed = 0;
        loop {
            let mut left = 0;
            for secret in self.store.secrets("").await? {
                let Some(new) = ring.current().filter(|new| new.id() != secret.key) else { continue };
                let other = || VaultError::OtherKey { name: secret.name.clone(), key: secret.key.clone() };
                let old = ring.by_id(&secret.key).ok_or_else(other)?;
                let anew = old.rewrap(new, &secret.name, secret.version, &secret.sealed, self.random.as_ref());
                let anew = anew.map_err(|Damaged| VaultError::Damaged(secret.name.clone()));
                // What cannot be opened with the old key cannot be lost with it either.
                let Some(anew) = passing_damage(anew)? else { continue };
                let old_key = secret.key.clone();
                let secret = SealedSecret { key: new.id(), sealed: anew, ..secret };
                left += 1;
                sealed += usize::from(self.store.rewrap_secret(secret, &old_key).await?);
            }
            if left == 0 {
                break;
            }
        }
        exchange.finish()?;
        *self.ring.write().unwrap_or_else(PoisonError::into_inner) = None;
        Ok(sealed)
    }
}

/// What was read; `None`, with a line in the log, where this one secret is damaged.
fn passing_damage<T>(read: Result<T, VaultError>) -> Result<Option<T>, VaultError> {
    match read {
        Ok(value) => Ok(Some(value)),
        Err(error @ VaultError::Damaged(_)) => {
            tracing::error!(%error, "a secret is left out");
            Ok(None)
        }
        Err(error) => Err(error),
    }
}

/// The latest version of each. The store gives versions in order.
fn listed(secrets: Vec<SealedSecret>) -> Vec<Listed> {
    let mut listed: Vec<Listed> = Vec::new();
    for secret in secrets {
        let name = secret.name.trim_start_matches(SET).to_owned();
        listed.retain(|known| known.name != name);
        listed.push(Listed { name, version: secret.version, stored_at: secret.stored_at, key: secret.key });
    }
    listed
}

#[cfg(test)]
mod tests;
