//! A project that several processes share through their store: what they have to know of it is deployed as texts.

use deskwire_accept::Board;
use deskwire_core::ports::{Deploy, Registry, StoreResult};
use deskwire_core::time::Timestamp;
use deskwire_workflows::Project;

use crate::ProjectFiles;

/// The name under which `deskwire.yaml` is deployed.
pub(crate) const PROJECT: &str = "project";

/// The name under which it is noted that secrets were set: every process then reads them anew.
const SECRETS: &str = "secrets";

/// Deploys what other processes have to know of the project: its file, and the board of the webhook functions. `false` where
/// they know it already.
pub async fn share(
    files: &ProjectFiles,
    project: &Project,
    registry: &dyn Registry,
    now: Timestamp,
) -> StoreResult<bool> {
    let routes = project.workflows.iter().map(|workflow| workflow.route(false)).collect();
    let board = Board::new(project.sources.clone(), routes).text();
    put(vec![(PROJECT, text_of(files)), (Board::NAME, board)], registry, now).await
}

/// Keeps `deskwire.yaml` with what is put in force on one machine. `false` where it is kept already.
pub async fn share_project(files: &ProjectFiles, registry: &dyn Registry, now: Timestamp) -> StoreResult<bool> {
    put(vec![(PROJECT, text_of(files))], registry, now).await
}

fn text_of(files: &ProjectFiles) -> String {
    files.project.as_ref().map(|file| file.text.clone()).unwrap_or_default()
}

async fn put(documents: Vec<(&str, String)>, registry: &dyn Registry, now: Timestamp) -> StoreResult<bool> {
    let mut changes = Vec::new();
    for (name, text) in documents {
        if registry.document(name).await?.as_ref() != Some(&text) {
            changes.push(Deploy::Document { name: name.to_owned(), text });
        }
    }
    let any = !changes.is_empty();
    registry.deploy(changes, now).await?;
    Ok(any)
}

/// Tells every process that secrets were set or erased.
pub async fn tell_of_secrets(registry: &dyn Registry, now: Timestamp) -> StoreResult<()> {
    let told = Deploy::Document { name: SECRETS.to_owned(), text: now.to_string() };
    registry.deploy(vec![told], now).await
}

/// The name under which a deployment says where it is reached.
const PUBLIC_URL: &str = "public-url";

/// Notes where a deployment is reached, so that commands know.
pub async fn share_public_url(url: &str, registry: &dyn Registry, now: Timestamp) -> StoreResult<()> {
    if registry.document(PUBLIC_URL).await?.as_deref() == Some(url) {
        return Ok(());
    }
    let change = Deploy::Document { name: PUBLIC_URL.to_owned(), text: url.to_owned() };
    registry.deploy(vec![change], now).await
}

/// Where a deployment is reached, if it has said so.
pub async fn public_url_of(registry: &dyn Registry) -> StoreResult<Option<String>> {
    registry.document(PUBLIC_URL).await
}

/// Says that nothing was deployed yet.
pub(crate) fn tell_of_nothing() {
    // A deployment is alive before anybody uses it: its schedules tick.
    tracing::warn!("nothing has been put in force here yet: run `deskwire apply --target aws` in the project folder");
}
