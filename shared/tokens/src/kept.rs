//! What the secret store keeps of one version of a connection's tokens: enough to make the record anew from it.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use deskwire_core::secret::{ExposeSecret, SecretString};
use deskwire_core::time::Timestamp;
use deskwire_oauth::Tokens;
use serde::{Deserialize, Deserializer, Serialize};
use zeroize::{Zeroize, Zeroizing};

/// When what lasts so long ends; `None` where there is no end, or none that can be written down.
fn end(now: Timestamp, lifetime: Option<Duration>) -> Option<Timestamp> {
    lifetime.map(|lifetime| now.plus(lifetime)).filter(|end| !end.is_last())
}

/// An end that cannot be read, as one that was written in another way, is none that is known: the tokens are still there.
fn known_end<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Timestamp>, D::Error> {
    let text = Option::<String>::deserialize(deserializer)?;
    Ok(text.and_then(|text| Timestamp::parse(&text).ok()).filter(|end| !end.is_last()))
}

/// Tokens as they are sealed.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct Kept {
    access_token: String,
    refresh_token: Option<String>,
    pub obtained_at: Timestamp,
    #[serde(deserialize_with = "known_end")]
    pub expires_at: Option<Timestamp>,
    #[serde(deserialize_with = "known_end")]
    pub lapses_at: Option<Timestamp>,
    pub scopes: Vec<String>,
    pub scopes_cut: bool,
    pub account: BTreeMap<String, String>,
}

impl Drop for Kept {
    fn drop(&mut self) {
        self.access_token.zeroize();
        self.refresh_token.zeroize();
    }
}

impl fmt::Debug for Kept {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Kept").field("obtained_at", &self.obtained_at).finish_non_exhaustive()
    }
}

impl Kept {
    /// New tokens, completed by what the ones before them said and these do not: a refresh token that does not rotate, the
    /// scopes, the account.
    pub(crate) fn new(tokens: &Tokens, before: Option<&Self>, asked: &[String], now: Timestamp) -> Self {
        let new_refresh = tokens.refresh_token.as_ref().map(|token| token.expose_secret().to_owned());
        let mut account = before.map(|before| before.account.clone()).unwrap_or_default();
        account.extend(tokens.account.clone());
        Self {
            access_token: tokens.access_token.expose_secret().to_owned(),
            refresh_token: new_refresh.or_else(|| before.and_then(|before| before.refresh_token.clone())),
            obtained_at: now,
            expires_at: end(now, tokens.expires_in),
            lapses_at: end(now, tokens.refresh_expires_in),
            // RFC 6749, section 5.1: an answer that names none gives what was asked for.
            scopes: match (&tokens.scopes, before) {
                (Some(scopes), _) => scopes.clone(),
                (None, Some(before)) => before.scopes.clone(),
                (None, None) => asked.to_vec(),
            },
            scopes_cut: tokens.scopes_cut,
            account,
        }
    }

    pub(crate) fn access_token(&self) -> SecretString {
        SecretString::from(self.access_token.as_str())
    }

    pub(crate) fn refresh_token(&self) -> Option<SecretString> {
        self.refresh_token.as_deref().map(SecretString::from)
    }

    pub(crate) fn to_bytes(&self) -> Option<Zeroizing<Vec<u8>>> {
        serde_json::to_vec(self).ok().map(Zeroizing::new)
    }

    pub(crate) fn from_bytes(bytes: Vec<u8>) -> Option<Self> {
        deskwire_core::json::from_slice(&Zeroizing::new(bytes)).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_whose_end_cannot_be_read_are_still_there() {
        let sealed = |end: &str| {
            let text = format!(
                r#"{{"access_token":"a","refresh_token":"r","obtained_at":"2026-12-01T00:00:00Z","expires_at":{end},
                   "lapses_at":{end},"scopes":[],"scopes_cut":false,"account":{{}}}}"#
            );
            Kept::from_bytes(text.into_bytes()).map(|kept| (kept.expires_at, kept.lapses_at))
        };
        for odd in [r#""9223372036854775807 ms""#, r#""+292278994-08-17T07:12:55.807Z""#, r#""soon""#, "null"] {
            assert_eq!(sealed(odd), Some((None, None)), "{odd}");
        }
        let end = Timestamp::parse("2026-12-01T01:00:00Z").ok();
        assert_eq!(sealed(r#""2026-12-01T01:00:00Z""#), Some((end, end)));
    }
}
