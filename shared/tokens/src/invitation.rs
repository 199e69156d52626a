//! Invitations to connect a connection: for whoever is not on the machine that Deskwire runs on.

use std::time::Duration;

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use deskwire_core::ids::ConnectionName;
use deskwire_core::random::Random;
use deskwire_core::time::Timestamp;
use deskwire_secrets::{Vault, VaultError};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

#[derive(Serialize, Deserialize)]
struct Invitation {
    connection: ConnectionName,
    expires_at: Timestamp,
}

/// What is kept is the hash of the key, so that the store's rows let nobody in.
fn name(key: &str) -> String {
    format!("oauth-invite/{}", hex::encode(Sha256::digest(key)))
}

/// Makes an invitation to connect a connection, good for that long. Answers its key: 256 random bits as text, which go
/// behind `?key=` in the link.
pub async fn invite(
    vault: &Vault,
    connection: &ConnectionName,
    lasts: Duration,
    now: Timestamp,
    random: &dyn Random,
) -> Result<String, VaultError> {
    let key = BASE64_URL_SAFE_NO_PAD.encode([random.bits().to_be_bytes(), random.bits().to_be_bytes()].concat());
    let invitation = Invitation { connection: connection.clone(), expires_at: now.plus(lasts) };
    let bytes = serde_json::to_vec(&invitation).map_err(|_| VaultError::Damaged("an invitation".to_owned()))?;
    vault.put(&name(&key), 1, &bytes, now).await?;
    vault.retire(&name(&key), 2, invitation.expires_at, now).await?;
    Ok(key)
}

/// Does this key let one connect this connection now? Answers the name under which the invitation is kept, by which it is
/// erased when it was of use.
pub async fn invited(
    vault: &Vault,
    key: &str,
    connection: &ConnectionName,
    now: Timestamp,
) -> Result<Option<String>, VaultError> {
    let name = name(key);
    let Some((_, bytes)) = vault.open(&name, Some(1)).await? else { return Ok(None) };
    let found: Option<Invitation> = deskwire_core::json::from_slice(&bytes).ok();
    Ok(found.filter(|found| found.connection == *connection && now < found.expires_at).map(|_| name))
}
