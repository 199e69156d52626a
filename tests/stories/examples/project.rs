//! The shipped project as a process has it: compiled, its sources with their secrets, its connections led to the stand-ins.

use std::net::SocketAddr;
use std::sync::OnceLock;

use deskwire_accept::Source;
use deskwire_connectors::Connection;
use deskwire_core::connection::{AuthConfig, ConnectionConfig};
use deskwire_core::ports::{Deploy, Deployed};
use deskwire_core::provider::provider;
use deskwire_core::secret::{SecretRef, SecretString};
use deskwire_core::source::SourceConfig;
use deskwire_core::time::Timestamp;
use deskwire_templates::{Limits, Templates};
use deskwire_workflows::{InForce, Project, SourceFile};

/// What the stand-in of Zendesk signs with.
pub const SECRET: &str = "examples-signing-secret";
/// What the stand-ins take.
pub const TOKEN: &str = "examples-token";

/// The shipped project, compiled once: which stand-ins its connections lead to makes no difference to it.
pub fn project() -> &'static Project {
    static PROJECT: OnceLock<Project> = OnceLock::new();
    PROJECT.get_or_init(|| {
        let mut files = deskwire_startup::ProjectFiles::default();
        for (path, text) in deskwire_sandbox::project_files() {
            let file = SourceFile { path: (*path).to_owned(), text: (*text).to_owned() };
            if path.ends_with("deskwire.yaml") { files.project = Some(file) } else { files.workflows.push(file) }
        }
        let loaded = deskwire_startup::check(&files, false);
        assert!(loaded.diagnostics.is_empty(), "`deskwire check` is not content: {:?}", loaded.diagnostics);
        loaded.project
    })
}

/// The names of the shipped workflows.
pub fn shipped() -> Vec<&'static str> {
    project().workflows.iter().map(|workflow| workflow.name.as_str()).collect()
}

pub fn templates() -> Templates {
    Templates::new(Limits::default())
}

pub fn deployed(InForce { workflow, active }: &InForce) -> Deploy {
    Deploy::Put(Deployed {
        name: workflow.name.clone(),
        version: workflow.version.clone(),
        active: *active,
        file_active: workflow.active,
        file: format!("workflows/{}.yaml", workflow.name),
        applied_at: Timestamp::default(),
        text: workflow.text.clone(),
    })
}

pub fn sources(project: &Project) -> Vec<Source> {
    let source = |config: &SourceConfig| Source {
        config: config.clone(),
        scheme: provider(&config.provider).unwrap().scheme(&config.scheme).unwrap(),
        secrets: vec![SecretString::from(SECRET)],
    };
    project.sources.iter().map(source).collect()
}

/// The connection, led to its stand-in.
pub fn connection(config: &ConnectionConfig, address: SocketAddr) -> Connection {
    let path = match config.provider.as_str() {
        "slack" => "slack/api/",
        "zendesk" => "zendesk/",
        "qualtrics" => "qualtrics/",
        _ => "llm/",
    };
    let base_url = format!("http://{address}/{path}").parse().unwrap();
    let auth = AuthConfig::Bearer { token: SecretRef::Stored("of the stand-ins".to_owned()) };
    let config = ConnectionConfig { base_url, auth, ..config.clone() };
    Connection::new(&config, &SecretString::from(TOKEN)).unwrap()
}
