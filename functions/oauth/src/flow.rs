//! What is under way: sealed in the secret store under a hash of what the browser brings back, taken once.

use std::time::Duration;

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use deskwire_core::ids::ConnectionName;
use deskwire_core::random::Random;
use deskwire_core::time::Timestamp;
use deskwire_secrets::{Vault, VaultError};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;
use url::Url;

/// How long a person has to agree.
pub(crate) const LASTS: Duration = Duration::from_mins(10);

/// A person on their way to the provider and back.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct Flow {
    pub connection: ConnectionName,
    /// What PKCE needs to show, where the provider takes it.
    pub verifier: Option<String>,
    /// Where the provider was told to send them back to; the code is exchanged with the same words.
    #[serde(default)]
    pub redirect_uri: Option<Url>,
    /// The hash of what the browser's cookie holds.
    browser: String,
    pub expires_at: Timestamp,
    /// The name under which the invitation is kept that let them begin.
    pub invitation: Option<String>,
}

/// Who sets out, and how.
pub(crate) struct OnTheWay<'a> {
    pub connection: &'a ConnectionName,
    pub verifier: Option<String>,
    pub redirect_uri: &'a Url,
    pub invitation: Option<String>,
}

/// What the browser keeps while its owner is away.
pub(crate) struct Begun {
    pub state: String,
    pub cookie: String,
}

/// 256 random bits as text.
pub(crate) fn token(random: &dyn Random) -> String {
    BASE64_URL_SAFE_NO_PAD.encode([random.bits().to_be_bytes(), random.bits().to_be_bytes()].concat())
}

fn hash(text: &str) -> String {
    hex::encode(Sha256::digest(text))
}

/// The cookie's name: several people, or one with several windows, do not get in each other's way.
pub(crate) fn cookie_name(state: &str) -> String {
    format!("deskwire_oauth_{}", &hash(state)[..16])
}

fn flow_name(state: &str) -> String {
    format!("oauth-flow/{}", hash(state))
}

pub(crate) async fn begin(
    vault: &Vault,
    on_the_way: OnTheWay<'_>,
    now: Timestamp,
    random: &dyn Random,
) -> Result<Begun, VaultError> {
    let begun = Begun { state: token(random), cookie: token(random) };
    let flow = Flow {
        connection: on_the_way.connection.clone(),
        verifier: on_the_way.verifier,
        redirect_uri: Some(on_the_way.redirect_uri.clone()),
        browser: hash(&begun.cookie),
        expires_at: now.plus(LASTS),
        invitation: on_the_way.invitation,
    };
    keep(vault, &flow_name(&begun.state), &flow, flow.expires_at, now).await?;
    Ok(begun)
}

/// Why a person who comes back is sent away.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Astray {
    /// Nobody with this state is under way: it was used, has ended, or never was.
    Unknown,
    /// Another browser began.
    OtherBrowser,
}

/// The flow of whoever comes back, which is over with that.
pub(crate) async fn take(
    vault: &Vault,
    state: &str,
    cookie: Option<&str>,
    now: Timestamp,
) -> Result<Result<Flow, Astray>, VaultError> {
    let name = flow_name(state);
    let Some(flow) = read::<Flow>(vault, &name).await? else { return Ok(Err(Astray::Unknown)) };
    let same = cookie.is_some_and(|cookie| hash(cookie).as_bytes().ct_eq(flow.browser.as_bytes()).into());
    if !same {
        // Not over with that: somebody else's browser cannot end what the right one began.
        return Ok(Err(Astray::OtherBrowser));
    }
    // Of two who come back with one state, one is first.
    let first = vault.forget(&name).await? > 0;
    Ok(if first && now < flow.expires_at { Ok(flow) } else { Err(Astray::Unknown) })
}

async fn keep(
    vault: &Vault,
    name: &str,
    value: &impl Serialize,
    until: Timestamp,
    now: Timestamp,
) -> Result<(), VaultError> {
    let bytes = serde_json::to_vec(value).map_err(|_| VaultError::Damaged(name.to_owned()))?;
    vault.put(name, 1, &bytes, now).await?;
    vault.retire(name, 2, until, now).await
}

async fn read<T: for<'de> Deserialize<'de>>(vault: &Vault, name: &str) -> Result<Option<T>, VaultError> {
    match vault.open(name, Some(1)).await? {
        None => Ok(None),
        Some((_, bytes)) => {
            deskwire_core::json::from_slice(&bytes).map(Some).map_err(|_| VaultError::Damaged(name.to_owned()))
        }
    }
}
