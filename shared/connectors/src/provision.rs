//! What `deskwire sources provision` has a provider do: send a source's events to us, signed with a secret that we hold.

use deskwire_core::secret::SecretString;
use serde::Serialize;

/// What became of it.
#[derive(Debug, Clone)]
pub struct Provisioned {
    /// The provider's ids of what delivers now.
    pub ids: Vec<String>,
    /// What was done.
    pub done: Done,
    /// What deliveries are signed with.
    pub secret: SecretString,
}

/// What was done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Done {
    /// There was none.
    Created,
    /// There was one, and it is as it should be now.
    Changed,
    /// There was one as it should be.
    Unchanged,
}
