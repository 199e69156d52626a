//! Secrets Manager: values under versions that never change. Which versions there are stands in the table, so that a list
//! costs nothing there, and a reader always fetches the very version that it was told of.
//!
//! A version's number is its staging label (`v7`), and its version id is made of name and number, so that storing it twice
//! is one call twice (`ClientRequestToken`). A version whose label is taken away is deprecated, and Secrets Manager removes
//! it; the last one takes the secret with it.
//! <https://docs.aws.amazon.com/secretsmanager/latest/userguide/whats-in-a-secret.html>

use aws_sdk_dynamodb::types::AttributeValue;
use aws_sdk_secretsmanager::error::{DisplayErrorContext, ProvideErrorMetadata, SdkError};
use aws_sdk_secretsmanager::primitives::Blob;
use deskwire_core::BoxFuture;
use deskwire_core::damage::RecordKind;
use deskwire_core::ports::{SealedSecret, SecretStore, StoreError, StoreResult};
use deskwire_core::time::Timestamp;
use futures_util::future::try_join_all;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::connect::AwsStore;
use crate::damage::readable;
use crate::keys::{self, SECRETS};
use crate::lanes::sort_key;
use crate::table::{Condition, Item, Write, Written, content, item};

/// A secret's value holds at most so much.
/// <https://docs.aws.amazon.com/secretsmanager/latest/userguide/reference_limits.html>
const MOST: usize = 65_536;

/// A version as the table knows it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Kept {
    name: String,
    version: u64,
    key: String,
    /// Which version of Secrets Manager holds the value.
    version_id: String,
    stored_at: Timestamp,
    erase_at: Option<Timestamp>,
    rev: u64,
}

impl SecretStore for AwsStore {
    fn put_secret(&self, secret: SealedSecret) -> BoxFuture<'_, StoreResult<bool>> {
        Box::pin(async move {
            if secret.sealed.len() > MOST {
                return Err(StoreError::Corrupt(format!(
                    "the secret {} has {} bytes, and Secrets Manager takes {MOST}",
                    secret.name,
                    secret.sealed.len()
                )));
            }
            if let Some(known) = self.kept_secret(&secret.name, secret.version).await? {
                return match self.value(&known).await? {
                    Some(value) => Ok(value == secret.sealed && known.key == secret.key),
                    // Somebody has deleted it in Secrets Manager; what is stored now takes its place.
                    None => self.store_value(&known, &secret.sealed).await,
                };
            }
            let kept = Kept {
                version_id: version_id(&secret, ""),
                name: secret.name,
                version: secret.version,
                key: secret.key,
                stored_at: secret.stored_at,
                erase_at: None,
                rev: 1,
            };
            if !self.store_value(&kept, &secret.sealed).await? {
                return Ok(false);
            }
            match self.table.write(vec![self.keeping_secret(&kept)?]).await? {
                Written::Yes => Ok(true),
                // Somebody stored the same version at the same moment; the value of Secrets Manager is that of the first.
                Written::Refused(..) => Ok(self.kept_secret(&kept.name, kept.version).await?.as_ref() == Some(&kept)),
            }
        })
    }

    fn secret<'a>(&'a self, name: &'a str, version: Option<u64>) -> BoxFuture<'a, StoreResult<Option<SealedSecret>>> {
        Box::pin(async move {
            let kept = if let Some(version) = version {
                self.kept_secret(name, version).await?
            } else {
                // Asked for alone: an older version must not stand in for one that cannot be read.
                let found = self.table.query(SECRETS, &format!("{name}#"), None).await?;
                found.last().map(content).transpose()?
            };
            match kept {
                None => Ok(None),
                Some(kept) => self.opened(kept).await,
            }
        })
    }

    fn secrets<'a>(&'a self, prefix: &'a str) -> BoxFuture<'a, StoreResult<Vec<SealedSecret>>> {
        Box::pin(async move {
            let found = self.table.query(SECRETS, prefix, None).await?;
            let opened = try_join_all(readable_ones(&found)?.into_iter().map(|kept| self.opened(kept))).await?;
            Ok(opened.into_iter().flatten().collect())
        })
    }

    fn retire_secrets<'a>(&'a self, name: &'a str, before: u64, erase_at: Timestamp) -> BoxFuture<'a, StoreResult<()>> {
        Box::pin(async move {
            for kept in self.versions(name).await? {
                if kept.version < before && kept.erase_at.is_none() {
                    let next = Kept { erase_at: Some(erase_at), rev: kept.rev + 1, ..kept };
                    self.table.write(vec![self.keeping_secret(&next)?]).await?;
                }
            }
            Ok(())
        })
    }

    fn erase_secrets(&self, now: Timestamp) -> BoxFuture<'_, StoreResult<usize>> {
        Box::pin(async move {
            let mut erased = 0;
            for kept in readable_ones(&self.table.query(SECRETS, "", None).await?)? {
                if kept.erase_at.is_some_and(|at| at <= now) {
                    self.erase(&kept).await?;
                    erased += 1;
                }
            }
            Ok(erased)
        })
    }

    fn forget_secret<'a>(&'a self, name: &'a str) -> BoxFuture<'a, StoreResult<usize>> {
        Box::pin(async move {
            // By their keys, whether or not they can be read.
            let versions = self.table.query(SECRETS, &format!("{name}#"), None).await?;
            let mut gone = 0;
            // Of several who forget it at once, each version counts for one.
            for kept in &versions {
                let condition = Condition::new("attribute_exists(pk)", Vec::new());
                let delete = self.table.deleting(SECRETS, sort_key(kept)?, Some(condition));
                gone += usize::from(matches!(self.table.write(vec![delete]).await?, Written::Yes));
            }
            if !versions.is_empty() {
                self.remove(name).await?;
            }
            Ok(gone)
        })
    }

    fn rewrap_secret<'a>(&'a self, secret: SealedSecret, old_key: &'a str) -> BoxFuture<'a, StoreResult<bool>> {
        Box::pin(async move {
            let Some(kept) = self.kept_secret(&secret.name, secret.version).await? else { return Ok(false) };
            if kept.key != old_key {
                return Ok(false);
            }
            let next = Kept {
                version_id: version_id(&secret, &secret.key),
                key: secret.key.clone(),
                rev: kept.rev + 1,
                ..kept.clone()
            };
            if !self.store_value(&next, &secret.sealed).await? {
                return Ok(false);
            }
            Ok(matches!(self.table.write(vec![self.keeping_secret(&next)?]).await?, Written::Yes))
        })
    }
}

impl AwsStore {
    fn secret_id(&self, name: &str) -> String {
        format!("{}/{name}", self.secret_prefix)
    }

    async fn kept_secret(&self, name: &str, version: u64) -> StoreResult<Option<Kept>> {
        self.table.get(SECRETS, &place(name, version)).await?.map(|item| content(&item)).transpose()
    }

    /// The versions of one secret, the latest last.
    async fn versions(&self, name: &str) -> StoreResult<Vec<Kept>> {
        let found = self.table.query(SECRETS, &format!("{name}#"), None).await?;
        readable_ones(&found)
    }

    fn keeping_secret(&self, kept: &Kept) -> StoreResult<Write> {
        let mut made = item(SECRETS, &place(&kept.name, kept.version), kept)?;
        made.insert("rev".to_owned(), AttributeValue::N(kept.rev.to_string()));
        let condition = if kept.rev == 1 { Condition::absent() } else { Condition::revision(kept.rev - 1) };
        Ok(self.table.putting(made, Some(condition)))
    }

    async fn opened(&self, kept: Kept) -> StoreResult<Option<SealedSecret>> {
        let value = self.value(&kept).await?;
        if value.is_none() {
            tracing::error!(
                secret = kept.name,
                version = kept.version,
                "its value is gone from Secrets Manager: set it anew, or connect the connection anew"
            );
        }
        Ok(value.map(|sealed| SealedSecret {
            name: kept.name,
            version: kept.version,
            key: kept.key,
            sealed,
            stored_at: kept.stored_at,
        }))
    }

    /// The value of this very version.
    async fn value(&self, kept: &Kept) -> StoreResult<Option<Vec<u8>>> {
        let answer = self
            .secrets
            .get_secret_value()
            .secret_id(self.secret_id(&kept.name))
            .version_id(&kept.version_id)
            .send()
            .await;
        match answer {
            Ok(found) => Ok(found.secret_binary.map(Blob::into_inner)),
            Err(error) if code(&error) == "ResourceNotFoundException" => Ok(None),
            Err(error) => Err(unavailable(&error)),
        }
    }

    /// Stores a value as a version of its own, which is never changed. `false` where that version has another value.
    async fn store_value(&self, kept: &Kept, value: &[u8]) -> StoreResult<bool> {
        let (id, label) = (self.secret_id(&kept.name), format!("v{}", kept.version));
        // The first version of a secret makes the secret.
        for _ in 0..2 {
            let put = self
                .secrets
                .put_secret_value()
                .secret_id(&id)
                .client_request_token(&kept.version_id)
                .secret_binary(Blob::new(value))
                .version_stages(&label)
                .send()
                .await;
            match put {
                Ok(_) => return Ok(true),
                Err(error) if code(&error) == "ResourceExistsException" => return Ok(false),
                Err(error) if code(&error) == "ResourceNotFoundException" => {}
                Err(error) => return Err(unavailable(&error)),
            }
            // Without a value of its own: what is current can never be erased, and nothing here asks for it.
            let created = self
                .secrets
                .create_secret()
                .name(&id)
                .description("Kept by Deskwire, each version under its own label. Do not change it by hand.")
                .secret_string("Deskwire keeps the versions of this secret under the labels v1, v2 and so on.")
                .send()
                .await;
            match created {
                Err(error) if code(&error) != "ResourceExistsException" => return Err(unavailable(&error)),
                // Made, by us or by somebody else meanwhile.
                _ => {}
            }
        }
        Ok(false)
    }

    /// Erases one version: without a label it is deprecated. The last one takes the secret with it.
    async fn erase(&self, kept: &Kept) -> StoreResult<()> {
        if self.versions(&kept.name).await?.len() > 1 {
            let unlabelled = self
                .secrets
                .update_secret_version_stage()
                .secret_id(self.secret_id(&kept.name))
                .version_stage(format!("v{}", kept.version))
                .remove_from_version_id(&kept.version_id)
                .send()
                .await;
            match unlabelled {
                Ok(_) => {}
                Err(error)
                    if matches!(code(&error).as_str(), "ResourceNotFoundException" | "InvalidParameterException") => {}
                Err(error) => return Err(unavailable(&error)),
            }
        } else {
            self.remove(&kept.name).await?;
        }
        self.table.delete(SECRETS, &place(&kept.name, kept.version)).await
    }

    async fn remove(&self, name: &str) -> StoreResult<()> {
        let removed = self
            .secrets
            .delete_secret()
            .secret_id(self.secret_id(name))
            .force_delete_without_recovery(true)
            .send()
            .await;
        match removed {
            Ok(_) => Ok(()),
            Err(error) if code(&error) == "ResourceNotFoundException" => Ok(()),
            Err(error) => Err(unavailable(&error)),
        }
    }
}

/// Those versions that can be read.
fn readable_ones(items: &[Item]) -> StoreResult<Vec<Kept>> {
    let mut found = Vec::new();
    for item in items {
        found.extend(readable(RecordKind::Secret, &in_words(sort_key(item)?), content(item))?);
    }
    Ok(found)
}

/// Can this version be read?
pub(crate) fn look(item: &Item) -> StoreResult<()> {
    content::<Kept>(item).map(drop)
}

/// A version's key, in words.
pub(crate) fn in_words(place: &str) -> String {
    match place.rsplit_once('#') {
        Some((name, version)) => format!("{name} version {}", version.trim_start_matches('0')),
        None => place.to_owned(),
    }
}

pub(crate) fn place(name: &str, version: u64) -> String {
    format!("{name}#{}", keys::sortable(i64::try_from(version).unwrap_or(i64::MAX)))
}

/// The version id of a secret's version: the same again for the same version.
fn version_id(secret: &SealedSecret, anew: &str) -> String {
    let text = format!("deskwire/{}/{}/{anew}", secret.name, secret.version);
    Uuid::new_v5(&Uuid::NAMESPACE_URL, text.as_bytes()).to_string()
}

fn code<E: ProvideErrorMetadata, R>(error: &SdkError<E, R>) -> String {
    error.as_service_error().and_then(ProvideErrorMetadata::code).unwrap_or_default().to_owned()
}

/// Secrets Manager's error as the ports' error. Its messages never hold a value.
fn unavailable<E, R>(error: &SdkError<E, R>) -> StoreError
where
    E: std::error::Error + ProvideErrorMetadata + Send + Sync + 'static,
    R: std::fmt::Debug + Send + Sync + 'static,
{
    StoreError::Unavailable { reason: DisplayErrorContext(error).to_string() }
}
