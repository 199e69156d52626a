//! The compiled workflow versions that runs are pinned to.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};

use deskwire_core::action::Actions;
use deskwire_core::ids::{WorkflowName, WorkflowVersion};
use deskwire_core::ports::{StoreError, Work};
use deskwire_templates::Templates;
use deskwire_workflows::{Options, SourceFile, Workflow};

/// Why a run's version cannot be had.
#[derive(Debug, thiserror::Error)]
pub enum VersionError {
    /// The store is away.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Nobody published it.
    #[error("version {version} of workflow {name} is not in the store")]
    Missing {
        /// The workflow.
        name: WorkflowName,
        /// The version.
        version: WorkflowVersion,
    },
    /// This Deskwire no longer understands its text.
    #[error("version {version} of workflow {name} cannot be compiled any more: {why}")]
    Unreadable {
        /// The workflow.
        name: WorkflowName,
        /// The version.
        version: WorkflowVersion,
        /// The first mistake in it.
        why: String,
    },
}

/// Compiled versions by name and version: those of the project, and older ones as runs ask for them.
pub struct Versions {
    work: Arc<dyn Work>,
    actions: RwLock<Actions>,
    templates: Templates,
    compiled: RwLock<HashMap<(WorkflowName, WorkflowVersion), Arc<Workflow>>>,
}

impl Versions {
    /// Starts with the project's workflows.
    pub fn new(work: Arc<dyn Work>, actions: Actions, templates: Templates, current: &[Arc<Workflow>]) -> Self {
        let compiled = current.iter().map(|w| ((w.name.clone(), w.version.clone()), Arc::clone(w))).collect();
        Self { work, actions: RwLock::new(actions), templates, compiled: RwLock::new(compiled) }
    }

    /// The actions that steps call, on the connections of now.
    pub fn actions(&self) -> Actions {
        self.actions.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Puts other actions in their place: the same ones, on changed connections. Calls under way end on the old ones.
    pub fn replace_actions(&self, actions: Actions) {
        *self.actions.write().unwrap_or_else(PoisonError::into_inner) = actions;
    }

    /// The compiled version, from memory or from the store.
    pub async fn get(&self, name: &WorkflowName, version: &WorkflowVersion) -> Result<Arc<Workflow>, VersionError> {
        if let Some(known) = self.known(name, version) {
            return Ok(known);
        }
        let missing = || VersionError::Missing { name: name.clone(), version: version.clone() };
        let text = match self.work.workflow_text(name, version).await {
            Ok(text) => text.ok_or_else(missing)?,
            // It stays so, and the run says it; as an error of the store it would come back for ever.
            Err(StoreError::Corrupt(why)) => {
                return Err(VersionError::Unreadable { name: name.clone(), version: version.clone(), why });
            }
            Err(error) => return Err(error.into()),
        };
        self.compile(name, version, text)
    }

    /// The same where the version's text is at hand.
    pub fn of(
        &self,
        name: &WorkflowName,
        version: &WorkflowVersion,
        text: &str,
    ) -> Result<Arc<Workflow>, VersionError> {
        match self.known(name, version) {
            Some(known) => Ok(known),
            None => self.compile(name, version, text.to_owned()),
        }
    }

    fn known(&self, name: &WorkflowName, version: &WorkflowVersion) -> Option<Arc<Workflow>> {
        let compiled = self.compiled.read().unwrap_or_else(PoisonError::into_inner);
        compiled.get(&(name.clone(), version.clone())).cloned()
    }

    fn compile(
        &self,
        name: &WorkflowName,
        version: &WorkflowVersion,
        text: String,
    ) -> Result<Arc<Workflow>, VersionError> {
        let file = SourceFile { path: format!("{name}@{version}"), text };
        let actions = self.actions();
        let options = Options { actions: &actions, templates: &self.templates, allow_loopback: true };
        let workflow = Workflow::compile(&file, &options).map_err(|mistakes| VersionError::Unreadable {
            name: name.clone(),
            version: version.clone(),
            why: mistakes.into_iter().next().map(|mistake| mistake.message).unwrap_or_default(),
        })?;
        let (key, workflow) = ((name.clone(), version.clone()), Arc::new(workflow));
        self.compiled.write().unwrap_or_else(PoisonError::into_inner).insert(key, Arc::clone(&workflow));
        Ok(workflow)
    }
}
