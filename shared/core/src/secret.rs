//! Secrets: where they are kept (never in a project file), and how they travel (never printed).

use std::fmt;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

pub use secrecy::{ExposeSecret, SecretString};

/// Where a secret is to be found. This is what project files hold in place of the secret.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SecretRef {
    /// An environment variable: `{ env: ZENDESK_API_TOKEN }`.
    Env(String),
    /// A file's content without its last line break: `{ file: secrets/slack }`, relative to the project folder.
    File(PathBuf),
    /// A name in Deskwire's own secret store: `{ secret: slack-token }`.
    #[serde(rename = "secret")]
    Stored(String),
}

impl fmt::Display for SecretRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Env(name) => write!(f, "environment variable {name}"),
            Self::File(path) => write!(f, "file {}", path.display()),
            Self::Stored(name) => write!(f, "stored secret {name}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_prints_nothing_of_itself() {
        let secret = SecretString::from("marker-value");
        assert!(!format!("{secret:?}").contains("marker"));
    }
}
