//! What a server says of itself, so that `events send` sends nothing to another program, or to another project's server.

use std::path::Path;
use std::time::Duration;

use axum::Router;
use axum::routing::get;
use bytes::Bytes;
use deskwire_core::domain::AllowedDomain;
use deskwire_egress::{Egress, EgressError, EgressOptions, Request};
use http::{HeaderMap, Method};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use url::Url;

/// Where it says so, below the server's address. A name within RFC 8615's folder collides with nobody's.
const PATH: &str = "/.well-known/deskwire";

/// What a server says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Marker {
    /// Its version.
    pub deskwire: String,
    /// Which project it serves: a hash of the folder's path, which tells nobody where that is.
    pub project: String,
    /// Do stand-ins answer for the providers?
    pub sandbox: bool,
}

/// Who answers at an address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Answers {
    /// A server of ours.
    Deskwire(Marker),
    /// Some other program, or a function that is not a whole server.
    Other,
    /// Nobody.
    Nobody,
}

impl Marker {
    pub(crate) fn of(project: &Path, sandbox: bool) -> Self {
        Self { deskwire: env!("CARGO_PKG_VERSION").to_owned(), project: id_of(project), sandbox }
    }

    /// Does it serve the project of this folder?
    pub(crate) fn serves(&self, project: &Path) -> bool {
        self.project == id_of(project)
    }

    pub(crate) fn routes(self) -> Router {
        Router::new().route(PATH, get(move || std::future::ready(axum::Json(self.clone()))))
    }
}

/// The folder, however its path is written.
fn id_of(project: &Path) -> String {
    let whole = std::fs::canonicalize(project).unwrap_or_else(|_| project.to_path_buf());
    let digest = Sha256::digest(whole.as_os_str().as_encoded_bytes());
    hex::encode(&digest[..8])
}

/// Asks who answers at a server's address.
pub(crate) async fn ask(base: &Url) -> Answers {
    let Ok(url) = Url::parse(&format!("{}{PATH}", base.as_str().trim_end_matches('/'))) else { return Answers::Nobody };
    let host = url.host_str().unwrap_or_default();
    // A loopback address is let through by the option; any other host is its own allowed domain.
    let Ok(allowed_domain) = AllowedDomain::parse(host).or_else(|_| AllowedDomain::parse("example.com")) else {
        return Answers::Nobody;
    };
    let egress = Egress::new(EgressOptions {
        allow_loopback: true,
        total_timeout: Duration::from_secs(5),
        ..EgressOptions::default()
    });
    let request = Request {
        method: Method::GET,
        url,
        allowed_domain: &allowed_domain,
        headers: HeaderMap::new(),
        body: Bytes::new(),
        time_limit: None,
    };
    match egress.send(request).await {
        Ok(answer) => deskwire_core::json::from_slice(&answer.body).map_or(Answers::Other, Answers::Deskwire),
        Err(EgressError::NotSent { .. }) => Answers::Nobody,
        // What does not speak HTTP, or says too much, is somebody else.
        Err(_) => Answers::Other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_is_the_same_project_however_its_path_is_written() {
        let folder = tempfile::tempdir().unwrap();
        let here = folder.path();
        let marker = Marker::of(here, false);
        assert!(marker.serves(&here.join(".")) && marker.serves(&here.join("../").join(here.file_name().unwrap())));
        assert!(!marker.serves(here.parent().unwrap()));
        assert!(!marker.project.contains('/') && marker.project.len() == 16);
    }
}
