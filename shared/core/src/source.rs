//! Sources: where events come from, as `deskwire.yaml` declares them.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::ids::{ConnectionName, SourceName};
use crate::secret::SecretRef;

/// How far a signed timestamp may lie from our clock, in either direction, unless the source says otherwise. Zendesk
/// documents no window; five minutes is what Slack's documentation asks for and what this field is used to.
pub const DEFAULT_TOLERANCE: Duration = Duration::from_mins(5);

/// How long two deliveries with the same body count as one where the provider gives them no id (a Zendesk trigger's
/// webhook), unless the source says otherwise. It is as long as the tolerance, so a captured request that is sent again
/// while its signature is still fresh starts nothing.
pub const DEFAULT_REPEAT_WINDOW: Duration = Duration::from_mins(5);

/// A webhook source.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SourceConfig {
    /// Its name, the last part of `/webhooks/{provider}/{source}`.
    pub name: SourceName,
    /// A provider of the facts table: `zendesk`.
    pub provider: String,
    /// Which of the provider's signature schemes it uses; the provider's first one unless the file says otherwise.
    pub scheme: String,
    /// The active signing secrets; during a rotation there are several and any of them is accepted.
    pub signing_secrets: Vec<SecretRef>,
    /// How far the signed timestamp may lie from our clock.
    pub tolerance: Duration,
    /// How long equal bodies without an id of their own count as repeats; zero turns this off.
    pub repeat_window: Duration,
    /// How old what an event reports may be, for providers that sign no timestamp; without end unless the file says so.
    pub max_age: Option<Duration>,
    /// The provider's account this source belongs to; events that name another one are rejected.
    pub account_id: Option<String>,
    /// Set-up mode: accepts the provider's public test secret too, which anyone can sign with.
    pub accept_test_secret: bool,
    /// The connection by which it is set up at the provider.
    pub connection: Option<ConnectionName>,
}
