//! What a running process knows of the project: its sources with their secrets, and the workflows by source.

use std::collections::HashMap;
use std::sync::Arc;

use deskwire_core::ids::SourceName;
use deskwire_core::secret::SecretString;
use deskwire_core::signature::Scheme;
use deskwire_core::source::SourceConfig;
use deskwire_workflows::Workflow;

/// A source that can take events in: its configuration, scheme and secrets.
#[derive(Debug, Clone)]
pub struct Source {
    /// As the project file declares it.
    pub config: SourceConfig,
    /// How its requests are signed.
    pub scheme: &'static Scheme,
    /// The active signing secrets.
    pub secrets: Vec<SecretString>,
}

/// Sources and workflows, indexed for accepting.
#[derive(Default)]
pub struct Catalogue {
    sources: HashMap<String, Source>,
    workflows: HashMap<SourceName, Vec<Arc<Workflow>>>,
}

impl Catalogue {
    /// Indexes a project's sources and workflows.
    pub fn new(sources: Vec<Source>, workflows: &[Arc<Workflow>]) -> Self {
        let mut by_source: HashMap<SourceName, Vec<Arc<Workflow>>> = HashMap::new();
        for workflow in workflows {
            by_source.entry(workflow.trigger.source.clone()).or_default().push(Arc::clone(workflow));
        }
        let sources = sources.into_iter().map(|source| (source.config.name.to_string(), source)).collect();
        Self { sources, workflows: by_source }
    }

    /// The source of this name, if it is of this provider.
    pub fn source(&self, provider: &str, name: &str) -> Option<&Source> {
        self.sources.get(name).filter(|source| source.config.provider == provider)
    }

    /// The workflows that listen to a source, active or not.
    pub fn workflows_of(&self, source: &SourceName) -> &[Arc<Workflow>] {
        self.workflows.get(source).map_or(&[], Vec::as_slice)
    }
}
