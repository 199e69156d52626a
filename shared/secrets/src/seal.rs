//! Sealing: each value under a random key of its own, that key under the store's key (an envelope), with
//! XChaCha20-Poly1305 (draft-irtf-cfrg-xchacha-03), whose nonces may be random.
//!
//! What a value is for (its name and version) is sealed with it, so that rows cannot change places.

use chacha20poly1305::aead::{Aead, KeyInit, Payload};
use chacha20poly1305::{Key, XChaCha20Poly1305, XNonce};
use deskwire_core::random::Random;
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

const FORMAT: u8 = 1;
const NONCE: usize = 24;
const KEY: usize = 32;
const TAG: usize = 16;
const WRAPPED: usize = NONCE + KEY + TAG;

/// The store's key: 256 random bits.
pub(crate) struct StoreKey(Zeroizing<[u8; KEY]>);

/// A sealed value that does not open: damaged, or not what it says it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Damaged;

impl StoreKey {
    pub(crate) fn from_bytes(bytes: &[u8]) -> Option<Self> {
        Some(Self(Zeroizing::new(bytes.try_into().ok()?)))
    }

    pub(crate) fn generate(random: &dyn Random) -> Self {
        Self(random_key(random))
    }

    pub(crate) fn to_hex(&self) -> Zeroizing<String> {
        Zeroizing::new(hex::encode(self.0.as_slice()))
    }

    /// Tells keys apart without telling anything about them.
    pub(crate) fn id(&self) -> String {
        let mut hash = Sha256::new();
        hash.update(b"deskwire store key");
        hash.update(self.0.as_slice());
        hex::encode(&hash.finalize()[..8])
    }

    /// Seals a value as this version of this secret.
    pub(crate) fn seal(&self, name: &str, version: u64, value: &[u8], random: &dyn Random) -> Result<Vec<u8>, Damaged> {
        let data_key = random_key(random);
        let mut sealed = vec![FORMAT];
        sealed.extend(encrypt(&self.0, &about("key", name, version), data_key.as_slice(), random)?);
        sealed.extend(encrypt(&data_key, &about("value", name, version), value, random)?);
        Ok(sealed)
    }

    /// Opens what [`StoreKey::seal`] made.
    pub(crate) fn open(&self, name: &str, version: u64, sealed: &[u8]) -> Result<Zeroizing<Vec<u8>>, Damaged> {
        let (wrapped, value) = parts(sealed)?;
        let data_key = self.data_key(name, version, wrapped)?;
        decrypt(&data_key, &about("value", name, version), value)
    }

    /// The same value under another store key. The value itself is not opened.
    pub(crate) fn rewrap(
        &self,
        to: &Self,
        name: &str,
        version: u64,
        sealed: &[u8],
        random: &dyn Random,
    ) -> Result<Vec<u8>, Damaged> {
        let (wrapped, value) = parts(sealed)?;
        let data_key = self.data_key(name, version, wrapped)?;
        let mut anew = vec![FORMAT];
        anew.extend(encrypt(&to.0, &about("key", name, version), data_key.as_slice(), random)?);
        anew.extend(value);
        Ok(anew)
    }

    fn data_key(&self, name: &str, version: u64, wrapped: &[u8]) -> Result<Zeroizing<[u8; KEY]>, Damaged> {
        let opened = decrypt(&self.0, &about("key", name, version), wrapped)?;
        Ok(Zeroizing::new(opened.as_slice().try_into().map_err(|_| Damaged)?))
    }
}

fn parts(sealed: &[u8]) -> Result<(&[u8], &[u8]), Damaged> {
    match sealed.split_first() {
        Some((&FORMAT, rest)) if rest.len() >= WRAPPED => Ok(rest.split_at(WRAPPED)),
        _ => Err(Damaged),
    }
}

/// What is sealed with a value. Length prefixes keep two different lists of parts from running together into one text.
fn about(what: &str, name: &str, version: u64) -> Vec<u8> {
    let mut about = Vec::new();
    for part in ["deskwire/seal/1", what, name, &version.to_string()] {
        about.extend(u64::try_from(part.len()).unwrap_or(u64::MAX).to_be_bytes());
        about.extend(part.as_bytes());
    }
    about
}

fn random_key(random: &dyn Random) -> Zeroizing<[u8; KEY]> {
    let mut key = Zeroizing::new([0; KEY]);
    for half in key.chunks_mut(16) {
        half.copy_from_slice(&random.bits().to_be_bytes());
    }
    key
}

fn encrypt(key: &[u8; KEY], about: &[u8], value: &[u8], random: &dyn Random) -> Result<Vec<u8>, Damaged> {
    let bits = [random.bits().to_be_bytes(), random.bits().to_be_bytes()].concat();
    let nonce = XNonce::try_from(&bits[..NONCE]).map_err(|_| Damaged)?;
    let cipher = XChaCha20Poly1305::new(&Key::from(*key));
    let sealed = cipher.encrypt(&nonce, Payload { msg: value, aad: about }).map_err(|_| Damaged)?;
    Ok([&bits[..NONCE], &sealed].concat())
}

fn decrypt(key: &[u8; KEY], about: &[u8], sealed: &[u8]) -> Result<Zeroizing<Vec<u8>>, Damaged> {
    let (nonce, sealed) = sealed.split_at_checked(NONCE).ok_or(Damaged)?;
    let nonce = XNonce::try_from(nonce).map_err(|_| Damaged)?;
    let cipher = XChaCha20Poly1305::new(&Key::from(*key));
    cipher.decrypt(&nonce, Payload { msg: sealed, aad: about }).map(Zeroizing::new).map_err(|_| Damaged)
}

#[cfg(test)]
mod tests {
    use deskwire_core::random::SeededRandom;

    use super::*;

    #[test]
    fn what_is_sealed_opens_again_as_what_it_was_and_as_nothing_else() {
        let random = SeededRandom::new(1);
        let key = StoreKey::generate(&random);
        for value in [&b""[..], b"marker", &[0; 10_000]] {
            let sealed = key.seal("token/slack", 3, value, &random).unwrap();
            assert_eq!(key.open("token/slack", 3, &sealed).unwrap().as_slice(), value);
            assert!(key.open("token/slack", 4, &sealed).is_err(), "another version");
            assert!(key.open("token/zendesk", 3, &sealed).is_err(), "another secret");
            assert!(StoreKey::generate(&random).open("token/slack", 3, &sealed).is_err(), "another key");
            assert_ne!(key.seal("token/slack", 3, value, &random).unwrap(), sealed);
        }
    }

    #[test]
    fn every_changed_byte_is_noticed() {
        let random = SeededRandom::new(2);
        let key = StoreKey::generate(&random);
        let sealed = key.seal("a", 1, b"marker", &random).unwrap();
        assert!(!sealed.windows(6).any(|window| window == b"marker"));
        for at in 0..sealed.len() {
            let mut changed = sealed.clone();
            changed[at] ^= 1;
            assert!(key.open("a", 1, &changed).is_err(), "byte {at}");
            assert!(key.open("a", 1, &sealed[..at]).is_err(), "cut at {at}");
        }
    }

    #[test]
    fn another_key_takes_over_without_the_value_being_sealed_anew() {
        let random = SeededRandom::new(3);
        let (old, new) = (StoreKey::generate(&random), StoreKey::generate(&random));
        let sealed = old.seal("a", 1, b"marker", &random).unwrap();
        let anew = old.rewrap(&new, "a", 1, &sealed, &random).unwrap();
        assert_eq!(new.open("a", 1, &anew).unwrap().as_slice(), b"marker");
        assert!(old.open("a", 1, &anew).is_err());
        assert_ne!(old.id(), new.id());
    }
}
