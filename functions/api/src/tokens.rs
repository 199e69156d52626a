//! Who may ask: the bearer of the deployment's token (RFC 6750).

use std::sync::{PoisonError, RwLock};

use deskwire_core::secret::{ExposeSecret, SecretString};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use crate::answer::Failure;

/// The tokens that count. Only their digests are kept.
#[derive(Default)]
pub struct Tokens(RwLock<Vec<[u8; 32]>>);

impl Tokens {
    /// These count.
    pub fn new(tokens: &[SecretString]) -> Self {
        let kept = Self::default();
        kept.replace(tokens);
        kept
    }

    /// These count from now on.
    pub fn replace(&self, tokens: &[SecretString]) {
        let digests = tokens.iter().map(|token| Sha256::digest(token.expose_secret()).into()).collect();
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = digests;
    }

    /// Does the bearer of these headers' token count?
    pub fn admit(&self, headers: &http::HeaderMap) -> bool {
        let given = headers.get(http::header::AUTHORIZATION).and_then(|value| value.to_str().ok());
        self.admits(given.and_then(|value| value.strip_prefix("Bearer "))).is_ok()
    }

    /// Does this token count? Takes as long for one that nearly does as for one that does not at all.
    pub(crate) fn admits(&self, given: Option<&str>) -> Result<(), Failure> {
        let known = self.0.read().unwrap_or_else(PoisonError::into_inner);
        if known.is_empty() {
            return Err(Failure::NoToken);
        }
        let Some(given) = given else { return Err(Failure::Unauthorized) };
        let given: [u8; 32] = Sha256::digest(given).into();
        // Every one is compared, whether or not an earlier one fits.
        let fits = known.iter().filter(|digest| digest.ct_eq(&given).into()).count();
        if fits > 0 { Ok(()) } else { Err(Failure::Unauthorized) }
    }
}
