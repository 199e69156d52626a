//! What a running process knows of the project: its sources with their secrets, and the workflows by source.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};

use deskwire_core::ids::SourceName;
use deskwire_core::secret::SecretString;
use deskwire_core::signature::Scheme;
use deskwire_core::source::SourceConfig;
use deskwire_workflows::{Trigger, Workflow};

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

/// A workflow that is in force.
#[derive(Debug, Clone)]
pub struct InForce {
    /// The workflow.
    pub workflow: Arc<Workflow>,
    /// Does it take events?
    pub active: bool,
}

/// Sources and workflows, indexed for accepting.
#[derive(Default)]
pub struct Catalogue {
    sources: HashMap<String, Source>,
    workflows: HashMap<SourceName, Vec<InForce>>,
    all: Vec<InForce>,
}

/// The catalogue of a running process, which is exchanged as a whole when the project changes.
#[derive(Default)]
pub struct CurrentCatalogue(RwLock<Arc<Catalogue>>);

impl CurrentCatalogue {
    /// Begins with this one.
    pub fn new(catalogue: Catalogue) -> Self {
        Self(RwLock::new(Arc::new(catalogue)))
    }

    /// The one that holds now. A delivery keeps the one it began with.
    pub fn get(&self) -> Arc<Catalogue> {
        Arc::clone(&self.0.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Puts another one in its place.
    pub fn replace(&self, catalogue: Catalogue) {
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(catalogue);
    }
}

impl Catalogue {
    /// Indexes a project's sources and workflows.
    pub fn new(sources: Vec<Source>, workflows: Vec<InForce>) -> Self {
        let mut by_source: HashMap<SourceName, Vec<InForce>> = HashMap::new();
        for one in workflows.iter().cloned() {
            // Schedules and people start the others.
            if let Trigger::Event(trigger) = &one.workflow.trigger {
                by_source.entry(trigger.source.clone()).or_default().push(one);
            }
        }
        let sources = sources.into_iter().map(|source| (source.config.name.to_string(), source)).collect();
        Self { sources, workflows: by_source, all: workflows }
    }

    /// The source of this name, if it is of this provider.
    pub fn source(&self, provider: &str, name: &str) -> Option<&Source> {
        self.sources.get(name).filter(|source| source.config.provider == provider)
    }

    /// Every workflow in force, whatever starts it.
    pub fn workflows(&self) -> &[InForce] {
        &self.all
    }

    /// The workflows that listen to a source, active or not.
    pub fn workflows_of(&self, source: &SourceName) -> &[InForce] {
        self.workflows.get(source).map_or(&[], Vec::as_slice)
    }
}
